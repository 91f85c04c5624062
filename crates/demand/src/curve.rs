//! Whether the elasticity is the same at every depth, and what its shape is where it is not.
//!
//! Each SKU's elasticity is estimated by class of depths; the ratios to its own constant elasticity are pooled over all
//! SKUs and over each group, and four shapes compete for them by an information criterion: a constant
//! elasticity; one that moves evenly with the log price; a concave answer beyond a threshold; and every class by
//! itself. A group gets a shape of its own only where it pays for it beside that of all SKUs. Reported elasticities are
//! those at the mean factor of the depths that were used.
//!
//! Where promotions were found to follow unseen demand the question stays open: that demand bends the answer to depth,
//! too.
//!
//! Sources: van Heerde, Leeflang and Wittink (2001) for deal effect curves with thresholds and saturation; Schwarz (1978)
//! for the criterion and Chen and Chen (2008) for its price of trying many shapes.

use crate::columns::{LiftTerms, OWN};
use crate::effects::Effects;
use crate::partners::members;
use crate::prepare::{Evidence, Prepared};
use crate::response::{SkuRows, estimate};
use endcap_model::{CurveForm, Depth, DepthCurve, Sku};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Lower ends of the classes of depths.
const CLASSES: [f64; 5] = [0.05, 0.15, 0.25, 0.35, 0.5];
/// Thresholds that are tried, as depths.
const THRESHOLDS: [f64; 6] = [0.0, 0.03, 0.05, 0.08, 0.11, 0.15];
/// Bends that are tried, as shares of the bend at which the deepest class would bring no more than a shallower one.
const BENDS: [f64; 4] = [0.0, 0.3, 0.6, 0.9];
/// Fewest promoted periods of a class.
const PERIODS_MIN: usize = 3;
/// Elasticity from which a deviation can be told as a share of it.
const ELASTICITY_MIN: f64 = 0.2;
/// Bounds of a factor on the elasticity.
const FACTOR: (f64, f64) = (0.0, 4.0);

/// Elasticity in one class over the constant one: sums of weighted ratios.
#[derive(Clone, Copy, Debug, Default)]
struct Ratio {
    pull: f64,
    precision: f64,
}

/// What a set of SKUs says about the shape.
#[derive(Clone, Debug)]
struct Account {
    by_class: [Ratio; CLASSES.len()],
    /// Promoted periods over all SKUs.
    events: f64,
}

/// A shape: its factor per class and how many numbers it took beside its scale.
struct Shape {
    form: Option<CurveForm>,
    factors: [f64; CLASSES.len()],
    parameters: f64,
}

/// Mean depth of every class over all SKUs; 0 for those never used.
struct Classes {
    depth: [f64; CLASSES.len()],
}

/// Learns the shapes; SKUs without a curve have a constant elasticity.
pub(crate) fn learn(prepared: &Prepared, effects: &Effects) -> BTreeMap<Sku, DepthCurve> {
    if effects.signals.iter().any(|signal| signal.probability > 0.5 && signal.if_any.is_some()) {
        return BTreeMap::new();
    }
    let Some(classes) = Classes::of(prepared) else { return BTreeMap::new() };
    let accounts: Vec<Option<Account>> =
        (0..prepared.panel.skus().len()).into_par_iter().map(|sku| account(prepared, effects, sku)).collect();
    let all = Account::sum(accounts.iter().flatten());
    let common = all.best(&classes, None, all.events);
    let mut curves = BTreeMap::new();
    for skus in members(prepared.panel).into_values() {
        let group = Account::sum(skus.iter().filter_map(|&sku| accounts[sku].as_ref()));
        let shape = group.best(&classes, Some(&common), all.events);
        if let Some(curve) = shape.curve(&classes) {
            curves.extend(skus.iter().map(|&sku| (prepared.panel.skus()[sku].sku.clone(), curve.clone())));
        }
    }
    curves
}

