//! Boards in memory: their plans, and the workbench that draws them.
//!
//! What a board holds is stored with every change; its plan is drawn again from that whenever it is not in memory.

use super::App;
use super::problem::{Answer, Problem};
use super::workspace::Project;
use endcap_adapters::desk::{Board as Kept, BoardEdit};
use endcap_agent::board::{Board, BoardError, BoardSupply, Drawing, EditError, Workbench, board_supply};
use endcap_agent::ground::Ground;
use endcap_demand::PromotionEvent;
use endcap_model::{Offer, PlanReport, Scenario};
use endcap_plan::solve;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tracing::field::Empty;

/// Plans in memory at most; the oldest are drawn again when they are asked for.
const DRAWN_MAX: usize = 200;

/// Supplies in memory at most; each has a path for every item and place.
const SUPPLIES_MAX: usize = 8;

/// Longest search: a plan that takes longer is shown as good as it is by then, with its true bound.
const SEARCH_SECONDS: u64 = 5;

/// How each plan is searched for: near enough to the best to choose by.
fn settings() -> solve::Settings {
    solve::Settings { gap: 0.001, ..solve::Settings::default() }
}

/// Says when a search that begins now has taken long enough.
pub fn long_enough() -> impl Fn() -> bool + Sync {
    let begun = Instant::now();
    move || begun.elapsed() >= Duration::from_secs(SEARCH_SECONDS)
}

/// Plans of boards over one project.
pub struct Boards {
    bench: Mutex<Workbench>,
    drawn: Mutex<BTreeMap<(String, i64), Arc<Plan>>>,
    past: OnceLock<Vec<PromotionEvent>>,
    supplies: Mutex<BTreeMap<(String, i64), Supplied>>,
}

/// The supply of a board at a version, worked out by the first who asks for it.
type Supplied = Arc<OnceLock<Answer<Arc<BoardSupply>>>>;

/// A board at a version with what was drawn.
pub struct Plan {
    /// What people decided.
    pub board: Board,
    /// Its plan, or why there is none.
    pub drawing: Drawing,
    /// The last plan that could be drawn: the one that the next begins from.
    pub last: Option<Arc<PlanReport>>,
}

impl Plan {
    /// The offers of the last plan that could be drawn.
    pub fn offers(&self) -> Vec<Offer> {
        self.last.iter().flat_map(|report| report.offers.iter().map(|e| e.offer.clone())).collect()
    }
}

impl Boards {
    /// Boards over a project, none drawn yet.
    pub fn new(project: &Project) -> Self {
        let bench = Workbench::new(&project.ground, &project.ground.scenario, settings());
        Self { bench: Mutex::new(bench), drawn: Mutex::default(), past: OnceLock::new(), supplies: Mutex::default() }
    }

    /// The plan of a stored board; drawn from the beginning where it is not in memory.
    pub fn plan(&self, kept: &Kept) -> Answer<Arc<Plan>> {
        let at = (kept.id.clone(), kept.version);
        if let Some(plan) = self.in_memory().get(&at) {
            return Ok(plan.clone());
        }
        let board = read(&kept.content)?;
        let drawing = draw(&mut self.bench(), kept, &board, None)?;
        Ok(self.keep(&at.0, at.1, board, drawing, None))
    }

    /// Applies changes to a stored board without keeping them.
    pub fn changed(&self, kept: &Kept, before: &Plan, edits: &[endcap_agent::board::Edit]) -> Answer<(Board, Drawing)> {
        let mut bench = self.bench();
        let (mut board, offers) = (before.board.clone(), before.offers());
        for (at, edit) in edits.iter().enumerate() {
            board = bench.apply(&board, edit, &offers).map_err(|error| refused(at, &error))?;
        }
        let drawing = draw(&mut bench, kept, &board, before.last.as_deref())?;
        Ok((board, drawing))
    }

    /// Draws what a stored board would be without its last change.
    pub fn redrawn(&self, kept: &Kept, before: &Plan, board: &Board) -> Answer<Drawing> {
        draw(&mut self.bench(), kept, board, before.last.as_deref())
    }

