//! Scribe: which of the loop's events are decisions, and what the audit trail says of them.
//!
//! Pure: from events to entries. Names and reasons of people are personal values; what programs say is open.

use crate::halt::BY_ITSELF;
use endcap_govern::audit::{Entry, Grounds, Ruling, Told};
use endcap_model::{ContentHash, Contested, Decision, Event, Halt, PlanId, SnapshotId, Succession, Verdict};
use std::collections::BTreeMap;

/// What programs sign with.
const PROGRAM: &str = "endcap";

/// What the loop knew when it decided, as its events told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scribe {
    snapshot: Option<SnapshotId>,
    model: Option<ContentHash>,
    /// What each plan was judged on: one that waits for people goes out after others were judged.
    judged: BTreeMap<PlanId, Grounds>,
}

impl Scribe {
    /// Takes the next event; returns what is to be recorded when it is a decision.
    pub fn write(&mut self, event: &Event) -> Option<Entry<Told>> {
        match event {
            Event::Ingested { snapshot, .. } => {
                *self =
                    Self { snapshot: Some(snapshot.clone()), model: None, judged: std::mem::take(&mut self.judged) };
                None
            }
            Event::Adjusted { model, .. } => {
                self.model = Some(model.clone());
                None
            }
            Event::Revised { snapshot, model, .. } => {
                (self.snapshot, self.model) = (Some(snapshot.clone()), Some(model.clone()));
                None
            }
            Event::Judged { plan, decision } => {
                let grounds = self.grounds(decision);
                self.judged.insert(plan.clone(), grounds.clone());
                let (ruling, reasons) = ruled(&decision.verdict);
                let mut entry = Entry::new(Told::open(PROGRAM), "plan judged", Told::open(plan), ruling);
                entry.on_behalf_of = decision.signed.as_ref().map(|signed| Told::personal(&signed.person));
                entry.reasons = reasons.into_iter().map(Told::Open).collect();
                Some(Entry { grounds, ..entry })
            }
            Event::Published { plan, receipt } => {
                let entry = Entry::new(Told::open(PROGRAM), "plan published", Told::open(plan), Ruling::Allowed);
                let (effect, answer) = (Some(receipt.key.clone()), Some(receipt.content.clone()));
                let grounds = self.judged.get(plan).cloned().unwrap_or_default();
                Some(Entry { grounds, effect, answer, ..entry })
            }
            Event::Held { snapshot, reasons } => {
                let (program, subject) = (Told::open(PROGRAM), Told::open(format!("model of {snapshot}")));
                let mut entry = Entry::new(program, "model held", subject, Ruling::Allowed);
                entry.reasons = reasons.iter().map(Told::open).collect();
                Some(entry)
            }
            Event::Registered { entry } => {
                let mut told =
                    Entry::new(Told::open(PROGRAM), "model registered", Told::open(&entry.model), Ruling::Allowed);
                told.reasons = entry.unsound.iter().map(Told::open).collect();
                told.grounds =
                    Grounds { model: Some(entry.model.clone()), snapshot: entry.snapshot.clone(), ..told.grounds };
                Some(told)
            }
            Event::Contested { contested } => contest(contested),
            Event::Appointed { appointed } => {
                let action = if appointed.back { "model rolled back" } else { "model promoted" };
                let (by, subject) = (Told::personal(&appointed.by), Told::open(&appointed.model));
                let mut told = Entry::new(by, action, subject, Ruling::Allowed);
                told.reasons = vec![Told::personal(&appointed.reason)];
                told.grounds = Grounds { model: appointed.former.clone(), ..told.grounds };
                Some(told)
            }
            Event::Halted { halt } => Some(halted(halt)),
            Event::Resumed { by, reason, shadow } => {
                let action = if *shadow { "loop resumed in shadow" } else { "loop resumed" };
                let mut entry = Entry::new(Told::personal(by), action, Told::open("loop"), Ruling::Allowed);
                entry.reasons = vec![Told::personal(reason)];
                Some(entry)
            }
            _ => None,
        }
    }

    fn grounds(&self, decision: &Decision) -> Grounds {
        Grounds {
            proposal: Some(decision.content.clone()),
            limits: None,
            policy: Some(decision.policy.clone()),
            model: self.model.clone(),
            snapshot: self.snapshot.clone(),
            objectives: None,
        }
    }
}

