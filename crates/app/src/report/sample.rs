//! A made-up season for the report's tests: four cities, 150 items, 14 days, hostile and very long names.

use super::*;
use endcap_model::*;
use std::collections::BTreeMap;

/// Names that a page must show as they are.
pub(super) const HOSTILE: [&str; 5] = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "{{script}}\u{2028}\u{2029}<!-- \" ' & ]]> \\u003c",
    "An organic whole-grain sourdough rye bread with sunflower, pumpkin and linseed, sliced, family pack, 1,250 g, from the oven of the bakery round the corner",
    "سلام العالم שלום",
];

/// Owns what a [`ReportInput`] borrows.
pub(super) struct Sample {
    plan: Plan,
    scenario: Scenario,
    policy: Policy,
    decision: Decision,
    items: BTreeMap<Sku, ItemLabel>,
    places: BTreeMap<Place, String>,
    regions: BTreeMap<Place, Place>,
    responses: Vec<Response>,
    history: Vec<HistoryRow>,
    forecast: Vec<ForecastRow>,
    projection: Vec<ProjectionRow>,
    outcomes: Vec<Outcome>,
    comparisons: Vec<Comparison>,
    backtest: Vec<BacktestRow>,
    readiness: Vec<ReadinessRow>,
    counts: Vec<SourceCount>,
    credits: Vec<Credit>,
}

/// A small generator of numbers in 0..1 (Knuth's MMIX linear congruence): the sample needs no better.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.next()
    }
}

const ITEMS: usize = 150;
const CITIES: [&str; 4] = ["city 0", "city 5", "city 12", "city 16"];
const CATEGORIES: [&str; 5] = ["Vegetables", "Fruit", "Dairy & eggs", "Meat", "Bakery"];
const KINDS: [&str; 10] = [
    "Spinach",
    "Tomatoes",
    "Bananas",
    "Apples",
    "Whole milk",
    "Eggs, free range",
    "Pork belly",
    "Chicken thighs",
    "Rye bread",
    "Butter croissant",
];

fn day(text: &str) -> Period {
    Calendar::Day.parse(text).unwrap()
}

fn sku(index: usize) -> Sku {
    Sku::new(format!("{}", 100_000 + index * 37))
}

fn hash(text: &str) -> ContentHash {
    hash_bytes(text.as_bytes())
}

fn depth(share: f64) -> Depth {
    Depth::from_share(share).unwrap()
}

/// Makes the season up; the same each time.
pub(super) fn sample() -> Sample {
    let mut numbers = Numbers(7);
    let items: BTreeMap<_, _> = (0..ITEMS).map(|index| (sku(index), label(index))).collect();
    let places = CITIES
        .iter()
        .map(|city| (Place::new(city), city.replace("city", "City")))
        .chain((0..8).map(|store| (Place::new(format!("store {store}")), format!("Store {}", 101 + store))))
        .collect();
    let regions = (0..8).map(|store| (Place::new(format!("store {store}")), Place::new(CITIES[store / 2]))).collect();
    let plan = plan(&mut numbers);
    let decision = Decision {
        content: hash("plan"),
        policy: hash("policy"),
        verdict: Verdict::NeedsPerson {
            reasons: vec!["gives away 48,200.00 CNY: a named person signs above 40,000.00 CNY".into()],
        },
        signed: None,
    };
    let outcomes = outcomes(&mut numbers);
    let comparisons = ["no_promotions", "rotation"].map(|reference| comparison(&outcomes, reference)).into();
    Sample {
        responses: plan
            .report
            .offers
            .iter()
            .map(|why| why.offer.sku.clone())
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .enumerate()
            .map(|(index, sku)| response(index, sku, &mut numbers))
            .collect(),
        history: history(&mut numbers),
        forecast: forecast(&mut numbers),
        projection: projection(&mut numbers),
        plan,
        scenario: scenario(),
        policy: policy(),
        decision,
        items,
        places,
        regions,
        outcomes,
        comparisons,
        backtest: backtest(),
        readiness: readiness(),
        counts: counts(),
        credits: vec![Credit {
            name: "FreshRetailNet-50K".into(),
            text: "FreshRetailNet-50K by Dingdong-Inc, CC BY 4.0. Changed: stores of four cities, whole pieces.".into(),
            address: "https://huggingface.co/datasets/Dingdong-Inc/FreshRetailNet-50K".into(),
        }],
    }
}

