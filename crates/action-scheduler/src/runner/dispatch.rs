//! The loop that claims, starts, and records. At most one of each is under way at a time; what comes up meanwhile goes
//! into the next one together.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::attempt::{Attempt, LAST_MOMENT, News, Report};
use super::batch::Batches;
use super::config::{RunReport, RunnerConfig, StopReason, Until};
use super::liveness::Liveness;
use super::memory::used_memory;
use super::plan::Plans;
use super::shutdown::Shutdown;
use super::verdict::{Case, Verdict};
use crate::action::{self, ActionId, ClaimId};
use crate::error::Result;
use crate::handler::HandlerContext;
use crate::log::NewLogEntry;
use crate::observer::Event;
use crate::scheduler::Scheduler;
use crate::store::{
    Claim, ClaimFilter, ClaimRequest, ClaimedAction, Claiming, Finish, Outcome, Pick, Recorded,
    Start, Started, Store,
};

/// Work of the store that is under way.
type Pending<T> = Option<Pin<Box<dyn Future<Output = T> + Send>>>;

/// Completes with what is under way; never, while nothing is.
async fn completion<T>(pending: &mut Pending<T>) -> T {
    match pending {
        Some(future) => {
            let output = future.await;
            *pending = None;
            output
        }
        None => std::future::pending().await,
    }
}

/// Completes at that time; never, without one.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// How long it is until the next action is due, if there is one.
async fn next_due(store: &dyn Store, filter: ClaimFilter) -> Option<Duration> {
    let due = match store.next_due(filter).await {
        Ok(due) => due?,
        Err(error) => {
            tracing::error!(%error, "cannot look for the next date; trying again");
            return Some(STORE_RETRY);
        }
    };
    // A date comes with the next whole millisecond of the timer, not the one before.
    let wait = Duration::try_from(due.duration_since(store.clock().now())).unwrap_or_default();
    Some(wait + Duration::from_millis(1))
}

/// How long to wait before the store is tried again after an error.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// How often to look for room when other runners hold all the claims there may be.
const FULL_RETRY: Duration = Duration::from_millis(250);

/// How often the notes of running handlers are stored.
const NOTES: Duration = Duration::from_secs(1);

pub(super) struct Dispatcher {
    scheduler: Scheduler,
    config: RunnerConfig,
    pick: Pick,
    shutdown: Shutdown,
    liveness: Liveness,
    plans: Plans,
    batches: Batches,
    begun: Instant,

    /// Claimed and not yet started, in claim order.
    ready: VecDeque<Ready>,
    /// Started and not yet ended. An action that was taken from this runner, or canceled, and came back to it may have
    /// two attempts here.
    running: HashMap<(ActionId, action::Attempt), Running>,
    /// What is told to the store on the side, and need not be waited for until the end.
    side: JoinSet<()>,
    reports: UnboundedReceiver<Report>,
    reporter: UnboundedSender<Report>,
    /// Ended and not yet recorded.
    verdicts: Vec<Settled>,
    /// How many actions of each claim have not been recorded yet.
    open: HashMap<ClaimId, usize>,

    claiming: Pending<(Result<Claiming>, Option<Duration>)>,
    starting: Pending<(Vec<Ready>, Result<Vec<Started>>)>,
    recording: Pending<(Vec<Settled>, Result<Vec<Recorded>>)>,
    /// The actions whose results are being recorded.
    unrecorded: Vec<ActionId>,
    /// Whether there may be new work since the claim that is under way was asked for: its answer may not know of it.
    woken: bool,
    /// Claim nothing before this.
    claim_after: Option<Instant>,
    /// The store failed: start and record nothing before this.
    store_after: Option<Instant>,
    /// When handlers that still run are told to end; a moment later they are ended by force.
    grace_ends: Option<Instant>,
    force_at: Option<Instant>,
    /// When what could not be recorded is given up, as the process is to stop at once.
    give_up_at: Option<Instant>,
    /// No further claims are made, for this reason.
    closing: Option<StopReason>,
    report: RunReport,
}

/// A claimed action that waits for a free worker.
type Ready = (ClaimId, ClaimedAction);

/// An attempt that has come to its end, and what is to be stored of it.
type Settled = (HandlerContext, Verdict);

