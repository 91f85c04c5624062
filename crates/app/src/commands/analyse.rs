//! `endcap analyse`: what every past promotion earned, beside what is usually reported of it.

use super::fit::{History, Source};
use crate::console::{Console, Ending, table};
use crate::judgement::{EditArgs, in_words};
use crate::project::read_scenario;
use crate::report::{self, AnalysisPage};
use anyhow::{Context, bail};
use endcap_adapters::database::is_kept;
use endcap_adapters::facts::Store;
use endcap_adapters::journal::StoredJournal;
use endcap_adapters::project::Project;
use endcap_adapters::tables::{self, Column};
use endcap_agent::ports::{FactStore, Journal};
use endcap_agent::sense::Facts;
use endcap_demand::coefficients::Applied;
use endcap_demand::{
    Analysed, Cost, Economics, Fitted, ItemTotal, NeverRan, PlannedUnits, Split, Verdict, analyse, never_ran,
};
use endcap_model::{Calendar, Currency, Event, Forecast, Money, Offer, Plan, Sku};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Promotions shown to people on the command line.
const SHOWN: usize = 20;

/// Say of every past promotion what it earned, where that came from, and what the usual lift report would have said.
///
/// Reads a panel or the latest facts of a project. Profit needs costs: those of the project, or --costs or --margin-rate; a
/// promotion is analysed in units and sales without. Money of a panel is in the unit of its prices.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap analyse shop\n  endcap analyse --panel history.parquet --margin-rate 0.3 --out analysis\n  endcap analyse --panel history.parquet --costs costs.csv --forecast forecast.parquet --json\n\nWrites promotions.csv and analysis.html, a page that needs no network."
)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    edits: EditArgs,
    /// Model that `endcap fit` wrote; fitted anew from the history when not given.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Cost of a piece: CSV or Parquet with unit_id, unit_cost, in the money of the panel's prices.
    #[arg(long, value_name = "FILE", requires = "panel")]
    costs: Option<PathBuf>,
    /// Margin over the price without promotion, of items whose cost is not known.
    #[arg(long, value_name = "SHARE", value_parser = crate::commands::plan::share)]
    margin_rate: Option<f64>,
    /// Forecast that was made before the promotions ran: unit_id, place_id, period, mean. A project has those of its
    /// published plans.
    #[arg(long, value_name = "FILE")]
    forecast: Option<PathBuf>,
    /// Scenario with the list prices and margins that a project's facts lack; FOLDER/scenario.toml when not given.
    #[arg(long, value_name = "FILE", requires = "folder")]
    scenario: Option<PathBuf>,
    /// Folder to write to; FOLDER/analysis for a project, else the current one.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seed that is kept with a model fitted anew.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The result for programs. Money in minor units of the currency, or in the unit of the panel's prices.
#[derive(Serialize)]
struct Summary {
    currency: Option<Currency>,
    first_period: String,
    last_period: String,
    total: ItemTotal,
    items: Vec<ItemTotal>,
    promotions: Vec<Row>,
    /// Offers of published plans that no sale shows: nothing was learnt from them.
    never_ran: Vec<Unseen>,
    edits: Vec<Applied>,
    files: Vec<PathBuf>,
}

/// A promotion with its periods as the history writes them.
#[derive(Serialize)]
struct Row {
    first_period: String,
    last_period: String,
    #[serde(flatten)]
    analysed: Analysed,
}

/// An offer that never ran, with its periods as the history writes them.
#[derive(Serialize)]
struct Unseen {
    unit_id: String,
    place_id: String,
    first_period: String,
    last_period: String,
    depth: f64,
    cells: usize,
}

