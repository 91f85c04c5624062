//! Sifting: rows that cannot be planned are set aside with their reason, and the rest goes on.
//!
//! One wrong count must not keep a chain from ordering. Never changes a value and never guesses one: a cell whose stock is
//! not known has no order, and whoever asked is told.

use crate::error::{SupplyError, at};
use crate::feeds::{Feeds, sift_feeds};
use crate::history::{SalesHistory, is_count};
use crate::{DeliveryRow, ItemRow, StockRow, SupplyConfig, SupplyRequest};
use endcap_model::{Period, Place, Sku};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// A row that was left out, or needs a word.
#[derive(Clone, Debug, PartialEq)]
pub struct SetAside {
    /// Table that it stands in: sales, stock, pipeline, items or feeds.
    pub table: &'static str,
    /// Row of data in it, from 1.
    pub row: usize,
    /// Column.
    pub column: &'static str,
    /// What is wrong, what was expected, and what to do.
    pub reason: SupplyError,
}

/// What is left of a request, and why the rest is not.
pub(crate) struct Sifted<'a> {
    pub sales: Cow<'a, SalesHistory>,
    pub stock: Vec<&'a StockRow>,
    pub deliveries: Vec<&'a DeliveryRow>,
    pub items: BTreeMap<&'a Sku, &'a ItemRow>,
    pub feeds: Feeds<'a>,
    pub set_aside: Vec<SetAside>,
}

type Key<'a> = (&'a Sku, &'a Place);

/// Why a row is left out: its column and the reason.
type Fault = (&'static str, SupplyError);

/// Sifts a request; `first` is the first period to plan.
pub(crate) fn sift<'a>(request: &'a SupplyRequest, config: &SupplyConfig, first: Period) -> Sifted<'a> {
    let mut sifted = Sifted {
        sales: Cow::Borrowed(&request.sales),
        stock: Vec::new(),
        deliveries: Vec::new(),
        items: BTreeMap::new(),
        feeds: Feeds::default(),
        set_aside: Vec::new(),
    };
    sifted.sift_sales(request);
    sifted.sift_items(request);
    (sifted.feeds, sifted.set_aside) = sift_feeds(&request.feeds, std::mem::take(&mut sifted.set_aside));
    let listed = sifted.sift_stock(request, config);
    sifted.sift_deliveries(request, &listed, first);
    sifted.ask_for_suppliers(config);
    sifted
}

impl<'a> Sifted<'a> {
    fn put_aside(&mut self, table: &'static str, row: usize, (column, reason): Fault) {
        self.set_aside.push(SetAside { table, row, column, reason });
    }

    /// Leaves out sales that are no count and second rows of a period. Rows are copied only where some are left out.
    fn sift_sales(&mut self, request: &'a SupplyRequest) {
        let (mut seen, mut out) = (BTreeSet::new(), BTreeSet::new());
        for (at_row, row) in request.sales.rows.iter().enumerate() {
            let (sku, place) = at(&row.sku, &row.place);
            let fault = if !is_count(row.units) {
                let period = request.sales.calendar.format(row.period);
                Some(("units", SupplyError::Sales { sku, place, period, found: row.units }))
            } else if !seen.insert((&row.sku, &row.place, row.period)) {
                Some(("period", SupplyError::Twice { sku, place, table: "sales" }))
            } else {
                None
            };
            if let Some(fault) = fault {
                out.insert(at_row);
                self.put_aside("sales", at_row + 1, fault);
            }
        }
        if !out.is_empty() {
            let kept = request.sales.rows.iter().enumerate().filter(|(at_row, _)| !out.contains(at_row));
            let rows = kept.map(|(_, row)| row.clone()).collect();
            self.sales = Cow::Owned(SalesHistory { calendar: request.sales.calendar, rows });
        }
    }

    fn sift_items(&mut self, request: &'a SupplyRequest) {
        for item in &request.items {
            if self.items.contains_key(&item.sku) {
                let again = SupplyError::TwiceItem { sku: item.sku.clone() };
                self.put_aside("items", item.row, ("unit_id", again));
            } else {
                self.items.insert(&item.sku, item);
            }
        }
    }

