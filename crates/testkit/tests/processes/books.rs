//! Compares what the store holds with what was written down outside it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Display;
use std::path::Path;

use action_scheduler::query::{Order, OrderBy};
use action_scheduler::store::{Chain, ChainQuery, ChainState};
use action_scheduler::{Action, ActionId, LogEntry, Query, Scheduler, Status, Step};
use jiff::SignedDuration;
use testkit::crash::{Kind, UNIQUE};

use super::life::{CRASH_ATTEMPTS, Life};
use super::worker::{Scene, lines};

/// How much there was to check, so that a test can say that it was enough.
#[derive(Debug, Default)]
pub struct Tally {
    pub actions: usize,
    pub accepted: usize,
    pub refused: usize,
    pub calls: usize,
    pub chains: usize,
    pub instances_run: usize,
    pub instances_crashed: usize,
    pub crashed: usize,
    pub given_back: usize,
    pub late_results: usize,
    pub reruns: usize,
}

/// Everything that is known once the last process has stopped in good order.
struct Books {
    outcomes: u64,
    actions: BTreeMap<ActionId, Action>,
    logs: HashMap<ActionId, Vec<LogEntry>>,
    chains: Vec<Chain>,
    calls: Vec<(ActionId, u32, String)>,
    accepted: HashSet<ActionId>,
    to_cancel: HashSet<ActionId>,
    to_rerun: HashSet<ActionId>,
    refused: HashSet<String>,
    keeps: Keeps,
    wrong: Vec<String>,
    tally: Tally,
}

/// How exactly a store tells times.
#[derive(Debug, Clone, Copy)]
struct Keeps {
    /// Whether two dates in the same second are two.
    microseconds: bool,
    /// By how much the clocks of its processes may differ.
    clocks: SignedDuration,
}

impl Keeps {
    fn of(store: &str) -> Self {
        match store.split(':').next() {
            Some("sqlite") => Self { microseconds: true, clocks: SignedDuration::ZERO },
            // Each process sets its clock by that of the server, from afar.
            Some("postgres") => Self { microseconds: true, clocks: SignedDuration::from_secs(2) },
            _ => Self { microseconds: false, clocks: SignedDuration::from_secs(2) },
        }
    }
}

/// Checks every promise, and panics with all that is broken.
pub async fn check(scene: &Scene, scheduler: &Scheduler, outcomes: u64) -> Tally {
    scene.assert_no_errors();
    check_but_errors(scene, scheduler, outcomes).await
}

