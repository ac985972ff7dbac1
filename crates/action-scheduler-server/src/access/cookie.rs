//! The cookie that holds the secret of a session.

use std::net::SocketAddr;

use axum::http::HeaderValue;

use super::accounts::Secret;
use super::client::Client;
use crate::config::ServerConfig;

/// The name of the cookie for a client. Where the way is encrypted, a prefix makes browsers refuse one from anywhere else;
/// where it is not, the port tells servers on one host apart, which cookies do not.
pub(super) fn name(client: &Client, config: &ServerConfig, address: SocketAddr) -> String {
    match (client.is_secure, config.base_path.is_empty()) {
        (true, true) => "__Host-action-scheduler".to_owned(),
        (true, false) => "__Secure-action-scheduler".to_owned(),
        (false, _) => format!("action-scheduler-{}", address.port()),
    }
}

/// What sets the cookie, until the browser closes or the session ends.
pub(super) fn set(
    name: &str,
    secret: &Secret,
    client: &Client,
    config: &ServerConfig,
) -> HeaderValue {
    line(name, secret.reveal(), "", client, config)
}

/// What takes the cookie away.
pub(super) fn clear(name: &str, client: &Client, config: &ServerConfig) -> HeaderValue {
    line(name, "", "; Max-Age=0", client, config)
}

fn line(
    name: &str,
    value: &str,
    more: &str,
    client: &Client,
    config: &ServerConfig,
) -> HeaderValue {
    let path = if config.base_path.is_empty() { "/" } else { &config.base_path };
    let secure = if client.is_secure { "; Secure" } else { "" };
    let line = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax{secure}{more}");
    // A base path is visible ASCII (it is checked when the server binds), and so is all else.
    HeaderValue::try_from(line).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn client(is_secure: bool) -> Client {
        Client { address: Ipv4Addr::LOCALHOST.into(), is_secure, host: None }
    }

    #[test]
    fn the_cookie_is_as_safe_as_the_way_allows() {
        let address: SocketAddr = "127.0.0.1:7420".parse().unwrap();
        let (root, below) = (
            ServerConfig::default(),
            ServerConfig { base_path: "/jobs".into(), ..ServerConfig::default() },
        );
        assert_eq!(name(&client(false), &root, address), "action-scheduler-7420");
        assert_eq!(name(&client(true), &root, address), "__Host-action-scheduler");
        assert_eq!(name(&client(true), &below, address), "__Secure-action-scheduler");
        let cleared = clear("a", &client(true), &below);
        assert_eq!(cleared, "a=; Path=/jobs; HttpOnly; SameSite=Lax; Secure; Max-Age=0");
    }
}
