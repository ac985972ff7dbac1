//! The HTTP API.

mod actions;
mod bad_input;
mod chains;
mod document;
mod events;
mod exports;
mod hooks;
mod lists;
mod once;
mod webhooks;

use std::time::Duration;

use action_scheduler::Context;
use action_scheduler::store::{ClaimFilter, ClaimRequest, Claiming, NewRunner, Pick, Start};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::running::Running;

/// An answer, read whole.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Running {
    /// Calls the API with a body, or with none when that is null.
    pub async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        let text = if body.is_null() { None } else { Some(body.to_string()) };
        self.call_text(method, path, text).await
    }

    /// Calls the API with a body as it stands.
    pub async fn call_text(&self, method: Method, path: &str, body: Option<String>) -> Answer {
        let url = format!("http://{}/api/v1{path}", self.address);
        let mut request = self.client.request(method, url);
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("a whole answer");
        let body = match text.as_str() {
            "" => Value::Null,
            json => serde_json::from_str(json).unwrap_or_else(|_| panic!("no JSON: {json}")),
        };
        Answer { status, headers, body }
    }

    /// What is at a path of the API.
    pub async fn look(&self, path: &str) -> Value {
        let answer = self.call(Method::GET, path, Value::Null).await;
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.body);
        answer.body
    }

    /// Sends a body that is fine.
    pub async fn send(&self, path: &str, body: Value) -> Value {
        let answer = self.call(Method::POST, path, body).await;
        assert!(answer.status.is_success(), "POST {path}: {} {}", answer.status, answer.body);
        answer.body
    }

    /// Schedules an action, and gives its id.
    pub async fn create(&self, action: Value) -> i64 {
        self.send("/actions", action).await["id"].as_i64().expect("an id")
    }

    /// Lets a runner claim one due action and start it, and says no more.
    pub async fn start_one(&self) {
        let store = self.scheduler.store();
        let context = Context::new("test");
        let runner = NewRunner {
            name: "tester".to_owned(),
            process: None,
            context: context.clone(),
            workers: 1,
            lease: Duration::from_secs(60),
        };
        let runner = store.register(runner).await.expect("a runner");
        let pick = Pick::Due(ClaimFilter::default());
        let request = ClaimRequest { runner, limit: 1, pick, open_claims: None };
        let Claiming::Claimed(claim) = store.claim(request).await.expect("a claim") else {
            panic!("nothing is due");
        };
        let start = Start { action: claim.actions[0].id, claim: claim.id, log: true };
        store.start(vec![start], &context).await.expect("a start");
    }
}
