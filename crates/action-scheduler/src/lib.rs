//! A durable, traceable scheduler for hooks.

pub mod schedule;
pub mod time;
