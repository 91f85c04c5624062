//! Supply plans from end to end: what comes out for a small shop.

use endcap_model::{Calendar, Forecast, ForecastRow, Period, Pieces, Place, Sku, StockState};
use endcap_supply::{
    Action, AlertKind, CellTerms, Expedite, Handling, Reliability, SupplyError, SupplyPlan, SupplySettings, Urgency,
    supply,
};
use proptest::prelude::*;

const START: i32 = 100;

/// A shop: per item (all at one place unless said otherwise) demand, stock and terms.
#[derive(Clone)]
struct Shop {
    forecast: Forecast,
    states: Vec<StockState>,
    terms: Vec<CellTerms>,
    settings: SupplySettings,
}

fn shop() -> Shop {
    Shop {
        forecast: Forecast { calendar: Calendar::Day, levels: vec![], rows: vec![] },
        states: vec![],
        terms: vec![],
        settings: SupplySettings { lead_time_periods: 3, seed: 5, ..SupplySettings::default() },
    }
}

impl Shop {
    fn with(mut self, sku: &str, place: &str, means: &[f64], on_hand: i64) -> Self {
        let (sku, place) = (Sku::new(sku), Place::new(place));
        for (n, &mean) in means.iter().enumerate() {
            self.forecast.rows.push(ForecastRow {
                sku: sku.clone(),
                place: place.clone(),
                period: Period(START + n as i32),
                mean,
                baseline: means[0],
                dispersion: 1.5,
                quantiles: vec![],
            });
        }
        let state = StockState { sku: sku.clone(), place: place.clone(), on_hand: Pieces(on_hand), pipeline: vec![] };
        self.states.push(state);
        self.terms.push(CellTerms {
            sku,
            place,
            case_pack: 1,
            minimum_order: 0,
            shelf_life: None,
            maximum_stock: None,
            volume: 1.0,
            feed: None,
            supplier: None,
            unit_margin: 300.0,
            unit_cost: 700.0,
            holding_cost: 10.0,
            shortage_cost: 0.0,
            waste_cost: 0.0,
        });
        self
    }

    fn plan(&self) -> Result<SupplyPlan, SupplyError> {
        supply(&self.forecast, &self.states, &self.terms, &self.settings, &|_, _| ())
    }
}

fn ordered(plan: &SupplyPlan, arrives: i32) -> i64 {
    plan.orders.iter().filter(|order| order.arrives == Period(START + arrives)).map(|order| order.quantity.0).sum()
}

#[test]
fn an_order_arrives_after_its_lead_time_and_not_before_the_first_can() {
    let plan = shop().with("milk", "north", &[5.0; 14], 0).plan().unwrap();
    assert!(plan.orders.iter().all(|order| order.arrives == order.order_period.plus(3)));
    let first = &plan.orders[0];
    assert_eq!((first.order_period, first.arrives), (Period(START - 1), Period(START + 2)));
    assert_eq!(plan.projection.rows[0].sales, 0.0);
    assert_eq!(plan.projection.rows[1].arrivals, 0.0);
    assert!(plan.projection.rows[2].sales > 4.0);
}

#[test]
fn an_empty_shelf_owes_nothing_when_the_first_order_comes() {
    // Two periods of 5 are lost before the order of now arrives; it must not make up for them.
    let plan = shop().with("milk", "north", &[5.0; 14], 0).plan().unwrap();
    let first = ordered(&plan, 2);
    assert!((8..=13).contains(&first), "{first}");
}

#[test]
fn stock_is_built_for_an_offer_and_run_down_after_it() {
    let mut means = [10.0; 14];
    means[7..10].fill(40.0);
    let plan = shop().with("cola", "north", &means, 34).plan().unwrap();
    assert!(ordered(&plan, 7) > 40, "the first day of the offer is covered when it begins: {}", ordered(&plan, 7));
    let after = ordered(&plan, 10) + ordered(&plan, 11);
    assert!(after < 18, "what the offer left is sold before as much is ordered again: {after}");
    let rows = &plan.projection.rows;
    assert!(rows[7..10].iter().all(|row| row.stockout_probability < 0.15), "{:?}", &rows[7..10]);
    assert!(rows[12].stock_q50 < 20.0, "two days after it, less than two days of demand are left: {:?}", rows[12]);
}