/// A started action.
struct Running {
    claim: ClaimId,
    context: HandlerContext,
    cancellation: CancellationToken,
    /// Ends the handlers when it is dropped.
    _task: AbortOnDropHandle<()>,
    /// Its failure by timeout is (being) recorded; its slot is still taken.
    timed_out: bool,
}

impl Dispatcher {
    pub(super) fn new(
        scheduler: Scheduler,
        config: RunnerConfig,
        pick: Pick,
        shutdown: Shutdown,
        liveness: Liveness,
    ) -> Self {
        let (reporter, reports) = unbounded_channel();
        Self {
            plans: Plans::new(scheduler.clone()),
            batches: Batches::new(config.batch_size, config.workers),
            scheduler,
            config,
            pick,
            shutdown,
            liveness,
            begun: Instant::now(),
            ready: VecDeque::new(),
            running: HashMap::new(),
            side: JoinSet::new(),
            reports,
            reporter,
            verdicts: Vec::new(),
            open: HashMap::new(),
            claiming: None,
            starting: None,
            recording: None,
            unrecorded: Vec::new(),
            woken: false,
            claim_after: None,
            store_after: None,
            grace_ends: None,
            force_at: None,
            give_up_at: None,
            closing: None,
            report: RunReport {
                batches: 0,
                complete: 0,
                failed: 0,
                retried: 0,
                ignored: 0,
                released: 0,
                stopped: StopReason::Told,
            },
        }
    }

    /// Runs until there is a reason to stop, then brings what is under way to its end.
    pub(super) async fn run(mut self) -> RunReport {
        let mut wake = self.scheduler.store().wake();
        let mut notes = tokio::time::interval(NOTES);
        notes.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut arrived = Vec::new();
        loop {
            self.begin_claiming(&mut wake);
            self.give_back();
            // What ended and what comes next go to the store together, and into one transaction there.
            if self.recording.is_none() && self.starting.is_none() {
                self.begin_recording();
                self.begin_starting();
            }
            if self.is_done() {
                break;
            }
            let open = self.closing.is_none();
            let runs = !self.running.is_empty();
            tokio::select! {
                biased;
                _ = self.reports.recv_many(&mut arrived, 4096) => {
                    self.take_reports(&mut arrived).await;
                }
                outcome = completion(&mut self.recording) => self.recorded(outcome),
                (actions, outcome) = completion(&mut self.starting) => self.started(actions, outcome),
                (outcome, next_due) = completion(&mut self.claiming) => self.claimed(outcome, next_due),
                () = self.shutdown.stopping(), if self.grace_ends.is_none() => self.told_to_stop(),
                () = self.shutdown.stopping_at_once(), if self.give_up_at.is_none() => self.stop_at_once(),
                () = sleep_until(self.grace_ends), if runs && self.force_at.is_none() => self.tell_to_end(),
                () = sleep_until(self.force_at), if runs => self.end_running(),
                () = sleep_until(self.give_up_at) => {
                    self.tell_what_is_lost();
                    break;
                }
                () = sleep_until(self.store_after) => self.store_after = None,
                () = sleep_until(self.claim_after), if open => self.claim_after = None,
                Ok(()) = wake.changed(), if open => {
                    self.claim_after = None;
                    self.woken = true;
                }
                _ = notes.tick(), if runs => self.store_notes(),
            }
        }
        if self.give_up_at.is_none() {
            while self.side.join_next().await.is_some() {}
        }
        self.report.stopped = self.closing.unwrap_or(StopReason::Told);
        self.report
    }

    fn is_done(&self) -> bool {
        self.closing.is_some()
            && self.ready.is_empty()
            && self.running.is_empty()
            && self.verdicts.is_empty()
            && self.claiming.is_none()
            && self.starting.is_none()
            && self.recording.is_none()
    }

    // Claiming.

