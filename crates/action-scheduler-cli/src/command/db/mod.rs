//! `db`: look after the database that a store is in.

mod optimize;

use anyhow::Result;
use clap::Subcommand;

use crate::app::App;

const EXAMPLES: &str = "\
Examples:
  action-scheduler --store mysql://shop@localhost/shop db optimize --dry-run
  action-scheduler --store mysql://shop@localhost/shop db optimize";

/// What to do with a database.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum What {
    /// Add the index that claims lack in the WordPress plugin's tables, or take it away
    Optimize(optimize::Options),
}

/// Does it.
pub async fn run(app: &App, what: What) -> Result<()> {
    match what {
        What::Optimize(options) => optimize::run(app, &options).await,
    }
}
