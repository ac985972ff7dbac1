//! Rows as types.

use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use mysql_async::{Row, Value};

use super::error::{Outcome, Trouble};
use super::php::schedule::StoredSchedule;
use super::php::site_time::parse_gmt;
use super::php::stored_args::StoredArgs;
use crate::action::{
    Action, ActionId, Attempt, ChainId, ClaimId, Group, Hook, NewAction, Priority, Status, Unique,
};
use crate::args::Args;
use crate::error::{Error, StoreError, StoreErrorKind};
use crate::schedule::{Recurring, Schedule};
use crate::store::native::recurrence::RecurrenceValues;
use crate::store::{Chain, ChainState};

/// Reading columns of the text protocol: each is a text or NULL.
pub(super) trait Columns {
    /// The bytes of a column; none for NULL.
    fn bytes(&self, column: usize) -> Option<&[u8]>;

    /// A text.
    fn text(&self, column: usize) -> Outcome<&str> {
        let bytes = self.bytes(column).ok_or_else(|| unreadable(column, "it is NULL"))?;
        str::from_utf8(bytes).map_err(|error| unreadable(column, error))
    }

    /// A text, or NULL.
    fn optional_text(&self, column: usize) -> Outcome<Option<&str>> {
        self.bytes(column).map(|_| self.text(column)).transpose()
    }

    /// A number.
    fn number<T: FromStr>(&self, column: usize) -> Outcome<T> {
        let text = self.text(column)?;
        text.parse().map_err(|_| unreadable(column, format_args!("{text:?} is no such number")))
    }

    /// A number, or NULL.
    fn optional_number<T: FromStr>(&self, column: usize) -> Outcome<Option<T>> {
        self.bytes(column).map(|_| self.number(column)).transpose()
    }

    /// A date in UTC. NULL, the zero date, and what is no date at all are none.
    fn date(&self, column: usize) -> Option<Timestamp> {
        let date: DateTime = str::from_utf8(self.bytes(column)?).ok()?.parse().ok()?;
        Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
    }

    /// The id of an action.
    fn action_id(&self, column: usize) -> Outcome<ActionId> {
        let number = self.number(column)?;
        ActionId::new(number).ok_or_else(|| unreadable(column, format_args!("{number} is no id")))
    }

    /// The id of a chain.
    fn chain_id(&self, column: usize) -> Outcome<ChainId> {
        let number = self.number(column)?;
        ChainId::new(number).ok_or_else(|| unreadable(column, format_args!("{number} is no id")))
    }

    /// The id of a claim; none is 0.
    fn claim_id(&self, column: usize) -> Outcome<Option<ClaimId>> {
        Ok(ClaimId::new(self.number(column)?))
    }
}

impl Columns for Row {
    fn bytes(&self, column: usize) -> Option<&[u8]> {
        match self.as_ref(column) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }
}

/// An error about a value that neither this program nor the plugin would have written.
pub(super) fn unreadable(column: usize, problem: impl std::fmt::Display) -> Trouble {
    let message = format!("column {} of a row cannot be read: {problem}", column + 1);
    Trouble::Refused(Error::Store(StoreError::new(StoreErrorKind::Corrupt, message)))
}

/// The status of a row. The plugin has five; a row with any other is of no use to it nor to us, and counts as failed.
pub(super) fn status(text: &str) -> Status {
    text.parse().unwrap_or(Status::Failed)
}

/// The columns of [`PluginRow`], of the table `a`.
pub(super) const PLUGIN_COLUMNS: &str = "a.action_id, a.hook, a.status, a.scheduled_date_gmt, a.priority, \
    a.args, a.extended_args, a.schedule, a.group_id, a.attempts, a.last_attempt_gmt, a.claim_id";

/// How many [`PLUGIN_COLUMNS`] there are.
pub(super) const PLUGIN_WIDTH: usize = 12;

/// An action as the plugin keeps it.
pub(super) struct PluginRow {
    pub(super) id: ActionId,
    pub(super) hook: Hook,
    pub(super) status: Status,
    /// None where there is no date; what is wrong with it, if it cannot be read.
    pub(super) scheduled_at: Result<Option<Timestamp>, String>,
    pub(super) priority: Priority,
    /// The args; what is wrong with them, and what stands there.
    pub(super) args: Result<Args, (String, Args)>,
    /// The schedule, or what is wrong with it.
    pub(super) schedule: Result<StoredSchedule, String>,
    pub(super) group: u64,
    pub(super) attempts: Attempt,
    pub(super) last_attempt: Option<Timestamp>,
    pub(super) claim: Option<ClaimId>,
}

