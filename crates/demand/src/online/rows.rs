//! Sales of one item after its fit, as the regressors of the fit.
//!
//! Reads a row as `prepare` and `columns` read one of a panel, by positions instead of names; a test holds the two
//! together. The trend goes on past the history here: what the levels of an estimate did not follow is no effect.

use super::sale::Sale;
use super::start::ItemStart;
use crate::columns::{CALENDAR, CROSS, CROSS_REGULAR, DIP, DISPLAY, FEATURE, LiftTerms, OWN, REGULAR};
use crate::fit::Fitted;
use crate::further::remembered_after;
use crate::prepare::{Evidence, Frame, evidence, is_promotion};
use endcap_model::{DepthCurve, Sku};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What the rows of one item are read by.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    /// Position of its group.
    pub(crate) group: usize,
    /// Share of the group's units.
    pub(crate) share: f64,
    /// Mean log of the price without promotion.
    regular: f64,
    curve: Option<DepthCurve>,
    /// Substitutes with a weight of their own in the price index, by position; weight of the others.
    listed: Vec<(usize, f64)>,
    rest: f64,
}

/// A cell with sales after the fit.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// Position of its place in the item's series.
    pub(crate) series: usize,
    pub(crate) period: i32,
    pub(crate) sale: Sale,
    /// Log of price over price without promotion.
    own: f64,
    pub(crate) evidence: Evidence,
    /// Share of a usual period's sales that could be made: time passed, on sale.
    pub(crate) exposure: f64,
    /// Regressors; what earlier periods leave to it is written in by [`Carried`].
    pub(crate) line: Vec<f64>,
}

/// What the periods of a series leave to later ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Carried {
    /// Last period that is over.
    pub(crate) last: i32,
    /// Household stock after it.
    pub(crate) stock: f64,
    /// Remembered discount after it.
    pub(crate) remembered: f64,
}

/// What is left of what is carried, a period later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carries {
    stock: f64,
    remembered: f64,
}

impl Carries {
    pub(crate) fn of(fitted: &Fitted) -> Self {
        let remembered = fitted.frame.further.memory.map_or(0.0, |memory| memory.carry);
        Self { stock: fitted.lift.dip_carry, remembered }
    }
}

impl Carried {
    /// What is left of it at the start of a period.
    pub(crate) fn at(self, period: i32, carries: Carries) -> Self {
        let age = period - self.last - 1;
        Self {
            last: period - 1,
            stock: self.stock * carries.stock.powi(age),
            remembered: self.remembered * carries.remembered.powi(age),
        }
    }

    /// What is left after its next period, with the log lift and the discount of the promotion in it.
    pub(crate) fn after(self, log_lift: f64, discount: f64, carries: Carries) -> Self {
        Self {
            last: self.last + 1,
            stock: carries.stock * self.stock + log_lift,
            remembered: remembered_after(self.remembered, discount, carries.remembered),
        }
    }

    /// Writes it into the regressors of the next period.
    pub(crate) fn write(self, frame: &Frame, line: &mut [f64]) {
        line[DIP] = self.stock;
        let first = frame.first_further();
        frame.further.write_memory(line[OWN], self.remembered, &mut line[first..]);
    }
}

impl Reader {
    pub(crate) fn new(fitted: &Fitted, sku: &Sku, group: usize, positions: &HashMap<Sku, usize>) -> Self {
        let frame = &fitted.frame;
        let partners = frame.partners.get(sku);
        let listed = partners.map_or(&[][..], |partners| &partners.listed);
        Self {
            group,
            share: frame.shares.get(sku).copied().unwrap_or(0.0).max(1e-9),
            regular: frame.regular.get(sku).copied().unwrap_or(0.0),
            curve: frame.curves.get(sku).cloned(),
            listed: listed.iter().filter_map(|(sku, weight)| Some((*positions.get(sku)?, *weight))).collect(),
            rest: partners.map_or(1.0, |partners| partners.rest),
        }
    }
}

