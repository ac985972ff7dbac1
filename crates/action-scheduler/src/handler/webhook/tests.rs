//! Real requests to a receiver on this machine.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::signature::{Delivery, Secret, verify};
use super::*;
use crate::action::Priority;
use crate::handler::RetryAdvice;
use crate::log::Step;
use crate::store::ClaimedAction;

/// Longer than anything here takes, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request as the receiver got it.
#[derive(Debug)]
struct Received {
    peer: SocketAddr,
    line: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

/// What the receiver does with a request.
#[derive(Debug, Clone)]
enum Answer {
    /// Sends this and waits for the next request.
    Text(String),
    /// Sends this and then `x` for as long as someone reads.
    Endless(&'static str),
    /// Sends this and then nothing, without an end.
    Stall(&'static str),
    /// Closes the connection.
    Close,
}

fn answer(status: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    Answer::Text(format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}"))
}

/// A small HTTP server. It gives the answers one after the other, and the last one from then on.
struct Receiver {
    port: u16,
    requests: mpsc::UnboundedReceiver<Received>,
    server: tokio::task::JoinHandle<()>,
}

impl Receiver {
    async fn new(answers: impl Into<Vec<Answer>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, requests) = mpsc::unbounded_channel();
        let mut answers = answers.into();
        answers.reverse();
        let answers = Arc::new(Mutex::new(answers));
        let next = move || {
            let mut answers = answers.lock().unwrap();
            if answers.len() > 1 { answers.pop().unwrap() } else { answers[0].clone() }
        };
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, sender.clone(), next.clone()));
            }
        });
        Self { port, requests, server }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn config(&self, path: &str) -> WebhookConfig {
        let mut config = WebhookConfig::new(self.url(path));
        config.private_addresses = PrivateAddresses::Allow;
        config
    }

    async fn request(&mut self) -> Received {
        tokio::time::timeout(PATIENCE, self.requests.recv()).await.expect("no request").unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(
    stream: TcpStream,
    sender: mpsc::UnboundedSender<Received>,
    next: impl Fn() -> Answer,
) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream).await {
        let _ = sender.send(request);
        match next() {
            Answer::Text(text) => stream.write_all(text.as_bytes()).await.unwrap(),
            Answer::Endless(head) => {
                stream.write_all(head.as_bytes()).await.unwrap();
                while stream.write_all(&[b'x'; 64 * 1024]).await.is_ok() {}
                return;
            }
            Answer::Stall(head) => {
                stream.write_all(head.as_bytes()).await.unwrap();
                let _ = stream.read(&mut [0]).await;
                return;
            }
            Answer::Close => return,
        }
    }
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut line = String::new();
    if stream.read_line(&mut line).await.ok()? == 0 {
        return None;
    }
    let mut headers = HashMap::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some(Received {
        peer: stream.get_ref().peer_addr().ok()?,
        line: line.trim_end().to_owned(),
        headers,
        body,
    })
}

/// The span of the attempt.
const SPAN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn context_with(args: &str, cancellation: CancellationToken) -> HandlerContext {
    let action = ClaimedAction {
        id: ActionId::new(42).unwrap(),
        hook: Hook::new("send_invoice").unwrap(),
        group: Group::new("shop").unwrap(),
        args: args.parse().unwrap(),
        priority: Priority::default(),
        attempts: Attempt(1),
        scheduled_at: "2026-01-02T03:04:05.678Z".parse().unwrap(),
        chain: None,
    };
    let deadline = "2026-01-02T03:09:05Z".parse().unwrap();
    let span = SPAN.parse().unwrap();
    HandlerContext::new(action, Attempt(2), Some(span), deadline, cancellation)
}

/// Calls a webhook: the result, and what was logged of the answer.
async fn call(config: WebhookConfig) -> (Result<(), Failure>, Option<String>) {
    let context = context_with("[]", CancellationToken::new());
    let webhook = Webhook::new(config).unwrap();
    let result = tokio::time::timeout(PATIENCE, webhook.call(&context)).await.expect("it hangs");
    let mut entries = context.take_entries();
    assert!(entries.len() <= 1, "one entry at most: {entries:?}");
    let output = entries.pop().map(|entry| {
        assert_eq!(entry.step, Step::Output);
        entry.message.unwrap()
    });
    (result, output)
}