#[test]
fn orders_hold_service_near_the_critical_ratio() {
    // Margin 300 against 10 a day: 97 % of the periods that an order can reach should be covered.
    let plan = shop().with("milk", "north", &[20.0; 28], 60).plan().unwrap();
    let reached = &plan.projection.rows[3..];
    let short = reached.iter().map(|row| row.stockout_probability).sum::<f64>() / reached.len() as f64;
    assert!((0.005..0.06).contains(&short), "{short}");
}

#[test]
fn what_spoils_is_ordered_for_its_life_only() {
    let mut shop = shop().with("fish", "north", &[10.0; 14], 20);
    shop.settings.review_periods = 7;
    let keeps = ordered(&shop.plan().unwrap(), 2);
    shop.terms[0].shelf_life = Some(3);
    let spoils = shop.plan().unwrap();
    assert!(keeps > 65 && ordered(&spoils, 2) < 35, "{keeps} {}", ordered(&spoils, 2));
    assert!(spoils.projection.rows.iter().map(|row| row.waste).sum::<f64>() < 20.0);
}

#[test]
fn a_capacity_goes_to_those_who_need_it_most() {
    let mut shop = shop().with("cheap", "north", &[10.0; 6], 25).with("dear", "north", &[10.0; 6], 25);
    shop.terms[1].unit_margin = 3000.0;
    let free = shop.plan().unwrap();
    shop.settings.capacity = Some(12);
    let cut = shop.plan().unwrap();
    for arrives in 2..6 {
        assert!(ordered(&cut, arrives) <= 12);
    }
    assert!(ordered(&free, 2) > 12);
    let of = |sku: &str| cut.orders.iter().filter(|o| o.sku.as_str() == sku).map(|o| o.quantity.0).sum::<i64>();
    assert!(of("dear") > of("cheap"), "{} {}", of("dear"), of("cheap"));
    shop.settings.capacity = None;
    shop.settings.capacity_by_place.insert("north".into(), 5);
    assert!(ordered(&shop.plan().unwrap(), 2) <= 5);
}

#[test]
fn surplus_moves_inside_the_region_to_where_it_sells_before_an_order_can_arrive() {
    let mut shop = shop()
        .with("milk", "far", &[5.0; 10], 0)
        .with("milk", "full", &[5.0; 10], 60)
        .with("milk", "poor", &[5.0; 10], 0);
    for (place, region) in [("far", "west"), ("full", "east"), ("poor", "east")] {
        shop.settings.regions.insert(place.into(), region.into());
    }
    assert!(shop.plan().unwrap().transfers.is_empty(), "no transfers unless their cost is stated");
    shop.settings.transfer_cost = Some(20.0);
    let plan = shop.plan().unwrap();
    assert_eq!(plan.transfers.len(), 1);
    let moved = &plan.transfers[0];
    assert_eq!((moved.from.as_str(), moved.to.as_str()), ("full", "poor"));
    assert!((8..=20).contains(&moved.quantity.0), "{moved:?}");
    assert!(plan.transfer_gain > 0.0);
    shop.settings.transfer_cost = Some(400.0);
    assert!(shop.plan().unwrap().transfers.is_empty(), "a move that costs more than a sale earns is not made");
}

#[test]
fn alerts_say_what_runs_out_when_and_what_is_too_much() {
    let mut shop = shop()
        .with("a", "north", &[10.0; 10], 12)
        .with("b", "north", &[10.0; 10], 26)
        .with("c", "north", &[10.0; 10], 400)
        .with("d", "north", &[1.0; 10], 40);
    shop.terms[3].shelf_life = Some(4);
    let plan = shop.plan().unwrap();
    let of = |sku: &str| -> Vec<(AlertKind, i32)> {
        plan.alerts.iter().filter(|a| a.sku.as_str() == sku).map(|a| (a.kind, a.period.0 - START)).collect()
    };
    assert_eq!(of("a"), [(AlertKind::RunsOutBeforeAnyOrder, 1)]);
    assert_eq!(of("b"), [(AlertKind::RunsOutWithoutThisOrder, 2)]);
    assert_eq!(of("c"), [(AlertKind::Overstock, 9)]);
    assert!(of("d").contains(&(AlertKind::Expiry, 0)), "{:?}", of("d"));
    assert!(plan.alerts.is_sorted_by(|a, b| a.value >= b.value));
}

