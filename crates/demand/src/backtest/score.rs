//! Scores of forecasts on sets of cells, and how much of an error could be removed at all.
//!
//! The noise floor takes our means as right and our fitted dispersion as the noise: counting noise and the noise of
//! single cells, without the shocks that places share in a period and without what is not known of level and lift. It
//! depends on that fit: what the fit could not explain in single cells counts as noise. Never a score of sums.
//!
//! Source: pinball loss, Koenker and Bassett (1978); forecast value added, Gilliland (2010); WAPE, bias and RMSE over
//! the mean, Kolassa and Schütz (2007).

use super::{LEVELS, NAMES, Scored};
use serde::{Deserialize, Serialize};

/// Share off the price from which a cell is a deep discount.
const DEEP: f64 = 0.25;
/// End of the names of the sets that hold cells partly out of stock, too.
const ON_SALE: &str = "while on sale";

/// Scores of one forecast on one set of cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Whose forecast.
    pub forecast: String,
    /// Which cells: all, promoted, base, or deep (25 % off and more), in stock; or all and promoted while on sale.
    pub cells: String,
    /// Number of cells.
    pub count: usize,
    /// Sum of absolute errors over sum of units.
    pub wape: f64,
    /// Sum of errors over sum of units: above 0 forecasts too much.
    pub bias: f64,
    /// Mean pinball loss at 5, 50 and 95 % over mean units, for forecasts with quantiles.
    pub pinball: Option<f64>,
    /// Share of cells inside the 90 % interval, for forecasts with quantiles.
    pub coverage90: Option<f64>,
    /// Root of the mean squared error over mean units.
    #[serde(default)]
    pub rmse: Option<f64>,
    /// Mean of absolute error over units, of the cells that sold anything.
    #[serde(default)]
    pub mape_where_sold: Option<f64>,
    /// WAPE that knowing every mean would leave, for our forecast on cells in stock.
    #[serde(default)]
    pub noise_floor: Option<f64>,
    /// WAPE of a reference less that of our forecast: above 0 ours adds value.
    #[serde(default)]
    pub value_added: Option<f64>,
}

/// Sums of the errors of pairs of forecast and units.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Errors {
    pub(super) count: usize,
    pub(super) units: f64,
    absolute: f64,
    signed: f64,
    squared: f64,
    sold: usize,
    relative: f64,
}

impl Errors {
    pub(super) fn of(pairs: impl Iterator<Item = (f64, f64)>) -> Self {
        let mut sums = Self::default();
        for (forecast, units) in pairs {
            let error = forecast - units;
            sums.count += 1;
            sums.units += units;
            sums.absolute += error.abs();
            sums.signed += error;
            sums.squared += error * error;
            if units > 0.0 {
                sums.sold += 1;
                sums.relative += error.abs() / units;
            }
        }
        sums
    }

    pub(super) fn wape(&self) -> f64 {
        self.absolute / self.units.max(1e-12)
    }

    pub(super) fn bias(&self) -> f64 {
        self.signed / self.units.max(1e-12)
    }

    fn rmse(&self) -> f64 {
        (self.squared * self.count as f64).sqrt() / self.units.max(1e-12)
    }

    fn mape_where_sold(&self) -> Option<f64> {
        (self.sold > 0).then(|| self.relative / self.sold as f64)
    }
}

/// Scores of all forecasts on all sets that hold any cell.
pub(super) fn all_scores(cells: &[Scored]) -> Vec<Score> {
    type Subset = (&'static str, fn(&Scored) -> bool);
    let subsets: [Subset; 6] = [
        ("all", Scored::in_stock),
        ("promoted", |cell| cell.in_stock() && cell.promoted),
        ("base", |cell| cell.in_stock() && !cell.promoted),
        ("deep", |cell| cell.in_stock() && cell.depth >= DEEP - 1e-9),
        ("all, while on sale", |_| true),
        ("promoted, while on sale", |cell| cell.promoted),
    ];
    let hidden = cells.iter().any(|cell| !cell.in_stock());
    let mut scores = Vec::new();
    for (name, belongs) in subsets.into_iter().filter(|(name, _)| hidden || !name.ends_with(ON_SALE)) {
        let chosen: Vec<&Scored> = cells.iter().filter(|cell| belongs(cell)).collect();
        if !chosen.is_empty() {
            scores.extend((0..NAMES.len()).map(|forecast| score(&chosen, forecast, name)));
        }
    }
    scores
}

fn score(cells: &[&Scored], forecast: usize, name: &str) -> Score {
    let whole = cells.iter().all(|cell| cell.in_stock());
    let time = |cell: &Scored| if whole { 1.0 } else { cell.on_sale };
    let errors = |of: usize| Errors::of(cells.iter().map(|cell| (cell.points[of] * time(cell), cell.units)));
    let sum = |value: &dyn Fn(&Scored) -> f64| cells.iter().map(|cell| value(cell)).sum::<f64>();
    let own = errors(forecast);
    let ours = forecast == 0;
    Score {
        forecast: NAMES[forecast].to_owned(),
        cells: name.to_owned(),
        count: cells.len(),
        wape: own.wape(),
        bias: own.bias(),
        pinball: (ours && whole).then(|| sum(&mean_pinball) / own.units.max(1e-12)),
        coverage90: (ours && whole).then(|| sum(&|cell| f64::from(u8::from(cell.inside()))) / cells.len() as f64),
        rmse: Some(own.rmse()),
        mape_where_sold: own.mape_where_sold(),
        noise_floor: (ours && whole).then(|| sum(&|cell| cell.deviation) / sum(&|cell| cell.row.mean).max(1e-12)),
        value_added: (!ours).then(|| own.wape() - errors(0).wape()),
    }
}

fn mean_pinball(cell: &Scored) -> f64 {
    let each = LEVELS.iter().zip(&cell.row.quantiles).map(|(level, q)| pinball(*level, *q, cell.units));
    each.sum::<f64>() / LEVELS.len() as f64
}

fn pinball(level: f64, quantile: f64, units: f64) -> f64 {
    if units >= quantile { level * (units - quantile) } else { (1.0 - level) * (quantile - units) }
}
