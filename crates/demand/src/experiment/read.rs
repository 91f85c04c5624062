//! What a test showed: the effect with an interval and a p-value that agree, and what kept it from showing more.
//!
//! Only the pairs, spans and looks of the design are used, and nothing after the look that is due: who reads earlier or
//! more often than settled gets an answer that says to wait. Periods in which a place was out of stock, closed or did
//! not keep to its arm are left out of both places of the pair and counted; the reading with all of them as assigned is
//! beside it (intention to treat).

use super::design::{Look, PlacePair, TestDesign, indices};
use super::grid::Grid;
use super::inference::{Inference, infer, pairs_min};
use super::normal::quantile;
use super::pairs::{Compared, Comparison, Keep, Lost, compare, weigh};
use super::refusal::TestRefusal;
use super::worth::Belief;
use endcap_model::{Panel, Period, Place, Span};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::collections::BTreeMap;

/// Assignments that a reading is compared with.
const ASSIGNMENTS: usize = 10_000;
/// Stream of the random numbers that draw assignments, apart from the one that assigned the places.
const READING_STREAM: u64 = u64::MAX - 1;
/// Periods after the test in which fuller cupboards can show.
const AFTERWARDS: usize = 4;

/// What a test showed at a look.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestReading {
    /// Number of the look, 1 the first.
    pub look: usize,
    /// Looks that were settled.
    pub looks: usize,
    /// Periods that were read.
    pub span: Span,
    /// Effect on the log sales of the treated items, among pairs that kept to their arms.
    pub sales: Inference,
    /// The same as the effect that was asked for, such as an elasticity: estimate and interval.
    pub effect: [f64; 3],
    /// What is known about the effect now: the model's belief and the test together; nothing when the interval is open.
    pub combined: Option<Belief>,
    /// Effect with every place as assigned, whatever it did; given when some did not keep to their arm.
    pub as_assigned: Option<Inference>,
    /// Effect on the log sales of the other items of the groups.
    pub substitutes: Option<Inference>,
    /// Effect on the log sales of the treated items in the periods after the test.
    pub afterwards: Option<Inference>,
    /// Whether the test is over: the last look, or an earlier one that rules out no effect.
    pub stop: bool,
    /// Pairs that could not be read.
    pub left_out: Vec<LeftOut>,
    /// What readers should know, in sentences.
    pub notes: Vec<String>,
}

/// A pair that could not be read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeftOut {
    /// Its treated place.
    pub treated: Place,
    /// Its control place.
    pub control: Place,
    /// Why.
    pub reason: String,
}

/// Pairs of a design as far as they could be compared.
struct Comparable {
    pairs: Vec<Compared>,
    lost: Lost,
    left_out: Vec<LeftOut>,
}

/// Reads a test at the latest look that the panel's periods reach.
///
/// # Errors
/// [`TestRefusal::NotYet`] before the first look; [`TestRefusal::NothingToRead`] when no pair is left;
/// [`TestRefusal::UnknownItem`] for an item that the panel does not list.
pub fn read_test(design: &TestDesign, panel: &Panel) -> Result<TestReading, TestRefusal> {
    let (at, look) = look_due(design, panel)?;
    let span = Span { start: design.test.start, end: look.end };
    let reader = Reader { design, panel, level: look.level };
    let tested = indices(panel, &design.question.skus)?;
    let others = other_items(panel, &tested);
    let grid = Grid::of(panel, &tested).ok_or_else(|| nothing_left(design, None))?;
    let how = Comparison {
        control: design.control,
        treatment: design.treatment,
        before: design.before,
        test: span,
        keep: Keep::BothArms,
    };
    let found = reader.compare(&grid, how);
    let sales = reader.infer(&found.pairs).ok_or_else(|| nothing_left(design, found.left_out.first()))?;
    let departed = found.lost.contaminated + found.lost.not_run > 0;
    let as_assigned = if departed { reader.read(&grid, Comparison { keep: Keep::All, ..how }) } else { None };
    let substitutes =
        Grid::of(panel, &others).and_then(|grid| reader.read(&grid, Comparison { keep: Keep::All, ..how }));
    let after = Span::of_length(design.test.end, AFTERWARDS);
    let over = at + 1 == design.looks.len() && panel.span().is_some_and(|span| span.end >= after.end);
    let back = Comparison { treatment: design.control, test: after, ..how };
    let afterwards = if over { reader.read(&grid, back) } else { None };
    let effect = reader.effect(&sales);
    Ok(TestReading {
        look: at + 1,
        looks: design.looks.len(),
        span,
        effect,
        combined: combined(design.belief, effect, look.level),
        as_assigned,
        substitutes,
        afterwards,
        stop: at + 1 == design.looks.len() || sales.rules_out_none(),
        notes: notes(design, &sales, &found, span),
        left_out: found.left_out,
        sales,
    })
}

/// The latest look whose periods are all known.
fn look_due(design: &TestDesign, panel: &Panel) -> Result<(usize, Look), TestRefusal> {
    let end = panel.span().map_or(Period(i32::MIN), |span| span.end);
    let due = design.looks.iter().copied().enumerate().rfind(|(_, look)| look.end <= end);
    due.ok_or_else(|| {
        let first = design.looks.first().map_or(design.test.end, |look| look.end);
        let name = |period: Period| design.calendar.format(period.plus(-1));
        let known = if end == Period(i32::MIN) { "no period".to_owned() } else { name(end) };
        TestRefusal::NotYet { known, look: name(first) }
    })
}

