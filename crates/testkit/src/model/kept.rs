//! What programs around the engine keep in a store, by chance: records and figures.

use std::time::Duration;

use action_scheduler::store::{
    Expected, Figure, FigureCounts, FiguresOf, FiguresQuery, Put, PutRecord, RecordKind,
    RecordsQuery, Resolution,
};
use action_scheduler::{Hook, Result};
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::ops::{after, date, hook};
use crate::StoreUnderTest;

/// Something to do with records or figures; dates are seconds from now.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum KeptOp {
    PutRecords(Vec<PutOp>),
    DeleteRecords { kind: u8, keys: Vec<u8> },
    Records { kind: u8, keys: Option<Vec<u8>>, after: Option<u8>, limit: Option<u32> },
    AddFigures(Vec<FigureOp>),
    Figures { resolution: Resolution, of: SeriesOp, from: i64, to: i64, limit: Option<u32> },
}

/// A record to be put.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct PutOp {
    pub kind: u8,
    pub key: u8,
    pub body: u8,
    pub expires: Option<i64>,
    pub expected: Expected,
}

/// What happened in a minute or an hour, to one hook or to all together.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct FigureOp {
    pub resolution: Resolution,
    pub at: i64,
    pub hook: Option<u8>,
    pub stored: u8,
    pub failed: u8,
    pub ran: Vec<u16>,
}

/// Whose figures are asked for.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub enum SeriesOp {
    Together,
    Hook(u8),
    EachHook,
}

pub(super) fn kept() -> impl Strategy<Value = KeptOp> {
    let kind = || 0..2u8;
    let key = || 0..4u8;
    let resolution = || prop_oneof![Just(Resolution::Minute), Just(Resolution::Hour)];
    let limit = || option::weighted(0.3, 0..4u32);
    let series = prop_oneof![
        Just(SeriesOp::Together),
        (0..3u8).prop_map(SeriesOp::Hook),
        Just(SeriesOp::EachHook)
    ];
    prop_oneof![
        3 => vec(put(), 1..4).prop_map(KeptOp::PutRecords),
        1 => (kind(), vec(key(), 1..3))
            .prop_map(|(kind, keys)| KeptOp::DeleteRecords { kind, keys }),
        3 => (kind(), option::weighted(0.3, vec(key(), 0..3)), option::weighted(0.3, key()), limit())
            .prop_map(|(kind, keys, after, limit)| KeptOp::Records { kind, keys, after, limit }),
        2 => vec(figure(), 1..4).prop_map(KeptOp::AddFigures),
        2 => (resolution(), series, date(), date(), limit()).prop_map(
            |(resolution, of, from, to, limit)| {
                // Which figures of one date come first is the store's own affair.
                let limit = limit.filter(|_| !matches!(of, SeriesOp::EachHook));
                KeptOp::Figures { resolution, of, from: from.min(to) - 3600, to: from.max(to), limit }
            }
        ),
    ]
}

fn put() -> impl Strategy<Value = PutOp> {
    let expected = prop_oneof![
        2 => Just(Expected::Any),
        1 => Just(Expected::Absent),
        2 => (1..4u64).prop_map(Expected::Version),
    ];
    (0..2u8, 0..4u8, 0..5u8, option::weighted(0.3, date()), expected).prop_map(
        |(kind, key, body, expires, expected)| PutOp { kind, key, body, expires, expected },
    )
}

fn figure() -> impl Strategy<Value = FigureOp> {
    let resolution = prop_oneof![Just(Resolution::Minute), Just(Resolution::Hour)];
    let hook = option::weighted(0.7, 0..3u8);
    (resolution, date(), hook, 0..3u8, 0..3u8, vec(0..3000u16, 0..3)).prop_map(
        |(resolution, at, hook, stored, failed, ran)| FigureOp {
            resolution,
            at,
            hook,
            stored,
            failed,
            ran,
        },
    )
}

