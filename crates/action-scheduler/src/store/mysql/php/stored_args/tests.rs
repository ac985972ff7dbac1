use super::*;
use crate::store::mysql::php::dump;

fn text_of(length: usize) -> Args {
    Args::new(["x".repeat(length - 4)]).unwrap()
}

#[test]
fn the_columns_of_the_fixture_are_read_and_written_back() {
    for row in dump::rows("tables-3.8.2.sql", "wp_actionscheduler_actions") {
        let (args, extended) = (row[6].as_deref(), row[13].as_deref());
        let stored = StoredArgs::new(&StoredArgs::read(args, extended).unwrap()).unwrap();
        assert_eq!(Some(stored.args.as_bytes()), args);
        assert_eq!(stored.extended_args.as_deref().map(str::as_bytes), extended);
    }
}

#[test]
fn up_to_191_bytes_stand_in_the_column_itself() {
    let short = StoredArgs::new(&text_of(191)).unwrap();
    assert_eq!((short.args.len(), short.extended_args), (191, None));
    let long = StoredArgs::new(&text_of(192)).unwrap();
    assert_eq!((long.args.len(), long.extended_args.map(|json| json.len())), (32, Some(192)));
}

#[test]
fn bytes_are_counted_as_php_writes_them() {
    // Two bytes here, six there.
    let args = Args::new(["é".repeat(32)]).unwrap();
    assert_eq!(args.as_str().len(), 68);
    assert_eq!(StoredArgs::new(&args).unwrap().extended_args.unwrap().len(), 196);
}

#[test]
fn more_than_8000_bytes_are_refused_with_the_limit() {
    assert!(StoredArgs::new(&text_of(8_000)).is_ok());
    for length in [8_001, 100_000] {
        let error = StoredArgs::new(&text_of(length)).unwrap_err().to_string();
        let problem = format!("{length} bytes of JSON, but the plugin's tables hold at most 8000");
        assert!(error.contains(&problem), "{error}");
    }
}

#[test]
fn an_empty_extended_column_is_none() {
    for extended in [None, Some(&b""[..]), Some(b"0")] {
        assert_eq!(StoredArgs::read(Some(b"[1]"), extended).unwrap().as_str(), "[1]");
        assert!(StoredArgs::read(None, extended).is_err());
    }
    assert_eq!(StoredArgs::read(Some(b"x"), Some(b"[2]")).unwrap().as_str(), "[2]");
}
