//! `endcap supply`: from sales, stock and deliveries in a folder to what to order and move now.

use crate::columns;
use crate::console::{Console, Ending, table};
use anyhow::{Context, bail};
use endcap_adapters::AdapterError;
use endcap_adapters::tables::{Column, Table, read_table, read_toml, write_csv, write_parquet};
use endcap_model::{Calendar, Forecast, ForecastRow, Period, Place, Sku, SupplyOrder};
use endcap_supply::{
    Action, AlertKind, DeliveryRow, Demand, GivenForecast, Handling, ItemRow, LimitPrices, OrderAdvice, SalesHistory,
    SalesRow, StockRow, SupplyAnswer, SupplyConfig, SupplyRequest, SupplyTotals, Urgency, answer, are_weeks,
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Project stock and say what to order and move now, from sales, stock and what is under way.
///
/// DIR holds, as CSV or Parquet: sales (place_id, unit_id, period, units, in_stock), stock (place_id, unit_id,
/// on_hand: at the end of the last period), pipeline (place_id, unit_id, arrives, quantity), and if there are any
/// forecast (place_id, unit_id, period, mean, and dispersion or q05 and q95) and items (unit_id, case_pack,
/// minimum_order, shelf_life, supplier_id, group_id, unit_cost, unit_margin); and supply.toml with
/// lead_time_periods, holding_cost, shortage_cost and what docs/formats.md lists.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap supply --state shop/supply\n  endcap supply --state shop/supply --out orders --json\n\nWrites orders.csv, projection.parquet, transfers.csv and levels.csv."
)]
pub struct Args {
    /// Folder with the tables and supply.toml.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Folder to write to; the state's own when not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// How the sales file writes its periods, so that orders are written alike.
#[derive(Clone, Copy)]
struct PeriodForm {
    calendar: Calendar,
    /// Days after Monday, for weeks that are written as dates.
    weekday: Option<i32>,
}

/// The result for programs; costs in the unit of supply.toml.
#[derive(Serialize)]
struct Summary {
    order_period: String,
    totals: SupplyTotals,
    transfer_gain: f64,
    lead_time_periods: usize,
    persistence: f64,
    half_life: Option<f64>,
    without_history: Vec<CellName>,
    cells_without_stock: usize,
    set_aside: Vec<String>,
    limit_prices: LimitPrices,
    alerts: Vec<AlertRow>,
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct CellName {
    unit_id: Sku,
    place_id: Place,
}

#[derive(Serialize)]
struct AlertRow {
    unit_id: Sku,
    place_id: Place,
    kind: AlertKind,
    period: String,
    units: f64,
    value: f64,
    confidence: f64,
    urgency: Urgency,
    action: Action,
    handling: Handling,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let config_path = args.state.join("supply.toml");
    let config: SupplyConfig = read_toml(&config_path)?;
    let (request, form) = read_request(&args.state, &config)?;
    let bar = console.progress("Stock projection", request.stock.len() as u64);
    let answered = answer(&request, &config, &|done, _| bar.set_position(done as u64));
    bar.finish_and_clear();
    let answered = answered.with_context(|| format!("no supply plan from {}", args.state.display()))?;
    let out = args.out.as_ref().unwrap_or(&args.state);
    let files = write(out, &answered, form)?;
    console.result(&summary(answered, form, files), show)?;
    Ok(Ending::Done)
}

fn read_request(folder: &Path, config: &SupplyConfig) -> anyhow::Result<(SupplyRequest, PeriodForm)> {
    let forecast = if_any(folder, "forecast")?;
    let sales = match (if_any(folder, "sales")?, &forecast) {
        (None, None) => Some(needed(folder, "sales")?),
        (sales, _) => sales,
    };
    let dated = sales.as_ref().or(forecast.as_ref()).context("Invariant: sales or forecast was read")?;
    let form = PeriodForm::of(dated, config.calendar)?;
    let rows = sales.as_ref().map_or(Ok(Vec::new()), |sales| sales_rows(sales, form.calendar))?;
    let request = SupplyRequest {
        sales: SalesHistory { calendar: form.calendar, rows },
        stock: stock_rows(&needed(folder, "stock")?)?,
        deliveries: deliveries(&needed(folder, "pipeline")?, form.calendar)?,
        items: if_any(folder, "items")?.map_or(Ok(Vec::new()), |items| item_rows(&items))?,
        forecast: forecast.map(|forecast| forecast_of(&forecast, form.calendar)).transpose()?,
    };
    Ok((request, form))
}

fn if_any(folder: &Path, name: &str) -> anyhow::Result<Option<Table>> {
    let files: Vec<PathBuf> = ["parquet", "csv"]
        .iter()
        .map(|end| folder.join(format!("{name}.{end}")))
        .filter(|file| file.exists())
        .collect();
    match files.as_slice() {
        [] => Ok(None),
        [file] => Ok(Some(read_table(file)?)),
        [first, second, ..] => {
            bail!("{} and {} are both there: keep the one that holds the {name}", first.display(), second.display())
        }
    }
}

fn needed(folder: &Path, name: &str) -> anyhow::Result<Table> {
    if_any(folder, name)?.with_context(|| {
        format!("{} has no {name}.csv or {name}.parquet: `endcap supply --help` lists the tables", folder.display())
    })
}

fn cells(table: &Table) -> Result<impl Iterator<Item = (Sku, Place)> + use<>, AdapterError> {
    let (skus, places) = (table.text("unit_id")?, table.text("place_id")?);
    Ok(skus.into_iter().zip(places).map(|(sku, place)| (Sku::new(sku), Place::new(place))))
}

fn sales_rows(table: &Table, calendar: Calendar) -> anyhow::Result<Vec<SalesRow>> {
    let (periods, units) = (table.periods_of("period", calendar)?, table.numbers("units")?);
    let in_stock = table.numbers("in_stock")?;
    if let Some(row) = in_stock.iter().position(|share| !(0.0..=1.0).contains(share)) {
        bail!(table.bad("in_stock", row, &in_stock[row].to_string(), "true or 1 where stock lasted, else false or 0"));
    }
    let values = periods.into_iter().zip(units).zip(in_stock);
    let row = |((sku, place), ((period, units), share))| SalesRow { sku, place, period, units, in_stock: share == 1.0 };
    Ok(cells(table)?.zip(values).map(row).collect())
}

fn stock_rows(table: &Table) -> anyhow::Result<Vec<StockRow>> {
    let on_hand = table.wholes("on_hand")?;
    Ok(cells(table)?.zip(on_hand).map(|((sku, place), on_hand)| StockRow { place, sku, on_hand }).collect())
}

fn deliveries(table: &Table, calendar: Calendar) -> anyhow::Result<Vec<DeliveryRow>> {
    let values = table.periods_of("arrives", calendar)?.into_iter().zip(table.wholes("quantity")?);
    let row = |((sku, place), (arrives, quantity))| DeliveryRow { place, sku, arrives, quantity };
    Ok(cells(table)?.zip(values).map(row).collect())
}

fn item_rows(table: &Table) -> anyhow::Result<Vec<ItemRow>> {
    let named = |names: [&'static str; 2]| names.into_iter().find(|name| table.has(name));
    let none = || vec![None; table.len()];
    let text = |names| named(names).map_or(Ok(vec![None; table.len()]), |name| table.optional_text(name));
    let number = |name| if table.has(name) { table.optional_numbers(name) } else { Ok(none()) };
    let whole = |names| named(names).map_or(Ok(vec![None; table.len()]), |name| optional_wholes(table, name));
    let (packs, minima) = (whole(["case_pack", "case"])?, whole(["minimum_order", "minimum"])?);
    let (lives, suppliers) = (whole(["shelf_life", "shelf_life_periods"])?, text(["supplier_id", "supplier"])?);
    let groups = text(["group_id", "group"])?;
    let (costs, margins) = (number("unit_cost")?, number("unit_margin")?);
    let row = |(at, sku): (usize, String)| {
        let shelf_life = match lives[at] {
            Some(life) if life < 1 => {
                bail!(table.bad("shelf_life", at, &life.to_string(), "1 or more periods, or nothing"))
            }
            life => life.map(|life| life as usize),
        };
        Ok(ItemRow {
            sku: Sku::new(sku),
            case_pack: packs[at],
            minimum_order: minima[at],
            shelf_life,
            supplier: suppliers[at].as_deref().map(Into::into),
            group: groups[at].as_deref().map(Into::into),
            unit_cost: costs[at],
            unit_margin: margins[at],
        })
    };
    table.text("unit_id")?.into_iter().enumerate().map(row).collect()
}

fn optional_wholes(table: &Table, column: &str) -> Result<Vec<Option<i64>>, AdapterError> {
    let whole = |(row, number): (usize, Option<f64>)| match number {
        Some(number) if number.fract() != 0.0 || number.abs() > 9e15 => {
            Err(table.bad(column, row, &number.to_string(), "a whole number"))
        }
        number => Ok(number.map(|number| number as i64)),
    };
    table.optional_numbers(column)?.into_iter().enumerate().map(whole).collect()
}

fn forecast_of(table: &Table, calendar: Calendar) -> anyhow::Result<GivenForecast> {
    let (periods, means) = (table.periods_of("period", calendar)?, table.numbers("mean")?);
    let baselines = if table.has("baseline") { table.numbers("baseline")? } else { means.clone() };
    let stated = if table.has("dispersion") {
        Some(table.numbers("dispersion")?)
    } else if table.has("q05") && table.has("q95") {
        let ends = table.numbers("q05")?.into_iter().zip(table.numbers("q95")?);
        Some(
            means
                .iter()
                .zip(ends)
                .map(|(&mean, (low, high))| Demand::of_interval(mean, low, high).dispersion)
                .collect(),
        )
    } else {
        None
    };
    let row = |(at, (sku, place)): (usize, (Sku, Place))| ForecastRow {
        sku,
        place,
        period: periods[at],
        mean: means[at],
        baseline: baselines[at],
        dispersion: stated.as_ref().map_or(1.0, |stated: &Vec<f64>| stated[at]),
        quantiles: Vec::new(),
    };
    let rows = cells(table)?.enumerate().map(row).collect();
    Ok(GivenForecast { forecast: Forecast { calendar, levels: Vec::new(), rows }, dispersion_known: stated.is_some() })
}

impl PeriodForm {
    /// Recognises the form of a table's periods; dates that all fall on one weekday are weeks.
    fn of(table: &Table, stated: Option<Calendar>) -> anyhow::Result<Self> {
        let (written, periods) = table.periods("period")?;
        let calendar = match (stated, written) {
            (Some(calendar), _) => calendar,
            (None, Calendar::Day) if are_weeks(&periods) => Calendar::Week,
            (None, written) => written,
        };
        let dates_of_weeks = written == Calendar::Day && calendar == Calendar::Week;
        let weekday = periods.first().filter(|_| dates_of_weeks).map(|day| (day.0 - 4).rem_euclid(7));
        Ok(Self { calendar, weekday })
    }

    fn write(self, period: Period) -> String {
        match (self.weekday, self.calendar.start_date(period)) {
            (Some(weekday), Some(monday)) => Calendar::Day.format(Calendar::Day.period_of(monday).plus(weekday)),
            _ => self.calendar.format(period),
        }
    }

    fn column(self, periods: impl Iterator<Item = Period>) -> Column {
        Column::Text(periods.map(|period| self.write(period)).collect())
    }
}

fn write(out: &Path, answered: &SupplyAnswer, form: PeriodForm) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(out).with_context(|| format!("could not make the folder {}", out.display()))?;
    let plan = &answered.plan;
    let orders: Vec<&SupplyOrder> = plan.orders_of(answered.now).collect();
    let text = |of: &dyn Fn(&SupplyOrder) -> String| Column::Text(orders.iter().map(|order| of(order)).collect());
    let files = ["orders.csv", "projection.parquet", "transfers.csv", "levels.csv"].map(|name| out.join(name));
    let supplier = |order: &SupplyOrder| order.supplier.as_ref().map(ToString::to_string).unwrap_or_default();
    write_csv(
        &files[0],
        &[
            ("place_id", text(&|order| order.place.to_string())),
            ("unit_id", text(&|order| order.sku.to_string())),
            ("supplier_id", text(&supplier)),
            ("order_period", form.column(orders.iter().map(|order| order.order_period))),
            ("arrives", form.column(orders.iter().map(|order| order.arrives))),
            ("quantity", Column::Whole(orders.iter().map(|order| order.quantity.0).collect())),
        ],
    )?;
    let mut projection = columns::projection(&plan.projection);
    for (_, column) in projection.iter_mut().filter(|(name, _)| *name == "period") {
        *column = form.column(plan.projection.rows.iter().map(|row| row.period));
    }
    write_parquet(&files[1], &projection)?;
    let moves = &plan.transfers;
    write_csv(
        &files[2],
        &[
            ("unit_id", Column::Text(moves.iter().map(|one| one.sku.to_string()).collect())),
            ("from_place_id", Column::Text(moves.iter().map(|one| one.from.to_string()).collect())),
            ("to_place_id", Column::Text(moves.iter().map(|one| one.to.to_string()).collect())),
            ("period", form.column(moves.iter().map(|one| one.period))),
            ("quantity", Column::Whole(moves.iter().map(|one| one.quantity.0).collect())),
        ],
    )?;
    write_levels(&files[3], &plan.advice)?;
    Ok(files.into())
}

/// Writes what each cell has and asks for, the order that saves most first.
fn write_levels(file: &Path, advice: &[OrderAdvice]) -> Result<(), AdapterError> {
    let mut rows: Vec<&OrderAdvice> = advice.iter().collect();
    rows.sort_by(|a, b| b.saves.total_cmp(&a.saves).then_with(|| (&a.sku, &a.place).cmp(&(&b.sku, &b.place))));
    let number = |of: fn(&OrderAdvice) -> f64| Column::Number(rows.iter().map(|row| of(row)).collect());
    write_csv(
        file,
        &[
            ("place_id", Column::Text(rows.iter().map(|row| row.place.to_string()).collect())),
            ("unit_id", Column::Text(rows.iter().map(|row| row.sku.to_string()).collect())),
            ("position", number(|row| row.position)),
            ("safety_stock", number(|row| row.safety_stock)),
            ("reorder_point", number(|row| row.reorder_point)),
            ("order_up_to", number(|row| row.order_up_to)),
            ("wished", Column::Whole(rows.iter().map(|row| row.wished.0).collect())),
            ("quantity", Column::Whole(rows.iter().map(|row| row.quantity.0).collect())),
            ("saves", number(|row| row.saves)),
        ],
    )
}

fn summary(answered: SupplyAnswer, form: PeriodForm, files: Vec<PathBuf>) -> Summary {
    let alert = |alert: endcap_supply::Alert| AlertRow {
        unit_id: alert.sku,
        place_id: alert.place,
        kind: alert.kind,
        period: form.write(alert.period),
        units: alert.units,
        value: alert.value,
        confidence: alert.confidence,
        urgency: alert.urgency,
        action: alert.action,
        handling: alert.handling,
    };
    Summary {
        order_period: form.write(answered.now),
        totals: answered.plan.totals(answered.now),
        transfer_gain: answered.plan.transfer_gain,
        lead_time_periods: answered.settings.lead_time_periods,
        persistence: answered.settings.persistence,
        half_life: answered.half_life,
        without_history: answered
            .without_history
            .into_iter()
            .map(|(unit_id, place_id)| CellName { unit_id, place_id })
            .collect(),
        cells_without_stock: answered.without_stock,
        set_aside: answered.set_aside.iter().map(ToString::to_string).collect(),
        limit_prices: answered.plan.limit_prices,
        alerts: answered.plan.alerts.into_iter().map(alert).collect(),
        files,
    }
}

fn show(summary: &Summary) -> String {
    const SHOWN: usize = 10;
    let totals = &summary.totals;
    let mut text = format!(
        "Order at the end of {}: {} orders, {} pieces; move {} pieces.\nExpected over the horizon: {:.0} sold, {:.0} \
         lost (fill rate {:.1} %), {:.0} wasted.\n",
        summary.order_period,
        totals.orders,
        totals.ordered,
        totals.moved,
        totals.sales,
        totals.lost,
        100.0 * totals.fill_rate,
        totals.waste
    );
    if !summary.without_history.is_empty() {
        text += &format!("{} cells in stock have no known demand and no order.\n", summary.without_history.len());
    }
    if summary.cells_without_stock > 0 {
        text += &format!(
            "{} cells with sales are not in the stock table and were not planned: add them with their stock, 0 if \
             none.\n",
            summary.cells_without_stock
        );
    }
    if !summary.set_aside.is_empty() {
        let shown: Vec<&str> = summary.set_aside.iter().take(SHOWN).map(String::as_str).collect();
        text += &format!("{} set aside, the rest was planned:\n  {}\n", summary.set_aside.len(), shown.join("\n  "));
    }
    if !summary.alerts.is_empty() {
        let mut alerts = table(&["Item", "Place", "Alert", "When", "Pieces", "Cost", "For"]);
        for alert in summary.alerts.iter().take(SHOWN) {
            let (units, value) = (format!("{:.1}", alert.units), format!("{:.1}", alert.value));
            let (item, place) = (alert.unit_id.to_string(), alert.place_id.to_string());
            let (kind, handling) = (alert.kind.to_string(), alert.handling.to_string());
            alerts.add_row([item, place, kind, alert.period.clone(), units, value, handling]);
        }
        text += &format!("{} alerts, the costliest first:\n{alerts}\n", summary.alerts.len());
    }
    let files: Vec<String> = summary.files.iter().map(|file| file.display().to_string()).collect();
    text + &format!("Written: {}", files.join(", "))
}
