//! Problems as people would write them down, built and judged without any code of the core.

use super::super::graph::Rules;
use super::super::problem::{Arrival, Builder, Problem, ProblemError, Unit};

/// A column as it is written down.
#[derive(Clone, Debug)]
pub struct RawColumn {
    pub period: usize,
    pub option: u32,
    pub value: i64,
    pub stock: i64,
    /// Limit and amount; each limit once, in any order.
    pub uses: Vec<(usize, i64)>,
}

#[derive(Clone, Debug, Default)]
pub struct RawUnit {
    pub rules: Rules,
    pub stock: Option<Vec<(usize, i64)>>,
    pub columns: Vec<RawColumn>,
}

#[derive(Clone, Debug, Default)]
pub struct Raw {
    pub periods: usize,
    /// Least use and capacity.
    pub limits: Vec<(i64, i64)>,
    pub units: Vec<RawUnit>,
    /// Two units and what they lose per period with both.
    pub pairs: Vec<(usize, usize, i64)>,
}

/// A column number of the unit, or none, per period.
pub type Calendar = Vec<Option<usize>>;

impl Raw {
    pub fn build(&self) -> Result<Problem, ProblemError> {
        let mut builder = Builder::new(self.periods);
        for (at, &(least, capacity)) in self.limits.iter().enumerate() {
            builder.range(format!("limit {at}"), least, capacity);
        }
        let (gains, penalties): (Vec<_>, Vec<_>) = self.pairs.iter().partition(|pair| pair.2 < 0);
        gains.iter().for_each(|&&(first, second, penalty)| builder.pair(first, second, penalty));
        for unit in &self.units {
            let arrivals = |arrivals: &Vec<(usize, i64)>| {
                arrivals.iter().map(|&(period, amount)| Arrival { period, amount }).collect()
            };
            builder.unit(Unit { rules: unit.rules.clone(), stock: unit.stock.as_ref().map(arrivals) });
            for column in &unit.columns {
                builder.column(column.period, column.option, column.value, column.stock, &column.uses);
            }
        }
        penalties.iter().for_each(|&&(first, second, penalty)| builder.pair(first, second, penalty));
        builder.build()
    }

    pub fn problem(&self) -> Problem {
        self.build().unwrap()
    }

    /// What a plan earns, or the rule that it breaks.
    pub fn judge(&self, plan: &[Calendar]) -> Result<i64, String> {
        let mut used = vec![0i64; self.limits.len()];
        let mut value = 0;
        for (number, (unit, calendar)) in self.units.iter().zip(plan).enumerate() {
            unit.keeps(calendar).map_err(|rule| format!("unit {number}: {rule}"))?;
            for column in calendar.iter().flatten().map(|&at| &unit.columns[at]) {
                value += column.value;
                column.uses.iter().for_each(|&(limit, amount)| used[limit] += amount);
            }
        }
        for (limit, (used, &(least, capacity))) in used.iter().zip(&self.limits).enumerate() {
            if used < &least || used > &capacity {
                return Err(format!("limit {limit}: {used}"));
            }
        }
        for &(first, second, penalty) in &self.pairs {
            let both = (0..self.periods).filter(|&at| plan[first][at].is_some() && plan[second][at].is_some());
            value -= penalty * both.count() as i64;
        }
        Ok(value)
    }

    /// Reads a plan of the core: the same columns in the words of the description.
    pub fn plan(&self, problem: &Problem, choice: &[u32]) -> Vec<Calendar> {
        assert_eq!(choice.len(), self.units.len() * self.periods);
        let column = |unit: usize, period: usize| {
            let column = choice[unit * self.periods + period];
            if column == super::super::problem::NONE {
                return None;
            }
            assert_eq!(problem.cell_of(column), (unit, period));
            let option = problem.option(column);
            let same = |raw: &RawColumn| raw.period == period && raw.option == option;
            Some(self.units[unit].columns.iter().position(same).expect("a column of the description"))
        };
        let units = 0..self.units.len();
        units.map(|unit| (0..self.periods).map(|period| column(unit, period)).collect()).collect()
    }

    pub fn empty_plan(&self) -> Vec<Calendar> {
        vec![vec![None; self.periods]; self.units.len()]
    }
}

impl RawUnit {
    /// Whether a calendar keeps the rules of the unit.
    pub fn keeps(&self, calendar: &[Option<usize>]) -> Result<(), &'static str> {
        let past = self.rules.before.iter().copied().max().unwrap_or(0);
        let mut on: Vec<bool> = (0..past).map(|at| self.rules.before.contains(&(past - at))).collect();
        on.extend(calendar.iter().map(Option::is_some));
        if self.rules.required.iter().any(|&period| calendar[period].is_none()) {
            return Err("required");
        }
        for at in past..on.len() {
            self.keeps_at(&on, at)?;
        }
        self.stock_lasts(calendar).then_some(()).ok_or("stock")
    }

    /// The rules that look back from one period.
    fn keeps_at(&self, on: &[bool], at: usize) -> Result<(), &'static str> {
        let back = |periods: usize| &on[(at + 1).saturating_sub(periods)..=at];
        let count = |periods: usize| back(periods).iter().filter(|&&on| on).count();
        let begins = on[at] && (at == 0 || !on[at - 1]);
        let ended = !on[at] && at > 0 && on[at - 1];
        let run = on[..at].iter().rev().take_while(|&&on| on).count();
        let rested = at == 0 || on[..at].iter().rev().take(self.rules.rest).all(|&on| !on);
        match () {
            () if on[at] && count(self.rules.spacing) > 1 => Err("spacing"),
            () if on[at] && self.rules.windows.iter().any(|window| count(window.periods) > window.most) => {
                Err("window")
            }
            () if ended && run < self.rules.run => Err("run"),
            () if begins && !rested => Err("rest"),
            () => Ok(()),
        }
    }

    fn stock_lasts(&self, calendar: &[Option<usize>]) -> bool {
        let Some(arrivals) = &self.stock else { return true };
        (0..calendar.len()).all(|now| {
            let used: i64 = calendar[..=now].iter().flatten().map(|&at| self.columns[at].stock).sum();
            let arrived: i64 = arrivals.iter().filter(|arrival| arrival.0 <= now).map(|arrival| arrival.1).sum();
            used <= arrived
        })
    }
}
