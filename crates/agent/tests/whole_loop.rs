//! The loop from facts to a published plan, on a small made-up shop and ports in memory.

use endcap_agent::jobs::{Bench, JobError, Judgement, Settings};
use endcap_agent::pace::{Course, Running, running};
use endcap_agent::ports::{Artifacts, Connector, FactStore, Journal, PortError};
use endcap_agent::revise::Season;
use endcap_agent::run::{Ended, RunError, run};
use endcap_agent::sense::Facts;
use endcap_agent::shadow::InShadow;
use endcap_agent::step::{State, step};
use endcap_demand::Fitted;
use endcap_demand::coefficients::{Draft, Target};
use endcap_demand::overrides::{Change, Proposed};
use endcap_govern::Approved;
use endcap_model::*;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

const DAYS: i32 = 84;

struct Shop;

impl FactStore for Shop {
    fn as_of(&self, _: &SnapshotId) -> Result<AsOf, PortError> {
        Ok(AsOf("2024-03-25T00:00:00Z".parse().unwrap()))
    }

    fn alarms(&self, snapshot: &SnapshotId) -> Result<Vec<String>, PortError> {
        Ok(if snapshot.as_str() == "drifting" { vec!["all places: sales drift up".to_owned()] } else { vec![] })
    }

    fn last_good(&self, _: &SnapshotId) -> Result<Option<SnapshotId>, PortError> {
        Ok(Some("facts".into()))
    }

    fn panel(&self, snapshot: &SnapshotId) -> Result<Panel, PortError> {
        Ok(if snapshot.as_str() == "stores shut" { panel_until(DAYS + 3) } else { panel() })
    }

    fn items(&self, _: &SnapshotId) -> Result<Vec<Item>, PortError> {
        Ok(vec![])
    }

    fn places(&self, _: &SnapshotId) -> Result<Vec<PlaceFact>, PortError> {
        Ok(vec![])
    }

    fn stock(&self, _: &SnapshotId) -> Result<Vec<StockState>, PortError> {
        Ok(vec![])
    }
}

/// Six items in two groups at four stores of two cities; each is 30 % off on its own days and answers strongly.
fn panel() -> Panel {
    panel_until(DAYS)
}

/// The same, with days after the last one in which all stores are shut.
fn panel_until(days: i32) -> Panel {
    let mut columns = PanelColumns::default();
    for sku in 0..6u32 {
        for place in 0..4u32 {
            for day in 0..days {
                let promoted = (day + 5 * sku as i32 + 3 * (place / 2) as i32) % 12 < 2;
                let wave = 1.0 + 0.2 * f64::from((day * 7 + place as i32 * 13 + sku as i32 * 5) % 11 - 5) / 5.0;
                let level = 8.0 + 2.0 * f64::from(sku) + f64::from(place);
                let lift = if promoted { 3.2 } else { 1.0 };
                columns.sku.push(sku);
                columns.place.push(place);
                columns.period.push(Period(19_723 + day));
                columns.units.push(if day < DAYS { (level * wave * lift).round() } else { 0.0 });
                columns.price.push(if promoted { 0.7 } else { 1.0 });
                columns.base_price.push(1.0);
                columns.feature.push(0.0);
                columns.display.push(0.0);
                columns.stockout_share.push(0.0);
            }
        }
    }
    let sku = |n: u32| SkuEntry {
        sku: Sku::new(format!("item {n}")),
        group: Group::new(if n < 3 { "tea" } else { "rice" }),
        tier: String::new(),
    };
    let place = |n: u32| PlaceEntry {
        place: Place::new(format!("store {n}")),
        region: if n < 2 { "north" } else { "south" }.to_owned(),
    };
    Panel::new(Calendar::Day, (0..6).map(sku).collect(), (0..4).map(place).collect(), columns).unwrap()
}

/// Results in memory; refuses to keep more than so many, as a process that is killed would.
struct Memory {
    kept: RefCell<BTreeMap<String, Vec<u8>>>,
    puts_left: Cell<usize>,
}

impl Memory {
    fn new() -> Self {
        Self { kept: RefCell::default(), puts_left: Cell::new(usize::MAX) }
    }
}

