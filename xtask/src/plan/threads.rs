//! One thread beside two and three: the same bytes are due at any number of threads, and less wall time with more.

use super::cases::ThreadsCase;
use super::solver::{Asked, Run, Task};
use super::{Bench, Measured};
use serde::{Deserialize, Serialize};
use std::fs;

/// An instance solved with one thread and with two.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ThreadsRow {
    pub gap: f64,
    pub one: Run,
    pub two: Run,
    /// Whether the plan's bytes, the objective and the bound are the same.
    pub same: bool,
    /// Largest wall time with two threads relative to one.
    pub ratio_most: Option<f64>,
}

impl ThreadsRow {
    /// Wall time of the whole process with two threads relative to one.
    pub fn ratio(&self) -> f64 {
        self.two.cost.wall / self.one.cost.wall
    }

    /// Wall time of solving alone with two threads relative to one.
    pub fn ratio_solving(&self) -> f64 {
        self.two.answer.seconds / self.one.answer.seconds
    }

    /// Whether the bytes are the same and the ratio is reached.
    pub fn met(&self) -> bool {
        self.same && self.ratio_most.is_none_or(|most| self.ratio() <= most)
    }
}

/// Solves with one and two threads in turn and with three, without a time limit, and compares everything; the faster
/// run of each counts.
pub fn measure(bench: &mut Bench, case: &ThreadsCase) -> anyhow::Result<Option<Measured<ThreadsRow>>> {
    let (mut plans, mut failures) = (Vec::new(), Vec::new());
    let mut fastest: [Option<Run>; 2] = [None, None];
    let seed = bench.options.seeds(&[case.seed])[0];
    let instance = bench.instance(&case.shape, seed)?;
    for threads in [1, 2, 1, 2, 3] {
        let out = bench.scratch.join("plans").join(format!("{}-threads-{threads}", case.shape.key(seed)));
        let task = Task { shape: &case.shape, seed, cents: None, fixed_weeks: None, instance: &instance, out: &out };
        let (run, wrong) = bench.solve(&task, Asked { gap: case.gap, threads, time_limit: None, more: &[] })?;
        failures.extend(wrong);
        plans.push((fs::read(out.join("plan.csv")).ok(), run.answer.objective, run.answer.bound));
        if let Some(fastest) = fastest.get_mut(threads as usize - 1)
            && fastest.as_ref().is_none_or(|best| run.cost.wall < best.cost.wall)
        {
            *fastest = Some(run);
        }
    }
    let same = plans[0].0.is_some() && plans.iter().all(|plan| *plan == plans[0]);
    if !same {
        failures
            .push(format!("seed {seed}: the plan, objective or bound depends on the number of threads or on chance"));
    }
    let [one, two] = fastest.map(|run| run.expect("Invariant: solved with each number of threads"));
    let row = ThreadsRow { gap: case.gap, one, two, same, ratio_most: case.ratio };
    Ok(Some(Measured { row, failures }))
}
