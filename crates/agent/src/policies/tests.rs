use super::*;
use endcap_model::{Calendar, Depth, OpeningStock, SupplyTerms, TwinTerms};
use endcap_twin::{CellSpec, Costs, Habits, Measure, PolicyMaker, WorldTerms, compare, kpis};

fn spec(periods: usize) -> WorldSpec {
    let cells = (0..24).map(|number| CellSpec {
        sku: Sku::new(format!("sku{:02}", number / 4)),
        place: Place::new(format!("store{}", number % 4)),
        region: Place::new(format!("region{}", number % 2)),
        group: "g".into(),
        list_price: 300,
        unit_cost: 200,
        mean_demand: vec![6.0, 6.0, 8.0, 9.0, 6.0, 6.0, 6.0],
        on_hand: 14,
        pipeline: Vec::new(),
        shelf_life: None,
    });
    let terms = WorldTerms {
        calendar: Calendar::Day,
        span: Span::of_length(Period(20_000), periods),
        lead_time_periods: 2,
        costs: Costs { holding_rate: 0.001, ..Costs::default() },
        habits: Habits::default(),
        logistics: endcap_twin::Logistics::default(),
        shocks: Vec::new(),
    };
    WorldSpec::new(terms, cells.collect()).unwrap()
}

fn terms() -> TwinTerms {
    TwinTerms {
        worlds: 12,
        seed: 1,
        elasticity_mean: -2.5,
        elasticity_sd: 0.3,
        pull_forward_share: 0.1,
        substitution_share: 0.1,
        shock_sd: 0.1,
        late_probability: 0.05,
        cut_probability: 0.0,
        cut_share: 0.0,
    }
}

fn supply() -> SupplyTerms {
    SupplyTerms {
        lead_time_periods: 2,
        review_periods: 1,
        opening_stock: OpeningStock { cover_periods: 2.0 },
        case_pack: 1,
        minimum_order: 0,
        shelf_life: None,
        holding_rate: 0.001,
        waste_rate: 0.0,
        shortage_rate: 0.0,
        transfer_cost: None,
        write_down: None,
    }
}

const DAILY: Replenishment =
    Replenishment { lead_time_periods: 2, review_periods: 1, persistence: 0.0, service_level_min: None };

#[test]
fn ordering_that_knows_the_offers_runs_out_less_on_promotion_than_ordering_that_does_not() {
    let (spec, terms) = (spec(28), terms());
    let offers = rotation(&spec, Depth::from_share(0.2).unwrap(), 2, 2);
    let cells = cell_terms(&spec, &supply());
    let aware = believed_forecast(&spec, &terms, &offers, terms.elasticity_mean);
    let orderings =
        [("aware", Ordering::OrderUpTo(&aware)), ("blind", Ordering::MovingAverage { window: 7, before: &aware })];
    let policies: Vec<CalendarPolicy> = orderings
        .iter()
        .map(|(name, ordering)| CalendarPolicy::new(*name, &offers, ordering, &spec, &cells, DAILY).unwrap())
        .collect();
    let makers: Vec<Box<PolicyMaker>> =
        policies.iter().map(|policy| Box::new(|| policy.start()) as Box<PolicyMaker>).collect();
    let makers: Vec<&PolicyMaker> = makers.iter().map(Box::as_ref).collect();
    let outcomes = compare(&spec, &terms, &makers, &|_, _| {}).unwrap();
    let kpis = kpis(&outcomes, "blind");
    let gain =
        |measure| kpis.iter().find(|kpi| kpi.policy == "aware" && kpi.measure == measure).unwrap().difference.unwrap();
    assert!(gain(Measure::StockoutRatePromoted).hi95.unwrap() < 0.0);
    assert!(gain(Measure::Profit).lo95.unwrap() > 0.0);
}

