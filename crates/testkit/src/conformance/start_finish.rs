//! Attempts: how they begin, how they come out, and what is too late.

use action_scheduler::Action;
use action_scheduler::action::{Attempt, ClaimId, Status};
use action_scheduler::log::Step;
use action_scheduler::store::{Finish, Outcome, Recorded, Requeue, Start, Started, Target};

use super::StoreUnderTest;
use super::scene::*;

/// Started, an action is in-progress, its attempt is counted and its log says so.
pub async fn a_start_counts_the_attempt(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    store.clock().advance(seconds(5));
    let running = store.run(id).await;
    assert_eq!(running.attempt, Attempt(1));
    let action = store.action(id).await;
    assert_eq!((action.status, action.attempts), (Status::InProgress, Attempt(1)));
    assert_eq!((action.started_at, action.finished_at), (Some(store.now()), None));
    assert_eq!(action.claim, Some(running.claim));
    let entry = store.last_entry(id).await;
    assert_eq!((entry.seq, entry.step, entry.attempt), (2, Step::Started, Some(Attempt(1))));
    assert_eq!((entry.at, entry.context), (store.now(), Some(context())));
}

/// A start is logged only where asked for.
pub async fn a_quiet_start_is_not_logged(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let runner = store.new_runner("host:1").await;
    let claim = store.claim_ids(runner, &[id]).await.id;
    let quiet = Start { action: id, claim, log: false };
    assert_eq!(store.start(vec![quiet], &context()).await.unwrap(), [Started::Yes(Attempt(1))]);
    assert_eq!(store.steps(id).await, [Step::Created]);
}

/// One answer for each start, in order; what cannot be started is ignored, and that is logged.
pub async fn a_start_that_is_not_its_own_is_ignored(store: StoreUnderTest) {
    let ids = store.put_all((0..5).map(|_| action("a"))).await;
    let [mine, canceled, deleted, others, unclaimed] = ids[..] else { panic!("{ids:?}") };
    let runner = store.new_runner("host:1").await;
    let claim = store.claim_ids(runner, &[mine, canceled, deleted]).await.id;
    let other = store.claim_ids(runner, &[others]).await.id;
    store.cancel_ids(&[canceled]).await;
    store.delete(Target::Ids(vec![deleted])).await.unwrap();
    let starts = [deleted, canceled, mine, others, unclaimed, mine].map(|action| Start {
        action,
        claim,
        log: true,
    });
    let answers = store.start(starts.to_vec(), &context()).await.unwrap();
    let once = Started::Yes(Attempt(1));
    let ignored = Started::Ignored;
    assert_eq!(answers, [ignored, ignored, once, ignored, ignored, ignored]);
    assert_eq!(store.status(canceled).await, Status::Canceled);
    assert_eq!(store.action(mine).await.attempts, Attempt(1));
    for id in [canceled, mine, others, unclaimed] {
        let log = store.log_of(id).await;
        let ignored = log.iter().find(|entry| entry.step == Step::Ignored);
        let ignored = ignored.unwrap_or_else(|| panic!("action {id}: {log:?}"));
        assert_eq!((ignored.attempt, &ignored.context), (None, &Some(context())));
    }
    assert_eq!(store.status(others).await, Status::Pending);
    assert_eq!(store.action(others).await.claim, Some(other));
    assert!(store.logs(vec![deleted]).await.unwrap().is_empty());
}

/// Claimed again meanwhile, an action is started under the claim that holds it, whichever start comes first.
pub async fn of_two_starts_the_claim_that_holds_it_counts(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let runner = store.new_runner("host:1").await;
    let lost = store.claim_ids(runner, &[id]).await.id;
    store.release(vec![lost], &context()).await.unwrap();
    let holds = store.claim_ids(runner, &[id]).await.id;
    let starts = [lost, holds].map(|claim| Start { action: id, claim, log: true });
    let answers = store.start(starts.to_vec(), &context()).await.unwrap();
    assert_eq!(answers, [Started::Ignored, Started::Yes(Attempt(1))]);
}

/// An action that was claimed, given back and claimed by another cannot be started by the first.
pub async fn a_start_after_release_is_ignored(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let runner = store.new_runner("host:1").await;
    let first = store.claim_ids(runner, &[id]).await.id;
    store.release(vec![first], &context()).await.unwrap();
    assert_eq!(store.begin(id, first).await, Started::Ignored);
    let second = store.claim_ids(runner, &[id]).await.id;
    assert_eq!(store.begin(id, first).await, Started::Ignored);
    assert_eq!(store.begin(id, second).await, Started::Yes(Attempt(1)));
}

