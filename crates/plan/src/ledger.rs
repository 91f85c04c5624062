//! The limits that offers share, and what each offer uses of them.
//!
//! Budget over the horizon; slots and capacity by region and period; the scenario's pools; the vendors' funds; the least
//! sell-through; surplus to clear; and for an item with markdowns one discount at a time and its stock. Markdowns take no slots.

use crate::calendar::periods_of;
use crate::choices::{Choice, Choices};
use crate::solve::{Builder, Limit, Settings, Solve, Unit, solve};
use crate::terms::{PlanError, PlanInput};
use crate::which::{Tags, fits_kind};
use endcap_model::{Clearance, Counts, Explanation, Goal, OfferKind, Pool, Which};
use std::collections::BTreeMap;
use std::ops::Range;

/// Where each limit is among all.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    pub limits: Vec<Limit>,
    periods: usize,
    budget: usize,
    slots: usize,
    capacity: Vec<Option<usize>>,
    pools: Vec<Purse>,
    /// First of the limits on discounts at a time, by line.
    one_discount: BTreeMap<usize, usize>,
    /// Stock that several units share, by line.
    stock: BTreeMap<usize, usize>,
    sell_through: Option<usize>,
    /// Surplus to clear, by line.
    surplus: BTreeMap<usize, usize>,
}

/// A pool with its members.
#[derive(Clone, Debug)]
struct Purse {
    first: usize,
    counts: Counts,
    periods: Range<usize>,
    by_period: usize,
    by_region: usize,
    /// By list.
    members: Vec<bool>,
}

impl Purse {
    fn at(&self, region: usize, period: usize) -> usize {
        self.first + region * self.by_region + (period - self.periods.start) * self.by_period
    }
}

impl Ledger {
    /// Opens every limit, less what published offers used.
    ///
    /// # Errors
    /// [`PlanError`] for a rule that speaks of nothing, or periods that cannot be read.
    pub fn new(choices: &Choices, goal: &Goal, published: &[Explanation]) -> Result<Self, PlanError> {
        let input = choices.input();
        let mut ledger = Self {
            limits: Vec::new(),
            periods: input.span.len(),
            budget: 0,
            slots: 0,
            capacity: Vec::new(),
            pools: Vec::new(),
            one_discount: BTreeMap::new(),
            stock: BTreeMap::new(),
            sell_through: None,
            surplus: BTreeMap::new(),
        };
        ledger.open(choices, published);
        let vendors = input.scenario.items.vendor_funding.iter().filter_map(|(vendor, funding)| {
            let items = Which { vendors: vec![vendor.clone()], ..Which::default() };
            let name = format!("funds of {vendor}");
            let most = Some(funding.most?);
            let counts = Counts::Funding;
            Some(Pool { name, items, counts, most, least: 0.0, per_period: false, per_region: false, within: None })
        });
        for pool in vendors.chain(input.scenario.limits.pools.iter().cloned()) {
            ledger.pool(choices, &pool, published)?;
        }
        ledger.marked_down(choices);
        ledger.sell_through(choices, goal)?;
        for clearance in &input.scenario.limits.clear {
            ledger.clear(choices, clearance)?;
        }
        Ok(ledger)
    }

    fn limit(&mut self, name: String, least: i64, capacity: i64) -> usize {
        let capacity = capacity.max(0);
        let name = if least > 0 { format!("{name}, at least {least}") } else { name };
        self.limits.push(Limit { name, least: least.clamp(0, capacity), capacity });
        self.limits.len() - 1
    }

    fn open(&mut self, choices: &Choices, published: &[Explanation]) {
        let input = choices.input();
        let terms = &input.scenario.limits;
        let names: Vec<String> = input.span.iter().map(|period| input.calendar.format(period)).collect();
        let used: i64 = published.iter().map(|e| e.budget_use).sum();
        self.budget = self.limit("budget".to_owned(), 0, input.scenario.money(terms.budget).minor - used);
        self.slots = self.limits.len();
        for region in &choices.regions {
            for name in &names {
                self.limit(format!("slots {name} {region}"), 0, terms.slots as i64);
            }
        }
        for region in &choices.regions {
            let first = self.limits.len();
            let finite = terms.capacity_share.is_finite();
            if finite {
                let pieces = (terms.capacity_share * choices.shop.mean_baseline(region)).floor() as i64;
                names.iter().for_each(|name| {
                    self.limit(format!("capacity {name} {region}"), 0, pieces);
                });
            }
            self.capacity.push(finite.then_some(first));
        }
    }

