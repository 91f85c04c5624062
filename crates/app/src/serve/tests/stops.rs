//! Stopping, lifting and the ladder at the desk: who may, what is recorded, what pages are told.

use super::*;
use endcap_adapters::desk::NewToken;
use endcap_govern::Function;
use serde_json::json as value;
use std::time::{Duration, Instant};

const CATEGORY: Role = Role::Approver(Function::Category);

fn everything() -> Value {
    value!({ "scope": "global", "reason": "prices are wrong" })
}

/// Waits for the desk to say so, a second at most.
async fn becomes(browser: &Browser<'_>, state: &str) -> Value {
    let begun = Instant::now();
    loop {
        let told = browser.get("/api/v1/stops").await.json();
        if told["state"] == state {
            return told;
        }
        assert!(begun.elapsed() < Duration::from_secs(1), "not {state} within a second: {told}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn actions(desk: &TestDesk) -> Vec<(String, endcap_govern::audit::Ruling)> {
    let records = desk.app.ledger.last(100).await.unwrap();
    let of_stops = records.into_iter().map(|record| (record.entry.action, record.entry.ruling));
    of_stops.filter(|(action, _)| !action.starts_with("desk:")).collect()
}

#[test]
fn whoever_works_stops_and_only_an_approver_in_person_lifts() {
    use endcap_govern::audit::Ruling::{Allowed, Refused};
    run(async {
        let desk = TestDesk::new(false).await;
        for (name, role) in [("ada", Role::Planner), ("vic", Role::Viewer), ("cat", CATEGORY)] {
            desk.account(name, &[role]).await;
        }
        let (ada, vic, cat) = (desk.sign_in("ada").await, desk.sign_in("vic").await, desk.sign_in("cat").await);
        let before = becomes(&vic, "running").await;
        assert_eq!((&before["may_stop"], &before["may_lift"]), (&false.into(), &false.into()));
        assert_eq!(vic.send("POST", "/api/v1/stops", &everything()).await.kind(), "/problems/forbidden");
        let stopped = ada.send("POST", "/api/v1/stops", &everything()).await;
        assert_eq!(stopped.status, StatusCode::OK, "{}", stopped.body);
        assert_eq!((&stopped.json()["may_stop"], &stopped.json()["may_lift"]), (&true.into(), &false.into()));
        let seen = becomes(&vic, "stopped").await;
        let stop = &seen["stopped"][0];
        assert_eq!((&stop["by"], &stop["what"]), (&"ada".into(), &"everything".into()));
        assert_eq!((&stop["reason"], &stop["at"]), (&"prices are wrong".into(), &"2026-03-01T12:00:00Z".into()));
        assert_eq!(ada.send("POST", "/api/v1/stops/lift", &everything()).await.kind(), "/problems/forbidden");
        let token = desk.token_of("cat").await;
        assert_eq!(token.send("POST", "/api/v1/stops/lift", &everything()).await.status, StatusCode::FORBIDDEN);
        let other = value!({ "scope": "category", "of": "dairy", "reason": "why" });
        let not_stopped = cat.send("POST", "/api/v1/stops/lift", &other).await;
        assert_eq!(not_stopped.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(not_stopped.body.contains("stopped: everything"), "{}", not_stopped.body);
        let lifted = cat.send("POST", "/api/v1/stops/lift", &everything()).await;
        assert_eq!((lifted.status, &lifted.json()["state"]), (StatusCode::OK, &"running".into()));
        becomes(&vic, "running").await;
        let (stop, lift) = ("sending stopped".to_owned(), "sending resumed".to_owned());
        assert_eq!(
            actions(&desk).await,
            [
                (stop.clone(), Refused),
                (stop, Allowed),
                (lift.clone(), Refused),
                (lift.clone(), Refused),
                (lift, Allowed)
            ]
        );
    });
}

#[test]
fn orders_that_name_nothing_or_give_no_reason_are_refused() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Planner]).await;
        let ada = desk.sign_in("ada").await;
        for wrong in [
            value!({ "scope": "category", "reason": "why" }),
            value!({ "scope": "category", "of": " ", "reason": "why" }),
            value!({ "scope": "global", "of": "dairy", "reason": "why" }),
            value!({ "scope": "global", "reason": "  " }),
            value!({ "scope": "global", "reason": "x".repeat(1001) }),
            value!({ "scope": "world", "reason": "why" }),
            value!({ "scope": "global", "reason": "why", "until": "noon" }),
        ] {
            let got = ada.send("POST", "/api/v1/stops", &wrong).await;
            assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}: {}", got.body);
        }
        becomes(&ada, "running").await;
    });
}

