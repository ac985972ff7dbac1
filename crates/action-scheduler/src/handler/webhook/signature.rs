//! Signatures as [Standard Webhooks](https://www.standardwebhooks.com) has them: made by [`super::Webhook`], checked by
//! whoever receives its requests.
//!
//! A receiver in Rust checks one with [`verify`]:
//!
//! ```
//! use std::time::Duration;
//! use action_scheduler::handler::signature::{Delivery, Secret, sign, verify};
//! use jiff::Timestamp;
//!
//! let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse()?;
//! let now = Timestamp::now();
//! let body = br#"{"type":"send_invoice"}"#;
//! // What the request has in its headers `webhook-id`, `webhook-timestamp` and `webhook-signature`.
//! let (id, timestamp, signature) = ("act_42", now.as_second(), sign(&secret, "act_42", now, body));
//!
//! let delivery = Delivery { id, timestamp: &timestamp.to_string(), signature: &signature, body };
//! verify(&[secret], &delivery, now, Duration::from_secs(300))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::error::Invalid;

/// Base64 with padding, which some senders leave out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A secret that sender and receiver share.
///
/// Parsed from `whsec_` and base64, or from any other text, which is then used as it is. It has 24 bytes or more: make
/// one with `echo whsec_$(openssl rand -base64 32)`.
#[derive(Clone)]
pub struct Secret(Hmac<Sha256>);

impl Secret {
    /// The fewest bytes a secret may have, as Standard Webhooks has it.
    pub const MIN_BYTES: usize = 24;

    fn signature(&self, id: &str, timestamp: i64, body: &[u8]) -> Hmac<Sha256> {
        self.0.clone().chain_update(format!("{id}.{timestamp}.")).chain_update(body)
    }
}

impl FromStr for Secret {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = |problem: &str| Invalid::new("webhook secret", "(not shown)", problem);
        let bytes = match text.strip_prefix("whsec_") {
            Some(base64) => BASE64
                .decode(base64)
                .map_err(|_| refuse("expected base64 after whsec_; no prefix for plain text"))?,
            None => text.as_bytes().to_vec(),
        };
        if bytes.len() < Self::MIN_BYTES {
            return Err(refuse("shorter than 24 bytes; make one: openssl rand -base64 32"));
        }
        Hmac::new_from_slice(&bytes).map(Self).map_err(|_| refuse("cannot be used as a key"))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The signature of a request, such as `v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=`. Of the timestamp, the whole
/// seconds count.
pub fn sign(secret: &Secret, id: &str, timestamp: Timestamp, body: &[u8]) -> String {
    let mac = secret.signature(id, timestamp.as_second(), body);
    format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
}

/// A request as it was received: the values of three headers, and the body as it came, byte for byte.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// `webhook-id`. The same for each attempt of an action, so that a receiver can tell what it had already.
    pub id: &'a str,
    /// `webhook-timestamp`: when it was sent, in Unix seconds.
    pub timestamp: &'a str,
    /// `webhook-signature`: one or more signatures, with spaces between them.
    pub signature: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// Why a request is not to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// `webhook-timestamp` is no number of seconds.
    #[error("webhook-timestamp is not a number of Unix seconds")]
    MalformedTimestamp,
    /// It was sent too long ago, or too far in the future: a request that was recorded is sent again, or a clock is
    /// wrong.
    #[error("webhook-timestamp is too far from now")]
    Timestamp,
    /// None of the signatures was made with any of the secrets.
    #[error("no signature fits")]
    Signature,
}

