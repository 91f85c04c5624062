//! What a retailer knows before a season: how much its stores sell in all and in which sizes, and when.
//!
//! Sums over all styles, as earlier seasons have shown them; nothing of any single style, whose stores and sizes only
//! sales can tell.

use endcap_model::{Place, Sku};
use endcap_supply::{Demand, Pack, SizeCurve, SizeStock, first_allocation};
use endcap_twin::{SizeRules, WorldSpec};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is known.
pub(super) struct Known {
    /// Whether styles are seen by their sizes.
    pub sees_sizes: bool,
    pub styles: Vec<Style>,
    /// By season period: share of the season's demand that has come before it.
    pub before: Vec<f64>,
}

/// A style and the stores that carry it.
pub(super) struct Style {
    pub style: Sku,
    /// The items behind it: its sizes, in the order of the shares where sizes are seen.
    pub skus: Vec<Sku>,
    /// Chain's share of demand by size.
    pub shares: Vec<f64>,
    pub core: Vec<bool>,
    pub stores: Vec<Store>,
    pub regions: Vec<Place>,
    /// Minor units.
    pub list_price: f64,
    pub unit_cost: f64,
}

/// A store.
pub(super) struct Store {
    pub place: Place,
    /// Its share of the chain's demand.
    pub share: f64,
    /// Share of its demand by size.
    pub shares: Vec<f64>,
    /// By size: its cells.
    pub cells: Vec<Vec<usize>>,
}

/// Demand of earlier seasons by store and by store and size.
struct Earlier<'a> {
    stores: BTreeMap<&'a Place, f64>,
    sizes: BTreeMap<(&'a Place, &'a str), f64>,
}

/// What makes two styles alike before they have sold anything.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Alike<'a> {
    /// By size.
    bought: Vec<i64>,
    places: Vec<&'a Place>,
    /// The bits of the size shares.
    shares: Vec<u64>,
}

/// Sums pieces over the cells of a size.
pub(super) fn pieces(cells: &[usize], of: impl Fn(usize) -> i64) -> i64 {
    cells.iter().map(|&cell| of(cell)).sum()
}

impl Known {
    pub fn of(spec: &WorldSpec, sees_sizes: bool) -> Self {
        let size = |sku: &Sku| spec.size_of(sku).map_or("", |size| size.size.as_str());
        let mut earlier = Earlier { stores: BTreeMap::new(), sizes: BTreeMap::new() };
        for cell in spec.cells() {
            let demand: f64 = cell.mean_demand.iter().sum();
            *earlier.stores.entry(&cell.place).or_default() += demand;
            *earlier.sizes.entry((&cell.place, size(&cell.sku))).or_default() += demand;
        }
        let mut styles: BTreeMap<&Sku, Vec<usize>> = BTreeMap::new();
        for (number, cell) in spec.cells().iter().enumerate() {
            let style = spec.size_of(&cell.sku).map_or(&cell.sku, |size| &size.style);
            styles.entry(style).or_default().push(number);
        }
        let total = |period| spec.cells().iter().map(|cell| cell.mean_demand[spec.slot_of(period)]).sum::<f64>();
        let by_period: Vec<f64> = spec.span().iter().map(total).collect();
        let whole: f64 = by_period.iter().sum();
        let before = by_period.iter().scan(0.0, |before, demand| {
            let share = *before / whole;
            *before += demand;
            Some(share)
        });
        Self {
            sees_sizes,
            before: before.collect(),
            styles: styles
                .into_iter()
                .map(|(style, cells)| Style::new(style, &cells, spec, &earlier, sees_sizes))
                .collect(),
        }
    }

    /// Spreads what was bought: a run of core sizes to each store where it sells, then every piece where it sells most.
    /// Styles that were bought alike are spread alike.
    pub fn first_allocation(&self, spec: &WorldSpec, rules: &SizeRules, taste_shape: f64) -> Vec<i64> {
        let mut on_hand: Vec<i64> = spec.cells().iter().map(|cell| cell.on_hand).collect();
        let mut alike: BTreeMap<Alike, Vec<Vec<i64>>> = BTreeMap::new();
        for style in &self.styles {
            let bought =
                |size: usize| style.stores.iter().map(|store| pieces(&store.cells[size], |cell| on_hand[cell])).sum();
            let bought: Vec<i64> = (0..style.shares.len()).map(bought).collect();
            let places = style.stores.iter().map(|store| &store.place).collect();
            let shares = style.shares.iter().map(|share| share.to_bits()).collect();
            let spread = alike
                .entry(Alike { bought: bought.clone(), places, shares })
                .or_insert_with(|| style.spread(&bought, rules, taste_shape));
            for (store, pieces) in style.stores.iter().zip(spread.iter()) {
                for (cells, &pieces) in store.cells.iter().zip(pieces) {
                    if let [cell] = cells[..] {
                        on_hand[cell] = pieces;
                    }
                }
            }
        }
        on_hand
    }
}

