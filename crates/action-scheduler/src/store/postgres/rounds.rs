//! Lists that may name one thing more than once, cut into rounds that do not: each round is one set-based step, and the
//! rounds follow each other within one transaction.

use std::collections::HashSet;

/// An item and its place in the list.
pub(super) type Placed<'a, T> = (usize, &'a T);

/// Cuts a list into rounds, in its order: what items bring gets its ids in the order of the list.
pub(super) fn rounds<T, const N: usize>(
    list: &[T],
    keys: impl Fn(&T) -> [Option<i64>; N],
) -> Vec<Vec<Placed<'_, T>>> {
    let mut rounds: Vec<Vec<Placed<'_, T>>> = Vec::new();
    // What the round names, by which of the keys it is.
    let mut named: HashSet<(usize, i64)> = HashSet::with_capacity(list.len());
    for (place, item) in list.iter().enumerate() {
        let keys = keys(item);
        let names = || keys.iter().enumerate().filter_map(|(which, key)| Some((which, (*key)?)));
        let is_named = names().any(|key| named.contains(&key));
        if is_named {
            named.clear();
        }
        named.extend(names());
        match rounds.last_mut() {
            Some(round) if !is_named => round.push((place, item)),
            _ => rounds.push(vec![(place, item)]),
        }
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::rounds;

    #[test]
    fn what_is_named_twice_begins_the_next_round() {
        let list = [(1, None), (2, Some(7)), (1, None), (3, Some(7)), (1, Some(8)), (4, None)];
        let rounds = rounds(&list, |(id, chain)| [Some(*id), *chain]);
        let places: Vec<Vec<usize>> =
            rounds.iter().map(|round| round.iter().map(|(place, _)| *place).collect()).collect();
        assert_eq!(places, [vec![0, 1], vec![2, 3], vec![4, 5]]);
    }
}
