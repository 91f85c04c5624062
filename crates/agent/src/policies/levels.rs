//! Order levels of every cell: from a forecast for each period, or from average sales.
//!
//! Levels do not depend on the stock, so they are worked out once for all runs and worlds.

use super::{PolicyError, Replenishment};
use endcap_model::{Forecast, Period, Place, Sku, Span};
use endcap_supply::{CellTerms, CoverRules, Demand, levels};
use endcap_twin::{Observation, WorldSpec};
use std::collections::BTreeMap;

/// When to order and up to where, in pieces of stock position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Levels {
    reorder_point: f64,
    order_up_to: f64,
}

impl Levels {
    fn of(cover: Demand, life: Option<Demand>, terms: &CellTerms, replenishment: &Replenishment) -> Self {
        let rules = CoverRules {
            review_periods: replenishment.review_periods,
            service_level_min: replenishment.service_level_min,
            life,
            late: None,
            left: None,
        };
        let levels = levels(cover, terms, &rules);
        Self { reorder_point: levels.reorder_point, order_up_to: levels.order_up_to }
    }

    /// Returns the pieces to order at a position: what `endcap_supply::order_quantity` would.
    pub(super) fn order(self, position: i64, terms: &CellTerms) -> i64 {
        // Half a piece short is not worth another case, as in the rule that the levels come from.
        let position = position as f64 + 0.5;
        if self.reorder_point == f64::NEG_INFINITY || position >= self.reorder_point {
            return 0;
        }
        let cases = ((self.order_up_to - position) / terms.case_pack as f64).ceil();
        terms.batch().max(cases as i64 * terms.case_pack)
    }
}

/// Expected demand of every cell over the horizon.
pub(super) struct Expected {
    /// By cell, then period: mean and variance.
    rows: Vec<Vec<(f64, f64)>>,
    /// By cell: mean and variance of a period without offers, for what lies past the horizon.
    usual: Vec<(f64, f64)>,
}

/// Lays a forecast out by cell and period.
pub(super) fn expected(policy: &str, spec: &WorldSpec, forecast: &Forecast) -> Result<Expected, PolicyError> {
    let (cells, span) = (spec.cells().len(), spec.span());
    let mut rows = vec![vec![(f64::NAN, 0.0); span.len()]; cells];
    let mut usual = vec![(0.0, 0.0); cells];
    let mut hint = 0;
    for row in forecast.rows.iter().filter(|row| span.contains(row.period)) {
        let found = spec.cell_of(&row.sku, &row.place, hint).or_else(|| spec.cell_of(&row.sku, &row.place, hint + 1));
        let Some(cell) = found else { continue };
        hint = cell;
        rows[cell][(row.period.0 - span.start.0) as usize] = (row.mean, row.mean * row.dispersion.max(1.0));
        usual[cell].0 += row.baseline / span.len() as f64;
        usual[cell].1 += row.baseline * row.dispersion.max(1.0) / span.len() as f64;
    }
    for (key, cell) in spec.keys().iter().zip(&rows) {
        if let Some(hole) = cell.iter().position(|(mean, _)| mean.is_nan()) {
            return Err(PolicyError::NoForecast {
                policy: policy.to_owned(),
                sku: Sku::clone(&key.sku),
                place: Place::clone(&key.place),
                period: spec.calendar().format(span.start.plus(hole as i32)),
            });
        }
    }
    Ok(Expected { rows, usual })
}

impl Expected {
    /// Demand of a cell over periods of the horizon; past its end, usual ones.
    fn over(&self, cell: usize, periods: std::ops::Range<usize>, persistence: f64) -> Demand {
        let (mut mean, mut variance, mut deviation) = (0.0, 0.0, 0.0);
        for period in periods {
            let (m, v) = self.rows[cell].get(period).copied().unwrap_or(self.usual[cell]);
            mean += m;
            variance += v;
            deviation += v.sqrt();
        }
        demand(mean, variance, deviation, persistence)
    }

    /// Levels of all cells before each period in which orders may be placed.
    pub(super) fn levels(
        &self,
        span: Span,
        terms: &[CellTerms],
        replenishment: &Replenishment,
    ) -> BTreeMap<Period, Vec<Levels>> {
        let reviews = (0..span.len()).step_by(replenishment.review_periods);
        let ahead = replenishment.lead_time_periods - 1;
        let before = |period: usize| {
            let of = |(cell, terms): (usize, &CellTerms)| {
                let over = |periods| self.over(cell, period..period + periods, replenishment.persistence);
                let life = terms.shelf_life.map(|life| over(ahead + life));
                let cover = ahead + replenishment.review_periods.min(terms.shelf_life.unwrap_or(usize::MAX));
                Levels::of(over(cover), life, terms, replenishment)
            };
            (span.start.plus(period as i32), terms.iter().enumerate().map(of).collect())
        };
        reviews.map(before).collect()
    }