#[test]
fn a_supplier_that_comes_late_and_short_is_ordered_from_earlier_and_more() {
    let mut shop = shop().with("milk", "north", &[10.0; 20], 40);
    let reliable = shop.plan().unwrap();
    shop.settings.reliability = Reliability { late: vec![0.3], cut_probability: 0.2, cut_share: 0.5 };
    let shaky = shop.plan().unwrap();
    let of = |plan: &SupplyPlan| (plan.advice[0].safety_stock, plan.advice[0].quantity.0);
    assert!(
        of(&shaky).0 > of(&reliable).0 + 2.0 && of(&shaky).1 > of(&reliable).1,
        "{:?} {:?}",
        of(&shaky),
        of(&reliable)
    );
    let lost = |plan: &SupplyPlan| plan.projection.rows[3..].iter().map(|row| row.lost).sum::<f64>();
    assert!(lost(&shaky) < 0.1 * 170.0, "{}", lost(&shaky));
    shop.terms[0].holding_cost = 100.0;
    let alerts = shop.plan().unwrap().alerts;
    assert!(alerts.iter().any(|alert| alert.kind == AlertKind::SupplierRisk), "{alerts:?}");
}

#[test]
fn an_expedited_order_comes_where_the_sales_it_saves_are_worth_it() {
    let mut shop = shop().with("milk", "north", &[10.0; 10], 5);
    shop.settings.lead_time_periods = 5;
    let expedite =
        |cost| Some(Expedite { lead_time_periods: 2, cost, cost_rate: 0.0, supplier: Some("express".into()) });
    shop.settings.expedite = expedite(50.0);
    let plan = shop.plan().unwrap();
    let fast: Vec<_> = plan.orders.iter().filter(|order| order.arrives == Period(START + 1)).collect();
    assert_eq!(fast.len(), 1);
    assert!((25..40).contains(&fast[0].quantity.0), "three exposed periods of ten: {:?}", fast[0]);
    assert_eq!(fast[0].supplier, Some("express".into()));
    let helped = plan.alerts.iter().find(|alert| alert.kind == AlertKind::RunsOutBeforeAnyOrder);
    assert!(helped.is_none_or(|alert| alert.action == Action::FollowPlan));
    shop.settings.expedite = expedite(295.0);
    let dear = shop.plan().unwrap();
    assert!(
        dear.orders.iter().all(|order| order.arrives != Period(START + 1)),
        "a piece that earns 300 is not worth 305"
    );
}

#[test]
fn an_offer_that_would_run_short_is_expedited_for_up_to_the_service_asked_for() {
    let fast = |means: &[f64], on_hand, service_level_min| {
        let mut shop = shop().with("milk", "north", means, on_hand);
        let expedite = Expedite { lead_time_periods: 2, cost: 250.0, cost_rate: 0.0, supplier: None };
        shop.settings =
            SupplySettings { lead_time_periods: 4, service_level_min, expedite: Some(expedite), ..shop.settings };
        ordered(&shop.plan().unwrap(), 1)
    };
    // 25 are left for 10 and, on offer, 30: a piece is worth 300 and costs 260, 56 are enough in 98 of 100 cases.
    let offer = [10.0, 10.0, 30.0, 10.0, 10.0, 10.0];
    assert!((1..12).contains(&fast(&offer, 35, None)), "{}", fast(&offer, 35, None));
    assert!((26..38).contains(&fast(&offer, 35, Some(0.98))), "{}", fast(&offer, 35, Some(0.98)));
    assert_eq!(fast(&[10.0; 6], 15, Some(0.98)), fast(&[10.0; 6], 15, None), "without an offer costs decide");
}

