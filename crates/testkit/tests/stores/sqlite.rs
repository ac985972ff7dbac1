//! The store in one SQLite file.

use action_scheduler::store::sqlite::SqliteStore;
use action_scheduler::time::Clock;
use testkit::StoreUnderTest;

async fn make_store(clock: Clock) -> StoreUnderTest {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("actions.db");
    let store = SqliteStore::open(file.to_str().unwrap(), clock).await.unwrap();
    StoreUnderTest::with_guard(store, folder)
}

testkit::conformance_suite!(make_store);
testkit::model_suite!(make_store);

/// As when a daemon and a command are started together for the first time.
#[tokio::test(flavor = "multi_thread")]
async fn many_may_create_one_file_at_the_same_moment() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("actions.db").display().to_string();
        let mut openers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let file = file.clone();
            openers.spawn(async move { SqliteStore::open(&file, Clock::system()).await.map(drop) });
        }
        for opened in openers.join_all().await {
            opened.unwrap();
        }
    }
}

/// Files that are no store of ours are refused with what is wrong and what to do, and stay as they are.
mod refused {
    use std::path::Path;

    use action_scheduler::store::sqlite::SqliteStore;
    use action_scheduler::time::Clock;
    use action_scheduler::{Error, StoreErrorKind};

    async fn open(file: &Path) -> (StoreErrorKind, String) {
        match SqliteStore::open(file.to_str().unwrap(), Clock::system()).await {
            Err(Error::Store(error)) => (error.kind, error.message),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("it was opened"),
        }
    }

    #[tokio::test]
    async fn a_file_that_is_not_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes.txt");
        let text = "dear diary, ".repeat(100);
        std::fs::write(&file, &text).unwrap();
        let (kind, message) = open(&file).await;
        assert_eq!(kind, StoreErrorKind::Corrupt);
        assert!(
            message.contains("notes.txt") && message.contains("not a SQLite file"),
            "{message}"
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }

    #[tokio::test]
    async fn a_database_of_another_program() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("other.db");
        rusqlite::Connection::open(&file)
            .unwrap()
            .execute_batch("CREATE TABLE songs (name TEXT)")
            .unwrap();
        let (kind, message) = open(&file).await;
        assert_eq!(kind, StoreErrorKind::Corrupt);
        assert!(message.contains("belongs to another program"), "{message}");
        let tables = "SELECT group_concat(name) FROM sqlite_schema";
        let found: String = rusqlite::Connection::open(&file)
            .unwrap()
            .query_row(tables, [], |row| row.get(0))
            .unwrap();
        assert_eq!(found, "songs");
    }

    #[tokio::test]
    async fn a_database_of_a_newer_version() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("newer.db");
        drop(SqliteStore::open(file.to_str().unwrap(), Clock::system()).await.unwrap());
        rusqlite::Connection::open(&file)
            .unwrap()
            .pragma_update(None, "user_version", 1000)
            .unwrap();
        let (kind, message) = open(&file).await;
        assert_eq!(kind, StoreErrorKind::NewerSchema);
        assert!(message.contains("layout version 1000"), "{message}");
    }

    #[tokio::test]
    async fn a_file_in_a_folder_that_is_not_there() {
        let (kind, message) = open(Path::new("/no/such/folder/shop.db")).await;
        assert_eq!(kind, StoreErrorKind::Unavailable);
        assert!(message.contains("/no/such/folder/shop.db"), "{message}");
    }
}

