//! Cookies: read from requests, written to answers.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::site::Site;

/// The value of a cookie that was sent.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

/// A cookie that is no secret: how someone wants to see pages. The value has to be plain: letters, digits, `-_.:,/+`.
pub(crate) fn plain_cookie(site: &Site, name: &str, value: &str, keep: Keep) -> HeaderValue {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:,/+".contains(c);
    let value: String = value.chars().filter(|c| is_plain(*c)).collect();
    let seconds = match keep {
        Keep::Year => 365 * 86_400,
        Keep::Minute => 60,
        Keep::No => 0,
    };
    let path = site.path("/");
    let text = format!("{name}={value}; Path={path}; Max-Age={seconds}; SameSite=Lax");
    // A base path that cannot stand in a header could not be asked for either.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

/// How long a browser keeps a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// A choice that someone made.
    Year,
    /// What the next page tells.
    Minute,
    /// Not at all: it is removed.
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("mytheme=no; theme=dark; x"));
        headers.append(header::COOKIE, HeaderValue::from_static("zone=Europe/Berlin"));
        assert_eq!(cookie(&headers, "theme"), Some("dark"));
        assert_eq!(cookie(&headers, "zone"), Some("Europe/Berlin"));
        assert_eq!(cookie(&headers, "x"), None);
    }
}
