//! Consolidation: which pieces of a style to move through a chain so that whole runs lie where most is sold.
//!
//! For chains in which every way costs the same, so that a piece may go anywhere and thousands of pieces at hundreds of
//! places take a millisecond. So many places keep the style, those with most demand; each gets a whole run of core sizes
//! first. Every further piece moves when what it is expected to sell for elsewhere exceeds what it would where it lies
//! and the way: marginal sales fall with stock, so that the best pair at a time is the best of all within a size
//! (greedy on a separable concave function; Fox 1966). The number of keepers is tried from many to few. Never lowers a
//! price.
//!
//! Source: the trade-off between broken runs and ways in Caro and Gallien (2010), Operations Research 58(2).

use crate::sizes::{Rebuilt, SizeCurve, SizeMove, SizeStock};
use crate::stockout_probability;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

/// A probability of sale below which a further piece is not looked at.
const HARDLY: f64 = 1e-4;
/// What completing a run is worth where a place is to keep the style: more than any way.
const RUN: f64 = 1e12;

/// Pieces of one size at one place, with the worth of the next piece that it gives or takes.
#[derive(PartialEq)]
struct Offer {
    worth: f64,
    place: usize,
}

/// What every further piece is expected to sell, by place and size.
struct Margins(Vec<Vec<Vec<f64>>>);

impl Eq for Offer {}

impl PartialOrd for Offer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Offer {
    fn cmp(&self, other: &Self) -> Ordering {
        self.worth.total_cmp(&other.worth).then(other.place.cmp(&self.place))
    }
}

impl Margins {
    fn new(curve: &SizeCurve, stock: &[SizeStock]) -> Self {
        let of_size = |demand| {
            let sold = (0..).map(|pieces| stockout_probability(demand, f64::from(pieces)));
            sold.take_while(|&sold| sold > HARDLY).collect()
        };
        Self(stock.iter().map(|at| curve.demands(at).map(of_size).collect()).collect())
    }

    /// Share of a piece that is sold where there are so many before it.
    fn of(&self, place: usize, size: usize, before: i64) -> f64 {
        self.0[place][size].get(before.max(0) as usize).copied().unwrap_or(0.0)
    }

    fn sales(&self, curve: &SizeCurve, place: usize, pieces: &[i64]) -> f64 {
        let sold = |(margins, &pieces): (&Vec<f64>, &i64)| margins.iter().take(pieces.max(0) as usize).sum::<f64>();
        curve.shown(pieces) * self.0[place].iter().zip(pieces).map(sold).sum::<f64>()
    }
}

/// Proposes the moves through a chain that gain most after their cost; none where none gains.
///
/// `margin` is earned on a piece sold, `cost` is that of moving one, whatever the way.
pub fn consolidate(curve: &SizeCurve, stock: &[SizeStock], margin: f64, cost: f64) -> Rebuilt {
    let margins = Margins::new(curve, stock);
    let mut order: Vec<usize> = (0..stock.len()).collect();
    order.sort_by(|&a, &b| stock[b].demand.mean.total_cmp(&stock[a].demand.mean).then(a.cmp(&b)));
    let worth = |pieces: &[Vec<i64>]| -> f64 {
        pieces.iter().enumerate().map(|(place, pieces)| margin * margins.sales(curve, place, pieces)).sum()
    };
    let before: Vec<Vec<i64>> = stock.iter().map(|stock| stock.pieces.clone()).collect();
    let now = worth(&before);
    let (mut best, mut gain) = (before.clone(), 0.0);
    let mut keepers = whole_runs(curve, stock).min(stock.len());
    while keepers > 0 {
        let (after, moved) = kept_by(curve, stock, &order[..keepers], &margins, margin, cost);
        let gains = worth(&after) - now - cost * moved as f64;
        if gains > gain {
            (best, gain) = (after, gains);
        }
        // A finer step changes little where many places keep the style.
        keepers -= keepers.div_ceil(6);
    }
    Rebuilt { moves: ways(stock, &before, &best), gain }
}

/// Most places that can have every core size.
fn whole_runs(curve: &SizeCurve, stock: &[SizeStock]) -> usize {
    let core = curve.least.iter().enumerate().filter(|(_, least)| **least > 0);
    let runs = core.map(|(size, least)| stock.iter().map(|stock| stock.pieces[size]).sum::<i64>() / least);
    runs.min().map_or(stock.len(), |runs| runs.max(1) as usize)
}

/// Stock after the moves when these places keep the style, and how many pieces move.
fn kept_by(
    curve: &SizeCurve,
    stock: &[SizeStock],
    keepers: &[usize],
    margins: &Margins,
    margin: f64,
    cost: f64,
) -> (Vec<Vec<i64>>, i64) {
    let mut shown = vec![1.0 - curve.broken_loss; stock.len()];
    keepers.iter().for_each(|&place| shown[place] = 1.0);
    let mut pieces: Vec<Vec<i64>> = stock.iter().map(|stock| stock.pieces.clone()).collect();
    let mut moved = 0;
    for (size, &least) in curve.least.iter().enumerate() {
        let must = |place: usize, pieces: i64| shown[place] == 1.0 && pieces < least;
        let run = |place, pieces| if must(place, pieces) { RUN } else { 0.0 };
        let next =
            |place: usize, pieces: i64| run(place, pieces) + margin * shown[place] * margins.of(place, size, pieces);
        // What the last piece would sell where it lies; the heap gives the least first.
        let last = |place: usize, pieces: i64| Offer { worth: -next(place, pieces - 1), place };
        let mut gives: BinaryHeap<Offer> = (0..stock.len())
            .filter(|&place| pieces[place][size] > 0)
            .map(|place| last(place, pieces[place][size]))
            .collect();
        let mut takes: BinaryHeap<Offer> =
            (0..stock.len()).map(|place| Offer { worth: next(place, pieces[place][size]), place }).collect();
        while let (Some(giver), Some(taker)) = (gives.peek(), takes.peek()) {
            if taker.worth + giver.worth <= cost {
                break;
            }
            let (from, to) = (giver.place, taker.place);
            gives.pop();
            takes.pop();
            pieces[from][size] -= 1;
            pieces[to][size] += 1;
            moved += 1;
            if pieces[from][size] > 0 {
                gives.push(last(from, pieces[from][size]));
            }
            takes.push(Offer { worth: next(to, pieces[to][size]), place: to });
        }
    }
    (pieces, moved)
}

