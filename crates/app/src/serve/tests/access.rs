use super::*;
use endcap_govern::audit::{Held, Record};
use serde_json::json as value;

#[test]
fn without_signing_in_only_the_welcome_is_answered() {
    run(async {
        let desk = TestDesk::new(false).await;
        assert_eq!(desk.get("/api/v1/welcome").await.status, StatusCode::OK);
        for path in ["/api/v1/session", "/api/v1/project", "/api/v1/accounts", "/api/v1/tokens", "/api/v1/live"] {
            let got = desk.get(path).await;
            assert_eq!((got.status, got.kind().as_str()), (StatusCode::UNAUTHORIZED, "/problems/sign-in"), "{path}");
        }
    });
}

#[test]
fn a_wrong_password_and_an_unknown_name_are_told_apart_by_nothing() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Planner]).await;
        let wrong = desk.send(json("POST", "/api/v1/session", &credentials("ada", "a wrong long secret"))).await;
        let unknown = desk.send(json("POST", "/api/v1/session", &credentials("bob", "a wrong long secret"))).await;
        assert_eq!((wrong.status, wrong.body), (unknown.status, unknown.body));
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    });
}

#[test]
fn the_cookie_is_out_of_reach_of_scripts_and_other_sites_and_worth_nothing_after_signing_out() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Planner]).await;
        let got = desk.send(json("POST", "/api/v1/session", &credentials("ada", PASSWORD))).await;
        let cookie = got.headers[header::SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        let browser = desk.sign_in("ada").await;
        assert_eq!(browser.get("/api/v1/session").await.json()["name"], "ada");
        assert_eq!(browser.send("DELETE", "/api/v1/session", &Value::Null).await.status, StatusCode::NO_CONTENT);
        assert_eq!(browser.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    });
}

#[test]
fn a_change_needs_the_csrf_token_and_our_own_origin() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("root", &[Role::Admin]).await;
        let browser = desk.sign_in("root").await;
        let wanted = value!({ "name": "eve", "roles": ["viewer"], "password": PASSWORD });
        let mut bare = browser.request("POST", "/api/v1/accounts", &wanted);
        bare.headers_mut().remove("x-csrf-token");
        assert_eq!(desk.send(bare).await.status, StatusCode::FORBIDDEN);
        for (header, from_elsewhere) in [("origin", "https://evil.example.com"), ("sec-fetch-site", "cross-site")] {
            let mut request = browser.request("POST", "/api/v1/accounts", &wanted);
            request.headers_mut().insert(header, from_elsewhere.parse().unwrap());
            assert_eq!(desk.send(request).await.status, StatusCode::FORBIDDEN, "{header}");
        }
        assert_eq!(desk.app.desk.accounts().await.unwrap().len(), 1);
        assert_eq!(browser.send("POST", "/api/v1/accounts", &wanted).await.status, StatusCode::CREATED);
    });
}

#[test]
fn only_an_admin_manages_accounts_and_not_their_own_role() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("root", &[Role::Admin]).await;
        desk.account("ada", &[Role::Planner]).await;
        let ada = desk.sign_in("ada").await;
        assert_eq!(ada.get("/api/v1/accounts").await.kind(), "/problems/forbidden");
        let more = value!({ "roles": ["planner", "admin"] });
        assert_eq!(ada.send("PUT", "/api/v1/accounts/ada", &more).await.status, StatusCode::FORBIDDEN);
        let root = desk.sign_in("root").await;
        let less = value!({ "roles": ["viewer"] });
        assert_eq!(root.send("PUT", "/api/v1/accounts/root", &less).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(root.send("PUT", "/api/v1/accounts/ada", &less).await.json()["roles"], value!(["viewer"]));
        assert_eq!(ada.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED, "old sessions end");
    });
}

#[test]
fn a_token_works_until_it_is_taken_back_and_makes_no_other() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Viewer]).await;
        let ada = desk.sign_in("ada").await;
        let wanted = value!({ "name": "reports", "roles": ["viewer"], "days": 30 });
        let made = ada.send("POST", "/api/v1/tokens", &wanted).await.json();
        let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
        let with_token = |method: &str, path: &str, body: &Value| {
            let mut request = json(method, path, body);
            request.headers_mut().insert(header::AUTHORIZATION, bearer.parse().unwrap());
            request
        };
        assert_eq!(desk.send(with_token("GET", "/api/v1/project", &Value::Null)).await.status, StatusCode::OK);
        assert_eq!(desk.send(with_token("POST", "/api/v1/tokens", &wanted)).await.status, StatusCode::FORBIDDEN);
        let greedy = value!({ "name": "reports", "roles": ["admin"], "days": 30 });
        assert_eq!(ada.send("POST", "/api/v1/tokens", &greedy).await.status, StatusCode::FORBIDDEN);
        let listed = ada.get("/api/v1/tokens").await;
        assert!(!listed.body.contains(made["token"].as_str().unwrap()));
        let path = format!("/api/v1/tokens/{}", made["id"]);
        assert_eq!(ada.send("DELETE", &path, &Value::Null).await.status, StatusCode::NO_CONTENT);
        assert_eq!(
            desk.send(with_token("GET", "/api/v1/project", &Value::Null)).await.status,
            StatusCode::UNAUTHORIZED
        );
    });
}

