//! `backtest`: what the forecast would have been at past origins, scored beside what a planner could do without it.
//!
//! At every origin the model is fitted again on what came before and nothing else. Past sales can score a forecast;
//! they cannot tell what another plan would have sold. Cells without stock do not show demand, so cells in stock are
//! scored; but stock lasts on days of low demand, so a forecast of demand is rightly above their sales and a forecast
//! learnt from such days alone looks better than it is. Where stock ran out at times, all cells are therefore scored a
//! second time: expected sales for the time on sale, against what was sold in it.
//!
//! Source: rolling origins, Tashman (2000). Scores and their sources: `score`; by lag and by level: `parts`.

mod parts;
mod score;

pub use parts::{LagScore, LevelScore};
pub use score::Score;

use crate::distribution::mean_deviation;
use crate::error::DemandError;
use crate::fit::{FitSettings, Fitted, fit};
use crate::forecast::forecast;
use crate::reconcile::Reconcile;
use crate::reference::{IN_STOCK_MAX, Reference, depth, is_promoted};
use endcap_model::{Calendar, Forecast, ForecastRow, Panel, Period, Span};
use serde::{Deserialize, Serialize};

/// Levels of the quantiles that are scored.
const LEVELS: [f64; 3] = [0.05, 0.5, 0.95];
/// Least share of the time on sale of a scored cell.
const ON_SALE_MIN: f64 = 0.1;
/// Fewest periods before the first origin.
const HISTORY_MIN: usize = 8;

/// How to read the scores.
const NOTE: &str = "Each origin was fitted on what came before it. Scored are cells in stock at least 90 % of the \
    time. Stock lasts on days of low demand, so a forecast of demand is above their sales; `while on sale` scores all \
    cells for the time on sale instead. The noise floor is the WAPE that knowing every mean would leave; a value \
    added above 0 says that our forecast errs less. A backtest scores forecasts; what another plan would have sold, \
    past sales cannot tell.";

/// How far back and how far ahead to test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacktestSettings {
    /// Number of origins; the last one lies one horizon before the end of the panel. Default 3.
    pub origins: usize,
    /// Periods forecast from each origin, and between origins. Default: 14 days, or 4 weeks or numbered periods.
    pub horizon: Option<usize>,
    /// Version of the code, kept with the fits.
    pub code_version: String,
    /// Seed, kept with the fits.
    pub seed: u64,
    /// How forecasts of sums and of their cells are brought together.
    #[serde(default)]
    pub reconcile: Reconcile,
}

impl Default for BacktestSettings {
    fn default() -> Self {
        Self { origins: 3, horizon: None, code_version: String::new(), seed: 0, reconcile: Reconcile::Mint }
    }
}

/// Scores of all forecasts on all sets of cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backtest {
    /// Origins: the first period forecast from each.
    pub origins: Vec<Period>,
    /// Periods forecast from each origin.
    pub horizon: usize,
    /// Cells that were not scored because stock ran out or the series was new.
    pub cells_left_out: usize,
    /// The scores.
    pub scores: Vec<Score>,
    /// Scores of our forecast by how far ahead it looked, on cells in stock.
    #[serde(default)]
    pub lags: Vec<LagScore>,
    /// Scores of sums over cells in stock, period by period.
    #[serde(default)]
    pub levels: Vec<LevelScore>,
    /// How to read them.
    pub note: String,
}

impl Backtest {
    /// A backtest that could not be made, with the reason as its note.
    pub fn without_scores(reason: String) -> Self {
        let (scores, lags, levels) = Default::default();
        Self { origins: vec![], horizon: 0, cells_left_out: 0, scores, lags, levels, note: reason }
    }
}

/// One scored cell.
struct Scored {
    /// Our forecast.
    row: ForecastRow,
    units: f64,
    /// Share of the time on sale.
    on_sale: f64,
    promoted: bool,
    depth: f64,
    /// Periods ahead, from 1.
    lag: usize,
    /// In the order of [`NAMES`].
    points: [f64; NAMES.len()],
    /// Expected distance of the units from a mean that is right.
    deviation: f64,
}

