//! Chains, as they are given.

use action_scheduler::store::{Chain, ChainState};
use action_scheduler::{Args, Group, Hook, Schedule};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ScheduleShape, args_schema};
use crate::site::Site;

/// All the instances of one recurring action.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Chain)]
pub(crate) struct ChainShape {
    /// Its id.
    id: i64,
    /// What happens.
    #[schema(value_type = String)]
    hook: Hook,
    #[schema(schema_with = args_schema)]
    args: Args,
    /// The group of its instances; the default group is the empty text.
    #[schema(value_type = String)]
    group: Group,
    /// How urgent they are: 0 first, 255 last.
    priority: u8,
    /// When they run.
    schedule: ScheduleShape,
    /// The key it was scheduled with.
    key: Option<String>,
    /// Whether it goes on.
    #[schema(value_type = ChainStateName)]
    state: ChainState,
    /// Why it is paused.
    reason: Option<String>,
    /// How many instances in a row have failed up to now.
    failures: u32,
    /// The instance that is pending or in-progress, or was the last.
    head: Option<i64>,
    /// When it was stored.
    created_at: Timestamp,
}

/// Whether a chain goes on.
#[derive(ToSchema)]
#[schema(as = ChainState, rename_all = "kebab-case")]
#[expect(dead_code, reason = "it describes action_scheduler::store::ChainState for OpenAPI")]
pub(crate) enum ChainStateName {
    /// It has an instance that is pending or in-progress.
    Active,
    /// It stands still until it is resumed.
    Paused,
    /// It was canceled, or its schedule has no further date.
    Ended,
}

impl ChainShape {
    /// A chain, without what is masked.
    pub(crate) fn new(site: &Site, chain: &Chain) -> Self {
        Self {
            id: chain.id.get(),
            hook: chain.hook.clone(),
            args: site.shown_args(&chain.hook, &chain.args).into_owned(),
            group: chain.group.clone(),
            priority: chain.priority.0,
            schedule: ScheduleShape::from(&Schedule::Recurring(chain.recurring.clone())),
            key: chain.key.clone(),
            state: chain.state,
            reason: chain
                .reason
                .as_ref()
                .map(|reason| site.shown_text(&chain.hook, &chain.args, reason).into_owned()),
            failures: chain.failures,
            head: chain.head.map(|head| head.get()),
            created_at: chain.created_at,
        }
    }
}
