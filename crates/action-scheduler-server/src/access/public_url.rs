//! What browsers call the server by, where that is not the address it listens on.

use std::fmt;
use std::str::FromStr;

use action_scheduler::Invalid;
use axum::http::Uri;

/// The URL that people reach the server by, such as `https://jobs.example.com/scheduler`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    scheme: String,
    authority: String,
    path: String,
}

impl PublicUrl {
    /// The host, with its port if that is not the usual one.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path, as a base path: empty, or with `/` before and none after.
    pub fn base_path(&self) -> &str {
        &self.path
    }
}

impl FromStr for PublicUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = || {
            let expected = "expected a URL of http or https without query, such as https://jobs.example.com/scheduler";
            Invalid::new("public URL", text, expected)
        };
        let uri: Uri = text.parse().map_err(|_| invalid())?;
        let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"));
        let scheme = scheme.ok_or_else(invalid)?.to_owned();
        let authority = uri.authority().ok_or_else(invalid)?.as_str().to_ascii_lowercase();
        let path = uri.path().trim_end_matches('/').to_owned();
        let is_plain = uri.query().is_none() && !authority.contains('@') && !text.contains('#');
        let usual_port = if scheme == "https" { ":443" } else { ":80" };
        let authority = authority.strip_suffix(usual_port).unwrap_or(&authority).to_owned();
        match is_plain && check_base_path(&path).is_ok() {
            true => Ok(Self { scheme, authority, path }),
            false => Err(invalid()),
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

/// Refuses what cannot be a base path.
pub fn check_base_path(path: &str) -> Result<(), Invalid> {
    let is_part = |part: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
        !part.is_empty() && part != "." && part != ".." && part.chars().all(is_plain)
    };
    match path.strip_prefix('/') {
        None if path.is_empty() => Ok(()),
        Some(rest) if rest.split('/').all(is_part) => Ok(()),
        _ => {
            let expected = "expected nothing, or a path with / before and none after, of letters, digits and - _ . ~, such \
                            as /scheduler";
            Err(Invalid::new("base path", path, expected))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_has_a_host_and_a_base_path() {
        let url: PublicUrl = "https://Jobs.Example.com:443/scheduler/".parse().unwrap();
        assert_eq!((url.authority(), url.base_path()), ("jobs.example.com", "/scheduler"));
        assert_eq!(url.to_string(), "https://jobs.example.com/scheduler");
        let url: PublicUrl = "http://10.0.0.5:8080".parse().unwrap();
        assert_eq!((url.authority(), url.base_path()), ("10.0.0.5:8080", ""));
        for bad in [
            "",
            "jobs.example.com",
            "ftp://a",
            "https://",
            "https://a?b",
            "https://u@a",
            "https://a/b c",
            "https://a/{b}",
            "https://a#b",
        ] {
            assert!(bad.parse::<PublicUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_base_path_is_plain() {
        for good in ["", "/a", "/a/b-1"] {
            assert!(check_base_path(good).is_ok(), "{good}");
        }
        for bad in ["/", "a", "/a/", "//a", "/../a", "/{a}", "/a;b", "/*"] {
            assert!(check_base_path(bad).is_err(), "{bad}");
        }
    }
}
