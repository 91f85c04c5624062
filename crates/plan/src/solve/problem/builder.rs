//! Puts a problem together and leaves out what no plan needs.

use super::{Arrival, Limit, NONE, Pair, Partner, Pattern, Problem, ProblemError, SetAside, Unit};
use crate::solve::graph::{Graph, Rules};
use std::collections::HashMap;

/// Values and uses lie below this, so that sums over millions of columns stay inside 64 bits.
const LARGEST: i64 = 1 << 40;
/// Cells with more columns than this are not searched for columns that others make needless.
const COMPARED: usize = 64;

/// A column of the unit that is being put together.
#[derive(Clone, Debug)]
struct Fresh {
    period: u32,
    option: u32,
    value: i64,
    stock: i64,
    from: u32,
    to: u32,
}

/// Puts a problem together: limits and pairs with a gain first, then unit by unit, each followed by its columns.
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) problem: Problem,
    pub(super) graph_numbers: HashMap<Rules, u32>,
    pub(super) pattern_numbers: HashMap<Pattern, u32>,
    /// Pattern of the column before in the same period, the likely one of the next.
    recent: Vec<u32>,
    fresh: Vec<Fresh>,
    fresh_uses: Vec<(u32, i64)>,
    pub(super) gaining: Vec<u32>,
    /// Most that all values, and all uses, can sum to.
    sums: (i128, i128),
    error: Option<ProblemError>,
}

impl Builder {
    /// Begins a problem of so many periods.
    pub fn new(periods: usize) -> Self {
        let problem = Problem {
            periods,
            limits: Vec::new(),
            graphs: Vec::new(),
            graph_of: Vec::new(),
            supplies: Vec::new(),
            supply_starts: vec![0],
            stocked: Vec::new(),
            starts: vec![0],
            values: Vec::new(),
            stocks: Vec::new(),
            options: Vec::new(),
            pattern_of: Vec::new(),
            patterns: Vec::new(),
            amounts: Vec::new(),
            width: 0,
            aside: Vec::new(),
            pairs: Vec::new(),
            partner_starts: Vec::new(),
            partners: Vec::new(),
        };
        let mut builder = Self {
            problem,
            graph_numbers: HashMap::new(),
            pattern_numbers: HashMap::new(),
            recent: vec![NONE; periods.min(1 << 16)],
            fresh: Vec::new(),
            fresh_uses: Vec::new(),
            gaining: Vec::new(),
            sums: (0, 0),
            error: None,
        };
        let fits = (1..1 << 16).contains(&periods);
        builder.expect("number of periods", || "the problem".to_owned(), periods as i64, "1 to 65535", fits);
        builder
    }

    /// Adds a limit on what may be used in all and returns its number.
    pub fn limit(&mut self, name: impl Into<String>, capacity: i64) -> usize {
        self.range(name, 0, capacity)
    }

    /// Adds a limit with a least use and returns its number.
    pub fn range(&mut self, name: impl Into<String>, least: i64, capacity: i64) -> usize {
        let name = name.into();
        self.expect("capacity", || name.clone(), capacity, "0 or more", capacity >= 0);
        let below = (0..=capacity.max(0)).contains(&least);
        self.expect("least use", || name.clone(), least, "0 to the capacity", below);
        self.problem.limits.push(Limit { name, least, capacity });
        self.problem.limits.len() - 1
    }

    /// Adds a unit, whose columns follow, and returns its number.
    pub fn unit(&mut self, mut unit: Unit) -> usize {
        self.flush();
        let number = self.problem.graph_of.len();
        let name = || format!("unit {number}");
        let rules = &mut unit.rules;
        rules.required.sort_unstable();
        rules.required.dedup();
        let inside = rules.required.last().is_none_or(|&period| period < self.problem.periods);
        let shown = rules.required.last().map_or(0, |&period| period as i64);
        self.expect("spacing", name, rules.spacing as i64, "1 or more", rules.spacing >= 1);
        self.expect("shortest run", name, rules.run as i64, "1 or more", rules.run >= 1);
        let narrow = rules.windows.iter().map(|window| window.periods.min(1 << 16) as i64).min().unwrap_or(1);
        self.expect("window", name, narrow, "1 or more periods", narrow >= 1);
        let recent = rules.before.iter().min().copied().unwrap_or(1);
        self.expect("period before the horizon", name, recent as i64, "1 for the last one, or more", recent >= 1);
        let longest = rules.before.iter().max().copied().unwrap_or(1);
        self.expect("period before the horizon", name, longest as i64, "at most 65535", longest < 1 << 16);
        self.expect("required period", name, shown, "a period of the horizon", inside);
        self.stock(number, unit.stock);
        if self.error.is_none() {
            self.rules(number, unit.rules);
        } else {
            self.problem.graph_of.push(0);
        }
        number
    }

