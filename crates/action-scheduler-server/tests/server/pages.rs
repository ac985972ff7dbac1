//! Pages of the admin: schedules, hooks, groups, runners, settings, and the form for a new action.

#![allow(clippy::expect_used, reason = "a test that fails is to panic")]

use std::time::Duration;

use action_scheduler::schedule::{Cadence, Interval, Missed, Recurrence};
use action_scheduler::store::{Chain, ChainQuery, ChainState};
use action_scheduler::{ActionId, Query, Schedule, Status};
use action_scheduler_server::ServerConfig;
use action_scheduler_server::about::{About, Setting};
use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode};

use crate::browser::Browser;
use crate::running::Running;

const HOSTILE: &str = "\"><script>alert(1)</script>";

async fn page(browser: &Browser, path: &str) -> String {
    let response = browser.get(path).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.text().await.expect("a page")
}

fn leads_to(response: &Response, path: &str) {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()[LOCATION], path);
}

async fn hourly(server: &Running, hook: &str) -> (Chain, ActionId) {
    let every = Duration::from_secs(3600);
    let interval = Interval::new(every, Cadence::FixedRate(Missed::Skip)).expect("an interval");
    let first = server.scheduler.now() + every;
    let id = server.scheduler.schedule_recurring(first, interval, hook, [42]).await;
    let id = id.expect("stored").expect("an id");
    let chain = server.scheduler.fetch(id).await.expect("it").chain.expect("a chain");
    (chain_of(server, chain).await, id)
}

async fn chain_of(server: &Running, id: action_scheduler::ChainId) -> Chain {
    let query = ChainQuery { ids: Some(vec![id]), ..ChainQuery::default() };
    server.scheduler.chains(query).await.expect("chains").pop().expect("the chain")
}

#[tokio::test]
async fn hostile_names_and_reasons_are_text_on_every_page() {
    let server = Running::start().await;
    let browser = Browser::with_link(&server).await;
    let (chain, _) = hourly(&server, HOSTILE).await;
    let quick = server.scheduler.enqueue_async("quick", [HOSTILE]).group(HOSTILE);
    quick.await.expect("stored");
    server.scheduler.pause(chain.id, HOSTILE).await.expect("paused");
    let hook = "hook=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    for path in [
        "/schedules".to_owned(),
        format!("/schedules?{hook}"),
        format!("/schedules/{}", chain.id),
        format!("/schedules/{}/edit", chain.id),
        format!("/schedules/{}/end", chain.id),
        "/hooks".to_owned(),
        format!("/hooks/one?{hook}"),
        "/groups".to_owned(),
        format!("/actions/new?{hook}&args={hook}&kind=at&at={hook}"),
        format!("/actions/new/preview?{hook}&kind=at&at={hook}"),
    ] {
        let page = page(&browser, &path).await;
        assert!(!page.contains("<script>alert"), "{path}: {page}");
        assert!(page.contains("&lt;script&gt;alert(1)"), "{path}");
    }
}

