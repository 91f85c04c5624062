//! The answers against exhaustive search on small random problems. Plans are judged by `check`, which uses nothing of
//! what the search or the answers compute.

use super::super::check::{Broken, check};
use super::super::graph::{Rules, Window};
use super::super::problem::{Arrival, Builder, Column, NONE, Pair, Problem, Unit};
use super::super::{Settings, Solution, Solve, solve};
use super::{Case, Rule};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

/// A problem as it is written down.
#[derive(Clone)]
pub struct Described {
    pub periods: usize,
    pub limits: Vec<(i64, i64)>,
    pub units: Vec<(Unit, Vec<(usize, Column)>)>,
    pub pairs: Vec<Pair>,
}

impl Described {
    pub fn build(&self) -> Problem {
        let mut builder = Builder::new(self.periods);
        for (at, &(least, capacity)) in self.limits.iter().enumerate() {
            builder.range(format!("limit {at}"), least, capacity);
        }
        self.pairs.iter().for_each(|pair| builder.pair(pair.first as usize, pair.second as usize, pair.penalty));
        for (unit, columns) in &self.units {
            builder.unit(unit.clone());
            for (period, column) in columns {
                builder.column(*period, column.option, column.value, column.stock, &column.uses);
            }
        }
        builder.build().unwrap()
    }
}

/// Draws a small problem in which any rule may be there.
pub fn draw(seed: u64) -> Described {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (periods, units) = (random.random_range(2..5), random.random_range(1..4usize));
    let limits: Vec<(i64, i64)> = (0..random.random_range(1..4))
        .map(|_| {
            let capacity = random.random_range(4..30);
            (if random.random_bool(0.2) { random.random_range(0..=capacity / 2) } else { 0 }, capacity)
        })
        .collect();
    let unit = |random: &mut ChaCha8Rng| {
        let mut rules = Rules { spacing: random.random_range(1..3), ..Rules::default() };
        if random.random_bool(0.2) {
            rules.windows.push(Window { periods: 3, most: random.random_range(1..3) });
        }
        if random.random_bool(0.2) {
            (rules.run, rules.spacing) = (2, 1);
        }
        if random.random_bool(0.2) {
            rules.rest = random.random_range(1..3);
        }
        if random.random_bool(0.3) {
            rules.required.push(random.random_range(0..periods));
        }
        let arrival = |random: &mut ChaCha8Rng| Arrival {
            period: if random.random_bool(0.3) { random.random_range(0..periods) } else { 0 },
            amount: random.random_range(0..9),
        };
        let stock = random.random_bool(0.5).then(|| (0..2).map(|_| arrival(random)).collect());
        let mut columns = Vec::new();
        for period in 0..periods {
            for option in 0..random.random_range(0..3) {
                let uses = (0..limits.len()).filter(|_| random.random_bool(0.7)).collect::<Vec<usize>>();
                let uses = uses.into_iter().map(|limit| (limit, random.random_range(1..9))).collect();
                let value = random.random_range(-6..40);
                columns.push((period, Column { option, value, stock: random.random_range(0..6), uses }));
            }
        }
        (Unit { rules, stock }, columns)
    };
    let units: Vec<_> = (0..units).map(|_| unit(&mut random)).collect();
    let mut pairs = Vec::new();
    if units.len() > 1 && random.random_bool(0.4) {
        pairs.push(Pair { first: 0, second: 1, penalty: random.random_range(-9..15) });
    }
    Described { periods, limits, units, pairs }
}

/// What the best of all plans earns; nothing when none keeps all rules.
pub fn optimum(problem: &Problem) -> Option<i64> {
    let calendars: Vec<Vec<Vec<u32>>> = (0..problem.units()).map(|unit| calendars(problem, unit)).collect();
    let mut plans: Vec<Vec<u32>> = vec![Vec::new()];
    for calendars in &calendars {
        plans = plans
            .iter()
            .flat_map(|plan| calendars.iter().map(move |own| [plan.clone(), own.clone()].concat()))
            .collect();
    }
    plans.iter().filter_map(|plan| check(problem, plan).ok()).max()
}

