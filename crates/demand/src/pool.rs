//! Partial pooling: what an SKU's own data say, weighed against its tier, its group and all SKUs.
//!
//! Effects of SKUs spread normally around `overall + tier + group`. The spreads are not plugged in: the posterior is
//! averaged over a grid of them by their marginal likelihood, so that intervals hold the uncertainty of the means
//! *and* of the spreads.
//!
//! Sources: Lindley and Smith (1972) for the model; Morris (1983) for why plug-in intervals are too narrow; Gelman
//! (2006) for the flat prior on spreads; Henderson (1975) for the equations.

use crate::linear::{Cells, Parts, Reduced, Ridges};

/// Spreads on the grid, as shares of the prior's standard deviation.
const BETWEEN: [f64; 8] = [0.01, 0.04, 0.08, 0.13, 0.2, 0.3, 0.45, 0.7];
/// Spreads of groups and tiers on the grid.
const ABOVE: [f64; 4] = [0.002, 0.08, 0.2, 0.45];
/// Variance from which an own estimate counts as no information, as a multiple of the prior's variance.
const NO_INFORMATION: f64 = 9.0;

/// What is believed about an effect before any data: mean and standard deviation over all retail SKUs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prior {
    pub(crate) mean: f64,
    pub(crate) deviation: f64,
}

/// An SKU's own estimate and what it belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own {
    pub(crate) estimate: f64,
    /// Sampling variance; infinite without information.
    pub(crate) variance: f64,
    /// How much wider than normal the interval of the own estimate is; counts as far as the estimate does.
    pub(crate) widening: f64,
    pub(crate) group: u32,
    pub(crate) tier: u32,
}

/// An effect after pooling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pooled {
    pub(crate) mean: f64,
    pub(crate) variance: f64,
    /// Weight of the SKU's own data in the mean, 0..=1.
    pub(crate) own_weight: f64,
    /// What would be believed without the SKU's own data.
    pub(crate) without_own: Believed,
}

/// A normal belief about one effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Believed {
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

/// Combines own estimates with what they have in common.
pub(crate) fn pool(own: &[Own], groups: usize, tiers: usize, prior: Prior) -> Vec<Pooled> {
    pool_with_evidence(own, groups, tiers, prior).0
}

/// Combines own estimates with what they have in common; the second value is the log likelihood of the own estimates
/// given all that is assumed, up to a constant.
pub(crate) fn pool_with_evidence(own: &[Own], groups: usize, tiers: usize, prior: Prior) -> (Vec<Pooled>, f64) {
    let informative: Vec<Own> = own.iter().copied().filter(|o| is_informative(o, prior)).collect();
    let weights_of = |levels: usize| if levels > 1 { &ABOVE[..] } else { &ABOVE[..1] };
    let mut sums = vec![[0.0f64; 7]; own.len()];
    let mut best = f64::NEG_INFINITY;
    let mut total = 0.0;
    for (i, &between) in BETWEEN.iter().enumerate() {
        for &group in weights_of(groups.min(own.len())) {
            for &tier in weights_of(tiers) {
                let spreads = [between, group, tier].map(|share| share * prior.deviation);
                let fitted = Fitted::new(&informative, groups, tiers, spreads, prior);
                let log_weight =
                    fitted.log_likelihood + grid_width(i).ln() + above_width(group).ln() + above_width(tier).ln();
                if log_weight > best {
                    let shrink = (best - log_weight).exp();
                    sums.iter_mut().flatten().for_each(|sum| *sum *= shrink);
                    total *= shrink;
                    best = log_weight;
                }
                let weight = (log_weight - best).exp();
                if weight < 1e-8 {
                    continue;
                }
                total += weight;
                for (sum, o) in sums.iter_mut().zip(own) {
                    let p = fitted.posterior(o, prior);
                    let others = p.without_own;
                    let add = [
                        p.mean,
                        p.variance,
                        p.mean * p.mean,
                        p.own_weight,
                        others.mean,
                        others.variance,
                        others.mean * others.mean,
                    ];
                    sum.iter_mut().zip(add).for_each(|(s, a)| *s += weight * a);
                }
            }
        }
    }
    let pooled = sums
        .iter()
        .map(|&[mean, variance, square, own_weight, others @ ..]| {
            let posterior = mixed([mean, variance, square], total);
            let without_own = mixed(others, total);
            Pooled { mean: posterior.mean, variance: posterior.variance, own_weight: own_weight / total, without_own }
        })
        .collect();
    (pooled, best + total.ln())
}

