//! Halt: what the loop may do at all, as its journal tells it, and when it stops itself.
//!
//! A stop lasts until a named person resumes, and the way back leads through shadow: plans are made and judged and
//! nothing is published. What people go on with meanwhile is named in the stop: the plan that was published last and
//! the last forecast from before. Pure: from events to what may be done.

use endcap_demand::Regime;
use endcap_model::{Calendar, ContentHash, Event, Halt, PlanId};
use serde::{Deserialize, Serialize};

/// Who halted, where the loop did itself.
pub const BY_ITSELF: &str = "endcap, on sales outside the range that it knows";

/// What the loop may do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Mode {
    /// Plan, and publish what policy approves.
    #[default]
    Acting,
    /// Plan and judge; publish nothing.
    Shadow {
        /// Who let it run again.
        by: String,
        /// Why.
        reason: String,
    },
    /// Nothing.
    Halted {
        /// Why, by whom, and what still holds.
        halt: Halt,
    },
}

/// A resumption that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResumeRefused {
    /// Nothing was halted.
    #[error("the loop is not halted: there is nothing to resume")]
    Running,
    /// The way back leads through shadow.
    #[error("the loop is halted: resume it in shadow first, and let it act once its plans have been looked at")]
    ShadowFirst,
    /// It runs in shadow already.
    #[error("the loop runs in shadow already")]
    InShadow,
    /// Nobody, or no reason.
    #[error("{0} is missing: a named person with a reason resumes, nobody else")]
    Nameless(&'static str),
}

impl Mode {
    /// Reads what the loop may do off its journal.
    pub fn of(events: &[Event]) -> Self {
        events.iter().fold(Self::Acting, Self::after)
    }

    /// Returns what may be done after an event.
    pub fn after(self, event: &Event) -> Self {
        match event {
            Event::Halted { halt } => Self::Halted { halt: halt.clone() },
            Event::Resumed { by, reason, shadow: true } => Self::Shadow { by: by.clone(), reason: reason.clone() },
            Event::Resumed { .. } => Self::Acting,
            _ => self,
        }
    }

    /// Lets the loop run again: from a halt in shadow, from shadow to act.
    ///
    /// # Errors
    /// [`ResumeRefused`] where that is not the next rung, or without a person or a reason.
    pub fn resume(&self, by: &str, reason: &str, shadow: bool) -> Result<Event, ResumeRefused> {
        for (given, what) in [(by, "the name"), (reason, "the reason")] {
            if given.trim().is_empty() {
                return Err(ResumeRefused::Nameless(what));
            }
        }
        match (self, shadow) {
            (Self::Acting, _) => Err(ResumeRefused::Running),
            (Self::Halted { .. }, false) => Err(ResumeRefused::ShadowFirst),
            (Self::Shadow { .. }, true) => Err(ResumeRefused::InShadow),
            _ => Ok(Event::Resumed { by: by.trim().to_owned(), reason: reason.trim().to_owned(), shadow }),
        }
    }
}

/// Returns a stop with the last plan and forecast that the journal knows.
pub fn halted(events: &[Event], by: &str, reason: &str) -> Halt {
    let (plan, forecast) = last_good(events);
    Halt { by: by.to_owned(), reason: reason.to_owned(), plan, forecast }
}

/// The plan that was published last, and the last forecast.
pub fn last_good(events: &[Event]) -> (Option<PlanId>, Option<ContentHash>) {
    let back = || events.iter().rev();
    let plan = back().find_map(|event| match event {
        Event::Published { plan, .. } => Some(plan.clone()),
        _ => None,
    });
    let forecast = back().find_map(|event| match event {
        Event::Forecast { forecast } => Some(forecast.clone()),
        _ => None,
    });
    (plan, forecast)
}

/// Decides whether the loop stops itself: only while it acts, and only on sales out of range.
pub fn watch(events: &[Event], regime: Option<Regime>, calendar: Calendar) -> Option<Halt> {
    let regime = regime.filter(|regime| regime.outside)?;
    (Mode::of(events) == Mode::Acting).then(|| halted(events, BY_ITSELF, &regime.told(calendar)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_demand::Measured;
    use endcap_model::hash_bytes;

    fn collapse(outside: bool) -> Option<Regime> {
        let (sold, expected) = (0.0, 900.0);
        let shift = Measured { value: 0.0, lo95: 0.0, hi95: 0.2 };
        Some(Regime { periods: 2, sold, expected, ratio: 0.0, lowest: 0.7, highest: 1.4, shift, outside })
    }

    #[test]
    fn a_collapse_halts_and_names_the_last_plan_and_forecast() {
        let events =
            [Event::Forecast { forecast: hash_bytes(b"old") }, Event::Forecast { forecast: hash_bytes(b"new") }];
        let halt = watch(&events, collapse(true), Calendar::Week).unwrap();
        assert_eq!((halt.plan.clone(), halt.forecast.clone()), (None, Some(hash_bytes(b"new"))));
        assert!(halt.reason.contains("sold 0 pieces where 900 were expected"), "{}", halt.reason);
        assert_eq!(watch(&[Event::Halted { halt }], collapse(true), Calendar::Week), None, "it halts once");
        assert_eq!(watch(&events, collapse(false), Calendar::Week), None);
    }

    #[test]
    fn the_way_back_is_a_named_person_and_leads_through_shadow() {
        let stopped = Mode::of(&[Event::Halted { halt: halted(&[], "Ada", "stores are shut") }]);
        assert_eq!(stopped.resume("Ada", "stores open", false), Err(ResumeRefused::ShadowFirst));
        assert_eq!(stopped.resume(" ", "stores open", true), Err(ResumeRefused::Nameless("the name")));
        assert_eq!(stopped.resume("Ada", "", true), Err(ResumeRefused::Nameless("the reason")));
        let resumed = stopped.resume("Ada", "stores open", true).unwrap();
        let shadow = stopped.after(&resumed);
        assert!(matches!(&shadow, Mode::Shadow { by, .. } if by == "Ada"));
        assert_eq!(shadow.resume("Ada", "again", true), Err(ResumeRefused::InShadow));
        let acting = shadow.resume("Grace", "four good weeks", false).unwrap();
        assert_eq!(shadow.after(&acting), Mode::Acting);
        assert_eq!(Mode::Acting.resume("Ada", "why not", true), Err(ResumeRefused::Running));
    }
}
