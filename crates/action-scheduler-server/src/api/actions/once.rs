//! Requests that store actions once, however often they are sent: the header `Idempotency-Key`.

use std::time::Duration;

use action_scheduler::store::{Once, Receipt};
use action_scheduler::{ActionId, NewAction, Scheduler};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

use crate::http::{JsonText, Problem};
use crate::site::Site;

const HEADER: &str = "Idempotency-Key";
/// Said of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long a request is known.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// How long a key may be, in characters.
const LONGEST: usize = 255;

/// The header, for OpenAPI.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes the header for OpenAPI; `OnceKey` reads it")]
pub(super) struct KeyHeader {
    /// A text of the caller's choice. The same key with the same body stores the actions once, and is answered the same for
    /// a day; with another body it is refused.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 255, pattern = "^[ -~]+$")]
    idempotency_key: Option<String>,
}

/// The key of a request, if it has one.
pub(super) struct OnceKey(Option<String>);

/// What was stored, now or before.
pub(super) struct Stored {
    /// The ids, in order; none for one that was refused as a duplicate.
    pub(super) ids: Vec<Option<ActionId>>,
    /// The header that says so, if it was before.
    pub(super) replayed: Option<[(HeaderName, HeaderValue); 1]>,
}

impl FromRequestParts<Site> for OnceKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Site) -> Result<Self, Problem> {
        let mut keys = parts.headers.get_all(HEADER).iter();
        let refuse = |detail: &str| Err(Problem::invalid(HEADER, detail));
        match (keys.next(), keys.next()) {
            (None, _) => Ok(Self(None)),
            (Some(_), Some(_)) => refuse("it is given more than once"),
            (Some(key), None) => match key.to_str() {
                Ok(key) if (1..=LONGEST).contains(&key.len()) => Ok(Self(Some(key.to_owned()))),
                Ok(_) => refuse("expected 1 to 255 characters"),
                Err(_) => refuse("expected printable ASCII characters"),
            },
        }
    }
}

impl OnceKey {
    /// Stores actions, unless the same request has done so before.
    pub(super) async fn store(
        self,
        scheduler: &Scheduler,
        json: &JsonText,
        actions: Vec<NewAction>,
    ) -> Result<Stored, Problem> {
        let Some(key) = self.0 else {
            return Ok(Stored { ids: scheduler.insert(actions).await?, replayed: None });
        };
        let receipt = Receipt {
            key: own_key(scheduler, &key),
            digest: Sha256::digest(json.bytes()).into(),
            keep_until: scheduler.now() + KEPT,
        };
        match scheduler.insert_once(receipt, actions).await? {
            Once::New(ids) => Ok(Stored { ids, replayed: None }),
            Once::Before(ids) => {
                let replayed = Some([(REPLAYED, HeaderValue::from_static("true"))]);
                Ok(Stored { ids, replayed })
            }
            Once::Conflict => {
                let detail = "this key was sent with another body; a new request takes a new key";
                let title = "The key belongs to another request";
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Err(Problem::other(status, "key-reused", title, detail).at(HEADER))
            }
        }
    }
}

/// The key among those of all callers.
fn own_key(scheduler: &Scheduler, key: &str) -> String {
    let digest = Sha256::new()
        .chain_update(scheduler.context().as_str())
        .chain_update([0])
        .chain_update(key)
        .finalize();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("http:{hex}")
}