/// A full disk refuses what is stored, whole, and loses nothing that was stored before. SQLite's own limit on the size of
/// a file stands for the disk.
#[tokio::test]
async fn a_full_disk_loses_nothing() {
    use action_scheduler::{Error, Query, Scheduler, StoreErrorKind};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("actions.db");
    let scheduler = Scheduler::open(&format!("sqlite:{}", file.display())).await.unwrap();
    let before = scheduler.enqueue_async("before", [1]).await.unwrap().unwrap();
    let mut other = rusqlite::Connection::open(&file).unwrap();
    other.pragma_update(None, "max_page_count", 40).unwrap();
    let store =
        action_scheduler::store::sqlite::SqliteStore::open(file.to_str().unwrap(), Clock::system());
    let store = store.await.unwrap();
    let transaction = other.transaction().unwrap();
    let insert = || action_scheduler::store::Insert {
        action: scheduler.enqueue_async("many", ["x".repeat(1000)]).into_action().unwrap(),
        log_created: true,
    };
    let inserts: Vec<_> = (0..1000).map(|_| insert()).collect();
    let Err(Error::Store(error)) = store.insert_in(&transaction, &inserts) else {
        panic!("it fitted")
    };
    assert_eq!(error.kind, StoreErrorKind::Full);
    assert!(error.message.contains("the disk is full"), "{error}");
    drop(transaction);
    assert_eq!(scheduler.count(Query::new()).await.unwrap(), 1);
    assert_eq!(scheduler.fetch(before).await.unwrap().hook.as_str(), "before");
}

/// Processes queue for the lock of the write-ahead log before they write.
#[tokio::test(flavor = "multi_thread")]
async fn a_writer_waits_until_it_is_its_turn() {
    use std::time::Duration;

    use action_scheduler::{Query, Scheduler};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("actions.db").display().to_string();
    let scheduler = Scheduler::open(&format!("sqlite:{file}")).await.unwrap();
    let other = std::fs::File::open(format!("{file}-wal")).unwrap();
    other.lock().unwrap();
    let writer = scheduler.clone();
    let mut write = tokio::spawn(async move { writer.enqueue_async("late", [1]).await });
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut write).await.is_err());
    // Whoever reads does not wait.
    assert_eq!(scheduler.count(Query::new()).await.unwrap(), 0);
    other.unlock().unwrap();
    write.await.unwrap().unwrap();
    assert_eq!(scheduler.count(Query::new()).await.unwrap(), 1);
}

/// A process that stops gives back what it held when the clock was set back; the others look for it as they beat.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_gives_back_does_not_wait_for_a_clock_that_was_set_back() {
    use std::sync::Arc;
    use std::time::Duration;

    use action_scheduler::store::{ClaimFilter, ClaimRequest, Claiming, NewRunner, Pick, Store};
    use action_scheduler::{Context, Scheduler};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("actions.db").display().to_string();
    let clock = Clock::manual("2026-01-15T12:00:00Z".parse().unwrap());
    let stopping = SqliteStore::open(&file, clock.clone()).await.unwrap();
    let staying = Arc::new(SqliteStore::open(&file, clock.clone()).await.unwrap());
    let scheduler = Scheduler::builder(staying.clone()).build();
    let runner = |name: &str| NewRunner {
        name: name.to_owned(),
        process: None,
        context: Context::new("test"),
        workers: 1,
        lease: Duration::from_secs(60),
    };
    let stops = stopping.register(runner("stops")).await.unwrap();
    let stays = staying.register(runner("stays")).await.unwrap();
    let pick = Pick::Due(ClaimFilter::default());
    let all_for = |runner| ClaimRequest { runner, limit: 9, pick: pick.clone(), open_claims: None };
    scheduler.enqueue_async("held", [1]).await.unwrap();
    assert!(matches!(stopping.claim(all_for(stops)).await.unwrap(), Claiming::Claimed(_)));
    clock.advance("-1h".parse().unwrap());
    assert!(matches!(staying.claim(all_for(stays)).await.unwrap(), Claiming::Nothing));
    stopping.unregister(stops, &Context::new("test")).await.unwrap();
    assert!(staying.heartbeat(stays).await.unwrap());
    let Claiming::Claimed(claim) = staying.claim(all_for(stays)).await.unwrap() else {
        panic!("it waits until the clock shows its date again");
    };
    assert_eq!(claim.actions[0].hook.as_str(), "held");
}
