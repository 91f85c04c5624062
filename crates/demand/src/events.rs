//! `events`: what each past promotion came to, split by where its units came from.
//!
//! An event is a run of consecutive promoted periods of a SKU in one region. Its own incremental units are what the
//! fitted effects of price, advert and display added; cannibalised units are what the group's other items lost at the
//! same places and periods; pulled-forward units are what the item itself lost afterwards to full cupboards; halo is what
//! the item's part of its group's price index moved in other groups that were seen to follow it. Expected units of the
//! periods come from the fit, moved by the shock that all places of the period shared.
//!
//! Intervals are by the delta method on the pooled effects and on the shocks of the periods; effects of price, advert
//! and display keep the correlation of their estimates, since one's gain is another's loss; errors of a halo are one
//! error for all items that it reaches, since mostly their mean is known; all others are taken as independent. Source: van Heerde, Leeflang and Wittink (2004), decomposition of the sales promotion bump.

use crate::columns::{DIP, DISPLAY, FEATURE, LiftTerms, OWN};
use crate::distribution::given_at_least;
use crate::fit::{Fitted, FittedItem, Z95};
use crate::further::HaloReach;
use crate::level::log_expected;
use crate::partners::members;
use crate::prepare::{Evidence, Prepared};
use endcap_model::{Depth, Panel, Sku, Span};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Unpromoted periods before an event whose mean the naive figure compares with.
const NAIVE_PERIODS: usize = 8;
/// Rounds in which levels and shocks settle.
const ROUNDS: usize = 6;
/// Share of the household stock below which no more dip is counted.
const STOCK_LEFT: f64 = 0.01;

/// Assumed spread of an item's part in what its group does to another, as a share: only the group's is known.
const PART_SPREAD: f64 = 0.3;

/// Effects that a promotion's units depend on, in the order of the slopes of a [`Sum`].
const TERMS: [usize; 4] = [OWN, FEATURE, DISPLAY, DIP];

/// Units with their 95 % interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = UnitsSplit))]
pub struct Split {
    /// Expected units.
    pub units: f64,
    /// Lower end of the 95 % interval.
    pub lo95: f64,
    /// Upper end of the 95 % interval.
    pub hi95: f64,
}

/// One past promotion of one SKU in one region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromotionEvent {
    /// The item.
    pub sku: Sku,
    /// Region, empty where places have none.
    pub region: String,
    /// Periods in which it ran.
    pub span: Span,
    /// Deepest price cut.
    pub depth: Depth,
    /// Places in which it ran at any time.
    pub places: usize,
    /// Expected units of the promoted cells without the promotion.
    pub baseline: f64,
    /// Units that the promotion itself added in its periods.
    pub own: Split,
    /// Units that the group's other items lost meanwhile: 0 or less, as a rule.
    pub cannibalised: Split,
    /// Units that the item lost after each promoted period: 0 or less, as a rule.
    pub pulled_forward: Split,
    /// Units that other groups sold more or less meanwhile; nothing where none was seen to follow the item's group.
    #[serde(default)]
    pub halo: Option<Split>,
    /// The sum of these.
    pub net: Split,
    /// What is usually reported: units sold less the mean of the unpromoted periods before. Nothing without such
    /// periods.
    pub naive: Option<f64>,
}

/// What one unit of every row counts for: 1, or money.
pub(crate) struct Rates {
    /// A unit that was sold.
    pub(crate) with: Vec<f64>,
    /// A unit that would have been sold without the promotion.
    pub(crate) without: Vec<f64>,
}

/// What past promotions are split from, worked out once for a panel.
pub(crate) struct Past<'a> {
    pub(crate) fitted: &'a Fitted,
    pub(crate) prepared: &'a Prepared<'a>,
    pub(crate) expected: Expected,
    others: Vec<Vec<usize>>,
    reach: HaloReach,
}

/// Sums of one promotion, in the measure of the rates.
#[derive(Clone, Copy, Default)]
pub(crate) struct Parts {
    pub(crate) own: Sum,
    pub(crate) cannibalised: Sum,
    pub(crate) pulled: Sum,
    pub(crate) halo: Option<Sum>,
}

