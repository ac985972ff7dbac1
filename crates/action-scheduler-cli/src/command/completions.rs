//! `completions`: a script that completes commands and options in a shell.

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  action-scheduler completions bash > ~/.local/share/bash-completion/completions/action-scheduler
  action-scheduler completions zsh > ~/.zfunc/_action-scheduler
  action-scheduler completions fish > ~/.config/fish/completions/action-scheduler.fish";

/// Which shell.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(options: &Options) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "action-scheduler", &mut script);
    output::print(String::from_utf8(script)?.trim_end())
}
