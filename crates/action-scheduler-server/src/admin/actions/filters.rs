//! What narrows the list of actions: views by status, the filter form, and what of it is in force.

use action_scheduler::store::Stats;
use action_scheduler::text::{safe, thousands};
use action_scheduler::{Group, Hook, Status};
use maud::{Markup, html};

use super::view::{Scope, View, order_text};
use crate::admin::components::form::{Field, hidden};
use crate::admin::components::icon::{Icon, icon};
use crate::admin::components::status::Shown;
use crate::admin::visit::Visit;
use crate::http::Problem;

/// The views by status, each with its count.
pub(super) fn views(visit: &Visit, view: &View, stats: &Stats) -> Markup {
    html! {
        nav .views aria-label="Views by status" {
            @for scope in Scope::EVERY {
                @let there = View { scope, order: None, ..view.at_start() };
                @let (label, count, class) = entry(scope, stats);
                a href=(visit.href(there.link())) aria-current=[(scope == view.scope).then_some("page")] {
                    (label) " " span .count .(class) { (thousands(count)) }
                }
            }
        }
    }
}

fn entry(scope: Scope, stats: &Stats) -> (&'static str, u64, &'static str) {
    let count = |status: Status| stats.counts.get(status.as_str()).copied().unwrap_or_default();
    let class = |count: u64, shown: Shown| if count == 0 { "" } else { shown.class() };
    match scope {
        Scope::All => ("All", stats.counts.values().sum(), ""),
        Scope::PastDue => ("Past-due", stats.past_due, class(stats.past_due, Shown::PastDue)),
        Scope::Status(status) => {
            let label = match status {
                Status::Pending => "Pending",
                Status::InProgress => "In-progress",
                Status::Complete => "Complete",
                Status::Failed => "Failed",
                Status::Canceled => "Canceled",
            };
            (label, count(status), class(count(status), Shown::Is(status)))
        }
    }
}

/// The form that narrows the list. It is sent by GET, so that what it asks for is in the URL.
pub(super) fn filters(
    visit: &Visit,
    view: &View,
    hooks: &[Hook],
    groups: &[Group],
    problem: Option<&Problem>,
) -> Markup {
    // Long lists of names would make each page heavy; what is not listed can still be typed.
    const LISTED: usize = 500;
    // Nor are names offered that would not show as they are.
    let is_plain = |name: &&str| !name.is_empty() && safe(name) == *name;
    let wrong = |field: &str| {
        problem
            .filter(|problem| problem.field() == Some(field))
            .map(|problem| html! { (problem.detail()) })
    };
    let dates = &visit.dates;
    let read = |date: Result<Option<jiff::Timestamp>, Problem>| match date {
        Ok(Some(at)) => html! { (dates.with_weekday(at)) },
        _ => html! { "such as " code { "yesterday" } " or " code { "2026-12-24 18:00" } },
    };
    let is_open = !view.hook.is_empty()
        || !view.group.is_empty()
        || view.no_group
        || !view.from.is_empty()
        || !view.until.is_empty();
    html! {
        form .filters method="get" action=(visit.href("/actions")) role="search" {
            (hidden("status", view.scope.as_str()))
            @for (key, value) in kept(view) { (hidden(key, &value)) }
            div .search {
                (icon(Icon::Search))
                label .hidden for="search" { "Search hook, args, id or claim id" }
                input #search type="search" name="search" value=(view.search)
                    placeholder="Search hook, args, id or claim id" maxlength="1000";
                button .button .primary type="submit" { "Search" }
            }
            details .more open[is_open] {
                summary { (icon(Icon::Filter)) "Filters" }
                div .grid {
                    (Field::new("hook", "Hook").input(html! {
                        input #hook name="hook" value=(view.hook) list="hooks" autocomplete="off" spellcheck="false" placeholder="any";
                        datalist #hooks {
                            @for hook in hooks.iter().map(Hook::as_str).filter(is_plain).take(LISTED) { option value=(hook) {} }
                        }
                    }))
                    (Field::new("group", "Group").input(html! {
                        input #group name="group" value=(view.group) list="groups" autocomplete="off" spellcheck="false" placeholder="any";
                        datalist #groups {
                            @for group in groups.iter().map(Group::as_str).filter(is_plain).take(LISTED) { option value=(group) {} }
                        }
                    }))
                    (Field::new("from", "Scheduled from").problem(wrong("from")).hint(read(view.first_date(dates))).input(html! {
                        input #from name="from" value=(view.from) autocomplete="off" spellcheck="false" aria-describedby="from-hint";
                    }))
                    (Field::new("until", "Scheduled before").problem(wrong("until")).hint(read(view.until_date(dates))).input(html! {
                        input #until name="until" value=(view.until) autocomplete="off" spellcheck="false" aria-describedby="until-hint";
                    }))
                    label .choice { input type="checkbox" name="no_group" value="1" checked[view.no_group]; "only what is in no group" }
                    div .buttons { button .button type="submit" { "Apply" } }
                }
            }
        }
    }
}

/// What the form has no field for.
fn kept(view: &View) -> Vec<(&'static str, String)> {
    view.pairs()
        .into_iter()
        .filter(|(key, _)| {
            matches!(*key, "chain" | "claim" | "sort" | "order" | "rows" | "columns")
        })
        .collect()
}

/// What is in force, each with a link to the list without it.
pub(super) fn chips(visit: &Visit, view: &View) -> Markup {
    let base = view.at_start();
    let mut chips: Vec<(String, View)> = Vec::new();
    let mut add = |label: String, without: View| chips.push((label, without));
    if !view.search.is_empty() {
        add(format!("contains “{}”", view.search), View { search: String::new(), ..base.clone() });
    }
    if !view.hook.is_empty() {
        add(format!("hook {}", view.hook), View { hook: String::new(), ..base.clone() });
    }
    if !view.group.is_empty() && !view.no_group {
        add(format!("group {}", view.group), View { group: String::new(), ..base.clone() });
    }
    if view.no_group {
        add("in no group".into(), View { no_group: false, ..base.clone() });
    }
    if !view.from.is_empty() {
        add(format!("from {}", view.from), View { from: String::new(), ..base.clone() });
    }
    if !view.until.is_empty() {
        add(format!("before {}", view.until), View { until: String::new(), ..base.clone() });
    }
    if let Some(chain) = view.chain {
        add(format!("chain {chain}"), View { chain: None, ..base.clone() });
    }
    if let Some(claim) = view.claim {
        add(format!("claim {claim}"), View { claim: None, ..base.clone() });
    }
    if view.sort.is_some() {
        let name = view.pairs().into_iter().find(|(key, _)| *key == "sort").map(|(_, name)| name);
        let label = format!(
            "sorted by {}, {}ending",
            name.unwrap_or_default(),
            order_text(view.direction())
        );
        add(label, View { sort: None, order: None, ..base.clone() });
    }
    let clear = View {
        scope: view.scope,
        rows: view.rows,
        columns: view.columns.clone(),
        ..View::default()
    };
    html! {
        @if !chips.is_empty() {
            ul .chips aria-label="In force" {
                @for (label, without) in &chips {
                    li { a href=(visit.href(without.link())) title="Remove" {
                        (safe(label)) (icon(Icon::Cross)) span .hidden { "remove" }
                    } }
                }
                @if chips.len() > 1 { li { a .clear href=(visit.href(clear.link())) { "Clear all" } } }
            }
        }
    }
}