impl Artifacts for Memory {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), PortError> {
        if self.puts_left.get() == 0 {
            return Err(PortError { port: "results", reason: "killed".into() });
        }
        self.puts_left.set(self.puts_left.get() - 1);
        self.kept.borrow_mut().insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, PortError> {
        Ok(self.kept.borrow().get(name).cloned())
    }
}

#[derive(Default)]
struct Log(Vec<Event>);

impl Journal for Log {
    fn append(&mut self, event: &Event) -> Result<(), PortError> {
        self.0.push(event.clone());
        Ok(())
    }

    fn read(&self) -> Result<Vec<Event>, PortError> {
        Ok(self.0.clone())
    }
}

#[derive(Default)]
struct Recorder(Vec<PlanId>);

impl Connector for Recorder {
    fn publish(&mut self, plan: &Approved<Plan>, key: &str) -> Result<Receipt, PortError> {
        self.0.push(plan.get().id.clone());
        Ok(Receipt { key: key.into(), connector: "recorder".into(), content: hash_bytes(key.as_bytes()) })
    }
}

const SCENARIO: &str = r#"
name = "shop"
assumptions = []
currency = "EUR"
horizon = 7
depths = [0.1, 0.2, 0.3]
items = { list_price = 4.0, margin_rate = 0.5, vendor_funding_share = 0.3 }
supply = { lead_time_periods = 1, opening_stock = { cover_periods = 3.0 }, case_pack = 2, holding_rate = 0.001 }

[limits]
budget = 2000.0
slots = 2
spacing = 3
margin_rate_min = 0.05
fixed_cost = 1.0
capacity_share = 5.0

[twin]
worlds = 4
seed = 1
elasticity_mean = -2.5
elasticity_sd = 0.3
pull_forward_share = 0.1
substitution_share = 0.1
shock_sd = 0.1
"#;

fn scenario() -> Scenario {
    toml::from_str(SCENARIO).unwrap()
}

fn policy() -> Policy {
    Policy {
        version: "1".into(),
        autonomy: Autonomy::Act,
        depth_max: 0.5,
        margin_rate_min: 0.05,
        spend_max: 2_000.0,
        stockout_probability_max: 1.0,
        promoted_share_max: 1.0,
        tail_value_min: -1e6,
        person_above: 1e6,
        overrides_need_approval: false,
        rise: vec![],
        gate: None,
        approval: None,
        rollout: None,
        veto_minutes: None,
    }
}

struct Went {
    ended: Result<(State, Ended), RunError>,
    journal: Vec<Event>,
    published: Vec<PlanId>,
    steps: Vec<String>,
}

fn go(memory: &Memory, scenario: &Scenario, policy: &Policy) -> Went {
    go_knowing(memory, scenario, policy, Judgement::default())
}

fn go_knowing(memory: &Memory, scenario: &Scenario, policy: &Policy, judgement: Judgement) -> Went {
    go_from("facts", memory, scenario, policy, judgement)
}

fn go_from(facts: &str, memory: &Memory, scenario: &Scenario, policy: &Policy, judgement: Judgement) -> Went {
    let steps = std::sync::Mutex::new(Vec::new());
    let progress = |step: &str, _: usize, _: usize| steps.lock().unwrap().push(step.to_owned());
    let settings = Settings {
        judgement,
        objectives: None,
        seed: 1,
        code_version: "test".into(),
        solve: endcap_plan::solve::Settings::default(),
    };
    let mut bench = Bench::new(&Shop, memory, scenario, policy, &settings, &progress);
    let (mut journal, mut recorder) = (Log::default(), Recorder::default());
    let first = Event::Ingested { snapshot: facts.into(), rows_read: 2016, rows_set_aside: 0 };
    let ended = run(first, &mut bench, policy, &mut journal, &mut recorder, &|_| false);
    drop(bench);
    Went { ended, journal: journal.0, published: recorder.0, steps: steps.into_inner().unwrap() }
}

fn plan_of(memory: &Memory) -> Plan {
    let kept = memory.kept.borrow();
    let (_, bytes) = kept.iter().find(|(name, _)| name.ends_with("/plan.json")).expect("a plan was kept");
    serde_json::from_slice(bytes).unwrap()
}

