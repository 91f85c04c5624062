//! The world: steps through its periods, takes actions, shows only what a retailer could observe.
//!
//! A period is a handful of passes over columns by cell. Nothing is drawn that an action could shift: every draw belongs
//! to a purpose, a period and a cell.

use crate::asked::Asked;
use crate::draws::{Draws, Stream};
use crate::ledger::{CellBooks, CellPrices, Ledger};
use crate::shipments::{Fate, Shipments};
use crate::shoppers::Shoppers;
use crate::stock::{Lot, Stock};
use crate::truth::past_panel;
use crate::{Actions, CellSeen, Dock, Observation, RunState, Shock, TwinError, WorldSpec};
use endcap_model::{Calendar, Depth, Outcome, Panel, Period, Pieces, Sku, TwinTerms};

/// The discount by which hidden answers are told as elasticities.
const USUAL_DEPTH: f64 = 0.2;

/// One world with one seed, at the beginning of a period.
#[derive(Clone, Debug)]
pub struct World<'a> {
    pub(crate) spec: &'a WorldSpec,
    pub(crate) terms: &'a TwinTerms,
    pub(crate) seed: u64,
    period: Period,
    draws: Draws,
    pub(crate) shoppers: Shoppers<'a>,
    stock: Stock,
    shipments: Shipments,
    /// Pieces on their way between places, by the period in which they come.
    under_way: Vec<(Period, usize, Lot)>,
    docks: Vec<(&'a Dock, Vec<usize>)>,
    /// Cells whose offer has ended, and when what is left of it is counted.
    over: Vec<(Period, usize)>,
    ledger: Ledger,
    /// What happened in each cell in the last period.
    pub(crate) books: Vec<CellBooks>,
    /// What was asked for in the last period, and in the one before.
    asked: Asked,
    before: Asked,
    fates: Vec<u64>,
    arrivals: Vec<i64>,
    /// Cells where shoppers come; empty where nothing has sizes.
    sells: Vec<bool>,
}

