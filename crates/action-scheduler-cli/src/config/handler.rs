//! `[[handler]]`: what hooks are bound to.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use action_scheduler::handler::{
    Command, CommandConfig, InheritEnv, PrivateAddresses, Webhook, WebhookConfig, signature,
};
use action_scheduler::policy::HookPattern;
use action_scheduler::{Handler, Priority};

use super::read::{Item, Section};
use crate::input;

/// What the hooks of a pattern are bound to.
#[derive(Debug, Clone)]
pub struct HandlerConfig {
    /// The hooks.
    pub pattern: HookPattern,
    /// Its place among the handlers of one hook.
    pub priority: Priority,
    /// What is called.
    pub call: Call,
    /// The line of the config file it begins at.
    pub line: usize,
}

/// What a handler calls.
#[derive(Debug, Clone)]
pub enum Call {
    /// A program.
    Command(CommandSection),
    /// A URL.
    Webhook(WebhookSection),
    /// Nothing here: remote workers ask for it.
    Remote,
}

impl Call {
    /// The handler, ready to be called, or none if that is left to remote workers; else what is wrong.
    pub fn bind(&self) -> Result<Option<Arc<dyn Handler>>, String> {
        match self {
            Call::Command(command) => command.bind().map(Some),
            Call::Webhook(webhook) => webhook.bind().map(Some),
            Call::Remote => Ok(None),
        }
    }
}

/// The program, or the URL without its query. No secrets.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Call::Command(command) => {
                write!(f, "command {}", command.argv.first().map_or("", String::as_str))
            }
            Call::Webhook(webhook) => {
                write!(f, "webhook {}", webhook.url.split(['?', '#']).next().unwrap_or_default())
            }
            Call::Remote => f.write_str("remote workers"),
        }
    }
}

impl CommandSection {
    fn bind(&self) -> Result<Arc<dyn Handler>, String> {
        let mut config = CommandConfig::new(&self.argv);
        config.working_dir = Some(self.working_dir.clone());
        config.env.clone_from(&self.env);
        config.inherit_env = self.inherit_env;
        config.retry_exit_codes.clone_from(&self.retry_exit_codes);
        set(&mut config.output_limit, &self.output_limit);
        set(&mut config.ok_exit_codes, &self.ok_exit_codes);
        set(&mut config.grace, &self.grace);
        Ok(Arc::new(Command::new(config).map_err(|error| error.to_string())?))
    }
}

impl WebhookSection {
    fn bind(&self) -> Result<Arc<dyn Handler>, String> {
        let mut config = WebhookConfig::new(&self.url);
        for secret in &self.secrets {
            config.secrets.push(secret.read()?);
        }
        config.headers.clone_from(&self.headers);
        if self.allow_private {
            config.private_addresses = PrivateAddresses::Allow;
        }
        set(&mut config.timeout, &self.timeout);
        set(&mut config.connect_timeout, &self.connect_timeout);
        set(&mut config.output_limit, &self.output_limit);
        Ok(Arc::new(Webhook::new(config).map_err(|error| error.to_string())?))
    }
}

impl Secret {
    /// A signing secret. A message never holds it.
    fn read(&self) -> Result<signature::Secret, String> {
        self.text()?.parse().map_err(|error| format!("the secret in {}: {error}", self.place()))
    }

    /// Where it is, for people.
    fn place(&self) -> String {
        match self {
            Secret::Env(name) => format!("the environment variable {name:?}"),
            Secret::File(file) => format!("the file {:?}", file.display()),
        }
    }

    /// The secret itself, without white space around it. A message never holds it.
    pub(super) fn text(&self) -> Result<String, String> {
        let text = match self {
            Secret::Env(name) => {
                std::env::var(name).map_err(|_| format!("{} is not set", self.place()))?
            }
            Secret::File(file) => std::fs::read_to_string(file)
                .map_err(|error| format!("{} cannot be read: {error}", self.place()))?,
        };
        Ok(text.trim().to_owned())
    }
}

fn set<T: Clone>(target: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        target.clone_from(value);
    }
}

/// A program to be run.
#[derive(Clone)]
pub struct CommandSection {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Where it runs.
    pub working_dir: PathBuf,
    /// Variables it has beside the inherited ones.
    pub env: Vec<(String, String)>,
    /// Which variables of this process it sees.
    pub inherit_env: InheritEnv,
    /// How much of its output is kept, in bytes.
    pub output_limit: Option<usize>,
    /// The exit codes that mean success.
    pub ok_exit_codes: Option<Vec<i32>>,
    /// The exit codes that are worth another attempt.
    pub retry_exit_codes: Option<Vec<i32>>,
    /// How long it has between SIGTERM and SIGKILL.
    pub grace: Option<Duration>,
}

/// A URL to be called.
#[derive(Clone)]
pub struct WebhookSection {
    /// The URL.
    pub url: String,
    /// Where the signing secrets come from.
    pub secrets: Vec<Secret>,
    /// Headers that are sent with each request.
    pub headers: Vec<(String, String)>,
    /// How long an answer may take.
    pub timeout: Option<Duration>,
    /// How long connecting may take.
    pub connect_timeout: Option<Duration>,
    /// How much of the answer is kept, in bytes.
    pub output_limit: Option<usize>,
    /// Whether private addresses may be called.
    pub allow_private: bool,
}

/// Where a secret comes from. It is never in the config file itself.
#[derive(Debug, Clone)]
pub enum Secret {
    /// An environment variable.
    Env(String),
    /// A file.
    File(PathBuf),
}

/// Arguments and the values of variables may be secrets: they are left out.
impl fmt::Debug for CommandSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandSection")
            .field("program", &self.argv.first())
            .finish_non_exhaustive()
    }
}

