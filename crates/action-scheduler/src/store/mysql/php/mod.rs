//! What PHP and the plugin write into columns, and how we write the same: no I/O.
//!
//! | module | what |
//! |---|---|
//! | [`unserialize`], [`serialize`] | PHP's `serialize` format, to and from a plain tree of [`Value`](value::Value)s; no object is ever built |
//! | [`schedule`] | the `schedule` column: such a tree, and what it means to the engine |
//! | [`json`], [`stored_args`] | args as `json_encode` writes them, and the two columns that hold them |
//! | [`site_time`] | dates: `*_gmt` in UTC, `*_local` in the time zone of the site |

mod float;
pub(crate) mod json;
pub(crate) mod schedule;
pub(crate) mod serialize;
pub(crate) mod site_time;
pub(crate) mod stored_args;
pub(crate) mod unserialize;
pub(crate) mod value;

#[cfg(test)]
mod dump;
#[cfg(test)]
mod mutations;
