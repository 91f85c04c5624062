//! Season: how the demand of all cells, and of each group of items, rises and falls with the weekday or the week.
//!
//! Method: ratio to moving average, pooled over cells (Makridakis, Wheelwright and Hyndman 1998, section 3-4-2), each
//! ratio of sums drawn towards what it is a part of, by the noise in it. Single cells are too noisy for an index of
//! their own. Only periods in which stock lasted count.

use crate::history::{Seen, Series};
use endcap_model::{Calendar, Group, Period, Sku};
use std::collections::BTreeMap;

/// Units that outweigh the prior of no season: it allows for factors about 0.3 from 1, at a dispersion of 2.
const UNITS_OF_NO_SEASON: f64 = 20.0;
/// Units that outweigh the season of all items in that of a group: it allows for a tenth of difference.
const UNITS_OF_ALL: f64 = 200.0;

/// Seasonal factors by slot of the calendar, mean 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Season {
    calendar: Calendar,
    all: Vec<f64>,
    by_group: BTreeMap<Group, Vec<f64>>,
}

#[derive(Clone)]
struct Sums {
    units: Vec<f64>,
    level: Vec<f64>,
}

impl Season {
    /// Estimates the factors; all 1 on a calendar without seasons or with less than two of them.
    pub fn estimate(calendar: Calendar, series: &[Series], group_of: &BTreeMap<Sku, Group>) -> Self {
        let length = calendar.season_length().unwrap_or(1);
        let flat = Self { calendar, all: vec![1.0; length], by_group: BTreeMap::new() };
        let longest = series.iter().map(|series| series.seen.len()).max().unwrap_or(0);
        if length == 1 || longest < 2 * length {
            return flat;
        }
        let mut all = Sums::new(length);
        let mut groups: BTreeMap<Group, Sums> = BTreeMap::new();
        for series in series {
            let sums = ratios(calendar, series, length);
            all.add(&sums);
            if let Some(group) = group_of.get(&series.sku) {
                groups.entry(group.clone()).or_insert_with(|| Sums::new(length)).add(&sums);
            }
        }
        let all = all.factors(&flat.all, UNITS_OF_NO_SEASON);
        let by_group = groups.into_iter().map(|(group, sums)| (group, sums.factors(&all, UNITS_OF_ALL))).collect();
        Self { calendar, all, by_group }
    }

    /// The factors of an item's periods, from `first` on.
    pub fn factors(&self, group: Option<&Group>, first: Period, periods: usize) -> Vec<f64> {
        let index = group.and_then(|group| self.by_group.get(group)).unwrap_or(&self.all);
        (0..periods).map(|n| index[slot(self.calendar, first.plus(n as i32))]).collect()
    }
}

impl Sums {
    fn new(length: usize) -> Self {
        Self { units: vec![0.0; length], level: vec![0.0; length] }
    }

    fn add(&mut self, other: &Self) {
        for slot in 0..self.units.len() {
            self.units[slot] += other.units[slot];
            self.level[slot] += other.level[slot];
        }
    }

    fn factors(&self, prior: &[f64], weight: f64) -> Vec<f64> {
        let raw: Vec<f64> = (0..prior.len())
            .map(|slot| (self.units[slot] + weight * prior[slot]) / (self.level[slot] + weight))
            .collect();
        let mean = raw.iter().sum::<f64>() / raw.len() as f64;
        raw.into_iter().map(|factor| factor / mean).collect()
    }
}

/// Sums, by slot, of met demand and of its mean over the season around it.
fn ratios(calendar: Calendar, series: &Series, length: usize) -> Sums {
    let mut sums = Sums::new(length);
    let (mut units, mut count) = (vec![0.0], vec![0.0]);
    for seen in &series.seen {
        let met = if let Seen::Demand(units) = seen { Some(*units) } else { None };
        units.push(units[units.len() - 1] + met.unwrap_or(0.0));
        count.push(count[count.len() - 1] + f64::from(u8::from(met.is_some())));
    }
    let half = length / 2;
    for (at, seen) in series.seen.iter().enumerate() {
        let whole_season_around = at >= half && at + half < series.seen.len();
        if let (Seen::Demand(sold), true) = (seen, whole_season_around) {
            let (from, to) = (at - half, at - half + length);
            let to = to.min(series.seen.len());
            let slot = slot(calendar, series.first.plus(at as i32));
            sums.units[slot] += sold;
            sums.level[slot] += (units[to] - units[from]) / (count[to] - count[from]);
        }
    }
    sums
}

/// Weekday, or ISO week with the 53rd counted to the 52nd.
fn slot(calendar: Calendar, period: Period) -> usize {
    match (calendar, calendar.start_date(period)) {
        (Calendar::Day, _) => period.0.rem_euclid(7) as usize,
        (Calendar::Week, Some(day)) => (day.iso_week_date().week().clamp(1, 52) - 1) as usize,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weekday_that_sells_double_is_found_in_spite_of_holes() {
        let seen = (0..70).map(|day| match day {
            10 | 33 => Seen::Nothing,
            24 => Seen::AtLeast(2.0),
            _ => Seen::Demand(if day % 7 == 3 { 80.0 } else { 40.0 }),
        });
        let series = Series { sku: "milk".into(), place: "north".into(), first: Period(0), seen: seen.collect() };
        let season = Season::estimate(Calendar::Day, &[series], &BTreeMap::new());
        let factors = season.factors(None, Period(700), 7);
        assert!((factors[3] / factors[2] - 2.0).abs() < 0.2, "{factors:?}");
        assert!((factors.iter().sum::<f64>() / 7.0 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_short_history_has_no_season() {
        let seen = vec![Seen::Demand(3.0); 60];
        let series = Series { sku: "milk".into(), place: "north".into(), first: Period(0), seen };
        let season = Season::estimate(Calendar::Week, &[series], &BTreeMap::new());
        assert!(season.factors(None, Period(0), 60).iter().all(|&factor| factor == 1.0));
    }
}
