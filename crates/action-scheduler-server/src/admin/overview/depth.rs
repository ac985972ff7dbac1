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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use action_scheduler::time::Clock;
    use action_scheduler::{Scheduler, Store};
    use jiff::SignedDuration;
    use testkit::MemoryStore;

    use super::*;
    use crate::config::ServerConfig;

    fn site() -> (Site, Clock) {
        let clock = Clock::manual(testkit::conformance::NOON.parse().unwrap());
        let scheduler = Scheduler::builder(Arc::new(MemoryStore::new(clock.clone()))).build();
        let config = ServerConfig::default();
        let address = config.listen;
        (Site::new(scheduler, config, address), clock)
    }

    async fn late(site: &Site) {
        let scheduler = site.scheduler();
        scheduler.schedule_single(scheduler.now(), "task", ()).await.unwrap();
    }

    async fn seen(site: &Site, period: Period) -> Vec<Option<u64>> {
        let slots = period.slots(site.scheduler().now());
        let depths = depths(site, period, &slots).await.unwrap();
        depths.into_iter().map(|depth| depth.map(|depth| depth.past_due)).collect()
    }

    #[tokio::test]
    async fn each_slot_shows_the_deepest_that_was_seen_in_it() {
        let (site, clock) = site();
        assert!(seen(&site, Period::Hour).await.iter().all(Option::is_none));
        late(&site).await;
        sample(&site).await.unwrap();
        clock.advance(SignedDuration::from_mins(3));
        late(&site).await;
        late(&site).await;
        sample(&site).await.unwrap();
        let hour = seen(&site, Period::Hour).await;
        assert_eq!(hour[56..], [Some(1), None, None, Some(3)]);
        assert!(hour[..56].iter().all(Option::is_none));
        assert_eq!(seen(&site, Period::Day).await.pop(), Some(Some(3)));
        // Of an hour the latest look counts, and it is within two hours of the week.
        assert_eq!(seen(&site, Period::Week).await.pop(), Some(Some(3)));
    }

    #[tokio::test]
    async fn a_look_is_forgotten_after_as_long_as_its_figures_are_kept() {
        let (site, clock) = site();
        late(&site).await;
        sample(&site).await.unwrap();
        clock.advance(SignedDuration::from_hours(27));
        assert!(seen(&site, Period::Day).await.iter().all(Option::is_none));
        let week = seen(&site, Period::Week).await;
        assert_eq!(week.iter().flatten().count(), 1);
    }

    #[tokio::test]
    async fn it_is_looked_at_once_when_the_server_begins_and_until_it_stops() {
        let (site, _) = site();
        let shutdown = Shutdown::new();
        let keeping = tokio::spawn(keep(site.clone(), shutdown.clone()));
        let query = || RecordsQuery::new(kind(Resolution::Minute).unwrap());
        while site.scheduler().store().records(query()).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        shutdown.stop();
        keeping.await.unwrap();
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_no_depth() {
        let (site, _) = site();
        let kind = kind(Resolution::Minute).unwrap();
        let puts = ["x", "000000000001"].map(|key| PutRecord::new(kind.clone(), key, "[]"));
        let store: &Arc<dyn Store> = site.scheduler().store();
        store.put_records(puts.to_vec()).await.unwrap();
        assert!(seen(&site, Period::Hour).await.iter().all(Option::is_none));
    }
}
