//! Demand of items that have never been sold, from their likes: items of the same tier, of the same group, those
//! nearest in price, and those that share an attribute (a part of the tier's name between `|`).
//!
//! How far each kind of likeness can be trusted is learnt by forecasting every known item as if it were new. Never
//! used for an item with sales of its own.
//!
//! Source: analogues weighed by regression trees, after the judgement of Green and Armstrong (2007) that analogies be
//! weighed by a rule that was fixed beforehand.

use crate::booster::{Booster, Column, Loss, MISSING_CATEGORY, Sample, Settings, Table};
use crate::columns::{DISPLAY, FEATURE, LiftTerms, OWN};
use crate::fit::FittedItem;
use crate::prepare::{Evidence, Prepared};
use endcap_model::{Group, Panel, SkuEntry};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};

/// Items nearest in price that are asked.
const NEAREST: usize = 8;
/// Rows to learn from, at most and at least.
const ROWS: (usize, usize) = (60_000, 400);
/// Power of the Tweedie loss: counts that spread more than Poisson's.
const POWER: f32 = 1.3;
/// Attributes of an item: the parts of its tier between these marks, so many at most.
const MARK: char = '|';
const ATTRIBUTES: usize = 4;
const SETTINGS: Settings = Settings {
    trees: 200,
    leaves: 31,
    learning_rate: 0.05,
    bins: 127,
    rows_min: 100,
    curvature_min: 1e-3,
    ridge: 10.0,
    gain_min: 0.0,
    category_smoothing: 50.0,
    row_share: 0.7,
    column_share: 0.7,
    patience: None,
};

/// What is known about items alike.
pub(crate) struct Newcomers {
    booster: Booster,
    /// Variance of units over squared mean, beside counting noise.
    relative: f64,
    likes: Likes,
}

/// Known items and what is usual among them.
struct Likes {
    known: Vec<Known>,
    /// Names of groups and attributes, each sorted.
    names: [Vec<String>; 1 + ATTRIBUTES],
    /// Usual effects: advert, display and price, by group and of all.
    effects: BTreeMap<Group, [f64; 3]>,
    usual: [f64; 3],
}

/// A known item as others see it.
struct Known {
    entry: SkuEntry,
    log_price: f64,
    /// Usual units without promotion at a place in a period.
    level: f64,
}

/// What a newcomer is expected to sell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) mean: f64,
    pub(crate) baseline: f64,
    pub(crate) variance: f64,
}

impl Newcomers {
    /// Learns from all items of a panel; nothing where there are too few.
    pub(crate) fn learn(prepared: &Prepared, items: &[Option<&FittedItem>], seed: u64) -> Option<Self> {
        let panel = prepared.panel;
        let known: Vec<Known> = (0..panel.skus().len()).filter_map(|sku| known(prepared, sku)).collect();
        let names = std::array::from_fn(|at| {
            let named = panel.skus().iter().filter_map(|entry| attributes(entry)[at].map(str::to_owned));
            named.collect::<BTreeSet<String>>().into_iter().collect()
        });
        let (effects, usual) = usual_effects(panel, items);
        let likes = Likes { known, names, effects, usual };
        let every = panel.len().div_ceil(ROWS.0).max(1);
        let rows: Vec<usize> =
            (0..panel.len()).step_by(every).filter(|&row| prepared.evidence[row] == Evidence::Counted).collect();
        if rows.len() < ROWS.1 || likes.known.len() < NEAREST {
            return None;
        }
        let cells = likes.cells(prepared, &rows)?;
        let target: Vec<f32> = rows.iter().map(|&row| panel.columns().units[row] as f32).collect();
        let table = cells.table();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut booster = |rows: Option<&[u32]>| {
            let sample = Sample { target: &target, offset: Some(&cells.offset), rows, ..Sample::default() };
            Booster::fit(&table, &sample, Loss::Tweedie(POWER), &SETTINGS, &mut random).ok()
        };
        // How far they err is learnt on items that the trees have not seen.
        let (mut squares, mut means) = (0.0, 0.0);
        for half in 0..2 {
            let is_seen = |at: &usize| panel.columns().sku[rows[*at]] % 2 == half;
            let seen: Vec<u32> = (0..rows.len()).filter(is_seen).map(|at| at as u32).collect();
            let scores = booster(Some(&seen))?.predict(&table).ok()?;
            for at in (0..rows.len()).filter(|at| !is_seen(at)) {
                let mean = f64::from((scores[at] + cells.offset[at]).exp());
                squares += (f64::from(target[at]) - mean).powi(2) - mean;
                means += mean * mean;
            }
        }
        let booster = booster(None)?;
        Some(Self { booster, relative: (squares / f64::max(means, 1e-9)).max(0.0), likes })
    }

