//! `migrate`: move everything to another store; see what the layout of a store lacks.

mod layout;
mod summary;

use std::time::Duration;

use action_scheduler::Shutdown;
use action_scheduler::migrate::{
    Journal, MoveOptions, MovePlan, MoveReport, Mover, Progress, Side,
};
use action_scheduler::store::{Migration, StoreUrl};
use anyhow::{Result, bail};
use clap::Args;

use crate::app::{App, file_of};
use crate::config::Config;
use crate::failure::{FAILED, NotDone, Told};
use crate::input;
use crate::output;
use crate::signals::stop_on_signals;
use crate::terminal::Stages;

const EXAMPLES: &str = "\
Examples:
  action-scheduler migrate --from sqlite:shop.db --to sqlite:/srv/shop/actions.db --dry-run
  action-scheduler migrate --from sqlite:shop.db --to sqlite:/srv/shop/actions.db
  action-scheduler --store sqlite:shop.db migrate --dry-run

Both stores can be in use meanwhile. What is pending goes over; what is finished is copied, with its
log, and stays in the source. What is in-progress is waited for. Broken off at any moment, the same
command goes on where it was; run again when all is done, it moves what has come since. The exit code
is 0 when all there was is in the target, and was compared; 1 when something is left, which it names.

Without --from and --to it is about the layout of the store, which is brought up to date whenever a
store is opened: --dry-run shows the steps that this would take, and takes none.";

/// What to move, and how.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// The store to move from
    #[arg(long, value_name = "URL", requires = "to")]
    from: Option<String>,
    /// The store to move to; it is created when it is missing
    #[arg(long, value_name = "URL", requires = "from")]
    to: Option<String>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// How many times to look for what is pending, at most; 0 is until nothing is left
    #[arg(long, value_name = "N", default_value_t = 0, requires = "from")]
    passes: u32,
    /// How long to wait for what is in-progress; 0s is as long as it takes
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = input::duration,
          requires = "from")]
    timeout: Duration,
    /// How many actions go in one step
    #[arg(long, value_name = "N", default_value_t = MoveOptions::default().page, requires = "from",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch_size: u32,
    /// Delete the journal in the end; moving once more would then copy everything once more
    #[arg(long, requires = "from")]
    forget_journal: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Does it.
pub async fn run(app: &App, options: Options) -> Result<()> {
    let config = app.config()?;
    let (Some(from), Some(to)) = (&options.from, &options.to) else {
        return layout::run(app, &config, options.dry_run, options.json).await;
    };
    let (from, to): (StoreUrl, StoreUrl) = (from.parse()?, to.parse()?);
    if let Some(file) = file_of(&from.to_string())
        && !file.exists()
    {
        bail!(NotDone(format!("there is no database at {:?} to move from", file.display())));
    }
    match options.dry_run {
        true => {
            let (plan, steps) = plan(&from, &to, options.batch_size).await?;
            output::print(&match options.json {
                true => output::json(&summary::Planned { plan: &plan, layout: &steps })?,
                false => summary::planned(&plan, &steps, &to),
            })
        }
        false => {
            let report = move_all(app, &config, &from, &to, &options).await?;
            output::print(&match options.json {
                true => output::json(&summary::Done::new(&report))?,
                false => summary::done(&report, &from, &to),
            })?;
            match report.is_complete() {
                true => Ok(()),
                false => Err(Told(FAILED).into()),
            }
        }
    }
}

/// What would be moved, and what would be done to the layout of the target before.
async fn plan(from: &StoreUrl, to: &StoreUrl, page: u32) -> Result<(MovePlan, Vec<Migration>)> {
    if !from.pending_migrations().await?.is_empty() {
        bail!(NotDone(format!(
            "{from} has an older layout, and looking into it would change that; `migrate --dry-run` \
             with --store {from} says how, and any other command does it"
        )));
    }
    let source = Side { store: from.open().await?, name: from.to_string() };
    let steps = to.pending_migrations().await?;
    // One whose layout would have to be changed to look into it holds nothing of this move yet.
    let target = match steps.is_empty() {
        true => Some(Side { store: to.open().await?, name: to.to_string() }),
        false => None,
    };
    let stages = Stages::new();
    let plan = MovePlan::make(&source, target.as_ref(), page, tell(&stages)).await;
    stages.end();
    Ok((plan?, steps))
}

async fn move_all(
    app: &App,
    config: &Config,
    from: &StoreUrl,
    to: &StoreUrl,
    options: &Options,
) -> Result<MoveReport> {
    let source = app.over(from.open().await?, config, "migrate").build();
    let target = Side { store: to.open().await?, name: to.to_string() };
    let settings = MoveOptions {
        page: options.batch_size,
        passes: (options.passes > 0).then_some(options.passes),
        timeout: (!options.timeout.is_zero()).then_some(options.timeout),
        journal: if options.forget_journal { Journal::Forget } else { Journal::Keep },
        ..MoveOptions::default()
    };
    let mover = Mover::new(source, from.to_string(), target, settings).await?;
    let shutdown = Shutdown::new();
    let signals = stop_on_signals(shutdown.clone())?;
    let stages = Stages::new();
    let report = mover.run(shutdown, tell(&stages)).await;
    stages.end();
    signals.abort();
    Ok(report?)
}

fn tell(stages: &Stages) -> impl Fn(Progress) + Send + Sync {
    |progress| stages.set(progress.phase.as_str(), progress.done, progress.total)
}
