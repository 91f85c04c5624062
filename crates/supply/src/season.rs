//! Season: how demand rises and falls with the weekday or the week, for all items together and for each item.
//!
//! Method: ratio to moving average, pooled over cells (Makridakis, Wheelwright and Hyndman 1998, section 3-4-2). Pieces
//! count by one over their dispersion, so that a few items that sell in bursts do not make the season of the rest. Each
//! ratio of sums is drawn towards what it is a part of: an item's towards its group's, that one towards all items', in
//! proportion to the pieces behind it (a gamma prior on a Poisson rate; Gelman et al. 2013, section 2.6). Only periods
//! in which stock lasted count. Single cells are too noisy for an index of their own.

use crate::history::{Seen, Series};
use endcap_model::{Calendar, Group, Period, Sku};
use std::collections::BTreeMap;

/// Undispersed pieces that outweigh the prior of no season.
const PIECES_OF_NO_SEASON: f64 = 50.0;
/// Undispersed pieces that outweigh the season of the whole in that of a group or an item.
const PIECES_OF_THE_WHOLE: f64 = 10.0;

/// Seasonal factors by slot of the calendar, mean 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Season {
    all: Vec<f64>,
    by_item: BTreeMap<Sku, Vec<f64>>,
}

#[derive(Clone)]
struct Sums {
    units: Vec<f64>,
    level: Vec<f64>,
}

impl Season {
    /// Estimates the factors from the periods before `until`; all 1 on a calendar without seasons or with less than
    /// two of them. `dispersions` has one value per series.
    pub fn estimate(
        calendar: Calendar,
        series: &[Series],
        dispersions: &[f64],
        group_of: &BTreeMap<Sku, Group>,
        until: Period,
    ) -> Self {
        let length = season_length(calendar);
        let flat = vec![1.0; length];
        let longest = series.iter().map(|series| series.known_before(until)).max().unwrap_or(0);
        if length == 1 || longest < 2 * length {
            return Self { all: flat, by_item: BTreeMap::new() };
        }
        let mut all = Sums::new(length);
        let mut groups: BTreeMap<&Group, Sums> = BTreeMap::new();
        let mut items: BTreeMap<&Sku, Sums> = BTreeMap::new();
        for (series, &dispersion) in series.iter().zip(dispersions) {
            let sums = ratios(calendar, series, until, 1.0 / dispersion);
            all.add(&sums);
            if let Some(group) = group_of.get(&series.sku) {
                groups.entry(group).or_insert_with(|| Sums::new(length)).add(&sums);
            }
            items.entry(&series.sku).or_insert_with(|| Sums::new(length)).add(&sums);
        }
        let all = all.factors(&flat, PIECES_OF_NO_SEASON);
        let groups: BTreeMap<&Group, Vec<f64>> =
            groups.into_iter().map(|(group, sums)| (group, sums.factors(&all, PIECES_OF_THE_WHOLE))).collect();
        let of_item = |(sku, sums): (&Sku, Sums)| {
            let whole = group_of.get(sku).and_then(|group| groups.get(group)).unwrap_or(&all);
            (sku.clone(), sums.factors(whole, PIECES_OF_THE_WHOLE))
        };
        let by_item = items.into_iter().map(of_item).collect();
        Self { all, by_item }
    }

    /// Factors by slot: those of all items, and the item's own.
    pub fn of(&self, item: &Sku) -> [&[f64]; 2] {
        [&self.all, self.by_item.get(item).unwrap_or(&self.all)]
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

/// Weighted sums, by slot, of met demand and of its mean over the season around it, or nearest to it at either end.
fn ratios(calendar: Calendar, series: &Series, until: Period, weight: f64) -> Sums {
    let length = season_length(calendar);
    let mut sums = Sums::new(length);
    let seen = &series.seen[..series.known_before(until)];
    if seen.len() < length {
        return sums;
    }
    let (mut units, mut count) = (vec![0.0], vec![0.0]);
    for seen in seen {
        let met = if let Seen::Demand(units) = seen { Some(*units) } else { None };
        units.push(units[units.len() - 1] + met.unwrap_or(0.0));
        count.push(count[count.len() - 1] + f64::from(u8::from(met.is_some())));
    }
    // What comes first in a series is often its launch.
    for (at, seen) in seen.iter().enumerate().skip(length / 4) {
        let Seen::Demand(sold) = seen else { continue };
        let from = at.saturating_sub(length / 2).min(units.len() - 1 - length);
        let to = from + length;
        let slot = slot(calendar, series.first.plus(at as i32));
        sums.units[slot] += weight * sold;
        sums.level[slot] += weight * (units[to] - units[from]) / (count[to] - count[from]);
    }
    sums
}

/// Periods in a season of a calendar; 1 where it has none.
pub(crate) fn season_length(calendar: Calendar) -> usize {
    calendar.season_length().unwrap_or(1)
}

/// Weekday, or ISO week with the 53rd counted to the 52nd.
pub(crate) fn slot(calendar: Calendar, period: Period) -> usize {
    match (calendar, calendar.start_date(period)) {
        (Calendar::Day, _) => period.0.rem_euclid(7) as usize,
        (Calendar::Week, Some(day)) => (day.iso_week_date().week().clamp(1, 52) - 1) as usize,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(sku: &str, seen: Vec<Seen>) -> Series {
        Series { sku: sku.into(), place: "north".into(), first: Period(0), seen }
    }

    fn season(calendar: Calendar, series: &[Series]) -> Season {
        Season::estimate(calendar, series, &vec![1.0; series.len()], &BTreeMap::new(), Period(1000))
    }

    #[test]
    fn a_weekday_that_sells_double_is_found_in_spite_of_holes() {
        let seen = (0..70).map(|day| match day {
            10 | 33 => Seen::Nothing,
            24 => Seen::AtLeast(2.0),
            _ => Seen::Demand(if day % 7 == 3 { 80.0 } else { 40.0 }),
        });
        let season = season(Calendar::Day, &[series("milk", seen.collect())]);
        let factors = season.of(&"milk".into())[0];
        assert!((factors[3] / factors[2] - 2.0).abs() < 0.2, "{factors:?}");
        assert!((factors.iter().sum::<f64>() / 7.0 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn an_item_has_a_season_of_its_own_where_its_sales_show_one() {
        let selling = |busy: i32| (0..140).map(|day| Seen::Demand(if day % 7 == busy { 30.0 } else { 10.0 })).collect();
        let season = season(Calendar::Day, &[series("bread", selling(5)), series("fish", selling(4))]);
        let [_, fish] = season.of(&"fish".into());
        let [all, unknown] = season.of(&"new".into());
        assert!(fish[4] > 2.0 * fish[5], "{fish:?}");
        assert!((all[4] - all[5]).abs() < 0.01, "{all:?}");
        assert_eq!(all, unknown);
    }

    #[test]
    fn a_short_history_has_no_season() {
        let season = season(Calendar::Week, &[series("milk", vec![Seen::Demand(3.0); 60])]);
        assert!(season.of(&"milk".into())[0].iter().all(|&factor| factor == 1.0));
    }

    #[test]
    fn what_came_after_the_origin_is_not_looked_at() {
        let mut seen = vec![Seen::Demand(10.0); 70];
        let known =
            Season::estimate(Calendar::Day, &[series("milk", seen.clone())], &[1.0], &BTreeMap::new(), Period(50));
        seen[50..].fill(Seen::Demand(90.0));
        let later = Season::estimate(Calendar::Day, &[series("milk", seen)], &[1.0], &BTreeMap::new(), Period(50));
        assert_eq!(known, later);
    }
}
