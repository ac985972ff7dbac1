//! What is done to one action: the questions before, and the deeds.

use action_scheduler::scheduler::Deed;
use action_scheduler::time::parse_date;
use action_scheduler::{Action, ActionId, Status};
use axum::extract::{Form, Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::one::id_of;
use crate::access::{Caller, Operator};
use crate::admin::components::confirm::{Confirm, confirm};
use crate::admin::components::dates::{absolute, relative};
use crate::admin::components::form::{Field, hidden};
use crate::admin::components::status::mark_of;
use crate::admin::components::{args, text};
use crate::admin::flash::{Deed as Said, Flash};
use crate::admin::layout::{Page, Place};
use crate::admin::link::Link;
use crate::admin::trouble::Trouble;
use crate::admin::visit::{Visit, safe_return};
use crate::http::Problem;

/// Where one goes afterwards.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Return {
    #[serde(default, rename = "return")]
    to: String,
}

impl Return {
    fn or(&self, link: impl Into<Link>) -> Link {
        safe_return(&self.to).unwrap_or_else(|| link.into())
    }
}

fn page_of(action: &Action) -> String {
    format!("/actions/{}", action.id)
}

/// The action in a line, on pages that ask about it.
fn summary(visit: &Visit, action: &Action) -> Markup {
    html! {
        p { (text::name(action.hook.as_str())) " " span .muted { "#" (action.id) } " " (mark_of(action, visit.dates.now)) " "
            (args::line(visit.args(action).as_str())) }
    }
}

/// Asks whether to cancel it.
pub(super) async fn ask_cancel(
    visit: Visit,
    Operator(_): Operator,
    Path(id): Path<String>,
    Query(back): Query<Return>,
) -> Result<Response, Trouble> {
    let action = visit.site.scheduler().fetch(id_of(&id)?).await?;
    let back = back.or(page_of(&action));
    let what = html! {
        (summary(&visit, &action))
        @match action.status {
            Status::InProgress => { p { "It is running. Its handler is not interrupted, but what it reports changes nothing any more." } }
            _ => { p { "It will not run " (relative(&visit.dates, action.scheduled_at)) ", nor later. It can be re-run." } }
        }
        @if let Some(chain) = action.chain {
            p { "It recurs: its chain ends with it, and no instance follows. To stop it for a while, pause "
                a href=(visit.href(format!("/schedules/{chain}"))) { "its schedule" } " instead." }
        }
    };
    let body = confirm(
        &visit,
        Confirm {
            what,
            button: format!("Cancel action {}", action.id),
            is_grave: action.chain.is_some() || action.status == Status::InProgress,
            to: format!("/actions/{}/cancel", action.id).into(),
            fields: hidden("return", back.as_str()),
            back,
        },
    );
    Ok(visit.show(question(&visit, "Cancel this action?", body)))
}

/// Asks whether to delete it.
pub(super) async fn ask_delete(
    visit: Visit,
    Operator(_): Operator,
    Path(id): Path<String>,
    Query(back): Query<Return>,
) -> Result<Response, Trouble> {
    let action = visit.site.scheduler().fetch(id_of(&id)?).await?;
    let ends_chain = action.chain.is_some() && action.status == Status::Pending;
    let what = html! {
        (summary(&visit, &action))
        p { "It is deleted with its log. This cannot be undone." }
        @if ends_chain { p { "It is the pending instance of a chain: the chain ends with it." } }
    };
    let body = confirm(
        &visit,
        Confirm {
            what,
            button: format!("Delete action {}", action.id),
            is_grave: true,
            to: format!("/actions/{}/delete", action.id).into(),
            fields: hidden("return", back.or("/actions").as_str()),
            back: back.or(page_of(&action)),
        },
    );
    Ok(visit.show(question(&visit, "Delete this action?", body)))
}

/// Asks for the new date.
pub(super) async fn ask_reschedule(
    visit: Visit,
    Operator(_): Operator,
    Path(id): Path<String>,
    Query(back): Query<Return>,
) -> Result<Response, Trouble> {
    let action = visit.site.scheduler().fetch(id_of(&id)?).await?;
    let back = back.or(page_of(&action));
    Ok(reschedule_page(&visit, &action, back, "", None))
}

