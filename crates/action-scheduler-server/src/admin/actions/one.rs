//! One action: its whole life, and what comes next.

use action_scheduler::query::{Comparator, Order, OrderBy};
use action_scheduler::store::{Chain, ChainQuery, ClaimsQuery};
use action_scheduler::{Action, ActionId, LogEntry, Query, Status, Step};
use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};

use super::columns::{duration, recurrence};
use super::diagnosis::{Case, Here, Reason, reasons};
use super::next::{next, waiting};
use super::timeline::timeline;
use super::view::WINDOW;
use crate::admin::components::dates::date;
use crate::admin::components::form::{csrf, hidden, post};
use crate::admin::components::icon::{Icon, icon};
use crate::admin::components::status::{Shown, mark, mark_of};
use crate::admin::components::table::facts;
use crate::admin::components::{args, text};
use crate::admin::layout::{Page, Place};
use crate::admin::link::Link;
use crate::admin::trouble::Trouble;
use crate::admin::visit::Visit;
use crate::http::Problem;

/// How many instances of a chain are shown on each side.
const BESIDE: u32 = 5;

/// The id in a path.
pub(super) fn id_of(text: &str) -> Result<ActionId, Problem> {
    text.parse().map_err(|_| {
        Problem::not_found(format!(
            "{text:?} is not the id of an action: expected a positive whole number"
        ))
    })
}

/// Shows an action.
pub(super) async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Trouble> {
    let id = id_of(&id)?;
    let scheduler = visit.site.scheduler();
    let action = scheduler.fetch(id).await?;
    let log = scheduler.logs(id).await?;
    let chain = match action.chain {
        Some(chain) => {
            let query = ChainQuery { ids: Some(vec![chain]), ..ChainQuery::default() };
            scheduler.chains(query).await?.pop()
        }
        None => None,
    };
    let policy = scheduler.policies().of(&action.hook);
    let bound = scheduler.handlers_of(&action.hook);
    let handlers: Vec<String> = bound.iter().map(|handler| handler.describe()).collect();
    let reasons = why(&visit, &action, chain.as_ref(), !handlers.is_empty()).await?;
    let beside = beside(&visit, &action).await?;
    let body = html! {
        div #action data-live="action" .one {
            div .stack {
                (failure(&visit, &action, &log))
                (waiting(&visit, &action, &reasons))
                section aria-labelledby="args-title" {
                    div .section-head { h2 #args-title { "Args" } (copy("args")) }
                    div #args { (args::pretty(visit.args(&action).as_str())) }
                }
                section #log aria-labelledby="log-title" {
                    div .section-head {
                        h2 #log-title { "Log" }
                        span .muted { (text::number(log.len() as u64)) @if log.len() == 1 { " entry" } @else { " entries" } }
                    }
                    (timeline(&visit, &action, &log))
                    (note(&visit, &action))
                }
            }
            aside .stack {
                section .card .padded aria-labelledby="facts-title" {
                    h2 #facts-title { "Facts" }
                    (known(&visit, &action, chain.as_ref()))
                }
                section .card .padded aria-labelledby="next-title" {
                    h2 #next-title { "What happens next" }
                    (next(&visit.dates, &action, &policy, chain.as_ref(), &handlers))
                }
                @if let Some(chain) = &chain { (instances(&visit, &action, chain, &beside)) }
            }
        }
    };
    let intro = html! {
        span data-live="mark" { (mark_big(&visit, &action)) } " action " strong { "#" (action.id) }
        @if !action.group.as_str().is_empty() { " in group " (text::group(&action.group)) }
    };
    let page = Page::new(Place::Actions, action.hook.to_string())
        .below(visit.href("/actions"), "Actions")
        .intro(intro)
        .tools(tools(&visit, &action))
        .body(body)
        .live();
    Ok(visit.show(page))
}

