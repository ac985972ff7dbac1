//! The log: texts as the plugin writes them, and what they do not tell beside them.

use std::borrow::Cow;

use jiff::Timestamp;
use mysql_async::Row;

use super::error::Outcome;
use super::row::Columns;
use super::sql::{List, OrNull, Rows, Text, TextOrNull};
use super::tables::Tables;
use super::transaction::{Ask, Read, Write};
use crate::action::{ActionId, Attempt};
use crate::log::{Context, LogEntry, NewLogEntry, Step};

/// How many actions are asked for at once.
const CHUNK: usize = 1000;

/// Entries go into one statement as long as their texts are no longer than this together.
pub(super) const MESSAGES: usize = 1 << 20;

/// The most bytes that the plugin's column holds.
const LONGEST_TEXT: usize = 65_535;

/// An entry to be written.
pub(super) struct Entry<'a> {
    pub(super) action: ActionId,
    pub(super) at: Timestamp,
    pub(super) step: Step,
    pub(super) attempt: Option<Attempt>,
    pub(super) context: Option<&'a Context>,
    pub(super) message: Option<Cow<'a, str>>,
}

impl<'a> Entry<'a> {
    /// An entry that says no more than its step.
    pub(super) fn new(action: ActionId, at: Timestamp, step: Step) -> Self {
        Self { action, at, step, attempt: None, context: None, message: None }
    }

    /// The same of an attempt.
    pub(super) fn attempt(self, attempt: Option<Attempt>) -> Self {
        Self { attempt, ..self }
    }

    /// The same by someone.
    pub(super) fn by(self, context: &'a Context) -> Self {
        Self { context: Some(context), ..self }
    }

    /// The same with more to say.
    pub(super) fn saying(self, message: Option<impl Into<Cow<'a, str>>>) -> Self {
        Self { message: message.map(Into::into), ..self }
    }

    fn to_log(&self) -> LogEntry {
        LogEntry {
            action: self.action,
            seq: 0,
            at: self.at,
            step: self.step,
            attempt: self.attempt,
            context: self.context.cloned(),
            message: self.message.as_deref().map(str::to_owned),
        }
    }
}

/// Writes entries, in order, about actions that exist.
pub(super) async fn write(write: &mut Write<'_>, entries: &[Entry<'_>]) -> Outcome<()> {
    for chunk in entries.chunks(CHUNK) {
        write_chunk(write, chunk).await?;
    }
    Ok(())
}

async fn write_chunk(write: &mut Write<'_>, entries: &[Entry<'_>]) -> Outcome<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let tables = write.tables();
    let mut rows = text_rows(tables);
    let mut untold = Vec::new();
    let mut dates = (write.now, write.now_dates.clone());
    // Many of one call say the same.
    let mut same: Option<(&Entry<'_>, String, bool)> = None;
    for (place, entry) in entries.iter().enumerate() {
        if dates.0 != entry.at {
            dates = (entry.at, write.database.dates(entry.at));
        }
        let is_same = same.as_ref().is_some_and(|(other, ..)| {
            other.step == entry.step
                && other.attempt == entry.attempt
                && other.context == entry.context
                && other.message == entry.message
        });
        if !is_same {
            let log = entry.to_log();
            let text = log.text();
            let tells_all = text.len() <= LONGEST_TEXT && Told::read(&text).is_all_of(&log);
            same = Some((entry, Text(cut(&text, LONGEST_TEXT)).to_string(), tells_all));
        }
        let Some((_, text, tells_all)) = &same else { continue };
        if !tells_all {
            untold.push((place, entry));
        }
        rows.push(format_args!("{},{text},{}", entry.action, dates.1));
    }
    if untold.is_empty() {
        return write.later(&rows.end("")).await;
    }
    let ids = write.insert(&rows.end("")).await?;
    let mut rows = Rows::new(format_args!(
        "INSERT INTO {} (log_id, step, attempt, context, message)",
        tables.entries
    ));
    for (place, entry) in untold {
        rows.push(format_args!(
            "{},{},{},{},{}",
            ids.of(place),
            entry.step.code(),
            OrNull(entry.attempt),
            TextOrNull(entry.context.map(Context::as_str)),
            TextOrNull(entry.message.as_deref())
        ));
    }
    write.later(&rows.end("")).await
}

