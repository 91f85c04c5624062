//! Plan: forecast, opening stock, offers and the supply behind them, wired from the crates that know how.

use crate::jobs::JobError;
use crate::sense::Facts;
use crate::sizes::broken;
use endcap_demand::Fitted;
use endcap_model::{
    AsOf, ContentHash, Forecast, LiftModel, Offer, Pieces, Place, Plan, PlanId, Scenario, Sku, SnapshotId, Span,
    StockState,
};
use endcap_plan::{PlanInput, Proposal, Proposed, solve};
use endcap_supply::{CellTerms, SupplyPlan, SupplySettings};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Quantile levels of every forecast that a plan rests on.
pub const LEVELS: [f64; 3] = [0.05, 0.5, 0.95];

/// A proposal with what it was made from; becomes a [`Plan`] once its supply is ordered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Draft {
    /// Name of the plan that it becomes.
    pub id: PlanId,
    /// Facts.
    pub snapshot: SnapshotId,
    /// Lift model.
    pub model: ContentHash,
    /// Baseline forecast.
    pub forecast: ContentHash,
    /// When the facts were known.
    pub as_of: AsOf,
    /// Offers and report.
    pub proposal: Proposal,
}

impl Draft {
    /// Returns the offers of a reference policy; none when the proposal has no such policy.
    pub fn reference(&self, name: &str) -> &[Offer] {
        let mut references = self.proposal.references.iter();
        references.find(|(known, _)| known == name).map_or(&[], |(_, offers)| offers)
    }

    /// Completes the plan with its orders and transfers.
    pub fn with_supply(&self, planned: &Forecast, supplied: &SupplyPlan, scenario: &Scenario) -> Plan {
        Plan {
            id: self.id.clone(),
            parent: None,
            objectives: None,
            snapshot: self.snapshot.clone(),
            as_of: self.as_of,
            calendar: planned.calendar,
            span: span_of(planned),
            currency: scenario.currency,
            offers: self.proposal.offers.clone(),
            orders: supplied.orders.clone(),
            transfers: supplied.transfers.clone(),
            report: self.proposal.report.clone(),
        }
    }
}

/// Forecasts every series over the scenario's horizon under these offers.
///
/// # Errors
/// [`JobError`] when there is no history or the model cannot forecast it.
pub fn forecast(facts: &Facts, fitted: &Fitted, scenario: &Scenario, offers: &[Offer]) -> Result<Forecast, JobError> {
    let span = facts.horizon(scenario).ok_or_else(|| JobError::Missing("a history of sales".into()))?;
    let future = facts.future(span, offers)?;
    Ok(endcap_demand::forecast(fitted, &facts.panel, &future, &LEVELS)?)
}

/// What the model is known to forecast of the facts under some offers.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The offers.
    pub offers: &'a [Offer],
    /// The model's forecast under them, as nobody changed it.
    pub forecast: &'a Forecast,
}

/// As [`forecast`], to the bit, taking from what is known all that these offers do not move.
///
/// # Errors
/// As [`forecast`].
pub fn forecast_again(
    facts: &Facts,
    fitted: &Fitted,
    scenario: &Scenario,
    known: Known,
    offers: &[Offer],
) -> Result<Forecast, JobError> {
    let span = facts.horizon(scenario).ok_or_else(|| JobError::Missing("a history of sales".into()))?;
    if span_of(known.forecast) != span || known.forecast.levels != LEVELS {
        return forecast(facts, fitted, scenario, offers);
    }
    let [before, future] = [known.offers, offers].map(|offers| facts.future(span, offers));
    Ok(endcap_demand::forecast_again(fitted, &facts.panel, (&before?, known.forecast), &future?)?)
}

/// Chooses offers; the inner error is the set of rules that clash.
///
/// # Errors
/// [`JobError`] when the input cannot be planned on.
pub fn draft(
    facts: &Facts,
    lift: &LiftModel,
    baseline: &Forecast,
    scenario: &Scenario,
    settings: &solve::Settings,
) -> Result<Result<Proposal, Vec<String>>, JobError> {
    let items = facts.economics(scenario);
    let states = opening_stock(facts, baseline, scenario);
    let broken = broken(facts, baseline);
    let input = input(facts, lift, baseline, scenario, &items, (&states, &broken));
    Ok(match endcap_plan::propose(&input, settings)? {
        Proposed::Plan(proposal) => Ok(proposal),
        Proposed::Infeasible { conflict } => Err(conflict),
    })
}

/// Assembles what the planner reads; `broken` is what [`broken`] finds.
pub fn input<'a>(
    facts: &'a Facts,
    lift: &'a LiftModel,
    baseline: &'a Forecast,
    scenario: &'a Scenario,
    items: &'a BTreeMap<Sku, endcap_plan::ItemEconomics>,
    (states, broken): (&'a [StockState], &'a BTreeMap<(Sku, Place), f64>),
) -> PlanInput<'a> {
    PlanInput {
        scenario,
        calendar: baseline.calendar,
        span: span_of(baseline),
        lift,
        baseline,
        regions: &facts.regions,
        items,
        states,
        broken,
        published: &[],
    }
}

