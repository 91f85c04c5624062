//! What an item costs and how it may be ordered, and how supply is planned.

use crate::error::{SupplyError, in_range};
use crate::reliability::Reliability;
use endcap_model::{Place, Sku, Supplier, WriteDown};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most periods that a lead time, a review or a shelf life may have.
pub const PERIODS_MAX: usize = 1000;

/// Terms of one SKU at one place; money in minor units per piece.
#[derive(Clone, Debug, PartialEq)]
pub struct CellTerms {
    /// The item.
    pub sku: Sku,
    /// The place.
    pub place: Place,
    /// Pieces in a case, 1 or more; orders are whole cases.
    pub case_pack: i64,
    /// Fewest pieces in an order that is placed at all.
    pub minimum_order: i64,
    /// Periods in which a piece can be sold, counted from the one at whose start it arrives; nothing for ever.
    pub shelf_life: Option<usize>,
    /// Most pieces that shelf and back room hold; nothing for no limit.
    pub maximum_stock: Option<i64>,
    /// What a piece takes of a truck, in the unit of the truck's size.
    pub volume: f64,
    /// Who delivers it.
    pub supplier: Option<Supplier>,
    /// Warehouse that it comes from; nothing where the supplier delivers.
    pub feed: Option<Feed>,
    /// Earned on a piece sold.
    pub unit_margin: f64,
    /// Paid for a piece: lost, besides the waste cost, when it is thrown away.
    pub unit_cost: f64,
    /// Cost of holding a piece at the end of a period.
    pub holding_cost: f64,
    /// Cost of a lost sale beyond its margin.
    pub shortage_cost: f64,
    /// Cost of throwing a piece away beyond its unit cost.
    pub waste_cost: f64,
}

/// Where a place gets its pieces from, other than from a supplier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// The warehouse.
    pub source: Place,
    /// What leaves at the end of period t is there at the start of t + this; 1 or more.
    pub lead_time_periods: usize,
}

/// Trucks of a supplier.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truck {
    /// What a truck holds, in the unit of the items' volume.
    pub size: f64,
    /// Cost of a truck, full or not.
    pub cost: f64,
    /// Whether it comes full or not at all. Default: no.
    #[serde(default)]
    pub only_full: bool,
}

/// How supply is planned.
#[derive(Clone, Debug, PartialEq)]
pub struct SupplySettings {
    /// An order placed at the end of period t arrives at the start of t + this; 1 or more.
    pub lead_time_periods: usize,
    /// Periods between two orders of the same cell; 1 or more.
    pub review_periods: usize,
    /// Random paths of the projection per cell.
    pub paths: usize,
    /// Seed of the paths.
    pub seed: u64,
    /// Correlation (0..1) of demand's deviations from the forecast between periods of one cell: 0 where every
    /// period deviates on its own, 1 where a forecast that is wrong stays wrong. Raises the variance of a cover.
    pub persistence: f64,
    /// Least probability of covering the demand of a cover, where costs would ask for less; nothing for costs alone.
    pub service_level_min: Option<f64>,
    /// Most pieces of all cells that can arrive in one period: what warehouse and carrier can move.
    pub capacity: Option<i64>,
    /// Most pieces that can arrive at a place in one period: its dock and shelf.
    pub capacity_by_place: BTreeMap<Place, i64>,
    /// Cost of moving a piece between two places of a region, in minor units; nothing for no transfers.
    pub transfer_cost: Option<f64>,
    /// Cost of moving a piece between two places of a region, where it is not the usual one.
    pub transfer_cost_between: BTreeMap<(Place, Place), f64>,
    /// Region of each place between whose places pieces can move; a place without one gives and takes nothing.
    pub regions: BTreeMap<Place, Place>,
    /// How suppliers deliver, where they are not listed by name.
    pub reliability: Reliability,
    /// How a supplier delivers.
    pub reliability_by_supplier: BTreeMap<Supplier, Reliability>,
    /// Trucks by supplier; none where a supplier is not listed.
    pub trucks: BTreeMap<Supplier, Truck>,
    /// Most money, at the unit cost of the pieces, that the orders of one period may bind; nothing for no limit.
    pub budget: Option<f64>,
    /// A faster way to order; nothing where there is none.
    pub expedite: Option<Expedite>,
    /// Value from which a planner confirms what the plan would do by itself; nothing for no such value.
    pub review_value: Option<f64>,
    /// What offers leave over; nothing where it keeps its value.
    pub write_down: Option<WriteDown>,
}

