//! What workers report: results, notes, signs of life. Each is checked against who is in charge of the attempt.

use std::collections::HashMap;
use std::sync::Arc;

use super::charge::{Begun, InCharge};
use super::record::Settled;
use super::{Accepted, Hub, Lost, Note, RemoteError, RemoteWorkers, Report, Ticket, WorkResult};
use crate::action::{Action, ActionId, RunnerId, Status};
use crate::error::{Invalid, Result};
use crate::handler::{Failure, printable};
use crate::log::{Context, NewLogEntry, Step};
use crate::runner::news;
use crate::store::{AttemptsOf, Outcome, Recorded};

/// How long a reason or a note may be, in bytes; the rest is cut off.
const LONGEST_TEXT: usize = 64 * 1024;

/// Whose an attempt is, as far as the store knows it.
enum Whose {
    /// The worker's own.
    Own(InCharge),
    /// Another worker's.
    Others,
    /// Nobody's any more.
    Nobodys,
}

impl Hub {
    pub(super) async fn report(
        self: &Arc<Self>,
        worker: RunnerId,
        reports: Vec<Report>,
    ) -> Result<Vec<Result<Accepted, Lost>>, RemoteError> {
        within_limit("results", reports.len())?;
        let context = self.alive(worker).await?;
        let tickets: Vec<Ticket> = reports.iter().map(|report| report.ticket).collect();
        let whose = self.begin(worker, &context, &tickets).await?;
        let now = self.scheduler.now();
        let mut answers = vec![Err(Lost::Superseded); reports.len()];
        // Where the answer to each goes, and what it will be if it counts.
        let (mut settled, mut places) = (Vec::new(), Vec::new());
        let mut late: Vec<(usize, &Report)> = Vec::new();
        for (place, (report, whose)) in reports.iter().zip(whose).enumerate() {
            match whose {
                Whose::Others => set(&mut answers, place, Err(Lost::OtherWorker)),
                Whose::Own(held) if now < held.kill_at => {
                    let verdict = match report.result.clone() {
                        WorkResult::Complete => self.case(&held).ended(Ok(())),
                        WorkResult::Failed(failure) => self.case(&held).ended(Err(tidy(failure))),
                        WorkResult::NotBegun => self.case(&held).not_called(),
                    };
                    places.push((place, accepted(verdict.finish.outcome)));
                    settled.push(Settled { held, verdict });
                }
                Whose::Own(held) => {
                    self.charge.set_busy([held.ticket], false);
                    late.push((place, report));
                }
                Whose::Nobodys => late.push((place, report)),
            }
        }
        let busy: Vec<Ticket> = settled.iter().map(|one| one.held.ticket).collect();
        let recorded = match self.settle_all(settled, &context).await {
            Ok(recorded) => recorded,
            Err(error) => {
                // The store may have taken it all the same: whatever comes next asks it again.
                busy.iter().for_each(|ticket| self.close(ticket));
                self.register.look_again(worker);
                return Err(error.into());
            }
        };
        let mut superseded = Vec::new();
        for ((place, accepted), counts) in places.into_iter().zip(recorded) {
            match counts {
                true => set(&mut answers, place, Ok(accepted)),
                false => superseded.extend(reports.get(place).map(|report| (place, report))),
            }
        }
        // What the store did not take it has logged itself.
        self.say_why(&superseded, &mut answers).await?;
        let said = self.say_why(&late, &mut answers).await?;
        self.log_late(&said, &context).await?;
        Ok(answers)
    }

    /// Stores what follows from these. Whether each of them counted, in order.
    async fn settle_all(
        self: &Arc<Self>,
        settled: Vec<Settled>,
        context: &Context,
    ) -> Result<Vec<bool>> {
        let mut counts = vec![true; settled.len()];
        let (mut places, mut rest) = (Vec::new(), Vec::new());
        for (place, one) in settled.into_iter().enumerate() {
            match self.is_failed_already(&one) {
                true => self.log_failure(one, context).await?,
                false => {
                    places.push(place);
                    rest.push(one);
                }
            }
        }
        for (place, recorded) in places.into_iter().zip(self.record(rest).await?) {
            if let Some(counts) = counts.get_mut(place) {
                *counts = recorded != Recorded::Superseded;
            }
        }
        Ok(counts)
    }

    /// Whether it failed when it was marked as timed out, and nothing but the reason is new.
    pub(super) fn is_failed_already(&self, one: &Settled) -> bool {
        one.held.timed_out && one.verdict.finish.outcome == Outcome::Failed
    }

    /// Only the log has something to gain.
    pub(super) async fn log_failure(&self, one: Settled, context: &Context) -> Result<()> {
        let Settled { held, mut verdict } = one;
        let action = held.ticket.action;
        let entries = std::mem::take(&mut verdict.finish.entries)
            .into_iter()
            .map(|entry| (action, entry))
            .collect();
        let logged = self.scheduler.store().append_log(entries, context).await;
        match logged {
            Ok(()) => {
                let ran = held.ran(self.scheduler.now());
                news::tell_late_failure(&self.scheduler, &held.action, &verdict, ran);
                self.close(&held.ticket);
            }
            Err(_) => self.charge.set_busy([held.ticket], false),
        }
        logged
    }

