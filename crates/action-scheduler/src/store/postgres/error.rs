//! What PostgreSQL and its driver say, as the errors of this crate.

use std::error::Error as _;

use tokio_postgres::error::SqlState;

use crate::error::{StoreError, StoreErrorKind};

/// What can be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Another transaction was in the way; the same again will do.
    Repeat,
    /// The connection is lost, or leads to a server that takes no writes (any more): the same again on another one.
    Reconnect,
    /// None.
    Report,
}

pub(super) fn remedy(error: &tokio_postgres::Error) -> Remedy {
    let Some(state) = error.code() else {
        // What is not an answer of the server is the way to it; but for what this program itself got wrong.
        let is_ours = error.source().is_some_and(|source| {
            source.downcast_ref::<std::io::Error>().is_none() && !error.is_closed()
        });
        return if is_ours && !is_connecting(error) { Remedy::Report } else { Remedy::Reconnect };
    };
    match *state {
        SqlState::T_R_SERIALIZATION_FAILURE
        | SqlState::T_R_DEADLOCK_DETECTED
        | SqlState::LOCK_NOT_AVAILABLE => Remedy::Repeat,
        SqlState::READ_ONLY_SQL_TRANSACTION
        | SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::CANNOT_CONNECT_NOW
        | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        | SqlState::TOO_MANY_CONNECTIONS => Remedy::Reconnect,
        _ if state.code().starts_with("08") => Remedy::Reconnect,
        _ => Remedy::Report,
    }
}

/// Whether it comes from connecting: names that do not resolve, certificates that are not trusted.
fn is_connecting(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    text.starts_with("error connecting") || text.starts_with("error performing TLS")
}

/// Turns an error of the driver into ours, naming the place and what was being done.
pub(super) fn wrap<P: ToString>(
    place: P,
    doing: &str,
) -> impl Fn(tokio_postgres::Error) -> StoreError + use<P> {
    let (place, doing) = (place.to_string(), doing.to_owned());
    move |error| {
        let kind = kind(&error);
        let advice = match error.code() {
            Some(state)
                if *state == SqlState::INVALID_PASSWORD
                    || *state == SqlState::INVALID_AUTHORIZATION_SPECIFICATION =>
            {
                "the server does not let this user in; check name, password and pg_hba.conf"
            }
            Some(state) if *state == SqlState::UNDEFINED_DATABASE => {
                "there is no such database; create it, or name another"
            }
            Some(state) if *state == SqlState::INSUFFICIENT_PRIVILEGE => {
                "this user may not do that; grant it CREATE on the database, or the ownership of the schema"
            }
            Some(state) if *state == SqlState::READ_ONLY_SQL_TRANSACTION => {
                "this server takes no writes; name the primary, or all servers of the cluster"
            }
            Some(state)
                if *state == SqlState::UNDEFINED_TABLE
                    || *state == SqlState::UNDEFINED_FUNCTION
                    || *state == SqlState::INVALID_SCHEMA_NAME =>
            {
                "the tables are not (all) there any more; start again to have them created"
            }
            _ => match kind {
                StoreErrorKind::Full => {
                    "the server's disk is full; nothing was stored, free some room and try again"
                }
                StoreErrorKind::Unavailable => "the server cannot be reached or does not answer",
                _ => "unexpected answer of PostgreSQL",
            },
        };
        StoreError::new(kind, format!("{place}: {doing}: {advice} ({})", in_full(&error)))
    }
}

fn kind(error: &tokio_postgres::Error) -> StoreErrorKind {
    match (error.code(), remedy(error)) {
        (Some(state), _) if *state == SqlState::DISK_FULL => StoreErrorKind::Full,
        (Some(state), _) if *state == SqlState::READ_ONLY_SQL_TRANSACTION => {
            StoreErrorKind::ReadOnly
        }
        (_, Remedy::Repeat | Remedy::Reconnect) => StoreErrorKind::Unavailable,
        (Some(state), _) if state.code().starts_with("53") || state.code().starts_with("57") => {
            StoreErrorKind::Unavailable
        }
        (Some(state), _) if state.code().starts_with("XX") => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Other,
    }
}

/// An error with what it comes from, on one line.
pub(super) fn in_full(error: &tokio_postgres::Error) -> String {
    if let Some(answer) = error.as_db_error() {
        let detail = answer.detail().map(|detail| format!("; {detail}")).unwrap_or_default();
        return format!("{}{detail}, SQLSTATE {}", answer.message(), answer.code().code())
            .replace('\n', " ");
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text.replace('\n', " ")
}
