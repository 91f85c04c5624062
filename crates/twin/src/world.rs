//! The world: steps through its periods, takes actions, shows only what a retailer could observe.

use crate::draws::{Draws, Stream};
use crate::ledger::{CellBooks, Ledger};
use crate::shipments::{Fate, Shipments};
use crate::shoppers::{Shoppers, Tag};
use crate::stock::Stock;
use crate::{Actions, CellSeen, Observation, Shock, TwinError, WorldSpec};
use endcap_model::{Depth, Offer, Outcome, Period, Pieces, Place, Sku, TwinTerms};

/// One world with one seed, at the beginning of a period.
#[derive(Clone, Debug)]
pub struct World<'a> {
    spec: &'a WorldSpec,
    terms: &'a TwinTerms,
    seed: u64,
    period: Period,
    draws: Draws,
    shoppers: Shoppers<'a>,
    stock: Stock,
    shipments: Shipments,
    ledger: Ledger,
    /// What happened in each cell in the last period.
    books: Vec<CellBooks>,
    asked: Asked,
    fates: Vec<u64>,
}

/// Actions, checked and laid out by cell. Kept between periods for its room only.
#[derive(Clone, Debug, Default)]
struct Asked {
    tags: Vec<Tag>,
    paid: Vec<i64>,
    orders: Vec<i64>,
    transfers: Vec<(usize, usize, i64)>,
    /// By item and region: whether an offer runs.
    offered: Vec<bool>,
}

impl<'a> World<'a> {
    /// Opens a world with the shoppers and suppliers of one seed.
    pub fn new(spec: &'a WorldSpec, terms: &'a TwinTerms, seed: u64) -> Self {
        let draws = Draws::new(seed);
        let cells = spec.cells().len();
        let start = spec.span().start;
        let announced = spec.cells().iter().flat_map(|cell| &cell.pipeline).map(|(due, _)| due.0 - start.0);
        let furthest = announced.max().unwrap_or(0).clamp(0, spec.span().len() as i32) as usize;
        let mut world = Self {
            spec,
            terms,
            seed,
            period: start,
            shoppers: Shoppers::new(spec, terms, draws.clone()),
            draws,
            stock: Stock::opening(spec.cells(), start),
            shipments: Shipments::new(cells, furthest.max(spec.lead_time_periods())),
            ledger: Ledger::default(),
            books: vec![CellBooks::default(); cells],
            asked: Asked::default(),
            fates: vec![0; 2 * cells],
        };
        world.open_pipeline();
        world
    }

    /// Puts on their way what was ordered before the world began; it can be late or cut like any other delivery. What
    /// is overdue comes at once, what is due after the end is left out.
    fn open_pipeline(&mut self) {
        let span = self.spec.span();
        let lead = self.spec.lead_time_periods() as i32;
        let mut due: Vec<(Period, usize, i64)> = Vec::new();
        for (cell, spec) in self.spec.cells().iter().enumerate() {
            let known = spec.pipeline.iter().filter(|(due, pieces)| *due < span.end && pieces.0 > 0);
            due.extend(known.map(|(due, pieces)| ((*due).max(span.start), cell, pieces.0)));
        }
        due.sort_unstable();
        let mut drawn = None;
        for (due, cell, pieces) in due {
            if drawn != Some(due) {
                self.draws.fill(Stream::Delivery, due.plus(-lead).0, &mut self.fates);
                drawn = Some(due);
            }
            let fate = Fate::draw([self.fates[2 * cell], self.fates[2 * cell + 1]], self.terms);
            self.shipments.announce(cell, pieces, due, fate);
        }
    }

    /// Returns the period that is about to begin.
    pub fn period(&self) -> Period {
        self.period
    }

    /// Returns whether all periods have been run.
    pub fn is_over(&self) -> bool {
        self.period >= self.spec.span().end
    }

    /// Shows what a retailer sees before the period begins.
    pub fn observe(&self) -> Observation {
        let begun = self.period > self.spec.span().start;
        let seen = |(cell, books): (usize, &CellBooks)| CellSeen {
            on_hand: Pieces(self.stock.on_hand(cell)),
            on_order: Pieces(self.shipments.on_order(cell)),
            sold: Pieces(books.sold),
            paid: if begun { books.paid } else { self.spec.cells()[cell].list_price },
            stocked_out: begun && books.closing == 0,
        };
        Observation {
            period: self.period,
            last: begun.then(|| self.period.plus(-1)),
            keys: self.spec.keys(),
            cells: self.books.iter().enumerate().map(seen).collect(),
            announced: self.shipments.announced(self.period),
        }
    }

