//! Which actions are asked for, and in which order (reference, section 1, "Query keys").

mod cursor_text;

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::action::{Action, ActionId, ChainId, ClaimId, Group, Hook, Status};
use crate::args::Args;
use crate::error::Invalid;

/// A question for actions: every key that is set must hold.
///
/// ```
/// use action_scheduler::{Hook, Query, Status};
/// let query = Query::new().hook(Hook::new("send_invoice")?).status(Status::Failed).limit(20);
/// # Ok::<(), action_scheduler::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Only these ids.
    pub ids: Option<Vec<ActionId>>,
    /// Only this hook.
    pub hook: Option<Hook>,
    /// Only args like these.
    pub args: Option<ArgsMatch>,
    /// Only this group.
    pub group: Option<Group>,
    /// Only these statuses; empty is any.
    pub statuses: Vec<Status>,
    /// Only actions whose scheduled date compares so.
    pub scheduled: Vec<(Comparator, Timestamp)>,
    /// Only actions whose latest change ([`Action::modified_at`]) compares so.
    pub modified: Vec<(Comparator, Timestamp)>,
    /// Only actions that are, or are not, claimed.
    pub claimed: Option<Claimed>,
    /// Only instances of this chain.
    pub chain: Option<ChainId>,
    /// Only actions whose hook or args contain this text, or whose id or claim id it is.
    pub search: Option<String>,
    /// What they are sorted by; the id decides between equals.
    pub order_by: OrderBy,
    /// Which way they are sorted.
    pub order: Order,
    /// How many are wanted at most; `None` is all.
    pub limit: Option<u32>,
    /// How many are passed over first. For pages, [`Query::after`] stays fast where this does not.
    pub offset: u32,
    /// Only what comes after this place in the order.
    pub after: Option<Cursor>,
    /// How many actions are looked at, at most: see [`Query::within`].
    pub within: Option<u32>,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            ids: None,
            hook: None,
            args: None,
            group: None,
            statuses: Vec::new(),
            scheduled: Vec::new(),
            modified: Vec::new(),
            claimed: None,
            chain: None,
            search: None,
            order_by: OrderBy::default(),
            order: Order::default(),
            limit: Some(Self::DEFAULT_LIMIT),
            offset: 0,
            after: None,
            within: None,
        }
    }
}

impl Query {
    /// How many actions are given when no limit is set.
    pub const DEFAULT_LIMIT: u32 = 100;

    /// All actions, the first 100 by date.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only these ids.
    pub fn ids(mut self, ids: impl IntoIterator<Item = ActionId>) -> Self {
        self.ids = Some(ids.into_iter().collect());
        self
    }

    /// Only this hook.
    pub fn hook(mut self, hook: Hook) -> Self {
        self.hook = Some(hook);
        self
    }

    /// Only exactly these args.
    pub fn args(mut self, args: Args) -> Self {
        self.args = Some(ArgsMatch::Exact(args));
        self
    }

    /// Only args that match so.
    pub fn args_match(mut self, args: ArgsMatch) -> Self {
        self.args = Some(args);
        self
    }

    /// Only this group.
    pub fn group(mut self, group: Group) -> Self {
        self.group = Some(group);
        self
    }

    /// Also this status; with none named, any.
    pub fn status(mut self, status: Status) -> Self {
        if !self.statuses.contains(&status) {
            self.statuses.push(status);
        }
        self
    }

    /// Only actions whose scheduled date compares so.
    pub fn scheduled(mut self, comparator: Comparator, date: Timestamp) -> Self {
        self.scheduled.push((comparator, date));
        self
    }

    /// Only actions whose latest change compares so.
    pub fn modified(mut self, comparator: Comparator, date: Timestamp) -> Self {
        self.modified.push((comparator, date));
        self
    }

    /// Only pending actions that are due at `now`.
    pub fn past_due(self, now: Timestamp) -> Self {
        self.status(Status::Pending).scheduled(Comparator::LessOrEqual, now)
    }

    /// Only actions that are, or are not, claimed.
    pub fn claimed(mut self, claimed: Claimed) -> Self {
        self.claimed = Some(claimed);
        self
    }

    /// Only instances of this chain.
    pub fn chain(mut self, chain: ChainId) -> Self {
        self.chain = Some(chain);
        self
    }

    /// Only actions whose hook or args contain this text, or whose id or claim id it is.
    pub fn search(mut self, text: impl Into<String>) -> Self {
        self.search = Some(text.into());
        self
    }

    /// Sorted so.
    pub fn order(mut self, by: OrderBy, order: Order) -> Self {
        (self.order_by, self.order) = (by, order);
        self
    }

