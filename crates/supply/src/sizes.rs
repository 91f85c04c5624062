//! Sizes: where whole runs lie, whether sizes or the price make a style slow, how to allot a delivery to places, and
//! which pieces to move so that places have whole runs again.
//!
//! A shopper who does not find the size leaves; where a core size is missing, the style is also shown less and loses a
//! further share of its sales (Caro and Gallien 2010, Operations Research 58(2): stores take broken runs off display).
//! So a style in many places with few pieces each sells less than the same pieces in fewer places, and a markdown does
//! not cure it. Never lowers a price: it says when lowering one would not help.

use crate::flow::Exchange;
use crate::{Demand, expected_sales};
use endcap_model::Place;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Sales below this share of what was expected are slow.
const SLOW: f64 = 0.8;

/// Stock of one style at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct SizeStock {
    /// The place: a shop, or online.
    pub place: Place,
    /// Pieces by size.
    pub pieces: Vec<i64>,
    /// Demand of the style there, all sizes, over the time that counts.
    pub demand: Demand,
    /// Share of demand by size there, where it is known to differ from the curve's.
    pub shares: Option<Vec<f64>>,
}

/// The sizes of a style.
#[derive(Clone, Debug, PartialEq)]
pub struct SizeCurve {
    /// Share of demand by size, adding up to 1.
    pub shares: Vec<f64>,
    /// Fewest pieces of each size with which a place shows the style: 0 for sizes that are not core.
    pub least: Vec<i64>,
    /// Share of its sales that a style loses where a core size is missing, beyond the missing sizes.
    pub broken_loss: f64,
}

/// How whole the runs of a style are.
#[derive(Clone, Debug, PartialEq)]
pub struct SizeHealth {
    /// Share of demand, by place, whose size is there.
    pub coverage: Vec<f64>,
    /// Whether a core size is missing, by place.
    pub broken: Vec<bool>,
    /// The same share over all places, by their demand: size coverage.
    pub covered: f64,
    /// Share of pieces that lie where a core size is missing: the fragmentation index.
    pub fragmentation: f64,
}

/// Why a style sells slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SlowCause {
    /// It does not.
    NotSlow,
    /// The sizes that are there sell as expected; others are missing. A markdown would not help: move or buy sizes.
    Sizes,
    /// Even the sizes that are there sell slowly.
    Price,
}

/// Packs of a delivery: so many with the same pieces by size. Loose pieces are packs of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// Pieces by size.
    pub content: Vec<i64>,
    /// How many such packs there are.
    pub number: i64,
}

/// A first allocation.
#[derive(Clone, Debug, PartialEq)]
pub struct Allocation {
    /// Packs of each kind, by place.
    pub packs: Vec<Vec<i64>>,
    /// Expected pieces sold, beyond what would have been without the delivery.
    pub sales: f64,
}

/// Pieces of one size to move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeMove {
    /// Size, by its number in the curve.
    pub size: usize,
    /// Where they lie.
    pub from: Place,
    /// Where they complete a run.
    pub to: Place,
    /// Pieces.
    pub pieces: i64,
}

/// Moves that make whole runs again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rebuilt {
    /// The moves.
    pub moves: Vec<SizeMove>,
    /// Expected margin gained after the cost of moving.
    pub gain: f64,
}

impl std::fmt::Display for SlowCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::NotSlow => "not_slow",
            Self::Sizes => "sizes",
            Self::Price => "price",
        })
    }
}

impl SlowCause {
    /// Whether a markdown must wait for sizes.
    pub fn blocks_markdown(self) -> bool {
        self == Self::Sizes
    }
}

impl SizeCurve {
    fn is_broken(&self, pieces: &[i64]) -> bool {
        self.least.iter().zip(pieces).any(|(least, pieces)| pieces < least)
    }

