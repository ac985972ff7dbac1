//! What is done to many actions at once.

use std::time::Duration;

use action_scheduler::{Query, Status};
use reqwest::StatusCode;

use super::{at, location, page, send, store};
use crate::running::Running;

/// The page of a job when it has ended.
async fn ended(server: &Running, path: &str) -> String {
    let look = async {
        loop {
            let text = page(server, path).await;
            if !text.contains("data-refresh") {
                return text;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), look).await.expect("the job ends")
}

async fn count(server: &Running, status: Status) -> u64 {
    server.scheduler.count(Query::new().status(status)).await.unwrap()
}

#[tokio::test]
async fn what_will_happen_is_said_first_and_then_done_to_the_selected() {
    let server = Running::start().await;
    let mut ids = Vec::new();
    for n in 1..=4 {
        ids.push(
            store(&server.scheduler, at("task", &format!("2026-02-0{n}T00:00:00Z")))
                .await
                .to_string(),
        );
    }
    server.scheduler.cancel(ids[2].parse().unwrap()).await.unwrap();
    let mut fields =
        vec![("deed", "cancel"), ("over", "selected"), ("return", "/actions?hook=task")];
    fields.extend(ids[..3].iter().map(|id| ("id", id.as_str())));

    let response = send(&server, "/actions/bulk", &fields).await;
    assert_eq!(response.status(), StatusCode::OK);
    let question = response.text().await.unwrap();
    assert!(question.contains("Cancel 2 actions") && question.contains("2 pending"), "{question}");
    assert!(question.contains("Left as they are: 1 canceled."), "{question}");
    assert_eq!(count(&server, Status::Pending).await, 3, "nothing is done yet");

    let response = send(&server, "/actions/bulk/start", &fields).await;
    let job = location(&response).to_owned();
    assert!(job.starts_with("/jobs/"), "{job}");
    let text = ended(&server, &job).await;
    assert!(text.contains("2 actions are canceled."), "{text}");
    assert!(text.contains("href=\"/actions?hook=task\""));
    assert_eq!(
        (count(&server, Status::Pending).await, count(&server, Status::Canceled).await),
        (1, 3)
    );
}

#[tokio::test]
async fn all_that_match_are_meant_beyond_the_page() {
    let server = Running::start().await;
    let actions =
        (0..2500).map(|n| at(if n % 5 == 0 { "keep" } else { "drop" }, "2026-02-01T00:00:00Z"));
    server.scheduler.insert(actions.collect()).await.unwrap();
    let fields = [
        ("deed", "delete"),
        ("over", "all"),
        ("view", "hook=drop&rows=20"),
        ("return", "/actions"),
    ];
    let question = send(&server, "/actions/bulk", &fields).await.text().await.unwrap();
    assert!(question.contains("Delete 2,000 actions"), "{question}");
    let response = send(&server, "/actions/bulk/start", &fields).await;
    let text = ended(&server, location(&response)).await;
    assert!(text.contains("2,000 actions are deleted."), "{text}");
    assert_eq!(server.scheduler.count(Query::new()).await.unwrap(), 500);
}

#[tokio::test]
async fn many_are_rescheduled_to_one_date() {
    let server = Running::start().await;
    let id = store(&server.scheduler, at("task", "2026-02-01T00:00:00Z")).await;
    let fields = |date| {
        [("deed", "reschedule"), ("over", "all"), ("view", "status=pending"), ("date", date)]
    };
    let response = send(&server, "/actions/bulk/start", &fields("soonish")).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(response.text().await.unwrap().contains("id=\"date-problem\""));
    let response = send(&server, "/actions/bulk/start", &fields("2026-03-01 12:00")).await;
    ended(&server, location(&response)).await;
    let date = server.scheduler.fetch(id).await.unwrap().scheduled_at;
    assert_eq!(date, "2026-03-01T12:00:00Z".parse().unwrap());
}

#[tokio::test]
async fn nothing_selected_and_nothing_to_do_are_said() {
    let server = Running::start().await;
    store(&server.scheduler, at("task", "2026-02-01T00:00:00Z")).await;
    let none = [("deed", "cancel"), ("over", "selected")];
    for path in ["/actions/bulk", "/actions/bulk/start"] {
        let text = send(&server, path, &none).await.text().await.unwrap();
        assert!(text.contains("No action is selected"), "{path}: {text}");
    }
    let rerun = [("deed", "rerun"), ("over", "all"), ("view", "status=pending")];
    let text = send(&server, "/actions/bulk", &rerun).await.text().await.unwrap();
    assert!(text.contains("There is nothing to do") && text.contains("1 pending"), "{text}");
}

#[tokio::test]
async fn forms_that_no_page_makes_are_refused() {
    let server = Running::start().await;
    for fields in [
        vec![("deed", "explode"), ("over", "all")],
        vec![("deed", "cancel")],
        vec![("deed", "cancel"), ("over", "selected"), ("id", "x")],
        vec![("deed", "cancel"), ("over", "all"), ("view", "status=done")],
        vec![("deed", "cancel"), ("over", "all"), ("view", "a b\u{7}")],
    ] {
        let response = send(&server, "/actions/bulk/start", &fields).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
    }
}
