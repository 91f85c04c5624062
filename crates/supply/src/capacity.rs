//! Limits: who gets what when the orders of a period are more than can be moved, received or paid.
//!
//! Cases go, one at a time, to the cell where the next one saves most for what it takes of the limits, each measured as a
//! share of what there is (Toyoda 1975, Management Science 21(12)); with one limit and convex costs of covers this is the
//! best split but for the last cases. What the best refused case would have saved is the price of the limit that
//! refused it. Never orders more than a cell asked for.

use crate::CellTerms;
use crate::outlook::Wish;
use endcap_model::{Place, Sku};
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

/// What can still arrive in a period, and be paid.
#[derive(Clone)]
pub(crate) struct Room<'a> {
    pub all: Option<i64>,
    pub by_place: BTreeMap<&'a Place, i64>,
    pub money: Option<f64>,
    /// Whether it is for what warehouses ship, else for what suppliers deliver.
    pub fed: bool,
    /// Pieces of an item in a warehouse, for the places that it feeds.
    pub by_source: BTreeMap<(&'a Sku, &'a Place), i64>,
}

/// What a little more of a limit would have saved on the orders of now; 0 where it did not bind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LimitPrices {
    /// A piece more that can arrive, over all places.
    pub capacity: f64,
    /// A piece more that can arrive at the place that lacks it most.
    pub place: f64,
    /// One more unit of money.
    pub budget: f64,
    /// A piece more in the warehouse that lacks it most.
    pub warehouse: f64,
}

/// Pieces by cell and what limits cost.
pub(crate) struct Granted {
    pub pieces: Vec<i64>,
    pub prices: LimitPrices,
}

/// The next case of a cell, ranked by what it saves for what it takes.
pub(crate) struct Next {
    pub saved_per_use: f64,
    pub saved: f64,
    pub cell: usize,
    pub pieces: i64,
}

impl<'a> Room<'a> {
    /// Whether the orders of a cell are among those that share it.
    fn concerns(&self, terms: &CellTerms) -> bool {
        terms.feed.is_some() == self.fed
    }

    /// Takes a case, or says what refuses it.
    fn take(&mut self, terms: &'a CellTerms, next: &Next, prices: &mut LimitPrices) -> bool {
        let (pieces, money) = (next.pieces, terms.unit_cost * next.pieces as f64);
        let per_piece = next.saved / pieces as f64;
        let at_place = self.by_place.get(&terms.place).copied();
        if self.all.is_some_and(|room| pieces > room) {
            prices.capacity = prices.capacity.max(per_piece);
        } else if at_place.is_some_and(|room| pieces > room) {
            prices.place = prices.place.max(per_piece);
        } else if self.money.is_some_and(|room| money > room) {
            prices.budget = prices.budget.max(next.saved / money);
        } else if self.at_source(terms).is_some_and(|room| pieces > room) {
            prices.warehouse = prices.warehouse.max(per_piece);
        } else {
            self.change(terms, pieces);
            return true;
        }
        false
    }

    /// Whether so many pieces more can arrive and be paid.
    pub fn holds_more(&self, terms: &CellTerms, pieces: i64) -> bool {
        self.all.is_none_or(|room| pieces <= room)
            && self.by_place.get(&terms.place).is_none_or(|&room| pieces <= room)
            && self.money.is_none_or(|room| terms.unit_cost * pieces as f64 <= room)
    }

    /// Pieces left in the warehouse of a cell; nothing where it has none.
    fn at_source(&self, terms: &CellTerms) -> Option<i64> {
        self.by_source.get(&(&terms.sku, &terms.feed.as_ref()?.source)).copied()
    }

    /// Takes pieces, or gives them back.
    pub fn change(&mut self, terms: &'a CellTerms, pieces: i64) {
        self.all = self.all.map(|room| room - pieces);
        self.money = self.money.map(|room| room - terms.unit_cost * pieces as f64);
        if let Some(room) = self.by_place.get_mut(&terms.place) {
            *room -= pieces;
        }
        let source = terms.feed.as_ref().and_then(|feed| self.by_source.get_mut(&(&terms.sku, &feed.source)));
        if let Some(room) = source {
            *room -= pieces;
        }
    }

