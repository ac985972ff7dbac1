//! The layout of a store: what it lacks.

use action_scheduler::store::{Migration, StoreUrl};
use anyhow::Result;
use serde::Serialize;

use crate::app::App;
use crate::config::Config;
use crate::output;

/// What was, or would be, done to the layout of a store.
#[derive(Serialize)]
struct Layout<'a> {
    store: String,
    pending: &'a [Migration],
    done: bool,
}

/// Shows the steps that bring the store up to date, and takes them unless that is not wanted.
pub async fn run(app: &App, config: &Config, dry_run: bool, json: bool) -> Result<()> {
    let url = app.store_place(config)?;
    let pending = url.pending_migrations().await?;
    if !dry_run {
        url.open().await?;
    }
    output::print(&match json {
        true => {
            let done = !dry_run;
            output::json(&Layout { store: url.to_string(), pending: &pending, done })?
        }
        false => in_words(&url, &pending, dry_run),
    })
}

fn in_words(url: &StoreUrl, pending: &[Migration], dry_run: bool) -> String {
    match (pending.is_empty(), dry_run) {
        (true, _) => format!("{url} is up to date"),
        (false, true) => format!("{url} would be brought up to date:\n{}", steps(pending)),
        (false, false) => format!("{url} was brought up to date:\n{}", steps(pending)),
    }
}

/// The steps, one a line.
pub fn steps(pending: &[Migration]) -> String {
    let line = |step: &Migration| format!("  version {}: {}", step.version, step.what);
    pending.iter().map(line).collect::<Vec<_>>().join("\n")
}
