//! Many ids as parameters of one statement.

use std::fmt::Write as _;

use rusqlite::types::{ToSql, ToSqlOutput, Value};

use crate::action::ActionId;

/// Numbers as a parameter for `json_each(…)`.
pub(super) fn json_array(numbers: impl IntoIterator<Item = i64>) -> String {
    let mut list = String::from("[");
    for number in numbers {
        let separator = if list.len() == 1 { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(list, "{separator}{number}");
    }
    list.push(']');
    list
}

/// An id, and its place in the list that the caller gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    pub id: i64,
    pub place: usize,
}

/// The ids of a list by what they have in common, in the order of its first appearance; those of a group in order.
pub(super) fn grouped<'a, T: 'a, K: PartialEq>(
    list: impl IntoIterator<Item = (usize, &'a T)>,
    key: impl Fn(&T) -> (K, ActionId),
) -> Vec<(K, Vec<Member>)> {
    let mut groups: Vec<(K, Vec<Member>)> = Vec::new();
    for (place, item) in list {
        let (key, id) = key(item);
        let member = Member { id: id.get(), place };
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, members)) => members.push(member),
            None => groups.push((key, vec![member])),
        }
    }
    for (_, members) in &mut groups {
        members.sort_unstable_by_key(|member| member.id);
    }
    groups
}

/// Rows of actions that one statement can name: all between two ids, or those in a list. What was stored together is
/// claimed together more often than not, and a walk along the table costs a fraction of a seek for each row.
#[derive(Debug)]
pub(super) struct Ids<'a> {
    pub members: &'a [Member],
    /// Without it the members are all the ids between the first and the last.
    list: Option<String>,
}

impl<'a> Ids<'a> {
    /// Members, sorted by id, in as few statements as is cheap.
    pub(super) fn of(members: &'a [Member]) -> Vec<Self> {
        let runs = members.chunk_by(|one, next| one.id + 1 == next.id);
        if runs.clone().count() * 8 <= members.len() + 7 {
            return runs.map(|members| Self { members, list: None }).collect();
        }
        let list = json_array(members.iter().map(|member| member.id));
        vec![Self { members, list: Some(list) }]
    }

    /// The condition on `id`; it takes the first two parameters, which [`Ids::bounds`] gives.
    pub(super) fn condition(&self) -> &'static str {
        match self.list {
            None => "id BETWEEN ?1 AND ?2",
            Some(_) => "id IN (SELECT value FROM json_each(?1)) AND ?2 IS NULL",
        }
    }

    /// `FROM …` with a row and its `id` for each, whatever else is true of it; takes the same parameters.
    pub(super) fn source(&self) -> &'static str {
        match self.list {
            None => "FROM actions WHERE id BETWEEN ?1 AND ?2",
            Some(_) => "FROM (SELECT value AS id FROM json_each(?1)) WHERE ?2 IS NULL",
        }
    }

    /// The parameters of the condition.
    pub(super) fn bounds(&self) -> (Bound<'_>, Bound<'_>) {
        let id = |member: Option<&Member>| Bound::Id(member.map(|member| member.id));
        match &self.list {
            None => (id(self.members.first()), id(self.members.last())),
            Some(list) => (Bound::List(list), Bound::Id(None)),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
}

/// A parameter of the condition on `id`.
pub(super) enum Bound<'a> {
    Id(Option<i64>),
    List(&'a str),
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Bound::Id(id) => Ok(ToSqlOutput::Owned(id.map_or(Value::Null, Value::Integer))),
            Bound::List(list) => list.to_sql(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(ids: &[i64]) -> Vec<Member> {
        ids.iter().enumerate().map(|(place, id)| Member { id: *id, place }).collect()
    }

    fn spans(ids: &[i64]) -> Vec<(usize, bool)> {
        let members = members(ids);
        Ids::of(&members).iter().map(|ids| (ids.len(), ids.list.is_some())).collect()
    }

    #[test]
    fn neighbours_are_one_span() {
        assert_eq!(spans(&[4, 5, 6]), [(3, false)]);
        assert_eq!(spans(&[7]), [(1, false)]);
    }

    #[test]
    fn a_few_gaps_make_a_few_spans() {
        let ids: Vec<i64> = (0..20).chain(30..50).collect();
        assert_eq!(spans(&ids), [(20, false), (20, false)]);
    }

    #[test]
    fn scattered_ids_are_a_list_and_so_are_doubles() {
        assert_eq!(spans(&[1, 3, 5, 7]), [(4, true)]);
        assert_eq!(spans(&[1, 1]), [(2, true)]);
    }

    #[test]
    fn a_list_of_none_is_a_list() {
        assert_eq!(json_array([]), "[]");
        assert_eq!(json_array([1, 2]), "[1,2]");
    }
}
