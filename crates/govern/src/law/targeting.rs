//! Responsible targeting: no message without consent, none too often, no offer built on somebody's weakness.
//!
//! Built in, not optional: policies can add to what may never be used, and take nothing away.
//!
//! # Source
//! GDPR, Art. 6, 7 and 9; Directive 2005/29/EC, Art. 5(3) (vulnerable consumers); Regulation (EU) 2022/2065, Art. 26(3).

use super::Broken;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What no offer to a person may be built on.
const NEVER_USED: [&str; 16] = [
    "addiction",
    "age_under_18",
    "bereavement",
    "biometric",
    "debt",
    "disability",
    "ethnicity",
    "financial_hardship",
    "gambling",
    "genetic",
    "health",
    "political_opinion",
    "pregnancy",
    "religion",
    "sexual_orientation",
    "trade_union",
];

/// Limits on contacts, per person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetingRules {
    /// Most messages within 24 hours.
    pub per_day_max: u32,
    /// Most messages within 7 days.
    pub per_week_max: u32,
    /// What is not used beside what never is.
    #[serde(default)]
    pub also_not_used: BTreeSet<String>,
}

/// What a person agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// For what.
    pub purpose: String,
    /// When it was given.
    pub given: Timestamp,
    /// When it was withdrawn.
    pub withdrawn: Option<Timestamp>,
}

/// A message that is about to go to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// For what.
    pub purpose: String,
    /// What the person agreed to, read at this time.
    pub consents: Vec<Consent>,
    /// When the person was written to before; nothing when that is not known.
    pub before: Option<Vec<Timestamp>>,
    /// Names of the attributes that chose or shaped the offer.
    pub built_on: BTreeSet<String>,
}

/// Lists what no offer to a person may be built on.
pub fn never_used() -> impl Iterator<Item = &'static str> {
    NEVER_USED.into_iter()
}

/// Returns every rule that a message to a person breaks at this time.
pub fn targeting_breaches(contact: &Contact, rules: &TargetingRules, now: Timestamp) -> Vec<Broken> {
    let mut broken = Vec::new();
    let holds = |consent: &Consent| {
        consent.purpose == contact.purpose && consent.given <= now && consent.withdrawn.is_none_or(|at| at > now)
    };
    if !contact.consents.iter().any(holds) {
        broken.push(Broken::new("consent", format!("none for {}", contact.purpose), "consent that holds now"));
    }
    broken.extend(too_often(contact, rules, now));
    for name in contact.built_on.iter().filter(|name| is_never_used(name, rules)) {
        broken.push(Broken::new("vulnerability", format!("built on {name}"), "offers that use no such attribute"));
    }
    broken
}

fn is_never_used(name: &str, rules: &TargetingRules) -> bool {
    let name = name.trim().to_lowercase();
    NEVER_USED.contains(&name.as_str()) || rules.also_not_used.iter().any(|other| other.to_lowercase() == name)
}

fn too_often(contact: &Contact, rules: &TargetingRules, now: Timestamp) -> Vec<Broken> {
    let Some(before) = &contact.before else {
        return vec![Broken::new("frequency", "earlier messages are not known", "known messages")];
    };
    let windows = [("a day", 24, rules.per_day_max), ("a week", 24 * 7, rules.per_week_max)];
    let mut broken = Vec::new();
    for (window, hours, most) in windows {
        let length = SignedDuration::from_hours(hours);
        let all = before.iter().filter(|at| now.duration_since(**at) < length).count() + 1;
        if all > most as usize {
            broken.push(Broken::new("frequency", format!("{all} in {window}"), format!("{most} in {window}")));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(hours * 3600).unwrap()
    }

    fn rules() -> TargetingRules {
        TargetingRules { per_day_max: 1, per_week_max: 3, also_not_used: ["Postcode".to_owned()].into() }
    }

    fn contact() -> Contact {
        Contact {
            purpose: "offers".into(),
            consents: vec![Consent { purpose: "offers".into(), given: at(0), withdrawn: None }],
            before: Some(vec![]),
            built_on: ["basket".to_owned()].into(),
        }
    }

    fn broken(contact: &Contact) -> Vec<&'static str> {
        targeting_breaches(contact, &rules(), at(1000)).into_iter().map(|broken| broken.rule).collect()
    }

    #[test]
    fn a_message_with_consent_now_and_then_on_harmless_grounds_goes() {
        assert_eq!(broken(&contact()), [""; 0]);
    }

    #[test]
    fn consent_counts_for_its_purpose_from_when_it_was_given_until_it_is_withdrawn() {
        for (purpose, given, withdrawn, goes) in [
            ("offers", 1000, None, true),
            ("offers", 1001, None, false),
            ("offers", 0, Some(1000), false),
            ("offers", 0, Some(1001), true),
            ("newsletter", 0, None, false),
        ] {
            let consent = Consent { purpose: purpose.into(), given: at(given), withdrawn: withdrawn.map(at) };
            let found = broken(&Contact { consents: vec![consent], ..contact() });
            assert_eq!(found.is_empty(), goes, "{purpose} {given} {withdrawn:?}");
        }
        assert_eq!(broken(&Contact { consents: vec![], ..contact() }), ["consent"]);
    }

    #[test]
    fn messages_are_counted_over_a_day_and_a_week() {
        let before = |hours: &[i64]| Contact { before: Some(hours.iter().map(|h| at(*h)).collect()), ..contact() };
        assert_eq!(broken(&before(&[976])), [""; 0]);
        assert_eq!(broken(&before(&[977])), ["frequency"]);
        assert_eq!(broken(&before(&[833, 900])), [""; 0]);
        assert_eq!(broken(&before(&[833, 900, 950])), ["frequency"]);
        assert_eq!(broken(&before(&[832, 900, 950])), [""; 0]);
        assert_eq!(broken(&Contact { before: None, ..contact() }), ["frequency"]);
    }

    #[test]
    fn no_offer_is_built_on_a_weakness_however_it_is_spelled() {
        for name in never_used().chain(["Health ", "postcode"]) {
            let found = broken(&Contact { built_on: [name.to_owned()].into(), ..contact() });
            assert_eq!(found, ["vulnerability"], "{name}");
        }
    }
}
