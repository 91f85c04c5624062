//! Which rules clash: a smallest set of which none can be left out, and by how much each alone would have to give.
//!
//! Every set is tried as a problem in which no plan earns anything, so that a bound below 0 proves that there is none.
//! Never calls a clash proven when a plan was only not found.
//!
//! # Source
//! Irreducible sets by division: Junker (2004), QuickXplain; by leaving out one at a time: Chinneck and Dravnieks
//! (1991); bounds that fall without end as a certificate: Farkas (1902).

use super::super::conflict::{self, Conflict};
use super::super::graph::Rules;
use super::super::problem::{Arrival, Edit, Problem};
use super::super::{Settings, Solve, Warm, solve_from};
use super::bounds::better;
use super::regrets::total;
use super::{Options, fit, options};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Evaluations of the bound in the search for a proof that there is no plan.
const EVALUATIONS: usize = 60;
/// A bound this far below 0 is below it whatever the rounding.
const CLEARLY: f64 = -2.0;

/// A rule that may take part in a clash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A unit must choose in a period.
    Required {
        /// The unit.
        unit: usize,
        /// The period.
        period: usize,
    },
    /// The least use of a limit.
    Least {
        /// The limit.
        limit: usize,
    },
    /// The capacity of a limit.
    Capacity {
        /// The limit.
        limit: usize,
    },
    /// The spacing of a unit.
    Spacing {
        /// The unit.
        unit: usize,
    },
    /// One of the windows of a unit.
    Window {
        /// The unit.
        unit: usize,
        /// Its place in the list of the unit's windows.
        window: usize,
    },
    /// The shortest run of a unit.
    Run {
        /// The unit.
        unit: usize,
    },
    /// The rest of a unit after a run.
    Rest {
        /// The unit.
        unit: usize,
    },
    /// The stock of a unit.
    Stock {
        /// The unit.
        unit: usize,
    },
}

/// A rule of a clash with what would end the clash if this rule alone gave way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relaxed {
    /// The rule.
    pub rule: Rule,
    /// Its number now: capacity, least use, spacing, most of a window, shortest run, rest, stock in all. 1 for a
    /// required period.
    pub now: i64,
    /// The nearest number at which no clash of these rules is left; 0 for a required period that is dropped.
    pub to: i64,
}

/// How sure a clash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// It is proven that no plan keeps these rules.
    Proven,
    /// No plan was found that keeps them; there may be one.
    Suspected,
}

/// Rules that cannot all be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// Those that may be relaxed; empty when the others clash by themselves.
    pub rules: Vec<Relaxed>,
    /// Those that may not be, but without which there is no clash.
    pub context: Vec<Rule>,
    /// How sure that is.
    pub certainty: Certainty,
    /// Whether a plan was found for every set that lacks one of the rules.
    pub irreducible: bool,
}

impl Rule {
    /// Returns every rule of a problem that asks for something.
    pub fn all(problem: &Problem) -> Vec<Self> {
        let of_limits = problem.limits().iter().enumerate().flat_map(|(limit, rule)| {
            [Some(Self::Capacity { limit }), (rule.least > 0).then_some(Self::Least { limit })]
        });
        let of_units = (0..problem.units()).flat_map(|unit| {
            let rules = problem.rules(unit);
            let required = rules.required.iter().map(move |&period| Some(Self::Required { unit, period }));
            let windows = (0..rules.windows.len()).map(move |window| Some(Self::Window { unit, window }));
            let own = [
                (rules.spacing > 1).then_some(Self::Spacing { unit }),
                (rules.run > 1).then_some(Self::Run { unit }),
                (rules.rest > 0).then_some(Self::Rest { unit }),
                problem.supply(unit).map(|_| Self::Stock { unit }),
            ];
            required.chain(windows).chain(own)
        });
        of_limits.chain(of_units).flatten().collect()
    }

    fn unit(self) -> Option<usize> {
        match self {
            Self::Least { .. } | Self::Capacity { .. } => None,
            Self::Required { unit, .. } | Self::Spacing { unit } | Self::Window { unit, .. } => Some(unit),
            Self::Run { unit } | Self::Rest { unit } | Self::Stock { unit } => Some(unit),
        }
    }
}

