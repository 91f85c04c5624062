//! No effect without authority: every attempt to get round approval, stop, limits and roles is refused, and over all
//! combinations of actor, rung, approval, stop, time and amount exactly those pass that a plain reading allows.

use ed25519_dalek::SigningKey;
use endcap_govern::approval::*;
use endcap_govern::gate::*;
use endcap_govern::ladder::{self, Alarm, Evidence, Ladder, NotRaised, RiseRule};
use endcap_govern::law::{Content, Goods, Market, Measure, Offered, Shown, shipped_markets};
use endcap_govern::stop::{LEASE_MAX, Scope, Stops};
use endcap_govern::who_may::{Actor, Question, WhoMay};
use endcap_govern::{Function, Present, Role, approve_signed, approve_under_broken_glass, policy_hash};
use endcap_model::*;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::LazyLock;

const CATEGORY: Function = Function::Category;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + 60 * minutes).unwrap()
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(hash_bytes(name.as_bytes()).as_str().as_bytes()[..32].try_into().unwrap())
}

/// Everything that stands between an intent and its channel.
#[derive(Clone)]
struct World {
    intent: Intent,
    standing: Standing,
    gate: Gate,
    traffic: Traffic,
    ladder: Ladder,
    who_may: WhoMay,
    actors: BTreeMap<String, Actor>,
    staff: Staff,
    policy: Policy,
    decision: Decision,
    request: Option<Request>,
    register: Register,
    data: SnapshotId,
    veto_over: bool,
}

fn staff() -> Staff {
    let person = |name: &str| {
        let roles = match name {
            "cat" | "carl" => vec![Role::Approver(CATEGORY)],
            "planner" => vec![Role::Planner, Role::Approver(CATEGORY)],
            "robot" => vec![Role::Approver(CATEGORY)],
            _ => vec![Role::Approver(Function::Legal)],
        };
        (name.to_owned(), Person { roles, human: name != "robot", keys: vec![key(name).verifying_key()] })
    };
    Staff { people: ["cat", "carl", "planner", "robot", "lou"].map(person).into(), stand_ins: vec![] }
}

fn policy() -> Policy {
    serde_json::from_str(
        r#"{"version":"1","autonomy":"propose","depth_max":0.5,"margin_rate_min":0.0,"spend_max":1e6,
            "stockout_probability_max":1.0,"promoted_share_max":1.0,"tail_value_min":-1e6,"person_above":0.0}"#,
    )
    .unwrap()
}

fn standing() -> Standing {
    let stops = Stops::default();
    let content = Some(Content { amount: 500, measure: Measure::Gram });
    Standing {
        now: at(60),
        lease: Some(stops.lease(at(60), LEASE_MAX)),
        stops: Some(stops),
        currency: Some(Currency::EUR),
        shelf: Shelf {
            base_price: Some(200),
            confirmed_price: Some(200),
            floor: Some(120),
            ceiling: Some(300),
            unit_cost: Some(100),
            pieces_per_day: Some(10),
            ..Shelf::default()
        },
        business: Business { skus: Some(10_000), places: Some(1_000), revenue_per_day: Some(100_000_000) },
        market: Some(Market {
            rules: shipped_markets()["DE"].clone(),
            zone: TimeZone::UTC,
            history: vec![(at(-1_000_000), Offered::At(200))].into(),
            goods: Goods { content, ..Goods::default() },
        }),
        ..Standing::default()
    }
}

fn on_rung(autonomy: Autonomy) -> Ladder {
    let field = ladder::Field { category: "dairy".into(), channel: "till".into(), action: "start_offer".into() };
    let rules = [Autonomy::Propose, Autonomy::ActWithVeto, Autonomy::Act].map(|to| RiseRule {
        to,
        days_min: 0,
        decisions_min: 0,
        kept_min: Share::default(),
        breaches_max: 0,
        value_low_min: None,
    });
    let mut ladder = Ladder::default();
    while ladder.autonomy(&field) < autonomy {
        ladder = ladder.raise(&field, ("ada", true), &Evidence::default(), &rules, at(0)).unwrap();
    }
    ladder.lower(&field, autonomy, "ada", at(0))
}

