//! Finding the tables, and creating what is missing.

use mysql_async::Row;

use super::around::tables_around;
use super::connection::exchange;
use super::error::{Outcome, Trouble};
use super::journal::move_tables;
use super::php::site_time::SiteTime;
use super::row::Columns;
use super::sql::Text;
use super::tables::Tables;
use super::url::MySqlUrl;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::Migration;

/// The newest version of our own tables that this program knows.
const LAYOUT: u32 = 3;

/// The newest version of the plugin's tables that this program knows.
const NEWEST_SCHEMA: u32 = 9;

/// What the plugin's tables are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// Whether the server is MariaDB and not MySQL.
    pub(super) is_mariadb: bool,
}

/// Makes sure that the tables are there and are what this program knows.
pub(super) async fn prepare(
    connection: &mut mysql_async::Conn,
    url: &MySqlUrl,
    tables: &Tables,
) -> Outcome<Found> {
    let found = check_server(connection, url).await?;
    if !exists(connection, url.database(), &unquoted(&tables.actions)).await? {
        check_prefix(connection, url, tables).await?;
        for sql in plugin_tables(tables) {
            exchange(connection, &sql).await?;
        }
    }
    check_schema(connection, url, tables).await?;
    let layout = layout_version(connection, url, tables).await?;
    if layout > LAYOUT {
        return Err(refuse(
            StoreErrorKind::NewerSchema,
            format!(
                "{url}: has layout version {layout}, this program knows up to {LAYOUT}; use a newer one"
            ),
        ));
    }
    for step in steps(tables).into_iter().filter(|step| step.version > layout) {
        for sql in step.sql {
            exchange(connection, &sql).await?;
        }
    }
    Ok(found)
}

/// A step of the layout of our own tables.
struct Step {
    version: u32,
    what: &'static str,
    /// Statements that may be run again; the last one writes the version down.
    sql: Vec<String>,
}

fn steps(tables: &Tables) -> [Step; 3] {
    [
        Step {
            version: 1,
            what: "what the plugin's tables cannot hold, beside them",
            sql: own_tables(tables),
        },
        Step {
            version: 2,
            what: "the identity of the store, and the journal of what is moved to it",
            sql: move_tables(tables),
        },
        Step {
            version: 3,
            what: "records, receipts of requests, and figures over time",
            sql: tables_around(tables),
        },
    ]
}

/// What [`prepare`] would create; nothing is changed.
pub(super) async fn pending(
    connection: &mut mysql_async::Conn,
    url: &MySqlUrl,
    tables: &Tables,
) -> Outcome<Vec<Migration>> {
    let mut pending = Vec::new();
    check_server(connection, url).await?;
    if !exists(connection, url.database(), &unquoted(&tables.actions)).await? {
        check_prefix(connection, url, tables).await?;
        pending.push(Migration {
            version: 0,
            what: "the tables of the WordPress plugin, as its version 3.8 has them".to_owned(),
            sql: plugin_tables(tables).join(";\n"),
        });
    }
    check_schema(connection, url, tables).await?;
    let layout = layout_version(connection, url, tables).await?;
    let missing = steps(tables).into_iter().filter(|step| step.version > layout);
    pending.extend(missing.map(|Step { version, what, sql }| Migration {
        version,
        what: what.to_owned(),
        sql: sql.join(";\n"),
    }));
    Ok(pending)
}

/// Creates all tables.
pub(super) async fn create(connection: &mut mysql_async::Conn, tables: &Tables) -> Outcome<()> {
    let own = steps(tables).into_iter().flat_map(|step| step.sql);
    for sql in plugin_tables(tables).into_iter().chain(own) {
        exchange(connection, &sql).await?;
    }
    Ok(())
}

fn refuse(kind: StoreErrorKind, message: String) -> Trouble {
    Trouble::Refused(StoreError::new(kind, message).into())
}

