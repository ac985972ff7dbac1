//! The store in the plugin's tables, on MariaDB.

mod backlog;
mod bad_rows;
mod fixture;
mod lost;
mod moving;
mod opening;
mod optimize;
mod posts;
mod statements;
mod together;

use action_scheduler::action::{ActionId, Attempt, NewAction, RunnerId};
use action_scheduler::store::mysql::MySqlStore;
use action_scheduler::store::{
    Claim, ClaimFilter, ClaimRequest, Claiming, Finish, Insert, NewRunner, Outcome, Pick, Recorded,
    Start, Started, Succession,
};
use action_scheduler::time::Clock;
use action_scheduler::{Action, Context, Hook, Schedule, Store};
use jiff::Timestamp;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use testkit::StoreUnderTest;
use testkit::conformance::{ArgsKept, DatesKept, Limits, NOON};
use testkit::servers::mariadb::connect;
use testkit::servers::{Database, MariaDb};

const LIMITS: Limits =
    Limits { dates: DatesKept::Seconds, args: ArgsKept::AsPhp { longest: 8_000 } };

pub(crate) async fn make_store(clock: Clock) -> StoreUnderTest {
    let database = MariaDb::shared().await.create_database().await;
    let store = MySqlStore::open(&database.url().parse().unwrap(), clock).await.unwrap();
    StoreUnderTest::with_guard(store, database).with_limits(LIMITS)
}

testkit::conformance_suite!(make_store);
testkit::model_suite!(make_store);

/// A store, and a connection to the same tables as the plugin has one. The clock stands at noon.
struct Site {
    store: MySqlStore,
    plugin: Conn,
    database: Database,
}

impl Site {
    /// A site without WordPress' own tables.
    async fn new() -> Self {
        Self::on(MariaDb::shared().await.create_database().await).await
    }

    async fn on(database: Database) -> Self {
        Self::at(database, Clock::manual(NOON.parse().unwrap())).await
    }

    async fn at(database: Database, clock: Clock) -> Self {
        let store = MySqlStore::open(&database.url().parse().unwrap(), clock).await.unwrap();
        let mut plugin = connect(database.url()).await;
        // As WordPress sets it.
        plugin.query_drop("SET NAMES utf8mb4, sql_mode = 'NO_ENGINE_SUBSTITUTION'").await.unwrap();
        Self { store, plugin, database }
    }

    /// The same tables, opened once more.
    async fn share(&self) -> StoreUnderTest {
        let url = self.database.url().parse().unwrap();
        let store = MySqlStore::open(&url, self.store.clock().clone()).await.unwrap();
        StoreUnderTest::new(store)
    }

    /// The store alone.
    fn into_store(self) -> StoreUnderTest {
        StoreUnderTest::with_guard(self.store, self.database)
    }

    fn now(&self) -> Timestamp {
        self.store.clock().now()
    }

    async fn put(&self, action: NewAction) -> ActionId {
        let inserts = vec![Insert { action, log_created: true }];
        self.store.insert(inserts).await.unwrap()[0].expect("the action not to be refused")
    }

    async fn action(&self, id: ActionId) -> Action {
        self.store.fetch(vec![id]).await.unwrap().pop().expect("the action to exist")
    }

    async fn runner(&self) -> RunnerId {
        let runner = NewRunner {
            process: None,
            name: "host:1".to_owned(),
            context: Context::new("serve"),
            workers: 4,
            lease: std::time::Duration::from_secs(60),
        };
        self.store.register(runner).await.unwrap()
    }

    async fn claim(&self, runner: RunnerId, limit: u32) -> Option<Claim> {
        let pick = Pick::Due(ClaimFilter::default());
        let request = ClaimRequest { runner, limit, pick, open_claims: None };
        match self.store.claim(request).await.unwrap() {
            Claiming::Claimed(claim) => Some(claim),
            Claiming::Nothing => None,
            Claiming::Full => panic!("no cap was set"),
        }
    }

    /// Starts all that a claim holds.
    async fn start(&self, claim: &Claim) -> Vec<Attempt> {
        let starts = claim.actions.iter();
        let starts =
            starts.map(|action| Start { action: action.id, claim: claim.id, log: true }).collect();
        let started = self.store.start(starts, &Context::new("serve")).await.unwrap();
        let attempt = |started| match started {
            Started::Yes(attempt) => attempt,
            Started::Ignored => panic!("it could not be started"),
        };
        started.into_iter().map(attempt).collect()
    }

    /// Runs the first action of a claim to its success; its chain goes on as it says.
    async fn complete(&self, claim: &Claim) -> Recorded {
        let action = &claim.actions[0];
        let attempt = self.start(claim).await[0];
        let succession = action.chain.as_ref().map(|chain| {
            let recurring = chain.recurring.as_ref().expect("a schedule");
            let next = recurring.next(action.scheduled_at, self.now());
            Succession { chain: chain.id, next, failure_threshold: None }
        });
        let entry = action_scheduler::log::NewLogEntry {
            at: None,
            step: action_scheduler::log::Step::Complete,
            message: None,
        };
        let finish = Finish {
            action: action.id,
            claim: claim.id,
            attempt,
            outcome: Outcome::Complete,
            entries: vec![entry],
            succession,
        };
        self.store.finish(vec![finish], &Context::new("serve")).await.unwrap()[0]
    }

    /// Runs a statement as the plugin.
    async fn sql(&mut self, sql: impl AsRef<str>) -> Vec<Row> {
        self.plugin.query(sql.as_ref()).await.unwrap()
    }

    /// The columns of the plugin's row of an action, as text.
    async fn row(&mut self, id: ActionId, columns: &str) -> Vec<String> {
        let sql =
            format!("SELECT {columns} FROM wp_actionscheduler_actions WHERE action_id = {id}");
        let row: Row = self.plugin.query_first(sql).await.unwrap().expect("a row");
        let text = |value| mysql_async::from_value::<Option<String>>(value);
        row.unwrap().into_iter().map(|value| text(value).unwrap_or("NULL".into())).collect()
    }

    async fn texts(&mut self, id: ActionId) -> Vec<String> {
        let sql = format!(
            "SELECT message FROM wp_actionscheduler_logs WHERE action_id = {id} ORDER BY log_id"
        );
        self.plugin.query(sql).await.unwrap()
    }
}

fn action(hook: &str, schedule: Schedule) -> NewAction {
    NewAction::new(Hook::new(hook).unwrap(), schedule)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