impl World {
    /// An agent that may propose, with an offer that one person approved.
    fn new() -> Self {
        static WORLD: LazyLock<World> = LazyLock::new(World::made_up);
        WORLD.clone()
    }

    fn made_up() -> Self {
        let gate = Gate::new(GateLimits::cautious(Currency::EUR)).unwrap();
        let intent = Intent {
            action: Action::StartOffer { offer: "o".into(), price: 150 },
            sku: "milk".into(),
            category: "dairy".into(),
            place: "north".into(),
            channel: "till".into(),
            tenant: "shop".into(),
            agent: "pricing".into(),
            currency: Currency::EUR,
            from: at(90),
            until: Some(at(90 + 24 * 60)),
            generation: 1,
            epoch: 0,
            limits: gate.hash().clone(),
            inputs: Inputs { snapshot: "s1".into(), known_at: at(0), quarantined: false, personal_data: false },
            shown: Shown { unit_price_tenths: Some(3000), ..Shown::default() },
        };
        let actors = [
            Actor::agent("pricing"),
            Actor::agent("other"),
            Actor::person("planner", &[Role::Planner]),
            Actor::person("vic", &[Role::Viewer]),
            Actor::person("cat", &[Role::Approver(CATEGORY)]),
        ];
        let mut world = Self {
            decision: Decision {
                content: hash_json(&intent),
                policy: policy_hash(&policy()),
                verdict: Verdict::NeedsPerson { reasons: vec![] },
                signed: None,
            },
            intent,
            standing: standing(),
            gate,
            traffic: Traffic::default(),
            ladder: on_rung(Autonomy::Propose),
            who_may: WhoMay::shipped(),
            actors: actors.map(|actor| (actor.name.clone(), actor)).into(),
            staff: staff(),
            policy: policy(),
            request: None,
            register: Register::default(),
            data: "s1".into(),
            veto_over: false,
        };
        world.ask(10);
        world.sign("cat", 10).unwrap();
        world
    }

    /// Asks for the approval of the intent as it is.
    fn ask(&mut self, money: i64) {
        let tiers = vec![Tier { from: 0, people: 1 }, Tier { from: 1_000, people: 2 }];
        let step = Step { function: CATEGORY, tiers, hours: 2, escalates_to: None, fresh_login_above: 5_000 };
        let subject = Subject {
            proposal: hash_json(&self.intent),
            limits: self.gate.hash().clone(),
            policy: policy_hash(&self.policy),
            data: "s1".into(),
            expires: at(240),
            nonce: "n".into(),
        };
        let at_risk = self.register.at_risk("planner", "dairy", money, at(0));
        self.register.ask("planner", "dairy", money, at(0));
        let chain = Chain { version: "1".into(), steps: vec![step] };
        let proposer = "planner".into();
        self.request = Some(Request { subject, proposer, asked: at(0), at_risk, chain, signatures: vec![] });
    }

    fn sign(&mut self, name: &str, minutes: i64) -> Result<(), NotCounted> {
        self.sign_as(name, name, minutes, minutes)
    }

    fn sign_as(&mut self, name: &str, with: &str, minutes: i64, signed_in: i64) -> Result<(), NotCounted> {
        let request = self.request.as_mut().unwrap();
        let approve = Answer::Approve;
        let one = Signature::sign(&request.subject, name, CATEGORY, approve, at(minutes), at(signed_in), &key(with));
        request.sign(one, &self.staff, at(60))
    }

