//! WordPress' own tables, as far as they are of interest here. All SQL of this crate is in this module.

use action_scheduler::store::StoreUrl;
use action_scheduler::store::mysql::MySqlUrl;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, params};

/// Why the tables could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    /// The database said no.
    #[error("the database {place}: {error}")]
    Database {
        /// Which.
        place: String,
        /// What it said.
        error: mysql_async::Error,
    },
    /// The store is none of MySQL's.
    #[error("{0}: expected a MySQL or MariaDB database")]
    NotMySql(String),
}

/// A site of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blog {
    /// Its number.
    pub id: u64,
    /// Its domain, with a port if it has one.
    pub domain: String,
    /// Its path.
    pub path: String,
}

/// A connection to the database of an installation.
pub struct SiteTables {
    connection: Conn,
    place: String,
    prefix: String,
}

impl SiteTables {
    /// Connects. `prefix` is that of the installation, which is that of its first site.
    pub async fn connect(url: &StoreUrl, prefix: &str) -> Result<Self, TablesError> {
        let place = url.to_string();
        let StoreUrl::MySql(url) = url else { return Err(TablesError::NotMySql(place)) };
        match Conn::new(url.connection_options()).await {
            Ok(connection) => Ok(Self { connection, place, prefix: prefix.to_owned() }),
            Err(error) => Err(TablesError::Database { place, error }),
        }
    }

    /// An option of a site, if there is one. By the unique key of the names; once when a site is attached, and by
    /// `wordpress doctor`.
    pub async fn option(
        &mut self,
        prefix: &str,
        name: &str,
    ) -> Result<Option<String>, TablesError> {
        let sql = format!("SELECT option_value FROM `{prefix}options` WHERE option_name = :name");
        let found = self.connection.exec_first(sql, params! { name }).await;
        found.map_err(|error| self.trouble(error))
    }

    /// The sites of a network that are neither archived nor deleted. The whole table, of a row for each site; once when a
    /// network is attached, and then each minute.
    pub async fn blogs(&mut self) -> Result<Vec<Blog>, TablesError> {
        let sql = format!(
            "SELECT blog_id, domain, path FROM `{}blogs` WHERE archived = 0 AND spam = 0 AND deleted = 0 \
             ORDER BY blog_id",
            self.prefix
        );
        let found =
            self.connection.query_map(sql, |(id, domain, path)| Blog { id, domain, path }).await;
        found.map_err(|error| self.trouble(error))
    }

    /// The prefixes of which there are tables of a queue. By the server's list of tables; as often as [`Self::blogs`].
    pub async fn prefixes_with_a_queue(&mut self) -> Result<Vec<String>, TablesError> {
        let sql = "SELECT LEFT(table_name, CHAR_LENGTH(table_name) - CHAR_LENGTH('actionscheduler_actions')) \
                   FROM information_schema.tables WHERE table_schema = DATABASE() \
                   AND table_name LIKE '%actionscheduler\\_actions'";
        let found = self.connection.query(sql).await;
        found.map_err(|error| self.trouble(error))
    }

    /// Closes the connection.
    pub async fn close(self) {
        // That it is gone is all that is wanted.
        let _ = self.connection.disconnect().await;
    }

    /// What `wordpress doctor` says of a queue; it asks once. By the key of status and date; args and schedules are looked
    /// at for a part of what is pending.
    pub async fn queue(&mut self, prefix: &str) -> Result<Option<QueueCounts>, TablesError> {
        let there = self.prefixes_with_a_queue().await?;
        if !there.iter().any(|found| found == prefix) {
            return Ok(None);
        }
        let actions = format!("`{prefix}actionscheduler_actions`");
        let sql = format!(
            "SELECT (SELECT COUNT(*) FROM {actions} WHERE status = 'pending' \
               AND scheduled_date_gmt < UTC_TIMESTAMP() - INTERVAL 5 MINUTE), \
             (SELECT COUNT(*) FROM {actions} WHERE status = 'in-progress' AND claim_id = 0), \
             (SELECT COUNT(*) FROM {actions} \
               WHERE status NOT IN ('pending', 'in-progress', 'complete', 'failed', 'canceled')), \
             (SELECT COUNT(*) FROM (SELECT args, extended_args, schedule FROM {actions} \
                 WHERE status = 'pending' LIMIT {LOOKED_AT}) looked_at \
               WHERE NOT JSON_VALID(COALESCE(extended_args, args)) OR schedule IS NULL OR schedule NOT LIKE 'O:%')"
        );
        let found: Result<Option<(u64, u64, u64, u64)>, _> = self.connection.query_first(sql).await;
        let (past_due, orphans, unknown, unreadable) =
            found.map_err(|error| self.trouble(error))?.unwrap_or_default();
        Ok(Some(QueueCounts { past_due, orphans, unknown, unreadable }))
    }

