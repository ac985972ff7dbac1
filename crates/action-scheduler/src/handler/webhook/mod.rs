//! Handlers that are webhooks: a signed HTTP request to a URL.

mod address;
pub mod signature;
#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::header::{
    CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT,
};
use reqwest::{Client, Request, Response, StatusCode, Url, redirect};
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

pub use self::address::PrivateAddresses;
use self::signature::Secret;
use super::text::{printable, short};
use super::{Failure, Handler, HandlerContext};
use crate::action::{ActionId, Attempt, Group, Hook};
use crate::args::Args;
use crate::error::Invalid;

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

/// The longest timeout.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest wait that a receiver may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the body of an answer is waited for: only the log wants it.
const BODY_WAIT: Duration = Duration::from_secs(5);

/// The most of an answer that a log entry may hold, in bytes.
const MAX_OUTPUT_LIMIT: usize = 1024 * 1024;

/// Headers that are not for a config to set.
const RESERVED: [&str; 8] = [
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "host",
];

/// Which URL a [`Webhook`] calls, and how. Made by [`WebhookConfig::new`], then changed field by field.
#[derive(Clone)]
pub struct WebhookConfig {
    /// The URL, http or https. What is secret in it belongs into its query, which is never logged or shown.
    pub url: String,
    /// What the requests are signed with; several while one takes the place of another, none for no signature.
    pub secrets: Vec<Secret>,
    /// Headers that each request has, such as `authorization`. Their values are never logged or shown.
    pub headers: Vec<(String, String)>,
    /// How long an answer may take, from the look-up of the host on (30 seconds).
    pub timeout: Duration,
    /// How long connecting may take, within `timeout` (5 seconds).
    pub connect_timeout: Duration,
    /// Whether it may call private addresses (no).
    pub private_addresses: PrivateAddresses,
    /// How much of the beginning of an answer goes into the log, in bytes (2 KiB; at most 1 MiB).
    pub output_limit: usize,
}

impl WebhookConfig {
    /// A webhook with the defaults given at each field, and no signature.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            secrets: Vec::new(),
            headers: Vec::new(),
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            private_addresses: PrivateAddresses::default(),
            output_limit: 2 * 1024,
        }
    }

    fn checked_url(&self) -> Result<Url, Invalid> {
        let refuse = |problem: &dyn fmt::Display| {
            Invalid::new("webhook URL", without_secrets(&self.url), problem)
        };
        let url = Url::parse(&self.url).map_err(|error| refuse(&error))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse(&"expected http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse(&"has a user name or password; use the header authorization"));
        }
        if self.private_addresses == PrivateAddresses::Refuse {
            address::check(&url).map_err(|refused| refuse(&refused))?;
        }
        Ok(url)
    }

    fn checked_headers(&self) -> Result<HeaderMap, Invalid> {
        let agent = concat!("action-scheduler/", env!("CARGO_PKG_VERSION"));
        let mut headers = HeaderMap::from_iter([
            (USER_AGENT, HeaderValue::from_static(agent)),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ]);
        for (name, value) in &self.headers {
            let refuse = |problem| Invalid::new("webhook header", name, problem);
            let key = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| refuse("expected a name such as authorization"))?;
            if RESERVED.contains(&key.as_str()) {
                return Err(refuse("is set by the scheduler"));
            }
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| refuse("its value has characters that no header may have"))?;
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        Ok(headers)
    }

    fn check_limits(&self) -> Result<(), Invalid> {
        for timeout in [self.timeout, self.connect_timeout] {
            if timeout.is_zero() || timeout > MAX_TIMEOUT {
                let problem = "expected more than nothing and at most 24 hours";
                return Err(Invalid::new("webhook timeout", format!("{timeout:?}"), problem));
            }
        }
        if self.output_limit > MAX_OUTPUT_LIMIT {
            let problem = format_args!("expected at most {MAX_OUTPUT_LIMIT} bytes");
            return Err(Invalid::new("output_limit", self.output_limit.to_string(), problem));
        }
        Ok(())
    }

    fn client(&self, url: &Url) -> Result<Client, Invalid> {
        let refuse = |problem: &dyn fmt::Display| {
            Invalid::new("webhook URL", without_secrets(&self.url), problem)
        };
        let tls = match url.scheme() {
            "https" => tls().map_err(|error| {
                refuse(&format_args!("TLS cannot be set up: {error} (package ca-certificates)"))
            })?,
            // No redirect leads from http to https: nothing is ever trusted.
            _ => tls_that_trusts(RootCertStore::empty()).map_err(|error| refuse(&error))?,
        };
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(self.connect_timeout);
        if self.private_addresses == PrivateAddresses::Refuse {
            builder = builder.dns_resolver(Arc::new(address::PublicOnly));
        }
        builder.build().map_err(|error| refuse(&deepest(&error)))
    }
}

