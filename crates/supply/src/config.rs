//! What `supply.toml` says. Amounts of money are in any one unit: only their ratios decide.

use crate::{Expedite, ItemRow, Reliability, SupplySettings, Truck, critical_ratio};
use endcap_model::{Calendar, Place, Supplier};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings of the supply of a folder of sales and stock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupplyConfig {
    /// An order placed at the end of period t arrives at the start of t + this; 1 or more.
    pub lead_time_periods: usize,
    /// Cost of holding one piece at the end of a period.
    pub holding_cost: f64,
    /// Cost of a lost sale, beside the item's `unit_margin` where the items state one.
    pub shortage_cost: f64,
    /// Periods between two orders of the same item and place. Default 1.
    #[serde(default = "one")]
    pub review_periods: usize,
    /// Periods to project. Default: lead time and review, and at least 14; with a forecast, the periods it has.
    #[serde(default)]
    pub horizon: Option<usize>,
    /// Calendar of the periods. Default: as they are written; dates that all fall on one weekday are weeks.
    #[serde(default)]
    pub calendar: Option<Calendar>,
    /// Random paths per item and place. Default 100.
    #[serde(default = "paths")]
    pub paths: usize,
    /// Seed of the paths. Default 1.
    #[serde(default = "seed")]
    pub seed: u64,
    /// Correlation of demand's deviations between periods, 0 to 1. Default: measured on the sales, 0 with a forecast.
    #[serde(default)]
    pub persistence: Option<f64>,
    /// Least probability of covering demand until the next order arrives, where the costs ask for less. Default none.
    #[serde(default)]
    pub service_level_min: Option<f64>,
    /// Cost of a piece, lost when it is thrown away, where the items state none. Default 0.
    #[serde(default)]
    pub unit_cost: f64,
    /// Cost of throwing a piece away beyond its unit cost. Default 0.
    #[serde(default)]
    pub waste_cost: f64,
    /// Pieces in a case, where the items state none. Default 1.
    #[serde(default = "one_piece")]
    pub case_pack: i64,
    /// Fewest pieces in an order, where the items state none. Default 0.
    #[serde(default)]
    pub minimum_order: i64,
    /// Periods in which a piece can be sold, where the items state none. Default: it keeps.
    #[serde(default)]
    pub shelf_life: Option<usize>,
    /// What can arrive in one period.
    #[serde(default)]
    pub capacities: Capacities,
    /// Moving pieces between places; absent for none.
    #[serde(default)]
    pub transfers: Option<TransferConfig>,
    /// How suppliers deliver, where they are not listed by name. Default: on time and in full.
    #[serde(default)]
    pub reliability: Reliability,
    /// How a supplier delivers, by name.
    #[serde(default)]
    pub suppliers: BTreeMap<Supplier, Reliability>,
    /// Share of its sales that a style loses where a core size is missing, beyond the missing size. Default 0.
    #[serde(default)]
    pub broken_loss: f64,
    /// Trucks of a supplier, by its name.
    #[serde(default)]
    pub trucks: BTreeMap<Supplier, Truck>,
    /// Most pieces of an item that shelf and back room of a place hold, where the items state none. Default: no limit.
    #[serde(default)]
    pub maximum_stock: Option<i64>,
    /// Most money, at unit cost, that the orders of one period may bind. Default: no limit.
    #[serde(default)]
    pub budget: Option<f64>,
    /// A faster way to order; absent for none.
    #[serde(default)]
    pub expedite: Option<Expedite>,
    /// Value from which a planner confirms what the plan would do by itself. Default: none.
    #[serde(default)]
    pub review_value: Option<f64>,
}

/// Most pieces that can arrive in one period, besides what is already under way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capacities {
    /// All items and places: warehouse and carrier. Default: no limit.
    #[serde(default)]
    pub total: Option<i64>,
    /// By place: dock and shelf. Default: no limit.
    #[serde(default)]
    pub places: BTreeMap<Place, i64>,
}

/// Moving pieces between places of one region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferConfig {
    /// Cost of moving one piece.
    pub cost: f64,
    /// Region of each place; pieces move inside a region only.
    pub regions: BTreeMap<Place, Place>,
    /// Cost of moving one piece from a place to another, where it is not the usual one.
    #[serde(default)]
    pub between: BTreeMap<Place, BTreeMap<Place, f64>>,
}

