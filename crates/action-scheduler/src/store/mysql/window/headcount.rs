//! Counting what waits.

use crate::action::ActionId;

/// How many actions, and which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Headcount {
    pub(super) count: u64,
    /// All their ids, each bit as often as it is set in one of them: even or odd.
    pub(super) ids: u64,
}

impl Headcount {
    pub(super) fn add(&mut self, id: ActionId) {
        self.count = self.count.wrapping_add(1);
        self.ids ^= id.get().cast_unsigned();
    }

    pub(super) fn remove(&mut self, id: ActionId) {
        self.subtract(Self { count: 1, ids: id.get().cast_unsigned() });
    }

    pub(super) fn subtract(&mut self, other: Self) {
        self.count = self.count.wrapping_sub(other.count);
        self.ids ^= other.ids;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_goes_and_comes_back_makes_no_difference_and_who_is_exchanged_does() {
        let id = |number| ActionId::new(number).unwrap();
        let mut before = Headcount::default();
        before.add(id(1));
        before.add(id(2));
        let mut after = before;
        after.remove(id(1));
        assert_ne!(after, before);
        after.add(id(3));
        assert_ne!(after, before);
        after.remove(id(3));
        after.add(id(1));
        assert_eq!(after, before);
    }
}
