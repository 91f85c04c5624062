//! A made-up chain for a stand-alone scenario: items, stores and groups drawn from a seed.

use crate::{CellSpec, SizeOf, TwinError, WorldSpec, WorldTerms};
use endcap_model::{Calendar, Group, ItemTerms, Period, Pieces, Place, Sku};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Size and spread of a made-up chain. Every store sells every item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Synthetic {
    /// Number of items.
    pub items: usize,
    /// Number of stores.
    pub places: usize,
    /// Number of regions, in which offers are set; stores are dealt to them in turn.
    pub regions: usize,
    /// Number of groups of substitutes; items are dealt to them in turn.
    pub groups: usize,
    /// First period, such as `2026-01-05` (days), `2026-W02` (weeks) or `0` (numbered).
    pub start: String,
    /// Expected pieces of an item in a store in a period at list price, as the median over cells.
    pub mean_demand: f64,
    /// Standard deviation of the log of it over items, and again over stores.
    #[serde(default = "half")]
    pub demand_spread: f64,
    /// Standard deviation of the log of list price over items, around the list price of `[items]`.
    #[serde(default)]
    pub price_spread: f64,
    /// Factors on demand by season slot, repeated over the periods; for days the first is a Thursday. No season when
    /// absent.
    #[serde(default = "no_season")]
    pub season: Vec<f64>,
    /// Whether the season's first factor is for the first period, as where it is a life cycle.
    #[serde(default)]
    pub season_from_start: bool,
    /// Standard deviation of the log of demand over items at each store: local taste.
    #[serde(default)]
    pub taste_spread: f64,
    /// Web shop: what it sells over a median store; its place and region are `web`. None when absent.
    #[serde(default)]
    pub web: Option<f64>,
    /// Sizes of every item; none when absent.
    #[serde(default)]
    pub sizes: Option<SizeTerms>,
    /// Seed of the chain; its worlds have seeds of their own.
    #[serde(default)]
    pub seed: u64,
}

/// Sizes of the styles of a made-up chain, bought once and allocated alike to all stores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeTerms {
    /// The sizes, in order. A size is an item of its own, named after its style: `sku-00001/38`.
    pub names: Vec<String>,
    /// The chain's size curve: share of the shoppers of each size.
    pub curve: Vec<f64>,
    /// Core sizes: without most of them a style cannot be shown.
    pub core: Vec<String>,
    /// Standard deviation of the log of a store's own shares around the curve.
    #[serde(default)]
    pub store_spread: f64,
    /// Pieces of a style in every store when the world begins, spread by the chain's curve.
    pub pieces_per_run: f64,
}

/// What one place is like.
struct Shop {
    place: Place,
    region: Place,
    size: f64,
}

fn half() -> f64 {
    0.5
}

fn no_season() -> Vec<f64> {
    vec![1.0]
}

impl Synthetic {
    /// Checks sizes and spreads and reads the first period's calendar.
    ///
    /// # Errors
    /// [`TwinError::Setting`] for the first field outside its range.
    pub fn check(&self) -> Result<Calendar, TwinError> {
        let within = |field: &str, found: f64, low: f64, high: f64, expected| {
            if (low..=high).contains(&found) {
                return Ok(());
            }
            Err(TwinError::Setting { field: format!("world.{field}"), found: found.to_string(), expected })
        };
        within("items", self.items as f64, 1.0, 1e6, "1 to 1,000,000 items")?;
        within("places", self.places as f64, 1.0, 1e5, "1 to 100,000 stores")?;
        within("items", (self.items * self.places) as f64, 1.0, 2e7, "at most 20,000,000 items times places")?;
        within("regions", self.regions as f64, 1.0, self.places as f64, "1 to as many regions as places")?;
        within("groups", self.groups as f64, 1.0, self.items as f64, "1 to as many groups as items")?;
        within("mean_demand", self.mean_demand, 0.001, 1e5, "0.001 to 100,000 pieces")?;
        within("demand_spread", self.demand_spread, 0.0, 3.0, "0 to 3")?;
        within("price_spread", self.price_spread, 0.0, 2.0, "0 to 2")?;
        within("season", self.season.len() as f64, 1.0, 366.0, "1 to 366 factors")?;
        self.season.iter().try_for_each(|&factor| within("season", factor, 0.0, 100.0, "factors from 0 to 100"))?;
        within("taste_spread", self.taste_spread, 0.0, 3.0, "0 to 3")?;
        within("web", self.web.unwrap_or(1.0), 0.0, 1e5, "0 or more")?;
        if let Some(SizeTerms { names, curve, core, store_spread, pieces_per_run }) = &self.sizes {
            within("sizes.names", names.len() as f64, 1.0, 100.0, "1 to 100 sizes")?;
            within("sizes.curve", curve.len() as f64, names.len() as f64, names.len() as f64, "one share per size")?;
            curve.iter().try_for_each(|&share| within("sizes.curve", share, 0.001, 1.0, "shares from 0.001 to 1"))?;
            within("sizes.curve", curve.iter().sum(), 0.999, 1.001, "shares that add up to 1")?;
            let known = core.iter().filter(|name| names.contains(name)).count();
            within("sizes.core", known as f64, core.len() as f64, core.len() as f64, "names of sizes")?;
            within("sizes.store_spread", *store_spread, 0.0, 3.0, "0 to 3")?;
            within("sizes.pieces_per_run", *pieces_per_run, 0.0, 1e6, "0 to 1,000,000 pieces")?;
        }
        Calendar::recognise(&self.start).ok_or_else(|| TwinError::Setting {
            field: "world.start".to_owned(),
            found: self.start.clone(),
            expected: "a date such as 2026-01-05, an ISO week such as 2026-W02, or a whole number",
        })
    }
}

