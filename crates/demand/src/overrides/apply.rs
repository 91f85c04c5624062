//! Putting overrides in the place of the model's figures, cell by cell.

use endcap_model::{Calendar, Forecast, ForecastRow, Period, Place, Sku, Span};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rise over the baseline from which the model counts a promotion in a cell.
const PROMOTED_RISE: f64 = 1.05;

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
pub struct Override {
    /// Number, 1 the first.
    pub id: u32,
    /// The item.
    pub sku: Sku,
    /// The place; all places when not given.
    #[serde(default)]
    pub place: Option<Place>,
    /// The periods.
    pub span: Span,
    /// Calendar of the periods.
    pub calendar: Calendar,
    /// What they are changed to.
    pub change: Change,
    /// What the planner knows.
    pub reason: String,
    /// Who answers for it.
    pub author: String,
    /// Day on which it was made.
    pub made: Date,
    /// First day on which it is no longer used.
    pub expires: Date,
    /// First period that the model did not know when it was made.
    pub origin: Period,
    /// Whether it is used only once somebody else has approved it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_approval: bool,
}

/// An override that cannot be applied.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "refused", rename_all = "snake_case")]
pub enum OverrideRefusal {
    /// It lacks a reason or an author.
    #[error("override {number} of {sku} has no {what}: overrides are scored, and need both reason and author")]
    Blank {
        /// Number of the override.
        number: u32,
        /// Its item.
        sku: Sku,
        /// What is missing.
        what: String,
    },
    /// A change that is no number of 0 or more.
    #[error("override {number} of {sku} changes the forecast to {value}: expected 0 or more")]
    Value {
        /// Number of the override.
        number: u32,
        /// Its item.
        sku: Sku,
        /// The units or the factor.
        value: f64,
    },
    /// No forecast cell is meant.
    #[error("override {number} of {sku} meets no cell of the forecast: check item, place and periods")]
    NoCell {
        /// Number of the override.
        number: u32,
        /// Its item.
        sku: Sku,
    },
    /// Units for cells in which the model expects nothing, so that they cannot be spread.
    #[error("override {number} of {sku} sets units where the model expects none: there is nothing to spread them by")]
    NothingToSpread {
        /// Number of the override.
        number: u32,
        /// Its item.
        sku: Sku,
    },
    /// Two overrides of one cell.
    #[error("overrides {first} and {second} both change {sku}: split their periods or places, or withdraw one")]
    Overlap {
        /// Number of the earlier override.
        first: u32,
        /// Number of the later one.
        second: u32,
        /// The item.
        sku: Sku,
    },
    /// An item that the model does not list.
    #[error("item {sku} is not in the model: name an item that it lists")]
    NoSuchItem {
        /// The item.
        sku: Sku,
    },
    /// Periods that the model knows already, or none at all.
    #[error("periods {first} to {last} cannot be overridden: forecasts begin with {origin}, and the first comes first")]
    Periods {
        /// First period.
        first: String,
        /// Last period.
        last: String,
        /// First period that the model does not know.
        origin: String,
    },
    /// An end that is not after the beginning.
    #[error("the override would end on {expires}, on or before {made}: give a later day")]
    Dates {
        /// Day of the override.
        made: Date,
        /// Its end.
        expires: Date,
    },
    /// No override of this number.
    #[error("there is no override {id}: see the list of overrides")]
    NoSuchOverride {
        /// The number.
        id: u32,
    },
    /// Its author would approve it.
    #[error("{by} made override {id}: somebody else must approve it")]
    OwnOverride {
        /// The number.
        id: u32,
        /// Who would approve it.
        by: String,
    },
    /// It is approved already.
    #[error("override {id} is approved already, by {by}")]
    Approved {
        /// The number.
        id: u32,
        /// Who approved it.
        by: String,
    },
    /// An override that is over.
    #[error("override {id} is {state}: it is over already")]
    Over {
        /// The number.
        id: u32,
        /// Its state, in words.
        state: String,
    },
}

/// What an override did to a forecast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overridden {
    /// The override.
    pub change: Override,
    /// What it multiplies the model's figures by.
    pub factor: f64,
    /// Cells that it changed.
    pub cells: usize,
    /// Units of the model.
    pub model_units: f64,
    /// Units of the planner.
    pub planner_units: f64,
    /// What the planner should think of again.
    pub warning: Option<String>,
}

/// Returns whether an override changes any cell of a forecast.
pub fn meets(forecast: &Forecast, planned: &Override) -> bool {
    forecast.rows.iter().any(|row| planned.covers(row))
}

/// Applies overrides to a forecast. Means, baselines and quantiles of a cell are changed by the same factor.
///
/// # Errors
/// [`OverrideRefusal`] for the first override that cannot be applied; nothing is applied then.
pub fn override_forecast(
    forecast: &Forecast,
    overrides: &[Override],
) -> Result<(Forecast, Vec<Overridden>), OverrideRefusal> {
    apply(forecast, overrides, &|at, model_units| factor(&overrides[at], model_units))
}

