//! Pairs of places that sold alike before a test.
//!
//! The distance of two places is the root of five squares: the difference of log level, of trend and of season, each
//! over its spread among the places, one less the correlation of their moves around the chain, and the share
//! of periods in which they were on different terms, over a quarter. Pairs are
//! formed nearest first, then partners are exchanged between pairs while that lowers the sum of squared distances.
//! Optimal matching (Greevy, Lu, Silber and Rosenbaum 2004) is lower by a few percent and needs far more code.
//!
//! Never looks at the periods of the test: pairs are settled before it.

use super::arm::Done;
use super::grid::{Cell, Grid};
use endcap_model::Span;

/// Blocks into which the history before the test is cut to compare seasons.
const BLOCKS: usize = 4;
/// Share of the periods before the test that a place must have sold in.
const SOLD_SHARE_MIN: f64 = 0.5;
/// Periods at the end of the history in which a place must have sold to count as open.
const OPEN_WITHIN: i32 = 4;
/// Least spread that a difference is measured by, so that like places do not divide by nothing.
const SPREAD_MIN: f64 = 1e-6;
/// Share of the periods on different terms that counts as much as one spread of level or trend.
const APART: f64 = 0.25;
/// Rounds of exchanging partners.
const ROUNDS_MAX: usize = 50;

/// Two places with their distance, nearest pairs first in lists.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Match {
    pub(crate) places: [usize; 2],
    pub(crate) distance: f64,
}

/// What is compared of a place.
struct Profile {
    place: usize,
    level: f64,
    trend: f64,
    season: [f64; BLOCKS],
    /// Terms of each period, and its move around the place's level and the chain; nothing where it was not on sale.
    moves: Vec<Option<(Done, f64)>>,
}

/// Pairs the places that sold in a span before a test, nearest pairs first.
pub(crate) fn match_places(grid: &Grid, before: Span) -> Vec<Match> {
    let profiles = profiles(grid, before);
    let distances = Distances::of(&profiles);
    let mut partners = nearest_first(&distances);
    exchange(&mut partners, &distances);
    let mut matches: Vec<Match> = partners
        .into_iter()
        .map(|[a, b]| Match { places: [profiles[a].place, profiles[b].place], distance: distances.at(a, b) })
        .collect();
    matches.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.places.cmp(&b.places)));
    matches
}

/// Places that a test could use: open at the end and on sale in half of the periods or more.
pub(crate) fn usable_places(grid: &Grid, before: Span) -> Vec<usize> {
    let enough = SOLD_SHARE_MIN * before.len() as f64;
    let usable = |&place: &usize| {
        let cells: Vec<Cell> = before.iter().filter_map(|period| grid.on_sale(place, period)).collect();
        let open = (1..=OPEN_WITHIN).any(|back| grid.cell(place, before.end.plus(-back)) != Cell::default());
        open && cells.len() as f64 >= enough && cells.iter().any(|cell| cell.rate > 0.0)
    };
    (0..grid.places).filter(usable).collect()
}

fn profiles(grid: &Grid, before: Span) -> Vec<Profile> {
    let mut profiles: Vec<Profile> = usable_places(grid, before)
        .into_iter()
        .map(|place| {
            let cells: Vec<_> = before.iter().map(|period| grid.index(place, period)).collect();
            let level = mean(cells.iter().flatten().map(|(_, index)| *index)).unwrap_or(0.0);
            let moves = cells.iter().map(|cell| cell.map(|(cell, index)| (cell.done, index / level - 1.0))).collect();
            Profile { place, level: level.ln(), trend: 0.0, season: [0.0; BLOCKS], moves }
        })
        .collect();
    profiles.iter_mut().for_each(Profile::describe);
    profiles
}

impl Profile {
    /// Derives trend and season from the moves.
    fn describe(&mut self) {
        let periods = self.moves.len();
        let part = |from: usize, to: usize| {
            mean(self.moves[from..to].iter().flatten().map(|(_, moved)| *moved)).unwrap_or(0.0)
        };
        self.trend = part(periods / 2, periods) - part(0, periods / 2);
        self.season = std::array::from_fn(|block| part(block * periods / BLOCKS, (block + 1) * periods / BLOCKS));
    }

    fn season_distance(&self, other: &Self) -> f64 {
        let square: f64 = self.season.iter().zip(&other.season).map(|(a, b)| (a - b).powi(2)).sum();
        (square / BLOCKS as f64).sqrt()
    }

    /// Terms and moves of both places in the periods in which both were on sale.
    fn both(&self, other: &Self) -> impl Iterator<Item = ((Done, f64), (Done, f64))> {
        self.moves.iter().zip(&other.moves).filter_map(|(a, b)| a.zip(*b))
    }

    /// Share of the periods in which the two were not on sale on the same terms.
    fn apart(&self, other: &Self) -> f64 {
        let same = self.both(other).filter(|((a, _), (b, _))| a.same_as(*b)).count();
        1.0 - same as f64 / self.moves.len().max(1) as f64
    }

    fn correlation(&self, other: &Self) -> f64 {
        let both: Vec<(f64, f64)> = self.both(other).map(|((_, a), (_, b))| (a, b)).collect();
        let n = both.len().max(1) as f64;
        let (mean_a, mean_b) = (both.iter().map(|p| p.0).sum::<f64>() / n, both.iter().map(|p| p.1).sum::<f64>() / n);
        let sums = both.iter().fold((0.0, 0.0, 0.0), |sums, (a, b)| {
            let (a, b) = (a - mean_a, b - mean_b);
            (sums.0 + a * b, sums.1 + a * a, sums.2 + b * b)
        });
        let scale = (sums.1 * sums.2).sqrt();
        if scale > 0.0 { sums.0 / scale } else { 0.0 }
    }
}

