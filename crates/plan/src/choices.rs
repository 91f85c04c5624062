//! Every offer that could be made, with its worth, and which of them rules and locks allow.

use crate::cells::{Line, lines};
use crate::terms::{PlanError, PlanInput};
use crate::worth::{Substitute, Valuer, Worth};
use endcap_model::{Depth, Group, Lock, Place, Sku};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// One offer that could be made.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub period: usize,
    pub depth: Depth,
    pub worth: Worth,
    /// The rule that forbids it.
    pub forbidden: Option<String>,
}

/// All choices of one item in one region, by period and depth.
#[derive(Clone, Debug)]
pub(crate) struct LineChoices {
    pub sku: Sku,
    pub region: Place,
    pub choices: Vec<Choice>,
    /// Periods in which a lock makes an offer run.
    pub required: Vec<usize>,
}

/// Everything that could be offered, and the limits on it.
#[derive(Clone, Debug)]
pub(crate) struct Choices {
    pub lines: Vec<LineChoices>,
    /// Regions in order.
    pub regions: Vec<Place>,
    /// Budget in minor units.
    pub budget: i64,
    /// Extra pieces that supply to each region can carry per period; nothing where unlimited.
    pub capacity: Vec<Option<i64>>,
}

impl LineChoices {
    /// Returns the choices of a period.
    pub fn at(&self, period: usize) -> &[Choice] {
        let from = self.choices.partition_point(|choice| choice.period < period);
        let to = self.choices.partition_point(|choice| choice.period <= period);
        &self.choices[from..to]
    }
}

/// Values every offer that could be made. Infeasible locks are found later, by the core.
pub(crate) fn choices(input: &PlanInput) -> Result<Choices, PlanError> {
    let lines = lines(input)?;
    let locks = Locks::read(input, &lines)?;
    let circles = circles(&lines);
    let priced: Vec<LineChoices> = lines
        .par_iter()
        .map(|line| line_choices(input, line, &substitutes(input, line, &lines, &circles), &locks))
        .collect();
    let regions: BTreeSet<&Place> = lines.iter().map(|line| &line.region).collect();
    let regions: Vec<Place> = regions.into_iter().cloned().collect();
    let share = input.scenario.limits.capacity_share;
    let capacity = regions
        .iter()
        .map(|region| share.is_finite().then(|| (share * mean_baseline(input, region, &lines)).floor() as i64))
        .collect();
    let budget = input.scenario.money(input.scenario.limits.budget).minor;
    Ok(Choices { lines: priced, regions, budget, capacity })
}

/// Revalues one offer with the lift moved by so many standard errors.
pub(crate) struct Revaluer<'a> {
    input: PlanInput<'a>,
    lines: Vec<Line<'a>>,
    circles: Circles<'a>,
}

impl<'a> Revaluer<'a> {
    pub fn new(input: &PlanInput<'a>) -> Result<Self, PlanError> {
        let lines = lines(input)?;
        let circles = circles(&lines);
        Ok(Self { input: *input, lines, circles })
    }

    /// Worth of an offer of a line at the lift's estimate moved by so many standard errors.
    pub fn worth(&self, line: usize, period: usize, depth: Depth, shift: f64) -> Worth {
        let line = &self.lines[line];
        let substitutes = substitutes(&self.input, line, &self.lines, &self.circles);
        valuer(&self.input, line, &substitutes).worth(period, depth, shift)
    }
}

fn valuer<'a>(input: &PlanInput<'a>, line: &'a Line<'a>, substitutes: &'a [Substitute]) -> Valuer<'a> {
    Valuer {
        line,
        substitutes,
        scenario: input.scenario,
        lift: input.lift,
        season: input.calendar.season_length(),
        fixed_cost: input.scenario.money(input.scenario.limits.fixed_cost).minor,
    }
}

fn mean_baseline(input: &PlanInput, region: &Place, lines: &[Line]) -> f64 {
    let periods = input.span.len();
    let of_region = lines.iter().filter(|line| line.region == *region);
    of_region.map(|line| (0..periods).map(|period| line.baseline(period, None)).sum::<f64>()).sum::<f64>()
        / periods as f64
}

/// Items of one group in one region.
struct Circle<'a> {
    members: Vec<usize>,
    /// Share of the group's units that the items sold in a store have together.
    shares: BTreeMap<&'a Place, f64>,
}

type Circles<'a> = BTreeMap<(&'a Group, Place), Circle<'a>>;

fn circles<'a>(lines: &[Line<'a>]) -> Circles<'a> {
    let mut circles: Circles<'a> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        let circle = circles.entry((&line.response.group, line.region.clone()));
        let circle = circle.or_insert_with(|| Circle { members: Vec::new(), shares: BTreeMap::new() });
        circle.members.push(at);
        for cell in &line.stores {
            *circle.shares.entry(cell.store).or_default() += line.response.share_in_group;
        }
    }
    circles
}

