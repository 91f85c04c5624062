//! The lines of a plan with everything that an offer of one of them touches: substitutes, other categories, channels.

use crate::cells::{Line, lines};
use crate::outlets::Reach;
use crate::terms::{PlanError, PlanInput};
use crate::worth::{Substitute, Valuer};
use endcap_model::{Group, Place};
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// The lines of a plan, ready to be valued.
pub(crate) struct Shop<'a> {
    pub input: PlanInput<'a>,
    pub lines: Vec<Line<'a>>,
    circles: Circles<'a>,
    reach: Reach,
}

impl<'a> Shop<'a> {
    /// Puts the lines together.
    ///
    /// # Errors
    /// [`PlanError`] for input that cannot be planned.
    pub fn new(input: &PlanInput<'a>) -> Result<Self, PlanError> {
        let lines = lines(input)?;
        let circles = circles(&lines);
        let reach = Reach::new(input, &lines)?;
        Ok(Self { input: *input, lines, circles, reach })
    }

    /// Returns what values the offers of a line.
    pub fn valuer(&self, line: usize) -> Valuer<'_> {
        let (input, line) = (&self.input, &self.lines[line]);
        Valuer {
            line,
            substitutes: substitutes(input, line, &self.lines, &self.circles),
            outlets: self.reach.outlets(input, line, &self.lines),
            scenario: input.scenario,
            lift: input.lift,
            season: input.calendar.season_length(),
            fixed_cost: input.scenario.money(input.scenario.limits.fixed_cost).minor,
            without: vec![vec![OnceCell::new(); line.periods()]; line.stores.len()],
        }
    }

    /// Mean baseline of a region, per period.
    pub fn mean_baseline(&self, region: &Place) -> f64 {
        let periods = self.input.span.len();
        let of_region = self.lines.iter().filter(|line| line.region == *region);
        let sums = of_region.map(|line| (0..periods).map(|period| line.baseline(period, None)).sum::<f64>());
        sums.sum::<f64>() / periods as f64
    }
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

/// What an offer of the line touches: substitutes for which this item's price has an effect of its own by that effect
/// (what they would gain is not credited); the others, as in the estimate, by its weight in the price index of what is
/// left of the group in the same store. Stores with equal elasticities are added up.
fn substitutes(input: &PlanInput, line: &Line, lines: &[Line], circles: &Circles) -> Vec<Substitute> {
    let circle = &circles[&(&line.response.group, line.region.clone())];
    let others = circle.members.iter().map(|&at| &lines[at]).filter(|other| other.sku != line.sku);
    others.flat_map(|other| substitute(input, line, other, (lines, circle))).collect()
}

fn substitute(input: &PlanInput, line: &Line, other: &Line, (lines, circle): (&[Line], &Circle)) -> Vec<Substitute> {
    let own_effect = other.response.partner(line.sku).map(|effect| effect.mean.max(0.0));
    let listed = circle.members.iter().map(|&at| &lines[at]);
    let listed: Vec<&Line> = listed.filter(|known| other.response.partner(known.sku).is_some()).collect();
    let shared = other.response.cross_price_of_the_rest();
    let mut by_elasticity: BTreeMap<u64, Substitute> = BTreeMap::new();
    for cell in other.stores.iter().filter(|cell| line.sells_in(cell.store)) {
        let elasticity = own_effect.unwrap_or_else(|| {
            let listed = listed.iter().filter(|known| known.sells_in(cell.store));
            let listed: f64 = listed.map(|known| known.response.share_in_group).sum();
            let rest = circle.shares[cell.store] - other.response.share_in_group - listed;
            if rest > 1e-9 { shared * (line.response.share_in_group / rest).min(1.0) } else { 0.0 }
        });
        let sum = by_elasticity.entry(elasticity.to_bits()).or_insert_with(|| Substitute {
            baseline: vec![0.0; input.span.len()],
            margin: other.margin(),
            list_price: other.item.list_price as f64,
            elasticity,
        });
        sum.baseline.iter_mut().zip(&cell.baseline).for_each(|(sum, baseline)| *sum += baseline);
    }
    by_elasticity.into_values().collect()
}