fn mark_big(visit: &Visit, action: &Action) -> Markup {
    mark(Shown::of(action, visit.dates.now))
}

/// Why it has not run yet; asks the store only for what is pending.
async fn why(
    visit: &Visit,
    action: &Action,
    chain: Option<&Chain>,
    has_handler: bool,
) -> Result<Vec<Reason>, Trouble> {
    if action.status != Status::Pending {
        return Ok(Vec::new());
    }
    let now = visit.dates.now;
    let scheduler = visit.site.scheduler();
    let is_due = action.scheduled_at <= now;
    let (runners, claims, before) = match is_due {
        true => (
            scheduler.runners().await?,
            scheduler.open_claims(ClaimsQuery::default()).await?,
            scheduler
                .count(
                    Query::new()
                        .status(Status::Pending)
                        .scheduled(Comparator::Less, action.scheduled_at)
                        .within(WINDOW),
                )
                .await?,
        ),
        false => (Vec::new(), Vec::new(), 0),
    };
    let runner = visit.site.config().runner.as_ref();
    let policy = scheduler.policies().of(&action.hook);
    Ok(reasons(&Case {
        action,
        now,
        policy: &policy,
        runners: &runners,
        claims: &claims,
        before,
        chain,
        here: Here {
            filter: runner.map(|runner| &runner.filter),
            concurrent_batches: runner.and_then(|runner| runner.concurrent_batches),
            has_handler,
            is_remote: visit.is_remote(&action.hook),
        },
    }))
}

/// The instances of its chain before and after it.
async fn beside(visit: &Visit, action: &Action) -> Result<Vec<Action>, Trouble> {
    let Some(chain) = action.chain else { return Ok(Vec::new()) };
    let side = |order| {
        let query = Query::new().chain(chain).order(OrderBy::Date, order).limit(BESIDE);
        let here = query.cursor(action);
        visit.site.scheduler().query(query.after(here))
    };
    let mut all = side(Order::Ascending).await?;
    all.reverse();
    all.push(action.clone());
    all.extend(side(Order::Descending).await?);
    Ok(all)
}

fn instances(visit: &Visit, action: &Action, chain: &Chain, beside: &[Action]) -> Markup {
    html! {
        section .card .padded aria-labelledby="chain-title" {
            div .section-head {
                h2 #chain-title { "Chain " (chain.id) }
                a href=(visit.href(format!("/schedules/{}", chain.id))) { "Schedule" }
            }
            p .muted { (recurrence(action, visit)) ", " (chain.state)
                @if let Some(reason) = &chain.reason { ": " (text::plain(reason)) } }
            ol .instances {
                @for other in beside {
                    li aria-current=[(other.id == action.id).then_some("true")] {
                        a href=(visit.href(format!("/actions/{}", other.id))) { (date(&visit.dates, other.scheduled_at)) }
                        (mark_of(other, visit.dates.now))
                    }
                }
            }
            p { a href=(visit.href(Link::to("/actions").with("chain", chain.id))) { "All instances" } }
        }
    }
}

/// Why it failed, or what its last attempt came to: what a reader wants to know first.
fn failure(visit: &Visit, action: &Action, log: &[LogEntry]) -> Markup {
    let bad = |entry: &&LogEntry| {
        matches!(entry.step, Step::Failed | Step::TimedOut | Step::Crashed | Step::Retry)
    };
    let is_told = matches!(action.status, Status::Failed)
        || action.attempts.0 > 0 && action.status == Status::Pending;
    let last = log.iter().rev().find(bad).filter(|_| is_told);
    html! {
        @if let Some(entry) = last {
            section .card .padded .failure aria-labelledby="failure-title" {
                h2 #failure-title {
                    (icon(Icon::Cross))
                    @match entry.step {
                        Step::TimedOut => { "It ran too long" }
                        Step::Crashed => { "Its runner died" }
                        Step::Retry => { "Its last attempt failed" }
                        _ => { "It failed" }
                    }
                }
                (text::block(&visit.text(action, entry.message.as_deref().unwrap_or("no reason was given"))))
            }
        }
    }
}

