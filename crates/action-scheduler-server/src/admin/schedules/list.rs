//! The list of chains.

use action_scheduler::store::{Chain, ChainQuery, ChainState};
use action_scheduler::{Action, ChainId, Group, Hook};
use axum::extract::Query;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::line::{Line, in_words};
use crate::admin::components::dates::{self, length};
use crate::admin::components::empty::empty;
use crate::admin::components::form::{hidden, post};
use crate::admin::components::icon::{Icon, icon};
use crate::admin::components::pager::{Pager, pager};
use crate::admin::components::status::{self, Shown};
use crate::admin::components::table::{Column, Row, table};
use crate::admin::components::{args, text};
use crate::admin::layout::{Page, Place};
use crate::admin::link::Link;
use crate::admin::trouble::Trouble;
use crate::admin::visit::Visit;

/// How many instances are looked at for each chain.
const LATEST: u32 = 12;

/// How many of them are shown as marks.
const MARKS: usize = 10;

/// Which chains are asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    state: String,
    hook: String,
    group: Option<String>,
    after: String,
}

impl Wanted {
    fn query(&self, limit: u32) -> Result<ChainQuery, Trouble> {
        let states = match self.state.as_str() {
            "" => vec![ChainState::Active, ChainState::Paused],
            "all" => Vec::new(),
            name => [ChainState::Active, ChainState::Paused, ChainState::Ended]
                .into_iter()
                .filter(|state| state.as_str() == name)
                .collect(),
        };
        let hook = Some(self.hook.trim()).filter(|hook| !hook.is_empty());
        Ok(ChainQuery {
            states,
            hook: hook.map(Hook::new).transpose()?,
            group: self.group.as_deref().map(Group::new).transpose()?,
            after: match self.after.as_str() {
                "" => None,
                id => Some(id.parse::<ChainId>()?),
            },
            limit: Some(limit),
            ..ChainQuery::default()
        })
    }

    /// The list with these keys, and another state or place.
    fn link(&self, state: &str, after: Option<ChainId>) -> Link {
        let mut link = Link::to("/schedules");
        if !state.is_empty() {
            link = link.with("state", state);
        }
        if !self.hook.trim().is_empty() {
            link = link.with("hook", self.hook.trim());
        }
        if let Some(group) = &self.group {
            link = link.with("group", group);
        }
        match after {
            Some(after) => link.with("after", after),
            None => link,
        }
    }
}

pub(super) async fn show(visit: Visit, Query(wanted): Query<Wanted>) -> Result<Response, Trouble> {
    let scheduler = visit.site.scheduler();
    let rows = visit.preferences.rows.unwrap_or(50);
    // One more than is shown tells whether there is a next page.
    let mut chains = scheduler.chains(wanted.query(rows.saturating_add(1))?).await?;
    let has_more = chains.len() > rows as usize;
    chains.truncate(rows as usize);
    let last = chains.last().map(|chain| chain.id).filter(|_| has_more);
    let lines = Line::of(scheduler, chains, LATEST).await?;
    let stats = visit.site.stats().await?;
    let count = |state| stats.value.chains.get(&state).copied().unwrap_or_default();
    let views = [
        ("", "Going on", count(ChainState::Active) + count(ChainState::Paused)),
        ("active", "Active", count(ChainState::Active)),
        ("paused", "Paused", count(ChainState::Paused)),
        ("ended", "Ended", count(ChainState::Ended)),
    ];
    let content = html! {
        (filters(&visit, &wanted, &views))
        div data-live="chains" {
            @if lines.is_empty() { (nothing(&visit, &wanted)) } @else {
                (chains_table(&visit, &lines))
            }
        }
        @if last.is_some() || !wanted.after.is_empty() {
            (pager(&Pager {
                first: (!wanted.after.is_empty()).then(|| visit.href(wanted.link(&wanted.state, None))),
                previous: None,
                next: last.map(|last| visit.href(wanted.link(&wanted.state, Some(last)))),
                shown: html! { (lines.len()) " on this page" },
            }))
        }
    };
    let intro = html! { "What runs again and again. Each line is a chain: the instances of one recurring action." };
    let page = Page::new(Place::Schedules, "Schedules").intro(intro).body(content).live();
    Ok(visit.show(page))
}

fn filters(visit: &Visit, wanted: &Wanted, views: &[(&str, &str, u64)]) -> Markup {
    html! {
        div .bar {
            nav .views aria-label="Chains by state" {
                @for (state, name, count) in views {
                    a href=(visit.href(wanted.link(state, None)))
                        aria-current=[(*state == wanted.state).then_some("page")]
                        { (name) " " span .count { (text::number(*count)) } }
                }
            }
            form .search role="search" method="get" action=(visit.href("/schedules")) {
                @if !wanted.state.is_empty() { (hidden("state", &wanted.state)) }
                label .hidden for="hook" { "Hook" }
                input #hook type="search" name="hook" value=(wanted.hook) placeholder="Hook"
                    autocomplete="off" spellcheck="false";
                button .button type="submit" { (icon(Icon::Search)) "Find" }
            }
        }
    }
}

