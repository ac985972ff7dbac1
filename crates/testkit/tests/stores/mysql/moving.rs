//! Moving the plugin's tables to other stores, and back into the plugin's tables.

use action_scheduler::action::ActionId;
use action_scheduler::log::LogEntry;
use action_scheduler::migrate::{MoveOptions, MoveReport, Mover, Side};
use action_scheduler::query::{Order, OrderBy};
use action_scheduler::store::sqlite::SqliteStore;
use action_scheduler::store::{
    Admission, ChainQuery, ChainState, Export, ImportBatch, ImportState, Imported, Origin, StoreId,
};
use action_scheduler::time::Clock;
use action_scheduler::{Args, Context, Query, Schedule, Scheduler, Shutdown, Status, Store};
use mysql_async::prelude::Queryable;
use serde_json::Value;
use testkit::StoreUnderTest;
use testkit::servers::MariaDb;
use testkit::servers::mariadb::connect;

use super::fixture::{expected, id, read};
use super::{Site, action};

/// Half a minute after the plugin wrote the tables.
const THEN: &str = "2026-11-21T19:06:36Z";

fn clock() -> Clock {
    Clock::manual(THEN.parse().unwrap())
}

/// A site in New York with these tables, or none of the plugin's yet.
async fn site(files: &[&str]) -> Site {
    let database = MariaDb::shared().await.create_database().await;
    let mut connection = connect(database.url()).await;
    for file in files {
        connection.query_drop(read(file)).await.unwrap();
    }
    connection.disconnect().await.unwrap();
    Site::at(database, clock()).await
}

async fn written_site() -> Site {
    site(&["options.sql", "tables-3.8.2.sql"]).await
}

/// One pass: nobody waits for what the plugin has in-progress.
async fn move_all(from: &StoreUnderTest, to: &StoreUnderTest) -> MoveReport {
    let source = Scheduler::builder(from.share()).context(Context::new("migrate")).build();
    let target = Side { store: to.share(), name: "new".to_owned() };
    let options = MoveOptions { page: 4, passes: Some(1), ..MoveOptions::default() };
    let mover = Mover::new(source, "old", target, options).await.unwrap();
    let report = mover.run(Shutdown::new(), |_| ()).await.unwrap();
    assert_eq!(report.different, 0, "{:?}", report.differences);
    report
}

/// The plugin's columns of every action but for what a claim or an attempt of today changes, as text.
async fn columns(site: &mut Site) -> Vec<(i64, Vec<String>)> {
    // The plugin writes dates of what is to run at once in UTC, whatever the column is called.
    let sql = "SELECT action_id, CAST(CONCAT_WS('|', hook, status, scheduled_date_gmt, \
         IF(schedule LIKE '%NullSchedule%', '', scheduled_date_local), priority) AS CHAR), \
         CAST(args AS CHAR), CAST(COALESCE(extended_args, 'NULL') AS CHAR), CAST(schedule AS CHAR), \
         (SELECT CAST(slug AS CHAR) FROM wp_actionscheduler_groups g WHERE g.group_id = a.group_id), \
         CAST(attempts AS CHAR), CAST(claim_id AS CHAR), \
         CAST(IF(attempts > 0, last_attempt_gmt, '') AS CHAR) \
         FROM wp_actionscheduler_actions a ORDER BY action_id";
    let rows = site.sql(sql).await;
    rows.into_iter()
        .map(|row| {
            let mut values = row.unwrap().into_iter();
            let id = mysql_async::from_value(values.next().unwrap());
            (id, values.map(mysql_async::from_value).collect())
        })
        .collect()
}

