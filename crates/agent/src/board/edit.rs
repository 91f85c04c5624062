//! Edits: one step of a person on a board, checked before it counts.

use super::grid::{Grid, nearest};
use super::{Board, Note};
use endcap_model::{Depth, Goal, Lock, Objective, Offer, Period, Place, Scenario, ScenarioError, Sku};
use endcap_plan::ItemEconomics;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One step of a person. Amounts of money in major units; periods as the calendar writes them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = BoardEdit))]
#[serde(tag = "edit", rename_all = "snake_case", deny_unknown_fields)]
pub enum Edit {
    /// Fixes a depth; replaces an earlier lock on the same cells.
    Lock {
        /// The item.
        sku: Sku,
        /// The region; all when absent.
        #[serde(default)]
        place: Option<Place>,
        /// The period; all when absent.
        #[serde(default)]
        period: Option<String>,
        /// The depth that must run; 0 for no promotion.
        depth: Depth,
    },
    /// Takes locks back: those inside the cells that are named.
    Unlock {
        /// The item.
        sku: Sku,
        /// The region; all when absent.
        #[serde(default)]
        place: Option<Place>,
        /// The period; all when absent.
        #[serde(default)]
        period: Option<String>,
    },
    /// Moves an offer to another period at the same depth: there it must run. Where it was, a lock is taken back, or it
    /// must not run.
    Shift {
        /// The item.
        sku: Sku,
        /// The region.
        place: Place,
        /// Where it is.
        from: String,
        /// Where it goes.
        to: String,
    },
    /// Sets the budget.
    Budget {
        /// Most money given away over the horizon.
        amount: f64,
    },
    /// Sets the slots.
    Slots {
        /// Most items at once per region and period.
        slots: usize,
    },
    /// Sets a pool; what is absent stays.
    Pool {
        /// Its name.
        name: String,
        /// Most of it.
        #[serde(default)]
        most: Option<f64>,
        /// Least of it.
        #[serde(default)]
        least: Option<f64>,
    },
    /// Sets the caution.
    Caution {
        /// Standard errors by which lifts are lowered.
        caution: f64,
    },
    /// Sets the risk of a stock-out that an offer may have.
    StockoutProbabilityMax {
        /// Largest expected share of a region's stores that run out.
        share: f64,
    },
    /// Sets what supply can carry.
    CapacityShare {
        /// Extra pieces per period as a share of the mean baseline; no limit when absent.
        #[serde(default)]
        share: Option<f64>,
    },
    /// Sets the goal.
    Goal {
        /// The goal.
        goal: Goal,
    },
    /// Sets which profit counts.
    Objective {
        /// The objective.
        objective: Objective,
    },
    /// Writes beside a cell; another note of the same person there is replaced.
    Note(Note),
    /// Takes a person's note back.
    Unnote {
        /// The item.
        sku: Sku,
        /// The region.
        place: Place,
        /// The period.
        period: String,
        /// Who wrote it.
        by: String,
    },
}

/// An edit that cannot be made; the board stays as it was.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EditError {
    /// A name that the board does not have.
    #[error("the board has no {what} '{name}': the nearest are {}", .nearest.join(", "))]
    Unknown {
        /// Item, place, period or pool.
        what: &'static str,
        /// The name.
        name: String,
        /// Names that may be meant; first and last for periods.
        nearest: Vec<String>,
    },
    /// Nothing is locked there.
    #[error("nothing is locked for {sku} there: the board has no such lock to take back")]
    NotLocked {
        /// The item.
        sku: Sku,
    },
    /// No offer to move.
    #[error("{sku} has no offer at {place} in {period} to move: lock it where it is to run")]
    NoOffer {
        /// The item.
        sku: Sku,
        /// The region.
        place: Place,
        /// The period.
        period: String,
    },
    /// No note to take back.
    #[error("{by} has no note on {sku} at {place} in {period}")]
    NoNote {
        /// The item.
        sku: Sku,
        /// The region.
        place: Place,
        /// The period.
        period: String,
        /// Whose.
        by: String,
    },
    /// A depth that leaves too little margin.
    #[error(
        "{sku} at {depth} off leaves {:.1} % of the paid price, at least {:.1} % must be left: the deepest that may be \
         locked is {deepest}",
        100.0 * .rate,
        100.0 * .floor
    )]
    TooDeep {
        /// The item.
        sku: Sku,
        /// The depth.
        depth: Depth,
        /// What it leaves, as a share of the paid price.
        rate: f64,
        /// What must be left.
        floor: f64,
        /// The deepest depth that keeps the floor, in whole per cent.
        deepest: Depth,
    },
    /// Two locks that say equally much fix different depths.
    #[error(
        "a lock on {sku} in {} at {} says {depth}: take it back first, or name place and period in the one that is to win",
        .period.as_deref().unwrap_or("all periods"),
        .place.as_ref().map_or("all places", Place::as_str)
    )]
    Contradicts {
        /// The item.
        sku: Sku,
        /// The region of the lock that stands.
        place: Option<Place>,
        /// Its period.
        period: Option<String>,
        /// Its depth.
        depth: Depth,
    },
    /// A number outside its range.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
}