/// Mean and variance of a mixture from weighted sums of means, variances and squared means.
fn mixed([mean, variance, square]: [f64; 3], total: f64) -> Believed {
    let mean = mean / total;
    Believed { mean, variance: variance / total + (square / total - mean * mean).max(0.0) }
}

/// Whether an own estimate says anything.
pub(crate) fn is_informative(own: &Own, prior: Prior) -> bool {
    own.variance.is_finite() && own.estimate.is_finite() && own.variance < NO_INFORMATION * prior.deviation.powi(2)
}

/// Width of a grid cell of the spread between SKUs: a flat prior on the spread weighs cells by it.
fn grid_width(at: usize) -> f64 {
    let low = if at == 0 { 0.0 } else { 0.5 * (BETWEEN[at - 1] + BETWEEN[at]) };
    let high = BETWEEN.get(at + 1).map_or(1.0, |next| 0.5 * (BETWEEN[at] + next));
    high - low
}

fn above_width(share: f64) -> f64 {
    let at = ABOVE.iter().position(|&s| s == share).unwrap_or(0);
    let low = if at == 0 { 0.0 } else { 0.5 * (ABOVE[at - 1] + ABOVE[at]) };
    let high = ABOVE.get(at + 1).map_or(0.6, |next| 0.5 * (ABOVE[at] + next));
    high - low
}

/// Means of groups and tiers at one set of spreads.
struct Fitted {
    reduced: Reduced,
    means: Parts,
    between: f64,
    log_likelihood: f64,
}

impl Fitted {
    fn new(own: &[Own], groups: usize, tiers: usize, [between, group, tier]: [f64; 3], prior: Prior) -> Self {
        let ones = vec![1.0; own.len()];
        let (of_group, of_tier): (Vec<u32>, Vec<u32>) = own.iter().map(|o| (o.group, o.tier)).unzip();
        let weights: Vec<f64> = own.iter().map(|o| 1.0 / (o.variance + between * between)).collect();
        let ridges = [group, tier, prior.deviation].map(|deviation| 1.0 / (deviation * deviation).max(1e-12));
        let cells = Cells {
            columns: 1,
            x: &ones,
            eliminated: &of_group,
            eliminated_levels: groups,
            kept: &of_tier,
            kept_levels: tiers,
        };
        let ridge_columns = [ridges[2]];
        let reduced =
            Reduced::new(&cells, &weights, &Ridges { eliminated: ridges[0], kept: ridges[1], columns: &ridge_columns });
        let mut right = Parts { eliminated: vec![0.0; groups], kept: vec![0.0; tiers], columns: vec![0.0] };
        for (o, w) in own.iter().zip(&weights) {
            let pull = w * (o.estimate - prior.mean);
            right.eliminated[o.group as usize] += pull;
            right.kept[o.tier as usize] += pull;
            right.columns[0] += pull;
        }
        let means = reduced.solve(&right);
        let fit: f64 = own.iter().zip(&weights).map(|(o, w)| w * (o.estimate - prior.mean).powi(2)).sum::<f64>()
            - dot(&right.eliminated, &means.eliminated)
            - dot(&right.kept, &means.kept)
            - dot(&right.columns, &means.columns);
        let determinant = reduced.factor.log_determinant() - reduced.scale.iter().map(|f| f.ln()).sum::<f64>();
        let priors = groups as f64 * ridges[0].ln() + tiers as f64 * ridges[1].ln() + ridges[2].ln();
        let log_weights: f64 = weights.iter().map(|w| w.ln()).sum();
        let log_likelihood = 0.5 * (log_weights + priors - determinant - fit);
        Self { reduced, means, between, log_likelihood }
    }

