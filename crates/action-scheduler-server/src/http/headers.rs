//! Headers that tell browsers what not to do with what is served here.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::access::Client;
use crate::site::Site;

/// Everything comes from here and nothing is inline; nobody frames it.
const CONTENT: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
                       form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// What of the machine pages may use: nothing.
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), \
                           microphone=(), midi=(), payment=(), usb=()";
/// A year of nothing but TLS.
const ONLY_TLS: &str = "max-age=31536000";

/// What every answer has unless its handler set it: what browsers may do with it, and that nobody keeps a copy.
const ALWAYS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Adds the headers to every answer.
pub(crate) async fn security_headers(
    State(site): State<Site>,
    request: Request,
    next: Next,
) -> Response {
    let is_secure = Client::of(&request, site.config()).is_secure;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if is_secure {
        let only_tls = HeaderValue::from_static(ONLY_TLS);
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(only_tls);
    }
    response
}
