//! How things stand at this moment: four figures, what needs a look, runners, the latest failures.

use std::collections::HashMap;

use action_scheduler::store::{ChainState, Runner, Stats};
use action_scheduler::text::thousands;
use action_scheduler::{Action, ActionId, LogEntry, Status, Step};
use maud::{Markup, html};

use crate::admin::actions::is_alive;
use crate::admin::components::dates::relative;
use crate::admin::components::icon::{Icon, icon};
use crate::admin::components::text::{name, plain};
use crate::admin::components::tile::{Tile, Tone, tiles};
use crate::admin::link::Link;
use crate::admin::visit::Visit;
use crate::observe::alerts::Incident;

/// How many alerts are shown.
const INCIDENTS: usize = 5;

/// The four figures.
pub(super) fn figures(visit: &Visit, stats: &Stats, runners: &[Runner]) -> Markup {
    let count = |status: Status| stats.counts.get(status.as_str()).copied().unwrap_or_default();
    let link = |status: &str| visit.href(Link::to("/actions").with("status", status));
    let tone = |count: u64, tone: Tone| if count == 0 { Tone::Calm } else { tone };
    let (running, failed) = (count(Status::InProgress), count(Status::Failed));
    let oldest = stats.dates.get(Status::Pending.as_str()).map(|(oldest, _)| *oldest);
    let workers: u32 = runners
        .iter()
        .filter(|runner| is_alive(runner, visit.dates.now))
        .map(|runner| runner.runner.workers)
        .sum();
    tiles(&[
        Tile {
            label: "Past-due",
            count: stats.past_due,
            detail: match oldest.filter(|_| stats.past_due > 0) {
                Some(oldest) => html! { "the oldest since " (relative(&visit.dates, oldest)) },
                None => html! { "nothing waits for a runner" },
            },
            href: link("past-due"),
            tone: tone(stats.past_due, Tone::Warn),
            icon: Icon::Alert,
        },
        Tile {
            label: "Running",
            count: running,
            detail: html! { "by " (thousands(workers.into())) @if workers == 1 { " worker" } @else { " workers" } },
            href: link("in-progress"),
            tone: tone(running, Tone::Busy),
            icon: Icon::Work,
        },
        Tile {
            label: "Failed",
            count: failed,
            detail: html! { "kept to be looked at and re-run" },
            href: link("failed"),
            tone: tone(failed, Tone::Bad),
            icon: Icon::Cross,
        },
        Tile {
            label: "To come",
            count: count(Status::Pending).saturating_sub(stats.past_due),
            detail: html! { "pending, with a date ahead" },
            href: link("pending"),
            tone: Tone::Calm,
            icon: Icon::Clock,
        },
    ])
}

/// What needs a look, each with where to look.
pub(super) fn warnings(
    visit: &Visit,
    stats: &Stats,
    runners: &[Runner],
    incidents: &[Incident],
) -> Markup {
    let silent = runners.iter().filter(|runner| !is_alive(runner, visit.dates.now)).count();
    let paused = stats.chains.get(&ChainState::Paused).copied().unwrap_or_default();
    html! {
        @for incident in incidents.iter().take(INCIDENTS) {
            div .notice .bad { (icon(Icon::Warning)) p {
                strong { (plain(&incident.trouble.summary)) } " Told " (relative(&visit.dates, incident.begun_at)) ". "
                a href=(visit.href(incident.trouble.path.as_str())) { "Look at it" }
            } }
        }
        @if incidents.len() > INCIDENTS {
            p .muted { "And " (incidents.len() - INCIDENTS) " more alerts." }
        }
        @if runners.is_empty() {
            div .notice .bad { (icon(Icon::Warning)) p {
                strong { "No runner is known." } " Nothing takes actions from this store. Start one with "
                code { "action-scheduler serve" } " or " code { "action-scheduler run" } "."
            } }
        }
        @if silent > 0 {
            div .notice .bad { (icon(Icon::Warning)) p {
                strong { @if silent == 1 { "A runner is" } @else { (silent) " runners are" } " silent." }
                " What it holds is put back into the queue when another runner notices. "
                a href=(visit.href("/runners")) { "Runners" }
            } }
        }
        @if paused > 0 {
            div .notice .warn { (icon(Icon::Pause)) p {
                strong { (thousands(paused)) @if paused == 1 { " schedule is paused." } @else { " schedules are paused." } }
                " After failures in a row, or by hand, they stand still until someone resumes them. "
                a href=(visit.href(Link::to("/schedules").with("state", "paused"))) { "Paused schedules" }
            } }
        }
    }
}

/// The runners and their signs of life.
pub(super) fn runners(visit: &Visit, runners: &[Runner]) -> Markup {
    const NAMED: usize = 8;
    html! {
        section .card .padded aria-labelledby="runners-title" {
            div .section-head { h2 #runners-title { "Runners" } a href=(visit.href("/runners")) { "All" } }
            @if runners.is_empty() { p .muted { "None is known." } }
            ul .ranking {
                @for runner in runners.iter().take(NAMED) {
                    @let alive = is_alive(runner, visit.dates.now);
                    li .meter {
                        span .beat .lost[!alive] { (name(&runner.runner.name)) }
                        span .muted { @if !alive { "silent, " } (relative(&visit.dates, runner.heartbeat_at)) }
                        span .muted .sub {
                            (runner.in_progress) " of " (runner.runner.workers) " workers busy, "
                            (runner.claims) @if runner.claims == 1 { " claim" } @else { " claims" }
                        }
                    }
                }
            }
            @if runners.len() > NAMED { p .muted { "and " (runners.len() - NAMED) " more" } }
        }
    }
}

/// The latest failures, with their reasons.
pub(super) fn failures(visit: &Visit, failed: &[Action], logs: &[LogEntry]) -> Markup {
    let mut reasons: HashMap<ActionId, &LogEntry> = HashMap::new();
    for entry in logs {
        if matches!(entry.step, Step::Failed | Step::TimedOut | Step::Crashed) {
            reasons.insert(entry.action, entry);
        }
    }
    html! {
        section .card .padded aria-labelledby="failures-title" {
            div .section-head {
                h2 #failures-title { "Latest failures" }
                a href=(visit.href(Link::to("/actions").with("status", "failed"))) { "All" }
            }
            @if failed.is_empty() { p .muted { "Nothing has failed." } }
            ol .ranking {
                @for action in failed {
                    li .failed-one {
                        a .plain href=(visit.href(format!("/actions/{}", action.id))) { (name(action.hook.as_str())) }
                        " " span .muted { (relative(&visit.dates, action.finished_at.unwrap_or(action.scheduled_at))) }
                        @if let Some(message) = reasons.get(&action.id).and_then(|entry| entry.message.as_deref()) {
                            p .muted .reason { (plain(&first_line(&visit.text(action, message)))) }
                        }
                    }
                }
            }
        }
    }
}

fn first_line(text: &str) -> String {
    const SHOWN: usize = 160;
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or(line)),
        None => line.to_owned(),
    }
}
