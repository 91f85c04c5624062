//! A second opinion on demand: boosted trees on what a series sold lately and what is planned for it.
//!
//! Never the source of an effect. Its forecast and the one of the effects err in different ways, so that their mean is
//! better than either (Bates and Granger 1969; Timmermann 2006). Rates are learnt around the usual sales of each series,
//! with the Tweedie loss of counts that spread widely (Jorgensen 1987), from many past origins, so that a cell is always
//! seen as it would have been seen then.

mod features;
mod history;
mod joined;

pub(crate) use joined::Joined;

use crate::booster::{Booster, Loss, Sample, Settings};
use crate::columns::LiftTerms;
use crate::fit::FittedItem;
use crate::prepare::{Evidence, Prepared};
use endcap_model::Span;
use features::{Cells, Codes, Horizon};
use history::Series;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Cells to learn from, at most.
const CELLS_MOST: usize = 80_000;
/// Origins that cells are seen from, at most.
const ORIGINS: usize = 60;
/// Cells to learn from, at least: fewer say nothing that the effects do not.
const CELLS_LEAST: usize = 500;
/// Power of the Tweedie loss: counts that spread more than Poisson's.
const POWER: f32 = 1.3;
/// Shares of the trees in a forecast that are tried.
const SHARES: [f64; 5] = [0.2, 0.35, 0.5, 0.65, 0.8];
const SETTINGS: Settings = Settings {
    trees: 200,
    leaves: 24,
    learning_rate: 0.07,
    bins: 255,
    rows_min: 40,
    curvature_min: 1e-3,
    ridge: 5.0,
    gain_min: 0.0,
    category_smoothing: 20.0,
    row_share: 0.8,
    column_share: 0.7,
    patience: None,
};

/// Boosted trees with what they need to read a panel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Boosted {
    booster: Booster,
    codes: Codes,
    horizon: Horizon,
    /// Share in the forecast of cells without and with a promotion.
    shares: [f64; 2],
}

/// What the trees say of a cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    /// Mean as planned.
    pub(crate) planned: f64,
    /// Mean without the cell's own promotion.
    pub(crate) bare: f64,
}

impl Said {
    pub(crate) const NOTHING: Self = Self { planned: f64::NAN, bare: f64::NAN };
}

/// Errors on held-out cells by the share that the trees have in the forecast.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tried {
    errors: [[f64; SHARES.len()]; 2],
}

impl Tried {
    /// Adds a cell: what sold, and what effects and trees expected.
    pub(crate) fn add(&mut self, promoted: bool, units: f64, (effects, trees): (f64, f64)) {
        if effects > 0.0 && trees > 0.0 {
            for (error, share) in self.errors[usize::from(promoted)].iter_mut().zip(SHARES) {
                *error += (units - blend(effects, trees, share)).abs();
            }
        }
    }
}

/// Geometric mean of two forecasts, the second with this share.
pub(crate) fn blend(first: f64, second: f64, share: f64) -> f64 {
    (first.ln() * (1.0 - share) + second.ln() * share).exp()
}

impl Boosted {
    /// Learns from the periods of a span; nothing where there is too little to learn from.
    pub(crate) fn learn(prepared: &Prepared, items: &[Option<&FittedItem>], span: Span, seed: u64) -> Option<Self> {
        let horizon = Horizon::of(prepared.frame.calendar());
        let codes = Codes::of(prepared.panel);
        let origins: Vec<i32> = (span.start.0 + horizon.history..span.end.0).collect();
        let each = prepared.panel.len() / span.len().max(1) * horizon.steps.len();
        let wanted = ORIGINS.min(origins.len());
        let chosen: Vec<i32> = (0..wanted).map(|at| origins[at * origins.len() / wanted]).collect();
        let every = (each * wanted).div_ceil(CELLS_MOST).max(1);
        let parts: Vec<Cells> = (0..items.len())
            .into_par_iter()
            .map(|sku| sku_cells(prepared, items[sku], (&codes, sku), &horizon, &chosen, (span.end.0, every)))
            .collect();
        let count: usize = parts.iter().map(Cells::len).sum();
        if count < CELLS_LEAST {
            return None;
        }
        let (target, offset): (Vec<f32>, Vec<f32>) =
            parts.iter().flat_map(|part| part.sold.iter().copied().zip(part.base.iter().copied())).unzip();
        let columns = Cells::columns(&parts);
        let sample = Sample { target: &target, offset: Some(&offset), ..Sample::default() };
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let booster = Booster::fit(&columns.table(), &sample, Loss::Tweedie(POWER), &SETTINGS, &mut random).ok()?;
        Some(Self { booster, codes, horizon, shares: [0.5; 2] })
    }

