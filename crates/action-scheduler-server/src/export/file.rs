//! What a file of actions looks like.

use std::str::FromStr;

use action_scheduler::{Action, Invalid};
use axum::body::Bytes;
use jiff::Timestamp;

use crate::api::ActionShape;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A header and a line for each action, for spreadsheets.
    Csv,
    /// An array of objects, as the API gives them.
    Json,
    /// Such an object on each line.
    Ndjson,
}

impl Format {
    /// The kind that goes by this media type, if one does.
    pub(crate) fn of_media_type(essence: &str) -> Option<Self> {
        [Format::Csv, Format::Json, Format::Ndjson]
            .into_iter()
            .find(|format| format.media_type().split(';').next() == Some(essence))
    }

    pub(super) fn extension(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Ndjson => "ndjson",
        }
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Format::Csv => "text/csv; charset=utf-8; header=present",
            Format::Json => "application/json",
            Format::Ndjson => "application/x-ndjson",
        }
    }
}

impl FromStr for Format {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "csv" => Ok(Format::Csv),
            "json" => Ok(Format::Json),
            "ndjson" => Ok(Format::Ndjson),
            _ => Err(Invalid::new("format", text, "expected csv, json or ndjson")),
        }
    }
}

const FIELDS: [&str; 14] = [
    "id",
    "hook",
    "args",
    "group",
    "status",
    "priority",
    "schedule",
    "scheduled_at",
    "created_at",
    "started_at",
    "finished_at",
    "attempts",
    "claim",
    "chain",
];

/// Writes a file part by part.
pub(super) struct Writer {
    format: Format,
    now: Timestamp,
    is_first: bool,
}

impl Writer {
    /// Of a file of this kind, about how things are now.
    pub(super) fn new(format: Format, now: Timestamp) -> Self {
        Self { format, now, is_first: true }
    }

    /// What comes before the first action.
    pub(super) fn head(&self) -> Bytes {
        match self.format {
            Format::Csv => csv_lines([FIELDS.map(str::to_owned)]),
            Format::Json => Bytes::from_static(b"["),
            Format::Ndjson => Bytes::new(),
        }
    }

    /// Some actions, whose args may be shown.
    pub(super) fn page(&mut self, actions: &[Action]) -> Bytes {
        if self.format == Format::Csv {
            return csv_lines(actions.iter().map(record));
        }
        let mut out = Vec::with_capacity(actions.len() * 400);
        for action in actions {
            let before: &[u8] = match (self.format, self.is_first) {
                (Format::Json, true) => b"\n",
                (Format::Json, false) => b",\n",
                _ => b"",
            };
            self.is_first = false;
            out.extend_from_slice(before);
            let shape = ActionShape::with_args(action, action.args.clone(), self.now);
            // An action always has a JSON form, and a vector takes it.
            if serde_json::to_writer(&mut out, &shape).is_ok() && self.format == Format::Ndjson {
                out.push(b'\n');
            }
        }
        Bytes::from(out)
    }

    /// What comes after the last action.
    pub(super) fn tail(&self) -> Bytes {
        match self.format {
            Format::Json => Bytes::from_static(b"\n]\n"),
            Format::Csv | Format::Ndjson => Bytes::new(),
        }
    }
}

fn record(action: &Action) -> [String; 14] {
    let date = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    [
        action.id.to_string(),
        text(action.hook.as_str()),
        text(action.args.as_str()),
        text(action.group.as_str()),
        action.status.to_string(),
        action.priority.to_string(),
        text(&action.schedule.to_string()),
        date(Some(action.scheduled_at)),
        date(Some(action.created_at)),
        date(action.started_at),
        date(action.finished_at),
        action.attempts.to_string(),
        action.claim.map(|claim| claim.to_string()).unwrap_or_default(),
        action.chain.map(|chain| chain.to_string()).unwrap_or_default(),
    ]
}

/// A text that no spreadsheet takes for a formula: one that begins as a formula does gets an apostrophe before it, which
/// spreadsheets do not show.
fn text(text: &str) -> String {
    match text.trim_start().chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠') => {
            format!("'{text}")
        }
        _ => text.to_owned(),
    }
}

fn csv_lines(records: impl IntoIterator<Item = [String; 14]>) -> Bytes {
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for record in records {
        // A vector takes all that is written to it, and all records are of one length.
        let _ = writer.write_record(record);
    }
    writer.into_inner().map(Bytes::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use action_scheduler::action::Attempt;
    use action_scheduler::{ActionId, Args, Group, Hook, Priority, Schedule, Status};
    use proptest::prelude::*;

    use super::*;

    fn action(hook: &str, args: &str) -> Action {
        let noon: Timestamp = "2026-01-15T12:00:00Z".parse().unwrap();
        Action {
            id: ActionId::new(7).unwrap(),
            hook: Hook::from_stored(hook),
            args: Args::from_stored(args),
            group: Group::default(),
            status: Status::Pending,
            priority: Priority(10),
            schedule: Schedule::Single(noon),
            scheduled_at: noon,
            attempts: Attempt(0),
            created_at: noon,
            started_at: None,
            finished_at: None,
            claim: None,
            chain: None,
            log_entries: 0,
        }
    }

    fn file(format: Format, pages: &[&[Action]]) -> String {
        let mut writer = Writer::new(format, "2026-01-15T12:00:00Z".parse().unwrap());
        let mut file = writer.head().to_vec();
        for page in pages {
            file.extend(writer.page(page));
        }
        file.extend(writer.tail());
        String::from_utf8(file).unwrap()
    }

    #[test]
    fn json_is_one_array_over_all_pages() {
        let one = [action("a", "[1.50]")];
        let text = file(Format::Json, &[&one, &one, &[]]);
        assert!(text.contains("[1.50]"), "{text}");
        let read: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert_eq!((read.len(), &read[0]["hook"]), (2, &"a".into()));
        assert_eq!(file(Format::Json, &[&[]]), "[\n]\n");
        assert_eq!(file(Format::Ndjson, &[&one, &one]).lines().count(), 2);
    }

    #[test]
    fn nothing_in_a_spreadsheet_is_a_formula() {
        let text = file(Format::Csv, &[&[action("=HYPERLINK(\"x\")", r#"{"a":"b, \"c\""}"#)]]);
        let mut lines = text.split("\r\n");
        assert_eq!(lines.next().unwrap(), FIELDS.join(","));
        let line = lines.next().unwrap();
        assert!(line.starts_with("7,\"'=HYPERLINK(\"\"x\"\")\","), "{line}");
    }

    proptest! {
        #[test]
        fn whatever_a_hook_is_called_its_cell_is_harmless_and_whole(name in any::<String>()) {
            let written = file(Format::Csv, &[&[action(&name, "[]")]]);
            let mut reader = csv::Reader::from_reader(written.as_bytes());
            let cell = reader.records().next().unwrap().unwrap().get(1).unwrap().to_owned();
            prop_assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']), "{cell:?}");
            prop_assert_eq!(cell.strip_prefix('\'').filter(|rest| *rest == name).unwrap_or(&cell), &name);
        }
    }
}
