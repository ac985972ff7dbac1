//! Who gets in, and for how long.

use std::time::{Duration, Instant};

use action_scheduler::Scheduler;
use action_scheduler_server::access::accounts::{Actor, AuditEvent, NewToken, Password};
use action_scheduler_server::{Server, ServerConfig, ServerError};
use jiff::SignedDuration;
use reqwest::header::{HOST, LOCATION, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};

use crate::browser::{Browser, PASSWORD, accounts, add_user, form, link};
use crate::running::{Running, client_with, token};

fn advance(server: &Running, by: SignedDuration) {
    server.scheduler.store().clock().advance(by);
}

#[tokio::test]
async fn a_link_signs_in_once() {
    let server = Running::start().await;
    let (browser, link) = (Browser::new(&server), link(&server).await);
    let first = browser.follow_link(&link).await;
    assert_eq!(first.status(), StatusCode::SEE_OTHER);
    assert_eq!(first.headers()[LOCATION], "/");
    let cookie = first.headers()[SET_COOKIE].to_str().unwrap();
    assert!(
        cookie.starts_with(&format!("action-scheduler-{}=", server.address.port())),
        "{cookie}"
    );
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    let second = browser.follow_link(&link).await;
    assert_eq!(second.status(), StatusCode::GONE);
    assert!(second.headers().get(SET_COOKIE).is_none());
    let text = second.text().await.unwrap();
    assert!(text.contains("action-scheduler sign-in-link"), "{text}");
    assert!(Browser::with_link(&server).await.is_signed_in().await);
}

#[tokio::test]
async fn looking_at_a_link_in_advance_does_not_use_it_up() {
    let server = Running::start().await;
    let (browser, link) = (Browser::new(&server), link(&server).await);
    let previewed = browser.get(&link).await;
    assert_eq!(previewed.status(), StatusCode::OK);
    assert!(previewed.headers().get(SET_COOKIE).is_none());
    let pressed = browser.request(Method::POST, &link).send().await.unwrap();
    assert_eq!(pressed.status(), StatusCode::SEE_OTHER);
    assert!(pressed.headers().get(SET_COOKIE).is_some());
}

#[tokio::test]
async fn a_link_is_good_for_a_quarter_of_an_hour() {
    let server = Running::start().await;
    let (browser, link) = (Browser::new(&server), link(&server).await);
    advance(&server, SignedDuration::from_mins(15));
    assert_eq!(browser.follow_link(&link).await.status(), StatusCode::GONE);
}

#[tokio::test]
async fn a_password_signs_in_and_leads_where_one_wanted_to_go() {
    let server = Running::start().await;
    add_user(&server, "ada", "viewer").await;
    let browser = Browser::new(&server);
    let response = browser.sign_in("Ada", PASSWORD).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()[LOCATION], "/actions?status=failed");
}

