//! What went wrong, as an exit code and a message.

use std::fmt;
use std::io;
use std::process::ExitCode;

use action_scheduler::schedule::cron::CronError;
use action_scheduler::time::DateTextError;
use action_scheduler::{Error, Invalid};
use action_scheduler_server::ServerError;
use action_scheduler_server::access::accounts::AccountError;

use crate::output::safe::safe_lines;

/// The command did not do what was asked, through no fault of the input.
pub const FAILED: u8 = 1;
/// The input was wrong; nothing was stored.
pub const BAD_INPUT: u8 = 2;

/// Input that is wrong, with a whole message.
#[derive(Debug)]
pub struct BadInput(pub String);

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadInput {}

/// What was asked could not be done, whatever the error behind it says about input.
#[derive(Debug)]
pub struct NotDone(pub String);

impl fmt::Display for NotDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotDone {}

/// A failure that was already told in full.
#[derive(Debug)]
pub struct Told(pub u8);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {}", self.0)
    }
}

impl std::error::Error for Told {}

/// Tells of an error on stderr and gives the exit code for it.
pub fn tell(error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        // Whoever read our output has read enough.
        return ExitCode::SUCCESS;
    }
    if let Some(Told(code)) = error.downcast_ref() {
        return ExitCode::from(*code);
    }
    crate::output::note(format_args!("error: {}", safe_lines(&message(error))));
    ExitCode::from(code(error))
}

fn code(error: &anyhow::Error) -> u8 {
    let is_bad_input = error.chain().any(|cause| {
        cause.is::<BadInput>()
            || cause.is::<Invalid>()
            || cause.is::<DateTextError>()
            || cause.is::<CronError>()
            || cause.downcast_ref::<AccountError>().is_some_and(AccountError::is_invalid_input)
            || matches!(
                cause.downcast_ref(),
                Some(
                    ServerError::NobodyMaySignIn { .. }
                        | ServerError::Setting(_)
                        | ServerError::Tls(_)
                )
            )
            || cause.downcast_ref::<Error>().is_some_and(Error::is_invalid_input)
    });
    if is_bad_input { BAD_INPUT } else { FAILED }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// The error and the errors behind it as one line. A cause that only repeats what was said is left out.
fn message(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if message.is_empty() {
            message = text;
        } else if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
    }
    message
}