impl Sample {
    /// Borrows it as a report does.
    pub(super) fn input(&self) -> ReportInput<'_> {
        let now = self.plan.span.start.plus(-1);
        ReportInput {
            plan: &self.plan,
            scenario: &self.scenario,
            policy: &self.policy,
            decision: &self.decision,
            headline: Headline {
                spend: 4_820_000,
                budget: 5_000_000,
                promoted_items: 112,
                promoted_cells: self.plan.report.offers.iter().map(|why| why.offer.span.len()).sum(),
                stockout_probability: 0.0834,
            },
            items: &self.items,
            places: &self.places,
            regions: &self.regions,
            stockout_by_offer: (0..self.plan.report.offers.len())
                .map(|index| (index % 9 != 0).then_some(0.01 * (index % 30) as f64))
                .collect(),
            responses: self.responses.iter().collect(),
            history: &self.history,
            forecast: &self.forecast,
            levels: &[0.05, 0.5, 0.95],
            projection: &self.projection,
            orders: OrderSummary::of(&self.plan, now, 40, |_| Some(620)),
            twin: TwinView { plan: "plan".into(), outcomes: &self.outcomes, comparisons: self.comparisons.clone() },
            backtest: &self.backtest,
            readiness: &self.readiness,
            edits: &[],
            overrides: &[],
            counts: &self.counts,
            provenance: Provenance {
                calendar: Calendar::Day,
                history: Span { start: day("2024-03-28"), end: day("2024-06-26") },
                model: hash("model"),
                scenario: hash("scenario"),
                code_version: "0.1.0".into(),
                more: vec![("Seed of the forecast".into(), "20240626".into())],
            },
            credits: &self.credits,
        }
    }

    /// Names an item anew, as a hostile source would.
    pub(super) fn rename(&mut self, index: usize, name: &str) {
        self.items.insert(sku(index), ItemLabel { name: name.into(), category: name.into() });
    }
}

fn label(index: usize) -> ItemLabel {
    let name = match HOSTILE.get(index) {
        Some(hostile) => (*hostile).to_owned(),
        None => format!("{} {} g", KINDS[index % KINDS.len()], 100 + index * 5),
    };
    ItemLabel { name, category: CATEGORIES[index % KINDS.len() / 2].into() }
}

fn plan(numbers: &mut Numbers) -> Plan {
    let span = Span::of_length(day("2024-06-26"), 14);
    let mut explained: Vec<Explanation> = (0..300).map(|index| explanation(index, span, numbers)).collect();
    explained.sort_by(|a, b| a.offer.cmp(&b.offer));
    explained.dedup_by(|a, b| {
        (&a.offer.sku, &a.offer.place, a.offer.span.start) == (&b.offer.sku, &b.offer.place, b.offer.span.start)
    });
    let pnl: ProfitAndLoss = explained.iter().map(|why| why.pnl).sum();
    let value = pnl.total();
    let mut limits = vec![LimitPrice { limit: "budget".into(), used: 4_820_000, available: 5_000_000, price: 0.31 }];
    for city in CITIES {
        for period in span.iter() {
            let day = Calendar::Day.format(period);
            let used = 2 + (numbers.next() * 7.0) as i64;
            let price = if used >= 6 { numbers.between(100.0, 4_000.0) } else { 0.0 };
            limits.push(LimitPrice { limit: format!("slots {day} {city}"), used: used.min(6), available: 6, price });
            limits.push(LimitPrice {
                limit: format!("capacity {day} {city}"),
                used: 300 + used * 20,
                available: 800,
                price: 0.0,
            });
        }
    }
    Plan {
        id: PlanId::new(hash("plan").as_str()),
        parent: None,
        objectives: None,
        snapshot: SnapshotId::new(hash("snapshot").as_str()),
        as_of: AsOf("2024-06-26T00:00:00Z".parse().unwrap()),
        calendar: Calendar::Day,
        span,
        currency: Currency::CNY,
        offers: explained.iter().map(|why| why.offer.clone()).collect(),
        orders: orders(span, numbers),
        transfers: Vec::new(),
        report: PlanReport {
            objective: "full".into(),
            goal: "max_margin".into(),
            outcomes: Outcomes { profit: value, ..Outcomes::default() },
            value,
            bound: value + value / 160,
            gap: 1.0 - 160.0 / 161.0,
            status: SolveStatus::WithinGap,
            pnl,
            page_value: value * 3 / 2,
            limits,
            offers: explained,
            rejected: (0..25).map(|index| rejected(index, span, numbers)).collect(),
            references: vec![("greedy".into(), value * 17 / 20), ("rotation".into(), value * 9 / 20)],
        },
    }
}

