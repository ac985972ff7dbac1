//! Listening, and the routes as a whole.

use std::io::ErrorKind;
use std::net::SocketAddr;

use action_scheduler::{Invalid, Scheduler, Shutdown};
use axum::Router;
use axum::extract::Request;
use axum::http::Uri;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use tower::ServiceBuilder;

use crate::access::accounts::{AccountError, Accounts, Actor, Secret};
use crate::access::check_base_path;
use crate::config::{PortTaken, ServerConfig};
use crate::site::Site;
use crate::tls::{self, Tls, TlsError};
use crate::{access, admin, api, connections, http, observe};

/// A server that listens. Nothing is answered until [`Server::run`].
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    wanted: SocketAddr,
    tls: Option<Tls>,
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
    /// Others could reach it, and nobody could sign in.
    #[error(
        "{address} can be reached from other machines, and there is neither a user nor a token yet: add one with \
         `action-scheduler user add NAME --role admin`, or listen on 127.0.0.1"
    )]
    NobodyMaySignIn {
        /// The address.
        address: SocketAddr,
    },
    /// A setting cannot be.
    #[error(transparent)]
    Setting(#[from] Invalid),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Users, sessions or tokens cannot be read or written.
    #[error(transparent)]
    Accounts(#[from] AccountError),
    /// The connection to those who ask broke down as a whole.
    #[error("serving: {0}")]
    Serve(#[from] std::io::Error),
}

impl Server {
    /// Listens on the address of a config.
    ///
    /// Where others can reach it, someone must be able to sign in.
    pub async fn bind(scheduler: Scheduler, config: ServerConfig) -> Result<Self, ServerError> {
        check(&config)?;
        let accounts = Accounts::new(scheduler.store().clone());
        let is_on_loopback = config.listen.ip().to_canonical().is_loopback();
        if !is_on_loopback && !accounts.has_any().await? {
            return Err(ServerError::NobodyMaySignIn { address: config.listen });
        }
        let tls = match config.tls.clone() {
            Some(files) => Some(Tls::read(files).await?),
            None => None,
        };
        let failed = |source| ServerError::Listen { address: config.listen, source };
        let listener = listen(config.listen, config.port_taken).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let wanted = config.listen;
        Ok(Self { listener, address, wanted, tls, site: Site::new(scheduler, config, address) })
    }

    /// Where it listens; the port is the one that was given when 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it was to listen, if another program does.
    pub fn wanted_address(&self) -> Option<SocketAddr> {
        let is_another = self.wanted.port() != 0 && self.wanted.port() != self.address.port();
        is_another.then_some(self.wanted)
    }

    /// Whether only this machine can reach it.
    pub fn is_on_loopback(&self) -> bool {
        self.site.access().is_on_loopback()
    }

    /// What may not be as it was meant, in words.
    pub fn doubts(&self) -> Vec<String> {
        let config = self.site.config();
        let is_bare = config.tls.is_none() && config.trusted_proxies.is_empty();
        let mut doubts = Vec::new();
        if !self.is_on_loopback() && is_bare {
            doubts.push(format!(
                "{} can be reached from other machines, and neither TLS nor a proxy that is trusted to do it is set: \
                 passwords and tokens go over the network as they are",
                self.address
            ));
        }
        doubts
    }

    /// What a browser calls it by.
    pub fn url(&self) -> String {
        self.site.config().url(self.address)
    }

    /// Makes a link that signs in, as admin, whoever first follows it within a quarter of an hour.
    pub async fn sign_in_link(&self, by: &Actor) -> Result<String, ServerError> {
        let secret = self.site.access().accounts().create_sign_in_link(by).await?;
        Ok(sign_in_link(&self.url(), &secret))
    }

    /// Answers until it is told to stop.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), ServerError> {
        let limits = self.site.config().limits.clone();
        let keeping = tokio::spawn(self.site.clone().keep(shutdown.clone()));
        let sampling = tokio::spawn(admin::keep_depth(self.site.clone(), shutdown.clone()));
        let routes = routes(self.site);
        let config = self.tls.as_ref().map(Tls::config);
        let reading = self.tls.map(|tls| tokio::spawn(tls.keep()));
        let served = connections::serve(self.listener, config, routes, &limits, shutdown).await;
        // They end with the server.
        keeping.abort();
        sampling.abort();
        if let Some(reading) = reading {
            reading.abort();
        }
        served?;
        Ok(())
    }
}

/// Refuses a config that no server can work with.
pub fn check(config: &ServerConfig) -> Result<(), ServerError> {
    check_base_path(&config.base_path)?;
    if let Some(files) = &config.tls {
        tls::load(files)?;
    }
    Ok(())
}

/// The link to a server at this URL that has this secret.
pub fn sign_in_link(url: &str, secret: &Secret) -> String {
    format!("{url}/sign-in/{}", secret.reveal())
}

async fn listen(address: SocketAddr, if_taken: PortTaken) -> std::io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error)
            if error.kind() == ErrorKind::AddrInUse && if_taken == PortTaken::TakeAnother =>
        {
            TcpListener::bind(SocketAddr::new(address.ip(), 0)).await
        }
        listening => listening,
    }
}

/// All routes below the base path, with what all of them share.
fn routes(site: Site) -> Router {
    let show_troubles = || from_fn_with_state(site.clone(), admin::show_troubles);
    let all = Router::new()
        .merge(admin::routes())
        .merge(access::routes())
        .merge(observe::routes())
        .nest("/api/v1", api::routes(&site))
        .fallback(admin::missing);
    let base = &site.config().base_path;
    let all = match base.is_empty() {
        true => all,
        false => {
            // Nesting gives `/base` and what is below it, but not `/base/`.
            let root = ServiceBuilder::new()
                .map_request(to_root)
                .service(all.clone().with_state(site.clone()));
            let root_path = format!("{base}/");
            Router::new().nest(base, all).route_service(&root_path, root).fallback(admin::missing)
        }
    };
    // Troubles of known callers within, those of requests that are refused before around it.
    let all = all
        .layer(show_troubles())
        .layer(from_fn_with_state(site.clone(), access::identify))
        .layer(show_troubles());
    let all =
        http::layers(all, &site).layer(from_fn_with_state(site.clone(), http::security_headers));
    all.with_state(site)
}

/// The request for the root, with the same query.
fn to_root(mut request: Request) -> Request {
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    if let Ok(uri) = Uri::try_from(format!("/{query}")) {
        *request.uri_mut() = uri;
    }
    request
}
