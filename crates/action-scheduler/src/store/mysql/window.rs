//! Which actions are claimed next.
//!
//! The plugin's keys cannot give its actions in claim order, so that each claim of the plugin sorts all that waits. Here
//! a store keeps the first of those that wait in mind, in order, and each claim takes from them; what has become due or
//! was stored meanwhile is added, what others have claimed is left out, and now and then all are read anew. What is in mind is only a guess: an action is
//! claimed by its primary key, and only if it still waits.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mysql_async::Row;

use super::error::Outcome;
use super::php::site_time::format_gmt;
use super::row::Columns;
use super::sql::List;
use super::tables::Tables;
use super::transaction::Write;
use super::waiting::{self, PLUGIN_INDEX, conditions};
use crate::action::{ActionId, Attempt, ClaimId, Priority};
use crate::store::ClaimFilter;

/// How many actions are kept in mind: at first so many, and more where they are used up before it is time to read all
/// anew, as the work of reading all does not depend on how many are kept.
const SMALLEST: usize = 40_000;
const LARGEST: usize = 160_000;

/// How many filters are kept in mind; a runner has one.
const FILTERS: usize = 4;

/// All are read anew at most this often, and so seldom that it takes at most a part in [`SHARE`] of the time, as each process
/// does so for itself. But not more seldom than this, however long it took: it may have been held up, and what other
/// processes have put back is found only by this.
const PERIOD: Duration = Duration::from_secs(1);
const LONGEST_PERIOD: Duration = Duration::from_secs(10);
const SHARE: u32 = 50;

/// For how long what was read serves, when reading took so long.
fn period(reading_took: Duration) -> Duration {
    reading_took.saturating_mul(SHARE).clamp(PERIOD, LONGEST_PERIOD)
}

/// The place of an action in claim order.
pub(super) type Rank = (Priority, Attempt, Timestamp, ActionId);

/// The windows of the filters that were claimed with.
#[derive(Default)]
pub(super) struct Windows {
    latest_first: Vec<Window>,
}

impl Windows {
    /// The window of a filter.
    pub(super) fn of(&mut self, filter: &ClaimFilter) -> &mut Window {
        let place = self.latest_first.iter().position(|window| window.filter == *filter);
        let window = match place {
            Some(place) => self.latest_first.remove(place),
            None => Window::new(filter.clone()),
        };
        self.latest_first.truncate(FILTERS - 1);
        self.latest_first.insert(0, window);
        // It was just inserted.
        #[allow(clippy::indexing_slicing)]
        &mut self.latest_first[0]
    }

    /// Has these looked at before the next claim.
    pub(super) fn hint(&mut self, ids: &[ActionId]) {
        for window in &mut self.latest_first {
            // Those after what was seen are found anyway.
            window.hints.extend(ids.iter().filter(|id| id.get() <= window.seen_id));
        }
    }

    /// Has all read anew before the next claim.
    pub(super) fn forget(&mut self) {
        self.latest_first.clear();
    }
}

/// The first actions that wait and are due, as far as is known.
pub(super) struct Window {
    filter: ClaimFilter,
    ranks: BTreeSet<Rank>,
    /// The rank of each that is in mind: one that has moved is not in two places.
    rank_of: HashMap<ActionId, Rank>,
    /// Whether there were no more when all were read.
    is_whole: bool,
    read_at: Option<Instant>,
    reading_took: Duration,
    /// What came up to this id has been seen.
    seen_id: i64,
    /// What was due up to this date has been seen.
    seen_date: Timestamp,
    /// What was claimed up to this claim has been seen.
    seen_claim: i64,
    /// How many are kept in mind.
    size: usize,
    hints: Vec<ActionId>,
}

/// Of what waits, what [`Window::learn`] wants to know. The claim is that of a taken one.
const COLUMNS: &str = "a.action_id, a.priority, a.attempts, a.scheduled_date_gmt, NULL AS claim";

/// Of what is taken.
const TAKEN: &str = "a.action_id, NULL, NULL, NULL, a.claim_id";

/// The greatest id there is.
const GREATEST: &str = "COALESCE(MAX(action_id), 0), NULL, NULL, NULL, NULL";

impl Window {
    fn new(filter: ClaimFilter) -> Self {
        Self {
            filter,
            ranks: BTreeSet::new(),
            rank_of: HashMap::new(),
            is_whole: false,
            read_at: None,
            reading_took: Duration::ZERO,
            seen_id: 0,
            seen_date: Timestamp::MIN,
            seen_claim: 0,
            size: SMALLEST,
            hints: Vec::new(),
        }
    }

