//! What is at odds on a board, found while people type: locks that break rules, substitutes promoted together, cells that
//! another plan already promotes.
//!
//! Never searches and never forbids: a plan that breaks a rule is refused when it is drawn, the rest is for people to
//! weigh.

use super::Board;
use super::grid::Grid;
use endcap_model::{Depth, Group, Offer, Period, Place, Plan, Sku};
use endcap_plan::{Broken, LockClash, PlanError, PlanInput, lock_clashes};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Something at odds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Conflict {
    /// What.
    pub kind: ConflictKind,
    /// Where.
    pub spots: Vec<Spot>,
    /// What it is, in a sentence.
    pub sentence: String,
    /// Whether no plan can be drawn until it is mended.
    pub blocks: bool,
}

/// A kind of conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// A lock in a period without promotions.
    Blackout,
    /// A lock below the least margin.
    MarginFloor,
    /// Locks nearer to each other than calendar rules allow.
    Calendar,
    /// More locked items at once than slots.
    Slots,
    /// Items that run together, locked differently.
    Together,
    /// Two locks that say different things of a cell.
    Contradiction,
    /// Another plan promotes the item there.
    Published,
    /// Substitutes promoted in the same region and period.
    Substitutes,
}

/// An item in a region and period.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Spot {
    /// The item.
    pub sku: Sku,
    /// The region.
    pub place: Place,
    /// The period, as its calendar writes it.
    pub period: String,
}

/// Cells that run or must run, with their depth.
type Running = BTreeMap<(Sku, Place, Period), Depth>;

/// Finds everything at odds: what blocks first.
pub(super) fn conflicts(
    input: &PlanInput,
    grid: &Grid,
    board: &Board,
    offers: &[Offer],
    published: &[Plan],
) -> Result<Vec<Conflict>, PlanError> {
    let clashes = match lock_clashes(input) {
        Err(PlanError::LocksContradict { first, second }) => {
            let sku = first.sku.clone();
            let sentence = PlanError::LocksContradict { first, second }.to_string();
            let spots = grid.regions_of.get(&sku).into_iter().flatten();
            let spots = spots.map(|place| Spot { sku: sku.clone(), place: place.clone(), period: String::new() });
            return Ok(vec![Conflict {
                kind: ConflictKind::Contradiction,
                spots: spots.collect(),
                sentence,
                blocks: true,
            }]);
        }
        clashes => clashes?,
    };
    let running = running(grid, board, offers);
    let mut found: Vec<Conflict> = clashes.into_iter().map(|clash| of_locks(grid, clash)).collect();
    found.extend(published.iter().flat_map(|plan| overlaps(grid, &running, plan)));
    found.extend(substitutes(input, grid, &running));
    Ok(found)
}

/// What the plan runs and what locks ask for.
fn running(grid: &Grid, board: &Board, offers: &[Offer]) -> Running {
    let cells = offers.iter().flat_map(|offer| offer.span.iter().map(move |period| (offer, period)));
    let mut running: Running =
        cells.map(|(offer, period)| ((offer.sku.clone(), offer.place.clone(), period), offer.depth)).collect();
    for lock in &board.scenario.limits.locks {
        let regions: Vec<Place> = match &lock.place {
            Some(place) => grid.region(&lock.sku, place).into_iter().collect(),
            None => grid.regions_of.get(&lock.sku).into_iter().flatten().cloned().collect(),
        };
        let periods: Vec<Period> = match &lock.period {
            Some(text) => grid.period(text).into_iter().collect(),
            None => grid.span.iter().collect(),
        };
        for cell in regions.iter().flat_map(|region| periods.iter().map(move |&period| (region, period))) {
            let cell = (lock.sku.clone(), cell.0.clone(), cell.1);
            match lock.depth {
                Depth::ZERO => drop(running.remove(&cell)),
                depth => drop(running.insert(cell, depth)),
            }
        }
    }
    running
}

fn of_locks(grid: &Grid, clash: LockClash) -> Conflict {
    let kind = match clash.breaks {
        Broken::Blackout => ConflictKind::Blackout,
        Broken::MarginFloor => ConflictKind::MarginFloor,
        Broken::Calendar => ConflictKind::Calendar,
        Broken::Slots => ConflictKind::Slots,
        Broken::Together => ConflictKind::Together,
    };
    let spots: Vec<Spot> = clash.cells.into_iter().map(|(sku, place, period)| spot(grid, sku, place, period)).collect();
    let named: BTreeSet<&str> = spots.iter().map(|spot| spot.sku.as_str()).collect();
    let named: Vec<&str> = named.into_iter().collect();
    let sentence = format!("Locks on {} cannot be kept: {}.", named.join(", "), clash.rule);
    Conflict { kind, spots, sentence, blocks: true }
}

fn overlaps(grid: &Grid, running: &Running, plan: &Plan) -> Vec<Conflict> {
    let mut found = Vec::new();
    for offer in &plan.offers {
        for period in offer.span.iter() {
            let Some(depth) = running.get(&(offer.sku.clone(), offer.place.clone(), period)) else { continue };
            let other = match *depth == offer.depth {
                true => "at the same depth".to_owned(),
                false => format!("at {}", offer.depth),
            };
            let (sku, place) = (offer.sku.clone(), offer.place.clone());
            let sentence =
                format!("Plan {} already promotes {sku} in {place} in {} {other}.", plan.id, grid.name(period));
            let spots = vec![spot(grid, sku, place, period)];
            found.push(Conflict { kind: ConflictKind::Published, spots, sentence, blocks: false });
        }
    }
    found
}

fn substitutes(input: &PlanInput, grid: &Grid, running: &Running) -> Vec<Conflict> {
    let mut together: BTreeMap<(&Group, &Place, Period), Vec<&Sku>> = BTreeMap::new();
    for (sku, place, period) in running.keys() {
        if let Some(item) = input.items.get(sku) {
            together.entry((&item.group, place, *period)).or_default().push(sku);
        }
    }
    let several = together.into_iter().filter(|(_, skus)| skus.len() > 1);
    several
        .map(|((group, place, period), skus)| {
            let names: Vec<&str> = skus.iter().map(|sku| sku.as_str()).collect();
            let at = grid.name(period);
            Conflict {
                kind: ConflictKind::Substitutes,
                sentence: format!(
                    "{} of {group} are promoted together in {place} in {at} and take sales from each other.",
                    names.join(", ")
                ),
                spots: skus.iter().map(|sku| spot(grid, (*sku).clone(), place.clone(), period)).collect(),
                blocks: false,
            }
        })
        .collect()
}

fn spot(grid: &Grid, sku: Sku, place: Place, period: Period) -> Spot {
    Spot { sku, place, period: grid.name(period) }
}
