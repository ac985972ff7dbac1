//! Who is at the other end of a connection, proxies aside.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, Uri, header};

use super::networks::Network;
use crate::config::ServerConfig;

/// Who is at the other end. What proxies say is believed when they are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    /// Their address.
    pub(crate) address: IpAddr,
    /// Whether all of the way is encrypted, so that cookies can be kept to such ways.
    pub(crate) is_secure: bool,
    /// The host, with its port, that they asked.
    pub(crate) host: Option<String>,
}

impl Client {
    /// Who sent a request.
    pub(crate) fn of<B>(request: &Request<B>, config: &ServerConfig) -> Self {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        let own = Self {
            address: peer.to_canonical(),
            is_secure: config.tls.is_some(),
            host: host_of(request.headers(), request.uri()),
        };
        match is_trusted(&config.trusted_proxies, peer) {
            true => own.behind_proxies(request.headers(), &config.trusted_proxies),
            false => own,
        }
    }

    fn behind_proxies(self, headers: &HeaderMap, trusted: &[Network]) -> Self {
        let forwarded_for = list(headers, "x-forwarded-for");
        // Each proxy adds whom it heard from at the end, so the client is the last one that is no proxy of ours.
        let addresses = forwarded_for.iter().rev().map_while(|address| address_of(address));
        let mut address = self.address;
        for heard in addresses {
            address = heard;
            if !is_trusted(trusted, heard) {
                break;
            }
        }
        let scheme = list(headers, "x-forwarded-proto").pop();
        let host = list(headers, "x-forwarded-host").pop().map(str::to_owned);
        Self {
            address,
            is_secure: scheme.map_or(self.is_secure, |scheme| scheme.eq_ignore_ascii_case("https")),
            host: host.or(self.host),
        }
    }
}

/// The host that a request is for, with its port.
pub(super) fn host_of(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let header = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    header.or(uri.authority().map(|authority| authority.as_str())).map(str::to_owned)
}

fn is_trusted(trusted: &[Network], address: IpAddr) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// The items of a header that holds a list, or stands there several times.
fn list<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .collect()
}

/// An address that may have a port, as some proxies write it.
fn address_of(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse().ok().or_else(with_port).or_else(in_brackets).map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, trusted: &[&str], headers: &[(&str, &str)]) -> Client {
        let mut request = Request::builder().uri("/").header("host", "here:7420");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        let peer = SocketAddr::new(peer.parse().unwrap(), 50_000);
        request.extensions_mut().insert(ConnectInfo(peer));
        let trusted_proxies = trusted.iter().map(|network| network.parse().unwrap()).collect();
        let config = ServerConfig { trusted_proxies, ..ServerConfig::default() };
        Client::of(&request, &config)
    }

    const FORWARDED: [(&str, &str); 3] = [
        ("x-forwarded-for", "198.51.100.1, 203.0.113.9, 10.0.0.2"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "jobs.example.com"),
    ];

    #[test]
    fn what_strangers_say_about_others_does_not_count() {
        let stranger = client("203.0.113.7", &["10.0.0.0/8"], &FORWARDED);
        assert_eq!(stranger.address.to_string(), "203.0.113.7");
        assert!(!stranger.is_secure);
        assert_eq!(stranger.host.as_deref(), Some("here:7420"));
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_trusted_proxy() {
        let found = client("10.0.0.1", &["10.0.0.0/8"], &FORWARDED);
        assert_eq!(found.address.to_string(), "203.0.113.9");
        assert!(found.is_secure);
        assert_eq!(found.host.as_deref(), Some("jobs.example.com"));
    }

    #[test]
    fn what_a_proxy_says_may_be_nonsense() {
        let found = |headers: &[(&str, &str)]| client("10.0.0.1", &["10.0.0.1"], headers).address;
        assert_eq!(found(&[]).to_string(), "10.0.0.1");
        assert_eq!(found(&[("x-forwarded-for", "unknown")]).to_string(), "10.0.0.1");
        assert_eq!(found(&[("x-forwarded-for", "203.0.113.9:4711")]).to_string(), "203.0.113.9");
        assert_eq!(found(&[("x-forwarded-for", "[2001:db8::1]:80")]).to_string(), "2001:db8::1");
        assert_eq!(found(&[("x-forwarded-for", "[2001:db8::1]")]).to_string(), "2001:db8::1");
        assert_eq!(found(&[("x-forwarded-for", ", ,")]).to_string(), "10.0.0.1");
    }
}
