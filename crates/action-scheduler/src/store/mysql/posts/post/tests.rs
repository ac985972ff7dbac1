use super::*;

const NOW: &str = "2026-11-27T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn post() -> Post {
    Post {
        id: 7,
        title: "renew".to_owned(),
        content: br#"{"order":1}"#.to_vec(),
        status: "pending".to_owned(),
        date: Ok(Some(at("2026-12-01T00:00:00Z"))),
        modified: Some(at("2026-11-01T00:00:00Z")),
        is_claimed: false,
        attempts: 0,
        schedule: Some(StoredSchedule::Simple { at: at("2026-12-01T00:00:00Z") }.to_bytes()),
        group: Some("shop".to_owned()),
        log: Vec::new(),
    }
}

fn read(post: Post) -> Result<OldAction, Kept> {
    post.read(at(NOW))
}

fn why(post: Post) -> String {
    match read(post) {
        Err(Kept::Damaged(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_post_is_an_action() {
    let action = read(post()).unwrap();
    assert_eq!((action.hook.as_str(), action.status), ("renew", Status::Pending));
    assert_eq!((action.args.args.as_str(), action.group.as_str()), (r#"{"order":1}"#, "shop"));
    assert_eq!((action.at, action.last_attempt), (at("2026-12-01T00:00:00Z"), None));
}

#[test]
fn statuses_have_other_names() {
    for (theirs, ours) in [
        ("pending", Status::Pending),
        ("in-progress", Status::InProgress),
        ("publish", Status::Complete),
        ("failed", Status::Failed),
        ("trash", Status::Canceled),
    ] {
        let action = read(Post { status: theirs.to_owned(), ..post() }).unwrap();
        assert_eq!(action.status, ours);
        // What was changed last is when it was attempted, unless it never was.
        assert_eq!(action.last_attempt.is_some(), ours != Status::Pending, "{theirs}");
    }
    assert!(why(Post { status: "future".to_owned(), ..post() }).contains("its status \"future\""));
    assert!(why(Post { status: "migrated".to_owned(), ..post() }).contains("has moved it"));
}

#[test]
fn what_cannot_be_read_says_why() {
    for (damaged, problem) in [
        (Post { title: String::new(), ..post() }, "its hook cannot be read"),
        (Post { title: "x".repeat(192), ..post() }, "longer than 191 characters"),
        (Post { content: Vec::new(), ..post() }, "its args cannot be read"),
        (Post { content: b"7".to_vec(), ..post() }, "its args cannot be read"),
        (Post { content: br#"{"a":"b"c"}"#.to_vec(), ..post() }, "its args cannot be read"),
        (
            Post { content: format!("[\"{}\"]", "x".repeat(8000)).into_bytes(), ..post() },
            "hold at most 8000",
        ),
        (Post { schedule: None, ..post() }, "it has no schedule"),
        (Post { schedule: Some(b"O:8:\"stdClass\":0:{}".to_vec()), ..post() }, "its schedule"),
        (Post { date: Err("no date".to_owned()), ..post() }, "its date cannot be read"),
        (
            Post { date: Ok(None), schedule: Some(StoredSchedule::Null.to_bytes()), ..post() },
            "it has no date",
        ),
        (Post { group: Some("x".repeat(192)), ..post() }, "its group cannot be read"),
    ] {
        let shown = format!("{damaged:?}");
        assert!(why(damaged).contains(problem), "{problem}: {shown}");
    }
}

#[test]
fn the_schedule_has_the_date_where_the_post_has_none() {
    let action = read(Post { date: Ok(None), ..post() }).unwrap();
    assert_eq!(action.at, at("2026-12-01T00:00:00Z"));
}

#[test]
fn what_somebody_may_be_at_is_left_for_five_minutes() {
    let begun = |ago: i64| Some(at(NOW) - SignedDuration::from_secs(ago));
    let claimed = Post { is_claimed: true, ..post() };
    let running = Post { status: "in-progress".to_owned(), ..post() };
    for held in [claimed, running] {
        let recent = Post { modified: begun(299), ..held.clone() };
        assert_eq!(read(recent), Err(Kept::InUse), "{held:?}");
        assert!(read(Post { modified: begun(300), ..held.clone() }).is_ok(), "{held:?}");
    }
    // A finished one keeps its claim for ever.
    let done = Post { status: "publish".to_owned(), is_claimed: true, ..post() };
    assert!(read(Post { modified: begun(1), ..done }).is_ok());
}

#[test]
fn names_of_groups_are_taken_out_of_their_escapes_once() {
    assert_eq!(unescaped("a &amp; b &lt;c&gt; &quot;d&quot; &#039;e&#039;"), "a & b <c> \"d\" 'e'");
    assert_eq!(unescaped("&amp;lt;"), "&lt;");
}
