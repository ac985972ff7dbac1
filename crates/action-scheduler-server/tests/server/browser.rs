//! A person with a browser: it keeps the cookie, and sends forms with what their page was given.

use action_scheduler_server::access::accounts::{Accounts, Actor, Password};
use reqwest::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};

use crate::running::{Running, client_of};

/// The password of every user of these tests.
pub const PASSWORD: &str = "correct horse";

/// A browser.
pub struct Browser {
    client: Client,
    origin: String,
    /// The cookie, `name=value`; empty when nobody is signed in.
    pub cookie: String,
    /// What forms send back.
    pub csrf: String,
}

impl Browser {
    /// Nobody is signed in.
    pub fn new(server: &Running) -> Self {
        let client = client_of(HeaderMap::new());
        let origin = format!("http://{}", server.address);
        Self { client, origin, cookie: String::new(), csrf: String::new() }
    }

    /// Signed in with a link, as admin.
    pub async fn with_link(server: &Running) -> Self {
        let mut browser = Self::new(server);
        let response = browser.follow_link(&link(server).await).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        browser.keep(&response).await;
        browser
    }

    /// Signed in as a new user of this name and role.
    pub async fn with_role(server: &Running, name: &str, role: &str) -> Self {
        add_user(server, name, role).await;
        let mut browser = Self::new(server);
        let response = browser.sign_in(name, PASSWORD).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        browser.keep(&response).await;
        browser
    }

    /// Signs in with a name and a password.
    pub async fn sign_in(&self, user: &str, password: &str) -> Response {
        let form =
            form(&[("user", user), ("password", password), ("to", "/actions?status=failed")]);
        self.request(Method::POST, "/sign-in")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .expect("an answer")
    }

    /// Follows a link to sign in, as browsers do.
    pub async fn follow_link(&self, path: &str) -> Response {
        let request = self.request(Method::GET, path);
        let request =
            request.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
        request.send().await.expect("an answer")
    }

    /// Keeps the cookie of a response and what its forms have to send back.
    pub async fn keep(&mut self, response: &Response) {
        let cookie = response.headers()[SET_COOKIE].to_str().expect("a cookie");
        self.cookie = cookie.split(';').next().expect("a value").to_owned();
        let page = self.get("/sign-in/any").await.text().await.expect("a page");
        let (_, after) = page.split_once("name=\"csrf\" value=\"").expect("a hidden field");
        self.csrf = after.split('"').next().expect("its end").to_owned();
        assert_eq!(self.csrf.len(), 32);
    }

    /// A request with the cookie, to be sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.origin));
        match self.cookie.is_empty() {
            true => request,
            false => request.header(COOKIE, HeaderValue::try_from(&self.cookie).expect("ASCII")),
        }
    }

    /// Opens a page.
    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }

    /// Sends a form of its own page.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let mut all = vec![("csrf", self.csrf.as_str())];
        all.extend(fields);
        let request = self.request(Method::POST, path).header("origin", &self.origin);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(form(&all)).send().await.expect("an answer")
    }

    /// Whether the server knows who this is.
    pub async fn is_signed_in(&self) -> bool {
        self.get("/sign-in").await.status() == StatusCode::SEE_OTHER
    }
}

/// The path of a new link to sign in with.
pub async fn link(server: &Running) -> String {
    let secret = accounts(server).create_sign_in_link(&Actor::command_line()).await;
    format!("/sign-in/{}", secret.expect("a link").reveal())
}

/// Adds a user, whose password is [`PASSWORD`].
pub async fn add_user(server: &Running, name: &str, role: &str) {
    let (name, role) = (name.parse().expect("a name"), role.parse().expect("a role"));
    let password = Password::new(PASSWORD);
    let added = accounts(server).add_user(&name, role, password, &Actor::command_line()).await;
    added.expect("a new user");
}

/// The accounts of a server, as another process has them.
pub fn accounts(server: &Running) -> Accounts {
    Accounts::new(server.scheduler.store().clone())
}

/// A form as browsers send it.
pub fn form(fields: &[(&str, &str)]) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}