/// The URL and the headers may hold secrets: they are left out.
impl fmt::Debug for WebhookSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSection").field("secrets", &self.secrets).finish_non_exhaustive()
    }
}

/// Reads one table.
pub fn read(mut section: Section<'_, '_>, folder: &Path) -> Option<HandlerConfig> {
    let line = section.line();
    let hook = section.item("hook");
    if hook.is_none() {
        section.refuse("the key `hook` is missing");
    }
    let pattern = hook.and_then(|item| item.checked(item.text()?.parse::<HookPattern>()));
    let priority = section.item("priority").and_then(|item| item.number(0..=255));
    let kinds = ["command", "webhook", "remote"];
    let call = match kinds.map(|kind| section.has(kind)) {
        [true, false, false] => command(&mut section, folder).map(Call::Command),
        [false, true, false] => webhook(&mut section, folder).map(Call::Webhook),
        [false, false, true] => remote(&mut section, priority.is_some()).then_some(Call::Remote),
        given => {
            // All are read, so that none's keys are called unknown.
            let _ = (command(&mut section, folder), webhook(&mut section, folder));
            let _ = section.bool("remote");
            let has: Vec<String> = kinds
                .iter()
                .zip(given)
                .filter(|(_, is_given)| *is_given)
                .map(|(kind, _)| format!("`{kind}`"))
                .collect();
            match has.is_empty() {
                true => section.refuse("expected one of `command`, `webhook` and `remote`"),
                false => section
                    .refuse(format!("it has both {}; expected one of them", has.join(" and "))),
            }
            None
        }
    };
    section.close();
    let priority = priority.and_then(|priority| u8::try_from(priority).ok());
    Some(HandlerConfig {
        pattern: pattern?,
        priority: priority.map_or_else(Priority::default, Priority),
        call: call?,
        line,
    })
}

/// Whether its hooks are left to remote workers.
fn remote(section: &mut Section<'_, '_>, has_priority: bool) -> bool {
    if has_priority {
        section.refuse("`priority` has no meaning with `remote`: nothing else is called");
    }
    match section.bool("remote") {
        Some(true) => true,
        Some(false) => {
            section.refuse("`remote` is false; expected true, or no such handler at all");
            false
        }
        None => false,
    }
}

pub(super) fn command(section: &mut Section<'_, '_>, folder: &Path) -> Option<CommandSection> {
    let argv = section.item("command").and_then(|item| {
        let argv = item.program()?;
        match argv.first().is_none_or(String::is_empty) {
            true => item.expected("a program and its arguments, such as [\"pg_dump\", \"shop\"]"),
            false => Some(argv),
        }
    });
    let working_dir = section.item("working_dir").and_then(|item| item.text());
    let env = pairs(section, "env");
    let inherit_env = section.item("inherit_env").and_then(|item| match item.text()? {
        "minimal" => Some(InheritEnv::Minimal),
        "all" => Some(InheritEnv::All),
        _ => item.expected("\"minimal\" or \"all\""),
    });
    let output_limit = output_limit(section);
    let ok_exit_codes = section.item("ok_exit_codes").map(|item| exit_codes(&item));
    let retry_exit_codes = section.item("retry_exit_codes").map(|item| exit_codes(&item));
    let grace = section.duration("grace");
    Some(CommandSection {
        argv: argv?,
        working_dir: folder.join(working_dir.unwrap_or_default()),
        env,
        inherit_env: inherit_env.unwrap_or_default(),
        output_limit,
        ok_exit_codes,
        retry_exit_codes,
        grace,
    })
}

pub(super) fn webhook(section: &mut Section<'_, '_>, folder: &Path) -> Option<WebhookSection> {
    let url = section.item("webhook").and_then(|item| item.text());
    let secret_env = section.item("secret_env").and_then(|item| item.text_or_texts());
    let secret_file = section.item("secret_file").and_then(|item| item.text_or_texts());
    let headers = pairs(section, "headers");
    let timeout = section.duration("timeout");
    let connect_timeout = section.duration("connect_timeout");
    let output_limit = output_limit(section);
    let allow_private = section.bool("allow_private").unwrap_or_default();
    let from_env = secret_env.unwrap_or_default().into_iter().map(Secret::Env);
    let from_file = secret_file.unwrap_or_default().into_iter();
    let from_file = from_file.map(|file| Secret::File(folder.join(file)));
    Some(WebhookSection {
        url: url?.to_owned(),
        secrets: from_env.chain(from_file).collect(),
        headers,
        timeout,
        connect_timeout,
        output_limit,
        allow_private,
    })
}

/// A number of bytes; 0 keeps nothing.
fn output_limit(section: &mut Section<'_, '_>) -> Option<usize> {
    let item = section.item("output_limit")?;
    match item.text_or_number()?.as_str() {
        "0" => Some(0),
        text => item.checked(usize::try_from(item.checked(input::bytes(text))?)),
    }
}

/// A table of texts.
pub(super) fn pairs(section: &mut Section<'_, '_>, key: &'static str) -> Vec<(String, String)> {
    let Some(mut table) = section.section(key) else { return Vec::new() };
    let pairs = table.items().into_iter().filter_map(|(name, item)| {
        // The value may be a secret: the message must not quote it.
        let value = item.text_or_number_unquoted()?;
        Some((name, value))
    });
    pairs.collect()
}

fn exit_codes(item: &Item<'_, '_>) -> Vec<i32> {
    let numbers = item.numbers(0..=255).unwrap_or_default();
    numbers.into_iter().filter_map(|code| i32::try_from(code).ok()).collect()
}