/// Expected units of every row of a panel.
pub(crate) struct Expected {
    pub(crate) mean: Vec<f64>,
    /// Relative variance of the period's shock, given what was sold.
    pub(crate) unsure: Vec<f64>,
    /// Share of an error of the effects that the sales of the period do not mend.
    unmended: Vec<f64>,
}

/// Expected units of one row while it is found.
#[derive(Clone, Copy)]
struct RowExpectation {
    row: usize,
    mean: f64,
    unsure: f64,
    unmended: f64,
}

/// A sum of units with its derivatives by the effects that it depends on.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sum {
    pub(crate) units: f64,
    /// Derivatives by [`TERMS`].
    slopes: [f64; 4],
    /// What one standard error of the halo moves.
    pub(crate) halo: f64,
    /// Variance for all other reasons.
    others: f64,
}

/// Splits each past promotion of a panel into what it gained and where that came from.
///
/// Events come sorted by SKU, region and start. Rows out of stock count with the units that could have been sold.
pub fn events(fitted: &Fitted, panel: &Panel) -> Vec<PromotionEvent> {
    let prepared = fitted.frame.prepare(panel);
    let past = Past::of(fitted, &prepared);
    let units = Rates::units(panel);
    let mut all: Vec<PromotionEvent> = (0..panel.skus().len())
        .into_par_iter()
        .flat_map_iter(|sku| {
            let (past, units) = (&past, &units);
            runs(past.prepared, sku).into_iter().filter_map(move |run| past.event(sku, &run, units))
        })
        .collect();
    all.sort_by(|a, b| (&a.sku, &a.region, a.span).cmp(&(&b.sku, &b.region, b.span)));
    all
}

impl Rates {
    /// Every unit counts for one.
    pub(crate) fn units(panel: &Panel) -> Self {
        Self { with: vec![1.0; panel.len()], without: vec![1.0; panel.len()] }
    }
}

impl<'a> Past<'a> {
    pub(crate) fn of(fitted: &'a Fitted, prepared: &'a Prepared<'a>) -> Self {
        let (expected, others) = (expected(fitted, prepared), others(prepared.panel));
        Self { fitted, prepared, expected, others, reach: HaloReach::of(prepared) }
    }

    /// Items of other groups that follow an item's group.
    pub(crate) fn followers(&self, sku: usize) -> impl Iterator<Item = usize> {
        let group = &self.prepared.panel.skus()[sku].group;
        self.reach.from(group).iter().flat_map(|(_, items)| items.iter().copied())
    }

    /// Other items of an item's group.
    pub(crate) fn others(&self, sku: usize) -> &[usize] {
        &self.others[sku]
    }

    /// Sums a run up; nothing when its SKU is not in the model.
    pub(crate) fn parts(&self, sku: usize, run: &Run, rates: &Rates) -> Option<Parts> {
        let item = self.fitted.item(&self.prepared.panel.skus()[sku].sku)?;
        Some(Parts {
            own: own_units(self, item, &run.rows, rates).0,
            cannibalised: cannibalised_units(self, sku, &run.rows, rates),
            pulled: pulled_forward_units(self, item, &run.rows, rates),
            halo: halo_units(self, sku, &run.rows, rates),
        })
    }

    /// Splits one run; nothing when its SKU is not in the model.
    pub(crate) fn event(&self, sku: usize, run: &Run, units: &Rates) -> Option<PromotionEvent> {
        let (panel, prepared) = (self.prepared.panel, self.prepared);
        let item = self.fitted.item(&panel.skus()[sku].sku)?;
        let parts = self.parts(sku, run, units)?;
        let depth = run.rows.iter().map(|&row| 1.0 - prepared.own[row].exp()).fold(0.0, f64::max);
        let mut places: Vec<u32> = run.rows.iter().map(|&row| panel.columns().place[row]).collect();
        places.sort_unstable();
        places.dedup();
        Some(PromotionEvent {
            sku: panel.skus()[sku].sku.clone(),
            region: run.region.clone(),
            span: run.span,
            depth: Depth::from_share(depth.clamp(0.0, 0.9999)).unwrap_or(Depth::ZERO),
            places: places.len(),
            baseline: own_units(self, item, &run.rows, units).1,
            own: parts.own.split(item),
            cannibalised: parts.cannibalised.split(item),
            pulled_forward: parts.pulled.split(item),
            halo: parts.halo.map(|halo| halo.split(item)),
            net: parts.net().split(item),
            naive: naive(prepared, run, units),
        })
    }
}

