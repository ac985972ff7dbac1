//! Clocks that were set back.

use jiff::Timestamp;

/// The times that a store has seen, by which it notices that its clock was set back.
///
/// What is to run as soon as possible is dated when it is stored. Once the clock was set back that date lies ahead, and
/// the action must not wait until the clock shows it again: a claim first dates such actions anew.
#[derive(Debug)]
pub(super) struct SeenTimes {
    /// The latest time that was ever seen.
    latest: Timestamp,
    /// No action that waits to run as soon as possible is dated later than this.
    dated_until: Timestamp,
    /// How often actions have come back that may be dated later.
    came_back: u64,
}

/// What a claim has to date anew; see [`SeenTimes::behind`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Behind {
    /// Up to which date there may be such actions.
    pub until: Timestamp,
    came_back: u64,
}

impl SeenTimes {
    /// For a store whose newest action was stored at this time.
    pub fn since(newest: Timestamp) -> Self {
        Self { latest: newest, dated_until: newest, came_back: 0 }
    }

    /// The clock shows this time, and something may be stored that is dated so.
    pub fn see(&mut self, now: Timestamp) {
        self.latest = self.latest.max(now);
        self.dated_until = self.dated_until.max(now);
    }

    /// Something is back in the queue, and may have been dated before the clock was set back.
    pub fn came_back(&mut self) {
        self.dated_until = self.latest;
        self.came_back += 1;
    }

    /// What is to be dated anew at this time, if the clock was set back.
    pub fn behind(&self, now: Timestamp) -> Option<Behind> {
        let (until, came_back) = (self.dated_until, self.came_back);
        (now < until).then_some(Behind { until, came_back })
    }

    /// It was dated anew, to this time. What came back meanwhile is left for the next claim.
    pub fn dated_anew(&mut self, behind: Behind, now: Timestamp) {
        if behind.came_back == self.came_back {
            self.dated_until = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_clock_that_goes_on_has_nothing_dated_anew() {
        let mut times = SeenTimes::since(at(10));
        assert!(times.behind(at(10)).is_none());
        times.see(at(20));
        times.came_back();
        assert!(times.behind(at(20)).is_none());
    }

    #[test]
    fn a_clock_set_back_has_all_dated_anew_once() {
        let mut times = SeenTimes::since(at(10));
        times.see(at(20));
        let behind = times.behind(at(5)).unwrap();
        assert_eq!(behind.until, at(20));
        times.dated_anew(behind, at(5));
        assert!(times.behind(at(5)).is_none());
        times.see(at(8));
        assert_eq!(times.behind(at(7)).unwrap().until, at(8));
    }

    #[test]
    fn what_comes_back_is_dated_anew_though_the_rest_was() {
        let mut times = SeenTimes::since(at(20));
        times.dated_anew(times.behind(at(5)).unwrap(), at(5));
        times.came_back();
        assert_eq!(times.behind(at(6)).unwrap().until, at(20));
    }

    #[test]
    fn what_comes_back_while_others_are_dated_anew_is_not_forgotten() {
        let mut times = SeenTimes::since(at(20));
        let behind = times.behind(at(5)).unwrap();
        times.came_back();
        times.dated_anew(behind, at(5));
        assert_eq!(times.behind(at(6)).unwrap().until, at(20));
    }
}
