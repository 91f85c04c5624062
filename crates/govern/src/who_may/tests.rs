//! The wrapper denies whatever goes wrong; the shipped policies say what the table of roles says.

use super::*;
use crate::{Right, Role, may};
use endcap_model::Autonomy;

fn question(actor: Actor, act: Act) -> Question {
    let circumstances =
        Circumstances { autonomy: Autonomy::Act, approved: false, veto_over: false, people: 1, own: false };
    Question { actor, act, field: Field { category: "dairy".into(), channel: Some("till".into()) }, circumstances }
}

fn everybody() -> Vec<Actor> {
    let people = Role::ALL.into_iter().map(|role| Actor::person("ada", &[role]));
    people.chain([Actor::agent("pricing")]).collect()
}

#[test]
fn the_shipped_policies_say_what_the_table_of_roles_says() {
    let shipped = WhoMay::shipped();
    for role in Role::ALL {
        for right in Right::ALL {
            let answer = shipped.ask(&question(Actor::person("ada", &[role]), right.into()));
            assert_eq!(answer.errors, [""; 0]);
            assert_eq!(answer.allowed, may(&[role], right), "{role} {right:?}");
        }
    }
    let both = Actor::person("ada", &[Role::Viewer, Role::Planner]);
    assert!(shipped.ask(&question(both, Act::Plan)).allowed);
    assert!(!shipped.ask(&question(Actor::person("ada", &[]), Act::Read)).allowed);
}

#[test]
fn the_matrix_is_the_stored_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/who_may.txt");
    let now = matrix(&WhoMay::shipped());
    if std::env::var_os("ENDCAP_STORE_MATRIX").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(now, stored, "ENDCAP_STORE_MATRIX=1 stores it anew: read the difference first");
}

#[test]
fn every_act_of_the_gate_is_asked_by_its_own_name() {
    use crate::gate::Action;
    let (offer, price) = ("o".to_owned(), 1);
    let actions = [
        Action::SetPrice { price },
        Action::StartOffer { offer: offer.clone(), price },
        Action::ChangeOffer { offer: offer.clone(), price },
        Action::EndOffer { offer, price },
        Action::Order { supplier: "s".into(), pieces: 1, unit_cost: 1 },
        Action::Transfer { origin: "p".into(), pieces: 1 },
    ];
    for action in &actions {
        assert_eq!(Act::from(action).name(), action.name());
        assert!(Act::from(action).sends());
    }
    assert_eq!(Act::ALL.into_iter().filter(|act| act.sends()).count(), actions.len());
}

#[test]
fn a_forbid_that_meets_a_missing_attribute_is_not_loaded() {
    let naive = r#"permit (principal, action, resource);
        forbid (principal, action, resource) when { principal.dismissed };"#;
    let refused = WhoMay::load(naive).unwrap_err();
    assert!(matches!(&refused, NotLoaded::Invalid(why) if why[0].what.contains("dismissed")), "{refused}");
}

/// The same policies as they would run had nobody validated them.
fn unvalidated(text: &str) -> WhoMay {
    WhoMay { policies: PolicySet::from_str(text).unwrap(), ..WhoMay::shipped() }
}

#[test]
fn a_forbid_that_cannot_be_evaluated_denies_where_cedar_alone_allows() {
    let who_may = unvalidated(
        r#"permit (principal, action, resource);
           forbid (principal, action, resource) when { principal.dismissed };"#,
    );
    let question = question(Actor::person("ada", &[Role::Viewer]), Act::Read);
    let (request, entities) = question.posed(&who_may.schema).unwrap();
    let alone = Authorizer::new().is_authorized(&request, &who_may.policies, &entities);
    assert_eq!(alone.decision(), Decision::Allow, "this is why there is a wrapper");
    let answer = who_may.ask(&question);
    assert!(!answer.allowed);
    assert_eq!(answer.errors.len(), 1);
    assert!(matches!(answer.permit(), Permit::Denied(why) if why.contains("dismissed")));
    assert!(who_may.explain(&question).contains("may not read: it could not be decided"));
}

#[test]
fn a_valid_policy_that_overflows_denies() {
    let who_may = WhoMay::load(
        r#"permit (principal, action, resource);
           forbid (principal, action, resource) when { context.people + 9223372036854775807 < 0 };"#,
    )
    .unwrap();
    let answer = who_may.ask(&question(Actor::person("ada", &[Role::Viewer]), Act::Read));
    assert_eq!((answer.allowed, answer.errors.len()), (false, 1));
}

#[test]
fn policies_that_are_empty_garbled_or_can_never_hold_are_not_loaded() {
    assert_eq!(WhoMay::load("// nothing").unwrap_err(), NotLoaded::Empty);
    assert!(matches!(WhoMay::load("permit (everything);"), Err(NotLoaded::Unreadable(_))));
    for invalid in [
        r#"permit (principal, action == Action::"fly", resource);"#,
        r#"permit (principal in Team::"a", action, resource);"#,
        r#"permit (principal, action, resource) when { context.autonomy == "act" };"#,
        r#"permit (principal, action, resource) when { context.autonomy > 1 && false };"#,
    ] {
        assert!(matches!(WhoMay::load(invalid), Err(NotLoaded::Invalid(_))), "{invalid}");
    }
}

