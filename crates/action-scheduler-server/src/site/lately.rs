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

/// What each hook did lately.
#[derive(Debug, Default)]
pub(crate) struct EachLately {
    hooks: BTreeMap<Hook, Lately>,
    /// There are more figures than are read at once: nothing is known of this hook and those after it.
    known_before: Option<Hook>,
}

impl EachLately {
    /// What a hook did; none if there are too many hooks to know.
    pub(crate) fn of(&self, hook: &Hook) -> Option<Lately> {
        if self.known_before.as_ref().is_some_and(|first| hook >= first) {
            return None;
        }
        Some(self.hooks.get(hook).cloned().unwrap_or_default())
    }
}

/// What each hook did lately.
pub(crate) async fn of_each_hook(scheduler: &Scheduler) -> Result<EachLately> {
    let mut each = EachLately::default();
    for span in [Span::Hour, Span::Day] {
        let figures = scheduler.figures(span.query(scheduler, FiguresOf::EachHook)).await?;
        if figures.len() >= MOST_FIGURES as usize {
            let last = figures.last().and_then(|figure| figure.hook.clone());
            each.known_before = [each.known_before.take(), last].into_iter().flatten().min();
        }
        for figure in figures {
            let Some(hook) = figure.hook else { continue };
            each.hooks.entry(hook).or_default().of_span(span).add(&figure.counts);
        }
    }
    Ok(each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_hooks_whose_figures_were_not_all_read_nothing_is_said() {
        let hook = |name: &str| Hook::new(name).unwrap();
        let mut each = EachLately::default();
        each.hooks.entry(hook("b")).or_default().hour.stored = 2;
        assert_eq!(each.of(&hook("b")).unwrap().hour.stored, 2);
        assert_eq!(each.of(&hook("z")), Some(Lately::default()));
        each.known_before = Some(hook("b"));
        assert_eq!(each.of(&hook("a")), Some(Lately::default()));
        assert_eq!((each.of(&hook("b")), each.of(&hook("z"))), (None, None));
    }
}
