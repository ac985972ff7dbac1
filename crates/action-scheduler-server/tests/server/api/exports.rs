//! Actions as a file, over HTTP.

use std::io::Read as _;

use action_scheduler_server::ServerConfig;
use reqwest::Method;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::running::Running;

/// More actions than are read at once, half of them of hook a, at dates that go down.
async fn many() -> Running {
    let server = Running::start().await;
    let actions: Vec<Value> = (0..2500)
        .map(|n| {
            let hook = if n % 2 == 0 { "a" } else { "b" };
            json!({"hook": hook, "args": [n], "schedule": {"at": format!("{} hours", 5000 - n)}})
        })
        .collect();
    server.send("/actions/bulk", json!({"actions": actions})).await;
    server
}

async fn file(server: &Running, query: &str) -> String {
    let response = server.get(&format!("/api/v1/actions/export?{query}")).send().await.unwrap();
    assert_eq!(response.status(), 200, "{query}");
    response.text().await.unwrap()
}

#[tokio::test]
async fn an_export_has_all_that_match_in_the_order_that_was_asked_for() {
    let server = many().await;
    let csv = file(&server, "hook=a").await;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let args: Vec<String> = reader.records().map(|record| record.unwrap()[2].to_owned()).collect();
    let expected: Vec<String> =
        (0..2500).rev().filter(|n| n % 2 == 0).map(|n| format!("[{n}]")).collect();
    assert_eq!(args, expected);

    let lines = file(&server, "format=ndjson&order_by=id&order=desc").await;
    let ids: Vec<i64> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids.len(), 2500);
    assert!(ids.is_sorted_by(|one, other| one > other));
}

#[tokio::test]
async fn an_export_in_json_holds_actions_as_lists_do() {
    let server = many().await;
    let all: Value = serde_json::from_str(&file(&server, "format=json").await).unwrap();
    let page = server.look("/actions?limit=1000").await;
    let first = page["actions"].as_array().unwrap();
    assert_eq!(all.as_array().unwrap().len(), 2500);
    assert_eq!(&all.as_array().unwrap()[..1000], first.as_slice());
    assert_eq!(file(&server, "format=json&hook=nothing").await, "[\n]\n");
}

#[tokio::test]
async fn the_kind_of_file_is_what_the_caller_accepts_unless_it_is_said() {
    let server = Running::start().await;
    for (accept, query, kind) in [
        ("*/*", "", "text/csv"),
        ("text/csv", "", "text/csv"),
        ("application/x-ndjson, text/csv;q=0.5", "", "application/x-ndjson"),
        ("application/json", "", "application/json"),
        ("application/json", "format=ndjson", "application/x-ndjson"),
    ] {
        let request = server.get(&format!("/api/v1/actions/export?{query}")).header(ACCEPT, accept);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{accept} {query}");
        let given = response.headers()[CONTENT_TYPE].to_str().unwrap();
        assert!(given.starts_with(kind), "{accept} {query}: {given}");
    }
}

#[tokio::test]
async fn an_export_is_compressed_and_whole() {
    let server = many().await;
    let plain = file(&server, "").await;
    let request = server.get("/api/v1/actions/export").header(ACCEPT_ENCODING, "gzip");
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
    let packed = response.bytes().await.unwrap();
    assert!(packed.len() < plain.len() / 4, "{} of {}", packed.len(), plain.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.as_ref()).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain);
}

#[tokio::test]
async fn an_export_hides_what_is_masked() {
    let mut config = ServerConfig::default();
    config.masks.add("pay".parse().unwrap(), &["card".to_owned()]).unwrap();
    let server = Running::with_config(config).await;
    server.create(json!({"hook": "pay", "args": {"card": "4111111111111111"}})).await;
    for format in ["csv", "json", "ndjson"] {
        let text = file(&server, &format!("format={format}")).await;
        assert!(text.contains("•••") && !text.contains("4111"), "{text}");
    }
}

#[tokio::test]
async fn an_export_that_cannot_be_meant_is_refused_with_the_name_of_the_parameter() {
    let server = Running::start().await;
    for (query, field) in [
        ("format=xml", "format"),
        ("order_by=hook", "order_by"),
        ("limit=3", "limit"),
        ("hok=a", "hok"),
    ] {
        let path = format!("/actions/export?{query}");
        let answer = server.call(Method::GET, &path, Value::Null).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["field"]),
            (422, &json!(field)),
            "{query}"
        );
    }
}
