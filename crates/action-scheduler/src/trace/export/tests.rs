use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::action::{ActionId, Attempt, Group, Hook};
use crate::observer::Ending;
use crate::trace::{SpanContext, SpanId, TraceId};

/// Longer than anything here takes, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request that a collector was sent.
struct Sent {
    path: String,
    headers: BTreeMap<String, String>,
    body: Value,
}

impl Sent {
    fn spans(&self) -> &Vec<Value> {
        self.body.pointer("/resourceSpans/0/scopeSpans/0/spans").unwrap().as_array().unwrap()
    }
}

/// A collector that gives these answers, one after another, and then always the last.
async fn collector(answers: &[(u16, &str)]) -> (String, UnboundedReceiver<Sent>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sent, received) = unbounded_channel();
    let answers: Vec<(u16, String)> =
        answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
    tokio::spawn(async move {
        let mut answers = answers.into_iter().peekable();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            while let Some(request) = read(&mut stream).await {
                let is_last = answers.len() == 1;
                let answer = if is_last { answers.peek().cloned() } else { answers.next() };
                let (status, body) = answer.unwrap();
                let answer =
                    format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                // Told first: whoever sees the answer may look at once.
                sent.send(request).unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    (url, received)
}

async fn read(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Sent> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let path = lines.first()?.split(' ').nth(1)?.to_owned();
    let headers: BTreeMap<String, String> = lines
        .iter()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    stream.read_exact(&mut body).await.ok()?;
    Some(Sent { path, headers, body: serde_json::from_slice(&body).unwrap() })
}

async fn next(received: &mut UnboundedReceiver<Sent>) -> Sent {
    tokio::time::timeout(PATIENCE, received.recv()).await.expect("nothing is sent").unwrap()
}

struct Shop {
    scheduler: Scheduler,
    _folder: tempfile::TempDir,
}

impl Shop {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("shop.db").display());
        Self { scheduler: Scheduler::open(&url).await.unwrap(), _folder: folder }
    }

    fn ids(&self) -> TraceIds {
        self.scheduler.traces().unwrap().clone()
    }

    /// An attempt of the action 7 comes out like this.
    fn attempted(&self, attempt: u32, ending: Ending, reason: Option<&str>) {
        self.scheduler.observers().tell(&Event::Attempted {
            action: action(7),
            hook: Hook::new("send_invoice").unwrap(),
            group: Group::new("billing").unwrap(),
            attempt: Attempt(attempt),
            scheduled_at: "2026-01-02T03:04:05Z".parse().unwrap(),
            ending,
            reason: reason.map(str::to_owned),
            ran: Duration::from_millis(1500),
        });
    }
}

fn action(id: i64) -> ActionId {
    ActionId::new(id).unwrap()
}

fn attribute<'a>(span: &'a Value, key: &str) -> &'a Value {
    let all = span["attributes"].as_array().unwrap();
    let found = all.iter().find(|attribute| attribute["key"] == key);
    found.map_or(&Value::Null, |attribute| &attribute["value"])
}

fn nanoseconds(span: &Value, key: &str) -> i128 {
    span[key].as_str().unwrap().parse().unwrap()
}

fn is(span: &Value, context: SpanContext) -> bool {
    span["traceId"] == context.trace_id.to_string() && span["spanId"] == context.span_id.to_string()
}

#[tokio::test]
async fn what_happens_to_an_action_is_sent_as_spans_of_its_trace() {
    let (url, mut received) = collector(&[(200, "{}")]).await;
    let shop = Shop::new().await;
    let mut config = TracesConfig::new(&url);
    config.headers.push(("Authorization".to_owned(), "Bearer secret".to_owned()));
    let traces = Traces::begin(&shop.scheduler, &config).await.unwrap();
    let ids = shop.ids();

    let stored = shop.scheduler.enqueue_async("send_invoice", [42]).group("billing").await.unwrap();
    let counts = Arc::clone(traces.counts());
    traces.end().await;

    let sent = next(&mut received).await;
    assert_eq!(sent.path, "/v1/traces");
    assert_eq!(sent.headers["content-type"], "application/json");
    assert_eq!(sent.headers["authorization"], "Bearer secret");
    let resource = &sent.body["resourceSpans"][0]["resource"];
    assert_eq!(attribute(resource, "service.name")["stringValue"], "action-scheduler");
    let [span] = sent.spans().as_slice() else { panic!("{}", sent.body) };
    assert!(is(span, ids.stored(stored.unwrap())), "{span}");
    assert_eq!(span["name"], "enqueue send_invoice");
    assert_eq!(span["kind"], 4, "a producer");
    assert_eq!(span["flags"], 1);
    assert_eq!(span.get("parentSpanId"), None);
    assert_eq!(span.get("status"), None);
    let id = stored.unwrap().to_string();
    assert_eq!(attribute(span, "action_scheduler.action")["intValue"], json!(id));
    assert_eq!(attribute(span, "action_scheduler.hook")["stringValue"], "send_invoice");
    assert_eq!(attribute(span, "action_scheduler.group")["stringValue"], "billing");
    assert!(nanoseconds(span, "startTimeUnixNano") <= nanoseconds(span, "endTimeUnixNano"));
    assert_eq!((counts.exported(), counts.lost()), (1, 0));
}

