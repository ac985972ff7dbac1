//! Where the queue begins.
//!
//! While a transaction elsewhere is open for long, PostgreSQL keeps every row that was claimed since, and each claim walks
//! over all of them to the first that still waits. So a store remembers where its last batch ended, for each
//! (priority, attempts), and begins there. What comes in before that place is seen to: what this store stores or gives
//! back itself moves the place, and what others do is found by a walk from the very beginning, made beside the claims, as
//! often as costs a twentieth of the time. As long as it is quick, which is nearly always, each claim is such a walk.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::store::ClaimFilter;

/// A walk that is no longer than this is made each time.
const QUICK: Duration = Duration::from_millis(2);

/// What it takes to find one row of a batch, at most.
const PER_ROW: Duration = Duration::from_micros(20);

/// A walk from the beginning is made when it was so many times its cost ago.
const SHARE: u32 = 20;

/// How many filters are remembered: a runner has one.
const FILTERS: usize = 16;

/// (priority, attempts)
pub(super) type Rank = (i32, i32);

/// (scheduled date, id)
pub(super) type Place = (i64, i64);

/// Where the queue begins, for each filter.
#[derive(Default)]
pub(super) struct Frontier(Vec<Front>);

/// Where the queue begins for who claims with one filter.
struct Front {
    filter: ClaimFilter,
    marks: BTreeMap<Rank, Place>,
    /// What the last walk from the beginning took, and when it ended.
    cost: Duration,
    walked: Instant,
    /// Whether one is being made beside the claims.
    is_walking: bool,
    /// The first date that came in since the claim under way began.
    arrived: Option<i64>,
}

/// How a claim searches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Search {
    /// The places to begin at; none is the very beginning.
    pub(super) marks: Vec<(Rank, Place)>,
}

impl Frontier {
    fn front(&mut self, filter: &ClaimFilter) -> &mut Front {
        let place = self.0.iter().position(|front| front.filter == *filter);
        let place = place.unwrap_or_else(|| {
            if self.0.len() >= FILTERS {
                self.0.remove(0);
            }
            self.0.push(Front {
                filter: filter.clone(),
                marks: BTreeMap::new(),
                cost: Duration::ZERO,
                walked: Instant::now(),
                is_walking: false,
                arrived: None,
            });
            self.0.len() - 1
        });
        // It was found or put there just now.
        &mut self.0[place]
    }

    /// How to search for the next batch.
    pub(super) fn begin(&mut self, filter: &ClaimFilter) -> Search {
        self.front(filter).arrived = None;
        self.look(filter)
    }

    /// How to search without taking anything.
    pub(super) fn look(&mut self, filter: &ClaimFilter) -> Search {
        let front = self.front(filter);
        let marks = match front.cost <= QUICK {
            true => Vec::new(),
            false => front.marks.iter().map(|(rank, place)| (*rank, *place)).collect(),
        };
        Search { marks }
    }

    /// Whether it is time for a walk beside the claims; if so, it is taken to be under way until its end is told by
    /// [`Frontier::walked`] or [`Frontier::turned_back`].
    pub(super) fn sets_out(&mut self, filter: &ClaimFilter) -> bool {
        let front = self.front(filter);
        let is_due = front.cost > QUICK && front.walked.elapsed() >= front.cost * SHARE;
        let sets_out = is_due && !front.is_walking;
        front.is_walking |= sets_out;
        sets_out
    }

    /// A walk beside the claims has taken so long, and found these to be the first that wait in each rank.
    pub(super) fn walked(
        &mut self,
        filter: &ClaimFilter,
        took: Duration,
        first: impl Iterator<Item = (Rank, Place)>,
    ) {
        let front = self.front(filter);
        for (rank, first) in first {
            // Where there is none, a claim looks for the rank itself.
            if let Some(place) = front.marks.get_mut(&rank) {
                *place = first.min(*place);
            }
        }
        front.cost = took;
        self.turned_back(filter);
    }

    /// A walk beside the claims has found nothing out.
    pub(super) fn turned_back(&mut self, filter: &ClaimFilter) {
        let front = self.front(filter);
        front.walked = Instant::now();
        front.is_walking = false;
    }