/// Every calendar of a unit that keeps its own rules.
fn calendars(problem: &Problem, unit: usize) -> Vec<Vec<u32>> {
    let mut calendars: Vec<Vec<u32>> = vec![Vec::new()];
    for period in 0..problem.periods() {
        let cell: Vec<u32> = problem.columns_at(unit, period).map(|column| column as u32).chain([NONE]).collect();
        calendars =
            calendars.iter().flat_map(|head| cell.iter().map(move |&c| [head.clone(), vec![c]].concat())).collect();
    }
    let own = |broken: &Broken| match *broken {
        Broken::Spacing { unit: of, .. } | Broken::Window { unit: of, .. } | Broken::Run { unit: of, .. } => of == unit,
        Broken::Rest { unit: of, .. } | Broken::Required { unit: of, .. } | Broken::Stock { unit: of, .. } => {
            of == unit
        }
        _ => false,
    };
    let keeps = |calendar: &Vec<u32>| {
        let mut plan = vec![NONE; problem.units() * problem.periods()];
        plan[unit * problem.periods()..(unit + 1) * problem.periods()].copy_from_slice(calendar);
        check(problem, &plan).err().unwrap_or_default().iter().all(|broken| !own(broken))
    };
    calendars.retain(keeps);
    calendars
}

/// Answers must be true however short the search was.
pub fn settings() -> Settings {
    Settings { gap: 0.0, time_limit: Some(Duration::from_millis(20)), ..Settings::default() }
}

pub fn solved(problem: &Problem) -> Option<Solution> {
    match solve(problem, &settings(), &|| false) {
        Solve::Solved(solution) => Some(solution),
        _ => None,
    }
}

/// Asks about every problem of so many that has a plan.
pub fn ask(seeds: std::ops::Range<u64>, question: impl Fn(&Described, &Case)) {
    let settings = settings();
    let mut asked = 0;
    for seed in seeds.clone() {
        let described = draw(seed);
        let problem = described.build();
        let Some(solution) = solved(&problem) else { continue };
        asked += 1;
        question(
            &described,
            &Case { problem: &problem, solution: &solution, settings: &settings, interrupt: &|| false },
        );
    }
    assert!(asked * 3 > seeds.count(), "too few problems have a plan");
}

/// Whether a plan and a bound enclose what is best.
fn encloses(objective: Option<i64>, bound: Option<i64>, best: Option<i64>, what: &str) {
    assert!(
        objective.is_none_or(|found| best.is_some_and(|best| found <= best)),
        "{what}: {objective:?} over {best:?}"
    );
    assert!(best.is_none_or(|best| bound.is_some_and(|bound| best <= bound)), "{what}: {bound:?} below {best:?}");
}

#[test]
fn an_edited_problem_is_the_problem_built_anew() {
    for seed in 0..400 {
        let mut described = draw(seed);
        let problem = described.build();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut edit = problem.edit();
        let limit = random.random_range(0..described.limits.len());
        let (least, capacity) = &mut described.limits[limit];
        (*least, *capacity) = (*least / 2, random.random_range(*least..40));
        edit.limit(limit, *least, *capacity);
        let unit = random.random_range(0..described.units.len());
        if random.random_bool(0.5) {
            let rules = &mut described.units[unit].0.rules;
            rules.required.clear();
            rules.spacing = 3 - rules.spacing.min(2);
            edit.rules(unit, rules.clone());
        }
        if random.random_bool(0.5) {
            let stock =
                random.random_bool(0.5).then(|| vec![Arrival { period: 0, amount: random.random_range(0..20) }]);
            described.units[unit].0.stock.clone_from(&stock);
            edit.stock(unit, stock);
        }
        if random.random_bool(0.5) {
            let column = Column { option: 9, value: 30, stock: 2, uses: vec![(limit, 3)] };
            described.units[unit].1.push((1, column.clone()));
            edit.add(unit, 1, column);
        }
        let (edited, anew) = (edit.build().unwrap(), described.build());
        assert_eq!(optimum(&edited), optimum(&anew), "seed {seed}");
        assert_eq!(optimum(&edited.edit().build().unwrap()), optimum(&anew), "seed {seed}");
    }
}

#[test]
fn an_edit_that_makes_no_problem_is_refused() {
    let problem = draw(1).build();
    assert!(problem.edit().limit(0, 5, 4).build().is_err());
    assert!(problem.edit().limit(0, 0, -1).build().is_err());
}

