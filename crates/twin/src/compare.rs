//! Every policy in every world, paired by seed: the same shoppers and suppliers for all.

use crate::{Fault, Policy, TwinError, World, WorldSpec};
use endcap_model::{Outcome, TwinTerms};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Makes a fresh policy for one run. It may borrow what it needs for as long as the comparison lasts.
pub type PolicyMaker<'a> = dyn Fn() -> Box<dyn Policy + 'a> + Sync + 'a;

/// What came of every run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trials {
    /// Policy by policy, then by rising seed.
    pub outcomes: Vec<Outcome>,
    /// What policies did wrong, in the same order.
    pub faults: Vec<Fault>,
}

/// As [`try_all`], for policies whose faults end the comparison.
///
/// # Errors
/// As [`try_all`].
pub fn compare(
    spec: &WorldSpec,
    terms: &TwinTerms,
    policies: &[&PolicyMaker<'_>],
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<Outcome>, TwinError> {
    Ok(try_all(spec, terms, policies, progress)?.outcomes)
}

/// Tries every policy in `terms.worlds` worlds with the seeds `terms.seed`, `terms.seed + 1`, … Outcomes come policy by
/// policy, then by rising seed, whatever the number of threads. `progress` hears of runs done and runs in all.
///
/// # Errors
/// [`TwinError`] without policies, for two of the same name, and when a policy that is part of the program asks for
/// what the world refuses.
pub fn try_all(
    spec: &WorldSpec,
    terms: &TwinTerms,
    policies: &[&PolicyMaker<'_>],
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Trials, TwinError> {
    check_names(policies)?;
    let runs: Vec<(usize, u64)> = (0..policies.len())
        .flat_map(|policy| (0..terms.worlds as u64).map(move |world| (policy, terms.seed.wrapping_add(world))))
        .collect();
    let done = AtomicUsize::new(0);
    let results: Vec<Result<(Outcome, Vec<Fault>), TwinError>> = runs
        .par_iter()
        .map(|&(policy, seed)| {
            let outcome = run(spec, terms, seed, policies[policy]().as_mut());
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, runs.len());
            outcome
        })
        .collect();
    let mut trials = Trials::default();
    for result in results {
        let (outcome, faults) = result?;
        trials.outcomes.push(outcome);
        trials.faults.extend(faults);
    }
    Ok(trials)
}

fn check_names(policies: &[&PolicyMaker<'_>]) -> Result<(), TwinError> {
    if policies.is_empty() {
        return Err(TwinError::NoPolicies);
    }
    let mut names: Vec<String> = policies.iter().map(|make| make().name().to_owned()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(TwinError::DoubledPolicy(pair[0].clone())),
        None => Ok(()),
    }
}

fn run(
    spec: &WorldSpec,
    terms: &TwinTerms,
    seed: u64,
    policy: &mut dyn Policy,
) -> Result<(Outcome, Vec<Fault>), TwinError> {
    let mut world = World::new(spec, terms, seed);
    policy.meet(&world);
    while !world.is_over() {
        let actions = policy.act(&world.observe());
        world.step(&actions)?;
    }
    Ok((world.outcome(policy.name()), policy.faults()))
}
