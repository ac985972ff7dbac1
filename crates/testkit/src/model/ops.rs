//! Things to do to a store, by chance, in terms of what has been done to it before.

use std::time::Duration;

use action_scheduler::action::{NewAction, Priority, Status, Unique};
use action_scheduler::policy::HookPattern;
use action_scheduler::query::{Claimed, Comparator, Order, OrderBy};
use action_scheduler::schedule::{Cadence, Interval, Missed, Recurrence, Recurring};
use action_scheduler::{Args, Group, Hook, Schedule};
use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::kept::{KeptOp, kept};

/// Picks one of the latest things of its kind: 0 is the last one.
pub type Recent = usize;

/// Something to do.
///
/// Actions, claims, runners and chains are named by how recent they are, so that any sequence of these makes sense on
/// any store, also after some of it was taken away to find the smallest one that fails.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each stands for the store's method of that name")]
pub enum Op {
    Insert(Vec<InsertOp>),
    InsertOnce { key: u8, digest: u8, keep: i64, inserts: Vec<InsertOp> },
    Register,
    Heartbeat(Recent),
    Unregister(Recent),
    Claim { runner: Recent, limit: u32, pick: PickOp, open_claims: Option<u32> },
    Start { held: Vec<Recent>, log: bool, mix_up: bool },
    Finish(Vec<FinishOp>),
    Release(Vec<Recent>),
    Recover { runners: Vec<Recent>, stale: bool },
    Cancel(TargetOp),
    Delete(TargetOp),
    Rerun(TargetOp),
    RunNow(TargetOp),
    MoveTo(TargetOp, i64),
    Pause(Recent),
    Resume(Recent, i64),
    Reschedule(Recent, i64),
    Note(Vec<Recent>),
    Advance(i64),
    Clean { status: Status, age: i64, hook: Option<u8>, limit: u32, dry: bool },
    CleanOrphans,
    Look(QueryOp),
    Kept(KeptOp),
}

/// An action to be stored; dates are seconds from now.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct InsertOp {
    pub hook: u8,
    pub group: u8,
    pub args: u8,
    pub priority: u8,
    pub unique: Unique,
    pub schedule: ScheduleOp,
    pub log: bool,
}

/// When an action is to run; dates are seconds from now.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub enum ScheduleOp {
    Async,
    Single(i64),
    Hourly(i64),
}

/// What a batch is picked from.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum PickOp {
    Due { hook: Option<u8>, group: Option<u8>, exclude: Option<u8>, exclude_hook: Option<u8> },
    Ids(Vec<Recent>),
}

/// How an attempt comes out.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub enum OutcomeOp {
    Complete,
    Failed,
    TimedOut,
    Retry(i64),
    NotCalled,
    Crashed,
    CrashedRetry(i64),
}

/// A report on an attempt.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct FinishOp {
    pub attempt: Recent,
    pub outcome: OutcomeOp,
    /// Whether it names an attempt that there is not.
    pub wrong: bool,
    pub log: bool,
    /// What it says of the chain; `None` is nothing.
    pub succession: Option<SuccessionOp>,
}

/// How a chain goes on; the date is seconds from now.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct SuccessionOp {
    pub next: Option<i64>,
    pub threshold: Option<u32>,
}

/// The actions that something is done to.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum TargetOp {
    Ids(Vec<Recent>),
    Matching(QueryOp),
}

/// A question for actions; dates are seconds from now.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct QueryOp {
    pub hook: Option<u8>,
    pub group: Option<u8>,
    pub args: Option<u8>,
    pub statuses: Vec<Status>,
    pub scheduled: Option<(Comparator, i64)>,
    pub modified: Option<(Comparator, i64)>,
    pub claimed: Option<bool>,
    pub search: Option<&'static str>,
    pub order_by: OrderBy,
    pub order: Order,
    pub limit: Option<u32>,
    pub offset: u32,
    pub within: Option<u32>,
}

/// Sequences of things to do, some two for each of `longest` turns at most: single ones, and attempts from their claim on.
pub fn ops(longest: usize) -> impl Strategy<Value = Vec<Op>> {
    let turn = prop_oneof![4 => op().prop_map(|op| vec![op]), 1 => attempts()];
    (vec(insert(), 1..4), vec(turn, 1..=longest)).prop_map(|(inserts, turns)| {
        let begin = vec![Op::Register, Op::Insert(inserts)];
        std::iter::once(begin).chain(turns).flatten().collect()
    })
}

/// A claim, the start of what it holds, and perhaps its end, perhaps with something in between.
fn attempts() -> impl Strategy<Value = Vec<Op>> {
    let claim = (1..4u32, pick(), date()).prop_map(|(limit, pick, later)| {
        let claim = Op::Claim { runner: 0, limit, pick, open_claims: None };
        vec![
            Op::Advance(later.abs()),
            claim,
            Op::Start { held: vec![0, 1, 2], log: true, mix_up: false },
        ]
    });
    let end = option::weighted(0.8, vec(finish(), 1..4));
    (claim, option::weighted(0.3, op()), end).prop_map(|(mut ops, between, end)| {
        ops.extend(between);
        ops.extend(end.map(Op::Finish));
        ops
    })
}

