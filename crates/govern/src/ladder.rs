//! The ladder: how far the machine may go by itself, per category, channel and action.
//!
//! It starts at advising and rises one rung at a time, on evidence that was set out beforehand and by a named person. It
//! falls by itself: on a breach, on drift, when data raise an alarm, when a checkpoint is missed. Never rises by itself and
//! never reads a clock.
//!
//! # Source
//! Levels of automation: Sheridan and Verplank, 1978; Parasuraman, Sheridan and Wickens, 2000.

pub use endcap_model::RiseRule;
use endcap_model::{Autonomy, Breach, Channel};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What a rung holds for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Field {
    /// Category.
    pub category: String,
    /// Channel.
    pub channel: Channel,
    /// Name of the action ([`crate::gate::Action::name`]).
    pub action: String,
}

/// A rung with the reason why the machine stands on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// How far it may go.
    pub autonomy: Autonomy,
    /// Since when.
    pub since: Timestamp,
    /// Who raised it, or what made it fall.
    pub because: String,
}

/// All rungs. Where nothing is set the machine advises.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(Field, Rung)>", into = "Vec<(Field, Rung)>")]
pub struct Ladder {
    rungs: BTreeMap<Field, Rung>,
}

/// What was measured since the machine stands on its rung.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Whole days of measurement.
    pub days: u32,
    /// Decisions that were judged.
    pub decisions: u32,
    /// Of these, those that people kept as they were.
    pub kept: u32,
    /// Breaches of a limit by what was proposed.
    pub breaches: u32,
    /// Money against the reference policy, in minor units; the lower end of its 90 % interval. Nothing where it was not
    /// measured.
    pub value_low: Option<i64>,
}

/// What makes the machine fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// It broke a limit.
    Breach,
    /// Forecasts or inputs drift.
    Drift,
    /// Data are quarantined, stale or out of range.
    Data,
    /// A checkpoint of the audit trail or a reading was missed.
    MissedCheckpoint,
}

impl Alarm {
    /// What a breach at the gate says of the machine; nothing where what people ordered or decided stood in the way.
    pub fn of(breach: &Breach) -> Option<Self> {
        const BY_PEOPLE: [&str; 8] =
            ["stop", "stop unknown", "lease", "limits", "who may", "veto", "guardrail", "validity"];
        const OF_DATA: [&str; 3] = ["quarantine", "data_age_hours_max", "forecast_change_mads_max"];
        let limit = breach.limit.as_str();
        match () {
            () if BY_PEOPLE.contains(&limit) => None,
            () if OF_DATA.contains(&limit) || breach.found.ends_with("is not known") => Some(Self::Data),
            () => Some(Self::Breach),
        }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Breach => "a limit was broken",
            Self::Drift => "sales or forecasts drift",
            Self::Data => "data raised an alarm",
            Self::MissedCheckpoint => "a checkpoint of the audit trail was missed",
        })
    }
}

/// Why the machine does not rise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRaised {
    /// No person is named, or an agent is.
    #[error("only a named person raises the machine")]
    NoPerson,
    /// It stands on the highest rung.
    #[error("there is no higher rung")]
    Top,
    /// Nobody has set out what is needed.
    #[error("no rule says what is needed to rise to {0:?}: set one out first")]
    NoRule(Autonomy),
    /// The rule asks for something that nobody measures.
    #[error("{0} is not measured yet, and the rule asks for it: leave it out of the rule, or stay on this rung")]
    NotMeasured(&'static str),
    /// The evidence does not suffice.
    #[error("{what} is {found}, needed {needed}")]
    TooLittle {
        /// What falls short.
        what: &'static str,
        /// What was measured.
        found: i64,
        /// What is needed.
        needed: i64,
    },
}

/// All rungs from the lowest.
const RUNGS: [Autonomy; 5] =
    [Autonomy::Halted, Autonomy::Advise, Autonomy::Propose, Autonomy::ActWithVeto, Autonomy::Act];