/// What edits are checked against.
pub(super) struct Desk<'a> {
    pub grid: &'a Grid,
    pub items: &'a BTreeMap<Sku, ItemEconomics>,
    /// What the plan before runs.
    pub running: &'a [Offer],
}

/// Cells of a lock: the region and the period, all where absent.
type Where = (Option<Place>, Option<String>);

impl Desk<'_> {
    /// The board after an edit.
    pub fn apply(&self, board: &Board, edit: &Edit) -> Result<Board, EditError> {
        let mut board = board.clone();
        let scenario = &mut board.scenario;
        match edit {
            Edit::Lock { sku, place, period, depth } => {
                let cells = self.cells(sku, place.as_ref(), period.as_deref())?;
                self.lock(scenario, sku, cells, *depth)?;
            }
            Edit::Unlock { sku, place, period } => {
                let cells = self.cells(sku, place.as_ref(), period.as_deref())?;
                if !self.unlock(scenario, sku, &cells) {
                    return Err(EditError::NotLocked { sku: sku.clone() });
                }
            }
            Edit::Shift { sku, place, from, to } => self.shift(scenario, (sku, place), (from, to))?,
            Edit::Budget { amount } => scenario.limits.budget = *amount,
            Edit::Slots { slots } => scenario.limits.slots = *slots,
            Edit::Pool { name, most, least } => set_pool(scenario, name, *most, *least)?,
            Edit::Caution { caution } => scenario.caution = *caution,
            Edit::StockoutProbabilityMax { share } => scenario.limits.stockout_probability_max = *share,
            Edit::CapacityShare { share } => scenario.limits.capacity_share = share.unwrap_or(f64::INFINITY),
            Edit::Goal { goal } => scenario.goal = goal.clone(),
            Edit::Objective { objective } => scenario.objective = *objective,
            Edit::Note(note) => self.note(&mut board, note)?,
            Edit::Unnote { sku, place, period, by } => self.unnote(&mut board, (sku, place, period), by)?,
        }
        board.scenario.check()?;
        Ok(board)
    }

    fn cells(&self, sku: &Sku, place: Option<&Place>, period: Option<&str>) -> Result<Where, EditError> {
        self.grid.check_sku(sku)?;
        let region = place.map(|place| self.grid.region(sku, place)).transpose()?;
        let period = period.map(|text| self.grid.period(text)).transpose()?;
        Ok((region, period.map(|period| self.grid.name(period))))
    }

    /// The cells of a lock as people may have written it, by region and in the calendar's own writing.
    fn cells_of(&self, lock: &Lock) -> Where {
        let region = lock.place.as_ref().map(|place| self.grid.region(&lock.sku, place).unwrap_or(place.clone()));
        let written = |text: &String| self.grid.period(text).map_or_else(|_| text.clone(), |at| self.grid.name(at));
        (region, lock.period.as_ref().map(written))
    }

    fn lock(&self, scenario: &mut Scenario, sku: &Sku, cells: Where, depth: Depth) -> Result<(), EditError> {
        self.check_floor(scenario, sku, depth)?;
        let locks = &mut scenario.limits.locks;
        locks.retain(|lock| lock.sku != *sku || self.cells_of(lock) != cells);
        let named = |(place, period): &Where| usize::from(place.is_some()) + usize::from(period.is_some());
        let meets = |one: &Where, other: &Where| {
            (one.0.is_none() || other.0.is_none() || one.0 == other.0)
                && (one.1.is_none() || other.1.is_none() || one.1 == other.1)
        };
        let against = locks.iter().filter(|lock| lock.sku == *sku && lock.depth != depth).find(|lock| {
            let theirs = self.cells_of(lock);
            named(&theirs) == named(&cells) && meets(&theirs, &cells)
        });
        if let Some(lock) = against {
            let Lock { sku, place, period, depth } = lock.clone();
            return Err(EditError::Contradicts { sku, place, period, depth });
        }
        locks.push(Lock { sku: sku.clone(), place: cells.0, period: cells.1, depth });
        Ok(())
    }

    fn check_floor(&self, scenario: &Scenario, sku: &Sku, depth: Depth) -> Result<(), EditError> {
        let Some(item) = self.items.get(sku).filter(|_| depth > Depth::ZERO) else { return Ok(()) };
        let (list, cost, floor) = (item.list_price as f64, item.unit_cost as f64, scenario.limits.margin_rate_min);
        let rate = 1.0 - cost / (list * depth.price_ratio());
        if rate >= floor {
            return Ok(());
        }
        let share = if floor < 1.0 { 1.0 - cost / (list * (1.0 - floor)) } else { 0.0 };
        let deepest = Depth::from_share((share.max(0.0) * 100.0 + 1e-9).floor() / 100.0).unwrap_or(Depth::ZERO);
        Err(EditError::TooDeep { sku: sku.clone(), depth, rate, floor, deepest })
    }

    /// Takes back what is locked inside the cells; false when nothing was.
    fn unlock(&self, scenario: &mut Scenario, sku: &Sku, cells: &Where) -> bool {
        let inside = |lock: &Lock| {
            let (region, period) = self.cells_of(lock);
            lock.sku == *sku && (cells.0.is_none() || cells.0 == region) && (cells.1.is_none() || cells.1 == period)
        };
        let before = scenario.limits.locks.len();
        scenario.limits.locks.retain(|lock| !inside(lock));
        scenario.limits.locks.len() < before
    }

    fn shift(
        &self,
        scenario: &mut Scenario,
        (sku, place): (&Sku, &Place),
        (from, to): (&str, &str),
    ) -> Result<(), EditError> {
        let region = self.grid.region(sku, place)?;
        let (from, to) = (self.grid.period(from)?, self.grid.period(to)?);
        let cell = |period: Period| (Some(region.clone()), Some(self.grid.name(period)));
        let own = |lock: &&Lock| lock.sku == *sku && self.cells_of(lock) == cell(from) && lock.depth > Depth::ZERO;
        let locked = scenario.limits.locks.iter().find(own).map(|lock| lock.depth);
        let runs = |offer: &&Offer| offer.sku == *sku && offer.place == region && offer.span.contains(from);
        let runs = self.running.iter().find(runs).map(|offer| offer.depth);
        let no_offer = || EditError::NoOffer { sku: sku.clone(), place: region.clone(), period: self.grid.name(from) };
        let depth = locked.or(runs).ok_or_else(no_offer)?;
        match locked {
            Some(_) => drop(self.unlock(scenario, sku, &cell(from))),
            None => self.lock(scenario, sku, cell(from), Depth::ZERO)?,
        }
        self.lock(scenario, sku, cell(to), depth)
    }

    fn note(&self, board: &mut Board, note: &Note) -> Result<(), EditError> {
        let place = self.grid.region(&note.sku, &note.place)?;
        let period = self.grid.name(self.grid.period(&note.period)?);
        let note = Note { place, period, ..note.clone() };
        let same = |other: &Note| {
            (&other.sku, &other.place, &other.period, &other.by) == (&note.sku, &note.place, &note.period, &note.by)
        };
        board.notes.retain(|other| !same(other));
        board.notes.push(note);
        Ok(())
    }

    fn unnote(&self, board: &mut Board, (sku, place, period): (&Sku, &Place, &str), by: &str) -> Result<(), EditError> {
        let place = self.grid.region(sku, place)?;
        let period = self.grid.name(self.grid.period(period)?);
        let before = board.notes.len();
        board
            .notes
            .retain(|note| (&note.sku, &note.place, &note.period, note.by.as_str()) != (sku, &place, &period, by));
        if board.notes.len() == before {
            return Err(EditError::NoNote { sku: sku.clone(), place, period, by: by.to_owned() });
        }
        Ok(())
    }
}

fn set_pool(scenario: &mut Scenario, name: &str, most: Option<f64>, least: Option<f64>) -> Result<(), EditError> {
    let pools = &mut scenario.limits.pools;
    let Some(at) = pools.iter().position(|pool| pool.name == name) else {
        let nearest = nearest(name, pools.iter().map(|pool| pool.name.as_str()));
        return Err(EditError::Unknown { what: "pool", name: name.to_owned(), nearest });
    };
    pools[at].most = most.or(pools[at].most);
    pools[at].least = least.unwrap_or(pools[at].least);
    Ok(())
}
