//! Reference policies under the same limits: what a planner does by habit, and the greedy of the promotional-planning
//! page (sort by margin per budget money, insert unless it breaks one depth per item and period, slots or budget).
//!
//! They keep every most, every calendar rule and every stock, but nothing makes them reach a least use.

use crate::calendar::keeps;
use crate::choices::{Choices, LineChoices, Picked};
use crate::columns::{Candidate, candidate, candidates};
use crate::ledger::Ledger;
use crate::score::Scorer;
use crate::solve::Rules;
use crate::terms::{PlanError, PlanInput};
use endcap_model::{Mechanic, Offer, OfferKind, Span, Support};

/// Uniform rotation: in each period and region the next items in turn, as many as there are slots, each at the
/// shallowest depth that fits the limits. Locked offers run first.
///
/// # Errors
/// [`PlanError`] as for [`crate::propose`].
pub fn rotation(input: &PlanInput) -> Result<Vec<Offer>, PlanError> {
    let choices = Choices::new(input)?;
    let goal = &input.scenario.goal;
    let ledger = Ledger::new(&choices, goal, &[])?;
    Ok(offers(&choices, &rotate(&choices, &ledger, &Scorer::new(input.scenario, goal))))
}

/// Greedy by value per budget money with the page's checks and the other limits. Locked offers run first.
///
/// # Errors
/// [`PlanError`] as for [`crate::propose`].
pub fn greedy(input: &PlanInput) -> Result<Vec<Offer>, PlanError> {
    let choices = Choices::new(input)?;
    let goal = &input.scenario.goal;
    let ledger = Ledger::new(&choices, goal, &[])?;
    Ok(offers(&choices, &greedy_picks(&choices, &ledger, &Scorer::new(input.scenario, goal))))
}

/// What is left of the limits while offers are put in one by one.
struct Room<'a> {
    choices: &'a Choices<'a>,
    ledger: &'a Ledger,
    scorer: &'a Scorer,
    left: Vec<i64>,
    units: Vec<Running>,
    picks: Vec<Picked>,
}

/// When a unit may run, and when it runs.
struct Running {
    rules: Rules,
    on: Vec<usize>,
    /// Stock taken, by period.
    taken: Vec<(usize, i64)>,
}

impl<'a> Room<'a> {
    /// Begins with the locked offers, as far as they fit.
    fn new(choices: &'a Choices<'a>, ledger: &'a Ledger, scorer: &'a Scorer) -> Self {
        let left = ledger.limits.iter().map(|limit| limit.capacity).collect();
        let running = |unit| Running { rules: choices.rules(unit), on: Vec::new(), taken: Vec::new() };
        let units = (0..choices.units.len()).map(running).collect();
        let mut room = Self { choices, ledger, scorer, left, units, picks: Vec::new() };
        for unit in 0..room.units.len() {
            for period in room.units[unit].rules.required.clone() {
                room.first_that_fits(unit, period);
            }
        }
        room
    }

    fn periods(&self) -> usize {
        self.choices.input().span.len()
    }

