//! A primary that is lost, and a standby that takes over.

use action_scheduler::store::Store;
use testkit::servers::Postgres;

use super::{claim, complete, count, open, put, runner};

#[tokio::test(flavor = "multi_thread")]
async fn the_new_primary_is_found_and_work_goes_on() {
    let mut primary = Postgres::start().await;
    let database = primary.create_database().await;
    let standby = primary.standby().await;
    let place = standby.address();
    let (user, rest) = database.url().split_once('@').unwrap();
    let store = open(&format!("{user}@{place},{rest}")).await;
    put(&store, 3).await;
    let runner = runner(&store).await;
    let claimed = claim(&store, runner, 2).await.unwrap();
    standby.catch_up_with(&primary).await;
    primary.kill().await;
    standby.promote().await;
    complete(&store, &claimed).await;
    put(&store, 1).await;
    assert_eq!(count(&store).await, 4);
    assert_eq!(store.stats().await.unwrap().counts["complete"], 2);
}
