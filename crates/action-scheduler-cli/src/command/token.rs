//! `token`: what programs call the HTTP API with.

use std::time::Duration;

use action_scheduler_server::access::accounts::{Actor, NewToken, Scopes, Token, TokenName};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::user::{List, accounts};
use crate::app::{App, Opened};
use crate::input;
use crate::output::{self, Cell, Records};

const EXAMPLES: &str = "\
Examples:
  action-scheduler token create deploy --scopes read,write --expires 90d
  action-scheduler token create mailer --scopes work > mailer.token
  action-scheduler token list
  action-scheduler token revoke deploy

Scopes: read looks; write also schedules and changes; work claims and runs actions as a remote
worker; admin may everything. What is printed is the token, once: only its hash is kept. Programs
send it as `Authorization: Bearer TOKEN`.";

/// What to do with tokens.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum What {
    /// Make a token, and print it
    Create(Create),
    /// List tokens
    List(List),
    /// Make a token worthless
    Revoke {
        /// The token
        name: TokenName,
    },
}

/// A token to be made.
#[derive(Debug, Args)]
pub struct Create {
    /// What the log calls it
    name: TokenName,
    /// What it is good for, separated by commas: read, write, work, admin
    #[arg(long, default_value = "read")]
    scopes: Scopes,
    /// How long it is good, such as 90d [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = input::positive_duration)]
    expires: Option<Duration>,
    /// Print {"name":…,"token":…}
    #[arg(long)]
    json: bool,
}

/// Does it.
pub async fn run(app: &App, what: What) -> Result<()> {
    let opened = match what {
        What::Create(_) => app.open_with(app.config()?).await?,
        _ => app.existing().await?,
    };
    let by = Actor::command_line();
    match what {
        What::Create(Create { name, scopes, expires, json }) => {
            let token = NewToken { name: name.clone(), scopes, lifetime: expires };
            let secret = accounts(&opened).create_token(token, &by).await?;
            match json {
                true => {
                    let token = json!({ "name": name, "token": secret.reveal() });
                    output::print(&output::json(&token)?)
                }
                false => output::print(secret.reveal()),
            }
        }
        What::List(list) => print_list(app, &opened, &list).await,
        What::Revoke { name } => {
            accounts(&opened).revoke_token(&name, &by).await?;
            output::print(&format!("token {name} is revoked"))
        }
    }
}

async fn print_list(app: &App, opened: &Opened, list: &List) -> Result<()> {
    let (dates, now) = (opened.dates(), opened.scheduler.now());
    let date = |at: Option<jiff::Timestamp>| {
        at.map_or_else(Cell::empty, |at| Cell::new(dates.absolute(at), at))
    };
    let row = |token: Token| {
        let is_expired = token.expires_at.is_some_and(|at| at <= now);
        vec![
            Cell::plain(token.name.as_str()),
            Cell::new(token.scopes.to_string(), &token.scopes),
            Cell::plain(if is_expired { "expired" } else { "good" }),
            date(Some(token.created_at)),
            Cell::plain(&token.created_by),
            date(token.expires_at),
            date(token.used_at),
        ]
    };
    let tokens = accounts(opened).tokens().await?;
    let fields =
        vec!["name", "scopes", "state", "created_at", "created_by", "expires_at", "used_at"];
    let records = Records { fields, rows: tokens.into_iter().map(row).collect() };
    records.print(list.format(), &app.terminal)
}
