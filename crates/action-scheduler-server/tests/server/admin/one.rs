//! One action, and what is done to it.

use action_scheduler::schedule::{Cadence, Interval};
use action_scheduler::trace::TraceIds;
use action_scheduler::{Status, Step};
use reqwest::StatusCode;
use reqwest::header::SET_COOKIE;

use super::{args, at, location, page, send, store};
use crate::running::Running;

#[tokio::test]
async fn its_page_tells_its_life() {
    let server = Running::start().await;
    let action =
        at("send_invoice", "2026-01-15T11:00:00Z").args(args(r#"{"order":[42,{"a":1.50}]}"#));
    let id = store(&server.scheduler, action).await;
    let text = page(&server, &format!("/actions/{id}")).await;
    assert!(text.contains("action created"), "{text}");
    assert!(text.contains("&quot;a&quot;: 1.50\n"), "args are indented, numbers as they were");
    assert!(text.contains("Why has this not run yet?") && text.contains("No runner is known"));
    assert!(text.contains("Nothing is bound to"));
}

#[tokio::test]
async fn its_page_names_its_trace_where_traces_are_exported() {
    let server = Running::start().await;
    let id = store(&server.scheduler, at("task", "2026-02-01T00:00:00Z")).await;
    let path = format!("/actions/{id}");
    let ids = TraceIds::of(server.scheduler.store().as_ref()).await.unwrap();
    let trace = ids.stored(id).trace_id.to_string();
    assert!(!page(&server, &path).await.contains(&trace));
    server.scheduler.trace(ids);
    assert!(page(&server, &path).await.contains(&trace));
}

#[tokio::test]
async fn the_instances_of_its_chain_stand_beside_it() {
    let server = Running::start().await;
    let hourly = Interval::new(std::time::Duration::from_secs(3600), Cadence::AfterRun).unwrap();
    let first = "2026-01-16T00:00:00Z".parse().unwrap();
    let recurring = server.scheduler.schedule_recurring(first, hourly, "report", ()).await;
    let id = recurring.unwrap().unwrap();
    let text = page(&server, &format!("/actions/{id}")).await;
    assert!(text.contains("every 1h") && text.contains("All instances"), "{text}");
    assert!(text.contains("<li aria-current=\"true\">"));
    let question = page(&server, &format!("/actions/{id}/cancel")).await;
    assert!(question.contains("its chain ends with it"));
}

#[tokio::test]
async fn to_cancel_is_asked_first_and_logged_with_who_did_it() {
    let server = Running::start().await;
    let id = store(&server.scheduler, at("task", "2026-02-01T00:00:00Z")).await;
    let question =
        page(&server, &format!("/actions/{id}/cancel?return=%2Factions%3Fhook%3Dtask")).await;
    assert!(question.contains(&format!("Cancel action {id}")));
    assert!(question.contains("value=\"/actions?hook=task\""));
    assert_eq!(server.scheduler.fetch(id).await.unwrap().status, Status::Pending);

    let response =
        send(&server, &format!("/actions/{id}/cancel"), &[("return", "/actions?hook=task")]).await;
    assert_eq!(location(&response), "/actions?hook=task");
    assert!(
        response.headers()[SET_COOKIE].to_str().unwrap().contains(&format!("flash=canceled.{id};"))
    );
    assert_eq!(server.scheduler.fetch(id).await.unwrap().status, Status::Canceled);
    let log = server.scheduler.logs(id).await.unwrap();
    let entry = log.iter().find(|entry| entry.step == Step::Canceled).unwrap();
    assert!(entry.context.as_ref().unwrap().as_str().contains("test"), "{entry:?}");
}

#[tokio::test]
async fn what_its_status_does_not_allow_changes_nothing_and_is_explained() {
    let server = Running::start().await;
    let id = store(&server.scheduler, at("task", "2026-02-01T00:00:00Z")).await;
    let response = send(&server, &format!("/actions/{id}/rerun"), &[]).await;
    assert_eq!(response.status(), StatusCode::CONFLICT);
    let text = response.text().await.unwrap();
    assert!(text.contains("Not possible now") && text.contains("pending"), "{text}");
    assert_eq!(server.scheduler.fetch(id).await.unwrap().status, Status::Pending);
}

#[tokio::test]
async fn a_new_date_is_read_as_people_write_it() {
    let server = Running::start().await;
    let id = store(&server.scheduler, at("task", "2026-02-01T00:00:00Z")).await;
    let path = format!("/actions/{id}/reschedule");
    let response = send(&server, &path, &[("date", "tomorow <b>")]).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let text = response.text().await.unwrap();
    assert!(
        text.contains("value=\"tomorow &lt;b&gt;\"") && text.contains("id=\"date-problem\""),
        "{text}"
    );
    let date = server.scheduler.fetch(id).await.unwrap().scheduled_at;
    assert_eq!(date, "2026-02-01T00:00:00Z".parse().unwrap());

    let response = send(&server, &path, &[("date", "tomorrow 09:30")]).await;
    assert_eq!(location(&response), format!("/actions/{id}"));
    let date = server.scheduler.fetch(id).await.unwrap().scheduled_at;
    assert_eq!(date, "2026-01-16T09:30:00Z".parse().unwrap());
}

#[tokio::test]
async fn run_rerun_and_delete_do_what_they_say() {
    let server = Running::start().await;
    let scheduler = &server.scheduler;
    let id = store(scheduler, at("task", "2026-02-01T00:00:00Z")).await;
    send(&server, &format!("/actions/{id}/run"), &[]).await;
    assert_eq!(scheduler.fetch(id).await.unwrap().scheduled_at, scheduler.now());
    scheduler.cancel(id).await.unwrap();
    send(&server, &format!("/actions/{id}/rerun"), &[]).await;
    assert_eq!(scheduler.fetch(id).await.unwrap().status, Status::Pending);
    let own = format!("/actions/{id}");
    let response = send(&server, &format!("{own}/delete"), &[("return", &own)]).await;
    assert_eq!(location(&response), "/actions");
    assert!(scheduler.fetch(id).await.is_err());
}

#[tokio::test]
async fn a_note_goes_into_the_log() {
    let server = Running::start().await;
    let id = store(&server.scheduler, at("task", "2026-02-01T00:00:00Z")).await;
    let response =
        send(&server, &format!("/actions/{id}/notes"), &[("text", " the customer called ")]).await;
    assert_eq!(location(&response), format!("/actions/{id}"));
    assert!(page(&server, &format!("/actions/{id}")).await.contains("the customer called"));
    let too_long = "x".repeat(2001);
    for text in ["", "  ", too_long.as_str()] {
        let response = send(&server, &format!("/actions/{id}/notes"), &[("text", text)]).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(server.scheduler.logs(id).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_long_output_is_folded_and_still_there() {
    let server = Running::start().await;
    let id = store(&server.scheduler, at("task", "2026-02-01T00:00:00Z")).await;
    let output: String = (0..200).map(|line| format!("line {line}\n")).collect();
    server.scheduler.note(id, output).await.unwrap();
    let text = page(&server, &format!("/actions/{id}")).await;
    assert!(text.contains("more lines") && text.contains("line 199"));
}
