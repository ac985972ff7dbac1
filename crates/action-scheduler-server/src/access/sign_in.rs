//! Signing in and out: with a name and a password, or once with a link.

use axum::Extension;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::accounts::{Actor, AuditEvent, Password, SessionOwner, UserName};
use super::client::Client;
use super::identify::too_often;
use super::{Caller, cookie, origin};
use crate::admin;
use crate::http::Problem;
use crate::site::Site;

/// Where to go after signing in.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Destination {
    #[serde(default)]
    to: String,
}

impl Destination {
    /// The path on this server; the overview if it is anything else.
    fn path(&self, site: &Site) -> String {
        let is_own = self.to.strip_prefix(&site.config().base_path).is_some_and(|rest| {
            rest.starts_with('/') && !rest.starts_with("//") && !rest.starts_with("/sign-")
        });
        let is_plain = self.to.chars().all(|c| c.is_ascii_graphic() && c != '\\');
        if is_own && is_plain && !self.to.starts_with("//") {
            self.to.clone()
        } else {
            site.path("/")
        }
    }
}

/// The form.
#[derive(Deserialize)]
pub(super) struct Credentials {
    user: String,
    password: String,
    #[serde(flatten)]
    destination: Destination,
}

/// The page that asks for a name and a password.
pub(super) async fn page(
    State(site): State<Site>,
    caller: Option<Extension<Caller>>,
    Query(destination): Query<Destination>,
) -> Response {
    if caller.is_some() {
        return Redirect::to(&destination.path(&site)).into_response();
    }
    admin::sign_in_form(&site, &destination.to, "", None).into_response()
}

/// Signs in with a name and a password.
pub(super) async fn sign_in(
    State(site): State<Site>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    form: Result<Form<Credentials>, FormRejection>,
) -> Response {
    let Credentials { user, password, destination } = match form {
        Ok(Form(credentials)) => credentials,
        Err(rejection) => {
            let problem = Problem::malformed(rejection.body_text());
            return admin::error_page(&problem);
        }
    };
    let again = |problem: &Problem| {
        let page = admin::sign_in_form(&site, &destination.to, &user, Some(problem.detail()));
        (problem.status(), page).into_response()
    };
    match check(&site, &client, &user, password).await {
        Ok(Some(owner)) => {
            let begun = begin(&site, &client, &headers, owner, &destination).await;
            begun.unwrap_or_else(|problem| again(&problem))
        }
        Ok(None) => {
            let detail = "this name and this password do not belong together";
            again(&Problem::invalid("password", detail))
        }
        Err(Refused::TooOften(wait)) => {
            let mut response = again(&too_often(wait));
            let seconds = HeaderValue::from(wait.as_secs() + 1);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
            response
        }
        Err(Refused::Problem(problem)) => again(&problem),
    }
}

enum Refused {
    TooOften(std::time::Duration),
    Problem(Problem),
}

/// Who signs in, if name and password are right.
async fn check(
    site: &Site,
    client: &Client,
    user: &str,
    password: String,
) -> Result<Option<SessionOwner>, Refused> {
    let access = site.access();
    access.attempts().from(client.address).map_err(Refused::TooOften)?;
    let name: Option<UserName> = user.parse().ok();
    if let Some(name) = &name {
        access.attempts().with_name(name).map_err(Refused::TooOften)?;
    }
    let found = access.accounts().user_with(user, Password::new(password)).await;
    let found = found.map_err(|error| Refused::Problem(error.into()))?;
    if found.is_none() {
        // What was typed as a name may be a password.
        let who = name.map_or_else(|| "no name".to_owned(), |name| format!("user {name}"));
        let by = Actor { name: who.clone(), address: Some(client.address) };
        let accounts = access.accounts();
        match access.attempts().is_failure_kept() {
            true => accounts.note(AuditEvent::SignInFailed, &by, who).await,
            false => drop(accounts.tell(AuditEvent::SignInFailed, &by, who)),
        }
    }
    Ok(found.map(|user| SessionOwner::user(&user)))
}