    /// Says why these do not count, or that they are what is stored already. Gives back what came too late.
    async fn say_why<'a>(
        &self,
        late: &[(usize, &'a Report)],
        answers: &mut [Result<Accepted, Lost>],
    ) -> Result<Vec<&'a Report>> {
        if late.is_empty() {
            return Ok(Vec::new());
        }
        let actions = self.actions(late.iter().map(|(_, report)| report.ticket)).await?;
        let mut said = Vec::new();
        for (place, report) in late {
            let action = actions.get(&report.ticket.action);
            let answer = match action.and_then(|action| repeated(action, report)) {
                Some(accepted) => Ok(accepted),
                None => {
                    if action.is_some_and(|action| report.ticket.attempt <= action.attempts) {
                        said.push(*report);
                    }
                    Err(self.why_lost(&report.ticket, action))
                }
            };
            set(answers, *place, answer);
        }
        Ok(said)
    }

    /// What comes too late changes nothing but the log.
    async fn log_late(&self, late: &[&Report], context: &Context) -> Result<()> {
        if late.is_empty() {
            return Ok(());
        }
        let entries = late.iter().map(|report| {
            let what = match report.result {
                WorkResult::Complete => "complete",
                WorkResult::Failed(_) => "failed",
                WorkResult::NotBegun => "not called",
            };
            let message =
                format!("attempt {} {what}, but was no longer in charge", report.ticket.attempt);
            (report.ticket.action, NewLogEntry::new(Step::LateResult, message))
        });
        self.scheduler.store().append_log(entries.collect(), context).await
    }

    pub(super) async fn heartbeat(
        &self,
        worker: RunnerId,
        running: Vec<Ticket>,
    ) -> Result<Vec<(Ticket, Lost)>, RemoteError> {
        within_limit("running", running.len())?;
        let context = self.alive(worker).await?;
        self.beat(worker).await?;
        if running.is_empty() {
            return Ok(Vec::new());
        }
        let whose = self.look_up(worker, &context, &running).await?;
        let now = self.scheduler.now();
        let mut lost = Vec::new();
        for ticket in &running {
            match whose.get(ticket) {
                Some(Whose::Own(held)) if now < held.kill_at => {}
                Some(Whose::Own(_)) => lost.push((*ticket, Lost::Killed)),
                Some(Whose::Others) => lost.push((*ticket, Lost::OtherWorker)),
                Some(Whose::Nobodys) | None => lost.push((*ticket, Lost::Superseded)),
            }
        }
        let unclear = lost.iter().filter(|(_, why)| *why == Lost::Superseded);
        let actions = self.actions(unclear.map(|(ticket, _)| *ticket)).await?;
        for (ticket, why) in lost.iter_mut().filter(|(_, why)| *why == Lost::Superseded) {
            *why = self.why_lost(ticket, actions.get(&ticket.action));
            if self.charge.find(ticket).is_some_and(|held| held.worker == worker) {
                self.close(ticket);
            }
        }
        Ok(lost)
    }

    pub(super) async fn note(
        &self,
        worker: RunnerId,
        notes: Vec<Note>,
    ) -> Result<Vec<Result<(), Lost>>, RemoteError> {
        within_limit("entries", notes.len())?;
        let context = self.alive(worker).await?;
        let unknown: Vec<Ticket> = notes
            .iter()
            .map(|note| note.ticket)
            .filter(|ticket| self.charge.find(ticket).is_none())
            .collect();
        let looked_up = self.look_up(worker, &context, &unknown).await?;
        let now = self.scheduler.now();
        let mut answers = Vec::with_capacity(notes.len());
        let mut entries = Vec::new();
        for note in notes {
            let whose = match self.charge.find(&note.ticket) {
                Some(held) if held.worker == worker => Some(held),
                Some(_) => {
                    answers.push(Err(Lost::OtherWorker));
                    continue;
                }
                None => match looked_up.get(&note.ticket) {
                    Some(Whose::Own(held)) => Some(held.clone()),
                    Some(Whose::Others) => {
                        answers.push(Err(Lost::OtherWorker));
                        continue;
                    }
                    Some(Whose::Nobodys) | None => None,
                },
            };
            let Some(held) = whose else {
                let actions = self.actions([note.ticket].into_iter()).await?;
                answers.push(Err(self.why_lost(&note.ticket, actions.get(&note.ticket.action))));
                continue;
            };
            if self.plan(&held.action).logs_all() {
                let mut entry = NewLogEntry::new(Step::Note, text(&note.text));
                entry.at = note.at.map(|at| at.min(now));
                entries.push((note.ticket.action, entry));
            }
            answers.push(Ok(()));
        }
        if !entries.is_empty() {
            self.scheduler.store().append_log(entries, &context).await?;
        }
        Ok(answers)
    }

