//! Finding actions: every key, every order, every page.

use action_scheduler::action::{Action, ActionId, Status};
use action_scheduler::log::Step;
use action_scheduler::query::{ArgsMatch, Claimed, Comparator, Cursor, CursorKey, Order, OrderBy};
use action_scheduler::store::Outcome;
use action_scheduler::{Error, Query};

use super::scene::*;
use super::{ArgsKept, StoreUnderTest};

const COMPARATORS: [Comparator; 6] = [
    Comparator::Less,
    Comparator::LessOrEqual,
    Comparator::Equal,
    Comparator::NotEqual,
    Comparator::GreaterOrEqual,
    Comparator::Greater,
];

const ORDERS: [OrderBy; 10] = [
    OrderBy::Date,
    OrderBy::Hook,
    OrderBy::Group,
    OrderBy::Modified,
    OrderBy::Started,
    OrderBy::Finished,
    OrderBy::Claim,
    OrderBy::LogEntries,
    OrderBy::Id,
    OrderBy::None,
];

/// Some forty actions of all kinds, with many that are equal in date, hook and group.
pub(super) async fn all_kinds(store: &StoreUnderTest) -> Vec<Action> {
    let runner = store.new_runner("host:1").await;
    for number in 0..40 {
        let name = ["a", "b", "B", "é"][number % 4];
        let date = store.in_seconds([-60, -30, 0, 30, 60][number % 5]);
        let new = match number % 7 {
            0 => hourly(name, date),
            1 => action(name),
            _ => action_at(name, date),
        };
        let id = store.put(new.group(group(["", "x", "y"][number % 3]))).await;
        match number % 8 {
            0 => drop(store.run_to(id, Outcome::Complete).await),
            1 => drop(store.run_to(id, Outcome::Failed).await),
            2 => store.cancel_ids(&[id]).await,
            3 => drop(store.run_by(runner, id).await),
            4 => drop(store.claim_ids(runner, &[id]).await),
            _ => {}
        }
        if number % 6 == 0 {
            store.clock().advance(seconds(10));
        }
    }
    store.share().query(everything()).await.unwrap()
}

/// Asks, and compares the answer and the count with what is to be found.
async fn finds(
    store: &StoreUnderTest,
    all: &[Action],
    query: Query,
    is_wanted: impl Fn(&Action) -> bool,
) {
    let expected: Vec<ActionId> =
        all.iter().filter(|action| is_wanted(action)).map(|action| action.id).collect();
    let query = query.unlimited().order(OrderBy::Id, Order::Ascending);
    assert_eq!(store.ids(query.clone()).await, expected, "{query:?}");
    assert_eq!(store.count(query.clone()).await.unwrap(), expected.len() as u64, "{query:?}");
}

/// Ids, those that exist among those asked for.
pub async fn actions_are_found_by_id(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    let wanted = [all[7].id, all[3].id, ActionId::new(1_000_000).unwrap(), all[7].id];
    finds(&store, &all, Query::new().ids(wanted), |action| wanted.contains(&action.id)).await;
    finds(&store, &all, Query::new().ids([]), |_| false).await;
}

/// Hook and group, to the letter.
pub async fn actions_are_found_by_hook_and_group(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    for name in ["a", "B", "é", "unknown"] {
        finds(&store, &all, Query::new().hook(hook(name)), |a| a.hook == hook(name)).await;
    }
    for name in ["", "x", "unknown"] {
        finds(&store, &all, Query::new().group(group(name)), |a| a.group == group(name)).await;
    }
    let both = Query::new().hook(hook("b")).group(group("x"));
    finds(&store, &all, both, |a| a.hook == hook("b") && a.group == group("x")).await;
}

/// Status, one or several.
pub async fn actions_are_found_by_status(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    finds(&store, &all, Query::new(), |_| true).await;
    for status in Status::ALL {
        assert!(all.iter().any(|action| action.status == status), "there is one {status}");
        finds(&store, &all, Query::new().status(status), |a| a.status == status).await;
    }
    let several = Query::new().status(Status::Failed).status(Status::Pending);
    let wanted = [Status::Failed, Status::Pending];
    finds(&store, &all, several, |a| wanted.contains(&a.status)).await;
}