#[tokio::test]
async fn nobody_is_led_to_another_site() {
    let server = Running::start().await;
    let mut browser = Browser::with_role(&server, "ada", "viewer").await;
    for to in ["https://evil.example/", "//evil.example", "/\\evil.example", "evil", "/a\nb", ""] {
        let response = browser.get(&format!("/sign-in?{}", form(&[("to", to)]))).await;
        assert_eq!(response.headers()[LOCATION], "/", "{to:?}");
    }
    browser.cookie.clear();
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn whether_the_name_or_the_password_is_wrong_is_not_said() {
    let server = Running::start().await;
    add_user(&server, "ada", "viewer").await;
    let browser = Browser::new(&server);
    let mut answers = Vec::new();
    for (user, password) in
        [("ada", "wrong horse 1"), ("bob", PASSWORD), ("<b>", PASSWORD), ("ada", "")]
    {
        let response = browser.sign_in(user, password).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(response.headers().get(SET_COOKIE).is_none());
        let text = response.text().await.unwrap();
        assert!(!text.contains("<b>") && !text.contains("wrong horse"), "{text}");
        answers.push(
            text.replace("value=\"bob\"", "value=\"ada\"")
                .replace("value=\"&lt;b&gt;\"", "value=\"ada\""),
        );
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn a_session_ends_unused_and_at_its_end() {
    let server = Running::start().await;
    let unused = Browser::with_link(&server).await;
    advance(&server, SignedDuration::from_hours(11));
    assert!(unused.is_signed_in().await);
    advance(&server, SignedDuration::from_hours(11));
    assert!(unused.is_signed_in().await, "it was used in between");
    advance(&server, SignedDuration::from_hours(12));
    assert!(!unused.is_signed_in().await);
    let used = Browser::with_link(&server).await;
    for _ in 0..15 {
        assert!(used.is_signed_in().await);
        advance(&server, SignedDuration::from_hours(11));
    }
    assert!(used.is_signed_in().await, "6 days and 21 hours");
    advance(&server, SignedDuration::from_hours(3));
    assert!(!used.is_signed_in().await, "7 days");
}

#[tokio::test]
async fn signing_out_ends_the_session_for_whoever_has_its_cookie() {
    let server = Running::start().await;
    let (one, other) = (Browser::with_link(&server).await, Browser::with_link(&server).await);
    let response = one.post("/sign-out", &[]).await;
    assert_eq!(response.headers()[LOCATION], "/sign-in");
    assert!(response.headers()[SET_COOKIE].to_str().unwrap().contains("=; "));
    assert!(!one.is_signed_in().await);
    assert!(other.is_signed_in().await);
}

#[tokio::test]
async fn what_another_process_ends_is_ended_here_within_seconds() {
    let server = Running::start().await;
    let browser = Browser::with_link(&server).await;
    let secret = token(&server.scheduler, "other", "read").await;
    let ask = || async {
        let url = format!("http://{}/sign-in", server.address);
        client_with(&secret).get(url).send().await.unwrap().status()
    };
    assert_eq!(ask().await, StatusCode::SEE_OTHER);
    let (accounts, by) = (accounts(&server), Actor::command_line());
    let [session] = &accounts.sessions().await.unwrap()[..] else { panic!("one session") };
    accounts.end_session(session.id, &by).await.unwrap();
    accounts.revoke_token(&"other".parse().unwrap(), &by).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while browser.is_signed_in().await || ask().await != StatusCode::UNAUTHORIZED {
        assert!(Instant::now() < deadline, "still good after a minute");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(accounts.sessions().await.unwrap().is_empty(), "its use did not bring it back");
    assert_eq!(accounts.tokens().await.unwrap().len(), 1, "that of the test");
}

#[tokio::test]
async fn another_password_ends_the_sessions_of_the_old_one() {
    let server = Running::start().await;
    Browser::with_role(&server, "ada", "viewer").await;
    let browser = Browser::new(&server);
    let ada = "ada".parse().unwrap();
    let (accounts, by) = (accounts(&server), Actor::command_line());
    accounts.set_password(&ada, Password::new("another horse"), &by).await.unwrap();
    assert!(accounts.sessions().await.unwrap().is_empty());
    assert_eq!(browser.sign_in("ada", PASSWORD).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(browser.sign_in("ada", "another horse").await.status(), StatusCode::SEE_OTHER);
    accounts.remove_user(&ada, &by).await.unwrap();
    assert!(accounts.sessions().await.unwrap().is_empty());
    let again = browser.sign_in("ada", "another horse").await;
    assert_eq!(again.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_token_is_known_at_once_until_it_expires() {
    let server = Running::start().await;
    let lifetime = Some(Duration::from_secs(3600));
    let token =
        NewToken { name: "deploy".parse().unwrap(), scopes: "write".parse().unwrap(), lifetime };
    // The server has read all tokens a moment ago.
    assert_eq!(server.get("/sign-in").send().await.unwrap().status(), StatusCode::SEE_OTHER);
    let secret =
        accounts(&server).create_token(token.clone(), &Actor::command_line()).await.unwrap();
    let client = client_with(secret.reveal());
    let url = format!("http://{}/sign-in", server.address);
    assert_eq!(client.get(&url).send().await.unwrap().status(), StatusCode::SEE_OTHER);
    let again = accounts(&server).create_token(token, &Actor::command_line()).await.unwrap_err();
    assert_eq!(again.to_string(), "there is a token \"deploy\" already");
    let used = accounts(&server).tokens().await.unwrap();
    assert!(used.iter().all(|token| token.used_at == Some(server.scheduler.now())), "{used:?}");
    advance(&server, SignedDuration::from_hours(1));
    let expired = client.get(&url).send().await.unwrap();
    assert_eq!(expired.status(), StatusCode::UNAUTHORIZED);
    assert!(expired.text().await.unwrap().contains("token has expired"));
}

#[tokio::test]
async fn an_unknown_token_is_refused_even_beside_a_good_session() {
    let server = Running::start().await;
    let browser = Browser::with_link(&server).await;
    let request = browser.request(Method::GET, "/sign-in").bearer_auth("ast_unknown");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let request = browser.request(Method::GET, "/api/v1/any").bearer_auth("ast_unknown");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer realm=\"action-scheduler\"");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn a_form_without_what_its_page_was_given_changes_nothing() {
    let server = Running::start().await;
    let browser = Browser::with_link(&server).await;
    let other = Browser::with_link(&server).await;
    let form_with = |csrf: &str| {
        let request = browser.request(Method::POST, "/sign-out");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(form(&[("csrf", csrf)])).send()
    };
    for csrf in ["", "0", other.csrf.as_str()] {
        assert_eq!(form_with(csrf).await.unwrap().status(), StatusCode::FORBIDDEN, "{csrf}");
    }
    let plain = browser.request(Method::POST, "/sign-out").body(format!("csrf={}", browser.csrf));
    assert_eq!(plain.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    assert!(browser.is_signed_in().await);
    assert_eq!(form_with(&browser.csrf).await.unwrap().status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_another_site_sends_changes_nothing() {
    let server = Running::start().await;
    let browser = Browser::with_link(&server).await;
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let request = browser.request(Method::POST, "/sign-out").header(name, value);
        let request = request.header("x-csrf-token", &browser.csrf);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{name} {value}");
        let stranger = Browser::new(&server).request(Method::POST, "/sign-in").header(name, value);
        let stranger = stranger.header("content-type", "application/x-www-form-urlencoded");
        let stranger = stranger.body(form(&[("user", "ada"), ("password", PASSWORD)]));
        assert_eq!(stranger.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    }
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn a_name_that_was_made_to_lead_here_is_not_answered() {
    let server = Running::start().await;
    let browser = Browser::with_link(&server).await;
    let rebound = browser.request(Method::GET, "/sign-in").header(HOST, "evil.example:7420");
    let response = rebound.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
    let local = browser.request(Method::GET, "/sign-in").header(HOST, "localhost:7420");
    assert_eq!(local.send().await.unwrap().status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn whoever_guesses_is_slowed_down() {
    let server = Running::start().await;
    add_user(&server, "ada", "viewer").await;
    let browser = Browser::new(&server);
    for _ in 0..10 {
        let response = browser.sign_in("ada", "wrong horse 1").await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    let right = browser.sign_in("ada", PASSWORD).await;
    // On a slow machine an attempt may have come back meanwhile; the unit tests of attempts have a clock of their own.
    if right.status() != StatusCode::SEE_OTHER {
        assert_eq!(right.status(), StatusCode::TOO_MANY_REQUESTS);
        let wait: u64 = right.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((1..=11).contains(&wait), "{wait}");
    }
}

#[tokio::test]
async fn who_did_what_about_access_is_noted_down() {
    let server = Running::start().await;
    let browser = Browser::with_role(&server, "ada", "admin").await;
    let stranger = Browser::new(&server);
    stranger.sign_in("ada", "wrong horse 1").await;
    stranger.sign_in("secret typed as name!", PASSWORD).await;
    browser.post("/sign-out", &[]).await;
    let entries = accounts(&server).audit(100).await.unwrap();
    let told = |event: AuditEvent| entries.iter().find(|entry| entry.event == event).unwrap();
    assert_eq!(told(AuditEvent::UserAdded).who, "CLI");
    assert_eq!(told(AuditEvent::UserAdded).about, "user ada, admin");
    assert_eq!(told(AuditEvent::SignedIn).who, "user ada");
    assert_eq!(told(AuditEvent::SignedIn).address, Some("127.0.0.1".parse().unwrap()));
    assert_eq!(told(AuditEvent::SignedOut).who, "user ada");
    let failed = entries.iter().filter(|entry| entry.event == AuditEvent::SignInFailed);
    let mut failed: Vec<&str> = failed.map(|entry| entry.about.as_str()).collect();
    failed.sort_unstable();
    assert_eq!(failed, ["no name", "user ada"]);
}

#[tokio::test]
async fn where_others_can_reach_it_someone_must_be_able_to_sign_in() {
    let server = Running::start().await;
    let scheduler: &Scheduler = &server.scheduler;
    let config = ServerConfig { listen: "0.0.0.0:0".parse().unwrap(), ..ServerConfig::default() };
    Server::bind(scheduler.clone(), config.clone()).await.expect("there is a token");
    let by = Actor::command_line();
    accounts(&server).revoke_token(&server.token_name.parse().unwrap(), &by).await.unwrap();
    let refused = Server::bind(scheduler.clone(), config).await.err().expect("a refusal");
    assert!(matches!(refused, ServerError::NobodyMaySignIn { .. }));
    assert!(refused.to_string().contains("action-scheduler user add NAME"), "{refused}");
    let local = ServerConfig { listen: "127.0.0.1:0".parse().unwrap(), ..ServerConfig::default() };
    Server::bind(scheduler.clone(), local).await.expect("loopback");
}

#[tokio::test]
async fn every_answer_tells_browsers_what_not_to_do() {
    let server = Running::start().await;
    for path in ["/sign-in", "/api/v1/none", "/none"] {
        let response = Browser::new(&server).get(path).await;
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert!(header("content-security-policy").starts_with("default-src 'none';"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "same-origin");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(header("cache-control"), "no-store");
        assert!(response.headers().get("strict-transport-security").is_none());
    }
}
