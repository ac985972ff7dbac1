//! Programs that are run by the tests: the examples, the scheduler itself, and whatever else is needed.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How long anything may take before its test fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// The file of an example.
pub fn example(name: &str) -> PathBuf {
    built(&format!("examples/{name}"), "cargo build -p action-scheduler-examples --examples")
}

/// The file of the scheduler's own binary.
pub fn action_scheduler() -> PathBuf {
    built("action-scheduler", "cargo build -p action-scheduler-cli")
}

/// A program that cargo puts beside the tests.
fn built(name: &str, command: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let file = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(file.exists(), "{} is missing: `{command}` builds it", file.display());
    file
}

/// A call of a program in a folder; nothing of this process's environment reaches it but what finds programs.
pub fn command(file: impl AsRef<Path>, folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(file.as_ref());
    command.args(args).current_dir(folder).env_clear().stdin(Stdio::null());
    for name in ["PATH", "HOME"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command
}

/// Runs an example in a folder, to its end. Gives what it prints.
pub fn run_example(name: &str, folder: &Path) -> String {
    run(command(example(name), folder, &[]))
}

/// Runs a program that must succeed. Gives what it prints.
pub fn run(command: Command) -> String {
    let mut program = Program::start(command);
    let printed = program.rest();
    let code = program.child.wait().unwrap().code();
    assert_eq!(code, Some(0), "{}:\n{printed}", program.name);
    printed
}

/// A program that runs, and the lines it writes.
pub struct Program {
    name: String,
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    pub fn start(mut command: Command) -> Self {
        let name = format!("{command:?}");
        let started = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{name} did not start: {error}"));
        let (sender, lines) = channel();
        pass_on(child.stdout.take().unwrap(), sender.clone());
        pass_on(child.stderr.take().unwrap(), sender);
        Self { name, child, lines }
    }

    /// The next line it writes, or `None` when it has ended.
    pub fn line(&mut self) -> Option<String> {
        self.line_until(Instant::now() + PATIENCE)
    }

    /// Waits for a line that begins with this text. Gives the rest of it.
    pub fn wait_for(&mut self, start: &str) -> String {
        let (deadline, mut seen) = (Instant::now() + PATIENCE, Vec::new());
        while let Some(line) = self.line_until(deadline) {
            if let Some(rest) = line.strip_prefix(start) {
                return rest.to_owned();
            }
            seen.push(line);
        }
        panic!("{} ended without a line {start:?}:\n{}", self.name, seen.join("\n"));
    }

    /// Waits for a line with this text in it. Gives the whole line.
    pub fn wait_for_part(&mut self, part: &str) -> String {
        let (deadline, mut seen) = (Instant::now() + PATIENCE, Vec::new());
        while let Some(line) = self.line_until(deadline) {
            if line.contains(part) {
                return line;
            }
            seen.push(line);
        }
        panic!("{} ended without a line with {part:?}:\n{}", self.name, seen.join("\n"));
    }

    /// Asks it to stop, and waits until it has. Gives its exit code and what it still wrote.
    pub fn stop(&mut self) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let rest = self.rest();
        (self.child.wait().unwrap().code(), rest)
    }

    /// All that it writes until its end.
    fn rest(&mut self) -> String {
        let (deadline, mut text) = (Instant::now() + PATIENCE, String::new());
        while let Some(line) = self.line_until(deadline) {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    fn line_until(&mut self, deadline: Instant) -> Option<String> {
        match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("{} takes too long", self.name),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pass_on(output: impl Read + Send + 'static, lines: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}
