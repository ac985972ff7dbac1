//! One action over HTTP: stored, looked at, changed.

use action_scheduler_server::ServerConfig;
use reqwest::Method;
use serde_json::{Value, json};

use crate::running::Running;

#[tokio::test]
async fn an_action_is_stored_as_it_was_sent() {
    let server = Running::start().await;
    let sent = json!({
        "hook": "send_invoice", "args": {"order": 42, "sum": 1.50}, "group": "billing", "priority": 3,
        "schedule": {"at": "2026-01-16 09:30", "time_zone": "Europe/Berlin"},
    });
    let answer = server.call(Method::POST, "/actions", sent).await;
    assert_eq!(answer.status, 201);
    let id = answer.body["id"].as_i64().unwrap();
    assert_eq!(answer.headers["location"], format!("/api/v1/actions/{id}"));
    let action = server.look(&format!("/actions/{id}")).await;
    assert_eq!(
        action,
        json!({
            "id": id, "hook": "send_invoice", "args": {"order": 42, "sum": 1.5}, "group": "billing",
            "status": "pending", "past_due": false, "priority": 3,
            "schedule": {"kind": "single", "at": "2026-01-16T08:30:00Z"},
            "scheduled_at": "2026-01-16T08:30:00Z", "attempts": 0,
            "created_at": "2026-01-15T12:00:00Z", "started_at": null, "finished_at": null,
            "modified_at": "2026-01-15T12:00:00Z", "log_entries": 1, "claim": null, "chain": null,
        })
    );
}

#[tokio::test]
async fn numbers_in_args_stay_as_they_were_written() {
    let server = Running::start().await;
    let body = r#"{"hook": "big", "args": [123456789012345678901234567890, 1.10, 1e3]}"#.to_owned();
    let answer = server.call_text(Method::POST, "/actions", Some(body)).await;
    let id = answer.body["id"].as_i64().unwrap();
    let id = action_scheduler::ActionId::new(id).unwrap();
    let action = server.scheduler.fetch(id).await.unwrap();
    assert_eq!(action.args.as_str(), "[123456789012345678901234567890,1.10,1e3]");
}

#[tokio::test]
async fn the_schedule_of_an_action_can_be_sent_back() {
    let server = Running::start().await;
    for schedule in [
        json!({}),
        json!({"at": "+2 hours"}),
        json!({"every": "15 minutes"}),
        json!({"every": "15 minutes", "first": "tomorrow", "fixed_rate": true}),
        json!({"every": "1h", "missed": "catch_up:3"}),
        json!({"cron": "0 3 * * *", "time_zone": "Europe/Berlin", "missed": "catch_up"}),
    ] {
        let first = server.create(json!({"hook": "a", "schedule": schedule})).await;
        let given = server.look(&format!("/actions/{first}")).await["schedule"].clone();
        let second = server.create(json!({"hook": "a", "schedule": given})).await;
        let again = server.look(&format!("/actions/{second}")).await["schedule"].clone();
        assert_eq!(again, given);
    }
}

#[tokio::test]
async fn a_unique_action_is_not_stored_twice_and_that_is_no_error() {
    let server = Running::start().await;
    for unique in [json!("args"), json!("hook"), json!({"key": "k"})] {
        let action = json!({"hook": unique.to_string(), "unique": unique});
        assert_eq!(server.call(Method::POST, "/actions", action.clone()).await.status, 201);
        let second = server.call(Method::POST, "/actions", action).await;
        assert_eq!((second.status.as_u16(), second.body), (200, json!({"id": null})));
    }
}