#[test]
fn rotation_gives_every_item_its_turn_within_the_slots() {
    let spec = spec(12);
    let offers = rotation(&spec, Depth::from_share(0.2).unwrap(), 2, 3);
    for period in spec.span().iter() {
        for region in ["region0", "region1"] {
            let running =
                offers.iter().filter(|offer| offer.place == Place::new(region) && offer.span.contains(period));
            assert_eq!(running.count(), 2);
        }
    }
    let promoted: std::collections::BTreeSet<_> = offers.iter().map(|offer| &offer.sku).collect();
    assert_eq!(promoted.len(), 6);
    assert!(offers.iter().all(|offer| offer.span.end <= spec.span().end));
}

#[test]
fn planned_orders_are_placed_in_their_period_and_the_rule_takes_over_after_the_last() {
    let (spec, terms) = (spec(6), terms());
    let cells = cell_terms(&spec, &supply());
    let forecast = believed_forecast(&spec, &terms, &[], -1.0);
    let start = spec.span().start;
    let order = SupplyOrder {
        place: "store1".into(),
        sku: "sku03".into(),
        supplier: None,
        order_period: start.plus(1),
        arrives: start.plus(3),
        quantity: Pieces(99),
    };
    let ordering = Ordering::Planned(std::slice::from_ref(&order), &forecast);
    let policy = CalendarPolicy::new("plan", &[], &ordering, &spec, &cells, DAILY).unwrap();
    let mut run = policy.start();
    let mut world = endcap_twin::World::new(&spec, &terms, 3);
    for day in 0..6 {
        let actions = run.act(&world.observe());
        match day {
            0 | 1 => assert_eq!(actions.orders, []),
            2 => assert_eq!(actions.orders, std::slice::from_ref(&order)),
            _ => assert!(day > 3 || actions.orders.len() > 10, "three days without orders leave gaps to fill"),
        }
        world.step(&actions).unwrap();
    }
    let late = SupplyOrder { order_period: start.plus(-2), ..order };
    let ordering = Ordering::Planned(std::slice::from_ref(&late), &forecast);
    let refused = CalendarPolicy::new("plan", &[], &ordering, &spec, &cells, DAILY);
    assert!(matches!(refused, Err(PolicyError::TooLate { .. })));
}

#[test]
fn a_policy_that_lacks_terms_or_forecast_for_a_cell_is_refused() {
    let (spec, terms) = (spec(6), terms());
    let cells = cell_terms(&spec, &supply());
    let mut forecast = believed_forecast(&spec, &terms, &[], -1.0);
    let refused =
        CalendarPolicy::new("p", &[], &Ordering::OrderUpTo(&forecast), &spec, &cells[1..], DAILY).unwrap_err();
    assert!(refused.to_string().contains("sku00 at store0"), "{refused}");
    forecast.rows.remove(7);
    let refused = CalendarPolicy::new("p", &[], &Ordering::OrderUpTo(&forecast), &spec, &cells, DAILY).unwrap_err();
    assert!(refused.to_string().contains("period 2024-10-05"), "{refused}");
    let never = Replenishment { review_periods: 0, ..DAILY };
    assert!(CalendarPolicy::new("p", &[], &Ordering::OrderUpTo(&forecast), &spec, &cells, never).is_err());
}

#[test]
fn orders_wait_for_the_review() {
    let (spec, terms) = (spec(9), terms());
    let cells = cell_terms(&spec, &supply());
    let forecast = believed_forecast(&spec, &terms, &[], -1.0);
    let weekly = Replenishment { review_periods: 3, ..DAILY };
    for ordering in [Ordering::OrderUpTo(&forecast), Ordering::MovingAverage { window: 2, before: &forecast }] {
        let policy = CalendarPolicy::new("p", &[], &ordering, &spec, &cells, weekly).unwrap();
        let mut run = policy.start();
        let mut world = endcap_twin::World::new(&spec, &terms, 3);
        for day in 0..9 {
            let actions = run.act(&world.observe());
            assert_eq!(actions.orders.is_empty(), day % 3 > 0, "day {day}");
            world.step(&actions).unwrap();
        }
    }
}
