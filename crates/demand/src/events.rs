//! `events`: what each past promotion came to, split by where its units came from.
//!
//! An event is a run of consecutive promoted periods of a SKU in one region. Its own incremental units are what the
//! fitted effects of price, advert and display added; cannibalised units are what the group's other items lost at the
//! same places and periods; pulled-forward units are what the item itself lost afterwards to full cupboards. Expected
//! units of the periods come from the fit, moved by the shock that all places of the period shared.
//!
//! Intervals are by the delta method on the pooled effects, taken as independent, and on the shocks of the periods. Source: van Heerde, Leeflang and Wittink (2004), decomposition of the sales promotion bump.

use crate::columns::{CROSS, DIP, DISPLAY, FEATURE, LiftTerms, OWN};
use crate::distribution::given_at_least;
use crate::fit::Fitted;
use crate::level::log_expected;
use crate::prepare::{Evidence, Prepared};
use endcap_model::{Depth, Panel, Sku, Span};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Unpromoted periods before an event whose mean the naive figure compares with.
const NAIVE_PERIODS: usize = 8;
/// Share of the household stock below which no more dip is counted.
const STOCK_LEFT: f64 = 0.01;

/// Relative standard deviation of the effect of one item's price on one substitute around what the substitute's effect
/// and the item's share say: an assumption, since one effect per item stands for all its pairs.
const PAIRS_DIFFER: f64 = 0.5;

/// Units with their 95 % interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// The sum of the three.
    pub net: Split,
    /// What is usually reported: units sold less the mean of the unpromoted periods before. Nothing without such
    /// periods.
    pub naive: Option<f64>,
}

/// Expected units of every row of a panel.
struct Expected {
    mean: Vec<f64>,
    /// Relative variance of the period's shock, given what was sold.
    unsure: Vec<f64>,
}

/// Expected units of one row while it is found.
struct RowExpectation {
    row: usize,
    mean: f64,
    unsure: f64,
}

/// A sum of units with its derivatives by the effects that it depends on.
#[derive(Default)]
struct Sum {
    units: f64,
    variance: f64,
}

/// Splits each past promotion of a panel into what it gained and where that came from.
///
/// Events come sorted by SKU, region and start. Rows out of stock count with the units that could have been sold.
pub fn events(fitted: &Fitted, panel: &Panel) -> Vec<PromotionEvent> {
    let prepared = fitted.frame.prepare(panel);
    let expected = expected(fitted, &prepared);
    let members = members(panel);
    let cells = cells_of(panel);
    let mut all: Vec<PromotionEvent> = (0..panel.skus().len())
        .into_par_iter()
        .flat_map_iter(|sku| {
            let found = runs(&prepared, sku);
            let (expected, members, cells, prepared) = (&expected, &members, &cells, &prepared);
            found.into_iter().filter_map(move |run| event(fitted, prepared, expected, members, cells, sku, &run))
        })
        .collect();
    all.sort_by(|a, b| (&a.sku, &a.region, a.span).cmp(&(&b.sku, &b.region, b.span)));
    all
}

/// A run of promoted periods: region and the rows of the promoted cells.
struct Run {
    region: String,
    span: Span,
    rows: Vec<usize>,
}

/// Finds the runs of consecutive promoted periods of a SKU in each region.
fn runs(prepared: &Prepared, sku: usize) -> Vec<Run> {
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

fn members(panel: &Panel) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<&endcap_model::Group, Vec<usize>> = BTreeMap::new();
    panel.skus().iter().enumerate().for_each(|(at, entry)| groups.entry(&entry.group).or_default().push(at));
    panel
        .skus()
        .iter()
        .enumerate()
        .map(|(at, entry)| groups[&entry.group].iter().copied().filter(|&other| other != at).collect())
        .collect()
}

/// Row of every place and period, per SKU; rows of a SKU are sorted by both.
fn cells_of(panel: &Panel) -> impl Fn(usize, u32, i32) -> Option<usize> + Sync + '_ {
    let starts: Vec<std::ops::Range<usize>> = (0..panel.skus().len()).map(|sku| panel.rows_of(sku)).collect();
    move |sku, place, period| {
        let c = panel.columns();
        let (mut low, mut high) = (starts[sku].start, starts[sku].end);
        while low < high {
            let middle = (low + high) / 2;
            if (c.place[middle], c.period[middle].0) < (place, period) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low < starts[sku].end && (c.place[low], c.period[low].0) == (place, period)).then_some(low)
    }
}

/// Expected units of all rows, scaled per series to what it sold and per SKU and period to the common shock.
fn expected(fitted: &Fitted, prepared: &Prepared) -> Expected {
    let panel = prepared.panel;
    let per_sku: Vec<Vec<RowExpectation>> = (0..panel.skus().len())
        .into_par_iter()
        .map(|sku| {
            let nothing = |row| RowExpectation { row, mean: 0.0, unsure: 0.0 };
            match fitted.item(&panel.skus()[sku].sku) {
                Some(item) => expected_of(fitted, prepared, sku, item),
                None => panel.rows_of(sku).map(nothing).collect(),
            }
        })
        .collect();
    let (mean, unsure) = per_sku.into_iter().flatten().map(|row| (row.mean, row.unsure)).unzip();
    Expected { mean, unsure }
}