#[test]
fn everything_that_is_wrong_with_policies_is_told_with_its_place() {
    let garbled = "permit (principal, action, resource);\npermit (everything);\npermit (principal, action, resource) when { someone };\n";
    let lines = |text: &str| {
        let mut lines: Vec<_> = WhoMay::load(text).unwrap_err().faults().iter().map(|fault| fault.line).collect();
        lines.dedup();
        lines
    };
    assert_eq!(lines(garbled), [Some(2), Some(3)]);
    let invalid = "@id(\"old rule\")\npermit (principal, action, resource) when { principal.dismissed };\n\n\
                   permit (principal, action == Action::\"fly\", resource);\n";
    assert_eq!(lines(invalid), [Some(2), Some(4)]);
    let told = WhoMay::load(invalid).unwrap_err().to_string();
    assert!(told.contains("line 2, column 45") && told.contains("`old rule`") && told.contains("fly"), "{told}");
    assert_eq!(lines(""), [None]);
}

#[test]
fn agents_and_suspended_people_decide_nothing() {
    let shipped = WhoMay::shipped();
    let decides = [Act::Approve, Act::Administer, Act::Resume, Act::Raise, Act::TightenLimits, Act::LoosenLimits];
    for act in decides.into_iter().chain([Act::BreakGlass]) {
        for role in Role::ALL {
            let mut agent = Actor { human: false, ..Actor::person("pricing", &[role]) };
            agent.roles.push("agent".into());
            let mut asked = question(agent, act);
            (asked.circumstances.approved, asked.circumstances.people) = (true, 2);
            assert!(!shipped.ask(&asked).allowed, "{role} {act:?}");
        }
    }
    for act in Act::ALL {
        for actor in everybody() {
            let mut asked = question(Actor { suspended: true, ..actor }, act);
            (asked.circumstances.approved, asked.circumstances.people) = (true, 2);
            assert!(!shipped.ask(&asked).allowed, "{act:?}");
        }
    }
}

#[test]
fn nobody_approves_their_own() {
    for role in Role::ALL {
        let mut asked = question(Actor::person("ada", &[role]), Act::Approve);
        asked.circumstances.own = true;
        assert!(!WhoMay::shipped().ask(&asked).allowed, "{role}");
    }
}

#[test]
fn to_stop_and_to_take_back_never_need_more_than_to_start() {
    let shipped = WhoMay::shipped();
    let starts = Act::ALL.into_iter().filter(|act| act.sends() || matches!(act, Act::Resume | Act::Raise));
    for start in starts {
        for actor in everybody() {
            let mut asked = question(actor, start);
            asked.circumstances.approved = true;
            if !shipped.ask(&asked).allowed {
                continue;
            }
            for stop in [Act::Freeze, Act::Revert, Act::Lower, Act::EndOffer] {
                for autonomy in [Autonomy::Halted, Autonomy::Act] {
                    let mut stop = Question { act: stop, ..asked.clone() };
                    (stop.circumstances.approved, stop.circumstances.autonomy) = (false, autonomy);
                    assert!(shipped.ask(&stop).allowed, "{stop:?}");
                }
            }
        }
    }
}

#[test]
fn an_actor_of_an_unknown_role_or_name_has_no_rights() {
    let shipped = WhoMay::shipped();
    for role in ["root", "Admin", "approver\"", "", "admin "] {
        let actor = Actor { roles: vec![role.into()], ..Actor::person("x\" || true", &[]) };
        for act in Act::ALL {
            assert!(!shipped.ask(&question(actor.clone(), act)).allowed, "{role} {act:?}");
        }
    }
}

#[test]
fn tests_of_policies_tell_what_fails_and_explanations_name_the_policy() {
    let shipped = WhoMay::shipped();
    let json = r#"[
        {"name": "a planner plans", "allowed": true, "question": {"act": "plan",
          "actor": {"name": "ada", "roles": ["planner"], "human": true, "suspended": false},
          "circumstances": {"autonomy": "propose", "approved": false, "veto_over": false, "people": 1, "own": false}}},
        {"name": "a viewer plans", "allowed": true, "question": {"act": "plan",
          "actor": {"name": "vic", "roles": ["viewer"], "human": true, "suspended": false},
          "circumstances": {"autonomy": "propose", "approved": false, "veto_over": false, "people": 1, "own": false}}}
    ]"#;
    let tests: Vec<Expectation> = serde_json::from_str(json).unwrap();
    let failed = shipped.test(&tests);
    assert_eq!(failed.iter().map(|(test, _)| test.name.as_str()).collect::<Vec<_>>(), ["a viewer plans"]);
    assert_eq!(shipped.explain(&tests[0].question), "ada may plan: planners plan");
    assert_eq!(shipped.explain(&tests[1].question), "vic may not plan: no policy permits it");
    assert_eq!(shipped.ask(&tests[1].question).permit(), Permit::Denied("no policy permits it".into()));
    assert_eq!(shipped.ask(&tests[0].question).permit(), Permit::Allowed);
    let mut own = question(Actor::person("cat", &[Role::Approver(crate::Function::Category)]), Act::Approve);
    own.circumstances.own = true;
    assert_eq!(shipped.explain(&own), "cat may not approve: nobody approves their own");
}

#[test]
fn another_text_has_another_hash() {
    let shipped = WhoMay::shipped();
    assert_eq!(shipped.hash(), WhoMay::shipped().hash());
    assert_ne!(shipped.hash(), WhoMay::load(&format!("{DEFAULT}\n")).unwrap().hash());
}
