//! Plans the rest of a season anew: what was published stays, and what was promised is changed only where that earns
//! more than breaking the promise costs.
//!
//! Offers of the plan in force from before the span count as published: their budget and pools are spent, and calendar
//! rules count them. Every other offer of it is a promise. Adding, dropping or changing an offer costs the scenario's
//! `change_cost`, booked under `changes`; in the first `frozen_periods` nothing changes at all. The core sees the cost as
//! a bonus for cells whose promise is kept or replaced, so that the bound is that of the whole trade-off.
//!
//! An item that sells ahead of its path is not made cheaper than it is, unless that is promised, locked or frozen.
//!
//! Never moves an offer that was published; a markdown that has begun goes on to the end.

use crate::choices::{Choices, LineChoices};
use crate::columns::columns;
use crate::ledger::Ledger;
use crate::propose::{Desk, Proposal, Proposed};
use crate::score::Scorer;
use crate::solve::{self, Warm};
use crate::terms::{PlanError, PlanInput};
use endcap_model::{Depth, Explanation, Offer, OfferKind, Pace, Place, Plan, Sku, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Pace and present depth of items by region, where that may hold a deeper cut back.
pub type Paces = BTreeMap<(Sku, Place), (Pace, Depth)>;

/// A plan for the rest of the season beside the one in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// The new plan; its value counts what changes cost.
    pub proposal: Proposal,
    /// What the promises are worth now, if all were kept.
    pub promised_value: i64,
    /// Changes; their values add up to the new plan's value less that of the promises.
    pub changes: Vec<Revised>,
}

/// A change to a promise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revised {
    /// The new offer, or the dropped one.
    pub offer: Offer,
    /// What happened.
    pub change: Change,
    /// What it earns, in minor units, after what it costs.
    pub value: i64,
}

/// What happened to a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// An offer that was not promised.
    Added,
    /// A promise that is not kept.
    Dropped,
    /// Another depth than was promised.
    NewDepth {
        /// The depth that was promised.
        before: Depth,
    },
}

/// What came of planning anew.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "one value per run: a box would only hinder matching")]
pub enum Replanned {
    /// A plan for the rest.
    Revision(Revision),
    /// No plan keeps every rule, lock and frozen promise; the sentences name those that clash.
    Infeasible {
        /// The rules.
        conflict: Vec<String>,
    },
}

/// Plans the periods of the input anew while a plan is in force.
///
/// # Errors
/// [`PlanError`] as for [`crate::propose`].
pub fn replan(
    input: &PlanInput,
    in_force: &Plan,
    paces: &Paces,
    settings: &solve::Settings,
    interrupt: &(dyn Fn() -> bool + Sync),
) -> Result<Replanned, PlanError> {
    let of = |wanted: &dyn Fn(&Explanation) -> bool| -> Vec<Explanation> {
        in_force.report.offers.iter().filter(|e| wanted(e)).cloned().collect()
    };
    let published = of(&|e| e.offer.span.start < input.span.start);
    let promised = of(&|e| input.span.contains(e.offer.span.start));
    let mut before: Vec<Offer> = input.published.to_vec();
    before.extend(published.iter().map(|e| e.offer.clone()));
    let input = PlanInput { published: &before, ..*input };
    let mut choices = Choices::new(&input)?;
    let goal = &input.scenario.goal;
    go_on(&mut choices, &published);
    let promises = Promises::bind(&mut choices, &promised);
    promises.hold_back(&mut choices, paces);
    let scorer = Scorer::new(input.scenario, goal);
    let columns = columns(&choices, Ledger::new(&choices, goal, &published)?, scorer)?;
    let warm = promises.warm(&choices, in_force, &columns.problem);
    let desk = Desk { choices: &choices, columns: &columns, goal, promises: promises.cost * promised.len() as i64 };
    Ok(match desk.plan(&warm, settings, interrupt) {
        Proposed::Infeasible { conflict } => Replanned::Infeasible { conflict },
        Proposed::Plan(proposal) => {
            let (promised_value, changes) = promises.changes(&choices, &scorer, &promised, &proposal);
            Replanned::Revision(Revision { proposal, promised_value, changes })
        }
    })
}

/// Prices that went down for good stay down, whatever is left of the stock.
fn go_on(choices: &mut Choices, published: &[Explanation]) {
    let periods = choices.input().span.len();
    let marked = published.iter().filter(|e| e.kind == OfferKind::Markdown);
    for e in marked {
        let same = |list: &&mut LineChoices| {
            is_of(e, list.kind, &list.sku, &list.region) && list.choices.iter().all(|c| c.depth == e.offer.depth)
        };
        for list in choices.lists.iter_mut().filter(same) {
            list.rules.required = (0..periods).collect();
            list.stock = None;
            list.choices.iter_mut().for_each(|choice| choice.worth.stock = 0);
        }
    }
}

/// Where the promises are among the choices.
struct Promises {
    /// Minor units per change.
    cost: i64,
    /// List and period with the number of the promised choice, where it can still be made.
    cells: BTreeMap<(usize, usize), Option<usize>>,
}

