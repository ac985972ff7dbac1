//! Handlers that are webhooks: a signed HTTP request to a URL.

mod address;
mod config;
pub mod signature;
#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Client, Request, Response, StatusCode, Url};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

pub use self::address::PrivateAddresses;
pub use self::config::WebhookConfig;
use super::text::{printable, short};
use super::{Failure, Handler, HandlerContext};
use crate::action::{ActionId, Attempt, Group, Hook};
use crate::args::Args;
use crate::error::Invalid;
use crate::outgoing::deepest;

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

/// The longest wait that a receiver may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the body of an answer is waited for: only the log wants it.
const BODY_WAIT: Duration = Duration::from_secs(5);

/// A webhook as a handler: it posts the action to a URL, signed as [Standard Webhooks](https://www.standardwebhooks.com)
/// has it.
///
/// The body is `{"type": hook, "timestamp": …, "data": {"id", "hook", "args", "group", "attempt", "scheduled_at"}}`. The
/// timestamp is when the action was due; when the request was sent is in the header `webhook-timestamp`. The header
/// `webhook-id` is `act_` and the id of the action, the same for each attempt. The header `traceparent` is the span of the
/// attempt, if it has one.
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
        if let Some(span) = context.span() {
            request = request.header("traceparent", span.to_string());
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
