//! Traces of actions: what happened to one, from when it was stored to its end, together with what its handlers did
//! elsewhere ([W3C Trace Context](https://www.w3.org/TR/trace-context/), OpenTelemetry).
//!
//! An action is a trace. Its first span is that it was stored; below that, each attempt is a span. Their ids are derived
//! from the identity of the store and the id of the action: whoever knows the store knows them, on any machine and after
//! any restart, and nothing of them is kept.
//!
//! A scheduler that was given [`TraceIds`] tells handlers the span of their attempt ([`HandlerContext::span`]); webhooks,
//! commands and remote workers get it as `traceparent`. [`Traces`] does that, and sends the spans to a collector.
//!
//! ```
//! use action_scheduler::store::StoreId;
//! use action_scheduler::trace::{SpanContext, TraceIds};
//! use action_scheduler::{ActionId, Attempt};
//!
//! let ids = TraceIds::new(&StoreId::new("a store"));
//! let action = ActionId::new(42).expect("it is positive");
//! let span = ids.attempt(action, Attempt(1));
//! assert_eq!(span.trace_id, ids.stored(action).trace_id);
//! assert_eq!(span.to_string().parse::<SpanContext>()?, span);
//! # Ok::<(), action_scheduler::Invalid>(())
//! ```
//!
//! [`HandlerContext::span`]: crate::HandlerContext::span

mod context;
mod export;
mod ids;
mod spans;

pub use self::context::{SpanContext, SpanId, TraceId};
pub use self::export::{KeptTraces, SpanCounts, Traces, TracesConfig};
pub use self::ids::TraceIds;
