//! Online update: sales that arrive after a fit refresh the effects, levels and forecasts that they touch, without a
//! fit.
//!
//! What is known after any number of batches depends on the fit and on the cells that arrived since, and on nothing else:
//! not on their order, nor on how they were cut into batches. A cell is known by item, place and period; the same row
//! again changes nothing, and a corrected or later one replaces it. A row that cannot be used is set aside with its
//! reason, never dropped in silence, and never stops the others.
//!
//! Never a replacement for a fit: effects of single substitutes, spreads, curves, factors of clusters, predictive effects,
//! the trees and what items have in common stay as they were fitted; what a person set stays as it was set. Sources: `posterior` for effects, `sensed` for levels.

mod ahead;
mod posterior;
mod rows;
mod sale;
mod sensed;
mod start;
#[cfg(test)]
mod tests;

pub use sale::{Fault, Sale};
pub use start::Start;

use crate::columns::{CROSS, DIP, DISPLAY, FEATURE, LiftTerms, OWN, SIGNAL};
use crate::error::DemandError;
use crate::fit::{Fitted, Z95};
use crate::level::log_expected;
use crate::linear::dot;
use crate::prepare::{Evidence, Frame};
use ahead::{Ahead, Fresh, Known};
use endcap_model::{
    Depth, EffectKind, Estimate, Forecast, FurtherKind, Group, Panel, PanelColumns, Period, Place, PlaceEntry,
    Response, Sku, SkuEntry,
};
use posterior::{Prior, Row};
use rayon::prelude::*;
use rows::{Carried, Carries, Cell, Reader, cross_prices, price_of};
use sensed::{News, Sensed};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A fitted model that learns on.
#[derive(Clone, Debug)]
pub struct Online {
    fitted: Fitted,
    start: Start,
    skus: HashMap<Sku, usize>,
    places: HashMap<Place, u32>,
    /// Per place: position of its region.
    regions: Vec<u32>,
    readers: Vec<Reader>,
    /// Items of each group.
    groups: Vec<Vec<usize>>,
    /// Groups that move the sales of others, in the order of their regressors: which, and whose.
    halo: Vec<(usize, usize)>,
    /// Per item: effects that a person set.
    edits: Vec<Vec<Edited>>,
    live: Vec<Live>,
    ahead: Option<Ahead>,
}

/// What is known of one item now.
#[derive(Clone, Debug)]
struct Live {
    /// Cells since the fit, sorted by series and period.
    cells: Vec<Cell>,
    now: Now,
}

#[derive(Clone, Debug)]
struct Now {
    /// What the data say.
    effects: Vec<f64>,
    variances: Vec<f64>,
    /// What forecasts use: with edits, without trend and unseen demand.
    used: (Vec<f64>, Vec<f64>),
    /// Per series.
    levels: Vec<Sensed>,
    /// Per series: what the periods that are over leave to later ones.
    carried: Vec<Carried>,
}

/// An effect that a person set.
#[derive(Clone, Debug)]
struct Edited {
    column: usize,
    effect: f64,
    variance: f64,
}

/// What a batch came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Absorbed {
    /// Rows of cells that were not known.
    pub new: usize,
    /// Rows that replaced an earlier one of their cell.
    pub replaced: usize,
    /// Rows that were known already.
    pub known: usize,
    /// Rows that cannot be used, by position in the batch.
    pub set_aside: Vec<(usize, Fault)>,
    /// Items that were refreshed: those with rows, and those whose substitutes' prices they change.
    pub items: usize,
    /// Forecast cells that were refreshed.
    pub cells: usize,
    /// Effects that moved, by item.
    pub moved: Vec<Moved>,
}

/// An effect that moved.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// The item.
    pub sku: Sku,
    /// The effect.
    pub effect: EffectKind,
    /// Mean and standard error before the batch.
    pub before: (f64, f64),
    /// Mean and standard error after it.
    pub after: (f64, f64),
}

