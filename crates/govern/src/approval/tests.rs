//! Every way round an approval, tried.

use super::*;
use crate::stop::Scope;
use crate::{Function, NotApproved, Present, Role, approve_signed, approve_under_broken_glass, policy_hash};
use ed25519_dalek::SigningKey;
use endcap_model::*;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;

const NAMES: [&str; 7] = ["cat", "carl", "fin", "fred", "planner", "robot", "auditor"];

fn at(hours: f64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + (hours * 3600.0) as i64).unwrap()
}

fn key(name: &str) -> SigningKey {
    let seed = hash_bytes(name.as_bytes());
    SigningKey::from_bytes(seed.as_str().as_bytes()[..32].try_into().unwrap())
}

/// Two approvers each for category and finance; a planner and an agent who also hold an approver's role.
fn staff() -> Staff {
    let roles = |name: &str| match name {
        "cat" | "carl" => vec![Role::Approver(Function::Category)],
        "fin" | "fred" => vec![Role::Approver(Function::Finance)],
        "planner" => vec![Role::Planner, Role::Approver(Function::Category)],
        "robot" => vec![Role::Approver(Function::Category), Role::Approver(Function::Finance)],
        _ => vec![Role::Auditor],
    };
    let person =
        |name: &str| Person { roles: roles(name), human: name != "robot", keys: vec![key(name).verifying_key()] };
    Staff { people: NAMES.map(|name| (name.to_owned(), person(name))).into(), stand_ins: vec![] }
}

fn chain() -> Chain {
    let tiers = |from| vec![Tier { from: 0, people: 1 }, Tier { from, people: 2 }];
    let step =
        |function, from| Step { function, tiers: tiers(from), hours: 4, escalates_to: None, fresh_login_above: 1_000 };
    Chain { version: "1".into(), steps: vec![step(Function::Category, 1_000), step(Function::Finance, 10_000)] }
}

fn policy() -> Policy {
    serde_json::from_str(
        r#"{"version":"1","autonomy":"propose","depth_max":0.5,"margin_rate_min":0.0,"spend_max":1e6,
            "stockout_probability_max":1.0,"promoted_share_max":1.0,"tail_value_min":-1e6,"person_above":0.0}"#,
    )
    .unwrap()
}

/// What is proposed; any text does.
const PROPOSAL: &str = "milk at 1.50";

fn subject() -> Subject {
    Subject {
        proposal: hash_json(&PROPOSAL),
        limits: GateLimits::cautious(Currency::EUR).hash(),
        policy: policy_hash(&policy()),
        data: "s1".into(),
        expires: at(24.0),
        nonce: "n1".into(),
    }
}

fn request(at_risk: i64) -> Request {
    Request {
        subject: subject(),
        proposer: "planner".into(),
        asked: at(0.0),
        at_risk,
        chain: chain(),
        signatures: vec![],
    }
}

fn signature(name: &str, function: Function, hours: f64) -> Signature {
    Signature::sign(&subject(), name, function, Answer::Approve, at(hours), at(hours), &key(name))
}

const CATEGORY: Function = Function::Category;
const FINANCE: Function = Function::Finance;

/// Has a small request signed by both functions, as it should be.
fn granted() -> Request {
    let mut request = request(10);
    request.sign(signature("cat", CATEGORY, 1.0), &staff(), at(1.0)).unwrap();
    request.sign(signature("fin", FINANCE, 2.0), &staff(), at(2.0)).unwrap();
    request
}

fn decision() -> Decision {
    let verdict = Verdict::NeedsPerson { reasons: vec!["always".into()] };
    Decision { content: hash_json(&PROPOSAL), policy: policy_hash(&policy()), verdict, signed: None }
}

/// Uses an approval in a world that a test may change.
struct World {
    proposal: &'static str,
    decision: Decision,
    policy: Policy,
    limits: GateLimits,
    data: SnapshotId,
    staff: Staff,
    now: Timestamp,
    register: Register,
}

impl World {
    fn new() -> Self {
        Self {
            proposal: PROPOSAL,
            decision: decision(),
            policy: policy(),
            limits: GateLimits::cautious(Currency::EUR),
            data: "s1".into(),
            staff: staff(),
            now: at(3.0),
            register: Register::default(),
        }
    }

