//! `serve`: run actions as they fall due, until stopped.

use std::io::IsTerminal;
use std::sync::Arc;

use action_scheduler::cleaner::Cleaner;
use action_scheduler::runner::{RunReport, Until};
use action_scheduler::scheduler::Ensured;
use action_scheduler::{FigureKeeper, Runner, RunnerConfig, Scheduler, Shutdown};
use action_scheduler_server::access::accounts::Actor;
use action_scheduler_server::{Server, ServerConfig};
use action_scheduler_wordpress::attach::WpCron;
use anyhow::{Context, Result};
use clap::Args;

use crate::app::App;
use crate::command::serve_sites;
use crate::config::Config;
use crate::demo::Demo;
use crate::doubts::doubts;
use crate::in_effect;
use crate::observe::LogLines;
use crate::output::note;
use crate::output::safe::safe;
use crate::runner::{self, CleanerOptions, RunnerOptions};
use crate::server::ServerOptions;
use crate::signals::stop_on_signals;
use crate::traces;
use crate::wordpress::all_to;

const EXAMPLES: &str = "\
Examples:
  action-scheduler serve --demo
  action-scheduler serve --store sqlite:shop.db --config shop.toml
  action-scheduler serve --workers 1 --hooks send_invoice,send_reminder
  action-scheduler serve --wordpress /var/www/shop --wp-cron

SIGINT (Ctrl-C) or SIGTERM stops it: nothing more is started, and running actions have --grace to
finish. A second signal stops it at once.";

/// How to serve.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    #[command(flatten)]
    runner: RunnerOptions,

    #[command(flatten)]
    cleaner: CleanerOptions,

    #[command(flatten)]
    server: ServerOptions,

    /// Run the events of WP-Cron too, as actions of the group wp-cron
    #[arg(
        long,
        env = "ACTION_SCHEDULER_WORDPRESS_WP_CRON",
        hide_env = true,
        requires = "wordpress"
    )]
    wp_cron: bool,

    /// Show what it can do: a config and actions of every kind, in a database of its own (or the
    /// one of --store)
    #[arg(long)]
    demo: bool,
}

impl Options {
    fn wp_cron(&self, config: &Config) -> WpCron {
        match self.wp_cron {
            true => WpCron::Moved,
            false => config.wordpress.wp_cron.unwrap_or_default(),
        }
    }
}

/// Runs until stopped.
pub async fn run(app: &mut App, options: Options) -> Result<()> {
    if app.wordpress().is_given() {
        match serve_sites::only(app).await? {
            Some(site) => app.set_site(site),
            None => {
                let Options { runner, cleaner, .. } = &options;
                let wp_cron = options.wp_cron(&app.config()?);
                return serve_sites::run(app, runner, cleaner, wp_cron).await;
            }
        }
    }
    let app = &*app;
    let demo = if options.demo { Some(Demo::new(app)?) } else { None };
    let (config, url) = match &demo {
        Some(demo) => (demo.config.clone(), demo.url.clone()),
        None => {
            let config = app.config()?;
            let url = app.store_url(&config);
            (config, url)
        }
    };
    let usual = app.wordpress().usual_runner();
    let settings = options.runner.resolve(&config, Until::Stopped, usual);
    let php = app.site().map(|site| site.workers(&settings, "serve"));
    let handlers = match &php {
        Some(workers) => all_to(workers)?,
        None => config.bind()?,
    };
    let scheduler = app
        .builder(&url, &config, "serve")
        .await?
        .handlers(handlers)
        .observer(Arc::new(LogLines))
        .build();
    let traces = traces::resolve(&config)?;
    let traces = traces::begin(&scheduler, traces.as_ref()).await?;
    let server = match options.server.resolve(&config)? {
        Some(server) => {
            let cleaner = options.cleaner.resolve(&config);
            let rows = in_effect::settings(app, &config, &settings, cleaner, Some(&server));
            let about = in_effect::about(&config, &url, rows);
            let runner = Some(settings.clone());
            let spans = traces.as_ref().map(|traces| Arc::clone(traces.counts()));
            let server = ServerConfig { about, runner, spans, ..server };
            Some(Server::bind(scheduler.clone(), server).await?)
        }
        None => None,
    };
    // Before a word is said: whoever reads it may stop this at once.
    let shutdown = Shutdown::new();
    let signals = stop_on_signals(shutdown.clone())?;
    let figures = FigureKeeper::begin(&scheduler);
    banner(app, &config, &url, &settings);
    for doubt in doubts(&config) {
        tracing::warn!("{doubt}");
    }
    if let Some(demo) = &demo {
        demo.prepare(&scheduler).await?;
    }
    ensure_schedules(&scheduler, &config).await?;
    if let Some(demo) = &demo {
        demo.fill(&scheduler).await?;
        note(demo.what_to_look_at());
    }

    let cleaner = options.cleaner.resolve(&config).map(|interval| {
        let cleaner = Cleaner::new(scheduler.clone());
        tokio::spawn(cleaner.keep(interval, shutdown.clone()))
    });
    let shop = demo.as_ref().map(|_| {
        let shop = Demo::go_on(scheduler.clone(), shutdown.clone());
        tokio::spawn(shop)
    });
    let server = match server {
        Some(server) => {
            tell_of_server(app, &server).await?;
            Some(tokio::spawn(server.run(shutdown.clone())))
        }
        None => None,
    };
    let report = match &php {
        Some(workers) => {
            let site = app.site().map(|one| one.site.clone());
            let wp_cron = options.wp_cron(&config);
            serve_sites::keep_one(scheduler, workers, site, settings, wp_cron, &shutdown).await
        }
        None => Runner::new(scheduler, settings).run(shutdown.clone()).await,
    };
    // A runner that failed has not been told to stop; the cleaner must be.
    shutdown.stop();
    if let Some(cleaner) = cleaner {
        cleaner.await?;
    }
    if let Some(shop) = shop {
        shop.await?;
    }
    let served = match server {
        Some(server) => server.await?,
        None => Ok(()),
    };
    figures.end().await;
    traces::end(traces).await;
    served?;
    signals.abort();
    tell(&report?);
    Ok(())
}