/// Facts that go on after the day on which they are asked for, as a history does; what came later is not handed out.
struct History;

impl FactStore for History {
    fn as_of(&self, snapshot: &SnapshotId) -> Result<AsOf, PortError> {
        Shop.as_of(snapshot)
    }

    fn panel(&self, snapshot: &SnapshotId) -> Result<Panel, PortError> {
        let whole = panel_until(DAYS + 3);
        let known = Calendar::Day.period_of(self.as_of(snapshot)?.0.to_zoned(jiff::tz::TimeZone::UTC).date());
        let kept: Vec<bool> = whole.columns().period.iter().map(|period| *period < known).collect();
        let column =
            |values: &[f64]| values.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(value, _)| *value).collect();
        let c = whole.columns();
        let numbers =
            |values: &[u32]| values.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(value, _)| *value).collect();
        let columns = PanelColumns {
            sku: numbers(&c.sku),
            place: numbers(&c.place),
            period: c.period.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(period, _)| *period).collect(),
            units: column(&c.units),
            price: column(&c.price),
            base_price: column(&c.base_price),
            feature: column(&c.feature),
            display: column(&c.display),
            stockout_share: column(&c.stockout_share),
            controls: vec![],
        };
        Ok(Panel::new(Calendar::Day, whole.skus().to_vec(), whole.places().to_vec(), columns).unwrap())
    }

    fn items(&self, snapshot: &SnapshotId) -> Result<Vec<Item>, PortError> {
        Shop.items(snapshot)
    }

    fn places(&self, snapshot: &SnapshotId) -> Result<Vec<PlaceFact>, PortError> {
        Shop.places(snapshot)
    }

    fn stock(&self, snapshot: &SnapshotId) -> Result<Vec<StockState>, PortError> {
        Shop.stock(snapshot)
    }
}

/// A world that takes plans in as offers on its shelves.
#[derive(Default)]
struct World(Vec<Offer>);

impl Connector for World {
    fn publish(&mut self, plan: &Approved<Plan>, key: &str) -> Result<Receipt, PortError> {
        self.0.extend(plan.get().offers.iter().cloned());
        Ok(Receipt { key: key.into(), connector: "world".into(), content: hash_bytes(key.as_bytes()) })
    }
}

/// What was decided, in order: everything but what a connector answered.
fn decided(journal: &[Event]) -> Vec<Event> {
    journal.iter().filter(|event| !matches!(event, Event::Published { .. })).cloned().collect()
}

#[test]
fn the_same_events_give_the_same_decisions_live_in_shadow_over_history_in_the_twin_and_replayed() {
    let (scenario, policy) = (scenario(), policy());
    let first = Event::Ingested { snapshot: "facts".into(), rows_read: 2016, rows_set_aside: 0 };
    let with = |facts: &dyn FactStore, journal: &mut dyn Journal, connector: &mut dyn Connector| {
        let settings = Settings {
            judgement: Judgement::default(),
            objectives: None,
            seed: 1,
            code_version: "test".into(),
            solve: endcap_plan::solve::Settings::default(),
        };
        // Each with results of its own: nothing is handed from one to the next.
        let (memory, progress) = (Memory::new(), |_: &str, _: usize, _: usize| {});
        let mut bench = Bench::new(facts, &memory, &scenario, &policy, &settings, &progress);
        run(first.clone(), &mut bench, &policy, journal, connector, &|_| false).unwrap()
    };
    let (mut live, mut recorder) = (Log::default(), Recorder::default());
    let (state, ended) = with(&Shop, &mut live, &mut recorder);
    assert_eq!((ended, recorder.0.len()), (Ended::Done, 1));
    let (mut shadow, mut silent) = (InShadow(Log::default()), Recorder::default());
    let (_, ended) = with(&Shop, &mut shadow, &mut silent);
    assert_eq!((ended, silent.0.len()), (Ended::Withheld, 0));
    let (mut history, mut book) = (Log::default(), Recorder::default());
    with(&History, &mut history, &mut book);
    let (mut twin, mut world) = (Log::default(), World::default());
    with(&Shop, &mut twin, &mut world);
    assert!(!world.0.is_empty());
    let wanted = decided(&live.0);
    assert!(wanted.iter().any(|event| matches!(event, Event::Judged { .. })));
    for (name, journal) in [("shadow", &shadow.0.0), ("history", &history.0), ("twin", &twin.0)] {
        assert_eq!(decided(journal), wanted, "{name}");
    }
    // And from the journal alone, byte for byte.
    let replayed = live.0.iter().fold(State::default(), |state, event| step(state, event).0);
    assert_eq!(canonical_json(&replayed), canonical_json(&state));
}

