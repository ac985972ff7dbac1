//! The actions that are kept in mind.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::headcount::Headcount;
use crate::action::{ActionId, Attempt, Priority};

/// The place of an action in claim order.
pub(in crate::store::mysql) type Rank = (Priority, Attempt, Timestamp, ActionId);

/// Some actions in claim order.
#[derive(Debug, Default)]
pub(super) struct Kept {
    ranks: BTreeSet<Rank>,
    /// The rank of each: one that has moved is not in two places.
    rank_of: HashMap<ActionId, Rank>,
    headcount: Headcount,
}

impl Kept {
    pub(super) fn len(&self) -> usize {
        self.ranks.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranks.is_empty()
    }

    pub(super) fn last(&self) -> Option<Rank> {
        self.ranks.last().copied()
    }

    pub(super) fn headcount(&self) -> Headcount {
        self.headcount
    }

    pub(super) fn has(&self, id: ActionId) -> bool {
        self.rank_of.contains_key(&id)
    }

    pub(super) fn put(&mut self, rank: Rank) {
        match self.rank_of.insert(rank.3, rank) {
            Some(old) => drop(self.ranks.remove(&old)),
            None => self.headcount.add(rank.3),
        }
        self.ranks.insert(rank);
    }

    /// Whether it was there.
    pub(super) fn leave_out(&mut self, id: ActionId) -> bool {
        let Some(rank) = self.rank_of.remove(&id) else { return false };
        self.headcount.remove(id);
        self.ranks.remove(&rank)
    }

    /// Takes the first so many out.
    pub(super) fn take(&mut self, count: usize) -> Vec<Rank> {
        let mut taken = Vec::with_capacity(count.min(self.ranks.len()));
        while taken.len() < count {
            let Some(rank) = self.ranks.pop_first() else { break };
            self.forget(rank);
            taken.push(rank);
        }
        taken
    }

    fn forget(&mut self, (.., id): Rank) {
        self.rank_of.remove(&id);
        self.headcount.remove(id);
    }

    /// Leaves out the last ones, so that no more than this are left.
    pub(super) fn cut(&mut self, count: usize) {
        while self.ranks.len() > count {
            let Some(rank) = self.ranks.pop_last() else { break };
            self.forget(rank);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(date: i64, id: i64) -> Rank {
        let date = Timestamp::from_second(date).unwrap();
        (Priority(10), Attempt(0), date, ActionId::new(id).unwrap())
    }

    #[test]
    fn an_action_that_has_moved_is_in_one_place() {
        let mut kept = Kept::default();
        kept.put(rank(5, 1));
        kept.put(rank(6, 2));
        kept.put(rank(7, 1));
        assert_eq!(kept.take(9), [rank(6, 2), rank(7, 1)]);
        assert!(kept.rank_of.is_empty());
        assert_eq!(kept.headcount(), Headcount::default());
    }

    #[test]
    fn the_last_are_cut_off() {
        let mut kept = Kept::default();
        for place in [3, 1, 2] {
            kept.put(rank(place, place));
        }
        kept.cut(2);
        assert_eq!(kept.last(), Some(rank(2, 2)));
        assert!(!kept.leave_out(ActionId::new(3).unwrap()));
        assert!(kept.leave_out(ActionId::new(1).unwrap()));
        assert_eq!(kept.len(), 1);
        let mut one = Headcount::default();
        one.add(ActionId::new(2).unwrap());
        assert_eq!(kept.headcount(), one);
    }
}