/// Compares a store with what the plugin itself reads in its tables. `moves` is how often all was moved since: what was
/// pending says so in its log.
async fn is_as_the_plugin_wrote_it(store: &dyn Store, moves: usize, skip: &[i64]) {
    let everything = Query::new().unlimited().order(OrderBy::Id, Order::Ascending);
    let actions = store.query(everything).await.unwrap();
    let rows: Vec<Value> =
        expected().into_iter().filter(|row| !skip.contains(&id(row).get())).collect();
    assert_eq!(
        actions.iter().map(|one| one.id).collect::<Vec<_>>(),
        rows.iter().map(id).collect::<Vec<_>>()
    );
    for (action, row) in actions.iter().zip(&rows) {
        assert_eq!(action.hook.as_str(), row["hook"], "{row}");
        let args: Value = serde_json::from_str(action.args.as_str()).unwrap();
        assert_eq!(args, row["args"]);
        assert_eq!(action.group.as_str(), row["group"], "{row}");
        assert_eq!(u64::from(action.priority.0), row["priority"].as_u64().unwrap());
        assert_eq!(action.status.as_str(), row["status"], "{row}");
        assert_eq!(u64::from(action.attempts.0), row["attempts"].as_u64().unwrap());
        let scheduled = action.scheduled_at.strftime("%Y-%m-%d %H:%M:%S").to_string();
        assert_eq!(scheduled, row["scheduled_gmt"]);
        match &action.schedule {
            Schedule::Recurring(recurring) => {
                assert_eq!(recurring.first.as_second(), row["first_date"].as_i64().unwrap());
                recurs_as_expected(recurring, row);
            }
            schedule => {
                assert_eq!(row["is_recurring"], false, "{row}");
                let is_async = row["schedule_class"] == "ActionScheduler_NullSchedule";
                assert_eq!(matches!(schedule, Schedule::Async), is_async, "{row}");
            }
        }
        let log = store.logs(vec![action.id]).await.unwrap();
        let texts: Vec<String> = log.iter().map(LogEntry::text).collect();
        let mut told: Vec<String> = row["logs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap().into())
            .collect();
        assert!(
            log[..told.len()].iter().all(|entry| entry.at.to_string() == "2026-11-21T19:06:06Z")
        );
        if action.status == Status::Pending {
            let note = format!("moved from old, where it was action {}", action.id);
            told.extend(std::iter::repeat_n(note, moves));
        }
        assert_eq!(texts, told, "{row}");
    }
    let live = ChainQuery { states: vec![ChainState::Active], ..ChainQuery::default() };
    let heads: Vec<_> = store.chains(live).await.unwrap().iter().map(|one| one.head).collect();
    let recurring = rows.iter().filter(|row| row["is_recurring"] == true);
    let pending = recurring.filter(|row| row["status"] == "pending");
    assert_eq!(heads, pending.map(|row| Some(id(row))).collect::<Vec<_>>());
}

fn recurs_as_expected(recurring: &action_scheduler::schedule::Recurring, row: &Value) {
    let date = |second| jiff::Timestamp::from_second(second).unwrap();
    let scheduled = date(row["date"].as_i64().unwrap());
    for (now, next) in row["next_after"].as_object().unwrap() {
        let now = date(now.parse().unwrap());
        // One that is run early is another matter.
        if now > scheduled {
            let found = recurring.next(scheduled, now).unwrap();
            assert_eq!(found.as_second(), next.as_i64().unwrap(), "{row} at {now}");
        }
    }
}

/// What the plugin has claimed stays with it until it is through.
async fn let_the_plugin_finish(site: &mut Site) {
    site.sql("UPDATE wp_actionscheduler_actions SET status = 'complete' WHERE action_id = 18")
        .await;
    site.sql("UPDATE wp_actionscheduler_actions SET claim_id = 0 WHERE claim_id = 3").await;
}

async fn moves_there_and_back(middle: impl AsyncFnOnce(Clock) -> StoreUnderTest) {
    let claimed = [18, 19];
    let mut old = written_site().await;
    let written = columns(&mut old).await;
    let from = old.share().await;
    let middle = middle(clock()).await;
    let report = move_all(&from, &middle).await;
    assert_eq!((report.left.in_progress, report.left.pending), (1, 1));
    assert_eq!((report.moved, report.copied()), (10, 6));
    is_as_the_plugin_wrote_it(&*middle, 1, &claimed).await;

    let mut new = site(&["options.sql"]).await;
    let to = new.share().await;
    let report = move_all(&middle, &to).await;
    assert!(report.is_complete(), "{report:#?}");
    is_as_the_plugin_wrote_it(&*to, 2, &claimed).await;
    let expected = written.into_iter().filter(|(id, _)| !claimed.contains(id));
    assert_eq!(columns(&mut new).await, expected.collect::<Vec<_>>());

    let_the_plugin_finish(&mut old).await;
    assert!(move_all(&from, &middle).await.is_complete());
    let rest = move_all(&middle, &to).await;
    assert!(rest.is_complete(), "{rest:#?}");
    assert_eq!((rest.moved, rest.copied["complete"]), (1, 1));
    let ids = claimed.map(|id| ActionId::new(id).unwrap()).to_vec();
    let rest = to.fetch(ids).await.unwrap();
    assert_eq!((rest[0].status, rest[1].status), (Status::Complete, Status::Pending));
    let next = new.put(action("next", Schedule::Async)).await;
    assert!(next.get() > 19, "{next} follows what came by the move");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plugins_tables_move_into_sqlite_and_back_as_they_were() {
    let middle = async |clock| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("actions.db");
        let store = SqliteStore::open(file.to_str().unwrap(), clock).await.unwrap();
        StoreUnderTest::with_guard(store, folder)
    };
    moves_there_and_back(middle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plugins_tables_move_into_other_tables_of_the_plugin() {
    moves_there_and_back(async |_| site(&["options.sql"]).await.into_store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_rows_are_named_and_stay_as_they_are() {
    let mut old = written_site().await;
    for (id, set) in [
        (3, "schedule = 'O:8:\"stdClass\":0:{}'"),
        (4, "schedule = 'O:32:'"),
        (11, "args = '{broken'"),
    ] {
        old.sql(format!("UPDATE wp_actionscheduler_actions SET {set} WHERE action_id = {id}"))
            .await;
    }
    let_the_plugin_finish(&mut old).await;
    let damaged = |(id, _): &(i64, Vec<String>)| [3, 4, 11].contains(id);
    let before: Vec<_> = columns(&mut old).await.into_iter().filter(damaged).collect();
    let to = site(&[]).await.into_store();
    let report = move_all(&old.share().await, &to).await;
    assert!(!report.is_complete());
    let named = report.left.unreadable.iter();
    let named: Vec<_> = named.map(|one| (one.what.to_string(), one.reason.as_str())).collect();
    for ((what, reason), (id, part)) in
        named.iter().zip([(3, "schedule"), (4, "schedule"), (11, "args")])
    {
        assert_eq!(*what, format!("action {id}"));
        assert!(reason.contains(&format!("its {part} cannot be read")), "{reason}");
    }
    assert_eq!((named.len(), to.count(Query::new()).await.unwrap()), (3, 15));
    let after: Vec<_> = columns(&mut old).await.into_iter().filter(damaged).collect();
    assert_eq!(after, before);
}

#[tokio::test]
async fn finished_instances_of_a_series_that_is_over_belong_to_one_ended_chain() {
    let mut site = written_site().await;
    // Of action 15 and its successor; that of another series is not one of them.
    site.sql(
        "UPDATE wp_actionscheduler_actions SET status = 'canceled' WHERE action_id IN (14, 17)",
    )
    .await;
    let export = || Export::Actions { after: None, statuses: Vec::new(), limit: 100 };
    let exported = site.store.export(export()).await.unwrap();
    let number = |id| ActionId::new(id).unwrap();
    let chain = |wanted| {
        let mut records = exported.actions.iter();
        records.find(|record| record.action.id == number(wanted)).unwrap().action.chain
    };
    assert!(chain(15).is_some());
    assert_eq!(chain(15), chain(17));
    assert_ne!(chain(14), chain(17));
    let ended = exported.chains.iter().filter(|one| one.chain.state == ChainState::Ended);
    assert_eq!(ended.count(), 2);
    assert_eq!(site.store.export(export()).await.unwrap(), exported, "adopted twice");
    // When the plugin deletes them, nothing of ours is left.
    site.sql("DELETE FROM wp_actionscheduler_actions WHERE action_id IN (14, 15, 17)").await;
    site.store.clean_orphans(100).await.unwrap();
    site.store.clean_orphans(100).await.unwrap();
    assert!(
        site.sql("SELECT 1 FROM wp_action_scheduler_instances WHERE action_id > 13")
            .await
            .is_empty()
    );
    assert!(
        site.sql("SELECT 1 FROM wp_action_scheduler_chains WHERE state = 'ended'").await.is_empty()
    );
}

/// A store that something is taken in from.
fn origin() -> Origin {
    Origin { id: StoreId::new("there"), name: "there".to_owned() }
}

/// A pending action of another store, as a batch.
async fn pending(from: &Site) -> ImportBatch {
    let id = from.put(action("a", Schedule::Single(super::at("2027-07-01T12:00:00Z")))).await;
    let exported = from.store.export(Export::Ids(vec![id])).await.unwrap();
    ImportBatch { actions: exported.actions, ..ImportBatch::default() }
}

#[tokio::test]
async fn what_is_held_is_never_old_enough_for_the_plugins_cleaner() {
    let (there, mut here) = (Site::new().await, Site::new().await);
    let batch = pending(&there).await;
    let source = batch.actions[0].action.id;
    let held = here.store.import(&origin(), batch).await.unwrap().actions;
    assert_eq!(held, [Imported { source, target: source, state: ImportState::Held }]);
    // As the plugin looks for what it cleans, with the shortest retention there is and long after.
    let cleaned = "SELECT action_id FROM wp_actionscheduler_actions \
         WHERE status = 'canceled' AND last_attempt_gmt <= '2999-01-01 00:00:00'";
    assert!(here.sql(cleaned).await.is_empty());
    assert_eq!(here.row(source, "status, claim_id").await, ["canceled", "0"]);
    let admission = Admission { actions: vec![source], chains: Vec::new() };
    here.store.admit(&origin(), admission, &Context::new("migrate")).await.unwrap();
    let row = here.row(source, "status, last_attempt_gmt, last_attempt_local").await;
    assert_eq!(row, ["pending", "0000-00-00 00:00:00", "0000-00-00 00:00:00"]);
}

#[tokio::test]
async fn what_somebody_deletes_by_hand_while_it_is_held_is_still_named_as_held() {
    let (there, mut here) = (Site::new().await, Site::new().await);
    let batch = pending(&there).await;
    let source = batch.actions[0].action.id;
    here.store.import(&origin(), batch.clone()).await.unwrap();
    here.sql("DELETE FROM wp_actionscheduler_actions").await;
    let admission = Admission { actions: vec![source], chains: Vec::new() };
    let context = Context::new("migrate");
    let answer = here.store.admit(&origin(), admission.clone(), &context).await.unwrap();
    assert_eq!(answer.actions[0].state, ImportState::Held);
    // Given again, it is there again.
    here.store.import(&origin(), batch).await.unwrap();
    let answer = here.store.admit(&origin(), admission, &context).await.unwrap();
    assert_eq!(answer.actions[0].state, ImportState::Admitted);
    assert_eq!(here.action(source).await.status, Status::Pending);
}

#[tokio::test]
async fn args_that_the_plugins_tables_cannot_hold_refuse_the_batch() {
    let (there, here) = (Site::new().await, Site::new().await);
    let mut batch = pending(&there).await;
    let id = batch.actions[0].action.id;
    batch.actions[0].action.args = Args::new(["x".repeat(9_000)]).unwrap();
    let error = here.store.import(&origin(), batch).await.unwrap_err();
    assert!(error.is_invalid_input(), "{error}");
    let message = error.to_string();
    assert!(message.contains(&id.to_string()) && message.contains("at most 8000"), "{message}");
    assert_eq!(here.store.count(Query::new()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_layout_from_before_there_were_moves_is_completed() {
    let mut site = Site::new().await;
    let tables = ["identity", "origins", "imports", "held"]
        .map(|name| format!("wp_action_scheduler_{name}"));
    site.sql(format!("DROP TABLE {}", tables.join(", "))).await;
    site.sql("UPDATE wp_action_scheduler_layout SET version = 1").await;
    let id = site.put(action("a", Schedule::Async)).await;
    let again = Site::on(site.database).await;
    assert_eq!(again.action(id).await.status, Status::Pending);
    let identity = again.store.identity().await.unwrap();
    assert_eq!(identity.as_str().len(), 32, "{identity}");
}
