//! Which actions are claimed next.
//!
//! The plugin's keys cannot give its actions in claim order, so that each claim of the plugin sorts all that waits. Here
//! a store keeps the first of those that wait in mind, in order, and each claim takes from them; what has become due or
//! was stored meanwhile is added, and what others have claimed is left out. Where they are used up, a claim reads as many
//! of those that follow as it needs by the plugin's key: any number of processes read each action once. What is in mind
//! is only a guess: an action is claimed by its primary key, and only if it still waits.
//!
//! What others have put back is noticed by counting: now and then all that wait are counted, in the key alone, and
//! unless that is what they must be by all that was seen, all are read anew.

mod fact;
mod headcount;
mod kept;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mysql_async::Row;

use self::fact::{FOLLOWS, Fact, GREATEST, HEADCOUNT, NO_DATE, TAKEN, WAITS, all_taken};
use self::headcount::Headcount;
use self::kept::Kept;
pub(super) use self::kept::Rank;
use super::error::Outcome;
use super::php::site_time::format_gmt;
use super::row::Columns;
use super::sql::List;
use super::tables::Tables;
use super::transaction::Write;
use super::waiting::{self, CLAIM_INDEX, PLUGIN_INDEX, conditions};
use crate::action::{ActionId, ClaimId};
use crate::store::ClaimFilter;

/// How many actions are kept in mind at first.
const SMALLEST: usize = 4_000;

/// How many are kept where the plugin's key does not give those that follow, and up to how many where even these are used
/// up before it is time to read all anew: the work of reading all does not depend on how many are kept.
const MIXED: usize = 40_000;
const LARGEST: usize = 160_000;

/// Where others have taken so many or more since, all are read anew instead of looking at each of these.
const MOST_TAKEN: usize = 100_000;

/// The plugin's key serves to find those that follow while at most one in so many, and this many, come later.
const MOST_MISPLACED: usize = 4;
const MANY: usize = 256;

/// How many filters are kept in mind; a runner has one.
const FILTERS: usize = 4;

/// All are counted, or read anew, at most this often, and so seldom that it takes at most a part in [`SHARE`] of the
/// time, as each process does so for itself. But not more seldom than this, however long it took: it may have been held
/// up, and what other processes have put back is found only by this.
const PERIOD: Duration = Duration::from_secs(1);
const LONGEST_PERIOD: Duration = Duration::from_secs(20);
const SHARE: u32 = 100;

/// All are read anew though the count is always right when this has passed, or so many times as long as reading took.
const SERVICE: Duration = Duration::from_secs(60);
const RARE: u32 = 200;

/// For how long what was read serves, when reading took so long.
fn period(reading_took: Duration) -> Duration {
    reading_took.saturating_mul(SHARE).clamp(PERIOD, LONGEST_PERIOD)
}

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
    kept: Kept,
    /// Up to where those that wait are in mind.
    reach: Reach,
    /// Whether those that follow are read by the plugin's key with less work than all anew.
    reads_on: bool,
    /// How many wait of those that have been seen, if they were counted.
    headcount: Option<Headcount>,
    /// When all were last read or counted, and for how long.
    looked_at: Option<Instant>,
    looking_took: Duration,
    /// Until when what was read serves.
    serves_until: Option<Instant>,
    /// How many were read by it since all were read, and how many of these turned out to come later.
    followed: usize,
    misplaced: usize,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// There are no more.
    All,
    UpTo(Rank),
}

impl Reach {
    fn holds(&self, rank: &Rank) -> bool {
        match self {
            Self::All => true,
            Self::UpTo(last) => rank <= last,
        }
    }
}

impl Window {
    fn new(filter: ClaimFilter) -> Self {
        Self {
            filter,
            kept: Kept::default(),
            reach: Reach::All,
            reads_on: false,
            headcount: None,
            looked_at: None,
            looking_took: Duration::ZERO,
            serves_until: None,
            followed: 0,
            misplaced: 0,
            seen_id: 0,
            seen_date: Timestamp::MIN,
            seen_claim: 0,
            size: SMALLEST,
            hints: Vec::new(),
        }
    }

    /// Takes the first so many out, and reads on for those that are missing.
    pub(super) async fn take(&mut self, write: &mut Write<'_>, count: usize) -> Outcome<Vec<Rank>> {
        if self.reads_on && self.has_less_than(count) {
            self.read_on(write, count - self.kept.len()).await?;
        }
        Ok(self.kept.take(count))
    }

    /// This one was taken out, and has another place than it was thought to have.
    pub(super) fn put_back(&mut self, rank: Rank) {
        if self.reach.holds(&rank) {
            self.kept.put(rank);
        }
        self.misplaced += 1;
        if self.misplaced > MANY.max(self.followed / MOST_MISPLACED) {
            self.reads_on = false;
            self.size = self.size.max(MIXED);
        }
    }

