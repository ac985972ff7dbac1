//! Clocks, and dates as people write them.

pub mod date_text;
