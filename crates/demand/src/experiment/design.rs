//! The cheapest test that would tell: which items, terms, places and periods, with its power, cost and worth.
//!
//! Candidates are all allowed treatments, lengths and numbers of pairs that would see the effect with the power asked
//! for; the one whose answer is worth most after its cost comes first. The effect to see is the smaller of the lift that
//! is expected and the lift from which the treatment pays.
//!
//! Never looks at the test: the design is settled, with its seed and its looks, before it begins.

use super::arm::Arm;
use super::grid::{Grid, State};
use super::inference::pairs_min;
use super::looks;
use super::matching::{Match, match_places, usable_places};
use super::pairs::BEFORE_MIN;
use super::power::{Placebos, Power, Shape, assign, placebos};
use super::refusal::TestRefusal;
use super::worth::{Belief, Choice, Terms, Worth, best, value_of_learning, worth};
use crate::advice::{PriceAdvice, price_advice};
use endcap_model::{
    Calendar, Depth, EffectKind, EffectStatus, LiftModel, Panel, Period, Place, Response, Sku, Span, Support,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Factor between the numbers of pairs that are tried.
const PAIRS_STEP: f64 = 1.5;
/// Stream of the random numbers that assign places, apart from those of the placebos.
const ASSIGNMENT_STREAM: u64 = u64::MAX;
/// Windows that a short history should leave for trying the test, at the cost of periods before each.
const WINDOWS_WANTED: usize = 8;
/// Width of the classes in which the usual depth is found.
const DEPTH_CLASS: f64 = 0.05;

/// What may be tested and what the answer is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestTerms {
    /// Depths that may be tried, and that the decision is between.
    pub depths: Vec<Depth>,
    /// Lengths of the test that may be tried, in periods.
    pub lengths: Vec<usize>,
    /// Most pairs of places.
    pub pairs_max: Option<usize>,
    /// Periods before the test that places are compared by.
    pub before: usize,
    /// Times at which the test will be read, the end included.
    pub looks: usize,
    /// Two-sided level of the test over all looks.
    pub level: f64,
    /// Share of tests that must see the effect.
    pub power: f64,
    /// Log lift that is to be seen, in place of the usual rule.
    pub detect: Option<f64>,
    /// Margin as a share of the list price.
    pub margin_rate: f64,
    /// Cost of advert or display per piece that usually sells.
    pub support_cost: f64,
    /// Periods in which the decision will be used, in all places.
    pub decision_periods: usize,
    /// First period of the test; the first after the history when not given.
    pub start: Option<Period>,
    /// Seed that draws the treated places and the placebos.
    pub seed: u64,
}

/// What a test is to answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Items that are treated together and read as one.
    pub skus: Vec<Sku>,
    /// Effect that is to be known.
    pub effect: EffectKind,
}

/// A moment at which a test may be read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// First period that the look does not know.
    pub end: Period,
    /// Two-sided level of the look.
    pub level: f64,
}

/// Two places that are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlacePair {
    /// Place that runs the treatment.
    pub treated: Place,
    /// Place that keeps to the usual terms.
    pub control: Place,
    /// How different they were before the test.
    pub distance: f64,
}

/// A test that is ready to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestDesign {
    /// What it answers.
    pub question: Question,
    /// Calendar of the periods.
    pub calendar: Calendar,
    /// The usual terms, which control places keep.
    pub control: Arm,
    /// Terms of the treated places.
    pub treatment: Arm,
    /// Periods before the test that sales are compared with.
    pub before: Span,
    /// Periods of the test.
    pub test: Span,
    /// When it may be read.
    pub looks: Vec<Look>,
    /// Treated places with their controls, nearest first.
    pub pairs: Vec<PlacePair>,
    /// What is known about the effect before the test.
    pub belief: Belief,
    /// What it would see.
    pub power: Power,
    /// What it costs and what its answer is worth.
    pub worth: Worth,
    /// Seed that drew the treated places.
    pub seed: u64,
}

