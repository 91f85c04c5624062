//! Trucks: the joint order of a supplier, rounded to whole trucks where that pays.
//!
//! Three loads are compared: what the cells wish with a truck that is partly empty; the last truck filled with the cases
//! that cost least to have early; the last truck sent away, with the cases that save least left for the next order. What
//! counts are the expected costs of the covers and the part of the trucks' cost that carries nothing: what is loaded
//! early need not be carried later (full-service and minimum-quantity policies of Cachon 2001, Manufacturing & Service
//! Operations Management 3(3)). Never orders what the limits of a period do not hold.

use crate::capacity::{Next, Room};
use crate::outlook::Wish;
use crate::{CellTerms, SupplySettings, Truck};
use endcap_model::Supplier;
use std::collections::{BTreeMap, BinaryHeap};

/// Volumes that differ by less than this are equal.
const ROUNDING: f64 = 1e-9;

/// Orders of one supplier while they are rounded.
struct Load<'t, 'a> {
    truck: Truck,
    wishes: &'t [Option<Wish>],
    terms: &'t [&'a CellTerms],
    cells: Vec<usize>,
}

/// Rounds the granted pieces of every supplier with trucks; `room` is what the limits hold beside them.
pub(crate) fn fill<'a>(
    pieces: &mut [i64],
    wishes: &[Option<Wish>],
    terms: &[&'a CellTerms],
    settings: &SupplySettings,
    room: &mut Room<'a>,
) {
    let mut by_supplier: BTreeMap<&Supplier, Vec<usize>> = BTreeMap::new();
    if settings.trucks.is_empty() {
        return;
    }
    for (cell, terms) in
        terms.iter().enumerate().filter(|(cell, terms)| wishes[*cell].is_some() && terms.feed.is_none())
    {
        if let Some(supplier) = &terms.supplier {
            by_supplier.entry(supplier).or_default().push(cell);
        }
    }
    for (supplier, cells) in by_supplier {
        let Some(&truck) = settings.trucks.get(supplier) else { continue };
        Load { truck, wishes, terms, cells }.round(pieces, room);
    }
}

