//! Settings: what is in effect, and where each value came from.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};

use super::components::table::{Column, Row, facts, table};
use super::components::text;
use super::layout::{Page, Place};
use super::trouble::Trouble;
use super::visit::Visit;
use crate::site::Site;

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/settings", get(show))
}

async fn show(visit: Visit) -> Result<Response, Trouble> {
    let about = &visit.site.config().about;
    let scheduler = visit.site.scheduler();
    let identity = scheduler.store().identity().await?;
    let zone = scheduler.time_zone().iana_name().unwrap_or("UTC");
    let rows = [
        ("Version", html! { (env!("CARGO_PKG_VERSION")) }),
        ("Store", html! { (text::name(&about.store)) }),
        ("Identity of the store", html! { code { (text::plain(identity.as_str())) } }),
        (
            "Config file",
            match &about.file {
                Some(file) => text::name(file),
                None => html! { span .muted { "none" } },
            },
        ),
        ("Time zone", html! { (zone) }),
        ("Time", html! { (visit.dates.with_weekday(visit.dates.now)) }),
    ];
    let body = html! {
        section .card .padded { h2 .hidden { "The server" } (facts(&rows)) }
        section {
            div .section-head { h2 { "Handlers" } span .muted { "What hooks are bound to, in the order they are called" } }
            @if about.handlers.is_empty() {
                p .muted { "None: every action will fail here. A " code { "[[handler]]" } " in the config binds a hook." }
            } @else { (handlers(&visit)) }
        }
        section {
            div .section-head { h2 { "In effect" } span .muted { "Secrets are never shown" } }
            @if about.settings.is_empty() {
                p .muted { "This server was not started by the command line, and knows no settings of it." }
            } @else { (settings(&visit)) }
        }
    };
    let intro = html! { "What this server works with. Settings are changed in the config file, by the environment or by options, \
    and hold when the server is started again." };
    Ok(visit.show(Page::new(Place::Settings, "Settings").intro(intro).body(body)))
}

fn handlers(visit: &Visit) -> Markup {
    let columns = [
        Column::new("Hook"),
        Column::number("Priority"),
        Column::new("Calls"),
        Column::new("From"),
    ];
    let handlers = &visit.site.config().about.handlers;
    let rows: Vec<Row> = handlers
        .iter()
        .enumerate()
        .map(|(place, handler)| {
            Row::new(place)
                .cell(text::name(&handler.pattern))
                .cell(html! { (handler.priority) })
                .cell(html! { code { (text::plain(&handler.calls)) } })
                .cell(html! { span .muted { (text::plain(&handler.origin)) } })
        })
        .collect();
    table("Handlers", &columns, &rows)
}

fn settings(visit: &Visit) -> Markup {
    let columns = [Column::new("Setting"), Column::new("Value"), Column::new("From")];
    let settings = &visit.site.config().about.settings;
    let rows: Vec<Row> = settings
        .iter()
        .map(|setting| {
            let origin = match setting.origin.as_str() {
                "default" => html! { span .muted { "default" } },
                origin => html! { (text::plain(origin)) },
            };
            Row::new(&setting.key)
                .cell(html! { code { (text::plain(&setting.key)) } })
                .cell(html! { (text::plain(&setting.value)) })
                .cell(origin)
        })
        .collect();
    table("Settings", &columns, &rows)
}
