//! What is needed to let the machine go further by itself, as `[[rise]]` in `policy.toml` sets it out beforehand.

use crate::{Autonomy, ScenarioError, Share};
use serde::{Deserialize, Serialize};

/// What is needed to rise to a rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiseRule {
    /// The rung.
    pub to: Autonomy,
    /// Least days of measurement.
    pub days_min: u32,
    /// Least decisions judged.
    pub decisions_min: u32,
    /// Least share of them that people kept.
    pub kept_min: Share,
    /// Most breaches.
    pub breaches_max: u32,
    /// Least money against the reference, in minor units; nothing where money is not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_low_min: Option<i64>,
}

impl RiseRule {
    /// Checks all rules of a policy: one for each rung at most, none that no evidence could meet.
    ///
    /// # Errors
    /// [`ScenarioError`] for the first that makes no sense.
    pub fn check(rules: &[Self]) -> Result<(), ScenarioError> {
        let wrong = |field, found: String, expected| Err(ScenarioError { field, found, expected });
        for (at, rule) in rules.iter().enumerate() {
            if rule.to == Autonomy::Halted {
                return wrong("rise.to", "halted".into(), "a rung to rise to: advise, propose, act_with_veto or act");
            }
            if rules[..at].iter().any(|other| other.to == rule.to) {
                return wrong("rise.to", format!("{:?} twice", rule.to), "one rule for each rung");
            }
            if rule.kept_min.basis_points() > 10_000 {
                return wrong("rise.kept_min", rule.kept_min.to_string(), "a share from 0 to 1");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> RiseRule {
        RiseRule {
            to: Autonomy::Propose,
            days_min: 28,
            decisions_min: 20,
            kept_min: Share::of_basis_points(9_000),
            breaches_max: 0,
            value_low_min: None,
        }
    }

    #[test]
    fn rules_that_no_evidence_could_meet_and_two_for_a_rung_are_refused() {
        assert_eq!(RiseRule::check(&[rule(), RiseRule { to: Autonomy::Act, ..rule() }]), Ok(()));
        for wrong in [
            vec![RiseRule { to: Autonomy::Halted, ..rule() }],
            vec![rule(), rule()],
            vec![RiseRule { kept_min: Share::of_basis_points(10_001), ..rule() }],
        ] {
            assert!(RiseRule::check(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_rule_reads_back_and_nothing_unknown_or_missing_is_passed_over() {
        let json = serde_json::to_value(rule()).unwrap();
        assert_eq!(serde_json::from_value::<RiseRule>(json.clone()).unwrap(), rule());
        for field in ["to", "days_min", "decisions_min", "kept_min", "breaches_max"] {
            let mut short = json.clone();
            short.as_object_mut().unwrap().remove(field);
            assert!(serde_json::from_value::<RiseRule>(short).is_err(), "{field}");
        }
        let mut more = json;
        more["value_min"] = 5.into();
        assert!(serde_json::from_value::<RiseRule>(more).is_err());
    }
}