fn explanation(index: usize, span: Span, numbers: &mut Numbers) -> Explanation {
    let start = span.start.plus((index * 5 % 14) as i32);
    let length = if index.is_multiple_of(3) { 2 } else { 1 };
    let cut = 0.1 + 0.1 * ((index / 3) % 5) as f64;
    let normal = numbers.between(20.0, 400.0);
    let promoted = normal * numbers.between(1.2, 3.2);
    let lift = ((promoted - normal) * numbers.between(200.0, 420.0)) as i64;
    let pnl = ProfitAndLoss {
        discount_on_baseline: -((normal * cut * 300.0) as i64),
        lift,
        cannibalised: -lift / 9,
        pulled_forward: -lift / 12,
        vendor_funding: lift / 20,
        supply: -lift / 15,
        fixed: -500,
        ..ProfitAndLoss::default()
    };
    let total = pnl.total();
    Explanation {
        offer: Offer {
            sku: sku(index * 7 % 113),
            place: Place::new(CITIES[index % 4]),
            span: Span { start, end: start.plus(length).min(span.end) },
            mechanic: Mechanic::Tpr,
            depth: depth(cut),
            support: Support { feature: index.is_multiple_of(4), display: index.is_multiple_of(11) },
        },
        baseline_units: normal,
        promoted_units: promoted,
        pnl,
        value: total,
        kind: OfferKind::Promotion,
        stockout_probability: 0.02,
        total_95: (total - lift / 2, total + lift / 2),
        budget_use: (promoted * cut * 900.0) as i64,
        spend: (promoted * cut * 900.0) as i64,
        priced_margin: numbers.between(10.0, 9_000.0),
        because: if index % 40 == 1 { Because::Locked } else { Because::PaysForItsLimits },
        next_best: (index % 10 != 2).then(|| (depth((cut + 0.1).min(0.5)), total * 4 / 5)),
    }
}

fn rejected(index: usize, span: Span, numbers: &mut Numbers) -> RejectedOffer {
    let period = span.start.plus((index % 14) as i32);
    RejectedOffer {
        sku: sku(index * 11 % ITEMS),
        place: Place::new(CITIES[index % 4]),
        period,
        depth: depth(0.1 * (1 + index % 5) as f64),
        kind: OfferKind::Promotion,
        total: 90_000 - 3_400 * index as i64,
        priced_margin: -numbers.between(0.0, 9_000.0),
        because: match index % 6 {
            0 => Because::LimitsWorthMoreElsewhere,
            1 => Because::OtherChoiceBetter { period: period.plus(2), depth: depth(0.2) },
            2 => Because::ShortSupply { instead: None },
            3 => Because::Forbidden { rule: "margin after discount below 5 %".into() },
            4 => Because::LosesMoney,
            _ => Because::LimitsWorthMoreElsewhere,
        },
    }
}