    /// These were taken out, and wait no longer, or others have locked them.
    pub(super) fn miss(&mut self, ids: impl Iterator<Item = ActionId>) {
        for id in ids {
            if let Some(headcount) = &mut self.headcount {
                headcount.remove(id);
            }
            self.hints.push(id);
        }
    }

    /// Whether those in mind are all there are, as far as is known.
    pub(super) fn is_whole(&self) -> bool {
        self.reach == Reach::All
    }

    fn has_less_than(&self, count: usize) -> bool {
        self.kept.len() < count && !self.is_whole()
    }

    fn has_seen(&self, id: ActionId, due: Timestamp) -> bool {
        id.get() <= self.seen_id && due <= self.seen_date
    }

    /// These were claimed, under this claim of our own.
    pub(super) fn claimed(&mut self, claim: ClaimId, ids: impl Iterator<Item = ActionId>) {
        self.seen_claim = self.seen_claim.max(claim.get());
        if let Some(headcount) = &mut self.headcount {
            ids.for_each(|id| headcount.remove(id));
        }
    }

    /// Brings it up to date for a claim of so many: adds what is new and leaves out what is taken, and reads all anew if
    /// that is due, or too little is left and cannot be read on.
    pub(super) async fn refresh(&mut self, write: &mut Write<'_>, count: usize) -> Outcome<()> {
        self.size = self.size.max(count);
        if self.looked_at.is_none() || write.now < self.seen_date || !self.look(write).await? {
            return self.read_all(write).await;
        }
        if !self.reads_on && self.has_less_than(count) {
            if self.size >= MIXED {
                self.size = (self.size * 2).min(LARGEST.max(count));
            }
            self.read_all(write).await?;
        }
        Ok(())
    }

    /// Sees to what has changed. Whether that is all that has: if not, all must be read anew.
    async fn look(&mut self, write: &mut Write<'_>) -> Outcome<bool> {
        let mut is_due = self.looked_at.is_none_or(|at| at.elapsed() >= period(self.looking_took));
        if is_due && self.headcount.is_none() {
            return Ok(false);
        }
        if is_due && !self.is_whole() && !falls_to_this_one(write).await? {
            self.looked_at = Some(Instant::now());
            is_due = false;
        }
        if !is_due {
            self.add_new(write, "").await?;
            return Ok(self.looked_at.is_some());
        }
        let begun = Instant::now();
        let counting = headcount_of_all(write);
        let told = self.add_new(write, &counting).await?;
        let is_right =
            told == self.headcount && (!self.is_whole() || told == Some(self.kept.headcount()));
        if !is_right || self.serves_until.is_some_and(|until| until <= begun) {
            return Ok(false);
        }
        let is_complete = self.looked_at.is_some();
        self.looked_at = is_complete.then(Instant::now);
        self.looking_took = begun.elapsed();
        Ok(is_complete)
    }

    /// Reads all that wait and are due, and keeps the first in mind.
    pub(super) async fn read_all(&mut self, write: &mut Write<'_>) -> Outcome<()> {
        let begun = Instant::now();
        let actions = &write.tables().actions;
        let waits = self.waits(write);
        let index = waiting::index(write, &waits).await?;
        // Our own key gives the first of a filter, or of all, with less work than counting is.
        let is_plain = index != CLAIM_INDEX && self.filter == ClaimFilter::default();
        let counting = if is_plain { headcount_of_all(write) } else { String::new() };
        if !is_plain {
            self.size = self.size.max(MIXED);
        }
        // In one statement, and so of one moment. With a sort of what is due, unless our key has been added.
        let sql = format!(
            "(SELECT {WAITS} FROM {actions} a FORCE INDEX ({index}) WHERE {waits} \
             ORDER BY a.priority, a.attempts, a.scheduled_date_gmt, a.action_id LIMIT {size}) \
             UNION ALL (SELECT {GREATEST} FROM {actions}) \
             UNION ALL (SELECT {TAKEN} FROM {actions} a FORCE INDEX ({PLUGIN_INDEX}) WHERE a.claim_id > 0 \
             ORDER BY a.claim_id DESC LIMIT 1){counting}",
            size = self.size
        );
        let rows = write.rows(&sql).await?;
        self.kept = Kept::default();
        self.hints.clear();
        self.reach = Reach::All;
        self.headcount = self.learn(&rows, Reading::All)?;
        if let Some(last) = self.kept.last().filter(|_| self.kept.len() >= self.size) {
            self.reach = Reach::UpTo(last);
        }
        self.reads_on = is_plain;
        (self.followed, self.misplaced) = (0, 0);
        self.seen_date = write.now;
        self.looked_at = Some(Instant::now());
        self.looking_took = begun.elapsed();
        let service = SERVICE.max(self.looking_took.saturating_mul(RARE));
        self.serves_until = Instant::now().checked_add(service);
        Ok(())
    }

