use super::*;
use serde_json::json as value;

#[test]
fn ready_boards_need_no_project_and_keep_nothing() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Viewer]).await;
        assert_eq!(desk.get("/api/v1/ready/promo-planner").await.status, StatusCode::UNAUTHORIZED);
        let ada = desk.sign_in("ada").await;
        let published = ada.get("/api/v1/ready/promo-planner").await.json();
        let mut inputs = published["inputs"].clone();
        inputs["budget"] = value!(1000.0);
        let poorer = ada.send("POST", "/api/v1/ready/promo-planner", &inputs).await.json();
        let margin = |board: &Value| board["greedy"]["kpis"]["incremental_margin"].as_f64().unwrap();
        assert!(margin(&poorer) < margin(&published), "{poorer}");
        assert_eq!(ada.get("/api/v1/ready/promo-planner").await.json(), published);
    });
}

#[test]
fn levers_are_played_by_hand_and_by_search() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Viewer]).await;
        let ada = desk.sign_in("ada").await;
        let season = ada.get("/api/v1/ready/pittarosso").await.json();
        let goal = &season["goals"][0];
        let wish = value!({ "goal": goal, "fill": "lowest", "locks": [
            { "lever": "promotion", "month": "May", "value": "3x2" },
            { "lever": "markdown", "group": "sandals", "value": 0.5 },
        ] });
        let played = ada.send("POST", "/api/v1/ready/pittarosso", &wish).await.json();
        assert_eq!(played["months"][2]["promotion"], "3x2");
        assert_eq!(played["months"][0]["groups"][5]["markdown"], 0.5);
        assert_eq!(played["published"].as_array().unwrap().len(), 3);
        let greedy = ada.send("POST", "/api/v1/ready/pittarosso", &value!({ "goal": goal, "fill": "greedy" })).await;
        let revenue = |played: &Value| played["figures"]["revenue"].as_i64().unwrap();
        assert!(revenue(&greedy.json()) > revenue(&played));
    });
}

#[test]
fn what_a_ready_board_cannot_take_is_refused_with_what_it_takes() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Viewer]).await;
        let ada = desk.sign_in("ada").await;
        let season = ada.get("/api/v1/ready/pittarosso").await.json();
        let mut inputs = ada.get("/api/v1/ready/promo-planner").await.json()["inputs"].clone();
        inputs["steal_rate"] = value!(2.0);
        let lock = |lock: Value| value!({ "goal": season["goals"][0], "fill": "lowest", "locks": [lock] });
        let unknown = lock(value!({ "lever": "markdown", "group": "boots", "value": 0.5 }));
        let off_grid = lock(value!({ "lever": "markdown", "value": 0.33 }));
        let no_goal = value!({ "goal": { "name": "own", "revenue": 0.7, "margin": 0.7 } });
        for (path, body, says) in [
            ("promo-planner", &inputs, "a share from 0 to 1"),
            ("pittarosso", &unknown, "women's shoes"),
            ("pittarosso", &off_grid, "0.05"),
            ("pittarosso", &no_goal, "0.7"),
        ] {
            let got = ada.send("POST", &format!("/api/v1/ready/{path}"), body).await;
            assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", got.body);
            assert!(got.body.contains(says), "{says}: {}", got.body);
        }
    });
}

#[test]
fn without_facts_supply_and_comparisons_say_what_to_do_first() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Planner]).await;
        let ada = desk.sign_in("ada").await;
        for path in ["/supply", "/supply/alerts", "/supply/orders.csv", "/compare?boards=a,in-force"] {
            let got = ada.get(&format!("/api/v1{path}")).await;
            assert_eq!(got.status, StatusCode::CONFLICT, "{path}: {}", got.body);
            assert!(got.body.contains("bring data in first"), "{}", got.body);
        }
        let alone = ada.get("/api/v1/compare?boards=a").await;
        assert_eq!((alone.status, alone.kind().as_str()), (StatusCode::BAD_REQUEST, "/problems/bad-request"));
        assert!(alone.body.contains("expected 2 to 4 ids, found 1"), "{}", alone.body);
    });
}
