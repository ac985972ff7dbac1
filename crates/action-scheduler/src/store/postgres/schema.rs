//! The layout of the tables, and how an older one becomes the present one.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::error::wrap;
use super::row::{CLAIMED_CHAIN, NO_ACTION};
use super::url::PostgresUrl;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::Migration;
use crate::store::native::args::text_hash;

/// Each step takes the tables from the version that is its place in the list to the next. Steps are never edited once
/// released.
const MIGRATIONS: &[(&str, &str)] = &[
    ("the first tables", include_str!("sql/1.sql")),
    (
        "the identity of the store, and the journal of what is moved to it",
        include_str!("sql/2.sql"),
    ),
    ("records, receipts of requests, and figures over time", include_str!("sql/3.sql")),
    (
        "indexes of a group by status and of a chain by date, which take seconds where there are millions",
        include_str!("sql/4.sql"),
    ),
    ("claims that pass over hooks", ""),
    ("what is told of nearly every action in its own row", include_str!("sql/6.sql")),
];

/// The functions of the newest version. They are dropped and made anew with each step; one whose parameters change is
/// given another name, so that programs that are running go on.
const FUNCTIONS: &[&str] = &[
    include_str!("sql/trail.sql"),
    include_str!("sql/lock.sql"),
    include_str!("sql/insert.sql"),
    include_str!("sql/claim.sql"),
    include_str!("sql/start.sql"),
    include_str!("sql/finish.sql"),
    include_str!("sql/change.sql"),
    include_str!("sql/runners.sql"),
    include_str!("sql/clean.sql"),
    include_str!("sql/import.sql"),
    include_str!("sql/admit.sql"),
    include_str!("sql/once.sql"),
    include_str!("sql/records.sql"),
    include_str!("sql/figures.sql"),
];

/// Functions find their rows by index, however few there were when their plans were made: a plan is kept for as long as the
/// connection, and tables grow.
const SETTINGS: &str = "SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off \
    SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan";

/// The newest version this program knows.
const NEWEST: usize = MIGRATIONS.len();

/// The oldest PostgreSQL that has all that is used here.
const OLDEST_SERVER: i32 = 120_000;

/// What marks the tables as ours.
const PROGRAM: &str = "action-scheduler";

/// Brings the schema to the newest version; several processes may do so at once.
pub(super) async fn migrate(client: &Client, url: &PostgresUrl) -> Result<(), StoreError> {
    check_server(client, url).await?;
    if version(client, url).await? == NEWEST {
        return Ok(());
    }
    let failed = wrap(url.to_string(), "creating or changing the tables");
    let migrated = migrate_in_turn(client, url, &failed).await;
    if migrated.is_err() {
        // The connection is dropped; this is to free the lock at once.
        let _ = client.batch_execute("ROLLBACK").await;
    }
    migrated
}

async fn migrate_in_turn(
    client: &Client,
    url: &PostgresUrl,
    failed: &impl Fn(tokio_postgres::Error) -> StoreError,
) -> Result<(), StoreError> {
    let lock = text_hash(&format!("action_scheduler {} migrate", url.quoted_schema()));
    let begin = format!("BEGIN; SELECT pg_advisory_xact_lock({lock})");
    client.batch_execute(&begin).await.map_err(failed)?;
    // Another process may have done it while this one waited for the lock.
    let found = version(client, url).await?;
    let steps = steps(url, found);
    if steps.is_empty() {
        return client.batch_execute("COMMIT").await.map_err(failed);
    }
    if found == 0 {
        let create = format!("CREATE SCHEMA IF NOT EXISTS {}", url.quoted_schema());
        client.batch_execute(&create).await.map_err(failed)?;
    }
    for step in &steps {
        client.batch_execute(&step.sql).await.map_err(failed)?;
        tracing::debug!(store = %url, version = step.version, "migrated");
    }
    let mark = format!(
        "DELETE FROM {0}.layout; INSERT INTO {0}.layout VALUES ({NEWEST}, '{PROGRAM}'); COMMIT",
        url.quoted_schema()
    );
    client.batch_execute(&mark).await.map_err(failed)
}

