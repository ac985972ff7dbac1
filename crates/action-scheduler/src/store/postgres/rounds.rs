//! Lists that may name one thing more than once, cut into rounds that do not: each round is one set-based step, and the
//! rounds follow each other within one transaction.

use std::collections::HashMap;

/// An item and its place in the list.
pub(super) type Placed<'a, T> = (usize, &'a T);

/// Cuts a list into rounds, each in the order of the list. Items that have a key in common keep their order, one after the
/// other.
pub(super) fn rounds<T, const N: usize>(
    list: &[T],
    keys: impl Fn(&T) -> [Option<i64>; N],
) -> Vec<Vec<Placed<'_, T>>> {
    let mut rounds: Vec<Vec<Placed<'_, T>>> = Vec::new();
    // The first round that is still free for a key, by which of the keys it is.
    let mut free: HashMap<(usize, i64), usize> = HashMap::with_capacity(list.len());
    for (place, item) in list.iter().enumerate() {
        let keys = keys(item);
        let named = || keys.iter().enumerate().filter_map(|(which, key)| Some((which, (*key)?)));
        let round = named().filter_map(|key| free.get(&key).copied()).max().unwrap_or(0);
        for key in named() {
            free.insert(key, round + 1);
        }
        while rounds.len() <= round {
            rounds.push(Vec::new());
        }
        if let Some(round) = rounds.get_mut(round) {
            round.push((place, item));
        }
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::rounds;

    #[test]
    fn what_is_named_twice_comes_in_the_next_round() {
        let list = [(1, None), (2, Some(7)), (1, None), (3, Some(7)), (1, Some(8)), (4, None)];
        let rounds = rounds(&list, |(id, chain)| [Some(*id), *chain]);
        let places: Vec<Vec<usize>> =
            rounds.iter().map(|round| round.iter().map(|(place, _)| *place).collect()).collect();
        assert_eq!(places, [vec![0, 1, 5], vec![2, 3], vec![4]]);
    }
}
