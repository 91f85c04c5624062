//! What a project's plan is made from, for commands that ask about plans without making one.

use crate::console::{Console, Steps};
use crate::judgement;
use crate::project::{CODE_VERSION, read_scenario};
use anyhow::{Context, ensure};
use endcap_adapters::artifacts::Folder;
use endcap_adapters::facts::Store;
use endcap_adapters::journal::SqliteJournal;
use endcap_adapters::project::Project;
use endcap_adapters::tables::read_toml;
use endcap_agent::jobs::{Bench, Settings};
use endcap_agent::ports::Journal;
use endcap_agent::run::until_offers_are_chosen;
use endcap_agent::sense::Facts;
use endcap_agent::sizes::broken;
use endcap_agent::{plan, step};
use endcap_demand::Fitted;
use endcap_demand::overrides::Overridden;
use endcap_model::{AsOf, ContentHash, Event, Forecast, Place, Policy, Scenario, Sku, SnapshotId, StockState};
use endcap_plan::{ItemEconomics, PlanInput, solve};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The project and how to search; the same for all commands that plan.
#[derive(clap::Args)]
pub struct Terms {
    /// The project's folder.
    #[arg(default_value = ".")]
    pub folder: PathBuf,
    /// The scenario; FOLDER/scenario.toml when not given.
    #[arg(long)]
    pub scenario: Option<PathBuf>,
    /// Stop once a plan is proven to be within this share of the best possible.
    #[arg(long, default_value_t = 0.0001, value_parser = crate::commands::plan::share)]
    pub gap: f64,
    /// Stop each search after so many seconds, with the best plan so far and its true bound.
    #[arg(long)]
    pub time_limit: Option<f64>,
    /// Threads to use; all cores when not given. The result does not depend on it.
    #[arg(long, value_parser = crate::commands::threads)]
    pub threads: Option<usize>,
}

/// What a plan is made from: facts, lift model, forecast without promotions, stock and economics.
pub struct Ground {
    /// Limits and assumptions.
    pub scenario: Scenario,
    /// The facts that all of it comes from.
    pub snapshot: SnapshotId,
    /// When they were known.
    pub as_of: AsOf,
    /// The name of the lift model.
    pub model: ContentHash,
    /// The facts.
    pub facts: Arc<Facts>,
    /// The lift model.
    pub fitted: Arc<Fitted>,
    /// Demand without promotions.
    pub baseline: Arc<Forecast>,
    /// What planners changed of it.
    pub overrides: Vec<Overridden>,
    items: BTreeMap<Sku, ItemEconomics>,
    states: Vec<StockState>,
    broken: BTreeMap<(Sku, Place), f64>,
}

impl Terms {
    /// How the optimiser searches.
    pub fn search(&self) -> anyhow::Result<solve::Settings> {
        let time_limit = self.time_limit.map(Duration::try_from_secs_f64).transpose();
        let time_limit = time_limit.context("--time-limit: expected seconds, 0 or more")?;
        Ok(solve::Settings { gap: self.gap, time_limit, threads: self.threads, ..solve::Settings::default() })
    }

    /// Reads the scenario.
    pub fn scenario(&self) -> anyhow::Result<Scenario> {
        let path = self.scenario.clone().unwrap_or_else(|| self.folder.join("scenario.toml"));
        let (scenario, project) = (read_scenario(&path)?, Project::read(&self.folder)?);
        ensure!(
            scenario.currency == project.currency,
            "{} counts in {}, the project in {}: state prices in one currency",
            path.display(),
            scenario.currency.code(),
            project.currency.code()
        );
        Ok(scenario)
    }

    /// Reads the project's latest facts and, unless that was done before, fits and forecasts; the inner error says why
    /// nothing can be planned.
    pub fn ground(&self, scenario: Scenario, console: &Console) -> anyhow::Result<Result<Ground, String>> {
        let policy: Policy = read_toml(&self.folder.join("policy.toml"))?;
        let store = Store::open(&self.folder)?;
        let artifacts = Folder::new(&self.folder);
        let settings = Settings {
            judgement: judgement::read(&self.folder)?,
            seed: 1,
            code_version: CODE_VERSION.to_owned(),
            solve: self.search()?,
        };
        let steps = Steps::new(console);
        let progress = |step: &str, done: usize, all: usize| steps.at(step, done, all);
        let mut bench = Bench::new(&store, &artifacts, &scenario, &policy, &settings, &progress);
        let first = latest(&store, &self.folder)?;
        let state = match until_offers_are_chosen(first, &mut bench)? {
            Ok(state) => state,
            Err(reason) => return Ok(Err(reason)),
        };
        let step::State { snapshot: Some(snapshot), model: Some(model), forecast: Some(forecast), .. } = state else {
            return Ok(Err("the facts could not be forecast".to_owned()));
        };
        let (facts, fitted, baseline) = (bench.facts(&snapshot)?, bench.fitted(&model)?, bench.forecast(&forecast)?);
        let overrides = bench.overridden(&forecast)?.overrides;
        let as_of = store.snapshot(&snapshot)?.as_of;
        let items = facts.economics(&scenario);
        let states = plan::opening_stock(&facts, &baseline, &scenario);
        let broken = broken(&facts, &baseline);
        Ok(Ok(Ground { scenario, snapshot, as_of, model, facts, fitted, baseline, overrides, items, states, broken }))
    }
}

impl Ground {
    /// What the planner reads.
    pub fn input(&self) -> PlanInput<'_> {
        let stock = (self.states.as_slice(), &self.broken);
        plan::input(&self.facts, &self.fitted.lift, &self.baseline, &self.scenario, &self.items, stock)
    }
}

/// The event that a project's latest facts have landed.
pub fn latest(store: &Store, folder: &Path) -> anyhow::Result<Event> {
    let latest = store
        .latest(None)?
        .with_context(|| format!("{} has no facts yet: run `endcap ingest {0}` first", folder.display()))?;
    Ok(Event::Ingested {
        snapshot: latest.id.clone(),
        rows_read: latest.rows_read(),
        rows_set_aside: latest.rows_set_aside(),
    })
}

/// The file of the plan that was published last.
pub fn last_published(folder: &Path) -> anyhow::Result<PathBuf> {
    let none = || format!("no plan of {} was published: name one of FOLDER/plans/ID/plan.json", folder.display());
    let path = folder.join("journal.db");
    ensure!(path.is_file(), none());
    let events = SqliteJournal::open(&path, jiff::Timestamp::now)?.read()?;
    let published = events.into_iter().rev().find_map(|event| match event {
        Event::Published { plan, .. } => Some(plan),
        _ => None,
    });
    Ok(folder.join("plans").join(published.with_context(none)?.as_str()).join("plan.json"))
}
