//! Holding and admitting: what is pending moves from store to store without ever being runnable in both.

use action_scheduler::action::{ActionId, Status, Unique};
use action_scheduler::log::Step;
use action_scheduler::query::Claimed;
use action_scheduler::store::{
    ChainChange, ChainState, Change, CleanBatch, CleanMode, Export, HookScope, ImportBatch,
    ImportState, Imported, Imports, Outcome, Requeue, Target,
};

use super::StoreUnderTest;
use super::origin::{ACTIONS, CHAINS, carried, origin_of};
use super::scene::*;

/// What is held shows as canceled, and is not claimed, re-run, deleted or cleaned.
pub async fn a_pending_action_is_held_and_left_alone(store: StoreUnderTest) {
    let from = origin_of(&store);
    let id = from.put(action("a")).await;
    let imports = store.take_in(&from).await;
    assert_eq!(imports.actions, [Imported { source: id, target: id, state: ImportState::Held }]);
    let held = store.action(id).await;
    assert_eq!((held.status, held.finished_at), (Status::Canceled, Some(store.now())));
    let runner = store.new_runner("host:1").await;
    assert!(store.claim_due(runner, 10).await.is_none(), "not claimed");
    assert_eq!(store.next_due(Default::default()).await.unwrap(), None);
    let refused = [Change::Refused(id, Status::Canceled)];
    let rerun = store.requeue(Target::Ids(vec![id]), Requeue::Rerun, &context()).await.unwrap();
    assert_eq!(rerun, refused);
    assert_eq!(store.delete(Target::Ids(vec![id])).await.unwrap(), refused);
    store.clock().advance(seconds(10_000_000));
    let batch = CleanBatch {
        status: Status::Canceled,
        before: store.now(),
        hooks: HookScope::AllBut(Vec::new()),
        limit: 10,
        after: None,
        mode: CleanMode::Delete,
    };
    assert_eq!(store.clean(batch).await.unwrap().deleted, 0);
    assert_eq!(store.action(id).await, held);
}

/// An admitted action is as it was at the origin, with one more entry that says where it came from.
pub async fn an_admitted_action_is_pending_as_it_was(store: StoreUnderTest) {
    let from = origin_of(&store);
    let date = from.in_seconds(700);
    let id = from.put(action_at("a", from.now())).await;
    let retry = from.run(id).await.ended(Outcome::Retry { at: date });
    assert_eq!(from.report(retry).await, recorded());
    store.take_in(&from).await;
    store.clock().advance(seconds(5));
    let imports = store.admitted(&from, &[id], &[]).await;
    assert_eq!(
        imports.actions,
        [Imported { source: id, target: id, state: ImportState::Admitted }]
    );
    let was = carried(from.record(id).await);
    assert_eq!((was.action.status, was.action.attempts.0), (Status::Pending, 1));
    let mut is = store.record(id).await;
    let note = is.log.pop().unwrap();
    is.action.log_entries -= 1;
    assert_eq!((note.step, note.at), (Step::Note, store.now()));
    assert_eq!(note.text(), format!("moved from shop, where it was action {id}"));
    assert_eq!(is, was);
    store.clock().advance(seconds(700));
    store.run_to(id, Outcome::Complete).await;
    assert_eq!(store.action(id).await.attempts.0, 2);
}

/// What is admitted may be due.
pub async fn admitting_wakes_who_waits(store: StoreUnderTest) {
    let from = origin_of(&store);
    let id = from.put(action("a")).await;
    store.take_in(&from).await;
    let mut wake = store.wake();
    wake.mark_unchanged();
    store.admitted(&from, &[id], &[]).await;
    wake.changed().await.unwrap();
}

/// Admitting again changes nothing, nor does admitting what was never taken in.
pub async fn what_is_admitted_twice_is_admitted_once(store: StoreUnderTest) {
    let from = origin_of(&store);
    let id = from.put(action("a")).await;
    let unknown = ActionId::new(id.get() + 1000).unwrap();
    assert_eq!(store.admitted(&from, &[id], &[]).await, Imports::default());
    store.take_in(&from).await;
    let once = store.admitted(&from, &[unknown, id, id], &[]).await;
    assert_eq!(once.actions.len(), 2);
    store.run_to(id, Outcome::Complete).await;
    let log = store.log_of(id).await;
    assert_eq!(store.admitted(&from, &[id], &[]).await.actions, once.actions[..1]);
    assert_eq!((store.status(id).await, store.log_of(id).await), (Status::Complete, log));
}

