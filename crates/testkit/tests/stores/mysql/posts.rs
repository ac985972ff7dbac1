//! The store of the plugin's versions 1 and 2, which kept actions as posts, moved into the tables.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use action_scheduler::action::ActionId;
use action_scheduler::store::ChainQuery;
use action_scheduler::store::mysql::{Kept, MySqlStore, OldPosts, PostCursor, PostsPage};
use action_scheduler::time::Clock;
use action_scheduler::{Context, Schedule, Status, Store};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use testkit::servers::mariadb::connect;
use testkit::servers::{Database, MariaDb};

use super::fixture::read;
use super::{Site, action, at};

/// A part of WordPress that the fixture leaves out.
const COMMENTMETA: &str = "CREATE TABLE wp_commentmeta (meta_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, \
    comment_id bigint unsigned NOT NULL DEFAULT 0, meta_key varchar(255), meta_value longtext, KEY comment_id (comment_id)) \
    ENGINE=InnoDB";

/// An hour after the recurring action of the fixture was due.
const LATER: &str = "2026-11-21T23:36:40Z";

/// The database of a site in New York with the posts of the fixture.
async fn database() -> Database {
    let database = MariaDb::shared().await.create_database().await;
    let mut connection = connect(database.url()).await;
    for sql in [read("options.sql"), read("legacy-posts-1.x.sql"), COMMENTMETA.to_owned()] {
        connection.query_drop(sql).await.unwrap();
    }
    let unmoved = "DELETE FROM wp_options WHERE option_name = 'action_scheduler_migration_status'";
    connection.query_drop(unmoved).await.unwrap();
    connection.disconnect().await.unwrap();
    database
}

async fn site() -> Site {
    Site::at(database().await, Clock::manual(at(LATER))).await
}

/// Moves everything, so many posts at a time.
async fn import(store: &MySqlStore, limit: u32) -> PostsPage {
    let (mut all, mut at) = (PostsPage::default(), PostCursor::default());
    loop {
        let page = store.import_posts(&at, limit).await.unwrap();
        all.moved.extend(page.moved);
        all.kept.extend(page.kept);
        match page.next {
            Some(next) => at = next,
            None => return all,
        }
    }
}

/// What would be moved.
async fn look(database: &Database, limit: u32) -> PostsPage {
    let posts = OldPosts::open(&database.url().parse().unwrap()).await.unwrap();
    let (mut all, mut at) = (PostsPage::default(), PostCursor::default());
    loop {
        let page = posts.look(&at, limit).await.unwrap();
        all.moved.extend(page.moved);
        all.kept.extend(page.kept);
        match page.next {
            Some(next) => at = next,
            None => return all,
        }
    }
}

/// Rows as texts, their columns apart from each other by bars.
async fn table(connection: &mut Conn, sql: &str) -> Vec<String> {
    let rows: Vec<Row> = connection.query(sql).await.unwrap();
    let text = |value| {
        mysql_async::from_value::<Option<String>>(value).unwrap_or_else(|| "NULL".to_owned())
    };
    let line = |row: Row| row.unwrap().into_iter().map(text).collect::<Vec<_>>().join(" | ");
    rows.into_iter().map(line).collect()
}

/// All that WordPress has of the old store, and what it might be taken for.
const OLD: [&str; 6] = [
    "SELECT * FROM wp_posts ORDER BY ID",
    "SELECT * FROM wp_postmeta ORDER BY meta_id",
    "SELECT * FROM wp_comments ORDER BY comment_ID",
    "SELECT * FROM wp_commentmeta ORDER BY meta_id",
    "SELECT * FROM wp_term_relationships ORDER BY object_id, term_taxonomy_id",
    "SELECT * FROM wp_term_taxonomy ORDER BY term_taxonomy_id",
];

async fn all_of_the_old(connection: &mut Conn) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for sql in OLD {
        all.push(table(connection, sql).await);
    }
    all
}

/// The actions, without their ids.
const ACTIONS: &str = "SELECT a.hook, a.status, a.scheduled_date_gmt, a.scheduled_date_local, a.priority, a.args, a.extended_args, \
    g.slug, a.attempts, a.last_attempt_gmt, a.last_attempt_local, a.claim_id FROM wp_actionscheduler_actions a \
    JOIN wp_actionscheduler_groups g ON g.group_id = a.group_id ORDER BY a.hook";