    fn approve(&mut self, request: &Request) -> Result<String, NotApproved> {
        let limits = self.limits.hash();
        let present =
            Present { policy: &self.policy, limits: &limits, data: &self.data, staff: &self.staff, now: self.now };
        approve_signed(self.proposal, &self.decision, request, present, &mut self.register)
            .map(|approved| approved.decision().signed.as_ref().unwrap().person.clone())
    }
}

#[test]
fn a_proposal_that_everybody_signed_in_order_goes_ahead_once() {
    let mut world = World::new();
    assert_eq!(world.approve(&granted()), Ok("cat, fin".into()));
    assert_eq!(world.approve(&granted()), Err(NotApproved::AlreadyUsed));
}

#[test]
fn whatever_is_changed_after_the_signatures_voids_them() {
    let edit = |change: fn(&mut World)| {
        let mut world = World::new();
        change(&mut world);
        world.approve(&granted()).unwrap_err()
    };
    assert_eq!(edit(|world| world.proposal = "milk at 0.01"), NotApproved::OtherContent);
    assert_eq!(edit(|world| world.decision.content = hash_json(&1)), NotApproved::OtherContent);
    assert_eq!(edit(|world| world.policy.version = "2".into()), NotApproved::OtherPolicy);
    assert_eq!(edit(|world| world.limits.order_value_max = 1), NotApproved::OtherLimits);
    assert_eq!(edit(|world| world.data = "s2".into()), NotApproved::OtherData);
    assert_eq!(edit(|world| world.now = at(24.0)), NotApproved::Expired);
    assert_eq!(edit(|world| world.decision.verdict = Verdict::Refused { breaches: vec![] }), NotApproved::Refused);
    let lapsed = |world: &mut World| world.staff.people.get_mut("fin").unwrap().roles.clear();
    assert_eq!(edit(lapsed), NotApproved::NotCounted(NotCounted::NoFunction));
    let gone = |world: &mut World| drop(world.staff.people.remove("cat"));
    assert_eq!(edit(gone), NotApproved::NotCounted(NotCounted::UnknownPerson));
    let rekeyed = |world: &mut World| world.staff.people.get_mut("cat").unwrap().keys = vec![key("x").verifying_key()];
    assert_eq!(edit(rekeyed), NotApproved::NotCounted(NotCounted::Forged));
}

#[test]
fn another_policy_signed_than_the_one_that_judged_is_refused() {
    let mut world = World::new();
    world.policy.version = "2".into();
    world.decision.policy = policy_hash(&world.policy);
    assert_eq!(world.approve(&granted()), Err(NotApproved::OtherPolicy));
}

#[test]
fn a_request_that_waits_was_refused_or_ran_out_goes_nowhere() {
    let mut world = World::new();
    assert_eq!(world.approve(&request(10)), Err(NotApproved::NotGranted));
    let mut refused = request(10);
    let no = Signature::sign(&subject(), "cat", CATEGORY, Answer::Refuse, at(1.0), at(1.0), &key("cat"));
    refused.sign(no, &staff(), at(1.0)).unwrap();
    assert_eq!(world.approve(&refused), Err(NotApproved::SaidNo));
    assert_eq!(refused.stage(&staff(), at(99.0)), Ok(Stage::Refused { by: "cat".into() }));
    let late = refused.sign(signature("carl", CATEGORY, 2.0), &staff(), at(2.0));
    assert_eq!(late, Err(NotCounted::Decided));
    world.now = at(4.0);
    assert_eq!(world.approve(&request(10)), Err(NotApproved::Expired));
}

#[test]
fn signatures_of_the_wrong_people_do_not_count() {
    let mut staff = staff();
    let stand_in = |away: &str, stands_in: &str| StandIn::sign(away, stands_in, at(0.0), at(9.0), &key(away));
    staff.stand_ins = vec![stand_in("planner", "auditor"), stand_in("carl", "robot")];
    for (name, expected) in [
        ("planner", NotCounted::Proposer),
        ("auditor", NotCounted::NoFunction),
        ("robot", NotCounted::Agent),
        ("fin", NotCounted::NoFunction),
    ] {
        let got = request(10).sign(signature(name, CATEGORY, 1.0), &staff, at(1.0));
        assert_eq!(got, Err(expected), "{name}");
    }
    let stranger = Signature { person: "eve".into(), ..signature("cat", CATEGORY, 1.0) };
    assert_eq!(request(10).sign(stranger, &staff, at(1.0)), Err(NotCounted::UnknownPerson));
    assert_eq!(request(10).sign(signature("fin", FINANCE, 1.0), &staff, at(1.0)), Err(NotCounted::NotTheirTurn));
}

