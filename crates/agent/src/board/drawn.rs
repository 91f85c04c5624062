//! What a plan board shows: every cell with its offer or the best one left out, and the totals.
//!
//! Every figure is the planner's; nothing is worked out again here but sums, counts and what changed.

use super::Board;
use super::grid::Grid;
use crate::sense::Facts;
use endcap_model::{
    Because, Currency, Depth, Explanation, Group, LimitPrice, Lock, OfferKind, Outcomes, Period, Place, PlanReport,
    ProfitAndLoss, RejectedOffer, Sku, SolveStatus,
};
use endcap_plan::{Cover, ItemEconomics, OfferChange, PeriodCover, Sketch, offer_changes};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Expected shares of a region's stores that run out, from which supply is tight, short, out.
const TIGHT: f64 = 0.05;
const SHORT: f64 = 0.2;
const OUT: f64 = 0.5;

/// A board with its plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Drawn {
    /// Periods, as their calendar writes them.
    pub periods: Vec<String>,
    /// Items by region, sorted by item and region.
    pub rows: Vec<Row>,
    /// What the plan comes to.
    pub totals: Totals,
    /// Every limit with its use and price.
    pub limits: Vec<LimitPrice>,
    /// What changed against the plan before; nothing without one.
    pub changed: Vec<OfferChange>,
    /// Value less that of the plan before, in minor units; nothing without one, or where both have other goals.
    pub value_difference: Option<i64>,
    /// The plan as the next one begins from it, and as it is asked about.
    #[serde(skip)]
    pub report: Arc<PlanReport>,
}

/// An item in a region.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = BoardRow))]
pub struct Row {
    /// The item.
    pub sku: Sku,
    /// Its name, where the facts have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Items that substitute for it.
    pub group: Group,
    /// Its category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The region.
    pub place: Place,
    /// By period.
    pub cells: Vec<Cell>,
}

/// An item in a region and period. Amounts in minor units.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = BoardCell))]
pub struct Cell {
    /// The depth that runs; nothing for no offer.
    pub depth: Option<Depth>,
    /// Whether the list price comes back.
    pub kind: OfferKind,
    /// The depth that a person locked, 0 for no offer; nothing where the planner chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<Depth>,
    /// What the offer earns; 0 without one.
    pub value: i64,
    /// What is left of it, or of the best offer left out, after paying for limits; 0 or less for one left out.
    pub left: f64,
    /// How supply stands.
    pub supply: SupplyState,
    /// Expected share of the region's stores that run out.
    pub stockout: f64,
    /// Pieces expected to be left at the end, before the first delivery that can still be ordered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stock: Option<f64>,
    /// Why the offer stands, or why the best one does not; nothing where the item cannot be offered at all.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schema(value_type = MaybeBecause))]
    pub because: Option<Because>,
    /// The best other depth and what it would earn; without an offer the best depth at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_best: Option<(Depth, i64)>,
}

/// What a cause adds to what it is the cause of; all of it is absent where there is none.
#[cfg(feature = "schema")]
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes what `Option<Because>` is written as; nothing makes one")]
pub struct MaybeBecause {
    /// `pays_for_its_limits`, `locked`, `loses_money`, `limits_worth_more_elsewhere`, `other_choice_better`, `short_supply`,
    /// `sizes_missing` or `forbidden`.
    #[schema(required = false)]
    because: String,
    /// With `other_choice_better`: number of the period that is chosen instead.
    #[schema(required = false)]
    instead_period: Period,
    /// With `other_choice_better`: the depth that is chosen instead.
    #[schema(required = false)]
    instead_depth: Depth,
    /// With `short_supply`: what would earn more than nothing instead.
    instead: Option<endcap_model::Instead>,
    /// With `sizes_missing`: share of the style's demand in the region whose size is there.
    #[schema(required = false)]
    covered: f64,
    /// With `forbidden`: the rule.
    #[schema(required = false)]
    rule: String,
}

/// How supply stands in a cell: by the expected share of the region's stores that run out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SupplyState {
    /// Below a twentieth.
    #[default]
    Ok,
    /// Below a fifth.
    Tight,
    /// Below a half.
    Short,
    /// A half or more.
    Out,
}

/// What a plan comes to. Amounts in minor units.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = BoardTotals))]
pub struct Totals {
    /// Currency of all amounts.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub currency: Currency,
    /// Which profit is maximised.
    pub objective: String,
    /// What the plan is to bring.
    pub goal: String,
    /// What it is worth; under another goal than profit, points.
    pub value: i64,
    /// No plan is worth more.
    pub bound: i64,
    /// What may be left to gain, as a share of the bound.
    pub gap: f64,
    /// How the search ended.
    pub status: SolveStatus,
    /// Offers.
    pub offers: usize,
    /// Money that counts against the budget.
    pub spend: i64,
    /// The budget.
    pub budget: i64,
    /// Slots by region.
    pub slots: Vec<SlotUse>,
    /// Profit and loss by cause.
    pub pnl: ProfitAndLoss,
    /// What it brings, whatever the goal.
    pub outcomes: Outcomes,
    /// Risk of stock-outs.
    pub supply: SupplyRisk,
}

