//! The order of the search: prices, a first plan, then turns between better plans and a better bound until they meet,
//! come near enough, or time is over.

use super::balance::balance;
use super::calendar::{Depth, Reach};
use super::calendars::Calendars;
use super::conflict::{self, Conflict};
use super::dual::Dual;
use super::improve;
use super::pool::{Listed, Pool};
use super::prices::Prices;
use super::problem::{NONE, Problem};
use super::quasi_newton::Curvature;
use super::repair;
use super::select::{Effort, select};
use super::settle::settle;
use super::slate::Slate;
use super::{Settings, Solution, Solve, Warm, gap};
use endcap_model::SolveStatus;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::time::Instant;

/// Labels inside a unit: enough for exact calendars of a year of weeks.
const LABELS: usize = 200_000;
/// With more units than this, prices are first sought for a sample.
const SAMPLED: usize = 4_000;
/// Units in a sample, for each price.
const SAMPLE_PER_PRICE: usize = 40;
/// Turns between plan and bound when no time limit is given.
const ROUNDS: usize = 4;
/// Without a time limit, a turn that leaves more than this part of the gap is the last one.
const WORTHWHILE: f64 = 0.8;
/// Most units for which the search goes beyond choosing among calendars that prices have shown.
const SMALL: usize = 2_000;
/// Most units with pairs for which a proof is tried: pairs keep their prices in it, which makes it weak.
const SMALL_WITH_PAIRS: usize = 40;
/// Most candidates of a search for better choices beyond balancing, and its steps for each in the first turn.
const CHOSEN: usize = 30_000;
const SELECT_STEPS: u64 = 3_000;
/// Most calendars of one unit and of all that a proof considers, and nodes to list those of one unit.
const LISTED: usize = 5_000;
const LISTED_IN_ALL: usize = 400_000;
const LISTING_NODES: usize = 50_000;
/// Nodes of the first search for a proof.
const PROOF_NODES: usize = 20_000;
/// Weights of the prices in the sweeps: what is left of the limits goes first to those who pay almost full price.
const WEIGHTS: [f64; 8] = [1.0, 0.995, 0.98, 0.95, 0.9, 0.8, 0.5, 0.0];

struct Clock<'a> {
    begun: Instant,
    settings: &'a Settings,
    interrupt: &'a (dyn Fn() -> bool + Sync),
}

impl Clock<'_> {
    /// Returns whether this share of the time is over.
    fn over(&self, share: f64) -> bool {
        let late = self.settings.time_limit.is_some_and(|limit| self.begun.elapsed() >= limit.mul_f64(share));
        late || (self.interrupt)()
    }

    /// Returns whether a plan is near enough to a bound.
    fn enough(&self, value: i64, bound: f64) -> bool {
        bound - value as f64 <= self.settings.gap * bound.abs()
    }
}

/// Solves a problem in the current thread pool.
pub fn run(problem: &Problem, warm: &Warm, settings: &Settings, interrupt: &(dyn Fn() -> bool + Sync)) -> Solve {
    if let Some(conflict) = conflict::find(problem) {
        return Solve::Infeasible(conflict);
    }
    let mut search = Search {
        problem,
        dual: Dual::new(problem).within(settings.gap),
        slate: None,
        proven: false,
        random: ChaCha8Rng::seed_from_u64(settings.seed),
        clock: Clock { begun: Instant::now(), settings, interrupt },
    };
    search.price(warm);
    search.plan(warm);
    search.finish()
}

struct Search<'p, 'c> {
    problem: &'p Problem,
    dual: Dual<'p>,
    /// The best plan so far.
    slate: Option<Slate<'p>>,
    /// Whether no plan is better.
    proven: bool,
    random: ChaCha8Rng,
    clock: Clock<'c>,
}