#[test]
fn a_budget_goes_to_what_saves_most_for_the_money_and_has_a_price() {
    let mut shop = shop().with("cheap", "north", &[10.0; 6], 20).with("dear", "north", &[10.0; 6], 20);
    shop.terms[0].unit_cost = 100.0;
    let free = shop.plan().unwrap();
    assert_eq!(free.limit_prices.budget, 0.0);
    shop.settings.budget = Some(3000.0);
    let tight = shop.plan().unwrap();
    let spent = |arrives: i32| -> f64 {
        let cost = |sku: &str| if sku == "cheap" { 100.0 } else { 700.0 };
        let now = tight.orders.iter().filter(|order| order.arrives == Period(START + arrives));
        now.map(|order| cost(order.sku.as_str()) * order.quantity.0 as f64).sum()
    };
    assert!((2..6).all(|arrives| spent(arrives) <= 3000.0));
    let quantity = |plan: &SupplyPlan, sku: &str| plan.advice.iter().find(|a| a.sku.as_str() == sku).unwrap().quantity;
    let cut = |sku: &str| quantity(&free, sku).0 - quantity(&tight, sku).0;
    assert!(cut("dear") > 2 * cut("cheap"), "{} {}", cut("dear"), cut("cheap"));
    assert!(tight.limit_prices.budget > 0.0 && tight.limit_prices.capacity == 0.0);
}

#[test]
fn what_the_plan_remedies_is_automatic_and_what_it_cannot_is_an_exception() {
    let mut shop = shop().with("a", "north", &[10.0; 10], 12).with("b", "north", &[10.0; 10], 26);
    let of = |shop: &Shop, sku: &str| {
        let alert = shop.plan().unwrap().alerts.into_iter().find(|alert| alert.sku.as_str() == sku).unwrap();
        (alert.urgency, alert.action, alert.handling)
    };
    assert_eq!(of(&shop, "a"), (Urgency::Now, Action::FindPieces, Handling::Exception));
    assert_eq!(of(&shop, "b"), (Urgency::Now, Action::PlaceOrder, Handling::Auto));
    shop.settings.review_value = Some(0.0);
    assert_eq!(of(&shop, "b").2, Handling::Review);
    shop.settings.capacity = Some(3);
    assert_eq!(of(&shop, "b").2, Handling::Exception);
    assert!(shop.plan().unwrap().alerts.iter().all(|alert| (0.0..=1.0).contains(&alert.confidence)));
}

#[test]
fn the_same_input_gives_the_same_bytes_at_any_thread_count_and_among_any_neighbours() {
    let mut large = shop();
    for n in 0..40 {
        large = large.with(&format!("item {n}"), "north", &[1.0 + n as f64; 10], n * 3);
    }
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| large.plan().unwrap())
    };
    assert_eq!(on(1), on(2));
    let alone = shop().with("item 7", "north", &[8.0; 10], 21).plan().unwrap();
    let among: Vec<_> = on(2).projection.rows.into_iter().filter(|row| row.sku.as_str() == "item 7").collect();
    assert_eq!(alone.projection.rows, among);
    let mut other = large.clone();
    other.settings.seed += 1;
    assert_ne!(other.plan().unwrap().projection, on(1).projection);
}

#[test]
fn cells_that_share_nothing_are_planned_in_parts_as_they_are_together() {
    let mut shop = shop();
    for number in 0..700 {
        let mean = 0.5 + f64::from(number % 37);
        shop = shop.with(
            &format!("item {number:03}"),
            "north",
            &[mean, 2.0 * mean, mean, mean, mean, mean],
            number as i64 % 50,
        );
    }
    let in_parts = shop.plan().unwrap();
    // A capacity that never binds is a limit that all cells share.
    shop.settings.capacity = Some(1_000_000_000);
    assert!(shop.plan().unwrap() == in_parts);
    assert_eq!(in_parts.projection.rows.len(), 700 * 6);
}