/// The effects that are reported, with their regressors.
const REPORTED: [(EffectKind, usize); 5] = [
    (EffectKind::OwnPrice, OWN),
    (EffectKind::CrossPrice, CROSS),
    (EffectKind::Feature, FEATURE),
    (EffectKind::Display, DISPLAY),
    (EffectKind::Dip, DIP),
];

/// Items that are refreshed before their results are put in their places, so that these are still near.
const AT_A_TIME: usize = 256;

/// Item, series and period.
type Key = (usize, usize, i32);

impl Online {
    /// Takes up a fit and what it left behind for learning on.
    ///
    /// # Errors
    /// [`DemandError::OtherStart`] when the two do not belong together.
    pub fn new(fitted: Fitted, start: Start) -> Result<Self, DemandError> {
        let columns = fitted.frame.columns();
        let fits = |item: &start::ItemStart| item.precision.len() == columns * (columns + 1) / 2;
        if start.items.len() != fitted.items.len() || !start.items.iter().all(fits) {
            return Err(DemandError::OtherStart);
        }
        let skus: HashMap<Sku, usize> =
            fitted.items.iter().enumerate().map(|(at, item)| (item.sku.clone(), at)).collect();
        let names: BTreeSet<&Group> = start.items.iter().map(|item| &item.group).collect();
        let group_of: BTreeMap<&Group, usize> = names.into_iter().zip(0..).collect();
        let mut groups = vec![Vec::new(); group_of.len()];
        start.items.iter().enumerate().for_each(|(at, item)| groups[group_of[&item.group]].push(at));
        let reader = |(at, item): (usize, &crate::fit::FittedItem)| {
            Reader::new(&fitted, &item.sku, group_of[&start.items[at].group], &skus)
        };
        let readers = fitted.items.iter().enumerate().map(reader).collect();
        let region_of: BTreeMap<&String, u32> =
            start.regions.iter().collect::<BTreeSet<_>>().into_iter().zip(0..).collect();
        let regions = start.regions.iter().map(|region| region_of[region]).collect();
        let places = start.places.iter().cloned().zip(0..).collect();
        let linked = |group: &Group| group_of.get(group).copied().unwrap_or(usize::MAX);
        let halo = fitted.frame.further.halo.iter().map(|link| (linked(&link.from), linked(&link.to))).collect();
        let live = (0..skus.len())
            .into_par_iter()
            .map(|item| Live { cells: Vec::new(), now: now(&fitted, &start, item, (&[], &[])) })
            .collect();
        let edits = vec![Vec::new(); skus.len()];
        Ok(Self { skus, places, regions, readers, groups, halo, edits, live, ahead: None, fitted, start })
    }

    /// Lets forecasts and levels use what people set instead of what the data say of it; `used` is the model with the edits
    /// in force. The estimates beside them go on learning. Call it before [`Self::watch`].
    pub fn edit(&mut self, used: &Fitted) {
        for item in 0..self.fitted.items.len() {
            let (said, set) = (&self.fitted.items[item], &used.items[item]);
            let of_columns = 0..said.effects.len().min(set.effects.len());
            self.edits[item] = of_columns
                .filter(|&at| (said.effects[at], said.variances[at]) != (set.effects[at], set.variances[at]))
                .map(|column| Edited { column, effect: set.effects[column], variance: set.variances[column] })
                .collect();
        }
        let edited = (0..self.edits.len()).filter(|&item| !self.edits[item].is_empty()).collect();
        self.refresh(edited);
    }

