//! Runners: who works on the queue, whether they live, and what they hold.

use std::time::Duration;

use action_scheduler::store::{ClaimsQuery, OpenClaim, Runner};
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use maud::{Markup, html};

use super::components::dates::{self, between};
use super::components::empty::empty;
use super::components::icon::{Icon, icon};
use super::components::table::{Column, Row, table};
use super::components::text;
use super::layout::{Page, Place};
use super::link::Link;
use super::trouble::Trouble;
use super::visit::Visit;
use crate::site::Site;

/// How many open claims are shown.
const CLAIMS: u32 = 100;

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/runners", get(show))
}

/// Whether a runner lives, as far as its heartbeat tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    /// It beats as it should.
    Alive,
    /// It has missed its lease; others take it for dead soon.
    Late,
    /// It has missed its lease by far, and nobody was there to take it for dead.
    Lost,
}

impl Health {
    fn of(runner: &Runner, now: Timestamp) -> Self {
        let silent = between(runner.heartbeat_at, now).unwrap_or(Duration::ZERO);
        let lease = runner.runner.lease;
        match () {
            () if silent <= lease => Health::Alive,
            () if silent <= lease * 3 => Health::Late,
            () => Health::Lost,
        }
    }

    fn mark(self) -> Markup {
        let (class, shape, word) = match self {
            Health::Alive => ("is-complete", Icon::Pulse, "alive"),
            Health::Late => ("is-past-due", Icon::Alert, "late"),
            Health::Lost => ("is-failed", Icon::Cross, "lost"),
        };
        html! { span .mark .(class) { (icon(shape)) (word) } }
    }
}

async fn show(visit: Visit) -> Result<Response, Trouble> {
    let scheduler = visit.site.scheduler();
    let runners = scheduler.runners().await?;
    let query = ClaimsQuery { limit: Some(CLAIMS), ..ClaimsQuery::default() };
    let claims = scheduler.open_claims(query).await?;
    let body = html! {
        div data-live="runners" .stack {
            @if runners.is_empty() { (nobody()) } @else {
                (runners_table(&visit, &runners))
            }
            section {
                div .section-head {
                    h2 { "Open claims" }
                    span .muted { "What runners have set aside for themselves" }
                }
                @if claims.is_empty() {
                    p .muted { "None: nothing is due, or everything that is has been taken care of." }
                } @else {
                    (claims_table(&visit, &claims, &runners))
                    @if claims.len() >= CLAIMS as usize { p .muted { "The first " (CLAIMS) " of them." } }
                }
            }
        }
    };
    let intro = html! { "Who works on the queue. A runner whose heartbeat stays away for its lease is taken for dead, and what \
    it had set aside goes back to the queue." };
    Ok(visit.show(Page::new(Place::Runners, "Runners").intro(intro).body(body).live()))
}

fn nobody() -> Markup {
    empty(
        Icon::Pulse,
        "Nobody works on the queue",
        html! {
            p { "Nothing will run until there is a runner. " code { "action-scheduler serve" } " is one unless it was told not to \
                 be; " code { "action-scheduler run" } " works until nothing is due." }
        },
    )
}

fn runners_table(visit: &Visit, runners: &[Runner]) -> Markup {
    let columns = [
        Column::new("Runner"),
        Column::new("State"),
        Column::new("Heartbeat"),
        Column::number("Lease"),
        Column::number("Workers"),
        Column::number("Claims"),
        Column::number("In progress"),
        Column::new("Since"),
    ];
    let rows: Vec<Row> = runners
        .iter()
        .map(|runner| {
            let about = &runner.runner;
            Row::new(format!("runner-{}", runner.id))
                .cell(html! {
                    (text::name(&about.name)) " " span .muted { (runner.id) ", " (text::plain(about.context.as_str())) }
                })
                .cell(Health::of(runner, visit.dates.now).mark())
                .cell(dates::relative(&visit.dates, runner.heartbeat_at))
                .cell(html! { (dates::length(about.lease)) })
                .cell(html! { (about.workers) })
                .cell(html! { (runner.claims) })
                .cell(html! { (runner.in_progress) })
                .cell(dates::date(&visit.dates, runner.started_at))
        })
        .collect();
    table("Runners", &columns, &rows)
}

fn claims_table(visit: &Visit, claims: &[OpenClaim], runners: &[Runner]) -> Markup {
    let columns = [
        Column::new("Claim"),
        Column::new("Runner"),
        Column::new("Since"),
        Column::number("Waiting"),
        Column::number("In progress"),
    ];
    let name = |claim: &OpenClaim| match claim.runner {
        Some(id) => match runners.iter().find(|runner| runner.id == id) {
            Some(runner) => html! { (text::name(&runner.runner.name)) " " span .muted { (id) } },
            None => html! { (id) " " span .muted { "no longer known" } },
        },
        None => html! { span .muted { "the WordPress plugin" } },
    };
    let rows: Vec<Row> = claims
        .iter()
        .map(|claim| {
            let actions = Link::to("/actions").with("claim", claim.id);
            Row::new(format!("claim-{}", claim.id))
                .cell(html! { a href=(visit.href(actions)) { (claim.id) } })
                .cell(name(claim))
                .cell(dates::date(&visit.dates, claim.claimed_at))
                .cell(html! { (claim.waiting) })
                .cell(html! { (claim.in_progress) })
        })
        .collect();
    table("Open claims", &columns, &rows)
}

#[cfg(test)]
mod tests {
    use action_scheduler::store::NewRunner;
    use action_scheduler::{Context, RunnerId};

    use super::*;

    #[test]
    fn a_runner_is_late_after_its_lease_and_lost_after_three() {
        let beat: Timestamp = "2026-01-15T12:00:00Z".parse().unwrap();
        let runner = Runner {
            id: RunnerId::new(1).unwrap(),
            runner: NewRunner {
                name: "host".into(),
                process: None,
                context: Context::new("serve"),
                workers: 1,
                lease: Duration::from_secs(10),
            },
            started_at: beat,
            heartbeat_at: beat,
            beats: 1,
            claims: 0,
            in_progress: 0,
        };
        let after = |seconds| Health::of(&runner, beat + Duration::from_secs(seconds));
        assert_eq!(after(10), Health::Alive);
        assert_eq!(after(11), Health::Late);
        assert_eq!(after(31), Health::Lost);
        // Clocks of two machines may disagree.
        assert_eq!(Health::of(&runner, beat - Duration::from_secs(5)), Health::Alive);
    }
}