/// Calls a webhook whose receiver answers like this.
async fn answered(answer: Answer) -> (Receiver, Result<(), Failure>, Option<String>) {
    let receiver = Receiver::new([answer]).await;
    let (result, output) = call(receiver.config("/hook?token=hunter2")).await;
    (receiver, result, output)
}

#[tokio::test]
async fn the_action_is_posted_and_signed() {
    let mut receiver = Receiver::new([answer("200 OK", "", "thanks\n")]).await;
    let mut config = receiver.config("/hooks/in?token=x");
    let secrets: Vec<Secret> = vec![
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap(),
        "the one that is on its way out".parse().unwrap(),
    ];
    config.secrets = secrets.clone();
    config.headers.push(("Authorization".into(), "Bearer 7".into()));
    let args = r#"{"order":12345678901234567890123,"name":"Zoë"}"#;
    let context = context_with(args, CancellationToken::new());
    Webhook::new(config).unwrap().call(&context).await.unwrap();

    let request = receiver.request().await;
    assert_eq!(request.line, "POST /hooks/in?token=x HTTP/1.1");
    assert_eq!(
        String::from_utf8(request.body.clone()).unwrap(),
        format!(
            r#"{{"type":"send_invoice","timestamp":"2026-01-02T03:04:05.678Z","data":{{"id":42,"hook":"send_invoice","args":{args},"group":"shop","attempt":2,"scheduled_at":"2026-01-02T03:04:05.678Z"}}}}"#
        )
    );
    let header = |name: &str| request.headers[name].as_str();
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("authorization"), "Bearer 7");
    assert_eq!(header("traceparent"), SPAN);
    assert!(header("user-agent").starts_with("action-scheduler/"));
    assert_eq!(header("webhook-id"), "act_42");
    let delivery = Delivery {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body: &request.body,
    };
    for secret in secrets {
        let minute = Duration::from_secs(60);
        assert_eq!(verify(&[secret], &delivery, Timestamp::now(), minute), Ok(()));
    }
    let entry = context.take_entries().pop().unwrap();
    assert_eq!(entry.message.unwrap(), "HTTP 200 OK\nthanks");
}

#[tokio::test]
async fn without_a_secret_nothing_is_signed() {
    let (mut receiver, result, output) = answered(answer("204 No Content", "", "")).await;
    assert_eq!((result, output.as_deref()), (Ok(()), Some("HTTP 204 No Content")));
    let request = receiver.request().await;
    assert_eq!(request.headers.get("webhook-signature"), None);
    assert_eq!(request.headers["webhook-id"], "act_42");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["data"]["args"], json!([]));
}

#[tokio::test]
async fn a_passing_trouble_is_retried_and_any_other_refusal_is_final() {
    for status in [408, 425, 429, 500, 502, 503, 504, 599] {
        let (_, result, _) = answered(answer(&format!("{status} X"), "", "")).await;
        assert_eq!(result.unwrap_err().retry, RetryAdvice::Policy, "{status}");
    }
    for status in [400, 401, 403, 404, 405, 410, 413, 422, 600] {
        let (_, result, _) = answered(answer(&format!("{status} X"), "", "")).await;
        assert_eq!(result.unwrap_err().retry, RetryAdvice::Never, "{status}");
    }
}

#[tokio::test]
async fn a_failure_names_the_status_and_the_first_line_but_not_the_query() {
    let body = "\n  down for \u{7}maintenance\nuntil noon";
    let (receiver, result, output) = answered(answer("503 Unavailable", "", body)).await;
    let reason = result.unwrap_err().reason;
    assert_eq!(reason, format!("HTTP 503 from {}: down for maintenance", receiver.url("/hook")));
    assert_eq!(
        output.unwrap(),
        "HTTP 503 Service Unavailable\n\n  down for maintenance\nuntil noon"
    );
}

#[tokio::test]
async fn the_receiver_says_when_to_come_back() {
    let advice = async |status: &str, headers: &str| {
        answered(answer(status, headers, "")).await.1.unwrap_err().retry
    };
    assert_eq!(
        advice("429 Slow Down", "Retry-After: 120\r\n").await,
        RetryAdvice::After(Duration::from_secs(120))
    );
    assert_eq!(advice("404 Not Found", "Retry-After: 120\r\n").await, RetryAdvice::Never);
    assert_eq!(advice("503 Down", "Retry-After: soon\r\n").await, RetryAdvice::Policy);
}

