//! Projection: random paths of the stock of each cell, with its orders, arrivals, sales and waste.
//!
//! The order of now is the same on every path. Later orders answer on each path to what was sold there and to what the
//! supplier confirmed, by the rules of the plan: an order's levels stay, its quantity follows the path's stock position,
//! as it will when those days come. Deliveries, those under way too, come as late and as short as their supplier may be.
//! Pieces sell oldest first and are thrown away at the end of their last period. On every path and in every period
//! opening stock + arrivals = sales + waste + closing stock.
//!
//! The rows of a cell do not depend on the other cells or the thread count (`draw`).

use crate::SupplySettings;
use crate::cells::period_of;
use crate::draw::{Ranks, counts, generator, offset, shared_generator};
use crate::outlook::Outlook;
use crate::reliability::Reliability;
use endcap_model::{ProjectionRow, Span};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// Sets of ranks that cells take in turn: what chance makes of one evens out over the cells.
const SETS: usize = 32;
/// Values that differ by less than this are counted rather than sorted.
const CLOSE: i64 = 256;

/// What is random on the paths of all cells.
pub(crate) struct Paths {
    paths: usize,
    sets: Vec<Set>,
}

struct Set {
    demand: Ranks,
    /// Deliveries under way and orders, by period of arrival: how late, and whether cut.
    late: Ranks,
    cut: Ranks,
}

/// How the deliveries of one cell come.
#[derive(Clone, Copy)]
struct Deliveries<'a> {
    reliability: &'a Reliability,
    set: &'a Set,
    paths: usize,
    offsets: (f64, f64),
}

impl Paths {
    /// Draws what the settings ask for.
    pub fn new(periods: usize, settings: &SupplySettings) -> Self {
        let (mut random, paths) = (shared_generator(settings.seed), settings.paths);
        let mut set = |_| Set {
            demand: Ranks::new(&mut random, periods, paths, settings.persistence),
            late: Ranks::new(&mut random, 2 * periods, paths, 0.0),
            cut: Ranks::new(&mut random, 2 * periods, paths, 0.0),
        };
        Self { paths, sets: (0..SETS).map(&mut set).collect() }
    }

    /// The ranks of the cell with these random numbers.
    fn set(&self, random: &mut ChaCha8Rng) -> &Set {
        &self.sets[random.random_range(0..SETS)]
    }
}

impl Deliveries<'_> {
    /// What comes of a delivery on a path and how late; `event` is its number among those of the path.
    fn of(&self, pieces: i64, event: usize, path: usize) -> (usize, i64) {
        let level = |ranks: &Ranks, offset: f64| (f64::from(ranks.of_period(event)[path]) + offset) / self.paths as f64;
        let (late, cut) = (level(&self.set.late, self.offsets.0), level(&self.set.cut, self.offsets.1));
        self.reliability.at(pieces, late, cut)
    }
}

/// Stock of one cell on all paths, period by period.
struct Stocks<'a> {
    outlook: &'a Outlook<'a>,
    settings: &'a SupplySettings,
    on_hand: Vec<i64>,
    /// By path, pieces by the last period in which they can be sold; empty where they keep.
    ages: Vec<VecDeque<(usize, i64)>>,
    /// Pieces that arrive, by period and then path.
    arrivals: Vec<i64>,
}

/// Sums over paths of one period; whole, so that no order of adding changes them.
#[derive(Default)]
struct Tally {
    arrivals: i64,
    sales: i64,
    lost: i64,
    waste: i64,
    short: i64,
}

/// Projects cells that hang together: a cell alone, or a warehouse and then the places that it feeds. One row per cell
/// and period of the horizon.
pub(crate) fn project(
    group: &[&Outlook],
    span: Span,
    settings: &SupplySettings,
    paths: &Paths,
) -> Vec<Vec<ProjectionRow>> {
    let mut members: Vec<Member> = group.iter().map(|outlook| Member::new(outlook, settings, paths)).collect();
    let mut rows: Vec<Vec<ProjectionRow>> = group.iter().map(|_| Vec::with_capacity(span.len())).collect();
    for period in 0..span.len() {
        match members.as_mut_slice() {
            [alone] => alone.order(period),
            [warehouse, places @ ..] => supply_places(warehouse, places, period),
            [] => {}
        }
        for (member, rows) in members.iter_mut().zip(&mut rows) {
            rows.push(member.pass(span, period));
        }
    }
    rows
}

/// The paths of one cell with what is random on them.
struct Member<'a> {
    stocks: Stocks<'a>,
    deliveries: Deliveries<'a>,
    /// Where the n-ths of each period's demand begin.
    offsets: Vec<f64>,
    /// Demand of a period, by rank and by path.
    by_rank: Vec<i64>,
    by_path: Vec<i64>,
}

