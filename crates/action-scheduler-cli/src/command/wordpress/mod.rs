//! `wordpress`: look at a site, put the bridge into its place, import what the plugin's first versions left.

mod import_posts;

use action_scheduler_wordpress::bridge::{self, Installed};
use action_scheduler_wordpress::doctor::{Verdict, examine};
use action_scheduler_wordpress::site::Installation;
use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use crate::app::App;
use crate::failure::{BadInput, FAILED, NotDone, Told};
use crate::output;
use crate::output::safe::safe;

/// What to do about a site.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Look at everything that has to be right for the queue of a site to run
    Doctor(Doctor),
    /// Put the bridge plugin into its place: the site hands its queue to `serve` while that runs, and has the functions
    /// that schedule if no plugin brings them
    Install,
    /// Take the bridge plugin away
    Uninstall,
    /// Move the actions that versions 1 and 2 of the plugin kept as posts into the tables of the queue
    ImportPosts(import_posts::Options),
}

/// How to print it.
#[derive(Debug, Args)]
#[command(after_help = "\
Each thing that was looked at is good, doubtful (with what to do) or bad. The exit code is 1 when
one is bad. Nothing is changed.")]
pub struct Doctor {
    /// Print an array of {"subject":…,"verdict":…,"found":…,"advice":…}
    #[arg(long)]
    json: bool,
}

/// Does it.
pub async fn run(app: &App, what: What) -> Result<()> {
    let options = app.wordpress();
    let [folder] = options.wordpress.as_slice() else {
        bail!(BadInput("name one WordPress, with --wordpress DIR".to_owned()));
    };
    let installation = Installation::open(folder, &options.php(&app.config()?.wordpress)?)
        .await
        .map_err(|error| NotDone(error.to_string()))?;
    match what {
        What::Doctor(doctor) => look(app, &installation, &doctor).await,
        What::Install => install(&installation),
        What::ImportPosts(options) => import_posts::run(app, &installation, &options).await,
        What::Uninstall => {
            bridge::uninstall(&installation)?;
            let place = bridge::place(&installation).display().to_string();
            output::print(&format!("removed {}", safe(&place)))
        }
    }
}

fn install(installation: &Installation) -> Result<()> {
    let done = bridge::install(installation)?;
    let place = bridge::place(installation).display().to_string();
    let place = safe(&place);
    output::print(&match done {
        Installed::New => format!("installed {place}"),
        Installed::Replaced => format!("replaced {place}, which was another version"),
        Installed::Unchanged => format!("{place} is there already"),
    })
}

async fn look(app: &App, installation: &Installation, doctor: &Doctor) -> Result<()> {
    let one = app.wordpress().one_of(installation, &app.config()?.wordpress).await?;
    let findings = examine(installation, &one.site).await;
    if doctor.json {
        output::print(&output::json(&findings)?)?;
    } else {
        for finding in &findings {
            let verdict = match finding.verdict {
                Verdict::Good => "good    ",
                Verdict::Doubtful => "doubtful",
                Verdict::Bad => "bad     ",
            };
            output::print(&format!(
                "{verdict}  {:<11}  {}",
                finding.subject,
                safe(&finding.found)
            ))?;
            if let Some(advice) = &finding.advice {
                output::print(&format!("{:23}→ {advice}", ""))?;
            }
        }
    }
    match findings.iter().any(|finding| finding.verdict == Verdict::Bad) {
        true => Err(Told(FAILED).into()),
        false => Ok(()),
    }
}
