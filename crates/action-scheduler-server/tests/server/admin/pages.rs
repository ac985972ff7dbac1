//! What all pages share.

use reqwest::StatusCode;
use reqwest::header::{COOKIE, SET_COOKIE};

use super::{location, page, send};
use crate::running::Running;

#[tokio::test]
async fn assets_are_kept_for_good_under_the_name_of_their_content() {
    let server = Running::start().await;
    let overview = page(&server, "/").await;
    for kind in [".css\"", ".js\"", ".svg\""] {
        let end = overview.find(kind).expect(kind) + kind.len() - 1;
        let start = overview[..end].rfind('"').expect("a quote") + 1;
        let response = server.get(&overview[start..end]).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{kind}");
        let kept = response.headers()["cache-control"].to_str().unwrap();
        assert!(kept.contains("immutable"), "{kind}: {kept}");
    }
    let other = server.get("/assets/style.000000000000.css").send().await.unwrap();
    assert_eq!(other.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_not_there_is_said_on_a_page_with_the_navigation() {
    let server = Running::start().await;
    for path in ["/nowhere", "/actions/0", "/actions/x", "/actions/99", "/jobs/7", "/jobs/x"] {
        let response = server.get(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        let text = response.text().await.unwrap();
        assert!(text.contains("<nav aria-label=\"Main\">") && text.contains("Not found"), "{path}");
    }
}

#[tokio::test]
async fn the_present_page_is_marked_in_the_navigation() {
    let server = Running::start().await;
    let text = page(&server, "/actions").await;
    assert!(text.contains("<a href=\"/actions\" aria-current=\"page\">"));
    assert!(text.contains("class=\"skip\" href=\"#content\""));
}

#[tokio::test]
async fn appearance_and_zone_are_kept_in_cookies() {
    let server = Running::start().await;
    let response = send(
        &server,
        "/preferences/theme",
        &[("theme", "dark"), ("return", "/actions?status=failed")],
    )
    .await;
    assert_eq!(location(&response), "/actions?status=failed");
    assert!(response.headers()[SET_COOKIE].to_str().unwrap().starts_with("theme=dark;"));

    let response = send(&server, "/preferences", &[("zone", "Asia/Tokyo"), ("rows", "100")]).await;
    let cookies: Vec<_> =
        response.headers().get_all(SET_COOKIE).iter().map(|c| c.to_str().unwrap()).collect();
    assert!(cookies.iter().any(|cookie| cookie.starts_with("zone=Asia/Tokyo;")), "{cookies:?}");

    let response = server
        .get("/preferences")
        .header(COOKIE, "theme=dark; zone=Asia/Tokyo; rows=100")
        .send()
        .await;
    let text = response.unwrap().text().await.unwrap();
    assert!(
        text.contains("data-theme=\"dark\"") && text.contains("2026-01-15 21:00:00 JST"),
        "{text}"
    );
    assert!(text.contains("<option value=\"100\" selected"));
}

#[tokio::test]
async fn cookies_that_make_no_sense_count_as_none() {
    let server = Running::start().await;
    let cookie =
        "theme=<b>; zone=../../etc/passwd; rows=-1; columns=x; flash=deleted.nope; flash=%00";
    let response = server.get("/actions").header(COOKIE, cookie).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let text = response.text().await.unwrap();
    assert!(
        !text.contains("<b>") && !text.contains("data-theme") && !text.contains("role=\"status\"")
    );
}

#[tokio::test]
async fn a_zone_that_nobody_knows_is_refused_and_not_kept() {
    let server = Running::start().await;
    let response = send(&server, "/preferences", &[("zone", "Mars/Olympus")]).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(response.headers().get(SET_COOKIE).is_none());
    assert!(response.text().await.unwrap().contains("Mars/Olympus"));
}

#[tokio::test]
async fn forms_lead_back_to_this_server_only() {
    let server = Running::start().await;
    for path in
        ["//evil.example/x", "https://evil.example", "/\\evil.example", "/a\r\nset-cookie: x=1"]
    {
        let response =
            send(&server, "/preferences/theme", &[("theme", "light"), ("return", path)]).await;
        assert_eq!(location(&response), "/", "{path:?}");
    }
}

#[tokio::test]
async fn what_was_done_is_said_once() {
    let server = Running::start().await;
    let response = server.get("/actions").header(COOKIE, "flash=canceled.42").send().await.unwrap();
    let forgotten = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    assert!(forgotten.starts_with("flash=;") && forgotten.contains("Max-Age=0"), "{forgotten}");
    assert!(response.text().await.unwrap().contains("Action 42 was canceled."));
}

#[tokio::test]
async fn the_overview_of_an_empty_store_says_what_to_do() {
    let server = Running::start().await;
    let text = page(&server, "/").await;
    assert!(text.contains("Past-due") && text.contains("Failed"));
}