impl PluginRow {
    pub(super) fn read(row: &Row) -> Outcome<Self> {
        let args = (row.bytes(5), row.bytes(6));
        let schedule = row.bytes(7).unwrap_or_default();
        Ok(Self {
            id: row.action_id(0)?,
            hook: Hook::from_stored(row.text(1)?),
            status: status(row.text(2)?),
            scheduled_at: match row.optional_text(3)? {
                Some(text) => parse_gmt(text).map_err(|error| error.to_string()),
                None => Ok(None),
            },
            priority: Priority(row.number(4)?),
            args: StoredArgs::read(args.0, args.1).map_err(|error| {
                let raw = args.1.or(args.0).unwrap_or_default();
                (error.to_string(), Args::from_stored(String::from_utf8_lossy(raw)))
            }),
            schedule: StoredSchedule::parse(schedule).map_err(|error| error.to_string()),
            group: row.number(8)?,
            // The plugin's column is signed.
            attempts: Attempt(u32::try_from(row.number::<i64>(9)?).unwrap_or_default()),
            last_attempt: row.date(10),
            claim: row.claim_id(11)?,
        })
    }

    /// Whether the plugin would store another instance after this one.
    pub(super) fn recurs(&self) -> bool {
        matches!(self.schedule, Ok(StoredSchedule::Interval { .. } | StoredSchedule::Cron { .. }))
    }

