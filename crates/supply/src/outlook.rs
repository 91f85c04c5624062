//! Outlook: how the stock of one cell is expected to run, and what each order has to add to it.
//!
//! An order is decided from the stock expected at the start of the period in which it arrives: what is on hand now,
//! less what will sell until then (lost sales take nothing with them, so a shelf that runs empty does not owe), less
//! what spoils, plus what arrives. Mean and variance of that stock are carried from period to period by the moments
//! of max(x − D, 0), with the variance of x added to that of D. Because the demand of each cover holds the offers of
//! the plan, stock is built before an offer and runs down after it.
//!
//! Never draws at random and never looks at another cell.

use crate::cells::Cell;
use crate::limited::leftover;
use crate::reliability::Reliability;
use crate::rules::{CoverCost, CoverRules, OrderRule};
use crate::{Demand, SupplySettings};
use std::collections::VecDeque;
use std::ops::Range;

/// Sums of expected pieces that are whole but for rounding are whole.
const HALF_ROUNDING: f64 = 1e-6;

/// Expected stock at the end of a period.
#[derive(Clone, Debug, Default)]
struct Shelf {
    mean: f64,
    variance: f64,
    /// Pieces by the last period in which they can be sold, the first to go first; empty where they keep.
    ages: VecDeque<(usize, f64)>,
}

/// The expected run of one cell's stock and the rules of its orders.
#[derive(Clone, Debug)]
pub(crate) struct Outlook<'a> {
    pub cell: &'a Cell<'a>,
    pub reliability: &'a Reliability,
    shelf: Shelf,
    /// Expected pieces that arrive per period: under way and planned.
    arrivals: Vec<f64>,
    /// Rules by the period before whose start an order is placed, in pieces of position.
    pub rules: Vec<Option<OrderRule>>,
    /// Planned pieces, by the same period.
    pub orders: Vec<i64>,
}

/// An order that a cell asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub quantity: i64,
    /// Stock at arrival and during the cover, without the order.
    pub stock: f64,
    pub rule: OrderRule,
    pub cost: CoverCost,
    /// Demand that the order has to cover.
    pub cover: Demand,
    /// Position less stock.
    pub shift: f64,
}

impl<'a> Outlook<'a> {
    /// Starts from what is on hand.
    pub fn new(cell: &'a Cell<'a>, settings: &'a SupplySettings) -> Self {
        let ages = match cell.terms.shelf_life {
            None => VecDeque::new(),
            Some(life) => cell.opening(life).into_iter().map(|pieces| pieces as f64).enumerate().collect(),
        };
        let horizon = cell.demand.len();
        let mut outlook = Self {
            cell,
            reliability: settings.reliability_of(cell.terms),
            shelf: Shelf { mean: cell.on_hand as f64, variance: 0.0, ages },
            arrivals: vec![0.0; horizon],
            rules: vec![None; horizon],
            orders: vec![0; horizon],
        };
        for (period, &pieces) in cell.arrivals.iter().enumerate() {
            outlook.expect(period, pieces as f64);
        }
        outlook
    }

    /// Expects a delivery, as late and as short as its supplier may be.
    fn expect(&mut self, period: usize, pieces: f64) {
        if pieces <= 0.0 {
            return;
        }
        for (late, pieces) in self.reliability.expected(pieces) {
            if let Some(arrivals) = self.arrivals.get_mut(period + late) {
                *arrivals += pieces;
            }
        }
    }

    /// What to order at the end of the period before `period`; nothing where no sale is worth an order.
    pub fn wish(&self, period: usize, settings: &SupplySettings) -> Option<Wish> {
        let arrives = period + self.cell.lead_time - 1;
        let mut shelf = Shelf { variance: 0.0, ..self.shelf.clone() };
        for before in period..arrives {
            self.pass(&mut shelf, before, settings.persistence);
        }
        let life = self.cell.terms.shelf_life;
        let cover = arrives..arrives + settings.review_periods.min(life.unwrap_or(usize::MAX));
        let stock = shelf.mean + self.arriving(cover.clone());
        let demand = self.cell.demand_over(cover.clone(), settings.persistence);
        let uncertain = noisier(demand, shelf.variance, settings.persistence);
        let next = self.cell.demand_over(cover.end..cover.end + 1, settings.persistence);
        let rules = CoverRules {
            review_periods: settings.review_periods,
            service_level_min: settings.service_level_min,
            life: life.map(|life| self.cell.demand_over(arrives..arrives + life, settings.persistence)),
            late: self.reliability.late(uncertain, next),
            left: self.left(cover.end, settings),
        };
        let cost = CoverCost::new(uncertain, self.cell.terms, &rules)?;
        let rule = OrderRule {
            delivered: self.reliability.mean_share(),
            ..OrderRule::new(uncertain, self.cell.terms, &rules)
        };
        let position = self.shelf.mean + self.arriving(period..cover.end);
        Some(Wish { quantity: rule.order(stock), stock, rule, cost, cover: uncertain, shift: position - stock })
    }

