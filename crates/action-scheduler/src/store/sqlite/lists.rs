//! Many ids as one parameter of a statement.

use std::fmt::Write as _;

use crate::action::ActionId;

/// Numbers as a parameter for `json_each(…)`.
pub(super) fn json_array(numbers: &[i64]) -> String {
    let mut list = String::with_capacity(numbers.len() * 8 + 2);
    for number in numbers {
        let separator = if list.is_empty() { '[' } else { ',' };
        // Writing to a String cannot fail.
        let _ = write!(list, "{separator}{number}");
    }
    if list.is_empty() {
        list.push('[');
    }
    list.push(']');
    list
}

/// The ids of a list by what they have in common, in the order of its first appearance.
pub(super) fn grouped<T, K: PartialEq>(
    list: &[T],
    key: impl Fn(&T) -> (K, ActionId),
) -> Vec<(K, Vec<i64>)> {
    let mut groups: Vec<(K, Vec<i64>)> = Vec::new();
    for (key, id) in list.iter().map(key) {
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, ids)) => ids.push(id.get()),
            None => groups.push((key, vec![id.get()])),
        }
    }
    groups
}
