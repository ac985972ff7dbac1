//! The plugin and this program on one queue: the plugin's statements, run between ours.

use std::time::Duration;

use action_scheduler::action::ActionId;
use action_scheduler::schedule::{Cadence, Interval, Missed, Recurrence, Recurring};
use action_scheduler::store::{ChainQuery, ChainState, Finish, Outcome, Recorded};
use action_scheduler::{Context, Schedule, Status, Store};
use jiff::{SignedDuration, Timestamp};

use super::{Site, action};

impl Site {
    fn gmt(&self, ago: i64) -> String {
        let date = self.now() - SignedDuration::from_secs(ago);
        date.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// The plugin's `stake_claim`.
    pub(super) async fn plugin_claims(&mut self, limit: u32) -> Vec<i64> {
        let now = self.gmt(0);
        self.sql(format!(
            "INSERT INTO wp_actionscheduler_claims (date_created_gmt) VALUES ('{now}')"
        ))
        .await;
        self.sql(format!(
            "UPDATE wp_actionscheduler_actions SET claim_id=LAST_INSERT_ID(), last_attempt_gmt='{now}', \
             last_attempt_local='{now}' WHERE claim_id = 0 AND scheduled_date_gmt <= '{now}' AND status='pending' \
             ORDER BY priority ASC, attempts ASC, scheduled_date_gmt ASC, action_id ASC LIMIT {limit}"
        ))
        .await;
        let rows = self
            .sql(
                "SELECT action_id FROM wp_actionscheduler_actions WHERE claim_id = \
                  (SELECT MAX(claim_id) FROM wp_actionscheduler_claims) ORDER BY action_id",
            )
            .await;
        rows.iter().map(|row| row.get(0).unwrap()).collect()
    }

    /// The plugin's `reset_timeouts` and `mark_failures`: how many each changed.
    async fn plugin_cleans_up(&mut self) -> (u64, u64) {
        let before = self.gmt(300);
        self.sql(format!(
            "UPDATE wp_actionscheduler_actions SET claim_id = 0 WHERE status = 'pending' AND claim_id <> 0 \
             AND last_attempt_gmt <= '{before}'"
        ))
        .await;
        let reset = self.plugin.affected_rows();
        self.sql(format!(
            "UPDATE wp_actionscheduler_actions SET status = 'failed' WHERE status = 'in-progress' \
             AND last_attempt_gmt <= '{before}'"
        ))
        .await;
        (reset, self.plugin.affected_rows())
    }

    /// The plugin runs an action: `log_execution` and `mark_complete`, with its entries.
    async fn plugin_runs(&mut self, id: ActionId) {
        let now = self.gmt(0);
        for (text, set) in [
            ("action started via WP Cron", "attempts = attempts+1, status='in-progress'"),
            ("action complete via WP Cron", "status='complete'"),
        ] {
            self.sql(format!(
                "UPDATE wp_actionscheduler_actions SET {set}, last_attempt_gmt = '{now}' WHERE action_id = {id}"
            ))
            .await;
            self.sql(format!(
                "INSERT INTO wp_actionscheduler_logs (action_id, message, log_date_gmt) VALUES ({id}, '{text}', '{now}')"
            ))
            .await;
        }
    }

    async fn chains(&self) -> Vec<action_scheduler::store::Chain> {
        self.store.chains(ChainQuery::default()).await.unwrap()
    }

    fn advance(&self, seconds: i64) {
        self.store.clock().advance(SignedDuration::from_secs(seconds));
    }
}

fn every(seconds: u64, cadence: Cadence, first: Timestamp) -> Schedule {
    let interval = Interval::new(Duration::from_secs(seconds), cadence).unwrap();
    Schedule::Recurring(Recurring { first, recurrence: Recurrence::Interval(interval) })
}

#[tokio::test]
async fn neither_side_claims_what_the_other_holds() {
    let mut site = Site::new().await;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(site.put(action("a", Schedule::Async)).await);
    }
    let runner = site.runner().await;
    let ours = site.claim(runner, 2).await.unwrap();
    let theirs = site.plugin_claims(2).await;
    let rest = site.claim(runner, 10).await.unwrap();
    assert_eq!(ours.actions.iter().map(|one| one.id).collect::<Vec<_>>(), ids[..2]);
    assert_eq!(theirs, [ids[2].get(), ids[3].get()]);
    assert_eq!(rest.actions.iter().map(|one| one.id).collect::<Vec<_>>(), ids[4..]);
    assert_eq!(site.plugin_claims(10).await, [0_i64; 0]);
    assert!(site.claim(runner, 10).await.is_none());
}

