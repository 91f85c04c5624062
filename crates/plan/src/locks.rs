//! Decisions that people made: which offers must run, at which depth, and which must not.

use crate::cells::Line;
use crate::terms::{PlanError, PlanInput};
use endcap_model::{Depth, Lock, Place};
use std::collections::BTreeMap;

/// Locks by line and period.
pub(crate) struct Locks<'a> {
    locks: Vec<(&'a Lock, Option<usize>)>,
    regions: &'a BTreeMap<Place, Place>,
}

impl<'a> Locks<'a> {
    /// Reads the locks of the scenario.
    ///
    /// # Errors
    /// [`PlanError`] for a lock that names what the plan does not have.
    pub fn read(input: &PlanInput<'a>, lines: &[Line]) -> Result<Self, PlanError> {
        let mut locks = Vec::new();
        for lock in &input.scenario.limits.locks {
            let unknown = |what, name: String| PlanError::UnknownLock { sku: lock.sku.clone(), what, name };
            if !lines.iter().any(|line| *line.sku == lock.sku) {
                return Err(unknown("item", lock.sku.to_string()));
            }
            if let Some(place) = &lock.place {
                let region = input.regions.get(place).unwrap_or(place);
                if !lines.iter().any(|line| line.region == *region && *line.sku == lock.sku) {
                    return Err(unknown("place", place.to_string()));
                }
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
            locks.push((lock, period));
        }
        Ok(Self { locks, regions: input.regions })
    }

    /// Depth that a lock fixes; the last of several wins. Offers are set by region, so that a lock on a store binds
    /// the whole region.
    pub fn of(&self, line: &Line, period: usize) -> Option<Depth> {
        let covers = |lock: &Lock, at: Option<usize>| {
            let place = lock.place.as_ref().map(|place| self.regions.get(place).unwrap_or(place));
            lock.sku == *line.sku && place.is_none_or(|place| *place == line.region) && at.is_none_or(|at| at == period)
        };
        self.locks.iter().rev().find(|(lock, at)| covers(lock, *at)).map(|(lock, _)| lock.depth)
    }
}