    /// Reads the next so many that follow on what is in mind by the plugin's key alone, which gives those of one priority
    /// and number of attempts in order, among others. They are taken for such: what they are is known when they are
    /// claimed.
    async fn read_on(&mut self, write: &mut Write<'_>, count: usize) -> Outcome<()> {
        let Reach::UpTo((priority, attempts, due, id)) = self.reach else { return Ok(()) };
        let due = format_gmt((due > NO_DATE).then_some(due));
        // What was stored since is added as new, and counted with it.
        let sql = format!(
            "SELECT {FOLLOWS} FROM {} a FORCE INDEX ({PLUGIN_INDEX}) WHERE {} AND a.action_id <= {} \
             AND (a.scheduled_date_gmt > '{due}' OR (a.scheduled_date_gmt = '{due}' AND a.action_id > {id})) \
             ORDER BY a.scheduled_date_gmt, a.action_id LIMIT {count}",
            write.tables().actions,
            self.waits(write),
            self.seen_id
        );
        let rows = write.rows(&sql).await?;
        if let Some(Fact::Follows { id, due }) = rows.last().map(Fact::read).transpose()? {
            self.reach = Reach::UpTo((priority, attempts, due, id));
        }
        self.learn(&rows, Reading::On)?;
        self.followed += rows.len();
        // Others may come after the last ones.
        self.reads_on = rows.len() >= count;
        Ok(())
    }

    /// The conditions under which an action waits and is due.
    fn waits(&self, write: &Write<'_>) -> String {
        format!("{}{}", waits_at(write.now), conditions(write.tables(), &self.filter))
    }

    /// What others have claimed since, each or, unless it makes a difference which, all in one. Served by the plugin's
    /// key alone.
    fn taken(&self, tables: &Tables) -> String {
        let taken = format!(
            "FROM {} a FORCE INDEX ({PLUGIN_INDEX}) WHERE a.claim_id > {} ORDER BY a.claim_id LIMIT {MOST_TAKEN}",
            tables.actions, self.seen_claim
        );
        if !self.kept.is_empty() {
            return format!("(SELECT {TAKEN} {taken})");
        }
        let all = all_taken(MOST_TAKEN, self.seen_id, &format_gmt(Some(self.seen_date)));
        format!(
            "(SELECT {all} FROM (SELECT a.claim_id, a.action_id, a.scheduled_date_gmt {taken}) a)"
        )
    }

    /// Leaves out what others have claimed since it was refreshed.
    pub(super) async fn leave_out_taken(&mut self, write: &mut Write<'_>) -> Outcome<()> {
        let sql = self.taken(write.tables());
        let rows = write.rows(&sql).await?;
        self.learn(&rows, Reading::News).map(drop)
    }

    /// Adds what was stored, has become due, or came back since, and leaves out what others have claimed. Gives what
    /// was asked for beside it.
    async fn add_new(&mut self, write: &mut Write<'_>, beside: &str) -> Outcome<Option<Headcount>> {
        let tables = write.tables();
        let actions = &tables.actions;
        let waits = self.waits(write);
        let (seen_id, seen_date) = (self.seen_id, format_gmt(Some(self.seen_date)));
        // No action is in two of its parts.
        let mut sql = format!(
            "SELECT {WAITS} FROM {actions} a FORCE INDEX (PRIMARY) WHERE a.action_id > {seen_id} AND {waits}"
        );
        // Writing to a String cannot fail.
        if self.seen_date < write.now {
            let _ = write!(
                sql,
                " UNION ALL SELECT {WAITS} FROM {actions} a FORCE INDEX ({PLUGIN_INDEX}) \
                 WHERE {waits} AND a.scheduled_date_gmt > '{seen_date}' AND a.action_id <= {seen_id}"
            );
        }
        let hints = std::mem::take(&mut self.hints);
        for id in &hints {
            if self.kept.leave_out(*id)
                && let Some(headcount) = &mut self.headcount
            {
                headcount.remove(*id);
            }
        }
        if !hints.is_empty() {
            let _ = write!(
                sql,
                " UNION ALL SELECT {WAITS} FROM {actions} a WHERE a.action_id IN {} AND {waits} \
                 AND a.scheduled_date_gmt <= '{seen_date}'",
                List(hints.iter())
            );
        }
        let _ = write!(sql, " UNION ALL SELECT {GREATEST} FROM {actions}");
        // Else it is seen to when it is this one's turn.
        if !self.kept.is_empty() || !beside.is_empty() {
            let _ = write!(sql, " UNION ALL {}{beside}", self.taken(tables));
        }
        let rows = match write.rows(&sql).await {
            Ok(rows) => rows,
            Err(trouble) => {
                // They have not been looked at.
                self.looked_at = None;
                return Err(trouble);
            }
        };
        let told = self.learn(&rows, Reading::News)?;
        self.seen_date = write.now;
        Ok(told)
    }

