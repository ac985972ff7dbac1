//! The server from the outside, over HTTP: one binary, a file per subject.

mod access;
mod admin;
mod api;
mod browser;
mod running;