/// The steps that a schema has not seen yet.
pub(super) async fn pending(
    client: &Client,
    url: &PostgresUrl,
) -> Result<Vec<Migration>, StoreError> {
    check_server(client, url).await?;
    Ok(steps(url, version(client, url).await?))
}

fn steps(url: &PostgresUrl, found: usize) -> Vec<Migration> {
    let mut steps: Vec<Migration> = (1..)
        .zip(MIGRATIONS)
        .skip(found)
        .map(|(version, (what, sql))| Migration {
            version,
            what: (*what).to_owned(),
            sql: for_schema(url, sql),
        })
        .collect();
    if let Some(last) = steps.last_mut() {
        last.sql.push_str(&drop_functions(url));
        for functions in FUNCTIONS {
            last.sql.push_str(&for_schema(url, functions));
        }
    }
    steps
}

fn drop_functions(url: &PostgresUrl) -> String {
    format!(
        "DO $$ DECLARE f regprocedure; BEGIN FOR f IN SELECT oid::regprocedure FROM pg_proc \
         WHERE pronamespace = '{}'::regnamespace LOOP EXECUTE 'DROP FUNCTION ' || f; END LOOP; END $$;\n",
        url.quoted_schema()
    )
}

fn for_schema(url: &PostgresUrl, sql: &str) -> String {
    sql.replace("{schema}", &url.quoted_schema())
        .replace("{schema_text}", &url.quoted_schema())
        .replace("{settings}", SETTINGS)
        .replace("{nothing}", NO_ACTION)
        .replace("{claimed_chain}", CLAIMED_CHAIN)
}

async fn check_server(client: &Client, url: &PostgresUrl) -> Result<(), StoreError> {
    let doing = "looking at the server";
    let question =
        "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')";
    let failed = wrap(url.to_string(), doing);
    let row = client.query_typed_one(question, &[]).await.map_err(&failed)?;
    let number: i32 = row.try_get(0).map_err(&failed)?;
    let encoding: &str = row.try_get(1).map_err(&failed)?;
    let refuse = |problem| StoreError::new(StoreErrorKind::Other, format!("{url}: {problem}"));
    if number < OLDEST_SERVER {
        return Err(refuse(format!(
            "this is PostgreSQL {}; 12 or newer is needed",
            number / 10_000
        )));
    }
    if encoding != "UTF8" {
        return Err(refuse(format!(
            "this database is encoded as {encoding}; create one with ENCODING 'UTF8'"
        )));
    }
    Ok(())
}

/// The version of the schema; 0 is one that is empty or missing. One of another program is refused.
async fn version(client: &Client, url: &PostgresUrl) -> Result<usize, StoreError> {
    let failed = wrap(url.to_string(), "looking at the tables");
    let foreign = || {
        StoreError::new(
            StoreErrorKind::Corrupt,
            format!(
                "{url}: the schema {:?} belongs to another program; name another with ?schema=NAME, it will be created",
                url.schema
            ),
        )
    };
    let question = format!(
        "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('{0}')), \
         to_regclass('{0}.layout') IS NOT NULL",
        url.quoted_schema()
    );
    let row = client.query_typed_one(&question, &[]).await.map_err(&failed)?;
    let relations: i64 = row.try_get(0).map_err(&failed)?;
    let has_layout: bool = row.try_get(1).map_err(&failed)?;
    match (relations, has_layout) {
        (0, _) => return Ok(0),
        (_, false) => return Err(foreign()),
        (_, true) => {}
    }
    let question = format!("SELECT version, program FROM {}.layout", url.quoted_schema());
    let row = match client.query_typed_opt(&question, &[]).await {
        Ok(row) => row.ok_or_else(foreign)?,
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_COLUMN) => return Err(foreign()),
        Err(error) => return Err(failed(error)),
    };
    let version: i32 = row.try_get(0).map_err(&failed)?;
    if row.try_get::<_, &str>(1).map_err(&failed)? != PROGRAM {
        return Err(foreign());
    }
    match usize::try_from(version) {
        Ok(version) if version <= NEWEST => Ok(version),
        _ => Err(StoreError::new(
            StoreErrorKind::NewerSchema,
            format!(
                "{url}: the schema {:?} has layout version {version}, this program knows up to {NEWEST}; use a newer one",
                url.schema
            ),
        )),
    }
}
