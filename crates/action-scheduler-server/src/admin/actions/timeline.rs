//! The life of an action: each step with its time, and how long after the one before.

use action_scheduler::time::words::Dates;
use action_scheduler::{Action, LogEntry, Step};
use maud::{Markup, html};

use crate::admin::components::dates::{between, length, precise};
use crate::admin::components::icon::{Icon, icon};
use crate::admin::components::text::{block, number, plain};
use crate::admin::visit::Visit;

/// The most entries that are shown; what is older is in the API and the command line.
const MOST: usize = 500;

/// The timeline of an action.
pub(super) fn timeline(visit: &Visit, action: &Action, entries: &[LogEntry]) -> Markup {
    let dates = &visit.dates;
    let passed_over = entries.len().saturating_sub(MOST);
    let mut previous = None;
    html! {
        @if entries.is_empty() { (without_log(dates, action)) }
        @if passed_over > 0 {
            p .muted { "The first " (number(passed_over as u64)) " entries are not shown here; "
                code { "action-scheduler action logs " (action.id) } " prints them all." }
        }
        ol .timeline {
            @for entry in entries.iter().skip(passed_over) {
                @let waited = previous.replace(entry.at).and_then(|before| between(before, entry.at));
                (item(visit, action, entry, waited))
            }
        }
    }
}

fn item(
    visit: &Visit,
    action: &Action,
    entry: &LogEntry,
    waited: Option<std::time::Duration>,
) -> Markup {
    let (class, shape) = look(entry.step);
    let whole = visit.text(action, &entry.text());
    let text = match entry.step {
        Step::Output => "output",
        _ => whole.lines().next().unwrap_or_default(),
    };
    let more = match entry.step {
        Step::Output => Some(whole.as_str()),
        _ => whole.split_once('\n').map(|_| whole.as_str()),
    };
    html! {
        li .(class) data-key={ "entry-" (entry.seq) } {
            span .spot { (icon(shape)) }
            div .what {
                p { (plain(text))
                    @if let Some(attempt) = entry.attempt { " " span .tag { "attempt " (attempt) } } }
                @if let Some(more) = more { (block(more)) }
            }
            p .when { (precise(&visit.dates, entry.at))
                @if let Some(waited) = waited.filter(|waited| !waited.is_zero()) {
                    " " span .sub title="after the step before" { "+ " (length(waited)) } } }
        }
    }
}

fn look(step: Step) -> (&'static str, Icon) {
    match step {
        Step::Created => ("is-pending", Icon::Plus),
        Step::Started => ("is-running", Icon::Play),
        Step::Complete => ("is-complete", Icon::Check),
        Step::Failed => ("is-failed", Icon::Cross),
        Step::TimedOut => ("is-failed", Icon::Clock),
        Step::Crashed => ("is-failed", Icon::Warning),
        Step::Canceled => ("is-canceled", Icon::Slash),
        Step::Retry => ("is-retrying", Icon::Rerun),
        Step::Rerun => ("is-pending", Icon::Rerun),
        Step::Rescheduled => ("is-pending", Icon::Calendar),
        Step::Reset => ("is-canceled", Icon::Rerun),
        Step::Paused => ("is-past-due", Icon::Pause),
        Step::Resumed => ("is-complete", Icon::Play),
        Step::Output => ("is-canceled", Icon::List),
        Step::Note => ("is-canceled", Icon::Note),
        Step::Ignored | Step::LateResult => ("is-past-due", Icon::Alert),
        _ => ("is-canceled", Icon::Dot),
    }
}

/// What is known of a life that was not logged.
fn without_log(dates: &Dates, action: &Action) -> Markup {
    html! {
        p .muted {
            "Nothing was logged: the policy of its hook says so, or the log was removed. It was stored "
            (precise(dates, action.created_at))
            @if let Some(at) = action.started_at { ", last started " (precise(dates, at)) }
            @if let Some(at) = action.finished_at { ", and came to its end " (precise(dates, at)) }
            "."
        }
    }
}
