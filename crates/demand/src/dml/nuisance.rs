//! What the controls explain of outcome and treatment, each week predicted from other weeks.
//!
//! A booster over all rows finds seasons that differ, steps and interactions, but follows a slope in stairs and needs
//! many rows to do so; a straight line per segment, on deviations from each unit's level, needs few. The line is taken
//! out of what the booster leaves and, where segments have few rows each, before it, too. Not always before: taken
//! out first, a line turns an effect that exists under one condition only into a pure interaction, which trees that
//! look one split ahead do not find.

use super::error::DmlError;
use super::rows::{DmlSettings, LEFT_MIN, Levels, Rows, numbered};
use crate::booster::{Binned, Booster, Column, Loss, Sample, Table};
use crate::linear::Symmetric;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Rows worked on together.
const CHUNK: usize = 1 << 14;
/// Rows that are enough to see whether the treatment is one of the controls.
const LINE_ROWS: usize = 100_000;

/// Outcome and treatment without what the controls explain.
#[derive(Clone, Debug, PartialEq)]
pub struct Residuals {
    /// Outcome less its prediction.
    pub outcome: Vec<f64>,
    /// Treatment less its prediction.
    pub treatment: Vec<f64>,
    /// Share of the treatment's variance within units that is left.
    pub left: f64,
}

/// The numeric controls as deviations from each unit's mean; 0 where they are not known.
struct Regressors<'a> {
    columns: Vec<(&'a [f32], Vec<f64>)>,
    levels: &'a Levels,
}

/// Per segment: slopes of one line for the outcome and one for the treatment.
type Lines = Vec<[Vec<f64>; 2]>;

/// Predicts outcome and treatment fold by fold and returns what is left.
pub(crate) fn residuals(rows: &Rows, settings: &DmlSettings, rng: &mut ChaCha8Rng) -> Result<Residuals, DmlError> {
    let n = rows.outcome.len();
    let folds = rows.folds(settings)?;
    let levels = Levels::of(rows.unit, n);
    let segments = Levels::of(rows.segment, n);
    let (outcome, treatment) = (levels.deviations(rows.outcome), levels.deviations(rows.treatment));
    let moved = square(&treatment);
    if moved <= f64::EPSILON * square(rows.treatment) {
        return Err(DmlError::Constant);
    }
    let regressors = Regressors::new(rows.controls, &levels);
    let columns = with_segment(rows);
    let binned = Binned::new(&Table::new(columns)?, settings.booster.bins, rng)?;
    let values = [outcome, treatment];
    let left = regressors.left_by_a_line(&values, &segments);
    if left < LEFT_MIN {
        return Err(DmlError::NoOverlap { left });
    }
    let mut left = [vec![0.0; n], vec![0.0; n]];
    for fold in 0..settings.folds as u8 {
        let (inside, outside): (Vec<u32>, Vec<u32>) = (0..n as u32).partition(|&row| folds[row as usize] == fold);
        let lines = settings.line_first.then(|| regressors.lines(&outside, &segments, &values));
        for (side, left) in left.iter_mut().enumerate() {
            let target = regressors.straightened(&values[side], side, lines.as_ref(), &segments);
            let sample = Sample { target: &target, rows: Some(&outside), ..Sample::default() };
            let booster = Booster::fit_binned(&binned, &sample, Loss::Squared, &settings.booster, rng)?;
            let bent = booster.predict_binned(&binned, &inside)?;
            inside.iter().zip(bent).for_each(|(&row, bend)| {
                left[row as usize] = f64::from(target[row as usize]) - f64::from(bend);
            });
        }
    }
    drop((binned, values));
    let [outcome, treatment] = regressors.off_the_lines(left, &segments);
    let (outcome, treatment) = (levels.deviations(&outcome), levels.deviations(&treatment));
    let left = square(&treatment) / moved;
    Ok(Residuals { outcome, treatment, left })
}

fn square(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

/// Lists the controls and, where there are several, the segment as a category.
fn with_segment<'a>(rows: &Rows<'a>) -> Vec<Column<'a>> {
    let segment = rows.segment.map(Column::Category);
    rows.controls.columns().iter().copied().chain(segment).collect()
}

impl<'a> Regressors<'a> {
    fn new(controls: &'a Table<'a>, levels: &'a Levels) -> Self {
        let columns = controls
            .columns()
            .par_iter()
            .filter_map(|column| match column {
                Column::Number(values) => Some((*values, levels.means(values.iter().map(|&v| f64::from(v))))),
                Column::Category(_) => None,
            })
            .collect();
        Self { columns, levels }
    }

