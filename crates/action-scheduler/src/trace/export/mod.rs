//! Sends spans to a collector, beside all other work: what a span costs those who work is a place in a queue.

mod collector;
mod config;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::collector::{Answer, Collector};
pub use self::config::TracesConfig;
use super::ids::TraceIds;
use super::spans::{Span, spans, subject};
use crate::error::Result;
use crate::observer::{Event, Observer};
use crate::runner::Shutdown;
use crate::scheduler::Scheduler;
use crate::store::Store;

/// How many events wait to be sent; further ones are lost. So much is kept of the time while a collector is away.
const MOST_WAITING: usize = 16 * 1024;

/// How many events are sent at once.
const BATCH: usize = 512;

/// How long an event waits for others to be sent with it.
const EVERY: Duration = Duration::from_secs(1);

/// How long to wait before trying again, at first and at most.
const RETRIES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// How long sending what is left may take at the end.
const LAST_MOMENT: Duration = Duration::from_secs(5);

/// How many spans were sent, and how many were not.
#[derive(Debug, Default)]
pub struct SpanCounts {
    exported: AtomicU64,
    lost: AtomicU64,
}

impl SpanCounts {
    /// How many a collector has taken.
    pub fn exported(&self) -> u64 {
        self.exported.load(Ordering::Relaxed)
    }

    /// How many were given up: a collector did not take them, or more came than could be sent.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn lose(&self, count: u64) {
        self.lost.fetch_add(count, Ordering::Relaxed);
    }
}

/// Listens, and sends what is heard as spans.
///
/// ```no_run
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use action_scheduler::Scheduler;
/// use action_scheduler::trace::{Traces, TracesConfig};
///
/// let scheduler = Scheduler::open("sqlite:shop.db").await?;
/// let traces = Traces::begin(&scheduler, &TracesConfig::new("http://localhost:4318")).await?;
/// scheduler.enqueue_async("send_invoice", [42]).await?;
/// // When nothing more will happen: what is left is sent.
/// traces.end().await;
/// # Ok::<(), action_scheduler::Error>(()) }).unwrap();
/// ```
pub struct Traces {
    ids: TraceIds,
    store: Arc<dyn Store>,
    waiting: mpsc::Sender<Heard>,
    counts: Arc<SpanCounts>,
}

/// An event, and when it was told.
struct Heard {
    at: Timestamp,
    event: Event,
}

impl Traces {
    /// Gives every attempt of a scheduler a span from now on, and sends the spans in the background.
    pub async fn begin(scheduler: &Scheduler, config: &TracesConfig) -> Result<KeptTraces> {
        let collector = Collector::new(config)?;
        let ids = TraceIds::of(scheduler.store().as_ref()).await?.sample(config.share)?;
        let (waiting, heard) = mpsc::channel(MOST_WAITING);
        let counts = Arc::<SpanCounts>::default();
        scheduler.trace(ids.clone());
        scheduler.observe(Arc::new(Self {
            ids: ids.clone(),
            store: Arc::clone(scheduler.store()),
            waiting,
            counts: Arc::clone(&counts),
        }));
        let exporter = Exporter {
            ids,
            collector,
            heard,
            batch: Vec::with_capacity(BATCH),
            counts: Arc::clone(&counts),
            trouble: None,
        };
        let over = Shutdown::new();
        let task = tokio::spawn(exporter.run(over.clone()));
        Ok(KeptTraces { over, task, counts })
    }
}

impl Observer for Traces {
    fn observe(&self, event: &Event) {
        let Some(action) = subject(event) else { return };
        if !self.ids.stored(action).sampled {
            return;
        }
        let at = self.store.clock().now();
        if self.waiting.try_send(Heard { at, event: event.clone() }).is_err() {
            self.counts.lose(1);
        }
    }
}

/// Traces that are sent in the background. Should this be dropped, they are sent until the end of the process.
#[derive(Debug)]
pub struct KeptTraces {
    over: Shutdown,
    task: JoinHandle<()>,
    counts: Arc<SpanCounts>,
}

