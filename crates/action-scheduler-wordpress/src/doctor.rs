//! Looks at everything that has to be right for a site's queue to run, and says what to do about what is not.

use serde::Serialize;

use crate::config::Reading;
use crate::pool::{PhpWorkers, WorkerLimit, WorkerSettings};
use crate::site::{Installation, Site};
use crate::tables::{AtWork, NOTICE, QueueCounts, SiteTables, TablesError};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, but not as well as it could.
    Doubtful,
    /// It does not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub subject: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Finding {
    fn good(subject: &'static str, found: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Good, found: found.into(), advice: None }
    }

    fn doubtful(subject: &'static str, found: impl Into<String>, advice: &str) -> Self {
        let advice = Some(advice.to_owned());
        Self { subject, verdict: Verdict::Doubtful, found: found.into(), advice }
    }

    fn bad(subject: &'static str, found: impl Into<String>, advice: &str) -> Self {
        Self { verdict: Verdict::Bad, ..Self::doubtful(subject, found, advice) }
    }
}

/// Looks at an installation and one site of it. Nothing is changed.
pub async fn examine(installation: &Installation, site: &Site) -> Vec<Finding> {
    let mut findings = vec![config(installation), user(installation)];
    findings.push(php(installation, site).await);
    match SiteTables::connect(&site.store, &site.prefix).await {
        Ok(tables) => database(tables, installation, site, &mut findings).await,
        Err(error) => findings.push(Finding::bad(
            "database",
            error.to_string(),
            "check DB_HOST, DB_USER, DB_PASSWORD and DB_NAME in wp-config.php, and that the server runs",
        )),
    }
    findings
}

fn config(installation: &Installation) -> Finding {
    let file = installation.config_file.display();
    match installation.reading {
        Reading::Safely => Finding::good("config", format!("{file}, read without running it")),
        Reading::ByPhp(beyond) => {
            Finding::good("config", format!("{file}, read by PHP because of {beyond}"))
        }
    }
}

fn user(installation: &Installation) -> Finding {
    match &installation.php.user {
        Some(user) => Finding::good("user", format!("PHP runs as {}", user.name)),
        None => Finding::good("user", "PHP runs as the user of this process"),
    }
}

async fn php(installation: &Installation, site: &Site) -> Finding {
    let settings = WorkerSettings { workers: 1, ..WorkerSettings::default() };
    let limit = WorkerLimit::new(1);
    let workers = PhpWorkers::new(site.clone(), installation.php.clone(), settings, limit);
    let begun = std::time::Instant::now();
    let tried = workers.probe().await;
    let took = begun.elapsed().as_millis();
    workers.close().await;
    match tried {
        Ok(ready) => {
            let found =
                format!("PHP {}, WordPress {}, loaded in {took} ms", ready.php, ready.wordpress);
            match ready.source.as_str() {
                "none" => Finding::doubtful(
                    "wordpress",
                    format!("{found}; no plugin brings Action Scheduler"),
                    "to let plugins schedule actions without it: action-scheduler wordpress install --wordpress DIR",
                ),
                "bridge" => Finding::good(
                    "wordpress",
                    format!("{found}; the bridge provides the functions that schedule"),
                ),
                _ => Finding::good("wordpress", found),
            }
        }
        Err(error) if error.maintenance => Finding::doubtful(
            "wordpress",
            error.to_string(),
            "wait for the update to end; if there is none, remove the file .maintenance",
        ),
        Err(error) => Finding::bad(
            "wordpress",
            error.to_string(),
            "mend what PHP says; until then the queue stands still and nothing is lost",
        ),
    }
}

async fn database(
    mut tables: SiteTables,
    installation: &Installation,
    site: &Site,
    findings: &mut Vec<Finding>,
) {
    if let Err(error) = ask(&mut tables, installation, site, findings).await {
        findings.push(Finding::bad(
            "database",
            error.to_string(),
            "check $table_prefix in wp-config.php, and what the user of the database may do",
        ));
    }
    tables.close().await;
}