    /// Goes all the way; tells everything that stood against it.
    fn send(&mut self) -> Result<(), String> {
        let mut against = vec![];
        let approved = self.request.clone().is_some_and(|request| {
            let (limits, now) = (self.gate.hash().clone(), self.standing.now);
            let present = Present { policy: &self.policy, limits: &limits, data: &self.data, staff: &self.staff, now };
            approve_signed(self.intent.clone(), &self.decision, &request, present, &mut self.register)
                .map_err(|why| against.push(why.to_string()))
                .is_ok()
        });
        let question = Question::about(&self.intent, &self.actors, &self.ladder, approved, self.veto_over);
        self.standing.permit = Some(self.who_may.ask(&question).permit());
        self.standing.approved_by_a_person = approved;
        match self.gate.admit(&self.intent, &self.standing, &mut self.traffic) {
            Ok((passed, _)) => {
                assert_eq!(passed.get(), &self.intent);
                Ok(())
            }
            Err(breaches) => {
                against.extend(breaches.iter().map(ToString::to_string));
                Err(against.join("; "))
            }
        }
    }

    fn stopped(&mut self, change: impl Fn(&Stops) -> Stops) {
        let stops = change(self.standing.stops.as_ref().unwrap());
        self.standing.lease = Some(stops.lease(self.standing.now, LEASE_MAX));
        self.standing.stops = Some(stops);
    }

    fn pass_time(&mut self, minutes: i64) {
        self.standing.now = at(minutes);
        self.standing.lease = Some(self.standing.stops.as_ref().unwrap().lease(at(minutes), LEASE_MAX));
    }

    fn price(&mut self, price: i64) {
        self.intent.action = Action::StartOffer { offer: "o".into(), price };
        self.intent.shown.unit_price_tenths = Some(price * 20);
    }
}

#[test]
fn what_was_approved_and_stays_as_it_was_is_sent() {
    assert_eq!(World::new().send(), Ok(()));
}

/// An attempt: what is tried on a world where all is well, and what the refusal has to speak of.
type Attempt = (&'static str, fn(&mut World), &'static str);

