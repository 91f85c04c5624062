//! Orders on stops that are kept in two places, of which either may be missing or unreadable.
//!
//! To stop never needs both places and never makes anything less stopped; to resume needs both. Where it is not known what
//! was stopped, nothing goes out until a named person resumes everything.

use super::{Scope, Stops};
use jiff::Timestamp;

/// Who froze everything because it was not known what was stopped.
const PROGRAM: &str = "endcap";

/// What one of the places says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing was ever kept there.
    Empty,
    /// The stops that are kept there.
    Kept(Stops),
    /// It cannot be read, or makes no sense.
    Unreadable(String),
}

/// What both places say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The database.
    pub database: Place,
    /// The file.
    pub file: Place,
}

/// An order that somebody gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// For what.
    pub scope: Scope,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Why a scope is not resumed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotResumed {
    /// It is not stopped.
    #[error("{scope} is not stopped; {}", told(.stopped))]
    NotStopped {
        /// The scope that was asked for.
        scope: Scope,
        /// What is stopped.
        stopped: Vec<Scope>,
    },
    /// It is not known what is stopped, so that only everything can be resumed.
    #[error(
        "it is not known what is stopped ({0}), so nothing is sent: resume everything, then stop again what has to be"
    )]
    NotKnown(String),
    /// To resume needs both places.
    #[error("{0}: to resume needs the file and the ledger")]
    Unreadable(String),
}

impl Places {
    /// What is stopped; nothing when that is not known, and then nothing may be sent.
    pub fn known(&self) -> Option<Stops> {
        Stops::stricter(self.database.stops(), self.file.stops())
    }

    /// Why it is not known what is stopped.
    pub fn unknown(&self) -> Option<String> {
        let (database, file) = (self.database.fault("ledger.db"), self.file.fault("stops.json"));
        match (database, file) {
            (Some(database), Some(file)) => Some(format!("{database}, {file}")),
            (one, other) => one.or(other),
        }
    }

    /// Whether nothing was ever kept: a project that has stopped nothing yet.
    pub fn are_empty(&self) -> bool {
        (&self.database, &self.file) == (&Place::Empty, &Place::Empty)
    }

    /// Freezes a scope. Where the order makes a place readable that was not, everything is frozen with it: what that place
    /// held is not known.
    pub fn frozen(&self, wanted: &Wanted) -> Stops {
        let mends = match (&self.database, &self.file) {
            (Place::Kept(_) | Place::Unreadable(_), Place::Kept(_)) | (Place::Empty, Place::Empty) => false,
            (Place::Kept(_) | Place::Empty | Place::Unreadable(_), _) => true,
        };
        let mut stops = self.strictest();
        if mends {
            let reason = self.unknown().unwrap_or_default();
            stops = stops
                .freeze(Scope::Global, PROGRAM, wanted.at)
                .because(&format!("it was not known what is stopped: {reason}"));
        }
        stops.freeze(wanted.scope.clone(), &wanted.by, wanted.at).because(&wanted.reason)
    }

    /// Resumes a scope.
    ///
    /// # Errors
    /// [`NotResumed`] when it is not stopped, or it is not known what is and something narrower than everything is asked for.
    pub fn resumed(&self, wanted: &Wanted) -> Result<Stops, NotResumed> {
        if let Place::Unreadable(_) = &self.database {
            return Err(NotResumed::Unreadable(self.unknown().unwrap_or_default()));
        }
        let stops = self.strictest();
        let known = self.are_empty() || self.unknown().is_none();
        if !known && wanted.scope != Scope::Global {
            return Err(NotResumed::NotKnown(self.unknown().unwrap_or_default()));
        }
        if known && stops.frozen(std::slice::from_ref(&wanted.scope)).is_none() {
            let stopped = stops.in_force().into_iter().map(|(scope, _)| scope.clone()).collect();
            return Err(NotResumed::NotStopped { scope: wanted.scope.clone(), stopped });
        }
        Ok(stops.resume(wanted.scope.clone(), &wanted.by, wanted.at).because(&wanted.reason))
    }

    /// What the places that can be read say together.
    fn strictest(&self) -> Stops {
        let either = || self.database.stops().or(self.file.stops()).cloned();
        self.known().or_else(either).unwrap_or_default()
    }
}

impl Place {
    fn stops(&self) -> Option<&Stops> {
        match self {
            Self::Kept(stops) => Some(stops),
            Self::Empty | Self::Unreadable(_) => None,
        }
    }

    fn fault(&self, name: &str) -> Option<String> {
        match self {
            Self::Kept(_) => None,
            Self::Empty => Some(format!("{name} holds nothing about stops")),
            Self::Unreadable(why) => Some(format!("{name} cannot be read: {why}")),
        }
    }
}

