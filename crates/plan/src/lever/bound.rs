//! A bound on what any plan of a part of the grid can be worth.
//!
//! Stock is all that ties the months of a group together. At a price per piece of stock, which every sale pays and the
//! whole stock earns back, the months come apart; inside a month the groups share only spend, promotion and total
//! discount. For a given total discount the traffic is one number that multiplies every group, so a month is solved
//! exactly by a knapsack over the sum of its weighted markdowns. The sum over months is a bound at any prices; the
//! prices with the least are found by generating the months' best plans as columns of a small linear program.
//!
//! Never below what some plan in the part is worth, whatever the prices.
//!
//! Source: Geoffrion (1974) for the relaxation; Dantzig and Wolfe (1960) for the columns; Wentges (1997) for pricing
//! between the best prices and the newest.

use super::Grid;
use super::domain::{Domain, bits};
use super::goal::Worth;
use super::master::{Column, Limit, mix};

/// A part of the grid: values left to each lever, and the month in which each group runs out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Values left to the levers.
    pub domain: Domain,
    /// First and last month in which the stock of a group may fall short of its demand; the number of months stands for
    /// never.
    pub runs_out: Vec<(usize, usize)>,
}

/// A bound with what it was made of.
#[derive(Clone, Debug)]
pub(super) struct Bounded {
    /// No plan of the part is worth more; minus infinity where the part is empty.
    pub value: f64,
    /// Price of a piece of each group's stock; last, of a piece that must be sold.
    pub prices: Vec<f64>,
    /// The plans of months that the bound mixes, with their shares: all that a part of this part needs to begin.
    pub months: Vec<(MonthPlan, f64)>,
}

/// A plan of one month, and which groups sell in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MonthPlan {
    pub month: usize,
    pub spend: u8,
    pub promotion: u8,
    pub markdowns: Vec<u8>,
    /// A group that does not sell holds its stock back, or has none.
    pub sells: Vec<bool>,
}

/// How a group sells in a month of the part, whatever the levers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Selling {
    /// All that is asked for.
    All,
    /// At most what is asked for.
    Some,
    /// Nothing: it has run out.
    None,
}

/// Works out bounds of parts of one grid.
pub(super) struct Bounder<'a> {
    grid: &'a Grid,
    worth: &'a Worth,
    /// The most that a piece of each group can be worth.
    dearest: Vec<f64>,
    best: Vec<f64>,
    choice: Vec<u8>,
}

/// Share of the best prices in those that are tried next.
const SMOOTHING: f64 = 0.5;

impl<'a> Bounder<'a> {
    pub fn new(grid: &'a Grid, worth: &'a Worth) -> Self {
        let steps = grid.steps();
        let dearest = (0..grid.groups()).map(|group| {
            let promotions = 0..grid.scenario().promotions.len();
            let earned = promotions.flat_map(|promotion| worth.earned(grid, promotion, group));
            earned.fold(0.0_f64, |most, earned| most.max(*earned)) + worth.piece[group]
        });
        let dearest = dearest.collect();
        Self { grid, worth, dearest, best: vec![0.0; 2 * steps], choice: vec![0; grid.groups() * steps] }
    }

    /// Looks for the least bound in so many rounds, or until it falls to `target`. `start` are plans of months to begin
    /// with, of the part or not.
    pub fn bound(
        &mut self,
        part: &Part,
        start: &[(MonthPlan, f64)],
        prices: &[f64],
        target: f64,
        rounds: usize,
    ) -> Bounded {
        let mut bounded = Bounded { value: f64::NEG_INFINITY, prices: prices.to_vec(), months: vec![] };
        let Some(selling) = self.selling(part) else { return bounded };
        bounded.value = f64::INFINITY;
        let limits = self.limits(part);
        for (price, limit) in bounded.prices.iter_mut().zip(&limits) {
            *price = price.clamp(limit.price.0, limit.price.1);
        }
        let fits = |plan: &&MonthPlan| self.fits(plan, part, &selling);
        let mut plans: Vec<MonthPlan> = start.iter().map(|(plan, _)| plan).filter(fits).cloned().collect();
        let mut columns: Vec<Column> = plans.iter().map(|plan| self.column(plan)).collect();
        let mut tried = bounded.prices.clone();
        let mut shares = vec![];
        let mut smoothing = SMOOTHING;
        for _ in 0..rounds {
            let (value, found) = self.sweep(part, &selling, &tried, &limits);
            if value < bounded.value {
                (bounded.value, bounded.prices) = (value, tried.clone());
            }
            let known = plans.len();
            for plan in found {
                if !plans.contains(&plan) {
                    columns.push(self.column(&plan));
                    plans.push(plan);
                }
            }
            let mix = mix(self.grid.months(), &columns, &limits);
            shares = mix.shares;
            let left = bounded.value - self.constant() - mix.value;
            if bounded.value <= target || left <= 1e-9 * (1.0 + bounded.value.abs()) {
                break;
            }
            smoothing = match plans.len() > known {
                true => SMOOTHING,
                false if smoothing > 0.0 => 0.0,
                false => break,
            };
            for ((tried, best), newest) in tried.iter_mut().zip(&bounded.prices).zip(&mix.prices) {
                *tried = smoothing * best + (1.0 - smoothing) * newest;
            }
        }
        bounded.months = plans.into_iter().zip(shares).filter(|(_, share)| *share > 0.0).collect();
        bounded
    }

