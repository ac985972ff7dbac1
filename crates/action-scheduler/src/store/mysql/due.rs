//! Whether anything is due, for those who look at many queues at once and hold none of them open.

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::tables::Tables;
use super::url::MySqlUrl;

/// How many queues are asked about in one statement.
const CHUNK: usize = 50;

/// Looks at the queues of one server over one connection.
pub struct DueLookout {
    urls: Vec<MySqlUrl>,
    connection: Option<Conn>,
}

impl DueLookout {
    /// A look-out over these queues, which all are on the server of the first one (see [`MySqlUrl::is_beside`]).
    pub fn new(urls: Vec<MySqlUrl>) -> Self {
        Self { urls, connection: None }
    }

    /// For each queue whether an action is due there that nobody has claimed. A queue that cannot be looked at has none.
    pub async fn look(&mut self) -> mysql_async::Result<Vec<bool>> {
        let mut due = vec![false; self.urls.len()];
        let Some(first) = self.urls.first() else { return Ok(due) };
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Conn::new(first.connection_options()).await?,
        };
        let places: Vec<usize> = (0..self.urls.len()).collect();
        for chunk in places.chunks(CHUNK) {
            let found = match self.ask(&mut connection, chunk).await {
                // One of them has no tables: they are asked one by one.
                Err(mysql_async::Error::Server(_)) if chunk.len() > 1 => {
                    let mut found = Vec::new();
                    for place in chunk {
                        match self.ask(&mut connection, &[*place]).await {
                            Ok(one) => found.extend(one),
                            Err(mysql_async::Error::Server(_)) => {}
                            Err(error) => return Err(error),
                        }
                    }
                    found
                }
                Err(mysql_async::Error::Server(_)) => Vec::new(),
                found => found?,
            };
            for place in found {
                if let Some(due) = due.get_mut(place) {
                    *due = true;
                }
            }
        }
        self.connection = Some(connection);
        Ok(due)
    }

    /// Those of these places where something is due. A range of the key of status and date each, of which one row is
    /// enough; about once in a second.
    async fn ask(
        &self,
        connection: &mut Conn,
        places: &[usize],
    ) -> mysql_async::Result<Vec<usize>> {
        let questions: Vec<String> = places
            .iter()
            .filter_map(|place| {
                let url = self.urls.get(*place)?;
                let database = url.database().replace('`', "``");
                let actions = Tables::new(url.prefix()).actions;
                Some(format!(
                    "(SELECT {place} FROM `{database}`.{actions} WHERE status = 'pending' \
                     AND scheduled_date_gmt <= UTC_TIMESTAMP() AND claim_id = 0 LIMIT 1)"
                ))
            })
            .collect();
        connection.query(questions.join(" UNION ALL ")).await
    }
}
