//! Spans as a collector takes them: the JSON of the OpenTelemetry protocol, OTLP 1.x
//! ([specification](https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding)), as much of it as is needed here.
//! In it ids are hexadecimal, and whole numbers of 64 bits are texts.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::context::{SpanContext, SpanId, TraceId};
use super::ids::TraceIds;
use crate::action::{ActionId, Group, Hook};
use crate::observer::{Ending, Event};

/// How much of a reason goes into a span, in bytes.
const LONGEST_REASON: usize = 4096;

/// What is sent in one request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    resource_spans: [ResourceSpans<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: Resource<'a>,
    scope_spans: [ScopeSpans<'a>; 1],
}

/// The process that the spans are from.
#[derive(Serialize)]
struct Resource<'a> {
    attributes: &'a [Attribute],
}

#[derive(Serialize)]
struct ScopeSpans<'a> {
    scope: Scope,
    spans: &'a [Span],
}

/// The library that made the spans.
#[derive(Serialize)]
struct Scope {
    name: &'static str,
    version: &'static str,
}

impl<'a> Request<'a> {
    pub(super) fn new(attributes: &'a [Attribute], spans: &'a [Span]) -> Self {
        let scope = Scope { name: "action-scheduler", version: env!("CARGO_PKG_VERSION") };
        let scope_spans = [ScopeSpans { scope, spans }];
        Self { resource_spans: [ResourceSpans { resource: Resource { attributes }, scope_spans }] }
    }
}

/// A key with a value.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Attribute {
    key: String,
    value: Value,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
enum Value {
    StringValue(String),
    IntValue(String),
}

impl Attribute {
    pub(super) fn text(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: Value::StringValue(value.into()) }
    }

    pub(super) fn number(key: impl Into<String>, value: i64) -> Self {
        Self { key: key.into(), value: Value::IntValue(value.to_string()) }
    }
}

/// A span.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Span {
    #[serde(serialize_with = "hex")]
    trace_id: TraceId,
    #[serde(serialize_with = "hex")]
    span_id: SpanId,
    #[serde(serialize_with = "hex_of_some", skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<SpanId>,
    flags: u32,
    name: String,
    kind: Kind,
    #[serde(serialize_with = "nanoseconds")]
    start_time_unix_nano: Timestamp,
    #[serde(serialize_with = "nanoseconds")]
    end_time_unix_nano: Timestamp,
    attributes: Vec<Attribute>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

/// What a span is to the others of its trace, by the number that it has in the protocol.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Producer = 4,
    Consumer = 5,
}

/// A span of another trace that has to do with this one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    #[serde(serialize_with = "hex")]
    trace_id: TraceId,
    #[serde(serialize_with = "hex")]
    span_id: SpanId,
    flags: u32,
}

/// That what the span is about went wrong, and why.
#[derive(Debug, Serialize)]
struct Status {
    code: u8,
    message: String,
}

impl Status {
    /// The number of an error in the protocol.
    const ERROR: u8 = 2;
}

/// The action of an event, if the event is a span.
pub(super) fn subject(event: &Event) -> Option<ActionId> {
    match event {
        Event::Stored { action, .. }
        | Event::NextScheduled { action, .. }
        | Event::Attempted { action, .. } => Some(*action),
        _ => None,
    }
}

/// The spans that an event is. It was told at `at`.
pub(super) fn spans(ids: &TraceIds, event: &Event, at: Timestamp) -> Vec<Span> {
    match event {
        Event::Stored { action, hook, group, took, caller } => {
            let span = |own, parent, other: Option<SpanContext>| Span {
                links: other.map(link).into_iter().collect(),
                ..enqueued(own, parent, (*action, hook, group), (*took, at))
            };
            let stored = ids.stored(*action);
            match caller.filter(|caller| caller.sampled) {
                // One trace cannot be two: each has a span for it, and the two lead to each other.
                Some(caller) => {
                    let asked = ids.asked(*action, caller);
                    vec![span(asked, Some(caller), Some(stored)), span(stored, None, Some(asked))]
                }
                None => vec![span(stored, None, *caller)],
            }
        }
        Event::NextScheduled { chain, action, hook, group, after: (before, attempt) } => {
            let span = (*action, hook, group);
            let mut span = enqueued(ids.stored(*action), None, span, (Duration::ZERO, at));
            span.links.push(link(ids.attempt(*before, *attempt)));
            span.attributes.push(Attribute::number("action_scheduler.chain", chain.get()));
            vec![span]
        }
        Event::Attempted { action, hook, group, attempt, scheduled_at, ending, reason, ran } => {
            let (own, stored) = (ids.attempt(*action, *attempt), ids.stored(*action));
            let mut attributes = attributes(*action, hook, group);
            attributes.push(Attribute::number("action_scheduler.attempt", attempt.0.into()));
            attributes
                .push(Attribute::text("action_scheduler.scheduled_at", scheduled_at.to_string()));
            attributes.push(Attribute::text("action_scheduler.outcome", ending.as_str()));
            let span =
                Span::new(own, Some(stored), format!("run {hook}"), Kind::Consumer, (*ran, at));
            vec![Span { attributes, status: status(*ending, reason.as_deref()), ..span }]
        }
        _ => Vec::new(),
    }
}

/// That an action was stored.
fn enqueued(
    own: SpanContext,
    parent: Option<SpanContext>,
    (action, hook, group): (ActionId, &Hook, &Group),
    took: (Duration, Timestamp),
) -> Span {
    let span = Span::new(own, parent, format!("enqueue {hook}"), Kind::Producer, took);
    Span { attributes: attributes(action, hook, group), ..span }
}

impl Span {
    /// A span that lasted so long, up to a moment.
    fn new(
        own: SpanContext,
        parent: Option<SpanContext>,
        name: String,
        kind: Kind,
        (lasted, end): (Duration, Timestamp),
    ) -> Self {
        Self {
            trace_id: own.trace_id,
            span_id: own.span_id,
            parent_span_id: parent.map(|parent| parent.span_id),
            flags: flags(own),
            name,
            kind,
            start_time_unix_nano: end.checked_sub(lasted).unwrap_or(end),
            end_time_unix_nano: end,
            attributes: Vec::new(),
            links: Vec::new(),
            status: None,
        }
    }
}

fn attributes(action: ActionId, hook: &Hook, group: &Group) -> Vec<Attribute> {
    vec![
        Attribute::number("action_scheduler.action", action.get()),
        Attribute::text("action_scheduler.hook", hook.as_str()),
        Attribute::text("action_scheduler.group", group.as_str()),
    ]
}

fn status(ending: Ending, reason: Option<&str>) -> Option<Status> {
    let reason = match (ending, reason) {
        (Ending::Complete, _) => return None,
        // Its handlers may well have succeeded: only, nobody asks any more.
        (Ending::Superseded, None) => "the attempt was no longer in charge",
        (_, reason) => reason.unwrap_or_default(),
    };
    let end = reason.floor_char_boundary(LONGEST_REASON);
    let message = reason.get(..end).unwrap_or_default().to_owned();
    Some(Status { code: Status::ERROR, message })
}

fn link(to: SpanContext) -> Link {
    Link { trace_id: to.trace_id, span_id: to.span_id, flags: flags(to) }
}

fn flags(span: SpanContext) -> u32 {
    u32::from(span.sampled)
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

fn hex<S: Serializer>(id: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

fn hex_of_some<S: Serializer>(id: &Option<SpanId>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}

fn nanoseconds<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&at.as_nanosecond().max(0))
}
