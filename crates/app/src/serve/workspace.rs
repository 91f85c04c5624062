//! What plans are made from and what is known of it, read once in the background and shared by all requests.

use super::boards::Boards;
use super::live::Happened;
use super::practice::Answers;
use super::problem::{Answer, Problem};
use super::{App, Served};
use crate::analogues::of_project;
use crate::commands::analyse::of_published_plans;
use crate::commands::ground::{Terms, in_force};
use anyhow::Context;
use endcap_adapters::facts::{Snapshot, Store};
use endcap_adapters::tables::read_json;
use endcap_agent::ground::Ground;
use endcap_agent::jobs::Bench;
use endcap_agent::step;
use endcap_demand::analogues::Analogues;
use endcap_demand::coefficients::Applied;
use endcap_demand::{Analysis, Backtest, PlannedUnits, analyse};
use endcap_ingest::Readiness;
use endcap_model::{Plan, Scenario, Sku};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use tracing::field::Empty;

/// The project as the desk has it.
pub struct Workspace {
    folder: PathBuf,
    state: RwLock<State>,
    /// Times that it was to be read: only the last one counts.
    asked: AtomicU64,
    /// Held by the one that reads.
    reading: Mutex<()>,
}

/// How far the desk is with the project.
#[derive(Clone)]
pub enum State {
    /// The folder holds no project, or a project without facts.
    Empty,
    /// It is being read, fitted and forecast.
    Loading {
        /// The step.
        step: String,
        /// Parts done.
        done: usize,
        /// Parts in all.
        all: usize,
    },
    /// It can be worked on.
    Ready(Arc<Project>),
    /// It could not be read.
    Failed {
        /// Why.
        reason: String,
    },
}

/// A project that can be worked on.
pub struct Project {
    /// What plans are made from.
    pub ground: Ground,
    /// Where the facts came from.
    pub manifest: Snapshot,
    /// Whether the history of each category can carry estimates.
    pub readiness: Vec<Readiness>,
    /// How well the past was forecast.
    pub backtest: Backtest,
    /// What people know better, beside the estimates.
    pub edits: Vec<Applied>,
    planned: PlannedUnits,
    /// The plan that was published last, when the project was read.
    pub in_force: Option<Arc<Plan>>,
    analysis: OnceLock<Analysis>,
    folder: PathBuf,
    analogues: OnceLock<Result<Analogues, String>>,
    boards: OnceLock<Boards>,
    answers: Answers,
}

impl Project {
    /// Every past promotion split by cause; worked out when it is first asked for.
    pub fn analysis(&self) -> &Analysis {
        self.analysis.get_or_init(|| {
            let facts = &self.ground.facts;
            let economics = facts.promotion_economics(Some(&self.ground.scenario));
            analyse(&self.ground.fitted, &facts.panel, &economics, &self.planned)
        })
    }

    /// Past promotions, laid out for the search of those that are like an offer; worked out when first asked for.
    pub fn analogues(&self) -> Answer<&Analogues> {
        let laid_out =
            || of_project(&self.folder, &self.ground, || self.analysis()).map_err(|error| format!("{error:#}"));
        self.analogues.get_or_init(laid_out).as_ref().map_err(Problem::broken)
    }

    /// Plans of boards; the workbench is set up when it is first asked for.
    pub fn boards(&self) -> &Boards {
        self.boards.get_or_init(|| Boards::new(self))
    }

    /// What the model says, blind, of past promotions.
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// The category of an item, where the facts have one.
    pub fn category(&self, sku: &Sku) -> Option<String> {
        self.ground.facts.items.get(sku)?.category.clone()
    }

    /// The name of an item, where the facts have one.
    pub fn name(&self, sku: &Sku) -> Option<String> {
        self.ground.facts.name(sku)
    }
}