/// What the fixture is in the tables.
const FIXTURE: [&str; 7] = [
    "eg_legacy_async | pending | 2026-11-21 19:06:37 | 2026-11-21 14:06:37 | 10 | [1,2] | NULL | eg-legacy-2 | 0 | \
     0000-00-00 00:00:00 | 0000-00-00 00:00:00 | 0",
    "eg_legacy_canceled | canceled | 2026-11-21 22:27:40 | 2026-11-21 17:27:40 | 10 | [] | NULL | eg-legacy | 0 | \
     2026-11-21 19:06:37 | 2026-11-21 14:06:37 | 0",
    "eg_legacy_cron | pending | 2026-12-01 03:15:00 | 2026-11-30 22:15:00 | 10 | {\"x\":{\"y\":2}} | NULL |  | 0 | \
     0000-00-00 00:00:00 | 0000-00-00 00:00:00 | 0",
    "eg_legacy_done | complete | 2026-11-20 22:26:40 | 2026-11-20 17:26:40 | 10 | {\"n\":\"u00fc\"} | NULL | eg-legacy | 1 | \
     2026-11-21 19:06:37 | 2026-11-21 14:06:37 | 0",
    "eg_legacy_failed | failed | 2026-11-20 22:26:40 | 2026-11-20 17:26:40 | 10 | [] | NULL | eg-legacy | 1 | \
     2026-11-21 19:06:37 | 2026-11-21 14:06:37 | 0",
    "eg_legacy_recurring | pending | 2026-11-21 22:36:40 | 2026-11-21 17:36:40 | 10 | [] | NULL | eg-legacy | 0 | \
     0000-00-00 00:00:00 | 0000-00-00 00:00:00 | 0",
    "eg_legacy_single | pending | 2026-11-22 22:26:40 | 2026-11-22 17:26:40 | 10 | {\"order\":1} | NULL | eg-legacy | 0 | \
     0000-00-00 00:00:00 | 0000-00-00 00:00:00 | 0",
];

/// The logs, in the order of the hooks, without the date of the last entry of each.
const LOGS: &str = "SELECT a.hook, l.message, IF(l.message LIKE 'imported%', '', l.log_date_gmt), \
    IF(l.message LIKE 'imported%', '', l.log_date_local) FROM wp_actionscheduler_logs l \
    JOIN wp_actionscheduler_actions a ON a.action_id = l.action_id ORDER BY a.hook, l.log_id";

const FIXTURE_LOGS: [&str; 18] = [
    "eg_legacy_async | action created | 2026-11-21 19:06:37 | 2026-11-21 14:06:37",
    "eg_legacy_async | imported from post 7 |  | ",
    "eg_legacy_canceled | action created | 2026-11-21 19:06:37 | 2026-11-21 14:06:37",
    "eg_legacy_canceled | action canceled | 2026-11-21 19:06:37 | 2026-11-21 14:06:37",
    "eg_legacy_canceled | imported from post 10 |  | ",
    "eg_legacy_cron | action created | 2026-11-21 19:06:37 | 2026-11-21 14:06:37",
    "eg_legacy_cron | imported from post 6 |  | ",
    "eg_legacy_done | action created | 2026-11-21 19:06:37 | 2026-11-21 14:06:37",
    "eg_legacy_done | action started | 2026-11-21 19:06:37 | 2026-11-21 14:06:37",
    "eg_legacy_done | action complete | 2026-11-21 19:06:37 | 2026-11-21 14:06:37",
    "eg_legacy_done | imported from post 8 |  | ",
    "eg_legacy_failed | action created | 2026-11-21 19:06:37 | 2026-11-21 14:06:37",
    "eg_legacy_failed | action failed: boom | 2026-11-21 19:06:37 | 2026-11-21 14:06:37",
    "eg_legacy_failed | imported from post 9 |  | ",
    "eg_legacy_recurring | action created | 2026-11-21 19:06:37 | 2026-11-21 14:06:37",
    "eg_legacy_recurring | imported from post 5 |  | ",
    "eg_legacy_single | action created | 2026-11-21 19:06:37 | 2026-11-21 14:06:37",
    "eg_legacy_single | imported from post 4 |  | ",
];

