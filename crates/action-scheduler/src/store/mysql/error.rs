//! What the server and the driver say, as the errors of this crate.

use mysql_async::{DriverError, Error as DbError, ServerError};

use crate::error::{Error, StoreError, StoreErrorKind};

/// What ended a step of ours.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The database said no, or did not answer.
    Database(DbError),
    /// A statement was given up after waiting too long for its answer.
    Silence,
    /// What was asked for cannot be done.
    Refused(Error),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Database(error) => f.write_str(&text(error)),
            Trouble::Silence => f.write_str("the database does not answer"),
            Trouble::Refused(error) => error.fmt(f),
        }
    }
}

/// The result of a step within a transaction.
pub(super) type Outcome<T> = Result<T, Trouble>;

impl From<DbError> for Trouble {
    fn from(error: DbError) -> Self {
        Trouble::Database(error)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Refused(error)
    }
}

impl From<crate::error::Invalid> for Trouble {
    fn from(error: crate::error::Invalid) -> Self {
        Trouble::Refused(error.into())
    }
}

/// What can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The transaction was taken back to let another through: do it again.
    Again,
    /// The connection is gone.
    Reconnect,
    /// The server has to become ready first.
    Wait,
    /// Nothing: the caller has to know.
    Tell,
}

impl Trouble {
    /// Has the transaction done again.
    pub(super) fn again(why: &'static str) -> Self {
        let (code, state) = (1020, "HY000".to_owned());
        Self::Database(DbError::Server(ServerError { code, message: why.to_owned(), state }))
    }

    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Trouble::Refused(_) => Remedy::Tell,
            Trouble::Silence => Remedy::Reconnect,
            Trouble::Database(DbError::Server(error)) => match error.code {
                // Lock wait timeout; deadlock, or refused at certification; a row changed or went since it was read;
                // interrupted; a key of ours was taken away. And a duplicate key: somebody stored the same id in
                // between, or a cluster gave it out twice, as it does when a node comes or goes.
                1205 | 1213 | 1020 | 1032 | 1062 | 1176 | 1317 | 1969 => Remedy::Again,
                // Too many connections; WSREP has not yet prepared node.
                1040 | 1047 | 1203 => Remedy::Wait,
                // Shutdown; killed; aborted; the server gave the connection up.
                1053 | 1077 | 1152 | 1158..=1161 | 1184 | 1927 | 2006 | 2013 | 4031 => {
                    Remedy::Reconnect
                }
                _ => Remedy::Tell,
            },
            Trouble::Database(DbError::Io(_)) => Remedy::Reconnect,
            Trouble::Database(DbError::Driver(
                DriverError::ConnectionClosed
                | DriverError::PacketOutOfOrder
                | DriverError::UnexpectedPacket { .. },
            )) => Remedy::Reconnect,
            Trouble::Database(_) => Remedy::Tell,
        }
    }

    /// Whether others held what it needed for longer than it waits.
    pub(super) fn is_lock_wait(&self) -> bool {
        matches!(self, Trouble::Database(DbError::Server(error)) if error.code == 1205)
    }

    /// Whether it will do once there is room on the server.
    pub(super) fn is_for_want_of_room(&self) -> bool {
        matches!(self, Trouble::Database(error) if kind(error, self.remedy()) == StoreErrorKind::Full)
    }

    /// The error for the caller, who was doing `what` in the database `place`.
    pub(super) fn tell(self, what: &str, place: &str) -> Error {
        let remedy = self.remedy();
        let error = match self {
            Trouble::Refused(error) => return error,
            Trouble::Silence => {
                let message = format!("{place}: {what}: the database does not answer");
                return StoreError::new(StoreErrorKind::Unavailable, message).into();
            }
            Trouble::Database(error) => error,
        };
        let kind = kind(&error, remedy);
        let advice = match kind {
            StoreErrorKind::Full => {
                "there is no room left on the database server; nothing was stored, free some room and try again"
            }
            StoreErrorKind::ReadOnly => {
                "the database may not be written; check the user's rights, and whether the server is a read-only replica"
            }
            StoreErrorKind::Unavailable => "the database cannot be reached, or is not ready",
            _ => "unexpected answer of the database",
        };
        StoreError::new(kind, format!("{place}: {what}: {advice} ({})", text(&error))).into()
    }
}

fn kind(error: &DbError, remedy: Remedy) -> StoreErrorKind {
    let DbError::Server(server) = error else {
        return match remedy {
            Remedy::Tell => StoreErrorKind::Other,
            _ => StoreErrorKind::Unavailable,
        };
    };
    match server.code {
        1062 => StoreErrorKind::Other,
        1114 | 1021 | 3 => StoreErrorKind::Full,
        1142 | 1143 | 1044 | 1227 | 1290 | 1836 => StoreErrorKind::ReadOnly,
        1045 | 1049 | 1130 => StoreErrorKind::Unavailable,
        _ if remedy != Remedy::Tell => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Other,
    }
}

fn text(error: &DbError) -> String {
    match error {
        DbError::Server(error) => format!("{} {}", error.code, error.message),
        error => error.to_string(),
    }
}