/// What each outcome makes of an action.
pub async fn each_outcome_leaves_the_action_as_it_says(store: StoreUnderTest) {
    let at = store.in_seconds(60);
    let cases = [
        (Outcome::Complete, Status::Complete, true, 1),
        (Outcome::Failed, Status::Failed, true, 1),
        (Outcome::TimedOut, Status::Failed, true, 1),
        (Outcome::Retry { at }, Status::Pending, false, 1),
        (Outcome::NotCalled, Status::Pending, false, 0),
        (Outcome::Crashed, Status::Failed, false, 1),
        (Outcome::CrashedRetry { at }, Status::Pending, false, 1),
    ];
    for (outcome, status, keeps_claim, attempts) in cases {
        let due = store.now();
        let id = store.put(action("a")).await;
        let running = store.run(id).await;
        store.clock().advance(seconds(1));
        assert_eq!(store.report(running.ended(outcome)).await, recorded());
        let action = store.action(id).await;
        assert_eq!(action.status, status, "{outcome:?}");
        assert_eq!(action.status, outcome.status(), "{outcome:?}");
        assert_eq!(action.attempts, Attempt(attempts), "{outcome:?}");
        assert_eq!(action.claim, keeps_claim.then_some(running.claim), "{outcome:?}");
        let ended = status.is_finished().then(|| store.now());
        assert_eq!(action.finished_at, ended, "{outcome:?}");
        let date = match outcome {
            Outcome::Retry { at } | Outcome::CrashedRetry { at } => at,
            _ => due,
        };
        assert_eq!(action.scheduled_at, date, "{outcome:?}");
        let entry = store.last_entry(id).await;
        assert_eq!((entry.seq, entry.attempt), (3, Some(Attempt(1))), "{outcome:?}");
        assert_eq!(entry.context, Some(context()));
        assert_eq!(entry.message.as_deref(), Some("reported"));
    }
}

/// One that is to be retried is given out again at its date, and counts on.
pub async fn a_retry_is_due_at_its_date(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let at = store.in_seconds(60);
    store.run_to(id, Outcome::Retry { at }).await;
    let runner = store.new_runner("host:2").await;
    assert!(store.claim_due(runner, 1).await.is_none());
    store.clock().advance(seconds(60));
    let claim = store.claim_due(runner, 1).await.unwrap();
    assert_eq!(claim.actions[0].attempts, Attempt(1));
    assert_eq!(store.begin(id, claim.id).await, Started::Yes(Attempt(2)));
}

/// An attempt whose handler was never called is not counted, and the next one has its number.
pub async fn an_attempt_that_called_no_handler_is_not_counted(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    store.run_to(id, Outcome::NotCalled).await;
    assert_eq!(store.run(id).await.attempt, Attempt(1));
}

/// What brings an action back into the queue wakes who waits.
pub async fn an_action_that_is_to_be_retried_wakes_who_waits(store: StoreUnderTest) {
    let at = store.now();
    for outcome in [Outcome::Retry { at }, Outcome::NotCalled, Outcome::CrashedRetry { at }] {
        let id = store.put(action("a")).await;
        let running = store.run(id).await;
        let mut wake = store.wake();
        wake.mark_unchanged();
        store.report(running.ended(outcome)).await;
        super::insert::woken(&mut wake).await;
    }
}

/// Reports on many attempts have one answer each, in order.
pub async fn many_reports_are_answered_in_order(store: StoreUnderTest) {
    let ids = store.put_all((0..300).map(|_| action("a"))).await;
    let runner = store.new_runner("host:1").await;
    let claim = store.claim_ids(runner, &ids).await.id;
    let starts = ids.iter().map(|id| Start { action: *id, claim, log: true }).collect();
    let started = store.start(starts, &context()).await.unwrap();
    assert!(started.iter().all(|one| *one == Started::Yes(Attempt(1))), "{started:?}");
    let report = |(place, id): (u32, &action_scheduler::ActionId)| Finish {
        action: *id,
        claim,
        attempt: Attempt(1 + place % 2),
        outcome: if place % 4 == 0 { Outcome::Complete } else { Outcome::Failed },
        entries: vec![entry(Step::Note, "first"), entry(Step::Note, "second")],
        succession: None,
    };
    let answers = store.finish((0..).zip(&ids).map(report).collect(), &context()).await.unwrap();
    for (place, (id, answer)) in ids.iter().zip(&answers).enumerate() {
        let (status, expected) = match place % 4 {
            0 => (Status::Complete, recorded()),
            2 => (Status::Failed, recorded()),
            _ => (Status::InProgress, Recorded::Superseded),
        };
        assert_eq!((store.status(*id).await, *answer), (status, expected), "number {place}");
    }
    assert_eq!(store.log_of(ids[0]).await[3].message.as_deref(), Some("second"));
}

