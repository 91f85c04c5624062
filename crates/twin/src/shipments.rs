//! What is under way: announced when ordered, and what then comes of it.

use crate::Logistics;
use crate::draws::uniform;
use endcap_model::{Period, TwinTerms};

/// Pieces that reach a cell in one period: as they come, and as they were announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    coming: i64,
    announced: i64,
}

/// Shipments to all cells. Fates are drawn when an order is placed and show when it was due.
#[derive(Clone, Debug)]
pub(crate) struct Shipments {
    cells: usize,
    /// Periods that can be looked ahead to.
    width: usize,
    /// Announced for a period: period modulo width, then cell.
    announced: Vec<i64>,
    /// What then comes in a period.
    loads: Vec<Load>,
    /// Was announced for an earlier period and has not come.
    overdue: Vec<i64>,
    on_order: Vec<i64>,
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fate {
    /// Periods that it comes after it was announced for.
    pub late: usize,
    /// Share of its pieces that never comes.
    pub missing: f64,
}

impl Fate {
    /// Draws a fate: late and cut are independent.
    pub(crate) fn draw(words: [u64; 2], terms: &TwinTerms, logistics: &Logistics) -> Self {
        let drawn = uniform(words[0]);
        let mut late = 0;
        let mut beyond = terms.late_probability;
        while drawn < beyond && late < logistics.late_most {
            late += 1;
            beyond *= logistics.late_again_probability;
        }
        let cut = uniform(words[1]) < terms.cut_probability;
        Self { late, missing: if cut { terms.cut_share } else { 0.0 } }
    }
}

impl Shipments {
    /// Makes room for shipments that come up to `ahead` periods from the one that begins.
    pub(crate) fn new(cells: usize, ahead: usize) -> Self {
        let width = ahead + 2;
        Self {
            cells,
            width,
            announced: vec![0; width * cells],
            loads: vec![Load::default(); width * cells],
            overdue: vec![0; cells],
            on_order: vec![0; cells],
        }
    }

    fn at(&self, due: Period, cell: usize) -> usize {
        (due.0 as i64).rem_euclid(self.width as i64) as usize * self.cells + cell
    }

    /// Announces a delivery for the start of a period.
    pub(crate) fn announce(&mut self, cell: usize, pieces: i64, due: Period, fate: Fate) {
        let at = self.at(due, cell);
        self.announced[at] += pieces;
        let at = self.at(due.plus(fate.late as i32), cell);
        self.loads[at].announced += pieces;
        self.loads[at].coming += (pieces as f64 * (1.0 - fate.missing)).round() as i64;
        self.on_order[cell] += pieces;
    }

    /// Takes in what comes for every cell at the start of a period; what is missing from it leaves the books.
    pub(crate) fn receive(&mut self, now: Period, arrivals: &mut [i64]) {
        let row = self.at(now, 0);
        let row = row..row + self.cells;
        let rows = self.announced[row.clone()].iter_mut().zip(&mut self.loads[row]);
        let columns = self.overdue.iter_mut().zip(&mut self.on_order);
        for ((arrivals, (announced, load)), (overdue, on_order)) in arrivals.iter_mut().zip(rows).zip(columns) {
            *overdue += *announced - load.announced;
            *on_order -= load.announced;
            *arrivals = load.coming;
            *announced = 0;
            *load = Load::default();
        }
    }

    /// Lets pieces that came wait outside until the next period.
    pub(crate) fn defer(&mut self, cell: usize, pieces: i64, now: Period) {
        let at = self.at(now.plus(1), cell);
        self.loads[at].coming += pieces;
        self.loads[at].announced += pieces;
        self.overdue[cell] += pieces;
        self.on_order[cell] += pieces;
    }

    /// Returns the pieces that are under way, as announced.
    pub(crate) fn on_order(&self, cell: usize) -> i64 {
        self.on_order[cell]
    }

