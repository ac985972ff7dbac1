//! How many actions the next claim asks for.

use std::time::{Duration, Instant};

use super::config::BatchSize;

/// The largest batch that is chosen by itself: more would only cost memory.
const LARGEST: f64 = 4000.0;

/// Keeps batches at about a second of work.
pub(super) struct Batches {
    size: BatchSize,
    auto: f64,
    smallest: f64,
    done: u64,
    since: Instant,
}

impl Batches {
    pub(super) fn new(size: BatchSize, workers: usize) -> Self {
        let smallest = (workers.min(20)) as f64;
        Self { size, auto: 20.0, smallest, done: 0, since: Instant::now() }
    }

    /// Counts actions that have come to their end.
    pub(super) fn count(&mut self, ended: usize) {
        self.done += ended as u64;
    }

    /// The size of the next batch. Grows at most to its double from one batch to the next.
    pub(super) fn next(&mut self) -> u32 {
        if let BatchSize::Fixed(size) = self.size {
            return size.max(1);
        }
        let elapsed = self.since.elapsed();
        if self.done as f64 >= self.auto || elapsed >= Duration::from_secs(1) {
            if self.done > 0 {
                let per_second = self.done as f64 / elapsed.as_secs_f64().max(1e-6);
                self.auto = per_second.min(self.auto * 2.0).clamp(self.smallest.max(1.0), LARGEST);
            }
            (self.done, self.since) = (0, Instant::now());
        }
        self.auto as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_double_while_actions_are_fast_up_to_a_limit() {
        let mut batches = Batches::new(BatchSize::Auto, 10);
        let mut sizes = vec![batches.next()];
        for _ in 0..10 {
            batches.count(1_000_000);
            sizes.push(batches.next());
        }
        assert_eq!(sizes[..4], [20, 40, 80, 160]);
        assert_eq!(*sizes.last().unwrap(), 4000);
    }

    #[test]
    fn slow_actions_make_batches_small_but_keep_each_worker_busy() {
        let mut batches = Batches::new(BatchSize::Auto, 4);
        batches.since = Instant::now().checked_sub(Duration::from_secs(100)).unwrap();
        batches.count(20);
        assert_eq!(batches.next(), 4);
    }

    #[test]
    fn a_fixed_size_stays() {
        let mut batches = Batches::new(BatchSize::Fixed(7), 4);
        batches.count(1_000_000);
        assert_eq!(batches.next(), 7);
    }
}
