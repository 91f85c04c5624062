//! Memory: the level of demand behind the season, remembered for shorter and longer at once.
//!
//! Discounted demand over discounted season factors is the likelihood estimate of a Poisson rate that drifts (simple
//! exponential smoothing with a growing start; Hyndman and Athanasopoulos 2021, section 8.1). No one length of memory
//! is best for all items, and an equal mean of a few is hard to beat by weights that are learnt (Bates and Granger 1969;
//! Genre et al. 2013): so the level is the mean of a short, a middle and a long memory, and of the long memory moved by
//! what the item did lately in all places together. The same for the season of all items and for that of the item.
//!
//! A period that ran out of stock counts with the demand expected at or above what was sold, given the level before it:
//! taken as it is, it would teach that demand is what was there.

use crate::Demand;
use crate::history::{Seen, Series};
use crate::limited::expected_above;
use endcap_model::Period;

/// Short and long memory, over the middle one.
const SHORT_AND_LONG: [f64; 2] = [1.0 / 3.0, 3.0];
/// Undispersed pieces of the item in all places that outweigh no movement.
const PIECES_OF_NO_MOVEMENT: f64 = 5.0;
/// Seasons that are tried side by side: that of all items and the item's own.
pub(crate) const SEASONS: usize = 2;

/// Demand and exposure, discounted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    keep: f64,
    demand: f64,
    exposure: f64,
}

/// All memories of one cell under one season.
#[derive(Clone, Copy, Debug)]
struct Memories {
    short: Memory,
    middle: Memory,
    long: Memory,
}

/// Seasonal factors of one item by period, under each season.
pub(crate) type Factors = [Vec<f64>; SEASONS];

impl Memory {
    /// A memory that halves every so many periods.
    pub fn new(half_life: f64) -> Self {
        Self { keep: 0.5f64.powf(1.0 / half_life), demand: 0.0, exposure: 0.0 }
    }

    /// Takes a period in.
    pub fn learn(&mut self, seen: Seen, factor: f64, dispersion: f64) {
        let units = match seen {
            Seen::Nothing => None,
            Seen::Demand(units) => Some(units),
            Seen::AtLeast(_) if self.exposure == 0.0 => None,
            Seen::AtLeast(units) => Some(expected_above(Demand { mean: self.level() * factor, dispersion }, units)),
        };
        self.demand *= self.keep;
        self.exposure *= self.keep;
        if let Some(units) = units {
            self.demand += units;
            self.exposure += factor;
        }
    }

    /// Demand per period at a factor of 1.
    pub fn level(&self) -> f64 {
        if self.exposure > 0.0 { self.demand / self.exposure } else { 0.0 }
    }
}

impl Memories {
    fn new(half_life: f64) -> Self {
        let [short, long] = SHORT_AND_LONG.map(|times| Memory::new(half_life * times));
        Self { short, middle: Memory::new(half_life), long }
    }

    fn learn(&mut self, seen: Seen, factor: f64, dispersion: f64) {
        for memory in [&mut self.short, &mut self.middle, &mut self.long] {
            memory.learn(seen, factor, dispersion);
        }
    }
}

/// Walks through the history of one item in all its places and tells the levels as known at the end of each period.
///
/// `factors` begin with the period `first`; `told` is handed the number of the next period and each place's level per
/// season.
pub(crate) fn walk(
    places: &[Series],
    dispersions: &[f64],
    (factors, first): (&Factors, Period),
    (half_life, periods): (f64, usize),
    mut told: impl FnMut(usize, &[[f64; SEASONS]]),
) {
    let mut memories = vec![[Memories::new(half_life); SEASONS]; places.len()];
    let mut levels = vec![[0.0; SEASONS]; places.len()];
    for period in 0..periods {
        for ((series, memories), &dispersion) in places.iter().zip(&mut memories).zip(dispersions) {
            let seen = series.at(first.plus(period as i32));
            for (memories, factors) in memories.iter_mut().zip(factors) {
                memories.learn(seen, factors[period], dispersion);
            }
        }
        for season in 0..SEASONS {
            let movement = movement(&memories, dispersions, season);
            for (levels, memories) in levels.iter_mut().zip(&memories) {
                let Memories { short, middle, long } = memories[season];
                levels[season] = (short.level() + middle.level() + long.level() * (1.0 + movement)) / 4.0;
            }
        }
        told(period + 1, &levels);
    }
}

/// What the item sold lately in all places, over what the long memories expected.
fn movement(memories: &[[Memories; SEASONS]], dispersions: &[f64], season: usize) -> f64 {
    let (mut sold, mut expected) = (PIECES_OF_NO_MOVEMENT, PIECES_OF_NO_MOVEMENT);
    for (memories, dispersion) in memories.iter().zip(dispersions) {
        let Memories { short, long, .. } = &memories[season];
        sold += short.demand / dispersion;
        expected += short.exposure * long.level() / dispersion;
    }
    sold / expected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last_levels(places: &[Vec<f64>]) -> Vec<f64> {
        let series: Vec<Series> = places
            .iter()
            .enumerate()
            .map(|(at, units)| Series {
                sku: "milk".into(),
                place: format!("place {at}").as_str().into(),
                first: Period(0),
                seen: units.iter().map(|&units| Seen::Demand(units)).collect(),
            })
            .collect();
        let periods = places[0].len();
        let factors = [vec![1.0; periods], vec![1.0; periods]];
        let mut last = Vec::new();
        walk(&series, &vec![1.0; places.len()], (&factors, Period(0)), (14.0, periods), |_, levels| {
            last = levels.iter().map(|levels| levels[0]).collect();
        });
        last
    }

    #[test]
    fn a_steady_demand_is_its_own_level() {
        assert!((last_levels(&[vec![7.0; 60]])[0] - 7.0).abs() < 1e-9);
    }

    #[test]
    fn what_an_item_does_elsewhere_moves_it_here() {
        let steady = vec![4.0; 60];
        let mut risen = vec![40.0; 60];
        risen[52..].fill(120.0);
        let beside_steady = last_levels(&[steady.clone(), vec![40.0; 60]])[0];
        let beside_risen = last_levels(&[steady, risen])[0];
        assert!((beside_steady - 4.0).abs() < 1e-9 && beside_risen > 4.5, "{beside_steady} {beside_risen}");
    }
}
