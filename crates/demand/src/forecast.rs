//! `forecast`: demand of future cells from levels, calendar, planned price and support, and earlier promotions.
//!
//! What is not known about the future is taken at its mean in the history: a control that the cells to forecast do
//! not carry (weather) adds nothing; one that they do carry (holidays) counts. The trend of the fit is not
//! carried forward: levels follow it.
//! Means multiply levels with `exp` of pooled effects. Spread is counting noise, noise of cells, shocks of periods and
//! what is not known of level and lift; quantiles go through the recalibration learnt on the held-out tail.

use crate::boosted::{Boosted, Joined};
use crate::columns::{DIP, LiftTerms};
use crate::distribution::quantiles;
use crate::error::DemandError;
use crate::fit::{Fitted, FittedItem, Opinion};
use crate::level::{Level, Memory, SkuBase, log_expected};
use crate::newcomers::{Expected, Newcomers};
use crate::opinions::{Said, Shares};
use crate::prepare::Prepared;
use crate::recalibrate::Recalibration;
use endcap_model::{Forecast, ForecastRow, Panel, Place, Sku};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// What one cell is expected to sell, before quantiles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CellForecast {
    /// Row of the panel of cells to forecast.
    pub(crate) row: usize,
    pub(crate) mean: f64,
    pub(crate) baseline: f64,
    pub(crate) variance: f64,
}

/// One SKU's history as far as forecasts need it.
pub(crate) struct SkuHistory {
    pub(crate) base: SkuBase,
    /// Per place: last period of the history and household stock after it.
    closing: BTreeMap<u32, (i32, f64)>,
}

/// Forecasts the demand of the cells of `future` (its `units` are ignored) from the levels at the end of `history`.
///
/// Rows come sorted by SKU, place and period. A place where the SKU was never sold gets the mean level of its
/// places, an SKU without any sale that of its group; an SKU that the model does not know is forecast from its likes.
///
/// # Errors
/// [`DemandError`] when the calendars differ, a SKU is not in the model and too few are to forecast it from its likes, or
/// `levels` are not rising inside 0..1.
pub fn forecast(fitted: &Fitted, history: &Panel, future: &Panel, levels: &[f64]) -> Result<Forecast, DemandError> {
    check(fitted, history, future, levels)?;
    let past = fitted.frame.prepare(history);
    let ahead = fitted.frame.prepare(future).follow(&past);
    let mut cells = expected(fitted, (history, &past), (future, &ahead));
    fitted.reconciled.iter().for_each(|level| level.apply(history, future, fitted, &mut cells));
    let publish = |cell, learnt| forecast_row(fitted, &ahead, cell, levels, learnt);
    let mut rows: Vec<ForecastRow> = cells.par_iter().map(|cell| publish(cell, &fitted.recalibration)).collect();
    // What held-out cells of known items teach does not hold for new ones, whose spread is learnt by itself.
    let nothing = Recalibration::default();
    rows.extend(newcomers(fitted, &past, &ahead)?.iter().map(|cell| publish(cell, &nothing)));
    rows.sort_by(|a, b| (&a.sku, &a.place, a.period).cmp(&(&b.sku, &b.place, b.period)));
    Ok(Forecast { calendar: future.calendar(), levels: levels.to_vec(), rows })
}

/// What the cells of the items of the model are expected to sell.
pub(crate) fn expected(
    fitted: &Fitted,
    (history, past): (&Panel, &Prepared),
    (future, ahead): (&Panel, &Prepared),
) -> Vec<CellForecast> {
    let names = Names::of(history);
    let origin = history.span().map_or(fitted.lift.span.end.0, |span| span.end.0);
    let known = Opinion::BOTH.map(|opinion| Known::of(fitted, past, opinion, origin));
    let trees = fitted.boosted.as_ref().map(|boosted| Trees::of(boosted, fitted, history, future));
    let cells: Vec<Vec<CellForecast>> = (0..future.skus().len())
        .into_par_iter()
        .map(|sku| {
            let Some(item) = fitted.item(&future.skus()[sku].sku) else { return Vec::new() };
            let [mut cells, others] = known.each_ref().map(|known| known.cells(fitted, &names, ahead, sku, item));
            for (cell, other) in cells.iter_mut().zip(&others) {
                let trees = trees.as_ref().map_or((Said::NOTHING, 0.0), |trees| trees.say(ahead, cell.row));
                cell.blend(&fitted.shares, other, trees, (ahead.is_promoted(cell.row), item));
            }
            cells
        })
        .collect();
    cells.concat()
}

