//! Watch: do the newest sales still look like those that the model was fitted to? Errors decide, inputs say where to look.
//!
//! Forecasts every period after the model's history as the model would have, at the prices and support that were run, and
//! sets errors beside those of the end of the history that the fit held out ([`drift`](crate::error_drift)). Never fits.

use crate::ahead::{Belongs, SETS, SoldCells, sold_cells};
use crate::card::{Distribution, distribution, input_columns};
use crate::drift::{Drift, ErrorDrift, InputDrift, error_drift, input_drift, period_errors};
use crate::error::DemandError;
use crate::fit::Fitted;
use crate::regime::{Regime, RegimeRules, regime};
use endcap_model::{Panel, Span};
use serde::Serialize;
use std::collections::BTreeSet;

/// What newer sales say of a model.
#[derive(Clone, Debug, Serialize)]
pub struct Watch {
    /// First period that was looked at.
    pub first_period: String,
    /// Last one.
    pub last_period: String,
    /// Judgement.
    pub verdict: Drift,
    /// What to do.
    pub advice: String,
    /// Errors by set of cells: all, promoted, base.
    pub errors: Vec<WatchedErrors>,
    /// What was forecast, in logs.
    pub forecasts: Option<InputDrift>,
    /// Columns that demand was estimated from.
    pub inputs: Vec<InputDrift>,
    /// Items that the model does not know.
    pub new_items: Vec<String>,
    /// Whether sales have left the range of the held-out end; nothing where that is too short to tell.
    #[serde(skip)]
    pub regime: Option<Regime>,
}

/// Errors of one set of cells.
#[derive(Clone, Debug, Serialize)]
pub struct WatchedErrors {
    /// Which cells.
    pub cells: &'static str,
    /// How far they have moved.
    #[serde(flatten)]
    pub found: ErrorDrift,
}

/// The columns of a history that later ones are compared with.
pub fn input_distributions(panel: &Panel) -> Vec<Distribution> {
    input_columns(panel).iter().filter_map(|(name, values)| distribution(name, values)).collect()
}

/// The periods of a panel after a model's history, at most so many; nothing where there are none.
pub fn newest(fitted: &Fitted, panel: &Panel, most: Option<usize>) -> Option<Span> {
    let sold = panel.span()?;
    let first = most.map_or(fitted.lift.span.end, |most| sold.end.plus(-(most as i32)).max(fitted.lift.span.end));
    let newest = Span { start: first, end: sold.end };
    (!newest.is_empty()).then_some(newest)
}

/// Sets the sales of `newest` beside what the model would have forecast of them; `then` tells what its inputs were.
///
/// # Errors
/// [`DemandError`] when the panel cannot be forecast by the model.
pub fn watch(fitted: &Fitted, then: &[Distribution], panel: &Panel, newest: Span) -> Result<Watch, DemandError> {
    let cells = sold_cells(fitted, panel, fitted.lift.span.end, newest)?;
    let now = panel.within(newest);
    let columns = input_columns(&now);
    let inputs = then.iter().filter_map(|then| {
        let (_, values) = columns.iter().find(|(name, _)| *name == then.name)?;
        input_drift(then, values)
    });
    let inputs: Vec<InputDrift> = inputs.collect();
    let held_out = fitted.held_out.as_ref();
    let said: Vec<f64> = cells.values().map(|cell| (cell.mean + 0.5).ln()).collect();
    let forecasts = held_out.and_then(|held_out| input_drift(held_out.forecasts.as_ref()?, &said));
    // One look for every period since the fit, whichever of them are looked at now.
    let look = Span { start: fitted.lift.span.end, end: newest.end }.len();
    let errors = errors(fitted, &cells, look);
    let (verdict, advice) = judge(&errors, &inputs, held_out.is_some());
    let items: BTreeSet<_> = fitted.lift.responses.iter().map(|response| &response.sku).collect();
    // An item is new where it was sold.
    let sold: BTreeSet<u32> = now.columns().sku.iter().copied().collect();
    let strangers = sold.iter().map(|&sku| &now.skus()[sku as usize]).filter(|entry| !items.contains(&entry.sku));
    let name = |period| panel.calendar().format(period);
    Ok(Watch {
        first_period: name(newest.start),
        last_period: name(newest.end.plus(-1)),
        verdict,
        advice,
        errors,
        forecasts,
        inputs,
        new_items: strangers.map(|entry| entry.sku.to_string()).collect(),
        regime: regime_since(fitted, &cells),
    })
}

fn errors(fitted: &Fitted, cells: &SoldCells, look: usize) -> Vec<WatchedErrors> {
    let usual = |name: &str| fitted.held_out.as_ref()?.sets.iter().find(|set| set.cells == name);
    let of = |(name, belongs): (&'static str, Belongs)| {
        let chosen = cells.values().filter(|cell| belongs(cell));
        let now = period_errors(chosen.map(|cell| (cell.period, cell.units, cell.mean, cell.price)));
        let found = error_drift(&now, usual(name).map_or(&[], |set| &set.periods), look)?;
        Some(WatchedErrors { cells: name, found })
    };
    SETS.into_iter().filter_map(of).collect()
}

/// Sales over forecasts since the fit beside those of the held-out end.
fn regime_since(fitted: &Fitted, cells: &SoldCells) -> Option<Regime> {
    let all = fitted.held_out.as_ref()?.sets.iter().find(|set| set.cells == "all")?;
    let known: Vec<f64> = all.periods.iter().map(|period| period.units / period.expected).collect();
    let since = period_errors(cells.values().map(|cell| (cell.period, cell.units, cell.mean, cell.price)));
    let latest: Vec<(f64, f64)> = since.iter().map(|period| (period.units, period.expected)).collect();
    regime(&known, &latest, &RegimeRules::default())
}

/// Errors decide; inputs only say where to look.
fn judge(errors: &[WatchedErrors], inputs: &[InputDrift], has_baseline: bool) -> (Drift, String) {
    let worst = errors.iter().map(|errors| errors.found.drift).max().unwrap_or(Drift::Steady);
    let moved: Vec<&str> =
        inputs.iter().filter(|input| input.drift == Drift::Drifted).map(|input| input.name.as_str()).collect();
    let moved_words = if moved.is_empty() { String::new() } else { format!("; another {}", moved.join(", another ")) };
    match worst {
        Drift::Drifted => (worst, format!("forecasts no longer hold{moved_words}. Run `endcap fit`")),
        _ if !has_baseline => {
            (Drift::Watch, "the history was too short to hold an end out: nothing to compare with".into())
        }
        Drift::Watch => (worst, format!("forecasts are off, maybe by chance{moved_words}. Look again next period")),
        Drift::Steady if moved.is_empty() => (worst, "keep the model".into()),
        Drift::Steady => (Drift::Watch, format!("forecasts hold{moved_words}. Fit again before planning with it")),
    }
}
