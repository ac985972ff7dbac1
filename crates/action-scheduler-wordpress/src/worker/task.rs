//! What a worker can be asked to do.

use std::time::Duration;

use action_scheduler::HandlerContext;

use super::frame::{Events, Run, frame};

/// Moving events takes a few statements for each; a site that takes this long hangs.
const MOVING: Duration = Duration::from_secs(60);

/// Something for a worker to do.
pub(crate) enum Task<'a> {
    /// To run an action.
    Action {
        /// The action; its log is told what is printed.
        action: &'a HandlerContext,
        /// Who runs it, as listeners are told.
        context: &'a str,
    },
    /// To move the events of WP-Cron that are due into the queue.
    Events,
}

impl Task<'_> {
    pub(super) fn frame(&self, seq: u64) -> serde_json::Result<Vec<u8>> {
        match self {
            Self::Action { action, context } => {
                let run = Run {
                    seq,
                    id: action.id().get(),
                    hook: action.hook().as_str(),
                    args: action.args().as_str(),
                    group: action.group().as_str(),
                    scheduled: action.scheduled_at().as_second(),
                    context,
                };
                frame(b'R', &run)
            }
            Self::Events => frame(b'E', &Events { seq }),
        }
    }

    /// Whether it is not wanted any more.
    pub(crate) fn is_canceled(&self) -> bool {
        match self {
            Self::Action { action, .. } => action.is_canceled(),
            Self::Events => false,
        }
    }

    /// Completes when it is to end, done or not.
    pub(super) async fn canceled(&self) {
        match self {
            Self::Action { action, .. } => action.canceled().await,
            Self::Events => tokio::time::sleep(MOVING).await,
        }
    }

    pub(super) fn printed(&self, text: String) {
        match self {
            Self::Action { action, .. } => action.log_output(text),
            Self::Events => tracing::debug!(text, "printed while events of WP-Cron were moved"),
        }
    }

    pub(super) fn warned(&self, text: String) {
        match self {
            Self::Action { action, .. } => action.log(text),
            Self::Events => tracing::debug!(text, "while events of WP-Cron were moved"),
        }
    }
}
