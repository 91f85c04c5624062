//! Readiness: whether the history of each category can carry an estimate, what is missing and what would help.
//!
//! The thresholds are rules of thumb of the field, not tests: an estimate refuses or widens by itself where the data
//! cannot tell (see the demand crate); this report says so beforehand, in the retailer's words.

use endcap_model::{Calendar, Panel, Sku};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How far a category can be estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadinessVerdict {
    /// Its own history carries estimates.
    Ready,
    /// Estimates will borrow from other categories and have wide intervals.
    Thin,
    /// Nothing can be learned from it yet.
    NotReady,
}

/// Whether the history of one category can carry an estimate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Readiness {
    /// The category.
    pub category: String,
    /// Items with sales.
    pub skus: usize,
    /// Series of an item at a place.
    pub series: usize,
    /// Periods from the first to the last sale.
    pub periods: usize,
    /// Distinct item-periods with a price cut of 5 % or more, a feature or a display.
    pub promoted_periods: usize,
    /// Mean over series of the standard deviation of log(price / base price).
    pub price_variation: f64,
    /// Share of the selling time with stock, over all rows.
    pub in_stock_share: f64,
    /// How far it can be estimated.
    pub verdict: ReadinessVerdict,
    /// What is missing.
    pub missing: Vec<String>,
    /// What would help.
    pub helps: Vec<String>,
}

/// A price cut from which a period counts as promoted.
const PROMOTED_RATIO_MAX: f64 = 0.95;

struct Gathered {
    skus: BTreeSet<u32>,
    promoted: BTreeSet<(u32, i32)>,
    series: usize,
    variation: f64,
    periods: (i32, i32),
    in_stock: f64,
    rows: usize,
    sold: f64,
}

/// Judges every category of a panel; items without a category are judged together as `(none)`.
pub fn readiness(panel: &Panel, category_of: &BTreeMap<Sku, String>) -> Vec<Readiness> {
    let mut gathered: BTreeMap<&str, Gathered> = BTreeMap::new();
    for (index, entry) in panel.skus().iter().enumerate() {
        let category = category_of.get(&entry.sku).map_or("(none)", String::as_str);
        for rows in panel.series_of(index) {
            let into = gathered.entry(category).or_insert_with(|| Gathered {
                skus: BTreeSet::new(),
                promoted: BTreeSet::new(),
                series: 0,
                variation: 0.0,
                periods: (i32::MAX, i32::MIN),
                in_stock: 0.0,
                rows: 0,
                sold: 0.0,
            });
            gather(panel, index as u32, rows, into);
        }
    }
    gathered.into_iter().map(|(category, found)| judge(category, &found, panel.calendar())).collect()
}

fn gather(panel: &Panel, sku: u32, rows: std::ops::Range<usize>, into: &mut Gathered) {
    let c = panel.columns();
    let (mut sum, mut squares) = (0.0, 0.0);
    for row in rows.clone() {
        let ratio = c.price[row] / c.base_price[row];
        sum += ratio.ln();
        squares += ratio.ln().powi(2);
        if ratio <= PROMOTED_RATIO_MAX || c.feature[row] > 0.0 || c.display[row] > 0.0 {
            into.promoted.insert((sku, c.period[row].0));
        }
        into.in_stock += 1.0 - c.stockout_share[row];
        into.sold += c.units[row];
        into.periods = (into.periods.0.min(c.period[row].0), into.periods.1.max(c.period[row].0));
    }
    let count = rows.len() as f64;
    into.skus.insert(sku);
    into.series += 1;
    into.rows += rows.len();
    into.variation += (squares / count - (sum / count).powi(2)).max(0.0).sqrt();
}

/// Periods of history below which there is nothing to learn, and from which there is enough.
fn history_needed(calendar: Calendar) -> (usize, usize) {
    match calendar {
        Calendar::Day => (28, 56),
        Calendar::Week | Calendar::Index => (13, 52),
    }
}

fn judge(category: &str, found: &Gathered, calendar: Calendar) -> Readiness {
    let periods = (found.periods.1 - found.periods.0 + 1) as usize;
    let price_variation = found.variation / found.series as f64;
    let in_stock_share = found.in_stock / found.rows as f64;
    let mut report = Readiness {
        category: category.to_owned(),
        skus: found.skus.len(),
        series: found.series,
        periods,
        promoted_periods: found.promoted.len(),
        price_variation,
        in_stock_share,
        verdict: ReadinessVerdict::Ready,
        missing: vec![],
        helps: vec![],
    };
    let unit = if calendar == Calendar::Day { "days" } else { "periods" };
    let (least, enough) = history_needed(calendar);
    report.require(
        level(periods as f64, least as f64, enough as f64),
        format!("history: {periods} {unit}, {enough} wanted"),
        format!("load {} more {unit} of sales", enough.saturating_sub(periods)),
    );
    report.require(
        level(price_variation, 0.01, 0.03),
        format!("price variation: the price moves by {:.1} % (standard deviation), 3 % wanted", 100.0 * price_variation),
        "load prices paid and list prices, or test a price cut of 15 % or more in some places".to_owned(),
    );
    report.require(
        level(found.promoted.len() as f64, 3.0, 12.0),
        format!("promotions: {} promoted item-periods, 12 wanted", found.promoted.len()),
        "load the promotion calendar (features, displays), or run a few promotions".to_owned(),
    );
    report.require(
        level(in_stock_share, 0.5, 0.8),
        format!("stock: on the shelf {:.0} % of the time, 80 % wanted", 100.0 * in_stock_share),
        "mend supply first: sales cut by empty shelves say little about demand".to_owned(),
    );
    report.require(
        level(found.sold / found.rows as f64, 0.02, 0.2),
        format!("sales: {:.2} pieces per series and period, 0.2 wanted", found.sold / found.rows as f64),
        "plan at a coarser level: group items, or places into regions".to_owned(),
    );
    report
}

fn level(found: f64, least: f64, enough: f64) -> ReadinessVerdict {
    match found {
        found if found >= enough => ReadinessVerdict::Ready,
        found if found >= least => ReadinessVerdict::Thin,
        _ => ReadinessVerdict::NotReady,
    }
}

impl Readiness {
    fn require(&mut self, level: ReadinessVerdict, missing: String, help: String) {
        self.verdict = self.verdict.max(level);
        if level != ReadinessVerdict::Ready {
            self.missing.push(missing);
            self.helps.push(help);
        }
    }
}
