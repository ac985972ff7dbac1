//! Policies, as they are given.

use std::time::Duration;

use action_scheduler::Policy;
use serde::Serialize;
use utoipa::ToSchema;

/// The settings that hold for the actions of a hook. Lengths of time are in seconds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Policy)]
pub(crate) struct PolicyShape {
    /// After this long an action is marked as failed, though its handler may go on.
    timeout: f64,
    /// After this long its handler is ended for certain.
    kill_after: f64,
    /// How often an action is tried before it is failed.
    max_attempts: u32,
    /// The wait before the second attempt; it doubles for each further one.
    backoff_first: f64,
    /// The longest wait between two attempts.
    backoff_max: f64,
    /// What becomes of an action whose runner died while it was in-progress: `fail` or `retry`.
    #[schema(value_type = String)]
    on_crash: &'static str,
    /// After this many failures in a row a chain is paused; none is never.
    failure_threshold: Option<u32>,
    /// How long finished actions are kept; none is for ever.
    retention: RetentionShape,
    /// What is logged: `full`, `failures` or `none`.
    #[schema(value_type = String)]
    log: &'static str,
}

/// How long finished actions are kept, in seconds; none is for ever.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Retention)]
struct RetentionShape {
    /// Complete actions.
    complete: Option<f64>,
    /// Canceled actions.
    canceled: Option<f64>,
    /// Failed actions.
    failed: Option<f64>,
}

impl From<&Policy> for PolicyShape {
    fn from(policy: &Policy) -> Self {
        let seconds = |kept: Option<Duration>| kept.map(|kept| kept.as_secs_f64());
        Self {
            timeout: policy.timeout.as_secs_f64(),
            kill_after: policy.kill_after.as_secs_f64(),
            max_attempts: policy.max_attempts,
            backoff_first: policy.backoff.first.as_secs_f64(),
            backoff_max: policy.backoff.max.as_secs_f64(),
            on_crash: policy.on_crash.as_str(),
            failure_threshold: policy.failure_threshold,
            retention: RetentionShape {
                complete: seconds(policy.retention.complete),
                canceled: seconds(policy.retention.canceled),
                failed: seconds(policy.retention.failed),
            },
            log: policy.log.as_str(),
        }
    }
}
