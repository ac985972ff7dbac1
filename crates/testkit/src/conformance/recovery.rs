//! Runners: that they live, that they die, and what becomes of what they held.

use std::time::Duration;

use action_scheduler::Context;
use action_scheduler::action::{Attempt, RunnerId, Status};
use action_scheduler::log::Step;
use action_scheduler::store::{
    DeadRunner, Heartbeat, NewRunner, Outcome, Recorded, Recovery, Start, Started,
};

use super::StoreUnderTest;
use super::scene::*;

impl StoreUnderTest {
    /// The runner as it stands now, to be taken for dead.
    async fn dead(&self, id: RunnerId) -> DeadRunner {
        let runners = self.heartbeats().await.unwrap();
        let runner = runners.iter().find(|runner| runner.id == id).expect("the runner");
        DeadRunner { id, beats: runner.beats }
    }

    async fn recover_from(&self, dead: &[DeadRunner]) -> Recovery {
        self.recover(dead.to_vec(), &context()).await.unwrap()
    }
}

/// A runner is known with all that it said of itself.
pub async fn a_runner_is_known_by_what_it_said(store: StoreUnderTest) {
    let new = NewRunner {
        process: None,
        name: "höst:4711".to_owned(),
        context: Context::new("serve"),
        workers: 12,
        lease: Duration::from_millis(61_500),
    };
    let id = store.register(new.clone()).await.unwrap();
    let other = store.new_runner("host:2").await;
    assert!(other > id);
    let runners = store.runners().await.unwrap();
    assert_eq!(runners.iter().map(|runner| runner.id).collect::<Vec<_>>(), [id, other]);
    let kept = &runners[0];
    assert_eq!(kept.runner.name, new.name);
    assert_eq!(kept.runner.context, new.context);
    assert_eq!((kept.runner.workers, kept.runner.lease), (12, new.lease));
    assert_eq!((kept.started_at, kept.heartbeat_at), (store.now(), store.now()));
    assert_eq!((kept.claims, kept.in_progress), (0, 0));
    let heartbeats = store.heartbeats().await.unwrap();
    let NewRunner { name, process, lease, .. } = new;
    assert_eq!(heartbeats[0], Heartbeat { id, name, process, lease, beats: kept.beats });
    assert_eq!(heartbeats.iter().map(|beat| beat.id).collect::<Vec<_>>(), [id, other]);
}

/// A beat is counted and dated.
pub async fn a_beat_is_counted(store: StoreUnderTest) {
    let id = store.new_runner("host:1").await;
    let begin = store.now();
    let first = store.dead(id).await.beats;
    store.clock().advance(seconds(10));
    assert!(store.heartbeat(id).await.unwrap());
    // The count goes on even if the clock does not.
    assert!(store.heartbeat(id).await.unwrap());
    let runner = &store.runners().await.unwrap()[0];
    assert_eq!(runner.beats, first + 2);
    assert_eq!((runner.started_at, runner.heartbeat_at), (begin, store.now()));
}

/// A runner that was never known, or is known no longer, is told so.
pub async fn an_unknown_runner_has_no_heartbeat(store: StoreUnderTest) {
    assert!(!store.heartbeat(RunnerId::new(1_000_000).unwrap()).await.unwrap());
    let id = store.new_runner("host:1").await;
    store.unregister(id, &context()).await.unwrap();
    assert!(!store.heartbeat(id).await.unwrap());
    store.unregister(id, &context()).await.unwrap();
}

/// What a runner holds can be seen.
pub async fn what_a_runner_holds_can_be_seen(store: StoreUnderTest) {
    let runner = store.new_runner("host:1").await;
    store.new_runner("host:2").await;
    let ids = store.put_all((0..4).map(|_| action("a"))).await;
    let claim = store.claim_ids(runner, &ids[..2]).await.id;
    store.claim_ids(runner, &ids[2..]).await;
    store.begin(ids[0], claim).await;
    let runners = store.runners().await.unwrap();
    assert_eq!((runners[0].claims, runners[0].in_progress), (2, 1));
    assert_eq!((runners[1].claims, runners[1].in_progress), (0, 0));
}

/// What a dead runner had claimed goes back to the queue at once.
pub async fn what_a_dead_runner_had_not_started_goes_back_at_once(store: StoreUnderTest) {
    let ids = store.put_all((0..3).map(|_| action("a"))).await;
    let (dead, alive) = (store.new_runner("host:1").await, store.new_runner("host:2").await);
    store.claim_ids(dead, &ids[..2]).await;
    let kept = store.claim_ids(alive, &ids[2..]).await;
    let mut wake = store.wake();
    wake.mark_unchanged();
    let recovery = store.recover_from(&[store.dead(dead).await]).await;
    assert_eq!(recovery, Recovery { released: 2, stranded: Vec::new() });
    super::insert::woken(&mut wake).await;
    for id in &ids[..2] {
        assert_eq!(store.action(*id).await.claim, None);
        assert_eq!(store.last_entry(*id).await.step, Step::Reset);
    }
    assert_eq!(store.action(ids[2]).await.claim, Some(kept.id));
    assert!(!store.heartbeat(dead).await.unwrap(), "it is forgotten");
    assert!(store.heartbeat(alive).await.unwrap());
    assert_eq!(held(&store.claim_due(alive, 10).await.unwrap()), ids[..2]);
}