    /// What is lost if nothing is sold.
    fn constant(&self) -> f64 {
        let unsold = self.grid.stocks().iter().zip(&self.worth.piece).map(|(stock, piece)| stock * piece);
        -unsold.sum::<f64>()
    }

    /// Stock by group, and last what must be sold: a price lies between 0 and the most that a piece can be worth; the
    /// stock of a group that is known to run out may also have to be got rid of.
    fn limits(&self, part: &Part) -> Vec<Limit> {
        let dearest = self.dearest.iter().fold(1.0_f64, |most, worth| most.max(*worth));
        let bonus = if self.worth.pieces_min > 0.0 { 20.0 * dearest } else { 0.0 };
        let stocks = self.grid.stocks().iter().zip(&self.dearest).zip(&part.runs_out);
        let stocks = stocks.map(|((stock, most), (_, last))| {
            let least = if *last < self.grid.months() { -20.0 * dearest } else { 0.0 };
            Limit { amount: *stock, price: (least, most + bonus) }
        });
        let sales = Limit { amount: -self.worth.pieces_min, price: (0.0, bonus) };
        stocks.chain([sales]).collect()
    }

    /// Whether a plan of a month is one of the part.
    fn fits(&self, plan: &MonthPlan, part: &Part, selling: &[Selling]) -> bool {
        let (month, groups) = (plan.month, self.grid.groups());
        let has = |set: u32, value: u8| set >> value & 1 == 1;
        has(part.domain.spends[month], plan.spend)
            && has(part.domain.promotions[month], plan.promotion)
            && (0..groups).all(|group| {
                let cell = month * groups + group;
                let sells = match selling[cell] {
                    Selling::All => plan.sells[group],
                    Selling::Some => true,
                    Selling::None => !plan.sells[group],
                };
                sells && has(part.domain.markdowns[cell], plan.markdowns[group])
            })
    }

    /// Pieces that each group is asked for in a plan of a month.
    pub fn asked(&self, plan: &MonthPlan) -> Vec<f64> {
        let traffic = self.grid.traffic(plan.month, plan.spend.into(), plan.promotion.into());
        let traffic = traffic[self.grid.step(&plan.markdowns)];
        let levels = plan.markdowns.iter().enumerate();
        levels.map(|(group, level)| traffic * self.grid.sensitivity(plan.month, group)[usize::from(*level)]).collect()
    }

    fn column(&self, plan: &MonthPlan) -> Column {
        let mut uses = self.asked(plan);
        let mut value = -self.worth.margin * self.grid.spend_cost(plan.spend.into());
        for (group, sells) in plan.sells.iter().enumerate() {
            uses[group] *= f64::from(u8::from(*sells));
            value += uses[group] * self.earned(plan.promotion.into(), group, plan.markdowns[group].into());
        }
        uses.push(-uses.iter().sum::<f64>());
        Column { block: plan.month, value, uses }
    }

    /// What a piece of the group is worth at a markdown.
    fn earned(&self, promotion: usize, group: usize, level: usize) -> f64 {
        self.worth.earned(self.grid, promotion, group)[level] + self.worth.piece[group]
    }

    /// What is known of each group's sales by month; nothing where no plan of the part can be.
    fn selling(&self, part: &Part) -> Option<Vec<Selling>> {
        let (groups, months) = (self.grid.groups(), self.grid.months());
        let mut selling = vec![Selling::Some; groups * months];
        let (mut least, mut most) = (vec![0.0; groups], vec![0.0; groups]);
        for month in 0..months {
            let (low, high) = self.traffic_range(part, month);
            for group in 0..groups {
                let sensitivity = self.grid.sensitivity(month, group);
                let open = || bits(part.domain.markdowns[month * groups + group]).map(|level| sensitivity[level]);
                let stock = self.grid.stocks()[group];
                let (first, last) = part.runs_out[group];
                let room = 1e-9 * (1.0 + stock);
                if least[group] > stock + room {
                    if first >= month {
                        return None;
                    }
                    selling[month * groups + group] = Selling::None;
                }
                least[group] += low * open().fold(f64::INFINITY, f64::min);
                most[group] += high * open().fold(0.0, f64::max);
                if month > last {
                    selling[month * groups + group] = Selling::None;
                } else if month < first || most[group] <= stock - room {
                    selling[month * groups + group] = Selling::All;
                }
                if (month < first && least[group] > stock + room) || (month == last && most[group] < stock - room) {
                    return None;
                }
            }
        }
        Some(selling)
    }

