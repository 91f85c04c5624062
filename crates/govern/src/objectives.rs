//! Objectives as documents: what is to be reached, by when, within which band, and who answers for it.
//!
//! A document goes live as [`crate::Approved`] and in no other way, signed like any proposal. A change makes a new version
//! with another hash, which no earlier signature covers. Every forecast, plan and order names the hash that it served.

mod catalogue;

pub use catalogue::{Better, CATALOGUE, Kpi, Refreshed, Sensitivity, kpi};

use endcap_model::{ContentHash, hash_json};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One version of what is to be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objectives {
    /// Name that all versions share.
    pub name: String,
    /// Version, from 1.
    pub version: u32,
    /// Hash of the version before; nothing in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ContentHash>,
    /// What is to be reached.
    pub targets: Vec<Target>,
}

/// One thing to reach, in whole steps of its unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name of the figure in the catalogue.
    pub kpi: String,
    /// Unit, with its step: `EUR cent`, `piece`, `basis point`.
    pub unit: String,
    /// First day that counts.
    pub from: Date,
    /// Day from which on nothing counts any more.
    pub until: Date,
    /// What is to be reached by then.
    pub goal: i64,
    /// How far below it is still well.
    pub tolerance_below: u64,
    /// How far above it is still well; absent where more is always well.
    pub tolerance_above: Option<u64>,
    /// Who answers for it.
    pub owner: String,
}

/// A document that cannot be an objective.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("objectives {name} {version}: {what}")]
pub struct ObjectivesError {
    /// Name of the document.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// What is wrong, and what to do.
    pub what: String,
}

/// A target that is missed, or cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missed<'a> {
    /// The target.
    pub target: &'a Target,
    /// What was read; nothing when the figure is not known.
    pub found: Option<i64>,
}

/// How far a target is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress<'a> {
    /// The target.
    pub target: &'a Target,
    /// What was read; nothing when the figure is not measured.
    pub found: Option<i64>,
    /// What is due by now.
    pub due: i64,
    /// Whether what was read lies outside its band.
    pub behind: bool,
}

/// Days of a target that have passed, and all of its days; one of one where its figure does not add up.
fn passed(target: &Target, until: Date) -> (i128, i128) {
    if !kpi(&target.kpi).is_some_and(Kpi::adds_up) {
        return (1, 1);
    }
    let days = |to: Date| i128::from(target.from.until(to).map_or(0, |span| span.get_days()));
    (days(until.min(target.until)), days(target.until).max(1))
}

/// What is due by a share of the days, with the least and the most that is still well.
fn band(target: &Target, (passed, all): (i128, i128)) -> (i64, i64, Option<i64>) {
    let part = |whole: i128| i64::try_from(whole * passed / all).unwrap_or(i64::MAX);
    let goal = i128::from(target.goal);
    let (below, above) = (i128::from(target.tolerance_below), target.tolerance_above.map(i128::from));
    (part(goal), part(goal - below), above.map(|above| part(goal + above)))
}

impl Objectives {
    /// Names this version; a plan that serves it carries the name.
    pub fn hash(&self) -> ContentHash {
        hash_json(self)
    }

    /// Makes the next version.
    pub fn changed(&self, targets: Vec<Target>) -> Self {
        Self { name: self.name.clone(), version: self.version + 1, parent: Some(self.hash()), targets }
    }

    /// Checks that every target can be read and has an owner.
    ///
    /// # Errors
    /// [`ObjectivesError`] for the first flaw.
    pub fn check(&self) -> Result<(), ObjectivesError> {
        let wrong = |what: String| Err(ObjectivesError { name: self.name.clone(), version: self.version, what });
        if self.targets.is_empty() {
            return wrong("there is no target: name at least one".into());
        }
        for (target, number) in self.targets.iter().zip(1..) {
            let texts = [("kpi", &target.kpi), ("unit", &target.unit), ("owner", &target.owner)];
            if let Some((field, _)) = texts.iter().find(|(_, text)| text.trim().is_empty()) {
                return wrong(format!("target {number} has no {field}: give one"));
            }
            if target.until <= target.from {
                return wrong(format!("target {number} ends on {} before it begins: give a later day", target.until));
            }
            let same =
                |other: &&Target| other.kpi == target.kpi && other.from < target.until && target.from < other.until;
            if self.targets[..number - 1].iter().any(|other| same(&other)) {
                return wrong(format!("target {number} sets {} twice for some days: keep one", target.kpi));
            }
        }
        Ok(())
    }

