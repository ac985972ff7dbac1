//! The options of the server, and what they come to with the config file.

use std::num::NonZeroU32;
use std::path::PathBuf;

use action_scheduler::policy::HookPattern;
use action_scheduler_server::ServerConfig;
use action_scheduler_server::access::check_base_path;
use action_scheduler_server::config::{
    Limits, Network, PortTaken, PublicUrl, SessionTimes, TlsFiles,
};
use anyhow::{Result, bail};
use clap::Args;

use crate::app::{App, Origin};
use crate::config::{Config, ServerSection};
use crate::failure::BadInput;
use crate::input::{self, Limit, Listen};
use crate::output::time::short;

/// Options of the server that `serve` runs.
#[derive(Debug, Clone, Default, Args)]
pub struct ServerOptions {
    /// Where the web admin and the HTTP API listen: an address with a port, or off
    /// [default: 127.0.0.1:7420, or another port if that is taken]
    #[arg(long, value_name = "ADDRESS", env = "ACTION_SCHEDULER_SERVER_LISTEN", hide_env = true,
          value_parser = input::listen)]
    pub listen: Option<Listen>,

    /// The path that all of it is below, such as /scheduler [default: that of --public-url]
    #[arg(long, value_name = "PATH", env = "ACTION_SCHEDULER_SERVER_BASE_PATH", hide_env = true,
          value_parser = base_path)]
    pub base_path: Option<String>,

    /// What browsers call it by, where that is not the address it listens on
    #[arg(long, value_name = "URL", env = "ACTION_SCHEDULER_SERVER_PUBLIC_URL", hide_env = true)]
    pub public_url: Option<PublicUrl>,

    /// The certificate for TLS, a PEM file; read again when it changes
    #[arg(
        long,
        value_name = "FILE",
        env = "ACTION_SCHEDULER_SERVER_TLS_CERTIFICATE",
        hide_env = true
    )]
    pub tls_certificate: Option<PathBuf>,

    /// The private key of the certificate, a PEM file
    #[arg(long, value_name = "FILE", env = "ACTION_SCHEDULER_SERVER_TLS_KEY", hide_env = true)]
    pub tls_key: Option<PathBuf>,

    /// Proxies whose word about the client counts: addresses or ranges, separated by commas
    #[arg(
        long,
        value_name = "NETWORKS",
        env = "ACTION_SCHEDULER_SERVER_TRUSTED_PROXIES",
        hide_env = true,
        value_delimiter = ','
    )]
    pub trusted_proxies: Option<Vec<Network>>,
}

fn base_path(text: &str) -> Result<String> {
    check_base_path(text)?;
    Ok(text.to_owned())
}

impl ServerOptions {
    /// What the options, the config file and the defaults come to; `None` when no server is wanted.
    pub fn resolve(&self, config: &Config) -> Result<Option<ServerConfig>> {
        let asked = self.listen.or(config.server.listen);
        match asked.unwrap_or_default() {
            Listen::Off => Ok(None),
            Listen::At(listen) => {
                // A port that nobody asked for may as well be another.
                let port_taken =
                    if asked.is_none() { PortTaken::TakeAnother } else { PortTaken::Fail };
                let file = config;
                let config = self.resolve_others(file)?;
                let alerts = file.bind_alerts()?;
                Ok(Some(ServerConfig { listen, port_taken, alerts, ..config }))
            }
        }
    }

