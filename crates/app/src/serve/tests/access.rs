use super::*;
use crate::serve::access::secret;
use axum::extract::ConnectInfo;
use endcap_adapters::desk::NewToken;
use jiff::ToSpan;
use serde_json::json as value;
use std::net::SocketAddr;

/// An answer that refuses, with its reason.
fn refused(got: &Got, status: StatusCode, kind: &str, reason: &str) {
    assert_eq!((got.status, got.kind().as_str()), (status, kind), "{}", got.body);
    assert!(got.json()["detail"].as_str().unwrap().contains(reason), "{}", got.body);
}

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

        let lines = desk.trail().await;
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
        let everything = format!("{lines:?}{:?}", desk.app.ledger.openings().await.unwrap());
        for secret in [PASSWORD, "mistyped", made["token"].as_str().unwrap()] {
            assert!(!everything.contains(secret), "{secret}");
        }
    });
}

#[test]
fn a_token_that_ended_belongs_to_somebody_kept_out_or_lost_its_roles_opens_nothing() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Viewer, Role::Admin]).await;
        let ada = desk.app.desk.account_by_name("ada").await.unwrap().unwrap();
        let add = async |name: &str, roles: &[Role], hours: i64| {
            let hash = secret::hash(name);
            let expires = noon().checked_add(hours.hours()).unwrap();
            let new = NewToken { account: ada.id, name, hash: &hash, roles, expires };
            desk.app.desk.add_token(&new, noon()).await.unwrap();
        };
        add("ended", &[Role::Viewer], -1).await;
        add("ends now", &[Role::Viewer], 0).await;
        add("reads", &[Role::Viewer], 1).await;
        add("manages", &[Role::Admin], 1).await;
        for over in ["ended", "ends now"] {
            let got = desk.get_with(over, "/api/v1/project").await;
            refused(&got, StatusCode::UNAUTHORIZED, "/problems/sign-in", "has ended");
            assert_eq!(got.headers[header::WWW_AUTHENTICATE], "Bearer");
        }
        assert_eq!(desk.get_with("manages", "/api/v1/accounts").await.status, StatusCode::OK);
        let beyond = desk.get_with("reads", "/api/v1/accounts").await;
        refused(&beyond, StatusCode::FORBIDDEN, "/problems/forbidden", "no role with the right 'administer'");
        desk.app.desk.change_account("ada", &[Role::Viewer], false).await.unwrap();
        let lost = desk.get_with("manages", "/api/v1/accounts").await;
        refused(&lost, StatusCode::FORBIDDEN, "/problems/forbidden", "no role with the right 'administer'");
        desk.app.desk.change_account("ada", &[Role::Viewer], true).await.unwrap();
        let kept_out = desk.get_with("reads", "/api/v1/project").await;
        refused(&kept_out, StatusCode::UNAUTHORIZED, "/problems/sign-in", "was taken back");
    });
}

#[test]
fn nobody_sees_or_takes_back_the_tokens_of_another_but_an_admin() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Viewer]).await;
        desk.account("bob", &[Role::Viewer]).await;
        desk.account("root", &[Role::Admin]).await;
        let wanted = value!({ "name": "reports", "roles": ["viewer"], "days": 30 });
        let made = desk.sign_in("ada").await.send("POST", "/api/v1/tokens", &wanted).await.json();
        let (token, path) = (made["token"].as_str().unwrap(), format!("/api/v1/tokens/{}", made["id"]));
        let bob = desk.sign_in("bob").await;
        assert_eq!(bob.get("/api/v1/tokens").await.json()["items"], value!([]));
        let got = bob.send("DELETE", &path, &Value::Null).await;
        refused(&got, StatusCode::NOT_FOUND, "/problems/not-found", "There is no token");
        assert_eq!(desk.get_with(token, "/api/v1/project").await.status, StatusCode::OK);
        let root = desk.sign_in("root").await;
        assert_eq!(root.send("DELETE", &path, &Value::Null).await.status, StatusCode::NO_CONTENT);
        let got = desk.get_with(token, "/api/v1/project").await;
        refused(&got, StatusCode::UNAUTHORIZED, "/problems/sign-in", "was taken back");
    });
}

