//! What is read about the actions that wait, in rows of one shape: several questions are asked in one statement, and so
//! of one moment.

use jiff::Timestamp;
use mysql_async::Row;

use super::headcount::Headcount;
use super::kept::Rank;
use crate::action::{ActionId, Attempt, Priority};
use crate::store::mysql::error::Outcome;
use crate::store::mysql::row::{Columns, unreadable};

/// What one row says.
#[derive(Debug)]
pub(super) enum Fact {
    /// An action waits.
    Waits(Rank),
    /// An action waits that was due at this date; the rest of its place in claim order is not told.
    Follows { id: ActionId, due: Timestamp },
    /// A claim has taken an action that was due at this date.
    Taken { claim: i64, id: ActionId, due: Timestamp },
    /// This is the last claim that took any, and these of them had been seen before.
    AllTaken { claim: i64, seen: Headcount },
    /// More were taken than one looks at.
    TooManyTaken,
    /// This is the greatest id there is.
    Greatest(i64),
    /// So many wait.
    Wait(Headcount),
}

/// Of each action that waits.
pub(super) const WAITS: &str =
    "0 AS fact, a.action_id, a.scheduled_date_gmt AS due, a.priority AS number, a.attempts";

/// The same, as far as it stands in the plugin's key.
pub(super) const FOLLOWS: &str = "4, a.action_id, a.scheduled_date_gmt, NULL, NULL";

/// Of each that is taken.
pub(super) const TAKEN: &str = "1, a.action_id, a.scheduled_date_gmt, a.claim_id, NULL";

/// Of all actions.
pub(super) const GREATEST: &str = "2, COALESCE(MAX(action_id), 0), NULL, NULL, NULL";

/// Of all that wait.
pub(super) const HEADCOUNT: &str = "3, BIT_XOR(a.action_id), NULL, COUNT(*), NULL";

/// Of all that are taken, unless there are so many or more; of those up to this id and date, which have been seen, it is
/// told which.
pub(super) fn all_taken(most: usize, seen_id: i64, seen_date: &str) -> String {
    let is_seen = format!("a.action_id <= {seen_id} AND a.scheduled_date_gmt <= '{seen_date}'");
    format!(
        "IF(COUNT(*) < {most}, 5, 6), BIT_XOR(IF({is_seen}, a.action_id, 0)), NULL, \
         CAST(COALESCE(SUM({is_seen}), 0) AS SIGNED), COALESCE(MAX(a.claim_id), 0)"
    )
}

/// A date that is none comes before all others.
pub(super) const NO_DATE: Timestamp = Timestamp::MIN;

impl Fact {
    pub(super) fn read(row: &Row) -> Outcome<Self> {
        let due = row.date(2).unwrap_or(NO_DATE);
        Ok(match row.number::<u8>(0)? {
            0 => {
                let attempts = u32::try_from(row.number::<i64>(4)?).unwrap_or_default();
                Self::Waits((Priority(row.number(3)?), Attempt(attempts), due, row.action_id(1)?))
            }
            1 => Self::Taken { claim: row.number(3)?, id: row.action_id(1)?, due },
            2 => Self::Greatest(row.number(1)?),
            3 => Self::Wait(Headcount { count: row.number(3)?, ids: row.number(1)? }),
            4 => Self::Follows { id: row.action_id(1)?, due },
            5 => {
                let seen = Headcount { count: row.number(3)?, ids: row.number(1)? };
                Self::AllTaken { claim: row.number(4)?, seen }
            }
            6 => Self::TooManyTaken,
            _ => return Err(unreadable(0, "it is no kind of fact")),
        })
    }
}