    /// Keeps the forecast of a plan's cells up to date from now on. `given` is the forecast of the fit, whose levels of
    /// quantiles are kept; cells that it lacks are forecast from effects and levels alone.
    ///
    /// # Errors
    /// [`DemandError::Calendars`] when the plan counts time differently.
    pub fn watch(&mut self, future: &Panel, given: Option<&Forecast>, levels: &[f64]) -> Result<(), DemandError> {
        let at_fit: Vec<Now> = (0..self.live.len())
            .into_par_iter()
            .map(|item| now(&self.fitted, &self.start, item, (&self.edits[item], &[])))
            .collect();
        let find = |sku: &Sku, place: &Place| self.find(sku, place).ok();
        let known = |item: usize| at_fit[item].known();
        self.ahead = Some(Ahead::new(&self.fitted, future, given, levels, find, known)?);
        let touched = (0..self.live.len()).filter(|&item| !self.live[item].cells.is_empty()).collect();
        self.refresh(touched);
        Ok(())
    }

    /// Takes in a batch and refreshes what it touches.
    pub fn absorb(&mut self, batch: &[Sale]) -> Absorbed {
        let mut done = Absorbed::default();
        let mut touched = BTreeSet::new();
        let mut prices = BTreeSet::new();
        for (key, row) in self.one_row_per_cell(batch, &mut done.set_aside) {
            let (item, series, period) = key;
            let sale = &batch[row];
            let cells = &mut self.live[item].cells;
            let found = cells.binary_search_by(|cell| (cell.series, cell.period).cmp(&(series, period)));
            match found {
                Ok(at) if cells[at].sale == *sale => {
                    done.known += 1;
                    continue;
                }
                Ok(at) if cells[at].sale.passed > sale.passed => {
                    done.set_aside.push((row, Fault::Overtaken));
                    continue;
                }
                Ok(_) => done.replaced += 1,
                Err(_) => done.new += 1,
            }
            let start = &self.start.items[item];
            let cell = Cell::read(sale.clone(), series, start, &self.readers[item], &self.fitted.frame);
            match found {
                Ok(at) => cells[at] = cell,
                Err(at) => cells.insert(at, cell),
            }
            touched.insert(item);
            prices.insert((self.readers[item].group, start.series[series].place, period));
        }
        done.set_aside.sort_by_key(|(row, _)| *row);
        touched.iter().for_each(|&item| self.share_promotions(item));
        prices.iter().for_each(|&cell| self.price_substitutes(cell, &mut touched));
        self.price_other_groups(&prices, &mut touched);
        done.items = touched.len();
        (done.moved, done.cells) = self.refresh(touched.into_iter().collect());
        done
    }

    /// The cells since the fit: what [`Self::absorb`] needs to come to the same state again.
    pub fn sales(&self) -> impl Iterator<Item = &Sale> {
        self.live.iter().flat_map(|live| &live.cells).map(|cell| &cell.sale)
    }

    /// The last known price without promotion of every item at every place, as a panel without sales.
    pub fn latest(&self) -> Panel {
        let mut c = PanelColumns::default();
        for (item, (start, live)) in self.start.items.iter().zip(&self.live).enumerate() {
            for (at, series) in start.series.iter().enumerate() {
                let last = live.cells.iter().rfind(|cell| cell.series == at);
                let base = last.and_then(|cell| cell.sale.base_price).unwrap_or(series.base_price);
                c.sku.push(item as u32);
                c.place.push(series.place);
                c.period.push(Period(last.map_or(series.closing.last, |cell| cell.period)));
                c.base_price.push(base);
            }
        }
        let nothing = vec![0.0; c.sku.len()];
        (c.price, c.units) = (c.base_price.clone(), nothing.clone());
        (c.feature, c.display, c.stockout_share) = (nothing.clone(), nothing.clone(), nothing);
        let sku = |(item, start): (&crate::fit::FittedItem, &start::ItemStart)| SkuEntry {
            sku: item.sku.clone(),
            group: start.group.clone(),
            tier: String::new(),
        };
        let skus = self.fitted.items.iter().zip(&self.start.items).map(sku).collect();
        let place = |(place, region): (&Place, &String)| PlaceEntry { place: place.clone(), region: region.clone() };
        let places = self.start.places.iter().zip(&self.start.regions).map(place).collect();
        Panel::new(self.fitted.lift.calendar, skus, places, c).expect("Invariant: one row per series is a panel")
    }

