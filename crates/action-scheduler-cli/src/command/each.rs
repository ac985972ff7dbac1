//! Changes to several things: each of some ids is tried, and what became of it is told; or all that a query asks for are
//! changed, and counted.

use std::fmt::Display;

use action_scheduler::scheduler::Deed;
use action_scheduler::{Error, Query, Result as SchedulerResult, Scheduler};
use anyhow::Result;
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::{FAILED, Told};
use crate::output::{self, note};
use crate::terminal::{progress, with_total};

/// Does something to all actions that a query asks for, with a progress bar. Says to how many it was done.
pub async fn do_to_all(scheduler: &Scheduler, query: Query, deed: Deed) -> Result<u64> {
    let bar = progress(None);
    // A total costs a look at all of them, which is worth it where somebody watches.
    if !bar.is_hidden() {
        with_total(&bar, scheduler.count(query.clone()).await?);
    }
    let mut bulk = scheduler.do_to_all(query, deed);
    let mut done = 0;
    let outcome = loop {
        match bulk.next().await {
            Ok(Some(so_far)) => {
                done = so_far.done;
                bar.set_position(so_far.done + so_far.passed_over);
            }
            Ok(None) => break Ok(done),
            Err(error) => break Err(error.into()),
        }
    };
    bar.finish_and_clear();
    outcome
}

/// Changes one after another; `done` says what became of one.
pub async fn change_each<Id: Copy + Serialize, T: Display>(
    ids: &[Id],
    json: bool,
    change: impl AsyncFn(Id) -> SchedulerResult<()>,
    done: impl Fn(Id) -> T,
) -> Result<()> {
    let mut told = Each::new(json);
    // Lines that come one after the other are a progress of their own.
    let bar = match json {
        true => progress(Some(ids.len() as u64)),
        false => ProgressBar::hidden(),
    };
    for id in bar.wrap_iter(ids.iter()) {
        match change(*id).await {
            Ok(()) => told.done(id, json!({}), done(*id))?,
            Err(error) => told.failed(id, error)?,
        }
    }
    bar.finish_and_clear();
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
