//! Boosted trees on what a series sold lately and what is planned for it.
//!
//! Never the source of an effect. Rates are learnt around the level of each series, freed from its promotions,
//! with the Tweedie loss of counts that spread widely (Jorgensen 1987), from many past origins, so that a cell is always
//! seen as it would have been seen then.

mod features;
mod history;
mod joined;

pub(crate) use joined::Joined;

use crate::booster::{Asked, Booster, Loss, Sample, Settings};
use crate::fit::FittedItem;
use crate::opinions::Said;
use crate::prepare::{Evidence, Prepared};
use endcap_model::Span;
use features::{Cells, Codes, Horizon};
use history::{Lens, Series};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Cells to learn from, at most.
const CELLS_MOST: usize = 40_000;
/// Origins that cells are seen from, at most.
const ORIGINS: usize = 60;
/// Cells to learn from, at least: fewer say nothing that the effects do not.
const CELLS_LEAST: usize = 500;
/// Power of the Tweedie loss: counts that spread more than Poisson's.
const POWER: f32 = 1.3;
const SETTINGS: Settings = Settings {
    trees: 200,
    leaves: 24,
    learning_rate: 0.07,
    bins: 63,
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
}

impl Boosted {
    /// Learns from the periods of a span; nothing where there is too little to learn from.
    pub(crate) fn learn(
        prepared: &Prepared,
        items: &[Option<&FittedItem>],
        span: Span,
        (carry, seed): (f64, u64),
    ) -> Option<Self> {
        let horizon = Horizon::of(prepared.frame.calendar());
        let codes = Codes::of(prepared.panel);
        let origins: Vec<i32> = (span.start.0 + horizon.history..span.end.0).collect();
        let each = prepared.panel.len() / span.len().max(1) * horizon.steps.len();
        let wanted = ORIGINS.min(origins.len());
        let chosen: Vec<i32> = (0..wanted).map(|at| origins[at * origins.len() / wanted]).collect();
        let every = (each * wanted).div_ceil(CELLS_MOST).max(1);
        let parts: Vec<Cells> = (0..items.len())
            .into_par_iter()
            .map(|sku| {
                let lens = Lens::of(prepared, items[sku], carry);
                sku_cells(prepared, &lens, (&codes, sku), &horizon, &chosen, (span.end.0, every))
            })
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
        Some(Self { booster, codes, horizon })
    }

    /// Means of the cells from an origin on, as planned and without their promotion, by row of the panel; not a number
    /// where it has nothing to say.
    pub(crate) fn means(
        &self,
        prepared: &Prepared,
        items: &[Option<&FittedItem>],
        carry: f64,
        origin: i32,
    ) -> Vec<Said> {
        let mut means = vec![Said::NOTHING; prepared.panel.len()];
        let asked = self.booster.asked();
        let said: Vec<Vec<(usize, Said)>> = (0..items.len())
            .into_par_iter()
            .map(|sku| {
                let lens = Lens::of(prepared, items[sku], carry);
                let [planned, bare] =
                    [false, true].map(|bare| said(&asked, self.cells_ahead(prepared, &lens, sku, origin, bare)));
                let mut bare = bare.into_iter().peekable();
                let both = |(row, planned)| {
                    let bare = bare.next_if(|(bare, _)| *bare == row).map_or(planned, |(_, mean)| mean);
                    (row, Said { planned, bare })
                };
                planned.into_iter().map(both).collect()
            })
            .collect();
        said.into_iter().flatten().for_each(|(row, said)| means[row] = said);
        means
    }

    /// Cells of one SKU from an origin on; bare, only those that are promoted.
    fn cells_ahead(&self, prepared: &Prepared, lens: &Lens, sku: usize, origin: i32, bare: bool) -> Cells {
        let c = prepared.panel.columns();
        let promoted = |row: usize| prepared.own[row] != 0.0 || c.feature[row] > 0.0 || c.display[row] > 0.0;
        let mut cells = Cells::new();
        for rows in prepared.panel.series_of(sku) {
            let series = Series::of(prepared, rows, origin, lens);
            let Some(past) = series.past(origin, &self.horizon) else { continue };
            for (at, row) in series.rows().filter(|&(at, _)| series.period(at) >= origin) {
                if !bare || promoted(row) {
                    let seen = (&self.horizon, bare);
                    let cell = (&series, at, row, series.sold(at));
                    cells.push(prepared, cell, (&past, origin), seen, (&self.codes, sku));
                }
            }
        }
        cells
    }

    /// How far the trees count so many periods after the origin, of 1: less beyond what was learnt.
    pub(crate) fn trusted(&self, ahead: i32) -> f64 {
        (f64::from(self.horizon.farthest()) / f64::from(ahead.max(1))).min(1.0)
    }
}

/// Rows and means of cells.
fn said(asked: &Asked, cells: Cells) -> Vec<(usize, f64)> {
    if cells.len() == 0 {
        return Vec::new();
    }
    let parts = [cells];
    let scores = asked.predict(&Cells::columns(&parts).table()).unwrap_or_default();
    let [cells] = parts;
    let means = cells.base.iter().zip(scores).map(|(base, score)| f64::from((base + score).exp()));
    cells.rows.into_iter().zip(means).collect()
}

/// Cells of one SKU as seen from origins at the distances that are learnt; of every so many, one.
fn sku_cells(
    prepared: &Prepared,
    lens: &Lens,
    (codes, sku): (&Codes, usize),
    horizon: &Horizon,
    origins: &[i32],
    (end, every): (i32, usize),
) -> Cells {
    let mut cells = Cells::new();
    for (number, rows) in prepared.panel.series_of(sku).enumerate() {
        let series = Series::of(prepared, rows, end, lens);
        let ran_out = series.ran_out(prepared);
        for &origin in origins {
            if !(number + sku + origin.unsigned_abs() as usize).is_multiple_of(every) {
                continue;
            }
            let then = ran_out.then(|| series.clone().known_at(prepared, origin, lens));
            let seen = then.as_ref().unwrap_or(&series);
            let Some(past) = seen.past(origin, horizon) else { continue };
            let known = |&(at, row): &(usize, usize)| {
                let ahead = series.period(at) - origin + 1;
                ahead >= 1
                    && series.period(at) < end
                    && horizon.steps.binary_search(&ahead).is_ok()
                    && prepared.evidence[row] != Evidence::Nothing
            };
            for (at, row) in series.rows().filter(known) {
                // What is learnt is what is known of the cell by now; what it is learnt from is what was known then.
                let seen = (seen, at, row, series.sold(at));
                cells.push(prepared, seen, (&past, origin), (horizon, false), (codes, sku));
            }
        }
    }
    cells
}

#[cfg(test)]
mod point_in_time;
