//! The arguments of the command line, as one tree.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser};
use jiff::tz::TimeZone;
use tracing::level_filters::LevelFilter;

use crate::command::Command;
use crate::input;
use crate::terminal::{Color, LogFormat};
use crate::wordpress::WordPressOptions;

const EXAMPLES: &str = "\
Examples:
  action-scheduler serve --demo
  action-scheduler schedule once '+2 hours' send_invoice --args '[42]' --group billing
  action-scheduler schedule cron '0 3 * * *' backup --tz Europe/Berlin
  action-scheduler action list --status pending,failed
  action-scheduler status

Exit codes: 0 done, 1 it failed, 2 the input was wrong and nothing was stored.";

/// A durable, traceable scheduler for hooks
#[derive(Debug, Parser)]
#[command(
    name = "action-scheduler",
    version,
    after_help = EXAMPLES,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Global options",
    mut_args(|option| option.global(true).hide_env_values(true))
)]
pub struct Global {
    /// The store, such as sqlite:shop.db [default: sqlite:action-scheduler.db]
    #[arg(long, value_name = "URL", env = "ACTION_SCHEDULER_STORE")]
    pub store: Option<String>,

    #[command(flatten)]
    pub wordpress: WordPressOptions,

    /// The config file [default: ./action-scheduler.toml or else /etc/action-scheduler/action-scheduler.toml]
    #[arg(long, value_name = "FILE", env = "ACTION_SCHEDULER_CONFIG")]
    pub config: Option<PathBuf>,

    /// The time zone dates are read and shown in [default: UTC]
    #[arg(long, value_name = "ZONE", env = "ACTION_SCHEDULER_TIME_ZONE",
          value_parser = input::time_zone)]
    pub time_zone: Option<TimeZone>,

    /// When to use colours: auto, always or never
    #[arg(
        long,
        value_name = "WHEN",
        env = "ACTION_SCHEDULER_COLOR",
        value_enum,
        default_value_t,
        hide_possible_values = true
    )]
    pub color: Color,

    /// More log lines on stderr; twice for still more
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Only errors, and what was asked for
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// How log lines are written: text or json
    #[arg(
        long,
        value_name = "FORMAT",
        env = "ACTION_SCHEDULER_LOG_FORMAT",
        value_enum,
        default_value_t,
        hide_possible_values = true
    )]
    pub log_format: LogFormat,
}

impl Cli {
    /// Which log lines are written: a daemon tells what it does, other commands only what is wrong.
    pub fn log_level(&self) -> LevelFilter {
        let usual = if matches!(self.command, Command::Serve(_)) { 3 } else { 2 };
        match usual + self.global.verbose {
            _ if self.global.quiet => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_tree_is_sound() {
        Cli::command().debug_assert();
    }
}
