//! The collector: what it is sent, and what its answers mean.

use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;

use super::config::TracesConfig;
use crate::error::Invalid;
use crate::outgoing::deepest;
use crate::trace::spans::{Attribute, Request, Span};

/// How much of the answer of a collector is read, in bytes.
const LONGEST_ANSWER: usize = 16 * 1024;

/// Where spans go.
pub(super) struct Collector {
    client: Client,
    url: Url,
    resource: Vec<Attribute>,
}

impl Collector {
    /// Checks the config and gets ready to connect.
    pub(super) fn new(config: &TracesConfig) -> Result<Self, Invalid> {
        let url = config.checked_url()?;
        let client = config.client(&url)?;
        let resource = config.resource.iter();
        let resource = resource.map(|(key, value)| Attribute::text(key, value)).collect();
        Ok(Self { client, url, resource })
    }

    /// Spans as they are sent.
    pub(super) fn body(&self, spans: &[Span]) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Request::new(&self.resource, spans))
    }

    /// Sends them.
    pub(super) async fn post(&self, body: Vec<u8>) -> Answer {
        let answer = self.client.post(self.url.clone()).body(body).send().await;
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Answer::Away(deepest(&error)),
        };
        let status = answer.status();
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST_ANSWER {
                break;
            }
        }
        match status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Answer::Away(format!("HTTP {}", status.as_u16())),
            _ if status.is_success() => {
                // Whoever answers in another format rejects nothing as far as can be known.
                let Taken { partial_success } = serde_json::from_slice(&body).unwrap_or_default();
                let (rejected, why) = match partial_success {
                    Some(Rejected { rejected_spans, error_message }) => {
                        (rejected_spans.number(), error_message)
                    }
                    None => (0, String::new()),
                };
                Answer::Taken { rejected, why }
            }
            _ => Answer::Refused(format!("HTTP {}", status.as_u16())),
        }
    }
}

/// What becomes of spans that are sent.
pub(super) enum Answer {
    /// The collector has taken them, but for so many.
    Taken { rejected: u64, why: String },
    /// It will not take them.
    Refused(String),
    /// It may take them another time.
    Away(String),
}

/// The answer of a collector that has taken spans.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Taken {
    partial_success: Option<Rejected>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Rejected {
    rejected_spans: Count,
    error_message: String,
}

/// A whole number of 64 bits: a text, which some write as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u64),
    Text(String),
}

impl Default for Count {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl Count {
    fn number(&self) -> u64 {
        match self {
            Count::Number(number) => *number,
            Count::Text(text) => text.parse().unwrap_or_default(),
        }
    }
}