/// No key refuses an import; once admitted, an action stands in the way by its key.
pub async fn unique_rules_refuse_no_import_and_count_from_then_on(store: StoreUnderTest) {
    let from = origin_of(&store);
    let keyed = || action("a").unique(Unique::Key("k".into()));
    let own = store.put(keyed()).await;
    let theirs = from.put(keyed()).await;
    let target = store.take_in(&from).await.actions[0].target;
    store.admitted(&from, &[theirs], &[]).await;
    store.cancel_ids(&[own]).await;
    assert_eq!(store.try_put(keyed()).await, None, "its key stands in the way");
    store.cancel_ids(&[target]).await;
    assert!(store.try_put(keyed()).await.is_some());
}

/// An active chain goes on here when its head is admitted, with its failures, key and schedule.
pub async fn an_active_chain_is_admitted_with_its_head(store: StoreUnderTest) {
    let from = origin_of(&store);
    let first = from.put(hourly("renew", from.now()).unique(Unique::Key("k".into()))).await;
    let running = from.run(first).await;
    let next = from.in_seconds(3600);
    from.report(running.ended_then(Outcome::Failed, Some(next), None)).await;
    let source = running.chain.unwrap();
    let head = from.chain(source).await.head.unwrap();
    store.put(hourly("own", store.now())).await;

    let imports = store.take_in(&from).await;
    let [Imported { target, state: ImportState::Held, .. }] = imports.chains[..] else {
        panic!("one held chain: {imports:?}")
    };
    let held = store.chain(target).await;
    assert_eq!((held.state, held.failures), (ChainState::Ended, 1));
    store.clean_orphans(100).await.unwrap();

    let admitted = store.admitted(&from, &[head], &[]).await;
    let new_head = admitted.actions[0].target;
    let journal = store.journal(&from, CHAINS, None).await;
    assert_eq!(journal.chains, [Imported { source, target, state: ImportState::Admitted }]);
    let chain = store.chain(target).await;
    let was = from.chain(source).await;
    assert_eq!(chain, action_scheduler::store::Chain { id: target, head: Some(new_head), ..was });
    assert_eq!(store.action(new_head).await.schedule, from.action(head).await.schedule);
    // What is given of it from now on changes nothing.
    from.cancel_ids(&[head]).await;
    store.take_in(&from).await;
    assert_eq!(store.chain(target).await.state, ChainState::Active);

    store.clock().advance(seconds(3600));
    let running = store.run(new_head).await;
    assert_eq!(running.chain, Some(target));
    let after = store.in_seconds(3600);
    store.report(running.ended_then(Outcome::Complete, Some(after), None)).await;
    let live = store.live_instances(target).await;
    assert_eq!(live.len(), 1);
    assert_eq!(store.try_put(action("x").unique(Unique::Key("k".into()))).await, None);
}

/// The date that a chain owes is owed here too.
pub async fn the_date_that_a_chain_owes_comes_with_it(store: StoreUnderTest) {
    let from = origin_of(&store);
    let date = from.in_seconds(500);
    let id = from.put(hourly("renew", date)).await;
    from.requeue(Target::Ids(vec![id]), Requeue::RunNow, &context()).await.unwrap();
    store.take_in(&from).await;
    let target = store.admitted(&from, &[id], &[]).await.actions[0].target;
    let runner = store.new_runner("host:1").await;
    let claim = store.claim_ids(runner, &[target]).await;
    assert_eq!(claim.actions[0].chain.as_ref().unwrap().owed, Some(date));
}

