//! A world from history: demand per cell and season slot as a retailer could read it off its own sales.
//!
//! The level is the average of what was sold near list price per time in stock, recent periods counting more; where
//! little was, also of what was sold below it, divided by how the item answers to price, so that a world does not take
//! promoted sales for the usual ones and lift them once more. How an item answers to price is centred on the plain ratio of its promoted sales to those of the list-price periods close by, which adverts, weekdays and habits
//! are mixed into: what a lift report shows without a model, another reading of the history than the one that plans rest
//! on. Prices count as near list from 95 % of it. Periods with more than half of their time
//! out of stock are left out; the others count by their time in stock (sales over exposure).

use crate::{CellSpec, Costs, Habits, Logistics, Shown, TwinError, WorldSpec, WorldTerms, WriteDown};
use endcap_model::{Panel, Place, Scenario, Sku, Span, StockState};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Paid price over list price from which a price counts as list price.
const NEAR_LIST: f64 = 0.95;
/// Share of the time without stock up to which a period tells of demand.
const STOCKOUT_MAX: f64 = 0.5;
/// Periods of evidence that the level of all of the cell's sales stands for when its level near list price is found.
const LEVEL_WEIGHT: f64 = 7.0;
/// Periods after which a row counts half.
const HALF_LIFE: f64 = 21.0;
/// Periods before and after a promotion whose list-price sales it is compared to.
const CLOSE_BY: i32 = 10;
/// Promoted periods of evidence that the scenario's mean elasticity stands for.
const ELASTICITY_WEIGHT: f64 = 10.0;
/// Elasticities that a history can show: beyond them the ratio says more about its noise.
const ELASTICITY_RANGE: (f64, f64) = (-8.0, 0.0);
/// Periods of evidence that the cell's level stands for in each season slot.
const SLOT_WEIGHT: f64 = 4.0;

/// Price, cost and life of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Economics {
    /// List price of one piece, minor units.
    pub list_price: i64,
    /// Cost of one piece, minor units.
    pub unit_cost: i64,
    /// Periods in which a piece can be sold; nothing for ever.
    pub shelf_life: Option<usize>,
}

/// Sales and time in stock, or the time at list price in which as much would have been sold.
#[derive(Clone, Copy, Debug, Default)]
struct Exposure {
    units: f64,
    time: f64,
}

/// What one series tells.
struct Series {
    sku: usize,
    place: usize,
    near_list: Vec<Exposure>,
    /// All sales, over the time at list price that they stand for.
    all: Exposure,
}

impl WorldSpec {
    /// Makes the world that follows a history: the scenario's horizon from the end of the panel, under its terms.
    ///
    /// `items` wins over the scenario's prices; `states` over its opening stock. Each cell's mean demand per season
    /// slot is what it sold near list price, drawn towards its level of all sales (each divided by its price's effect,
    /// times the chain's ratio of the two) and towards the chain's season where its own rows are few. The effects are
    /// the `responses` on which the world's hidden ones are centred too, so that history and world are read alike.
    ///
    /// # Errors
    /// [`TwinError`] for a panel without rows and for numbers the world cannot run with.
    pub fn from_history(
        panel: &Panel,
        scenario: &Scenario,
        items: &BTreeMap<Sku, Economics>,
        states: &[StockState],
        responses: BTreeMap<Sku, Shown>,
    ) -> Result<Self, TwinError> {
        let start = panel.span().ok_or(TwinError::NoCells)?.end;
        let terms = WorldTerms {
            calendar: panel.calendar(),
            span: Span::of_length(start, scenario.horizon),
            lead_time_periods: scenario.supply.lead_time_periods,
            costs: Costs {
                holding_rate: scenario.supply.holding_rate,
                waste_rate: scenario.supply.waste_rate,
                fixed_cost: scenario.money(scenario.limits.fixed_cost).minor,
                vendor_funding_share: scenario.items.vendor_funding_share,
                transfer_cost: scenario.supply.transfer_cost.map_or(0.0, |cost| scenario.money(cost).minor as f64),
                write_down: scenario.supply.write_down.map(|terms| WriteDown {
                    cover_periods: terms.cover_periods,
                    rate: terms.rate,
                    after_periods: 0,
                }),
                ..Costs::default()
            },
            habits: Habits::of(panel.calendar()),
            logistics: Logistics::default(),
            shocks: Vec::new(),
        };
        let economics = |sku: &Sku| items.get(sku).copied().unwrap_or_else(|| assumed(scenario, sku));
        let mean = scenario.twin.elasticity_mean;
        let elasticity = |sku: &Sku| responses.get(sku).map_or(mean, |shown| shown.elasticity);
        let cover = scenario.supply.opening_stock.cover_periods;
        let spec = Self::of_panel(terms, panel, &economics, &elasticity, cover, states)?;
        Ok(spec.with_responses(responses))
    }