    fn pool(&mut self, choices: &Choices, pool: &Pool, published: &[Explanation]) -> Result<(), PlanError> {
        let input = choices.input();
        let lists = choices.lists.iter().enumerate();
        let members: Vec<bool> = lists
            .map(|(at, list)| choices.line(at).tags.fit(&pool.items) && fits_kind(&pool.items, list.kind))
            .collect();
        if !members.contains(&true) {
            return Err(PlanError::IdleRule { rule: format!("pool '{}'", pool.name) });
        }
        let periods = match &pool.within {
            Some(stretch) => periods_of(input, stretch)?,
            None => 0..self.periods,
        };
        let by_period = usize::from(pool.per_period);
        let span = if pool.per_period { periods.len() } else { 1 };
        let by_region = if pool.per_region { span } else { 0 };
        let purse = Purse { first: self.limits.len(), counts: pool.counts, periods, by_period, by_region, members };
        let all = whole(input, pool, most_used(choices, &purse));
        let regions: Vec<Option<usize>> =
            if pool.per_region { (0..choices.regions.len()).map(Some).collect() } else { vec![None] };
        for region in regions {
            for step in 0..span {
                let mut name = pool.name.clone();
                if pool.per_period {
                    let period = input.span.start.plus((purse.periods.start + step) as i32);
                    name = format!("{name} {}", input.calendar.format(period));
                }
                if let Some(region) = region {
                    name = format!("{name} {}", choices.regions[region]);
                }
                let used = if pool.per_period { 0 } else { used_before(choices, pool, region, published) };
                self.limit(name, all.0 - used, all.1 - used);
            }
        }
        self.pools.push(purse);
        Ok(())
    }

    /// One discount at a time, and one stock, for items that can be promoted and marked down or that run with others.
    fn marked_down(&mut self, choices: &Choices) {
        let input = choices.input();
        let mut shared: BTreeMap<usize, bool> = BTreeMap::new();
        for unit in &choices.units {
            for &list in unit.iter().filter(|&&list| choices.line(list).run_out.is_some()) {
                let marked = choices.lists[list].kind == OfferKind::Markdown;
                if marked || unit.len() > 1 {
                    *shared.entry(choices.lists[list].line).or_default() |= marked;
                }
            }
        }
        for (line, marked) in shared {
            let of = &choices.shop.lines[line];
            let there = of.excess(self.periods).last().copied().unwrap_or(0.0).floor() as i64;
            let stock = self.limit(format!("stock {} {}", of.sku, of.region), 0, there);
            self.stock.insert(line, stock);
            if marked {
                self.one_discount.insert(line, self.limits.len());
                for period in input.span.iter() {
                    let period = input.calendar.format(period);
                    self.limit(format!("one discount {period} {} {}", of.sku, of.region), 0, 1);
                }
            }
        }
    }

    fn sell_through(&mut self, choices: &Choices, goal: &Goal) -> Result<(), PlanError> {
        let Some(share) = goal.sell_through_min else { return Ok(()) };
        let stock = LastStock::of(choices);
        if stock.pieces <= 0.0 {
            return Err(PlanError::NothingRunsOut);
        }
        let missing = (share * stock.pieces - stock.sold).ceil() as i64;
        if missing > 0 {
            let all = stock.pieces.ceil() as i64;
            self.sell_through = Some(self.limit("sell-through".to_owned(), missing, all.max(missing)));
        }
        Ok(())
    }

    /// The surplus of each item and region, as far as offers can clear it at all.
    fn clear(&mut self, choices: &Choices, clearance: &Clearance) -> Result<(), PlanError> {
        let lines = choices.shop.lines.iter().enumerate();
        let mut fitting = lines.filter(|(_, line)| line.tags.fit(&clearance.items)).peekable();
        if fitting.peek().is_none() {
            return Err(PlanError::IdleRule { rule: format!("clear '{}'", clearance.name) });
        }
        for (at, line) in fitting {
            let surplus = line.surplus(clearance.cover_periods).floor() as i64;
            if surplus > 0 && !self.surplus.contains_key(&at) {
                let reachable = most_cleared(choices, at)?;
                let name = format!("{}: {surplus} of {} in {}", clearance.name, line.sku, line.region);
                let most = most_extra(choices, at).max(1);
                self.surplus.insert(at, self.limits.len());
                self.limit(name, surplus.min(reachable), most);
            }
        }
        Ok(())
    }

    /// Limits that an offer uses, with its use.
    pub fn uses(&self, choices: &Choices, list: usize, choice: &Choice) -> Vec<(usize, i64)> {
        let (of, region, period) = (&choices.lists[list], choices.region(list), choice.period);
        let mut uses = vec![(self.budget, choice.worth.budget)];
        if of.kind == OfferKind::Promotion {
            uses.push((self.slot(region, period), 1));
        }
        uses.extend(self.capacity[region].map(|first| (first + period, choice.worth.extra)));
        for pool in self.pools.iter().filter(|pool| pool.members[list] && pool.periods.contains(&period)) {
            uses.push((pool.at(region, period), counted(pool.counts, choice, choices.line(list).item.unit_cost)));
        }
        uses.extend(self.one_discount.get(&of.line).map(|first| (first + period, 1)));
        uses.extend(self.stock.get(&of.line).map(|&limit| (limit, choice.worth.stock)));
        uses.extend(self.sell_through.map(|limit| (limit, choice.worth.outcomes.cleared)));
        uses.extend(self.surplus.get(&of.line).map(|&limit| (limit, choice.worth.own_extra)));
        uses
    }

