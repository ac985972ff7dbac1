//! What happens to an action next, and why: in sentences.

use action_scheduler::policy::OnCrash;
use action_scheduler::store::{Chain, ChainState};
use action_scheduler::text::{safe, thousands};
use action_scheduler::time::words::{Dates, short};
use action_scheduler::{Action, Policy, Status};
use maud::{Markup, html};

use super::diagnosis::{Holder, Reason};
use super::view::WINDOW;
use crate::admin::components::dates::{absolute, relative};
use crate::admin::components::icon::{Icon, icon};
use crate::admin::link::Link;
use crate::admin::visit::Visit;

/// Why it has not run yet, as a card.
pub(super) fn waiting(visit: &Visit, action: &Action, reasons: &[Reason]) -> Markup {
    html! {
        @if !reasons.is_empty() {
            section .card .padded .why aria-labelledby="why" {
                h2 #why { "Why has this not run yet?" }
                ul {
                    @for reason in reasons {
                        li .needs-help[reason.needs_help()] {
                            (icon(if reason.needs_help() { Icon::Warning } else { Icon::Clock }))
                            p { (sentence(visit, action, reason)) }
                        }
                    }
                }
            }
        }
    }
}

fn sentence(visit: &Visit, action: &Action, reason: &Reason) -> Markup {
    let dates = &visit.dates;
    match reason {
        Reason::NotDue { at } => html! { "Its date is to come: " (when(dates, *at)) "." },
        Reason::Retry { attempt, of, at } => html! {
            "It failed and is tried again: attempt " (attempt) " of " (of) " follows " (when(dates, *at)) "."
        },
        Reason::Claimed { claim, holder, since, waiting } => html! {
            "Claim " a href=(visit.href(Link::to("/actions").with("claim", claim))) { (claim) } " holds it"
            @if let Some(since) = since { ", since " (relative(dates, *since)) }
            ", with " (waiting) " that have not started. " (held_by(dates, holder.as_ref()))
        },
        Reason::NoRunner => html! {
            "No runner is known: nothing takes actions from this store. Start one with "
            code { "action-scheduler serve" } " or " code { "action-scheduler run" } "."
        },
        Reason::RunnersSilent { count, since } => html! {
            @if *count == 1 { "The only runner has" } @else { "All " (count) " runners have" }
            " given no sign of life since " (relative(dates, *since)) ". See "
            a href=(visit.href("/runners")) { "Runners" } "."
        },
        Reason::FilteredOut => html! {
            "The only runner does not take it: its settings leave out this hook or group. See "
            a href=(visit.href("/settings")) { "Settings" } "."
        },
        Reason::BatchesFull { open, most } => html! {
            "As many batches are open as may be (" (open) " of " (most) "): it is claimed when one of them has been started."
        },
        Reason::Behind { before } => html! {
            @if *before >= u64::from(WINDOW) { "More than " (thousands(*before)) } @else { (thousands(*before)) }
            @if *before == 1 { " action is" } @else { " actions are" } " due before it: "
            a href=(visit.href(Link::to("/actions").with("status", "past-due"))) { "the queue" } "."
        },
        Reason::ForRemoteWorkers => html! {
            "Its hook is left to remote workers: it runs when one of them claims it over the API."
        },
        Reason::NoHandler => html! {
            "Nothing is bound to " code { (safe(action.hook.as_str())) } " in this process: run here, it will fail. Bind a "
            code { "[[handler]]" } " in the config, or leave it to a runner that has one."
        },
        Reason::ChainStands { state, reason } => html! {
            "Its chain is " (state) @if let Some(reason) = reason { " (" (safe(reason)) ")" } "."
        },
        Reason::NextInLine => {
            html! { "It is due and next in line: a runner takes it as soon as it has room." }
        }
    }
}

fn held_by(dates: &Dates, holder: Option<&Holder>) -> Markup {
    match holder {
        Some(holder) if holder.is_alive => html! {
            "Its runner " code { (safe(&holder.name)) } " is alive, and starts it when a worker is free."
        },
        Some(holder) => html! {
            "Its runner " code { (safe(&holder.name)) } " was last seen " (relative(dates, holder.seen))
            ": when its lease is over, another runner puts the claim back into the queue."
        },
        None => html! { "Who staked the claim is not known here." },
    }
}

fn when(dates: &Dates, at: jiff::Timestamp) -> Markup {
    html! { (absolute(dates, at)) " (" (relative(dates, at)) ")" }
}

/// What happens next, by its status and the policy of its hook.
pub(super) fn next(
    dates: &Dates,
    action: &Action,
    policy: &Policy,
    chain: Option<&Chain>,
    handlers: &[String],
) -> Markup {
    let called = match handlers {
        [] => html! {},
        handlers => html! { " It calls " @for (place, handler) in handlers.iter().enumerate() {
        @if place > 0 { ", then " } code { (safe(handler)) } } "." },
    };
    let attempts = match policy.max_attempts.saturating_sub(action.attempts.0) {
        left if left > 1 => {
            html! { " If it fails it is tried again, up to " (left) " times in all." }
        }
        _ => html! { " If it fails it stays failed." },
    };
    let follows = match chain.map(|chain| chain.state) {
        Some(ChainState::Active) => {
            html! { " When it has come to its end, the next instance of its chain follows." }
        }
        _ => html! {},
    };
    match action.status {
        Status::Pending => {
            html! { p { "A runner claims it when it is due." (called) (attempts) (follows) } }
        }
        Status::InProgress => html! {
            p {
                "Its handler is running." (called)
                @if let Some(started) = action.started_at {
                    @if let Ok(at) = started.checked_add(policy.timeout) { " It counts as failed after " (short(policy.timeout)) ", " (relative(dates, at)) }
                    @if let Ok(at) = started.checked_add(policy.kill_after) { ", and is ended for certain after " (short(policy.kill_after)) ", " (relative(dates, at)) "." }
                }
                @match policy.on_crash {
                    OnCrash::Fail => { " Should its runner die, it is failed and not run a second time." }
                    OnCrash::Retry => { " Should its runner die, it is tried again." }
                }
                (follows)
            }
        },
        status => html! {
            p {
                @match status {
                    Status::Failed => { "Nothing, unless someone re-runs it." }
                    Status::Canceled => { "Nothing: it was canceled. It can still be re-run." }
                    _ => { "Nothing: it is done. It can still be re-run." }
                }
                @match (policy.retention.of(status), action.finished_at) {
                    (Some(kept), Some(at)) => {
                        @if let Ok(gone) = at.checked_add(kept) { " It is deleted, with its log, " (relative(dates, gone)) "." }
                    }
                    (None, _) => { " It is kept until someone deletes it." }
                    _ => {}
                }
            }
        },
    }
}
