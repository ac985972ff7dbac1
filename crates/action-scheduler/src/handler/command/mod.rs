//! Handlers that are commands: a program of the machine, run directly, without a shell.

pub(super) mod group;
pub(super) mod output;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::Signal;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::process::ChildStdin;
use tokio_util::sync::CancellationToken;

use self::group::{Ending, Group};
use self::output::Tail;
use super::text::short;
use super::{Failure, Handler, HandlerContext};
use crate::error::Invalid;

/// The environment variables that carry the action. They cannot be set by a config.
const RESERVED: [&str; 9] = [
    "ACTION_SCHEDULER_ARGS",
    "ACTION_SCHEDULER_ARGS_TOO_LONG",
    "ACTION_SCHEDULER_ID",
    "ACTION_SCHEDULER_HOOK",
    "ACTION_SCHEDULER_GROUP",
    "ACTION_SCHEDULER_ATTEMPT",
    "ACTION_SCHEDULER_SCHEDULED_AT",
    "ACTION_SCHEDULER_DEADLINE",
    "TRACEPARENT",
];

/// What [`InheritEnv::Minimal`] passes on: where programs, files and the user are, language and time zone.
const MINIMAL: [&str; 11] = [
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TZDIR",
    "TMPDIR",
];

/// Args up to this many bytes go into the environment. Linux takes 128 KiB for one variable.
const ARGS_IN_ENV: usize = 100 * 1024;

/// The most of a command's output that a log entry may hold, in bytes.
const MAX_OUTPUT_LIMIT: usize = 1024 * 1024;

/// How long after the end of a command its last output is waited for. It is in the pipe already, unless a process that
/// left the group holds the pipe open.
const OUTPUT_WAIT: Duration = Duration::from_millis(250);

/// What a [`Command`] runs, and how. Made by [`CommandConfig::new`], then changed field by field.
#[derive(Clone)]
pub struct CommandConfig {
    /// The program and its arguments, as the program gets them: no shell reads them, and nothing of an action is ever
    /// put into them, so that args cannot become options or commands.
    pub argv: Vec<String>,
    /// Where it runs; `None` is where this process runs.
    pub working_dir: Option<PathBuf>,
    /// Environment variables it has beside the inherited ones.
    pub env: Vec<(String, String)>,
    /// Which variables of this process it sees.
    pub inherit_env: InheritEnv,
    /// How much of the end of its output goes into the log, in bytes (8 KiB; at most 1 MiB; 0 is none).
    pub output_limit: usize,
    /// The exit codes that mean success (0).
    pub ok_exit_codes: Vec<i32>,
    /// If set, only these exit codes are worth another attempt, such as 75 (`EX_TEMPFAIL`), and all others are
    /// permanent failures. `None`, the default, leaves it to the policy.
    pub retry_exit_codes: Option<Vec<i32>>,
    /// How long it has between SIGTERM and SIGKILL when it is canceled (5 seconds).
    pub grace: Duration,
}

/// Which environment variables of this process a command sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InheritEnv {
    /// PATH, HOME, USER, LOGNAME, SHELL, LANG, LC_ALL, LC_CTYPE, TZ, TZDIR and TMPDIR: enough for most programs, and
    /// no password of the scheduler's own.
    #[default]
    Minimal,
    /// All of them.
    All,
}

impl CommandConfig {
    /// A command with the defaults given at each field.
    pub fn new(argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            working_dir: None,
            env: Vec::new(),
            inherit_env: InheritEnv::default(),
            output_limit: 8 * 1024,
            ok_exit_codes: vec![0],
            retry_exit_codes: None,
            grace: Duration::from_secs(5),
        }
    }

    fn check(&self) -> Result<(), Invalid> {
        let refuse = |text: &str, problem: &str| Err(Invalid::new("command", text, problem));
        match self.argv.first().map(String::as_str) {
            None => return refuse("", "expected a program and its arguments"),
            Some("") => return refuse("", "the program has no name"),
            Some(program) if self.argv.iter().any(|arg| arg.contains('\0')) => {
                return refuse(program, "an argument has a NUL character");
            }
            Some(_) => {}
        }
        for (name, value) in &self.env {
            let problem = match name.as_str() {
                "" => "the name is empty",
                name if name.contains(['=', '\0']) => "the name has a = or a NUL character",
                name if RESERVED.contains(&name) => "is set by the scheduler",
                _ if value.contains('\0') => "the value has a NUL character",
                _ => continue,
            };
            return Err(Invalid::new("environment variable", name, problem));
        }
        if self.output_limit > MAX_OUTPUT_LIMIT {
            let problem = format_args!("expected at most {MAX_OUTPUT_LIMIT} bytes");
            return Err(Invalid::new("output_limit", self.output_limit.to_string(), problem));
        }
        if self.ok_exit_codes.is_empty() {
            return Err(Invalid::new("ok_exit_codes", "[]", "expected at least one exit code"));
        }
        Ok(())
    }

    fn program(&self) -> &str {
        self.argv.first().map(String::as_str).unwrap_or_default()
    }
}

