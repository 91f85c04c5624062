//! Styles: items that are sizes of one style, looked at together in every place.
//!
//! Tells where runs are whole, whether missing sizes or the price make a style slow in a place, and which pieces to move so
//! that runs are whole again (`sizes`). What was sold is judged by the sizes that are there now: whether one was missing
//! weeks ago, stock tables do not say. Never lowers a price.

use crate::sizes::{Rebuilt, SizeCurve, SizeHealth, SizeStock, SlowCause, rebuild_runs, size_health, slow_cause};
use crate::{Demand, SizeMove};
use endcap_model::{Place, Sku};
use std::collections::{BTreeMap, BTreeSet};

/// What an item is a size of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeOf {
    /// The style.
    pub style: String,
    /// The size.
    pub size: String,
    /// Whether a place must have it to show the style.
    pub core: bool,
}

/// One item at one place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SizeCell {
    /// Pieces on hand.
    pub on_hand: i64,
    /// Demand over the time that counts.
    pub demand: Demand,
    /// Pieces sold lately.
    pub sold: f64,
    /// Pieces that were to be expected in as long a time.
    pub expected: f64,
    /// Earned on a piece.
    pub unit_margin: f64,
}

/// One style over all its places.
#[derive(Clone, Debug, PartialEq)]
pub struct StyleHealth {
    /// The style.
    pub style: String,
    /// Share of demand, over all places, whose size is there.
    pub covered: f64,
    /// Share of pieces that lie where a core size is missing: 1 less those that can be shown over all.
    pub fragmentation: f64,
    /// Its places.
    pub places: Vec<StyleAtPlace>,
    /// Moves that make whole runs again, with the item that is moved.
    pub moves: Vec<(Sku, SizeMove)>,
    /// What they are expected to gain after their cost.
    pub gain: f64,
}

/// One style at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct StyleAtPlace {
    /// The place.
    pub place: Place,
    /// Pieces on hand, all sizes.
    pub pieces: i64,
    /// Share of demand whose size is there.
    pub covered: f64,
    /// Whether a core size is missing.
    pub broken: bool,
    /// Pieces sold lately.
    pub sold: f64,
    /// Pieces that were to be expected.
    pub expected: f64,
    /// Why it sells slowly.
    pub cause: SlowCause,
}

/// Looks at every style of which at least two sizes are known. `broken_loss` is the share of its sales that a style loses
/// where a core size is missing, beyond the missing size; `cost` that of moving a piece, nothing where there is no way.
pub fn styles(
    sizes: &BTreeMap<Sku, SizeOf>,
    cells: &BTreeMap<(Sku, Place), SizeCell>,
    broken_loss: f64,
    cost: impl Fn(&Place, &Place) -> Option<f64>,
) -> Vec<StyleHealth> {
    let mut by_style: BTreeMap<&str, Vec<(&Sku, bool)>> = BTreeMap::new();
    for (sku, of) in sizes {
        by_style.entry(&of.style).or_default().push((sku, of.core));
    }
    let several = by_style.into_iter().filter(|(_, items)| items.len() > 1);
    several.filter_map(|(style, items)| Style { items, cells, broken_loss }.health(style, &cost)).collect()
}

struct Style<'a> {
    items: Vec<(&'a Sku, bool)>,
    cells: &'a BTreeMap<(Sku, Place), SizeCell>,
    broken_loss: f64,
}