/// The same, where processes were to meet errors.
pub async fn check_but_errors(scene: &Scene, scheduler: &Scheduler, outcomes: u64) -> Tally {
    let mut books = Books::read(scene, scheduler, outcomes).await;
    books.check_accepted();
    books.check_refused();
    books.check_calls();
    let lives: HashMap<ActionId, Life> = books.check_logs();
    books.check_outcomes(&lives);
    books.check_chains();
    books.check_bulks();
    books.check_unique();
    books.check_stats(scheduler).await;
    let wrong = &books.wrong;
    assert!(
        wrong.is_empty(),
        "{} promises broken:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
    books.tally
}

/// How many actions each hook has.
pub async fn actions_by_hook(scheduler: &Scheduler) -> HashMap<String, usize> {
    let actions = scheduler.query(Query::new().unlimited()).await.unwrap();
    let mut hooks = HashMap::new();
    for action in actions {
        *hooks.entry(action.hook.as_str().to_owned()).or_default() += 1;
    }
    hooks
}

impl Books {
    async fn read(scene: &Scene, scheduler: &Scheduler, outcomes: u64) -> Self {
        let mut actions = BTreeMap::new();
        let mut logs: HashMap<_, Vec<_>> = HashMap::new();
        let mut query = Query::new().order(OrderBy::Id, Order::Ascending).limit(1000);
        loop {
            let page = scheduler.query(query.clone()).await.unwrap();
            let Some(last) = page.last() else { break };
            query = query.clone().after(query.cursor(last));
            let ids = page.iter().map(|action| action.id).collect();
            for entry in scheduler.store().logs(ids).await.unwrap() {
                logs.entry(entry.action).or_default().push(entry);
            }
            actions.extend(page.into_iter().map(|action| (action.id, action)));
        }
        let ids = |file: &Path| lines(file).iter().map(|line| line.parse().unwrap()).collect();
        let accepted: HashSet<ActionId> = ids(&scene.folder.accepted());
        let refused: HashSet<String> = lines(&scene.folder.refused()).into_iter().collect();
        let tally = Tally {
            accepted: accepted.len(),
            refused: refused.len(),
            actions: actions.len(),
            ..Tally::default()
        };
        Self {
            outcomes,
            actions,
            logs,
            chains: scheduler.chains(ChainQuery::default()).await.unwrap(),
            calls: scene.calls(),
            accepted,
            to_cancel: ids(&scene.folder.to_cancel()),
            to_rerun: ids(&scene.folder.to_rerun()),
            refused,
            keeps: Keeps::of(&scene.store),
            wrong: Vec::new(),
            tally,
        }
    }

    fn is_wrong(&mut self, id: impl Display, what: impl Display) {
        let log = id.to_string().parse().ok().and_then(|id: ActionId| self.logs.get(&id));
        let log = log.into_iter().flatten().map(|entry| {
            let attempt = entry.attempt.map(|attempt| format!(" {attempt}")).unwrap_or_default();
            format!("{}{attempt}", entry.text())
        });
        let log = log.collect::<Vec<_>>().join("; ");
        self.wrong.push(format!("{id}: {what} [{log}]"));
    }

    /// An accepted action is never lost: it is there, and has come to its end unless it is the next of a chain.
    fn check_accepted(&mut self) {
        let heads: HashSet<ActionId> = self
            .chains
            .iter()
            .filter(|chain| chain.state == ChainState::Active)
            .filter_map(|chain| chain.head)
            .collect();
        for id in self.accepted.clone() {
            if !self.actions.contains_key(&id) {
                self.is_wrong(id, "it was accepted and is lost");
            }
        }
        for action in self.actions.values().cloned().collect::<Vec<_>>() {
            let id = action.id;
            match action.status {
                Status::Complete | Status::Failed => {}
                // Chains are paused, with their instance, by chance.
                Status::Canceled if action.chain.is_some() || self.to_cancel.contains(&id) => {}
                Status::Pending if heads.contains(&id) => {}
                status => self.is_wrong(id, format_args!("left {status}")),
            }
        }
    }

    /// What is said not to be stored is not: whoever was told so may store it again.
    fn check_refused(&mut self) {
        for action in self.actions.values().cloned().collect::<Vec<_>>() {
            let (args, group) = (action.args.as_str(), action.group.as_str());
            if self.refused.contains(&format!("args {args}"))
                || self.refused.contains(&format!("group {group}"))
            {
                self.is_wrong(action.id, "it is stored, and who stored it was told that it is not");
            }
        }
    }

    /// No attempt is called twice, and none is called that the log does not know.
    fn check_calls(&mut self) {
        self.tally.calls = self.calls.len();
        let mut seen = HashSet::new();
        for (id, attempt, hook) in self.calls.clone() {
            let kind = Kind::of(&hook).unwrap();
            if !seen.insert((id, attempt)) {
                self.is_wrong(id, format_args!("attempt {attempt} was called twice"));
            }
            let Some(action) = self.actions.get(&id) else {
                self.is_wrong(id, "it was called and is not in the store");
                continue;
            };
            if action.hook.as_str() != hook {
                self.is_wrong(id, format_args!("it was called as {hook}"));
            }
            let again = self.to_rerun.contains(&id);
            let most = match kind.survives_crashes {
                true => kind.max_attempts.max(CRASH_ATTEMPTS),
                false => kind.max_attempts,
            };
            if attempt > most && !again {
                self.is_wrong(id, format_args!("attempt {attempt} of {most}"));
            }
            let entries = self.logs.get(&id).into_iter().flatten();
            let started = entries.filter(|entry| {
                entry.step == Step::Started && entry.attempt.is_some_and(|a| a.0 == attempt)
            });
            if started.count() == 0 {
                self.is_wrong(id, format_args!("attempt {attempt} was called, never started"));
            }
        }
    }

    /// Every step is in the log, in order, and agrees with what the action is.
    fn check_logs(&mut self) -> HashMap<ActionId, Life> {
        let mut lives = HashMap::new();
        for action in self.actions.values().cloned().collect::<Vec<_>>() {
            let entries = self.logs.get(&action.id).cloned().unwrap_or_default();
            for entry in &entries {
                match entry.step {
                    Step::Crashed if action.chain.is_some() => {
                        self.tally.crashed += 1;
                        self.tally.instances_crashed += 1;
                    }
                    Step::Crashed => self.tally.crashed += 1,
                    Step::Reset => self.tally.given_back += 1,
                    Step::LateResult => self.tally.late_results += 1,
                    Step::Rerun => self.tally.reruns += 1,
                    _ => {}
                }
            }
            let kind = Kind::of(action.hook.as_str()).unwrap();
            match Life::read(&entries, kind) {
                Err(problem) => self.is_wrong(action.id, problem),
                Ok(life) => {
                    if life.status != action.status {
                        self.is_wrong(
                            action.id,
                            format_args!("{} by its log, but {}", life.status, action.status),
                        );
                    }
                    if life.attempt != action.attempts.0 {
                        self.is_wrong(
                            action.id,
                            format_args!("{} attempts, but {}", life.attempt, action.attempts),
                        );
                    }
                    lives.insert(action.id, life);
                }
            }
        }
        lives
    }

    /// What is recorded of an attempt is what its handler reported, and not another one's.
    fn check_outcomes(&mut self, lives: &HashMap<ActionId, Life>) {
        let called: HashSet<(ActionId, u32)> =
            self.calls.iter().map(|(id, attempt, _)| (*id, *attempt)).collect();
        for action in self.actions.values().cloned().collect::<Vec<_>>() {
            let (id, kind) = (action.id, Kind::of(action.hook.as_str()).unwrap());
            for (attempt, end) in lives.get(&id).into_iter().flat_map(|life| &life.ends) {
                let fails = kind.call_fails(self.outcomes, id, action_scheduler::Attempt(*attempt));
                let fits = match end {
                    Step::Complete => !fails,
                    Step::Failed | Step::Retry => fails,
                    _ => continue,
                };
                if !fits || !called.contains(&(id, *attempt)) {
                    self.is_wrong(id, format_args!("attempt {attempt} was not {end:?}"));
                }
            }
        }
    }

    /// A chain neither stops nor doubles: its instances follow one another, and one is live while it is active.
    fn check_chains(&mut self) {
        self.tally.chains = self.chains.len();
        let mut instances: HashMap<_, Vec<Action>> = HashMap::new();
        for action in self.actions.values() {
            if let Some(chain) = action.chain {
                instances.entry(chain).or_default().push(action.clone());
            }
        }
        for chain in self.chains.clone() {
            let line = instances.remove(&chain.id).unwrap_or_default();
            let name = format!("chain {} of {}", chain.id, chain.hook);
            let live: Vec<ActionId> = line
                .iter()
                .filter(|action| !action.status.is_finished())
                .map(|action| action.id)
                .collect();
            let expected: Vec<ActionId> = match chain.state {
                ChainState::Active => chain.head.into_iter().collect(),
                ChainState::Paused | ChainState::Ended => Vec::new(),
            };
            if live != expected || (chain.state == ChainState::Active && live.len() != 1) {
                self.is_wrong(&name, format_args!("{:?}, live are {live:?}", chain.state));
            }
            if line.last().map(|action| action.id) != chain.head {
                self.is_wrong(&name, "its head is not its last instance");
            }
            for pair in line.windows(2) {
                let [before, after] = pair else { continue };
                let clocks = self.keeps.clocks;
                if before.finished_at.is_none_or(|end| after.created_at < end - clocks) {
                    self.is_wrong(
                        &name,
                        format_args!("{} came before the end of {}", after.id, before.id),
                    );
                }
            }
            self.tally.instances_run += line.iter().filter(|action| action.attempts.0 > 0).count();
            let mut dates = HashSet::new();
            // A chain that is paused and resumed before its date has two for it, of which one was canceled.
            for action in line.iter().filter(|action| action.status != Status::Canceled) {
                if self.keeps.microseconds && !dates.insert(action.scheduled_at) {
                    self.is_wrong(&name, format_args!("two instances at {}", action.scheduled_at));
                }
            }
        }
        for chain in instances.into_keys() {
            self.is_wrong(format_args!("chain {chain}"), "it has instances and is not there");
        }
    }

    /// Actions that are stored in one call are stored all or none.
    fn check_bulks(&mut self) {
        let mut bulks: HashMap<String, usize> = HashMap::new();
        for action in self.actions.values() {
            *bulks.entry(action.group.as_str().to_owned()).or_default() += 1;
        }
        bulks.remove("");
        for (group, size) in bulks {
            if size != 5 {
                self.is_wrong(group, format_args!("{size} of 5 were stored"));
            }
        }
    }

    /// Of unique actions with the same args, each was stored after the end of the one before.
    fn check_unique(&mut self) {
        let mut latest: HashMap<String, Action> = HashMap::new();
        for action in self.actions.values().cloned().collect::<Vec<_>>() {
            if action.hook.as_str() != UNIQUE.hook {
                continue;
            }
            if let Some(before) = latest.insert(action.args.as_str().to_owned(), action.clone())
                && before.finished_at.is_none_or(|end| action.created_at < end - self.keeps.clocks)
            {
                self.is_wrong(action.id, format_args!("it was stored beside {}", before.id));
            }
        }
    }

    /// The figures are those of the rows, and nothing is left of those who died.
    async fn check_stats(&mut self, scheduler: &Scheduler) {
        let stats = scheduler.stats().await.unwrap();
        for status in Status::ALL {
            let rows = self.actions.values().filter(|action| action.status == status).count();
            let counted = scheduler.count(Query::new().status(status)).await.unwrap();
            let figure = stats.counts.get(status.as_str()).copied();
            if figure != Some(rows as u64) || counted != rows as u64 {
                self.is_wrong(
                    status,
                    format_args!("{rows} rows, {counted} counted, {figure:?} in the figures"),
                );
            }
        }
        if (stats.claims, stats.runners) != (0, 0) {
            self.is_wrong(
                "left over",
                format_args!("{} claims, {} runners", stats.claims, stats.runners),
            );
        }
    }
}
