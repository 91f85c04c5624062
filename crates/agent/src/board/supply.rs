//! The supply that goes with a board's plan: demand with its offers, the orders and transfers behind them, how stock is
//! expected to run, and what people should look at.
//!
//! Demand, orders and paths are those that the loop would make for the same offers on the same facts. Never chooses an
//! offer, never places an order.

use super::workbench::BoardError;
use crate::ground::Ground;
use crate::jobs::JobError;
use crate::sense::Facts;
use crate::{plan, sizes};
use endcap_demand::overrides::override_alike;
use endcap_model::{
    Calendar, Depth, Forecast, Offer, Period, Place, ProjectionRow, Scenario, Sku, SupplyOrder, Transfer,
};
use endcap_supply::{Action, Alert, AlertKind, Handling, SlowCause, StyleHealth, SupplyPlan, SupplyTotals, Urgency};
use serde::Serialize;
use std::collections::BTreeMap;

/// Seed of the paths: that of the loop.
const SEED: u64 = 1;

/// The supply behind a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct BoardSupply {
    /// Calendar of the periods.
    pub calendar: Calendar,
    /// Periods, as their calendar writes them.
    pub periods: Vec<String>,
    /// What it comes to.
    pub glance: SupplyGlance,
    /// Items at places, those with most at stake first.
    pub cells: Vec<SupplyCell>,
    /// What people should look at, the costliest first.
    pub alerts: Vec<SupplyAlert>,
    /// Orders by the period in which they are placed.
    pub orders: Vec<SupplyOrder>,
    /// Pieces to move now.
    pub transfers: Vec<Transfer>,
    /// Styles with several sizes; empty where the facts state no sizes.
    pub styles: Vec<StyleCover>,
    /// The period at whose end the orders of now are placed.
    pub now: Period,
}

/// What supply comes to. Money in minor units.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SupplyGlance {
    /// Orders of now, and the expected pieces of the whole horizon.
    #[serde(flatten)]
    pub totals: SupplyTotals,
    /// Orders that are expected later in the horizon.
    pub orders_later: usize,
    /// Transfers of now.
    pub transfers: usize,
    /// What the transfers are expected to gain after their cost.
    pub transfer_gain: i64,
    /// Alerts that the plan remedies by itself.
    pub auto: usize,
    /// Alerts that a planner confirms.
    pub review: usize,
    /// Alerts for which a person must find a way.
    pub exception: usize,
    /// What all alerts together put at stake.
    pub at_stake: i64,
}

/// An item at a place.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SupplyCell {
    /// The item.
    pub sku: Sku,
    /// Its name, where the facts have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The place.
    pub place: Place,
    /// The region in which its offers are set.
    pub region: Place,
    /// Pieces on hand when the plan begins.
    pub on_hand: i64,
    /// What its alerts put at stake, in minor units.
    pub at_stake: i64,
    /// What is wrong with it, the costliest first.
    pub alerts: Vec<AlertKind>,
    /// How its stock is expected to run.
    pub periods: Vec<SupplyPeriod>,
}

/// How the stock of an item at a place is expected to stand in a period.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SupplyPeriod {
    /// The period, as its calendar writes it.
    pub period: String,
    /// Pieces at its end: 5 % quantile.
    pub stock_q05: f64,
    /// 25 % quantile.
    pub stock_q25: f64,
    /// Median.
    pub stock_q50: f64,
    /// 75 % quantile.
    pub stock_q75: f64,
    /// 95 % quantile.
    pub stock_q95: f64,
    /// Probability that demand exceeds what can be sold.
    pub stockout: f64,
    /// Expected pieces sold.
    pub sales: f64,
    /// Expected pieces wanted and not there.
    pub lost: f64,
    /// Expected pieces that arrive at its start.
    pub arrivals: f64,
    /// Pieces that are ordered just before it begins.
    pub ordered: i64,
    /// The depth that is offered in it; nothing without an offer.
    pub depth: Option<Depth>,
}

