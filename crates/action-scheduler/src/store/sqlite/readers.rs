//! Connections for reading: a few, opened when needed, each used by one caller at a time on a thread for blocking work.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::{self, Access};
use super::names::Names;
use crate::error::{Result, StoreError, StoreErrorKind};

/// How many callers read at once.
const READERS: usize = 4;

/// A connection for reading, with the names it has seen.
pub(super) struct Reader {
    pub(super) connection: Connection,
    pub(super) names: Names,
}

pub(super) struct Readers {
    file: Arc<str>,
    free: Arc<Mutex<Vec<Reader>>>,
    places: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(file: Arc<str>) -> Self {
        Self { file, free: Arc::default(), places: Arc::new(Semaphore::new(READERS)) }
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Reader) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let stopped = || StoreError::new(StoreErrorKind::Unavailable, "the SQLite store is closed");
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| stopped())?;
        let (file, free) = (Arc::clone(&self.file), Arc::clone(&self.free));
        tokio::task::spawn_blocking(move || {
            let _place = place;
            let waiting = free.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut reader = match waiting {
                Some(reader) => reader,
                None => Reader {
                    connection: connection::open(&file, Access::Read)?,
                    names: Names::default(),
                },
            };
            let result = job(&mut reader);
            free.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
            result
        })
        .await
        .map_err(|_| stopped())?
    }
}
