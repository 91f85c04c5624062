//! Regime: whether sales have left the range that a model was fitted in.
//!
//! A forecast outside its training range is a guess, whatever its band says. So the check is one of effect size over all
//! cells at once, not of significance: with thousands of cells every week differs significantly from its forecast, and
//! people stop to look. Sales over expectation are compared with the whole range in which that ratio has moved before;
//! several periods in a row beyond it, on the same side, are another regime. How far their level has shifted is told as
//! `shift` measures it; to ask that it be beyond chance would miss half of all collapses in their first weeks. Never says
//! why, and decides nothing.
//!
//! Source: control charts with limits from a reference period (Montgomery 2013, chapter 5), limits widened to the extremes;
//! that effect size and not significance should raise an alarm is what users of drift monitors ask for.

use crate::shift::{Measured, Ratio, shift};
use endcap_model::{Calendar, Forecast, Panel, Period, Place, Sku};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// When sales count as out of range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegimeRules {
    /// Periods before one that tell what it is usually like, for the range of a history.
    pub window: usize,
    /// Periods of a history that it takes to know a range.
    pub history_least: usize,
    /// How far beyond the extremes of the history sales must lie: a factor.
    pub beyond: f64,
    /// Periods in a row that it takes.
    pub in_a_row: usize,
}

impl Default for RegimeRules {
    fn default() -> Self {
        Self { window: 4, history_least: 8, beyond: 1.25, in_a_row: 2 }
    }
}

/// What the latest periods sold, beside what was expected of them and the range known before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Regime {
    /// Number of periods that are judged.
    pub periods: usize,
    /// Pieces sold in them.
    pub sold: f64,
    /// Pieces expected.
    pub expected: f64,
    /// Sold over expected.
    pub ratio: f64,
    /// Lowest ratio of a period in the range known before.
    pub lowest: f64,
    /// Highest.
    pub highest: f64,
    /// The ratio over its usual one.
    pub shift: Measured,
    /// Whether each of the periods is beyond the range, on one side.
    pub outside: bool,
}

/// Judges the latest periods: `known` are ratios of sold over expected from before, `latest` is sold and expected by
/// period. Nothing where either is too short to tell.
pub fn regime(known: &[f64], latest: &[(f64, f64)], rules: &RegimeRules) -> Option<Regime> {
    let usable = || known.iter().copied().filter(|ratio| ratio.is_finite() && *ratio > 0.0);
    let logs: Vec<f64> = usable().map(f64::ln).collect();
    if logs.len() < rules.history_least.max(2) || latest.len() < rules.in_a_row || rules.in_a_row == 0 {
        return None;
    }
    let judged = &latest[latest.len() - rules.in_a_row..];
    if judged.iter().any(|(_, expected)| *expected <= 0.0) {
        return None;
    }
    let (now, then) = (Ratio::of(judged.iter().copied())?, Ratio::of(usable().map(|ratio| (ratio, 1.0)))?);
    let (low, high) = logs.iter().fold((f64::MAX, f64::MIN), |range, log| (range.0.min(*log), range.1.max(*log)));
    let slack = rules.beyond.max(1.0).ln();
    let log = |(sold, expected): &(f64, f64)| (sold / expected).ln();
    let below = judged.iter().all(|period| log(period) < low - slack);
    let above = judged.iter().all(|period| log(period) > high + slack);
    Some(Regime {
        periods: rules.in_a_row,
        sold: now.value * now.base,
        expected: now.base,
        ratio: now.value,
        lowest: low.exp(),
        highest: high.exp(),
        shift: shift(&now, Some(&then), 1),
        outside: below || above,
    })
}

/// Judges the sales of a panel that came after a forecast was made, in the periods and cells that it forecast.
///
/// The range is that of the history before the forecast: each period over the mean of the `window` before it.
pub fn regime_after(panel: &Panel, forecast: &Forecast, rules: &RegimeRules) -> Option<Regime> {
    let first = forecast.rows.iter().map(|row| row.period).min()?;
    let totals = totals_by_period(panel);
    let before: Vec<f64> = totals.range(..first).map(|(_, units)| *units).collect();
    let known = ratios(&before, rules.window);
    let sold = sold_of(panel);
    let mut latest: BTreeMap<Period, (f64, f64)> = BTreeMap::new();
    let seen: BTreeSet<Period> = totals.range(first..).map(|(period, _)| *period).collect();
    for row in forecast.rows.iter().filter(|row| seen.contains(&row.period)) {
        // A cell without a row in a period that has come sold nothing that anybody wrote down.
        let entry = latest.entry(row.period).or_default();
        entry.0 += sold.get(&(&row.sku, &row.place, row.period)).copied().unwrap_or(0.0);
        entry.1 += row.mean;
    }
    let latest: Vec<(f64, f64)> = latest.into_values().collect();
    regime(&known, &latest, rules)
}

/// Judges the last totals against those before them: what is expected is the mean of the `window` periods before the
/// ones that are judged, and the range is that of the same ratio in earlier periods.
pub fn regime_of(totals: &[f64], rules: &RegimeRules) -> Option<Regime> {
    let before = totals.len().checked_sub(rules.in_a_row)?;
    let known = ratios(&totals[..before], rules.window);
    let usual = totals[before.checked_sub(rules.window)?..before].iter().sum::<f64>() / rules.window.max(1) as f64;
    let latest: Vec<(f64, f64)> = totals[before..].iter().map(|total| (*total, usual)).collect();
    regime(&known, &latest, rules)
}