/// The tests worth running, and what cannot be tested.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestProposal {
    /// Best test of each open question, the most worth after cost first.
    pub tests: Vec<TestDesign>,
    /// Open questions that no test can answer.
    pub refused: Vec<(Question, TestRefusal)>,
    /// Effects that are known well enough: the same choice is best at both ends of their interval.
    pub settled: usize,
    /// Open questions that were not looked into, being worth less than those that were.
    pub passed_over: usize,
}

/// Designs the best test for every effect that is too uncertain for a decision, up to `most` of them by the value of
/// certainty; items whose history holds no period at list price come first.
pub fn propose_tests(
    lift: &LiftModel,
    panel: &Panel,
    effects: &[EffectKind],
    terms: &TestTerms,
    most: usize,
) -> TestProposal {
    // Items never seen at list price come first: whatever is believed of it is extrapolated.
    let extrapolated = |response: &Response, effect: EffectKind| {
        effect == EffectKind::OwnPrice && price_advice(response) == Some(PriceAdvice::NeverUndiscounted)
    };
    let mut open: Vec<(bool, f64, Question)> = Vec::new();
    let mut settled = 0;
    for response in &lift.responses {
        for &effect in effects {
            let question = Question { skus: vec![response.sku.clone()], effect };
            match Asked::of(lift, panel, &question, terms) {
                Ok(asked) if extrapolated(response, effect) => {
                    open.push((true, asked.value_of_certainty(), question));
                }
                Ok(asked) if asked.is_open(response) => open.push((false, asked.value_of_certainty(), question)),
                Ok(_) => settled += 1,
                Err(_) => open.push((false, 0.0, question)),
            }
        }
    }
    open.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)).then_with(|| a.2.skus.cmp(&b.2.skus)));
    let passed_over = open.len().saturating_sub(most);
    open.truncate(most);
    let answers: Vec<_> = open.par_iter().map(|(.., question)| design_tests(lift, panel, question, terms)).collect();
    let (mut tests, mut refused) = (Vec::new(), Vec::new());
    for ((.., question), answer) in open.into_iter().zip(answers) {
        match answer {
            Ok(designs) => tests.extend(designs.into_iter().next()),
            Err(refusal) => refused.push((question, refusal)),
        }
    }
    tests.sort_by(|a: &TestDesign, b| b.worth.net.total_cmp(&a.worth.net));
    TestProposal { tests, refused, settled, passed_over }
}

/// Designs the tests that would answer a question, the most worth after cost first.
///
/// # Errors
/// [`TestRefusal`] when none would, with what is lacking.
pub fn design_tests(
    lift: &LiftModel,
    panel: &Panel,
    question: &Question,
    terms: &TestTerms,
) -> Result<Vec<TestDesign>, TestRefusal> {
    check(terms)?;
    let asked = Asked::of(lift, panel, question, terms)?;
    let looks = looks::levels(terms.looks, terms.level);
    let level = looks.last().copied().unwrap_or(terms.level);
    let matches = asked.matches(level)?;
    let mut designs = Vec::new();
    let mut nearest: Option<TestRefusal> = None;
    for &length in &terms.lengths {
        for pairs in numbers_of_pairs(pairs_min(level), matches.len(), terms.pairs_max) {
            let shape = asked.shape(length, level);
            let tried = placebos(&asked.grid, shape, pairs, terms.seed);
            for &treatment in &asked.treatments {
                match asked.design(&matches[..pairs], length, treatment, &tried, &looks) {
                    Ok(design) => designs.push(design),
                    Err(refusal) => nearest = Some(nearer(nearest, refusal)),
                }
            }
        }
    }
    if designs.is_empty() {
        return Err(nearest.unwrap_or_else(|| nothing("no length of the test and no depth was allowed")));
    }
    designs.sort_by(|a, b| b.worth.net.total_cmp(&a.worth.net));
    Ok(designs)
}