    /// The forecast of the watched cells; nothing before [`Self::watch`].
    pub fn forecast(&self) -> Option<&Forecast> {
        self.ahead.as_ref().map(|ahead| &ahead.forecast)
    }

    /// The model with the effects of now.
    pub fn fitted(&self) -> Fitted {
        let mut fitted = self.fitted.clone();
        let further = self.fitted.frame.further();
        let learnt = |(at, live): &(usize, &Live)| !live.cells.is_empty() && !self.fitted.items[*at].edited;
        for (at, live) in self.live.iter().enumerate().filter(learnt) {
            fitted.items[at].effects.clone_from(&live.now.effects);
            fitted.items[at].variances.clone_from(&live.now.variances);
            move_response(&mut fitted.lift.responses[at], live);
            move_further(&mut fitted.lift.responses[at], live, (&self.fitted.frame, &further));
        }
        fitted
    }

    /// Sorts the usable rows by cell and leaves one of each: the latest reading.
    fn one_row_per_cell(&self, batch: &[Sale], set_aside: &mut Vec<(usize, Fault)>) -> Vec<(Key, usize)> {
        let mut rows: Vec<(Key, usize)> = Vec::with_capacity(batch.len());
        for (row, sale) in batch.iter().enumerate() {
            match self.key(sale) {
                Ok(key) => rows.push((key, row)),
                Err(fault) => set_aside.push((row, fault)),
            }
        }
        rows.sort_unstable();
        let mut kept = Vec::with_capacity(rows.len());
        for cell in rows.chunk_by(|a, b| a.0 == b.0) {
            let latest = cell.iter().map(|(_, row)| batch[*row].passed).fold(0.0, f64::max);
            let of_latest: Vec<(Key, usize)> =
                cell.iter().copied().filter(|(_, row)| batch[*row].passed >= latest).collect();
            let contradicted = of_latest.iter().any(|(_, row)| batch[*row] != batch[of_latest[0].1]);
            for &(key, row) in cell {
                match row {
                    row if batch[row].passed < latest => set_aside.push((row, Fault::Overtaken)),
                    row if contradicted => set_aside.push((row, Fault::Contradicted)),
                    row if row == of_latest[0].1 => kept.push((key, row)),
                    row => set_aside.push((row, Fault::Repeated)),
                }
            }
        }
        kept
    }

    fn key(&self, sale: &Sale) -> Result<Key, Fault> {
        let (item, series) = self.find(&sale.sku, &sale.place)?;
        sale.check()?;
        let (span, period) = (self.fitted.lift.span, sale.period);
        let name = || self.fitted.lift.calendar.format(period);
        if period < span.start {
            return Err(Fault::Older(name()));
        }
        if period < span.end {
            return Err(Fault::Fitted(name()));
        }
        if period >= span.end.plus(span.len() as i32) {
            return Err(Fault::Ahead(name()));
        }
        Ok((item, series, period.0))
    }

    /// Finds item and series.
    fn find(&self, sku: &Sku, place: &Place) -> Result<(usize, usize), Fault> {
        let item = *self.skus.get(sku).ok_or_else(|| Fault::Item(sku.clone()))?;
        let at = *self.places.get(place).ok_or_else(|| Fault::Place(place.clone()))?;
        let series = self.start.items[item].series.binary_search_by_key(&at, |series| series.place);
        series.map(|series| (item, series)).map_err(|_| Fault::Series(sku.clone(), place.clone()))
    }

    /// Writes into the cells of an item which share of its places runs its promotion.
    fn share_promotions(&mut self, item: usize) {
        let (start, regions) = (&self.start.items[item], &self.regions);
        let at = |cell: &Cell| (regions[start.series[cell.series].place as usize], cell.period);
        let cells = &mut self.live[item].cells;
        let mut counts: BTreeMap<(u32, i32), (f64, f64)> = BTreeMap::new();
        for cell in cells.iter() {
            let count = counts.entry(at(cell)).or_default();
            count.0 += f64::from(u8::from(cell.is_promoted()));
            count.1 += 1.0;
        }
        for cell in cells.iter_mut() {
            let (promoted, all) = counts[&at(cell)];
            cell.set(SIGNAL, promoted / all);
        }
    }

