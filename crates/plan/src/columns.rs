//! From offers that could be made to the core's columns and limits.

use crate::choices::{Choices, Picked};
use crate::ledger::Ledger;
use crate::score::Scorer;
use crate::solve::{Builder, Conflict, Problem, ProblemError, Rules, Unit};

/// The core's problem with the way back to offers.
pub(crate) struct Columns {
    pub problem: Problem,
    pub ledger: Ledger,
    pub scorer: Scorer,
}

/// What a unit could run in a period.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub period: usize,
    pub option: u32,
    pub picks: Vec<Picked>,
    pub value: i64,
    /// Pieces of the unit's own stock.
    pub stock: i64,
    pub uses: Vec<(usize, i64)>,
}

/// Builds the core's problem: a unit per item and region (or per set that runs together), a column per period, depth
/// and funding.
pub(crate) fn columns(choices: &Choices, ledger: Ledger, scorer: Scorer) -> Result<Columns, ProblemError> {
    let mut builder = Builder::new(choices.input().span.len());
    for limit in &ledger.limits {
        builder.range(limit.name.clone(), limit.least, limit.capacity);
    }
    for unit in 0..choices.units.len() {
        builder.unit(rules(choices, unit));
        for candidate in candidates(choices, &ledger, &scorer, unit) {
            builder.column(candidate.period, candidate.option, candidate.value, candidate.stock, &candidate.uses);
        }
    }
    Ok(Columns { problem: builder.build()?, ledger, scorer })
}

fn rules(choices: &Choices, unit: usize) -> Unit {
    let alone = choices.units[unit].len() == 1;
    let stock = choices.lists[choices.units[unit][0]].stock.clone().filter(|_| alone);
    Unit { rules: choices.rules(unit), stock }
}

/// Everything that a unit could run, by period and option.
pub(crate) fn candidates<'a>(
    choices: &'a Choices,
    ledger: &'a Ledger,
    scorer: &'a Scorer,
    unit: usize,
) -> impl Iterator<Item = Candidate> + 'a {
    let first = &choices.lists[choices.units[unit][0]];
    let options = (0..choices.input().span.len()).flat_map(move |at| (0..first.at(at).len()).map(move |o| (at, o)));
    options.filter_map(move |(period, option)| candidate(choices, ledger, scorer, (unit, period, option)))
}

/// What a unit runs in a period under an option; nothing where a rule forbids it.
pub(crate) fn candidate(
    choices: &Choices,
    ledger: &Ledger,
    scorer: &Scorer,
    (unit, period, option): (usize, usize, usize),
) -> Option<Candidate> {
    let picks = choices.picks(unit, period, option)?;
    if picks.iter().any(|&picked| choices.choice(picked).forbidden.is_some()) {
        return None;
    }
    let alone = choices.lists[picks[0].list].stock.is_some() && picks.len() == 1;
    Some(Candidate {
        period,
        option: option as u32,
        value: picks.iter().map(|&picked| scored(choices, scorer, picked)).sum(),
        stock: if alone { choices.choice(picks[0]).worth.stock } else { 0 },
        uses: uses(choices, ledger, &picks),
        picks,
    })
}

fn scored(choices: &Choices, scorer: &Scorer, picked: Picked) -> i64 {
    let choice = choices.choice(picked);
    scorer.value(&choice.worth) + choice.kept
}

fn uses(choices: &Choices, ledger: &Ledger, picks: &[Picked]) -> Vec<(usize, i64)> {
    let of = |picked: &Picked| ledger.uses(choices, picked.list, choices.choice(*picked));
    let mut uses = of(&picks[0]);
    for (limit, amount) in picks[1..].iter().flat_map(of) {
        match uses.iter_mut().find(|(known, _)| *known == limit) {
            Some((_, sum)) => *sum += amount,
            None => uses.push((limit, amount)),
        }
    }
    uses
}

/// Says which rules clash, in sentences.
pub(crate) fn explain(conflict: &Conflict, choices: &Choices, columns: &Columns) -> Vec<String> {
    let (input, problem) = (choices.input(), &columns.problem);
    let period = |at: usize| input.calendar.format(input.span.start.plus(at as i32));
    let name = |unit: usize| name(choices, unit);
    let locked = |unit: usize, at: usize| format!("a lock makes {} run in {}", name(unit), period(at));
    match conflict {
        Conflict::NoColumn { unit, period: at } => {
            let mut reasons = vec![locked(*unit, *at)];
            reasons.extend(hindrances(choices, columns, *unit, *at));
            reasons
        }
        Conflict::Calendar { unit } => {
            let rules = problem.rules(*unit);
            let mut reasons: Vec<String> = rules.required.iter().map(|&at| locked(*unit, at)).collect();
            reasons.extend(sentences(rules));
            reasons
        }
        Conflict::Stock { unit, needed, available } => {
            vec![format!("locks on {} need {needed} pieces, {available} can be there", name(*unit))]
        }
        Conflict::Limit { limit, needed, available, from } => {
            let limit = &problem.limits()[*limit].name;
            let mut reasons = vec![format!("{limit}: the locks need {needed}, there are {available}")];
            reasons.extend(from.iter().map(|&(unit, at)| locked(unit, at)));
            reasons
        }
        Conflict::Least { limit, least, possible } => {
            let limit = &problem.limits()[*limit].name;
            vec![format!("{limit}: {least} must be used, all offers together come to {possible}")]
        }
        Conflict::Together => vec![conflict.describe(problem)],
    }
}

fn name(choices: &Choices, unit: usize) -> String {
    let lists = choices.units[unit].iter().map(|&list| &choices.lists[list]);
    let skus: Vec<String> = lists.map(|list| list.sku.to_string()).collect();
    format!("{} in {}", skus.join(" with "), choices.lists[choices.units[unit][0]].region)
}

/// Why none of a unit's choices can run in a period: the rules that forbid them, the limits that each alone is over.
fn hindrances(choices: &Choices, columns: &Columns, unit: usize, period: usize) -> Vec<String> {
    let mut reasons = Vec::new();
    for &list in &choices.units[unit] {
        for choice in choices.lists[list].at(period) {
            let over = || over(&columns.ledger, columns.ledger.uses(choices, list, choice));
            if let Some(rule) = choice.forbidden.clone().or_else(over) {
                reasons.push(format!("{} is forbidden: {rule}", choice.depth));
            }
        }
    }
    reasons
}

fn over(ledger: &Ledger, uses: Vec<(usize, i64)>) -> Option<String> {
    let over = uses.into_iter().find(|&(limit, amount)| amount > ledger.limits[limit].capacity);
    over.map(|(limit, amount)| {
        let limit = &ledger.limits[limit];
        format!("{}: it needs {amount}, there are {}", limit.name, limit.capacity)
    })
}

fn sentences(rules: &Rules) -> Vec<String> {
    let mut sentences = Vec::new();
    if rules.spacing > 1 {
        sentences.push(format!("spacing: at most one promotion of an item in {} periods", rules.spacing));
    }
    for window in &rules.windows {
        sentences.push(format!("window: at most {} promoted periods in {}", window.most, window.periods));
    }
    if rules.run > 1 {
        sentences.push(format!("run: a promotion lasts at least {} periods", rules.run));
    }
    if rules.rest > 0 {
        sentences.push(format!("rest: at least {} periods between two promotions", rules.rest));
    }
    if !rules.before.is_empty() {
        let back: Vec<String> = rules.before.iter().map(usize::to_string).collect();
        sentences.push(format!("published: promotions ran {} periods before the plan", back.join(", ")));
    }
    sentences
}