const ATTEMPTS: [Attempt; 45] = [
    ("edit the price after approval", |w| w.price(151), "changed after"),
    ("edit the place after approval", |w| w.intent.place = "south".into(), "changed after"),
    ("edit the time after approval", |w| w.intent.until = Some(at(9999)), "changed after"),
    (
        "edit price and decision after approval",
        |w| (w.price(151), w.decision.content = hash_json(&w.intent)).1,
        "changed after",
    ),
    ("use no approval", |w| w.request = None, "who may"),
    ("use the approval twice", |w| (w.send().unwrap(), w.intent.generation = 2).1, "changed after"),
    ("replay the very same", |w| w.send().unwrap(), "used before"),
    ("use an unsigned request", |w| w.request.as_mut().unwrap().signatures.clear(), "not everybody"),
    ("use a refused one", |w| w.decision.verdict = Verdict::Refused { breaches: vec![] }, "policy refuses"),
    ("use an expired approval", |w| w.pass_time(240), "expired"),
    ("set the clock back before the signature", |w| w.pass_time(5), "dated before"),
    ("sign for another subject", |w| w.request.as_mut().unwrap().subject.nonce = "m".into(), "signs something else"),
    (
        "extend the end of the approval",
        |w| w.request.as_mut().unwrap().subject.expires = at(9999),
        "signs something else",
    ),
    ("change a byte of a signature", |w| w.request.as_mut().unwrap().signatures[0].bytes[0] ^= 1, "does not verify"),
    (
        "put another name under a signature",
        |w| w.request.as_mut().unwrap().signatures[0].person = "carl".into(),
        "does not verify",
    ),
    ("approve one's own", |w| w.request.as_mut().unwrap().proposer = "cat".into(), "they proposed"),
    ("let an agent approve", |w| w.staff.people.get_mut("cat").unwrap().human = false, "agent never"),
    ("approve with a lapsed role", |w| w.staff.people.get_mut("cat").unwrap().roles.clear(), "for this function now"),
    (
        "approve for another function",
        |w| w.staff.people.get_mut("cat").unwrap().roles = vec![Role::Approver(Function::Legal)],
        "for this function now",
    ),
    ("approve as one who has left", |w| drop(w.staff.people.remove("cat")), "nobody of that name"),
    (
        "approve with a stolen name and another key",
        |w| w.staff.people.get_mut("cat").unwrap().keys = vec![key("eve").verifying_key()],
        "does not verify",
    ),
    ("raise the money after one has signed", |w| w.request.as_mut().unwrap().at_risk = 1_000, "not everybody"),
    (
        "sign twice where two are needed",
        |w| {
            let request = w.request.as_mut().unwrap();
            request.at_risk = 1_000;
            request.signatures.push(request.signatures[0].clone());
        },
        "another one must",
    ),
    (
        "send under other limits than were signed",
        |w| {
            let limits = GateLimits { order_value_max: 1, ..w.gate.limits().clone() };
            w.gate = Gate::new(limits).unwrap();
        },
        "limits were changed",
    ),
    ("send under another policy than judged", |w| w.policy.version = "2".into(), "policy was changed"),
    ("send on newer data than were signed", |w| w.data = "s2".into(), "newer data"),
    (
        "send what was decided before a stop",
        |w| w.stopped(|s| s.freeze(Scope::Global, "a", at(1)).resume(Scope::Global, "a", at(2))),
        "stop",
    ),
    ("send into a frozen category", |w| w.stopped(|s| s.freeze(Scope::Category("dairy".into()), "a", at(1))), "stop"),
    ("claim an epoch to come", |w| w.intent.epoch = 9, "has not begun"),
    ("send while the stop cannot be read", |w| w.standing.stops = None, "not known"),
    ("send without a lease", |w| w.standing.lease = None, "lease"),
    ("send on an old lease", |w| w.standing.now = at(61), "lease"),
    ("send with a lease that lasts", |w| w.standing.lease.as_mut().unwrap().until = at(999), "lease"),
    (
        "dress a price up as the end of an offer",
        |w| w.intent.action = Action::EndOffer { offer: "o".into(), price: 150 },
        "base price",
    ),
    ("send where no floor is set", |w| w.standing.shelf.floor = None, "floor"),
    ("send where no cost is known", |w| w.standing.shelf.unit_cost = None, "margin_rate_min"),
    ("send an older effect over a newer one", |w| w.standing.shelf.generation = 1, "generation"),
    ("send on quarantined rows", |w| w.standing.shelf.quarantined = true, "quarantine"),
    ("send in another currency", |w| w.standing.currency = Some(Currency::DKK), "currency"),
    ("send as an unknown agent", |w| w.intent.agent = "ghost".into(), "who is suspended"),
    ("send as a viewer", |w| w.intent.agent = "vic".into(), "who may"),
    ("send as an approver", |w| w.intent.agent = "cat".into(), "who may"),
    ("send as a suspended agent", |w| w.actors.get_mut("pricing").unwrap().suspended = true, "who is suspended"),
    ("send while the machine is halted", |w| w.ladder = on_rung(Autonomy::Halted), "halted sends nothing"),
    (
        "act unapproved within the time for a veto",
        |w| (w.request, w.ladder) = (None, on_rung(Autonomy::ActWithVeto)),
        "who may",
    ),
];

#[test]
fn every_attempt_to_get_round_is_refused_and_says_why() {
    for (name, attempt, expected) in ATTEMPTS {
        let mut world = World::new();
        attempt(&mut world);
        let sent = world.traffic.len();
        let refusal = world.send().expect_err(name);
        assert!(refusal.contains(expected), "{name}: {refusal}");
        assert_eq!(world.traffic.len(), sent, "{name}");
    }
}

#[test]
fn a_race_of_two_approvers_counts_one_and_uses_one() {
    let mut world = World::new();
    assert_eq!(world.sign("carl", 10), Err(NotCounted::Decided));
    assert_eq!(world.send(), Ok(()));
    let again = Intent { generation: 2, ..world.intent.clone() };
    let before = std::mem::replace(&mut world.intent, again);
    assert!(world.send().is_err());
    world.intent = before;
    assert!(world.send().unwrap_err().contains("used before"));
}