    /// Runs one period: transfers and orders of the evening before, arrivals, offers, shoppers, waste, books.
    ///
    /// # Errors
    /// [`TwinError`] when an action is refused; the world is then unchanged.
    pub fn step(&mut self, actions: &Actions) -> Result<(), TwinError> {
        if self.is_over() {
            return Err(TwinError::Over);
        }
        let mut asked = std::mem::take(&mut self.asked);
        let checked = self.check(actions, &mut asked);
        self.asked = asked;
        checked?;
        self.move_stock();
        self.place_orders();
        self.shoppers.look(self.period, &self.asked.tags);
        for cell in 0..self.books.len() {
            self.trade(cell);
        }
        self.ledger.enter_offers(self.asked.offered.iter().filter(|&&offered| offered).count() as i64);
        self.period = self.period.plus(1);
        Ok(())
    }

    fn move_stock(&mut self) {
        for (cell, books) in self.books.iter_mut().enumerate() {
            *books = CellBooks { opening: self.stock.on_hand(cell), ..CellBooks::default() };
        }
        for &(from, to, pieces) in &self.asked.transfers {
            let moved = self.stock.transfer(from, to, pieces, self.period);
            self.books[from].moved -= moved;
            self.books[to].moved += moved;
        }
    }

    fn place_orders(&mut self) {
        if self.asked.orders.iter().all(|&pieces| pieces == 0) {
            return;
        }
        let ordered = self.period.plus(-1);
        let due = ordered.plus(self.spec.lead_time_periods() as i32);
        self.draws.fill(Stream::Delivery, ordered.0, &mut self.fates);
        let cuts: Vec<_> = self.cuts().collect();
        for (cell, &pieces) in self.asked.orders.iter().enumerate().filter(|&(_, &pieces)| pieces > 0) {
            let mut fate = Fate::draw([self.fates[2 * cell], self.fates[2 * cell + 1]], self.terms);
            for (shock, share) in &cuts {
                if shock.hits(&self.spec.cells()[cell]) {
                    fate.missing = 1.0 - (1.0 - fate.missing) * (1.0 - share);
                }
            }
            self.shipments.announce(cell, pieces, due, fate);
        }
    }

    fn cuts(&self) -> impl Iterator<Item = (&'a Shock, f64)> {
        let (span, period) = (self.spec.span(), self.period);
        let on = self.spec.terms().shocks.iter().filter(move |shock| shock.is_on(span, period));
        on.filter_map(|shock| shock.missing_share().map(|share| (shock, share)))
    }

    fn trade(&mut self, cell: usize) {
        let spec = &self.spec.cells()[cell];
        let tag = self.asked.tags[cell];
        let arrivals = self.shipments.receive(cell, self.period);
        self.stock.receive(cell, arrivals, self.period);
        let wanted = self.shoppers.want(cell);
        let sold = self.stock.sell(cell, wanted, self.period);
        let waste = self.stock.expire(cell, self.period);
        self.shoppers.remember(cell, sold as f64, tag);
        let before = self.books[cell];
        self.books[cell] = CellBooks {
            arrivals,
            wanted,
            sold,
            waste,
            closing: self.stock.on_hand(cell),
            list_price: spec.list_price,
            paid: self.asked.paid[cell],
            unit_cost: spec.unit_cost,
            promoted: tag.promoted,
            ..before
        };
        self.ledger.enter(&self.books[cell]);
    }

    /// Returns what has come of it so far, under the name of the policy that acted.
    pub fn outcome(&self, policy: &str) -> Outcome {
        self.ledger.close(&self.spec.terms().costs, policy, self.seed, self.stock.total())
    }

