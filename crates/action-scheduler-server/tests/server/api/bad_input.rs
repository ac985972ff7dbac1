//! Whatever is wrong with a request: a problem document that names it, and nothing is changed.

use action_scheduler_server::ServerConfig;
use reqwest::Method;
use serde_json::{Value, json};

use crate::running::Running;

#[tokio::test]
async fn a_wrong_body_is_refused_with_the_field_that_is_at_fault() {
    let server = Running::start().await;
    for (body, status, field, detail) in [
        (r#"{"hook": "a""#, 400, None, "EOF"),
        ("nonsense", 400, None, "not JSON"),
        (r#"{"hook": "a"} {}"#, 400, None, "trailing"),
        ("[]", 422, Some("body"), "expected"),
        ("{}", 422, Some("hook"), "missing field"),
        (r#"{"hook": 7}"#, 422, Some("hook"), "expected a string"),
        (r#"{"hook": ""}"#, 422, Some("hook"), "send_invoice"),
        (r#"{"hook": "a", "hook": "b"}"#, 422, Some("hook"), "duplicate field"),
        (r#"{"hook": "a\u0000b"}"#, 422, Some("hook"), "control character"),
        (r#"{"hook": "a", "arg": []}"#, 422, Some("arg"), "unknown field"),
        (r#"{"hook": "a", "args": "x"}"#, 422, Some("args"), "array or object"),
        (r#"{"hook": "a", "args": ["\ud800"]}"#, 422, Some("args"), "args"),
        (r#"{"hook": "a", "group": null}"#, 422, Some("group"), "expected a string"),
        (r#"{"hook": "a", "priority": 256}"#, 422, Some("priority"), "256"),
        (r#"{"hook": "a", "unique": "all"}"#, 422, Some("unique"), "all"),
        (r#"{"hook": "a", "unique": {"key": ""}}"#, 422, Some("unique.key"), "not empty"),
        (
            r#"{"hook": "a", "schedule": "soon"}"#,
            422,
            Some("schedule"),
            "expected an object, such as",
        ),
        (
            r#"{"hook": "a", "schedule": {"when": "now"}}"#,
            422,
            Some("schedule.when"),
            "unknown field",
        ),
        (r#"{"hook": "a", "schedule": {"at": "tomorow"}}"#, 422, Some("schedule.at"), "tomorrow"),
        (
            r#"{"hook": "a", "schedule": {"at": "now", "cron": "* * * * *"}}"#,
            422,
            Some("schedule.cron"),
            "at too",
        ),
        (
            r#"{"hook": "a", "schedule": {"at": "now", "missed": "skip"}}"#,
            422,
            Some("schedule.missed"),
            "runs once",
        ),
        (r#"{"hook": "a", "schedule": {"every": "0s"}}"#, 422, Some("schedule.every"), "1 second"),
        (
            r#"{"hook": "a", "schedule": {"every_seconds": -1}}"#,
            422,
            Some("schedule.every_seconds"),
            "-1",
        ),
        (
            r#"{"hook": "a", "schedule": {"every_seconds": 1e300}}"#,
            422,
            Some("schedule.every_seconds"),
            "1",
        ),
        (
            r#"{"hook": "a", "schedule": {"every": "1h", "fixed_rate": false, "missed": "skip"}}"#,
            422,
            Some("schedule.missed"),
            "fixed-rate",
        ),
        (
            r#"{"hook": "a", "schedule": {"cron": "61 * * * *"}}"#,
            422,
            Some("schedule.cron"),
            "minute",
        ),
        (
            r#"{"hook": "a", "schedule": {"cron": "* * * * *", "time_zone": "Europe/Berlim"}}"#,
            422,
            Some("schedule.time_zone"),
            "did you mean",
        ),
        (
            r#"{"hook": "a", "schedule": {"kind": "cron", "every": "1h"}}"#,
            422,
            Some("schedule.kind"),
            "every",
        ),
        (r#"{"hook": "a", "schedule": {"kind": "weekly"}}"#, 422, Some("schedule.kind"), "weekly"),
    ] {
        let answer = server.call_text(Method::POST, "/actions", Some(body.to_owned())).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{body}");
        assert_eq!(answer.body["field"].as_str(), field, "{body}: {}", answer.body);
        let told = answer.body["detail"].as_str().unwrap();
        assert!(told.contains(detail), "{body}: {told}");
    }
    assert_eq!(server.look("/actions").await["actions"], json!([]));
}

#[tokio::test]
async fn a_wrong_parameter_is_refused_with_its_name() {
    let server = Running::start().await;
    for (path, field) in [
        ("/actions?hok=a", "hok"),
        ("/actions?hook=a&hook=b", "hook"),
        ("/actions?hook=", "hook"),
        ("/actions?status=done", "status"),
        ("/actions?id=0", "id"),
        ("/actions?id=", "id"),
        ("/actions?past_due=maybe", "past_due"),
        ("/actions?past_due=true&status=failed", "past_due"),
        ("/actions?past_due", "past_due"),
        ("/actions?args=7", "args"),
        ("/actions?args_match=json", "args_match"),
        ("/actions?args=x&args_match=like", "args_match"),
        ("/actions?scheduled=%3D%3Dnow", "scheduled"),
        ("/actions?modified=whenever", "modified"),
        ("/actions?claimed=perhaps", "claimed"),
        ("/actions?chain=-1", "chain"),
        ("/actions?order_by=size", "order_by"),
        ("/actions?order=up", "order"),
        ("/actions?limit=0", "limit"),
        ("/actions?limit=1001", "limit"),
        ("/actions?within=0", "within"),
        ("/actions?cursor=abc", "cursor"),
        ("/actions/0", "id"),
        ("/actions/abc", "id"),
        ("/actions/99999999999999999999/logs", "id"),
        ("/chains?state=off", "state"),
        ("/chains/x", "id"),
        ("/status?x=1", "x"),
        ("/schedule/preview?cron=x", "cron"),
        ("/schedule/preview?every=1h&count=0", "count"),
    ] {
        let answer = server.call(Method::GET, path, Value::Null).await;
        assert_eq!(answer.status, 422, "{path}: {}", answer.body);
        assert_eq!(answer.body["field"], *field, "{path}: {}", answer.body);
    }
    let not_text = server.call(Method::GET, "/actions?hook=%FF", Value::Null).await;
    assert_eq!((not_text.status.as_u16(), &not_text.body["field"]), (400, &json!("hook")));
}

#[tokio::test]
async fn what_is_not_there_or_not_possible_is_told_as_a_problem() {
    let server = Running::start().await;
    for (method, path, status) in [
        (Method::GET, "/nothing", 404),
        (Method::GET, "/actions/1", 404),
        (Method::GET, "/actions/1/logs", 404),
        (Method::POST, "/actions/1/cancel", 404),
        (Method::POST, "/chains/1/resume", 404),
        (Method::PUT, "/actions", 405),
        (Method::PATCH, "/actions/1", 405),
    ] {
        let answer = server.call(method.clone(), path, Value::Null).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{method} {path}");
        assert_eq!(answer.body["status"], status, "{method} {path}");
        assert_eq!(answer.headers.contains_key("allow"), status == 405, "{method} {path}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_plain_json_or_is_too_large_is_refused() {
    let mut config = ServerConfig::default();
    config.limits.body = 1000;
    let server = Running::with_config(config).await;
    let post = |kind: &'static str, body: &'static str| {
        server.post("/api/v1/actions").header("Content-Type", kind).body(body).send()
    };
    let form = post("application/x-www-form-urlencoded", "hook=a").await.unwrap();
    assert_eq!(form.status(), 415);
    assert!(form.text().await.unwrap().contains("\"field\":\"Content-Type\""));
    let plain = post("text/plain", r#"{"hook": "a"}"#).await.unwrap();
    assert_eq!(plain.status(), 415);
    let json = post("application/json; charset=utf-8", r#"{"hook": "a"}"#).await.unwrap();
    assert_eq!(json.status(), 201);
    let bare = server.post("/api/v1/actions").body(r#"{"hook": "a"}"#).send().await.unwrap();
    assert_eq!(bare.status(), 415);
    let empty = post("application/json", "").await.unwrap();
    assert_eq!(empty.status(), 400);

    let large = json!({"hook": "a", "args": ["x".repeat(1000)]});
    let answer = server.call(Method::POST, "/actions", large).await;
    assert_eq!(answer.status, 413);
    assert!(answer.body["detail"].as_str().unwrap().contains("1000 bytes"), "{}", answer.body);
}

#[tokio::test]
async fn a_list_of_actions_that_is_too_long_or_empty_is_refused() {
    let mut config = ServerConfig::default();
    config.limits.page = 1;
    let server = Running::with_config(config).await;
    for actions in [json!([]), json!(vec![json!({"hook": "a"}); 11])] {
        let answer = server.call(Method::POST, "/actions/bulk", json!({"actions": actions})).await;
        assert_eq!((answer.status.as_u16(), &answer.body["field"]), (422, &json!("actions")));
    }
    let answer = server.call(Method::POST, "/actions/bulk", json!({"actions": 7})).await;
    assert_eq!((answer.status.as_u16(), &answer.body["field"]), (422, &json!("actions")));
}

#[tokio::test]
async fn deeply_nested_args_do_no_harm() {
    let server = Running::start().await;
    let deep =
        format!("{{\"hook\": \"a\", \"args\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let answer = server.call_text(Method::POST, "/actions", Some(deep)).await;
    assert_eq!(answer.status, 201);
    let page = server.get("/api/v1/actions").send().await.unwrap();
    assert!(page.status().is_success());
    let torn = format!("{{\"hook\": \"a\", \"args\": {}", "[".repeat(100_000));
    assert_eq!(server.call_text(Method::POST, "/actions", Some(torn)).await.status, 400);
}
