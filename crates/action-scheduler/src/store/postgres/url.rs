//! Where a PostgreSQL store is.

use std::fmt;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};

use crate::error::{StoreError, StoreErrorKind};
use crate::store::url::redact;

/// The schema of a store that names none.
const SCHEMA: &str = "action_scheduler";

/// How many connections a store opens at most, unless it is told.
const CONNECTIONS: usize = 8;

/// The URL of a PostgreSQL store, read. Shown without its password.
#[derive(Clone)]
pub struct PostgresUrl {
    text: String,
    pub(super) config: Config,
    pub(super) schema: String,
    pub(super) connections: usize,
    pub(super) trust: Trust,
}

/// Which certificates of a server are trusted, where the connection is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// Any, as with libpq: nobody can listen, but the server may be another one.
    Any,
    /// Those that this machine trusts, of the host that the URL names.
    Machine,
    /// Those that are signed by one in this file, of the host that the URL names.
    File(String),
}

impl PostgresUrl {
    /// Reads a URL that begins with `postgres://` or `postgresql://`.
    pub(in crate::store) fn parse(text: &str) -> Result<Self, StoreError> {
        let refuse = |problem: String| {
            StoreError::new(StoreErrorKind::Url, format!("store URL {:?}: {problem}", redact(text)))
        };
        let (place, options) = text.split_once('?').unwrap_or((text, ""));
        let mut url = Self {
            text: text.to_owned(),
            config: Config::new(),
            schema: SCHEMA.to_owned(),
            connections: CONNECTIONS,
            trust: Trust::Any,
        };
        let mut rest = Vec::new();
        let mut mode = None;
        let mut root = None;
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').ok_or_else(|| {
                refuse(format!("option {option:?}: expected NAME=VALUE, such as schema=shop"))
            })?;
            let decoded = percent_decode_str(value)
                .decode_utf8()
                .map_err(|_| refuse(format!("option {name}: not UTF-8")))?;
            match name {
                "schema" => url.schema = schema(&decoded).map_err(refuse)?,
                "max_connections" => {
                    let count = decoded.parse().ok().filter(|count| (2..=1000).contains(count));
                    url.connections = count.ok_or_else(|| {
                        refuse(format!(
                            "option max_connections={decoded}: expected a number from 2 to 1000"
                        ))
                    })?;
                }
                "sslmode" => mode = Some(decoded.into_owned()),
                "sslrootcert" => root = Some(decoded.into_owned()),
                "options" => {
                    return Err(refuse(
                        "option options: PgBouncer refuses it; set it for the user with ALTER ROLE"
                            .to_owned(),
                    ));
                }
                _ if KNOWN.contains(&name) => rest.push(option),
                _ => {
                    return Err(refuse(format!(
                        "unknown option {name:?}; expected schema, max_connections, sslmode, sslrootcert, {}",
                        KNOWN.join(", ")
                    )));
                }
            }
        }
        let driver_url = match rest.is_empty() {
            true => place.to_owned(),
            false => format!("{place}?{}", rest.join("&")),
        };
        url.config = driver_url.parse().map_err(|error| refuse(super::error::in_full(&error)))?;
        if url.config.get_hosts().is_empty() && url.config.get_hostaddrs().is_empty() {
            return Err(refuse("names no host; expected postgres://USER@HOST/DATABASE".to_owned()));
        }
        url.set_ssl(mode.as_deref(), root).map_err(refuse)?;
        url.set_defaults(&rest);
        Ok(url)
    }

    fn set_ssl(&mut self, mode: Option<&str>, root: Option<String>) -> Result<(), String> {
        let mode = match mode {
            None | Some("prefer") => SslMode::Prefer,
            Some("disable") => SslMode::Disable,
            Some("require") => SslMode::Require,
            Some("verify-full") => {
                self.trust = root.clone().map_or(Trust::Machine, Trust::File);
                SslMode::Require
            }
            Some(other) => {
                return Err(format!(
                    "option sslmode={other}: expected disable, prefer, require or verify-full"
                ));
            }
        };
        if root.is_some() && self.trust == Trust::Any {
            return Err("option sslrootcert: says nothing without sslmode=verify-full".to_owned());
        }
        self.config.ssl_mode(mode);
        Ok(())
    }

    /// What the URL does not set: what it takes to notice a server that is gone, and to find one that takes writes.
    fn set_defaults(&mut self, given: &[&str]) {
        let is_given = |name: &str| given.iter().any(|option| option.starts_with(name));
        if !is_given("target_session_attrs=") {
            self.config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if !is_given("connect_timeout=") {
            self.config.connect_timeout(Duration::from_secs(5));
        }
        if !is_given("tcp_user_timeout=") {
            self.config.tcp_user_timeout(Duration::from_secs(15));
        }
        if !is_given("keepalives_idle=") {
            self.config.keepalives_idle(Duration::from_secs(10));
            self.config.keepalives_interval(Duration::from_secs(5));
            self.config.keepalives_retries(3);
        }
        if !is_given("application_name=") {
            self.config.application_name("action-scheduler");
        }
    }

    /// The same place with another schema.
    pub(super) fn with_schema(&self, schema: &str) -> Self {
        Self { schema: schema.to_owned(), ..self.clone() }
    }

    /// The schema as it stands in SQL.
    pub(super) fn quoted_schema(&self) -> String {
        format!("\"{}\"", self.schema.replace('"', "\"\""))
    }
}