async fn ask(
    tables: &mut SiteTables,
    installation: &Installation,
    site: &Site,
    findings: &mut Vec<Finding>,
) -> Result<(), TablesError> {
    let version = tables.version().await?;
    findings.push(Finding::good("database", format!("{version}, {}", site.store)));
    match tables.old_posts(&site.prefix).await? {
        0 => {}
        posts => findings.push(Finding::doubtful(
            "posts",
            format!("{posts} actions of the plugin's versions 1 and 2 are posts, which the daemon does not see"),
            "move them into the tables: action-scheduler wordpress import-posts --wordpress DIR",
        )),
    }
    let schema = tables.option(&site.prefix, "schema-ActionScheduler_StoreSchema").await?;
    let Some(counts) = tables.queue(&site.prefix).await? else {
        findings.push(Finding::doubtful(
            "tables",
            "there are no tables of a queue yet",
            "`action-scheduler run --wordpress DIR` creates them, and so do the plugin and the bridge",
        ));
        return Ok(());
    };
    let schema = schema.as_deref().and_then(|text| text.split('.').next()).unwrap_or("unknown");
    findings.push(Finding::good("tables", format!("schema {schema}")));
    let notice = tables.option(&site.prefix, NOTICE).await?;
    findings.push(match (site.has_bridge(), notice.is_some()) {
        (true, true) => Finding::good("bridge", "installed; a daemon has given signs of life"),
        (true, false) => Finding::doubtful(
            "bridge",
            "installed; no daemon runs this queue",
            "start one: action-scheduler serve --wordpress DIR",
        ),
        (false, _) => Finding::doubtful(
            "bridge",
            "not installed: WP-Cron runs the queue too, and new work is found by looking",
            "action-scheduler wordpress install --wordpress DIR",
        ),
    });
    findings.push(match installation.config.is_true("DISABLE_WP_CRON") {
        true => Finding::doubtful(
            "wp-cron",
            "DISABLE_WP_CRON is set",
            "make sure that a crontab calls wp-cron.php: other events of WordPress need it",
        ),
        false => Finding::good("wp-cron", "runs with visits"),
    });
    findings.push(match counts.past_due {
        0 => Finding::good("past-due", "nothing has waited for longer than five minutes"),
        count => Finding::doubtful(
            "past-due",
            format!("{count} have waited for longer than five minutes"),
            "run them: action-scheduler run --wordpress DIR",
        ),
    });
    findings.push(match counts.orphans {
        0 => Finding::good("in-progress", "each has a claim"),
        count => Finding::doubtful(
            "in-progress",
            format!("{count} are in-progress without a claim: their runner is gone"),
            "a running daemon marks them as failed; look at their logs, and re-run what is to be done again",
        ),
    });
    findings.extend(rows(&counts));
    findings.push(runners(tables.at_work(&site.prefix).await?, site.has_bridge()));
    Ok(())
}

/// What there is to say of damaged rows.
fn rows(counts: &QueueCounts) -> Vec<Finding> {
    let damages = [
        (
            counts.unknown,
            "a status that nobody knows",
            "they count as failed: mend the rows, and re-run what is to be done",
        ),
        (
            counts.unreadable,
            "args or a schedule that cannot be read",
            "when its turn comes, each fails with the reason in its log, and its row stays as it is",
        ),
    ];
    let found: Vec<Finding> = damages
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, damage, advice)| {
            Finding::doubtful("rows", format!("{count} have {damage}"), advice)
        })
        .collect();
    match found.is_empty() {
        true => vec![Finding::good("rows", "every status, and what is pending, can be read")],
        false => found,
    }
}

/// Who works on the queue.
fn runners(AtWork { runners, claims_of_others }: AtWork, has_bridge: bool) -> Finding {
    let names = match runners.as_slice() {
        [] => "no daemon".to_owned(),
        names => names.join(", "),
    };
    match claims_of_others {
        0 => Finding::good("runners", format!("{names}; no open claims of the site's own runner")),
        count => Finding::doubtful(
            "runners",
            format!("{names}; open claims of the site's own runner: {count}"),
            match has_bridge {
                true => {
                    "with the bridge it stands back as soon as a daemon is there: nothing is to be done"
                }
                false => {
                    "both may be at work, and neither takes what the other holds; to leave the queue to the \
                          daemon: action-scheduler wordpress install --wordpress DIR"
                }
            },
        ),
    }
}