/// Header values, secrets and the query of the URL are left out.
impl fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("WebhookConfig")
            .field("url", &without_secrets(&self.url))
            .field("secrets", &self.secrets)
            .field("headers", &names)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("private_addresses", &self.private_addresses)
            .field("output_limit", &self.output_limit)
            .finish()
    }
}

/// A webhook as a handler: it posts the action to a URL, signed as [Standard Webhooks](https://www.standardwebhooks.com)
/// has it.
///
/// The body is `{"type": hook, "timestamp": …, "data": {"id", "hook", "args", "group", "attempt", "scheduled_at"}}`. The
/// timestamp is when the action was due; when the request was sent is in the header `webhook-timestamp`. The header
/// `webhook-id` is `act_` and the id of the action, the same for each attempt.
///
/// An answer of 2xx is a success. 408, 425, 429, 5xx, no answer and no connection are failures to be retried as the
/// policy has it, though not before the receiver's `retry-after` (at most 24 hours). Any other answer is a permanent
/// failure, but for redirects: 307 and 308 to the same scheme, host and port are followed, up to five of them; others
/// are failures that name the host they lead to. The first line of the answer is part of the reason, and its beginning
/// goes into the log.
///
/// Unless the config allows it, only addresses of the public internet are called. Proxy settings in the environment are
/// not used: a proxy would connect to addresses that nobody has checked.
///
/// ```
/// use action_scheduler::handler::{Webhook, WebhookConfig};
///
/// let mut config = WebhookConfig::new("https://shop.example/hooks/invoice");
/// config.secrets.push("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse()?);
/// let webhook = Webhook::new(config)?;
/// # Ok::<(), action_scheduler::Invalid>(())
/// ```
pub struct Webhook {
    config: WebhookConfig,
    url: Url,
    headers: HeaderMap,
    client: Client,
}

impl Webhook {
    /// Checks the config and gets ready to connect.
    ///
    /// Refused: a URL that is not http or https or that holds a user name or password, a private address unless they
    /// are allowed, headers with impossible names or values or those of the scheduler itself, timeouts of zero, an
    /// output limit over 1 MiB; and https on a machine that has no CA certificates.
    pub fn new(config: WebhookConfig) -> Result<Self, Invalid> {
        let url = config.checked_url()?;
        let headers = config.checked_headers()?;
        config.check_limits()?;
        let client = config.client(&url)?;
        Ok(Self { config, url, headers, client })
    }

    fn request(&self, context: &HandlerContext, now: Timestamp) -> Result<Request, Failure> {
        let body = serde_json::to_vec(&Event {
            r#type: context.hook(),
            timestamp: context.scheduled_at(),
            data: Data {
                id: context.id(),
                hook: context.hook(),
                args: context.args(),
                group: context.group(),
                attempt: context.attempt(),
                scheduled_at: context.scheduled_at(),
            },
        })?;
        let id = format!("act_{}", context.id());
        let signatures: Vec<String> = self
            .config
            .secrets
            .iter()
            .map(|secret| signature::sign(secret, &id, now, &body))
            .collect();
        let mut request = self
            .client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .header("webhook-id", id)
            .header("webhook-timestamp", now.as_second());
        if !signatures.is_empty() {
            request = request.header("webhook-signature", signatures.join(" "));
        }
        Ok(request.body(body).build().map_err(reqwest::Error::without_url)?)
    }

    /// Sends the request, and once more wherever it is rightly redirected to.
    async fn post(&self, mut request: Request) -> Result<Response, Failure> {
        for _ in 0..=MAX_REDIRECTS {
            let again = request.try_clone();
            let response =
                self.client.execute(request).await.map_err(|error| self.unreached(&error))?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let target = self.redirected(&response)?;
            request = again.ok_or_else(|| Failure::new("the request cannot be sent again"))?;
            *request.url_mut() = target;
        }
        Err(Failure::new(format!("more than {MAX_REDIRECTS} redirects from {}", shown(&self.url))))
    }

    /// Where a redirect leads to, if it is one that is followed.
    fn redirected(&self, response: &Response) -> Result<Url, Failure> {
        let from = response.url();
        let reason = format!("HTTP {} from {}", response.status().as_u16(), shown(from));
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let Some(target) = location.and_then(|location| from.join(location).ok()) else {
            return Err(Failure::new(format!("{reason}: a redirect that leads nowhere")));
        };
        let follow = matches!(
            response.status(),
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
        );
        let bare = target.username().is_empty() && target.password().is_none();
        match (follow, target.origin() == from.origin() && bare) {
            (true, true) => Ok(target),
            (true, false) => Err(Failure::new(format!(
                "{reason}: redirects to {} are not followed, only to the same scheme, host and port",
                origin(&target)
            ))),
            (false, _) => Err(Failure::new(format!(
                "{reason}: a redirect to {}; of redirects only 307 and 308 are followed",
                origin(&target)
            ))),
        }
    }