    /// Makes the world that follows a history under given terms. Sales below list price are read by the items'
    /// elasticities. Where `states` says nothing of a cell it opens with `cover_periods` of its mean demand.
    ///
    /// # Errors
    /// [`TwinError`] for a panel without rows and for numbers the world cannot run with.
    pub fn of_panel(
        terms: WorldTerms,
        panel: &Panel,
        economics: &dyn Fn(&Sku) -> Economics,
        elasticity: &dyn Fn(&Sku) -> f64,
        cover_periods: f64,
        states: &[StockState],
    ) -> Result<Self, TwinError> {
        let states: BTreeMap<(&Sku, &Place), &StockState> =
            states.iter().map(|state| ((&state.sku, &state.place), state)).collect();
        let slots = panel.calendar().season_length().filter(|&length| length <= 7).unwrap_or(1);
        let demand = base_demand(panel, elasticity, slots);
        let cells = demand.into_iter().map(|(sku, place, mean_demand)| {
            let (item, store) = (&panel.skus()[sku], &panel.places()[place]);
            let economics = economics(&item.sku);
            let state = states.get(&(&item.sku, &store.place));
            let mean = mean_demand.iter().sum::<f64>() / mean_demand.len() as f64;
            CellSpec {
                sku: item.sku.clone(),
                place: store.place.clone(),
                region: if store.region.is_empty() { store.place.clone() } else { Place::new(&store.region) },
                group: item.group.clone(),
                list_price: economics.list_price,
                unit_cost: economics.unit_cost,
                mean_demand,
                on_hand: state.map_or((mean * cover_periods).round() as i64, |state| state.on_hand.0),
                pipeline: state.map(|state| state.pipeline.clone()).unwrap_or_default(),
                shelf_life: economics.shelf_life,
            }
        });
        Self::new(terms, cells.collect())
    }
}

fn assumed(scenario: &Scenario, sku: &Sku) -> Economics {
    let terms = scenario.price_terms(sku, None);
    Economics {
        list_price: scenario.money(terms.list_price).minor,
        unit_cost: scenario.money(terms.list_price * (1.0 - terms.margin_rate)).minor,
        shelf_life: scenario.supply.shelf_life,
    }
}

/// Mean demand per season slot at list price of every series (SKU, place), by the panel's indices.
fn base_demand(panel: &Panel, elasticity: &dyn Fn(&Sku) -> f64, slots: usize) -> Vec<(usize, usize, Vec<f64>)> {
    let series: Vec<Series> = (0..panel.skus().len())
        .flat_map(|sku| {
            let elasticity = elasticity(&panel.skus()[sku].sku).min(0.0);
            panel.series_of(sku).map(move |rows| read_series(panel, sku, rows, elasticity, slots))
        })
        .collect();
    let ratio = ratio_near_list(&series);
    let levels: Vec<f64> = series.iter().map(|series| series.level(ratio)).collect();
    let season = chain_season(&series, &levels, slots);
    series
        .iter()
        .zip(levels)
        .map(|(series, level)| {
            let slot = |(near, factor): (&Exposure, &f64)| {
                (near.units + SLOT_WEIGHT * level * factor) / (near.time + SLOT_WEIGHT)
            };
            (series.sku, series.place, series.near_list.iter().zip(&season).map(slot).collect())
        })
        .collect()
}

fn read_series(panel: &Panel, sku: usize, rows: Range<usize>, elasticity: f64, slots: usize) -> Series {
    let columns = panel.columns();
    let mut series = Series {
        sku,
        place: columns.place[rows.start] as usize,
        near_list: vec![Exposure::default(); slots],
        all: Exposure::default(),
    };
    let last = columns.period[rows.end - 1].0;
    for row in rows.filter(|&row| columns.stockout_share[row] <= STOCKOUT_MAX) {
        let weight = 0.5f64.powf(f64::from(last - columns.period[row].0) / HALF_LIFE);
        let (units, time) = (weight * columns.units[row], weight * (1.0 - columns.stockout_share[row]));
        let ratio = columns.price[row] / columns.base_price[row];
        if ratio >= NEAR_LIST {
            let slot = i64::from(columns.period[row].0).rem_euclid(slots as i64) as usize;
            series.near_list[slot].add(units, time);
            series.all.add(units, time);
        } else {
            series.all.add(units, time * ratio.powf(elasticity));
        }
    }
    series
}

