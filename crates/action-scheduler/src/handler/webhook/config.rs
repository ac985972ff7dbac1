//! Which URL a webhook calls, and how: checked once, at the edge.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Client, Url, redirect};

use super::address::{self, PrivateAddresses};
use super::signature::Secret;
use crate::error::Invalid;
use crate::outgoing::{self, deepest};

/// The longest timeout.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// The most of an answer that a log entry may hold, in bytes.
const MAX_OUTPUT_LIMIT: usize = 1024 * 1024;

/// Headers that are not for a config to set.
const RESERVED: [&str; 9] = [
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "host",
    "traceparent",
];

/// Which URL a [`super::Webhook`] calls, and how. Made by [`WebhookConfig::new`], then changed field by field.
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

    pub(super) fn checked_url(&self) -> Result<Url, Invalid> {
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

    pub(super) fn checked_headers(&self) -> Result<HeaderMap, Invalid> {
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

    pub(super) fn check_limits(&self) -> Result<(), Invalid> {
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

    pub(super) fn client(&self, url: &Url) -> Result<Client, Invalid> {
        let refuse = |problem: &dyn fmt::Display| {
            Invalid::new("webhook URL", without_secrets(&self.url), problem)
        };
        let tls = outgoing::tls_for(url).map_err(|problem| refuse(&problem))?;
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

/// What may be shown of a text that should have been a URL: no query, no user name or password.
fn without_secrets(text: &str) -> String {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let text = text.get(..end).unwrap_or_default();
    match text.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => text.to_owned(),
    }
}
