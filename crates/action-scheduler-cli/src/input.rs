//! Values that people give as arguments or in the config file, read into the library's types.

use std::io::Read;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use action_scheduler::runner::BatchSize;
pub use action_scheduler::time::time_zone;
use action_scheduler::time::{DateTextError, parse_duration};
use action_scheduler::{Args, Invalid, Unique};
use action_scheduler_server::ServerConfig;
use anyhow::{Context, Result};

/// A length of time: `90s`, `1h30m`.
pub fn duration(text: &str) -> Result<Duration, DateTextError> {
    parse_duration(text)
}

/// A length of time longer than nothing.
pub fn positive_duration(text: &str) -> Result<Duration, anyhow::Error> {
    match parse_duration(text)? {
        Duration::ZERO => {
            Err(Invalid::new("length of time", text, "expected more than nothing").into())
        }
        duration => Ok(duration),
    }
}

/// `; did you mean "…"?` when one of the known names is near.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let lower = name.to_lowercase();
    known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(&lower, &known.to_lowercase()), known))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, known)| *distance <= (known.len() / 3).max(1))
        .map(|(_, known)| format!("; did you mean {known:?}?"))
        .unwrap_or_default()
}

/// A number of things.
pub fn number(text: &str) -> Result<u32, Invalid> {
    let expected = || format!("expected a whole number from 0 to {}", u32::MAX);
    text.parse().map_err(|_| Invalid::new("number", text, expected()))
}

/// `auto` or a number of actions.
pub fn batch_size(text: &str) -> Result<BatchSize, Invalid> {
    if text == "auto" {
        return Ok(BatchSize::Auto);
    }
    let number = text.parse().ok().filter(|number| (1..=1_000_000).contains(number));
    number.map(BatchSize::Fixed).ok_or_else(|| {
        Invalid::new("batch size", text, "expected auto or a whole number from 1 to 1000000")
    })
}

/// Where the server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// At this address.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

impl Default for Listen {
    fn default() -> Self {
        Self::At(ServerConfig::default().listen)
    }
}

/// An address with a port, or `off`.
pub fn listen(text: &str) -> Result<Listen, Invalid> {
    if text == "off" {
        return Ok(Listen::Off);
    }
    text.parse().map(Listen::At).map_err(|_| {
        let expected = "expected an address with a port, such as 127.0.0.1:7420, or off";
        Invalid::new("address", text, expected)
    })
}

/// A number of claims, or `unlimited`.
pub fn concurrent_batches(text: &str) -> Result<Limit, Invalid> {
    limit("concurrent batches", text)
}

/// A number of requests a second, or `unlimited`.
pub fn request_rate(text: &str) -> Result<Limit, Invalid> {
    limit("requests a second", text)
}

fn limit(what: &'static str, text: &str) -> Result<Limit, Invalid> {
    if text == "unlimited" {
        return Ok(Limit(None));
    }
    let number = text.parse().ok().filter(|number| *number >= 1);
    number
        .map(|number| Limit(Some(number)))
        .ok_or_else(|| Invalid::new(what, text, "expected unlimited or a whole number from 1"))
}

/// A number, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub Option<u32>);

/// How often to clean; `None` is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanInterval(pub Option<Duration>);

impl Default for CleanInterval {
    fn default() -> Self {
        Self(Some(Duration::from_secs(60)))
    }
}

/// A length of time of at least a second, or `never`.
pub fn clean_interval(text: &str) -> Result<CleanInterval> {
    if text == "never" {
        return Ok(CleanInterval(None));
    }
    let interval = parse_duration(text)?;
    if interval < Duration::from_secs(1) {
        let expected = "expected 1 second or more, or never";
        return Err(Invalid::new("clean interval", text, expected).into());
    }
    Ok(CleanInterval(Some(interval)))
}

/// How many actions are executed at once.
pub fn workers(text: &str) -> Result<usize, Invalid> {
    let number = text.parse().ok().filter(|number| (1..=10_000).contains(number));
    number.ok_or_else(|| Invalid::new("workers", text, "expected a whole number from 1 to 10000"))
}

/// How many runners share the work.
pub fn runners(text: &str) -> Result<NonZeroU32, Invalid> {
    let number = text.parse().ok().filter(|number: &NonZeroU32| number.get() <= 64);
    number.ok_or_else(|| Invalid::new("runners", text, "expected a whole number from 1 to 64"))
}

/// How often a thing is measured.
pub fn rounds(text: &str) -> Result<NonZeroU32, Invalid> {
    let number = text.parse().ok().filter(|number: &NonZeroU32| number.get() <= 1000);
    number.ok_or_else(|| Invalid::new("rounds", text, "expected a whole number from 1 to 1000"))
}

/// A number of bytes: `268435456`, `256M`, `1.5 GiB`.
pub fn bytes(text: &str) -> Result<u64, Invalid> {
    let refuse = || Invalid::new("memory size", text, "expected a size such as 256M or 1.5G");
    let trimmed = text.trim();
    let end = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(end);
    let number: f64 = number.parse().map_err(|_| refuse())?;
    let factor = match unit.trim().to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b')
    {
        "" => 1.0,
        "k" => 1024.0,
        "m" => 1024.0 * 1024.0,
        "g" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(refuse()),
    };
    let bytes = number * factor;
    if !(1.0..=1e15).contains(&bytes) {
        return Err(refuse());
    }
    // In range by the line above.
    Ok(bytes as u64)
}

/// `args`, `hook` or `key=K`.
pub fn unique(text: &str) -> Result<Unique, Invalid> {
    match text.split_once('=') {
        None if text == "args" => Ok(Unique::Args),
        None if text == "hook" => Ok(Unique::Hook),
        Some(("key", key)) if !key.is_empty() => Ok(Unique::Key(key.to_owned())),
        _ => Err(Invalid::new("unique", text, "expected args, hook or key=TEXT")),
    }
}

/// The args of an action: JSON, `@FILE` or `-` for stdin.
pub fn args(text: &str) -> Result<Args> {
    if text == "-" {
        let mut json = String::new();
        std::io::stdin().read_to_string(&mut json).context("reading args from stdin")?;
        return Ok(json.trim().parse()?);
    }
    if let Some(file) = text.strip_prefix('@') {
        let json = std::fs::read_to_string(file).map_err(|error| {
            Invalid::new("args", text, format_args!("the file {file:?} cannot be read: {error}"))
        })?;
        return Ok(json.trim().parse()?);
    }
    Ok(text.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(bytes("1048576").unwrap(), 1 << 20);
        assert_eq!(bytes("256M").unwrap(), 256 << 20);
        assert_eq!(bytes("1.5 GiB").unwrap(), 3 << 29);
        assert_eq!(bytes("64kb").unwrap(), 64 << 10);
        for text in ["", "M", "-1", "12X", "0", "1e99G", "1.2.3"] {
            assert!(bytes(text).unwrap_err().to_string().contains("256M"), "{text}");
        }
    }

    #[test]
    fn choices_are_read_as_they_are_documented() {
        assert_eq!(unique("key=a=b").unwrap(), Unique::Key("a=b".into()));
        assert!(unique("key=").is_err() && unique("all").is_err());
        assert_eq!(batch_size("auto").unwrap(), BatchSize::Auto);
        assert!(batch_size("0").is_err() && workers("0").is_err());
        assert_eq!(concurrent_batches("unlimited").unwrap(), Limit(None));
    }
}
