//! Exporting: actions and chains with all that belongs to them.

use action_scheduler::action::{ActionId, Status, Unique};
use action_scheduler::store::{Export, Requeue, Target};

use super::StoreUnderTest;
use super::origin::{ALL, ALL_CHAINS, origin_of};
use super::scene::*;

/// A store has an identity that stays, and that no other store has.
pub async fn a_store_is_told_from_all_others(store: StoreUnderTest) {
    let identity = store.identity().await.unwrap();
    assert!((1..=100).contains(&identity.as_str().chars().count()));
    assert_eq!(store.identity().await.unwrap(), identity);
    assert_ne!(origin_of(&store).identity().await.unwrap(), identity);
}

/// What is exported is an action with its log, its key, and the chain it is an instance of.
pub async fn an_export_has_the_log_the_key_and_the_chain(store: StoreUnderTest) {
    let single = store.put(action("once").unique(Unique::Key("k".into()))).await;
    let first = store.put(hourly("renew", store.now()).unique(Unique::Key("chain".into()))).await;
    let chain = store.action(first).await.chain.unwrap();
    let exported = store.exported(ALL).await;
    assert_eq!(exported.next, None);
    let [one, instance] = &exported.actions[..] else { panic!("two actions: {exported:?}") };
    assert_eq!((&one.action, one.key.as_deref()), (&store.action(single).await, Some("k")));
    assert_eq!(one.log, store.log_of(single).await);
    assert_eq!(
        (&instance.action, instance.key.as_deref()),
        (&store.action(first).await, Some("chain"))
    );
    let [record] = &exported.chains[..] else { panic!("one chain: {exported:?}") };
    assert_eq!(record.chain, store.chain(chain).await);
    assert_eq!((record.owed, record.head_status), (None, Some(Status::Pending)));
    assert_eq!(store.exported(ALL_CHAINS).await.chains, exported.chains);
}

/// The date that a chain owes, because its head was run early, is part of an export.
pub async fn an_export_tells_the_date_that_a_chain_owes(store: StoreUnderTest) {
    let date = store.in_seconds(500);
    let id = store.put(hourly("renew", date)).await;
    store.requeue(Target::Ids(vec![id]), Requeue::RunNow, &context()).await.unwrap();
    let exported = store.exported(Export::Ids(vec![id])).await;
    assert_eq!(exported.chains[0].owed, Some(date));
}

/// Pages follow one another by id, whatever the statuses, and leave nothing out.
pub async fn pages_of_an_export_are_the_whole_of_it(store: StoreUnderTest) {
    let ids = store.put_all((0..7).map(|_| action("a"))).await;
    store.cancel_ids(&[ids[1], ids[4]]).await;
    store.put_all((0..3).map(|_| hourly("renew", store.now()))).await;
    for (statuses, expected) in
        [(vec![], 10), (vec![Status::Canceled], 2), (vec![Status::Pending, Status::InProgress], 8)]
    {
        let mut seen = Vec::new();
        let mut next = Some(Export::Actions { after: None, statuses: statuses.clone(), limit: 3 });
        while let Some(export) = next {
            let page = store.exported(export).await;
            assert!(page.actions.len() <= 3);
            seen.extend(page.actions.iter().map(|record| record.action.id));
            next = page.next;
        }
        let query = statuses.iter().fold(everything(), |query, status| query.status(*status));
        assert_eq!((seen.len(), seen), (expected, store.ids(query).await));
    }
    let mut chains = Vec::new();
    let mut next = Some(Export::Chains { after: None, limit: 2 });
    while let Some(export) = next {
        let page = store.exported(export).await;
        chains.extend(page.chains.iter().map(|record| record.chain.id));
        next = page.next;
    }
    assert_eq!(chains.len(), 3);
    assert!(chains.is_sorted());
}

/// Ids that do not exist, or are named twice, are no trouble.
pub async fn what_does_not_exist_is_not_exported(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let missing = ActionId::new(id.get() + 1000).unwrap();
    let exported = store.exported(Export::Ids(vec![missing, id, id])).await;
    assert_eq!(exported.actions.len(), 1);
}
