//! The pages for people, asked for as a browser without scripts does.

mod actions;
mod bulk;
mod one;
mod overview;
mod pages;

use action_scheduler::{ActionId, Args, Hook, NewAction, Schedule, Scheduler};
use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode};

use crate::running::Running;

/// A page, as text.
async fn page(server: &Running, path: &str) -> String {
    let response = server.get(path).send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.text().await.expect("a page")
}

/// A form that is sent.
async fn send(server: &Running, path: &str, fields: &[(&str, &str)]) -> Response {
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect()
    };
    let pairs: Vec<String> =
        fields.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect();
    server
        .post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(pairs.join("&"))
        .send()
        .await
        .expect("an answer")
}

/// Where an answer leads.
fn location(response: &Response) -> &str {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    response.headers().get(LOCATION).expect("a location").to_str().expect("a text")
}

/// An action of this hook that is due at this date.
fn at(hook: &str, date: &str) -> NewAction {
    let at = date.parse().expect("a date");
    NewAction::new(Hook::new(hook).expect("a hook"), Schedule::Single(at))
}

fn args(text: &str) -> Args {
    text.parse().expect("args")
}

/// Stores an action.
async fn store(scheduler: &Scheduler, action: NewAction) -> ActionId {
    scheduler.insert(vec![action]).await.expect("it is stored").pop().flatten().expect("an id")
}

/// The targets of links whose text has this in it.
fn links<'a>(page: &'a str, text: &str) -> Vec<&'a str> {
    page.split("<a ")
        .skip(1)
        .filter(|link| link.split("</a>").next().is_some_and(|link| link.contains(text)))
        .filter_map(|link| link.split("href=\"").nth(1)?.split('"').next())
        .collect()
}