#[test]
fn splitting_an_amount_needs_as_many_people_as_the_whole() {
    let mut world = World::new();
    for _ in 0..9 {
        world.ask(110);
    }
    world.sign("cat", 10).unwrap();
    assert!(world.send().unwrap_err().contains("not everybody"));
    world.sign("carl", 11).unwrap();
    assert_eq!(world.send(), Ok(()));
}

#[test]
fn late_early_stale_and_borrowed_signatures_do_not_count() {
    let unsigned = || {
        let mut world = World::new();
        world.request.as_mut().unwrap().signatures.clear();
        world
    };
    assert_eq!(unsigned().sign("cat", 61), Err(NotCounted::WrongTime));
    assert_eq!(unsigned().sign("cat", -1), Err(NotCounted::WrongTime));
    assert_eq!(unsigned().sign_as("cat", "carl", 10, 10), Err(NotCounted::Forged));
    let mut short = unsigned();
    short.request.as_mut().unwrap().chain.steps[0].hours = 0;
    assert_eq!(short.sign("cat", 1), Err(NotCounted::TooLate));
    let mut large = unsigned();
    large.request.as_mut().unwrap().at_risk = 5_001;
    assert_eq!(large.sign_as("cat", "cat", 30, 10), Err(NotCounted::StaleLogin));
    let mut borrowed = unsigned();
    let stand_in = |away: &str| StandIn::sign(away, "lou", at(0), at(99), &key(away));
    borrowed.staff.stand_ins = vec![stand_in("planner")];
    assert_eq!(borrowed.sign("lou", 10), Err(NotCounted::NoFunction));
    borrowed.staff.stand_ins = vec![stand_in("carl")];
    assert_eq!(borrowed.sign("lou", 10), Ok(()));
}

#[test]
fn a_machine_neither_raises_itself_nor_breaks_the_glass() {
    let field = ladder::Field { category: "dairy".into(), channel: "till".into(), action: "start_offer".into() };
    let raised = Ladder::default().raise(&field, ("pricing", false), &Evidence::default(), &[], at(0));
    assert_eq!(raised, Err(NotRaised::NoPerson));
    assert_eq!(on_rung(Autonomy::Act).fall(&field, Alarm::Data, at(0)).autonomy(&field), Autonomy::Propose);

    let world = World::new();
    let glass = |signers: &[&str]| {
        let (reason, scope) = ("tills down".to_owned(), Scope::Global);
        let mut glass = BreakGlass { reason, scope, at: at(30), nonce: "g".into(), signatures: vec![] };
        signers.iter().for_each(|name| glass.sign(name, &key(name)));
        let (limits, now) = (world.gate.hash().clone(), at(60));
        let present = Present { policy: &world.policy, limits: &limits, data: &world.data, staff: &world.staff, now };
        let scopes = world.intent.scopes();
        let about = ("planner", &scopes[..]);
        approve_under_broken_glass(world.intent.clone(), &world.decision, about, &glass, present).is_ok()
    };
    assert!(glass(&["cat", "lou"]));
    for signers in [&["cat"][..], &["cat", "robot"], &["cat", "planner"], &["cat", "cat"]] {
        assert!(!glass(signers), "{signers:?}");
    }
}

/// How an approval can stand.
const APPROVALS: [fn(&mut World); 6] = [
    |_| {},
    |world| world.request = None,
    |world| world.request.as_mut().unwrap().signatures.clear(),
    |world| world.data = "s2".into(),
    |world| world.staff.people.get_mut("cat").unwrap().human = false,
    |world| world.request.as_mut().unwrap().at_risk = 1_000,
];

