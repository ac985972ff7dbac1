//! Which attempts are still in charge of their actions.

use action_scheduler::store::{AttemptsOf, OpenAttempt, Outcome};

use super::StoreUnderTest;
use super::scene::*;

async fn of_runner(store: &StoreUnderTest, running: Running) -> Vec<OpenAttempt> {
    store.attempts(AttemptsOf::Runner(running.runner)).await.unwrap()
}

async fn of_action(store: &StoreUnderTest, running: Running) -> Option<OpenAttempt> {
    let mut attempts = store.attempts(AttemptsOf::Actions(vec![running.id])).await.unwrap();
    assert!(attempts.len() <= 1, "{attempts:?}");
    attempts.pop()
}

/// What is in-progress is told with all that is needed to end it, by its runner and by its id.
pub async fn what_is_in_progress_is_told(store: StoreUnderTest) {
    let new = hourly("renew", store.now()).args(args("[1]")).group(group("g"));
    let id = store.put(new).await;
    let other = store.put(action("other")).await;
    let begun_at = store.now();
    let runner = store.new_runner("host:1").await;
    let running = store.run_by(runner, id).await;
    store.clock().advance(seconds(5));
    let second = store.run_by(runner, other).await;
    store.run(store.put(action("of another runner")).await).await;

    let [first, last] = &of_runner(&store, running).await[..] else { panic!("two are running") };
    assert_eq!((first.action.id, last.action.id), (id, other));
    assert_eq!((first.claim, first.action.attempts), (running.claim, running.attempt));
    assert_eq!((last.claim, last.runner), (second.claim, Some(runner)));
    assert_eq!((first.started_at, last.started_at), (begun_at, begun_at + seconds(5)));
    assert_eq!((&first.action.hook, &first.action.group), (&hook("renew"), &group("g")));
    assert_eq!(first.action.args, args("[1]"));
    assert_eq!(first.action.chain.as_ref().map(|chain| chain.id), running.chain);
    assert!(!first.timed_out && last.action.chain.is_none());
    assert_eq!(of_action(&store, running).await.as_ref(), Some(first));
}

/// What is pending, claimed, or at its end is in nobody's charge.
pub async fn what_is_not_in_progress_is_not_told(store: StoreUnderTest) {
    let runner = store.new_runner("host:1").await;
    let pending = store.put(action("pending")).await;
    let claimed = store.put(action("claimed")).await;
    store.claim_ids(runner, &[claimed]).await;
    let mut ids = vec![pending, claimed];
    let at = store.in_seconds(60);
    let outcomes = [Outcome::Complete, Outcome::Failed, Outcome::Retry { at }, Outcome::Crashed];
    for outcome in outcomes {
        let running = store.run_by(runner, store.put(action("ended")).await).await;
        store.report(running.ended(outcome)).await;
        ids.push(running.id);
    }
    let canceled = store.run_by(runner, store.put(action("canceled")).await).await;
    store.cancel_ids(&[canceled.id]).await;
    ids.push(canceled.id);
    assert_eq!(store.attempts(AttemptsOf::Actions(ids)).await.unwrap(), []);
    assert_eq!(of_runner(&store, canceled).await, []);
    assert_eq!(store.attempts(AttemptsOf::Actions(Vec::new())).await.unwrap(), []);
}

/// What was marked as timed out may still succeed, until it is given another attempt.
pub async fn what_was_timed_out_is_told_by_its_id(store: StoreUnderTest) {
    let running = store.run(store.put(action("slow")).await).await;
    store.report(running.ended(Outcome::TimedOut)).await;
    let attempt = of_action(&store, running).await.expect("it may still succeed");
    assert!(attempt.timed_out);
    assert_eq!((attempt.claim, attempt.action.attempts), (running.claim, running.attempt));
    assert_eq!(of_runner(&store, running).await, []);
    store.report(running.ended(Outcome::Retry { at: store.now() })).await;
    assert_eq!(of_action(&store, running).await, None);
    let again = store.run(running.id).await;
    assert_eq!(of_action(&store, again).await.map(|open| open.claim), Some(again.claim));
}