    /// Remembers what was drawn for a version.
    pub fn keep(&self, id: &str, version: i64, board: Board, drawing: Drawing, before: Option<&Plan>) -> Arc<Plan> {
        let last = match &drawing {
            Drawing::Plan(drawn) => Some(drawn.report.clone()),
            Drawing::Infeasible { .. } => before.and_then(|before| before.last.clone()),
        };
        let plan = Arc::new(Plan { board, drawing, last });
        let mut drawn = self.in_memory();
        drawn.retain(|(known, at), _| known != id || *at + 1 >= version);
        if drawn.len() >= DRAWN_MAX {
            drawn.pop_first();
        }
        drawn.insert((id.to_owned(), version), plan.clone());
        plan
    }

    /// The workbench; one plan is searched for at a time.
    pub fn bench(&self) -> MutexGuard<'_, Workbench> {
        self.bench.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every promotion of the history, worked out when it is first asked for.
    pub fn past(&self) -> &[PromotionEvent] {
        self.past.get_or_init(|| self.bench().past())
    }

    /// The supply that goes with a plan, by the plan's id and version.
    pub fn supply(
        &self,
        ground: &Ground,
        at: (String, i64),
        scenario: &Scenario,
        offers: &[Offer],
    ) -> Answer<Arc<BoardSupply>> {
        let span = tracing::info_span!("supply", plan = at.0, version = at.1, snapshot = %ground.snapshot);
        let supplied = {
            let mut supplies = self.supplies.lock().unwrap_or_else(PoisonError::into_inner);
            supplies.retain(|(id, version), _| *id != at.0 || *version == at.1);
            if supplies.len() >= SUPPLIES_MAX && !supplies.contains_key(&at) {
                supplies.pop_first();
            }
            supplies.entry(at).or_default().clone()
        };
        let work = || Ok(Arc::new(board_supply(ground, scenario, offers)?));
        supplied.get_or_init(|| span.in_scope(work)).clone()
    }

    fn in_memory(&self) -> MutexGuard<'_, BTreeMap<(String, i64), Arc<Plan>>> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Draws a plan that goes with a stored board at its version, and tells what came of it.
fn draw(bench: &mut Workbench, kept: &Kept, board: &Board, before: Option<&PlanReport>) -> Answer<Drawing> {
    let span = tracing::info_span!(
        "draw",
        board = kept.id,
        version = kept.version,
        snapshot = %bench.ground().snapshot,
        offers = Empty,
        value = Empty,
        gap = Empty,
    );
    let drawing = span.in_scope(|| bench.draw(board, before, &long_enough()))?;
    if let Drawing::Plan(drawn) = &drawing {
        let PlanReport { offers, value, gap, .. } = &*drawn.report;
        span.record("offers", offers.len()).record("value", value).record("gap", gap);
    }
    Ok(drawing)
}

/// Reads a stored board.
pub fn read(content: &str) -> Answer<Board> {
    serde_json::from_str(content).map_err(Problem::broken)
}

/// The change that an undo takes back: the last that is neither an undo nor taken back already.
pub fn undone(changes: &[BoardEdit]) -> Option<&BoardEdit> {
    let mut skip = 0_usize;
    for change in changes {
        if change.edits.contains("\"edit\":\"undo\"") {
            skip += 1;
        } else if skip > 0 {
            skip -= 1;
        } else {
            return Some(change);
        }
    }
    None
}

/// Does work on the project's boards that takes more than a moment.
pub async fn working<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Boards) -> Answer<T> + Send + 'static,
) -> Answer<T> {
    let project = app.workspace.project()?;
    super::blocking(move || work(project.boards())).await
}

fn refused(at: usize, error: &EditError) -> Problem {
    let fault = super::problem::Fault { at: format!("/edits/{at}"), detail: error.to_string() };
    Problem::unprocessable(error).with(vec![fault])
}

impl From<BoardError> for Problem {
    fn from(error: BoardError) -> Self {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Self::unprocessable(text)
    }
}
