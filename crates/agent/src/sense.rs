//! Sense: what the facts say now, in the shapes that estimation and planning read.

use crate::ports::{FactStore, PortError};
use endcap_demand::{Cost, Economics};
use endcap_ingest::Readiness;
use endcap_model::{
    Calendar, Control, Depth, Input, Item, Offer, Panel, PanelColumns, PanelError, Period, Place, Scenario, Sku,
    SnapshotId, Span, StockState,
};
use endcap_plan::ItemEconomics;
use std::collections::BTreeMap;

/// Periods without a sale after which a series is taken as ended and no longer planned.
const SILENT_PERIODS_MAX: i32 = 28;

/// Facts of one snapshot, in memory.
#[derive(Clone, Debug)]
pub struct Facts {
    /// History.
    pub panel: Panel,
    /// Items by number.
    pub items: BTreeMap<Sku, Item>,
    /// Region in which the offers of each store are set; the store itself where the facts name none.
    pub regions: BTreeMap<Place, Place>,
    /// Last known stock; empty when the facts have none.
    pub stock: Vec<StockState>,
}

impl Facts {
    /// Reads the facts of a snapshot.
    ///
    /// # Errors
    /// [`PortError`] when the snapshot cannot be read whole.
    pub fn read(port: &dyn FactStore, snapshot: &SnapshotId) -> Result<Self, PortError> {
        let panel = port.panel(snapshot)?;
        let items = port.items(snapshot)?.into_iter().map(|item| (item.sku.clone(), item)).collect();
        Ok(Self { regions: Self::regions_of(&panel), items, stock: port.stock(snapshot)?, panel })
    }

    /// Returns the regions of a panel's places.
    pub fn regions_of(panel: &Panel) -> BTreeMap<Place, Place> {
        let region = |entry: &endcap_model::PlaceEntry| match entry.region.as_str() {
            "" => entry.place.clone(),
            region => Place::new(region),
        };
        panel.places().iter().map(|entry| (entry.place.clone(), region(entry))).collect()
    }

    /// Returns the name of an item, where the facts have one.
    pub fn name(&self, sku: &Sku) -> Option<String> {
        self.items.get(sku)?.name.clone()
    }

    /// Returns the category of every item that names one.
    pub fn categories(&self) -> BTreeMap<Sku, String> {
        let named = |(sku, item): (&Sku, &Item)| Some((sku.clone(), item.category.clone()?));
        self.items.iter().filter_map(named).collect()
    }

    /// Judges each category: can its effects be estimated?
    pub fn readiness(&self) -> Vec<Readiness> {
        endcap_ingest::readiness(&self.panel, &self.categories())
    }

    /// Returns the periods to plan: the first after the history, and on.
    pub fn horizon(&self, scenario: &Scenario) -> Option<Span> {
        Some(Span::of_length(self.panel.span()?.end, scenario.horizon))
    }

    /// Returns price, cost and shelf life of every item of the panel; what the facts leave out comes from the scenario.
    pub fn economics(&self, scenario: &Scenario) -> BTreeMap<Sku, ItemEconomics> {
        let of = |entry: &endcap_model::SkuEntry| {
            let item = self.items.get(&entry.sku);
            let assumed = scenario.price_terms(&entry.sku, item.and_then(|item| item.category.as_deref()));
            let stated_price = item.and_then(|item| item.list_price).map(|price| price.minor);
            let stated_cost = item.and_then(|item| item.unit_cost).map(|cost| cost.minor);
            let list_price = stated_price.unwrap_or_else(|| scenario.money(assumed.list_price).minor);
            let cost_at_assumed_margin = (list_price as f64 * (1.0 - assumed.margin_rate)).round_ties_even() as i64;
            ItemEconomics {
                sku: entry.sku.clone(),
                group: entry.group.clone(),
                category: item.and_then(|item| item.category.clone()),
                vendor: item.and_then(|item| item.supplier.as_ref()).map(ToString::to_string),
                list_price,
                unit_cost: stated_cost.unwrap_or(cost_at_assumed_margin),
                shelf_life: item.and_then(|item| item.shelf_life).or(scenario.supply.shelf_life),
            }
        };
        self.panel.skus().iter().map(|entry| (entry.sku.clone(), of(entry))).collect()
    }