    fn posterior(&self, own: &Own, prior: Prior) -> Pooled {
        let (group, tier) = (own.group as usize, own.tier as usize);
        let centre = prior.mean + self.means.eliminated[group] + self.means.kept[tier] + self.means.columns[0];
        let centre_variance = self.reduced.variance_of(group, tier, &[1.0]);
        let spread = self.between * self.between;
        if !is_informative(own, prior) {
            let others = Believed { mean: centre, variance: spread + centre_variance };
            return Pooled { mean: centre, variance: others.variance, own_weight: 0.0, without_own: others };
        }
        let around = own.variance + spread;
        let borrowed = own.variance / around;
        let left = (around - centre_variance).max(1e-9 * around);
        let without_own = Believed {
            mean: centre + centre_variance * (centre - own.estimate) / left,
            variance: spread + centre_variance * around / left,
        };
        Pooled {
            mean: (1.0 - borrowed) * own.estimate + borrowed * centre,
            variance: (1.0 - borrowed) * own.variance * own.widening.powf(2.0 * (1.0 - borrowed))
                + borrowed * borrowed * centre_variance,
            own_weight: 1.0 - borrowed,
            without_own,
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIOR: Prior = Prior { mean: -2.0, deviation: 2.0 };

    fn own(estimate: f64, variance: f64, group: u32) -> Own {
        Own { estimate, variance, widening: 1.0, group, tier: 0 }
    }

    #[test]
    fn noisy_estimates_move_to_the_common_mean_and_sharp_ones_stay() {
        let mut all: Vec<Own> = (0..20).map(|i| own(-1.5 + 0.05 * f64::from(i % 5), 0.01, 0)).collect();
        all.push(own(-4.0, 4.0, 0));
        all.push(own(-1.0, 0.0004, 0));
        let pooled = pool(&all, 1, 1, PRIOR);
        assert!((pooled[20].mean + 1.4).abs() < 0.15, "{:?}", pooled[20]);
        assert!((pooled[21].mean + 1.0).abs() < 0.05, "{:?}", pooled[21]);
        assert!(pooled[20].own_weight < 0.1 && pooled[21].own_weight > 0.8);
    }

    #[test]
    fn without_any_information_the_prior_is_all_there_is() {
        let pooled = pool(&[own(0.0, f64::INFINITY, 0), own(1.0, 1e9, 0)], 1, 1, PRIOR);
        assert!(pooled.iter().all(|p| p.own_weight == 0.0 && (p.mean + 2.0).abs() < 1e-9));
        assert!(pooled.iter().all(|p| p.variance >= PRIOR.deviation.powi(2)));
    }

    #[test]
    fn what_is_believed_without_an_items_own_data_does_not_move_with_them() {
        let with = |last: f64| {
            let mut all: Vec<Own> = (0..12).map(|i| own(-1.5 + 0.1 * f64::from(i % 4), 0.04, 0)).collect();
            all.push(own(last, 0.04, 0));
            pool(&all, 1, 1, PRIOR)[12]
        };
        let (near, far) = (with(-1.4), with(-1.8));
        assert!((near.mean - far.mean).abs() > 0.05, "{near:?} {far:?}");
        assert!((near.without_own.mean - far.without_own.mean).abs() < 0.01, "{near:?} {far:?}");
        assert!((near.without_own.mean + 1.35).abs() < 0.05);
        let alone = pool(&[own(-1.0, 0.01, 0)], 1, 1, PRIOR)[0].without_own;
        assert!((alone.mean - PRIOR.mean).abs() < 1e-6 && alone.variance >= PRIOR.deviation.powi(2), "{alone:?}");
    }

    #[test]
    fn a_group_that_differs_is_its_own_centre() {
        let mut all: Vec<Own> = (0..30).map(|i| own(-1.0 + 0.02 * f64::from(i % 3), 0.02, 0)).collect();
        all.extend((0..30).map(|i| own(-3.0 + 0.02 * f64::from(i % 3), 0.02, 1)));
        all.push(own(0.0, f64::INFINITY, 1));
        let pooled = pool(&all, 2, 1, PRIOR);
        assert!((pooled[60].mean + 3.0).abs() < 0.2, "{:?}", pooled[60]);
    }
}