fn expected_of(fitted: &Fitted, prepared: &Prepared, sku: usize, item: &crate::fit::FittedItem) -> Vec<RowExpectation> {
    let terms = LiftTerms::of(&item.effects);
    let mut rows = Vec::with_capacity(prepared.panel.rows_of(sku).len());
    let mut line = vec![0.0; prepared.frame.columns()];
    for series in prepared.panel.series_of(sku) {
        let begin = rows.len();
        prepared.household_stock(series, terms, fitted.lift.dip_carry, 0.0, |row, stock| {
            prepared.write_row(row, &mut line);
            line[DIP] = stock;
            rows.push(RowExpectation { row, mean: log_expected(&line, &item.effects).exp(), unsure: 0.0 });
        });
        let series = &mut rows[begin..];
        for _ in 0..3 {
            scale_to_demand(prepared, item, series);
        }
    }
    move_by_shocks(prepared, item, &mut rows);
    rows
}

/// Units wanted in a row, completed where stock ran out, and its weight in relative terms; nothing when it says nothing.
fn wanted(prepared: &Prepared, item: &crate::fit::FittedItem, row: &RowExpectation) -> Option<(f64, f64)> {
    let units = prepared.panel.columns().units[row.row];
    let exposed = row.mean * prepared.exposure[row.row];
    match prepared.evidence[row.row] {
        Evidence::Nothing => None,
        Evidence::Counted => Some((units, exposed)),
        Evidence::Censored => {
            let variance = item.dispersion.variance(exposed).max(exposed);
            Some((given_at_least(exposed, variance, units).0, exposed))
        }
    }
}

/// Brings the expectations of one series to the level of what was wanted.
fn scale_to_demand(prepared: &Prepared, item: &crate::fit::FittedItem, series: &mut [RowExpectation]) {
    let mut sums = (0.0, 0.0);
    for (units, exposed) in series.iter().filter_map(|row| wanted(prepared, item, row)) {
        let weight = 1.0 / (item.dispersion.counting + (item.dispersion.cells + item.dispersion.shock) * exposed);
        sums.0 += weight * units;
        sums.1 += weight * exposed;
    }
    let ratio = if sums.1 > 0.0 { sums.0 / sums.1 } else { 0.0 };
    series.iter_mut().for_each(|row| row.mean *= ratio);
}

/// Moves the expectations of each period by the best guess of the shock that all its places shared.
fn move_by_shocks(prepared: &Prepared, item: &crate::fit::FittedItem, rows: &mut [RowExpectation]) {
    let c = prepared.panel.columns();
    let mut shocks: BTreeMap<i32, (f64, f64)> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.mean > 0.0) {
        if let Some((units, exposed)) = wanted(prepared, item, row) {
            let shock = shocks.entry(c.period[row.row].0).or_insert((0.0, 1.0 / item.dispersion.shock.max(1e-9)));
            shock.0 += item.dispersion.weight(exposed) * (units / exposed - 1.0);
            shock.1 += item.dispersion.weight(exposed);
        }
    }
    for row in rows {
        let (pull, weight) =
            shocks.get(&c.period[row.row].0).copied().unwrap_or((0.0, 1.0 / item.dispersion.shock.max(1e-9)));
        row.mean *= (1.0 + pull / weight).max(0.1);
        row.unsure = 1.0 / weight;
    }
}

/// Splits one run; nothing when its SKU is not in the model.
fn event(
    fitted: &Fitted,
    prepared: &Prepared,
    expected: &Expected,
    members: &[Vec<usize>],
    cells: &(impl Fn(usize, u32, i32) -> Option<usize> + Sync),
    sku: usize,
    run: &Run,
) -> Option<PromotionEvent> {
    let panel = prepared.panel;
    let item = fitted.item(&panel.skus()[sku].sku)?;
    let (own, baseline) = own_units(prepared, expected, item, &run.rows);
    let cannibalised = cannibalised_units(fitted, prepared, expected, &members[sku], cells, sku, &run.rows);
    let pulled = pulled_forward_units(fitted, prepared, expected, item, &run.rows);
    let net = Sum {
        units: own.units + cannibalised.units + pulled.units,
        variance: own.variance + cannibalised.variance + pulled.variance,
    };
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
        baseline,
        own: own.split(),
        cannibalised: cannibalised.split(),
        pulled_forward: pulled.split(),
        net: net.split(),
        naive: naive(prepared, run),
    })
}

impl Sum {
    fn split(&self) -> Split {
        let half = 1.959_964 * self.variance.sqrt();
        Split { units: self.units, lo95: self.units - half, hi95: self.units + half }
    }
}

