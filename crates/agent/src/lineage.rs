//! Lineage: which job made what from what, read off the journal. Pure: events in, runs of jobs out.

use endcap_model::{ContentHash, Event, Succession};
use jiff::Timestamp;
use serde::Serialize;

/// Something that a job read or made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Thing {
    /// What it is: `facts`, `estimates`, `model`, `forecast`, `projection`, `plan`, `trial`, `decision` or `published`.
    pub kind: &'static str,
    /// Its name, which is a hash of its content or of what it was made from.
    pub id: String,
}

/// One job that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ran {
    /// Number of its event in the journal, from 1 on.
    pub event: usize,
    /// The job.
    pub job: &'static str,
    /// When its result was kept.
    pub at: Timestamp,
    /// What it read.
    pub from: Vec<Thing>,
    /// What it made.
    pub made: Thing,
}

/// What runs went through so far.
#[derive(Default)]
struct Course {
    facts: Option<Thing>,
    /// Facts that estimates are taken from, where those are others.
    held: Option<Thing>,
    estimates: Option<Thing>,
    model: Option<Thing>,
    forecast: Option<Thing>,
    projection: Option<Thing>,
    trial: Option<Thing>,
    decision: Option<Thing>,
}

/// The jobs of a journal, in order.
pub fn jobs(events: &[(Timestamp, Event)]) -> Vec<Ran> {
    let mut course = Course::default();
    let ran = (1..).zip(events).filter_map(|(number, (at, event))| {
        let (job, from, made) = course.after(event)?;
        Some(Ran { event: number, job, at: *at, from: from.into_iter().flatten().collect(), made })
    });
    ran.collect()
}

/// What something was made by, and what that was made from, back to the facts; oldest first.
pub fn back(jobs: &[Ran], id: &str) -> Vec<Ran> {
    let mut wanted = vec![id.to_owned()];
    let mut found: Vec<Ran> = vec![];
    for ran in jobs.iter().rev() {
        let made_it = wanted.contains(&ran.made.id);
        // What was worked out twice from the same is the same: its last time is enough.
        if made_it && !found.iter().any(|other| other.made == ran.made) {
            wanted.extend(ran.from.iter().map(|thing| thing.id.clone()));
            found.push(ran.clone());
        }
    }
    found.reverse();
    found
}

/// The last thing of a kind that was made; a prefix of its name is enough where one is given.
pub fn last<'a>(jobs: &'a [Ran], wanted: &str) -> Option<&'a Thing> {
    // Estimates that nobody edited are the model.
    let kind = |thing: &&Thing| thing.kind == wanted || wanted == "model" && thing.kind == "estimates";
    let made = || jobs.iter().rev().map(|ran| &ran.made);
    made().find(kind).or_else(|| made().find(|thing| wanted.len() >= 6 && thing.id.starts_with(wanted)))
}

fn thing(kind: &'static str, id: &impl ToString) -> Thing {
    Thing { kind, id: id.to_string() }
}

impl Course {
    /// Takes a model for the estimates; nothing is made by that.
    fn go_on_with<T>(&mut self, model: &ContentHash) -> Option<T> {
        self.estimates = Some(thing("estimates", model));
        None
    }

