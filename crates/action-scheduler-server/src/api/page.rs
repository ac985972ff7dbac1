//! `GET /docs`: the OpenAPI document as a page, which needs nothing from elsewhere.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Router};
use maud::{Markup, html};
use serde_json::{Map, Value};
use utoipa::openapi::OpenApi;

use crate::access::Viewer;
use crate::admin;
use crate::site::Site;

/// Serves the page.
pub(super) fn routes(document: &OpenApi) -> Router<Site> {
    // A struct of texts always has a JSON form.
    let document = serde_json::to_value(document).unwrap_or_default();
    Router::new().route("/docs", get(page)).layer(Extension(Arc::new(document)))
}

async fn page(
    State(site): State<Site>,
    _: Viewer,
    Extension(document): Extension<Arc<Value>>,
) -> Markup {
    let json = site.path("/api/v1/openapi.json");
    let content = html! {
        (paragraphs(&document["info"]["description"]))
        p { "Paths are below " code { (site.path("/api/v1")) } ". The document itself: "
            a href=(json) { "openapi.json" } "." }
        @for tag in list(&document["tags"]) {
            h2 { (text(&tag["name"])) }
            (paragraphs(&tag["description"]))
            @for (path, method, operation) in operations(&document, text(&tag["name"])) {
                (operation_of(path, method, operation))
            }
        }
        h2 { "Shapes" }
        @for (name, schema) in object(&document["components"]["schemas"]) {
            (shape(name, schema))
        }
    };
    admin::bare(&site, "The HTTP API", content)
}

fn operations<'a>(
    document: &'a Value,
    tag: &'a str,
) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
    object(&document["paths"])
        .flat_map(|(path, item)| {
            object(item).map(move |(method, operation)| (path, method, operation))
        })
        .filter(move |(_, _, operation)| list(&operation["tags"]).any(|own| text(own) == tag))
}

fn operation_of(path: &str, method: &str, operation: &Value) -> Markup {
    let id = text(&operation["operationId"]);
    html! {
        details id=(id) {
            summary { code { (method.to_uppercase()) " " (path) } " " (text(&operation["summary"])) }
            (paragraphs(&operation["description"]))
            @if operation["parameters"].is_array() {
                table {
                    thead { tr { th { "Parameter" } th { "In" } th { "Value" } th { "Meaning" } } }
                    tbody {
                        @for parameter in list(&operation["parameters"]) {
                            tr {
                                td { code { (text(&parameter["name"])) }
                                    @if parameter["required"] == true { " (required)" } }
                                td { (text(&parameter["in"])) }
                                td { (kind(&parameter["schema"])) }
                                td { (text(&parameter["description"])) }
                            }
                        }
                    }
                }
            }
            @for (media, content) in object(&operation["requestBody"]["content"]) {
                p { "Body: " code { (media) } ", " (kind(&content["schema"])) }
            }
            table {
                thead { tr { th { "Answer" } th { "Body" } th { "Meaning" } } }
                tbody {
                    @for (status, answer) in object(&operation["responses"]) {
                        tr {
                            td { (status) }
                            @if let Some(name) = answer["$ref"].as_str().map(last) {
                                td { a href="#shape-Problem" { "Problem" } }
                                td { (name) }
                            } @else {
                                td {
                                    @for (_, content) in object(&answer["content"]) {
                                        (kind(&content["schema"]))
                                    }
                                }
                                td { (text(&answer["description"])) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn shape(name: &str, schema: &Value) -> Markup {
    html! {
        details id=(format!("shape-{name}")) {
            summary { code { (name) } }
            (paragraphs(&schema["description"]))
            (fields(schema))
            @for choice in list(&schema["oneOf"]).chain(list(&schema["allOf"])) {
                p { (text(&choice["description"])) " " (kind(choice)) }
                (fields(choice))
            }
            @if schema["enum"].is_array() { p { (kind(schema)) } }
        }
    }
}

fn fields(schema: &Value) -> Markup {
    let required: Vec<&str> = list(&schema["required"]).map(text).collect();
    html! {
        @if schema["properties"].is_object() {
            table {
                thead { tr { th { "Field" } th { "Value" } th { "Meaning" } } }
                tbody {
                    @for (name, field) in object(&schema["properties"]) {
                        tr {
                            td { code { (name) } @if required.contains(&name) { " (always)" } }
                            td { (kind(field)) }
                            td { (text(&field["description"])) }
                        }
                    }
                }
            }
        }
    }
}

/// What kind of value a schema describes, with a link where it is a shape of its own.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().map(last) {
        return html! { a href=(format!("#shape-{name}")) { (name) } };
    }
    let choices: Vec<&Value> = list(&schema["oneOf"]).chain(list(&schema["anyOf"])).collect();
    let values: Vec<String> = list(&schema["enum"]).map(Value::to_string).collect();
    html! {
        @if !choices.is_empty() {
            @for (place, choice) in choices.iter().enumerate() {
                @if place > 0 { " or " }
                (kind(choice))
            }
        } @else if !values.is_empty() {
            code { (values.join(", ")) }
        } @else if schema["type"] == "array" {
            "list of " (kind(&schema["items"]))
        } @else if let Some(kinds) = schema["type"].as_array() {
            (kinds.iter().map(text).collect::<Vec<_>>().join(" or "))
        } @else {
            (text(&schema["type"]))
        }
    }
}

/// The paragraphs of a text, with what stands in back-quotes as code.
fn paragraphs(value: &Value) -> Markup {
    html! {
        @for paragraph in text(value).split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
            p {
                @for (place, part) in paragraph.split('`').enumerate() {
                    @if place % 2 == 1 { code { (part) } } @else { (part) }
                }
            }
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn object(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}

fn last(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or_default()
}
