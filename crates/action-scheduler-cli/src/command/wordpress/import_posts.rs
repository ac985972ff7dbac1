//! `wordpress import-posts`: move the actions that the plugin's first versions kept as posts into the tables.

use action_scheduler::Shutdown;
use action_scheduler::store::StoreUrl;
use action_scheduler::store::mysql::{MySqlStore, MySqlUrl, OldPosts};
use action_scheduler::time::Clock;
use action_scheduler_wordpress::PostsUse;
use action_scheduler_wordpress::import::{ImportReport, import, plan, use_of_posts};
use action_scheduler_wordpress::site::Installation;
use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

use crate::app::App;
use crate::failure::{BadInput, FAILED, NotDone, Told};
use crate::output::safe::safe;
use crate::output::{self, count, note, thousands};
use crate::signals::stop_on_signals;
use crate::terminal::{Answer, Stages, ask};
use crate::wordpress::OneSite;

const EXAMPLES: &str = "\
Examples:
  action-scheduler wordpress import-posts --wordpress /var/www/shop --dry-run
  action-scheduler wordpress import-posts --wordpress /var/www/shop
  action-scheduler wordpress import-posts --wordpress /var/www/shop --site shop.test/second --yes

Versions 1 and 2 of the plugin kept actions as posts. Each goes into the tables with its group, its
schedule and its log, under a new id, in the transaction that deletes the post. Broken off at any
moment, the same command goes on where it was. A post that cannot be read stays as it is and is
named; so is one that was claimed or started within the last five minutes. While a plugin of the
site works on the posts itself, nothing is moved. It asks first; where nobody can be asked, --yes is
the answer. The exit code is 0 when no post is left, 1 when one is.";

/// How to import.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Only say what would be moved, and what cannot be
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// How many posts go in one step
    #[arg(long, value_name = "N", default_value_t = 500,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch_size: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What was, or would be, done.
#[derive(Serialize)]
struct Outcome<'a> {
    done: bool,
    complete: bool,
    #[serde(flatten)]
    report: &'a ImportReport,
}

/// Does it.
pub async fn run(app: &App, installation: &Installation, options: &Options) -> Result<()> {
    let one = app.wordpress().one_of(installation, &app.config()?.wordpress).await?;
    let StoreUrl::MySql(url) = &one.site.store else {
        bail!(BadInput(format!("{}: expected a MySQL or MariaDB database", one.site.store)));
    };
    let posts = OldPosts::open(url).await?;
    let waiting = posts.count().await?;
    if options.dry_run {
        let stages = Stages::new();
        let planned = plan(&posts, options.batch_size, tell(&stages)).await;
        stages.end();
        print(options, &one, &planned?)?;
        if waiting > 0
            && let Err(refusal) = refuse_while_in_use(&one).await
        {
            note(format_args!("now it would be refused: {refusal}"));
        }
        return Ok(());
    }
    if waiting > 0 {
        refuse_while_in_use(&one).await?;
        confirm(options, &one, waiting).await?;
    }
    let report = carry_out(url, &posts, options).await?;
    print(options, &one, &report)?;
    match report.is_complete() {
        true => Ok(()),
        false => Err(Told(FAILED).into()),
    }
}

/// Two who move the same posts, of whom one knows nothing of transactions, would move some twice.
async fn refuse_while_in_use(one: &OneSite) -> Result<()> {
    let advice = "nothing was moved; to move them with this program, put the site into maintenance mode first, and wait \
                  for requests that are under way";
    match use_of_posts(&one.site, &one.php).await {
        Ok(PostsUse::Unused) => Ok(()),
        Ok(PostsUse::Moving) => bail!(NotDone(format!(
            "the plugin of {} is moving its posts into the tables itself, with each run of its queue (`action-scheduler \
             run --wordpress DIR`), and deletes those that it cannot read; {advice}",
            one.site.name
        ))),
        Ok(PostsUse::Used) => bail!(NotDone(format!(
            "a plugin of {} brings a version of Action Scheduler before 3.0, to which the posts are its queue: what is in \
             the tables it does not see; update that plugin first; {advice}",
            one.site.name
        ))),
        Err(error) => bail!(NotDone(format!(
            "WordPress cannot be loaded, so that it is not known whether a plugin of {} works on the posts: {error}; {advice}",
            one.site.name
        ))),
    }
}

async fn confirm(options: &Options, one: &OneSite, waiting: u64) -> Result<()> {
    let plan = format!(
        "to move {} of {} into the tables of its queue, and delete them as posts; what cannot be read stays",
        count(waiting, "action"),
        safe(&one.site.name)
    );
    if options.yes {
        note(&plan);
        return Ok(());
    }
    match ask(format!("{plan}\nGo on? [y/N]")).await? {
        Answer::Yes => Ok(()),
        Answer::No => bail!(NotDone("nothing was changed".to_owned())),
        Answer::Nobody => {
            note(&plan);
            bail!(NotDone(
                "nothing was changed, as nobody could be asked; --yes does it".to_owned()
            ))
        }
    }
}

async fn carry_out(url: &MySqlUrl, posts: &OldPosts, options: &Options) -> Result<ImportReport> {
    let store = MySqlStore::open(url, Clock::remote()).await?;
    let shutdown = Shutdown::new();
    let signals = stop_on_signals(shutdown.clone())?;
    let stages = Stages::new();
    let imported = import(posts, &store, options.batch_size, &shutdown, tell(&stages)).await;
    stages.end();
    signals.abort();
    Ok(imported?)
}

fn tell(stages: &Stages) -> impl Fn(u64, u64) {
    |done, total| stages.set("posts", done, total)
}

fn print(options: &Options, one: &OneSite, report: &ImportReport) -> Result<()> {
    let done = !options.dry_run;
    let complete = done && report.is_complete();
    output::print(&match options.json {
        true => output::json(&Outcome { done, complete, report })?,
        false => in_words(done, one, report),
    })
}

fn in_words(done: bool, one: &OneSite, report: &ImportReport) -> String {
    if *report == ImportReport::default() {
        return format!("{} has no actions that are posts", safe(&one.site.name));
    }
    let verb = if done { "moved" } else { "would move" };
    let entries = match report.log_entries {
        1 => "1 log entry".to_owned(),
        entries => format!("{} log entries", thousands(entries)),
    };
    let statuses: Vec<String> = report
        .moved
        .iter()
        .map(|(status, number)| format!("{} {status}", thousands(*number)))
        .collect();
    let statuses =
        if statuses.is_empty() { String::new() } else { format!(" ({})", statuses.join(", ")) };
    let mut lines =
        vec![format!("{verb} {}{statuses}, with {entries}", count(report.total(), "action"))];
    if !report.damaged.is_empty() {
        let number = count(report.damaged.len() as u64, "post");
        let verb = if done { "left" } else { "would leave" };
        lines.push(format!("{verb} {number} that cannot be read:"));
        let named = report.damaged.iter();
        lines.extend(named.map(|post| format!("  post {}: {}", post.post, safe(&post.reason))));
    }
    if !report.in_use.is_empty() {
        let posts: Vec<String> = report.in_use.iter().map(u64::to_string).collect();
        lines.push(format!(
            "left, as they were claimed or started within the last five minutes: {}; after that the same command moves them",
            posts.join(", ")
        ));
    }
    if report.interrupted {
        lines.push("stopped before the end; the same command goes on from here".to_owned());
    }
    lines.join("\n")
}