    /// Demand of each size at a place.
    pub(crate) fn demands<'a>(&'a self, at: &'a SizeStock) -> impl Iterator<Item = Demand> + 'a {
        // A share of a negative binomial count has the same share of its excess over Poisson.
        let of_size = |share: &f64| Demand {
            mean: at.demand.mean * share,
            dispersion: 1.0 + (at.demand.dispersion - 1.0).max(0.0) * share,
        };
        self.shares_at(at).iter().map(of_size)
    }

    fn shares_at<'a>(&'a self, at: &'a SizeStock) -> &'a [f64] {
        at.shares.as_deref().unwrap_or(&self.shares)
    }

    fn coverage(&self, at: &SizeStock) -> f64 {
        self.shares_at(at).iter().zip(&at.pieces).filter(|(_, pieces)| **pieces > 0).map(|(share, _)| share).sum()
    }

    /// Share of a place's sales that is left with these pieces: less where its run is broken.
    pub(crate) fn shown(&self, pieces: &[i64]) -> f64 {
        if self.is_broken(pieces) { 1.0 - self.broken_loss } else { 1.0 }
    }

    /// Expected pieces sold at a place if it had these.
    pub fn sales(&self, pieces: &[i64], at: &SizeStock) -> f64 {
        let sold = self.demands(at).zip(pieces).map(|(demand, &pieces)| expected_sales(demand, pieces as f64));
        self.shown(pieces) * sold.sum::<f64>()
    }
}

/// Tells how whole the runs of a style are.
pub fn size_health(curve: &SizeCurve, stock: &[SizeStock]) -> SizeHealth {
    let coverage: Vec<f64> = stock.iter().map(|stock| curve.coverage(stock)).collect();
    let broken: Vec<bool> = stock.iter().map(|stock| curve.is_broken(&stock.pieces)).collect();
    let demand: f64 = stock.iter().map(|stock| stock.demand.mean).sum();
    let met: f64 = stock.iter().zip(&coverage).map(|(stock, coverage)| stock.demand.mean * coverage).sum();
    let pieces = |stock: &SizeStock| stock.pieces.iter().sum::<i64>();
    let all: i64 = stock.iter().map(pieces).sum();
    let stranded: i64 = stock.iter().zip(&broken).filter(|(_, broken)| **broken).map(|(stock, _)| pieces(stock)).sum();
    SizeHealth {
        coverage,
        broken,
        covered: if demand > 0.0 { met / demand } else { 1.0 },
        fragmentation: if all > 0 { stranded as f64 / all as f64 } else { 0.0 },
    }
}

/// Tells why a style sells slowly: `sold` pieces where `expected` were to sell with all sizes there, and `covered` is the
/// share of demand whose size was there.
pub fn slow_cause(sold: f64, expected: f64, covered: f64) -> SlowCause {
    if expected <= 0.0 || sold >= SLOW * expected {
        SlowCause::NotSlow
    } else if covered < SLOW && sold >= SLOW * expected * covered {
        SlowCause::Sizes
    } else {
        SlowCause::Price
    }
}

