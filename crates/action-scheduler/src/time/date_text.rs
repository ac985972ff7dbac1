//! Dates as people write them.
/// Error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("x")]
pub struct DateTextError;
#[allow(missing_docs, unused)]
pub fn parse_date(
    text: &str,
    now: jiff::Timestamp,
    zone: &jiff::tz::TimeZone,
) -> Result<jiff::Timestamp, DateTextError> {
    Err(DateTextError)
}
#[allow(missing_docs, unused)]
pub fn parse_duration(text: &str) -> Result<std::time::Duration, DateTextError> {
    Err(DateTextError)
}
