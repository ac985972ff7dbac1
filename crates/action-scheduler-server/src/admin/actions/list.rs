//! The list of actions.

use action_scheduler::query::{Order, OrderBy};
use action_scheduler::text::thousands;
use action_scheduler::{Action, Query, Status};
use axum::extract::{Form, Query as UrlQuery, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::Response;
use maud::{Markup, html};

use super::columns::{self, Column, Logs};
use super::filters::{chips, filters, views};
use super::view::{Place as ListPlace, Scope, View, WINDOW};
use crate::admin::components::empty::empty;
use crate::admin::components::form::{csrf, hidden, post};
use crate::admin::components::icon::{Icon, icon};
use crate::admin::components::pager::{Pager, pager};
use crate::admin::components::table::{self, Row, table};
use crate::admin::layout::{Page, Place};
use crate::admin::link::Link;
use crate::admin::trouble::Trouble;
use crate::admin::visit::Visit;
use crate::http::{Keep, Problem, plain_cookie};
use crate::site::Site;

/// A page of a list, as it was found.
struct Found {
    actions: Vec<Action>,
    /// Whether there are more in the direction that was asked for.
    has_more: bool,
    logs: Logs,
    /// How many there are in all.
    count: Count,
    /// What was looked at, where that was not all.
    window: Option<Window>,
}

/// How many actions a view has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    Exactly(u64),
    /// At least so many: it was not counted further.
    More(u64),
}

/// What was looked at, where that was not all: so many actions, and the view that goes on with the next.
struct Window {
    looked_at: u64,
    further: View,
}

/// Shows the list.
pub(super) async fn show(
    visit: Visit,
    State(site): State<Site>,
    UrlQuery(pairs): UrlQuery<Vec<(String, String)>>,
) -> Result<Response, Trouble> {
    let view = View::read(&pairs)?;
    let counted = site.stats().await?;
    let stats = &*counted.value;
    let hooks = site.scheduler().hooks().await?;
    let groups = site.scheduler().groups().await?;
    let columns = columns::shown(&view, &visit);
    let query = view.query(&visit.dates);
    let (status, content) = match query {
        Ok(query) => {
            query.check()?;
            let total = total_of(&view, stats);
            let found = find(&visit, &view, query, &columns, total).await?;
            (StatusCode::OK, results(&visit, &view, &columns, &found))
        }
        Err(ref problem) => {
            let content = html! {
                (empty(Icon::Filter, "Nothing was looked for", html! { p { (problem.detail()) } }))
            };
            (StatusCode::UNPROCESSABLE_ENTITY, content)
        }
    };
    let problem = view.query(&visit.dates).err();
    let body = html! {
        div data-live="views" { (views(&visit, &view, stats)) }
        (filters(&visit, &view, &hooks, &groups, problem.as_ref()))
        (chips(&visit, &view))
        div #results data-live="results" .stack { (content) }
        (bulk_bar(&visit, &view))
        (column_choice(&visit, &view, &columns))
    };
    let page = Page::new(Place::Actions, "Actions").tools(tools(&visit, &view)).body(body).live();
    Ok(visit.show_as(status, page))
}

/// How many actions a view has, where the figures of the whole store say it.
fn total_of(view: &View, stats: &action_scheduler::store::Stats) -> Option<u64> {
    let count = |status: Status| stats.counts.get(status.as_str()).copied().unwrap_or_default();
    match view.scope {
        _ if view.is_filtered() => None,
        Scope::All => Some(stats.counts.values().sum()),
        Scope::PastDue => Some(stats.past_due),
        Scope::Status(status) => Some(count(status)),
    }
}

