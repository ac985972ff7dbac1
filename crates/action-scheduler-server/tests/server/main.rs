//! The server from the outside, over HTTP: one binary, a file per subject.

mod access;
mod browser;
mod api;
mod running;