    /// Why there is no answer.
    fn unreached(&self, error: &reqwest::Error) -> Failure {
        let mut source = error.source();
        while let Some(cause) = source {
            if let Some(refused) = cause.downcast_ref::<address::Refused>() {
                return Failure::permanent(format!(
                    "{} is not called: {refused}",
                    shown(&self.url)
                ));
            }
            source = cause.source();
        }
        let what = if error.is_connect() { "could not connect to" } else { "no answer from" };
        Failure::new(format!("{what} {}: {}", shown(&self.url), short(&deepest(error))))
    }

    /// What an answer means.
    fn judge(&self, status: StatusCode, wait: Option<Duration>, body: &str) -> Result<(), Failure> {
        let mut reason = format!("HTTP {} from {}", status.as_u16(), shown(&self.url));
        if let Some(line) = body.lines().find(|line| !line.trim().is_empty()) {
            reason.push_str(": ");
            reason.push_str(&short(line));
        }
        match (status.as_u16(), wait) {
            (200..=299, _) => Ok(()),
            (408 | 425 | 429 | 500..=599, Some(wait)) => {
                Err(Failure::new(reason).retry_after(wait))
            }
            (408 | 425 | 429 | 500..=599, None) => Err(Failure::new(reason)),
            _ => Err(Failure::permanent(reason)),
        }
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Webhook").field(&self.config).finish()
    }
}

#[async_trait]
impl Handler for Webhook {
    async fn call(&self, context: &HandlerContext) -> Result<(), Failure> {
        let deadline = Instant::now() + self.config.timeout;
        let request = self.request(context, Timestamp::now())?;
        let response = tokio::select! {
            biased;
            () = context.canceled() => return Err(Failure::new("canceled")),
            response = timeout_at(deadline, self.post(request)) => response.unwrap_or_else(|_| {
                let (url, limit) = (shown(&self.url), self.config.timeout);
                Err(Failure::new(format!("no answer from {url} within {limit:?}")))
            })?,
        };
        // From here on the receiver has answered: that counts, whatever becomes of the rest.
        let status = response.status();
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|text| retry_after(text, Timestamp::now()));
        let mut body = Vec::new();
        tokio::select! {
            () = context.canceled() => {}
            _ = timeout_at(
                deadline.min(Instant::now() + BODY_WAIT),
                read_beginning(response, self.config.output_limit, &mut body),
            ) => {}
        }
        let body = printable(&body);
        context.log_output(format!("HTTP {status}\n{body}").trim_end());
        self.judge(status, wait, &body)
    }

    fn describe(&self) -> String {
        format!("webhook {}", shown(&self.url))
    }
}

/// The body of a request, as Standard Webhooks has it.
#[derive(Serialize)]
struct Event<'a> {
    r#type: &'a Hook,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    id: ActionId,
    hook: &'a Hook,
    args: &'a Args,
    group: &'a Group,
    attempt: Attempt,
    scheduled_at: Timestamp,
}

/// Reads up to `limit` bytes of an answer. Nothing is read after them; the connection is closed then.
async fn read_beginning(mut response: Response, limit: usize, into: &mut Vec<u8>) {
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = limit.saturating_sub(into.len());
        into.extend(chunk.iter().take(room));
        if chunk.len() > room {
            return;
        }
    }
}

/// A wait in seconds or until an HTTP date, at most [`MAX_RETRY_AFTER`]; `None` if it is none or cannot be read.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if is_number {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Duration::try_from(date.duration_since(now)).ok()?
    };
    Some(wait.min(MAX_RETRY_AFTER)).filter(|wait| !wait.is_zero())
}

/// A URL without its query.
fn shown(url: &Url) -> String {
    format!("{}{}", origin(url), url.path())
}

/// The scheme, host and port of a URL.
fn origin(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{}://{host}:{port}", url.scheme()),
        (Some(host), None) => format!("{}://{host}", url.scheme()),
        (None, _) => format!("{}:", url.scheme()),
    }
}

/// What may be shown of a text that should have been a URL: no query, no user name or password.
fn without_secrets(text: &str) -> String {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let text = text.get(..end).unwrap_or_default();
    match text.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => text.to_owned(),
    }
}

/// The innermost cause of an error: of "error sending request: client error: tcp connect error: connection refused" what
/// a reader wants to know.
fn deepest(error: &reqwest::Error) -> String {
    let Some(mut cause) = error.source() else {
        // It says nothing of a cause; at least it must not say the URL with its query.
        return if error.is_timeout() { "time is up".to_owned() } else { "it failed".to_owned() };
    };
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// TLS that trusts what the machine trusts. The certificates are read once; if that fails, it is tried again.
fn tls() -> Result<ClientConfig, rustls::Error> {
    static SHARED: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(config) = SHARED.get() {
        return Ok(config.clone());
    }
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(&ring))?;
    let config = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()?
        .dangerous() // The name that rustls has for verifiers other than its own.
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(SHARED.get_or_init(|| config).clone())
}

fn tls_that_trusts(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    Ok(ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