    /// Writes the prices of substitutes into the cells of a group at a place in a period, and notes whose changed.
    fn price_substitutes(&mut self, cell: (usize, u32, i32), touched: &mut BTreeSet<usize>) {
        let found = self.cells_of(cell);
        let prices = found.iter().map(|&(item, at)| price_of(item, &self.live[item].cells[at])).collect();
        for (item, at) in found {
            if self.live[item].cells[at].set_cross(cross_prices(item, &self.readers, &prices)) {
                touched.insert(item);
            }
        }
    }

    /// Items of a group with sales at a place in a period, with the positions of the cells.
    fn cells_of(&self, (group, place, period): (usize, u32, i32)) -> Vec<(usize, usize)> {
        let cell_of = |item: usize| {
            let series = self.start.items[item].series.binary_search_by_key(&place, |series| series.place).ok()?;
            let key = (series, period);
            let at = self.live[item].cells.binary_search_by(|cell| (cell.series, cell.period).cmp(&key)).ok()?;
            Some((item, at))
        };
        self.groups.get(group).into_iter().flatten().filter_map(|&item| cell_of(item)).collect()
    }

    /// Writes the price index of each group that moves the sales of another into the cells of that one, where a cell of
    /// either group arrived, and notes whose changed.
    fn price_other_groups(&mut self, arrived: &BTreeSet<(usize, u32, i32)>, touched: &mut BTreeSet<usize>) {
        let first = self.fitted.frame.first_further() + self.fitted.frame.further.memory_columns();
        for (link, (from, to)) in self.halo.clone().into_iter().enumerate() {
            let either = arrived.iter().filter(|(group, ..)| [from, to].contains(group));
            let cells: BTreeSet<(u32, i32)> = either.map(|&(_, place, period)| (place, period)).collect();
            for (place, period) in cells {
                let index = self.price_index((from, place, period));
                for (item, at) in self.cells_of((to, place, period)) {
                    if self.live[item].cells[at].set(first + link, index) {
                        touched.insert(item);
                    }
                }
            }
        }
    }

    /// Log price index of a group at a place in a period, weighed by shares of units; 0 without sales.
    fn price_index(&self, cell: (usize, u32, i32)) -> f64 {
        let (mut sum, mut weight) = (0.0, 0.0);
        for (item, at) in self.cells_of(cell) {
            let share = self.readers[item].share;
            sum += share * self.live[item].cells[at].own();
            weight += share;
        }
        if weight > 0.0 { sum / weight } else { 0.0 }
    }

    /// Works out anew what is known of some items; returns effects that moved and the number of forecast cells.
    fn refresh(&mut self, items: Vec<usize>) -> (Vec<Moved>, usize) {
        let (mut moved, mut cells) = (Vec::with_capacity(REPORTED.len() * items.len()), 0);
        for items in items.chunks(AT_A_TIME) {
            let of = |&item: &usize| -> (Now, Fresh) {
                let now = now(&self.fitted, &self.start, item, (&self.edits[item], &self.live[item].cells));
                let fresh = self.ahead.as_ref().map(|ahead| ahead.refreshed(&self.fitted, item, &now.known()));
                (now, fresh.unwrap_or_default())
            };
            let found: Vec<(Now, Fresh)> = items.par_iter().map(of).collect();
            for (&item, (now, fresh)) in items.iter().zip(found) {
                let before = std::mem::replace(&mut self.live[item].now, now);
                moved.extend(before.moved(&self.live[item].now, &self.fitted.items[item].sku));
                cells += fresh.len();
                if let Some(ahead) = &mut self.ahead {
                    ahead.take(&fresh);
                }
            }
        }
        (moved, cells)
    }
}

