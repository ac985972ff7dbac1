//! `mysql://user:password@host:port/database?prefix=wp_`.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

use crate::error::{StoreError, StoreErrorKind};

/// Where a store in the plugin's tables is: a server, a database, and the prefix of its tables.
#[derive(Clone, PartialEq, Eq)]
pub struct MySqlUrl {
    host: String,
    port: u16,
    user: Option<String>,
    password: Option<String>,
    database: String,
    prefix: String,
    socket: Option<String>,
    tls: Tls,
}

/// Whether the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    Off,
    Required,
}

const EXPECTED: &str =
    "expected mysql://USER:PASSWORD@HOST:PORT/DATABASE, and perhaps ?prefix=wp_ or ?socket=FILE";

impl MySqlUrl {
    /// The prefix of the tables.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether both can be reached over one connection: the same server, and the same user.
    pub fn is_beside(&self, other: &Self) -> bool {
        let Self { host, port, user, password, socket, tls, database: _, prefix: _ } = other;
        (&self.host, &self.port, &self.user) == (host, port, user)
            && (&self.password, &self.socket, &self.tls) == (password, socket, tls)
    }

    /// The database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// How to connect to the database, for those who have business with tables beside these.
    pub fn connection_options(&self) -> mysql_async::Opts {
        self.options().into()
    }

    /// What the driver needs to know of it.
    pub(super) fn options(&self) -> mysql_async::OptsBuilder {
        mysql_async::OptsBuilder::default()
            .ip_or_hostname(self.host.clone())
            .tcp_port(self.port)
            .user(self.user.clone())
            .pass(self.password.clone())
            .db_name(Some(self.database.clone()))
            .socket(self.socket.clone())
            // Whoever names a socket gets it, and nobody else: what is asked for is what is done.
            .prefer_socket(false)
            .ssl_opts((self.tls == Tls::Required).then(mysql_async::SslOpts::default))
    }
}

impl FromStr for MySqlUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let refuse = |problem: &dyn fmt::Display| {
            let shown = crate::store::url::redact(text);
            StoreError::new(StoreErrorKind::Url, format!("store URL {shown:?}: {problem}"))
        };
        let url = reqwest::Url::parse(text)
            .map_err(|error| refuse(&format_args!("{error}; {EXPECTED}")))?;
        if !matches!(url.scheme(), "mysql" | "mariadb") {
            return Err(refuse(&EXPECTED));
        }
        let decode = |what: &str, text: &str| {
            percent_decode_str(text)
                .decode_utf8()
                .map(String::from)
                .map_err(|_| refuse(&format_args!("its {what} is not percent-encoded UTF-8")))
        };
        let database = decode("database", url.path().trim_start_matches('/'))?;
        if database.is_empty() || database.contains('/') {
            return Err(refuse(&format_args!("it names no database; {EXPECTED}")));
        }
        let mut options = Self {
            // The brackets around an IPv6 address belong to the URL, not to the address.
            host: url
                .host_str()
                .map(|host| host.trim_start_matches('[').trim_end_matches(']'))
                .filter(|host| !host.is_empty())
                .unwrap_or("localhost")
                .to_owned(),
            port: url.port().unwrap_or(3306),
            user: Some(decode("user", url.username())?).filter(|user| !user.is_empty()),
            password: url.password().map(|password| decode("password", password)).transpose()?,
            database,
            prefix: "wp_".into(),
            socket: None,
            tls: Tls::Off,
        };
        for (option, value) in url.query_pairs() {
            match &*option {
                "prefix" if is_prefix(&value) => options.prefix = value.into_owned(),
                "prefix" => {
                    let problem = format_args!(
                        "prefix {value:?}: expected at most 20 letters, digits and underscores"
                    );
                    return Err(refuse(&problem));
                }
                "socket" => options.socket = Some(value.into_owned()),
                "tls" if value == "off" => options.tls = Tls::Off,
                "tls" if value == "required" => options.tls = Tls::Required,
                "tls" => {
                    return Err(refuse(&format_args!("tls {value:?}: expected off or required")));
                }
                _ => {
                    let problem = format_args!(
                        "there is no option {option:?}; there are prefix, socket and tls"
                    );
                    return Err(refuse(&problem));
                }
            }
        }
        Ok(options)
    }
}

/// The longest of our table names has to fit MySQL's 64 characters.
fn is_prefix(text: &str) -> bool {
    text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Without the password, and with what was asked for.
impl fmt::Display for MySqlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mysql://")?;
        if let Some(user) = &self.user {
            let password = if self.password.is_some() { ":…" } else { "" };
            write!(f, "{user}{password}@")?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        write!(f, ":{}/{}?prefix={}", self.port, self.database, self.prefix)?;
        if self.tls == Tls::Required {
            f.write_str("&tls=required")?;
        }
        match &self.socket {
            Some(socket) => write!(f, "&socket={socket}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for MySqlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MySqlUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_and_shown_without_its_password() {
        let url: MySqlUrl = "mysql://shop:s%40crt@db.example:3307/wp?prefix=wp_2_".parse().unwrap();
        assert_eq!(url.to_string(), "mysql://shop:…@db.example:3307/wp?prefix=wp_2_");
        assert_eq!(format!("{url:?}"), "MySqlUrl(mysql://shop:…@db.example:3307/wp?prefix=wp_2_)");
        assert_eq!(url.password.as_deref(), Some("s@crt"));
        let short: MySqlUrl = "mariadb://localhost/wp".parse().unwrap();
        assert_eq!((short.port, short.prefix.as_str()), (3306, "wp_"));
    }

    #[test]
    fn an_ipv6_address_has_brackets_in_the_url_alone() {
        let url: MySqlUrl = "mysql://[::1]:3307/wp".parse().unwrap();
        assert_eq!(url.host, "::1");
        assert_eq!(url.to_string(), "mysql://[::1]:3307/wp?prefix=wp_");
    }

    #[test]
    fn a_typo_is_named_and_the_password_is_not() {
        for (url, problem) in [
            ("mysql://u:secret@h/wp?prefx=wp_", "there is no option \"prefx\""),
            ("mysql://u:secret@h/wp?prefix=a-b", "prefix \"a-b\""),
            ("mysql://u:secret@h", "it names no database"),
            ("mysql://u:secret@h/wp?tls=yes", "tls \"yes\": expected off or required"),
            ("mysql://u:secret@h:port/wp", "invalid port"),
        ] {
            let error = url.parse::<MySqlUrl>().unwrap_err();
            assert_eq!(error.kind, StoreErrorKind::Url);
            assert!(error.message.contains(problem), "{error}");
            assert!(!error.message.contains("secret"), "{error}");
        }
    }
}
