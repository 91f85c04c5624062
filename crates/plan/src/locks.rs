//! Decisions that people made: which offers must run, at which depth, and which must not.

use crate::cells::Line;
use crate::terms::{PlanError, PlanInput};
use endcap_model::{Depth, Lock, Place, Sku};
use std::collections::BTreeMap;

/// Locks by line and period.
pub(crate) struct Locks(Vec<Fixed>);

/// A lock as the plan reads it: regions and periods of the span.
struct Fixed {
    sku: Sku,
    region: Option<Place>,
    period: Option<usize>,
    depth: Depth,
}

impl Fixed {
    /// How much it says: a lock on one region or period is stronger than one on all.
    fn precision(&self) -> usize {
        usize::from(self.region.is_some()) + usize::from(self.period.is_some())
    }

    fn meets(&self, other: &Self) -> bool {
        self.sku == other.sku
            && (self.region.is_none() || other.region.is_none() || self.region == other.region)
            && (self.period.is_none() || other.period.is_none() || self.period == other.period)
    }
}

impl Locks {
    /// Reads the locks of the scenario.
    ///
    /// # Errors
    /// [`PlanError`] for a lock that names what the plan does not have, and for two that contradict each other.
    pub fn read(input: &PlanInput, lines: &[Line]) -> Result<Self, PlanError> {
        let given = &input.scenario.limits.locks;
        let locks: Vec<Fixed> = given.iter().map(|lock| fixed(input, lines, lock)).collect::<Result<_, _>>()?;
        let mut by_sku: BTreeMap<&Sku, Vec<(&Fixed, &Lock)>> = BTreeMap::new();
        for (lock, given) in locks.iter().zip(given) {
            let earlier = by_sku.entry(&lock.sku).or_default();
            let against = |(other, _): &&(&Fixed, &Lock)| {
                other.precision() == lock.precision() && other.depth != lock.depth && other.meets(lock)
            };
            if let Some((_, other)) = earlier.iter().find(against) {
                return Err(PlanError::LocksContradict {
                    first: Box::new((*other).clone()),
                    second: Box::new(given.clone()),
                });
            }
            earlier.push((lock, given));
        }
        Ok(Self(locks))
    }

    /// Depth that a lock fixes; of several the one that says most. Offers are set by region, so that a lock on a store
    /// binds the whole region.
    pub fn of(&self, line: &Line, period: usize) -> Option<Depth> {
        let covers = |lock: &&Fixed| {
            lock.sku == *line.sku
                && lock.region.as_ref().is_none_or(|region| *region == line.region)
                && lock.period.is_none_or(|at| at == period)
        };
        self.0.iter().filter(covers).max_by_key(|lock| lock.precision()).map(|lock| lock.depth)
    }
}

fn fixed(input: &PlanInput, lines: &[Line], lock: &Lock) -> Result<Fixed, PlanError> {
    let unknown = |what, name: String| PlanError::UnknownLock { sku: lock.sku.clone(), what, name };
    if !lines.iter().any(|line| *line.sku == lock.sku) {
        return Err(unknown("item", lock.sku.to_string()));
    }
    let region = lock.place.as_ref().map(|place| input.regions.get(place).unwrap_or(place));
    if let Some(region) = region
        && !lines.iter().any(|line| line.region == *region && *line.sku == lock.sku)
    {
        return Err(unknown("place", lock.place.as_ref().unwrap_or(region).to_string()));
    }
    let period = match &lock.period {
        None => None,
        Some(text) => {
            let period = input.calendar.parse(text)?;
            if !input.span.contains(period) {
                return Err(unknown("period", text.clone()));
            }
            Some((period.0 - input.span.start.0) as usize)
        }
    };
    Ok(Fixed { sku: lock.sku.clone(), region: region.cloned(), period, depth: lock.depth })
}
