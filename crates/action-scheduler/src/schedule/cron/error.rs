//! What is wrong with a cron expression, and where.

use std::fmt;
use std::ops::Range;

/// How much of an expression an error message repeats.
const QUOTED_CHARS: usize = 80;

/// A cron expression that was refused.
///
/// Its message is one line that quotes the expression, names the field, quotes the part that is wrong and says
/// what is expected. [`span`](CronError::span) is for underlining that part.
///
/// ```
/// use action_scheduler::schedule::cron::{Cron, CronField, Dialect};
///
/// let error = Cron::parse("61 * * * *", Dialect::Standard, None).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"cron expression "61 * * * *": minute "61" is out of range (0-59)"#
/// );
/// assert_eq!(error.field(), Some(CronField::Minute));
/// assert_eq!(error.span(), 0..2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cron expression {expression:?}: {problem}")]
pub struct CronError {
    expression: String,
    field: Option<CronField>,
    span: Range<usize>,
    problem: String,
}

impl CronError {
    pub(super) fn new(text: &str, fault: Fault) -> CronError {
        let mut expression: String = text.trim().chars().take(QUOTED_CHARS).collect();
        if expression.len() < text.trim().len() {
            expression.push('…');
        }
        CronError { expression, field: fault.field, span: fault.span, problem: fault.problem }
    }

    /// The field that is wrong; `None` if it is the expression as a whole, its macro or its time zone.
    pub fn field(&self) -> Option<CronField> {
        self.field
    }

    /// Where the wrong part stands in the text that was parsed, in bytes.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }
}

/// A [`CronError`] that does not yet know the expression it is in.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) field: Option<CronField>,
    pub(super) span: Range<usize>,
    pub(super) problem: String,
}

/// A field of a cron expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CronField {
    /// 0-59; the first of six or seven fields in the standard dialect.
    Second,
    /// 0-59.
    Minute,
    /// 0-23.
    Hour,
    /// 1-31.
    DayOfMonth,
    /// 1-12, or JAN to DEC.
    Month,
    /// 0-7, or SUN to SAT; 0 and 7 are Sunday.
    DayOfWeek,
    /// 1970-2199; the last field where there is one.
    Year,
}

impl CronField {
    pub(super) fn first(self) -> u32 {
        match self {
            CronField::DayOfMonth | CronField::Month => 1,
            CronField::Year => 1970,
            _ => 0,
        }
    }

    pub(super) fn last(self) -> u32 {
        match self {
            CronField::Second | CronField::Minute => 59,
            CronField::Hour => 23,
            CronField::DayOfMonth => 31,
            CronField::Month => 12,
            CronField::DayOfWeek => 7,
            CronField::Year => 2199,
        }
    }

    /// How many values there are before they begin again: seven weekdays, although 0 and 7 are the same.
    pub(super) fn cycle(self) -> u32 {
        match self {
            CronField::DayOfWeek => 7,
            _ => self.last() - self.first() + 1,
        }
    }

    /// Names for the values from the first on.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            CronField::Month => &[
                "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
            ],
            CronField::DayOfWeek => &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
            _ => &[],
        }
    }

    /// What may stand in this field, for messages.
    pub(super) fn expected(self) -> &'static str {
        match self {
            CronField::Second | CronField::Minute => "0-59, *, a range 10-20, a step */5 or a list",
            CronField::Hour => "0-23, *, a range 9-17, a step */2 or a list",
            CronField::DayOfMonth => "1-31, *, a range 1-7, a step */2, a list, L or 15W",
            CronField::Month => "1-12 or JAN-DEC, *, a range 1-3, a step */3 or a list",
            CronField::DayOfWeek => "0-7 or SUN-SAT, *, a range MON-FRI, a list, 5L or 1#2",
            CronField::Year => "1970-2199, *, a range, a step or a list",
        }
    }
}

impl fmt::Display for CronField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CronField::Second => "second",
            CronField::Minute => "minute",
            CronField::Hour => "hour",
            CronField::DayOfMonth => "day of month",
            CronField::Month => "month",
            CronField::DayOfWeek => "day of week",
            CronField::Year => "year",
        })
    }
}
