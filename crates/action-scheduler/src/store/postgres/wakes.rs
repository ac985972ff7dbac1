//! Waking: who waits for work in this process at once, and those in other processes by NOTIFY.
//!
//! A NOTIFY that is part of a transaction holds a lock of the whole server while it commits, so that writers would wait for
//! each other's disk. So only the first insert in a while carries one; what follows shortly after is announced apart,
//! many inserts at a time, and results of actions are never held up by it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, future::poll_fn};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, mpsc, watch};
use tokio_postgres::AsyncMessage;
use tokio_util::task::AbortOnDropHandle;

use super::call::Call;
use super::connection::Opener;
use super::database::Database;
use super::error::in_full;
use crate::store::Insert;
use crate::store::native::args::text_hash;

/// Others are told at most this often.
const QUIET: Duration = Duration::from_millis(50);

/// What is due later than this is left to the polling of the others.
const SOON: SignedDuration = SignedDuration::from_secs(60);

/// How long to wait before listening is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How often the listening connection is tried, and how long it may take to answer.
const TRIAL: Duration = Duration::from_secs(15);

/// Wakes who waits for work.
pub(super) struct Wakes {
    here: Arc<watch::Sender<u64>>,
    channel: String,
    /// Tells this store's messages from those of others.
    sender: String,
    begun: Instant,
    /// When others were told last, in microseconds since then.
    told: AtomicI64,
    others: Arc<Notify>,
}

impl Wakes {
    pub(super) fn new(schema: &str) -> Self {
        Self {
            here: Arc::new(watch::Sender::new(0)),
            // Names of channels are as short as those of schemas.
            channel: format!("action_scheduler_{:016x}", text_hash(schema)),
            sender: format!("{:016x}", rand::random::<u64>()),
            begun: Instant::now(),
            told: AtomicI64::new(i64::MIN / 2),
            others: Arc::new(Notify::new()),
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.here.subscribe()
    }

    pub(super) fn channel(&self) -> &str {
        &self.channel
    }

    pub(super) fn sender(&self) -> &str {
        &self.sender
    }

    /// The channel that others are to be told by with the insert itself, unless they were told just now: then they will
    /// be soon.
    pub(super) fn channel_for(&self, inserts: &[Insert], now: Timestamp) -> Option<String> {
        let is_soon =
            |insert: &Insert| insert.action.schedule.first_date(now).duration_since(now) <= SOON;
        if !inserts.iter().any(is_soon) {
            return None;
        }
        let micros = self.micros();
        let told = self.told.load(Ordering::Acquire);
        let is_quiet = micros - told > QUIET.as_micros() as i64
            && self
                .told
                .compare_exchange(told, micros, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        if is_quiet {
            return Some(self.channel.clone());
        }
        self.others.notify_one();
        None
    }

    /// Wakes who waits here.
    pub(super) fn wake_here(&self) {
        self.here.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Wakes who waits, here and, soon, elsewhere.
    pub(super) fn wake(&self) {
        self.wake_here();
        self.others.notify_one();
    }

    fn micros(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    /// Begins to tell others, and to hear them; until the tasks are dropped.
    pub(super) fn begin(self: &Arc<Self>, database: &Arc<Database>) -> [AbortOnDropHandle<()>; 2] {
        let telling = tell(Arc::clone(self), Arc::downgrade(database));
        let hearing = hear(Arc::clone(self), Arc::clone(&database.opener));
        [telling.boxed(), hearing.boxed()].map(|task| AbortOnDropHandle::new(tokio::spawn(task)))
    }
}

/// Tells others, once for all that came up since the last time.
async fn tell(wakes: Arc<Wakes>, database: Weak<Database>) {
    loop {
        wakes.others.notified().await;
        let since = wakes.micros() - wakes.told.load(Ordering::Acquire);
        tokio::time::sleep(QUIET.saturating_sub(Duration::from_micros(since.unsigned_abs()))).await;
        let Some(database) = database.upgrade() else { return };
        wakes.told.store(wakes.micros(), Ordering::Release);
        let call = Call::statement("SELECT pg_notify($1, $2)")
            .with(wakes.channel.clone())
            .with(wakes.sender.clone());
        if let Err(error) = database.read_soon("telling others", call).await {
            tracing::debug!(%error, "others will notice new work by polling");
        }
    }
}

/// Hears others, on a connection of its own.
async fn hear(wakes: Arc<Wakes>, opener: Arc<Opener>) {
    let mut is_told = false;
    loop {
        match listen(&wakes, &opener).await {
            Heard::Lost(error) => {
                tracing::debug!(error, "not listening for new work; trying again");
                is_told = false;
            }
            Heard::Nothing => {
                if !is_told {
                    tracing::warn!(
                        "notifications do not come through, as behind PgBouncer in transaction mode; new work of other \
                         processes is noticed by polling"
                    );
                }
                is_told = true;
                tokio::time::sleep(RETRY * 60).await;
            }
        }
        // Something may have been said meanwhile.
        wakes.wake_here();
        tokio::time::sleep(RETRY).await;
    }
}

enum Heard {
    Lost(String),
    /// Not even itself.
    Nothing,
}

async fn listen(wakes: &Wakes, opener: &Opener) -> Heard {
    let lost = |error: &tokio_postgres::Error| Heard::Lost(in_full(error));
    let (client, mut driver) = match opener.open().await {
        Ok(connection) => connection,
        Err(error) => return lost(&error),
    };
    let (heard, mut messages) = mpsc::unbounded_channel();
    let driving = async move {
        while let Some(message) = poll_fn(|context| driver.poll_message(context)).await {
            match message {
                Ok(AsyncMessage::Notification(notification)) => {
                    // Nobody being there any more means that this ends, too.
                    let _ = heard.send(notification.payload().to_owned());
                }
                Ok(_) => {}
                Err(error) => return in_full(&error),
            }
        }
        "the connection was closed".to_owned()
    };
    let hearing = async {
        let trial = format!("{} trial", wakes.sender);
        let begin = format!("LISTEN {0}; SELECT pg_notify('{0}', '{trial}')", wakes.channel);
        if let Err(error) = client.batch_execute(&begin).await {
            return lost(&error);
        }
        // What was said before is seen by looking.
        wakes.wake_here();
        let mut is_tried = false;
        loop {
            let patience = if is_tried { TRIAL } else { TRIAL / 3 };
            match tokio::time::timeout(patience, messages.recv()).await {
                Ok(Some(message)) if message == trial => is_tried = true,
                Ok(Some(message)) if message == wakes.sender => {}
                Ok(Some(_)) => wakes.wake_here(),
                Ok(None) => return Heard::Lost("the connection ended".to_owned()),
                Err(_) if !is_tried => return Heard::Nothing,
                Err(_) => {
                    let answer = tokio::time::timeout(TRIAL, client.batch_execute("")).await;
                    match answer {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => return lost(&error),
                        Err(_) => return Heard::Lost("no answer came in time".to_owned()),
                    }
                }
            }
        }
    };
    tokio::select! {
        ended = driving => Heard::Lost(ended),
        ended = hearing => ended,
    }
}
