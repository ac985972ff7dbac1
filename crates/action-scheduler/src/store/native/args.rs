//! Args, as databases compare them.

use serde_json::Value;

/// A hash of a text that is the same in every version of this program, and only has to spread: FNV-1a.
pub(in crate::store) fn text_hash(text: &str) -> i64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.cast_signed()
}

/// Whether args have each top-level key or element of others, with the same JSON value.
pub(in crate::store) fn contain(args: &str, wanted: &str) -> bool {
    match (serde_json::from_str(args), serde_json::from_str(wanted)) {
        (Ok(Value::Object(args)), Ok(Value::Object(wanted))) => {
            wanted.iter().all(|(key, value)| args.get(key) == Some(value))
        }
        (Ok(Value::Array(args)), Ok(Value::Array(wanted))) => args.starts_with(&wanted),
        _ => false,
    }
}
