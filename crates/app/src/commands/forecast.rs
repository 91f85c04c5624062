//! `endcap forecast`: demand of future cells under a plan of prices and support.

use super::fit::{Source, tell_set_aside};
use super::plan_rows;
use crate::commands::overrides::in_a_line;
use crate::console::{Console, Ending, table};
use crate::judgement::{EditArgs, day_of, in_words, overrides_of, read_overrides};
use anyhow::{Context, bail};
use endcap_adapters::files::read_text;
use endcap_adapters::sift::SetAside;
use endcap_adapters::tables::{self, Column, Table};
use endcap_demand::coefficients::Applied;
use endcap_demand::overrides::{self, Log, Overridden, OverrideRefusal, override_forecast};
use endcap_demand::{DemandError, Fitted, Reconcile, SumLevel};
use endcap_model::{
    COMPETITOR_PRICE, Calendar, Control, Forecast, ForecastRow, Group, LiftModel, Panel, PanelColumns, Period, Place,
    PlaceEntry, Sku, SkuEntry,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Forecast the demand of future cells, with quantiles, from their planned prices and support.
///
/// The plan is CSV or Parquet with unit_id, place_id, period, price, and if there are any base_price (else the last
/// known), feature, display and the controls that are known ahead, such as holiday. Controls that it lacks, such as
/// weather, are taken at their mean. An item that was never sold is forecast from items like it: give its group_id
/// and, if there is one, its tier_id.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap forecast --panel history.parquet --plan april.csv --controls holiday --out forecast.parquet\n  endcap forecast shop --plan april.csv --quantiles 0.1,0.5,0.9\n\nWrites forecast.parquet."
)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    edits: EditArgs,
    /// Log of overrides that `endcap override` keeps; FOLDER/overrides/overrides.jsonl of a project when not given.
    #[arg(long, value_name = "FILE")]
    overrides: Option<PathBuf>,
    /// The future cells.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// Levels of the quantiles, rising, each between 0 and 1.
    #[arg(long, value_delimiter = ',', value_name = "LEVELS", default_value = "0.05,0.5,0.95")]
    quantiles: Vec<f64>,
    /// Model that `endcap fit` wrote; fitted anew from the history when not given.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// File or folder to write to; FOLDER/models for a project, else the current folder.
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Seed that is kept with a model fitted anew.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How forecasts of sums and of their cells are brought together.
    #[arg(long, value_enum, default_value_t = Reconciliation::Mint)]
    reconcile: Reconciliation,
}

/// How forecasts of sums and of their cells are brought together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Reconciliation {
    /// Items over their places, and tiers, are forecast by themselves, too, and move their cells where that paid on the end of
    /// the history.
    Mint,
    /// Sums are what their cells come to.
    BottomUp,
}

impl From<Reconciliation> for Reconcile {
    fn from(chosen: Reconciliation) -> Self {
        match chosen {
            Reconciliation::Mint => Self::Mint,
            Reconciliation::BottomUp => Self::BottomUp,
        }
    }
}

/// The result for programs.
#[derive(Serialize)]
struct Summary {
    cells: usize,
    first_period: String,
    last_period: String,
    units: f64,
    baseline: f64,
    /// What the model said before planners changed it.
    model_units: f64,
    levels: Vec<f64>,
    file: PathBuf,
    periods: Vec<PeriodTotal>,
    edits: Vec<Applied>,
    overrides: Vec<Overridden>,
    /// Items that were never sold, forecast from items like them.
    new_items: Vec<Sku>,
    /// Levels whose own forecasts moved those of their cells, and how far, of 1.
    reconciled: Vec<Moved>,
    /// Rows of the panel that cannot be used.
    panel_set_aside: Vec<SetAside>,
    /// Rows of the plan that cannot be forecast.
    plan_set_aside: Vec<SetAside>,
}

#[derive(Serialize)]
struct Moved {
    level: SumLevel,
    weight: f64,
}