impl Classes {
    /// Nothing when fewer than two classes were ever used.
    fn of(prepared: &Prepared) -> Option<Self> {
        let mut sums = [(0.0, 0usize); CLASSES.len()];
        for row in (0..prepared.panel.len()).filter(|&row| prepared.evidence[row] != Evidence::Nothing) {
            if let Some(class) = class_of(prepared.own[row]) {
                sums[class].0 += 1.0 - prepared.own[row].exp();
                sums[class].1 += 1;
            }
        }
        let used = sums.iter().filter(|(_, rows)| *rows > 0).count();
        let depth =
            std::array::from_fn(|class| if sums[class].1 > 0 { sums[class].0 / sums[class].1 as f64 } else { 0.0 });
        (used > 1).then_some(Self { depth })
    }

    /// Log price ratio of a class.
    fn log_ratio(&self, class: usize) -> f64 {
        (1.0 - self.depth[class]).ln()
    }
}

fn class_of(own: f64) -> Option<usize> {
    CLASSES.partition_point(|&low| 1.0 - own.exp() >= low - 1e-9).checked_sub(1)
}

/// Estimates one SKU's elasticity by class; nothing where it was promoted in the reference class only, or not at all.
fn account(prepared: &Prepared, effects: &Effects, sku: usize) -> Option<Account> {
    let start = effects.estimates[sku].as_ref()?;
    let c = prepared.panel.columns();
    let mut periods: [BTreeSet<i32>; CLASSES.len()] = Default::default();
    let mut rows = SkuRows::of(prepared, sku, effects.signals[sku].used);
    rows.rows.iter().for_each(|&row| {
        class_of(prepared.own[row]).map(|class| periods[class].insert(c.period[row].0));
    });
    let told: Vec<usize> = (0..CLASSES.len()).filter(|&class| periods[class].len() >= PERIODS_MIN).collect();
    let pooled: Vec<f64> = effects.pooled[sku].iter().map(|effect| effect.mean).collect();
    if told.len() < 2 || pooled[OWN].abs() < ELASTICITY_MIN {
        return None;
    }
    rows.fill_dip(prepared, sku, LiftTerms::of(&pooled), effects.carry);
    let first = rows.columns;
    rows.widen(told.len(), |row, line| {
        if let Some(at) = told.iter().position(|&class| class_of(prepared.own[row]) == Some(class)) {
            line[first + at] = prepared.own[row];
            line[OWN] = 0.0;
        }
    });
    let found = estimate(&rows, &effects.dispersion[sku], Some(start));
    let mut by_class = [Ratio::default(); CLASSES.len()];
    for (at, &class) in told.iter().enumerate() {
        let sampling = found.sampling[first + at];
        let variance = sampling.variance * sampling.widening.powi(2) / pooled[OWN].powi(2);
        by_class[class] = Ratio { pull: found.effects[first + at] / pooled[OWN] / variance, precision: 1.0 / variance };
    }
    Some(Account { by_class, events: periods.iter().map(BTreeSet::len).sum::<usize>() as f64 })
}