/// The number of each rule, and the number at which it asks for nothing.
pub(super) type Numbers = BTreeMap<Rule, (i64, i64)>;

/// Returns the numbers of rules.
pub(super) fn numbers(problem: &Problem, all: &[Rule]) -> Numbers {
    let most = most_used(problem);
    let of = |rule: Rule| match rule {
        Rule::Required { .. } => (1, 0),
        Rule::Least { limit } => (problem.limits()[limit].least, 0),
        Rule::Capacity { limit } => {
            (problem.limits()[limit].capacity, problem.limits()[limit].capacity.max(most[limit]))
        }
        Rule::Spacing { unit } => (problem.rules(unit).spacing as i64, 1),
        Rule::Window { unit, window } => {
            let window = problem.rules(unit).windows[window];
            (window.most as i64, window.periods.max(window.most) as i64)
        }
        Rule::Run { unit } => (problem.rules(unit).run as i64, 1),
        Rule::Rest { unit } => (problem.rules(unit).rest as i64, 0),
        Rule::Stock { unit } => (total(problem, unit), total(problem, unit).saturating_add(most_stock(problem, unit))),
    };
    all.iter().map(|&rule| (rule, of(rule))).collect()
}

/// Finds a smallest set of clashing rules among those that may be relaxed; nothing when a plan keeps all rules.
pub fn clash(
    problem: &Problem,
    may: &[Rule],
    settings: &Settings,
    interrupt: &(dyn Fn() -> bool + Sync),
) -> Option<Clash> {
    let all = Rule::all(problem);
    let known = RefCell::new(Known::default());
    let numbers = numbers(problem, &all);
    let mut finder = Finder { problem, numbers, settings, interrupt, proof: true, known };
    let first = finder.verdict(&all, None);
    if first == Verdict::Possible {
        return None;
    }
    finder.proof = first == Verdict::Impossible;
    let suspects = conflict::find(problem).map_or_else(Vec::new, |conflict| suspects(problem, &all, &conflict));
    let narrow = !suspects.is_empty() && finder.clashes(&suspects, None);
    let all = if narrow { suspects } else { all };
    let may: BTreeSet<Rule> = may.iter().copied().collect();
    let (may, fixed): (Vec<Rule>, Vec<Rule>) = all.iter().partition(|rule| may.contains(rule));
    let rules = finder.explain(&mut fixed.clone(), true, &may);
    let context = finder.explain(&mut rules.clone(), true, &fixed);
    Some(finder.clash(rules, context))
}

/// The rules that a conflict speaks of; empty when it speaks of all.
fn suspects(problem: &Problem, all: &[Rule], conflict: &Conflict) -> Vec<Rule> {
    let of_unit = |unit: usize| move |rule: &Rule| rule.unit() == Some(unit);
    match conflict {
        Conflict::NoColumn { unit, period } => {
            let here =
                problem.aside().iter().filter(|aside| (aside.unit as usize, aside.period as usize) == (*unit, *period));
            let limits: BTreeSet<usize> = here.flat_map(|aside| aside.uses.iter().map(|used| used.0)).collect();
            let too_small = |rule: &Rule| matches!(rule, Rule::Capacity { limit } if limits.contains(limit));
            all.iter().copied().filter(|rule| of_unit(*unit)(rule) || too_small(rule)).collect()
        }
        Conflict::Calendar { unit } | Conflict::Stock { unit, .. } => {
            all.iter().copied().filter(of_unit(*unit)).collect()
        }
        Conflict::Limit { limit, from, .. } => {
            let required = from.iter().map(|&(unit, period)| Rule::Required { unit, period });
            std::iter::once(Rule::Capacity { limit: *limit }).chain(required).collect()
        }
        Conflict::Least { .. } | Conflict::Together => Vec::new(),
    }
}

/// Whether rules can be kept together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Possible,
    Impossible,
    Unknown,
}

/// What earlier trials found.
#[derive(Default)]
struct Known {
    plans: Vec<Options>,
    prices: Vec<f64>,
}

struct Finder<'a> {
    problem: &'a Problem,
    numbers: Numbers,
    settings: &'a Settings,
    interrupt: &'a (dyn Fn() -> bool + Sync),
    /// Whether only what is proven counts as a clash.
    proof: bool,
    known: RefCell<Known>,
}

