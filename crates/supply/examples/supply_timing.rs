//! Times the supply plan of many cells: orders and projection of 100,000 item-places over 13 weeks unless told otherwise.
//!
//! `cargo run --release -p endcap-supply --example supply_timing -- [CELLS] [PERIODS] [PATHS]` prints JSON with the
//! seconds of the clock and of the processor, and a hash of orders and projection that must not change with the thread
//! count (`RAYON_NUM_THREADS`).

#[path = "timing/cpu.rs"]
mod cpu;

use cpu::cpu_seconds;
use endcap_model::{Calendar, Forecast, ForecastRow, Hasher, Period, Pieces, Place, Sku, StockState};
use endcap_supply::{CellTerms, SupplyPlan, SupplySettings, supply};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given: Vec<usize> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let told = |at: usize, otherwise: usize| given.get(at).copied().unwrap_or(otherwise);
    let (cells, periods) = (told(0, 100_000), told(1, 13));
    let settings = SupplySettings { lead_time_periods: 3, persistence: 0.15, seed: 1, ..SupplySettings::default() };
    let settings = SupplySettings { paths: told(2, settings.paths), ..settings };
    let (mut rows, mut states, mut terms) = (Vec::new(), Vec::new(), Vec::new());
    for cell in 0..cells {
        let (sku, place) = (Sku::new(format!("item {:05}", cell / 100)), Place::new(format!("shop {:02}", cell % 100)));
        // Means from 0.3 to 60 pieces a week, as a chain's shelves have them.
        let mean = 0.3 * 200f64.powf((cell * 7919 % 1000) as f64 / 1000.0);
        rows.extend((0..periods).map(|period| ForecastRow {
            sku: sku.clone(),
            place: place.clone(),
            period: Period(period as i32),
            mean: if period == 6 { 2.0 * mean } else { mean },
            baseline: mean,
            dispersion: 2.0,
            quantiles: Vec::new(),
        }));
        let on_hand = Pieces((mean * (1.0 + (cell % 7) as f64 / 2.0)) as i64);
        states.push(StockState { sku: sku.clone(), place: place.clone(), on_hand, pipeline: Vec::new() });
        terms.push(item_terms(sku, place));
    }
    let forecast = Forecast { calendar: Calendar::Week, levels: Vec::new(), rows };
    let (begun, cpu_before) = (Instant::now(), cpu_seconds());
    let plan = supply(&forecast, &states, &terms, &settings, &|_, _| ())?;
    let (wall, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu_before);
    let ordered: i64 = plan.orders.iter().map(|order| order.quantity.0).sum();
    let lost: f64 = plan.projection.rows.iter().map(|row| row.lost).sum();
    println!(
        "{{\"cells\":{cells},\"periods\":{periods},\"paths\":{},\"wall_s\":{wall:.3},\"cpu_s\":{cpu:.3},\"ordered\":{ordered},\"lost\":{lost:.3},\"alerts\":{},\"hash\":\"{}\"}}",
        settings.paths,
        plan.alerts.len(),
        hash(&plan)
    );
    Ok(())
}

/// Hash over every number of the orders and the projection.
fn hash(plan: &SupplyPlan) -> String {
    let mut hasher = Hasher::default();
    for order in &plan.orders {
        hasher.add(order.order_period.0.to_be_bytes()).add(order.quantity.0.to_be_bytes());
    }
    for row in &plan.projection.rows {
        for number in [row.stock_q05, row.stock_q50, row.stock_q95, row.stockout_probability, row.sales, row.lost] {
            hasher.add(number.to_bits().to_be_bytes());
        }
    }
    hasher.finish().as_str().to_owned()
}

fn item_terms(sku: Sku, place: Place) -> CellTerms {
    CellTerms {
        sku,
        place,
        case_pack: 1,
        minimum_order: 0,
        shelf_life: None,
        maximum_stock: None,
        volume: 1.0,
        feed: None,
        supplier: None,
        unit_margin: 1.0,
        unit_cost: 2.0,
        holding_cost: 0.05,
        shortage_cost: 0.0,
        waste_cost: 0.0,
    }
}
