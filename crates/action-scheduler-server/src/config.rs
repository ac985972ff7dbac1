//! How the server works.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use action_scheduler::RunnerConfig;
use action_scheduler::trace::SpanCounts;

use crate::about::About;
pub use crate::access::accounts::SessionTimes;
pub use crate::access::{Masks, Network, PublicUrl};
use crate::observe::alerts::Alerts;

/// How the server works.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where it listens (127.0.0.1:7420).
    pub listen: SocketAddr,
    /// What to do when another program listens there.
    pub port_taken: PortTaken,
    /// The path that everything is below, such as `/scheduler`; empty is the root. It begins with `/` and does not end with
    /// one.
    pub base_path: String,
    /// What browsers call it by, when that is not the address it listens on.
    pub public_url: Option<PublicUrl>,
    /// The files of the certificate, if it speaks TLS itself.
    pub tls: Option<TlsFiles>,
    /// The proxies whose word about the client counts.
    pub trusted_proxies: Vec<Network>,
    /// How long sessions last.
    pub sessions: SessionTimes,
    /// Fields of args that are never shown.
    pub masks: Masks,
    /// What a request may cost.
    pub limits: Limits,
    /// What is watched for, and who is told.
    pub alerts: Alerts,
    /// How the server was started, for the page of settings (nothing is said).
    pub about: About,
    /// How the runner of this process works, if it has one: pages explain by it why an action waits.
    pub runner: Option<RunnerConfig>,
    /// How many spans this process exports, if it does, for the metrics.
    pub spans: Option<Arc<SpanCounts>>,
}

impl ServerConfig {
    /// What browsers call a server by that listens on this address, base path and all.
    pub fn url(&self, address: SocketAddr) -> String {
        if let Some(url) = &self.public_url {
            return url.to_string();
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        // All addresses of this machine have no name; its own machine reaches it by this one.
        let address = match address.ip() {
            ip if ip.is_unspecified() => SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())),
            _ => address,
        };
        format!("{scheme}://{address}{}", self.base_path)
    }
}

/// What to do when another program listens where this one is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortTaken {
    /// Not to start.
    Fail,
    /// To listen on any other port.
    TakeAnother,
}

/// The files of a certificate, in PEM form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that lead to one that clients know.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7420)),
            port_taken: PortTaken::Fail,
            base_path: String::new(),
            public_url: None,
            tls: None,
            trusted_proxies: Vec::new(),
            sessions: SessionTimes::default(),
            masks: Masks::default(),
            limits: Limits::default(),
            alerts: Alerts::default(),
            about: About::default(),
            runner: None,
            spans: None,
        }
    }
}

/// What a request may cost.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest body, in bytes (8 MiB).
    pub body: usize,
    /// The most actions or entries on a page (1000).
    pub page: u32,
    /// How long a request may take to arrive, and after that to be answered (30 s).
    pub time: Duration,
    /// How long the headers of a request may take to arrive; a connection may be silent as long (20 s).
    pub headers: Duration,
    /// How many connections may be open at once (5000).
    pub connections: usize,
    /// How many may listen to events at once (500).
    pub listeners: usize,
    /// How many requests a second one client may send, this machine aside (1000); `None` is any number.
    pub rate: Option<NonZeroU32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 8 * 1024 * 1024,
            page: 1000,
            time: Duration::from_secs(30),
            headers: Duration::from_secs(20),
            connections: 5000,
            listeners: 500,
            rate: NonZeroU32::new(1000),
        }
    }
}