/// A faster way to order, at a price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expedite {
    /// Periods after the one at whose end it is ordered that it is there; less than the ordinary lead time.
    pub lead_time_periods: usize,
    /// Cost of a piece beyond its unit cost.
    pub cost: f64,
    /// The same as a share of its unit cost, on top. Default 0.
    #[serde(default)]
    pub cost_rate: f64,
    /// Who delivers it. Default: the supplier of the item.
    #[serde(default)]
    pub supplier: Option<Supplier>,
}

impl Default for SupplySettings {
    /// One period of lead time and review, 100 paths, deviations that do not persist, no limits, no
    /// transfers, suppliers on time and in full.
    fn default() -> Self {
        Self {
            lead_time_periods: 1,
            review_periods: 1,
            paths: 100,
            seed: 0,
            persistence: 0.0,
            service_level_min: None,
            capacity: None,
            capacity_by_place: BTreeMap::new(),
            transfer_cost: None,
            transfer_cost_between: BTreeMap::new(),
            regions: BTreeMap::new(),
            reliability: Reliability::default(),
            reliability_by_supplier: BTreeMap::new(),
            trucks: BTreeMap::new(),
            budget: None,
            expedite: None,
            review_value: None,
            write_down: None,
        }
    }
}

impl SupplySettings {
    /// Whether the orders of one cell can leave less room for those of another.
    pub(crate) fn has_shared_limits(&self) -> bool {
        self.capacity.is_some()
            || !self.capacity_by_place.is_empty()
            || self.budget.is_some()
            || !self.trucks.is_empty()
    }

    /// Checks every setting's range.
    pub(crate) fn check(&self) -> Result<(), SupplyError> {
        const LEAD: &str = "1 to 1000 periods, because an order placed at the end of a period arrives at the start of a \
                            later one";
        let longest = PERIODS_MAX as f64;
        in_range("lead_time_periods", self.lead_time_periods as f64, 1.0, longest, LEAD)?;
        in_range("review_periods", self.review_periods as f64, 1.0, longest, "1 to 1000 periods")?;
        in_range("paths", self.paths as f64, 1.0, 100_000.0, "1 to 100000 paths")?;
        in_range("persistence", self.persistence, 0.0, 1.0, "a correlation from 0 to 1")?;
        if let Some(level) = self.service_level_min {
            in_range("service_level_min", level, 0.0, 0.9999, "a probability from 0 to 0.9999")?;
        }
        for capacity in self.capacity.iter().chain(self.capacity_by_place.values()) {
            in_range("capacity", *capacity as f64, 0.0, f64::INFINITY, "0 or more pieces")?;
        }
        let ways = self.transfer_cost_between.values();
        for amount in self.transfer_cost.iter().chain(ways).chain(&self.budget).chain(&self.review_value) {
            in_range("transfer_cost, budget or review_value", *amount, 0.0, 1e15, "an amount of 0 or more")?;
        }
        for reliability in self.reliability_by_supplier.values().chain([&self.reliability]) {
            reliability.check()?;
        }
        for truck in self.trucks.values() {
            in_range("trucks.size", truck.size, 1e-9, 1e12, "more than 0")?;
            in_range("trucks.cost", truck.cost, 0.0, 1e12, "an amount of 0 or more")?;
        }
        if let Some(WriteDown { cover_periods, rate }) = self.write_down {
            in_range("write_down.cover_periods", cover_periods, 0.0, 1000.0, "0 to 1000 periods")?;
            in_range("write_down.rate", rate, 0.0, 1.0, "a share from 0 to 1")?;
        }
        let Some(expedite) = &self.expedite else { return Ok(()) };
        let (found, longest) = (expedite.lead_time_periods as f64, self.lead_time_periods as f64 - 1.0);
        in_range(
            "expedite.lead_time_periods",
            found,
            1.0,
            longest.max(1.0),
            "1 or more, and less than lead_time_periods",
        )?;
        in_range("expedite.cost", expedite.cost, 0.0, 1e12, "an amount of 0 or more")?;
        in_range("expedite.cost_rate", expedite.cost_rate, 0.0, 100.0, "a rate of 0 or more")
    }

