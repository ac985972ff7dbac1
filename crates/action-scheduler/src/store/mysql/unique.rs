//! Whether an action is refused because one like it is pending or in-progress.
//!
//! Those who ask take turns: each locks a row that stands for what must be unique, and holds it until the insert is
//! committed. There are so many rows and no more, so that they need not be cleaned.

use std::collections::{BTreeSet, HashSet};

use super::error::Outcome;
use super::php::stored_args::StoredArgs;
use super::row::Columns;
use super::sql::{Rows, Text};
use super::tables::Tables;
use super::transaction::Write;
use crate::action::{NewAction, Unique};
use crate::store::native::args::text_hash;

/// How many rows stand for what must be unique.
const TURNS: u64 = 997;

/// The row that claims lock: they are made one after the other.
pub(super) const CLAIMS_TURN: u64 = 1000;

/// The row that imports lock: there is one at a time.
pub(super) const IMPORTS_TURN: u64 = 1001;

/// How many questions are asked in one statement.
const CHUNK: usize = 50;

/// What live actions must not share with a new one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Claimed {
    Args(String, String, String),
    Hook(String, String),
    Key(String),
}

/// Says for each action whether it may be stored. Earlier ones of the same call count.
pub(super) async fn admit(
    write: &mut Write<'_>,
    actions: &[(&NewAction, StoredArgs)],
) -> Outcome<Vec<bool>> {
    if actions.iter().all(|(action, _)| action.unique == Unique::No) {
        return Ok(vec![true; actions.len()]);
    }
    take_turns(write, actions.iter().map(|(action, _)| *action)).await?;
    let mut taken = HashSet::new();
    let asking: Vec<_> = (0..)
        .zip(actions)
        .filter(|(_, (action, _))| action.unique != Unique::No)
        .collect::<Vec<(usize, _)>>();
    for chunk in asking.chunks(CHUNK) {
        let questions: Vec<String> = chunk
            .iter()
            .map(|(place, (action, args))| question(write.tables(), *place, action, args))
            .collect();
        for row in write.rows(&questions.join(" UNION ALL ")).await? {
            taken.insert(row.number::<usize>(0)?);
        }
    }
    // What the actions before in this call have taken.
    let mut stored = HashSet::new();
    let mut admitted = Vec::with_capacity(actions.len());
    for (place, (action, args)) in actions.iter().enumerate() {
        let [by_args, by_hook] = claims(action, args);
        let is_taken = match &action.unique {
            Unique::No => false,
            Unique::Args => stored.contains(&by_args),
            Unique::Hook => stored.contains(&by_hook),
            Unique::Key(key) => stored.contains(&Claimed::Key(key.clone())),
        };
        let is_admitted = !is_taken && !taken.contains(&place);
        if is_admitted {
            stored.extend([by_args, by_hook]);
            if let Unique::Key(key) = &action.unique {
                stored.insert(Claimed::Key(key.clone()));
            }
        }
        admitted.push(is_admitted);
    }
    Ok(admitted)
}

fn claims(action: &NewAction, args: &StoredArgs) -> [Claimed; 2] {
    let (hook, group) = (action.hook.as_str().to_owned(), action.group.as_str().to_owned());
    let args = args.extended_args.clone().unwrap_or_else(|| args.args.clone());
    [Claimed::Args(hook.clone(), group.clone(), args), Claimed::Hook(hook, group)]
}

/// The row that stands for what must be unique of an action.
pub(super) fn turn(action: &NewAction) -> Option<u64> {
    let hash = match &action.unique {
        Unique::No => return None,
        Unique::Args | Unique::Hook => {
            text_hash(action.hook.as_str()) ^ text_hash(action.group.as_str()).rotate_left(1)
        }
        Unique::Key(key) => text_hash(key),
    };
    Some(hash.cast_unsigned() % TURNS)
}

async fn take_turns(
    write: &mut Write<'_>,
    actions: impl Iterator<Item = &NewAction>,
) -> Outcome<()> {
    // In order, so that two who need several do not wait for each other.
    let turns: BTreeSet<u64> = actions.filter_map(turn).collect();
    let mut rows = Rows::new(format_args!("INSERT INTO {} (turn, taken)", write.tables().turns));
    for turn in turns {
        rows.push(format_args!("{turn}, 1"));
    }
    // Changed and not only locked: of two nodes of a cluster that do so at once, one has to begin again.
    write.run(&rows.end(" ON DUPLICATE KEY UPDATE taken = taken + 1")).await.map(drop)
}

/// Takes one of the turns that have a number of their own, before the next statement that is asked.
pub(super) async fn take_turn(write: &mut Write<'_>, turn: u64) -> Outcome<()> {
    let turns = &write.tables().turns;
    let sql = format!(
        "INSERT INTO {turns} (turn, taken) VALUES ({turn}, 1) ON DUPLICATE KEY UPDATE taken = taken + 1"
    );
    write.later(&sql).await
}

/// A `SELECT` that gives `place` when something stands in the way of the action.
fn question(tables: &Tables, place: usize, action: &NewAction, args: &StoredArgs) -> String {
    let Tables { actions, groups, keys, .. } = tables;
    let live = "a.status IN ('pending','in-progress')";
    let of_hook = format!(
        "{} AND a.group_id IN (SELECT g.group_id FROM {groups} g WHERE {})",
        exactly("a.hook", action.hook.as_str()),
        exactly("g.slug", action.group.as_str())
    );
    let other = match &action.unique {
        // Served by the key on args, or on hook and status, whichever has less to look at.
        Unique::Args => format!("{actions} a WHERE {live} AND {} AND {of_hook}", same_args(args)),
        // Served by the key on hook and status.
        Unique::Hook => format!("{actions} a WHERE {live} AND {of_hook}"),
        // Served by the key on the unique key, then by primary key.
        Unique::Key(key) => format!(
            "{keys} k JOIN {actions} a ON a.action_id = k.action_id WHERE k.unique_key = {} AND {live}",
            Text(key)
        ),
        Unique::No => return String::new(),
    };
    format!("SELECT {place} FROM DUAL WHERE EXISTS (SELECT 1 FROM {other})")
}

/// A condition that a name is this one to the letter; the key on the column serves it, which does not tell case.
pub(super) fn exactly(column: &str, name: &str) -> String {
    let name = Text(name);
    format!("{column} = {name} AND CONVERT({column} USING utf8mb4) = {name} COLLATE utf8mb4_bin")
}

/// A condition that the args of `a` are these.
pub(super) fn same_args(args: &StoredArgs) -> String {
    match &args.extended_args {
        Some(extended) => {
            format!("a.args = {} AND {}", Text(&args.args), exactly("a.extended_args", extended))
        }
        None => format!("{} AND a.extended_args IS NULL", exactly("a.args", &args.args)),
    }
}
