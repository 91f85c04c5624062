//! What a game came to, beside the scenario's policies in the same world, and what was hidden in it.

use super::person::{Person, YOU};
use super::{Game, Sandbox, SandboxError};
use crate::policies::{Fits, RollingPolicy};
use endcap_model::{Depth, Outcome, Sku, TwinTerms};
use endcap_twin::{Policy, PolicyMaker, World, shipped, try_all};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A game beside the policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Number of the world.
    pub world: u64,
    /// The person first, then the policies in the scenario's order.
    pub played: Vec<PlayedBy>,
    /// What was hidden.
    pub hidden: Vec<HiddenItem>,
}

/// What somebody came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlayedBy {
    /// `you`, or the name of the policy.
    pub name: String,
    /// Figures of the whole world, money in minor units.
    pub outcome: Outcome,
    /// By week: pieces sold.
    pub sold: Vec<i64>,
    /// By week: pieces wanted and not there.
    pub lost: Vec<i64>,
    /// By week: pieces on all shelves at its end.
    pub on_hand: Vec<i64>,
    /// By item, in the order of `hidden`, and week: depth of its offer, as a share; 0 without.
    pub depth: Vec<Vec<f32>>,
    /// By item and week: share of the pieces wanted that were not there.
    pub missed: Vec<Vec<f32>>,
}

/// How an item's shoppers answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HiddenItem {
    /// The item.
    pub sku: Sku,
    /// By depth that may be chosen: what it multiplies demand by, for shoppers who remember no offer.
    pub lift: Vec<(Depth, f64)>,
}

impl Sandbox {
    /// Sets a game that is over beside the scenario's policies, in the same world.
    ///
    /// # Errors
    /// [`SandboxError::NotOver`] while weeks are left.
    pub fn compare(&self, game: &Game) -> Result<Comparison, SandboxError> {
        let left = self.weeks() - self.now(game);
        if left > 0 {
            return Err(SandboxError::NotOver { left });
        }
        let (scenario, spec) = (&self.scenario, &self.spec);
        let terms = TwinTerms { worlds: 1, seed: game.world, ..scenario.response.clone() };
        let fits = Fits::default();
        let rolling: Vec<RollingPolicy> =
            scenario.policies.iter().filter_map(|choice| RollingPolicy::of(choice, scenario, spec, &fits)).collect();
        let you: Box<PolicyMaker> = Box::new(|| -> Box<dyn Policy + '_> { Box::new(Person::new(self, &game.turns)) });
        let plain = scenario.policies.iter().filter_map(|choice| shipped(choice, scenario, spec, Path::new(".")));
        let mut makers: Vec<Box<PolicyMaker>> = std::iter::once(you).chain(plain).collect();
        #[allow(clippy::redundant_closure, reason = "the closure shortens the lifetime of what is made")]
        makers.extend(rolling.iter().map(|policy| Box::new(|| policy.start()) as Box<PolicyMaker>));
        let makers: Vec<&PolicyMaker> = makers.iter().map(Box::as_ref).collect();
        let trials = try_all(spec, &terms, &makers, &|_, _| {})?;
        let played = trials.outcomes.into_iter().zip(trials.courses).zip(trials.films);
        let mut played: Vec<PlayedBy> = played
            .map(|((outcome, course), film)| PlayedBy {
                name: outcome.policy.clone(),
                outcome,
                sold: course.sold,
                lost: course.lost,
                on_hand: course.on_hand,
                depth: film.depth,
                missed: film.missed,
            })
            .collect();
        let place = |by: &PlayedBy| scenario.policies.iter().position(|choice| choice.name() == by.name);
        played.sort_by_key(|by| if by.name == YOU { None } else { place(by) });
        let world = World::new(spec, &terms, game.world);
        let mut skus: Vec<&Sku> = spec.cells().iter().map(|cell| &cell.sku).collect();
        skus.dedup();
        let lifts = |sku: &Sku| {
            let depths = scenario.offers.depths.iter();
            depths.filter_map(|&depth| Some((depth, world.hidden_lift(sku, depth)?))).collect()
        };
        let hidden = skus.into_iter().map(|sku| HiddenItem { sku: sku.clone(), lift: lifts(sku) }).collect();
        Ok(Comparison { world: game.world, played, hidden })
    }
}
