//! Reads a TOML table key by key: notes every problem with its place and goes on to the next key.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use action_scheduler::Args;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::input::did_you_mean;

/// Something that is wrong with a config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1; `None` when it is about the file as a whole.
    pub line: Option<usize>,
    /// What is wrong, with the key it is about.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// What was read so far: the problems, and the line of every key that was found.
pub struct Reading<'t> {
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
    lines: RefCell<BTreeMap<String, usize>>,
    #[cfg(test)]
    asked: RefCell<Vec<String>>,
}

impl<'t> Reading<'t> {
    /// Nothing was read yet.
    pub fn new(text: &'t str) -> Self {
        Self {
            text,
            problems: RefCell::default(),
            lines: RefCell::default(),
            #[cfg(test)]
            asked: RefCell::default(),
        }
    }

    /// The paths of all keys that were asked for, found or not.
    #[cfg(test)]
    pub fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }

    /// The line of a place in the text.
    fn line(&self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
    }

    /// Notes a problem at a place in the text.
    pub fn refuse_at(&self, at: Option<usize>, message: impl fmt::Display) {
        let line = at.map(|at| self.line(at));
        self.problems.borrow_mut().push(Problem { line, message: message.to_string() });
    }

    /// The problems in the order of their lines, and the lines of the keys.
    pub fn finish(self) -> (Vec<Problem>, BTreeMap<String, usize>) {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.line);
        (problems, self.lines.into_inner())
    }
}

/// A table that is being read. Keys that nobody asked for are problems.
pub struct Section<'r, 't> {
    reading: &'r Reading<'t>,
    table: &'r DeTable<'t>,
    path: String,
    at: usize,
    asked: Vec<&'static str>,
}

/// A value, with its place.
#[derive(Clone)]
pub struct Item<'r, 't> {
    reading: &'r Reading<'t>,
    value: &'r DeValue<'t>,
    /// The path of its key, such as `runner.workers`.
    pub path: String,
    at: usize,
}

impl<'r, 't> Section<'r, 't> {
    /// The table at the root of a file.
    pub fn root(reading: &'r Reading<'t>, table: &'r DeTable<'t>) -> Self {
        Self { reading, table, path: String::new(), at: 0, asked: Vec::new() }
    }

    /// The value of a key.
    pub fn item(&mut self, key: &'static str) -> Option<Item<'r, 't>> {
        self.asked.push(key);
        #[cfg(test)]
        self.reading.asked.borrow_mut().push(join(&self.path, key));
        let (name, value) = self.table.get_key_value(key)?;
        Some(self.item_of(name, value))
    }

    /// All keys and their values.
    pub fn items(&mut self) -> Vec<(String, Item<'r, 't>)> {
        let table = self.table;
        let items = table
            .iter()
            .map(|(name, value)| (name.get_ref().to_string(), self.item_of(name, value)));
        items.collect()
    }

    fn item_of(
        &self,
        name: &'r Spanned<std::borrow::Cow<'t, str>>,
        value: &'r Spanned<DeValue<'t>>,
    ) -> Item<'r, 't> {
        let path = join(&self.path, name.get_ref());
        let at = name.span().start;
        self.reading.lines.borrow_mut().insert(path.clone(), self.reading.line(at));
        Item { reading: self.reading, value: value.get_ref(), path, at }
    }