#[test]
fn facts_become_a_published_plan_whose_books_balance() {
    let memory = Memory::new();
    let went = go(&memory, &scenario(), &policy());
    let (state, ended) = went.ended.unwrap();
    assert_eq!(ended, Ended::Done);
    let plan = plan_of(&memory);
    assert_eq!(went.published, std::slice::from_ref(&plan.id));
    assert!(state.receipt.is_some());
    assert!(!plan.offers.is_empty() && !plan.orders.is_empty());
    assert_eq!(plan.report.pnl.total(), plan.report.value);
    assert!(plan.report.value <= plan.report.bound);
    assert!(matches!(went.journal.last(), Some(Event::Published { .. })));
}

#[test]
fn facts_under_alarm_are_planned_with_the_last_good_model_and_nothing_goes_out() {
    let memory = Memory::new();
    let good = go(&memory, &scenario(), &policy());
    let went = go_from("drifting", &memory, &scenario(), &policy(), Judgement::default());
    let model = |went: &Went| {
        went.journal
            .iter()
            .find_map(|event| if let Event::Fitted { model } = event { Some(model.clone()) } else { None })
    };
    assert_eq!(model(&went), model(&good));
    assert!(!went.steps.iter().any(|step| step == "fit"), "{:?}", went.steps);
    let said = went.journal.iter().any(|event| {
        matches!(event, Event::Held { snapshot, reasons }
        if snapshot.as_str() == "facts" && reasons[0].contains("drift"))
    });
    assert!(said, "{:?}", went.journal);
    let Ok((state, Ended::Stopped { reason })) = &went.ended else { panic!("{:?}", went.ended) };
    assert!(state.plan.is_some() && went.published.is_empty());
    assert!(reason.contains("rests on facts under alarm"), "{reason}");
}

#[test]
fn a_second_run_does_no_job_again_and_gives_the_same_plan() {
    let memory = Memory::new();
    go(&memory, &scenario(), &policy()).ended.unwrap();
    let first = plan_of(&memory);
    let again = go(&memory, &scenario(), &policy());
    assert_eq!(again.ended.unwrap().1, Ended::Done);
    assert_eq!(again.steps, Vec::<String>::new());
    assert_eq!(plan_of(&memory), first);
}

/// The estimates that a run kept.
fn estimates(memory: &Memory, went: &Went) -> Fitted {
    let fitted = went.journal.iter().find_map(|event| match event {
        Event::Fitted { model } => Some(format!("models/{}.json", model.short())),
        _ => None,
    });
    serde_json::from_slice(&memory.kept.borrow()[&fitted.expect("a model was fitted")]).unwrap()
}

/// An edit that sets the elasticity of every item of a group, made, approved and used until these days.
fn edited(estimated: &Fitted, group: &str, value: f64, expires: &str) -> Judgement {
    let mut judgement = Judgement::default();
    let draft = Draft {
        effect: EffectKind::OwnPrice,
        target: Target::Group(group.into()),
        value,
        lo95: value - 0.2,
        hi95: value + 0.2,
        reason: "test of January".into(),
        author: "Ada".into(),
        made: "2024-01-31".parse().unwrap(),
        expires: expires.parse().unwrap(),
        version: String::new(),
    };
    judgement.edits.propose(draft, &estimated.lift).unwrap();
    judgement.edits.approve(1, "Grace", "2024-01-31".parse().unwrap()).unwrap();
    judgement
}

