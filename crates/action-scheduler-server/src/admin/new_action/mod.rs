//! The form for a new action.

mod draft;
mod preview;

use action_scheduler::NewAction;
use axum::Router;
use axum::extract::{Form, Query};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};

use self::draft::Draft;
use super::components::form::{Field, csrf};
use super::components::icon::{Icon, icon};
use super::flash::{Deed, Flash};
use super::layout::{Page, Place};
use super::link::Link;
use super::trouble::Trouble;
use super::visit::Visit;
use super::when::{preview_of, problem_of};
use crate::access::Operator;
use crate::http::Problem;
use crate::site::Site;

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/actions/new", get(show).post(store))
        .route("/actions/new/preview", get(preview::show))
}

/// The form; what the address says is filled in, so that a draft can be sent to a colleague.
async fn show(visit: Visit, _: Operator, Query(draft): Query<Draft>) -> Result<Response, Trouble> {
    form(&visit, &draft, None).await
}

async fn store(
    visit: Visit,
    Operator(caller): Operator,
    Form(draft): Form<Draft>,
) -> Result<Response, Trouble> {
    let scheduler = visit.site.acting_as(&caller);
    let read = draft.read(&visit, &scheduler);
    let action: NewAction = match read {
        Ok(action) if draft.preview.is_empty() => action,
        read => return form(&visit, &draft, read.err()).await,
    };
    let stored = scheduler.insert(vec![action]).await?;
    let Some(id) = stored.into_iter().next().flatten() else {
        let detail = "one like it is pending or in-progress already, and this one is to be unique: nothing was stored";
        return form(&visit, &draft, Some(Problem::conflict(detail).at("unique"))).await;
    };
    let to = Link::to(format!("/actions/{id}"));
    Ok(visit.back_with(to, Flash::of(Deed::Scheduled, id.get())))
}

async fn form(visit: &Visit, draft: &Draft, wrong: Option<Problem>) -> Result<Response, Trouble> {
    let scheduler = visit.site.scheduler();
    // Names to choose from; there may be many thousands, and nobody scrolls through those.
    const OFFERED: usize = 500;
    let hooks = scheduler.hooks().await?;
    let when = draft.when.read(visit, scheduler);
    let wrong_field = wrong.as_ref();
    let field = |name: &'static str, label: &'static str| {
        Field::new(name, label).problem(problem_of(wrong_field, name))
    };
    let shown_by_field = [
        "hook",
        "args",
        "group",
        "priority",
        "unique",
        "key",
        "kind",
        "at",
        "every",
        "cron",
        "first",
        "missed",
        "time_zone",
    ];
    let elsewhere = wrong_field
        .filter(|problem| !problem.field().is_some_and(|field| shown_by_field.contains(&field)));
    let body = html! {
        @if let Some(problem) = wrong_field {
            div .notice .bad role="alert" { (icon(Icon::Warning)) p {
                "Nothing was stored. "
                @match elsewhere {
                    Some(problem) => (problem.detail()),
                    None => { a href={ "#" (anchor(problem)) } { "See what is wrong" } "." }
                }
            } }
        }
        form .card .padded .with-preview method="post" action=(visit.href("/actions/new")) novalidate
            data-preview=(visit.href("/actions/new/preview")) {
            (csrf(visit))
            div .fields {
                (field("hook", "Hook").hint(html! { "What is to happen, such as " code { "send_invoice" } "." }).input(html! {
                    input #hook name="hook" value=(draft.hook) list="hooks" required autocomplete="off" spellcheck="false"
                        maxlength="191" aria-describedby="hook-hint" autofocus;
                    datalist #hooks { @for hook in hooks.iter().take(OFFERED) { option value=(hook) {} } }
                }))
                (field("args", "Args").hint(html! {
                    "What handlers are called with: a JSON object or array. Empty is none."
                }).input(html! {
                    textarea #args name="args" rows="5" spellcheck="false" aria-describedby="args-hint"
                        placeholder={ "{\"order\": 42}" } { (draft.args) }
                }))
                (draft.when.fields(&["async", "at", "every", "cron"], wrong_field))
                div .pair {
                    (field("group", "Group").hint(html! { "Actions that belong together. Empty is the default group." }).input(html! {
                        input #group name="group" value=(draft.group) autocomplete="off" maxlength="191"
                            aria-describedby="group-hint";
                    }))
                    (field("priority", "Priority").hint(html! { "0 goes first, 255 last." }).input(html! {
                        input #priority name="priority" value=(draft.priority_text()) inputmode="numeric" size="4"
                            aria-describedby="priority-hint";
                    }))
                }
                (unique(draft, wrong_field))
                div .buttons {
                    button .button .primary type="submit" { (icon(Icon::Plus)) "Schedule it" }
                    button .button type="submit" name="preview" value="yes" data-preview-button { (icon(Icon::Eye)) "Preview" }
                }
            }
            aside .preview aria-live="polite" aria-labelledby="preview-title" {
                h2 #preview-title { "What that means" }
                div data-preview-here { (preview_of(visit, &when)) }
            }
        }
    };
    let status = match wrong_field {
        Some(problem) => problem.status(),
        None => StatusCode::OK,
    };
    let page = Page::new(Place::NewAction, "New action").body(body);
    Ok(visit.show_as(status, page))
}

fn unique(draft: &Draft, wrong: Option<&Problem>) -> Markup {
    let choices = [
        ("", "However many there are"),
        ("args", "Unless one with this hook, group and args waits or runs"),
        ("hook", "Unless one with this hook and group waits or runs"),
        ("key", "Unless one with this key waits or runs"),
    ];
    html! {
        (Field::new("unique", "Store it").problem(problem_of(wrong, "unique")).input(html! {
            select #unique name="unique" {
                @for (value, label) in choices {
                    option value=(value) selected[value == draft.unique] { (label) }
                }
            }
        }))
        div .for-key {
            (Field::new("key", "Key").problem(problem_of(wrong, "key")).input(html! {
                input #key name="key" value=(draft.key) autocomplete="off" spellcheck="false";
            }))
        }
    }
}

/// The field to look at.
fn anchor(problem: &Problem) -> &str {
    match problem.field() {
        Some("kind") | None => "kind-async",
        Some(field) => field,
    }
}