/// Prices, costs, names and earlier forecasts.
struct Books {
    currency: Option<Currency>,
    economics: BTreeMap<Sku, Economics>,
    names: BTreeMap<Sku, String>,
    planned: PlannedUnits,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let history = args.source.read()?;
    let books = books(args, &history)?;
    let fitted: Fitted = match &args.model {
        Some(model) => tables::read_json(model)?,
        None => history.fit(args.seed, console)?,
    };
    let (used, edits) = args.edits.apply(&fitted, args.source.folder.as_deref())?;
    let analysis = analyse(&used, &history.panel, &books.economics, &books.planned);
    let never_ran = unseen(args, &history)?;
    for offer in &never_ran {
        let Unseen { unit_id, place_id, first_period, last_period, depth, cells } = offer;
        let percent = 100.0 * depth;
        console.note(format!(
            "planned and never ran: {percent:.0} % off {unit_id} at {place_id}, {first_period} to {last_period}: {cells} sales at \
             another price. Nothing was learnt from it; look at what the till was sent (`endcap outbox`)"
        ));
    }
    if analysis.events.is_empty() {
        console.note(
            "refused: the history has no promotion of an item that the model knows: at least 5 % off, or support",
        );
        return Ok(Ending::Refused);
    }
    let calendar = used.lift.calendar;
    let name = |period| calendar.format(period);
    let out = args.out.clone().unwrap_or_else(|| match &args.source.folder {
        Some(folder) => folder.join("analysis"),
        None => PathBuf::from("."),
    });
    let files = ["promotions.csv", "analysis.html"].map(|file| out.join(file));
    std::fs::create_dir_all(&out).with_context(|| format!("could not make the folder {}", out.display()))?;
    tables::write_csv(&files[0], &columns(&analysis.events, calendar))?;
    let page = AnalysisPage {
        analysis: &analysis,
        fitted: &used,
        currency: books.currency,
        names: &books.names,
        edits: &edits,
        history: (name(used.lift.span.start), name(used.lift.span.end.plus(-1))),
    };
    tables::write_atomic(&files[1], report::analysis(&page)?.as_bytes())?;
    let row = |analysed: Analysed| Row {
        first_period: name(analysed.event.span.start),
        last_period: name(analysed.event.span.end.plus(-1)),
        analysed,
    };
    let summary = Summary {
        currency: books.currency,
        first_period: name(used.lift.span.start),
        last_period: name(used.lift.span.end.plus(-1)),
        total: analysis.total,
        items: analysis.items,
        promotions: analysis.events.into_iter().map(row).collect(),
        never_ran,
        edits,
        files: files.into(),
    };
    console.result(&summary, for_people)?;
    Ok(Ending::Done)
}

/// Offers of the project's published plans that no sale shows.
fn unseen(args: &Args, history: &History) -> anyhow::Result<Vec<Unseen>> {
    let Some(folder) = &args.source.folder else { return Ok(vec![]) };
    let regions = Facts::regions_of(&history.panel);
    let name = |period| history.panel.calendar().format(period);
    let found =
        never_ran(&published_offers(folder)?, &history.panel, &regions).into_iter().map(|NeverRan { offer, cells }| {
            Unseen {
                unit_id: offer.sku.to_string(),
                place_id: offer.place.to_string(),
                first_period: name(offer.span.start),
                last_period: name(offer.span.end.plus(-1)),
                depth: offer.depth.share(),
                cells,
            }
        });
    Ok(found.collect())
}

/// What was published, offer by offer; of plans for the same weeks the last one.
fn published_offers(folder: &Path) -> anyhow::Result<Vec<Offer>> {
    let path = folder.join("journal.db");
    let mut offers: Vec<Offer> = Vec::new();
    if !is_kept(&path) {
        return Ok(offers);
    }
    for event in StoredJournal::open(&path, jiff::Timestamp::now)?.read()? {
        let Event::Published { plan, .. } = event else { continue };
        let file = folder.join("plans").join(plan.as_str()).join("plan.json");
        if file.is_file() {
            let plan: Plan = tables::read_json(&file)?;
            // A plan takes the place of what earlier ones had for its weeks.
            offers.retain(|offer| offer.span.start < plan.span.start);
            offers.extend(plan.offers);
        }
    }
    Ok(offers)
}

