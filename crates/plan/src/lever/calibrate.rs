//! Finds the multipliers on unpublished inputs at which a scenario comes to published figures.
//!
//! Never touches anything but [`Factors`]: what was assumed stays as written, what was fitted stays apart. The fit is of
//! the first plans of the proven search, without locks; how far the published search falls behind is not fitted.
//!
//! Source: Nelder and Mead (1965), started again from its own answer.

use super::{Factors, Goal, Grid, LeverError, LeverScenario, LeverSettings, Published, Season, solve};
use serde::Serialize;

/// A published figure beside the computed one. Money in minor units.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Comparison {
    /// Name of the objective.
    pub objective: String,
    /// `revenue`, `margin` or `unsold`.
    pub figure: &'static str,
    /// As published.
    pub published: f64,
    /// As computed.
    pub computed: f64,
}

impl Comparison {
    /// Relative difference to the published figure.
    pub fn error(&self) -> f64 {
        (self.computed - self.published) / self.published.abs()
    }
}

/// A calibration and how well it does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// The multipliers found.
    pub factors: Factors,
    /// Every figure at these multipliers.
    pub figures: Vec<Comparison>,
    /// The largest relative difference.
    pub error_max: f64,
    /// Seasons that were tried.
    pub tries: usize,
}

/// Sets a season beside what was published for its objective; `minor_units` are those in one major unit.
pub fn compare(published: &Published, season: &Season, minor_units: f64) -> [Comparison; 3] {
    let line = |figure, published_figure: f64, computed: f64| Comparison {
        objective: published.objective.clone(),
        figure,
        published: published_figure,
        computed,
    };
    [
        line("revenue", published.revenue * minor_units, season.revenue),
        line("margin", published.margin * minor_units, season.margin),
        line("unsold", published.unsold, season.unsold()),
    ]
}

/// Looks for the multipliers in at most so many tries, starting from those of the scenario.
///
/// # Errors
/// [`LeverError`] when the scenario makes no season, or there is nothing to calibrate to.
pub fn calibrate(scenario: &LeverScenario, tries: usize, stop: &dyn Fn() -> bool) -> Result<Calibration, LeverError> {
    Grid::new(scenario)?;
    if scenario.published.is_empty() {
        return Err(LeverError::NothingPublished);
    }
    let goals = published_goals(scenario)?;
    let mut fit = Fit { scenario, goals, tries: 0, most: tries, stop };
    let mut best = scenario.factors.to_array().map(f64::ln);
    let mut spread = 0.15;
    while fit.goes_on() {
        best = fit.improve(best, spread);
        spread *= 0.7;
    }
    let factors = Factors::from_array(best.map(f64::exp).map(rounded));
    let figures = figures_of(scenario, factors, &fit.goals)?;
    let error_max = figures.iter().map(|figure| figure.error().abs()).fold(0.0, f64::max);
    Ok(Calibration { factors, figures, error_max, tries: fit.tries })
}

/// Four decimals are enough, and short to write down.
fn rounded(factor: f64) -> f64 {
    (factor * 1e4).round() / 1e4
}

fn published_goals(scenario: &LeverScenario) -> Result<Vec<Goal>, LeverError> {
    let goals = scenario.goals();
    let find = |published: &Published| {
        goals.iter().find(|goal| goal.name == published.objective).cloned().ok_or_else(|| LeverError::Unknown {
            kind: "objective",
            name: published.objective.clone(),
            known: goals.iter().map(|goal| goal.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    };
    scenario.published.iter().map(find).collect()
}

fn figures_of(scenario: &LeverScenario, factors: Factors, goals: &[Goal]) -> Result<Vec<Comparison>, LeverError> {
    let grid = Grid::new(&LeverScenario { factors, ..scenario.clone() })?.without_locks(|_| true)?;
    let mut figures = Vec::new();
    for (published, goal) in scenario.published.iter().zip(goals) {
        let best = solve(&grid, goal, &[], &SETTINGS, &|| false);
        figures.extend(best.plan().into_iter().flat_map(|best| compare(published, &best.season, grid.minor_units())));
    }
    Ok(figures)
}

/// How far each season is searched: to gaps well below what is fitted.
const SETTINGS: LeverSettings = LeverSettings { gap: 0.0, parts: 30 };

type Point = [f64; Factors::COUNT];

struct Fit<'a> {
    scenario: &'a LeverScenario,
    goals: Vec<Goal>,
    tries: usize,
    most: usize,
    stop: &'a dyn Fn() -> bool,
}

impl Fit<'_> {
    fn goes_on(&self) -> bool {
        self.tries < self.most && !(self.stop)()
    }

    /// Sum of the squared relative differences at these logarithms; infinite where there is no season.
    fn loss(&mut self, point: &Point) -> f64 {
        self.tries += 1;
        let factors = Factors::from_array(point.map(f64::exp).map(rounded));
        let figures = figures_of(self.scenario, factors, &self.goals);
        let complete = figures.ok().filter(|figures| figures.len() == 3 * self.goals.len());
        complete.map_or(f64::INFINITY, |figures| figures.iter().map(|figure| figure.error().powi(2)).sum())
    }

    /// One simplex, until it has shrunk or the tries are used up.
    fn improve(&mut self, start: Point, spread: f64) -> Point {
        let mut corners: Vec<(f64, Point)> = vec![(self.loss(&start), start)];
        for axis in 0..start.len() {
            let mut corner = start;
            corner[axis] += spread;
            corners.push((self.loss(&corner), corner));
        }
        let last = corners.len() - 1;
        while self.goes_on() {
            corners.sort_by(|one, other| one.0.total_cmp(&other.0));
            let width = (0..start.len()).map(|axis| (corners[last].1[axis] - corners[0].1[axis]).abs());
            if width.fold(0.0, f64::max) < 1e-3 * spread.min(0.1) {
                break;
            }
            self.step(&mut corners);
        }
        corners.sort_by(|one, other| one.0.total_cmp(&other.0));
        corners[0].1
    }

    /// Reflects, stretches or draws in the worst corner, or shrinks towards the best.
    fn step(&mut self, corners: &mut [(f64, Point)]) {
        let last = corners.len() - 1;
        let centre: Point =
            std::array::from_fn(|axis| corners[..last].iter().map(|corner| corner.1[axis]).sum::<f64>() / last as f64);
        let worst = corners[last].1;
        let along = |by: f64| -> Point { std::array::from_fn(|axis| centre[axis] + by * (centre[axis] - worst[axis])) };
        let reflected = (self.loss(&along(1.0)), along(1.0));
        if reflected.0 < corners[0].0 {
            let stretched = (self.loss(&along(2.0)), along(2.0));
            corners[last] = if stretched.0 < reflected.0 { stretched } else { reflected };
        } else if reflected.0 < corners[last - 1].0 {
            corners[last] = reflected;
        } else {
            let by = if reflected.0 < corners[last].0 { 0.5 } else { -0.5 };
            let drawn = (self.loss(&along(by)), along(by));
            if drawn.0 < corners[last].0.min(reflected.0) {
                corners[last] = drawn;
            } else {
                self.shrink(corners);
            }
        }
    }

    fn shrink(&mut self, corners: &mut [(f64, Point)]) {
        let best = corners[0].1;
        for corner in &mut corners[1..] {
            let point: Point = std::array::from_fn(|axis| (corner.1[axis] + best[axis]) / 2.0);
            *corner = (self.loss(&point), point);
        }
    }
}