impl<'a> World<'a> {
    /// Opens a world with the shoppers and suppliers of one seed.
    pub fn new(spec: &'a WorldSpec, terms: &'a TwinTerms, seed: u64) -> Self {
        let draws = Draws::new(seed);
        let cells = spec.cells().len();
        let start = spec.span().start;
        let sells = if spec.size_runs().any() { cells } else { 0 };
        let mut world = Self {
            spec,
            terms,
            seed,
            period: start,
            shoppers: Shoppers::new(spec, terms, draws.clone()),
            draws,
            stock: Stock::opening(spec.cells(), start),
            shipments: Shipments::new(cells, furthest(spec)),
            under_way: Vec::new(),
            docks: docks(spec),
            over: Vec::new(),
            ledger: Ledger::default(),
            books: vec![CellBooks::default(); cells],
            asked: Asked::new(spec),
            before: Asked::new(spec),
            fates: vec![0; cells],
            arrivals: vec![0; cells],
            sells: spec.cells()[..sells].iter().map(|cell| cell.mean_demand.iter().any(|&mean| mean > 0.0)).collect(),
        };
        world.ledger.open(world.stock.total());
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
            let fate = self.fate(cell);
            self.shipments.announce(cell, pieces, due, fate);
        }
    }

    fn fate(&self, cell: usize) -> Fate {
        let word = self.fates[cell];
        Fate::draw([word, word << 32], self.terms, &self.spec.terms().logistics)
    }

    /// Returns the seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns what a retailer could have recorded of the time before the first period: sales, prices and when stock ran
    /// out. Nothing where the scenario has no past.
    pub fn past(&self) -> Option<Panel> {
        self.spec.past().map(|past| past_panel(self.spec, self.terms, past, self.seed))
    }

    /// Spreads the opening stock anew, before the first period.
    ///
    /// # Errors
    /// [`TwinError::Setting`] where pieces of an item would appear or vanish, or are fewer than none.
    pub fn allot(&mut self, on_hand: &[i64]) -> Result<(), TwinError> {
        let index = &self.spec.index;
        let sum = |cells: std::ops::Range<usize>, of: &dyn Fn(usize) -> i64| cells.map(of).sum::<i64>();
        let kept = |(_, cells): &(_, std::ops::Range<usize>)| {
            sum(cells.clone(), &|cell| on_hand[cell]) == sum(cells.clone(), &|cell| self.stock.on_hand(cell))
        };
        let whole = on_hand.len() == self.books.len() && on_hand.iter().all(|&pieces| pieces >= 0);
        if !whole || !index.skus.iter().all(kept) || self.period != self.spec.span().start {
            let (field, found) = ("first allocation".to_owned(), "another number of pieces".to_owned());
            let expected =
                "for every cell 0 or more pieces, as many of every item as were bought, before the world begins";
            return Err(TwinError::Setting { field, found, expected });
        }
        self.stock = Stock::spread_anew(self.spec.cells(), on_hand, self.period);
        Ok(())
    }

    /// Returns what a discount multiplies an item's demand by for shoppers who remember none; nothing for an item that is not
    /// sold. Hidden from whoever acts: for explaining a world that is over.
    pub fn hidden_lift(&self, sku: &Sku, depth: Depth) -> Option<f64> {
        let item = self.spec.index.skus.binary_search_by(|(known, _)| known.cmp(sku)).ok()?;
        Some(self.shoppers.fresh_answer(item, depth.share(), 0.0))
    }

    /// Returns the period that is about to begin.
    pub fn period(&self) -> Period {
        self.period
    }

    /// Returns whether all periods have been run.
    pub fn is_over(&self) -> bool {
        self.period >= self.spec.span().end
    }

    /// Returns how complete the size runs are where shoppers come; nothing in a world without sizes.
    pub fn run_state(&self) -> Option<RunState> {
        let runs = self.spec.size_runs();
        let coverage_min = self.spec.terms().habits.core_coverage_min;
        let state = || runs.state(|cell| self.stock.on_hand(cell), |cell| self.sells[cell], coverage_min);
        runs.any().then(state)
    }

    /// Shows what a retailer sees before the period begins.
    pub fn observe(&self) -> Observation {
        let begun = self.period > self.spec.span().start;
        let week = self.spec.calendar() == Calendar::Week;
        let days = &self.spec.terms().habits.day_shares;
        let list_price = &self.spec.index.list_price;
        let seen = |(cell, books): (usize, &CellBooks)| CellSeen {
            on_hand: Pieces(self.stock.on_hand(cell)),
            on_order: Pieces(self.shipments.on_order(cell)),
            sold: Pieces(books.sold),
            paid: if begun { self.asked.paid[cell] } else { list_price[cell] },
            stocked_out: begun && books.closing == 0,
            on_sale: if books.wanted > books.sold { on_sale(books, week.then_some(days)) } else { 1.0 },
        };
        let mut observation = Observation {
            period: self.period,
            last: begun.then(|| self.period.plus(-1)),
            keys: self.spec.keys(),
            cells: self.books.iter().enumerate().map(seen).collect(),
            rival_prices: self.shoppers.rival_ratios().to_vec(),
            announced: self.shipments.announced(self.period),
        };
        for (shock, factor) in self.hits(Shock::feed_factor) {
            let cells = observation.cells.iter_mut().zip(self.spec.cells());
            for (seen, _) in cells.filter(|(_, cell)| shock.hits(cell)) {
                let tampered = |pieces: Pieces| Pieces((pieces.0 as f64 * factor).round() as i64);
                (seen.on_hand, seen.sold) = (tampered(seen.on_hand), tampered(seen.sold));
            }
        }
        observation
    }

    /// The shocks that are on in the period and have something of this kind.
    fn hits<T>(&self, of: fn(&Shock) -> Option<T>) -> impl Iterator<Item = (&'a Shock, T)> + use<'a, T> {
        let (spec, period) = (self.spec, self.period);
        let on = spec.terms().shocks.iter().filter(move |shock| shock.is_on(spec, period));
        on.filter_map(move |shock| of(shock).map(|found| (shock, found)))
    }

    /// Runs one period: transfers and orders of the evening before, arrivals, offers, shoppers, waste, books.
    ///
    /// # Errors
    /// [`TwinError`] when an action is refused; the world is then unchanged.
    pub fn step(&mut self, actions: &Actions) -> Result<(), TwinError> {
        if self.is_over() {
            return Err(TwinError::Over);
        }
        self.before.read(self.spec, self.period, actions)?;
        std::mem::swap(&mut self.asked, &mut self.before);
        self.move_stock();
        self.write_down_leftovers();
        self.place_orders();
        self.receive();
        self.shoppers.look(self.period, &self.asked.tags);
        self.take_off_the_shelf();
        self.sell();
        self.switch_items();
        self.score(&actions.expected);
        self.close_period();
        Ok(())
    }

    /// Opens the cells' books, takes in what was moved before, sends what is moved now.
    fn move_stock(&mut self) {
        for (cell, books) in self.books.iter_mut().enumerate() {
            *books = CellBooks { opening: self.stock.on_hand(cell), ..CellBooks::default() };
        }
        let time = self.spec.terms().logistics.transfer_periods as i32;
        for &(from, to, pieces) in &self.asked.transfers {
            for lot in self.stock.take(from, pieces, self.period) {
                self.books[from].moved -= lot.pieces;
                self.ledger.enter_moved(lot.pieces);
                self.under_way.push((self.period.plus(time), to, lot));
            }
        }
        let now = self.period;
        for (_, to, lot) in self.under_way.extract_if(.., |(due, _, _)| *due <= now) {
            self.books[to].moved += lot.pieces;
            self.books[to].waste += self.stock.put(to, lot, now);
        }
    }

    /// Counts what is left above normal cover where an offer has ended, when it is time to.
    fn write_down_leftovers(&mut self) {
        let Some(terms) = self.spec.terms().costs.write_down else { return };
        let now = self.period;
        let over = self.before.promoted.iter().map(|&cell| (now.plus(terms.after_periods as i32), cell as usize));
        self.over.extend(over);
        let means = self.spec.index.means_of(self.spec.slot_of(now));
        let tags = &self.asked.tags;
        self.over.retain(|(_, cell)| !tags[*cell].promoted);
        for (_, cell) in self.over.extract_if(.., |(due, _)| *due <= now) {
            let normal = (terms.cover_periods * means[cell]).round() as i64;
            let above = self.stock.on_hand(cell) - normal;
            self.ledger.enter_left_over(above.max(0), self.spec.index.unit_cost[cell]);
        }
    }

    fn place_orders(&mut self) {
        if self.asked.orders.is_empty() {
            return;
        }
        let ordered = self.period.plus(-1);
        let due = ordered.plus(self.spec.lead_time_periods() as i32);
        if self.terms.late_probability > 0.0 || self.terms.cut_probability > 0.0 {
            self.draws.fill(Stream::Delivery, ordered.0, &mut self.fates);
        } else {
            self.fates.fill(u64::MAX);
        }
        let cuts: Vec<_> = self.hits(Shock::missing_share).collect();
        let delays: Vec<_> = self.hits(Shock::delay).collect();
        for &(cell, pieces, expedited) in &self.asked.orders {
            let mut fate = self.fate(cell);
            for (shock, share) in &cuts {
                if shock.hits(&self.spec.cells()[cell]) {
                    fate.missing = 1.0 - (1.0 - fate.missing) * (1.0 - share);
                }
            }
            let late = delays.iter().filter(|(shock, _)| shock.hits(&self.spec.cells()[cell]));
            fate.late += late.map(|(_, periods)| periods).sum::<usize>();
            let mut comes = due;
            if let Some(terms) = self.spec.terms().logistics.expedite.filter(|_| expedited) {
                self.ledger.enter_expedited(pieces, self.spec.index.unit_cost[cell]);
                comes = ordered.plus(terms.lead_time_periods as i32);
            }
            self.shipments.announce(cell, pieces, comes, fate);
        }
    }

    /// Takes in what comes, as far as docks allow.
    fn receive(&mut self) {
        self.shipments.receive(self.period, &mut self.arrivals);
        for (dock, cells) in &self.docks {
            let due: i64 = cells.iter().map(|&cell| self.arrivals[cell]).sum();
            let held = || cells.iter().map(|&cell| self.stock.on_hand(cell)).sum::<i64>();
            let free = dock.stock_most.map_or(i64::MAX, |most| (most - held()).max(0));
            let room = dock.arrivals_most.unwrap_or(i64::MAX).min(free);
            if due > room {
                queue(cells, &mut self.arrivals, room as f64 / due as f64, room, |cell, pieces| {
                    self.shipments.defer(cell, pieces, self.period);
                });
            }
        }
        for (cell, (&arrivals, books)) in self.arrivals.iter().zip(&mut self.books).enumerate() {
            books.arrivals = arrivals;
            if arrivals > 0 {
                self.stock.receive(cell, arrivals, self.period);
            }
        }
    }

    /// Styles with too few of their core sizes leave the shelf.
    fn take_off_the_shelf(&mut self) {
        let habits = &self.spec.terms().habits;
        let runs = self.spec.size_runs();
        if !runs.any() || habits.back_room_share >= 1.0 {
            return;
        }
        let present = runs.present(|cell| self.stock.on_hand(cell));
        for (cell, &run) in runs.run_of.iter().enumerate() {
            if runs.coverage(run as usize, &present) < habits.core_coverage_min {
                self.shoppers.hide(cell, habits.back_room_share);
            }
        }
    }

    fn sell(&mut self) {
        for (cell, books) in self.books.iter_mut().enumerate() {
            books.wanted = self.shoppers.want(cell);
            books.sold = self.stock.sell(cell, books.wanted, self.period);
        }
    }

    /// Lets some of those who found a shelf empty take another item of its group at the place, where there is most.
    fn switch_items(&mut self) {
        let share = self.spec.terms().habits.switch_share;
        if share <= 0.0 {
            return;
        }
        let basket_of = &self.spec.index.basket_of;
        let mut unmet = vec![0; self.spec.index.baskets];
        let mut there = vec![0; self.spec.index.baskets];
        for (cell, books) in self.books.iter().enumerate() {
            unmet[basket_of[cell] as usize] += books.wanted - books.sold;
            there[basket_of[cell] as usize] += self.stock.on_hand(cell);
        }
        for (cell, books) in self.books.iter_mut().enumerate() {
            let basket = basket_of[cell] as usize;
            let on_hand = self.stock.on_hand(cell);
            if unmet[basket] == 0 || on_hand == 0 {
                continue;
            }
            let part = share * unmet[basket] as f64 * on_hand as f64 / there[basket] as f64;
            let taken = self.stock.sell(cell, part.round() as i64, self.period);
            books.wanted += taken;
            books.sold += taken;
            self.ledger.enter_switched(taken);
        }
    }

    /// Scores a policy's forecast for what it promotes.
    fn score(&mut self, expected: &[f64]) {
        if expected.is_empty() {
            return;
        }
        let mut cells = self.asked.promoted.clone();
        cells.sort_unstable();
        for item in cells.chunk_by(|&a, &b| self.spec.index.sku_of[a as usize] == self.spec.index.sku_of[b as usize]) {
            let mut error = 0.0;
            for &cell in item {
                let (expected, wanted) = (expected[cell as usize], self.books[cell as usize].wanted);
                self.ledger.enter_forecast(expected, wanted);
                error += expected - wanted as f64;
            }
            self.ledger.enter_item_forecast(error);
        }
    }

    /// Throws away what is too old, lets shoppers remember, enters the books.
    fn close_period(&mut self) {
        let index = &self.spec.index;
        let in_time = self.period.0 - self.spec.span().start.0 >= self.spec.lead_time_periods() as i32 - 1;
        for (cell, books) in self.books.iter_mut().enumerate() {
            let tag = self.asked.tags[cell];
            books.waste += self.stock.expire(cell, self.period);
            books.closing = self.stock.on_hand(cell);
            self.shoppers.remember(cell, books.sold as f64, tag);
            let (list_price, unit_cost) = (index.list_price[cell], index.unit_cost[cell]);
            let prices =
                CellPrices { list_price, paid: self.asked.paid[cell], unit_cost, promoted: tag.promoted, in_time };
            self.ledger.enter(books, prices);
        }
        self.shoppers.tell_rivals(&self.asked.tags);
        if let Some(state) = self.run_state() {
            self.ledger.enter_runs(state);
        }
        self.ledger.end_period(self.asked.offered.len() as i64);
        self.period = self.period.plus(1);
    }

    /// Iterates over the depth that was on the shelf of every cell in the last period.
    pub(crate) fn discounts(&self) -> impl Iterator<Item = f64> + '_ {
        self.asked.tags.iter().map(|tag| if tag.promoted { 1.0 - tag.ratio } else { 0.0 })
    }

    /// Returns what forecasts of promoted cells were off by so far, and the pieces wanted there.
    pub(crate) fn forecasts_off(&self) -> [f64; 2] {
        self.ledger.forecasts_off()
    }

    /// Returns the root mean square error of some elasticities, against those that give what a usual discount truly does.
    pub(crate) fn elasticity_error(&self, believed: &[(Sku, f64)]) -> Option<f64> {
        let depth = Depth::from_share(USUAL_DEPTH).expect("Invariant: a share below 1");
        let truth = |sku: &Sku| Some(self.hidden_lift(sku, depth)?.ln() / (1.0 - USUAL_DEPTH).ln());
        let errors = believed.iter().filter_map(|(sku, elasticity)| Some((elasticity - truth(sku)?).powi(2)));
        let squares: Vec<f64> = errors.collect();
        (!squares.is_empty()).then(|| (squares.iter().sum::<f64>() / squares.len() as f64).sqrt())
    }

    /// Returns what has come of it so far, under the name of the policy that acted.
    pub fn outcome(&self, policy: &str) -> Outcome {
        let cost = |cell: usize| i128::from(self.spec.index.unit_cost[cell]);
        let on_shelves = (0..self.books.len()).map(|cell| i128::from(self.stock.on_hand(cell)) * cost(cell));
        let moving = self.under_way.iter().map(|(_, to, lot)| i128::from(lot.pieces) * cost(*to));
        let left_cost = on_shelves.chain(moving).sum();
        let left = self.stock.total() + self.under_way.iter().map(|(_, _, lot)| lot.pieces).sum::<i64>();
        let rate = self.spec.terms().logistics.expedite.map_or(0.0, |terms| terms.cost_rate);
        let outcome = self.ledger.close(&self.spec.terms().costs, rate, (left, left_cost));
        Outcome { policy: policy.to_owned(), seed: self.seed, ..outcome }
    }
}

