//! From facts to what follows: readings of real panels, stages that open, harm that takes everything back.

use super::Step;
use super::*;
use crate::outbox::{Everything, Known, Message, Promises, Recorded, StageOf, Waiting, Waits, decide_waiting};
use crate::review::{Reviewed, Terms, review};
use crate::sense::Facts;
use endcap_govern::audit::{Grounds, Told};
use endcap_govern::gate::{Action, Guardrail, Inputs, Intent};
use endcap_model::*;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

const STORES: usize = 40;
const FIRST: i32 = 20_000;
const DAYS: i32 = 10;

fn day(number: i32) -> Timestamp {
    Timestamp::from_second(i64::from(FIRST + number) * 86_400).unwrap()
}

fn store(number: usize) -> Place {
    Place::new(format!("s{number:02}"))
}

/// Two items in one region, the first of them on offer for all days; every store sells a little more or less than expected.
fn facts(sold: &dyn Fn(&Place) -> f64, days: i32) -> Facts {
    let mut columns = PanelColumns::default();
    for sku in 0..2 {
        for place in 0..STORES {
            for number in -7..days {
                let offered = sku == 0 && number >= 0;
                let ripple = 1.0 + 0.03 * f64::from((place as i32 * 7 + number * 3).rem_euclid(5) - 2);
                columns.sku.push(sku);
                columns.place.push(place as u32);
                columns.period.push(Period(FIRST + number));
                columns.units.push((100.0 * ripple * if offered { sold(&store(place)) } else { 1.0 }).round());
                columns.price.push(200.0);
                columns.base_price.push(200.0);
                columns.feature.push(0.0);
                columns.display.push(0.0);
                columns.stockout_share.push(0.0);
            }
        }
    }
    let skus = ["beer", "milk"].map(|sku| SkuEntry { sku: sku.into(), group: "g".into(), tier: String::new() });
    let places = (0..STORES).map(|place| PlaceEntry { place: store(place), region: "city".into() }).collect();
    let panel = Panel::new(Calendar::Day, skus.into(), places, columns).unwrap();
    let regions = Facts::regions_of(&panel);
    Facts { panel, items: BTreeMap::new(), regions, stock: vec![] }
}

fn offers() -> Vec<Offer> {
    let span = Span::of_length(Period(FIRST), DAYS as usize);
    let depth = Depth::from_share(0.1).unwrap();
    let (mechanic, support) = (Mechanic::Tpr, Support::default());
    vec![Offer { sku: "beer".into(), place: "city".into(), span, mechanic, depth, support }]
}

fn rollout() -> Rollout {
    let facts = facts(&|_| 1.0, 0);
    let row = |place: usize, number: i32| ForecastRow {
        sku: "beer".into(),
        place: store(place),
        period: Period(FIRST + number),
        mean: 130.0,
        baseline: 100.0,
        dispersion: 1.0,
        quantiles: vec![],
    };
    let rows = (0..STORES).flat_map(|place| (0..DAYS).map(move |number| row(place, number))).collect();
    let forecast = Forecast { calendar: Calendar::Day, levels: vec![], rows };
    let terms = |_: &Sku| Some((200, 100));
    let (offered, expected, sizes) = expected(&offers(), &forecast, &terms, &facts.regions);
    // 130 pieces at a tenth off earn 80 each, where 100 earned 100.
    assert_eq!(
        (expected[0].planned, expected[0].without, expected.len()),
        (10_400.0, 10_000.0, STORES * DAYS as usize)
    );
    let rules = RolloutRules { stages: [2_000, 10_000].map(Share::of_basis_points).into(), ..RolloutRules::default() };
    let stages = drawn(sizes, &rules.stages, i64::MAX, "plan");
    let begun = Begun { stages, rules, offered, regions: facts.regions, expected };
    Rollout { plan: "plan".into(), begun, opened: vec![day(0)], last: None, stopped: None }
}

/// What the panel shows when stores with the offer earn a share of what the plan expects; they pay the list price here, so that
/// 104 pieces do.
fn seen(share: f64, days: i32) -> Facts {
    let rollout = rollout();
    facts(&|place| if rollout.stage_of(place) == Some(0) { 1.04 * share } else { 1.0 }, days)
}

