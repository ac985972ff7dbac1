//! Where spans are sent, and how: checked once, at the edge.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Client, Url, redirect};

use crate::error::Invalid;
use crate::outgoing::{deepest, tls_for};
use crate::trace::ids::check_share;

/// Where spans are sent, and how. Made by [`TracesConfig::new`], then changed field by field.
#[derive(Clone)]
pub struct TracesConfig {
    /// What is called for each batch of spans, such as `http://localhost:4318/v1/traces`: OTLP over HTTP, as JSON.
    pub url: String,
    /// Headers that are sent with each request, such as `authorization`.
    pub headers: Vec<(String, String)>,
    /// How long a request may take (10 seconds).
    pub timeout: Duration,
    /// How many of the traces are sent, from 0 to 1 (1). An action is sent whole or not at all; all processes on a store
    /// should agree on it.
    pub share: f64,
    /// What is known of this process, such as `service.name` (`action-scheduler`), `service.version` and
    /// `service.instance.id` (the name of its runner).
    pub resource: BTreeMap<String, String>,
}

impl TracesConfig {
    /// Sends to the collector at an address such as `http://localhost:4318`, with the defaults given at each field.
    pub fn new(collector: &str) -> Self {
        let resource = [
            ("service.name", "action-scheduler".to_owned()),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("service.instance.id", crate::runner::name()),
        ];
        Self {
            url: traces_below(collector).unwrap_or_else(|| collector.to_owned()),
            headers: Vec::new(),
            timeout: Duration::from_secs(10),
            share: 1.0,
            resource: resource.map(|(key, value)| (key.to_owned(), value)).into(),
        }
    }

    /// Checks it all: the URL is http or https and holds no user name or password, headers have possible names and values,
    /// the timeout is not zero, the share is from 0 to 1; and https needs a machine that has CA certificates.
    pub fn check(&self) -> Result<(), Invalid> {
        self.client(&self.checked_url()?)?;
        check_share(self.share)
    }

    pub(super) fn checked_url(&self) -> Result<Url, Invalid> {
        // The query may hold a secret.
        let shown = self.url.split(['?', '#']).next().unwrap_or_default();
        let refuse =
            |problem: &dyn fmt::Display| Invalid::new("URL of a collector", shown, problem);
        let url = Url::parse(&self.url).map_err(|error| refuse(&error))?;
        if !url.username().is_empty() || url.password().is_some() {
            let shown = url.host_str().unwrap_or_default();
            let problem = "has a user name or password; use the header authorization";
            return Err(Invalid::new("URL of a collector", shown, problem));
        }
        match url.scheme() {
            "http" | "https" => Ok(url),
            _ => Err(refuse(&"expected http:// or https://")),
        }
    }

    fn checked_headers(&self) -> Result<HeaderMap, Invalid> {
        let agent = concat!("action-scheduler/", env!("CARGO_PKG_VERSION"));
        let mut headers = HeaderMap::from_iter([
            (USER_AGENT, HeaderValue::from_static(agent)),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ]);
        for (name, value) in &self.headers {
            let refuse = |problem| Invalid::new("header for a collector", name, problem);
            let key = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| refuse("expected a name such as authorization"))?;
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| refuse("its value has characters that no header may have"))?;
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        Ok(headers)
    }

    pub(super) fn client(&self, url: &Url) -> Result<Client, Invalid> {
        let refuse = |problem: &dyn fmt::Display| {
            Invalid::new("URL of a collector", url.host_str().unwrap_or_default(), problem)
        };
        if self.timeout.is_zero() {
            let problem = "expected more than nothing";
            return Err(Invalid::new("timeout of a collector", "0", problem));
        }
        Client::builder()
            .tls_backend_preconfigured(tls_for(url).map_err(|problem| refuse(&problem))?)
            // The headers are for nobody else.
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .default_headers(self.checked_headers()?)
            .timeout(self.timeout)
            .build()
            .map_err(|error| refuse(&deepest(&error)))
    }
}

/// Where a collector takes traces, below its address; `None` for an address that is none.
fn traces_below(collector: &str) -> Option<String> {
    let mut url = Url::parse(collector).ok()?;
    url.path_segments_mut().ok()?.pop_if_empty().extend(["v1", "traces"]);
    Some(url.into())
}

/// The values of headers and the query of the URL may be secrets: they are left out.
impl fmt::Debug for TracesConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("TracesConfig")
            .field("headers", &names)
            .field("timeout", &self.timeout)
            .field("share", &self.share)
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}