#[tokio::test]
async fn an_attempt_is_a_span_below_the_first_with_its_outcome() {
    let (url, mut received) = collector(&[(200, "")]).await;
    let shop = Shop::new().await;
    let traces = Traces::begin(&shop.scheduler, &TracesConfig::new(&url)).await.unwrap();
    shop.attempted(1, Ending::Retried, Some("HTTP 500 from the shop"));
    shop.attempted(2, Ending::Complete, None);
    traces.end().await;

    let (sent, ids) = (next(&mut received).await, shop.ids());
    let [first, second] = sent.spans().as_slice() else { panic!("{}", sent.body) };
    for (span, attempt) in [(first, 1), (second, 2)] {
        assert!(is(span, ids.attempt(action(7), Attempt(attempt))), "{span}");
        assert_eq!(span["parentSpanId"], ids.stored(action(7)).span_id.to_string());
        assert_eq!(span["name"], "run send_invoice");
        assert_eq!(span["kind"], 5, "a consumer");
        let number = attribute(span, "action_scheduler.attempt");
        assert_eq!(number["intValue"], json!(attempt.to_string()));
        let lasted = nanoseconds(span, "endTimeUnixNano") - nanoseconds(span, "startTimeUnixNano");
        assert_eq!(lasted, 1_500_000_000);
    }
    assert_eq!(attribute(first, "action_scheduler.outcome")["stringValue"], "retried");
    assert_eq!(first["status"], json!({"code": 2, "message": "HTTP 500 from the shop"}));
    assert_eq!(attribute(second, "action_scheduler.outcome")["stringValue"], "complete");
    assert_eq!(second.get("status"), None);
}

#[tokio::test]
async fn a_callers_trace_and_the_actions_lead_to_each_other() {
    let (url, mut received) = collector(&[(200, "")]).await;
    let shop = Shop::new().await;
    let traces = Traces::begin(&shop.scheduler, &TracesConfig::new(&url)).await.unwrap();
    let caller = SpanContext {
        trace_id: TraceId::new([7; 16]).unwrap(),
        span_id: SpanId::new([8; 8]).unwrap(),
        sampled: true,
    };
    let called = shop.scheduler.called_by(caller);
    let id = called.enqueue_async("send_invoice", [42]).await.unwrap().unwrap();
    let unsampled = shop.scheduler.called_by(SpanContext { sampled: false, ..caller });
    let other = unsampled.enqueue_async("send_invoice", [43]).await.unwrap().unwrap();
    traces.end().await;

    let (sent, ids) = (next(&mut received).await, shop.ids());
    let [asked, stored, alone] = sent.spans().as_slice() else { panic!("{}", sent.body) };
    assert_eq!(asked["traceId"], caller.trace_id.to_string());
    assert_eq!(asked["parentSpanId"], caller.span_id.to_string());
    assert!(is(&asked["links"][0], ids.stored(id)), "{asked}");
    assert!(is(stored, ids.stored(id)), "{stored}");
    assert!(is(&stored["links"][0], ids.asked(id, caller)), "{stored}");
    // Nobody sees the trace of this caller: it gets no span, and there is one to say where it came from.
    assert!(is(alone, ids.stored(other)), "{alone}");
    assert!(is(&alone["links"][0], caller), "{alone}");
}

