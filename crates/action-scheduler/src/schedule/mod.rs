//! When an action runs: once, as soon as possible, or again and again.

pub mod cron;
