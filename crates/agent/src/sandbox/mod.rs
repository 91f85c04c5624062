//! The sandbox: a person plans a small world of the twin, week by week, and is set beside policies in the same world.
//!
//! A game is the number of its world and the turns that were taken; everything else is found by living the world through
//! again, so that nothing is lost and nothing can be made up. What a person is shown is what a retailer could see
//! ([`Standing`]); what is hidden comes out in the [`Comparison`], when the world is over.
//!
//! Offers are the person's. Orders are placed by a plain rule that knows the offers planned so far and one elasticity for all
//! items, unless the person says otherwise: an offer that is planned too late for the lead time is not ordered for.

mod comparison;
mod person;
mod standing;

#[cfg(test)]
mod tests;

pub use comparison::{Comparison, HiddenItem, PlayedBy};
pub use standing::{Arrival, Earned, ItemSeen, PastWeek, Standing, Suggestion, Week};

use crate::policies::PolicyError;
use endcap_model::{Depth, Sku};
use endcap_twin::{TwinError, TwinScenario, WorldSpec};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most pieces of an item in an order.
const PIECES_MAX: i64 = 100_000;

/// A world that people play.
#[derive(Clone, Debug)]
pub struct Sandbox {
    scenario: TwinScenario,
    spec: WorldSpec,
}

/// What a person has done in a world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Game {
    /// Number of the world: the same number has the same shoppers and suppliers.
    pub world: u64,
    /// What was done, in order.
    pub turns: Vec<Turn>,
}

/// One step: some weeks under a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// The week that it begins with, the first of the world being 0.
    pub from: usize,
    /// Weeks that are played.
    pub weeks: usize,
    /// Offers from its first week on, also those past the weeks that are played: orders are placed for them.
    pub offers: Vec<PlannedOffer>,
    /// Pieces to order of an item before the first of the weeks, where not as suggested.
    #[serde(default)]
    pub orders: BTreeMap<Sku, i64>,
}

/// An item on offer in a week.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedOffer {
    /// The item.
    pub sku: Sku,
    /// The week.
    pub week: usize,
    /// Share of the list price taken off.
    pub depth: Depth,
}