impl WorldSpec {
    /// Makes a made-up chain. Prices and margins come from `items`, in major units times `minor_units`; it opens with
    /// `cover_periods` of mean demand on hand and, so that it does not open into a gap, one period's mean demand due at
    /// the start of each period before the first order can arrive.
    ///
    /// # Errors
    /// [`TwinError`] for a setting outside its range.
    pub fn synthetic(
        terms: WorldTerms,
        chain: &Synthetic,
        items: &ItemTerms,
        minor_units: f64,
        cover_periods: f64,
        shelf_life: Option<usize>,
    ) -> Result<Self, TwinError> {
        chain.check()?;
        let mut source = ChaCha8Rng::seed_from_u64(chain.seed);
        let mut spread = |sd: f64| (sd * crate::draws::normal(source.random())).exp();
        let shops = shops(chain, &mut spread);
        let mut local = ChaCha8Rng::seed_from_u64(chain.seed);
        local.set_stream(1);
        let mut taste = |sd: f64| if sd > 0.0 { (sd * crate::draws::normal(local.random())).exp() } else { 1.0 };
        let curves: Vec<Vec<f64>> = shops.iter().map(|_| size_curve(chain, &mut taste)).collect();
        let season = season(chain, terms.span.start);
        let mut cells = Vec::new();
        let mut sizes = BTreeMap::new();
        for item in 0..chain.items {
            let style = Sku::new(format!("sku-{:05}", item + 1));
            let skus = skus(chain, &style, &mut sizes);
            let group = Group::new(format!("group-{:04}", item % chain.groups + 1));
            let prices = items.by_sku.get(&style).copied();
            let list_price = prices.map_or(items.list_price, |terms| terms.list_price) * spread(chain.price_spread);
            let margin_rate = prices.map_or(items.margin_rate, |terms| terms.margin_rate);
            let popularity = spread(chain.demand_spread);
            for (number, (shop, curve)) in shops.iter().zip(&curves).enumerate() {
                let of_style = chain.mean_demand * popularity * shop.size * taste(chain.taste_spread);
                let allocated = allocation(chain, item + number);
                for (at, (sku, share)) in skus.iter().zip(curve).enumerate() {
                    let mean = of_style * share;
                    let due = (0..terms.lead_time_periods.max(1) as i32 - 1).map(|ahead| terms.span.start.plus(ahead));
                    let due = due.map(|due| (due, Pieces(mean.round() as i64)));
                    cells.push(CellSpec {
                        sku: sku.clone(),
                        place: shop.place.clone(),
                        region: shop.region.clone(),
                        group: group.clone(),
                        list_price: (list_price * minor_units).round().max(1.0) as i64,
                        unit_cost: (list_price * (1.0 - margin_rate) * minor_units).round() as i64,
                        mean_demand: season.iter().map(|factor| factor * mean).collect(),
                        on_hand: allocated.as_ref().map_or((mean * cover_periods).round() as i64, |run| run[at]),
                        pipeline: if allocated.is_some() { Vec::new() } else { due.collect() },
                        shelf_life,
                    });
                }
            }
        }
        let spec = Self::new(terms, cells)?;
        Ok(if chain.sizes.is_some() { spec.with_sizes(sizes) } else { spec })
    }
}