/// A runner that has beaten since lives, and keeps all it has.
pub async fn a_runner_that_beat_since_is_left_alone(store: StoreUnderTest) {
    let ids = store.put_all([action("waiting"), action("running")]).await;
    let runner = store.new_runner("host:1").await;
    let claim = store.claim_ids(runner, &ids).await.id;
    store.begin(ids[1], claim).await;
    let seen = store.dead(runner).await;
    store.heartbeat(runner).await.unwrap();
    assert_eq!(store.recover_from(&[seen]).await, Recovery::default());
    assert!(store.heartbeat(runner).await.unwrap());
    assert_eq!(store.begin(ids[0], claim).await, Started::Yes(Attempt(1)));
}

/// However much living runners have in-progress, what a dead one left is found.
pub async fn many_long_actions_of_the_living_hide_nothing_that_is_stuck(store: StoreUnderTest) {
    let ids = store.put_all((0..1_200).map(|_| action("long"))).await;
    let alive = store.new_runner("host:1").await;
    let claim = store.claim_ids(alive, &ids).await.id;
    let starts = ids.iter().map(|id| Start { action: *id, claim, log: false });
    let started = store.start(starts.collect(), &context()).await.unwrap();
    assert!(started.iter().all(|started| *started == Started::Yes(Attempt(1))));
    let stuck = store.put(action("stuck")).await;
    let running = store.run(stuck).await;
    let recovery = store.recover_from(&[store.dead(running.runner).await]).await;
    let found = recovery.stranded.iter().map(|stranded| stranded.action.id);
    assert_eq!((recovery.released, found.collect::<Vec<_>>()), (0, vec![stuck]));
}

/// A runner that nobody knows cannot be recovered from.
pub async fn an_unknown_runner_is_not_recovered_from(store: StoreUnderTest) {
    let unknown = DeadRunner { id: RunnerId::new(1_000_000).unwrap(), beats: 0 };
    assert_eq!(store.recover_from(&[unknown]).await, Recovery::default());
    assert_eq!(store.recover_from(&[]).await, Recovery::default());
}

/// What was in-progress is given out, with all that is needed to report on it, until that is recorded.
pub async fn stranded_actions_are_given_out_until_they_are_recorded(store: StoreUnderTest) {
    let new = hourly("renew", store.now()).args(args("[1]")).group(group("g"));
    let id = store.put(new).await;
    let running = store.run(id).await;
    let dead = store.dead(running.runner).await;
    for _ in 0..3 {
        let recovery = store.recover_from(&[dead]).await;
        assert_eq!(recovery.released, 0);
        let [stranded] = &recovery.stranded[..] else { panic!("{recovery:?}") };
        assert_eq!(stranded.claim, running.claim);
        assert_eq!(stranded.runner, Some(running.runner));
        let action = &stranded.action;
        assert_eq!((action.id, action.attempts), (id, Attempt(1)));
        assert_eq!((&action.hook, &action.args), (&hook("renew"), &args("[1]")));
        assert_eq!((&action.group, action.scheduled_at), (&group("g"), store.now()));
        assert_eq!(action.chain.as_ref().map(|chain| chain.id), running.chain);
        assert_eq!(store.status(id).await, Status::InProgress);
        let known = store.runners().await.unwrap();
        assert!(known.iter().any(|runner| runner.id == running.runner), "not forgotten yet");
    }
    let next = Some(store.in_seconds(60));
    let crashed = running.ended_then(Outcome::Crashed, next, None);
    assert!(matches!(store.report(crashed).await, Recorded::Yes { next: Some(_), .. }));
    assert_eq!(store.status(id).await, Status::Failed);
    assert_eq!(store.recover_from(&[dead]).await, Recovery::default());
    assert!(!store.heartbeat(running.runner).await.unwrap(), "now it is forgotten");
    assert_eq!(store.runners().await.unwrap().len(), 0);
    assert_eq!(store.live_instances(running.chain.unwrap()).await.len(), 1);
}