    /// Returns the money in which past promotions of every item are counted, in minor units. Where sales carry no price of
    /// their own, prices are shares of the list price.
    pub fn promotion_economics(&self, scenario: Option<&Scenario>) -> BTreeMap<Sku, Economics> {
        let assumed = scenario.map(|scenario| self.economics(scenario)).unwrap_or_default();
        let columns = self.panel.columns();
        let of = |(sku, entry): (usize, &endcap_model::SkuEntry)| {
            let item = self.items.get(&entry.sku);
            let shares = self.panel.rows_of(sku).all(|row| columns.base_price[row] == 1.0);
            let stated = item.and_then(|item| item.list_price).map(|price| price.minor);
            let list_price = stated.or_else(|| assumed.get(&entry.sku).map(|terms| terms.list_price));
            let cost = match item.and_then(|item| item.unit_cost) {
                Some(cost) => Cost::Piece(cost.minor as f64),
                None => assumed.get(&entry.sku).map_or(Cost::Unknown, |terms| {
                    Cost::MarginRate(1.0 - terms.unit_cost as f64 / (terms.list_price as f64).max(1.0))
                }),
            };
            let economics = match list_price {
                Some(price) if shares => Economics { scale: price as f64, cost },
                None if shares => Economics { scale: 1.0, cost: Cost::Unknown },
                _ => Economics { scale: 1.0, cost },
            };
            (entry.sku.clone(), economics)
        };
        self.panel.skus().iter().enumerate().map(of).collect()
    }

    /// Returns what each series is to be forecast at: every period of the span, at list price, or at the price and
    /// support of the offer that covers it.
    ///
    /// Controls of the future are the mean of the last four seasons' same slots (weekdays) at the place: nobody knows
    /// next week's weather, and holidays that move are the caller's to state. Kinds of promotion are those of the offers; a
    /// competitor goes on asking what it was last known to ask.
    ///
    /// # Errors
    /// [`PanelError`] never for facts that came from a panel; it is the constructor's.
    pub fn future(&self, span: Span, offers: &[Offer]) -> Result<Panel, PanelError> {
        let running = Running::new(offers);
        let history = self.panel.columns();
        let climate = Climate::new(&self.panel);
        let mut future = PanelColumns {
            controls: history.controls.iter().map(|c| Control { name: c.name.clone(), values: vec![] }).collect(),
            ..PanelColumns::default()
        };
        for sku in 0..self.panel.skus().len() {
            for series in self.panel.series_of(sku) {
                let last = series.end - 1;
                if history.period[last].plus(SILENT_PERIODS_MAX) < span.start {
                    continue;
                }
                let place = history.place[last] as usize;
                let entry = (&self.panel.skus()[sku].sku, &self.regions[&self.panel.places()[place].place]);
                let known: Vec<f64> = history.controls.iter().map(|c| last_known(&c.values[series.clone()])).collect();
                for period in span.iter() {
                    let offer = running.at(entry.0, entry.1, period);
                    let depth = offer.map_or(Depth::ZERO, |offer| offer.depth);
                    let base_price = history.base_price[last];
                    future.sku.push(sku as u32);
                    future.place.push(place as u32);
                    future.period.push(period);
                    future.units.push(0.0);
                    future.price.push(base_price * depth.price_ratio());
                    future.base_price.push(base_price);
                    future.feature.push(flag(offer.is_some_and(|offer| offer.support.feature)));
                    future.display.push(flag(offer.is_some_and(|offer| offer.support.display)));
                    future.stockout_share.push(0.0);
                    for (control, column) in future.controls.iter_mut().enumerate() {
                        column.values.push(match Input::of(&column.name) {
                            Input::Control => climate.at(control, place, period),
                            Input::Mechanic(kind) => flag(offer.is_some_and(|offer| offer.mechanic.name() == kind)),
                            Input::CompetitorPrice | Input::Cluster(_) => known[control],
                        });
                    }
                }
            }
        }
        Panel::new(self.panel.calendar(), self.panel.skus().to_vec(), self.panel.places().to_vec(), future)
    }
}

/// The last value that is known, where 0 stands for none.
fn last_known(values: &[f64]) -> f64 {
    values.iter().rev().copied().find(|value| *value != 0.0).unwrap_or(0.0)
}

fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}

/// Offers by item and region.
struct Running<'a>(BTreeMap<(&'a Sku, &'a Place), Vec<&'a Offer>>);

impl<'a> Running<'a> {
    fn new(offers: &'a [Offer]) -> Self {
        let mut by_cell: BTreeMap<_, Vec<&Offer>> = BTreeMap::new();
        for offer in offers {
            by_cell.entry((&offer.sku, &offer.place)).or_default().push(offer);
        }
        Self(by_cell)
    }

    fn at(&self, sku: &Sku, region: &Place, period: Period) -> Option<&'a Offer> {
        self.0.get(&(sku, region))?.iter().find(|offer| offer.span.contains(period)).copied()
    }
}

/// Mean of each control by place and season slot over the last four seasons.
struct Climate {
    slots: usize,
    /// Sum and count, by control, then place x slot.
    means: Vec<Vec<(f64, f64)>>,
}

impl Climate {
    fn new(panel: &Panel) -> Self {
        let slots = if panel.calendar() == Calendar::Day { 7 } else { 1 };
        let columns = panel.columns();
        let first = panel.span().map_or(Period(0), |span| span.end.plus(-4 * slots as i32));
        let mut means = vec![vec![(0.0, 0.0); panel.places().len() * slots]; columns.controls.len()];
        for row in (0..panel.len()).filter(|&row| columns.period[row] >= first) {
            let cell = columns.place[row] as usize * slots + slot(columns.period[row], slots);
            for (control, means) in columns.controls.iter().zip(&mut means) {
                means[cell].0 += control.values[row];
                means[cell].1 += 1.0;
            }
        }
        Self { slots, means }
    }

