//! Connections that are lost, and commits that are not answered: nothing is lost, and nothing done twice.

use std::collections::BTreeSet;
use std::time::Duration;

use action_scheduler::action::NewAction;
use action_scheduler::query::{Order, OrderBy};
use action_scheduler::store::Insert;
use action_scheduler::store::mysql::{MySqlStore, MySqlUrl};
use action_scheduler::time::Clock;
use action_scheduler::{Args, Hook, Query, Schedule, Store};
use testkit::servers::{FaultProxy, MariaDb, NewConnections};

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_whose_connection_is_cut_at_any_moment_is_stored_once() {
    const COUNT: usize = 150;
    let server = MariaDb::shared().await;
    let database = server.create_database().await;
    let proxy = FaultProxy::start(server.address()).await;
    let url: MySqlUrl = proxy.url(database.url()).parse().unwrap();
    let store = MySqlStore::open(&url, Clock::remote()).await.unwrap();
    // An insert takes some five of these both ways.
    proxy.delay(Duration::from_millis(2)).await;
    let mut stored = BTreeSet::new();
    for number in 0..COUNT {
        let action = NewAction::new(Hook::new("a").unwrap(), Schedule::Async)
            .args(Args::new([number]).unwrap());
        let insert = store.insert(vec![Insert { action, log_created: true }]);
        let cut = async {
            tokio::time::sleep(Duration::from_micros((number as u64 * 211) % 30_000)).await;
            proxy.cut(NewConnections::Accepted).await;
            proxy.heal().await;
            proxy.delay(Duration::from_millis(2)).await;
        };
        let (ids, ()) = tokio::join!(insert, cut);
        let id = ids.unwrap()[0].expect("an id");
        assert!(stored.insert(id), "{id} was given out twice");
    }
    proxy.heal().await;
    let everything = Query::new().unlimited().order(OrderBy::Id, Order::Ascending);
    let actions = store.query(everything).await.unwrap();
    assert_eq!(actions.iter().map(|one| one.id).collect::<BTreeSet<_>>(), stored);
    let args: BTreeSet<&str> = actions.iter().map(|one| one.args.as_str()).collect();
    assert_eq!(args.len(), COUNT);
    let logs = store.logs(actions.iter().map(|one| one.id).collect()).await.unwrap();
    assert_eq!(logs.len(), COUNT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_told_as_such_and_used_again_when_it_is_back() {
    use action_scheduler::{Error, StoreErrorKind};
    let server = MariaDb::shared().await;
    let database = server.create_database().await;
    let proxy = FaultProxy::start(server.address()).await;
    let url: MySqlUrl = proxy.url(database.url()).parse().unwrap();
    let store = MySqlStore::open(&url, Clock::remote()).await.unwrap();
    proxy.cut(NewConnections::Refused).await;
    let Err(Error::Store(error)) = store.count(Query::new()).await else { panic!("it answered") };
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    let Err(Error::Store(error)) = store.stats().await else { panic!("it answered") };
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    proxy.heal().await;
    assert_eq!(store.count(Query::new()).await.unwrap(), 0);
}
