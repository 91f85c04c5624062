//! History and plan as one panel, so that a planned cell sees what came before it.

use crate::prepare::Frame;
use endcap_model::{Control, Panel, PanelColumns, Place, PlaceEntry, Sku, SkuEntry};
use std::collections::BTreeMap;

/// A history followed by a plan.
pub(crate) struct Joined {
    pub(crate) panel: Panel,
    /// The first period after the history.
    pub(crate) origin: i32,
    /// Per row of the plan: its row in the panel; nothing for periods that the history has passed.
    pub(crate) rows: Vec<Option<usize>>,
}

impl Joined {
    pub(crate) fn of(history: &Panel, future: &Panel, frame: &Frame) -> Self {
        let origin = history.span().map_or(frame.span.end, |span| span.end);
        let (mut skus, mut places) = (history.skus().to_vec(), history.places().to_vec());
        let sku = positions(&mut skus, future.skus(), |entry: &SkuEntry| -> Sku { entry.sku.clone() });
        let place = positions(&mut places, future.places(), |entry: &PlaceEntry| -> Place { entry.place.clone() });
        let (c, f) = (history.columns(), future.columns());
        let kept: Vec<usize> = (0..future.len()).filter(|&row| f.period[row] >= origin).collect();
        let both = |past: &[f64], planned: &[f64]| -> Vec<f64> {
            past.iter().copied().chain(kept.iter().map(|&row| planned[row])).collect()
        };
        let controls = frame.controls.iter().map(|scale| {
            let column = |panel: &Panel, rows: &mut dyn Iterator<Item = usize>| -> Vec<f64> {
                let found = panel.columns().controls.iter().find(|control| control.name == scale.name);
                rows.map(|row| found.map_or(scale.mean, |control| control.values[row])).collect()
            };
            let mut values = column(history, &mut (0..history.len()));
            values.extend(column(future, &mut kept.iter().copied()));
            Control { name: scale.name.clone(), values }
        });
        let nothing = vec![0.0; future.len()];
        let columns = PanelColumns {
            sku: c.sku.iter().copied().chain(kept.iter().map(|&row| sku[f.sku[row] as usize])).collect(),
            place: c.place.iter().copied().chain(kept.iter().map(|&row| place[f.place[row] as usize])).collect(),
            period: c.period.iter().copied().chain(kept.iter().map(|&row| f.period[row])).collect(),
            units: both(&c.units, &nothing),
            price: both(&c.price, &f.price),
            base_price: both(&c.base_price, &f.base_price),
            feature: both(&c.feature, &f.feature),
            display: both(&c.display, &f.display),
            stockout_share: both(&c.stockout_share, &f.stockout_share),
            controls: controls.collect(),
        };
        let panel = Panel::new(history.calendar(), skus, places, columns)
            .expect("Invariant: two panels whose periods do not meet make a panel");
        let row =
            |row: usize| panel.row_of(sku[f.sku[row] as usize] as usize, place[f.place[row] as usize], f.period[row]);
        let rows = (0..future.len()).map(|at| (f.period[at] >= origin).then(|| row(at)).flatten()).collect();
        Self { panel, origin: origin.0, rows }
    }
}

/// Positions of entries in a list by name; those that it lacks are added to it.
fn positions<T: Clone, N: Ord>(list: &mut Vec<T>, entries: &[T], name: impl Fn(&T) -> N) -> Vec<u32> {
    let mut known: BTreeMap<N, u32> = list.iter().zip(0..).map(|(entry, at)| (name(entry), at)).collect();
    entries
        .iter()
        .map(|entry| {
            *known.entry(name(entry)).or_insert_with(|| {
                list.push(entry.clone());
                list.len() as u32 - 1
            })
        })
        .collect()
}
