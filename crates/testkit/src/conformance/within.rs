//! Looking at no more than so many actions.

use action_scheduler::Query;
use action_scheduler::action::{Action, ActionId, Status};
use action_scheduler::query::{Claimed, Comparator, Order, OrderBy};

use super::StoreUnderTest;
use super::query::{all_kinds, paged, sorted};
use super::scene::*;

/// The first so many by date.
fn first(all: &[Action], order: Order, limit: usize) -> Vec<Action> {
    let ids = sorted(all, OrderBy::Date, order);
    let find = |id: &ActionId| all.iter().find(|action| action.id == *id).cloned();
    ids.iter().take(limit).filter_map(find).collect()
}

/// Asks for pages and a count, and compares them with what is found among these.
async fn finds_within(
    store: &StoreUnderTest,
    window: &[Action],
    query: Query,
    is_wanted: impl Fn(&Action) -> bool,
) {
    let found: Vec<Action> = window.iter().filter(|action| is_wanted(action)).cloned().collect();
    let expected = sorted(&found, query.order_by, query.order);
    assert_eq!(store.ids(query.clone().unlimited()).await, expected, "{query:?}");
    assert_eq!(store.count(query.clone()).await.unwrap(), expected.len() as u64, "{query:?}");
    let cut = store.ids(query.clone().offset(1).limit(2)).await;
    assert_eq!(cut, expected.iter().skip(1).take(2).copied().collect::<Vec<_>>(), "{query:?}");
    if query.order_by != OrderBy::Date {
        assert_eq!(paged(store, query.limit(3)).await, expected);
    }
}

const WAYS: [Order; 2] = [Order::Ascending, Order::Descending];

/// By date, the first in the query's own direction are looked at.
pub async fn by_date_the_first_are_looked_at(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    for order in WAYS {
        for most in [0, 1, 7, 39, 40, 1000] {
            let window = first(&all, order, most as usize);
            let by_date = || Query::new().order(OrderBy::Date, order).within(most);
            finds_within(&store, &window, by_date(), |_| true).await;
            finds_within(&store, &window, by_date().search("B"), |a| {
                a.hook.as_str().eq_ignore_ascii_case("b")
            })
            .await;
            let claimed = by_date().claimed(Claimed::Any);
            finds_within(&store, &window, claimed, |a| a.claim.is_some()).await;
            let now = store.now();
            let old = by_date().modified(Comparator::Less, now);
            finds_within(&store, &window, old, |a| a.modified_at() < now).await;
            let date = all[5].scheduled_at;
            let other = by_date().scheduled(Comparator::NotEqual, date);
            finds_within(&store, &window, other, |a| a.scheduled_at != date).await;
        }
    }
}

