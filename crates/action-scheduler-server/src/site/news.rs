//! What happens to actions, as it becomes known here: counted for those who want to know that something changed, and one by
//! one for those who listen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use action_scheduler::{ActionId, Event, Hook, Observer};
use tokio::sync::broadcast;

/// How many pieces of news a listener may be behind before some are lost to it.
const BEHIND: usize = 1024;

/// What happened to one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Happening {
    /// What happened, in a word.
    pub(crate) what: &'static str,
    /// The action.
    pub(crate) action: ActionId,
    /// Its hook, where that is known.
    pub(crate) hook: Option<Hook>,
    /// Its place among all that has happened since the server began.
    pub(crate) number: u64,
}

/// Tells of what happens.
pub(crate) struct News {
    /// Tells this run of the server from others.
    run: u64,
    happened: AtomicU64,
    listeners: broadcast::Sender<Happening>,
}

impl News {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            run: rand::random(),
            happened: AtomicU64::new(0),
            listeners: broadcast::Sender::new(BEHIND),
        })
    }

    /// Tells this run of the server from others.
    pub(crate) fn run(&self) -> u64 {
        self.run
    }

    /// How much has happened since the server began.
    pub(crate) fn happened(&self) -> u64 {
        self.happened.load(Ordering::Relaxed)
    }

    /// All that happens from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Happening> {
        self.listeners.subscribe()
    }

    fn tell(&self, what: &'static str, action: ActionId, hook: Option<&Hook>) {
        let number = self.happened.fetch_add(1, Ordering::Relaxed) + 1;
        if self.listeners.receiver_count() > 0 {
            // Whoever stopped listening in between misses nothing.
            let _ = self.listeners.send(Happening { what, action, hook: hook.cloned(), number });
        }
    }
}

impl Observer for News {
    fn observe(&self, event: &Event) {
        match event {
            Event::Stored { action, hook, .. } => self.tell("stored", *action, Some(hook)),
            Event::Started { action, hook, .. } => self.tell("started", *action, Some(hook)),
            Event::Completed { action, hook, .. } => self.tell("complete", *action, Some(hook)),
            Event::Failed { action, hook, .. } => self.tell("failed", *action, Some(hook)),
            Event::Retrying { action, hook, .. } => self.tell("retrying", *action, Some(hook)),
            Event::TimedOut { action, hook, .. } => self.tell("timed-out", *action, Some(hook)),
            Event::Crashed { action, hook, .. } => self.tell("crashed", *action, Some(hook)),
            Event::NextScheduled { action, .. } => self.tell("stored", *action, None),
            Event::Canceled { actions, .. } => {
                actions.iter().for_each(|action| self.tell("canceled", *action, None));
            }
            Event::Deleted { actions, .. } => {
                actions.iter().for_each(|action| self.tell("deleted", *action, None));
            }
            _ => {
                self.happened.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