    fn first_list(&self, unit: usize) -> &'a LineChoices {
        &self.choices.lists[self.choices.units[unit][0]]
    }

    /// The candidates of one promotion from a period on: as long as the shortest run, at one depth; none where one of
    /// them is forbidden.
    fn run(&self, unit: usize, from: usize, option: usize) -> Vec<Candidate> {
        let list = self.first_list(unit);
        let Some(like) = list.at(from).get(option) else { return Vec::new() };
        let to = (from + self.units[unit].rules.run).min(self.periods());
        let found = (from..to).map(|period| {
            let option = list.find(period, like)? - list.range(period).start;
            candidate(self.choices, self.ledger, self.scorer, (unit, period, option))
        });
        found.collect::<Option<Vec<_>>>().unwrap_or_default()
    }

    /// Puts in the first option of a unit and period that fits; options go from shallow to deep.
    fn first_that_fits(&mut self, unit: usize, period: usize) -> bool {
        (0..self.first_list(unit).at(period).len()).any(|option| self.insert(unit, period, option))
    }

    /// Puts a promotion in unless a rule forbids it.
    fn insert(&mut self, unit: usize, from: usize, option: usize) -> bool {
        let run = self.run(unit, from, option);
        let mut on = self.units[unit].on.clone();
        on.extend(run.iter().map(|candidate| candidate.period));
        on.sort_unstable();
        let twice = on.windows(2).any(|two| two[0] == two[1]);
        let lasts = self.stock_lasts(unit, &run);
        if run.is_empty() || twice || !lasts || !keeps(&self.units[unit].rules, &on, self.periods()) {
            return false;
        }
        run.iter().flat_map(|c| &c.uses).for_each(|&(limit, amount)| self.left[limit] -= amount);
        if run.iter().flat_map(|c| &c.uses).any(|&(limit, _)| self.left[limit] < 0) {
            run.iter().flat_map(|c| &c.uses).for_each(|&(limit, amount)| self.left[limit] += amount);
            return false;
        }
        self.units[unit].on = on;
        self.units[unit].taken.extend(run.iter().map(|candidate| (candidate.period, candidate.stock)));
        self.picks.extend(run.into_iter().flat_map(|candidate| candidate.picks));
        true
    }

    fn stock_lasts(&self, unit: usize, more: &[Candidate]) -> bool {
        let Some(stock) = &self.first_list(unit).stock else { return true };
        let taken = || {
            let more = more.iter().map(|candidate| (candidate.period, candidate.stock));
            self.units[unit].taken.iter().copied().chain(more)
        };
        let came = |period: usize| stock.iter().filter(|arrival| arrival.period <= period).map(|a| a.amount).sum();
        taken().all(|(period, _)| {
            taken().filter(|&(at, _)| at <= period).map(|(_, amount)| amount).sum::<i64>() <= came(period)
        })
    }

    fn done(mut self) -> Vec<Picked> {
        self.picks.sort();
        self.picks
    }
}

/// Picks of the uniform rotation.
pub(crate) fn rotate(choices: &Choices, ledger: &Ledger, scorer: &Scorer) -> Vec<Picked> {
    let mut room = Room::new(choices, ledger, scorer);
    for region in 0..choices.regions.len() {
        let here = |unit: &usize| choices.region(choices.units[*unit][0]) == region;
        let promoted = |unit: &usize| room.first_list(*unit).kind == OfferKind::Promotion;
        let units: Vec<usize> = (0..choices.units.len()).filter(here).filter(promoted).collect();
        let mut turn = 0;
        for period in 0..room.periods() {
            let mut tried = 0;
            while tried < units.len() && room.left[ledger.slot(region, period)] > 0 {
                room.first_that_fits(units[turn % units.len()], period);
                turn += 1;
                tried += 1;
            }
        }
    }
    room.done()
}

/// Picks of the greedy.
pub(crate) fn greedy_picks(choices: &Choices, ledger: &Ledger, scorer: &Scorer) -> Vec<Picked> {
    let mut room = Room::new(choices, ledger, scorer);
    let budget = |picked: &Picked| choices.choice(*picked).worth.budget;
    let mut order: Vec<(f64, usize, usize, usize)> = Vec::new();
    for unit in 0..choices.units.len() {
        for first in candidates(choices, ledger, scorer, unit) {
            let (period, option) = (first.period, first.option as usize);
            let run = room.run(unit, period, option);
            let value: i64 = run.iter().map(|candidate| candidate.value).sum();
            let spent: i64 = run.iter().flat_map(|candidate| &candidate.picks).map(budget).sum();
            if value > 0 {
                order.push((value as f64 / spent.max(1) as f64, unit, period, option));
            }
        }
    }
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2, a.3).cmp(&(b.1, b.2, b.3))));
    for (_, unit, period, option) in order {
        room.insert(unit, period, option);
    }
    room.done()
}

/// Value of picks in the goal that is maximised.
pub(crate) fn value(choices: &Choices, scorer: &Scorer, picks: &[Picked]) -> i64 {
    picks.iter().map(|&picked| scorer.value(&choices.choice(picked).worth)).sum()
}

/// Offers of picks, sorted.
pub(crate) fn offers(choices: &Choices, picks: &[Picked]) -> Vec<Offer> {
    let mut offers: Vec<Offer> = picks.iter().map(|&picked| offer(choices, picked)).collect();
    offers.sort();
    offers
}

/// The offer of a pick.
pub(crate) fn offer(choices: &Choices, picked: Picked) -> Offer {
    let list = &choices.lists[picked.list];
    let choice = choices.choice(picked);
    Offer {
        sku: list.sku.clone(),
        place: list.region.clone(),
        span: Span::of_length(choices.input().span.start.plus(choice.period as i32), 1),
        mechanic: Mechanic::Tpr,
        depth: choice.depth,
        support: Support::default(),
    }
}
