//! A server of its own for each test, over a store in memory.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Once};

use action_scheduler::time::Clock;
use action_scheduler::{Scheduler, Shutdown};
use action_scheduler_server::access::accounts::{Accounts, Actor, NewToken, Scopes};
use action_scheduler_server::{Server, ServerConfig};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder};
use testkit::MemoryStore;
use tokio::task::JoinHandle;

/// A server that runs until it is dropped.
pub struct Running {
    pub scheduler: Scheduler,
    /// Who asks: a program with a token that may do everything.
    pub client: Client,
    pub address: SocketAddr,
    /// The name of the client's token.
    pub token_name: String,
    /// Tells the server to stop.
    pub shutdown: Shutdown,
    serving: JoinHandle<()>,
}

impl Running {
    /// A server with the default config, whose clock stands still at noon of 2026-01-15.
    pub async fn start() -> Self {
        Self::with_config(ServerConfig::default()).await
    }

    /// A server with this config, on a port of its own.
    pub async fn with_config(config: ServerConfig) -> Self {
        crypto();
        let clock = Clock::manual(testkit::conformance::NOON.parse().expect("a date"));
        let scheduler = Scheduler::builder(Arc::new(MemoryStore::new(clock))).build();
        Self::over(scheduler, config).await
    }

    /// A server over this scheduler, on a port of its own.
    pub async fn over(scheduler: Scheduler, mut config: ServerConfig) -> Self {
        config.listen.set_port(0);
        static SERVERS: AtomicU32 = AtomicU32::new(0);
        let number = SERVERS.fetch_add(1, Ordering::Relaxed);
        let token_name = format!("test-{number}");
        let secret = token(&scheduler, &token_name, "admin,work").await;
        let server = Server::bind(scheduler.clone(), config).await.expect("a free port");
        let address = server.address();
        let shutdown = Shutdown::new();
        let stopping = shutdown.clone();
        let serving = tokio::spawn(async move {
            server.run(stopping).await.expect("serving");
        });
        Self { scheduler, client: client_with(&secret), address, token_name, shutdown, serving }
    }

    /// Waits until the server has stopped.
    pub async fn stopped(&mut self) {
        (&mut self.serving).await.expect("the server");
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

/// Chooses the cryptography of this process, once.
pub fn crypto() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider().install_default().expect("the first one");
    });
}

/// The secret of a new token.
pub async fn token(scheduler: &Scheduler, name: &str, scopes: &str) -> String {
    let accounts = Accounts::new(scheduler.store().clone());
    let name = name.parse().expect("a name");
    let scopes: Scopes = scopes.parse().expect("scopes");
    let token = NewToken { name, scopes, lifetime: None };
    let secret = accounts.create_token(token, &Actor::command_line()).await.expect("a token");
    secret.reveal().to_owned()
}

/// A client that brings a token with each request.
pub fn client_with(secret: &str) -> Client {
    let value = HeaderValue::try_from(format!("Bearer {secret}")).expect("a header");
    client_of(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

/// A client that sends these headers with each request and follows no redirects.
pub fn client_of(headers: HeaderMap) -> Client {
    let builder = Client::builder().redirect(reqwest::redirect::Policy::none());
    builder.default_headers(headers).build().expect("a client")
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