impl<'a> Member<'a> {
    fn new(outlook: &'a Outlook<'a>, settings: &'a SupplySettings, paths: &'a Paths) -> Self {
        let cell = outlook.cell;
        let mut random = generator(settings.seed, &cell.terms.sku, &cell.terms.place);
        let set = paths.set(&mut random);
        let offsets = cell.demand.iter().map(|_| offset(&mut random)).collect();
        let of_deliveries = (offset(&mut random), offset(&mut random));
        let (reliability, paths) = (outlook.reliability, paths.paths);
        let deliveries = Deliveries { reliability, set, paths, offsets: of_deliveries };
        let (by_rank, by_path) = (vec![0; paths], vec![0; paths]);
        Self { stocks: Stocks::new(outlook, settings, deliveries), deliveries, offsets, by_rank, by_path }
    }

    fn order(&mut self, period: usize) {
        if let Some(orders) = self.stocks.wished(period, &self.stocks.position(period)) {
            self.stocks.ordered(period, orders, self.deliveries);
        }
    }

    fn pass(&mut self, span: Span, period: usize) -> ProjectionRow {
        counts(self.stocks.outlook.cell.demand[period], self.offsets[period], &mut self.by_rank);
        let (by_rank, ranks) = (self.by_rank.as_slice(), self.deliveries.set.demand.of_period(period));
        self.by_path.iter_mut().zip(ranks).for_each(|(demand, &rank)| *demand = by_rank[rank as usize]);
        let tally = self.stocks.pass(period, &self.by_path);
        self.stocks.row(span, period, tally)
    }
}

/// A warehouse ships what its places wish, in proportion where it has less, and orders for what it and they have.
fn supply_places(warehouse: &mut Member, places: &mut [Member], period: usize) {
    let mut position = warehouse.stocks.position(period);
    let mut wished: Vec<Option<Vec<i64>>> = Vec::with_capacity(places.len());
    for place in places.iter() {
        let of_place = place.stocks.position(period);
        position.iter_mut().zip(&of_place).for_each(|(sum, pieces)| *sum += pieces);
        wished.push(place.stocks.wished(period, &of_place));
    }
    for path in 0..position.len() {
        let there = warehouse.stocks.on_hand[path];
        let wanted: i64 = wished.iter().flatten().map(|wished| wished[path]).sum();
        if wanted > there {
            for (place, wished) in places.iter().zip(&mut wished) {
                let pack = place.stocks.outlook.cell.terms.case_pack;
                let share = |pieces: i64| (i128::from(pieces) * i128::from(there) / i128::from(wanted)) as i64;
                wished.iter_mut().for_each(|wished| wished[path] = share(wished[path]) / pack * pack);
            }
        }
        warehouse.stocks.ship(path, wished.iter().flatten().map(|wished| wished[path]).sum());
    }
    for (place, wished) in places.iter_mut().zip(wished) {
        if let Some(wished) = wished {
            place.stocks.ordered(period, wished, place.deliveries);
        }
    }
    if let Some(orders) = warehouse.stocks.wished(period, &position) {
        warehouse.stocks.ordered(period, orders, warehouse.deliveries);
    }
}

impl<'a> Stocks<'a> {
    /// Begins with what is on hand and under way.
    fn new(outlook: &'a Outlook<'a>, settings: &'a SupplySettings, deliveries: Deliveries) -> Self {
        let (cell, paths) = (outlook.cell, deliveries.paths);
        let ages = cell.terms.shelf_life.map(|life| cell.opening(life).into_iter().enumerate().collect());
        let mut stocks = Self {
            outlook,
            settings,
            on_hand: vec![cell.on_hand; paths],
            ages: ages.map_or(Vec::new(), |ages| vec![ages; paths]),
            arrivals: vec![0; paths * cell.demand.len()],
        };
        for (period, &pieces) in cell.arrivals.iter().enumerate().filter(|&(_, &pieces)| pieces > 0) {
            stocks.deliver(period, period, deliveries, std::iter::repeat_n(pieces, paths));
        }
        stocks
    }

    /// Delivers pieces by path, due in a period; `event` is their number among the deliveries of a path.
    fn deliver(&mut self, due: usize, event: usize, deliveries: Deliveries, pieces: impl Iterator<Item = i64>) {
        if deliveries.reliability.is_perfect() {
            let arrivals = self.arrivals.iter_mut().skip(due * deliveries.paths);
            return arrivals.zip(pieces).for_each(|(arrivals, pieces)| *arrivals += pieces);
        }
        for (path, pieces) in pieces.enumerate() {
            let (late, comes) = deliveries.of(pieces, event, path);
            if let Some(arrivals) = self.arrivals.get_mut((due + late) * deliveries.paths + path) {
                *arrivals += comes;
            }
        }
    }

