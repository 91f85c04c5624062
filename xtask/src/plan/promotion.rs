//! Rows of generated instances: our plans and bounds, and the public solvers on the same instance.

use super::cases::{Case, Target};
use super::peers::PeerRun;
use super::solver::{Asked, Run, Task};
use super::{Bench, Measured};
use serde::{Deserialize, Serialize};

/// A generated instance, solved up to a gap with one thread.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PromotionRow {
    pub target: Target,
    pub runs: Vec<Run>,
    pub peers: Vec<PeerRun>,
}

impl PromotionRow {
    /// Whether every run is within the gap, the CPU seconds and the memory.
    pub fn met(&self) -> bool {
        self.runs.iter().all(|run| {
            let gap = run.gap.is_some_and(|gap| gap <= self.target.gap);
            let megabytes = run.cost.peak_mib * 1.048576;
            gap && run.cost.cpu <= self.target.cpu && self.target.megabytes.is_none_or(|most| megabytes <= most)
        })
    }
}

/// Solves every seed of a case and holds plans, bounds and peers against each other.
pub fn measure(bench: &mut Bench, case: &Case) -> anyhow::Result<Option<Measured<PromotionRow>>> {
    // The program counts wall time: a busy machine must not end a search before its CPU seconds are over.
    const LIMIT_SECONDS_LEAST: f64 = 20.0;
    let mut row = PromotionRow { target: case.target, runs: Vec::new(), peers: Vec::new() };
    let mut failures = Vec::new();
    let time_limit = Some((8.0 * case.target.cpu).max(LIMIT_SECONDS_LEAST));
    for (number, seed) in bench.options.seeds(&case.seeds).into_iter().enumerate() {
        let instance = bench.instance(&case.shape, seed)?;
        let out = bench.scratch.join("plans").join(case.shape.key(seed));
        let task = Task { shape: &case.shape, seed, cents: None, fixed_weeks: None, instance: &instance, out: &out };
        let (run, wrong) = bench.solve(&task, Asked { gap: case.target.gap, threads: 1, time_limit, more: &[] })?;
        failures.extend(wrong);
        if number == 0 {
            let (peers, wrong) = bench.peers(case, seed, &run)?;
            row.peers.extend(peers);
            failures.extend(wrong);
        }
        row.runs.push(run);
    }
    Ok(Some(Measured { row, failures }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Cost;
    use crate::plan::solver::Answer;

    fn run(gap: f64, cpu: f64, peak_mib: f64) -> Run {
        let answer = Answer { status: "within_gap".to_owned(), ..Answer::default() };
        Run { seed: 1, answer, gap: Some(gap), cost: Cost { wall: cpu, cpu, peak_mib } }
    }

    #[test]
    fn one_run_past_any_target_is_enough_to_miss_the_row() {
        let target = Target { gap: 0.001, cpu: 2.0, megabytes: Some(200.0) };
        let met = |runs: Vec<Run>| PromotionRow { target, runs, peers: Vec::new() }.met();
        assert!(met(vec![run(0.001, 2.0, 190.0)]));
        for missed in [run(0.0011, 1.0, 10.0), run(0.0, 2.1, 10.0), run(0.0, 1.0, 191.0)] {
            assert!(!met(vec![run(0.0, 1.0, 10.0), missed]));
        }
    }
}
