//! What a policy asks for, checked and laid out by cell before anything happens.

use crate::shoppers::Tag;
use crate::{Actions, TwinError, WorldSpec};
use endcap_model::{Depth, Offer, Period, Pieces, Place, Sku};

/// Most pieces in one order or transfer.
const PIECES_MOST: i64 = 1_000_000_000;

/// Actions by cell. Only what was touched is put back between periods.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub tags: Vec<Tag>,
    /// Price to pay, minor units.
    pub paid: Vec<i64>,
    /// Cells on offer.
    pub promoted: Vec<u32>,
    /// Cells, pieces, and whether they are to come faster.
    pub orders: Vec<(usize, i64, bool)>,
    /// From, to, pieces.
    pub transfers: Vec<(usize, usize, i64)>,
    /// Items and regions on offer, each once.
    pub offered: Vec<u32>,
}

/// What an order or transfer is about, for its refusal.
#[derive(Clone, Copy)]
struct Subject<'s> {
    action: &'static str,
    sku: &'s Sku,
    place: &'s Place,
}

impl Asked {
    pub(crate) fn new(spec: &WorldSpec) -> Self {
        Self {
            tags: vec![Tag::LIST; spec.cells().len()],
            paid: spec.index.list_price.clone(),
            promoted: Vec::new(),
            orders: Vec::new(),
            transfers: Vec::new(),
            offered: Vec::new(),
        }
    }

    fn forget(&mut self, spec: &WorldSpec) {
        for cell in self.promoted.drain(..) {
            self.tags[cell as usize] = Tag::LIST;
            self.paid[cell as usize] = spec.index.list_price[cell as usize];
        }
        self.orders.clear();
        self.transfers.clear();
        self.offered.clear();
    }

    /// Reads the actions before a period.
    ///
    /// # Errors
    /// [`TwinError`] for the first action that makes no sense.
    pub(crate) fn read(&mut self, spec: &WorldSpec, period: Period, actions: &Actions) -> Result<(), TwinError> {
        self.forget(spec);
        for offer in actions.offers.iter().filter(|offer| offer.span.contains(period)) {
            self.read_offer(spec, offer)?;
        }
        self.offered.sort_unstable();
        self.offered.dedup();
        let expedites = spec.terms().logistics.expedite.is_some();
        let regular = period.plus(spec.lead_time_periods() as i32 - 1);
        let mut hint = 0;
        for order in &actions.orders {
            let at = Subject { action: "order", sku: &order.sku, place: &order.place };
            at.check_moment(spec, period, order.order_period)?;
            let cell = at.cell(spec, hint)?;
            self.orders.push((cell, at.quantity(order.quantity)?, expedites && order.arrives < regular));
            hint = cell + 1;
        }
        for order in &actions.cell_orders {
            let Some(key) = spec.cells().get(order.cell) else {
                let found = order.cell.to_string();
                let expected = "the number of a cell that was shown, the first being 0";
                return Err(TwinError::Setting { field: "order.cell".to_owned(), found, expected });
            };
            let at = Subject { action: "order", sku: &key.sku, place: &key.place };
            self.orders.push((order.cell, at.quantity(Pieces(order.pieces))?, expedites && order.expedite));
        }
        for transfer in &actions.transfers {
            let at = Subject { action: "transfer", sku: &transfer.sku, place: &transfer.from };
            at.check_moment(spec, period, transfer.period)?;
            let from = at.cell(spec, hint)?;
            let to = Subject { place: &transfer.to, ..at }.cell(spec, from)?;
            self.transfers.push((from, to, at.quantity(transfer.quantity)?));
            hint = from + 1;
        }
        match actions.expected.len() {
            0 => Ok(()),
            cells
                if cells == spec.cells().len() && actions.expected.iter().all(|units| (0.0..1e12).contains(units)) =>
            {
                Ok(())
            }
            cells => Err(TwinError::Setting {
                field: "expected".to_owned(),
                found: format!("{cells} values"),
                expected: "none, or one of 0 or more for every cell",
            }),
        }
    }

    fn read_offer(&mut self, spec: &WorldSpec, offer: &Offer) -> Result<(), TwinError> {
        let cells = spec.cells_of(&offer.sku);
        if cells.is_empty() {
            return Err(TwinError::UnknownSku { action: "offer", sku: offer.sku.clone() });
        }
        let habits = &spec.terms().habits;
        let utility = if offer.support.feature { habits.feature_utility } else { 0.0 }
            + if offer.support.display { habits.display_utility } else { 0.0 };
        let (place, region) = (spec.index.place_number(&offer.place), spec.index.region_number(&offer.place));
        let mut found = false;
        for cell in cells {
            if Some(spec.index.place_of[cell]) != place && Some(spec.index.region_of[cell]) != region {
                continue;
            }
            found = true;
            let list_price = spec.index.list_price[cell];
            let paid = price_after(list_price, offer.depth);
            let ratio = paid as f64 / list_price as f64;
            let tag = &mut self.tags[cell];
            if !tag.promoted {
                self.promoted.push(cell as u32);
                self.offered.push(spec.index.pair_of[cell]);
            }
            *tag = Tag { ratio: tag.ratio.min(ratio), utility: tag.utility.max(utility), promoted: true };
            self.paid[cell] = self.paid[cell].min(paid);
        }
        if found {
            return Ok(());
        }
        Err(TwinError::UnknownPlace { action: "offer", sku: offer.sku.clone(), place: offer.place.clone() })
    }
}

impl Subject<'_> {
    fn check_moment(self, spec: &WorldSpec, period: Period, found: Period) -> Result<(), TwinError> {
        let now = period.plus(-1);
        if found == now {
            return Ok(());
        }
        let calendar = spec.calendar();
        Err(TwinError::Moment {
            action: self.action,
            sku: self.sku.clone(),
            place: self.place.clone(),
            found: calendar.format(found),
            expected: calendar.format(now),
        })
    }

    fn cell(self, spec: &WorldSpec, hint: usize) -> Result<usize, TwinError> {
        if let Some(cell) = spec.cell_of(self.sku, self.place, hint) {
            return Ok(cell);
        }
        if spec.cells_of(self.sku).is_empty() {
            return Err(TwinError::UnknownSku { action: self.action, sku: self.sku.clone() });
        }
        Err(TwinError::UnknownPlace { action: self.action, sku: self.sku.clone(), place: self.place.clone() })
    }

    fn quantity(self, pieces: Pieces) -> Result<i64, TwinError> {
        if (1..=PIECES_MOST).contains(&pieces.0) {
            return Ok(pieces.0);
        }
        let (sku, place) = (self.sku.clone(), self.place.clone());
        Err(TwinError::Quantity { action: self.action, sku, place, found: pieces.0 })
    }
}

/// Price to pay, rounded half to even to whole minor units; never below 1.
pub(crate) fn price_after(list_price: i64, depth: Depth) -> i64 {
    let exact = i128::from(list_price) * i128::from(10_000 - depth.basis_points());
    let (whole, rest) = ((exact / 10_000) as i64, exact % 10_000);
    let up = rest > 5_000 || (rest == 5_000 && whole % 2 == 1);
    (whole + i64::from(up)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_whole_minor_units_rounded_half_to_even() {
        let depth = |share: f64| Depth::from_share(share).unwrap();
        assert_eq!(price_after(199, depth(0.5)), 100);
        assert_eq!(price_after(197, depth(0.5)), 98);
        assert_eq!(price_after(999, depth(0.3)), 699);
        assert_eq!(price_after(1, depth(0.9)), 1);
    }
}
