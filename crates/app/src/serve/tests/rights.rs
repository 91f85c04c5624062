//! Every operation of the API against every role, and other people's boards.

use super::*;
use endcap_adapters::desk::NewBoard;
use endcap_govern::who_may::{Act, Actor, Circumstances, Field, Question, WhoMay};
use endcap_govern::{Right, may};
use endcap_model::Autonomy;
use serde_json::json as value;

/// What an operation asks of who calls it; nothing for those before signing in, whose rules `access` tests.
enum Needs {
    Nothing,
    Account,
    The(Right),
    Any(&'static [Right]),
    /// What the project's policies permit.
    Permitted(Act),
}

/// What each operation needs; a new one has to be named here.
fn needed(method: &str, path: &str) -> Needs {
    let first = path.split('/').nth(1).unwrap_or_default();
    match (method, first) {
        ("get", "welcome") => Needs::Nothing,
        ("post", "session") => Needs::Nothing,
        (_, "session" | "tokens") => Needs::Account,
        (_, "accounts") => Needs::The(Right::Administer),
        ("post" | "put" | "delete", "boards") => Needs::The(Right::Plan),
        ("post" | "put" | "delete", "imports" | "project" | "sales" | "items" | "prices" | "stock") => {
            Needs::The(Right::Ingest)
        }
        ("post", "stops") if path.ends_with("lift") => Needs::Permitted(Act::Resume),
        ("post", "stops") => Needs::Permitted(Act::Freeze),
        ("post", "ladder") if path.ends_with("raise") => Needs::Permitted(Act::Raise),
        ("post", "ladder") => Needs::Permitted(Act::Lower),
        ("post", "channels" | "reverts" | "vetoes") => Needs::Permitted(Act::Revert),
        ("get", "channels" | "objectives" | "stops" | "ladder" | "waiting") => Needs::The(Right::Read),
        ("get", "flight" | "analogues" | "notices" | "value" | "models") => Needs::The(Right::Read),
        ("post", "flight") => Needs::The(Right::Plan),
        ("post", "models") => Needs::Permitted(Act::Estimate),
        ("post", "notices") => Needs::Any(&[Right::Plan, Right::PlanSupply, Right::Approve, Right::Ingest]),
        ("get", "project" | "live" | "data" | "evidence" | "after" | "boards" | "imports" | "supply" | "compare") => {
            Needs::The(Right::Read)
        }
        ("get", "requests" | "emergencies") => Needs::The(Right::Read),
        ("get", "audit") => Needs::The(Right::Audit),
        ("post", "requests") if path.ends_with("/words") => {
            Needs::Any(&[Right::Plan, Right::PlanSupply, Right::Approve])
        }
        ("post", "requests") => Needs::The(Right::Approve),
        ("get" | "post", "learn" | "ready") => Needs::The(Right::Read),
        _ => panic!("{method} {path} is new: say in `needed` which right it needs"),
    }
}

/// What the shipped policies say of a person.
fn permitted(roles: &[Role], act: Act) -> bool {
    let actor = Actor::person("somebody", roles);
    let (approved, veto_over, own) = (false, false, false);
    let circumstances = Circumstances { autonomy: Autonomy::Advise, approved, veto_over, people: 1, own };
    WhoMay::shipped().ask(&Question { actor, act, field: Field::default(), circumstances }).allowed
}

/// A body that can be read and changes little.
fn body(path: &str) -> Value {
    match path {
        "/boards/{id}" => value!({ "name": "x", "shared": true }),
        "/boards/{id}/edits" => value!({ "edits": [{ "edit": "slots", "slots": 3 }] }),
        "/accounts/{name}" => value!({ "roles": ["viewer"], "disabled": false }),
        "/accounts/{name}/password" => value!({ "new": "another long secret" }),
        "/learn/sandbox" => value!({ "world": 0 }),
        "/project" => value!({ "name": "shop", "currency": "none", "calendar": "day" }),
        "/vetoes" => value!({ "numbers": [1], "reason": "a drill" }),
        "/reverts" | "/stops" | "/stops/lift" => value!({ "scope": "category", "of": "dairy", "reason": "a drill" }),
        "/ladder/raise" | "/ladder/lower" => {
            value!({ "category": "dairy", "channel": "till", "action": "order", "reason": "a drill" })
        }
        "/channels/settle" => {
            value!({ "channel": "till", "subject": "s", "generation": 1, "happened": true, "reason": "a drill" })
        }
        "/channels/findings/{id}/repair" => value!({ "reason": "a drill" }),
        "/models/promote" => value!({ "model": "0123456789abcdef", "reason": "a drill" }),
        "/models/rollback" => value!({ "reason": "a drill" }),
        "/notices/mutes" => value!({ "hours": 1, "reason": "a drill" }),
        "/notices/{id}/acknowledgements" => value!({ "reason": "a drill" }),
        "/tokens" => value!({ "name": "t", "roles": [], "days": 1 }),
        _ => value!({}),
    }
}

async fn status(browser: &Browser<'_>, method: &str, path: &str) -> StatusCode {
    let filled =
        path.replace("{id}", "17").replace("{kind}", "sales").replace("{sku}", "a").replace("{name}", "nobody");
    let query = match path {
        path if path.starts_with("/compare") => "?boards=a,b",
        "/analogues" => "?sku=a&depth=0.2",
        "/ladder/rung" => "?category=dairy&channel=till&action=order",
        _ => "",
    };
    let sent = if method == "get" { Value::Null } else { body(path) };
    let request = browser.request(&method.to_uppercase(), &format!("/api/v1{filled}{query}"), &sent);
    // Not read: the stream of events has no end.
    browser.desk.router.clone().oneshot(request).await.unwrap().status()
}

#[test]
fn every_operation_is_done_for_the_roles_that_allow_it_and_for_no_other() {
    run(async {
        let desk = TestDesk::new(false).await;
        let document = serde_json::to_value(crate::serve::document()).unwrap();
        let mut checked = 0;
        let alone = Role::ALL.iter().map(|role| vec![*role]).chain([vec![]]);
        for (at, roles) in alone.enumerate() {
            let name = format!("person-{at}");
            desk.account(&name, &roles).await;
            let browser = desk.sign_in(&name).await;
            for (path, operations) in document["paths"].as_object().unwrap() {
                let path = path.strip_prefix("/api/v1").unwrap();
                for method in operations.as_object().unwrap().keys() {
                    let allowed = match needed(method, path) {
                        Needs::Nothing => continue,
                        // Signing out would end what the others are asked with.
                        Needs::Account if (method.as_str(), path) == ("delete", "/session") => continue,
                        Needs::Account => true,
                        Needs::The(right) => may(&roles, right),
                        Needs::Any(rights) => rights.iter().any(|right| may(&roles, *right)),
                        Needs::Permitted(act) => permitted(&roles, act),
                    };
                    let got = status(&browser, method, path).await;
                    assert_eq!(got != StatusCode::FORBIDDEN, allowed, "{method} {path} for {roles:?}: {got}");
                    assert!(got != StatusCode::UNAUTHORIZED && got.as_u16() != 500, "{method} {path}: {got}");
                    checked += 1;
                }
            }
        }
        println!("{checked} combinations of role and operation");
        assert!(checked > 700);
    });
}

#[test]
fn a_board_that_is_not_shared_is_there_for_its_owner_only_whatever_role_others_have() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("ada", &[Role::Planner]).await;
        let ada = desk.app.desk.account_by_name("ada").await.unwrap().unwrap();
        for (id, shared) in [("own", false), ("shared", true)] {
            let new = NewBoard { id, owner: ada.id, name: id, content: "{}" };
            desk.app.desk.add_board(&new, noon()).await.unwrap();
            desk.app.desk.label_board((id, 1), (id, shared, false), noon()).await.unwrap();
        }
        let verbs = [
            ("get", ""),
            ("get", "/history"),
            ("get", "/conflicts"),
            ("get", "/curve?slider=budget"),
            ("get", "/why?sku=a&place=x&period=2024-01-01"),
            ("put", ""),
            ("delete", ""),
            ("post", "/edits"),
            ("post", "/undo"),
        ];
        for role in Role::ALL {
            let name = format!("other-{}", role.name().replace('_', "-"));
            desk.account(&name, &[role]).await;
            let other = desk.sign_in(&name).await;
            for (method, tail) in verbs {
                let planner = may(&[role], Right::Plan);
                let refused = method != "get" && !planner;
                let sent = body(&format!("/boards/{{id}}{}", tail.split('?').next().unwrap()));
                let sent = if method == "get" { Value::Null } else { sent };
                for (id, found) in [("own", false), ("shared", true), ("none", false)] {
                    let path = format!("/api/v1/boards/{id}{tail}");
                    let got = other.send(&method.to_uppercase(), &path, &sent).await.status;
                    let expected = match (refused, found) {
                        (true, _) => got == StatusCode::FORBIDDEN,
                        (false, false) => got == StatusCode::NOT_FOUND,
                        (false, true) => got != StatusCode::NOT_FOUND && got != StatusCode::FORBIDDEN,
                    };
                    assert!(expected, "{method} {path} for {role}: {got}");
                }
            }
            let copy = value!({ "name": "copy", "from": "own" });
            let expected = if may(&[role], Right::Plan) { StatusCode::NOT_FOUND } else { StatusCode::FORBIDDEN };
            assert_eq!(other.send("POST", "/api/v1/boards", &copy).await.status, expected, "{role}");
        }
    });
}