    /// Takes the first so many out.
    pub(super) fn take(&mut self, count: usize) -> Vec<ActionId> {
        let mut taken = Vec::with_capacity(count.min(self.ranks.len()));
        while taken.len() < count {
            let Some((.., id)) = self.ranks.pop_first() else { break };
            self.rank_of.remove(&id);
            taken.push(id);
        }
        taken
    }

    fn put(&mut self, rank: Rank) {
        if let Some(old) = self.rank_of.insert(rank.3, rank) {
            self.ranks.remove(&old);
        }
        self.ranks.insert(rank);
    }

    fn leave_out(&mut self, id: ActionId) {
        if let Some(rank) = self.rank_of.remove(&id) {
            self.ranks.remove(&rank);
        }
    }

    /// Whether those in mind are all there are, as far as is known.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    fn has_less_than(&self, count: usize) -> bool {
        self.ranks.len() < count && !self.is_whole
    }

    /// What was claimed up to this claim, of our own, is known.
    pub(super) fn has_seen_claim(&mut self, claim: ClaimId) {
        self.seen_claim = self.seen_claim.max(claim.get());
    }

    /// Brings it up to date for a claim of so many: adds what is new and leaves out what is taken, or reads all anew if
    /// that is due.
    pub(super) async fn refresh(&mut self, write: &mut Write<'_>, count: usize) -> Outcome<()> {
        let is_fresh = self.read_at.is_some_and(|at| at.elapsed() < period(self.reading_took));
        if is_fresh && write.now >= self.seen_date {
            if !self.has_less_than(count) {
                self.add_new(write).await?;
            }
            if !self.has_less_than(count) {
                return Ok(());
            }
            self.size = (self.size * 2).min(LARGEST);
        }
        self.size = self.size.max(count);
        self.read_all(write).await
    }

    /// Reads all that wait and are due, and keeps the first in mind.
    pub(super) async fn read_all(&mut self, write: &mut Write<'_>) -> Outcome<()> {
        let begun = Instant::now();
        let tables = write.tables();
        let actions = &tables.actions;
        let waits = self.waits(write);
        let index = waiting::index(write, &waits).await?;
        // In one statement, and so of one moment. With a sort of what is due, unless our key has been added.
        let sql = format!(
            "(SELECT {COLUMNS} FROM {actions} a FORCE INDEX ({index}) WHERE {waits} \
             ORDER BY a.priority, a.attempts, a.scheduled_date_gmt, a.action_id LIMIT {size}) \
             UNION ALL (SELECT {GREATEST} FROM {actions}) \
             UNION ALL (SELECT {TAKEN} FROM {actions} a FORCE INDEX ({PLUGIN_INDEX}) WHERE a.claim_id > 0 \
             ORDER BY a.claim_id DESC LIMIT 1)",
            size = self.size
        );
        let rows = write.rows(&sql).await?;
        self.ranks.clear();
        self.rank_of.clear();
        self.hints.clear();
        self.learn(&rows)?;
        self.is_whole = self.ranks.len() < self.size;
        self.seen_date = write.now;
        self.read_at = Some(Instant::now());
        self.reading_took = begun.elapsed();
        Ok(())
    }

    /// The conditions under which an action waits and is due.
    fn waits(&self, write: &Write<'_>) -> String {
        format!(
            "a.claim_id = 0 AND a.status = 'pending' AND a.scheduled_date_gmt <= '{}'{}",
            format_gmt(Some(write.now)),
            conditions(write.tables(), &self.filter)
        )
    }

    /// What others have claimed since. Served by the plugin's key alone.
    fn taken(&self, tables: &Tables) -> String {
        format!(
            "(SELECT {TAKEN} FROM {} a FORCE INDEX ({PLUGIN_INDEX}) WHERE a.claim_id > {} \
             ORDER BY a.claim_id LIMIT {})",
            tables.actions, self.seen_claim, self.size
        )
    }

    /// Leaves out what others have claimed since it was refreshed.
    pub(super) async fn leave_out_taken(&mut self, write: &mut Write<'_>) -> Outcome<()> {
        let sql = self.taken(write.tables());
        let rows = write.rows(&sql).await?;
        self.learn(&rows)
    }

    /// Adds what was stored, has become due, or came back since, and leaves out what others have claimed.
    async fn add_new(&mut self, write: &mut Write<'_>) -> Outcome<()> {
        let tables = write.tables();
        let actions = &tables.actions;
        let waits = self.waits(write);
        let mut sql = format!(
            "SELECT {COLUMNS} FROM {actions} a FORCE INDEX (PRIMARY) WHERE a.action_id > {} AND {waits}",
            self.seen_id
        );
        // Writing to a String cannot fail.
        if self.seen_date < write.now {
            let _ = write!(
                sql,
                " UNION ALL SELECT {COLUMNS} FROM {actions} a FORCE INDEX ({PLUGIN_INDEX}) \
                 WHERE {waits} AND a.scheduled_date_gmt > '{}'",
                format_gmt(Some(self.seen_date))
            );
        }
        let hints = std::mem::take(&mut self.hints);
        for id in &hints {
            self.leave_out(*id);
        }
        if !hints.is_empty() {
            let _ = write!(
                sql,
                " UNION ALL SELECT {COLUMNS} FROM {actions} a WHERE a.action_id IN {} AND {waits}",
                List(hints.iter())
            );
        }
        let taken = self.taken(tables);
        let _ = write!(sql, " UNION ALL SELECT {GREATEST} FROM {actions} UNION ALL {taken}");
        let rows = match write.rows(&sql).await {
            Ok(rows) => rows,
            Err(trouble) => {
                // They have not been looked at.
                self.read_at = None;
                return Err(trouble);
            }
        };
        self.learn(&rows)?;
        self.seen_date = write.now;
        Ok(())
    }

    /// Takes rows of [`COLUMNS`] into mind, leaves those of [`TAKEN`] out, and remembers [`GREATEST`].
    fn learn(&mut self, rows: &[Row]) -> Outcome<()> {
        // What lies beyond the last one in mind may have others before it that are not.
        let last = if self.is_whole { None } else { self.ranks.last().copied() };
        let mut taken = 0;
        for row in rows {
            if let Some(claim) = row.optional_number(4)? {
                self.seen_claim = self.seen_claim.max(claim);
                self.leave_out(row.action_id(0)?);
                taken += 1;
                continue;
            }
            let Some(priority) = row.optional_number(1)? else {
                self.seen_id = self.seen_id.max(row.number(0)?);
                continue;
            };
            let attempts = u32::try_from(row.number::<i64>(2)?).unwrap_or_default();
            let date = row.date(3).unwrap_or(Timestamp::MIN);
            let rank = (Priority(priority), Attempt(attempts), date, row.action_id(0)?);
            if last.is_none_or(|last| rank < last) {
                self.put(rank);
            }
        }
        if taken >= self.size {
            // There may be more of them.
            self.read_at = None;
        }
        while self.ranks.len() > 2 * self.size {
            let Some((.., id)) = self.ranks.pop_last() else { break };
            self.rank_of.remove(&id);
            self.is_whole = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(date: i64, id: i64) -> Rank {
        let date = Timestamp::from_second(date).unwrap();
        (Priority(10), Attempt(0), date, ActionId::new(id).unwrap())
    }

    #[test]
    fn all_is_read_anew_soon_also_when_reading_it_was_held_up() {
        let seconds = Duration::from_secs_f64;
        assert_eq!(period(seconds(0.001)), PERIOD);
        assert_eq!(period(seconds(0.1)), seconds(5.0));
        // As when a node of a cluster is lost, and the others wait until they are certain.
        assert_eq!(period(seconds(5.0)), LONGEST_PERIOD);
    }

    #[test]
    fn an_action_that_has_moved_is_in_one_place() {
        let mut window = Window::new(ClaimFilter::default());
        window.put(rank(5, 1));
        window.put(rank(6, 2));
        window.put(rank(7, 1));
        let ids: Vec<i64> = window.take(9).iter().map(|id| id.get()).collect();
        assert_eq!(ids, [2, 1]);
        assert!(window.rank_of.is_empty());
    }

    #[test]
    fn what_is_hinted_at_is_looked_at_only_if_it_lies_before_what_was_seen() {
        let mut windows = Windows::default();
        windows.of(&ClaimFilter::default()).seen_id = 10;
        windows.hint(&[10, 11].map(|id| ActionId::new(id).unwrap()));
        assert_eq!(windows.of(&ClaimFilter::default()).hints, [ActionId::new(10).unwrap()]);
    }
}