impl Parts {
    pub(crate) fn net(&self) -> Sum {
        self.own.plus(&self.cannibalised).plus(&self.pulled).plus(&self.halo.unwrap_or_default())
    }
}

/// A run of promoted periods: region and the rows of the promoted cells.
pub(crate) struct Run {
    pub(crate) region: String,
    pub(crate) span: Span,
    pub(crate) rows: Vec<usize>,
}

/// Finds the runs of consecutive promoted periods of a SKU in each region.
pub(crate) fn runs(prepared: &Prepared, sku: usize) -> Vec<Run> {
    let c = prepared.panel.columns();
    let mut by_region: BTreeMap<&str, BTreeMap<i32, Vec<usize>>> = BTreeMap::new();
    for row in prepared.panel.rows_of(sku).filter(|&row| prepared.is_promoted(row)) {
        let region = prepared.panel.places()[c.place[row] as usize].region.as_str();
        by_region.entry(region).or_default().entry(c.period[row].0).or_default().push(row);
    }
    let mut runs: Vec<Run> = Vec::new();
    for (region, periods) in by_region {
        let mut open: Option<Run> = None;
        for (period, rows) in periods {
            let at = endcap_model::Period(period);
            match &mut open {
                Some(run) if run.span.end == at => {
                    run.span.end = at.plus(1);
                    run.rows.extend(rows);
                }
                _ => {
                    runs.extend(open.take());
                    open = Some(Run { region: region.to_owned(), span: Span { start: at, end: at.plus(1) }, rows });
                }
            }
        }
        runs.extend(open);
    }
    runs
}

/// Other items of each item's group.
fn others(panel: &Panel) -> Vec<Vec<usize>> {
    let groups = members(panel);
    let entries = panel.skus().iter().enumerate();
    entries.map(|(at, entry)| groups[&entry.group].iter().copied().filter(|&other| other != at).collect()).collect()
}

/// Effect of one item's price on another.
struct Taken {
    mean: f64,
    se: f64,
}

/// Finds what an item takes from another: an effect of its own, or its part of what the unlisted ones share.
fn taken(fitted: &Fitted, panel: &Panel, from: usize, by: usize) -> Option<Taken> {
    let (from, by) = (&panel.skus()[from].sku, &panel.skus()[by].sku);
    let response = fitted.lift.response(from)?;
    if let Some(partner) = response.partners.iter().find(|partner| partner.partner == *by) {
        return Some(Taken { mean: partner.effect.mean, se: partner.effect.se });
    }
    let share = |sku: &Sku| fitted.frame.shares.get(sku).copied().unwrap_or(0.0).max(1e-9);
    let partners = fitted.frame.partners.get(from)?;
    let listed: f64 = partners.listed.iter().map(|(sku, _)| share(sku)).sum();
    let unlisted = (1.0 - share(from) - listed).max(share(by));
    let weight = partners.rest * share(by) / unlisted;
    Some(Taken { mean: weight * response.cross_price.mean, se: weight * response.cross_price.se })
}

/// Expected units of all rows, scaled per series to what it sold and per SKU and period to the common shock.
pub(crate) fn expected(fitted: &Fitted, prepared: &Prepared) -> Expected {
    let panel = prepared.panel;
    let per_sku: Vec<Vec<RowExpectation>> = (0..panel.skus().len())
        .into_par_iter()
        .map(|sku| {
            let nothing = |row| RowExpectation { row, mean: 0.0, unsure: 0.0, unmended: 1.0 };
            match fitted.item(&panel.skus()[sku].sku) {
                Some(item) => expected_of(fitted, prepared, sku, item),
                None => panel.rows_of(sku).map(nothing).collect(),
            }
        })
        .collect();
    let rows = per_sku.concat();
    Expected {
        mean: rows.iter().map(|row| row.mean).collect(),
        unsure: rows.iter().map(|row| row.unsure).collect(),
        unmended: rows.iter().map(|row| row.unmended).collect(),
    }
}

