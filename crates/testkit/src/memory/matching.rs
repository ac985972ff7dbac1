//! Which actions a query asks for, and in which order.

use std::cmp::Ordering;

use action_scheduler::query::{ArgsMatch, Claimed, Cursor, CursorKey, Order};
use action_scheduler::{Action, Args, Query};
use serde_json::Value;

/// Whether every key of the query but `ids` holds for the action. Its limit, offset and cursor do not count.
pub(super) fn matches(query: &Query, action: &Action) -> bool {
    let text = |text: &String| is_found(text, action);
    query.hook.as_ref().is_none_or(|hook| *hook == action.hook)
        && query.args.as_ref().is_none_or(|args| args_match(args, &action.args))
        && query.group.as_ref().is_none_or(|group| *group == action.group)
        && (query.statuses.is_empty() || query.statuses.contains(&action.status))
        && query.scheduled.iter().all(|(compares, date)| compares.holds(&action.scheduled_at, date))
        && query.modified.iter().all(|(compares, date)| compares.holds(&action.modified_at(), date))
        && query.claimed.is_none_or(|claimed| match claimed {
            Claimed::Any => action.claim.is_some(),
            Claimed::None => action.claim.is_none(),
            Claimed::By(claim) => action.claim == Some(claim),
        })
        && query.chain.is_none_or(|chain| action.chain == Some(chain))
        && query.search.as_ref().is_none_or(text)
}

/// Whether the text is in the hook or the args, whatever the case of its ASCII letters, or is the id or the claim id.
fn is_found(text: &str, action: &Action) -> bool {
    let within = |whole: &str| whole.to_ascii_lowercase().contains(&text.to_ascii_lowercase());
    within(action.hook.as_str())
        || within(action.args.as_str())
        || action.id.to_string() == text
        || action.claim.is_some_and(|claim| claim.to_string() == text)
}

/// Whether the text searched for is the action's id, or that of the claim that holds it.
pub(super) fn is_named(query: &Query, action: &Action) -> bool {
    query.search.as_ref().is_some_and(|text| {
        action.id.to_string() == *text
            || !action.status.is_finished()
                && action.claim.is_some_and(|claim| claim.to_string() == *text)
    })
}

fn args_match(wanted: &ArgsMatch, args: &Args) -> bool {
    match wanted {
        ArgsMatch::Exact(exact) => exact == args,
        ArgsMatch::ContainsText(text) => args.as_str().contains(text.as_str()),
        ArgsMatch::ContainsJson(part) => match (json(part), json(args)) {
            (Some(Value::Object(part)), Some(Value::Object(whole))) => {
                part.iter().all(|(key, value)| whole.get(key) == Some(value))
            }
            (Some(Value::Array(part)), Some(Value::Array(whole))) => {
                part.iter().enumerate().all(|(place, value)| whole.get(place) == Some(value))
            }
            _ => false,
        },
    }
}

fn json(args: &Args) -> Option<Value> {
    serde_json::from_str(args.as_str()).ok()
}

/// How two places of one order compare: by key, then by id, both turned around when the largest come first.
pub(super) fn compare(order: Order, left: &Cursor, right: &Cursor) -> Ordering {
    let by_key = match (&left.key, &right.key) {
        (CursorKey::Time(left), CursorKey::Time(right)) => left.cmp(right),
        (CursorKey::Text(left), CursorKey::Text(right)) => left.cmp(right),
        (CursorKey::Number(left), CursorKey::Number(right)) => left.cmp(right),
        (CursorKey::Unset, CursorKey::Time(_) | CursorKey::Number(_)) => Ordering::Less,
        (CursorKey::Time(_) | CursorKey::Number(_), CursorKey::Unset) => Ordering::Greater,
        _ => Ordering::Equal,
    };
    let ascending = by_key.then(left.id.cmp(&right.id));
    match order {
        Order::Ascending => ascending,
        Order::Descending => ascending.reverse(),
    }
}
