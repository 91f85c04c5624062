//! Echelons: a warehouse that orders for the places that it feeds.
//!
//! The warehouse orders on echelon stock: what it has, what its places have, and what is under way to any of them, against
//! the summed demand of the places over both lead times and the review (Clark and Scarf 1960, Management Science 6(4)).
//! Variances of places add, so that the whole needs less safety stock than its parts (Eppen and Schrage 1981, in Multi-level
//! production/inventory control systems). The places are treated as one, as if stock between them were balanced; where the
//! warehouse is short, its cases go, one at a time, to the place where the next saves most, which keeps the places'
//! stock-out probabilities alike where their costs are (the myopic allocation of Federgruen and Zipkin 1984; Federgruen
//! 1993, Handbooks in Operations Research 4). Never plans more than two echelons.

use crate::cells::Cell;
use crate::{CellTerms, Demand, SupplySettings};
use endcap_model::{Place, ProjectionRow, Sku};
use std::collections::BTreeMap;

/// One item in a warehouse and in the places that it feeds.
#[derive(Debug)]
pub(crate) struct Pool {
    /// Cell of the warehouse.
    pub warehouse: usize,
    /// Cells that it feeds.
    pub places: Vec<usize>,
}

/// Finds the pools of the cells, sorted by item and warehouse.
pub(crate) fn pools(cells: &[Cell]) -> Vec<Pool> {
    let mut fed: BTreeMap<(&Sku, &Place), Vec<usize>> = BTreeMap::new();
    for (at, cell) in cells.iter().enumerate() {
        if let Some(feed) = &cell.terms.feed {
            fed.entry((&cell.terms.sku, &feed.source)).or_default().push(at);
        }
    }
    if fed.is_empty() {
        return Vec::new();
    }
    let by_name: BTreeMap<(&Sku, &Place), usize> =
        cells.iter().enumerate().map(|(at, cell)| ((&cell.terms.sku, &cell.terms.place), at)).collect();
    let pool = |(key, places): (_, Vec<usize>)| Some(Pool { warehouse: *by_name.get(&key)?, places });
    fed.into_iter().filter_map(pool).collect()
}

impl Pool {
    /// Terms of the whole: those of the warehouse, earning what its places earn on the average of their demand.
    pub fn terms(&self, cells: &[Cell]) -> CellTerms {
        let demand = |at: usize| cells[at].demand.iter().map(|demand| demand.mean).sum::<f64>();
        let all: f64 = self.members().map(demand).sum();
        let mean = |of: fn(&CellTerms) -> f64| {
            let weighed: f64 = self.members().map(|at| demand(at) * of(cells[at].terms)).sum();
            if all > 0.0 { weighed / all } else { of(cells[self.warehouse].terms) }
        };
        CellTerms {
            maximum_stock: None,
            unit_margin: mean(|terms| terms.unit_margin),
            shortage_cost: mean(|terms| terms.shortage_cost),
            ..cells[self.warehouse].terms.clone()
        }
    }

    /// Demand and stock of the whole; what arrives at the warehouse counts when it can be in the places.
    pub fn cell<'a>(&self, cells: &[Cell], terms: &'a CellTerms, settings: &SupplySettings) -> Cell<'a> {
        let warehouse = &cells[self.warehouse];
        let way = self.places.iter().map(|&at| cells[at].lead_time).max().unwrap_or(1);
        let of = |at: usize, period: usize| cells[at].demand[period];
        let demand = |period: usize| {
            let own = of(self.warehouse, period);
            self.places.iter().fold(own, |sum: Demand, &at| sum.and(of(at, period)))
        };
        let lifted = |period: usize| self.members().any(|at| cells[at].lifted[period]);
        let mut arrivals = vec![0; warehouse.demand.len()];
        for (period, pieces) in arrivals.iter_mut().enumerate() {
            *pieces = self.places.iter().map(|&at| cells[at].arrivals[period]).sum();
            *pieces += period.checked_sub(way).map_or(0, |left| warehouse.arrivals[left]);
        }
        Cell {
            terms,
            lead_time: settings.lead_time_periods + way,
            demand: (0..warehouse.demand.len()).map(demand).collect(),
            lifted: (0..warehouse.demand.len()).map(lifted).collect(),
            later: self.places.iter().fold(warehouse.later, |sum, &at| sum.and(cells[at].later)),
            on_hand: self.members().map(|at| cells[at].on_hand).sum(),
            arrivals,
        }
    }

    /// Rows of the warehouse with what the whole loses and wastes: for alerts.
    pub fn rows(&self, rows: &[Vec<ProjectionRow>]) -> Vec<ProjectionRow> {
        let mut whole = rows[self.warehouse].clone();
        for (period, row) in whole.iter_mut().enumerate() {
            row.lost = self.members().map(|at| rows[at][period].lost).sum();
            row.waste = self.members().map(|at| rows[at][period].waste).sum();
        }
        whole
    }

    /// The warehouse, then its places.
    pub fn members(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::once(self.warehouse).chain(self.places.iter().copied())
    }
}