#[test]
fn a_stop_from_the_command_line_is_told_to_pages_and_one_that_cannot_be_read_counts_as_one() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Planner]).await;
        let ada = desk.sign_in("ada").await;
        becomes(&ada, "running").await;
        let folder = desk.app.settings.folder.clone();
        let book = endcap_adapters::ledger::stops::StopBook::new(&folder, crate::commands::audit::random);
        let scope = endcap_govern::stop::Scope::Agent("pricing".into());
        let (by, reason) = ("Grace".to_owned(), "it is odd".to_owned());
        book.freeze(&endcap_govern::stop::Wanted { scope, by, reason, at: noon() }).await.unwrap();
        assert_eq!(becomes(&ada, "stopped").await["stopped"][0]["of"], "pricing");
        std::fs::write(folder.join("stops.json"), "{").unwrap();
        let unknown = becomes(&ada, "unknown").await;
        assert!(unknown["unknown"].as_str().unwrap().contains("stops.json"), "{unknown}");
    });
}

#[test]
fn the_projects_own_policies_say_who_may_stop_and_wrong_ones_open_no_desk() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let own = "permit (principal in Role::\"viewer\", action == Action::\"freeze\", resource);";
        std::fs::write(folder.path().join("who_may.cedar"), own).unwrap();
        let desk = TestDesk::over(folder).await;
        for (name, role) in [("ada", Role::Planner), ("vic", Role::Viewer)] {
            desk.account(name, &[role]).await;
        }
        let (ada, vic) = (desk.sign_in("ada").await, desk.sign_in("vic").await);
        assert_eq!(ada.send("POST", "/api/v1/stops", &everything()).await.status, StatusCode::FORBIDDEN);
        assert_eq!(vic.send("POST", "/api/v1/stops", &everything()).await.status, StatusCode::OK);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("who_may.cedar"), "permit (everything);").unwrap();
        let refused = open(settings(folder.path(), false), noon).await.err().expect("it is refused");
        assert!(format!("{refused:#}").contains("line 1"), "{refused:#}");
    });
}

#[test]
fn the_machine_is_raised_by_an_approver_in_person_and_lowered_by_whoever_works() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let rule = "[[rise]]\nto = \"propose\"\ndays_min = 0\ndecisions_min = 0\nkept_min = 0.9\nbreaches_max = 0\n";
        let policy = format!("{}\n{rule}", include_str!("../../../templates/policy.toml"));
        std::fs::write(folder.path().join("policy.toml"), policy).unwrap();
        let desk = TestDesk::over(folder).await;
        for (name, role) in [("ada", Role::Planner), ("cat", CATEGORY)] {
            desk.account(name, &[role]).await;
        }
        let (ada, cat) = (desk.sign_in("ada").await, desk.sign_in("cat").await);
        let step = value!({ "category": "dairy", "channel": "till", "action": "set_price", "reason": "good weeks" });
        assert_eq!(ada.send("POST", "/api/v1/ladder/raise", &step).await.status, StatusCode::FORBIDDEN);
        let token = desk.token_of("cat").await;
        assert_eq!(token.send("POST", "/api/v1/ladder/raise", &step).await.status, StatusCode::FORBIDDEN);
        let raised = cat.send("POST", "/api/v1/ladder/raise", &step).await.json();
        assert_eq!((&raised["rung"], &raised["next"]), (&"propose".into(), &"act_with_veto".into()), "{raised}");
        let again = cat.send("POST", "/api/v1/ladder/raise", &step).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(again.body.contains("no rule"), "{}", again.body);
        let listed = ada.get("/api/v1/ladder").await.json();
        assert!(listed["rungs"][0]["because"].as_str().unwrap().starts_with("raised by cat: good weeks"), "{listed}");
        let lowered = ada.send("POST", "/api/v1/ladder/lower", &step).await.json();
        assert_eq!(lowered["rung"], "advise");
        let nowhere = ada.get("/api/v1/ladder/rung?category=dairy&channel=till&action=fly").await;
        assert_eq!(nowhere.status, StatusCode::UNPROCESSABLE_ENTITY);
    });
}