#[test]
fn an_edit_in_force_changes_the_plan_and_nothing_is_fitted_again() {
    let memory = Memory::new();
    let first = go(&memory, &scenario(), &policy());
    let before = plan_of(&memory);
    let estimated = estimates(&memory, &first);
    let on = estimated.lift.calendar.start_date(estimated.lift.span.end).unwrap();
    let judgement = edited(&estimated, "tea", -0.2, &on.tomorrow().unwrap().to_string());
    let again = go_knowing(&memory, &scenario(), &policy(), judgement.clone());
    assert!(again.ended.is_ok());
    assert!(!again.steps.iter().any(|step| step == "fit" || step == "backtest"), "{:?}", again.steps);
    let adjusted = again.journal.iter().find_map(|event| match event {
        Event::Adjusted { edits, .. } => Some(edits.clone()),
        _ => None,
    });
    assert_eq!(adjusted, Some(vec![1]));
    let (Some(old), Some(new)) = (first.published.first(), again.published.first()) else { panic!("no plan went out") };
    assert_ne!(old, new);
    let tea =
        |offers: &[Offer]| offers.iter().filter(|o| ["item 0", "item 1", "item 2"].contains(&o.sku.as_str())).count();
    let after: Plan = serde_json::from_slice(&memory.kept.borrow()[&format!("plans/{new}/plan.json")]).unwrap();
    assert!(tea(&before.offers) > 0 && tea(&after.offers) == 0, "tea no longer answers to price");
    let third = go_knowing(&memory, &scenario(), &policy(), judgement);
    assert_eq!((third.published.first(), third.steps), (Some(new), vec![]), "the same edits are not computed twice");
}

#[test]
fn an_edit_whose_day_has_come_changes_nothing() {
    let memory = Memory::new();
    let first = go(&memory, &scenario(), &policy());
    let estimated = estimates(&memory, &first);
    let on = estimated.lift.calendar.start_date(estimated.lift.span.end).unwrap();
    let again = go_knowing(&memory, &scenario(), &policy(), edited(&estimated, "tea", -0.2, &on.to_string()));
    assert_eq!(again.published, first.published);
    assert_eq!(again.steps, Vec::<String>::new());
}

#[test]
fn an_override_flows_into_forecast_plan_and_orders() {
    let memory = Memory::new();
    let first = go(&memory, &scenario(), &policy());
    let (estimated, before) = (estimates(&memory, &first), plan_of(&memory));
    let mut judgement = Judgement::default();
    let proposed = Proposed {
        sku: "item 4".into(),
        place: None,
        span: before.span,
        change: Change::Factor(3.0),
        reason: "a fair next door".into(),
        author: "Ada".into(),
        made: "2024-01-31".parse().unwrap(),
        expires: "2025-01-31".parse().unwrap(),
        needs_approval: false,
    };
    judgement.overrides.add(proposed, &estimated.lift).unwrap();
    let again = go_knowing(&memory, &scenario(), &policy(), judgement);
    let new = again.published.first().expect("a plan went out");
    assert_ne!(Some(new), first.published.first());
    let after: Plan = serde_json::from_slice(&memory.kept.borrow()[&format!("plans/{new}/plan.json")]).unwrap();
    let ordered = |plan: &Plan| -> i64 {
        plan.orders.iter().filter(|order| order.sku.as_str() == "item 4").map(|order| order.quantity.0).sum()
    };
    assert!(ordered(&after) > 2 * ordered(&before), "{} {}", ordered(&after), ordered(&before));
    assert!(!again.steps.iter().any(|step| step == "fit"));
}

#[test]
fn a_run_that_was_killed_anywhere_goes_on_to_the_same_plan() {
    let whole = Memory::new();
    go(&whole, &scenario(), &policy()).ended.unwrap();
    let puts = whole.kept.borrow().len();
    for killed_after in 0..puts {
        let memory = Memory::new();
        memory.puts_left.set(killed_after);
        assert!(go(&memory, &scenario(), &policy()).ended.is_err());
        memory.puts_left.set(usize::MAX);
        go(&memory, &scenario(), &policy()).ended.unwrap();
        assert!(*memory.kept.borrow() == *whole.kept.borrow(), "killed after {killed_after} results");
    }
}

#[test]
fn policy_refuses_and_nothing_goes_out() {
    let went = go(&Memory::new(), &scenario(), &Policy { depth_max: 0.05, ..policy() });
    let Ok((_, Ended::Stopped { reason })) = went.ended else { panic!("the plan went through") };
    assert!(reason.contains("depth_max"), "{reason}");
    assert_eq!(went.published, []);
}