/// Scheduled date, by each comparator and by several at once.
pub async fn actions_are_found_by_scheduled_date(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    for date in [all[5].scheduled_at, store.now(), store.in_seconds(-100_000)] {
        for comparator in COMPARATORS {
            let query = Query::new().scheduled(comparator, date);
            finds(&store, &all, query, |a| comparator.holds(&a.scheduled_at, &date)).await;
        }
    }
    let (from, to) = (all[10].scheduled_at, all[12].scheduled_at);
    let (from, to) = (from.min(to), from.max(to));
    let between = Query::new()
        .scheduled(Comparator::GreaterOrEqual, from)
        .scheduled(Comparator::Less, to)
        .hook(hook("a"));
    let is_wanted = |a: &Action| (from..to).contains(&a.scheduled_at) && a.hook == hook("a");
    finds(&store, &all, between, is_wanted).await;
}

/// Latest change: the end, else the start, else the creation.
pub async fn actions_are_found_by_their_latest_change(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    for date in [all[5].modified_at(), all[20].modified_at(), store.now()] {
        for comparator in COMPARATORS {
            let query = Query::new().modified(comparator, date);
            finds(&store, &all, query, |a| comparator.holds(&a.modified_at(), &date)).await;
        }
    }
}

/// Past-due is pending and due.
pub async fn past_due_is_pending_and_due(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    let now = store.now();
    finds(&store, &all, Query::new().past_due(now), |a| a.is_past_due(now)).await;
    assert_eq!(store.stats().await.unwrap().past_due, {
        all.iter().filter(|action| action.is_past_due(now)).count() as u64
    });
}

/// Claim: any, none, or this one; what is finished keeps its claim.
pub async fn actions_are_found_by_claim(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    let claimed = |claimed| Query::new().claimed(claimed);
    finds(&store, &all, claimed(Claimed::Any), |a| a.claim.is_some()).await;
    finds(&store, &all, claimed(Claimed::None), |a| a.claim.is_none()).await;
    assert!(all.iter().any(|a| a.claim.is_some() && a.status == Status::Complete));
    for claim in all.iter().filter_map(|action| action.claim).step_by(4) {
        finds(&store, &all, claimed(Claimed::By(claim)), |a| a.claim == Some(claim)).await;
    }
}

/// The instances of a chain.
pub async fn actions_are_found_by_chain(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    for chain in all.iter().filter_map(|action| action.chain).take(3) {
        finds(&store, &all, Query::new().chain(chain), |a| a.chain == Some(chain)).await;
    }
}

/// Keys that are set must all hold.
pub async fn all_keys_must_hold(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    let now = store.now();
    let query = Query::new()
        .ids(all.iter().map(|action| action.id).skip(3))
        .hook(hook("b"))
        .args(args("[]"))
        .status(Status::Failed)
        .status(Status::Complete)
        .scheduled(Comparator::LessOrEqual, now)
        .modified(Comparator::LessOrEqual, now)
        .claimed(Claimed::Any)
        .search("B");
    let is_wanted = |a: &Action| {
        a.id >= all[3].id
            && a.hook == hook("b")
            && [Status::Failed, Status::Complete].contains(&a.status)
            && a.scheduled_at <= now
            && a.claim.is_some()
    };
    finds(&store, &all, query, is_wanted).await;
}