impl Finder<'_> {
    fn clashes(&self, kept: &[Rule], other: Option<(Rule, i64)>) -> bool {
        match self.verdict(kept, other) {
            Verdict::Possible => false,
            Verdict::Impossible => true,
            Verdict::Unknown => !self.proof,
        }
    }

    /// A smallest set of candidates that clashes with what is kept; empty when that clashes by itself.
    fn explain(&self, kept: &mut Vec<Rule>, grown: bool, candidates: &[Rule]) -> Vec<Rule> {
        if candidates.is_empty() || grown && self.clashes(kept, None) {
            return Vec::new();
        }
        if candidates.len() == 1 {
            return candidates.to_vec();
        }
        let (first, second) = candidates.split_at(candidates.len() / 2);
        let length = kept.len();
        kept.extend_from_slice(first);
        let mut found = self.explain(kept, true, second);
        kept.truncate(length);
        kept.extend_from_slice(&found);
        let earlier = self.explain(kept, !found.is_empty(), first);
        kept.truncate(length);
        found.splice(0..0, earlier);
        found
    }

    fn clash(&self, mut rules: Vec<Rule>, mut context: Vec<Rule>) -> Clash {
        let mut irreducible = true;
        for at in (0..rules.len() + context.len()).rev() {
            let without = |at: usize| -> Vec<Rule> {
                let both = rules.iter().chain(&context).enumerate();
                both.filter(|(other, _)| *other != at).map(|(_, rule)| *rule).collect()
            };
            match self.verdict(&without(at), None) {
                Verdict::Possible => {}
                Verdict::Unknown if self.proof => irreducible = false,
                _ if at < rules.len() => drop(rules.remove(at)),
                _ => drop(context.remove(at - rules.len())),
            }
        }
        let both: Vec<Rule> = rules.iter().chain(&context).copied().collect();
        let proven = self.verdict(&both, None) == Verdict::Impossible;
        let certainty = if proven { Certainty::Proven } else { Certainty::Suspected };
        let rules = rules.iter().map(|&rule| self.relaxed(rule, &both)).collect();
        Clash { rules, context, certainty, irreducible }
    }

    /// By how much a rule must give for the others to be kept, by halving.
    fn relaxed(&self, rule: Rule, clash: &[Rule]) -> Relaxed {
        let others: Vec<Rule> = clash.iter().copied().filter(|other| *other != rule).collect();
        let (now, free) = self.numbers[&rule];
        let (mut clashing, mut fine) = (now, free);
        while clashing.abs_diff(fine) > 1 && !(self.interrupt)() {
            let middle = clashing + (fine - clashing) / 2;
            if self.clashes(&others, Some((rule, middle))) {
                clashing = middle;
            } else {
                fine = middle;
            }
        }
        Relaxed { rule, now, to: fine }
    }

    /// Whether the rules that are kept leave a plan; one rule may have another number.
    fn verdict(&self, kept: &[Rule], other: Option<(Rule, i64)>) -> Verdict {
        let Some(problem) = keeping(self.problem, &self.numbers, kept, other) else { return Verdict::Unknown };
        if self.known.borrow().plans.iter().any(|plan| fit(&problem, plan).is_some()) {
            return Verdict::Possible;
        }
        if conflict::find(&problem).is_some() {
            return Verdict::Impossible;
        }
        let problem = problem.worthless();
        let from = self.known.borrow().prices.clone();
        let priced = better(&problem, (&from, &[]), EVALUATIONS, CLEARLY, self.interrupt);
        if priced.bound < 0 {
            self.known.borrow_mut().prices = priced.limits;
            return Verdict::Impossible;
        }
        let warm = Warm { prices: priced.limits, ..Warm::default() };
        match solve_from(&problem, &warm, self.settings, self.interrupt) {
            Solve::Solved(solution) => {
                self.known.borrow_mut().plans.push(options(&problem, &solution.choice));
                Verdict::Possible
            }
            Solve::Infeasible(_) => Verdict::Impossible,
            Solve::NotFound { bound } if bound < 0 => Verdict::Impossible,
            Solve::NotFound { .. } => Verdict::Unknown,
        }
    }
}