/// Arguments and the values of variables may be secrets: they are left out.
impl fmt::Debug for CommandConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("CommandConfig")
            .field("program", &self.program())
            .field("arguments", &self.argv.len().saturating_sub(1))
            .field("working_dir", &self.working_dir)
            .field("env", &names)
            .field("inherit_env", &self.inherit_env)
            .field("output_limit", &self.output_limit)
            .field("ok_exit_codes", &self.ok_exit_codes)
            .field("retry_exit_codes", &self.retry_exit_codes)
            .field("grace", &self.grace)
            .finish()
    }
}

/// A command as a handler.
///
/// It gets the args as one line of JSON on its standard input, and as `ACTION_SCHEDULER_ARGS` in its environment (args
/// of more than 100 KiB only on the input; `ACTION_SCHEDULER_ARGS_TOO_LONG=1` says so). The rest of the action is in
/// `ACTION_SCHEDULER_ID`, `_HOOK`, `_GROUP`, `_ATTEMPT`, `_SCHEDULED_AT` and `_DEADLINE` (dates as RFC 3339, UTC).
/// `TRACEPARENT` is the span of the attempt, if it has one.
///
/// What it prints, on either stream, goes into the log of the action: the last of it, in the order it was printed.
///
/// It leads a process group. When it exits, whatever it left running in that group is killed: a command that wants to
/// start a daemon has to put it into a session of its own (`setsid`), with its output sent elsewhere. When the attempt
/// is canceled, the group gets SIGTERM, and SIGKILL after [`CommandConfig::grace`]; the attempt fails then, even if the
/// exit code is 0. When the handler is dropped, the group gets SIGKILL.
///
/// ```
/// use action_scheduler::handler::{Command, CommandConfig};
///
/// let mut config = CommandConfig::new(["pg_dump", "--file=/backup/shop.dump", "shop"]);
/// config.env.push(("PGPASSFILE".into(), "/etc/backup/pgpass".into()));
/// let command = Command::new(config)?;
/// # Ok::<(), action_scheduler::Invalid>(())
/// ```
#[derive(Debug)]
pub struct Command(CommandConfig);

impl Command {
    /// Checks the config. Whether the program exists shows when it is run.
    ///
    /// Refused: no program, NUL characters, environment variables that have no proper name or are the scheduler's own,
    /// an output limit over 1 MiB, no exit code that is a success.
    pub fn new(config: CommandConfig) -> Result<Self, Invalid> {
        config.check()?;
        Ok(Self(config))
    }

    /// Starts the program. Both of its output streams are one pipe, so that their order is kept.
    fn start(&self, context: &HandlerContext) -> std::io::Result<(Group, pipe::Receiver)> {
        let (reader, writer) = std::io::pipe()?;
        let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
        let mut command = tokio::process::Command::new(self.0.program());
        command
            .args(self.0.argv.iter().skip(1))
            .env_clear()
            .envs(self.environment(context))
            .stdin(Stdio::piped())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        if let Some(dir) = &self.0.working_dir {
            command.current_dir(dir);
        }
        // `command` goes at the end of this function, and our ends of the pipe with it: the reader sees the end.
        Ok((Group::start(&mut command)?, reader))
    }