#[test]
fn whole_days_since_the_stage_opened_are_read_and_nothing_else() {
    let (rollout, utc) = (rollout(), [TimeZone::UTC]);
    let read = |known_at, zones: &[TimeZone]| course(&rollout, &seen(1.0, 5), known_at, zones);
    assert_eq!(read(day(0), &utc).taken, None, "no day is over");
    let taken = read(day(3), &utc).taken.unwrap();
    assert_eq!((taken.through, taken.reading.periods), (Period(FIRST + 2), 3));
    let late = [TimeZone::UTC, TimeZone::get("America/New_York").unwrap()];
    assert_eq!(read(day(3), &late).taken.unwrap().through, Period(FIRST + 1), "the day is not over in New York");
    let begun = Rollout { opened: vec![day(1)], ..rollout.clone() };
    let taken = course(&begun, &seen(1.0, 5), day(3), &utc).taken.unwrap();
    assert_eq!(taken.reading.periods, 2, "a day that had begun before says nothing");
}

#[test]
fn a_reading_of_the_facts_opens_the_next_stage_or_stops() {
    let utc = [TimeZone::UTC];
    let of = |share: f64, days: i32| course(&rollout(), &seen(share, days), day(days), &utc);
    assert_eq!(of(1.0, 6).next, Next::Open(1), "{:?}", of(1.0, 6));
    let reading = of(0.8, 6).taken.unwrap().reading;
    assert_eq!((reading.stores, reading.others), (8, 32));
    let margin = reading.margin.unwrap();
    assert!((margin.estimate + 0.2).abs() < 0.02, "{margin:?}");
    let Next::Stop(why) = of(0.8, 6).next else { panic!("{:?}", of(0.8, 6)) };
    assert!(why.contains("margin against the plan is -") && why.contains("8 stores"), "{why}");
    // The plan's own price cut is none of it: with it 130 pieces earn what was expected.
    assert!(matches!(of(1.0, 1).next, Next::Wait(_)));
}

fn intent(place: &Place) -> Intent {
    Intent {
        action: Action::StartOffer { offer: "plan-1".into(), price: 180 },
        sku: "beer".into(),
        category: "drinks".into(),
        place: place.clone(),
        channel: "till".into(),
        tenant: "shop".into(),
        agent: "endcap".into(),
        currency: Currency::EUR,
        from: day(0),
        until: Some(day(DAYS)),
        generation: 1,
        epoch: 3,
        limits: hash_bytes(b"limits"),
        inputs: Inputs { snapshot: "old".into(), known_at: day(0), quarantined: false, personal_data: false },
        shown: Default::default(),
    }
}

/// An outbox in which the canary has its offer and all others wait for the second stage.
fn everything() -> Everything {
    let rollout = rollout();
    let mut all = Everything::default();
    all.rollouts.take(Step::Begun { plan: "plan".into(), at: day(0), begun: Box::new(rollout.begun.clone()) });
    let grounds = Grounds { proposal: Some(hash_bytes(b"plan")), ..Grounds::default() };
    for place in (0..STORES).map(store) {
        if rollout.stage_of(&place) == Some(0) {
            let message = Message::of(&intent(&place), &Promises::default());
            all.messages.push((Known::decided(message, day(0)).leaves(day(0)), intent(&place)));
            continue;
        }
        let stage = Some(StageOf { plan: "plan".into(), stage: 1 });
        let waits = Waits { stage, ..Waits::default() };
        for one in decide_waiting(vec![(intent(&place), waits)], &|_| Promises::default(), day(0), "endcap", &grounds) {
            let told = Recorded { at: day(0), effect: one.record.effect.clone(), grounds: grounds.clone() };
            all.waiting.push(Waiting {
                number: all.waiting.len() as i64,
                intent: one.intent,
                subject: one.subject,
                due: None,
                waits: one.waits,
                void: None,
                told: Some(told),
            });
        }
    }
    all
}

