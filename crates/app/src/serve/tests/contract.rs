use super::*;
use serde_json::json as value;
use std::collections::BTreeSet;

#[test]
fn a_repeated_request_gets_the_first_answer() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Planner]).await;
        let ada = desk.sign_in("ada").await;
        let named = |key: &str, name: &str| {
            let mut request = ada.request("POST", "/api/v1/boards", &value!({ "name": name }));
            request.headers_mut().insert("idempotency-key", key.parse().unwrap());
            request
        };
        let first = desk.send(named("k1", "Easter")).await;
        let second = desk.send(named("k1", "Easter")).await;
        assert_eq!((first.status, &first.body), (second.status, &second.body));
        assert!(!first.headers.contains_key("idempotency-replayed"));
        assert_eq!(second.headers["idempotency-replayed"], "true");
        assert_eq!(desk.send(named("k1", "Summer")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    });
}

#[test]
fn no_secret_lies_in_the_store() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("root", &[Role::Admin]).await;
        let root = desk.sign_in("root").await;
        let named = |path: &str, body: &Value| {
            let mut request = root.request("POST", path, body);
            request.headers_mut().insert("idempotency-key", "k1".parse().unwrap());
            request
        };
        let wanted = value!({ "name": "reports", "roles": ["admin"], "days": 30 });
        let made = desk.send(named("/api/v1/tokens", &wanted)).await.json();
        let eve = value!({ "name": "eve", "roles": ["viewer"], "password": PASSWORD });
        assert_eq!(desk.send(named("/api/v1/accounts", &eve)).await.status, StatusCode::CREATED);
        let copy = desk.app.settings.folder.join("copy.db");
        desk.app.desk.back_up(&copy).await.unwrap();
        let stored = String::from_utf8_lossy(&std::fs::read(&copy).unwrap()).into_owned();
        let cookie = root.cookie.split_once('=').unwrap().1;
        assert!(stored.contains("reports"), "the copy can be read");
        for secret in [made["token"].as_str().unwrap(), PASSWORD, cookie] {
            assert!(!stored.contains(secret));
        }
    });
}

#[test]
fn every_answer_protects_the_browser() {
    run(async {
        let desk = TestDesk::new(false).await;
        for path in ["/", "/plan/board", "/api/v1/welcome", "/api/v1/nowhere", "/healthz"] {
            let got = desk.get(path).await;
            let content_security = got.headers["content-security-policy"].to_str().unwrap();
            assert!(!content_security.contains("unsafe"), "{path}: {content_security}");
            assert_eq!(got.headers["x-content-type-options"], "nosniff", "{path}");
        }
    });
}

#[test]
fn what_cannot_be_read_is_a_problem_that_says_why() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("root", &[Role::Admin]).await;
        let root = desk.sign_in("root").await;
        let mut broken = root.request("POST", "/api/v1/accounts", &Value::Null);
        *broken.body_mut() = Body::from("{");
        assert_eq!(desk.send(broken).await.status, StatusCode::BAD_REQUEST);
        let no_role = root.send("POST", "/api/v1/accounts", &value!({ "name": "eve", "roles": ["king"] })).await;
        assert_eq!(no_role.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(no_role.body.contains("supply_planner"), "{}", no_role.body);
        assert_eq!(root.get("/api/v1/accounts?limit=0").await.status, StatusCode::BAD_REQUEST);
        assert_eq!(root.get("/api/v1/accounts?cursor=x").await.status, StatusCode::BAD_REQUEST);
        assert_eq!(root.get("/api/v1/nowhere").await.kind(), "/problems/not-found");
        let large = value!({ "name": "x".repeat(3 << 20), "roles": [] });
        assert_eq!(root.send("POST", "/api/v1/accounts", &large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    });
}

#[test]
fn the_stored_description_of_the_api_is_what_is_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    let now = crate::serve::document().to_pretty_json().unwrap() + "\n";
    assert!(stored == now, "docs/openapi.json is old: write it anew with `endcap serve --openapi > docs/openapi.json`");
}

#[test]
fn a_client_written_from_the_description_finds_every_name_once() {
    let document = serde_json::to_value(crate::serve::document()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let operations: Vec<&Value> = paths.values().flat_map(|path| path.as_object().unwrap().values()).collect();
    let names: BTreeSet<&str> = operations.iter().map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(names.len(), operations.len(), "{names:?}");
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = &reference[..reference.find('"').unwrap()];
        assert!(document["components"]["schemas"][name].is_object(), "{name} is referred to and not described");
    }
}

#[test]
fn the_stored_description_of_the_messages_is_what_is_sent() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/asyncapi.json");
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    let now = crate::serve::messages();
    let text = serde_json::to_string_pretty(&now).unwrap() + "\n";
    assert!(
        stored == text,
        "docs/asyncapi.json is old: write it anew with `endcap serve --asyncapi > docs/asyncapi.json`"
    );
    for name in ["progress", "ready", "failed", "import", "board", "request", "stops"] {
        assert!(now["channels"]["live"]["messages"][name]["payload"].is_object(), "{name}");
    }
}

#[test]
fn answers_about_boards_supply_and_comparisons_are_described_field_by_field() {
    let document: Value = serde_json::to_value(crate::serve::document()).unwrap();
    for (path, method) in [
        ("/boards", "post"),
        ("/boards/{id}", "get"),
        ("/boards/{id}/edits", "post"),
        ("/boards/{id}/conflicts", "get"),
        ("/boards/{id}/curve", "get"),
        ("/boards/{id}/why", "get"),
        ("/supply", "get"),
        ("/supply/cells", "get"),
        ("/compare", "get"),
        ("/ready/pittarosso", "post"),
    ] {
        let answers = document["paths"][format!("/api/v1{path}")][method]["responses"].as_object().unwrap();
        let (_, good) = answers.iter().find(|(status, _)| status.starts_with('2')).unwrap();
        let schema = &good["content"]["application/json"]["schema"];
        let described = schema.get("$ref").or_else(|| schema["items"].get("$ref"));
        assert!(described.is_some(), "{method} {path}: {schema}");
    }
    let board = &document["components"]["schemas"]["Board"].to_string();
    assert!(board.contains("schemas/Drawing") && board.contains("schemas/Limits"), "{board}");
}

#[test]
fn a_page_of_the_desk_is_answered_at_every_address_of_its_own() {
    run(async {
        let desk = TestDesk::new(false).await;
        let page = desk.get("/evidence/effects").await;
        assert_eq!(page.headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(desk.get("/assets/none.js").await.status, StatusCode::NOT_FOUND);
        assert_eq!(desk.get("/../../etc/passwd").await.body, page.body);
    });
}
