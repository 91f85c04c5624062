//! What a lock costs: what the plan would earn without it.

use super::super::calendar::Desk;
use super::super::problem::{Column, Edit, Problem};
use super::bounds::Priced;
use super::regrets::Pricing;
use super::{Case, known};

/// Something that is fixed by hand in a unit and period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The unit.
    pub unit: usize,
    /// The period.
    pub period: usize,
    /// What could be chosen without the lock, beside what can be now.
    pub others: Vec<Column>,
}

/// The price of a lock.
#[derive(Clone, Debug, PartialEq)]
pub struct LockPrice {
    /// Number of the lock in the list asked for.
    pub lock: usize,
    /// What its unit would gain without it, were the prices to stay.
    pub price: f64,
    /// What the best plan without it earns; nothing when it was not looked for.
    pub objective: Option<i64>,
    /// No plan without it earns more; nothing when it was not looked for.
    pub bound: Option<i64>,
}

/// The prices of locks.
#[derive(Clone, Debug, PartialEq)]
pub struct LockPrices {
    /// Each lock by itself, dearest first.
    pub locks: Vec<LockPrice>,
    /// What the best plan without any of them earns.
    pub objective: i64,
    /// No plan without any of them earns more.
    pub bound: i64,
}

impl LockPrice {
    /// What the lock costs: the plan without it less the plan with it. Look at the bounds when it is small.
    pub fn cost(&self, with: i64) -> Option<i64> {
        self.objective.map(|without| without - with)
    }
}

impl Case<'_> {
    /// Returns every required period as a lock.
    pub fn required(&self) -> Vec<Lock> {
        let units = 0..self.problem.units();
        let of = |unit| self.problem.rules(unit).required.iter().map(move |&period| (unit, period));
        units.flat_map(of).map(|(unit, period)| Lock { unit, period, others: Vec::new() }).collect()
    }

    /// Prices locks: all of them together, and each by itself; plans are looked for without each of the `most` dearest.
    pub fn lock_prices(&self, locks: &[Lock], most: usize, progress: &(dyn Fn(usize, usize) + Sync)) -> LockPrices {
        self.within(|case| case.lock_prices_here(locks, most, progress))
    }

    fn lock_prices_here(&self, locks: &[Lock], most: usize, progress: &(dyn Fn(usize, usize) + Sync)) -> LockPrices {
        let priced = self.pricing().priced;
        let price = |lock: usize| LockPrice {
            lock,
            price: self.without(&locks[lock..=lock]).map_or(0.0, |free| self.gain(&free, locks[lock].unit, &priced)),
            objective: None,
            bound: None,
        };
        let mut prices: Vec<LockPrice> = (0..locks.len()).map(price).collect();
        prices.sort_by(|a, b| b.price.total_cmp(&a.price).then(a.lock.cmp(&b.lock)));
        let count = prices.len().min(most);
        let own = self.options();
        let mut best = (self.solution.objective, own.clone());
        for (done, price) in prices[..count].iter_mut().enumerate() {
            if self.stopped() {
                break;
            }
            let Some(free) = self.without(&locks[price.lock..=price.lock]) else { continue };
            if let Some((Some(found), bound)) = known(self.resolve(&free, &[&own])) {
                (price.objective, price.bound) = (Some(found.objective), Some(bound));
                if found.objective > best.0 {
                    best = (found.objective, super::options(&free, &found.choice));
                }
            }
            progress(done + 1, count + 1);
        }
        let all = self.without(locks).and_then(|free| known(self.resolve(&free, &[&own, &best.1])));
        let (objective, bound) = match all {
            Some((Some(found), bound)) => (found.objective, bound),
            _ => (best.0, i64::MAX),
        };
        progress(count + 1, count + 1);
        LockPrices { locks: prices, objective, bound }
    }

    /// The problem without locks; nothing when what would be free is no problem.
    fn without(&self, locks: &[Lock]) -> Option<Problem> {
        let mut edit: Edit = self.problem.edit();
        for lock in locks {
            edit.require(lock.unit, lock.period, false);
            for column in &lock.others {
                edit.add(lock.unit, lock.period, column.clone());
            }
        }
        edit.build().ok()
    }

    /// What a unit gains in another problem at the same prices.
    fn gain(&self, free: &Problem, unit: usize, priced: &Priced) -> f64 {
        let mut desk = Desk::default();
        let [with, without] = [self.problem, free]
            .map(|problem| Pricing::at(problem, priced.clone()).best(unit, &mut desk).map_or(0.0, |worth| worth.value));
        without - with
    }
}
