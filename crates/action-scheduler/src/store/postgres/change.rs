//! Canceling, deleting, putting back into the queue; and what people write into the log.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::PostgresStore;
use super::call::Call;
use super::claim::numbers;
use super::rounds::rounds;
use super::row;
use super::select::{self, Found};
use super::text::stored;
use crate::action::{ActionId, Status};
use crate::error::Result;
use crate::log::{Context, NewLogEntry};
use crate::store::native::codes::status_of;
use crate::store::{Change, Requeue, Target};

/// What is done to the actions of a [`Target`].
enum Doing<'a> {
    Cancel { reason: Option<&'a str>, context: &'a Context },
    Delete,
    Requeue { to: Requeue, context: &'a Context },
}

impl Doing<'_> {
    fn in_words(&self) -> &'static str {
        match self {
            Doing::Cancel { .. } => "canceling actions",
            Doing::Delete => "deleting actions",
            Doing::Requeue { .. } => "putting actions back into the queue",
        }
    }

    fn allows(&self, status: Status) -> bool {
        match self {
            Doing::Cancel { .. } => !status.is_finished(),
            Doing::Delete => status != Status::InProgress,
            Doing::Requeue { to, .. } => to.allowed().contains(&status),
        }
    }
}

impl PostgresStore {
    pub(super) async fn cancel_all(
        &self,
        target: &Target,
        reason: Option<&str>,
        context: &Context,
    ) -> Result<Vec<Change>> {
        self.change(target, &Doing::Cancel { reason, context }).await
    }

    pub(super) async fn delete_all(&self, target: &Target) -> Result<Vec<Change>> {
        self.change(target, &Doing::Delete).await
    }

    async fn change(&self, target: &Target, what: &Doing<'_>) -> Result<Vec<Change>> {
        let ids = match target {
            Target::Ids(ids) => ids,
            Target::Matching(query) => {
                // The query's limit is to count what can be changed.
                let wanted =
                    |status: &Status| query.statuses.is_empty() || query.statuses.contains(status);
                let statuses: Vec<Status> = Status::ALL
                    .into_iter()
                    .filter(|status| what.allows(*status) && wanted(status))
                    .collect();
                if statuses.is_empty() {
                    return Ok(Vec::new());
                }
                let mut query = (**query).clone();
                query.statuses = statuses;
                let call = match self.find(&query).await? {
                    Found::Nothing => return Ok(Vec::new()),
                    Found::Statement(select) => {
                        let ids = format!("ARRAY(SELECT id FROM ({}) AS wanted)", select.sql);
                        self.change_call(select.into_call_in(ids), what)
                    }
                    Found::Ids(ids) => self.change_call(PlaceOfIds::Given(ids), what),
                };
                let answers = self.database.write_slowly(what.in_words(), &[call]).await?;
                let changes =
                    answers.iter().flatten().map(|row| self.changed(what.in_words(), row));
                let changes = changes.collect::<Result<Vec<_>>>()?;
                return Ok(changes
                    .into_iter()
                    .map(|(_, change)| change)
                    .filter(|change| matches!(change, Change::Done(_)))
                    .collect());
            }
        };
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rounds = rounds(ids, |id| [Some(id.get())]);
        let calls: Vec<Call> = rounds
            .iter()
            .map(|round| {
                let ids = round.iter().map(|(_, id)| id.get()).collect();
                self.change_call(PlaceOfIds::Given(ids), what)
            })
            .collect();
        let answers = self.database.write_slowly(what.in_words(), &calls).await?;
        let mut changes: Vec<Change> = ids.iter().map(|id| Change::Missing(*id)).collect();
        for (round, rows) in rounds.iter().zip(&answers) {
            let told = rows.iter().map(|row| self.changed(what.in_words(), row));
            let told = told.collect::<Result<HashMap<_, _>>>()?;
            for (place, id) in round {
                if let (Some(change), Some(slot)) = (told.get(id), changes.get_mut(*place)) {
                    *slot = *change;
                }
            }
        }
        Ok(changes)
    }

    fn change_call(&self, ids: PlaceOfIds, what: &Doing<'_>) -> Call {
        let now = self.stamp();
        let name = match what {
            Doing::Cancel { .. } => "cancel_actions",
            Doing::Delete => "delete_actions",
            Doing::Requeue { .. } => "requeue_actions",
        };
        let call = match ids {
            PlaceOfIds::Given(ids) => self.database.function(name).with(ids),
            PlaceOfIds::Selected { call, ids } => call.into_function_of(name, ids),
        };
        match what {
            Doing::Cancel { reason, context } => call
                .with(reason.map(|reason| stored(reason).into_owned()))
                .with(now.as_microsecond())
                .with(context.as_str().to_owned()),
            Doing::Delete => call,
            Doing::Requeue { to, context } => {
                let (code, date) = match *to {
                    Requeue::Rerun => (0, now),
                    Requeue::RunNow => (1, now),
                    Requeue::At(date) => (2, date),
                };
                call.with(code)
                    .with(date.as_microsecond())
                    .with(now.as_microsecond())
                    .with(context.as_str().to_owned())
            }
        }
    }

    fn changed(&self, doing: &str, row: &Row) -> Result<(ActionId, Change)> {
        let id = self.read(doing, row::action_id(row, 0))?;
        let change = match self.read(doing, row::get(row, 2))? {
            true => Change::Done(id),
            false => Change::Refused(id, self.read(doing, status(row, 1))?),
        };
        Ok((id, change))
    }

    pub(super) async fn requeue_all(
        &self,
        target: Target,
        to: Requeue,
        context: &Context,
    ) -> Result<Vec<Change>> {
        let Some(target) = to.narrow(target) else { return Ok(Vec::new()) };
        let earliest = match to {
            Requeue::Rerun | Requeue::RunNow => self.stamp(),
            Requeue::At(date) => date,
        };
        let changes = self.change(&target, &Doing::Requeue { to, context }).await?;
        if changes.iter().any(|change| matches!(change, Change::Done(_))) {
            self.arrive(earliest);
            self.wakes.wake();
        }
        Ok(changes)
    }

    pub(super) async fn append_entries(
        &self,
        entries: &[(ActionId, NewLogEntry)],
        context: &Context,
    ) -> Result<()> {
        let ids: Vec<ActionId> = entries.iter().map(|(id, _)| *id).collect();
        let entries = || entries.iter().map(|(_, entry)| entry);
        let call = self
            .database
            .function("append_log")
            .with(numbers(&ids))
            .with(entries().map(|entry| entry.at.map(|at| at.as_microsecond())).collect::<Vec<_>>())
            .with(entries().map(|entry| i16::from(entry.step.code())).collect::<Vec<_>>())
            .with(
                entries()
                    .map(|entry| entry.message.as_deref().map(|text| stored(text).into_owned()))
                    .collect::<Vec<_>>(),
            )
            .with(self.stamp().as_microsecond())
            .with(context.as_str().to_owned());
        self.database.write("writing the log", &[call]).await?;
        Ok(())
    }
}

/// Where the ids of actions to be changed come from.
pub(super) enum PlaceOfIds {
    Given(Vec<i64>),
    /// An expression over the parameters of a call.
    Selected {
        call: select::Selection,
        ids: String,
    },
}

fn status(row: &Row, column: usize) -> Result<Status, String> {
    let code: i16 = row::get(row, column)?;
    status_of(code.into()).ok_or_else(|| format!("{code} is no status"))
}