/// The furthest period that anything can come in, counted from the first.
fn furthest(spec: &WorldSpec) -> usize {
    let start = spec.span().start;
    let announced = spec.cells().iter().flat_map(|cell| &cell.pipeline).map(|(due, _)| due.0 - start.0);
    let announced = announced.max().unwrap_or(0).clamp(0, spec.span().len() as i32) as usize;
    let logistics = &spec.terms().logistics;
    let faster = logistics.expedite.map_or(0, |terms| terms.lead_time_periods);
    let delays = spec.terms().shocks.iter().filter_map(Shock::delay).sum::<usize>();
    announced.max(spec.lead_time_periods()).max(faster) + logistics.late_most + delays
}

/// The docks with a limit, and their cells.
fn docks(spec: &WorldSpec) -> Vec<(&Dock, Vec<usize>)> {
    let limited = |(number, place)| spec.terms().logistics.dock(place).map(|dock| (number, dock));
    let places = spec.index.places.iter().enumerate().filter_map(limited);
    places
        .map(|(number, dock)| {
            let at_place = |&cell: &usize| spec.index.place_of[cell] as usize == number;
            (dock, (0..spec.cells().len()).filter(at_place).collect())
        })
        .collect()
}

/// Lets `room` pieces in, every cell its share and the first cells what is left over; the others are handed to `defer`.
fn queue(cells: &[usize], arrivals: &mut [i64], share: f64, room: i64, mut defer: impl FnMut(usize, i64)) {
    let let_in = |pieces: i64| (pieces as f64 * share).floor() as i64;
    let mut spare = room - cells.iter().map(|&cell| let_in(arrivals[cell])).sum::<i64>();
    for &cell in cells {
        let sure = let_in(arrivals[cell]);
        let more = spare.min(arrivals[cell] - sure);
        spare -= more;
        let waits = arrivals[cell] - sure - more;
        arrivals[cell] -= waits;
        defer(cell, waits);
    }
}

/// Share of the period until the shelf ran empty: the expected moment of the last sale among all who came, in a week
/// by the shoppers' days.
fn on_sale(books: &CellBooks, days: Option<&[f64; 7]>) -> f32 {
    let come = books.sold as f64 / (books.wanted + 1) as f64;
    let Some(days) = days else { return come as f32 };
    let mut before = 0.0;
    for (day, share) in days.iter().enumerate() {
        if come < before + share {
            return ((day as f64 + (come - before) / share) / 7.0) as f32;
        }
        before += share;
    }
    1.0
}

#[cfg(test)]
#[path = "world_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "world_more_tests.rs"]
mod more_tests;