    /// Who has worked on a queue in the last minutes. Two small tables; by `wordpress doctor`, once.
    pub async fn at_work(&mut self, prefix: &str) -> Result<AtWork, TablesError> {
        let ours = format!("{prefix}action_scheduler_holders");
        let find = "SELECT COUNT(*) FROM information_schema.tables \
                    WHERE table_schema = DATABASE() AND table_name = :ours";
        let found = self.connection.exec_first(find, params! { "ours" => &ours }).await;
        let is_there = found.map_err(|error| self.trouble(error))? == Some(1_u8);
        let (names, theirs) = match is_there {
            true => (
                format!(
                    "SELECT name FROM `{prefix}action_scheduler_runners` \
                     WHERE heartbeat_at > UTC_TIMESTAMP() - INTERVAL 1 MINUTE ORDER BY runner_id"
                ),
                format!("AND NOT EXISTS (SELECT 1 FROM `{ours}` h WHERE h.claim_id = c.claim_id)"),
            ),
            false => (String::new(), String::new()),
        };
        let runners = match names.is_empty() {
            true => Vec::new(),
            false => {
                let names = self.connection.query(names).await;
                names.map_err(|error| self.trouble(error))?
            }
        };
        let claims = format!(
            "SELECT COUNT(*) FROM `{prefix}actionscheduler_claims` c \
             WHERE c.date_created_gmt > UTC_TIMESTAMP() - INTERVAL 5 MINUTE {theirs}"
        );
        let claims = self.connection.query_first(claims).await;
        let claims_of_others = claims.map_err(|error| self.trouble(error))?.unwrap_or_default();
        Ok(AtWork { runners, claims_of_others })
    }

    /// How many actions of the plugin's versions 1 and 2 are there as posts. By the key on the type; by `wordpress doctor`,
    /// which asks once.
    pub async fn old_posts(&mut self, prefix: &str) -> Result<u64, TablesError> {
        let sql =
            format!("SELECT COUNT(*) FROM `{prefix}posts` WHERE post_type = 'scheduled-action'");
        let found: Result<Option<u64>, _> = self.connection.query_first(sql).await;
        Ok(found.map_err(|error| self.trouble(error))?.unwrap_or_default())
    }

    /// The version of the server.
    pub async fn version(&mut self) -> Result<String, TablesError> {
        let found: Result<Option<String>, _> =
            self.connection.query_first("SELECT VERSION()").await;
        Ok(found.map_err(|error| self.trouble(error))?.unwrap_or_default())
    }

    fn trouble(&self, error: mysql_async::Error) -> TablesError {
        TablesError::Database { place: self.place.clone(), error }
    }
}

/// What there is to say of a queue at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueCounts {
    /// Pending, and due for longer than five minutes.
    pub past_due: u64,
    /// In-progress in nobody's name.
    pub orphans: u64,
    /// Of a status that is none.
    pub unknown: u64,
    /// Pending, with args or a schedule that cannot be read.
    pub unreadable: u64,
}

/// Who works on a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtWork {
    /// The runners of this program, by name.
    pub runners: Vec<String>,
    /// Open claims of the site's own runner.
    pub claims_of_others: u64,
}

/// So many pending actions are looked at for args and schedules that cannot be read.
const LOOKED_AT: u32 = 100_000;

/// The option in which the bridge of a site finds who runs its queue.
pub const NOTICE: &str = "action_scheduler_daemon";

/// One connection to a server, made when it is needed, and again after an error.
struct Line {
    options: mysql_async::Opts,
    connection: Option<Conn>,
}

impl Line {
    fn new(url: &MySqlUrl) -> Self {
        Self { options: url.connection_options(), connection: None }
    }

    /// The connection; who has used it without an error gives it back.
    async fn take(&mut self) -> mysql_async::Result<Conn> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => Conn::new(self.options.clone()).await,
        }
    }

    fn give_back(&mut self, connection: Conn) {
        self.connection = Some(connection);
    }
}

/// Writes notices for the sites of one server, over one connection.
pub struct Notices(Line);

