//! `db optimize`: indexes of ours on the WordPress plugin's tables, added on request.

use std::time::{Duration, Instant};

use action_scheduler::store::StoreUrl;
use action_scheduler::store::mysql::{Index, MySqlStore};
use action_scheduler::time::Clock;
use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

use crate::app::App;
use crate::failure::NotDone;
use crate::output::time::{in_words, short};
use crate::output::{self, note};
use crate::terminal::{Answer, activity, ask};

const EXAMPLES: &str = "\
Examples:
  action-scheduler --store 'mysql://shop@localhost/shop?prefix=wp_' db optimize --dry-run
  action-scheduler --store 'mysql://shop@localhost/shop?prefix=wp_' db optimize
  action-scheduler --store 'mysql://shop@localhost/shop?prefix=wp_' db optimize --remove --yes

On the tables of the WordPress plugin only: the layouts of SQLite and PostgreSQL have the indexes
they need. The plugin does not mind the index, and its rows stay as they are. It first says what it
would do and how long that takes, then asks. Where nobody can be asked, as standard input or
standard error is no terminal, --yes is the answer; without it nothing is changed, and the exit code
is 1.";

/// What to do, and how.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Take away what was added
    #[arg(long)]
    remove: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is to become of our indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Change {
    Add,
    Remove,
}

impl Change {
    /// Those that it changes.
    fn of(self, indexes: Vec<Index>) -> Vec<Index> {
        let is_wanted = self == Change::Add;
        indexes.into_iter().filter(|index| index.present != is_wanted).collect()
    }

    fn verb(self) -> &'static str {
        match self {
            Change::Add => "add",
            Change::Remove => "remove",
        }
    }

    fn statement(self, index: &Index) -> &str {
        match self {
            Change::Add => &index.add,
            Change::Remove => &index.remove,
        }
    }

    /// How long it takes, roughly.
    fn estimate(self, index: &Index) -> Duration {
        match self {
            Change::Add => index.estimate,
            Change::Remove => Duration::from_secs(1),
        }
    }
}

/// What was, or would be, done.
#[derive(Serialize)]
struct Report<'a> {
    store: String,
    change: Change,
    indexes: Vec<Step<'a>>,
    done: bool,
}

#[derive(Serialize)]
struct Step<'a> {
    name: &'a str,
    purpose: &'a str,
    statement: &'a str,
    estimate_seconds: u64,
    writes_wait: bool,
}

/// Does it.
pub async fn run(app: &App, options: &Options) -> Result<()> {
    let config = app.config_of_existing()?;
    let url = app.store_place(&config)?;
    let change = if options.remove { Change::Remove } else { Change::Add };
    let StoreUrl::MySql(place) = &url else {
        return tell(options, &report(&url, change, &[], !options.dry_run), || {
            format!("there is nothing to optimize in {url}: its layout has the indexes it needs")
        });
    };
    if !url.pending_migrations().await?.is_empty() {
        bail!(NotDone(format!(
            "{url} lacks tables that are to be there first; `migrate --dry-run` shows them, and `migrate` creates them"
        )));
    }
    let store = MySqlStore::open(place, Clock::remote()).await?;
    let steps = change.of(store.optimize_plan().await?);
    if steps.is_empty() {
        return tell(options, &report(&url, change, &[], !options.dry_run), || match change {
            Change::Add => format!("there is nothing to do: {url} has the index already"),
            Change::Remove => format!("there is nothing to do: {url} has no index of ours"),
        });
    }
    let plan = in_words_of(&url, change, &steps);
    if options.dry_run {
        return tell(options, &report(&url, change, &steps, false), || plan);
    }
    match options.yes {
        true => note(&plan),
        false => match ask(format!("{plan}\nGo on? [y/N]")).await? {
            Answer::Yes => {}
            Answer::No => bail!(NotDone("nothing was changed".to_owned())),
            Answer::Nobody => {
                tell(options, &report(&url, change, &steps, false), || plan)?;
                bail!(NotDone(
                    "nothing was changed, as nobody could be asked; --yes does it".to_owned()
                ));
            }
        },
    }
    let begun = Instant::now();
    carry_out(&store, change).await?;
    tell(options, &report(&url, change, &steps, true), || {
        let verb = if change == Change::Add { "added" } else { "removed" };
        let names: Vec<&str> = steps.iter().map(|index| index.name).collect();
        format!("{verb} {}, in {}", names.join(", "), short(begun.elapsed()))
    })
}

async fn carry_out(store: &MySqlStore, change: Change) -> Result<()> {
    let bar = activity();
    bar.set_message(match change {
        Change::Add => "adding",
        Change::Remove => "removing",
    });
    let changed = match change {
        Change::Add => store.optimize_apply().await,
        Change::Remove => store.optimize_remove().await,
    };
    bar.finish_and_clear();
    changed?;
    Ok(())
}

fn report<'a>(url: &StoreUrl, change: Change, steps: &'a [Index], done: bool) -> Report<'a> {
    let step = |index: &'a Index| Step {
        name: index.name,
        purpose: index.purpose,
        statement: change.statement(index),
        estimate_seconds: change.estimate(index).as_secs(),
        writes_wait: index.writes_wait,
    };
    Report { store: url.to_string(), change, indexes: steps.iter().map(step).collect(), done }
}

/// Prints what came out.
fn tell(options: &Options, report: &Report<'_>, words: impl FnOnce() -> String) -> Result<()> {
    output::print(&match options.json {
        true => output::json(report)?,
        false => words(),
    })
}

/// What would be done, and how long it takes.
fn in_words_of(url: &StoreUrl, change: Change, steps: &[Index]) -> String {
    let took: Duration = steps.iter().map(|index| change.estimate(index)).sum();
    let meanwhile = match steps.iter().any(|index| index.writes_wait) {
        true => "this is a cluster, on which whatever writes waits meanwhile",
        false => "the plugin and this program can work meanwhile",
    };
    let mut lines =
        vec![format!("to {} in {url}, in about {}; {meanwhile}:", change.verb(), in_words(took))];
    for index in steps {
        lines.push(format!("  {}, which {}", index.name, index.purpose));
        lines.push(format!("    {}", change.statement(index)));
    }
    lines.join("\n")
}
