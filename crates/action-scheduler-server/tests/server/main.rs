//! The server from the outside, over HTTP: one binary, a file per subject.

mod access;
mod access_page;
mod api;
mod browser;
mod on_a_network;
mod rights;
mod running;