fn check(terms: &TestTerms) -> Result<(), TestRefusal> {
    let share = |value: f64| value > 0.0 && value < 1.0;
    if !share(terms.level) || !share(terms.power) || !share(terms.margin_rate) {
        return Err(nothing("level, power and margin rate are shares between 0 and 1"));
    }
    if terms.looks == 0 || terms.lengths.iter().any(|&length| length < terms.looks) {
        return Err(nothing("a test needs at least one look, and at least a period for each"));
    }
    Ok(())
}

fn nothing(what: &str) -> TestRefusal {
    TestRefusal::NothingToCompare { what: what.to_owned() }
}

/// The refusal of the test that came nearer to the power asked for.
fn nearer(known: Option<TestRefusal>, new: TestRefusal) -> TestRefusal {
    let reached = |refusal: &TestRefusal| match refusal {
        TestRefusal::PowerNeverReached { power, .. } => *power,
        _ => -1.0,
    };
    match known {
        Some(known) if reached(&known) >= reached(&new) => known,
        _ => new,
    }
}

/// Numbers of pairs that are tried: from the fewest that can show anything to all that there are.
fn numbers_of_pairs(least: usize, all: usize, most: Option<usize>) -> Vec<usize> {
    let all = most.map_or(all, |most| most.min(all));
    let mut numbers: Vec<usize> =
        std::iter::successors(Some(least), |&n| Some((n as f64 * PAIRS_STEP).ceil() as usize))
            .take_while(|&n| n < all)
            .collect();
    if all >= least {
        numbers.push(all);
    }
    numbers
}

/// A question with everything that its tests share.
struct Asked<'a> {
    question: &'a Question,
    panel: &'a Panel,
    terms: &'a TestTerms,
    grid: Grid,
    control: Arm,
    treatments: Vec<Arm>,
    prices: Terms,
    choices: Vec<Choice>,
    belief: Belief,
    /// Periods before the test, and before each placebo.
    before: usize,
}

impl<'a> Asked<'a> {
    fn of(
        lift: &LiftModel,
        panel: &'a Panel,
        question: &'a Question,
        terms: &'a TestTerms,
    ) -> Result<Self, TestRefusal> {
        let skus = indices(panel, &question.skus)?;
        let grid = Grid::of(panel, &skus).ok_or_else(|| nothing("the items have no sales"))?;
        let length = terms.lengths.iter().copied().max().unwrap_or(1);
        let room = grid.span.len().saturating_sub(length);
        if room < BEFORE_MIN {
            return Err(TestRefusal::NoPrePeriod { periods: grid.span.len(), needed: BEFORE_MIN + length });
        }
        let before = terms.before.min(room.saturating_sub(WINDOWS_WANTED)).max(BEFORE_MIN);
        let control = usual_arm(&grid, before);
        let treatments = treatments(control, question.effect, terms)?;
        let prices = Terms {
            effect: question.effect,
            control,
            list_price: grid.list_price,
            margin_rate: terms.margin_rate,
            fixed: terms.support_cost,
        };
        let choices =
            std::iter::once(control).chain(treatments.iter().copied()).map(|arm| prices.choice(arm)).collect();
        let belief = belief(lift, panel, &skus, question)?;
        Ok(Self { question, panel, terms, grid, control, treatments, prices, choices, belief, before })
    }

    /// Returns whether the effect is too uncertain for the decision.
    fn is_open(&self, response: &Response) -> bool {
        let estimate = response.effect(self.question.effect);
        let unknown = matches!(estimate.status, EffectStatus::NotIdentified(_));
        unknown || best(&self.choices, estimate.lo95) != best(&self.choices, estimate.hi95)
    }

    fn value_of_certainty(&self) -> f64 {
        self.usual_sales().iter().sum::<f64>() * value_of_learning(&self.choices, self.belief, 0.0)
    }

    /// Span before the test.
    fn history(&self) -> Span {
        let end = self.grid.span.end;
        Span { start: end.plus(-(self.before as i32)), end }
    }

