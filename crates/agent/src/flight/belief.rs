//! What sales since the plan began say of the level of demand and of the lift of offers, pooled by kind.
//!
//! Two quantities are followed for each kind of item (its category, else its group): the log of the level against the
//! forecast, from what was not on offer, and the factor on the log lift, from what was. Each is a part common to all kinds and
//! one of the kind's own, both normal, so that one promotion that sells badly moves its kind a little and everything less, and
//! many that do move everything at once. How far single items err, beyond chance, is learned too, and weighs what they tell; a
//! value that nobody would have expected is taken for a break, after which what was believed before counts for little. Cells whose
//! stock ran out tell only what could be sold and are left out on both sides.
//!
//! # Source
//! The update is the Kalman filter of a local level (Durbin and Koopman 2012, chapter 2), with the pooling of a two-level
//! normal model (Gelman et al. 2013, chapter 5); breaks as interventions (West and Harrison 1997, chapter 11).

use crate::pace::OUT_MAX;
use crate::sense::Facts;
use endcap_model::{Estimate, Forecast, ForecastRow, LiftModel, Period, Place, Sku};
use endcap_plan::ItemEconomics;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Log lift below which an offer tells nothing of the factor.
const LIFT_MIN: f64 = 0.05;
/// Least and largest factor on a log lift.
const FACTOR: [f64; 2] = [0.0, 2.5];
/// Largest departure of the level, in logs: a tenth and tenfold.
const LEVEL_MAX: f64 = 2.3;
/// Standard deviation, in logs, by which all cells of a period err together.
const SHARED_SD: f64 = 0.05;
/// Standard deviation, in logs, that the cells of an item are taken to err by together at first, as if so many items had told so.
const ITEM_SD: f64 = 0.12;
const ITEM_SD_WEIGHT: f64 = 20.0;
/// Standard deviations from which a surprise is a break, after which what was believed before counts for little.
const BREAK: f64 = 3.5;

/// One cell of a period that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The item.
    pub sku: Sku,
    /// Pieces expected, with its offer where it had one.
    pub expected: f64,
    /// Pieces expected without the offer.
    pub baseline: f64,
    /// Variance over mean of the expectation.
    pub dispersion: f64,
    /// Pieces sold.
    pub sold: f64,
}

/// A normal belief.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = BelievedFactor))]
pub struct Normal {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
}

/// How a pooled quantity begins and moves: standard deviations.
#[derive(Clone, Copy, Debug)]
struct Terms {
    /// What it is taken to be before anything is seen.
    start: f64,
    common: f64,
    own: f64,
    drift: f64,
    /// Share of its departure that is left a period later: forecasts that read the same sales take up the rest.
    lasts: f64,
}

const LEVEL: Terms = Terms { start: 0.0, common: 0.02, own: 0.02, drift: 0.01, lasts: 0.5 };
const LIFT: Terms = Terms { start: 1.0, common: 0.08, own: 0.08, drift: 0.02, lasts: 1.0 };

/// A quantity of every kind, in a common part and one of its own; variances.
#[derive(Clone, Debug)]
struct Pooled {
    terms: Terms,
    common: (f64, f64),
    own: BTreeMap<String, (f64, f64)>,
}

/// What is believed now.
#[derive(Clone, Debug)]
pub struct Belief {
    kinds: BTreeMap<Sku, String>,
    level: Pooled,
    lift: Pooled,
    /// How far single items err, without and with an offer.
    scatter: [Scatter; 2],
    periods: usize,
}

/// Sum of squares by which items erred, and how many did.
#[derive(Clone, Copy, Debug, Default)]
struct Scatter {
    squares: f64,
    items: f64,
}

/// What is believed of a kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = BelievedKind))]
pub struct OfKind {
    /// The kind: a category or a group.
    pub kind: String,
    /// Factor on the level of demand: 1 is as forecast.
    pub level: Normal,
    /// Factor on the log lift of offers: 1 is as estimated.
    pub lift: Normal,
}

impl Belief {
    /// Believes the forecast; an item's kind is its category, else its group.
    pub fn of(items: &BTreeMap<Sku, ItemEconomics>) -> Self {
        let kind = |item: &ItemEconomics| item.category.clone().unwrap_or_else(|| item.group.to_string());
        Self::new(items.iter().map(|(sku, item)| (sku.clone(), kind(item))).collect())
    }

    /// Believes the forecast, of items of these kinds.
    pub fn new(kinds: BTreeMap<Sku, String>) -> Self {
        Self { kinds, level: Pooled::new(LEVEL), lift: Pooled::new(LIFT), scatter: [Scatter::default(); 2], periods: 0 }
    }

