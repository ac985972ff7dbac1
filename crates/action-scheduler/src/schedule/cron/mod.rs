//! Cron expressions.
use jiff::{Timestamp, tz::TimeZone};
/// Which rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// S
    Standard,
    /// A
    ActionScheduler,
}
impl std::fmt::Display for Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("standard")
    }
}
impl std::str::FromStr for Dialect {
    type Err = crate::Invalid;
    fn from_str(s: &str) -> Result<Self, crate::Invalid> {
        Err(crate::Invalid::new("dialect", s, "x"))
    }
}
/// Error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("x")]
pub struct CronError;
/// Cron.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron(String);
#[allow(missing_docs, unused)]
impl Cron {
    pub fn parse(text: &str, dialect: Dialect, zone: Option<TimeZone>) -> Result<Cron, CronError> {
        Err(CronError)
    }
    pub fn text(&self) -> &str {
        &self.0
    }
    pub fn dialect(&self) -> Dialect {
        Dialect::Standard
    }
    pub fn zone_name(&self) -> &str {
        "UTC"
    }
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        None
    }
    pub fn upcoming(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::empty()
    }
    pub fn describe(&self) -> String {
        String::new()
    }
}