fn expected_of(fitted: &Fitted, prepared: &Prepared, sku: usize, item: &FittedItem) -> Vec<RowExpectation> {
    let terms = LiftTerms::of(&item.effects);
    let mut rows = Vec::with_capacity(prepared.panel.rows_of(sku).len());
    let mut line = vec![0.0; prepared.frame.columns()];
    for series in prepared.panel.series_of(sku) {
        prepared.household_stock(series, terms, fitted.lift.dip_carry, 0.0, |row, stock| {
            prepared.write_row(row, &mut line);
            line[DIP] = stock;
            let mean = log_expected(&line, &item.effects).exp();
            rows.push(RowExpectation { row, mean, unsure: 0.0, unmended: 1.0 });
        });
    }
    settle(prepared, item, &mut rows);
    rows
}

/// Units wanted in a row at a shock of its period, completed where stock ran out; nothing when it says nothing.
fn wanted(prepared: &Prepared, item: &FittedItem, row: &RowExpectation, shock: f64) -> Option<f64> {
    let units = prepared.panel.columns().units[row.row];
    match prepared.evidence[row.row] {
        Evidence::Nothing => None,
        Evidence::Counted => Some(units),
        Evidence::Censored => {
            let mean = row.mean * shock;
            Some(given_at_least(mean, item.dispersion.variance_in_period(mean).max(mean), units).0)
        }
    }
}

/// Brings expectations to what was wanted: each series to its own level, each period to its common shock, in turn,
/// since one says how much more was wanted than the shelves held and moves the other.
fn settle(prepared: &Prepared, item: &FittedItem, rows: &mut [RowExpectation]) {
    let c = prepared.panel.columns();
    let none = 1.0 / item.dispersion.shock.max(1e-9);
    let mut shocks: BTreeMap<i32, (f64, f64)> = BTreeMap::new();
    let shock = |shocks: &BTreeMap<i32, (f64, f64)>, row: usize| {
        let (pull, weight) = shocks.get(&c.period[row].0).copied().unwrap_or((0.0, none));
        ((1.0 + pull / weight).max(0.1), 1.0 / weight)
    };
    for _ in 0..ROUNDS {
        for series in rows.chunk_by_mut(|a, b| c.place[a.row] == c.place[b.row]) {
            let mut sums = (0.0, 0.0);
            for row in series.iter() {
                let (factor, _) = shock(&shocks, row.row);
                if let Some(units) = wanted(prepared, item, row, factor) {
                    let exposed = row.mean * prepared.exposure[row.row] * factor;
                    let weight = 1.0 / (item.dispersion.counting + item.dispersion.cells * exposed);
                    sums.0 += weight * units;
                    sums.1 += weight * exposed;
                }
            }
            let ratio = if sums.1 > 0.0 { sums.0 / sums.1 } else { 0.0 };
            series.iter_mut().for_each(|row| row.mean *= ratio);
        }
        let mut next: BTreeMap<i32, (f64, f64)> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.mean > 0.0) {
            if let Some(units) = wanted(prepared, item, row, shock(&shocks, row.row).0) {
                let exposed = row.mean * prepared.exposure[row.row];
                let sum = next.entry(c.period[row.row].0).or_insert((0.0, none));
                sum.0 += item.dispersion.weight(exposed) * (units / exposed - 1.0);
                sum.1 += item.dispersion.weight(exposed);
            }
        }
        shocks = next;
    }
    for row in rows {
        let (factor, unsure) = shock(&shocks, row.row);
        row.mean *= factor;
        row.unsure = unsure;
        row.unmended = none * unsure;
    }
}

