//! What is measured and what it is held against: every row of the benchmark.

use super::instance::Shape;
use serde::{Deserialize, Serialize};

/// Seeds of the small rows; larger ones take the first of them.
const SEEDS: [u32; 3] = [21, 22, 23];
/// Seed of the variants.
const VARIANT_SEEDS: [u32; 1] = [31];

/// What a row has to reach.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Target {
    /// Proven gap, (bound - objective) / bound; 0 means proven optimal.
    pub gap: f64,
    /// CPU seconds of the whole process, one thread.
    pub cpu: f64,
    /// Peak memory of the process in millions of bytes.
    pub megabytes: Option<f64>,
}

impl Target {
    /// The gap in words.
    pub fn gap_text(&self) -> String {
        if self.gap == 0.0 { "optimal".to_owned() } else { format!("gap {} %", rounded(self.gap * 100.0)) }
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

/// A generated instance to solve up to a gap.
#[derive(Clone, Debug)]
pub struct Case {
    pub shape: Shape,
    pub target: Target,
    pub seeds: Vec<u32>,
    /// CPU seconds that general solvers get; none where they find no plan.
    pub peer_limit: Option<f64>,
    pub quick: bool,
}

impl Case {
    /// Name of the row.
    pub fn name(&self) -> String {
        format!("{} {}", self.shape.name(), self.target.gap_text())
    }
}

/// The generated instances: the sizes of the goal, then the same sizes with other slots, budgets and spacing.
pub fn promotion() -> Vec<Case> {
    let case = |shape: Shape, gap: f64, cpu: f64, megabytes: Option<f64>, seeds: usize, peer_limit: Option<f64>| {
        let quick = shape.skus <= 1000 && !(shape.pairs && shape.skus > 200);
        let (target, seeds) = (Target { gap: gap / 100.0, cpu, megabytes }, SEEDS[..seeds].to_vec());
        Case { shape, target, seeds, peer_limit, quick }
    };
    let plain = |skus, weeks, depths| Shape { skus, weeks, depths, ..Shape::default() };
    let pairs = |skus, weeks| Shape { pairs: true, ..plain(skus, weeks, 5) };
    let mut cases = vec![
        case(plain(6, 4, 4), 0.0, 0.05, None, 3, Some(60.0)),
        case(plain(200, 13, 5), 0.1, 0.5, None, 3, Some(120.0)),
        case(plain(200, 13, 5), 0.0, 20.0, None, 3, Some(120.0)),
        case(plain(1000, 26, 5), 0.01, 2.0, None, 3, Some(150.0)),
        case(plain(5000, 52, 5), 0.1, 2.0, Some(200.0), 2, None),
        case(plain(5000, 52, 5), 0.01, 8.0, Some(200.0), 2, None),
        case(plain(20_000, 52, 5), 0.1, 5.0, Some(500.0), 2, None),
        case(plain(20_000, 52, 5), 0.01, 15.0, Some(500.0), 2, None),
        case(plain(1_000_000, 13, 5), 0.1, 25.0, Some(2000.0), 1, None),
        case(pairs(200, 13), 0.1, 10.0, None, 3, Some(60.0)),
        case(pairs(1000, 26), 0.1, 20.0, None, 3, Some(60.0)),
        case(pairs(5000, 52), 0.5, 30.0, None, 2, None),
    ];
    let varied: Vec<Case> = cases.iter().filter(|case| varies(case)).flat_map(variants).collect();
    cases.extend(varied);
    cases
}

/// The tightest row of each middle size also runs with other settings.
fn varies(case: &Case) -> bool {
    let (skus, gap) = (case.shape.skus, case.target.gap);
    if case.shape.pairs {
        skus <= 1000
    } else {
        skus == 200 && gap > 0.0 || (1000..=20_000).contains(&skus) && gap < 0.001
    }
}

fn variants(case: &Case) -> Vec<Case> {
    let shape = case.shape;
    let mut shapes = vec![Shape { slots: Some(0.08), budget: Some(0.2), spacing: Some(6), ..shape }];
    if shape.skus < 20_000 {
        shapes.extend([0.05, 0.25].map(|slots| Shape { slots: Some(slots), ..shape }));
        shapes.extend([0.1, 0.6].map(|budget| Shape { budget: Some(budget), ..shape }));
        shapes.extend([2, 8].map(|spacing| Shape { spacing: Some(spacing), ..shape }));
    }
    let quick = |shape: &Shape| shape.skus == 200 && shape.spacing == Some(6);
    let varied = |shape: Shape| Case {
        quick: quick(&shape),
        shape,
        seeds: VARIANT_SEEDS.to_vec(),
        peer_limit: None,
        ..case.clone()
    };
    shapes.into_iter().map(varied).collect()
}

/// An instance solved with one thread and with two: the same bytes are due, and less wall time.
#[derive(Clone, Debug)]
pub struct ThreadsCase {
    pub shape: Shape,
    pub gap: f64,
    pub seed: u32,
    /// Largest wall time with two threads relative to one.
    pub ratio: Option<f64>,
    pub quick: bool,
}

impl ThreadsCase {
    /// Name of the row.
    pub fn name(&self) -> String {
        format!("threads {}", self.shape.name())
    }
}

/// The instances solved with one and two threads.
pub fn threads() -> Vec<ThreadsCase> {
    let case = |skus, weeks, pairs, gap, ratio| ThreadsCase {
        shape: Shape { skus, weeks, depths: 5, pairs, ..Shape::default() },
        gap,
        seed: SEEDS[0],
        ratio,
        quick: skus <= 1000 && !pairs,
    };
    vec![
        case(200, 13, false, 0.001, None),
        case(1000, 26, false, 0.0001, None),
        case(5000, 52, false, 0.0001, None),
        case(20_000, 52, false, 0.0001, Some(0.6)),
        case(200, 13, true, 0.001, None),
        case(1000, 26, true, 0.001, None),
    ]
}

/// A change to an instance that has a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// The budget times this.
    Budget(f64),
    /// So many first weeks stay as planned.
    FixedWeeks(u32),
}

/// What a re-plan has to reach.
#[derive(Clone, Copy, Debug)]
pub enum ReplanTarget {
    /// CPU of the process relative to a full solve of the changed instance.
    CpuShare(f64),
    /// Seconds that the solver says it took.
    Seconds(f64),
}

/// An instance solved again after a change, from the plan and prices before.
#[derive(Clone, Debug)]
pub struct ReplanCase {
    pub shape: Shape,
    pub gap: f64,
    pub seed: u32,
    pub change: Change,
    pub target: ReplanTarget,
    pub quick: bool,
}

impl ReplanCase {
    /// Name of the row.
    pub fn name(&self) -> String {
        let word = if matches!(self.target, ReplanTarget::CpuShare(_)) { "re-plan" } else { "what-if" };
        let change = match self.change {
            Change::Budget(factor) => format!("budget {:+.0} %", (factor - 1.0) * 100.0),
            Change::FixedWeeks(1) => "one week fixed".to_owned(),
            Change::FixedWeeks(weeks) => format!("{weeks} weeks fixed"),
        };
        format!("{word} {} {change}", self.shape.name())
    }
}

/// The changes solved from the plan before.
pub fn replan() -> Vec<ReplanCase> {
    let changes = [Change::Budget(0.95), Change::Budget(1.05), Change::FixedWeeks(1)];
    let case = |skus, weeks, pairs, gap, change, target| ReplanCase {
        shape: Shape { skus, weeks, depths: 5, pairs, ..Shape::default() },
        gap,
        seed: SEEDS[0],
        change,
        target,
        quick: skus < 1000,
    };
    let full = changes.map(|change| case(5000, 52, false, 0.0001, change, ReplanTarget::CpuShare(0.2)));
    let page = changes.map(|change| case(60, 13, false, 0.001, change, ReplanTarget::Seconds(0.05)));
    let page_pairs = changes.map(|change| case(60, 13, true, 0.001, change, ReplanTarget::Seconds(0.05)));
    [full, page, page_pairs].concat()
}

/// What a public set has to reach.
#[derive(Clone, Copy, Debug)]
pub enum PublicTarget {
    /// The proven optimum of every problem, proven again.
    Optimal,
    /// At most this share off the best known value, in the worst problem.
    Within(f64),
    /// Nothing: shown only.
    Shown,
}

/// A set of public problems.
#[derive(Clone, Debug)]
pub struct PublicCase {
    /// Name of the set in the list of best known values.
    pub set: &'static str,
    /// Only problems with (true) or without (false) a proven optimum; both when none.
    pub optimal: Option<bool>,
    pub target: PublicTarget,
    /// Every so many problems are solved unless all are asked for.
    pub every: usize,
}

impl PublicCase {
    /// Name of the row.
    pub fn name(&self) -> String {
        let part = self.optimal.map_or("", |optimal| if optimal { " optimal known" } else { " optimal unknown" });
        format!("public {}{part}", self.set)
    }
}

/// The public sets.
pub fn public() -> Vec<PublicCase> {
    let case = |set, optimal, target, every| PublicCase { set, optimal, target, every };
    vec![
        case("mmkp-khan", Some(true), PublicTarget::Optimal, 1),
        case("mmkp-khan", Some(false), PublicTarget::Shown, 1),
        case("mmkp-hiremath-hill", None, PublicTarget::Optimal, 1),
        case("mmkp-hifi-shojaei", None, PublicTarget::Within(0.0005), 1),
        case("mmkp-irregular", None, PublicTarget::Within(0.0005), 1),
        case("mmkp-mansini-zanotti", None, PublicTarget::Within(0.0005), 1),
        case("mkp-chu-beasley", None, PublicTarget::Within(0.003), 5),
        case("mkp-glover-kochenberger", None, PublicTarget::Shown, 1),
        case("gap-small", None, PublicTarget::Within(0.003), 1),
        case("gap-type-A", None, PublicTarget::Within(0.003), 1),
        case("gap-type-C", None, PublicTarget::Within(0.003), 1),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn every_row_has_its_own_name() {
        let names: Vec<String> = super::super::names().into_iter().map(|(name, _)| name).collect();
        let distinct: HashSet<&String> = names.iter().collect();
        assert_eq!(names.len(), distinct.len(), "{names:#?}");
    }
}