    fn after(&mut self, event: &Event) -> Option<(&'static str, Vec<Option<Thing>>, Thing)> {
        let told = match event {
            Event::Ingested { snapshot, .. } => {
                let facts = thing("facts", snapshot);
                *self = Self { facts: Some(facts.clone()), ..Self::default() };
                ("load", vec![], facts)
            }
            Event::Held { snapshot, .. } => {
                self.held = Some(thing("facts", snapshot));
                return None;
            }
            Event::Fitted { model } => {
                let estimates = thing("estimates", model);
                self.estimates = Some(estimates.clone());
                ("fit", vec![self.held.clone().or_else(|| self.facts.clone())], estimates)
            }
            Event::Adjusted { model, .. } => {
                let made = thing("model", model);
                self.model = Some(made.clone());
                ("adjust", vec![self.estimates.clone()], made)
            }
            Event::Backtested { backtest } => ("backtest", vec![self.facts.clone()], thing("backtest", backtest)),
            Event::Forecast { forecast } => {
                let made = thing("forecast", forecast);
                self.forecast = Some(made.clone());
                ("forecast", vec![self.facts.clone(), self.model.clone()], made)
            }
            Event::Projected { projection } => {
                let made = thing("projection", projection);
                self.projection = Some(made.clone());
                ("project", vec![self.facts.clone(), self.forecast.clone()], made)
            }
            Event::Planned { plan, .. } => {
                ("plan", vec![self.facts.clone(), self.model.clone(), self.forecast.clone()], thing("plan", plan))
            }
            Event::Revised { plan, former, snapshot, .. } => {
                let from = [thing("facts", snapshot), thing("plan", former)].map(Some);
                ("plan the rest", from.to_vec(), thing("plan", plan))
            }
            Event::Stressed { plan, outcome } => {
                let made = thing("trial", outcome);
                self.trial = Some(made.clone());
                ("try in worlds", vec![Some(thing("plan", plan)), self.facts.clone()], made)
            }
            Event::Judged { plan, decision } => {
                let made = thing("decision", &decision.content);
                self.decision = Some(made.clone());
                ("judge", vec![Some(thing("plan", plan)), self.trial.clone()], made)
            }
            Event::Published { plan, receipt } => {
                let from = vec![Some(thing("plan", plan)), self.decision.clone()];
                ("publish", from, thing("published", &receipt.content))
            }
            // The loop goes on with the champion, whatever was fitted last.
            Event::Watched { watched } => return self.go_on_with(&watched.champion),
            Event::Appointed { appointed } => return self.go_on_with(&appointed.model),
            Event::Contested { contested } => {
                let champion = contested.champion.as_ref();
                let passed = contested.ruling == Succession::Passed;
                return self.go_on_with(champion.filter(|_| !passed).unwrap_or(&contested.challenger));
            }
            Event::Checked { .. }
            | Event::Registered { .. }
            | Event::Supplied { .. }
            | Event::Halted { .. }
            | Event::Resumed { .. }
            | Event::Failed { .. } => return None,
        };
        // Estimates that stay as they are have the name of the model that is used.
        (!(told.0 == "adjust" && told.1.first() == Some(&Some(thing("estimates", &told.2.id))))).then_some(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_model::hash_bytes;

    fn hash(text: &str) -> ContentHash {
        hash_bytes(text.as_bytes())
    }

    fn one_run(facts: &str, edited: bool) -> Vec<Event> {
        let model = hash(&format!("model {facts}"));
        let used = if edited { hash(&format!("edited {facts}")) } else { model.clone() };
        vec![
            Event::Ingested { snapshot: facts.into(), rows_read: 1, rows_set_aside: 0 },
            Event::Checked { ready: 1, not_ready: 0 },
            Event::Fitted { model },
            Event::Adjusted { model: used, edits: vec![] },
            Event::Forecast { forecast: hash(&format!("forecast {facts}")) },
            Event::Planned { plan: format!("plan {facts}").as_str().into(), value: 1, bound: 1 },
        ]
    }

    fn timed(events: impl IntoIterator<Item = Event>) -> Vec<(Timestamp, Event)> {
        events.into_iter().map(|event| (Timestamp::UNIX_EPOCH, event)).collect()
    }

    #[test]
    fn a_plan_leads_back_to_the_facts_that_it_was_made_from_and_to_no_others() {
        let all = jobs(&timed(one_run("monday", true).into_iter().chain(one_run("tuesday", false))));
        let names = |id: &str| -> Vec<(&str, String)> {
            back(&all, id).into_iter().map(|ran| (ran.job, ran.made.kind.to_owned())).collect()
        };
        let kinds: Vec<&str> = names("plan monday").iter().map(|(job, _)| *job).collect();
        assert_eq!(kinds, ["load", "fit", "adjust", "forecast", "plan"]);
        let facts: Vec<String> = back(&all, "plan tuesday")
            .into_iter()
            .flat_map(|ran| ran.from)
            .filter(|thing| thing.kind == "facts")
            .map(|thing| thing.id)
            .collect();
        assert!(!facts.is_empty() && facts.iter().all(|id| id == "tuesday"), "{facts:?}");
        assert_eq!(last(&all, "plan").map(|thing| thing.id.as_str()), Some("plan tuesday"));
        assert_eq!(last(&all, "plan m").map(|thing| thing.id.as_str()), Some("plan monday"));
        assert_eq!(last(&all, "trial"), None);
    }

    #[test]
    fn estimates_from_earlier_facts_lead_back_to_those() {
        let mut events = one_run("tuesday", true);
        events.insert(2, Event::Held { snapshot: "monday".into(), reasons: vec!["sales drift".into()] });
        let all = jobs(&timed(events));
        let fit = all.iter().find(|ran| ran.job == "fit").unwrap();
        assert_eq!(fit.from, [Thing { kind: "facts", id: "monday".into() }]);
    }
}