/// The moves from one stock to another, places in their order.
fn ways(stock: &[SizeStock], before: &[Vec<i64>], after: &[Vec<i64>]) -> Vec<SizeMove> {
    let mut moves: BTreeMap<(usize, usize, usize), i64> = BTreeMap::new();
    for size in 0..before.first().map_or(0, Vec::len) {
        let change = |place: usize| after[place][size] - before[place][size];
        let mut takers = (0..stock.len()).filter(|&place| change(place) > 0).map(|place| (place, change(place)));
        let mut taker = takers.next();
        for from in (0..stock.len()).filter(|&place| change(place) < 0) {
            let mut spare = -change(from);
            while let Some((to, lacks)) = taker.filter(|_| spare > 0) {
                let pieces = spare.min(lacks);
                moves.insert((size, from, to), pieces);
                spare -= pieces;
                taker = if pieces < lacks { Some((to, lacks - pieces)) } else { takers.next() };
            }
        }
    }
    let named = |((size, from, to), pieces): ((usize, usize, usize), i64)| SizeMove {
        size,
        from: stock[from].place.clone(),
        to: stock[to].place.clone(),
        pieces,
    };
    moves.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Demand, rebuild_runs};
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn curve() -> SizeCurve {
        SizeCurve { shares: vec![0.15, 0.3, 0.35, 0.2], least: vec![0, 1, 1, 0], broken_loss: 0.6 }
    }

    fn at((number, (pieces, mean)): (usize, (Vec<i64>, f64))) -> SizeStock {
        let (place, demand) = (format!("shop-{number}").as_str().into(), Demand { mean, dispersion: 1.3 });
        SizeStock { place, pieces, demand, shares: None }
    }

    /// Stock after moves.
    fn moved(stock: &[SizeStock], moves: &[SizeMove]) -> Vec<SizeStock> {
        let mut after = stock.to_vec();
        for one in moves {
            after.iter_mut().find(|at| at.place == one.from).unwrap().pieces[one.size] -= one.pieces;
            after.iter_mut().find(|at| at.place == one.to).unwrap().pieces[one.size] += one.pieces;
        }
        after
    }

    proptest! {
        #[test]
        fn moves_gain_what_they_say_and_keep_every_piece(
            shops in proptest::collection::vec((proptest::collection::vec(0i64..4, 4), 0.1f64..6.0), 2..9),
            cost in 0.1f64..8.0,
        ) {
            let stock: Vec<SizeStock> = shops.into_iter().enumerate().map(at).collect();
            let found = consolidate(&curve(), &stock, 20.0, cost);
            let after = moved(&stock, &found.moves);
            prop_assert!(after.iter().flat_map(|at| &at.pieces).all(|&pieces| pieces >= 0));
            let worth = |stock: &[SizeStock]| stock.iter().map(|at| 20.0 * curve().sales(&at.pieces, at)).sum::<f64>();
            let paid = cost * found.moves.iter().map(|one| one.pieces).sum::<i64>() as f64;
            prop_assert!((found.gain - (worth(&after) - worth(&stock) - paid)).abs() < 0.05, "{found:?}");
            prop_assert!(found.gain >= 0.0 && found.moves.iter().all(|one| one.pieces > 0 && one.from != one.to));
        }
    }

    /// Not so in every chain: who keeps the style is chosen by demand alone, which can lose to completing the runs that are
    /// nearly whole.
    #[test]
    fn over_many_chains_moves_gain_more_than_those_that_only_complete_runs() {
        let mut random = ChaCha8Rng::seed_from_u64(11);
        let (mut all, mut runs_only) = (0.0, 0.0);
        for _ in 0..300 {
            let shops = random.random_range(2..9);
            let shop = |random: &mut ChaCha8Rng| {
                let pieces = (0..4).map(|_| random.random_range(0..4)).collect();
                (pieces, random.random_range(0.1..6.0))
            };
            let stock: Vec<SizeStock> = (0..shops).map(|number| at((number, shop(&mut random)))).collect();
            let cost = random.random_range(0.1..8.0);
            all += consolidate(&curve(), &stock, 20.0, cost).gain;
            runs_only += rebuild_runs(&curve(), &stock, 20.0, |_, _| Some(cost)).gain;
        }
        assert!(all > runs_only, "{all} against {runs_only}");
    }

    #[test]
    fn fragments_gather_where_most_is_sold_and_stay_where_ways_are_dear() {
        let shops = [(vec![0, 2, 0, 1], 5.0), (vec![1, 0, 2, 0], 0.6), (vec![0, 1, 0, 1], 0.5)];
        let stock: Vec<SizeStock> = shops.into_iter().enumerate().map(at).collect();
        let found = consolidate(&curve(), &stock, 30.0, 1.0);
        assert!(found.gain > 0.0 && found.moves.iter().all(|one| one.to == "shop-0".into()), "{found:?}");
        assert!(found.moves.iter().any(|one| one.size == 2), "the core size that the large shop lacks: {found:?}");
        assert_eq!(consolidate(&curve(), &stock, 30.0, 400.0), Rebuilt::default());
    }
}