/// The options that are the driver's.
const KNOWN: [&str; 17] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "password",
    "port",
    "sslnegotiation",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

fn schema(name: &str) -> Result<String, String> {
    // PostgreSQL cuts names to 63 bytes, and then two of them could be one.
    let is_name = (1..=63).contains(&name.len())
        && !name.starts_with("pg_")
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match is_name {
        true => Ok(name.to_owned()),
        false => Err(format!(
            "option schema={name}: expected up to 63 ASCII letters, digits and underscores, not beginning with pg_"
        )),
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact(&self.text))
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

impl PartialEq for PostgresUrl {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for PostgresUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        PostgresUrl::parse(url).unwrap_err().message
    }

    #[test]
    fn a_url_names_hosts_database_and_schema() {
        let url = "postgres://ada@one:5433,two:5434/shop?schema=jobs&connect_timeout=3";
        let url = PostgresUrl::parse(url).unwrap();
        assert_eq!(url.schema, "jobs");
        assert_eq!(url.config.get_hosts().len(), 2);
        assert_eq!(url.config.get_ports(), [5433, 5434]);
        assert_eq!(url.config.get_dbname(), Some("shop"));
        assert_eq!(url.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(url.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(PostgresUrl::parse("postgresql://h/d").unwrap().schema, "action_scheduler");
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "postgres://ada:s3cret@host/db",
            "postgres://ada:s3cret@host/db?schema=x",
            "postgres://ada@host/db?password=s3cret",
            "postgres://ada@host/db?schema=x&password=s3cret&port=5433",
            "postgres://ada:s3@cret@host/db",
        ] {
            let parsed = PostgresUrl::parse(url).unwrap();
            let shown = format!("{parsed} {parsed:?}");
            assert!(!shown.contains("cret"), "{shown}");
            assert!(
                !refused(&format!("{}{}unknown=1", url, if url.contains('?') { '&' } else { '?' }))
                    .contains("cret")
            );
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said() {
        assert!(refused("postgres://h/d?shcema=x").contains("unknown option \"shcema\""));
        assert!(refused("postgres://h/d?schema=a-b").contains("schema=a-b"));
        assert!(refused("postgres://h/d?sslmode=verify-ca").contains("verify-full"));
        assert!(refused("postgres://h/d?sslrootcert=f").contains("sslmode=verify-full"));
        assert!(refused("postgres:///d").contains("names no host"));
        assert!(refused("postgres://h:port/d").contains("port"));
        assert!(refused("postgres://h/d?max_connections=0").contains("from 2 to 1000"));
    }
}