/// Allots the packs of a delivery to places: each pack where it sells most, whole runs first.
///
/// `stock` is what the places have already. A pack that would sell nothing anywhere stays in the warehouse.
pub fn first_allocation(curve: &SizeCurve, stock: &[SizeStock], packs: &[Pack]) -> Allocation {
    let mut allocation = Allocation { packs: vec![vec![0; packs.len()]; stock.len()], sales: 0.0 };
    let mut pieces: Vec<Vec<i64>> = stock.iter().map(|stock| stock.pieces.clone()).collect();
    let mut left: Vec<i64> = packs.iter().map(|pack| pack.number).collect();
    let with = |pieces: &[i64], pack: &Pack| -> Vec<i64> {
        pieces.iter().zip(&pack.content).map(|(have, more)| have + more).collect()
    };
    let gain = |place: usize, pieces: &[i64], pack: &Pack| {
        let sales = |pieces: &[i64]| curve.sales(pieces, &stock[place]);
        let size: i64 = pack.content.iter().sum();
        (sales(&with(pieces, pack)) - sales(pieces), size.max(1))
    };
    let table = |place: usize, pieces: &[i64]| -> Vec<(f64, i64)> {
        packs.iter().map(|pack| gain(place, pieces, pack)).collect()
    };
    let mut gains: Vec<Vec<(f64, i64)>> =
        pieces.iter().enumerate().map(|(place, pieces)| table(place, pieces)).collect();
    loop {
        let options = (0..stock.len()).flat_map(|place| (0..packs.len()).map(move |pack| (place, pack)));
        let per_piece = |&(place, pack): &(usize, usize)| gains[place][pack].0 / gains[place][pack].1 as f64;
        let best = options
            .filter(|&(place, pack)| left[pack] > 0 && gains[place][pack].0 > 0.0)
            .max_by(|a, b| per_piece(a).total_cmp(&per_piece(b)).then_with(|| b.cmp(a)));
        let Some((place, pack)) = best else { return allocation };
        allocation.sales += gains[place][pack].0;
        allocation.packs[place][pack] += 1;
        left[pack] -= 1;
        pieces[place] = with(&pieces[place], &packs[pack]);
        gains[place] = table(place, &pieces[place]);
    }
}

/// Proposes moves that make whole runs again where they gain more than the ways cost.
///
/// The places with most demand keep the style; as many of them as gains most. Core sizes that they lack come from the
/// others, from where the way is cheapest. `margin` is earned on a piece; `cost` is that of a way, nothing where there
/// is none. For some tens of places; `consolidate` is for a chain in which every way costs the same.
pub fn rebuild_runs(
    curve: &SizeCurve,
    stock: &[SizeStock],
    margin: f64,
    cost: impl Fn(usize, usize) -> Option<f64>,
) -> Rebuilt {
    let mut order: Vec<usize> = (0..stock.len()).collect();
    order.sort_by(|&a, &b| stock[b].demand.mean.total_cmp(&stock[a].demand.mean).then(a.cmp(&b)));
    let mut best = Rebuilt::default();
    let mut keepers = stock.len();
    while keepers > 0 {
        let tried = rebuilt(curve, stock, &order[..keepers], margin, &cost);
        if tried.gain > best.gain {
            best = tried;
        }
        // A finer step changes little where many places keep the style.
        keepers -= keepers.div_ceil(8);
    }
    best
}