    fn begin_claiming(&mut self, wake: &mut tokio::sync::watch::Receiver<u64>) {
        if self.closing.is_some() || self.claiming.is_some() || self.claim_after.is_some() {
            return;
        }
        let limit = self.batches.next();
        // The next batch is fetched while the rest of the last one runs.
        if self.ready.len() > limit as usize / 2 {
            return;
        }
        if let Until::Drained { batches: Some(most) } = self.config.until
            && self.report.batches >= u64::from(most)
        {
            self.closing = Some(StopReason::Drained);
            return;
        }
        // What is stored from here on wakes the runner again.
        wake.mark_unchanged();
        self.woken = false;
        let request = ClaimRequest {
            runner: self.liveness.id(),
            limit,
            pick: self.pick.clone(),
            open_claims: self.config.concurrent_batches,
        };
        let store = Arc::clone(self.scheduler.store());
        let filter = match &self.pick {
            Pick::Due(filter) => Some(filter.clone()),
            Pick::Ids(_) => None,
        };
        self.claiming = Some(Box::pin(async move {
            let outcome = store.claim(request).await;
            let next_due = match (&outcome, filter) {
                (Ok(Claiming::Nothing), Some(filter)) => next_due(&*store, filter).await,
                _ => None,
            };
            (outcome, next_due)
        }));
    }

    /// Whether a limit of time or memory is reached (reference, section 5).
    fn over_limit(&mut self) -> bool {
        if let Some(limit) = self.config.time_limit {
            let elapsed = self.begun.elapsed();
            let ended = self.report.complete + self.report.failed + self.report.retried;
            let average = match u32::try_from(ended) {
                Ok(ended @ 1..) => elapsed / ended,
                _ => Duration::ZERO,
            };
            if elapsed + 3 * average >= limit {
                self.closing = Some(StopReason::TimeLimit);
            }
        }
        if let (Some(limit), Some(used)) = (self.config.memory_limit, used_memory())
            && used >= limit
        {
            self.closing = Some(StopReason::MemoryLimit);
        }
        matches!(self.closing, Some(StopReason::TimeLimit | StopReason::MemoryLimit))
    }

    /// A claim was answered; with nothing to claim, there may be in so long.
    fn claimed(&mut self, outcome: Result<Claiming>, next_due: Option<Duration>) {
        let idle = self.open.is_empty() && self.verdicts.is_empty();
        let drains = matches!(self.config.until, Until::Drained { .. });
        match outcome {
            Ok(Claiming::Claimed(claim)) => self.take_claim(claim),
            Ok(Claiming::Nothing) if self.woken => self.claim_after = None,
            Ok(Claiming::Nothing) if drains => {
                if idle {
                    self.closing = Some(StopReason::Drained);
                } else {
                    // What runs now may bring new work with its end.
                    self.claim_after = Some(Instant::now() + FULL_RETRY);
                }
            }
            Ok(Claiming::Full) if drains && idle => self.closing = Some(StopReason::AtCapacity),
            Ok(Claiming::Nothing) => {
                let poll = self.config.poll_interval;
                self.claim_after = Some(Instant::now() + next_due.unwrap_or(poll).min(poll));
            }
            Ok(Claiming::Full) => {
                self.claim_after = Some(Instant::now() + FULL_RETRY.min(self.config.poll_interval));
            }
            Err(error) => {
                tracing::error!(%error, "cannot claim; trying again");
                self.claim_after = Some(Instant::now() + STORE_RETRY);
            }
        }
    }

    fn take_claim(&mut self, claim: Claim) {
        self.plans.refresh();
        self.report.batches += 1;
        self.open.insert(claim.id, claim.actions.len());
        let actions = claim.actions.len();
        if let Pick::Ids(wanted) = &mut self.pick {
            wanted.retain(|id| claim.actions.iter().all(|action| action.id != *id));
            if wanted.is_empty() {
                self.closing = Some(StopReason::Drained);
            }
        }
        self.scheduler.observers().tell_with(|| Event::BatchClaimed { claim: claim.id, actions });
        self.ready.extend(claim.actions.into_iter().map(|action| (claim.id, action)));
    }

    // Starting.

