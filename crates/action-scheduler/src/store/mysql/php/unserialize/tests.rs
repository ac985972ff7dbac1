use proptest::prelude::*;

use super::*;
use crate::store::mysql::php::serialize::serialize;

fn read(text: &str) -> Value<'_> {
    unserialize(text.as_bytes()).unwrap()
}

fn problem(text: &str) -> String {
    unserialize(text.as_bytes()).unwrap_err().to_string()
}

fn string(text: &str) -> Value<'_> {
    Value::string(text)
}

#[test]
fn each_kind_of_value_is_read() {
    for (text, value) in [
        ("N;", Value::Null),
        ("b:0;", Value::Bool(false)),
        ("b:1;", Value::Bool(true)),
        ("i:-42;", Value::Int(-42)),
        ("i:9223372036854775807;", Value::Int(i64::MAX)),
        ("d:0.1;", Value::Float(0.1)),
        ("d:1.0E+25;", Value::Float(1e25)),
        ("d:1000000000000000;", Value::Float(1e15)),
        ("d:1.0E-7;", Value::Float(1e-7)),
        ("d:INF;", Value::Float(f64::INFINITY)),
        ("d:-INF;", Value::Float(f64::NEG_INFINITY)),
        ("s:0:\"\";", string("")),
        ("s:4:\"é\";\";", string("é\";")),
        ("a:0:{}", Value::Array(vec![])),
        (
            "a:2:{i:0;b:1;s:1:\"k\";a:1:{i:-3;N;}}",
            Value::Array(vec![
                (Key::Int(0), Value::Bool(true)),
                (Key::string("k"), Value::Array(vec![(Key::Int(-3), Value::Null)])),
            ]),
        ),
        (
            "O:3:\"A\\B\":1:{s:4:\"\0*\0p\";i:1;}",
            Value::Object(Object {
                class: Cow::Borrowed(b"A\\B"),
                properties: vec![(Key::string("\0*\0p"), Value::Int(1))],
            }),
        ),
    ] {
        assert_eq!(read(text), value, "{text}");
        assert_eq!(serialize(&value), text.as_bytes(), "{text}");
    }
    assert!(matches!(read("d:NAN;"), Value::Float(number) if number.is_nan()));
    assert_eq!(serialize(&Value::Float(f64::NAN)), b"d:NAN;");
    assert!(matches!(read("d:-0;"), Value::Float(zero) if zero.is_sign_negative()));
}

#[test]
fn strings_are_bytes_and_may_hold_what_looks_like_the_format() {
    let value = Value::String(Cow::Borrowed(b"\xff\";}\0"));
    assert_eq!(unserialize(b"s:5:\"\xff\";}\0\";"), Ok(value));
}

#[test]
fn floats_of_older_php_are_read_with_all_their_digits() {
    assert_eq!(read("d:0.10000000000000001;"), Value::Float(0.1));
    assert_eq!(read("d:0.29999999999999999;"), Value::Float(0.3));
}

#[test]
fn references_are_kept_and_name_the_value_that_php_means() {
    // Slots as PHP counts them: the array 1, the object 2, its property 3, `r:` 4, the string 5; `R:` has none.
    let text = "a:4:{i:0;O:1:\"A\":1:{s:1:\"p\";i:7;}i:1;r:2;i:2;s:1:\"x\";i:3;R:5;}";
    let value = read(text);
    assert_eq!(serialize(&value), text.as_bytes());
    let Value::Array(entries) = &value else { panic!("is an array") };
    assert_eq!(entries[1].1, Value::SameObject(2));
    assert_eq!(entries[3].1, Value::Reference(5));
    assert_eq!(value.slot(1), Some(&value));
    assert!(matches!(value.slot(2), Some(Value::Object(_))));
    assert_eq!(value.slot(3), Some(&Value::Int(7)));
    assert_eq!(value.slot(5), Some(&string("x")));
    assert_eq!(value.slot(0), None);
    assert_eq!(value.slot(6), None);
}

#[test]
fn references_to_nothing_before_them_are_refused() {
    assert_eq!(
        problem("a:1:{i:0;r:2;}"),
        "byte 11: expected the number of a value before this one (1 to 1), found '2;}'"
    );
    assert_eq!(
        problem("R:1;"),
        "byte 2: expected the number of a value before this one (1 to 0), found '1;'"
    );
    assert!(unserialize(b"a:1:{i:0;r:0;}").is_err());
    assert!(unserialize(b"a:1:{i:0;R:1;}").is_ok());
}