#[tokio::test]
async fn many_actions_are_stored_in_order_or_not_at_all() {
    let server = Running::start().await;
    let actions = json!({"actions": [
        {"hook": "a"}, {"hook": "b", "unique": "hook"}, {"hook": "b", "unique": "hook"}, {"hook": "c"},
    ]});
    let answer = server.call(Method::POST, "/actions/bulk", actions).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.body["stored"], 3);
    let ids = answer.body["ids"].as_array().unwrap();
    assert!(
        ids[2].is_null() && ids[0].as_i64() < ids[1].as_i64() && ids[1].as_i64() < ids[3].as_i64()
    );

    let bad = json!({"actions": [
        {"hook": "a"},
        {"hook": ""},
        {"hook": "b", "schedule": {"cron": "61 * * * *"}},
        {"hook": "c", "args": 7},
        {"hok": "d"},
    ]});
    let answer = server.call(Method::POST, "/actions/bulk", bad).await;
    assert_eq!(answer.status, 422);
    let fields: Vec<&str> = answer.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].as_str().unwrap())
        .collect();
    let expected =
        ["actions[1].hook", "actions[2].schedule.cron", "actions[3].args", "actions[4].hok"];
    assert_eq!(fields, expected);
    assert_eq!(answer.body["field"], "actions[1].hook");
    assert_eq!(server.look("/actions").await["actions"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn an_action_is_rescheduled_run_canceled_rerun_noted_and_deleted() {
    let server = Running::start().await;
    let id = server.create(json!({"hook": "a", "schedule": {"at": "tomorrow"}})).await;
    let path = |what: &str| format!("/actions/{id}{what}");

    let moved = server.send(&path("/reschedule"), json!({"at": "2026-01-20T10:00:00Z"})).await;
    assert_eq!(moved["scheduled_at"], "2026-01-20T10:00:00Z");
    let due = server.send(&path("/run"), Value::Null).await;
    assert_eq!(
        (&due["past_due"], &due["scheduled_at"]),
        (&json!(true), &json!("2026-01-15T12:00:00Z"))
    );
    let canceled = server.send(&path("/cancel"), Value::Null).await;
    assert_eq!(canceled["status"], "canceled");
    let again = server.call(Method::POST, &path("/run"), Value::Null).await;
    assert_eq!(again.status, 409);
    assert_eq!(again.headers["content-type"], "application/problem+json");
    assert_eq!(again.body["type"], "urn:action-scheduler:problem:conflict");
    let rerun = server.send(&path("/rerun"), Value::Null).await;
    assert_eq!(rerun["status"], "pending");
    server.send(&path("/notes"), json!({"text": "looked at by hand"})).await;

    let log = server.look(&path("/logs")).await;
    let texts: Vec<&str> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts.len(), 6, "{texts:?}");
    assert_eq!(texts[0], "action created");
    assert_eq!(texts[3], format!("action canceled via token {}", server.token_name));
    assert_eq!(texts[5], "looked at by hand");

    assert_eq!(server.call(Method::DELETE, &path(""), Value::Null).await.status, 204);
    assert_eq!(server.call(Method::GET, &path(""), Value::Null).await.status, 404);
}

#[tokio::test]
async fn what_is_in_progress_is_not_deleted() {
    let server = Running::start().await;
    let id = server.create(json!({"hook": "a"})).await;
    server.start_one().await;
    let action = server.look(&format!("/actions/{id}")).await;
    assert_eq!((&action["status"], &action["attempts"]), (&json!("in-progress"), &json!(1)));
    let refused = server.call(Method::DELETE, &format!("/actions/{id}"), Value::Null).await;
    assert_eq!(refused.status, 409);
    let claims = server.look("/claims").await;
    assert_eq!(claims["claims"][0]["in_progress"], 1);
    let runners = server.look("/runners").await;
    assert_eq!(runners["runners"][0]["name"], "tester");
}

#[tokio::test]
async fn what_is_masked_is_not_shown_by_lists_actions_or_logs() {
    let mut config = ServerConfig::default();
    config.masks.add("pay".parse().unwrap(), &["card".to_owned()]).unwrap();
    let server = Running::with_config(config).await;
    let action = json!({
        "hook": "pay", "args": {"card": "4111-2222", "sum": 3}, "schedule": {"every": "1h"},
    });
    let id = server.create(action).await;
    let note = json!({"text": "the card 4111-2222 was refused"});
    server.send(&format!("/actions/{id}/notes"), note).await;
    for path in [
        "/actions",
        &format!("/actions/{id}"),
        &format!("/actions/{id}/logs"),
        "/chains",
        "/chains/1",
    ] {
        let shown = server.look(path).await.to_string();
        assert!(shown.contains("•••") && !shown.contains("4111-2222"), "{path}: {shown}");
    }
}