    /// The value of a key that holds text, read by a function that says what is wrong.
    pub fn text<T, E: fmt::Display>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let item = self.item(key)?;
        let text = item.text()?;
        item.checked(read(text))
    }

    /// The value of a key that holds a length of time: text such as `"5m"`, or a number of seconds.
    pub fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.item(key)?.duration()
    }

    /// The value of a key that is true or false.
    pub fn bool(&mut self, key: &'static str) -> Option<bool> {
        let item = self.item(key)?;
        match item.value {
            DeValue::Boolean(value) => Some(*value),
            _ => item.expected("true or false"),
        }
    }

    /// The table under a key.
    pub fn section(&mut self, key: &'static str) -> Option<Section<'r, 't>> {
        self.item(key)?.section()
    }

    /// The tables of a list of tables.
    pub fn sections(&mut self, key: &'static str) -> Vec<Section<'r, 't>> {
        let Some(item) = self.item(key) else { return Vec::new() };
        let DeValue::Array(array) = item.value else {
            item.expected::<()>(format_args!("a list of tables: write [[{key}]]"));
            return Vec::new();
        };
        let tables = array.iter().enumerate().filter_map(|(place, value)| {
            let path = format!("{}[{place}]", item.path);
            let at = value.span().start;
            self.reading.lines.borrow_mut().insert(path.clone(), self.reading.line(at));
            Item { reading: self.reading, value: value.get_ref(), path, at }.section()
        });
        tables.collect()
    }

    /// Whether a key is there.
    pub fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// Notes a problem with the table as a whole.
    pub fn refuse(&self, message: impl fmt::Display) {
        let path = if self.path.is_empty() { String::new() } else { format!("{}: ", self.path) };
        self.reading.refuse_at(Some(self.at), format_args!("{path}{message}"));
    }

    /// The line the table begins at.
    pub fn line(&self) -> usize {
        self.reading.line(self.at)
    }

    /// Refuses every key that was not asked for.
    pub fn close(self) {
        for (name, _) in self.table.iter() {
            if self.asked.contains(&&**name.get_ref()) {
                continue;
            }
            let path = join(&self.path, name.get_ref());
            let meant = did_you_mean(name.get_ref(), self.asked.iter().copied());
            let known = match meant.is_empty() {
                true => format!("; expected one of: {}", self.asked.join(", ")),
                false => meant,
            };
            self.reading
                .refuse_at(Some(name.span().start), format_args!("unknown key `{path}`{known}"));
        }
    }
}

impl<'r, 't> Item<'r, 't> {
    /// Notes that the value is of the wrong kind.
    pub fn expected<T>(&self, expected: impl fmt::Display) -> Option<T> {
        let found = match self.value {
            DeValue::String(text) => format!("{text:?}"),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(value) => value.to_string(),
            DeValue::Datetime(date) => date.to_string(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        self.refuse(format_args!("expected {expected}, found {found}"))
    }

    /// Notes a problem with the value.
    pub fn refuse<T>(&self, message: impl fmt::Display) -> Option<T> {
        self.reading.refuse_at(Some(self.at), format_args!("`{}`: {message}", self.path));
        None
    }

    /// The value that was read from this one, or its error as a problem.
    pub fn checked<T, E: fmt::Display>(&self, read: Result<T, E>) -> Option<T> {
        read.map_or_else(|error| self.refuse(error), Some)
    }

    /// A text.
    pub fn text(&self) -> Option<&'r str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => self.expected("text in quotes"),
        }
    }

