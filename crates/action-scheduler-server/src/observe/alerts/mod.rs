//! Alerts: what is to be told to people when it begins and when it is over, once each.
//!
//! Data flows one way: a `View` of the store, `rules` that say what is wrong in it (`Trouble`), `incidents` that are
//! kept in the store until they are over, and targets that are told. Several servers on one store tell each incident once
//! between them.

mod email;
mod incidents;
mod rules;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use action_scheduler::Handler;

pub use self::email::{Email, EmailConfig};
pub(crate) use self::incidents::{Incident, open};
use self::rules::Trouble;
pub use self::rules::{FailureRate, Rules};
pub(crate) use self::watch::Watch;

/// What is watched for, and who is told.
#[derive(Clone)]
pub struct Alerts {
    /// What is watched for.
    pub rules: Rules,
    /// Who is told, each as an action of the hook [`HOOK`] would be: a webhook, a command, an e-mail.
    pub targets: Vec<Arc<dyn Handler>>,
    /// How often it is looked (10 s).
    pub every: Duration,
}

/// The hook in whose name targets are called.
pub const HOOK: &str = "action_scheduler_alert";

impl Default for Alerts {
    fn default() -> Self {
        Self { rules: Rules::default(), targets: Vec::new(), every: Duration::from_secs(10) }
    }
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let targets: Vec<String> = self.targets.iter().map(|target| target.describe()).collect();
        f.debug_struct("Alerts").field("rules", &self.rules).field("targets", &targets).finish()
    }
}