impl Cell {
    pub(crate) fn read(sale: Sale, series: usize, start: &ItemStart, reader: &Reader, frame: &Frame) -> Self {
        let base = sale.base_price.unwrap_or(start.series[series].base_price).ln();
        let own = sale.price.ln() - base;
        let mut line = vec![0.0; frame.columns()];
        let answered = reader.curve.as_ref().map_or(own, |curve| own * curve.factor((1.0 - own.exp()).max(0.0)));
        line[OWN] = answered * frame.further.clusters.factor(&sale.sku, &sale.place);
        line[REGULAR] = base - reader.regular;
        line[FEATURE] = sale.feature;
        line[DISPLAY] = sale.display;
        let trend = frame.trend();
        frame.season.write(sale.period, &mut line[CALENDAR..trend]);
        line[trend] = f64::from(sale.period.0 - frame.span.start.0) / frame.span.len().max(1) as f64 - 0.5;
        for at in 0..frame.controls.len() {
            line[trend + 1 + at] = frame.control(at, &sale.sku, sale.controls.get(at).copied().flatten());
        }
        let (evidence, on_sale) = evidence(sale.units, sale.stockout_share);
        let exposure = on_sale * sale.passed;
        Self { series, period: sale.period.0, sale, own, evidence, exposure, line }
    }

    /// Whether the period is over.
    pub(crate) fn is_whole(&self) -> bool {
        self.sale.passed >= 1.0
    }

    pub(crate) fn is_promoted(&self) -> bool {
        is_promotion(self.own)
    }

    /// Share taken off the price; negative where it was raised.
    pub(crate) fn discount(&self) -> f64 {
        1.0 - self.own.exp()
    }

    /// Log of price over price without promotion.
    pub(crate) fn own(&self) -> f64 {
        self.own
    }

    /// Log lift of its own promotion, 0 or more.
    pub(crate) fn log_lift(&self, terms: LiftTerms) -> f64 {
        (terms.own * self.line[OWN] + terms.feature * self.sale.feature + terms.display * self.sale.display).max(0.0)
    }

    /// Writes a regressor that other cells have a part in; returns whether it changed.
    pub(crate) fn set(&mut self, column: usize, value: f64) -> bool {
        std::mem::replace(&mut self.line[column], value) != value
    }

    /// Writes the two price indices of the substitutes; returns whether one changed.
    pub(crate) fn set_cross(&mut self, [own, regular]: [f64; 2]) -> bool {
        self.set(CROSS, own) | self.set(CROSS_REGULAR, regular)
    }
}

/// Prices of the items of one group with sales at one place in one period: position, log price ratio, log of the price
/// without promotion over its mean.
pub(crate) type Prices = Vec<(usize, f64, f64)>;

/// What [`Prices`] says of a cell.
pub(crate) fn price_of(item: usize, cell: &Cell) -> (usize, f64, f64) {
    (item, cell.own, cell.line[REGULAR])
}

/// The two price indices of one item's substitutes.
pub(crate) fn cross_prices(item: usize, readers: &[Reader], prices: &Prices) -> [f64; 2] {
    let (mut weight, mut rest_own, mut sum_regular) = (0.0, 0.0, 0.0);
    for &(other, own, regular) in prices.iter().filter(|(other, ..)| *other != item) {
        let share = readers[other].share;
        weight += share;
        rest_own += share * own;
        sum_regular += share * regular;
    }
    if weight <= 1e-12 {
        return [0.0; 2];
    }
    let (reader, mut price, mut rest) = (&readers[item], 0.0, weight);
    for &(partner, listed) in &reader.listed {
        if let Ok(at) = prices.binary_search_by(|(other, ..)| other.cmp(&partner)) {
            let (_, own, _) = prices[at];
            price += listed * own;
            rest -= readers[partner].share;
            rest_own -= readers[partner].share * own;
        }
    }
    if rest > 1e-12 {
        price += reader.rest * rest_own / rest;
    }
    [price, sum_regular / weight]
}
