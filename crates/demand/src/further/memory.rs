//! Remembered prices: repeated discounts lower what full prices sell and what the next discount brings.
//!
//! Shoppers remember the discount `r(t+1) = a r(t) + (1 - a) d(t)`, a share of the price. Two effects are looked for: that
//! of r on sales at any price, and that of r on the elasticity. Each is kept only where it pays over all items and has
//! the sign that wear has; otherwise it would be a second name for the dip or for a trend. The carry a is tried at a few
//! values slower than cupboards empty.
//!
//! Sources: Winer (1986) for remembered prices; Greenleaf (1995) and Kopalle, Rao and Assuncao (1996) for wear-out of
//! promotions; the criterion as in `evidence`.

use super::evidence::{Common, pays, sample};
use crate::columns::{LiftTerms, OWN};
use crate::effects::Effects;
use crate::prepare::Prepared;
use crate::response::{SkuRows, estimate};
use endcap_model::Panel;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Carries that are tried.
const CARRIES: [f64; 3] = [0.8, 0.88, 0.94];
/// First rows of a series whose mean discount is taken as remembered before it.
const BEFORE: usize = 10;
/// Items that are asked at most.
const ITEMS_MAX: usize = 150;
/// Least spread of the remembered discount that can tell anything.
const SPREAD_MIN: f64 = 0.005;

/// What shoppers remember, and what it does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriceMemory {
    /// Share of the remembered discount that is left a period later.
    pub carry: f64,
    /// Mean remembered discount of the history, from which the elasticity's change is counted.
    pub usual: f64,
    /// Whether it moves sales at any price.
    pub moves_sales: bool,
    /// Whether it moves the elasticity.
    pub moves_elasticity: bool,
}

/// Remembered discount after a period with such a discount.
pub(crate) fn remembered_after(remembered: f64, discount: f64, carry: f64) -> f64 {
    carry * remembered + (1.0 - carry) * discount
}

/// Remembered discount before each row of a series, and after the last.
pub(crate) fn remember(
    panel: &Panel,
    own: &[f64],
    series: Range<usize>,
    carry: f64,
    opening: Option<f64>,
    mut seen: impl FnMut(usize, f64),
) -> f64 {
    let period = &panel.columns().period;
    let discount = |row: usize| 1.0 - own[row].exp();
    let first = series.start..series.end.min(series.start + BEFORE);
    let usual = first.clone().map(discount).sum::<f64>() / first.len().max(1) as f64;
    let (mut remembered, mut last) = (opening.unwrap_or(usual), None);
    for row in series {
        if let Some(last) = last {
            let gap: i32 = period[row].0 - last;
            remembered *= carry.powi(gap - 1);
        }
        seen(row, remembered);
        remembered = remembered_after(remembered, discount(row), carry);
        last = Some(period[row].0);
    }
    remembered
}

/// Remembered discount of every row of a panel.
pub(crate) fn remembered(panel: &Panel, own: &[f64], carry: f64) -> Vec<f64> {
    let mut all = vec![0.0; panel.len()];
    for sku in 0..panel.skus().len() {
        for series in panel.series_of(sku) {
            remember(panel, own, series, carry, None, |row, value| all[row] = value);
        }
    }
    all
}

/// Looks for wear; nothing where the history shows none.
pub(crate) fn learn(prepared: &Prepared, effects: &Effects) -> Option<PriceMemory> {
    let asked = sample(prepared.panel.skus().len(), ITEMS_MAX);
    let promoted: usize = asked.iter().map(|&sku| effects.experience[sku].promoted).sum();
    let tried = (2 * CARRIES.len()) as f64;
    let found = CARRIES.into_iter().filter_map(|carry| {
        let values = remembered(prepared.panel, &prepared.own, carry);
        let usual = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let spread = values.iter().map(|value| (value - usual).powi(2)).sum::<f64>() / values.len().max(1) as f64;
        if spread.sqrt() < SPREAD_MIN {
            return None;
        }
        let told: Vec<[(f64, f64); 2]> =
            asked.par_iter().filter_map(|&sku| asked_of(prepared, effects, sku, &values, usual)).collect();
        let common = |at: usize| Common::of(&told.iter().map(|one| one[at]).collect::<Vec<_>>());
        let gain = |at: usize, sign: f64| match common(at) {
            Some(found) if sign * found.mean > 0.0 && pays(found.gain(), 1.0, promoted as f64, tried) => found.gain(),
            _ => 0.0,
        };
        let (sales, elasticity) = (gain(0, -1.0), gain(1, 1.0));
        let memory = PriceMemory { carry, usual, moves_sales: sales > 0.0, moves_elasticity: elasticity > 0.0 };
        (sales + elasticity > 0.0).then_some((sales + elasticity, memory))
    });
    found.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, memory)| memory)
}

