//! The arguments of an action: any JSON array or object.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::error::Invalid;

/// The args a handler is called with: a JSON array or object as compact text.
///
/// Key order and number spelling are kept; white space and needless escapes are not, so that two
/// spellings of the same args are equal and `unique` sees them as such.
///
/// ```
/// use action_scheduler::Args;
/// let args: Args = r#"{ "order": 42, "name": "Zo\u00eb" }"#.parse()?;
/// assert_eq!(args.as_str(), r#"{"order":42,"name":"Zoë"}"#);
/// # Ok::<(), action_scheduler::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Args(Arc<str>);

impl Args {
    /// The longest args accepted, in bytes of compact JSON.
    pub const MAX_BYTES: usize = 16 * 1024 * 1024;

    /// Args from any value that serializes to a JSON array or object; `()` is none.
    pub fn new(value: impl Serialize) -> Result<Self, Invalid> {
        let text = serde_json::to_string(&value)
            .map_err(|error| Invalid::new("args", "", format_args!("not JSON: {error}")))?;
        if text == "null" { Ok(Self::none()) } else { text.parse() }
    }

    /// `[]`, the args of an action that takes none.
    pub fn none() -> Self {
        Self(Arc::from("[]"))
    }

    /// Args that a store wrote earlier and that were checked then.
    pub fn from_stored(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The compact JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the args as `T`. An array of one element is also tried as that element alone, so that a handler of one
    /// parameter can name its type; no args are also tried as `()`, for a handler that takes none.
    pub fn parse_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        match serde_json::from_str(&self.0) {
            Ok(value) => Ok(value),
            Err(error) if *self.0 == *"[]" => serde_json::from_str("null").map_err(|_| error),
            Err(error) => {
                serde_json::from_str::<[T; 1]>(&self.0).map(|[only]| only).map_err(|_| error)
            }
        }
    }
}

impl Default for Args {
    fn default() -> Self {
        Self::none()
    }
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Args {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = |problem: &dyn fmt::Display| Invalid::new("args", text, problem);
        if text.len() > Self::MAX_BYTES {
            return Err(refuse(&format_args!("longer than {} bytes", Self::MAX_BYTES)));
        }
        if !text.trim_start().starts_with(['[', '{']) {
            return Err(refuse(&"expected a JSON array or object, such as [42] or {\"order\":42}"));
        }
        serde_json::from_str::<IgnoredAny>(text)
            .map_err(|error| refuse(&format_args!("not valid JSON: {error}")))?;
        let compact =
            compact(text).map_err(|error| refuse(&format_args!("not valid JSON: {error}")))?;
        Ok(Self(compact.into()))
    }
}

/// Drops white space between tokens and writes each string with the fewest escapes. `text` must be valid JSON.
fn compact(text: &str) -> serde_json::Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if next == '"' {
            let mut strings = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let Some(string) = strings.next().transpose()? else { break };
            out.push_str(&serde_json::to_string(&string)?);
            rest = rest.get(strings.byte_offset()..).unwrap_or_default();
        } else {
            if !next.is_ascii_whitespace() {
                out.push(next);
            }
            rest = rest.get(next.len_utf8()..).unwrap_or_default();
        }
    }
    Ok(out)
}

impl Serialize for Args {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // What others wrote into a database may not be JSON; it is then shown as text.
        match serde_json::from_str::<&serde_json::value::RawValue>(&self.0) {
            Ok(raw) => raw.serialize(serializer),
            Err(_) => serializer.serialize_str(&self.0),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Args {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        raw.get().parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_the_same_args_are_equal() {
        let spaced: Args = "[ 1,\n\t\"a\\u0062\" , {\"x\" : 1.50} ]".parse().unwrap();
        assert_eq!(spaced, r#"[1,"ab",{"x":1.50}]"#.parse().unwrap());
    }

    #[test]
    fn numbers_and_key_order_are_kept_to_the_letter() {
        let text = r#"{"z":123456789012345678901234567890,"a":1e3,"b":-0.10}"#;
        assert_eq!(text.parse::<Args>().unwrap().as_str(), text);
    }

    #[test]
    fn anything_but_an_array_or_object_is_refused() {
        for text in ["", "  ", "42", "\"a\"", "null", "[1", "{\"a\"}", "[1] [2]", "[\"\\ud800\"]"] {
            let error = text.parse::<Args>().unwrap_err().to_string();
            assert!(error.starts_with("args "), "{text}: {error}");
        }
    }

    #[test]
    fn one_element_can_be_read_without_its_array() {
        assert_eq!("[7]".parse::<Args>().unwrap().parse_as::<u32>().unwrap(), 7);
        assert_eq!("[7,8]".parse::<Args>().unwrap().parse_as::<(u32, u32)>().unwrap(), (7, 8));
    }

    #[test]
    fn no_args_are_written_and_read_as_unit() {
        assert_eq!(Args::new(()).unwrap(), Args::none());
        Args::none().parse_as::<()>().unwrap();
        assert!(Args::none().parse_as::<Vec<u32>>().unwrap().is_empty());
        assert!(Args::none().parse_as::<u32>().unwrap_err().to_string().contains("sequence"));
        assert!("[7]".parse::<Args>().unwrap().parse_as::<()>().is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".{0,60}") {
            let _ = text.parse::<Args>();
        }

        #[test]
        fn compact_text_is_stable(strings in prop::collection::vec(".{0,20}", 0..5)) {
            let args = Args::new(&strings).unwrap();
            prop_assert_eq!(args.as_str().parse::<Args>().unwrap(), args.clone());
            prop_assert_eq!(args.parse_as::<Vec<String>>().unwrap(), strings);
        }
    }
}