    fn rules(&mut self, unit: usize, rules: Rules) {
        let graph = match self.graph_numbers.get(&rules) {
            Some(&known) => known,
            None => {
                let number = self.problem.graphs.len() as u32;
                match Graph::draw(&rules, self.problem.periods) {
                    Some(graph) => self.problem.graphs.push(graph),
                    None => self.error = Some(ProblemError::Rules { unit }),
                }
                self.graph_numbers.insert(rules, number);
                number
            }
        };
        self.problem.graph_of.push(graph);
    }

    fn stock(&mut self, unit: usize, stock: Option<Vec<Arrival>>) {
        let name = || format!("unit {unit}");
        self.problem.stocked.push(stock.is_some());
        let mut arrivals = stock.unwrap_or_default();
        arrivals.sort_by_key(|arrival| arrival.period);
        let mut sum = 0i64;
        for arrival in &arrivals {
            let (amount, period) = (arrival.amount, arrival.period);
            self.expect("stock", name, amount, "0 or more", amount >= 0);
            self.expect("arrival", name, period as i64, "a period of the horizon", period < self.problem.periods);
            sum = sum.saturating_add(amount).min(1 << 60);
            match self.problem.supplies[self.problem.supply_starts[unit] as usize..].last().map(|last| last.0) {
                Some(last) if last as usize == period => {
                    self.problem.supplies.last_mut().expect("Invariant: the period is listed").1 = sum;
                }
                _ => self.problem.supplies.push((period as u32, sum)),
            }
        }
        self.problem.supply_starts.push(self.problem.supplies.len() as u32);
    }

    /// Adds a column to the last unit: its period, the caller's option number, what it earns, what it uses of the
    /// unit's stock and of the limits.
    pub fn column(&mut self, period: usize, option: u32, value: i64, stock: i64, uses: &[(usize, i64)]) {
        let unit = self.problem.graph_of.len().wrapping_sub(1);
        let name = || format!("a column of unit {unit} in period {period}");
        let named = self.problem.graph_of.is_empty();
        self.expect("unit", name, unit as i64, "a unit before its columns", !named);
        self.expect("period", name, period as i64, "a period of the horizon", period < self.problem.periods);
        self.expect("option", name, option.into(), "0 to 65535", option < 1 << 16);
        self.expect("stock use", name, stock, "0 to below 2^32", (0..1 << 32).contains(&stock));
        self.expect("value", name, value, "between -2^40 and 2^40", value.unsigned_abs() < LARGEST as u64);
        let from = self.fresh_uses.len() as u32;
        for &(limit, amount) in uses {
            self.expect("use of a limit", name, amount, "0 to below 2^40", (0..LARGEST).contains(&amount));
            let limits = self.problem.limits.len();
            if limit >= limits && self.error.is_none() {
                self.error = Some(ProblemError::UnknownLimit { unit, limit, limits });
            }
            let own = &self.fresh_uses[from as usize..];
            self.expect("limit", name, limit as i64, "each limit once", own.iter().all(|&(l, _)| l as usize != limit));
            if amount > 0 {
                self.fresh_uses.push((limit as u32, amount));
            }
        }
        self.fresh_uses[from as usize..].sort_unstable_by_key(|(limit, _)| *limit);
        let to = self.fresh_uses.len() as u32;
        self.fresh.push(Fresh { period: period as u32, option, value, stock, from, to });
    }

    /// Adds what two units lose in every period in which both have a column; below 0, what they gain. A gain must be
    /// added before the columns of its units.
    pub fn pair(&mut self, first: usize, second: usize, penalty: i64) {
        let name = || format!("the pair {first}, {second}");
        let number = first.max(second).min(1 << 40) as i64;
        self.expect("unit", name, number, "two different units below 2^32", first != second && number < 1 << 32);
        let fits = penalty.unsigned_abs() < LARGEST as u64;
        self.expect("penalty", name, penalty, "between -2^40 and 2^40", fits);
        if penalty < 0 {
            let early = first.min(second) >= self.problem.graph_of.len();
            self.expect("gain", name, penalty, "pairs that gain before the units they join", early);
            self.gaining.extend([first as u32, second as u32]);
        }
        self.problem.pairs.push(Pair { first: first as u32, second: second as u32, penalty });
    }