    /// How far each target is that runs on the last day before `until`, up to which was read. Of what adds up day by day a part is due
    /// for the part of the days that has passed.
    pub fn progress(&self, readings: &BTreeMap<String, i64>, until: Date) -> Vec<Progress<'_>> {
        let Ok(last) = until.yesterday() else { return vec![] };
        let running = self.targets.iter().filter(|target| target.from <= last && last < target.until);
        let one = |target| {
            let share = passed(target, until);
            let (due, least, most) = band(target, share);
            let found = readings.get(&target.kpi).copied();
            let behind = found.is_some_and(|found| found < least || most.is_some_and(|most| found > most));
            Progress { target, found, due, behind }
        };
        running.map(one).collect()
    }

    /// Compares what was read with the targets that run on a day; a figure that is not known is missed.
    pub fn missed(&self, readings: &BTreeMap<String, i64>, day: Date) -> Vec<Missed<'_>> {
        let running = self.targets.iter().filter(|target| target.from <= day && day < target.until);
        let read = running.map(|target| Missed { target, found: readings.get(&target.kpi).copied() });
        read.filter(|one| one.found.is_none_or(|found| !one.target.is_met_by(found))).collect()
    }
}

impl Target {
    /// Whether a figure lies within the band.
    pub fn is_met_by(&self, found: i64) -> bool {
        let least = self.goal.saturating_sub_unsigned(self.tolerance_below);
        let most = self.tolerance_above.map_or(i64::MAX, |above| self.goal.saturating_add_unsigned(above));
        (least..=most).contains(&found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn target() -> Target {
        Target {
            kpi: "margin".into(),
            unit: "EUR cent".into(),
            from: date(2025, 3, 1),
            until: date(2025, 6, 1),
            goal: 1_000,
            tolerance_below: 50,
            tolerance_above: None,
            owner: "ada".into(),
        }
    }

    fn objectives(targets: Vec<Target>) -> Objectives {
        Objectives { name: "spring".into(), version: 1, parent: None, targets }
    }

    #[test]
    fn a_change_makes_a_version_with_another_hash_that_names_the_one_before() {
        let first = objectives(vec![target()]);
        let second = first.changed(first.targets.clone());
        assert_eq!((second.version, second.parent.as_ref()), (2, Some(&first.hash())));
        assert_ne!(second.hash(), first.hash());
        let eased = objectives(vec![Target { tolerance_below: 51, ..target() }]);
        assert_ne!(eased.hash(), first.hash());
    }

    #[test]
    fn of_what_adds_up_a_part_is_due_for_the_part_of_the_days_that_has_passed() {
        // 92 days from 1 March to 1 June.
        let rate = Target { kpi: "margin_rate".into(), goal: 3_000, tolerance_below: 100, ..target() };
        let both = objectives(vec![Target { goal: 9_200, tolerance_below: 920, ..target() }, rate]);
        let behind = |margin: i64, rate: i64, day| {
            let readings = [("margin".to_owned(), margin), ("margin_rate".to_owned(), rate)].into();
            both.progress(&readings, day).iter().map(|one| (one.due, one.behind)).collect::<Vec<_>>()
        };
        assert_eq!(behind(900, 2_900, date(2025, 3, 11)), [(1_000, false), (3_000, false)]);
        assert_eq!(behind(899, 2_899, date(2025, 3, 11)), [(1_000, true), (3_000, true)]);
        assert_eq!(behind(8_280, 2_900, date(2025, 6, 1)), [(9_200, false), (3_000, false)]);
        assert!(behind(0, 0, date(2025, 3, 1)).is_empty(), "nothing has run yet");
        assert!(behind(0, 0, date(2025, 6, 2)).is_empty(), "all is over");
        let unknown = both.progress(&BTreeMap::new(), date(2025, 3, 11));
        assert!(unknown.iter().all(|one| one.found.is_none() && !one.behind), "what is not measured is told apart");
    }

    #[test]
    fn targets_without_owner_unit_time_or_sense_are_refused() {
        assert_eq!(objectives(vec![target()]).check(), Ok(()));
        let next = Target { from: date(2025, 6, 1), until: date(2025, 9, 1), ..target() };
        assert_eq!(objectives(vec![target(), next.clone()]).check(), Ok(()));
        let overlapping = Target { from: date(2025, 5, 31), ..next };
        for targets in [
            vec![],
            vec![Target { owner: " ".into(), ..target() }],
            vec![Target { unit: String::new(), ..target() }],
            vec![Target { kpi: String::new(), ..target() }],
            vec![Target { until: date(2025, 3, 1), ..target() }],
            vec![target(), overlapping],
        ] {
            assert!(objectives(targets.clone()).check().is_err(), "{targets:?}");
        }
    }

    #[test]
    fn a_figure_outside_its_band_or_unknown_is_missed_while_its_target_runs() {
        let band = objectives(vec![Target { tolerance_above: Some(10), ..target() }]);
        let missed = |found: Option<i64>, day| {
            let readings = found.map(|found| ("margin".to_owned(), found)).into_iter().collect();
            band.missed(&readings, day).len()
        };
        let day = date(2025, 3, 1);
        for (found, expected) in [(949, 1), (950, 0), (1_010, 0), (1_011, 1)] {
            assert_eq!(missed(Some(found), day), expected, "{found}");
        }
        assert_eq!(missed(None, day), 1);
        assert_eq!(missed(None, date(2025, 2, 28)), 0);
        assert_eq!(missed(None, date(2025, 6, 1)), 0);
        assert!(target().is_met_by(i64::MAX), "more is always well");
    }
}