    /// How the supplier of a cell delivers; a warehouse of ours delivers what it has, on time.
    pub fn reliability_of(&self, terms: &CellTerms) -> &Reliability {
        static OWN: Reliability = Reliability { late: Vec::new(), cut_probability: 0.0, cut_share: 0.0 };
        if terms.feed.is_some() {
            return &OWN;
        }
        let named = terms.supplier.as_ref().and_then(|supplier| self.reliability_by_supplier.get(supplier));
        named.unwrap_or(&self.reliability)
    }
}

impl CellTerms {
    /// Lost with a sale that cannot be made: its margin and the shortage cost.
    pub fn underage_cost(&self) -> f64 {
        self.unit_margin + self.shortage_cost
    }

    /// Lost with a piece that is thrown away.
    pub fn waste_loss(&self) -> f64 {
        self.unit_cost + self.waste_cost
    }

    /// Returns the smallest order: whole cases, at least the minimum, at least one case.
    pub fn batch(&self) -> i64 {
        self.case_pack * div_ceil(self.minimum_order, self.case_pack).max(1)
    }

    /// Checks every term's range.
    pub(crate) fn check(&self) -> Result<(), SupplyError> {
        let amount = (0.0, 1e12, "an amount of 0 or more");
        const LEAD: &str = "1 to 1000 periods: what leaves at the end of a period is there at the start of a later one";
        let life = self.shelf_life.map_or(1.0, |life| life as f64);
        let lead_time = self.feed.as_ref().map_or(1.0, |feed| feed.lead_time_periods as f64);
        let ranges = [
            ("lead_time_periods", lead_time, (1.0, PERIODS_MAX as f64, LEAD)),
            ("maximum_stock", self.maximum_stock.unwrap_or(0) as f64, (0.0, 1e12, "0 or more pieces, or nothing")),
            ("volume", self.volume, (0.0, 1e12, "0 or more")),
            ("case_pack", self.case_pack as f64, (1.0, 1e9, "1 or more pieces")),
            ("minimum_order", self.minimum_order as f64, (0.0, 1e9, "0 or more pieces")),
            ("shelf_life", life, (1.0, PERIODS_MAX as f64, "1 to 1000 periods, or nothing for goods that keep")),
            ("unit_margin", self.unit_margin, (-1e12, 1e12, "an amount")),
            ("unit_cost", self.unit_cost, amount),
            ("holding_cost", self.holding_cost, amount),
            ("shortage_cost", self.shortage_cost, amount),
            ("waste_cost", self.waste_cost, amount),
        ];
        match ranges.into_iter().find(|&(_, found, (low, high, _))| !(low..=high).contains(&found)) {
            None => Ok(()),
            Some((field, found, (_, _, expected))) => {
                let (sku, place) = (self.sku.clone(), self.place.clone());
                Err(SupplyError::Terms { sku, place, field, found, expected })
            }
        }
    }
}

/// Divides whole numbers, rounding up; the divisor is over 0.
pub(crate) fn div_ceil(pieces: i64, by: i64) -> i64 {
    pieces.div_euclid(by) + i64::from(pieces.rem_euclid(by) > 0)
}