    /// Means of the cells from an origin on, as planned and without their promotion, by row of the panel; not a number
    /// where it has nothing to say.
    pub(crate) fn means(&self, prepared: &Prepared, items: &[Option<&FittedItem>], origin: i32) -> Vec<Said> {
        let mut means = vec![Said::NOTHING; prepared.panel.len()];
        for bare in [false, true] {
            let said: Vec<Vec<(usize, f64)>> = (0..items.len())
                .into_par_iter()
                .map(|sku| self.said(self.cells_ahead(prepared, items, sku, origin, bare)))
                .collect();
            for (row, mean) in said.into_iter().flatten() {
                means[row] = if bare { Said { bare: mean, ..means[row] } } else { Said { planned: mean, bare: mean } };
            }
        }
        means
    }

    /// Rows and means of cells.
    fn said(&self, cells: Cells) -> Vec<(usize, f64)> {
        if cells.len() == 0 {
            return Vec::new();
        }
        let parts = [cells];
        let scores = self.booster.predict(&Cells::columns(&parts).table()).unwrap_or_default();
        let [cells] = parts;
        let means = cells.base.iter().zip(scores).map(|(base, score)| f64::from((base + score).exp()));
        cells.rows.into_iter().zip(means).collect()
    }

    /// Cells of one SKU from an origin on; bare, only those that are promoted.
    fn cells_ahead(
        &self,
        prepared: &Prepared,
        items: &[Option<&FittedItem>],
        sku: usize,
        origin: i32,
        bare: bool,
    ) -> Cells {
        let c = prepared.panel.columns();
        let terms = items[sku].map_or_else(LiftTerms::default, |item| LiftTerms::of(&item.effects));
        let promoted = |row: usize| prepared.own[row] != 0.0 || c.feature[row] > 0.0 || c.display[row] > 0.0;
        let mut cells = Cells::new();
        for rows in prepared.panel.series_of(sku) {
            let series = Series::of(prepared, rows, origin, |row| prepared.log_lift(row, terms));
            let Some(past) = series.past(origin, &self.horizon) else { continue };
            for (at, row) in series.rows().filter(|&(at, _)| series.period(at) >= origin) {
                if !bare || promoted(row) {
                    let seen = (&self.horizon, bare);
                    cells.push(prepared, (&series, at, row), (&past, origin), seen, (&self.codes, sku));
                }
            }
        }
        cells
    }

    /// Takes the shares that erred least on held-out cells.
    pub(crate) fn with_shares(mut self, tried: &Tried) -> Self {
        self.shares = tried.errors.map(|errors| {
            let best = (0..SHARES.len()).min_by(|&a, &b| errors[a].total_cmp(&errors[b]));
            best.filter(|&best| errors[best] > 0.0).map_or(0.5, |best| SHARES[best])
        });
        self
    }

    /// Share in the forecast of a cell so many periods after the origin: less beyond what was learnt.
    pub(crate) fn share(&self, promoted: bool, ahead: i32) -> f64 {
        let farthest = f64::from(self.horizon.farthest());
        self.shares[usize::from(promoted)] * (farthest / f64::from(ahead.max(1))).min(1.0)
    }
}

/// Cells of one SKU as seen from origins at the distances that are learnt; of every so many, one.
fn sku_cells(
    prepared: &Prepared,
    item: Option<&FittedItem>,
    (codes, sku): (&Codes, usize),
    horizon: &Horizon,
    origins: &[i32],
    (end, every): (i32, usize),
) -> Cells {
    let terms = item.map_or_else(LiftTerms::default, |item| LiftTerms::of(&item.effects));
    let mut cells = Cells::new();
    for (number, rows) in prepared.panel.series_of(sku).enumerate() {
        let series = Series::of(prepared, rows, end, |row| prepared.log_lift(row, terms));
        for &origin in origins {
            if !(number + sku + origin.unsigned_abs() as usize).is_multiple_of(every) {
                continue;
            }
            let Some(past) = series.past(origin, horizon) else { continue };
            let known = |&(at, row): &(usize, usize)| {
                let ahead = series.period(at) - origin + 1;
                ahead >= 1
                    && series.period(at) < end
                    && horizon.steps.binary_search(&ahead).is_ok()
                    && prepared.evidence[row] != Evidence::Nothing
            };
            for (at, row) in series.rows().filter(known) {
                cells.push(prepared, (&series, at, row), (&past, origin), (horizon, false), (codes, sku));
            }
        }
    }
    cells
}
