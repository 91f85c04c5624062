//! Jobs: each names its input by hash, is done once, and leaves its result under the hash of its content.

mod models;
mod revised;

pub use models::contest_name;

use crate::approve;
use crate::flight::Before;
use crate::plan::{self, Draft, Known};
use crate::ports::{Artifacts, FactStore, PortError};
use crate::registry::Registry;
use crate::sense::Facts;
use crate::step::Job;
use crate::stress::{self, Trial};
use endcap_demand::coefficients::{Applied, Store};
use endcap_demand::overrides::{self, Log, Overridden, OverrideRefusal, override_alike, override_forecast};
use endcap_demand::{Backtest, BacktestSettings, DemandError, FitSettings, Fitted};
use endcap_ingest::{Readiness, ReadinessVerdict};
use endcap_model::{
    AsOf, ContentHash, Event, Forecast, ForecastRow, PanelError, Plan, PlanId, Policy, Projection, Scenario,
    SnapshotId, canonical_json, hash_bytes, hash_json,
};
use endcap_plan::PlanError;
use endcap_supply::SupplyError;
use jiff::civil::Date;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A job that could not be done on its input.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Something outside did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The history makes no panel.
    #[error("the history cannot be used")]
    Panel(#[from] PanelError),
    /// Estimation or forecasting failed.
    #[error("demand could not be estimated or forecast")]
    Demand(#[from] DemandError),
    /// A planner's override cannot be applied.
    #[error("an override cannot be applied: `endcap override list` shows it, `endcap override withdraw` takes it back")]
    Override(#[from] OverrideRefusal),
    /// Planning failed.
    #[error("no plan could be made")]
    Plan(#[from] PlanError),
    /// Supply failed.
    #[error("supply could not be planned")]
    Supply(#[from] SupplyError),
    /// The simulated worlds could not be built.
    #[error("the plan could not be tried: {0}")]
    Twin(String),
    /// A result that a job needs is not there.
    #[error("{0} is not there: run the step that makes it first")]
    Missing(String),
    /// The champion's file cannot be used.
    #[error(
        "the champion {model} cannot be used: {reason}; bring its file back, or let a named person go on with another model: \
         `endcap models rollback FOLDER --as NAME --reason TEXT`, `endcap models promote FOLDER MODEL --as NAME --reason TEXT`"
    )]
    Champion {
        /// Its name.
        model: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A kept result cannot be read back.
    #[error("{name} cannot be read back ({reason}): delete it and run the step again")]
    Spoilt {
        /// The result.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What people know better than the data; part of the input of every job that reads it.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// Effects that are edited.
    pub edits: Store,
    /// Forecasts that are overridden.
    pub overrides: Log,
}

/// A forecast that planners changed, beside what the model said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// The overrides, with what each came to.
    pub overrides: Vec<Overridden>,
    /// The model's figures of the cells that were changed.
    pub model: Vec<ForecastRow>,
}

/// What jobs are done with, beside their input.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What people know better than the data.
    pub judgement: Judgement,
    /// Version of the objectives that plans serve, by hash; nothing where there are none.
    pub objectives: Option<ContentHash>,
    /// Seed of everything random outside the twin.
    pub seed: u64,
    /// Version of the code, part of every result's name.
    pub code_version: String,
    /// How the optimiser searches.
    pub solve: endcap_plan::solve::Settings,
}

/// Says how far a step is: its name, what is done, how much there is.
pub type Progress<'a> = &'a (dyn Fn(&str, usize, usize) + Sync);

/// The workbench on which jobs are done: ports, terms, and what was read or made already.
pub struct Bench<'a> {
    facts_port: &'a dyn FactStore,
    artifacts: &'a dyn Artifacts,
    scenario: &'a Scenario,
    policy: &'a Policy,
    settings: &'a Settings,
    progress: Progress<'a>,
    facts: Option<(SnapshotId, Arc<Facts>)>,
    fitted: BTreeMap<ContentHash, Arc<Fitted>>,
    forecasts: BTreeMap<ContentHash, Arc<Forecast>>,
    drafts: BTreeMap<PlanId, Arc<Draft>>,
    plans: BTreeMap<PlanId, Arc<Plan>>,
}

impl<'a> Bench<'a> {
    /// Sets up a bench; nothing is read yet.
    pub fn new(
        facts_port: &'a dyn FactStore,
        artifacts: &'a dyn Artifacts,
        scenario: &'a Scenario,
        policy: &'a Policy,
        settings: &'a Settings,
        progress: Progress<'a>,
    ) -> Self {
        Self {
            facts_port,
            artifacts,
            scenario,
            policy,
            settings,
            progress,
            facts: None,
            fitted: BTreeMap::new(),
            forecasts: BTreeMap::new(),
            drafts: BTreeMap::new(),
            plans: BTreeMap::new(),
        }
    }

    /// Does a job, or returns the result of the same job done before.
    ///
    /// # Errors
    /// [`JobError`] when the job cannot be done on its input.
    pub fn run(&mut self, job: &Job) -> Result<Event, JobError> {
        self.run_knowing(job, &Registry::default())
    }

    /// Does a job that has to know which models there are; others do not look at them.
    ///
    /// # Errors
    /// [`JobError`] when the job cannot be done on its input.
    pub fn run_knowing(&mut self, job: &Job, models: &Registry) -> Result<Event, JobError> {
        if let Job::Watch { snapshot, champion } = job {
            // What was found depends on all models, and costs little: it is looked at anew.
            return self.watch(snapshot, champion, models);
        }
        let name = format!("jobs/{}.json", self.key(job).short());
        if let Some(event) = self.load(&name)? {
            return Ok(event);
        }
        let event = match job {
            Job::Check { snapshot } => self.check(snapshot)?,
            Job::Watch { snapshot, champion } => self.watch(snapshot, champion, models)?,
            Job::Fit { snapshot } => self.fit(snapshot)?,
            Job::Register { snapshot, model, parent } => self.register(snapshot, model, parent.clone())?,
            Job::Contest { snapshot, champion, challenger } => self.contest(snapshot, champion.as_ref(), challenger)?,
            Job::Backtest { snapshot } => self.backtest(snapshot)?,
            Job::Adjust { snapshot, estimates } => self.adjust(snapshot, estimates)?,
            Job::Forecast { snapshot, model } => self.forecast_baseline(snapshot, model)?,
            Job::Project { snapshot, forecast } => self.project(snapshot, forecast)?,
            Job::Solve { snapshot, model, forecast } => self.solve(snapshot, model, forecast)?,
            Job::Supply { plan } => self.supply(plan)?,
            Job::Simulate { plan } => self.simulate(plan)?,
            Job::Judge { plan, outcome } => self.judge(plan, outcome)?,
        };
        self.save(&name, &event)?;
        Ok(event)
    }

    /// What of the search a plan depends on: gap, time limit in milliseconds, and seed; threads change nothing.
    fn search(&self) -> (f64, Option<u128>, u64) {
        let solve = &self.settings.solve;
        (solve.gap, solve.time_limit.map(|limit| limit.as_millis()), solve.seed)
    }

    /// Names a job by everything that its result depends on.
    fn key(&self, job: &Job) -> ContentHash {
        let terms = match job {
            Job::Check { .. }
            | Job::Watch { .. }
            | Job::Fit { .. }
            | Job::Register { .. }
            | Job::Contest { .. }
            | Job::Backtest { .. }
            | Job::Adjust { .. } => None,
            _ => Some((hash_json(self.scenario), hash_json(self.policy), self.search())),
        };
        let judgement = match job {
            Job::Adjust { .. } => Some(hash_json(&self.settings.judgement.edits.entries())),
            Job::Forecast { .. } => Some(self.overrides_hash()),
            _ => None,
        };
        let key = hash_json(&(job, terms, judgement, self.settings.seed, &self.settings.code_version));
        match (job, &self.settings.objectives) {
            // A plan serves one version of what is to be reached; what comes before it serves any.
            (Job::Solve { .. }, Some(objectives)) => hash_json(&(key, objectives)),
            _ => key,
        }
    }

    /// Returns the facts of a snapshot.
    ///
    /// # Errors
    /// [`JobError`] when they cannot be read.
    pub fn facts(&mut self, snapshot: &SnapshotId) -> Result<Arc<Facts>, JobError> {
        if let Some((held, facts)) = &self.facts
            && held == snapshot
        {
            return Ok(facts.clone());
        }
        let facts = Arc::new(Facts::read(self.facts_port, snapshot)?);
        self.facts = Some((snapshot.clone(), facts.clone()));
        Ok(facts)
    }

    /// Returns when the facts of a snapshot were known.
    ///
    /// # Errors
    /// [`JobError`] when they cannot be read.
    pub fn as_of(&self, snapshot: &SnapshotId) -> Result<AsOf, JobError> {
        Ok(self.facts_port.as_of(snapshot)?)
    }

    /// Returns why no model may learn from the facts of a snapshot; nothing where one may.
    ///
    /// # Errors
    /// [`JobError`] when that cannot be read.
    pub fn alarms(&self, snapshot: &SnapshotId) -> Result<Vec<String>, JobError> {
        Ok(self.facts_port.alarms(snapshot)?)
    }

    /// What is done in the place of learning from facts under alarm: the same from the last good ones, with the event that
    /// says so. Nothing where the facts are good, or there were none before.
    ///
    /// # Errors
    /// [`JobError`] when that cannot be read.
    pub fn held(&self, job: &Job) -> Result<Option<(Job, Event)>, JobError> {
        let (Job::Fit { snapshot } | Job::Watch { snapshot, .. } | Job::Contest { snapshot, .. }) = job else {
            return Ok(None);
        };
        let reasons = self.alarms(snapshot)?;
        if reasons.is_empty() {
            return Ok(None);
        }
        let Some(good) = self.facts_port.last_good(snapshot)? else { return Ok(None) };
        let mut instead = job.clone();
        if let Job::Fit { snapshot } | Job::Watch { snapshot, .. } | Job::Contest { snapshot, .. } = &mut instead {
            *snapshot = good.clone();
        }
        Ok(Some((instead, Event::Held { snapshot: good, reasons })))
    }

    /// Returns the readiness of each category, as judged for a snapshot.
    ///
    /// # Errors
    /// [`JobError`] when it was not judged.
    pub fn readiness(&self, snapshot: &SnapshotId) -> Result<Vec<Readiness>, JobError> {
        self.need(&format!("readiness/{snapshot}.json"))
    }

    /// Returns a fitted model.
    ///
    /// # Errors
    /// [`JobError`] when it is not there.
    pub fn fitted(&mut self, model: &ContentHash) -> Result<Arc<Fitted>, JobError> {
        if let Some(fitted) = self.fitted.get(model) {
            return Ok(fitted.clone());
        }
        let fitted = Arc::new(self.need::<Fitted>(&model_name(model))?);
        self.fitted.insert(model.clone(), fitted.clone());
        Ok(fitted)
    }

    /// Lists every edit beside the estimates that it is for, as it stands with these facts.
    ///
    /// # Errors
    /// [`JobError`] when the estimates or the facts are not there.
    pub fn edits(&mut self, snapshot: &SnapshotId, estimates: &ContentHash) -> Result<Vec<Applied>, JobError> {
        let (estimated, judged) = (self.fitted(estimates)?, self.first_unknown_day(snapshot)?);
        Ok(judged.map_or_else(Vec::new, |day| self.settings.judgement.edits.apply(&estimated.lift, day).1))
    }

    /// Returns what planners changed of a baseline forecast.
    ///
    /// # Errors
    /// [`JobError`] when the forecast is not there.
    pub fn overridden(&self, forecast: &ContentHash) -> Result<Changed, JobError> {
        self.need(&changed_name(forecast))
    }

    /// Returns what planners changed of the forecast of demand under a plan.
    ///
    /// # Errors
    /// [`JobError`] when it is not there.
    pub fn planned_overrides(&self, plan: &PlanId) -> Result<Changed, JobError> {
        self.need(&plan_name(plan, "overridden"))
    }

    /// Returns a baseline forecast.
    ///
    /// # Errors
    /// [`JobError`] when it is not there.
    pub fn forecast(&mut self, forecast: &ContentHash) -> Result<Arc<Forecast>, JobError> {
        if let Some(held) = self.forecasts.get(forecast) {
            return Ok(held.clone());
        }
        let read = Arc::new(self.need::<Forecast>(&format!("forecasts/{}.json", forecast.short()))?);
        self.forecasts.insert(forecast.clone(), read.clone());
        Ok(read)
    }

    /// Returns the scores of a model's forecasts on history that it had not seen.
    ///
    /// # Errors
    /// [`JobError`] when they are not there.
    pub fn backtest_of(&self, snapshot: &SnapshotId) -> Result<Backtest, JobError> {
        self.need(&format!("backtests/{snapshot}.json"))
    }

    /// Returns a plan with its orders.
    ///
    /// # Errors
    /// [`JobError`] when it is not there.
    pub fn plan(&mut self, plan: &PlanId) -> Result<Arc<Plan>, JobError> {
        if let Some(held) = self.plans.get(plan) {
            return Ok(held.clone());
        }
        let read = Arc::new(self.need::<Plan>(&plan_name(plan, "plan"))?);
        self.plans.insert(plan.clone(), read.clone());
        Ok(read)
    }

    /// Returns the forecast of demand under a plan.
    ///
    /// # Errors
    /// [`JobError`] when it is not there.
    pub fn planned_forecast(&self, plan: &PlanId) -> Result<Forecast, JobError> {
        self.need(&plan_name(plan, "forecast"))
    }

    /// Returns the stock projection under a plan.
    ///
    /// # Errors
    /// [`JobError`] when it is not there.
    pub fn projection(&self, plan: &PlanId) -> Result<Projection, JobError> {
        self.need(&plan_name(plan, "projection"))
    }

    /// Returns what the simulated worlds said of a plan.
    ///
    /// # Errors
    /// [`JobError`] when it was not tried.
    pub fn trial(&self, plan: &PlanId) -> Result<Trial, JobError> {
        self.need(&plan_name(plan, "trial"))
    }

    fn check(&mut self, snapshot: &SnapshotId) -> Result<Event, JobError> {
        let readiness = self.facts(snapshot)?.readiness();
        self.save(&format!("readiness/{snapshot}.json"), &readiness)?;
        let ready = readiness.iter().filter(|category| category.verdict != ReadinessVerdict::NotReady).count();
        Ok(Event::Checked { ready, not_ready: readiness.len() - ready })
    }

    fn fit_settings(&self, snapshot: &SnapshotId) -> Result<FitSettings, JobError> {
        Ok(FitSettings {
            snapshot: Some(snapshot.clone()),
            as_of: Some(self.facts_port.as_of(snapshot)?),
            code_version: self.settings.code_version.clone(),
            seed: self.settings.seed,
            ..FitSettings::default()
        })
    }

    fn fit(&mut self, snapshot: &SnapshotId) -> Result<Event, JobError> {
        let facts = self.facts(snapshot)?;
        let settings = self.fit_settings(snapshot)?;
        let progress = self.progress;
        let fitted = endcap_demand::fit(&facts.panel, &settings, &|done, all| progress("fit", done, all))?;
        let model = self.save_hashed(model_name, &fitted)?;
        self.fitted.insert(model.clone(), Arc::new(fitted));
        Ok(Event::Fitted { model })
    }

    fn backtest(&mut self, snapshot: &SnapshotId) -> Result<Event, JobError> {
        let facts = self.facts(snapshot)?;
        let settings = BacktestSettings {
            code_version: self.settings.code_version.clone(),
            seed: self.settings.seed,
            ..BacktestSettings::default()
        };
        let progress = self.progress;
        let scored = endcap_demand::backtest(&facts.panel, &settings, &|done, all| progress("backtest", done, all));
        let backtest = match scored {
            Err(short @ DemandError::TooShort { .. }) => Backtest::without_scores(short.to_string()),
            scored => scored?,
        };
        self.save(&format!("backtests/{snapshot}.json"), &backtest)?;
        Ok(Event::Backtested { backtest: hash_json(&backtest) })
    }

    /// The first day that the facts do not know, on which edits are judged: the champion may know less than the facts.
    fn first_unknown_day(&mut self, snapshot: &SnapshotId) -> Result<Option<Date>, JobError> {
        let facts = self.facts(snapshot)?;
        Ok(facts.panel.span().and_then(|span| facts.panel.calendar().start_date(span.end)))
    }

    fn adjust(&mut self, snapshot: &SnapshotId, estimates: &ContentHash) -> Result<Event, JobError> {
        let (estimated, day) = (self.fitted(estimates)?, self.first_unknown_day(snapshot)?);
        let edits = &self.settings.judgement.edits;
        let in_force: Vec<u32> =
            day.map_or_else(Vec::new, |day| edits.in_force(day).into_iter().map(|edit| edit.id).collect());
        let (Some(day), false) = (day, in_force.is_empty()) else {
            return Ok(Event::Adjusted { model: estimates.clone(), edits: vec![] });
        };
        let (used, _) = edits.apply_to_fitted(&estimated, day);
        let model = self.save_hashed(model_name, &used)?;
        self.fitted.insert(model.clone(), Arc::new(used));
        Ok(Event::Adjusted { model, edits: in_force })
    }

    /// What a forecast depends on beside model and facts: every line of the log of overrides.
    fn overrides_hash(&self) -> ContentHash {
        hash_json(&self.settings.judgement.overrides.entries())
    }

    /// The overrides in force on the day on which the forecast begins, of which some cell is forecast.
    fn overrides(&self, forecast: &Forecast) -> Vec<overrides::Override> {
        let first = forecast.rows.iter().map(|row| row.period).min();
        let Some(day) = first.and_then(|first| forecast.calendar.start_date(first)) else { return vec![] };
        let mut in_force = self.settings.judgement.overrides.in_force(day);
        in_force.retain(|planned| planned.calendar == forecast.calendar && overrides::meets(forecast, planned));
        in_force
    }

    fn forecast_baseline(&mut self, snapshot: &SnapshotId, model: &ContentHash) -> Result<Event, JobError> {
        let (facts, fitted) = (self.facts(snapshot)?, self.fitted(model)?);
        (self.progress)("forecast", 0, 1);
        let model_forecast = plan::forecast(&facts, &fitted, self.scenario, &[])?;
        let overrides = self.overrides(&model_forecast);
        let (forecast, told) = override_forecast(&model_forecast, &overrides)?;
        let hash = self.save_hashed(|hash| format!("forecasts/{}.json", hash.short()), &forecast)?;
        self.save(&changed_name(&hash), &Changed::of(told, model_forecast, &forecast))?;
        self.forecasts.insert(hash.clone(), Arc::new(forecast));
        (self.progress)("forecast", 1, 1);
        Ok(Event::Forecast { forecast: hash })
    }

    fn project(&mut self, snapshot: &SnapshotId, forecast: &ContentHash) -> Result<Event, JobError> {
        let (facts, forecast) = (self.facts(snapshot)?, self.forecast(forecast)?);
        let progress = self.progress;
        let supplied = plan::supply(&facts, &forecast, &forecast, self.scenario, self.settings.seed, &|done, all| {
            progress("stock projection", done, all)
        })?;
        let projection = self.save_hashed(|hash| format!("projections/{}.json", hash.short()), &supplied.projection)?;
        Ok(Event::Projected { projection })
    }

    fn solve(&mut self, snapshot: &SnapshotId, model: &ContentHash, forecast: &ContentHash) -> Result<Event, JobError> {
        let (facts, fitted, baseline) = (self.facts(snapshot)?, self.fitted(model)?, self.forecast(forecast)?);
        (self.progress)("plan", 0, 1);
        let id = self.plan_id(snapshot, model, forecast);
        let draft = match plan::draft(&facts, &fitted.lift, &baseline, self.scenario, &self.settings.solve)? {
            Ok(proposal) => Draft {
                id: id.clone(),
                snapshot: snapshot.clone(),
                model: model.clone(),
                forecast: forecast.clone(),
                as_of: self.facts_port.as_of(snapshot)?,
                proposal,
            },
            Err(conflict) => {
                let reason = format!("no plan keeps every rule: {}", conflict.join("; "));
                return Ok(Event::Failed { step: "plan".into(), reason });
            }
        };
        self.save(&plan_name(&id, "proposal"), &draft)?;
        let report = &draft.proposal.report;
        let event = Event::Planned { plan: id.clone(), value: report.value, bound: report.bound };
        self.drafts.insert(id, Arc::new(draft));
        (self.progress)("plan", 1, 1);
        Ok(event)
    }

    /// A plan is named by everything it was made from.
    fn plan_id(&self, snapshot: &SnapshotId, model: &ContentHash, forecast: &ContentHash) -> PlanId {
        let terms = (hash_json(self.scenario), hash_json(self.policy), self.search());
        let made_of = hash_json(&(snapshot, model, forecast, terms, self.settings.seed, &self.settings.code_version));
        let named = match &self.settings.objectives {
            Some(objectives) => hash_json(&(made_of, objectives)),
            None => made_of,
        };
        PlanId::new(named.short())
    }

    fn draft(&mut self, plan: &PlanId) -> Result<Arc<Draft>, JobError> {
        if let Some(held) = self.drafts.get(plan) {
            return Ok(held.clone());
        }
        let read = Arc::new(self.need::<Draft>(&plan_name(plan, "proposal"))?);
        self.drafts.insert(plan.clone(), read.clone());
        Ok(read)
    }

    fn supply(&mut self, id: &PlanId) -> Result<Event, JobError> {
        let draft = self.draft(id)?;
        let (facts, fitted) = (self.facts(&draft.snapshot)?, self.fitted(&draft.model)?);
        let baseline = self.forecast(&draft.forecast)?;
        let (overrides, offers) = (self.overridden(&draft.forecast)?.overrides, &draft.proposal.offers);
        let model_forecast = match overrides.is_empty() {
            true => {
                plan::forecast_again(&facts, &fitted, self.scenario, Known { offers: &[], forecast: &baseline }, offers)
            }
            false => plan::forecast(&facts, &fitted, self.scenario, offers),
        }?;
        let (planned, told) = override_alike(&model_forecast, &overrides)?;
        let changed = Changed::of(told, model_forecast, &planned);
        let progress = self.progress;
        let supplied = plan::supply(&facts, &planned, &baseline, self.scenario, self.settings.seed, &|done, all| {
            progress("supply orders", done, all)
        })?;
        let plan = Plan {
            objectives: self.settings.objectives.clone(),
            ..draft.with_supply(&planned, &supplied, self.scenario)
        };
        self.save(&plan_name(id, "forecast"), &planned)?;
        self.save(&plan_name(id, "overridden"), &changed)?;
        self.save(&plan_name(id, "projection"), &supplied.projection)?;
        self.save(&plan_name(id, "plan"), &plan)?;
        let event = Event::Supplied { plan: id.clone(), orders: plan.orders.len(), transfers: plan.transfers.len() };
        self.plans.insert(id.clone(), Arc::new(plan));
        Ok(event)
    }

    fn simulate(&mut self, id: &PlanId) -> Result<Event, JobError> {
        let (draft, plan) = (self.draft(id)?, self.plan(id)?);
        let (facts, baseline) = (self.facts(&draft.snapshot)?, self.forecast(&draft.forecast)?);
        let planned = self.planned_forecast(id)?;
        let progress = self.progress;
        let fitted = self.fitted(&draft.model)?;
        let subject = stress::Subject {
            facts: &facts,
            plan: &plan,
            lift: &fitted.lift,
            rotation: draft.reference(stress::ROTATION),
            baseline: &baseline,
            planned: &planned,
        };
        let trial = stress::try_plan(&subject, self.scenario, &|done, all| progress("stress in the twin", done, all))?;
        self.save(&plan_name(id, "trial"), &trial)?;
        Ok(Event::Stressed { plan: id.clone(), outcome: hash_json(&trial) })
    }

    fn judge(&mut self, id: &PlanId, outcome: &ContentHash) -> Result<Event, JobError> {
        let (draft, plan, trial) = (self.draft(id)?, self.plan(id)?, self.trial(id)?);
        if hash_json(&trial) != *outcome {
            return Err(JobError::Missing(format!("the trial of plan {id} that was asked about")));
        }
        let facts = self.facts(&draft.snapshot)?;
        let item_places = plan::item_regions(&facts);
        let stress = approve::stress_of(&trial.outcomes, stress::ENDCAP, stress::NO_PROMOTIONS);
        let before: Option<Before> = self.load(&plan_name(id, "before"))?;
        let ran = before.map(|before| before.ran).unwrap_or_default();
        let decision = approve::decide(&plan, &ran, &facts.economics(self.scenario), item_places, stress, self.policy);
        self.save(&plan_name(id, "decision"), &decision)?;
        Ok(Event::Judged { plan: id.clone(), decision })
    }

    fn save(&self, name: &str, value: &impl Serialize) -> Result<(), JobError> {
        Ok(self.artifacts.put(name, canonical_json(value).as_bytes())?)
    }

    fn save_hashed(
        &self,
        name: impl Fn(&ContentHash) -> String,
        value: &impl Serialize,
    ) -> Result<ContentHash, JobError> {
        let text = canonical_json(value);
        let hash = hash_bytes(text.as_bytes());
        self.artifacts.put(&name(&hash), text.as_bytes())?;
        Ok(hash)
    }

    fn load<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, JobError> {
        let Some(bytes) = self.artifacts.get(name)? else { return Ok(None) };
        let spoilt = |error: serde_json::Error| JobError::Spoilt { name: name.to_owned(), reason: error.to_string() };
        serde_json::from_slice(&bytes).map(Some).map_err(spoilt)
    }

    fn need<T: DeserializeOwned>(&self, name: &str) -> Result<T, JobError> {
        self.load(name)?.ok_or_else(|| JobError::Missing(name.to_owned()))
    }
}

impl Changed {
    /// Keeps what the model said of the cells that overrides changed.
    fn of(overrides: Vec<Overridden>, model: Forecast, changed: &Forecast) -> Self {
        let differ = model.rows.into_iter().zip(&changed.rows).filter(|(before, after)| before != *after);
        Self { overrides, model: differ.map(|(before, _)| before).collect() }
    }
}

fn changed_name(forecast: &ContentHash) -> String {
    format!("forecasts/{}-overridden.json", forecast.short())
}

/// File of a model below the project's folder.
pub fn model_name(model: &ContentHash) -> String {
    format!("models/{}.json", model.short())
}

fn plan_name(plan: &PlanId, part: &str) -> String {
    format!("plans/{plan}/{part}.json")
}