    /// When it is due. What has no date is due at once, as in the plugin.
    pub(super) fn due(&self) -> Timestamp {
        self.scheduled_at.as_ref().ok().copied().flatten().unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// What is wrong with it, if it cannot be run.
    pub(super) fn problem(&self) -> Option<String> {
        match (&self.args, &self.scheduled_at, &self.schedule) {
            (Err((problem, _)), ..) => Some(format!("its args cannot be read: {problem}")),
            (_, Err(problem), _) => Some(format!("its date cannot be read: {problem}")),
            (.., Err(problem)) => Some(format!("its schedule cannot be read: {problem}")),
            _ => None,
        }
    }

    pub(super) fn into_args(self) -> Args {
        self.args.unwrap_or_else(|(_, raw)| raw)
    }
}

/// The dates that we keep of an action, of the table `t`, and its chain, of the table `i`.
pub(super) const OWN_COLUMNS: &str =
    "t.action_id, t.created_at, t.started_at, t.finished_at, i.chain_id";

/// How many [`OWN_COLUMNS`] there are.
pub(super) const OWN_WIDTH: usize = 5;

/// Reads [`PLUGIN_COLUMNS`], [`OWN_COLUMNS`] and [`RECURRENCE_COLUMNS`]. The dates of the first and the last entry of
/// its log stand in for those we did not write down.
pub(super) fn action(
    row: &Row,
    group: Group,
    logged: Option<(Timestamp, Timestamp)>,
) -> Outcome<Action> {
    whole_action(PluginRow::read(row)?, row, group, logged)
}

/// The same, when the plugin's part has been read.
pub(super) fn whole_action(
    plain: PluginRow,
    row: &Row,
    group: Group,
    logged: Option<(Timestamp, Timestamp)>,
) -> Outcome<Action> {
    let (created, started, finished) =
        (row.date(PLUGIN_WIDTH + 1), row.date(PLUGIN_WIDTH + 2), row.date(PLUGIN_WIDTH + 3));
    let due = plain.due();
    let chain: Option<ChainId> =
        row.optional_number(PLUGIN_WIDTH + 4)?.and_then(|id: i64| ChainId::new(id));
    let has_recurrence = row.bytes(PLUGIN_WIDTH + OWN_WIDTH).is_some();
    let schedule = match (&plain.schedule, chain) {
        (_, Some(_)) if has_recurrence => {
            // A chain that cannot be read is shown by its instance.
            recurring(row, PLUGIN_WIDTH + OWN_WIDTH)
                .map_or(Schedule::Single(due), Schedule::Recurring)
        }
        (Ok(StoredSchedule::Simple { .. }) | Err(_), _) => Schedule::Single(due),
        (Ok(stored), _) => stored.clone().into_schedule(due),
    };
    let created_at = created.or(logged.map(|(first, _)| first)).unwrap_or(due);
    let attempted = plain.last_attempt.filter(|_| plain.attempts.0 > 0);
    let ended = || plain.last_attempt.into_iter().chain(logged.map(|(_, last)| last)).max();
    Ok(Action {
        id: plain.id,
        status: plain.status,
        priority: plain.priority,
        schedule,
        scheduled_at: due,
        attempts: plain.attempts,
        created_at,
        started_at: started.or(attempted),
        finished_at: match plain.status.is_finished() {
            true => finished.or_else(ended).or(Some(created_at)),
            false => None,
        },
        claim: plain.claim,
        chain,
        group,
        hook: plain.hook.clone(),
        args: plain.into_args(),
        // Rows do not tell; whoever has read the log does.
        log_entries: 0,
    })
}

/// Whether we have written down the dates of an action.
pub(super) fn has_times(row: &Row) -> bool {
    row.bytes(PLUGIN_WIDTH).is_some()
}

/// The typed columns of a recurrence, of the table `c`.
pub(super) const RECURRENCE_COLUMNS: &str =
    "c.first_us, c.every_us, c.cron, c.dialect, c.zone, c.fixed_rate, c.catch_up";

/// How many [`RECURRENCE_COLUMNS`] there are.
pub(super) const RECURRENCE_WIDTH: usize = 7;

/// Reads [`RECURRENCE_COLUMNS`], which start at `from`; what is wrong with them, if they cannot be read.
pub(super) fn recurring(row: &Row, from: usize) -> Result<Recurring, String> {
    let values = || {
        Ok(RecurrenceValues {
            first: row.number(from)?,
            every: row.optional_number(from + 1)?,
            cron: row.optional_text(from + 2)?,
            dialect: row.optional_text(from + 3)?,
            zone: row.optional_text(from + 4)?,
            fixed_rate: row.number::<u8>(from + 5)? != 0,
            catch_up: row.optional_number(from + 6)?,
        })
    };
    values().map_err(|trouble: Trouble| trouble.to_string())?.read()
}

/// The columns of a chain, of the table `c`; the recurrence follows.
pub(super) const CHAIN_COLUMNS: &str = "c.chain_id, c.hook, c.slug, c.priority, c.unique_key, c.args, c.state, \
    c.reason, c.failures, c.head, c.created_at";

/// How many [`CHAIN_COLUMNS`] there are.
pub(super) const CHAIN_WIDTH: usize = 11;

/// A chain, with what is not to be seen from outside.
#[derive(Clone)]
pub(super) struct ChainRow {
    pub(super) id: ChainId,
    pub(super) hook: Hook,
    pub(super) group: Group,
    pub(super) args: Args,
    pub(super) priority: Priority,
    pub(super) key: Option<String>,
    pub(super) state: ChainState,
    pub(super) reason: Option<String>,
    pub(super) failures: u32,
    pub(super) head: Option<ActionId>,
    pub(super) created_at: Timestamp,
    /// What is wrong with it, if it cannot be read.
    pub(super) recurring: Result<Recurring, String>,
}

impl ChainRow {
    /// Reads [`CHAIN_COLUMNS`] followed by [`RECURRENCE_COLUMNS`].
    pub(super) fn read(row: &Row) -> Outcome<Self> {
        Ok(Self {
            id: row.chain_id(0)?,
            hook: Hook::from_stored(row.text(1)?),
            group: Group::from_stored(row.text(2)?),
            priority: Priority(row.number(3)?),
            key: row.optional_text(4)?.map(str::to_owned),
            args: Args::from_stored(Arc::<str>::from(row.text(5)?)),
            state: chain_state(row.text(6)?)?,
            reason: row.optional_text(7)?.map(str::to_owned),
            failures: row.number(8)?,
            head: row.optional_number(9)?.and_then(|id: i64| ActionId::new(id)),
            created_at: row.date(10).ok_or_else(|| unreadable(10, "it is no date"))?,
            recurring: recurring(row, CHAIN_WIDTH),
        })
    }

    /// The chain as others see it.
    pub(super) fn into_chain(self) -> Result<Chain, String> {
        Ok(Chain {
            id: self.id,
            hook: self.hook,
            group: self.group,
            args: self.args,
            priority: self.priority,
            recurring: self.recurring?,
            key: self.key,
            state: self.state,
            reason: self.reason,
            failures: self.failures,
            head: self.head,
            created_at: self.created_at,
        })
    }

    /// Its next instance, to be stored.
    pub(super) fn instance(&self) -> Result<NewAction, String> {
        Ok(NewAction {
            hook: self.hook.clone(),
            args: self.args.clone(),
            group: self.group.clone(),
            schedule: Schedule::Recurring(self.recurring.clone()?),
            priority: self.priority,
            unique: self.key.clone().map_or(Unique::No, Unique::Key),
        })
    }
}

/// The state of a chain.
pub(super) fn chain_state(text: &str) -> Outcome<ChainState> {
    [ChainState::Active, ChainState::Paused, ChainState::Ended]
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| unreadable(6, format_args!("{text:?} is no state of a chain")))
}