/// The version of our own tables; 0 when they are not there.
async fn layout_version(
    connection: &mut mysql_async::Conn,
    url: &MySqlUrl,
    tables: &Tables,
) -> Outcome<u32> {
    if !exists(connection, url.database(), &unquoted(&tables.layout)).await? {
        return Ok(0);
    }
    let sql = format!("SELECT version FROM {}", tables.layout);
    let rows = exchange(connection, &sql).await?.rows;
    Ok(rows.first().map(|row| row.number(0)).transpose()?.unwrap_or_default())
}

fn unquoted(table: &str) -> String {
    table.trim_matches('`').to_owned()
}

async fn exists(connection: &mut mysql_async::Conn, database: &str, table: &str) -> Outcome<bool> {
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = {} AND table_name = {}",
        Text(database),
        Text(table)
    );
    let rows = exchange(connection, &sql).await?.rows;
    Ok(rows.first().map(|row| row.number::<u32>(0)).transpose()?.is_some_and(|count| count > 0))
}

/// Servers that know `SKIP LOCKED`: MariaDB from 10.6 on, MySQL from 8 on.
async fn check_server(connection: &mut mysql_async::Conn, url: &MySqlUrl) -> Outcome<Found> {
    let answer = exchange(connection, "SELECT VERSION()").await?;
    let Some(row) = answer.rows.first() else {
        return Err(refuse(StoreErrorKind::Other, format!("{url}: the server tells no version")));
    };
    let version = row.text(0)?;
    let is_mariadb = version.contains("MariaDB");
    // Some proxies and versions write `5.5.5-` before the version of MariaDB.
    let plain = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut numbers = plain.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    let mut next = || numbers.next().and_then(Result::ok).unwrap_or_default();
    let found = (next(), next());
    let needed = if is_mariadb { (10, 6) } else { (8, 0) };
    if found < needed {
        let message = format!(
            "{url}: the server is {version}; this needs MariaDB 10.6 or MySQL 8.0, or a later one"
        );
        return Err(refuse(StoreErrorKind::Other, message));
    }
    Ok(Found { is_mariadb })
}

/// Refuses a prefix of which there are no tables where there are some of another: that is a typo.
async fn check_prefix(
    connection: &mut mysql_async::Conn,
    url: &MySqlUrl,
    tables: &Tables,
) -> Outcome<()> {
    let sql = format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = {} \
         AND table_name LIKE '%actionscheduler\\_actions' ORDER BY table_name LIMIT 5",
        Text(url.database())
    );
    let rows = exchange(connection, &sql).await?.rows;
    let others: Vec<&str> = rows
        .iter()
        .filter_map(|row: &Row| row.text(0).ok()?.strip_suffix("actionscheduler_actions"))
        .collect();
    if others.is_empty() || exists(connection, url.database(), &unquoted(&tables.options)).await? {
        return Ok(());
    }
    let message = format!(
        "{url}: there are no tables of the prefix {:?}, but of {}; give the right one as ?prefix=",
        url.prefix(),
        others.iter().map(|prefix| format!("{prefix:?}")).collect::<Vec<_>>().join(", ")
    );
    Err(refuse(StoreErrorKind::Url, message))
}

/// The plugin writes down the version of its tables; before 9 we need not know it, but after it we do not know them.
async fn check_schema(
    connection: &mut mysql_async::Conn,
    url: &MySqlUrl,
    tables: &Tables,
) -> Outcome<()> {
    let version = option(connection, url, tables, "schema-ActionScheduler_StoreSchema").await?;
    let version = version.as_deref().and_then(|text| text.split('.').next()?.parse::<u32>().ok());
    match version {
        Some(version) if version > NEWEST_SCHEMA => Err(refuse(
            StoreErrorKind::NewerSchema,
            format!(
                "{url}: the plugin's tables have schema {version}, this program knows up to {NEWEST_SCHEMA}; \
                 use a newer one"
            ),
        )),
        _ => Ok(()),
    }
}

