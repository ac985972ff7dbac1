use proptest::prelude::*;

use super::*;
use crate::store::mysql::php::dump;

fn encoded(text: &str) -> String {
    encode(&text.parse().unwrap()).unwrap()
}

/// What PHP 8.2 gives for `json_encode(json_decode($text, true))`.
#[test]
fn args_are_written_as_php_writes_them() {
    for (text, expected) in [
        ("[]", "[]"),
        ("{}", "[]"),
        (r#"{"a":{}}"#, r#"{"a":[]}"#),
        (r#"[[],{},[1,{"b":[]}]]"#, r#"[[],[],[1,{"b":[]}]]"#),
        ("[null,true,false,0,-1]", "[null,true,false,0,-1]"),
        (r#"{"z":1,"a":2}"#, r#"{"z":1,"a":2}"#),
        (r#"{"0":1,"1":2}"#, "[1,2]"),
        (r#"{"1":2,"0":1}"#, r#"{"1":2,"0":1}"#),
        (r#"{"0":1,"2":2}"#, r#"{"0":1,"2":2}"#),
        (r#"{"00":1}"#, r#"{"00":1}"#),
        (r#"{"-1":1}"#, r#"{"-1":1}"#),
        (r#"{"":1}"#, r#"{"":1}"#),
        (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
        (r#"{"1":1,"0":2,"1":3}"#, r#"{"1":3,"0":2}"#),
        ("[1.0,100.0,1e5,1E5]", "[1,100,100000,100000]"),
        ("[0.10,1.50,-2.5]", "[0.1,1.5,-2.5]"),
        ("[-0.0,-0e1]", "[-0,-0]"),
        ("[1e25,1e22,1e-7]", "[1.0e+25,1.0e+22,1.0e-7]"),
        (
            "[0.30000000000000004,1.7976931348623157e308]",
            "[0.30000000000000004,1.7976931348623157e+308]",
        ),
        (
            "[9223372036854775807,9223372036854775808,-9223372036854775808,-9223372036854775809]",
            "[9223372036854775807,9.223372036854776e+18,-9223372036854775808,-9.223372036854776e+18]",
        ),
        ("[12345678901234567890]", "[1.2345678901234567e+19]"),
        ("[123456789012345678901234567890]", "[1.2345678901234568e+29]"),
        (r#"["Zoë","c/d","\"\\"]"#, r#"["Zo\u00eb","c\/d","\"\\"]"#),
        (
            "[\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f '<>&\u{7f}\"]",
            "[\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f '<>&\u{7f}\"]",
        ),
        (
            "[\"\u{80}\u{2028}\u{2029}\u{ffff}\u{1f389}\"]",
            r#"["\u0080\u2028\u2029\uffff\ud83c\udf89"]"#,
        ),
        (r#"{"é/":"é/"}"#, r#"{"\u00e9\/":"\u00e9\/"}"#),
    ] {
        assert_eq!(encoded(text), expected, "{text}");
    }
}

#[test]
fn the_args_of_the_fixtures_are_written_back_byte_for_byte() {
    for text in dump::args() {
        let args = decode(&text).unwrap();
        assert_eq!(encode(&args).unwrap().as_bytes(), text);
    }
}

#[test]
fn args_are_read_whatever_escapes_they_have() {
    let args = decode(br#"{"emoji":"\ud83c\udf89","nested":{"a":[1,2,{"b":"c\/d"}]}}"#).unwrap();
    assert_eq!(args.as_str(), r#"{"emoji":"🎉","nested":{"a":[1,2,{"b":"c/d"}]}}"#);
}

#[test]
fn args_that_cannot_be_read_are_refused() {
    for text in [
        &b""[..],
        b"null",
        b"\"x\"",
        b"{\"n\":\"u00fc\"",
        b"[\"\\ud83c\"]",
        b"[\"\xff\"]",
        b"[01]",
        b"6352279e507b3cef66d6531a206a90b3",
    ] {
        let error = decode(text).unwrap_err().to_string();
        assert!(error.starts_with("args \""), "{error}");
    }
}

#[test]
fn numbers_that_php_has_no_room_for_are_refused() {
    let error = encode(&"[1e400]".parse().unwrap()).unwrap_err().to_string();
    assert!(error.contains("number out of range"), "{error}");
}

#[test]
fn nesting_ends_where_php_stops_reading() {
    let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(encoded(&nested(MAX_DEPTH)), nested(MAX_DEPTH));
    let error = encode(&nested(MAX_DEPTH + 1).parse().unwrap()).unwrap_err().to_string();
    assert!(error.contains("nested deeper than 511 levels"), "{error}");
    assert!(encode(&nested(100_000).parse().unwrap()).is_err());
}

#[test]
fn text_that_a_store_held_and_that_is_no_json_is_refused() {
    for text in ["", "[1", "[1]x", "[1] [2]"] {
        assert!(encode(&Args::from_stored(text)).is_err(), "{text:?}");
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    let tree = leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::vec(("[0-3]|.{0,4}", inner), 0..5)
                .prop_map(|entries| serde_json::Value::Object(entries.into_iter().collect())),
        ]
    });
    prop::collection::vec(tree, 0..4).prop_map(Into::into)
}

proptest! {
    #[test]
    fn what_was_written_is_read_and_written_the_same(value in json()) {
        let text = encode(&Args::new(&value).unwrap()).unwrap();
        prop_assert!(text.is_ascii());
        let again = decode(text.as_bytes()).unwrap();
        prop_assert_eq!(encode(&again).unwrap(), text);
    }

    #[test]
    fn numbers_and_texts_keep_their_value(float in any::<f64>(), text in any::<String>()) {
        prop_assume!(float.is_finite());
        let args = Args::new((float, &text)).unwrap();
        let again = decode(encode(&args).unwrap().as_bytes()).unwrap();
        prop_assert_eq!(again.parse_as::<(f64, String)>().unwrap(), (float, text));
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn arbitrary_text_is_encoded_or_refused(text in "[\\[\\]{}:,\"0-9eE+.\\\\u-]{0,40}|.{0,40}") {
        let _ = encode(&Args::from_stored(text));
    }
}
