//! `endcap twin`: tries policies in simulated worlds and compares them, paired by seed.

use crate::columns;
use crate::commands::{twin_panel, twin_train};
use crate::console::{Console, Ending, Steps, table};
use crate::report::{self, TrialPage};
use anyhow::Context;
use endcap_adapters::tables::{self, Column};
use endcap_agent::policies::{
    CalendarPolicy, Fits, Ordering, Replenishment, RollingPolicy, SizePolicy, believed_forecast, cell_terms, rotation,
    solve_page,
};
use endcap_model::{Calendar, Currency, Depth, Mechanic, Offer, Outcome, Panel, Span, Support, Value};
use endcap_twin::{
    Adjustment, Fault, Kpi, Measure, Note, OrderingChoice, PageKpis, PolicyChoice, PolicyMaker, Season, Summary, Told,
    Trials, TwinScenario, WorldChoice, WorldSpec, adjustments, kpis, seasons, shipped, told, try_all,
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Try policies in simulated worlds whose shoppers and suppliers they do not know, and compare them world by world.
///
/// The scenario names a world (made up, or what followed a history), how it answers, what hits it, and the policies.
/// Every policy meets the same shoppers in every world; intervals are of the mean over worlds.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap twin examples/twin/grocery.toml\n  endcap twin examples/twin/grocery.toml --worlds 50 --json\n  endcap twin examples/twin/grocery.toml --out tried\n  endcap twin examples/twin/known-truth.toml --panel known --seed 7\n  endcap twin examples/scenarios/grocery-year.toml --shock \"supplier cuts half\"\n  endcap twin examples/scenarios/grocery-year.toml --seasons 4\n  endcap twin examples/twin/learned.toml --train learned --worlds 3"
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
    /// Switch on a shock of the scenario that is on standby, by its name; may be given several times. How long each
    /// policy takes to adjust is then measured too.
    #[arg(long, value_name = "NAME")]
    shock: Vec<String>,
    /// Tell margin, forecast error and elasticity error season by season too: so many equal parts of the horizon.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1000))]
    seasons: Option<u32>,
    /// Folder for kpis.csv, outcomes.csv, notes.csv and report.html.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Try no policy: write what a retailer could have observed in the first world as a panel, and the answer key to
    /// it, into this folder. How its promotions came about is `[panel]` of the scenario.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["out", "worlds"])]
    panel: Option<PathBuf>,
    /// Compare nothing: train the rule of this policy, of kind `learned`, in so many worlds a round, and tell its weights.
    #[arg(long, value_name = "POLICY", conflicts_with_all = ["out", "panel", "seasons"])]
    train: Option<String>,
    /// Rounds of training.
    #[arg(long, value_name = "NUMBER", default_value_t = 10, requires = "train", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
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
    /// What policies did wrong.
    faults: Vec<Fault>,
    /// How policies took the shocks that were switched on.
    adjustments: Vec<Adjustment>,
    /// What policies told, by policy and kind.
    told: Vec<Told>,
    /// Every run season by season, when asked for.
    seasons: Vec<Season>,
    /// The figures of the Promo Planner page: greedy, rotation, and the best calendar by the page's own formula.
    page: Option<Vec<PageKpis>>,
}

