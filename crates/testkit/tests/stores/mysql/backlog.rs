//! A backlog that is longer than what a store keeps in mind of it.

use std::collections::BTreeSet;
use std::time::Duration;

use action_scheduler::RunnerId;
use action_scheduler::store::{Claim, ClaimFilter, ClaimRequest, Claiming, Pick};

use super::Site;

/// More than is kept in mind at first, and more than is read on at once.
const LENGTH: usize = 90_000;

const BATCH: u32 = 9_000;

impl Site {
    /// Stores a backlog as the plugin stores actions; those with smaller ids are due earlier, and of so many one is less
    /// urgent than the others.
    async fn put_backlog(&mut self, less_urgent: usize) {
        let noon = self.now().strftime("%Y-%m-%d %H:%M:%S");
        let due = format!("DATE_SUB('{noon}', INTERVAL {LENGTH} - seq SECOND)");
        let urgency = format!("IF(seq % {less_urgent} = 0, 20, 10)");
        self.sql(format!(
            "INSERT INTO wp_actionscheduler_actions (hook, status, scheduled_date_gmt, scheduled_date_local, priority, \
             args, schedule, group_id, attempts, claim_id) SELECT 'a', 'pending', {due}, {due}, {urgency}, '[]', \
             'O:28:\"ActionScheduler_NullSchedule\":0:{{}}', 0, 0, 0 FROM seq_1_to_{LENGTH}"
        ))
        .await;
    }

    async fn claims_all(&self, runner: RunnerId) -> Vec<Claim> {
        let mut claims = Vec::new();
        while let Some(claim) = self.claim(runner, BATCH).await {
            claims.push(claim);
        }
        claims
    }
}

#[tokio::test]
async fn it_is_worked_through_in_claim_order() {
    is_worked_through_in_claim_order(10).await;
}

#[tokio::test]
async fn it_is_worked_through_in_claim_order_where_every_other_one_comes_later() {
    is_worked_through_in_claim_order(2).await;
}

async fn is_worked_through_in_claim_order(less_urgent: usize) {
    let mut site = Site::new().await;
    site.put_backlog(less_urgent).await;
    let runner = site.runner().await;
    let claims = site.claims_all(runner).await;
    let actions = || claims.iter().flat_map(|claim| &claim.actions);
    let order: Vec<_> = actions()
        .map(|action| (action.priority, action.attempts, action.scheduled_at, action.id))
        .collect();
    assert_eq!(order.len(), LENGTH);
    assert!(order.is_sorted());
}

#[tokio::test]
async fn what_the_plugin_puts_back_at_its_beginning_is_found() {
    let mut site = Site::new().await;
    site.put_backlog(10).await;
    let theirs = site.plugin_claims(3).await;
    let runner = site.runner().await;
    assert!(site.claim(runner, 10).await.is_some());
    let [first, .., last] = theirs[..] else { panic!("they claim three") };
    site.sql(format!(
        "UPDATE wp_actionscheduler_actions SET claim_id = 0 WHERE action_id BETWEEN {first} AND {last}"
    ))
    .await;
    let find = async {
        let mut missing: BTreeSet<i64> = theirs.into_iter().collect();
        while !missing.is_empty() {
            let claim = site.claim(runner, 1).await.expect("more of the backlog");
            missing.remove(&claim.actions[0].id.get());
        }
    };
    tokio::time::timeout(Duration::from_secs(45), find).await.expect("before the rest");
}

#[tokio::test]
async fn several_take_each_action_once_and_leave_none() {
    let mut site = Site::new().await;
    site.put_backlog(10).await;
    let stores = [site.share().await, site.share().await, site.share().await];
    let mut runners = Vec::new();
    for _ in &stores {
        runners.push(site.runner().await);
    }
    let mut ids = BTreeSet::new();
    let mut taken = 0;
    let mut idle = 0;
    for (store, runner) in stores.iter().zip(runners).cycle() {
        let pick = Pick::Due(ClaimFilter::default());
        let request = ClaimRequest { runner, limit: BATCH, pick, open_claims: None };
        let Claiming::Claimed(claim) = store.claim(request).await.unwrap() else {
            idle += 1;
            if idle == stores.len() {
                break;
            }
            continue;
        };
        idle = 0;
        taken += claim.actions.len();
        ids.extend(claim.actions.iter().map(|action| action.id));
    }
    assert_eq!((taken, ids.len()), (LENGTH, LENGTH));
}