impl Account {
    fn sum<'a>(accounts: impl Iterator<Item = &'a Self>) -> Self {
        let mut sum = Self { by_class: [Ratio::default(); CLASSES.len()], events: 0.0 };
        for account in accounts {
            sum.events += account.events;
            for (sum, one) in sum.by_class.iter_mut().zip(&account.by_class) {
                sum.pull += one.pull;
                sum.precision += one.precision;
            }
        }
        sum
    }

    fn is_known(&self, class: usize) -> bool {
        self.by_class[class].precision > 0.0
    }

    /// The shape with the least criterion, each at the scale that fits best; a shape that is there already costs nothing,
    /// a new one by the promoted periods of all SKUs, since every group may try.
    fn best(&self, classes: &Classes, common: Option<&Shape>, events: f64) -> Shape {
        let constant = Shape { form: None, factors: [1.0; CLASSES.len()], parameters: 0.0 };
        let given = common.map(|shape| Shape { form: shape.form, factors: shape.factors, parameters: 0.0 });
        let mut shapes = vec![given.unwrap_or(constant)];
        shapes.push(self.even(classes));
        shapes.extend(thresholds(classes));
        shapes.push(self.steps());
        let tried = 2.0 * (shapes.len() as f64).ln();
        let cost = |shape: &Shape| {
            let paid = if shape.parameters > 0.0 { shape.parameters * events.max(2.0).ln() + tried } else { 0.0 };
            self.misfit(shape) + paid
        };
        let costs: Vec<f64> = shapes.iter().map(cost).collect();
        let best = (0..shapes.len()).min_by(|&a, &b| costs[a].total_cmp(&costs[b])).unwrap_or(0);
        let mut chosen = shapes.swap_remove(best);
        let usual = self.usual(&chosen);
        if chosen.form.is_some() && usual > 0.0 {
            chosen.factors.iter_mut().for_each(|factor| *factor = (*factor / usual).clamp(FACTOR.0, FACTOR.1));
        }
        chosen
    }

    /// Mean factor of a shape over what is known.
    fn usual(&self, shape: &Shape) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        for (ratio, factor) in self.by_class.iter().zip(&shape.factors) {
            sum += ratio.precision * factor;
            total += ratio.precision;
        }
        if total > 0.0 { sum / total } else { 1.0 }
    }

    /// Squared errors of a shape at its best scale.
    fn misfit(&self, shape: &Shape) -> f64 {
        let (mut top, mut bottom, mut all) = (0.0, 0.0, 0.0);
        for (ratio, factor) in self.by_class.iter().zip(&shape.factors).filter(|(ratio, _)| ratio.precision > 0.0) {
            top += ratio.pull * factor;
            bottom += ratio.precision * factor * factor;
            all += ratio.pull * ratio.pull / ratio.precision;
        }
        if bottom > 0.0 { all - top * top / bottom } else { all }
    }

    /// Elasticity that moves evenly with the log price.
    fn even(&self, classes: &Classes) -> Shape {
        let mut sums = [0.0; 5];
        for class in (0..CLASSES.len()).filter(|&class| self.is_known(class)) {
            let (Ratio { pull, precision }, x) = (self.by_class[class], classes.log_ratio(class));
            let adds = [precision, precision * x, precision * x * x, pull, pull * x];
            sums.iter_mut().zip(adds).for_each(|(sum, add)| *sum += add);
        }
        let [n, x, x2, y, xy] = sums;
        let spread = n * x2 - x * x;
        let slope = if spread > 1e-9 * n * x2 { (n * xy - x * y) / spread } else { 0.0 };
        let level = if n > 0.0 { (y - slope * x) / n } else { 1.0 };
        let factors = std::array::from_fn(|class| (level + slope * classes.log_ratio(class)).clamp(FACTOR.0, FACTOR.1));
        Shape { form: Some(CurveForm::Quadratic), factors, parameters: 1.0 }
    }

    /// Every class by itself.
    fn steps(&self) -> Shape {
        let factor = |class: usize| match self.by_class[class] {
            Ratio { pull, precision } if precision > 0.0 => (pull / precision).clamp(FACTOR.0, FACTOR.1),
            _ => 1.0,
        };
        let known = (0..CLASSES.len()).filter(|&class| self.is_known(class)).count();
        let parameters = known.saturating_sub(1) as f64;
        Shape { form: Some(CurveForm::Steps), factors: std::array::from_fn(factor), parameters }
    }
}

/// Concave answers beyond a threshold.
fn thresholds(classes: &Classes) -> Vec<Shape> {
    let deepest = classes.depth.iter().copied().fold(0.0, f64::max);
    let mut shapes = Vec::new();
    for threshold in THRESHOLDS {
        for bend in BENDS.into_iter().filter(|&bend| threshold > 0.0 || bend > 0.0) {
            let answer = |class: usize| {
                let beyond = (classes.depth[class] - threshold).max(0.0);
                let most = 1.0 / (2.0 * (deepest - threshold).max(1e-6));
                beyond * (1.0 - bend * most * beyond) / -classes.log_ratio(class).min(-1e-9)
            };
            let factors = std::array::from_fn(answer);
            shapes.push(Shape { form: Some(CurveForm::Threshold), factors, parameters: 2.0 });
        }
    }
    shapes
}

impl Shape {
    fn curve(&self, classes: &Classes) -> Option<DepthCurve> {
        let form = self.form?;
        let used = (0..CLASSES.len()).filter(|&class| classes.depth[class] > 0.0);
        let factors = used
            .filter_map(|class| Some((Depth::from_share(classes.depth[class]).ok()?, self.factors[class])))
            .collect();
        Some(DepthCurve { form, factors })
    }
}