/// Something that people should look at.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SupplyAlert {
    /// The item.
    pub sku: Sku,
    /// Its name, where the facts have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The place.
    pub place: Place,
    /// What is wrong.
    pub kind: AlertKind,
    /// The same in words.
    pub words: String,
    /// When: the run-out, the first waste, or the end of the horizon.
    pub period: String,
    /// Expected pieces lost, wasted or too many over the horizon.
    pub units: f64,
    /// What they cost, in minor units.
    pub value: i64,
    /// Probability that it comes so where nothing is done.
    pub confidence: f64,
    /// How soon something must be done.
    pub urgency: Urgency,
    /// What to do.
    pub action: Action,
    /// Who has to look.
    pub handling: Handling,
}

/// A style over its places.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StyleCover {
    /// The style.
    pub style: String,
    /// Share of demand, over all places, whose size is there.
    pub covered: f64,
    /// Share of pieces that lie where a core size is missing.
    pub fragmentation: f64,
    /// Its places, the worst covered first.
    pub places: Vec<StylePlace>,
    /// Pieces that complete runs when they are moved; none where the scenario moves no stock.
    pub moves: Vec<StyleMove>,
    /// What the moves are expected to gain after their cost, in minor units.
    pub gain: i64,
}

/// A style at a place.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StylePlace {
    /// The place.
    pub place: Place,
    /// Pieces on hand, all sizes.
    pub pieces: i64,
    /// Share of demand whose size is there.
    pub covered: f64,
    /// Whether a core size is missing.
    pub broken: bool,
    /// Pieces sold lately.
    pub sold: f64,
    /// Pieces that were to be expected.
    pub expected: f64,
    /// Why it sells slowly.
    pub cause: SlowCause,
}

/// Pieces of a size to move.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StyleMove {
    /// The item.
    pub sku: Sku,
    /// Where they lie.
    pub from: Place,
    /// Where they complete a run.
    pub to: Place,
    /// Pieces.
    pub pieces: i64,
}

/// Plans the supply behind offers under a scenario.
///
/// # Errors
/// [`BoardError`] where demand cannot be forecast or the horizon is too short for an order to arrive.
pub fn board_supply(ground: &Ground, scenario: &Scenario, offers: &[Offer]) -> Result<BoardSupply, BoardError> {
    let facts = &ground.facts;
    let model_forecast = plan::forecast(facts, &ground.fitted, scenario, offers)?;
    let (planned, _) = override_alike(&model_forecast, &ground.overrides).map_err(JobError::from)?;
    let supplied = plan::supply(facts, &planned, &ground.baseline, scenario, SEED, &|_, _| {})?;
    Ok(put_together(ground, scenario, &planned, supplied, offers))
}

fn put_together(
    ground: &Ground,
    scenario: &Scenario,
    planned: &Forecast,
    supplied: SupplyPlan,
    offers: &[Offer],
) -> BoardSupply {
    let (calendar, span) = (planned.calendar, plan::span_of(planned));
    let now = span.start.plus(-1);
    let named = Named { facts: &ground.facts, calendar };
    let alerts: Vec<SupplyAlert> = supplied.alerts.iter().map(|alert| named.alert(alert)).collect();
    let count = |handling| alerts.iter().filter(|alert| alert.handling == handling).count();
    let totals = supplied.totals(now);
    let glance = SupplyGlance {
        orders_later: supplied.orders.len() - totals.orders,
        totals,
        transfers: supplied.transfers.len(),
        transfer_gain: whole(supplied.transfer_gain),
        auto: count(Handling::Auto),
        review: count(Handling::Review),
        exception: count(Handling::Exception),
        at_stake: alerts.iter().map(|alert| alert.value).sum(),
    };
    let transfer_cost = scenario.supply.transfer_cost.map(|cost| scenario.money(cost).minor as f64);
    let styles = sizes::health(&ground.facts, &ground.baseline, &ground.items, transfer_cost);
    BoardSupply {
        calendar,
        periods: span.iter().map(|period| calendar.format(period)).collect(),
        glance,
        cells: named.cells(ground, scenario, &supplied, offers),
        alerts,
        orders: supplied.orders,
        transfers: supplied.transfers,
        styles: styles.into_iter().map(cover).collect(),
        now,
    }
}

/// Facts that give cells and alerts their names.
struct Named<'a> {
    facts: &'a Facts,
    calendar: Calendar,
}