fn nothing(visit: &Visit, wanted: &Wanted) -> Markup {
    let is_narrowed = !wanted.hook.is_empty() || wanted.group.is_some() || !wanted.state.is_empty();
    match is_narrowed {
        true => empty(
            Icon::Repeat,
            "No such chain",
            html! { p { "No chain is like that. " a href=(visit.href("/schedules")) { "Show all that go on" } "." } },
        ),
        false => empty(
            Icon::Repeat,
            "Nothing recurs yet",
            html! {
                p { "Declare a " code { "[[schedule]]" } " in the config, or make a recurring action." }
                @if visit.may_operate() {
                    p { a .button .primary href=(visit.href("/actions/new?kind=cron")) { (icon(Icon::Plus)) "New action" } }
                }
            },
        ),
    }
}

fn chains_table(visit: &Visit, lines: &[Line]) -> Markup {
    let mut columns = vec![
        Column::new("Hook"),
        Column::new("Runs"),
        Column::new("Next"),
        Column::new("Last results"),
        Column::number("Starts late by"),
        Column::new("State"),
    ];
    if visit.may_operate() {
        columns.push(Column::silent("What can be done", "tools"));
    }
    let rows: Vec<Row> = lines.iter().map(|line| row(visit, line)).collect();
    table("Chains", &columns, &rows)
}

fn row(visit: &Visit, line: &Line) -> Row {
    let chain = &line.chain;
    let href = visit.href(format!("/schedules/{}", chain.id));
    let shown_args = shown_args(visit, chain);
    let row = Row::new(format!("chain-{}", chain.id))
        .cell(html! {
            a .name href=(href) { (text::plain(chain.hook.as_str())) }
            @if !chain.group.as_str().is_empty() { " " span .tag { (text::plain(chain.group.as_str())) } }
            @if shown_args != "[]" { br; (args::line(&shown_args)) }
        })
        .cell(html! { (in_words(&chain.recurring)) })
        .cell(next(visit, line))
        .cell(marks(visit, line))
        .cell(match line.drift() {
            Some(drift) => html! { (length(drift)) },
            None => text::none(),
        })
        .cell(state(chain));
    match visit.may_operate() {
        true => row.cell(tools(visit, line)),
        false => row,
    }
}

/// The args of a chain, as the masks of the config let them be seen.
pub(super) fn shown_args(visit: &Visit, chain: &Chain) -> String {
    visit.site.shown_args(&chain.hook, &chain.args).to_string()
}

/// When it runs next, or why it does not.
pub(super) fn next(visit: &Visit, line: &Line) -> Markup {
    match (line.head(), line.next()) {
        (_, Some(next)) => dates::date(&visit.dates, next),
        (Some(head), None) => html! {
            (status::mark_of(head, visit.dates.now)) " "
            a href=(visit.href(format!("/actions/{}", head.id))) { "action " (head.id) }
        },
        (None, None) => text::none(),
    }
}

/// Its latest results, the oldest first.
fn marks(visit: &Visit, line: &Line) -> Markup {
    let ended = line.latest.iter().filter(|action| action.status.is_finished());
    let mut ended: Vec<&Action> = ended.take(MARKS).collect();
    ended.reverse();
    if ended.is_empty() {
        return html! { span .muted { "none yet" } };
    }
    html! {
        span .pips {
            @for action in ended { (pip(visit, action)) }
        }
    }
}

fn pip(visit: &Visit, action: &Action) -> Markup {
    let shown = Shown::of(action, visit.dates.now);
    let ended = action.finished_at.unwrap_or(action.scheduled_at);
    let what = format!("action {}: {}, {}", action.id, shown.word(), visit.dates.absolute(ended));
    html! { a href=(visit.href(format!("/actions/{}", action.id))) { (status::pip(shown, &what)) } }
}

/// Whether it goes on, and why not.
pub(super) fn state(chain: &Chain) -> Markup {
    html! {
        (status::chain_mark(chain.state))
        @if let Some(reason) = &chain.reason { " " span .muted { (text::plain(reason)) } }
        @else if chain.failures > 0 {
            " " span .muted { (chain.failures) " failed in a row" }
        }
    }
}

fn tools(visit: &Visit, line: &Line) -> Markup {
    let chain = &line.chain;
    let path = |what: &str| format!("/schedules/{}/{what}", chain.id);
    let back = || hidden("return", visit.here());
    let button = |what: &str, shape: Icon, label: &str| {
        post(
            visit,
            path(what),
            html! {
                (back())
                button .button .quiet .small type="submit" title=(label) {
                    (icon(shape)) span .hidden { (label) " chain " (chain.id) }
                }
            },
        )
    };
    html! {
        div .row-tools {
            @if line.next().is_some() { (button("run", Icon::Play, "Run now")) }
            @match chain.state {
                ChainState::Active => (button("pause", Icon::Pause, "Pause")),
                ChainState::Paused => (button("resume", Icon::Play, "Resume")),
                ChainState::Ended => {}
            }
        }
    }
}
