//! Trace context (W3C Trace Context, level 1): what ties together everything that is done for one action, in any process.
//!
//! The trace of an action and the spans of its attempts follow from the identity of the store and the numbers of the action
//! and the attempt. So nothing has to be stored or handed on: who stores an action, who runs it and who watches both name
//! the same trace.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::action::{ActionId, Attempt};
use crate::store::StoreId;

/// A span: one step of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    trace: [u8; 16],
    span: [u8; 8],
}

impl Span {
    /// The span of storing an action; those of its attempts are its children.
    pub fn of_action(store: &StoreId, action: ActionId) -> Self {
        Self::derived(store, action, Attempt(0))
    }

    /// The span of an attempt.
    pub fn of_attempt(store: &StoreId, action: ActionId, attempt: Attempt) -> Self {
        Self::derived(store, action, attempt)
    }

    fn derived(store: &StoreId, action: ActionId, attempt: Attempt) -> Self {
        let begun = Sha256::new().chain_update(store.as_str()).chain_update(action.get().to_be_bytes());
        let trace = first(begun.clone().finalize().into());
        let span = first(begun.chain_update(attempt.0.to_be_bytes()).finalize().into());
        Self { trace, span }
    }

    /// The id of its trace.
    pub fn trace_id(&self) -> [u8; 16] {
        self.trace
    }

    /// Its own id.
    pub fn span_id(&self) -> [u8; 8] {
        self.span
    }
}

/// The first bytes of a hash.
fn first<const N: usize>(hash: [u8; 32]) -> [u8; N] {
    // All that is asked for is shorter than a hash.
    hash.first_chunk::<N>().copied().unwrap_or([0; N])
}

/// The value of the header `traceparent`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        self.trace.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("-")?;
        self.span.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("-01")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(store: &str, action: i64, attempt: u32) -> Span {
        let action = ActionId::new(action).unwrap();
        Span::of_attempt(&StoreId::new(store), action, Attempt(attempt))
    }

    #[test]
    fn attempts_of_an_action_share_its_trace_and_nothing_else() {
        let (first, second) = (span("a", 1, 1), span("a", 1, 2));
        assert_eq!(first.trace_id(), second.trace_id());
        assert_ne!(first.span_id(), second.span_id());
        assert_ne!(first.trace_id(), span("a", 2, 1).trace_id());
        assert_ne!(first.trace_id(), span("b", 1, 1).trace_id());
    }

    #[test]
    fn the_header_is_as_the_standard_has_it() {
        let header = span("a", 1, 1).to_string();
        let parts: Vec<&str> = header.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2]);
        assert!(header.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f' | '-')), "{header}");
    }
}
