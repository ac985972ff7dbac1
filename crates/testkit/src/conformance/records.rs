//! Small documents of programs around the engine.

use action_scheduler::Error;
use action_scheduler::store::{Expected, Put, PutRecord, Record, RecordKind, RecordsQuery};
use tokio::task::JoinSet;

use super::StoreUnderTest;
use super::scene::*;

const USER: RecordKind = RecordKind::constant("user");
const LINK: RecordKind = RecordKind::constant("sign-in_link");

fn user(key: &str, body: &str) -> PutRecord {
    PutRecord::new(USER, key, body)
}

impl StoreUnderTest {
    async fn put_record(&self, put: PutRecord) -> Put {
        let answers = self.put_records(vec![put]).await.unwrap();
        assert_eq!(answers.len(), 1, "one answer for one record");
        answers[0]
    }

    async fn find_record(&self, kind: RecordKind, key: &str) -> Option<Record> {
        self.records(RecordsQuery::new(kind).keys([key])).await.unwrap().pop()
    }

    async fn keys(&self, query: RecordsQuery) -> Vec<String> {
        self.records(query).await.unwrap().into_iter().map(|record| record.key).collect()
    }

    async fn delete_record(&self, kind: RecordKind, key: &str) -> bool {
        let deleted = self.delete_records(kind, vec![key.to_owned()]).await.unwrap();
        assert_eq!(deleted.len(), 1, "one answer for one key");
        deleted[0]
    }
}

/// Kind, key, body and date come back to the letter; kinds do not mix.
pub async fn a_record_is_kept_as_it_was_given(store: StoreUnderTest) {
    let body = r#"{"name":"é \" \\ % '\u0000","n":[1,2.50,null]}"#;
    let date = store.in_seconds(60);
    assert_eq!(store.put_record(user("ann", body).expires_at(date)).await, Put::Done(1));
    assert_eq!(store.put_record(PutRecord::new(LINK, "ann", "1")).await, Put::Done(1));
    let record = Record {
        kind: USER,
        key: "ann".to_owned(),
        body: body.to_owned(),
        version: 1,
        expires_at: Some(date),
    };
    let found = store.records(RecordsQuery::new(USER)).await.unwrap();
    assert_eq!(found, [record]);
    let other = store.find_record(LINK, "ann").await.unwrap();
    assert_eq!((other.body.as_str(), other.expires_at), ("1", None));
    assert_eq!(store.find_record(USER, "bob").await, None);
}

/// The next put replaces all of it, and is counted.
pub async fn a_put_replaces_the_record_and_counts(store: StoreUnderTest) {
    let date = store.in_seconds(60);
    store.put_record(user("ann", "1").expires_at(date)).await;
    assert_eq!(store.put_record(user("ann", "2")).await, Put::Done(2));
    let record = store.find_record(USER, "ann").await.unwrap();
    assert_eq!((record.body.as_str(), record.version, record.expires_at), ("2", 2, None));
    let answers = store.put_records(vec![user("ann", "3"), user("ann", "4"), user("bob", "1")]);
    assert_eq!(answers.await.unwrap(), [Put::Done(3), Put::Done(4), Put::Done(1)]);
    assert_eq!(store.find_record(USER, "ann").await.unwrap().body, "4");
    assert_eq!(store.put_records(Vec::new()).await.unwrap(), []);
}

