//! The OpenAPI document: what no handler says of itself, and where it is served.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Extension, Router};
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{Modify, PartialSchema, ToSchema};

use crate::access::Viewer;
use crate::http::{Fault, Problem};
use crate::site::Site;

/// The document before the handlers add to it.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Action Scheduler",
        description = "Schedule hooks, look up what becomes of them, and change it.\n\n\
            Errors are problem documents (RFC 9457), `application/problem+json`, that say what was wrong, with which \
            `field`, and what to do. Nothing was changed then. Dates are given in UTC (RFC 3339).",
        license(name = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "actions", description = "Schedule actions, look at them, change what becomes of them."),
        (name = "chains", description = "All the instances, past and next, of recurring actions."),
        (name = "schedules", description = "What a schedule would mean."),
        (name = "status", description = "Hooks, runners, the state of the whole."),
        (name = "workers", description = "Remote workers: ask for actions, and report how they came out."),
    ),
    security(("token" = [])),
    modifiers(&Token)
)]
pub(super) struct Outline;

/// How callers make themselves known.
struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut OpenApi) {
        let mut token = Http::new(HttpAuthScheme::Bearer);
        token.description =
            Some("An API token: `action-scheduler token create` makes one.".to_owned());
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        for (name, schema) in
            [(Problem::name(), Problem::schema()), (Fault::name(), Fault::schema())]
        {
            components.schemas.insert(name.into_owned(), schema);
        }
        for (name, description) in PROBLEMS {
            components.responses.insert((*name).to_owned(), problem(description).into());
        }
    }
}

/// The problems that any operation can answer with.
const PROBLEMS: &[(&str, &str)] = &[
    ("Malformed", "The request cannot be read."),
    ("Unauthorized", "Who calls is not known."),
    ("Forbidden", "The caller may not do this."),
    ("NotFound", "There is no such thing."),
    ("NotAcceptable", "The caller accepts no JSON."),
    ("Conflict", "The present state does not allow this."),
    ("TooSlow", "The body took too long to arrive."),
    ("TooLarge", "The body is too large."),
    ("UnsupportedMediaType", "The body is not JSON."),
    ("Invalid", "What was sent is not valid; `field` names what is at fault."),
    ("TooManyRequests", "The caller asks too often; `Retry-After` says how long to wait."),
    ("Unavailable", "The store cannot be reached, or the request took too long; try again later."),
];

fn problem(description: &str) -> Response {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content)
        .build()
}

/// Adds to each operation the problems it can answer with.
pub(super) fn finish(document: &mut OpenApi) {
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            add_problems(operation);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch]
        .into_iter()
        .flatten()
}

fn add_problems(operation: &mut Operation) {
    let mut add = |status: &str, name: &str| {
        let response = RefOr::Ref(Ref::from_response_name(name));
        operation.responses.responses.entry(status.to_owned()).or_insert(response);
    };
    for (status, name) in [
        ("400", "Malformed"),
        ("401", "Unauthorized"),
        ("403", "Forbidden"),
        ("406", "NotAcceptable"),
        ("422", "Invalid"),
        ("429", "TooManyRequests"),
        ("503", "Unavailable"),
    ] {
        add(status, name);
    }
    if operation.request_body.is_some() {
        add("408", "TooSlow");
        add("413", "TooLarge");
        add("415", "UnsupportedMediaType");
    }
    let names_one = operation.parameters.iter().flatten().any(|parameter| match parameter {
        RefOr::T(parameter) => parameter.parameter_in == ParameterIn::Path,
        RefOr::Ref(_) => false,
    });
    if names_one {
        add("404", "NotFound");
        add("409", "Conflict");
    }
}

/// Serves the document.
pub(super) fn routes(document: &OpenApi) -> Router<Site> {
    // A struct of texts always has a JSON form.
    let text = document.to_pretty_json().unwrap_or_default();
    Router::new()
        .route("/openapi.json", get(openapi))
        .layer(Extension(Arc::new(Document(Bytes::from(text)))))
}

struct Document(Bytes);

async fn openapi(_: Viewer, Extension(document): Extension<Arc<Document>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document.0.clone())
}
