//! `/`: how things stand, at a glance.

mod depth;
mod hooks;
mod now;
mod period;

use std::time::Duration;

use action_scheduler::query::{Order, OrderBy};
use action_scheduler::store::{FigureCounts, FiguresOf, FiguresQuery};
use action_scheduler::text::thousands;
use action_scheduler::{Query as ActionQuery, Status};
use axum::extract::Query;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;

use self::depth::Depth;
use self::period::{Period, by_slot};
use super::components::chart::{Chart, Series, Shape, chart};
use super::components::dates::length;
use super::layout::{Page, Place};
use super::link::Link;
use super::trouble::Trouble;
use super::visit::Visit;

pub(crate) use self::depth::keep as keep_depth;
pub(crate) use self::hooks::HookFigures;

/// What is looked back over.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    over: String,
}

/// The most figures of single hooks that are read for a page.
const MOST_FIGURES: u32 = 20_000;

/// Shows how things stand.
pub(super) async fn show(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Trouble> {
    let period = Period::ALL.into_iter().find(|period| period.as_str() == asked.over);
    let period = period.unwrap_or_default();
    let scheduler = visit.site.scheduler();
    let slots = period.slots(visit.dates.now);
    let from = slots.first().copied().unwrap_or(visit.dates.now);
    let query = |of, resolution, limit| FiguresQuery {
        resolution,
        from,
        to: visit.dates.now + SignedDuration::from_hours(1),
        of,
        limit,
    };
    let together = query(FiguresOf::Together, period.resolution(), None);
    let each = query(FiguresOf::EachHook, period.resolution_of_hooks(), Some(MOST_FIGURES));
    let latest = ActionQuery::new().status(Status::Failed).order(OrderBy::Date, Order::Descending);
    let counted = visit.site.stats().await?;
    let stats = &*counted.value;
    let (runners, figures, hooks, depths, failed, incidents) = tokio::try_join!(
        scheduler.runners(),
        scheduler.figures(together),
        visit.site.hook_figures().of(&visit.site, period, each),
        depth::depths(&visit.site, period, &slots),
        scheduler.query(latest.limit(5)),
        visit.site.incidents(),
    )?;
    let reasons = scheduler.logs_of(failed.iter().map(|action| action.id).collect()).await?;
    let counts = by_slot(period, &slots, &figures);
    let body = html! {
        div #now data-live="now" .stack {
            (now::warnings(&visit, stats, &runners, &incidents))
            (now::figures(&visit, stats, &runners))
        }
        div #charts data-live="charts" .stack {
            (throughput(&visit, period, &slots, &counts))
            div .columns {
                (delay(&visit, period, &slots, &counts))
                (queue(&visit, period, &slots, &depths))
            }
            div .columns {
                (hooks::failing(&visit, &hooks))
                (hooks::slowest(&visit, &hooks))
                (now::failures(&visit, &failed, &reasons))
                (now::runners(&visit, &runners))
            }
        }
    };
    let page = Page::new(Place::Overview, "Overview").tools(periods(&visit, period)).body(body);
    Ok(visit.show(page.live()))
}

/// The choice of what is looked back over.
fn periods(visit: &Visit, current: Period) -> Markup {
    html! {
        nav .segments aria-label="Look back over" {
            @for period in Period::ALL {
                @let link = match period {
                    Period::Hour => Link::to("/"),
                    other => Link::to("/").with("over", other.as_str()),
                };
                a href=(visit.href(link)) aria-current=[(period == current).then_some("true")] { "Last " (period.as_str()) }
            }
        }
    }
}

fn values(
    counts: &[FigureCounts],
    value: impl Fn(&FigureCounts) -> Option<f64>,
) -> Vec<Option<f64>> {
    counts.iter().map(value).collect()
}

fn count_words(value: f64) -> String {
    match value {
        value if value.fract() > 0.001 => format!("{value:.1}"),
        value => thousands(value.max(0.0) as u64),
    }
}

fn seconds_words(value: f64) -> String {
    length(Duration::try_from_secs_f64(value.max(0.0)).unwrap_or_default())
}

fn throughput(
    visit: &Visit,
    period: Period,
    slots: &[Timestamp],
    counts: &[FigureCounts],
) -> Markup {
    let bad = |counts: &FigureCounts| counts.failed + counts.timed_out + counts.crashed;
    let some = |count: u64| (count > 0).then_some(count as f64);
    let complete: u64 = counts.iter().map(|counts| counts.complete).sum();
    let failed: u64 = counts.iter().map(bad).sum();
    let stored: u64 = counts.iter().map(|counts| counts.stored).sum();
    let slot = match period {
        Period::Hour => "minute",
        Period::Day => "quarter of an hour",
        Period::Week => "two hours",
    };
    chart(
        &visit.dates,
        &Chart {
            id: "throughput",
            title: "Throughput",
            note: html! {
                "Per " (slot) ". In all " (thousands(complete)) " complete, " (thousands(failed)) " failed attempts, "
                (thousands(stored)) " newly stored."
            },
            slots,
            label: period.label(),
            series: vec![
                Series {
                    name: "complete",
                    class: "series-complete",
                    values: values(counts, |counts| some(counts.complete)),
                },
                Series {
                    name: "failed",
                    class: "series-failed",
                    values: values(counts, |counts| some(bad(counts))),
                },
            ],
            shape: Shape::Bars,
            words: count_words,
        },
    )
}

fn delay(visit: &Visit, period: Period, slots: &[Timestamp], counts: &[FigureCounts]) -> Markup {
    let quantile = |part: f64| {
        values(counts, move |counts| counts.delay.quantile(part).map(|delay| delay.as_secs_f64()))
    };
    chart(
        &visit.dates,
        &Chart {
            id: "delay",
            title: "Delay",
            note: html! { "From the date of an action to its start." },
            slots,
            label: period.label(),
            series: vec![
                Series { name: "median", class: "series-median", values: quantile(0.5) },
                Series { name: "95th percentile", class: "series-high", values: quantile(0.95) },
            ],
            shape: Shape::Lines,
            words: seconds_words,
        },
    )
}

fn queue(visit: &Visit, period: Period, slots: &[Timestamp], depths: &[Option<Depth>]) -> Markup {
    let of = |value: fn(&Depth) -> u64| -> Vec<Option<f64>> {
        depths.iter().map(|depth| depth.as_ref().map(|depth| value(depth) as f64)).collect()
    };
    chart(
        &visit.dates,
        &Chart {
            id: "queue",
            title: "Queue",
            note: html! { "Looked at once a minute while a server runs." },
            slots,
            label: period.label(),
            series: vec![
                Series {
                    name: "past-due",
                    class: "series-high",
                    values: of(|depth| depth.past_due),
                },
                Series {
                    name: "running",
                    class: "series-depth",
                    values: of(|depth| depth.running),
                },
            ],
            shape: Shape::Lines,
            words: count_words,
        },
    )
}