    /// Takes in a period that is over; cells that ran out of stock are not to be among them.
    pub fn note(&mut self, seen: &[Seen]) {
        let mut levels: BTreeMap<&str, Sum> = BTreeMap::new();
        let mut lifts: BTreeMap<&str, Sum> = BTreeMap::new();
        for cell in seen.iter().filter(|cell| cell.expected > 0.0 && cell.baseline > 0.0) {
            let Some(kind) = self.kinds.get(&cell.sku) else { continue };
            let lift = (cell.expected / cell.baseline).ln();
            let sums = if lift.abs() > LIFT_MIN { &mut lifts } else { &mut levels };
            sums.entry(kind).or_default().add(cell, lift);
        }
        let [plain, promoted] = self.scatter.map(Scatter::variance);
        let all = levels.values().fold(Sum::default(), Sum::and).log_ratio(0.0, plain);
        let seen: BTreeMap<&str, (f64, f64)> =
            levels.iter().filter_map(|(kind, sum)| Some((*kind, sum.log_ratio(0.0, plain)?))).collect();
        levels.values().for_each(|sum| self.scatter[0].note(sum));
        self.level
            .update(seen.iter().map(|(kind, (ratio, variance))| ((*kind).to_owned(), *ratio, *variance)).collect());
        // What was not on offer in the same period says best what the level was: a level that moves is no lift.
        let seen = lifts.iter().filter_map(|(kind, sum)| {
            let believed = || self.level.of(kind);
            let (level, unsure) =
                seen.get(kind).copied().or(all).unwrap_or_else(|| (believed().mean, believed().sd.powi(2)));
            let lift = sum.lift / sum.all.expected;
            let (ratio, variance) = sum.log_ratio(level, promoted)?;
            let told = || ((*kind).to_owned(), 1.0 + ratio / lift, (variance + unsure) / lift.powi(2));
            (lift.abs() > LIFT_MIN).then(told)
        });
        self.lift.update(seen.collect());
        lifts.values().for_each(|sum| self.scatter[1].note(sum));
        self.periods += 1;
    }

    /// Periods that were taken in.
    pub fn periods(&self) -> usize {
        self.periods
    }

    /// What is believed of each kind.
    pub fn kinds(&self) -> Vec<OfKind> {
        let kinds: BTreeSet<&String> = self.kinds.values().collect();
        let of = |kind: &String| {
            let (level, lift) = (self.level.of(kind), self.lift.of(kind));
            let level = Normal { mean: level.mean.exp(), sd: level.sd * level.mean.exp() };
            OfKind { kind: kind.clone(), level, lift }
        };
        kinds.into_iter().map(of).collect()
    }

    /// Factors on the level and on the log lift of an item.
    fn factors(&self, sku: &Sku) -> (f64, f64) {
        let Some(kind) = self.kinds.get(sku) else { return (1.0, 1.0) };
        let level = self.level.of(kind).mean.clamp(-LEVEL_MAX, LEVEL_MAX).exp();
        (level, self.lift.of(kind).mean.clamp(FACTOR[0], FACTOR[1]))
    }

    /// Changes a forecast from its first period on: the level fades as the forecast takes up the same sales.
    pub fn apply(&self, forecast: &mut Forecast) {
        let Some(first) = forecast.rows.iter().map(|row| row.period).min() else { return };
        let ahead = |period: Period| self.level.terms.lasts.powi(period.0 - first.0);
        for row in &mut forecast.rows {
            if row.baseline <= 0.0 || row.mean <= 0.0 {
                continue;
            }
            let (level, lift) = self.factors(&row.sku);
            let baseline = row.baseline * level.powf(ahead(row.period));
            let mean = baseline * ((row.mean / row.baseline).ln() * lift).exp();
            let change = mean / row.mean;
            row.quantiles.iter_mut().for_each(|quantile| *quantile *= change);
            (row.baseline, row.mean) = (baseline, mean);
        }
    }

    /// Changes the lifts of a model.
    pub fn change(&self, lift: &mut LiftModel) {
        for response in &mut lift.responses {
            let (_, factor) = self.factors(&response.sku);
            for estimate in [&mut response.own_price, &mut response.feature, &mut response.display] {
                scale(estimate, factor);
            }
        }
    }
}

fn scale(estimate: &mut Estimate, factor: f64) {
    for value in [&mut estimate.mean, &mut estimate.se, &mut estimate.lo95, &mut estimate.hi95] {
        *value *= factor;
    }
}

