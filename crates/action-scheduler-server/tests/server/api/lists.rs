//! Lists over HTTP: filters, orders, pages.

use reqwest::Method;
use serde_json::{Value, json};

use crate::running::Running;

fn ids(page: &Value) -> Vec<i64> {
    page["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action["id"].as_i64().unwrap())
        .collect()
}

/// Ten actions: hooks a and b by turns, groups x and y by halves, an hour between any two.
async fn ten() -> (Running, Vec<i64>) {
    let server = Running::start().await;
    let actions: Vec<Value> = (0..10)
        .map(|n| {
            json!({
                "hook": if n % 2 == 0 { "a" } else { "b" }, "group": if n < 5 { "x" } else { "y" },
                "args": {"n": n}, "schedule": {"at": format!("2026-01-15T{:02}:00:00Z", n + 8)},
            })
        })
        .collect();
    let ids = server.send("/actions/bulk", json!({"actions": actions})).await["ids"].clone();
    (server, serde_json::from_value(ids).unwrap())
}

#[tokio::test]
async fn lists_are_filtered_by_what_the_parameters_say() {
    let (server, all) = ten().await;
    server.send(&format!("/actions/{}/cancel", all[0]), Value::Null).await;
    for (query, places) in [
        ("", (0..10).collect::<Vec<usize>>()),
        ("hook=a&group=y", vec![6, 8]),
        ("status=canceled", vec![0]),
        ("status=canceled&status=pending&hook=b&group=x", vec![1, 3]),
        ("status=canceled,complete", vec![0]),
        ("past_due=true", vec![1, 2, 3, 4]),
        ("scheduled=%3E%3D2026-01-15T10:00:00Z&scheduled=%3C2026-01-15T12:00:00Z", vec![2, 3]),
        ("scheduled=2026-01-15T09:00:00Z", vec![0, 1]),
        ("args=%7B%22n%22:%203%7D", vec![3]),
        ("args=%22n%22:7&args_match=text", vec![7]),
        ("args=%7B%22n%22:8%7D&args_match=json", vec![8]),
        ("claimed=yes", vec![]),
        ("claimed=no&limit=2&order=desc", vec![9, 8]),
        ("hook=b&order_by=id&order=desc&limit=3", vec![9, 7, 5]),
        ("order_by=log_entries&order=desc&limit=1", vec![0]),
        ("order_by=finished&order=desc&limit=1", vec![0]),
        ("within=3", vec![0, 1, 2]),
    ] {
        let page = server.look(&format!("/actions?{query}")).await;
        let expected: Vec<i64> = places.iter().map(|place| all[*place]).collect();
        assert_eq!(ids(&page), expected, "{query}");
    }
    let one = server.look(&format!("/actions?id={},{}&id={}", all[1], all[2], all[5])).await;
    assert_eq!(ids(&one), [all[1], all[2], all[5]]);
    let found = server.look(&format!("/actions?search={}", all[4])).await;
    assert!(ids(&found).contains(&all[4]));
}

#[tokio::test]
async fn pages_lead_through_a_list_without_gaps_or_doubles() {
    let (server, all) = ten().await;
    for order in ["order_by=date", "order_by=hook", "order_by=id&order=desc", "order_by=started"] {
        let mut path = format!("/api/v1/actions?{order}&limit=3&search=n");
        let mut seen = Vec::new();
        let mut pages = 0;
        loop {
            let short = path.strip_prefix("/api/v1").unwrap();
            let answer = server.call(Method::GET, short, Value::Null).await;
            seen.extend(ids(&answer.body));
            pages += 1;
            let Some(next) = answer.body["next"].as_str() else {
                assert!(answer.body["cursor"].is_null() && !answer.headers.contains_key("link"));
                break;
            };
            assert_eq!(answer.headers["link"], format!("<{next}>; rel=\"next\""));
            path = next.to_owned();
        }
        assert_eq!(pages, 4, "{order}");
        seen.sort_unstable();
        assert_eq!(seen, all, "{order}");
    }
}

#[tokio::test]
async fn a_list_can_say_how_many_there_are() {
    let (server, _) = ten().await;
    let page = server.look("/actions?hook=a&limit=2&count=true").await;
    assert_eq!((ids(&page).len(), &page["count"]), (2, &json!(5)));
    assert_eq!(server.look("/actions?within=4&limit=2&count=true").await["count"], 4);
    assert!(server.look("/actions").await.get("count").is_none());
}

#[tokio::test]
async fn a_cursor_of_another_order_is_refused() {
    let (server, _) = ten().await;
    let cursor = server.look("/actions?limit=1&order_by=hook").await["cursor"].clone();
    let path = format!("/actions?cursor={}", cursor.as_str().unwrap());
    let answer = server.call(Method::GET, &path, Value::Null).await;
    assert_eq!((answer.status.as_u16(), &answer.body["field"]), (422, &json!("cursor")));
}

#[tokio::test]
async fn hooks_groups_and_the_state_of_the_whole_are_told() {
    let (server, _) = ten().await;
    let hooks = server.look("/hooks").await;
    assert_eq!(hooks["hooks"][0]["hook"], "a");
    assert_eq!(hooks["hooks"][0]["policy"]["timeout"], 300.0);
    assert_eq!(hooks["hooks"][0]["handled"], false);
    let groups = server.look("/groups").await;
    let names: Vec<&str> =
        groups["groups"].as_array().unwrap().iter().map(|g| g["group"].as_str().unwrap()).collect();
    assert!(names.contains(&"x") && names.contains(&"y"), "{names:?}");
    let status = server.look("/status").await;
    assert_eq!(status["actions"]["pending"]["count"], 10);
    assert_eq!(status["actions"]["pending"]["oldest"], "2026-01-15T08:00:00Z");
    assert_eq!(status["past_due"], 5);
}

#[tokio::test]
async fn many_actions_are_changed_by_their_ids_or_by_what_the_parameters_say() {
    let (server, all) = ten().await;
    let change = async |path: &str, body: Value| server.send(path, body).await;
    let report = |changed: u64, passed_over: u64| json!({"changed": changed, "passed_over": passed_over, "more": false});
    let canceled = change("/actions/cancel?hook=a&group=x", json!({"reason": "not needed"})).await;
    assert_eq!(canceled, report(3, 0));
    let log = server.look(&format!("/actions/{}/logs", all[0])).await;
    assert_eq!(log["entries"][1]["message"], "not needed");
    let ids = json!({"ids": [all[0], all[2], all[1], 999_999]});
    assert_eq!(change("/actions/rerun", ids).await, report(2, 2));
    assert_eq!(change("/actions/run?hook=b", Value::Null).await, report(3, 0));
    let moved = change("/actions/reschedule?group=y", json!({"at": "2026-02-01"})).await;
    assert_eq!(moved, report(5, 0));
    assert_eq!(change("/actions/delete?status=canceled", Value::Null).await, report(1, 0));
    assert_eq!(change("/actions/delete?all=true", Value::Null).await, report(9, 0));
    assert_eq!(server.look("/actions").await["actions"], json!([]));
}

#[tokio::test]
async fn a_change_to_everything_must_be_meant() {
    let (server, all) = ten().await;
    for change in ["cancel", "delete", "rerun", "run"] {
        let answer = server.call(Method::POST, &format!("/actions/{change}"), Value::Null).await;
        assert_eq!((answer.status.as_u16(), &answer.body["field"]), (422, &json!("ids")));
        let none = server.send(&format!("/actions/{change}"), json!({"ids": []})).await;
        assert_eq!(none["changed"], 0);
    }
    assert_eq!(ids(&server.look("/actions?status=pending").await), all);
}

#[tokio::test]
async fn a_large_change_is_done_in_parts() {
    let server = Running::start().await;
    let actions = vec![json!({"hook": "a"}); 2500];
    server.send("/actions/bulk", json!({"actions": actions})).await;
    let mut changed = Vec::new();
    loop {
        let report = server.send("/actions/cancel?hook=a&limit=1", Value::Null).await;
        changed.push(report["changed"].as_u64().unwrap());
        if report["more"] == false {
            break;
        }
    }
    assert_eq!(changed.iter().sum::<u64>(), 2500);
    assert!(changed.len() >= 3, "{changed:?}");
}
