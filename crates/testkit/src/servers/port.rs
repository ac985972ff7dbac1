//! Ports on the loopback address.

use std::net::{Ipv4Addr, TcpListener};

/// A loopback port that is free, and stays free while its server is down: it is not one of those that the system gives
/// to outgoing connections (from 32768).
pub(super) fn free_port() -> u16 {
    const TRIES: usize = 1000;
    std::iter::repeat_with(|| rand::random_range(12_000..32_000))
        .take(TRIES)
        .find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        .expect("one of a thousand ports is free")
}

/// The URL of something on the server that listens on port `server`, with another port that leads there.
pub(super) fn by_way_of(port: u16, server: u16, url: &str) -> String {
    let server = format!("@127.0.0.1:{server}/");
    assert!(url.contains(&server), "{url} has no part {server}");
    url.replace(&server, &format!("@127.0.0.1:{port}/"))
}