impl Style<'_> {
    fn cells_at<'s>(&'s self, place: &'s Place) -> impl Iterator<Item = Option<&'s SizeCell>> + 's {
        self.items.iter().map(move |(sku, _)| self.cells.get(&((*sku).clone(), place.clone())))
    }

    fn health(&self, style: &str, cost: &impl Fn(&Place, &Place) -> Option<f64>) -> Option<StyleHealth> {
        let own: BTreeSet<&Sku> = self.items.iter().map(|(sku, _)| *sku).collect();
        let places: BTreeSet<&Place> =
            self.cells.keys().filter(|(sku, _)| own.contains(sku)).map(|(_, place)| place).collect();
        let curve = self.curve(&places)?;
        let stock: Vec<SizeStock> = places.iter().map(|place| self.stock(place)).collect();
        let health = size_health(&curve, &stock);
        let way = |from: usize, to: usize| cost(&stock[from].place, &stock[to].place);
        let Rebuilt { moves, gain } = rebuild_runs(&curve, &stock, self.margin(), way);
        let at = |(number, stock): (usize, &SizeStock)| self.at_place(stock, &health, number);
        Some(StyleHealth {
            style: style.to_owned(),
            covered: health.covered,
            fragmentation: health.fragmentation,
            places: stock.iter().enumerate().map(at).collect(),
            moves: moves.into_iter().map(|moved| (self.items[moved.size].0.clone(), moved)).collect(),
            gain,
        })
    }

    /// Shares of the sizes in the demand of all places; nothing where there is none.
    fn curve(&self, places: &BTreeSet<&Place>) -> Option<SizeCurve> {
        let mut shares = vec![0.0; self.items.len()];
        for place in places {
            for (share, cell) in shares.iter_mut().zip(self.cells_at(place)) {
                *share += cell.map_or(0.0, |cell| cell.demand.mean);
            }
        }
        let all: f64 = shares.iter().sum();
        let least = self.items.iter().map(|&(_, core)| i64::from(core)).collect();
        let shares = shares.into_iter().map(|share| share / all).collect();
        (all > 0.0).then_some(SizeCurve { shares, least, broken_loss: self.broken_loss })
    }

    fn stock(&self, place: &Place) -> SizeStock {
        let demand = self.cells_at(place).flatten().fold(Demand::default(), |sum, cell| sum.and(cell.demand));
        let pieces = self.cells_at(place).map(|cell| cell.map_or(0, |cell| cell.on_hand)).collect();
        SizeStock { place: place.clone(), pieces, demand, shares: None }
    }

    fn margin(&self) -> f64 {
        let own = || self.cells.iter().filter(|((sku, _), _)| self.items.iter().any(|(item, _)| *item == sku));
        own().map(|(_, cell)| cell.unit_margin).sum::<f64>() / own().count().max(1) as f64
    }

    fn at_place(&self, stock: &SizeStock, health: &SizeHealth, number: usize) -> StyleAtPlace {
        let sum = |of: fn(&SizeCell) -> f64| self.cells_at(&stock.place).flatten().map(of).sum::<f64>();
        let (sold, expected, covered) = (sum(|cell| cell.sold), sum(|cell| cell.expected), health.coverage[number]);
        StyleAtPlace {
            place: stock.place.clone(),
            pieces: stock.pieces.iter().sum(),
            covered,
            broken: health.broken[number],
            sold,
            expected,
            cause: slow_cause(sold, expected, covered),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A style of three sizes, the two larger ones core, in two shops: pieces on hand and pieces sold of ten expected each.
    fn looked_at(on_hand: [[i64; 3]; 2], sold: [[f64; 3]; 2]) -> StyleHealth {
        let mut sizes = BTreeMap::new();
        let mut cells = BTreeMap::new();
        for (size, name) in ["s", "m", "l"].into_iter().enumerate() {
            let sku = Sku::new(format!("coat {name}"));
            sizes.insert(sku.clone(), SizeOf { style: "coat".into(), size: name.into(), core: size > 0 });
            for (place, shop) in ["north", "south"].into_iter().enumerate() {
                let cell = SizeCell {
                    on_hand: on_hand[place][size],
                    demand: Demand { mean: 10.0, dispersion: 1.5 },
                    sold: sold[place][size],
                    expected: 10.0,
                    unit_margin: 30.0,
                };
                cells.insert((sku.clone(), shop.into()), cell);
            }
        }
        styles(&sizes, &cells, 0.3, |_, _| Some(2.0)).remove(0)
    }

    #[test]
    fn a_shop_that_lacks_sizes_is_slow_for_its_sizes_and_gets_them() {
        let style = looked_at([[4, 0, 0], [3, 4, 4]], [[10.0, 0.0, 0.0], [10.0, 10.0, 10.0]]);
        let [north, south] = &style.places[..] else { panic!("two shops: {style:?}") };
        assert!(north.broken && north.cause == SlowCause::Sizes && (north.covered - 1.0 / 3.0).abs() < 1e-9);
        assert!(!south.broken && south.cause == SlowCause::NotSlow);
        assert!((style.fragmentation - 4.0 / 15.0).abs() < 1e-9, "{style:?}");
        assert!(style.gain > 0.0 && style.moves.iter().all(|(_, moved)| moved.to == "north".into()), "{style:?}");
    }

    #[test]
    fn a_whole_run_that_does_not_sell_is_a_matter_of_price() {
        let style = looked_at([[4, 4, 4], [3, 4, 4]], [[2.0, 3.0, 2.0], [10.0, 10.0, 10.0]]);
        assert_eq!(style.places[0].cause, SlowCause::Price);
        assert_eq!(style.moves, []);
    }
}
