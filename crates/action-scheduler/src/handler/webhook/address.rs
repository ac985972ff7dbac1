//! Which addresses a webhook may call: those of the public internet, unless its config says otherwise.
//!
//! Whoever can set a webhook's URL, or the DNS of its host, could otherwise have the scheduler call what only this
//! machine reaches: a cloud's metadata service, a database's admin page.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Whether a webhook may call private addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PrivateAddresses {
    /// Loopback, private, link-local and other addresses that are not of the public internet are not called.
    #[default]
    Refuse,
    /// All addresses are called.
    Allow,
}

/// A host that has no address that may be called.
#[derive(Debug, thiserror::Error)]
#[error(
    "{host} is no public address{}; to call it nevertheless, allow private addresses for this webhook (`allow_private = true`)",
    in_words(.resolved)
)]
pub(super) struct Refused {
    host: String,
    /// What the name stands for; none if the host is an address itself.
    resolved: Vec<IpAddr>,
}

/// Refuses a URL whose host is an address, and one that may not be called. Names are looked at by [`PublicOnly`].
pub(super) fn check(url: &Url) -> Result<(), Refused> {
    // The brackets of an IPv6 address are part of the host.
    let host = url.host_str().unwrap_or_default();
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) if !is_public(address) => {
            Err(Refused { host: host.to_owned(), resolved: Vec::new() })
        }
        _ => Ok(()),
    }
}

/// Looks names up as the system does, and gives the public addresses only. What is connected to is what was checked:
/// there is no second look-up that could have another answer.
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str();
            let all: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            let (public, other): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|address| is_public(address.ip()));
            if public.is_empty() && !other.is_empty() {
                let resolved = other.iter().map(SocketAddr::ip).collect();
                return Err(Refused { host: host.to_owned(), resolved }.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

fn in_words(resolved: &[IpAddr]) -> String {
    let texts: Vec<String> = resolved.iter().map(IpAddr::to_string).collect();
    if texts.is_empty() { String::new() } else { format!(" ({})", texts.join(", ")) }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// All but what IANA's registry of special-purpose addresses does not call globally reachable.
fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127, ..]                // this network, private, loopback
            | [100, 64..=127, ..]         // carrier-grade NAT
            | [169, 254, ..]              // link-local, metadata services
            | [172, 16..=31, ..]          // private
            | [192, 0, 0 | 2, _]          // protocol assignments, documentation
            | [192, 88, 99, _]            // 6to4 relays
            | [192, 168, ..]              // private
            | [198, 18 | 19, ..]          // benchmarks
            | [198, 51, 100, _]           // documentation
            | [203, 0, 113, _]            // documentation
            | [224..=255, ..] // multicast, reserved, broadcast
    )
}

/// Global unicast but for what stands for something else; and NAT64 of a public IPv4 address.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // Mapped and translated IPv4 addresses are as public as those.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let bits = (u32::from(high) << 16) | u32::from(low);
            is_public_v4(Ipv4Addr::from_bits(bits))
        }
        [0x2001, 0..=0x1ff, ..] => false, // protocol assignments, Teredo
        [0x2001, 0xdb8, ..] => false,     // documentation
        [0x2002, ..] => false,            // 6to4
        [0x3fff, 0..=0xfff, ..] => false, // documentation
        // 2000::/3. Outside of it: unspecified, loopback, IPv4-compatible, unique-local, link-local, multicast.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_of_the_public_internet_are_told_apart() {
        let private = "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 \
            127.9.9.9 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.0.1 \
            198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 \
            255.255.255.255 :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 \
            ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::7f00:1 64:ff9b:1::8.8.8.8 \
            100::1 2001::1 2001:10::1 2001:db8::1 2002:7f00:1:: 2002:808:808:: 3fff::1 5f00::1 \
            fc00::1 fd12:3456::1 fe80::1 fec0::1 ff02::1";
        for text in private.split_whitespace() {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        let public = "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 \
            128.0.0.1 169.253.0.1 172.15.255.255 172.32.0.1 192.0.1.1 192.167.1.1 192.169.0.1 198.17.0.1 198.20.0.1 \
            223.255.255.255 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2001:4860:4860::8888 2606:4700::1111 2a00::1 3ffe::1";
        for text in public.split_whitespace() {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn every_spelling_of_an_address_is_seen_through() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://0177.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:7f00:1]/",
            "http://１２７.0.0.1/",
            "http://169.254.169.254/latest/meta-data",
        ] {
            assert!(check(&Url::parse(url).unwrap()).is_err(), "{url}");
        }
        assert!(check(&Url::parse("http://8.8.8.8/").unwrap()).is_ok());
        assert!(check(&Url::parse("http://example.com/").unwrap()).is_ok());
    }

    #[tokio::test]
    async fn a_name_of_a_private_address_is_not_resolved() {
        let error = PublicOnly.resolve("localhost".parse().unwrap()).await.err().unwrap();
        let refused = error.downcast::<Refused>().unwrap().to_string();
        assert!(refused.starts_with("localhost is no public address ("), "{refused}");
        assert!(
            refused.contains("; to call it nevertheless, allow private addresses"),
            "{refused}"
        );
    }
}
