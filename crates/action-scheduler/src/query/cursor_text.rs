//! Places in a list, as short texts.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::{Cursor, CursorKey};
use crate::action::ActionId;
use crate::error::Invalid;

/// A short text such as `t1766592000000000-42`, to be sent back for the next page.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            CursorKey::Time(at) => write!(f, "t{}", at.as_microsecond())?,
            CursorKey::Text(text) => {
                f.write_str("x")?;
                for byte in text.bytes() {
                    write!(f, "{byte:02x}")?;
                }
            }
            CursorKey::Number(number) => write!(f, "n{number}")?,
            CursorKey::Unset => f.write_str("u")?,
            CursorKey::Id => f.write_str("i")?,
        }
        write!(f, "-{}", self.id)
    }
}

impl FromStr for Cursor {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        read(text).ok_or_else(|| {
            let expected =
                "expected the cursor that a page before it gave, such as t1766592000000000-42";
            Invalid::new("cursor", text, expected)
        })
    }
}

fn read(text: &str) -> Option<Cursor> {
    let (key, id) = text.rsplit_once('-')?;
    let id: ActionId = id.parse().ok()?;
    let mut rest = key.chars();
    let key = match rest.next()? {
        't' => CursorKey::Time(Timestamp::from_microsecond(rest.as_str().parse().ok()?).ok()?),
        'x' => CursorKey::Text(from_hex(rest.as_str())?),
        'n' => CursorKey::Number(rest.as_str().parse().ok()?),
        'u' if rest.as_str().is_empty() => CursorKey::Unset,
        'i' if rest.as_str().is_empty() => CursorKey::Id,
        _ => return None,
    };
    Some(Cursor { key, id })
}

fn from_hex(hex: &str) -> Option<String> {
    let digits: Option<Vec<u8>> =
        hex.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let bytes = digits?
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(high << 4 | low),
            _ => None,
        })
        .collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_survives_its_text(
            id in 1..i64::MAX,
            key in prop_oneof![
                (-100_000_000_000_000_000_i64..200_000_000_000_000_000).prop_map(|micros| {
                    CursorKey::Time(Timestamp::from_microsecond(micros).unwrap())
                }),
                any::<String>().prop_map(CursorKey::Text),
                any::<u64>().prop_map(CursorKey::Number),
                Just(CursorKey::Unset),
                Just(CursorKey::Id),
            ],
        ) {
            let cursor = Cursor { key, id: ActionId::new(id).unwrap() };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn any_other_text_is_refused_without_a_panic(text in "[txnui]?.{0,20}") {
            let _ = text.parse::<Cursor>();
        }
    }
}
