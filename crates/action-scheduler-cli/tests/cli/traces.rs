//! Traces, from whoever asks for an action to what its handlers do, seen by a collector.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::sandbox::{Sandbox, outcome};
use crate::serve::Serving;

/// Longer than anything here takes, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request.
#[derive(Debug)]
struct Request {
    line: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Request {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A server that answers each request with the status that is said of it, and gives them out.
fn server(status: impl Fn(&Request) -> u16 + Send + 'static) -> (SocketAddr, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let Some(request) = read(&stream) else { continue };
            let status = status(&request);
            // Told first: whoever sees the answer may look at once.
            if sender.send(request).is_err() {
                return;
            }
            let end = "content-length: 0\r\nconnection: close\r\n\r\n";
            let _ = write!(&stream, "HTTP/1.1 {status} x\r\n{end}");
        }
    });
    (address, requests)
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut lines = lines.into_iter();
    let line = lines.next()?;
    let headers: HashMap<String, String> = lines
        .filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_lowercase(), value.to_owned()))
        })
        .collect();
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    Some(Request { line, headers, body })
}

/// What a collector was sent.
struct Spans(Vec<Value>);

impl Spans {
    /// All that it was sent up to now.
    fn of(collector: &Receiver<Request>) -> Self {
        let bodies = collector.try_iter().map(|request| request.json());
        let spans = bodies.flat_map(|body| {
            let spans = body.pointer("/resourceSpans/0/scopeSpans/0/spans").unwrap();
            spans.as_array().unwrap().clone()
        });
        Self(spans.collect())
    }

    fn named(&self, name: &str) -> Vec<&Value> {
        self.0.iter().filter(|span| span["name"] == name).collect()
    }
}

/// A span as others are told of it.
fn traceparent(span: &Value) -> String {
    let text = |key: &str| span[key].as_str().unwrap();
    format!("00-{}-{}-01", text("traceId"), text("spanId"))
}

fn attribute<'a>(span: &'a Value, key: &str) -> &'a str {
    let all = span["attributes"].as_array().unwrap();
    let found = all.iter().find(|attribute| attribute["key"] == key).unwrap();
    let value = &found["value"];
    value["stringValue"].as_str().or(value["intValue"].as_str()).unwrap()
}

