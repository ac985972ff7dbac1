//! What a list of actions shows. All of it is in the URL, so that a view can be sent to a colleague.

use action_scheduler::query::{Claimed, Comparator, Cursor, Order, OrderBy};
use action_scheduler::time::parse_date;
use action_scheduler::time::words::Dates;
use action_scheduler::{ChainId, ClaimId, Group, Hook, Query, Status};
use jiff::Timestamp;

use super::columns::Column;
use crate::admin::link::Link;
use crate::admin::preferences::ROWS;
use crate::http::Problem;

/// How many actions are looked at, at most, where no index answers the question.
pub(in crate::admin) const WINDOW: u32 = 10_000;
/// How many rows a page shows unless something else is asked for.
const USUAL_ROWS: u32 = 50;

/// What a list of actions shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::admin) struct View {
    /// Only these.
    pub(super) scope: Scope,
    /// Only what contains this text.
    pub(super) search: String,
    /// Only this hook; empty is any.
    pub(super) hook: String,
    /// Only this group; empty is any.
    pub(super) group: String,
    /// Only actions that are in no group.
    pub(super) no_group: bool,
    /// Only from this date on, as it was typed.
    pub(super) from: String,
    /// Only before this date, as it was typed.
    pub(super) until: String,
    /// Only instances of this chain.
    pub(super) chain: Option<ChainId>,
    /// Only what this claim holds or held.
    pub(super) claim: Option<ClaimId>,
    /// What it is sorted by, if it was said.
    pub(super) sort: Option<OrderBy>,
    /// Which way, if it was said.
    pub(super) order: Option<Order>,
    /// How many rows, if it was said.
    pub(super) rows: Option<u32>,
    /// Which columns, if it was said.
    pub(super) columns: Option<Vec<Column>>,
    /// Which page.
    pub(super) place: Place,
}

/// Which part of all actions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Scope {
    /// All.
    #[default]
    All,
    /// Those of a status.
    Status(Status),
    /// Pending, and their date has come.
    PastDue,
}

/// Which page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// The first.
    #[default]
    Start,
    /// The one after this place.
    After(Cursor),
    /// The one before this place.
    Before(Cursor),
}

/// What lists are sorted by, as URLs name it.
const SORTS: [(OrderBy, &str); 9] = [
    (OrderBy::Date, "scheduled"),
    (OrderBy::Hook, "hook"),
    (OrderBy::Group, "group"),
    (OrderBy::Started, "started"),
    (OrderBy::Finished, "finished"),
    (OrderBy::Claim, "claim"),
    (OrderBy::LogEntries, "log"),
    (OrderBy::Modified, "modified"),
    (OrderBy::Id, "id"),
];

impl Scope {
    /// All of them, in the order of the page.
    pub(super) const EVERY: [Scope; 7] = [
        Scope::All,
        Scope::PastDue,
        Scope::Status(Status::Pending),
        Scope::Status(Status::InProgress),
        Scope::Status(Status::Complete),
        Scope::Status(Status::Failed),
        Scope::Status(Status::Canceled),
    ];

    /// As URLs name it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Scope::All => "",
            Scope::PastDue => "past-due",
            Scope::Status(status) => status.as_str(),
        }
    }
}