    fn at(&self, control: usize, place: usize, period: Period) -> f64 {
        let (sum, count) = self.means[control][place * self.slots + slot(period, self.slots)];
        if count > 0.0 { sum / count } else { 0.0 }
    }
}

fn slot(period: Period, slots: usize) -> usize {
    period.0.rem_euclid(slots as i32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_model::{Mechanic, PlaceEntry, SkuEntry, Support};

    /// Two stores of one city; the second store's series ended long ago.
    fn facts() -> Facts {
        let periods: Vec<(u32, i32)> = (0..60).map(|day| (0, day)).chain((0..10).map(|day| (1, day))).collect();
        let n = periods.len();
        let columns = PanelColumns {
            sku: vec![0; n],
            place: periods.iter().map(|p| p.0).collect(),
            period: periods.iter().map(|p| Period(p.1)).collect(),
            units: vec![1.0; n],
            price: vec![0.8; n],
            base_price: vec![1.0; n],
            feature: vec![0.0; n],
            display: vec![0.0; n],
            stockout_share: vec![0.0; n],
            controls: vec![Control {
                name: "weekend".into(),
                values: periods.iter().map(|p| if p.1 % 7 < 2 { 1.0 } else { 0.0 }).collect(),
            }],
        };
        let skus = vec![SkuEntry { sku: "milk".into(), group: "dairy".into(), tier: String::new() }];
        let places =
            ["a", "b"].map(|place| PlaceEntry { place: place.into(), region: "city".into() }).into_iter().collect();
        let panel = Panel::new(Calendar::Day, skus, places, columns).unwrap();
        let regions = Facts::regions_of(&panel);
        Facts { panel, items: BTreeMap::new(), regions, stock: vec![] }
    }

    #[test]
    fn the_future_follows_the_offers_of_the_region_and_drops_ended_series() {
        let offer = Offer {
            sku: "milk".into(),
            place: "city".into(),
            span: Span::of_length(Period(61), 1),
            mechanic: Mechanic::Tpr,
            depth: Depth::from_share(0.25).unwrap(),
            support: Support { feature: true, display: false },
        };
        let span = Span::of_length(Period(60), 3);
        let future = facts().future(span, &[offer]).unwrap();
        let columns = future.columns();
        assert_eq!(columns.place, [0, 0, 0]);
        assert_eq!(columns.price, [1.0, 0.75, 1.0]);
        assert_eq!(columns.feature, [0.0, 1.0, 0.0]);
    }

    #[test]
    fn controls_of_the_future_follow_the_weekday() {
        let span = Span::of_length(Period(60), 7);
        let future = facts().future(span, &[]).unwrap();
        let weekend: Vec<f64> = span.iter().map(|p| if p.0 % 7 < 2 { 1.0 } else { 0.0 }).collect();
        assert_eq!(future.columns().controls[0].values, weekend);
    }

    #[test]
    fn kinds_of_promotion_follow_the_offers_and_competitors_go_on_as_last_known() {
        let Facts { panel, .. } = facts();
        let (mut columns, rows) = (panel.columns().clone(), panel.len());
        let told = |name: &str, value: &dyn Fn(usize) -> f64| Control {
            name: name.into(),
            values: (0..rows).map(value).collect(),
        };
        let at_a = |row: usize| f64::from(u8::from(columns.place[row] == 0));
        columns.controls = vec![
            told("mechanic=tpr", &|row| f64::from(u8::from(row % 3 == 0))),
            told("mechanic=coupon", &|row| f64::from(u8::from(row % 3 == 1))),
            told("competitor_price", &|row| if row + 1 == rows { 0.0 } else { 2.0 + row as f64 / 1e3 }),
            told("cluster_id=mall", &at_a),
        ];
        let (skus, places) = (panel.skus().to_vec(), panel.places().to_vec());
        let panel = Panel::new(panel.calendar(), skus, places, columns.clone()).unwrap();
        let regions = Facts::regions_of(&panel);
        let facts = Facts { panel, items: BTreeMap::new(), regions, stock: vec![] };
        let offer = Offer {
            sku: "milk".into(),
            place: "city".into(),
            span: Span::of_length(Period(61), 1),
            mechanic: Mechanic::Tpr,
            depth: Depth::from_share(0.25).unwrap(),
            support: Support::default(),
        };
        let future = facts.future(Span::of_length(Period(60), 3), &[offer]).unwrap();
        let known: Vec<&[f64]> = future.columns().controls.iter().map(|control| &control.values[..]).collect();
        let last = (0..rows).rev().find(|&row| columns.place[row] == 0).unwrap();
        let price = columns.controls[2].values[last];
        assert_eq!(known, [&[0.0, 1.0, 0.0][..], &[0.0; 3], &[price; 3], &[1.0; 3]]);
    }
}
