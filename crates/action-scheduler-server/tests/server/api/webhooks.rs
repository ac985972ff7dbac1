//! Real work: an action that is created over HTTP calls a webhook.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use action_scheduler::handler::{PrivateAddresses, Webhook, WebhookConfig};
use action_scheduler::time::Clock;
use action_scheduler::{ActionId, Priority, Runner, RunnerConfig, Scheduler, Shutdown, Status};
use action_scheduler_server::ServerConfig;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use testkit::MemoryStore;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::running::Running;

#[derive(Clone)]
struct Shop {
    calls: Arc<AtomicU32>,
    seen: UnboundedSender<String>,
}

/// A receiver that refuses its first call, and tells of all.
async fn receiver() -> (String, UnboundedReceiver<String>) {
    async fn receive(State(shop): State<Shop>, body: String) -> StatusCode {
        shop.seen.send(body).unwrap();
        match shop.calls.fetch_add(1, Ordering::Relaxed) {
            0 => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::OK,
        }
    }
    let (seen, calls) = unbounded_channel();
    let shop = Shop { calls: Arc::default(), seen };
    let routes = Router::new().route("/invoice", post(receive)).with_state(shop);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/invoice", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (url, calls)
}

#[tokio::test]
async fn an_action_created_over_http_calls_its_webhook_fails_and_is_re_run() {
    crate::running::crypto();
    let (url, mut calls) = receiver().await;
    let scheduler = Scheduler::builder(Arc::new(MemoryStore::new(Clock::system()))).build();
    let mut webhook = WebhookConfig::new(url);
    webhook.private_addresses = PrivateAddresses::Allow;
    let webhook = Arc::new(Webhook::new(webhook).unwrap());
    scheduler.bind("send_invoice".parse().unwrap(), Priority::default(), webhook);
    let shutdown = Shutdown::new();
    let runner = Runner::new(scheduler.clone(), RunnerConfig::default());
    let running = tokio::spawn(runner.run(shutdown.clone()));
    let server = Running::over(scheduler.clone(), ServerConfig::default()).await;

    let id = server.create(json!({"hook": "send_invoice", "args": [42]})).await;
    let call: Value = serde_json::from_str(&calls.recv().await.unwrap()).unwrap();
    assert_eq!(call["type"], "send_invoice");
    assert_eq!((&call["data"]["id"], &call["data"]["args"]), (&json!(id), &json!([42])));
    let action = ActionId::new(id).unwrap();
    assert_eq!(scheduler.wait(action).await.unwrap().status, Status::Failed);
    let log = server.look(&format!("/actions/{id}/logs")).await.to_string();
    assert!(log.contains("500"), "{log}");

    server.send(&format!("/actions/{id}/rerun"), Value::Null).await;
    calls.recv().await.unwrap();
    assert_eq!(scheduler.wait(action).await.unwrap().status, Status::Complete);
    let shown = server.look(&format!("/actions/{id}")).await;
    assert_eq!((&shown["status"], &shown["attempts"]), (&json!("complete"), &json!(2)));
    shutdown.stop();
    running.await.unwrap().unwrap();
}
