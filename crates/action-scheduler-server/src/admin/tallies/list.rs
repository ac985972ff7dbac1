//! The lists of hooks and of groups.

use action_scheduler::store::{Tally, TallyBy};
use action_scheduler::{Hook, Status};
use axum::extract::Query;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use crate::admin::components::empty::empty;
use crate::admin::components::form::hidden;
use crate::admin::components::icon::{Icon, icon};
use crate::admin::components::pager::{Pager, pager};
use crate::admin::components::status::Shown;
use crate::admin::components::table::{Column, Row, table};
use crate::admin::components::text;
use crate::admin::layout::{Page, Place};
use crate::admin::link::Link;
use crate::admin::trouble::Trouble;
use crate::admin::visit::Visit;

/// The statuses that are counted, as the columns show them.
const COUNTED: [(Status, &str); 5] = [
    (Status::Pending, "Pending"),
    (Status::InProgress, "In progress"),
    (Status::Failed, "Failed"),
    (Status::Complete, "Complete"),
    (Status::Canceled, "Canceled"),
];

/// Which are asked for, and in which order.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    search: String,
    sort: String,
    page: u32,
}

pub(super) async fn hooks(visit: Visit, Query(wanted): Query<Wanted>) -> Result<Response, Trouble> {
    let mut tallies = visit.site.tallies(TallyBy::Hook).await?;
    // A hook that is bound or has a policy of its own may have no actions yet.
    let scheduler = visit.site.scheduler();
    for hook in scheduler.hooks().await? {
        if !tallies.iter().any(|tally| tally.name == hook.as_str()) {
            tallies.push(Tally { name: hook.to_string(), counts: Default::default() });
        }
    }
    let intro =
        html! { "What actions are called, and what is done for each. Counts lead to the actions." };
    Ok(show(&visit, &wanted, &Kind::HOOKS, tallies, intro))
}

