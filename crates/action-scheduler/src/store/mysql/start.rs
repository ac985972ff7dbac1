//! Starting what is claimed.

use std::collections::HashMap;

use super::claim::last_attempt;
use super::error::Outcome;
use super::log::{self, Entry};
use super::row::{self, Columns};
use super::sql::{List, Micros, Rows};
use super::transaction::Write;
use crate::action::{ActionId, Attempt, ClaimId, Status};
use crate::log::{Context, Step};
use crate::store::{Start, Started};

pub(super) async fn start(
    write: &mut Write<'_>,
    starts: &[Start],
    context: &Context,
) -> Outcome<Vec<Started>> {
    if starts.is_empty() {
        return Ok(Vec::new());
    }
    let tables = write.tables();
    // By primary key, as all that follows.
    let sql = format!(
        "SELECT action_id, status, claim_id, attempts FROM {} WHERE action_id IN {} ORDER BY action_id FOR UPDATE",
        tables.actions,
        List(starts.iter().map(|start| start.action))
    );
    let mut present: HashMap<ActionId, (Status, Option<ClaimId>, Attempt)> = HashMap::new();
    for row in write.rows(&sql).await? {
        let state = (row::status(row.text(1)?), row.claim_id(2)?, Attempt(row.number(3)?));
        present.insert(row.action_id(0)?, state);
    }
    let mut answers = Vec::with_capacity(starts.len());
    let mut started = Vec::with_capacity(starts.len());
    let mut entries = Vec::with_capacity(starts.len());
    for Start { action, claim, log } in starts {
        match present.get_mut(action) {
            Some((status @ Status::Pending, held, attempts)) if *held == Some(*claim) => {
                *status = Status::InProgress;
                *attempts = attempts.next();
                answers.push(Started::Yes(*attempts));
                started.push(*action);
                if *log {
                    let entry = Entry::new(*action, write.now, Step::Started);
                    entries.push(entry.attempt(Some(*attempts)).by(context));
                }
            }
            Some((status, ..)) => {
                answers.push(Started::Ignored);
                let message = match status {
                    Status::Pending => "it is not held by this claim".to_owned(),
                    status => format!("it is {status}"),
                };
                let entry = Entry::new(*action, write.now, Step::Ignored);
                entries.push(entry.by(context).saying(Some(message)));
            }
            None => answers.push(Started::Ignored),
        }
    }
    if !started.is_empty() {
        let update = format!(
            "UPDATE {} SET status = 'in-progress', attempts = attempts + 1, {} WHERE action_id IN {}",
            tables.actions,
            last_attempt(write),
            List(started.iter())
        );
        write.later(&update).await?;
        let now = Micros(write.now).to_string();
        let mut times =
            Rows::new(format_args!("INSERT INTO {} (action_id, started_at)", tables.times));
        for id in &started {
            times.push(format_args!("{id},{now}"));
        }
        // What the plugin stored has no row yet.
        let times = times.end(" ON DUPLICATE KEY UPDATE started_at = VALUES(started_at), finished_at = NULL, timed_out = 0");
        write.later(&times).await?;
    }
    log::write(write, &entries).await?;
    Ok(answers)
}
