//! Sums of a panel as a panel of their own: what some series sold together, and the mean price and support they sold at.
//!
//! Series count by their mean sales. One that is out of stock or has no row takes its share from the time on sale of the sum,
//! so that gaps and new series do not look like moves of demand. Kinds of promotion, competitors' prices and clusters of
//! places have no sum and are left out. Never a sum of series that are no longer sold.

use crate::prepare::{Evidence, evidence};
use endcap_model::{Control, Group, Input, Panel, PanelColumns, Period, Place, PlaceEntry, Sku, SkuEntry};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Periods after its last row for which a series still counts.
const ALIVE: i32 = 28;
/// Name of the place of a sum.
const ALL: &str = "all";
/// Fewest series per sum, on average, for sums to say anything that series do not.
const SERIES_MIN: f64 = 1.5;

/// What is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SumLevel {
    /// The places of an item.
    Item,
    /// The items of a tier, over all places.
    Tier,
}

impl SumLevel {
    /// From fine to coarse.
    pub(crate) const ALL: [Self; 2] = [Self::Item, Self::Tier];

    /// Group and name of the sum that an item belongs to; nothing for items without a tier.
    fn node(self, item: &SkuEntry) -> Option<(Group, String)> {
        let name = match self {
            Self::Item => item.sku.to_string(),
            Self::Tier if item.tier.is_empty() => return None,
            Self::Tier => format!("{}|{}", item.group, item.tier),
        };
        Some((item.group.clone(), name))
    }
}

/// How a series counts in its sum.
#[derive(Clone, Copy, Debug)]
struct Member {
    node: u32,
    /// Mean units.
    weight: f64,
    /// Mean log price without promotion.
    regular: f64,
}

/// Which series make which sum.
pub(crate) struct Sums {
    nodes: Vec<(Group, String)>,
    /// Per sum: weights of its series.
    weights: Vec<f64>,
    members: BTreeMap<(Sku, Place), Member>,
}

/// One sum in one period.
#[derive(Clone)]
struct Row {
    weight: f64,
    on_sale: f64,
    units: f64,
    /// Weighed sums: log price ratio, moves of the log price without promotion, advert, display, controls.
    means: Vec<f64>,
}

impl Sums {
    /// The sums of the series that are sold at the end of a history; nothing where they hardly sum anything.
    pub(crate) fn of(history: &Panel, level: SumLevel) -> Option<Self> {
        let (c, end) = (history.columns(), history.span()?.end.0);
        let mut positions: BTreeMap<(Group, String), u32> = BTreeMap::new();
        let mut sums = Self { nodes: Vec::new(), weights: Vec::new(), members: BTreeMap::new() };
        for series in (0..history.skus().len()).flat_map(|sku| history.series_of(sku)) {
            let (item, place) = entries(history, series.start);
            let mean = |of: &dyn Fn(usize) -> f64| series.clone().map(of).sum::<f64>() / series.len() as f64;
            let (weight, regular) = (mean(&|row| c.units[row]), mean(&|row| c.base_price[row].ln()));
            let counts = weight > 0.0 && c.period[series.end - 1].0 >= end - ALIVE;
            let Some(key) = level.node(item).filter(|_| counts) else { continue };
            let node = *positions.entry(key.clone()).or_insert(sums.nodes.len() as u32);
            if node as usize == sums.nodes.len() {
                sums.nodes.push(key);
                sums.weights.push(0.0);
            }
            sums.weights[node as usize] += weight;
            sums.members.insert((item.sku.clone(), place.place.clone()), Member { node, weight, regular });
        }
        (sums.members.len() as f64 > SERIES_MIN * sums.nodes.len() as f64).then_some(sums)
    }

    /// Per row of a panel: the sum that it counts in.
    pub(crate) fn of_rows(&self, panel: &Panel) -> Vec<Option<u32>> {
        let mut nodes = vec![None; panel.len()];
        for series in (0..panel.skus().len()).flat_map(|sku| panel.series_of(sku)) {
            let (item, place) = entries(panel, series.start);
            let member = self.members.get(&(item.sku.clone(), place.place.clone()));
            nodes[series].fill(member.map(|member| member.node));
        }
        nodes
    }

