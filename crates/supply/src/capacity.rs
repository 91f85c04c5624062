//! Capacity: who gets what when the orders of a period are more than can be moved or received.
//!
//! Cases go, one at a time, to the cell where the next one saves most per piece; because the cost of a cover is
//! convex, this is the best split but for the last cases. Never orders more than a cell asked for.

use crate::outlook::Wish;
use endcap_model::Place;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

/// What can still arrive in a period.
pub(crate) struct Room<'a> {
    pub all: Option<i64>,
    pub by_place: BTreeMap<&'a Place, i64>,
}

/// The next case of a cell, ranked by what it saves.
struct Next {
    saved_per_piece: f64,
    cell: usize,
    pieces: i64,
}

impl Room<'_> {
    fn fits(&self, place: &Place, pieces: i64) -> bool {
        self.all.is_none_or(|room| pieces <= room) && self.by_place.get(place).is_none_or(|&room| pieces <= room)
    }

    fn take(&mut self, place: &Place, pieces: i64) {
        if let Some(room) = &mut self.all {
            *room -= pieces;
        }
        if let Some(room) = self.by_place.get_mut(place) {
            *room -= pieces;
        }
    }

    fn holds(&self, wishes: &[Option<Wish>], places: &[&Place]) -> bool {
        let wanted = || wishes.iter().zip(places).filter_map(|(wish, place)| Some((place, wish.as_ref()?.quantity)));
        let mut by_place: BTreeMap<&Place, i64> = BTreeMap::new();
        for (place, quantity) in wanted() {
            *by_place.entry(place).or_default() += quantity;
        }
        let places_hold = self.by_place.iter().all(|(place, &room)| by_place.get(place).is_none_or(|&sum| sum <= room));
        places_hold && self.all.is_none_or(|room| wanted().map(|(_, quantity)| quantity).sum::<i64>() <= room)
    }
}

/// Splits the room of a period over the wishes; returns granted pieces per cell.
pub(crate) fn split(wishes: &[Option<Wish>], places: &[&Place], mut room: Room) -> Vec<i64> {
    if room.holds(wishes, places) {
        return wishes.iter().map(|wish| wish.map_or(0, |wish| wish.quantity)).collect();
    }
    let mut granted = vec![0; wishes.len()];
    let mut queue: BinaryHeap<Next> = (0..wishes.len()).filter_map(|cell| next(cell, wishes[cell], 0)).collect();
    while let Some(Next { cell, pieces, .. }) = queue.pop() {
        if !room.fits(places[cell], pieces) {
            continue;
        }
        room.take(places[cell], pieces);
        granted[cell] += pieces;
        queue.extend(next(cell, wishes[cell], granted[cell]));
    }
    granted
}

fn next(cell: usize, wish: Option<Wish>, granted: i64) -> Option<Next> {
    let wish = wish?;
    let pieces = if granted == 0 { wish.rule.batch } else { wish.rule.case_pack };
    if granted + pieces > wish.quantity {
        return None;
    }
    let (before, after) = (wish.stock + granted as f64, wish.stock + (granted + pieces) as f64);
    let saved_per_piece = (wish.cost.of(before) - wish.cost.of(after)) / pieces as f64;
    Some(Next { saved_per_piece, cell, pieces })
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        self.saved_per_piece.total_cmp(&other.saved_per_piece).then(other.cell.cmp(&self.cell))
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
