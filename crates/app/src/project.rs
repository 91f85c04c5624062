//! Runs the loop over a project's folder and leaves behind what people and other systems pick up.

use crate::approvals;
use crate::commands::audit;
use crate::commands::serve::runtime;
use crate::console::{Console, Steps};
use crate::judgement;
use crate::objectives;
use crate::report::{self, ReportInput};
use crate::report_input::Shown;
use anyhow::{Context, bail};
use endcap_adapters::artifacts::Folder;
use endcap_adapters::facts::Store;
use endcap_adapters::file_drop::{self, FileDrop};
use endcap_adapters::ledger::stops::{StopBook, StopReader, Stoppable};
use endcap_adapters::ledger::{AuditedJournal, Kept};
use endcap_adapters::project::Project;
use endcap_adapters::tables;
use endcap_agent::ask::{Asking, asking};
use endcap_agent::digest::{Digest, digest};
use endcap_agent::flight::Amendment;
use endcap_agent::halt::last_good;
use endcap_agent::jobs::{Bench, Changed, JobError, Settings};
use endcap_agent::ports::{Connector, Journal, PortError};
use endcap_agent::run::{Ended, run};
use endcap_agent::shadow::InShadow;
use endcap_agent::step::{Job, State};
use endcap_agent::stress::Trial;
use endcap_demand::coefficients::{self, Applied};
use endcap_govern::Approved;
use endcap_model::{Event, Forecast, Halt, Plan, PlanId, Policy, Projection, Receipt, Scenario, Sku};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Version of the code, part of every plan's name.
pub const CODE_VERSION: &str = concat!("endcap ", env!("CARGO_PKG_VERSION"));

/// What a run over a project leaves in memory.
pub struct Finished {
    /// How it ended.
    pub ended: Ended,
    /// The plan, when one was made.
    pub made: Option<Made>,
    /// The request for approval, where people have to sign.
    pub request: Option<Kept>,
}

/// A plan with everything that was worked out about it.
pub struct Made {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The plan in a few figures.
    pub digest: Digest,
    /// Numbers of the edits that it uses.
    pub edits: Vec<u32>,
    /// Numbers of the overrides that it uses.
    pub overrides: Vec<u32>,
    /// What the simulated worlds said.
    pub trial: Trial,
    /// Folder with the plan's files.
    pub folder: PathBuf,
    /// The page for people.
    pub report: PathBuf,
}

/// How a project is run.
pub struct Run<'a> {
    /// The project's folder.
    pub folder: &'a Path,
    /// The scenario's file.
    pub scenario: &'a Path,
    /// The policy's file.
    pub policy: &'a Path,
    /// Seed of everything random outside the twin.
    pub seed: u64,
    /// How the optimiser searches.
    pub solve: endcap_plan::solve::Settings,
    /// Account of the person who asks, where people have to sign; the loop asks by itself without one.
    pub by: Option<&'a str>,
    /// Whether nothing is published and nobody is asked, whatever the loop may do otherwise.
    pub shadow: bool,
}

/// Where the approved plans of a project go, behind its stop.
pub fn connector(folder: &Path, console: &Console) -> anyhow::Result<impl Connector + use<>> {
    let begun = runtime()?.block_on(StopBook::new(folder, audit::random).begin(jiff::Timestamp::now()));
    if let Err(error) = begun {
        console.note(format!("The project's stops could not be brought up to date: {:#}", anyhow::Error::from(error)));
    }
    let stops = StopReader::start(folder).context("the stop cannot be read")?;
    let connector = Stoppable::new(FileDrop::new(folder.join("published")), stops);
    Ok(Aligned { connector, unsigned: objectives::unsigned(folder)? })
}

/// Lets nothing out before people signed what it is to reach.
struct Aligned<C> {
    connector: C,
    unsigned: Option<String>,
}

impl<C: Connector> Connector for Aligned<C> {
    fn held(&self) -> Option<String> {
        self.connector.held().or_else(|| self.unsigned.clone())
    }

    fn publish(&mut self, plan: &Approved<Plan>, key: &str) -> Result<Receipt, PortError> {
        match self.held() {
            Some(reason) => Err(PortError { port: "objectives", reason }),
            None => self.connector.publish(plan, key),
        }
    }
}

