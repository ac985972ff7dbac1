//! What is wrong, by the rules of the config. No I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use action_scheduler::{ChainId, Hook, RunnerId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What is watched for; `None` and `false` are not.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// An action has been due for longer than this (15 min).
    pub past_due_older_than: Option<Duration>,
    /// Too many attempts fail.
    pub failure_rate: Option<FailureRate>,
    /// A chain of recurring actions is paused.
    pub chain_paused: bool,
    /// A runner has died.
    pub runner_lost: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            past_due_older_than: Some(Duration::from_secs(15 * 60)),
            failure_rate: Some(FailureRate::default()),
            chain_paused: true,
            runner_lost: true,
        }
    }
}

/// When too many attempts fail, over all hooks or of one of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FailureRate {
    /// The share that may fail, from 0 to 1 (0.5).
    pub above: f64,
    /// Over how long it is counted (10 min).
    pub window: Duration,
    /// With fewer attempts than this nothing is said (20).
    pub at_least: u64,
}

impl Default for FailureRate {
    fn default() -> Self {
        Self { above: 0.5, window: Duration::from_secs(600), at_least: 20 }
    }
}

/// What rules look at.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    pub(super) now: Timestamp,
    /// The date of the first pending action, due or not.
    pub(super) first_pending: Option<Timestamp>,
    /// How many are due.
    pub(super) past_due: u64,
    /// Attempts that ended within the window, and how many of them failed, by hook.
    pub(super) attempts: BTreeMap<Hook, Attempts>,
    /// Paused chains, and why they are.
    pub(super) paused: Vec<(ChainId, Hook, Option<String>)>,
    /// Runners that were lost and not replaced.
    pub(super) lost: Vec<(RunnerId, String)>,
}

/// How attempts came out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Attempts {
    pub(super) ended: u64,
    pub(super) failed: u64,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trouble {
    /// What tells it from other troubles, for as long as it lasts: `past-due`, `chain:12`.
    pub(crate) key: String,
    /// Which rule it is about.
    pub(crate) kind: TroubleKind,
    /// What is wrong, in one sentence.
    pub(crate) summary: String,
    /// Where in the admin it is seen: a path.
    pub(crate) path: String,
}

/// The rule that a trouble is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TroubleKind {
    /// [`Rules::past_due_older_than`].
    PastDue,
    /// [`Rules::failure_rate`].
    FailureRate,
    /// [`Rules::chain_paused`].
    ChainPaused,
    /// [`Rules::runner_lost`].
    RunnerLost,
}

impl Rules {
    /// What is wrong.
    pub(super) fn troubles(&self, view: &View) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        troubles.extend(self.past_due(view));
        troubles.extend(self.failing(view));
        if self.chain_paused {
            troubles.extend(view.paused.iter().map(|(chain, hook, reason)| Trouble {
                key: format!("chain:{chain}"),
                kind: TroubleKind::ChainPaused,
                summary: match reason {
                    Some(reason) => format!("the chain {chain} of {hook:?} is paused: {reason}"),
                    None => format!("the chain {chain} of {hook:?} is paused"),
                },
                path: format!("/schedules/{chain}"),
            }));
        }
        if self.runner_lost {
            troubles.extend(view.lost.iter().map(|(runner, name)| Trouble {
                key: format!("runner:{runner}"),
                kind: TroubleKind::RunnerLost,
                summary: format!("the runner {runner} ({name}) has died"),
                path: "/runners".to_owned(),
            }));
        }
        troubles
    }

    fn past_due(&self, view: &View) -> Option<Trouble> {
        let limit = SignedDuration::try_from(self.past_due_older_than?).ok()?;
        let first = view.first_pending?;
        let late = view.now.duration_since(first);
        (late > limit).then(|| Trouble {
            key: "past-due".to_owned(),
            kind: TroubleKind::PastDue,
            summary: format!(
                "{} past-due, the first since {first:.0} ({} minutes)",
                actions(view.past_due),
                late.as_mins()
            ),
            path: "/actions?status=past-due".to_owned(),
        })
    }

    fn failing(&self, view: &View) -> Vec<Trouble> {
        let Some(rule) = self.failure_rate else { return Vec::new() };
        let of_hooks = view.attempts.iter().filter(|(_, attempts)| rule.is_broken_by(**attempts));
        let mut troubles: Vec<Trouble> = of_hooks
            .map(|(hook, attempts)| Trouble {
                key: format!("failures:{hook}"),
                kind: TroubleKind::FailureRate,
                summary: rule.in_words(&format!("of {hook:?}"), *attempts),
                path: format!(
                    "/actions?status=failed&hook={}",
                    percent_encoding::utf8_percent_encode(
                        hook.as_str(),
                        percent_encoding::NON_ALPHANUMERIC
                    )
                ),
            })
            .collect();
        let all = view.attempts.values().fold(Attempts::default(), |all, of_hook| Attempts {
            ended: all.ended + of_hook.ended,
            failed: all.failed + of_hook.failed,
        });
        // Where one hook says it, the sum says nothing more.
        if troubles.is_empty() && rule.is_broken_by(all) {
            troubles.push(Trouble {
                key: "failures".to_owned(),
                kind: TroubleKind::FailureRate,
                summary: rule.in_words("of all hooks", all),
                path: "/actions?status=failed".to_owned(),
            });
        }
        troubles
    }
}