impl Sum {
    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self {
            units: self.units + other.units,
            slopes: std::array::from_fn(|at| self.slopes[at] + other.slopes[at]),
            halo: self.halo + other.halo,
            others: self.others + other.others,
        }
    }

    /// Variance that errors of the item's effects cause, and all others.
    pub(crate) fn variance(&self, item: &FittedItem) -> f64 {
        let parts: [f64; 4] = std::array::from_fn(|at| self.slopes[at] * item.variances[TERMS[at]].sqrt());
        let [price, feature, display] = item.related;
        let together = price * parts[0] * parts[1] + display * parts[1] * parts[2] + feature * parts[0] * parts[2];
        let own = parts.iter().map(|part| part * part).sum::<f64>() + 2.0 * together;
        own.max(0.0) + self.halo * self.halo + self.others
    }

    pub(crate) fn split(&self, item: &FittedItem) -> Split {
        let half = Z95 * self.variance(item).sqrt();
        Split { units: self.units, lo95: self.units - half, hi95: self.units + half }
    }
}

/// Units by period, for what the shock of a period moves together.
#[derive(Default)]
pub(crate) struct ByPeriod(BTreeMap<i32, (f64, f64)>);

impl ByPeriod {
    pub(crate) fn add(&mut self, period: i32, units: f64, unsure: f64) {
        let entry = self.0.entry(period).or_default();
        entry.0 += units;
        entry.1 = unsure;
    }

    pub(crate) fn variance(&self) -> f64 {
        self.0.values().map(|(units, unsure)| units * units * unsure).sum()
    }
}

/// Units that price, advert and display added, and the units that there would have been without them.
fn own_units(past: &Past, item: &FittedItem, rows: &[usize], rates: &Rates) -> (Sum, f64) {
    let Past { prepared, expected, .. } = past;
    let c = prepared.panel.columns();
    let (mut sum, mut baseline, mut by_period) = (Sum::default(), 0.0, ByPeriod::default());
    let further = &prepared.frame.promotion()[3..];
    let (mut line, mut slopes) = (vec![0.0; prepared.frame.columns()], vec![0.0; further.len()]);
    for &row in rows {
        let x = prepared.support(row);
        let mut lift: f64 = TERMS.iter().zip(x).map(|(&at, x)| item.effects[at] * x).sum();
        if !further.is_empty() {
            prepared.write_row(row, &mut line);
            lift += further.iter().map(|&at| item.effects[at] * line[at]).sum::<f64>();
        }
        let without = expected.mean[row] * (-lift).exp();
        let counted = rates.with[row] * expected.mean[row] - rates.without[row] * without;
        sum.units += counted;
        baseline += without;
        by_period.add(c.period[row].0, counted, expected.unsure[row]);
        let unmended = rates.with[row] * expected.unmended[row] * (expected.mean[row] - without);
        sum.slopes.iter_mut().zip(x).for_each(|(slope, x)| *slope += x * (rates.without[row] * without + unmended));
        let moved = rates.without[row] * without + unmended;
        slopes.iter_mut().zip(further).for_each(|(slope, &at)| *slope += line[at] * moved);
    }
    let of_further = slopes.iter().zip(further).map(|(slope, &at)| slope * slope * item.variances[at]);
    sum.others = by_period.variance() + of_further.sum::<f64>();
    (sum, baseline)
}

/// Units that the group's other items lost at the same places and periods.
fn cannibalised_units(past: &Past, sku: usize, rows: &[usize], rates: &Rates) -> Sum {
    let Past { fitted, prepared, expected, others, .. } = past;
    let panel = prepared.panel;
    let c = panel.columns();
    let mut sum = Sum::default();
    for &other in &others[sku] {
        let Some(taken) = taken(fitted, panel, other, sku) else { continue };
        let (mut slope, mut by_period) = (0.0, ByPeriod::default());
        for &row in rows {
            let Some(found) = panel.row_of(other, c.place[row], c.period[row]) else { continue };
            let without = expected.mean[found] * (-taken.mean * prepared.own[row]).exp();
            let lost = rates.with[found] * (expected.mean[found] - without);
            sum.units += lost;
            slope += rates.with[found] * prepared.own[row] * without;
            by_period.add(c.period[row].0, lost, expected.unsure[found]);
        }
        sum.others += slope * slope * taken.se * taken.se + by_period.variance();
    }
    sum
}

