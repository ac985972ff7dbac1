//! Values to PHP's `serialize` format.

use super::float::{self, Exponent};
use super::value::{Key, Value};

/// The bytes that PHP's `serialize` gives for a value.
pub(crate) fn serialize(value: &Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, value);
    out
}

fn write(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Null => out.extend(b"N;"),
        Value::Bool(value) => number(out, 'b', u8::from(*value)),
        Value::Int(value) => number(out, 'i', value),
        Value::Float(value) => number(out, 'd', float_text(*value)),
        Value::String(bytes) => string(out, bytes),
        Value::Array(all) => {
            out.extend(format!("a:{}:", all.len()).bytes());
            entries(out, all);
        }
        Value::Object(object) => {
            out.extend(format!("O:{}:", object.class.len()).bytes());
            quoted(out, &object.class);
            out.extend(format!(":{}:", object.properties.len()).bytes());
            entries(out, &object.properties);
        }
        Value::SameObject(slot) => number(out, 'r', slot),
        Value::Reference(slot) => number(out, 'R', slot),
    }
}

fn entries(out: &mut Vec<u8>, entries: &[(Key<'_>, Value<'_>)]) {
    out.push(b'{');
    for (key, value) in entries {
        match key {
            Key::Int(key) => number(out, 'i', key),
            Key::String(bytes) => string(out, bytes),
        }
        write(out, value);
    }
    out.push(b'}');
}

fn number(out: &mut Vec<u8>, kind: char, number: impl std::fmt::Display) {
    out.extend(format!("{kind}:{number};").bytes());
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(format!("s:{}:", bytes.len()).bytes());
    quoted(out, bytes);
    out.push(b';');
}

fn quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    out.extend(bytes);
    out.push(b'"');
}

fn float_text(number: f64) -> String {
    match number {
        f64::INFINITY => "INF".into(),
        f64::NEG_INFINITY => "-INF".into(),
        number if number.is_nan() => "NAN".into(),
        number => float::text(number, Exponent::Capital),
    }
}
