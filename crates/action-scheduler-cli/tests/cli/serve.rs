//! The daemon: declared schedules, signals, the demo.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::figures::counted;
use crate::sandbox::Sandbox;

/// A process that serves, and the lines it writes to stderr.
pub struct Serving {
    child: Child,
    lines: Receiver<String>,
}

impl Serving {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let stderr: ChildStderr = child.stderr.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// Waits until each of these texts has been seen, in any order.
    pub fn wait_for_all(&self, texts: &[&str]) {
        let deadline = Instant::now() + Duration::from_secs(120);
        let mut left = texts.to_vec();
        while !left.is_empty() {
            let time = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(time) else { panic!("no line with {left:?}") };
            left.retain(|text| !line.contains(text));
        }
    }

    /// Waits for a line with this text.
    pub fn wait_for(&self, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut seen = Vec::new();
        let left = || deadline.saturating_duration_since(Instant::now());
        while let Ok(line) = self.lines.recv_timeout(left()) {
            if line.contains(text) {
                return line;
            }
            seen.push(line);
        }
        panic!("no line with {text:?} among:\n{}", seen.join("\n"));
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// What it still writes until it ends.
    pub fn rest(&self) -> String {
        self.lines.iter().collect::<Vec<_>>().join("\n")
    }

    pub fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const CONFIG: &str = r#"
[[handler]]
hook = "works"
command = ["/bin/true"]

[[handler]]
hook = "slow"
command = ["/bin/sh", "-c", "sleep 1; touch finished"]

[[handler]]
hook = "endless"
command = ["/bin/sleep", "600"]

[[schedule]]
name = "nightly"
hook = "works"
cron = "0 3 * * *"
"#;

#[test]
fn the_first_signal_lets_running_actions_finish() {
    let sandbox = Sandbox::with_config(CONFIG);
    sandbox.ok(&["schedule", "async", "slow"]);
    let mut serving = Serving::start(sandbox.command(&["serve"]));
    serving.wait_for("started action=1 hook=slow");
    serving.signal("-TERM");
    serving.wait_for("stopped complete=1 failed=0");
    assert_eq!(serving.exit_code(), Some(0));
    assert!(sandbox.path("finished").exists());
    let counts = counted(&sandbox);
    assert_eq!((counts.started, counts.complete), (1, 1), "the end is in the figures");
    assert!(counts.ran.sum >= Duration::from_secs(1), "{:?}", counts.ran);
    assert_eq!(sandbox.ok(&["action", "get", "1", "--field", "status"]), "complete\n");
    assert_eq!(sandbox.json(&["status", "--json"])["runners"].as_array().unwrap().len(), 0);
}

#[test]
fn the_second_signal_stops_at_once() {
    let sandbox = Sandbox::with_config(CONFIG);
    sandbox.ok(&["schedule", "async", "endless"]);
    let mut serving = Serving::start(sandbox.command(&["serve"]));
    serving.wait_for("started action=1 hook=endless");
    serving.signal("-INT");
    serving.wait_for("a second signal stops at once");
    serving.signal("-INT");
    serving.wait_for("stopped complete=0");
    assert_eq!(serving.exit_code(), Some(0));
    let status = sandbox.ok(&["action", "get", "1", "--field", "status"]);
    assert_ne!(status, "in-progress\n");
}

#[test]
fn what_a_killed_process_left_is_recovered_by_the_next_run_and_told_once() {
    let sandbox = Sandbox::with_config(
        "[[handler]]\nhook = \"held\"\n\
         command = [\"/bin/sh\", \"-c\", \"while [ -e held ]; do sleep 0.1; done\"]",
    );
    // It goes when the folder goes, and the command with it.
    sandbox.write("held", "");
    sandbox.ok(&["schedule", "async", "held"]);
    let mut serving = Serving::start(sandbox.command(&["serve"]));
    serving.wait_for("started action=1 hook=held");
    serving.signal("-KILL");
    serving.exit_code();
    let run = sandbox.run(&["run"]);
    assert_eq!(run.code, 0, "{run:#?}");
    let told: Vec<&str> = run.stderr.lines().filter(|line| line.contains("action=1")).collect();
    assert!(matches!(told[..], [line] if line.contains("runner 1 died")), "{told:#?}");
    assert_eq!(sandbox.ok(&["action", "get", "1", "--field", "status"]), "failed\n");
}

#[test]
fn what_is_scheduled_by_another_process_is_run() {
    let sandbox = Sandbox::with_config(CONFIG);
    let serving = Serving::start(sandbox.command(&["serve"]));
    serving.wait_for("schedule created name=nightly");
    let id = sandbox.ok(&["schedule", "async", "works"]);
    serving.wait_for(&format!("complete action={}", id.trim_end()));
}

#[test]
fn declared_schedules_are_made_sure_of() {
    let sandbox = Sandbox::with_config(CONFIG);
    sandbox.ok(&["run"]);
    sandbox.ok(&["run"]);
    let chains = sandbox.json(&["chain", "list", "--json"]);
    assert_eq!(chains.as_array().unwrap().len(), 1, "{chains}");
    assert_eq!(chains[0]["key"], "config:nightly");

    sandbox.write("action-scheduler.toml", &CONFIG.replace("0 3 * * *", "0 4 * * *"));
    sandbox.ok(&["run"]);
    let chains = sandbox.json(&["chain", "list", "--json", "--state", "active"]);
    assert_eq!(chains.as_array().unwrap().len(), 1, "{chains}");
    assert_eq!(chains[0]["schedule"]["cron"], "0 4 * * *");
}

#[test]
fn logs_are_json_when_asked_for() {
    let sandbox = Sandbox::with_config(CONFIG);
    sandbox.ok(&["schedule", "async", "works"]);
    let serving = Serving::start(sandbox.command(&["serve", "--log-format", "json"]));
    let line = serving.wait_for("\"complete\"");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["fields"]["hook"], &line["level"]), (&"works".into(), &"INFO".into()));
}

#[test]
fn the_demo_shows_every_kind() {
    let sandbox = Sandbox::new();
    let store = "sqlite:demo.db";
    let mut serving = Serving::start(sandbox.command(&["serve", "--demo", "--store", store]));
    serving.wait_for("The demo is running:");
    serving.wait_for_all(&[
        "hook=greet attempt=1 took=",
        "hook=slow attempt=1",
        "hook=broken attempt=1 took=",
        "hook=flaky attempt=3 took=",
        "a chain was paused",
        "hook=heartbeat attempt=1",
    ]);
    serving.signal("-TERM");
    assert_eq!(serving.exit_code(), Some(0));
    let status = sandbox.json(&["--store", store, "status", "--json"]);
    for kind in ["pending", "complete", "failed", "canceled"] {
        assert!(status["counts"][kind]["count"].as_u64().unwrap() > 0, "{kind}: {status:#}");
    }
}

#[test]
fn the_demo_never_takes_the_store_of_the_environment() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["serve", "--demo"]);
    command.env("ACTION_SCHEDULER_STORE", "sqlite:shop.db");
    let mut serving = Serving::start(command);
    serving.wait_for("The database is removed when the demo ends");
    serving.signal("-TERM");
    assert_eq!(serving.exit_code(), Some(0));
    assert!(!sandbox.has_store());
}
