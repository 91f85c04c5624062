//! What empty shelves cost a past promotion: pieces that were wanted while there were none.
//!
//! Wanted is what the fit expects of a cell, moved by the shock of its period: for the part of the time without stock, or given
//! that at least what was sold was wanted where that part is not known. Errors of the effects themselves are left out: the
//! periods' sales have mended most of them. Source: censored demand, Nahmias (1994); here with the counts' own spread.
//!
//! Never a part of the promotion's profit: that counts what was sold.

use crate::distribution::given_at_least;
use crate::events::{ByPeriod, Past, Split};
use crate::fit::{FittedItem, Z95};
use crate::prepare::Evidence;
use serde::Serialize;

/// Pieces and margin that a promotion lost to empty shelves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Stockouts {
    /// Cells (item, place, period) in which stock ran out.
    pub cells: usize,
    /// Cells of the promotion.
    pub of_cells: usize,
    /// Share of the promotion's selling time without stock.
    pub time_share: f64,
    /// Units that were wanted and not there.
    pub lost: Split,
    /// Margin on them at the promotion's prices; nothing where a cost is not known.
    pub margin: Option<Split>,
}

/// Adds up what the cells of a promotion lost; nothing where stock was seen at all times. `margin` is of one unit, by row.
pub(crate) fn stockouts(past: &Past, item: &FittedItem, rows: &[usize], margin: Option<&[f64]>) -> Option<Stockouts> {
    let shares = &past.prepared.panel.columns().stockout_share;
    let unmet: Vec<(usize, f64, f64)> = rows
        .iter()
        .filter(|&&row| shares[row] > 0.0)
        .map(|&row| {
            let (lost, variance) = unmet(past, item, row);
            (row, lost, variance)
        })
        .collect();
    let split = |worth: &dyn Fn(usize) -> f64| {
        let (mut sum, mut variance, mut by_period) = (0.0, 0.0, ByPeriod::default());
        for &(row, lost, spread) in &unmet {
            let worth = worth(row);
            sum += worth * lost;
            variance += worth * worth * spread;
            by_period.add(past.prepared.panel.columns().period[row].0, worth * lost, past.expected.unsure[row]);
        }
        let half = Z95 * f64::sqrt(variance + by_period.variance());
        Split { units: sum, lo95: sum - half, hi95: sum + half }
    };
    let lost = split(&|_| 1.0);
    (!unmet.is_empty()).then(|| Stockouts {
        cells: unmet.len(),
        of_cells: rows.len(),
        time_share: rows.iter().map(|&row| shares[row]).sum::<f64>() / rows.len() as f64,
        lost: Split { lo95: lost.lo95.max(0.0), ..lost },
        margin: margin.map(|margin| split(&|row| margin[row])),
    })
}

/// Units wanted beyond those sold in a row that ran out, with their variance.
fn unmet(past: &Past, item: &FittedItem, row: usize) -> (f64, f64) {
    let (prepared, mean) = (past.prepared, past.expected.mean[row]);
    let units = prepared.panel.columns().units[row];
    let variance = item.dispersion.variance_in_period(mean).max(mean);
    match prepared.evidence[row] {
        Evidence::Counted => {
            let away = 1.0 - prepared.exposure[row];
            (mean * away, variance * away)
        }
        Evidence::Censored => {
            let (wanted, spread) = given_at_least(mean, variance, units);
            (wanted - units, spread)
        }
        Evidence::Nothing => ((mean - units).max(0.0), variance),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Cost, Economics, FitSettings, PlannedUnits, analyse, fit};
    use endcap_model::Panel;
    use std::collections::BTreeMap;

    /// A shelf that is empty for half of a week on offer: half of what the week wants is lost, at 1.60 less 1.00.
    #[test]
    fn half_a_week_without_stock_loses_half_of_its_demand() {
        let full = crate::test_support::weekly("a", 60);
        let mut columns = full.columns().clone();
        columns.stockout_share[53] = 0.5;
        columns.units[53] = (columns.units[53] / 2.0).round();
        let panel = Panel::new(full.calendar(), full.skus().to_vec(), full.places().to_vec(), columns).unwrap();
        let fitted = fit(&panel, &FitSettings::default(), &|_, _| {}).unwrap();
        let economics = BTreeMap::from([("a".into(), Economics { scale: 100.0, cost: Cost::Piece(100.0) })]);
        let analysis = analyse(&fitted, &panel, &economics, &PlannedUnits::new());
        let (out, whole): (Vec<_>, Vec<_>) = analysis.events.iter().partition(|event| event.stockouts.is_some());
        assert!(out.len() == 1 && whole.len() > 5);
        let stockouts = out[0].stockouts.unwrap();
        assert_eq!((stockouts.cells, stockouts.of_cells, stockouts.time_share), (1, 1, 0.5));
        assert!((stockouts.lost.units / 15.6 - 1.0).abs() < 0.1, "half of about 31: {stockouts:?}");
        let margin = stockouts.margin.unwrap();
        assert!((margin.units - 60.0 * stockouts.lost.units).abs() < 1e-6, "{margin:?}");
        assert!(0.0 <= stockouts.lost.lo95 && stockouts.lost.lo95 < stockouts.lost.units);
    }
}