    fn traffic_range(&self, part: &Part, month: usize) -> (f64, f64) {
        let groups = self.grid.groups();
        let sets = &part.domain.markdowns[month * groups..][..groups];
        let weighted = |level: &dyn Fn(u32) -> u32| -> usize {
            sets.iter().zip(self.grid.weights()).map(|(set, weight)| level(*set) as usize * weight).sum()
        };
        let (first, last) = (weighted(&|set| set.trailing_zeros()), weighted(&|set| 31 - set.leading_zeros()));
        let mut range = (f64::INFINITY, 0.0_f64);
        for spend in bits(part.domain.spends[month]) {
            for promotion in bits(part.domain.promotions[month]) {
                let traffic = self.grid.traffic(month, spend, promotion);
                for pieces in &traffic[first..=last] {
                    range = (range.0.min(*pieces), range.1.max(*pieces));
                }
            }
        }
        range
    }

    /// Solves every month at the prices: their bound and the months' best plans.
    fn sweep(&mut self, part: &Part, selling: &[Selling], prices: &[f64], limits: &[Limit]) -> (f64, Vec<MonthPlan>) {
        let paid: f64 = limits.iter().zip(prices).map(|(limit, price)| limit.amount * price).sum();
        let mut value = self.constant() + paid;
        let mut plans = Vec::with_capacity(self.grid.months());
        for month in 0..self.grid.months() {
            let selling = &selling[month * self.grid.groups()..][..self.grid.groups()];
            let (worth, plan) = self.solve_month(part, month, selling, prices);
            value += worth;
            plans.push(plan);
        }
        (value, plans)
    }

    /// The best spend, promotion and markdowns of a month.
    fn solve_month(&mut self, part: &Part, month: usize, selling: &[Selling], prices: &[f64]) -> (f64, MonthPlan) {
        let mut best = f64::NEG_INFINITY;
        let mut plan = MonthPlan { month, spend: 0, promotion: 0, markdowns: vec![0; selling.len()], sells: vec![] };
        for promotion in bits(part.domain.promotions[month]) {
            let reach = self.fill(part, month, promotion, selling, prices);
            let mut found = None;
            for spend in bits(part.domain.spends[month]) {
                let cost = self.worth.margin * self.grid.spend_cost(spend);
                let traffic = &self.grid.traffic(month, spend, promotion)[..reach];
                for (step, (traffic, most)) in traffic.iter().zip(&self.best).enumerate() {
                    let value = traffic * most - cost;
                    if value > best {
                        best = value;
                        found = Some((spend, step));
                    }
                }
            }
            if let Some((spend, step)) = found {
                (plan.spend, plan.promotion) = (spend as u8, promotion as u8);
                self.trace(step, &mut plan.markdowns);
            }
        }
        let sells = |(group, level): (usize, &u8)| match selling[group] {
            Selling::All => true,
            Selling::Some => self.net(plan.promotion.into(), group, (*level).into(), prices) > 0.0,
            Selling::None => false,
        };
        plan.sells = plan.markdowns.iter().enumerate().map(sells).collect();
        (best, plan)
    }

    /// What a piece of the group is worth at a markdown, after its stock is paid for.
    fn net(&self, promotion: usize, group: usize, level: usize, prices: &[f64]) -> f64 {
        self.earned(promotion, group, level) - prices[group] + prices[self.grid.groups()]
    }

    /// For every total discount the most that the groups are worth together per piece of traffic; returns how many
    /// total discounts there are.
    fn fill(&mut self, part: &Part, month: usize, promotion: usize, selling: &[Selling], prices: &[f64]) -> usize {
        let steps = self.grid.steps();
        let mut reach = 1;
        self.best[0] = 0.0;
        for (group, selling) in selling.iter().enumerate() {
            let weight = self.grid.weights()[group];
            let open = part.domain.markdowns[month * self.grid.groups() + group];
            let width = reach + weight * (31 - open.leading_zeros()) as usize;
            self.best[steps..steps + width].fill(f64::NEG_INFINITY);
            for level in bits(open) {
                let net = match selling {
                    Selling::All => self.net(promotion, group, level, prices),
                    Selling::Some => self.net(promotion, group, level, prices).max(0.0),
                    Selling::None => 0.0,
                };
                let gain = net * self.grid.sensitivity(month, group)[level];
                let shift = level * weight;
                let (before, after) = self.best.split_at_mut(steps);
                let choice = &mut self.choice[group * steps..][shift..];
                for ((value, most), choice) in before[..reach].iter().zip(&mut after[shift..]).zip(choice) {
                    if value + gain > *most {
                        *most = value + gain;
                        *choice = level as u8;
                    }
                }
            }
            self.best.copy_within(steps..steps + width, 0);
            reach = width;
        }
        reach
    }

    fn trace(&self, mut step: usize, levels: &mut [u8]) {
        for group in (0..levels.len()).rev() {
            levels[group] = self.choice[group * self.grid.steps() + step];
            step -= usize::from(levels[group]) * self.grid.weights()[group];
        }
    }
}
