//! The conformance suite: what a store is, as tests. A store is right when all of them pass.
//!
//! A store's test binary names its store once and gets every behaviour as a test of its own:
//!
//! ```no_run
//! use action_scheduler::time::Clock;
//! use testkit::{MemoryStore, StoreUnderTest};
//!
//! async fn make_store(clock: Clock) -> StoreUnderTest {
//!     StoreUnderTest::new(MemoryStore::new(clock))
//! }
//!
//! testkit::conformance_suite!(make_store);
//! # fn main() {}
//! ```
//!
//! Call it from an integration test (`tests/`), not from a unit test: there the crate under test would be compiled
//! twice, and its types would not be the ones that this crate knows.

pub mod admit;
pub mod attempts;
pub mod cancel_delete;
pub mod chains;
pub mod claim;
pub mod clean;
pub mod export;
pub mod figures;
pub mod import;
pub mod insert;
mod limits;
pub mod log;
pub mod once;
mod origin;
pub mod query;
pub mod records;
pub mod recovery;
pub mod requeue;
mod scene;
pub mod start_finish;
pub mod stats;
pub mod tally;
pub mod unique;
pub mod within;

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use action_scheduler::Store;
use action_scheduler::time::Clock;
use jiff::Timestamp;

pub use self::limits::{ArgsKept, DatesKept, Limits};

/// Where the clock of each test stands when it begins: 2026-01-15, noon.
pub const NOON: &str = "2026-01-15T12:00:00Z";

/// A fresh, empty store, with what must live as long as it does: a temporary folder, a server.
#[derive(Clone)]
pub struct StoreUnderTest {
    store: Arc<dyn Store>,
    limits: Limits,
    _guard: Arc<dyn Any + Send + Sync>,
}

impl StoreUnderTest {
    /// A store that needs nothing but itself.
    pub fn new(store: impl Store) -> Self {
        Self::with_guard(store, ())
    }

    /// A store that needs `guard` to be kept. The store is dropped first.
    pub fn with_guard(store: impl Store, guard: impl Any + Send + Sync) -> Self {
        Self { store: Arc::new(store), limits: Limits::NONE, _guard: Arc::new(guard) }
    }

    /// The same store, which can hold no more than this.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// What it can hold.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The store, to be shared with tasks.
    pub fn share(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }
}

impl Deref for StoreUnderTest {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

impl fmt::Debug for StoreUnderTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreUnderTest").field("clock", self.store.clock()).finish_non_exhaustive()
    }
}

/// Runs one test on a store of its own whose clock stands still at [`NOON`]; one that hangs fails after two minutes.
pub fn run<M, T>(make_store: M, test: T)
where
    M: AsyncFnOnce(Clock) -> StoreUnderTest,
    T: AsyncFnOnce(StoreUnderTest),
{
    let clock = Clock::manual(NOON.parse::<Timestamp>().expect("a date"));
    block_on(async {
        let store = make_store(clock).await;
        test(store).await;
    });
}

/// Runs a future on threads of its own.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    const LONGEST: Duration = Duration::from_secs(120);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("threads for the test");
    runtime.block_on(async {
        tokio::time::timeout(LONGEST, future).await.expect("the test to end within two minutes")
    })
}

