//! A Galera cluster: processes on all nodes, of which one is killed and comes back; and nodes that write the same rows.

use action_scheduler::action::Unique;
use action_scheduler::store::mysql::MySqlStore;
use action_scheduler::time::Clock;
use action_scheduler::{ActionId, Error, Scheduler};
use mysql_async::prelude::Queryable;
use testkit::servers::{Galera, mariadb};

use crate::away::{AWAY, spawn};
use crate::processes::books;
use crate::processes::worker::{Scene, Worker, until, until_drained};

const NODES: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_killed_and_comes_back_and_nothing_is_lost_and_nothing_runs_twice() {
    let mut cluster = Galera::start().await;
    let database = cluster.node(0).create_database().await;
    let urls: Vec<_> = (0..NODES).map(|node| cluster.node(node).url_for(database.name())).collect();
    let scene = Scene::at(&urls[0]);
    let scheduler = scene.scheduler().await;
    let mut workers = spawn(&urls, 300, &scene, &scheduler).await;
    until("they work", async || scene.calls().len() > 100).await;
    cluster.kill(1).await;
    let before = scene.calls().len();
    until("the others work", async || scene.calls().len() > before + 50).await;
    cluster.rejoin(1).await;
    for worker in &mut workers {
        worker.says("enqueued");
    }
    cluster.until_synced().await;
    until_drained(&scheduler, NODES as u64).await;
    workers.into_iter().for_each(Worker::stop);

    scene.assert_errors_only_say(&AWAY);
    let tally = books::check_but_errors(&scene, &scheduler, 0).await;
    println!("{tally:?}");
    assert!(tally.accepted > 200, "{tally:?}");
}

/// How often a node took back a transaction, at its end or before, as another node had changed the same rows.
async fn refused_at_certification(cluster: &Galera) -> u64 {
    let mut sum = 0;
    for node in 0..NODES {
        let mut connection = mariadb::connect(&cluster.node(node).url()).await;
        let sql = "SHOW STATUS WHERE variable_name IN ('wsrep_local_cert_failures', 'wsrep_local_bf_aborts')";
        let rows: Vec<(String, u64)> = connection.query(sql).await.unwrap();
        sum += rows.iter().map(|row| row.1).sum::<u64>();
    }
    sum
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_refused_at_certification_never_reaches_a_caller() {
    const TIMES: usize = 60;
    let cluster = Galera::start().await;
    let database = cluster.node(0).create_database().await;
    let mut nodes = Vec::new();
    for node in 0..NODES {
        let url = cluster.node(node).url_for(database.name());
        nodes.push(Scheduler::open(&url).await.unwrap());
        cluster.until_synced().await;
    }
    let [one, other] = [&nodes[0], &nodes[1]];
    let mut stored = 0;
    for n in 0..TIMES {
        let (first, second) = tokio::join!(unique(one, n), unique(other, n));
        let ids: Vec<ActionId> = [first, second].into_iter().flatten().collect();
        assert_eq!(ids.len(), 1, "of two that come at once one is stored");
        stored += 1;
        // The same row, from both sides, at the same time.
        until("the other node has it", async || other.fetch(ids[0]).await.is_ok()).await;
        until("this node has it", async || one.fetch(ids[0]).await.is_ok()).await;
        let (first, second) = tokio::join!(one.cancel(ids[0]), other.cancel(ids[0]));
        let canceled = [first, second].into_iter().filter(is_done).count();
        assert_eq!(canceled, 1, "one of them cancels it");
        let (first, second) = tokio::join!(one.rerun(ids[0]), other.run_now(ids[0]));
        assert!(is_done(&first) | is_done(&second));
        let (first, second) = tokio::join!(one.delete(ids[0]), other.cancel(ids[0]));
        assert!(is_done(&first) | is_done(&second));
    }
    let refused = refused_at_certification(&cluster).await;
    println!("{stored} times; {refused} transactions were refused at certification");
    assert!(refused > 0, "no two nodes ever met");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_added_on_one_node_is_on_all_and_the_plan_says_that_writes_wait() {
    let cluster = Galera::start().await;
    let database = cluster.node(0).create_database().await;
    let open = async |node: usize| {
        let url = cluster.node(node).url_for(database.name()).parse().unwrap();
        MySqlStore::open(&url, Clock::remote()).await.unwrap()
    };
    let one = open(0).await;
    cluster.until_synced().await;
    let other = open(1).await;
    let plan = other.optimize_plan().await.unwrap();
    assert!(plan.iter().all(|index| index.writes_wait && !index.present), "{plan:?}");
    one.optimize_apply().await.unwrap();
    until("the other node has it", async || {
        other.optimize_plan().await.unwrap().iter().all(|index| index.present)
    })
    .await;
}

async fn unique(scheduler: &Scheduler, n: usize) -> Option<ActionId> {
    scheduler.enqueue_async("same", [n]).unique(Unique::Args).await.unwrap()
}

/// That someone else was faster may be said; that the database was in the way may not.
fn is_done<T>(result: &Result<T, Error>) -> bool {
    if let Err(Error::Store(error)) = result {
        panic!("it leaked: {error}");
    }
    result.is_ok()
}