/// Posts to the API. The status of the answer.
fn post(address: &str, token: &str, headers: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /api/v1/actions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n{headers}\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_trace_leads_from_who_asked_over_every_attempt_to_the_webhook() {
    let (collector, spans) = server(|_| 200);
    let (receiver, calls) = server(|call| match call.json()["data"]["attempt"].as_u64() {
        Some(1) => 503,
        _ => 200,
    });
    let sandbox = Sandbox::with_config(&format!(
        r#"
[traces]
endpoint = "http://{collector}"
service = "shop"
headers_env = {{ authorization = "COLLECTOR_KEY" }}

[policy]
max_attempts = 2
backoff = {{ first = "1ms" }}

[[handler]]
hook = "invoice"
webhook = "http://{receiver}/hook"
allow_private = true

[[handler]]
hook = "backup"
command = ["/bin/sh", "-c", "echo $TRACEPARENT > seen.new && mv seen.new seen"]
"#
    ));
    let token = sandbox.ok(&["token", "create", "shop", "--scopes", "write"]);
    let token = token.trim();
    let mut command = sandbox.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("COLLECTOR_KEY", "Bearer sesame");
    let mut serving = Serving::start(command);
    let line = serving.wait_for("the admin and the API listen");
    let address = line.split("address=").nth(1).unwrap().split(' ').next().unwrap();

    let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let header = format!("traceparent: {caller}\r\n");
    assert_eq!(post(address, token, &header, r#"{"hook":"invoice","args":[42]}"#), 201);
    assert_eq!(post(address, token, "traceparent: nonsense\r\n", r#"{"hook":"backup"}"#), 201);
    let calls: Vec<String> = (0..2)
        .map(|_| calls.recv_timeout(PATIENCE).unwrap().headers["traceparent"].clone())
        .collect();
    serving.wait_for("complete action=1");
    serving.signal("-TERM");
    assert_eq!(serving.exit_code(), Some(0));
    let told = serving.rest();
    assert!(!told.contains("sesame"), "{told}");

    let first = spans.recv_timeout(PATIENCE).unwrap();
    assert_eq!(first.line, "POST /v1/traces HTTP/1.1");
    assert_eq!(first.headers["authorization"], "Bearer sesame");
    let resource = first.json()["resourceSpans"][0]["resource"].clone();
    assert_eq!(attribute(&resource, "service.name"), "shop");
    let first = first.json().pointer("/resourceSpans/0/scopeSpans/0/spans").unwrap().clone();
    let mut all = Spans::of(&spans);
    all.0.extend(first.as_array().unwrap().iter().cloned());

    // Each attempt is a span, and the receiver was told of it.
    let mut runs = all.named("run invoice");
    runs.sort_by_key(|span| attribute(span, "action_scheduler.attempt").to_owned());
    assert_eq!(runs.iter().map(|span| traceparent(span)).collect::<Vec<_>>(), calls);
    let outcomes: Vec<&str> =
        runs.iter().map(|span| attribute(span, "action_scheduler.outcome")).collect();
    assert_eq!(outcomes, ["retried", "complete"]);
    assert!(runs[0]["status"]["message"].as_str().unwrap().contains("HTTP 503"));

    // Both are below the first span of the action, which leads to the trace of who asked, and back.
    let (asked, stored): (Vec<_>, Vec<_>) = all
        .named("enqueue invoice")
        .into_iter()
        .partition(|span| span["traceId"] == "0af7651916cd43dd8448eb211c80319c");
    let (asked, stored) = (asked[0], stored[0]);
    for run in runs {
        assert_eq!(
            (&run["traceId"], &run["parentSpanId"]),
            (&stored["traceId"], &stored["spanId"])
        );
    }
    assert_eq!(asked["parentSpanId"], "b7ad6b7169203331");
    assert_eq!(asked["links"][0]["spanId"], stored["spanId"]);
    assert_eq!(stored["links"][0]["spanId"], asked["spanId"]);

    // Commands are told too; a caller that says nothing valid is nobody.
    let seen = std::fs::read_to_string(sandbox.path("seen")).unwrap();
    assert_eq!(seen.trim(), traceparent(all.named("run backup")[0]));
    assert_eq!(all.named("enqueue backup")[0].get("links"), None);
}

#[test]
fn a_collector_that_is_away_keeps_nobody_from_working() {
    // A port at which nobody listens any more.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sandbox = Sandbox::with_config("[[handler]]\nhook = \"*\"\ncommand = [\"/bin/true\"]");
    sandbox.ok(&["schedule", "async", "backup"]);
    let mut command = sandbox.command(&["run"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{gone}"));
    let run = outcome(command);
    assert_eq!(run.code, 0, "{run:#?}");
    assert!(run.stderr.contains("traces cannot be exported"), "{run:#?}");
    assert_eq!(sandbox.ok(&["action", "get", "1", "--field", "status"]), "complete\n");
}

#[test]
fn without_traces_nobody_is_told_of_a_span() {
    let sandbox = Sandbox::with_config(
        "[[handler]]\nhook = \"*\"\ncommand = [\"/bin/sh\", \"-c\", \"echo ${TRACEPARENT-none}\"]\n\
         inherit_env = \"all\"",
    );
    sandbox.ok(&["schedule", "async", "backup"]);
    let mut command = sandbox.command(&["run"]);
    // The span of this program itself is not that of an attempt.
    command.env("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_eq!(outcome(command).code, 0);
    let log = sandbox.ok(&["action", "get", "1"]);
    assert!(log.contains("none"), "{log}");
}

#[test]
fn an_endpoint_that_is_none_is_refused_with_its_line() {
    let sandbox = Sandbox::with_config("[traces]\nendpoint = \"localhost:4318\"\nshare = 2");
    let refused = sandbox.run(&["check-config"]);
    assert_eq!(refused.code, 2, "{refused:#?}");
    for says in ["line 2", "the address of a collector", "line 3", "a share from 0 to 1"] {
        assert!(refused.stderr.contains(says), "{refused:#?}");
    }
}
