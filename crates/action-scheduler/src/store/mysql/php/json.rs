//! Args as PHP writes them, byte for byte: look-ups in the plugin's tables compare the text.
//!
//! To PHP, an array is a list or a map according to its keys alone. So an empty map is `[]`, one with the keys
//! 0, 1, 2 … in order is a list, and of two entries with one key the later one counts, in the place of the former.
//! A whole number that does not fit 64 bits is a float, and a float that is whole has no point; `-0` is one, too, and
//! keeps its sign.

use std::collections::HashMap;
use std::fmt::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::float::{self, Exponent};
use crate::args::Args;
use crate::error::Invalid;

/// How deep PHP reads arrays within arrays.
const MAX_DEPTH: usize = 511;

/// What `json_encode` gives for these args.
pub(crate) fn encode(args: &Args) -> Result<String, Invalid> {
    let mut reader = serde_json::Deserializer::from_str(args.as_str());
    // The depth is counted here, to PHP's limit.
    reader.disable_recursion_limit();
    let text = AsPhp { depth: MAX_DEPTH }.deserialize(&mut reader);
    let text = text.and_then(|text| reader.end().map(|()| text));
    text.map_err(|error| Invalid::new("args", args.as_str(), error))
}

/// Reads what `json_encode` wrote.
pub(crate) fn decode(text: &[u8]) -> Result<Args, Invalid> {
    match str::from_utf8(text) {
        Ok(text) => text.parse(),
        Err(error) => {
            let problem = format_args!("not UTF-8 from byte {} on", error.valid_up_to());
            Err(Invalid::new("args", String::from_utf8_lossy(text), problem))
        }
    }
}

/// Reads a JSON value and gives the text that PHP writes for it.
struct AsPhp {
    /// How many more levels of arrays may follow.
    depth: usize,
}

impl AsPhp {
    fn inner<E: Error>(&self) -> Result<usize, E> {
        self.depth.checked_sub(1).ok_or_else(|| {
            E::custom(format_args!(
                "nested deeper than {MAX_DEPTH} levels, which PHP does not read"
            ))
        })
    }
}

impl<'de> DeserializeSeed<'de> for AsPhp {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AsPhp {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok("null".into())
    }

    fn visit_bool<E>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_u64<E>(self, value: u64) -> Result<String, E> {
        Ok(match i64::try_from(value) {
            Ok(value) => value.to_string(),
            Err(_) => float::text(value as f64, Exponent::Small),
        })
    }

    fn visit_f64<E>(self, value: f64) -> Result<String, E> {
        Ok(float::text(value, Exponent::Small))
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(quoted(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<String, A::Error> {
        let depth = self.inner()?;
        let mut list = List::default();
        while let Some(item) = items.next_element_seed(AsPhp { depth })? {
            list.push(&item);
        }
        Ok(list.end())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
        let depth = self.inner()?;
        let mut entries: Vec<(String, String)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(AsPhp { depth })?;
            match places.get(&key).and_then(|place| entries.get_mut(*place)) {
                Some((_, earlier)) => *earlier = value,
                None => {
                    places.insert(key.clone(), entries.len());
                    entries.push((key, value));
                }
            }
        }
        let is_list = (0_usize..).zip(&entries).all(|(place, (key, _))| *key == place.to_string());
        if is_list {
            let mut list = List::default();
            entries.iter().for_each(|(_, value)| list.push(value));
            return Ok(list.end());
        }
        let entries: Vec<_> =
            entries.iter().map(|(key, value)| format!("{}:{value}", quoted(key))).collect();
        Ok(format!("{{{}}}", entries.join(",")))
    }
}

/// A list on its way to text.
#[derive(Default)]
struct List(String);

impl List {
    fn push(&mut self, item: &str) {
        self.0.push(if self.0.is_empty() { '[' } else { ',' });
        self.0.push_str(item);
    }

    fn end(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('[');
        }
        self.0.push(']');
        self.0
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '/' => out.push_str("\\/"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='\u{7f}' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