    /// A text, or a number as text.
    pub fn text_or_number(&self) -> Option<String> {
        match self.value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) => Some(number.to_string()),
            DeValue::Float(number) => Some(number.to_string()),
            _ => self.expected("text or a number"),
        }
    }

    /// The same for a value that may be a secret: a message never quotes it.
    pub fn text_or_number_unquoted(&self) -> Option<String> {
        match self.value {
            DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) => self.text_or_number(),
            _ => self.refuse("expected text or a number"),
        }
    }

    /// A share of a whole. `expected` says what is expected, for people.
    pub fn share(&self, expected: &str) -> Option<f64> {
        let text = self.text_or_number()?;
        let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        share.map_or_else(|| self.expected(expected), Some)
    }

    /// Whether it is this text.
    pub fn is_text(&self, text: &str) -> bool {
        matches!(self.value, DeValue::String(own) if own == text)
    }

    /// A program and its arguments. A message quotes none of them: they may be secrets.
    pub fn program(&self) -> Option<Vec<String>> {
        match self.value {
            DeValue::Array(_) => self.texts(),
            _ => self.refuse(
                "expected a list of texts, the program and its arguments, such as \
                 [\"pg_dump\", \"shop\"]; no shell reads it",
            ),
        }
    }

    /// A length of time.
    pub fn duration(&self) -> Option<Duration> {
        let text = match self.value {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            _ => return self.expected("a length of time, such as \"5m\""),
        };
        self.checked(crate::input::duration(&text))
    }

    /// A whole number in a range.
    pub fn number(&self, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        match whole_number(self.value) {
            Some(number) if range.contains(&number) => Some(number),
            _ if *range.end() == u32::MAX => {
                self.expected(format_args!("a whole number from {}", range.start()))
            }
            _ => self.expected(format_args!(
                "a whole number from {} to {}",
                range.start(),
                range.end()
            )),
        }
    }

    /// A list of whole numbers in a range.
    pub fn numbers(&self, range: std::ops::RangeInclusive<u32>) -> Option<Vec<u32>> {
        let expected = format!("a list of whole numbers from {} to {}", range.start(), range.end());
        let DeValue::Array(array) = self.value else { return self.expected(expected) };
        let numbers: Option<Vec<u32>> = array
            .iter()
            .map(|value| whole_number(value.get_ref()).filter(|number| range.contains(number)))
            .collect();
        numbers.or_else(|| self.refuse(format_args!("expected {expected}")))
    }

    /// A list of texts.
    pub fn texts(&self) -> Option<Vec<String>> {
        let expected = "a list of texts, such as [\"a\", \"b\"]";
        let DeValue::Array(array) = self.value else { return self.expected(expected) };
        let texts: Option<Vec<String>> =
            array.iter().map(|value| value.get_ref().as_str().map(str::to_owned)).collect();
        texts.or_else(|| self.refuse(format_args!("expected {expected}")))
    }

    /// A text, or a list of texts.
    pub fn text_or_texts(&self) -> Option<Vec<String>> {
        match self.value {
            DeValue::String(text) => Some(vec![text.to_string()]),
            _ => self.texts(),
        }
    }

    /// A table.
    pub fn section(&self) -> Option<Section<'r, 't>> {
        match self.value {
            DeValue::Table(table) => Some(Section {
                reading: self.reading,
                table,
                path: self.path.clone(),
                at: self.at,
                asked: Vec::new(),
            }),
            _ => self.expected("a table"),
        }
    }

    /// Args: a list or table, or JSON as text.
    pub fn args(&self) -> Option<Args> {
        match self.value {
            DeValue::String(text) => self.checked(text.parse()),
            DeValue::Array(_) | DeValue::Table(_) => {
                let mut json = String::new();
                match write_json(self.value, &mut json) {
                    Ok(()) => self.checked(json.parse()),
                    Err(problem) => self.refuse(problem),
                }
            }
            _ => self.expected("a list, a table, or JSON as text"),
        }
    }
}

fn whole_number(value: &DeValue<'_>) -> Option<u32> {
    let number = value.as_integer()?;
    u32::from_str_radix(number.as_str(), number.radix()).ok()
}

fn join(path: &str, key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let key = match !key.is_empty() && key.chars().all(is_bare) {
        true => key.to_owned(),
        false => format!("{key:?}"),
    };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// Writes a TOML value as JSON, numbers and the order of keys to the letter.
fn write_json(value: &DeValue<'_>, out: &mut String) -> Result<(), String> {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match value {
        DeValue::String(text) => out.push_str(&quoted(text)),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => out.push_str(&number.to_string()),
            Err(_) => return Err(format!("the number {number} is too large")),
        },
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(float) if float.is_finite() => {
                out.push_str(&serde_json::Value::from(float).to_string());
            }
            _ => return Err(format!("JSON has no number {number}")),
        },
        DeValue::Boolean(value) => out.push_str(&value.to_string()),
        DeValue::Datetime(date) => out.push_str(&quoted(&date.to_string())),
        DeValue::Array(array) => {
            out.push('[');
            for (place, value) in array.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_json(value.get_ref(), out)?;
            }
            out.push(']');
        }
        DeValue::Table(table) => {
            out.push('{');
            for (place, (key, value)) in table.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                out.push_str(&quoted(key.get_ref()));
                out.push(':');
                write_json(value.get_ref(), out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}
