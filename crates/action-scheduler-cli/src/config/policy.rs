//! `[policy]` and `[hooks."pattern"]`: how long an action may take, how often it is tried, what is kept of it.

use std::time::Duration;

use action_scheduler::Policy;
use action_scheduler::policy::{Backoff, PolicyChange, Retention};

use super::read::{Item, Section};
use crate::output::time::short;

/// The policy of all hooks: the defaults with the changes of `[policy]`.
pub fn read_base(section: Section<'_, '_>) -> Policy {
    let mut policy = Policy::default();
    read(section, &policy).apply(&mut policy);
    policy
}

/// The changes that a section makes to `base`. Of `backoff` and `retention`, what is not said is as in `base`.
pub fn read(mut section: Section<'_, '_>, base: &Policy) -> PolicyChange {
    let timeout = section.item("timeout").and_then(|item| positive(&item));
    let kill_after = section.item("kill_after");
    let change = PolicyChange {
        timeout,
        kill_after: kill_after.and_then(|item| {
            let kill_after = positive(&item)?;
            let timeout = timeout.unwrap_or(base.timeout);
            match kill_after < timeout {
                true => item.refuse(format_args!(
                    "{} is shorter than `timeout`, which is {}",
                    short(kill_after),
                    short(timeout)
                )),
                false => Some(kill_after),
            }
        }),
        max_attempts: section.item("max_attempts").and_then(|item| item.number(1..=u32::MAX)),
        backoff: section.section("backoff").map(|section| backoff(section, base.backoff)),
        on_crash: section.text("on_crash", str::parse),
        failure_threshold: section.item("failure_threshold").and_then(|item| threshold(&item)),
        retention: section.section("retention").map(|section| retention(section, base.retention)),
        log: section.text("log", str::parse),
    };
    section.close();
    change
}

fn positive(item: &Item<'_, '_>) -> Option<Duration> {
    match item.duration()? {
        Duration::ZERO => item.expected("a length of time of more than nothing"),
        duration => Some(duration),
    }
}

fn backoff(mut section: Section<'_, '_>, base: Backoff) -> Backoff {
    let first = section.item("first").and_then(|item| positive(&item)).unwrap_or(base.first);
    let max = section.duration("max").unwrap_or(base.max.max(first));
    if max < first {
        section.refuse(format_args!(
            "max, which is {}, is shorter than first, which is {}",
            short(max),
            short(first)
        ));
    }
    section.close();
    Backoff { first, max }
}

fn threshold(item: &Item<'_, '_>) -> Option<Option<u32>> {
    match item.text_or_number()?.as_str() {
        "never" => Some(None),
        text => match text.parse().ok().filter(|number| *number >= 1) {
            Some(number) => Some(Some(number)),
            None => item.expected("\"never\" or a whole number from 1"),
        },
    }
}

fn retention(mut section: Section<'_, '_>, base: Retention) -> Retention {
    let mut kept = |key, base| match section.item(key) {
        None => base,
        Some(item) if item.is_text("forever") => None,
        Some(item) => item.duration(),
    };
    let retention = Retention {
        complete: kept("complete", base.complete),
        canceled: kept("canceled", base.canceled),
        failed: kept("failed", base.failed),
    };
    section.close();
    retention
}

/// A policy as keys and values of a config file.
pub fn rows(policy: &Policy) -> Vec<(&'static str, String)> {
    let kept = |duration: Option<Duration>| duration.map_or_else(|| "forever".to_owned(), short);
    vec![
        ("timeout", short(policy.timeout)),
        ("kill_after", short(policy.kill_after)),
        ("max_attempts", policy.max_attempts.to_string()),
        ("backoff.first", short(policy.backoff.first)),
        ("backoff.max", short(policy.backoff.max)),
        ("on_crash", policy.on_crash.to_string()),
        (
            "failure_threshold",
            policy.failure_threshold.map_or_else(|| "never".to_owned(), |n| n.to_string()),
        ),
        ("retention.complete", kept(policy.retention.complete)),
        ("retention.canceled", kept(policy.retention.canceled)),
        ("retention.failed", kept(policy.retention.failed)),
        ("log", policy.log.to_string()),
    ]
}

/// What a change to `base` says, as keys and values of a config file.
pub fn changed_rows(change: &PolicyChange, base: &Policy) -> Vec<(&'static str, String)> {
    let mut policy = base.clone();
    change.apply(&mut policy);
    let is_said = |key: &str| match key.split('.').next() {
        Some("timeout") => change.timeout.is_some(),
        Some("kill_after") => change.kill_after.is_some(),
        Some("max_attempts") => change.max_attempts.is_some(),
        Some("backoff") => change.backoff.is_some(),
        Some("on_crash") => change.on_crash.is_some(),
        Some("failure_threshold") => change.failure_threshold.is_some(),
        Some("retention") => change.retention.is_some(),
        Some("log") => change.log.is_some(),
        _ => false,
    };
    rows(&policy).into_iter().filter(|(key, _)| is_said(key)).collect()
}