async fn find(
    visit: &Visit,
    view: &View,
    query: Query,
    columns: &[Column],
    total: Option<u64>,
) -> Result<Found, Trouble> {
    let scheduler = visit.site.scheduler();
    let rows = view.rows(visit.preferences.rows);
    // One more than is shown says whether there is another page.
    let mut page = query.clone().limit(rows + 1);
    match &view.place {
        ListPlace::Start => {}
        ListPlace::After(cursor) => page.after = Some(cursor.clone()),
        ListPlace::Before(cursor) => {
            page.after = Some(cursor.clone());
            page.order = turned(page.order);
        }
    }
    page.check()?;
    let mut actions = scheduler.query(page.clone()).await?;
    let has_more = actions.len() > rows as usize;
    actions.truncate(rows as usize);
    if matches!(view.place, ListPlace::Before(_)) {
        actions.reverse();
    }
    let window = match query.window() {
        Some(_) => window(visit, view, &query).await?,
        None => None,
    };
    let count = match total {
        // What was counted a while ago may be less than what is seen now.
        Some(total) => Count::Exactly(total.max(actions.len() as u64)),
        None => {
            // To look for the same once more costs as much; what fits a page is known.
            let is_all = view.place == ListPlace::Start && !has_more;
            let count = match is_all {
                true => actions.len() as u64,
                false => scheduler.count(query.within(WINDOW)).await?,
            };
            match window {
                None if count < u64::from(WINDOW) => Count::Exactly(count),
                _ => Count::More(count),
            }
        }
    };
    let mut logs = Logs::default();
    if columns.contains(&Column::Log) {
        let short = actions.iter().filter(|action| (1..=Logs::MOST).contains(&action.log_entries));
        let entries = scheduler.logs_of(short.map(|action| action.id).collect()).await?;
        logs = Logs::new(entries);
    }
    Ok(Found { actions, has_more, logs, count, window })
}

/// What a question within a window looked at; nothing if that was all there is.
async fn window(visit: &Visit, view: &View, query: &Query) -> Result<Option<Window>, Trouble> {
    let Some(all) = query.window() else { return Ok(None) };
    let last = all.clone().offset(WINDOW - 1).limit(1);
    let last = visit.site.scheduler().query(last).await?.pop();
    Ok(last.map(|last| {
        // The last one again, so that none of the same date is missed.
        let mut further = view.at_start();
        let edge = |at: jiff::Timestamp| at.to_string();
        match all.order {
            Order::Ascending => further.from = edge(last.scheduled_at),
            Order::Descending => {
                let after = last.scheduled_at + jiff::SignedDuration::from_micros(1);
                further.until =
                    edge(if edge(after) == view.until { last.scheduled_at } else { after });
            }
        }
        Window { looked_at: WINDOW.into(), further }
    }))
}

fn turned(order: Order) -> Order {
    match order {
        Order::Ascending => Order::Descending,
        Order::Descending => Order::Ascending,
    }
}

fn results(visit: &Visit, view: &View, columns: &[Column], found: &Found) -> Markup {
    let is_empty = found.actions.is_empty();
    html! {
        @if let Some(window) = &found.window { (window_note(visit, view, window)) }
        @if is_empty { (nothing(visit, view, found)) } @else {
            form #row method="post" { (csrf(visit)) (hidden("return", visit.here())) }
            (rows(visit, view, columns, found))
            (pager(&pages(visit, view, found)))
        }
    }
}

fn rows(visit: &Visit, view: &View, columns: &[Column], found: &Found) -> Markup {
    let operates = visit.may_operate();
    let mut heads = Vec::new();
    if operates {
        let select_all = html! {
            input type="checkbox" data-select-all hidden aria-label="Select all on this page";
            span .hidden { "Select" }
        };
        heads.push(table::Column::silent("Select", "select").heading(select_all));
    }
    heads.extend(columns.iter().map(|column| column.head(view, visit)));
    let rows: Vec<Row> = found
        .actions
        .iter()
        .map(|action| {
            let mut row = Row::new(format_args!("action-{}", action.id));
            if operates {
                row = row.cell(html! {
                    input type="checkbox" name="id" value=(action.id) form="bulk" data-select
                        aria-label={ "Select action " (action.id) };
                });
            }
            for column in columns {
                let tools = match column {
                    Column::Hook if operates => row_tools(visit, action),
                    _ => html! {},
                };
                row = row.cell(column.cell(action, &found.logs, visit, tools));
            }
            row
        })
        .collect();
    table("Actions", &heads, &rows)
}