/// A look that changes nothing is no decision.
fn contest(contested: &Contested) -> Option<Entry<Told>> {
    let (action, ruling) = match contested.ruling {
        Succession::Waits => return None,
        Succession::Passed => ("model passed the gate", Ruling::Allowed),
        Succession::Refused => ("model refused by the gate", Ruling::Refused),
    };
    let mut told = Entry::new(Told::open(PROGRAM), action, Told::open(&contested.challenger), ruling);
    told.reasons = contested.reasons.iter().map(Told::open).collect();
    told.grounds = Grounds {
        proposal: contested.contest.clone(),
        model: contested.champion.clone(),
        snapshot: Some(contested.snapshot.clone()),
        ..told.grounds
    };
    Some(told)
}

fn ruled(verdict: &Verdict) -> (Ruling, Vec<String>) {
    match verdict {
        Verdict::Approved => (Ruling::Allowed, vec![]),
        Verdict::NeedsPerson { reasons } => (Ruling::NeedsPerson, reasons.clone()),
        Verdict::Refused { breaches } => (Ruling::Refused, breaches.iter().map(ToString::to_string).collect()),
    }
}

fn halted(halt: &Halt) -> Entry<Told> {
    let by_itself = halt.by == BY_ITSELF;
    let told = if by_itself { Told::Open } else { Told::Personal };
    let mut entry = Entry::new(told(halt.by.clone()), "loop halted", Told::open("loop"), Ruling::Allowed);
    entry.reasons = vec![told(halt.reason.clone())];
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_model::{Breach, Receipt, hash_bytes};

    fn told(events: &[Event]) -> Vec<Entry<Told>> {
        let mut scribe = Scribe::default();
        events.iter().filter_map(|event| scribe.write(event)).collect()
    }

    fn judged(verdict: Verdict) -> [Event; 3] {
        let decision = Decision { content: hash_bytes(b"plan"), policy: hash_bytes(b"policy"), verdict, signed: None };
        [
            Event::Ingested { snapshot: "s".into(), rows_read: 1, rows_set_aside: 0 },
            Event::Adjusted { model: hash_bytes(b"model"), edits: vec![] },
            Event::Judged { plan: "p".into(), decision },
        ]
    }

    #[test]
    fn a_judged_and_published_plan_is_recorded_with_all_that_it_rests_on() {
        let receipt = Receipt { key: "p".into(), connector: "files".into(), content: hash_bytes(b"there") };
        let mut events = judged(Verdict::Approved).to_vec();
        events.push(Event::Published { plan: "p".into(), receipt });
        let entries = told(&events);
        let actions: Vec<&str> = entries.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(actions, ["plan judged", "plan published"]);
        for entry in &entries {
            assert_eq!(entry.grounds.proposal, Some(hash_bytes(b"plan")));
            assert_eq!(entry.grounds.policy, Some(hash_bytes(b"policy")));
            assert_eq!(entry.grounds.model, Some(hash_bytes(b"model")));
            assert_eq!(entry.grounds.snapshot, Some("s".into()));
        }
        assert_eq!((entries[1].effect.as_deref(), &entries[1].answer), (Some("p"), &Some(hash_bytes(b"there"))));
    }

    #[test]
    fn a_refusal_is_recorded_with_its_reasons() {
        let breach = Breach { limit: "spend".into(), at: "plan".into(), found: "9".into(), allowed: "5".into() };
        let entries = told(&judged(Verdict::Refused { breaches: vec![breach.clone()] }));
        assert_eq!((entries[0].ruling, &entries[0].reasons), (Ruling::Refused, &vec![Told::open(breach)]));
    }

    #[test]
    fn what_people_say_is_personal_and_what_the_loop_says_is_open() {
        let by =
            |by: &str| Event::Halted { halt: Halt { by: by.into(), reason: "why".into(), plan: None, forecast: None } };
        let resumed = Event::Resumed { by: "Ada".into(), reason: "open again".into(), shadow: true };
        let entries = told(&[by("Ada"), by(BY_ITSELF), resumed]);
        assert_eq!((&entries[0].actor, &entries[0].reasons[0]), (&Told::personal("Ada"), &Told::personal("why")));
        assert_eq!((&entries[1].actor, &entries[1].reasons[0]), (&Told::open(BY_ITSELF), &Told::open("why")));
        assert_eq!((&entries[2].actor, entries[2].action.as_str()), (&Told::personal("Ada"), "loop resumed in shadow"));
    }
}