    /// What a piece takes of the limits, each as a share of what there is.
    fn use_of(&self, terms: &CellTerms) -> f64 {
        let share = |use_of: f64, room: f64| if room > 0.0 { use_of / room } else { 0.0 };
        let all = self.all.map_or(0.0, |room| share(1.0, room as f64));
        let place = self.by_place.get(&terms.place).map_or(0.0, |&room| share(1.0, room as f64));
        let source = self.at_source(terms).map_or(0.0, |room| share(1.0, room as f64));
        all + place + source + self.money.map_or(0.0, |room| share(terms.unit_cost, room))
    }

    fn holds(&self, wishes: &[Option<Wish>], terms: &[&CellTerms]) -> bool {
        let sharing = || wishes.iter().zip(terms).filter(|(_, terms)| self.concerns(terms));
        let wanted = || sharing().filter_map(|(wish, terms)| Some((terms, wish.as_ref()?.quantity)));
        let mut by_place: BTreeMap<&Place, i64> = BTreeMap::new();
        for (terms, quantity) in wanted().filter(|_| !self.by_place.is_empty()) {
            *by_place.entry(&terms.place).or_default() += quantity;
        }
        let mut by_source: BTreeMap<(&Sku, &Place), i64> = BTreeMap::new();
        for (terms, quantity) in wanted().filter(|_| !self.by_source.is_empty()) {
            if let Some(feed) = &terms.feed {
                *by_source.entry((&terms.sku, &feed.source)).or_default() += quantity;
            }
        }
        let money = || wanted().map(|(terms, quantity)| terms.unit_cost * quantity as f64).sum::<f64>();
        self.by_place.iter().all(|(place, &room)| by_place.get(place).is_none_or(|&sum| sum <= room))
            && by_source.iter().all(|(source, &sum)| self.by_source.get(source).is_none_or(|&room| sum <= room))
            && self.all.is_none_or(|room| wanted().map(|(_, quantity)| quantity).sum::<i64>() <= room)
            && self.money.is_none_or(|room| money() <= room)
    }
}

/// Splits the room of a period over the wishes that share it, and takes it.
pub(crate) fn split<'a>(wishes: &[Option<Wish>], terms: &[&'a CellTerms], room: &mut Room<'a>) -> Granted {
    let mut prices = LimitPrices::default();
    if room.holds(wishes, terms) {
        let of = |(wish, terms): (&Option<Wish>, &&CellTerms)| {
            wish.as_ref().filter(|_| room.concerns(terms)).map_or(0, |wish| wish.quantity)
        };
        let pieces: Vec<i64> = wishes.iter().zip(terms).map(of).collect();
        terms.iter().zip(&pieces).for_each(|(terms, &pieces)| room.change(terms, pieces));
        return Granted { pieces, prices };
    }
    let uses: Vec<f64> = terms.iter().map(|terms| room.use_of(terms)).collect();
    let mut pieces = vec![0; wishes.len()];
    let first = |cell: usize| next(cell, wishes[cell], 0, uses[cell]);
    let mut queue: BinaryHeap<Next> =
        (0..wishes.len()).filter(|&cell| room.concerns(terms[cell])).filter_map(first).collect();
    while let Some(case) = queue.pop() {
        let cell = case.cell;
        if room.take(terms[cell], &case, &mut prices) {
            pieces[cell] += case.pieces;
            queue.extend(next(cell, wishes[cell], pieces[cell], uses[cell]));
        }
    }
    Granted { pieces, prices }
}

fn next(cell: usize, wish: Option<Wish>, granted: i64, use_of: f64) -> Option<Next> {
    let wish = wish?;
    let pieces = if granted == 0 { wish.rule.batch } else { wish.rule.case_pack };
    if granted + pieces > wish.quantity {
        return None;
    }
    let (before, after) = (wish.stock + granted as f64, wish.stock + (granted + pieces) as f64);
    let saved = wish.cost.of(before) - wish.cost.of(after);
    Some(Next { saved_per_use: saved / (use_of * pieces as f64).max(f64::MIN_POSITIVE), saved, cell, pieces })
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        self.saved_per_use.total_cmp(&other.saved_per_use).then(other.cell.cmp(&self.cell))
    }
}
impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Next {}
