//! The core against exhaustive search, and its books against independent code.

use super::*;
use proptest::prelude::*;

/// A column as the generator writes it: period, option, value, stock, uses per limit.
type RawColumn = (usize, u32, i64, i64, Vec<i64>);

#[derive(Clone, Debug)]
struct Raw {
    periods: usize,
    capacities: Vec<i64>,
    units: Vec<(Unit, Vec<RawColumn>)>,
    pairs: Vec<(usize, usize, i64)>,
}

impl Raw {
    fn problem(&self) -> Problem {
        let mut builder = Builder::new(self.periods);
        for (at, &capacity) in self.capacities.iter().enumerate() {
            builder.limit(format!("limit {at}"), capacity);
        }
        for (unit, columns) in &self.units {
            builder.unit(unit.clone());
            for (period, option, value, stock, uses) in columns {
                let uses: Vec<_> = uses.iter().copied().enumerate().collect();
                builder.column(*period, *option, *value, *stock, &uses);
            }
        }
        for &(first, second, penalty) in &self.pairs {
            builder.pair(first, second, penalty);
        }
        builder.build().unwrap()
    }

    /// Value of a plan (a column index per unit and period), or the rule that it breaks. Shares no code with the core.
    fn judge(&self, plan: &[Vec<Option<usize>>]) -> Result<i64, String> {
        let mut used = vec![0i64; self.capacities.len()];
        let mut value = 0;
        for ((unit, columns), choice) in self.units.iter().zip(plan) {
            let on: Vec<usize> = (0..self.periods).filter(|&t| choice[t].is_some()).collect();
            if on.windows(2).any(|w| w[1] - w[0] < unit.spacing) {
                return Err("spacing".into());
            }
            if unit.required.iter().any(|t| !on.contains(t)) {
                return Err("required".into());
            }
            let chosen: Vec<&RawColumn> = choice.iter().flatten().map(|&c| &columns[c]).collect();
            if unit.stock.is_some_and(|stock| chosen.iter().map(|c| c.3).sum::<i64>() > stock) {
                return Err("stock".into());
            }
            for column in chosen {
                value += column.2;
                used.iter_mut().zip(&column.4).for_each(|(used, amount)| *used += amount);
            }
        }
        if used.iter().zip(&self.capacities).any(|(used, capacity)| used > capacity) {
            return Err("limit".into());
        }
        for &(a, b, penalty) in &self.pairs {
            value -=
                (0..self.periods).filter(|&t| plan[a][t].is_some() && plan[b][t].is_some()).count() as i64 * penalty;
        }
        Ok(value)
    }

    /// All calendars of a unit without regard to any rule but one column per period.
    fn calendars(&self, unit: usize) -> Vec<Vec<Option<usize>>> {
        let columns = &self.units[unit].1;
        let mut all = vec![vec![]];
        for period in 0..self.periods {
            let options: Vec<Option<usize>> =
                std::iter::once(None).chain((0..columns.len()).filter(|&c| columns[c].0 == period).map(Some)).collect();
            all = all
                .into_iter()
                .flat_map(|head: Vec<Option<usize>>| {
                    options.iter().map(move |&option| head.iter().copied().chain([option]).collect())
                })
                .collect();
        }
        all
    }

    fn optimum(&self) -> Option<i64> {
        let calendars: Vec<_> = (0..self.units.len()).map(|unit| self.calendars(unit)).collect();
        let mut best = None;
        let mut at = vec![0; calendars.len()];
        loop {
            let plan: Vec<_> = at.iter().zip(&calendars).map(|(&at, calendars)| calendars[at].clone()).collect();
            if let Ok(value) = self.judge(&plan) {
                best = best.max(Some(value));
            }
            let Some(turn) = (0..at.len()).find(|&unit| at[unit] + 1 < calendars[unit].len()) else { return best };
            at[..turn].fill(0);
            at[turn] += 1;
        }
    }

    fn plan(&self, problem: &Problem, solution: &Solution) -> Vec<Vec<Option<usize>>> {
        let at = |unit: usize, period: usize| {
            let option = problem.column(solution.column(problem, unit, period)?).option;
            self.units[unit].1.iter().position(|c| c.0 == period && c.1 == option)
        };
        (0..self.units.len()).map(|unit| (0..self.periods).map(|period| at(unit, period)).collect()).collect()
    }
}

