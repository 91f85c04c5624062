//! The lever grid of a scenario: every value a lever may take, and what it does, ready for the search.

use super::domain::Domain;
use super::scenario::{Factors, LeverScenario, Reading};
use super::{LeverError, Levers};

/// A scenario made ready: its factors applied, names replaced by positions, locks by what they leave open.
///
/// Everything about a month is in tables, so that a search only looks up. Money is in minor units, not rounded.
#[derive(Clone, Debug)]
pub struct Grid {
    scenario: LeverScenario,
    /// Cells of one month, in the order of [`Grid::sensitivity_at`].
    sensitivities: Vec<f64>,
    prices: Vec<f64>,
    traffics: Vec<f64>,
    funnels: Vec<Funnel>,
    costs: Vec<f64>,
    stocks: Vec<f64>,
    spend_costs: Vec<f64>,
    weights: Vec<usize>,
    minor_units: f64,
    domain: Domain,
}

/// The market of a month: steps 2 to 5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Funnel {
    /// Units per receipt (step 2).
    pub units_per_receipt: f64,
    /// Visits (step 3).
    pub visits: f64,
    /// Conversion (step 4).
    pub conversion: f64,
}

impl Funnel {
    /// Pieces that all receipts hold: steps 5 and the first product of 6.
    pub fn pieces(&self) -> f64 {
        self.visits * self.conversion * self.units_per_receipt
    }
}

impl Grid {
    /// Checks a scenario and makes it ready, with all its locks.
    ///
    /// # Errors
    /// [`LeverError`] for the first thing that is wrong, also in what the levers do together.
    pub fn new(scenario: &LeverScenario) -> Result<Self, LeverError> {
        scenario.check()?;
        let mut scenario = scenario.clone();
        apply(&mut scenario);
        let minor_units = 10f64.powi(i32::from(scenario.currency.exponent().unwrap_or(0)));
        let money = |amount: f64| amount * minor_units;
        let mut grid = Self {
            sensitivities: vec![],
            prices: vec![],
            traffics: vec![],
            funnels: vec![],
            costs: scenario.groups.iter().map(|group| money(group.unit_cost)).collect(),
            stocks: scenario.groups.iter().map(|group| group.stock).collect(),
            spend_costs: scenario
                .spends
                .iter()
                .map(|spend| if scenario.charge_spend { money(spend.cost) } else { 0.0 })
                .collect(),
            weights: scenario.groups.iter().map(|group| group.weight as usize).collect(),
            minor_units,
            domain: Domain::under(&scenario, |_| false)?,
            scenario,
        };
        grid.price_the_cells()?;
        grid.fill_sensitivities();
        grid.fill_funnels()?;
        grid.domain = Domain::under(&grid.scenario, |_| true)?;
        Ok(grid)
    }

    /// The same season without one of its locks, or without any.
    ///
    /// # Errors
    /// None that the scenario did not have before.
    pub fn without_locks(&self, which: impl Fn(usize) -> bool) -> Result<Self, LeverError> {
        Ok(Self { domain: Domain::under(&self.scenario, |at| !which(at))?, ..self.clone() })
    }

    fn price_the_cells(&mut self) -> Result<(), LeverError> {
        let deepest = self.markdown(self.levels() - 1);
        let mut prices = Vec::new();
        for promotion in &self.scenario.promotions {
            for group in &self.scenario.groups {
                let given = group.baseline_discount + promotion.price;
                if given + deepest >= 1.0 {
                    let deepest_promotion = self.scenario.promotions.iter().map(|it| it.price).fold(0.0, f64::max);
                    let total = (group.baseline_discount + deepest_promotion + deepest) * 100.0;
                    return Err(LeverError::Giveaway { group: group.name.clone(), total });
                }
                // Step 1.
                let paid = |level| group.full_price * (1.0 - given - self.markdown(level)) * self.minor_units;
                prices.extend((0..self.levels()).map(paid));
            }
        }
        self.prices = prices;
        Ok(())
    }

    fn fill_sensitivities(&mut self) {
        let mut sensitivities = Vec::new();
        for month in 0..self.months() {
            for group in &self.scenario.groups {
                let base = group.sensitivity * group.season.get(month).copied().unwrap_or(1.0);
                let exponent = match self.scenario.reading {
                    Reading::Literal => 1.0,
                    Reading::Response => group.price_elasticity,
                };
                let at = |level| base * (1.0 - self.markdown(level)).powf(exponent);
                sensitivities.extend((0..self.levels()).map(at));
            }
        }
        self.sensitivities = sensitivities;
    }

    fn fill_funnels(&mut self) -> Result<(), LeverError> {
        for month in 0..self.months() {
            for spend in 0..self.scenario.spends.len() {
                for promotion in 0..self.scenario.promotions.len() {
                    for step in 0..self.steps() {
                        let funnel = self.computed_funnel(month, spend, promotion, step);
                        self.check_funnel(&funnel, month, spend, promotion)?;
                        self.traffics.push(funnel.pieces());
                        self.funnels.push(funnel);
                    }
                }
            }
        }
        Ok(())
    }