    /// What is known of the cells when only their usual demand is.
    pub(super) fn averages(&self, terms: &[CellTerms], replenishment: &Replenishment) -> Averages {
        let dispersion = |&(mean, variance): &(f64, f64)| if mean > 0.0 { variance / mean } else { 1.0 };
        let mut averages = Averages {
            mean: self.usual.iter().map(|usual| usual.0).collect(),
            dispersion: self.usual.iter().map(dispersion).collect(),
            sold: vec![0; self.usual.len()],
            periods: 0,
            levels: Vec::new(),
        };
        averages.set_levels(terms, replenishment);
        averages
    }
}

/// Average sales of every cell, taken anew at the end of every window.
#[derive(Clone, Debug)]
pub(super) struct Averages {
    mean: Vec<f64>,
    dispersion: Vec<f64>,
    sold: Vec<i64>,
    periods: usize,
    levels: Vec<Levels>,
}

impl Averages {
    pub(super) fn levels(&self) -> &[Levels] {
        &self.levels
    }

    /// Takes note of the last period's sales; at the end of a window they become the average. Sales count as they
    /// were, also where the shelf ran empty.
    pub(super) fn note(
        &mut self,
        seen: &Observation,
        window: usize,
        terms: &[CellTerms],
        replenishment: &Replenishment,
    ) {
        if seen.last.is_none() {
            return;
        }
        for (sold, cell) in self.sold.iter_mut().zip(&seen.cells) {
            *sold += cell.sold.0;
        }
        self.periods += 1;
        if self.periods == window {
            for (mean, sold) in self.mean.iter_mut().zip(&mut self.sold) {
                *mean = std::mem::take(sold) as f64 / window as f64;
            }
            self.periods = 0;
            self.set_levels(terms, replenishment);
        }
    }

    fn set_levels(&mut self, terms: &[CellTerms], replenishment: &Replenishment) {
        let ahead = replenishment.lead_time_periods - 1;
        let of = |(cell, terms): (usize, &CellTerms)| {
            let over = |periods: usize| {
                let n = periods as f64;
                let variance = self.mean[cell] * self.dispersion[cell];
                demand(n * self.mean[cell], n * variance, n * variance.sqrt(), replenishment.persistence)
            };
            let life = terms.shelf_life.map(|life| over(ahead + life));
            let cover = ahead + replenishment.review_periods.min(terms.shelf_life.unwrap_or(usize::MAX));
            Levels::of(over(cover), life, terms, replenishment)
        };
        self.levels = terms.iter().enumerate().map(of).collect();
    }
}

/// Demand of several periods whose deviations are correlated.
fn demand(mean: f64, variance: f64, deviation: f64, persistence: f64) -> Demand {
    if mean <= 0.0 {
        return Demand { mean: 0.0, dispersion: 1.0 };
    }
    let variance = (1.0 - persistence) * variance + persistence * deviation * deviation;
    Demand { mean, dispersion: (variance / mean).max(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_model::Pieces;
    use endcap_supply::order_quantity;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn levels_order_what_the_supply_rule_orders(
            mean in 0.0f64..80.0, dispersion in 1.0f64..4.0, position in -5i64..150,
            case_pack in 1i64..20, minimum_order in 0i64..60, margin in -10.0f64..200.0, life in prop::option::of(1.0f64..6.0),
        ) {
            let terms = CellTerms {
                sku: "a".into(), place: "x".into(), case_pack, minimum_order,
                shelf_life: life.map(|life| life as usize), maximum_stock: None, volume: 1.0, supplier: None, feed: None, unit_margin: margin, unit_cost: 120.0,
                holding_cost: 0.3, shortage_cost: 5.0, waste_cost: 10.0,
            };
            let replenishment = Replenishment { lead_time_periods: 1, review_periods: 1, persistence: 0.0, service_level_min: None };
            let cover = Demand { mean, dispersion };
            let life = life.map(|life| Demand { mean: mean * life, dispersion });
            let rules = CoverRules { review_periods: 1, service_level_min: None, life, late: None, left: None };
            let expected = order_quantity(cover, position as f64, &terms, &rules);
            let levels = Levels::of(cover, life, &terms, &replenishment);
            prop_assert_eq!(Pieces(levels.order(position, &terms)), expected);
        }
    }

    #[test]
    fn deviations_that_persist_widen_a_cover() {
        let apart = demand(20.0, 40.0, 4.0 * 10f64.sqrt(), 0.0);
        let together = demand(20.0, 40.0, 4.0 * 10f64.sqrt(), 1.0);
        assert_eq!(apart.dispersion, 2.0);
        assert!(
            (together.dispersion - 8.0).abs() < 1e-9,
            "four equal periods that move as one vary four times as much"
        );
    }
}
