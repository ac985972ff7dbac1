//! `/metrics`, for Prometheus: what this process did, counted as it happens, and how the store stands, looked up when
//! asked.
//!
//! Labels are bounded: a hook has a label of its own while there are at most [`MOST_HOOKS`], all others share `other`.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use action_scheduler::store::Stats;
use action_scheduler::trace::SpanCounts;
use action_scheduler::{Event, Hook, Observer, Status, StoreCall};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::access::Viewer;
use crate::http::Problem;
use crate::site::Site;

/// How many hooks have a label of their own.
const MOST_HOOKS: usize = 200;

/// The upper bounds of run times and delays, in seconds: from a millisecond to an hour.
const SECONDS: [f64; 14] =
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0];

/// The upper bounds of how long requests take, in seconds.
const REQUEST_SECONDS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// The upper bounds of how long the store takes to answer, in seconds.
const STORE_SECONDS: [f64; 15] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
    30.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfHook {
    hook: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOutcome {
    hook: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStatus {
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfState {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCall {
    call: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    method: &'static str,
    route: String,
    status: u16,
}

/// Everything that is counted.
pub(crate) struct Metrics {
    registry: Registry,
    /// The hooks that have a label of their own.
    hooks: Mutex<HashSet<Hook>>,

    stored: Family<OfHook, Counter>,
    ended: Family<OfOutcome, Counter>,
    ran: Family<OfHook, Histogram, fn() -> Histogram>,
    delay: Family<OfHook, Histogram, fn() -> Histogram>,
    batches: Counter,
    claimed: Counter,
    canceled: Counter,
    deleted: Counter,
    reset: Counter,
    paused: Counter,
    requests: Family<OfRequest, Counter>,
    request_seconds: Histogram,
    spans: Family<OfState, Counter>,
    store_seconds: Family<OfCall, Histogram, fn() -> Histogram>,
    store_failures: Family<OfCall, Counter>,

    actions: Family<OfStatus, Gauge>,
    past_due: Gauge,
    past_due_age: Gauge<f64, AtomicU64>,
    claims: Gauge,
    runners: Gauge,
    chains: Family<OfState, Gauge>,
    incidents: Gauge,
}

impl Metrics {
    /// Nothing was counted yet.
    pub(crate) fn new() -> Self {
        let seconds = || Histogram::new(SECONDS);
        let mut metrics = Self {
            registry: Registry::with_prefix("action_scheduler"),
            hooks: Mutex::default(),
            stored: Family::default(),
            ended: Family::default(),
            ran: Family::new_with_constructor(seconds),
            delay: Family::new_with_constructor(seconds),
            batches: Counter::default(),
            claimed: Counter::default(),
            canceled: Counter::default(),
            deleted: Counter::default(),
            reset: Counter::default(),
            paused: Counter::default(),
            requests: Family::default(),
            request_seconds: Histogram::new(REQUEST_SECONDS),
            spans: Family::default(),
            store_seconds: Family::new_with_constructor(|| Histogram::new(STORE_SECONDS)),
            store_failures: Family::default(),
            actions: Family::default(),
            past_due: Gauge::default(),
            past_due_age: Gauge::default(),
            claims: Gauge::default(),
            runners: Gauge::default(),
            chains: Family::default(),
            incidents: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let all = &mut self.registry;
        all.register("stored", "Actions stored by this process", self.stored.clone());
        all.register(
            "attempts",
            "Attempts that ended in this process, by how they came out",
            self.ended.clone(),
        );
        all.register("run_seconds", "How long handlers took", self.ran.clone());
        all.register(
            "delay_seconds",
            "How long after their date actions were started",
            self.delay.clone(),
        );
        all.register("batches", "Batches claimed by this process", self.batches.clone());
        all.register("claimed", "Actions claimed by this process", self.claimed.clone());
        all.register("canceled", "Actions canceled by this process", self.canceled.clone());
        all.register("deleted", "Actions deleted by this process", self.deleted.clone());
        all.register(
            "reset",
            "Claimed actions of dead runners that went back to the queue",
            self.reset.clone(),
        );
        all.register("chains_paused", "Chains paused after failures", self.paused.clone());
        all.register("http_requests", "Requests answered", self.requests.clone());
        all.register(
            "http_request_seconds",
            "How long requests took, long polls and event streams aside",
            self.request_seconds.clone(),
        );
        all.register(
            "spans",
            "Spans of traces that were exported by this process, and that were lost",
            self.spans.clone(),
        );
        all.register("actions", "Actions in the store, by status", self.actions.clone());
        all.register("past_due_actions", "Pending actions that are due", self.past_due.clone());
        all.register(
            "past_due_age_seconds",
            "How long ago the first pending action was due",
            self.past_due_age.clone(),
        );
        all.register("open_claims", "Claims that are open", self.claims.clone());
        all.register("runners", "Runners that are known", self.runners.clone());
        all.register("chains", "Chains of recurring actions, by state", self.chains.clone());
        all.register("incidents", "Alerts that are on", self.incidents.clone());
        all.register(
            "store_seconds",
            "How long the store took to answer this process, by what it was asked for",
            self.store_seconds.clone(),
        );
        all.register(
            "store_failures",
            "Calls of this process that the store answered with an error",
            self.store_failures.clone(),
        );
    }

    /// The label of a hook.
    fn label(&self, hook: &Hook) -> OfHook {
        let mut known = self.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        let has_label =
            known.contains(hook) || known.len() < MOST_HOOKS && known.insert(hook.clone());
        OfHook { hook: if has_label { hook.as_str().to_owned() } else { "other".to_owned() } }
    }

    fn ended(&self, hook: &Hook, outcome: &'static str, ran: Option<Duration>) {
        let label = self.label(hook);
        if let Some(ran) = ran {
            self.ran.get_or_create(&label).observe(ran.as_secs_f64());
        }
        self.ended.get_or_create(&OfOutcome { hook: label.hook, outcome }).inc();
    }

    /// How the store stands.
    pub(crate) fn stands(&self, stats: &Stats, now: Timestamp) {
        for status in Status::ALL {
            let count = stats.counts.get(status.as_str()).copied().unwrap_or_default();
            self.actions.get_or_create(&OfStatus { status: status.as_str() }).set(gauge(count));
        }
        self.past_due.set(gauge(stats.past_due));
        self.past_due_age.set(past_due_age(stats, now).as_secs_f64());
        self.claims.set(gauge(stats.claims));
        self.runners.set(gauge(stats.runners));
        for (state, count) in &stats.chains {
            self.chains.get_or_create(&OfState { state: state.as_str() }).set(gauge(*count));
        }
    }

    /// How many spans were exported so far.
    fn spans(&self, counts: &SpanCounts) {
        for (state, count) in [("exported", counts.exported()), ("lost", counts.lost())] {
            self.spans.get_or_create(&OfState { state }).inner().store(count, Ordering::Relaxed);
        }
    }

    /// The text that Prometheus reads (OpenMetrics 1.0).
    fn text(&self) -> String {
        let mut text = String::new();
        if text::encode(&mut text, &self.registry).is_err() {
            // Writing into a String does not fail.
            let _ = text.write_str("# EOF\n");
        }
        text
    }
}

/// How long ago the first pending action was due.
pub(crate) fn past_due_age(stats: &Stats, now: Timestamp) -> Duration {
    let first = stats.dates.get(Status::Pending.as_str()).map(|(oldest, _)| *oldest);
    first.and_then(|first| Duration::try_from(now.duration_since(first)).ok()).unwrap_or_default()
}

fn gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Observer for Metrics {
    fn observe(&self, event: &Event) {
        match event {
            Event::Stored { hook, .. } => {
                self.stored.get_or_create(&self.label(hook)).inc();
            }
            Event::BatchClaimed { actions, .. } => {
                self.batches.inc();
                self.claimed.inc_by(*actions as u64);
            }
            Event::Started { hook, delay, .. } => {
                self.delay.get_or_create(&self.label(hook)).observe(delay.as_secs_f64());
            }
            Event::Completed { hook, ran, .. } => self.ended(hook, "complete", Some(*ran)),
            Event::Failed { hook, ran, .. } => self.ended(hook, "failed", Some(*ran)),
            Event::Retrying { hook, ran, .. } => self.ended(hook, "retried", Some(*ran)),
            Event::TimedOut { hook, .. } => self.ended(hook, "timed_out", None),
            Event::Crashed { hook, .. } => self.ended(hook, "crashed", None),
            Event::Superseded { hook, .. } => self.ended(hook, "superseded", None),
            Event::Canceled { actions } => {
                self.canceled.inc_by(actions.len() as u64);
            }
            Event::Deleted { actions } => {
                self.deleted.inc_by(actions.len() as u64);
            }
            Event::Reset { actions } => {
                self.reset.inc_by(*actions);
            }
            Event::ChainPaused { .. } => {
                self.paused.inc();
            }
            _ => {}
        }
    }

    fn observe_call(&self, call: &StoreCall) {
        let label = OfCall { call: call.call.as_str() };
        self.store_seconds.get_or_create(&label).observe(call.took.as_secs_f64());
        if call.failed {
            self.store_failures.get_or_create(&label).inc();
        }
    }
}

/// Counts requests, by the route they matched and not by their path.
pub(crate) async fn count_requests(
    State(site): State<Site>,
    request: Request,
    next: Next,
) -> Response {
    let route = match request.extensions().get::<MatchedPath>() {
        Some(path) => path.as_str().to_owned(),
        None => "none".to_owned(),
    };
    let method = match request.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    };
    let begun = Instant::now();
    let response = next.run(request).await;
    let metrics = site.metrics();
    // Who polls is answered when there is something to say, which is no measure of this server.
    if !route.ends_with("/claim") {
        metrics.request_seconds.observe(begun.elapsed().as_secs_f64());
    }
    let status = response.status().as_u16();
    metrics.requests.get_or_create(&OfRequest { method, route, status }).inc();
    response
}

/// `GET /metrics`.
pub(crate) async fn page(State(site): State<Site>, Viewer(_): Viewer) -> Result<Response, Problem> {
    let metrics = site.metrics();
    let counted = site.stats().await?;
    metrics.stands(&counted.value, counted.taken_at);
    metrics.incidents.set(gauge(site.incidents().await?.len() as u64));
    if let Some(counts) = &site.config().spans {
        metrics.spans(counts);
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], metrics.text()).into_response())
}

#[cfg(test)]
mod tests {
    use action_scheduler::store::Call;
    use action_scheduler::{ActionId, Attempt, Group};

    use super::*;

    fn completed(hook: &str, ran: Duration) -> Event {
        Event::Completed {
            action: ActionId::new(1).unwrap(),
            hook: Hook::new(hook).unwrap(),
            attempt: Attempt(1),
            ran,
        }
    }

    #[test]
    fn attempts_are_counted_by_hook_and_outcome() {
        let metrics = Metrics::new();
        metrics.observe(&completed("send_invoice", Duration::from_millis(7)));
        metrics.observe(&completed("send_invoice", Duration::from_millis(7)));
        let text = metrics.text();
        let line = r#"action_scheduler_attempts_total{hook="send_invoice",outcome="complete"} 2"#;
        assert!(text.contains(line), "{text}");
        let bucket = r#"action_scheduler_run_seconds_bucket{le="0.01",hook="send_invoice"} 2"#;
        assert!(text.contains(bucket), "{text}");
    }

    #[test]
    fn calls_of_the_store_are_timed_and_failures_counted() {
        let metrics = Metrics::new();
        let took = Duration::from_micros(300);
        metrics.observe_call(&StoreCall { call: Call::Claim, took, failed: false });
        metrics.observe_call(&StoreCall { call: Call::Claim, took, failed: true });
        let text = metrics.text();
        for line in [
            r#"action_scheduler_store_seconds_bucket{le="0.00025",call="claim"} 0"#,
            r#"action_scheduler_store_seconds_bucket{le="0.0005",call="claim"} 2"#,
            r#"action_scheduler_store_failures_total{call="claim"} 1"#,
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn hooks_beyond_the_limit_share_a_label() {
        let metrics = Metrics::new();
        for number in 0..MOST_HOOKS + 50 {
            metrics.observe(&completed(&format!("hook_{number}"), Duration::ZERO));
        }
        let text = metrics.text();
        let line = r#"action_scheduler_attempts_total{hook="other",outcome="complete"} 50"#;
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn a_hook_with_quotes_and_line_breaks_stays_within_its_label() {
        let metrics = Metrics::new();
        let hook = Hook::from_stored("a\"} 1\nevil 2");
        metrics.observe(&Event::Stored {
            action: ActionId::new(1).unwrap(),
            hook,
            group: Group::default(),
            took: Duration::ZERO,
            caller: None,
        });
        let text = metrics.text();
        assert!(!text.lines().any(|line| line.starts_with("evil")), "{text}");
    }
}
