use super::*;
use crate::rollout::{Begun, Expected, Reading, Rollout, Says, Step, Taken};
use endcap_demand::{Money, PromotionEvent, Verdict};
use endcap_govern::guardrail::Interval;
use endcap_model::{Mechanic, Offer, PlanReport, ProfitAndLoss, SolveStatus, Support};
use jiff::Timestamp;

fn explained(sku: &str, start: i32, value: i64, (lo, hi): (i64, i64), because: Because) -> Explanation {
    let offer = Offer {
        sku: sku.into(),
        place: "north".into(),
        span: Span::of_length(Period(start), 1),
        mechanic: Mechanic::Tpr,
        depth: Depth::from_share(0.2).unwrap(),
        support: Support::default(),
    };
    Explanation {
        offer,
        baseline_units: 1.0,
        promoted_units: 2.0,
        pnl: ProfitAndLoss { lift: value, ..ProfitAndLoss::default() },
        value,
        kind: Default::default(),
        stockout_probability: 0.0,
        total_95: (lo, hi),
        budget_use: 0,
        spend: 0,
        priced_margin: 0.0,
        because,
        next_best: None,
    }
}

fn plan(id: &str, start: i32, offers: Vec<Explanation>) -> Plan {
    let report = PlanReport {
        objective: "full".into(),
        goal: "profit".into(),
        outcomes: Default::default(),
        value: 0,
        bound: 0,
        gap: 0.0,
        status: SolveStatus::Optimal,
        pnl: Default::default(),
        page_value: 0,
        limits: vec![],
        offers,
        rejected: vec![],
        references: vec![],
    };
    Plan {
        id: id.into(),
        parent: None,
        objectives: None,
        snapshot: "s".into(),
        as_of: Default::default(),
        calendar: Calendar::Index,
        span: Span::of_length(Period(start), 10),
        currency: endcap_model::Currency::EUR,
        offers: vec![],
        orders: vec![],
        transfers: vec![],
        report,
    }
}

/// A promotion that earned so much, give or take.
fn promotion(&(sku, start, profit, half): &(&str, i32, f64, f64)) -> Analysed {
    let split = |units: f64| Split { units, lo95: units - half, hi95: units + half };
    let nothing = Split::default();
    let money = Money {
        own: nothing,
        anyway: nothing,
        cannibalised: nothing,
        pulled_forward: nothing,
        halo: None,
        profit: split(profit),
        probability_paid: 0.5,
        roi: None,
        naive: None,
    };
    Analysed {
        event: PromotionEvent {
            sku: sku.into(),
            region: "north".into(),
            span: Span::of_length(Period(start), 1),
            depth: Depth::from_share(0.2).unwrap(),
            places: 1,
            baseline: 50.0,
            own: nothing,
            cannibalised: nothing,
            pulled_forward: nothing,
            halo: None,
            net: nothing,
            naive: None,
        },
        sold: 70.0,
        forecast: None,
        feature: 0.0,
        display: 0.0,
        usual_sales: 100.0,
        stockouts: None,
        given_away: 10.0,
        revenue: nothing,
        money: Some(money),
        break_even_margin: None,
        verdict: Verdict::CannotTell,
        why: String::new(),
    }
}

fn ledger(plans: &[(&Plan, bool)], events: &[(&str, i32, f64, f64)], until: i32) -> ValueLedger {
    let plans: Vec<Published> = plans.iter().map(|(plan, signed)| Published { plan, signed: *signed }).collect();
    let past: Vec<Analysed> = events.iter().map(promotion).collect();
    value_ledger(&plans, &past, &Rollouts::default(), (Calendar::Index, Period(until)))
}

