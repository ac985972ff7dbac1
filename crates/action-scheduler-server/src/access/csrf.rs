//! What forms have to send back, so that no other site can send them.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::http::Problem;

/// The header that scripts of the admin send it in.
const HEADER: &str = "x-csrf-token";
/// The field that forms send it in.
const FIELD: &str = "csrf";

/// What forms of a session have to send back. It follows from the secret of the session, so that nothing more is stored.
pub(super) fn of(secret: &str) -> String {
    let digest = Sha256::new().chain_update("csrf of a session\0").chain_update(secret).finalize();
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Refuses a request that does not bring what it has to send back: in a header, or in a field of its form.
pub(super) async fn check(
    request: Request,
    expected: &str,
    longest_body: usize,
) -> Result<Request, Problem> {
    if let Some(given) = request.headers().get(HEADER) {
        return match is_same(given.as_bytes(), expected) {
            true => Ok(request),
            false => Err(refusal()),
        };
    }
    if !is_form(request.headers()) {
        return Err(refusal());
    }
    let (parts, body) = request.into_parts();
    let body: Bytes = to_bytes(body, longest_body).await.map_err(|_| {
        let detail = format!("expected at most {longest_body} bytes");
        Problem::other(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", detail)
    })?;
    let is_right = form_fields(&body)
        .any(|(name, value)| name == FIELD.as_bytes() && is_same(value, expected));
    match is_right {
        true => Ok(Request::from_parts(parts, Body::from(body))),
        false => Err(refusal()),
    }
}

fn refusal() -> Problem {
    let detail = "this form is too old, or was sent by another site: load its page again, and send it once more";
    Problem::forbidden(detail).at(FIELD)
}

fn is_same(given: &[u8], expected: &str) -> bool {
    !expected.is_empty() && given.ct_eq(expected.as_bytes()).into()
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The fields of a form as they were sent. Neither the name nor the value that is looked for has anything to decode.
fn form_fields(body: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    body.split(|byte| *byte == b'&').filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = pair.split_at_checked(at)?;
        Some((name, value.get(1..)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: &str) -> Request {
        let request = Request::builder().method("POST").uri("/");
        let kind = "application/x-www-form-urlencoded; charset=utf-8";
        request.header("content-type", kind).body(Body::from(body.to_owned())).unwrap()
    }

    #[tokio::test]
    async fn a_form_has_to_bring_what_its_page_was_given() {
        let token = of("secret");
        assert_ne!(token, of("secres"));
        let good = check(form(&format!("a=1&csrf={token}&b=2")), &token, 1000).await.unwrap();
        let body = to_bytes(good.into_body(), 1000).await.unwrap();
        assert_eq!(body, format!("a=1&csrf={token}&b=2"));
        for bad in
            ["", "csrf=", "csrf", "a=1&b=2", &format!("xcsrf={token}"), &format!("csrf={token}0")]
        {
            assert!(check(form(bad), &token, 1000).await.is_err(), "{bad}");
        }
        assert!(check(form("csrf="), "", 1000).await.is_err());
    }

    #[tokio::test]
    async fn a_script_sends_it_in_a_header() {
        let token = of("secret");
        let with = |value: &str| {
            let request = Request::builder().method("POST").uri("/").header(HEADER, value);
            request.body(Body::from("{}")).unwrap()
        };
        assert!(check(with(&token), &token, 1000).await.is_ok());
        assert!(check(with("other"), &token, 1000).await.is_err());
        let without = Request::builder().method("POST").uri("/").body(Body::from("{}")).unwrap();
        assert!(check(without, &token, 1000).await.is_err());
    }

    #[tokio::test]
    async fn a_form_that_is_too_large_is_not_read() {
        let problem = check(form(&"x".repeat(1001)), "token", 1000).await.unwrap_err();
        assert_eq!(problem.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}
