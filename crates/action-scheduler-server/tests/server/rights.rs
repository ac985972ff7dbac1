//! What each caller may do, over every operation of the API that its document names.

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use crate::browser::Browser;
use crate::running::{Running, client_of, client_with, token};

/// The method and path of every operation; ids are those of nothing.
async fn operations(server: &Running) -> Vec<(Method, String)> {
    let answer = server.get("/api/v1/openapi.json").send().await.unwrap();
    let document: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        // `/actions/{id}/log`: what stands in braces is in every second part.
        let parts = path.split(['{', '}']).enumerate();
        let path: String =
            parts.map(|(place, part)| if place % 2 == 1 { "999" } else { part }).collect();
        for method in item.as_object().unwrap().keys() {
            let method = method.to_uppercase().parse().unwrap();
            operations.push((method, path.clone()));
        }
    }
    assert!(operations.len() > 20, "{operations:?}");
    operations
}

async fn ask(server: &Running, client: &Client, method: &Method, path: &str) -> StatusCode {
    let url = format!("http://{}/api/v1{path}", server.address);
    client.request(method.clone(), url).send().await.unwrap().status()
}

#[tokio::test]
async fn every_operation_asks_for_the_right_it_takes() {
    let server = Running::start().await;
    let with = async |scopes: &str| {
        client_with(&token(&server.scheduler, &scopes.replace(',', "-"), scopes).await)
    };
    let stranger = client_of(reqwest::header::HeaderMap::new());
    let (reader, writer, worker) = (with("read").await, with("write").await, with("work").await);
    for (method, path) in operations(&server).await {
        let name = format!("{method} {path}");
        let is_for_workers = path.starts_with("/workers");
        let only_looks = method == Method::GET;
        assert_eq!(
            ask(&server, &stranger, &method, &path).await,
            StatusCode::UNAUTHORIZED,
            "{name}"
        );
        let as_reader = ask(&server, &reader, &method, &path).await;
        assert_eq!(
            as_reader == StatusCode::FORBIDDEN,
            is_for_workers || !only_looks,
            "{name}: {as_reader}"
        );
        let as_writer = ask(&server, &writer, &method, &path).await;
        assert_eq!(as_writer == StatusCode::FORBIDDEN, is_for_workers, "{name}: {as_writer}");
        let as_worker = ask(&server, &worker, &method, &path).await;
        assert_eq!(as_worker == StatusCode::FORBIDDEN, !is_for_workers, "{name}: {as_worker}");
    }
}

#[tokio::test]
async fn a_browser_calls_the_api_with_what_its_page_was_given() {
    let server = Running::start().await;
    let browser = Browser::with_role(&server, "oli", "operator").await;
    assert_eq!(browser.get("/api/v1/openapi.json").await.status(), StatusCode::OK);
    for (method, path) in operations(&server).await {
        if method == Method::GET || path.starts_with("/workers") {
            continue;
        }
        let path = format!("/api/v1{path}");
        let without = browser.request(method.clone(), &path).send().await.unwrap();
        assert_eq!(without.status(), StatusCode::FORBIDDEN, "{method} {path}");
        assert_eq!(without.headers()["content-type"], "application/problem+json");
        let with = browser.request(method.clone(), &path).header("x-csrf-token", &browser.csrf);
        let status = with.send().await.unwrap().status();
        assert_ne!(status, StatusCode::FORBIDDEN, "{method} {path}");
        assert_ne!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}