impl Now {
    fn known(&self) -> Known<'_> {
        let (effects, variances) = &self.used;
        Known { effects, variances, levels: &self.levels, carried: &self.carried }
    }

    /// Effects that differ from those of `after`.
    fn moved(&self, after: &Self, sku: &Sku) -> Vec<Moved> {
        let of = |now: &Self, at: usize| (now.effects[at], now.variances[at].sqrt());
        let both = REPORTED.into_iter().map(|(effect, at)| (effect, of(self, at), of(after, at)));
        both.filter(|(_, before, after)| before != after)
            .map(|(effect, before, after)| Moved { sku: sku.clone(), effect, before, after })
            .collect()
    }
}

/// Effects as forecasts use them; see [`crate::fit::FittedItem::forecast_effects`].
fn forecast_effects(frame: &Frame, effects: &[f64]) -> Vec<f64> {
    let mut effects = effects.to_vec();
    effects[frame.trend()] = 0.0;
    effects[SIGNAL] = 0.0;
    effects
}

/// What is known of one item from its fit, from what people set and from the cells since.
fn now(fitted: &Fitted, start: &Start, item: usize, (edits, cells): (&[Edited], &[Cell])) -> Now {
    let (of_fit, start, temper) = (&fitted.items[item], &start.items[item], start.temper);
    let columns = fitted.frame.columns();
    let (lines, carried) = lines(cells, start, LiftTerms::of(&of_fit.effects), fitted);
    let line = |at: usize| &lines[at * columns..(at + 1) * columns];
    let mut usable: Vec<usize> = (0..cells.len()).filter(|&at| cells[at].evidence != Evidence::Nothing).collect();
    usable.sort_by_key(|&at| (cells[at].period, at));
    let apart = |&at: &usize| line(at).iter().zip(&start.series[cells[at].series].centre).map(|(x, mean)| x - mean);
    let apart: Vec<f64> = usable.iter().flat_map(apart).collect();
    let row = |(&at, apart)| row(&cells[at], start, apart, dot(line(at), &of_fit.effects));
    let rows: Vec<Row> = usable.iter().zip(apart.chunks(columns)).map(row).collect();
    let (effects, variances) = if rows.is_empty() || of_fit.edited {
        (of_fit.effects.clone(), of_fit.variances.clone())
    } else {
        let prior = Prior { mean: &of_fit.effects, precision: &start.precision };
        posterior::update(&prior, &rows, &of_fit.dispersion, temper)
    };
    let mut used = (forecast_effects(&fitted.frame, &effects), variances.clone());
    for edit in edits {
        (used.0[edit.column], used.1[edit.column]) = (edit.effect, edit.variance);
    }
    let before = of_fit.forecast_effects(&fitted.frame);
    let change: Vec<f64> = used.0.iter().zip(&before).map(|(after, before)| after - before).collect();
    let news: Vec<News> = usable.iter().map(|&at| news(&cells[at], log_expected(line(at), &used.0))).collect();
    let end = fitted.lift.span.end.0;
    let levels = sensed::levels(start, &change, &news, (&of_fit.dispersion, start::memory_of(fitted)), end);
    Now { effects, variances, used, levels, carried }
}

/// A cell as the estimate reads it; `apart` are its regressors less their means at the place, `effect` what the effects of
/// the fit say of it.
fn row<'a>(cell: &Cell, start: &start::ItemStart, apart: &'a [f64], effect: f64) -> Row<'a> {
    let series = &start.series[cell.series];
    Row {
        period: cell.period,
        line: apart,
        log_mean: series.log_level + effect + cell.exposure.ln(),
        level_weight: series.weight,
        units: cell.sale.units,
        censored: cell.evidence == Evidence::Censored,
    }
}

/// A cell as levels read it, with the log of what is expected of it at level 1.
fn news(cell: &Cell, log_expected: f64) -> News {
    News {
        series: cell.series,
        period: cell.period,
        expected: cell.exposure * log_expected.exp(),
        units: cell.sale.units,
        censored: cell.evidence == Evidence::Censored,
    }
}

