//! Sizes: where missing sizes, and not the price, make a style slow.
//!
//! Reads stock and sales of the facts beside the baseline forecast. Where the facts state no sizes, or no stock, nothing is
//! known of them and nothing is blocked.

use crate::sense::Facts;
use endcap_model::{Forecast, Place, Sku};
use endcap_plan::ItemEconomics;
use endcap_supply::{Demand, SizeCell, SizeOf, SlowCause, StyleHealth, slow_cause, styles};
use std::collections::BTreeMap;

/// Last periods of sales, and first of the forecast, that are set side by side.
const LATELY: i32 = 4;

/// Returns the items in regions where sizes make their style slow, with the share of its demand whose size is there.
pub fn broken(facts: &Facts, baseline: &Forecast) -> BTreeMap<(Sku, Place), f64> {
    let sizes = sizes(facts);
    let mut broken = BTreeMap::new();
    for style in health_of(facts, baseline, &sizes, &BTreeMap::new(), None) {
        for (region, covered) in slow_for_sizes(facts, &style) {
            let own = sizes.iter().filter(|(_, of)| of.style == style.style);
            broken.extend(own.map(|(sku, _)| ((sku.clone(), region.clone()), covered)));
        }
    }
    broken
}

/// Looks at every style of which the facts state several sizes, with the moves that make its runs whole where moving a
/// piece has a cost; none without one.
pub fn health(
    facts: &Facts,
    baseline: &Forecast,
    items: &BTreeMap<Sku, ItemEconomics>,
    transfer_cost: Option<f64>,
) -> Vec<StyleHealth> {
    health_of(facts, baseline, &sizes(facts), items, transfer_cost)
}

fn health_of(
    facts: &Facts,
    baseline: &Forecast,
    sizes: &BTreeMap<Sku, SizeOf>,
    items: &BTreeMap<Sku, ItemEconomics>,
    transfer_cost: Option<f64>,
) -> Vec<StyleHealth> {
    if sizes.is_empty() {
        return Vec::new();
    }
    let mut cells = cells(facts, baseline, sizes);
    for ((sku, _), cell) in &mut cells {
        cell.unit_margin = items.get(sku).map_or(0.0, |item| (item.list_price - item.unit_cost) as f64);
    }
    styles(sizes, &cells, 0.0, |_, _| transfer_cost)
}

/// The items that are sizes of a style.
fn sizes(facts: &Facts) -> BTreeMap<Sku, SizeOf> {
    let of = |(sku, item): (&Sku, &endcap_model::Item)| {
        let size = item.size.clone()?;
        Some((sku.clone(), SizeOf { style: size.style, size: size.size, core: size.core }))
    };
    facts.items.iter().filter_map(of).collect()
}

/// Regions in which a style is slow for its sizes.
fn slow_for_sizes(facts: &Facts, style: &StyleHealth) -> Vec<(Place, f64)> {
    let mut by_region: BTreeMap<&Place, (f64, f64, f64)> = BTreeMap::new();
    for at in &style.places {
        let sums = by_region.entry(facts.regions.get(&at.place).unwrap_or(&at.place)).or_default();
        *sums = (sums.0 + at.sold, sums.1 + at.expected, sums.2 + at.expected * at.covered);
    }
    let slow = |(region, (sold, expected, met)): (&Place, (f64, f64, f64))| {
        let covered = if expected > 0.0 { met / expected } else { 1.0 };
        (slow_cause(sold, expected, covered) == SlowCause::Sizes).then(|| (region.clone(), covered))
    };
    by_region.into_iter().filter_map(slow).collect()
}

/// What is known of every size whose stock the facts state.
fn cells(facts: &Facts, baseline: &Forecast, sizes: &BTreeMap<Sku, SizeOf>) -> BTreeMap<(Sku, Place), SizeCell> {
    let mut cells: BTreeMap<(Sku, Place), SizeCell> = BTreeMap::new();
    for state in facts.stock.iter().filter(|state| sizes.contains_key(&state.sku)) {
        let (on_hand, demand) = (state.on_hand.0, Demand::default());
        let cell = SizeCell { on_hand, demand, sold: 0.0, expected: 0.0, unit_margin: 0.0 };
        cells.insert((state.sku.clone(), state.place.clone()), cell);
    }
    let Some(now) = facts.panel.span().map(|span| span.end) else { return cells };
    for row in baseline.rows.iter().filter(|row| sizes.contains_key(&row.sku)) {
        if let Some(cell) = cells.get_mut(&(row.sku.clone(), row.place.clone())) {
            cell.demand = cell.demand.and(Demand { mean: row.baseline, dispersion: row.dispersion });
            cell.expected += if row.period < now.plus(LATELY) { row.baseline } else { 0.0 };
        }
    }
    let (columns, skus, places) = (facts.panel.columns(), facts.panel.skus(), facts.panel.places());
    for row in (0..facts.panel.len()).filter(|&row| columns.period[row] >= now.plus(-LATELY)) {
        let key = (&skus[columns.sku[row] as usize].sku, &places[columns.place[row] as usize].place);
        if sizes.contains_key(key.0)
            && let Some(cell) = cells.get_mut(&(key.0.clone(), key.1.clone()))
        {
            cell.sold += columns.units[row];
        }
    }
    cells
}