    fn matches(&self, level: f64) -> Result<Vec<Match>, TestRefusal> {
        let needed = 2 * pairs_min(level);
        let places = usable_places(&self.grid, self.history()).len();
        let allowed = self.terms.pairs_max.map_or(places, |pairs| places.min(2 * pairs));
        if allowed < needed {
            return Err(TestRefusal::TooFewPlaces { places: allowed, needed });
        }
        Ok(match_places(&self.grid, self.history()))
    }

    fn shape(&self, length: usize, level: f64) -> Shape {
        Shape { control: self.control, before: self.before, length, level }
    }

    /// Log lift that a test of a treatment is to see.
    fn to_see(&self, treatment: Arm) -> f64 {
        let (usual, treated) = (self.prices.choice(self.control), self.prices.choice(treatment));
        let expected = treated.x * self.belief.mean;
        let pays = ((usual.margin + treated.fixed) / treated.margin).ln();
        let pays = Some(pays.abs()).filter(|lift| lift.is_finite() && treated.margin > 0.0 && *lift > 0.0);
        let size = self.terms.detect.map_or(pays.map_or(expected.abs(), |pays| pays.min(expected.abs())), f64::abs);
        size.copysign(expected)
    }

    fn design(
        &self,
        matches: &[Match],
        length: usize,
        treatment: Arm,
        tried: &Placebos,
        levels: &[f64],
    ) -> Result<TestDesign, TestRefusal> {
        let effect = self.to_see(treatment);
        let untried = || nothing("in no window of the history did enough pairs of places sell on the same terms");
        let power = tried.power(effect, self.terms.power).ok_or_else(untried)?;
        if power.power < self.terms.power {
            return Err(TestRefusal::PowerNeverReached {
                effect,
                power: power.power,
                wanted: self.terms.power,
                detectable: power.detectable,
                pairs: matches.len(),
                length,
            });
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.terms.seed);
        rng.set_stream(ASSIGNMENT_STREAM);
        let drawn: Vec<[usize; 2]> = matches.iter().map(|found| assign(found.places, &mut rng)).collect();
        let start = self.terms.start.unwrap_or(self.grid.span.end);
        let test = Span::of_length(start, length);
        let look =
            |(at, &level): (usize, &f64)| Look { end: start.plus(((at + 1) * length / levels.len()) as i32), level };
        Ok(TestDesign {
            question: self.question.clone(),
            calendar: self.panel.calendar(),
            control: self.control,
            treatment,
            before: self.history(),
            test,
            looks: levels.iter().enumerate().map(look).collect(),
            pairs: drawn.iter().zip(matches).map(|(places, found)| self.pair(*places, found.distance)).collect(),
            belief: self.belief,
            power,
            worth: self.worth(treatment, &drawn, length, power.se),
            seed: self.terms.seed,
        })
    }

    fn pair(&self, [treated, control]: [usize; 2], distance: f64) -> PlacePair {
        let name = |place: usize| self.panel.places()[place].place.clone();
        PlacePair { treated: name(treated), control: name(control), distance }
    }

    fn worth(&self, treatment: Arm, drawn: &[[usize; 2]], length: usize, se_of_lift: f64) -> Worth {
        let usual = self.usual_sales();
        let tested = length as f64 * drawn.iter().map(|places| usual[places[0]]).sum::<f64>();
        let decided = self.terms.decision_periods as f64 * usual.iter().sum::<f64>();
        let x = self.prices.choice(treatment).x;
        worth(self.prices, treatment, &self.choices, self.belief, se_of_lift / x.abs(), (tested, decided))
    }

    /// Mean sales of a period at the usual terms, per place.
    fn usual_sales(&self) -> Vec<f64> {
        let usual = |place: usize| {
            let rates: Vec<f64> = self
                .history()
                .iter()
                .filter_map(|period| self.grid.usual(place, period, self.control).map(|cell| cell.rate))
                .collect();
            rates.iter().sum::<f64>() / rates.len().max(1) as f64
        };
        (0..self.grid.places).map(usual).collect()
    }
}