impl Ladder {
    /// The rung above the one that the machine stands on.
    pub fn next(&self, field: &Field) -> Option<Autonomy> {
        let present = self.autonomy(field);
        RUNGS.into_iter().find(|rung| *rung > present)
    }

    /// The rung below the one that the machine stands on.
    pub fn below(&self, field: &Field) -> Option<Autonomy> {
        let present = self.autonomy(field);
        RUNGS.into_iter().rfind(|rung| *rung < present)
    }

    /// All rungs that were set.
    pub fn rungs(&self) -> impl Iterator<Item = (&Field, &Rung)> {
        self.rungs.iter()
    }

    /// How far the machine may go in a field.
    pub fn autonomy(&self, field: &Field) -> Autonomy {
        self.rungs.get(field).map_or(Autonomy::Advise, |rung| rung.autonomy)
    }

    /// The rung in a field, where one was set.
    pub fn rung(&self, field: &Field) -> Option<&Rung> {
        self.rungs.get(field)
    }

    /// Raises the machine by one rung.
    ///
    /// # Errors
    /// [`NotRaised`] when nobody is named, the person is none, or the evidence does not meet the rule for the next rung.
    pub fn raise(
        &self,
        field: &Field,
        (person, human): (&str, bool),
        evidence: &Evidence,
        rules: &[RiseRule],
        now: Timestamp,
    ) -> Result<Self, NotRaised> {
        if !human || person.trim().is_empty() {
            return Err(NotRaised::NoPerson);
        }
        let next = self.next(field).ok_or(NotRaised::Top)?;
        let rule = rules.iter().find(|rule| rule.to == next).ok_or(NotRaised::NoRule(next))?;
        evidence.meets(rule)?;
        Ok(self.set(field, next, now, format!("raised by {person}")))
    }

    /// Lets the machine fall; it never rises by this.
    ///
    /// A breach costs a rung and leaves a person to send; anything else leaves a person to send as well.
    pub fn fall(&self, field: &Field, alarm: Alarm, now: Timestamp) -> Self {
        let present = self.autonomy(field);
        let below = self.below(field).unwrap_or(Autonomy::Halted);
        let lower = if alarm == Alarm::Breach { below } else { present };
        match lower.min(Autonomy::Propose) {
            next if next < present => self.set(field, next, now, format!("fell: {alarm:?}")),
            _ => self.clone(),
        }
    }

    /// Lowers the machine by hand, which everybody may who may stop it; a higher rung is left as it is.
    pub fn lower(&self, field: &Field, to: Autonomy, by: &str, now: Timestamp) -> Self {
        if to < self.autonomy(field) { self.set(field, to, now, format!("lowered by {by}")) } else { self.clone() }
    }

    fn set(&self, field: &Field, autonomy: Autonomy, since: Timestamp, because: String) -> Self {
        let mut next = self.clone();
        next.rungs.insert(field.clone(), Rung { autonomy, since, because });
        next
    }
}

impl Evidence {
    fn meets(&self, rule: &RiseRule) -> Result<(), NotRaised> {
        let kept_needed = i64::from(rule.kept_min.basis_points()) * i64::from(self.decisions);
        for (what, found, needed) in [
            ("days measured", self.days.into(), rule.days_min.into()),
            ("decisions judged", self.decisions.into(), rule.decisions_min.into()),
            ("decisions kept", self.kept.into(), (kept_needed + 9_999) / 10_000),
        ] {
            if found < needed {
                return Err(NotRaised::TooLittle { what, found, needed });
            }
        }
        if let Some(needed) = rule.value_low_min {
            let what = "value against the reference";
            let found = self.value_low.ok_or(NotRaised::NotMeasured(what))?;
            if found < needed {
                return Err(NotRaised::TooLittle { what, found, needed });
            }
        }
        if self.breaches > rule.breaches_max || self.kept > self.decisions {
            let (found, needed) = (self.breaches.into(), rule.breaches_max.into());
            return Err(NotRaised::TooLittle { what: "breaches", found, needed });
        }
        Ok(())
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} at {}", self.action.replace('_', " "), self.category, self.channel)
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { days, decisions, kept, breaches, value_low } = self;
        write!(f, "{days} days, {decisions} decisions judged, {kept} kept, {breaches} breaches")?;
        value_low.map_or(Ok(()), |value| write!(f, ", value from {value}"))
    }
}

