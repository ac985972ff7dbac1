//! Chains over HTTP, and what a schedule would mean.

use reqwest::Method;
use serde_json::{Value, json};

use crate::running::Running;

#[tokio::test]
async fn a_chain_is_paused_resumed_run_and_ended() {
    let server = Running::start().await;
    let action = json!({"hook": "sync", "schedule": {"cron": "0 3 * * *"}});
    let head = server.create(action).await;
    let id = server.look("/chains").await["chains"][0]["id"].as_i64().unwrap();
    let path = |what: &str| format!("/chains/{id}{what}");

    let chain = server.look(&path("?dates=3&history=1")).await;
    assert_eq!(chain["state"], "active");
    let dates = json!(["2026-01-16T03:00:00Z", "2026-01-17T03:00:00Z", "2026-01-18T03:00:00Z"]);
    assert_eq!(chain["dates"], dates);
    assert_eq!(chain["history"][0]["id"], head);

    let run = server.call(Method::POST, &path("/run"), Value::Null).await;
    assert_eq!((run.status.as_u16(), &run.body["past_due"]), (202, &json!(true)));

    let paused = server.send(&path("/pause"), json!({"reason": "the shop is closed"})).await;
    assert_eq!(
        (&paused["state"], &paused["reason"]),
        (&json!("paused"), &json!("the shop is closed"))
    );
    assert_eq!(server.look(&path("")).await["dates"], json!([]));
    let run = server.call(Method::POST, &path("/run"), Value::Null).await;
    assert_eq!(run.status, 409);
    assert_eq!(server.look("/chains?state=paused").await["chains"].as_array().unwrap().len(), 1);
    let resumed = server.send(&path("/resume"), Value::Null).await;
    assert_eq!(resumed["state"], "active");
    assert_eq!(server.send(&path("/pause"), Value::Null).await["reason"], "paused by hand");
    assert_eq!(server.send(&path("/end"), Value::Null).await["state"], "ended");
    assert_eq!(server.call(Method::POST, &path("/end"), Value::Null).await.status, 409);
    assert_eq!(server.call(Method::GET, "/chains/999", Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_chain_is_declared_once_and_replaced_when_it_differs() {
    let server = Running::start().await;
    let declare = async |body: Value| {
        let answer = server.call(Method::PUT, "/chains/keys/nightly%20backup", body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["outcome"].as_str().unwrap().to_owned()
    };
    let nightly = json!({"hook": "backup", "schedule": {"cron": "0 3 * * *"}});
    assert_eq!(declare(nightly.clone()).await, "created");
    assert_eq!(declare(nightly).await, "unchanged");
    assert_eq!(
        declare(json!({"hook": "backup", "schedule": {"cron": "0 4 * * *"}})).await,
        "replaced"
    );
    let active = server.look("/chains?state=active&key=nightly%20backup").await;
    assert_eq!(active["chains"].as_array().unwrap().len(), 1);
    assert_eq!(active["chains"][0]["schedule"]["cron"], "0 4 * * *");

    let once = json!({"hook": "backup", "schedule": {"at": "tomorrow"}});
    let refused = server.call(Method::PUT, "/chains/keys/x", once).await;
    assert_eq!((refused.status.as_u16(), &refused.body["field"]), (422, &json!("schedule")));
}

#[tokio::test]
async fn chains_come_in_pages() {
    let server = Running::start().await;
    for n in 0..5 {
        server.create(json!({"hook": format!("h{n}"), "schedule": {"every": "1h"}})).await;
    }
    let mut after = String::new();
    let mut seen = Vec::new();
    loop {
        let page = server.look(&format!("/chains?limit=2{after}")).await;
        seen.extend(
            page["chains"]
                .as_array()
                .unwrap()
                .iter()
                .map(|c| c["hook"].as_str().unwrap().to_owned()),
        );
        let Some(last) = page["after"].as_i64() else { break };
        after = format!("&after={last}");
    }
    assert_eq!(seen, ["h0", "h1", "h2", "h3", "h4"]);
}

#[tokio::test]
async fn what_a_schedule_means_can_be_asked_before_it_is_stored() {
    let server = Running::start().await;
    let cron = server
        .look("/schedule/preview?cron=30%209%20*%20*%20MON-FRI&time_zone=Europe/Berlin&count=2")
        .await;
    assert_eq!(
        cron,
        json!({
            "description": "At 09:30, Monday to Friday (Europe/Berlin)",
            "dates": ["2026-01-16T08:30:00Z", "2026-01-19T08:30:00Z"],
            "local": ["Fri 2026-01-16 09:30:00 CET", "Mon 2026-01-19 09:30:00 CET"],
            "time_zone": "Europe/Berlin",
        })
    );
    let every = server.look("/schedule/preview?every=90m&count=2").await;
    assert_eq!(every["dates"], json!(["2026-01-15T13:30:00Z", "2026-01-15T15:00:00Z"]));
    assert_eq!(every["description"], "Every 1h30m");
    let at = server.look("/schedule/preview?at=tomorrow%2009:30&time_zone=Asia/Tokyo").await;
    assert_eq!(
        (&at["dates"], &at["time_zone"]),
        (&json!(["2026-01-16T00:30:00Z"]), &json!("Asia/Tokyo"))
    );
    let nothing = server.call(Method::GET, "/schedule/preview", Value::Null).await;
    assert_eq!(nothing.status, 422);
}