impl Run<'_> {
    /// Runs from the latest facts to a judged plan, its files and its report.
    pub fn run(&self, first: Event, console: &Console) -> anyhow::Result<Finished> {
        self.run_from(|_| Ok(first), console)
    }

    /// Puts the rest of the plan in force, planned anew, before the simulated worlds and policy: what may takes over.
    pub fn adopt(&self, amendment: &Amendment, console: &Console) -> anyhow::Result<Finished> {
        self.run_from(|bench| bench.revised(amendment), console)
    }

    fn run_from(
        &self,
        first: impl FnOnce(&mut Bench) -> Result<Event, JobError>,
        console: &Console,
    ) -> anyhow::Result<Finished> {
        let scenario = read_scenario(self.scenario)?;
        let policy = read_policy(self.policy)?;
        let project = Project::read(self.folder)?;
        if project.currency != scenario.currency {
            bail!(
                "{} counts in {}, the project in {}: state prices in one currency",
                self.scenario.display(),
                scenario.currency.code(),
                project.currency.code()
            );
        }
        let store = Store::open(self.folder)?;
        let artifacts = Folder::new(self.folder);
        let settings = Settings {
            judgement: judgement::read(self.folder)?,
            objectives: objectives::in_force(self.folder)?.map(|objectives| objectives.hash()),
            seed: self.seed,
            code_version: CODE_VERSION.to_owned(),
            solve: self.solve.clone(),
        };
        let steps = Steps::new(console);
        let progress = |step: &str, done: usize, all: usize| steps.at(step, done, all);
        let mut bench = Bench::new(&store, &artifacts, &scenario, &policy, &settings, &progress);
        let audited = AuditedJournal::open(self.folder, jiff::Timestamp::now, audit::random)?;
        let mut journal: Box<dyn Journal> = if self.shadow { Box::new(InShadow(audited)) } else { Box::new(audited) };
        let mut connector = connector(self.folder, console)?;
        let first = first(&mut bench)?;
        let (state, mut ended) = run(first, &mut bench, &policy, journal.as_mut(), &mut connector, &|_: &Job| false)?;
        if let Ended::Halted { halt } = &ended {
            keep_by_hand(self.folder, halt)?;
        }
        let made = self.leave(&state, &mut bench, &store, &scenario, &policy, &steps)?;
        let mut request = None;
        if self.shadow && matches!(ended, Ended::Asks { .. }) {
            ended = Ended::Withheld;
        }
        if let (Ended::Asks { reasons }, Some(made)) = (&mut ended, &made) {
            let in_force = last_good(&journal.read()?).0;
            if in_force.as_ref() == Some(&made.plan.id) {
                ended = Ended::Done;
            } else {
                let facts = bench.facts(&made.plan.snapshot)?;
                let category = |sku: &Sku| facts.items.get(sku)?.category.clone();
                let asking = state
                    .decision
                    .as_ref()
                    .and_then(|decision| asking(&made.plan, decision, category, &scenario, &policy));
                request = self.ask(asking, reasons)?;
            }
        }
        Ok(Finished { ended, made, request })
    }

    /// Asks the people who have to sign, and says in the reasons what follows.
    fn ask(&self, asking: Option<Asking>, reasons: &mut Vec<String>) -> anyhow::Result<Option<Kept>> {
        let Some(asking) = asking else {
            reasons
                .push("policy.toml has no [approval], so nobody can sign: add one as `endcap init` writes it".into());
            return Ok(None);
        };
        match approvals::ask(self.folder, &asking, self.by)? {
            Ok(kept) => {
                reasons.push(approvals::next_step(self.folder, &kept));
                Ok(Some(kept))
            }
            Err(why) => {
                reasons.push(why.to_string());
                Ok(None)
            }
        }
    }

    /// Writes the files of a judged plan and its report; nothing when no plan was judged.
    fn leave(
        &self,
        state: &State,
        bench: &mut Bench,
        store: &Store,
        scenario: &Scenario,
        policy: &Policy,
        steps: &Steps,
    ) -> anyhow::Result<Option<Made>> {
        let (Some(snapshot), Some(model), Some(baseline), Some(id), Some(decision)) =
            (&state.snapshot, &state.model, &state.forecast, &state.plan, &state.decision)
        else {
            return Ok(None);
        };
        steps.at("report", 0, 1);
        let (facts, fitted, baseline) = (bench.facts(snapshot)?, bench.fitted(model)?, bench.forecast(baseline)?);
        let (plan, trial) = (bench.plan(id)?, bench.trial(id)?);
        let (planned, projection) = (bench.planned_forecast(id)?, bench.projection(id)?);
        let edits =
            state.estimates.as_ref().map_or_else(|| Ok(vec![]), |estimates| bench.edits(snapshot, estimates))?;
        let overridden = bench.planned_overrides(id)?;
        let digest = digest(&plan, &projection, &facts.regions);
        let folder = self.plan_folder(id);
        export(&folder, &plan, (&planned, &overridden), &projection, &trial)?;
        let readiness = bench.readiness(snapshot)?;
        let backtest = bench.backtest_behind(state)?;
        let counts = store.snapshot(snapshot)?;
        let shown = Shown {
            plan: &plan,
            facts: &facts,
            lift: &fitted.lift,
            model,
            baseline: &baseline,
            planned: &planned,
            projection: &projection,
            digest: &digest,
            trial: &trial,
            decision,
            scenario,
            policy,
            readiness: &readiness,
            backtest: &backtest,
            edits: &edits,
            overrides: &overridden.overrides,
            counts: &counts,
            preset: Project::read(self.folder)?.preset,
        };
        let page = shown.with_input(|input: &ReportInput| report::render(input)).context("the report failed")?;
        let report = self.folder.join("report.html");
        tables::write_atomic(&report, page.as_bytes())?;
        steps.at("report", 1, 1);
        let used = |edit: &&Applied| matches!(edit.state, coefficients::State::InForce { .. });
        let edits = edits.iter().filter(used).map(|applied| applied.edit.id).collect();
        let overrides = overridden.overrides.iter().map(|told| told.change.id).collect();
        Ok(Some(Made { plan, digest, edits, overrides, trial, folder, report }))
    }

    fn plan_folder(&self, plan: &PlanId) -> PathBuf {
        self.folder.join("plans").join(plan.as_str())
    }
}