fn told(stopped: &[Scope]) -> String {
    let names: Vec<String> = stopped.iter().map(ToString::to_string).collect();
    if names.is_empty() { "nothing is".into() } else { format!("stopped: {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wanted(scope: Scope) -> Wanted {
        Wanted { scope, by: "ada".into(), reason: "why".into(), at: Timestamp::UNIX_EPOCH }
    }

    fn scopes() -> [Scope; 3] {
        [Scope::Global, Scope::Category("dairy".into()), Scope::Agent("pricing".into())]
    }

    fn place() -> impl Strategy<Value = Place> {
        let orders = prop::collection::vec((any::<bool>(), 0usize..3), 0..5);
        let kept = orders.prop_map(|orders| {
            Place::Kept(orders.into_iter().fold(Stops::default(), |stops, (freeze, scope)| {
                let scope = scopes()[scope].clone();
                let at = Timestamp::UNIX_EPOCH;
                if freeze { stops.freeze(scope, "ada", at) } else { stops.resume(scope, "ada", at) }
            }))
        });
        prop_oneof![kept.clone(), kept, Just(Place::Empty), Just(Place::Unreadable("torn".into()))]
    }

    /// Whether nothing of a scope may go out: it is frozen, or everything is, or what is frozen is not known.
    fn stopped(places: &Places, scope: &Scope) -> bool {
        places.known().is_none_or(|stops| stops.frozen(&[Scope::Global, scope.clone()]).is_some())
    }

    /// How the places may stand after an order: a database that cannot be read cannot be written.
    fn afterwards(before: &Places, order: &Stops) -> Vec<Places> {
        let (database, file) = (Place::Kept(order.clone()), Place::Kept(order.clone()));
        let mut all = vec![Places { file: file.clone(), ..before.clone() }];
        if !matches!(before.database, Place::Unreadable(_)) {
            all.push(Places { database: database.clone(), ..before.clone() });
            all.push(Places { database, file });
        }
        all
    }

    #[test]
    fn what_was_stopped_before_stays_so_until_a_person_resumes_everything_where_a_place_is_lost() {
        let dairy = scopes()[1].clone();
        let kept = Stops::default().freeze(dairy.clone(), "ada", Timestamp::UNIX_EPOCH);
        let lost = Places { database: Place::Empty, file: Place::Kept(kept) };
        assert!(lost.unknown().unwrap().contains("ledger.db holds nothing"));
        assert!(matches!(lost.resumed(&wanted(dairy.clone())), Err(NotResumed::NotKnown(_))));
        let mended = lost.resumed(&wanted(Scope::Global)).unwrap();
        assert!(mended.frozen(&[Scope::Global]).is_none());
        assert!(mended.frozen(&[dairy]).is_some());
        let other = lost.frozen(&wanted(scopes()[2].clone()));
        assert_eq!(other.frozen(&[Scope::Global]).unwrap().1.by, PROGRAM);
    }

    #[test]
    fn nothing_is_resumed_that_is_not_stopped_or_without_the_database() {
        let empty = Places { database: Place::Empty, file: Place::Empty };
        let refused = empty.resumed(&wanted(Scope::Global)).unwrap_err();
        assert_eq!(refused.to_string(), "everything is not stopped; nothing is");
        let frozen = Stops::default().freeze(Scope::Global, "ada", Timestamp::UNIX_EPOCH);
        let broken = Places { database: Place::Unreadable("locked".into()), file: Place::Kept(frozen) };
        assert!(matches!(broken.resumed(&wanted(Scope::Global)), Err(NotResumed::Unreadable(_))));
    }

    proptest! {
        #[test]
        fn a_freeze_stops_its_scope_and_loosens_nothing_whichever_place_takes_it(
            database in place(), file in place(), scope in 0usize..3,
        ) {
            let before = Places { database, file };
            let scope = scopes()[scope].clone();
            let order = before.frozen(&wanted(scope.clone()));
            for after in afterwards(&before, &order) {
                prop_assert!(stopped(&after, &scope), "{after:?}");
                for other in scopes() {
                    // Before the first order nothing is kept, and nothing is stopped but that nobody has begun.
                    prop_assert!(before.are_empty() || !stopped(&before, &other) || stopped(&after, &other), "{after:?}");
                }
                let (was, is) = (before.known().map_or(0, |stops| stops.epoch()), after.known());
                prop_assert!(is.is_none_or(|stops| stops.epoch() > was));
            }
        }

        #[test]
        fn a_resumption_frees_its_scope_alone_and_only_with_both_places(
            database in place(), file in place(), scope in 0usize..3,
        ) {
            let before = Places { database, file };
            let scope = scopes()[scope].clone();
            if let Ok(order) = before.resumed(&wanted(scope.clone())) {
                let both = Places { database: Place::Kept(order.clone()), file: Place::Kept(order.clone()) };
                let frozen = |places: &Places, scope: &Scope| {
                    places.known().map(|stops| stops.frozen(std::slice::from_ref(scope)).is_some())
                };
                prop_assert_eq!(frozen(&both, &scope), Some(false));
                for other in scopes().iter().filter(|other| **other != scope && before.known().is_some()) {
                    prop_assert_eq!(frozen(&before, other), frozen(&both, other));
                }
            }
        }
    }
}
