//! Every policy in every world, paired by seed: the same shoppers and suppliers for all.

use crate::course::{Course, Film};
use crate::{Fault, Note, Policy, TwinError, World, WorldSpec};
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
    /// What policies told, in the same order.
    pub notes: Vec<Note>,
    /// Stock and sales by period, one for each outcome.
    pub courses: Vec<Course>,
    /// The first world of each policy item by item.
    pub films: Vec<Film>,
}

/// What came of one run.
struct Ran {
    outcome: Outcome,
    faults: Vec<Fault>,
    notes: Vec<Note>,
    course: Course,
    film: Option<Film>,
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
    let results: Vec<Result<Ran, TwinError>> = runs
        .par_iter()
        .map(|&(policy, seed)| {
            let outcome = run(spec, terms, seed, policies[policy]().as_mut());
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, runs.len());
            outcome
        })
        .collect();
    let mut trials = Trials::default();
    for result in results {
        let Ran { outcome, faults, notes, course, film } = result?;
        trials.outcomes.push(outcome);
        trials.faults.extend(faults);
        trials.notes.extend(notes);
        trials.courses.push(course);
        trials.films.extend(film);
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

fn run(spec: &WorldSpec, terms: &TwinTerms, seed: u64, policy: &mut dyn Policy) -> Result<Ran, TwinError> {
    let mut world = World::new(spec, terms, seed);
    policy.meet(&world);
    if let Some(on_hand) = policy.allot() {
        world.allot(&on_hand)?;
    }
    let mut course = Course::new(policy.name(), seed);
    let mut film = (seed == terms.seed).then(|| Film::new(policy.name(), spec));
    while !world.is_over() {
        let actions = policy.act(&world.observe());
        world.step(&actions)?;
        course.note(&world, &policy.elasticities());
        if let Some(film) = &mut film {
            film.note(&world);
        }
    }
    let outcome = world.outcome(policy.name());
    let notes = policy.notes().into_iter().map(|note| Note { seed, ..note }).collect();
    Ok(Ran { outcome, faults: policy.faults(), notes, course, film })
}