/// What one item says of both effects, each with its variance; nothing for items that were never promoted.
fn asked_of(
    prepared: &Prepared,
    effects: &Effects,
    sku: usize,
    remembered: &[f64],
    usual: f64,
) -> Option<[(f64, f64); 2]> {
    let start = effects.estimates[sku].as_ref()?;
    effects.experience[sku].lack(OWN).is_none().then_some(())?;
    let mut rows = SkuRows::of(prepared, sku, effects.signals[sku].used);
    rows.fill_dip(prepared, sku, LiftTerms::of(&effects.means(sku)), effects.carry);
    let first = rows.columns;
    rows.widen(2, |row, line| {
        line[first] = remembered[row];
        line[first + 1] = prepared.answered[row] * (remembered[row] - usual);
    });
    let found = estimate(&rows, &effects.dispersion[sku], Some(start));
    Some([first, first + 1].map(|at| {
        let sampling = found.sampling[at];
        (found.effects[at], sampling.variance * sampling.widening.powi(2))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_model::{Calendar, PanelColumns, Period, PlaceEntry, SkuEntry};

    /// One item in one place, discounted by these shares in the given weeks.
    fn panel(weeks: &[(i32, f64)]) -> (Panel, Vec<f64>) {
        let n = weeks.len();
        let columns = PanelColumns {
            sku: vec![0; n],
            place: vec![0; n],
            period: weeks.iter().map(|(week, _)| Period(*week)).collect(),
            units: vec![1.0; n],
            price: weeks.iter().map(|(_, discount)| 1.0 - discount).collect(),
            base_price: vec![1.0; n],
            feature: vec![0.0; n],
            display: vec![0.0; n],
            stockout_share: vec![0.0; n],
            controls: vec![],
        };
        let sku = SkuEntry { sku: "a".into(), group: "g".into(), tier: String::new() };
        let place = PlaceEntry { place: "x".into(), region: String::new() };
        let own = weeks.iter().map(|(_, discount)| (1.0 - discount).ln()).collect();
        (Panel::new(Calendar::Week, vec![sku], vec![place], columns).unwrap(), own)
    }

    #[test]
    fn a_discount_is_remembered_less_every_week_and_through_gaps() {
        let (panel, own) = panel(&[(0, 0.4), (1, 0.0), (4, 0.0)]);
        let mut seen = Vec::new();
        let left = remember(&panel, &own, 0..3, 0.8, Some(0.0), |_, value| seen.push(value));
        let expected = [0.0, 0.08, 0.08 * 0.8 * 0.8 * 0.8];
        assert!(seen.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{seen:?}");
        assert!((left - 0.8 * expected[2]).abs() < 1e-12);
    }

    #[test]
    fn what_is_remembered_does_not_depend_on_where_a_history_is_cut() {
        let weeks: Vec<(i32, f64)> = (0..30).map(|week| (week, if week % 4 == 0 { 0.3 } else { 0.0 })).collect();
        let (whole, own) = panel(&weeks);
        let all = remembered(&whole, &own, 0.88);
        let (past, past_own) = panel(&weeks[..20]);
        let left = remember(&past, &past_own, 0..20, 0.88, None, |_, _| ());
        let (ahead, ahead_own) = panel(&weeks[20..]);
        let mut later = Vec::new();
        remember(&ahead, &ahead_own, 0..10, 0.88, Some(left), |_, value| later.push(value));
        assert!(all[20..].iter().zip(&later).all(|(a, b)| (a - b).abs() < 1e-12), "{later:?}");
    }
}
