//! What hooks did lately: over the last hour, and over the last day.

use std::collections::BTreeMap;

use action_scheduler::store::{FigureCounts, FiguresOf, FiguresQuery, Resolution};
use action_scheduler::{Hook, Result, Scheduler};
use jiff::SignedDuration;

/// The most figures that are read of all hooks for one span.
const MOST_FIGURES: u32 = 50_000;

/// A time that is looked back over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    /// Counted by minutes.
    Hour,
    /// Counted by hours.
    Day,
}

impl Span {
    fn resolution(self) -> Resolution {
        match self {
            Span::Hour => Resolution::Minute,
            Span::Day => Resolution::Hour,
        }
    }

    fn length(self) -> SignedDuration {
        match self {
            Span::Hour => SignedDuration::from_hours(1),
            Span::Day => SignedDuration::from_hours(24),
        }
    }

    /// The figures of the minutes, or hours, that began in this time.
    fn query(self, scheduler: &Scheduler, of: FiguresOf) -> FiguresQuery {
        let now = scheduler.now();
        FiguresQuery {
            resolution: self.resolution(),
            from: now - self.length(),
            // What another server has just counted may be of the next minute by its clock.
            to: now + SignedDuration::from_mins(1),
            of,
            limit: Some(MOST_FIGURES),
        }
    }
}

/// What a hook did lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lately {
    /// In the minutes that began in the last hour.
    pub(crate) hour: FigureCounts,
    /// In the hours that began in the last day.
    pub(crate) day: FigureCounts,
}

impl Lately {
    fn of_span(&mut self, span: Span) -> &mut FigureCounts {
        match span {
            Span::Hour => &mut self.hour,
            Span::Day => &mut self.day,
        }
    }
}

/// What one hook did lately.
pub(crate) async fn of_hook(scheduler: &Scheduler, hook: &Hook) -> Result<Lately> {
    let mut lately = Lately::default();
    for span in [Span::Hour, Span::Day] {
        let query = span.query(scheduler, FiguresOf::Hook(hook.clone()));
        for figure in scheduler.figures(query).await? {
            lately.of_span(span).add(&figure.counts);
        }
    }
    Ok(lately)
}

/// What each hook did lately; none if that is more than is read at once. Hooks that did nothing are not there.
pub(crate) async fn of_each_hook(scheduler: &Scheduler) -> Result<Option<BTreeMap<Hook, Lately>>> {
    let mut hooks: BTreeMap<Hook, Lately> = BTreeMap::new();
    for span in [Span::Hour, Span::Day] {
        let figures = scheduler.figures(span.query(scheduler, FiguresOf::EachHook)).await?;
        // The latest may be missing then, of any hook.
        if figures.len() >= MOST_FIGURES as usize {
            return Ok(None);
        }
        for figure in figures {
            let Some(hook) = figure.hook else { continue };
            hooks.entry(hook).or_default().of_span(span).add(&figure.counts);
        }
    }
    Ok(Some(hooks))
}
