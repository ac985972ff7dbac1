//! How deep the queue is, over time. No figure says that, so it is sampled every minute and kept in the store: it
//! outlives the process, and several servers of one store write the same.

use std::time::Duration;

use action_scheduler::store::{
    Expected, PutRecord, Record, RecordKind, RecordsQuery, Resolution, Stats,
};
use action_scheduler::{Error, Shutdown, Status};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::period::{Period, slot_of};
use crate::site::Site;

/// How deep the queue was at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Depth {
    /// Pending, and their date had come.
    pub(super) past_due: u64,
    /// Being executed.
    pub(super) running: u64,
}

impl Depth {
    fn of(stats: &Stats) -> Self {
        let running = stats.counts.get(Status::InProgress.as_str()).copied().unwrap_or_default();
        Self { past_due: stats.past_due, running }
    }
}

/// Samples the depth every minute until the server stops.
pub(crate) async fn keep(site: Site, shutdown: Shutdown) {
    const EVERY: Duration = Duration::from_secs(60);
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.stopping() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = sample(&site).await {
            tracing::warn!(%error, "the depth of the queue was not recorded");
        }
    }
}

async fn sample(site: &Site) -> Result<(), Error> {
    let scheduler = site.scheduler();
    let now = scheduler.now();
    let depth = Depth::of(&scheduler.stats().await?);
    let body = serde_json::to_string(&depth).unwrap_or_default();
    let records = Resolution::ALL
        .into_iter()
        .filter_map(|resolution| {
            let expires = now.checked_add(resolution.kept_for()).ok();
            Some(PutRecord {
                kind: kind(resolution)?,
                key: key(resolution.begin_of(now)),
                body: body.clone(),
                expires_at: expires,
                expected: Expected::Any,
            })
        })
        .collect();
    scheduler.store().put_records(records).await?;
    Ok(())
}

fn kind(resolution: Resolution) -> Option<RecordKind> {
    let name = match resolution {
        Resolution::Minute => "depth_minute",
        Resolution::Hour => "depth_hour",
    };
    RecordKind::new(name).ok()
}

/// Keys sort as their dates do.
fn key(at: Timestamp) -> String {
    format!("{:012}", at.as_second())
}

/// The depth in each slot of a period: the deepest that was seen.
pub(super) async fn depths(
    site: &Site,
    period: Period,
    slots: &[Timestamp],
) -> Result<Vec<Option<Depth>>, Error> {
    let mut depths = vec![None; slots.len()];
    let (Some(kind), Some(first)) = (kind(period.resolution()), slots.first()) else {
        return Ok(depths);
    };
    let before = Timestamp::from_second(first.as_second() - 1).unwrap_or(*first);
    let query = RecordsQuery { kind, keys: None, after: Some(key(before)), limit: None };
    for record in site.scheduler().store().records(query).await? {
        let Some((at, depth)) = read(&record) else { continue };
        let place = slot_of(slots, period.step(), at);
        if let Some(slot) = place.and_then(|place| depths.get_mut(place)) {
            let known: &mut Depth = slot.get_or_insert(depth);
            known.past_due = known.past_due.max(depth.past_due);
            known.running = known.running.max(depth.running);
        }
    }
    Ok(depths)
}

fn read(record: &Record) -> Option<(Timestamp, Depth)> {
    let at = Timestamp::from_second(record.key.parse().ok()?).ok()?;
    Some((at, serde_json::from_str(&record.body).ok()?))
}