/// How strongly each item's history shows it to answer: log of its promoted sales over what the list-price periods
/// close by would have sold in the same time, over the mean log price, drawn towards `mean` where few periods were
/// promoted.
pub fn shown_responses(panel: &Panel, mean: f64, sd: f64) -> BTreeMap<Sku, Shown> {
    let shown = |sku: usize| {
        let mut lift = Lift::default();
        panel.series_of(sku).for_each(|rows| lift.read(panel, rows));
        if lift.sold <= 0.0 || lift.log_price >= 0.0 {
            return Shown { elasticity: mean, depth: 0.0, sd };
        }
        let periods = promoted_periods(panel, sku) as f64;
        let weight = periods / (periods + ELASTICITY_WEIGHT);
        let log_price = lift.log_price / lift.expected;
        let ratio = ((lift.sold / lift.expected).ln() / log_price).clamp(ELASTICITY_RANGE.0, ELASTICITY_RANGE.1);
        Shown { elasticity: weight * ratio + (1.0 - weight) * mean, depth: 1.0 - log_price.exp(), sd }
    };
    (0..panel.skus().len()).map(|sku| (panel.skus()[sku].sku.clone(), shown(sku))).collect()
}

/// Promoted sales of an item against the list-price periods close by, as a plain lift report counts them.
#[derive(Default)]
struct Lift {
    sold: f64,
    expected: f64,
    /// Sum of expected sales x log of paid over list price.
    log_price: f64,
}

impl Lift {
    /// Adds the promoted rows of a series that have list-price rows close by.
    fn read(&mut self, panel: &Panel, rows: Range<usize>) {
        let columns = panel.columns();
        let in_stock = |row: &usize| columns.stockout_share[*row] <= STOCKOUT_MAX;
        let ratio = |row: usize| columns.price[row] / columns.base_price[row];
        let (near, promoted): (Vec<usize>, Vec<usize>) =
            rows.filter(in_stock).partition(|&row| ratio(row) >= NEAR_LIST);
        for row in promoted {
            let period = columns.period[row];
            let from = near.partition_point(|&other| columns.period[other] < period.plus(-CLOSE_BY));
            let to = near.partition_point(|&other| columns.period[other] <= period.plus(CLOSE_BY));
            let mut around = Exposure::default();
            near[from..to]
                .iter()
                .for_each(|&other| around.add(columns.units[other], 1.0 - columns.stockout_share[other]));
            if around.time > 0.0 {
                let expected = around.units / around.time * (1.0 - columns.stockout_share[row]);
                self.sold += columns.units[row];
                self.expected += expected;
                self.log_price += expected * ratio(row).ln();
            }
        }
    }
}

/// Counts the periods in which an item was below list price anywhere: prices move chain-wide, so that stores do not
/// add evidence as periods do.
fn promoted_periods(panel: &Panel, sku: usize) -> usize {
    let columns = panel.columns();
    let below = panel.rows_of(sku).filter(|&row| columns.price[row] < NEAR_LIST * columns.base_price[row]);
    below.map(|row| columns.period[row]).collect::<BTreeSet<_>>().len()
}

impl Exposure {
    fn add(&mut self, units: f64, time: f64) {
        self.units += units;
        self.time += time;
    }
}

impl Series {
    fn near_list_in_all(&self) -> Exposure {
        let mut sum = Exposure::default();
        self.near_list.iter().for_each(|slot| sum.add(slot.units, slot.time));
        sum
    }

    fn rate_of_all(&self) -> f64 {
        if self.all.time > 0.0 { self.all.units / self.all.time } else { 0.0 }
    }

    /// Pieces per period at list price: what was sold near it, drawn towards all sales times the chain's ratio.
    fn level(&self, ratio: f64) -> f64 {
        let near = self.near_list_in_all();
        (near.units + LEVEL_WEIGHT * ratio * self.rate_of_all()) / (near.time + LEVEL_WEIGHT)
    }
}

/// Sales near list price over what all sales would say for the same time, over the chain.
fn ratio_near_list(series: &[Series]) -> f64 {
    let (mut near, mut all) = (0.0, 0.0);
    for series in series {
        let exposure = series.near_list_in_all();
        near += exposure.units;
        all += exposure.time * series.rate_of_all();
    }
    if all > 0.0 { near / all } else { 1.0 }
}