/// Nothing is lost and nothing is there twice.
async fn has_the_whole_fixture(connection: &mut Conn) {
    assert_eq!(table(connection, ACTIONS).await, FIXTURE);
    assert_eq!(table(connection, LOGS).await, FIXTURE_LOGS);
    let posts = "SELECT ID FROM wp_posts WHERE post_type = 'scheduled-action'";
    assert_eq!(table(connection, posts).await, [""; 0]);
}

#[tokio::test]
async fn every_post_becomes_the_action_that_it_was() {
    let mut site = site().await;
    let schedules = "SELECT post_id, HEX(meta_value) FROM wp_postmeta WHERE meta_key = '_action_manager_schedule' \
                     ORDER BY post_id";
    let before: BTreeSet<String> = table(&mut site.plugin, schedules).await.into_iter().collect();
    let done = import(&site.store, 100).await;
    assert_eq!((done.moved.len(), done.kept.len()), (7, 0));
    has_the_whole_fixture(&mut site.plugin).await;
    // The versions that wrote the fixture have today's names beside the older ones.
    let after = "SELECT SUBSTRING_INDEX(l.message, ' ', -1), HEX(a.schedule) FROM wp_actionscheduler_actions a \
                 JOIN wp_actionscheduler_logs l ON l.action_id = a.action_id WHERE l.message LIKE 'imported from post %'";
    let after: BTreeSet<String> = table(&mut site.plugin, after).await.into_iter().collect();
    assert_eq!(after, before);
    // Nobody who remembers the id of a post finds another action under it.
    let ids =
        table(&mut site.plugin, "SELECT MIN(action_id) FROM wp_actionscheduler_actions").await;
    assert_eq!(ids, ["11"]);
}

#[tokio::test]
async fn of_the_posts_nothing_is_left_and_what_is_beside_them_stays() {
    let mut site = site().await;
    site.sql("INSERT INTO wp_commentmeta (comment_id, meta_key) VALUES (2, 'of a log'), (1, 'of another')")
        .await;
    site.sql("INSERT INTO wp_comments (comment_ID, comment_post_ID, comment_content) VALUES (1, 1, 'nice')")
        .await;
    site.sql("INSERT INTO wp_postmeta (post_id, meta_key) VALUES (1, '_action_manager_schedule')")
        .await;
    // A link of WordPress' old list of links, which counts by itself.
    site.sql("INSERT INTO wp_term_taxonomy VALUES (4, 1, 'link_category', '', 0, 1)").await;
    site.sql("INSERT INTO wp_term_relationships VALUES (5, 4, 0)").await;
    import(&site.store, 3).await;
    let left = all_of_the_old(&mut site.plugin).await;
    let lengths: Vec<usize> = left.iter().map(Vec::len).collect();
    assert_eq!(lengths, [0, 1, 1, 1, 2, 4], "{left:#?}");
    assert_eq!(left[4], ["1 | 1 | 0", "5 | 4 | 0"]);
    assert_eq!(left[5][0], "1 | 1 | category |  | 0 | 1");
    assert_eq!(left[5][1], "2 | 2 | action-group |  | 0 | 0");
}

#[tokio::test]
async fn what_waits_goes_first() {
    let site = site().await;
    let statuses: Vec<Status> =
        import(&site.store, 1).await.moved.iter().map(|moved| moved.status).collect();
    let expected = [
        Status::Pending,
        Status::Pending,
        Status::Pending,
        Status::Pending,
        Status::Failed,
        Status::Canceled,
        Status::Complete,
    ];
    assert_eq!(statuses, expected);
}

#[tokio::test]
async fn a_second_import_changes_nothing() {
    let mut site = site().await;
    import(&site.store, 2).await;
    site.store.close_posts().await.unwrap();
    let everything = "SELECT * FROM wp_actionscheduler_actions UNION ALL \
                      SELECT log_id, action_id, message, log_date_gmt, log_date_local, 0, 0, 0, 0, 0, 0, 0, 0, 0 \
                      FROM wp_actionscheduler_logs ORDER BY 1, 2";
    let options = "SELECT option_name, option_value FROM wp_options WHERE option_name LIKE 'action_scheduler_mig%'";
    let before = table(&mut site.plugin, everything).await;
    assert_eq!(import(&site.store, 2).await, PostsPage::default());
    site.store.close_posts().await.unwrap();
    assert_eq!(table(&mut site.plugin, everything).await, before);
    let expected = ["action_scheduler_migration_status | complete"];
    assert_eq!(table(&mut site.plugin, options).await, expected);
}

