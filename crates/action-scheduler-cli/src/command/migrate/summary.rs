//! What a move did, or would do, in words and as JSON.

use std::collections::BTreeMap;

use action_scheduler::migrate::{MovePlan, MoveReport};
use action_scheduler::store::{Migration, StoreUrl, Unreadable};
use serde::Serialize;

use super::layout;
use crate::output::{count, thousands};

/// A move, with whether it is complete.
#[derive(Serialize)]
pub struct Done<'a> {
    complete: bool,
    #[serde(flatten)]
    report: &'a MoveReport,
}

impl<'a> Done<'a> {
    /// What a move did.
    pub fn new(report: &'a MoveReport) -> Self {
        Self { complete: report.is_complete(), report }
    }
}

/// What a move would do.
#[derive(Serialize)]
pub struct Planned<'a> {
    /// What would go.
    #[serde(flatten)]
    pub plan: &'a MovePlan,
    /// What would be done to the layout of the target before.
    pub layout: &'a [Migration],
}

/// What was done, what is in both stores, and what is left.
pub fn done(report: &MoveReport, from: &StoreUrl, to: &StoreUrl) -> String {
    let mut lines = vec![format!(
        "moved {}, copied {}{}",
        count(report.moved, "pending action"),
        count(report.copied(), "finished one"),
        by_status(&report.copied),
    )];
    let compared = &report.compared;
    let history: u64 = compared.target.values().sum();
    if !report.interrupted {
        lines.push(format!(
            "compared: {} with {} are the same in both, {} moved, {}",
            count(history, "finished action"),
            entries(compared.target_log_entries),
            thousands(compared.moved),
            count(compared.chains, "chain"),
        ));
    }
    if compared.new_ids > 0 {
        lines.push(format!("{} another id in {to}, as theirs was taken", have(compared.new_ids)));
    }
    if compared.changed_since > 0 {
        lines.push(format!("{} changed or deleted in {to} since", were(compared.changed_since)));
    }
    lines.extend(left(report, from));
    for difference in &report.differences {
        lines.push(format!("{}: {}", difference.what, difference.problem));
    }
    let named = report.differences.len() as u64;
    if report.different > named {
        lines.push(format!("and {} more that differ", thousands(report.different - named)));
    }
    if report.interrupted {
        lines.push("stopped before the end; the same command goes on from here".to_owned());
    }
    lines.join("\n")
}

fn left(report: &MoveReport, from: &StoreUrl) -> Vec<String> {
    let left = &report.left;
    let mut lines = Vec::new();
    let parts: Vec<String> = [(left.pending, "pending"), (left.in_progress, "in-progress")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, status)| format!("{} {status}", thousands(number)))
        .chain((left.chains > 0).then(|| count(left.chains, "chain")))
        .collect();
    if !parts.is_empty() {
        lines.push(format!("left in {from}: {}; the same command moves them", parts.join(", ")));
    }
    for id in &left.again {
        lines.push(format!(
            "action {id} was put back into the queue of {from} after it had been moved; cancel it there, or let it run"
        ));
    }
    lines.extend(unreadable(&left.unreadable, left.unreadable_count));
    lines
}

fn unreadable(named: &[Unreadable], all: u64) -> Vec<String> {
    let mut lines: Vec<String> = named
        .iter()
        .map(|row| format!("{} cannot be read, and stays: {}", row.what, row.reason))
        .collect();
    let more = all.saturating_sub(named.len() as u64);
    if more > 0 {
        lines.push(format!("and {} more that cannot be read", thousands(more)));
    }
    lines
}

/// What would be done.
pub fn planned(plan: &MovePlan, steps: &[Migration], to: &StoreUrl) -> String {
    let mut lines = Vec::new();
    if !steps.is_empty() {
        lines.push(format!("{to} would be brought up to date first:\n{}", layout::steps(steps)));
    }
    let entries = entries(plan.log_entries);
    let actions = count(plan.total(), "action");
    lines.push(format!("would move {actions}{}, with {entries}", by_status(&plan.actions)));
    let chains: u64 = plan.chains.values().sum();
    if chains > 0 {
        lines.push(format!("and {}{}", count(chains, "chain"), by_status(&plan.chains)));
    }
    if plan.moved_before > 0 {
        lines.push(format!("{} moved before", were(plan.moved_before)));
    }
    if plan.taken_ids > 0 {
        lines.push(format!(
            "{} would get another id, as theirs is taken",
            thousands(plan.taken_ids)
        ));
    }
    lines.extend(unreadable(&plan.unreadable, plan.unreadable_count));
    lines.join("\n")
}

fn by_status(counts: &BTreeMap<&'static str, u64>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .filter(|(_, number)| **number > 0)
        .map(|(status, number)| format!("{} {status}", thousands(*number)))
        .collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

fn have(number: u64) -> String {
    if number == 1 {
        "1 action has".to_owned()
    } else {
        format!("{} actions have", thousands(number))
    }
}

fn were(number: u64) -> String {
    if number == 1 { "1 was".to_owned() } else { format!("{} were", thousands(number)) }
}

fn entries(number: u64) -> String {
    format!("{} log {}", thousands(number), if number == 1 { "entry" } else { "entries" })
}
