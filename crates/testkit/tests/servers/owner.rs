//! Servers do not outlive their owners.

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use testkit::servers::postgres;

/// A process that owns a server; it is killed when this is dropped.
struct Owner(Child);

impl Owner {
    /// One that has its temporary folders here, and belongs to a run of tests.
    fn spawn(kind: &str, folder: &Path, run: &str) -> Self {
        let owner = Command::new(env!("CARGO_BIN_EXE_server_owner"))
            .arg(kind)
            .env("TMPDIR", folder)
            .env("NEXTEST_RUN_ID", run)
            .stdout(Stdio::piped())
            .spawn();
        Self(owner.unwrap())
    }

    /// The URL of its server, once that runs.
    fn url(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("127.0.0.1"), "it did not start: {line:?}");
        line.trim_end().to_owned()
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A place for temporary folders, which others than its owner may enter.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    std::fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    place
}

fn is_empty(place: &Path) -> bool {
    std::fs::read_dir(place).unwrap().next().is_none()
}

/// The command lines of the processes that work in this place, or speak of it.
fn processes(place: &Path) -> Vec<String> {
    let place = place.to_str().unwrap();
    let describe = |process: std::fs::DirEntry| {
        let cwd = std::fs::read_link(process.path().join("cwd")).unwrap_or_default();
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        (line.contains(place) || cwd.starts_with(place)).then_some(line)
    };
    std::fs::read_dir("/proc").unwrap().filter_map(|process| describe(process.unwrap())).collect()
}

fn until(what: &str, holds: impl Fn() -> bool) {
    const LONGEST: Duration = Duration::from_secs(60);
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LONGEST, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn assert_nothing_is_left(place: &Path) {
    until("the folder is gone", || is_empty(place));
    until(&format!("these have ended: {:?}", processes(place)), || processes(place).is_empty());
}

fn a_killed_owner_leaves_nothing(kind: &str) {
    let place = place();
    let mut owner = Owner::spawn(kind, place.path(), "killed");
    owner.url();
    assert!(!is_empty(place.path()));
    assert!(processes(place.path()).len() >= 2, "the server and the keeper work here");
    owner.kill();
    assert_nothing_is_left(place.path());
}

#[test]
fn a_killed_owner_leaves_nothing_of_postgres() {
    a_killed_owner_leaves_nothing("postgres");
}

#[test]
fn a_killed_postgres_leaves_no_shared_memory() {
    let place = place();
    let mut owner = Owner::spawn("postgres", place.path(), "shared memory");
    owner.url();
    let folder = std::fs::read_dir(place.path()).unwrap().next().unwrap().unwrap().path();
    let noted = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    let id = noted.lines().nth(6).unwrap().split_whitespace().last().unwrap();
    let exists = || {
        let segments = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
        segments.lines().any(|line| line.split_whitespace().nth(1) == Some(id))
    };
    assert!(exists());
    owner.kill();
    assert_nothing_is_left(place.path());
    assert!(!exists());
}

#[test]
fn a_killed_owner_leaves_nothing_of_mariadb() {
    a_killed_owner_leaves_nothing("mariadb");
}

#[test]
fn an_owner_killed_while_data_are_copied_to_a_node_leaves_nothing_of_a_cluster() {
    let place = place();
    let owner = Owner::spawn("galera", place.path(), "killed");
    let copies = |line: &String| line.contains("wsrep_sst_rsync");
    until("a node gets its data", || processes(place.path()).iter().any(copies));
    owner.kill();
    assert_nothing_is_left(place.path());
}

#[test]
fn the_killed_owner_of_a_shared_server_leaves_nothing() {
    a_killed_owner_leaves_nothing("shared-postgres");
}

#[test]
fn an_owner_killed_at_any_moment_of_the_start_leaves_nothing() {
    for kind in ["postgres", "mariadb"] {
        for milliseconds in [0, 20, 100, 300, 600, 900] {
            let place = place();
            let owner = Owner::spawn(kind, place.path(), "killed early");
            until("it has begun", || !is_empty(place.path()));
            std::thread::sleep(Duration::from_millis(milliseconds));
            owner.kill();
            assert_nothing_is_left(place.path());
        }
    }
}

#[tokio::test]
async fn a_shared_start_that_was_killed_is_done_anew_by_the_next() {
    let place = place();
    for milliseconds in [0, 20, 100, 300] {
        let early = Owner::spawn("shared-postgres", place.path(), "killed early");
        until("it has begun", || !is_empty(place.path()));
        std::thread::sleep(Duration::from_millis(milliseconds));
        early.kill();
    }
    let mut next = Owner::spawn("shared-postgres", place.path(), "killed early");
    postgres::connect(&next.url()).await.batch_execute("SELECT 1").await.unwrap();
    next.kill();
    assert_nothing_is_left(place.path());
}

#[tokio::test]
async fn a_shared_server_lives_as_long_as_any_of_its_owners() {
    let place = place();
    let mut owners: Vec<Owner> =
        (0..4).map(|_| Owner::spawn("shared-postgres", place.path(), "several")).collect();
    let urls: Vec<String> = owners.iter_mut().map(Owner::url).collect();
    assert!(urls.iter().all(|url| *url == urls[0]), "{urls:?}");
    for owner in owners.drain(1..) {
        owner.kill();
    }
    postgres::connect(&urls[0]).await.batch_execute("SELECT 1").await.unwrap();
    // The next one comes in time to find it, though meanwhile nobody had it.
    owners.pop().unwrap().kill();
    let mut next = Owner::spawn("shared-postgres", place.path(), "several");
    assert_eq!(next.url(), urls[0]);
    next.kill();
    assert_nothing_is_left(place.path());
}

#[test]
fn runs_do_not_share_a_server() {
    let place = place();
    let mut one = Owner::spawn("shared-mariadb", place.path(), "one");
    let mut other = Owner::spawn("shared-mariadb", place.path(), "other");
    assert_ne!(one.url(), other.url());
    drop((one, other));
    assert_nothing_is_left(place.path());
}

#[test]
fn a_server_whose_folder_was_removed_ends_with_its_owner_too() {
    let place = place();
    let mut owner = Owner::spawn("mariadb", place.path(), "removed");
    owner.url();
    for folder in std::fs::read_dir(place.path()).unwrap() {
        std::fs::remove_dir_all(folder.unwrap().path()).unwrap();
    }
    assert!(!processes(place.path()).is_empty());
    owner.kill();
    assert_nothing_is_left(place.path());
}