/// A put whose expectation does not hold changes nothing, and those beside it are done.
pub async fn a_put_holds_to_what_it_expects(store: StoreUnderTest) {
    let expecting = |key: &str, body: &str, expected| user(key, body).expected(expected);
    let put = async |key, body, expected| store.put_record(expecting(key, body, expected)).await;
    assert_eq!(put("a", "0", Expected::Version(0)).await, Put::Refused);
    assert_eq!(put("a", "0", Expected::Version(1)).await, Put::Refused);
    assert_eq!(put("a", "1", Expected::Absent).await, Put::Done(1));
    assert_eq!(put("a", "0", Expected::Absent).await, Put::Refused);
    assert_eq!(put("a", "2", Expected::Version(1)).await, Put::Done(2));
    for wrong in [0, 1, 3, u64::MAX] {
        assert_eq!(put("a", "0", Expected::Version(wrong)).await, Put::Refused);
    }
    assert_eq!(store.find_record(USER, "a").await.unwrap().body, "2");
    let answers = store.put_records(vec![
        expecting("z", "1", Expected::Absent),
        expecting("a", "0", Expected::Version(1)),
        expecting("a", "3", Expected::Version(2)),
        expecting("a", "4", Expected::Version(3)),
        expecting("z", "0", Expected::Absent),
    ]);
    let expected = [Put::Done(1), Put::Refused, Put::Done(3), Put::Done(4), Put::Refused];
    assert_eq!(answers.await.unwrap(), expected);
    assert_eq!(store.find_record(USER, "a").await.unwrap().body, "4");
    assert_eq!(store.find_record(USER, "z").await.unwrap().body, "1");
}

/// Pages by key, in the order of bytes; keys that look alike are different.
pub async fn records_are_listed_by_key(store: StoreUnderTest) {
    let keys = ["A", "a", "a ", "aé", "b", "e\u{301}", "z", "é", "日本", "😀"];
    let puts = keys.iter().rev().map(|key| user(key, "1")).collect();
    store.put_records(puts).await.unwrap();
    let all = RecordsQuery::new(USER);
    assert_eq!(store.keys(all.clone()).await, keys);
    assert_eq!(store.keys(all.clone().limit(3)).await, keys[..3]);
    assert_eq!(store.keys(all.clone().after("a ").limit(4)).await, keys[3..7]);
    assert_eq!(store.keys(all.clone().after("a!")).await, keys[3..]);
    assert_eq!(store.keys(all.clone().after("😀")).await, [""; 0]);
    assert_eq!(store.keys(all.clone().limit(0)).await, [""; 0]);
    let some = all.clone().keys(["z", "a", "nobody", "a"]);
    assert_eq!(store.keys(some.clone()).await, ["a", "z"]);
    assert_eq!(store.keys(some.after("a")).await, ["z"]);
    assert_eq!(store.keys(all.keys([""; 0])).await, [""; 0]);
    assert_eq!(store.keys(RecordsQuery::new(LINK)).await, [""; 0]);
}

/// From its date on a record is as good as none, and then it goes.
pub async fn an_expired_record_is_as_good_as_none(store: StoreUnderTest) {
    let in_a_minute = store.in_seconds(60);
    let expiring = |key| user(key, "1").expires_at(in_a_minute);
    let keys = ["a", "b", "c", "d", "e"];
    store.put_records(keys.map(expiring).into()).await.unwrap();
    store.put_record(user("kept", "1")).await;
    store.clock().advance(seconds(59));
    assert_eq!(store.keys(RecordsQuery::new(USER)).await, ["a", "b", "c", "d", "e", "kept"]);
    store.clock().advance(seconds(1));
    assert_eq!(store.keys(RecordsQuery::new(USER)).await, ["kept"]);
    assert_eq!(store.keys(RecordsQuery::new(USER).keys(["a"])).await, [""; 0]);
    let put = async |key, expected| store.put_record(user(key, "2").expected(expected)).await;
    assert_eq!(put("a", Expected::Version(1)).await, Put::Refused);
    assert!(!store.delete_record(USER, "b").await);
    assert!(matches!(put("a", Expected::Absent).await, Put::Done(_)));
    assert!(matches!(put("c", Expected::Any).await, Put::Done(_)));
    assert_eq!(store.keys(RecordsQuery::new(USER)).await, ["a", "c", "kept"]);
    assert_eq!(store.clean_orphans(1).await.unwrap(), 1);
    assert!(store.clean_orphans(10).await.unwrap() <= 1);
    assert_eq!(store.clean_orphans(10).await.unwrap(), 0);
    assert_eq!(store.keys(RecordsQuery::new(USER)).await, ["a", "c", "kept"]);
}

