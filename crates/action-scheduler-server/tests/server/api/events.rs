//! The stream of changes.

use std::time::Duration;

use action_scheduler::{ActionId, Scheduler};
use reqwest::Response;
use serde_json::{Value, json};

use crate::running::Running;

/// The events of a stream, one by one.
struct Events {
    response: Response,
    text: String,
}

impl Events {
    async fn of(server: &Running, path: &str, last: Option<&str>) -> Self {
        let mut request = server.get(&format!("/api/v1/events{path}"));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event: its name, its id, its data.
    async fn next(&mut self) -> (String, String, Value) {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let lines = event.lines();
                    lines
                        .filter_map(|line| line.strip_prefix(name))
                        .collect::<String>()
                        .trim()
                        .to_owned()
                };
                let found = (field("event:"), field("id:"), field("data:"));
                self.text = rest.to_owned();
                if !found.0.is_empty() {
                    return (found.0, found.1, serde_json::from_str(&found.2).unwrap());
                }
                continue;
            }
            let chunk = self.response.chunk().await.unwrap().expect("the stream goes on");
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[tokio::test]
async fn what_happens_to_actions_is_told_as_it_happens() {
    let server = Running::start().await;
    let mut all = Events::of(&server, "?actions=true", None).await;
    let mut of_b = Events::of(&server, "?hook=b", None).await;
    assert_eq!(all.next().await.0, "hello");
    assert_eq!(of_b.next().await.0, "hello");
    let a = server.create(json!({"hook": "a"})).await;
    let b = server.create(json!({"hook": "b"})).await;
    server.send(&format!("/actions/{a}/cancel"), Value::Null).await;

    let mut told = Vec::new();
    while told.len() < 3 {
        let (event, _, data) = all.next().await;
        if event != "changed" {
            told.push((event, data));
        }
    }
    assert_eq!(told[0], ("stored".to_owned(), json!({"action": a, "hook": "a"})));
    assert_eq!(told[1], ("stored".to_owned(), json!({"action": b, "hook": "b"})));
    assert_eq!(told[2], ("canceled".to_owned(), json!({"action": a, "hook": null})));
    loop {
        let (event, _, data) = of_b.next().await;
        if event != "changed" {
            assert_eq!((event.as_str(), data), ("stored", json!({"action": b, "hook": "b"})));
            break;
        }
    }
}

#[tokio::test]
async fn that_something_changed_is_told_without_saying_what() {
    let server = Running::start().await;
    let mut events = Events::of(&server, "", None).await;
    assert_eq!(events.next().await.0, "hello");
    server.create(json!({"hook": "a"})).await;
    let (event, id, data) = events.next().await;
    assert_eq!(event, "changed");
    assert!(!id.is_empty() && data["events"].as_u64().is_some(), "{id} {data}");
}

#[tokio::test]
async fn what_others_change_in_the_store_is_told_too() {
    let server = Running::start().await;
    // Another process, of which this one hears nothing.
    let other = Scheduler::builder(server.scheduler.store().clone()).build();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(server.create(json!({"hook": "a"})).await);
    }
    server.look("/status").await;
    let mut events = Events::of(&server, "?actions=true", None).await;
    assert_eq!(events.next().await.0, "hello");
    for id in ids {
        other.cancel(ActionId::new(id).unwrap()).await.unwrap();
        let told = tokio::time::timeout(Duration::from_secs(60), events.next()).await;
        let (event, _, data) = told.expect("it is told");
        assert_eq!((event.as_str(), data), ("changed", json!({"events": 0})));
    }
}

#[tokio::test]
async fn who_was_away_is_told_whether_something_was_missed() {
    let server = Running::start().await;
    let (_, id, _) = Events::of(&server, "", None).await.next().await;
    assert_eq!(Events::of(&server, "", Some(&id)).await.next().await.0, "hello");
    server.create(json!({"hook": "a"})).await;
    assert_eq!(Events::of(&server, "", Some(&id)).await.next().await.0, "missed");
    assert_eq!(Events::of(&server, "", Some("nonsense")).await.next().await.0, "missed");
}

#[tokio::test]
async fn no_more_listen_than_may() {
    let mut config = action_scheduler_server::ServerConfig::default();
    config.limits.listeners = 1;
    let server = Running::with_config(config).await;
    let mut one = Events::of(&server, "", None).await;
    one.next().await;
    let other = server.get("/api/v1/events").send().await.unwrap();
    assert_eq!(other.status(), 503);
}