/// What one opinion knows of a history.
struct Known {
    opinion: Opinion,
    histories: Vec<SkuHistory>,
    levels: Vec<Vec<Level>>,
    usual: UsualLevels,
}

impl Known {
    fn of(fitted: &Fitted, past: &Prepared, opinion: Opinion, origin: i32) -> Self {
        let histories = histories(fitted, past, opinion);
        let memory = &fitted.memories[opinion as usize];
        let levels: Vec<Vec<Level>> = histories.par_iter().map(|h| h.base.levels(memory, origin)).collect();
        let usual = UsualLevels::of(past.panel, &levels);
        Self { opinion, histories, levels, usual }
    }

    fn cells(
        &self,
        fitted: &Fitted,
        names: &Names,
        ahead: &Prepared,
        sku: usize,
        item: &FittedItem,
    ) -> Vec<CellForecast> {
        let entry = &ahead.panel.skus()[sku];
        let known = names.skus.get(&entry.sku).copied();
        let find = |place: u32| {
            let place = names.places.get(&ahead.panel.places()[place as usize].place).copied();
            let level = known.and_then(|sku| self.levels[sku].iter().find(|l| Some(l.place) == place).copied());
            let level = level.unwrap_or_else(|| self.usual.of_sku(known, &entry.group));
            let closing = known.zip(place).and_then(|(sku, place)| self.histories[sku].closing.get(&place).copied());
            (level, closing)
        };
        sku_cells(ahead, sku, (item, self.opinion), fitted.lift.dip_carry, find)
    }
}

/// Forecasts the cells of items that the model does not know.
fn newcomers(fitted: &Fitted, past: &Prepared, ahead: &Prepared) -> Result<Vec<CellForecast>, DemandError> {
    let skus = ahead.panel.skus();
    let unknown = |sku: &usize| fitted.item(&skus[*sku].sku).is_none();
    let rows: Vec<usize> = (0..skus.len()).filter(unknown).flat_map(|sku| ahead.panel.rows_of(sku)).collect();
    let Some(&first) = rows.first() else { return Ok(Vec::new()) };
    let newcomers = Newcomers::learn(past, &fitted.items_of(past.panel), fitted.lift.seed);
    let expected = newcomers.and_then(|newcomers| newcomers.expect(ahead, &rows));
    let sku = ahead.panel.columns().sku[first] as usize;
    let expected = expected.ok_or_else(|| DemandError::UnknownSku(skus[sku].sku.clone()))?;
    Ok(rows
        .into_iter()
        .zip(expected)
        .map(|(row, Expected { mean, baseline, variance })| CellForecast { row, mean, baseline, variance })
        .collect())
}

/// What the boosted trees say of the cells to forecast, by row.
struct Trees<'a> {
    boosted: &'a Boosted,
    said: Vec<Said>,
    origin: i32,
}

impl<'a> Trees<'a> {
    fn of(boosted: &'a Boosted, fitted: &Fitted, history: &Panel, future: &Panel) -> Self {
        let joined = Joined::of(history, future, &fitted.frame);
        let prepared = fitted.frame.prepare(&joined.panel);
        let carry = fitted.lift.dip_carry;
        let said = boosted.means(&prepared, &fitted.items_of(&joined.panel), carry, joined.origin);
        let said = joined.rows.iter().map(|row| row.map_or(Said::NOTHING, |row| said[row])).collect();
        Self { boosted, said, origin: joined.origin }
    }

    /// What they say of a row, and how far they count at its distance.
    fn say(&self, ahead: &Prepared, row: usize) -> (Said, f64) {
        (self.said[row], self.boosted.trusted(ahead.panel.columns().period[row].0 - self.origin + 1))
    }
}

