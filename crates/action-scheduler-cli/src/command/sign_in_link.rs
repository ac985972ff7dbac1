//! `sign-in-link`: a link that signs in whoever sits here.

use action_scheduler_server::access::accounts::Actor;
use action_scheduler_server::config::PublicUrl;
use action_scheduler_server::{ServerConfig, sign_in_link};
use anyhow::Result;
use clap::Args;

use super::user::accounts;
use crate::app::App;
use crate::output;
use crate::server::ServerOptions;

const EXAMPLES: &str = "\
Examples:
  action-scheduler sign-in-link
  action-scheduler sign-in-link --url http://127.0.0.1:7500

It signs in as admin, once, within 15 minutes, at any server that uses the same store. Where that is
reached is taken from [server] of the config file.";

/// For which server.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// The URL of the server [default: that of the config file, or http://127.0.0.1:7420]
    #[arg(long)]
    url: Option<PublicUrl>,
}

/// Makes a link and prints it.
pub async fn run(app: &App, options: Options) -> Result<()> {
    let opened = app.existing().await?;
    let configured = ServerOptions::default().resolve(&opened.config)?.unwrap_or_default();
    let url = match options.url {
        Some(url) => url.to_string(),
        None => ServerConfig::url(&configured, configured.listen),
    };
    let secret = accounts(&opened).create_sign_in_link(&Actor::command_line()).await?;
    output::print(&sign_in_link(&url, &secret))
}