#[test]
fn a_session_ends_with_its_time_a_new_password_or_the_account() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Viewer]).await;
        let ended = |got: &Got| refused(got, StatusCode::UNAUTHORIZED, "/problems/sign-in", "The session has ended");
        let ada = desk.app.desk.account_by_name("ada").await.unwrap().unwrap();
        let hash = secret::hash("old");
        let span = (noon().checked_sub(12.hours()).unwrap(), noon());
        desk.app.desk.open_session((&hash, "csrf"), ada.id, span).await.unwrap();
        let old = Browser { desk: &desk, cookie: "endcap=old".to_owned(), csrf: "csrf".to_owned() };
        ended(&old.get("/api/v1/session").await);

        let (here, there) = (desk.sign_in("ada").await, desk.sign_in("ada").await);
        let new = value!({ "old": PASSWORD, "new": "another long secret" });
        let wrong = value!({ "old": "a wrong long secret", "new": "another long secret" });
        let got = here.send("PUT", "/api/v1/accounts/ada/password", &wrong).await;
        refused(&got, StatusCode::FORBIDDEN, "/problems/forbidden", "does not fit");
        assert_eq!(there.get("/api/v1/session").await.status, StatusCode::OK);
        assert_eq!(here.send("PUT", "/api/v1/accounts/ada/password", &new).await.status, StatusCode::NO_CONTENT);
        ended(&here.get("/api/v1/session").await);
        ended(&there.get("/api/v1/session").await);
        let before = desk.send(json("POST", "/api/v1/session", &credentials("ada", PASSWORD))).await;
        refused(&before, StatusCode::UNAUTHORIZED, "/problems/sign-in", "Name and password do not fit");

        desk.account("bob", &[Role::Viewer]).await;
        let bob = desk.sign_in("bob").await;
        desk.app.desk.change_account("bob", &[Role::Viewer], true).await.unwrap();
        ended(&bob.get("/api/v1/session").await);
        let kept_out = desk.send(json("POST", "/api/v1/session", &credentials("bob", PASSWORD))).await;
        refused(&kept_out, StatusCode::UNAUTHORIZED, "/problems/sign-in", "Name and password do not fit");
    });
}

#[test]
fn over_tls_cookies_are_bound_to_the_host_and_travel_over_nothing_else() {
    run(async {
        let desk = TestDesk::with(|settings| settings.site = Site::parse("https://desk.example.com").unwrap()).await;
        desk.account("ada", &[Role::Viewer]).await;
        let got = desk.send(json("POST", "/api/v1/session", &credentials("ada", PASSWORD))).await;
        let cookie = got.headers[header::SET_COOKIE].to_str().unwrap();
        let mut attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
        attributes.sort_unstable();
        assert!(cookie.starts_with("__Host-endcap=") && !cookie.contains("Domain"), "{cookie}");
        assert_eq!(attributes, ["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=Strict", "Secure"]);
        let plain = Browser {
            desk: &desk,
            cookie: cookie.split(';').next().unwrap().replace("__Host-", ""),
            csrf: got.json()["csrf"].as_str().unwrap().to_owned(),
        };
        let got = plain.get("/api/v1/session").await;
        refused(&got, StatusCode::UNAUTHORIZED, "/problems/sign-in", "Sign in");
    });
}

#[test]
fn another_site_can_neither_change_something_nor_sign_somebody_in() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("root", &[Role::Admin]).await;
        let root = desk.sign_in("root").await;
        let wanted = value!({ "name": "eve", "roles": ["viewer"], "password": PASSWORD });
        for (name, from_elsewhere) in [
            ("origin", "https://evil.example.com"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:8485"),
            ("origin", "https://127.0.0.1:8484"),
            ("origin", "http://127.0.0.1:8484.evil.example.com"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            for mut request in [
                root.request("POST", "/api/v1/accounts", &wanted),
                root.request("DELETE", "/api/v1/session", &Value::Null),
                json("POST", "/api/v1/session", &credentials("root", PASSWORD)),
            ] {
                request.headers_mut().insert(name, from_elsewhere.parse().unwrap());
                let got = desk.send(request).await;
                refused(&got, StatusCode::FORBIDDEN, "/problems/forbidden", "came from another site");
                assert!(!got.headers.contains_key(header::SET_COOKIE), "{name}: {from_elsewhere}");
            }
        }
        let mut form = root.request("POST", "/api/v1/accounts", &wanted);
        form.headers_mut().insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
        assert_eq!(desk.send(form).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let mut wrong = root.request("POST", "/api/v1/accounts", &wanted);
        wrong.headers_mut().insert("x-csrf-token", "0".repeat(64).parse().unwrap());
        refused(&desk.send(wrong).await, StatusCode::FORBIDDEN, "/problems/forbidden", "X-CSRF-Token");
        assert_eq!(desk.app.desk.accounts().await.unwrap().len(), 1);
        assert_eq!(root.get("/api/v1/session").await.status, StatusCode::OK, "the session goes on");
    });
}

#[test]
fn behind_a_trusted_server_each_caller_is_slowed_down_alone_whatever_they_claim() {
    run(async {
        let desk = TestDesk::with(|settings| {
            settings.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
            settings.requests_per_second = 1;
        });
        let desk = desk.await;
        let ask = async |peer: &str, told: String| {
            let mut request = Request::get("/healthz").header("x-forwarded-for", told).body(Body::empty()).unwrap();
            request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4711)));
            desk.send(request).await
        };
        let mut last = None;
        for at in 0..12 {
            last = Some(ask("10.0.0.1", format!("198.51.100.{at}, 203.0.113.9")).await);
        }
        let made_up = last.take().unwrap();
        refused(&made_up, StatusCode::TOO_MANY_REQUESTS, "/problems/too-many", "");
        assert_eq!(ask("10.0.0.1", "203.0.113.10".to_owned()).await.status, StatusCode::OK, "others go on");
        for at in 0..12 {
            last = Some(ask("203.0.113.11", format!("198.51.100.{at}")).await);
        }
        refused(&last.unwrap(), StatusCode::TOO_MANY_REQUESTS, "/problems/too-many", "");
    });
}
