//! Replays the VN2 inventory challenge on its published history: eight weeks at a time, orders every week, costs of
//! 0.2 per unit held and week and 1 per lost sale, an order arriving two full weeks after it is placed.
//!
//! `cargo run --release -p endcap-supply --example vn2 -- HISTORY.csv STATE.csv GROUPS.csv` with the columns
//! `place_id,unit_id,period,units,in_stock`, `place_id,unit_id,on_hand,week_1,week_2` and `unit_id,group`. Prints, per
//! origin, the cost of the organiser's benchmark (season-adjusted mean of 13 weeks, order up to 4 weeks of it) and of
//! the rules of this crate on its own estimate of demand. A past week whose stock ran out has no known demand: cells
//! with one among the eight are left out of that origin. The opening stock is that of the challenge, scaled to the
//! sales of the 13 weeks before the origin.

use endcap_model::{Calendar, Group, Period, Pieces, Place, Sku, StockState};
use endcap_supply::{CellTerms, EstimateSettings, SalesHistory, SalesRow, SupplySettings, estimate, supply};
use std::collections::BTreeMap;

const WEEKS: i32 = 8;
const HOLDING: f64 = 0.2;
const SHORTAGE: f64 = 1.0;

type Cell = (Sku, Place);
type AnyError = Box<dyn std::error::Error>;

/// One cell while the weeks are replayed.
struct Shelf {
    on_hand: i64,
    arriving: Vec<(Period, i64)>,
    demand: Vec<i64>,
}

struct World {
    shelves: BTreeMap<Cell, Shelf>,
    history: Vec<SalesRow>,
    groups: BTreeMap<Sku, Group>,
}

#[derive(Clone, Copy, Default)]
struct Cost {
    held: f64,
    lost: f64,
}

fn main() -> Result<(), AnyError> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let [history, state, groups] = files.as_slice() else {
        return Err("expected HISTORY.csv STATE.csv GROUPS.csv".into());
    };
    let (history, state, groups) = (read_history(history)?, read(state, 5)?, read(groups, 2)?);
    let end = history.iter().map(|row| row.period).max().ok_or("the history is empty")?.plus(1);
    println!("{:10} {:>6} {:>10} {:>10} {:>8} {:>8}", "origin", "cells", "benchmark", "own", "held", "lost");
    let (mut benchmark_sum, mut own_sum) = (0.0, 0.0);
    for back in (0..10).rev() {
        let origin = end.plus(-WEEKS - 4 * back);
        let benchmark = replay(World::at(origin, end, &history, &state, &groups), origin, benchmark_orders)?;
        let own = replay(World::at(origin, end, &history, &state, &groups), origin, own_orders)?;
        let cells = World::at(origin, end, &history, &state, &groups).shelves.len();
        let (benchmark, total) = (benchmark.held + benchmark.lost, own.held + own.lost);
        println!(
            "{:10} {cells:6} {benchmark:10.1} {total:10.1} {:8.1} {:8.1}",
            Calendar::Week.format(origin),
            own.held,
            own.lost
        );
        benchmark_sum += benchmark;
        own_sum += total;
    }
    println!("sum: benchmark {benchmark_sum:.1}, own {own_sum:.1}, ratio {:.3}", own_sum / benchmark_sum);
    Ok(())
}

fn replay(
    mut world: World,
    origin: Period,
    orders: impl Fn(&World, Period) -> Result<BTreeMap<Cell, i64>, AnyError>,
) -> Result<Cost, AnyError> {
    let mut cost = Cost::default();
    for week in 0..WEEKS {
        let now = origin.plus(week);
        for (cell, quantity) in orders(&world, now)? {
            let shelf = world.shelves.get_mut(&cell).ok_or("an order for an unknown cell")?;
            shelf.arriving.push((now.plus(2), quantity));
        }
        for (cell, shelf) in &mut world.shelves {
            shelf.on_hand += shelf.arriving.iter().filter(|(when, _)| *when == now).map(|(_, n)| n).sum::<i64>();
            shelf.arriving.retain(|(when, _)| *when > now);
            let demand = shelf.demand[week as usize];
            let sold = demand.min(shelf.on_hand);
            shelf.on_hand -= sold;
            // The first two weeks cost the same whatever is ordered.
            if week >= 2 {
                cost.held += HOLDING * shelf.on_hand as f64;
                cost.lost += SHORTAGE * (demand - sold) as f64;
            }
            let (sku, place) = cell.clone();
            world.history.push(SalesRow { sku, place, period: now, units: sold as f64, in_stock: sold == demand });
        }
    }
    Ok(cost)
}

/// Orders of this crate, placed at the end of the week before `now`, on its own estimate.
fn own_orders(world: &World, now: Period) -> Result<BTreeMap<Cell, i64>, AnyError> {
    let cells: Vec<Cell> = world.shelves.keys().cloned().collect();
    let history = SalesHistory { calendar: Calendar::Week, rows: world.history.clone() };
    let settings = EstimateSettings { start: now, horizon: 4, cover_periods: 3, levels: vec![] };
    let estimate = estimate(&history, &cells, &world.groups, &settings)?;
    let known = |cell: &&Cell| !estimate.without_history.contains(cell);
    let terms: Vec<CellTerms> = cells.iter().filter(known).map(terms).collect();
    let states: Vec<StockState> = world.shelves.iter().filter(|(cell, _)| known(cell)).map(state).collect();
    let settings = SupplySettings {
        lead_time_periods: 3,
        persistence: estimate.persistence,
        paths: 1,
        ..SupplySettings::default()
    };
    let plan = supply(&estimate.forecast, &states, &terms, &settings, &|_, _| ())?;
    let now_orders = plan.orders.into_iter().filter(|order| order.order_period == now.plus(-1));
    Ok(now_orders.map(|order| ((order.sku, order.place), order.quantity.0)).collect())
}

