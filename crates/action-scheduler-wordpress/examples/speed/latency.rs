//! How long it is from the call of a function that schedules to the callback's first line, with the bridge and without.

use std::time::Duration;

use serde::Serialize;

use crate::program::Served;
use crate::queue::{Queue, now};

/// Calls in one request, with a moment between them.
const CALLS: usize = 200;
/// Without the bridge an action waits for the next look, so fewer have to do.
const SLOW_CALLS: usize = 30;

/// In milliseconds.
#[derive(Debug, Serialize)]
pub struct Figures {
    bridge_p50_ms: f64,
    bridge_p99_ms: f64,
    without_p50_ms: f64,
    without_p99_ms: f64,
}

pub async fn measure() -> Figures {
    let queue = Queue::new().await;
    crate::program::run(&["wordpress", "install", "--wordpress"], &queue.site.path()).await;
    let _served = Served::start(&queue.site.path(), &["--workers=2", "--listen=off"]).await;
    // The first one waits for PHP to load WordPress.
    queue.scheduler.enqueue_async("bench_latency", [now()]).await.unwrap();
    latencies(&queue, 1).await;

    let request = format!(
        "for ($n = 0; $n < {CALLS}; $n++) {{
            as_enqueue_async_action('bench_latency', array(microtime(true)));
            usleep(30000);
        }}"
    );
    queue.site.request(&request).await;
    let bridge = latencies(&queue, CALLS).await;

    let mut without = Vec::new();
    for number in 0..SLOW_CALLS {
        queue.scheduler.enqueue_async("bench_latency", [now()]).await.unwrap();
        without.extend(latencies(&queue, 1).await);
        // Not in step with the looks.
        tokio::time::sleep(Duration::from_millis(37 * (number as u64 % 7))).await;
    }
    without.sort_by(f64::total_cmp);
    Figures {
        bridge_p50_ms: quantile(&bridge, 0.5),
        bridge_p99_ms: quantile(&bridge, 0.99),
        without_p50_ms: quantile(&without, 0.5),
        without_p99_ms: quantile(&without, 0.99),
    }
}

/// Waits for so many calls of the callback; what they noted, sorted.
async fn latencies(queue: &Queue, count: usize) -> Vec<f64> {
    const LONGEST: usize = 6000;
    let file = queue.site.path().join("latencies");
    for _ in 0..LONGEST {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        if text.lines().count() >= count {
            std::fs::remove_file(&file).unwrap();
            let took = text.lines().map(|line| line.parse::<f64>().unwrap() / 1000.0);
            let mut took: Vec<f64> = took.collect();
            took.sort_by(f64::total_cmp);
            return took;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{count} callbacks were not called");
}

fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = (sorted.len() as f64 * part).ceil() as usize;
    sorted[place.clamp(1, sorted.len()) - 1]
}