    fn resolve_others(&self, config: &Config) -> Result<ServerConfig> {
        let file = &config.server;
        let defaults = ServerConfig::default();
        let public_url = self.public_url.clone().or(file.public_url.clone());
        let base_path = self.base_path.clone().or(file.base_path.clone());
        if let (Some(url), Some(path)) = (&public_url, &base_path)
            && url.base_path() != path
        {
            bail!(BadInput(format!(
                "the path of the public URL {:?} is not the base path {path:?}; leave the base path away to take it from \
                 there",
                url.to_string()
            )));
        }
        let path_of_url = || public_url.as_ref().map(|url| url.base_path().to_owned());
        let certificate = self.tls_certificate.clone().or(file.tls_certificate.clone());
        let tls = match (certificate, self.tls_key.clone().or(file.tls_key.clone())) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            _ => bail!(BadInput(
                "TLS takes both a certificate and its key: --tls-certificate and --tls-key"
                    .to_owned()
            )),
        };
        let sessions = SessionTimes {
            idle: file.session_idle.unwrap_or(defaults.sessions.idle),
            lifetime: file.session_lifetime.unwrap_or(defaults.sessions.lifetime),
        };
        Ok(ServerConfig {
            base_path: base_path.or_else(path_of_url).unwrap_or_default(),
            public_url,
            tls,
            trusted_proxies: self
                .trusted_proxies
                .clone()
                .or(file.trusted_proxies.clone())
                .unwrap_or_default(),
            sessions,
            masks: file.masks.clone(),
            limits: limits(file, defaults.limits),
            ..ServerConfig::default()
        })
    }
}

/// What requests may cost by the config file.
fn limits(file: &ServerSection, defaults: Limits) -> Limits {
    let number = |number: Option<u32>| number.and_then(|number| usize::try_from(number).ok());
    let max_body = file.max_body.and_then(|bytes| usize::try_from(bytes).ok());
    Limits {
        body: max_body.unwrap_or(defaults.body),
        page: file.max_page.unwrap_or(defaults.page),
        time: file.request_timeout.unwrap_or(defaults.time),
        headers: file.header_timeout.unwrap_or(defaults.headers),
        connections: number(file.max_connections).unwrap_or(defaults.connections),
        listeners: number(file.max_listeners).unwrap_or(defaults.listeners),
        rate: match file.max_rate {
            Some(Limit(rate)) => rate.and_then(NonZeroU32::new),
            None => defaults.rate,
        },
    }
}

/// The server's settings as keys of the config file, each with where it came from.
pub fn rows(
    app: &App,
    config: &Config,
    server: Option<&ServerConfig>,
) -> Vec<(&'static str, String, Origin)> {
    let from = |key: &str| app.origin(config, key, &format!("server.{key}"));
    let Some(server) = server else {
        return vec![("listen", "off".to_owned(), from("listen"))];
    };
    let none = || "none".to_owned();
    let proxies: Vec<String> = server.trusted_proxies.iter().map(ToString::to_string).collect();
    let file = |file: Option<&PathBuf>| file.map_or_else(none, |file| file.display().to_string());
    let tls = server.tls.as_ref();
    let mut values = vec![
        ("listen", server.listen.to_string()),
        ("base_path", if server.base_path.is_empty() { none() } else { server.base_path.clone() }),
        ("public_url", server.public_url.as_ref().map_or_else(none, ToString::to_string)),
        ("tls_certificate", file(tls.map(|tls| &tls.certificate))),
        ("tls_key", file(tls.map(|tls| &tls.key))),
        ("trusted_proxies", if proxies.is_empty() { none() } else { proxies.join(", ") }),
        ("session_idle", short(server.sessions.idle)),
        ("session_lifetime", short(server.sessions.lifetime)),
        ("max_body", format!("{} bytes", server.limits.body)),
        ("max_page", server.limits.page.to_string()),
        ("request_timeout", short(server.limits.time)),
        ("header_timeout", short(server.limits.headers)),
        ("max_connections", server.limits.connections.to_string()),
        ("max_listeners", server.limits.listeners.to_string()),
        (
            "max_rate",
            match server.limits.rate {
                Some(rate) => format!("{rate} a second"),
                None => "unlimited".to_owned(),
            },
        ),
    ];
    let masked: Vec<&str> = config.server.masked_hooks.iter().map(HookPattern::as_str).collect();
    if !masked.is_empty() {
        values.push(("mask", format!("fields of {}", masked.join(", "))));
    }
    values.into_iter().map(|(key, value)| (key, value, from(key))).collect()
}
