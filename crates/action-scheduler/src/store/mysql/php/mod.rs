//! What PHP and the plugin write into columns, and how we write the same: no I/O.
//!
//! | module | what |
//! |---|---|
//! | [`unserialize`], [`serialize`] | PHP's `serialize` format, to and from a plain tree of [`Value`](value::Value)s; no object is ever built |

mod float;
pub(crate) mod serialize;
pub(crate) mod unserialize;
pub(crate) mod value;
