//! The price of a limit and how far it holds.
//!
//! A price alone misleads: it is what the first unit more earns. So the bound is priced anew at steps that double
//! outward on both sides; the price holds as far as the average gain per unit stays near it. The bound as a function of
//! a limit is concave, and prices found at one step bound it at all others.
//!
//! # Source
//! Parametric analysis of Lagrangian bounds: Geoffrion and Nauss (1977).

use super::bounds::{self, Priced};
use super::curve::Point;
use super::{Case, known};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Evaluations of the bound per step, times units: few units make a bound with kinks, which takes more.
const EVALUATIONS: usize = 5_000;
/// Doublings of the step outward, at most.
const DOUBLINGS: u32 = 10;
/// Halvings between the last step within the range and the first outside.
const HALVINGS: usize = 2;
/// First step, as a share of what there is.
const FIRST: f64 = 0.005;

/// How to look for ranges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RangeAsk {
    /// The average gain per unit may differ from the price by this share of it; default 0.2.
    pub share: f64,
    /// Most limits that are looked at, those first whose price times capacity is largest; default 20.
    pub most: usize,
    /// Whether to look for plans too, one step to each side and at both ends of the range; default false.
    pub plans: bool,
}

impl Default for RangeAsk {
    fn default() -> Self {
        Self { share: 0.2, most: 20, plans: false }
    }
}

/// The price of a limit with how far it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// The limit.
    pub limit: usize,
    /// Price of one more unit; below 0 where the least use binds.
    pub price: f64,
    /// How much the plan uses.
    pub used: i64,
    /// What was changed to find the range: the least use or the capacity as it is.
    pub level: i64,
    /// Whether that is the least use: where it binds.
    pub of_least: bool,
    /// Between which levels the average gain per unit stays within the share of the price. Where the price is 0: how far
    /// the capacity may fall before the plan would have to change, and no upper end. Nothing when it was not looked at.
    pub holds: Option<(i64, Option<i64>)>,
    /// What the first step to the left and to the right gains per unit; nothing when it was not looked at.
    pub sides: [Option<f64>; 2],
    /// The levels looked at, rising, in place of the capacity; bounds at all, plans where asked for.
    pub points: Vec<Point>,
}

/// A level with what its pricing found.
struct Step {
    level: i64,
    priced: Priced,
}