#[test]
fn a_wait_is_read_from_seconds_and_dates() {
    let now: Timestamp = "2026-11-06T08:49:00Z".parse().unwrap();
    let seconds = |text| retry_after(text, now).map(|wait| wait.as_secs());
    assert_eq!(seconds("37"), Some(37));
    assert_eq!(seconds(" 37 "), Some(37));
    assert_eq!(seconds("Fri, 06 Nov 2026 08:49:37 GMT"), Some(37));
    assert_eq!(seconds("86401"), Some(86_400));
    assert_eq!(seconds("99999999999999999999999"), Some(86_400));
    assert_eq!(seconds("Sat, 06 Nov 2027 08:49:37 GMT"), Some(86_400));
    for nothing in ["", "0", "-1", "1.5", "soon", "Fri, 06 Nov 2026 08:48:00 GMT", "2026-11-06"] {
        assert_eq!(seconds(nothing), None, "{nothing}");
    }
}

#[tokio::test]
async fn a_redirect_on_the_same_host_is_followed_with_the_same_request() {
    let mut receiver = Receiver::new([
        answer("307 Temporary Redirect", "location: /second\r\n", ""),
        answer("308 Permanent Redirect", "location: third?a=b\r\n", ""),
        answer("200 OK", "", "here"),
    ])
    .await;
    let mut config = receiver.config("/first");
    config.headers.push(("x-key".into(), "7".into()));
    config.secrets.push("a secret of thirty characters.".parse().unwrap());
    let (result, output) = call(config).await;
    assert_eq!((result, output.as_deref()), (Ok(()), Some("HTTP 200 OK\nhere")));
    let first = receiver.request().await;
    for line in ["POST /second HTTP/1.1", "POST /third?a=b HTTP/1.1"] {
        let request = receiver.request().await;
        assert_eq!(request.line, line);
        assert_eq!(request.body, first.body);
        assert_eq!(request.headers, first.headers);
    }
}

