//! Requests that store their actions once, however often they come.

use action_scheduler::action::{ActionId, NewAction, Unique};
use action_scheduler::store::{Once, Receipt, Target};
use action_scheduler::{Error, Step};
use tokio::task::JoinSet;

use super::StoreUnderTest;
use super::scene::*;

impl StoreUnderTest {
    /// A request with a key; its digest is made of one number.
    async fn request(&self, key: &str, digest: u8, actions: Vec<NewAction>) -> Once {
        let actions = actions.into_iter().map(logged).collect();
        self.insert_once(self.receipt(key, digest), actions).await.unwrap()
    }

    fn receipt(&self, key: &str, digest: u8) -> Receipt {
        let keep_until = self.in_seconds(3600);
        Receipt { key: key.to_owned(), digest: [digest; 32], keep_until }
    }

    async fn new_ids(&self, key: &str, actions: Vec<NewAction>) -> Vec<Option<ActionId>> {
        match self.request(key, 1, actions).await {
            Once::New(ids) => ids,
            other => panic!("not new: {other:?}"),
        }
    }
}

/// The same request again stores nothing and is answered the same, also when some of it was refused or is gone.
pub async fn the_same_request_stores_its_actions_once(store: StoreUnderTest) {
    let unique = || action("b").unique(Unique::Hook);
    let actions = || vec![action("a"), unique(), unique(), hourly("c", store.now())];
    let ids = store.new_ids("k", actions()).await;
    assert_eq!(ids.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false, true]);
    assert_eq!(store.request("k", 1, actions()).await, Once::Before(ids.clone()));
    assert_eq!(store.steps(ids[0].unwrap()).await, [Step::Created]);
    store.delete(Target::Ids(vec![ids[0].unwrap()])).await.unwrap();
    assert_eq!(store.request("k", 1, actions()).await, Once::Before(ids.clone()));
    assert_eq!(store.count(everything()).await.unwrap(), 2);
    assert_eq!(store.stats().await.unwrap().counts["pending"], 2);
    let chain = store.action(ids[3].unwrap()).await.chain.expect("a chain");
    assert_eq!(store.chain(chain).await.head, ids[3]);
}

/// Another request with the same key is told so, and stores nothing; so does one with another key not.
pub async fn a_key_belongs_to_one_request(store: StoreUnderTest) {
    let first = store.new_ids("k", vec![action("a")]).await;
    assert_eq!(store.request("k", 2, vec![action("b")]).await, Once::Conflict);
    assert_eq!(store.request("k", 2, Vec::new()).await, Once::Conflict);
    assert_eq!(store.ids(everything()).await, [first[0].unwrap()]);
    for other in ["K", "k ", "é", "k-2"] {
        store.new_ids(other, vec![action("a")]).await;
        assert!(matches!(store.request(other, 1, vec![]).await, Once::Before(_)), "{other:?}");
    }
    assert_eq!(store.count(everything()).await.unwrap(), 5);
}

/// A request that stores nothing is known as well.
pub async fn a_request_that_stores_nothing_is_known(store: StoreUnderTest) {
    assert_eq!(store.request("empty", 1, Vec::new()).await, Once::New(Vec::new()));
    assert_eq!(store.request("empty", 1, Vec::new()).await, Once::Before(Vec::new()));
    store.put(action("a").unique(Unique::Hook)).await;
    let refused = || vec![action("a").unique(Unique::Hook)];
    assert_eq!(store.request("refused", 1, refused()).await, Once::New(vec![None]));
    assert_eq!(store.request("refused", 1, refused()).await, Once::Before(vec![None]));
}

/// Past its date a receipt counts no more, and goes.
pub async fn a_receipt_counts_until_its_date(store: StoreUnderTest) {
    let first = store.new_ids("a", vec![action("a")]).await;
    store.new_ids("b", vec![action("b")]).await;
    store.clock().advance(seconds(3599));
    store.new_ids("c", vec![action("c")]).await;
    assert_eq!(store.request("a", 1, Vec::new()).await, Once::Before(first.clone()));
    store.clock().advance(seconds(1));
    let again = match store.request("a", 2, vec![action("a"), action("a")]).await {
        Once::New(ids) => ids,
        other => panic!("not new: {other:?}"),
    };
    assert!(!again.contains(&first[0]));
    assert_eq!(store.request("a", 2, Vec::new()).await, Once::Before(again.clone()));
    assert_eq!(store.clean_orphans(10).await.unwrap(), 1, "the receipt of b");
    assert_eq!(store.clean_orphans(10).await.unwrap(), 0);
    assert_eq!(store.request("a", 2, Vec::new()).await, Once::Before(again));
    assert!(matches!(store.request("c", 1, Vec::new()).await, Once::Before(_)));
    assert_eq!(store.count(everything()).await.unwrap(), 5);
}

/// A key that cannot be kept is refused with nothing stored.
pub async fn a_key_that_cannot_be_kept_is_refused(store: StoreUnderTest) {
    store.new_ids(&"x".repeat(255), vec![action("a")]).await;
    for bad in ["", "a\0", "a\nb", &"x".repeat(256)] {
        let refused = store.insert_once(store.receipt(bad, 1), vec![logged(action("a"))]).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{bad:?}: {refused:?}");
    }
    assert_eq!(store.count(everything()).await.unwrap(), 1);
}

/// Storing once wakes who waits, and only then.
pub async fn storing_once_wakes_who_waits(store: StoreUnderTest) {
    let mut wake = store.wake();
    wake.mark_unchanged();
    store.new_ids("k", vec![action("a")]).await;
    wake.changed().await.unwrap();
    let runner = store.new_runner("host:1").await;
    assert_eq!(held(&store.claim_due(runner, 10).await.unwrap()).len(), 1);
}

/// Of many requests with one key that come at once, one stores its actions, and all are answered the same.
pub async fn of_many_requests_at_once_one_stores(store: StoreUnderTest) {
    for round in 0..5 {
        let key = format!("order-{round}");
        let mut tasks = JoinSet::new();
        for number in 0..10 {
            let receipt = store.receipt(&key, u8::from(number == 9));
            let store = store.share();
            tasks.spawn(async move {
                let actions = vec![logged(action("a")), logged(hourly("b", store.clock().now()))];
                store.insert_once(receipt, actions).await.unwrap()
            });
        }
        let answers = tasks.join_all().await;
        let new: Vec<_> = answers
            .iter()
            .filter_map(|once| match once {
                Once::New(ids) => Some(ids),
                Once::Before(_) | Once::Conflict => None,
            })
            .collect();
        assert_eq!(new.len(), 1, "{answers:?}");
        let same = answers.iter().filter(|once| **once == Once::Before(new[0].clone())).count();
        let conflicts = answers.iter().filter(|once| **once == Once::Conflict).count();
        // Which of the two requests came first is left to chance.
        assert!(matches!((same, conflicts), (8, 1) | (0, 9)), "{answers:?}");
        assert_eq!(store.count(everything()).await.unwrap(), 2 * (round + 1));
    }
}
