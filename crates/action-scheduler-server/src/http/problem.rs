//! Errors of the API, as RFC 9457 problem documents.

use std::fmt::Display;

use action_scheduler::{Error, Invalid, StoreErrorKind};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};

use super::around::request_id;

/// What went wrong with a request: a problem document (RFC 9457), `application/problem+json`.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct Problem {
    /// The kind of problem, as a reference into the manual.
    #[serde(rename = "type", serialize_with = "as_urn")]
    #[schema(value_type = String)]
    kind: &'static str,
    /// The kind of problem, in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What was wrong with this request, and what to do.
    #[schema(value_type = String)]
    detail: Box<str>,
    /// The field of the body, or the parameter or header, that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    field: Option<String>,
    /// Every fault that was found, where there are several; the first is the one above.
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(required = false, value_type = Vec<Fault>)]
    errors: Box<[Fault]>,
    /// The id of the request, as the server's log has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    request_id: Option<Box<str>>,
}

fn as_urn<S: Serializer>(kind: &&'static str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("urn:action-scheduler:problem:{kind}"))
}

fn is_empty(faults: &[Fault]) -> bool {
    faults.is_empty()
}

/// One of several faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Fault {
    /// The field of the body that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    field: Option<String>,
    /// What is wrong with it.
    detail: String,
}

impl Problem {
    fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            title,
            status: status.as_u16(),
            detail: detail.into().into_boxed_str(),
            field: None,
            errors: Box::default(),
            request_id: None,
        }
    }

    /// Something the caller sent is wrong (422).
    pub(crate) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let title = "What was sent is not valid";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", title, detail).at(field)
    }

    /// The request cannot be read at all (400).
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "The request cannot be read", detail)
    }

    /// The caller has not said who they are (401).
    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Who calls is not known", detail)
    }

    /// The caller may not do this (403).
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "This is not allowed", detail)
    }

    /// There is no such thing (404).
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail)
    }

    /// The state of something does not allow it (409).
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "The present state does not allow this", detail)
    }

    /// The body is larger than this many bytes (413).
    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("the body has more than {limit} bytes; send less at once");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", detail)
    }

    /// The body took too long to arrive (408).
    pub(crate) fn too_slow() -> Self {
        let detail = "the body took too long to arrive; send it again";
        Self::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "The request took too long", detail)
    }

    /// It is a fault of the server (500).
    pub(crate) fn internal() -> Self {
        let detail = "the server's log says more";
        let title = "Something went wrong here";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", title, detail)
    }

    /// Any other kind that the protocol has a status for.
    pub(crate) fn other(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(status, kind, title, detail)
    }

    /// The same, about this field.
    pub(crate) fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The same, about a field within another: `cron` within `schedule` is `schedule.cron`.
    pub(crate) fn within(mut self, outer: impl Display) -> Self {
        self.field = Some(match self.field {
            Some(field) if field.starts_with('[') => format!("{outer}{field}"),
            Some(field) => format!("{outer}.{field}"),
            None => outer.to_string(),
        });
        self
    }

    /// Several faults as one: the first, with all of them listed. None of none.
    pub(crate) fn several(problems: Vec<Problem>) -> Option<Self> {
        let faults: Vec<Fault> = problems
            .iter()
            .map(|problem| Fault {
                field: problem.field.clone(),
                detail: problem.detail.to_string(),
            })
            .collect();
        let mut first = problems.into_iter().next()?;
        if faults.len() > 1 {
            first.errors = faults.into_boxed_slice();
        }
        Some(first)
    }

    /// What was wrong, in words.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The field of what was sent that is at fault, where there is one.
    pub(crate) fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// Its HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        // It was made from one.
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::NoSuchAction(_) | Error::NoSuchChain(_) => Self::not_found(detail),
            Error::WrongStatus { .. } | Error::WrongChainState { .. } => Self::conflict(detail),
            Error::Store(error) => {
                tracing::error!(
                    request = request_id(),
                    error = detail,
                    "a request failed in the store"
                );
                let (kind, title) = match error.kind {
                    StoreErrorKind::Unavailable => {
                        ("store-unavailable", "The store cannot be reached")
                    }
                    StoreErrorKind::ReadOnly => ("store-read-only", "The store cannot be written"),
                    StoreErrorKind::Full => ("store-full", "The store has no room left"),
                    _ => ("store", "The store did not do its part"),
                };
                let detail = "nothing was changed; try again later, the server's log says more";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, title, detail)
            }
            error if error.is_invalid_input() => {
                let title = "What was sent is not valid";
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", title, detail)
            }
            _ => {
                tracing::error!(request = request_id(), error = detail, "a request failed");
                Self::internal()
            }
        }
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Error::from(invalid).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let status = self.status();
        self.request_id = request_id().map(String::into_boxed_str);
        // A struct of texts and numbers always has a JSON form.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (status, kind, body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"action-scheduler\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
