//! Waiting for the end of an action.

use std::time::Duration;

use super::Scheduler;
use crate::action::{Action, ActionId};
use crate::error::Result;

/// How often to look, whatever happens in between: nobody tells of what another scheduler does with the same store in
/// this process.
const LOOK: Duration = Duration::from_secs(5);

impl Scheduler {
    /// Waits until an action is complete, failed or canceled, and gives it as it is then. Between two attempts it is none
    /// of these. One that ran into its timeout is failed, although its handler may still go on and make it complete.
    ///
    /// It learns at once of what is done with this scheduler and its clones, and by other processes. There is no limit to
    /// the time; [`tokio::time::timeout`] sets one.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use action_scheduler::{Failure, Runner, RunnerConfig, Scheduler, Shutdown, Status};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let file = folder.path().join("shop.db");
    /// let scheduler = Scheduler::open(&format!("sqlite:{}", file.display())).await?;
    /// scheduler.on("greet", |_: (), _| async { Ok::<(), Failure>(()) })?;
    /// let shutdown = Shutdown::new();
    /// let runner = Runner::new(scheduler.clone(), RunnerConfig::default());
    /// let running = tokio::spawn(runner.run(shutdown.clone()));
    ///
    /// let id = scheduler.enqueue_async("greet", ()).await?.expect("it is not unique");
    /// assert_eq!(scheduler.wait(id).await?.status, Status::Complete);
    /// # shutdown.stop();
    /// # running.await.unwrap()?;
    /// # Ok::<(), action_scheduler::Error>(()) }).unwrap();
    /// ```
    pub async fn wait(&self, id: ActionId) -> Result<Action> {
        let mut here = self.0.ends.subscribe();
        let mut elsewhere = self.0.store.wake();
        loop {
            // What happens from here on is not in the answer.
            here.mark_unchanged();
            elsewhere.mark_unchanged();
            let action = self.fetch(id).await?;
            if action.status.is_finished() {
                return Ok(action);
            }
            tokio::select! {
                Ok(()) = here.changed() => {}
                Ok(()) = elsewhere.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Tells those who wait that actions have come to their end.
    pub(crate) fn tell_of_ends(&self) {
        self.0.ends.send_modify(|times| *times = times.wrapping_add(1));
    }
}
