//! The log: whole, in order, with time and context.

use action_scheduler::Context;
use action_scheduler::action::{ActionId, Attempt};
use action_scheduler::log::{NewLogEntry, Step};
use action_scheduler::store::{ChainChange, Finish, Outcome, Requeue, Start, Target};

use super::scene::*;
use super::{DatesKept, StoreUnderTest};

/// Every step of a life is in the log, in order, with its time, attempt and context.
pub async fn every_step_is_in_the_log(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let runner = store.new_runner("host:1").await;
    let tick = || store.clock().advance(seconds(1));
    let by = Context::new;
    tick();
    let claim = store.claim_ids(runner, &[id]).await.id;
    store.release(vec![claim], &by("stop")).await.unwrap();
    tick();
    store.requeue(Target::Ids(vec![id]), Requeue::RunNow, &by("Zoë")).await.unwrap();
    tick();
    let claim = store.claim_ids(runner, &[id]).await.id;
    let start = Start { action: id, claim, log: true };
    store.start(vec![start], &by("serve")).await.unwrap();
    tick();
    store.append_log(vec![(id, entry(Step::Output, "hello"))], &by("serve")).await.unwrap();
    let running = Running { runner, id, claim, attempt: Attempt(1), chain: None };
    tick();
    let retry = running.ended(Outcome::Retry { at: store.now() });
    let entries = vec![entry(Step::Failed, "no route"), entry(Step::Retry, "at once")];
    store.finish(vec![Finish { entries, ..retry }], &by("serve")).await.unwrap();
    tick();
    store.start(vec![start], &by("late")).await.unwrap();
    tick();
    store.finish(vec![running.ended(Outcome::Complete)], &by("late")).await.unwrap();
    tick();
    store.cancel(action_scheduler::store::Target::Ids(vec![id]), None, &by("CLI")).await.unwrap();
    tick();
    store.requeue(Target::Ids(vec![id]), Requeue::Rerun, &by("CLI")).await.unwrap();

    let begin = store.in_seconds(-9);
    let one = Some(Attempt(1));
    let expected = [
        (0, Step::Created, None, None),
        (1, Step::Reset, None, Some("stop")),
        (2, Step::Rescheduled, None, Some("Zoë")),
        (3, Step::Started, one, Some("serve")),
        (4, Step::Output, one, Some("serve")),
        (5, Step::Failed, one, Some("serve")),
        (5, Step::Retry, one, Some("serve")),
        (6, Step::Ignored, None, Some("late")),
        (7, Step::LateResult, one, Some("late")),
        (8, Step::Canceled, None, Some("CLI")),
        (9, Step::Rerun, None, Some("CLI")),
    ];
    let log = store.log_of(id).await;
    assert_eq!(log.len(), expected.len(), "{log:?}");
    for (entry, (second, step, attempt, context)) in log.iter().zip(expected) {
        assert_eq!(entry.action, id);
        assert_eq!((entry.step, entry.at), (step, begin + seconds(second)), "{entry:?}");
        assert_eq!(entry.attempt, attempt, "{entry:?}");
        if step != Step::Created {
            assert_eq!(entry.context.as_ref().map(Context::as_str), context, "{entry:?}");
        }
    }
    assert_eq!(log[4].message.as_deref(), Some("hello"));
    assert_eq!(log[5].message.as_deref(), Some("no route"));
}

/// Logs of several actions come by action and place, each action's once.
pub async fn logs_come_by_action_and_place(store: StoreUnderTest) {
    let ids = store.put_all((0..3).map(|_| action("a"))).await;
    for round in 0..3 {
        let notes = ids.iter().rev().map(|id| (*id, entry(Step::Note, &round.to_string())));
        store.append_log(notes.collect(), &context()).await.unwrap();
    }
    let missing = ActionId::new(1_000_000).unwrap();
    let log = store.logs(vec![ids[2], missing, ids[0], ids[2]]).await.unwrap();
    let places: Vec<_> = log.iter().map(|entry| (entry.action, entry.seq)).collect();
    let expected = [ids[0], ids[2]].map(|id| (1..=4).map(move |seq| (id, seq)));
    assert_eq!(places, expected.into_iter().flatten().collect::<Vec<_>>());
    let words: Vec<_> = log[1..4].iter().map(|entry| entry.message.as_deref()).collect();
    assert_eq!(words, [Some("0"), Some("1"), Some("2")]);
}

/// Entries of one call keep their order, and what is added to no action is dropped without harm to the others.
pub async fn entries_of_one_call_keep_their_order(store: StoreUnderTest) {
    let ids = store.put_all([action("a"), action("b")]).await;
    let missing = ActionId::new(1_000_000).unwrap();
    let entries = (0..100).map(|number| {
        let id = [ids[0], missing, ids[1]][number % 3];
        (id, entry(Step::Note, &number.to_string()))
    });
    store.append_log(entries.collect(), &context()).await.unwrap();
    let words = |log: Vec<action_scheduler::LogEntry>| {
        let words = log.into_iter().skip(1).filter_map(|entry| entry.message);
        words.map(|word| word.parse::<usize>().unwrap()).collect::<Vec<_>>()
    };
    let every_third = |from: usize| (from..100).step_by(3).collect::<Vec<_>>();
    assert_eq!(words(store.log_of(ids[0]).await), every_third(0));
    assert_eq!(words(store.log_of(ids[1]).await), every_third(2));
    assert_eq!(store.logs(vec![missing]).await.unwrap(), []);
}