fn orders(span: Span, numbers: &mut Numbers) -> Vec<SupplyOrder> {
    let mut orders: Vec<_> = (0..900)
        .map(|index| SupplyOrder {
            place: Place::new(format!("store {}", index % 8)),
            sku: sku(index % ITEMS),
            supplier: index.is_multiple_of(2).then(|| Supplier::new("Green Valley Co-operative")),
            order_period: span.start.plus(index as i32 % 12 - 1),
            arrives: span.start.plus(index as i32 % 12),
            quantity: Pieces(6 * (1 + numbers.between(0.0, 40.0) as i64)),
        })
        .collect();
    orders.sort();
    orders
}

fn response(index: usize, sku: Sku, numbers: &mut Numbers) -> Response {
    let estimate = |mean: f64, se: f64, status: EffectStatus| Estimate {
        mean,
        se,
        lo95: mean - 1.96 * se,
        hi95: mean + 1.96 * se,
        periods_promoted: index % 30,
        status,
        sensitivity: None,
    };
    let status = match index % 5 {
        3 => EffectStatus::Borrowed("promoted in 4 periods only".into()),
        4 => EffectStatus::NotIdentified("the price never moved".into()),
        _ => EffectStatus::Estimated,
    };
    let se = if index % 5 == 4 { 0.9 } else { numbers.between(0.1, 0.35) };
    Response {
        sku,
        group: Group::new(CATEGORIES[index % 5]),
        share_in_group: 0.1,
        own_price: estimate(-numbers.between(1.0, 3.0), se, status),
        curve: None,
        cross_price: estimate(0.2, 0.1, EffectStatus::Estimated),
        partners: vec![],
        feature: estimate(0.15, 0.05, EffectStatus::Estimated),
        display: estimate(0.0, 0.5, EffectStatus::NotIdentified("never on a display".into())),
        dip: estimate(-0.06, 0.02, EffectStatus::Borrowed("from the category".into())),
        depth_seen_max: depth(0.15 + 0.05 * (index % 8) as f64),
        further: Default::default(),
    }
}

/// Twelve series: an item in a store each.
fn series() -> impl Iterator<Item = (Sku, Place, f64)> {
    let mut cells: Vec<_> = (0..12)
        .map(|index| (sku(index * 7 % 113), Place::new(format!("store {}", index % 8)), 6.0 + 2.0 * index as f64))
        .collect();
    cells.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    cells.into_iter()
}

fn history(numbers: &mut Numbers) -> Vec<HistoryRow> {
    let span = Span { start: day("2024-03-28"), end: day("2024-06-26") };
    let mut rows = Vec::new();
    for (sku, place, level) in series() {
        for period in span.iter() {
            let promoted = (period.0 / 3 + level as i32).rem_euclid(5) == 0;
            let depth = if promoted { 0.25 } else { 0.0 };
            let stockout_share = (numbers.next() - 0.75).max(0.0) * 2.0;
            let season = 1.0 + 0.3 * f64::from(u8::from(period.0.rem_euclid(7) > 4));
            let units =
                (level * season * (1.0 + 3.0 * depth) * numbers.between(0.6, 1.4) * (1.0 - stockout_share)).round();
            rows.push(HistoryRow { sku: sku.clone(), place: place.clone(), period, units, stockout_share, depth });
        }
    }
    rows
}

fn forecast(numbers: &mut Numbers) -> Vec<ForecastRow> {
    let span = Span::of_length(day("2024-06-26"), 14);
    let mut rows = Vec::new();
    for (sku, place, level) in series() {
        for period in span.iter() {
            let baseline = level * (1.0 + 0.3 * f64::from(u8::from(period.0.rem_euclid(7) > 4)));
            let mean = baseline * if period.0 % 5 == 0 { 1.7 } else { numbers.between(0.95, 1.0) };
            rows.push(ForecastRow {
                sku: sku.clone(),
                place: place.clone(),
                period,
                mean,
                baseline,
                dispersion: 2.0,
                quantiles: vec![mean * 0.55, mean * 0.98, mean * 1.6],
            });
        }
    }
    rows
}