impl CellForecast {
    /// Takes the mean with what predictive effects and the trees say of the cell, with and without its promotion.
    pub(crate) fn blend(
        &mut self,
        shares: &Shares,
        predictive: &Self,
        (trees, trusted): (Said, f64),
        (promoted, item): (bool, &FittedItem),
    ) {
        if self.mean <= 0.0 {
            return;
        }
        let Said { planned, bare } = shares.blend(promoted, trusted, &[self.said(), predictive.said(), trees]);
        // What a person says of a promotion is not what others learnt of it.
        let planned = if item.edited { bare * self.mean / self.baseline } else { planned };
        let times = planned / self.mean;
        let unsure = self.variance - item.dispersion.variance(self.mean);
        self.variance = item.dispersion.variance(planned) + unsure * times * times;
        (self.mean, self.baseline) = (planned, bare);
    }

    /// Takes the mean times a factor; what is not known of level and lift stays the same share of it.
    pub(crate) fn scale(&mut self, factor: f64, item: &FittedItem) {
        let unsure = self.variance - item.dispersion.variance(self.mean);
        (self.mean, self.baseline) = (self.mean * factor, self.baseline * factor);
        self.variance = item.dispersion.variance(self.mean) + unsure * factor * factor;
    }

    pub(crate) fn said(&self) -> Said {
        Said { planned: self.mean, bare: self.baseline }
    }
}

fn check(fitted: &Fitted, history: &Panel, future: &Panel, levels: &[f64]) -> Result<(), DemandError> {
    for panel in [history, future] {
        if panel.calendar() != fitted.frame.calendar() {
            return Err(DemandError::Calendars { history: fitted.frame.calendar(), future: panel.calendar() });
        }
    }
    let inside = levels.iter().all(|level| *level > 0.0 && *level < 1.0);
    if !inside || levels.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(DemandError::Levels(levels.to_vec()));
    }
    Ok(())
}

/// Collects every SKU's history as an opinion sees it.
pub(crate) fn histories(fitted: &Fitted, past: &Prepared, opinion: Opinion) -> Vec<SkuHistory> {
    (0..past.panel.skus().len())
        .into_par_iter()
        .map(|sku| {
            let item = fitted.item(&past.panel.skus()[sku].sku);
            let nothing = || vec![0.0; fitted.frame.columns()];
            let effects = item.map_or_else(nothing, |item| item.effects_of(opinion, &fitted.frame));
            let terms = item.map_or_else(LiftTerms::default, |item| LiftTerms::of(&item.effects));
            let dispersion = item.map_or(fitted.dispersion, |item| item.dispersion);
            let (base, closing) = SkuBase::of(past, sku, (terms, &effects), dispersion, fitted.lift.dip_carry);
            let closing = closing.into_iter().map(|(place, last, stock)| (place, (last, stock))).collect();
            SkuHistory { base, closing }
        })
        .collect()
}

impl SkuHistory {
    /// Returns the levels as known at the start of a period.
    pub(crate) fn levels(&self, memory: &Memory, origin: i32) -> Vec<Level> {
        self.base.levels(memory, origin)
    }
}

/// Forecasts the cells of one SKU; `find` returns level and closing household stock of a place.
pub(crate) fn sku_cells(
    ahead: &Prepared,
    sku: usize,
    (item, opinion): (&FittedItem, Opinion),
    carry: f64,
    find: impl Fn(u32) -> (Level, Option<(i32, f64)>),
) -> Vec<CellForecast> {
    let c = ahead.panel.columns();
    let terms = LiftTerms::of(&item.effects);
    let effects = item.effects_of(opinion, ahead.frame);
    let mut cells = Vec::new();
    let mut line = vec![0.0; ahead.frame.columns()];
    let promotion = ahead.frame.promotion();
    for series in ahead.panel.series_of(sku) {
        let first = c.period[series.start].0;
        let (level, closing) = find(c.place[series.start]);
        let opening = closing.map_or(0.0, |(last, stock)| stock * carry.powi((first - last - 1).max(0)));
        ahead.household_stock(series, terms, carry, opening, |row, stock| {
            ahead.write_row(row, &mut line);
            line[DIP] = stock;
            cells.push(cell(row, (&line, &promotion), &effects, item, level));
        });
    }
    cells
}