/// Who deletes a record is told whether it was there.
pub async fn a_record_is_deleted_once(store: StoreUnderTest) {
    store.put_records(["a", "b", "c"].map(|key| user(key, "1")).into()).await.unwrap();
    assert!(!store.delete_record(LINK, "a").await);
    let keys = ["c", "nobody", "a", "c"].map(str::to_owned).into();
    assert_eq!(store.delete_records(USER, keys).await.unwrap(), [true, false, true, false]);
    assert_eq!(store.keys(RecordsQuery::new(USER)).await, ["b"]);
    assert!(!store.delete_record(USER, "a").await);
    assert!(store.delete_records(USER, Vec::new()).await.unwrap().is_empty());
    assert_eq!(store.put_record(user("a", "2").expected(Expected::Absent)).await, Put::Done(1));
}

/// What no store could keep is refused, and nothing of the call is done.
pub async fn a_record_that_cannot_be_kept_is_refused(store: StoreUnderTest) {
    let long = "x".repeat(255);
    assert_eq!(store.put_record(user(&long, "1")).await, Put::Done(1));
    for bad in [user("", "1"), user(&"x".repeat(256), "1"), user("a\0", "1"), user("a", "{")] {
        let refused = store.put_records(vec![user("fine", "1"), bad.clone()]).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{bad:?}: {refused:?}");
    }
    assert_eq!(store.keys(RecordsQuery::new(USER)).await, [long]);
}

/// Of many that put a record on the same version at once, one does.
pub async fn of_many_puts_on_one_version_one_is_done(store: StoreUnderTest) {
    for round in 0..5 {
        let expected = if round == 0 { Expected::Absent } else { Expected::Version(round) };
        let mut tasks = JoinSet::new();
        for number in 0..10 {
            let store = store.share();
            let put = user("leader", &number.to_string()).expected(expected);
            tasks.spawn(async move { (number, store.put_records(vec![put]).await.unwrap()[0]) });
        }
        let answers = tasks.join_all().await;
        let done: Vec<_> = answers.iter().filter(|(_, put)| *put != Put::Refused).collect();
        assert_eq!(done.len(), 1, "{answers:?}");
        let (number, put) = done[0];
        assert_eq!(*put, Put::Done(round + 1));
        assert_eq!(store.find_record(USER, "leader").await.unwrap().body, number.to_string());
    }
}

/// Puts of many records at once, in any order, are all done and all counted.
pub async fn puts_at_once_are_all_counted(store: StoreUnderTest) {
    const KEYS: usize = 8;
    let mut tasks = JoinSet::new();
    for number in 0..8 {
        let store = store.share();
        tasks.spawn(async move {
            for round in 0..4 {
                let key = |place| format!("key-{}", (place * (2 * number + 1) + round) % KEYS);
                let puts = (0..KEYS).map(|place| user(&key(place), "1")).collect();
                store.put_records(puts).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let records = store.records(RecordsQuery::new(USER)).await.unwrap();
    let versions: Vec<u64> = records.iter().map(|record| record.version).collect();
    assert_eq!(versions, [8 * 4; KEYS]);
}

/// Of many that use a one-time link at once, one does.
pub async fn of_many_that_delete_a_record_one_is_told(store: StoreUnderTest) {
    for round in 0..5 {
        let key = format!("link-{round}");
        store.put_record(PutRecord::new(LINK, &key, "1")).await;
        let mut tasks = JoinSet::new();
        for _ in 0..10 {
            let (store, key) = (store.share(), key.clone());
            tasks.spawn(async move { store.delete_records(LINK, vec![key]).await.unwrap()[0] });
        }
        let told = tasks.join_all().await;
        assert_eq!(told.iter().filter(|was_there| **was_there).count(), 1, "{told:?}");
    }
}

/// A store that works says so.
pub async fn a_store_that_works_answers(store: StoreUnderTest) {
    store.ping().await.unwrap();
}
