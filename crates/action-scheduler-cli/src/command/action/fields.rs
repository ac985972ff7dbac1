//! The fields of an action, as lists and details show them.

use action_scheduler::{Action, Query};
use clap::ValueEnum;

use crate::output::time::Dates;
use crate::output::{Cell, shortened};

/// A field of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Field {
    /// The id
    Id,
    /// What happens
    Hook,
    /// Where it is in its life
    Status,
    /// The group
    Group,
    /// What its handlers are called with
    Args,
    /// How urgent it is
    Priority,
    /// When, and how often, it runs
    Schedule,
    /// When it is, or was, due
    ScheduledAt,
    /// How often it was started
    Attempts,
    /// When it was stored
    CreatedAt,
    /// When its latest attempt started
    StartedAt,
    /// When it came to its end
    FinishedAt,
    /// When it last changed
    ModifiedAt,
    /// The claim it is or was held by
    Claim,
    /// The chain it is an instance of
    Chain,
    /// How many entries its log has
    LogEntries,
    /// Whether it is pending and due
    PastDue,
    /// Its place in the list, for --after
    Cursor,
}

/// What a table shows.
pub const FOR_PEOPLE: [Field; 7] = [
    Field::Id,
    Field::Hook,
    Field::Status,
    Field::Group,
    Field::Args,
    Field::Schedule,
    Field::ScheduledAt,
];

/// What the other formats show.
pub const ALL: [Field; 15] = [
    Field::Id,
    Field::Hook,
    Field::Status,
    Field::Group,
    Field::Args,
    Field::Priority,
    Field::Schedule,
    Field::ScheduledAt,
    Field::Attempts,
    Field::CreatedAt,
    Field::StartedAt,
    Field::FinishedAt,
    Field::Claim,
    Field::Chain,
    Field::PastDue,
];

impl Field {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Field::Id => "id",
            Field::Hook => "hook",
            Field::Status => "status",
            Field::Group => "group",
            Field::Args => "args",
            Field::Priority => "priority",
            Field::Schedule => "schedule",
            Field::ScheduledAt => "scheduled_at",
            Field::Attempts => "attempts",
            Field::CreatedAt => "created_at",
            Field::StartedAt => "started_at",
            Field::FinishedAt => "finished_at",
            Field::ModifiedAt => "modified_at",
            Field::Claim => "claim",
            Field::Chain => "chain",
            Field::LogEntries => "log_entries",
            Field::PastDue => "past_due",
            Field::Cursor => "cursor",
        }
    }

    /// Its value. `query` is what the list came from.
    pub fn of(self, action: &Action, query: &Query, dates: &Dates) -> Cell {
        let date = |at| Cell::new(dates.show(at), at);
        match self {
            Field::Id => Cell::plain(action.id),
            Field::Hook => Cell::plain(&action.hook),
            Field::Status => Cell::plain(action.status),
            Field::Group => Cell::plain(&action.group),
            Field::Args => Cell::new(shortened(action.args.as_str()), &action.args),
            Field::Priority => Cell::plain(action.priority),
            Field::Schedule => Cell::new(action.schedule.to_string(), &action.schedule),
            Field::ScheduledAt => date(action.scheduled_at),
            Field::Attempts => Cell::plain(action.attempts),
            Field::CreatedAt => date(action.created_at),
            Field::StartedAt => action.started_at.map_or_else(Cell::empty, date),
            Field::FinishedAt => action.finished_at.map_or_else(Cell::empty, date),
            Field::ModifiedAt => date(action.modified_at()),
            Field::Claim => action.claim.map_or_else(Cell::empty, Cell::plain),
            Field::Chain => action.chain.map_or_else(Cell::empty, Cell::plain),
            Field::LogEntries => Cell::plain(action.log_entries),
            Field::PastDue => {
                let past_due = action.is_past_due(dates.now);
                Cell::new(if past_due { "yes" } else { "no" }, past_due)
            }
            Field::Cursor => Cell::plain(query.cursor(action).to_string()),
        }
    }
}