fn rebuilt(
    curve: &SizeCurve,
    stock: &[SizeStock],
    keepers: &[usize],
    margin: f64,
    cost: &impl Fn(usize, usize) -> Option<f64>,
) -> Rebuilt {
    let mut keeps = vec![false; stock.len()];
    keepers.iter().for_each(|&place| keeps[place] = true);
    let mut pieces: Vec<Vec<i64>> = stock.iter().map(|stock| stock.pieces.clone()).collect();
    let (mut moves, mut paid) = (BTreeMap::new(), 0.0);
    for (size, &least) in curve.least.iter().enumerate().filter(|(_, least)| **least > 0) {
        // What completes a run is worth more than any way; what may be given is all, of a keeper what is beyond the least.
        let spare = |place: usize| stock[place].pieces[size] - if keeps[place] { least } else { 0 };
        let missing = |place: usize| if keeps[place] { least - stock[place].pieces[size] } else { 0 };
        let exchange = Exchange {
            places: stock.len(),
            loss: |place: usize, nth: i64| if nth < spare(place) { 0.0 } else { f64::INFINITY },
            gain: |place: usize, nth: i64| if nth < missing(place) { 1e12 } else { f64::NEG_INFINITY },
            cost,
        };
        for ((from, to), number) in exchange.best().moves {
            pieces[from][size] -= number;
            pieces[to][size] += number;
            paid += cost(from, to).unwrap_or(0.0) * number as f64;
            moves.insert((Reverse(number), size, from, to), number);
        }
    }
    let worth = |pieces: &[Vec<i64>]| -> f64 {
        pieces.iter().zip(stock).map(|(pieces, stock)| margin * curve.sales(pieces, stock)).sum()
    };
    let before: Vec<Vec<i64>> = stock.iter().map(|stock| stock.pieces.clone()).collect();
    let named = |((_, size, from, to), pieces): ((Reverse<i64>, usize, usize, usize), i64)| SizeMove {
        size,
        from: stock[from].place.clone(),
        to: stock[to].place.clone(),
        pieces,
    };
    Rebuilt { gain: worth(&pieces) - worth(&before) - paid, moves: moves.into_iter().map(named).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve() -> SizeCurve {
        SizeCurve { shares: vec![0.1, 0.25, 0.3, 0.25, 0.1], least: vec![0, 1, 1, 1, 0], broken_loss: 0.3 }
    }

    fn at(place: &str, pieces: [i64; 5], mean: f64) -> SizeStock {
        SizeStock {
            place: place.into(),
            pieces: pieces.to_vec(),
            demand: Demand { mean, dispersion: 1.5 },
            shares: None,
        }
    }

    #[test]
    fn pieces_without_their_neighbours_are_fragments() {
        let stock = [at("whole", [1, 1, 1, 1, 1], 5.0), at("broken", [3, 0, 2, 0, 0], 5.0)];
        let health = size_health(&curve(), &stock);
        assert_eq!(health.broken, [false, true]);
        assert_eq!(health.fragmentation, 0.5);
        assert!((health.coverage[1] - 0.4).abs() < 1e-12 && (health.covered - 0.7).abs() < 1e-12);
    }

    #[test]
    fn missing_sizes_block_a_markdown_and_a_wrong_price_does_not() {
        assert_eq!(slow_cause(9.0, 10.0, 0.4), SlowCause::NotSlow);
        assert!(slow_cause(4.0, 10.0, 0.4).blocks_markdown(), "what is there sells as expected");
        assert_eq!(slow_cause(1.5, 10.0, 0.4), SlowCause::Price, "even the sizes that are there do not sell");
        assert_eq!(slow_cause(4.0, 10.0, 1.0), SlowCause::Price);
    }

    #[test]
    fn fragments_of_small_shops_complete_the_run_of_a_large_one() {
        let stock =
            [at("large", [1, 0, 3, 0, 1], 12.0), at("small", [0, 1, 0, 1, 0], 0.5), at("tiny", [0, 1, 0, 1, 0], 0.3)];
        let rebuilt = rebuild_runs(&curve(), &stock, 30.0, |_, _| Some(2.0));
        assert!(rebuilt.gain > 0.0);
        assert!(rebuilt.moves.iter().all(|one| one.to == "large".into()), "{rebuilt:?}");
        let moved: i64 = rebuilt.moves.iter().map(|one| one.pieces).sum();
        assert_eq!(moved, 2, "one of each missing core size");
        let dear = rebuild_runs(&curve(), &stock, 30.0, |_, _| Some(500.0));
        assert_eq!(dear, Rebuilt::default(), "no move where the way costs more than it gains");
    }

    #[test]
    fn a_delivery_goes_where_it_sells_in_whole_packs() {
        let stock = [at("online", [0; 5], 20.0), at("shop", [0; 5], 6.0), at("kiosk", [0; 5], 0.2)];
        let packs =
            [Pack { content: vec![1, 2, 2, 2, 1], number: 3 }, Pack { content: vec![0, 0, 1, 0, 0], number: 4 }];
        let found = first_allocation(&curve(), &stock, &packs);
        let sent: i64 = found.packs.iter().map(|packs| packs[0]).sum();
        assert_eq!(sent, 3);
        assert!(found.packs[0][0] > found.packs[2][0] && found.packs[1][0] >= 1, "{found:?}");
        assert!(found.sales > 20.0 && found.sales <= 28.0, "{found:?}");
        let none = first_allocation(&curve(), &[at("shop", [50; 5], 2.0)], &packs);
        assert!(none.sales < 0.01, "a shop that has plenty gains nothing: {none:?}");
    }
}