#[test]
fn input_that_cannot_be_planned_is_refused_with_its_reason() {
    let refused = |change: fn(&mut Shop)| {
        let mut shop = shop().with("milk", "north", &[5.0; 6], 3);
        change(&mut shop);
        shop.plan().unwrap_err().to_string()
    };
    type Change = fn(&mut Shop);
    let cases: [(Change, &str); 11] = [
        (|shop| shop.settings.lead_time_periods = 0, "lead_time_periods is 0: expected 1 to 1000"),
        (|shop| shop.settings.lead_time_periods = 5000, "lead_time_periods is 5000"),
        (|shop| shop.settings.lead_time_periods = 7, "forecast covers 6 periods"),
        (|shop| shop.states[0].on_hand = Pieces(-2), "stock on hand is -2 pieces"),
        (|shop| shop.states[0].pipeline = vec![(Period(START - 1), Pieces(4))], "before the first period to plan"),
        (|shop| shop.states[0].pipeline = vec![(Period(START), Pieces(-4))], "a delivery is -4 pieces"),
        (|shop| shop.states[0].sku = "ghost".into(), "item ghost at place north is in the stock but not in the terms"),
        (|shop| drop(shop.forecast.rows.remove(2)), "no forecast for period 1970-04-13"),
        (|shop| shop.forecast.rows[1].mean = f64::NAN, "the forecast's mean is NaN"),
        (|shop| shop.forecast.rows.clear(), "the forecast has no rows"),
        (|shop| shop.terms[0].case_pack = 0, "case_pack is 0"),
    ];
    for (change, expected) in cases {
        let message = refused(change);
        assert!(message.contains(expected), "'{message}' lacks '{expected}'");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pieces_balance_over_the_horizon_and_orders_keep_their_packs(
        means in proptest::collection::vec(0.0f64..30.0, 4..12), on_hand in 0i64..120, arriving in 0i64..40,
        case_pack in 1i64..13, minimum in 0i64..30, life in proptest::option::of(1usize..8), lead in 1usize..5,
        review in 1usize..4, persistence in 0.0f64..0.9, late in 0.0f64..0.6, cut in 0.0f64..0.6,
    ) {
        let mut shop = shop().with("milk", "north", &means, on_hand);
        shop.states[0].pipeline = vec![(Period(START + 1), Pieces(arriving))];
        let terms = &mut shop.terms[0];
        (terms.case_pack, terms.minimum_order, terms.shelf_life) = (case_pack, minimum, life);
        shop.settings.lead_time_periods = lead.min(means.len());
        shop.settings.reliability = Reliability { late: vec![late / 2.0; 2], cut_probability: cut, cut_share: 0.3 };
        (shop.settings.review_periods, shop.settings.persistence, shop.settings.paths) = (review, persistence, 1);
        let plan = shop.plan().unwrap();
        // On a single path means are counts: the balance must hold to the piece.
        let mut stock = on_hand as f64;
        for row in &plan.projection.rows {
            stock += row.arrivals - row.sales - row.waste;
            prop_assert_eq!(stock, row.stock_q50);
            prop_assert!(stock >= 0.0 && row.waste >= 0.0 && row.lost >= 0.0);
        }
        for order in &plan.orders {
            prop_assert_eq!(order.quantity.0 % case_pack, 0);
            prop_assert!(order.quantity.0 >= minimum && order.quantity.0 > 0);
            prop_assert_eq!((order.order_period.0 + 1 - START) as usize % review, 0);
        }
    }

    #[test]
    fn more_stock_at_the_start_never_lowers_service(on_hand in 0i64..80, more in 1i64..40, mean in 0.5f64..20.0) {
        let lost = |stock: i64| {
            let plan = shop().with("milk", "north", &[mean; 6], stock).plan().unwrap();
            // Before any order can arrive, so that nothing but the stock differs.
            plan.projection.rows[..2].iter().map(|row| row.lost).sum::<f64>()
        };
        prop_assert!(lost(on_hand + more) <= lost(on_hand));
    }
}

mod requests {
    //! Tables as a retailer's systems keep them, with what goes wrong in them.

    use super::*;
    use endcap_supply::{
        DeliveryRow, ItemRow, SalesHistory, SalesRow, StockRow, SupplyAnswer, SupplyConfig, SupplyRequest, answer,
    };

    const CONFIG: &str = "lead_time_periods = 2\nholding_cost = 0.1\nshortage_cost = 1";

    fn request() -> SupplyRequest {
        let sales = ["bread", "milk"].into_iter().flat_map(|sku| {
            (0..60).map(move |day| SalesRow {
                sku: sku.into(),
                place: "north".into(),
                period: Period(day),
                units: f64::from(3 + day % 4),
                in_stock: true,
            })
        });
        let stock = |sku: &str, on_hand| StockRow { row: 1, place: "north".into(), sku: sku.into(), on_hand };
        SupplyRequest {
            sales: SalesHistory { calendar: Calendar::Day, rows: sales.collect() },
            stock: vec![stock("bread", 4), stock("milk", 4)],
            deliveries: vec![],
            items: vec![],
            feeds: vec![],
            forecast: None,
        }
    }

    fn item(sku: &str, case_pack: i64) -> ItemRow {
        ItemRow { case_pack: Some(case_pack), ..ItemRow::new(sku.into()) }
    }

    fn answered(request: &SupplyRequest, config: &str) -> SupplyAnswer {
        answer(request, &toml::from_str::<SupplyConfig>(config).unwrap(), &|_, _| ()).unwrap()
    }

    #[test]
    fn what_is_wrong_with_one_item_is_said_and_the_others_are_ordered() {
        type Change = fn(&mut SupplyRequest);
        let cases: [(Change, &str, bool); 7] = [
            (|request| request.stock[0].on_hand = -3, "stock on hand is -3 pieces", false),
            (
                |request| request.stock[0].sku = "ghost".into(),
                "item ghost at place north is in the stock but not",
                false,
            ),
            (|request| request.stock.push(request.stock[0].clone()), "is twice in the stock", true),
            (
                |request| request.items = vec![item("milk", 1)],
                "item bread at place north is in the stock but not",
                false,
            ),
            (|request| request.items = vec![item("milk", 1), item("bread", 0)], "case_pack is 0", false),
            (
                |request| {
                    let (place, sku) = ("north".into(), "bread".into());
                    request.deliveries.push(DeliveryRow { row: 1, place, sku, arrives: Period(59), quantity: 5 });
                },
                "before the first period to plan",
                true,
            ),
            (
                |request| {
                    let (place, sku) = ("south".into(), "bread".into());
                    request.deliveries.push(DeliveryRow { row: 1, place, sku, arrives: Period(61), quantity: 5 });
                },
                "item bread at place south is in the pipeline but not in the stock",
                true,
            ),
        ];
        for (change, expected, bread_is_planned) in cases {
            let mut request = request();
            change(&mut request);
            let answer = answered(&request, CONFIG);
            let reasons: Vec<String> = answer.set_aside.iter().map(|aside| aside.reason.to_string()).collect();
            assert!(reasons.iter().any(|reason| reason.contains(expected)), "{reasons:?} lack '{expected}'");
            let ordered = |sku: &str| answer.plan.advice.iter().any(|advice| advice.sku == sku.into());
            assert!(ordered("milk"), "{expected}");
            assert_eq!(ordered("bread"), bread_is_planned, "{expected}");
        }
    }

    #[test]
    fn a_case_larger_than_the_shelf_and_a_missing_supplier_are_named() {
        let mut request = request();
        request.items = vec![item("milk", 1), item("bread", 50)];
        let config = format!("{CONFIG}\n[capacities.places]\nnorth = 20\n[suppliers.dairy]\nlate = [0.2]");
        let answer = answered(&request, &config);
        let reasons: Vec<String> = answer.set_aside.iter().map(|aside| aside.reason.to_string()).collect();
        assert!(reasons[0].contains("smallest order is 50 pieces, but only 20 fit"), "{reasons:?}");
        assert!(reasons[1].contains("item milk has no supplier"), "{reasons:?}");
        assert!(answer.plan.orders.iter().all(|order| order.sku == "milk".into()));
    }

    #[test]
    fn a_lead_time_of_nothing_or_of_ever_is_refused() {
        for lead in ["0", "100000"] {
            let config: SupplyConfig = toml::from_str(&CONFIG.replace("= 2", &format!("= {lead}"))).unwrap();
            let refused = answer(&request(), &config, &|_, _| ()).unwrap_err().to_string();
            assert!(refused.contains("expected 1 to 1000"), "{refused}");
        }
    }

    #[test]
    fn the_estimate_meets_the_demand_of_each_weekday() {
        let answer = answered(&request(), CONFIG);
        let sold: f64 = answer.plan.projection.rows.iter().skip(3).map(|row| row.sales + row.lost).sum();
        let periods = answer.plan.projection.rows.len() as f64 - 3.0;
        assert!((sold / periods - 4.5).abs() < 0.5, "{}", sold / periods);
    }
}
