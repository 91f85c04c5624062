//! What is under way: announced when ordered, and what then comes of it.

use endcap_model::{Period, TwinTerms};

/// Pieces of one cell that are due in one period: as announced, and as they will come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Due {
    announced: i64,
    coming: i64,
}

/// Shipments to all cells. Fates are drawn when an order is placed and show when it was due.
#[derive(Clone, Debug)]
pub(crate) struct Shipments {
    cells: usize,
    /// Periods that can be looked ahead to.
    width: usize,
    /// Due in a period and on time: period modulo width, then cell.
    punctual: Vec<Due>,
    /// Due in a period and then a period late.
    late: Vec<Due>,
    /// Were due in the last period, come in this one.
    delayed: Vec<Due>,
    on_order: Vec<i64>,
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fate {
    /// Comes a period after it was announced for.
    pub late: bool,
    /// Share of its pieces that never comes.
    pub missing: f64,
}

impl Fate {
    /// Draws a fate: late and cut are independent.
    pub(crate) fn draw(words: [u64; 2], terms: &TwinTerms) -> Self {
        let cut = crate::draws::uniform(words[1]) < terms.cut_probability;
        Self {
            late: crate::draws::uniform(words[0]) < terms.late_probability,
            missing: if cut { terms.cut_share } else { 0.0 },
        }
    }
}

impl Shipments {
    /// Makes room for shipments due up to `ahead` periods from the one that begins.
    pub(crate) fn new(cells: usize, ahead: usize) -> Self {
        let width = ahead + 1;
        Self {
            cells,
            width,
            punctual: vec![Due::default(); width * cells],
            late: vec![Due::default(); width * cells],
            delayed: vec![Due::default(); cells],
            on_order: vec![0; cells],
        }
    }

    fn at(&self, due: Period, cell: usize) -> usize {
        (due.0 as i64).rem_euclid(self.width as i64) as usize * self.cells + cell
    }

    /// Announces a delivery for the start of a period.
    pub(crate) fn announce(&mut self, cell: usize, pieces: i64, due: Period, fate: Fate) {
        let at = self.at(due, cell);
        let slot = if fate.late { &mut self.late[at] } else { &mut self.punctual[at] };
        slot.announced += pieces;
        slot.coming += (pieces as f64 * (1.0 - fate.missing)).round() as i64;
        self.on_order[cell] += pieces;
    }

    /// Takes in what comes for a cell at the start of a period; what is missing from it leaves the books.
    pub(crate) fn receive(&mut self, cell: usize, now: Period) -> i64 {
        let at = self.at(now, cell);
        let delayed = std::mem::replace(&mut self.delayed[cell], std::mem::take(&mut self.late[at]));
        let punctual = std::mem::take(&mut self.punctual[at]);
        self.on_order[cell] -= delayed.announced + punctual.announced;
        delayed.coming + punctual.coming
    }

    /// Returns the pieces that are under way, as announced.
    pub(crate) fn on_order(&self, cell: usize) -> i64 {
        self.on_order[cell]
    }

    /// Lists what is announced for each of the next periods, cell by cell.
    pub(crate) fn announced(&self, now: Period) -> Vec<i64> {
        let mut pieces = vec![0; self.cells * self.width];
        for ahead in 0..self.width {
            let row = self.at(now.plus(ahead as i32), 0);
            for cell in 0..self.cells {
                let late = if ahead == 0 { self.delayed[cell].announced } else { 0 };
                pieces[cell * self.width + ahead] =
                    self.punctual[row + cell].announced + self.late[row + cell].announced + late;
            }
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Fate = Fate { late: false, missing: 0.0 };

    #[test]
    fn a_late_delivery_comes_one_period_after_it_was_announced_for() {
        let mut shipments = Shipments::new(1, 2);
        shipments.announce(0, 8, Period(5), Fate { late: true, ..FINE });
        shipments.announce(0, 3, Period(6), FINE);
        assert_eq!(shipments.announced(Period(5)), [8, 3, 0]);
        assert_eq!(shipments.receive(0, Period(5)), 0);
        assert_eq!((shipments.on_order(0), shipments.announced(Period(6))), (11, vec![11, 0, 0]));
        assert_eq!(shipments.receive(0, Period(6)), 11);
        assert_eq!(shipments.on_order(0), 0);
    }

    #[test]
    fn a_cut_delivery_shows_only_when_it_comes() {
        let mut shipments = Shipments::new(1, 2);
        shipments.announce(0, 8, Period(0), Fate { missing: 0.25, ..FINE });
        assert_eq!(shipments.on_order(0), 8);
        assert_eq!(shipments.receive(0, Period(0)), 6);
        assert_eq!(shipments.on_order(0), 0);
    }
}
