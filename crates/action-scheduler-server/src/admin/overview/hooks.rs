//! Which hooks are slow, and which fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use action_scheduler::Result;
use action_scheduler::store::{Figure, FigureCounts, FiguresQuery};
use action_scheduler::text::thousands;
use maud::{Markup, html};

use super::period::Period;
use crate::admin::components::chart::part;
use crate::admin::components::dates::length;
use crate::admin::components::text::name;
use crate::admin::link::Link;
use crate::admin::visit::Visit;
use crate::site::{Remembered, Site};

/// How many hooks each list names.
const NAMED: usize = 6;

/// What each hook did, by name.
type Hooks = BTreeMap<String, FigureCounts>;

/// What each hook did in each of the periods. A server of many hooks takes a while to say that of a week, which may be as old
/// as the slots of its charts are long.
#[derive(Clone, Default)]
pub(crate) struct HookFigures(Remembered<Period, Hooks>);

impl HookFigures {
    /// What each did in a period, by the figures of this query.
    pub(super) async fn of(
        &self,
        site: &Site,
        period: Period,
        query: FiguresQuery,
    ) -> Result<Arc<Hooks>> {
        let scheduler = site.scheduler().clone();
        let read = async move { Ok(by_hook(scheduler.figures(query).await?)) };
        self.0.get(period, period.step().unsigned_abs(), read).await
    }
}

fn by_hook(figures: Vec<Figure>) -> Hooks {
    let mut hooks = Hooks::new();
    for figure in figures {
        if let Some(hook) = figure.hook {
            hooks.entry(hook.as_str().to_owned()).or_default().add(&figure.counts);
        }
    }
    hooks
}

/// The slowest hooks, by the run time that one in twenty attempts exceeds.
pub(super) fn slowest(visit: &Visit, hooks: &Hooks) -> Markup {
    let mut slow: Vec<_> = hooks
        .iter()
        .filter_map(|(hook, counts)| Some((hook, counts.ran.quantile(0.95)?, counts)))
        .collect();
    slow.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(other.0)));
    let longest = slow.first().map_or(1.0, |(_, high, _)| high.as_secs_f64().max(1e-6));
    html! {
        section .card .padded aria-labelledby="slowest" {
            div .section-head { h2 #slowest { "Slowest hooks" } span .muted { "95th percentile of run time" } }
            @if slow.is_empty() { p .muted { "Nothing has run in this time." } }
            ol .ranking {
                @for (hook, high, counts) in slow.into_iter().take(NAMED) {
                    li .meter {
                        a .plain href=(visit.href(Link::to("/actions").with("hook", hook))) { (name(hook)) }
                        span { strong { (length(high)) } " " span .muted { "of " (thousands(counts.ran.total())) } }
                        (part("series-high", high.as_secs_f64() / longest))
                    }
                }
            }
        }
    }
}

/// The hooks whose attempts failed most.
pub(super) fn failing(visit: &Visit, hooks: &Hooks) -> Markup {
    let bad = |counts: &FigureCounts| counts.failed + counts.timed_out + counts.crashed;
    let mut failing: Vec<_> = hooks.iter().filter(|(_, counts)| bad(counts) > 0).collect();
    failing.sort_by(|one, other| bad(other.1).cmp(&bad(one.1)).then_with(|| one.0.cmp(other.0)));
    html! {
        section .card .padded aria-labelledby="failing" {
            div .section-head { h2 #failing { "Most failing hooks" } span .muted { "attempts that failed" } }
            @if failing.is_empty() { p .muted { "No attempt has failed in this time." } }
            ol .ranking {
                @for (hook, counts) in failing.into_iter().take(NAMED) {
                    @let all = bad(counts) + counts.complete;
                    @let share = bad(counts) as f64 / all.max(1) as f64;
                    li .meter {
                        a .plain href=(visit.href(Link::to("/actions").with("hook", hook).with("status", "failed"))) { (name(hook)) }
                        span { strong { (thousands(bad(counts))) } " " span .muted { "of " (thousands(all)) ", " (percent(share)) } }
                        (part("series-failed", share))
                    }
                }
            }
        }
    }
}

/// A share as a percentage: `0.4 %`, `12 %`.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 10.0 && percent > 0.0 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}