#[test]
fn forcing_a_column_costs_at_least_its_regret() {
    ask(0..150, |_, case| {
        let pricing = case.pricing();
        let regrets = pricing.regrets();
        assert!(optimum(case.problem).is_some_and(|best| best <= pricing.bound()));
        for column in 0..case.problem.columns() as u32 {
            let forced = case.problem.edit().force(column).build().unwrap();
            let ceiling = pricing.ceiling(regrets[column as usize]);
            assert!(optimum(&forced).is_none_or(|best| best <= ceiling), "column {column}: {ceiling}");
        }
    });
}

/// A single unit under limits that cannot bind.
fn alone(seed: u64) -> Option<Described> {
    let mut described = draw(seed);
    described.units.truncate(1);
    described.pairs.clear();
    described.limits.iter_mut().for_each(|limit| *limit = (0, 1000));
    optimum(&described.build()).map(|_| described)
}

#[test]
fn of_a_unit_alone_the_answers_are_exact() {
    for described in (0..300).filter_map(alone) {
        let problem = described.build();
        let (settings, solution) = (settings(), solved(&problem).unwrap());
        let case = Case { problem: &problem, solution: &solution, settings: &settings, interrupt: &|| false };
        let pricing = case.pricing();
        let best = optimum(&problem).unwrap();
        for column in 0..problem.columns() as u32 {
            let (unit, period) = problem.cell_of(column);
            let with = optimum(&problem.edit().force(column).build().unwrap());
            if solution.column(&problem, unit, period) == Some(column) {
                let why = case.why(&pricing, column);
                let without = why.may_fall.map(|fall| best - fall.round() as i64);
                assert_eq!(without, optimum(&problem.edit().forbid(column).build().unwrap()));
            } else {
                let regret =
                    case.why_not(&pricing, unit, period, Some(column)).nearest.map(|near| near.regret.round() as i64);
                assert_eq!(regret, with.map(|with| best - with));
            }
        }
    }
}

#[test]
fn a_column_is_as_good_as_what_was_chosen_once_it_flips() {
    ask(0..150, |_, case| {
        let pricing = case.pricing();
        for (unit, period) in
            (0..case.problem.units()).flat_map(|unit| (0..case.problem.periods()).map(move |at| (unit, at)))
        {
            if case.solution.column(case.problem, unit, period).is_some() {
                continue;
            }
            let answer = case.why_not(&pricing, unit, period, None);
            let Some(nearest) = answer.nearest else { continue };
            assert!(nearest.flip.rise >= 0.0);
            let (Some((limit, price)), Some(then)) = (nearest.flip.limit, nearest.flip.price) else { continue };
            assert!(0.0 <= then && then <= price);
            let mut cheaper = pricing.priced.clone();
            cheaper.limits[limit] = then;
            let pricing = super::Pricing::at(case.problem, cheaper);
            assert!(case.why_not(&pricing, unit, period, Some(nearest.margin.column)).nearest.unwrap().regret < 0.01);
        }
    });
}

#[test]
fn curves_enclose_what_is_best_and_never_fall() {
    ask(0..60, |_, case| {
        let (least, capacity) = (case.problem.limits()[0].least, case.problem.limits()[0].capacity);
        let curve = case.curve(0, &[0, least, capacity / 2, capacity, capacity + 5, capacity * 3]);
        for point in &curve.points {
            let there = case.problem.edit().limit(0, least, point.capacity).build();
            encloses(point.objective, point.bound, there.ok().and_then(|problem| optimum(&problem)), "curve");
        }
        for two in curve.points.windows(2) {
            assert!(two[0].objective <= two[1].objective && two[0].bound <= two[1].bound);
        }
        assert!(curve.complete);
    });
}

#[test]
fn ranges_enclose_what_is_best_at_every_level() {
    ask(0..60, |_, case| {
        let asked = super::RangeAsk { plans: true, ..super::RangeAsk::default() };
        let ranges = case.ranges(&asked, &|_, _| {});
        assert_eq!(ranges.len(), case.problem.limits().len());
        for range in ranges {
            let rule = &case.problem.limits()[range.limit];
            if let Some((low, high)) = range.holds {
                let inside = if range.price == 0.0 { range.used } else { range.level };
                assert!(low <= inside && high.is_none_or(|high| inside <= high), "{range:?}");
            }
            for point in &range.points {
                let sides = if range.of_least { (point.capacity, rule.capacity) } else { (rule.least, point.capacity) };
                let there = case.problem.edit().limit(range.limit, sides.0, sides.1).build().unwrap();
                encloses(point.objective, point.bound, optimum(&there), "range");
            }
        }
    });
}

