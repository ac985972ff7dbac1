//! `/`: how things stand, at a glance.

use action_scheduler::Status;
use axum::response::Response;
use maud::html;

use super::components::icon::Icon;
use super::components::tile::{Tile, Tone, tiles};
use super::layout::{Page, Place};
use super::link::Link;
use super::trouble::Trouble;
use super::visit::Visit;

/// Shows how things stand.
pub(super) async fn show(visit: Visit) -> Result<Response, Trouble> {
    let stats = visit.site.scheduler().stats().await?;
    let count = |status: Status| stats.counts.get(status.as_str()).copied().unwrap_or_default();
    let link = |status: &str| visit.href(Link::to("/actions").with("status", status));
    let tone = |count: u64, tone: Tone| if count == 0 { Tone::Calm } else { tone };
    let running = count(Status::InProgress);
    let failed = count(Status::Failed);
    let body = html! {
        div #now data-live="now" {
            (tiles(&[
                Tile {
                    label: "Past-due",
                    count: stats.past_due,
                    detail: html! { "pending, and their date has come" },
                    href: link("past-due"),
                    tone: tone(stats.past_due, Tone::Warn),
                    icon: Icon::Alert,
                },
                Tile {
                    label: "Running",
                    count: running,
                    detail: html! { "on " (stats.runners) " runners" },
                    href: link("in-progress"),
                    tone: tone(running, Tone::Busy),
                    icon: Icon::Work,
                },
                Tile {
                    label: "Failed",
                    count: failed,
                    detail: html! { "kept until they are re-run or deleted" },
                    href: link("failed"),
                    tone: tone(failed, Tone::Bad),
                    icon: Icon::Cross,
                },
                Tile {
                    label: "Pending",
                    count: count(Status::Pending),
                    detail: html! { "past-due or still to come" },
                    href: link("pending"),
                    tone: Tone::Calm,
                    icon: Icon::Clock,
                },
            ]))
        }
    };
    Ok(visit.show(Page::new(Place::Overview, "Overview").body(body).live()))
}
