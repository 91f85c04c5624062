//! Changing the limits: one person may tighten them, loosening takes two.

use endcap_model::{GateLimits, Looser};

/// What a new version of the limits does to the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsChange {
    /// Limits that allow more than before.
    pub looser: Vec<&'static str>,
    /// Limits that allow less than before.
    pub tighter: Vec<&'static str>,
}

impl LimitsChange {
    /// Compares two versions; amounts in another currency count as looser, because nobody can say.
    pub fn between(old: &GateLimits, new: &GateLimits) -> Self {
        let mut change = Self { looser: vec![], tighter: vec![] };
        if old.currency != new.currency {
            change.looser.push("currency");
        }
        for ((name, before, direction), (_, after, _)) in old.bounds().into_iter().zip(new.bounds()) {
            let up = after > before;
            if after != before {
                if up == (direction == Looser::Up) { &mut change.looser } else { &mut change.tighter }.push(name);
            }
        }
        change
    }

    /// Number of different people who have to sign the change.
    pub fn people_needed(&self) -> usize {
        if self.looser.is_empty() { 1 } else { 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_model::{Currency, Share};

    #[test]
    fn one_person_tightens_and_two_loosen() {
        let old = GateLimits::cautious(Currency::EUR);
        let tighter = GateLimits { order_value_max: 1, margin_rate_min: Share::of_basis_points(100), ..old.clone() };
        let change = LimitsChange::between(&old, &tighter);
        assert_eq!(
            (change.tighter.as_slice(), change.people_needed()),
            (&["margin_rate_min", "order_value_max"][..], 1)
        );
        let back = LimitsChange::between(&tighter, &old);
        assert_eq!((back.looser.as_slice(), back.people_needed()), (&["margin_rate_min", "order_value_max"][..], 2));
    }

    #[test]
    fn a_change_that_loosens_one_limit_and_tightens_all_others_takes_two() {
        let old = GateLimits::cautious(Currency::EUR);
        let mixed = GateLimits { order_value_max: 1, moves_per_day_max: 3, ..old.clone() };
        assert_eq!(LimitsChange::between(&old, &mixed).people_needed(), 2);
        let shorter = GateLimits { duplicate_hours: 1, ..old.clone() };
        assert_eq!(LimitsChange::between(&old, &shorter).looser, ["duplicate_hours"]);
    }

    #[test]
    fn another_currency_takes_two_and_another_version_alone_one() {
        let old = GateLimits::cautious(Currency::EUR);
        assert_eq!(LimitsChange::between(&old, &GateLimits::cautious(Currency::JPY)).people_needed(), 2);
        let renamed = GateLimits { version: "2".into(), ..old.clone() };
        assert_eq!(LimitsChange::between(&old, &renamed).people_needed(), 1);
    }
}
