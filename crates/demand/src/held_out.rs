//! How forecasts of the held-out end of the history did, for the model card.
//!
//! Cells are forecast from before the tail. Quantiles go through a map learnt on the items of the other half, so that no cell
//! is judged by a map that it taught. The memory of levels and the share of the trees were chosen on the same tail: errors
//! are a little lower than those of new periods, which `endcap backtest` tells.
//!
//! Never a forecast of its own.

use crate::card::{Distribution, distribution};
use crate::distribution::quantiles;
use crate::drift::{PeriodError, period_errors};
use crate::prepare::Prepared;
use crate::recalibrate::Recalibration;
use crate::tail::{HeldOut, shows_all_demand};
use endcap_model::{Period, Span};
use serde::{Deserialize, Serialize};

/// Levels at which calibration is told.
const LEVELS: [f64; 9] = [0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95];
/// Indexes of the ends of the central 50 % and 90 % intervals in [`LEVELS`].
const MIDDLE_HALF: (usize, usize) = (2, 6);
const MOST: (usize, usize) = (0, 8);

/// Scores of one set of cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOutSet {
    /// Which cells: all, promoted or base.
    pub cells: String,
    /// Number of cells.
    pub count: usize,
    /// Sum of absolute errors over sum of units.
    pub wape: f64,
    /// Sum of errors over sum of units: above 0 forecasts too much.
    pub bias: f64,
    /// Share of cells inside the central 50 % interval, ends included.
    pub coverage50: f64,
    /// Share of cells inside the 90 % interval.
    pub coverage90: f64,
    /// Per level: the level, and the share of cells below its quantile, cells on it by half.
    pub calibration: Vec<(f64, f64)>,
    /// Sums of its periods, to compare later ones with.
    #[serde(default)]
    pub periods: Vec<PeriodError>,
}

/// Scores of the held-out tail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOutScore {
    /// The tail.
    pub span: Span,
    /// Scores by set of cells; cells out of stock are not scored.
    pub sets: Vec<HeldOutSet>,
    /// Logs of what was forecast + 0.5, to compare later forecasts with.
    #[serde(default)]
    pub forecasts: Option<Distribution>,
    /// Logs of (units + 0.5) over (forecast + 0.5), to compare later errors with.
    pub errors: Option<Distribution>,
}

/// Name of a set of cells, and which belong to it.
type Subset = (&'static str, fn(&Scored) -> bool);

/// One scored cell.
struct Scored {
    promoted: bool,
    period: Period,
    price: f64,
    mean: f64,
    units: f64,
    quantiles: Vec<f64>,
}

impl HeldOutScore {
    /// Scores the cells of a tail, forecast from several origins in it.
    pub(crate) fn of(span: Span, ahead: &[Prepared], cells: &[Vec<HeldOut>]) -> Self {
        let of_half = |half: usize| -> Vec<Vec<HeldOut>> {
            cells.iter().map(|cells| cells.iter().filter(|held| held.sku % 2 == half).cloned().collect()).collect()
        };
        let one_item = cells.iter().flatten().all(|held| held.sku == 0);
        let maps = [1, 0].map(|other| Recalibration::learn(ahead, &of_half(if one_item { 0 } else { other })));
        let mut scored = Vec::new();
        for (prepared, cells) in ahead.iter().zip(cells) {
            let known = cells.iter().filter(|held| shows_all_demand(prepared, held.cell.row) && held.cell.mean > 0.0);
            scored.extend(known.map(|held| Scored::of(prepared, held, &maps[held.sku % 2])));
        }
        let sets: [Subset; 3] =
            [("all", |_| true), ("promoted", |cell| cell.promoted), ("base", |cell| !cell.promoted)];
        let forecasts: Vec<f64> = scored.iter().map(|cell| (cell.mean + 0.5).ln()).collect();
        let errors: Vec<f64> = scored.iter().map(|cell| ((cell.units + 0.5) / (cell.mean + 0.5)).ln()).collect();
        Self {
            span,
            sets: sets.into_iter().filter_map(|(name, belongs)| set(name, &scored, belongs)).collect(),
            forecasts: distribution("log forecast", &forecasts),
            errors: distribution("log error", &errors),
        }
    }
}

impl Scored {
    fn of(ahead: &Prepared, held: &HeldOut, map: &Recalibration) -> Self {
        let (promoted, cell) = (ahead.is_promoted(held.cell.row), &held.cell);
        let mut at = Vec::with_capacity(LEVELS.len());
        let levels = LEVELS.iter().map(|&level| map.level(promoted, cell.mean, level));
        quantiles(cell.mean, cell.variance, levels, &mut at);
        let c = ahead.panel.columns();
        let (period, price, units) = (c.period[cell.row], c.price[cell.row], c.units[cell.row]);
        Self { promoted, period, price, mean: cell.mean, units, quantiles: at }
    }

    fn inside(&self, (low, high): (usize, usize)) -> bool {
        self.quantiles[low] <= self.units && self.units <= self.quantiles[high]
    }

    fn below(&self, at: usize) -> f64 {
        f64::from(u8::from(self.units < self.quantiles[at])) / 2.0
            + f64::from(u8::from(self.units <= self.quantiles[at])) / 2.0
    }
}

fn set(name: &str, scored: &[Scored], belongs: fn(&Scored) -> bool) -> Option<HeldOutSet> {
    let cells: Vec<&Scored> = scored.iter().filter(|cell| belongs(cell)).collect();
    let count = cells.len();
    let sum = |of: &dyn Fn(&Scored) -> f64| cells.iter().map(|cell| of(cell)).sum::<f64>();
    let share = |of: &dyn Fn(&Scored) -> f64| sum(of) / count as f64;
    let units = sum(&|cell| cell.units).max(1e-12);
    (count > 0).then(|| HeldOutSet {
        cells: name.to_owned(),
        count,
        wape: sum(&|cell| (cell.mean - cell.units).abs()) / units,
        bias: sum(&|cell| cell.mean - cell.units) / units,
        coverage50: share(&|cell| f64::from(u8::from(cell.inside(MIDDLE_HALF)))),
        coverage90: share(&|cell| f64::from(u8::from(cell.inside(MOST)))),
        calibration: (0..LEVELS.len()).map(|at| (LEVELS[at], share(&|cell| cell.below(at)))).collect(),
        periods: period_errors(cells.iter().map(|cell| (cell.period, cell.units, cell.mean, cell.price))),
    })
}