pub(super) async fn groups(
    visit: Visit,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Trouble> {
    let tallies = visit.site.tallies(TallyBy::Group).await?;
    let intro =
        html! { "Actions that belong together. Runners can be given one group, or all but some." };
    Ok(show(&visit, &wanted, &Kind::GROUPS, tallies, intro))
}

/// What a list is about.
struct Kind {
    place: Place,
    title: &'static str,
    path: &'static str,
    /// The key of the list of actions.
    key: &'static str,
    heading: &'static str,
    icon: Icon,
}

impl Kind {
    const HOOKS: Kind = Kind {
        place: Place::Hooks,
        title: "Hooks",
        path: "/hooks",
        key: "hook",
        heading: "Hook",
        icon: Icon::Hook,
    };
    const GROUPS: Kind = Kind {
        place: Place::Groups,
        title: "Groups",
        path: "/groups",
        key: "group",
        heading: "Group",
        icon: Icon::Layers,
    };

    fn link(&self, wanted: &Wanted, sort: &str, page: u32) -> Link {
        let mut link = Link::to(self.path);
        if !wanted.search.is_empty() {
            link = link.with("search", &wanted.search);
        }
        if !sort.is_empty() {
            link = link.with("sort", sort);
        }
        if page > 0 { link.with("page", page) } else { link }
    }

    fn is_hooks(&self) -> bool {
        self.key == "hook"
    }
}

fn show(
    visit: &Visit,
    wanted: &Wanted,
    kind: &Kind,
    mut tallies: Vec<Tally>,
    intro: Markup,
) -> Response {
    let needle = wanted.search.trim().to_lowercase();
    tallies.retain(|tally| tally.name.to_lowercase().contains(&needle));
    sort(&mut tallies, &wanted.sort);
    let rows = visit.preferences.rows.unwrap_or(50);
    let (total, size) = (tallies.len(), rows as usize);
    let begin = (wanted.page as usize).saturating_mul(size);
    let page: Vec<Tally> = tallies.into_iter().skip(begin).take(size).collect();
    let end = begin + page.len();
    let content = html! {
        div .bar {
            form .search role="search" method="get" action=(visit.href(kind.path)) {
                @if !wanted.sort.is_empty() { (hidden("sort", &wanted.sort)) }
                label .hidden for="search" { "Search" }
                input #search type="search" name="search" value=(wanted.search) placeholder=(kind.heading)
                    autocomplete="off" spellcheck="false";
                button .button type="submit" { (icon(Icon::Search)) "Find" }
            }
        }
        div data-live="tallies" {
            @if page.is_empty() { (nothing(visit, wanted, kind)) } @else {
                (tallies_table(visit, wanted, kind, &page))
            }
        }
        @if total > size {
            (pager(&Pager {
                first: (wanted.page > 1).then(|| visit.href(kind.link(wanted, &wanted.sort, 0))),
                previous: wanted.page.checked_sub(1)
                    .map(|page| visit.href(kind.link(wanted, &wanted.sort, page))),
                next: (end < total)
                    .then(|| visit.href(kind.link(wanted, &wanted.sort, wanted.page.saturating_add(1)))),
                shown: html! { (begin + 1) " to " (end) " of " (text::number(total as u64)) },
            }))
        }
    };
    visit.show(Page::new(kind.place, kind.title).intro(intro).body(content).live())
}

/// By name, or the most of a status first.
fn sort(tallies: &mut [Tally], by: &str) {
    tallies.sort_by(|a, b| a.name.cmp(&b.name));
    if let Ok(status) = by.parse::<Status>() {
        tallies.sort_by_key(|tally| std::cmp::Reverse(tally.count(status)));
    }
}

fn nothing(visit: &Visit, wanted: &Wanted, kind: &Kind) -> Markup {
    match wanted.search.trim() {
        "" => empty(
            kind.icon,
            "There are none yet",
            html! { p { "They are here as soon as there is an action." } },
        ),
        text => empty(
            kind.icon,
            "No such name",
            html! {
                p { "No name contains " code { (text::plain(text)) } ". "
                    a href=(visit.href(kind.path)) { "Show all" } "." }
            },
        ),
    }
}

fn tallies_table(visit: &Visit, wanted: &Wanted, kind: &Kind, tallies: &[Tally]) -> Markup {
    let by_name = html! { a href=(visit.href(kind.link(wanted, "", 0))) { (kind.heading) } };
    let is_by_name = wanted.sort.parse::<Status>().is_err();
    let mut columns =
        vec![Column::new(kind.heading).heading(by_name).sorted(is_by_name.then_some("ascending"))];
    for (status, name) in COUNTED {
        let is_sorted = wanted.sort == status.as_str();
        let heading =
            html! { a href=(visit.href(kind.link(wanted, status.as_str(), 0))) { (name) } };
        let column = Column::number(name).heading(heading);
        columns.push(column.sorted(is_sorted.then_some("descending")));
    }
    if kind.is_hooks() {
        columns.push(Column::new("Handler"));
    }
    let rows: Vec<Row> = tallies.iter().map(|tally| row(visit, kind, tally)).collect();
    table(kind.title, &columns, &rows)
}

fn row(visit: &Visit, kind: &Kind, tally: &Tally) -> Row {
    let name = tally.name.as_str();
    let of_it = || match name {
        "" => Link::to("/actions").with("no_group", 1),
        name => Link::to("/actions").with(kind.key, name),
    };
    let mut row = Row::new(format!("of-{name}")).cell(match (kind.is_hooks(), name) {
        (true, _) => {
            let href = visit.href(Link::to("/hooks/one").with("hook", name));
            html! { a .name href=(href) { (text::plain(name)) } }
        }
        (false, "") => html! { a href=(visit.href(of_it())) { "default group" } },
        (false, _) => html! { a .name href=(visit.href(of_it())) { (text::plain(name)) } },
    });
    for (status, _) in COUNTED {
        let count = tally.count(status);
        let href = visit.href(of_it().with("status", status));
        let class = Shown::Is(status).class();
        row = row.cell(match count {
            0 => html! { span .none { "0" } },
            _ => html! { a .count.(class) href=(href) { (text::number(count)) } },
        });
    }
    match kind.is_hooks() {
        true => row.cell(handlers(visit, &Hook::from_stored(name))),
        false => row,
    }
}

/// What a hook is bound to here.
pub(super) fn handlers(visit: &Visit, hook: &Hook) -> Markup {
    let handlers = visit.site.scheduler().handlers_of(hook);
    match handlers.as_slice() {
        [] => html! { span .mark.is-past-due { (icon(Icon::Alert)) "none here" } },
        bound => html! {
            @for handler in bound { code .cut { (text::plain(&handler.describe())) } br; }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_of_a_status_come_first_and_names_decide_between_equals() {
        let tally = |name: &str, failed| Tally {
            name: name.to_owned(),
            counts: [(Status::Failed, failed)].into(),
        };
        let names = |by: &str| -> Vec<String> {
            let mut tallies = vec![tally("c", 1), tally("b", 5), tally("a", 1)];
            sort(&mut tallies, by);
            tallies.into_iter().map(|tally| tally.name).collect()
        };
        assert_eq!(names(""), ["a", "b", "c"]);
        assert_eq!(names("failed"), ["b", "a", "c"]);
        assert_eq!(names("nonsense"), ["a", "b", "c"]);
    }
}
