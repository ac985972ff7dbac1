//! Where a request comes from, as browsers say it: other sites must neither send forms here nor reach a server on loopback
//! under a name of their own.

use std::net::IpAddr;

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};

use super::client::{self, Client};
use crate::config::ServerConfig;
use crate::http::Problem;

/// Refuses a request for a host that is not this one, when the server listens on loopback: a site whose name was made to
/// lead there (DNS rebinding).
pub(super) fn check_host(
    parts: &Parts,
    config: &ServerConfig,
    is_on_loopback: bool,
) -> Result<(), Problem> {
    let Some(host) = client::host_of(&parts.headers, &parts.uri) else {
        return Err(Problem::malformed("expected a header Host").at("Host"));
    };
    if !is_on_loopback || is_loopback(&host) || is_public(config, &host) {
        return Ok(());
    }
    let title = "This is not the server of that host";
    let detail = format!(
        "this server listens on this machine only and does not know the host {host:?}; when a proxy passes requests on, \
         set `public_url` in [server] to what browsers call it by"
    );
    Err(Problem::other(StatusCode::MISDIRECTED_REQUEST, "host", title, detail).at("Host"))
}

/// Refuses a request that changes something and that a browser sends for another site.
pub(super) fn check_origin(
    parts: &Parts,
    client: &Client,
    config: &ServerConfig,
) -> Result<(), Problem> {
    let headers = &parts.headers;
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match (text("sec-fetch-site"), text("origin")) {
        (Some("same-origin" | "none"), _) => Ok(()),
        (None, None) => Ok(()),
        (None, Some(origin)) if is_own(origin, client, config) => Ok(()),
        (_, origin) => {
            let from = origin.filter(|origin| *origin != "null").unwrap_or("another site");
            let own = client.host.as_deref().unwrap_or("this one");
            let detail = format!(
                "it was sent by a page of {from}, and this is {own}; when a proxy passes requests on, set `public_url` in \
                 [server] to what browsers call it by"
            );
            Err(Problem::forbidden(detail).at("Origin"))
        }
    }
}

/// Whether a request may change something.
pub(super) fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// Whether it is a person who follows a link here, as browsers say it: no script, no preview, no loading in advance.
pub(super) fn is_navigation(headers: &HeaderMap) -> bool {
    let is = |name: &str, text: &str| headers.get(name).is_some_and(|value| value == text);
    is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document")
        && !headers.contains_key("sec-purpose")
        && !headers.contains_key("purpose")
}

fn is_own(origin: &str, client: &Client, config: &ServerConfig) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let port = if scheme == "https" { ":443" } else { ":80" };
    let plain = |host: &str| host.strip_suffix(port).unwrap_or(host).to_ascii_lowercase();
    let asked = client.host.as_deref().map(plain);
    asked.is_some_and(|host| host == plain(authority)) || is_public(config, authority)
}

fn is_public(config: &ServerConfig, host: &str) -> bool {
    let public = config.public_url.as_ref().map(|url| url.authority().to_ascii_lowercase());
    public.is_some_and(|public| public == host.to_ascii_lowercase())
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::http::{Request, header::HOST};

    use super::*;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn config() -> ServerConfig {
        let public_url = Some("https://jobs.example.com".parse().unwrap());
        ServerConfig { public_url, ..ServerConfig::default() }
    }

    #[test]
    fn on_loopback_only_its_own_names_are_answered() {
        let check = |host: &str| check_host(&parts(&[(HOST.as_str(), host)]), &config(), true);
        for good in [
            "localhost",
            "localhost:7420",
            "127.0.0.1:7420",
            "127.1.2.3",
            "[::1]:7420",
            "LOCALHOST:1",
            "jobs.localhost:7420",
            "Jobs.Example.com",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "evil.example",
            "localhost.evil.example:7420",
            "10.0.0.1:7420",
            "",
            "[::2]:7420",
            "127.0.0.1.evil.example",
            "jobs.example.com.evil.example",
        ] {
            let problem = check(bad).unwrap_err();
            assert_eq!(problem.status(), StatusCode::MISDIRECTED_REQUEST, "{bad}");
        }
        assert!(check_host(&parts(&[(HOST.as_str(), "any.example")]), &config(), false).is_ok());
        let without = check_host(&parts(&[]), &config(), false).unwrap_err();
        assert_eq!(without.status(), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn only_pages_of_this_server_may_send_changes() {
        let check = |headers: &[(&str, &str)]| {
            let host = Some("here:7420".to_owned());
            let address = Ipv4Addr::LOCALHOST.into();
            let client = Client { address, is_secure: false, host };
            check_origin(&parts(headers), &client, &config()).is_ok()
        };
        assert!(check(&[]));
        assert!(check(&[("sec-fetch-site", "same-origin"), ("origin", "http://here:7420")]));
        assert!(check(&[("sec-fetch-site", "none")]));
        assert!(check(&[("origin", "http://here:7420")]));
        assert!(check(&[("origin", "https://jobs.example.com")]));
        assert!(!check(&[("sec-fetch-site", "cross-site")]));
        assert!(!check(&[("sec-fetch-site", "same-site"), ("origin", "http://here:7420")]));
        assert!(!check(&[("origin", "http://here:7421")]));
        assert!(!check(&[("origin", "http://here")]));
        assert!(!check(&[("origin", "null")]));
        assert!(!check(&[("origin", "here:7420")]));
        assert!(!check(&[("origin", "https://evil.example")]));
    }

    #[test]
    fn loading_in_advance_is_no_navigation() {
        let is = |headers: &[(&str, &str)]| is_navigation(&parts(headers).headers);
        let navigation = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        assert!(is(&navigation));
        assert!(!is(&[navigation[0], navigation[1], ("sec-purpose", "prefetch")]));
        assert!(!is(&[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")]));
        assert!(!is(&[]));
    }
}
