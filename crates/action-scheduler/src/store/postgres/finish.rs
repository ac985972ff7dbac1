//! Recording how attempts came out, and continuing chains.

use std::collections::{HashMap, HashSet};

use super::PostgresStore;
use super::call::Call;
use super::rounds::{Placed, rounds};
use super::row;
use super::text::stored;
use crate::action::{ActionId, ChainId};
use crate::error::Result;
use crate::log::Context;
use crate::store::{Finish, Outcome, Recorded};

fn code(outcome: Outcome) -> i16 {
    match outcome {
        Outcome::Complete => 0,
        Outcome::Failed => 1,
        Outcome::TimedOut => 2,
        Outcome::Retry { .. } => 3,
        Outcome::NotCalled => 4,
        Outcome::Crashed => 5,
        Outcome::CrashedRetry { .. } => 6,
    }
}

fn date(outcome: Outcome) -> Option<i64> {
    match outcome {
        Outcome::Retry { at } | Outcome::CrashedRetry { at } => Some(at.as_microsecond()),
        Outcome::Complete
        | Outcome::Failed
        | Outcome::TimedOut
        | Outcome::NotCalled
        | Outcome::Crashed => None,
    }
}

/// What the log says if the result comes too late.
fn late(finish: &Finish) -> String {
    format!("attempt {} {}, but was no longer in charge", finish.attempt, finish.outcome.in_words())
}

/// A part of the results that is recorded by one call.
struct Part<'a> {
    finishes: Vec<Placed<'a, Finish>>,
    is_plain: bool,
}

impl PostgresStore {
    pub(super) async fn finish_all(
        &self,
        finishes: &[Finish],
        context: &Context,
    ) -> Result<Vec<Recorded>> {
        let doing = "recording results";
        if finishes.is_empty() {
            return Ok(Vec::new());
        }
        let chain = |finish: &Finish| finish.succession.map(|succession| succession.chain.get());
        let mut parts = Vec::new();
        for round in rounds(finishes, |finish| [Some(finish.action.get()), chain(finish)]) {
            let (plain, other): (Vec<_>, Vec<_>) =
                round.into_iter().partition(|(_, finish)| finish.is_plain());
            parts.push(Part { finishes: plain, is_plain: true });
            parts.push(Part { finishes: other, is_plain: false });
        }
        parts.retain(|part| !part.finishes.is_empty());
        let calls: Vec<Call> = parts.iter().map(|part| self.finish_call(part, context)).collect();
        let answers = self.database.write(doing, &calls).await?;
        let mut recorded = vec![Recorded::Superseded; finishes.len()];
        for (part, rows) in parts.iter().zip(&answers) {
            let told = match part.is_plain {
                true => self.plain_answers(doing, rows)?,
                false => self.answers(doing, rows)?,
            };
            for (place, finish) in &part.finishes {
                if let (Some(answer), Some(slot)) =
                    (told.get(&finish.action.get()), recorded.get_mut(*place))
                {
                    *slot = *answer;
                }
            }
        }
        self.follow(finishes, &recorded);
        Ok(recorded)
    }

    fn finish_call(&self, part: &Part<'_>, context: &Context) -> Call {
        let now = self.stamp().as_microsecond();
        let finishes = || part.finishes.iter().map(|(_, finish)| *finish);
        let name = if part.is_plain { "complete_actions" } else { "finish_actions" };
        let call = self
            .database
            .function(name)
            .with(finishes().map(|finish| finish.action.get()).collect::<Vec<_>>())
            .with(finishes().map(|finish| finish.claim.get()).collect::<Vec<_>>())
            .with(finishes().map(|finish| finish.attempt.0.cast_signed()).collect::<Vec<_>>());
        if part.is_plain {
            return call
                .with(finishes().map(|finish| !finish.entries.is_empty()).collect::<Vec<_>>())
                .with(finishes().map(late).collect::<Vec<_>>())
                .with(now)
                .with(context.as_str().to_owned());
        }
        let succession = || finishes().map(|finish| finish.succession.as_ref());
        let count = |finish: &Finish| i32::try_from(finish.entries.len()).unwrap_or(i32::MAX);
        let entries = || {
            (1..).zip(finishes()).flat_map(|(place, finish)| {
                (1..).zip(&finish.entries).map(move |(order, entry)| (place, order, entry))
            })
        };
        call.with(finishes().map(|finish| code(finish.outcome)).collect::<Vec<_>>())
            .with(finishes().map(|finish| date(finish.outcome)).collect::<Vec<_>>())
            .with(finishes().map(count).collect::<Vec<_>>())
            .with(finishes().map(late).collect::<Vec<_>>())
            .with(succession().map(|then| then.map(|then| then.chain.get())).collect::<Vec<_>>())
            .with(
                succession()
                    .map(|then| then.and_then(|then| then.next).map(|next| next.as_microsecond()))
                    .collect::<Vec<_>>(),
            )
            .with(
                succession()
                    .map(|then| then.and_then(|then| then.failure_threshold).map(i64::from))
                    .collect::<Vec<_>>(),
            )
            .with(entries().map(|(place, ..)| place).collect::<Vec<i32>>())
            .with(entries().map(|(_, order, _)| order).collect::<Vec<i32>>())
            .with(
                entries()
                    .map(|(.., entry)| entry.at.map(|at| at.as_microsecond()))
                    .collect::<Vec<_>>(),
            )
            .with(entries().map(|(.., entry)| i16::from(entry.step.code())).collect::<Vec<_>>())
            .with(
                entries()
                    .map(|(.., entry)| {
                        entry.message.as_deref().map(|text| stored(text).into_owned())
                    })
                    .collect::<Vec<_>>(),
            )
            .with(now)
            .with(context.as_str().to_owned())
    }

    fn plain_answers(
        &self,
        doing: &str,
        rows: &[tokio_postgres::Row],
    ) -> Result<HashMap<i64, Recorded>> {
        let mut recorded = HashSet::new();
        for row in rows {
            recorded.extend(self.read(doing, row::get::<Vec<i64>>(row, 0))?);
        }
        let yes = Recorded::Yes { next: None, paused: None };
        Ok(recorded.into_iter().map(|id| (id, yes)).collect())
    }

    fn answers(&self, doing: &str, rows: &[tokio_postgres::Row]) -> Result<HashMap<i64, Recorded>> {
        let mut answers = HashMap::with_capacity(rows.len());
        for row in rows {
            if self.read(doing, row::get(row, 1))? {
                let next: Option<i64> = self.read(doing, row::get(row, 2))?;
                let paused: Option<i64> = self.read(doing, row::get(row, 3))?;
                let answer = Recorded::Yes {
                    next: next.and_then(ActionId::new),
                    paused: paused.and_then(ChainId::new),
                };
                answers.insert(self.read(doing, row::get(row, 0))?, answer);
            }
        }
        Ok(answers)
    }

    /// Sees to what came (back) into the queue.
    fn follow(&self, finishes: &[Finish], recorded: &[Recorded]) {
        let mut wakes = false;
        for (finish, recorded) in finishes.iter().zip(recorded) {
            let Recorded::Yes { next, .. } = recorded else { continue };
            match finish.outcome {
                Outcome::Retry { at } | Outcome::CrashedRetry { at } => self.arrive(at),
                Outcome::NotCalled => self.come_back(),
                _ if next.is_none() => continue,
                _ => {}
            }
            if let Some(date) =
                finish.succession.and_then(|then| then.next).filter(|_| next.is_some())
            {
                self.arrive(date);
            }
            wakes = true;
        }
        if wakes {
            self.wakes.wake();
        }
    }
}
