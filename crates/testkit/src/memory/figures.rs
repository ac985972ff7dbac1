//! Figures over time.

use action_scheduler::store::{Figure, FiguresOf, FiguresQuery, Resolution};
use jiff::Timestamp;

use super::state::State;

impl State {
    pub(super) fn add_figure(&mut self, figure: Figure) {
        let Figure { resolution, at, hook, counts } = figure;
        let key = (resolution, resolution.begin_of(at), hook);
        self.figures.entry(key).or_default().add(&counts);
    }

    pub(super) fn figures(&self, query: &FiguresQuery) -> Vec<Figure> {
        self.figures
            .iter()
            .filter(|((resolution, at, hook), _)| {
                *resolution == query.resolution
                    && *at >= query.from
                    && *at < query.to
                    && match &query.of {
                        FiguresOf::Together => hook.is_none(),
                        FiguresOf::Hook(wanted) => hook.as_ref() == Some(wanted),
                        FiguresOf::EachHook => hook.is_some(),
                    }
            })
            .take(query.limit.map_or(usize::MAX, |limit| limit as usize))
            .map(|((resolution, at, hook), counts)| Figure {
                resolution: *resolution,
                at: *at,
                hook: hook.clone(),
                counts: counts.clone(),
            })
            .collect()
    }

    /// Deletes figures that have been kept long enough, at most so many of each resolution.
    pub(super) fn clean_figures(&mut self, limit: u32, now: Timestamp) -> u64 {
        let mut deleted = 0;
        for wanted in Resolution::ALL {
            let mut left = limit;
            self.figures.retain(|(resolution, at, _), _| {
                let goes = *resolution == wanted && *at < wanted.kept_from(now) && left > 0;
                left -= u32::from(goes);
                !goes
            });
            deleted += u64::from(limit - left);
        }
        deleted
    }
}
