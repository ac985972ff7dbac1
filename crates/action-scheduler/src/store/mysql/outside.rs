//! See [`crate::store::outside`].

use mysql_async::Conn;

use super::connection::{Connections, exchange};
use super::error::Outcome;
use super::url::MySqlUrl;
use crate::error::Result;

/// A transaction with a snapshot: the undo log keeps all that is changed while it is open.
pub(in crate::store) async fn hold_transaction(url: &MySqlUrl) -> Result<Conn> {
    let hold = async {
        let mut connection = Connections::new(url).open().await?;
        exchange(&mut connection, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            .await?;
        exchange(&mut connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await?;
        Outcome::Ok(connection)
    };
    hold.await.map_err(|trouble| trouble.tell("holding a transaction open", &url.to_string()))
}