fn reviewed(all: &Everything, facts: &Facts, now: Timestamp) -> Reviewed {
    let (snapshot, zones) = (SnapshotId::from("new"), [TimeZone::UTC]);
    let terms = Terms {
        agent: "endcap",
        facts,
        snapshot: &snapshot,
        known_at: now,
        zones: &zones,
        promises: &|_| Promises::default(),
        veto: &|_, _| None,
        now,
    };
    review(all, &terms)
}

#[test]
fn a_stage_that_opens_is_decided_anew_with_its_beginning_and_the_facts_of_that_day() {
    let all = everything();
    let reviewed = reviewed(&all, &seen(1.0, 6), day(6));
    assert!(reviewed.stopped.is_empty() && reviewed.notes.len() == 1, "{reviewed:?}");
    let revision = reviewed.revision;
    let (others, waits) = (STORES - 8, Waits::default());
    assert_eq!((revision.decide.len(), revision.void.len(), revision.steps.len()), (2 * others, 0, 2));
    let start = &revision.decide[0];
    assert_eq!((start.intent.from, start.intent.until), (day(6), Some(day(DAYS))));
    assert_eq!((start.intent.inputs.known_at, start.intent.epoch, &start.waits), (day(6), 3, &waits));
    assert_eq!(start.record.grounds.proposal, Some(hash_bytes(b"plan")), "who signed the plan signed this");
    assert_eq!(start.record.reasons, [Told::open("stage 2 of the roll-out is open")]);
}

#[test]
fn harm_takes_back_what_went_out_and_voids_what_waits() {
    let all = everything();
    let reviewed = reviewed(&all, &seen(0.7, 6), day(6));
    assert!(reviewed.stopped[0].contains("margin against the plan"), "{reviewed:?}");
    let revision = reviewed.revision;
    assert_eq!((revision.decide.len(), revision.void.len()), (8, 2 * (STORES - 8)));
    assert!(revision.decide.iter().all(|one| one.intent.action.only_reverts() && one.due == day(6)));
    let mut rollouts = all.rollouts.clone();
    revision.steps.into_iter().for_each(|(step, _)| rollouts.take(step));
    let stopped = rollouts.guardrail(Some("plan-1"), &store(0));
    assert!(matches!(stopped, Guardrail::Closed(why) if why.contains("was stopped")));
    assert_eq!(rollouts.guardrail(Some("other-1"), &store(0)), Guardrail::Unread);
}

#[test]
fn what_waits_too_long_or_differs_from_its_record_is_void() {
    let mut all = everything();
    let over = reviewed(&all, &seen(1.0, 6), day(DAYS)).revision;
    assert_eq!(over.decide.len(), 0);
    assert!(
        over.void.iter().all(|one| one.reason.contains("its time was over")) && over.void.len() == 2 * (STORES - 8)
    );
    // Somebody opened the stage in the table, where the trail knows of none.
    all.waiting.iter_mut().for_each(|one| one.waits.stage.as_mut().unwrap().stage = 0);
    let forged = reviewed(&all, &seen(1.0, 1), day(1)).revision;
    assert_eq!(forged.decide.len(), 0);
    assert!(forged.void.iter().all(|one| one.reason.contains("tells of no such decision")), "{:?}", forged.void[0]);
}

#[test]
fn stages_follow_each_other_and_a_stopped_roll_out_goes_no_further() {
    let mut rollouts = everything().rollouts;
    let opened = |stage| Step::Opened { plan: "plan".into(), at: day(1), stage, by_person: true };
    rollouts.take(opened(2));
    assert_eq!(rollouts.of("plan").unwrap().stage(), 0, "none is skipped");
    rollouts.take(opened(1));
    let rollout = rollouts.of("plan").unwrap();
    assert!(rollout.is_over() && rollout.reached() == STORES);
    rollouts.distrust("plan", day(2));
    assert!(rollouts.of("plan").unwrap().stopped.is_some());
    assert_eq!(plan_of("5b1c-12"), Some("5b1c"));
    assert_eq!((plan_of("price"), plan_of("-1"), plan_of("a-b")), (None, None, None));
}