    /// Lists what is announced for each of the next periods, cells in order; what is overdue stands in the first.
    pub(crate) fn announced(&self, now: Period) -> Vec<i64> {
        let mut pieces = Vec::with_capacity(self.cells * self.width);
        for ahead in 0..self.width {
            let row = self.at(now.plus(ahead as i32), 0);
            pieces.extend_from_slice(&self.announced[row..row + self.cells]);
        }
        pieces[..self.cells].iter_mut().zip(&self.overdue).for_each(|(first, overdue)| *first += overdue);
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FINE: Fate = Fate { late: 0, missing: 0.0 };

    fn receive(shipments: &mut Shipments, now: Period) -> i64 {
        let mut arrivals = [0];
        shipments.receive(now, &mut arrivals);
        arrivals[0]
    }

    #[test]
    fn a_late_delivery_comes_after_it_was_announced_for() {
        let mut shipments = Shipments::new(1, 3);
        shipments.announce(0, 8, Period(5), Fate { late: 2, ..FINE });
        shipments.announce(0, 3, Period(6), FINE);
        assert_eq!(shipments.announced(Period(5))[..3], [8, 3, 0]);
        assert_eq!(receive(&mut shipments, Period(5)), 0);
        assert_eq!((shipments.on_order(0), &shipments.announced(Period(6))[..2]), (11, &[11, 0][..]));
        assert_eq!(receive(&mut shipments, Period(6)), 3);
        assert_eq!(shipments.announced(Period(7))[0], 8);
        assert_eq!(receive(&mut shipments, Period(7)), 8);
        assert_eq!(shipments.on_order(0), 0);
    }

    #[test]
    fn a_cut_delivery_shows_only_when_it_comes() {
        let mut shipments = Shipments::new(1, 2);
        shipments.announce(0, 8, Period(0), Fate { missing: 0.25, ..FINE });
        assert_eq!(shipments.on_order(0), 8);
        assert_eq!(receive(&mut shipments, Period(0)), 6);
        assert_eq!(shipments.on_order(0), 0);
    }

    #[test]
    fn delays_have_the_spread_asked_for() {
        let terms = TwinTerms { late_probability: 0.4, cut_probability: 0.0, ..crate::spec::tests::terms() };
        let logistics = Logistics { late_again_probability: 0.5, late_most: 3, ..Logistics::default() };
        let mut counts = [0i32; 4];
        for step in 0..10_000u64 {
            counts[Fate::draw([step * (u64::MAX / 10_000), 0], &terms, &logistics).late] += 1;
        }
        for (found, asked) in counts.into_iter().zip([6_000i32, 2_000, 1_000, 1_000]) {
            assert!((found - asked).abs() <= 2, "{counts:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_under_way_is_what_was_announced_and_has_not_come(
            orders in prop::collection::vec((1i64..50, 0usize..3, 0usize..3, 0.0f64..1.0, 0i64..20), 1..30),
        ) {
            let mut shipments = Shipments::new(1, 5);
            let (mut sent, mut came, end) = (0, 0, orders.len() as i32);
            for (now, (pieces, ahead, late, missing, waits)) in orders.into_iter().enumerate() {
                let now = Period(now as i32);
                shipments.announce(0, pieces, now.plus(ahead as i32), Fate { late, missing });
                sent += pieces;
                prop_assert_eq!(shipments.announced(now).iter().sum::<i64>(), shipments.on_order(0));
                let arrivals = receive(&mut shipments, now);
                let waits = waits.min(arrivals);
                shipments.defer(0, waits, now);
                came += arrivals - waits;
                prop_assert!(came <= sent && shipments.on_order(0) <= sent);
            }
            let left = (end..end + 10).map(|now| receive(&mut shipments, Period(now))).sum::<i64>();
            prop_assert!(came + left <= sent);
            prop_assert_eq!(shipments.on_order(0), 0);
        }
    }
}
