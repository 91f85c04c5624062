//! Projection: random paths of the stock of each cell, with its orders, arrivals, sales and waste.
//!
//! The order of now is the same on every path. Later orders answer on each path to what was sold there, by the rules
//! of the plan: an order's levels stay, its quantity follows the path's stock position, as it will when those days
//! come. Pieces sell oldest first and are thrown away at the end of their last period. On every path and in every
//! period opening stock + arrivals = sales + waste + closing stock.
//!
//! Each cell draws from its own generator, so that the rows do not depend on the other cells or the thread count.

use crate::SupplySettings;
use crate::cells::{Cell, period_of};
use crate::draw::{CountTable, generator};
use crate::outlook::Outlook;
use endcap_model::{ProjectionRow, Span};
use rand_distr::{Distribution, StandardNormal};
use std::collections::VecDeque;

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
pub(crate) fn project(outlook: &Outlook, span: Span, settings: &SupplySettings) -> Vec<ProjectionRow> {
    let cell = outlook.cell;
    let tables: Vec<CountTable> = cell.demand.iter().map(|&demand| CountTable::new(demand)).collect();
    let mut tallies: Vec<Tally> = cell.demand.iter().map(|_| Tally::default()).collect();
    let mut random = generator(settings.seed, &cell.terms.sku, &cell.terms.place);
    let own = (1.0 - settings.persistence).sqrt();
    for _ in 0..settings.paths {
        let lasting: f64 = StandardNormal.sample(&mut random);
        let lasting = settings.persistence.sqrt() * lasting;
        let mut path = Path::new(outlook);
        for (period, table) in tables.iter().enumerate() {
            let deviate: f64 = StandardNormal.sample(&mut random);
            path.order(outlook, period, settings);
            let passed = path.pass(cell, period, table.at(lasting + own * deviate));
            tallies[period].add(passed);
        }
    }
    tallies.into_iter().enumerate().map(|(period, tally)| tally.row(cell, span, period)).collect()
}

impl Path {
    fn new(outlook: &Outlook) -> Self {
        let cell = outlook.cell;
        let ages = match cell.terms.shelf_life {
            None => VecDeque::new(),
            Some(life) => cell.opening(life).into_iter().enumerate().collect(),
        };
        Self { stock: cell.on_hand, ages, arrivals: cell.arrivals.clone() }
    }

    /// Orders at the end of the period before `period`.
    fn order(&mut self, outlook: &Outlook, period: usize, settings: &SupplySettings) {
        let Some(rule) = &outlook.rules[period] else { return };
        let arrives = period + settings.lead_time_periods - 1;
        let quantity = if period == 0 {
            outlook.orders[0]
        } else {
            let life = outlook.cell.terms.shelf_life.unwrap_or(usize::MAX);
            let end = (arrives + settings.review_periods.min(life)).min(self.arrivals.len());
            rule.order((self.stock + self.arrivals[period..end].iter().sum::<i64>()) as f64)
        };
        self.arrivals[arrives] += quantity;
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
    fn add(&mut self, passed: Passed) {
        self.arrivals += passed.arrivals;
        self.sales += passed.sales;
        self.lost += passed.lost;
        self.waste += passed.waste;
        self.short += i64::from(passed.lost > 0);
        self.closing.push(passed.closing);
    }

    fn row(mut self, cell: &Cell, span: Span, period: usize) -> ProjectionRow {
        self.closing.sort_unstable();
        let paths = self.closing.len() as f64;
        let quantile =
            |level: f64| self.closing[((level * paths).ceil() as usize).clamp(1, self.closing.len()) - 1] as f64;
        ProjectionRow {
            sku: cell.terms.sku.clone(),
            place: cell.terms.place.clone(),
            period: period_of(span, period),
            stock_q05: quantile(0.05),
            stock_q50: quantile(0.5),
            stock_q95: quantile(0.95),
            stockout_probability: self.short as f64 / paths,
            sales: self.sales as f64 / paths,
            lost: self.lost as f64 / paths,
            waste: self.waste as f64 / paths,
            arrivals: self.arrivals as f64 / paths,
        }
    }
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

    #[test]
    fn the_oldest_pieces_sell_first_and_the_rest_spoils_on_its_day() {
        let terms = terms(Some(2));
        let cell = cell(&terms, 10, &[4, 0, 0]);
        let mut path = Path::new(&Outlook::new(&cell));
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
            let mut path = Path::new(&Outlook::new(&cell));
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