/// Regressors of the cells with what earlier periods left to them, and per series what those that are over leave.
fn lines(cells: &[Cell], start: &start::ItemStart, terms: LiftTerms, fitted: &Fitted) -> (Vec<f64>, Vec<Carried>) {
    let carries = Carries::of(fitted);
    let mut carried: Vec<Carried> = start.series.iter().map(|series| series.closing).collect();
    let mut lines = Vec::with_capacity(cells.iter().map(|cell| cell.line.len()).sum());
    for cell in cells {
        let here = carried[cell.series].at(cell.period, carries);
        let first = lines.len();
        lines.extend_from_slice(&cell.line);
        here.write(&fitted.frame, &mut lines[first..]);
        if cell.is_whole() {
            carried[cell.series] = here.after(cell.log_lift(terms), cell.discount(), carries);
        }
    }
    (lines, carried)
}

/// Moves the estimates of an item to what is known of it now.
fn move_response(response: &mut Response, live: &Live) {
    let periods = |of: &dyn Fn(&Cell) -> bool| {
        live.cells.iter().filter(|cell| of(cell)).map(|cell| cell.period).collect::<BTreeSet<_>>().len()
    };
    let promoted = periods(&|cell| cell.is_promoted());
    let featured = periods(&|cell| cell.sale.feature >= 0.5);
    let displayed = periods(&|cell| cell.sale.display >= 0.5);
    let (effects, variances) = (&live.now.effects, &live.now.variances);
    let all: [(&mut Estimate, usize, usize); 5] = [
        (&mut response.own_price, OWN, promoted),
        (&mut response.cross_price, CROSS, promoted),
        (&mut response.feature, FEATURE, featured),
        (&mut response.display, DISPLAY, displayed),
        (&mut response.dip, DIP, 0),
    ];
    for (estimate, at, periods) in all {
        move_estimate(estimate, effects[at], variances[at].sqrt());
        estimate.periods_promoted += periods;
    }
    let deepest = live.cells.iter().map(Cell::discount).fold(response.depth_seen_max.share(), f64::max);
    response.depth_seen_max = Depth::from_share(deepest.clamp(0.0, 0.9999)).unwrap_or(response.depth_seen_max);
}

/// Moves the estimates of an item's further effects, `columns` saying where each stands.
fn move_further(response: &mut Response, live: &Live, (frame, columns): (&Frame, &[(usize, FurtherKind, String)])) {
    let known = |at: usize| (live.now.effects[at], live.now.variances[at]);
    for further in &mut response.further.effects {
        let column = columns.iter().find(|(_, kind, of)| (*kind, of) == (further.kind, &further.of));
        let moved = match column {
            Some((at, ..)) => Some((known(*at).0, known(*at).1.sqrt())),
            None => frame.further.clusters.elasticity(&response.sku, &further.of, known(OWN)),
        };
        if let Some((mean, se)) = moved {
            move_estimate(&mut further.effect, mean, se);
        }
    }
}

/// Moves mean and interval of an estimate; what unseen demand adds to the interval stays what it was.
fn move_estimate(estimate: &mut Estimate, mean: f64, se: f64) {
    let left = |mean: f64, se: f64| (mean.abs() - Z95 * se).max(0.0);
    let before = left(estimate.mean, estimate.se);
    let (lo95, hi95) = (mean - Z95 * se, mean + Z95 * se);
    if let Some(sensitivity) = &mut estimate.sensitivity {
        sensitivity.lo95 += lo95 - estimate.lo95;
        sensitivity.hi95 += hi95 - estimate.hi95;
        if before > 0.0 {
            sensitivity.overturned_by = sensitivity.overturned_by.map(|by| by * left(mean, se) / before);
        }
    }
    (estimate.mean, estimate.se, estimate.lo95, estimate.hi95) = (mean, se, lo95, hi95);
}
