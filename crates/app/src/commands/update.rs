//! `endcap update`: sales of today into a fitted model, without a fit.
//!
//! The fit's files are never written to. What arrived since is one file, keyed by cell and replaced as a whole; all else
//! is made anew from it, so that a run that was cut off, or is repeated, comes to the same state.

use super::fit::{effect_columns, effect_rows, in_use};
use super::forecast::{future, quantile_name, write};
use crate::console::{Console, Ending, table};
use crate::judgement::EditArgs;
use anyhow::{Context, bail};
use endcap_adapters::tables::{self, Column, Table, read_json, read_table};
use endcap_demand::Fitted;
use endcap_demand::online::{Absorbed, Moved, Online, Sale, Start};
use endcap_model::{Calendar, Forecast, ForecastRow, Input, MECHANIC, Panel, Period, Place, Sku};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Effects that are shown to people, those that moved most first.
const SHOWN: usize = 20;

/// Take sales of today into a fitted model: effects, levels and forecasts that they touch, without a fit.
///
/// The sales are CSV or Parquet with unit_id, place_id, period, units, price, and if there are any base_price (else the
/// last known), feature, display, stockout_share, mechanic, the model's controls, and period_share: the share of a usual
/// period's sales that are made by now, for a period that still runs. A row is the running total of its cell: the same
/// row again changes nothing, a later or corrected one replaces it. Effects that people edited stay as they set them; beside
/// them the estimates go on learning.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap update --model shop/models --sales today.csv\n  endcap update --model effects --sales noon.parquet --plan april.csv --json\n\nWrites effects.csv, model.json and, with --plan, forecast.parquet; keeps the sales in DIR/since.parquet."
)]
pub struct Args {
    /// Folder that `endcap fit` wrote: model.json and online.json.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// The sales that arrived.
    #[arg(long, value_name = "FILE")]
    sales: PathBuf,
    /// Future cells whose forecast is refreshed, as `endcap forecast` reads them.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Forecast of these cells that `endcap forecast` wrote with this model: what is moved. DIR/forecast.parquet when there
    /// is one, else the forecast of the effects alone.
    #[arg(long, value_name = "FILE", requires = "plan")]
    forecast: Option<PathBuf>,
    #[command(flatten)]
    edits: EditArgs,
    /// Levels of the quantiles where no forecast is moved.
    #[arg(long, value_delimiter = ',', value_name = "LEVELS", default_value = "0.05,0.5,0.95")]
    quantiles: Vec<f64>,
    /// Folder to write to; DIR/updated when not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// The result for programs.
#[derive(Serialize)]
struct Summary {
    /// Rows of new cells, rows that replaced one, rows that were known.
    new: usize,
    replaced: usize,
    known: usize,
    set_aside: Vec<SetAside>,
    /// Items whose effects and levels were refreshed.
    items: usize,
    /// Forecast cells that were refreshed.
    cells: usize,
    /// Cells since the fit.
    cells_since_fit: usize,
    moved: Vec<MovedRow>,
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct SetAside {
    /// 1 is the first row of data.
    row: usize,
    reason: String,
}

#[derive(Serialize)]
struct MovedRow {
    unit_id: String,
    effect: &'static str,
    before: f64,
    before_se: f64,
    after: f64,
    after_se: f64,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let at = |name: &str| args.model.join(name);
    let fitted: Fitted = read_json(&at("model.json")).context("the model is needed: run `endcap fit` first")?;
    let start: Start =
        read_json(&at("online.json")).context("run `endcap fit` again: it writes what is needed here")?;
    let calendar = fitted.lift.calendar;
    let controls: Vec<String> = fitted.frame.controls.iter().map(|control| control.name.clone()).collect();
    let (batch, mut set_aside) = read_sales(&read_table(&args.sales)?, &controls, calendar)?;
    let _lock = lock(&at("update.lock"))?;
    let used = match args.edits.apply(&fitted, args.project())?.0 {
        Cow::Owned(used) => Some(used),
        Cow::Borrowed(_) => None,
    };
    let mut online = Online::new(fitted, start).with_context(|| args.model.display().to_string())?;
    used.iter().for_each(|used| online.edit(used));
    let since = at("since.parquet");
    if since.exists() {
        let (earlier, _) = read_sales(&read_table(&since)?, &controls, calendar)?;
        online.absorb(&earlier.into_iter().map(|(_, sale)| sale).collect::<Vec<_>>());
    }
    let given = watch(args, &mut online, &controls)?;
    let (numbers, sales): (Vec<usize>, Vec<Sale>) = batch.into_iter().unzip();
    let absorbed = online.absorb(&sales);
    set_aside
        .extend(absorbed.set_aside.iter().map(|(at, fault)| SetAside { row: numbers[*at], reason: fault.to_string() }));
    set_aside.sort_by_key(|aside| aside.row);
    tables::write_parquet(&since, &columns(&online, &controls, calendar))?;
    let files = leave(args, &online, given)?;
    let used = absorbed.new + absorbed.replaced + absorbed.known;
    let summary = summary(absorbed, set_aside, online.sales().count(), files);
    console.result(&summary, show)?;
    if used == 0 && !summary.set_aside.is_empty() {
        console.note(format!("refused: no row of {} can be used", args.sales.display()));
        return Ok(Ending::Refused);
    }
    Ok(Ending::Done)
}

impl Args {
    /// The project whose model it is, if it is one's.
    fn project(&self) -> Option<&Path> {
        self.model.parent().filter(|_| self.model.ends_with("models"))
    }
}

/// A forecast that `endcap forecast` wrote, and what the model said before planners changed it.
struct Given {
    forecast: Forecast,
    said: Forecast,
}

/// Waits for other updates of the model to end; the system lets go of the lock however this one ends.
fn lock(path: &Path) -> anyhow::Result<File> {
    let taken = File::create(path).and_then(|file| file.lock().map(|()| file));
    taken.with_context(|| format!("could not lock {}", path.display()))
}

/// Lets the model keep the forecast of the plan's cells up to date; returns the forecast that is moved.
fn watch(args: &Args, online: &mut Online, controls: &[String]) -> anyhow::Result<Option<Given>> {
    let Some(plan) = &args.plan else { return Ok(None) };
    let cells = read_table(plan)?;
    let future: Panel = future(&cells, &online.latest(), controls)?;
    let usual = args.model.join("forecast.parquet");
    let file = args.forecast.clone().or_else(|| usual.exists().then_some(usual));
    let given = file.map(|file| read_forecast(&read_table(&file)?, future.calendar())).transpose()?;
    let watched = online.watch(&future, given.as_ref().map(|given| &given.forecast), &args.quantiles);
    watched.with_context(|| format!("{} cannot be forecast", plan.display()))?;
    Ok(given)
}

fn leave(args: &Args, online: &Online, given: Option<Given>) -> anyhow::Result<Vec<PathBuf>> {
    let out = args.out.clone().unwrap_or_else(|| args.model.join("updated"));
    std::fs::create_dir_all(&out).with_context(|| format!("could not make the folder {}", out.display()))?;
    let mut files: Vec<PathBuf> = ["effects.csv", "model.json"].map(|name| out.join(name)).into();
    let fitted = online.fitted();
    let (used, edits) = args.edits.apply(&fitted, args.project())?;
    let in_use = in_use(&edits);
    let both = fitted.lift.responses.iter().zip(&used.lift.responses);
    let effects: Vec<_> = both.flat_map(|both| effect_rows(both, &in_use)).collect();
    tables::write_csv(&files[0], &effect_columns(&effects))?;
    tables::write_json(&files[1], &fitted)?;
    if let Some(forecast) = online.forecast() {
        files.push(out.join("forecast.parquet"));
        write(&files[2], forecast, &given.map_or_else(|| forecast.clone(), |given| given.said_of(forecast)))?;
    }
    Ok(files)
}

/// Sales with the numbers of their rows.
type NumberedSales = Vec<(usize, Sale)>;

/// Reads sales row by row, with their numbers; a row with a value that cannot be read is set aside.
fn read_sales(
    table: &Table,
    controls: &[String],
    calendar: Calendar,
) -> anyhow::Result<(NumberedSales, Vec<SetAside>)> {
    for column in ["unit_id", "place_id", "period", "units", "price"] {
        if !table.has(column) {
            bail!("{} has no column {column}, only {}", table.name, table.names().join(", "));
        }
    }
    let texts = |column: &str| {
        if table.has(column) { table.optional_text(column) } else { Ok(vec![None; table.len()]) }
    };
    let names = ["unit_id", "place_id", "period", "units", "price", "base_price"];
    let [items, places, periods, units, price, base_price] = names.map(&texts);
    let shares = ["feature", "display", "stockout_share", "period_share"];
    let [feature, display, stockout_share, passed] = shares.map(texts);
    let columns = Columns {
        items: items?,
        places: places?,
        periods: periods?,
        units: units?,
        price: price?,
        base_price: base_price?,
        feature: feature?,
        display: display?,
        stockout_share: stockout_share?,
        passed: passed?,
        controls: controls.iter().map(|name| control(table, name)).collect::<Result<_, _>>()?,
    };
    let (mut sales, mut set_aside) = (Vec::with_capacity(table.len()), Vec::new());
    for row in 0..table.len() {
        match columns.sale(row, calendar) {
            Ok(sale) => sales.push((row + 1, sale)),
            Err(reason) => set_aside.push(SetAside { row: row + 1, reason }),
        }
    }
    Ok((sales, set_aside))
}

/// A control as text; a kind of promotion is read from the column that names kinds where it has none of its own.
fn control(table: &Table, name: &str) -> anyhow::Result<Vec<Option<String>>> {
    match Input::of(name) {
        _ if table.has(name) => Ok(table.optional_text(name)?),
        Input::Mechanic(kind) if table.has(MECHANIC) => {
            let is = |named: Option<String>| Some(if named.as_deref() == Some(kind) { "1" } else { "0" }.to_owned());
            Ok(table.optional_text(MECHANIC)?.into_iter().map(is).collect())
        }
        _ => Ok(vec![None; table.len()]),
    }
}

/// Columns of sales as text.
struct Columns {
    items: Vec<Option<String>>,
    places: Vec<Option<String>>,
    periods: Vec<Option<String>>,
    units: Vec<Option<String>>,
    price: Vec<Option<String>>,
    base_price: Vec<Option<String>>,
    feature: Vec<Option<String>>,
    display: Vec<Option<String>>,
    stockout_share: Vec<Option<String>>,
    passed: Vec<Option<String>>,
    controls: Vec<Vec<Option<String>>>,
}

impl Columns {
    fn sale(&self, row: usize, calendar: Calendar) -> Result<Sale, String> {
        let text =
            |name: &str, column: &[Option<String>]| column[row].clone().ok_or_else(|| format!("{name} is missing"));
        let number = |name: &str, column: &[Option<String>]| match column[row].as_deref() {
            None | Some("" | "NaN") => Ok(None),
            Some(text) => text.parse::<f64>().map(Some).map_err(|_| format!("{name} is {text}: expected a number")),
        };
        let needed =
            |name: &str, column: &[Option<String>]| number(name, column)?.ok_or_else(|| format!("{name} is missing"));
        let period = text("period", &self.periods)?;
        Ok(Sale {
            sku: text("unit_id", &self.items)?.as_str().into(),
            place: text("place_id", &self.places)?.as_str().into(),
            period: calendar.parse(&period).map_err(|problem| problem.to_string())?,
            units: needed("units", &self.units)?,
            price: needed("price", &self.price)?,
            base_price: number("base_price", &self.base_price)?,
            feature: number("feature", &self.feature)?.unwrap_or(0.0),
            display: number("display", &self.display)?.unwrap_or(0.0),
            stockout_share: number("stockout_share", &self.stockout_share)?.unwrap_or(0.0),
            passed: number("period_share", &self.passed)?.unwrap_or(1.0),
            controls: self.controls.iter().map(|column| number("a control", column)).collect::<Result<_, _>>()?,
        })
    }
}

/// The cells since the fit, as `read_sales` reads them.
fn columns<'a>(online: &Online, controls: &'a [String], calendar: Calendar) -> Vec<(&'a str, Column)> {
    let sales: Vec<&Sale> = online.sales().collect();
    let text = |of: &dyn Fn(&Sale) -> String| Column::Text(sales.iter().map(|sale| of(sale)).collect());
    let number = |of: &dyn Fn(&Sale) -> f64| Column::Number(sales.iter().map(|sale| of(sale)).collect());
    let mut columns = vec![
        ("unit_id", text(&|sale| sale.sku.to_string())),
        ("place_id", text(&|sale| sale.place.to_string())),
        ("period", text(&|sale| calendar.format(sale.period))),
        ("units", number(&|sale| sale.units)),
        ("price", number(&|sale| sale.price)),
        ("base_price", number(&|sale| sale.base_price.unwrap_or(f64::NAN))),
        ("feature", number(&|sale| sale.feature)),
        ("display", number(&|sale| sale.display)),
        ("stockout_share", number(&|sale| sale.stockout_share)),
        ("period_share", number(&|sale| sale.passed)),
    ];
    for (at, name) in controls.iter().enumerate() {
        columns.push((name, number(&|sale| sale.controls.get(at).copied().flatten().unwrap_or(f64::NAN))));
    }
    columns
}

impl Given {
    /// What the model says now where a forecast was moved: moved as far as the forecast that planners changed.
    fn said_of(&self, moved: &Forecast) -> Forecast {
        type Cell = (Sku, Place, Period);
        let cell = |row: &ForecastRow| -> Cell { (row.sku.clone(), row.place.clone(), row.period) };
        let both = self.forecast.rows.iter().zip(&self.said.rows);
        let before: HashMap<Cell, (&ForecastRow, &ForecastRow)> =
            both.map(|(given, said)| (cell(given), (given, said))).collect();
        let moved_as_far = |said: f64, from: f64, to: f64| if from > 0.0 { said * (to / from) } else { to };
        let mut said_now = moved.clone();
        for row in &mut said_now.rows {
            if let Some((given, said)) = before.get(&cell(row)) {
                row.mean = moved_as_far(said.mean, given.mean, row.mean);
                row.baseline = moved_as_far(said.baseline, given.baseline, row.baseline);
            }
        }
        said_now
    }
}

/// Reads a forecast that `endcap forecast` wrote.
fn read_forecast(table: &Table, calendar: Calendar) -> anyhow::Result<Given> {
    let level = |name: &str| Some(name.strip_prefix('q')?.parse::<f64>().ok()? / 100.0);
    let levels: Vec<f64> = table.names().iter().filter_map(|name| level(name)).collect();
    let quantiles: Vec<Vec<f64>> =
        levels.iter().map(|&level| table.numbers(&quantile_name(level))).collect::<Result<_, _>>()?;
    let (items, places) = (table.text("unit_id")?, table.text("place_id")?);
    let periods = table.periods_of("period", calendar)?;
    let [mean, baseline, dispersion] = ["mean", "baseline", "dispersion"].map(|name| table.numbers(name));
    let (mean, baseline, dispersion) = (mean?, baseline?, dispersion?);
    let row = |at: usize| ForecastRow {
        sku: items[at].as_str().into(),
        place: places[at].as_str().into(),
        period: periods[at],
        mean: mean[at],
        baseline: baseline[at],
        dispersion: dispersion[at],
        quantiles: quantiles.iter().map(|values| values[at]).collect(),
    };
    let rows = (0..table.len()).map(row).collect();
    let forecast = Forecast { calendar, levels, rows };
    let mut said = forecast.clone();
    if table.has("model_mean") {
        let (means, baselines) = (table.numbers("model_mean")?, table.numbers("model_baseline")?);
        for ((row, mean), baseline) in said.rows.iter_mut().zip(means).zip(baselines) {
            (row.mean, row.baseline) = (mean, baseline);
        }
    }
    Ok(Given { forecast, said })
}

fn summary(absorbed: Absorbed, set_aside: Vec<SetAside>, cells_since_fit: usize, files: Vec<PathBuf>) -> Summary {
    let Absorbed { new, replaced, known, items, cells, mut moved, .. } = absorbed;
    let far = |moved: &Moved| (moved.after.0 - moved.before.0).abs() / moved.before.1.max(1e-12);
    moved.sort_by(|a, b| far(b).total_cmp(&far(a)));
    let row = |moved: Moved| MovedRow {
        unit_id: moved.sku.to_string(),
        effect: moved.effect.name(),
        before: moved.before.0,
        before_se: moved.before.1,
        after: moved.after.0,
        after_se: moved.after.1,
    };
    let moved = moved.into_iter().map(row).collect();
    Summary { new, replaced, known, set_aside, items, cells, cells_since_fit, moved, files }
}

fn show(summary: &Summary) -> String {
    let mut moved = table(&["Item", "Effect", "Before", "After", "Standard error before", "after"]);
    for row in summary.moved.iter().take(SHOWN) {
        moved.add_row([
            row.unit_id.clone(),
            row.effect.replace('_', " "),
            format!("{:+.3}", row.before),
            format!("{:+.3}", row.after),
            format!("{:.3}", row.before_se),
            format!("{:.3}", row.after_se),
        ]);
    }
    let aside: String =
        summary.set_aside.iter().take(SHOWN).map(|aside| format!("\n  row {}: {}", aside.row, aside.reason)).collect();
    let files: Vec<String> = summary.files.iter().map(|file| file.display().to_string()).collect();
    format!(
        "{} new cells, {} replaced, {} known, {} rows set aside{aside}\n{} items refreshed, {} forecast cells\n\n\
         {} effects moved, those that moved most first:\n{moved}\nWritten: {}",
        summary.new,
        summary.replaced,
        summary.known,
        summary.set_aside.len(),
        summary.items,
        summary.cells,
        summary.moved.len(),
        files.join(", ")
    )
}