impl Promises {
    /// Puts what changes cost on every choice, and freezes what may not change.
    fn bind(choices: &mut Choices, promised: &[Explanation]) -> Self {
        let (start, terms) = (choices.input().span.start, choices.input().scenario.replan);
        let cost = choices.input().scenario.money(terms.change_cost).minor;
        let mut cells = BTreeMap::new();
        for (at, list) in choices.lists.iter_mut().enumerate() {
            let own = promised.iter().filter(|e| is_of(e, list.kind, &list.sku, &list.region));
            let depths: BTreeMap<usize, &Explanation> =
                own.map(|e| ((e.offer.span.start.0 - start.0) as usize, e)).collect();
            for (number, choice) in list.choices.iter_mut().enumerate() {
                let promise = depths.get(&choice.period);
                let kept = promise.is_some_and(|e| e.offer.depth == choice.depth);
                if promise.is_some() {
                    choice.kept = cost;
                    cells.entry((at, choice.period)).or_insert(None);
                }
                let paid = |e: &&&Explanation| choice.funded == (e.pnl.vendor_funding > 0);
                if kept && (cells[&(at, choice.period)].is_none() || promise.is_some_and(|e| paid(&e))) {
                    cells.insert((at, choice.period), Some(number));
                }
                if !kept {
                    choice.worth.pnl.changes = -cost;
                    choice.worth.outcomes.profit -= cost;
                }
                if choice.period < terms.frozen_periods {
                    choice.forbidden = (!kept).then(|| "frozen: what was promised for this period stays".to_owned());
                }
            }
            let frozen = depths.keys().copied().filter(|&period| period < terms.frozen_periods);
            list.rules.required.extend(frozen);
            list.rules.required.sort_unstable();
            list.rules.required.dedup();
        }
        Self { cost, cells }
    }

    /// Forbids cuts deeper than the present one where the item is ahead of its path. Promises may be kept, and periods in
    /// which an offer must run are left alone.
    fn hold_back(&self, choices: &mut Choices, paces: &Paces) {
        for (at, list) in choices.lists.iter_mut().enumerate() {
            let Some((pace, present)) = paces.get(&(list.sku.clone(), list.region.clone())) else { continue };
            for (number, choice) in list.choices.iter_mut().enumerate() {
                let promised = self.cells.get(&(at, choice.period)) == Some(&Some(number));
                let must_run = list.rules.required.contains(&choice.period);
                if choice.forbidden.is_none() && !promised && !must_run {
                    choice.forbidden = pace.allows(*present, choice.depth).err().map(|held| held.to_string());
                }
            }
        }
    }

    /// Prices of the limits of the plan in force, by name, and its promises.
    fn warm(&self, choices: &Choices, in_force: &Plan, problem: &solve::Problem) -> Warm {
        let known: BTreeMap<&str, f64> =
            in_force.report.limits.iter().map(|limit| (limit.limit.as_str(), limit.price)).collect();
        let price = |limit: &solve::Limit| known.get(limit.name.as_str()).copied().unwrap_or(0.0);
        let prices = problem.limits().iter().map(price).collect();
        let mut choice = vec![None; problem.units() * problem.periods()];
        for (unit, lists) in choices.units.iter().enumerate() {
            for period in 0..problem.periods() {
                let number = self.cells.get(&(lists[0], period)).copied().flatten();
                let first = choices.lists[lists[0]].range(period).start;
                choice[unit * problem.periods() + period] = number.map(|number| (number - first) as u32);
            }
        }
        Warm { prices, choice, ..Warm::default() }
    }

    /// What the promises are worth now, and each change with its value.
    fn changes(
        &self,
        choices: &Choices,
        scorer: &Scorer,
        promised: &[Explanation],
        proposal: &Proposal,
    ) -> (i64, Vec<Revised>) {
        let start = choices.input().span.start;
        let mut new: BTreeMap<_, &Explanation> = proposal.report.offers.iter().map(|e| (cell(e), e)).collect();
        let mut worth = 0;
        let mut changes = Vec::new();
        for e in promised {
            let at = (e.offer.span.start.0 - start.0) as usize;
            let list = choices.lists.iter().position(|list| is_of(e, list.kind, &list.sku, &list.region));
            let now = list.and_then(|list| Some((list, self.cells.get(&(list, at)).copied().flatten()?)));
            let now = now.map_or(0, |(list, number)| scorer.value(&choices.lists[list].choices[number].worth));
            worth += now;
            match new.remove(&cell(e)) {
                None => {
                    let (offer, value) = (e.offer.clone(), -now - self.cost);
                    changes.push(Revised { offer, change: Change::Dropped, value });
                }
                Some(later) if later.offer.depth != e.offer.depth => {
                    let change = Change::NewDepth { before: e.offer.depth };
                    changes.push(Revised { offer: later.offer.clone(), change, value: later.value - now });
                }
                Some(_) => {}
            }
        }
        let added = new.into_values();
        changes.extend(added.map(|e| Revised { offer: e.offer.clone(), change: Change::Added, value: e.value }));
        changes.sort_by(|a, b| a.offer.cmp(&b.offer));
        (worth, changes)
    }
}

type Cell<'a> = (&'a Sku, &'a Place, OfferKind, Span);

fn cell(e: &Explanation) -> Cell<'_> {
    (&e.offer.sku, &e.offer.place, e.kind, e.offer.span)
}

fn is_of(e: &Explanation, kind: OfferKind, sku: &Sku, region: &Place) -> bool {
    e.kind == kind && e.offer.sku == *sku && e.offer.place == *region
}