#[test]
fn a_signature_is_bound_to_every_word_of_it() {
    let good = || signature("cat", CATEGORY, 1.0);
    let mut flipped = good();
    flipped.bytes[7] ^= 1;
    for forged in [
        Signature { person: "carl".into(), ..good() },
        Signature { at: at(1.5), signed_in: at(1.5), ..good() },
        Signature { signed_in: at(0.9), ..good() },
        Signature { answer: Answer::Refuse, ..good() },
        Signature { bytes: vec![], ..good() },
        Signature { bytes: vec![0; 64], ..good() },
        flipped,
    ] {
        assert_eq!(request(10).sign(forged.clone(), &staff(), at(2.0)), Err(NotCounted::Forged), "{forged:?}");
    }
    let mut both = staff();
    both.people.get_mut("cat").unwrap().roles.push(Role::Approver(FINANCE));
    let moved = Signature { function: FINANCE, ..good() };
    assert_eq!(request(10).sign(moved, &both, at(2.0)), Err(NotCounted::Forged));
    for other in [
        Subject { nonce: "n2".into(), ..subject() },
        Subject { expires: at(48.0), ..subject() },
        Subject { data: "s2".into(), ..subject() },
        Subject { proposal: hash_json(&"milk at 0.01"), ..subject() },
    ] {
        let replayed = Request { subject: other, ..request(10) }.sign(good(), &staff(), at(2.0));
        assert_eq!(replayed, Err(NotCounted::OtherSubject));
    }
}

#[test]
fn time_holds_for_signatures_too() {
    let early = signature("cat", CATEGORY, -1.0);
    assert_eq!(request(10).sign(early, &staff(), at(1.0)), Err(NotCounted::WrongTime));
    let future = signature("cat", CATEGORY, 2.0);
    assert_eq!(request(10).sign(future, &staff(), at(1.0)), Err(NotCounted::WrongTime));
    let late = signature("cat", CATEGORY, 4.0);
    assert_eq!(request(10).sign(late, &staff(), at(4.0)), Err(NotCounted::TooLate));
    assert!(request(10).sign(signature("cat", CATEGORY, 3.999), &staff(), at(4.0)).is_ok());
    let mut long = request(10);
    long.chain.steps[0].hours = 100;
    assert_eq!(long.sign(signature("cat", CATEGORY, 24.0), &staff(), at(24.0)), Err(NotCounted::TooLate));
    let mut backwards = request(10);
    backwards.sign(signature("cat", CATEGORY, 2.0), &staff(), at(3.0)).unwrap();
    let before = backwards.sign(signature("fin", FINANCE, 1.0), &staff(), at(3.0));
    assert_eq!(before, Err(NotCounted::WrongTime));
}

#[test]
fn much_money_needs_two_different_people_who_have_just_signed_in() {
    let mut large = request(1_001);
    let signed = |name, hours: f64, minutes: i64| {
        let signed_in = at(hours) - SignedDuration::from_mins(minutes);
        Signature::sign(&subject(), name, CATEGORY, Answer::Approve, at(hours), signed_in, &key(name))
    };
    assert_eq!(large.sign(signed("cat", 1.0, 10), &staff(), at(1.0)), Err(NotCounted::StaleLogin));
    assert_eq!(large.sign(signed("cat", 1.0, 9), &staff(), at(1.0)), Ok(()));
    assert_eq!(large.sign(signed("cat", 1.1, 0), &staff(), at(1.1)), Err(NotCounted::Twice));
    let waiting = Stage::Waiting { function: CATEGORY, escalated_to: None, people: 1, until: at(4.0) };
    assert_eq!(large.stage(&staff(), at(1.1)), Ok(waiting));
    assert_eq!(large.sign(signed("carl", 1.2, 0), &staff(), at(1.2)), Ok(()));
    let waiting = Stage::Waiting { function: FINANCE, escalated_to: None, people: 1, until: at(5.2) };
    assert_eq!(large.stage(&staff(), at(1.2)), Ok(waiting));
    let mut small = request(1_000);
    small.chain.steps[0].tiers[1].from = 1_001;
    assert_eq!(small.sign(signed("cat", 1.0, 10), &staff(), at(1.0)), Ok(()), "a thousand needs no fresh login");
}