/// Makes sure that the schedules of a config are there.
pub async fn ensure_schedules(scheduler: &Scheduler, config: &Config) -> Result<()> {
    for declared in &config.schedules {
        let name = safe(&declared.name);
        let ensured = scheduler
            .ensure(&declared.key(), declared.action.clone())
            .await
            .with_context(|| format!("making sure of the schedule {name:?}"))?;
        match ensured {
            Ensured::Unchanged => tracing::debug!(%name, "schedule is there"),
            Ensured::Created(action) => tracing::info!(%name, %action, "schedule created"),
            Ensured::Replaced(action) => tracing::info!(%name, %action, "schedule replaced"),
            Ensured::Running => {
                tracing::warn!(%name, "schedule changed, but the old one still runs; start again later")
            }
        }
    }
    Ok(())
}

fn banner(app: &App, config: &Config, url: &str, settings: &RunnerConfig) {
    let mut lines = vec![format!("Action Scheduler {}", env!("CARGO_PKG_VERSION"))];
    let file = match &config.file {
        Some(file) => file.display().to_string(),
        None => "none".to_owned(),
    };
    lines.push(format!("  store      {}", safe(url)));
    lines.push(format!("  config     {}", safe(&file)));
    let settings: Vec<String> = runner::rows(app, config, settings)
        .into_iter()
        .filter(|(_, value, _)| value != "none" && value != "all")
        .map(|(key, value, _)| format!("{key} {value}"))
        .collect();
    lines.push(format!("  runner     {}", settings.join(", ")));
    if let Some(one) = app.site() {
        let user = one.php.user.as_ref().map(|user| format!(" as {}", user.name));
        let php = one.php.program.display().to_string() + &user.unwrap_or_default();
        lines.push(format!("  handler    *: {}, {}", safe(&php), one.site.folder.display()));
    }
    for handler in config.handlers.iter().filter(|_| app.site().is_none()) {
        let pattern = safe(handler.pattern.as_str()).into_owned();
        lines.push(format!("  handler    {pattern}: {}", safe(&handler.call.to_string())));
    }
    if config.handlers.is_empty() && app.site().is_none() {
        lines.push(
            "  handler    none: every action will fail; see [[handler]] in the manual".into(),
        );
    }
    for declared in &config.schedules {
        let (name, hook) = (safe(&declared.name), safe(declared.action.hook.as_str()));
        lines.push(format!("  schedule   {name}: {hook}, {}", declared.action.schedule));
    }
    for (pattern, change) in &config.hooks {
        let policy = crate::config::changed_rows(change, &config.policy);
        let policy: Vec<String> =
            policy.into_iter().map(|(key, value)| format!("{key} {value}")).collect();
        lines.push(format!("  policy     {}: {}", safe(pattern.as_str()), policy.join(", ")));
    }
    if tracing::enabled!(tracing::Level::INFO) && !app.logs_json() {
        note(lines.join("\n"));
    }
}

/// Says where the server is, and at the terminal also how to get in.
async fn tell_of_server(app: &App, server: &Server) -> Result<()> {
    let url = server.url();
    if let Some(wanted) = server.wanted_address() {
        tracing::warn!(%wanted, "another program listens there; listening on another port");
    }
    tracing::info!(address = %server.address(), %url, "the admin and the API listen");
    for doubt in server.doubts() {
        tracing::warn!("{doubt}");
    }
    // Whoever reads log lines later must not find a way in.
    if std::io::stderr().is_terminal() && server.is_on_loopback() && !app.logs_json() {
        let link = server.sign_in_link(&Actor::command_line()).await?;
        note(format_args!(
            "\nOpen {link}\nto sign in: once, within 15 minutes. `action-scheduler sign-in-link` makes another.\n"
        ));
    }
    Ok(())
}

fn tell(report: &RunReport) {
    tracing::info!(
        complete = report.complete,
        failed = report.failed,
        retried = report.retried,
        released = report.released,
        "stopped"
    );
}