/// A program with a token of somebody's.
struct Program<'a> {
    desk: &'a TestDesk,
    token: &'static str,
}

impl TestDesk {
    async fn token_of(&self, name: &str) -> Program<'_> {
        let account = self.app.desk.account_by_name(name).await.unwrap().unwrap();
        let token = "a token for this test";
        let hash = crate::serve::access::secret::hash(token);
        let (now, expires) = (noon(), noon().checked_add(jiff::Span::new().hours(1)).unwrap());
        let new = NewToken { account: account.id, name: "t", hash: &hash, roles: &account.roles, expires };
        self.app.desk.add_token(&new, now).await.unwrap();
        Program { desk: self, token }
    }
}

impl Program<'_> {
    async fn send(&self, method: &str, path: &str, body: &Value) -> Got {
        let mut request = json(method, path, body);
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {}", self.token).parse().unwrap());
        self.desk.send(request).await
    }
}

#[test]
fn whoever_may_stop_may_take_prices_back_and_people_alone_veto() {
    run(async {
        let desk = TestDesk::new(false).await;
        for (name, role) in [("ada", Role::Planner), ("vic", Role::Viewer)] {
            desk.account(name, &[role]).await;
        }
        let (ada, vic) = (desk.sign_in("ada").await, desk.sign_in("vic").await);
        assert_eq!(vic.send("POST", "/api/v1/reverts", &everything()).await.kind(), "/problems/forbidden");
        let back = ada.send("POST", "/api/v1/reverts", &everything()).await;
        assert_eq!(
            (back.status, &back.json()["reverted"], &back.json()["void"]),
            (StatusCode::OK, &0.into(), &0.into())
        );
        for wrong in [
            value!({ "scope": "plan", "reason": "why" }),
            value!({ "scope": "global", "of": "dairy", "reason": "why" }),
            value!({ "scope": "global", "reason": " " }),
            value!({ "scope": "tenant", "of": "shop", "reason": "why" }),
        ] {
            let got = ada.send("POST", "/api/v1/reverts", &wrong).await;
            assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}: {}", got.body);
        }
        assert_eq!(vic.get("/api/v1/waiting").await.json(), value!([]));
        let no = value!({ "numbers": [7], "reason": "a strike" });
        assert_eq!(ada.send("POST", "/api/v1/vetoes", &no).await.json(), value!({ "void": 0, "gone": [7] }));
        let token = desk.token_of("ada").await;
        assert_eq!(token.send("POST", "/api/v1/vetoes", &no).await.status, StatusCode::FORBIDDEN);
        assert_eq!(
            ada.send("POST", "/api/v1/vetoes", &value!({ "numbers": [], "reason": "x" })).await.status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
        use endcap_govern::audit::Ruling::{Allowed, Refused};
        let reverted = "prices reverted".to_owned();
        assert_eq!(actions(&desk).await, [(reverted.clone(), Refused), (reverted, Allowed)]);
    });
}