/// An entry whose text was written elsewhere.
pub(super) struct Copied<'a> {
    pub(super) action: ActionId,
    pub(super) at: Timestamp,
    pub(super) text: &'a str,
}

/// Writes entries with their texts as they are, in order, about actions that exist.
pub(super) async fn copy(write: &mut Write<'_>, entries: &[Copied<'_>]) -> Outcome<()> {
    // A statement holds a thousand of them, or fewer that are long.
    let mut rest = entries;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fit = rest.iter().take(CHUNK).take_while(|entry| {
            bytes += entry.text.len();
            bytes <= MESSAGES
        });
        let (chunk, more) = rest.split_at(fit.count().max(1));
        rest = more;
        let mut rows = text_rows(write.tables());
        for Copied { action, at, text } in chunk {
            let dates = write.database.dates(*at);
            rows.push(format_args!("{action},{},{dates}", Text(cut(text, LONGEST_TEXT))));
        }
        write.later(&rows.end("")).await?;
    }
    Ok(())
}

/// A statement that stores rows of the plugin's log.
fn text_rows(tables: &Tables) -> Rows {
    Rows::new(format_args!(
        "INSERT INTO {} (action_id, message, log_date_gmt, log_date_local)",
        tables.logs
    ))
}

/// As much of a text as fits.
fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// Adds entries of others; those about actions that are not there are passed over.
pub(super) async fn append(
    write: &mut Write<'_>,
    entries: &[(ActionId, NewLogEntry)],
    context: &Context,
) -> Outcome<()> {
    let tables = write.tables();
    for chunk in entries.chunks(CHUNK) {
        // By primary key. What is noted while it runs belongs to the attempt.
        let sql = format!(
            "SELECT action_id, IF(status = 'in-progress', attempts, NULL) FROM {} WHERE action_id IN {} \
             ORDER BY action_id LOCK IN SHARE MODE",
            tables.actions,
            List(chunk.iter().map(|(action, _)| action))
        );
        let mut known = std::collections::HashMap::new();
        for row in write.rows(&sql).await? {
            known.insert(row.action_id(0)?, row.optional_number::<u32>(1)?.map(Attempt));
        }
        let entries: Vec<Entry<'_>> = chunk
            .iter()
            .filter_map(|(action, entry)| {
                let attempt = *known.get(action)?;
                let at = entry.at.unwrap_or(write.now);
                let message = entry.message.as_deref();
                Some(
                    Entry::new(*action, at, entry.step)
                        .attempt(attempt)
                        .by(context)
                        .saying(message),
                )
            })
            .collect();
        self::write(write, &entries).await?;
    }
    Ok(())
}

