//! Another schedule for a chain.

use action_scheduler::Schedule;
use axum::extract::{Form, Path};
use axum::http::StatusCode;
use axum::response::Response;
use maud::html;
use serde::Deserialize;

use super::change::goes_on;
use super::line::Line;
use super::one::find;
use crate::access::Operator;
use crate::admin::components::icon::{Icon, icon};
use crate::admin::flash::{Deed, Flash};
use crate::admin::layout::{Page, Place};
use crate::admin::link::Link;
use crate::admin::trouble::Trouble;
use crate::admin::visit::Visit;
use crate::admin::when::{When, preview_of};
use crate::http::Problem;

/// What the form sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    #[serde(flatten)]
    when: When,
    /// Set by the button that only shows what would be.
    preview: String,
}

pub(super) async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Trouble> {
    let line = find(&visit, &id, 5).await?;
    goes_on(line.chain.id, line.chain.state)?;
    let when = When::of(&line.chain.recurring);
    Ok(form(&visit, &line, &when, None))
}

pub(super) async fn keep(
    visit: Visit,
    Operator(caller): Operator,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, Trouble> {
    let line = find(&visit, &id, 5).await?;
    let id = line.chain.id;
    goes_on(id, line.chain.state)?;
    let scheduler = visit.site.acting_as(&caller);
    let read = sent.when.read(&visit, &scheduler);
    let recurring = match &read {
        Ok(Schedule::Recurring(recurring)) if sent.preview.is_empty() => recurring.clone(),
        Ok(Schedule::Recurring(_)) | Err(_) => {
            return Ok(form(&visit, &line, &sent.when, Some(read)));
        }
        Ok(Schedule::Async | Schedule::Single(_)) => {
            let wrong =
                Problem::invalid("kind", "a chain runs again and again: expected every or cron");
            return Ok(form(&visit, &line, &sent.when, Some(Err(wrong))));
        }
    };
    scheduler.reschedule_chain(id, recurring).await?;
    let to = Link::to(format!("/schedules/{id}"));
    Ok(visit.back_with(to, Flash::of(Deed::ChainRescheduled, id.get())))
}

fn form(
    visit: &Visit,
    line: &Line,
    when: &When,
    read: Option<Result<Schedule, Problem>>,
) -> Response {
    let id = line.chain.id;
    let status = match &read {
        Some(Err(_)) => StatusCode::UNPROCESSABLE_ENTITY,
        Some(Ok(_)) | None => StatusCode::OK,
    };
    let read = read.unwrap_or_else(|| when.read(visit, visit.site.scheduler()));
    let wrong = read.as_ref().err();
    let path = format!("/schedules/{id}/edit");
    let body = html! {
        form .card .padded .with-preview method="post" action=(visit.href(path.as_str())) novalidate
            data-preview=(visit.href("/actions/new/preview")) {
            (crate::admin::components::form::csrf(visit))
            div .fields {
                (when.fields(&["every", "cron"], wrong))
                div .buttons {
                    button .button .primary type="submit" { "Change the schedule" }
                    button .button type="submit" name="preview" value="yes" data-preview-button
                        { (icon(Icon::Eye)) "Preview" }
                    a .button .quiet href=(visit.href(format!("/schedules/{id}"))) { "Leave it" }
                }
            }
            aside .preview aria-live="polite" aria-labelledby="preview-title" {
                h2 #preview-title { "What that means" }
                div data-preview-here { (preview_of(visit, &read)) }
                p .muted { "What is pending is canceled, and a new instance takes its place. What runs comes to its end." }
            }
        }
        @if line.chain.key.as_deref().is_some_and(|key| key.starts_with("config:")) {
            div .notice .warn { (icon(Icon::Warning)) p {
                "This chain is declared in the config file. When the server starts again, it gets the schedule that stands there."
            } }
        }
    };
    let page = Page::new(Place::Schedules, "Change the schedule")
        .below(visit.href("/schedules"), "Schedules")
        .below(visit.href(format!("/schedules/{id}")), line.chain.hook.to_string())
        .body(body);
    visit.show_as(status, page)
}