/// What an offer of the line touches. As in the estimate, the price index that an item sees is that of the group's
/// other items in the same store, weighted by their shares; stores with equal weights are added up.
fn substitutes(input: &PlanInput, line: &Line, lines: &[Line], circles: &Circles) -> Vec<Substitute> {
    let circle = &circles[&(&line.response.group, line.region.clone())];
    let others = circle.members.iter().map(|&at| &lines[at]).filter(|other| other.sku != line.sku);
    others.flat_map(|other| substitute(input, line, other, circle)).collect()
}

fn substitute(input: &PlanInput, line: &Line, other: &Line, circle: &Circle) -> Vec<Substitute> {
    let mut by_weight: BTreeMap<u64, Substitute> = BTreeMap::new();
    for cell in other.stores.iter().filter(|cell| line.sells_in(cell.store)) {
        let rest = circle.shares[cell.store] - other.response.share_in_group;
        let weight = if rest > 1e-9 { (line.response.share_in_group / rest).min(1.0) } else { 0.0 };
        let sum = by_weight.entry(weight.to_bits()).or_insert_with(|| Substitute {
            baseline: vec![0.0; input.span.len()],
            margin: other.margin(),
            elasticity: other.response.cross_price.mean * weight,
        });
        sum.baseline.iter_mut().zip(&cell.baseline).for_each(|(sum, baseline)| *sum += baseline);
    }
    by_weight.into_values().collect()
}

fn line_choices(input: &PlanInput, line: &Line, substitutes: &[Substitute], locks: &Locks) -> LineChoices {
    let valuer = valuer(input, line, substitutes);
    let mut choices = Vec::new();
    let mut required = Vec::new();
    for period in 0..input.span.len() {
        let lock = locks.of(line, period);
        let mut depths: BTreeSet<Depth> = input.scenario.depths.iter().copied().filter(|&d| d > Depth::ZERO).collect();
        if let Some(depth) = lock.filter(|&depth| depth > Depth::ZERO) {
            required.push(period);
            depths.insert(depth);
        }
        for depth in depths {
            let forbidden = match lock {
                Some(Depth::ZERO) => Some("a lock says that it must not run".to_owned()),
                Some(locked) if locked != depth => Some(format!("a lock fixes the depth at {locked}")),
                Some(_) => below_floor(input, line, depth),
                None => below_floor(input, line, depth).or_else(|| beyond_history(line, depth)),
            };
            choices.push(Choice {
                period,
                depth,
                worth: valuer.worth(period, depth, -input.scenario.caution),
                forbidden,
            });
        }
    }
    LineChoices { sku: line.sku.clone(), region: line.region.clone(), choices, required }
}

fn below_floor(input: &PlanInput, line: &Line, depth: Depth) -> Option<String> {
    let paid = line.item.list_price as f64 * depth.price_ratio();
    let rate = (paid - line.item.unit_cost as f64) / paid;
    let floor = input.scenario.limits.margin_rate_min;
    (rate < floor).then(|| {
        format!(
            "margin floor: {:.1} % of the paid price is left, at least {:.1} % must be",
            100.0 * rate,
            100.0 * floor
        )
    })
}

/// A lift is not extrapolated to depths that the item has never had; a person may still lock one.
fn beyond_history(line: &Line, depth: Depth) -> Option<String> {
    let deepest = line.response.depth_seen_max;
    (depth > deepest).then(|| format!("deeper than the {deepest} that its history has seen: lock it to try"))
}

/// Locks by line and period.
struct Locks<'a> {
    locks: Vec<(&'a Lock, Option<usize>)>,
    regions: &'a BTreeMap<Place, Place>,
}

impl<'a> Locks<'a> {
    fn read(input: &PlanInput<'a>, lines: &[Line]) -> Result<Self, PlanError> {
        let mut locks = Vec::new();
        for lock in &input.scenario.limits.locks {
            let unknown = |what, name: String| PlanError::UnknownLock { sku: lock.sku.clone(), what, name };
            if !lines.iter().any(|line| *line.sku == lock.sku) {
                return Err(unknown("item", lock.sku.to_string()));
            }
            if let Some(place) = &lock.place {
                let region = input.regions.get(place).unwrap_or(place);
                if !lines.iter().any(|line| line.region == *region && *line.sku == lock.sku) {
                    return Err(unknown("place", place.to_string()));
                }
            }
            let period = match &lock.period {
                None => None,
                Some(text) => {
                    let period = input.calendar.parse(text)?;
                    if !input.span.contains(period) {
                        return Err(unknown("period", text.clone()));
                    }
                    Some((period.0 - input.span.start.0) as usize)
                }
            };
            locks.push((lock, period));
        }
        Ok(Self { locks, regions: input.regions })
    }

    /// Depth that a lock fixes; the last of several wins. Offers are set by region, so that a lock on a store binds
    /// the whole region.
    fn of(&self, line: &Line, period: usize) -> Option<Depth> {
        let covers = |lock: &Lock, at: Option<usize>| {
            let place = lock.place.as_ref().map(|place| self.regions.get(place).unwrap_or(place));
            lock.sku == *line.sku && place.is_none_or(|place| *place == line.region) && at.is_none_or(|at| at == period)
        };
        self.locks.iter().rev().find(|(lock, at)| covers(lock, *at)).map(|(lock, _)| lock.depth)
    }
}
