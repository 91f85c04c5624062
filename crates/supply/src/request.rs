//! A supply request: sales, stock and deliveries as a retailer's systems keep them, answered with a plan.
//!
//! Joins the tables, takes the forecast or estimates demand from the sales, and fills what the items do not state
//! from the configuration. Never guesses a stock: what the stock table does not list is not planned.

use crate::error::{SupplyError, in_range};
use crate::feeds::{FeedRow, Feeds};
use crate::odd::{Booked, odd_sales};
use crate::sift::{SetAside, Sifted, sift};
use crate::{
    Alert, CellTerms, Demand, DemandEstimate, EstimateSettings, PERIODS_MAX, SalesHistory, SizeCell, SizeOf,
    StyleHealth, SupplyConfig, SupplyPlan, SupplySettings, estimate, styles, supply,
};
use endcap_model::{Calendar, Forecast, ForecastRow, Group, Period, Pieces, Place, Sku, StockState, Supplier};
use std::collections::{BTreeMap, BTreeSet};

/// Dispersion of a forecast that states none, of a cell that was never sold in stock.
const DISPERSION_UNKNOWN: f64 = 2.0;

/// Pieces on hand at the end of the last period of sales.
#[derive(Clone, Debug, PartialEq)]
pub struct StockRow {
    /// Row of its table, from 1: for messages.
    pub row: usize,
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
    /// Row of its table, from 1: for messages.
    pub row: usize,
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
    /// Row of its table, from 1: for messages.
    pub row: usize,
    /// The item.
    pub sku: Sku,
    /// Pieces in a case.
    pub case_pack: Option<i64>,
    /// Fewest pieces in an order.
    pub minimum_order: Option<i64>,
    /// Periods in which a piece can be sold.
    pub shelf_life: Option<usize>,
    /// Most pieces that shelf and back room of a place hold.
    pub maximum_stock: Option<i64>,
    /// What a piece takes of a truck; 1 where nothing is said.
    pub volume: Option<f64>,
    /// Who delivers it.
    pub supplier: Option<Supplier>,
    /// Items with the same season.
    pub group: Option<Group>,
    /// Cost of a piece.
    pub unit_cost: Option<f64>,
    /// Earned on a piece sold.
    pub unit_margin: Option<f64>,
    /// What it is a size of.
    pub size_of: Option<SizeOf>,
}

impl ItemRow {
    /// An item of which nothing else is said.
    pub fn new(sku: Sku) -> Self {
        Self {
            row: 0,
            sku,
            case_pack: None,
            minimum_order: None,
            shelf_life: None,
            maximum_stock: None,
            volume: None,
            supplier: None,
            group: None,
            unit_cost: None,
            unit_margin: None,
            size_of: None,
        }
    }
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
    /// Which places are fed by which warehouse; the others order from suppliers.
    pub feeds: Vec<FeedRow>,
    /// Demand to plan for; estimated from the sales where absent.
    pub forecast: Option<GivenForecast>,
}

/// Last periods whose sales say whether a style is slow.
const LATELY: i32 = 4;

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
    /// Styles whose sizes the items state, and how whole their runs are.
    pub styles: Vec<StyleHealth>,
    /// Cells in stock of whose demand nothing is known; they have no orders.
    pub without_history: Vec<(Sku, Place)>,
    /// Cells with sales that the stock table does not list; they have no orders.
    pub without_stock: usize,
    /// What was left out, or needs a word, with its reason; the rest was planned.
    pub set_aside: Vec<SetAside>,
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
    let Sifted { sales, stock, deliveries, items, feeds, set_aside } = sift(request, config, request.first()?);
    let cells: Vec<(Sku, Place)> = stock.iter().map(|row| (row.sku.clone(), row.place.clone())).collect();
    let asked = Asked { given: request.forecast.as_ref(), sales: &sales, config, items: &items };
    let Demanded { mut forecast, persistence, half_life, mut without_history } = asked.demanded(&cells)?;
    ship_only(&mut forecast, &mut without_history, &feeds);
    let planned: BTreeSet<(Sku, Place)> =
        forecast.rows.iter().map(|row| (row.sku.clone(), row.place.clone())).collect();
    let settings = config.settings(persistence);
    let states = states(&stock, &deliveries, &planned);
    let terms: Vec<CellTerms> =
        planned.iter().map(|(sku, place)| config.terms(sku, place, items.get(sku), &feeds)).collect();
    let mut plan = supply(&forecast, &states, &terms, &settings, progress)?;
    let now = forecast.rows.iter().map(|row| row.period).min().ok_or(SupplyError::Empty)?.plus(-1);
    plan.add_alerts(asked.odd(&states, &terms, now)?);
    let styles = asked.styles(&forecast, &states, &terms, now);
    let sold: BTreeSet<(&Sku, &Place)> = sales.rows.iter().map(|row| (&row.sku, &row.place)).collect();
    let listed: BTreeSet<(&Sku, &Place)> = request.stock.iter().map(|row| (&row.sku, &row.place)).collect();
    let without_stock = sold.difference(&listed).count();
    Ok(SupplyAnswer { plan, settings, now, half_life, styles, without_history, without_stock, set_aside })
}

