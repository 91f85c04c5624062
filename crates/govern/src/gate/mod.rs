//! The gate: the limits on each single intent, checked when it is proposed, when it is approved and just before it is sent.
//!
//! What was harmless when it was planned may not be when it is sent: the stop was pressed, the price moved, a thousand other
//! intents went out. So the same checks run three times, the last time in the sender, by code that shares nothing with the
//! planner. A missing input refuses. The gate never sends and never reads a clock.
//!
//! # Source
//! The order of the checks follows the market access rules after Knight Capital (SEC 15c3-5, RTS 6): authority first, then
//! the single order, then sums over what is sent and in flight, then the data behind it, then who may.

mod authority;
mod case;
mod change;
mod data;
mod exposure;
mod intent;
mod order;
mod pace;
mod price;
mod shape;
mod standing;
#[cfg(test)]
mod tests;
mod traffic;

pub use change::LimitsChange;
pub use intent::{Action, Inputs, Intent};
pub use standing::{Business, Guardrail, Permit, Shelf, Standing, Supply};
pub use traffic::{KEPT, Sent, Traffic};

use crate::approved::{Approved, let_through};
use case::{Case, Found};
use endcap_model::{Breach, ContentHash, GateLimits, ScenarioError};

/// Limits that were read and found in range.
#[derive(Clone, Debug)]
pub struct Gate {
    limits: GateLimits,
    hash: ContentHash,
}

type Check = fn(&Case, &mut Found);

/// Checks without which nothing behind them means anything: the first that refuses ends the check.
const FIRST: [(&str, Check); 3] =
    [("stop", authority::is_not_stopped), ("lease", authority::lease_holds), ("shape", shape::is_well_formed)];

/// All other checks, in their order; every breach is told.
const THEN: [(&str, Check); 11] = [
    ("price bounds", price::stays_between_floor_and_ceiling_and_above_cost),
    ("price law", price::keeps_the_law),
    ("collar", price::moves_little_at_once),
    ("order size", order::is_no_larger_than_an_order_may_be),
    ("rate", pace::is_not_too_frequent),
    ("blast radius", exposure::touches_little_at_once),
    ("exposure", exposure::stays_affordable_with_all_that_was_sent),
    ("oscillation", pace::does_not_oscillate),
    ("duplicates", pace::was_not_sent_before),
    ("data", data::rests_on_sound_and_fresh_data),
    ("who may", authority::is_permitted),
];

impl Gate {
    /// Takes the limits that hold.
    ///
    /// # Errors
    /// [`ScenarioError`] for the first limit outside its range.
    pub fn new(limits: GateLimits) -> Result<Self, ScenarioError> {
        limits.check()?;
        Ok(Self { hash: limits.hash(), limits })
    }

    /// Names the limits; every intent carries the name of those that it was decided under.
    pub fn hash(&self) -> &ContentHash {
        &self.hash
    }

    /// The limits that hold.
    pub fn limits(&self) -> &GateLimits {
        &self.limits
    }

    /// Names the checks in their order.
    pub fn order() -> impl Iterator<Item = &'static str> {
        FIRST.iter().chain(&THEN).map(|(name, _)| *name)
    }

    /// Checks an intent against how things stand and what was sent; returns every limit that it breaks, in order.
    ///
    /// Use it alone where something is proposed or approved. To judge many at once, [`Gate::admit`] them one by one into a
    /// copy of the traffic, so that they count against each other.
    pub fn check(&self, intent: &Intent, standing: &Standing, traffic: &Traffic) -> Vec<Breach> {
        self.breaches(&self.case(intent, standing, traffic, false))
    }

    fn case<'a>(&'a self, intent: &'a Intent, standing: &'a Standing, traffic: &'a Traffic, again: bool) -> Case<'a> {
        Case { intent, standing, traffic, again, limits: &self.limits, hash: &self.hash }
    }

    fn breaches(&self, case: &Case) -> Vec<Breach> {
        let mut found = Found::new(case.intent);
        for (_, check) in FIRST {
            check(case, &mut found);
            if !found.breaches.is_empty() {
                return found.breaches;
            }
        }
        THEN.iter().for_each(|(_, check)| check(case, &mut found));
        found.breaches
    }

    /// Checks an intent just before it is sent and, when it may go, counts it as sent from now on; senders take what it hands back
    /// and nothing else, and keep what counts for those who come after them.
    ///
    /// # Errors
    /// The limits that it breaks, in order; it is then not counted and must not be sent.
    pub fn admit(
        &self,
        intent: &Intent,
        standing: &Standing,
        traffic: &mut Traffic,
    ) -> Result<(Approved<Intent>, Sent), Vec<Breach>> {
        let case = self.case(intent, standing, traffic, false);
        let breaches = self.breaches(&case);
        if !breaches.is_empty() {
            return Err(breaches);
        }
        let sent = Sent {
            at: standing.now,
            intent: intent.clone(),
            order_value: order::value(intent).unwrap_or(0),
            given_away: exposure::given_away(&case).unwrap_or(0),
            revenue: exposure::revenue(&case).unwrap_or(0),
        };
        traffic.record(sent.clone());
        Ok((let_through(intent.clone(), intent.key(), self.hash.clone()), sent))
    }

    /// Checks an intent that went out before and is to go once more under the same key; it counts once.
    ///
    /// # Errors
    /// The limits that it breaks, in order; that it never went out is one.
    pub fn admit_again(
        &self,
        intent: &Intent,
        standing: &Standing,
        traffic: &Traffic,
    ) -> Result<Approved<Intent>, Vec<Breach>> {
        let case = self.case(intent, standing, traffic, true);
        let mut breaches = self.breaches(&case);
        if !case.went_out() {
            let mut found = Found::new(intent);
            found.refuse("duplicate", "it is sent again and never went out", "what was sent before");
            breaches.extend(found.breaches);
        }
        if breaches.is_empty() {
            Ok(let_through(intent.clone(), intent.key(), self.hash.clone()))
        } else {
            Err(breaches)
        }
    }

    /// Whether no stop stands in the way of what was let through a moment ago: asked once more at the wire.
    pub fn is_open(&self, intent: &Intent, standing: &Standing) -> bool {
        let traffic = Traffic::default();
        let (case, mut found) = (self.case(intent, standing, &traffic, true), Found::new(intent));
        authority::is_not_stopped(&case, &mut found);
        authority::lease_holds(&case, &mut found);
        found.breaches.is_empty()
    }
}

/// Whether a breach goes away by waiting: a rate that was reached, a stop that could not be read, a lease that ran out, a time
/// in which a person may still say no.
pub fn passes_with_time(breach: &Breach) -> bool {
    const PACE: [&str; 6] = [
        "lease",
        "stop unknown",
        "agent_changes_per_hour_max",
        "category_changes_per_hour_max",
        "skus_per_hour_max",
        "veto",
    ];
    PACE.contains(&breach.limit.as_str())
}
