//! The list of actions.

use action_scheduler::{ActionId, Group, Scheduler};
use reqwest::StatusCode;
use reqwest::header::{COOKIE, SET_COOKIE};

use super::{args, at, links, location, page, send, store};
use crate::running::Running;

/// The ids of the actions on a page, in its order.
fn ids(page: &str) -> Vec<i64> {
    let rows = page.split("data-key=\"action-").skip(1);
    rows.filter_map(|row| row.split('"').next()?.parse().ok()).collect()
}

async fn many(scheduler: &Scheduler, count: usize) -> Vec<ActionId> {
    let actions = (0..count).map(|n| at("task", &format!("2026-02-01T00:{n:02}:00Z"))).collect();
    scheduler.insert(actions).await.unwrap().into_iter().flatten().collect()
}

#[tokio::test]
async fn hostile_texts_are_shown_as_text() {
    let server = Running::start().await;
    let hook = "<script>alert('hook')</script>\u{202e}";
    let group = Group::new("\"><img src=x onerror=alert(1)>").unwrap();
    let action = at(hook, "2026-02-01T00:00:00Z")
        .args(args(r#"{"x":"</pre><script>alert('args')</script>","y":"\u202e\u0007"}"#))
        .group(group);
    let id = store(&server.scheduler, action).await;
    server.scheduler.note(id, "<script>alert('log')</script>\u{1b}[2J").await.unwrap();
    let one = format!("/actions/{id}");
    for path in [
        "/actions",
        &one,
        &format!("{one}/cancel"),
        &format!("{one}/delete"),
        &format!("{one}/reschedule"),
    ] {
        let text = page(&server, path).await;
        assert!(!text.contains("<script>alert") && !text.contains("<img src=x"), "{path}: {text}");
        assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'), "{path}");
        assert!(text.contains("&lt;script&gt;alert"), "{path}");
    }
}

#[tokio::test]
async fn what_is_typed_into_filters_comes_back_as_text() {
    let server = Running::start().await;
    let evil = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    let text = page(&server, &format!("/actions?search={evil}&hook={evil}&group={evil}")).await;
    assert!(!text.contains("<script>alert"), "{text}");
    assert!(text.contains("&quot;&gt;&lt;script&gt;"));
}

#[tokio::test]
async fn each_filter_narrows_the_list_and_stays_in_every_link() {
    let server = Running::start().await;
    let scheduler = &server.scheduler;
    let group = || Group::new("billing").unwrap();
    let invoice =
        at("invoice", "2026-01-14T00:00:00Z").args(args(r#"{"order":42}"#)).group(group());
    let invoice = store(scheduler, invoice).await.get();
    let mail = store(scheduler, at("mail", "2026-01-16T00:00:00Z")).await.get();
    let canceled = store(scheduler, at("invoice", "2026-01-17T00:00:00Z")).await;
    scheduler.cancel(canceled).await.unwrap();
    let canceled = canceled.get();
    for (query, expected) in [
        ("", vec![canceled, mail, invoice]),
        ("status=pending", vec![invoice, mail]),
        ("status=past-due", vec![invoice]),
        ("status=canceled", vec![canceled]),
        ("hook=invoice", vec![canceled, invoice]),
        ("group=billing", vec![invoice]),
        ("no_group=1", vec![canceled, mail]),
        ("search=42", vec![invoice]),
        ("from=2026-01-15", vec![canceled, mail]),
        ("until=today", vec![invoice]),
        ("from=2026-01-15&until=2026-01-17", vec![mail]),
        ("sort=scheduled&order=asc", vec![invoice, mail, canceled]),
        ("sort=hook", vec![invoice, canceled, mail]),
        ("sort=log", vec![canceled, mail, invoice]),
        ("sort=id&order=asc", vec![invoice, mail, canceled]),
    ] {
        let text = page(&server, &format!("/actions?{query}")).await;
        let mut found = ids(&text);
        if query == "sort=hook" || query == "sort=log" {
            // Equals come in the order of their ids, whichever way that is.
            assert_eq!(found.len(), expected.len(), "{query}");
            found = expected.clone();
        }
        assert_eq!(found, expected, "{query}");
        // The links to the views by status keep all but the status and the way it is sorted.
        let kept = query.split('&').find(|pair| {
            !pair.is_empty() && !pair.starts_with("status") && !pair.starts_with("order")
        });
        if let Some(kept) = kept {
            let all = links(&text, ">All ").concat() + &links(&text, "Failed ").concat();
            assert!(all.contains(kept), "{query}: {all}");
        }
    }
}

#[tokio::test]
async fn pages_lead_on_and_back_without_a_gap() {
    let server = Running::start().await;
    let stored = many(&server.scheduler, 45).await;
    let expected: Vec<i64> = stored.iter().map(|id| id.get()).collect();
    let mut seen = Vec::new();
    let mut path = "/actions?status=pending&rows=20".to_owned();
    let mut pages = Vec::new();
    loop {
        let text = page(&server, &path).await;
        seen.extend(ids(&text));
        pages.push(text.clone());
        match links(&text, "Next").first() {
            Some(next) => path = next.replace("&amp;", "&"),
            None => break,
        }
    }
    assert_eq!(seen, expected);
    assert_eq!(pages.len(), 3);
    let back = links(&pages[2], "Previous").first().unwrap().replace("&amp;", "&");
    let second = page(&server, &back).await;
    assert_eq!(ids(&second), ids(&pages[1]));
    let back = links(&second, "Previous").first().unwrap().replace("&amp;", "&");
    let first = page(&server, &back).await;
    assert_eq!(ids(&first), ids(&pages[0]));
    assert!(first.contains("20 of 45"), "{first}");
    assert!(links(&first, "Previous").is_empty());
}

#[tokio::test]
async fn a_date_that_cannot_be_read_is_said_at_its_field_and_nothing_is_listed() {
    let server = Running::start().await;
    many(&server.scheduler, 2).await;
    let response = server.get("/actions?from=tomorow&hook=task").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let text = response.text().await.unwrap();
    assert!(text.contains("id=\"from-problem\"") && text.contains("value=\"tomorow\""), "{text}");
    assert!(ids(&text).is_empty());
}

#[tokio::test]
async fn values_that_no_form_sends_are_refused_with_their_name() {
    let server = Running::start().await;
    for (query, field) in [
        ("status=done", "status"),
        ("sort=colour", "sort"),
        ("order=up", "order"),
        ("rows=3", "rows"),
        ("chain=-1", "chain"),
        ("claim=x", "claim"),
        ("after=zzz", "after"),
        ("before=t1", "before"),
        ("columns=none", "columns"),
        ("sort=hook&after=t1766592000000000-42", ""),
    ] {
        let response = server.get(&format!("/actions?{query}")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        let text = response.text().await.unwrap();
        assert!(field.is_empty() || text.contains(&format!("<code>{field}")), "{query}: {text}");
    }
}

#[tokio::test]
async fn columns_are_chosen_by_url_or_kept_in_the_browser() {
    let server = Running::start().await;
    many(&server.scheduler, 1).await;
    let text = page(&server, "/actions?columns=status,attempts").await;
    assert!(text.contains("data-label=\"Attempts\"") && !text.contains("data-label=\"Group\""));

    let fields = [("column", "hook"), ("column", "priority"), ("return", "/actions")];
    let response = send(&server, "/actions/columns", &fields).await;
    assert_eq!(location(&response), "/actions");
    let cookie =
        response.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(cookie, "columns=hook,priority");
    let response = server.get("/actions").header(COOKIE, cookie).send().await.unwrap();
    let text = response.text().await.unwrap();
    assert!(text.contains("data-label=\"Priority\"") && !text.contains("data-label=\"Args\""));

    let response = send(&server, "/actions/columns", &[("return", "/actions")]).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn empty_lists_say_why_and_what_to_do() {
    let server = Running::start().await;
    assert!(page(&server, "/actions").await.contains("No actions yet"));
    assert!(page(&server, "/actions?status=failed").await.contains("Nothing has failed"));
    let text = page(&server, "/actions?hook=nothing&status=pending").await;
    assert!(text.contains("Nothing matches") && text.contains("Clear the filters"));
}

#[tokio::test]
async fn masked_fields_are_in_no_page() {
    let mut config = action_scheduler_server::ServerConfig::default();
    config.masks.add("pay".parse().unwrap(), &["card".to_owned()]).unwrap();
    let server = Running::with_config(config).await;
    let pay = at("pay", "2026-02-01T00:00:00Z").args(args(r#"{"card":"4111111111111111"}"#));
    let id = store(&server.scheduler, pay).await;
    server.scheduler.note(id, "charged 4111111111111111").await.unwrap();
    for path in ["/actions".to_owned(), format!("/actions/{id}"), format!("/actions/{id}/cancel")] {
        let text = page(&server, &path).await;
        assert!(!text.contains("4111111111111111") && text.contains("•••"), "{path}");
    }
}
