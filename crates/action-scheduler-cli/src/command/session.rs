//! `session`: who is signed in.

use action_scheduler_server::access::accounts::{Accounts, Actor, Session};
use anyhow::{Result, bail};
use clap::Subcommand;

use super::user::{List, accounts};
use crate::app::{App, Opened};
use crate::failure::BadInput;
use crate::output::{self, Cell, Records};

const EXAMPLES: &str = "\
Examples:
  action-scheduler session list
  action-scheduler session end 3f2a9c0b71de

A session is a browser that someone signed in with. One that is ended has to sign in again; a
running server takes notice within seconds.";

/// What to do with sessions.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum What {
    /// List sessions, the one that was used last first
    List(List),
    /// End sessions
    End {
        /// The sessions, or the beginning of their ids
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

/// Does it.
pub async fn run(app: &App, what: What) -> Result<()> {
    let opened = app.existing().await?;
    match what {
        What::List(list) => print_list(app, &opened, &list).await,
        What::End { ids } => end(&accounts(&opened), &ids).await,
    }
}

async fn end(accounts: &Accounts, ids: &[String]) -> Result<()> {
    let sessions = accounts.sessions().await?;
    let mut found = Vec::new();
    for id in ids {
        let has_it = |session: &&Session| !id.is_empty() && session.id.to_string().starts_with(id);
        match sessions.iter().filter(has_it).collect::<Vec<_>>()[..] {
            [session] => found.push(session.id),
            [] => bail!(BadInput(format!("there is no session {id:?}"))),
            _ => bail!(BadInput(format!("several sessions begin with {id:?}"))),
        }
    }
    for id in found {
        accounts.end_session(id, &Actor::command_line()).await?;
        output::print(&format!("session {} is ended", id.short()))?;
    }
    Ok(())
}

async fn print_list(app: &App, opened: &Opened, list: &List) -> Result<()> {
    let dates = opened.dates();
    let date = |at: jiff::Timestamp| Cell::new(dates.absolute(at), at);
    let row = |session: Session| {
        vec![
            Cell::plain(session.id.short()),
            Cell::plain(session.owner.to_string()),
            Cell::plain(session.address),
            date(session.created_at),
            date(session.seen_at),
            date(session.expires_at),
            Cell::plain(&session.browser),
        ]
    };
    let sessions = accounts(opened).sessions().await?;
    let fields = vec!["id", "who", "address", "created_at", "seen_at", "expires_at", "browser"];
    let records = Records { fields, rows: sessions.into_iter().map(row).collect() };
    records.print(list.format(), &app.terminal)
}
