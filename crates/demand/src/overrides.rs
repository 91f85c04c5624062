//! Planner overrides of forecasts: applied with their reason, scored afterwards.
//!
//! People's changes help when they know something that the model does not; large ones often do, small ones and
//! upward ones often hurt, and what a promotion brings is easily counted twice (Fildes, Goodwin, Lawrence and Nikolopoulos
//! 2009; Trapero, Pedregal, Fildes and Kourentzes 2013). So each override is kept with its author, warned of where the promotion
//! is in the forecast already, and compared with the model once sales are known.
//!
//! Never changes the model or what it learns: the forecast of the model stays, beside the one that was overridden.

use endcap_model::{Forecast, ForecastRow, Panel, Period, Place, Sku, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rise over the baseline from which the model counts a promotion in a cell.
const PROMOTED_RISE: f64 = 1.05;
/// Share of a period out of stock up to which its sales say what was wanted.
const OUT_MAX: f64 = 0.1;

/// What an override changes a forecast to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Units over all its cells together, spread as the model spreads them.
    Units(f64),
    /// Multiple of what the model says.
    Factor(f64),
}

/// A planner's change of a forecast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// The item.
    pub sku: Sku,
    /// The place; all places when not given.
    #[serde(default)]
    pub place: Option<Place>,
    /// The periods.
    pub span: Span,
    /// What they are changed to.
    pub change: Change,
    /// What the planner knows.
    pub reason: String,
    /// Who answers for it.
    pub author: String,
}

/// An override that cannot be applied.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "refused", rename_all = "snake_case")]
pub enum OverrideRefusal {
    /// It lacks a reason or an author.
    #[error("override {number} of {sku} has no {what}: overrides are scored, and need both reason and author")]
    Blank {
        /// Number of the override, 1 the first.
        number: usize,
        /// Its item.
        sku: Sku,
        /// What is missing.
        what: String,
    },
    /// A change that is no number of 0 or more.
    #[error("override {number} of {sku} changes the forecast to {value}: expected 0 or more")]
    Value {
        /// Number of the override.
        number: usize,
        /// Its item.
        sku: Sku,
        /// The units or the factor.
        value: f64,
    },
    /// No forecast cell is meant.
    #[error("override {number} of {sku} meets no cell of the forecast: check item, place and periods")]
    NoCell {
        /// Number of the override.
        number: usize,
        /// Its item.
        sku: Sku,
    },
    /// Units for cells in which the model expects nothing, so that they cannot be spread.
    #[error("override {number} of {sku} sets units where the model expects none: there is nothing to spread them by")]
    NothingToSpread {
        /// Number of the override.
        number: usize,
        /// Its item.
        sku: Sku,
    },
    /// Two overrides of one cell.
    #[error("overrides {first} and {second} both change {sku}: split their periods or places, or drop one")]
    Overlap {
        /// Number of the earlier override.
        first: usize,
        /// Number of the later one.
        second: usize,
        /// The item.
        sku: Sku,
    },
}

/// What an override did to a forecast.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overridden {
    /// The override.
    pub change: Override,
    /// Cells that it changed.
    pub cells: usize,
    /// Units of the model.
    pub model_units: f64,
    /// Units of the planner.
    pub planner_units: f64,
    /// What the planner should think of again.
    pub warning: Option<String>,
}

/// How an override did beside the model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OverrideScore {
    /// The override.
    pub change: Override,
    /// Cells whose sales are known and were in stock.
    pub cells: usize,
    /// Cells that could not be scored: without sales yet, or out of stock.
    pub cells_left_out: usize,
    /// Units sold in the scored cells.
    pub sold: f64,
    /// Sum of the model's absolute errors.
    pub model_error: f64,
    /// Sum of the planner's absolute errors.
    pub planner_error: f64,
    /// Whether the planner was nearer; nothing without scored cells, or when both erred alike.
    pub beat_the_model: Option<bool>,
}

/// Applies overrides to a forecast. Means, baselines and quantiles of a cell are changed by the same factor.
///
/// # Errors
/// [`OverrideRefusal`] for the first override that cannot be applied; nothing is applied then.
pub fn override_forecast(
    forecast: &Forecast,
    overrides: &[Override],
) -> Result<(Forecast, Vec<Overridden>), OverrideRefusal> {
    let owners = owners(forecast, overrides)?;
    let mut changed = forecast.clone();
    let mut told = Vec::with_capacity(overrides.len());
    for (at, planned) in overrides.iter().enumerate() {
        let rows: Vec<usize> = (0..forecast.rows.len()).filter(|row| owners.get(row) == Some(&at)).collect();
        let model_units: f64 = rows.iter().map(|&row| forecast.rows[row].mean).sum();
        let factor = factor(at, planned, model_units)?;
        rows.iter().for_each(|&row| scale(&mut changed.rows[row], factor));
        let warning = warning(planned, factor, rows.iter().map(|&row| &forecast.rows[row]));
        let planner_units = factor * model_units;
        told.push(Overridden { change: planned.clone(), cells: rows.len(), model_units, planner_units, warning });
    }
    Ok((changed, told))
}

