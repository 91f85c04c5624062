//! What the locks leave open: a set of values for every lever.

use super::LeverError;
use super::scenario::{LeverLock, LeverScenario};
use std::ops::Range;

/// The values that each lever may still take, one bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Domain {
    /// Markdowns by month and group.
    pub markdowns: Vec<u32>,
    /// Spends by month.
    pub spends: Vec<u32>,
    /// Promotions by month.
    pub promotions: Vec<u32>,
}

/// The positions of the bits that are set, the lowest first.
pub(super) fn bits(set: u32) -> impl Iterator<Item = usize> {
    (0..32).filter(move |bit| set >> bit & 1 == 1)
}

impl Domain {
    /// Everything that the locks chosen by their positions leave open.
    ///
    /// # Errors
    /// [`LeverError`] for a lock that names nothing or contradicts an earlier one.
    pub fn under(scenario: &LeverScenario, counts: impl Fn(usize) -> bool) -> Result<Self, LeverError> {
        let (months, groups) = (scenario.months.len(), scenario.groups.len());
        let first = |count: usize| ((1_u64 << count) - 1) as u32;
        let mut domain = Self {
            markdowns: vec![first(scenario.markdown_levels); months * groups],
            spends: vec![first(scenario.spends.len()); months],
            promotions: vec![first(scenario.promotions.len()); months],
        };
        for (_, lock) in scenario.locks.iter().enumerate().filter(|(at, _)| counts(*at)) {
            domain.fix(scenario, lock)?;
        }
        Ok(domain)
    }

    /// Whether every lever has one value left.
    pub fn is_single(&self) -> bool {
        let single = |sets: &[u32]| sets.iter().all(|set| set.count_ones() == 1);
        single(&self.markdowns) && single(&self.spends) && single(&self.promotions)
    }

    fn fix(&mut self, scenario: &LeverScenario, lock: &LeverLock) -> Result<(), LeverError> {
        let months = |month: &Option<String>| named("month", month.as_deref(), &scenario.months, |month| month);
        let held = match lock {
            LeverLock::Markdown { group, month, value } => {
                let level = level(scenario, *value)?;
                let groups = named("group", group.as_deref(), &scenario.groups, |group| &group.name)?;
                let width = scenario.groups.len();
                months(month)?.all(|month| narrow(&mut self.markdowns[month * width..][..width][groups.clone()], level))
            }
            LeverLock::Spend { month, value } => {
                let spend = named("spend", Some(value), &scenario.spends, |spend| &spend.name)?;
                narrow(&mut self.spends[months(month)?], spend.start)
            }
            LeverLock::Promotion { month, value } => {
                let promotion = named("promotion", Some(value), &scenario.promotions, |promotion| &promotion.name)?;
                narrow(&mut self.promotions[months(month)?], promotion.start)
            }
        };
        if held { Ok(()) } else { Err(LeverError::Contradiction { lock: lock.describe() }) }
    }
}

/// Leaves one value; says whether every set still had it.
fn narrow(sets: &mut [u32], value: usize) -> bool {
    sets.iter_mut().all(|set| {
        *set &= 1 << value;
        *set != 0
    })
}

/// Positions that a name stands for: its own, or all where there is none.
fn named<T>(
    kind: &'static str,
    name: Option<&str>,
    known: &[T],
    name_of: impl Fn(&T) -> &String,
) -> Result<Range<usize>, LeverError> {
    let Some(name) = name else { return Ok(0..known.len()) };
    let at = known.iter().position(|entry| name_of(entry) == name).ok_or_else(|| {
        let known: Vec<&str> = known.iter().map(|entry| name_of(entry).as_str()).collect();
        LeverError::Unknown { kind, name: name.to_owned(), known: known.join(", ") }
    })?;
    Ok(at..at + 1)
}

fn level(scenario: &LeverScenario, markdown: f64) -> Result<usize, LeverError> {
    let step = scenario.markdown_step;
    let level = (markdown / step).round();
    let on_grid = (level * step - markdown).abs() < 1e-9 && (0.0..scenario.markdown_levels as f64).contains(&level);
    let most = scenario.markdown(scenario.markdown_levels - 1);
    if on_grid { Ok(level as usize) } else { Err(LeverError::OffGrid { found: markdown, step, most }) }
}