#[test]
fn promises_stand_beside_what_came_by_who_decided() {
    let pays = Because::PaysForItsLimits;
    let first = plan(
        "p1",
        10,
        vec![
            explained("a", 10, 1_000, (800, 1_200), pays.clone()),
            explained("b", 11, 500, (400, 600), Because::Locked),
            explained("c", 30, 900, (0, 2_000), pays.clone()),
        ],
    );
    let told = ledger(&[(&first, false)], &[("a", 10, 300.0, 100.0), ("b", 11, 520.0, 50.0), ("z", 2, 70.0, 10.0)], 20);
    let of = |sku: &str| told.entries.iter().find(|entry| entry.sku.as_str() == sku).unwrap();
    assert_eq!(
        (of("a").decider, of("a").promise),
        (Decider::Agent, Promise::Missed),
        "at most 400 where at least 800 was promised"
    );
    assert_eq!((of("b").decider, of("b").promise), (Decider::Person, Promise::CannotTell));
    assert_eq!((of("z").decider, of("z").promise, &of("z").plan), (Decider::Elsewhere, Promise::None, &None));
    assert_eq!(of("a").difference.map(|one| (one.lo95, one.hi95)), Some((-1_000.0, -400.0)));
    assert_eq!((told.open_offers, told.open_promised, told.not_seen), (1, 900.0, 0));
    assert_eq!((told.total.entries, told.total.compared, told.total.missed), (3, 2, 1));
    assert_eq!(told.total.promised.unwrap().value, 1_500.0);
    assert_eq!(told.total.realised.unwrap().value, 820.0);
    assert_eq!(told.total.realised_of_all.unwrap().value, 890.0);
}

#[test]
fn what_a_later_plan_replaced_promises_nothing_and_what_nobody_saw_is_told() {
    let pays = || Because::PaysForItsLimits;
    let first =
        plan("p1", 10, vec![explained("a", 12, 1_000, (0, 2_000), pays()), explained("b", 10, 100, (0, 200), pays())]);
    let second = plan("p2", 12, vec![explained("a", 12, 400, (300, 500), pays())]);
    let told = ledger(&[(&first, false), (&second, true)], &[("a", 12, 420.0, 10.0)], 20);
    let entry = &told.entries[0];
    assert_eq!((entry.plan.as_deref(), entry.decider), (Some("p2"), Decider::AgentSigned));
    assert_eq!(entry.promised.unwrap().value, 400.0);
    assert_eq!(told.not_seen, 1, "item b ended and the sales show no promotion of it");
}

#[test]
fn one_items_errors_add_up_and_those_of_several_do_not() {
    let events: Vec<(&str, i32, f64, f64)> = vec![("a", 1, 100.0, 30.0), ("a", 5, 100.0, 30.0), ("b", 1, 100.0, 80.0)];
    let sum = ledger(&[], &events, 20).total.realised_of_all.unwrap();
    assert_eq!(sum.value, 300.0);
    assert!((sum.hi95 - sum.value - 100.0).abs() < 1e-9, "root of 60 and 80 squared: {sum:?}");
}

#[test]
fn only_stores_without_the_offers_tell_cause() {
    let cell =
        |place: &str, period| Expected { place: place.into(), period: Period(period), planned: 150.0, without: 100.0 };
    let begun = Begun {
        stages: vec![vec!["a".into()], vec!["b".into()]],
        rules: Default::default(),
        offered: vec![],
        regions: Default::default(),
        expected: vec![cell("a", 1), cell("a", 2), cell("a", 9), cell("b", 1)],
    };
    let reading = |margin| Reading { margin, stockouts: None, stores: 1, others: 1, periods: 2, says: Says::Clear };
    let interval = Interval { estimate: -0.1, low: -0.4, high: 0.2 };
    let of = |margin| {
        let mut all = Rollouts::default();
        all.take(Step::Begun { plan: "p".into(), at: Timestamp::UNIX_EPOCH, begun: Box::new(begun.clone()) });
        let taken = Taken { stage: 0, through: Period(2), reading: reading(margin) };
        all.take(Step::Read { plan: "p".into(), taken });
        all
    };
    let read: Vec<Rollout> = of(Some(interval)).iter().cloned().collect();
    let told = tested(&read[0]).unwrap();
    assert_eq!(told.promised, 100.0, "two periods of the store that has them");
    assert!((told.gained.value - 70.0).abs() < 1e-9 && (told.gained.lo95 + 20.0).abs() < 1e-9, "{told:?}");
    assert_eq!(tested_low(read.iter(), None), Some(-20));
    assert_eq!(tested_low(read.iter(), Some(Timestamp::MAX)), None, "what began before the rung says nothing of it");
    assert_eq!(tested_low(of(None).iter(), None), None);
}
