//! What returns with the calendar: weekdays, the year, or a cycle found in numbered periods.
//!
//! Never guesses a cycle that the history has not passed through once and a half. Numbered periods carry no dates,
//! so the usual cycles of retail are tried and kept only where they pay for their terms by the Bayesian information
//! criterion (Schwarz 1978) on the unpromoted sales of the groups.

use crate::linear::Symmetric;
use endcap_model::{Calendar, Panel, Period, Span};
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// Days in a year.
const YEAR_DAYS: f64 = 365.25;
/// Cycles tried on numbered periods: days of a week, months, 4-week periods, weeks and days of a year.
const CYCLES: [f64; 5] = [7.0, 12.0, 13.0, 52.0, 365.0];
/// How often the history must have passed through a cycle before its terms are estimated.
const PASSES_MIN: f64 = 1.5;
/// Cut below which a price is a promotion when the season is looked for.
const NEAR_LIST: f64 = 0.95;

/// Calendar terms of the expected log units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Season {
    /// Calendar of the periods.
    pub calendar: Calendar,
    /// Whether each weekday has a level of its own (day calendars).
    pub weekdays: bool,
    /// Length of the cycle in periods that sine and cosine terms follow, if any.
    pub cycle: Option<f64>,
    /// Number of sine and cosine pairs.
    pub harmonics: usize,
}

impl Season {
    /// Finds the calendar terms that a history can carry.
    pub(crate) fn of(panel: &Panel, span: Span) -> Self {
        let calendar = panel.calendar();
        let passes = |cycle: f64| span.len() as f64 / cycle;
        let none = Self { calendar, weekdays: false, cycle: None, harmonics: 0 };
        let yearly = |length: f64| match passes(length) {
            p if p >= PASSES_MIN => Self { cycle: Some(length), harmonics: 2, ..none.clone() },
            _ => none.clone(),
        };
        match calendar {
            Calendar::Day => Self { weekdays: span.len() >= 14, ..yearly(YEAR_DAYS) },
            Calendar::Week => yearly(YEAR_DAYS / 7.0),
            Calendar::Index => found_cycle(panel, span).unwrap_or(none),
        }
    }

    /// Returns the number of terms.
    pub(crate) fn terms(&self) -> usize {
        if self.weekdays { 6 + 2 * self.harmonics } else { 2 * self.harmonics }
    }

    /// Writes the terms of one period. Weekdays are contrasts to their mean, so that they add up to nothing.
    pub(crate) fn write(&self, period: Period, out: &mut [f64]) {
        let mut rest = out;
        if self.weekdays {
            let (days, others) = rest.split_at_mut(6);
            let day = (period.0 + 3).rem_euclid(7) as usize;
            days.iter_mut()
                .enumerate()
                .for_each(|(i, v)| *v = f64::from(u8::from(i == day)) - f64::from(u8::from(day == 6)));
            rest = others;
        }
        if let Some(cycle) = self.cycle {
            for harmonic in 0..self.harmonics {
                let angle = TAU * (harmonic + 1) as f64 * f64::from(period.0) / cycle;
                rest[2 * harmonic] = angle.sin();
                rest[2 * harmonic + 1] = angle.cos();
            }
        }
    }
}

/// Tries the usual cycles on the log of unpromoted sales by group and period, relative to each series' own mean.
fn found_cycle(panel: &Panel, span: Span) -> Option<Season> {
    let series = group_series(panel, span);
    let candidates = CYCLES.iter().filter(|&&cycle| span.len() as f64 >= PASSES_MIN * cycle);
    let base = Season { calendar: panel.calendar(), weekdays: false, cycle: None, harmonics: 0 };
    let plain = criterion(&series, span, &base)?;
    let tried = candidates.flat_map(|&cycle| (1..=2).map(move |harmonics| (cycle, harmonics)));
    let (season, best) = tried
        .filter_map(|(cycle, harmonics)| {
            let season = Season { cycle: Some(cycle), harmonics, ..base.clone() };
            criterion(&series, span, &season).map(|value| (season, value))
        })
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    (best < plain).then_some(season)
}