/// Checks that a request was made by someone who has one of the secrets, no longer ago than `tolerance` (5 minutes is
/// usual). Takes the same time for every wrong signature.
pub fn verify(
    secrets: &[Secret],
    delivery: &Delivery<'_>,
    now: Timestamp,
    tolerance: Duration,
) -> Result<(), SignatureError> {
    let timestamp: i64 =
        delivery.timestamp.parse().map_err(|_| SignatureError::MalformedTimestamp)?;
    if now.as_second().abs_diff(timestamp) > tolerance.as_secs() {
        return Err(SignatureError::Timestamp);
    }
    let candidates = || {
        let signatures = delivery.signature.split_ascii_whitespace();
        signatures
            .filter_map(|text| text.strip_prefix("v1,"))
            .filter_map(|text| BASE64.decode(text).ok())
    };
    let fits = |secret: &Secret| {
        let mac = secret.signature(delivery.id, timestamp, delivery.body);
        candidates().any(|candidate| mac.clone().verify_slice(&candidate).is_ok())
    };
    if secrets.iter().any(fits) { Ok(()) } else { Err(SignatureError::Signature) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: i64 = 1614265330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const TOLERANCE: Duration = Duration::from_secs(300);

    fn secret() -> Secret {
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap()
    }

    fn other() -> Secret {
        "another secret, in plain text".parse().unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn check(signature: &str, timestamp: &str, now: i64) -> Result<(), SignatureError> {
        let delivery = Delivery { id: ID, timestamp, signature, body: BODY };
        verify(&[secret()], &delivery, at(now), TOLERANCE)
    }

    #[test]
    fn the_example_of_the_specification_is_signed_alike() {
        assert_eq!(sign(&secret(), ID, at(AT), BODY), SIGNATURE);
        assert_eq!(check(SIGNATURE, "1614265330", AT), Ok(()));
    }

    #[test]
    fn one_of_several_signatures_and_secrets_is_enough() {
        let both = format!("v1a,xyz v1,!! {} {SIGNATURE}", sign(&other(), ID, at(AT), BODY));
        assert_eq!(check(&both, "1614265330", AT), Ok(()));
        let delivery =
            Delivery { id: ID, timestamp: "1614265330", signature: SIGNATURE, body: BODY };
        assert_eq!(verify(&[other(), secret()], &delivery, at(AT), TOLERANCE), Ok(()));
        let wrong = Err(SignatureError::Signature);
        assert_eq!(verify(&[other()], &delivery, at(AT), TOLERANCE), wrong);
        assert_eq!(verify(&[], &delivery, at(AT), TOLERANCE), wrong);
    }

    #[test]
    fn whatever_is_changed_the_signature_no_longer_fits() {
        let genuine =
            Delivery { id: ID, timestamp: "1614265330", signature: SIGNATURE, body: BODY };
        let changed = [
            Delivery { id: "msg_2", ..genuine },
            Delivery { timestamp: "1614265331", ..genuine },
            Delivery { body: b"{\"test\": 2432232315}", ..genuine },
            Delivery { signature: "", ..genuine },
            Delivery { signature: "v1,", ..genuine },
            Delivery { signature: "v1,g0hM9SsE", ..genuine },
            Delivery { signature: SIGNATURE.strip_prefix("v1,").unwrap(), ..genuine },
        ];
        for delivery in changed {
            let result = verify(&[secret()], &delivery, at(AT), TOLERANCE);
            assert_eq!(result, Err(SignatureError::Signature), "{delivery:?}");
        }
    }

    #[test]
    fn a_request_of_another_time_is_refused() {
        assert_eq!(check(SIGNATURE, "1614265330", AT + 300), Ok(()));
        assert_eq!(check(SIGNATURE, "1614265330", AT - 300), Ok(()));
        let far = Err(SignatureError::Timestamp);
        assert_eq!(check(SIGNATURE, "1614265330", AT + 301), far);
        assert_eq!(check(SIGNATURE, "1614265330", AT - 301), far);
        assert_eq!(check(SIGNATURE, &i64::MIN.to_string(), AT), far);
        assert_eq!(check(SIGNATURE, "soon", AT), Err(SignatureError::MalformedTimestamp));
    }

    #[test]
    fn a_weak_or_broken_secret_is_refused_and_never_shown() {
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "hunter2", "whsec_not base64 hunter2 hunter2"]
        {
            let error = text.parse::<Secret>().unwrap_err().to_string();
            assert!(error.starts_with("webhook secret \"(not shown)\": "), "{error}");
            assert!(text.is_empty() || !error.contains("hunter2"), "{error}");
        }
        assert_eq!(format!("{:?}", secret()), "Secret(…)");
    }

    #[test]
    fn padding_may_be_left_out() {
        let text = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNA";
        let padded: Secret = format!("{text}==").parse().unwrap();
        let bare: Secret = text.parse().unwrap();
        assert_eq!(sign(&padded, ID, at(AT), BODY), sign(&bare, ID, at(AT), BODY));
        assert_eq!(check(SIGNATURE.trim_end_matches('='), "1614265330", AT), Ok(()));
    }
}
