//! For tests: the fixtures that the plugin wrote, read where they stand.

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures/wordpress/");

/// A row of a dump: the columns as bytes; `None` is NULL.
pub(super) type Row = Vec<Option<Vec<u8>>>;

pub(super) fn fixture(file: &str) -> String {
    let path = format!("{FOLDER}{file}");
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("fixture {path} cannot be read: {error}"))
}

/// The rows of a table, from the `INSERT` lines of a dump with one row each.
pub(super) fn rows(file: &str, table: &str) -> Vec<Row> {
    let start = format!("INSERT INTO `{table}` VALUES (");
    fixture(file).lines().filter_map(|line| line.strip_prefix(&start)).map(columns).collect()
}

/// Every schedule that the plugin wrote into the fixtures.
pub(super) fn schedules() -> Vec<Vec<u8>> {
    let actions = rows("tables-3.8.2.sql", "wp_actionscheduler_actions");
    let metas = rows("legacy-posts-1.x.sql", "wp_postmeta");
    let is_schedule = |row: &Row| row[2].as_deref() == Some(b"_action_manager_schedule");
    let schedules: Vec<_> = actions
        .into_iter()
        .map(|mut row| row.swap_remove(7).unwrap())
        .chain(metas.into_iter().filter(is_schedule).map(|mut row| row.swap_remove(3).unwrap()))
        .collect();
    assert_eq!(schedules.len(), 18 + 7);
    schedules
}

/// Every text of args that the plugin wrote into the fixtures.
pub(super) fn args() -> Vec<Vec<u8>> {
    let actions = rows("tables-3.8.2.sql", "wp_actionscheduler_actions");
    let posts = rows("legacy-posts-1.x.sql", "wp_posts");
    let args: Vec<_> = actions
        .into_iter()
        .map(|mut row| row[13].take().or_else(|| row[6].take()).unwrap())
        .chain(posts.into_iter().map(|mut row| row.swap_remove(4).unwrap()))
        .collect();
    assert_eq!(args.len(), 18 + 7);
    args
}

fn columns(line: &str) -> Row {
    let mut columns = Vec::new();
    let mut rest = line.as_bytes();
    loop {
        let (column, after) = match rest.strip_prefix(b"'") {
            Some(quoted) => {
                let (text, after) = unquote(quoted);
                (Some(text), after)
            }
            None => {
                let end = rest.iter().position(|byte| b",)".contains(byte)).unwrap();
                let (text, after) = rest.split_at(end);
                (Some(text.to_vec()).filter(|text| text != b"NULL"), after)
            }
        };
        columns.push(column);
        match after {
            [b',', next @ ..] => rest = next,
            _ => return columns,
        }
    }
}

/// A text of MySQL up to its closing quote, and what follows.
fn unquote(mut rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut text = Vec::new();
    loop {
        match rest {
            [b'\'', after @ ..] => return (text, after),
            [b'\\', b'0', after @ ..] => {
                text.push(0);
                rest = after;
            }
            [b'\\', b'n', after @ ..] => {
                text.push(b'\n');
                rest = after;
            }
            [b'\\', byte, after @ ..] | [byte, after @ ..] => {
                text.push(*byte);
                rest = after;
            }
            [] => panic!("a text without an end"),
        }
    }
}