    fn write(&self, row: usize, out: &mut [f64]) {
        let level = self.levels.of[row] as usize;
        for ((values, means), out) in self.columns.iter().zip(out) {
            let value = f64::from(values[row]);
            *out = if value.is_nan() { 0.0 } else { value - means[level] };
        }
    }

    /// Returns the share of the treatment's variance that a line through enough of the rows leaves: trees follow a
    /// treatment that is one of the controls in stairs, and would leave what looks like chance.
    fn left_by_a_line(&self, values: &[Vec<f64>; 2], segments: &Levels) -> f64 {
        let rows = values[1].len();
        let enough: Vec<u32> = (0..rows as u32).step_by(rows.div_ceil(LINE_ROWS)).collect();
        let lines = self.lines(&enough, segments, values);
        let left = self.straightened(&values[1], 1, Some(&lines), segments);
        left.iter().map(|&left| f64::from(left).powi(2)).sum::<f64>() / square(&values[1])
    }

    /// Returns one side's values as the booster reads them, without their line where there is one.
    fn straightened(&self, values: &[f64], side: usize, lines: Option<&Lines>, segments: &Levels) -> Vec<f32> {
        let Some(lines) = lines else { return values.iter().map(|&value| value as f32).collect() };
        let mut left = vec![0.0; values.len()];
        left.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, left)| {
            let mut x = vec![0.0; self.columns.len()];
            for (at, left) in left.iter_mut().enumerate() {
                let row = chunk * CHUNK + at;
                self.write(row, &mut x);
                *left = (values[row] - dot(&x, &lines[segments.of[row] as usize][side])) as f32;
            }
        });
        left
    }

    /// Takes away each segment's lines through outcome and treatment.
    ///
    /// They are fitted to all rows: as in least squares, their few slopes cost degrees of freedom but no bias, while
    /// slopes of columns that move with the weeks would be poor guesses for weeks held out.
    fn off_the_lines(&self, values: [Vec<f64>; 2], segments: &Levels) -> [Vec<f64>; 2] {
        let all: Vec<u32> = (0..values[0].len() as u32).collect();
        let lines = self.lines(&all, segments, &values);
        let [mut outcome, mut treatment] = values;
        let chunks = outcome.par_chunks_mut(CHUNK).zip(treatment.par_chunks_mut(CHUNK));
        chunks.enumerate().for_each(|(chunk, (outcome, treatment))| {
            let mut x = vec![0.0; self.columns.len()];
            for (at, (y, t)) in outcome.iter_mut().zip(treatment).enumerate() {
                let row = chunk * CHUNK + at;
                self.write(row, &mut x);
                let [y_line, t_line] = &lines[segments.of[row] as usize];
                *y -= dot(&x, y_line);
                *t -= dot(&x, t_line);
            }
        });
        [outcome, treatment]
    }

    /// Fits both lines of each segment to some rows by least squares, without collinear columns.
    fn lines(&self, rows: &[u32], segments: &Levels, values: &[Vec<f64>; 2]) -> Lines {
        let p = self.columns.len();
        let mut products: Vec<Symmetric> = (0..segments.count).map(|_| Symmetric::zeros(p + 2)).collect();
        let mut line = vec![0.0; p + 2];
        for &row in rows {
            let row = row as usize;
            self.write(row, &mut line);
            (line[p], line[p + 1]) = (values[0][row], values[1][row]);
            products[segments.of[row] as usize].add_outer(1.0, &line);
        }
        products.into_iter().map(|products| solve(products, p)).collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Solves the normal equations of `p` columns for the two that follow them.
fn solve(mut products: Symmetric, p: usize) -> [Vec<f64>; 2] {
    let mut own = Symmetric::zeros(p);
    for row in 0..p {
        for column in 0..=row {
            *own.at(row, column) = *products.at(row, column);
        }
    }
    let factor = own.factor();
    let mut solved = |target: usize| {
        let mut right: Vec<f64> = (0..p).map(|column| *products.at(target, column)).collect();
        factor.solve(&mut right);
        right
    };
    [solved(p), solved(p + 1)]
}

/// Numbers the weeks of the rows from 0.
pub(crate) fn weeks(rows: &Rows) -> (Vec<u32>, usize) {
    let (of, weeks) = numbered(rows.week);
    (of, weeks.len())
}
