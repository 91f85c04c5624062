//! What a model would have forecast for cells that were sold since: the one way in which `watch` and `contest` look.
//!
//! Only cells whose sales say what was wanted count. Never fits.

use crate::error::DemandError;
use crate::fit::Fitted;
use crate::forecast::forecast;
use crate::prepare::PROMOTED_RATIO;
use endcap_model::{Panel, Period, Place, Sku, Span};
use std::collections::BTreeMap;

/// Share of a period out of stock up to which its sales say what was wanted.
const OUT_MAX: f64 = 0.03;

/// A cell that was sold, with what was forecast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SoldCell {
    pub(crate) promoted: bool,
    pub(crate) period: Period,
    pub(crate) units: f64,
    pub(crate) mean: f64,
    pub(crate) price: f64,
}

/// Cells by item, place and period.
pub(crate) type SoldCells<'a> = BTreeMap<(&'a Sku, &'a Place, Period), SoldCell>;

/// Whether a cell belongs to a set.
pub(crate) type Belongs = fn(&SoldCell) -> bool;

/// Names of the sets of cells that errors are told of, with which cells belong to each.
pub(crate) const SETS: [(&str, Belongs); 3] =
    [("all", |_| true), ("promoted", |cell| cell.promoted), ("base", |cell| !cell.promoted)];

/// Cells of `newest` that were sold, with what the model forecasts for them from what was sold before `from`, at the prices
/// and support that were run.
pub(crate) fn sold_cells<'a>(
    fitted: &Fitted,
    panel: &'a Panel,
    from: Period,
    newest: Span,
) -> Result<SoldCells<'a>, DemandError> {
    let start = panel.span().ok_or(DemandError::Empty)?.start;
    let known = panel.within(Span { start, end: from });
    let since = panel.within(Span { start: from, end: newest.end });
    let said = forecast(fitted, &known, &since, &[0.5])?;
    let said: BTreeMap<_, f64> = said.rows.iter().map(|row| ((&row.sku, &row.place, row.period), row.mean)).collect();
    let c = panel.columns();
    let mut cells = SoldCells::new();
    for row in (0..panel.len()).filter(|&row| newest.contains(c.period[row]) && c.stockout_share[row] <= OUT_MAX) {
        let (sku, place) = (&panel.skus()[c.sku[row] as usize].sku, &panel.places()[c.place[row] as usize].place);
        let key = (sku, place, c.period[row]);
        let Some(&mean) = said.get(&key) else { continue };
        let cut = c.price[row] <= PROMOTED_RATIO * c.base_price[row];
        let promoted = cut || c.feature[row] > 0.0 || c.display[row] > 0.0;
        cells.insert(key, SoldCell { promoted, period: key.2, units: c.units[row], mean, price: c.price[row] });
    }
    Ok(cells)
}
