//! Incidents: troubles that were found and are not over, kept in the store. Whoever puts the record of one first tells of
//! it; the record stays until all targets were told that it is over.
//!
//! Who tells holds the record for a while ([`LONGEST_TELLING`]). When it dies meanwhile another one goes on, and what was
//! told in that moment may be told twice: never not at all.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use action_scheduler::handler::HandlerContext;
use action_scheduler::store::{ClaimedAction, Expected, Put, PutRecord, RecordKind, RecordsQuery};
use action_scheduler::{
    ActionId, Args, Attempt, Group, Handler, Hook, Priority, Result, Scheduler,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{HOOK, Trouble};

const INCIDENT: RecordKind = RecordKind::constant("incident");

/// The longest key that a record may have, in bytes.
const LONGEST_KEY: usize = 255;

/// How long telling all targets may take before another server tries.
const LONGEST_TELLING: Duration = Duration::from_secs(120);

/// How long one target may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// For how long it is tried to tell a target.
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3600);

/// A trouble that was found, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Incident {
    /// What is wrong.
    pub(crate) trouble: Trouble,
    /// When it was found.
    pub(crate) begun_at: Timestamp,
    /// When it was over; then it stands only until all were told.
    pub(crate) over_at: Option<Timestamp>,
    /// The targets that know that it has begun.
    told_begin: BTreeSet<String>,
    /// The targets that know that it is over.
    told_end: BTreeSet<String>,
    /// Someone is telling, until then.
    telling_until: Option<Timestamp>,
}

/// What a target is told, as the args of the action it is called with.
#[derive(Debug, Serialize)]
struct Notice<'a> {
    /// `begun` or `over`.
    event: &'static str,
    rule: super::rules::TroubleKind,
    summary: &'a str,
    begun_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    over_at: Option<Timestamp>,
    path: &'a str,
}

impl Incident {
    fn new(trouble: Trouble, now: Timestamp) -> Self {
        Self {
            trouble,
            begun_at: now,
            over_at: None,
            told_begin: BTreeSet::new(),
            told_end: BTreeSet::new(),
            telling_until: None,
        }
    }

    fn told(&self) -> &BTreeSet<String> {
        if self.over_at.is_some() { &self.told_end } else { &self.told_begin }
    }

    fn notice(&self) -> Notice<'_> {
        Notice {
            event: if self.over_at.is_some() { "over" } else { "begun" },
            rule: self.trouble.kind,
            summary: &self.trouble.summary,
            begun_at: self.begun_at,
            over_at: self.over_at,
            path: &self.trouble.path,
        }
    }

    /// The targets that have not been told how it stands. Of what they never heard of they need not hear that it is over.
    fn untold<'t>(&self, targets: &'t [Arc<dyn Handler>]) -> Vec<(String, &'t Arc<dyn Handler>)> {
        let all = targets.iter().map(|target| (target.describe(), target));
        all.filter(|(name, _)| {
            !self.told().contains(name)
                && (self.over_at.is_none() || self.told_begin.contains(name))
        })
        .collect()
    }

    fn record(&self, expected: Expected) -> Result<PutRecord> {
        Ok(PutRecord::of(INCIDENT, record_key(&self.trouble.key), self)?.expected(expected))
    }
}

