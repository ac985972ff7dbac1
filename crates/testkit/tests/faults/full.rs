//! A server that runs out of room while processes work.

use std::time::Duration;

use action_scheduler::{ActionId, Error, Query, Scheduler, Status, StoreErrorKind};

use crate::away::{AWAY, spawn};
use crate::processes::books;
use crate::processes::worker::{Scene, Worker, until, until_drained};
use crate::server::{Engine, Server, on_each_engine};

on_each_engine!(a_full_disk_is_told_what_was_accepted_is_kept_and_work_goes_on_with_new_room);

/// What processes may say meanwhile.
const FULL: [&str; 5] =
    [AWAY[0], AWAY[1], AWAY[2], "disk is full", "no room left on the database server"];

async fn a_full_disk_is_told_what_was_accepted_is_kept_and_work_goes_on_with_new_room(
    engine: Engine,
) {
    let server = engine.start_with_little_room().await;
    let scene = Scene::at(server.url());
    let scheduler = scene.scheduler().await;
    let mut workers = spawn(&vec![scene.store.clone(); 2], 300, &scene, &scheduler).await;
    until("they work", async || scene.calls().len() > 20).await;
    fill(&server).await;
    let (accepted, refused) = insert_until_refused(&scheduler).await;
    for id in &accepted {
        assert!(scheduler.fetch(*id).await.is_ok(), "{id} was accepted and is lost");
    }
    let stored = Query::new().hook("big".parse().unwrap());
    assert_eq!(scheduler.count(stored).await.unwrap(), accepted.len() as u64);
    let Error::Store(error) = refused else { panic!("{refused}") };
    assert_eq!(error.kind, StoreErrorKind::Full, "{error}");
    assert!(error.message.contains("nothing was stored"), "{error}");
    // They meet it, too.
    until("processes are told", async || {
        let errors = std::fs::read_to_string(scene.folder.errors()).unwrap_or_default();
        let refused = std::fs::read_to_string(scene.folder.refused()).unwrap_or_default();
        FULL[3..].iter().any(|say| errors.contains(say)) || !refused.is_empty()
    })
    .await;

    server.run("DROP TABLE filler").await.unwrap();
    for id in &accepted {
        scheduler.cancel(*id).await.unwrap();
    }
    for worker in &mut workers {
        worker.says("enqueued");
    }
    until_drained(&scheduler, 2).await;
    workers.into_iter().for_each(Worker::stop);
    for id in &accepted {
        scheduler.delete(*id).await.unwrap();
    }
    scene.assert_errors_only_say(&FULL);
    let tally = books::check_but_errors(&scene, &scheduler, 0).await;
    println!("{tally:?}");
    assert_eq!(tally.late_results, 0, "{tally:?}");
    assert!(tally.accepted > 50, "{tally:?}");
    assert_eq!(scheduler.count(Query::new().status(Status::InProgress)).await.unwrap(), 0);
}

/// Takes all the room there is.
async fn fill(server: &Server) {
    server.run("CREATE TABLE filler (text varchar(2000))").await.unwrap();
    server.run("INSERT INTO filler VALUES (repeat('x', 2000))").await.unwrap();
    // By ever smaller steps.
    for rows in [4000, 1000, 200, 40, 8, 1] {
        let sql = format!(
            "INSERT INTO filler SELECT a.text FROM filler a CROSS JOIN filler b CROSS JOIN filler c LIMIT {rows}"
        );
        while server.run(&sql).await.is_ok() {}
    }
}

/// Stores actions until one is refused.
async fn insert_until_refused(scheduler: &Scheduler) -> (Vec<ActionId>, Error) {
    const MOST: usize = 20_000;
    let mut accepted = Vec::new();
    let args = "y".repeat(7000);
    for _ in 0..MOST {
        let later = scheduler.now() + Duration::from_secs(3600);
        match scheduler.schedule_single(later, "big", [&args]).await {
            Ok(id) => accepted.extend(id),
            Err(error) => return (accepted, error),
        }
    }
    panic!("there was room for {MOST} actions");
}
