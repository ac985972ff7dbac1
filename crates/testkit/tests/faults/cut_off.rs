//! One process whose way to the server is spoiled for longer than its lease, while others go on.

use std::time::Duration;

use action_scheduler::{Status, Step};
use testkit::crash::{HELD, Orders};
use testkit::servers::FaultProxy;

use crate::away::AWAY;
use crate::processes::frozen;
use crate::processes::worker::{Scene, Worker, until, until_at_last};
use crate::server::{Engine, on_each_engine};

on_each_engine!(
    a_runner_whose_connections_are_half_open_changes_nothing_but_the_log,
    a_runner_whose_answers_are_late_changes_nothing_but_the_log,
);

const LEASE: Duration = Duration::from_secs(1);

/// Until a store gives up an answer that does not come, and after that some.
const LONGEST: Duration = Duration::from_secs(150);

async fn a_runner_whose_connections_are_half_open_changes_nothing_but_the_log(engine: Engine) {
    changes_nothing_but_the_log(engine, async |proxy| proxy.half_open().await).await;
}

async fn a_runner_whose_answers_are_late_changes_nothing_but_the_log(engine: Engine) {
    changes_nothing_but_the_log(engine, async |proxy| proxy.delay(2 * LEASE).await).await;
}

async fn changes_nothing_but_the_log(engine: Engine, spoil: impl AsyncFn(&FaultProxy)) {
    let server = engine.start().await;
    let scene = Scene::at(server.url());
    let scheduler = scene.scheduler().await;
    let held = frozen::enqueue(&scheduler, HELD.hook, 2).await;
    let waiting = frozen::enqueue(&scheduler, "plain", 4).await;
    let proxy = FaultProxy::start(server.address()).await;
    let store = proxy.url(server.url());
    let orders = Orders { store, workers: 2, batch_size: 6, lease: LEASE, ..scene.orders() };
    let cut_off = Worker::spawn(&orders);
    until("it is busy", async || scene.calls().len() == 2).await;
    spoil(&proxy).await;

    let other = Worker::spawn(&scene.orders());
    until("what it held is recovered", async || {
        frozen::all(&scheduler, &held, |action| action.status == Status::Failed).await
            && frozen::all(&scheduler, &waiting, |action| action.status == Status::Complete).await
    })
    .await;
    let before = frozen::but_their_logs(scheduler.store().fetch(held.clone()).await.unwrap());
    // Its results are late already while the way is still spoiled.
    held.iter().for_each(|id| frozen::open_gate(&scene, *id, 1));
    tokio::time::sleep(2 * LEASE).await;
    proxy.heal().await;
    until_at_last(LONGEST, "its results came in", async || {
        let late = (Step::LateResult, Some(1));
        frozen::steps(&scheduler, held[0]).await.last() == Some(&late)
            && frozen::steps(&scheduler, held[1]).await.last() == Some(&late)
    })
    .await;
    other.stop();
    // It takes its place again and works on.
    let new = frozen::enqueue(&scheduler, "plain", 1).await;
    until_at_last(LONGEST, "it works again", async || {
        frozen::all(&scheduler, &new, |action| action.status == Status::Complete).await
    })
    .await;
    cut_off.stop();

    let after = frozen::but_their_logs(scheduler.store().fetch(held.clone()).await.unwrap());
    assert_eq!(after, before);
    frozen::assert_called_once(&scene, held.iter().chain(&waiting).chain(&new));
    scene.assert_errors_only_say(&AWAY);
}
