//! Sifting: rows that cannot be planned are set aside with their reason, and the rest goes on.
//!
//! One wrong count must not keep a chain from ordering. Never changes a value and never guesses one: a cell whose stock is
//! not known has no order, and whoever asked is told.

use crate::error::{SupplyError, at};
use crate::{DeliveryRow, ItemRow, StockRow, SupplyConfig, SupplyRequest};
use endcap_model::{Period, Place, Sku};
use std::collections::{BTreeMap, BTreeSet};

/// What is left of a request, and why the rest is not.
pub(crate) struct Sifted<'a> {
    pub stock: Vec<&'a StockRow>,
    pub deliveries: Vec<&'a DeliveryRow>,
    pub items: BTreeMap<&'a Sku, &'a ItemRow>,
    pub set_aside: Vec<SupplyError>,
}

type Key<'a> = (&'a Sku, &'a Place);

/// Sifts a request; `first` is the first period to plan.
pub(crate) fn sift<'a>(request: &'a SupplyRequest, config: &SupplyConfig, first: Period) -> Sifted<'a> {
    let mut sifted = Sifted {
        stock: Vec::new(),
        deliveries: Vec::new(),
        items: request.items.iter().map(|item| (&item.sku, item)).collect(),
        set_aside: Vec::new(),
    };
    let stocked = sifted.sift_stock(request, config);
    sifted.sift_deliveries(request, &stocked, first);
    if !config.suppliers.is_empty() {
        let planned: BTreeSet<&Sku> = sifted.stock.iter().map(|row| &row.sku).collect();
        let without = |item: &&&ItemRow| item.supplier.is_none() && planned.contains(&item.sku);
        let named = |item: &&ItemRow| SupplyError::NoSupplier { sku: item.sku.clone() };
        let nameless: Vec<SupplyError> = sifted.items.values().filter(without).map(named).collect();
        sifted.set_aside.extend(nameless);
    }
    sifted
}

impl<'a> Sifted<'a> {
    /// Keeps the stock that can be planned; returns all cells that were listed.
    fn sift_stock(&mut self, request: &'a SupplyRequest, config: &SupplyConfig) -> BTreeSet<Key<'a>> {
        let forecast = request.forecast.iter().flat_map(|given| &given.forecast.rows).map(|row| &row.sku);
        let wanted: BTreeSet<&Sku> = request.sales.rows.iter().map(|row| &row.sku).chain(forecast).collect();
        let mut listed = BTreeSet::new();
        for row in &request.stock {
            let twice = !listed.insert((&row.sku, &row.place));
            match self.reason(row, config, &wanted, twice) {
                Some(reason) => self.set_aside.push(reason),
                None => self.stock.push(row),
            }
        }
        listed
    }

    /// Why a row of stock cannot be planned.
    fn reason(
        &self,
        row: &StockRow,
        config: &SupplyConfig,
        wanted: &BTreeSet<&Sku>,
        twice: bool,
    ) -> Option<SupplyError> {
        let (sku, place) = at(&row.sku, &row.place);
        let item = self.items.get(&row.sku);
        if twice {
            return Some(SupplyError::Twice { sku, place, table: "stock" });
        }
        if row.on_hand < 0 {
            return Some(SupplyError::Negative { sku, place, what: "stock on hand", found: row.on_hand });
        }
        if !self.items.is_empty() && item.is_none() {
            return Some(SupplyError::Unknown { sku, place, table: "stock", missing: "items" });
        }
        if !wanted.contains(&row.sku) {
            return Some(SupplyError::Unknown { sku, place, table: "stock", missing: "sales or forecast" });
        }
        let terms = config.terms(&row.sku, &row.place, item);
        let room = config.capacities.places.get(&row.place).copied().or(config.capacities.total);
        match (terms.check(), room) {
            (Err(error), _) => Some(error),
            (Ok(()), Some(room)) if terms.batch() > room => {
                Some(SupplyError::CaseTooLarge { sku, place, pieces: terms.batch(), room })
            }
            _ => None,
        }
    }

    fn sift_deliveries(&mut self, request: &'a SupplyRequest, listed: &BTreeSet<Key>, first: Period) {
        let planned: BTreeSet<Key> = self.stock.iter().map(|row| (&row.sku, &row.place)).collect();
        for row in &request.deliveries {
            let (sku, place) = at(&row.sku, &row.place);
            if row.quantity < 0 {
                self.set_aside.push(SupplyError::Negative { sku, place, what: "a delivery", found: row.quantity });
            } else if row.arrives < first {
                let calendar = request.calendar();
                let (arrives, first) = (calendar.format(row.arrives), calendar.format(first));
                self.set_aside.push(SupplyError::PastDelivery { sku, place, arrives, first, quantity: row.quantity });
            } else if planned.contains(&(&row.sku, &row.place)) {
                self.deliveries.push(row);
            } else if !listed.contains(&(&row.sku, &row.place)) {
                self.set_aside.push(SupplyError::Unknown { sku, place, table: "pipeline", missing: "stock" });
            }
        }
    }
}