impl View {
    /// What the pairs of a query ask for. Keys that are not known are passed over; values that cannot be understood are
    /// refused.
    pub(in crate::admin) fn read(pairs: &[(String, String)]) -> Result<Self, Problem> {
        let mut view = Self::default();
        for (key, value) in pairs {
            let value = value.trim();
            if !value.is_empty() {
                view.set(key, value)?;
            }
        }
        Ok(view)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Problem> {
        let expected = |what: &str| Problem::invalid(key, format!("{value:?}: expected {what}"));
        match key {
            "status" => {
                let known = Scope::EVERY.into_iter().find(|scope| scope.as_str() == value);
                self.scope = known.ok_or_else(|| {
                    expected("past-due, pending, in-progress, complete, failed or canceled")
                })?;
            }
            "search" => self.search = value.to_owned(),
            "hook" => self.hook = value.to_owned(),
            "group" => self.group = value.to_owned(),
            "no_group" => self.no_group = value == "1",
            "from" => self.from = value.to_owned(),
            "until" => self.until = value.to_owned(),
            "chain" => self.chain = Some(value.parse().map_err(|_| expected("the id of a chain"))?),
            "claim" => self.claim = Some(value.parse().map_err(|_| expected("the id of a claim"))?),
            "sort" => {
                let known = SORTS.iter().find(|(_, name)| *name == value);
                let names: Vec<&str> = SORTS.iter().map(|(_, name)| *name).collect();
                let (by, _) = known.ok_or_else(|| expected(&names.join(", ")))?;
                self.sort = Some(*by);
            }
            "order" => self.order = Some(value.parse().map_err(|_| expected("asc or desc"))?),
            "rows" => {
                let rows = value.parse().ok().filter(|rows| ROWS.contains(rows));
                self.rows = Some(rows.ok_or_else(|| expected("20, 50, 100, 200 or 500"))?);
            }
            "columns" => {
                let columns = Column::read_list(value);
                self.columns = Some(columns.ok_or_else(|| {
                    let names: Vec<&str> = Column::ALL.map(Column::as_str).to_vec();
                    expected(&format!("some of {}, with commas between", names.join(", ")))
                })?);
            }
            "after" => self.place = Place::After(cursor(key, value)?),
            "before" => self.place = Place::Before(cursor(key, value)?),
            _ => {}
        }
        Ok(())
    }

    /// The pairs that [`View::read`] reads, without the page.
    pub(in crate::admin) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        let mut add = |key, value: String| {
            if !value.is_empty() {
                pairs.push((key, value));
            }
        };
        add("status", self.scope.as_str().to_owned());
        add("search", self.search.clone());
        add("hook", self.hook.clone());
        add("group", self.group.clone());
        add("no_group", if self.no_group { "1".to_owned() } else { String::new() });
        add("from", self.from.clone());
        add("until", self.until.clone());
        add("chain", self.chain.map(|id| id.to_string()).unwrap_or_default());
        add("claim", self.claim.map(|id| id.to_string()).unwrap_or_default());
        let sort = self.sort.and_then(|by| SORTS.iter().find(|(known, _)| *known == by));
        add("sort", sort.map(|(_, name)| (*name).to_owned()).unwrap_or_default());
        add("order", self.order.map(order_text).unwrap_or_default().to_owned());
        add("rows", self.rows.map(|rows| rows.to_string()).unwrap_or_default());
        add("columns", self.columns.as_deref().map(Column::write_list).unwrap_or_default());
        pairs
    }

    /// The link to this view, on its page.
    pub(in crate::admin) fn link(&self) -> Link {
        let link = Link::to("/actions").with_all(self.pairs());
        match &self.place {
            Place::Start => link,
            Place::After(cursor) => link.with("after", cursor),
            Place::Before(cursor) => link.with("before", cursor),
        }
    }

    /// The same view from its first page.
    pub(in crate::admin) fn at_start(&self) -> Self {
        Self { place: Place::Start, ..self.clone() }
    }

    /// The same view on another page.
    pub(super) fn at(&self, place: Place) -> Self {
        Self { place, ..self.clone() }
    }

    /// What it is sorted by.
    pub(super) fn sorted_by(&self) -> OrderBy {
        self.sort.unwrap_or(OrderBy::Date)
    }

    /// Which way it is sorted: what is to come by the nearest date, what was by the latest.
    pub(super) fn direction(&self) -> Order {
        let waits = matches!(self.scope, Scope::PastDue | Scope::Status(Status::Pending));
        match (self.order, self.sorted_by()) {
            (Some(order), _) => order,
            (None, OrderBy::Date) if waits => Order::Ascending,
            (None, OrderBy::Hook | OrderBy::Group) => Order::Ascending,
            (None, _) => Order::Descending,
        }
    }

    /// How many rows a page has, where someone prefers so many.
    pub(super) fn rows(&self, preferred: Option<u32>) -> u32 {
        self.rows.or(preferred).unwrap_or(USUAL_ROWS)
    }

    /// Whether anything but the status narrows it.
    pub(super) fn is_filtered(&self) -> bool {
        let plain = Self { scope: self.scope, ..Self::default() };
        let only_filters =
            Self { sort: None, order: None, rows: None, columns: None, ..self.at_start() };
        plain != only_filters
    }

    /// The question it asks of the store, page and number of rows aside. Dates are read in a zone.
    pub(in crate::admin) fn query(&self, dates: &Dates) -> Result<Query, Problem> {
        let mut query = Query::new().order(self.sorted_by(), self.direction());
        query = match self.scope {
            Scope::All => query,
            Scope::Status(status) => query.status(status),
            Scope::PastDue => query.past_due(dates.now),
        };
        if !self.hook.is_empty() {
            query = query.hook(Hook::from_stored(self.hook.as_str()));
        }
        if self.no_group {
            query = query.group(Group::default());
        } else if !self.group.is_empty() {
            query = query.group(Group::from_stored(self.group.as_str()));
        }
        if let Some(from) = self.first_date(dates)? {
            query = query.scheduled(Comparator::GreaterOrEqual, from);
        }
        if let Some(until) = self.until_date(dates)? {
            query = query.scheduled(Comparator::Less, until);
        }
        if let Some(chain) = self.chain {
            query = query.chain(chain);
        }
        if let Some(claim) = self.claim {
            query = query.claimed(Claimed::By(claim));
        }
        if !self.search.is_empty() {
            query = query.search(self.search.as_str());
        }
        Ok(if self.needs_window() { query.within(WINDOW) } else { query })
    }