/// The same report twice in one call is recorded once.
pub async fn a_report_made_twice_in_one_call_is_recorded_once(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let running = store.run(id).await;
    let twice = vec![running.ended(Outcome::Complete), running.ended(Outcome::Failed)];
    let answers = store.finish(twice, &context()).await.unwrap();
    assert_eq!(answers, [recorded(), Recorded::Superseded]);
    assert_eq!(store.status(id).await, Status::Complete);
}

/// The action, however long its log is.
fn but_its_log(action: Action) -> Action {
    Action { log_entries: 0, ..action }
}

/// A result that is no longer the action's own is logged, and all else stays as it is.
pub async fn a_late_result_changes_nothing_but_the_log(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let first = store.run_to(id, Outcome::Retry { at: store.now() }).await;
    let second = store.run(id).await;
    let before = but_its_log(store.action(id).await);
    let all_outcomes = [
        (Outcome::Complete, "complete"),
        (Outcome::Failed, "failed"),
        (Outcome::TimedOut, "timed"),
        (Outcome::Retry { at: store.now() }, "retr"),
        (Outcome::NotCalled, "not called"),
        (Outcome::Crashed, "crash"),
        (Outcome::CrashedRetry { at: store.now() }, "crash"),
    ];
    for (outcome, word) in all_outcomes {
        store.clock().advance(seconds(1));
        assert_eq!(store.report(first.ended(outcome)).await, Recorded::Superseded);
        assert_eq!(but_its_log(store.action(id).await), before, "{outcome:?}");
        let entry = store.last_entry(id).await;
        assert_eq!((entry.step, entry.attempt), (Step::LateResult, Some(first.attempt)));
        assert_eq!((entry.at, entry.context), (store.now(), Some(context())));
        let message = entry.message.expect("a message").to_lowercase();
        assert!(message.contains(word), "{outcome:?}: {message:?}");
    }
    let steps = store.steps(id).await;
    assert!(!steps.contains(&Step::Complete), "its own entries are not taken over: {steps:?}");
    assert_eq!(store.report(second.ended(Outcome::Complete)).await, recorded());
}

/// Claim and attempt must both be right.
pub async fn a_result_is_fenced_by_claim_and_attempt(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let running = store.run(id).await;
    let wrong_claim = ClaimId::new(running.claim.get() + 1).unwrap();
    let wrong = [
        Running { claim: wrong_claim, ..running },
        Running { attempt: Attempt(2), ..running },
        Running { attempt: Attempt(0), ..running },
    ];
    for wrong in wrong {
        let answer = store.report(wrong.ended(Outcome::Complete)).await;
        assert_eq!(answer, Recorded::Superseded, "{wrong:?}");
        assert_eq!(store.status(id).await, Status::InProgress);
    }
    assert_eq!(store.report(running.ended(Outcome::Complete)).await, recorded());
}

/// What was never started has no result.
pub async fn a_result_of_what_was_not_started_is_superseded(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let runner = store.new_runner("host:1").await;
    let claim = store.claim_ids(runner, &[id]).await.id;
    for attempt in [Attempt(0), Attempt(1)] {
        let early = Running { runner, id, claim, attempt, chain: None };
        assert_eq!(store.report(early.ended(Outcome::Complete)).await, Recorded::Superseded);
    }
    let action = store.action(id).await;
    assert_eq!((action.status, action.claim), (Status::Pending, Some(claim)));
}

/// The result of a deleted action is superseded, and there is no log to write it into.
pub async fn a_result_of_a_deleted_action_is_superseded(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let running = store.run_to(id, Outcome::TimedOut).await;
    store.delete(Target::Ids(vec![id])).await.unwrap();
    assert_eq!(store.report(running.ended(Outcome::Complete)).await, Recorded::Superseded);
    assert!(store.logs(vec![id]).await.unwrap().is_empty());
}

/// Nothing that is finished is finished again, but for what follows a timeout.
pub async fn a_second_result_is_superseded(store: StoreUnderTest) {
    let at = store.now();
    for first in [Outcome::Complete, Outcome::Failed, Outcome::Crashed] {
        let id = store.put(action("a")).await;
        let running = store.run_to(id, first).await;
        let before = but_its_log(store.action(id).await);
        for second in [Outcome::Complete, Outcome::Failed, Outcome::Retry { at }, Outcome::TimedOut]
        {
            let answer = store.report(running.ended(second)).await;
            assert_eq!(answer, Recorded::Superseded, "{second:?} after {first:?}");
        }
        assert_eq!(but_its_log(store.action(id).await), before);
    }
}

/// An action that was canceled while it ran stays canceled, whatever its handler brings.
pub async fn a_result_after_cancel_is_superseded(store: StoreUnderTest) {
    for outcome in [Outcome::Complete, Outcome::Retry { at: store.now() }, Outcome::NotCalled] {
        let id = store.put(action("a")).await;
        let running = store.run(id).await;
        store.cancel_ids(&[id]).await;
        assert_eq!(store.report(running.ended(outcome)).await, Recorded::Superseded);
        assert_eq!(store.status(id).await, Status::Canceled);
        assert_eq!(store.last_entry(id).await.step, Step::LateResult);
    }
}

