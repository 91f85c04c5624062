//! The retail layer: its books, its limits and its reasons, checked by independent arithmetic.

mod extensions;
mod goals;
mod random;
mod replanned;
mod sizes;
mod small;
mod supplied;
mod tabled;

use crate::*;
use endcap_model::*;
use std::collections::BTreeMap;

const SPAN: Span = Span { start: Period(100), end: Period(107) };

/// Two regions of two stores, six items in two groups, seven periods; stock that covers everything.
struct Shop {
    scenario: Scenario,
    lift: LiftModel,
    baseline: Forecast,
    regions: BTreeMap<Place, Place>,
    items: BTreeMap<Sku, ItemEconomics>,
    states: Vec<StockState>,
    broken: BTreeMap<(Sku, Place), f64>,
    span: Span,
    published: Vec<Offer>,
}

impl Shop {
    fn input(&self) -> PlanInput<'_> {
        PlanInput {
            scenario: &self.scenario,
            calendar: Calendar::Index,
            span: self.span,
            lift: &self.lift,
            baseline: &self.baseline,
            regions: &self.regions,
            items: &self.items,
            states: &self.states,
            broken: &self.broken,
            published: &self.published,
        }
    }

    fn plan(&self) -> Proposal {
        match propose(&self.input(), &settings()).unwrap() {
            Proposed::Plan(proposal) => proposal,
            Proposed::Infeasible { conflict } => panic!("no plan: {conflict:?}"),
        }
    }

    fn conflict(&self) -> Vec<String> {
        match propose(&self.input(), &settings()).unwrap() {
            Proposed::Plan(_) => panic!("a plan where none can be"),
            Proposed::Infeasible { conflict } => conflict,
        }
    }
}

fn settings() -> solve::Settings {
    solve::Settings::default()
}

fn estimate(mean: f64, se: f64) -> Estimate {
    let status = EffectStatus::Estimated;
    Estimate {
        mean,
        se,
        lo95: mean - 1.96 * se,
        hi95: mean + 1.96 * se,
        periods_promoted: 9,
        status,
        sensitivity: None,
    }
}

fn shop() -> Shop {
    let skus: Vec<Sku> = (0..6).map(|at| Sku::new(format!("s{at}"))).collect();
    let responses = skus.iter().enumerate().map(|(at, sku)| Response {
        sku: sku.clone(),
        group: Group::new(format!("g{}", at / 3)),
        share_in_group: 1.0 / 3.0,
        own_price: estimate(-2.5 - 0.3 * at as f64, 0.2),
        curve: None,
        cross_price: estimate(0.3, 0.1),
        partners: vec![],
        feature: estimate(0.2, 0.1),
        display: estimate(0.1, 0.1),
        dip: estimate(-0.1, 0.05),
        depth_seen_max: Depth::from_share(0.3).unwrap(),
        further: Default::default(),
    });
    let lift = LiftModel {
        snapshot: None,
        as_of: None,
        span: Span { start: Period(0), end: Period(100) },
        calendar: Calendar::Index,
        code_version: "test".into(),
        seed: 1,
        dip_carry: 0.5,
        responses: responses.collect(),
    };
    let stores = ["a1", "a2", "b1", "b2"];
    let mut rows = Vec::new();
    for (at, sku) in skus.iter().enumerate() {
        for (store, name) in stores.iter().enumerate() {
            for period in SPAN.iter() {
                let mean = 20.0 + 5.0 * at as f64 + 3.0 * store as f64 + f64::from(period.0 % 3);
                let (sku, place) = (sku.clone(), Place::new(name));
                rows.push(ForecastRow { sku, place, period, mean, baseline: mean, dispersion: 1.5, quantiles: vec![] });
            }
        }
    }
    let states = skus.iter().flat_map(|sku| {
        stores.map(|store| StockState {
            sku: sku.clone(),
            place: Place::new(store),
            on_hand: Pieces(100_000),
            pipeline: vec![],
        })
    });
    let item = |at: usize| ItemEconomics {
        sku: skus[at].clone(),
        group: Group::new(format!("g{}", at / 3)),
        category: None,
        vendor: None,
        list_price: 1000,
        unit_cost: 450 - 20 * at as i64,
        shelf_life: None,
    };
    Shop {
        scenario: toml::from_str(SCENARIO).unwrap(),
        lift,
        baseline: Forecast { calendar: Calendar::Index, levels: vec![], rows },
        regions: stores.iter().map(|store| (Place::new(store), Place::new(&store[..1]))).collect(),
        items: (0..6).map(|at| (skus[at].clone(), item(at))).collect(),
        states: states.collect(),
        broken: BTreeMap::new(),
        span: SPAN,
        published: vec![],
    }
}

