use super::*;
use serde_json::json as value;

const GAMES: &str = "/api/v1/learn/sandbox";

fn turn(from: usize, weeks: usize, offers: &Value) -> Value {
    value!({ "from": from, "weeks": weeks, "offers": offers })
}

async fn begun(browser: &Browser<'_>) -> (String, Value) {
    let got = browser.send("POST", GAMES, &value!({ "world": 7 })).await;
    assert_eq!(got.status, StatusCode::CREATED, "{}", got.body);
    (format!("{GAMES}/{}", got.json()["id"].as_str().unwrap()), got.json())
}

#[test]
fn a_world_is_played_week_by_week_by_whoever_began_it_and_a_restart_loses_nothing() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Viewer]).await;
        desk.account("bob", &[Role::Viewer]).await;
        let (ada, bob) = (desk.sign_in("ada").await, desk.sign_in("bob").await);
        let (path, game) = begun(&ada).await;
        assert_eq!((&game["standing"]["now"], &game["seen_before"]), (&value!(0), &value!(false)));
        let offers = value!([{ "sku": "coffee", "week": 3, "depth": 0.2 }]);
        let got = ada.send("POST", &format!("{path}/turns"), &turn(0, 2, &offers)).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.body);
        assert_eq!((&got.json()["standing"]["now"], &got.json()["standing"]["offers"]), (&value!(2), &offers));
        assert_eq!(bob.get(&path).await.status, StatusCode::NOT_FOUND);
        assert_eq!(bob.get(GAMES).await.json()["items"], value!([]));
        let again = shell::router(open(settings(&desk.app.settings.folder, false), noon).await.unwrap());
        let response = again.oneshot(ada.request("GET", &path, &Value::Null)).await.unwrap();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), got.json());
    });
}

#[test]
fn nothing_hidden_leaves_before_the_world_is_over() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Planner]).await;
        let ada = desk.sign_in("ada").await;
        let (path, _) = begun(&ada).await;
        let early = ada.send("POST", &format!("{path}/turns"), &turn(0, 12, &value!([]))).await;
        for word in ["comparison", "hidden", "lift", "elasticity", "lost", "integrated"] {
            assert!(!early.body.contains(word), "{word}");
        }
        let over = ada.send("POST", &format!("{path}/turns"), &turn(12, 1, &value!([]))).await.json();
        let played = over["comparison"]["played"].as_array().unwrap();
        let names: Vec<&str> = played.iter().map(|by| by["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["you", "no promotions", "spreadsheet", "siloed", "integrated"]);
        assert_eq!(played[0]["outcome"]["revenue"], over["standing"]["earned"]["revenue"]);
        let listed = ada.get(GAMES).await.json();
        assert_eq!(listed["items"][0]["profit"], played[0]["outcome"]["profit"]);
        let after = ada.send("POST", &format!("{path}/turns"), &turn(13, 1, &value!([]))).await;
        assert_eq!(after.status, StatusCode::CONFLICT);
        assert_eq!(begun(&ada).await.1["seen_before"], value!(true));
    });
}

#[test]
fn turns_that_cannot_be_taken_say_why_and_where() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Planner]).await;
        let ada = desk.sign_in("ada").await;
        assert_eq!(ada.send("POST", GAMES, &value!({ "world": 0 })).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let (path, _) = begun(&ada).await;
        let turns = format!("{path}/turns");
        assert_eq!(ada.send("POST", &turns, &turn(0, 1, &value!([]))).await.status, StatusCode::OK);
        let twice = ada.send("POST", &turns, &turn(0, 1, &value!([]))).await;
        assert_eq!(twice.status, StatusCode::CONFLICT);
        assert!(twice.body.contains("2026-W10 has been played already"), "{}", twice.body);
        let near = value!([{ "sku": "tea", "week": 2, "depth": 0.1 }, { "sku": "tea", "week": 3, "depth": 0.1 }]);
        let refused = ada.send("POST", &turns, &turn(1, 1, &near)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused.json()["errors"][0]["at"], "/offers/1");
        for bad in [
            value!({ "from": 1, "weeks": 1, "offers": [{ "sku": "tea", "week": 2, "depth": "much" }] }),
            value!({ "from": 1, "weeks": 1, "offers": [], "orders": { "tea": -6 } }),
            value!({ "from": -1, "weeks": 1, "offers": [] }),
            value!({ "weeks": 1 }),
        ] {
            assert_eq!(ada.send("POST", &turns, &bad).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
        }
    });
}

#[test]
fn without_facts_drills_and_reports_say_what_to_do() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Planner]).await;
        let ada = desk.sign_in("ada").await;
        let paths = ["/api/v1/after/rollup?by=depth", "/api/v1/after/playbook", "/api/v1/after/report?sku=a&first=b"];
        for path in paths {
            let got = ada.get(path).await;
            assert_eq!(got.status, StatusCode::CONFLICT, "{path}");
            assert!(got.body.contains("bring data in first"), "{}", got.body);
        }
        let drill = ada.send("POST", "/api/v1/learn/drills", &value!({})).await;
        assert_eq!(drill.status, StatusCode::CONFLICT, "{}", drill.body);
        let many = ada.send("POST", "/api/v1/learn/drills", &value!({ "cases": 11 })).await;
        assert_eq!(many.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(ada.get("/api/v1/after/rollup?by=colour").await.status, StatusCode::BAD_REQUEST);
        assert_eq!(ada.get("/api/v1/learn/drills").await.json()["items"], value!([]));
        assert_eq!(ada.get("/api/v1/learn/drills/none").await.status, StatusCode::NOT_FOUND);
    });
}