    /// Steps 2 to 4.
    fn computed_funnel(&self, month: usize, spend: usize, promotion: usize, step: usize) -> Funnel {
        let (spend, promotion) = (&self.scenario.spends[spend], &self.scenario.promotions[promotion]);
        let (baseline, aggregate) = (&self.scenario.baseline, &self.scenario.aggregate);
        let discount = promotion.price + self.mean_markdown(step);
        Funnel {
            units_per_receipt: baseline.units_per_receipt[month]
                * (1.0 + promotion.units_per_receipt + aggregate.units_per_receipt * discount),
            visits: baseline.visits[month] * (1.0 + spend.visits + aggregate.visits * discount),
            conversion: baseline.conversion[month] + spend.conversion + aggregate.conversion * discount,
        }
    }

    fn check_funnel(&self, funnel: &Funnel, month: usize, spend: usize, promotion: usize) -> Result<(), LeverError> {
        let wrong = |what, found, expected| LeverError::Funnel {
            month: self.scenario.months[month].clone(),
            what,
            found,
            spend: self.scenario.spends[spend].name.clone(),
            promotion: self.scenario.promotions[promotion].name.clone(),
            expected,
        };
        if !(0.0..=1.0).contains(&funnel.conversion) {
            return Err(wrong("the conversion", funnel.conversion, "a share from 0 to 1"));
        }
        if funnel.visits.is_nan() || funnel.visits < 0.0 {
            return Err(wrong("the number of visits", funnel.visits, "0 or more"));
        }
        if funnel.units_per_receipt.is_nan() || funnel.units_per_receipt < 0.0 {
            return Err(wrong("the number of units per receipt", funnel.units_per_receipt, "0 or more"));
        }
        Ok(())
    }

    /// The scenario with its factors applied.
    pub fn scenario(&self) -> &LeverScenario {
        &self.scenario
    }

    /// Number of months.
    pub fn months(&self) -> usize {
        self.scenario.months.len()
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.scenario.groups.len()
    }

    /// Number of markdowns.
    pub fn levels(&self) -> usize {
        self.scenario.markdown_levels
    }

    /// The markdown of a level, as a share.
    pub fn markdown(&self, level: usize) -> f64 {
        self.scenario.markdown(level)
    }

    /// Minor units in one major unit of the currency.
    pub fn minor_units(&self) -> f64 {
        self.minor_units
    }

    /// What one unsold piece costs at a penalty of 100 % counted in units, in minor units.
    pub fn penalty_per_piece(&self) -> f64 {
        self.scenario.penalty_per_piece * self.minor_units
    }

    pub(super) fn costs(&self) -> &[f64] {
        &self.costs
    }

    pub(super) fn stocks(&self) -> &[f64] {
        &self.stocks
    }

    pub(super) fn spend_cost(&self, spend: usize) -> f64 {
        self.spend_costs[spend]
    }

    pub(super) fn weights(&self) -> &[usize] {
        &self.weights
    }

    pub(super) fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Number of different total discounts of a month: weighted sums of levels, 0 the first.
    pub(super) fn steps(&self) -> usize {
        self.weights.iter().sum::<usize>() * (self.levels() - 1) + 1
    }

    fn mean_markdown(&self, step: usize) -> f64 {
        let weight = self.weights.iter().sum::<usize>().max(1);
        self.scenario.markdown_step * step as f64 / weight as f64
    }

    /// Weighted sum of the levels of a month.
    pub(super) fn step(&self, levels: &[u8]) -> usize {
        levels.iter().zip(&self.weights).map(|(level, weight)| usize::from(*level) * weight).sum()
    }

    fn setting(&self, month: usize, spend: usize, promotion: usize) -> usize {
        (month * self.scenario.spends.len() + spend) * self.scenario.promotions.len() + promotion
    }

    /// Pieces that all receipts of the month hold, for every total discount.
    pub(super) fn traffic(&self, month: usize, spend: usize, promotion: usize) -> &[f64] {
        &self.traffics[self.setting(month, spend, promotion) * self.steps()..][..self.steps()]
    }

    /// The market of a month under its levers.
    pub fn funnel(&self, levers: &Levers, month: usize) -> Funnel {
        let setting = self.setting(month, levers.spends[month].into(), levers.promotions[month].into());
        self.funnels[setting * self.steps() + self.step(levers.markdowns_of(month))]
    }

    /// Pieces of the group per piece in a receipt, for every markdown.
    pub(super) fn sensitivity(&self, month: usize, group: usize) -> &[f64] {
        &self.sensitivities[(month * self.groups() + group) * self.levels()..][..self.levels()]
    }

    /// What is paid for a piece of the group (step 1), for every markdown, in minor units.
    pub(super) fn price(&self, promotion: usize, group: usize) -> &[f64] {
        &self.prices[(promotion * self.groups() + group) * self.levels()..][..self.levels()]
    }
}

/// Multiplies what was written by the calibrated factors.
fn apply(scenario: &mut LeverScenario) {
    let factors = std::mem::take(&mut scenario.factors);
    for group in &mut scenario.groups {
        group.full_price *= factors.full_price;
        group.unit_cost *= factors.unit_cost;
        group.stock *= factors.stock;
        group.price_elasticity *= factors.price_elasticity;
        group.baseline_discount *= factors.baseline_discount;
    }
    for promotion in &mut scenario.promotions {
        promotion.price *= factors.promotion_price;
        promotion.units_per_receipt *= factors.promotion_units;
    }
    for visits in &mut scenario.baseline.visits {
        *visits *= factors.visits;
    }
    scenario.aggregate.units_per_receipt *= factors.aggregate;
    scenario.aggregate.visits *= factors.aggregate;
    scenario.aggregate.conversion *= factors.aggregate;
    scenario.factors = Factors::default();
}