impl<'a> Load<'_, 'a> {
    fn round(&self, pieces: &mut [i64], room: &mut Room<'a>) {
        let full = (self.volume(pieces) / self.truck.size + ROUNDING).floor();
        if self.empty_part(pieces) <= ROUNDING {
            return;
        }
        let mut less = pieces.to_vec();
        self.unload(&mut less, full * self.truck.size);
        let mut more = pieces.to_vec();
        let mut left = room.clone();
        self.load(&mut more, (full + 1.0) * self.truck.size, &mut left);
        let costs = [pieces.to_vec(), less, more].map(|load| (self.cost(&load), load));
        let allowed = |load: &[i64]| !self.truck.only_full || self.is_full(load);
        let best = costs.into_iter().filter(|(_, load)| allowed(load)).min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, best)) = best {
            self.cells.iter().for_each(|&cell| room.change(self.terms[cell], best[cell] - pieces[cell]));
            pieces.copy_from_slice(&best);
        }
    }

    fn volume(&self, pieces: &[i64]) -> f64 {
        self.cells.iter().map(|&cell| pieces[cell] as f64 * self.terms[cell].volume).sum()
    }

    /// Part of the last truck that carries nothing, in trucks.
    fn empty_part(&self, pieces: &[i64]) -> f64 {
        let trucks = self.volume(pieces) / self.truck.size;
        (trucks - ROUNDING).ceil() - trucks
    }

    /// Whether nothing more of what the supplier delivers fits.
    fn is_full(&self, pieces: &[i64]) -> bool {
        let case = |&cell: &usize| self.terms[cell].case_pack as f64 * self.terms[cell].volume;
        let smallest = self.cells.iter().map(case).filter(|&volume| volume > 0.0).fold(f64::INFINITY, f64::min);
        self.empty_part(pieces) * self.truck.size < smallest - ROUNDING
    }

    /// Expected costs of the covers and of what the trucks carry empty.
    fn cost(&self, pieces: &[i64]) -> f64 {
        let covers = self.cells.iter().map(|&cell| self.cover(cell, pieces[cell]));
        covers.sum::<f64>() + self.truck.cost * self.empty_part(pieces).max(0.0)
    }

    fn cover(&self, cell: usize, pieces: i64) -> f64 {
        self.wishes[cell].map_or(0.0, |wish| wish.cost.of(wish.stock + pieces as f64))
    }

    /// Adds, one at a time, the case that costs least for its volume, while one fits.
    fn load(&self, pieces: &mut [i64], most: f64, room: &mut Room<'a>) {
        let case =
            |cell: usize, loaded: i64| if loaded == 0 { self.terms[cell].batch() } else { self.terms[cell].case_pack };
        let next = |cell: usize, loaded: i64| self.step(cell, loaded, case(cell, loaded));
        let mut queue: BinaryHeap<Next> = self.cells.iter().filter_map(|&cell| next(cell, pieces[cell])).collect();
        let mut left = most - self.volume(pieces);
        while let Some(Next { cell, pieces: case, .. }) = queue.pop() {
            let terms = self.terms[cell];
            let takes = case as f64 * terms.volume;
            let stock = self.wishes[cell].map_or(0.0, |wish| wish.stock) + (pieces[cell] + case) as f64;
            let shelf = terms.maximum_stock.is_none_or(|most| stock <= most as f64);
            if takes <= left + ROUNDING && shelf && room.holds_more(terms, case) {
                pieces[cell] += case;
                left -= takes;
                room.change(terms, case);
                queue.extend(next(cell, pieces[cell]));
            }
        }
    }

    /// Takes away, one at a time, the case that saves least for its volume, until the rest fits.
    fn unload(&self, pieces: &mut [i64], most: f64) {
        let case = |cell: usize, loaded: i64| {
            if loaded <= self.terms[cell].batch() { loaded } else { self.terms[cell].case_pack }
        };
        let next = |cell: usize, loaded: i64| self.step(cell, loaded, -case(cell, loaded));
        let mut queue: BinaryHeap<Next> = self.cells.iter().filter_map(|&cell| next(cell, pieces[cell])).collect();
        let mut over = self.volume(pieces) - most;
        while over > ROUNDING
            && let Some(Next { cell, pieces: case, .. }) = queue.pop()
        {
            pieces[cell] += case;
            over += case as f64 * self.terms[cell].volume;
            queue.extend(next(cell, pieces[cell]));
        }
    }

    /// A case more, or less, ranked by what it saves for its volume; nothing where it has none.
    fn step(&self, cell: usize, loaded: i64, by: i64) -> Option<Next> {
        let volume = by.abs() as f64 * self.terms[cell].volume;
        let saved = self.cover(cell, loaded) - self.cover(cell, loaded + by);
        (volume > 0.0).then(|| Next { saved_per_use: saved / volume, saved, cell, pieces: by })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Demand;
    use crate::rules::{CoverCost, CoverRules, OrderRule};
    use proptest::prelude::*;

    const RULES: CoverRules =
        CoverRules { review_periods: 1, service_level_min: None, life: None, late: None, left: None };
    const ENDLESS: Room<'_> =
        Room { all: None, by_place: BTreeMap::new(), money: None, fed: false, by_source: BTreeMap::new() };

    fn terms(holding_cost: f64) -> CellTerms {
        CellTerms {
            sku: "milk".into(),
            place: "north".into(),
            case_pack: 6,
            minimum_order: 0,
            shelf_life: None,
            maximum_stock: None,
            volume: 1.0,
            supplier: Some("dairy".into()),
            feed: None,
            unit_margin: 2.0,
            unit_cost: 1.0,
            holding_cost,
            shortage_cost: 0.0,
            waste_cost: 0.0,
        }
    }

    fn wish(terms: &CellTerms, mean: f64, stock: f64) -> Option<Wish> {
        let cover = Demand { mean, dispersion: 2.0 };
        let (rule, cost) = (OrderRule::new(cover, terms, &RULES), CoverCost::new(cover, terms, &RULES)?);
        Some(Wish { quantity: rule.order(stock), stock, rule, cost, cover, shift: 0.0 })
    }

    fn filled(means: &[f64], holding_cost: f64, truck: Truck) -> (i64, i64) {
        let terms = terms(holding_cost);
        let wishes: Vec<Option<Wish>> = means.iter().map(|&mean| wish(&terms, mean, 3.0)).collect();
        let mut pieces: Vec<i64> = wishes.iter().map(|wish| wish.map_or(0, |wish| wish.quantity)).collect();
        let wished: i64 = pieces.iter().sum();
        let settings = SupplySettings { trucks: [("dairy".into(), truck)].into(), ..SupplySettings::default() };
        fill(&mut pieces, &wishes, &vec![&terms; means.len()], &settings, &mut ENDLESS.clone());
        (wished, pieces.iter().sum())
    }

    #[test]
    fn a_truck_is_filled_where_empty_space_costs_more_than_holding() {
        let truck = Truck { size: 270.0, cost: 300.0, only_full: false };
        let (wished, ordered) = filled(&[50.0, 50.0, 70.0], 0.02, truck);
        assert!((210..270).contains(&wished), "{wished}");
        assert_eq!(ordered, 270);
    }

    #[test]
    fn a_few_cases_wait_for_the_next_truck() {
        let truck = Truck { size: 108.0, cost: 300.0, only_full: false };
        let (wished, ordered) = filled(&[50.0, 50.0], 0.2, truck);
        assert!((114..132).contains(&wished), "{wished}");
        assert_eq!(ordered, 108);
    }

    #[test]
    fn a_cheap_truck_may_travel_partly_empty_and_a_full_one_may_not() {
        let truck = Truck { size: 240.0, cost: 0.5, only_full: false };
        let (wished, ordered) = filled(&[50.0, 50.0], 0.2, truck);
        assert_eq!(wished, ordered);
        let full = filled(&[50.0, 50.0], 0.2, Truck { only_full: true, ..truck }).1;
        assert!(full == 0 || full == 240, "{full}");
    }

    proptest! {
        #[test]
        fn trucks_that_must_be_full_are(
            means in proptest::collection::vec(0.5f64..60.0, 1..8), holding in 0.01f64..0.6, trucks in 4i64..50,
        ) {
            let size = (trucks * 6) as f64;
            let (_, ordered) = filled(&means, holding, Truck { size, cost: 40.0, only_full: true });
            prop_assert_eq!(ordered % (trucks * 6), 0);
        }
    }
}