/// Takes in every period before `until` of which something was expected and whose sales are known.
pub fn taken_in(belief: &mut Belief, facts: &Facts, expected: &[ForecastRow], until: Period) {
    let (panel, columns) = (&facts.panel, facts.panel.columns());
    let over = expected.iter().filter(|row| row.period < until);
    let expected: BTreeMap<(&Sku, &Place, Period), &ForecastRow> =
        over.map(|row| ((&row.sku, &row.place, row.period), row)).collect();
    let mut periods: BTreeMap<Period, Vec<Seen>> = BTreeMap::new();
    for row in (0..panel.len()).filter(|&row| columns.period[row] < until && columns.stockout_share[row] <= OUT_MAX) {
        let (sku, place) = (columns.sku[row] as usize, columns.place[row] as usize);
        let cell = (&panel.skus()[sku].sku, &panel.places()[place].place, columns.period[row]);
        let Some(forecast) = expected.get(&cell) else { continue };
        let ForecastRow { sku, mean, baseline, dispersion, .. } = (*forecast).clone();
        let seen = Seen { sku, expected: mean, baseline, dispersion, sold: columns.units[row] };
        periods.entry(columns.period[row]).or_default().push(seen);
    }
    periods.values().for_each(|seen| belief.note(seen));
}

/// Cells of one kind in one period.
#[derive(Default)]
struct Sum {
    all: Cells,
    items: BTreeMap<Sku, Cells>,
    lift: f64,
}

/// Expected pieces with their variance, and those sold.
#[derive(Clone, Copy, Default)]
struct Cells {
    expected: f64,
    variance: f64,
    sold: f64,
}

impl Cells {
    fn and(self, other: Self) -> Self {
        Self {
            expected: self.expected + other.expected,
            variance: self.variance + other.variance,
            sold: self.sold + other.sold,
        }
    }

    /// Log of what was sold over what was expected at a level, with the variance that chance alone gives it; nothing where
    /// too little was.
    fn log_ratio(self, level: f64) -> Option<(f64, f64)> {
        (self.expected >= 1.0).then(|| {
            let ratio = ((self.sold + 0.5) / (self.expected * level.exp() + 0.5)).ln();
            (ratio, self.variance / self.expected.powi(2))
        })
    }
}

impl Sum {
    fn add(&mut self, cell: &Seen, lift: f64) {
        let Seen { expected, dispersion, sold, .. } = *cell;
        let cells = Cells { expected, variance: expected * dispersion.max(1.0), sold };
        self.all = self.all.and(cells);
        let item = self.items.entry(cell.sku.clone()).or_default();
        *item = item.and(cells);
        self.lift += expected * lift;
    }

    fn and(mut self, other: &Self) -> Self {
        self.all = self.all.and(other.all);
        self.items.extend(other.items.iter().map(|(sku, cells)| (sku.clone(), *cells)));
        self.lift += other.lift;
        self
    }

    /// As that of all its cells, with what they err by together and what each item errs by.
    fn log_ratio(&self, level: f64, of_item: f64) -> Option<(f64, f64)> {
        let (ratio, variance) = self.all.log_ratio(level)?;
        let shares = self.items.values().map(|item| (item.expected / self.all.expected).powi(2)).sum::<f64>();
        Some((ratio, variance + shares * of_item + SHARED_SD.powi(2)))
    }
}

impl Scatter {
    /// Takes in how far the items of a kind are apart in a period, beyond chance.
    fn note(&mut self, sum: &Sum) {
        let count = sum.items.len() as f64;
        let Some((kind, _)) = sum.all.log_ratio(0.0).filter(|_| count > 1.0) else { return };
        for (ratio, chance) in sum.items.values().filter_map(|item| item.log_ratio(kind)) {
            self.squares += ratio.powi(2) - chance;
            self.items += 1.0 - 1.0 / count;
        }
    }

    /// Variance by which the cells of an item err together.
    fn variance(self) -> f64 {
        ((ITEM_SD.powi(2) * ITEM_SD_WEIGHT + self.squares) / (ITEM_SD_WEIGHT + self.items)).max(0.0)
    }
}

impl Pooled {
    fn new(terms: Terms) -> Self {
        Self { terms, common: (terms.start, terms.common.powi(2)), own: BTreeMap::new() }
    }

    /// The kind's mean and standard deviation.
    fn of(&self, kind: &str) -> Normal {
        let own = self.own.get(kind).copied().unwrap_or((0.0, self.terms.own.powi(2)));
        Normal { mean: self.common.0 + own.0, sd: (self.common.1 + own.1).sqrt() }
    }

