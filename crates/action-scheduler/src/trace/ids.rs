//! The ids of the spans of an action, derived from what is known of it everywhere.

use sha2::{Digest, Sha256};

use super::context::{SpanContext, SpanId, TraceId};
use crate::action::{ActionId, Attempt};
use crate::error::{Invalid, Result};
use crate::store::{Store, StoreId};

/// What the traces of a store's actions are called. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TraceIds {
    /// The beginning of the digest of every trace id of this store.
    store: Sha256,
    /// How many of the traces are sampled.
    share: f64,
}

/// What a span is about. The numbers are part of the ids.
#[derive(Debug, Clone, Copy)]
enum About {
    Stored = 0,
    Attempt = 1,
    Asked = 2,
}

impl TraceIds {
    /// The ids of the store with this identity. All traces are sampled.
    pub fn new(store: &StoreId) -> Self {
        let store = Sha256::new()
            .chain_update(b"action-scheduler trace\0")
            .chain_update(store.as_str())
            .chain_update([0]);
        Self { store, share: 1.0 }
    }

    /// The ids of a store.
    pub async fn of(store: &dyn Store) -> Result<Self> {
        Ok(Self::new(&store.identity().await?))
    }

    /// The same ids, with only this share of the traces sampled, from 0 to 1. Which ones follows from their ids: all
    /// processes with the same share agree on it.
    pub fn sample(self, share: f64) -> Result<Self, Invalid> {
        check_share(share)?;
        Ok(Self { share, ..self })
    }

    /// The first span of an action: that it was stored.
    pub fn stored(&self, action: ActionId) -> SpanContext {
        self.span(action, About::Stored, 0)
    }

    /// The span of an attempt.
    pub fn attempt(&self, action: ActionId, attempt: Attempt) -> SpanContext {
        self.span(action, About::Attempt, attempt.0)
    }

    /// The span, in the trace of a caller, that the caller asked for the action to be stored.
    pub fn asked(&self, action: ActionId, caller: SpanContext) -> SpanContext {
        let own = self.span(action, About::Asked, 0);
        SpanContext { span_id: own.span_id, ..caller }
    }

    fn span(&self, action: ActionId, about: About, number: u32) -> SpanContext {
        let digest = self.store.clone().chain_update(action.get().to_be_bytes()).finalize();
        let trace_id = TraceId::of_digest(&digest.into());
        let digest = Sha256::new()
            .chain_update(trace_id.bytes())
            .chain_update([about as u8])
            .chain_update(number.to_be_bytes())
            .finalize();
        let span_id = SpanId::of_digest(&digest.into());
        SpanContext { trace_id, span_id, sampled: self.is_sampled(trace_id) }
    }

    fn is_sampled(&self, trace_id: TraceId) -> bool {
        // The last 53 bits are as much as a float takes without rounding.
        let [.., a, b, c, d, e, f, g] = trace_id.bytes();
        let place = u64::from_be_bytes([0, a & 0x1f, b, c, d, e, f, g]);
        (place as f64) < self.share * (1_u64 << 53) as f64
    }
}

/// Whether this is a share of a whole.
pub(super) fn check_share(share: f64) -> Result<(), Invalid> {
    match (0.0..=1.0).contains(&share) {
        true => Ok(()),
        false => Err(Invalid::new("share of traces", share.to_string(), "expected 0 to 1")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn ids(store: &str) -> TraceIds {
        TraceIds::new(&StoreId::new(store))
    }

    fn action(id: i64) -> ActionId {
        ActionId::new(id).unwrap()
    }

    #[test]
    fn ids_stay_what_they_are_from_one_release_to_the_next() {
        let ids = ids("0123456789abcdef");
        assert_eq!(
            ids.stored(action(42)).to_string(),
            "00-4e72e3edea85dfcb717bab92cff53892-d7386b720aefaccd-01"
        );
        assert_eq!(
            ids.attempt(action(42), Attempt(1)).to_string(),
            "00-4e72e3edea85dfcb717bab92cff53892-ba0c45f6d78fc752-01"
        );
    }

    #[test]
    fn attempts_are_spans_of_their_own_in_one_trace() {
        let ids = ids("a");
        let spans: Vec<SpanContext> = std::iter::once(ids.stored(action(1)))
            .chain((1..100).map(|attempt| ids.attempt(action(1), Attempt(attempt))))
            .collect();
        let traces: HashSet<_> = spans.iter().map(|span| span.trace_id).collect();
        let different: HashSet<_> = spans.iter().map(|span| span.span_id).collect();
        assert_eq!((traces.len(), different.len()), (1, spans.len()));
    }

    #[test]
    fn actions_and_stores_have_traces_of_their_own() {
        let traces: HashSet<_> = ["a", "b"]
            .into_iter()
            .flat_map(|store| (1..100).map(move |id| ids(store).stored(action(id)).trace_id))
            .collect();
        assert_eq!(traces.len(), 2 * 99);
    }

    #[test]
    fn the_span_of_a_caller_is_in_the_trace_of_the_caller() {
        let caller = ids("elsewhere").attempt(action(7), Attempt(1));
        let asked = ids("a").asked(action(1), caller);
        assert_eq!(asked.trace_id, caller.trace_id);
        assert_ne!(asked.span_id, caller.span_id);
        assert_ne!(asked.span_id, ids("a").stored(action(1)).span_id);
    }

    #[test]
    fn a_share_of_the_traces_is_sampled_and_never_half_of_one() {
        let ids = ids("a").sample(0.25).unwrap();
        let sampled = (1..=4000).filter(|id| {
            let stored = ids.stored(action(*id)).sampled;
            assert_eq!(ids.attempt(action(*id), Attempt(3)).sampled, stored);
            stored
        });
        let sampled = sampled.count();
        assert!((900..=1100).contains(&sampled), "{sampled} of 4000");
    }

    #[test]
    fn a_larger_share_holds_all_that_a_smaller_one_holds() {
        let (few, more) = (ids("a").sample(0.2).unwrap(), ids("a").sample(0.6).unwrap());
        let is_in = |ids: &TraceIds, id| ids.stored(action(id)).sampled;
        assert!((1..1000).all(|id| !is_in(&few, id) || is_in(&more, id)));
    }

    #[test]
    fn none_and_all_are_shares_too() {
        let (none, all) = (ids("a").sample(0.0).unwrap(), ids("a").sample(1.0).unwrap());
        assert!((1..1000).all(|id| !none.stored(action(id)).sampled));
        assert!((1..1000).all(|id| all.stored(action(id)).sampled));
        for share in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(ids("a").sample(share).is_err(), "{share}");
        }
    }

    proptest! {
        #[test]
        fn every_span_is_a_valid_traceparent(store in ".*", id in 1..=i64::MAX, attempt: u32) {
            let ids = ids(&store);
            for span in [ids.stored(action(id)), ids.attempt(action(id), Attempt(attempt))] {
                let text = span.to_string();
                prop_assert_eq!(text.len(), 55);
                prop_assert_eq!(text.parse::<SpanContext>().unwrap(), span);
            }
        }
    }
}