impl Style {
    fn new(style: &Sku, cells: &[usize], spec: &WorldSpec, earlier: &Earlier, sees_sizes: bool) -> Self {
        let all = spec.cells();
        let skus: Vec<Sku> =
            cells.iter().map(|&cell| &all[cell].sku).collect::<BTreeSet<_>>().into_iter().cloned().collect();
        let places: BTreeSet<&Place> = cells.iter().map(|&cell| &all[cell].place).collect();
        let regions: BTreeSet<&Place> = cells.iter().map(|&cell| &all[cell].region).collect();
        let sizes: Vec<Vec<&Sku>> =
            if sees_sizes { skus.iter().map(|sku| vec![sku]).collect() } else { vec![skus.iter().collect()] };
        let of_size = |place: &Place, skus: &Vec<&Sku>| -> f64 {
            let label = |sku: &Sku| spec.size_of(sku).map_or("", |size| size.size.as_str());
            skus.iter().map(|sku| earlier.sizes.get(&(place, label(sku))).copied().unwrap_or(0.0)).sum()
        };
        let whole: f64 = places.iter().map(|place| earlier.stores[place]).sum();
        let store = |&place: &&Place| {
            let demand: Vec<f64> = sizes.iter().map(|skus| of_size(place, skus)).collect();
            let sum: f64 = demand.iter().sum::<f64>().max(f64::MIN_POSITIVE);
            let at = |skus: &Vec<&Sku>| skus.iter().filter_map(|sku| spec.cell_of(sku, place, usize::MAX)).collect();
            Store {
                place: place.clone(),
                share: if whole > 0.0 { earlier.stores[place] / whole } else { 0.0 },
                shares: demand.iter().map(|demand| demand / sum).collect(),
                cells: sizes.iter().map(at).collect(),
            }
        };
        let stores: Vec<Store> = places.iter().map(store).collect();
        let share = |size: usize| stores.iter().map(|store| store.share * store.shares[size]).sum();
        let core =
            |skus: &Vec<&Sku>| sees_sizes && skus.iter().any(|sku| spec.size_of(sku).is_none_or(|size| size.core));
        Self {
            style: style.clone(),
            shares: (0..sizes.len()).map(share).collect(),
            core: sizes.iter().map(core).collect(),
            stores,
            regions: regions.into_iter().cloned().collect(),
            list_price: all[cells[0]].list_price as f64,
            unit_cost: all[cells[0]].unit_cost as f64,
            skus,
        }
    }

    /// Pieces by store and size.
    fn spread(&self, bought: &[i64], rules: &SizeRules, taste_shape: f64) -> Vec<Vec<i64>> {
        let whole: i64 = bought.iter().sum();
        let least: Vec<i64> = self.core.iter().map(|&core| i64::from(core)).collect();
        let curve = SizeCurve { shares: self.shares.clone(), least, broken_loss: rules.broken_loss };
        let empty = |store: &Store| {
            let mean = whole as f64 * store.share;
            SizeStock {
                place: store.place.clone(),
                pieces: vec![0; bought.len()],
                demand: Demand { mean, dispersion: 1.0 + mean / taste_shape },
                shares: Some(store.shares.clone()),
            }
        };
        let stock: Vec<SizeStock> = self.stores.iter().map(empty).collect();
        let packs = self.packs(bought);
        let sent = first_allocation(&curve, &stock, &packs).packs;
        let at = |store: &Vec<i64>, size: usize| -> i64 {
            store.iter().zip(&packs).map(|(number, pack)| number * pack.content[size]).sum()
        };
        let mut spread: Vec<Vec<i64>> =
            sent.iter().map(|store| (0..bought.len()).map(|size| at(store, size)).collect()).collect();
        // What sells nowhere goes where most is sold: there is no other place for it.
        let shares = self.stores.iter().enumerate().max_by(|a, b| a.1.share.total_cmp(&b.1.share).then(b.0.cmp(&a.0)));
        let largest = shares.map_or(0, |(number, _)| number);
        for (size, &bought) in bought.iter().enumerate() {
            let placed: i64 = spread.iter().map(|store| store[size]).sum();
            spread[largest][size] += bought - placed;
        }
        spread
    }

    /// A run of core sizes for every store as far as they go, and the rest piece by piece.
    fn packs(&self, bought: &[i64]) -> Vec<Pack> {
        let content: Vec<i64> = self.core.iter().map(|&core| i64::from(core)).collect();
        let core = bought.iter().zip(&self.core).filter(|(_, core)| **core).map(|(pieces, _)| *pieces);
        let runs = core.min().unwrap_or(0).min(self.stores.len() as i64);
        let loose = |(size, &pieces): (usize, &i64)| {
            let mut one = vec![0; bought.len()];
            one[size] = 1;
            Pack { content: one, number: pieces - runs * content[size] }
        };
        let loose: Vec<Pack> = bought.iter().enumerate().map(loose).collect();
        std::iter::once(Pack { content, number: runs }).chain(loose).collect()
    }
}
