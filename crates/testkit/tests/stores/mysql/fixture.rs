//! Tables that the plugin's version 3.8.2 wrote: each row is read as the plugin reads it, and what we write is what it
//! would have written.

use std::fs;

use action_scheduler::action::{ActionId, Priority};
use action_scheduler::query::{Order, OrderBy};
use action_scheduler::schedule::cron::{Cron, Dialect};
use action_scheduler::schedule::{Cadence, Interval, Missed, Recurrence, Recurring};
use action_scheduler::store::ChainQuery;
use action_scheduler::{Args, Group, Query, Schedule, Store};
use mysql_async::prelude::Queryable;
use serde_json::Value;
use std::time::Duration;
use testkit::servers::MariaDb;
use testkit::servers::mariadb::connect;

use super::{Site, action};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures/wordpress/");

pub(super) fn read(name: &str) -> String {
    let path = format!("{FOLDER}{name}");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What the plugin itself reads in its tables.
pub(super) fn expected() -> Vec<Value> {
    let expected: Value = serde_json::from_str(&read("tables-3.8.2.expected.json")).unwrap();
    expected["actions"].as_array().unwrap().clone()
}

/// The site whose tables these are, in New York.
async fn site() -> Site {
    let database = MariaDb::shared().await.create_database().await;
    let mut connection = connect(database.url()).await;
    for file in ["options.sql", "tables-3.8.2.sql"] {
        connection.query_drop(read(file)).await.unwrap();
    }
    connection.disconnect().await.unwrap();
    Site::on(database).await
}

pub(super) fn id(row: &Value) -> ActionId {
    ActionId::new(row["action_id"].as_i64().unwrap()).unwrap()
}

#[tokio::test]
async fn every_row_is_read_as_the_plugin_reads_it() {
    let site = site().await;
    let everything = Query::new().unlimited().order(OrderBy::Id, Order::Ascending);
    let actions = site.store.query(everything).await.unwrap();
    let expected = expected();
    assert_eq!(actions.len(), expected.len());
    for (action, row) in actions.iter().zip(&expected) {
        assert_eq!(action.id, id(row));
        assert_eq!(action.hook.as_str(), row["hook"], "{row}");
        let args: Value = serde_json::from_str(action.args.as_str()).unwrap();
        assert_eq!(args, row["args"]);
        assert_eq!(action.group.as_str(), row["group"], "{row}");
        assert_eq!(u64::from(action.priority.0), row["priority"].as_u64().unwrap());
        assert_eq!(action.status.as_str(), row["status"]);
        assert_eq!(u64::from(action.attempts.0), row["attempts"].as_u64().unwrap());
        assert_eq!(action.claim.map_or(0, |claim| claim.get()), row["claim_id"].as_i64().unwrap());
        let scheduled = action.scheduled_at.strftime("%Y-%m-%d %H:%M:%S").to_string();
        assert_eq!(scheduled, row["scheduled_gmt"]);
        let kind = match row["schedule_class"].as_str().unwrap() {
            "ActionScheduler_NullSchedule" => "async",
            "ActionScheduler_SimpleSchedule" => "single",
            "ActionScheduler_IntervalSchedule" => "recurring",
            "ActionScheduler_CronSchedule" => "cron",
            class => panic!("{class}"),
        };
        assert_eq!(action.schedule.kind(), kind, "{row}");
    }
}

#[tokio::test]
async fn every_log_is_told_in_the_words_of_the_plugin() {
    let site = site().await;
    for row in expected() {
        let log = site.store.logs(vec![id(&row)]).await.unwrap();
        let texts: Vec<String> = log.iter().map(|entry| entry.text()).collect();
        let expected: Vec<&str> =
            row["logs"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        assert_eq!(texts, expected, "{row}");
    }
}

#[tokio::test]
async fn recurring_rows_become_chains_when_chains_are_looked_for() {
    let site = site().await;
    let chains = site.store.chains(ChainQuery::default()).await.unwrap();
    let pending: Vec<Value> = expected()
        .into_iter()
        .filter(|row| row["status"] == "pending" && row["is_recurring"] == true)
        .collect();
    assert_eq!(chains.len(), pending.len());
    for (chain, row) in chains.iter().zip(&pending) {
        assert_eq!(chain.head, Some(id(row)));
        assert_eq!(chain.recurring.first.as_second(), row["first_date"].as_i64().unwrap());
        for (now, next) in row["next_after"].as_object().unwrap() {
            let now = jiff::Timestamp::from_second(now.parse().unwrap()).unwrap();
            let scheduled = jiff::Timestamp::from_second(row["date"].as_i64().unwrap()).unwrap();
            if now <= scheduled {
                // One that is run early is another matter.
                continue;
            }
            let found = chain.recurring.next(scheduled, now).unwrap();
            assert_eq!(found.as_second(), next.as_i64().unwrap(), "{row} at {now}");
        }
    }
    let again = site.store.chains(ChainQuery::default()).await.unwrap();
    assert_eq!(again, chains, "adopted twice");
}

/// What stands in the plugin's columns, for rows that each side stored.
const COLUMNS: &str = "hook, status, scheduled_date_gmt, scheduled_date_local, priority, args, schedule, group_id, attempts, \
    last_attempt_gmt, last_attempt_local, claim_id, extended_args";

#[tokio::test]
async fn what_we_store_is_byte_for_byte_what_the_plugin_stores() {
    let mut site = site().await;
    let date = |seconds| jiff::Timestamp::from_second(seconds).unwrap();
    let group = |slug: &str| Group::new(slug).unwrap();
    let args = |row: usize| -> Args {
        let rows = expected();
        let row = rows.iter().find(|one| one["action_id"] == row).unwrap();
        row["args"].to_string().parse().unwrap()
    };
    let hourly = Interval::new(Duration::from_secs(3600), Cadence::AfterRun).unwrap();
    let hourly = Recurring { first: date(1_795_303_600), recurrence: Recurrence::Interval(hourly) };
    let cron = |text| Recurrence::Cron {
        cron: Cron::parse(text, Dialect::ActionScheduler, None).unwrap(),
        missed: Missed::Skip,
    };
    let same = [
        (
            3,
            action("eg_future", Schedule::Single(date(1_829_860_000)))
                .args(args(3))
                .group(group("eg-group"))
                .priority(Priority(5)),
        ),
        (4, action("eg_hourly", Schedule::Recurring(hourly)).group(group("eg-recurring"))),
        (7, action("eg_ünïcode_hook", Schedule::Single(date(1_829_946_400))).args(args(7))),
        (
            8,
            action("eg_long", Schedule::Single(date(1_830_032_800)))
                .args(args(8))
                .group(group("eg-group")),
        ),
        (9, action("eg_191", Schedule::Single(date(1_830_119_200))).args(args(9))),
        (10, action("eg_192", Schedule::Single(date(1_830_119_200))).args(args(10))),
    ];
    for (theirs, new) in same {
        let theirs = ActionId::new(theirs).unwrap();
        let group = site.action(theirs).await.group;
        let ours = site.put(new.group(group)).await;
        assert_eq!(site.row(ours, COLUMNS).await, site.row(theirs, COLUMNS).await);
        assert_eq!(site.texts(ours).await, site.texts(theirs).await);
    }
    // The plugin keeps the date of the instance and that from which the expression counted, which differ.
    let first = Recurring { first: date(1_795_426_200), recurrence: cron("30 9 * * 1-5") };
    let ours = site
        .put(action("eg_cron", Schedule::Recurring(first)).args(args(5)).priority(Priority(200)))
        .await;
    let ours = site.row(ours, "schedule").await[0].replace("i:1795426200", "i:N");
    let theirs = site.row(ActionId::new(5).unwrap(), "schedule").await[0].clone();
    let theirs = theirs.replace("i:1795426200", "i:N").replace("i:1795299960", "i:N");
    assert_eq!(ours, theirs);
}

#[tokio::test]
async fn a_unique_action_is_refused_because_of_one_of_the_plugins() {
    use action_scheduler::action::Unique;
    use action_scheduler::store::Insert;
    let site = site().await;
    let new = |unique| {
        let schedule = Schedule::Single(site.now());
        let new = action("eg_ünïcode_hook", schedule).unique(unique);
        let json = r#"{"emoji":"🎉","nested":{"a":[1,2,{"b":"c/d"}]}}"#;
        let group = Group::new(expected()[6]["group"].as_str().unwrap()).unwrap();
        Insert { action: new.args(json.parse().unwrap()).group(group), log_created: false }
    };
    let stored = site.store.insert(vec![new(Unique::Args), new(Unique::Hook)]).await.unwrap();
    assert_eq!(stored, [None, None]);
    assert!(site.store.insert(vec![new(Unique::No)]).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn local_dates_are_those_of_the_site() {
    let mut site = site().await;
    // In July New York is four hours behind UTC, in January five.
    for (date, local) in [
        ("2027-07-01T12:00:00Z", "2027-07-01 08:00:00"),
        ("2027-01-01T12:00:00Z", "2027-01-01 07:00:00"),
    ] {
        let id = site.put(action("a", Schedule::Single(super::at(date)))).await;
        assert_eq!(site.row(id, "scheduled_date_local").await, [local]);
    }
}
