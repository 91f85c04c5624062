//! Projection: random paths of the stock of each cell, with its orders, arrivals, sales and waste.
//!
//! The order of now is the same on every path. Later orders answer on each path to what was sold there and to what the
//! supplier confirmed, by the rules of the plan: an order's levels stay, its quantity follows the path's stock position,
//! as it will when those days come. Deliveries, those under way too, come as late and as short as their supplier may be.
//! Pieces sell oldest first and are thrown away at the end of their last period. On every path and in every period
//! opening stock + arrivals = sales + waste + closing stock.
//!
//! The rows of a cell do not depend on the other cells or the thread count (`draw`).

use crate::SupplySettings;
use crate::cells::{Cell, period_of};
use crate::draw::{Ranks, counts, generator, offset, shared_generator};
use crate::outlook::Outlook;
use crate::reliability::Reliability;
use endcap_model::{ProjectionRow, Span};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// Sets of ranks that cells take in turn: what chance makes of one evens out over the cells.
const SETS: usize = 32;

/// What is random on the paths of all cells.
pub(crate) struct Paths {
    paths: usize,
    sets: Vec<Set>,
}

struct Set {
    demand: Ranks,
    /// Deliveries under way and orders, by period of arrival: how late, and whether cut.
    late: Ranks,
    cut: Ranks,
}

/// How the deliveries of one cell come on a path.
#[derive(Clone, Copy)]
struct Deliveries<'a> {
    reliability: &'a Reliability,
    set: &'a Set,
    path: usize,
    paths: usize,
    offsets: (f64, f64),
}

impl Paths {
    /// Draws what the settings ask for.
    pub fn new(periods: usize, settings: &SupplySettings) -> Self {
        let (mut random, paths) = (shared_generator(settings.seed), settings.paths);
        let mut set = |_| Set {
            demand: Ranks::new(&mut random, periods, paths, settings.persistence),
            late: Ranks::new(&mut random, 2 * periods, paths, 0.0),
            cut: Ranks::new(&mut random, 2 * periods, paths, 0.0),
        };
        Self { paths, sets: (0..SETS).map(&mut set).collect() }
    }

    /// The ranks of the cell with these random numbers.
    fn set(&self, random: &mut ChaCha8Rng) -> &Set {
        &self.sets[random.random_range(0..SETS)]
    }
}

impl Deliveries<'_> {
    /// What comes of a delivery and how late; `event` is its number among those of the path.
    fn of(&self, pieces: i64, event: usize) -> (usize, i64) {
        if self.reliability.is_perfect() {
            return (0, pieces);
        }
        let level = |ranks: &Ranks, offset: f64| (ranks.of(event, self.path) as f64 + offset) / self.paths as f64;
        let (late, cut) = (level(&self.set.late, self.offsets.0), level(&self.set.cut, self.offsets.1));
        self.reliability.at(pieces, late, cut)
    }
}

/// Stock of one path.
struct Path {
    stock: i64,
    /// Pieces by the last period in which they can be sold; empty where they keep.
    ages: VecDeque<(usize, i64)>,
    arrivals: Vec<i64>,
}

/// What one period did to the stock of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Passed {
    arrivals: i64,
    sales: i64,
    lost: i64,
    waste: i64,
    closing: i64,
}

/// Sums over paths of one period; whole, so that no order of adding changes them.
#[derive(Default)]
struct Tally {
    arrivals: i64,
    sales: i64,
    lost: i64,
    waste: i64,
    short: i64,
    closing: Vec<i64>,
}

/// Projects one cell: one row per period of the horizon.
pub(crate) fn project(outlook: &Outlook, span: Span, settings: &SupplySettings, paths: &Paths) -> Vec<ProjectionRow> {
    let cell = outlook.cell;
    let mut random = generator(settings.seed, &cell.terms.sku, &cell.terms.place);
    let set = paths.set(&mut random);
    let mut demand = vec![0; cell.demand.len() * paths.paths];
    for (&expected, by_rank) in cell.demand.iter().zip(demand.chunks_exact_mut(paths.paths)) {
        counts(expected, offset(&mut random), by_rank);
    }
    let offsets = (offset(&mut random), offset(&mut random));
    let mut tallies: Vec<Tally> = cell.demand.iter().map(|_| Tally::new(paths.paths)).collect();
    let mut stock = Path::new(outlook);
    for path in 0..paths.paths {
        let deliveries = Deliveries { reliability: outlook.reliability, set, path, paths: paths.paths, offsets };
        stock.begin(cell, deliveries);
        for (period, tally) in tallies.iter_mut().enumerate() {
            stock.order(outlook, period, settings, deliveries);
            tally.add(stock.pass(cell, period, demand[period * paths.paths + set.demand.of(period, path)]));
        }
    }
    tallies.into_iter().enumerate().map(|(period, tally)| tally.row(cell, span, period)).collect()
}

