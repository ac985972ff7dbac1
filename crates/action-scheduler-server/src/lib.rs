//! The server of Action Scheduler: an HTTP API, a web admin, remote workers, metrics.
//!
//! Data flows one way: a request is identified ([`access`]), reaches a handler of the API (`api`) or a page of the admin
//! (`admin`), and these call [`action_scheduler::Scheduler`] in the name of the caller. Nothing here holds SQL.
//!
//! - `server` puts the routes together; `connections` accepts those who ask, with or without TLS.
//! - `site` is what every request gets: the scheduler and what is kept beside it.
//! - `http` is what all answers have in common: problems, limits, headers, request ids.
//! - [`access`] says who calls and what they may do: users, sessions, tokens.
//! - `api` is `/api/v1`, with its OpenAPI document; `admin` is the pages for people.
//! - `export` writes actions as files, for both.
//! - `observe` is for those who watch: metrics, health, alerts.

pub mod about;
pub mod access;
mod admin;
mod api;
pub mod config;
mod connections;
mod export;
mod http;
mod observe;
mod server;
mod site;
mod tls;

pub use config::ServerConfig;
pub use observe::alerts;
pub use server::{Server, ServerError, check, sign_in_link};
pub use tls::TlsError;
