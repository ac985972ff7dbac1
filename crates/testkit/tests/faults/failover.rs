//! A PostgreSQL primary that is killed, and its standby promoted, while processes work.

use std::time::Duration;

use testkit::servers::Postgres;

use crate::away::{AWAY, spawn};
use crate::processes::books;
use crate::processes::worker::{Scene, Worker, until, until_drained};

/// What processes may say meanwhile, beside that they are cut off: the standby takes no writes before it is promoted.
const FAILING_OVER: [&str; 4] = [AWAY[0], AWAY[1], AWAY[2], "takes no writes"];

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_and_what_was_accepted_is_neither_lost_nor_run_twice() {
    let mut primary = Postgres::start().await;
    let database = primary.create_database().await;
    let standby = primary.standby().await;
    // Only of what is on both is anybody told that it is stored.
    primary.set("synchronous_standby_names", "*").await;
    let url = format!(
        "postgres://postgres@{},{}/{}",
        primary.address(),
        standby.address(),
        database.name()
    );
    let scene = Scene::at(&url);
    // A client that is there before, while and after.
    let scheduler = scene.scheduler().await;
    let mut workers = spawn(&vec![url.clone(); 3], 500, &scene, &scheduler).await;
    until("they work", async || scene.calls().len() > 100).await;

    primary.kill().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    standby.promote().await;
    let before = scene.calls().len();
    let client = async {
        let id = loop {
            // Who asks while nobody takes writes is told so, and asks again.
            match scheduler.enqueue_async("plain", [7]).await {
                Ok(id) => break id.unwrap(),
                Err(error) => {
                    let error = error.to_string();
                    assert!(FAILING_OVER.iter().any(|say| error.contains(say)), "{error}");
                }
            }
        };
        until("it has run", async || scheduler.fetch(id).await.unwrap().finished_at.is_some())
            .await;
    };
    client.await;
    until("they work again", async || scene.calls().len() > before).await;
    for worker in &mut workers {
        worker.says("enqueued");
    }
    until_drained(&scheduler, 3).await;
    workers.into_iter().for_each(Worker::stop);

    scene.assert_errors_only_say(&FAILING_OVER);
    let tally = books::check_but_errors(&scene, &scheduler, 0).await;
    println!("{tally:?}");
    assert_eq!((tally.crashed, tally.late_results), (0, 0), "{tally:?}");
    assert!(tally.accepted > 200, "{tally:?}");
}