    /// At most so many.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// However many there are.
    pub fn unlimited(mut self) -> Self {
        self.limit = None;
        self
    }

    /// Without the first so many.
    pub fn offset(mut self, offset: u32) -> Self {
        self.offset = offset;
        self
    }

    /// Only what comes after this place in the order: the next page.
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// Looks at no more than so many actions, however large the store: what keeps searching and sorting fast, and a
    /// count exact up to so many.
    ///
    /// They are the first by scheduled date among those that an index finds: in the query's own direction and after its
    /// cursor when it is sorted by date, the newest first in any other order. All else that the query asks for is looked
    /// for within these, and they are sorted. An index finds actions by
    ///
    /// - their ids, and all of chain, hook, group and status with them; else
    /// - their chain; else
    /// - their hook, and status; else
    /// - their group, and status; else
    /// - their status alone;
    ///
    /// and by a scheduled date that is compared with anything but `!=`. [`Query::window`] is the query for them.
    ///
    /// A [`Query::search`] for a number also finds the action with this id, and what is pending or in-progress under the
    /// claim with this id, however far away they are.
    ///
    /// ```
    /// use action_scheduler::query::{Order, OrderBy};
    /// use action_scheduler::Query;
    /// // The slowest question there is: text anywhere, in an order that has no index.
    /// let query = Query::new().search("order 42").order(OrderBy::LogEntries, Order::Descending).within(10_000);
    /// ```
    pub fn within(mut self, actions: u32) -> Self {
        self.within = Some(actions);
        self
    }

    /// The query for all actions that this one looks at, in the order in which it does; none without [`Query::within`].
    ///
    /// The last of them is the place from which a search by date goes on, whatever it has found:
    /// `query.window().map(|all| all.offset(n - 1).limit(1))` for a window of `n`.
    pub fn window(&self) -> Option<Self> {
        let limit = Some(self.within?);
        let mut window = Self {
            scheduled: self.scheduled.clone(),
            limit,
            order: Order::Descending,
            ..Self::default()
        };
        window.scheduled.retain(|(comparator, _)| *comparator != Comparator::NotEqual);
        if self.order_by == OrderBy::Date {
            (window.order, window.after) = (self.order, self.after.clone());
        }
        if self.ids.is_some() {
            window.ids.clone_from(&self.ids);
            window.chain = self.chain;
            window.hook.clone_from(&self.hook);
            window.group.clone_from(&self.group);
            window.statuses.clone_from(&self.statuses);
        } else if self.chain.is_some() {
            window.chain = self.chain;
        } else {
            window.statuses.clone_from(&self.statuses);
            match self.hook {
                Some(_) => window.hook.clone_from(&self.hook),
                None => window.group.clone_from(&self.group),
            }
        }
        Some(window)
    }

    /// Whether it asks for nothing but the first of its window, so that a list of them ends by itself.
    pub(crate) fn is_its_window(&self, window: &Self) -> bool {
        let asked = Self { within: None, limit: window.limit, offset: 0, ..self.clone() };
        asked == *window
    }

    /// The whole number that is searched for, which may be the id of an action or of a claim.
    pub(crate) fn number_searched(&self) -> Option<i64> {
        self.search.as_deref()?.trim().parse().ok().filter(|number| *number > 0)
    }

    /// The place of an action in the order of this query, for [`Query::after`].
    pub fn cursor(&self, action: &Action) -> Cursor {
        let time = |at: Option<Timestamp>| at.map_or(CursorKey::Unset, CursorKey::Time);
        let key = match self.order_by {
            OrderBy::Date => CursorKey::Time(action.scheduled_at),
            OrderBy::Modified => CursorKey::Time(action.modified_at()),
            OrderBy::Started => time(action.started_at),
            OrderBy::Finished => time(action.finished_at),
            OrderBy::Claim => action
                .claim
                .map_or(CursorKey::Unset, |claim| CursorKey::Number(claim.get().unsigned_abs())),
            OrderBy::LogEntries => CursorKey::Number(action.log_entries.into()),
            OrderBy::Hook => CursorKey::Text(action.hook.as_str().to_owned()),
            OrderBy::Group => CursorKey::Text(action.group.as_str().to_owned()),
            OrderBy::Id | OrderBy::None => CursorKey::Id,
        };
        Cursor { key, id: action.id }
    }