#[tokio::test]
async fn looking_changes_nothing_and_creates_no_tables() {
    let database = database().await;
    let mut connection = connect(database.url()).await;
    let tables = table(&mut connection, "SHOW TABLES").await;
    let before = all_of_the_old(&mut connection).await;
    let found = look(&database, 3).await;
    assert_eq!((found.moved.len(), found.kept.len()), (7, 0));
    let entries: u64 = found.moved.iter().map(|moved| moved.log_entries).sum();
    assert_eq!(entries, 11);
    assert!(found.moved.iter().all(|moved| moved.action.is_none()));
    assert_eq!(all_of_the_old(&mut connection).await, before);
    assert_eq!(table(&mut connection, "SHOW TABLES").await, tables);
}

/// Gives up a job at its `polls`-th look at the database, as if its process were killed there. Whether it was through.
async fn cut_off_after(polls: u32, job: impl Future<Output = ()>) -> bool {
    let (mut job, mut left) = (pin!(job), polls);
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        job.as_mut().poll(context).map(|()| true)
    })
    .await
}

#[tokio::test]
async fn cut_off_anywhere_it_loses_nothing_and_doubles_nothing() {
    let mut site = site().await;
    let url = site.database.url().parse().unwrap();
    // Posts with actions in one look, so that no moment lies between them.
    let both = "SELECT (SELECT COUNT(*) FROM wp_posts WHERE post_type = 'scheduled-action'), \
                (SELECT COUNT(*) FROM wp_actionscheduler_actions WHERE hook <> ''), \
                (SELECT COUNT(*) FROM wp_actionscheduler_logs WHERE message LIKE 'imported%')";
    let mut polls = 1;
    loop {
        // Each time with connections of its own, of which some die in the middle of something.
        let store = MySqlStore::open(&url, site.store.clock().clone()).await.unwrap();
        let through = cut_off_after(polls, async { drop(import(&store, 1).await) }).await;
        let rows: Vec<(u32, u32, u32)> = site.plugin.query(both).await.unwrap();
        let (posts, actions, notes) = rows[0];
        assert_eq!((posts + actions, notes), (7, actions), "after {polls} polls");
        if through {
            break;
        }
        polls += 1;
    }
    assert!(polls > 20, "{polls}");
    has_the_whole_fixture(&mut site.plugin).await;
}

#[tokio::test]
async fn several_at_once_move_each_post_once() {
    let mut site = site().await;
    let url = site.database.url().parse().unwrap();
    let other = MySqlStore::open(&url, site.store.clock().clone()).await.unwrap();
    let (one, other) = tokio::join!(import(&site.store, 2), import(&other, 2));
    assert_eq!(one.moved.len() + other.moved.len(), 7);
    has_the_whole_fixture(&mut site.plugin).await;
}

