//! Times the weekly world on one core and prints JSON: item-place-periods per CPU second, with observations, an order
//! wherever stock is low, and a tenth of the items on offer.
//!
//! Measures CPU seconds (user and system) of this process, so run it alone in its process and in release:
//!
//!   cargo run --release -p endcap-twin --example twin_timing -- [ITEM_PLACES] [WEEKS] [SEEDS] [PIECES_PER_WEEK]

#[path = "../../supply/examples/timing/cpu.rs"]
mod cpu;

use cpu::cpu_seconds;
use endcap_model::{Calendar, Depth, Mechanic, Offer, OpeningStock, Period, Span, SupplyTerms, Support, TwinTerms};
use endcap_twin::{Actions, CellOrder, CellSpec, Costs, Habits, Logistics, World, WorldSpec, WorldTerms};

const PLACES: usize = 50;

fn main() {
    let arguments: Vec<f64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let argument = |at: usize, usual: f64| arguments.get(at).copied().unwrap_or(usual);
    let (cells, weeks, seeds) = (argument(0, 20_000.0) as usize, argument(1, 52.0) as usize, argument(2, 10.0) as u64);
    let spec = chain(cells, weeks, argument(3, 6.0));
    let terms = terms();
    let before = cpu_seconds();
    let (mut sold, mut profit, mut lost) = (0, 0, 0);
    for seed in 0..seeds {
        let outcome = run(&spec, &terms, seed);
        sold += outcome.sold;
        lost += outcome.lost;
        profit += outcome.profit;
    }
    let seconds = cpu_seconds() - before;
    let cells = spec.cells().len();
    let periods = cells as f64 * weeks as f64 * seeds as f64;
    println!(
        "{{\"item_places\": {cells}, \"periods\": {weeks}, \"seeds\": {seeds}, \"pieces_per_period\": {:.2}, \
         \"item_place_periods\": {periods}, \"cpu_seconds\": {seconds:.3}, \"per_second\": {:.0}, \"sold\": {sold}, \
         \"lost\": {lost}, \"profit\": {profit}}}",
        sold as f64 / periods,
        periods / seconds
    );
}

fn run(spec: &WorldSpec, terms: &TwinTerms, seed: u64) -> endcap_model::Outcome {
    let mut world = World::new(spec, terms, seed);
    let usual: Vec<f64> = spec.cells().iter().map(|cell| cell.mean_demand[0]).collect();
    let mut actions = Actions::default();
    while !world.is_over() {
        let seen = world.observe();
        actions.cell_orders.clear();
        for (cell, (at, mean)) in seen.cells.iter().zip(&usual).enumerate() {
            let position = (at.on_hand.0 + at.on_order.0) as f64;
            if position < 2.5 * mean + 2.0 {
                let pieces = (4.0 * mean - position).ceil().max(1.0) as i64;
                actions.cell_orders.push(CellOrder { cell, pieces, expedite: false });
            }
        }
        actions.offers = offers(spec, seen.period);
        world.step(&actions).expect("Invariant: these actions name what the world sells");
    }
    world.outcome("order up to four weeks")
}

/// Every tenth item, in turn, everywhere.
fn offers(spec: &WorldSpec, period: Period) -> Vec<Offer> {
    let items = spec.cells().len() / PLACES;
    let turn = period.0 as usize % 10;
    (turn..items)
        .step_by(10)
        .map(|item| Offer {
            sku: spec.cells()[item * PLACES].sku.clone(),
            place: "chain".into(),
            span: Span::of_length(period, 1),
            mechanic: Mechanic::Tpr,
            depth: Depth::from_share(0.2).expect("Invariant: a share"),
            support: Support::default(),
        })
        .collect()
}

fn chain(cells: usize, weeks: usize, pieces: f64) -> WorldSpec {
    let supply = SupplyTerms {
        lead_time_periods: 2,
        review_periods: 1,
        opening_stock: OpeningStock { cover_periods: 4.0 },
        case_pack: 1,
        minimum_order: 0,
        shelf_life: None,
        holding_rate: 0.005,
        waste_rate: 0.0,
        shortage_rate: 0.1,
        transfer_cost: None,
        write_down: None,
    };
    let season = |week: usize| 1.0 + 0.2 * (week as f64 * std::f64::consts::TAU / 52.0).sin();
    let cell = |number: usize| {
        let (item, place) = (number / PLACES, number % PLACES);
        // Popularity falls by rank, stores differ by a factor of four: a long tail of slow sellers.
        let mean =
            pieces * 2.2 / (1.0 + 3.0 * (item % 100) as f64 / 100.0) * (0.4 + 1.2 * place as f64 / PLACES as f64);
        CellSpec {
            sku: format!("sku-{item:05}").as_str().into(),
            place: format!("store-{place:03}").as_str().into(),
            region: "chain".into(),
            group: format!("group-{:04}", item / 5).as_str().into(),
            list_price: 399,
            unit_cost: 260,
            mean_demand: (0..52).map(|week| mean * season(week)).collect(),
            on_hand: (mean * supply.opening_stock.cover_periods).round() as i64,
            pipeline: Vec::new(),
            shelf_life: supply.shelf_life,
        }
    };
    let terms = WorldTerms {
        calendar: Calendar::Week,
        span: Span::of_length(Period(2800), weeks),
        lead_time_periods: supply.lead_time_periods,
        costs: Costs { holding_rate: supply.holding_rate, ..Costs::default() },
        habits: Habits::of(Calendar::Week),
        logistics: Logistics::default(),
        shocks: Vec::new(),
    };
    let cells = (0..cells.next_multiple_of(PLACES)).map(cell).collect();
    WorldSpec::new(terms, cells).expect("Invariant: a chain in range")
}

fn terms() -> TwinTerms {
    TwinTerms {
        worlds: 1,
        seed: 0,
        elasticity_mean: -2.4,
        elasticity_sd: 0.5,
        pull_forward_share: 0.15,
        substitution_share: 0.25,
        shock_sd: 0.12,
        late_probability: 0.05,
        cut_probability: 0.02,
        cut_share: 0.5,
    }
}