#[test]
fn forged_bearers_are_refused() {
    run(async {
        let desk = TestDesk::new(false).await;
        for forged in ["", "Bearer", "Bearer ", "Bearer x", "Basic YTpi", "bearer endcap_00", "Bearer ' or 1=1 --"] {
            let request = Request::get("/api/v1/project").header(header::AUTHORIZATION, forged);
            let got = desk.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(got.status, StatusCode::UNAUTHORIZED, "{forged}");
        }
    });
}

#[test]
fn guessing_a_password_is_slowed_down() {
    run(async {
        let desk = TestDesk::new(false).await;
        let mut last = StatusCode::OK;
        for _ in 0..12 {
            last = desk.send(json("POST", "/api/v1/session", &credentials("ada", "x"))).await.status;
        }
        assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    });
}

#[test]
fn the_demo_lets_people_choose_a_role_and_no_other_desk_does() {
    run(async {
        let role = value!({ "role": "planner" });
        let demo = TestDesk::new(true).await;
        let got = demo.send(json("POST", "/api/v1/session/demo", &role)).await;
        assert_eq!((got.status, &got.json()["roles"]), (StatusCode::CREATED, &value!(["planner"])));
        let real = TestDesk::new(false).await;
        assert_eq!(real.send(json("POST", "/api/v1/session/demo", &role)).await.status, StatusCode::FORBIDDEN);
    });
}

#[test]
fn the_first_account_is_made_once_with_the_code_that_was_printed() {
    run(async {
        let desk = TestDesk::new(false).await;
        let first = |code: &str| value!({ "code": code, "name": "root", "password": PASSWORD });
        let guessed = desk.send(json("POST", "/api/v1/session/first", &first("0000"))).await;
        assert_eq!(guessed.status, StatusCode::FORBIDDEN);
        let code = desk.app.first_account.clone().unwrap();
        let made = desk.send(json("POST", "/api/v1/session/first", &first(&code))).await;
        assert_eq!((made.status, &made.json()["roles"]), (StatusCode::CREATED, &value!(["admin"])));
        let again = value!({ "code": code, "name": "eve", "password": PASSWORD });
        assert_eq!(desk.send(json("POST", "/api/v1/session/first", &again)).await.status, StatusCode::FORBIDDEN);
    });
}

#[test]
fn what_is_decided_at_the_desk_is_recorded_without_secrets() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("root", &[Role::Admin]).await;
        desk.account("ada", &[Role::Planner]).await;
        let mistyped = credentials("my long secret, mistyped", "a wrong long secret");
        desk.send(json("POST", "/api/v1/session", &mistyped)).await;
        let root = desk.sign_in("root").await;
        let wanted = value!({ "name": "eve", "roles": ["viewer"], "password": PASSWORD });
        assert_eq!(root.send("POST", "/api/v1/accounts", &wanted).await.status, StatusCode::CREATED);
        let changed = value!({ "roles": ["planner"], "disabled": true });
        assert_eq!(root.send("PUT", "/api/v1/accounts/eve", &changed).await.status, StatusCode::OK);
        let token = value!({ "name": "till", "roles": ["admin"], "days": 1 });
        let made = root.send("POST", "/api/v1/tokens", &token).await.json();
        root.get("/api/v1/accounts").await;
        root.get("/api/v1/project").await;
        let ada = desk.sign_in("ada").await;
        assert_eq!(ada.get("/api/v1/accounts").await.status, StatusCode::FORBIDDEN);
        desk.get("/api/v1/accounts").await;

        let values = desk.app.ledger.openings().await.unwrap();
        let told = |held: &Held| match held {
            Held::Open(text) => text.clone(),
            Held::Committed { commitment } => format!("({})", values[commitment]),
        };
        let line = |record: &Record| {
            let Record { entry, .. } = record;
            let why: Vec<String> = entry.reasons.iter().map(told).collect();
            let (who, what, on) = (told(&entry.actor), &entry.action, told(&entry.subject));
            format!("{who} {what} {on} {:?} {}", entry.ruling, why.join(", "))
        };
        let lines: Vec<String> = desk.app.ledger.last(20).await.unwrap().iter().map(line).collect();
        assert_eq!(
            lines,
            [
                "nobody who is known desk: POST session session Refused ",
                "(root) desk: POST session (root) Allowed ",
                "(root) desk: POST accounts (eve) Allowed roles: viewer",
                "(root) desk: PUT accounts/{name} (eve) Allowed roles: planner, kept out",
                "(root) desk: POST tokens tokens Allowed roles: admin",
                "(root) desk: GET accounts accounts Allowed ",
                "(ada) desk: POST session (ada) Allowed ",
                "(ada) desk: GET accounts accounts Refused ",
            ]
        );
        let everything = format!("{lines:?}{values:?}");
        for secret in [PASSWORD, "mistyped", made["token"].as_str().unwrap()] {
            assert!(!everything.contains(secret), "{secret}");
        }
    });
}
