//! `[alerts]`: what is watched for, and who is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use action_scheduler::Handler;
use action_scheduler_server::alerts::{Alerts, Email, EmailConfig, FailureRate, Rules};

use super::handler::{self, Call};
use super::read::{Item, Section};

/// What `[alerts]` says.
#[derive(Debug, Clone, Default)]
pub struct AlertsSection {
    /// What is watched for.
    pub rules: Rules,
    /// How often it is looked.
    pub every: Option<Duration>,
    /// Who is told.
    pub targets: Vec<Target>,
}

/// Someone who is told.
#[derive(Debug, Clone)]
pub struct Target {
    call: TargetCall,
    /// The line of the config file it begins at.
    pub line: usize,
}

#[derive(Debug, Clone)]
enum TargetCall {
    Handler(Call),
    Email(EmailSection),
}

/// Mail, with the place of its password.
#[derive(Debug, Clone)]
struct EmailSection {
    server: String,
    user: Option<String>,
    password: Option<handler::Secret>,
    from: String,
    to: Vec<String>,
}

impl AlertsSection {
    /// Reads the section. `folder` is what relative paths are relative to.
    pub fn read(mut section: Section<'_, '_>, folder: &Path) -> Self {
        let mut alerts = Self::default();
        let rules = &mut alerts.rules;
        if let Some(item) = section.item("past_due_older_than") {
            rules.past_due_older_than = unless_never(&item, |item| item.duration());
        }
        let above = section.item("failure_rate_above");
        let mut rate = FailureRate::default();
        rate.window = section.duration("failure_window").unwrap_or(rate.window);
        if let Some(least) =
            section.item("failure_at_least").and_then(|it| it.number(1..=1_000_000))
        {
            rate.at_least = least.into();
        }
        rules.failure_rate = match above {
            None => Some(rate),
            Some(item) => {
                let share = unless_never(&item, |item| {
                    item.share("a share from 0 to 1, such as 0.5, or \"never\"")
                });
                share.map(|above| FailureRate { above, ..rate })
            }
        };
        rules.chain_paused = section.bool("chain_paused").unwrap_or(rules.chain_paused);
        rules.runner_lost = section.bool("runner_lost").unwrap_or(rules.runner_lost);
        alerts.every = section.item("every").and_then(|item| {
            let every = item.duration()?;
            match every < Duration::from_secs(1) {
                true => item.refuse("expected 1s or more"),
                false => Some(every),
            }
        });
        for target in section.sections("to") {
            alerts.targets.extend(Target::read(target, folder));
        }
        section.close();
        alerts
    }

    /// The alerts, ready to be told; else what is wrong, and the line of the target.
    pub fn bind(&self) -> Result<Alerts, (usize, String)> {
        let bound = self.targets.iter().map(|it| it.bind().map_err(|problem| (it.line, problem)));
        let targets = bound.collect::<Result<Vec<_>, _>>()?;
        let defaults = Alerts::default();
        let every = self.every.unwrap_or(defaults.every);
        Ok(Alerts { rules: self.rules.clone(), targets, every })
    }
}

impl Target {
    fn read(mut section: Section<'_, '_>, folder: &Path) -> Option<Self> {
        let line = section.line();
        let kinds = ["webhook", "command", "email"];
        let named: Vec<&str> = kinds.into_iter().filter(|kind| section.has(kind)).collect();
        let call = match named.as_slice() {
            ["webhook"] => {
                handler::webhook(&mut section, folder).map(Call::Webhook).map(TargetCall::Handler)
            }
            ["command"] => {
                handler::command(&mut section, folder).map(Call::Command).map(TargetCall::Handler)
            }
            ["email"] => EmailSection::read(&mut section, folder).map(TargetCall::Email),
            _ => {
                // All are read, so that nobody's keys are called unknown.
                let _ = handler::webhook(&mut section, folder);
                let _ = handler::command(&mut section, folder);
                let _ = EmailSection::read(&mut section, folder);
                section.refuse("expected one of `webhook`, `command` and `email`");
                None
            }
        };
        section.close();
        Some(Self { call: call?, line })
    }

    fn bind(&self) -> Result<Arc<dyn Handler>, String> {
        match &self.call {
            TargetCall::Handler(call) => {
                // Only a handler that is left to remote workers is nothing to be called, and no target is one.
                call.bind()?.ok_or_else(|| "remote workers cannot be told of alerts".to_owned())
            }
            TargetCall::Email(email) => {
                let config = EmailConfig {
                    server: email.server.clone(),
                    user: email.user.clone(),
                    password: email.password.as_ref().map(handler::Secret::text).transpose()?,
                    from: email.from.clone(),
                    to: email.to.clone(),
                };
                Ok(Arc::new(Email::new(config).map_err(|error| error.to_string())?))
            }
        }
    }
}

impl EmailSection {
    fn read(section: &mut Section<'_, '_>, folder: &Path) -> Option<Self> {
        let to = section.item("email").and_then(|item| item.text_or_texts());
        let from = required(section, "from");
        let server = required(section, "server");
        let user = section.item("user").and_then(|item| item.text()).map(str::to_owned);
        let env = section.item("password_env").and_then(|item| item.text());
        let file = section.item("password_file").and_then(|item| item.text());
        let password = match (env, file) {
            (Some(name), None) => Some(handler::Secret::Env(name.to_owned())),
            (None, Some(file)) => Some(handler::Secret::File(folder.join(PathBuf::from(file)))),
            (None, None) => None,
            (Some(_), Some(_)) => {
                section
                    .refuse("it has both `password_env` and `password_file`; expected one of them");
                None
            }
        };
        if user.is_some() != password.is_some() {
            section.refuse("`user` goes with `password_env` or `password_file`");
        }
        Some(Self { server: server?, user, password, from: from?, to: to? })
    }
}

fn required(section: &mut Section<'_, '_>, key: &'static str) -> Option<String> {
    let item = section.item(key);
    if item.is_none() && section.has("email") {
        section.refuse(format_args!("the key `{key}` is missing"));
    }
    item.and_then(|item| item.text()).map(str::to_owned)
}

/// A value, or `"never"` for none.
fn unless_never<T>(item: &Item<'_, '_>, read: impl Fn(&Item<'_, '_>) -> Option<T>) -> Option<T> {
    if item.is_text("never") { None } else { read(item) }
}