/// Slots of a region.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SlotUse {
    /// The region.
    pub place: Place,
    /// Items on promotion, by period.
    pub used: Vec<usize>,
    /// Most at once.
    pub available: usize,
}

/// Risk of stock-outs of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SupplyRisk {
    /// Mean expected share of stores that run out, over cells with an offer; 0 without offers.
    pub of_offers: f64,
    /// The same over all cells.
    pub of_cells: f64,
    /// Cells whose supply is tight, short, out.
    pub tight: usize,
    /// See `tight`.
    pub short: usize,
    /// See `tight`.
    pub out: usize,
}

impl SupplyState {
    /// Judges an expected share of stores that run out.
    pub fn of(stockout: f64) -> Self {
        match stockout {
            share if share >= OUT => Self::Out,
            share if share >= SHORT => Self::Short,
            share if share >= TIGHT => Self::Tight,
            _ => Self::Ok,
        }
    }
}

impl Drawn {
    /// The same plan with some of its rows.
    pub fn of_rows(&self, wanted: impl Fn(&Row) -> bool) -> Self {
        Self {
            periods: self.periods.clone(),
            rows: self.rows.iter().filter(|row| wanted(row)).cloned().collect(),
            totals: self.totals.clone(),
            limits: self.limits.clone(),
            changed: self.changed.clone(),
            value_difference: self.value_difference,
            report: self.report.clone(),
        }
    }
}

impl Row {
    /// Whether more than [`Cell::left`] differs, which moves in all cells with the price of any limit.
    pub fn shows_otherwise(&self, other: &Self) -> bool {
        let same = |(own, theirs): (&Cell, &Cell)| Cell { left: theirs.left, ..own.clone() } == *theirs;
        self.cells.len() != other.cells.len() || !self.cells.iter().zip(&other.cells).all(same)
    }
}

/// Items that a board names beside their numbers.
pub(super) struct Names<'a> {
    pub facts: &'a Facts,
    pub items: &'a BTreeMap<Sku, ItemEconomics>,
}

/// What the plan says of cells.
struct Said<'a> {
    offers: BTreeMap<(&'a Sku, &'a Place, Period), &'a Explanation>,
    /// The best offer left out, promotions before markdowns of the same worth.
    left_out: BTreeMap<(&'a Sku, &'a Place, Period), &'a RejectedOffer>,
}

/// Puts a board together.
pub(super) fn drawn(board: &Board, grid: &Grid, names: &Names, sketch: Sketch, before: Option<&PlanReport>) -> Drawn {
    let report = sketch.proposal.report;
    let rows: Vec<Row> = {
        let (said, locks) = (Said::of(&report), Locked::of(board, grid));
        sketch.cover.iter().map(|cover| row(cover, grid, names, &said, &locks)).collect()
    };
    let same_goal = |old: &&PlanReport| old.goal == report.goal && old.objective == report.objective;
    Drawn {
        periods: grid.span.iter().map(|period| grid.name(period)).collect(),
        totals: totals(board, grid, &report, &rows),
        limits: report.limits.clone(),
        changed: before.map_or_else(Vec::new, |before| offer_changes(before, &report)),
        value_difference: before.filter(same_goal).map(|before| report.value - before.value),
        rows,
        report: Arc::new(report),
    }
}

impl<'a> Said<'a> {
    fn of(report: &'a PlanReport) -> Self {
        let offers = report.offers.iter().map(|e| ((&e.offer.sku, &e.offer.place, e.offer.span.start), e)).collect();
        let mut left_out: BTreeMap<_, &RejectedOffer> = BTreeMap::new();
        for rejected in &report.rejected {
            // Best first, so that the first of a cell is its best.
            left_out.entry((&rejected.sku, &rejected.place, rejected.period)).or_insert(rejected);
        }
        Self { offers, left_out }
    }
}

/// Region and period of a lock, all where absent, and its depth.
type Fixed = (Option<Place>, Option<Period>, Depth);

/// Locks by item, the most precise last.
struct Locked<'a> {
    by_sku: BTreeMap<&'a Sku, Vec<Fixed>>,
}

