//! Remote workers.

use anyhow::{Result, bail};
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::wire::Wire;
use super::{HOOK, Options, Place, ready};

/// How many waited.
pub(super) async fn wait(server: Place<'_>, options: &Options) -> Result<u64> {
    let mut workers = register(server, options).await?;
    try_join_all(workers.iter_mut().map(Worker::wait)).await?;
    ready().await?;
    Ok(workers.len() as u64)
}

/// How many actions they did.
pub(super) async fn drain(server: Place<'_>, options: &Options) -> Result<u64> {
    let mut workers = register(server, options).await?;
    ready().await?;
    let drains = workers.iter_mut().map(|worker| worker.drain(options.batch));
    Ok(try_join_all(drains).await?.iter().sum())
}

async fn register(server: Place<'_>, options: &Options) -> Result<Vec<Worker>> {
    try_join_all((0..options.connections).map(|_| Worker::register(server))).await
}

struct Worker {
    wire: Wire,
    path: String,
}

impl Worker {
    async fn register(server: Place<'_>) -> Result<Self> {
        let mut wire = Wire::connect(server.address, server.token).await?;
        let known = wire.post("/api/v1/workers", &json!({ "name": "bench", "lease": 60 })).await?;
        Ok(Self { wire, path: format!("/api/v1/workers/{}", known["id"]) })
    }

    async fn wait(&mut self) -> Result<()> {
        let ask = json!({ "hooks": [HOOK], "wait": 60 });
        self.wire.send(&format!("{}/claim", self.path), &ask).await
    }

    /// How many actions it has done when there are no more.
    async fn drain(&mut self, batch: u32) -> Result<u64> {
        let ask = json!({ "hooks": [HOOK], "limit": batch });
        let (claim, report) = (format!("{}/claim", self.path), format!("{}/results", self.path));
        let mut done = 0;
        loop {
            let mut answer = self.wire.post(&claim, &ask).await?;
            let Some(Value::Array(work)) = answer.get_mut("work").map(Value::take) else {
                bail!("a claim was answered without `work`: {answer}");
            };
            if work.is_empty() {
                return Ok(done);
            }
            done += work.len() as u64;
            let results: Vec<Value> = work.iter().map(complete).collect();
            self.wire.post(&report, &json!({ "results": results })).await?;
        }
    }
}

fn complete(work: &Value) -> Value {
    json!({
        "action": work["action"],
        "claim": work["claim"],
        "attempt": work["attempt"],
        "result": "complete",
    })
}