impl<'p> Search<'p, '_> {
    /// Finds good prices: first with stock priced, which is smooth, then with stock exact, which is stronger.
    fn price(&mut self, warm: &Warm) {
        let exact = Depth::Exact(LABELS);
        let limits = self.dual.limit_prices();
        let mut start = vec![0.0; self.dual.dimension()];
        self.dual.pool = Some(Pool::new(self.problem));
        let mut depth = exact;
        let known =
            warm.prices.len() == self.problem.limits().len() && warm.prices.iter().all(|price| price.is_finite());
        if known {
            self.dual.split(&warm.prices, &mut start);
            self.dual.bend(&warm.curvature);
            self.dual.calendars = Calendars::read(self.problem, &warm.choice, &self.dual.calendars);
        } else if self.problem.units() > SAMPLED && self.problem.pairs().is_empty() {
            let curvature;
            (start, curvature) = self.sample();
            self.dual.bend(&curvature);
        } else {
            depth = Depth::Priced;
        }
        self.dual.evaluate(&start, depth);
        let clock = &self.clock;
        let stop = |_: f64| clock.over(0.4);
        if depth == Depth::Priced {
            self.dual.quasi_newton(depth, 60, limits, &stop);
        }
        if self.dual.dimension() > limits {
            self.dual.bend(&Curvature::default());
            self.dual.quasi_newton(Depth::Priced, 400, usize::MAX, &stop);
            self.dual.bend(&Curvature::default());
        }
        if depth == Depth::Priced || self.dual.dimension() > limits {
            self.dual.turn_to(exact);
        }
        let begin = Slate::with(self.problem, &Calendars::read(self.problem, &warm.choice, &self.dual.calendars));
        if begin.fits() {
            self.keep(begin);
        }
        let (clock, plan) = (&self.clock, self.slate.as_ref().map(|slate| slate.value));
        let stop = |bound: f64| clock.over(0.5) || plan.is_some_and(|value| clock.enough(value, bound));
        let evaluations = match (known, self.problem.pairs().is_empty()) {
            (true, _) => 20,
            (false, true) => 30,
            (false, false) => 200,
        };
        self.dual.quasi_newton(exact, evaluations, usize::MAX, &stop);
    }

    /// Prices of a sample of the units under limits to scale, and how the bound bends there.
    fn sample(&self) -> (Vec<f64>, Curvature) {
        let problem = self.problem;
        let wanted = (SAMPLE_PER_PRICE * self.dual.dimension()).clamp(SAMPLED / 2, problem.units());
        let potential = |unit: u32| -> i64 { problem.values(problem.columns_of(unit as usize)).iter().sum() };
        let mut units: Vec<u32> = (0..problem.units() as u32).collect();
        units.sort_by_cached_key(|&unit| (potential(unit), unit));
        let step = problem.units() / wanted;
        let mut chosen: Vec<u32> = units.into_iter().skip(step / 2).step_by(step.max(1)).collect();
        chosen.sort_unstable();
        let mut sample = Dual::over(problem, chosen).within(self.clock.settings.gap);
        let stop = |_: f64| self.clock.over(0.2);
        sample.evaluate(&vec![0.0; sample.dimension()], Depth::Priced);
        sample.quasi_newton(Depth::Priced, 60, usize::MAX, &stop);
        sample.turn_to(Depth::Exact(LABELS));
        sample.quasi_newton(Depth::Exact(LABELS), 30, usize::MAX, &stop);
        let curvature = sample.curvature();
        let best = sample.best.expect("Invariant: prices were evaluated");
        (best.values, curvature)
    }

    /// Makes plans and betters bounds in turns until they are near.
    fn plan(&mut self, warm: &Warm) {
        if self.slate.is_some() && self.near() {
            return;
        }
        self.dual.show_best(Depth::Exact(LABELS));
        let calendars = Calendars::read(self.problem, &warm.choice, &self.dual.calendars);
        let mut begin = Slate::with(self.problem, &calendars);
        let mut nodes = PROOF_NODES;
        let mut before = f64::INFINITY;
        for round in 0.. {
            self.master(begin, round);
            self.improve(round);
            self.prove(nodes);
            nodes = nodes.saturating_mul(2);
            // Without a time limit the turns are counted, so that the result never depends on the machine.
            let idle = round + 1 >= ROUNDS || self.gap() > WORTHWHILE * before;
            if self.near() || (idle && self.clock.settings.time_limit.is_none()) {
                return;
            }
            before = self.gap();
            let clock = &self.clock;
            let stop = |_: f64| clock.over(0.85);
            let evaluations = if self.problem.pairs().is_empty() { 20 } else { 100 };
            self.dual.sharpen();
            self.dual.quasi_newton(Depth::Exact(LABELS), evaluations, usize::MAX, &stop);
            begin = match &self.slate {
                Some(slate) => slate.clone(),
                None => Slate::with(self.problem, &self.dual.calendars),
            };
        }
    }

    /// Chooses among the calendars seen so that the limits are kept.
    fn master(&mut self, mut slate: Slate<'p>, round: usize) {
        let problem = self.problem;
        let prices = self.dual.prices();
        let mean = self.dual.about_best() / problem.units().max(1) as f64;
        if let Some(pool) = &mut self.dual.pool {
            pool.add(&slate.calendars);
            if round > 0 && problem.units() <= SMALL {
                let spare = mean * 0.02 * (1 << (2 * round.min(8))) as f64;
                pool.add_near(problem, &prices, Reach { spare, most: 4 << round.min(8), nodes: 2_000, whole: false });
            }
        }
        let Some(pool) = &self.dual.pool else { return };
        let listed = pool.list(problem, &prices, &slate);
        let mut choice = if slate.fits() { listed.choice(&slate.calendars) } else { listed.menu.least_losses() };
        let rest = slate.value - listed.menu.value(&listed.choice(&slate.calendars));
        let (clock, bound) = (&self.clock, self.dual.about());
        let stop = |value: i64| clock.over(0.7) || clock.enough(value.saturating_add(rest), bound);
        let steps = (60 * listed.menu.values.len() as u64).clamp(2_000, 30_000_000) << round.min(6);
        let mut found = balance(&listed.menu, &mut choice, steps, &mut self.random, &stop);
        if problem.units() <= SMALL && listed.menu.values.len() <= CHOSEN {
            let steps = (SELECT_STEPS * listed.menu.values.len() as u64).min(10_000_000);
            let effort = Effort { steps: steps << (2 * round.min(5)) };
            found = select(&listed.menu, &mut choice, &effort, &mut self.random, &stop).or(found);
        }
        if found.is_some() {
            listed.apply(&choice, &mut slate);
        }
        if !slate.fits() {
            let calendars = slate.calendars.clone();
            match repair::repair(problem, &prices, &calendars, &mut self.random, &|| clock.over(0.7)) {
                Some(repaired) => slate = repaired,
                None => return,
            }
        }
        self.keep(slate);
    }

    /// Takes units out and puts them back.
    fn improve(&mut self, round: usize) {
        let prices = self.dual.prices();
        let mut order: Vec<usize> = (0..self.problem.units()).collect();
        for weight in WEIGHTS {
            if self.near() {
                return;
            }
            order.shuffle(&mut self.random);
            let Some(slate) = &mut self.slate else { return };
            let clock = &self.clock;
            improve::sweep(slate, &prices, weight, &order, &|| clock.over(0.85));
        }
        if self.problem.pairs().is_empty() && self.problem.units() > SMALL {
            return;
        }
        let rounds = (self.problem.units() * 14).clamp(2_000, 14_000) << round.min(4);
        let (clock, bound) = (&self.clock, self.dual.about());
        let enough = |value: i64| clock.over(0.85) || clock.enough(value, bound);
        let Some(slate) = &mut self.slate else { return };
        improve::ruin_and_recreate(slate, self.problem, &prices, rounds, &mut self.random, &enough);
    }

    /// Searches all that lies between plan and bound, where that is little.
    fn prove(&mut self, nodes: usize) {
        let most = if self.problem.pairs().is_empty() { SMALL } else { SMALL_WITH_PAIRS };
        if self.near() || self.problem.units() > most {
            return;
        }
        let bound = self.dual.proven_by_prices();
        // Without a plan every calendar counts.
        let spare = self.slate.as_ref().map_or(f64::MAX, |slate| bound - slate.value as f64);
        let mut slate = self.slate.clone().unwrap_or_else(|| Slate::with(self.problem, &self.dual.calendars));
        let Some(listed) = self.within(&slate, spare) else { return };
        let value = listed.menu.value(&listed.choice(&slate.calendars));
        let rest = slate.value - value;
        let known = if self.slate.is_some() { value } else { i64::MIN };
        let clock = &self.clock;
        let proof = settle(&listed.menu, bound - rest as f64, known, nodes, &|| clock.over(0.95));
        self.proven = proof.complete;
        if let Some(best) = proof.best {
            listed.apply(&best, &mut slate);
        } else if self.slate.is_none() {
            return;
        }
        self.dual.lower(proof.bound + rest as f64);
        self.keep(slate);
    }

    /// Lists all calendars that a better plan could use; nothing when there are too many.
    fn within(&self, slate: &Slate, spare: f64) -> Option<Listed> {
        let prices = self.dual.prices();
        let mut pool = Pool::new(self.problem);
        pool.add(&slate.calendars);
        let complete =
            pool.add_near(self.problem, &prices, Reach { spare, most: LISTED, nodes: LISTING_NODES, whole: true });
        let few = complete && pool.len() <= LISTED_IN_ALL;
        few.then(|| pool.list(self.problem, &prices, slate))
    }

    fn keep(&mut self, slate: Slate<'p>) {
        if self.slate.as_ref().is_none_or(|best| slate.value > best.value) {
            self.slate = Some(slate);
        }
    }

    fn gap(&self) -> f64 {
        self.slate.as_ref().map_or(f64::INFINITY, |slate| gap(slate.value, self.dual.about().floor() as i64))
    }

    /// Returns whether to stop: near enough to the bound, or late.
    fn near(&self) -> bool {
        self.proven || self.clock.over(0.85) || self.gap() <= self.clock.settings.gap
    }

    fn finish(self) -> Solve {
        let problem = self.problem;
        let bound = self.dual.bound();
        let Some(slate) = self.slate else {
            return if self.proven { Solve::Infeasible(Conflict::Together) } else { Solve::NotFound { bound } };
        };
        assert!(slate.fits(), "Invariant: a plan that is returned keeps every limit");
        let bound = if self.proven { slate.value } else { bound.max(slate.value) };
        let status = match bound {
            bound if bound == slate.value => SolveStatus::Optimal,
            bound if gap(slate.value, bound) <= self.clock.settings.gap => SolveStatus::WithinGap,
            _ => SolveStatus::Feasible,
        };
        let mut choice = vec![NONE; problem.units() * problem.periods()];
        for unit in 0..problem.units() {
            for &column in slate.calendars.of(unit) {
                choice[unit * problem.periods() + problem.period_of(unit, column)] = column;
            }
        }
        let prices: Prices = self.dual.prices();
        let curvature = self.dual.curvature();
        Solve::Solved(Solution { objective: slate.value, bound, prices: prices.limits, status, choice, curvature })
    }
}
