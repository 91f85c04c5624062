//! Reads what a project's plan is made from, for commands that ask about plans without making one.

use crate::console::{Console, Steps};
use crate::judgement;
use crate::objectives;
use crate::project::{CODE_VERSION, read_scenario};
use anyhow::{Context, ensure};
use endcap_adapters::artifacts::Folder;
use endcap_adapters::database::is_kept;
use endcap_adapters::facts::Store;
use endcap_adapters::journal::StoredJournal;
use endcap_adapters::project::Project;
use endcap_adapters::tables::read_toml;
use endcap_agent::ground::Ground;
use endcap_agent::jobs::{Bench, Settings};
use endcap_agent::ports::Journal;
use endcap_agent::registry::Registry;
use endcap_agent::run::until_offers_are_chosen;
use endcap_agent::step;
use endcap_model::{Event, Policy, Scenario};
use endcap_plan::solve;
use std::path::{Path, PathBuf};
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

impl Terms {
    /// A project with its own scenario, searched as usual.
    pub fn of(folder: PathBuf) -> Self {
        Self { folder, scenario: None, gap: 0.0001, time_limit: None, threads: None }
    }

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
        let steps = Steps::new(console);
        let progress = |step: &str, done: usize, all: usize| steps.at(step, done, all);
        self.with_bench(&scenario, &progress, |bench, state| Ok(Ground::of(bench, state, &scenario)?))
    }

    /// Does everything that comes before offers are chosen, unless that was done before, and hands over the bench with
    /// its results; the inner error says why nothing can be planned.
    pub fn with_bench<T>(
        &self,
        scenario: &Scenario,
        progress: &(dyn Fn(&str, usize, usize) + Sync),
        then: impl FnOnce(&mut Bench, &step::State) -> anyhow::Result<T>,
    ) -> anyhow::Result<Result<T, String>> {
        let policy: Policy = read_toml(&self.folder.join("policy.toml"))?;
        let store = Store::open(&self.folder)?;
        let artifacts = Folder::new(&self.folder);
        let settings = Settings {
            judgement: judgement::read(&self.folder)?,
            objectives: objectives::in_force(&self.folder)?.map(|objectives| objectives.hash()),
            seed: 1,
            code_version: CODE_VERSION.to_owned(),
            solve: self.search()?,
        };
        let mut bench = Bench::new(&store, &artifacts, scenario, &policy, &settings, progress);
        let first = latest(&store, &self.folder)?;
        match until_offers_are_chosen(first, &mut bench, models_of(&self.folder)?)? {
            Ok(state) => then(&mut bench, &state).map(Ok),
            Err(reason) => Ok(Err(reason)),
        }
    }
}

/// The models of a project, as its journal tells them; none where the loop never ran.
pub fn models_of(folder: &Path) -> anyhow::Result<Registry> {
    let path = folder.join("journal.db");
    if !is_kept(&path) {
        return Ok(Registry::default());
    }
    Ok(Registry::of(&StoredJournal::open(&path, jiff::Timestamp::now)?.read()?))
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
    in_force(folder)?.with_context(none)
}

/// The file of the plan that was published last; nothing where none was.
pub fn in_force(folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    let path = folder.join("journal.db");
    if !is_kept(&path) {
        return Ok(None);
    }
    let events = StoredJournal::open(&path, jiff::Timestamp::now)?.read()?;
    let published = events.into_iter().rev().find_map(|event| match event {
        Event::Published { plan, .. } => Some(plan),
        _ => None,
    });
    Ok(published.map(|plan| folder.join("plans").join(plan.as_str()).join("plan.json")))
}