fn books(args: &Args, history: &History) -> anyhow::Result<Books> {
    let mut books = match &args.source.folder {
        Some(folder) => books_of_project(args, folder, history)?,
        None => books_of_panel(args, history)?,
    };
    if let Some(rate) = args.margin_rate {
        for economics in books.economics.values_mut().filter(|economics| economics.cost == Cost::Unknown) {
            economics.cost = Cost::MarginRate(rate);
        }
    }
    if let Some(path) = &args.forecast {
        books.planned = planned(path, history.panel.calendar())?;
    }
    Ok(books)
}

fn books_of_panel(args: &Args, history: &History) -> anyhow::Result<Books> {
    let costs = args.costs.as_ref().map(|path| costs(path)).transpose()?.unwrap_or_default();
    let known = |sku: &Sku| costs.get(sku.as_str()).map_or(Cost::Unknown, |&cost| Cost::Piece(cost));
    let skus = history.panel.skus().iter().map(|entry| &entry.sku);
    if let Some(stranger) = costs.keys().find(|name| !skus.clone().any(|sku| sku.as_str() == name.as_str())) {
        bail!("--costs names item {stranger}, which is not in the panel: check unit_id");
    }
    let economics = skus.map(|sku| (sku.clone(), Economics { scale: 1.0, cost: known(sku) })).collect();
    Ok(Books { currency: None, economics, names: BTreeMap::new(), planned: PlannedUnits::new() })
}

fn costs(path: &Path) -> anyhow::Result<BTreeMap<String, f64>> {
    let table = tables::read_table(path)?;
    let (names, costs) = (table.text("unit_id")?, table.numbers("unit_cost")?);
    if let Some(row) = costs.iter().position(|cost| *cost < 0.0) {
        return Err(table.bad("unit_cost", row, &costs[row].to_string(), "0 or more").into());
    }
    Ok(names.into_iter().zip(costs).collect())
}

fn planned(path: &Path, calendar: Calendar) -> anyhow::Result<PlannedUnits> {
    let table = tables::read_table(path)?;
    let (skus, places, means) = (table.text("unit_id")?, table.text("place_id")?, table.numbers("mean")?);
    let periods = table.periods_of("period", calendar)?;
    let cells = skus.iter().zip(&places).zip(periods).zip(means);
    Ok(cells
        .map(|(((sku, place), period), mean)| ((sku.as_str().into(), place.as_str().into(), period), mean))
        .collect())
}

fn books_of_project(args: &Args, folder: &Path, history: &History) -> anyhow::Result<Books> {
    let store = Store::open(folder)?;
    let snapshot = history.snapshot.clone().context("the facts have no snapshot: run `endcap ingest` again")?;
    let items: BTreeMap<Sku, _> =
        FactStore::items(&store, &snapshot)?.into_iter().map(|item| (item.sku.clone(), item)).collect();
    let path = args.scenario.clone().unwrap_or_else(|| folder.join("scenario.toml"));
    let scenario = if args.scenario.is_some() || path.exists() { Some(read_scenario(&path)?) } else { None };
    let panel = history.panel.clone();
    let facts = Facts { regions: Facts::regions_of(&panel), panel, items, stock: vec![] };
    let named = facts.items.values().filter_map(|item| Some((item.sku.clone(), item.name.clone()?)));
    Ok(Books {
        currency: Some(Project::read(folder)?.currency),
        economics: facts.promotion_economics(scenario.as_ref()),
        names: named.collect(),
        planned: of_published_plans(folder)?,
    })
}