    /// Whose these are; what is the worker's own is busy from here on.
    async fn begin(
        &self,
        worker: RunnerId,
        context: &Context,
        tickets: &[Ticket],
    ) -> Result<Vec<Whose>> {
        let mut begun: Vec<Begun> =
            tickets.iter().map(|ticket| self.charge.begin(ticket, worker)).collect();
        if begun.iter().any(|begun| matches!(begun, Begun::Busy(_))) {
            // It may be marked as timed out at this moment: what follows depends on that.
            drop(self.sweeping.lock().await);
            for (ticket, begun) in tickets.iter().zip(&mut begun) {
                if matches!(begun, Begun::Busy(_)) {
                    *begun = self.charge.begin(ticket, worker);
                }
            }
        }
        let unknown =
            tickets.iter().zip(&begun).filter(|(_, begun)| matches!(begun, Begun::Unknown));
        let unknown: Vec<Ticket> = unknown.map(|(ticket, _)| *ticket).collect();
        let mut found = self.look_up(worker, context, &unknown).await?;
        let whose = tickets.iter().zip(begun).map(|(ticket, begun)| match begun {
            // Of two that are reported at the same time the store takes one.
            Begun::Own(held) | Begun::Busy(held) => Whose::Own(held),
            Begun::Others => Whose::Others,
            Begun::Unknown => found.remove(ticket).unwrap_or(Whose::Nobodys),
        });
        Ok(whose.collect())
    }

    /// Asks the store whose these are. The worker is put in charge of what is its own.
    async fn look_up(
        &self,
        worker: RunnerId,
        context: &Context,
        tickets: &[Ticket],
    ) -> Result<HashMap<Ticket, Whose>> {
        if tickets.is_empty() {
            return Ok(HashMap::new());
        }
        let ids = tickets.iter().map(|ticket| ticket.action).collect();
        let open = self.scheduler.store().attempts(AttemptsOf::Actions(ids)).await?;
        let found = open.into_iter().map(|open| {
            let ticket =
                Ticket { action: open.action.id, claim: open.claim, attempt: open.action.attempts };
            let whose = match open.runner.is_none_or(|runner| runner == worker) {
                true => Whose::Own(self.adopt(worker, context, open)),
                false => Whose::Others,
            };
            (ticket, whose)
        });
        Ok(found.collect())
    }

    async fn actions(
        &self,
        tickets: impl Iterator<Item = Ticket>,
    ) -> Result<HashMap<ActionId, Action>> {
        let ids: Vec<ActionId> = tickets.map(|ticket| ticket.action).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let actions = self.scheduler.store().fetch(ids).await?;
        Ok(actions.into_iter().map(|action| (action.id, action)).collect())
    }

    /// Why an attempt is nobody's any more.
    fn why_lost(&self, ticket: &Ticket, action: Option<&Action>) -> Lost {
        let Some(action) = action else { return Lost::NoSuchAction };
        if action.attempts != ticket.attempt {
            return Lost::Superseded;
        }
        match action.status {
            Status::Canceled => Lost::Canceled,
            _ if action.claim != Some(ticket.claim) => Lost::Superseded,
            Status::Failed if self.is_past_kill(action) => Lost::Killed,
            Status::Complete | Status::Failed => Lost::Ended,
            Status::Pending | Status::InProgress => Lost::Superseded,
        }
    }

    fn is_past_kill(&self, action: &Action) -> bool {
        let policy = self.scheduler.policies().of(&action.hook);
        let kill_at = action.started_at.and_then(|at| at.checked_add(policy.kill_after).ok());
        kill_at.is_some_and(|at| at <= self.scheduler.now())
    }
}

fn set<T>(answers: &mut [T], place: usize, answer: T) {
    if let Some(there) = answers.get_mut(place) {
        *there = answer;
    }
}

/// A report that says what is stored already: its first answer did not arrive.
fn repeated(action: &Action, report: &Report) -> Option<Accepted> {
    let Ticket { claim, attempt, .. } = report.ticket;
    if action.claim != Some(claim) || action.attempts != attempt {
        return None;
    }
    match (&report.result, action.status) {
        (WorkResult::Complete, Status::Complete) => Some(Accepted::Complete),
        (WorkResult::Failed(_), Status::Failed) => Some(Accepted::Failed),
        _ => None,
    }
}

fn accepted(outcome: Outcome) -> Accepted {
    match outcome {
        Outcome::Complete => Accepted::Complete,
        Outcome::Failed | Outcome::TimedOut | Outcome::Crashed => Accepted::Failed,
        Outcome::Retry { .. } | Outcome::CrashedRetry { .. } => Accepted::Retrying,
        Outcome::NotCalled => Accepted::Released,
    }
}

fn within_limit(what: &'static str, count: usize) -> Result<(), Invalid> {
    match count <= RemoteWorkers::MOST {
        true => Ok(()),
        false => {
            let problem = format_args!("expected at most {}", RemoteWorkers::MOST);
            Err(Invalid::new(what, count.to_string(), problem))
        }
    }
}

fn tidy(failure: Failure) -> Failure {
    Failure { reason: text(&failure.reason), retry: failure.retry }
}

/// Text from outside, made fit for the log.
fn text(raw: &str) -> String {
    let end = raw.floor_char_boundary(LONGEST_TEXT);
    printable(raw.get(..end).unwrap_or(raw).as_bytes())
}