    /// Lets a period pass and takes in what was seen of some kinds: value and variance.
    fn update(&mut self, seen: Vec<(String, f64, f64)>) {
        let Terms { start, own, drift, lasts, .. } = self.terms;
        let moved = |(mean, variance): (f64, f64), rest: f64| {
            (rest + (mean - rest) * lasts, variance * lasts.powi(2) + drift.powi(2))
        };
        self.common = moved(self.common, start);
        self.own.values_mut().for_each(|own| *own = moved(*own, 0.0));
        for (kind, ..) in &seen {
            self.own.entry(kind.clone()).or_insert((0.0, own.powi(2)));
        }
        // Each kind tells of the common part as far as its own part is known.
        let (mut weights, mut weighted) = (0.0, 0.0);
        for (kind, value, variance) in &seen {
            let own = self.own[kind];
            let weight = (variance + own.1).recip();
            weights += weight;
            weighted += weight * (value - own.0);
        }
        if weights > 0.0 {
            self.common = learned(self.common, weighted / weights, weights.recip());
        }
        for (kind, value, variance) in seen {
            let own = self.own.get_mut(&kind).expect("Invariant: it was put there above");
            *own = learned(*own, value - self.common.0, variance + self.common.1);
        }
    }
}

/// A belief, mean and variance, after a value was seen that errs by `variance`; after a break the value counts nearly alone.
fn learned((mean, believed): (f64, f64), value: f64, variance: f64) -> (f64, f64) {
    let surprise = (value - mean).powi(2);
    let broken = surprise > BREAK.powi(2) * (believed + variance);
    let believed = believed + if broken { surprise } else { 0.0 };
    let gain = believed / (believed + variance);
    (mean + gain * (value - mean), believed * (1.0 - gain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> BTreeMap<Sku, String> {
        let of = |number: usize| (Sku::from(format!("sku-{number}").as_str()), format!("kind-{}", number % 3));
        (0..9).map(of).collect()
    }

    fn cell(number: usize, lift: f64, sold_over_expected: f64) -> Seen {
        let expected = 40.0 * lift.exp();
        let sku = format!("sku-{number}").as_str().into();
        Seen { sku, expected, baseline: 40.0, dispersion: 2.0, sold: expected * sold_over_expected }
    }

    fn after(weeks: usize, week: impl Fn(usize) -> Vec<Seen>) -> Belief {
        let mut belief = Belief::new(kinds());
        (0..weeks).for_each(|at| belief.note(&week(at)));
        belief
    }

    fn factor(belief: &Belief, kind: usize) -> f64 {
        belief.kinds()[kind].lift.mean
    }

    #[test]
    fn sales_as_expected_change_nothing() {
        let belief = after(5, |_| (0..9).map(|at| cell(at, if at < 3 { 0.6 } else { 0.0 }, 1.0)).collect());
        for of in belief.kinds() {
            assert!((of.lift.mean - 1.0).abs() < 0.02 && (of.level.mean - 1.0).abs() < 0.02, "{of:?}");
            assert!(of.lift.sd < 0.2, "{of:?}");
        }
    }

    #[test]
    fn promotions_that_stop_working_are_noticed_within_a_month_and_by_kinds_that_had_none() {
        // A true factor of 0.4 on the log lift.
        let worked = (0.4_f64 * 0.6 - 0.6).exp();
        let week =
            |_| (0..6).map(|at| cell(at, if at % 3 < 2 { 0.6 } else { 0.0 }, if at % 3 < 2 { worked } else { 1.0 }));
        let belief = after(4, |at| week(at).collect());
        assert!(factor(&belief, 0) < 0.85 && factor(&belief, 1) < 0.85, "{:?}", belief.kinds());
        let borrowed = factor(&belief, 2);
        assert!(borrowed < 0.95 && borrowed > factor(&belief, 0), "{:?}", belief.kinds());
    }

    #[test]
    fn one_bad_kind_moves_itself_more_than_the_others() {
        let worked = |at: usize| if at.is_multiple_of(3) { (0.3_f64 * 0.6 - 0.6).exp() } else { 1.0 };
        let belief = after(3, |_| (0..9).map(|at| cell(at, 0.6, worked(at))).collect());
        assert!(factor(&belief, 0) < 0.7 && factor(&belief, 1) > 0.8, "{:?}", belief.kinds());
    }

    #[test]
    fn a_level_that_moved_is_not_taken_for_a_lift() {
        let belief = after(3, |_| (0..9).map(|at| cell(at, if at < 3 { 0.6 } else { 0.0 }, 1.5)).collect());
        for of in belief.kinds() {
            assert!(of.level.mean > 1.08 && (of.lift.mean - 1.0).abs() < 0.1, "{of:?}");
        }
    }
}