#[derive(Serialize)]
struct PeriodTotal {
    period: String,
    units: f64,
    baseline: f64,
    model_units: f64,
    /// Quantiles of the period's sum: what cells share makes it spread more than they do one by one.
    #[serde(flatten)]
    quantiles: BTreeMap<String, f64>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let history = args.source.read()?;
    let fitted: Fitted = match &args.model {
        Some(model) => tables::read_json(model)?,
        None => history.fit_to(args.seed, args.reconcile.into(), console)?,
    };
    let (mut fitted, edits) = args.edits.apply(&fitted, args.source.folder.as_deref())?;
    if args.reconcile == Reconciliation::BottomUp {
        fitted.to_mut().reconciled.clear();
    }
    let mut plan = tables::read_table(&args.plan)?;
    let mut plan_set_aside = plan_rows::sift(&mut plan, &history.panel, &args.source.controls)?;
    let mut future = future(&plan, &history.panel, &args.source.controls)?;
    let mut said = endcap_demand::forecast(&fitted, &history.panel, &future, &args.quantiles);
    if let Err(unknown @ DemandError::UnknownSku(_)) = &said {
        plan_set_aside.extend(plan_rows::sift_unknown(&mut plan, &fitted, unknown)?);
        future = self::future(&plan, &history.panel, &args.source.controls)?;
        said = endcap_demand::forecast(&fitted, &history.panel, &future, &args.quantiles);
    }
    let said = said.with_context(|| format!("{} cannot be forecast", args.plan.display()))?;
    tell_set_aside(&args.plan, &plan_set_aside);
    let (forecast, overrides) = match overridden(args, &fitted.lift, &said)? {
        Ok(overridden) => overridden,
        Err(refusal) => {
            console.note(format!("refused: {refusal}"));
            return Ok(Ending::Refused);
        }
    };
    let file = out_file(args);
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("could not make the folder {}", folder.display()))?;
    }
    write(&file, &forecast, &said)?;
    let people = (edits, overrides);
    let mut summary = summary(&fitted, (&forecast, &said), &groups(&future), file, people);
    summary.new_items = plan_rows::new_items(&future, &fitted);
    (summary.panel_set_aside, summary.plan_set_aside) = (history.set_aside, plan_set_aside);
    console.result(&summary, show)?;
    Ok(Ending::Done)
}

/// Applies the overrides in force that meet a cell.
fn overridden(args: &Args, lift: &LiftModel, said: &Forecast) -> anyhow::Result<Overriding> {
    let log = match (&args.overrides, &args.source.folder) {
        (Some(path), _) => Log::read(&read_text(path)?).with_context(|| path.display().to_string())?,
        (None, Some(folder)) => read_overrides(&overrides_of(folder))?,
        (None, None) => Log::default(),
    };
    if log.overrides().next().is_none() {
        return Ok(Ok((said.clone(), vec![])));
    }
    let mut in_force = log.in_force(day_of(lift, args.edits.as_of)?);
    in_force.retain(|planned| planned.calendar == said.calendar && overrides::meets(said, planned));
    Ok(override_forecast(said, &in_force))
}

/// A forecast that planners changed, with what each override came to.
type Overriding = Result<(Forecast, Vec<Overridden>), OverrideRefusal>;

fn out_file(args: &Args) -> PathBuf {
    let out = args.out.clone().unwrap_or_else(|| args.source.usual_out());
    let is_file = out.extension().is_some_and(|end| end == "parquet" || end == "csv") && !out.is_dir();
    if is_file { out } else { out.join("forecast.parquet") }
}

/// Builds the panel of future cells; what the plan does not say comes from the history.
pub(super) fn future(plan: &Table, history: &Panel, controls: &[String]) -> anyhow::Result<Panel> {
    if plan.is_empty() {
        bail!("{} has no cells to forecast", plan.name);
    }
    let (skus, places) = (plan.text("unit_id")?, plan.text("place_id")?);
    let periods = plan.periods_of("period", history.calendar())?;
    let n = plan.len();
    let if_any = |column: &str| if plan.has(column) { plan.numbers(column) } else { Ok(vec![0.0; n]) };
    let stated: Vec<Option<f64>> =
        if plan.has("base_price") { plan.optional_numbers("base_price")? } else { vec![None; n] };
    let price = plan.numbers("price")?;
    let known = LastPrices::of(history);
    let base_price =
        (0..n).map(|row| stated[row].or_else(|| known.find(&skus[row], &places[row])).unwrap_or(price[row]));
    let (sku_list, sku) = listed(&skus);
    let (place_list, place) = listed(&places);
    let mut first_rows = vec![0; sku_list.len()];
    (0..n).rev().for_each(|row| first_rows[sku[row] as usize] = row);
    let columns = PanelColumns {
        sku,
        place,
        period: periods,
        units: vec![0.0; n],
        base_price: base_price.collect(),
        price,
        feature: if_any("feature")?,
        display: if_any("display")?,
        stockout_share: vec![0.0; n],
        controls: {
            let named = controls.iter().filter(|name| *name != COMPETITOR_PRICE && plan.has(name));
            let mut all: Vec<Control> = named
                .map(|name| Ok(Control { name: name.clone(), values: plan.numbers(name)? }))
                .collect::<anyhow::Result<_>>()?;
            all.extend(tables::further_inputs(plan)?);
            all
        },
    };
    let known: BTreeMap<&Sku, &SkuEntry> = history.skus().iter().map(|entry| (&entry.sku, entry)).collect();
    let column = |name: &str| if plan.has(name) { plan.text(name) } else { Ok(vec![String::new(); n]) };
    let (groups, tiers) = (column("group_id")?, column("tier_id")?);
    let entry = |at: usize, name: &str| {
        let sku = Sku::new(name);
        known.get(&sku).map_or_else(
            || {
                // An item that was never sold is what the plan says of it.
                let row = first_rows[at];
                SkuEntry { sku: sku.clone(), group: groups[row].as_str().into(), tier: tiers[row].clone() }
            },
            |entry| (*entry).clone(),
        )
    };
    let regions: BTreeMap<&Place, &PlaceEntry> = history.places().iter().map(|entry| (&entry.place, entry)).collect();
    let place_entry = |name: &str| {
        let place = Place::new(name);
        let region = regions.get(&place).map(|entry| entry.region.clone()).unwrap_or_default();
        PlaceEntry { place, region }
    };
    Panel::new(
        history.calendar(),
        sku_list.iter().enumerate().map(|(at, name)| entry(at, name)).collect(),
        place_list.iter().map(|name| place_entry(name)).collect(),
        columns,
    )
    .with_context(|| format!("{} is not a plan", plan.name))
}

