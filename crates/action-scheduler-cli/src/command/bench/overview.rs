//! What it costs a runner that somebody looks on: drains in a server whose overview is open, beside drains by a runner
//! alone.

use action_scheduler::FigureKeeper;
use action_scheduler::bench::Progress;
use action_scheduler::bench::drains::{DrainRates, Drains};
use anyhow::Result;
use serde::Serialize;

use super::clients::{self, Task};
use super::served::Served;
use super::{Options, Rows, Target, per_second};
use crate::output::thousands;

/// What was measured. Rates are actions per second, and medians of the rounds.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// How many actions were drained each time.
    actions: u64,
    /// How many rounds there were.
    rounds: u32,
    /// The drain by a runner alone.
    alone_per_s: f64,
    /// The drain in a server.
    served_per_s: f64,
    /// The drain in a server whose overview is open.
    watched_per_s: f64,
    /// `served_per_s / alone_per_s`.
    served_ratio: f64,
    /// `watched_per_s / alone_per_s`.
    watched_ratio: f64,
    /// How many times the overview was asked for while it was open, in all rounds.
    looks: u64,
}

/// Measures it.
pub(super) async fn measure(
    target: &Target,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Report> {
    let mut drains = Drains::of(&target.url, options.actions, options.workers as usize).await?;
    let [mut alone, mut served, mut watched] = [(); 3].map(|()| DrainRates::default());
    let mut looks = 0;
    for round in 1..=options.rounds.get() {
        let step = |what: &str| progress(&format!("round {round} of {}: {what}", options.rounds));
        step("a runner alone");
        drains.drain(drains.scheduler(), &mut alone).await?;
        step("in a server");
        in_server(&mut drains, &mut served, Viewers::None).await?;
        step("in a server whose overview is open");
        looks += in_server(&mut drains, &mut watched, Viewers::One).await?;
    }
    let (alone_per_s, served_per_s, watched_per_s) =
        (alone.median(), served.median(), watched.median());
    Ok(Report {
        actions: options.actions,
        rounds: options.rounds.get(),
        alone_per_s,
        served_per_s,
        watched_per_s,
        served_ratio: served_per_s / alone_per_s,
        watched_ratio: watched_per_s / alone_per_s,
        looks,
    })
}

/// Who looks at the overview.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Viewers {
    None,
    One,
}

/// A drain in a server as `serve` has it: a runner, the server, and figures that are kept. How often the page was asked for.
async fn in_server(drains: &mut Drains, rates: &mut DrainRates, viewers: Viewers) -> Result<u64> {
    let scheduler = drains.scheduler();
    let server = Served::start(scheduler.clone()).await?;
    let figures = FigureKeeper::begin(&scheduler);
    let viewer = match viewers {
        Viewers::None => None,
        Viewers::One => {
            let viewer =
                clients::Options { task: Task::Watch, connections: 1, batch: 1, actions: 0 };
            Some(server.clients(&viewer).await?)
        }
    };
    drains.drain(scheduler, rates).await?;
    let looks = match viewer {
        Some(viewer) => viewer.finish().await?,
        None => 0,
    };
    server.stop().await?;
    figures.end().await;
    Ok(looks)
}

/// What is shown.
pub(super) fn rows(report: &Report) -> Rows {
    vec![
        ("drain by a runner alone", per_second(report.alone_per_s)),
        ("drain in a server", per_second(report.served_per_s)),
        ("drain, overview open", per_second(report.watched_per_s)),
        ("in a server / alone", format!("{:.2}", report.served_ratio)),
        ("overview open / alone", format!("{:.2}", report.watched_ratio)),
        ("looks at the overview", thousands(report.looks)),
    ]
}
