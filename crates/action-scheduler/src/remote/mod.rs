//! Remote workers: programs in any language, on any machine, that ask for actions and report how they came out. No HTTP
//! here: a server puts this hub on the wire.
//!
//! A remote worker is a [runner](crate::runner) in the store, with a lease and a heartbeat of its own, so that all that is
//! true of runners is true of it: what it claims is committed as in-progress before it is told, what it reports counts only
//! while the attempt is its own, and what it holds is recovered when it gives no sign of life. Nothing that matters lives
//! in the hub: a worker goes on when the server was started again, or through another server on the same store.
//!
//! Hooks are left to remote workers with [`Scheduler::bind_remote`]; runners then pass over them, and workers get no others.
//!
//! - `register` knows the workers and beats for those that wait;
//! - `line` has workers that want the same wait in one line, of which only the first looks at the store;
//! - `handing` claims, starts and hands out; `charge` knows what is handed out;
//! - `report` takes results, notes and signs of life; `record` stores what follows from them;
//! - `sweep` marks what ran too long, and recovers what the dead left behind.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use std::time::Duration;
//!
//! use action_scheduler::remote::{Ask, NewWorker, RemoteWorkers, Report, WorkResult};
//! use action_scheduler::{Hook, Scheduler, Shutdown, Status};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let file = folder.path().join("shop.db");
//! let scheduler = Scheduler::open(&format!("sqlite:{}", file.display())).await?;
//! scheduler.bind_remote("resize_*".parse()?);
//! let id = scheduler.enqueue_async("resize_image", ["cat.png"]).await?.expect("it is not unique");
//!
//! let workers = RemoteWorkers::new(scheduler.clone());
//! let shutdown = Shutdown::new();
//! let keeping = tokio::spawn(workers.clone().keep(shutdown.clone()));
//!
//! let worker = workers.register(NewWorker::new("resizer")?).await?;
//! let ask = Ask::new(vec![Hook::new("resize_image")?]).wait(Duration::from_secs(20));
//! for work in workers.claim(worker, ask).await? {
//!     assert_eq!(work.action.args.as_str(), r#"["cat.png"]"#);
//!     let report = Report { ticket: work.ticket, result: WorkResult::Complete };
//!     assert!(workers.report(worker, vec![report]).await?[0].is_ok());
//! }
//! assert_eq!(scheduler.fetch(id).await?.status, Status::Complete);
//! # shutdown.stop();
//! # keeping.await.unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```

mod answers;
mod charge;
mod handing;
mod line;
mod record;
mod register;
mod report;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::answers::{
    Accepted, Ask, Assignment, Lost, NewWorker, Note, RemoteError, Report, Ticket, WorkResult,
};
use self::charge::Charge;
use self::line::Lines;
use self::record::Recording;
use self::register::Register;
use crate::action::RunnerId;
use crate::error::{StoreError, StoreErrorKind};
use crate::runner::Shutdown;
use crate::runner::plan::Plans;
use crate::scheduler::Scheduler;

/// The hub between a scheduler and its remote workers. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct RemoteWorkers(Arc<Hub>);

struct Hub {
    scheduler: Scheduler,
    register: Register,
    lines: Lines,
    charge: Charge,
    recording: Recording,
    plans: std::sync::Mutex<Plans>,
    /// One sweep at a time.
    sweeping: tokio::sync::Mutex<()>,
    /// What is under way whether or not someone still waits for it.
    tasks: TaskTracker,
    /// Nobody waits for work any more.
    closing: CancellationToken,
}

impl RemoteWorkers {
    /// The shortest and the longest lease a worker may have.
    pub const LEASES: std::ops::RangeInclusive<Duration> =
        Duration::from_secs(5)..=Duration::from_secs(3600);
    /// The most actions that are handed out, or reported, at once.
    pub const MOST: usize = 1000;
    /// The longest a claim waits.
    pub const LONGEST_WAIT: Duration = Duration::from_secs(60);

    /// A hub over a scheduler. Workers that wait are kept alive, and what ran too long is marked, by
    /// [`RemoteWorkers::keep`], which has to run beside it.
    pub fn new(scheduler: Scheduler) -> Self {
        let wake = scheduler.store().wake();
        Self(Arc::new(Hub {
            register: Register::default(),
            lines: Lines::new(wake),
            charge: Charge::default(),
            recording: Recording::default(),
            plans: std::sync::Mutex::new(Plans::new(scheduler.clone())),
            sweeping: tokio::sync::Mutex::default(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
            scheduler,
        }))
    }

    /// Keeps house until it is told to stop; then those who wait get nothing, and what is under way comes to its end.
    pub async fn keep(self, shutdown: Shutdown) {
        let house = async {
            tokio::join!(self.0.keep_alive(), self.0.keep_time(), self.0.keep_recovering())
        };
        tokio::select! {
            _ = house => {}
            () = shutdown.stopping() => {}
        }
        self.0.closing.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Makes a worker known. Its name shows in the log, as `remote: NAME`.
    pub async fn register(&self, worker: NewWorker) -> Result<RunnerId, RemoteError> {
        self.0.sign_on(worker).await
    }

    /// Forgets a worker that stops in good order. What it still has in-progress is taken for lost, as by a crash.
    pub async fn unregister(&self, worker: RunnerId) -> Result<(), RemoteError> {
        self.0.sign_off(worker).await
    }

    /// Claims and starts what is due, and hands it out; waits for something to be due as long as it is asked to. A worker
    /// that waits is kept alive. Of those that wait for the same, the one that came first is served first.
    ///
    /// Dropped before it is done, it gives back what was claimed for it.
    pub async fn claim(&self, worker: RunnerId, ask: Ask) -> Result<Vec<Assignment>, RemoteError> {
        self.0.claim(worker, ask).await
    }

    /// Gives a sign of life, and says which of the attempts that a worker runs are no longer its own: they are to be
    /// stopped.
    pub async fn heartbeat(
        &self,
        worker: RunnerId,
        running: Vec<Ticket>,
    ) -> Result<Vec<(Ticket, Lost)>, RemoteError> {
        self.0.heartbeat(worker, running).await
    }

    /// Adds notes to the log of actions that a worker runs. One answer for each, in order.
    pub async fn log(
        &self,
        worker: RunnerId,
        notes: Vec<Note>,
    ) -> Result<Vec<Result<(), Lost>>, RemoteError> {
        self.0.note(worker, notes).await
    }

    /// Records how attempts came out. One answer for each, in order; the same report made twice is answered alike.
    ///
    /// When it gives an error, the results may be reported again.
    pub async fn report(
        &self,
        worker: RunnerId,
        reports: Vec<Report>,
    ) -> Result<Vec<Result<Accepted, Lost>>, RemoteError> {
        let hub = Arc::clone(&self.0);
        // It is done as a whole, whether or not the worker still waits for the answer.
        let reported = self.0.tasks.spawn(async move { hub.report(worker, reports).await });
        reported.await.unwrap_or_else(|error| {
            let problem = format!("recording results was cut off: {error}");
            Err(RemoteError::Error(StoreError::new(StoreErrorKind::Other, problem).into()))
        })
    }
}
