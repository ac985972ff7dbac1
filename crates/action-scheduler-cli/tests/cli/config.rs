//! Where settings come from, and `check-config`.

use crate::sandbox::{Sandbox, outcome};

const CONFIG: &str = r#"
store = "sqlite:shop.db"
time_zone = "Europe/Berlin"

[runner]
workers = 3
grace = "1m"

[hooks."payment_*"]
timeout = "30s"
retention = { failed = "90 days" }

[[handler]]
hook = "payment_*"
command = ["/bin/true", "--password=hunter2"]

[[schedule]]
name = "nightly"
hook = "backup"
cron = "0 3 * * *"
"#;

#[test]
fn a_schedule_whose_hook_nothing_is_bound_to_is_pointed_out() {
    let sandbox = Sandbox::with_config(CONFIG);
    let warning = "schedule \"nightly\": no handler is bound to its hook \"backup\"";
    for args in [&["check-config"][..], &["run"]] {
        let outcome = sandbox.run(args);
        assert_eq!(outcome.code, 0, "{outcome:#?}");
        assert!(outcome.stderr.contains(warning), "{args:?}: {outcome:#?}");
    }
    sandbox.write(
        "action-scheduler.toml",
        &CONFIG.replace("\"payment_*\"\ncommand", "\"*\"\ncommand"),
    );
    assert_eq!(sandbox.run(&["check-config"]).stderr, "");
}

#[test]
fn each_value_is_shown_with_where_it_came_from() {
    let sandbox = Sandbox::with_config(CONFIG);
    let mut command = sandbox.command(&["check-config", "--batch-size", "50"]);
    command.env("ACTION_SCHEDULER_RUNNER_WORKERS", "7");
    let outcome = outcome(command);
    assert_eq!(outcome.code, 0, "{outcome:#?}");
    assert!(!outcome.stdout.contains("hunter2"));
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.add_filter(r"sqlite:/\S*/shop.db", "sqlite:[folder]/shop.db");
    settings.add_filter(r"(\S) {2,}", "$1  ");
    settings.bind(|| insta::assert_snapshot!("check_config", outcome.stdout));
}

#[test]
fn flags_count_more_than_the_environment_and_that_more_than_the_file() {
    let sandbox = Sandbox::with_config(CONFIG);
    let workers = |flag: &[&str], variable: Option<&str>| {
        let mut command = sandbox.command(&[&["check-config", "--json"], flag].concat());
        if let Some(value) = variable {
            command.env("ACTION_SCHEDULER_RUNNER_WORKERS", value);
        }
        let json: serde_json::Value = serde_json::from_str(&outcome(command).stdout).unwrap();
        let setting = &json["settings"]["runner.workers"];
        format!("{} {}", setting["value"].as_str().unwrap(), setting["from"].as_str().unwrap())
    };
    assert_eq!(workers(&[], None), "3 action-scheduler.toml:6");
    assert_eq!(workers(&[], Some("7")), "7 ACTION_SCHEDULER_RUNNER_WORKERS");
    assert_eq!(workers(&["--workers", "9"], Some("7")), "9 --workers");
}

#[test]
fn the_store_comes_from_flag_environment_or_file() {
    let sandbox = Sandbox::with_config("store = \"sqlite:from_file.db\"");
    sandbox.ok(&["schedule", "async", "h"]);
    assert!(sandbox.path("from_file.db").exists());
    let mut command = sandbox.command(&["schedule", "async", "h"]);
    command.env("ACTION_SCHEDULER_STORE", "sqlite:from_environment.db");
    assert_eq!(outcome(command).code, 0);
    assert!(sandbox.path("from_environment.db").exists());
    let mut command =
        sandbox.command(&["schedule", "--store", "sqlite:from_flag.db", "async", "h"]);
    command.env("ACTION_SCHEDULER_STORE", "sqlite:from_environment.db");
    assert_eq!(outcome(command).code, 0);
    assert!(sandbox.path("from_flag.db").exists());
}

#[test]
fn the_time_zone_is_that_of_dates_read_and_shown_and_of_cron() {
    let sandbox = Sandbox::with_config("time_zone = \"Europe/Berlin\"");
    sandbox.ok(&["schedule", "once", "2030-07-01 12:00", "h"]);
    sandbox.ok(&["schedule", "cron", "0 12 * * *", "c", "--first", "2030-07-01"]);
    assert_eq!(sandbox.ok(&["action", "next", "h", "--raw"]), "1909130400\n");
    assert_eq!(sandbox.ok(&["action", "next", "c", "--raw"]), "1909130400\n");
    assert!(sandbox.ok(&["action", "next", "h"]).starts_with("2030-07-01 12:00:00 CEST ("));
    let tokyo = sandbox.ok(&["action", "next", "h", "--time-zone", "Asia/Tokyo"]);
    assert!(tokyo.starts_with("2030-07-01 19:00:00 JST ("), "{tokyo}");
}

#[test]
fn a_file_with_problems_is_refused_with_all_of_them() {
    let sandbox = Sandbox::with_config(
        "[runner]\nworker = 3\n\n[[schedule]]\nname = \"a\"\nhook = \"a\"\ncron = \"0 25 * * *\"\n\n\
         [[handler]]\nhook = \"a\"\nwebhook = \"ftp://example.com\"\n",
    );
    let outcome = sandbox.run(&["check-config"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
    insta::assert_snapshot!(outcome.stderr, @r#"
    error: config file "action-scheduler.toml" has 2 problems:
      line 2: unknown key `runner.worker`; did you mean "workers"?
      line 7: `schedule[0].cron`: cron expression "0 25 * * *": hour "25" is out of range (0-23)
    "#);
    for args in [&["schedule", "async", "h"][..], &["run"], &["serve"]] {
        let outcome = sandbox.run(args);
        assert_eq!(outcome.code, 2, "{args:?}: {outcome:#?}");
        assert!(!sandbox.has_store());
    }
}

#[test]
fn a_handler_that_cannot_be_bound_is_refused_with_its_line() {
    let sandbox =
        Sandbox::with_config("[[handler]]\nhook = \"a\"\nwebhook = \"ftp://example.com\"\n");
    let outcome = sandbox.run(&["check-config"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("line 1") && outcome.stderr.contains("ftp://"), "{outcome:#?}");
}

#[test]
fn a_variable_with_a_slip_of_the_pen_is_pointed_out() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["check-config"]);
    command.env("ACTION_SCHEDULER_RUNNER_WORKER", "7").env("ACTION_SCHEDULER_ID", "1");
    let outcome = outcome(command);
    assert_eq!(
        outcome.stderr,
        "warning: the environment variable ACTION_SCHEDULER_RUNNER_WORKER is not known; did you \
         mean \"ACTION_SCHEDULER_RUNNER_WORKERS\"?\n"
    );
}
