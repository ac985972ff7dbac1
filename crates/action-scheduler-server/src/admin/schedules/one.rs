//! One chain: its schedule, its dates, its latest instances.

use action_scheduler::schedule::Recurrence;
use action_scheduler::store::{ChainQuery, ChainState};
use action_scheduler::{ChainId, Error};
use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};

use super::line::{Line, in_words, missed_in_words};
use super::list::{next, shown_args, state};
use crate::admin::components::dates::{self, between, length};
use crate::admin::components::form::post;
use crate::admin::components::icon::{Icon, icon};
use crate::admin::components::status;
use crate::admin::components::table::{Column, Row, facts, table};
use crate::admin::components::{args, text};
use crate::admin::layout::{Page, Place};
use crate::admin::link::Link;
use crate::admin::trouble::Trouble;
use crate::admin::visit::Visit;
use crate::http::Problem;

/// How many instances are shown.
const LATEST: u32 = 25;

/// How many dates to come are shown.
const DATES: usize = 6;

/// The chain that a path names, with its latest instances.
pub(super) async fn find(visit: &Visit, id: &str, each: u32) -> Result<Line, Trouble> {
    let missing = || Problem::not_found(format!("there is no chain {id}"));
    let id: ChainId = id.parse().map_err(|_| missing())?;
    let scheduler = visit.site.scheduler();
    let query = ChainQuery { ids: Some(vec![id]), ..ChainQuery::default() };
    let chains = scheduler.chains(query).await?;
    let line = Line::of(scheduler, chains, each).await?.pop();
    Ok(line.ok_or(Error::NoSuchChain(id))?)
}

pub(super) async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Trouble> {
    let line = find(&visit, &id, LATEST).await?;
    let chain = &line.chain;
    let body = html! {
        div data-live="chain" .stack {
            div .columns {
                section .card .padded { (about(&visit, &line)) }
                section .card .padded { (to_come(&visit, &line)) }
            }
            section {
                div .section-head {
                    h2 { "Latest instances" }
                    a href=(visit.href(Link::to("/actions").with("chain", chain.id))) { "All in the list of actions" }
                }
                (instances(&visit, &line))
            }
        }
        @if visit.may_operate() { (changes(&visit, &line)) }
    };
    let title = chain.hook.to_string();
    let page = Page::new(Place::Schedules, title)
        .below(visit.href("/schedules"), "Schedules")
        .tools(tools(&visit, &line))
        .body(body)
        .live();
    Ok(visit.show(page))
}

fn about(visit: &Visit, line: &Line) -> Markup {
    let chain = &line.chain;
    let recurring = &chain.recurring;
    let mut rows = vec![("State", state(chain)), ("Runs", html! { (in_words(recurring)) })];
    if let Recurrence::Cron { cron, .. } = &recurring.recurrence {
        rows.push((
            "Expression",
            html! { code { (cron.text()) } " " span .muted { (cron.dialect()) } },
        ));
    }
    rows.extend([
        ("Missed dates", html! { (missed_in_words(&recurring.recurrence)) }),
        ("Next", next(visit, line)),
        ("Args", args::pretty(&shown_args(visit, chain))),
        ("Group", text::group(&chain.group)),
        ("Priority", html! { (chain.priority) }),
        ("Failures in a row", html! { (chain.failures) }),
        (
            "Starts late by",
            match line.drift() {
                Some(drift) => {
                    html! { (length(drift)) span .muted { ", half of the time at most" } }
                }
                None => text::none(),
            },
        ),
        ("Stored", dates::date(&visit.dates, chain.created_at)),
        ("Chain", html! { (chain.id) }),
    ]);
    if let Some(key) = &chain.key {
        rows.push((
            "Key",
            html! { code { (text::plain(key)) }
            @if key.starts_with("config:") { " " span .muted { "declared in the config file" } } },
        ));
    }
    html! { h2 .hidden { "About this chain" } (facts(&rows)) }
}