impl Path {
    fn new(outlook: &Outlook) -> Self {
        let cell = outlook.cell;
        Self { stock: cell.on_hand, ages: VecDeque::new(), arrivals: cell.arrivals.clone() }
    }

    /// Begins a path with what is on hand and under way.
    fn begin(&mut self, cell: &Cell, deliveries: Deliveries) {
        self.stock = cell.on_hand;
        self.ages.clear();
        if let Some(life) = cell.terms.shelf_life {
            self.ages.extend(cell.opening(life).into_iter().enumerate());
        }
        self.arrivals.fill(0);
        for (period, &pieces) in cell.arrivals.iter().enumerate().filter(|&(_, &pieces)| pieces > 0) {
            let (late, comes) = deliveries.of(pieces, period);
            self.deliver(period + late, comes);
        }
    }

    fn deliver(&mut self, period: usize, pieces: i64) {
        if let Some(arrivals) = self.arrivals.get_mut(period) {
            *arrivals += pieces;
        }
    }

    /// Orders at the end of the period before `period`.
    fn order(&mut self, outlook: &Outlook, period: usize, settings: &SupplySettings, deliveries: Deliveries) {
        let Some(rule) = &outlook.rules[period] else { return };
        let arrives = period + settings.lead_time_periods - 1;
        let quantity = if period == 0 {
            outlook.orders[0]
        } else {
            let life = outlook.cell.terms.shelf_life.unwrap_or(usize::MAX);
            let end = (arrives + settings.review_periods.min(life)).min(self.arrivals.len());
            rule.order((self.stock + self.arrivals[period..end].iter().sum::<i64>()) as f64)
        };
        if quantity > 0 {
            let (late, comes) = deliveries.of(quantity, self.arrivals.len() + arrives);
            self.deliver(arrives + late, comes);
        }
    }

    fn pass(&mut self, cell: &Cell, period: usize, demand: i64) -> Passed {
        let arrivals = self.arrivals[period];
        let there = self.stock + arrivals;
        let sales = demand.min(there);
        let waste = match cell.terms.shelf_life {
            None => 0,
            Some(life) => {
                self.ages.push_back((period + life - 1, arrivals));
                self.sell_oldest_first(sales);
                self.spoil(period)
            }
        };
        self.stock = there - sales - waste;
        Passed { arrivals, sales, lost: demand - sales, waste, closing: self.stock }
    }

    fn sell_oldest_first(&mut self, mut sold: i64) {
        while let Some((_, pieces)) = self.ages.front_mut() {
            if *pieces > sold {
                *pieces -= sold;
                return;
            }
            sold -= *pieces;
            self.ages.pop_front();
        }
    }

    fn spoil(&mut self, period: usize) -> i64 {
        let mut spoiled = 0;
        while self.ages.front().is_some_and(|&(last, _)| last <= period) {
            spoiled += self.ages.pop_front().map_or(0, |(_, pieces)| pieces);
        }
        spoiled
    }
}

impl Tally {
    fn new(paths: usize) -> Self {
        Self { closing: Vec::with_capacity(paths), ..Self::default() }
    }

    fn add(&mut self, passed: Passed) {
        self.arrivals += passed.arrivals;
        self.sales += passed.sales;
        self.lost += passed.lost;
        self.waste += passed.waste;
        self.short += i64::from(passed.lost > 0);
        self.closing.push(passed.closing);
    }