/// An option of the WordPress site, if there is one.
pub(super) async fn option(
    connection: &mut mysql_async::Conn,
    url: &MySqlUrl,
    tables: &Tables,
    name: &str,
) -> Outcome<Option<String>> {
    if !exists(connection, url.database(), &unquoted(&tables.options)).await? {
        return Ok(None);
    }
    let sql =
        format!("SELECT option_value FROM {} WHERE option_name = {}", tables.options, Text(name));
    let rows = exchange(connection, &sql).await?.rows;
    rows.first().map(|row| row.text(0).map(str::to_owned)).transpose()
}

/// The time zone of the WordPress site; UTC where there is none.
pub(super) async fn site_time(
    connection: &mut mysql_async::Conn,
    url: &MySqlUrl,
    tables: &Tables,
) -> Outcome<SiteTime> {
    let zone = option(connection, url, tables, "timezone_string").await?;
    let offset = option(connection, url, tables, "gmt_offset").await?;
    let (zone, offset) = (zone.unwrap_or_default(), offset.unwrap_or_default());
    Ok(SiteTime::from_options(&zone, &offset)?)
}

/// The plugin's tables as its version 3.8 creates them.
fn plugin_tables(tables: &Tables) -> [String; 4] {
    const END: &str = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_520_ci";
    const DATE: &str = "datetime DEFAULT '0000-00-00 00:00:00'";
    let Tables { actions, claims, groups, logs, .. } = tables;
    [
        format!(
            "CREATE TABLE IF NOT EXISTS {claims} (
               claim_id bigint(20) unsigned NOT NULL AUTO_INCREMENT,
               date_created_gmt {DATE},
               PRIMARY KEY (claim_id),
               KEY date_created_gmt (date_created_gmt)
             ) {END}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {groups} (
               group_id bigint(20) unsigned NOT NULL AUTO_INCREMENT,
               slug varchar(255) NOT NULL,
               PRIMARY KEY (group_id),
               KEY slug (slug(191))
             ) {END}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {logs} (
               log_id bigint(20) unsigned NOT NULL AUTO_INCREMENT,
               action_id bigint(20) unsigned NOT NULL,
               message text NOT NULL,
               log_date_gmt {DATE},
               log_date_local {DATE},
               PRIMARY KEY (log_id),
               KEY action_id (action_id),
               KEY log_date_gmt (log_date_gmt)
             ) {END}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {actions} (
               action_id bigint(20) unsigned NOT NULL AUTO_INCREMENT,
               hook varchar(191) NOT NULL,
               status varchar(20) NOT NULL,
               scheduled_date_gmt {DATE},
               scheduled_date_local {DATE},
               priority tinyint(3) unsigned NOT NULL DEFAULT 10,
               args varchar(191) DEFAULT NULL,
               schedule longtext DEFAULT NULL,
               group_id bigint(20) unsigned NOT NULL DEFAULT 0,
               attempts int(11) NOT NULL DEFAULT 0,
               last_attempt_gmt {DATE},
               last_attempt_local {DATE},
               claim_id bigint(20) unsigned NOT NULL DEFAULT 0,
               extended_args varchar(8000) DEFAULT NULL,
               PRIMARY KEY (action_id),
               KEY hook_status_scheduled_date_gmt (hook(163),status,scheduled_date_gmt),
               KEY status_scheduled_date_gmt (status,scheduled_date_gmt),
               KEY scheduled_date_gmt (scheduled_date_gmt),
               KEY args (args),
               KEY group_id (group_id),
               KEY last_attempt_gmt (last_attempt_gmt),
               KEY claim_id_status_scheduled_date_gmt (claim_id,status,scheduled_date_gmt)
             ) {END}"
        ),
    ]
}