    /// Whether no index answers it, so that only so many actions are looked at.
    pub(super) fn needs_window(&self) -> bool {
        let two_names = !self.hook.is_empty() && (self.no_group || !self.group.is_empty());
        let chain_and_more = self.chain.is_some() && self.scope != Scope::All;
        !self.search.is_empty()
            || self.claim.is_some()
            || two_names
            || chain_and_more
            || !matches!(self.sorted_by(), OrderBy::Date | OrderBy::Id)
            || (self.sorted_by() == OrderBy::Id && self.is_filtered())
            || (self.sorted_by() == OrderBy::Id && self.scope != Scope::All)
    }

    /// The date it begins with.
    pub(super) fn first_date(&self, dates: &Dates) -> Result<Option<Timestamp>, Problem> {
        date("from", &self.from, dates)
    }

    /// The date it ends before.
    pub(super) fn until_date(&self, dates: &Dates) -> Result<Option<Timestamp>, Problem> {
        date("until", &self.until, dates)
    }
}

/// `asc` or `desc`.
pub(super) fn order_text(order: Order) -> &'static str {
    match order {
        Order::Ascending => "asc",
        Order::Descending => "desc",
    }
}

fn date(field: &'static str, text: &str, dates: &Dates) -> Result<Option<Timestamp>, Problem> {
    match text {
        "" => Ok(None),
        text => parse_date(text, dates.now, &dates.zone)
            .map(Some)
            .map_err(|error| Problem::invalid(field, error.to_string())),
    }
}

fn cursor(field: &str, text: &str) -> Result<Cursor, Problem> {
    text.parse().map_err(|_| {
        Problem::invalid(field, "this link to a page is damaged; start again from the first page")
    })
}

#[cfg(test)]
mod tests {
    use action_scheduler::query::CursorKey;
    use jiff::tz::TimeZone;

    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        text.split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    fn dates() -> Dates {
        Dates { zone: TimeZone::UTC, now: "2026-01-15T12:00:00Z".parse().unwrap() }
    }

    #[test]
    fn a_view_survives_its_url() {
        let text = "status=failed&search=order 42&hook=send&group=g&from=yesterday&until=now&chain=3&claim=4\
                    &sort=log&order=asc&rows=100&columns=hook,status";
        let view = View::read(&pairs(text)).unwrap();
        let written: Vec<(String, String)> =
            view.pairs().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        assert_eq!(written, pairs(text));
        assert_eq!(View::read(&written).unwrap(), view);
    }

    #[test]
    fn what_waits_is_sorted_by_the_nearest_date_and_what_was_by_the_latest() {
        let order = |text| View::read(&pairs(text)).unwrap().direction();
        assert_eq!(order("status=pending"), Order::Ascending);
        assert_eq!(order("status=past-due"), Order::Ascending);
        assert_eq!(order("status=failed"), Order::Descending);
        assert_eq!(order("status=failed&order=asc"), Order::Ascending);
    }

    #[test]
    fn what_no_index_answers_is_looked_for_within_a_window() {
        let within = |text| View::read(&pairs(text)).unwrap().query(&dates()).unwrap().within;
        for text in
            ["", "status=failed", "hook=a&status=failed", "group=g&from=yesterday", "chain=3"]
        {
            assert_eq!(within(text), None, "{text}");
        }
        for text in ["search=a", "sort=log", "claim=4", "hook=a&group=b", "sort=id&status=failed"] {
            assert_eq!(within(text), Some(WINDOW), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_understood_names_its_field() {
        for (text, field) in [
            ("status=done", "status"),
            ("sort=colour", "sort"),
            ("rows=7", "rows"),
            ("columns=a", "columns"),
            ("chain=x", "chain"),
            ("after=zzz", "after"),
        ] {
            assert_eq!(View::read(&pairs(text)).unwrap_err().field(), Some(field), "{text}");
        }
        let view = View::read(&pairs("from=tomorow")).unwrap();
        assert_eq!(view.query(&dates()).unwrap_err().field(), Some("from"));
    }

    #[test]
    fn a_page_is_part_of_the_link() {
        let id = action_scheduler::ActionId::new(7).unwrap();
        let view = View::default().at(Place::After(Cursor { key: CursorKey::Id, id }));
        assert!(view.link().as_str().starts_with("/actions?after="));
        assert_eq!(view.at_start().link().as_str(), "/actions");
    }
}