#[test]
fn a_stand_in_signs_while_the_other_is_away_and_passes_nothing_on() {
    let mut staff = staff();
    let stand_in = |away: &str, stands_in: &str| StandIn::sign(away, stands_in, at(1.0), at(2.0), &key(away));
    staff.stand_ins = vec![stand_in("cat", "auditor"), stand_in("auditor", "fin")];
    let by = |name, hours| request(10).sign(signature(name, CATEGORY, hours), &staff, at(3.0));
    assert_eq!(by("auditor", 0.99), Err(NotCounted::NoFunction));
    assert_eq!(by("auditor", 1.0), Ok(()));
    assert_eq!(by("auditor", 2.0), Err(NotCounted::NoFunction));
    assert_eq!(by("fin", 1.5), Err(NotCounted::NoFunction));
}

#[test]
fn a_stand_in_whom_the_one_who_is_away_did_not_name_signs_for_nobody() {
    let mut staff = staff();
    let named = StandIn::sign("cat", "auditor", at(0.0), at(9.0), &key("cat"));
    let by = |staff: &Staff| request(10).sign(signature("auditor", CATEGORY, 1.0), staff, at(1.0));
    staff.stand_ins = vec![named.clone()];
    assert_eq!(by(&staff), Ok(()));
    for forged in [
        StandIn::sign("cat", "auditor", at(0.0), at(9.0), &key("auditor")),
        StandIn { away: "carl".into(), ..named.clone() },
        StandIn { until: at(10.0), ..named.clone() },
        StandIn { bytes: vec![], ..named },
    ] {
        staff.stand_ins = vec![forged];
        assert_eq!(by(&staff), Err(NotCounted::NoFunction));
    }
}

#[test]
fn who_asked_when_for_how_much_and_who_signs_is_part_of_what_is_signed() {
    let wish = Wish {
        proposal: hash_json(&PROPOSAL),
        limits: GateLimits::cautious(Currency::EUR).hash(),
        policy: policy_hash(&policy()),
        data: "s1".into(),
        proposer: "planner".into(),
        at_risk: 50_000,
        chain: chain(),
    };
    let asked = || Request::ask(wish.clone(), at(0.0), &[1; 32]);
    assert_eq!(asked().is_as_asked(&[1; 32]), Ok(()));
    assert_eq!(asked().subject.expires, at(32.0), "both steps and a day to use it");
    assert_ne!(asked().subject.nonce, Request::ask(wish.clone(), at(0.0), &[2; 32]).subject.nonce);
    for change in [
        (|request| request.proposer = "eve".into()) as fn(&mut Request),
        |request| request.asked = at(1.0),
        |request| request.at_risk = 10,
        |request| request.chain.steps.truncate(1),
        |request| request.subject.nonce = "n".into(),
    ] {
        let mut edited = asked();
        change(&mut edited);
        assert_eq!(edited.is_as_asked(&[1; 32]), Err(NotCounted::OtherTerms));
    }
}

#[test]
fn for_whom_somebody_could_sign_is_what_signing_then_accepts() {
    let (staff, mut request) = (staff(), request(10));
    for (name, expected) in [
        ("cat", Ok(CATEGORY)),
        ("fin", Err(NotCounted::NoFunction)),
        ("planner", Err(NotCounted::Proposer)),
        ("robot", Err(NotCounted::Agent)),
        ("eve", Err(NotCounted::UnknownPerson)),
    ] {
        assert_eq!(request.function_of(name, &staff, at(1.0)), expected, "{name}");
    }
    request.sign(signature("cat", CATEGORY, 1.0), &staff, at(1.0)).unwrap();
    assert_eq!(request.function_of("cat", &staff, at(1.0)), Err(NotCounted::Twice));
    assert_eq!(request.function_of("fin", &staff, at(1.0)), Ok(FINANCE));
    assert_eq!(request.function_of("fin", &staff, at(9.0)), Err(NotCounted::TooLate));
    assert!(!request.needs_fresh_login(CATEGORY));
    request.at_risk = 1_001;
    assert!(request.needs_fresh_login(CATEGORY));
}

