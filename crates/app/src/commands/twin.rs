//! `endcap twin`: tries policies in simulated worlds and compares them, paired by seed.

use crate::columns;
use crate::commands::twin_panel;
use crate::console::{Console, Ending, Steps, table};
use anyhow::Context;
use endcap_adapters::tables::{self, Column};
use endcap_agent::policies::{CalendarPolicy, Ordering, Replenishment, believed_forecast, cell_terms, rotation};
use endcap_model::{Calendar, Currency, Depth, Mechanic, Offer, Outcome, Panel, Span, Support, Value};
use endcap_twin::{
    Kpi, Measure, OrderingChoice, PolicyChoice, PolicyMaker, Summary, TwinScenario, WorldChoice, WorldSpec, compare,
    kpis,
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Try policies in simulated worlds whose shoppers and suppliers they do not know, and compare them world by world.
///
/// The scenario names a world (made up, or what followed a history), how it answers, what hits it, and the policies.
/// Every policy meets the same shoppers in every world; intervals are of the mean over worlds.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap twin examples/twin/grocery.toml\n  endcap twin examples/twin/grocery.toml --worlds 50 --json\n  endcap twin examples/twin/grocery.toml --out tried\n  endcap twin examples/twin/known-truth.toml --panel known --seed 7"
)]
pub struct Args {
    /// The scenario, in TOML.
    scenario: PathBuf,
    /// Number of worlds, in place of the scenario's.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    worlds: Option<u32>,
    /// Seed of the first world, in place of the scenario's; the others follow one by one.
    #[arg(long)]
    seed: Option<u64>,
    /// Folder for kpis.csv and outcomes.csv.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Try no policy: write what a retailer could have observed in the first world as a panel, and the answer key to
    /// it, into this folder. How its promotions came about is `[panel]` of the scenario.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["out", "worlds"])]
    panel: Option<PathBuf>,
}

/// The result, for programs. Money in whole minor units of `currency`.
#[derive(Serialize)]
struct Tried {
    scenario: String,
    currency: Currency,
    reference: String,
    worlds: usize,
    seed: u64,
    cells: usize,
    periods: usize,
    kpis: Vec<Kpi>,
    outcomes: Vec<Outcome>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let scenario = read_scenario(args)?;
    let folder = args.scenario.parent().unwrap_or(Path::new("."));
    let spec = scenario.world(read_history(&scenario, folder)?.as_ref()).with_context(|| in_file(&args.scenario))?;
    if let Some(folder) = &args.panel {
        return twin_panel::run(&scenario, &spec, folder, console).with_context(|| in_file(&args.scenario));
    }
    let policies = scenario
        .policies
        .iter()
        .map(|choice| make_policy(choice, &scenario, &spec, folder))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let makers: Vec<Box<PolicyMaker>> =
        policies.iter().map(|policy| Box::new(|| policy.start()) as Box<PolicyMaker>).collect();
    let makers: Vec<&PolicyMaker> = makers.iter().map(Box::as_ref).collect();
    let steps = Steps::new(console);
    let progress = |done, all| steps.at("try in the twin", done, all);
    let outcomes = compare(&spec, &scenario.response, &makers, &progress).with_context(|| in_file(&args.scenario))?;
    let tried = Tried {
        reference: scenario.reference().to_owned(),
        currency: scenario.currency,
        worlds: scenario.response.worlds,
        seed: scenario.response.seed,
        cells: spec.cells().len(),
        periods: spec.span().len(),
        kpis: kpis(&outcomes, scenario.reference()),
        outcomes,
        scenario: scenario.name,
    };
    if let Some(out) = &args.out {
        write(&tried, out)?;
    }
    console.result(&tried, for_people)?;
    Ok(Ending::Done)
}

fn in_file(path: &Path) -> String {
    format!("{} cannot be tried", path.display())
}

fn read_scenario(args: &Args) -> anyhow::Result<TwinScenario> {
    let mut scenario: TwinScenario = tables::read_toml(&args.scenario)?;
    if let Some(worlds) = args.worlds {
        scenario.response.worlds = worlds as usize;
    }
    scenario.response.seed = args.seed.unwrap_or(scenario.response.seed);
    scenario.check().with_context(|| in_file(&args.scenario))?;
    Ok(scenario)
}

fn read_history(scenario: &TwinScenario, folder: &Path) -> anyhow::Result<Option<Panel>> {
    match &scenario.world {
        WorldChoice::Synthetic(_) => Ok(None),
        WorldChoice::History(history) => Ok(Some(tables::read_panel(&folder.join(&history.panel), &[])?)),
    }
}

fn make_policy(
    choice: &PolicyChoice,
    scenario: &TwinScenario,
    spec: &WorldSpec,
    folder: &Path,
) -> anyhow::Result<CalendarPolicy> {
    let offers = match choice {
        PolicyChoice::None { .. } => vec![],
        PolicyChoice::Rotation { depth, slots, periods, .. } => rotation(spec, *depth, *slots, *periods),
        PolicyChoice::Calendar { file, .. } => read_calendar(&folder.join(file), spec)?,
    };
    let forecast = believed_forecast(spec, &scenario.response, &offers, scenario.believed_elasticity());
    let ordering = match choice.ordering() {
        OrderingChoice::OrderUpTo => Ordering::OrderUpTo(&forecast),
        OrderingChoice::MovingAverage => {
            let window = if spec.calendar() == Calendar::Week { 4 } else { 7 };
            Ordering::MovingAverage { window, before: &forecast }
        }
    };
    let replenishment = Replenishment {
        lead_time_periods: spec.lead_time_periods(),
        review_periods: scenario.supply.review_periods,
        persistence: 0.0,
        service_level_min: None,
    };
    let terms = cell_terms(spec, &scenario.supply);
    Ok(CalendarPolicy::new(choice.name(), &offers, &ordering, spec, &terms, replenishment)?)
}