/// A turn that is not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SandboxError {
    /// It begins elsewhere than the world is.
    #[error("{from} has been played already: the world is at {now}")]
    Played {
        /// The week it begins with.
        from: String,
        /// Where the world is.
        now: String,
    },
    /// Its weeks are none, too many, or not the next.
    #[error("{found} weeks from week {now} on cannot be played: expected 1 to {left}")]
    Weeks {
        /// Weeks asked for.
        found: usize,
        /// Number of the next week, from 1.
        now: usize,
        /// Weeks that are left.
        left: usize,
    },
    /// All weeks have been played.
    #[error("all weeks of this world have been played: start another one")]
    Over,
    /// An offer is not one that may be made.
    #[error("{sku} in {week}: {reason}")]
    Offer {
        /// Number of the offer in the turn, from 0.
        at: usize,
        /// The item.
        sku: Sku,
        /// The week, as the calendar writes it, or its number.
        week: String,
        /// Why, and what was expected.
        reason: String,
    },
    /// An order is not one that may be placed.
    #[error("order of {sku}: {found} pieces: expected an item of the world and 0 to {PIECES_MAX}")]
    Order {
        /// The item.
        sku: Sku,
        /// What was asked for.
        found: i64,
    },
    /// The world is not over yet.
    #[error("the world is not over: play its {left} weeks first")]
    NotOver {
        /// Weeks that are left.
        left: usize,
    },
    /// The scenario makes no world.
    #[error(transparent)]
    Twin(#[from] TwinError),
    /// The rule for orders cannot be made from the scenario.
    #[error(transparent)]
    Orders(#[from] PolicyError),
}

impl Sandbox {
    /// Sets a scenario up. It has a past, and offers of one period.
    ///
    /// # Errors
    /// [`SandboxError::Twin`] for a scenario that makes no world, or one without a past.
    pub fn new(scenario: TwinScenario) -> Result<Self, SandboxError> {
        scenario.check()?;
        let spec = scenario.world(None)?;
        if spec.past().is_none() {
            let (field, found) = ("past_periods".to_owned(), "nothing".to_owned());
            return Err(TwinError::Setting { field, found, expected: "a past from which the person can learn" }.into());
        }
        Ok(Self { scenario, spec })
    }

    /// The scenario.
    pub fn scenario(&self) -> &TwinScenario {
        &self.scenario
    }

    /// Weeks in all.
    pub fn weeks(&self) -> usize {
        self.spec.span().len()
    }

    /// The next week to play, or the number of weeks when all have been played.
    pub fn now(&self, game: &Game) -> usize {
        game.turns.iter().map(|turn| turn.weeks).sum::<usize>().min(self.weeks())
    }

    /// Takes a turn.
    ///
    /// # Errors
    /// [`SandboxError`] for a turn that breaks the world's limits or begins elsewhere than the world is.
    pub fn play(&self, game: &Game, turn: Turn) -> Result<Game, SandboxError> {
        let now = self.now(game);
        let left = self.weeks() - now;
        if left == 0 {
            return Err(SandboxError::Over);
        }
        if turn.from < now {
            return Err(SandboxError::Played { from: self.name(turn.from), now: self.name(now) });
        }
        if turn.from > now || !(1..=left).contains(&turn.weeks) {
            return Err(SandboxError::Weeks { found: turn.weeks, now: now + 1, left });
        }
        self.check_offers(&self.ran(game), &turn)?;
        for (sku, &found) in &turn.orders {
            if self.spec.cells_of(sku).is_empty() || !(0..=PIECES_MAX).contains(&found) {
                return Err(SandboxError::Order { sku: sku.clone(), found });
            }
        }
        let mut game = game.clone();
        game.turns.push(turn);
        Ok(game)
    }

    /// Offers of the weeks that have been played.
    fn ran(&self, game: &Game) -> Vec<PlannedOffer> {
        let of = |turn: &Turn| {
            let weeks = turn.from..turn.from + turn.weeks;
            turn.offers.iter().filter(|offer| weeks.contains(&offer.week)).cloned().collect::<Vec<_>>()
        };
        game.turns.iter().flat_map(of).collect()
    }

    /// Checks the offers of a turn beside those that ran.
    fn check_offers(&self, ran: &[PlannedOffer], turn: &Turn) -> Result<(), SandboxError> {
        let terms = &self.scenario.offers;
        let mut weeks: BTreeMap<&Sku, BTreeSet<usize>> = BTreeMap::new();
        for offer in ran {
            weeks.entry(&offer.sku).or_default().insert(offer.week);
        }
        for (at, offer) in turn.offers.iter().enumerate() {
            let refuse = |reason: String| {
                let (sku, week) = (offer.sku.clone(), self.name(offer.week));
                Err(SandboxError::Offer { at, sku, week, reason })
            };
            if self.spec.cells_of(&offer.sku).is_empty() {
                return refuse("the world sells no such item".to_owned());
            }
            if !(turn.from..self.weeks()).contains(&offer.week) {
                return refuse(format!("offers can be planned from {} on, to the last week", self.name(turn.from)));
            }
            if !terms.depths.contains(&offer.depth) {
                let depths: Vec<String> = terms.depths.iter().map(|depth| percent(*depth)).collect();
                return refuse(format!("{} is not a depth here: expected {}", percent(offer.depth), depths.join(", ")));
            }
            let own = weeks.entry(&offer.sku).or_default();
            if let Some(&near) = own.iter().find(|&&week| week.abs_diff(offer.week) < terms.spacing) {
                let near = self.name(near);
                return refuse(format!("it is on offer in {near} as well: expected {} weeks between", terms.spacing));
            }
            own.insert(offer.week);
            let beside = turn.offers[..at].iter().filter(|other| other.week == offer.week).count();
            if beside >= terms.slots {
                return refuse(format!("{} other items are on offer: expected at most {} in all", beside, terms.slots));
            }
        }
        Ok(())
    }

    /// A week as the calendar writes it.
    fn name(&self, week: usize) -> String {
        let spec = &self.spec;
        if week < self.weeks() {
            spec.calendar().format(spec.span().start.plus(week as i32))
        } else {
            format!("week {}", week.saturating_add(1))
        }
    }
}

fn percent(depth: Depth) -> String {
    format!("{:.0} %", depth.share() * 100.0)
}