    /// Pieces by path that are there and under way at the end of the period before `period`, up to the end of the cover.
    fn position(&self, period: usize) -> Vec<i64> {
        let mut position = self.on_hand.clone();
        if self.outlook.rules[period].is_none() || period == 0 {
            return position;
        }
        let cell = self.outlook.cell;
        let life = cell.terms.shelf_life.unwrap_or(usize::MAX);
        let end = period + cell.lead_time - 1 + self.settings.review_periods.min(life);
        let paths = position.len();
        for arrivals in self.arrivals[period * paths..end.min(cell.demand.len()) * paths].chunks_exact(paths) {
            position.iter_mut().zip(arrivals).for_each(|(position, arrivals)| *position += arrivals);
        }
        position
    }

    /// What is ordered on each path at the end of the period before `period`: the same on all of them now, later as the
    /// rule says; nothing where there is no rule.
    fn wished(&self, period: usize, position: &[i64]) -> Option<Vec<i64>> {
        let rule = self.outlook.rules[period].as_ref()?;
        Some(match period {
            0 => vec![self.outlook.orders[0]; position.len()],
            _ => rule.orders(position),
        })
    }

    fn ordered(&mut self, period: usize, orders: Vec<i64>, deliveries: Deliveries) {
        let arrives = period + self.outlook.cell.lead_time - 1;
        self.deliver(arrives, self.outlook.cell.demand.len() + arrives, deliveries, orders.into_iter());
    }

    /// Ships pieces of a path to another place, the oldest first.
    fn ship(&mut self, path: usize, pieces: i64) {
        self.on_hand[path] -= pieces;
        if let Some(ages) = self.ages.get_mut(path) {
            sell_oldest_first(ages, pieces);
        }
    }

    /// Lets a period pass with its demand by path.
    fn pass(&mut self, period: usize, demand: &[i64]) -> Tally {
        let mut tally = Tally::default();
        let paths = self.on_hand.len();
        let arrivals = &self.arrivals[period * paths..][..paths];
        for ((on_hand, &arrivals), &demand) in self.on_hand.iter_mut().zip(arrivals).zip(demand) {
            let there = *on_hand + arrivals;
            let sales = demand.min(there);
            *on_hand = there - sales;
            tally.arrivals += arrivals;
            tally.sales += sales;
            tally.lost += demand - sales;
            tally.short += i64::from(demand > sales);
        }
        if let Some(life) = self.outlook.cell.terms.shelf_life {
            tally.waste = self.spoil(period, period + life - 1);
        }
        tally
    }

    /// Throws away, after the sales of a period, what was last to be sold in it; its arrivals live to the end of `last`.
    fn spoil(&mut self, period: usize, last: usize) -> i64 {
        let mut waste = 0;
        let paths = self.on_hand.len();
        let arrivals = &self.arrivals[period * paths..][..paths];
        for ((ages, on_hand), &arrivals) in self.ages.iter_mut().zip(&mut self.on_hand).zip(arrivals) {
            ages.push_back((last, arrivals));
            let there: i64 = ages.iter().map(|(_, pieces)| pieces).sum();
            sell_oldest_first(ages, there - *on_hand);
            while ages.front().is_some_and(|&(last, _)| last <= period) {
                let spoiled = ages.pop_front().map_or(0, |(_, pieces)| pieces);
                *on_hand -= spoiled;
                waste += spoiled;
            }
        }
        waste
    }

    fn row(&self, span: Span, period: usize, tally: Tally) -> ProjectionRow {
        let (terms, paths) = (self.outlook.cell.terms, self.on_hand.len() as f64);
        let [q05, q25, q50, q75, q95] = quantiles(&self.on_hand);
        ProjectionRow {
            sku: terms.sku.clone(),
            place: terms.place.clone(),
            period: period_of(span, period),
            stock_q05: q05,
            stock_q25: q25,
            stock_q50: q50,
            stock_q75: q75,
            stock_q95: q95,
            stockout_probability: tally.short as f64 / paths,
            sales: tally.sales as f64 / paths,
            lost: tally.lost as f64 / paths,
            waste: tally.waste as f64 / paths,
            arrivals: tally.arrivals as f64 / paths,
        }
    }
}

fn sell_oldest_first(ages: &mut VecDeque<(usize, i64)>, mut sold: i64) {
    while let Some((_, pieces)) = ages.front_mut() {
        if *pieces > sold {
            *pieces -= sold;
            return;
        }
        sold -= *pieces;
        ages.pop_front();
    }
}