/// A handler that succeeds after its timeout makes the action complete after all, once.
pub async fn a_success_after_the_timeout_counts(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let running = store.run_to(id, Outcome::TimedOut).await;
    assert_eq!(store.status(id).await, Status::Failed);
    store.clock().advance(seconds(30));
    assert_eq!(store.report(running.ended(Outcome::Complete)).await, recorded());
    let action = store.action(id).await;
    assert_eq!((action.status, action.finished_at), (Status::Complete, Some(store.now())));
    let steps = [Step::Created, Step::Started, Step::TimedOut, Step::Complete];
    assert_eq!(store.steps(id).await, steps);
    let again = store.report(running.ended(Outcome::Complete)).await;
    assert_eq!(again, Recorded::Superseded);
}

/// After a timeout an action can be tried again, and then its old attempt is over.
pub async fn a_retry_after_the_timeout_counts(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let running = store.run_to(id, Outcome::TimedOut).await;
    let at = store.in_seconds(60);
    assert_eq!(store.report(running.ended(Outcome::Retry { at })).await, recorded());
    let action = store.action(id).await;
    assert_eq!((action.status, action.scheduled_at), (Status::Pending, at));
    assert_eq!((action.claim, action.finished_at), (None, None));
    let late = store.report(running.ended(Outcome::Complete)).await;
    assert_eq!(late, Recorded::Superseded);
    assert_eq!(store.run(id).await.attempt, Attempt(2));
}

/// Nothing else follows a timeout; nor does a result that is not of the attempt that timed out.
pub async fn only_success_and_retry_follow_a_timeout(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let running = store.run_to(id, Outcome::TimedOut).await;
    let before = but_its_log(store.action(id).await);
    let at = store.now();
    for outcome in [
        Outcome::Failed,
        Outcome::TimedOut,
        Outcome::NotCalled,
        Outcome::Crashed,
        Outcome::CrashedRetry { at },
    ] {
        let answer = store.report(running.ended(outcome)).await;
        assert_eq!(answer, Recorded::Superseded, "{outcome:?}");
    }
    let wrong = Running { attempt: Attempt(2), ..running };
    assert_eq!(store.report(wrong.ended(Outcome::Complete)).await, Recorded::Superseded);
    assert_eq!(but_its_log(store.action(id).await), before);
}

/// A new attempt of an action that timed out leaves the old handler behind for good.
pub async fn a_rerun_ends_the_wait_for_a_timed_out_handler(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let old = store.run_to(id, Outcome::TimedOut).await;
    store.requeue(Target::Ids(vec![id]), Requeue::Rerun, &context()).await.unwrap();
    assert_eq!(store.report(old.ended(Outcome::Complete)).await, Recorded::Superseded);
    let new = store.run_to(id, Outcome::Failed).await;
    assert_eq!(new.attempt, Attempt(2));
    assert_eq!(store.report(old.ended(Outcome::Complete)).await, Recorded::Superseded);
    assert_eq!(store.report(new.ended(Outcome::Complete)).await, Recorded::Superseded);
    assert_eq!(store.status(id).await, Status::Failed);
}

/// A started attempt takes back the end of the one before it.
pub async fn a_new_attempt_has_no_end_yet(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    store.run_to(id, Outcome::Failed).await;
    store.requeue(Target::Ids(vec![id]), Requeue::Rerun, &context()).await.unwrap();
    store.clock().advance(seconds(7));
    store.run(id).await;
    let action = store.action(id).await;
    assert_eq!((action.started_at, action.finished_at), (Some(store.now()), None));
    assert_eq!(action.modified_at(), store.now());
}

/// Of many reports on one attempt at once, one is recorded.
pub async fn of_many_reports_at_once_one_is_recorded(store: StoreUnderTest) {
    let (chain, running) = store.running_chain().await;
    let mut tasks = tokio::task::JoinSet::new();
    for place in 0..12 {
        let store = store.share();
        let outcome = if place % 2 == 0 { Outcome::Complete } else { Outcome::Failed };
        let next = Some(store.clock().now() + seconds(60));
        let finish = running.ended_then(outcome, next, None);
        tasks.spawn(async move { store.finish(vec![finish], &context()).await.unwrap()[0] });
    }
    let answers = tasks.join_all().await;
    let recorded = answers.iter().filter(|answer| **answer != Recorded::Superseded).count();
    assert_eq!(recorded, 1, "{answers:?}");
    assert_eq!(store.live_instances(chain).await.len(), 1);
    assert_eq!(store.count(everything().chain(chain)).await.unwrap(), 2);
}
