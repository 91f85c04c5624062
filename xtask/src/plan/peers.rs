//! Public solvers on the same instances, through the comparison program outside the project. One thread and CPU seconds
//! of the process each; the seconds are those of the solver alone, without building its model.

use super::Bench;
use super::cases::Case;
use super::solver::{Run, gap};
use crate::helper::{answer, missing, python};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Most SKUs that the greedy rule is run on.
const GREEDY_SKUS_MOST: u32 = 20_000;
/// Bounds of general solvers are floating: an objective may pass them by this share.
const TOLERANCE: f64 = 1e-6;

/// A public solver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// HiGHS, the linear relaxation only: its bound.
    HighsLp,
    /// HiGHS.
    Highs,
    /// OR-Tools CP-SAT.
    Cpsat,
    /// SCIP.
    Scip,
    /// CBC.
    Cbc,
    /// The greedy rule: margin per cost, inserted while it fits.
    Greedy,
}

impl Peer {
    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            Peer::HighsLp => "HiGHS LP",
            Peer::Highs => "HiGHS",
            Peer::Cpsat => "CP-SAT",
            Peer::Scip => "SCIP",
            Peer::Cbc => "CBC",
            Peer::Greedy => "greedy",
        }
    }

    fn flag(self) -> &'static str {
        match self {
            Peer::HighsLp => "highs_lp",
            Peer::Highs => "highs",
            Peer::Cpsat => "cpsat",
            Peer::Scip => "scip",
            Peer::Cbc => "cbc",
            Peer::Greedy => "greedy",
        }
    }

    /// Python packages that it needs.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Peer::HighsLp | Peer::Highs => &["numpy", "scipy", "highspy"],
            Peer::Cpsat => &["numpy", "scipy", "ortools"],
            Peer::Scip => &["numpy", "scipy", "highspy", "pyscipopt"],
            Peer::Cbc => &["numpy", "scipy", "highspy", "pulp"],
            Peer::Greedy => &["numpy", "scipy"],
        }
    }

    fn runs_on(self, case: &Case) -> bool {
        if self == Peer::Greedy { case.shape.skus <= GREEDY_SKUS_MOST } else { case.peer_limit.is_some() }
    }
}

/// What a public solver reached on the first seed of a row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PeerRun {
    pub solver: Peer,
    pub seed: u32,
    /// CPU seconds that it was given.
    pub limit: Option<f64>,
    pub status: String,
    /// Value of its plan in cents, by the generator's check.
    pub objective: Option<f64>,
    /// Its own bound in cents.
    pub bound: Option<f64>,
    /// Its own gap.
    pub gap: Option<f64>,
    /// CPU seconds of solving.
    pub cpu: f64,
    pub peak_mb: f64,
    /// CPU seconds after which its gap was the row's; none where it never was.
    pub seconds_to_gap: Option<f64>,
    /// Share by which its plan is below the best plan known.
    pub below_best: Option<f64>,
}

/// What the comparison program writes. Amounts are in currency, two decimals of cents.
#[derive(Clone, Debug, Deserialize)]
struct Said {
    status: String,
    obj: Option<f64>,
    bound: Option<f64>,
    #[serde(default)]
    errors: Vec<String>,
    #[serde(default)]
    solve_cpu_s: f64,
    #[serde(default)]
    peak_mb: f64,
    #[serde(default)]
    child_mb: f64,
    #[serde(default)]
    trace: Vec<(f64, Option<f64>, Option<f64>)>,
}

impl Said {
    /// Seconds after which plan and bound were at most this far apart.
    fn seconds_to(&self, wanted: f64) -> Option<f64> {
        let at_end = (self.solve_cpu_s, self.obj, self.bound);
        let seen = self.trace.iter().chain(std::iter::once(&at_end));
        seen.filter(|(_, plan, bound)| gap(*plan, *bound).is_some_and(|gap| gap <= wanted + TOLERANCE))
            .map(|seen| seen.0)
            .next()
    }
}

/// The public solvers asked for and found, and what they said so far.
#[derive(Debug, Default)]
pub struct Peers {
    usable: Vec<Peer>,
    said: HashMap<(String, Peer), Option<Said>>,
}

impl Peers {
    /// Keeps the solvers whose packages are there and tells loudly which are not.
    pub fn new(asked: &[Peer]) -> Peers {
        let there = |peer: &&Peer| {
            let missing = missing(peer.packages()).join(" ");
            if !missing.is_empty() {
                eprintln!("SKIPPED: {}: its Python packages are missing: pip install {missing}", peer.name());
            }
            missing.is_empty()
        };
        Peers { usable: asked.iter().filter(there).copied().collect(), said: HashMap::new() }
    }
}

