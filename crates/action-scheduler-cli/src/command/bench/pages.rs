//! How long each page of the web admin takes, over what a store holds.

use std::time::{Duration, Instant};

use action_scheduler::bench::Progress;
use action_scheduler::query::{Order, OrderBy};
use action_scheduler::store::ChainQuery;
use action_scheduler::{Query, Scheduler, Status};
use anyhow::Result;
use serde::Serialize;

use super::clients::Wire;
use super::served::{self, Served};
use super::{Options, Rows, Target, ms};

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// How many actions there are.
    actions: u64,
    /// How often each page was asked for after the first time.
    rounds: u32,
    /// From the start of the server to the end of the first page, which waits for the first counts.
    start_ms: f64,
    /// The pages.
    pages: Vec<Timed>,
    /// The median of the slowest page.
    slowest_ms: f64,
}

/// How long a page took.
#[derive(Debug, Serialize)]
struct Timed {
    page: &'static str,
    path: String,
    /// The first time.
    first_ms: f64,
    /// The median of all further times.
    median_ms: f64,
    bytes: usize,
}

/// Measures it.
pub(super) async fn measure(
    target: &Target,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Report> {
    let scheduler = served::open(target).await?;
    let begun = Instant::now();
    let server = Served::start(scheduler.clone()).await?;
    let mut wire = Wire::connect(server.address(), server.token()).await?;
    wire.get("/").await?;
    let start_ms = millis(begun.elapsed());
    let mut pages = Vec::new();
    for (page, path) in paths(&scheduler).await? {
        progress(page);
        let mut times = Vec::new();
        let mut bytes = 0;
        for _ in 0..=options.rounds.get() {
            let begun = Instant::now();
            bytes = match path.starts_with(EXPORT) {
                true => Wire::connect(server.address(), server.token()).await?.begin(&path).await?,
                false => wire.get(&path).await?.len(),
            };
            times.push(millis(begun.elapsed()));
        }
        let first_ms = times.remove(0);
        times.sort_unstable_by(f64::total_cmp);
        let median_ms = times.get(times.len() / 2).copied().unwrap_or(first_ms);
        pages.push(Timed { page, path, first_ms, median_ms, bytes });
    }
    let actions = scheduler.count(Query::new()).await?;
    server.stop().await?;
    let slowest_ms = pages.iter().map(|page| page.median_ms).fold(0.0, f64::max);
    Ok(Report { actions, rounds: options.rounds.get(), start_ms, pages, slowest_ms })
}

/// What is shown.
pub(super) fn rows(report: &Report) -> Rows {
    let pages = report.pages.iter().map(|it| {
        (
            it.page,
            format!("{} (the first {}), {} bytes", ms(it.median_ms), ms(it.first_ms), it.bytes),
        )
    });
    let first = ("start and first page", ms(report.start_ms));
    std::iter::once(first).chain(pages).chain([("slowest", ms(report.slowest_ms))]).collect()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Each page, with what the store holds filled in.
async fn paths(scheduler: &Scheduler) -> Result<Vec<(&'static str, String)>> {
    let mut paths: Vec<(&'static str, String)> = Vec::new();
    for (page, path) in PAGES {
        paths.push((page, path.into()));
    }
    let by_date = |query: Query| query.order(OrderBy::Date, Order::Descending).limit(1);
    let latest = scheduler.query(by_date(Query::new())).await?;
    let complete = scheduler.query(by_date(Query::new().status(Status::Complete))).await?;
    for (page, action) in [("latest action", latest.first()), ("complete action", complete.first())]
    {
        if let Some(action) = action {
            paths.push((page, format!("/actions/{}", action.id)));
        }
    }
    if let Some(action) = complete.first() {
        let hook = escape(action.hook.as_str());
        let group = escape(action.group.as_str());
        paths.push(("hook", format!("/hooks/one?hook={hook}")));
        for (page, path) in OF_HOOK {
            paths.push((page, path.replace("HOOK", &hook)));
        }
        if !group.is_empty() {
            paths.push(("actions of a group", format!("/actions?group={group}")));
            paths.push(("group and status", format!("/actions?group={group}&status=failed")));
            paths.push(("hook and group", format!("/actions?hook={hook}&group={group}")));
        }
        let all = Query::new().order(OrderBy::Date, Order::Descending);
        if let Some(far) = scheduler.query(all.clone().offset(10_000).limit(1)).await?.first() {
            let cursor = all.cursor(far);
            paths.push(("page far behind", format!("/actions?after={cursor}")));
            paths.push(("page before that", format!("/actions?before={cursor}")));
            let date = escape(&far.scheduled_at.to_string());
            paths.push(("until a date", format!("/actions?until={date}")));
            paths.push(("from a date", format!("/actions?from={date}&status=complete")));
        }
    }
    let chains = ChainQuery { limit: Some(1), ..ChainQuery::default() };
    if let Some(chain) = scheduler.chains(chains).await?.first() {
        paths.push(("schedule", format!("/schedules/{}", chain.id)));
        paths.push(("instances of a schedule", format!("/actions?chain={}", chain.id)));
        paths.push(("end a schedule", format!("/schedules/{}/end", chain.id)));
    }
    Ok(paths)
}

fn escape(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A file that may be as large as the store: only its beginning is measured.
const EXPORT: &str = "/actions/export";

/// The pages that are there whatever the store holds.
const PAGES: [(&str, &str); 43] = [
    ("overview, last hour", "/"),
    ("overview, last day", "/?over=day"),
    ("overview, last week", "/?over=week"),
    ("actions", "/actions"),
    ("past-due", "/actions?status=past-due"),
    ("pending", "/actions?status=pending"),
    ("in-progress", "/actions?status=in-progress"),
    ("complete", "/actions?status=complete"),
    ("failed", "/actions?status=failed"),
    ("canceled", "/actions?status=canceled"),
    ("oldest first", "/actions?order=asc"),
    ("500 rows", "/actions?rows=500"),
    ("by id", "/actions?sort=id"),
    ("by hook", "/actions?sort=hook"),
    ("by group", "/actions?sort=group"),
    ("by start", "/actions?sort=started"),
    ("by end", "/actions?sort=finished"),
    ("by claim", "/actions?sort=claim"),
    ("by log entries", "/actions?sort=log"),
    ("by change", "/actions?sort=modified"),
    ("complete by end", "/actions?status=complete&sort=finished"),
    ("pending by log entries", "/actions?status=pending&sort=log"),
    ("search that finds much", "/actions?search=1"),
    ("search that finds nothing", "/actions?search=customer%20of%20nobody"),
    ("search in complete", "/actions?search=77&status=complete"),
    ("search in pending, by hook", "/actions?search=77&status=pending&sort=hook"),
    ("search for an id", "/actions?search=12345"),
    ("claim", "/actions?claim=1"),
    ("default group", "/actions?no_group=1"),
    ("schedules", "/schedules"),
    ("schedules, all", "/schedules?state=all"),
    ("schedules, paused", "/schedules?state=paused"),
    ("hooks", "/hooks"),
    ("hooks by failures", "/hooks?sort=failed"),
    ("groups", "/groups"),
    ("runners", "/runners"),
    ("settings", "/settings"),
    ("access", "/access"),
    ("new action", "/actions/new"),
    ("preferences", "/preferences"),
    ("metrics", "/metrics"),
    ("export begins, CSV", "/actions/export?format=csv"),
    ("export begins, JSON of failed", "/actions/export?format=json&status=failed"),
];

/// Those of a hook.
const OF_HOOK: [(&str, &str); 7] = [
    ("actions of a hook", "/actions?hook=HOOK"),
    ("hook and status", "/actions?hook=HOOK&status=failed"),
    ("hook, past-due", "/actions?hook=HOOK&status=past-due"),
    ("search in a hook", "/actions?hook=HOOK&search=77"),
    ("hook by end", "/actions?hook=HOOK&sort=finished"),
    ("hook by log entries", "/actions?hook=HOOK&sort=log"),
    ("schedules of a hook", "/schedules?hook=HOOK&state=all"),
];
