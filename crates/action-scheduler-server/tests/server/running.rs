//! A server of its own for each test, over a store in memory.

use std::net::SocketAddr;
use std::sync::{Arc, Once};

use action_scheduler::time::Clock;
use action_scheduler::{Scheduler, Shutdown};
use action_scheduler_server::{Server, ServerConfig};
use reqwest::{Client, RequestBuilder};
use testkit::MemoryStore;
use tokio::task::JoinHandle;

/// A server that runs until it is dropped.
pub struct Running {
    pub scheduler: Scheduler,
    pub client: Client,
    pub address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Running {
    /// A server with the default config, whose clock stands still at noon of 2026-01-15.
    pub async fn start() -> Self {
        Self::with_config(ServerConfig::default()).await
    }

    /// A server with this config, on a port of its own.
    pub async fn with_config(mut config: ServerConfig) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            rustls::crypto::ring::default_provider().install_default().expect("the first one");
        });
        let clock = Clock::manual(testkit::conformance::NOON.parse().expect("a date"));
        let scheduler = Scheduler::builder(Arc::new(MemoryStore::new(clock))).build();
        config.listen.set_port(0);
        let server = Server::bind(scheduler.clone(), config).await.expect("a free port");
        let address = server.address();
        let serving = tokio::spawn(async move {
            server.run(Shutdown::new()).await.expect("serving");
        });
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        Self { scheduler, client, address, serving }
    }

    /// A GET of a path, to be sent.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("http://{}{path}", self.address))
    }

    /// A POST to a path, to be sent.
    pub fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("http://{}{path}", self.address))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