/// Units that price, advert and display added, and the units that there would have been without them.
fn own_units(prepared: &Prepared, expected: &Expected, item: &crate::fit::FittedItem, rows: &[usize]) -> (Sum, f64) {
    let c = prepared.panel.columns();
    let (mut sum, mut baseline, mut slopes) = (Sum::default(), 0.0, [0.0; 3]);
    let mut by_period: BTreeMap<i32, (f64, f64)> = BTreeMap::new();
    for &row in rows {
        let x = [prepared.own[row], c.feature[row], c.display[row]];
        let lift: f64 = [OWN, FEATURE, DISPLAY].iter().zip(x).map(|(&at, x)| item.effects[at] * x).sum();
        let without = expected.mean[row] * (-lift).exp();
        sum.units += expected.mean[row] - without;
        baseline += without;
        let period = by_period.entry(c.period[row].0).or_default();
        period.0 += expected.mean[row] - without;
        period.1 = expected.unsure[row];
        slopes.iter_mut().zip(x).for_each(|(slope, x)| *slope += x * without);
    }
    sum.variance =
        [OWN, FEATURE, DISPLAY].iter().zip(slopes).map(|(&at, slope)| slope * slope * item.variances[at]).sum::<f64>()
            + by_period.values().map(|(units, unsure)| units * units * unsure).sum::<f64>();
    (sum, baseline)
}

/// Units that the group's other items lost at the same places and periods.
fn cannibalised_units(
    fitted: &Fitted,
    prepared: &Prepared,
    expected: &Expected,
    others: &[usize],
    cells: &impl Fn(usize, u32, i32) -> Option<usize>,
    sku: usize,
    rows: &[usize],
) -> Sum {
    let panel = prepared.panel;
    let c = panel.columns();
    let share = |sku: usize| fitted.frame.shares.get(&panel.skus()[sku].sku).copied().unwrap_or(0.0).max(1e-9);
    let mut sum = Sum::default();
    let mut slopes = vec![0.0; others.len()];
    let mut lost = vec![0.0; others.len()];
    for &row in rows {
        let present: Vec<Option<usize>> =
            others.iter().map(|&other| cells(other, c.place[row], c.period[row].0)).collect();
        let total: f64 =
            others.iter().zip(&present).filter(|(_, row)| row.is_some()).map(|(&other, _)| share(other)).sum();
        for (at, (&other, found)) in others.iter().zip(&present).enumerate() {
            let (Some(found), Some(item)) = (*found, fitted.item(&panel.skus()[other].sku)) else { continue };
            let moved = share(sku) / (total - share(other) + share(sku)) * prepared.own[row];
            let without = expected.mean[found] * (-item.effects[CROSS] * moved).exp();
            sum.units += expected.mean[found] - without;
            slopes[at] += moved * without;
            lost[at] += expected.mean[found] - without;
        }
    }
    for ((&other, slope), lost) in others.iter().zip(slopes).zip(lost) {
        let variance = fitted.item(&panel.skus()[other].sku).map_or(0.0, |item| item.variances[CROSS]);
        sum.variance += slope * slope * variance + (PAIRS_DIFFER * lost).powi(2);
    }
    sum
}

/// Units that the item lost in the periods after its promoted ones, promoted themselves or not.
fn pulled_forward_units(
    fitted: &Fitted,
    prepared: &Prepared,
    expected: &Expected,
    item: &crate::fit::FittedItem,
    rows: &[usize],
) -> Sum {
    let c = prepared.panel.columns();
    let (carry, dip) = (fitted.lift.dip_carry, item.effects[DIP]);
    let terms = LiftTerms::of(&item.effects);
    let mut added: BTreeMap<usize, f64> = BTreeMap::new();
    for &row in rows {
        let mut stock = prepared.log_lift(row, terms);
        let mut last = c.period[row].0;
        let same = |next: usize| next < c.sku.len() && c.sku[next] == c.sku[row] && c.place[next] == c.place[row];
        for next in (row + 1..).take_while(|&next| same(next)) {
            stock *= carry.powi(c.period[next].0 - last - 1);
            if stock < STOCK_LEFT {
                break;
            }
            *added.entry(next).or_default() += stock;
            stock *= carry;
            last = c.period[next].0;
        }
    }
    let (mut sum, mut slope) = (Sum::default(), 0.0);
    for (row, stock) in added {
        let without = expected.mean[row] * (-dip * stock).exp();
        sum.units += expected.mean[row] - without;
        slope += stock * without;
    }
    sum.variance = slope * slope * item.variances[DIP];
    sum
}

/// Units sold in the run less the mean of the unpromoted periods before it, place by place.
fn naive(prepared: &Prepared, run: &Run) -> Option<f64> {
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
            gained = Some(gained.unwrap_or(0.0) + c.units[row] - usual);
        }
    }
    gained
}
