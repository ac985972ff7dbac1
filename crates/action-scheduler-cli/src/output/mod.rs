//! What commands print: lists in many formats, single values, messages.

use std::fmt;
use std::io::{self, Write};

pub use action_scheduler::text as safe;
pub use action_scheduler::text::{count, thousands};
pub use action_scheduler::time::words as time;
use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use self::safe::{safe, safe_json, safe_lines};
use crate::terminal::Terminal;

/// How a list is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Columns for people
    #[default]
    Table,
    /// An array of objects
    Json,
    /// A header and a line for each
    Csv,
    /// The ids alone, separated by spaces
    Ids,
    /// How many there are
    Count,
    /// A sequence of mappings
    Yaml,
}

/// One value of a list: as people read it and as programs do.
#[derive(Debug, Clone)]
pub struct Cell {
    /// For people.
    pub text: String,
    /// For programs, as JSON: args stay as they were written, to the letter.
    pub json: Box<RawValue>,
}

impl Cell {
    /// A value with a text of its own for people.
    pub fn new(text: impl Into<String>, value: impl Serialize) -> Self {
        Self { text: text.into(), json: to_json(value) }
    }

    /// A value that people read as programs do.
    pub fn plain(value: impl Serialize + fmt::Display) -> Self {
        Self { text: value.to_string(), json: to_json(value) }
    }

    /// What is not there.
    pub fn empty() -> Self {
        Self { text: String::new(), json: to_json(()) }
    }

    /// The value alone: text without quotes, nothing for null, else JSON.
    pub fn bare(&self) -> String {
        match self.json.get() {
            "null" => String::new(),
            json => serde_json::from_str(json).unwrap_or_else(|_| json.to_owned()),
        }
    }
}

/// Any value as JSON; what cannot be JSON is null.
fn to_json(value: impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(&value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// A row as an object, its fields in order.
struct Object<'a>(&'a [&'static str], &'a [Cell]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().zip(self.1.iter().map(|cell| &cell.json)))
    }
}

/// A list: its fields, and a value for each field in every row.
#[derive(Debug, Default)]
pub struct Records {
    /// The names of the fields.
    pub fields: Vec<&'static str>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

impl Records {
    /// Prints the list. `count` is how many there are in all, `ids` the column of ids.
    pub fn print(&self, format: Format, terminal: &Terminal) -> Result<()> {
        let text = match format {
            Format::Table => self.table(terminal),
            Format::Json => json(&self.objects())?,
            Format::Yaml => for_terminal(yaml(&self.objects())?, terminal),
            Format::Csv => self.csv(terminal)?,
            Format::Ids => {
                let ids: Vec<&str> =
                    self.rows.iter().filter_map(|row| row.first()).map(|id| &*id.text).collect();
                ids.join(" ")
            }
            Format::Count => self.rows.len().to_string(),
        };
        print(&text)
    }

    /// The list as aligned columns, without a line break at its end.
    pub fn table(&self, terminal: &Terminal) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if let Some(width) = terminal.width() {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width);
        }
        table.set_header(self.fields.iter().map(|field| heading(field)));
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| safe(&cell.text).into_owned()));
        }
        if let Some(first) = table.column_mut(0) {
            first.set_padding((0, 1));
        }
        let lines = table.lines().enumerate().map(|(place, line)| match place {
            0 => terminal.bold(line.trim_end()),
            _ => line.trim_end().to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Prints the first row alone, as one object.
    pub fn print_one(&self, format: Format, terminal: &Terminal) -> Result<()> {
        match (format, self.objects().first()) {
            (Format::Json, Some(object)) => print(&json(object)?),
            (Format::Yaml, Some(object)) => print(&for_terminal(yaml(object)?, terminal)),
            _ => self.print(format, terminal),
        }
    }

    fn objects(&self) -> Vec<Object<'_>> {
        self.rows.iter().map(|row| Object(&self.fields, row)).collect()
    }

    fn csv(&self, terminal: &Terminal) -> Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.fields)?;
        for row in &self.rows {
            let row = row.iter().map(Cell::bare);
            if terminal.is_terminal {
                writer.write_record(row.map(|text| safe(&text).into_owned()))?;
            } else {
                writer.write_record(row)?;
            }
        }
        let text = String::from_utf8(writer.into_inner()?)?;
        Ok(text.trim_end_matches('\n').to_owned())
    }
}

/// Fields and values, one under the other.
pub fn details(rows: &[(&str, String)], terminal: &Terminal) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default() + 1;
    let lines = rows.iter().map(|(name, value)| {
        let name = format!("{:<width$}", format!("{}:", heading(name)));
        format!("{}  {}", terminal.bold(&name), safe(value)).trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The name of a field as people read it.
fn heading(field: &str) -> String {
    field.replace('_', " ")
}

/// A value as indented JSON.
pub fn json(value: &impl Serialize) -> Result<String> {
    Ok(safe_json(&serde_json::to_string_pretty(value)?).into_owned())
}

/// Data as it is, unless a terminal would act on it.
fn for_terminal(text: String, terminal: &Terminal) -> String {
    if terminal.is_terminal { safe_lines(&text) } else { text }
}

/// A value as YAML.
fn yaml(value: &impl Serialize) -> Result<String> {
    // By way of JSON, so that what is raw JSON becomes YAML too.
    let value: Value = serde_json::from_str(&serde_json::to_string(value)?)?;
    Ok(yaml_serde::to_string(&value)?.trim_end().to_owned())
}

/// Long args are cut in tables.
pub fn shortened(args: &str) -> String {
    const SHOWN: usize = 60;
    match args.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", args.get(..end).unwrap_or(args)),
        None => args.to_owned(),
    }
}

/// Prints a text and a line break to stdout.
pub fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(())
}

/// Prints a line to stderr; when that is gone there is nobody left to tell.
pub fn note(text: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