fn reschedule_page(
    visit: &Visit,
    action: &Action,
    back: Link,
    typed: &str,
    problem: Option<String>,
) -> Response {
    let status = match problem {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let what = html! {
        (summary(visit, action))
        p { "It is due " (absolute(&visit.dates, action.scheduled_at)) " (" (relative(&visit.dates, action.scheduled_at)) ")." }
    };
    let fields = html! {
        (hidden("return", back.as_str()))
        (date_field(visit, typed, problem))
    };
    let body = confirm(
        visit,
        Confirm {
            what,
            button: "Reschedule".into(),
            is_grave: false,
            to: format!("/actions/{}/reschedule", action.id).into(),
            fields,
            back,
        },
    );
    visit.show_as(status, question(visit, "Give it another date", body))
}

/// The field for a date, as it is typed.
pub(super) fn date_field(visit: &Visit, typed: &str, problem: Option<String>) -> Markup {
    let zone = visit.dates.zone.iana_name().unwrap_or("UTC");
    let hint = html! {
        "Such as " code { "tomorrow 09:30" } ", " code { "+2 hours" } " or " code { "2026-12-24 18:00" } ", read in " (zone) "."
    };
    Field::new("date", "New date")
        .hint(hint)
        .problem(problem.map(|problem| html! { (problem) }))
        .input(html! {
            input #date name="date" value=(typed) required autocomplete="off" spellcheck="false" aria-describedby="date-hint";
        })
}

fn question(visit: &Visit, title: &str, body: Markup) -> Page {
    Page::new(Place::Actions, title).below(visit.href("/actions"), "Actions").body(body)
}

/// Does something to an action, and goes back to where that was asked for.
async fn changed(
    visit: &Visit,
    caller: &Caller,
    id: ActionId,
    deed: &Deed,
    back: Link,
) -> Result<Response, Trouble> {
    visit.site.acting_as(caller).do_to(id, deed).await?;
    let said = match deed {
        Deed::Cancel { .. } => Said::Canceled,
        Deed::Delete => Said::Deleted,
        Deed::Rerun => Said::Rerun,
        Deed::RunNow => Said::RunNow,
        Deed::Reschedule(_) => Said::Rescheduled,
    };
    Ok(visit.back_with(back, Flash::of(said, id.get())))
}

/// Cancels it.
pub(super) async fn cancel(
    visit: Visit,
    Operator(caller): Operator,
    Path(id): Path<String>,
    Form(back): Form<Return>,
) -> Result<Response, Trouble> {
    let id = id_of(&id)?;
    let back = back.or(format!("/actions/{id}"));
    changed(&visit, &caller, id, &Deed::Cancel { reason: None }, back).await
}

/// Deletes it.
pub(super) async fn delete(
    visit: Visit,
    Operator(caller): Operator,
    Path(id): Path<String>,
    Form(back): Form<Return>,
) -> Result<Response, Trouble> {
    let id = id_of(&id)?;
    // Its own page is no more.
    let own = format!("/actions/{id}");
    let back = match back.or("/actions") {
        link if link.as_str() == own => "/actions".into(),
        link => link,
    };
    changed(&visit, &caller, id, &Deed::Delete, back).await
}

/// Makes it due now.
pub(super) async fn run(
    visit: Visit,
    Operator(caller): Operator,
    Path(id): Path<String>,
    Form(back): Form<Return>,
) -> Result<Response, Trouble> {
    let id = id_of(&id)?;
    changed(&visit, &caller, id, &Deed::RunNow, back.or(format!("/actions/{id}"))).await
}

/// Gives it a new attempt.
pub(super) async fn rerun(
    visit: Visit,
    Operator(caller): Operator,
    Path(id): Path<String>,
    Form(back): Form<Return>,
) -> Result<Response, Trouble> {
    let id = id_of(&id)?;
    changed(&visit, &caller, id, &Deed::Rerun, back.or(format!("/actions/{id}"))).await
}

/// Another date, as it was typed.
#[derive(Debug, Deserialize)]
pub(super) struct NewDate {
    #[serde(default)]
    date: String,
    #[serde(flatten)]
    back: Return,
}

/// Gives it another date.
pub(super) async fn reschedule(
    visit: Visit,
    Operator(caller): Operator,
    Path(id): Path<String>,
    Form(new): Form<NewDate>,
) -> Result<Response, Trouble> {
    let id = id_of(&id)?;
    let back = new.back.or(format!("/actions/{id}"));
    match parse_date(&new.date, visit.dates.now, &visit.dates.zone) {
        Ok(at) => changed(&visit, &caller, id, &Deed::Reschedule(at), back).await,
        Err(error) => {
            let action = visit.site.scheduler().fetch(id).await?;
            Ok(reschedule_page(&visit, &action, back, &new.date, Some(error.to_string())))
        }
    }
}

/// A note, as it was typed.
#[derive(Debug, Deserialize)]
pub(super) struct NewNote {
    #[serde(default)]
    text: String,
}

/// Adds a note to its log.
pub(super) async fn note(
    visit: Visit,
    Operator(caller): Operator,
    Path(id): Path<String>,
    Form(note): Form<NewNote>,
) -> Result<Response, Trouble> {
    let id = id_of(&id)?;
    let note = note.text.trim();
    if note.is_empty() || note.chars().count() > 2000 {
        return Err(Problem::invalid("text", "expected a note of 1 to 2,000 characters").into());
    }
    visit.site.acting_as(&caller).note(id, note).await?;
    Ok(visit.back_with(format!("/actions/{id}"), Flash::of(Said::Noted, id.get())))
}