#[tokio::test]
async fn redirects_without_end_are_given_up() {
    let (mut receiver, result, _) =
        answered(answer("307 Temporary Redirect", "location: /again\r\n", "")).await;
    let expected = format!("more than 5 redirects from {}", receiver.url("/hook"));
    assert_eq!(result, Err(Failure::new(expected)));
    for _ in 0..=MAX_REDIRECTS {
        receiver.request().await;
    }
    assert!(receiver.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_redirect_to_somewhere_else_is_refused_and_the_target_named() {
    let mut other = Receiver::new([answer("200 OK", "", "")]).await;
    for (location, target) in [
        (other.url("/x?secret=1"), format!("http://127.0.0.1:{}", other.port)),
        (format!("http://localhost:{}/x", other.port), format!("http://localhost:{}", other.port)),
        ("https://example.com/x?secret=1".into(), "https://example.com".into()),
        ("//example.com/x".into(), "http://example.com".into()),
        ("http://169.254.169.254/latest".into(), "http://169.254.169.254".into()),
        ("file:///etc/passwd".into(), "file:".into()),
    ] {
        let headers = format!("location: {location}\r\n");
        let (receiver, result, _) = answered(answer("307 Temporary Redirect", &headers, "")).await;
        let failure = result.unwrap_err();
        let expected = format!(
            "HTTP 307 from {}: redirects to {target} are not followed, only to the same scheme, host and port",
            receiver.url("/hook")
        );
        assert_eq!(failure.reason, expected);
    }
    assert!(other.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_redirect_that_would_drop_the_body_is_not_followed() {
    for status in ["301 Moved", "302 Found", "303 See Other"] {
        let (mut receiver, result, _) = answered(answer(status, "location: /login\r\n", "")).await;
        let reason = result.unwrap_err().reason;
        assert!(reason.ends_with("of redirects only 307 and 308 are followed"), "{reason}");
        assert!(reason.contains(&format!("a redirect to http://127.0.0.1:{};", receiver.port)));
        receiver.request().await;
        assert!(receiver.requests.try_recv().is_err());
    }
    let (_, result, _) = answered(answer("304 Not Modified", "", "")).await;
    assert!(result.unwrap_err().reason.ends_with("a redirect that leads nowhere"));
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up_in_time() {
    let receiver = Receiver::new([Answer::Stall("HTTP/1.1 200")]).await;
    let mut config = receiver.config("/hook?token=hunter2");
    config.timeout = Duration::from_millis(100);
    let (result, output) = call(config).await;
    let expected = format!("no answer from {} within 100ms", receiver.url("/hook"));
    assert_eq!((result, output), (Err(Failure::new(expected)), None));
}

#[tokio::test]
async fn an_answer_counts_though_its_body_does_not_come() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    let receiver = Receiver::new([Answer::Stall(head)]).await;
    let mut config = receiver.config("/");
    config.timeout = Duration::from_millis(300);
    assert_eq!(call(config).await, (Ok(()), Some("HTTP 200 OK\nhalf".into())));
}

#[tokio::test]
async fn of_an_endless_answer_only_the_beginning_is_read() {
    let (_, result, output) = answered(Answer::Endless("HTTP/1.1 200 OK\r\n\r\n")).await;
    assert_eq!(result, Ok(()));
    assert_eq!(output.unwrap(), format!("HTTP 200 OK\n{}", "x".repeat(2048)));
    let (_, result, _) =
        answered(Answer::Endless("HTTP/1.1 500 X\r\ncontent-length: 999999999999\r\n\r\n")).await;
    assert!(result.unwrap_err().reason.ends_with("xxx…"));
}

#[tokio::test]
async fn what_cannot_be_reached_is_retried_and_named_without_its_query() {
    let (receiver, result, _) = answered(Answer::Close).await;
    let failure = result.unwrap_err();
    let expected = format!("no answer from {}: ", receiver.url("/hook"));
    assert!(failure.reason.starts_with(&expected), "{failure:?}");
    assert_eq!(failure.retry, RetryAdvice::Policy);

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut config = WebhookConfig::new(format!("http://{closed}/hook?token=hunter2"));
    config.private_addresses = PrivateAddresses::Allow;
    let failure = call(config).await.0.unwrap_err();
    let expected = format!("could not connect to http://{closed}/hook: Connection refused");
    assert!(failure.reason.starts_with(&expected), "{failure:?}");
    assert_eq!(failure.retry, RetryAdvice::Policy);
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_a_failure() {
    let (_, result, _) = answered(Answer::Text("SSH-2.0-OpenSSH_9.2\r\n".into())).await;
    let failure = result.unwrap_err();
    assert!(failure.reason.starts_with("no answer from http://127.0.0.1:"), "{failure:?}");
    assert!(!failure.reason.contains("hunter2"), "{failure:?}");
}

#[tokio::test]
async fn a_canceled_request_is_given_up() {
    let mut receiver = Receiver::new([Answer::Stall("")]).await;
    let cancellation = CancellationToken::new();
    let context = context_with("[]", cancellation.clone());
    let webhook = Webhook::new(receiver.config("/")).unwrap();
    let arrived = async {
        receiver.request().await;
        cancellation.cancel();
    };
    let (result, ()) =
        tokio::time::timeout(PATIENCE, async { tokio::join!(webhook.call(&context), arrived) })
            .await
            .expect("it hangs");
    assert_eq!(result, Err(Failure::new("canceled")));

    let result = webhook.call(&context).await;
    assert_eq!(result, Err(Failure::new("canceled")));
    assert!(receiver.requests.try_recv().is_err(), "nothing is sent once it is canceled");
}

#[tokio::test]
async fn connections_are_used_again() {
    let mut receiver = Receiver::new([answer("200 OK", "", "ok")]).await;
    let webhook = Webhook::new(receiver.config("/")).unwrap();
    let context = context_with("[]", CancellationToken::new());
    let mut peers = HashSet::new();
    // A connection is free again a moment after the answer was read: the very next request may need another one.
    for _ in 0..20 {
        webhook.call(&context).await.unwrap();
        peers.insert(receiver.request().await.peer);
    }
    assert!(peers.len() < 20, "{peers:?}");
}

#[tokio::test]
async fn a_private_address_is_not_called_unless_allowed() {
    let mut receiver = Receiver::new([answer("200 OK", "", "")]).await;
    let error = Webhook::new(WebhookConfig::new(receiver.url("/"))).unwrap_err().to_string();
    let expected = format!(
        "webhook URL \"{}\": 127.0.0.1 is no public address; \
         to call it nevertheless, allow private addresses for this webhook (`allow_private = true`)",
        receiver.url("/")
    );
    assert_eq!(error, expected);

    // A name shows its address only when it is called.
    let url = format!("http://localhost:{}/hook?token=hunter2", receiver.port);
    let mut config = WebhookConfig::new(&url);
    let failure = call(config.clone()).await.0.unwrap_err();
    let expected = format!(
        "http://localhost:{}/hook is not called: localhost is no public address (",
        receiver.port
    );
    assert!(failure.reason.starts_with(&expected), "{failure:?}");
    assert!(failure.reason.contains("127.0.0.1"), "{failure:?}");
    assert_eq!(failure.retry, RetryAdvice::Never);
    assert!(receiver.requests.try_recv().is_err());

    config.private_addresses = PrivateAddresses::Allow;
    assert_eq!(call(config).await.0, Ok(()));
    receiver.request().await;
}

#[tokio::test]
async fn a_receiver_that_speaks_no_tls_is_a_failure() {
    let receiver = Receiver::new([Answer::Close]).await;
    let mut config = receiver.config("/");
    config.url = config.url.replace("http:", "https:");
    // A machine without CA certificates says so from the start.
    match Webhook::new(config.clone()) {
        Err(error) => assert!(error.to_string().contains("ca-certificates"), "{error}"),
        Ok(_) => {
            let reason = call(config).await.0.unwrap_err().reason;
            assert!(reason.starts_with("could not connect to https://127.0.0.1:"), "{reason}");
        }
    }
}

#[test]
fn a_config_that_cannot_work_is_refused() {
    let refused = |url: &str| Webhook::new(WebhookConfig::new(url)).unwrap_err().to_string();
    assert_eq!(
        refused("ftp://example.com/a?b"),
        "webhook URL \"ftp://example.com/a\": expected http:// or https://"
    );
    assert_eq!(
        refused("https://me:hunter2@example.com/"),
        "webhook URL \"…@example.com/\": has a user name or password; use the header authorization"
    );
    for text in ["", "example.com", "http://", "http://exa mple/", "/path"] {
        assert!(refused(text).starts_with("webhook URL "), "{text}");
    }
    for (name, value, problem) in [
        ("", "x", "expected a name such as authorization"),
        ("a b", "x", "expected a name such as authorization"),
        ("x", "a\r\nb: c", "its value has characters that no header may have"),
        ("Webhook-Id", "x", "is set by the scheduler"),
        ("Content-Length", "x", "is set by the scheduler"),
        ("Traceparent", "x", "is set by the scheduler"),
    ] {
        let mut config = WebhookConfig::new("http://example.com/");
        config.headers.push((name.into(), value.into()));
        let error = Webhook::new(config).unwrap_err().to_string();
        assert_eq!(error, format!("webhook header {name:?}: {problem}"));
    }
    let limit = |change: fn(&mut WebhookConfig)| {
        let mut config = WebhookConfig::new("http://example.com/");
        change(&mut config);
        Webhook::new(config).unwrap_err().to_string()
    };
    assert!(limit(|config| config.timeout = Duration::ZERO).contains("more than nothing"));
    assert!(limit(|config| config.connect_timeout = Duration::MAX).contains("at most 24 hours"));
    assert!(limit(|config| config.output_limit = usize::MAX).contains("at most 1048576 bytes"));
}

#[test]
fn secrets_are_never_shown() {
    let mut config = WebhookConfig::new("http://example.com/hook?token=hunter2#hunter2");
    config.headers.push(("authorization".into(), "Bearer hunter2".into()));
    config.secrets.push("hunter2 hunter2 hunter2 hunter2".parse().unwrap());
    let webhook = Webhook::new(config.clone()).unwrap();
    assert_eq!(webhook.describe(), "webhook http://example.com/hook");
    for debug in [format!("{config:?}"), format!("{webhook:?}")] {
        assert!(debug.contains("http://example.com/hook") && debug.contains("authorization"));
        assert!(!debug.contains("hunter2"), "{debug}");
    }
}