/// What a chain is rescheduled to.
pub fn other_schedule(first: Timestamp) -> Recurring {
    let cadence = Cadence::FixedRate(Missed::CatchUp { cap: 3 });
    let recurrence = Recurrence::Interval(Interval { every: Duration::from_secs(90), cadence });
    Recurring { first, recurrence }
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => vec(insert(), 1..4).prop_map(Op::Insert),
        2 => (0..2u8, 0..2u8, date(), vec(insert(), 1..3)).prop_map(
            |(key, digest, keep, inserts)| Op::InsertOnce { key, digest, keep, inserts }
        ),
        2 => Just(Op::Register),
        1 => recent().prop_map(Op::Heartbeat),
        1 => recent().prop_map(Op::Unregister),
        8 => (0..3usize, 0..5u32, pick(), option::weighted(0.2, 0..4u32)).prop_map(
            |(runner, limit, pick, open_claims)| Op::Claim { runner, limit, pick, open_claims }
        ),
        8 => (several(), often(), seldom())
            .prop_map(|(held, log, mix_up)| Op::Start { held, log, mix_up }),
        10 => vec(finish(), 1..4).prop_map(Op::Finish),
        1 => several().prop_map(Op::Release),
        2 => (several(), seldom()).prop_map(|(runners, stale)| Op::Recover { runners, stale }),
        2 => target().prop_map(Op::Cancel),
        1 => target().prop_map(Op::Delete),
        2 => target().prop_map(Op::Rerun),
        2 => target().prop_map(Op::RunNow),
        1 => (target(), date()).prop_map(|(of, date)| Op::MoveTo(of, date)),
        1 => recent().prop_map(Op::Pause),
        2 => (recent(), date()).prop_map(|(chain, date)| Op::Resume(chain, date)),
        2 => (recent(), date()).prop_map(|(chain, date)| Op::Reschedule(chain, date)),
        1 => several().prop_map(Op::Note),
        3 => prop_oneof![3 => 0..200i64, 1 => -100..0i64].prop_map(Op::Advance),
        1 => (finished(), 0..100i64, option::of(0..3u8), 1..6u32, any::<bool>()).prop_map(
            |(status, age, hook, limit, dry)| Op::Clean { status, age, hook, limit, dry }
        ),
        1 => Just(Op::CleanOrphans),
        2 => query().prop_map(Op::Look),
        6 => kept().prop_map(Op::Kept),
    ]
}

/// More often the last one than any other.
fn recent() -> impl Strategy<Value = Recent> {
    prop_oneof![1 => Just(0), 2 => 0..6usize]
}

fn several() -> impl Strategy<Value = Vec<Recent>> {
    vec(recent(), 1..4)
}

/// Seconds from now, many of them the same.
pub(super) fn date() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), Just(-30), -100..200i64]
}

fn often() -> impl Strategy<Value = bool> {
    proptest::bool::weighted(0.9)
}

fn seldom() -> impl Strategy<Value = bool> {
    proptest::bool::weighted(0.1)
}

fn finished() -> impl Strategy<Value = Status> {
    prop_oneof![Just(Status::Complete), Just(Status::Failed), Just(Status::Canceled)]
}

fn insert() -> impl Strategy<Value = InsertOp> {
    let unique = prop_oneof![
        3 => Just(Unique::No),
        2 => Just(Unique::Args),
        1 => Just(Unique::Hook),
        2 => (0..2u8).prop_map(|key| Unique::Key(format!("key-{key}"))),
    ];
    let schedule = prop_oneof![
        2 => Just(ScheduleOp::Async),
        1 => date().prop_map(ScheduleOp::Single),
        3 => date().prop_map(ScheduleOp::Hourly),
    ];
    let priority = prop_oneof![3 => Just(10), 1 => Just(0)];
    (0..3u8, 0..2u8, 0..3u8, priority, unique, schedule, often()).prop_map(
        |(hook, group, args, priority, unique, schedule, log)| InsertOp {
            hook,
            group,
            args,
            priority,
            unique,
            schedule,
            log,
        },
    )
}

fn pick() -> impl Strategy<Value = PickOp> {
    let name = || option::weighted(0.15, 0..3u8);
    prop_oneof![
        3 => (name(), name(), name(), name()).prop_map(|(hook, group, exclude, exclude_hook)| {
            PickOp::Due { hook, group, exclude, exclude_hook }
        }),
        2 => several().prop_map(PickOp::Ids),
    ]
}

fn finish() -> impl Strategy<Value = FinishOp> {
    let outcome = prop_oneof![
        4 => Just(OutcomeOp::Complete),
        3 => Just(OutcomeOp::Failed),
        3 => Just(OutcomeOp::TimedOut),
        2 => date().prop_map(OutcomeOp::Retry),
        1 => Just(OutcomeOp::NotCalled),
        1 => Just(OutcomeOp::Crashed),
        1 => date().prop_map(OutcomeOp::CrashedRetry),
    ];
    let next = option::weighted(0.9, date());
    let threshold = option::weighted(0.6, 1..3u32);
    let succession =
        (next, threshold).prop_map(|(next, threshold)| SuccessionOp { next, threshold });
    (recent(), outcome, seldom(), often(), option::weighted(0.9, succession)).prop_map(
        |(attempt, outcome, wrong, log, succession)| FinishOp {
            attempt,
            outcome,
            wrong,
            log,
            succession,
        },
    )
}

