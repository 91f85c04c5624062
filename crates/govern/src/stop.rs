//! The stop: who froze what, and whether something that was decided may still be sent.
//!
//! A freeze lets nothing new through; to revert is a command of its own, and neither ever needs more rights than to start
//! does. Every freeze and every resumption raises one epoch, so that what was decided before either is void. The state is
//! kept twice (database and file) and a sender needs a lease of at most [`LEASE_MAX`], so that whoever loses sight of it
//! stops as well.
//!
//! # Source
//! Kill functions of SEC rule 15c3-5 and Delegated Regulation (EU) 2017/589; leases: Gray and Cheriton, 1989.

mod places;

pub use places::{NotResumed, Place, Places, Wanted};

use endcap_model::{Channel, later};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Longest time for which a sender may act without having asked again.
pub const LEASE_MAX: SignedDuration = SignedDuration::from_secs(5);

/// What a stop stops.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "scope", content = "of", rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    Global,
    /// Everything of one tenant.
    Tenant(String),
    /// One category.
    Category(String),
    /// One channel.
    Channel(Channel),
    /// Everything that one agent does.
    Agent(String),
}

/// The last thing that was ordered for a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Whether it is frozen, or was resumed.
    pub frozen: bool,
    /// Epoch that the order began.
    pub epoch: u64,
    /// Who ordered it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Every stop and resumption in force, by scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Listed", into = "Listed")]
pub struct Stops {
    epoch: u64,
    orders: BTreeMap<Scope, Order>,
}

/// Stops as a file holds them: JSON has text keys only, so that a list of pairs carries the scopes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    epoch: u64,
    orders: Vec<(Scope, Order)>,
}

/// A sender's right to act for a short time under one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Epoch that the sender has seen.
    pub epoch: u64,
    /// When the right ends.
    pub until: Timestamp,
}

impl Stops {
    /// Puts together what was kept: an epoch, and the last order of each scope; nothing where they cannot belong together
    /// (an order of a later epoch, or two for a scope).
    pub fn kept(epoch: u64, orders: Vec<(Scope, Order)>) -> Option<Self> {
        let count = orders.len();
        let orders: BTreeMap<Scope, Order> = orders.into_iter().collect();
        let fits = orders.len() == count && orders.values().all(|order| (1..=epoch).contains(&order.epoch));
        fits.then_some(Self { epoch, orders })
    }

    /// Returns the present epoch; whatever is decided now carries it.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Freezes a scope: nothing new goes out in it.
    pub fn freeze(&self, scope: Scope, by: &str, at: Timestamp) -> Self {
        self.ordered(scope, true, by, at)
    }

    /// Lets a scope act again; what was decided before stays void.
    pub fn resume(&self, scope: Scope, by: &str, at: Timestamp) -> Self {
        self.ordered(scope, false, by, at)
    }

    /// Says why the newest order was given.
    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        let newest = self.orders.values_mut().find(|order| order.epoch == self.epoch);
        newest.into_iter().for_each(|order| order.reason = reason.to_owned());
        self
    }

    /// Returns the last order of each scope.
    pub fn orders(&self) -> impl Iterator<Item = (&Scope, &Order)> {
        self.orders.iter()
    }

    /// Returns every freeze in force, the newest first.
    pub fn in_force(&self) -> Vec<(&Scope, &Order)> {
        let mut frozen: Vec<_> = self.orders.iter().filter(|(_, order)| order.frozen).collect();
        frozen.sort_by_key(|(_, order)| std::cmp::Reverse(order.epoch));
        frozen
    }

    /// Returns the newest freeze among the scopes, if one is in force.
    pub fn frozen<'a>(&'a self, scopes: &'a [Scope]) -> Option<(&'a Scope, &'a Order)> {
        self.among(scopes).filter(|(_, order)| order.frozen).max_by_key(|(_, order)| order.epoch)
    }

    /// Returns the newest order among the scopes that was given after an epoch.
    pub fn since<'a>(&'a self, epoch: u64, scopes: &'a [Scope]) -> Option<(&'a Scope, &'a Order)> {
        self.among(scopes).filter(|(_, order)| order.epoch > epoch).max_by_key(|(_, order)| order.epoch)
    }

    /// Gives a sender the right to act for a time, at most [`LEASE_MAX`].
    pub fn lease(&self, now: Timestamp, length: SignedDuration) -> Lease {
        Lease { epoch: self.epoch, until: later(now, length.min(LEASE_MAX)) }
    }

    /// Joins what the database and the file say: a scope is frozen where either says so; nothing is known unless both are.
    pub fn stricter(database: Option<&Self>, file: Option<&Self>) -> Option<Self> {
        let (database, file) = (database?, file?);
        let mut joined = Self { epoch: database.epoch.max(file.epoch), orders: database.orders.clone() };
        for (scope, order) in &file.orders {
            let known = joined.orders.entry(scope.clone()).or_insert_with(|| order.clone());
            let (frozen, epoch) = (known.frozen || order.frozen, known.epoch.max(order.epoch));
            if order.frozen && !known.frozen {
                *known = order.clone();
            }
            (known.frozen, known.epoch) = (frozen, epoch);
        }
        Some(joined)
    }

    fn among<'a>(&'a self, scopes: &'a [Scope]) -> impl Iterator<Item = (&'a Scope, &'a Order)> {
        scopes.iter().filter_map(|scope| self.orders.get_key_value(scope))
    }

    fn ordered(&self, scope: Scope, frozen: bool, by: &str, at: Timestamp) -> Self {
        let mut next = self.clone();
        next.epoch += 1;
        let order = Order { frozen, epoch: next.epoch, by: by.to_owned(), at, reason: String::new() };
        next.orders.insert(scope, order);
        next
    }
}