/// Plans orders and transfers for a forecast, and projects the stock under them. Opening stock, where it is assumed,
/// follows the baseline, so that it does not depend on the plan.
///
/// # Errors
/// [`JobError`] when supply cannot be planned on these states.
pub fn supply(
    facts: &Facts,
    forecast: &Forecast,
    baseline: &Forecast,
    scenario: &Scenario,
    seed: u64,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<SupplyPlan, JobError> {
    supply_with(facts, forecast, baseline, scenario, &supply_settings(facts, scenario, seed), progress)
}

/// As [`supply`], by these settings.
///
/// # Errors
/// [`JobError`] when supply cannot be planned on these states.
pub fn supply_with(
    facts: &Facts,
    forecast: &Forecast,
    baseline: &Forecast,
    scenario: &Scenario,
    settings: &SupplySettings,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<SupplyPlan, JobError> {
    let states = opening_stock(facts, baseline, scenario);
    let terms = cell_terms(facts, baseline, scenario);
    Ok(endcap_supply::supply(forecast, &states, &terms, settings, progress)?)
}

/// Returns how supply is planned under a scenario.
pub fn supply_settings(facts: &Facts, scenario: &Scenario, seed: u64) -> SupplySettings {
    let stockout = scenario.limits.stockout_probability_max;
    SupplySettings {
        service_level_min: (stockout < 1.0).then_some(1.0 - stockout),
        lead_time_periods: scenario.supply.lead_time_periods,
        review_periods: scenario.supply.review_periods,
        transfer_cost: scenario.supply.transfer_cost.map(|cost| scenario.money(cost).minor as f64),
        regions: one_region(facts),
        write_down: scenario.supply.write_down,
        seed,
        ..SupplySettings::default()
    }
}

/// Returns stock at the start: what the facts state, else so many periods of mean baseline demand.
pub fn opening_stock(facts: &Facts, baseline: &Forecast, scenario: &Scenario) -> Vec<StockState> {
    let stated: BTreeMap<(&Sku, &Place), &StockState> =
        facts.stock.iter().map(|state| ((&state.sku, &state.place), state)).collect();
    let cover = scenario.supply.opening_stock.cover_periods;
    let assumed = |sku: &Sku, place: &Place, mean: f64| StockState {
        sku: sku.clone(),
        place: place.clone(),
        on_hand: Pieces((mean * cover).ceil() as i64),
        pipeline: vec![],
    };
    mean_by_cell(baseline)
        .into_iter()
        .map(|((sku, place), mean)| match stated.get(&(sku, place)) {
            Some(state) => (*state).clone(),
            None => assumed(sku, place, mean),
        })
        .collect()
}

/// Returns costs and packs of every cell of a forecast, in minor units per piece.
pub fn cell_terms(facts: &Facts, baseline: &Forecast, scenario: &Scenario) -> Vec<CellTerms> {
    let economics = facts.economics(scenario);
    let supply = &scenario.supply;
    mean_by_cell(baseline)
        .into_keys()
        .map(|(sku, place)| {
            let money = &economics[sku];
            let item = facts.items.get(sku);
            let unit_cost = money.unit_cost as f64;
            CellTerms {
                sku: sku.clone(),
                place: place.clone(),
                case_pack: item.and_then(|item| item.case_pack).unwrap_or(supply.case_pack),
                minimum_order: item.and_then(|item| item.minimum_order).unwrap_or(supply.minimum_order),
                shelf_life: money.shelf_life,
                maximum_stock: None,
                volume: 1.0,
                feed: None,
                supplier: item.and_then(|item| item.supplier.clone()),
                unit_margin: (money.list_price - money.unit_cost) as f64,
                unit_cost,
                holding_cost: unit_cost * supply.holding_rate,
                shortage_cost: money.list_price as f64 * supply.shortage_rate,
                waste_cost: unit_cost * supply.waste_rate,
            }
        })
        .collect()
}

/// Counts the item-regions on which offers could be set.
pub fn item_regions(facts: &Facts) -> usize {
    let columns = facts.panel.columns();
    let region = |row: usize| &facts.regions[&facts.panel.places()[columns.place[row] as usize].place];
    let cells: BTreeSet<(u32, &Place)> = (0..facts.panel.len()).map(|row| (columns.sku[row], region(row))).collect();
    cells.len()
}

/// Returns the periods of a forecast.
pub fn span_of(forecast: &Forecast) -> Span {
    let periods = || forecast.rows.iter().map(|row| row.period);
    match (periods().min(), periods().max()) {
        (Some(start), Some(last)) => Span { start, end: last.plus(1) },
        _ => Span::of_length(endcap_model::Period(0), 0),
    }
}

/// All places in one region: pieces may move between any two.
fn one_region(facts: &Facts) -> BTreeMap<Place, Place> {
    facts.regions.keys().map(|place| (place.clone(), Place::new("all"))).collect()
}

fn mean_by_cell(forecast: &Forecast) -> BTreeMap<(&Sku, &Place), f64> {
    let mut sums: BTreeMap<(&Sku, &Place), (f64, f64)> = BTreeMap::new();
    for row in &forecast.rows {
        let cell = sums.entry((&row.sku, &row.place)).or_default();
        cell.0 += row.mean;
        cell.1 += 1.0;
    }
    sums.into_iter().map(|(cell, (sum, count))| (cell, sum / count)).collect()
}
