//! How long a change to a plan takes: a first plan of a made-up shop, then random edits, each planned from the one before.
//!
//! `cargo run --release -p endcap-plan --example board -- ITEMS PERIODS REGIONS STORES EDITS`

use endcap_model::*;
use endcap_plan::{ItemEconomics, PlanInput, Sketch, Sketched, Table, solve};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::time::Instant;

/// Milliseconds by the clock and of all processors together.
#[derive(Clone, Copy)]
struct Took {
    wall: f64,
    work: f64,
}

struct Shop {
    lift: LiftModel,
    baseline: Forecast,
    regions: BTreeMap<Place, Place>,
    broken: BTreeMap<(Sku, Place), f64>,
    items: BTreeMap<Sku, ItemEconomics>,
    states: Vec<StockState>,
    span: Span,
}

fn main() {
    let given: Vec<usize> = std::env::args().skip(1).map(|text| text.parse().expect("whole numbers")).collect();
    let at = |place: usize, usual: usize| given.get(place).copied().unwrap_or(usual);
    let (items, periods, regions, stores, edits) = (at(0, 60), at(1, 13), at(2, 1), at(3, 3), at(4, 30));
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let shop = shop(items, periods, (regions, stores), &mut random);
    let mut scenario = scenario(items, periods);
    let settings = solve::Settings { gap: 1e-3, ..solve::Settings::default() };
    let mut table = Table::default();
    let (first, mut before) = drawn(&mut table, &shop.input(&scenario), None, &settings);
    report("first plan", &[first], &before);
    let (again, _) = drawn(&mut Table::default(), &shop.input(&scenario), Some(&before), &settings);
    report("a new table, begun from the first", &[again], &before);
    let mut by_kind: BTreeMap<&str, Vec<Took>> = BTreeMap::new();
    let mut all = Vec::new();
    for _ in 0..edits {
        let kind = edit(&mut scenario, &before, &mut random);
        let (took, after) = drawn(&mut table, &shop.input(&scenario), Some(&before), &settings);
        by_kind.entry(kind).or_default().push(took);
        all.push(took);
        before = after;
    }
    report("edits", &all, &before);
    by_kind.into_iter().for_each(|(kind, took)| report(kind, &took, &before));
}

fn drawn(table: &mut Table, input: &PlanInput, from: Option<&Sketch>, settings: &solve::Settings) -> (Took, Sketch) {
    let (begun, before) = (Instant::now(), worked());
    let sketched = table.sketch(input, from.map(|sketch| &sketch.proposal.report), settings, &|| false);
    match sketched.expect("a shop that can be planned") {
        Sketched::Plan(sketch) => (Took { wall: begun.elapsed().as_secs_f64() * 1e3, work: worked() - before }, sketch),
        Sketched::Infeasible { conflict } => panic!("{conflict:?}"),
    }
}

fn report(what: &str, took: &[Took], sketch: &Sketch) {
    let sorted = |of: fn(&Took) -> f64| {
        let mut all: Vec<f64> = took.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        let at = |share: f64| all[((all.len() - 1) as f64 * share).round() as usize];
        format!("median {:.0} p95 {:.0} most {:.0} ms", at(0.5), at(0.95), at(1.0))
    };
    let (plan, gap) = (&sketch.proposal.report, sketch.proposal.report.gap);
    println!(
        "{what}: {}; clock {}; processors {}; {} offers, value {}, gap {gap:.5}",
        took.len(),
        sorted(|took| took.wall),
        sorted(|took| took.work),
        plan.offers.len(),
        plan.value
    );
}

/// Processor time of all threads so far, in milliseconds; 0 where the system does not say.
fn worked() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    threads.filter_map(of).sum::<f64>() / 1e6
}

/// Changes one thing, as a planner would.
fn edit(scenario: &mut Scenario, before: &Sketch, random: &mut ChaCha8Rng) -> &'static str {
    let offers = &before.proposal.offers;
    let limits = &mut scenario.limits;
    let lock = |sku: &Sku, place: &Place, period: Period, depth: Depth| Lock {
        sku: sku.clone(),
        place: Some(place.clone()),
        period: Some(period.0.to_string()),
        depth,
    };
    let unlocked: Vec<&Offer> = offers
        .iter()
        .filter(|o| !limits.locks.iter().any(|l| l.covers(&o.sku, &o.place, &o.span.start.0.to_string())))
        .collect();
    let offer = unlocked[random.random_range(0..unlocked.len())].clone();
    match random.random_range(0..6) {
        0 => {
            limits.locks.push(lock(&offer.sku, &offer.place, offer.span.start, Depth::ZERO));
            "lock out"
        }
        1 => {
            limits.locks.push(lock(&offer.sku, &offer.place, offer.span.start, offer.depth));
            "lock in"
        }
        2 => {
            let rejected: Vec<&RejectedOffer> = before.proposal.report.rejected.iter().take(100).collect();
            let wanted = rejected.iter().find(|r| {
                matches!(r.because, Because::LimitsWorthMoreElsewhere) && !limits.locks.iter().any(|l| l.sku == r.sku)
            });
            if let Some(r) = wanted {
                limits.locks.push(lock(&r.sku, &r.place, r.period, r.depth));
            }
            "lock a left-out offer"
        }
        3 => {
            limits.budget *= random.random_range(0.9..1.12);
            "budget"
        }
        4 => {
            limits.slots = (limits.slots + random.random_range(0..3)).saturating_sub(1).max(4);
            "slots"
        }
        _ => {
            if !limits.locks.is_empty() {
                let at = random.random_range(0..limits.locks.len());
                limits.locks.remove(at);
            }
            "unlock"
        }
    }
}

