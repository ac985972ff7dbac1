//! Requests that are part of a trace: the header `traceparent`.

use std::convert::Infallible;

use action_scheduler::Scheduler;
use action_scheduler::trace::SpanContext;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use utoipa::IntoParams;

use crate::site::Site;

const HEADER: &str = "traceparent";

/// The header, for OpenAPI.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes the header for OpenAPI; `CallerSpan` reads it")]
pub(super) struct TraceHeader {
    /// The span of the caller, as W3C Trace Context has it: where the server exports traces, that of the action leads back
    /// to it. What is not valid does not count.
    #[param(rename = "traceparent")]
    traceparent: Option<String>,
}

/// The span that a request comes from, if it says so.
pub(super) struct CallerSpan(Option<SpanContext>);

impl FromRequestParts<Site> for CallerSpan {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Site) -> Result<Self, Infallible> {
        let mut values = parts.headers.get_all(HEADER).iter();
        let span = match (values.next(), values.next()) {
            (Some(only), None) => only.to_str().ok().and_then(|text| text.parse().ok()),
            _ => None,
        };
        Ok(Self(span))
    }
}

impl CallerSpan {
    /// The scheduler, on behalf of the caller.
    pub(super) fn calls(self, scheduler: Scheduler) -> Scheduler {
        match self.0 {
            Some(span) => scheduler.called_by(span),
            None => scheduler,
        }
    }
}