fn cell(
    row: usize,
    (line, promotion): (&[f64], &[usize]),
    effects: &[f64],
    item: &FittedItem,
    level: Level,
) -> CellForecast {
    let lift: f64 = promotion.iter().map(|&at| line[at] * effects[at]).sum();
    let unsure: f64 = promotion.iter().map(|&at| line[at].powi(2) * item.variances[at]).sum();
    let log_mean = log_expected(line, effects);
    let mean = level.level * log_mean.exp();
    let relative = level.variance + unsure.min(1.0);
    CellForecast {
        row,
        mean,
        baseline: level.level * (log_mean - lift).exp(),
        variance: item.dispersion.variance(mean) + relative * mean * mean,
    }
}

/// A cell as it is published.
fn forecast_row(
    fitted: &Fitted,
    ahead: &Prepared,
    cell: &CellForecast,
    levels: &[f64],
    learnt: &Recalibration,
) -> ForecastRow {
    let c = ahead.panel.columns();
    let promoted = ahead.is_promoted(cell.row);
    let mut at = Vec::with_capacity(levels.len());
    let learnt = levels.iter().map(|&level| learnt.level(promoted, cell.mean, level));
    quantiles(cell.mean, cell.variance, learnt, &mut at);
    ForecastRow {
        sku: ahead.panel.skus()[c.sku[cell.row] as usize].sku.clone(),
        place: ahead.panel.places()[c.place[cell.row] as usize].place.clone(),
        period: c.period[cell.row],
        mean: cell.mean,
        baseline: cell.baseline,
        dispersion: (cell.variance / cell.mean.max(1e-12)).max(fitted.dispersion.counting.min(1.0)),
        quantiles: at,
    }
}

/// Positions of the history's SKUs and places by name.
struct Names {
    skus: BTreeMap<Sku, usize>,
    places: BTreeMap<Place, u32>,
}

impl Names {
    fn of(panel: &Panel) -> Self {
        Self {
            skus: panel.skus().iter().enumerate().map(|(at, entry)| (entry.sku.clone(), at)).collect(),
            places: panel.places().iter().zip(0..).map(|(entry, at)| (entry.place.clone(), at)).collect(),
        }
    }
}

/// Mean levels for cells without a history of their own.
struct UsualLevels {
    by_sku: Vec<Option<f64>>,
    by_group: BTreeMap<endcap_model::Group, f64>,
    all: f64,
}

/// Relative variance of a level that was borrowed.
const BORROWED_VARIANCE: f64 = 1.0;

impl UsualLevels {
    fn of(history: &Panel, levels: &[Vec<Level>]) -> Self {
        let mean = |values: &mut dyn Iterator<Item = f64>| {
            let (sum, n) = values.fold((0.0, 0usize), |(sum, n), v| (sum + v, n + 1));
            (n > 0).then(|| sum / n as f64)
        };
        let by_sku: Vec<Option<f64>> = levels.iter().map(|all| mean(&mut all.iter().map(|l| l.level))).collect();
        let mut groups: BTreeMap<_, Vec<f64>> = BTreeMap::new();
        for (entry, level) in history.skus().iter().zip(&by_sku) {
            groups.entry(entry.group.clone()).or_default().extend(level);
        }
        let by_group = groups
            .into_iter()
            .filter_map(|(group, levels)| mean(&mut levels.into_iter()).map(|level| (group, level)))
            .collect();
        let all = mean(&mut by_sku.iter().flatten().copied()).unwrap_or(0.0);
        Self { by_sku, by_group, all }
    }

    fn of_sku(&self, sku: Option<usize>, group: &endcap_model::Group) -> Level {
        let own = sku.and_then(|sku| self.by_sku[sku]);
        let level = own.or_else(|| self.by_group.get(group).copied()).unwrap_or(self.all);
        Level { place: u32::MAX, level, variance: BORROWED_VARIANCE }
    }
}