/// Items of the same groups that are not tested.
fn other_items(panel: &Panel, tested: &[usize]) -> Vec<usize> {
    let in_group = |sku: &usize| tested.iter().any(|&one| panel.skus()[one].group == panel.skus()[*sku].group);
    (0..panel.skus().len()).filter(|sku| !tested.contains(sku)).filter(in_group).collect()
}

fn nothing_left(design: &TestDesign, first: Option<&LeftOut>) -> TestRefusal {
    let pair = design.pairs.first();
    let name = |of: fn(&PlacePair) -> &Place| pair.map_or_else(|| Place::new("none"), |pair| of(pair).clone());
    let reason = first.map_or_else(|| "there are no sales of the items".to_owned(), |left| left.reason.clone());
    TestRefusal::NothingToRead { treated: name(|pair| &pair.treated), control: name(|pair| &pair.control), reason }
}

/// What all readings of a test share.
struct Reader<'a> {
    design: &'a TestDesign,
    panel: &'a Panel,
    level: f64,
}

impl Reader<'_> {
    fn compare(&self, grid: &Grid, how: Comparison) -> Comparable {
        let places: BTreeMap<&Place, usize> =
            self.panel.places().iter().enumerate().map(|(at, entry)| (&entry.place, at)).collect();
        let mut found = Comparable { pairs: Vec::new(), lost: Lost::default(), left_out: Vec::new() };
        for pair in &self.design.pairs {
            let both = places.get(&pair.treated).zip(places.get(&pair.control));
            let (compared, lost) = both.map_or((None, Lost::default()), |(&t, &c)| compare(grid, [t, c], how));
            let reason = if both.is_some() { lost.main_reason() } else { "the history does not list both places" };
            match compared {
                Some(compared) => found.pairs.push(compared),
                None => found.left_out.push(LeftOut {
                    treated: pair.treated.clone(),
                    control: pair.control.clone(),
                    reason: reason.to_owned(),
                }),
            }
            found.lost = found.lost.plus(lost);
        }
        found
    }

    fn infer(&self, pairs: &[Compared]) -> Option<Inference> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.design.seed);
        rng.set_stream(READING_STREAM);
        let weighed = weigh(pairs, self.design.before);
        (!pairs.is_empty()).then(|| infer(&weighed, self.level, ASSIGNMENTS, &mut rng))
    }

    fn read(&self, grid: &Grid, how: Comparison) -> Option<Inference> {
        self.infer(&self.compare(grid, how).pairs)
    }

    /// Turns log lift into the effect that was asked for: estimate, lower and upper end.
    fn effect(&self, sales: &Inference) -> [f64; 3] {
        let effect = self.design.question.effect;
        let x = self.design.treatment.regressor(effect) - self.design.control.regressor(effect);
        let ends = [sales.lo / x, sales.hi / x];
        [sales.log_lift / x, ends[0].min(ends[1]), ends[0].max(ends[1])]
    }
}

/// Belief after the test: two normal sources of knowledge, weighed by their precision.
fn combined(belief: Belief, [estimate, lo, hi]: [f64; 3], level: f64) -> Option<Belief> {
    let se = (hi - lo) / (2.0 * quantile(1.0 - level / 2.0));
    if !(se.is_finite() && se > 0.0 && belief.variance > 0.0) {
        return None;
    }
    let variance = 1.0 / (1.0 / belief.variance + 1.0 / (se * se));
    let mean = variance * (belief.mean / belief.variance + estimate / (se * se));
    Some(Belief { mean, variance })
}

fn notes(design: &TestDesign, sales: &Inference, found: &Comparable, span: Span) -> Vec<String> {
    let Lost { treated_out, control_out, missing, contaminated, not_run } = found.lost;
    let mut notes = Vec::new();
    let mut count = |periods: usize, text: &str| {
        if periods > 0 {
            notes.push(format!("{periods} place-periods {text}, left out in both places of the pair."));
        }
    };
    count(missing, "had no sales reported");
    count(contaminated, "of control places did not keep to the usual terms");
    count(not_run, "of treated places did not run the treatment");
    count(treated_out, "of treated places were out of stock");
    count(control_out, "of control places were out of stock");
    if treated_out > control_out {
        notes.push(
            "Stock ran out more often where it was treated: best periods are missing, the effect is rather too low."
                .into(),
        );
    }
    let cells = span.len() * design.pairs.len();
    if contaminated + not_run > cells / 10 {
        notes.push("More than a tenth of the cells did not keep to their arm: who departs is not random, see the reading as assigned.".into());
    }
    if sales.pairs < pairs_min(sales.level) {
        let needed = pairs_min(sales.level);
        notes
            .push(format!("{} pairs cannot rule out anything at this look's level: {needed} are needed.", sales.pairs));
    }
    if span.end < design.test.end {
        notes.push("An early look: the test goes on unless no effect is ruled out.".into());
    }
    notes
}
