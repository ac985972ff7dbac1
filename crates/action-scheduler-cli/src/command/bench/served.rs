//! A server in this process, for what is measured over HTTP.

use action_scheduler::{Query, Scheduler, Shutdown};
use action_scheduler_server::access::accounts::{Accounts, Actor, NewToken, Secret};
use action_scheduler_server::{Server, ServerConfig, ServerError};
use anyhow::{Result, bail};
use tokio::task::JoinHandle;

use super::Target;
use super::clients::{Clients, Options};

/// A server that answers, and a token that is good for it while it does.
pub(super) struct Served {
    scheduler: Scheduler,
    address: String,
    token: Secret,
    shutdown: Shutdown,
    serving: JoinHandle<Result<(), ServerError>>,
}

/// What the log calls the token.
const TOKEN: &str = "bench";

impl Served {
    /// Starts one on a free port, for whoever has the token to do anything.
    pub(super) async fn start(scheduler: Scheduler) -> Result<Self> {
        let mut config = ServerConfig::default();
        config.listen.set_port(0);
        let server = Server::bind(scheduler.clone(), config).await?;
        let accounts = Accounts::new(scheduler.store().clone());
        let token = NewToken { name: TOKEN.parse()?, scopes: "admin".parse()?, lifetime: None };
        let token = accounts.create_token(token, &Actor::command_line()).await?;
        let address = server.address().to_string();
        let shutdown = Shutdown::new();
        let serving = tokio::spawn(server.run(shutdown.clone()));
        Ok(Self { scheduler, address, token, shutdown, serving })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The token.
    pub(super) fn token(&self) -> &str {
        self.token.reveal()
    }

    /// Clients in a process of their own, all of which are there.
    pub(super) async fn clients(&self, options: &Options) -> Result<Clients> {
        Clients::start(&self.address, self.token.reveal(), options).await
    }

    /// Stops it, and takes back the token.
    pub(super) async fn stop(self) -> Result<()> {
        self.shutdown.stop();
        self.serving.await??;
        let accounts = Accounts::new(self.scheduler.store().clone());
        Ok(accounts.revoke_token(&TOKEN.parse()?, &Actor::command_line()).await?)
    }
}

/// A scheduler over the store, which has no actions yet.
pub(super) async fn empty(target: &Target) -> Result<Scheduler> {
    let scheduler = open(target).await?;
    if scheduler.count(Query::new()).await? > 0 {
        bail!("the store has actions; measure on one of its own");
    }
    Ok(scheduler)
}

/// A scheduler over the store.
pub(super) async fn open(target: &Target) -> Result<Scheduler> {
    let context = action_scheduler::Context::new("bench");
    Ok(Scheduler::builder(target.url.open().await?).context(context).build())
}
