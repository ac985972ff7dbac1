//! Where in a trace something is: as values, and as the text that programs hand to each other.

use std::fmt;
use std::str::FromStr;

use crate::error::Invalid;

/// The id of a trace: 16 bytes, not all of them zero. Shown as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// The id of a span: 8 bytes, not all of them zero. Shown as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

macro_rules! id {
    ($name:ident, $bytes:literal) => {
        impl $name {
            /// The id with these bytes, if one of them is not zero.
            pub fn new(bytes: [u8; $bytes]) -> Option<Self> {
                (bytes != [0; $bytes]).then_some(Self(bytes))
            }

            /// Its bytes.
            pub fn bytes(self) -> [u8; $bytes] {
                self.0
            }

            /// An id from the beginning of a digest. Zeros, which are no id, are as likely as any other value.
            pub(super) fn of_digest(digest: &[u8; 32]) -> Self {
                let mut bytes = [0; $bytes];
                bytes.copy_from_slice(digest.split_at($bytes).0);
                Self::new(bytes).unwrap_or(Self([1; $bytes]))
            }

            fn parse(text: &str) -> Option<Self> {
                let mut bytes = [0; $bytes];
                lower_hex(text, &mut bytes)?;
                Self::new(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id!(TraceId, 16);
id!(SpanId, 8);

/// A span, as others are told of it. As text it is the `traceparent` of
/// [W3C Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header), such as
/// `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanContext {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// What tells it from the others of its trace.
    pub span_id: SpanId,
    /// Whether it is sent to a collector, so that it is worth while to send what is below it too.
    pub sampled: bool,
}

impl fmt::Display for SpanContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace_id, span_id, sampled } = self;
        write!(f, "00-{trace_id}-{span_id}-{:02x}", u8::from(*sampled))
    }
}

/// Also reads what later versions of the standard put into the first four fields.
impl FromStr for SpanContext {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        read(text).ok_or_else(|| {
            let expected = "expected the traceparent of W3C Trace Context, such as \
                            00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            Invalid::new("traceparent", text, expected)
        })
    }
}

fn read(text: &str) -> Option<SpanContext> {
    let mut fields = text.splitn(5, '-');
    let (mut version, mut flags) = ([0; 1], [0; 1]);
    lower_hex(fields.next()?, &mut version)?;
    let trace_id = TraceId::parse(fields.next()?)?;
    let span_id = SpanId::parse(fields.next()?)?;
    lower_hex(fields.next()?, &mut flags)?;
    let ([version], [flags]) = (version, flags);
    let is_known = match version {
        0 => fields.next().is_none(),
        0xff => false,
        _ => true,
    };
    is_known.then_some(SpanContext { trace_id, span_id, sampled: flags & 1 == 1 })
}

/// Reads as many digits as fill `bytes`, neither more nor less, none of them in upper case.
fn lower_hex(text: &str, bytes: &mut [u8]) -> Option<()> {
    let is_hex = |digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 2 * bytes.len() || !text.bytes().all(is_hex) {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn the_example_of_the_standard_is_read_and_written() {
        let span: SpanContext = TEXT.parse().unwrap();
        assert_eq!(span.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(span.span_id.to_string(), "b7ad6b7169203331");
        assert!(span.sampled);
        assert_eq!(span.to_string(), TEXT);
    }

    #[test]
    fn other_flags_and_later_versions_are_read() {
        let sampled = |text: &str| text.parse::<SpanContext>().unwrap().sampled;
        assert!(!sampled("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"));
        assert!(sampled("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03"));
        assert!(sampled("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        assert!(sampled("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes"));
    }

    #[test]
    fn what_the_standard_forbids_is_refused() {
        for text in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            // A first version with more in it, and the version that is none.
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            // Zeros, upper case, signs, too short, too long, not ASCII.
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692033311-01",
            "00-0af7651916cd43dd8448eb211c80319ë-b7ad6b7169203331-01",
        ] {
            let refusal = text.parse::<SpanContext>().unwrap_err().to_string();
            assert!(refusal.contains("traceparent"), "{refusal}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(trace: [u8; 16], span: [u8; 8], sampled: bool) {
            prop_assume!(trace != [0; 16] && span != [0; 8]);
            let (trace_id, span_id) = (TraceId::new(trace).unwrap(), SpanId::new(span).unwrap());
            let context = SpanContext { trace_id, span_id, sampled };
            prop_assert_eq!(context.to_string().parse::<SpanContext>().unwrap(), context);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,70}|[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}.{0,3}") {
            if let Ok(context) = text.parse::<SpanContext>() {
                let first_four: Vec<&str> = text.splitn(5, '-').take(3).collect();
                let written = context.to_string();
                prop_assert_eq!(written.splitn(5, '-').skip(1).take(2).collect::<Vec<_>>(), &first_four[1..]);
            }
        }
    }
}