/// A call of a method for what is kept.
#[derive(Debug, Clone)]
pub(super) enum KeptCall {
    PutRecords(Vec<PutRecord>),
    DeleteRecords(RecordKind, Vec<String>),
    Records(RecordsQuery),
    AddFigures(Vec<Figure>),
    Figures(FiguresQuery),
}

/// Its answer.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "answers are compared as text")]
pub(super) enum KeptAnswer {
    Put(Vec<Put>),
    Deleted(Vec<bool>),
    /// Key, body, version and expiry of each.
    Records(Vec<(String, String, u64, Option<Timestamp>)>),
    /// By date and hook.
    Figures(Vec<(Timestamp, Option<Hook>, FigureCounts)>),
    Done,
}

fn kind(number: u8) -> RecordKind {
    RecordKind::new(["user", "session-2"][usize::from(number % 2)]).unwrap()
}

fn key(number: u8) -> String {
    ["a", "B", "b", "é"][usize::from(number % 4)].to_owned()
}

impl KeptOp {
    pub(super) fn plan(&self, now: Timestamp) -> KeptCall {
        match self {
            KeptOp::PutRecords(puts) => {
                let put = |put: &PutOp| PutRecord {
                    kind: kind(put.kind),
                    key: key(put.key),
                    body: format!(r#"{{"n":{}}}"#, put.body),
                    expires_at: put.expires.map(|seconds| after(now, seconds)),
                    expected: put.expected,
                };
                KeptCall::PutRecords(puts.iter().map(put).collect())
            }
            KeptOp::DeleteRecords { kind: of, keys } => {
                KeptCall::DeleteRecords(kind(*of), keys.iter().map(|number| key(*number)).collect())
            }
            KeptOp::Records { kind: of, keys, after, limit } => KeptCall::Records(RecordsQuery {
                kind: kind(*of),
                keys: keys.as_ref().map(|keys| keys.iter().map(|number| key(*number)).collect()),
                after: after.map(key),
                limit: *limit,
            }),
            KeptOp::AddFigures(figures) => {
                KeptCall::AddFigures(figures.iter().map(|figure| figure.figure(now)).collect())
            }
            KeptOp::Figures { resolution, of, from, to, limit } => {
                KeptCall::Figures(FiguresQuery {
                    resolution: *resolution,
                    from: after(now, *from),
                    to: after(now, *to),
                    of: match of {
                        SeriesOp::Together => FiguresOf::Together,
                        SeriesOp::Hook(number) => FiguresOf::Hook(hook(*number)),
                        SeriesOp::EachHook => FiguresOf::EachHook,
                    },
                    limit: *limit,
                })
            }
        }
    }
}

impl FigureOp {
    fn figure(&self, now: Timestamp) -> Figure {
        let mut counts = FigureCounts {
            stored: self.stored.into(),
            failed: self.failed.into(),
            ..FigureCounts::default()
        };
        for millis in &self.ran {
            counts.ran.count(Duration::from_millis((*millis).into()));
        }
        let (at, hook) = (after(now, self.at), self.hook.map(hook));
        Figure { resolution: self.resolution, at, hook, counts }
    }
}

impl KeptCall {
    pub(super) async fn perform(self, store: &StoreUnderTest) -> Result<KeptAnswer> {
        Ok(match self {
            KeptCall::PutRecords(puts) => KeptAnswer::Put(store.put_records(puts).await?),
            KeptCall::DeleteRecords(kind, keys) => {
                KeptAnswer::Deleted(store.delete_records(kind, keys).await?)
            }
            KeptCall::Records(query) => {
                let records = store.records(query).await?.into_iter();
                let parts = records.map(|it| (it.key, it.body, it.version, it.expires_at));
                KeptAnswer::Records(parts.collect())
            }
            KeptCall::AddFigures(figures) => {
                store.add_figures(figures).await?;
                KeptAnswer::Done
            }
            KeptCall::Figures(query) => {
                let figures = store.figures(query).await?.into_iter();
                let mut figures: Vec<_> = figures.map(|it| (it.at, it.hook, it.counts)).collect();
                figures.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
                KeptAnswer::Figures(figures)
            }
        })
    }
}
