//! Demand that the planner saw and the panel does not show: found where promotions were set but not run.
//!
//! When promotions follow demand for reasons that no column holds, promoted periods sell more even without the
//! promotion, and its effect is overstated. Places that did not run a promotion in a period in which others did show
//! what demand did then: how much more they sold than usual is the unseen signal. It is measured on unpromoted rows
//! only, so that the shape of the response cannot pass for it, and pooled over SKUs, since one SKU says little. Two
//! accounts are weighed by their evidence, that there is no such signal and that there is one, and the effects are
//! corrected by the expected one.
//!
//! A negative signal is never corrected for: shoppers who go where the promotion runs look the same.
//!
//! Sources: Mundlak (1978) for period means as the trace of an unseen cause; Kass and Raftery (1995) for the weighing;
//! the pooling as in `pool`.

/// How demand that only the planner saw enters an estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unseen {
    /// Measured on unpromoted rows; promoted rows get a level of their own.
    Apart,
    /// Taken from all SKUs.
    Known { mean: f64, variance: f64 },
}

impl Unseen {
    /// No such demand.
    pub(crate) const NONE: Self = Self::Known { mean: 0.0, variance: 0.0 };
}

/// Log units by which promoted periods may differ unseen, before any data: a standard deviation.
pub(crate) const DEVIATION: f64 = 0.15;
/// Spreads between SKUs that are tried, with their weights (a flat prior on the spread, half of it at none).
const SPREADS: [(f64, f64); 5] = [(0.0, 0.4), (0.03, 0.2), (0.06, 0.2), (0.1, 0.15), (0.15, 0.05)];
/// Standard error from which one SKU's own measurement is no information.
const NO_INFORMATION: f64 = 1.0;

/// One SKU's own measurement: the extra log demand of unpromoted rows in promoted periods, and its variance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) estimate: f64,
    pub(crate) variance: f64,
}

/// What is known about the unseen signal of one SKU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Signal {
    /// What the effects are corrected by.
    pub(crate) used: Unseen,
    /// Mean and variance if there is a signal at all; nothing where no place says anything.
    pub(crate) if_any: Option<(f64, f64)>,
    /// Probability that there is one.
    pub(crate) probability: f64,
}

/// Sums of one spread over all SKUs.
struct Account {
    spread: f64,
    weight: f64,
    precision: f64,
    pull: f64,
}

/// Weighs the measurements of all SKUs; each SKU gets what the others say, since its own rows speak for themselves.
pub(crate) fn weigh(measured: &[Option<Measured>]) -> Vec<Signal> {
    let informative = |m: &&Measured| m.variance.is_finite() && m.variance < NO_INFORMATION * NO_INFORMATION;
    let all: Vec<Measured> = measured.iter().flatten().filter(informative).copied().collect();
    if all.is_empty() {
        return vec![Signal { used: Unseen::NONE, if_any: None, probability: 0.5 }; measured.len()];
    }
    let none: f64 = all.iter().map(|m| log_normal(m.estimate, m.variance)).sum();
    let accounts: Vec<(f64, Account)> = SPREADS.iter().map(|&(spread, share)| account(&all, spread, share)).collect();
    let best = accounts.iter().map(|(log_weight, _)| *log_weight).fold(none, f64::max);
    let accounts: Vec<Account> = accounts
        .into_iter()
        .map(|(log_weight, account)| Account { weight: (log_weight - best).exp(), ..account })
        .collect();
    let total: f64 = accounts.iter().map(|account| account.weight).sum();
    let probability = total / (total + (none - best).exp());
    measured.iter().map(|own| signal(own.as_ref().filter(informative), &accounts, probability)).collect()
}

fn log_normal(value: f64, variance: f64) -> f64 {
    -0.5 * (variance.ln() + value * value / variance)
}

/// Evidence and sums of a common signal with this spread between SKUs.
fn account(all: &[Measured], spread: f64, share: f64) -> (f64, Account) {
    let (mut precision, mut pull, mut log_likelihood) = (1.0 / (DEVIATION * DEVIATION), 0.0, 0.0);
    let prior = precision;
    for m in all {
        let variance = m.variance + spread * spread;
        precision += 1.0 / variance;
        pull += m.estimate / variance;
        log_likelihood += log_normal(m.estimate, variance);
    }
    let log_weight = share.ln() + log_likelihood + 0.5 * (prior / precision).ln() + 0.5 * pull * pull / precision;
    (log_weight, Account { spread, weight: 0.0, precision, pull })
}

fn signal(own: Option<&Measured>, accounts: &[Account], probability: f64) -> Signal {
    let (mut mean, mut square, mut total) = (0.0, 0.0, 0.0);
    for account in accounts {
        let own_precision = own.map_or(0.0, |m| 1.0 / (m.variance + account.spread * account.spread));
        let precision = account.precision - own_precision;
        let centre = (account.pull - own.map_or(0.0, |m| m.estimate * own_precision)) / precision;
        mean += account.weight * centre;
        square += account.weight * (centre * centre + 1.0 / precision + account.spread * account.spread);
        total += account.weight;
    }
    let (mean, square) = (mean / total, square / total);
    let variance = (square - mean * mean).max(0.0);
    let used = if mean > 0.0 {
        let corrected = probability * mean;
        Unseen::Known { mean: corrected, variance: (probability * square - corrected * corrected).max(0.0) }
    } else {
        Unseen::NONE
    };
    Signal { used, if_any: Some((mean, variance)), probability }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(mean: f64, n: usize) -> Vec<Option<Measured>> {
        let noise = |at: usize| 0.08 * (((at * 7919 % 101) as f64) / 50.5 - 1.0);
        (0..n).map(|at| Some(Measured { estimate: mean + noise(at), variance: 0.0025 })).collect()
    }

    #[test]
    fn a_signal_that_all_items_share_is_found_and_noise_is_not() {
        let found = weigh(&many(0.1, 24));
        assert!(found.iter().all(|s| s.probability > 0.99), "{:?}", found[0]);
        let Unseen::Known { mean, .. } = found[3].used else { unreachable!("Invariant: weighed signals are known") };
        assert!((mean - 0.1).abs() < 0.03, "{mean}");
        let none = weigh(&many(0.0, 24));
        assert!(none.iter().all(|s| s.probability < 0.3), "{:?}", none[0]);
    }

    #[test]
    fn shoppers_who_change_places_are_no_reason_to_raise_an_effect() {
        let moved = weigh(&many(-0.1, 24));
        assert!(moved.iter().all(|s| s.used == Unseen::NONE && s.probability > 0.99));
    }

    #[test]
    fn without_places_that_say_anything_the_question_is_open() {
        let open = weigh(&[None, None]);
        assert!(open.iter().all(|s| s.if_any.is_none() && s.probability == 0.5 && s.used == Unseen::NONE));
    }
}