/// What can be done to the action of a row.
fn row_tools(visit: &Visit, action: &Action) -> Markup {
    let path = |verb: &str| visit.href(format!("/actions/{}/{verb}", action.id));
    let button = |verb: &str, shape: Icon, label: &str| {
        html! {
            button .button .quiet .small type="submit" form="row" formaction=(path(verb)) title=(label) {
                (icon(shape)) span .hidden { (label) " action " (action.id) }
            }
        }
    };
    let link = |verb: &str, shape: Icon, label: &str| {
        let back = Link::to(format!("/actions/{}/{verb}", action.id)).with("return", visit.here());
        html! {
            a .button .quiet .small href=(visit.href(back)) title=(label) {
                (icon(shape)) span .hidden { (label) " action " (action.id) }
            }
        }
    };
    html! {
        span .row-tools {
            @match action.status {
                Status::Pending => {
                    (button("run", Icon::Play, "Run now"))
                    (link("reschedule", Icon::Calendar, "Reschedule"))
                    (link("cancel", Icon::Slash, "Cancel"))
                }
                Status::InProgress => { (link("cancel", Icon::Slash, "Cancel")) }
                Status::Complete | Status::Failed | Status::Canceled => {
                    (button("rerun", Icon::Rerun, "Re-run"))
                }
            }
            @if action.status != Status::InProgress { (link("delete", Icon::Trash, "Delete")) }
        }
    }
}

fn pages(visit: &Visit, view: &View, found: &Found) -> Pager {
    let mut query = Query::new();
    query.order_by = view.sorted_by();
    let (first, last) = (found.actions.first(), found.actions.last());
    let to = |place: ListPlace| visit.href(view.at(place).link());
    let after = last.map(|last| to(ListPlace::After(query.cursor(last))));
    let before = first.map(|first| to(ListPlace::Before(query.cursor(first))));
    let (previous, next) = match view.place {
        ListPlace::Start => (None, after.filter(|_| found.has_more)),
        ListPlace::After(_) => (before, after.filter(|_| found.has_more)),
        ListPlace::Before(_) => (before.filter(|_| found.has_more), after),
    };
    let first = (view.place != ListPlace::Start).then(|| visit.href(view.at_start().link()));
    let shown = html! {
        (thousands(found.actions.len() as u64)) " of "
        @match found.count {
            Count::Exactly(count) => { (thousands(count)) },
            Count::More(count) => { "more than " (thousands(count)) },
        }
    };
    Pager { first, previous, next, shown }
}

/// Says what was looked at where that was not all, and goes on.
fn window_note(visit: &Visit, view: &View, window: &Window) -> Markup {
    let which = match (view.sorted_by(), view.direction()) {
        (OrderBy::Date, Order::Ascending) => "first by date",
        _ => "latest by date",
    };
    html! {
        div .notice {
            (icon(Icon::Search))
            p {
                "Looked at the " (thousands(window.looked_at)) " " (which)
                " that fit the status, hook and dates. "
                a href=(visit.href(window.further.link())) { "Look at the next " (thousands(WINDOW.into())) }
                ", or narrow by date."
            }
        }
    }
}

/// Nothing was found: why, and what to do.
fn nothing(visit: &Visit, view: &View, found: &Found) -> Markup {
    let whole = View { scope: view.scope, ..View::default() };
    if view.place != ListPlace::Start {
        return empty(
            Icon::List,
            "This page is empty now",
            html! {
                p { "What was here has moved on." }
                p { a .button href=(visit.href(view.at_start().link())) { "To the first page" } }
            },
        );
    }
    if view.is_filtered() {
        let further = found.window.as_ref().map(|window| visit.href(window.further.link()));
        return empty(
            Icon::Filter,
            "Nothing matches",
            html! {
                p { "No action that was looked at fits all that is asked for." }
                p .buttons {
                    @if let Some(further) = further { a .button .primary href=(further) { "Look further" } }
                    a .button href=(visit.href(whole.link())) { "Clear the filters" }
                }
            },
        );
    }
    let (title, content) = match view.scope {
        Scope::All => (
            "No actions yet",
            html! {
                p { "Schedule the first one here, over the HTTP API, or with " code { "action-scheduler schedule" } "." }
                @if visit.may_operate() {
                    p { a .button .primary href=(visit.href("/actions/new")) { (icon(Icon::Plus)) "New action" } }
                }
            },
        ),
        Scope::PastDue => (
            "Nothing is past-due",
            html! { p { "Every action whose date has come has been taken." } },
        ),
        Scope::Status(Status::Pending) => {
            ("Nothing is pending", html! { p { "No action waits for its date or for a runner." } })
        }
        Scope::Status(Status::InProgress) => {
            ("Nothing is running", html! { p { "No action is being executed at this moment." } })
        }
        Scope::Status(Status::Complete) => (
            "Nothing is complete",
            html! { p { "What has succeeded is listed here until its retention is over." } },
        ),
        Scope::Status(Status::Failed) => (
            "Nothing has failed",
            html! { p { "What fails for good is listed here, with its reason, to be re-run." } },
        ),
        Scope::Status(Status::Canceled) => (
            "Nothing is canceled",
            html! { p { "What is canceled is listed here until its retention is over." } },
        ),
    };
    empty(Icon::List, title, content)
}