/// Reads a calendar of offers: `sku`, `place` (store or region), `period`, `depth`.
fn read_calendar(path: &Path, spec: &WorldSpec) -> anyhow::Result<Vec<Offer>> {
    let table = tables::read_table(path)?;
    let (skus, places) = (table.text("sku")?, table.text("place")?);
    let periods = table.periods_of("period", spec.calendar())?;
    let depths = table.numbers("depth")?;
    let mut offers = Vec::with_capacity(table.len());
    for row in 0..table.len() {
        let (sku, place, period) = (skus[row].as_str().into(), places[row].as_str().into(), periods[row]);
        if spec.cells_of(&sku).is_empty() {
            return Err(table.bad("sku", row, &skus[row], "an item that the world sells").into());
        }
        if !spec.sells(&sku, &place) {
            return Err(table.bad("place", row, &places[row], "a store or region that sells the item").into());
        }
        if !spec.span().contains(period) {
            let found = spec.calendar().format(period);
            return Err(table.bad("period", row, &found, "a period of the horizon").into());
        }
        let depth = Depth::from_share(depths[row]).map_err(|_| {
            table.bad("depth", row, &depths[row].to_string(), "a share of 0 or more and less than 1, such as 0.2")
        })?;
        let span = Span::of_length(period, 1);
        offers.push(Offer { sku, place, span, mechanic: Mechanic::Tpr, depth, support: Support::default() });
    }
    Ok(offers)
}

fn write(tried: &Tried, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    tables::write_csv(&folder.join("outcomes.csv"), &columns::outcomes(&tried.outcomes))?;
    let kpis = &tried.kpis;
    let number =
        |of: &dyn Fn(&Kpi) -> Option<f64>| Column::Number(kpis.iter().map(|kpi| of(kpi).unwrap_or(f64::NAN)).collect());
    let difference = |of: fn(&Summary) -> Option<f64>| number(&|kpi| kpi.difference.as_ref().and_then(of));
    let columns = [
        ("policy", Column::Text(kpis.iter().map(|kpi| kpi.policy.clone()).collect())),
        ("kpi", Column::Text(kpis.iter().map(|kpi| kpi.measure.name().to_owned()).collect())),
        ("worlds", Column::Whole(kpis.iter().map(|kpi| kpi.worlds as i64).collect())),
        ("mean", number(&|kpi| Some(kpi.level.mean))),
        ("lo95", number(&|kpi| kpi.level.lo95)),
        ("hi95", number(&|kpi| kpi.level.hi95)),
        ("tail05", number(&|kpi| Some(kpi.level.tail05))),
        ("difference", difference(|difference| Some(difference.mean))),
        ("difference_lo95", difference(|difference| difference.lo95)),
        ("difference_hi95", difference(|difference| difference.hi95)),
        ("difference_tail05", difference(|difference| Some(difference.tail05))),
    ];
    Ok(tables::write_csv(&folder.join("kpis.csv"), &columns)?)
}

fn for_people(tried: &Tried) -> String {
    let mut policies: Vec<&str> = Vec::new();
    for kpi in &tried.kpis {
        if !policies.contains(&kpi.policy.as_str()) {
            policies.push(&kpi.policy);
        }
    }
    let headings: Vec<&str> = std::iter::once("").chain(policies.iter().copied()).collect();
    let mut rows = table(&headings);
    for measure in Measure::ALL {
        let cell = |policy: &&str| {
            let kpi = tried.kpis.iter().find(|kpi| kpi.policy == *policy && kpi.measure == measure);
            kpi.map(|kpi| shown(kpi, tried.currency)).unwrap_or_default()
        };
        rows.add_row(std::iter::once(measure.name().replace('_', " ")).chain(policies.iter().map(cell)));
    }
    let Tried { scenario, cells, periods, worlds, seed, reference, .. } = tried;
    format!(
        "{scenario}\n{cells} item-places, {periods} periods, {worlds} worlds from seed {seed}\n{rows}\nSecond line: difference \
         to '{reference}' in the same world, with the 95 % interval of its mean. Third line: one world in twenty is \
         worse (of the difference, where there is one)."
    )
}

/// The level, and below it the difference with its interval and tail.
fn shown(kpi: &Kpi, currency: Currency) -> String {
    let one = |value: f64| figure(kpi.measure, value, currency);
    let signed = |value: f64| format!("{}{}", if value > 0.0 { "+" } else { "" }, one(value));
    let level = one(kpi.level.mean);
    match &kpi.difference {
        None => format!("{level}\n\n{}", one(kpi.level.tail05)),
        Some(Summary { mean, lo95: Some(lo95), hi95: Some(hi95), tail05 }) => {
            format!("{level}\n{} [{}, {}]\n{}", signed(*mean), one(*lo95), one(*hi95), signed(*tail05))
        }
        Some(Summary { mean, .. }) => format!("{level}\n{}", signed(*mean)),
    }
}

fn figure(measure: Measure, value: f64, currency: Currency) -> String {
    if measure.is_money() {
        return Value(value).round(currency).to_string().replace(&format!(" {}", currency.code()), "");
    }
    if measure.is_share() { format!("{:.2} %", value * 100.0) } else { format!("{value:.0}") }
}
