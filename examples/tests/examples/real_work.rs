//! The demo of real work, run as its README says.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Program, action_scheduler, command, example, run};

/// A copy of the demo's folder, with a database to back up and a secret.
struct Demo {
    folder: TempDir,
}

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

impl Demo {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("real-work");
        for file in ["action-scheduler.toml", "backup.py", "receiver.py"] {
            fs::copy(source.join(file), folder.path().join(file)).unwrap();
        }
        fs::write(folder.path().join("warehouse.secret"), SECRET).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the warehouse, and has the config call it at the port it was given.
    fn receiver(&self, secret: &str) -> Program {
        fs::write(self.path().join("receiver.secret"), secret).unwrap();
        let args = ["receiver.py", "127.0.0.1:0", "receiver.secret"];
        let mut receiver = Program::start(command("python3", self.path(), &args));
        let address = receiver.wait_for("listening on ");
        let file = self.path().join("action-scheduler.toml");
        let config = fs::read_to_string(&file).unwrap();
        assert!(config.contains("127.0.0.1:8025"));
        fs::write(file, config.replace("127.0.0.1:8025", &address)).unwrap();
        receiver
    }

    /// A call of the scheduler's binary that must succeed. Gives what it prints.
    fn call(&self, args: &[&str]) -> String {
        run(self.command(args)).trim_end().to_owned()
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.call(args)).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        command(action_scheduler(), self.path(), args)
    }

    /// What the log of an action says happened, in order: (step, message).
    fn log(&self, id: &str) -> Vec<(String, String)> {
        let entries = self.json(&["action", "logs", id, "--format", "json"]);
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let entries = entries.as_array().unwrap().iter();
        entries.map(|entry| (text(entry, "step"), text(entry, "message"))).collect()
    }

    fn backups(&self) -> Vec<String> {
        let Ok(files) = fs::read_dir(self.path().join("backups")) else { return Vec::new() };
        let mut names: Vec<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn the_config_of_the_demo_is_right() {
    let demo = Demo::new();
    assert!(demo.call(&["check-config"]).starts_with("action-scheduler.toml is right"));
}

#[test]
fn a_busy_receiver_gets_its_signed_webhook_in_the_end() {
    let demo = Demo::new();
    let mut receiver = demo.receiver(SECRET);
    let mut serve = Program::start(demo.command(&["serve"]));
    let id = demo.call(&["schedule", "async", "order_paid", "--args", r#"{"order": 42}"#]);
    assert_eq!(receiver.line().unwrap(), format!("503 act_{id}: too busy"));
    assert_eq!(receiver.line().unwrap(), format!("503 act_{id}: too busy"));
    assert_eq!(receiver.line().unwrap(), format!("200 act_{id}: order 42 will be packed"));
    let (code, rest) = serve.stop();
    assert_eq!(code, Some(0), "{rest}");

    let log = demo.log(&id);
    let steps: Vec<&str> = log.iter().map(|(step, _)| step.as_str()).collect();
    let expected = [
        "created", "started", "output", "retry", "started", "output", "retry", "started", "output",
        "complete",
    ];
    assert_eq!(steps, expected, "{log:#?}");
    for (place, attempt) in [(3, 2), (6, 3)] {
        let message = &log[place].1;
        assert!(message.starts_with("HTTP 503 from http://127.0.0.1:"), "{message}");
        assert!(message.contains(&format!("(attempt {attempt} of 5 follows in")), "{message}");
    }
    assert!(log[8].1.contains("HTTP 200") && log[8].1.contains("order 42 will be packed"));
}

#[test]
fn a_receiver_with_another_secret_refuses_the_webhook_for_good() {
    let demo = Demo::new();
    let mut receiver = demo.receiver("whsec_bm90IHRoZSBzZWNyZXQgb2YgdGhlIHNob3A=");
    let id = demo.call(&["schedule", "async", "order_paid", "--args", r#"{"order": 42}"#]);
    demo.call(&["run"]);
    assert_eq!(receiver.line().unwrap(), "401 the signature is wrong");
    let (step, message) = demo.log(&id).pop().unwrap();
    assert_eq!(step, "failed");
    assert!(message.starts_with("HTTP 401 from "), "{message}");
}

#[test]
fn the_nightly_backup_is_a_copy_of_the_database_in_use() {
    let demo = Demo::new();
    let shop = Connection::open(demo.path().join("shop.db")).unwrap();
    shop.pragma_update(None, "journal_mode", "WAL").unwrap();
    shop.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT NOT NULL)")
        .unwrap();
    for customer in ["Ada", "Zoë"] {
        shop.execute("INSERT INTO orders (customer) VALUES (?1)", [customer]).unwrap();
    }
    let mut serve = Program::start(demo.command(&["serve"]));
    let pending = ["action", "list", "--hook", "backup", "--status", "pending", "--format", "json"];
    let one_pending = || match demo.json(&pending).as_array().unwrap().as_slice() {
        [only] => only.clone(),
        others => panic!("expected one pending backup: {others:?}"),
    };
    // Not before `serve` has stored what the config declares.
    while !serve.line().unwrap().contains("schedule created name=nightly backup") {}
    let tonight = one_pending();
    let id = tonight["id"].to_string();
    // As by hand, with the database still open.
    demo.call(&["action", "run", &id]);
    let next = one_pending();
    assert_ne!(next["id"], tonight["id"]);
    assert_eq!(next["scheduled_at"], tonight["scheduled_at"]);
    assert_eq!(serve.stop().0, Some(0));

    let [backup] = demo.backups().try_into().unwrap();
    let log = demo.log(&id);
    assert!(log.contains(&("complete".to_owned(), String::new())), "{log:?}");
    let said = log.iter().any(|(step, message)| {
        step == "output" && message.starts_with(&format!("{backup}: 1 tables, "))
    });
    assert!(said, "{log:?}");

    let restored = demo.path().join("restored.db");
    let packed = demo.path().join("backups").join(&backup);
    let unpack = Command::new("gzip").arg("-dc").arg(packed).output().unwrap();
    assert!(unpack.status.success());
    fs::write(&restored, unpack.stdout).unwrap();
    let restored = Connection::open(restored).unwrap();
    let count = "SELECT count(*), max(customer) FROM orders";
    let row = restored.query_row(count, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(row, (2, "Zoë".to_owned()));
}

#[test]
fn a_backup_of_nothing_fails_for_good_and_says_why() {
    let demo = Demo::new();
    let id = demo.call(&["schedule", "async", "backup", "--args", r#"{"database": "gone.db"}"#]);
    demo.call(&["run"]);
    assert_eq!(demo.call(&["action", "get", &id, "--field", "status"]), "failed");
    assert_eq!(demo.call(&["action", "get", &id, "--field", "attempts"]), "1");
    let log = demo.log(&id);
    assert!(log.contains(&("output".to_owned(), "gone.db: no such file".to_owned())), "{log:?}");
    assert!(demo.backups().is_empty());
}

#[test]
fn ten_thousand_emails_are_sent_once_each() {
    const COUNT: usize = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let mut sink = Program::start(command(example("smtp_sink"), folder.path(), &[]));
    let server = sink.wait_for("listening on ");
    let args = [server.as_str(), &COUNT.to_string(), "128"];
    let mut emails = Program::start(command(example("emails"), folder.path(), &args));

    let (mut recipients, mut ids) = (HashSet::new(), HashSet::new());
    for _ in 0..COUNT {
        let line = sink.line().unwrap();
        let message = line.strip_prefix("message for ").and_then(|rest| rest.split_once(' '));
        let (recipient, id) = message.unwrap_or_else(|| panic!("{line}"));
        assert!(recipients.insert(recipient.to_owned()), "{recipient} got two");
        assert!(ids.insert(id.to_owned()), "{id} came twice");
    }
    emails.wait_for("scheduled 10000 in ");
    let sent = emails.wait_for("sent 10000 in ");
    // Every hundredth recipient was told to come back.
    assert!(sent.ends_with(", 100 attempts repeated"), "{sent}");
    // Nothing more came.
    assert_eq!(sink.stop().1, "");
}