/// What a runner that was taken for dead still reports is no longer its own.
pub async fn a_runner_taken_for_dead_reports_in_vain(store: StoreUnderTest) {
    let at = store.now();
    for (crash, status) in
        [(Outcome::Crashed, Status::Failed), (Outcome::CrashedRetry { at }, Status::Pending)]
    {
        let id = store.put(action("a")).await;
        let running = store.run(id).await;
        let dead = store.dead(running.runner).await;
        store.recover_from(&[dead]).await;
        assert_eq!(store.report(running.ended(crash)).await, recorded());
        for outcome in [Outcome::Complete, Outcome::Failed, Outcome::Retry { at }] {
            let late = store.report(running.ended(outcome)).await;
            assert_eq!(late, Recorded::Superseded, "{outcome:?} after {crash:?}");
        }
        assert_eq!(store.begin(id, running.claim).await, Started::Ignored);
        let action = store.action(id).await;
        assert_eq!((action.status, action.claim), (status, None));
        store.cancel_ids(&[id]).await;
    }
}

/// The result of a runner that only seemed dead counts, if it comes before anyone has written it off.
pub async fn a_result_that_comes_before_the_crash_is_recorded_counts(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let running = store.run(id).await;
    store.recover_from(&[store.dead(running.runner).await]).await;
    assert_eq!(store.report(running.ended(Outcome::Complete)).await, recorded());
    let crashed = store.report(running.ended(Outcome::Crashed)).await;
    assert_eq!(crashed, Recorded::Superseded);
    assert_eq!(store.status(id).await, Status::Complete);
}

/// Of two that recover at once, each action is recorded as crashed by one.
pub async fn two_that_recover_at_once_record_each_crash_once(store: StoreUnderTest) {
    let runner = store.new_runner("host:1").await;
    let mut chains = Vec::new();
    for _ in 0..10 {
        let id = store.put(hourly("renew", store.now())).await;
        chains.push(store.run_by(runner, id).await.chain.unwrap());
    }
    let dead = store.dead(runner).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let store = store.clone();
        tasks.spawn(async move {
            let stranded = store.recover_from(&[dead]).await.stranded;
            let mut recorded = 0;
            for one in stranded {
                let (id, claim, attempt) = (one.action.id, one.claim, one.action.attempts);
                let chain = one.action.chain.map(|chain| chain.id);
                let running = Running { runner: dead.id, id, claim, attempt, chain };
                let next = Some(store.in_seconds(60));
                let answer = store.report(running.ended_then(Outcome::Crashed, next, None)).await;
                recorded += u32::from(answer != Recorded::Superseded);
            }
            recorded
        });
    }
    assert_eq!(tasks.join_all().await.iter().sum::<u32>(), 10);
    for chain in chains {
        assert_eq!(store.live_instances(chain).await.len(), 1);
    }
}

/// A runner that stops in good order gives back what it has not started.
pub async fn a_runner_that_stops_gives_back_what_it_has_not_started(store: StoreUnderTest) {
    let ids = store.put_all((0..3).map(|_| action("a"))).await;
    let runner = store.new_runner("host:1").await;
    store.claim_ids(runner, &ids).await;
    let mut wake = store.wake();
    wake.mark_unchanged();
    store.unregister(runner, &context()).await.unwrap();
    super::insert::woken(&mut wake).await;
    assert_eq!(store.runners().await.unwrap().len(), 0);
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.runners, stats.claims), (0, 0));
    for id in &ids {
        assert_eq!(store.action(*id).await.claim, None);
        assert_eq!(store.last_entry(*id).await.step, Step::Reset);
    }
}

/// What is in-progress for no known runner is found too.
pub async fn what_is_in_progress_for_nobody_is_found(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let running = store.run(id).await;
    let alive = store.new_runner("host:2").await;
    let busy = store.put(action("b")).await;
    store.run_by(alive, busy).await;
    store.unregister(running.runner, &context()).await.unwrap();
    assert_eq!(store.status(id).await, Status::InProgress);
    for _ in 0..2 {
        let recovery = store.recover_from(&[]).await;
        assert_eq!(recovery.released, 0);
        let [stranded] = &recovery.stranded[..] else { panic!("{recovery:?}") };
        assert_eq!((stranded.action.id, stranded.claim), (id, running.claim));
        assert_eq!(stranded.runner, None);
    }
    let crashed = running.ended(Outcome::CrashedRetry { at: store.now() });
    assert_eq!(store.report(crashed).await, recorded());
    assert_eq!(store.recover_from(&[]).await, Recovery::default());
    assert_eq!(store.run(id).await.attempt, Attempt(2));
}

/// An orphan is not cleaned away while something is in-progress under it.
pub async fn cleaning_leaves_what_is_stranded_to_be_found(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let running = store.run(id).await;
    store.unregister(running.runner, &context()).await.unwrap();
    store.clean_orphans(100).await.unwrap();
    assert_eq!(store.recover_from(&[]).await.stranded.len(), 1);
    assert_eq!(store.report(running.ended(Outcome::Complete)).await, recorded());
}
