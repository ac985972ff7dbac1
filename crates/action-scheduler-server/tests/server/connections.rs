//! Slow, silent, curious and many: what clients do to a server, and what it does about them.

use std::time::Duration;

use action_scheduler_server::ServerConfig;
use action_scheduler_server::config::Limits;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::running::Running;

async fn with(change: impl FnOnce(&mut Limits)) -> Running {
    let mut config = ServerConfig::default();
    change(&mut config.limits);
    Running::with_config(config).await
}

/// A bare connection.
async fn connect(server: &Running) -> TcpStream {
    TcpStream::connect(server.address).await.expect("a connection")
}

/// All that comes until the other end closes the connection.
async fn rest(connection: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // One that is cut off has nothing more to say either.
    let _ = connection.read_to_end(&mut text).await;
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_half_of_it_is_closed() {
    let server = with(|limits| limits.headers = Duration::from_millis(100)).await;
    let mut silent = connect(&server).await;
    let mut half = connect(&server).await;
    half.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    assert!(!rest(&mut silent).await.contains("200 OK"));
    assert!(!rest(&mut half).await.contains("200 OK"));
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let server = with(|limits| limits.time = Duration::from_millis(100)).await;
    let secret = crate::running::token(&server.scheduler, "slow", "write").await;
    let mut slow = connect(&server).await;
    let head = format!(
        "POST /api/v1/actions HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {secret}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{{",
        server.address
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let answer = rest(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
}

#[tokio::test]
async fn more_connections_than_may_be_are_closed_and_the_others_work() {
    let server = with(|limits| limits.connections = 1).await;
    let mut first = connect(&server).await;
    let ask = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    first.write_all(ask.as_bytes()).await.unwrap();
    let mut begun = [0; 8];
    first.read_exact(&mut begun).await.unwrap();
    assert_eq!(rest(&mut connect(&server).await).await, "");
    first.write_all(ask.as_bytes()).await.unwrap();
    first.read_exact(&mut begun).await.unwrap();
    drop(first);
    // The place is free once the server has seen the end of the first.
    while server.get("/api/v1/runners").send().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_no_http_gets_an_error_and_does_no_harm() {
    let server = Running::start().await;
    for nonsense in
        ["\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\x00\x01", "GET / HTTP/9.9\r\n\r\n"]
    {
        let mut connection = connect(&server).await;
        connection.write_all(nonsense.as_bytes()).await.unwrap();
        connection.shutdown().await.unwrap();
        assert!(!rest(&mut connection).await.contains("200 OK"), "{nonsense:?}");
    }
    let mut many = connect(&server).await;
    let headers: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    many.write_all(format!("GET / HTTP/1.1\r\n{headers}\r\n").as_bytes()).await.unwrap();
    assert!(rest(&mut many).await.starts_with("HTTP/1.1 431"));
    server.look("/runners").await;
}

#[tokio::test]
async fn a_request_has_an_id_in_its_answer_and_its_problem() {
    let server = Running::start().await;
    let with_id = |id: &str| server.get("/api/v1/actions/7").header("x-request-id", id).send();
    let own = with_id("shop-42").await.unwrap();
    assert_eq!(own.headers()["x-request-id"], "shop-42");
    assert!(own.text().await.unwrap().contains("\"request_id\":\"shop-42\""));
    let strange = with_id("a b<c>").await.unwrap();
    let given = strange.headers()["x-request-id"].to_str().unwrap();
    assert_eq!(given.len(), 16, "{given}");
}

#[tokio::test]
async fn answers_of_the_api_are_compressed_for_those_who_ask() {
    let server = Running::start().await;
    let ask = |path: &str| server.get(path).header(ACCEPT_ENCODING, "gzip").send();
    let json = ask("/api/v1/openapi.json").await.unwrap();
    assert_eq!(json.headers()[CONTENT_ENCODING], "gzip");
    // Pages hold secrets of the session, whose length would tell.
    let page = ask("/api/v1/docs").await.unwrap();
    assert!(!page.headers().contains_key(CONTENT_ENCODING));
}

#[tokio::test]
async fn a_caller_that_accepts_no_json_is_told_so() {
    let server = Running::start().await;
    let ask = |kind: &'static str| server.get("/api/v1/runners").header("Accept", kind).send();
    for kind in ["application/json", "*/*", "text/html, application/*;q=0.8"] {
        assert_eq!(ask(kind).await.unwrap().status(), 200, "{kind}");
    }
    for kind in ["image/png", "application/xml, application/json;q=0"] {
        assert_eq!(ask(kind).await.unwrap().status(), 406, "{kind}");
    }
}

#[tokio::test]
async fn a_server_that_stops_ends_streams_and_answers_what_is_under_way() {
    let mut server = Running::start().await;
    let mut events = server.get("/api/v1/events").send().await.unwrap();
    assert!(events.chunk().await.unwrap().is_some());
    let id = server.create(json!({"hook": "a"})).await;
    assert!(id > 0);
    server.shutdown.stop();
    while events.chunk().await.unwrap().is_some() {}
    server.stopped().await;
}
