//! A store that fails when it is told to: what a database that goes away looks like from above.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use action_scheduler::store::{Around, Call, Insert};
use action_scheduler::{Error, Result, Store, StoreError, StoreErrorKind};
use tokio::sync::Notify;

/// When the store goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Instead of doing what the call after so many others asks for.
    Before(u32),
    /// When it has done that, and before it tells.
    After(u32),
}

impl Fault {
    fn calls_left(&mut self) -> &mut u32 {
        match self {
            Fault::Before(calls) | Fault::After(calls) => calls,
        }
    }
}

/// How it treats its callers.
#[derive(Clone, Copy)]
enum Manners {
    Works,
    Refuses,
    IsSilent,
}

/// A store over another one, that can be made unreachable.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    manners: Mutex<Manners>,
    refused: AtomicU32,
    finishes: AtomicU32,
    claims: AtomicU32,
    fault: Mutex<Option<Fault>>,
    late: Mutex<Option<Insert>>,
    stand_still: Mutex<Option<(Call, StandStill)>>,
    stand_still_after_claim: Mutex<Option<StandStill>>,
}

/// A caller that stands still.
#[derive(Debug, Clone, Default)]
pub struct StandStill {
    /// Told when it does.
    pub begun: Arc<Notify>,
    /// Awaited before it goes on.
    pub go_on: Arc<Notify>,
}

impl StandStill {
    async fn stand(&self) {
        self.begun.notify_one();
        self.go_on.notified().await;
    }
}

impl FaultyStore {
    /// A store that works.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            manners: Mutex::new(Manners::Works),
            refused: AtomicU32::new(0),
            finishes: AtomicU32::new(0),
            claims: AtomicU32::new(0),
            fault: Mutex::new(None),
            late: Mutex::new(None),
            stand_still: Mutex::new(None),
            stand_still_after_claim: Mutex::new(None),
        }
    }

    /// From now on every call fails.
    pub fn go_away(&self) {
        *self.manners.lock().unwrap() = Manners::Refuses;
    }

    /// From now on no call is ever answered.
    pub fn fall_silent(&self) {
        *self.manners.lock().unwrap() = Manners::IsSilent;
    }

    /// It goes away at this moment.
    pub fn go_away_at(&self, fault: Fault) {
        *self.fault.lock().unwrap() = Some(fault);
    }

    /// From now on it works again.
    pub fn come_back(&self) {
        *self.fault.lock().unwrap() = None;
        *self.manners.lock().unwrap() = Manners::Works;
    }

    /// Stores this action right after a runner has looked for the next date, and before it is told.
    pub fn insert_after_look(&self, insert: Insert) {
        *self.late.lock().unwrap() = Some(insert);
    }

    /// Has the next caller that asks for this stand still before it is done.
    pub fn stand_still_before(&self, call: Call, stand_still: StandStill) {
        *self.stand_still.lock().unwrap() = Some((call, stand_still));
    }

    /// Has the next claim stand still when it is made, and before its answer is told.
    pub fn stand_still_after_claim(&self, stand_still: StandStill) {
        *self.stand_still_after_claim.lock().unwrap() = Some(stand_still);
    }

    /// How many calls have failed so far.
    pub fn refused(&self) -> u32 {
        self.refused.load(Ordering::SeqCst)
    }

    /// How often it was asked to record results so far, whether or not it did.
    pub fn finishes(&self) -> u32 {
        self.finishes.load(Ordering::SeqCst)
    }

    /// How often it was asked to claim so far.
    pub fn claims(&self) -> u32 {
        self.claims.load(Ordering::SeqCst)
    }

    /// Refuses a call before it is made, or lets it never be answered.
    async fn reach(&self) -> Result<()> {
        if let Some(fault) = &mut *self.fault.lock().unwrap() {
            match (*fault.calls_left(), &fault) {
                (0, Fault::Before(_)) => self.go_away(),
                (0, Fault::After(_)) => {}
                (left, _) => *fault.calls_left() = left - 1,
            }
        }
        let manners = *self.manners.lock().unwrap();
        match manners {
            Manners::Works => Ok(()),
            Manners::Refuses => Err(self.refusal()),
            Manners::IsSilent => std::future::pending().await,
        }
    }

    fn refusal(&self) -> Error {
        self.refused.fetch_add(1, Ordering::SeqCst);
        StoreError::new(StoreErrorKind::Unavailable, "the store is away").into()
    }

    /// The answer to a call, unless the store goes away before it is told.
    fn answer<T>(&self, answer: Result<T>) -> Result<T> {
        if matches!(*self.fault.lock().unwrap(), Some(Fault::After(0))) {
            self.go_away();
            return Err(self.refusal());
        }
        answer
    }
}

impl Around for FaultyStore {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }

    async fn around<T: Send>(
        &self,
        call: Call,
        answer: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        match call {
            Call::Claim => drop(self.claims.fetch_add(1, Ordering::SeqCst)),
            Call::Finish => drop(self.finishes.fetch_add(1, Ordering::SeqCst)),
            _ => {}
        }
        let stand_still = self.stand_still.lock().unwrap().take_if(|(awaited, _)| *awaited == call);
        if let Some((_, stand_still)) = stand_still {
            stand_still.stand().await;
        }
        self.reach().await?;
        let answer = self.answer(answer.await);
        let stand_still = match call {
            Call::Claim => self.stand_still_after_claim.lock().unwrap().take(),
            _ => None,
        };
        if let Some(stand_still) = stand_still {
            stand_still.stand().await;
        }
        let late = match call {
            Call::NextDue => self.late.lock().unwrap().take(),
            _ => None,
        };
        if let Some(insert) = late {
            self.inner.insert(vec![insert]).await?;
            // The wake-up is to be there first.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        answer
    }
}