/// The problem with some of all its rules alone; one that is left out may have another number instead.
pub(super) fn keeping(problem: &Problem, all: &Numbers, kept: &[Rule], other: Option<(Rule, i64)>) -> Option<Problem> {
    let kept: BTreeSet<Rule> = kept.iter().copied().collect();
    let number = |(&rule, &(_, free)): (&Rule, &(i64, i64))| match other {
        Some((changed, number)) if changed == rule => (rule, number),
        _ => (rule, free),
    };
    let given = all.iter().filter(|(rule, _)| !kept.contains(rule)).map(number);
    let mut given: Vec<(Rule, i64)> = given.collect();
    given.sort_by_key(|(rule, _)| rule.unit());
    let mut edit = problem.edit();
    for own in given.chunk_by(|one, next| one.0.unit() == next.0.unit()) {
        match own[0].0.unit() {
            Some(unit) => give_unit((problem, all), &mut edit, unit, own),
            None => give_limits(problem, &mut edit, own),
        }
    }
    edit.build().ok()
}

fn give_limits(problem: &Problem, edit: &mut Edit, given: &[(Rule, i64)]) {
    let mut limits: Vec<(i64, i64)> = problem.limits().iter().map(|rule| (rule.least, rule.capacity)).collect();
    for &(rule, number) in given {
        match rule {
            Rule::Least { limit } => limits[limit].0 = number,
            Rule::Capacity { limit } => limits[limit].1 = number,
            _ => {}
        }
    }
    for (limit, (least, capacity)) in limits.into_iter().enumerate() {
        edit.limit(limit, least, capacity);
    }
}

fn give_unit((problem, all): (&Problem, &Numbers), edit: &mut Edit, unit: usize, given: &[(Rule, i64)]) {
    let mut rules = problem.rules(unit).clone();
    for &(rule, number) in given {
        if matches!(rule, Rule::Stock { .. }) {
            edit.stock(unit, stock(problem, unit, number, all[&rule].1));
        }
        give(&mut rules, rule, number);
    }
    edit.rules(unit, rules);
}

/// The stock of a unit with what it has more in all from the beginning; nothing where it is not limited any more.
fn stock(problem: &Problem, unit: usize, number: i64, free: i64) -> Option<Vec<Arrival>> {
    if number == free {
        return None;
    }
    let more = Arrival { period: 0, amount: number - total(problem, unit) };
    let supply = problem.supply(unit).unwrap_or(&[]);
    let before = std::iter::once(0).chain(supply.iter().map(|&(_, sum)| sum));
    let arrivals = supply.iter().zip(before);
    let arrivals = arrivals.map(|(&(period, sum), before)| Arrival { period: period as usize, amount: sum - before });
    Some(std::iter::once(more).chain(arrivals).collect())
}

/// Gives a calendar rule another number.
fn give(rules: &mut Rules, rule: Rule, number: i64) {
    let number = number.max(0) as usize;
    match rule {
        Rule::Required { period, .. } => rules.required.retain(|&other| other != period || number > 0),
        Rule::Spacing { .. } => rules.spacing = number,
        Rule::Window { window, .. } => rules.windows[window].most = number,
        Rule::Run { .. } => rules.run = number,
        Rule::Rest { .. } => rules.rest = number,
        Rule::Least { .. } | Rule::Capacity { .. } | Rule::Stock { .. } => {}
    }
}

/// More than any plan can use, of each limit.
fn most_used(problem: &Problem) -> Vec<i64> {
    let mut most = vec![1i64; problem.limits().len()];
    let kept = (0..problem.columns() as u32).flat_map(|column| problem.uses(column));
    let aside = problem.aside().iter().flat_map(|aside| aside.uses.iter().copied());
    for (limit, amount) in kept.chain(aside) {
        most[limit] = most[limit].saturating_add(amount);
    }
    most
}

/// More than a unit can use of its stock.
fn most_stock(problem: &Problem, unit: usize) -> i64 {
    let kept: i64 = problem.columns_of(unit).map(|column| problem.stock_use(column as u32)).sum();
    let aside = problem.aside().iter().filter(|aside| aside.unit as usize == unit);
    aside.map(|aside| aside.stock).sum::<i64>() + kept + 1
}