    /// Takes into mind what waits as far as the reach goes, leaves out what is taken, and gives the number of all that
    /// wait if it was asked for.
    fn learn(&mut self, rows: &[Row], reading: Reading) -> Outcome<Option<Headcount>> {
        let is_news = reading == Reading::News;
        let (mut told, mut greatest, mut taken) = (None, self.seen_id, 0);
        for row in rows {
            match Fact::read(row)? {
                Fact::Waits(rank) => {
                    if let Some(headcount) = self.headcount.as_mut().filter(|_| is_news) {
                        headcount.add(rank.3);
                    }
                    if self.reach.holds(&rank) {
                        self.kept.put(rank);
                    }
                }
                Fact::Follows { id, due } => {
                    if let Reach::UpTo((priority, attempts, ..)) = self.reach
                        && !self.kept.has(id)
                    {
                        self.kept.put((priority, attempts, due, id));
                    }
                }
                Fact::Taken { claim, id, due } => {
                    taken += 1;
                    self.seen_claim = self.seen_claim.max(claim);
                    self.kept.leave_out(id);
                    let counts = is_news && self.has_seen(id, due);
                    if let Some(headcount) = self.headcount.as_mut().filter(|_| counts) {
                        headcount.remove(id);
                    }
                }
                Fact::AllTaken { claim, seen } => {
                    self.seen_claim = self.seen_claim.max(claim);
                    if let Some(headcount) = &mut self.headcount {
                        headcount.subtract(seen);
                    }
                }
                Fact::TooManyTaken => taken = MOST_TAKEN,
                Fact::Greatest(id) => greatest = greatest.max(id),
                Fact::Wait(headcount) => told = Some(headcount),
            }
        }
        self.seen_id = greatest;
        if taken >= MOST_TAKEN {
            // There may be more of them.
            self.looked_at = None;
        }
        if self.kept.len() > 2 * self.size {
            self.kept.cut(2 * self.size);
            self.reach = self.kept.last().map_or(self.reach, Reach::UpTo);
        }
        Ok(told)
    }
}

/// What is learned from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// All that wait.
    All,
    /// Those that follow on what is in mind, and have been counted before.
    On,
    /// What has changed since.
    News,
}

/// The conditions under which an action waits and is due.
fn waits_at(now: Timestamp) -> String {
    format!(
        "a.claim_id = 0 AND a.status = 'pending' AND a.scheduled_date_gmt <= '{}'",
        format_gmt(Some(now))
    )
}

/// Whether this process is to count a long backlog now. One that does is enough, as it claims what it finds; so each of
/// several does it with a chance that makes it one of them on average.
async fn falls_to_this_one(write: &mut Write<'_>) -> Outcome<bool> {
    // Remote workers have no process that anybody here knows, and claim with filters.
    let sql = format!("SELECT COUNT(process) FROM {}", write.tables().runners);
    let rows = write.rows(&sql).await?;
    let runners: u32 = rows.first().map(|row| row.number(0)).transpose()?.unwrap_or(1);
    Ok(rand::random_range(0..runners.max(1)) == 0)
}

/// A part of a statement that counts all that wait and are due. Served by the plugin's key alone.
fn headcount_of_all(write: &Write<'_>) -> String {
    format!(
        " UNION ALL (SELECT {HEADCOUNT} FROM {} a FORCE INDEX ({PLUGIN_INDEX}) WHERE {})",
        write.tables().actions,
        waits_at(write.now)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_read_anew_soon_also_when_reading_it_was_held_up() {
        let seconds = Duration::from_secs_f64;
        assert_eq!(period(seconds(0.001)), PERIOD);
        assert_eq!(period(seconds(0.1)), seconds(10.0));
        // As when a node of a cluster is lost, and the others wait until they are certain.
        assert_eq!(period(seconds(5.0)), LONGEST_PERIOD);
    }

    #[test]
    fn what_is_hinted_at_is_looked_at_only_if_it_lies_before_what_was_seen() {
        let mut windows = Windows::default();
        windows.of(&ClaimFilter::default()).seen_id = 10;
        windows.hint(&[10, 11].map(|id| ActionId::new(id).unwrap()));
        assert_eq!(windows.of(&ClaimFilter::default()).hints, [ActionId::new(10).unwrap()]);
    }
}
