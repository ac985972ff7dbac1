//! Moving what is to run: pending actions, and chains that stand still.

use std::collections::HashMap;

use super::{Phase, Run};
use crate::action::{ActionId, ChainId, ClaimId, Status};
use crate::error::Result;
use crate::log::{NewLogEntry, Step};
use crate::query::{Claimed, Query};
use crate::store::{
    Admission, ChainChange, ChainRecord, ChainState, Change, ClaimRequest, Claiming, Export,
    ImportBatch, ImportState, Imported, Pick, Subject, Target, Unreadable,
};

impl Run<'_> {
    /// Moves what is pending, a page at a time.
    pub(super) async fn move_pending(&mut self) -> Result<()> {
        let total = self.source().count(Query::new().status(Status::Pending)).await?;
        let mut done = 0;
        let mut next = self.pages(&[Status::Pending]);
        while let Some(export) = next.filter(|_| !self.shutdown.is_stopping()) {
            let page = self.source().export(export).await?;
            let ids: Vec<ActionId> = page.actions.iter().map(|record| record.action.id).collect();
            done += ids.len() as u64;
            next = page.next;
            self.stuck += page.unreadable.iter().filter(|row| is_action(row)).count() as u64;
            self.move_page(ids).await?;
            self.tell(Phase::Pending, done, total);
        }
        Ok(())
    }

    /// Sets actions aside, and moves those that could be.
    async fn move_page(&mut self, ids: Vec<ActionId>) -> Result<()> {
        let request = ClaimRequest {
            runner: self.liveness.id(),
            limit: u32::try_from(ids.len()).unwrap_or(u32::MAX),
            pick: Pick::Ids(ids),
            open_claims: None,
        };
        let claim = match self.source().claim(request).await? {
            Claiming::Claimed(claim) => claim,
            // Runners of the source have them all.
            Claiming::Nothing | Claiming::Full => return Ok(()),
        };
        let ids = claim.actions.iter().map(|action| action.id).collect();
        let moved = self.move_claimed(claim.id, ids).await;
        // What could not be moved goes back to the queue of the source.
        let released = self.source().release(vec![claim.id], self.mover.context()).await;
        moved?;
        released?;
        Ok(())
    }

    /// The steps from the source to the target. Each is one atomic step of one store; whatever ends the mover between
    /// two of them, [`Run::mend`] finds what the journal says is held.
    async fn move_claimed(&mut self, claim: ClaimId, ids: Vec<ActionId>) -> Result<()> {
        // As they are now that nobody but a person can change them.
        let mut exported = self.source().export(Export::Ids(ids)).await?;
        exported.actions.retain(|record| {
            record.action.status == Status::Pending && record.action.claim == Some(claim)
        });
        if exported.actions.is_empty() {
            return Ok(());
        }
        // An earlier run may have held the instance before, which the source has run since: its chain would wait for it.
        self.mend().await?;
        let batch = ImportBatch {
            actions: exported.actions,
            chains: exported.chains,
            new_ids_above: self.ids_above,
        };
        let imports = self.target().import(&self.mover.origin, batch).await?;
        // What has a life of its own in the target already is left where it is; the comparison names it.
        let is_held = |row: &&Imported<ActionId>| row.state == ImportState::Held;
        self.stuck += imports.actions.iter().filter(|row| !is_held(row)).count() as u64;
        let held: HashMap<ActionId, Imported<ActionId>> = imports
            .actions
            .into_iter()
            .filter(|row| is_held(&row))
            .map(|row| (row.source, row))
            .collect();
        // Only what the claim still holds: the source may have taken the mover for dead, and started it.
        let still_held = Query::new()
            .ids(held.keys().copied())
            .status(Status::Pending)
            .claimed(Claimed::By(claim))
            .unlimited();
        let target = Target::Matching(Box::new(still_held));
        let reason = Some(self.mover.reason());
        let canceled = self.source().cancel(target, reason, self.mover.context()).await?;
        let actions: Vec<ActionId> = canceled
            .into_iter()
            .filter_map(|change| match change {
                Change::Done(id) => Some(id),
                Change::Missing(_) | Change::Refused(..) => None,
            })
            .collect();
        self.admit(actions.clone()).await?;
        let renamed = actions.iter().filter_map(|id| held.get(id));
        self.note_new_ids(renamed.filter(|row| row.source != row.target)).await
    }

    /// Lets the target have actions that the source has let go of.
    pub(super) async fn admit(&mut self, actions: Vec<ActionId>) -> Result<()> {
        if actions.is_empty() {
            return Ok(());
        }
        let admission = Admission { actions, chains: Vec::new() };
        let mover = self.mover;
        let admitted = self.target().admit(&mover.origin, admission, mover.context()).await?;
        let rows = admitted.actions.iter();
        self.report.moved += rows.filter(|row| row.state == ImportState::Admitted).count() as u64;
        Ok(())
    }

    /// Says in the log of the source which ids actions have now.
    async fn note_new_ids(&self, renamed: impl Iterator<Item = &Imported<ActionId>>) -> Result<()> {
        let entry = |row: &Imported<ActionId>| {
            (row.source, NewLogEntry::new(Step::Note, format!("it is action {} there", row.target)))
        };
        let entries: Vec<_> = renamed.map(entry).collect();
        if entries.is_empty() {
            return Ok(());
        }
        self.source().append_log(entries, self.mover.context()).await
    }

    /// Moves the chains that have no head to go with: those that are paused, for the most part.
    pub(super) async fn move_standing_chains(&mut self) -> Result<()> {
        let mut next = Some(Export::Chains { after: None, limit: self.mover.options.page });
        while let Some(export) = next.filter(|_| !self.shutdown.is_stopping()) {
            let page = self.source().export(export).await?;
            next = page.next;
            let standing: Vec<ChainRecord> = page.chains.into_iter().filter(stands_still).collect();
            if standing.is_empty() {
                continue;
            }
            let chains: Vec<ChainId> = standing.iter().map(|record| record.chain.id).collect();
            let batch = ImportBatch { chains: standing, ..self.empty_batch() };
            // Paused in both for a moment, which runs nothing; a crash in that moment leaves it to be ended later.
            self.target().import(&self.mover.origin, batch).await?;
            let admission = Admission { chains: chains.clone(), actions: Vec::new() };
            self.target().admit(&self.mover.origin, admission, self.mover.context()).await?;
            for chain in chains {
                self.source().change_chain(chain, ChainChange::End, self.mover.context()).await?;
            }
        }
        Ok(())
    }

    pub(super) fn empty_batch(&self) -> ImportBatch {
        ImportBatch { new_ids_above: self.ids_above, ..ImportBatch::default() }
    }
}

/// Whether a chain has not ended, and yet has no instance that goes on with it.
pub(super) fn stands_still(record: &ChainRecord) -> bool {
    record.chain.state != ChainState::Ended && record.head_status.is_none_or(Status::is_finished)
}

pub(super) fn is_action(row: &Unreadable) -> bool {
    matches!(row.what, Subject::Action(_))
}