/// What the plugin's layout cannot hold. Names and texts are told apart to the letter here.
fn own_tables(tables: &Tables) -> Vec<String> {
    const END: &str = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin";
    let Tables {
        times,
        instances,
        chains,
        keys,
        runners,
        holders,
        entries,
        turns,
        commits,
        layout,
        ..
    } = tables;
    vec![
        // One narrow row for each action, without any further index: what each step costs beyond the plugin's row.
        format!(
            "CREATE TABLE IF NOT EXISTS {times} (
               action_id bigint unsigned NOT NULL PRIMARY KEY,
               created_at datetime(6),
               started_at datetime(6),
               finished_at datetime(6),
               -- 1 when it failed because it ran too long: its handler may still succeed
               timed_out tinyint NOT NULL DEFAULT 0
             ) {END}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {instances} (
               action_id bigint unsigned NOT NULL PRIMARY KEY,
               chain_id bigint unsigned NOT NULL,
               KEY chain_id (chain_id)
             ) {END}"
        ),
        // A chain has the id of its first action.
        format!(
            "CREATE TABLE IF NOT EXISTS {chains} (
               chain_id bigint unsigned NOT NULL PRIMARY KEY,
               hook varchar(191) NOT NULL,
               slug varchar(255) NOT NULL,
               priority tinyint unsigned NOT NULL,
               unique_key text,
               args mediumtext NOT NULL,
               -- in microseconds, since 1970
               first_us bigint NOT NULL,
               -- an interval, or a cron expression with its dialect and zone
               every_us bigint,
               cron text,
               dialect varchar(32),
               zone varchar(64),
               -- 1 when the interval counts from the scheduled date
               fixed_rate tinyint NOT NULL DEFAULT 0,
               -- how many missed dates are run; NULL skips them
               catch_up int unsigned,
               state varchar(8) NOT NULL DEFAULT 'active',
               reason text,
               failures int unsigned NOT NULL DEFAULT 0,
               -- the instance that is pending or in-progress; only its end may store the next one
               head bigint unsigned,
               -- the date still owed because the head was run early
               owed_at datetime(6),
               created_at datetime(6) NOT NULL,
               KEY hook (hook),
               KEY unique_key (unique_key(191))
             ) {END}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {keys} (
               action_id bigint unsigned NOT NULL PRIMARY KEY,
               unique_key text NOT NULL,
               KEY unique_key (unique_key(191))
             ) {END}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {runners} (
               runner_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
               name text NOT NULL,
               process text,
               context varchar(255) NOT NULL,
               workers int unsigned NOT NULL,
               lease_us bigint unsigned NOT NULL,
               started_at datetime(6) NOT NULL,
               heartbeat_at datetime(6) NOT NULL,
               beats bigint unsigned NOT NULL DEFAULT 0
             ) {END}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {holders} (
               claim_id bigint unsigned NOT NULL PRIMARY KEY,
               runner_id bigint unsigned NOT NULL,
               KEY runner_id (runner_id)
             ) {END}"
        ),
        // Only of entries that cannot be told from their text alone.
        format!(
            "CREATE TABLE IF NOT EXISTS {entries} (
               log_id bigint unsigned NOT NULL PRIMARY KEY,
               step tinyint unsigned NOT NULL,
               attempt int unsigned,
               context varchar(255),
               message longtext
             ) {END}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {turns} (
               turn int unsigned NOT NULL PRIMARY KEY,
               taken bigint unsigned NOT NULL DEFAULT 0
             ) {END}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {commits} (
               slot bigint unsigned NOT NULL PRIMARY KEY,
               token bigint unsigned NOT NULL,
               lookups int unsigned NOT NULL DEFAULT 0,
               used_at datetime NOT NULL
             ) {END}"
        ),
        // The last one: where it is, all are.
        format!(
            "CREATE TABLE IF NOT EXISTS {layout} (
               one tinyint NOT NULL PRIMARY KEY,
               version int unsigned NOT NULL
             ) {END}"
        ),
        format!("INSERT IGNORE INTO {layout} (one, version) VALUES (1, 1)"),
    ]
}
