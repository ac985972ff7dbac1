//! What varies by hook: how long an action may take, how often it is tried, what is kept of it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::action::{Attempt, Hook, Status};
use crate::error::Invalid;

/// The settings that hold for the actions of a hook, complete.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// After this long an action is marked as failed, though its handler may go on (5 minutes).
    pub timeout: Duration,
    /// After this long its handler is ended for certain (10 minutes).
    pub kill_after: Duration,
    /// How often an action is tried before it is failed (1).
    pub max_attempts: u32,
    /// How long to wait before the next attempt.
    pub backoff: Backoff,
    /// What becomes of an action whose runner died while it was in-progress.
    pub on_crash: OnCrash,
    /// After this many failures in a row a chain is paused (5); `None` is never.
    pub failure_threshold: Option<u32>,
    /// How long finished actions are kept.
    pub retention: Retention,
    /// What is logged of running it. What people do to an action, and what recovery does, is always logged.
    pub log: LogLevel,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(300),
            kill_after: Duration::from_secs(600),
            max_attempts: 1,
            backoff: Backoff::default(),
            on_crash: OnCrash::default(),
            failure_threshold: Some(5),
            retention: Retention::default(),
            log: LogLevel::default(),
        }
    }
}

/// The wait before the next attempt: `first`, doubled each time up to `max`, and up to a quarter of it added by chance
/// so that what failed together is not tried together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait before the second attempt (10 seconds).
    pub first: Duration,
    /// The longest wait (1 hour), before chance is added.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(10), max: Duration::from_secs(3600) }
    }
}

impl Backoff {
    /// The wait after `attempt` failed. `chance` is from 0 to 1 and decides how much is added.
    pub fn after(&self, attempt: Attempt, chance: f64) -> Duration {
        let doublings = attempt.0.saturating_sub(1).min(31);
        let wait = self.first.saturating_mul(1 << doublings).min(self.max);
        wait.saturating_add(wait.mul_f64(0.25 * chance.clamp(0.0, 1.0)))
    }
}

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident, $what:literal, $($(#[$vdoc:meta])* $variant:ident = $text:literal),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant),+
        }

        impl $name {
            /// The word for it in a config file.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                match text {
                    $($text => Ok($name::$variant),)+
                    _ => Err(Invalid::new($what, text, concat!("expected one of:" $(, " ", $text)+))),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

choice!(
    /// What becomes of an action whose runner died while it was in-progress.
    OnCrash, "on_crash",
    /// It is failed: it may have done half its work, and is never started a second time.
    #[default]
    Fail = "fail",
    /// It is tried again, after the backoff: its handler must bear being run twice.
    Retry = "retry"
);

choice!(
    /// How much of an action's life is logged.
    LogLevel, "log",
    /// Every step.
    #[default]
    Full = "full",
    /// Only what went wrong.
    Failures = "failures",
    /// Nothing.
    None = "none"
);

/// How long finished actions are kept, by status; `None` is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Complete actions (31 days).
    pub complete: Option<Duration>,
    /// Canceled actions (31 days).
    pub canceled: Option<Duration>,
    /// Failed actions (for ever).
    pub failed: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        let month = Duration::from_secs(31 * 86_400);
        Self { complete: Some(month), canceled: Some(month), failed: None }
    }
}

impl Retention {
    /// How long actions of this status are kept; those that have not ended are kept.
    pub fn of(&self, status: Status) -> Option<Duration> {
        match status {
            Status::Complete => self.complete,
            Status::Canceled => self.canceled,
            Status::Failed => self.failed,
            Status::Pending | Status::InProgress => None,
        }
    }
}

/// A pattern for hooks: `*` stands for any number of characters, all else for itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HookPattern(String);

impl HookPattern {
    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for this hook.
    pub fn matches(&self, hook: &Hook) -> bool {
        let text = hook.as_str();
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some((_, after)) = rest.split_once(part) else { return false };
            rest = after;
        }
        rest.ends_with(last)
    }

    /// How exactly it names hooks: of two patterns that match, the one with more fixed characters decides, and one
    /// without `*` over any other.
    fn exactness(&self) -> (bool, usize) {
        let stars = self.0.matches('*').count();
        (stars == 0, self.0.len() - stars)
    }
}

impl fmt::Display for HookPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for HookPattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Hook::new(text).map_err(|_| {
            Invalid::new(
                "hook pattern",
                text,
                "expected a hook, with * for any characters, such as payment_*",
            )
        })?;
        Ok(Self(text.to_owned()))
    }
}