prop_compose! {
    fn raw()(periods in 1usize..4, limits in 0usize..3, units in 1usize..4)
        (periods in Just(periods), rules in proptest::bits::u8::ANY,
         capacities in prop::collection::vec(0i64..25, limits),
         units in prop::collection::vec(
            ((1usize..4, prop::option::of(0i64..15), prop::collection::vec(0..periods, 0..2)),
             prop::collection::vec((0..periods, -10i64..60, 0i64..9, prop::collection::vec(0i64..12, limits)), 0..5)), units),
         pairs in prop::collection::vec((0..units, 0..units, 0i64..40), 0..3)) -> Raw {
        let on = |bit: u8| rules & (1 << bit) != 0;
        let units = units.into_iter().map(|((spacing, stock, required), columns)| {
            let unit = Unit {
                spacing: if on(0) { spacing } else { 1 },
                stock: stock.filter(|_| on(1)),
                required: if on(2) { required } else { vec![] },
            };
            let columns = columns.into_iter().enumerate()
                .map(|(o, (t, v, s, u))| (t, o as u32, v, s, u)).collect();
            (unit, columns)
        }).collect();
        let pairs = pairs.into_iter().filter(|p| on(3) && p.0 != p.1).collect();
        let capacities = if on(4) { capacities } else { vec![1000; capacities.len()] };
        Raw { periods, capacities, units, pairs }
    }
}

fn settings(gap: f64) -> Settings {
    Settings { gap, ..Settings::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn plans_keep_every_rule_and_the_optimum_lies_between_plan_and_bound(raw in raw(), late in any::<bool>()) {
        let problem = raw.problem();
        let optimum = raw.optimum();
        match solve(&problem, &settings(0.0), &|| late) {
            Solve::Solved(solution) => {
                let value = raw.judge(&raw.plan(&problem, &solution));
                prop_assert_eq!(value, Ok(solution.objective));
                let optimum = optimum.expect("a plan exists");
                prop_assert!(solution.objective <= optimum, "{} > {}", solution.objective, optimum);
                prop_assert!(optimum <= solution.bound, "{} > {}", optimum, solution.bound);
                if !late {
                    prop_assert_eq!(solution.objective, optimum);
                    prop_assert_eq!(solution.status, SolveStatus::Optimal);
                }
            }
            Solve::Infeasible(_) => prop_assert_eq!(optimum, None),
            Solve::NotFound { bound } => {
                prop_assert!(optimum.is_none_or(|optimum| optimum <= bound));
                prop_assert!(late || optimum.is_none());
            }
        }
    }
}

/// A seeded problem of the promotion shape: budget, slots per period, stock and spacing per unit, pairs of neighbours.
fn shaped(units: usize, periods: usize, seed: u64) -> Problem {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut builder = Builder::new(periods);
    let budget = builder.limit("budget", 400 * (units * periods) as i64 / 10);
    let slots: Vec<usize> =
        (0..periods).map(|period| builder.limit(format!("slots {period}"), (units as i64 / 8).max(1))).collect();
    for _ in 0..units {
        builder.unit(Unit { spacing: 3, stock: Some(random.random_range(50..200)), required: vec![] });
        for (period, &slot) in slots.iter().enumerate() {
            let base: i64 = random.random_range(20..80);
            for option in 1..=3i64 {
                let (value, cost) = (base * (60 - 10 * option) * option / 3, base * option * option * 9);
                builder.column(period, option as u32, value, base * option / 2, &[(budget, cost), (slot, 1)]);
            }
        }
    }
    for unit in (0..units.saturating_sub(1)).step_by(2) {
        builder.pair(unit, unit + 1, random.random_range(50..500));
    }
    builder.build().unwrap()
}

fn solved(problem: &Problem, settings: &Settings) -> Solution {
    match solve(problem, settings, &|| false) {
        Solve::Solved(solution) => solution,
        other => panic!("no plan: {other:?}"),
    }
}

#[test]
fn the_number_of_threads_does_not_change_the_solution() {
    let problem = shaped(150, 10, 3);
    let at = |threads| solved(&problem, &Settings { threads: Some(threads), ..settings(0.0) });
    assert_eq!(at(1), at(4));
}

#[test]
fn larger_problems_come_near_their_bound() {
    for seed in [1, 2] {
        let solution = solved(&shaped(150, 10, seed), &settings(0.0));
        assert!(solution.gap() < 0.01, "seed {seed}: gap {}", solution.gap());
    }
}

#[test]
fn without_any_time_there_is_still_a_plan_and_a_true_bound() {
    let problem = shaped(150, 10, 1);
    let hurried = solved(&problem, &Settings { time_limit: Some(Duration::ZERO), ..settings(0.0) });
    let patient = solved(&problem, &settings(0.0));
    assert!(hurried.limits(&problem).iter().all(|limit| limit.used <= limit.available));
    assert!(hurried.objective <= patient.bound && patient.objective <= hurried.bound);
}

#[test]
fn a_time_limit_is_kept() {
    let problem = shaped(400, 20, 1);
    let begun = Instant::now();
    solved(&problem, &Settings { time_limit: Some(Duration::from_millis(300)), ..settings(0.0) });
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
}

#[test]
fn numbers_outside_their_range_are_named() {
    let mut builder = Builder::new(2);
    builder.limit("budget", -1);
    let error = builder.build().unwrap_err().to_string();
    assert_eq!(error, "capacity of budget is -1: expected 0 or more");
    let mut builder = Builder::new(2);
    builder.unit(Unit::default());
    builder.column(2, 0, 1, 0, &[]);
    assert!(builder.build().unwrap_err().to_string().contains("expected a period of the horizon"));
}