/// Exports of what the list shows.
fn tools(visit: &Visit, view: &View) -> Markup {
    let export = |format: &str| {
        visit.href(Link::to("/actions/export").with("format", format).with_all(view.pairs()))
    };
    html! {
        details .drop {
            summary .button { (icon(Icon::Download)) "Export" }
            ul .card {
                li { a href=(export("csv")) download { "CSV" } }
                li { a href=(export("json")) download { "JSON" } }
                li { a href=(export("ndjson")) download { "JSON lines" } }
            }
        }
    }
}

/// What is done to many at once.
fn bulk_bar(visit: &Visit, view: &View) -> Markup {
    let view_text: String = view.at_start().link().as_str().trim_start_matches("/actions").into();
    html! {
        @if visit.may_operate() {
            form #bulk .bulk .card method="post" action=(visit.href("/actions/bulk")) {
                (csrf(visit))
                (hidden("view", view_text.trim_start_matches('?')))
                (hidden("return", visit.here()))
                div .field {
                    label for="deed" { "With many" }
                    select #deed name="deed" {
                        @for deed in super::bulk::Choice::ALL { option value=(deed.as_str()) { (deed.title()) } }
                    }
                }
                fieldset .choices {
                    legend .hidden { "Over which" }
                    label .choice {
                        input type="radio" name="over" value="selected" checked;
                        "the selected " span .muted data-selected aria-live="polite" {}
                    }
                    label .choice { input type="radio" name="over" value="all"; "all that match" }
                }
                button .button type="submit" { "Continue…" }
            }
        }
    }
}

/// Which columns are shown.
fn column_choice(visit: &Visit, view: &View, columns: &[Column]) -> Markup {
    html! {
        details .choose-columns {
            summary .muted { (icon(Icon::Columns)) "Columns" }
            (post(visit, "/actions/columns", html! {
                (hidden("return", view.at_start().link().as_str()))
                div .card .padded {
                    fieldset .choices {
                        legend .hidden { "Columns to show" }
                        @for column in Column::ALL {
                            label .choice {
                                input type="checkbox" name="column" value=(column.as_str())
                                    checked[columns.contains(&column)];
                                (column.label())
                            }
                        }
                    }
                    div .buttons {
                        button .button .small type="submit" { "Show these" }
                        button .button .quiet .small type="submit" name="usual" value="1" { "The usual ones" }
                    }
                }
            }))
        }
    }
}

/// Keeps the choice of columns in the browser.
pub(super) async fn keep_columns(
    visit: Visit,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Trouble> {
    let value_of = |key: &str| pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value);
    let chosen: Vec<&str> =
        pairs.iter().filter(|(key, _)| key == "column").map(|(_, value)| value.as_str()).collect();
    let back = value_of("return").and_then(|path| crate::admin::visit::safe_return(path));
    let mut response = visit.back_to(back.unwrap_or_else(|| "/actions".into()));
    let cookie = if value_of("usual").is_some() {
        plain_cookie(&visit.site, "columns", "", Keep::No)
    } else {
        let columns = Column::read_list(&chosen.join(",")).ok_or_else(|| {
            Problem::invalid(
                "column",
                "expected at least one column; a list without any shows nothing",
            )
        })?;
        plain_cookie(&visit.site, "columns", &Column::write_list(&columns), Keep::Year)
    };
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}
