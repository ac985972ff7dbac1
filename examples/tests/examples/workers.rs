//! The remote workers, against a real server.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Program, action_scheduler, command, run};

/// What takes the types out of TypeScript for Node.js before 22.18.
const ESBUILD: &str = "esbuild@0.28.2";

/// A server with the config of the example, in a folder of its own.
struct Server {
    folder: TempDir,
    server: Program,
    url: String,
    token: String,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = "action-scheduler.toml";
        std::fs::copy(workers().join(config), folder.path().join(config)).unwrap();
        let args = ["serve", "--listen", "127.0.0.1:0"];
        let mut server = Program::start(command(action_scheduler(), folder.path(), &args));
        let line = server.wait_for_part("the admin and the API listen");
        let (_, address) = line.split_once("address=").unwrap();
        let address = address.split_whitespace().next().unwrap();
        let url = format!("http://{address}");
        let token = ["token", "create", "workers", "--scopes", "work", "--quiet"];
        let token = run(command(action_scheduler(), folder.path(), &token)).trim().to_owned();
        Self { url, token, folder, server }
    }

    fn call(&self, args: &[&str]) -> String {
        run(command(action_scheduler(), self.folder.path(), args)).trim_end().to_owned()
    }

    fn schedule(&self, hook: &str, args: &str) -> String {
        self.call(&["schedule", "async", hook, "--args", args, "--quiet"])
    }

    /// The action when it has come to its end.
    fn ended(&self, id: &str) -> Value {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let action: Value =
                serde_json::from_str(&self.call(&["action", "get", id, "--json"])).unwrap();
            if !["pending", "in-progress"].contains(&action["status"].as_str().unwrap()) {
                return action;
            }
            assert!(Instant::now() < deadline, "it is not done: {action}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Has a worker do what there is to do, and looks at what became of it.
    fn try_worker(&self, mut worker: Command) {
        let counted = self.schedule("count_words", r#"["one two three"]"#);
        let divided = self.schedule("divide", "[6, 3]");
        let hopeless = self.schedule("divide", "[1, 0]");
        worker.env("ACTION_SCHEDULER_URL", &self.url).env("ACTION_SCHEDULER_TOKEN", &self.token);
        let mut worker = Program::start(worker);
        assert_eq!(self.ended(&counted)["status"], "complete");
        assert_eq!(self.ended(&divided)["status"], "complete");
        assert_eq!(self.ended(&hopeless)["status"], "failed");
        // It waits for work, and is given what comes.
        let later = self.schedule("divide", "[9, 3]");
        assert_eq!(self.ended(&later)["status"], "complete");
        let log = |id: &str| self.call(&["action", "logs", id]);
        assert!(log(&counted).contains("3 words"), "{}", log(&counted));
        assert!(log(&later).contains("via remote: "), "{}", log(&later));
        assert!(log(&hopeless).contains("cannot divide by zero"), "{}", log(&hopeless));
        let (code, rest) = worker.stop();
        assert_eq!(code, Some(0), "{rest}");
    }
}

fn workers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("workers")
}

#[test]
fn a_worker_in_python_does_its_work() {
    let mut server = Server::start();
    let folder = server.folder.path().to_owned();
    let file = workers().join("worker.py");
    server.try_worker(command("python3", &folder, &[file.to_str().unwrap()]));
    assert_eq!(server.server.stop().0, Some(0));
}

#[test]
fn a_worker_in_typescript_does_its_work() {
    let mut server = Server::start();
    let folder = server.folder.path().to_owned();
    let file = without_types(&workers().join("worker.ts"), &folder);
    server.try_worker(command("node", &folder, &[file.to_str().unwrap()]));
    assert_eq!(server.server.stop().0, Some(0));
}

/// The file as Node.js of any version reads it.
fn without_types(file: &Path, folder: &Path) -> PathBuf {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join(ESBUILD);
    let esbuild = tools.join("node_modules/.bin/esbuild");
    if !esbuild.exists() {
        std::fs::create_dir_all(&tools).unwrap();
        let args = ["install", "--no-save", "--no-audit", "--no-fund", "--prefix", ".", ESBUILD];
        // With the environment as it is: it may say where packages come from.
        let installed = Command::new("npm").current_dir(&tools).args(args).output().unwrap();
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    }
    let out = folder.join("worker.mjs");
    let outfile = format!("--outfile={}", out.display());
    run(command(&esbuild, folder, &[file.to_str().unwrap(), "--format=esm", &outfile]));
    out
}