fn target() -> impl Strategy<Value = TargetOp> {
    prop_oneof![
        several().prop_map(TargetOp::Ids),
        query().prop_map(|query| {
            // A few at a time, or there is soon nothing left.
            TargetOp::Matching(QueryOp { limit: Some(query.limit.unwrap_or(1).min(2)), ..query })
        }),
    ]
}

fn query() -> impl Strategy<Value = QueryOp> {
    let name = || option::weighted(0.3, 0..3u8);
    let compared = || {
        let comparator = prop_oneof![
            Just(Comparator::Less),
            Just(Comparator::LessOrEqual),
            Just(Comparator::Equal),
            Just(Comparator::NotEqual),
            Just(Comparator::GreaterOrEqual),
            Just(Comparator::Greater),
        ];
        option::weighted(0.3, (comparator, date()))
    };
    let status = || proptest::sample::select(Status::ALL.to_vec());
    let texts = vec!["hook", "HOOK_1", "_", "0", "é", "\"N\""];
    let orders = vec![
        OrderBy::Date,
        OrderBy::Hook,
        OrderBy::Group,
        OrderBy::Modified,
        OrderBy::Started,
        OrderBy::Finished,
        OrderBy::Claim,
        OrderBy::LogEntries,
        OrderBy::Id,
        OrderBy::None,
    ];
    let keys = (name(), name(), name(), vec(status(), 0..3), compared(), compared());
    let more = (
        option::weighted(0.2, any::<bool>()),
        option::weighted(0.2, proptest::sample::select(texts)),
        proptest::sample::select(orders),
        prop_oneof![Just(Order::Ascending), Just(Order::Descending)],
        option::of(0..6u32),
        prop_oneof![3 => Just(0), 1 => 0..4u32],
        option::weighted(0.4, 0..8u32),
    );
    (keys, more).prop_map(|(keys, more)| {
        let (hook, group, args, statuses, scheduled, modified) = keys;
        let (claimed, search, order_by, order, limit, offset, within) = more;
        QueryOp {
            hook,
            group,
            args,
            statuses,
            scheduled,
            modified,
            claimed,
            search,
            order_by,
            order,
            limit,
            offset,
            within,
        }
    })
}

pub(super) fn hook(number: u8) -> Hook {
    Hook::new(["hook_0", "Hook_1", "é"][usize::from(number % 3)]).unwrap()
}

/// Stands for the hook of this number and for no other; the case of letters matters.
pub(super) fn hook_pattern(number: u8) -> HookPattern {
    ["hook_*", "H*_1", "*é"][usize::from(number % 3)].parse().unwrap()
}

pub(super) fn group(number: u8) -> Group {
    Group::new(["", "g1", "G1"][usize::from(number % 3)]).unwrap()
}

pub(super) fn args(number: u8) -> Args {
    ["[]", "[0]", r#"{"n":"É"}"#][usize::from(number % 3)].parse().unwrap()
}

pub(super) fn after(now: Timestamp, seconds: i64) -> Timestamp {
    now + SignedDuration::from_secs(seconds)
}

impl InsertOp {
    pub(super) fn action(&self, now: Timestamp) -> NewAction {
        let every = Interval::new(Duration::from_secs(3600), Cadence::AfterRun).unwrap();
        let schedule = match self.schedule {
            ScheduleOp::Async => Schedule::Async,
            ScheduleOp::Single(date) => Schedule::Single(after(now, date)),
            ScheduleOp::Hourly(date) => Schedule::Recurring(Recurring {
                first: after(now, date),
                recurrence: Recurrence::Interval(every),
            }),
        };
        NewAction::new(hook(self.hook), schedule)
            .group(group(self.group))
            .args(args(self.args))
            .priority(Priority(self.priority))
            .unique(self.unique.clone())
    }
}

impl QueryOp {
    pub(super) fn query(&self, now: Timestamp) -> action_scheduler::Query {
        let mut query = action_scheduler::Query::new().order(self.order_by, self.order);
        query.hook = self.hook.map(hook);
        query.group = self.group.map(group);
        query.args = self.args.map(args).map(action_scheduler::query::ArgsMatch::Exact);
        query.statuses = self.statuses.clone();
        query.statuses.dedup();
        let date = |(comparator, seconds)| (comparator, after(now, seconds));
        query.scheduled = self.scheduled.map(date).into_iter().collect();
        query.modified = self.modified.map(date).into_iter().collect();
        query.claimed = self.claimed.map(|any| if any { Claimed::Any } else { Claimed::None });
        query.search = self.search.map(str::to_owned);
        query.limit = self.limit;
        query.offset = self.offset;
        query.within = self.within;
        query
    }
}