    /// Expects the units of rows of a panel, as if their items had never been sold.
    pub(crate) fn expect(&self, prepared: &Prepared, rows: &[usize]) -> Option<Vec<Expected>> {
        let cells = self.likes.cells(prepared, rows)?;
        let scores = self.booster.predict(&cells.table()).ok()?;
        let lifts = rows.iter().map(|&row| self.likes.lift(prepared, row));
        let expected = scores.iter().zip(&cells.offset).zip(lifts).map(|((score, offset), lift)| {
            let mean = f64::from(score + offset).exp();
            Expected { mean, baseline: mean * (-lift).exp(), variance: mean + self.relative * mean * mean }
        });
        Some(expected.collect())
    }
}

impl Likes {
    /// Log lift of a row by the usual effects of its group.
    fn lift(&self, prepared: &Prepared, row: usize) -> f64 {
        let sku = prepared.panel.columns().sku[row] as usize;
        let [own, feature, display] =
            self.effects.get(&prepared.panel.skus()[sku].group).copied().unwrap_or(self.usual);
        prepared.log_lift(row, LiftTerms { own, feature, display })
    }

    /// Levels of the likes of an item, itself left out: same tier, same group, nearest in price; and how many of the
    /// tier there are, and its price beside the group's.
    fn of(&self, entry: &SkuEntry, log_price: f64) -> [f64; 5] {
        let others = || self.known.iter().filter(|known| known.entry.sku != entry.sku);
        let mean = |levels: &mut dyn Iterator<Item = f64>| {
            let (sum, n) = levels.fold((0.0, 0.0), |(sum, n), level| (sum + level, n + 1.0));
            (if n > 0.0 { sum / n } else { f64::NAN }, n)
        };
        let in_group = || others().filter(|known| known.entry.group == entry.group);
        let siblings = in_group().filter(|known| !entry.tier.is_empty() && known.entry.tier == entry.tier);
        let (tier, count) = mean(&mut siblings.map(|known| known.level));
        let (group, _) = mean(&mut in_group().map(|known| known.level));
        let (price, _) = mean(&mut in_group().map(|known| known.log_price));
        let mut near: Vec<(f64, f64)> =
            in_group().map(|known| ((known.log_price - log_price).abs(), known.level)).collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let (nearest, _) = mean(&mut near.iter().take(NEAREST).map(|(_, level)| *level));
        [tier, group, nearest, count, log_price - price]
    }

