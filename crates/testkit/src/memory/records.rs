//! Records.

use action_scheduler::store::{Expected, Put, PutRecord, Record, RecordKind, RecordsQuery};
use jiff::Timestamp;

use super::state::{State, whole_micros};

fn has_expired(record: &Record, now: Timestamp) -> bool {
    record.expires_at.is_some_and(|at| at <= now)
}

impl State {
    pub(super) fn put_record(&mut self, put: PutRecord, now: Timestamp) -> Put {
        let PutRecord { kind, key, body, expires_at, expected } = put;
        let before = self.records.get(&(kind.clone(), key.clone()));
        let live = before.filter(|record| !has_expired(record, now));
        let holds = match expected {
            Expected::Any => true,
            Expected::Absent => live.is_none(),
            Expected::Version(version) => live.is_some_and(|record| record.version == version),
        };
        if !holds {
            return Put::Refused;
        }
        let version = before.map_or(1, |record| record.version + 1);
        let expires_at = expires_at.map(whole_micros);
        let name = (kind.clone(), key.clone());
        self.records.insert(name, Record { kind, key, body, version, expires_at });
        Put::Done(version)
    }

    pub(super) fn records(&self, query: &RecordsQuery, now: Timestamp) -> Vec<Record> {
        self.records
            .values()
            .filter(|record| record.kind == query.kind && !has_expired(record, now))
            .filter(|record| query.keys.as_ref().is_none_or(|keys| keys.contains(&record.key)))
            .filter(|record| query.after.as_ref().is_none_or(|after| record.key > *after))
            .take(query.limit.map_or(usize::MAX, |limit| limit as usize))
            .cloned()
            .collect()
    }

    pub(super) fn delete_record(&mut self, kind: &RecordKind, key: String, now: Timestamp) -> bool {
        let gone = self.records.remove(&(kind.clone(), key));
        gone.is_some_and(|record| !has_expired(&record, now))
    }

    /// Deletes records that have expired.
    pub(super) fn clean_records(&mut self, limit: u32, now: Timestamp) -> u64 {
        let mut deleted = 0;
        self.records.retain(|_, record| {
            let goes = has_expired(record, now) && deleted < u64::from(limit);
            deleted += u64::from(goes);
            !goes
        });
        deleted
    }
}