#[tokio::test]
async fn what_others_had_locked_while_a_claim_passed_over_it_is_found() {
    let mut site = Site::new().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(site.put(action("a", Schedule::Async)).await);
    }
    let runner = site.runner().await;
    site.sql("BEGIN").await;
    site.sql(format!(
        "SELECT action_id FROM wp_actionscheduler_actions WHERE action_id = {} FOR UPDATE",
        ids[0]
    ))
    .await;
    let passed_over = site.claim(runner, 9).await.unwrap();
    assert_eq!(passed_over.actions.iter().map(|one| one.id).collect::<Vec<_>>(), ids[1..]);
    site.sql("ROLLBACK").await;
    let found = site.claim(runner, 9).await.expect("the one that was locked");
    assert_eq!(found.actions[0].id, ids[0]);
}

#[tokio::test]
async fn claims_of_both_count_when_they_are_capped() {
    use action_scheduler::store::{ClaimFilter, ClaimRequest, Claiming, Pick};
    let mut site = Site::new().await;
    for _ in 0..3 {
        site.put(action("a", Schedule::Async)).await;
    }
    site.plugin_claims(1).await;
    let runner = site.runner().await;
    let pick = Pick::Due(ClaimFilter::default());
    let capped = ClaimRequest { runner, limit: 1, pick, open_claims: Some(1) };
    assert!(matches!(site.store.claim(capped).await.unwrap(), Claiming::Full));
}

#[tokio::test]
async fn what_a_living_runner_holds_is_not_reset_by_the_plugin() {
    let mut site = Site::new().await;
    for _ in 0..2 {
        site.put(action("a", Schedule::Async)).await;
    }
    let runner = site.runner().await;
    let running = site.claim(runner, 1).await.unwrap();
    site.start(&running).await;
    let started = site.action(running.actions[0].id).await.started_at;
    site.claim(runner, 1).await.unwrap();
    for _ in 0..20 {
        site.advance(30);
        assert!(site.store.heartbeat(runner).await.unwrap());
        assert_eq!(site.plugin_cleans_up().await, (0, 0));
    }
    assert_eq!(site.action(running.actions[0].id).await.started_at, started);
    // One that does not beat is taken for dead, by both sides.
    site.advance(301);
    assert_eq!(site.plugin_cleans_up().await, (1, 1));
}

#[tokio::test]
async fn what_the_plugin_left_behind_is_recovered_after_its_own_time() {
    let mut site = Site::new().await;
    let pending = site.put(action("a", Schedule::Async)).await;
    let running = site.put(action("a", Schedule::Async)).await;
    site.plugin_claims(2).await;
    let now = site.gmt(0);
    site.sql(format!(
        "UPDATE wp_actionscheduler_actions SET attempts = 1, status = 'in-progress', last_attempt_gmt = '{now}' \
         WHERE action_id = {running}"
    ))
    .await;
    let context = Context::new("serve");
    site.advance(299);
    let recovery = site.store.recover(Vec::new(), &context).await.unwrap();
    assert_eq!((recovery.released, recovery.stranded.len()), (0, 0));
    site.advance(2);
    let recovery = site.store.recover(Vec::new(), &context).await.unwrap();
    assert_eq!((recovery.released, recovery.stranded.len()), (1, 1));
    assert_eq!(recovery.stranded[0].action.id, running);
    assert_eq!(site.action(pending).await.claim, None);
}

