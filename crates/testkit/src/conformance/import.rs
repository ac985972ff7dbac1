//! Importing: what another store exported is taken in, once.

use action_scheduler::action::{ActionId, Status, Unique};
use action_scheduler::store::{
    ChainState, ImportBatch, ImportState, Imported, Imports, ImportsOf, ImportsQuery, Insert,
    Outcome, Requeue, Target,
};
use action_scheduler::{Priority, Schedule};

use super::StoreUnderTest;
use super::origin::{ACTIONS, carried, origin_of};
use super::scene::*;

/// What is finished is history: it is the same here, to the last entry of its log.
pub async fn finished_actions_are_copied_as_they_were(store: StoreUnderTest) {
    let from = origin_of(&store);
    let done = from.put(action("a").args(args(r#"{"order": "ö"}"#)).group(group("g"))).await;
    let failed = from.put(action_at("b", from.in_seconds(-90)).priority(Priority(3))).await;
    let canceled = from.put(action("c").unique(Unique::Key("k".into()))).await;
    from.run_to(done, Outcome::Complete).await;
    from.run_to(failed, Outcome::Failed).await;
    from.cancel_ids(&[canceled]).await;
    store.clock().advance(seconds(60));
    let imports = store.take_in(&from).await;
    for (id, imported) in [done, failed, canceled].into_iter().zip(&imports.actions) {
        assert_eq!(*imported, Imported { source: id, target: id, state: ImportState::Copied });
        assert_eq!(store.record(id).await, carried(from.record(id).await));
    }
    let stats = store.stats().await.unwrap();
    assert_eq!(
        (stats.counts["complete"], stats.counts["failed"], stats.counts["canceled"]),
        (1, 1, 1)
    );
    assert_eq!(store.hooks().await.unwrap(), [hook("a"), hook("b"), hook("c")]);
}

/// An id is kept where it is free; where it is not, the new one is above all of the origin.
pub async fn an_id_that_is_taken_becomes_a_new_one(store: StoreUnderTest) {
    let from = origin_of(&store);
    let theirs = from.put_all((0..4).map(|_| action("theirs"))).await;
    from.cancel_ids(&theirs).await;
    let own = store.put(action("own")).await;
    let mut batch = from.batch().await;
    batch.new_ids_above = theirs.last().copied();
    let imports = store.import(&from.as_origin().await, batch).await.unwrap();
    let targets: Vec<ActionId> = imports.actions.iter().map(|imported| imported.target).collect();
    for (source, target) in theirs.iter().zip(&targets) {
        let is_kept = *source != own;
        assert_eq!(source == target, is_kept, "{source} became {target}");
        assert!(is_kept || target > theirs.last().unwrap());
    }
    assert_eq!(store.action(own).await.hook, hook("own"));
    assert_eq!(store.log_of(targets[0]).await.len(), from.log_of(theirs[0]).await.len());
}

/// Neither an action nor a chain that is stored later gets an id that came by import.
pub async fn ids_given_out_later_never_collide(store: StoreUnderTest) {
    let from = origin_of(&store);
    let ids = from.put_all((0..5).map(|_| hourly("renew", from.now()))).await;
    let highest = store.take_in(&from).await.actions.iter().map(|row| row.target).max().unwrap();
    assert!(highest >= *ids.last().unwrap());
    for _ in 0..5 {
        let new = store.put(hourly("new", store.now())).await;
        assert!(new > highest, "{new} after {highest}");
        assert_eq!(store.chain(store.action(new).await.chain.unwrap()).await.hook, hook("new"));
    }
}

/// However high those are.
pub async fn ids_given_out_later_are_above_those_of_the_origin(store: StoreUnderTest) {
    let from = origin_of(&store).as_origin().await;
    for above in [10, 1_000, 70_000_000_000, 70_000_000_001, 5] {
        let above = ActionId::new(above);
        let last = store.put(action("before")).await;
        let batch = ImportBatch { new_ids_above: above, ..ImportBatch::default() };
        store.import(&from, batch).await.unwrap();
        let new = store.put(action("after")).await;
        assert!(new > last && Some(new) > above, "{new} after {last}, above {above:?}");
    }
}

/// The same batch again gets the same answer, and leaves the store as it is.
pub async fn importing_again_stores_nothing_twice(store: StoreUnderTest) {
    let from = origin_of(&store);
    store.put(action("own")).await;
    let ids = from.put_all([action("a"), action("b"), hourly("renew", from.now())]).await;
    from.run_to(ids[0], Outcome::Complete).await;
    let first = store.take_in(&from).await;
    let stats = store.stats().await.unwrap();
    let before = store.batch().await;
    assert_eq!(store.take_in(&from).await, first);
    assert_eq!(store.stats().await.unwrap(), stats);
    assert_eq!(store.batch().await, before);
}

/// Until it is admitted, an action becomes whatever it has become at the origin.
pub async fn what_is_held_becomes_what_is_given(store: StoreUnderTest) {
    let from = origin_of(&store);
    let id = from.put(action("a")).await;
    store.take_in(&from).await;
    from.run_to(id, Outcome::Failed).await;
    let imports = store.take_in(&from).await;
    assert_eq!(imports.actions[0].state, ImportState::Copied);
    assert_eq!(store.record(id).await, carried(from.record(id).await));
    // Copied now: there is nothing to let go.
    assert_eq!(store.admitted(&from, &[id], &[]).await.actions, imports.actions);
    assert_eq!(store.status(id).await, Status::Failed);
    // And back.
    from.requeue(Target::Ids(vec![id]), Requeue::Rerun, &context()).await.unwrap();
    assert_eq!(store.take_in(&from).await.actions[0].state, ImportState::Held);
    store.admitted(&from, &[id], &[]).await;
    assert_eq!(store.status(id).await, Status::Pending);
    let stats = store.stats().await.unwrap();
    assert_eq!(
        (stats.counts["pending"], stats.counts["failed"], stats.counts["canceled"]),
        (1, 0, 0)
    );
}

/// A copied action that was put back into the queue here has a life of its own.
pub async fn a_copied_action_that_runs_again_here_is_left_alone(store: StoreUnderTest) {
    let from = origin_of(&store);
    let id = from.put(action("a")).await;
    from.run_to(id, Outcome::Failed).await;
    store.take_in(&from).await;
    store.requeue(Target::Ids(vec![id]), Requeue::Rerun, &context()).await.unwrap();
    let record = store.record(id).await;
    assert_eq!(store.take_in(&from).await.actions[0].state, ImportState::Admitted);
    assert_eq!(store.record(id).await, record);
    store.run_to(id, Outcome::Complete).await;
    store.take_in(&from).await;
    assert_eq!(store.status(id).await, Status::Complete);
}

/// What was cleaned here does not come back, unless it is to run again.
pub async fn a_copied_action_that_was_deleted_stays_deleted(store: StoreUnderTest) {
    let from = origin_of(&store);
    let id = from.put(action("a")).await;
    from.run_to(id, Outcome::Complete).await;
    store.take_in(&from).await;
    store.delete(Target::Ids(vec![id])).await.unwrap();
    assert_eq!(store.take_in(&from).await.actions[0].state, ImportState::Copied);
    assert_eq!(store.find(id).await, None);
    from.requeue(Target::Ids(vec![id]), Requeue::Rerun, &context()).await.unwrap();
    let imports = store.take_in(&from).await;
    assert_eq!(imports.actions, [Imported { source: id, target: id, state: ImportState::Held }]);
    store.admitted(&from, &[id], &[]).await;
    assert_eq!(store.status(id).await, Status::Pending);
}

/// What is in-progress belongs to where it runs.
pub async fn an_action_in_progress_is_refused_with_its_batch(store: StoreUnderTest) {
    let from = origin_of(&store);
    from.put(action("a")).await;
    let running = from.put(action("b")).await;
    from.run(running).await;
    let refused = store.import(&from.as_origin().await, from.batch().await).await;
    assert!(refused.is_err_and(|error| error.is_invalid_input()));
    assert_eq!(store.ids(everything()).await, []);
    assert_eq!(store.journal(&from, ACTIONS, None).await, Imports::default());
}

/// An ended chain is history.
pub async fn an_ended_chain_is_copied(store: StoreUnderTest) {
    let from = origin_of(&store);
    let id = from.put(hourly("renew", from.now())).await;
    from.cancel_ids(&[id]).await;
    let imports = store.take_in(&from).await;
    assert_eq!(imports.chains[0].state, ImportState::Copied);
    let target = imports.chains[0].target;
    assert_eq!(
        store.admitted(&from, &[], &[imports.chains[0].source]).await.chains,
        imports.chains
    );
    assert_eq!(store.chain(target).await.state, ChainState::Ended);
    assert_eq!(store.ids(everything().chain(target)).await, [imports.actions[0].target]);
}

/// An instance whose chain is no more will not recur.
pub async fn an_instance_of_no_chain_becomes_a_single_action(store: StoreUnderTest) {
    let from = origin_of(&store);
    let id = from.put(hourly("renew", from.now())).await;
    let batch = ImportBatch { chains: Vec::new(), ..from.batch().await };
    store.import(&from.as_origin().await, batch).await.unwrap();
    let imported = store.action(id).await;
    assert_eq!(
        (imported.chain, imported.schedule),
        (None, Schedule::Single(imported.scheduled_at))
    );
}

/// The journal of each origin is read by id, as far as things have come.
pub async fn the_journal_is_read_in_pages(store: StoreUnderTest) {
    let from = origin_of(&store);
    let ids = from.put_all((0..5).map(|_| action("a"))).await;
    from.cancel_ids(&[ids[1], ids[3]]).await;
    store.take_in(&from).await;
    store.admitted(&from, &[ids[4]], &[]).await;
    let held = store.journal(&from, ACTIONS, Some(ImportState::Held)).await.actions;
    assert_eq!(held.iter().map(|row| row.source).collect::<Vec<_>>(), [ids[0], ids[2]]);
    let copied = store.journal(&from, ACTIONS, Some(ImportState::Copied)).await.actions;
    assert_eq!(copied.iter().map(|row| row.source).collect::<Vec<_>>(), [ids[1], ids[3]]);
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let query = ImportsQuery { of: ImportsOf::Actions { after }, state: None, limit: 2 };
        let page = store.imports(&from.identity().await.unwrap(), query).await.unwrap().actions;
        seen.extend(page.iter().map(|row| row.source));
        after = page.last().map(|row| row.source);
        if page.len() < 2 {
            break;
        }
    }
    assert_eq!(seen, ids);
    let stranger = origin_of(&store);
    assert_eq!(store.journal(&stranger, ACTIONS, None).await, Imports::default());
}

/// A batch is as large as it is.
pub async fn many_are_taken_in_at_once(store: StoreUnderTest) {
    let from = origin_of(&store);
    let inserts = (0..1200).map(|_| Insert { action: action("a"), log_created: true }).collect();
    from.insert(inserts).await.unwrap();
    let imports = store.take_in(&from).await;
    let ids: Vec<ActionId> = imports.actions.iter().map(|row| row.source).collect();
    let query = ImportsQuery { of: ACTIONS, state: None, limit: 2000 };
    let journal = store.imports(&from.identity().await.unwrap(), query).await.unwrap();
    assert_eq!(journal.actions, imports.actions);
    store.admitted(&from, &ids, &[]).await;
    assert_eq!(store.stats().await.unwrap().counts["pending"], 1200);
}
