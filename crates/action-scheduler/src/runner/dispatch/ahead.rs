//! Started ahead: where an action takes less time than a commit, a worker that is free would only wait for the next start.
//! So a little more is started than workers are free, as much as they run through in a moment.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::Dispatcher;
use crate::action::{self, ClaimId};
use crate::handler::HandlerContext;
use crate::store::ClaimedAction;

/// More than this is never started ahead.
const MOST: f64 = 4000.0;

/// What has waited for so long behind others that turned out to be slow is given back.
const PATIENCE: Duration = Duration::from_secs(2);

/// An action that is started, and whose handlers are called when a worker is free.
struct Waiting {
    claim: ClaimId,
    action: ClaimedAction,
    attempt: action::Attempt,
    since: Instant,
}

/// Holds what was started until a worker is free for it.
pub(super) struct Ahead {
    span: Duration,
    queue: VecDeque<Waiting>,
    room: usize,
    /// How many actions came to their end, and since when that is counted.
    ended: u32,
    since: Instant,
}

impl Ahead {
    /// One that holds as much as ends in `span`.
    pub(super) fn new(span: Duration) -> Self {
        Self { span, queue: VecDeque::new(), room: 0, ended: 0, since: Instant::now() }
    }

    /// Counts an action that has come to its end.
    pub(super) fn count(&mut self) {
        self.ended += 1;
    }

    pub(super) fn add(&mut self, claim: ClaimId, action: ClaimedAction, attempt: action::Attempt) {
        self.queue.push_back(Waiting { claim, action, attempt, since: Instant::now() });
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// How many may wait: as many as end in the span, by what was seen last.
    pub(super) fn room(&mut self) -> usize {
        let elapsed = self.since.elapsed();
        if self.span.is_zero() || elapsed < self.span {
            return self.room;
        }
        let per_second = f64::from(self.ended) / elapsed.as_secs_f64();
        self.room = (per_second * self.span.as_secs_f64()).min(MOST) as usize;
        (self.ended, self.since) = (0, Instant::now());
        self.room
    }

    /// When the patience of the first one ends.
    pub(super) fn patience_ends(&self) -> Option<Instant> {
        self.queue.front().map(|first| first.since + PATIENCE)
    }

    fn impatient(&self) -> usize {
        self.queue.iter().take_while(|waiting| waiting.since.elapsed() >= PATIENCE).count()
    }
}

impl Dispatcher {
    /// Calls the handlers of as many as there are free workers for.
    pub(super) fn call_next(&mut self) {
        while self.running.len() < self.config.workers.max(1)
            && let Some(Waiting { claim, action, attempt, .. }) = self.ahead.queue.pop_front()
        {
            self.execute(claim, action, attempt);
        }
    }

    /// Gives back those that waited too long.
    pub(super) fn give_back_impatient(&mut self) {
        self.give_back_started(self.ahead.impatient());
        // They turned out to be slow: nothing more is started ahead until that is seen to be otherwise.
        self.ahead.room = 0;
    }

    /// Gives back all that are started and not called.
    pub(super) fn give_back_ahead(&mut self) {
        self.give_back_started(self.ahead.waiting());
    }

    fn give_back_started(&mut self, first: usize) {
        let given_back: Vec<Waiting> = self.ahead.queue.drain(..first).collect();
        for Waiting { claim, action, attempt, .. } in given_back {
            let (now, token) = (self.scheduler.now(), CancellationToken::new());
            let span = self.scheduler.span_of(action.id, attempt);
            let context = HandlerContext::new(action, attempt, span, now, token);
            let verdict = self.case(&context, claim).not_called();
            self.recorder.add(context, verdict);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_millis(20);

    fn after(span: Duration, ended: u32) -> Ahead {
        let since = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        Ahead { ended, since, ..Ahead::new(span) }
    }

    #[test]
    fn there_is_room_for_what_ends_in_the_span() {
        assert!((95..=100).contains(&after(SPAN, 5000).room()));
        assert_eq!(after(SPAN, 1_000_000_000).room(), 4000);
    }

    #[test]
    fn nothing_is_started_ahead_of_slow_actions() {
        assert_eq!(after(SPAN, 40).room(), 0);
        assert_eq!(Ahead::new(SPAN).room(), 0);
    }

    #[test]
    fn room_goes_when_nothing_ends_any_more() {
        let mut ahead = after(SPAN, 5000);
        assert!(ahead.room() > 0);
        ahead.since = Instant::now().checked_sub(SPAN).unwrap();
        assert_eq!(ahead.room(), 0);
    }

    #[test]
    fn without_a_span_nothing_is_ever_started_ahead() {
        assert_eq!(after(Duration::ZERO, 1_000_000).room(), 0);
    }
}