/// Units that items of other groups sold more or less at the same places and periods.
fn halo_units(past: &Past, sku: usize, rows: &[usize], rates: &Rates) -> Option<Sum> {
    let Past { fitted, prepared, expected, reach, .. } = past;
    let panel = prepared.panel;
    let c = panel.columns();
    let links = reach.from(&panel.skus()[sku].group);
    let mut sum = Sum::default();
    for (effect, other) in links.iter().flat_map(|(effect, items)| items.iter().map(move |other| (*effect, *other))) {
        let Some(item) = fitted.item(&panel.skus()[other].sku) else { continue };
        let mut by_period = ByPeriod::default();
        for &row in rows {
            let Some(found) = panel.row_of(other, c.place[row], c.period[row]) else { continue };
            let moved = reach.moved(prepared, row);
            let without = expected.mean[found] * (-item.effects[effect] * moved).exp();
            let gained = rates.with[found] * (expected.mean[found] - without);
            sum.units += gained;
            sum.halo += rates.with[found] * moved * without * item.variances[effect].sqrt();
            by_period.add(c.period[row].0, gained, expected.unsure[found]);
        }
        sum.others += by_period.variance();
    }
    sum.others += (PART_SPREAD * sum.units).powi(2);
    (!links.is_empty()).then_some(sum)
}

/// Units that the item lost in the periods after its promoted ones, promoted themselves or not.
fn pulled_forward_units(past: &Past, item: &FittedItem, rows: &[usize], rates: &Rates) -> Sum {
    let Past { fitted, prepared, expected, .. } = past;
    let c = prepared.panel.columns();
    let (carry, dip) = (fitted.lift.dip_carry, item.effects[DIP]);
    let terms = LiftTerms::of(&item.effects);
    // Household stock of each later row, and what it holds of price, advert and display.
    let mut added: BTreeMap<usize, (f64, [f64; 4])> = BTreeMap::new();
    for &row in rows {
        let (lift, mut left) = (prepared.log_lift(row, terms), 1.0);
        let mut last = c.period[row].0;
        let same = |next: usize| next < c.sku.len() && c.sku[next] == c.sku[row] && c.place[next] == c.place[row];
        for next in (row + 1..).take_while(|&next| same(next)) {
            left *= carry.powi(c.period[next].0 - last - 1);
            if left * lift < STOCK_LEFT {
                break;
            }
            let stock = added.entry(next).or_default();
            stock.0 += left * lift;
            stock.1.iter_mut().zip(prepared.support(row)).for_each(|(sum, x)| *sum += left * x);
            left *= carry;
            last = c.period[next].0;
        }
    }
    let (mut sum, mut by_period) = (Sum::default(), ByPeriod::default());
    for (row, (stock, support)) in added {
        let without = rates.with[row] * expected.mean[row] * (-dip * stock).exp();
        let lost = rates.with[row] * expected.mean[row] - without;
        sum.units += lost;
        by_period.add(c.period[row].0, lost, expected.unsure[row]);
        sum.slopes.iter_mut().zip(support).for_each(|(slope, x)| *slope += dip * x * without);
        sum.slopes[3] += stock * without;
    }
    sum.others = by_period.variance();
    sum
}

/// Units sold in the run less the mean of the unpromoted periods before it, place by place.
pub(crate) fn naive(prepared: &Prepared, run: &Run, rates: &Rates) -> Option<f64> {
    let c = prepared.panel.columns();
    let mut gained = None;
    for &row in &run.rows {
        let start = (0..=row).rev().take_while(|&at| c.sku[at] == c.sku[row] && c.place[at] == c.place[row]).last()?;
        let before: Vec<f64> = (start..row)
            .rev()
            .filter(|&at| !prepared.is_promoted(at) && c.period[at] < run.span.start)
            .take(NAIVE_PERIODS)
            .map(|at| c.units[at])
            .collect();
        if !before.is_empty() {
            let usual = before.iter().sum::<f64>() / before.len() as f64;
            gained = Some(gained.unwrap_or(0.0) + rates.with[row] * (c.units[row] - usual));
        }
    }
    gained
}
