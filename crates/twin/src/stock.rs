//! Stock on the shelves: whole pieces in lots by their last day of sale, sold first in, first out.

use crate::CellSpec;
use endcap_model::Period;

/// Stock of all cells. A lot that can last be sold in period e lies in place e modulo the cell's shelf life.
#[derive(Clone, Debug)]
pub(crate) struct Stock {
    on_hand: Vec<i64>,
    lots: Vec<i64>,
    /// First lot of each cell.
    first: Vec<usize>,
    /// Shelf life in periods; 0 for ever.
    life: Vec<usize>,
}

impl Stock {
    /// Puts the opening stock on the shelves, its ages spread evenly over the shelf life.
    pub(crate) fn opening(cells: &[CellSpec], start: Period) -> Self {
        let on_hand: Vec<i64> = cells.iter().map(|cell| cell.on_hand).collect();
        Self::spread_anew(cells, &on_hand, start)
    }

    /// Puts these pieces on the shelves as an opening stock.
    pub(crate) fn spread_anew(cells: &[CellSpec], on_hand: &[i64], start: Period) -> Self {
        let life: Vec<usize> = cells.iter().map(|cell| cell.shelf_life.unwrap_or(0)).collect();
        let mut first = Vec::with_capacity(cells.len());
        let mut lots = 0;
        for life in &life {
            first.push(lots);
            lots += life;
        }
        let mut stock = Self { on_hand: vec![0; cells.len()], lots: vec![0; lots], first, life };
        for (cell, &pieces) in on_hand.iter().enumerate() {
            stock.spread(cell, pieces, start);
        }
        stock
    }

    fn spread(&mut self, cell: usize, pieces: i64, start: Period) {
        let life = self.life[cell];
        if life == 0 {
            self.on_hand[cell] = pieces;
            return;
        }
        let each = pieces / life as i64;
        for ahead in 0..life - 1 {
            self.add(cell, each, start.plus(ahead as i32));
        }
        self.add(cell, pieces - each * (life as i64 - 1), start.plus(life as i32 - 1));
    }

    /// Returns the pieces that can be sold.
    pub(crate) fn on_hand(&self, cell: usize) -> i64 {
        self.on_hand[cell]
    }

    /// Returns the pieces on all shelves.
    pub(crate) fn total(&self) -> i64 {
        self.on_hand.iter().sum()
    }

    /// Puts fresh pieces on the shelf at the start of a period.
    pub(crate) fn receive(&mut self, cell: usize, pieces: i64, now: Period) {
        self.add(cell, pieces, now.plus(self.life[cell] as i32 - 1));
    }

    fn add(&mut self, cell: usize, pieces: i64, last_sale: Period) {
        self.on_hand[cell] += pieces;
        if self.life[cell] > 0 {
            let lot = self.lot(cell, last_sale);
            self.lots[lot] += pieces;
        }
    }

    fn lot(&self, cell: usize, last_sale: Period) -> usize {
        self.first[cell] + (last_sale.0 as i64).rem_euclid(self.life[cell] as i64) as usize
    }

    /// Takes the oldest pieces, as many as wanted and there; returns how many.
    pub(crate) fn sell(&mut self, cell: usize, wanted: i64, now: Period) -> i64 {
        let sold = wanted.min(self.on_hand[cell]);
        self.on_hand[cell] -= sold;
        let mut left = sold;
        for ahead in 0..self.life[cell] {
            if left == 0 {
                break;
            }
            let lot = self.lot(cell, now.plus(ahead as i32));
            let taken = left.min(self.lots[lot]);
            self.lots[lot] -= taken;
            left -= taken;
        }
        sold
    }

    /// Throws away what could last be sold in the period that ends; returns the pieces.
    pub(crate) fn expire(&mut self, cell: usize, ended: Period) -> i64 {
        if self.life[cell] == 0 {
            return 0;
        }
        let lot = self.lot(cell, ended);
        let waste = std::mem::take(&mut self.lots[lot]);
        self.on_hand[cell] -= waste;
        waste
    }