/// Finds items in a panel.
pub(crate) fn indices(panel: &Panel, skus: &[Sku]) -> Result<Vec<usize>, TestRefusal> {
    let find = |sku: &Sku| {
        let at = panel.skus().iter().position(|entry| entry.sku == *sku);
        at.ok_or_else(|| TestRefusal::UnknownItem { sku: sku.clone() })
    };
    skus.iter().map(find).collect()
}

/// The terms that most recent cells had: list price for most items, an offer for those that are never without one.
fn usual_arm(grid: &Grid, before: usize) -> Arm {
    let recent = Span { start: grid.span.end.plus(-(before as i32)), end: grid.span.end };
    let mut classes: BTreeMap<(i64, bool, bool), Vec<f64>> = BTreeMap::new();
    for place in 0..grid.places {
        for cell in recent.iter().map(|period| grid.cell(place, period)).filter(|cell| cell.state == State::OnSale) {
            let class = (cell.done.depth.max(0.0) / DEPTH_CLASS).round() as i64;
            let key = (class, cell.done.feature >= 0.5, cell.done.display >= 0.5);
            classes.entry(key).or_default().push(cell.done.depth);
        }
    }
    let most = classes.into_iter().rev().max_by_key(|(_, depths)| depths.len());
    most.map_or_else(Arm::default, |((class, feature, display), mut depths)| {
        depths.sort_by(f64::total_cmp);
        let middle = if class == 0 { 0.0 } else { (100.0 * depths[depths.len() / 2]).round() / 100.0 };
        Arm { depth: Depth::from_share(middle).unwrap_or(Depth::ZERO), support: Support { feature, display } }
    })
}

/// Terms that would show the effect beside the usual ones.
fn treatments(control: Arm, effect: EffectKind, terms: &TestTerms) -> Result<Vec<Arm>, TestRefusal> {
    let arms: Vec<Arm> = match effect {
        EffectKind::OwnPrice => {
            let mut depths: Vec<Depth> = std::iter::once(Depth::ZERO).chain(terms.depths.iter().copied()).collect();
            depths.sort_unstable();
            depths.dedup();
            let differs = |depth: &Depth| (depth.share() - control.depth.share()).abs() >= DEPTH_CLASS - 1e-9;
            depths.into_iter().filter(differs).map(|depth| Arm { depth, ..control }).collect()
        }
        EffectKind::Feature => {
            vec![Arm { support: Support { feature: !control.support.feature, ..control.support }, ..control }]
        }
        EffectKind::Display => {
            vec![Arm { support: Support { display: !control.support.display, ..control.support }, ..control }]
        }
        EffectKind::CrossPrice | EffectKind::Dip => return Err(TestRefusal::NotTestable { effect }),
    };
    if arms.is_empty() {
        return Err(nothing("no allowed depth differs from the usual one by 5 % or more: allow a deeper one"));
    }
    Ok(arms)
}

/// What the model knows about the effect: for several items the mean by units, their errors taken as one.
fn belief(lift: &LiftModel, panel: &Panel, skus: &[usize], question: &Question) -> Result<Belief, TestRefusal> {
    let (mut units, mut mean, mut se) = (0.0, 0.0, 0.0);
    for (&at, sku) in skus.iter().zip(&question.skus) {
        let response = lift.response(sku).ok_or_else(|| TestRefusal::UnknownItem { sku: sku.clone() })?;
        let estimate = response.effect(question.effect);
        let sold = panel.columns().units[panel.rows_of(at)].iter().sum::<f64>().max(1.0);
        units += sold;
        mean += sold * estimate.mean;
        se += sold * estimate.se;
    }
    if units == 0.0 {
        return Err(nothing("name at least one item"));
    }
    Ok(Belief { mean: mean / units, variance: (se / units).powi(2) })
}