    fn cells(&self, prepared: &Prepared, rows: &[usize]) -> Option<Cells> {
        let panel = prepared.panel;
        let c = panel.columns();
        let all = self.known.iter().map(|known| known.level).sum::<f64>() / self.known.len().max(1) as f64;
        let likes: BTreeMap<u32, [f64; 5]> = rows
            .iter()
            .map(|&row| c.sku[row])
            .collect::<BTreeSet<u32>>()
            .into_iter()
            .map(|sku| (sku, self.of(&panel.skus()[sku as usize], log_price(prepared, sku as usize))))
            .collect();
        let mut cells = Cells { offset: vec![], numbers: vec![], categories: Default::default() };
        let mut lines: Vec<Vec<f32>> = Vec::with_capacity(rows.len());
        for &row in rows {
            let [tier, group, nearest, count, price] = likes[&c.sku[row]];
            let level = [tier, nearest, group, all].into_iter().find(|level| level.is_finite() && *level > 0.0)?;
            let lift = self.lift(prepared, row);
            cells.offset.push((all.max(1e-3).ln() + lift) as f32);
            let ratio = |like: f64| (like.max(1e-3) / level).ln() as f32;
            let mut line = vec![
                c.base_price[row].ln() as f32,
                level.ln() as f32,
                ratio(tier),
                ratio(group),
                ratio(nearest),
                count as f32,
            ];
            line.extend(
                [price, prepared.own[row], prepared.cross[row], c.feature[row], c.display[row], lift].map(|v| v as f32),
            );
            line.extend((0..prepared.frame.controls.len()).map(|at| prepared.control(at, row) as f32));
            let entry = &panel.skus()[c.sku[row] as usize];
            for ((codes, names), name) in cells.categories.iter_mut().zip(&self.names).zip(attributes(entry)) {
                let found = name.and_then(|name| names.binary_search_by(|known| known.as_str().cmp(name)).ok());
                codes.push(found.map_or(MISSING_CATEGORY, |at| at as u32));
            }
            lines.push(line);
        }
        let width = lines.first().map_or(0, Vec::len);
        cells.numbers = (0..width).map(|column| lines.iter().map(|line| line[column]).collect()).collect();
        Some(cells)
    }
}

/// Cells column by column.
struct Cells {
    offset: Vec<f32>,
    numbers: Vec<Vec<f32>>,
    categories: [Vec<u32>; 1 + ATTRIBUTES],
}

impl Cells {
    fn table(&self) -> Table<'_> {
        let numbers = self.numbers.iter().map(|values| Column::Number(values));
        let categories = self.categories.iter().map(|codes| Column::Category(codes));
        Table::new(numbers.chain(categories).collect()).expect("Invariant: columns were filled cell by cell")
    }
}

/// Group and attributes of an item.
fn attributes(entry: &SkuEntry) -> [Option<&str>; 1 + ATTRIBUTES] {
    let mut parts = [entry.group.as_str()].into_iter().chain(entry.tier.split(MARK).map(str::trim));
    std::array::from_fn(|_| parts.next().filter(|part| !part.is_empty()))
}

fn known(prepared: &Prepared, sku: usize) -> Option<Known> {
    let c = prepared.panel.columns();
    let counted = |row: &usize| prepared.evidence[*row] == Evidence::Counted;
    let (mut sold, mut n) = (0.0, 0.0);
    for row in prepared.panel.rows_of(sku).filter(counted).filter(|&row| !prepared.is_promoted(row)) {
        sold += c.units[row];
        n += prepared.exposure[row];
    }
    let entry = prepared.panel.skus()[sku].clone();
    (n > 0.0).then(|| Known { entry, log_price: log_price(prepared, sku), level: sold / n })
}

fn log_price(prepared: &Prepared, sku: usize) -> f64 {
    let rows = prepared.panel.rows_of(sku);
    let n = rows.len().max(1) as f64;
    rows.map(|row| prepared.panel.columns().base_price[row].ln()).sum::<f64>() / n
}

fn usual_effects(panel: &Panel, items: &[Option<&FittedItem>]) -> (BTreeMap<Group, [f64; 3]>, [f64; 3]) {
    let mut sums: BTreeMap<Group, ([f64; 3], f64)> = BTreeMap::new();
    let mut all = ([0.0; 3], 0.0);
    for (entry, item) in panel.skus().iter().zip(items) {
        let Some(item) = item else { continue };
        for sum in [sums.entry(entry.group.clone()).or_default(), &mut all] {
            sum.0.iter_mut().zip([OWN, FEATURE, DISPLAY]).for_each(|(sum, at)| *sum += item.effects[at]);
            sum.1 += 1.0;
        }
    }
    let mean = |(sum, n): ([f64; 3], f64)| sum.map(|sum| sum / f64::max(n, 1.0));
    (sums.into_iter().map(|(group, sum)| (group, mean(sum))).collect(), mean(all))
}