#[tokio::test]
async fn a_chain_is_paused_with_a_reason_resumed_run_and_ended() {
    let server = Running::start().await;
    let browser = Browser::with_link(&server).await;
    let (chain, id) = hourly(&server, "renew").await;
    let path = format!("/schedules/{}", chain.id);
    let run = browser.post(&format!("{path}/run"), &[("return", "/schedules?hook=renew")]).await;
    leads_to(&run, "/schedules?hook=renew");
    let action = server.scheduler.fetch(id).await.expect("it");
    assert_eq!(action.scheduled_at, server.scheduler.now());
    let paused = browser.post(&format!("{path}/pause"), &[("reason", "a holiday")]).await;
    leads_to(&paused, &path);
    let now = chain_of(&server, chain.id).await;
    assert_eq!((now.state, now.reason.as_deref()), (ChainState::Paused, Some("a holiday")));
    assert!(page(&browser, "/schedules?state=paused").await.contains("a holiday"));
    assert_eq!(browser.post(&format!("{path}/run"), &[]).await.status(), StatusCode::CONFLICT);
    leads_to(&browser.post(&format!("{path}/resume"), &[]).await, &path);
    assert!(page(&browser, &format!("{path}/end")).await.contains("End chain"));
    leads_to(&browser.post(&format!("{path}/end"), &[]).await, &path);
    assert_eq!(chain_of(&server, chain.id).await.state, ChainState::Ended);
    assert_eq!(browser.get(&format!("{path}/edit")).await.status(), StatusCode::CONFLICT);
    assert_eq!(browser.get("/schedules/999").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/schedules/x").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_chain_gets_another_schedule_and_a_wrong_one_changes_nothing() {
    let server = Running::start().await;
    let browser = Browser::with_link(&server).await;
    let (chain, id) = hourly(&server, "renew").await;
    let path = format!("/schedules/{}/edit", chain.id);
    assert!(page(&browser, &path).await.contains("value=\"1h\""));
    for (fields, problem) in [
        (&[("kind", "cron"), ("cron", "61 * * * *")][..], "61"),
        (&[("kind", "every"), ("every", "0s")][..], "1 second"),
        (&[("kind", "every"), ("every", "")][..], "length of time"),
        (&[("kind", "async")][..], "again and again"),
        (&[("kind", "cron"), ("cron", "0 0 * * *"), ("time_zone", "Mars/Base")][..], "Mars/Base"),
    ] {
        let response = browser.post(&path, fields).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        let text = response.text().await.expect("a page");
        assert!(text.contains(problem), "{fields:?}: {text}");
        assert_eq!(chain_of(&server, chain.id).await, chain);
    }
    let preview = [("kind", "every"), ("every", "2h"), ("preview", "yes")];
    let text = browser.post(&path, &preview).await.text().await.expect("a page");
    assert!(text.contains("2 h after the end of each run"), "{text}");
    assert_eq!(chain_of(&server, chain.id).await, chain);
    let fields = [("kind", "cron"), ("cron", "30 9 * * *"), ("time_zone", "Europe/Berlin")];
    leads_to(&browser.post(&path, &fields).await, &format!("/schedules/{}", chain.id));
    let now = chain_of(&server, chain.id).await;
    let Recurrence::Cron { cron, .. } = &now.recurring.recurrence else { panic!("{now:?}") };
    assert_eq!((cron.text(), cron.zone_name()), ("30 9 * * *", "Europe/Berlin"));
    assert_eq!(server.scheduler.fetch(id).await.expect("it").status, Status::Canceled);
    let head = server.scheduler.fetch(now.head.expect("a head")).await.expect("it");
    assert_eq!(head.scheduled_at.to_string(), "2026-01-16T08:30:00Z");
}

#[tokio::test]
async fn a_new_action_is_stored_as_the_form_says() {
    let server = Running::start().await;
    let browser = Browser::with_link(&server).await;
    let fields = [
        ("hook", "send_invoice"),
        ("args", "{\"order\": 42}"),
        ("group", "billing"),
        ("priority", "3"),
        ("unique", "args"),
        ("kind", "at"),
        ("at", "tomorrow 09:30"),
        ("time_zone", "America/New_York"),
        // Left over from another kind.
        ("cron", "nonsense"),
    ];
    leads_to(&browser.post("/actions/new", &fields).await, "/actions/1");
    let action = server.scheduler.query(Query::new()).await.expect("actions").pop().expect("one");
    assert_eq!((action.hook.as_str(), action.args.as_str()), ("send_invoice", "{\"order\":42}"));
    assert_eq!((action.group.as_str(), action.priority.0), ("billing", 3));
    assert_eq!(action.schedule, Schedule::Single("2026-01-16T14:30:00Z".parse().expect("a date")));
    let again = browser.post("/actions/new", &fields).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    let text = again.text().await.expect("a page");
    assert!(
        text.contains("nothing was stored") && text.contains("value=\"send_invoice\""),
        "{text}"
    );
    assert_eq!(server.scheduler.count(Query::new()).await.expect("a count"), 1);
}

#[tokio::test]
async fn a_wrong_field_is_named_and_what_was_typed_is_kept() {
    let server = Running::start().await;
    let browser = Browser::with_link(&server).await;
    for (field, value) in [
        ("hook", "  "),
        ("args", "{\"order\": 42"),
        ("priority", "256"),
        ("at", "the day after never"),
        ("time_zone", "Mars/Base"),
        ("unique", "perhaps"),
    ] {
        let mut fields = vec![
            ("hook", "greet"),
            ("args", "[1]"),
            ("kind", "at"),
            ("at", "tomorrow"),
            ("group", "kept as it was"),
        ];
        fields.retain(|(name, _)| *name != field);
        fields.push((field, value));
        let response = browser.post("/actions/new", &fields).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        let text = response.text().await.expect("a page");
        assert!(text.contains(&format!("id=\"{field}-problem\"")), "{field}: {text}");
        assert!(text.contains("kept as it was"), "{field}");
    }
    assert_eq!(server.scheduler.count(Query::new()).await.expect("a count"), 0);
}

#[tokio::test]
async fn a_preview_stores_nothing() {
    let server = Running::start().await;
    let browser = Browser::with_link(&server).await;
    let fields = [("hook", "greet"), ("kind", "cron"), ("cron", "0 0 29 2 *"), ("preview", "yes")];
    let text = browser.post("/actions/new", &fields).await.text().await.expect("a page");
    assert!(text.contains("29") && text.contains("2028-02-29"), "{text}");
    let path = "/actions/new/preview?kind=every&every=90s";
    assert!(page(&browser, path).await.contains("1 m 30 s after the end of each run"));
    assert_eq!(server.scheduler.count(Query::new()).await.expect("a count"), 0);
}

#[tokio::test]
async fn those_who_may_only_look_are_offered_nothing_and_can_change_nothing() {
    let server = Running::start().await;
    let (chain, _) = hourly(&server, "renew").await;
    let browser = Browser::with_role(&server, "vera", "viewer").await;
    let path = format!("/schedules/{}", chain.id);
    for shown in ["/schedules".to_owned(), path.clone(), "/hooks/one?hook=renew".to_owned()] {
        let text = page(&browser, &shown).await;
        assert!(!text.contains("/pause\"") && !text.contains("/actions/new"), "{shown}: {text}");
    }
    for deed in ["pause", "resume", "run", "end", "edit"] {
        let response = browser.post(&format!("{path}/{deed}"), &[]).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{deed}");
    }
    assert_eq!(browser.get("/actions/new").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(chain_of(&server, chain.id).await, chain);
}

#[tokio::test]
async fn hooks_and_groups_are_counted_by_status() {
    let server = Running::start().await;
    let browser = Browser::with_link(&server).await;
    for _ in 0..3 {
        server.scheduler.enqueue_async("greet", ()).group("people").await.expect("stored");
    }
    let text = page(&browser, "/hooks").await;
    assert!(text.contains("/actions?hook=greet&amp;status=pending"), "{text}");
    let text = page(&browser, "/groups").await;
    assert!(text.contains("/actions?group=people&amp;status=pending"), "{text}");
    assert!(page(&browser, "/groups?search=nobody").await.contains("No such name"));
    let text = page(&browser, "/hooks/one?hook=greet").await;
    assert!(text.contains("max_attempts") && text.contains("none here"), "{text}");
}

#[tokio::test]
async fn settings_say_where_each_value_came_from() {
    let setting = Setting {
        key: "runner.workers".to_owned(),
        value: "4".to_owned(),
        origin: "shop.toml:7".to_owned(),
    };
    let about = About { settings: vec![setting], ..About::default() };
    let server = Running::with_config(ServerConfig { about, ..ServerConfig::default() }).await;
    let browser = Browser::with_link(&server).await;
    let text = page(&browser, "/settings").await;
    assert!(text.contains("runner.workers") && text.contains("shop.toml:7"), "{text}");
}

#[tokio::test]
async fn without_a_runner_the_page_of_runners_says_what_to_do() {
    let server = Running::start().await;
    let browser = Browser::with_link(&server).await;
    assert!(page(&browser, "/runners").await.contains("Nobody works on the queue"));
}

#[tokio::test]
async fn an_export_that_is_compressed_comes_to_its_end() {
    let server = Running::start().await;
    for _ in 0..300 {
        server.scheduler.enqueue_async("greet", ()).await.expect("stored");
    }
    let request = server.get("/actions/export?format=csv").header("accept-encoding", "gzip");
    let response = request.send().await.expect("an answer");
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let bytes = response.bytes().await.expect("all of it");
    assert!(!bytes.is_empty());
}