/// Puts the tables of the last published plan where people change them by hand while the loop is halted. What they
/// have changed there already stays. Returns the folder; nothing where no plan was published.
pub fn keep_by_hand(folder: &Path, halt: &Halt) -> anyhow::Result<Option<PathBuf>> {
    let Some(plan) = &halt.plan else { return Ok(None) };
    let (from, to) = (folder.join("plans").join(plan.as_str()), folder.join("manual"));
    std::fs::create_dir_all(&to).with_context(|| format!("{} cannot be made", to.display()))?;
    for table in ["offers.csv", "orders.csv", "transfers.csv", "forecast.parquet"] {
        let (from, to) = (from.join(table), to.join(table));
        if from.is_file() && !to.exists() {
            std::fs::copy(&from, &to).with_context(|| format!("{} cannot be copied", from.display()))?;
        }
    }
    Ok(Some(to))
}

/// Reads and checks a scenario.
pub fn read_scenario(path: &Path) -> anyhow::Result<Scenario> {
    let scenario: Scenario = tables::read_toml(path)?;
    scenario.check().with_context(|| format!("{} cannot be planned", path.display()))?;
    Ok(scenario)
}

/// Reads and checks a policy.
pub fn read_policy(path: &Path) -> anyhow::Result<Policy> {
    let policy: Policy = tables::read_toml(path)?;
    policy.check().with_context(|| format!("{} is no policy", path.display()))?;
    Ok(policy)
}

/// Writes a plan's tables in the forms that other programs read.
fn export(
    folder: &Path,
    plan: &Plan,
    (planned, overridden): (&Forecast, &Changed),
    projection: &Projection,
    trial: &Trial,
) -> anyhow::Result<()> {
    tables::write_csv(&folder.join("offers.csv"), &file_drop::offers(plan))?;
    tables::write_csv(&folder.join("orders.csv"), &file_drop::orders(plan.calendar, &plan.orders))?;
    tables::write_csv(&folder.join("transfers.csv"), &file_drop::transfers(plan.calendar, &plan.transfers))?;
    tables::write_parquet(&folder.join("forecast.parquet"), &crate::columns::forecast(planned, overridden))?;
    tables::write_parquet(&folder.join("projection.parquet"), &crate::columns::projection(projection))?;
    tables::write_csv(&folder.join("outcomes.csv"), &crate::columns::outcomes(&trial.outcomes))?;
    Ok(())
}
