//! One server for all tests of a run, which are processes that come and go.

use std::fs::File;
use std::time::Duration;

use super::folder::Folder;
use super::port::free_port;

/// How long a server waits for the next test.
const LINGER: Duration = Duration::from_secs(5);

/// A kind of server.
pub(super) trait Server: Sized {
    /// What its folder is named after.
    const NAME: &str;

    /// A server in this folder, on this port, that is running already or is to be started.
    fn new(folder: Folder, port: u16) -> Self;

    /// Makes what it needs in its empty folder, and starts it.
    async fn set_up(&mut self);

    /// A new server, for one owner.
    async fn start_own() -> Self {
        let mut server = Self::new(Folder::new(Self::NAME), free_port());
        server.set_up().await;
        server
    }
}

/// The server that this run shares; this starts it, if no process did.
pub(super) async fn found_or_started<S: Server>() -> S {
    let Ok(run) = std::env::var("NEXTEST_RUN_ID") else {
        return S::start_own().await;
    };
    let joined = tokio::task::spawn_blocking(move || {
        let folder = Folder::join(&format!("{}-{run}", S::NAME), LINGER);
        let starting = File::create(folder.path().join("starting")).expect("a lock file");
        starting.lock().expect("a lock");
        (folder, starting)
    });
    let (folder, _starting) = joined.await.expect("a folder for the tests of a run");
    let file = folder.path().join("port");
    if let Ok(port) = std::fs::read_to_string(&file) {
        return S::new(folder, port.parse().expect("a port, written whole"));
    }
    // Of a test that was killed on the way here.
    folder.clear();
    let port = free_port();
    let mut server = S::new(folder, port);
    server.set_up().await;
    let new = file.with_extension("new");
    std::fs::write(&new, port.to_string()).expect("room for a port");
    std::fs::rename(new, file).expect("a file of one's own");
    server
}