impl Notices {
    /// For the sites that can be reached as this one is.
    pub fn new(url: &MySqlUrl) -> Self {
        Self(Line::new(url))
    }

    /// Writes a notice, with the time by the server's clock. By the unique key of the names; for each site with the bridge,
    /// four times a minute.
    pub async fn give(
        &mut self,
        url: &MySqlUrl,
        notice: &impl serde::Serialize,
    ) -> mysql_async::Result<()> {
        let text = serde_json::to_string(notice)
            .map_err(|error| mysql_async::Error::Other(error.to_string().into()))?;
        // Behind the brace that opens it.
        let rest = text.get(1..).unwrap_or_default();
        let sql = format!(
            "INSERT INTO {} (option_name, option_value, autoload) \
             VALUES (:name, CONCAT('{{\"at\":', UNIX_TIMESTAMP(), ',', :rest), 'no') \
             ON DUPLICATE KEY UPDATE option_value = VALUES(option_value)",
            options_of(url)
        );
        self.run(sql, params! { "name" => NOTICE, "rest" => rest }).await
    }

    /// Takes a notice back, unless another daemon has written one since. As [`Notices::give`]; once.
    pub async fn withdraw(&mut self, url: &MySqlUrl, site: &str) -> mysql_async::Result<()> {
        let sql = format!(
            "DELETE FROM {} WHERE option_name = :name AND option_value LIKE CONCAT('%\"', :site, '\"%')",
            options_of(url)
        );
        self.run(sql, params! { "name" => NOTICE, "site" => site }).await
    }

    async fn run(&mut self, sql: String, params: mysql_async::Params) -> mysql_async::Result<()> {
        let mut connection = self.0.take().await?;
        connection.exec_drop(sql, params).await?;
        self.0.give_back(connection);
        Ok(())
    }
}

/// Looks for events of WP-Cron in the sites of one server, over one connection.
pub struct EventDates(Line);

impl EventDates {
    /// For the sites that can be reached as this one is.
    pub fn new(url: &MySqlUrl) -> Self {
        Self(Line::new(url))
    }

    /// The places in `sites` of those where an event is due. By the unique key of the names, in one statement; about once a
    /// second, and less often where there are many.
    pub async fn due(&mut self, sites: &[&MySqlUrl]) -> mysql_async::Result<Vec<usize>> {
        // WordPress keeps the events in the order of their dates.
        let questions = sites.iter().enumerate().map(|(place, url)| {
            let options = options_of(url);
            format!(
                "(SELECT {place}, LEFT(option_value, 64), UNIX_TIMESTAMP() FROM {options} \
                 WHERE option_name = 'cron')"
            )
        });
        let question = questions.collect::<Vec<_>>().join(" UNION ALL ");
        let mut connection = self.0.take().await?;
        let found: Vec<(usize, Vec<u8>, i64)> = connection.query(question).await?;
        self.0.give_back(connection);
        let due = found
            .into_iter()
            .filter(|(_, events, now)| first_date(events).is_some_and(|date| date <= *now));
        Ok(due.map(|(place, ..)| place).collect())
    }
}

/// The date of the first event, in seconds since 1970: the first key of a PHP-serialised array. `None` if there is none.
fn first_date(events: &[u8]) -> Option<i64> {
    let text = events.strip_prefix(b"a:")?;
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = text.get(digits..)?.strip_prefix(b":{i:")?;
    let end = text.iter().position(|byte| *byte == b';')?;
    std::str::from_utf8(text.get(..end)?).ok()?.parse().ok()
}

fn options_of(url: &MySqlUrl) -> String {
    format!("`{}`.`{}options`", url.database().replace('`', "``"), url.prefix())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_of_the_events_is_the_date_of_the_first() {
        let events =
            br#"a:3:{i:1790000000;a:1:{s:4:"ping";a:0:{}}i:1790000060;a:0:{}s:7:"version";i:2;}"#;
        assert_eq!(first_date(events), Some(1_790_000_000));
        assert_eq!(first_date(&events[..18]), Some(1_790_000_000), "the rest is not looked at");
    }

    #[test]
    fn what_holds_no_event_has_no_date() {
        for none in
            ["", "a:1:{s:7:\"version\";i:2;}", "a:0:{}", "b:0;", "a:2:{i:17900", "a:2:{i:x;"]
        {
            assert_eq!(first_date(none.as_bytes()), None, "{none:?}");
        }
    }
}