/// The key of an incident's record: the trouble's, or a hash of one that is too long.
fn record_key(key: &str) -> String {
    if key.len() <= LONGEST_KEY {
        return key.to_owned();
    }
    let hash = Sha256::digest(key.as_bytes());
    hash.iter().fold("hash:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// The incidents that are on, the oldest first.
pub(crate) async fn open(scheduler: &Scheduler) -> Result<Vec<Incident>> {
    let mut incidents: Vec<Incident> =
        all(scheduler).await?.into_iter().map(|(it, _)| it).collect();
    incidents.retain(|incident| incident.over_at.is_none());
    incidents.sort_by_key(|incident| incident.begun_at);
    Ok(incidents)
}

/// All incidents with the versions of their records. One that cannot be read is passed over, and said.
async fn all(scheduler: &Scheduler) -> Result<Vec<(Incident, u64)>> {
    let records = scheduler.store().records(RecordsQuery::new(INCIDENT)).await?;
    let read = records.into_iter().filter_map(|record| match record.read::<Incident>() {
        Ok(incident) => Some((incident, record.version)),
        Err(error) => {
            tracing::warn!(%error, "an incident cannot be read");
            None
        }
    });
    Ok(read.collect())
}

/// Brings the incidents in step with what is wrong now, and tells the targets.
pub(super) async fn reconcile(
    scheduler: &Scheduler,
    troubles: Vec<Trouble>,
    targets: &[Arc<dyn Handler>],
) -> Result<()> {
    let now = scheduler.now();
    let known = all(scheduler).await?;
    let lasting: BTreeSet<String> = troubles.iter().map(|trouble| trouble.key.clone()).collect();
    let mut puts = Vec::new();
    for trouble in troubles {
        let is_on = |(incident, _): &&(Incident, u64)| incident.trouble.key == trouble.key;
        match known.iter().find(is_on) {
            None => {
                tracing::warn!(alert = trouble.summary, "alert");
                puts.push(Incident::new(trouble, now).record(Expected::Absent)?);
            }
            // It came back before all were told that it was over: to them it never was.
            Some((incident, version)) if incident.over_at.is_some() => {
                let again =
                    Incident { over_at: None, told_end: BTreeSet::new(), ..incident.clone() };
                puts.push(again.record(Expected::Version(*version))?);
            }
            Some(_) => {}
        }
    }
    for (incident, version) in &known {
        if incident.over_at.is_none() && !lasting.contains(&incident.trouble.key) {
            tracing::info!(alert = incident.trouble.summary, "alert is over");
            let over = Incident { over_at: Some(now), ..incident.clone() };
            puts.push(over.record(Expected::Version(*version))?);
        }
    }
    if !puts.is_empty() {
        scheduler.store().put_records(puts).await?;
    }
    tell_all(scheduler, targets).await
}

/// Tells whoever does not know yet how incidents stand.
async fn tell_all(scheduler: &Scheduler, targets: &[Arc<dyn Handler>]) -> Result<()> {
    for (incident, version) in all(scheduler).await? {
        let now = scheduler.now();
        let untold = incident.untold(targets);
        let changed_at = incident.over_at.unwrap_or(incident.begun_at);
        let gives_up = now.duration_since(changed_at).unsigned_abs() > GIVE_UP_AFTER;
        if untold.is_empty() || gives_up {
            if incident.over_at.is_some() {
                let key = record_key(&incident.trouble.key);
                scheduler.store().delete_records(INCIDENT, vec![key]).await?;
            }
            continue;
        }
        if incident.telling_until.is_some_and(|until| until > now) {
            continue;
        }
        let held = Incident { telling_until: Some(now + LONGEST_TELLING), ..incident.clone() };
        let put = held.record(Expected::Version(version))?;
        let Some(Put::Done(version)) = scheduler.store().put_records(vec![put]).await?.pop() else {
            // Another server tells.
            continue;
        };
        let told = tell(&incident, &untold, now).await;
        let mut after = Incident { telling_until: None, ..incident };
        match after.over_at {
            None => after.told_begin.extend(told),
            Some(_) => after.told_end.extend(told),
        }
        let put = after.record(Expected::Version(version))?;
        scheduler.store().put_records(vec![put]).await?;
    }
    Ok(())
}

/// Tells these targets; the names of those that took it.
async fn tell(
    incident: &Incident,
    untold: &[(String, &Arc<dyn Handler>)],
    now: Timestamp,
) -> Vec<String> {
    let Some(context) = context_of(incident, now) else { return Vec::new() };
    let mut told = Vec::new();
    for (name, target) in untold {
        match tokio::time::timeout(PATIENCE, target.call(&context)).await {
            Ok(Ok(())) => told.push(name.clone()),
            Ok(Err(failure)) => {
                tracing::warn!(target = name, reason = failure.reason, "an alert was not taken");
            }
            Err(_) => tracing::warn!(target = name, "an alert was not taken in time"),
        }
    }
    told
}

/// What a target is called with: an action of the hook [`HOOK`] that was never stored. Its id is the moment it is about, in
/// microseconds: receivers that know a message by its id see the begin and the end of an incident as two.
fn context_of(incident: &Incident, now: Timestamp) -> Option<HandlerContext> {
    let moment = incident.over_at.unwrap_or(incident.begun_at);
    let action = ClaimedAction {
        id: ActionId::new(moment.as_microsecond())?,
        hook: Hook::new(HOOK).ok()?,
        group: Group::default(),
        args: Args::new(incident.notice()).ok()?,
        priority: Priority::default(),
        attempts: Attempt(1),
        scheduled_at: moment,
        chain: None,
    };
    Some(HandlerContext::new(action, Attempt(1), None, now + PATIENCE, CancellationToken::new()))
}