/// The stores, and the web shop after them.
fn shops(chain: &Synthetic, spread: &mut impl FnMut(f64) -> f64) -> Vec<Shop> {
    let store = |number: usize| Shop {
        place: Place::new(format!("store-{:04}", number + 1)),
        region: Place::new(format!("region-{:03}", number % chain.regions + 1)),
        size: spread(chain.demand_spread),
    };
    let mut shops: Vec<Shop> = (0..chain.places).map(store).collect();
    shops.extend(chain.web.map(|size| Shop { place: Place::new("web"), region: Place::new("web"), size }));
    shops
}

/// A store's own size curve; a single share of all where there are no sizes.
fn size_curve(chain: &Synthetic, taste: &mut impl FnMut(f64) -> f64) -> Vec<f64> {
    let Some(terms) = &chain.sizes else { return vec![1.0] };
    let own: Vec<f64> = terms.curve.iter().map(|share| share * taste(terms.store_spread)).collect();
    let sum: f64 = own.iter().sum();
    own.iter().map(|share| share / sum).collect()
}

/// The season's factors by slot.
fn season(chain: &Synthetic, start: Period) -> Vec<f64> {
    let slots = chain.season.len() as i64;
    let shift = if chain.season_from_start { i64::from(start.0) } else { 0 };
    (0..slots).map(|slot| chain.season[(slot - shift).rem_euclid(slots) as usize]).collect()
}

/// The items that are sold of a style: itself, or its sizes.
fn skus(chain: &Synthetic, style: &Sku, sizes: &mut BTreeMap<Sku, SizeOf>) -> Vec<Sku> {
    let Some(terms) = &chain.sizes else { return vec![style.clone()] };
    let size = |name: &String| {
        let sku = Sku::new(format!("{style}/{name}"));
        let of = SizeOf { style: style.clone(), size: name.clone(), core: terms.core.contains(name) };
        sizes.insert(sku.clone(), of);
        sku
    };
    terms.names.iter().map(size).collect()
}

/// Pieces of each size that a store gets of a style: the chain's curve, rounded differently from store to store so that
/// the chain as a whole follows it.
fn allocation(chain: &Synthetic, turn: usize) -> Option<Vec<i64>> {
    let terms = chain.sizes.as_ref()?;
    // Multiples of the golden ratio fall evenly between 0 and 1 (Weyl 1916).
    let offset = (turn as f64 * 0.618_033_988_749_894_9).fract();
    let mut before = offset;
    let run = terms.curve.iter().map(|share| {
        let upto = before + share * terms.pieces_per_run;
        let pieces = upto.floor() - before.floor();
        before = upto;
        pieces as i64
    });
    Some(run.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Synthetic {
        Synthetic {
            items: 4,
            places: 50,
            regions: 2,
            groups: 2,
            start: "2026-W02".into(),
            mean_demand: 3.0,
            demand_spread: 0.5,
            price_spread: 0.0,
            season: vec![1.0, 2.0, 3.0],
            season_from_start: true,
            taste_spread: 0.3,
            web: Some(10.0),
            sizes: Some(SizeTerms {
                names: ["36", "37", "38", "39"].map(String::from).into(),
                curve: vec![0.1, 0.4, 0.3, 0.2],
                core: ["37", "38"].map(String::from).into(),
                store_spread: 0.2,
                pieces_per_run: 9.5,
            }),
            seed: 1,
        }
    }

    #[test]
    fn a_first_allocation_follows_the_chains_curve_and_runs_hold_what_was_bought() {
        let chain = chain();
        let runs: Vec<Vec<i64>> = (0..500).map(|turn| allocation(&chain, turn).unwrap()).collect();
        for (size, share) in [0.1, 0.4, 0.3, 0.2].into_iter().enumerate() {
            let mean = runs.iter().map(|run| run[size]).sum::<i64>() as f64 / 500.0;
            assert!((mean - share * 9.5).abs() < 0.05, "size {size}: {mean}");
        }
        assert!(runs.iter().all(|run| (9..=10).contains(&run.iter().sum::<i64>())));
    }

    #[test]
    fn a_life_cycle_begins_with_the_world() {
        let factors = season(&chain(), Period(2_922));
        assert_eq!(factors[2_922 % 3], 1.0);
        assert_eq!(factors[2_923 % 3], 2.0);
    }

    #[test]
    fn shares_of_sizes_that_do_not_add_up_are_refused() {
        let mut chain = chain();
        chain.sizes.as_mut().unwrap().curve[0] = 0.5;
        assert!(chain.check().unwrap_err().to_string().contains("add up to 1"));
        chain.sizes.as_mut().unwrap().core.push("48".into());
        chain.sizes.as_mut().unwrap().curve[0] = 0.1;
        assert!(chain.check().unwrap_err().to_string().contains("world.sizes.core"));
    }
}
