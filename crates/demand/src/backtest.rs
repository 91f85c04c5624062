//! `backtest`: what the forecast would have been at past origins, scored beside what a planner could do without it.
//!
//! At every origin the model is fitted again on what came before and nothing else. Past sales can score a forecast;
//! they cannot tell what another plan would have sold. Cells without stock do not show demand, so cells in stock are
//! scored; but stock lasts on days of low demand, so a forecast of demand is rightly above their sales and a forecast
//! learnt from such days alone looks better than it is. Where stock ran out at times, all cells are therefore scored a
//! second time: expected sales for the time on sale, against what was sold in it.
//!
//! Source: rolling origins, Tashman (2000); pinball loss, Koenker and Bassett (1978); forecast value added, Gilliland
//! (2010).

use crate::error::DemandError;
use crate::fit::{FitSettings, Fitted, fit};
use crate::forecast::forecast;
use crate::reference::{IN_STOCK_MAX, Reference, depth, is_promoted};
use endcap_model::{Calendar, Forecast, Panel, Period, Span};
use serde::{Deserialize, Serialize};

/// Levels of the quantiles that are scored.
const LEVELS: [f64; 3] = [0.05, 0.5, 0.95];
/// Share off the price from which a cell is a deep discount.
const DEEP: f64 = 0.25;
/// End of the names of the sets that hold cells partly out of stock, too.
const ON_SALE: &str = "while on sale";
/// Least share of the time on sale of a scored cell.
const ON_SALE_MIN: f64 = 0.1;
/// Fewest periods before the first origin.
const HISTORY_MIN: usize = 8;

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
}

impl Default for BacktestSettings {
    fn default() -> Self {
        Self { origins: 3, horizon: None, code_version: String::new(), seed: 0 }
    }
}

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
    /// How to read them.
    pub note: String,
}

impl Backtest {
    /// A backtest that could not be made, with the reason as its note.
    pub fn without_scores(reason: String) -> Self {
        Self { origins: vec![], horizon: 0, cells_left_out: 0, scores: vec![], note: reason }
    }
}

/// One scored cell.
struct Scored {
    units: f64,
    /// Share of the time on sale.
    on_sale: f64,
    promoted: bool,
    depth: f64,
    /// Ours, mean lift, last season, ours without promotion.
    points: [f64; 4],
    quantiles: Vec<f64>,
}

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
    let mut cells = Vec::new();
    let mut left_out = 0;
    for (at, &origin) in origins.iter().enumerate() {
        let inner = |done: usize, total: usize| progress(at * total + done, origins.len() * total);
        let known = panel.within(Span { start: span.start, end: origin });
        let future = panel.within(Span::of_length(origin, horizon));
        let fitted = refit(&known, settings, &inner)?;
        let ahead = forecast(&fitted, &known, &future, &LEVELS)?;
        let scored = scored_cells(&known, &future, &ahead, origin);
        left_out += future.len() - scored.len();
        cells.extend(scored);
    }
    let note =
        "Each origin was fitted on what came before it. Scored are cells in stock at least 90 % of the time. Stock \
                lasts on days of low demand, so a forecast of demand is above their sales; `while on sale` scores all \
                cells for the time on sale instead. A backtest scores forecasts; what another plan would have sold, \
                past sales cannot tell."
            .to_owned();
    Ok(Backtest { origins, horizon, cells_left_out: left_out, scores: all_scores(&cells), note })
}

fn refit(
    known: &Panel,
    settings: &BacktestSettings,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Fitted, DemandError> {
    let settings =
        FitSettings { code_version: settings.code_version.clone(), seed: settings.seed, ..FitSettings::default() };
    fit(known, &settings, progress)
}

/// Joins the forecasts of one origin with what was sold.
fn scored_cells(known: &Panel, future: &Panel, ahead: &Forecast, origin: Period) -> Vec<Scored> {
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
            scored.push(Scored {
                units: c.units[row],
                on_sale,
                promoted: is_promoted(future, row),
                depth: depth(future, row),
                points: [ours.mean, mean_lift, last, ours.baseline],
                quantiles: ours.quantiles.clone(),
            });
        }
    }
    scored
}

fn all_scores(cells: &[Scored]) -> Vec<Score> {
    type Subset = (&'static str, fn(&Scored) -> bool);
    fn in_stock(cell: &Scored) -> bool {
        cell.on_sale >= 1.0 - IN_STOCK_MAX
    }
    let subsets: [Subset; 6] = [
        ("all", |cell| in_stock(cell)),
        ("promoted", |cell| in_stock(cell) && cell.promoted),
        ("base", |cell| in_stock(cell) && !cell.promoted),
        ("deep", |cell| in_stock(cell) && cell.depth >= DEEP - 1e-9),
        ("all, while on sale", |_| true),
        ("promoted, while on sale", |cell| cell.promoted),
    ];
    let hidden = cells.iter().any(|cell| !in_stock(cell));
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
    let units = cells.iter().map(|cell| cell.units).sum::<f64>().max(1e-12);
    let sum = |value: &dyn Fn(&Scored) -> f64| cells.iter().map(|cell| value(cell)).sum::<f64>();
    let ours = forecast == 0;
    let whole = cells.iter().all(|cell| cell.on_sale >= 1.0 - IN_STOCK_MAX);
    let inside =
        |cell: &Scored| f64::from(u8::from(cell.quantiles[0] <= cell.units && cell.units <= cell.quantiles[2]));
    let error = |cell: &Scored| cell.points[forecast] * if whole { 1.0 } else { cell.on_sale } - cell.units;
    let pinball = |cell: &Scored| -> f64 {
        LEVELS.iter().zip(&cell.quantiles).map(|(level, q)| pinball(*level, *q, cell.units)).sum::<f64>() / 3.0
    };
    Score {
        forecast: NAMES[forecast].to_owned(),
        cells: name.to_owned(),
        count: cells.len(),
        wape: sum(&|cell| error(cell).abs()) / units,
        bias: sum(&error) / units,
        pinball: (ours && whole).then(|| sum(&pinball) / units),
        coverage90: (ours && whole).then(|| sum(&inside) / cells.len() as f64),
    }
}

fn pinball(level: f64, quantile: f64, units: f64) -> f64 {
    if units >= quantile { level * (units - quantile) } else { (1.0 - level) * (quantile - units) }
}