    /// Keeps the stock that can be planned; returns all cells that were listed.
    fn sift_stock(&mut self, request: &'a SupplyRequest, config: &SupplyConfig) -> BTreeSet<Key<'a>> {
        let forecast = request.forecast.iter().flat_map(|given| &given.forecast.rows).map(|row| &row.sku);
        let wanted: BTreeSet<&Sku> = self.sales_of(request).chain(forecast).collect();
        let mut listed = BTreeSet::new();
        for row in &request.stock {
            let twice = !listed.insert((&row.sku, &row.place));
            match self.fault(row, config, &wanted, twice) {
                Some(fault) => self.put_aside("stock", row.row, fault),
                None => self.stock.push(row),
            }
        }
        self.keep_fed();
        listed
    }

    fn sales_of(&self, request: &'a SupplyRequest) -> impl Iterator<Item = &'a Sku> + use<'a> {
        request.sales.rows.iter().map(|row| &row.sku)
    }

    /// Leaves out cells whose warehouse does not list the item.
    fn keep_fed(&mut self) {
        let there: BTreeSet<Key> = self.stock.iter().map(|row| (&row.sku, &row.place)).collect();
        for row in std::mem::take(&mut self.stock) {
            match self.feeds.source(&row.place).filter(|source| !there.contains(&(&row.sku, source))).cloned() {
                None => self.stock.push(row),
                Some(warehouse) => {
                    let (sku, place) = at(&row.sku, &row.place);
                    self.put_aside("stock", row.row, ("place_id", SupplyError::NoSource { sku, place, warehouse }));
                }
            }
        }
    }

    /// Why a row of stock cannot be planned.
    fn fault(&self, row: &StockRow, config: &SupplyConfig, wanted: &BTreeSet<&Sku>, twice: bool) -> Option<Fault> {
        let (sku, place) = at(&row.sku, &row.place);
        let item = self.items.get(&row.sku);
        if twice {
            return Some(("unit_id", SupplyError::Twice { sku, place, table: "stock" }));
        }
        if row.on_hand < 0 {
            return Some(("on_hand", SupplyError::Negative { sku, place, what: "stock on hand", found: row.on_hand }));
        }
        if !self.items.is_empty() && item.is_none() {
            return Some(("unit_id", SupplyError::Unknown { sku, place, table: "stock", missing: "items" }));
        }
        if !wanted.contains(&row.sku) {
            return Some((
                "unit_id",
                SupplyError::Unknown { sku, place, table: "stock", missing: "sales or forecast" },
            ));
        }
        if let Some(unusable) = self.feeds.unusable(&row.place) {
            return Some(("place_id", unusable));
        }
        let terms = config.terms(&row.sku, &row.place, item, &self.feeds);
        if let Err(error) = terms.check() {
            return Some(("unit_id", error));
        }
        let dock = config.capacities.places.get(&row.place).copied().or(config.capacities.total);
        let room = terms.maximum_stock.into_iter().chain(dock).min()?;
        let smallest = terms.batch();
        (smallest > room).then_some(("unit_id", SupplyError::CaseTooLarge { sku, place, pieces: smallest, room }))
    }

    fn sift_deliveries(&mut self, request: &'a SupplyRequest, listed: &BTreeSet<Key>, first: Period) {
        let planned: BTreeSet<Key> = self.stock.iter().map(|row| (&row.sku, &row.place)).collect();
        for row in &request.deliveries {
            let (sku, place) = at(&row.sku, &row.place);
            let fault = if row.quantity < 0 {
                ("quantity", SupplyError::Negative { sku, place, what: "a delivery", found: row.quantity })
            } else if row.arrives < first {
                let calendar = request.calendar();
                let (arrives, first) = (calendar.format(row.arrives), calendar.format(first));
                ("arrives", SupplyError::PastDelivery { sku, place, arrives, first, quantity: row.quantity })
            } else if planned.contains(&(&row.sku, &row.place)) {
                self.deliveries.push(row);
                continue;
            } else if listed.contains(&(&row.sku, &row.place)) {
                // The cell's own row says why it is not planned.
                continue;
            } else {
                ("unit_id", SupplyError::Unknown { sku, place, table: "pipeline", missing: "stock" })
            };
            self.put_aside("pipeline", row.row, fault);
        }
    }

    /// Names the planned items that nobody is said to deliver, where suppliers differ.
    fn ask_for_suppliers(&mut self, config: &SupplyConfig) {
        if config.suppliers.is_empty() && config.trucks.is_empty() {
            return;
        }
        let planned: BTreeSet<&Sku> = self.stock.iter().map(|row| &row.sku).collect();
        let without = |item: &&&ItemRow| item.supplier.is_none() && planned.contains(&item.sku);
        let named = |item: &&ItemRow| (item.row, SupplyError::NoSupplier { sku: item.sku.clone() });
        let nameless: Vec<(usize, SupplyError)> = self.items.values().filter(without).map(named).collect();
        nameless.into_iter().for_each(|(row, reason)| self.put_aside("items", row, ("supplier_id", reason)));
    }
}
