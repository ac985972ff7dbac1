//! The columns of the list of actions.

use std::collections::HashMap;

use action_scheduler::query::{Order, OrderBy};
use action_scheduler::text::safe;
use action_scheduler::{Action, ActionId, LogEntry, Schedule};
use maud::{Markup, html};

use super::view::{View, order_text};
use crate::admin::components::dates::{between, date, length, precise};
use crate::admin::components::icon::{Icon, icon};
use crate::admin::components::status::{Shown, mark};
use crate::admin::components::{args, table, text};
use crate::admin::link::Link;
use crate::admin::visit::Visit;

macro_rules! columns {
    ($($name:ident = $code:literal, $label:literal, $sort:expr;)*) => {
        /// A column of the list of actions.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(in crate::admin) enum Column {
            $(#[doc = $label] $name,)*
        }

        impl Column {
            /// All of them, in their order.
            pub(in crate::admin) const ALL: [Column; 14] = [$(Column::$name,)*];

            /// As URLs name it.
            pub(in crate::admin) fn as_str(self) -> &'static str {
                match self { $(Column::$name => $code,)* }
            }

            /// As people read it.
            pub(in crate::admin) fn label(self) -> &'static str {
                match self { $(Column::$name => $label,)* }
            }

            /// What it sorts the list by, if it does.
            fn sort(self) -> Option<OrderBy> {
                match self { $(Column::$name => $sort,)* }
            }
        }
    };
}

columns! {
    Id = "id", "Id", Some(OrderBy::Id);
    Hook = "hook", "Hook", Some(OrderBy::Hook);
    Status = "status", "Status", None;
    Args = "args", "Args", None;
    Group = "group", "Group", Some(OrderBy::Group);
    Recurrence = "recurrence", "Recurrence", None;
    Priority = "priority", "Priority", None;
    Scheduled = "scheduled", "Scheduled", Some(OrderBy::Date);
    Started = "started", "Started", Some(OrderBy::Started);
    Finished = "finished", "Finished", Some(OrderBy::Finished);
    Duration = "duration", "Duration", None;
    Attempts = "attempts", "Attempts", None;
    Claim = "claim", "Claim", Some(OrderBy::Claim);
    Log = "log", "Log", Some(OrderBy::LogEntries);
}

/// What is shown unless something else is asked for.
const USUAL: [Column; 7] = [
    Column::Hook,
    Column::Status,
    Column::Args,
    Column::Group,
    Column::Recurrence,
    Column::Scheduled,
    Column::Log,
];

impl Column {
    /// The columns in a text such as `hook,status`; none when one is not known, or there are none.
    pub(in crate::admin) fn read_list(text: &str) -> Option<Vec<Self>> {
        let known =
            |name: &str| Self::ALL.into_iter().find(|column| column.as_str() == name.trim());
        let asked: Vec<Self> = text.split(',').map(known).collect::<Option<_>>()?;
        let columns: Vec<Self> =
            Self::ALL.into_iter().filter(|column| asked.contains(column)).collect();
        (!columns.is_empty()).then_some(columns)
    }

    /// The text that [`Column::read_list`] reads.
    pub(in crate::admin) fn write_list(columns: &[Self]) -> String {
        columns.iter().map(|column| column.as_str()).collect::<Vec<_>>().join(",")
    }

    /// Its heading: a link that sorts by it, or the other way around.
    pub(super) fn head(self, view: &View, visit: &Visit) -> table::Column {
        let column = match self {
            Column::Duration | Column::Attempts | Column::Priority | Column::Id | Column::Claim => {
                table::Column::number(self.label())
            }
            Column::Hook => table::Column::new(self.label()).class("hook"),
            Column::Status => table::Column::new(self.label()).class("tight"),
            Column::Log => table::Column::new(self.label()).class("log"),
            Column::Recurrence => table::Column::new(self.label()).class("recurrence"),
            Column::Args => table::Column::new(self.label()).class("args-cell"),
            _ => table::Column::new(self.label()),
        };
        let Some(by) = self.sort() else { return column };
        let (is_current, direction) = (by == view.sorted_by(), view.direction());
        let order = match (is_current, direction) {
            (true, Order::Ascending) => Order::Descending,
            (true, Order::Descending) => Order::Ascending,
            (false, _) if matches!(by, OrderBy::Hook | OrderBy::Group) => Order::Ascending,
            (false, _) => Order::Descending,
        };
        let sorted = View { sort: Some(by), order: Some(order), ..view.at_start() };
        let (shape, aria) = match direction {
            Order::Ascending => (Icon::ArrowUp, "ascending"),
            Order::Descending => (Icon::ArrowDown, "descending"),
        };
        let heading = html! {
            a href=(visit.href(sorted.link())) title={ "Sort by this, " (order_text(order)) "ending" } {
                (self.label()) @if is_current { (icon(shape)) }
            }
        };
        column.heading(heading).sorted(is_current.then_some(aria))
    }