/// Lead time of three periods, so that orders of now reach the third period of a span.
const SCENARIO: &str = r#"
name = "test"
assumptions = []
currency = "EUR"
horizon = 7
depths = [0.1, 0.2, 0.3]
items = { list_price = 10.0, margin_rate = 0.5, vendor_funding_share = 0.25 }
supply = { lead_time_periods = 3, opening_stock = { cover_periods = 5.0 }, holding_rate = 0.001 }

[limits]
budget = 1500.0
slots = 2
spacing = 3
margin_rate_min = 0.2
fixed_cost = 5.0
capacity_share = 0.6

[twin]
worlds = 1
seed = 1
elasticity_mean = -2.0
elasticity_sd = 0.5
pull_forward_share = 0.1
substitution_share = 0.2
shock_sd = 0.1
"#;

fn lock(sku: &str, place: Option<&str>, period: Option<&str>, depth: f64) -> Lock {
    let depth = Depth::from_share(depth).unwrap();
    Lock { sku: sku.into(), place: place.map(Place::new), period: period.map(str::to_owned), depth }
}

/// Every limit, counted afresh from offers and explanations.
fn assert_keeps_limits(shop: &Shop, proposal: &Proposal) {
    let limits = &shop.scenario.limits;
    let report = &proposal.report;
    let spent: i64 = report.offers.iter().map(|e| e.budget_use).sum();
    assert!(spent <= (limits.budget * 100.0) as i64, "{spent}");
    let mut slots: BTreeMap<(&Place, Period), usize> = BTreeMap::new();
    let mut extra: BTreeMap<(&Place, Period), f64> = BTreeMap::new();
    for e in &report.offers {
        *slots.entry((&e.offer.place, e.offer.span.start)).or_default() += 1;
        *extra.entry((&e.offer.place, e.offer.span.start)).or_default() += e.promoted_units - e.baseline_units;
        let item = &shop.items[&e.offer.sku];
        let paid = item.list_price as f64 * e.offer.depth.price_ratio();
        assert!((paid - item.unit_cost as f64) / paid >= limits.margin_rate_min);
        let same = |o: &&Offer| o.sku == e.offer.sku && o.place == e.offer.place && **o != e.offer;
        for other in proposal.offers.iter().filter(same) {
            assert!((other.span.start.0 - e.offer.span.start.0).unsigned_abs() as usize >= limits.spacing);
        }
    }
    assert!(slots.values().all(|&count| count <= limits.slots), "{slots:?}");
    for ((region, _), extra) in extra {
        let of_region = shop.baseline.rows.iter().filter(|row| shop.regions[&row.place] == *region);
        let mean = of_region.map(|row| row.baseline).sum::<f64>() / SPAN.len() as f64;
        assert!(extra <= limits.capacity_share * mean, "{extra} > {}", limits.capacity_share * mean);
    }
}

#[test]
fn a_plan_keeps_its_limits_and_its_books_add_up() {
    let shop = shop();
    let proposal = shop.plan();
    let report = &proposal.report;
    assert!(!proposal.offers.is_empty());
    assert_keeps_limits(&shop, &proposal);
    assert_eq!(report.value, report.pnl.total());
    assert_eq!(report.pnl, report.offers.iter().map(|e| e.pnl).sum());
    assert!(report.value <= report.bound && report.value > 0);
    assert_eq!(report.offers.iter().map(|e| e.offer.clone()).collect::<Vec<_>>(), proposal.offers);
    for (name, value) in &report.references {
        assert!(*value <= report.bound, "{name} earns {value}, more than the bound");
    }
    assert!(report.rejected.len() >= 50);
    assert!(report.rejected.iter().all(|r| r.priced_margin <= 0.0));
    for e in &report.offers {
        assert!(e.total_95.0 <= e.pnl.total() && e.pnl.total() <= e.total_95.1);
        assert!(e.total_95.0 < e.total_95.1);
    }
}