#[test]
fn locks_cost_what_the_plan_earns_without_them() {
    ask(0..120, |described, case| {
        let locks = case.required();
        let prices = case.lock_prices(&locks, usize::MAX, &|_, _| {});
        assert_eq!(prices.locks.len(), locks.len());
        for price in &prices.locks {
            let mut free = described.clone();
            let lock = &locks[price.lock];
            free.units[lock.unit].0.rules.required.retain(|&period| period != lock.period);
            encloses(price.objective, price.bound, optimum(&free.build()), "lock");
            assert!(price.cost(case.solution.objective).is_some_and(|cost| cost >= 0) && price.price >= -1e-6);
        }
        let mut free = described.clone();
        free.units.iter_mut().for_each(|unit| unit.0.rules.required.clear());
        encloses(Some(prices.objective), Some(prices.bound), optimum(&free.build()), "all locks");
    });
}

#[test]
fn what_a_lock_took_away_comes_back_without_it() {
    let mut described = draw(3);
    described.limits.iter_mut().for_each(|limit| *limit = (0, 1000));
    let column = |option, value| Column { option, value, stock: 0, uses: vec![] };
    described.units = vec![(Unit::default(), vec![(0, column(0, 5))])];
    described.units[0].0.rules.required = vec![0];
    described.pairs.clear();
    let problem = described.build();
    let (settings, solution) = (settings(), solved(&problem).unwrap());
    let case = Case { problem: &problem, solution: &solution, settings: &settings, interrupt: &|| false };
    let lock = super::Lock { unit: 0, period: 0, others: vec![column(1, 12)] };
    let prices = case.lock_prices(&[lock], 1, &|_, _| {});
    assert_eq!((prices.objective, prices.locks[0].cost(5), prices.locks[0].price), (12, Some(7), 7.0));
}

#[test]
fn takers_of_a_slot_are_ranked_by_plans_that_have_them() {
    ask(0..80, |_, case| {
        let period = case.problem.periods() - 1;
        let giver = (0..case.problem.units()).find(|&unit| case.solution.column(case.problem, unit, period).is_some());
        let found = case.takers(super::Slot { period, unit: giver }, 2, 5);
        assert!(found.takers.windows(2).all(|two| two[0].objective >= two[1].objective));
        for taker in &found.takers {
            let taken = |unit: usize| taker.choice[unit * case.problem.periods() + period] != NONE;
            assert!(taken(taker.unit) && giver.is_none_or(|giver| !taken(giver)));
            let mut edit = case.problem.edit();
            if let Some(giver) = giver {
                edit.require(giver, period, false).close(giver, period);
            }
            let there = edit.require(taker.unit, period, true).build().unwrap();
            encloses(Some(taker.objective), Some(taker.bound), optimum(&there), "taker");
        }
    });
}

#[test]
fn other_plans_differ_as_much_as_asked() {
    ask(0..80, |_, case| {
        let others = case.others(3, 1);
        assert!(others.windows(2).all(|two| two[0].objective >= two[1].objective));
        for other in &others {
            assert_eq!(check(case.problem, &other.choice), Ok(other.objective));
            let gone = case.solution.choice.iter().zip(&other.choice).filter(|(own, its)| **own != NONE && own != its);
            assert!(gone.count() >= 1 && other.differs >= 1);
        }
    });
}

#[test]
fn the_parts_of_a_difference_sum_to_the_whole() {
    let mut moved = 0;
    for seed in 0..300 {
        let problem = draw(seed).build();
        let plans: Vec<Vec<u32>> = [1, 2].map(|salt| any(&problem, seed + salt * 1000)).to_vec();
        let diff = super::diff(&problem, &plans[0], &plans[1]);
        let worth = |plan: &[u32]| {
            let columns =
                plan.iter().filter(|&&column| column != NONE).map(|&column| problem.value(column)).sum::<i64>();
            let on = |unit: u32, period: usize| plan[unit as usize * problem.periods() + period] != NONE;
            let both =
                |pair: &Pair| (0..problem.periods()).filter(|&at| on(pair.first, at) && on(pair.second, at)).count();
            columns - problem.pairs().iter().map(|pair| pair.penalty * both(pair) as i64).sum::<i64>()
        };
        assert_eq!(diff.total, worth(&plans[1]) - worth(&plans[0]));
        assert_eq!(diff.total, diff.changes.iter().map(super::Change::value).sum::<i64>());
        moved += diff.changes.iter().filter(|change| matches!(change, super::Change::Moved { .. })).count();
        let back = super::diff(&problem, &plans[1], &plans[0]);
        assert_eq!((back.total, back.changes.len()), (-diff.total, diff.changes.len()));
        assert!(super::diff(&problem, &plans[0], &plans[0]).changes.is_empty());
    }
    assert!(moved > 50);
}

