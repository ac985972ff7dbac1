//! What a schedule would mean: in words, and its next dates.

use action_scheduler::Schedule;
use action_scheduler::schedule::{Recurrence, Recurring};
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{Moment, SentSchedule};
use crate::access::Viewer;
use crate::http::{FromParameters, Given, Parameters, Problem};
use crate::site::Site;

/// A schedule to be looked at: one of `at`, `every` and `cron`, and what belongs to it.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Preview {
    /// A date: `2026-12-24 18:00`, `tomorrow 09:30`, `+2 hours`.
    at: Option<String>,
    /// A length of time between two instances: `90s`, `1h30m`.
    every: Option<String>,
    /// A cron expression: `0 3 * * *`.
    cron: Option<String>,
    /// The time zone that dates, or the expression, are read in.
    time_zone: Option<String>,
    /// The rules the expression is read by: `standard` or `action-scheduler`.
    dialect: Option<String>,
    /// The date of the first instance; of a cron expression, no date before this one.
    first: Option<String>,
    /// How many dates are given.
    #[param(minimum = 1, maximum = 100, default = 5)]
    count: Option<u32>,
}

impl FromParameters for Preview {
    fn read(given: &mut Given) -> Result<Self, Problem> {
        Ok(Self {
            at: given.text("at")?,
            every: given.text("every")?,
            cron: given.text("cron")?,
            time_zone: given.text("time_zone")?,
            dialect: given.text("dialect")?,
            first: given.text("first")?,
            count: given.number("count", 1..=100)?,
        })
    }
}

/// What a schedule means.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SchedulePreview {
    /// What it says, in words.
    description: String,
    /// Its next dates, if every instance runs on time.
    dates: Vec<Timestamp>,
    /// The same dates as the clock of the time zone shows them.
    local: Vec<String>,
    /// The time zone.
    time_zone: String,
}

/// Say what a schedule means, and when it would run
///
/// Nothing is stored. Send one of `at`, `every` and `cron`.
#[utoipa::path(
    get,
    path = "/schedule/preview",
    tag = "schedules",
    params(Preview),
    responses((status = 200, description = "What it means.", body = SchedulePreview))
)]
pub(super) async fn preview_schedule(
    State(site): State<Site>,
    _: Viewer,
    Parameters(preview): Parameters<Preview>,
) -> Result<Json<SchedulePreview>, Problem> {
    let scheduler = site.scheduler();
    let sent = SentSchedule {
        at: preview.at,
        every: preview.every,
        cron: preview.cron,
        time_zone: preview.time_zone,
        dialect: preview.dialect,
        first: preview.first,
        ..SentSchedule::default()
    };
    let schedule = sent.read(scheduler)?;
    if schedule == Schedule::Async {
        return Err(Problem::invalid("cron", "expected one of at, every and cron"));
    }
    let zone = match (&schedule, &sent.time_zone) {
        (Schedule::Recurring(Recurring { recurrence: Recurrence::Cron { cron, .. }, .. }), _) => {
            cron.zone().clone()
        }
        (_, Some(name)) => action_scheduler::time::time_zone(name)?,
        _ => scheduler.time_zone().clone(),
    };
    let moment = Moment { now: scheduler.now(), zone: &zone };
    let count = usize::try_from(preview.count.unwrap_or(5)).unwrap_or(usize::MAX);
    let dates: Vec<Timestamp> = dates_of(&schedule, moment.now).take(count).collect();
    let shown = |at: &Timestamp| {
        at.to_zoned(moment.zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string()
    };
    Ok(Json(SchedulePreview {
        description: described(&schedule),
        local: dates.iter().map(shown).collect(),
        time_zone: zone.iana_name().unwrap_or("UTC").to_owned(),
        dates,
    }))
}

fn described(schedule: &Schedule) -> String {
    match schedule {
        Schedule::Async => "As soon as a runner has room".to_owned(),
        Schedule::Single(_) => "Once".to_owned(),
        Schedule::Recurring(recurring) => match &recurring.recurrence {
            Recurrence::Interval(_) => schedule.to_string().replacen("every", "Every", 1),
            Recurrence::Cron { cron, .. } => cron.describe(),
        },
    }
}

/// The dates of a schedule, the first one first.
fn dates_of(schedule: &Schedule, now: Timestamp) -> Box<dyn Iterator<Item = Timestamp> + '_> {
    let first = schedule.first_date(now);
    match schedule {
        Schedule::Async | Schedule::Single(_) => Box::new(std::iter::once(first)),
        Schedule::Recurring(recurring) => {
            Box::new(std::iter::once(first).chain(recurring.dates_after(first)))
        }
    }
}
