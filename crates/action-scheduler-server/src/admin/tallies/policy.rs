//! The policy of a hook, each setting with the pattern that made it so.

use std::time::Duration;

use action_scheduler::Hook;
use action_scheduler::policy::{Policies, Policy, PolicyChange};
use action_scheduler::time::words::short;

/// A setting of a policy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Its key in the config file.
    pub(super) key: &'static str,
    /// What holds.
    pub(super) value: String,
    /// The pattern that set it; without one it is what holds for all hooks.
    pub(super) pattern: Option<String>,
}

/// The policy of a hook, setting by setting.
pub(super) fn settings(policies: &Policies, hook: &Hook) -> Vec<Setting> {
    let policy = policies.of(hook);
    type Value = fn(&Policy) -> String;
    type Sets = fn(&PolicyChange) -> bool;
    let parts: [(&'static str, Value, Sets); 8] = [
        ("timeout", |policy| short(policy.timeout), |change| change.timeout.is_some()),
        ("kill_after", |policy| short(policy.kill_after), |change| change.kill_after.is_some()),
        (
            "max_attempts",
            |policy| policy.max_attempts.to_string(),
            |change| change.max_attempts.is_some(),
        ),
        (
            "backoff",
            |policy| {
                format!(
                    "{} at first, then twice as long up to {}",
                    short(policy.backoff.first),
                    short(policy.backoff.max)
                )
            },
            |change| change.backoff.is_some(),
        ),
        ("on_crash", |policy| policy.on_crash.to_string(), |change| change.on_crash.is_some()),
        (
            "failure_threshold",
            |policy| match policy.failure_threshold {
                Some(count) => format!("a chain is paused after {count} in a row"),
                None => "a chain is never paused".to_owned(),
            },
            |change| change.failure_threshold.is_some(),
        ),
        (
            "retention",
            |policy| {
                let kept =
                    |kept: Option<Duration>| kept.map_or_else(|| "for ever".to_owned(), short);
                let retention = &policy.retention;
                format!(
                    "complete {}, canceled {}, failed {}",
                    kept(retention.complete),
                    kept(retention.canceled),
                    kept(retention.failed)
                )
            },
            |change| change.retention.is_some(),
        ),
        ("log", |policy| policy.log.to_string(), |change| change.log.is_some()),
    ];
    let made_by = |sets: Sets| {
        let changes = policies.changes_of(hook).filter(|(_, change)| sets(change));
        changes.last().map(|(pattern, _)| pattern.to_string())
    };
    let setting = |(key, value, sets): (&'static str, Value, Sets)| Setting {
        key,
        value: value(&policy),
        pattern: made_by(sets),
    };
    parts.into_iter().map(setting).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_names_the_pattern_that_made_it_so() {
        let mut policies = Policies::default();
        let timeout = Some(Duration::from_secs(2));
        let wide = PolicyChange { timeout, max_attempts: Some(3), ..Default::default() };
        policies.set("pay_*".parse().unwrap(), wide);
        let exact = PolicyChange { timeout: Some(Duration::from_secs(1)), ..Default::default() };
        policies.set("pay_card".parse().unwrap(), exact);
        let settings = settings(&policies, &Hook::new("pay_card").unwrap());
        let of = |key: &str| {
            let found = settings.iter().find(|setting| setting.key == key).unwrap();
            (found.value.as_str(), found.pattern.as_deref())
        };
        assert_eq!(of("timeout"), ("1s", Some("pay_card")));
        assert_eq!(of("max_attempts"), ("3", Some("pay_*")));
        assert_eq!(of("on_crash"), ("fail", None));
    }
}
