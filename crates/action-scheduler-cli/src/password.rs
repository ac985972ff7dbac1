//! Passwords from people and files. Never from an argument, which everyone on the machine can read.

use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use action_scheduler_server::access::accounts::Password;
use anyhow::{Context, Result, bail};
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};

use crate::failure::{BadInput, NotDone};

/// A new password: from a file, else asked for twice at the terminal, else from stdin.
pub async fn new_password(file: Option<&Path>) -> Result<Password> {
    if let Some(file) = file {
        let text = std::fs::read_to_string(file).map_err(|error| {
            BadInput(format!("the password file {:?} cannot be read: {error}", file.display()))
        })?;
        return Ok(first_line(&text));
    }
    let reading = tokio::task::spawn_blocking(|| match io::stdin().is_terminal() {
        true => asked_twice(),
        false => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).context("reading the password from stdin")?;
            Ok(first_line(&text))
        }
    });
    reading.await?
}

/// The line break at the end of a line is not part of the password.
fn first_line(text: &str) -> Password {
    Password::new(text.strip_suffix('\n').map_or(text, |text| text.trim_end_matches('\r')))
}

fn asked_twice() -> Result<Password> {
    let password = ask("Password: ")?;
    if ask("The same again: ")? != password {
        bail!(BadInput("the two passwords are not the same".to_owned()));
    }
    Ok(Password::new(password))
}

/// Asks on stderr and shows nothing of what is typed.
fn ask(question: &str) -> Result<String> {
    write!(io::stderr(), "{question}")?;
    io::stderr().flush()?;
    enable_raw_mode().context("turning off the echo of the terminal")?;
    let typed = typed();
    disable_raw_mode()?;
    writeln!(io::stderr())?;
    typed
}

fn typed() -> Result<String> {
    let mut text = String::new();
    loop {
        let key = match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => key,
            _ => continue,
        };
        let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => return Ok(text),
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Char('c' | 'd') if with_control => bail!(NotDone("not done".to_owned())),
            KeyCode::Char('u') if with_control => text.clear(),
            KeyCode::Char(typed) if !with_control => text.push(typed),
            KeyCode::Esc => bail!(NotDone("not done".to_owned())),
            _ => {}
        }
    }
}
