//! The OpenAPI document.

use crate::running::Running;

#[tokio::test]
async fn the_document_describes_the_api_as_it_is() {
    let server = Running::start().await;
    let document = server.look("/openapi.json").await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    insta::with_settings!({sort_maps => false, prepend_module_to_snapshot => false}, {
        insta::assert_json_snapshot!("openapi", document, {".info.version" => "[version]"});
    });
}

#[tokio::test]
async fn every_operation_is_described_and_names_no_schema_that_is_not_there() {
    let server = Running::start().await;
    let document = server.look("/openapi.json").await;
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (place, _) in text.match_indices("#/components/schemas/") {
        let rest = &text[place + "#/components/schemas/".len()..];
        let name = &rest[..rest.find('"').unwrap()];
        assert!(schemas.contains_key(name), "there is no schema {name}");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{name} has no summary");
            assert!(operation["operationId"].is_string() && operation["tags"].is_array(), "{name}");
            assert!(operation["responses"]["401"].is_object(), "{name}");
        }
    }
}

#[tokio::test]
async fn the_document_can_be_read_as_a_page_that_needs_nothing_from_elsewhere() {
    let server = Running::start().await;
    let page = server.get("/api/v1/docs").send().await.unwrap();
    assert_eq!(page.status(), 200);
    let text = page.text().await.unwrap();
    for (path, item) in server.look("/openapi.json").await["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let heading = format!("{} {path}", method.to_uppercase());
            assert!(text.contains(&heading), "{heading} is not on the page");
            let id = format!("id=\"{}\"", operation["operationId"].as_str().unwrap());
            assert!(text.contains(&id), "{heading} has no place of its own");
        }
    }
    for reference in text.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(text.contains(&format!("id=\"{reference}\"")), "{reference} leads nowhere");
    }
    assert!(!text.contains("style=") && !text.contains("href=\"http"), "{text}");
}