impl Bench {
    /// Runs every usable solver on an instance, once; returns what each reached and what is wrong with our bounds.
    pub fn peers(&mut self, case: &Case, seed: u32, ours: &Run) -> anyhow::Result<(Vec<PeerRun>, Vec<String>)> {
        let (mut runs, mut wrong) = (Vec::new(), Vec::new());
        let key = case.shape.key(seed);
        for peer in self.peers.usable.clone().into_iter().filter(|peer| peer.runs_on(case)) {
            let Some(said) = self.said(case, seed, peer)? else { continue };
            let cents = |amount: Option<f64>| amount.map(|amount| (amount * 100.0 * 1e3).round() / 1e3);
            let (objective, bound) = (cents(said.obj), cents(said.bound));
            if let Some(value) = objective.filter(|_| said.errors.is_empty()) {
                wrong.extend(self.ledger.plan(&key, peer.name(), value.round()));
            }
            let passed = bound.zip(ours.answer.objective).filter(|(bound, ours)| *ours > bound * (1.0 + TOLERANCE));
            if let (Peer::HighsLp, Some((bound, ours))) = (peer, passed) {
                wrong.push(format!("seed {seed}: our plan {ours} is above the LP bound {bound}"));
            }
            runs.push(PeerRun {
                solver: peer,
                seed,
                limit: case.peer_limit.filter(|_| !matches!(peer, Peer::HighsLp | Peer::Greedy)),
                seconds_to_gap: said.seconds_to(case.target.gap),
                gap: gap(objective, bound),
                below_best: objective.zip(self.ledger.best(&key)).map(|(value, best)| (best - value) / best),
                status: said.status,
                objective,
                bound,
                cpu: said.solve_cpu_s,
                peak_mb: said.peak_mb.max(said.child_mb),
            });
        }
        Ok((runs, wrong))
    }

    /// What a solver says of an instance; none where it fails, which is told.
    fn said(&mut self, case: &Case, seed: u32, peer: Peer) -> anyhow::Result<Option<Said>> {
        let key = (case.shape.key(seed), peer);
        if !self.peers.said.contains_key(&key) {
            let said = self.ask_peer(case, seed, peer);
            if let Err(error) = &said {
                eprintln!("SKIPPED: {} on {}: {error:#}", peer.name(), key.0);
            }
            self.peers.said.insert(key.clone(), said.ok());
        }
        Ok(self.peers.said[&key].clone())
    }

    fn ask_peer(&self, case: &Case, seed: u32, peer: Peer) -> anyhow::Result<Said> {
        let shape = &case.shape;
        let mut program = python();
        program.arg(self.scripts.join("peer.py")).arg("--bench").arg(self.shared.join("bench/plan"));
        if let Some(slots) = shape.slots {
            program.args(["--slots", &slots.to_string()]);
        }
        if let Some(spacing) = shape.spacing {
            program.args(["--spacing", &spacing.to_string()]);
        }
        program.arg("--").args(["--solver", peer.flag()]);
        for (word, value) in
            [("--skus", shape.skus), ("--weeks", shape.weeks), ("--depths", shape.depths), ("--seed", seed)]
        {
            program.args([word, &value.to_string()]);
        }
        if let Some(budget) = shape.budget {
            program.args(["--budget", &budget.to_string()]);
        }
        if let Some(limit) = case.peer_limit {
            program.args(["--limit", &limit.to_string()]);
        }
        if shape.pairs {
            program.arg("--pairs");
        }
        eprintln!("bench:   {} on seed {seed}", peer.name());
        let said = answer(&mut program)?;
        // Python writes numbers that JSON does not know, where a solver has no bound yet.
        let known = said.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null");
        let last = known.lines().last().unwrap_or_default();
        serde_json::from_str(last).with_context(|| format!("peer.py said: {last}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seconds_to_a_gap_are_the_first_at_which_plan_and_bound_were_that_close() {
        let said = r#"{"status": "limit", "obj": 99.95, "bound": 100.0, "errors": [], "solve_cpu_s": 60.0, "peak_mb": 1,
                       "trace": [[0.5, null, null], [1.0, 90.0, 101.0], [5.0, 99.95, 100.04], [9.0, 99.95, 100.0]]}"#;
        let said: Said = serde_json::from_str(said).unwrap();
        assert_eq!(said.seconds_to(0.2), Some(1.0));
        assert_eq!(said.seconds_to(0.001), Some(5.0));
        assert_eq!(said.seconds_to(0.0001), None);
    }
}