impl FailureRate {
    #[expect(clippy::cast_precision_loss, reason = "a share, not a count")]
    fn share(attempts: Attempts) -> f64 {
        attempts.failed as f64 / attempts.ended.max(1) as f64
    }

    fn is_broken_by(&self, attempts: Attempts) -> bool {
        attempts.ended >= self.at_least && Self::share(attempts) > self.above
    }

    fn in_words(&self, of: &str, attempts: Attempts) -> String {
        format!(
            "{:.0} % of the attempts {of} failed within {} minutes ({} of {})",
            100.0 * Self::share(attempts),
            self.window.as_secs() / 60,
            attempts.failed,
            attempts.ended
        )
    }
}

fn actions(count: u64) -> String {
    match count {
        1 => "1 action is".to_owned(),
        _ => format!("{count} actions are"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(name: &str) -> Hook {
        Hook::new(name).unwrap()
    }

    fn noon() -> Timestamp {
        "2026-01-15T12:00:00Z".parse().unwrap()
    }

    fn keys(rules: &Rules, view: &View) -> Vec<String> {
        rules.troubles(view).into_iter().map(|trouble| trouble.key).collect()
    }

    fn attempts(ended: u64, failed: u64) -> Attempts {
        Attempts { ended, failed }
    }

    #[test]
    fn all_is_well_in_an_empty_store() {
        let view = View { now: noon(), ..View::default() };
        assert_eq!(keys(&Rules::default(), &view), Vec::<String>::new());
    }

    #[test]
    fn an_action_may_be_late_up_to_the_limit() {
        let view = |minutes: u64| View {
            now: noon(),
            first_pending: Some(noon() - Duration::from_secs(60 * minutes)),
            past_due: 3,
            ..View::default()
        };
        assert_eq!(keys(&Rules::default(), &view(15)), Vec::<String>::new());
        assert_eq!(keys(&Rules::default(), &view(16)), ["past-due"]);
    }

    #[test]
    fn a_pending_action_of_the_future_is_not_late() {
        let view = View {
            now: noon(),
            first_pending: Some(noon() + Duration::from_secs(3600)),
            ..View::default()
        };
        assert_eq!(keys(&Rules::default(), &view), Vec::<String>::new());
    }

    #[test]
    fn few_attempts_prove_nothing() {
        let view = View {
            attempts: [(hook("a"), attempts(19, 19))].into(),
            now: noon(),
            ..View::default()
        };
        assert_eq!(keys(&Rules::default(), &view), Vec::<String>::new());
    }

    #[test]
    fn a_failing_hook_is_named_and_the_sum_is_not_told_again() {
        let both = [(hook("a"), attempts(20, 20)), (hook("b"), attempts(10, 0))];
        let view = View { attempts: both.into(), now: noon(), ..View::default() };
        assert_eq!(keys(&Rules::default(), &view), ["failures:a"]);
    }

    #[test]
    fn many_hooks_that_fail_a_little_each_are_told_as_a_whole() {
        let all = (0..10).map(|n| (hook(&format!("hook_{n}")), attempts(4, 3)));
        let view = View { attempts: all.collect(), now: noon(), ..View::default() };
        assert_eq!(keys(&Rules::default(), &view), ["failures"]);
    }

    #[test]
    fn what_is_not_watched_for_is_not_told() {
        let view = View {
            now: noon(),
            first_pending: Some(Timestamp::UNIX_EPOCH),
            past_due: 1,
            attempts: [(hook("a"), attempts(100, 100))].into(),
            paused: vec![(ChainId::new(1).unwrap(), hook("a"), None)],
            lost: vec![(RunnerId::new(1).unwrap(), "shop:1".to_owned())],
        };
        assert_eq!(keys(&Rules::default(), &view).len(), 4);
        let nothing = Rules {
            past_due_older_than: None,
            failure_rate: None,
            chain_paused: false,
            runner_lost: false,
        };
        assert_eq!(keys(&nothing, &view), Vec::<String>::new());
    }
}