    /// Refuses a cursor that was made by a query of another order.
    pub fn check(&self) -> Result<(), Invalid> {
        let fits = |key: &CursorKey| match self.order_by {
            OrderBy::Date | OrderBy::Modified => matches!(key, CursorKey::Time(_)),
            OrderBy::Started | OrderBy::Finished => {
                matches!(key, CursorKey::Time(_) | CursorKey::Unset)
            }
            OrderBy::Claim => matches!(key, CursorKey::Number(_) | CursorKey::Unset),
            OrderBy::LogEntries => matches!(key, CursorKey::Number(_)),
            OrderBy::Hook | OrderBy::Group => matches!(key, CursorKey::Text(_)),
            OrderBy::Id | OrderBy::None => *key == CursorKey::Id,
        };
        match &self.after {
            Some(cursor) if !fits(&cursor.key) => Err(Invalid::new(
                "cursor",
                format!("{cursor:?}"),
                "it was made by a query with another order; start again from the first page",
            )),
            _ => Ok(()),
        }
    }
}

/// How args are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArgsMatch {
    /// They are the same.
    Exact(Args),
    /// Their JSON text contains this text.
    ContainsText(String),
    /// They have each of these top-level keys (or elements) with the same value.
    ContainsJson(Args),
}

/// Whether, and by what, an action is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// It has or had a claim.
    Any,
    /// It never had one, or went back to the queue.
    None,
    /// It has or had this claim.
    By(ClaimId),
}

/// A comparison with a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparator {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
}

impl Comparator {
    /// The sign, such as `<=`.
    pub fn as_str(self) -> &'static str {
        match self {
            Comparator::Less => "<",
            Comparator::LessOrEqual => "<=",
            Comparator::Equal => "=",
            Comparator::NotEqual => "!=",
            Comparator::GreaterOrEqual => ">=",
            Comparator::Greater => ">",
        }
    }

    /// Whether `left` compares so with `right`.
    pub fn holds<T: Ord>(self, left: &T, right: &T) -> bool {
        match self {
            Comparator::Less => left < right,
            Comparator::LessOrEqual => left <= right,
            Comparator::Equal => left == right,
            Comparator::NotEqual => left != right,
            Comparator::GreaterOrEqual => left >= right,
            Comparator::Greater => left > right,
        }
    }
}

impl FromStr for Comparator {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        use Comparator::*;
        [Less, LessOrEqual, Equal, NotEqual, GreaterOrEqual, Greater]
            .into_iter()
            .find(|comparator| comparator.as_str() == text)
            .ok_or_else(|| Invalid::new("comparator", text, "expected one of: != > >= < <= ="))
    }
}

/// What actions are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OrderBy {
    /// The scheduled date.
    #[default]
    Date,
    /// The hook's name.
    Hook,
    /// The group's name.
    Group,
    /// The latest change.
    Modified,
    /// The start of the latest attempt; what never started is the smallest.
    Started,
    /// The end; what has not ended is the smallest.
    Finished,
    /// The id of the claim; what has none is the smallest.
    Claim,
    /// How many entries the log has.
    LogEntries,
    /// The id.
    Id,
    /// Whatever is fastest; pages are still stable.
    None,
}

impl FromStr for OrderBy {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Ok(match text {
            "date" => OrderBy::Date,
            "hook" => OrderBy::Hook,
            "group" => OrderBy::Group,
            "modified" => OrderBy::Modified,
            "started" => OrderBy::Started,
            "finished" | "completed" => OrderBy::Finished,
            "claim_id" => OrderBy::Claim,
            "log_entries" => OrderBy::LogEntries,
            "id" | "action_id" => OrderBy::Id,
            "none" => OrderBy::None,
            _ => {
                let expected = "expected date, hook, group, modified, started, finished, claim_id, \
                                log_entries, action_id or none";
                return Err(Invalid::new("order by", text, expected));
            }
        })
    }
}

/// Which way actions are sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// The smallest first.
    #[default]
    Ascending,
    /// The largest first.
    Descending,
}

impl FromStr for Order {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.to_ascii_lowercase().as_str() {
            "asc" => Ok(Order::Ascending),
            "desc" => Ok(Order::Descending),
            _ => Err(Invalid::new("order", text, "expected asc or desc")),
        }
    }
}

/// A place in an ordered list of actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The value the list is sorted by.
    pub key: CursorKey,
    /// The id, which decides between equals.
    pub id: ActionId,
}

/// The value a list is sorted by, at a [`Cursor`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CursorKey {
    /// A date.
    Time(Timestamp),
    /// A name.
    Text(String),
    /// A number.
    Number(u64),
    /// It has no value, and comes before all that have one.
    Unset,
    /// The id alone.
    Id,
}
