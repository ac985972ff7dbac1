//! Bodies in JSON.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::Problem;
use crate::site::Site;

/// A body in JSON, read.
pub(crate) struct Body<T>(pub(crate) T);

/// A body in JSON, as it came.
pub(crate) struct JsonText(Bytes);

/// A body in JSON that may be left out.
pub(crate) struct OptionalBody<T>(pub(crate) T);

impl JsonText {
    /// The text.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, read.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        read(&self.0)
    }
}

impl FromRequest<Site> for JsonText {
    type Rejection = Problem;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Problem> {
        let bytes = whole_body(request, site).await?;
        if bytes.is_empty() {
            return Err(Problem::malformed("the body is empty; expected JSON"));
        }
        Ok(Self(bytes))
    }
}

impl<T: DeserializeOwned> FromRequest<Site> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Problem> {
        JsonText::from_request(request, site).await?.read().map(Self)
    }
}

impl<T: DeserializeOwned + Default> FromRequest<Site> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Problem> {
        if !request.headers().contains_key(header::CONTENT_TYPE) {
            let bytes = bytes(request, site).await?;
            return match bytes.is_empty() {
                true => Ok(Self(T::default())),
                false => Err(not_json("has no Content-Type")),
            };
        }
        let bytes = whole_body(request, site).await?;
        if bytes.is_empty() { Ok(Self(T::default())) } else { read(&bytes).map(Self) }
    }
}

async fn whole_body(request: Request, site: &Site) -> Result<Bytes, Problem> {
    check_headers(request.headers())?;
    bytes(request, site).await
}

async fn bytes(request: Request, site: &Site) -> Result<Bytes, Problem> {
    let read = Bytes::from_request(request, site);
    let read = tokio::time::timeout(site.config().limits.time, read).await;
    let read = read.map_err(|_| Problem::too_slow())?;
    read.map_err(|rejection| unread(&rejection, site))
}

fn check_headers(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        let detail = "compressed bodies are not read; send it as it is";
        return Err(unsupported(detail).at("Content-Encoding"));
    }
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return Err(not_json("has no Content-Type"));
    };
    let kind = kind.to_str().unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = essence == "application/json"
        || essence.strip_prefix("application/").is_some_and(|rest| rest.ends_with("+json"));
    if is_json { Ok(()) } else { Err(not_json(&format!("is {kind:?}"))) }
}

fn not_json(what: &str) -> Problem {
    unsupported(format!("the body {what}; expected application/json")).at("Content-Type")
}

fn unsupported(detail: impl Into<String>) -> Problem {
    let title = "The body is of a kind that is not read";
    Problem::other(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", title, detail)
}

fn unread(rejection: &BytesRejection, site: &Site) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(site.config().limits.body),
        _ => Problem::malformed(format!("the body broke off: {}", rejection.body_text())),
    }
}

/// Reads JSON; what is wrong is told with the path of the field.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        fault(&path, error.inner())
    })?;
    reader.end().map_err(|error| Problem::malformed(format!("the body is not JSON: {error}")))?;
    Ok(value)
}

fn fault(path: &str, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    if !error.is_data() {
        return Problem::malformed(format!("the body is not JSON: {text}"));
    }
    // These name the field in words, and the path has it or ends before it.
    let openings = ["missing field `", "unknown field `", "duplicate field `"];
    let named = openings.iter().find_map(|opening| text.strip_prefix(opening)?.split_once('`'));
    let outer = if path == "." { "" } else { path };
    let field = match (outer, named) {
        ("", None) => "body".to_owned(),
        ("", Some((name, _))) => name.to_owned(),
        (outer, Some((name, _))) if outer.rsplit('.').next() != Some(name) => {
            format!("{outer}.{name}")
        }
        (outer, _) => outer.to_owned(),
    };
    Problem::invalid(field, text)
}
