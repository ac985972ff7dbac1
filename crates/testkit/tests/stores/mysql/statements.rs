//! Statements for a transaction of the caller's own.

use action_scheduler::action::{ActionId, NewAction, Unique};
use action_scheduler::schedule::{Cadence, Interval, Recurrence, Recurring};
use action_scheduler::store::{Insert, Parameter};
use action_scheduler::{Group, Schedule, Store};
use mysql_async::prelude::Queryable;
use mysql_async::{Params, Value};
use std::time::Duration;

use super::{Site, action, at};

impl Site {
    /// Runs the statements as a caller does that knows nothing of the store; the error, if one is refused.
    async fn run(&mut self, new: NewAction) -> Result<Option<ActionId>, mysql_async::Error> {
        let statements = self.store.insert_statements(&Insert { action: new, log_created: true });
        let mut id = None;
        for statement in statements {
            let parameters: Vec<Value> = statement
                .parameters
                .into_iter()
                .map(|parameter| match parameter {
                    Parameter::Null => Value::NULL,
                    Parameter::Integer(number) => number.into(),
                    Parameter::Text(text) => text.into(),
                })
                .collect();
            let parameters = match parameters.is_empty() {
                true => Params::Empty,
                false => Params::Positional(parameters),
            };
            id = self.plugin.exec_first(&*statement.sql, parameters).await?;
        }
        Ok(id.and_then(ActionId::new))
    }
}

fn hourly() -> Schedule {
    let every = Interval::new(Duration::from_secs(3600), Cadence::AfterRun).unwrap();
    let first = at("2026-03-01T00:00:00.5Z");
    Schedule::Recurring(Recurring { first, recurrence: Recurrence::Interval(every) })
}

#[tokio::test]
async fn an_action_of_a_callers_transaction_is_one_like_any_other() {
    let mut site = Site::new().await;
    let group = || Group::new("It's \"a\" group").unwrap();
    for schedule in [Schedule::Async, Schedule::Single(at("2026-03-01T00:00:00.5Z")), hourly()] {
        let new = || {
            let json = serde_json::json!({ "text": "é/\\'".repeat(100) }).to_string();
            action("send", schedule.clone()).args(json.parse().unwrap()).group(group())
        };
        let theirs = site.run(new()).await.unwrap().expect("an id");
        let ours = site.put(new()).await;
        let columns = "hook, status, scheduled_date_gmt, scheduled_date_local, priority, args, schedule, group_id, \
            attempts, last_attempt_gmt, claim_id, extended_args";
        assert_eq!(site.row(theirs, columns).await, site.row(ours, columns).await);
        assert_eq!(site.texts(theirs).await, ["action created"]);
        let (theirs, ours) = (site.action(theirs).await, site.action(ours).await);
        assert_eq!(theirs.schedule, ours.schedule);
        assert_eq!(theirs.created_at, ours.created_at);
        assert_eq!(theirs.chain.map(|chain| chain.get()), theirs.chain.and(Some(theirs.id.get())));
        assert_eq!(theirs.chain.is_some(), ours.chain.is_some());
    }
}

#[tokio::test]
async fn one_that_is_refused_gives_no_id_and_leaves_nothing() {
    let mut site = Site::new().await;
    for unique in [Unique::Args, Unique::Hook, Unique::Key("key".to_owned())] {
        let hook = format!("{unique:?}");
        let new = || action(&hook, hourly()).unique(unique.clone());
        assert!(site.run(new()).await.unwrap().is_some(), "{unique:?}");
        assert_eq!(site.run(new()).await.unwrap(), None, "{unique:?}");
    }
    let chains = site.store.chains(action_scheduler::store::ChainQuery::default()).await.unwrap();
    assert_eq!(chains.len(), 3);
}

#[tokio::test]
async fn what_is_rolled_back_never_was() {
    let mut site = Site::new().await;
    site.sql("START TRANSACTION").await;
    let id = site.run(action("a", Schedule::Async)).await.unwrap().expect("an id");
    site.sql("ROLLBACK").await;
    assert!(site.store.fetch(vec![id]).await.unwrap().is_empty());
}

#[tokio::test]
async fn args_that_do_not_fit_are_an_error_that_says_so() {
    let mut site = Site::new().await;
    let json = serde_json::json!(["x".repeat(9000)]).to_string();
    let new = action("a", Schedule::Async).args(json.parse().unwrap());
    let refused = site.run(new.clone()).await.unwrap_err().to_string();
    assert!(refused.contains("args"), "{refused}");
    let inserts = vec![Insert { action: new, log_created: true }];
    let refused = site.store.insert(inserts).await.unwrap_err().to_string();
    assert!(refused.contains("at most 8000"), "{refused}");
}
