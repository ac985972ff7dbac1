//! How fast the queue of a WordPress site runs: `speed [drain] [dispatch] [latency] [sites]`, all of them unless some are
//! named. `benches/wordpress/run` calls it; for `docs/benchmarks.md`. Prints JSON.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that fails is to stop")]

mod dispatch;
mod drain;
mod latency;
mod program;
mod queue;
mod sites;

use serde_json::{Map, Value, json};

/// What the callbacks are.
const PLUGIN: &str = include_str!("plugin.php");

#[tokio::main]
async fn main() {
    let named: Vec<String> = std::env::args().skip(1).collect();
    let wants = |part: &str| named.is_empty() || named.iter().any(|name| name == part);
    let mut report = Map::new();
    let mut add = |part: &str, figures: Value| {
        eprintln!("{part}: {figures}");
        report.insert(part.to_owned(), figures);
    };
    if wants("drain") {
        add("drain", json!(drain::measure().await));
    }
    if wants("dispatch") {
        add("dispatch", json!(dispatch::measure().await));
    }
    if wants("latency") {
        add("latency", json!(latency::measure().await));
    }
    if wants("sites") {
        add("sites", json!(sites::measure().await));
    }
    println!("{:#}", Value::Object(report));
}
