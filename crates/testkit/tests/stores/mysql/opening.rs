//! Which databases are opened, and what is said about those that are not.

use action_scheduler::store::mysql::MySqlStore;
use action_scheduler::time::Clock;
use action_scheduler::{Error, Schedule, Store, StoreErrorKind};
use mysql_async::prelude::Queryable;
use testkit::servers::MariaDb;
use testkit::servers::mariadb::connect;

use super::{Site, action};

/// What is said when a URL is opened.
async fn refused(url: &str) -> (StoreErrorKind, String) {
    let url = match url.parse::<action_scheduler::store::mysql::MySqlUrl>() {
        Ok(url) => url,
        Err(error) => return (error.kind, error.message),
    };
    match MySqlStore::open(&url, Clock::remote()).await {
        Err(Error::Store(error)) => {
            assert!(!error.message.contains('\n'), "{error}");
            (error.kind, error.message)
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test]
async fn schemas_seven_eight_and_nine_are_used_as_they_are_found() {
    const EIGHT: &str = "ALTER TABLE wp_actionscheduler_actions \
        ADD KEY claim_id_status_priority_scheduled_date_gmt (claim_id,status,priority,scheduled_date_gmt), \
        ADD KEY status_last_attempt_gmt (status,last_attempt_gmt), ADD KEY status_claim_id (status,claim_id)";
    const NINE: &str = "ALTER TABLE wp_actionscheduler_actions \
        ADD COLUMN unique_key varchar(64) DEFAULT NULL, ADD UNIQUE KEY unique_key (unique_key)";
    for changes in [&[][..], &[EIGHT], &[EIGHT, NINE]] {
        let mut site = Site::new().await;
        for change in changes {
            site.sql(change).await;
        }
        let Site { database, .. } = site;
        let mut site = Site::on(database).await;
        let before = site.sql("SHOW CREATE TABLE wp_actionscheduler_actions").await.len();
        let id = site.put(action("a", Schedule::Async)).await;
        let runner = site.runner().await;
        let claim = site.claim(runner, 1).await.unwrap();
        site.complete(&claim).await;
        assert_eq!(site.row(id, "status").await, ["complete"]);
        assert_eq!(site.sql("SHOW CREATE TABLE wp_actionscheduler_actions").await.len(), before);
    }
}

#[tokio::test]
async fn tables_are_created_once_by_many_at_the_same_moment() {
    let database = MariaDb::shared().await.create_database().await;
    let mut openers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let url: action_scheduler::store::mysql::MySqlUrl = database.url().parse().unwrap();
        openers.spawn(async move { MySqlStore::open(&url, Clock::remote()).await.map(drop) });
    }
    for opened in openers.join_all().await {
        opened.unwrap();
    }
}

#[tokio::test]
async fn another_prefix_than_that_of_the_tables_is_a_typo() {
    let site = Site::new().await;
    let url = format!("{}?prefix=shop_", site.database.url());
    let (kind, message) = refused(&url).await;
    assert_eq!(kind, StoreErrorKind::Url);
    assert!(message.contains("no tables of the prefix \"shop_\", but of \"wp_\""), "{message}");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let mut site = Site::new().await;
    site.sql("CREATE TABLE wp_options (option_name varchar(191), option_value longtext)").await;
    let option = "schema-ActionScheduler_StoreSchema";
    site.sql(format!("INSERT INTO wp_options VALUES ('{option}', '10.0.1795286620')")).await;
    let (kind, message) = refused(site.database.url()).await;
    assert_eq!(kind, StoreErrorKind::NewerSchema);
    assert!(message.contains("have schema 10, this program knows up to 9"), "{message}");
    site.sql("UPDATE wp_options SET option_value = '9.0.1795286620'").await;
    site.sql("UPDATE wp_action_scheduler_layout SET version = 1000").await;
    let (kind, message) = refused(site.database.url()).await;
    assert_eq!(kind, StoreErrorKind::NewerSchema);
    assert!(message.contains("layout version 1000"), "{message}");
}

#[tokio::test]
async fn missing_rights_are_named() {
    let server = MariaDb::shared().await;
    // Whoever may connect may do all in databases whose names begin with `test_`.
    let name = format!("rights_{}", std::process::id());
    let mut root = connect(&server.url()).await;
    root.query_drop(format!("CREATE DATABASE {name}")).await.unwrap();
    let user = format!("u_{name}");
    root.query_drop(format!("CREATE USER {user}@'%' IDENTIFIED BY 'secret'")).await.unwrap();
    root.query_drop(format!("GRANT SELECT ON {name}.* TO {user}@'%'")).await.unwrap();
    let url = format!("mysql://{user}:secret@{}/{name}", server.address());
    let (kind, message) = refused(&url).await;
    assert_eq!(kind, StoreErrorKind::ReadOnly);
    assert!(message.contains("check the user's rights") && message.contains("CREATE"), "{message}");
    assert!(!message.contains("secret"), "{message}");
    let (kind, message) = refused(&url.replace("secret", "wrong")).await;
    assert_eq!(kind, StoreErrorKind::Unavailable);
    assert!(message.contains("Access denied") && !message.contains("wrong"), "{message}");
    root.query_drop(format!("DROP USER {user}@'%'; DROP DATABASE {name}")).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let port = testkit_port();
    let (kind, message) = refused(&format!("mysql://root:pw@127.0.0.1:{port}/wp")).await;
    assert_eq!(kind, StoreErrorKind::Unavailable);
    assert!(
        message.contains(&format!("127.0.0.1:{port}")) && !message.contains("pw@"),
        "{message}"
    );
    let (kind, message) = refused("mysql://root@127.0.0.1/wp?prefx=x").await;
    assert_eq!(kind, StoreErrorKind::Url);
    assert!(message.contains("there is no option \"prefx\""), "{message}");
}

/// A port that nobody listens on: it was free a moment ago.
fn testkit_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn time_comes_from_the_database() {
    let database = MariaDb::shared().await.create_database().await;
    let store = MySqlStore::open(&database.url().parse().unwrap(), Clock::remote()).await.unwrap();
    let mut connection = connect(database.url()).await;
    let seconds: f64 =
        connection.query_first("SELECT UNIX_TIMESTAMP(NOW(6))").await.unwrap().unwrap();
    let off = store.clock().now().as_microsecond() as f64 / 1e6 - seconds;
    assert!(off.abs() < 5.0, "{off} s");
}
