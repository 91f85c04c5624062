//! A world whose items and stores are given one by one, with the response of each item stated.

use crate::{CellSpec, Shown, TwinError, WorldSpec, WorldTerms};
use endcap_model::{Calendar, Group, Pieces, Place, Sku, SupplyTerms};
use serde::{Deserialize, Serialize};

/// Items and stores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// First period.
    pub start: String,
    /// The stores; each sells every item.
    pub places: Vec<ListedPlace>,
    /// The items.
    pub items: Vec<ListedItem>,
}

/// A store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedPlace {
    /// Its name.
    pub place: Place,
    /// Region in which its offers are set; the store itself when absent.
    #[serde(default)]
    pub region: Option<Place>,
    /// What it sells over an item's `demand`; 1 when absent.
    #[serde(default = "all")]
    pub share: f64,
}

/// An item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedItem {
    /// The item.
    pub sku: Sku,
    /// Items that substitute for each other.
    pub group: Group,
    /// List price, major units.
    pub list_price: f64,
    /// Unit margin over list price.
    pub margin_rate: f64,
    /// Expected pieces per period at list price, period after period; the last one repeats.
    pub demand: Vec<f64>,
    /// Elasticity around which worlds draw the hidden one.
    pub elasticity: f64,
    /// Its standard deviation over worlds; 0 when absent.
    #[serde(default)]
    pub elasticity_sd: f64,
    /// Depth at which the elasticity holds; at list price when absent.
    #[serde(default)]
    pub depth: f64,
    /// Pieces on hand in all stores together; the scenario's cover when absent.
    #[serde(default)]
    pub on_hand: Option<i64>,
}

fn all() -> f64 {
    1.0
}

impl Listed {
    /// Checks ranges and reads the first period's calendar.
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
        within("places", self.places.len() as f64, 1.0, 1e5, "1 to 100,000 stores")?;
        within("items", self.items.len() as f64, 1.0, 1e6, "1 to 1,000,000 items")?;
        for place in &self.places {
            within("places.share", place.share, 0.0, 1e6, "0 or more")?;
        }
        for item in &self.items {
            within("items.list_price", item.list_price, 0.01, 1e7, "a price of at least 0.01")?;
            within("items.margin_rate", item.margin_rate, 0.0, 1.0, "a share from 0 to 1")?;
            within("items.demand", item.demand.len() as f64, 1.0, 1e4, "1 to 10,000 periods")?;
            within("items.elasticity", item.elasticity, -20.0, 0.0, "an elasticity from -20 to 0")?;
            within("items.elasticity_sd", item.elasticity_sd, 0.0, 20.0, "0 or more")?;
            within("items.depth", item.depth, 0.0, 0.95, "a share from 0 to 0.95")?;
        }
        Calendar::recognise(&self.start).ok_or_else(|| TwinError::Setting {
            field: "world.start".to_owned(),
            found: self.start.clone(),
            expected: "a date such as 2026-01-05, an ISO week such as 2026-W02, or a whole number",
        })
    }
}

impl WorldSpec {
    /// Makes the world of a list. Where an item has no stock of its own it opens with `cover_periods` of its first
    /// period's demand, and with one period's due at the start of each period before the first order can arrive.
    ///
    /// # Errors
    /// [`TwinError`] for a setting outside its range.
    pub fn listed(
        terms: WorldTerms,
        list: &Listed,
        minor_units: f64,
        cover_periods: f64,
        supply: &SupplyTerms,
    ) -> Result<Self, TwinError> {
        list.check()?;
        let (span, lead) = (terms.span, terms.lead_time_periods.max(1) as i32 - 1);
        let shares: f64 = list.places.iter().map(|place| place.share).sum();
        let mut cells = Vec::with_capacity(list.items.len() * list.places.len());
        for item in &list.items {
            let demand = |at: usize| item.demand[at.min(item.demand.len() - 1)];
            for place in &list.places {
                let mut mean_demand = vec![0.0; span.len()];
                for (at, period) in span.iter().enumerate() {
                    mean_demand[(period.0 as i64).rem_euclid(span.len() as i64) as usize] = demand(at) * place.share;
                }
                let usual = demand(0) * place.share;
                let due = (0..lead).map(|ahead| (span.start.plus(ahead), Pieces(usual.round() as i64)));
                let own = item.on_hand.map(|pieces| (pieces as f64 * place.share / shares).round() as i64);
                cells.push(CellSpec {
                    sku: item.sku.clone(),
                    place: place.place.clone(),
                    region: place.region.clone().unwrap_or_else(|| place.place.clone()),
                    group: item.group.clone(),
                    list_price: (item.list_price * minor_units).round() as i64,
                    unit_cost: (item.list_price * (1.0 - item.margin_rate) * minor_units).round() as i64,
                    mean_demand,
                    on_hand: own.unwrap_or((usual * cover_periods).round() as i64),
                    pipeline: due.collect(),
                    shelf_life: supply.shelf_life,
                });
            }
        }
        let shown = |item: &ListedItem| {
            let shown = Shown { elasticity: item.elasticity, depth: item.depth, sd: item.elasticity_sd };
            (item.sku.clone(), shown)
        };
        Ok(Self::new(terms, cells)?.with_responses(list.items.iter().map(shown).collect()))
    }
}
