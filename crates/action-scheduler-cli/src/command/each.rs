//! Changes to several things by id: each is tried, and what became of each is told.

use std::fmt::Display;

use action_scheduler::{Error, Result as SchedulerResult};
use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::{FAILED, Told};
use crate::output::{self, note};

/// Changes one after another; `done` says what became of one.
pub async fn change_each<Id: Copy + Serialize, T: Display>(
    ids: &[Id],
    json: bool,
    change: impl AsyncFn(Id) -> SchedulerResult<()>,
    done: impl Fn(Id) -> T,
) -> Result<()> {
    let mut told = Each::new(json);
    for id in ids {
        match change(*id).await {
            Ok(()) => told.done(id, json!({}), done(*id))?,
            Err(error) => told.failed(id, error)?,
        }
    }
    told.finish()
}

/// What became of each: lines as they come, or one array of {"id":…,"ok":…,"error":…} in the end.
pub struct Each {
    json: bool,
    rows: Vec<Value>,
    failed: bool,
}

impl Each {
    /// Nothing has been tried yet.
    pub fn new(json: bool) -> Self {
        Self { json, rows: Vec::new(), failed: false }
    }

    /// It was done; `more` is what else there is to say of it in JSON.
    pub fn done(&mut self, id: impl Serialize, more: Value, text: impl Display) -> Result<()> {
        if !self.json {
            return output::print(&text.to_string());
        }
        let mut row = json!({ "id": id, "ok": true, "error": null });
        if let (Value::Object(row), Value::Object(more)) = (&mut row, more) {
            row.extend(more);
        }
        self.rows.push(row);
        Ok(())
    }

    /// It could not be done. That is no reason to leave the others, unless the store is at fault.
    pub fn failed(&mut self, id: impl Serialize, error: Error) -> Result<()> {
        if let Error::Store(_) = error {
            return Err(error.into());
        }
        self.failed = true;
        match self.json {
            true => {
                self.rows.push(json!({ "id": id, "ok": false, "error": error.to_string() }));
            }
            false => note(format_args!("error: {error}")),
        }
        Ok(())
    }

    /// The end: a failure, when one of them failed.
    pub fn finish(self) -> Result<()> {
        if self.json {
            output::print(&output::json(&self.rows)?)?;
        }
        if self.failed { Err(Told(FAILED).into()) } else { Ok(()) }
    }
}
