//! A database of one test.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A database that is dropped with this.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
    server_url: String,
    remove: Remove,
}

/// Drops the database of this name, given the URL of its server; failing is in order, as the server may be gone.
pub(super) type Remove = fn(String, String) -> Pin<Box<dyn Future<Output = ()>>>;

impl Database {
    pub(super) fn new(name: String, url: String, server_url: String, remove: Remove) -> Self {
        Self { name, url, server_url, remove }
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How to connect to it.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        const LONGEST: Duration = Duration::from_secs(5);
        let (name, server_url) = (self.name.clone(), self.server_url.clone());
        let remove = self.remove;
        // A runtime cannot be entered from within another, which is where tests drop this.
        let removing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let removed = async { tokio::time::timeout(LONGEST, remove(server_url, name)).await };
            runtime.map(|runtime| runtime.block_on(removed))
        });
        // What stays goes with the server.
        let _ = removing.join();
    }
}

/// A name that no other test of the run gives.
pub(super) fn new_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