fn to_come(visit: &Visit, line: &Line) -> Markup {
    if line.chain.state == ChainState::Ended {
        return html! { h2 { "Dates to come" } p .muted { "None: the chain has ended." } };
    }
    let zone = match &line.chain.recurring.recurrence {
        Recurrence::Cron { cron, .. } if cron.zone() != &visit.dates.zone => Some(cron.zone()),
        _ => None,
    };
    let columns: Vec<Column> = match zone {
        Some(_) => vec![Column::new("Your clock"), Column::new("The schedule's clock")],
        None => vec![Column::new("Date")],
    };
    let rows: Vec<Row> = line
        .dates_to_come(visit.dates.now)
        .take(DATES)
        .map(|at| {
            let row = Row::new(at).cell(dates::date(&visit.dates, at));
            match zone {
                Some(zone) => {
                    let there = at.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S %Z");
                    row.cell(html! { (there.to_string()) })
                }
                None => row,
            }
        })
        .collect();
    html! {
        div .section-head {
            h2 { "Dates to come" }
            @if line.chain.state == ChainState::Paused { span .muted { "if it were resumed now" } }
        }
        (table("Dates to come", &columns, &rows))
    }
}

fn instances(visit: &Visit, line: &Line) -> Markup {
    let columns = [
        Column::new("Action"),
        Column::new("Status"),
        Column::new("Scheduled"),
        Column::number("Started late by"),
        Column::number("Took"),
        Column::number("Attempts"),
    ];
    let length_of = |from, to| match (from, to) {
        (Some(from), Some(to)) => match between(from, to) {
            Some(duration) => html! { (length(duration)) },
            None => html! { "0 s" },
        },
        _ => text::none(),
    };
    let rows: Vec<Row> = line
        .latest
        .iter()
        .map(|action| {
            Row::new(action.id)
                .cell(html! { a href=(visit.href(format!("/actions/{}", action.id))) { (action.id) } })
                .cell(status::mark_of(action, visit.dates.now))
                .cell(dates::date(&visit.dates, action.scheduled_at))
                .cell(length_of(Some(action.scheduled_at), action.started_at))
                .cell(length_of(action.started_at, action.finished_at))
                .cell(html! { (action.attempts) })
        })
        .collect();
    if rows.is_empty() {
        return html! { p .padded .muted { "None is left: what has ended is deleted when it was kept long enough." } };
    }
    table("Latest instances", &columns, &rows)
}

fn tools(visit: &Visit, line: &Line) -> Markup {
    let id = line.chain.id;
    if !visit.may_operate() || line.chain.state == ChainState::Ended {
        return html! {};
    }
    html! {
        @if line.next().is_some() {
            (post(visit, format!("/schedules/{id}/run"), html! {
                button .button type="submit" { (icon(Icon::Play)) "Run now" }
            }))
        }
        @if line.chain.state == ChainState::Paused {
            (post(visit, format!("/schedules/{id}/resume"), html! {
                button .button .primary type="submit" { (icon(Icon::Play)) "Resume" }
            }))
        }
        a .button href=(visit.href(format!("/schedules/{id}/edit"))) { (icon(Icon::Calendar)) "Change schedule" }
        a .button .danger href=(visit.href(format!("/schedules/{id}/end"))) { (icon(Icon::Stop)) "End" }
    }
}

/// What takes a word from whoever does it.
fn changes(visit: &Visit, line: &Line) -> Markup {
    if line.chain.state != ChainState::Active {
        return html! {};
    }
    html! {
        section .card .padded {
            (post(visit, format!("/schedules/{}/pause", line.chain.id), html! {
                div .field {
                    label for="reason" { "Pause it" }
                    div .with-button {
                        input #reason name="reason" maxlength="200" placeholder="Why, for others to read"
                            autocomplete="off" aria-describedby="reason-hint";
                        button .button type="submit" { (icon(Icon::Pause)) "Pause" }
                    }
                    p .hint #reason-hint { "What is pending is canceled; what runs comes to its end. It goes on when it is resumed." }
                }
            }))
        }
    }
}
