//! Public knapsack benchmarks in the core's words.
//!
//! Multidimensional knapsack (`mkp`): a unit per item with one column. Multiple-choice (`mmkp`): a unit per group, one
//! column per item, one of which must be chosen. Generalised assignment (`gap`): a unit per job, one column per agent,
//! one of which must be chosen. One period each. Decimals are scaled to whole numbers.
//!
//! Sources of the formats: Chu and Beasley (1998) and Glover and Kochenberger (1996) for mkp; Khan (1998), Hifi,
//! Michrafy and Sbihi (2004), Hiremath and Hill (2007) for mmkp; Chu and Beasley (1997) for gap.

use super::error::FormatError;
use super::tokens::{Tokens, decimals};
use crate::solve::{Builder, NONE, Problem, ProblemError, Solution, Unit};

/// A family of public benchmarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicFormat {
    /// Multiple-choice multidimensional knapsack.
    Mmkp,
    /// 0-1 multidimensional knapsack.
    Mkp,
    /// Generalised assignment.
    Gap,
}

/// Whether values are earned or paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// Earned: the most is best.
    Maximise,
    /// Paid: the least is best.
    Minimise,
}

/// One problem of a file.
#[derive(Clone, Debug)]
pub struct PublicProblem {
    /// Number in the file, 1 the first.
    pub number: usize,
    /// The problem, always to maximise.
    pub problem: Problem,
    /// Whether the file's values are earned or paid.
    pub sense: Sense,
    /// The problem's whole values are the file's times this.
    pub scale: i64,
}

impl PublicProblem {
    /// Turns a value of the problem into one of the file.
    pub fn value(&self, value: i64) -> f64 {
        let signed = if self.sense == Sense::Minimise { -value } else { value };
        signed as f64 / self.scale as f64
    }

    /// Item chosen per unit, 0 the first; nothing where none is.
    pub fn chosen(&self, solution: &Solution) -> Vec<Option<u32>> {
        let chosen = solution.choice.iter();
        chosen.map(|&column| (column != NONE).then(|| self.problem.option(column))).collect()
    }
}

/// Reads all problems of a file. `sense` matters for `gap` only; the others are always earned.
///
/// # Errors
/// [`FormatError`] with file and line of the first thing that does not fit.
pub fn public(file: &str, text: &str, format: PublicFormat, sense: Sense) -> Result<Vec<PublicProblem>, FormatError> {
    let mut tokens = Tokens::read(file, text);
    let raw = match format {
        PublicFormat::Mmkp => mmkp(&mut tokens)?,
        PublicFormat::Mkp => mkp(&mut tokens)?,
        PublicFormat::Gap => gap(&mut tokens)?,
    };
    let sense = if format == PublicFormat::Gap { sense } else { Sense::Maximise };
    let numbered = raw.into_iter().enumerate();
    numbered
        .map(|(at, raw)| {
            raw.build(at + 1, sense).map_err(|source| FormatError::Problem { file: file.to_owned(), source })
        })
        .collect()
}

/// Largest count that any header may state.
const MOST: usize = 10_000_000;

/// Value and uses of limits.
type RawColumn<'a> = (&'a str, Vec<(usize, &'a str)>);

/// A problem as read: capacities, and per unit its columns of value and uses.
struct Raw<'a> {
    capacities: Vec<&'a str>,
    required: bool,
    units: Vec<Vec<RawColumn<'a>>>,
}

impl Raw<'_> {
    fn build(&self, number: usize, sense: Sense) -> Result<PublicProblem, ProblemError> {
        let columns = || self.units.iter().flatten();
        let value_digits = columns().map(|(value, _)| decimals(value)).max().unwrap_or(0);
        let uses = columns().flat_map(|(_, uses)| uses.iter().map(|(_, amount)| *amount));
        let use_digits = uses.chain(self.capacities.iter().copied()).map(decimals).max().unwrap_or(0);
        let sign = if sense == Sense::Minimise { -1 } else { 1 };
        let mut builder = Builder::new(1);
        for (at, capacity) in self.capacities.iter().enumerate() {
            builder.limit(format!("limit {}", at + 1), scaled(capacity, use_digits));
        }
        for columns in &self.units {
            let mut unit = Unit::simple(1, None);
            unit.rules.required.extend(self.required.then_some(0));
            builder.unit(unit);
            for (option, (value, uses)) in columns.iter().enumerate() {
                let uses: Vec<_> = uses.iter().map(|(limit, amount)| (*limit, scaled(amount, use_digits))).collect();
                builder.column(0, option as u32, sign * scaled(value, value_digits), 0, &uses);
            }
        }
        let scale = 10_i64.pow(value_digits);
        Ok(PublicProblem { number, problem: builder.build()?, sense, scale })
    }
}