/// The chain's season near list price: sales over what the levels say, slot by slot.
fn chain_season(series: &[Series], levels: &[f64], slots: usize) -> Vec<f64> {
    let mut sold = vec![0.0; slots];
    let mut expected = vec![0.0; slots];
    for (series, level) in series.iter().zip(levels) {
        for (slot, near) in series.near_list.iter().enumerate() {
            sold[slot] += near.units;
            expected[slot] += near.time * level;
        }
    }
    sold.iter().zip(&expected).map(|(sold, expected)| if *expected > 0.0 { sold / expected } else { 1.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_model::{Calendar, PanelColumns, Period, PlaceEntry, SkuEntry};

    /// Two series of 70 days that sell 4 times the slot's factor; every third day is discounted and sells double; the
    /// second one's last 60 days are always discounted and half of every fourth day is without stock.
    fn panel(season: [f64; 7]) -> Panel {
        let mut columns = PanelColumns::default();
        for place in 0..2u32 {
            for day in 0..70 {
                let cut = day % 3 == 0 || (place == 1 && day >= 10);
                let stockout = if place == 1 && day % 4 == 0 { 0.5 } else { 0.0 };
                let demand = 4.0 * season[(day as usize) % 7] * if cut { 2.0 } else { 1.0 };
                columns.sku.push(0);
                columns.place.push(place);
                columns.period.push(Period(day));
                columns.units.push(demand * (1.0 - stockout));
                columns.price.push(if cut { 0.7 } else { 1.0 });
                columns.base_price.push(1.0);
                columns.feature.push(0.0);
                columns.display.push(0.0);
                columns.stockout_share.push(stockout);
            }
        }
        let sku = SkuEntry { sku: "a".into(), group: "g".into(), tier: String::new() };
        let place = |name: &str, region: &str| PlaceEntry { place: name.into(), region: region.into() };
        Panel::new(Calendar::Day, vec![sku], vec![place("x", "city"), place("y", "")], columns).unwrap()
    }

    #[test]
    fn demand_at_list_price_is_read_off_the_rows_near_it() {
        let season = [0.8, 0.8, 0.8, 0.8, 1.0, 1.4, 1.4];
        let demand = base_demand(&panel(season), &|_| 0.0, 7);
        assert_eq!(demand.len(), 2);
        for (slot, mean) in demand[0].2.iter().enumerate() {
            let truth = 4.0 * season[slot];
            assert!((mean / truth - 1.0).abs() < 0.12, "slot {slot}: {mean}, truth {truth}");
        }
        let of_few_rows = demand[1].2.iter().sum::<f64>() / 7.0;
        let of_all_rows = 4.0 * (2.0 * 63.0 + 7.0) / 70.0;
        assert!(of_few_rows < of_all_rows * 0.8, "drawn away from the discounted days: {of_few_rows} of {of_all_rows}");
    }

    #[test]
    fn promoted_sales_are_not_taken_for_usual_ones() {
        // Both series sell 4 at list price and 8 at 0.7 of it; the second has not been at list price for 60 days.
        let elasticity = 2.0f64.ln() / 0.7f64.ln();
        let demand = base_demand(&panel([1.0; 7]), &|_| elasticity, 7);
        for (_, place, mean) in demand {
            let level = mean.iter().sum::<f64>() / 7.0;
            assert!((level / 4.0 - 1.0).abs() < 0.01, "place {place}: {level}, truth 4");
        }
    }

    #[test]
    fn elasticities_follow_the_history_and_lean_on_the_scenario_where_it_is_thin() {
        let panel = panel([1.0; 7]);
        let truth = 2.0f64.ln() / 0.7f64.ln();
        let shown = |panel: &Panel| shown_responses(panel, -1.0, 0.0)[&Sku::new("a")].elasticity;
        let long = shown(&panel);
        assert!((long - truth).abs() < 0.2, "{long}, truth {truth}");
        let short = shown(&panel.within(Span { start: Period(0), end: Period(6) }));
        assert!(truth < short && short < -1.0 && short > long, "few promoted days lean on the mean: {short}");
    }

    #[test]
    fn a_world_follows_its_history() {
        let terms = crate::spec::tests::spec_of(&[("a", "x")], 5).terms().clone();
        let economics = |_: &Sku| Economics { list_price: 300, unit_cost: 200, shelf_life: Some(4) };
        let state = StockState {
            sku: "a".into(),
            place: "y".into(),
            on_hand: endcap_model::Pieces(77),
            pipeline: vec![(terms.span.start, endcap_model::Pieces(5))],
        };
        let spec = WorldSpec::of_panel(terms, &panel([1.0; 7]), &economics, &|_| -1.8, 3.0, &[state]).unwrap();
        assert_eq!(spec.cells()[0].region, Place::new("city"));
        assert_eq!(spec.cells()[1].region, Place::new("y"), "a store without region is its own");
        assert_eq!(spec.cells()[1].on_hand, 77);
        let mean = spec.cells()[0].mean_demand[0];
        assert_eq!(spec.cells()[0].on_hand, (3.0 * mean).round() as i64);
    }
}