/// A paused chain has no head to go with: it is admitted by its own id, and can be resumed then.
pub async fn a_paused_chain_is_admitted_by_itself(store: StoreUnderTest) {
    let from = origin_of(&store);
    let id = from.put(hourly("renew", from.now())).await;
    let chain = from.action(id).await.chain.unwrap();
    let pause = ChainChange::Pause { reason: "holiday".to_owned() };
    from.change_chain(chain, pause, &context()).await.unwrap();
    let target = store.take_in(&from).await.chains[0].target;
    assert_eq!(store.chain(target).await.state, ChainState::Ended);
    // Its head is not to run: admitting that (it is history) does not let the chain go.
    store.admitted(&from, &[id], &[]).await;
    assert_eq!(store.chain(target).await.state, ChainState::Ended);
    let admitted = store.admitted(&from, &[], &[chain]).await;
    assert_eq!(admitted.chains, [Imported { source: chain, target, state: ImportState::Admitted }]);
    let paused = store.chain(target).await;
    assert_eq!((paused.state, paused.reason.as_deref()), (ChainState::Paused, Some("holiday")));
    let resume = ChainChange::Resume { next: store.now() };
    store.change_chain(target, resume, &context()).await.unwrap();
    assert_eq!(store.live_instances(target).await.len(), 1);
}

/// A held chain shows as ended, and stays.
pub async fn a_held_chain_can_be_neither_changed_nor_cleaned(store: StoreUnderTest) {
    let from = origin_of(&store);
    let id = from.put(hourly("renew", from.now())).await;
    let chains = from.batch().await.chains;
    let batch = ImportBatch { chains, ..ImportBatch::default() };
    let target = store.import(&from.as_origin().await, batch).await.unwrap().chains[0].target;
    let resume = ChainChange::Resume { next: store.now() };
    let refused = store.change_chain(target, resume, &context()).await.unwrap();
    assert_eq!(refused, action_scheduler::store::ChainChanged::Refused(ChainState::Ended));
    assert_eq!(store.clean_orphans(100).await.unwrap(), 0);
    assert_eq!(store.chain(target).await.head, None, "its head {id} has not come yet");
}

/// What is held cannot be forgotten.
pub async fn the_journal_is_forgotten_but_for_what_is_held(store: StoreUnderTest) {
    let from = origin_of(&store);
    let ids = from.put_all((0..3).map(|_| hourly("renew", from.now()))).await;
    let origin = from.identity().await.unwrap();
    store.take_in(&from).await;
    store.admitted(&from, &ids[1..], &[]).await;
    assert_eq!(store.forget_imports(&origin, 3).await.unwrap(), 3);
    assert_eq!(store.forget_imports(&origin, 3).await.unwrap(), 1);
    assert_eq!(store.forget_imports(&origin, 3).await.unwrap(), 0);
    let held = store.journal(&from, ACTIONS, None).await.actions;
    assert_eq!(held, [Imported { source: ids[0], target: ids[0], state: ImportState::Held }]);
    assert_eq!(store.journal(&from, CHAINS, None).await.chains.len(), 1);
    store.admitted(&from, &[ids[0]], &[]).await;
    assert_eq!(store.forget_imports(&origin, 3).await.unwrap(), 2);
}

/// Claims belong to a store.
pub async fn what_is_claimed_elsewhere_comes_without_its_claim(store: StoreUnderTest) {
    let from = origin_of(&store);
    let id = from.put(action("a")).await;
    let runner = from.new_runner("host:1").await;
    from.claim_ids(runner, &[id]).await;
    store.take_in(&from).await;
    store.admitted(&from, &[id], &[]).await;
    assert_eq!(store.ids(everything().claimed(Claimed::None)).await, [id]);
}

/// While its head is held, a chain is changed only together with it: a page of its history, read a moment later, does
/// not end it.
pub async fn a_held_chain_waits_for_its_held_head(store: StoreUnderTest) {
    let from = origin_of(&store);
    let first = from.put(hourly("renew", from.now())).await;
    let running = from.run(first).await;
    from.report(running.ended_then(Outcome::Complete, Some(from.now()), None)).await;
    let chain = running.chain.unwrap();
    let head = from.chain(chain).await.head.unwrap();
    let target = store.take_in(&from).await.chains[0].target;
    from.cancel_ids(&[head]).await;
    let history = from.exported(Export::Ids(vec![first])).await;
    let page =
        ImportBatch { actions: history.actions, chains: history.chains, new_ids_above: None };
    assert_eq!(page.chains[0].chain.state, ChainState::Ended);
    let imports = store.import(&from.as_origin().await, page).await.unwrap();
    assert_eq!(imports.chains[0].state, ImportState::Held);
    store.admitted(&from, &[head], &[]).await;
    assert_eq!(store.chain(target).await.state, ChainState::Active);
    assert_eq!(store.live_instances(target).await, [store.chain(target).await.head.unwrap()]);
}