/// Lists the names of a column in order, and the index of each row's name.
fn listed(names: &[String]) -> (Vec<&str>, Vec<u32>) {
    let known: BTreeMap<&str, ()> = names.iter().map(|name| (name.as_str(), ())).collect();
    let index: BTreeMap<&str, u32> = known.keys().copied().zip(0..).collect();
    (known.keys().copied().collect(), names.iter().map(|name| index[name.as_str()]).collect())
}

/// The last known price without promotion, by item and place, and by item.
pub(super) struct LastPrices {
    by_cell: BTreeMap<(String, String), (Period, f64)>,
    by_sku: BTreeMap<String, (Period, f64)>,
}

impl LastPrices {
    pub(super) fn of(history: &Panel) -> Self {
        let c = history.columns();
        let (mut by_cell, mut by_sku) = (BTreeMap::new(), BTreeMap::<String, (Period, f64)>::new());
        for sku in 0..history.skus().len() {
            let name = history.skus()[sku].sku.to_string();
            for series in history.series_of(sku) {
                let last = series.end - 1;
                let price = (c.period[last], c.base_price[last]);
                let place = history.places()[c.place[last] as usize].place.to_string();
                by_cell.insert((name.clone(), place), price);
                let newest = by_sku.entry(name.clone()).or_insert(price);
                if price.0 > newest.0 {
                    *newest = price;
                }
            }
        }
        Self { by_cell, by_sku }
    }

    pub(super) fn find(&self, sku: &str, place: &str) -> Option<f64> {
        let cell = self.by_cell.get(&(sku.to_owned(), place.to_owned()));
        cell.or_else(|| self.by_sku.get(sku)).map(|&(_, price)| price)
    }
}

/// Writes a forecast as Parquet, or as CSV where the file is named so, beside what the model `said` before planners changed
/// it.
pub(super) fn write(file: &Path, forecast: &Forecast, said: &Forecast) -> anyhow::Result<()> {
    let rows = &forecast.rows;
    let number = |of: &dyn Fn(&ForecastRow) -> f64| Column::Number(rows.iter().map(of).collect());
    let names: Vec<String> = forecast.levels.iter().map(|&level| quantile_name(level)).collect();
    let mut columns = vec![
        ("unit_id", Column::Text(rows.iter().map(|row| row.sku.to_string()).collect())),
        ("place_id", Column::Text(rows.iter().map(|row| row.place.to_string()).collect())),
        ("period", period_column(forecast)),
        ("mean", number(&|row| row.mean)),
        ("baseline", number(&|row| row.baseline)),
        ("dispersion", number(&|row| row.dispersion)),
    ];
    for (at, name) in names.iter().enumerate() {
        columns.push((name, number(&|row| row.quantiles[at])));
    }
    let model = |of: fn(&ForecastRow) -> f64| Column::Number(said.rows.iter().map(of).collect());
    columns.push(("model_mean", model(|row| row.mean)));
    columns.push(("model_baseline", model(|row| row.baseline)));
    if file.extension().is_some_and(|end| end == "csv") {
        tables::write_csv(file, &columns)?;
    } else {
        tables::write_parquet(file, &columns)?;
    }
    Ok(())
}