/// Plans warehouses of whose own demand nothing is known: they only ship.
fn ship_only(forecast: &mut Forecast, without_history: &mut Vec<(Sku, Place)>, feeds: &Feeds) {
    let (ship, unknown): (Vec<_>, Vec<_>) =
        std::mem::take(without_history).into_iter().partition(|(_, place)| feeds.is_warehouse(place));
    *without_history = unknown;
    let periods: BTreeSet<Period> = forecast.rows.iter().map(|row| row.period).collect();
    let fed: BTreeSet<Sku> =
        forecast.rows.iter().filter(|row| feeds.source(&row.place).is_some()).map(|row| row.sku.clone()).collect();
    for (sku, place) in ship.into_iter().filter(|(sku, _)| fed.contains(sku)) {
        let levels = forecast.levels.len();
        forecast.rows.extend(periods.iter().map(|&period| ForecastRow {
            sku: sku.clone(),
            place: place.clone(),
            period,
            mean: 0.0,
            baseline: 0.0,
            dispersion: 1.0,
            quantiles: vec![0.0; levels],
        }));
    }
}

struct Demanded {
    forecast: Forecast,
    persistence: f64,
    half_life: Option<f64>,
    without_history: Vec<(Sku, Place)>,
}

/// What demand is known from.
#[derive(Clone, Copy)]
struct Asked<'a> {
    given: Option<&'a GivenForecast>,
    sales: &'a SalesHistory,
    config: &'a SupplyConfig,
    items: &'a BTreeMap<&'a Sku, &'a ItemRow>,
}