impl Named<'_> {
    fn alert(&self, alert: &Alert) -> SupplyAlert {
        SupplyAlert {
            sku: alert.sku.clone(),
            name: self.facts.name(&alert.sku),
            place: alert.place.clone(),
            kind: alert.kind,
            words: alert.kind.to_string(),
            period: self.calendar.format(alert.period),
            units: alert.units,
            value: whole(alert.value),
            confidence: alert.confidence,
            urgency: alert.urgency,
            action: alert.action,
            handling: alert.handling,
        }
    }

    /// Every cell; projections are sorted by item and place.
    fn cells(&self, ground: &Ground, scenario: &Scenario, supplied: &SupplyPlan, offers: &[Offer]) -> Vec<SupplyCell> {
        let states = plan::opening_stock(self.facts, &ground.baseline, scenario);
        let on_hand: BTreeMap<_, i64> = states.iter().map(|at| ((&at.sku, &at.place), at.on_hand.0)).collect();
        let mut alerts: BTreeMap<(&Sku, &Place), Vec<&Alert>> = BTreeMap::new();
        for alert in &supplied.alerts {
            alerts.entry((&alert.sku, &alert.place)).or_default().push(alert);
        }
        let mut ordered: BTreeMap<(&Sku, &Place, Period), i64> = BTreeMap::new();
        for order in &supplied.orders {
            *ordered.entry((&order.sku, &order.place, order.order_period.plus(1))).or_default() += order.quantity.0;
        }
        let mut offered: BTreeMap<(&Sku, &Place, Period), Depth> = BTreeMap::new();
        for offer in offers {
            offered.extend(offer.span.iter().map(|period| ((&offer.sku, &offer.place, period), offer.depth)));
        }
        let of_cell = |rows: &[ProjectionRow]| {
            let (sku, place) = (&rows[0].sku, &rows[0].place);
            let region = self.facts.regions.get(place).unwrap_or(place);
            let own = alerts.get(&(sku, place)).map(Vec::as_slice).unwrap_or_default();
            let period = |row: &ProjectionRow| SupplyPeriod {
                period: self.calendar.format(row.period),
                stock_q05: row.stock_q05,
                stock_q25: row.stock_q25,
                stock_q50: row.stock_q50,
                stock_q75: row.stock_q75,
                stock_q95: row.stock_q95,
                stockout: row.stockout_probability,
                sales: row.sales,
                lost: row.lost,
                arrivals: row.arrivals,
                ordered: ordered.get(&(sku, place, row.period)).copied().unwrap_or(0),
                depth: offered.get(&(sku, region, row.period)).copied(),
            };
            SupplyCell {
                sku: sku.clone(),
                name: self.facts.name(sku),
                place: place.clone(),
                region: region.clone(),
                on_hand: on_hand.get(&(sku, place)).copied().unwrap_or(0),
                at_stake: own.iter().map(|alert| whole(alert.value)).sum(),
                alerts: own.iter().map(|alert| alert.kind).collect(),
                periods: rows.iter().map(period).collect(),
            }
        };
        let rows = supplied.projection.rows.chunk_by(|a, b| a.sku == b.sku && a.place == b.place);
        let mut cells: Vec<SupplyCell> = rows.map(of_cell).collect();
        cells.sort_by(|a, b| b.at_stake.cmp(&a.at_stake).then_with(|| (&a.sku, &a.place).cmp(&(&b.sku, &b.place))));
        cells
    }
}

fn cover(health: StyleHealth) -> StyleCover {
    let mut places: Vec<StylePlace> = health
        .places
        .into_iter()
        .map(|at| StylePlace {
            place: at.place,
            pieces: at.pieces,
            covered: at.covered,
            broken: at.broken,
            sold: at.sold,
            expected: at.expected,
            cause: at.cause,
        })
        .collect();
    places.sort_by(|a, b| a.covered.total_cmp(&b.covered).then_with(|| a.place.cmp(&b.place)));
    let moved =
        |(sku, at): (Sku, endcap_supply::SizeMove)| StyleMove { sku, from: at.from, to: at.to, pieces: at.pieces };
    StyleCover {
        style: health.style,
        covered: health.covered,
        fragmentation: health.fragmentation,
        places,
        moves: health.moves.into_iter().map(moved).collect(),
        gain: whole(health.gain),
    }
}

fn whole(amount: f64) -> i64 {
    amount.round() as i64
}