fn known(visit: &Visit, action: &Action, chain: Option<&Chain>) -> Markup {
    let dates = &visit.dates;
    let optional = |at: Option<jiff::Timestamp>| at.map_or_else(text::none, |at| date(dates, at));
    let link = |key: &str, value: &str, content: Markup| {
        html! { a href=(visit.href(Link::to("/actions").with(key, value))) { (content) } }
    };
    let hook = action.hook.as_str();
    let mut all = vec![
        ("Hook", link("hook", hook, text::name(hook))),
        (
            "Group",
            match action.group.as_str() {
                "" => text::group(&action.group),
                group => link("group", group, text::group(&action.group)),
            },
        ),
        ("Schedule", recurrence(action, visit)),
        ("Scheduled", date(dates, action.scheduled_at)),
        ("Started", optional(action.started_at)),
        ("Finished", optional(action.finished_at)),
        ("Ran", duration(action).map_or_else(text::none, |ran| html! { (ran) })),
        ("Attempts", html! { (action.attempts) }),
        ("Priority", html! { (action.priority) }),
        (
            "Claim",
            action.claim.map_or_else(text::none, |claim| {
                link("claim", &claim.to_string(), html! { (claim) })
            }),
        ),
        ("Stored", date(dates, action.created_at)),
    ];
    if let Some(key) = chain.and_then(|chain| chain.key.as_deref()) {
        all.push(("Key", text::name(key)));
    }
    let span = visit.site.scheduler().traces().map(|ids| ids.stored(action.id));
    if let Some(span) = span.filter(|span| span.sampled) {
        all.push(("Trace", html! { code { (span.trace_id) } }));
    }
    facts(&all)
}

/// What can be done to it.
fn tools(visit: &Visit, action: &Action) -> Markup {
    let here = format!("/actions/{}", action.id);
    let button = |verb: &str, shape: Icon, label: &str, is_first: bool| {
        post(
            visit,
            format!("{here}/{verb}"),
            html! {
                (hidden("return", &here))
                button .button .primary[is_first] type="submit" { (icon(shape)) (label) }
            },
        )
    };
    let link = |verb: &str, shape: Icon, label: &str, is_grave: bool| {
        html! { a .button .danger[is_grave] href=(visit.href(format!("{here}/{verb}"))) { (icon(shape)) (label) } }
    };
    html! {
        @if visit.may_operate() {
            @match action.status {
                Status::Pending => {
                    (button("run", Icon::Play, "Run now", true))
                    (link("reschedule", Icon::Calendar, "Reschedule", false))
                    (link("cancel", Icon::Slash, "Cancel", false))
                }
                Status::InProgress => { (link("cancel", Icon::Slash, "Cancel", true)) }
                Status::Complete | Status::Failed | Status::Canceled => {
                    (button("rerun", Icon::Rerun, "Re-run", action.status == Status::Failed))
                }
            }
            @if action.status != Status::InProgress { (link("delete", Icon::Trash, "Delete", true)) }
        }
    }
}

/// A form to add a note to the log.
fn note(visit: &Visit, action: &Action) -> Markup {
    html! {
        @if visit.may_operate() {
            form .note method="post" action=(visit.href(format!("/actions/{}/notes", action.id))) {
                (csrf(visit))
                label .hidden for="note" { "A note for the log" }
                input #note name="text" maxlength="2000" required placeholder="Add a note to the log" autocomplete="off";
                button .button type="submit" { "Add" }
            }
        }
    }
}

/// A button that copies the text of an element, where scripts run.
fn copy(of: &str) -> Markup {
    html! {
        button .button .quiet .small type="button" data-copy=(of) hidden { (icon(Icon::Copy)) span { "Copy" } }
    }
}
