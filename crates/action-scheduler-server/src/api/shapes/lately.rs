//! What hooks did lately, as it is given.

use action_scheduler::store::{FigureCounts, Histogram};
use serde::Serialize;
use utoipa::ToSchema;

use crate::site::lately::Lately;

/// What a hook did lately.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Figures)]
pub(crate) struct FiguresShape {
    /// In the last hour, by whole minutes.
    last_hour: CountsShape,
    /// In the last day, by whole hours.
    last_day: CountsShape,
}

impl From<&Lately> for FiguresShape {
    fn from(lately: &Lately) -> Self {
        Self { last_hour: (&lately.hour).into(), last_day: (&lately.day).into() }
    }
}

/// What a hook did in some time. Lengths of time are in seconds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FigureCounts)]
struct CountsShape {
    /// Actions stored; the next instances of chains are not among them.
    stored: u64,
    /// Attempts started.
    started: u64,
    /// Actions that became complete.
    complete: u64,
    /// Attempts that failed, whether or not another one follows.
    failed: u64,
    /// Those of them that another one follows.
    retried: u64,
    /// Attempts that ran longer than their timeout; they are not counted as failed.
    timed_out: u64,
    /// Attempts whose runner died.
    crashed: u64,
    /// How long attempts ran.
    run_time: SpreadShape,
    /// How long after their date they were started.
    delay: SpreadShape,
}

impl From<&FigureCounts> for CountsShape {
    fn from(counts: &FigureCounts) -> Self {
        let FigureCounts { stored, started, complete, failed, retried, timed_out, crashed, .. } =
            *counts;
        Self {
            stored,
            started,
            complete,
            failed,
            retried,
            timed_out,
            crashed,
            run_time: (&counts.ran).into(),
            delay: (&counts.delay).into(),
        }
    }
}

/// How some lengths of time are spread, in seconds; none where there are none. Percentiles are estimates.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Spread)]
struct SpreadShape {
    /// Their average.
    mean: Option<f64>,
    /// What half of them do not exceed.
    p50: Option<f64>,
    /// What 95 of 100 do not exceed.
    p95: Option<f64>,
    /// What 99 of 100 do not exceed.
    p99: Option<f64>,
}

impl From<&Histogram> for SpreadShape {
    fn from(histogram: &Histogram) -> Self {
        let quantile = |part| histogram.quantile(part).map(|length| length.as_secs_f64());
        Self {
            mean: histogram.mean().map(|mean| mean.as_secs_f64()),
            p50: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
        }
    }
}