fn projection(numbers: &mut Numbers) -> Vec<ProjectionRow> {
    let span = Span::of_length(day("2024-06-26"), 14);
    let mut rows = Vec::new();
    for index in 0..16 {
        let place = if index < 10 { CITIES[index % 4].to_owned() } else { format!("store {}", index % 8) };
        let mut stock = numbers.between(60.0, 200.0);
        for period in span.iter() {
            let arrivals = if period.0 % 3 == 0 { numbers.between(40.0, 120.0).round() } else { 0.0 };
            let sales = numbers.between(15.0, 45.0);
            stock = (stock + arrivals - sales).max(0.0);
            let low = (stock - 40.0).max(0.0);
            rows.push(ProjectionRow {
                sku: sku(index * 7 % 113),
                place: Place::new(&place),
                period,
                stock_q05: low,
                stock_q25: (stock - 15.0).max(0.0),
                stock_q50: stock,
                stock_q75: stock + 17.0,
                stock_q95: stock + 45.0,
                stockout_probability: if low > 0.0 { 0.01 } else { (0.5 - stock / 100.0).max(0.02) },
                sales,
                lost: 0.4,
                waste: 0.2,
                arrivals,
            });
        }
    }
    rows.sort_by(|a, b| (&a.sku, &a.place, a.period).cmp(&(&b.sku, &b.place, b.period)));
    rows
}

fn outcomes(numbers: &mut Numbers) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for seed in 1..=20 {
        let world = numbers.between(90_000_000.0, 110_000_000.0);
        for (policy, gain, discount) in [("plan", 0.05, 4.7e6), ("no_promotions", 0.0, 0.0), ("rotation", 0.035, 4.1e6)]
        {
            let revenue = world * (1.0 + 2.0 * gain);
            let profit = world * (0.25 + gain * numbers.between(-0.1, 0.9));
            outcomes.push(Outcome {
                policy: policy.into(),
                seed,
                revenue: revenue as i64,
                margin: (profit * 1.1) as i64,
                profit: profit as i64,
                discount: discount as i64,
                sold: (revenue / 900.0) as i64,
                sold_promoted: if discount > 0.0 { 31_000 } else { 0 },
                lost: 2_100,
                waste: 950,
                left: 8_300,
                stockout_rate: 0.062,
                stockout_rate_promoted: if discount > 0.0 { 0.081 } else { 0.0 },
                fill_rate: 0.981,
                ..Outcome::default()
            });
        }
    }
    outcomes
}

/// Reads one figure of an outcome.
type Figure = fn(&Outcome) -> f64;

/// Plain averages with an interval as wide as the sample asks for; the real ones come from the twin.
fn comparison(outcomes: &[Outcome], reference: &str) -> Comparison {
    let figures: [(&str, Figure); 12] = [
        ("profit", |o| o.profit as f64),
        ("revenue", |o| o.revenue as f64),
        ("margin", |o| o.margin as f64),
        ("discount", |o| o.discount as f64),
        ("sold", |o| o.sold as f64),
        ("sold_promoted", |o| o.sold_promoted as f64),
        ("lost", |o| o.lost as f64),
        ("waste", |o| o.waste as f64),
        ("left", |o| o.left as f64),
        ("stockout_rate", |o| o.stockout_rate),
        ("stockout_rate_promoted", |o| o.stockout_rate_promoted),
        ("fill_rate", |o| o.fill_rate),
    ];
    let mut rows = Vec::new();
    for policy in ["plan", "no_promotions", "rotation"] {
        for (kpi, of) in figures {
            let mean = |name: &str| {
                let values: Vec<_> = outcomes.iter().filter(|o| o.policy == name).map(of).collect();
                values.iter().sum::<f64>() / values.len() as f64
            };
            let other = policy != reference;
            let (mean, difference) = (mean(policy), mean(policy) - mean(reference));
            rows.push(KpiRow {
                policy: policy.into(),
                kpi: kpi.into(),
                higher_is_better: !["waste", "lost", "left", "stockout_rate", "stockout_rate_promoted", "discount"]
                    .contains(&kpi),
                mean,
                lo95: Some(mean * 0.97),
                hi95: Some(mean * 1.03),
                tail05: mean * 0.9,
                difference: other.then_some(difference),
                diff_lo95: other.then_some(difference - difference.abs() * 0.3),
                diff_hi95: other.then_some(difference + difference.abs() * 0.3),
                diff_tail05: other.then_some(difference - difference.abs()),
            });
        }
    }
    Comparison { reference: reference.into(), rows }
}

