use std::path::Path;
use std::time::Duration;

use action_scheduler::policy::{LogLevel, OnCrash};
use action_scheduler::{Hook, Schedule};
use proptest::prelude::*;

use super::handler::Call;
use super::*;

const MANUAL: &str = include_str!("../../../../docs/configuration.md");

fn parse(text: &str) -> Result<Config, Vec<String>> {
    let parsed = Config::parse(text, Path::new("/etc/shop"));
    parsed.map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

/// The one problem of a text.
fn problem(text: &str) -> String {
    let problems = parse(text).map(|_| ()).expect_err(text);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.into_iter().next().unwrap()
}

fn example() -> &'static str {
    let (_, rest) = MANUAL.split_once("```toml\n").unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn the_example_of_the_manual_says_what_it_means() {
    let config = parse(example()).unwrap();
    assert_eq!(config.store.as_deref(), Some("sqlite:/etc/shop/shop.db"));
    assert_eq!(config.time_zone.as_ref().unwrap().iana_name(), Some("Europe/Berlin"));
    assert_eq!(config.runner.memory_limit, Some(256 << 20));
    assert_eq!(config.clean_interval, Some(CleanInterval::default()));
    assert_eq!(config.handlers.len(), 3);
    assert_eq!(config.schedules.len(), 2);
    assert_eq!(config.line("runner.workers"), Some(9));
    let Call::Command(command) = &config.handlers[0].call else { panic!("not a command") };
    assert_eq!(command.working_dir, Path::new("/etc/shop/."));
    let stock = &config.schedules[1].action;
    assert_eq!(stock.args.as_str(), r#"{"warehouse":7}"#);
    assert!(matches!(stock.schedule, Schedule::Recurring(_)));
}

#[test]
fn the_policy_of_the_example_is_the_default_one() {
    let config = parse(example()).unwrap();
    assert_eq!(config.policy, Policy::default());
    let policy = config.policies().of(&Hook::new("payment_due").unwrap());
    assert_eq!(policy.timeout, Duration::from_secs(30));
    assert_eq!(policy.backoff.max, Duration::from_secs(3600));
    assert_eq!(policy.retention.complete, Some(Duration::from_secs(31 * 86_400)));
}

#[test]
fn the_config_of_the_demo_can_be_bound() {
    let config = parse(crate::demo::CONFIG).unwrap();
    config.bind().unwrap();
}

#[test]
fn choices_are_read() {
    let config = parse(
        "[policy]\non_crash = \"retry\"\nlog = \"none\"\nfailure_threshold = \"never\"\n\
         retention = { complete = \"forever\", failed = 60 }",
    );
    let policy = config.unwrap().policy;
    assert_eq!((policy.on_crash, policy.log), (OnCrash::Retry, LogLevel::None));
    assert_eq!(policy.failure_threshold, None);
    assert_eq!(policy.retention.complete, None);
    assert_eq!(policy.retention.failed, Some(Duration::from_secs(60)));
}

#[test]
fn args_keep_their_keys_in_order() {
    let config = parse(
        "[[schedule]]\nname = \"a\"\nhook = \"a\"\nevery = 60\n\
         args = { z = 1, a = [true, 1.5, \"x\\u001b\"], when = 2026-01-01 }",
    );
    let args = config.unwrap().schedules[0].action.args.clone();
    assert_eq!(args.as_str(), r#"{"z":1,"a":[true,1.5,"x\u001b"],"when":"2026-01-01"}"#);
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_what_was_meant() {
    assert_eq!(
        problem("[runner]\n\nworker = 3"),
        "line 3: unknown key `runner.worker`; did you mean \"workers\"?"
    );
    assert_eq!(
        problem("[hooks.\"pay_*\"]\ntimeouts = \"1s\""),
        "line 2: unknown key `hooks.\"pay_*\".timeouts`; did you mean \"timeout\"?"
    );
    assert_eq!(
        problem("colour = 1"),
        "line 1: unknown key `colour`; expected one of: store, time_zone, runner, cleaner, alerts, server, traces, wordpress, policy, hooks, \
         handler, schedule"
    );
}

#[test]
fn a_schedule_that_is_over_is_left_out_but_no_problem() {
    let text = "[[schedule]]\nname = \"a\"\nhook = \"a\"\ncron = \"0 0 0 1 1 * 2020\"";
    assert_eq!(parse(text).unwrap().schedules.len(), 0);
}

#[test]
fn the_example_of_the_manual_has_every_key() {
    let table = DeTable::parse(example()).unwrap();
    let reading = Reading::new(example());
    let mut root = Section::root(&reading, table.get_ref());
    Config::default().read(&mut root, Path::new("/"));
    root.close();
    let without_places = |path: &str| {
        let parts = path.split('[').map(|part| part.split_once(']').map_or(part, |(_, end)| end));
        parts.collect::<String>()
    };
    let asked: Vec<String> = reading.asked().iter().map(|path| without_places(path)).collect();
    let (_, lines) = reading.finish();
    let said: Vec<String> = lines.keys().map(|path| without_places(path)).collect();
    let of_patterns = |path: &&String| path.starts_with("hooks.");
    // Whoever is told of alerts has the keys of a handler; they are said there. Of two places for a password one is said.
    let of_a_target = |path: &&String| {
        path.strip_prefix("alerts.to.")
            .is_some_and(|key| key == "password_file" || said.contains(&format!("handler.{key}")))
    };
    let missing: Vec<&String> = asked
        .iter()
        .filter(|path| !of_patterns(path) && !of_a_target(path) && !said.contains(path))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_problem_is_told() {
    let problems = parse("[runner]\nworkers = 0\nlease = \"soon\"\n[policy]\nlog = 1\n[x]\n");
    let problems = problems.map(|_| ()).unwrap_err();
    let lines: Vec<&str> =
        problems.iter().map(|problem| problem.split_once(':').unwrap().0).collect();
    assert_eq!(lines, ["line 2", "line 3", "line 5", "line 6"], "{problems:#?}");
}

#[test]
fn what_is_wrong_is_quoted_and_what_is_expected_said() {
    let table = [
        ("store = \"mysql:x\"", &["line 1", "`store`", "mysql://"][..]),
        ("store = \"sqlite:\"", &["line 1", "`store`", "sqlite:FILE"]),
        ("store = \"shop.db\"", &["line 1", "`store`", "sqlite:FILE", "postgres://", "mysql://"]),
        ("[wordpress]\nnice = 20", &["line 2", "`wordpress.nice`", "19"]),
        ("[wordpress]\nmemory_limit = \"much\"", &["line 2", "`wordpress.memory_limit`", "much"]),
        ("[wordpress]\nworker_age = 0", &["line 2", "`wordpress.worker_age`"]),
        ("[wordpress]\nwp_cron = \"yes\"", &["line 2", "`wordpress.wp_cron`", "true or false"]),
        ("time_zone = \"Europe/Berlim\"", &["Europe/Berlim", "Europe/Berlin"]),
        ("[runner]\nbatch_size = -1", &["line 2", "`runner.batch_size`", "-1", "auto"]),
        ("[runner]\nhooks = \"a\"", &["`runner.hooks`", "a list of texts", "\"a\""]),
        ("[runner]\nhooks = [\" a\"]", &["`runner.hooks`", "white space"]),
        ("[policy]\ntimeout = \"5 months\"", &["`policy.timeout`", "5 months", "days"]),
        ("[policy]\ntimeout = 60\nkill_after = 30", &["line 3", "shorter than `timeout`", "1m"]),
        ("[hooks.a]\nkill_after = 30", &["line 2", "shorter than `timeout`", "5m"]),
        ("[policy]\nretention = { complete = \"never\" }", &["retention.complete", "never"]),
        ("[policy]\nbackoff = { first = 9, max = 3 }", &["policy.backoff", "shorter than first"]),
        ("[cleaner]\ninterval = 0", &["line 2", "`cleaner.interval`", "1 second", "never"]),
        ("[policy]\nmax_attempts = 0", &["`policy.max_attempts`", "from 1", "0"]),
        ("[hooks.\" \"]\ntimeout = 1", &["hook pattern", "payment_*"]),
        ("[[handler]]\ncommand = [\"a\"]", &["handler[0]", "`hook` is missing"]),
        ("[[handler]]\nhook = \"a\"", &["handler[0]", "`command`, `webhook` and `remote`"]),
        ("[[handler]]\nhook = \"a\"\ncommand = \"rm -rf\"", &["line 3", "no shell"]),
        ("[[handler]]\nhook = \"a\"\ncommand = []", &["line 3", "a program and its arguments"]),
        ("[handler]\nhook = \"a\"", &["`handler`", "[[handler]]"]),
        ("[[schedule]]\nhook = \"a\"\nevery = 60", &["schedule[0]", "`name` is missing"]),
        ("[[schedule]]\nname=\"a\"\nhook=\"a\"", &["schedule[0]", "`cron` or `every`"]),
        (
            "[[schedule]]\nname=\"a\"\nhook=\"a\"\ncron=\"61 * * * *\"",
            &["line 4", "\"61\"", "0-59"],
        ),
        ("[[schedule]]\nname=\"a\"\nhook=\"a\"\nevery=0", &["line 4", "1 second"]),
        (
            "[[schedule]]\nname=\"a\"\nhook=\"a\"\nevery=60\nmissed=\"catch_up\"",
            &["line 4", "fixed-rate"],
        ),
        ("[[schedule]]\nname=\"a\"\nhook=\"a\"\nevery=60\nargs=1", &["line 5", "a list", "1"]),
        ("[server]\nlisten = \"7420\"", &["line 2", "`server.listen`", "127.0.0.1:7420"]),
        ("[server]\nbase_path = \"a/\"", &["`server.base_path`", "/scheduler"]),
        ("[server]\ntls_key = \"a\"", &["server", "`tls_certificate` is not"]),
        ("[server]\ntrusted_proxies = [\"10/8\"]", &["`server.trusted_proxies`", "10.0.0.0/8"]),
        (
            "[server]\npublic_url = \"https://a/b\"\nbase_path = \"/c\"",
            &["`public_url`", "/b", "/c"],
        ),
        ("[server]\nmax_rate = 0", &["line 2", "`server.max_rate`", "unlimited", "from 1"]),
        ("[server]\nmax_connections = 0", &["`server.max_connections`", "from 1 to 1000000"]),
        ("[server]\nmax_listeners = \"any\"", &["`server.max_listeners`", "a whole number"]),
        ("[server]\nheader_timeout = 0", &["line 2", "`server.header_timeout`"]),
        ("[server.mask]\n\"a\" = [\"\"]", &["line 2", "field", "a name"]),
        ("[server.mask]\n\"a\" = 1", &["line 2", "a list of texts"]),
        ("a = = b", &["line 1"]),
    ];
    for (text, parts) in table {
        let problem = problem(text);
        for part in parts {
            assert!(problem.contains(part), "{text:?} gave {problem:?}, without {part:?}");
        }
    }
}

#[test]
fn a_value_that_may_be_a_secret_is_never_quoted() {
    let secret = "hunter2";
    let table = [
        format!("[[handler]]\nhook = \"a\"\ncommand = [\"a\"]\nenv = {{ P = [\"{secret}\"] }}"),
        format!("[[handler]]\nhook = \"a\"\ncommand = \"a {secret}\""),
        format!(
            "[[handler]]\nhook = \"a\"\nwebhook = \"https://a.example\"\nheaders = {{ A = [\"{secret}\"] }}"
        ),
    ];
    for text in table {
        assert!(!problem(&text).contains(secret), "{text}");
    }
    let config = parse(&format!(
        "[[handler]]\nhook = \"a\"\ncommand = [\"a\", \"{secret}\"]\nenv = {{ P = \"{secret}\" }}\n\
         [[handler]]\nhook = \"a\"\nwebhook = \"https://a.example/?{secret}\"\nheaders = {{ A = \"{secret}\" }}"
    ));
    let config = config.unwrap();
    assert!(!format!("{config:?}").contains(secret));
    assert!(config.handlers.iter().all(|handler| !handler.call.to_string().contains(secret)));
}

#[test]
fn a_secret_that_is_not_there_is_told_when_handlers_are_bound() {
    let text = "[[handler]]\nhook = \"a\"\nwebhook = \"https://a.example\"\nsecret_env = \"NO_SUCH_VARIABLE\"";
    let error = parse(text).unwrap().bind().map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("line 1") && error.contains("NO_SUCH_VARIABLE"), "{error}");
}

#[test]
fn a_hook_can_be_left_to_remote_workers() {
    let config = parse("[[handler]]\nhook = \"media_*\"\nremote = true").unwrap();
    let handlers = config.bind().unwrap();
    let patterns: Vec<&str> = handlers.remote().iter().map(|pattern| pattern.as_str()).collect();
    assert_eq!((patterns.as_slice(), handlers.iter().count()), (&["media_*"][..], 0));
    let bad = [
        ("remote = false", "expected true"),
        ("remote = true\npriority = 5", "`priority` has no meaning with `remote`"),
        ("remote = true\ncommand = [\"a\"]", "it has both `command` and `remote`"),
        ("remote = \"yes\"", "true or false"),
        ("", "expected one of `command`, `webhook` and `remote`"),
    ];
    for (text, part) in bad {
        let problem = problem(&format!("[[handler]]\nhook = \"a\"\n{text}"));
        assert!(problem.contains(part), "{text:?} gave {problem:?}, without {part:?}");
    }
}

#[test]
fn a_handler_that_is_never_called_is_doubtful() {
    let text = "[[handler]]\nhook = \"media_*\"\nremote = true\n[[handler]]\nhook = \"media_x*\"\ncommand = [\"a\"]\n\
                [[handler]]\nhook = \"med*\"\ncommand = [\"b\"]";
    let doubts = crate::doubts::doubts(&parse(text).unwrap());
    let about: Vec<&String> =
        doubts.iter().filter(|doubt| doubt.contains("never called")).collect();
    let [only] = &about[..] else { panic!("{doubts:?}") };
    assert!(only.starts_with("line 4: command a is never called"), "{only}");
}

fn toml_like() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "store",
        "time_zone",
        "runner",
        "policy",
        "hooks",
        "handler",
        "schedule",
        "hook",
        "args",
        "workers",
        "timeout",
        "retention",
        "command",
        "webhook",
        "cron",
        "every",
        "x",
        "env",
    ]);
    let value = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:?}")),
        ".{0,12}".prop_map(|text| format!("{text:?}")),
        Just("[1, \"a\", []]".to_owned()),
        Just("{ a = 1, first = \"1s\" }".to_owned()),
        Just("2026-01-01T00:00:00Z".to_owned()),
        Just("true".to_owned()),
        ".{0,6}",
    ];
    let line = prop_oneof![
        (key.clone(), value).prop_map(|(key, value)| format!("{key} = {value}")),
        key.clone().prop_map(|key| format!("[{key}]")),
        key.prop_map(|key| format!("[[{key}]]")),
        ".{0,20}",
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics_and_every_problem_has_a_line(text in toml_like()) {
        if let Err(problems) = Config::parse(&text, Path::new("/")) {
            prop_assert!(!problems.is_empty());
            let lines = text.split('\n').count();
            for problem in problems {
                prop_assert!(problem.line.is_none_or(|line| (1..=lines).contains(&line)), "{problem}");
            }
        }
    }
}

#[test]
fn a_store_on_a_server_is_taken_as_it_is_written() {
    for url in ["postgres://ada@db.example/shop", "mysql://ada:secret@db.example/shop?prefix=wp_"] {
        let config = Config::parse(&format!("store = {url:?}"), Path::new("/etc/shop")).unwrap();
        assert_eq!(config.store.as_deref(), Some(url));
    }
}

#[test]
fn the_password_of_a_store_that_is_refused_is_not_told() {
    let problems =
        Config::parse("store = \"mssql://ada:secret@db/shop\"", Path::new("/")).unwrap_err();
    assert!(!problems[0].to_string().contains("secret"), "{problems:?}");
}