impl<'a> Locked<'a> {
    fn of(board: &'a Board, grid: &Grid) -> Self {
        let mut by_sku: BTreeMap<&Sku, Vec<_>> = BTreeMap::new();
        let mut locks: Vec<&Lock> = board.scenario.limits.locks.iter().collect();
        locks.sort_by_key(|lock| usize::from(lock.place.is_some()) + usize::from(lock.period.is_some()));
        for lock in locks {
            let place = lock.place.as_ref().map(|place| grid.region(&lock.sku, place).unwrap_or(place.clone()));
            let period = lock.period.as_ref().and_then(|text| grid.period(text).ok());
            by_sku.entry(&lock.sku).or_default().push((place, period, lock.depth));
        }
        Self { by_sku }
    }

    fn at(&self, sku: &Sku, place: &Place, period: Period) -> Option<Depth> {
        let covers = |(region, at, _): &&Fixed| {
            region.as_ref().is_none_or(|region| region == place) && at.is_none_or(|at| at == period)
        };
        self.by_sku.get(sku)?.iter().rev().find(covers).map(|lock| lock.2)
    }
}

fn row(cover: &Cover, grid: &Grid, names: &Names, said: &Said, locks: &Locked) -> Row {
    let (item, known) = (&names.items[&cover.sku], names.facts.items.get(&cover.sku));
    let cell = |(period, cover_of): (Period, &PeriodCover)| {
        let at = (&cover.sku, &cover.place, period);
        let cell = match (said.offers.get(&at), said.left_out.get(&at)) {
            (Some(e), _) => running(e),
            (None, Some(rejected)) => left_out(rejected),
            (None, None) => empty(),
        };
        Cell {
            locked: locks.at(&cover.sku, &cover.place, period),
            supply: SupplyState::of(cover_of.stockout),
            stockout: cover_of.stockout,
            stock: cover_of.left,
            ..cell
        }
    };
    Row {
        sku: cover.sku.clone(),
        name: known.and_then(|item| item.name.clone()),
        group: item.group.clone(),
        category: item.category.clone(),
        place: cover.place.clone(),
        cells: grid.span.iter().zip(&cover.periods).map(cell).collect(),
    }
}

fn empty() -> Cell {
    Cell {
        depth: None,
        kind: OfferKind::Promotion,
        locked: None,
        value: 0,
        left: 0.0,
        supply: SupplyState::Ok,
        stockout: 0.0,
        stock: None,
        because: None,
        next_best: None,
    }
}

fn running(e: &Explanation) -> Cell {
    Cell {
        depth: Some(e.offer.depth),
        kind: e.kind,
        value: e.value,
        left: e.priced_margin,
        because: Some(e.because.clone()),
        next_best: e.next_best,
        ..empty()
    }
}

fn left_out(rejected: &RejectedOffer) -> Cell {
    Cell {
        kind: rejected.kind,
        left: rejected.priced_margin,
        because: Some(rejected.because.clone()),
        next_best: Some((rejected.depth, rejected.total)),
        ..empty()
    }
}

fn totals(board: &Board, grid: &Grid, report: &PlanReport, rows: &[Row]) -> Totals {
    let scenario = &board.scenario;
    Totals {
        currency: scenario.currency,
        objective: report.objective.clone(),
        goal: report.goal.clone(),
        value: report.value,
        bound: report.bound,
        gap: report.gap,
        status: report.status,
        offers: report.offers.len(),
        spend: report.offers.iter().map(|e| e.budget_use).sum(),
        budget: scenario.money(scenario.limits.budget).minor,
        slots: slots(grid, rows, scenario.limits.slots),
        pnl: report.pnl,
        outcomes: report.outcomes,
        supply: risk(rows),
    }
}

fn slots(grid: &Grid, rows: &[Row], available: usize) -> Vec<SlotUse> {
    let mut used: BTreeMap<&Place, Vec<usize>> = BTreeMap::new();
    for row in rows {
        let of_region = used.entry(&row.place).or_insert_with(|| vec![0; grid.span.len()]);
        for (used, cell) in of_region.iter_mut().zip(&row.cells) {
            *used += usize::from(cell.depth.is_some() && cell.kind == OfferKind::Promotion);
        }
    }
    used.into_iter().map(|(place, used)| SlotUse { place: place.clone(), used, available }).collect()
}

fn risk(rows: &[Row]) -> SupplyRisk {
    let cells = || rows.iter().flat_map(|row| &row.cells);
    let mean = |cells: &mut dyn Iterator<Item = &Cell>| {
        let (sum, count) = cells.fold((0.0, 0usize), |(sum, count), cell| (sum + cell.stockout, count + 1));
        sum / count.max(1) as f64
    };
    let count = |state: SupplyState| cells().filter(|cell| cell.supply == state).count();
    SupplyRisk {
        of_offers: mean(&mut cells().filter(|cell| cell.depth.is_some())),
        of_cells: mean(&mut cells()),
        tight: count(SupplyState::Tight),
        short: count(SupplyState::Short),
        out: count(SupplyState::Out),
    }
}
