//! Programs that create actions.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::wire::Wire;
use super::{HOOK, Options, Place, ready};

/// How many actions they created.
pub(super) async fn create(server: Place<'_>, options: &Options) -> Result<u64> {
    let wires = (0..options.connections).map(|_| Wire::connect(server.address, server.token));
    let mut wires = try_join_all(wires).await?;
    ready().await?;
    let (begun, batch) = (AtomicU64::new(0), u64::from(options.batch));
    let create = async |wire: &mut Wire| {
        let mut created = 0;
        loop {
            let from = begun.fetch_add(batch, Ordering::Relaxed);
            let count = options.actions.saturating_sub(from).min(batch);
            created += match count {
                0 => return Ok::<u64, anyhow::Error>(created),
                1 if batch == 1 => one(wire, from).await?,
                _ => many(wire, from, count).await?,
            };
        }
    };
    Ok(try_join_all(wires.iter_mut().map(create)).await?.iter().sum())
}

fn action(number: u64) -> Value {
    json!({ "hook": HOOK, "args": [number] })
}

async fn one(wire: &mut Wire, number: u64) -> Result<u64> {
    let created = wire.post("/api/v1/actions", &action(number)).await?;
    Ok(created["id"].is_u64().into())
}

async fn many(wire: &mut Wire, from: u64, count: u64) -> Result<u64> {
    let actions: Vec<Value> = (from..from + count).map(action).collect();
    let created = wire.post("/api/v1/actions/bulk", &json!({ "actions": actions })).await?;
    Ok(created["stored"].as_u64().unwrap_or_default())
}