/// The 5 %, 25 %, 50 %, 75 % and 95 % quantiles: counted where the values lie close together, else selected.
fn quantiles(values: &[i64]) -> [f64; 5] {
    let (low, high) = values.iter().fold((i64::MAX, i64::MIN), |(low, high), &value| (low.min(value), high.max(value)));
    let rank = |level: f64| ((level * values.len() as f64).ceil() as usize).clamp(1, values.len()) - 1;
    let ranks = [0.05, 0.25, 0.5, 0.75, 0.95].map(rank);
    if high - low >= CLOSE {
        let mut sorted = values.to_vec();
        return ranks.map(|rank| *sorted.select_nth_unstable(rank).1 as f64);
    }
    let mut counted = [0u32; CLOSE as usize];
    values.iter().for_each(|value| counted[(value - low) as usize] += 1);
    let (mut value, mut below) = (low, counted[0] as usize);
    ranks.map(|rank| {
        while below <= rank {
            value += 1;
            below += counted[(value - low) as usize] as usize;
        }
        value as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::Cell;
    use crate::{CellTerms, Demand};
    use proptest::prelude::*;

    fn terms(shelf_life: Option<usize>) -> CellTerms {
        CellTerms {
            sku: "milk".into(),
            place: "north".into(),
            case_pack: 1,
            minimum_order: 0,
            shelf_life,
            maximum_stock: None,
            volume: 1.0,
            feed: None,
            supplier: None,
            unit_margin: 1.0,
            unit_cost: 1.0,
            holding_cost: 0.1,
            shortage_cost: 0.0,
            waste_cost: 0.0,
        }
    }

    fn cell<'a>(terms: &'a CellTerms, on_hand: i64, arrivals: &[i64]) -> Cell<'a> {
        let demand = Demand { mean: 5.0, dispersion: 2.0 };
        Cell {
            terms,
            lead_time: 1,
            demand: vec![demand; arrivals.len()],
            lifted: Vec::new(),
            later: demand,
            on_hand,
            arrivals: arrivals.to_vec(),
        }
    }

    /// Stock of a single path with a perfect supplier.
    fn begun<'a>(outlook: &'a Outlook<'a>, settings: &'a SupplySettings) -> Stocks<'a> {
        let paths = Paths::new(outlook.cell.demand.len(), &SupplySettings { paths: 1, ..settings.clone() });
        let reliability = &settings.reliability;
        Stocks::new(outlook, settings, Deliveries { reliability, set: &paths.sets[0], paths: 1, offsets: (0.5, 0.5) })
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_values() {
        for step in [1, 2, 700] {
            let values: Vec<i64> = (0..100).map(|n| (n * 37 % 100) * step - 9).collect();
            assert_eq!(quantiles(&values), [4, 24, 49, 74, 94].map(|rank| (rank * step - 9) as f64), "step {step}");
        }
        assert_eq!(quantiles(&[5]), [5.0; 5]);
    }

    #[test]
    fn the_oldest_pieces_sell_first_and_the_rest_spoils_on_its_day() {
        let terms = terms(Some(2));
        let cell = cell(&terms, 10, &[4, 0, 0]);
        let settings = SupplySettings::default();
        let outlook = Outlook::new(&cell, &settings);
        let mut stocks = begun(&outlook, &settings);
        // Five of the ten on hand can be sold in period 0 only, five until period 1.
        for (period, (demand, sales, waste, closing)) in
            [(3, 3, 2, 9), (6, 6, 3, 0), (9, 0, 0, 0)].into_iter().enumerate()
        {
            let tally = stocks.pass(period, &[demand]);
            assert_eq!((tally.sales, tally.lost, tally.waste), (sales, demand - sales, waste), "period {period}");
            assert_eq!(stocks.on_hand, [closing]);
        }
    }

    proptest! {
        #[test]
        fn opening_and_arrivals_equal_sales_waste_and_closing(
            on_hand in 0i64..80, arrivals in proptest::collection::vec(0i64..20, 1..12),
            demand in proptest::collection::vec(0i64..25, 12), life in proptest::option::of(1usize..6),
        ) {
            let terms = terms(life);
            let cell = cell(&terms, on_hand, &arrivals);
            let settings = SupplySettings::default();
            let outlook = Outlook::new(&cell, &settings);
            let mut stocks = begun(&outlook, &settings);
            let mut opening = on_hand;
            for (period, &demand) in demand.iter().enumerate().take(arrivals.len()) {
                let tally = stocks.pass(period, &[demand]);
                let closing = stocks.on_hand[0];
                prop_assert_eq!(opening + tally.arrivals, tally.sales + tally.waste + closing);
                prop_assert_eq!(tally.sales + tally.lost, demand);
                prop_assert!(closing >= 0 && tally.waste >= 0);
                if life.is_some() {
                    prop_assert_eq!(stocks.ages[0].iter().map(|(_, pieces)| pieces).sum::<i64>(), closing);
                }
                opening = closing;
            }
        }
    }
}
