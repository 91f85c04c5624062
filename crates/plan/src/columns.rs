//! From offers that could be made to the core's columns and limits.

use crate::choices::Choices;
use crate::solve::{Builder, Conflict, Problem, ProblemError, Unit};
use crate::terms::PlanInput;

/// The core's problem with the way back to offers.
pub(crate) struct Columns {
    pub problem: Problem,
    pub limits: Numbers,
}

/// Where each limit is in the problem.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    pub budget: usize,
    periods: usize,
    slots: usize,
    capacity: Vec<Option<usize>>,
}

impl Numbers {
    /// Limits that an offer uses, with its use.
    pub fn uses(&self, region: usize, period: usize, budget: i64, extra: i64) -> Vec<(usize, i64)> {
        let mut uses = vec![(self.budget, budget), (self.slots + region * self.periods + period, 1)];
        uses.extend(self.capacity[region].map(|first| (first + period, extra)));
        uses
    }
}

/// Builds the core's problem: a unit per item and region, a column per period and depth.
pub(crate) fn columns(input: &PlanInput, choices: &Choices) -> Result<Columns, ProblemError> {
    let periods = input.span.len();
    let mut builder = Builder::new(periods);
    let limits = limits(input, choices, &mut builder);
    for line in &choices.lines {
        let region = choices.regions.binary_search(&line.region).expect("Invariant: every line's region is listed");
        let spacing = input.scenario.limits.spacing.max(1);
        builder.unit(Unit { spacing, stock: None, required: line.required.clone() });
        for (option, choice) in line.choices.iter().enumerate().filter(|(_, choice)| choice.forbidden.is_none()) {
            let value = choice.worth.value(input.scenario.objective);
            let uses = limits.uses(region, choice.period, choice.worth.budget, choice.worth.extra);
            builder.column(choice.period, option as u32, value, 0, &uses);
        }
    }
    Ok(Columns { problem: builder.build()?, limits })
}

fn limits(input: &PlanInput, choices: &Choices, builder: &mut Builder) -> Numbers {
    let periods = input.span.len();
    let names: Vec<String> = input.span.iter().map(|period| input.calendar.format(period)).collect();
    let budget = builder.limit("budget", choices.budget);
    let slots = budget + 1;
    for region in &choices.regions {
        for name in &names {
            builder.limit(format!("slots {name} {region}"), input.scenario.limits.slots as i64);
        }
    }
    let mut capacity = Vec::new();
    for (region, pieces) in choices.regions.iter().zip(&choices.capacity) {
        capacity.push(pieces.map(|pieces| {
            let first = builder.limit(format!("capacity {} {region}", names[0]), pieces);
            names[1..].iter().for_each(|name| {
                builder.limit(format!("capacity {name} {region}"), pieces);
            });
            first
        }));
    }
    Numbers { budget, periods, slots, capacity }
}

/// Says which rules clash, in sentences.
pub(crate) fn explain(conflict: &Conflict, input: &PlanInput, choices: &Choices, problem: &Problem) -> Vec<String> {
    let period = |at: usize| input.calendar.format(input.span.start.plus(at as i32));
    let line = |unit: usize| &choices.lines[unit];
    let name = |unit: usize| format!("{} in {}", line(unit).sku, line(unit).region);
    match conflict {
        Conflict::NoColumn { unit, period: at } => {
            let mut reasons = vec![format!("a lock makes {} run in {}", name(*unit), period(*at))];
            let rules = line(*unit).at(*at).iter().filter_map(|choice| {
                let rule =
                    choice.forbidden.clone().or_else(|| over(input, choice.worth.budget, choice.worth.extra, choices));
                rule.map(|rule| format!("{} is forbidden: {rule}", choice.depth))
            });
            reasons.extend(rules);
            reasons
        }
        Conflict::Spacing { unit, first, second } => vec![
            format!("a lock makes {} run in {}", name(*unit), period(*first)),
            format!("a lock makes {} run in {}", name(*unit), period(*second)),
            format!("spacing: at most one promotion of an item in {} periods", input.scenario.limits.spacing),
        ],
        Conflict::Stock { unit, needed, available } => {
            vec![format!("locks on {} need {needed} pieces, {available} can be there", name(*unit))]
        }
        Conflict::Limit { limit, needed, available, from } => {
            let limit = &problem.limits()[*limit].name;
            let mut reasons = vec![format!("{limit}: the locks need {needed}, there are {available}")];
            reasons.extend(from.iter().map(|&(unit, at)| format!("a lock makes {} run in {}", name(unit), period(at))));
            reasons
        }
    }
}

fn over(input: &PlanInput, budget: i64, extra: i64, choices: &Choices) -> Option<String> {
    if input.scenario.limits.slots == 0 {
        return Some("there are no slots".to_owned());
    }
    if budget > choices.budget {
        return Some(format!("it needs {budget} minor units of a budget of {}", choices.budget));
    }
    let most = choices.capacity.iter().flatten().max()?;
    (extra > *most).then(|| format!("it needs {extra} extra pieces, supply carries {most} per period"))
}
