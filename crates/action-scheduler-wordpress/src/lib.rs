//! Action Scheduler for WordPress: takes over the queue of a live site.
//!
//! [`site`] finds an installation of WordPress and the sites it serves; [`config`] says where their database is.
//! [`PhpWorkers`] runs actions in warm PHP processes that have loaded a site; it is a handler for all its hooks.
//! [`attach`] runs the queues of one site or of many. [`import`] moves what the plugin's first versions kept as posts.

pub mod attach;
pub mod bridge;
pub mod config;
pub mod database;
pub mod doctor;
pub mod import;
pub mod php;
mod pool;
pub mod site;
pub mod tables;
mod worker;

pub use pool::{Health, PhpWorkers, WorkerLimit, WorkerSettings};
pub use worker::{LoadError, PostsUse, Ready};