/// The log of these actions, by action and place.
pub(super) async fn read(read: &mut Read<'_>, ids: &[ActionId]) -> Outcome<Vec<LogEntry>> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let mut entries: Vec<LogEntry> = Vec::new();
    for chunk in ids.chunks(CHUNK) {
        for row in rows(read, chunk).await? {
            let entry = entry(&row, entries.last())?;
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// The rows of the log of these actions, by action and place.
pub(super) async fn rows(source: &mut impl Ask, ids: &[ActionId]) -> Outcome<Vec<Row>> {
    let tables = source.tables();
    // Served by the key on the action, and ours by primary key.
    let sql = format!(
        "SELECT l.action_id, l.message, l.log_date_gmt, e.step, e.attempt, e.context, e.message \
         FROM {} l LEFT JOIN {} e ON e.log_id = l.log_id WHERE l.action_id IN {} \
         ORDER BY l.action_id, l.log_id",
        tables.logs,
        tables.entries,
        List(ids.iter())
    );
    source.rows(&sql).await
}

/// Reads one of [`rows`]; `last` is the entry before it.
pub(super) fn entry(row: &Row, last: Option<&LogEntry>) -> Outcome<LogEntry> {
    let action = row.action_id(0)?;
    let told = match row.optional_number::<u8>(3)? {
        Some(step) => Told {
            step: Step::from_code(step),
            attempt: row.optional_number(4)?.map(Attempt),
            context: row.optional_text(5)?.map(Context::new),
            message: row.optional_text(6)?.map(str::to_owned),
        },
        None => Told::read(row.text(1)?),
    };
    Ok(LogEntry {
        action,
        seq: last.filter(|last| last.action == action).map_or(1, |last| last.seq + 1),
        at: row.date(2).unwrap_or(Timestamp::UNIX_EPOCH),
        step: told.step,
        attempt: told.attempt,
        context: told.context,
        message: told.message,
    })
}

/// What a text tells.
struct Told {
    step: Step,
    attempt: Option<Attempt>,
    context: Option<Context>,
    message: Option<String>,
}

/// How the texts of steps begin, and whether they are of an attempt. Texts do not say which one; nearly always it is
/// the first.
const OPENINGS: [(&str, Step, bool); 15] = [
    ("action created", Step::Created, false),
    ("action started", Step::Started, true),
    ("action complete", Step::Complete, true),
    ("action failed", Step::Failed, true),
    ("action canceled", Step::Canceled, false),
    ("action reset", Step::Reset, false),
    ("action ignored", Step::Ignored, false),
    ("action marked as failed", Step::TimedOut, true),
    ("unexpected shutdown", Step::Crashed, true),
    ("action to be retried", Step::Retry, true),
    ("action re-run", Step::Rerun, false),
    ("action rescheduled", Step::Rescheduled, false),
    ("late result ignored", Step::LateResult, false),
    ("chain paused", Step::Paused, false),
    ("chain resumed", Step::Resumed, false),
];

impl Told {
    /// Reads a text of ours or of the plugin's; any other is a note.
    fn read(text: &str) -> Self {
        for (opening, step, of_attempt) in OPENINGS {
            let Some(rest) = text.strip_prefix(opening) else { continue };
            let (context, message) = if rest.is_empty() {
                (None, None)
            } else if let Some(rest) = rest.strip_prefix(" via ") {
                match rest.split_once(": ") {
                    Some((context, message)) => (Some(context), Some(message)),
                    None => (Some(rest), None),
                }
            } else if let Some(message) = rest.strip_prefix(": ") {
                (None, Some(message))
            } else if rest.starts_with(" after ") {
                // "action marked as failed after 300 seconds. …"
                (None, Some(rest.trim_start()))
            } else {
                break;
            };
            return Self {
                step,
                attempt: of_attempt.then_some(Attempt(1)),
                context: context.map(Context::new),
                message: message.map(str::to_owned),
            };
        }
        Self { step: Step::Note, attempt: None, context: None, message: Some(text.to_owned()) }
    }

    fn is_all_of(&self, entry: &LogEntry) -> bool {
        self.step == entry.step
            && self.attempt == entry.attempt
            && self.context == entry.context
            && self.message == entry.message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> (Step, Option<String>, Option<String>) {
        let told = Told::read(text);
        (told.step, told.context.map(|context| context.as_str().to_owned()), told.message)
    }

    #[test]
    fn the_texts_of_the_plugin_are_understood() {
        let context = |name: &str| Some(name.to_owned());
        let says = context;
        for (text, expected) in [
            ("action created", (Step::Created, None, None)),
            ("action started via WP Cron", (Step::Started, context("WP Cron"), None)),
            (
                "action failed via WP CLI: no callbacks: none",
                (Step::Failed, context("WP CLI"), says("no callbacks: none")),
            ),
            ("action canceled", (Step::Canceled, None, None)),
            ("action reset", (Step::Reset, None, None)),
            ("action ignored via Async Request", (Step::Ignored, context("Async Request"), None)),
            (
                "action marked as failed after 300 seconds. Unknown error occurred.",
                (Step::TimedOut, None, says("after 300 seconds. Unknown error occurred.")),
            ),
            (
                "unexpected shutdown: PHP Fatal error boom in /x.php on line 3",
                (Step::Crashed, None, says("PHP Fatal error boom in /x.php on line 3")),
            ),
            ("There was no such order", (Step::Note, None, says("There was no such order"))),
            ("action createdness", (Step::Note, None, says("action createdness"))),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }
}