impl TransferConfig {
    /// Cost of moving a piece between two places; nothing where they lie in different regions.
    pub(crate) fn way(&self, from: &Place, to: &Place) -> Option<f64> {
        let regions = (self.regions.get(from)?, self.regions.get(to)?);
        let stated = self.between.get(from).and_then(|to_places| to_places.get(to));
        (regions.0 == regions.1).then(|| stated.copied().unwrap_or(self.cost))
    }

    fn cost_between(&self) -> BTreeMap<(Place, Place), f64> {
        let from = |(from, to): (&Place, &BTreeMap<Place, f64>)| {
            to.iter().map(|(to, &cost)| ((from.clone(), to.clone()), cost)).collect::<Vec<_>>()
        };
        self.between.iter().flat_map(from).collect()
    }
}

fn one() -> usize {
    1
}

fn one_piece() -> i64 {
    1
}

fn paths() -> usize {
    SupplySettings::default().paths
}

fn seed() -> u64 {
    1
}

impl SupplyConfig {
    /// Returns the settings of the plan, with the persistence that was measured where none is stated.
    pub fn settings(&self, measured_persistence: f64) -> SupplySettings {
        SupplySettings {
            lead_time_periods: self.lead_time_periods,
            review_periods: self.review_periods,
            paths: self.paths,
            seed: self.seed,
            persistence: self.persistence.unwrap_or(measured_persistence),
            service_level_min: self.service_level_min,
            capacity: self.capacities.total,
            capacity_by_place: self.capacities.places.clone(),
            transfer_cost: self.transfers.as_ref().map(|transfers| transfers.cost),
            regions: self.transfers.as_ref().map(|transfers| transfers.regions.clone()).unwrap_or_default(),
            transfer_cost_between: self.transfers.as_ref().map(TransferConfig::cost_between).unwrap_or_default(),
            reliability: self.reliability.clone(),
            reliability_by_supplier: self.suppliers.clone(),
            trucks: self.trucks.clone(),
            budget: self.budget,
            expedite: self.expedite.clone(),
            review_value: self.review_value,
            write_down: None,
        }
    }

    /// Returns the probability with which the costs ask an order to cover demand, at the mean margin of the items.
    pub(crate) fn service_level(&self, items: &[&ItemRow]) -> f64 {
        let margins = || items.iter().filter_map(|item| item.unit_margin);
        let margin = margins().sum::<f64>() / margins().count().max(1) as f64;
        critical_ratio(self.shortage_cost + margin, self.holding_cost * self.review_periods as f64)
    }

    /// Returns the periods to project where no forecast says.
    pub fn horizon(&self) -> usize {
        const PROJECTED: usize = 14;
        self.horizon.unwrap_or(PROJECTED.max(self.lead_time_periods.saturating_add(self.review_periods)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORTEST: &str = "lead_time_periods = 3\nholding_cost = 0.2\nshortage_cost = 1";

    #[test]
    fn three_lines_are_enough() {
        let config: SupplyConfig = toml::from_str(SHORTEST).unwrap();
        assert_eq!((config.horizon(), config.review_periods, config.paths), (14, 1, 100));
        assert_eq!(config.settings(0.25).persistence, 0.25);
        assert_eq!(config.settings(0.0).transfer_cost, None);
    }

    #[test]
    fn a_misspelt_field_is_named() {
        let refused = toml::from_str::<SupplyConfig>(&format!("{SHORTEST}\nlead_time = 3")).unwrap_err();
        assert!(refused.to_string().contains("lead_time"), "{refused}");
        let refused = toml::from_str::<SupplyConfig>(&format!("{SHORTEST}\n[capacities]\ndock = 3")).unwrap_err();
        assert!(refused.to_string().contains("dock"), "{refused}");
    }

    #[test]
    fn a_missing_field_is_named() {
        let refused = toml::from_str::<SupplyConfig>("lead_time_periods = 3\nholding_cost = 0.2").unwrap_err();
        assert!(refused.to_string().contains("shortage_cost"), "{refused}");
    }
}
