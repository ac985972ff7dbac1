//! What is not wrong, but most likely not meant.

use clap::CommandFactory;

use crate::cli::Cli;
use action_scheduler::Hook;

use crate::config::handler::Call;
use crate::config::{Config, HandlerConfig};
use crate::input;

/// What is doubtful about the config and the environment, a sentence each.
pub fn doubts(config: &Config) -> Vec<String> {
    let mut doubts = unknown_variables();
    doubts.extend(unbound_schedules(config));
    doubts.extend(never_called(config));
    doubts
}

/// The schedules whose actions can only fail.
fn unbound_schedules(config: &Config) -> impl Iterator<Item = String> {
    let bound = |hook| config.handlers.iter().any(|handler| handler.pattern.matches(hook));
    let unbound = config.schedules.iter().filter(move |declared| !bound(&declared.action.hook));
    unbound.map(|declared| {
        let (name, hook) = (&declared.name, declared.action.hook.as_str());
        format!(
            "schedule {name:?}: no handler is bound to its hook {hook:?}, so that its actions fail"
        )
    })
}

/// The handlers of hooks that are all left to remote workers.
fn never_called(config: &Config) -> impl Iterator<Item = String> {
    let is_remote = |handler: &&HandlerConfig| matches!(handler.call, Call::Remote);
    let called = config.handlers.iter().filter(move |handler| !is_remote(handler));
    called.filter_map(move |handler| {
        // A pattern is a text that a pattern can match, and then matches whatever it stands for.
        let hooks = Hook::from_stored(handler.pattern.as_str());
        let remote = config
            .handlers
            .iter()
            .filter(is_remote)
            .find(|remote| remote.pattern.matches(&hooks))?;
        Some(format!(
            "line {}: {} is never called, as line {} leaves the hooks {:?} to remote workers",
            handler.line,
            handler.call,
            remote.line,
            remote.pattern.as_str()
        ))
    })
}

/// The variables of the environment that look like ours but are not, each with what was perhaps meant.
fn unknown_variables() -> Vec<String> {
    let mut known = Vec::new();
    variables(&Cli::command(), &mut known);
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let unknown = names.filter(|name| {
        name.starts_with("ACTION_SCHEDULER_")
            && !known.contains(name)
            // What commands get that are run by us, and what they may run in turn.
            && !OF_HANDLERS.contains(&name.trim_start_matches("ACTION_SCHEDULER_"))
    });
    unknown
        .map(|name| {
            let meant = input::did_you_mean(&name, known.iter().map(String::as_str));
            format!("the environment variable {name} is not known{meant}")
        })
        .collect()
}

const OF_HANDLERS: [&str; 8] =
    ["ARGS", "ARGS_TOO_LONG", "ID", "HOOK", "GROUP", "ATTEMPT", "SCHEDULED_AT", "DEADLINE"];

fn variables(command: &clap::Command, known: &mut Vec<String>) {
    let of_arguments = command.get_arguments().filter_map(|argument| argument.get_env());
    known.extend(of_arguments.map(|name| name.to_string_lossy().into_owned()));
    for command in command.get_subcommands() {
        variables(command, known);
    }
}