#[test]
fn a_step_that_lets_its_time_pass_escalates_once_and_then_it_is_a_no() {
    let mut request = request(10);
    request.chain.steps[0].escalates_to = Some(FINANCE);
    let waiting = |escalated_to| Stage::Waiting { function: CATEGORY, escalated_to, people: 1, until: at(8.0) };
    assert_eq!(request.stage(&staff(), at(3.9)), Ok(waiting(None)));
    assert_eq!(request.stage(&staff(), at(4.0)), Ok(waiting(Some(FINANCE))));
    assert_eq!(request.stage(&staff(), at(8.0)), Ok(Stage::Expired));
    let early = request.clone().sign(signature("fin", FINANCE, 3.9), &staff(), at(5.0));
    assert_eq!(early, Err(NotCounted::NotTheirTurn));
    assert_eq!(request.clone().sign(signature("cat", CATEGORY, 5.0), &staff(), at(5.0)), Ok(()));
    assert_eq!(request.sign(signature("fin", FINANCE, 5.0), &staff(), at(5.0)), Ok(()));
    let again = request.sign(signature("fin", FINANCE, 6.0), &staff(), at(6.0));
    assert_eq!(again, Err(NotCounted::Twice), "who stood in for the step before does not sign their own as well");
    assert_eq!(request.sign(signature("fred", FINANCE, 6.0), &staff(), at(6.0)), Ok(()));
}

#[test]
fn many_small_requests_count_as_a_large_one() {
    let mut register = Register::default();
    for small in 0..10 {
        register.ask("planner", "dairy", 100, at(f64::from(small)));
    }
    let at_risk = |proposer, category, hours| register.at_risk(proposer, category, 100, at(hours));
    assert_eq!(at_risk("planner", "toys", 9.0), 1_100);
    assert_eq!(at_risk("other", "dairy", 9.0), 1_100, "nor do two proposers split one category");
    assert_eq!(at_risk("other", "toys", 9.0), 100);
    assert_eq!(at_risk("planner", "dairy", 168.0), 1_000);
    assert_eq!(register.at_risk("planner", "dairy", -5_000, at(9.0)), 1_000, "nothing is taken off");
    register.ask("planner", "dairy", -5_000, at(9.0));
    assert_eq!(register.at_risk("planner", "dairy", i64::MAX, at(9.0)), i64::MAX);
    assert_eq!(register.at_risk("planner", "dairy", 0, at(9.0)), 1_000);
}

#[test]
fn a_chain_that_lets_something_through_unsigned_is_refused() {
    assert_eq!(chain().check(), Ok(()));
    let changed = |change: fn(&mut Step)| {
        let mut chain = chain();
        change(&mut chain.steps[0]);
        chain.check().unwrap_err()
    };
    let tiers = ChainError::Tiers { version: "1".into(), step: 1 };
    assert_eq!(changed(|step| step.tiers[0].from = 1), tiers);
    assert_eq!(changed(|step| step.tiers[1].people = 0), tiers);
    assert_eq!(changed(|step| step.tiers[1].from = 0), tiers);
    assert_eq!(changed(|step| step.tiers.clear()), tiers);
    assert_eq!(changed(|step| step.hours = 0), ChainError::Hours { version: "1".into(), step: 1 });
    let mut nobody = chain();
    nobody.steps.iter_mut().for_each(|step| step.tiers[0].people = 0);
    assert_eq!(nobody.check(), Err(ChainError::Unsigned { version: "1".into(), at: 0 }));
    nobody.steps.clear();
    assert!(nobody.check().is_err());
}

fn glass(signers: &[&str]) -> BreakGlass {
    let scope = Scope::Category("dairy".into());
    let mut glass =
        BreakGlass { reason: "till prices wrong".into(), scope, at: at(2.0), nonce: "g".into(), signatures: vec![] };
    signers.iter().for_each(|name| glass.sign(name, &key(name)));
    glass
}