/// Scores overrides of a forecast of the model, once sales are known.
///
/// # Errors
/// [`OverrideRefusal`] as [`override_forecast`] has it.
pub fn score_overrides(
    forecast: &Forecast,
    overrides: &[Override],
    sales: &Panel,
) -> Result<Vec<OverrideScore>, OverrideRefusal> {
    let (changed, _) = override_forecast(forecast, overrides)?;
    let owners = owners(forecast, overrides)?;
    let sold = sold(sales);
    let mut scores: Vec<OverrideScore> = overrides.iter().map(OverrideScore::of).collect();
    for (row, at) in owners {
        let (model, planner) = (&forecast.rows[row], &changed.rows[row]);
        scores[at].add(model.mean, planner.mean, sold.get(&(&model.sku, &model.place, model.period)).copied());
    }
    scores.iter_mut().for_each(OverrideScore::judge);
    Ok(scores)
}

/// Override of each changed row.
fn owners(forecast: &Forecast, overrides: &[Override]) -> Result<BTreeMap<usize, usize>, OverrideRefusal> {
    let mut owners: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, planned) in overrides.iter().enumerate() {
        planned.check(at + 1)?;
        let (number, sku) = (at + 1, planned.sku.clone());
        let mut cells = 0;
        for (row, _) in forecast.rows.iter().enumerate().filter(|(_, row)| planned.covers(row)) {
            if let Some(first) = owners.insert(row, at) {
                return Err(OverrideRefusal::Overlap { first: first + 1, second: number, sku });
            }
            cells += 1;
        }
        if cells == 0 {
            return Err(OverrideRefusal::NoCell { number, sku });
        }
    }
    Ok(owners)
}

fn factor(at: usize, planned: &Override, model_units: f64) -> Result<f64, OverrideRefusal> {
    match planned.change {
        Change::Factor(factor) => Ok(factor),
        Change::Units(units) if model_units > 0.0 => Ok(units / model_units),
        Change::Units(_) => Err(OverrideRefusal::NothingToSpread { number: at + 1, sku: planned.sku.clone() }),
    }
}

fn warning<'a>(planned: &Override, factor: f64, rows: impl Iterator<Item = &'a ForecastRow>) -> Option<String> {
    let promoted = rows.filter(|row| row.mean > PROMOTED_RISE * row.baseline).count();
    (factor > 1.0 && promoted > 0).then(|| {
        format!(
            "The promotion of {} is in the forecast already, in {promoted} of these cells: raise it only for what the \
             model cannot know.",
            planned.sku
        )
    })
}

/// Units of every cell that was in stock; nothing for those that were not.
fn sold(sales: &Panel) -> BTreeMap<(&Sku, &Place, Period), Option<f64>> {
    let c = sales.columns();
    let cell = |row: usize| {
        let key = (&sales.skus()[c.sku[row] as usize].sku, &sales.places()[c.place[row] as usize].place, c.period[row]);
        (key, (c.stockout_share[row] <= OUT_MAX).then_some(c.units[row]))
    };
    (0..sales.len()).map(cell).collect()
}

impl Override {
    fn covers(&self, row: &ForecastRow) -> bool {
        row.sku == self.sku
            && self.place.as_ref().is_none_or(|place| row.place == *place)
            && self.span.contains(row.period)
    }

    fn check(&self, number: usize) -> Result<(), OverrideRefusal> {
        let sku = || self.sku.clone();
        for (what, text) in [("reason", &self.reason), ("author", &self.author)] {
            if text.trim().is_empty() {
                return Err(OverrideRefusal::Blank { number, sku: sku(), what: what.to_owned() });
            }
        }
        let (Change::Units(value) | Change::Factor(value)) = self.change;
        if value.is_finite() && value >= 0.0 {
            return Ok(());
        }
        Err(OverrideRefusal::Value { number, sku: sku(), value })
    }
}

impl OverrideScore {
    fn of(change: &Override) -> Self {
        Self {
            change: change.clone(),
            cells: 0,
            cells_left_out: 0,
            sold: 0.0,
            model_error: 0.0,
            planner_error: 0.0,
            beat_the_model: None,
        }
    }

    fn add(&mut self, model: f64, planner: f64, sold: Option<Option<f64>>) {
        let Some(sold) = sold.flatten() else {
            self.cells_left_out += 1;
            return;
        };
        self.cells += 1;
        self.sold += sold;
        self.model_error += (model - sold).abs();
        self.planner_error += (planner - sold).abs();
    }

    fn judge(&mut self) {
        let alike = self.model_error == self.planner_error;
        self.beat_the_model = (!alike).then_some(self.planner_error < self.model_error);
    }
}

