//! What those who watch see: health, metrics, and alerts that are told once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use action_scheduler::schedule::{Cadence, Interval};
use action_scheduler::trace::SpanCounts;
use action_scheduler::{Failure, Handler, HandlerContext};
use action_scheduler_server::ServerConfig;
use action_scheduler_server::alerts::{Alerts, Rules};
use async_trait::async_trait;
use tokio::sync::Notify;

use crate::running::Running;

/// Remembers what it was told.
#[derive(Default)]
struct Told {
    messages: Mutex<Vec<String>>,
    news: Notify,
}

impl Told {
    /// The messages so far, as soon as there are so many.
    async fn of(&self, count: usize) -> Vec<String> {
        loop {
            let news = self.news.notified();
            let messages = self.messages.lock().unwrap().clone();
            if messages.len() >= count {
                return messages;
            }
            tokio::time::timeout(Duration::from_secs(60), news).await.expect("told");
        }
    }
}

#[async_trait]
impl Handler for Told {
    async fn call(&self, context: &HandlerContext) -> Result<(), Failure> {
        self.messages.lock().unwrap().push(context.args().to_string());
        self.news.notify_waiters();
        Ok(())
    }

    fn describe(&self) -> String {
        "a list".to_owned()
    }
}

fn alerting(told: &Arc<Told>) -> ServerConfig {
    let targets = vec![Arc::clone(told) as Arc<dyn Handler>];
    let alerts = Alerts { rules: Rules::default(), targets, every: Duration::from_millis(20) };
    ServerConfig { alerts, ..ServerConfig::default() }
}

#[tokio::test]
async fn health_is_told_to_anyone() {
    let server = Running::start().await;
    for (path, answer) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let response = server.get(path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap(), answer);
    }
}

#[tokio::test]
async fn metrics_tell_how_the_store_stands() {
    let server = Running::start().await;
    let noon = server.scheduler.now();
    let due = noon - Duration::from_secs(90);
    server.scheduler.schedule_single(due, "send_invoice", ()).await.unwrap();
    let response = server.get("/metrics").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    for line in [
        r#"action_scheduler_stored_total{hook="send_invoice"} 1"#,
        r#"action_scheduler_actions{status="pending"} 1"#,
        "action_scheduler_past_due_actions 1",
        "action_scheduler_past_due_age_seconds 90.0",
        r#"action_scheduler_store_seconds_count{call="insert"} 1"#,
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert!(!text.contains("action_scheduler_spans_total{"), "nobody exports any: {text}");
}

#[tokio::test]
async fn spans_are_counted_where_traces_are_exported() {
    let spans = Some(Arc::<SpanCounts>::default());
    let server = Running::with_config(ServerConfig { spans, ..ServerConfig::default() }).await;
    let text = server.get("/metrics").send().await.unwrap().text().await.unwrap();
    for state in ["exported", "lost"] {
        let line = format!("action_scheduler_spans_total{{state=\"{state}\"}} 0");
        assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
    }
}

#[tokio::test]
async fn an_incident_is_told_when_it_begins_and_when_it_is_over_and_not_in_between() {
    let told = Arc::new(Told::default());
    let server = Running::with_config(alerting(&told)).await;
    let due = server.scheduler.now() - Duration::from_secs(3600);
    let late = server.scheduler.schedule_single(due, "send_invoice", ()).await.unwrap().unwrap();
    let begun = told.of(1).await;
    assert!(begun[0].contains(r#""event":"begun""#), "{begun:?}");
    assert!(begun[0].contains("1 action is past-due"), "{begun:?}");
    server.scheduler.cancel(late).await.unwrap();
    let both = told.of(2).await;
    assert!(both[1].contains(r#""event":"over""#), "{both:?}");
    assert_eq!(both.len(), 2);
}

#[tokio::test]
async fn a_paused_chain_is_told_by_each_name_once_though_two_servers_look() {
    let told = Arc::new(Told::default());
    let first = Running::with_config(alerting(&told)).await;
    let second = Running::over(first.scheduler.clone(), alerting(&told)).await;
    let hook = "report";
    let noon = first.scheduler.now();
    let every = Interval::new(Duration::from_secs(60), Cadence::AfterRun).unwrap();
    let first_action =
        first.scheduler.schedule_recurring(noon, every, hook, ()).await.unwrap().unwrap();
    let chain = first.scheduler.fetch(first_action).await.unwrap().chain.unwrap();
    first.scheduler.pause(chain, "the printer is on fire").await.unwrap();
    let begun = told.of(1).await;
    assert!(begun[0].contains("the printer is on fire"), "{begun:?}");
    first.scheduler.resume(chain).await.unwrap();
    let both = told.of(2).await;
    assert!(both[1].contains(r#""event":"over""#), "{both:?}");
    assert_eq!(both.len(), 2);
    drop(second);
}
