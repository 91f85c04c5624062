//! Effects of single substitutes: each pair's own estimate, pulled towards what pairs have in common.
//!
//! Two accounts of what is common are weighed by how well they foretell the pairs' own estimates, and the better is
//! taken: that all substitutes of an item take alike, and that each takes in proportion to its share, as models of
//! choice say.
//!
//! Sources: Auer and Papies (2020), mean cross price elasticity 0.26 over 7,264 estimates; McFadden (1974) for the
//! proportion; the pooling as in `pool`.

use crate::pool::{Believed, Own, Pooled, Prior, pool_with_evidence};
use crate::prepare::Prepared;
use crate::response::{Sampling, SkuEstimate};

/// What is believed about the effect of one substitute's price before any data.
pub(crate) const PRIOR: Prior = Prior { mean: 0.26, deviation: 0.6 };
/// Bounds of a substitute's share relative to the mean of the group's others.
const RELATIVE: (f64, f64) = (0.2, 5.0);

/// One substitute of one item: the item, the effect's own estimate, and the substitute's relative share.
struct Pair {
    sku: usize,
    estimate: f64,
    sampling: Sampling,
    relative: f64,
}

/// Pools the effects of all listed substitutes, per SKU in the order of its list.
pub(crate) fn pool_pairs(prepared: &Prepared, estimates: &[Option<SkuEstimate>]) -> Vec<Vec<Pooled>> {
    let pairs: Vec<Pair> = (0..estimates.len()).flat_map(|sku| pairs_of(prepared, estimates, sku)).collect();
    let alike = pooled(&pairs, estimates.len(), |_| 1.0);
    let by_share = pooled(&pairs, estimates.len(), |pair| pair.relative);
    let (chosen, _) = if by_share.1 > alike.1 { by_share } else { alike };
    let mut all = vec![Vec::new(); estimates.len()];
    pairs.iter().zip(chosen).for_each(|(pair, effect)| all[pair.sku].push(effect));
    all
}

fn pairs_of(prepared: &Prepared, estimates: &[Option<SkuEstimate>], sku: usize) -> Vec<Pair> {
    let Some(partners) = prepared.frame.partners.get(&prepared.panel.skus()[sku].sku) else { return Vec::new() };
    let usual = (1.0 - partners.rest) / partners.listed.len().max(1) as f64;
    let pair = |(at, (_, weight)): (usize, &(_, f64))| {
        let unknown = (0.0, Sampling { variance: f64::INFINITY, widening: 1.0 });
        let own = estimates[sku].as_ref().map(|e| (e.own[e.partners.start + at], e.sampling[e.partners.start + at]));
        let (estimate, sampling) = own.unwrap_or(unknown);
        let relative = (weight / usual.max(1e-9)).clamp(RELATIVE.0, RELATIVE.1);
        Pair { sku, estimate, sampling, relative }
    };
    partners.listed.iter().enumerate().map(pair).collect()
}

/// Pools the pairs' effects over `scale`; effects come back as they were, the evidence per unit of effect.
fn pooled(pairs: &[Pair], skus: usize, scale: impl Fn(&Pair) -> f64) -> (Vec<Pooled>, f64) {
    let own: Vec<Own> = pairs
        .iter()
        .map(|pair| Own {
            estimate: pair.estimate / scale(pair),
            variance: pair.sampling.variance / scale(pair).powi(2),
            widening: pair.sampling.widening,
            group: pair.sku as u32,
            tier: 0,
        })
        .collect();
    let (effects, evidence) = pool_with_evidence(&own, skus, 1, PRIOR);
    let jacobian: f64 = pairs.iter().filter(|p| p.sampling.variance.is_finite()).map(|pair| scale(pair).ln()).sum();
    let back = |(effect, pair): (Pooled, &Pair)| Pooled {
        mean: effect.mean * scale(pair),
        variance: effect.variance * scale(pair).powi(2),
        own_weight: effect.own_weight,
        without_own: Believed {
            mean: effect.without_own.mean * scale(pair),
            variance: effect.without_own.variance * scale(pair).powi(2),
        },
    };
    (effects.into_iter().zip(pairs).map(back).collect(), evidence - jacobian)
}