impl From<Vec<(Field, Rung)>> for Ladder {
    fn from(rungs: Vec<(Field, Rung)>) -> Self {
        Self { rungs: rungs.into_iter().collect() }
    }
}

impl From<Ladder> for Vec<(Field, Rung)> {
    fn from(ladder: Ladder) -> Self {
        ladder.rungs.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_model::Share;
    use proptest::prelude::*;

    fn field() -> Field {
        Field { category: "dairy".into(), channel: "till".into(), action: "set_price".into() }
    }

    fn rules() -> Vec<RiseRule> {
        let rule = |to| RiseRule {
            to,
            days_min: 28,
            decisions_min: 100,
            kept_min: Share::of_basis_points(9_500),
            breaches_max: 0,
            value_low_min: Some(0),
        };
        [Autonomy::Propose, Autonomy::ActWithVeto, Autonomy::Act].map(rule).into()
    }

    fn good() -> Evidence {
        Evidence { days: 28, decisions: 100, kept: 95, breaches: 0, value_low: Some(0) }
    }

    fn now() -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn raised(ladder: &Ladder, evidence: &Evidence) -> Result<Ladder, NotRaised> {
        ladder.raise(&field(), ("ada", true), evidence, &rules(), now())
    }

    #[test]
    fn it_rises_rung_by_rung_to_the_top_and_says_who_raised_it() {
        let mut ladder = Ladder::default();
        for rung in [Autonomy::Advise, Autonomy::Propose, Autonomy::ActWithVeto, Autonomy::Act] {
            assert_eq!(ladder.autonomy(&field()), rung);
            ladder = raised(&ladder, &good()).unwrap_or(ladder);
        }
        assert_eq!(raised(&ladder, &good()), Err(NotRaised::Top));
        assert_eq!(ladder.rung(&field()).unwrap().because, "raised by ada");
        let elsewhere = Field { category: "toys".into(), ..field() };
        assert_eq!(ladder.autonomy(&elsewhere), Autonomy::Advise);
    }

    #[test]
    fn each_piece_of_evidence_is_needed() {
        for (what, short) in [
            ("days measured", Evidence { days: 27, ..good() }),
            ("decisions judged", Evidence { decisions: 99, kept: 99, ..good() }),
            ("decisions kept", Evidence { kept: 94, ..good() }),
            ("decisions kept", Evidence { decisions: 101, kept: 95, ..good() }),
            ("breaches", Evidence { breaches: 1, ..good() }),
            ("breaches", Evidence { kept: 101, ..good() }),
            ("value against the reference", Evidence { value_low: Some(-1), ..good() }),
        ] {
            let why = raised(&Ladder::default(), &short).unwrap_err();
            assert!(matches!(why, NotRaised::TooLittle { what: told, .. } if told == what), "{what}: {why}");
        }
    }

    #[test]
    fn money_that_is_not_measured_is_no_money_and_is_not_asked_for_unless_the_rule_does() {
        let unmeasured = Evidence { value_low: None, ..good() };
        assert!(matches!(raised(&Ladder::default(), &unmeasured), Err(NotRaised::NotMeasured(_))));
        let rules: Vec<RiseRule> = rules().into_iter().map(|rule| RiseRule { value_low_min: None, ..rule }).collect();
        assert!(Ladder::default().raise(&field(), ("ada", true), &unmeasured, &rules, now()).is_ok());
    }

    #[test]
    fn only_a_named_person_raises_it_and_only_by_a_rule() {
        let by = |who| Ladder::default().raise(&field(), who, &good(), &rules(), now());
        assert_eq!(by(("robot", false)), Err(NotRaised::NoPerson));
        assert_eq!(by((" ", true)), Err(NotRaised::NoPerson));
        let unruled = Ladder::default().raise(&field(), ("ada", true), &good(), &rules()[1..], now());
        assert_eq!(unruled, Err(NotRaised::NoRule(Autonomy::Propose)));
    }

    #[test]
    fn it_falls_by_itself_to_where_a_person_sends() {
        let on = |rung| Ladder::default().set(&field(), rung, now(), String::new());
        for (from, alarm, to) in [
            (Autonomy::Act, Alarm::Breach, Autonomy::Propose),
            (Autonomy::ActWithVeto, Alarm::Data, Autonomy::Propose),
            (Autonomy::Act, Alarm::Drift, Autonomy::Propose),
            (Autonomy::Act, Alarm::MissedCheckpoint, Autonomy::Propose),
            (Autonomy::Propose, Alarm::Breach, Autonomy::Advise),
            (Autonomy::Propose, Alarm::Drift, Autonomy::Propose),
            (Autonomy::Advise, Alarm::Breach, Autonomy::Halted),
            (Autonomy::Halted, Alarm::Breach, Autonomy::Halted),
        ] {
            assert_eq!(on(from).fall(&field(), alarm, now()).autonomy(&field()), to, "{from:?} {alarm:?}");
        }
        assert_eq!(
            on(Autonomy::Act).fall(&field(), Alarm::Drift, now()).rung(&field()).unwrap().because,
            "fell: Drift"
        );
    }

    #[test]
    fn what_people_ordered_is_no_alarm_and_what_is_not_known_is_one_of_data() {
        let breach = |limit: &str, found: &str| {
            let (found, allowed, at) = (found.to_owned(), String::new(), String::new());
            Alarm::of(&Breach { limit: limit.to_owned(), found, allowed, at })
        };
        assert_eq!(breach("price_step_max", "70 of 100"), Some(Alarm::Breach));
        assert_eq!(breach("price_step_max", "the last confirmed price is not known"), Some(Alarm::Data));
        assert_eq!(breach("data_age_hours_max", "60 hours old"), Some(Alarm::Data));
        for limit in ["stop", "who may", "veto", "guardrail", "limits"] {
            assert_eq!(breach(limit, "ada froze everything"), None, "{limit}");
        }
    }

    #[test]
    fn lowering_by_hand_never_raises() {
        let ladder = Ladder::default();
        assert_eq!(ladder.lower(&field(), Autonomy::Act, "ada", now()), ladder);
        let halted = ladder.lower(&field(), Autonomy::Halted, "ada", now());
        assert_eq!(halted.autonomy(&field()), Autonomy::Halted);
    }

    proptest! {
        #[test]
        fn it_rises_by_one_rung_with_good_evidence_and_a_person_and_in_no_other_way(
            steps in prop::collection::vec((0u8..4, any::<bool>(), 27u32..30, 0u32..2), 0..30),
        ) {
            let mut ladder = Ladder::default();
            for (what, human, days, breaches) in steps {
                let before = ladder.autonomy(&field());
                let evidence = Evidence { days, breaches, ..good() };
                let alarm = if days == 27 { Alarm::Breach } else { Alarm::Drift };
                ladder = match what {
                    0 | 1 => ladder.raise(&field(), ("ada", human), &evidence, &rules(), now()).unwrap_or(ladder),
                    2 => ladder.fall(&field(), alarm, now()),
                    _ => ladder.lower(&field(), Autonomy::Propose, "ada", now()),
                };
                let after = ladder.autonomy(&field());
                let may_rise = what < 2 && human && days >= 28 && breaches == 0;
                prop_assert!(after <= before || (may_rise && RUNGS.iter().position(|r| *r == after) == RUNGS.iter().position(|r| *r == before).map(|at| at + 1)));
                prop_assert!(what != 2 || after <= Autonomy::Propose);
                let text = serde_json::to_string(&ladder).unwrap();
                prop_assert_eq!(&serde_json::from_str::<Ladder>(&text).unwrap(), &ladder);
            }
        }
    }
}
