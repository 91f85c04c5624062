//! The best plan by trying all of them. It reads the description alone and leaves nothing out that could matter.

use super::raw::{Calendar, Raw};

/// A calendar that keeps the rules of its unit.
struct Try {
    value: i64,
    used: Vec<i64>,
    on: u32,
}

/// What the best plan earns; nothing when no plan keeps all rules.
pub fn optimum(raw: &Raw) -> Option<i64> {
    let tries: Vec<Vec<Try>> = (0..raw.units.len()).map(|unit| of_unit(raw, unit)).collect();
    let mut used = vec![0; raw.limits.len()];
    best(raw, &tries, &mut Vec::new(), &mut used)
}

/// The number of plans that would be tried at most.
pub fn plans(raw: &Raw) -> usize {
    let columns = |unit: usize, at: usize| raw.units[unit].columns.iter().filter(|column| column.period == at).count();
    let of_unit = |unit: usize| (0..raw.periods).map(|at| columns(unit, at) + 1).product::<usize>();
    (0..raw.units.len()).map(of_unit).fold(1, usize::saturating_mul)
}

fn of_unit(raw: &Raw, unit: usize) -> Vec<Try> {
    let described = &raw.units[unit];
    let mut calendars: Vec<Calendar> = vec![vec![]];
    for period in 0..raw.periods {
        let columns = (0..described.columns.len()).filter(|&at| described.columns[at].period == period);
        let choices: Vec<Option<usize>> = std::iter::once(None).chain(columns.map(Some)).collect();
        let longer = |head: Calendar| choices.iter().map(move |&choice| [head.clone(), vec![choice]].concat());
        calendars = calendars.into_iter().flat_map(longer).collect();
    }
    calendars.retain(|calendar| described.keeps(calendar).is_ok());
    let tried = calendars.iter().map(|calendar| {
        let mut tried = Try { value: 0, used: vec![0; raw.limits.len()], on: 0 };
        for (period, column) in calendar.iter().enumerate().filter_map(|(at, choice)| Some((at, (*choice)?))) {
            let column = &described.columns[column];
            tried.value += column.value;
            tried.on |= 1 << period;
            column.uses.iter().for_each(|&(limit, amount)| tried.used[limit] += amount);
        }
        tried
    });
    tried.collect()
}

/// What the units from the number of `taken` on can add at best to those that are taken.
fn best<'a>(raw: &Raw, tries: &'a [Vec<Try>], taken: &mut Vec<&'a Try>, used: &mut [i64]) -> Option<i64> {
    let unit = taken.len();
    if used.iter().zip(&raw.limits).any(|(used, limit)| *used > limit.1) {
        return None;
    }
    if unit == tries.len() {
        return used.iter().zip(&raw.limits).all(|(used, limit)| *used >= limit.0).then_some(0);
    }
    let mut most = None;
    for tried in &tries[unit] {
        used.iter_mut().zip(&tried.used).for_each(|(used, amount)| *used += amount);
        taken.push(tried);
        let value = tried.value - lost(raw, taken);
        most = most.max(best(raw, tries, taken, used).map(|rest| value + rest));
        taken.pop();
        used.iter_mut().zip(&tried.used).for_each(|(used, amount)| *used -= amount);
    }
    most
}

/// What the pairs cost that the last unit has with those before.
fn lost(raw: &Raw, taken: &[&Try]) -> i64 {
    let last = taken.len() - 1;
    let pairs = raw.pairs.iter().filter(|pair| pair.0.max(pair.1) == last);
    pairs.map(|&(first, second, penalty)| penalty * i64::from((taken[first].on & taken[second].on).count_ones())).sum()
}