impl KeptTraces {
    /// How many spans were sent.
    pub fn counts(&self) -> &Arc<SpanCounts> {
        &self.counts
    }

    /// Sends what is left, when nothing more will happen: after the end of a runner. A collector that does not answer is
    /// waited for five seconds at most.
    pub async fn end(self) {
        self.over.stop();
        let Self { mut task, counts, .. } = self;
        match tokio::time::timeout(LAST_MOMENT, &mut task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "traces were not exported"),
            Err(_) => {
                task.abort();
                tracing::warn!(
                    "the collector of traces did not answer in time; the latest are lost"
                );
            }
        }
        let (exported, lost) = (counts.exported(), counts.lost());
        tracing::debug!(exported, lost, "no more traces are exported");
    }
}

/// Takes events from the queue, and sends them as spans.
struct Exporter {
    ids: TraceIds,
    collector: Collector,
    heard: mpsc::Receiver<Heard>,
    /// What is sent next.
    batch: Vec<Heard>,
    counts: Arc<SpanCounts>,
    /// What was wrong the last time, if something was.
    trouble: Option<String>,
}

impl Exporter {
    async fn run(mut self, over: Shutdown) {
        loop {
            let is_over = tokio::select! {
                biased;
                () = over.stopping() => true,
                has_more = self.fill() => !has_more,
            };
            if is_over {
                break;
            }
            self.send(&over).await;
        }
        self.heard.close();
        while self.fill().await {
            self.send(&over).await;
        }
    }

    /// Fills the batch: as soon as it is full or a moment has passed since its first event. Whether there is anything
    /// in it; if not, nothing more will come.
    async fn fill(&mut self) -> bool {
        let Self { heard, batch, .. } = self;
        if batch.is_empty() && heard.recv_many(batch, BATCH).await == 0 {
            return false;
        }
        let more = async {
            while batch.len() < BATCH && heard.recv_many(batch, BATCH - batch.len()).await > 0 {}
        };
        // Late is as good as full.
        let _ = tokio::time::timeout(EVERY, more).await;
        true
    }

    /// Sends the batch, again and again while the collector is away; once it is over, only once.
    async fn send(&mut self, over: &Shutdown) {
        let spans: Vec<Span> = self
            .batch
            .drain(..)
            .flat_map(|Heard { at, event }| spans(&self.ids, &event, at))
            .collect();
        let count = spans.len() as u64;
        let body = match self.collector.body(&spans) {
            Ok(body) => body,
            Err(error) => return self.lost(count, &error.to_string()),
        };
        let (mut pause, longest) = RETRIES;
        loop {
            match self.collector.post(body.clone()).await {
                Answer::Taken { rejected, why } => return self.taken(count, rejected, &why),
                Answer::Refused(problem) => return self.lost(count, &problem),
                Answer::Away(problem) if over.is_stopping() => return self.lost(count, &problem),
                Answer::Away(problem) => self.complain(&problem, "trying again"),
            }
            tokio::select! {
                () = over.stopping() => {}
                () = tokio::time::sleep(pause) => {}
            }
            pause = longest.min(pause * 2);
        }
    }

    fn taken(&mut self, count: u64, rejected: u64, why: &str) {
        let rejected = rejected.min(count);
        self.counts.exported.fetch_add(count - rejected, Ordering::Relaxed);
        if rejected > 0 {
            return self.lost(rejected, &format!("the collector rejected some of them: {why}"));
        }
        if self.trouble.take().is_some() {
            tracing::info!(lost = self.counts.lost(), "traces are exported again");
        }
    }

    fn lost(&mut self, count: u64, problem: &str) {
        self.counts.lose(count);
        self.complain(problem, "they are lost");
    }

    /// Says what is wrong, unless that is known.
    fn complain(&mut self, problem: &str, follows: &str) {
        if self.trouble.as_deref() != Some(problem) {
            let lost = self.counts.lost();
            tracing::warn!(lost, "traces cannot be exported: {problem}; {follows}");
            self.trouble = Some(problem.to_owned());
        }
    }
}