    fn row(mut self, cell: &Cell, span: Span, period: usize) -> ProjectionRow {
        let paths = self.closing.len() as f64;
        let [q05, q50, q95] = quantiles(&mut self.closing);
        ProjectionRow {
            sku: cell.terms.sku.clone(),
            place: cell.terms.place.clone(),
            period: period_of(span, period),
            stock_q05: q05,
            stock_q50: q50,
            stock_q95: q95,
            stockout_probability: self.short as f64 / paths,
            sales: self.sales as f64 / paths,
            lost: self.lost as f64 / paths,
            waste: self.waste as f64 / paths,
            arrivals: self.arrivals as f64 / paths,
        }
    }
}

/// The 5 %, 50 % and 95 % quantiles.
fn quantiles(values: &mut [i64]) -> [f64; 3] {
    let paths = values.len();
    let at = |level: f64| ((level * paths as f64).ceil() as usize).clamp(1, paths) - 1;
    let (low, middle, high) = (at(0.05), at(0.5), at(0.95));
    let (below, &mut median, above) = values.select_nth_unstable(middle);
    let low = if low < middle { *below.select_nth_unstable(low).1 } else { median };
    let high = if high > middle { *above.select_nth_unstable(high - middle - 1).1 } else { median };
    [low, median, high].map(|pieces| pieces as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CellTerms, Demand};
    use proptest::prelude::*;

    fn terms(shelf_life: Option<usize>) -> CellTerms {
        CellTerms {
            sku: "milk".into(),
            place: "north".into(),
            case_pack: 1,
            minimum_order: 0,
            shelf_life,
            supplier: None,
            unit_margin: 1.0,
            unit_cost: 1.0,
            holding_cost: 0.1,
            shortage_cost: 0.0,
            waste_cost: 0.0,
        }
    }

    fn cell<'a>(terms: &'a CellTerms, on_hand: i64, arrivals: &[i64]) -> Cell<'a> {
        let demand = Demand { mean: 5.0, dispersion: 2.0 };
        Cell { terms, demand: vec![demand; arrivals.len()], later: demand, on_hand, arrivals: arrivals.to_vec() }
    }

    fn begun(cell: &Cell, settings: &SupplySettings) -> Path {
        let paths = Paths::new(cell.demand.len(), settings);
        let mut path = Path::new(&Outlook::new(cell, settings));
        path.begin(
            cell,
            Deliveries {
                reliability: &settings.reliability,
                set: &paths.sets[0],
                path: 0,
                paths: 1,
                offsets: (0.5, 0.5),
            },
        );
        path
    }

    #[test]
    fn the_oldest_pieces_sell_first_and_the_rest_spoils_on_its_day() {
        let terms = terms(Some(2));
        let cell = cell(&terms, 10, &[4, 0, 0]);
        let settings = SupplySettings::default();
        let mut path = begun(&cell, &settings);
        // Five of the ten on hand can be sold in period 0 only, five until period 1.
        let passed: Vec<Passed> =
            [3, 6, 9].into_iter().enumerate().map(|(t, demand)| path.pass(&cell, t, demand)).collect();
        assert_eq!(passed[0], Passed { arrivals: 4, sales: 3, lost: 0, waste: 2, closing: 9 });
        assert_eq!(passed[1], Passed { arrivals: 0, sales: 6, lost: 0, waste: 3, closing: 0 });
        assert_eq!(passed[2], Passed { arrivals: 0, sales: 0, lost: 9, waste: 0, closing: 0 });
    }

    proptest! {
        #[test]
        fn opening_and_arrivals_equal_sales_waste_and_closing(
            on_hand in 0i64..80, arrivals in proptest::collection::vec(0i64..20, 1..12),
            demand in proptest::collection::vec(0i64..25, 12), life in proptest::option::of(1usize..6),
        ) {
            let terms = terms(life);
            let cell = cell(&terms, on_hand, &arrivals);
            let settings = SupplySettings::default();
            let mut path = begun(&cell, &settings);
            let mut opening = on_hand;
            for (period, &demand) in demand.iter().enumerate().take(arrivals.len()) {
                let passed = path.pass(&cell, period, demand);
                prop_assert_eq!(opening + passed.arrivals, passed.sales + passed.waste + passed.closing);
                prop_assert_eq!(passed.sales + passed.lost, demand);
                prop_assert!(passed.closing >= 0 && passed.waste >= 0);
                if life.is_some() {
                    prop_assert_eq!(path.ages.iter().map(|(_, pieces)| pieces).sum::<i64>(), passed.closing);
                }
                opening = passed.closing;
            }
        }
    }
}