impl Asked<'_> {
    /// Takes the forecast of the cells in stock, or estimates one.
    fn demanded(&self, cells: &[(Sku, Place)]) -> Result<Demanded, SupplyError> {
        let Some(given) = self.given else {
            let found = self.estimated(cells)?;
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
            let found = self.estimated(cells)?.forecast.rows;
            let measured: BTreeMap<(&Sku, &Place), f64> =
                found.iter().map(|row| ((&row.sku, &row.place), row.dispersion)).collect();
            for row in &mut forecast.rows {
                row.dispersion = measured.get(&(&row.sku, &row.place)).copied().unwrap_or(DISPERSION_UNKNOWN);
            }
        }
        let known: BTreeSet<(Sku, Place)> =
            forecast.rows.iter().map(|row| (row.sku.clone(), row.place.clone())).collect();
        let without_history = cells.iter().filter(|cell| !known.contains(cell)).cloned().collect();
        Ok(Demanded { forecast, persistence: 0.0, half_life: None, without_history })
    }

    fn estimated(&self, cells: &[(Sku, Place)]) -> Result<DemandEstimate, SupplyError> {
        estimate(self.sales, cells, &self.groups(), &self.estimate_settings()?)
    }

    fn groups(&self) -> BTreeMap<Sku, Group> {
        self.items.values().filter_map(|item| Some((item.sku.clone(), item.group.clone()?))).collect()
    }

    fn estimate_settings(&self) -> Result<EstimateSettings, SupplyError> {
        let last = self.sales.rows.iter().map(|row| row.period).max().ok_or(SupplyError::NoSales)?;
        let items: Vec<&ItemRow> = self.items.values().copied().collect();
        Ok(EstimateSettings {
            start: last.plus(1),
            horizon: self.config.horizon(),
            cover_periods: self.config.lead_time_periods + self.config.review_periods - 1,
            service_level: self.config.service_level(&items),
            levels: Vec::new(),
        })
    }

    /// Looks at the styles of the items, with what was sold in the last periods beside what is expected in the next ones.
    fn styles(&self, forecast: &Forecast, states: &[StockState], terms: &[CellTerms], now: Period) -> Vec<StyleHealth> {
        let sizes: BTreeMap<Sku, SizeOf> =
            self.items.values().filter_map(|item| Some((item.sku.clone(), item.size_of.clone()?))).collect();
        if sizes.is_empty() {
            return Vec::new();
        }
        let mut cells: BTreeMap<(Sku, Place), SizeCell> = BTreeMap::new();
        let margins: BTreeMap<(&Sku, &Place), f64> =
            terms.iter().map(|terms| ((&terms.sku, &terms.place), terms.underage_cost())).collect();
        for state in states.iter().filter(|state| sizes.contains_key(&state.sku)) {
            let Some(&unit_margin) = margins.get(&(&state.sku, &state.place)) else { continue };
            let cell =
                SizeCell { on_hand: state.on_hand.0, demand: Demand::default(), sold: 0.0, expected: 0.0, unit_margin };
            cells.insert((state.sku.clone(), state.place.clone()), cell);
        }
        let cover = (self.config.lead_time_periods + self.config.review_periods - 1) as i32;
        for row in &forecast.rows {
            if let Some(cell) = cells.get_mut(&(row.sku.clone(), row.place.clone())) {
                // A size that an order brings in time is not worth a way.
                if row.period.0 <= now.0 + cover {
                    cell.demand = cell.demand.and(Demand { mean: row.mean, dispersion: row.dispersion });
                }
                let near = row.period.0 <= now.0 + LATELY;
                cell.expected += if near { row.baseline } else { 0.0 };
            }
        }
        let mut known = false;
        for row in self.sales.rows.iter().filter(|row| (now.0 - LATELY + 1..=now.0).contains(&row.period.0)) {
            known = true;
            if let Some(cell) = cells.get_mut(&(row.sku.clone(), row.place.clone())) {
                cell.sold += row.units;
            }
        }
        if !known {
            cells.values_mut().for_each(|cell| cell.expected = 0.0);
        }
        let way = |from: &Place, to: &Place| self.config.transfers.as_ref()?.way(from, to);
        styles(&sizes, &cells, self.config.broken_loss, way)
    }

    /// Odd sales of the period that has just passed, where it is the last of the sales.
    fn odd<'a>(&self, states: &[StockState], terms: &'a [CellTerms], now: Period) -> Result<Vec<Alert>, SupplyError> {
        let Ok(settings) = self.estimate_settings() else { return Ok(Vec::new()) };
        if settings.start != now.plus(1) {
            return Ok(Vec::new());
        }
        let on_hand: BTreeMap<(&Sku, &Place), i64> =
            states.iter().map(|state| ((&state.sku, &state.place), state.on_hand.0)).collect();
        let booked = |terms: &'a CellTerms| -> Option<((Sku, Place), Booked<'a>)> {
            let on_hand = *on_hand.get(&(&terms.sku, &terms.place))?;
            Some(((terms.sku.clone(), terms.place.clone()), Booked { terms, on_hand }))
        };
        odd_sales(self.sales, &terms.iter().filter_map(booked).collect(), &self.groups(), &settings)
    }
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
    pub(crate) fn terms(&self, sku: &Sku, place: &Place, item: Option<&&ItemRow>, feeds: &Feeds) -> CellTerms {
        let (feed, pack) = feeds.of(place).map_or((None, None), |(feed, pack)| (Some(feed), pack));
        let stated = |value: fn(&ItemRow) -> Option<f64>| item.and_then(|item| value(item));
        CellTerms {
            sku: sku.clone(),
            place: place.clone(),
            case_pack: pack.or(item.and_then(|item| item.case_pack)).unwrap_or(self.case_pack),
            // The supplier's minimum does not bind what a warehouse ships.
            minimum_order: match feed {
                Some(_) => 0,
                None => item.and_then(|item| item.minimum_order).unwrap_or(self.minimum_order),
            },
            shelf_life: item.and_then(|item| item.shelf_life).or(self.shelf_life),
            maximum_stock: item
                .and_then(|item| item.maximum_stock)
                .or(self.maximum_stock)
                .filter(|_| !feeds.is_warehouse(place)),
            volume: stated(|item| item.volume).unwrap_or(1.0),
            supplier: item.and_then(|item| item.supplier.clone()),
            feed,
            unit_margin: stated(|item| item.unit_margin).unwrap_or(0.0),
            unit_cost: stated(|item| item.unit_cost).unwrap_or(self.unit_cost),
            holding_cost: self.holding_cost,
            shortage_cost: self.shortage_cost,
            waste_cost: self.waste_cost,
        }
    }
}