impl Case<'_> {
    /// Returns every limit with its price and how far it holds, binding ones first. `progress` is told how many of the
    /// limits that are looked at are done, and how many there are.
    pub fn ranges(&self, ask: &RangeAsk, progress: &(dyn Fn(usize, usize) + Sync)) -> Vec<Range> {
        self.within(|case| case.ranges_here(ask, progress))
    }

    fn ranges_here(&self, ask: &RangeAsk, progress: &(dyn Fn(usize, usize) + Sync)) -> Vec<Range> {
        let (limits, prices) = (self.problem.limits(), &self.solution.prices);
        let weight = |limit: &usize| prices[*limit].abs() * limits[*limit].capacity as f64;
        let mut binding: Vec<usize> = (0..limits.len()).filter(|&limit| prices[limit] != 0.0).collect();
        binding.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then(a.cmp(b)));
        let looked = binding.len().min(ask.most);
        let used = self.used();
        let pricing = self.pricing();
        let base = bounds::better(
            self.problem,
            (pricing.prices(), &pricing.priced.pairs),
            3 * self.evaluations(),
            f64::NEG_INFINITY,
            self.interrupt,
        );
        let done = AtomicUsize::new(0);
        let mut ranges: Vec<Range> = binding[..looked]
            .par_iter()
            .map(|&limit| {
                let range = self.range(limit, used[limit], &base, ask);
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, looked);
                range
            })
            .collect();
        let free = (0..limits.len()).filter(|&limit| prices[limit] == 0.0);
        let others = binding[looked..].iter().copied().chain(free);
        ranges.extend(others.map(|limit| self.unexamined(limit, used[limit])));
        ranges
    }

    fn evaluations(&self) -> usize {
        (EVALUATIONS / self.problem.units().max(1)).clamp(5, 20)
    }

    fn unexamined(&self, limit: usize, used: i64) -> Range {
        let price = self.solution.prices[limit];
        let rule = &self.problem.limits()[limit];
        let of_least = price < 0.0;
        let level = if of_least { rule.least } else { rule.capacity };
        let holds = (price == 0.0).then_some((used, None));
        Range { limit, price, used, level, of_least, holds, sides: [None; 2], points: Vec::new() }
    }

    fn range(&self, limit: usize, used: i64, base: &Priced, ask: &RangeAsk) -> Range {
        let mut range = self.unexamined(limit, used);
        range.price = base.limits[limit];
        let mut steps = vec![Step { level: range.level, priced: base.clone() }];
        let walked = [-1, 1].map(|side| self.walk(&range, side, ask.share, &mut steps));
        steps.sort_by_key(|step| step.level);
        steps.dedup_by_key(|step| step.level);
        range.settle(&steps, ask.share);
        range.points = steps.iter().map(|step| step.point(limit)).collect();
        if walked.contains(&None) {
            range.holds = None;
        } else if ask.plans {
            self.plan_ends(&mut range);
        }
        if let Some(own) = range.points.iter_mut().find(|point| point.capacity == range.level) {
            (own.objective, own.used) = (Some(self.solution.objective), used);
            own.bound = own.bound.map(|bound| bound.min(self.solution.bound));
        }
        range
    }

    /// Steps to one side until the average gain leaves the share; returns the last level within. Nothing when
    /// interrupted.
    fn walk(&self, range: &Range, side: i64, share: f64, steps: &mut Vec<Step>) -> Option<i64> {
        let first = ((range.level as f64 * FIRST).round() as i64).max(1);
        let (bottom, top) = self.possible(range);
        let mut inside = range.level;
        let mut outside = None;
        for doubling in 0..DOUBLINGS {
            let level = range.level.saturating_add(side * (first << doubling)).clamp(bottom, top);
            if level == inside {
                break;
            }
            if !self.holds(range, level, share, steps)? {
                outside = Some(level);
                break;
            }
            inside = level;
        }
        for _ in 0..HALVINGS {
            let Some(out) = outside else { break };
            let middle = inside + (out - inside) / 2;
            if middle == inside {
                break;
            }
            if self.holds(range, middle, share, steps)? {
                inside = middle;
            } else {
                outside = Some(middle);
            }
        }
        Some(inside)
    }

    /// Between which levels there is a rule at all.
    fn possible(&self, range: &Range) -> (i64, i64) {
        let rule = &self.problem.limits()[range.limit];
        if range.of_least { (0, rule.capacity) } else { (rule.least, i64::MAX >> 2) }
    }

    /// Prices a level and says whether the average gain up to it is near the price. Nothing when interrupted.
    fn holds(&self, range: &Range, level: i64, share: f64, steps: &mut Vec<Step>) -> Option<bool> {
        if self.stopped() {
            return None;
        }
        let Some(problem) = self.at_level(range, level) else { return Some(false) };
        let line = |step: &&Step| step.line(range.limit, level);
        let sharpest = steps.iter().min_by(|a, b| line(a).total_cmp(&line(b)));
        let from = &sharpest.expect("Invariant: the level itself is a step").priced;
        let priced = bounds::better(
            &problem,
            (&from.limits, &from.pairs),
            self.evaluations(),
            f64::NEG_INFINITY,
            self.interrupt,
        );
        steps.push(Step { level, priced });
        Some((range.gain(level, steps) - range.price).abs() <= share * range.price.abs())
    }

    fn at_level(&self, range: &Range, level: i64) -> Option<super::super::problem::Problem> {
        let rule = &self.problem.limits()[range.limit];
        let (least, capacity) = if range.of_least { (level, rule.capacity) } else { (rule.least, level) };
        self.problem.edit().limit(range.limit, least, capacity).build().ok()
    }

    /// Looks for plans at the nearest steps and at both ends.
    fn plan_ends(&self, range: &mut Range) {
        let own = self.options();
        let at = range.points.partition_point(|point| point.capacity < range.level);
        let (low, high) = range.holds.unwrap_or((range.level, None));
        for index in 0..range.points.len() {
            let level = range.points[index].capacity;
            let wanted = index.abs_diff(at) == 1 || level == low || Some(level) == high;
            if !wanted || level == range.level || self.stopped() {
                continue;
            }
            let Some(problem) = self.at_level(range, level) else { continue };
            let found = known(self.resolve(&problem, &[&own]));
            let point = &mut range.points[index];
            point.bound = found.as_ref().and_then(|(_, bound)| Some(point.bound?.min(*bound)));
            if let Some((Some(solution), _)) = found {
                point.objective = Some(solution.objective);
                point.used = solution.limits(&problem)[range.limit].used;
            }
        }
    }
}

impl Range {
    /// Takes the price, the sides and the range from all steps, rising: prices found at one may be the best at another.
    fn settle(&mut self, steps: &[Step], share: f64) {
        let here = |step: &Step| step.line(self.limit, self.level);
        let best = steps.iter().min_by(|a, b| here(a).total_cmp(&here(b)));
        self.price = best.map_or(self.price, |step| step.priced.limits[self.limit]);
        let (left, right): (Vec<&Step>, Vec<&Step>) =
            steps.iter().filter(|step| step.level != self.level).partition(|step| step.level < self.level);
        let gain = |step: &&Step| self.gain(step.level, steps);
        let near = |step: &&&Step| (gain(step) - self.price).abs() <= share * self.price.abs();
        let sides = [left.last().map(gain), right.first().map(gain)];
        let low = left.iter().rev().take_while(near).last();
        let high = right.iter().take_while(near).last();
        let level = |step: Option<&&Step>| step.map_or(self.level, |step| step.level);
        let holds = if self.price == 0.0 { (self.used, None) } else { (level(low), Some(level(high))) };
        (self.sides, self.holds) = (sides, Some(holds));
    }

    /// Average gain per unit up to a level, by the prices of all steps.
    fn gain(&self, level: i64, steps: &[Step]) -> f64 {
        let about = |level: i64| steps.iter().map(|step| step.line(self.limit, level)).fold(f64::INFINITY, f64::min);
        (about(level) - about(self.level)) / (level - self.level) as f64
    }
}

impl Step {
    /// No plan earns more at a level, by the prices of this one.
    fn line(&self, limit: usize, level: i64) -> f64 {
        self.priced.about + self.priced.limits[limit] * (level - self.level) as f64
    }

    fn point(&self, limit: usize) -> Point {
        let bound = Some(self.priced.bound);
        Point { capacity: self.level, objective: None, bound, price: self.priced.limits[limit], used: 0 }
    }
}
