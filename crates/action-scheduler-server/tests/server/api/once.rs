//! Requests that come more than once.

use reqwest::Method;
use serde_json::{Value, json};

use super::Answer;
use crate::running::{Running, client_with, token};

async fn send(server: &Running, path: &str, key: &str, body: &Value) -> Answer {
    let request = server.post(&format!("/api/v1{path}")).header("Content-Type", "application/json");
    let response =
        request.header("Idempotency-Key", key).body(body.to_string()).send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    Answer { status, headers, body }
}

#[tokio::test]
async fn a_request_that_comes_again_stores_nothing_and_is_answered_the_same() {
    let server = Running::start().await;
    let action = json!({"hook": "a"});
    let first = send(&server, "/actions", "order-42", &action).await;
    assert_eq!(first.status, 201);
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let second = send(&server, "/actions", "order-42", &action).await;
    assert_eq!((second.status, &second.body), (first.status, &first.body));
    assert_eq!(second.headers["idempotency-replayed"], "true");
    assert_eq!(second.headers["location"], first.headers["location"]);

    let many = json!({"actions": [{"hook": "a"}, {"hook": "b"}]});
    let first = send(&server, "/actions/bulk", "many", &many).await;
    let second = send(&server, "/actions/bulk", "many", &many).await;
    assert_eq!((second.status, second.body), (first.status, first.body));
    assert_eq!(server.look("/actions").await["actions"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn requests_of_one_key_at_once_store_one_action() {
    let server = Running::start().await;
    let action = json!({"hook": "a"});
    let sent = (0..8).map(|_| send(&server, "/actions", "k", &action));
    let answers = futures_util::future::join_all(sent).await;
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(server.look("/actions").await["actions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_body_and_one_caller() {
    let server = Running::start().await;
    send(&server, "/actions", "k", &json!({"hook": "a"})).await;
    let other = send(&server, "/actions", "k", &json!({"hook": "b"})).await;
    assert_eq!((other.status.as_u16(), &other.body["field"]), (422, &json!("Idempotency-Key")));

    let secret = token(&server.scheduler, "another", "write").await;
    let url = format!("http://{}/api/v1/actions", server.address);
    let request = client_with(&secret).post(url).header("Content-Type", "application/json");
    let stranger =
        request.header("Idempotency-Key", "k").body(r#"{"hook": "b"}"#).send().await.unwrap();
    assert_eq!(stranger.status(), 201);
}

#[tokio::test]
async fn a_key_that_cannot_be_is_refused() {
    let server = Running::start().await;
    for key in ["", &"x".repeat(256)] {
        let answer = send(&server, "/actions", key, &json!({"hook": "a"})).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["field"]),
            (422, &json!("Idempotency-Key"))
        );
    }
    let empty = server.call(Method::GET, "/actions", Value::Null).await;
    assert_eq!(empty.body["actions"], json!([]));
}
