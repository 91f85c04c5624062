//! Forecasting again after a change of plan: only what the change can move.
//!
//! A cell answers to the prices of its own item, to those of its group, and to those of a group that has a halo on its own;
//! to no other item's. So the groups that a change of plan touches, and those that they move, are forecast by themselves, and
//! every other row is the one from before. The result is that of a forecast of everything, to the bit; where that cannot be
//! said beforehand, everything is forecast.

use crate::error::DemandError;
use crate::fit::Fitted;
use crate::forecast::forecast;
use crate::prepare::{Evidence, evidence};
use endcap_model::{Forecast, ForecastRow, Group, Panel, PanelColumns, Sku};
use std::collections::BTreeSet;
use std::ops::Range;

/// Forecasts `future` as [`forecast`] would, at the levels of `known`, which is what it says of `before`: the same cells at
/// other prices and support, after the same history.
///
/// # Errors
/// As [`forecast`].
pub fn forecast_again(
    fitted: &Fitted,
    history: &Panel,
    (before, known): (&Panel, &Forecast),
    future: &Panel,
) -> Result<Forecast, DemandError> {
    let all = || forecast(fitted, history, future, &known.levels);
    let Some(touched) = touched(before, future) else { return all() };
    if touched.is_empty() {
        return Ok(known.clone());
    }
    let links = &fitted.frame.further.halo;
    let mut moved = touched.clone();
    moved.extend(links.iter().filter(|link| touched.contains(&link.from)).map(|link| &link.to));
    let mut needed = moved.clone();
    needed.extend(links.iter().filter(|link| moved.contains(&link.to)).map(|link| &link.from));
    let [past, ahead] = [history, future].map(|panel| panel.of_items(|entry| needed.contains(&entry.group)));
    if !stands_alone(fitted, (history, &past), (future, &ahead)) {
        return all();
    }
    let again = forecast(fitted, &past, &ahead, &known.levels)?;
    let chosen: BTreeSet<&Sku> =
        ahead.skus().iter().filter(|entry| moved.contains(&entry.group)).map(|entry| &entry.sku).collect();
    let mut fresh = again.rows.into_iter().filter(|row| chosen.contains(&row.sku)).peekable();
    let cell = |row: &ForecastRow| (row.sku.clone(), row.place.clone(), row.period);
    let newer = |row: &ForecastRow| fresh.next_if(|fresh| cell(fresh) == cell(row)).unwrap_or_else(|| row.clone());
    let rows = known.rows.iter().map(newer).collect();
    assert!(fresh.next().is_none(), "Invariant: a forecast has the cells of its plan");
    Ok(Forecast { calendar: known.calendar, levels: known.levels.clone(), rows })
}

/// Groups with an item that is planned otherwise; nothing where the cells are not the same.
fn touched<'a>(before: &Panel, future: &'a Panel) -> Option<BTreeSet<&'a Group>> {
    let (b, f) = (before.columns(), future.columns());
    let same_cells = before.skus() == future.skus()
        && before.places() == future.places()
        && (&b.sku, &b.place, &b.period) == (&f.sku, &f.place, &f.period)
        && b.controls.iter().map(|control| &control.name).eq(f.controls.iter().map(|control| &control.name));
    let differs = |sku: &usize| {
        let rows = future.rows_of(*sku);
        values(b).zip(values(f)).any(|(before, future)| before[rows.clone()] != future[rows.clone()])
    };
    same_cells.then(|| (0..future.skus().len()).filter(differs).map(|sku| &future.skus()[sku].group).collect())
}

/// Everything that is planned of a cell.
fn values(c: &PanelColumns) -> impl Iterator<Item = &Vec<f64>> {
    let own = [&c.price, &c.base_price, &c.feature, &c.display, &c.stockout_share];
    own.into_iter().chain(c.controls.iter().map(|control| &control.values))
}

/// Whether some groups are forecast alike with and without the others: nothing is reconciled with sums over all, every item
/// is known, the present is the same, and no level has to be borrowed from another group.
fn stands_alone(fitted: &Fitted, (history, past): (&Panel, &Panel), (future, ahead): (&Panel, &Panel)) -> bool {
    let says = |rows: Range<usize>| {
        let c = past.columns();
        rows.into_iter().any(|row| evidence(c.units[row], c.stockout_share[row]).0 != Evidence::Nothing)
    };
    let telling: BTreeSet<&Group> =
        (0..past.skus().len()).filter(|&sku| says(past.rows_of(sku))).map(|sku| &past.skus()[sku].group).collect();
    fitted.reconciled.is_empty()
        && past.span() == history.span()
        && future.skus().iter().all(|entry| fitted.item(&entry.sku).is_some())
        && ahead.skus().iter().all(|entry| telling.contains(&entry.group))
}