/// Distances of all pairs of places.
struct Distances {
    places: usize,
    at: Vec<f64>,
}

impl Distances {
    fn of(profiles: &[Profile]) -> Self {
        let spread = |of: &dyn Fn(&Profile) -> f64| deviation(profiles.iter().map(of)).max(SPREAD_MIN);
        let (level, trend) = (spread(&|p| p.level), spread(&|p| p.trend));
        let seasons: f64 = (0..BLOCKS).map(|block| spread(&|p| p.season[block]).powi(2)).sum();
        let season = (seasons / BLOCKS as f64).sqrt();
        let distance = |a: &Profile, b: &Profile| {
            let terms = [
                (a.level - b.level) / level,
                (a.trend - b.trend) / trend,
                a.season_distance(b) / season,
                1.0 - a.correlation(b),
                a.apart(b) / APART,
            ];
            terms.iter().map(|term| term * term).sum::<f64>().sqrt()
        };
        let at = profiles.iter().flat_map(|a| profiles.iter().map(move |b| distance(a, b))).collect();
        Self { places: profiles.len(), at }
    }

    fn at(&self, a: usize, b: usize) -> f64 {
        self.at[a * self.places + b]
    }

    fn square(&self, pair: [usize; 2]) -> f64 {
        self.at(pair[0], pair[1]).powi(2)
    }
}

fn nearest_first(distances: &Distances) -> Vec<[usize; 2]> {
    let places = distances.places;
    let mut all: Vec<[usize; 2]> = (0..places).flat_map(|a| (a + 1..places).map(move |b| [a, b])).collect();
    all.sort_by(|&a, &b| distances.square(a).total_cmp(&distances.square(b)).then(a.cmp(&b)));
    let mut free = vec![true; places];
    all.retain(|&[a, b]| {
        let both = free[a] && free[b];
        if both {
            (free[a], free[b]) = (false, false);
        }
        both
    });
    all
}

/// Exchanges partners between pairs while that brings the pairs nearer in sum.
fn exchange(pairs: &mut [[usize; 2]], distances: &Distances) {
    for _ in 0..ROUNDS_MAX {
        let mut better = false;
        for first in 0..pairs.len() {
            for second in first + 1..pairs.len() {
                let ([a, b], [c, d]) = (pairs[first], pairs[second]);
                let now = distances.square([a, b]) + distances.square([c, d]);
                let other = [([a, c], [b, d]), ([a, d], [b, c])];
                let sum = |(x, y): ([usize; 2], [usize; 2])| distances.square(x) + distances.square(y);
                if let Some(&(x, y)) = other.iter().find(|&&pairs| sum(pairs) < now - 1e-9) {
                    (pairs[first], pairs[second]) = (x, y);
                    better = true;
                }
            }
        }
        if !better {
            break;
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0usize), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / n as f64)
}

fn deviation(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let centre = mean(values.clone()).unwrap_or(0.0);
    mean(values.map(|value| (value - centre).powi(2))).unwrap_or(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn least_by_trying_all(distances: &Distances, free: &[usize]) -> f64 {
        let [first, rest @ ..] = free else { return 0.0 };
        (0..rest.len())
            .map(|at| {
                let others: Vec<usize> = rest.iter().copied().filter(|&place| place != rest[at]).collect();
                distances.square([*first, rest[at]]) + least_by_trying_all(distances, &others)
            })
            .fold(f64::INFINITY, f64::min)
    }

    fn distances(points: &[(f64, f64)]) -> Distances {
        let far = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).hypot(a.1 - b.1);
        let at = points.iter().flat_map(|&a| points.iter().map(move |&b| far(a, b))).collect();
        Distances { places: points.len(), at }
    }

    fn sum(distances: &Distances, pairs: &[[usize; 2]]) -> f64 {
        pairs.iter().map(|&pair| distances.square(pair)).sum()
    }

    #[test]
    fn exchanged_pairs_are_near_the_best_on_the_whole() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut found, mut least) = (0.0, 0.0);
        for _ in 0..300 {
            let points: Vec<(f64, f64)> = (0..8).map(|_| (rng.random(), rng.random())).collect();
            let distances = distances(&points);
            let mut pairs = nearest_first(&distances);
            exchange(&mut pairs, &distances);
            found += sum(&distances, &pairs);
            least += least_by_trying_all(&distances, &[0, 1, 2, 3, 4, 5, 6, 7]);
        }
        assert!(found <= 1.1 * least, "{found} {least}");
    }

    proptest! {
        #[test]
        fn exchange_never_does_worse_than_nearest_first_and_uses_each_place_once(
            points in proptest::collection::vec((0.0f64..1.0, 0.0f64..1.0), 2..16),
        ) {
            let distances = distances(&points);
            let mut pairs = nearest_first(&distances);
            let greedy = sum(&distances, &pairs);
            exchange(&mut pairs, &distances);
            let mut used: Vec<usize> = pairs.iter().flatten().copied().collect();
            used.sort_unstable();
            used.dedup();
            prop_assert_eq!(used.len(), points.len() / 2 * 2);
            prop_assert!(sum(&distances, &pairs) <= greedy + 1e-9);
        }
    }
}
