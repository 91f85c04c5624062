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
    /// Standard deviation of log(price / base price) around the mean of its series, pooled over all rows.
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
    /// Sum of squares of log(price / base price) around the mean of each series.
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
    into.variation += (squares - sum * sum / count).max(0.0);
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
    let price_variation = (found.variation / found.rows as f64).sqrt();
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
        format!(
            "price variation: the price moves by {:.1} % (standard deviation), 3 % wanted",
            100.0 * price_variation
        ),
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

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_model::{PanelColumns, Period, PlaceEntry, SkuEntry};

    /// Two items of one place over so many days; the second is never promoted and mostly out of stock.
    fn judged(days: i32) -> Vec<Readiness> {
        let rows: Vec<(u32, i32)> = (0..2).flat_map(|sku| (0..days).map(move |day| (sku, day))).collect();
        let promoted = |&(sku, day): &(u32, i32)| sku == 0 && day % 7 < 2;
        let columns = PanelColumns {
            sku: rows.iter().map(|row| row.0).collect(),
            place: vec![0; rows.len()],
            period: rows.iter().map(|row| Period(row.1)).collect(),
            units: vec![3.0; rows.len()],
            price: rows.iter().map(|row| if promoted(row) { 0.8 } else { 1.0 }).collect(),
            base_price: vec![1.0; rows.len()],
            feature: vec![0.0; rows.len()],
            display: vec![0.0; rows.len()],
            stockout_share: rows.iter().map(|row| if row.0 == 1 { 0.6 } else { 0.0 }).collect(),
            controls: vec![],
        };
        let skus = ["a", "b"].map(|sku| SkuEntry { sku: sku.into(), group: "g".into(), tier: String::new() });
        let places = vec![PlaceEntry { place: "x".into(), region: String::new() }];
        let panel = Panel::new(Calendar::Day, skus.into(), places, columns).unwrap();
        readiness(&panel, &BTreeMap::from([("a".into(), "Tea".to_owned())]))
    }

    #[test]
    fn each_category_is_told_what_it_lacks_and_what_would_help() {
        let [none, tea] = judged(90).try_into().unwrap();
        assert_eq!((tea.category.as_str(), tea.verdict), ("Tea", ReadinessVerdict::Ready));
        assert_eq!((tea.periods, tea.promoted_periods, tea.missing.len()), (90, 26, 0));
        let share = 26.0 / 90.0_f64;
        let expected = 0.8_f64.ln().abs() * (share * (1.0 - share)).sqrt();
        assert!((tea.price_variation - expected).abs() < 1e-12);
        assert_eq!((none.category.as_str(), none.verdict), ("(none)", ReadinessVerdict::NotReady));
        assert!((none.in_stock_share - 0.4).abs() < 1e-12);
        assert_eq!(none.missing.len(), 3);
        assert_eq!(none.missing.len(), none.helps.len());
    }

    #[test]
    fn a_short_history_is_thin_and_a_shorter_one_is_not_ready() {
        let tea = |days| judged(days).pop().unwrap();
        assert_eq!(tea(42).verdict, ReadinessVerdict::Thin);
        assert!(tea(42).helps[0].contains("load 14 more days"));
        assert_eq!(tea(20).verdict, ReadinessVerdict::NotReady);
    }
}
