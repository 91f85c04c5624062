//! From cells to what inference compares: each pair's sales in the test over its sales before.
//!
//! Before the test a period counts for a pair when both places were on sale on the same terms, each week over the
//! chain's sales, so that weeks of the chain's own offers count like others. In the test it counts when both places were on sale and did
//! what their arm says. Else it is left out of both, so that shocks of the periods stay common to the pair. A pair with less than half of the periods of the test is
//! left out whole, with its reason.

use super::arm::Arm;
use super::grid::{Cell, Grid, State};
use super::inference::PairSales;
use endcap_model::{Period, Span};

/// Share of the test's periods that a pair must have kept.
const KEPT_SHARE_MIN: f64 = 0.5;
/// Fewest comparable periods before the test.
pub(crate) const BEFORE_MIN: usize = 8;
/// Pre-periods whose worth the common variance of all pairs counts as, when a pair's own weight is found.
const WEIGHT_PRIOR: f64 = 8.0;

/// Arms and spans of a comparison.
#[derive(Clone, Copy)]
pub(crate) struct Comparison {
    pub(crate) control: Arm,
    pub(crate) treatment: Arm,
    pub(crate) before: Span,
    pub(crate) test: Span,
    pub(crate) keep: Keep,
}

/// Which periods of the test count; before it those in which both places were on the same terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Those in which both places did what their arm says.
    BothArms,
    /// Those in which both places were on the same terms: of a test of nothing.
    SameTerms,
    /// All, whatever was done (intention to treat).
    All,
}

/// What kept periods of a test from being compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Periods in which the treated place was out of stock.
    pub(crate) treated_out: usize,
    /// Periods in which the control place was.
    pub(crate) control_out: usize,
    /// Periods without a row of either.
    pub(crate) missing: usize,
    /// Periods in which the control place did not keep to its arm.
    pub(crate) contaminated: usize,
    /// Periods in which the treated place did not run the treatment.
    pub(crate) not_run: usize,
}

/// One pair as it is compared.
pub(crate) struct Compared {
    /// Sales in the test over sales before, not yet weighed.
    pub(crate) sales: PairSales,
    /// Variance of the difference of the two, by the moves before the test.
    pub(crate) variance: f64,
}

/// Compares a pair (treated first); `Err` when too few periods are left, with what was lost either way.
pub(crate) fn compare(grid: &Grid, places: [usize; 2], how: Comparison) -> (Option<Compared>, Lost) {
    let before: Vec<[Weighed; 2]> = how.before.iter().filter_map(|period| same_terms(grid, places, period)).collect();
    let base = means(&before);
    let mut lost = Lost::default();
    let kept: Vec<[Weighed; 2]> = how
        .test
        .iter()
        .filter_map(|period| kept(grid, places, period, how, &mut lost))
        .map(|pair| pair.map(|cell| Weighed { value: cell.rate, weight: cell.on_sale }))
        .collect();
    let enough = kept.len() as f64 >= KEPT_SHARE_MIN * how.test.len() as f64 && !kept.is_empty();
    if before.len() < BEFORE_MIN || base.iter().any(|&level| level <= 0.0) || !enough {
        return (None, lost);
    }
    let in_test = means(&kept);
    let sales = PairSales { treated: in_test[0] / base[0], control: in_test[1] / base[1] };
    let moves: f64 = before.iter().map(|[a, b]| (a.value / base[0] - b.value / base[1]).powi(2)).sum();
    (Some(Compared { sales, variance: moves / before.len() as f64 }), lost)
}

/// A value that counts by the share of the period on sale.
struct Weighed {
    value: f64,
    weight: f64,
}

/// Sales of both places over the chain's in a period before the test, if both were on the same terms.
fn same_terms(grid: &Grid, places: [usize; 2], period: Period) -> Option<[Weighed; 2]> {
    let [a, b] = places.map(|place| grid.index(place, period));
    let ((a, index_a), (b, index_b)) = a.zip(b)?;
    let weighed = |cell: Cell, value: f64| Weighed { value, weight: cell.on_sale };
    a.done.same_as(b.done).then(|| [weighed(a, index_a), weighed(b, index_b)])
}

/// Mean per whole period on sale, of both places.
fn means(pairs: &[[Weighed; 2]]) -> [f64; 2] {
    [0, 1].map(|arm| {
        let sum: f64 = pairs.iter().map(|pair| pair[arm].value * pair[arm].weight).sum();
        let weight: f64 = pairs.iter().map(|pair| pair[arm].weight).sum();
        if weight > 0.0 { sum / weight } else { 0.0 }
    })
}

/// Returns both cells of a period of the test, or counts what was lost.
fn kept(grid: &Grid, places: [usize; 2], period: Period, how: Comparison, lost: &mut Lost) -> Option<[Cell; 2]> {
    let [treated, control] = places.map(|place| grid.cell(place, period));
    let (ran, kept_to_terms) = match how.keep {
        Keep::BothArms => {
            (how.treatment.matches(how.control, treated.done), how.control.matches(how.treatment, control.done))
        }
        Keep::SameTerms => (true, treated.done.same_as(control.done)),
        Keep::All => (true, true),
    };
    let reason = if treated.state == State::Missing || control.state == State::Missing {
        &mut lost.missing
    } else if treated.state == State::OutOfStock {
        &mut lost.treated_out
    } else if control.state == State::OutOfStock {
        &mut lost.control_out
    } else if !ran {
        &mut lost.not_run
    } else if !kept_to_terms {
        &mut lost.contaminated
    } else {
        return Some([treated, control]);
    };
    *reason += 1;
    None
}

/// Weighs pairs by how closely they moved together before the test, drawn to the mean of all pairs.
///
/// Weights know nothing of the assignment, so that inference holds whatever they are.
pub(crate) fn weigh(compared: &[Compared], before: Span) -> Vec<PairSales> {
    let usual = compared.iter().map(|pair| pair.variance).sum::<f64>() / compared.len().max(1) as f64;
    let own = before.len() as f64 / (before.len() as f64 + WEIGHT_PRIOR);
    let weight = |pair: &Compared| match own * pair.variance + (1.0 - own) * usual {
        variance if variance > 0.0 => usual / variance,
        _ => 1.0,
    };
    let weighed = |pair: &Compared| {
        let weight = weight(pair);
        PairSales { treated: weight * pair.sales.treated, control: weight * pair.sales.control }
    };
    compared.iter().map(weighed).collect()
}

impl Lost {
    /// Adds what another pair lost.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            treated_out: self.treated_out + other.treated_out,
            control_out: self.control_out + other.control_out,
            missing: self.missing + other.missing,
            contaminated: self.contaminated + other.contaminated,
            not_run: self.not_run + other.not_run,
        }
    }

    /// Returns the reason that lost most, in words.
    pub(crate) fn main_reason(self) -> &'static str {
        let reasons = [
            (self.missing, "no sales were reported: closed, or not delivered"),
            (self.contaminated, "the control place did not keep to its terms"),
            (self.not_run, "the treated place did not run the treatment"),
            (self.treated_out, "the treated place was out of stock"),
            (self.control_out, "the control place was out of stock"),
        ];
        let most = reasons.into_iter().rev().max_by_key(|(periods, _)| *periods);
        most.filter(|(periods, _)| *periods > 0).map_or("too few comparable periods before the test", |(_, why)| why)
    }
}
