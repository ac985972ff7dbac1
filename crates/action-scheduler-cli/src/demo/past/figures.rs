//! The figures of what was made up, so that charts and tables show the past as they show what really ran.

use std::collections::BTreeMap;
use std::time::Duration;

use action_scheduler::store::{ActionRecord, Figure, FigureCounts, Resolution};
use action_scheduler::{Hook, Status, Step};
use jiff::Timestamp;

/// Figures that are still growing.
#[derive(Default)]
struct Figures(BTreeMap<(Resolution, Option<Hook>, Timestamp), FigureCounts>);

/// The figures of these actions.
pub(super) fn of(actions: &[ActionRecord]) -> Vec<Figure> {
    let mut figures = Figures::default();
    for record in actions {
        figures.add(record);
    }
    let figures = figures.0.into_iter();
    figures
        .map(|((resolution, hook, at), counts)| Figure { resolution, at, hook, counts })
        .collect()
}

impl Figures {
    fn add(&mut self, record: &ActionRecord) {
        let action = &record.action;
        let hook = &action.hook;
        if action.chain.is_none() {
            self.count(hook, action.created_at, |counts| counts.stored += 1);
        }
        for entry in record.log.iter().filter(|entry| entry.step == Step::Retry) {
            self.count(hook, entry.at, |counts| {
                counts.failed += 1;
                counts.retried += 1;
            });
        }
        let Some(started) = action.started_at else { return };
        self.count(hook, started, |counts| {
            counts.started += 1;
            counts.delay.count(between(action.scheduled_at, started));
        });
        let Some(finished) = action.finished_at else { return };
        self.count(hook, finished, |counts| {
            match action.status {
                Status::Complete => counts.complete += 1,
                Status::Failed => counts.failed += 1,
                Status::Pending | Status::InProgress | Status::Canceled => return,
            }
            counts.ran.count(between(started, finished));
        });
    }

    fn count(&mut self, hook: &Hook, at: Timestamp, count: impl Fn(&mut FigureCounts)) {
        for resolution in Resolution::ALL {
            for hook in [None, Some(hook.clone())] {
                count(self.0.entry((resolution, hook, resolution.begin_of(at))).or_default());
            }
        }
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
