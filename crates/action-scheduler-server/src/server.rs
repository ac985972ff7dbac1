//! Listening, and the routes as a whole.

use std::net::SocketAddr;

use action_scheduler::{Scheduler, Shutdown};
use axum::Router;
use tokio::net::TcpListener;

use crate::config::ServerConfig;
use crate::site::Site;
use crate::{access, admin, api, http, observe};

/// A server that listens. Nothing is answered until [`Server::run`].
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    site: Site,
}

/// Why a server cannot work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The connection to those who ask broke down as a whole.
    #[error("serving: {0}")]
    Serve(#[from] std::io::Error),
}

impl Server {
    /// Listens on the address of a config.
    pub async fn bind(scheduler: Scheduler, config: ServerConfig) -> Result<Self, ServerError> {
        let failed = |source| ServerError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, site: Site::new(scheduler, config) })
    }

    /// Where it listens; the port is the one that was given when 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is told to stop.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), ServerError> {
        let routes = routes(self.site).into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(self.listener, routes)
            .with_graceful_shutdown(async move { shutdown.stopping().await })
            .await?;
        Ok(())
    }
}

/// All routes below the base path, with what all of them share.
fn routes(site: Site) -> Router {
    let all = Router::new()
        .merge(admin::routes())
        .merge(access::routes())
        .merge(observe::routes())
        .nest("/api/v1", api::routes(&site))
        .fallback(admin::missing)
        .layer(axum::middleware::from_fn_with_state(site.clone(), admin::show_troubles))
        .layer(axum::middleware::from_fn_with_state(site.clone(), access::identify));
    let all = http::layers(all, &site);
    let base = site.config().base_path.clone();
    let all = all.with_state(site);
    if base.is_empty() { all } else { Router::new().nest(&base, all) }
}
