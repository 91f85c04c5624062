//! A supply request: sales, stock and deliveries as a retailer's systems keep them, answered with a plan.
//!
//! Joins the tables, takes the forecast or estimates demand from the sales, and fills what the items do not state
//! from the configuration. Never guesses a stock: what the stock table does not list is not planned.

use crate::error::{SupplyError, in_range};
use crate::sift::{Sifted, sift};
use crate::{
    CellTerms, DemandEstimate, EstimateSettings, PERIODS_MAX, SalesHistory, SupplyConfig, SupplyPlan, SupplySettings,
    estimate, supply,
};
use endcap_model::{Calendar, Forecast, Group, Period, Pieces, Place, Sku, StockState, Supplier};
use std::collections::{BTreeMap, BTreeSet};

/// Dispersion of a forecast that states none, of a cell that was never sold in stock.
const DISPERSION_UNKNOWN: f64 = 2.0;

/// Pieces on hand at the end of the last period of sales.
#[derive(Clone, Debug, PartialEq)]
pub struct StockRow {
    /// The place.
    pub place: Place,
    /// The item.
    pub sku: Sku,
    /// Pieces that can be sold.
    pub on_hand: i64,
}

/// Pieces under way.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryRow {
    /// The place.
    pub place: Place,
    /// The item.
    pub sku: Sku,
    /// Period at whose start they arrive.
    pub arrives: Period,
    /// Pieces.
    pub quantity: i64,
}

/// How an item is ordered; what is absent comes from the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemRow {
    /// The item.
    pub sku: Sku,
    /// Pieces in a case.
    pub case_pack: Option<i64>,
    /// Fewest pieces in an order.
    pub minimum_order: Option<i64>,
    /// Periods in which a piece can be sold.
    pub shelf_life: Option<usize>,
    /// Who delivers it.
    pub supplier: Option<Supplier>,
    /// Items with the same season.
    pub group: Option<Group>,
    /// Cost of a piece.
    pub unit_cost: Option<f64>,
    /// Earned on a piece sold.
    pub unit_margin: Option<f64>,
}

/// Everything a plan is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct SupplyRequest {
    /// Sales; needed where there is no forecast, and for the present: the last period in them has passed.
    pub sales: SalesHistory,
    /// Stock, one row per cell to plan.
    pub stock: Vec<StockRow>,
    /// What is under way.
    pub deliveries: Vec<DeliveryRow>,
    /// Items; where there are any, every item in stock must be one of them.
    pub items: Vec<ItemRow>,
    /// Demand to plan for; estimated from the sales where absent.
    pub forecast: Option<GivenForecast>,
}

/// A forecast from elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenForecast {
    /// The rows.
    pub forecast: Forecast,
    /// Whether its rows state their dispersion; where not, it is measured on the sales.
    pub dispersion_known: bool,
}

/// A plan with what it was made from.
#[derive(Clone, Debug, PartialEq)]
pub struct SupplyAnswer {
    /// The plan.
    pub plan: SupplyPlan,
    /// Settings it was made with.
    pub settings: SupplySettings,
    /// Period at whose end the orders of now are placed.
    pub now: Period,
    /// Half-life of the demand estimate in periods; nothing where a forecast was given.
    pub half_life: Option<f64>,
    /// Cells in stock of whose demand nothing is known; they have no orders.
    pub without_history: Vec<(Sku, Place)>,
    /// Cells with sales that the stock table does not list; they have no orders.
    pub without_stock: usize,
    /// What was left out, or needs a word, with its reason; the rest was planned.
    pub set_aside: Vec<SupplyError>,
}

impl SupplyRequest {
    /// Calendar of the periods.
    pub(crate) fn calendar(&self) -> Calendar {
        self.forecast.as_ref().map_or(self.sales.calendar, |given| given.forecast.calendar)
    }

    /// First period to plan: that of the forecast, else the one after the last sales.
    fn first(&self) -> Result<Period, SupplyError> {
        match &self.forecast {
            Some(given) => given.forecast.rows.iter().map(|row| row.period).min().ok_or(SupplyError::Empty),
            None => {
                let last = self.sales.rows.iter().map(|row| row.period).max();
                last.map(|last| last.plus(1)).ok_or(SupplyError::NoSales)
            }
        }
    }
}