/// What the published plans of a project expected; later plans win.
pub fn of_published_plans(folder: &Path) -> anyhow::Result<PlannedUnits> {
    let path = folder.join("journal.db");
    let mut cells = PlannedUnits::new();
    if !is_kept(&path) {
        return Ok(cells);
    }
    for event in StoredJournal::open(&path, jiff::Timestamp::now)?.read()? {
        let Event::Published { plan, .. } = event else { continue };
        let file = folder.join("plans").join(plan.as_str()).join("forecast.json");
        if file.is_file() {
            let forecast: Forecast = tables::read_json(&file)?;
            cells.extend(forecast.rows.into_iter().map(|row| ((row.sku, row.place, row.period), row.mean)));
        }
    }
    Ok(cells)
}

fn columns(events: &[Analysed], calendar: Calendar) -> Vec<(&'static str, Column)> {
    let text = |of: &dyn Fn(&Analysed) -> String| Column::Text(events.iter().map(of).collect());
    let number = |of: &dyn Fn(&Analysed) -> f64| Column::Number(events.iter().map(of).collect());
    let mut columns = vec![
        ("unit_id", text(&|one| one.event.sku.to_string())),
        ("region_id", text(&|one| one.event.region.clone())),
        ("first_period", text(&|one| calendar.format(one.event.span.start))),
        ("last_period", text(&|one| calendar.format(one.event.span.end.plus(-1)))),
        ("depth", number(&|one| one.event.depth.share())),
        ("places", Column::Whole(events.iter().map(|one| one.event.places as i64).collect())),
        ("sold", number(&|one| one.sold)),
        ("forecast", number(&|one| one.forecast.unwrap_or(f64::NAN))),
        ("baseline", number(&|one| one.event.baseline)),
    ];
    type Part = (&'static str, &'static str, &'static str, fn(&Analysed) -> Option<Split>);
    let parts: [Part; 13] = [
        ("own", "own_lo95", "own_hi95", |one| Some(one.event.own)),
        ("cannibalised", "cannibalised_lo95", "cannibalised_hi95", |one| Some(one.event.cannibalised)),
        ("pulled_forward", "pulled_forward_lo95", "pulled_forward_hi95", |one| Some(one.event.pulled_forward)),
        ("halo", "halo_lo95", "halo_hi95", |one| one.event.halo),
        ("net", "net_lo95", "net_hi95", |one| Some(one.event.net)),
        ("revenue", "revenue_lo95", "revenue_hi95", |one| Some(one.revenue)),
        ("own_margin", "own_margin_lo95", "own_margin_hi95", |one| one.money.map(|money| money.own)),
        ("discount_sold_anyway", "discount_sold_anyway_lo95", "discount_sold_anyway_hi95", |one| {
            one.money.map(|money| money.anyway)
        }),
        ("cannibalised_margin", "cannibalised_margin_lo95", "cannibalised_margin_hi95", |one| {
            one.money.map(|money| money.cannibalised)
        }),
        ("pulled_forward_margin", "pulled_forward_margin_lo95", "pulled_forward_margin_hi95", |one| {
            one.money.map(|money| money.pulled_forward)
        }),
        ("halo_margin", "halo_margin_lo95", "halo_margin_hi95", |one| one.money.and_then(|money| money.halo)),
        ("profit", "profit_lo95", "profit_hi95", |one| one.money.map(|money| money.profit)),
        ("roi", "roi_lo95", "roi_hi95", |one| one.money.and_then(|money| money.roi)),
    ];
    for (name, lo95, hi95, of) in parts {
        let end = |pick: fn(Split) -> f64| number(&|one| of(one).map_or(f64::NAN, pick));
        columns.push((name, end(|split| split.units)));
        columns.push((lo95, end(|split| split.lo95)));
        columns.push((hi95, end(|split| split.hi95)));
    }
    let money = |of: fn(&endcap_demand::Money) -> Option<f64>| {
        number(&|one| one.money.as_ref().and_then(of).unwrap_or(f64::NAN))
    };
    columns.extend([
        ("given_away", number(&|one| one.given_away)),
        ("naive", number(&|one| one.event.naive.unwrap_or(f64::NAN))),
        ("naive_profit", money(|money| money.naive)),
        ("probability_paid", money(|money| Some(money.probability_paid))),
        ("break_even_margin", number(&|one| one.break_even_margin.unwrap_or(f64::NAN))),
        ("verdict", text(&|one| verdict(one.verdict).to_owned())),
        ("why", text(&|one| one.why.clone())),
    ]);
    columns
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Paid => "paid",
        Verdict::DidNotPay => "did not pay",
        Verdict::CannotTell => "cannot tell",
    }
}