    /// Learns from a batch how long it took to find, and where in each rank it ended.
    pub(super) fn learn(
        &mut self,
        filter: &ClaimFilter,
        search: &Search,
        took: Duration,
        rows: impl Iterator<Item = (Rank, Place)>,
    ) {
        let front = self.front(filter);
        let mut count = 0;
        for (rank, place) in rows {
            count += 1;
            let place = match front.arrived {
                Some(date) => place.min((date, 0)),
                None => place,
            };
            front.marks.insert(rank, place);
        }
        if search.marks.is_empty() {
            front.cost = took.saturating_sub(PER_ROW * count);
            front.walked = Instant::now();
        }
    }

    /// Something came in at this date.
    pub(super) fn arrive(&mut self, date: Timestamp) {
        let date = date.as_microsecond();
        for front in &mut self.0 {
            front.arrived = Some(front.arrived.map_or(date, |arrived| arrived.min(date)));
            for place in front.marks.values_mut() {
                *place = (*place).min((date, 0));
            }
        }
    }

    /// Something came in, and there is no telling where.
    pub(super) fn forget(&mut self) {
        self.arrive(Timestamp::MIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANK: Rank = (10, 0);

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_microsecond(micros).unwrap()
    }

    fn slow_frontier(filter: &ClaimFilter) -> Frontier {
        let mut frontier = Frontier::default();
        let search = frontier.begin(filter);
        let rows = [(RANK, (100, 1)), (RANK, (200, 2))];
        frontier.learn(filter, &search, Duration::from_secs(1), rows.into_iter());
        frontier
    }

    #[test]
    fn quick_walks_are_made_from_the_beginning_each_time() {
        let filter = ClaimFilter::default();
        let mut frontier = Frontier::default();
        for _ in 0..3 {
            let search = frontier.begin(&filter);
            assert!(search.marks.is_empty());
            let took = Duration::from_micros(100);
            frontier.learn(&filter, &search, took, [(RANK, (1, 1))].into_iter());
        }
    }

    #[test]
    fn after_a_slow_walk_the_search_begins_where_the_batch_ended() {
        let filter = ClaimFilter::default();
        let mut frontier = slow_frontier(&filter);
        assert_eq!(frontier.begin(&filter).marks, [(RANK, (200, 2))]);
    }

    #[test]
    fn slow_walks_are_made_beside_the_claims_one_at_a_time() {
        let filter = ClaimFilter::default();
        let mut frontier = slow_frontier(&filter);
        assert!(!frontier.sets_out(&filter), "there was one just now");
        frontier.front(&filter).walked -= Duration::from_secs(20);
        assert!(frontier.sets_out(&filter));
        assert!(!frontier.sets_out(&filter), "it is under way");
        assert_eq!(frontier.begin(&filter).marks, [(RANK, (200, 2))]);
        let first = [(RANK, (50, 1)), ((20, 0), (10, 1))];
        frontier.walked(&filter, Duration::from_secs(2), first.into_iter());
        assert_eq!(frontier.begin(&filter).marks, [(RANK, (50, 1))]);
        assert!(!frontier.sets_out(&filter));
        frontier.front(&filter).walked -= Duration::from_secs(40);
        assert!(frontier.sets_out(&filter));
        frontier.turned_back(&filter);
        assert_eq!(frontier.begin(&filter).marks, [(RANK, (50, 1))]);
        assert!(!frontier.sets_out(&filter));
    }

    #[test]
    fn claims_walk_themselves_once_it_is_quick_again() {
        let filter = ClaimFilter::default();
        let mut frontier = slow_frontier(&filter);
        frontier.walked(&filter, Duration::from_millis(1), std::iter::empty());
        assert!(frontier.begin(&filter).marks.is_empty());
        assert!(!frontier.sets_out(&filter));
    }

    #[test]
    fn what_comes_in_before_the_place_moves_it() {
        let filter = ClaimFilter::default();
        let mut frontier = slow_frontier(&filter);
        frontier.arrive(at(300));
        assert_eq!(frontier.begin(&filter).marks, [(RANK, (200, 2))]);
        frontier.arrive(at(150));
        assert_eq!(frontier.begin(&filter).marks, [(RANK, (150, 0))]);
    }

    #[test]
    fn what_comes_in_during_a_claim_is_not_passed_over() {
        let filter = ClaimFilter::default();
        let mut frontier = slow_frontier(&filter);
        let search = frontier.begin(&filter);
        frontier.arrive(at(250));
        let rows = [(RANK, (400, 4))].into_iter();
        frontier.learn(&filter, &search, Duration::from_millis(1), rows);
        assert_eq!(frontier.begin(&filter).marks, [(RANK, (250, 0))]);
    }
}
