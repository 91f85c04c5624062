//! Stored facts: Parquet files by kind and month, read through SQL, cut at a snapshot.

use crate::panel;
use crate::query::{Tables, text, whole};
use crate::{AdapterError, snapshot, sql};
use endcap_model::{
    AsOf, FactKind, Item, ItemSize, Money, Panel, Period, Pieces, Place, PlaceFact, Sku, SnapshotId, StockState,
    Supplier,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use crate::panel::PanelQuery;
pub use crate::snapshot::{Snapshot, SourceCounts, StoredFile, StoredTable};

/// Pieces that arrive, by item, place and period.
pub type Deliveries = Vec<(Sku, Place, Period, Pieces)>;

/// The facts of a project.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Opens the facts of a project's folder.
    ///
    /// # Errors
    /// [`AdapterError::System`] when the folder cannot be read.
    pub fn open(folder: &Path) -> Result<Self, AdapterError> {
        std::fs::read_dir(folder).map_err(|e| AdapterError::system("read", folder, e))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Returns the snapshot that was known last, at most so late; nothing before the first load.
    ///
    /// # Errors
    /// [`AdapterError`] when a manifest cannot be read.
    pub fn latest(&self, as_of: Option<AsOf>) -> Result<Option<Snapshot>, AdapterError> {
        snapshot::latest(&self.folder, as_of)
    }

    /// Returns the snapshot that was known last, at most so late.
    ///
    /// # Errors
    /// [`AdapterError::NoFacts`] when there is none.
    pub fn require(&self, as_of: Option<AsOf>) -> Result<Snapshot, AdapterError> {
        let cut = as_of.map_or(String::new(), |as_of| format!(" as of {}", as_of.0));
        self.latest(as_of)?.ok_or_else(|| AdapterError::NoFacts { path: self.folder.clone(), cut })
    }

    /// Returns when facts were loaded, in order.
    ///
    /// # Errors
    /// [`AdapterError`] when a manifest cannot be read.
    pub fn loads(&self) -> Result<Vec<jiff::Timestamp>, AdapterError> {
        snapshot::loads(&self.folder)
    }

    /// Returns a snapshot by its id.
    ///
    /// # Errors
    /// [`AdapterError`] when there is none or its manifest cannot be read.
    pub fn snapshot(&self, id: &SnapshotId) -> Result<Snapshot, AdapterError> {
        snapshot::read(&self.folder, id)
    }

    /// Returns the facts that were known last before others and gave no alarm that a model must not learn from.
    ///
    /// # Errors
    /// [`AdapterError`] when a manifest cannot be read.
    pub fn last_good(&self, than: &Snapshot) -> Result<Option<SnapshotId>, AdapterError> {
        snapshot::last_good(&self.folder, than)
    }

    /// Returns the history of sales with prices, support, stock-outs, controls, and where facts have them kinds of
    /// promotion, competitors' prices and formats of places.
    ///
    /// # Errors
    /// [`AdapterError`] when a stored file is missing or was changed, or the query fails.
    pub fn panel(&self, snapshot: &Snapshot, query: &PanelQuery) -> Result<Panel, AdapterError> {
        use FactKind as Kind;
        let sold = [Kind::Items, Kind::Places, Kind::Sales, Kind::Prices];
        let kinds = [&sold[..], &[Kind::Promotions, Kind::Competitors, Kind::Events]].concat();
        let tables = Tables::open(&self.folder, snapshot, &kinds)?;
        let (items, places) = (items(&tables, snapshot)?, places(&tables)?);
        panel::build(&self.folder, &tables, snapshot.calendar, query, &items, &places)
    }

    /// Returns the names of the events that can be controls, in order.
    ///
    /// # Errors
    /// As [`Store::panel`].
    pub fn controls(&self, snapshot: &Snapshot) -> Result<Vec<String>, AdapterError> {
        let tables = Tables::open(&self.folder, snapshot, &[FactKind::Events])?;
        let mut names = vec![];
        tables.each(sql::CONTROLS, &mut |answer| {
            names.extend(answer.text("name").iter().flatten().map(str::to_owned));
            Ok(())
        })?;
        Ok(names)
    }

    /// Returns the items in order.
    ///
    /// # Errors
    /// As [`Store::panel`].
    pub fn items(&self, snapshot: &Snapshot) -> Result<Vec<Item>, AdapterError> {
        items(&Tables::open(&self.folder, snapshot, &[FactKind::Items])?, snapshot)
    }

    /// Returns the places in order.
    ///
    /// # Errors
    /// As [`Store::panel`].
    pub fn places(&self, snapshot: &Snapshot) -> Result<Vec<PlaceFact>, AdapterError> {
        places(&Tables::open(&self.folder, snapshot, &[FactKind::Places])?)
    }

    /// Returns what arrives, in the order of items, places and periods.
    ///
    /// # Errors
    /// As [`Store::panel`].
    pub fn deliveries(&self, snapshot: &Snapshot) -> Result<Deliveries, AdapterError> {
        deliveries(&Tables::open(&self.folder, snapshot, &[FactKind::Deliveries])?)
    }

    /// Returns the last count of each item at each place and what arrives after it, in order; empty without counts.
    ///
    /// Pieces under way that a count states without saying when they arrive come at the start of the period after the
    /// last sale, unless deliveries say better.
    ///
    /// # Errors
    /// As [`Store::panel`].
    pub fn stock(&self, snapshot: &Snapshot) -> Result<Vec<StockState>, AdapterError> {
        let tables = Tables::open(&self.folder, snapshot, &[FactKind::Stock, FactKind::Deliveries, FactKind::Sales])?;
        let mut next = Period(i32::MIN);
        tables.each(sql::LAST_SALE, &mut |answer| {
            next = whole(&answer.wholes("last"), 0).map_or(next, |last| Period(last as i32 + 1));
            Ok(())
        })?;
        let mut under_way: BTreeMap<(Sku, Place), Vec<(Period, Pieces)>> = BTreeMap::new();
        for (sku, place, arrives, pieces) in deliveries(&tables)? {
            under_way.entry((sku, place)).or_default().push((arrives, pieces));
        }
        let mut states = vec![];
        tables.each(sql::STOCK, &mut |answer| {
            let (skus, places) = (answer.text("sku"), answer.text("place"));
            let (period, on_hand) = (answer.wholes("period"), answer.wholes("on_hand"));
            let in_transit = answer.wholes("in_transit");
            for row in 0..answer.len() {
                let (sku, place) = (Sku::new(skus.value(row)), Place::new(places.value(row)));
                let counted = Period(period.value(row) as i32);
                let known = under_way.remove(&(sku.clone(), place.clone()));
                let pipeline = match (known, whole(&in_transit, row)) {
                    (Some(known), _) => known.into_iter().filter(|(arrives, _)| *arrives > counted).collect(),
                    (None, Some(pieces)) if pieces > 0 => vec![(next.max(counted.plus(1)), Pieces(pieces))],
                    _ => vec![],
                };
                states.push(StockState { sku, place, on_hand: Pieces(on_hand.value(row)), pipeline });
            }
            Ok(())
        })?;
        Ok(states)
    }
}

fn items(tables: &Tables, snapshot: &Snapshot) -> Result<Vec<Item>, AdapterError> {
    let mut items = vec![];
    tables.each(sql::ITEMS, &mut |answer| {
        let texts =
            ["sku", "name", "group", "tier", "category", "supplier", "style", "size"].map(|name| answer.text(name));
        let names = ["list_price", "unit_cost", "case_pack", "minimum_order", "shelf_life", "core"];
        let wholes = names.map(|name| answer.wholes(name));
        for row in 0..answer.len() {
            let [sku, name, group, tier, category, supplier, style, size] =
                texts.each_ref().map(|texts| text(texts, row));
            let [list_price, unit_cost, case_pack, minimum_order, shelf_life, core] =
                wholes.each_ref().map(|wholes| whole(wholes, row));
            let money = |minor: Option<i64>| minor.map(|minor| Money::new(minor, snapshot.currency));
            items.push(Item {
                sku: Sku::new(sku.unwrap_or_default()),
                name,
                group,
                tier,
                category,
                list_price: money(list_price),
                unit_cost: money(unit_cost),
                case_pack,
                minimum_order,
                shelf_life: shelf_life.map(|periods| periods as usize),
                supplier: supplier.map(Supplier::new),
                size: style.zip(size).map(|(style, size)| ItemSize { style, size, core: core == Some(1) }),
            });
        }
        Ok(())
    })?;
    Ok(items)
}

fn places(tables: &Tables) -> Result<Vec<PlaceFact>, AdapterError> {
    let mut places = vec![];
    tables.each(sql::PLACES, &mut |answer| {
        let (place, name, region) = (answer.text("place"), answer.text("name"), answer.text("region"));
        let format = answer.text("format");
        for row in 0..answer.len() {
            places.push(PlaceFact {
                place: Place::new(place.value(row)),
                name: text(&name, row),
                region: text(&region, row).map(Place::new),
                format: text(&format, row),
            });
        }
        Ok(())
    })?;
    Ok(places)
}

fn deliveries(tables: &Tables) -> Result<Deliveries, AdapterError> {
    let mut all = vec![];
    tables.each(sql::DELIVERIES, &mut |answer| {
        let (sku, place) = (answer.text("sku"), answer.text("place"));
        let (arrives, quantity) = (answer.wholes("arrives"), answer.wholes("quantity"));
        for row in 0..answer.len() {
            let (sku, place) = (Sku::new(sku.value(row)), Place::new(place.value(row)));
            all.push((sku, place, Period(arrives.value(row) as i32), Pieces(quantity.value(row))));
        }
        Ok(())
    })?;
    Ok(all)
}