#[tokio::test]
async fn what_is_in_progress_in_nobodys_name_is_recovered_after_the_same_time() {
    let mut site = Site::new().await;
    let orphan = site.put(action("a", Schedule::Async)).await;
    let now = site.gmt(0);
    site.sql(format!(
        "UPDATE wp_actionscheduler_actions SET status = 'in-progress', attempts = 1, last_attempt_gmt = '{now}' \
         WHERE action_id = {orphan}"
    ))
    .await;
    let context = Context::new("test");
    let recovery = site.store.recover(Vec::new(), &context).await.unwrap();
    assert_eq!(recovery.stranded, []);
    site.advance(301);
    let recovery = site.store.recover(Vec::new(), &context).await.unwrap();
    let stranded: Vec<ActionId> =
        recovery.stranded.iter().map(|stranded| stranded.action.id).collect();
    assert_eq!(stranded, [orphan]);
    let crashed = Finish {
        action: orphan,
        claim: recovery.stranded[0].claim,
        attempt: recovery.stranded[0].action.attempts,
        outcome: Outcome::Crashed,
        entries: Vec::new(),
        succession: None,
    };
    let recorded = site.store.finish(vec![crashed], &context).await.unwrap();
    assert_eq!(recorded, [Recorded::Yes { next: None, paused: None }]);
    assert_eq!(site.action(orphan).await.status, Status::Failed);
    let claims = site.sql("SELECT COUNT(*) FROM wp_actionscheduler_claims").await;
    assert_eq!(claims[0].get::<u64, _>(0), Some(0));
}

#[tokio::test]
async fn a_recurring_action_of_the_plugins_goes_on_here_and_stays_one_of_its_own() {
    let mut site = Site::new().await;
    let hourly = every(3600, Cadence::AfterRun, site.now());
    let ours = site.put(action("renew", hourly)).await;
    // As if the plugin had stored it: without a word of ours.
    for table in ["times", "instances", "chains"] {
        site.sql(format!("DELETE FROM wp_action_scheduler_{table}")).await;
    }
    let runner = site.runner().await;
    let claim = site.claim(runner, 1).await.unwrap();
    assert_eq!(claim.actions[0].id, ours);
    assert!(claim.actions[0].chain.is_some(), "it was not adopted");
    let Recorded::Yes { next: Some(next), .. } = site.complete(&claim).await else {
        panic!("no next instance");
    };
    assert_eq!(site.action(next).await.scheduled_at, site.now() + SignedDuration::from_hours(1));
    let schedule = site.row(next, "schedule").await;
    assert!(
        schedule[0].starts_with("O:32:\"ActionScheduler_IntervalSchedule\":5:"),
        "{schedule:?}"
    );
    assert_eq!(site.texts(next).await, ["action created"]);
    assert_eq!(site.chains().await.len(), 1);
}

#[tokio::test]
async fn a_chain_whose_instance_the_plugin_ran_goes_on_with_the_plugins_next_one() {
    let mut site = Site::new().await;
    let first = site.put(action("renew", every(3600, Cadence::AfterRun, site.now()))).await;
    let chain = site.chains().await[0].id;
    site.plugin_runs(first).await;
    // What the plugin stores next is a row like the first one.
    site.sql(format!(
        "INSERT INTO wp_actionscheduler_actions (hook, status, scheduled_date_gmt, args, schedule, group_id) \
         SELECT hook, 'pending', scheduled_date_gmt + INTERVAL 1 HOUR, args, schedule, group_id \
         FROM wp_actionscheduler_actions WHERE action_id = {first}"
    ))
    .await;
    let chains = site.chains().await;
    assert_eq!(chains.len(), 1, "{chains:?}");
    assert_eq!((chains[0].id, chains[0].state), (chain, ChainState::Active));
    let next = chains[0].head.unwrap();
    assert!(next > first);
    assert_eq!(site.action(next).await.chain, Some(chain));
    assert_eq!(site.action(first).await.status, Status::Complete);
}