#[test]
fn a_plan_that_only_a_person_may_send_waits_for_one() {
    let went = go(&Memory::new(), &scenario(), &Policy { autonomy: Autonomy::Propose, ..policy() });
    assert!(matches!(went.ended, Ok((_, Ended::Asks { .. }))));
    assert_eq!(went.published, []);
}

#[test]
fn without_a_budget_the_answer_is_no_promotion() {
    let mut scenario = scenario();
    scenario.limits.budget = 0.0;
    let memory = Memory::new();
    go(&memory, &scenario, &policy()).ended.unwrap();
    let plan = plan_of(&memory);
    assert_eq!((plan.offers.len(), plan.report.value), (0, 0));
    assert!(!plan.orders.is_empty(), "the shop still needs goods");
}

#[test]
fn a_result_that_was_spoilt_is_named() {
    let memory = Memory::new();
    go(&memory, &scenario(), &policy()).ended.unwrap();
    for (name, bytes) in memory.kept.borrow_mut().iter_mut() {
        if name.starts_with("jobs/") {
            bytes.truncate(3);
        }
    }
    let went = go(&memory, &scenario(), &policy());
    assert!(matches!(went.ended, Err(RunError::Job(JobError::Spoilt { ref name, .. })) if name.starts_with("jobs/")));
}

#[test]
fn crisis_3_a_collapse_stops_the_loop_until_a_person_restarts_it_in_shadow() {
    let memory = Memory::new();
    let (scenario, policy) = (scenario(), policy());
    let (mut journal, mut recorder) = (Log::default(), Recorder::default());
    let run_on = |snapshot: &str, journal: &mut Log, recorder: &mut Recorder| {
        let progress = |_: &str, _: usize, _: usize| {};
        let solve = endcap_plan::solve::Settings::default();
        let settings =
            Settings { judgement: Judgement::default(), objectives: None, seed: 1, code_version: "test".into(), solve };
        let mut bench = Bench::new(&Shop, &memory, &scenario, &policy, &settings, &progress);
        let first = Event::Ingested { snapshot: snapshot.into(), rows_read: 2016, rows_set_aside: 0 };
        run(first, &mut bench, &policy, journal, recorder, &|_| false).unwrap().1
    };
    assert_eq!(run_on("facts", &mut journal, &mut recorder), Ended::Done);
    let (plan, forecast) = endcap_agent::halt::last_good(&journal.0);
    assert!(plan.is_some() && forecast.is_some() && recorder.0.len() == 1);

    // Three days without a sale: detected, stopped, logged; the last plan and forecast are named.
    let Ended::Halted { halt } = run_on("stores shut", &mut journal, &mut recorder) else { panic!("it went on") };
    assert!(halt.reason.contains("the last 2 days sold 0 pieces where"), "{}", halt.reason);
    assert_eq!((&halt.plan, &halt.forecast), (&plan, &forecast));
    assert_eq!(journal.0.last(), Some(&Event::Halted { halt: halt.clone() }));
    assert!(memory.get(&format!("forecasts/{}.json", forecast.unwrap().short())).unwrap().is_some());

    // It stays stopped, whatever facts come.
    let events = journal.0.len();
    assert_eq!(run_on("facts", &mut journal, &mut recorder), Ended::Halted { halt });
    assert_eq!(journal.0.len(), events, "nothing was done");

    // A person restarts it in shadow: plans are made and judged, nothing goes out.
    let mode = endcap_agent::halt::Mode::of(&journal.0);
    assert!(mode.resume("Ada", "stores are open", false).is_err(), "not straight away");
    journal.append(&mode.resume("Ada", "stores are open", true).unwrap()).unwrap();
    assert_eq!(run_on("facts", &mut journal, &mut recorder), Ended::Withheld);
    assert!(journal.0.iter().rev().take(3).any(|event| matches!(event, Event::Judged { .. })));
    assert_eq!(recorder.0.len(), 1, "nothing was published in shadow");

    // And lets it act again.
    let acting = endcap_agent::halt::Mode::of(&journal.0).resume("Ada", "four good plans", false).unwrap();
    journal.append(&acting).unwrap();
    assert_eq!(run_on("facts", &mut journal, &mut recorder), Ended::Done);
    assert_eq!(recorder.0.len(), 2);
}

