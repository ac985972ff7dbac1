//! Indexes on the plugin's tables, on request.

use mysql_async::prelude::Queryable;
use serde_json::json;
use testkit::servers::mariadb::connect;
use testkit::servers::{Database, MariaDb};

use crate::sandbox::{Outcome, Sandbox};

const INDEX: &str = "action_scheduler_claim_order";

/// A site whose tables are there.
struct Site {
    database: Database,
    sandbox: Sandbox,
}

impl Site {
    async fn new() -> Self {
        let site = Self::without_tables().await;
        site.sandbox.ok(&["--store", site.database.url(), "migrate"]);
        site
    }

    async fn without_tables() -> Self {
        let database = MariaDb::shared().await.create_database().await;
        Self { database, sandbox: Sandbox::new() }
    }

    fn optimize(&self, more: &[&str]) -> Outcome {
        self.sandbox.run(&[&["--store", self.database.url(), "db", "optimize"], more].concat())
    }

    /// One that must do what was asked; gives its stdout.
    fn ok(&self, more: &[&str]) -> String {
        let outcome = self.optimize(more);
        assert_eq!(outcome.code, 0, "{more:?}: {outcome:#?}");
        outcome.stdout
    }

    /// Called in a terminal, where somebody types.
    fn answered(&self, typed: &str) -> Outcome {
        let call = format!("--store '{}' db optimize", self.database.url());
        self.sandbox.on_a_terminal(&call, typed)
    }

    async fn has_index(&self) -> bool {
        let mut connection = connect(self.database.url()).await;
        let sql = format!("SHOW INDEX FROM wp_actionscheduler_actions WHERE key_name = '{INDEX}'");
        let rows: Vec<mysql_async::Row> = connection.query(sql).await.unwrap();
        !rows.is_empty()
    }

    async fn tables(&self) -> Vec<String> {
        connect(self.database.url()).await.query("SHOW TABLES").await.unwrap()
    }
}

#[tokio::test]
async fn the_plugins_table_gets_an_index_on_request_and_loses_it_again() {
    let site = Site::new().await;
    let plan = site.ok(&["--dry-run"]);
    for part in [
        "to add in mysql://root@",
        "in about 1 second; the plugin and this program can work meanwhile:",
        "  action_scheduler_claim_order, which gives what waits in claim order",
        "    ALTER TABLE `wp_actionscheduler_actions` ADD INDEX action_scheduler_claim_order (claim_id, ",
    ] {
        assert!(plan.contains(part), "{plan}");
    }
    assert!(!site.has_index().await);

    let done = site.optimize(&["--yes"]);
    assert_eq!(done.code, 0, "{done:#?}");
    assert_eq!(done.stderr, plan, "it says what it will do");
    assert!(done.stdout.starts_with("added action_scheduler_claim_order, in "), "{done:#?}");
    assert!(site.has_index().await);
    assert!(site.ok(&[]).starts_with("there is nothing to do: mysql://"));

    let plan = site.ok(&["--remove", "--dry-run"]);
    assert!(plan.contains("DROP INDEX action_scheduler_claim_order"), "{plan}");
    assert!(site.has_index().await);
    let done = site.ok(&["--remove", "--yes"]);
    assert!(done.starts_with("removed action_scheduler_claim_order, in "), "{done}");
    assert!(!site.has_index().await);
    assert!(site.ok(&["--remove"]).contains("has no index of ours"));
}

#[tokio::test]
async fn where_nobody_can_be_asked_it_says_what_it_would_do_and_changes_nothing() {
    let site = Site::new().await;
    let outcome = site.optimize(&[]);
    assert_eq!(outcome.code, 1, "{outcome:#?}");
    assert!(outcome.stdout.starts_with("to add in mysql://"), "{outcome:#?}");
    assert_eq!(
        outcome.stderr,
        "error: nothing was changed, as nobody could be asked; --yes does it\n"
    );
    let outcome = site.optimize(&["--json"]);
    assert_eq!(outcome.code, 1, "{outcome:#?}");
    let report: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((&report["change"], &report["done"]), (&json!("add"), &json!(false)));
    let step = &report["indexes"][0];
    assert_eq!((&step["name"], &step["estimate_seconds"]), (&json!(INDEX), &json!(1)));
    assert_eq!(step["writes_wait"], json!(false));
    assert!(!site.has_index().await);

    let report: serde_json::Value = serde_json::from_str(&site.ok(&["--yes", "--json"])).unwrap();
    assert_eq!((&report["indexes"][0]["name"], &report["done"]), (&json!(INDEX), &json!(true)));
    assert!(site.has_index().await);
}

#[tokio::test]
async fn on_a_terminal_it_asks() {
    let site = Site::new().await;
    for typed in ["n\n", "\n"] {
        let outcome = site.answered(typed);
        assert_eq!(outcome.code, 1, "{outcome:#?}");
        let question = outcome.stdout.find("Go on? [y/N]").unwrap();
        assert!(outcome.stdout[..question].contains("ADD INDEX"), "{outcome:#?}");
        assert!(outcome.stdout.contains("error: nothing was changed"), "{outcome:#?}");
        assert!(!site.has_index().await);
    }
    let outcome = site.answered("y\n");
    assert_eq!(outcome.code, 0, "{outcome:#?}");
    assert!(site.has_index().await);
}

#[tokio::test]
async fn tables_that_are_not_there_are_not_created_by_looking() {
    let site = Site::without_tables().await;
    for more in [&["--dry-run"][..], &["--yes"], &["--remove", "--yes"]] {
        let outcome = site.optimize(more);
        assert_eq!(outcome.code, 1, "{outcome:#?}");
        assert!(outcome.stderr.contains("`migrate --dry-run` shows them"), "{outcome:#?}");
    }
    assert_eq!(site.tables().await, [""; 0]);
}

#[test]
fn other_layouts_have_the_indexes_they_need() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["--store", "sqlite:shop.db", "migrate"]);
    for store in ["sqlite:shop.db", "postgres://ada@localhost/shop"] {
        let told = sandbox.ok(&["--store", store, "db", "optimize"]);
        let expected = format!(
            "there is nothing to optimize in {store}: its layout has the indexes it needs\n"
        );
        assert_eq!(told, expected);
        let told = sandbox.json(&["--store", store, "db", "optimize", "--json"]);
        assert_eq!((&told["indexes"], &told["done"]), (&json!([]), &json!(true)));
    }
    let outcome = sandbox.run(&["--store", "sqlite:none.db", "db", "optimize"]);
    assert_eq!(outcome.code, 1, "{outcome:#?}");
    assert!(outcome.stderr.contains("there is no database at \"none.db\""), "{outcome:#?}");
}
