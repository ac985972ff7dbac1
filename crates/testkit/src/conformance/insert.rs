//! Storing actions.

use action_scheduler::action::{Attempt, Priority, Status};
use action_scheduler::log::Step;
use action_scheduler::store::{ChainState, Insert};
use action_scheduler::{Group, Schedule};
use jiff::Timestamp;

use super::scene::*;
use super::{ArgsKept, StoreUnderTest};

/// An action comes back as it was stored.
pub async fn an_action_is_kept_as_it_was_given(store: StoreUnderTest) {
    let date = store.in_seconds(90);
    let new = action_at("send_invoice", date)
        .args(args(r#"{"order":42,"to":["a","b"]}"#))
        .group(group("billing"))
        .priority(Priority(3));
    let id = store.put(new).await;
    let action = store.action(id).await;
    assert_eq!(action.id, id);
    assert_eq!(action.hook, hook("send_invoice"));
    assert_eq!(action.args, args(r#"{"order":42,"to":["a","b"]}"#));
    assert_eq!(action.group, group("billing"));
    assert_eq!(action.priority, Priority(3));
    assert_eq!(action.schedule, Schedule::Single(date));
    assert_eq!(action.scheduled_at, date);
    assert_eq!(action.status, Status::Pending);
    assert_eq!(action.attempts, Attempt(0));
    assert_eq!(action.created_at, store.now());
    assert_eq!((action.started_at, action.finished_at), (None, None));
    assert_eq!((action.claim, action.chain), (None, None));
}

/// An async action is due at the time it is stored, by the store's clock.
pub async fn an_async_action_is_due_when_it_is_stored(store: StoreUnderTest) {
    store.clock().advance(seconds(5));
    let id = store.put(action("now")).await;
    let action = store.action(id).await;
    assert_eq!(action.schedule, Schedule::Async);
    assert_eq!(action.scheduled_at, store.now());
    assert_eq!(action.group, Group::default());
}

/// A recurring action brings its chain with it, and is the head of it.
pub async fn a_recurring_action_begins_a_chain(store: StoreUnderTest) {
    let first = store.in_seconds(60);
    let new =
        hourly("renew", first).args(args("[7]")).group(group("billing")).priority(Priority(200));
    let id = store.put(new.clone()).await;
    let action = store.action(id).await;
    assert_eq!(action.schedule, new.schedule);
    assert_eq!(action.scheduled_at, first);
    let chain = store.chain(action.chain.expect("a chain")).await;
    assert_eq!(Schedule::Recurring(chain.recurring), new.schedule);
    assert_eq!(
        (chain.hook, chain.args, chain.group),
        (hook("renew"), args("[7]"), group("billing"))
    );
    assert_eq!((chain.priority, chain.key), (Priority(200), None));
    assert_eq!((chain.state, chain.reason, chain.failures), (ChainState::Active, None, 0));
    assert_eq!((chain.head, chain.created_at), (Some(id), store.now()));
}

/// One answer for each action, in order, and ids that rise.
pub async fn ids_rise_in_the_order_of_creation(store: StoreUnderTest) {
    let first = store.put_all((0..50).map(|n| action(&format!("hook_{n}")))).await;
    let then = store.put_all([action("a"), hourly("b", store.now()), action("c")]).await;
    let all: Vec<_> = first.into_iter().chain(then).collect();
    assert!(all.is_sorted_by(|left, right| left < right), "{all:?}");
    let actions = store.fetch(all.clone()).await.unwrap();
    assert_eq!(actions.iter().map(|action| action.id).collect::<Vec<_>>(), all);
    assert_eq!(actions[49].hook, hook("hook_49"));
    assert_eq!(actions[52].hook, hook("c"));
}

/// The id of a deleted action does not come back, even if it was the last one.
pub async fn an_id_is_never_used_again(store: StoreUnderTest) {
    let old = store.put(action("a")).await;
    store.delete(action_scheduler::store::Target::Ids(vec![old])).await.unwrap();
    let new = store.put(action("a")).await;
    assert!(new > old, "{new} after {old}");
}

/// `action created` is logged if the caller wants it.
pub async fn creation_is_logged_only_where_asked_for(store: StoreUnderTest) {
    let quiet = Insert { action: action("quiet"), log_created: false };
    let ids = store.insert(vec![logged(action("loud")), quiet]).await.unwrap();
    let loud = store.log_of(ids[0].unwrap()).await;
    assert_eq!(loud.len(), 1);
    assert_eq!((loud[0].seq, loud[0].step), (1, Step::Created));
    assert_eq!((loud[0].at, loud[0].attempt), (store.now(), None));
    assert_eq!(store.steps(ids[1].unwrap()).await, []);
}

/// Nothing in, nothing out.
pub async fn storing_nothing_is_no_error(store: StoreUnderTest) {
    assert_eq!(store.insert(Vec::new()).await.unwrap(), []);
    assert_eq!(store.count(everything()).await.unwrap(), 0);
}

/// Any text that a hook, a group or args may be is kept to the letter.
pub async fn any_text_is_kept_to_the_letter(store: StoreUnderTest) {
    let texts =
        ["écrire_été", "请求_发送", "😀🚀", "it's \"quoted\" \\ %_*?", "a b", "null", "0", "NULL"];
    for text in texts {
        let json = serde_json::json!({ text: [text, null, true, 1.5], "nul": "a\u{0}b" });
        let new = action(text).group(group(text)).args(args(&json.to_string()));
        let id = store.put(new.clone()).await;
        let kept = store.action(id).await;
        assert_eq!((&kept.hook, &kept.group, &kept.args), (&new.hook, &new.group, &new.args));
        let found = store.ids(everything().hook(new.hook).group(new.group).args(new.args)).await;
        assert_eq!(found, [id], "looking for {text}");
    }
}

/// Names that differ only in case, in accents or in composition are different names.
pub async fn names_that_look_alike_are_different(store: StoreUnderTest) {
    let names = ["send", "Send", "sénd", "se\u{301}nd", "ſend"];
    for name in names {
        store.put(action(name).group(group(name))).await;
    }
    for name in names {
        assert_eq!(store.count(everything().hook(hook(name))).await.unwrap(), 1, "hook {name}");
        assert_eq!(store.count(everything().group(group(name))).await.unwrap(), 1, "group {name}");
    }
    assert_eq!(store.hooks().await.unwrap().len(), names.len());
}

/// Names and args of the greatest length are kept whole.
pub async fn the_longest_names_and_args_are_kept_whole(store: StoreUnderTest) {
    let name = "é".repeat(191);
    // With `["` before it and `"]` after it.
    let length = match store.limits().args {
        ArgsKept::ToTheLetter => 1024 * 1024,
        ArgsKept::AsPhp { longest } => longest - 4,
    };
    let large = args(&serde_json::json!(["0123456789abcdef".repeat(length / 16)]).to_string());
    let id = store.put(action(&name).group(group(&name)).args(large.clone())).await;
    let kept = store.action(id).await;
    assert_eq!((kept.hook, kept.group), (hook(&name), group(&name)));
    assert!(kept.args == large, "the args are not what they were");
    let found = store.ids(everything().args(large.clone())).await;
    assert_eq!(found, [id]);
    let running = store.run(id).await;
    assert_eq!(running.id, id);
}

/// Numbers and the order of keys stay as they were written.
pub async fn args_keep_their_spelling(store: StoreUnderTest) {
    let given = args(match store.limits().args {
        ArgsKept::ToTheLetter => r#"{"z":123456789012345678901234567890,"a":1e3,"b":-0.10}"#,
        ArgsKept::AsPhp { .. } => r#"{"z":1234567890123456789,"a":1.5,"b":-0.1}"#,
    });
    let id = store.put(action("a").args(given.clone())).await;
    assert_eq!(store.action(id).await.args, given);
    let runner = store.new_runner("host:1").await;
    assert_eq!(store.claim_due(runner, 1).await.unwrap().actions[0].args, given);
}

/// Dates keep their microseconds, or what the store keeps of them; what is finer is cut.
pub async fn dates_keep_their_microseconds(store: StoreUnderTest) {
    let exact: Timestamp = "2026-03-04T05:06:07.123456Z".parse().unwrap();
    let finer: Timestamp = "2026-03-04T05:06:07.123456789Z".parse().unwrap();
    let ids = store.put_all([action_at("a", exact), action_at("b", finer)]).await;
    for id in ids {
        assert_eq!(store.action(id).await.scheduled_at, store.kept(exact));
    }
    store.clock().advance(jiff::SignedDuration::from_micros(1));
    let id = store.put(action("c")).await;
    assert_eq!(store.action(id).await.created_at.as_microsecond() % 1_000_000, 1);
}

/// Dates long ago and far ahead are dates like any other.
pub async fn dates_long_ago_and_far_ahead_are_kept(store: StoreUnderTest) {
    let date = |text: &str| text.parse::<Timestamp>().unwrap();
    let dates =
        [store.earliest(), date("1969-12-31T23:59:59.999999Z"), date("9999-12-30T00:00:00Z")];
    let mut ids = Vec::new();
    for date in dates {
        ids.push(store.put(action_at("a", date)).await);
        assert_eq!(store.action(ids[ids.len() - 1]).await.scheduled_at, store.kept(date));
    }
    let by_date = action_scheduler::Query::new().unlimited();
    assert_eq!(store.ids(by_date).await, ids);
}

/// Who waits for work hears of what is stored.
pub async fn storing_an_action_wakes_who_waits(store: StoreUnderTest) {
    let mut wake = store.wake();
    wake.mark_unchanged();
    store.put(action_at("later", store.in_seconds(3600))).await;
    woken(&mut wake).await;
}

pub(super) async fn woken(wake: &mut tokio::sync::watch::Receiver<u64>) {
    let change = tokio::time::timeout(std::time::Duration::from_secs(10), wake.changed()).await;
    change.expect("to be woken within ten seconds").expect("the store to be there");
}

/// Many actions in one call, and many ids in one question: more than a statement has room for.
pub async fn a_call_takes_as_many_actions_as_there_are(store: StoreUnderTest) {
    let count = 33_000;
    let quiet = |n: i64| Insert {
        action: action_at("many", store.in_seconds(n)).args(args(&format!("[{n}]"))),
        log_created: n % 100 == 0,
    };
    let ids = store.insert((0..count).map(quiet).collect()).await.unwrap();
    let ids: Vec<_> = ids.into_iter().flatten().collect();
    assert_eq!(ids.len() as i64, count);
    let reversed: Vec<_> = ids.iter().rev().copied().collect();
    let fetched = store.fetch(reversed.clone()).await.unwrap();
    assert!(fetched.iter().map(|action| action.id).eq(reversed), "not in the order asked for");
    assert_eq!(store.count(everything().ids(ids.clone())).await.unwrap() as i64, count);
    assert_eq!(store.logs(ids.clone()).await.unwrap().len() as i64, count / 100);
    let target = action_scheduler::store::Target::Ids(ids);
    let canceled = store.cancel(target.clone(), None, &context()).await.unwrap();
    assert_eq!(canceled.len() as i64, count);
    let deleted = store.delete(target).await.unwrap();
    assert_eq!(deleted.len() as i64, count);
    assert_eq!(store.count(everything()).await.unwrap(), 0);
}

/// Statements for a transaction of the caller's own do not store anything by themselves.
pub async fn statements_for_others_store_nothing_themselves(store: StoreUnderTest) {
    let _ = store.insert_statements(&logged(action("a")));
    assert_eq!(store.count(everything()).await.unwrap(), 0);
}
