//! Claiming, starting, giving back.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;

use super::PostgresStore;
use super::call::Call;
use super::frontier::Search;
use super::rounds::rounds;
use super::row;
use crate::action::{ActionId, Attempt, ClaimId};
use crate::error::{Error, Result, StoreErrorKind};
use crate::log::Context;
use crate::store::patterns::like;
use crate::store::set_back::SeenTimes;
use crate::store::{
    Claim, ClaimFilter, ClaimRequest, ClaimedAction, Claiming, Pick, Start, Started,
};

/// How many claims before the first open one are looked at all the same: they may have been numbered before it and
/// committed after it.
const NUMBERED_EARLIER: i64 = 100;

/// A [`ClaimFilter`] in numbers: a name that is not stored has no actions.
#[derive(Clone)]
pub(super) struct NumberedFilter {
    pub(super) hooks: Option<Vec<i32>>,
    pub(super) group: Option<i32>,
    pub(super) not_groups: Option<Vec<i32>>,
    /// Patterns for LIKE: their hooks are looked for in the same moment as the actions, so that none is missed.
    pub(super) not_hooks: Option<Vec<String>>,
}

const UNKNOWN: i32 = -1;

impl PostgresStore {
    async fn numbered(&self, filter: &ClaimFilter) -> Result<NumberedFilter> {
        let names = &self.database.opener.names;
        names.hooks.look_for(&self.database, filter.hooks.iter()).await?;
        names.groups.look_for(&self.database, filter.group.iter()).await?;
        names.groups.look_for(&self.database, filter.exclude_groups.iter()).await?;
        let hooks = filter.hooks.iter().map(|hook| names.hooks.number(hook).unwrap_or(UNKNOWN));
        let number = |group| names.groups.number(group).unwrap_or(UNKNOWN);
        let not = filter.exclude_groups.iter().map(number);
        let has_not = filter.group.is_none() && !filter.exclude_groups.is_empty();
        Ok(NumberedFilter {
            hooks: (!filter.hooks.is_empty()).then(|| hooks.collect()),
            group: filter.group.as_ref().map(number),
            not_groups: has_not.then(|| not.collect()),
            not_hooks: (!filter.exclude_hooks.is_empty())
                .then(|| filter.exclude_hooks.iter().map(like).collect()),
        })
    }

    pub(super) async fn claim_batch(&self, request: &ClaimRequest) -> Result<Claiming> {
        let doing = "claiming actions";
        let now = self.clock.now();
        let behind = self.seen().behind(now);
        let (filter, ids) = match &request.pick {
            Pick::Due(filter) => (Some(filter), None),
            Pick::Ids(ids) => {
                let mut ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
                ids.sort_unstable();
                ids.dedup();
                (None, Some(ids))
            }
        };
        let numbered = self.numbered(filter.unwrap_or(&ClaimFilter::default())).await?;
        let search = match filter {
            Some(filter) => self.frontier().begin(filter),
            None => Search { marks: Vec::new() },
        };
        if let Some(filter) = filter {
            self.walk_if_due(filter, &numbered);
        }
        let call = self
            .database
            .function("claim_actions")
            .with(request.runner.get())
            .with(now.as_microsecond())
            // When the clock was set back, what was to run as soon as possible must not wait for it.
            .with(behind.map_or(now, |behind| behind.until).as_microsecond())
            .with(i32::try_from(request.limit).unwrap_or(i32::MAX))
            .with(request.open_claims.map(|most| i32::try_from(most).unwrap_or(i32::MAX)))
            .with(self.database.lock_key("claim"))
            .with(self.open_from.load(Ordering::Relaxed))
            .with(numbered.hooks)
            .with(numbered.group)
            .with(numbered.not_groups)
            .with(numbered.not_hooks)
            .with(ids);
        let mut answers = self.database.write(doing, &[with_marks(call, &search)]).await?;
        let rows = answers.pop().unwrap_or_default();
        let Some(first) = rows.first() else { return Ok(Claiming::Nothing) };
        let micros: i64 = self.read(doing, row::get(first, 1))?;
        if let Some(open_from) = self.read(doing, row::get::<Option<i64>>(first, 2))? {
            self.open_from.fetch_max(open_from - NUMBERED_EARLIER, Ordering::Relaxed);
        }
        let outcome: i16 = self.read(doing, row::get(first, 0))?;
        if let (0 | 2, Some(behind)) = (outcome, behind) {
            self.seen().dated_anew(behind, now);
            self.frontier().forget();
        }
        match outcome {
            1 => return Ok(Claiming::Full),
            2 => {}
            3 => return Ok(Claiming::Nothing),
            _ => {
                if let Some(filter) = filter {
                    let took = Duration::from_micros(micros.unsigned_abs());
                    self.frontier().learn(filter, &search, took, std::iter::empty());
                }
                return Ok(Claiming::Nothing);
            }
        }
        let id = self.read(doing, row::claim_id(first, row::BEFORE_CLAIMED - 1))?;
        let actions = self.claimed_actions(id, &rows).await?;
        if let Some(filter) = filter {
            let places = actions.iter().map(|action| {
                let rank = (i32::from(action.priority.0), action.attempts.0.cast_signed());
                (rank, (action.scheduled_at.as_microsecond(), action.id.get()))
            });
            let took = Duration::from_micros(micros.unsigned_abs());
            self.frontier().learn(filter, &search, took, places);
        }
        match actions.is_empty() {
            true => Ok(Claiming::Nothing),
            false => Ok(Claiming::Claimed(Claim { id, actions })),
        }
    }

