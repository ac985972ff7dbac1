//! How the server works.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How the server works.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where it listens (127.0.0.1:7420).
    pub listen: SocketAddr,
    /// The path that everything is below, such as `/scheduler`; empty is the root. It begins with `/` and does not end with
    /// one.
    pub base_path: String,
    /// What a request may cost.
    pub limits: Limits,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7420)),
            base_path: String::new(),
            limits: Limits::default(),
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
    /// How long a request may take, long polls aside (30 s).
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 8 * 1024 * 1024, page: 1000, time: Duration::from_secs(30) }
    }
}
