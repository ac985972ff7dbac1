//! What goes wrong on the way to a page, shown as a page.

use std::sync::Arc;

use action_scheduler::{Error, Invalid};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::components::icon::{Icon, icon};
use super::layout::{self, Page, Place};
use super::visit::Visit;
use crate::access::{Caller, Role};
use crate::http::Problem;
use crate::site::Site;

/// A problem that a person is told of. It becomes a page in [`show_troubles`], where it is known who asks.
#[derive(Debug)]
pub(super) struct Trouble(Arc<Problem>);

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self(Arc::new(problem))
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Problem::from(error).into()
    }
}

impl From<Invalid> for Trouble {
    fn from(invalid: Invalid) -> Self {
        Problem::from(invalid).into()
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = self.0.status().into_response();
        response.extensions_mut().insert(self.0);
        response
    }
}

/// A problem for a person, who may not be signed in.
pub(crate) fn error_page(problem: &Problem) -> Response {
    Trouble::from(problem.clone()).into_response()
}

/// There is no such page.
pub(crate) async fn missing() -> Response {
    let problem = Problem::not_found("there is no such page; the address may be mistyped or old");
    Trouble::from(problem).into_response()
}

/// Makes a page of each [`Trouble`].
pub(crate) async fn show_troubles(
    State(site): State<Site>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let caller = parts.extensions.get::<Caller>().filter(|caller| caller.may(Role::Viewer));
    let visit = caller.map(|caller| Visit::of(&parts, &site, caller.clone()));
    let answer = next.run(Request::from_parts(parts, body)).await;
    let Some(problem) = answer.extensions().get::<Arc<Problem>>() else { return answer };
    let (status, title) = (problem.status(), title(problem.status()));
    match visit {
        Some(visit) => {
            let page = Page::new(Place::Elsewhere, title).body(content(&visit, problem));
            visit.show_as(status, page)
        }
        None => {
            let content = html! { p { (sentence(problem.detail())) } };
            (status, layout::bare(&site, title, content)).into_response()
        }
    }
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::CONFLICT => "Not possible now",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::SERVICE_UNAVAILABLE => "The store does not answer",
        status if status.is_client_error() => "Not understood",
        _ => "Something went wrong",
    }
}

fn content(visit: &Visit, problem: &Problem) -> Markup {
    html! {
        section .trouble {
            (icon(Icon::Warning))
            p .lead { (sentence(problem.detail())) }
            @if let Some(field) = problem.field() {
                p .muted { "It is about " code { (field) } "." }
            }
            p { a .button href=(visit.href("/actions")) { "To the actions" } " "
                a .button .quiet href=(visit.href("/")) { "To the overview" } }
        }
    }
}

/// A detail as a sentence: with a capital and a full stop.
fn sentence(detail: &str) -> String {
    let mut letters = detail.chars();
    let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    let text = format!("{first}{}", letters.as_str());
    if text.ends_with(['.', '!', '?', '…']) { text } else { format!("{text}.") }
}
