//! Training of an allocation rule in the twin: weights that earn more in simulated worlds are drawn around in the next round.
//!
//! # Source
//! The cross-entropy method for policy search (Mannor, Rubinstein and Gat 2003), with noise that keeps it from narrowing too early
//! (Szita and Lőrincz 2006). Every round tries its candidates in worlds of its own, the same for all of them.

use super::RollingPolicy;
use endcap_model::TwinTerms;
use endcap_twin::{Policy, PolicyMaker, RuleWeights, TwinError, WorldSpec, try_all};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;

/// How long training goes on.
#[derive(Clone, Copy, Debug)]
pub struct TrainTerms {
    /// Rounds.
    pub rounds: usize,
    /// Rules tried in each, 4 or more.
    pub candidates: usize,
}

impl Default for TrainTerms {
    fn default() -> Self {
        Self { rounds: 10, candidates: 16 }
    }
}

/// A round of training; money in minor units, a mean over its worlds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Round {
    /// Profit of the rule in the middle of those tried.
    pub profit: f64,
    /// Profit of the best rule tried.
    pub best: f64,
    /// The rule that the round ended with.
    pub weights: RuleWeights,
}

/// Share of the candidates that the next round is drawn around.
const ELITE: f64 = 0.25;
/// Standard deviation of the first round's weights, and what is added to that of a later one: less each round.
const SPREAD: f64 = 0.5;
const NOISE: f64 = 0.2;

/// Trains a rule, from the weights that `policy` has, in worlds of these terms from their seed on; the same at any number of
/// threads.
///
/// # Errors
/// [`TwinError`] where a world refuses what a policy asks for.
pub fn train(
    policy: &RollingPolicy,
    start: RuleWeights,
    (spec, terms): (&WorldSpec, &TwinTerms),
    training: TrainTerms,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<Round>, TwinError> {
    let mut random = ChaCha8Rng::seed_from_u64(terms.seed);
    let mut mean = start.to_array();
    let mut sd = [SPREAD; RuleWeights::COUNT];
    let mut rounds = vec![];
    for round in 0..training.rounds {
        progress(round, training.rounds);
        let mut tried = vec![mean];
        while tried.len() < training.candidates.max(4) {
            let weights: Vec<f64> = mean
                .iter()
                .zip(sd)
                .map(|(mean, sd)| {
                    let z: f64 = StandardNormal.sample(&mut random);
                    mean + sd * z
                })
                .collect();
            tried.push(std::array::from_fn(|at| weights[at]));
        }
        let seed = terms.seed.wrapping_add((round * terms.worlds) as u64);
        let profits = profits(policy, &tried, (spec, &TwinTerms { seed, ..terms.clone() }))?;
        let mut order: Vec<usize> = (0..tried.len()).collect();
        order.sort_by(|&a, &b| profits[b].total_cmp(&profits[a]).then(a.cmp(&b)));
        let elite = &order[..((tried.len() as f64 * ELITE).ceil() as usize).max(2)];
        let noise = NOISE * (1.0 - round as f64 / training.rounds as f64);
        for at in 0..RuleWeights::COUNT {
            let values = || elite.iter().map(|&one| tried[one][at]);
            let middle = values().sum::<f64>() / elite.len() as f64;
            let variance = values().map(|value| (value - middle).powi(2)).sum::<f64>() / elite.len() as f64;
            (mean[at], sd[at]) = (middle, (variance + noise.powi(2)).sqrt());
        }
        let weights = RuleWeights::from_array(mean);
        rounds.push(Round { profit: profits[0], best: profits[order[0]], weights });
    }
    progress(training.rounds, training.rounds);
    Ok(rounds)
}

/// Mean profit of each rule, all in the same worlds.
fn profits(
    policy: &RollingPolicy,
    tried: &[[f64; RuleWeights::COUNT]],
    (spec, terms): (&WorldSpec, &TwinTerms),
) -> Result<Vec<f64>, TwinError> {
    let rules = tried.iter().enumerate();
    let rules: Vec<RollingPolicy> =
        rules.map(|(at, weights)| policy.by_rule(at.to_string(), RuleWeights::from_array(*weights))).collect();
    let makers: Vec<Box<PolicyMaker>> =
        rules.iter().map(|rule| Box::new(|| -> Box<dyn Policy + '_> { rule.start() }) as Box<PolicyMaker>).collect();
    let makers: Vec<&PolicyMaker> = makers.iter().map(Box::as_ref).collect();
    let trials = try_all(spec, terms, &makers, &|_, _| {})?;
    let mean = |own: &[endcap_model::Outcome]| own.iter().map(|one| one.profit as f64).sum::<f64>() / own.len() as f64;
    // Policy by policy, then by rising seed.
    Ok(trials.outcomes.chunks(terms.worlds).map(mean).collect())
}