    /// Takes the oldest pieces off a shelf before a period begins, as many as wanted and there; returns them by their
    /// last day of sale, which pieces that last for ever do not have.
    pub(crate) fn take(&mut self, cell: usize, pieces: i64, now: Period) -> Vec<Lot> {
        let mut left = pieces.min(self.on_hand[cell]);
        self.on_hand[cell] -= left;
        if self.life[cell] == 0 {
            return vec![Lot { pieces: left, last_sale: None }];
        }
        let mut lots = Vec::new();
        for ahead in 0..self.life[cell] as i32 {
            let lot = self.lot(cell, now.plus(ahead));
            let taken = left.min(self.lots[lot]);
            if taken > 0 {
                self.lots[lot] -= taken;
                left -= taken;
                lots.push(Lot { pieces: taken, last_sale: Some(now.plus(ahead)) });
            }
        }
        lots
    }

    /// Puts pieces on a shelf with the life they have left, at most the shelf's own; returns those whose time was over.
    pub(crate) fn put(&mut self, cell: usize, lot: Lot, now: Period) -> i64 {
        let longest = now.plus(self.life[cell] as i32 - 1);
        let last_sale = lot.last_sale.map_or(longest, |last| last.min(longest));
        if self.life[cell] > 0 && last_sale < now {
            return lot.pieces;
        }
        self.add(cell, lot.pieces, last_sale);
        0
    }
}

/// Pieces that can last be sold in the same period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lot {
    pub pieces: i64,
    /// Nothing for ever.
    pub last_sale: Option<Period>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::tests::cell;
    use proptest::prelude::*;

    fn stock_of(on_hand: i64, shelf_life: Option<usize>) -> Stock {
        let spec = CellSpec { on_hand, shelf_life, ..cell("a", "x") };
        Stock::opening(&[spec.clone(), spec], Period(-3))
    }

    /// Moves pieces at once; returns how many.
    fn transfer(stock: &mut Stock, from: usize, to: usize, pieces: i64, now: Period) -> i64 {
        let lots = stock.take(from, pieces, now);
        lots.iter().for_each(|&lot| assert_eq!(stock.put(to, lot, now), 0));
        lots.iter().map(|lot| lot.pieces).sum()
    }

    #[test]
    fn pieces_that_are_too_long_under_way_are_lost() {
        let mut stock = stock_of(0, Some(2));
        stock.receive(0, 4, Period(10));
        let lots = stock.take(0, 4, Period(11));
        assert_eq!(lots, [Lot { pieces: 4, last_sale: Some(Period(11)) }]);
        assert_eq!(stock.put(1, lots[0], Period(12)), 4);
        assert_eq!(stock.total(), 0);
    }

    #[test]
    fn the_oldest_pieces_are_sold_first_and_the_rest_expires_in_its_time() {
        let mut stock = stock_of(0, Some(2));
        stock.receive(0, 5, Period(10));
        stock.receive(0, 7, Period(11));
        assert_eq!(stock.sell(0, 4, Period(11)), 4);
        assert_eq!(stock.expire(0, Period(11)), 1, "one of the first five is left");
        assert_eq!(stock.sell(0, 20, Period(12)), 7);
        assert_eq!(stock.expire(0, Period(12)), 0);
    }

    #[test]
    fn pieces_that_move_keep_their_age() {
        let mut stock = stock_of(0, Some(3));
        stock.receive(0, 4, Period(10));
        assert_eq!(transfer(&mut stock, 0, 1, 9, Period(12)), 4);
        assert_eq!((stock.on_hand(0), stock.on_hand(1)), (0, 4));
        assert_eq!(stock.expire(1, Period(12)), 4);
    }

    proptest! {
        #[test]
        fn no_piece_is_lost_or_made(
            life in prop::option::of(1usize..6),
            opening in 0i64..40,
            days in prop::collection::vec((0i64..9, 0i64..12, 0i64..4), 1..20),
        ) {
            let mut stock = stock_of(opening, life);
            let mut gone = 0;
            let mut come = 2 * opening;
            for (day, (arrivals, wanted, moved)) in days.into_iter().enumerate() {
                let now = Period(day as i32 - 3);
                transfer(&mut stock, 0, 1, moved, now);
                stock.receive(0, arrivals, now);
                come += arrivals;
                for cell in [0, 1] {
                    gone += stock.sell(cell, wanted, now);
                    gone += stock.expire(cell, now);
                    prop_assert!(stock.on_hand(cell) >= 0);
                }
                prop_assert_eq!(stock.total(), come - gone);
                if life.is_some() {
                    prop_assert_eq!(stock.lots.iter().sum::<i64>(), stock.total());
                }
            }
        }
    }
}