/// Multiplies what is expected of a cell; the ratio of variance to mean grows with it, as that of a scaled amount does.
fn scale(row: &mut ForecastRow, factor: f64) {
    row.mean *= factor;
    row.baseline *= factor;
    row.dispersion = (row.dispersion * factor).max(1.0);
    row.quantiles.iter_mut().for_each(|quantile| *quantile *= factor);
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_model::{Calendar, PanelColumns, PlaceEntry, SkuEntry};
    use proptest::prelude::*;

    fn forecast() -> Forecast {
        let row = |place: &str, period: i32, mean: f64| ForecastRow {
            sku: "a".into(),
            place: place.into(),
            period: Period(period),
            mean,
            baseline: if period == 1 { mean / 2.0 } else { mean },
            dispersion: 1.5,
            quantiles: vec![0.5 * mean, mean, 2.0 * mean],
        };
        let rows = vec![row("x", 0, 10.0), row("x", 1, 20.0), row("y", 0, 30.0), row("y", 1, 40.0)];
        Forecast { calendar: Calendar::Index, levels: vec![0.1, 0.5, 0.9], rows }
    }

    fn planned(periods: (i32, i32), change: Change) -> Override {
        Override {
            sku: "a".into(),
            place: None,
            span: Span { start: Period(periods.0), end: Period(periods.1) },
            change,
            reason: "a fair next door".into(),
            author: "Ada".into(),
        }
    }

    fn sales(units: [f64; 4], out: [f64; 4]) -> Panel {
        let columns = PanelColumns {
            sku: vec![0; 4],
            place: vec![0, 0, 1, 1],
            period: [0, 1, 0, 1].map(Period).into(),
            units: units.into(),
            price: vec![1.0; 4],
            base_price: vec![1.0; 4],
            feature: vec![0.0; 4],
            display: vec![0.0; 4],
            stockout_share: out.into(),
            controls: vec![],
        };
        let places = ["x", "y"].map(|place| PlaceEntry { place: place.into(), region: String::new() });
        let sku = SkuEntry { sku: "a".into(), group: "g".into(), tier: String::new() };
        Panel::new(Calendar::Index, vec![sku], places.into(), columns).unwrap()
    }

    #[test]
    fn overrides_are_scored_against_the_model() {
        let both = [planned((0, 1), Change::Factor(2.0)), planned((1, 2), Change::Units(30.0))];
        let scores = score_overrides(&forecast(), &both, &sales([21.0, 19.0, 55.0, 38.0], [0.0; 4])).unwrap();
        assert_eq!((scores[0].model_error, scores[0].planner_error), (36.0, 6.0));
        assert_eq!(scores.iter().map(|score| score.beat_the_model).collect::<Vec<_>>(), [Some(true), Some(false)]);
    }

    #[test]
    fn cells_out_of_stock_or_unknown_are_not_scored() {
        let one = [planned((0, 1), Change::Factor(2.0))];
        let scores = score_overrides(&forecast(), &one, &sales([0.0; 4], [1.0, 0.0, 0.5, 0.0])).unwrap();
        assert_eq!((scores[0].cells, scores[0].cells_left_out, scores[0].beat_the_model), (0, 2, None));
    }

    #[test]
    fn raising_a_promotion_that_is_in_the_forecast_is_warned_of() {
        let told = |change: Override| override_forecast(&forecast(), &[change]).unwrap().1.remove(0).warning;
        assert!(told(planned((1, 2), Change::Factor(1.3))).unwrap().contains("in 2 of these cells"));
        assert_eq!(told(planned((1, 2), Change::Factor(0.7))), None);
        assert_eq!(told(planned((0, 1), Change::Factor(1.3))), None);
    }

    #[test]
    fn what_cannot_be_applied_is_refused() {
        let refused = |all: &[Override]| override_forecast(&forecast(), all).unwrap_err();
        let twice = [planned((0, 1), Change::Factor(2.0)), planned((0, 2), Change::Factor(2.0))];
        assert!(matches!(refused(&twice), OverrideRefusal::Overlap { first: 1, second: 2, .. }));
        assert!(matches!(refused(&[planned((5, 9), Change::Factor(2.0))]), OverrideRefusal::NoCell { .. }));
        assert!(matches!(refused(&[planned((0, 1), Change::Factor(-1.0))]), OverrideRefusal::Value { .. }));
        let blank = Override { reason: " ".into(), ..planned((0, 1), Change::Factor(1.0)) };
        assert!(matches!(refused(&[blank]), OverrideRefusal::Blank { .. }));
    }

    proptest! {
        #[test]
        fn units_are_spread_as_the_model_spreads_them(units in 0.0f64..1e4) {
            let (changed, told) = override_forecast(&forecast(), &[planned((0, 2), Change::Units(units))]).unwrap();
            let total: f64 = changed.rows.iter().map(|row| row.mean).sum();
            prop_assert!((total - units).abs() < 1e-9 * units.max(1.0));
            prop_assert!((told[0].planner_units - units).abs() < 1e-9 * units.max(1.0));
            for (before, after) in forecast().rows.iter().zip(&changed.rows) {
                prop_assert!((after.mean * 100.0 - before.mean * units).abs() < 1e-6 * units.max(1.0));
                prop_assert!(after.quantiles.windows(2).all(|pair| pair[0] <= pair[1]));
            }
        }
    }
}
