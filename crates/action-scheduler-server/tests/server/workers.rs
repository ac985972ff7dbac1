//! Remote workers over HTTP.

use action_scheduler::Attempt;
use action_scheduler::trace::TraceIds;
use serde_json::{Value, json};

use crate::running::Running;

async fn start() -> Running {
    let server = Running::start().await;
    server.scheduler.bind_remote("resize".parse().unwrap());
    server
}

/// Posts JSON. The status and the answer.
async fn post(server: &Running, path: &str, body: Value) -> (u16, Value) {
    let request = server.post(&format!("/api/v1{path}")).header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn ok(server: &Running, path: &str, body: Value) -> Value {
    let (status, answer) = post(server, path, body).await;
    assert!(matches!(status, 200 | 201), "{path}: {status} {answer}");
    answer
}

async fn register(server: &Running) -> String {
    let known = ok(server, "/workers", json!({ "name": "w1" })).await;
    format!("/workers/{}", known["id"])
}

/// The part of a piece of work that names it.
fn ticket(work: &Value) -> Value {
    json!({ "action": work["action"], "claim": work["claim"], "attempt": work["attempt"] })
}

fn with(ticket: &Value, more: Value) -> Value {
    let mut all = ticket.as_object().unwrap().clone();
    all.extend(more.as_object().unwrap().clone());
    Value::Object(all)
}

#[tokio::test]
async fn a_worker_registers_asks_logs_reports_and_signs_off() {
    let server = start().await;
    let worker = register(&server).await;
    let ask = json!({ "hooks": ["resize"], "limit": 10 });
    let claim = format!("{worker}/claim");
    assert_eq!(ok(&server, &claim, ask.clone()).await, json!({ "work": [] }));
    let scheduler = &server.scheduler;
    for name in ["cat", "dog", "owl"] {
        scheduler.enqueue_async("resize", [name]).group("img").await.unwrap();
    }
    let work = ok(&server, &claim, ask).await["work"].as_array().unwrap().clone();
    let [cat, dog, owl] = &work[..] else { panic!("{work:?}") };
    assert_eq!((&cat["args"], &cat["attempt"]), (&json!(["cat"]), &json!(1)));
    assert_eq!((&cat["hook"], &cat["group"]), (&json!("resize"), &json!("img")));
    assert!(cat["deadline"].is_string() && cat["kill_at"].is_string(), "{cat}");

    let entries = json!({ "entries": [with(&ticket(cat), json!({ "text": "half done" }))] });
    assert_eq!(ok(&server, &format!("{worker}/log"), entries).await, json!({ "lost": [] }));
    let running = json!({ "running": [ticket(cat), ticket(dog), ticket(owl)] });
    let beat = format!("{worker}/heartbeat");
    assert_eq!(ok(&server, &beat, running).await, json!({ "lost": [] }));
    let results = json!({ "results": [
        with(&ticket(cat), json!({ "result": "complete" })),
        with(&ticket(dog), json!({ "result": "failed", "reason": "too large", "retry": "never" })),
    ] });
    let answers = ok(&server, &format!("{worker}/results"), results.clone()).await;
    let outcomes = |answers: &Value| -> Vec<Value> {
        answers["results"].as_array().unwrap().iter().map(|one| one["outcome"].clone()).collect()
    };
    assert_eq!(outcomes(&answers), ["complete", "failed"]);
    let again = ok(&server, &format!("{worker}/results"), results).await;
    assert_eq!(again, answers, "the same report is answered alike");
    let release = json!({ "work": [ticket(owl), ticket(cat)] });
    let answers = ok(&server, &format!("{worker}/release"), release).await;
    assert_eq!(outcomes(&answers), ["released", "lost"]);
    assert_eq!(answers["results"][1]["reason"], "ended");

    let gone = server.client.delete(format!("http://{}/api/v1{worker}", server.address));
    assert_eq!(gone.send().await.unwrap().status(), 204);
    let (status, problem) = post(&server, &beat, json!({})).await;
    assert_eq!(status, 404);
    assert_eq!(problem["type"], "urn:action-scheduler:problem:unknown-worker");
}

#[tokio::test]
async fn work_comes_with_its_span_where_traces_are_exported() {
    let server = start().await;
    let worker = register(&server).await;
    let ask = json!({ "hooks": ["resize"] });
    let claim = format!("{worker}/claim");
    server.scheduler.enqueue_async("resize", ["cat"]).await.unwrap();
    let work = ok(&server, &claim, ask.clone()).await["work"][0].clone();
    assert_eq!(work.get("traceparent"), None);
    let ids = TraceIds::of(server.scheduler.store().as_ref()).await.unwrap();
    server.scheduler.trace(ids.clone());
    let id = server.scheduler.enqueue_async("resize", ["dog"]).await.unwrap().unwrap();
    let work = ok(&server, &claim, ask).await["work"][0].clone();
    assert_eq!(work["traceparent"], ids.attempt(id, Attempt(1)).to_string());
}

#[tokio::test]
async fn a_worker_that_waits_is_answered_when_there_is_something() {
    let server = start().await;
    let worker = register(&server).await;
    let ask = json!({ "hooks": ["resize"], "wait": 60 });
    let path = format!("{worker}/claim");
    let waiting = ok(&server, &path, ask);
    let storing = async {
        // It is in line when it is on its way; were it not, it would be served all the same.
        tokio::task::yield_now().await;
        server.scheduler.enqueue_async("resize", [1]).await.unwrap().unwrap()
    };
    let (answer, id) = tokio::join!(waiting, storing);
    assert_eq!(answer["work"][0]["action"], id.get());
}

#[tokio::test]
async fn a_worker_is_told_of_what_was_canceled() {
    let server = start().await;
    let worker = register(&server).await;
    let id = server.scheduler.enqueue_async("resize", [1]).await.unwrap().unwrap();
    let work = ok(&server, &format!("{worker}/claim"), json!({ "hooks": ["resize"] })).await;
    server.scheduler.cancel(id).await.unwrap();
    let running = json!({ "running": [ticket(&work["work"][0])] });
    let lost = ok(&server, &format!("{worker}/heartbeat"), running).await;
    assert_eq!(lost["lost"][0]["reason"], "canceled");
    assert_eq!(lost["lost"][0]["action"], id.get());
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_the_field_and_changes_nothing() {
    let server = start().await;
    let worker = register(&server).await;
    let id = server.scheduler.enqueue_async("resize", [1]).await.unwrap().unwrap();
    let work = ok(&server, &format!("{worker}/claim"), json!({ "hooks": ["resize"] })).await;
    let ticket = ticket(&work["work"][0]);
    let result = |more: Value| json!({ "results": [with(&ticket, json!({ "result": "complete" })), with(&ticket, more)] });
    let many = vec![ticket.clone(); 1001];
    let bad = [
        ("/workers", json!({}), "name"),
        ("/workers", json!({ "name": "" }), "name"),
        ("/workers", json!({ "name": "a", "lease": 1 }), "lease"),
        ("/workers", json!({ "name": "a", "slots": 0 }), "slots"),
        ("/workers", json!({ "name": "a", "colour": 1 }), "colour"),
        ("claim", json!({}), "hooks"),
        ("claim", json!({ "hooks": [] }), "hooks"),
        ("claim", json!({ "hooks": ["other"] }), "hooks"),
        ("claim", json!({ "hooks": ["a\nb"] }), "hooks[0]"),
        ("claim", json!({ "hooks": ["resize"], "limit": 0 }), "limit"),
        ("claim", json!({ "hooks": ["resize"], "limit": 1001 }), "limit"),
        ("claim", json!({ "hooks": ["resize"], "wait": 61 }), "wait"),
        (
            "heartbeat",
            json!({ "running": [{ "action": 0, "claim": 1, "attempt": 1 }] }),
            "running[0].action",
        ),
        ("heartbeat", json!({ "running": many }), "running"),
        (
            "log",
            json!({ "entries": [with(&ticket, json!({ "text": "x".repeat(10_001) }))] }),
            "entries[0].text",
        ),
        ("log", json!({ "entries": [with(&ticket, json!({}))] }), "entries[0].text"),
        ("results", result(json!({ "result": "perhaps" })), "results[1].result"),
        ("results", result(json!({ "result": "complete", "reason": "x" })), "results[1].reason"),
        (
            "results",
            result(json!({ "result": "failed", "retry": "never", "retry_after": 5 })),
            "results[1].retry_after",
        ),
        (
            "results",
            result(json!({ "result": "failed", "retry_after": 31_536_001 })),
            "results[1].retry_after",
        ),
        ("release", json!({ "work": [ticket, 7] }), "work[1]"),
    ];
    for (path, body, field) in bad {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("{worker}/{path}") };
        let (status, problem) = post(&server, &path, body.clone()).await;
        assert_eq!((status, &problem["field"]), (422, &json!(field)), "{path} {body}: {problem}");
    }
    let action = server.scheduler.fetch(id).await.unwrap();
    assert_eq!(action.status, action_scheduler::Status::InProgress, "nothing was half done");
    for path in ["/workers/0/claim", "/workers/x/claim"] {
        let (status, _) = post(&server, path, json!({ "hooks": ["resize"] })).await;
        assert!((400..500).contains(&status), "{path}: {status}");
    }
    let (status, _) = post(&server, "/workers/99/claim", json!({ "hooks": ["resize"] })).await;
    assert_eq!(status, 404);
}