    fn environment(&self, context: &HandlerContext) -> Vec<(OsString, OsString)> {
        let inherited = std::env::vars_os().filter(|(name, _)| match self.0.inherit_env {
            InheritEnv::Minimal => MINIMAL.iter().any(|other| name == other),
            InheritEnv::All => !RESERVED.iter().any(|other| name == other),
        });
        let configured = self.0.env.iter().map(|(name, value)| (name.into(), value.into()));
        let args = context.args().as_str();
        let args = match args.len() {
            0..=ARGS_IN_ENV => ("ACTION_SCHEDULER_ARGS", args.to_owned()),
            _ => ("ACTION_SCHEDULER_ARGS_TOO_LONG", "1".to_owned()),
        };
        let action = [
            args,
            ("ACTION_SCHEDULER_ID", context.id().to_string()),
            ("ACTION_SCHEDULER_HOOK", context.hook().to_string()),
            ("ACTION_SCHEDULER_GROUP", context.group().to_string()),
            ("ACTION_SCHEDULER_ATTEMPT", context.attempt().to_string()),
            ("ACTION_SCHEDULER_SCHEDULED_AT", context.scheduled_at().to_string()),
            ("ACTION_SCHEDULER_DEADLINE", context.deadline().to_string()),
        ]
        .map(|(name, value)| (name.into(), value.into()));
        let span = context.span().map(|span| ("TRACEPARENT".into(), span.to_string().into()));
        inherited.chain(configured).chain(action).chain(span).collect()
    }

    /// Why the program could not be started, in words that name what is missing.
    fn not_started(&self, error: &std::io::Error) -> Failure {
        match &self.0.working_dir {
            Some(dir) if !dir.is_dir() => Failure::new(format!(
                "could not start {:?}: its working directory {} does not exist",
                self.0.program(),
                dir.display()
            )),
            _ => Failure::new(format!("could not start {:?}: {error}", self.0.program())),
        }
    }

    fn judge(&self, ending: Ending, output: &str) -> Result<(), Failure> {
        let last_line = output.lines().rfind(|line| !line.trim().is_empty()).map(short);
        let reason = |status| match &last_line {
            Some(line) => format!("{}: {line}", status_in_words(status)),
            None => status_in_words(status),
        };
        match ending {
            Ending::Canceled(status) => Err(Failure::new(format!("canceled: {}", reason(status)))),
            Ending::Own(status) => match (status.code(), &self.0.retry_exit_codes) {
                (Some(code), _) if self.0.ok_exit_codes.contains(&code) => Ok(()),
                (Some(code), Some(codes)) if !codes.contains(&code) => {
                    Err(Failure::permanent(reason(status)))
                }
                _ => Err(Failure::new(reason(status))),
            },
        }
    }
}

#[async_trait]
impl Handler for Command {
    async fn call(&self, context: &HandlerContext) -> Result<(), Failure> {
        if context.is_canceled() {
            return Err(Failure::new("canceled before the command was started"));
        }
        let (mut group, output) = self.start(context).map_err(|error| self.not_started(&error))?;
        let input = group.stdin();
        let mut tail = Tail::new(self.0.output_limit);
        let ended = CancellationToken::new();
        let end = async {
            let _ended = ended.clone().drop_guard();
            group.end(context.canceled(), self.0.grace).await
        };
        let exchange = async {
            tokio::select! {
                _ = async { tokio::join!(feed(input, context), tail.read(output)) } => {}
                () = async { ended.cancelled().await; tokio::time::sleep(OUTPUT_WAIT).await } => {}
            }
        };
        let (ending, ()) = tokio::join!(end, exchange);

        let output = tail.text();
        if !output.is_empty() {
            context.log_output(output.as_str());
        }
        let ending = ending.map_err(|error| {
            Failure::new(format!("could not wait for {:?}: {error}", self.0.program()))
        })?;
        self.judge(ending, &output)
    }

    fn describe(&self) -> String {
        format!("command {}", self.0.program())
    }
}

/// Writes the args and closes the pipe. A program that does not read them is none of our business.
async fn feed(input: Option<ChildStdin>, context: &HandlerContext) {
    let Some(mut input) = input else { return };
    if input.write_all(context.args().as_str().as_bytes()).await.is_ok() {
        let _ = input.write_all(b"\n").await;
    }
}

/// An exit status, such as `exit code 3` or `killed by signal 9 (SIGKILL)`.
pub fn status_in_words(status: ExitStatus) -> String {
    const NAMES: [(Signal, &str); 14] = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::TERM, "SIGTERM"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::SYS, "SIGSYS"),
    ];
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(number)) => match NAMES.iter().find(|(signal, _)| signal.as_raw() == number) {
            Some((_, name)) => format!("killed by signal {number} ({name})"),
            None => format!("killed by signal {number}"),
        },
        (None, None) => status.to_string(),
    }
}