/// Every period over the mean of the `window` before it.
fn ratios(totals: &[f64], window: usize) -> Vec<f64> {
    let window = window.max(1);
    let ratio = |periods: &[f64]| periods[window] / (periods[..window].iter().sum::<f64>() / window as f64);
    totals.windows(window + 1).map(ratio).collect()
}

fn totals_by_period(panel: &Panel) -> BTreeMap<Period, f64> {
    let mut totals: BTreeMap<Period, f64> = BTreeMap::new();
    for (period, units) in panel.columns().period.iter().zip(&panel.columns().units) {
        *totals.entry(*period).or_default() += units;
    }
    totals
}

fn sold_of(panel: &Panel) -> BTreeMap<(&Sku, &Place, Period), f64> {
    let columns = panel.columns();
    let cell = |row: usize| {
        let (sku, place) = (columns.sku[row] as usize, columns.place[row] as usize);
        ((&panel.skus()[sku].sku, &panel.places()[place].place, columns.period[row]), columns.units[row])
    };
    (0..panel.len()).map(cell).collect()
}

impl Regime {
    /// Says it in a sentence with its figures.
    pub fn told(&self, calendar: Calendar) -> String {
        let unit = match calendar {
            Calendar::Day => "days",
            Calendar::Week => "weeks",
            _ => "periods",
        };
        format!(
            "the last {} {unit} sold {:.0} pieces where {:.0} were expected ({:.0} %); until then a period came to between {:.0} % \
             and {:.0} % of what was usual",
            self.periods,
            self.sold,
            self.expected,
            self.ratio * 100.0,
            self.lowest * 100.0,
            self.highest * 100.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    const KNOWN: [f64; 10] = [0.9, 1.1, 1.0, 0.8, 1.3, 1.05, 0.95, 1.2, 0.85, 1.0];

    #[test]
    fn a_collapse_is_outside_after_two_periods_in_a_row_and_a_bad_week_is_not() {
        let rules = RegimeRules::default();
        let collapse = regime(&KNOWN, &[(980.0, 1000.0), (20.0, 1000.0), (0.0, 1000.0)], &rules).unwrap();
        assert!(collapse.outside && collapse.ratio == 0.01 && collapse.shift.hi95 < 0.5, "{collapse:?}");
        assert!((collapse.lowest - 0.8).abs() < 1e-12 && (collapse.highest - 1.3).abs() < 1e-12);
        let told = collapse.told(Calendar::Week);
        assert!(told.contains("20 pieces where 2000 were expected (1 %)") && told.contains("80 %"), "{told}");
        assert!(!regime(&KNOWN, &[(20.0, 1000.0), (980.0, 1000.0)], &rules).unwrap().outside, "it is back");
        assert!(!regime(&KNOWN, &[(700.0, 1000.0), (700.0, 1000.0)], &rules).unwrap().outside, "bad, not unheard of");
        assert!(regime(&KNOWN, &[(3000.0, 1000.0), (2500.0, 1000.0)], &rules).unwrap().outside, "a rush is one too");
        let opposed = regime(&KNOWN, &[(20.0, 1000.0), (5000.0, 1000.0)], &rules).unwrap();
        assert!(!opposed.outside, "two sides are no regime");
    }

    #[test]
    fn a_series_is_judged_against_its_own_past() {
        let mut totals: Vec<f64> = (0..16).map(|week| 100.0 + 8.0 * f64::from(week % 5)).collect();
        assert!(!regime_of(&totals, &RegimeRules::default()).unwrap().outside);
        totals.extend([3.0, 0.0]);
        assert!(regime_of(&totals, &RegimeRules::default()).unwrap().outside);
        assert_eq!(regime_of(&totals[..5], &RegimeRules::default()), None);
    }

    /// Week of half a year in which totals that stray and last, after sixteen weeks of history, are found out of range.
    fn found(seed: u64, factor: f64) -> Option<usize> {
        let mut g = ChaCha8Rng::seed_from_u64(seed);
        let mut shock = 0.0;
        let totals: Vec<f64> = (0..42)
            .map(|week| {
                let own: f64 = StandardNormal.sample(&mut g);
                shock = 0.4 * shock + 0.9 * own;
                if week < 16 { (0.15 * shock).exp() } else { factor * (0.15 * shock).exp() }
            })
            .collect();
        let outside =
            |week: &usize| regime_of(&totals[..16 + week], &RegimeRules::default()).is_some_and(|found| found.outside);
        (1..=26).find(outside)
    }

    #[test]
    fn a_quiet_half_year_is_rarely_out_of_range_and_a_collapse_is_within_three_weeks() {
        let alarms = (0..200).filter(|&seed| found(seed, 1.0).is_some()).count();
        assert!(alarms <= 10, "{alarms} of 200");
        let collapses = (0..200).filter(|&seed| found(seed, 0.1).is_some_and(|week| week <= 3)).count();
        assert!(collapses >= 190, "{collapses} of 200");
    }

    #[test]
    fn too_little_history_tells_nothing() {
        assert_eq!(regime(&KNOWN[..4], &[(0.0, 10.0), (0.0, 10.0)], &RegimeRules::default()), None);
        assert_eq!(regime(&KNOWN, &[(0.0, 10.0)], &RegimeRules::default()), None);
        assert_eq!(regime(&KNOWN, &[(0.0, 0.0), (0.0, 10.0)], &RegimeRules::default()), None);
    }

    proptest! {
        #[test]
        fn more_cells_at_the_same_ratio_raise_no_alarm(ratio in 0.75f64..1.4, size in 1.0f64..1e9) {
            let latest = [(ratio * size, size), (ratio * size, size)];
            prop_assert!(!regime(&KNOWN, &latest, &RegimeRules::default()).unwrap().outside);
        }
    }
}
