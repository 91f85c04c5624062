//! A made-up chain for a stand-alone scenario: items, stores and groups drawn from a seed.

use crate::{CellSpec, TwinError, WorldSpec, WorldTerms};
use endcap_model::{Calendar, Group, ItemTerms, Place, Sku};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

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
    /// Seed of the chain; its worlds have seeds of their own.
    #[serde(default)]
    pub seed: u64,
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
        let stores: Vec<f64> = (0..chain.places).map(|_| spread(chain.demand_spread)).collect();
        let mut cells = Vec::with_capacity(chain.items * chain.places);
        for item in 0..chain.items {
            let sku = Sku::new(format!("sku-{:05}", item + 1));
            let group = Group::new(format!("group-{:04}", item % chain.groups + 1));
            let prices = items.by_sku.get(&sku).copied();
            let list_price = prices.map_or(items.list_price, |terms| terms.list_price) * spread(chain.price_spread);
            let margin_rate = prices.map_or(items.margin_rate, |terms| terms.margin_rate);
            let popularity = spread(chain.demand_spread);
            for (place, size) in stores.iter().enumerate() {
                let mean = chain.mean_demand * popularity * size;
                let due = (0..terms.lead_time_periods.max(1) as i32 - 1).map(|ahead| terms.span.start.plus(ahead));
                cells.push(CellSpec {
                    sku: sku.clone(),
                    place: Place::new(format!("store-{:04}", place + 1)),
                    region: Place::new(format!("region-{:03}", place % chain.regions + 1)),
                    group: group.clone(),
                    list_price: (list_price * minor_units).round().max(1.0) as i64,
                    unit_cost: (list_price * (1.0 - margin_rate) * minor_units).round() as i64,
                    mean_demand: chain.season.iter().map(|factor| factor * mean).collect(),
                    on_hand: (mean * cover_periods).round() as i64,
                    pipeline: due.map(|due| (due, endcap_model::Pieces(mean.round() as i64))).collect(),
                    shelf_life,
                });
            }
        }
        Self::new(terms, cells)
    }
}
