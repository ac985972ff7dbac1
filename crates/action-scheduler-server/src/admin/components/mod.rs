//! What pages are made of. A component takes plain values and gives [`maud::Markup`]; it asks no store.

pub(super) mod args;
pub(super) mod chart;
pub(super) mod confirm;
pub(super) mod dates;
pub(super) mod empty;
pub(super) mod form;
pub(super) mod icon;
pub(super) mod pager;
pub(super) mod progress;
pub(super) mod status;
pub(super) mod table;
pub(super) mod text;
pub(super) mod tile;