/// Answers a request.
///
/// # Errors
/// [`SupplyError`] for settings outside their ranges, sales and forecasts that are no demand, and where nothing is left to
/// plan; what is wrong with single cells and deliveries is set aside.
pub fn answer(
    request: &SupplyRequest,
    config: &SupplyConfig,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<SupplyAnswer, SupplyError> {
    config.settings(0.0).check()?;
    in_range("horizon", config.horizon() as f64, 1.0, PERIODS_MAX as f64, "1 to 1000 periods")?;
    let Sifted { stock, deliveries, items, set_aside } = sift(request, config, request.first()?);
    let cells: Vec<(Sku, Place)> = stock.iter().map(|row| (row.sku.clone(), row.place.clone())).collect();
    let Demanded { forecast, persistence, half_life, without_history } = demanded(request, config, &items, &cells)?;
    let planned: BTreeSet<(Sku, Place)> =
        forecast.rows.iter().map(|row| (row.sku.clone(), row.place.clone())).collect();
    let settings = config.settings(persistence);
    let states = states(&stock, &deliveries, &planned);
    let terms: Vec<CellTerms> = planned.iter().map(|(sku, place)| config.terms(sku, place, items.get(sku))).collect();
    let plan = supply(&forecast, &states, &terms, &settings, progress)?;
    let now = forecast.rows.iter().map(|row| row.period).min().ok_or(SupplyError::Empty)?.plus(-1);
    let sold: BTreeSet<(&Sku, &Place)> = request.sales.rows.iter().map(|row| (&row.sku, &row.place)).collect();
    let listed: BTreeSet<(&Sku, &Place)> = request.stock.iter().map(|row| (&row.sku, &row.place)).collect();
    let without_stock = sold.difference(&listed).count();
    Ok(SupplyAnswer { plan, settings, now, half_life, without_history, without_stock, set_aside })
}

struct Demanded {
    forecast: Forecast,
    persistence: f64,
    half_life: Option<f64>,
    without_history: Vec<(Sku, Place)>,
}

/// Takes the forecast of the cells in stock, or estimates one.
fn demanded(
    request: &SupplyRequest,
    config: &SupplyConfig,
    items: &BTreeMap<&Sku, &ItemRow>,
    cells: &[(Sku, Place)],
) -> Result<Demanded, SupplyError> {
    let Some(given) = &request.forecast else {
        let found = estimated(request, config, items, cells)?;
        return Ok(Demanded {
            forecast: found.forecast,
            persistence: found.persistence,
            half_life: Some(found.half_life),
            without_history: found.without_history,
        });
    };
    let mut forecast = given.forecast.clone();
    let wanted: BTreeSet<(&Sku, &Place)> = cells.iter().map(|(sku, place)| (sku, place)).collect();
    forecast.rows.retain(|row| wanted.contains(&(&row.sku, &row.place)));
    if !given.dispersion_known {
        let found = estimated(request, config, items, cells)?.forecast.rows;
        let measured: BTreeMap<(&Sku, &Place), f64> =
            found.iter().map(|row| ((&row.sku, &row.place), row.dispersion)).collect();
        for row in &mut forecast.rows {
            row.dispersion = measured.get(&(&row.sku, &row.place)).copied().unwrap_or(DISPERSION_UNKNOWN);
        }
    }
    let known: BTreeSet<(Sku, Place)> = forecast.rows.iter().map(|row| (row.sku.clone(), row.place.clone())).collect();
    let without_history = cells.iter().filter(|cell| !known.contains(cell)).cloned().collect();
    Ok(Demanded { forecast, persistence: 0.0, half_life: None, without_history })
}

fn estimated(
    request: &SupplyRequest,
    config: &SupplyConfig,
    items: &BTreeMap<&Sku, &ItemRow>,
    cells: &[(Sku, Place)],
) -> Result<DemandEstimate, SupplyError> {
    let last = request.sales.rows.iter().map(|row| row.period).max().ok_or(SupplyError::NoSales)?;
    let group_of = items.values().filter_map(|item| Some((item.sku.clone(), item.group.clone()?))).collect();
    let settings = EstimateSettings {
        start: last.plus(1),
        horizon: config.horizon(),
        cover_periods: config.lead_time_periods + config.review_periods - 1,
        service_level: config.service_level(&request.items),
        levels: Vec::new(),
    };
    estimate(&request.sales, cells, &group_of, &settings)
}

fn states(stock: &[&StockRow], deliveries: &[&DeliveryRow], planned: &BTreeSet<(Sku, Place)>) -> Vec<StockState> {
    let mut pipelines: BTreeMap<(&Sku, &Place), Vec<(Period, Pieces)>> = BTreeMap::new();
    for row in deliveries {
        pipelines.entry((&row.sku, &row.place)).or_default().push((row.arrives, Pieces(row.quantity)));
    }
    let in_plan = stock.iter().filter(|row| planned.contains(&(row.sku.clone(), row.place.clone())));
    in_plan
        .map(|row| StockState {
            sku: row.sku.clone(),
            place: row.place.clone(),
            on_hand: Pieces(row.on_hand),
            pipeline: pipelines.remove(&(&row.sku, &row.place)).unwrap_or_default(),
        })
        .collect()
}

impl SupplyConfig {
    pub(crate) fn terms(&self, sku: &Sku, place: &Place, item: Option<&&ItemRow>) -> CellTerms {
        let stated = |value: fn(&ItemRow) -> Option<f64>| item.and_then(|item| value(item));
        CellTerms {
            sku: sku.clone(),
            place: place.clone(),
            case_pack: item.and_then(|item| item.case_pack).unwrap_or(self.case_pack),
            minimum_order: item.and_then(|item| item.minimum_order).unwrap_or(self.minimum_order),
            shelf_life: item.and_then(|item| item.shelf_life).or(self.shelf_life),
            supplier: item.and_then(|item| item.supplier.clone()),
            unit_margin: stated(|item| item.unit_margin).unwrap_or(0.0),
            unit_cost: stated(|item| item.unit_cost).unwrap_or(self.unit_cost),
            holding_cost: self.holding_cost,
            shortage_cost: self.shortage_cost,
            waste_cost: self.waste_cost,
        }
    }
}