fn kept<T: serde::de::DeserializeOwned>(memory: &Memory, of: &str, end: &str) -> T {
    let kept = memory.kept.borrow();
    let (_, bytes) = kept.iter().find(|(name, _)| name.starts_with(of) && name.ends_with(end)).expect("it was kept");
    serde_json::from_slice(bytes).unwrap()
}

/// The facts after three more days, in which every cell sold this many times what the plan expected.
fn three_days_later(planned: &Forecast, times: f64, out: f64) -> Facts {
    let shop = panel();
    let mut columns = shop.columns().clone();
    let number = |row: &ForecastRow| {
        let sku = shop.skus().iter().position(|entry| entry.sku == row.sku).unwrap() as u32;
        (sku, shop.places().iter().position(|entry| entry.place == row.place).unwrap() as u32)
    };
    for row in planned.rows.iter().filter(|row| row.period < Period(19_723 + DAYS + 3)) {
        let (sku, place) = number(row);
        columns.sku.push(sku);
        columns.place.push(place);
        columns.period.push(row.period);
        columns.units.push((times * row.mean).round());
        columns.price.push(1.0);
        columns.base_price.push(1.0);
        columns.feature.push(0.0);
        columns.display.push(0.0);
        columns.stockout_share.push(out);
    }
    let panel = Panel::new(Calendar::Day, shop.skus().to_vec(), shop.places().to_vec(), columns).unwrap();
    Facts { regions: Facts::regions_of(&panel), panel, items: BTreeMap::new(), stock: vec![] }
}

#[test]
fn what_is_on_offer_is_set_beside_the_plan_and_what_is_ahead_is_not_made_cheaper() {
    let memory = Memory::new();
    go(&memory, &scenario(), &policy()).ended.unwrap();
    let (plan, fitted): (Plan, Fitted) = (plan_of(&memory), kept(&memory, "models/", ".json"));
    let planned: Forecast = kept(&memory, "plans/", "/forecast.json");
    let pace = |times: f64, out: f64| running(&three_days_later(&planned, times, out), &fitted, &plan, &planned);
    let courses = |times: f64| pace(times, 0.0).iter().map(|line| line.course).collect::<BTreeSet<_>>();
    assert_eq!(courses(1.0), BTreeSet::from([Course::OnPath]));
    assert_eq!(courses(4.0), BTreeSet::from([Course::Ahead]));
    assert_eq!(courses(0.1), BTreeSet::from([Course::Behind]));
    assert_eq!(pace(0.1, 1.0), [], "empty shelves say nothing of the pace");

    let fast = pace(4.0, 0.0);
    for line in &fast {
        assert!(line.lo95 < line.expected && line.expected < line.hi95 && line.hi95 < line.sold, "{line:?}");
        assert!(line.reason().contains("it stays at"), "{}", line.reason());
    }
    let facts = three_days_later(&planned, 4.0, 0.0);
    let mut scenario = scenario();
    scenario.replan.change_cost = 0.0;
    let baseline = endcap_agent::plan::forecast(&facts, &fitted, &scenario, &[]).unwrap();
    let rest = Span { start: Period(19_723 + DAYS + 3), end: plan.span.end };
    let season = Season {
        facts: &facts,
        fitted: &fitted,
        baseline: &baseline,
        overrides: &[],
        known: None,
        scenario: &scenario,
        in_force: &plan,
        projection: None,
        pace: &fast,
        rest,
    };
    let revision = season.revise(&endcap_plan::solve::Settings::default(), &|| false).unwrap().unwrap();
    for changed in revision.changes.iter().filter(|changed| changed.change != endcap_plan::Change::Dropped) {
        let of_it = |line: &&Running| line.sku == changed.offer.sku && line.place == changed.offer.place;
        let present = fast.iter().find(of_it).map_or(1.0, |line| line.depth.share());
        assert!(changed.offer.depth.share() <= present, "{changed:?}");
    }
}