#[tokio::test]
async fn a_chain_that_the_plugin_cannot_continue_is_continued_here() {
    let mut site = Site::new().await;
    let start = site.now();
    let first =
        site.put(action("renew", every(3600, Cadence::FixedRate(Missed::Skip), start))).await;
    // The plugin sees a single action, and stores nothing after it.
    let schedule = site.row(first, "schedule").await;
    assert!(schedule[0].starts_with("O:30:\"ActionScheduler_SimpleSchedule\""), "{schedule:?}");
    site.plugin_runs(first).await;
    let context = Context::new("serve");
    site.store.recover(Vec::new(), &context).await.unwrap();
    assert_eq!(site.chains().await[0].head, Some(first), "the plugin has a minute");
    site.advance(61);
    site.store.recover(Vec::new(), &context).await.unwrap();
    let chain = &site.chains().await[0];
    let next = site.action(chain.head.unwrap()).await;
    assert_eq!(next.scheduled_at, start + SignedDuration::from_hours(1));
    site.store.recover(Vec::new(), &context).await.unwrap();
    assert_eq!(site.chains().await[0].head, Some(next.id), "continued twice");
}

#[tokio::test]
async fn a_chain_whose_instance_the_plugin_canceled_or_deleted_ends() {
    let mut site = Site::new().await;
    let canceled = site.put(action("a", every(3600, Cadence::AfterRun, site.now()))).await;
    let deleted = site.put(action("b", every(3600, Cadence::AfterRun, site.now()))).await;
    site.sql(format!(
        "UPDATE wp_actionscheduler_actions SET status = 'canceled' WHERE action_id = {canceled}"
    ))
    .await;
    site.sql(format!("DELETE FROM wp_actionscheduler_actions WHERE action_id = {deleted}")).await;
    site.store.recover(Vec::new(), &Context::new("serve")).await.unwrap();
    for chain in site.chains().await {
        assert_eq!(chain.state, ChainState::Ended, "{chain:?}");
    }
}

#[tokio::test]
async fn a_result_about_what_the_plugin_took_over_changes_nothing() {
    let mut site = Site::new().await;
    let id = site.put(action("a", Schedule::Async)).await;
    let runner = site.runner().await;
    let claim = site.claim(runner, 1).await.unwrap();
    site.start(&claim).await;
    site.advance(301);
    assert_eq!(site.plugin_cleans_up().await, (0, 1));
    let finish = action_scheduler::store::Finish {
        action: id,
        claim: claim.id,
        attempt: action_scheduler::action::Attempt(1),
        outcome: action_scheduler::store::Outcome::Complete,
        entries: Vec::new(),
        succession: None,
    };
    let answer = site.store.finish(vec![finish], &Context::new("serve")).await.unwrap();
    assert_eq!(answer, [Recorded::Superseded]);
    assert_eq!(site.action(id).await.status, Status::Failed);
}

#[tokio::test]
async fn what_belongs_to_actions_that_the_plugin_deleted_is_cleaned() {
    let mut site = Site::new().await;
    for _ in 0..3 {
        site.put(action("a", every(60, Cadence::AfterRun, site.now()))).await;
    }
    site.sql("DELETE FROM wp_actionscheduler_actions").await;
    while site.store.clean_orphans(2).await.unwrap() > 0 {}
    for table in ["actionscheduler_logs", "action_scheduler_times", "action_scheduler_instances"] {
        let left = site.sql(format!("SELECT * FROM wp_{table}")).await;
        assert_eq!(left.len(), 0, "{table}");
    }
}

#[tokio::test]
async fn the_plugins_empty_claim_is_left_to_it() {
    let mut site = Site::new().await;
    let now = site.gmt(0);
    site.sql(format!("INSERT INTO wp_actionscheduler_claims (date_created_gmt) VALUES ('{now}')"))
        .await;
    assert_eq!(site.store.clean_orphans(10).await.unwrap(), 0);
    site.advance(25 * 3600);
    assert_eq!(site.store.clean_orphans(10).await.unwrap(), 1);
}