fn terms((sku, place): &Cell) -> CellTerms {
    CellTerms {
        sku: sku.clone(),
        place: place.clone(),
        case_pack: 1,
        minimum_order: 0,
        shelf_life: None,
        supplier: None,
        unit_margin: 0.0,
        unit_cost: 0.0,
        holding_cost: HOLDING,
        shortage_cost: SHORTAGE,
        waste_cost: 0.0,
    }
}

fn state(((sku, place), shelf): (&Cell, &Shelf)) -> StockState {
    let pipeline = shelf.arriving.iter().map(|&(when, pieces)| (when, Pieces(pieces))).collect();
    StockState { sku: sku.clone(), place: place.clone(), on_hand: Pieces(shelf.on_hand), pipeline }
}

/// The organiser's benchmark: weekly factors over all items, mean of the last 13 weeks, order up to 4 weeks.
fn benchmark_orders(world: &World, now: Period) -> Result<BTreeMap<Cell, i64>, AnyError> {
    let week = |period: Period| Calendar::Week.start_date(period).map_or(0, |day| day.iso_week_date().week().min(52));
    let (mut by_week, mut all) = (BTreeMap::<i8, (f64, f64)>::new(), (0.0, 0.0));
    for row in world.history.iter().filter(|row| row.in_stock) {
        let sums = by_week.entry(week(row.period)).or_default();
        *sums = (sums.0 + row.units, sums.1 + 1.0);
        all = (all.0 + row.units, all.1 + 1.0);
    }
    let factor = |period: Period| {
        let (units, rows) = by_week.get(&week(period)).copied().unwrap_or(all);
        (units / rows) / (all.0 / all.1)
    };
    let mut recent: BTreeMap<Cell, (f64, f64)> = BTreeMap::new();
    for row in world.history.iter().filter(|row| row.in_stock && row.period >= now.plus(-13)) {
        let sums = recent.entry((row.sku.clone(), row.place.clone())).or_default();
        *sums = (sums.0 + row.units / factor(row.period), sums.1 + 1.0);
    }
    let order = |(cell, shelf): (&Cell, &Shelf)| {
        let (units, weeks) = recent.get(cell).copied().unwrap_or((0.0, 1.0));
        let cover: f64 = (0..4).map(|ahead| units / weeks * factor(now.plus(ahead))).sum();
        let position = shelf.on_hand + shelf.arriving.iter().map(|(_, pieces)| pieces).sum::<i64>();
        (cell.clone(), (cover.round() as i64 - position).max(0))
    };
    Ok(world.shelves.iter().map(order).collect())
}

impl World {
    fn at(origin: Period, end: Period, history: &[SalesRow], state: &[Vec<String>], groups: &[Vec<String>]) -> Self {
        let mut rows: BTreeMap<Cell, Vec<&SalesRow>> = BTreeMap::new();
        for row in history {
            rows.entry((row.sku.clone(), row.place.clone())).or_default().push(row);
        }
        let mut shelves = BTreeMap::new();
        for line in state {
            let cell = (Sku::new(&line[1]), Place::new(&line[0]));
            let sold = &rows[&cell];
            let mean = |now: Period| {
                let met = || sold.iter().filter(|row| row.in_stock && row.period < now && row.period >= now.plus(-13));
                met().map(|row| row.units).sum::<f64>() / met().count().max(1) as f64
            };
            let weeks: Vec<&&SalesRow> =
                sold.iter().filter(|row| row.period >= origin && row.period < origin.plus(WEEKS)).collect();
            if weeks.len() < WEEKS as usize || weeks.iter().any(|row| !row.in_stock) {
                continue;
            }
            let scale = if mean(end) > 0.0 { mean(origin) / mean(end) } else { 1.0 };
            let scaled = |column: usize| (line[column].parse::<f64>().unwrap_or(0.0) * scale).round() as i64;
            let arriving = vec![(origin, scaled(3)), (origin.plus(1), scaled(4))];
            let demand = weeks.iter().map(|row| row.units as i64).collect();
            shelves.insert(cell, Shelf { on_hand: scaled(2), arriving, demand });
        }
        let groups = groups.iter().map(|line| (Sku::new(&line[0]), Group::new(&line[1]))).collect();
        let history = history.iter().filter(|row| row.period < origin).cloned().collect();
        Self { shelves, history, groups }
    }
}

fn read_history(path: &str) -> Result<Vec<SalesRow>, AnyError> {
    let row = |line: Vec<String>| -> Result<SalesRow, AnyError> {
        Ok(SalesRow {
            place: Place::new(&line[0]),
            sku: Sku::new(&line[1]),
            period: Calendar::Week.parse(&line[2])?,
            units: line[3].parse()?,
            in_stock: line[4] == "1",
        })
    };
    read(path, 5)?.into_iter().map(row).collect()
}

fn read(path: &str, columns: usize) -> Result<Vec<Vec<String>>, AnyError> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let rows: Vec<Vec<String>> =
        text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect();
    match rows.iter().position(|row| row.len() != columns) {
        Some(at) => Err(format!("{path}: line {} has not {columns} columns", at + 2).into()),
        None => Ok(rows),
    }
}
