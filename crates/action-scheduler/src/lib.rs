//! A durable, traceable scheduler for hooks.

pub mod action;
pub mod args;
pub mod bench;
pub mod cleaner;
pub mod error;
pub mod figures;
pub mod handler;
pub mod log;
pub mod migrate;
pub mod observer;
mod outgoing;
pub mod policy;
pub mod query;
pub mod remote;
pub mod runner;
pub mod schedule;
pub mod scheduler;
pub mod store;
pub mod text;
pub mod time;
pub mod trace;

pub use action::{
    Action, ActionId, Attempt, ChainId, ClaimId, Group, Hook, NewAction, Priority, RunnerId,
    Status, Unique,
};
pub use args::Args;
pub use cleaner::{CleanOptions, CleanReport, Cleaner};
pub use error::{Error, Invalid, Result, StoreError, StoreErrorKind};
pub use figures::{FigureKeeper, KeptFigures};
pub use handler::{Failure, Handler, HandlerContext};
pub use log::{Context, LogEntry, Step};
pub use observer::{Event, Observer, StoreCall};
pub use policy::{Policies, Policy};
pub use query::Query;
pub use remote::RemoteWorkers;
pub use runner::{Runner, RunnerConfig, Shutdown};
pub use schedule::Schedule;
pub use scheduler::Scheduler;
pub use store::Store;

/// The Rust examples of the manual, compiled and run with those of this crate.
#[cfg(doctest)]
mod manual {
    #[doc = include_str!("../../../README.md")]
    mod readme {}
    #[doc = include_str!("../../../docs/library.md")]
    mod library {}
    #[doc = include_str!("../../../docs/handlers.md")]
    mod handlers {}
}