#[tokio::test]
async fn damaged_posts_stay_as_they_are_and_say_why() {
    let mut site = site().await;
    site.sql("UPDATE wp_posts SET post_content = '{\"a\":\"b\"c\"}' WHERE ID = 4").await;
    site.sql("UPDATE wp_postmeta SET meta_value = 'O:8:\"stdClass\":0:{}' WHERE post_id = 5").await;
    site.sql("DELETE FROM wp_postmeta WHERE post_id = 8").await;
    site.sql("UPDATE wp_posts SET post_status = 'draft' WHERE ID = 9").await;
    site.sql("UPDATE wp_posts SET post_title = '' WHERE ID = 10").await;
    let damaged = "SELECT * FROM wp_posts WHERE ID IN (4, 5, 8, 9, 10) ORDER BY ID";
    let beside = "SELECT meta_id, post_id, meta_value FROM wp_postmeta WHERE post_id IN (4, 5, 8, 9, 10) UNION ALL \
                  SELECT comment_ID, comment_post_ID, comment_content FROM wp_comments \
                  WHERE comment_post_ID IN (4, 5, 8, 9, 10) UNION ALL \
                  SELECT object_id, term_taxonomy_id, '' FROM wp_term_relationships WHERE object_id IN (4, 5, 8, 9, 10) \
                  ORDER BY 1, 2, 3";
    let before = (table(&mut site.plugin, damaged).await, table(&mut site.plugin, beside).await);
    let planned = look(&site.database, 2).await;
    let done = import(&site.store, 2).await;
    assert_eq!(planned.kept, done.kept);
    let mut kept: Vec<(u64, String)> = done
        .kept
        .into_iter()
        .map(|kept| match kept.why {
            Kept::Damaged(why) => (kept.post, why),
            Kept::InUse => panic!("{kept:?}"),
        })
        .collect();
    kept.sort();
    let expected = [
        (4, "its args cannot be read"),
        (5, "its schedule cannot be read"),
        (8, "it has no schedule"),
        (9, "its status \"draft\" cannot be read"),
        (10, "its hook cannot be read"),
    ];
    assert_eq!(kept.len(), expected.len(), "{kept:?}");
    for ((post, why), (expected_post, problem)) in kept.iter().zip(expected) {
        assert_eq!(*post, expected_post);
        assert!(why.starts_with(problem), "{why}");
    }
    let after = (table(&mut site.plugin, damaged).await, table(&mut site.plugin, beside).await);
    assert_eq!(after, before);
    let moved = table(&mut site.plugin, ACTIONS).await;
    assert_eq!(moved, [FIXTURE[0], FIXTURE[2]]);

    // Once they are mended, the same moves them.
    site.sql("UPDATE wp_posts SET post_content = '{\"order\":1}' WHERE ID = 4").await;
    assert_eq!(import(&site.store, 2).await.moved.len(), 1);
    assert_eq!(table(&mut site.plugin, ACTIONS).await, [FIXTURE[0], FIXTURE[2], FIXTURE[6]]);
}