#[test]
fn errors_say_where_and_what_was_expected() {
    for (text, expected) in [
        ("", "byte 0: expected a value (N; b: i: d: s: a: O: r: or R:), found the end"),
        ("x:1;", "byte 0: expected a value (N; b: i: d: s: a: O: r: or R:), found 'x:1;'"),
        ("b:2;", "byte 2: expected 0; or 1;, found '2;'"),
        ("i:;", "byte 2: expected a whole number of 64 bits, found ';'"),
        ("i:+1;", "byte 2: expected a whole number of 64 bits, found '+1;'"),
        ("i:007;", "byte 2: expected a whole number of 64 bits, found '007;'"),
        (
            "i:9223372036854775808;",
            "byte 2: expected a whole number of 64 bits, found '9223372036854775808;'",
        ),
        ("i:1", "byte 3: expected \";\", found the end"),
        ("d:abc;", "byte 2: expected a number, INF, -INF or NAN, found 'abc;'"),
        ("d:inf;", "byte 2: expected a number, INF, -INF or NAN, found 'inf;'"),
        ("s:5:\"ab\";", "byte 5: expected a string of 5 bytes, found 4 to the end"),
        ("s:1:\"ab\";", "byte 6: expected \"\\\";\", found 'b\\\";'"),
        ("s:-1:\"\";", "byte 2: expected a length, found '-1:\\\"\\\";'"),
        ("a:2:{i:0;N;}", "byte 11: expected a key (i: or s:), found '}'"),
        ("a:1:{i:0;N;i:1;N;}", "byte 11: expected \"}\", found 'i:1;N;}'"),
        ("a:1:{N;N;}", "byte 5: expected a key (i: or s:), found 'N;N;}'"),
        ("O:3:\"a b\":0:{}", "byte 2: expected the name of a class, found '3:\\\"a b\\\":0:{}'"),
        ("O:0:\"\":0:{}", "byte 2: expected the name of a class, found '0:\\\"\\\":0:{}'"),
        ("C:1:\"A\":0:{}", "byte 0: an object that serializes itself (C:) is not read"),
        ("a:1:{i:0;E:3:\"A:B\";}", "byte 9: an enum (E:) is not read"),
        ("N;N;", "byte 2: expected the end, found 'N;'"),
    ] {
        assert_eq!(problem(text), expected, "{text}");
    }
}

#[test]
fn counts_that_are_not_true_cost_nothing() {
    for text in [
        "a:9223372036854775807:{",
        "O:1:\"A\":18446744073709551615:{",
        "s:18446744073709551615:\"",
        "a:99999999999999999999999:{}",
    ] {
        assert!(unserialize(text.as_bytes()).is_err(), "{text}");
    }
}

fn nested(levels: usize) -> String {
    format!("{}N;{}", "a:1:{i:0;".repeat(levels), "}".repeat(levels))
}

#[test]
fn nesting_ends_at_its_limit() {
    assert!(unserialize(nested(MAX_DEPTH).as_bytes()).is_ok());
    let error = unserialize(nested(MAX_DEPTH + 1).as_bytes()).unwrap_err().to_string();
    assert!(error.ends_with("nested deeper than 100 levels"), "{error}");
    assert!(unserialize(nested(100_000).as_bytes()).is_err());
}

#[test]
fn a_text_longer_than_the_limit_is_refused() {
    let text = format!("s:{MAX_BYTES}:\"{}\";", "x".repeat(MAX_BYTES));
    let error = unserialize(text.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("expected at most 1048576 bytes"), "{error}");
}

fn bytes(range: std::ops::Range<usize>) -> impl Strategy<Value = Cow<'static, [u8]>> {
    prop::collection::vec(any::<u8>(), range).prop_map(Cow::Owned)
}

fn key() -> impl Strategy<Value = Key<'static>> {
    prop_oneof![any::<i64>().prop_map(Key::Int), bytes(0..8).prop_map(Key::String)]
}

fn value() -> impl Strategy<Value = Value<'static>> {
    let float = any::<f64>().prop_filter("is not equal to itself", |number| !number.is_nan());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        float.prop_map(Value::Float),
        bytes(0..12).prop_map(Value::String),
        // The first slot is always an earlier one within an array.
        Just(Value::Reference(1)),
        Just(Value::SameObject(1)),
    ];
    let tree = leaf.prop_recursive(5, 60, 6, |inner| {
        let entries = prop::collection::vec((key(), inner), 0..6).boxed();
        prop_oneof![
            entries.clone().prop_map(Value::Array),
            ("[A-Za-z_\\\\é][A-Za-z0-9_\\\\é]{0,9}", entries).prop_map(|(class, properties)| {
                Value::Object(Object { class: Cow::Owned(class.into_bytes()), properties })
            }),
        ]
    });
    tree.prop_map(|tree| Value::Array(vec![(Key::Int(0), tree)]))
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(value in value()) {
        let bytes = serialize(&value);
        prop_assert_eq!(unserialize(&bytes), Ok(value));
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = unserialize(&bytes);
    }

    #[test]
    fn text_made_of_the_formats_own_words_is_read_or_refused(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "N;", "b:", "i:", "d:", "s:", "a:", "O:", "r:", "R:", "C:", "E:", "0", "1", "2", "9", "-", ":", ";",
                "{", "}", "\"", "A", "INF", "NAN", ".", "E+", "i:0;", "b:1;", "s:1:\"k\";", "O:1:\"A\":1:{", "a:1:{",
            ]),
            0..40,
        ),
    ) {
        let text = words.concat();
        match unserialize(text.as_bytes()) {
            Ok(value) if !text.contains("d:") => prop_assert_eq!(serialize(&value), text.as_bytes()),
            Ok(_) => {}
            Err(error) => prop_assert!(error.offset <= text.len()),
        }
    }
}
