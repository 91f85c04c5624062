//! Records: what a retailer has written down of a world, as the facts that estimation and planning read.

use crate::jobs::JobError;
use crate::sense::Facts;
use endcap_model::{Currency, Item, Money, Panel, PanelColumns, Place, PlaceEntry, Sku, SkuEntry, StockState};
use endcap_twin::{CellSpec, Observation, WorldSpec};
use std::collections::BTreeMap;

/// Everything that was recorded so far.
pub(super) struct Records<'a> {
    spec: &'a WorldSpec,
    skus: Vec<SkuEntry>,
    places: Vec<PlaceEntry>,
    items: BTreeMap<Sku, Item>,
    regions: BTreeMap<Place, Place>,
    columns: PanelColumns,
    /// By cell: numbers of item and place in the panel.
    numbers: Vec<(u32, u32)>,
}

impl<'a> Records<'a> {
    /// Opens the records of the past.
    pub(super) fn new(spec: &'a WorldSpec, currency: Currency, past: &Panel) -> Self {
        let number_of_sku: BTreeMap<&Sku, u32> = (0..).zip(past.skus()).map(|(at, entry)| (&entry.sku, at)).collect();
        let number_of_place: BTreeMap<&Place, u32> =
            (0..).zip(past.places()).map(|(at, entry)| (&entry.place, at)).collect();
        let numbers = spec.cells().iter().map(|cell| (number_of_sku[&cell.sku], number_of_place[&cell.place]));
        Self {
            spec,
            numbers: numbers.collect(),
            skus: past.skus().to_vec(),
            places: past.places().to_vec(),
            items: spec.cells().iter().map(|cell| (cell.sku.clone(), item(cell, currency))).collect(),
            regions: Facts::regions_of(past),
            columns: past.columns().clone(),
        }
    }

    /// Writes the last period down.
    pub(super) fn note(&mut self, seen: &Observation) {
        let Some(period) = seen.last else { return };
        let columns = &mut self.columns;
        for ((cell, seen), &(sku, place)) in self.spec.cells().iter().zip(&seen.cells).zip(&self.numbers) {
            columns.sku.push(sku);
            columns.place.push(place);
            columns.period.push(period);
            columns.units.push(seen.sold.0 as f64);
            columns.price.push(seen.paid as f64);
            columns.base_price.push(cell.list_price as f64);
            columns.feature.push(0.0);
            columns.display.push(0.0);
            columns.stockout_share.push(1.0 - f64::from(seen.on_sale));
        }
    }

    /// Returns the facts of now.
    pub(super) fn facts(&self, seen: &Observation) -> Result<Facts, JobError> {
        let (skus, places) = (self.skus.clone(), self.places.clone());
        Ok(Facts {
            panel: Panel::new(self.spec.calendar(), skus, places, self.columns.clone())?,
            items: self.items.clone(),
            regions: self.regions.clone(),
            stock: self.stock(seen),
        })
    }

    fn stock(&self, seen: &Observation) -> Vec<StockState> {
        let state = |(number, (key, cell)): (usize, (&CellSpec, &endcap_twin::CellSeen))| StockState {
            sku: key.sku.clone(),
            place: key.place.clone(),
            on_hand: cell.on_hand,
            pipeline: seen.pipeline(number).collect(),
        };
        self.spec.cells().iter().zip(&seen.cells).enumerate().map(state).collect()
    }

    /// By cell: mean sales of the last periods of the past, as they were.
    pub(super) fn recent_sales(&self, periods: usize) -> Vec<f64> {
        let Some(last) = self.columns.period.iter().max() else { return vec![0.0; self.numbers.len()] };
        let first = last.plus(1 - periods as i32);
        let mut sums: BTreeMap<(u32, u32), f64> = BTreeMap::new();
        for row in (0..self.columns.sku.len()).filter(|&row| self.columns.period[row] >= first) {
            *sums.entry((self.columns.sku[row], self.columns.place[row])).or_default() += self.columns.units[row];
        }
        self.numbers.iter().map(|cell| sums.get(cell).copied().unwrap_or(0.0) / periods as f64).collect()
    }
}

fn item(cell: &CellSpec, currency: Currency) -> Item {
    Item {
        sku: cell.sku.clone(),
        name: None,
        group: Some(cell.group.as_str().to_owned()),
        tier: None,
        category: None,
        list_price: Some(Money::new(cell.list_price, currency)),
        unit_cost: Some(Money::new(cell.unit_cost, currency)),
        case_pack: None,
        minimum_order: None,
        shelf_life: cell.shelf_life,
        supplier: None,
        size: None,
    }
}