/// Per group: log of unpromoted units over what the series usually sell, by period; absent where nothing is known.
fn group_series(panel: &Panel, span: Span) -> Vec<Vec<Option<f64>>> {
    let c = panel.columns();
    let mut groups: Vec<_> = panel.skus().iter().map(|entry| entry.group.clone()).collect();
    groups.sort();
    groups.dedup();
    let mut sums = vec![(0.0, 0.0); groups.len() * span.len()];
    for sku in 0..panel.skus().len() {
        let group = groups.binary_search(&panel.skus()[sku].group).expect("Invariant: every group was listed");
        for run in panel.series_of(sku) {
            let usable: Vec<usize> = run
                .filter(|&row| c.stockout_share[row] < 0.5 && c.price[row] > NEAR_LIST * c.base_price[row])
                .collect();
            let mean = usable.iter().map(|&row| c.units[row]).sum::<f64>() / usable.len().max(1) as f64;
            for row in usable {
                let at = group * span.len() + (c.period[row].0 - span.start.0) as usize;
                sums[at].0 += c.units[row];
                sums[at].1 += mean;
            }
        }
    }
    sums.chunks(span.len())
        .map(|group| {
            group.iter().map(|&(sold, usual)| (sold > 0.0 && usual > 0.0).then(|| (sold / usual).ln())).collect()
        })
        .collect()
}

/// Bayesian information criterion of trend and season over all groups; nothing where there is too little to fit.
fn criterion(series: &[Vec<Option<f64>>], span: Span, season: &Season) -> Option<f64> {
    let terms = 2 + season.terms();
    let (mut observations, mut value) = (0usize, 0.0);
    for group in series {
        let known: Vec<(usize, f64)> = group.iter().enumerate().filter_map(|(t, v)| v.map(|v| (t, v))).collect();
        if known.len() < terms + 4 {
            continue;
        }
        let row = |t: usize| {
            let mut x = vec![1.0; terms];
            x[1] = t as f64 / span.len() as f64 - 0.5;
            season.write(span.start.plus(t as i32), &mut x[2..]);
            x
        };
        let mut normal = Symmetric::zeros(terms);
        let mut right = vec![0.0; terms];
        for &(t, z) in &known {
            let x = row(t);
            normal.add_outer(1.0, &x);
            right.iter_mut().zip(&x).for_each(|(b, v)| *b += v * z);
        }
        normal.factor().solve(&mut right);
        let error: f64 =
            known.iter().map(|&(t, z)| (z - row(t).iter().zip(&right).map(|(x, b)| x * b).sum::<f64>()).powi(2)).sum();
        let n = known.len() as f64;
        value += n * (error / n).max(1e-9).ln() + terms as f64 * n.ln();
        observations += known.len();
    }
    (observations > 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_model::{PanelColumns, PlaceEntry, SkuEntry};

    fn panel_of(periods: i32, units: impl Fn(i32) -> f64) -> Panel {
        let n = periods as usize;
        let columns = PanelColumns {
            sku: vec![0; n],
            place: vec![0; n],
            period: (0..periods).map(Period).collect(),
            units: (0..periods).map(units).collect(),
            price: vec![1.0; n],
            base_price: vec![1.0; n],
            feature: vec![0.0; n],
            display: vec![0.0; n],
            stockout_share: vec![0.0; n],
            controls: vec![],
        };
        let sku = SkuEntry { sku: "a".into(), group: "g".into(), tier: String::new() };
        let place = PlaceEntry { place: "x".into(), region: String::new() };
        Panel::new(Calendar::Index, vec![sku], vec![place], columns).unwrap()
    }

    #[test]
    fn a_year_of_numbered_weeks_is_found_and_noise_is_not() {
        let wave = panel_of(104, |t| 50.0 * (0.4 * (TAU * f64::from(t) / 52.0).sin()).exp() + f64::from(t * 7 % 5));
        assert_eq!(Season::of(&wave, wave.span().unwrap()).cycle, Some(52.0));
        let noise = panel_of(104, |t| 50.0 + f64::from(t * t * 31 % 17));
        assert_eq!(Season::of(&noise, noise.span().unwrap()).cycle, None);
    }

    #[test]
    fn weekday_terms_add_up_to_nothing_over_a_week() {
        let season = Season { calendar: Calendar::Day, weekdays: true, cycle: None, harmonics: 0 };
        let mut sums = [0.0; 6];
        for day in 0..7 {
            let mut terms = [0.0; 6];
            season.write(Period(day), &mut terms);
            sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
        }
        assert_eq!(sums, [0.0; 6]);
        let mut monday = [0.0; 6];
        season.write(Period(4), &mut monday);
        assert_eq!(monday[0], 1.0);
    }
}