#[test]
fn each_part_of_the_profit_and_loss_is_what_its_formula_says() {
    let mut shop = shop();
    shop.scenario.limits.locks = vec![lock("s1", Some("a"), Some("106"), 0.2)];
    let proposal = shop.plan();
    let locked = |e: &&Explanation| e.offer.sku.as_str() == "s1" && e.offer.place.as_str() == "a";
    let e = proposal.report.offers.iter().filter(locked).find(|e| e.offer.span.start == Period(106)).unwrap();
    assert_eq!(e.because, Because::Locked);
    // Two stores of region a in period 106: 20 + 5 + 3 store + 106 % 3 units.
    let baseline = 26.0 + 29.0;
    let (price, margin) = (1000.0, 570.0);
    let ratio = 0.8f64.powf(-2.8);
    let discount = 0.2 * price;
    let near = |found: i64, expected: f64| assert!((found as f64 - expected).abs() <= 1.0, "{found} {expected}");
    near(e.pnl.discount_on_baseline, -discount * baseline);
    near(e.pnl.lift, (margin - discount) * baseline * (ratio - 1.0));
    // Two substitutes with margins 550 and 590; this item is half of each one's index of the others.
    let lost = 1.0 - 0.8f64.powf(0.3 * 0.5);
    near(e.pnl.cannibalised, -lost * (550.0 * (21.0 + 24.0) + 590.0 * (31.0 + 34.0)));
    // The horizon ends here: the dip falls on its last period's baseline, halving each time.
    let mut pulled = 0.0;
    let mut stock = ratio.ln();
    while stock > 0.01 * ratio.ln() {
        pulled -= margin * baseline * (1.0 - (-0.1 * stock).exp());
        stock *= 0.5;
    }
    near(e.pnl.pulled_forward, pulled);
    assert_eq!(e.pnl.fixed, -500);
    // Orders can arrive in time, so nearly all demand is sold.
    assert!((e.promoted_units - baseline * ratio).abs() < 0.05 * baseline * ratio);
    near(e.pnl.vendor_funding, 0.25 * discount * e.promoted_units);
    assert_eq!(e.budget_use, (discount * e.promoted_units).round() as i64 + 500 - e.pnl.vendor_funding);
}

#[test]
fn substitutes_lose_by_their_own_effect_where_they_have_one() {
    let mut shop = shop();
    shop.scenario.limits.locks = vec![lock("s1", Some("a"), Some("106"), 0.2)];
    let partner = |name: &str, mean| PartnerEffect { partner: name.into(), effect: estimate(mean, 0.1) };
    shop.lift.responses[0].partners = vec![partner("s1", 0.25)];
    shop.lift.responses[2].partners = vec![partner("s0", 0.2)];
    let proposal = shop.plan();
    let locked = |e: &&Explanation| e.because == Because::Locked;
    let e = proposal.report.offers.iter().find(locked).unwrap();
    // The first by its own effect of s1; the second by what its effect of s0 leaves of the effect of all, 0.3 - 0.2.
    let lost = |effect: f64| 1.0 - 0.8f64.powf(effect);
    let expected = -(lost(0.25) * 550.0 * (21.0 + 24.0) + lost(0.1) * 590.0 * (31.0 + 34.0));
    assert!((e.pnl.cannibalised as f64 - expected).abs() <= 1.0, "{} {expected}", e.pnl.cannibalised);
}

#[test]
fn the_page_formula_charges_the_discount_on_the_lift_only() {
    let mut shop = shop();
    shop.scenario.objective = Objective::Page;
    let proposal = shop.plan();
    let report = &proposal.report;
    assert_eq!(report.objective, "page");
    assert_eq!(report.value, report.pnl.lift + report.pnl.cannibalised);
    assert_eq!(report.value, report.page_value);
    assert!(report.pnl.total() < report.value, "the full profit and loss is lower than the page's");
    let e = &report.offers[0];
    let lift = e.baseline_units * ((1.0 - e.offer.depth.share()).powf(own_price(&shop, &e.offer.sku)) - 1.0);
    assert!((e.budget_use as f64 - 1000.0 * e.offer.depth.share() * lift).abs() <= 1.0);
}