    /// Number of the limit on slots.
    pub fn slot(&self, region: usize, period: usize) -> usize {
        self.slots + region * self.periods + period
    }
}

/// Stock of items that are not ordered again, and what of it sells without offers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastStock {
    pub pieces: f64,
    pub sold: f64,
}

impl LastStock {
    pub fn of(choices: &Choices) -> Self {
        let mut all = Self::default();
        for cell in choices.shop.lines.iter().filter(|line| line.run_out.is_some()).flat_map(|line| &line.stores) {
            let there = cell.supplied.last().copied().unwrap_or(0.0);
            all.pieces += there;
            all.sold += there.min(cell.baseline.iter().sum());
        }
        all
    }
}

fn counted(counts: Counts, choice: &Choice, unit_cost: i64) -> i64 {
    match counts {
        Counts::Spend => choice.worth.budget,
        Counts::Funding => choice.worth.pnl.vendor_funding,
        Counts::Offers => 1,
        Counts::Pieces => choice.worth.promoted_units.ceil() as i64,
        Counts::ExtraPieces => choice.worth.extra,
        Counts::OrderCost => choice.worth.extra * unit_cost,
    }
}

/// The most of its own stock that one line's offers can sell under its calendar rules alone.
fn most_cleared(choices: &Choices, line: usize) -> Result<i64, PlanError> {
    let mut most = 0;
    for list in choices.lists.iter().filter(|list| list.line == line) {
        let mut builder = Builder::new(choices.input().span.len());
        builder.unit(Unit { rules: list.rules.clone(), stock: list.stock.clone() });
        for period in 0..choices.input().span.len() {
            for (option, choice) in list.at(period).iter().enumerate().filter(|(_, choice)| choice.forbidden.is_none())
            {
                let taken = if list.stock.is_some() { choice.worth.stock } else { 0 };
                builder.column(period, option as u32, choice.worth.own_extra, taken, &[]);
            }
        }
        let exact = Settings { gap: 0.0, ..Settings::default() };
        if let Solve::Solved(best) = solve(&builder.build()?, &exact, &|| false) {
            most = most.max(best.objective);
        }
    }
    Ok(most)
}

/// What all offers of a line together come to.
fn most_extra(choices: &Choices, line: usize) -> i64 {
    let lists = choices.lists.iter().filter(|list| list.line == line);
    lists.flat_map(|list| &list.choices).map(|choice| choice.worth.own_extra).sum()
}

/// Least and most of a pool in whole units of what it counts; where nothing is the most, what offers can come to.
fn whole(input: &PlanInput, pool: &Pool, possible: i64) -> (i64, i64) {
    let whole = |amount: f64| match pool.counts {
        Counts::Spend | Counts::Funding | Counts::OrderCost => input.scenario.money(amount).minor,
        Counts::Offers | Counts::Pieces | Counts::ExtraPieces => amount.floor() as i64,
    };
    let least = whole(pool.least);
    (least, pool.most.map_or(possible.max(least), whole))
}

fn most_used(choices: &Choices, purse: &Purse) -> i64 {
    let lists = (0..choices.lists.len()).filter(|&list| purse.members[list]);
    let most = |list: usize, period| {
        let cost = choices.line(list).item.unit_cost;
        choices.lists[list].at(period).iter().map(|choice| counted(purse.counts, choice, cost)).max().unwrap_or(0)
    };
    lists.map(|list| purse.periods.clone().map(|period| most(list, period)).sum::<i64>()).sum()
}

/// What published offers used of a pool.
fn used_before(choices: &Choices, pool: &Pool, region: Option<usize>, published: &[Explanation]) -> i64 {
    let input = choices.input();
    let inside = |e: &&Explanation| {
        let Some(item) = input.items.get(&e.offer.sku) else { return false };
        region.is_none_or(|region| choices.regions[region] == e.offer.place)
            && Tags::of(input, item, &e.offer.place).fit(&pool.items)
            && fits_kind(&pool.items, e.kind)
            && pool.within.as_ref().is_none_or(|stretch| covers(input, stretch, e))
    };
    let extra = |e: &Explanation| (e.promoted_units - e.baseline_units).max(0.0).ceil() as i64;
    let counted = |e: &Explanation| match pool.counts {
        Counts::Spend => e.budget_use,
        Counts::Funding => e.pnl.vendor_funding,
        Counts::Offers => e.offer.span.len() as i64,
        Counts::Pieces => e.promoted_units.ceil() as i64,
        Counts::ExtraPieces => extra(e),
        Counts::OrderCost => extra(e) * input.items.get(&e.offer.sku).map_or(0, |item| item.unit_cost),
    };
    published.iter().filter(inside).map(counted).sum()
}

fn covers(input: &PlanInput, stretch: &endcap_model::Stretch, e: &Explanation) -> bool {
    let at = |text: &str| input.calendar.parse(text).ok();
    let (from, to) = (at(&stretch.from), at(&stretch.to));
    from.is_some_and(|from| from <= e.offer.span.start) && to.is_some_and(|to| e.offer.span.start <= to)
}