impl Lease {
    /// Returns whether the lease still holds: same epoch, not over, and not longer than a lease can be.
    ///
    /// A clock that was set back makes a lease look too long; it then counts as over.
    pub fn holds(&self, stops: &Stops, now: Timestamp) -> bool {
        self.epoch == stops.epoch && now < self.until && self.until <= later(now, LEASE_MAX)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str("everything"),
            Self::Tenant(of) => write!(f, "tenant {of}"),
            Self::Category(of) => write!(f, "category {of}"),
            Self::Channel(of) => write!(f, "channel {of}"),
            Self::Agent(of) => write!(f, "agent {of}"),
        }
    }
}

impl TryFrom<Listed> for Stops {
    type Error = &'static str;

    fn try_from(listed: Listed) -> Result<Self, &'static str> {
        let expected = "expected one order for each scope, none of a later epoch than the stops";
        Self::kept(listed.epoch, listed.orders).ok_or(expected)
    }
}

impl From<Stops> for Listed {
    fn from(stops: Stops) -> Self {
        Self { epoch: stops.epoch, orders: stops.orders.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn scopes() -> Vec<Scope> {
        vec![Scope::Global, Scope::Category("dairy".into())]
    }

    #[test]
    fn a_freeze_holds_until_its_own_scope_is_resumed() {
        let frozen = Stops::default().freeze(Scope::Global, "ada", at(0));
        assert_eq!(frozen.frozen(&scopes()).unwrap().1.by, "ada");
        let other = frozen.resume(Scope::Category("dairy".into()), "bob", at(1));
        assert!(other.frozen(&scopes()).is_some());
        assert!(other.resume(Scope::Global, "bob", at(2)).frozen(&scopes()).is_none());
    }

    #[test]
    fn what_was_decided_before_a_stop_stays_void_after_the_resumption() {
        let stops = Stops::default();
        let decided = stops.epoch();
        let stops = stops.freeze(Scope::Global, "ada", at(0)).resume(Scope::Global, "ada", at(1));
        assert!(stops.since(decided, &scopes()).is_some());
        assert!(stops.since(stops.epoch(), &scopes()).is_none());
        assert!(stops.since(decided, &[Scope::Agent("a".into())]).is_none());
    }

    #[test]
    fn a_lease_ends_after_five_seconds_at_a_new_epoch_and_when_the_clock_is_set_back() {
        let stops = Stops::default();
        let lease = stops.lease(at(100), SignedDuration::from_hours(1));
        assert_eq!(lease.until, at(105));
        assert!(lease.holds(&stops, at(104)));
        assert!(!lease.holds(&stops, at(105)));
        assert!(!lease.holds(&stops, at(99)));
        assert!(!lease.holds(&stops.freeze(Scope::Agent("x".into()), "ada", at(101)), at(102)));
    }

    #[test]
    fn nothing_is_known_unless_database_and_file_both_are() {
        let stops = Stops::default();
        assert_eq!(Stops::stricter(Some(&stops), None), None);
        assert_eq!(Stops::stricter(None, Some(&stops)), None);
        assert_eq!(Stops::stricter(Some(&stops), Some(&stops)), Some(stops));
    }

    #[test]
    fn orders_that_cannot_belong_together_are_not_read() {
        let stops = Stops::default().freeze(Scope::Global, "ada", at(0)).because("a wrong price");
        let json = serde_json::to_string(&stops).unwrap();
        assert_eq!(serde_json::from_str::<Stops>(&json).unwrap(), stops);
        assert_eq!(stops.in_force()[0].1.reason, "a wrong price");
        let twice = json.replace(
            "[[",
            "[[{\"scope\":\"global\"},{\"frozen\":false,\"epoch\":1,\"by\":\"eve\",\"at\":\"1970-01-01T00:00:00Z\"}],[",
        );
        assert_eq!(twice.matches("global").count(), 2);
        for wrong in
            [json.replace(r#""epoch":1,"orders""#, r#""epoch":0,"orders""#), twice, json.replace("}]]", "}]],\"x\":1")]
        {
            assert_ne!(wrong, json);
            assert!(serde_json::from_str::<Stops>(&wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn joined_stops_are_frozen_wherever_either_is(
            left in prop::collection::vec((any::<bool>(), 0usize..2), 0..6),
            right in prop::collection::vec((any::<bool>(), 0usize..2), 0..6),
        ) {
            let made = |orders: Vec<(bool, usize)>| orders.into_iter().fold(Stops::default(), |stops, (frozen, scope)| {
                stops.ordered(scopes()[scope].clone(), frozen, "ada", at(0))
            });
            let (left, right) = (made(left), made(right));
            let joined = Stops::stricter(Some(&left), Some(&right)).unwrap();
            for scope in scopes() {
                let one = [scope];
                prop_assert_eq!(joined.frozen(&one).is_some(), left.frozen(&one).is_some() || right.frozen(&one).is_some());
                for epoch in 0..6 {
                    let either = left.since(epoch, &one).is_some() || right.since(epoch, &one).is_some();
                    prop_assert_eq!(joined.since(epoch, &one).is_some(), either);
                }
            }
            prop_assert_eq!(joined.epoch(), left.epoch().max(right.epoch()));
            let text = serde_json::to_string(&joined).unwrap();
            prop_assert_eq!(serde_json::from_str::<Stops>(&text).unwrap(), joined);
        }
    }
}