    /// What may be left without loss where an offer ends with the period before `end`, and the loss of a piece above.
    fn left(&self, end: usize, settings: &SupplySettings) -> Option<(f64, f64)> {
        let terms = settings.write_down?;
        let lifted = |period: usize| self.cell.lifted.get(period).copied().unwrap_or(false);
        let ends = lifted(end.checked_sub(1)?) && !lifted(end);
        ends.then_some(terms.above(self.cell.later.mean, self.cell.terms.unit_cost))
    }

    /// Takes the order as granted: all that was wished, less, or more where a truck had room.
    pub fn grant(&mut self, period: usize, wish: Wish, quantity: i64) {
        let most = (quantity < wish.quantity).then_some(quantity);
        let more = (quantity - wish.quantity).max(0) as f64;
        self.rules[period] = Some(OrderRule { most, ..wish.rule.shifted(wish.shift + more) });
        self.order(period, quantity);
    }

    /// Orders pieces at the end of the period before `period`.
    pub fn order(&mut self, period: usize, quantity: i64) {
        self.orders[period] = quantity;
        self.expect(period + self.cell.lead_time - 1, quantity as f64);
    }

    /// Whole pieces that are expected to be there at the end of the period before the next.
    pub fn there(&self) -> i64 {
        (self.shelf.mean + HALF_ROUNDING).floor() as i64
    }

    /// Ships pieces to other places.
    pub fn ship(&mut self, pieces: i64) {
        self.shelf.mean = (self.shelf.mean - pieces as f64).max(0.0);
        sell_oldest_first(&mut self.shelf.ages, pieces as f64);
    }

    /// Lets a period pass. Later orders answer to what was sold, so that only the demand since the last order that
    /// arrived keeps the stock uncertain.
    pub fn advance(&mut self, period: usize, settings: &SupplySettings) {
        let mut shelf = std::mem::take(&mut self.shelf);
        self.pass(&mut shelf, period, settings.persistence);
        let since = self.cell.lead_time + settings.review_periods - 1;
        let open = (period + 1).saturating_sub(since)..period + 1;
        shelf.variance = shelf.variance.min(self.cell.demand_over(open, settings.persistence).deviation().powi(2));
        self.shelf = shelf;
    }

    fn arriving(&self, periods: Range<usize>) -> f64 {
        self.arrivals[periods.start.min(self.arrivals.len())..periods.end.min(self.arrivals.len())].iter().sum()
    }

    fn pass(&self, shelf: &mut Shelf, period: usize, persistence: f64) {
        let there = shelf.mean + self.arrivals[period];
        let demand = noisier(self.cell.demand[period], shelf.variance, persistence);
        (shelf.mean, shelf.variance) = leftover(demand, there);
        if let Some(life) = self.cell.terms.shelf_life {
            shelf.ages.push_back((period + life - 1, self.arrivals[period]));
            sell_oldest_first(&mut shelf.ages, there - shelf.mean);
            shelf.mean = (shelf.mean - spoil(&mut shelf.ages, period)).max(0.0);
        }
    }
}

/// Adds the uncertainty of the stock to that of the demand that it meets.
fn noisier(demand: Demand, variance: f64, persistence: f64) -> Demand {
    if demand.mean <= 0.0 {
        return demand;
    }
    let shared = 2.0 * persistence * variance.sqrt() * demand.deviation();
    Demand { dispersion: demand.dispersion + (variance + shared) / demand.mean, ..demand }
}

fn sell_oldest_first(ages: &mut VecDeque<(usize, f64)>, mut sold: f64) {
    while let Some((_, pieces)) = ages.front_mut() {
        if *pieces > sold {
            *pieces -= sold;
            return;
        }
        sold -= *pieces;
        ages.pop_front();
    }
}

fn spoil(ages: &mut VecDeque<(usize, f64)>, period: usize) -> f64 {
    let mut spoiled = 0.0;
    while ages.front().is_some_and(|&(last, _)| last <= period) {
        spoiled += ages.pop_front().map_or(0.0, |(_, pieces)| pieces);
    }
    spoiled
}
