//! A folder of its own for each test, in which the binary is run.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A folder, and the binary run in it.
pub struct Sandbox {
    folder: TempDir,
}

/// What a call came to.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With a config file.
    pub fn with_config(config: &str) -> Self {
        let sandbox = Self::new();
        sandbox.write("action-scheduler.toml", config);
        sandbox
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// A call of the binary; nothing of this process's environment reaches it but what finds programs.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_action-scheduler"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            // Tests run side by side, and all would want the same port.
            .env("ACTION_SCHEDULER_SERVER_LISTEN", "off")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Outcome {
        outcome(self.command(args))
    }

    /// A call that must do what was asked. Gives its stdout.
    pub fn ok(&self, args: &[&str]) -> String {
        let outcome = self.run(args);
        assert_eq!(outcome.code, 0, "{args:?}: {outcome:#?}");
        outcome.stdout
    }

    /// A call in a terminal, where somebody types. What it shows is all in `stdout`.
    pub fn on_a_terminal(&self, call: &str, typed: &str) -> Outcome {
        let call = format!("'{}' {call}", env!("CARGO_BIN_EXE_action-scheduler"));
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &call, "/dev/null"]);
        command.current_dir(self.path("")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = command.spawn().unwrap();
        running.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let output = running.wait_with_output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        Outcome { code: output.status.code().unwrap(), stdout, stderr: String::new() }
    }

    /// As [`Sandbox::ok`], as JSON.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.ok(args)).unwrap()
    }

    /// Whether a call left a database behind.
    pub fn has_store(&self) -> bool {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries.into_iter().any(|entry| has_store_name(&entry.unwrap().path()))
    }
}

fn has_store_name(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(".db"))
}

pub fn outcome(mut command: Command) -> Outcome {
    let output = command.output().unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Snapshot settings that hide what differs from run to run.
pub fn filtered() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+ \([^)]*\)", "[date]");
    settings.add_filter(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+", "[date]");
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[timestamp]");
    settings.add_filter(r"(\S) {2,}", "$1  ");
    settings.set_prepend_module_to_snapshot(false);
    settings
}