/// Changes another forecast of the same cells as one was changed: by the same factors. What was set for a forecast without
/// offers holds so with them; the offers lift what the planner expects.
///
/// # Errors
/// [`OverrideRefusal`] when the cells are not the same.
pub fn override_alike(
    forecast: &Forecast,
    told: &[Overridden],
) -> Result<(Forecast, Vec<Overridden>), OverrideRefusal> {
    let overrides: Vec<Override> = told.iter().map(|told| told.change.clone()).collect();
    apply(forecast, &overrides, &|at, _| Ok(told[at].factor))
}

fn apply(
    forecast: &Forecast,
    overrides: &[Override],
    factor: &dyn Fn(usize, f64) -> Result<f64, OverrideRefusal>,
) -> Result<(Forecast, Vec<Overridden>), OverrideRefusal> {
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); overrides.len()];
    owners(forecast, overrides)?.into_iter().for_each(|(row, at)| rows[at].push(row));
    let mut changed = forecast.clone();
    let mut told = Vec::with_capacity(overrides.len());
    for (at, (planned, rows)) in overrides.iter().zip(&rows).enumerate() {
        let model_units: f64 = rows.iter().map(|&row| forecast.rows[row].mean).sum();
        let factor = factor(at, model_units)?;
        rows.iter().for_each(|&row| scale(&mut changed.rows[row], factor));
        let warning = warning(planned, factor, rows.iter().map(|&row| &forecast.rows[row]));
        let planner_units = factor * model_units;
        let (change, cells) = (planned.clone(), rows.len());
        told.push(Overridden { change, factor, cells, model_units, planner_units, warning });
    }
    Ok((changed, told))
}

/// Override of each changed row.
pub(super) fn owners(forecast: &Forecast, overrides: &[Override]) -> Result<BTreeMap<usize, usize>, OverrideRefusal> {
    let mut owners: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, planned) in overrides.iter().enumerate() {
        planned.check()?;
        let (number, sku) = (planned.id, planned.sku.clone());
        let mut cells = 0;
        for (row, _) in forecast.rows.iter().enumerate().filter(|(_, row)| planned.covers(row)) {
            if let Some(first) = owners.insert(row, at) {
                return Err(OverrideRefusal::Overlap { first: overrides[first].id, second: number, sku });
            }
            cells += 1;
        }
        if cells == 0 {
            return Err(OverrideRefusal::NoCell { number, sku });
        }
    }
    Ok(owners)
}

fn factor(planned: &Override, model_units: f64) -> Result<f64, OverrideRefusal> {
    match planned.change {
        Change::Factor(factor) => Ok(factor),
        Change::Units(units) if model_units > 0.0 => Ok(units / model_units),
        Change::Units(_) => Err(OverrideRefusal::NothingToSpread { number: planned.id, sku: planned.sku.clone() }),
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

impl Override {
    fn covers(&self, row: &ForecastRow) -> bool {
        row.sku == self.sku
            && self.place.as_ref().is_none_or(|place| row.place == *place)
            && self.span.contains(row.period)
    }

    /// Checks what must hold whatever the forecast is.
    pub(super) fn check(&self) -> Result<(), OverrideRefusal> {
        let (number, sku) = (self.id, || self.sku.clone());
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
            id: 1,
            sku: "a".into(),
            place: None,
            span: Span { start: Period(periods.0), end: Period(periods.1) },
            calendar: Calendar::Index,
            change,
            reason: "a fair next door".into(),
            author: "Ada".into(),
            made: "2024-06-01".parse().unwrap(),
            expires: "2024-07-01".parse().unwrap(),
            origin: Period(0),
            needs_approval: false,
        }
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
        let twice = [planned((0, 1), Change::Factor(2.0)), Override { id: 2, ..planned((0, 2), Change::Factor(2.0)) }];
        assert!(matches!(refused(&twice), OverrideRefusal::Overlap { first: 1, second: 2, .. }));
        assert!(matches!(refused(&[planned((5, 9), Change::Factor(2.0))]), OverrideRefusal::NoCell { .. }));
        assert!(matches!(refused(&[planned((0, 1), Change::Factor(-1.0))]), OverrideRefusal::Value { .. }));
        let blank = Override { reason: " ".into(), ..planned((0, 1), Change::Factor(1.0)) };
        assert!(matches!(refused(&[blank]), OverrideRefusal::Blank { .. }));
    }

    #[test]
    fn offers_lift_what_the_planner_expects() {
        let (_, told) = override_forecast(&forecast(), &[planned((0, 1), Change::Units(80.0))]).unwrap();
        let mut lifted = forecast();
        lifted.rows.iter_mut().for_each(|row| row.mean *= 3.0);
        let (changed, again) = override_alike(&lifted, &told).unwrap();
        assert_eq!((told[0].factor, again[0].planner_units), (2.0, 240.0));
        assert_eq!(changed.rows.iter().map(|row| row.mean).collect::<Vec<_>>(), [60.0, 60.0, 180.0, 120.0]);
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