    /// Ends the problem.
    ///
    /// # Errors
    /// [`ProblemError`] for the first thing that is wrong.
    pub fn build(mut self) -> Result<Problem, ProblemError> {
        self.flush();
        let units = self.problem.units();
        for pair in self.problem.pairs.clone() {
            let name = || format!("the pair {}, {}", pair.first, pair.second);
            let last = pair.first.max(pair.second);
            self.expect("unit", name, last.into(), "units of the problem", (last as usize) < units);
        }
        let periods = self.problem.periods as i128;
        let lost: i128 = self.problem.pairs.iter().map(|pair| i128::from(pair.penalty).abs() * periods).sum();
        let most = (self.sums.0 + lost).max(self.sums.1);
        let shown = i64::try_from(most).unwrap_or(i64::MAX);
        let fits = most < 1 << 60;
        self.expect("sum of all values or uses", || "the problem".to_owned(), shown, "below 2^60", fits);
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut problem = self.problem;
        (problem.partner_starts, problem.partners) = partners_of(units, &problem.pairs);
        Ok(problem)
    }

    /// Moves the columns of the last unit into the problem.
    pub(super) fn flush(&mut self) {
        let units = self.problem.graph_of.len();
        if self.error.is_some() || units == 0 || self.problem.starts.len() > (units - 1) * self.problem.periods + 1 {
            return;
        }
        let mut fresh = std::mem::take(&mut self.fresh);
        let uses = std::mem::take(&mut self.fresh_uses);
        fresh.sort_by_key(|column| column.period);
        let mut from = 0;
        for period in 0..self.problem.periods {
            let to = from + fresh[from..].iter().take_while(|column| column.period as usize == period).count();
            self.cell(units - 1, period, &fresh[from..to], &uses);
            from = to;
            self.problem.starts.push(self.problem.values.len() as u32);
        }
        if self.problem.values.len() >= NONE as usize {
            self.error.get_or_insert(ProblemError::TooLarge);
        }
        fresh.clear();
        self.fresh = fresh;
        self.fresh_uses = uses;
        self.fresh_uses.clear();
    }

    fn cell(&mut self, unit: usize, period: usize, fresh: &[Fresh], uses: &[(u32, i64)]) {
        let of = |column: &Fresh| &uses[column.from as usize..column.to as usize];
        if let Some(twice) = twice(fresh) {
            self.error.get_or_insert(ProblemError::Twice { unit, period, option: twice });
        }
        self.sums.0 += fresh.iter().map(|column| i128::from(column.value).abs()).max().unwrap_or(0);
        self.sums.1 += fresh.iter().flat_map(of).map(|&(_, amount)| i128::from(amount)).max().unwrap_or(0);
        let rules = &self.problem.graphs[self.problem.graph_of[unit] as usize].rules;
        let asked = rules.run > 1
            || rules.rest > 0
            || rules.required.binary_search(&period).is_ok()
            || (!self.gaining.is_empty() && self.gaining.contains(&(unit as u32)));
        let limits = &self.problem.limits;
        let helps = |column: &Fresh| of(column).iter().any(|&(limit, _)| limits[limit as usize].least > 0);
        let supply = self.problem.supply(unit).map(|supply| supply.last().map_or(0, |last| last.1));
        let fits = |column: &Fresh| {
            supply.is_none_or(|supply| column.stock <= supply)
                && of(column).iter().all(|&(limit, amount)| amount <= limits[limit as usize].capacity)
        };
        let wanted = |column: &&Fresh| column.value > 0 || asked || helps(column);
        let (kept, aside): (Vec<&Fresh>, Vec<&Fresh>) = fresh.iter().filter(wanted).partition(|column| fits(column));
        let needless = |column: &&&Fresh| {
            kept.len() <= COMPARED
                && kept
                    .iter()
                    .any(|other| beats(other, of(other), column, of(column)) && !helps(other) && !helps(column))
        };
        let kept: Vec<&Fresh> = kept.iter().filter(|column| !needless(column)).copied().collect();
        let aside = aside.into_iter().map(|column| SetAside {
            unit: unit as u32,
            period: period as u32,
            option: column.option,
            value: column.value,
            stock: column.stock,
            uses: of(column).iter().map(|&(limit, amount)| (limit as usize, amount)).collect(),
        });
        self.problem.aside.extend(aside);
        kept.iter().for_each(|column| self.keep(column, of(column)));
    }