fn backtest() -> Vec<BacktestRow> {
    let row = |method: &str, wape, bias, promoted, coverage| BacktestRow {
        method: method.into(),
        wape,
        bias,
        wape_promoted: promoted,
        coverage_90: coverage,
        cells: 53_200,
    };
    vec![
        row("endcap", 0.342, 0.011, Some(0.361), Some(0.893)),
        row("mean lift by depth", 0.391, 0.034, Some(0.442), None),
        row("seasonal naive", 0.447, -0.008, Some(0.505), None),
        row("no promotion", 0.418, -0.092, Some(0.551), None),
    ]
}

fn readiness() -> Vec<ReadinessRow> {
    CATEGORIES
        .iter()
        .enumerate()
        .map(|(index, category)| ReadinessRow {
            category: (*category).into(),
            skus: 20 + index * 7,
            series: 300 + index * 120,
            periods: 90,
            promoted_periods: 70 - 15 * index,
            price_variation: 0.12 - 0.025 * index as f64,
            in_stock_share: 0.82,
            verdict: ["ready", "ready", "ready", "thin", "not_ready"][index].into(),
            missing: if index > 2 { vec!["price hardly moves".into()] } else { vec![] },
            helps: if index > 2 { vec!["a test of 20 % in two stores for two weeks".into()] } else { vec![] },
        })
        .collect()
}

fn counts() -> Vec<SourceCount> {
    let count = |source: &str, read, set_aside, duplicates| SourceCount {
        source: source.into(),
        read,
        loaded: read - set_aside - duplicates,
        set_aside,
        duplicates,
    };
    vec![count("sales.parquet", 342_180, 12, 3), count("items.csv", 502, 0, 0), count("events.csv", 1_800, 0, 0)]
}

fn policy() -> Policy {
    Policy {
        version: "2026-1".into(),
        autonomy: Autonomy::Propose,
        depth_max: 0.5,
        margin_rate_min: 0.0,
        spend_max: 60_000.0,
        stockout_probability_max: 0.15,
        promoted_share_max: 0.2,
        tail_value_min: -10_000.0,
        person_above: 40_000.0,
        overrides_need_approval: false,
        rise: vec![],
        gate: None,
        approval: None,
        rollout: None,
        veto_minutes: None,
    }
}

const SCENARIO: &str = r#"
name = "Four cities, two weeks of summer"
assumptions = [
    "The data hold no money: list prices are assumed by category.",
    "Opening stock is three days of mean demand, since the data have no stock level.",
    "Every city is supplied the next day.",
]
currency = "CNY"
horizon = 14
depths = [0.1, 0.2, 0.3, 0.4, 0.5]
items = { list_price = 12.0, margin_rate = 0.35, vendor_funding_share = 0.1 }

[limits]
budget = 50000.0
slots = 6
spacing = 5
margin_rate_min = 0.0
fixed_cost = 5.0

[supply]
lead_time_periods = 1
opening_stock = { cover_periods = 3.0 }
case_pack = 6
minimum_order = 6
shelf_life = 7
holding_rate = 0.002
waste_rate = 0.05
shortage_rate = 0.1

[twin]
worlds = 20
seed = 1
elasticity_mean = -2.0
elasticity_sd = 0.6
pull_forward_share = 0.2
substitution_share = 0.25
shock_sd = 0.15
late_probability = 0.05
cut_probability = 0.03
cut_share = 0.3
"#;

fn scenario() -> Scenario {
    toml::from_str(SCENARIO).expect("Invariant: the sample's scenario is readable")
}