/// Any column or none in every cell.
fn any(problem: &Problem, seed: u64) -> Vec<u32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let cells = (0..problem.units()).flat_map(|unit| (0..problem.periods()).map(move |period| (unit, period)));
    let choice = cells.map(|(unit, period)| {
        let cell = problem.columns_at(unit, period);
        let at = random.random_range(0..=cell.len());
        if at < cell.len() { (cell.start + at) as u32 } else { NONE }
    });
    choice.collect()
}

/// Makes a problem hard to keep.
fn tightened(seed: u64) -> Problem {
    let mut described = draw(seed);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let periods = described.periods;
    for (unit, columns) in &mut described.units {
        let candidates = columns.iter().map(|(period, _)| *period);
        unit.rules.required.extend(candidates.filter(|_| random.random_bool(0.25)).filter(|&period| period < periods));
    }
    described.limits.iter_mut().filter(|_| random.random_bool(0.3)).for_each(|limit| limit.0 = limit.1 * 2 / 3);
    described.build()
}

#[test]
fn clashes_are_real_and_none_of_their_rules_can_be_left_out() {
    let (mut proven, mut clashes, mut unproven) = (0, 0, 0);
    for seed in 0..250 {
        let problem = tightened(seed);
        let all = Rule::all(&problem);
        let numbers = super::clash::numbers(&problem, &all);
        let may: Vec<Rule> =
            all.iter().copied().filter(|rule| seed % 2 == 0 || !matches!(rule, Rule::Capacity { .. })).collect();
        let best = optimum(&problem);
        let Some(clash) = super::clash(&problem, &may, &settings(), &|| false) else {
            assert!(best.is_some(), "seed {seed}: no clash is named");
            continue;
        };
        clashes += 1;
        if clash.certainty == super::Certainty::Suspected {
            unproven += 1;
            continue;
        }
        proven += 1;
        assert_eq!(best, None, "seed {seed}: {clash:?}");
        let rules: Vec<Rule> =
            clash.rules.iter().map(|relaxed| relaxed.rule).chain(clash.context.iter().copied()).collect();
        assert!(clash.rules.iter().all(|relaxed| may.contains(&relaxed.rule)));
        assert!(clash.context.iter().all(|rule| !may.contains(rule)));
        let keeping =
            |rules: &[Rule], other| super::clash::keeping(&problem, &numbers, rules, other).map(|kept| optimum(&kept));
        assert_eq!(keeping(&rules, None), Some(None), "seed {seed}");
        for at in (0..rules.len()).filter(|_| clash.irreducible) {
            let mut fewer = rules.clone();
            fewer.remove(at);
            assert!(keeping(&fewer, None).flatten().is_some(), "seed {seed}: {:?} can be left out", rules[at]);
        }
        for relaxed in clash.rules.iter().filter(|_| clash.irreducible) {
            let others: Vec<Rule> = rules.iter().copied().filter(|rule| *rule != relaxed.rule).collect();
            let at = |number| keeping(&others, Some((relaxed.rule, number))).flatten();
            let back = relaxed.to + (relaxed.now - relaxed.to).signum();
            assert!(at(relaxed.to).is_some() && at(back).is_none(), "seed {seed}: {relaxed:?}");
        }
    }
    assert!(proven > 40 && unproven * 4 <= proven, "{clashes} clashes, {proven} proven, {unproven} suspected");
}

#[test]
fn an_interrupt_leaves_true_answers() {
    ask(0..30, |_, case| {
        let case = Case { interrupt: &|| true, ..*case };
        assert!(!case.curve(0, &[]).complete);
        assert!(case.others(3, 1).is_empty());
        assert!(
            case.ranges(&super::RangeAsk::default(), &|_, _| {})
                .iter()
                .all(|range| range.price == 0.0 || range.holds.is_none())
        );
        assert_eq!(case.takers(super::Slot { period: 0, unit: None }, 2, 2).tried, 0);
    });
}