    fn keep(&mut self, column: &Fresh, uses: &[(u32, i64)]) {
        let pattern = self.pattern(column.period as usize, uses);
        let width = self.problem.patterns[pattern as usize].varying.len();
        if width > self.problem.width {
            self.widen(width);
        }
        let problem = &mut self.problem;
        problem.values.push(column.value);
        problem.stocks.push(column.stock as u32);
        problem.options.push(column.option as u16);
        problem.pattern_of.push(pattern);
        problem.amounts.extend(uses.iter().map(|&(_, amount)| amount).filter(|&amount| amount != 1));
        problem.amounts.resize(problem.values.len() * problem.width, 0);
    }

    /// Gives every column room for more amounts.
    fn widen(&mut self, width: usize) {
        let problem = &mut self.problem;
        let mut amounts = Vec::with_capacity(problem.values.len() * width);
        for column in 0..problem.values.len() {
            amounts.extend_from_slice(&problem.amounts[column * problem.width..(column + 1) * problem.width]);
            amounts.resize((column + 1) * width, 0);
        }
        (problem.amounts, problem.width) = (amounts, width);
    }

    fn pattern(&mut self, period: usize, uses: &[(u32, i64)]) -> u32 {
        let recent = self.recent[period];
        if let Some(pattern) = self.problem.patterns.get(recent as usize) {
            let ones = uses.iter().filter(|(_, amount)| *amount == 1).map(|(limit, _)| limit);
            let varying = uses.iter().filter(|(_, amount)| *amount != 1).map(|(limit, _)| limit);
            if pattern.ones.iter().eq(ones) && pattern.varying.iter().eq(varying) {
                return recent;
            }
        }
        let limits = |one: bool| uses.iter().filter(|(_, a)| (*a == 1) == one).map(|(limit, _)| *limit).collect();
        let pattern = Pattern { ones: limits(true), varying: limits(false) };
        let patterns = &mut self.problem.patterns;
        let number = *self.pattern_numbers.entry(pattern).or_insert_with_key(|pattern| {
            patterns.push(pattern.clone());
            patterns.len() as u32 - 1
        });
        self.recent[period] = number;
        number
    }

    fn expect(
        &mut self,
        what: &'static str,
        at: impl FnOnce() -> String,
        found: i64,
        expected: &'static str,
        holds: bool,
    ) {
        if !holds && self.error.is_none() {
            self.error = Some(ProblemError::Value { what, at: at(), found, expected });
        }
    }
}

fn twice(fresh: &[Fresh]) -> Option<u32> {
    let rising = fresh.windows(2).all(|two| two[0].option < two[1].option);
    if rising {
        return None;
    }
    let mut options: Vec<u32> = fresh.iter().map(|column| column.option).collect();
    options.sort_unstable();
    options.windows(2).find(|two| two[0] == two[1]).map(|two| two[0])
}

/// Whether one column is at least as good as another in everything, the first of equals winning.
fn beats(one: &Fresh, one_uses: &[(u32, i64)], other: &Fresh, other_uses: &[(u32, i64)]) -> bool {
    one.value >= other.value
        && one.stock <= other.stock
        && one.option != other.option
        && one_uses.iter().all(|&(limit, amount)| {
            other_uses.iter().find(|&&(l, _)| l == limit).is_some_and(|&(_, most)| amount <= most)
        })
        && (one.option < other.option || one.value > other.value || one.stock < other.stock || one_uses != other_uses)
}

fn partners_of(units: usize, pairs: &[Pair]) -> (Vec<u32>, Vec<Partner>) {
    let sides = pairs.iter().enumerate().flat_map(|(number, pair)| {
        let side = |unit| Partner { unit, pair: number as u32, penalty: pair.penalty };
        [(pair.first, side(pair.second)), (pair.second, side(pair.first))]
    });
    let mut sides: Vec<(u32, Partner)> = sides.collect();
    sides.sort_by_key(|&(unit, partner)| (unit, partner.pair));
    let mut starts = vec![0u32; units + 1];
    for (unit, _) in &sides {
        starts[*unit as usize + 1] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    (starts, sides.into_iter().map(|(_, partner)| partner).collect())
}