    /// What an action has in it; the hook also has what can be done to it.
    pub(super) fn cell(self, action: &Action, logs: &Logs, visit: &Visit, tools: Markup) -> Markup {
        let dates = &visit.dates;
        let optional = |at| match at {
            Some(at) => date(dates, at),
            None => text::none(),
        };
        match self {
            Column::Id => html! { (action.id) },
            Column::Hook => html! {
                a href=(visit.href(format!("/actions/{}", action.id))) { (text::name(action.hook.as_str())) }
                " " span .sub { "#" (action.id) (tools) }
            },
            Column::Status => html! {
                (mark(Shown::of(action, dates.now)))
                @if action.attempts.0 > 1 { span .sub { "attempt " (action.attempts) } }
            },
            Column::Args => args::line(visit.args(action).as_str()),
            Column::Group => match action.group.as_str() {
                "" => text::group(&action.group),
                group => html! {
                    a .plain href=(visit.href(Link::to("/actions").with("group", group))) { (text::group(&action.group)) }
                },
            },
            Column::Recurrence => recurrence(action, visit),
            Column::Priority => html! { (action.priority) },
            Column::Scheduled => match (&action.schedule, action.started_at) {
                (Schedule::Async, None) => html! {
                    (date(dates, action.scheduled_at)) span .sub { "as soon as possible" }
                },
                _ => date(dates, action.scheduled_at),
            },
            Column::Started => optional(action.started_at),
            Column::Finished => optional(action.finished_at),
            Column::Duration => match duration(action) {
                Some(ran) => html! { (ran) },
                None => text::none(),
            },
            Column::Attempts => html! { (action.attempts) },
            Column::Claim => match action.claim {
                Some(claim) => html! {
                    a .plain href=(visit.href(Link::to("/actions").with("claim", claim))) { (claim) }
                },
                None => text::none(),
            },
            Column::Log => logs.cell(action, visit),
        }
    }
}

/// How long the latest attempt ran, if it has ended.
pub(super) fn duration(action: &Action) -> Option<String> {
    let (started, finished) = (action.started_at?, action.finished_at?);
    between(started, finished).map(length)
}

/// How an action recurs, with a link to its chain.
pub(super) fn recurrence(action: &Action, visit: &Visit) -> Markup {
    match (&action.schedule, action.chain) {
        (Schedule::Recurring(_), Some(chain)) => html! {
            a .plain href=(visit.href(format!("/schedules/{chain}"))) { (action.schedule) }
        },
        (Schedule::Recurring(_), None) => html! { (action.schedule) },
        (Schedule::Async | Schedule::Single(_), _) => html! { span .muted { (action.schedule) } },
    }
}

/// The columns a list shows: what its URL says, else what someone prefers, else the usual ones.
pub(super) fn shown(view: &View, visit: &Visit) -> Vec<Column> {
    let preferred = || visit.preferences.columns.as_deref().and_then(Column::read_list);
    view.columns.clone().or_else(preferred).unwrap_or_else(|| USUAL.to_vec())
}

/// The logs of the actions of a page.
#[derive(Debug, Default)]
pub(super) struct Logs(HashMap<ActionId, Vec<LogEntry>>);

impl Logs {
    /// Logs of many are not shown in a list when they are longer than this.
    pub(super) const MOST: u32 = 20;

    /// By action.
    pub(super) fn new(entries: Vec<LogEntry>) -> Self {
        let mut logs: HashMap<ActionId, Vec<LogEntry>> = HashMap::new();
        for entry in entries {
            logs.entry(entry.action).or_default().push(entry);
        }
        Self(logs)
    }

    fn cell(&self, action: &Action, visit: &Visit) -> Markup {
        let count = action.log_entries;
        let whole = visit.href(format!("/actions/{}#log", action.id));
        let Some((last, entries)) = self.0.get(&action.id).and_then(|all| Some((all.last()?, all)))
        else {
            return match count {
                0 => text::none(),
                _ => html! { a .plain href=(whole) { (count) " entries" } },
            };
        };
        let line = |entry: &LogEntry| {
            let whole = visit.text(action, &entry.text());
            let line = whole.lines().next().unwrap_or_default().to_owned();
            let cut = line.char_indices().nth(140).map_or(line.len(), |(end, _)| end);
            let is_cut = cut < line.len() || whole.lines().nth(1).is_some();
            let start = line.get(..cut).unwrap_or(&line);
            html! { (safe(start)) @if is_cut { "…" } }
        };
        html! {
            details data-key={ "log-" (action.id) } {
                summary { (line(last)) span .sub { (count) @if count == 1 { " entry" } @else { " entries" } } }
                ol .entries {
                    @for entry in entries { li { (precise(&visit.dates, entry.at)) " " (line(entry)) } }
                }
                a .plain href=(whole) { "Whole log" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_in_their_own_order() {
        let columns = Column::read_list("log, hook").unwrap();
        assert_eq!(columns, [Column::Hook, Column::Log]);
        assert_eq!(Column::write_list(&columns), "hook,log");
        assert_eq!(Column::read_list("hook,colour"), None);
        assert_eq!(Column::read_list(""), None);
    }
}