impl Shop {
    fn input<'a>(&'a self, scenario: &'a Scenario) -> PlanInput<'a> {
        PlanInput {
            scenario,
            calendar: Calendar::Index,
            span: self.span,
            lift: &self.lift,
            baseline: &self.baseline,
            regions: &self.regions,
            items: &self.items,
            states: &self.states,
            broken: &self.broken,
            published: &[],
        }
    }
}

fn estimate(mean: f64, se: f64) -> Estimate {
    let (lo95, hi95) = (mean - 1.96 * se, mean + 1.96 * se);
    Estimate { mean, se, lo95, hi95, periods_promoted: 9, status: EffectStatus::Estimated, sensitivity: None }
}

fn shop(items: usize, periods: usize, (regions, stores): (usize, usize), random: &mut ChaCha8Rng) -> Shop {
    let skus: Vec<Sku> = (0..items).map(|at| Sku::new(format!("s{at:04}"))).collect();
    let responses = skus.iter().enumerate().map(|(at, sku)| Response {
        sku: sku.clone(),
        group: Group::new(format!("g{:03}", at / 5)),
        share_in_group: 0.2,
        own_price: estimate(random.random_range(-4.0..-1.5), 0.3),
        curve: None,
        cross_price: estimate(0.3, 0.1),
        partners: vec![],
        feature: estimate(0.2, 0.1),
        display: estimate(0.1, 0.1),
        dip: estimate(-0.1, 0.05),
        depth_seen_max: Depth::from_share(0.5).expect("a share"),
        further: Further::default(),
    });
    let lift = LiftModel {
        snapshot: None,
        as_of: None,
        span: Span { start: Period(0), end: Period(100) },
        calendar: Calendar::Index,
        code_version: "example".into(),
        seed: 1,
        dip_carry: 0.5,
        responses: responses.collect(),
    };
    let span = Span::of_length(Period(100), periods);
    let region = |at: usize| Place::new(format!("r{}", at / stores));
    let places: Vec<Place> = (0..regions * stores).map(|at| Place::new(format!("r{}-{}", at / stores, at))).collect();
    let mut rows = Vec::new();
    let mut states = Vec::new();
    for sku in &skus {
        let level = random.random_range(4.0..60.0);
        for place in &places {
            let here = level * random.random_range(0.6..1.4);
            for period in span.iter() {
                let mean = here * random.random_range(0.8..1.25);
                let (sku, place) = (sku.clone(), place.clone());
                rows.push(ForecastRow { sku, place, period, mean, baseline: mean, dispersion: 1.6, quantiles: vec![] });
            }
            let on_hand = Pieces((here * 3.0) as i64);
            states.push(StockState { sku: sku.clone(), place: place.clone(), on_hand, pipeline: vec![] });
        }
    }
    let mut item = |at: usize| {
        let list_price = random.random_range(300..3000);
        let unit_cost = list_price * random.random_range(40..65) / 100;
        let group = Group::new(format!("g{:03}", at / 5));
        let sku = skus[at].clone();
        ItemEconomics { sku, group, category: None, vendor: None, list_price, unit_cost, shelf_life: None }
    };
    Shop {
        lift,
        baseline: Forecast { calendar: Calendar::Index, levels: vec![], rows },
        broken: BTreeMap::new(),
        regions: places.iter().enumerate().map(|(at, place)| (place.clone(), region(at))).collect(),
        items: (0..items).map(|at| (skus[at].clone(), item(at))).collect(),
        states,
        span,
    }
}

fn scenario(items: usize, periods: usize) -> Scenario {
    let depths = [0.1, 0.15, 0.2, 0.25, 0.3].map(|share| Depth::from_share(share).expect("a share")).to_vec();
    Scenario {
        name: "example".into(),
        assumptions: vec![],
        currency: Currency::EUR,
        horizon: periods,
        depths,
        caution: 0.5,
        objective: Objective::Full,
        goal: Goal::default(),
        items: ItemTerms {
            list_price: 10.0,
            margin_rate: 0.4,
            by_category: BTreeMap::new(),
            by_sku: BTreeMap::new(),
            vendor_funding_share: 0.3,
            vendor_funding: BTreeMap::new(),
        },
        limits: Limits {
            budget: 30.0 * (items * periods) as f64,
            slots: items / 6,
            spacing: 3,
            margin_rate_min: 0.1,
            fixed_cost: 5.0,
            capacity_share: 0.3,
            locks: vec![],
            stockout_probability_max: 1.0,
            pools: vec![],
            rules: vec![],
            together: vec![],
            clear: vec![],
        },
        channels: BTreeMap::new(),
        segments: BTreeMap::new(),
        effects: vec![],
        wear_out: WearOut::default(),
        run_out: vec![],
        replan: ReplanTerms::default(),
        supply: SupplyTerms {
            lead_time_periods: 2,
            review_periods: 1,
            opening_stock: OpeningStock { cover_periods: 3.0 },
            case_pack: 1,
            minimum_order: 0,
            shelf_life: None,
            holding_rate: 0.002,
            waste_rate: 0.0,
            shortage_rate: 0.05,
            transfer_cost: None,
            write_down: None,
        },
        twin: TwinTerms {
            worlds: 1,
            seed: 1,
            elasticity_mean: -2.0,
            elasticity_sd: 0.5,
            pull_forward_share: 0.1,
            substitution_share: 0.2,
            shock_sd: 0.1,
            late_probability: 0.0,
            cut_probability: 0.0,
            cut_share: 0.0,
        },
    }
}