    /// Reads the actions of a claim. It is the caller's already: should the database go away meanwhile, it is waited for,
    /// as what nobody is told of would be held up as long as this runner lives.
    async fn claimed_actions(
        &self,
        claim: ClaimId,
        rows: &[tokio_postgres::Row],
    ) -> Result<Vec<ClaimedAction>> {
        const PAUSE: Duration = Duration::from_millis(500);
        loop {
            match self.try_claimed_actions(claim, rows).await {
                Err(Error::Store(error)) if error.kind == StoreErrorKind::Unavailable => {
                    tracing::warn!(%claim, %error, "what was claimed cannot be read yet; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
                done => return done,
            }
        }
    }

    async fn try_claimed_actions(
        &self,
        claim: ClaimId,
        rows: &[tokio_postgres::Row],
    ) -> Result<Vec<ClaimedAction>> {
        let (hook, group) = (row::BEFORE_CLAIMED + 1, row::BEFORE_CLAIMED + 2);
        row::load_names(&self.database, rows, hook, group).await?;
        let names = &self.database.opener.names;
        let mut chains = row::Chains::default();
        let mut actions = Vec::with_capacity(rows.len());
        for row in rows {
            match row::claimed_action(names, &mut chains, row) {
                Ok(action) => actions.push(action),
                Err(problem) => self.refuse(claim, row, &problem).await?,
            }
        }
        Ok(actions)
    }

    /// Fails an action that was claimed and cannot be read: that one alone, with the reason in its log.
    async fn refuse(&self, claim: ClaimId, row: &tokio_postgres::Row, problem: &str) -> Result<()> {
        let doing = "claiming actions";
        let id: i64 = self.read(doing, row::get(row, row::BEFORE_CLAIMED))?;
        tracing::error!(action = id, problem, "an action cannot be read");
        let message = format!("its row cannot be read: {problem}");
        let call = self
            .database
            .function("refuse_action")
            .with(id)
            .with(claim.get())
            .with(super::text::stored(&message).into_owned())
            .with(self.clock.now().as_microsecond());
        self.database.write(doing, &[call]).await?;
        Ok(())
    }

    /// The time, for what is stored.
    pub(super) fn stamp(&self) -> Timestamp {
        let now = self.clock.now();
        self.seen().see(now);
        now
    }

    /// What the clock has shown.
    pub(super) fn seen(&self) -> std::sync::MutexGuard<'_, SeenTimes> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn frontier(&self) -> std::sync::MutexGuard<'_, super::frontier::Frontier> {
        self.frontier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something came into the queue at this date.
    pub(super) fn arrive(&self, date: Timestamp) {
        self.frontier().arrive(date);
    }

    /// Something is back in the queue, and there is no telling where.
    pub(super) fn come_back(&self) {
        self.seen().came_back();
        self.frontier().forget();
    }

    pub(super) async fn first_due(&self, filter: &ClaimFilter) -> Result<Option<Timestamp>> {
        let doing = "looking for the next date";
        let numbered = self.numbered(filter).await?;
        let search = self.frontier().look(filter);
        let call = self
            .database
            .function("next_due")
            .with(numbered.hooks)
            .with(numbered.group)
            .with(numbered.not_groups)
            .with(numbered.not_hooks);
        let rows = self.database.read_soon(doing, with_marks(call, &search)).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(self.read(doing, row::optional_time(row, 0))?)
    }

    pub(super) async fn start_all(
        &self,
        starts: &[Start],
        context: &Context,
    ) -> Result<Vec<Started>> {
        let doing = "starting actions";
        if starts.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.clock.now().as_microsecond();
        let rounds = rounds(starts, |start| [Some(start.action.get()), None]);
        let calls: Vec<Call> = rounds
            .iter()
            .map(|round| {
                self.database
                    .function("start_actions")
                    .with(round.iter().map(|(_, start)| start.action.get()).collect::<Vec<_>>())
                    .with(round.iter().map(|(_, start)| start.claim.get()).collect::<Vec<_>>())
                    .with(round.iter().map(|(_, start)| start.log).collect::<Vec<_>>())
                    .with(now)
                    .with(context.as_str().to_owned())
            })
            .collect();
        let answers = self.database.write(doing, &calls).await?;
        let mut started = vec![Started::Ignored; starts.len()];
        for (round, rows) in rounds.iter().zip(answers) {
            let Some(row) = rows.first() else { continue };
            let ids: Vec<i64> = self.read(doing, row::get(row, 0))?;
            let attempts: Vec<i32> = self.read(doing, row::get(row, 1))?;
            let attempts: HashMap<i64, i32> = ids.into_iter().zip(attempts).collect();
            for (place, start) in round {
                if let (Some(attempt), Some(answer)) =
                    (attempts.get(&start.action.get()), started.get_mut(*place))
                {
                    *answer = Started::Yes(Attempt(attempt.cast_unsigned()));
                }
            }
        }
        Ok(started)
    }

    pub(super) async fn release_all(&self, claims: &[ClaimId], context: &Context) -> Result<u64> {
        let doing = "giving actions back";
        let call = self
            .database
            .function("release_claims")
            .with(claims.iter().map(|claim| claim.get()).collect::<Vec<_>>())
            .with(self.clock.now().as_microsecond())
            .with(context.as_str().to_owned());
        let answers = self.database.write(doing, &[call]).await?;
        let row = answers.iter().flatten().next();
        let released: i64 = row.map_or(Ok(0), |row| self.read(doing, row::get(row, 0)))?;
        if released > 0 {
            self.come_back();
            self.wakes.wake();
        }
        Ok(released.unsigned_abs())
    }
}

fn with_marks(call: Call, search: &Search) -> Call {
    let marks = &search.marks;
    call.with(marks.iter().map(|((priority, _), _)| *priority).collect::<Vec<_>>())
        .with(marks.iter().map(|((_, attempts), _)| *attempts).collect::<Vec<_>>())
        .with(marks.iter().map(|(_, (date, _))| *date).collect::<Vec<_>>())
        .with(marks.iter().map(|(_, (_, id))| *id).collect::<Vec<_>>())
}

/// The ids of actions, as numbers.
pub(super) fn numbers(ids: &[ActionId]) -> Vec<i64> {
    ids.iter().map(|id| id.get()).collect()
}
