//! What the stores of our own layout have in common: the numbers they keep for statuses, states and schedules, and the
//! shape of their queries.

pub(super) mod args;
pub(super) mod codes;
pub(super) mod journal;
pub(super) mod recurrence;
pub(super) mod select;
