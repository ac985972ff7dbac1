//! Taking in what another store exported, a whole batch in a few statements.
//!
//! What is held stands in the plugin's table as a canceled action, and in the table of what is held, by which all steps
//! of ours leave it alone. The plugin runs nothing that is canceled; its cleaner deletes canceled rows whose last attempt
//! is long ago, for which the last attempt of a held row is the last date that the column can have.

mod place;
mod rows;

use std::collections::HashMap;

use self::place::Places;
pub(super) use self::place::raise_ids;
pub(super) use self::rows::{chain_rows, push_chain};
use super::change::delete_rows;
use super::error::Outcome;
use super::journal::{self, CHUNK, Kind};
use super::php::stored_args::StoredArgs;
use super::transaction::Write;
use super::unique::{IMPORTS_TURN, take_turn};
use crate::action::{ActionId, Group, Status};
use crate::error::{Error, Invalid, Result};
use crate::store::{ImportBatch, Imports, Origin};

/// The args of a batch as the plugin keeps them; refuses the batch for what cannot be stored.
pub(super) fn prepare(batch: &ImportBatch) -> Result<Vec<StoredArgs>> {
    let refuse = |id: ActionId, problem: String| {
        Error::from(Invalid::new("import of action", id.to_string(), problem))
    };
    batch
        .actions
        .iter()
        .map(|record| {
            let action = &record.action;
            if action.status == Status::InProgress {
                return Err(refuse(action.id, "it is in-progress".to_owned()));
            }
            StoredArgs::new(&action.args).map_err(|error| refuse(action.id, error.to_string()))
        })
        .collect()
}

/// The groups that a batch names.
pub(super) fn groups(batch: &ImportBatch) -> impl Iterator<Item = &Group> + Send {
    let of_actions = batch.actions.iter().map(|record| &record.action.group);
    of_actions.chain(batch.chains.iter().map(|record| &record.chain.group))
}

/// Takes in a batch; `args` has those of each of its actions, and `groups` the number of each group.
pub(super) async fn import(
    write: &mut Write<'_>,
    origin: &Origin,
    batch: &ImportBatch,
    args: &[StoredArgs],
    groups: &HashMap<Group, u64>,
) -> Outcome<Imports> {
    // One at a time: what is looked up stays true.
    take_turn(write, IMPORTS_TURN).await?;
    let number = journal::add_origin(write, &origin.id).await?;
    let places = Places::find(write, number, batch).await?;
    for chunk in places.replaced.chunks(CHUNK) {
        delete_rows(write, chunk).await?;
    }
    rows::store_actions(write, batch, args, &places, groups).await?;
    rows::store_chains(write, batch, &places).await?;
    journal::put(write, number, Kind::Action, &places.new_action_entries()).await?;
    journal::put(write, number, Kind::Chain, &places.new_chain_entries(batch)).await?;
    places.answer(batch)
}
