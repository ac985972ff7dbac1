//! Places in a list, as short texts for `--after`.

use action_scheduler::query::{Cursor, CursorKey};
use action_scheduler::{ActionId, Invalid};
use jiff::Timestamp;

/// A cursor as text, such as `t1766592000000000-42`.
pub fn to_text(cursor: &Cursor) -> String {
    let id = cursor.id;
    match &cursor.key {
        CursorKey::Time(at) => format!("t{}-{id}", at.as_microsecond()),
        CursorKey::Text(text) => {
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            format!("x{hex}-{id}")
        }
        CursorKey::Number(number) => format!("n{number}-{id}"),
        CursorKey::Unset => format!("u-{id}"),
        CursorKey::Id => format!("i-{id}"),
    }
}

/// The cursor that [`to_text`] wrote.
pub fn parse(text: &str) -> Result<Cursor, Invalid> {
    read(text).ok_or_else(|| {
        let expected = "expected the cursor that a page before it printed, such as \
                        t1766592000000000-42";
        Invalid::new("cursor", text, expected)
    })
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
            prop_assert_eq!(parse(&to_text(&cursor)).unwrap(), cursor);
        }

        #[test]
        fn any_other_text_is_refused_without_a_panic(text in "[txnui]?.{0,20}") {
            let _ = parse(&text);
        }
    }
}
