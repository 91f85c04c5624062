//! Time to adjust: how long a policy takes to answer a shock, and until its shoppers are served as if there had been none.
//!
//! The same policy runs in the same world with and without the shocks; common draws make the two runs equal until the
//! shock shows. A policy's computing time is not in it: that is measured where the policy runs.

use crate::{Actions, Policy, PolicyMaker, TwinError, World, WorldSpec};
use endcap_model::TwinTerms;
use rayon::prelude::*;
use serde::Serialize;

/// Share of what is wanted by which service may differ from that without a shock and count as recovered.
const TOLERANCE: f64 = 0.02;

/// How one policy took the shocks of a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Adjustment {
    /// Name of the policy.
    pub policy: String,
    /// Seed of the world.
    pub seed: u64,
    /// Periods from the first shock to the first actions that differ; nothing when none do.
    pub acts_after: Option<usize>,
    /// Periods from the first shock until service of what it hits is within 2 points of that without it, for good;
    /// nothing when it never is.
    pub serves_after: Option<usize>,
}

/// Pieces wanted of what the shocks hit, and pieces sold of it, by period; and what was done.
struct Course {
    actions: Vec<Actions>,
    service: Vec<f64>,
}

/// Measures how every policy takes the shocks of `spec`, in `terms.worlds` worlds; `calm` is the same world without them.
///
/// # Errors
/// [`TwinError`] without shocks, and when a policy asks for what the world refuses.
pub fn adjustments(
    spec: &WorldSpec,
    calm: &WorldSpec,
    terms: &TwinTerms,
    policies: &[&PolicyMaker<'_>],
) -> Result<Vec<Adjustment>, TwinError> {
    let shocks = &spec.terms().shocks;
    let Some(first) = shocks.iter().map(|shock| shock.start(spec)).min() else {
        let (field, found) = ("shock".to_owned(), "missing".to_owned());
        return Err(TwinError::Setting { field, found, expected: "at least one shock that is switched on" });
    };
    let first = (first.0 - spec.span().start.0) as usize;
    let hit: Vec<bool> = spec.cells().iter().map(|cell| shocks.iter().any(|shock| shock.hits(cell))).collect();
    let runs: Vec<(usize, u64)> = (0..policies.len())
        .flat_map(|policy| (0..terms.worlds as u64).map(move |world| (policy, terms.seed.wrapping_add(world))))
        .collect();
    let measured = |&(policy, seed): &(usize, u64)| {
        let (mut one, mut other) = (policies[policy](), policies[policy]());
        let shocked = course(&mut World::new(spec, terms, seed), one.as_mut(), &hit)?;
        let calm = course(&mut World::new(calm, terms, seed), other.as_mut(), &hit)?;
        let differs = |at: &usize| shocked.actions[*at] != calm.actions[*at];
        let worse = |at: &usize| (shocked.service[*at] - calm.service[*at]).abs() > TOLERANCE;
        let last_worse = (first..shocked.service.len()).rfind(worse);
        let recovered = last_worse.map_or(first, |at| at + 1);
        Ok(Adjustment {
            policy: one.name().to_owned(),
            seed,
            acts_after: (first..shocked.actions.len()).find(differs).map(|at| at - first),
            serves_after: (recovered < shocked.service.len()).then(|| recovered - first),
        })
    };
    runs.par_iter().map(measured).collect::<Vec<_>>().into_iter().collect()
}

fn course(world: &mut World, policy: &mut dyn Policy, hit: &[bool]) -> Result<Course, TwinError> {
    let mut course = Course { actions: Vec::new(), service: Vec::new() };
    policy.meet(world);
    if let Some(on_hand) = policy.allot() {
        world.allot(&on_hand)?;
    }
    while !world.is_over() {
        let actions = policy.act(&world.observe());
        world.step(&actions)?;
        let books = world.books.iter().zip(hit).filter(|(_, hit)| **hit);
        let (wanted, sold) =
            books.fold((0, 0), |(wanted, sold), (books, _)| (wanted + books.wanted, sold + books.sold));
        course.service.push(if wanted > 0 { sold as f64 / wanted as f64 } else { 1.0 });
        // A forecast is no action.
        course.actions.push(Actions { expected: Vec::new(), ..actions });
    }
    Ok(course)
}