impl Workspace {
    /// A workspace over a folder, not read yet.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            state: RwLock::new(State::Empty),
            asked: AtomicU64::new(0),
            reading: Mutex::new(()),
        }
    }

    /// How far it is.
    pub fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The project, or why there is nothing yet.
    pub fn project(&self) -> Answer<Arc<Project>> {
        match self.state() {
            State::Ready(project) => Ok(project),
            State::Loading { step, done, all } => {
                Err(Problem::not_ready(format!("The project is being read: {step}, {done} of {all}.")))
            }
            State::Empty => Err(Problem::conflict("The project has no facts yet: bring data in first.")),
            State::Failed { reason } => Err(Problem::conflict(reason)),
        }
    }

    /// Reads the project in the background, unless there is nothing to read; until that is done, the project that was
    /// read before can be worked on.
    pub fn load(&self, app: &App) {
        if !self.folder.join("snapshots").is_dir() {
            return;
        }
        self.step("facts", 0, 1);
        let (app, mine) = (app.clone(), self.asked.fetch_add(1, Ordering::SeqCst) + 1);
        let span = tracing::info_span!("load_project", snapshot = Empty, plan = Empty);
        tokio::task::spawn_blocking(move || {
            let _inside = span.enter();
            let _alone = app.workspace.reading.lock().unwrap_or_else(PoisonError::into_inner);
            if app.workspace.asked.load(Ordering::SeqCst) != mine {
                return;
            }
            let state = match app.workspace.read(&app) {
                Ok(Ok(project)) => State::Ready(Arc::new(project)),
                Ok(Err(reason)) => State::Failed { reason },
                Err(error) => State::Failed { reason: format!("{error:#}") },
            };
            if !matches!((&state, app.workspace.state()), (State::Failed { .. }, State::Ready(_))) {
                app.workspace.enter(state.clone());
            }
            match state {
                State::Ready(project) => {
                    span.record("snapshot", project.ground.snapshot.as_str());
                    span.record("plan", project.in_force.as_ref().map(|plan| plan.id.as_str()));
                    app.live.tell(Happened::Ready { snapshot: project.ground.snapshot.to_string() });
                }
                State::Failed { reason } => {
                    tracing::error!(%reason, "the project could not be read");
                    app.live.tell(Happened::Failed { job: "project".to_owned(), reason });
                }
                State::Empty | State::Loading { .. } => {}
            }
        });
    }

    fn read(&self, app: &Served) -> anyhow::Result<Result<Project, String>> {
        let terms = Terms { gap: 0.001, ..Terms::of(self.folder.clone()) };
        let told = |step: &str, done: usize, all: usize| {
            self.step(step, done, all);
            app.live.tell(Happened::Progress { job: "project".to_owned(), step: step.to_owned(), done, all });
        };
        let scenario = terms.scenario()?;
        terms.with_bench(&scenario, &told, |bench, state| self.gather(bench, state, &scenario))
    }

    fn gather(&self, bench: &mut Bench, state: &step::State, scenario: &Scenario) -> anyhow::Result<Project> {
        let ground = Ground::of(bench, state, scenario)?;
        let estimates = state.estimates.as_ref().context("nothing was estimated")?;
        Ok(Project {
            manifest: Store::open(&self.folder)?.snapshot(&ground.snapshot)?,
            readiness: bench.readiness(&ground.snapshot)?,
            backtest: bench.backtest_behind(state)?,
            edits: bench.edits(&ground.snapshot, estimates)?,
            planned: of_published_plans(&self.folder)?,
            in_force: in_force(&self.folder)?.map(|path| read_json(&path)).transpose()?.map(Arc::new),
            analysis: OnceLock::new(),
            folder: self.folder.clone(),
            analogues: OnceLock::new(),
            boards: OnceLock::new(),
            answers: Answers::default(),
            ground,
        })
    }

    /// Says how far the reading is, unless there is a project to work on meanwhile.
    fn step(&self, step: &str, done: usize, all: usize) {
        if !matches!(self.state(), State::Ready(_)) {
            self.enter(State::Loading { step: step.to_owned(), done, all });
        }
    }

    fn enter(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}