fn for_people(summary: &Summary) -> String {
    let money = |amount: f64| match summary.currency {
        Some(currency) => Money::new(amount.round() as i64, currency).to_string(),
        None => format!("{amount:.0}"),
    };
    let known = summary.total.profit.is_some();
    let measure = if known { "Profit" } else { "Sales added" };
    let mut rows = table(&[
        "Item",
        "Place",
        "Periods",
        "Off",
        "Sold",
        "Own",
        "Substitutes",
        "Later",
        "Halo",
        "Net units",
        "Usual report",
        measure,
        "Interval",
        "Verdict",
    ]);
    for row in shown(&summary.promotions) {
        let Row { analysed: one, first_period, last_period } = row;
        let amount = one.money.map_or(one.revenue, |money| money.profit);
        rows.add_row([
            one.event.sku.to_string(),
            one.event.region.clone(),
            if first_period == last_period { first_period.clone() } else { format!("{first_period} to {last_period}") },
            format!("{:.0} %", 100.0 * one.event.depth.share()),
            format!("{:.0}", one.sold),
            format!("{:.0}", one.event.own.units),
            format!("{:.0}", one.event.cannibalised.units),
            format!("{:.0}", one.event.pulled_forward.units),
            one.event.halo.map_or_else(String::new, |halo| format!("{:.0}", halo.units)),
            format!("{:.0}", one.event.net.units),
            one.event.naive.map_or_else(String::new, |naive| format!("{naive:.0}")),
            money(amount.units),
            format!("{} to {}", money(amount.lo95), money(amount.hi95)),
            verdict(one.verdict).to_owned(),
        ]);
    }
    let total = &summary.total;
    let left = total.events - total.paid - total.did_not_pay;
    let earned = total.profit.map_or_else(
        || format!("No cost is known: sales grew by {}.", money(total.revenue.units)),
        |profit| {
            let naive = total
                .naive_profit
                .map_or_else(String::new, |naive| format!(" The usual report would say {}.", money(naive)));
            format!(
                "They earned {} ({} to {}) and gave {} away.{naive}",
                money(profit.units),
                money(profit.lo95),
                money(profit.hi95),
                money(total.given_away)
            )
        },
    );
    let more = summary.promotions.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("\n... and {more} between them in the files.") } else { String::new() };
    let edits = in_words(&summary.edits).map_or_else(String::new, |words| format!("\n{words}"));
    let files: Vec<String> = summary.files.iter().map(|file| file.display().to_string()).collect();
    format!(
        "{rows}{more}\n{} promotions, {} to {}: {} paid, {} did not, {left} cannot be told.\n{earned} Net units: {:.0} ({:.0} to {:.0}); the usual report says {:.0}.{edits}\nWritten: {}",
        total.events,
        summary.first_period,
        summary.last_period,
        total.paid,
        total.did_not_pay,
        total.net.units,
        total.net.lo95,
        total.net.hi95,
        total.naive,
        files.join(", ")
    )
}

/// The best and the worst promotions.
fn shown(rows: &[Row]) -> impl Iterator<Item = &Row> {
    let (first, last) = (SHOWN.div_ceil(2), SHOWN / 2);
    let cut = rows.len().saturating_sub(last).max(first.min(rows.len()));
    rows[..first.min(rows.len())].iter().chain(&rows[cut..])
}