    fn begin_starting(&mut self) {
        if self.starting.is_some()
            || self.ready.is_empty()
            || self.store_after.is_some()
            || self.over_limit()
        {
            return;
        }
        let free = self.config.workers.max(1).saturating_sub(self.running.len());
        // While results pile up unrecorded, nothing more is started.
        let backlog = self.config.workers.saturating_mul(4).max(64);
        if free == 0 || self.verdicts.len() > backlog {
            return;
        }
        let actions: Vec<_> = self.ready.drain(..free.min(self.ready.len())).collect();
        let starts = actions
            .iter()
            .map(|(claim, action)| Start {
                action: action.id,
                claim: *claim,
                log: self.plans.of(&action.hook).logs_all(),
            })
            .collect();
        let store = Arc::clone(self.scheduler.store());
        let context = self.scheduler.context().clone();
        self.starting = Some(Box::pin(async move {
            let outcome = store.start(starts, &context).await;
            (actions, outcome)
        }));
    }

    fn started(&mut self, actions: Vec<Ready>, outcome: Result<Vec<Started>>) {
        let answers = match outcome {
            Ok(answers) => answers,
            Err(error) => {
                tracing::error!(%error, "cannot start actions; trying again");
                for action in actions.into_iter().rev() {
                    self.ready.push_front(action);
                }
                self.store_after = Some(Instant::now() + STORE_RETRY);
                return;
            }
        };
        for ((claim, action), answer) in actions.into_iter().zip(answers) {
            match answer {
                Started::Yes(attempt) => self.execute(claim, action, attempt),
                Started::Ignored => {
                    self.report.ignored += 1;
                    self.scheduler.observers().tell_with(|| Event::Ignored {
                        action: action.id,
                        hook: action.hook.clone(),
                    });
                    self.close_one(claim);
                }
            }
        }
    }

    fn execute(&mut self, claim: ClaimId, action: ClaimedAction, attempt: action::Attempt) {
        let plan = self.plans.of(&action.hook);
        let now = self.scheduler.now();
        let deadline = now.checked_add(plan.policy.timeout).unwrap_or(jiff::Timestamp::MAX);
        let cancellation = CancellationToken::new();
        let id = action.id;
        let problem =
            action.chain.as_ref().and_then(|chain| chain.recurring.as_ref().err().cloned());
        let context = HandlerContext::new(action, attempt, deadline, cancellation.clone());
        if let Some(problem) = problem {
            let verdict = self.case(&context, claim).unreadable_schedule(&problem);
            self.verdicts.push((context, verdict));
            return;
        }
        if self.grace_ends.is_some() {
            let verdict = self.case(&context, claim).not_called();
            self.verdicts.push((context, verdict));
            return;
        }
        let (handed, ended) = (context.clone(), cancellation.clone());
        self.scheduler.observers().tell_with(|| Event::Started {
            action: id,
            hook: context.hook().clone(),
            attempt,
        });
        let task = tokio::spawn(Attempt { context, plan, cancellation }.run(self.reporter.clone()));
        let task = AbortOnDropHandle::new(task);
        let running =
            Running { claim, context: handed, cancellation: ended, _task: task, timed_out: false };
        self.running.insert((id, attempt), running);
    }

    // Recording.

    /// Takes reports. Handlers that are done at once report in a crowd: those of them that are still under way are waited
    /// for, for less than a commit takes, so that all are recorded together.
    async fn take_reports(&mut self, arrived: &mut Vec<Report>) {
        const CROWD: Duration = Duration::from_millis(1);
        let begun = Instant::now();
        let mut taken = 0;
        loop {
            taken += arrived.len();
            for report in arrived.drain(..) {
                self.take_report(report);
            }
            // Half of them at a time: one half runs while the other is recorded.
            let is_crowd =
                taken >= 8 && taken * 4 >= self.running.len() && taken < self.running.len();
            if !is_crowd || begun.elapsed() > CROWD {
                return;
            }
            tokio::task::yield_now().await;
            while let Ok(report) = self.reports.try_recv() {
                arrived.push(report);
            }
        }
    }

