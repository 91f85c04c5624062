//! `endcap supply`: from sales, stock and deliveries in a folder to what to order and move now.

mod read;
mod write;

use crate::console::{Console, Ending, table};
use anyhow::Context;
use endcap_adapters::tables::{Column, Table, read_toml};
use endcap_model::{Calendar, Period, Place, Sku};
use endcap_supply::{
    Action, AlertKind, Handling, LimitPrices, SupplyAnswer, SupplyConfig, SupplyTotals, Urgency, answer, are_weeks,
};
use read::{Read, read};
use serde::Serialize;
use std::path::PathBuf;
use write::write;

/// Project stock and say what to order and move now, from sales, stock and what is under way.
///
/// DIR holds, as CSV or Parquet: sales (place_id, unit_id, period, units, in_stock), stock (place_id, unit_id,
/// on_hand: at the end of the last period), pipeline (place_id, unit_id, arrives, quantity), and if there are any
/// forecast (place_id, unit_id, period, mean, and dispersion or q05 and q95) and items (unit_id, case_pack,
/// minimum_order, shelf_life, maximum_stock, volume, supplier_id, group_id, unit_cost, unit_margin, and of goods
/// with sizes style_id, size, core) and feeds (place_id, source_id, lead_time_periods, case_pack: places that a warehouse
/// feeds); and supply.toml with
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
    /// Styles and places where sizes, not the price, are missing: a markdown would not help.
    markdown_blocked: usize,
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
    let folder = read(&args.state, &config)?;
    let bar = console.progress("Stock projection", folder.request.stock.len() as u64);
    let answered = answer(&folder.request, &config, &|done, _| bar.set_position(done as u64));
    bar.finish_and_clear();
    let answered = answered.with_context(|| format!("no supply plan from {}", args.state.display()))?;
    let out = args.out.as_ref().unwrap_or(&args.state);
    let files = write(out, &answered, folder.form)?;
    console.result(&summary(answered, &folder, files), show)?;
    Ok(Ending::Done)
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

fn summary(answered: SupplyAnswer, folder: &Read, files: Vec<PathBuf>) -> Summary {
    let form = folder.form;
    let aside = answered.set_aside.iter().map(|aside| folder.named(aside));
    let set_aside = folder.set_aside.iter().cloned().chain(aside).collect();
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
        set_aside,
        limit_prices: answered.plan.limit_prices,
        markdown_blocked: answered
            .styles
            .iter()
            .flat_map(|style| &style.places)
            .filter(|at| at.cause.blocks_markdown())
            .count(),
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
    if summary.markdown_blocked > 0 {
        text += &format!(
            "{} styles in places lack sizes and are slow for that: a markdown would not help, move stock and rebuild \
             sizes instead (size_moves.csv).\n",
            summary.markdown_blocked
        );
    }
    let files: Vec<String> = summary.files.iter().map(|file| file.display().to_string()).collect();
    text + &format!("Written: {}", files.join(", "))
}