/// Search finds text in hook and args, whatever the case of ASCII letters, and nothing else stands for anything.
pub async fn search_finds_text_in_hook_and_args(store: StoreUnderTest) {
    let ids = store
        .put_all([
            action("Send_Invoice"),
            action("sendXinvoice"),
            action("pay").args(args(r#"{"Mail":"zoë@example.com"}"#)),
            action("100%_sure").args(args(r#"["a\\b","it's \"so\""]"#)),
            action("ÉTÉ").group(group("nowhere")),
        ])
        .await;
    let cases: [(&str, &[usize]); 16] = [
        ("invoice", &[0, 1]),
        ("SEND", &[0, 1]),
        ("d_i", &[0]),
        ("_", &[0, 3]),
        ("%", &[3]),
        ("100%", &[3]),
        ("zoë@", &[2]),
        ("mail", &[2]),
        ("ÉTÉ", &[4]),
        ("\\", &[3]),
        ("'", &[3]),
        ("*", &[]),
        ("?", &[]),
        ("nowhere", &[]),
        ("pending", &[]),
        ("", &[0, 1, 2, 3, 4]),
    ];
    for (text, places) in cases {
        let expected: Vec<ActionId> = places.iter().map(|place| ids[*place]).collect();
        assert_eq!(store.ids(everything().search(text)).await, expected, "{text:?}");
        let count = store.count(everything().search(text)).await.unwrap();
        assert_eq!(count, expected.len() as u64, "{text:?}");
    }
}

/// Search finds an action by its id, and by its claim's; part of an id is not enough.
pub async fn search_finds_an_id(store: StoreUnderTest) {
    let ids = store.put_all((0..120).map(|_| action("a"))).await;
    let id = ids[115];
    assert!(store.ids(everything().search(id.to_string())).await.contains(&id));
    let other = ids.iter().find(|other| other.get() < id.get() / 10 && other.get() >= 10);
    let other = other.expect("a shorter id");
    assert!(!store.ids(everything().search(other.to_string())).await.contains(&id));
    let runner = store.new_runner("host:1").await;
    let claim = store.claim_ids(runner, &ids[..2]).await.id;
    let found = store.ids(everything().search(claim.to_string())).await;
    assert!(ids[..2].iter().all(|id| found.contains(id)), "claim {claim}: {found:?}");
}

/// Args that are the same, to the letter.
pub async fn args_match_exactly(store: StoreUnderTest) {
    // To PHP, these are the same as `[1]` and `[]`.
    let [float, map] = match store.limits().args {
        ArgsKept::ToTheLetter => ["[1.0]", "{}"],
        ArgsKept::AsPhp { .. } => ["[1.5]", r#"{"":1}"#],
    };
    let all = ["[]", "[1]", "[1,2]", r#"{"a":1}"#, r#"{"a":"A"}"#, r#"{"a":"a"}"#, float, map];
    let ids = store.put_all(all.map(|json| action("a").args(args(json)))).await;
    for (json, id) in all.into_iter().zip(ids) {
        assert_eq!(store.ids(everything().args(args(json))).await, [id], "{json}");
    }
    assert_eq!(store.ids(everything().args(args("[2]"))).await, []);
}

/// Text within the args, to the letter.
pub async fn args_contain_text(store: StoreUnderTest) {
    let all = [r#"{"name":"Zoë"}"#, r#"{"NAME":"zoë"}"#, r#"["50%_off"]"#, r#"["50 xoff"]"#];
    let ids = store.put_all(all.map(|json| action("name").args(args(json)))).await;
    let cases: [(&str, &[usize]); 8] = [
        ("name", &[0]),
        ("Zoë", &[0]),
        ("oë", &[0, 1]),
        ("%_", &[2]),
        ("off", &[2, 3]),
        ("50_", &[]),
        (r#"":""#, &[0, 1]),
        ("", &[0, 1, 2, 3]),
    ];
    for (text, places) in cases {
        let expected: Vec<ActionId> = places.iter().map(|place| ids[*place]).collect();
        let query = everything().args_match(ArgsMatch::ContainsText(text.to_owned()));
        assert_eq!(store.ids(query).await, expected, "{text:?}");
    }
}

/// Args that have each of the given keys or elements, with an equal value.
pub async fn args_contain_json(store: StoreUnderTest) {
    let all = [
        r#"{"order":1,"name":"Zoë","tags":["x",{"b":1,"a":2}],"none":null}"#,
        r#"{"order":"1","name":"zoë","tags":["x"],"nested":{"order":1}}"#,
        r#"{"order":1,"odd key.\"[0]":true}"#,
        r#"[1,"two",null,[3]]"#,
        r#"[1]"#,
        "[]",
        "{}",
    ];
    let ids = store.put_all(all.map(|json| action("a").args(args(json)))).await;
    let cases: [(&str, &[usize]); 17] = [
        (r#"{"order":1}"#, &[0, 2]),
        (r#"{"order":"1"}"#, &[1]),
        (r#"{"order":true}"#, &[]),
        (r#"{"name":"Zoë","order":1}"#, &[0]),
        (r#"{"name":"Zoë","order":2}"#, &[]),
        (r#"{"tags":["x"]}"#, &[1]),
        (r#"{"tags":["x",{"a":2,"b":1}]}"#, &[0]),
        (r#"{"none":null}"#, &[0]),
        (r#"{"missing":null}"#, &[]),
        (r#"{"nested":{"order":1}}"#, &[1]),
        (r#"{"odd key.\"[0]":true}"#, &[2]),
        (r#"{"0":1}"#, &[]),
        ("[1]", &[3, 4]),
        (r#"[1,"two"]"#, &[3]),
        (r#"[1,"two",null,[3]]"#, &[3]),
        (r#"["two"]"#, &[]),
        ("[1,null]", &[]),
    ];
    for (part, places) in cases {
        let expected: Vec<ActionId> = places.iter().map(|place| ids[*place]).collect();
        let query = everything().args_match(ArgsMatch::ContainsJson(args(part)));
        assert_eq!(store.ids(query.clone()).await, expected, "{part}");
        assert_eq!(store.count(query).await.unwrap(), expected.len() as u64, "{part}");
    }
}

pub(super) fn sorted(all: &[Action], by: OrderBy, order: Order) -> Vec<ActionId> {
    let mut all: Vec<&Action> = all.iter().collect();
    all.sort_by(|left, right| {
        let by_key = match by {
            OrderBy::Date => left.scheduled_at.cmp(&right.scheduled_at),
            OrderBy::Hook => left.hook.cmp(&right.hook),
            OrderBy::Group => left.group.cmp(&right.group),
            OrderBy::Modified => left.modified_at().cmp(&right.modified_at()),
            // What has no value comes before all that have one.
            OrderBy::Started => left.started_at.cmp(&right.started_at),
            OrderBy::Finished => left.finished_at.cmp(&right.finished_at),
            OrderBy::Claim => left.claim.cmp(&right.claim),
            OrderBy::LogEntries => left.log_entries.cmp(&right.log_entries),
            OrderBy::Id | OrderBy::None => std::cmp::Ordering::Equal,
        };
        let ascending = by_key.then(left.id.cmp(&right.id));
        if order == Order::Ascending { ascending } else { ascending.reverse() }
    });
    all.iter().map(|action| action.id).collect()
}

/// Every order both ways; the id decides between equals, the same way; names in the order of their bytes.
pub async fn every_order_both_ways(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    for by in ORDERS {
        for order in [Order::Ascending, Order::Descending] {
            let query = Query::new().unlimited().order(by, order);
            assert_eq!(store.ids(query).await, sorted(&all, by, order), "{by:?} {order:?}");
        }
    }
}

/// Limit and offset cut a part out of the list; a count does not care.
pub async fn limit_and_offset_cut_a_part_out(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    let ids: Vec<ActionId> = all.iter().map(|action| action.id).collect();
    for (offset, limit) in [(0, 5), (3, 5), (0, 0), (38, 5), (100, 5), (0, 1000)] {
        let query = everything().offset(offset).limit(limit);
        let (from, to) = (offset as usize, (offset + limit) as usize);
        let expected = ids.get(from.min(ids.len())..to.min(ids.len())).unwrap();
        assert_eq!(store.ids(query.clone()).await, expected, "{offset} {limit}");
        assert_eq!(store.count(query).await.unwrap(), ids.len() as u64);
    }
    assert_eq!(store.ids(everything().offset(30)).await, ids[30..]);
    store.put_all((0..100).map(|_| action("more"))).await;
    assert_eq!(store.ids(Query::new()).await.len(), Query::DEFAULT_LIMIT as usize);
}

/// Pages that begin where the last one ended make up the whole list, in every order, of whatever size.
pub async fn pages_together_are_the_whole_list(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    for by in ORDERS {
        for order in [Order::Ascending, Order::Descending] {
            for size in [1, 7, 40] {
                let query = Query::new().order(by, order).limit(size);
                let pages = paged(&store, query.clone()).await;
                assert_eq!(pages, sorted(&all, by, order), "{query:?}");
            }
        }
    }
    let narrow = Query::new().status(Status::Pending).order(OrderBy::Hook, Order::Descending);
    let whole = store.ids(narrow.clone().unlimited()).await;
    assert_eq!(paged(&store, narrow.limit(3)).await, whole);
}

pub(super) async fn paged(store: &StoreUnderTest, query: Query) -> Vec<ActionId> {
    let mut ids = Vec::new();
    let mut page_query = query.clone();
    loop {
        let page = store.share().query(page_query).await.unwrap();
        ids.extend(page.iter().map(|action| action.id));
        assert!(ids.len() <= 1000, "pages without end");
        let Some(last) = page.last() else { return ids };
        let cursor = query.cursor(last);
        page_query = query.clone().after(cursor.clone());
        let count = store.count(page_query.clone()).await.unwrap();
        assert_eq!(count, store.count(query.clone()).await.unwrap(), "a cursor does not count");
    }
}

/// A page goes on after a place whose action is gone, and passes over its offset from there.
pub async fn a_cursor_is_a_place_and_not_an_action(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    let query = Query::new().unlimited();
    let ids = sorted(&all, OrderBy::Date, Order::Ascending);
    let finished = ids.iter().position(|id| {
        all.iter().any(|action| action.id == *id && action.status == Status::Complete)
    });
    let place = finished.expect("a complete action");
    let cursor = query.cursor(&store.action(ids[place]).await);
    let target = action_scheduler::store::Target::Ids(vec![ids[place]]);
    store.delete(target).await.unwrap();
    let after = query.clone().after(cursor);
    assert_eq!(store.ids(after.clone()).await, ids[place + 1..]);
    assert_eq!(store.ids(after.offset(2).limit(3)).await, ids[place + 3..place + 6]);
}

/// A cursor of another order is refused, not misread.
pub async fn a_cursor_of_another_order_is_refused(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let wrong = [
        (OrderBy::Date, CursorKey::Text("a".into())),
        (OrderBy::Hook, CursorKey::Time(store.now())),
        (OrderBy::Id, CursorKey::Time(store.now())),
        (OrderBy::Group, CursorKey::Id),
        (OrderBy::Modified, CursorKey::Unset),
        (OrderBy::Started, CursorKey::Number(1)),
        (OrderBy::Claim, CursorKey::Time(store.now())),
        (OrderBy::LogEntries, CursorKey::Unset),
    ];
    for (by, key) in wrong {
        let query = Query::new().order(by, Order::Ascending).after(Cursor { key, id });
        let answer = store.share().query(query.clone()).await;
        assert!(matches!(answer, Err(Error::Invalid(_))), "{query:?}: {answer:?}");
    }
}

/// An action tells how many entries its log has, whatever it went through.
pub async fn an_action_tells_how_long_its_log_is(store: StoreUnderTest) {
    let mut all = all_kinds(&store).await;
    let noted = all[3].id;
    let note = entry(Step::Note, "a note");
    store.append_log(vec![(noted, note.clone()), (noted, note)], &context()).await.unwrap();
    all[3].log_entries += 2;
    let mut lengths = std::collections::BTreeSet::new();
    for action in all {
        let log = store.log_of(action.id).await;
        assert_eq!(action.log_entries as usize, log.len(), "action {}", action.id);
        assert_eq!(store.action(action.id).await.log_entries, action.log_entries);
        lengths.insert(action.log_entries);
    }
    assert!(lengths.len() > 3, "logs of different lengths: {lengths:?}");
}

/// Fetch gives what exists, in the order asked for.
pub async fn fetch_keeps_the_order_asked_for(store: StoreUnderTest) {
    let ids = store.put_all((0..3).map(|_| action("a"))).await;
    let missing = ActionId::new(1_000_000).unwrap();
    let wanted = vec![ids[2], missing, ids[0], ids[1]];
    let found = store.fetch(wanted).await.unwrap();
    let found: Vec<ActionId> = found.iter().map(|action| action.id).collect();
    assert_eq!(found, [ids[2], ids[0], ids[1]]);
}

/// Each hook that any action has is named once.
pub async fn each_hook_is_named_once(store: StoreUnderTest) {
    assert_eq!(store.hooks().await.unwrap(), []);
    let ids = store.put_all(["b", "a", "b", "é"].map(action)).await;
    store.run_to(ids[1], Outcome::Complete).await;
    let mut hooks = store.hooks().await.unwrap();
    hooks.sort();
    assert_eq!(hooks, [hook("a"), hook("b"), hook("é")]);
}

/// Each group that any action has is named once; the default group is one of them.
pub async fn each_group_is_named_once(store: StoreUnderTest) {
    assert_eq!(store.groups().await.unwrap(), []);
    let names = ["b", "", "b", "é", "B"];
    store.put_all(names.map(|name| action("a").group(group(name)))).await;
    let groups = store.groups().await.unwrap();
    assert_eq!(groups, ["", "B", "b", "é"].map(group));
}