fn own_price(shop: &Shop, sku: &Sku) -> f64 {
    shop.lift.response(sku).unwrap().own_price.mean
}

#[test]
fn short_stock_before_the_first_delivery_keeps_offers_away() {
    let mut shop = shop();
    shop.states.iter_mut().for_each(|state| state.on_hand = Pieces(30));
    let proposal = shop.plan();
    let first_arrival = SPAN.start.plus(2);
    assert!(proposal.offers.iter().all(|offer| offer.span.start >= first_arrival), "{:?}", proposal.offers);
    assert!(!proposal.offers.is_empty());
    let short = |r: &&RejectedOffer| matches!(r.because, Because::ShortSupply { .. });
    let rejected: Vec<_> = proposal.report.rejected.iter().filter(short).collect();
    assert!(!rejected.is_empty());
    for r in rejected {
        let Because::ShortSupply { instead: Some(Instead::Wait { until, value }) } = &r.because else {
            panic!("no better answer than {r:?}")
        };
        assert!(*until >= first_arrival && *value > 0);
    }
}

#[test]
fn no_promotion_is_an_answer() {
    let mut shop = shop();
    shop.lift.responses.iter_mut().for_each(|response| response.own_price = estimate(-0.2, 0.1));
    let proposal = shop.plan();
    assert!(proposal.offers.is_empty());
    assert_eq!((proposal.report.value, proposal.report.bound), (0, 0));
    assert!(proposal.report.rejected.iter().all(|r| r.because == Because::LosesMoney));
}

#[test]
fn locks_are_kept_and_clashing_locks_are_named() {
    let mut shop = shop();
    shop.scenario.limits.locks = vec![lock("s0", Some("a1"), Some("103"), 0.15), lock("s5", None, None, 0.0)];
    let proposal = shop.plan();
    let depth = Depth::from_share(0.15).unwrap();
    assert!(proposal.offers.iter().any(|o| o.sku.as_str() == "s0" && o.place.as_str() == "a" && o.depth == depth));
    assert!(proposal.offers.iter().all(|o| o.sku.as_str() != "s5"));
    let forbidden = |r: &&RejectedOffer| r.sku.as_str() == "s5";
    let forbidden = proposal.report.rejected.iter().find(forbidden).unwrap();
    assert!(matches!(&forbidden.because, Because::Forbidden { rule } if rule.contains("lock")));

    shop.scenario.limits.locks = vec![lock("s0", Some("a"), Some("103"), 0.1), lock("s0", Some("a"), Some("104"), 0.1)];
    let conflict = shop.conflict().join("\n");
    assert!(conflict.contains("s0 in a") && conflict.contains("spacing"), "{conflict}");

    shop.scenario.limits.locks = (0..3).map(|at| lock(&format!("s{at}"), Some("b"), Some("105"), 0.1)).collect();
    let conflict = shop.conflict().join("\n");
    assert!(conflict.contains("slots 105 b: the locks need 3, there are 2"), "{conflict}");

    shop.scenario.limits.locks = vec![lock("s0", Some("a"), Some("103"), 0.6)];
    assert!(shop.conflict().join("\n").contains("margin floor"));

    shop.scenario.limits.locks = vec![lock("s9", None, None, 0.1)];
    let error = propose(&shop.input(), &settings()).unwrap_err();
    assert!(error.to_string().contains("item 's9'"), "{error}");
}

#[test]
fn of_two_locks_the_more_precise_wins_and_equals_must_agree() {
    let mut shop = shop();
    shop.scenario.limits.locks = vec![lock("s0", Some("a"), Some("103"), 0.2), lock("s0", None, None, 0.0)];
    let proposal = shop.plan();
    let offers: Vec<&Offer> = proposal.offers.iter().filter(|offer| offer.sku.as_str() == "s0").collect();
    assert!(matches!(offers[..], [offer] if offer.span.start == Period(103) && offer.place.as_str() == "a"));
    shop.scenario.limits.locks =
        vec![lock("s0", Some("a1"), Some("103"), 0.2), lock("s0", Some("a2"), Some("103"), 0.1)];
    let error = propose(&shop.input(), &settings()).unwrap_err().to_string();
    assert!(error.contains("s0 at 20 % off at a1 in 103 and s0 at 10 % off at a2 in 103"), "{error}");
}