/// What a link leads to: signs in at once a person who follows it; whoever else looks at it is shown a button, so that
/// nothing which looks at links in advance uses it up.
pub(super) async fn follow_link(
    State(site): State<Site>,
    Extension(client): Extension<Client>,
    caller: Option<Extension<Caller>>,
    headers: HeaderMap,
    Path(secret): Path<String>,
) -> Response {
    if origin::is_navigation(&headers) {
        return with_link(&site, &client, &headers, &secret).await;
    }
    let csrf = caller.map(|Extension(caller)| caller.csrf).unwrap_or_default();
    admin::sign_in_button(&site, &csrf).into_response()
}

/// Signs in with a link.
pub(super) async fn use_link(
    State(site): State<Site>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    Path(secret): Path<String>,
) -> Response {
    with_link(&site, &client, &headers, &secret).await
}

async fn with_link(site: &Site, client: &Client, headers: &HeaderMap, secret: &str) -> Response {
    let access = site.access();
    if let Err(wait) = access.attempts().from(client.address) {
        return admin::error_page(&too_often(wait));
    }
    let used = access.accounts().use_sign_in_link(secret).await;
    let begun = match used {
        Ok(true) => {
            begin(site, client, headers, SessionOwner::Terminal, &Destination::default()).await
        }
        Ok(false) => {
            let title = "This link is no longer good";
            let detail = "it was used already, or is older than 15 minutes; `action-scheduler sign-in-link` makes another";
            Err(Problem::other(StatusCode::GONE, "link-used", title, detail))
        }
        Err(error) => Err(error.into()),
    };
    begun.unwrap_or_else(|problem| admin::error_page(&problem))
}

async fn begin(
    site: &Site,
    client: &Client,
    headers: &HeaderMap,
    owner: SessionOwner,
    destination: &Destination,
) -> Result<Response, Problem> {
    let cookie = begin_session(site, client, headers, owner).await?;
    let response = Redirect::to(&destination.path(site)).into_response();
    Ok(with_cookie(response, cookie))
}

/// Begins a session; gives the cookie for the browser.
pub(crate) async fn begin_session(
    site: &Site,
    client: &Client,
    headers: &HeaderMap,
    owner: SessionOwner,
) -> Result<HeaderValue, Problem> {
    let (access, config) = (site.access(), site.config());
    let by = Actor { name: owner.to_string(), address: Some(client.address) };
    let browser = headers.get(header::USER_AGENT).and_then(|text| text.to_str().ok());
    let browser = browser.unwrap_or("unknown");
    let accounts = access.accounts();
    let secret =
        accounts.begin_session(owner, &by, client.address, browser, config.sessions).await?;
    access.directory().forget();
    let name = cookie::name(client, config, access.address());
    Ok(cookie::set(&name, &secret, client, config))
}

/// An answer that also sets a cookie.
pub(crate) fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}

/// Counts an attempt to give the right password of a user.
pub(crate) fn check_attempt(site: &Site, client: &Client, user: &UserName) -> Result<(), Problem> {
    let attempts = site.access().attempts();
    attempts.from(client.address).map_err(too_often)?;
    attempts.with_name(user).map_err(too_often)
}

/// Ends the session of whoever asks.
pub(super) async fn sign_out(
    State(site): State<Site>,
    Extension(client): Extension<Client>,
    caller: Option<Extension<Caller>>,
) -> Response {
    let access = site.access();
    if let Some(Extension(caller)) = caller
        && let Some(session) = caller.session
    {
        if let Err(error) = access.accounts().sign_out(session, &caller.actor()).await {
            return admin::error_page(&error.into());
        }
        access.directory().forget();
    }
    let config = site.config();
    let name = cookie::name(&client, config, access.address());
    let cookie = cookie::clear(&name, &client, config);
    ([(header::SET_COOKIE, cookie)], Redirect::to(&site.path("/sign-in"))).into_response()
}