/// Changes to a policy: what is `None` stays as it was.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PolicyChange {
    /// See [`Policy::timeout`].
    pub timeout: Option<Duration>,
    /// See [`Policy::kill_after`].
    pub kill_after: Option<Duration>,
    /// See [`Policy::max_attempts`].
    pub max_attempts: Option<u32>,
    /// See [`Policy::backoff`].
    pub backoff: Option<Backoff>,
    /// See [`Policy::on_crash`].
    pub on_crash: Option<OnCrash>,
    /// See [`Policy::failure_threshold`].
    pub failure_threshold: Option<Option<u32>>,
    /// See [`Policy::retention`].
    pub retention: Option<Retention>,
    /// See [`Policy::log`].
    pub log: Option<LogLevel>,
}

impl PolicyChange {
    /// Makes the changes to a policy.
    pub fn apply(&self, policy: &mut Policy) {
        fn set<T: Clone>(target: &mut T, change: &Option<T>) {
            if let Some(value) = change {
                target.clone_from(value);
            }
        }
        set(&mut policy.timeout, &self.timeout);
        set(&mut policy.kill_after, &self.kill_after);
        set(&mut policy.max_attempts, &self.max_attempts);
        set(&mut policy.backoff, &self.backoff);
        set(&mut policy.on_crash, &self.on_crash);
        set(&mut policy.failure_threshold, &self.failure_threshold);
        set(&mut policy.retention, &self.retention);
        set(&mut policy.log, &self.log);
        policy.max_attempts = policy.max_attempts.max(1);
        policy.kill_after = policy.kill_after.max(policy.timeout);
    }
}

/// The policies of all hooks: a default, and changes by pattern.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    base: Policy,
    /// The least exact first, so that the more exact ones have the last word.
    changes: Vec<(HookPattern, PolicyChange)>,
}

impl Policies {
    /// Policies in which every hook has this one.
    pub fn new(base: Policy) -> Self {
        Self { base, changes: Vec::new() }
    }

    /// Adds changes for the hooks that match a pattern. Where several patterns match, a more exact one decides.
    pub fn set(&mut self, pattern: HookPattern, change: PolicyChange) {
        let exactness = pattern.exactness();
        let place = self.changes.partition_point(|(other, _)| other.exactness() <= exactness);
        self.changes.insert(place, (pattern, change));
    }

    /// The policy of hooks for which nothing else was set.
    pub fn base(&self) -> &Policy {
        &self.base
    }

    /// The policy of a hook.
    pub fn of(&self, hook: &Hook) -> Policy {
        let mut policy = self.base.clone();
        for (_, change) in self.changes_of(hook) {
            change.apply(&mut policy);
        }
        policy
    }

    /// The changes that make the policy of a hook, each with its pattern: the last one has the last word.
    pub fn changes_of(&self, hook: &Hook) -> impl Iterator<Item = &(HookPattern, PolicyChange)> {
        self.changes.iter().filter(|(pattern, _)| pattern.matches(hook))
    }

    /// The patterns that have policies of their own.
    pub fn patterns(&self) -> impl Iterator<Item = &HookPattern> {
        self.changes.iter().map(|(pattern, _)| pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(name: &str) -> Hook {
        Hook::new(name).unwrap()
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        let matches = |pattern: &str, name: &str| {
            pattern.parse::<HookPattern>().unwrap().matches(&hook(name))
        };
        assert!(matches("payment_*", "payment_") && matches("payment_*", "payment_due"));
        assert!(
            matches("*", "anything") && matches("a*b*c", "a_b_b_c") && matches("*_due", "x_due")
        );
        assert!(
            !matches("payment_*", "repayment_due")
                && !matches("a*b*c", "a_c")
                && !matches("ab", "abc")
        );
        assert!(!matches("ab*ba", "aba"));
    }

    #[test]
    fn the_more_exact_pattern_decides_each_setting() {
        let mut policies = Policies::default();
        let seconds = |n| Some(Duration::from_secs(n));
        policies.set(
            "pay_card".parse().unwrap(),
            PolicyChange { timeout: seconds(1), ..Default::default() },
        );
        policies.set(
            "*".parse().unwrap(),
            PolicyChange { max_attempts: Some(9), ..Default::default() },
        );
        policies.set(
            "pay_*".parse().unwrap(),
            PolicyChange { timeout: seconds(2), max_attempts: Some(3), ..Default::default() },
        );
        let card = policies.of(&hook("pay_card"));
        assert_eq!((card.timeout, card.max_attempts), (Duration::from_secs(1), 3));
        assert_eq!(policies.of(&hook("other")).max_attempts, 9);
        assert_eq!(policies.of(&hook("other")).timeout, Policy::default().timeout);
    }

    #[test]
    fn backoff_doubles_up_to_its_limit() {
        let backoff = Backoff { first: Duration::from_secs(10), max: Duration::from_secs(60) };
        let waits: Vec<u64> = (1..6).map(|n| backoff.after(Attempt(n), 0.0).as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 60, 60]);
        assert_eq!(backoff.after(Attempt(1), 1.0), Duration::from_millis(12_500));
        assert!(backoff.after(Attempt(u32::MAX), 1.0) <= Duration::from_secs(75));
    }
}