fn scaled(text: &str, digits: u32) -> i64 {
    let value: f64 = text.parse().expect("Invariant: tokens are decimal numbers");
    (value * 10f64.powi(digits as i32)).round() as i64
}

fn mkp<'a>(tokens: &mut Tokens<'a>) -> Result<Vec<Raw<'a>>, FormatError> {
    let many = tokens.on_this_line() == 1;
    let problems = if many { tokens.count("number of problems", 1, MOST)? } else { 1 };
    let mut raw = Vec::new();
    for _ in 0..problems {
        let items = tokens.count("number of items", 1, MOST)?;
        let limits = tokens.count("number of limits", 1, MOST)?;
        if many {
            tokens.decimal("best known value")?;
        }
        let profits = (0..items).map(|_| tokens.decimal("profit")).collect::<Result<Vec<_>, _>>()?;
        let weights = (0..items * limits).map(|_| tokens.decimal("weight")).collect::<Result<Vec<_>, _>>()?;
        let capacities = (0..limits).map(|_| tokens.decimal("capacity")).collect::<Result<Vec<_>, _>>()?;
        let uses = |item: usize| (0..limits).map(|limit| (limit, weights[limit * items + item])).collect();
        let units = profits.iter().enumerate().map(|(item, profit)| vec![(*profit, uses(item))]).collect();
        raw.push(Raw { capacities, required: false, units });
    }
    tokens.end()?;
    Ok(raw)
}

fn mmkp<'a>(tokens: &mut Tokens<'a>) -> Result<Vec<Raw<'a>>, FormatError> {
    let mut raw = Vec::new();
    while !tokens.done() {
        // Groups and limits; groups, items and limits; or problem number, groups, items and limits.
        let head = tokens.on_this_line();
        if head == 4 {
            tokens.count("problem number", 0, MOST)?;
        }
        let groups = tokens.count("number of groups", 1, MOST)?;
        let items = if head >= 3 { Some(tokens.count("number of items per group", 1, MOST)?) } else { None };
        let limits = tokens.count("number of limits", 1, MOST)?;
        let capacities = (0..limits).map(|_| tokens.decimal("capacity")).collect::<Result<Vec<_>, _>>()?;
        let mut units = Vec::with_capacity(groups.min(1 << 16));
        for _ in 0..groups {
            let own = tokens.count("group", 0, MOST)?;
            let items = items.unwrap_or(own);
            let mut columns = Vec::with_capacity(items.min(1 << 16));
            for _ in 0..items {
                let value = tokens.decimal("value")?;
                let weights = (0..limits).map(|_| tokens.decimal("weight")).collect::<Result<Vec<_>, _>>()?;
                columns.push((value, weights.into_iter().enumerate().collect()));
            }
            units.push(columns);
        }
        raw.push(Raw { capacities, required: true, units });
    }
    if raw.is_empty() {
        tokens.decimal("number of groups")?;
    }
    Ok(raw)
}

fn gap<'a>(tokens: &mut Tokens<'a>) -> Result<Vec<Raw<'a>>, FormatError> {
    let problems = tokens.count("number of problems", 1, MOST)?;
    let mut raw = Vec::new();
    for _ in 0..problems {
        let agents = tokens.count("number of agents", 1, MOST)?;
        let jobs = tokens.count("number of jobs", 1, MOST)?;
        let values = (0..agents * jobs).map(|_| tokens.decimal("value")).collect::<Result<Vec<_>, _>>()?;
        let uses = (0..agents * jobs).map(|_| tokens.decimal("resource")).collect::<Result<Vec<_>, _>>()?;
        let capacities = (0..agents).map(|_| tokens.decimal("capacity")).collect::<Result<Vec<_>, _>>()?;
        let column = |job: usize, agent: usize| (values[agent * jobs + job], vec![(agent, uses[agent * jobs + job])]);
        let units = (0..jobs).map(|job| (0..agents).map(|agent| column(job, agent)).collect()).collect();
        raw.push(Raw { capacities, required: true, units });
    }
    tokens.end()?;
    Ok(raw)
}
