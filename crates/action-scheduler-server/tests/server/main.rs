//! The server from the outside, over HTTP: one binary, a file per subject.

mod access;
mod access_page;
mod admin;
mod api;
mod browser;
mod on_a_network;
mod pages;
mod rights;
mod running;
