//! From `DB_HOST` and its kin to the URL of a store.

use std::fmt::Write;
use std::path::Path;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::config::WpConfig;

/// Where `localhost` is: MySQL's clients take the socket for it. These are the places of the distributions.
const SOCKETS: [&str; 4] = [
    "/run/mysqld/mysqld.sock",
    "/var/run/mysqld/mysqld.sock",
    "/var/lib/mysql/mysql.sock",
    "/tmp/mysql.sock",
];

/// Bit of `MYSQL_CLIENT_FLAGS` that asks for TLS.
const CLIENT_SSL: i64 = 2048;

/// What would end a part of a URL, or be taken for something else in it.
const SPECIAL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'/')
    .add(b':')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What `DB_HOST` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseHost {
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The socket, if one is named.
    pub socket: Option<String>,
}

/// Why a config leads to no database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// A constant is missing.
    #[error("it does not define {0}")]
    Missing(&'static str),
    /// `DB_HOST` is not understood.
    #[error(
        "DB_HOST {0:?}: expected HOST, HOST:PORT, HOST:/SOCKET, or an IPv6 address in brackets"
    )]
    Host(String),
    /// The prefix has characters that WordPress does not allow.
    #[error("$table_prefix {0:?}: expected letters, digits and underscores")]
    Prefix(String),
}

impl DatabaseHost {
    /// Reads `DB_HOST` as WordPress does.
    pub fn parse(text: &str) -> Result<Self, DatabaseError> {
        let refuse = || DatabaseError::Host(text.to_owned());
        let (place, socket) = match text.find(":/") {
            Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
            None => (text, None),
        };
        let colons = place.matches(':').count();
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or_else(refuse)?;
                (host, rest.strip_prefix(':'))
            }
            None if colons > 1 => (place, None),
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let is_host = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
        if !host.chars().all(is_host) || (host.is_empty() && socket.is_none() && port.is_none()) {
            return Err(refuse());
        }
        let port = match port {
            None | Some("") => 3306,
            Some(port) => port.parse().map_err(|_| refuse())?,
        };
        let host = if host.is_empty() { "localhost" } else { host };
        Ok(Self { host: host.to_owned(), port, socket: socket.map(str::to_owned) })
    }

    /// The socket to use: the one named, or for `localhost` the first that is there.
    fn socket_to_use(&self, is_there: impl Fn(&str) -> bool) -> Option<String> {
        let known =
            || SOCKETS.iter().find(|socket| is_there(socket)).map(|path| (*path).to_owned());
        match &self.socket {
            Some(socket) => Some(socket.clone()),
            None if self.host == "localhost" && self.port == 3306 => known(),
            None => None,
        }
    }
}

/// The URL of the store in the database of a config, for the tables of this prefix.
pub fn store_url(config: &WpConfig, prefix: &str) -> Result<String, DatabaseError> {
    store_url_where(config, prefix, |socket| Path::new(socket).exists())
}

/// The prefix of the tables of the first, or only, site.
pub fn prefix(config: &WpConfig) -> Result<&str, DatabaseError> {
    let prefix = config.table_prefix.as_deref().ok_or(DatabaseError::Missing("$table_prefix"))?;
    let is_prefix = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match prefix.bytes().all(is_prefix) {
        true => Ok(prefix),
        false => Err(DatabaseError::Prefix(prefix.to_owned())),
    }
}

fn store_url_where(
    config: &WpConfig,
    prefix: &str,
    is_there: impl Fn(&str) -> bool,
) -> Result<String, DatabaseError> {
    let part = |text: &str| utf8_percent_encode(text, SPECIAL).to_string();
    let constant = |name: &'static str| config.text(name).ok_or(DatabaseError::Missing(name));
    let place = DatabaseHost::parse(&constant("DB_HOST")?)?;
    let mut url = format!("mysql://{}", part(&constant("DB_USER")?));
    let password = constant("DB_PASSWORD")?;
    if !password.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(url, ":{}", part(&password));
    }
    let host = match place.host.contains(':') {
        true => format!("[{}]", place.host),
        false => place.host.clone(),
    };
    let database = part(&constant("DB_NAME")?);
    let _ = write!(url, "@{host}:{}/{database}?prefix={prefix}", place.port);
    if let Some(socket) = place.socket_to_use(is_there) {
        let _ = write!(url, "&socket={}", part(&socket));
    }
    if config.number("MYSQL_CLIENT_FLAGS").is_some_and(|flags| flags & CLIENT_SSL != 0) {
        url.push_str("&tls=required");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> (String, u16, Option<String>) {
        let DatabaseHost { host, port, socket } = DatabaseHost::parse(text).unwrap();
        (host, port, socket)
    }

    #[test]
    fn every_form_of_a_host_is_read() {
        assert_eq!(host("localhost"), ("localhost".into(), 3306, None));
        assert_eq!(host("db.example:3307"), ("db.example".into(), 3307, None));
        assert_eq!(
            host("localhost:/run/my.sock"),
            ("localhost".into(), 3306, Some("/run/my.sock".into()))
        );
        assert_eq!(host(":/run/my.sock"), ("localhost".into(), 3306, Some("/run/my.sock".into())));
        assert_eq!(host("::1"), ("::1".into(), 3306, None));
        assert_eq!(host("[::1]:3307"), ("::1".into(), 3307, None));
        assert_eq!(host("[fe80::1]"), ("fe80::1".into(), 3306, None));
        for odd in ["", "db host", "db:port", "db:99999", "[::1"] {
            assert!(DatabaseHost::parse(odd).is_err(), "{odd:?}");
        }
    }

    fn config(source: &str) -> WpConfig {
        WpConfig::parse(source.as_bytes()).unwrap()
    }

    #[test]
    fn a_config_becomes_a_store_url_whatever_its_password() {
        let config = config(
            "<?php define('DB_NAME', 'wp shop'); define('DB_USER', 'u@ser'); \
             define('DB_PASSWORD', 'p:a/s?s#w%d&'); define('DB_HOST', 'localhost'); $table_prefix = 'wp_';",
        );
        let url = store_url_where(&config, "wp_", |path| path.starts_with("/run")).unwrap();
        assert_eq!(
            url,
            "mysql://u%40ser:p%3Aa%2Fs%3Fs%23w%25d%26@localhost:3306/wp%20shop?prefix=wp_\
             &socket=%2Frun%2Fmysqld%2Fmysqld.sock"
        );
        url.parse::<action_scheduler::store::StoreUrl>().unwrap();
        let url = store_url_where(&config, "wp_2_", |_| false).unwrap();
        assert!(url.ends_with("@localhost:3306/wp%20shop?prefix=wp_2_"), "{url}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let config = config("<?php define('DB_NAME', 'x'); define('DB_HOST', 'h');");
        assert_eq!(store_url(&config, "wp_"), Err(DatabaseError::Missing("DB_USER")));
        assert_eq!(prefix(&config), Err(DatabaseError::Missing("$table_prefix")));
    }
}