#[test]
fn references_keep_the_same_limits() {
    let mut shop = shop();
    shop.scenario.limits.locks = vec![lock("s0", Some("a"), Some("103"), 0.2)];
    let proposal = shop.plan();
    assert_eq!(rotation(&shop.input()).unwrap(), proposal.references[1].1);
    assert_eq!(greedy(&shop.input()).unwrap(), proposal.references[0].1);
    for (name, offers) in &proposal.references {
        assert!(!offers.is_empty());
        assert!(offers.iter().any(|o| o.sku.as_str() == "s0" && o.span.start == Period(103)), "{name}");
        let mut slots: BTreeMap<(&Place, Period), usize> = BTreeMap::new();
        offers.iter().for_each(|o| *slots.entry((&o.place, o.span.start)).or_default() += 1);
        assert!(slots.values().all(|&count| count <= 2), "{name}: {slots:?}");
        for offer in offers {
            let same = offers.iter().filter(|o| o.sku == offer.sku && o.place == offer.place && *o != offer);
            assert!(same.into_iter().all(|o| (o.span.start.0 - offer.span.start.0).abs() >= 3), "{name}");
        }
    }
}

#[test]
fn the_number_of_threads_does_not_change_the_plan() {
    let shop = shop();
    let at = |threads: usize| {
        let settings = solve::Settings { threads: Some(threads), ..settings() };
        match propose(&shop.input(), &settings).unwrap() {
            Proposed::Plan(proposal) => serde_json::to_string(&proposal.report).unwrap(),
            Proposed::Infeasible { conflict } => panic!("{conflict:?}"),
        }
    };
    assert_eq!(at(1), at(3));
}

#[test]
fn bad_input_is_named() {
    let mut shop = shop();
    shop.baseline.rows[5].baseline = f64::NAN;
    let error = propose(&shop.input(), &settings()).unwrap_err().to_string();
    assert!(error.contains("s0 at a1 in 105"), "{error}");
    shop.baseline.rows.clear();
    assert!(matches!(propose(&shop.input(), &settings()), Err(PlanError::NothingToPlan { forecast: 0, .. })));
}

#[test]
fn a_difference_is_worth_what_the_plans_differ_by() {
    let mut shop = shop();
    let before = plan_of(&shop.plan());
    shop.scenario.limits.budget = 700.0;
    shop.scenario.limits.locks = vec![lock("s2", Some("b"), Some("104"), 0.1)];
    let after = plan_of(&shop.plan());
    let difference = diff(&before, &after);
    let worth: i64 = difference.offers.iter().map(OfferChange::value).sum();
    assert_eq!(worth, after.report.value - before.report.value);
    assert!(difference.offers.iter().any(|change| matches!(change, OfferChange::Removed { .. })));
    let order = &difference.orders[0];
    assert_eq!((order.before, order.after), (12, 0));
    assert_eq!(diff(&after, &after).offers, []);
}

fn plan_of(proposal: &Proposal) -> Plan {
    let order = SupplyOrder {
        place: "a1".into(),
        sku: "s0".into(),
        supplier: None,
        order_period: Period(99),
        arrives: Period(102),
        quantity: Pieces(12),
    };
    let locked = proposal.report.offers.iter().any(|e| e.because == Because::Locked);
    Plan {
        id: PlanId::new("p"),
        parent: None,
        objectives: None,
        snapshot: SnapshotId::new("s"),
        as_of: serde_json::from_str("\"2024-06-25T00:00:00Z\"").map(AsOf).unwrap(),
        calendar: Calendar::Index,
        span: SPAN,
        currency: Currency::EUR,
        offers: proposal.offers.clone(),
        orders: if locked { vec![] } else { vec![order] },
        transfers: vec![],
        report: proposal.report.clone(),
    }
}