    fn take_report(&mut self, Report { action, attempt, news }: Report) {
        match news {
            News::TimedOut => {
                let Some(running) = self.running.get_mut(&(action, attempt)) else { return };
                running.timed_out = true;
                let (claim, context) = (running.claim, running.context.clone());
                let verdict = self.case(&context, claim).timed_out();
                // The result of the handler, whenever it comes, is settled too.
                *self.open.entry(claim).or_default() += 1;
                self.verdicts.push((context, verdict));
            }
            News::Ended(result) => {
                // What was ended by force has a verdict already.
                let Some(Running { claim, context, timed_out, .. }) =
                    self.running.remove(&(action, attempt))
                else {
                    return;
                };
                self.batches.count(1);
                let case = Case { timed_out, ..self.case(&context, claim) };
                let mut verdict = case.ended(result);
                if timed_out && verdict.finish.outcome == Outcome::Failed {
                    // It is failed already; only the log has something to gain.
                    let entries = std::mem::take(&mut verdict.finish.entries);
                    self.append(entries.into_iter().map(|entry| (action, entry)).collect());
                    self.close_one(claim);
                } else {
                    self.verdicts.push((context, verdict));
                }
            }
        }
    }

    fn case<'a>(&mut self, context: &'a HandlerContext, claim: ClaimId) -> Case<'a> {
        Case {
            action: context.action(),
            claim,
            attempt: context.attempt(),
            plan: self.plans.of(context.hook()),
            now: self.scheduler.now(),
            timed_out: false,
            entries: context.take_entries(),
        }
    }

    fn begin_recording(&mut self) {
        if self.recording.is_some() || self.verdicts.is_empty() || self.store_after.is_some() {
            return;
        }
        let verdicts = std::mem::take(&mut self.verdicts);
        let finishes: Vec<Finish> =
            verdicts.iter().map(|(_, verdict)| verdict.finish.clone()).collect();
        self.unrecorded.clear();
        self.unrecorded.extend(finishes.iter().map(|finish| finish.action));
        let store = Arc::clone(self.scheduler.store());
        let context = self.scheduler.context().clone();
        self.recording = Some(Box::pin(async move {
            let outcome = store.finish(finishes, &context).await;
            (verdicts, outcome)
        }));
    }

    fn recorded(&mut self, (verdicts, outcome): (Vec<Settled>, Result<Vec<Recorded>>)) {
        let answers = match outcome {
            Ok(answers) => answers,
            Err(error) => {
                tracing::error!(%error, results = verdicts.len(), "cannot record results; they are kept");
                let newer = std::mem::replace(&mut self.verdicts, verdicts);
                self.verdicts.extend(newer);
                self.store_after = Some(Instant::now() + STORE_RETRY);
                self.unrecorded.clear();
                return;
            }
        };
        self.unrecorded.clear();
        for ((context, verdict), answer) in verdicts.into_iter().zip(answers) {
            self.tell(context.action(), &verdict, answer);
            self.close_one(verdict.finish.claim);
        }
    }

    /// Counts a result that is stored, and tells who listens.
    fn tell(&mut self, action: &ClaimedAction, verdict: &Verdict, answer: Recorded) {
        let observers = self.scheduler.observers();
        let (id, hook, attempt) = (action.id, || action.hook.clone(), verdict.finish.attempt);
        let reason = || verdict.reason.clone().unwrap_or_default();
        let Recorded::Yes { next, paused } = answer else {
            tracing::warn!(action = %id, %attempt, "a result came too late: the attempt was no longer in charge");
            observers.tell_with(|| Event::Superseded { action: id, hook: hook(), attempt });
            return;
        };
        match verdict.finish.outcome {
            Outcome::Complete => {
                self.report.complete += 1;
                observers.tell_with(|| Event::Completed { action: id, hook: hook(), attempt });
            }
            Outcome::Failed | Outcome::Crashed => {
                self.report.failed += 1;
                observers.tell_with(|| Event::Failed {
                    action: id,
                    hook: hook(),
                    attempt,
                    reason: reason(),
                });
            }
            Outcome::TimedOut => {
                self.report.failed += 1;
                observers.tell_with(|| Event::TimedOut { action: id, hook: hook(), attempt });
            }
            Outcome::Retry { .. } | Outcome::CrashedRetry { .. } => {
                self.report.retried += 1;
                observers.tell_with(|| Event::Retrying {
                    action: id,
                    hook: hook(),
                    attempt,
                    reason: reason(),
                });
            }
            Outcome::NotCalled => self.report.released += 1,
        }
        if let (Some(next), Some(succession)) = (next, &verdict.finish.succession) {
            observers.tell_with(|| Event::NextScheduled { chain: succession.chain, action: next });
        }
        if let Some(chain) = paused {
            tracing::warn!(%chain, hook = %action.hook, "a chain was paused after failures in a row");
            observers.tell_with(|| Event::ChainPaused { chain, hook: hook() });
        }
    }

    /// One action of a claim is settled.
    fn close_one(&mut self, claim: ClaimId) {
        let Some(left) = self.open.get_mut(&claim) else { return };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.open.remove(&claim);
            self.scheduler.observers().tell_with(|| Event::BatchDone { claim });
            if matches!(self.config.until, Until::Drained { .. }) {
                self.claim_after = None;
            }
        }
    }

    // Notes of handlers.

    fn store_notes(&mut self) {
        let mut entries = Vec::new();
        for ((action, _), running) in &self.running {
            let noted = running.context.take_entries();
            if !noted.is_empty() && self.plans.of(running.context.hook()).logs_all() {
                entries.extend(noted.into_iter().map(|entry| (*action, entry)));
            }
        }
        self.append(entries);
    }

    /// Adds entries to the log, on the side.
    fn append(&mut self, entries: Vec<(ActionId, NewLogEntry)>) {
        if entries.is_empty() {
            return;
        }
        let store = Arc::clone(self.scheduler.store());
        let context = self.scheduler.context().clone();
        self.side.spawn(async move {
            if let Err(error) = store.append_log(entries, &context).await {
                tracing::warn!(%error, "entries of the log were lost");
            }
        });
    }

    // Stopping.

    fn told_to_stop(&mut self) {
        self.closing = Some(StopReason::Told);
        self.grace_ends = Some(Instant::now() + self.config.grace);
    }

    /// Gives back what was claimed and will not be started any more.
    fn give_back(&mut self) {
        let gives_back = matches!(
            self.closing,
            Some(StopReason::Told | StopReason::TimeLimit | StopReason::MemoryLimit)
        );
        // What is being started is not in the queue, and a store that failed may give it back yet.
        if !gives_back || self.ready.is_empty() || self.starting.is_some() {
            return;
        }
        let given_back = std::mem::take(&mut self.ready);
        self.report.released += given_back.len() as u64;
        let mut claims: Vec<ClaimId> = given_back.iter().map(|(claim, _)| *claim).collect();
        for claim in &claims {
            self.close_one(*claim);
        }
        claims.dedup();
        let store = Arc::clone(self.scheduler.store());
        let context = self.scheduler.context().clone();
        self.side.spawn(async move {
            if let Err(error) = store.release(claims, &context).await {
                // Signing off, which comes last, gives them back as well.
                tracing::warn!(%error, "claimed actions could not be given back yet");
            }
        });
    }

    /// The grace period is over.
    fn tell_to_end(&mut self) {
        for running in self.running.values() {
            running.cancellation.cancel();
        }
        self.force_at = Some(Instant::now() + LAST_MOMENT);
    }

    fn stop_at_once(&mut self) {
        self.closing = Some(StopReason::Told);
        self.grace_ends.get_or_insert_with(Instant::now);
        self.give_up_at = Some(Instant::now() + LAST_MOMENT);
        self.end_running();
    }

    /// The store did not take what was to be recorded: says which actions it is about. Others will find them in-progress
    /// under a runner that died.
    fn tell_what_is_lost(&self) {
        let ids = self
            .unrecorded
            .iter()
            .copied()
            .chain(self.verdicts.iter().map(|(context, _)| context.id()));
        let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
        tracing::error!(
            actions = ids.join(" "),
            "stopped before the results of these actions could be recorded"
        );
    }

    /// Ends what still runs, and records it as the policy for crashes has it.
    fn end_running(&mut self) {
        for (_, Running { claim, context, cancellation, timed_out, .. }) in
            std::mem::take(&mut self.running)
        {
            cancellation.cancel();
            if timed_out {
                self.close_one(claim);
                continue;
            }
            let reason = "the runner was stopped and the handler had not ended in time".to_owned();
            let verdict = self.case(&context, claim).crashed(reason);
            self.verdicts.push((context, verdict));
        }
    }
}