/// How a stop can stand: none, frozen, resumed after the decision.
const STOPS: [fn(&Stops) -> Stops; 3] = [
    Stops::clone,
    |stops| stops.freeze(Scope::Channel("till".into()), "ada", at(1)),
    |stops| stops.freeze(Scope::Global, "ada", at(1)).resume(Scope::Global, "ada", at(2)),
];

#[test]
fn over_all_combinations_exactly_what_has_authority_is_sent() {
    use Autonomy::{Act, ActWithVeto, Advise, Halted, Propose};
    let (mut cases, mut sent) = (0, 0);
    for price in [140, 139] {
        let approved = approved_at(price);
        for actor in ["pricing", "planner", "vic", "cat", "ghost"] {
            for rung in [Halted, Advise, Propose, ActWithVeto, Act] {
                let ladder = on_rung(rung);
                for (approval, stands) in APPROVALS.iter().enumerate() {
                    for (stop, stopped) in STOPS.iter().enumerate() {
                        for (minutes, veto_over) in [(60, false), (60, true), (240, true)] {
                            let mut world = World { ladder: ladder.clone(), veto_over, ..approved.clone() };
                            world.intent.agent = actor.into();
                            stands(&mut world);
                            world.stopped(stopped);
                            world.pass_time(minutes);

                            // The proposal was signed for this agent; the name is part of what was signed.
                            let approved = approval == 0 && minutes < 240 && actor == "pricing";
                            let by_itself = rung == Act || rung == ActWithVeto && veto_over;
                            let may = actor == "pricing" && (by_itself || rung >= Propose && approved);
                            let expected = may && stop == 0 && price >= 140;
                            let case = (price, actor, rung, approval, stop, minutes, veto_over);
                            let got = world.send();
                            assert_eq!(got.is_ok(), expected, "{case:?}: {got:?}");
                            (cases, sent) = (cases + 1, sent + u32::from(expected));
                        }
                    }
                }
            }
        }
    }
    assert_eq!(cases, 2 * 5 * 5 * 6 * 3 * 3);
    assert!(sent > 0);
}

/// A world in which an offer at this price was proposed, judged and signed.
fn approved_at(price: i64) -> World {
    let mut world = World::new();
    world.price(price);
    world.decision.content = hash_json(&world.intent);
    world.register = Register::default();
    world.ask(10);
    world.sign("cat", 10).unwrap();
    world
}

#[test]
fn a_planner_sends_what_people_approved_and_nothing_else() {
    let planner = |rung, signed: bool| {
        let mut world = World::new();
        (world.intent.agent, world.ladder) = ("planner".into(), on_rung(rung));
        world.decision.content = hash_json(&world.intent);
        world.register = Register::default();
        world.ask(10);
        if signed {
            world.sign("cat", 10).unwrap();
        }
        world.send().is_ok()
    };
    assert!(planner(Autonomy::Advise, true));
    assert!(!planner(Autonomy::Act, false));
    assert!(!planner(Autonomy::Halted, true));
}

#[test]
fn a_stop_leaves_the_way_back_open_to_everybody_who_works() {
    for agent in ["pricing", "planner", "cat"] {
        let mut world = World::new();
        world.stopped(|stops| stops.freeze(Scope::Global, "ada", at(1)));
        (world.request, world.ladder) = (None, on_rung(Autonomy::Halted));
        world.intent.agent = agent.into();
        world.intent.action = Action::EndOffer { offer: "o".into(), price: 200 };
        world.intent.shown.unit_price_tenths = Some(4000);
        world.intent.epoch = world.standing.stops.as_ref().unwrap().epoch();
        world.standing.shelf.confirmed_price = Some(150);
        assert_eq!(world.send(), Ok(()), "{agent}");
    }
    let mut viewer = World::new();
    viewer.intent.agent = "vic".into();
    viewer.intent.action = Action::EndOffer { offer: "o".into(), price: 200 };
    assert!(viewer.send().is_err());
    assert_eq!(LEASE_MAX, SignedDuration::from_secs(5));
}