#[tokio::test]
async fn long_args_are_found_by_their_sum_as_those_of_the_plugin() {
    let mut site = site().await;
    let text = "x/ü".repeat(100);
    let json = serde_json::json!({ "text": text }).to_string();
    site.plugin
        .exec_drop("UPDATE wp_posts SET post_content = ? WHERE ID = 4", (&json,))
        .await
        .unwrap();
    import(&site.store, 100).await;
    let sql = "SELECT a.args = MD5(a.extended_args), a.extended_args FROM wp_actionscheduler_actions a \
               WHERE a.hook = 'eg_legacy_single'";
    let stored = format!("1 | {{\"text\":\"{}\"}}", "x\\/\\u00fc".repeat(100));
    assert_eq!(table(&mut site.plugin, sql).await, [stored]);
    let query = action_scheduler::Query::new().hook("eg_legacy_single".parse().unwrap());
    let found = site.store.query(query.args(json.parse().unwrap())).await.unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn a_schedule_of_version_1_has_its_older_names_alone() {
    let mut site = site().await;
    let old = r#"O:32:"ActionScheduler_IntervalSchedule":2:{s:49:"%0ActionScheduler_IntervalSchedule%0start_timestamp";i:1795300600;s:53:"%0ActionScheduler_IntervalSchedule%0interval_in_seconds";i:600;}"#;
    let old = old.replace("%0", "\0");
    let sql = "UPDATE wp_postmeta SET meta_value = ? WHERE post_id = 5";
    site.plugin.exec_drop(sql, (&old,)).await.unwrap();
    import(&site.store, 100).await;
    has_the_whole_fixture(&mut site.plugin).await;
    let chains = site.store.chains(ChainQuery::default()).await.unwrap();
    assert_eq!(chains.len(), 2);
}

#[tokio::test]
async fn recurring_actions_run_and_their_chains_go_on() {
    let mut site = site().await;
    import(&site.store, 100).await;
    let chains = site.store.chains(ChainQuery::default()).await.unwrap();
    let hooks: Vec<&str> = chains.iter().map(|chain| chain.hook.as_str()).collect();
    assert_eq!(hooks, ["eg_legacy_recurring", "eg_legacy_cron"]);
    site.sql(
        "UPDATE wp_actionscheduler_actions SET status = 'canceled' WHERE hook = 'eg_legacy_async'",
    )
    .await;
    let runner = site.runner().await;
    let claim = site.claim(runner, 10).await.expect("the recurring one is due");
    assert_eq!(claim.actions.len(), 1);
    site.complete(&claim).await;
    let sql = "SELECT status, scheduled_date_gmt FROM wp_actionscheduler_actions \
               WHERE hook = 'eg_legacy_recurring' ORDER BY action_id";
    let expected = ["complete | 2026-11-21 22:36:40", "pending | 2026-11-21 23:46:40"];
    assert_eq!(table(&mut site.plugin, sql).await, expected);
}

#[tokio::test]
async fn what_was_cut_off_is_given_to_recovery_and_not_to_the_queue() {
    let mut site = site().await;
    site.sql(
        "UPDATE wp_posts SET post_status = 'in-progress', post_password = 'c', menu_order = 1, \
         post_modified_gmt = '2026-11-21 22:40:00' WHERE ID = 5",
    )
    .await;
    let done = import(&site.store, 100).await;
    assert_eq!((done.moved.len(), done.kept.len()), (7, 0));
    let id = ActionId::new(
        site.plugin
            .query_first("SELECT action_id FROM wp_actionscheduler_actions WHERE hook = 'eg_legacy_recurring'")
            .await
            .unwrap()
            .unwrap(),
    )
    .unwrap();
    let row = site.row(id, "status, attempts, last_attempt_gmt, claim_id > 0").await;
    assert_eq!(row, ["in-progress", "1", "2026-11-21 22:40:00", "1"]);
    let runner = site.runner().await;
    let claimed = site.claim(runner, 10).await.expect("the async one");
    assert!(claimed.actions.iter().all(|action| action.id != id));
    let recovery = site.store.recover(Vec::new(), &Context::new("serve")).await.unwrap();
    let stranded: Vec<ActionId> = recovery.stranded.iter().map(|one| one.action.id).collect();
    assert_eq!(stranded, [id]);
}

#[tokio::test]
async fn what_somebody_may_be_at_stays_for_now() {
    let mut site = site().await;
    site.sql("UPDATE wp_posts SET post_password = 'c', post_modified_gmt = '2026-11-21 23:31:41' WHERE ID = 4")
        .await;
    site.sql("UPDATE wp_posts SET post_password = 'c', post_modified_gmt = '2026-11-21 23:31:40' WHERE ID = 5")
        .await;
    let done = import(&site.store, 100).await;
    assert_eq!(done.moved.len(), 6);
    assert_eq!((done.kept[0].post, &done.kept[0].why), (4, &Kept::InUse));
    let row = "SELECT status, claim_id FROM wp_actionscheduler_actions WHERE hook = 'eg_legacy_recurring'";
    assert_eq!(table(&mut site.plugin, row).await, ["pending | 0"]);
}

#[tokio::test]
async fn ids_go_on_where_those_of_a_busy_table_are() {
    let mut site = site().await;
    site.sql("ALTER TABLE wp_actionscheduler_actions AUTO_INCREMENT = 1000").await;
    let before = site.put(action("here", Schedule::Async)).await;
    let moved = import(&site.store, 100).await.moved;
    let least = moved.iter().filter_map(|moved| moved.action).min().unwrap();
    assert!(least > before, "{least} after {before}");
}

#[tokio::test]
async fn tables_that_know_no_transactions_are_refused() {
    let database = database().await;
    let mut connection = connect(database.url()).await;
    connection.query_drop("ALTER TABLE wp_comments ENGINE = MyISAM").await.unwrap();
    let url = database.url().parse().unwrap();
    let error = OldPosts::open(&url).await.err().unwrap().to_string();
    assert!(error.contains("ALTER TABLE wp_comments ENGINE = InnoDB"), "{error}");
    connection.query_drop("DROP TABLE wp_comments").await.unwrap();
    let error = OldPosts::open(&url).await.err().unwrap().to_string();
    assert!(error.contains("there is no table wp_comments"), "{error}");
}