#[test]
fn two_people_break_the_glass_for_an_hour() {
    let holds = |glass: &BreakGlass, hours| glass.holds("planner", &staff(), at(hours));
    assert_eq!(holds(&glass(&["cat", "fin"]), 2.0), Ok(()));
    assert_eq!(holds(&glass(&["cat", "fin"]), 2.999), Ok(()));
    assert_eq!(holds(&glass(&["cat", "fin"]), 3.0), Err(NotBroken::Over));
    assert_eq!(holds(&glass(&["cat", "fin"]), 1.999), Err(NotBroken::Over));
    for signers in
        [&["cat"][..], &["cat", "cat"], &["cat", "planner"], &["cat", "robot"], &["cat", "auditor"], &["cat", "eve"]]
    {
        assert_eq!(holds(&glass(signers), 2.0), Err(NotBroken::TooFew), "{signers:?}");
    }
    let mut silent = glass(&["cat", "fin"]);
    silent.reason = " ".into();
    assert_eq!(holds(&silent, 2.0), Err(NotBroken::NoReason));
    for change in [
        (|glass| glass.reason = "other".into()) as fn(&mut BreakGlass),
        |glass| glass.scope = Scope::Global,
        |glass| glass.at = at(2.1),
        |glass| glass.nonce = "h".into(),
        |glass| glass.signatures[0].person = "carl".into(),
        |glass| glass.signatures[0].bytes.clear(),
    ] {
        let mut edited = glass(&["cat", "fin"]);
        change(&mut edited);
        assert_eq!(holds(&edited, 2.5), Err(NotBroken::TooFew));
    }
}

#[test]
fn broken_glass_stands_in_for_the_chain_in_its_scope_and_never_for_policy() {
    let world = World::new();
    let limits = world.limits.hash();
    let approve = |proposal: &'static str, decision: &Decision, scope: Scope, hours| {
        let present =
            Present { policy: &world.policy, limits: &limits, data: &world.data, staff: &world.staff, now: at(hours) };
        let glass = glass(&["cat", "fin"]);
        approve_under_broken_glass(proposal, decision, ("planner", &[scope]), &glass, present)
            .map(|approved| approved.decision().signed.as_ref().unwrap().person.clone())
    };
    let dairy = || Scope::Category("dairy".into());
    assert_eq!(approve(PROPOSAL, &decision(), dairy(), 2.5), Ok("cat, fin".into()));
    assert_eq!(approve("other", &decision(), dairy(), 2.5), Err(NotApproved::OtherContent));
    assert_eq!(approve(PROPOSAL, &decision(), Scope::Global, 2.5), Err(NotApproved::OtherScope));
    assert_eq!(approve(PROPOSAL, &decision(), dairy(), 3.5), Err(NotApproved::NotBroken(NotBroken::Over)));
    let refused = Decision { verdict: Verdict::Refused { breaches: vec![] }, ..decision() };
    assert_eq!(approve(PROPOSAL, &refused, dairy(), 2.5), Err(NotApproved::Refused));
}

proptest! {
    // Signatures are slow in unoptimised builds.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_is_granted_without_enough_different_people_of_each_function(
        signers in prop::collection::vec((0usize..7, any::<bool>(), 0u32..9), 0..7),
        at_risk in prop_oneof![Just(10i64), Just(5_000), Just(50_000)],
    ) {
        let (staff, mut request) = (staff(), request(at_risk));
        let mut signed: BTreeMap<&str, Function> = BTreeMap::new();
        for (who, finance, hours) in signers {
            let function = if finance { FINANCE } else { CATEGORY };
            let one = signature(NAMES[who], function, f64::from(hours));
            if request.sign(one, &staff, at(8.0)).is_ok() {
                signed.insert(NAMES[who], function);
            }
        }
        let people = |function| signed.values().filter(|one| **one == function).count() as u32;
        let enough = [CATEGORY, FINANCE].into_iter().zip(&request.chain.steps)
            .all(|(function, step)| people(function) >= step.people(at_risk));
        let granted = matches!(request.stage(&staff, at(8.0)), Ok(Stage::Granted { .. }));
        prop_assert_eq!(granted, enough);
        prop_assert!(signed.keys().all(|name| !["planner", "robot", "auditor"].contains(name)));
    }
}