/// Makes each behaviour of the suite a `#[test]` that runs on the store which `$make_store` gives.
///
/// `$make_store` is an `async fn(Clock) -> StoreUnderTest` or an async closure like it. It is called once for each test,
/// and the store must be fresh, empty, and take its time from that clock.
#[macro_export]
macro_rules! conformance_suite {
    ($make_store:expr) => {
        $crate::conformance_topic!($make_store, insert:
            an_action_is_kept_as_it_was_given,
            an_async_action_is_due_when_it_is_stored,
            a_recurring_action_begins_a_chain,
            ids_rise_in_the_order_of_creation,
            an_id_is_never_used_again,
            creation_is_logged_only_where_asked_for,
            storing_nothing_is_no_error,
            any_text_is_kept_to_the_letter,
            names_that_look_alike_are_different,
            the_longest_names_and_args_are_kept_whole,
            args_keep_their_spelling,
            dates_keep_their_microseconds,
            dates_long_ago_and_far_ahead_are_kept,
            storing_an_action_wakes_who_waits,
            a_call_takes_as_many_actions_as_there_are,
            statements_for_others_store_nothing_themselves,
        );
        $crate::conformance_topic!($make_store, unique:
            the_same_hook_group_and_args_are_refused,
            any_action_stands_in_the_way_of_a_unique_one,
            every_one_of_several_stands_in_the_way,
            a_hook_can_be_unique_whatever_its_args,
            a_key_is_unique_whatever_the_action,
            the_border_between_hook_group_and_args_counts,
            only_what_is_pending_or_in_progress_stands_in_the_way,
            an_action_to_be_retried_stands_in_the_way,
            earlier_actions_of_the_same_call_count,
            a_refused_recurring_action_leaves_nothing_behind,
            of_many_that_come_at_once_one_is_stored,
            of_many_recurring_ones_that_come_at_once_one_is_stored,
            next_instances_carry_the_key,
            the_next_instance_is_never_refused,
            a_chain_can_be_resumed_though_its_key_was_taken,
            what_comes_back_into_the_queue_is_never_refused,
        );
        $crate::conformance_topic!($make_store, claim:
            what_is_due_is_claimed_once,
            nothing_due_is_nothing_claimed,
            a_claim_tells_all_that_is_needed_to_run_it,
            the_order_is_priority_attempts_date_id,
            a_batch_takes_the_first_so_many,
            filters_narrow_what_is_claimed,
            patterns_of_hooks_are_passed_over,
            actions_can_be_claimed_by_id_before_their_date,
            open_claims_are_capped_over_all_runners,
            a_claim_is_closed_when_it_holds_nothing_more,
            no_action_is_given_to_two_that_claim_at_once,
            the_cap_holds_for_many_that_claim_at_once,
            of_many_that_ask_for_one_action_one_gets_it,
            a_runner_that_is_not_known_gets_nothing,
            what_is_released_goes_back_to_the_queue,
            the_next_due_date_is_that_of_the_first_free_action,
            a_clock_that_goes_backwards_loses_nothing,
            what_comes_back_does_not_wait_for_a_clock_that_was_set_back,
            the_date_owed_to_a_chain_is_told,
            a_claim_id_is_never_used_again,
        );
        $crate::conformance_topic!($make_store, attempts:
            what_is_in_progress_is_told,
            what_is_not_in_progress_is_not_told,
            what_was_timed_out_is_told_by_its_id,
        );
        $crate::conformance_topic!($make_store, start_finish:
            a_start_counts_the_attempt,
            a_quiet_start_is_not_logged,
            a_start_that_is_not_its_own_is_ignored,
            of_two_starts_the_claim_that_holds_it_counts,
            a_start_after_release_is_ignored,
            each_outcome_leaves_the_action_as_it_says,
            a_retry_is_due_at_its_date,
            an_attempt_that_called_no_handler_is_not_counted,
            an_action_that_is_to_be_retried_wakes_who_waits,
            many_reports_are_answered_in_order,
            a_report_made_twice_in_one_call_is_recorded_once,
            a_late_result_changes_nothing_but_the_log,
            a_result_is_fenced_by_claim_and_attempt,
            a_result_of_what_was_not_started_is_superseded,
            a_result_of_a_deleted_action_is_superseded,
            a_second_result_is_superseded,
            a_result_after_cancel_is_superseded,
            a_success_after_the_timeout_counts,
            a_retry_after_the_timeout_counts,
            only_success_and_retry_follow_a_timeout,
            a_rerun_ends_the_wait_for_a_timed_out_handler,
            a_new_attempt_has_no_end_yet,
            of_many_reports_at_once_one_is_recorded,
        );
        $crate::conformance_topic!($make_store, chains:
            the_end_of_an_instance_brings_the_next,
            a_quiet_end_brings_a_quiet_instance,
            a_second_report_brings_no_second_instance,
            an_attempt_that_is_not_the_last_brings_no_instance,
            a_chain_without_a_next_date_ends,
            without_succession_the_chain_is_left_alone,
            a_succession_of_another_chain_does_nothing,
            failures_in_a_row_are_counted,
            too_many_failures_pause_the_chain,
            without_a_threshold_a_chain_goes_on_failing,
            a_success_after_the_timeout_brings_no_second_instance,
            a_retry_after_the_timeout_does_not_continue_the_chain,
            a_rerun_instance_does_not_continue_the_chain,
            a_rerun_of_a_paused_chain_leaves_it_paused,
            an_instance_canceled_while_it_runs_is_not_succeeded,
            canceling_the_pending_instance_ends_the_chain,
            deleting_the_pending_instance_ends_the_chain,
            pausing_cancels_the_pending_instance,
            an_instance_paused_while_it_runs_is_the_last,
            a_chain_can_be_ended_whether_active_or_paused,
            an_instance_whose_chain_ends_while_it_runs_is_the_last,
            a_chain_resumed_under_way_does_not_double,
            a_chain_is_resumed_once,
            changes_that_the_state_does_not_allow_are_refused,
            a_rescheduled_chain_goes_on_by_its_new_schedule,
            an_instance_under_way_is_not_followed_by_the_old_schedule,
            a_paused_chain_can_be_rescheduled_and_stays_paused,
            an_ended_chain_is_not_rescheduled,
            the_latest_instances_of_chains_are_given_in_order,
            many_chains_go_on_in_one_call,
            a_next_instance_wakes_who_waits,
            chains_are_found_by_each_key,
        );
        $crate::conformance_topic!($make_store, recovery:
            a_runner_is_known_by_what_it_said,
            a_beat_is_counted,
            an_unknown_runner_has_no_heartbeat,
            what_a_runner_holds_can_be_seen,
            what_a_dead_runner_had_not_started_goes_back_at_once,
            a_runner_that_beat_since_is_left_alone,
            many_long_actions_of_the_living_hide_nothing_that_is_stuck,
            an_unknown_runner_is_not_recovered_from,
            stranded_actions_are_given_out_until_they_are_recorded,
            a_runner_taken_for_dead_reports_in_vain,
            a_result_that_comes_before_the_crash_is_recorded_counts,
            two_that_recover_at_once_record_each_crash_once,
            a_runner_that_stops_gives_back_what_it_has_not_started,
            what_is_in_progress_for_nobody_is_found,
            cleaning_leaves_what_is_stranded_to_be_found,
        );
        $crate::conformance_topic!($make_store, cancel_delete:
            what_is_not_finished_can_be_canceled,
            a_cancellation_needs_no_reason,
            what_is_canceled_is_not_run,
            cancel_by_query_passes_over_what_is_finished,
            what_is_not_in_progress_can_be_deleted,
            delete_by_query_passes_over_what_is_in_progress,
            an_action_is_canceled_once,
            empty_targets_do_nothing,
        );
        $crate::conformance_topic!($make_store, requeue:
            what_is_finished_can_be_run_again,
            what_was_canceled_can_be_run_after_all,
            a_pending_action_can_be_run_now,
            a_pending_action_can_be_given_another_date,
            what_the_status_does_not_allow_is_refused,
            what_a_query_asks_for_is_requeued,
            what_is_requeued_wakes_who_waits,
            a_new_date_is_not_owed,
        );
        $crate::conformance_topic!($make_store, query:
            actions_are_found_by_id,
            actions_are_found_by_hook_and_group,
            actions_are_found_by_status,
            actions_are_found_by_scheduled_date,
            actions_are_found_by_their_latest_change,
            past_due_is_pending_and_due,
            actions_are_found_by_claim,
            actions_are_found_by_chain,
            all_keys_must_hold,
            search_finds_text_in_hook_and_args,
            search_finds_an_id,
            args_match_exactly,
            args_contain_text,
            args_contain_json,
            every_order_both_ways,
            limit_and_offset_cut_a_part_out,
            pages_together_are_the_whole_list,
            a_cursor_is_a_place_and_not_an_action,
            a_cursor_of_another_order_is_refused,
            an_action_tells_how_long_its_log_is,
            fetch_keeps_the_order_asked_for,
            each_hook_is_named_once,
            each_group_is_named_once,
        );
        $crate::conformance_topic!($make_store, within:
            by_date_the_first_are_looked_at,
            in_other_orders_the_newest_are_looked_at,
            what_an_index_finds_is_looked_at,
            the_rest_is_looked_for_within,
            a_search_goes_on_after_its_window,
            a_number_finds_its_action_however_far,
            changes_keep_to_the_window,
        );
        $crate::conformance_topic!($make_store, tally:
            actions_are_counted_by_hook_and_group,
            a_name_without_actions_is_not_counted,
            open_claims_say_what_they_hold,
        );
        $crate::conformance_topic!($make_store, log:
            every_step_is_in_the_log,
            logs_come_by_action_and_place,
            entries_of_one_call_keep_their_order,
            an_entry_keeps_the_time_it_was_given,
            a_note_belongs_to_the_attempt_in_progress,
            any_step_and_text_is_kept,
            a_long_message_is_kept_whole,
            entries_written_at_once_all_have_a_place,
            changes_of_a_chain_are_in_the_log,
        );
        $crate::conformance_topic!($make_store, clean:
            what_is_old_enough_is_deleted_with_its_log,
            what_changed_at_the_date_is_kept,
            what_has_not_ended_is_never_cleaned,
            hooks_narrow_what_is_cleaned,
            batches_go_on_where_the_last_one_came_to,
            a_dry_run_deletes_nothing,
            cleaning_old_instances_leaves_the_chain_going,
            an_ended_chain_without_instances_is_an_orphan,
        );
        $crate::conformance_topic!($make_store, stats:
            an_empty_store_counts_nothing,
            the_figures_hold_after_every_step,
            what_was_refused_is_not_counted,
            claims_and_runners_are_counted,
            past_due_follows_the_clock,
        );
        $crate::conformance_topic!($make_store, export:
            a_store_is_told_from_all_others,
            an_export_has_the_log_the_key_and_the_chain,
            an_export_tells_the_date_that_a_chain_owes,
            pages_of_an_export_are_the_whole_of_it,
            what_does_not_exist_is_not_exported,
        );
        $crate::conformance_topic!($make_store, import:
            finished_actions_are_copied_as_they_were,
            an_id_that_is_taken_becomes_a_new_one,
            ids_given_out_later_never_collide,
            ids_given_out_later_are_above_those_of_the_origin,
            importing_again_stores_nothing_twice,
            what_is_held_becomes_what_is_given,
            a_copied_action_that_runs_again_here_is_left_alone,
            a_copied_action_that_was_deleted_stays_deleted,
            an_action_in_progress_is_refused_with_its_batch,
            an_ended_chain_is_copied,
            an_instance_of_no_chain_becomes_a_single_action,
            the_journal_is_read_in_pages,
            many_are_taken_in_at_once,
        );
        $crate::conformance_topic!($make_store, admit:
            a_pending_action_is_held_and_left_alone,
            an_admitted_action_is_pending_as_it_was,
            admitting_wakes_who_waits,
            what_is_admitted_twice_is_admitted_once,
            unique_rules_refuse_no_import_and_count_from_then_on,
            an_active_chain_is_admitted_with_its_head,
            the_date_that_a_chain_owes_comes_with_it,
            a_paused_chain_is_admitted_by_itself,
            a_held_chain_can_be_neither_changed_nor_cleaned,
            the_journal_is_forgotten_but_for_what_is_held,
            what_is_claimed_elsewhere_comes_without_its_claim,
            a_held_chain_waits_for_its_held_head,
        );
        $crate::conformance_topic!($make_store, figures:
            figures_are_kept_as_they_were_given,
            figures_add_up,
            a_span_of_figures_can_be_asked_for,
            figures_added_at_once_are_all_counted,
            old_figures_go,
        );
        $crate::conformance_topic!($make_store, once:
            the_same_request_stores_its_actions_once,
            a_key_belongs_to_one_request,
            a_request_that_stores_nothing_is_known,
            a_receipt_counts_until_its_date,
            a_key_that_cannot_be_kept_is_refused,
            storing_once_wakes_who_waits,
            of_many_requests_at_once_one_stores,
        );
        $crate::conformance_topic!($make_store, records:
            a_record_is_kept_as_it_was_given,
            a_put_replaces_the_record_and_counts,
            a_put_holds_to_what_it_expects,
            records_are_listed_by_key,
            an_expired_record_is_as_good_as_none,
            a_record_is_deleted_once,
            a_record_that_cannot_be_kept_is_refused,
            of_many_puts_on_one_version_one_is_done,
            puts_at_once_are_all_counted,
            of_many_that_delete_a_record_one_is_told,
            a_store_that_works_answers,
        );
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_topic {
    ($make_store:expr, $topic:ident: $($name:ident,)+) => {
        mod $topic {
            #[allow(unused_imports)]
            use super::*;

            $(
                #[test]
                fn $name() {
                    $crate::conformance::run($make_store, $crate::conformance::$topic::$name);
                }
            )+
        }
    };
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_behaviour_is_in_the_suite() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/conformance");
        let list = fs::read_to_string(folder.join("mod.rs")).unwrap();
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            let topic = path.file_stem().unwrap().to_str().unwrap();
            let begin = format!("conformance_topic!($make_store, {topic}:");
            let listed = list.split_once(&begin).map_or("", |(_, after)| after);
            let listed = listed.split_once(");").map_or("", |(names, _)| names);
            let listed: Vec<&str> = listed.split(',').map(str::trim).collect();
            for line in fs::read_to_string(&path).unwrap().lines() {
                let Some(name) = line.strip_prefix("pub async fn ") else { continue };
                let name = name.split_once('(').map_or(name, |(name, _)| name);
                assert!(listed.contains(&name), "{topic}::{name} is not in the suite");
            }
        }
    }
}