/// A policy of a scenario: one that needs nothing else, one that plans on the way, a calendar with Endcap's ordering, or
/// one that looks after sizes.
enum Chosen<'a> {
    Shipped(Box<PolicyMaker<'a>>),
    Rolling(Box<RollingPolicy<'a>>),
    Calendar(Box<CalendarPolicy>),
    Sizes(Box<SizePolicy<'a>>),
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let scenario = read_scenario(args)?;
    let folder = args.scenario.parent().unwrap_or(Path::new("."));
    let spec = scenario.world(read_history(&scenario, folder)?.as_ref()).with_context(|| in_file(&args.scenario))?;
    if let Some(folder) = &args.panel {
        return twin_panel::run(&scenario, &spec, folder, console).with_context(|| in_file(&args.scenario));
    }
    if let Some(name) = &args.train {
        let trained = twin_train::run(&scenario, &spec, name, args.rounds as usize, console);
        return trained.with_context(|| in_file(&args.scenario));
    }
    let fits = Fits::default();
    let choose = |choice| -> anyhow::Result<Chosen> {
        if let Some(maker) = shipped(choice, &scenario, &spec, folder) {
            return Ok(Chosen::Shipped(maker));
        }
        if let Some(policy) = RollingPolicy::of(choice, &scenario, &spec, &fits) {
            return Ok(Chosen::Rolling(Box::new(policy)));
        }
        if let PolicyChoice::Sizes { name, terms } = choice {
            return Ok(Chosen::Sizes(Box::new(SizePolicy::new(name, &spec, *terms))));
        }
        make_policy(choice, &scenario, &spec, folder).map(|policy| Chosen::Calendar(Box::new(policy)))
    };
    let policies = scenario.policies.iter().map(choose).collect::<anyhow::Result<Vec<_>>>()?;
    #[allow(clippy::redundant_closure, reason = "the closure shortens the lifetime of what is made")]
    let makers: Vec<Box<PolicyMaker>> = policies
        .iter()
        .map(|policy| match policy {
            Chosen::Shipped(maker) => Box::new(|| maker()) as Box<PolicyMaker>,
            Chosen::Rolling(policy) => Box::new(|| policy.start()),
            Chosen::Calendar(policy) => Box::new(|| policy.start()),
            Chosen::Sizes(policy) => Box::new(|| policy.start()),
        })
        .collect();
    let makers: Vec<&PolicyMaker> = makers.iter().map(Box::as_ref).collect();
    let steps = Steps::new(console);
    let progress = |done, all| steps.at("try in the twin", done, all);
    let trials = try_all(&spec, &scenario.response, &makers, &progress).with_context(|| in_file(&args.scenario))?;
    let calm = spec.clone().with_shocks(Vec::new())?;
    let adjusted = if args.shock.is_empty() {
        Vec::new()
    } else {
        adjustments(&spec, &calm, &scenario.response, &makers).with_context(|| in_file(&args.scenario))?
    };
    let page = scenario.page()?.map(|page| {
        let best = solve_page(&page).map(|solved| solved.calendar);
        [Some(page.greedy()), Some(page.uniform()), best].iter().flatten().map(|calendar| page.kpis(calendar)).collect()
    });
    let tried = Tried {
        reference: scenario.reference().to_owned(),
        currency: scenario.currency,
        worlds: scenario.response.worlds,
        seed: scenario.response.seed,
        cells: spec.cells().len(),
        periods: spec.span().len(),
        kpis: kpis(&trials.outcomes, scenario.reference()),
        outcomes: trials.outcomes.clone(),
        faults: trials.faults.clone(),
        told: told(&trials.notes),
        adjustments: adjusted,
        seasons: args.seasons.map_or_else(Vec::new, |count| seasons(&trials.courses, count as usize)),
        page,
        scenario: scenario.name.clone(),
    };
    if let Some(out) = &args.out {
        write(&tried, &trials, out)?;
        let page = report::trial(&TrialPage { scenario: &scenario, spec: &spec, trials: &trials, told: &tried.told })?;
        tables::write_atomic(&out.join("report.html"), page.as_bytes())?;
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
    scenario.switch_on(&args.shock).with_context(|| in_file(&args.scenario))?;
    scenario.check().with_context(|| in_file(&args.scenario))?;
    Ok(scenario)
}

fn read_history(scenario: &TwinScenario, folder: &Path) -> anyhow::Result<Option<Panel>> {
    match &scenario.world {
        WorldChoice::Synthetic(_) | WorldChoice::Listed(_) => Ok(None),
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
        PolicyChoice::Rotation { depth, slots, periods, .. } => rotation(spec, *depth, *slots, *periods),
        PolicyChoice::Calendar { file, .. } => read_calendar(&folder.join(file), spec)?,
        _ => vec![],
    };
    let forecast = believed_forecast(spec, &scenario.response, &offers, scenario.believed_elasticity());
    let ordering = match choice.ordering() {
        Some(OrderingChoice::MovingAverage) => {
            let window = if spec.calendar() == Calendar::Week { 4 } else { 7 };
            Ordering::MovingAverage { window, before: &forecast }
        }
        _ => Ordering::OrderUpTo(&forecast),
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

fn write(tried: &Tried, trials: &Trials, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    tables::write_csv(&folder.join("outcomes.csv"), &columns::outcomes(&tried.outcomes))?;
    let notes = &trials.notes;
    let text = |of: fn(&Note) -> &str| Column::Text(notes.iter().map(|note| of(note).to_owned()).collect());
    let columns = [
        ("policy", text(|note| &note.policy)),
        ("seed", Column::Whole(notes.iter().map(|note| note.seed as i64).collect())),
        ("period", text(|note| &note.period)),
        ("kind", text(|note| note.kind)),
        ("text", text(|note| &note.text)),
    ];
    tables::write_csv(&folder.join("notes.csv"), &columns)?;
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
        if tried.kpis.iter().any(|kpi| kpi.measure == measure) {
            rows.add_row(std::iter::once(measure.name().replace('_', " ")).chain(policies.iter().map(cell)));
        }
    }
    let Tried { scenario, cells, periods, worlds, seed, reference, .. } = tried;
    let more = [
        faults_for_people(tried),
        told_for_people(tried),
        adjustments_for_people(tried, &policies),
        seasons_for_people(tried, &policies),
        page_for_people(tried),
    ]
    .concat();
    format!(
        "{scenario}\n{cells} item-places, {periods} periods, {worlds} worlds from seed {seed}\n{rows}\nSecond line: difference \
         to '{reference}' in the same world, with the 95 % interval of its mean. Third line: one world in twenty is \
         worse (of the difference, where there is one).{more}"
    )
}

fn faults_for_people(tried: &Tried) -> String {
    let line = |fault: &Fault| {
        format!("\n'{}', world {}, before {}: {}", fault.policy, fault.seed, fault.period, fault.reason)
    };
    tried.faults.iter().map(line).collect()
}

/// What policies told: how often, and the first of each kind.
fn told_for_people(tried: &Tried) -> String {
    let line = |told: &Told| {
        let Told { times, first } = told;
        format!("\n'{}', {}, {times} times; first before {}: {}", first.policy, first.kind, first.period, first.text)
    };
    tried.told.iter().map(line).collect()
}

/// Mean periods until each policy acted on the shocks, and until service was back.
fn adjustments_for_people(tried: &Tried, policies: &[&str]) -> String {
    if tried.adjustments.is_empty() {
        return String::new();
    }
    let told = |policy: &&str, of: fn(&Adjustment) -> Option<usize>| {
        let own = tried.adjustments.iter().filter(|adjustment| adjustment.policy == *policy);
        let (known, never): (Vec<_>, Vec<_>) = own.map(of).partition(Option::is_some);
        let sum: usize = known.iter().flatten().sum();
        match (known.len(), never.len()) {
            (0, _) => "never".to_owned(),
            (known, 0) => format!("{:.1}", sum as f64 / known as f64),
            (known, never) => format!("{:.1} ({never} worlds never)", sum as f64 / known as f64),
        }
    };
    let line = |policy: &&str| {
        let (acts, serves) = (told(policy, |a| a.acts_after), told(policy, |a| a.serves_after));
        format!("\nPeriods from the shock, '{policy}': {acts} to act, {serves} to serve as without it.")
    };
    policies.iter().map(line).collect()
}

/// Means over worlds of each season.
fn seasons_for_people(tried: &Tried, policies: &[&str]) -> String {
    let last = tried.seasons.iter().map(|one| one.season).max().unwrap_or(0);
    let line = |policy: &&str, season: usize| {
        let own = tried.seasons.iter().filter(|one| one.policy == *policy && one.season == season);
        let own: Vec<&Season> = own.collect();
        let mean = |of: &dyn Fn(&Season) -> Option<f64>| {
            let known: Vec<f64> = own.iter().filter_map(|one| of(one)).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        let margin = mean(&|one| Some(one.margin as f64)).unwrap_or_default();
        let forecast = mean(&|one| one.forecast_error).map_or("-".to_owned(), |mean| format!("{:.1} %", 100.0 * mean));
        let elasticity = mean(&|one| one.elasticity_error).map_or("-".to_owned(), |mean| format!("{mean:.2}"));
        format!(
            "\nSeason {season}, '{policy}': margin {}, forecasts of promoted items off by {forecast}, elasticities by {elasticity}.",
            figure(Measure::Margin, margin, tried.currency)
        )
    };
    policies.iter().flat_map(|policy| (1..=last).map(move |season| line(policy, season))).collect()
}

fn page_for_people(tried: &Tried) -> String {
    let Some(figures) = &tried.page else { return String::new() };
    let line = |(name, kpis): (&str, &PageKpis)| {
        let over = kpis.over_uniform.map_or("-".to_owned(), |over| format!("{:+.1} %", over * 100.0));
        format!(
            "\nBy the page's formula, {name}: margin {:.0}, {over} over the rotation, {} SKU-weeks, budget {:.0}, mean depth \
             {:.1} %, cannibalised {:.1} %.",
            kpis.incremental_margin,
            kpis.sku_periods,
            kpis.budget_used,
            kpis.mean_depth * 100.0,
            kpis.cannibalised_share * 100.0
        )
    };
    ["greedy", "rotation", "optimised"].into_iter().zip(figures).map(line).collect()
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
    match measure {
        _ if measure.is_share() => format!("{:.2} %", value * 100.0),
        Measure::Gmroi => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}
