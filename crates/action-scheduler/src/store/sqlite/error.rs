//! What SQLite says, as the errors of this crate.

use rusqlite::ErrorCode;

use crate::error::{StoreError, StoreErrorKind};

pub(super) type StoreResult<T> = Result<T, StoreError>;

/// Turns an error of the driver into ours, naming the file.
pub(super) fn wrap(file: &str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |error| {
        let kind = kind(&error);
        let advice = match kind {
            StoreErrorKind::Full => {
                "the disk is full; nothing was stored, free some room and try again"
            }
            StoreErrorKind::ReadOnly => {
                "the file or its folder may not be written; check its owner and permissions"
            }
            StoreErrorKind::Corrupt => {
                "this is not a SQLite file, or it is damaged; restore a copy, or name another"
            }
            StoreErrorKind::Unavailable => {
                "the file cannot be opened or is locked by another program"
            }
            _ => "unexpected answer of SQLite",
        };
        StoreError::new(kind, format!("{file}: {advice} ({error})"))
    }
}

fn kind(error: &rusqlite::Error) -> StoreErrorKind {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreErrorKind::Full,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreErrorKind::ReadOnly,
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreErrorKind::Corrupt,
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::SystemIoFailure
            | ErrorCode::FileLockingProtocolFailed,
        ) => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Other,
    }
}