/// In any other order the newest are looked at, and sorted.
pub async fn in_other_orders_the_newest_are_looked_at(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    let window = first(&all, Order::Descending, 11);
    let orders = [
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
    for by in orders {
        for order in WAYS {
            let query = Query::new().order(by, order).within(11);
            finds_within(&store, &window, query, |_| true).await;
        }
    }
}

/// What an index finds is found before the first are taken: ids, chain, hook, group, status, date.
pub async fn what_an_index_finds_is_looked_at(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    let one_chain = all.iter().find_map(|action| action.chain).expect("a chain");
    let (date, name, of) = (all[5].scheduled_at, hook("b"), group("x"));
    let odd: Vec<ActionId> = all.iter().map(|a| a.id).filter(|id| id.get() % 2 == 1).collect();
    type Keys<'a> = Box<dyn Fn(&Action) -> bool + 'a>;
    let cases: Vec<(Query, Keys<'_>)> = vec![
        (Query::new().hook(name.clone()), Box::new(|a| a.hook == name)),
        (Query::new().group(of.clone()), Box::new(|a| a.group == of)),
        (Query::new().chain(one_chain), Box::new(|a| a.chain == Some(one_chain))),
        (Query::new().ids(odd.clone()), Box::new(|a| odd.contains(&a.id))),
        (
            Query::new().ids(odd.clone()).hook(name.clone()).group(of.clone()),
            Box::new(|a| odd.contains(&a.id) && a.hook == name && a.group == of),
        ),
        (Query::new(), Box::new(|_| true)),
    ];
    for (query, keys) in cases {
        let statuses = match query.chain {
            None => vec![vec![], vec![Status::Pending], vec![Status::Failed, Status::InProgress]],
            Some(_) => vec![vec![]],
        };
        for statuses in statuses {
            let is_status = |a: &Action| statuses.is_empty() || statuses.contains(&a.status);
            let found: Vec<Action> =
                all.iter().filter(|a| keys(a) && is_status(a)).cloned().collect();
            let query = Query { statuses: statuses.clone(), ..query.clone() };
            for order in WAYS {
                let window = first(&found, order, 3);
                let by_date = query.clone().order(OrderBy::Date, order).within(3);
                finds_within(&store, &window, by_date.clone(), |_| true).await;
                finds_within(&store, &window, by_date.search("a"), |a| a.hook == hook("a")).await;
            }
            let late: Vec<Action> =
                found.iter().filter(|action| action.scheduled_at >= date).cloned().collect();
            let window = first(&late, Order::Descending, 3);
            let by_log = query.clone().order(OrderBy::LogEntries, Order::Ascending).within(3);
            let by_log = by_log.scheduled(Comparator::GreaterOrEqual, date);
            finds_within(&store, &window, by_log, |_| true).await;
        }
    }
}

/// Group with a hook, and all else with a chain, is looked for within what the hook or the chain has.
pub async fn the_rest_is_looked_for_within(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    let (name, of) = (hook("b"), group("x"));
    let of_hook: Vec<Action> = all.iter().filter(|a| a.hook == name).cloned().collect();
    let window = first(&of_hook, Order::Ascending, 4);
    let both = Query::new().hook(name.clone()).group(of.clone()).within(4);
    finds_within(&store, &window, both, |a| a.group == of).await;
    let one_chain = all.iter().find_map(|action| action.chain).expect("a chain");
    let of_chain: Vec<Action> =
        all.iter().filter(|a| a.chain == Some(one_chain)).cloned().collect();
    let window = first(&of_chain, Order::Ascending, 1);
    let failed = Query::new().chain(one_chain).status(Status::Failed).within(1);
    finds_within(&store, &window, failed, |a| a.status == Status::Failed).await;
}

/// A search by date goes on after the end of the window, and comes to everything.
pub async fn a_search_goes_on_after_its_window(store: StoreUnderTest) {
    let all = all_kinds(&store).await;
    let search = Query::new().search("B").unlimited().within(6);
    let is_wanted = |a: &&Action| a.hook.as_str().eq_ignore_ascii_case("b");
    let wanted: Vec<Action> = all.iter().filter(is_wanted).cloned().collect();
    let (mut found, mut query) = (Vec::new(), search.clone());
    loop {
        found.extend(store.ids(query.clone()).await);
        let end = query.window().expect("it has one").offset(5).limit(1);
        let Some(last) = store.share().query(end).await.unwrap().pop() else { break };
        query = search.clone().after(search.cursor(&last));
    }
    assert_eq!(found, sorted(&wanted, OrderBy::Date, Order::Ascending));
}

/// An id, or that of the claim it is held by, finds an action however far away it is, if all else holds.
pub async fn a_number_finds_its_action_however_far(store: StoreUnderTest) {
    let first = store.in_seconds(-1000);
    let claimed = store.put(action_at("held", first)).await;
    let old = store.put(action_at("old", first)).await;
    let runner = store.new_runner("host:1").await;
    let mut claim = store.claim_ids(runner, &[claimed]).await.id;
    // Its number is not to be that of an action here.
    while claim.get() < 40 {
        store.release(vec![claim], &context()).await.unwrap();
        claim = store.claim_ids(runner, &[claimed]).await.id;
    }
    store.put_all((0..20).map(|number| action_at("new", store.in_seconds(number)))).await;
    let search = |number: i64| {
        Query::new().search(number.to_string()).order(OrderBy::Date, Order::Descending).within(2)
    };
    let by_id = search(old.get());
    assert_eq!(store.ids(by_id.clone()).await, [old]);
    assert_eq!(store.count(by_id.clone()).await.unwrap(), 1);
    assert_eq!(store.ids(by_id.clone().hook(hook("new"))).await, []);
    assert_eq!(store.ids(by_id.clone().status(Status::Complete)).await, []);
    assert_eq!(store.ids(by_id.order(OrderBy::Started, Order::Ascending)).await, [old]);
    assert_eq!(store.ids(search(claim.get())).await, [claimed]);
    assert_eq!(store.count(search(claim.get())).await.unwrap(), 1);
    let near = store.ids(Query::new().order(OrderBy::Date, Order::Descending).limit(1)).await[0];
    assert_eq!(store.ids(search(near.get())).await, [near], "once, though found twice");
}

/// What is done to what a query asks for is done to no more than it looks at.
pub async fn changes_keep_to_the_window(store: StoreUnderTest) {
    let ids = store
        .put_all((0..6).map(|number| {
            action_at(if number % 2 == 0 { "even" } else { "odd" }, store.in_seconds(number))
        }))
        .await;
    let query = Query::new().search("odd").unlimited().within(4);
    let target = action_scheduler::store::Target::Matching(Box::new(query));
    store.cancel(target, None, &context()).await.unwrap();
    let canceled = everything().status(Status::Canceled);
    assert_eq!(store.ids(canceled).await, [ids[1], ids[3]]);
}
