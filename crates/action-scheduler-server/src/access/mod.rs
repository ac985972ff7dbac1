//! Who calls, and what they may do.

pub mod accounts;
mod attempts;
mod caller;
mod client;
mod cookie;
mod csrf;
mod directory;
mod identify;
mod mask;
mod networks;
mod origin;
mod public_url;
mod sign_in;

use std::net::SocketAddr;
use std::sync::Arc;

use action_scheduler::Store;
use axum::Router;
use axum::routing::{get, post};
use governor::clock::DefaultClock;

use self::accounts::Accounts;
use self::attempts::Attempts;
pub(crate) use self::caller::{Admin, Caller, Operator, Viewer, Worker};
pub use self::caller::{Identity, Role};
pub(crate) use self::client::Client;
use self::directory::Directory;
pub(crate) use self::identify::identify;
pub use self::mask::Masks;
pub use self::networks::Network;
pub use self::public_url::{PublicUrl, check_base_path};
pub(crate) use self::sign_in::{begin_session, check_attempt, with_cookie};
use crate::site::Site;

/// Signing in and out.
pub(crate) fn routes() -> Router<Site> {
    Router::new()
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-in/{secret}", get(sign_in::follow_link).post(sign_in::use_link))
        .route("/sign-out", post(sign_in::sign_out))
}

/// What a server keeps about access while it runs.
pub(crate) struct Access {
    directory: Directory,
    attempts: Attempts,
    address: SocketAddr,
}

impl Access {
    /// For a server that listens on this address.
    pub(crate) fn new(store: Arc<dyn Store>, address: SocketAddr) -> Self {
        Self {
            directory: Directory::new(Accounts::new(store)),
            attempts: Attempts::new(DefaultClock::default()),
            address,
        }
    }

    /// What is known of users, sessions and tokens.
    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Users, sessions and tokens as they are kept.
    pub(crate) fn accounts(&self) -> &Accounts {
        self.directory.accounts()
    }

    fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether only this machine can reach the server.
    pub(crate) fn is_on_loopback(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
    }
}
