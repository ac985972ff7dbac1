//! `user`: who may sign in with a password.

use std::path::PathBuf;

use action_scheduler_server::access::Role;
use action_scheduler_server::access::accounts::{Accounts, Actor, User, UserName};
use anyhow::Result;
use clap::{Args, Subcommand};

use crate::app::{App, Opened};
use crate::output::{self, Cell, Format, Records};
use crate::password::new_password;

const EXAMPLES: &str = "\
Examples:
  action-scheduler user add ada --role admin
  action-scheduler user add bob --password-file /run/secrets/bob
  action-scheduler user role bob operator
  action-scheduler user password ada
  action-scheduler user remove bob

A viewer looks, an operator also schedules and changes, an admin also manages who has access. A
password has 12 characters or more; it is asked for, or read from stdin or a file. A running server
takes notice within seconds.";

/// What to do with users.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum What {
    /// Add a user
    Add {
        /// The name to sign in with
        name: UserName,
        /// What they may do: viewer, operator or admin
        #[arg(long, default_value = "viewer")]
        role: Role,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// List users
    List(List),
    /// Remove a user; their sessions end
    Remove {
        /// The user
        name: UserName,
    },
    /// Give a user another password; their sessions end
    Password {
        /// The user
        name: UserName,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Give a user another role
    Role {
        /// The user
        name: UserName,
        /// What they may do: viewer, operator or admin
        role: Role,
    },
}

/// Where a password comes from.
#[derive(Debug, Args)]
pub struct PasswordFrom {
    /// A file with the password [default: asked for, or stdin]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// How a list is printed.
#[derive(Debug, Args)]
pub struct List {
    /// How they are printed: table, json, csv, ids, count or yaml
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    pub format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

impl List {
    /// How it is printed.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// Does it.
pub async fn run(app: &App, what: What) -> Result<()> {
    // The first user is added before the first start of a server, which may be what creates the database.
    let opened = match what {
        What::Add { .. } => app.open_with(app.config()?).await?,
        _ => app.existing().await?,
    };
    let accounts = accounts(&opened);
    let by = Actor::command_line();
    match what {
        What::Add { name, role, password } => {
            let password = new_password(password.password_file.as_deref()).await?;
            accounts.add_user(&name, role, password, &by).await?;
            output::print(&format!("user {name} is {role}"))
        }
        What::List(list) => print_list(app, &opened, &list).await,
        What::Remove { name } => {
            accounts.remove_user(&name, &by).await?;
            output::print(&format!("user {name} is removed"))
        }
        What::Password { name, password } => {
            let password = new_password(password.password_file.as_deref()).await?;
            accounts.set_password(&name, password, &by).await?;
            output::print(&format!("user {name} has the new password"))
        }
        What::Role { name, role } => {
            accounts.set_role(&name, role, &by).await?;
            output::print(&format!("user {name} is {role}"))
        }
    }
}

/// The accounts in an open store.
pub fn accounts(opened: &Opened) -> Accounts {
    Accounts::new(opened.scheduler.store().clone())
}

async fn print_list(app: &App, opened: &Opened, list: &List) -> Result<()> {
    let dates = opened.dates();
    let row = |user: User| {
        vec![
            Cell::plain(user.name.as_str()),
            Cell::plain(user.role.as_str()),
            Cell::new(dates.absolute(user.created_at), user.created_at),
            Cell::new(dates.absolute(user.password_set_at), user.password_set_at),
        ]
    };
    let users = accounts(opened).users().await?;
    let fields = vec!["name", "role", "created_at", "password_set_at"];
    let records = Records { fields, rows: users.into_iter().map(row).collect() };
    records.print(list.format(), &app.terminal)
}
