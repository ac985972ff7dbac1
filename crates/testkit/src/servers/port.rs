//! Ports on the loopback address.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// A port that is free, that this process did not give before, and that stays free while its server is down: it is not
/// one of those that the system gives to outgoing connections (from 32768).
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 20_000;
    // Elsewhere in each process: two that look at the same time would find the same.
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(rand::random()));
    let mut candidates = (0..COUNT).map(|_| FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT);
    candidates
        .find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        .expect("one of 20,000 ports is free")
}

/// The URL of something on the server that listens on port `server`, with another port that leads there.
pub(super) fn by_way_of(port: u16, server: u16, url: &str) -> String {
    let server = format!("@127.0.0.1:{server}/");
    assert!(url.contains(&server), "{url} has no part {server}");
    url.replace(&server, &format!("@127.0.0.1:{port}/"))
}