    /// Number of sums.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Adds up a panel; `stockout_share` of a sum is the share of its usual sales that could not be made.
    pub(crate) fn panel(&self, panel: &Panel) -> Panel {
        let c = panel.columns();
        let controls: Vec<&Control> =
            c.controls.iter().filter(|control| Input::of(&control.name) == Input::Control).collect();
        let mut rows: BTreeMap<(u32, i32), Row> = BTreeMap::new();
        for series in (0..panel.skus().len()).flat_map(|sku| panel.series_of(sku)) {
            let (item, place) = entries(panel, series.start);
            let Some(member) = self.members.get(&(item.sku.clone(), place.place.clone())) else { continue };
            for row in series {
                let known = |control: &&Control| control.values[row];
                let base = c.base_price[row].ln();
                let told = [c.price[row].ln() - base, base - member.regular, c.feature[row], c.display[row]];
                let told = told.into_iter().chain(controls.iter().map(known));
                let sum = rows.entry((member.node, c.period[row].0)).or_insert_with(|| Row::of(controls.len()));
                sum.add(member.weight, told, (c.units[row], c.stockout_share[row]));
            }
        }
        let names = controls.iter().map(|control| control.name.clone()).collect();
        self.laid_out(panel, names, &rows)
    }

    fn laid_out(&self, panel: &Panel, controls: Vec<String>, rows: &BTreeMap<(u32, i32), Row>) -> Panel {
        let told = |at: usize| -> Vec<f64> { rows.values().map(|row| row.means[at] / row.weight).collect() };
        let base: Vec<f64> = told(1).iter().map(|log| log.exp()).collect();
        let share = |at: usize| -> Vec<f64> { told(at).iter().map(|share| share.clamp(0.0, 1.0)).collect() };
        let out = |(&(node, _), row): (&(u32, i32), &Row)| {
            (1.0 - row.on_sale / self.weights[node as usize].max(row.on_sale)).clamp(0.0, 1.0)
        };
        let columns = PanelColumns {
            sku: rows.keys().map(|&(node, _)| node).collect(),
            place: vec![0; rows.len()],
            period: rows.keys().map(|&(_, period)| Period(period)).collect(),
            units: rows.values().map(|row| row.units).collect(),
            price: told(0).iter().zip(&base).map(|(log, base)| base * log.exp()).collect(),
            base_price: base,
            feature: share(2),
            display: share(3),
            stockout_share: rows.iter().map(out).collect(),
            controls: (4..).zip(controls).map(|(at, name)| Control { name, values: told(at) }).collect(),
        };
        let item = |(group, name): &(Group, String)| SkuEntry {
            sku: name.as_str().into(),
            group: group.clone(),
            tier: String::new(),
        };
        let items = self.nodes.iter().map(item).collect();
        let places = vec![PlaceEntry { place: ALL.into(), region: String::new() }];
        Panel::new(panel.calendar(), items, places, columns).expect("Invariant: one row per sum and period is a panel")
    }
}

impl Row {
    fn of(controls: usize) -> Self {
        Self { weight: 0.0, on_sale: 0.0, units: 0.0, means: vec![0.0; 4 + controls] }
    }

    fn add(&mut self, weight: f64, told: impl Iterator<Item = f64>, (units, stockout_share): (f64, f64)) {
        self.weight += weight;
        self.means.iter_mut().zip(told).for_each(|(sum, value)| *sum += weight * value);
        if let (Evidence::Counted, exposure) = evidence(units, stockout_share) {
            self.on_sale += weight * exposure;
            self.units += units;
        }
    }
}

fn entries(panel: &Panel, row: usize) -> (&SkuEntry, &PlaceEntry) {
    let c = panel.columns();
    (&panel.skus()[c.sku[row] as usize], &panel.places()[c.place[row] as usize])
}
