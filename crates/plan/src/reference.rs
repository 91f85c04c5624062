//! Reference policies under the same limits: what a planner does by habit, and the greedy of the promotional-planning
//! page (sort by margin per budget money, insert unless it breaks one depth per item and period, slots or budget).

use crate::choices::{Choice, Choices, choices};
use crate::terms::{PlanError, PlanInput};
use endcap_model::{Depth, Mechanic, Offer, Span, Support};

/// An offer as line and choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Picked {
    pub line: usize,
    pub choice: usize,
}

/// Uniform rotation: in each period and region the next items in turn, as many as there are slots, each at the
/// shallowest depth that fits the limits. Locked offers run first.
///
/// # Errors
/// [`PlanError`] as for [`crate::propose`].
pub fn rotation(input: &PlanInput) -> Result<Vec<Offer>, PlanError> {
    let choices = choices(input)?;
    Ok(offers(input, &choices, &rotate(input, &choices)))
}

/// Greedy by value per budget money with the page's checks and the other limits. Locked offers run first.
///
/// # Errors
/// [`PlanError`] as for [`crate::propose`].
pub fn greedy(input: &PlanInput) -> Result<Vec<Offer>, PlanError> {
    let choices = choices(input)?;
    Ok(offers(input, &choices, &greedy_picks(input, &choices)))
}

/// What is left of the limits while offers are put in one by one.
struct Room<'a> {
    input: &'a PlanInput<'a>,
    choices: &'a Choices,
    budget: i64,
    slots: Vec<usize>,
    capacity: Vec<i64>,
    /// Periods with an offer, per line.
    running: Vec<Vec<usize>>,
    picks: Vec<Picked>,
}

impl<'a> Room<'a> {
    /// Begins with the locked offers, as far as they fit.
    fn new(input: &'a PlanInput, choices: &'a Choices) -> Self {
        let cells = choices.regions.len() * input.span.len();
        let periods = input.span.len();
        let capacity = choices.capacity.iter().flat_map(|most| vec![most.unwrap_or(i64::MAX); periods]).collect();
        let mut room = Self {
            input,
            choices,
            budget: choices.budget,
            slots: vec![input.scenario.limits.slots; cells],
            capacity,
            running: vec![Vec::new(); choices.lines.len()],
            picks: Vec::new(),
        };
        for (line, locked) in choices.lines.iter().enumerate() {
            for &period in &locked.required {
                let allowed = |(_, choice): &(usize, &Choice)| choice.period == period && choice.forbidden.is_none();
                if let Some((choice, _)) = locked.choices.iter().enumerate().find(allowed) {
                    room.insert(Picked { line, choice });
                }
            }
        }
        room
    }

    fn cell(&self, line: usize, period: usize) -> usize {
        let region = &self.choices.lines[line].region;
        let region = self.choices.regions.binary_search(region).expect("Invariant: every line's region is listed");
        region * self.input.span.len() + period
    }

    /// Puts an offer in unless a rule forbids it.
    fn insert(&mut self, picked: Picked) -> bool {
        let choice = &self.choices.lines[picked.line].choices[picked.choice];
        let cell = self.cell(picked.line, choice.period);
        let spacing = self.input.scenario.limits.spacing.max(1);
        let near = self.running[picked.line].iter().any(|&other| other.abs_diff(choice.period) < spacing);
        let fits =
            choice.worth.budget <= self.budget && self.slots[cell] > 0 && choice.worth.extra <= self.capacity[cell];
        if choice.forbidden.is_some() || near || !fits {
            return false;
        }
        self.budget -= choice.worth.budget;
        self.slots[cell] -= 1;
        self.capacity[cell] -= choice.worth.extra;
        self.running[picked.line].push(choice.period);
        self.picks.push(picked);
        true
    }
}

/// Picks of the uniform rotation.
pub(crate) fn rotate(input: &PlanInput, choices: &Choices) -> Vec<Picked> {
    let mut room = Room::new(input, choices);
    for region in &choices.regions {
        let lines: Vec<usize> = (0..choices.lines.len()).filter(|&at| choices.lines[at].region == *region).collect();
        let mut turn = 0;
        for period in 0..input.span.len() {
            let mut tried = 0;
            while tried < lines.len() && room.slots[room.cell(lines[0], period)] > 0 {
                let line = lines[turn % lines.len()];
                turn += 1;
                tried += 1;
                shallowest(&mut room, line, period);
            }
        }
    }
    room.picks.sort();
    room.picks
}

fn shallowest(room: &mut Room, line: usize, period: usize) {
    let first = room.choices.lines[line].choices.partition_point(|choice| choice.period < period);
    let count = room.choices.lines[line].at(period).len();
    (first..first + count).any(|choice| room.insert(Picked { line, choice }));
}

/// Picks of the greedy.
pub(crate) fn greedy_picks(input: &PlanInput, choices: &Choices) -> Vec<Picked> {
    let objective = input.scenario.objective;
    let mut order: Vec<(f64, Picked)> = Vec::new();
    for (line, options) in choices.lines.iter().enumerate() {
        for (choice, option) in options.choices.iter().enumerate() {
            let value = option.worth.value(objective);
            if value > 0 && option.forbidden.is_none() {
                let ratio = value as f64 / option.worth.budget.max(1) as f64;
                order.push((ratio, Picked { line, choice }));
            }
        }
    }
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut room = Room::new(input, choices);
    for (_, picked) in order {
        room.insert(picked);
    }
    room.picks.sort();
    room.picks
}

/// Value of picks in the objective that is maximised.
pub(crate) fn value(input: &PlanInput, choices: &Choices, picks: &[Picked]) -> i64 {
    let worth = |picked: &Picked| choices.lines[picked.line].choices[picked.choice].worth;
    picks.iter().map(|picked| worth(picked).value(input.scenario.objective)).sum()
}

/// Offers of picks, sorted.
pub(crate) fn offers(input: &PlanInput, choices: &Choices, picks: &[Picked]) -> Vec<Offer> {
    let mut offers: Vec<Offer> = picks.iter().map(|&picked| offer(input, choices, picked)).collect();
    offers.sort();
    offers
}

/// The offer of a pick.
pub(crate) fn offer(input: &PlanInput, choices: &Choices, picked: Picked) -> Offer {
    let line = &choices.lines[picked.line];
    let choice = &line.choices[picked.choice];
    offer_of(input, line, choice.period, choice.depth)
}

fn offer_of(input: &PlanInput, line: &crate::choices::LineChoices, period: usize, depth: Depth) -> Offer {
    Offer {
        sku: line.sku.clone(),
        place: line.region.clone(),
        span: Span::of_length(input.span.start.plus(period as i32), 1),
        mechanic: Mechanic::Tpr,
        depth,
        support: Support::default(),
    }
}
