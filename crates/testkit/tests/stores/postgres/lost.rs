//! Connections that are lost: what was surely not committed is done again, and what may have been is looked for.

use std::time::Duration;

use action_scheduler::store::Store;
use testkit::servers::{FaultProxy, NewConnections, Postgres, postgres::connect};

use super::{action, claim, complete, count, open, put, runner};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_is_found_again() {
    let mut server = Postgres::start().await;
    let database = server.create_database().await;
    let store = open(database.url()).await;
    put(&store, 1).await;
    server.restart().await;
    put(&store, 1).await;
    let runner = runner(&store).await;
    let claimed = claim(&store, runner, 10).await.unwrap();
    server.restart().await;
    complete(&store, &claimed).await;
    assert_eq!(store.stats().await.unwrap().counts["complete"], 2);
}

/// Has every commit wait for two seconds on the server, until it is told not to.
async fn hold_commits(url: &str) {
    let hold = "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS \
        'BEGIN PERFORM pg_sleep(2); RETURN NULL; END'; \
        CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON action_scheduler.ledger DEFERRABLE INITIALLY DEFERRED \
        FOR EACH ROW WHEN (NOT NEW.fence) EXECUTE FUNCTION hold()";
    connect(url).await.batch_execute(hold).await.unwrap();
}

/// Waits until a transaction commits.
async fn until_it_commits(url: &str) {
    let client = connect(url).await;
    let question =
        "SELECT count(*) FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active'";
    loop {
        let row = client.query_one(question, &[]).await.unwrap();
        if row.get::<_, i64>(0) > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The server goes on to commit what it was told to, though nobody is there to hear of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_not_done_again() {
    let server = Postgres::start().await;
    let database = server.create_database().await;
    let proxy = FaultProxy::start(server.address()).await;
    let store = open(&proxy.url(database.url())).await;
    put(&store, 1).await;
    hold_commits(database.url()).await;
    let storing = store.insert(vec![action(1), action(2)]);
    let cutting = async {
        until_it_commits(database.url()).await;
        proxy.cut(NewConnections::Accepted).await;
    };
    let (ids, ()) = tokio::join!(storing, cutting);
    let ids: Vec<_> = ids.unwrap().into_iter().flatten().collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(store.fetch(ids).await.unwrap().len(), 2);
    assert_eq!(count(&store).await, 3);
}

/// The server dies before it has committed.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_lost_with_the_server_is_done_again() {
    let mut server = Postgres::start().await;
    let database = server.create_database().await;
    let store = open(database.url()).await;
    put(&store, 1).await;
    hold_commits(database.url()).await;
    let storing = store.insert(vec![action(1), action(2)]);
    let url = database.url().to_owned();
    let killing = async {
        until_it_commits(&url).await;
        server.kill().await;
        server.restart().await;
    };
    let (ids, ()) = tokio::join!(storing, killing);
    let ids: Vec<_> = ids.unwrap().into_iter().flatten().collect();
    assert_eq!(store.fetch(ids).await.unwrap().len(), 2);
    assert_eq!(count(&store).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_all_the_time_lose_and_double_nothing() {
    let server = Postgres::start().await;
    let database = server.create_database().await;
    let proxy = FaultProxy::start(server.address()).await;
    let store = open(&proxy.url(database.url())).await;
    put(&store, 400).await;
    let runner = runner(&store).await;
    let working = async {
        let mut done = 0;
        while done < 400 {
            // An error is told when it does not end; nothing was done then.
            let pick = action_scheduler::store::Pick::Due(Default::default());
            let request = action_scheduler::store::ClaimRequest {
                runner,
                limit: 20,
                pick,
                open_claims: None,
            };
            match store.claim(request).await {
                Ok(action_scheduler::store::Claiming::Claimed(claimed)) => {
                    done += claimed.actions.len();
                    complete(&store, &claimed).await;
                }
                Ok(other) => panic!("{other:?}, though {done} are done"),
                Err(_) => {}
            }
        }
    };
    let cutting = async {
        loop {
            tokio::time::sleep(Duration::from_millis(70)).await;
            proxy.cut(NewConnections::Accepted).await;
        }
    };
    tokio::select! {
        () = working => {}
        () = cutting => {}
    }
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.counts["complete"], stats.claims), (400, 0));
}