#[tokio::test]
async fn what_is_not_sampled_is_not_sent_and_says_so_to_handlers() {
    let (url, mut received) = collector(&[(200, "")]).await;
    let shop = Shop::new().await;
    let config = TracesConfig { share: 0.0, ..TracesConfig::new(&url) };
    let traces = Traces::begin(&shop.scheduler, &config).await.unwrap();
    shop.attempted(1, Ending::Complete, None);
    let counts = Arc::clone(traces.counts());
    traces.end().await;
    assert_eq!((counts.exported(), counts.lost()), (0, 0));
    assert!(received.try_recv().is_err());
    assert!(!shop.scheduler.span_of(action(7), Attempt(1)).unwrap().sampled);
}

#[tokio::test]
async fn a_collector_that_is_busy_is_asked_again() {
    let (url, mut received) = collector(&[(503, ""), (429, ""), (200, "")]).await;
    let shop = Shop::new().await;
    let traces = Traces::begin(&shop.scheduler, &TracesConfig::new(&url)).await.unwrap();
    shop.attempted(1, Ending::Complete, None);
    let first = next(&mut received).await.body;
    assert_eq!(next(&mut received).await.body, first);
    assert_eq!(next(&mut received).await.body, first);
    let counts = Arc::clone(traces.counts());
    traces.end().await;
    assert_eq!((counts.exported(), counts.lost()), (1, 0));
}

#[tokio::test]
async fn what_a_collector_refuses_is_lost_and_counted() {
    let rejected = r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}"#;
    for (status, body, exported, lost) in
        [(400, "", 0, 2), (401, "", 0, 2), (200, rejected, 1, 1), (200, "\u{1}\u{2}no JSON", 2, 0)]
    {
        let (url, _received) = collector(&[(status, body)]).await;
        let shop = Shop::new().await;
        let traces = Traces::begin(&shop.scheduler, &TracesConfig::new(&url)).await.unwrap();
        shop.attempted(1, Ending::Retried, None);
        shop.attempted(2, Ending::Complete, None);
        let counts = Arc::clone(traces.counts());
        traces.end().await;
        assert_eq!((counts.exported(), counts.lost()), (exported, lost), "{status} {body}");
    }
}

#[tokio::test]
async fn a_collector_that_is_away_costs_nothing_but_spans() {
    // A port at which nobody listens any more.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let shop = Shop::new().await;
    let config = TracesConfig::new(&format!("http://{gone}"));
    let traces = Traces::begin(&shop.scheduler, &config).await.unwrap();
    let most = u32::try_from(MOST_WAITING).unwrap();
    // The runtime has one thread: nothing is taken from the queue meanwhile.
    for attempt in 1..=most + 100 {
        shop.attempted(attempt, Ending::Complete, None);
    }
    let counts = Arc::clone(traces.counts());
    assert_eq!(counts.lost(), 100);
    traces.end().await;
    assert_eq!((counts.exported(), counts.lost()), (0, u64::from(most) + 100));
}

#[test]
fn traces_have_a_path_below_the_address_of_a_collector() {
    let url = |collector| TracesConfig::new(collector).url;
    assert_eq!(url("http://localhost:4318"), "http://localhost:4318/v1/traces");
    assert_eq!(url("https://otlp.example/otlp/"), "https://otlp.example/otlp/v1/traces");
    assert_eq!(url("http://localhost:4318/?key=1"), "http://localhost:4318/v1/traces?key=1");
}

#[tokio::test]
async fn a_config_that_cannot_work_is_refused() {
    let shop = Shop::new().await;
    let good = || TracesConfig::new("http://localhost:4318");
    let with = |change: &dyn Fn(&mut TracesConfig)| {
        let mut config = good();
        change(&mut config);
        config
    };
    for (config, says) in [
        (TracesConfig::new("localhost:4318"), "expected http:// or https://"),
        (TracesConfig::new("http://"), "empty host"),
        (TracesConfig::new("http://me:secret@localhost"), "user name or password"),
        (with(&|it| it.share = 1.5), "expected 0 to 1"),
        (with(&|it| it.timeout = Duration::ZERO), "expected more than nothing"),
        (with(&|it| it.headers.push(("a b".into(), "secret".into()))), "expected a name"),
        (with(&|it| it.headers.push(("a".into(), "secret\n".into()))), "no header may have"),
    ] {
        let refused = Traces::begin(&shop.scheduler, &config).await.unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
        assert!(!refused.contains("secret"), "{refused}");
    }
    assert!(shop.scheduler.traces().is_none());
    assert!(
        !format!("{:?}", with(&|it| it.headers.push(("a".into(), "secret".into()))))
            .contains("secret")
    );
}
