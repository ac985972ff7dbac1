//! Behind PgBouncer in transaction mode, where each transaction may have another server connection, and no notification
//! comes through.

use std::time::Duration;

use action_scheduler::runner::{RunnerConfig, Until};
use action_scheduler::store::postgres::PostgresStore;
use action_scheduler::time::Clock;
use action_scheduler::{Failure, Query, Runner, Scheduler, Shutdown, Status};
use testkit::StoreUnderTest;
use testkit::servers::{PgBouncer, Postgres};

use super::{complete, open, put, runner};

async fn make_store(clock: Clock) -> StoreUnderTest {
    let server = Postgres::shared().await;
    let database = server.create_database().await;
    let bouncer = PgBouncer::start(server).await;
    let store = PostgresStore::open(&bouncer.url(database.url()), clock).await.unwrap();
    StoreUnderTest::with_guard(store, (bouncer, database))
}

mod conformance {
    use super::make_store;

    testkit::conformance_topic!(make_store, unique:
        of_many_that_come_at_once_one_is_stored,
        of_many_recurring_ones_that_come_at_once_one_is_stored,
    );
    testkit::conformance_topic!(make_store, claim:
        no_action_is_given_to_two_that_claim_at_once,
        the_cap_holds_for_many_that_claim_at_once,
    );
    testkit::conformance_topic!(make_store, start_finish:
        of_many_reports_at_once_one_is_recorded,
    );
    testkit::conformance_topic!(make_store, log:
        entries_written_at_once_all_have_a_place,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn work_goes_on_when_it_restarts() {
    let server = Postgres::shared().await;
    let database = server.create_database().await;
    let mut bouncer = PgBouncer::start(server).await;
    let store = open(&bouncer.url(database.url())).await;
    put(&store, 5).await;
    let runner = runner(&store).await;
    let claimed = super::claim(&store, runner, 10).await.unwrap();
    bouncer.restart().await;
    complete(&store, &claimed).await;
    assert_eq!(super::count(&store).await, 5);
}

/// Nobody tells the runner of what another process stored: it looks.
#[tokio::test(flavor = "multi_thread")]
async fn polling_finds_what_no_notification_tells_of() {
    let server = Postgres::shared().await;
    let database = server.create_database().await;
    let bouncer = PgBouncer::start(server).await;
    let runs = Scheduler::open(&bouncer.url(database.url())).await.unwrap();
    let (ran, mut runs_seen) = tokio::sync::mpsc::unbounded_channel();
    runs.on("greet", move |name: String, _| {
        let sent = ran.send(name);
        std::future::ready(sent.map_err(Failure::from))
    })
    .unwrap();
    let config = RunnerConfig {
        poll_interval: Duration::from_millis(50),
        until: Until::Stopped,
        ..RunnerConfig::default()
    };
    let shutdown = Shutdown::new();
    let running = tokio::spawn(Runner::new(runs, config).run(shutdown.clone()));
    let other = Scheduler::open(&bouncer.url(database.url())).await.unwrap();
    other.enqueue_async("greet", ["Ada"]).await.unwrap();
    let name = tokio::time::timeout(Duration::from_secs(30), runs_seen.recv()).await.unwrap();
    assert_eq!(name.as_deref(), Some("Ada"));
    shutdown.stop();
    running.await.unwrap().unwrap();
    assert_eq!(other.count(Query::new().status(Status::Complete)).await.unwrap(), 1);
}
