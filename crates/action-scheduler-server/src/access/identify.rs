//! Finds out who sends a request, before anything else looks at it.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::accounts::{AccountError, SessionOwner, Token};
use super::caller::{Caller, Identity};
use super::client::Client;
use super::directory::Found;
use super::{cookie, csrf, origin};
use crate::http::{self, Problem, Refusal};
use crate::site::Site;

/// Finds out who calls and puts the [`Caller`] into the request's extensions, and the [`Client`] in any case; without a
/// caller, handlers that want a role refuse the request. What another site makes a browser send is refused here.
pub(crate) async fn identify(State(site): State<Site>, request: Request, next: Next) -> Response {
    match recognize(&site, request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn recognize(site: &Site, request: Request) -> Result<Request, Refusal> {
    let config = site.config();
    let client = Client::of(&request, config);
    let (mut parts, body) = request.into_parts();
    let refuse = |parts: &Parts, problem| Refusal::because(parts, site, problem);
    origin::check_host(&parts, config, site.access().is_on_loopback())
        .map_err(|problem| refuse(&parts, problem))?;
    let changes = origin::is_unsafe(&parts.method);
    // A browser does not send this header by itself, so no other site can make it do so.
    if let Some(secret) = bearer(&parts) {
        let caller = by_token(site, secret, &client).await;
        let caller = caller.map_err(|problem| refuse(&parts, problem))?;
        parts.extensions.insert(caller);
        parts.extensions.insert(client);
        return Ok(Request::from_parts(parts, body));
    }
    if changes {
        origin::check_origin(&parts, &client, config).map_err(|problem| refuse(&parts, problem))?;
    }
    let caller =
        by_session(site, &parts, &client).await.map_err(|problem| refuse(&parts, problem))?;
    parts.extensions.insert(client);
    let Some(caller) = caller else { return Ok(Request::from_parts(parts, body)) };
    let token = caller.csrf.clone();
    parts.extensions.insert(caller);
    if !changes {
        return Ok(Request::from_parts(parts, body));
    }
    let for_refusal = parts.clone();
    let request = Request::from_parts(parts, body);
    let checked = csrf::check(request, &token, config.limits.body).await;
    checked.map_err(|problem| refuse(&for_refusal, problem))
}

/// The token of a request, if it brings one.
fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
}

async fn by_token(site: &Site, secret: &str, client: &Client) -> Result<Caller, Problem> {
    let refused = |detail: &str| Err(Problem::unauthorized(detail).at("Authorization"));
    match site.access().directory().token(secret).await? {
        Found::Good(Token { name, scopes, .. }) => Ok(Caller {
            identity: Identity::Token(name.to_string()),
            role: scopes.role(),
            works: scopes.works(),
            csrf: String::new(),
            session: None,
            address: client.address,
        }),
        Found::Expired => {
            refused("this token has expired: `action-scheduler token create` makes another")
        }
        Found::Unknown => {
            refused("this token is not known here: it was revoked, or belongs to another server")
        }
    }
}

async fn by_session(
    site: &Site,
    parts: &Parts,
    client: &Client,
) -> Result<Option<Caller>, Problem> {
    let config = site.config();
    let name = cookie::name(client, config, site.access().address());
    let Some(secret) = http::cookie(&parts.headers, &name) else { return Ok(None) };
    let found = site.access().directory().session(secret, config.sessions).await?;
    let Found::Good((session, role)) = found else { return Ok(None) };
    let identity = match session.owner {
        SessionOwner::Terminal => Identity::Terminal,
        SessionOwner::User { name, .. } => Identity::User(name.to_string()),
    };
    Ok(Some(Caller {
        identity,
        role: Some(role),
        works: false,
        csrf: csrf::of(secret),
        session: Some(session.id),
        address: client.address,
    }))
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let detail = error.to_string();
        match error {
            AccountError::Invalid(invalid) => invalid.into(),
            AccountError::Password(_) => Problem::invalid("password", detail),
            AccountError::Exists { .. } | AccountError::Changed { .. } => Problem::conflict(detail),
            AccountError::Missing { .. } => Problem::not_found(detail),
            AccountError::Store(error) => error.into(),
        }
    }
}

/// Someone tries too often; `wait` says how long not to.
pub(super) fn too_often(wait: Duration) -> Problem {
    let seconds = wait.as_secs() + 1;
    let detail = format!("too many attempts to sign in: try again in {seconds} s");
    Problem::other(StatusCode::TOO_MANY_REQUESTS, "too-many-attempts", "Too many attempts", detail)
}