impl Scored {
    fn in_stock(&self) -> bool {
        self.on_sale >= 1.0 - IN_STOCK_MAX
    }

    fn inside(&self) -> bool {
        self.row.quantiles[0] <= self.units && self.units <= self.row.quantiles[LEVELS.len() - 1]
    }
}

/// The forecasts: ours, the mean lift, the last season, ours without promotions.
const NAMES: [&str; 4] = ["endcap", "recent mean x mean lift by depth", "last season", "endcap without promotions"];

/// Forecasts the panel from past origins and scores the forecasts.
///
/// # Errors
/// [`DemandError::TooShort`] when the panel does not reach back far enough for the origins asked for.
pub fn backtest(
    panel: &Panel,
    settings: &BacktestSettings,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Backtest, DemandError> {
    let span = panel.span().ok_or(DemandError::Empty)?;
    let horizon = settings.horizon.unwrap_or(if panel.calendar() == Calendar::Day { 14 } else { 4 });
    let needed = HISTORY_MIN + settings.origins * horizon;
    if span.len() < needed || settings.origins == 0 || horizon == 0 {
        return Err(DemandError::TooShort { periods: span.len(), origins: settings.origins, horizon, needed });
    }
    let origins: Vec<Period> =
        (1..=settings.origins).rev().map(|back| span.end.plus(-((back * horizon) as i32))).collect();
    let (mut cells, mut sums) = (Vec::new(), Vec::new());
    let mut left_out = 0;
    for (at, &origin) in origins.iter().enumerate() {
        let inner = |done: usize, total: usize| progress(at * total + done, origins.len() * total);
        let known = panel.within(Span { start: span.start, end: origin });
        let future = panel.within(Span::of_length(origin, horizon));
        let fitted = refit(&known, settings, &inner)?;
        let ahead = forecast(&fitted, &known, &future, &LEVELS)?;
        let scored = scored_cells(&fitted, &known, &future, &ahead, origin);
        left_out += future.len() - scored.len();
        sums.extend(parts::sums(&fitted, &future, &scored));
        cells.extend(scored);
    }
    Ok(Backtest {
        origins,
        horizon,
        cells_left_out: left_out,
        scores: score::all_scores(&cells),
        lags: parts::lag_scores(&cells, horizon),
        levels: parts::level_scores(&cells, &sums),
        note: NOTE.to_owned(),
    })
}

fn refit(
    known: &Panel,
    settings: &BacktestSettings,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Fitted, DemandError> {
    let BacktestSettings { code_version, seed, reconcile, .. } = settings.clone();
    let settings = FitSettings { code_version, seed, reconcile, ..FitSettings::default() };
    fit(known, &settings, progress)
}

/// Joins the forecasts of one origin with what was sold.
fn scored_cells(fitted: &Fitted, known: &Panel, future: &Panel, ahead: &Forecast, origin: Period) -> Vec<Scored> {
    let reference = Reference::of(known, origin);
    let c = future.columns();
    let mut scored = Vec::new();
    for row in 0..future.len() {
        let sku = &future.skus()[c.sku[row] as usize].sku;
        let place = &future.places()[c.place[row] as usize].place;
        let key = (sku, place, c.period[row]);
        let found = ahead.rows.binary_search_by(|r| (&r.sku, &r.place, r.period).cmp(&key));
        let ours = &ahead.rows[found.expect("Invariant: every cell asked for was forecast")];
        let references = reference.mean_lift(future, row).zip(reference.last_season(future, row));
        let on_sale = 1.0 - c.stockout_share[row];
        if let (true, Some((mean_lift, last))) = (on_sale >= ON_SALE_MIN, references) {
            let dispersion = fitted.item(sku).map_or(fitted.dispersion, |item| item.dispersion);
            scored.push(Scored {
                row: ours.clone(),
                units: c.units[row],
                on_sale,
                promoted: is_promoted(future, row),
                depth: depth(future, row),
                lag: (c.period[row].0 - origin.0 + 1) as usize,
                points: [ours.mean, mean_lift, last, ours.baseline],
                deviation: mean_deviation(ours.mean, dispersion.variance_in_period(ours.mean)),
            });
        }
    }
    scored
}