/// An entry keeps the time it was given; without one, it is of now.
pub async fn an_entry_keeps_the_time_it_was_given(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let given = match store.limits().dates {
        DatesKept::Micros => "2020-02-03T04:05:06.789012Z",
        DatesKept::Seconds => "2020-02-03T04:05:06Z",
    };
    let given = given.parse().unwrap();
    let old = NewLogEntry { at: Some(given), step: Step::Note, message: None };
    let new = NewLogEntry { at: None, step: Step::Output, message: Some(String::new()) };
    store.append_log(vec![(id, old), (id, new)], &context()).await.unwrap();
    let log = store.log_of(id).await;
    assert_eq!((log[1].at, log[1].message.as_deref()), (given, None));
    assert_eq!((log[2].at, log[2].message.as_deref()), (store.now(), Some("")));
    let running = store.run(id).await;
    let entries = vec![NewLogEntry { at: Some(given), step: Step::Complete, message: None }];
    store.report(Finish { entries, ..running.ended(Outcome::Complete) }).await;
    assert_eq!(store.last_entry(id).await.at, given);
}

/// Notes on an action that is in-progress belong to its attempt; on any other, to none.
pub async fn a_note_belongs_to_the_attempt_in_progress(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let note = async |word: &str| {
        store.append_log(vec![(id, entry(Step::Note, word))], &context()).await.unwrap();
        store.last_entry(id).await.attempt
    };
    assert_eq!(note("before").await, None);
    let running = store.run(id).await;
    assert_eq!(note("during").await, Some(Attempt(1)));
    store.report(running.ended(Outcome::Complete)).await;
    assert_eq!(note("after").await, None);
}

/// Every kind of step, and any text, comes back as it went in.
pub async fn any_step_and_text_is_kept(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let steps: Vec<Step> = (0..=16).map(Step::from_code).collect();
    let text = "line\nline\t😀 \u{0} 'quoted' \\ %";
    let entries = steps.iter().map(|step| (id, entry(*step, text))).collect();
    let by = Context::new("Zoë's \"runner\" 😀");
    store.append_log(entries, &by).await.unwrap();
    let log = store.log_of(id).await;
    assert_eq!(log[1..].iter().map(|entry| entry.step).collect::<Vec<_>>(), steps);
    for entry in &log[1..] {
        assert_eq!(entry.message.as_deref(), Some(text));
        assert_eq!(entry.context.as_ref(), Some(&by));
    }
}

/// A message as long as a program's output is kept whole.
pub async fn a_long_message_is_kept_whole(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let text = "0123456789abcdef".repeat(16 * 1024);
    store.append_log(vec![(id, entry(Step::Output, &text))], &context()).await.unwrap();
    assert!(store.last_entry(id).await.message == Some(text), "not the same text");
}

/// However many write at once, no entry is lost and no place is taken twice.
pub async fn entries_written_at_once_all_have_a_place(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let store = store.share();
        tasks.spawn(async move {
            for number in 0..20 {
                let note = entry(Step::Note, &format!("{writer} {number}"));
                store.append_log(vec![(id, note)], &context()).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let log = store.log_of(id).await;
    assert_eq!(log.len(), 161);
    for writer in 0..8 {
        let begin = format!("{writer} ");
        let own = log.iter().filter_map(|entry| entry.message.as_deref()?.strip_prefix(&begin));
        let own: Vec<usize> = own.map(|number| number.parse().unwrap()).collect();
        assert_eq!(own, (0..20).collect::<Vec<_>>(), "writer {writer}");
    }
}

/// What happens to a chain is in the log of the instance it happens to.
pub async fn changes_of_a_chain_are_in_the_log(store: StoreUnderTest) {
    let id = store.put(hourly("renew", store.now())).await;
    let chain = store.action(id).await.chain.unwrap();
    let by = Context::new("Zoë");
    let pause = ChainChange::Pause { reason: "on holiday".into() };
    store.change_chain(chain, pause, &by).await.unwrap();
    let log = store.log_of(id).await;
    let paused = log.iter().find(|entry| entry.step == Step::Paused).expect("an entry");
    assert_eq!(paused.message.as_deref(), Some("on holiday"));
    assert_eq!(paused.context.as_ref(), Some(&by));
    let resume = ChainChange::Resume { next: store.in_seconds(60) };
    store.change_chain(chain, resume, &by).await.unwrap();
    let next = store.chain(chain).await.head.unwrap();
    assert_eq!(store.steps(next).await, [Step::Created, Step::Resumed]);
    assert_eq!(store.last_entry(next).await.context.as_ref(), Some(&by));
}