    fn check(&self, actions: &Actions, asked: &mut Asked) -> Result<(), TwinError> {
        asked.reset(self.spec);
        for offer in actions.offers.iter().filter(|offer| offer.span.contains(self.period)) {
            self.check_offer(offer, asked)?;
        }
        let mut hint = 0;
        for order in &actions.orders {
            let at = Subject { action: "order", sku: &order.sku, place: &order.place };
            self.check_moment(at, order.order_period)?;
            let cell = self.cell(at, hint)?;
            asked.orders[cell] += quantity(at, order.quantity)?;
            hint = cell + 1;
        }
        for transfer in &actions.transfers {
            let at = Subject { action: "transfer", sku: &transfer.sku, place: &transfer.from };
            self.check_moment(at, transfer.period)?;
            let from = self.cell(at, hint)?;
            let to = self.cell(Subject { place: &transfer.to, ..at }, from)?;
            asked.transfers.push((from, to, quantity(at, transfer.quantity)?));
            hint = from + 1;
        }
        Ok(())
    }

    fn check_offer(&self, offer: &Offer, asked: &mut Asked) -> Result<(), TwinError> {
        let cells = self.spec.cells_of(&offer.sku);
        if cells.is_empty() {
            return Err(TwinError::UnknownSku { action: "offer", sku: offer.sku.clone() });
        }
        let habits = &self.spec.terms().habits;
        let utility = if offer.support.feature { habits.feature_utility } else { 0.0 }
            + if offer.support.display { habits.display_utility } else { 0.0 };
        let mut found = false;
        for cell in cells {
            let spec = &self.spec.cells()[cell];
            if spec.place != offer.place && spec.region != offer.place {
                continue;
            }
            found = true;
            let paid = price_after(spec.list_price, offer.depth);
            let ratio = paid as f64 / spec.list_price as f64;
            let tag = &mut asked.tags[cell];
            *tag = Tag { ratio: tag.ratio.min(ratio), utility: tag.utility.max(utility), promoted: true };
            asked.paid[cell] = asked.paid[cell].min(paid);
            asked.offered[self.spec.index.pair_of[cell] as usize] = true;
        }
        if found {
            return Ok(());
        }
        Err(TwinError::UnknownPlace { action: "offer", sku: offer.sku.clone(), place: offer.place.clone() })
    }

    fn check_moment(&self, at: Subject, found: Period) -> Result<(), TwinError> {
        let now = self.period.plus(-1);
        if found == now {
            return Ok(());
        }
        let calendar = self.spec.calendar();
        Err(TwinError::Moment {
            action: at.action,
            sku: at.sku.clone(),
            place: at.place.clone(),
            found: calendar.format(found),
            expected: calendar.format(now),
        })
    }

    fn cell(&self, at: Subject, hint: usize) -> Result<usize, TwinError> {
        if let Some(cell) = self.spec.cell_of(at.sku, at.place, hint) {
            return Ok(cell);
        }
        if self.spec.cells_of(at.sku).is_empty() {
            return Err(TwinError::UnknownSku { action: at.action, sku: at.sku.clone() });
        }
        Err(TwinError::UnknownPlace { action: at.action, sku: at.sku.clone(), place: at.place.clone() })
    }
}

/// What an order or transfer is about, for its refusal.
#[derive(Clone, Copy)]
struct Subject<'s> {
    action: &'static str,
    sku: &'s Sku,
    place: &'s Place,
}

fn quantity(at: Subject, pieces: Pieces) -> Result<i64, TwinError> {
    if (1..=1_000_000_000).contains(&pieces.0) {
        return Ok(pieces.0);
    }
    let (sku, place) = (at.sku.clone(), at.place.clone());
    Err(TwinError::Quantity { action: at.action, sku, place, found: pieces.0 })
}

/// Price to pay, rounded half to even to whole minor units; never below 1.
fn price_after(list_price: i64, depth: Depth) -> i64 {
    let exact = i128::from(list_price) * i128::from(10_000 - depth.basis_points());
    let (whole, rest) = ((exact / 10_000) as i64, exact % 10_000);
    let up = rest > 5_000 || (rest == 5_000 && whole % 2 == 1);
    (whole + i64::from(up)).max(1)
}

impl Asked {
    fn reset(&mut self, spec: &WorldSpec) {
        let cells = spec.cells();
        self.tags.clear();
        self.tags.resize(cells.len(), Tag::LIST);
        self.paid.clear();
        self.paid.extend(cells.iter().map(|cell| cell.list_price));
        self.orders.clear();
        self.orders.resize(cells.len(), 0);
        self.transfers.clear();
        self.offered.clear();
        self.offered.resize(spec.index.pairs, false);
    }
}

#[cfg(test)]
#[path = "world_tests.rs"]
mod tests;