/// Periods as the history writes them: numbers stay numbers, so that other programs can join on them.
fn period_column(forecast: &Forecast) -> Column {
    match forecast.calendar {
        Calendar::Index => Column::Whole(forecast.rows.iter().map(|row| i64::from(row.period.0)).collect()),
        calendar => Column::Text(forecast.rows.iter().map(|row| calendar.format(row.period)).collect()),
    }
}

/// Names a quantile by its percentage: 0.05 is q05, 0.025 is q2.5.
pub(super) fn quantile_name(level: f64) -> String {
    let percent = level * 100.0;
    if (percent - percent.round()).abs() < 1e-9 {
        format!("q{:02}", percent.round())
    } else {
        format!("q{}", (percent * 1e6).round() / 1e6)
    }
}

fn groups(panel: &Panel) -> BTreeMap<Sku, Group> {
    panel.skus().iter().map(|entry| (entry.sku.clone(), entry.group.clone())).collect()
}

fn summary(
    fitted: &Fitted,
    (forecast, said): (&Forecast, &Forecast),
    groups: &BTreeMap<Sku, Group>,
    file: PathBuf,
    (edits, overrides): (Vec<Applied>, Vec<Overridden>),
) -> Summary {
    let group = |sku: &Sku| groups.get(sku).cloned();
    let totals_said = endcap_demand::totals(fitted, said, group, |row| Some(row.period), &said.levels);
    let totals = endcap_demand::totals(fitted, forecast, group, |row| Some(row.period), &forecast.levels);
    let first = totals.keys().next().copied().unwrap_or(Period(0));
    let last = totals.keys().next_back().copied().unwrap_or(first);
    let name = |period: Period| forecast.calendar.format(period);
    Summary {
        cells: forecast.rows.len(),
        first_period: name(first),
        last_period: name(last),
        units: totals.values().map(|total| total.mean).sum(),
        baseline: totals.values().map(|total| total.baseline).sum(),
        model_units: totals_said.values().map(|total| total.mean).sum(),
        levels: forecast.levels.clone(),
        file,
        periods: totals
            .iter()
            .map(|(&period, total)| PeriodTotal {
                period: name(period),
                units: total.mean,
                baseline: total.baseline,
                model_units: totals_said[&period].mean,
                quantiles: forecast.levels.iter().map(|&l| quantile_name(l)).zip(total.quantiles.clone()).collect(),
            })
            .collect(),
        edits,
        overrides,
        new_items: vec![],
        reconciled: fitted.reconciled.iter().map(|of| Moved { level: of.level, weight: of.weight }).collect(),
        panel_set_aside: vec![],
        plan_set_aside: vec![],
    }
}

/// Items that are named for people; programs get all.
const NAMED: usize = 5;

fn in_words_new(items: &[Sku]) -> String {
    let named: Vec<&str> = items.iter().take(NAMED).map(Sku::as_str).collect();
    let more = if items.len() > NAMED { format!(" and {} more", items.len() - NAMED) } else { String::new() };
    match items.len() {
        0 => String::new(),
        1 => format!("\n{} was never sold: forecast from items like it, with wide intervals", named[0]),
        _ => {
            format!("\n{}{more} were never sold: forecast from items like them, with wide intervals", named.join(", "))
        }
    }
}

fn show(summary: &Summary) -> String {
    let levels = summary.levels.iter().map(|&level| quantile_name(level));
    let changed = !summary.overrides.is_empty();
    let figures = ["Period", "Units", "Without promotions"].into_iter().chain(changed.then_some("The model said"));
    let head: Vec<String> = figures.map(str::to_owned).chain(levels).collect();
    let mut periods = table(&head.iter().map(String::as_str).collect::<Vec<_>>());
    for total in &summary.periods {
        let quantiles = summary.levels.iter().map(|&level| total.quantiles[&quantile_name(level)]);
        let figures = [total.units, total.baseline].into_iter().chain(changed.then_some(total.model_units));
        let numbers = figures.chain(quantiles).map(|units| format!("{units:.0}"));
        periods.add_row([total.period.clone()].into_iter().chain(numbers));
    }
    let overrides: String = summary.overrides.iter().map(|told| format!("\n{}", in_a_line(told))).collect();
    let edits = in_words(&summary.edits).map_or_else(String::new, |words| format!("\n{words}"));
    let new = in_words_new(&summary.new_items);
    format!(
        "{} cells, {} to {}: {:.0} units, {:.0} without promotions\n{periods}{overrides}{edits}{new}\nWritten: {}",
        summary.cells,
        summary.first_period,
        summary.last_period,
        summary.units,
        summary.baseline,
        summary.file.display()
    )
}
