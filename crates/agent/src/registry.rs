//! Registry: every model of a project, what it was made from, how it did, and which one the loop uses.
//!
//! Nothing is kept beside the journal: the registry is read off its events, so that no restart forgets a champion and none is
//! told that the journal does not know. Pure: from events to models.

use endcap_model::{Appointed, ContentHash, Contested, Event, Registered, Succession};
use serde::{Deserialize, Serialize};

/// Who decides where no person does.
pub const GATE: &str = "endcap, by the gate for models";

/// What a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// The loop uses it.
    Champion,
    /// It forecasts beside the champion, and nothing follows from it.
    Challenger,
    /// It was champion, or gave way to a newer challenger.
    Retired,
    /// The gate refused it.
    Refused,
}

/// A model with what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// How it came to be, and how it did.
    pub made: Registered,
    /// What it is now.
    pub state: ModelState,
    /// Who made it champion, the last time: a person or the gate. Nothing where nobody did.
    pub approved_by: Option<String>,
    /// Why it is what it is.
    pub reason: String,
    /// What the gate found, look by look.
    pub contests: Vec<Contested>,
}

/// All models, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Registry {
    entries: Vec<Entry>,
    champion: Option<ContentHash>,
    /// Champions before, the last one last.
    former: Vec<ContentHash>,
}

/// A change of champion that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAppointed {
    /// No such model.
    #[error("no model of this project begins with {0}: `endcap models list` shows them")]
    Unknown(String),
    /// More than one.
    #[error("{0} begins the names of several models: give more of it")]
    Ambiguous(String),
    /// It is champion already.
    #[error("model {0} is the champion already")]
    Champion(String),
    /// Its effects are no effects.
    #[error("model {0} cannot be used: {1}")]
    Unsound(String, String),
    /// There is nothing to go back to.
    #[error("there was no champion before this one: nothing to go back to")]
    NoFormer,
    /// Nobody, or no reason.
    #[error("{0} is missing: a named person with a reason changes the champion, nobody else")]
    Nameless(&'static str),
}

impl Registry {
    /// Reads the models off a journal.
    pub fn of(events: &[Event]) -> Self {
        let mut registry = Self::default();
        events.iter().for_each(|event| registry.take(event));
        registry
    }

    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Registered { entry } => self.register(entry),
            Event::Contested { contested } => self.contested(contested),
            Event::Appointed { appointed } => self.appointed(appointed),
            _ => {}
        }
    }

    /// All models, the oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// One model.
    pub fn entry(&self, model: &ContentHash) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.made.model == *model)
    }

    /// The model that the loop uses; nothing before the first.
    pub fn champion(&self) -> Option<&Entry> {
        self.entry(self.champion.as_ref()?)
    }

    /// The model in shadow beside it; the newest where several are.
    pub fn challenger(&self) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.state == ModelState::Challenger)
    }

    /// The newest model, whatever became of it.
    pub fn newest(&self) -> Option<&Entry> {
        self.entries.iter().max_by_key(|entry| entry.made.span.end)
    }

    /// Finds a model by the beginning of its name.
    ///
    /// # Errors
    /// [`NotAppointed`] where none or several begin so.
    pub fn find(&self, name: &str) -> Result<&Entry, NotAppointed> {
        let mut found = self.entries.iter().filter(|entry| entry.made.model.as_str().starts_with(name));
        match (found.next(), found.next()) {
            (Some(entry), None) if !name.is_empty() => Ok(entry),
            (Some(_), _) => Err(NotAppointed::Ambiguous(name.to_owned())),
            (None, _) => Err(NotAppointed::Unknown(name.to_owned())),
        }
    }

    /// Makes a model the champion on the word of a person.
    ///
    /// # Errors
    /// [`NotAppointed`] where it is the champion, cannot be used, or nobody says so.
    pub fn promote(&self, name: &str, by: &str, reason: &str) -> Result<Event, NotAppointed> {
        named(by, reason)?;
        self.appoint(self.find(name)?, by, reason, false)
    }

    /// Goes back to the champion before this one.
    ///
    /// # Errors
    /// [`NotAppointed`] where there was none, or nobody says so.
    pub fn rollback(&self, by: &str, reason: &str) -> Result<Event, NotAppointed> {
        named(by, reason)?;
        let former = self.former.last().and_then(|former| self.entry(former)).ok_or(NotAppointed::NoFormer)?;
        self.appoint(former, by, reason, true)
    }

    fn appoint(&self, entry: &Entry, by: &str, reason: &str, back: bool) -> Result<Event, NotAppointed> {
        let model = entry.made.model.clone();
        if self.champion.as_ref() == Some(&model) {
            return Err(NotAppointed::Champion(model.short().to_owned()));
        }
        if !entry.made.unsound.is_empty() {
            return Err(NotAppointed::Unsound(model.short().to_owned(), entry.made.unsound.join("; ")));
        }
        let (by, reason) = (by.trim().to_owned(), reason.trim().to_owned());
        let appointed = Appointed { model, former: self.champion.clone(), by, reason, back };
        Ok(Event::Appointed { appointed: Box::new(appointed) })
    }

    fn register(&mut self, made: &Registered) {
        if self.entry(&made.model).is_some() {
            return;
        }
        // One challenger at a time: an older one has had its time, or knows less.
        for entry in self.entries.iter_mut().filter(|entry| entry.state == ModelState::Challenger) {
            entry.state = ModelState::Retired;
            entry.reason = format!("model {} took its place in shadow", made.model.short());
        }
        let (state, reason) = (ModelState::Challenger, "it is fitted, and has not been compared yet".to_owned());
        let entry = Entry { made: made.clone(), state, approved_by: None, reason, contests: vec![] };
        self.entries.push(entry);
    }

    fn contested(&mut self, contested: &Contested) {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.made.model == contested.challenger) else {
            return;
        };
        // The same facts planned again are the same look.
        if entry.contests.last() != Some(contested) {
            entry.contests.push(contested.clone());
        }
        entry.reason = contested.reasons.join("; ");
        match contested.ruling {
            Succession::Waits => {}
            Succession::Refused => entry.state = ModelState::Refused,
            Succession::Passed => {
                entry.approved_by = Some(GATE.to_owned());
                self.crown(&contested.challenger, true);
            }
        }
    }

    fn appointed(&mut self, appointed: &Appointed) {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.made.model == appointed.model) else { return };
        entry.approved_by = Some(appointed.by.clone());
        entry.reason = appointed.reason.clone();
        self.crown(&appointed.model, !appointed.back);
    }

    /// Makes a model the champion. Going back forgets the way forward: what was left is no former champion to return to.
    fn crown(&mut self, model: &ContentHash, forward: bool) {
        let left = self.champion.replace(model.clone()).filter(|left| left != model);
        for entry in &mut self.entries {
            if entry.made.model == *model {
                entry.state = ModelState::Champion;
            } else if Some(&entry.made.model) == left.as_ref() {
                entry.state = ModelState::Retired;
                entry.reason = format!("model {} took its place as champion", model.short());
            }
        }
        match (self.former.iter().position(|former| former == model), forward) {
            (Some(at), false) => self.former.truncate(at),
            _ => self.former.extend(left),
        }
    }
}

fn named(by: &str, reason: &str) -> Result<(), NotAppointed> {
    for (given, what) in [(by, "the name"), (reason, "the reason")] {
        if given.trim().is_empty() {
            return Err(NotAppointed::Nameless(what));
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use endcap_model::{Calendar, Period, Span, hash_bytes};
    use std::collections::BTreeMap;

    pub fn registered(name: &str, end: i32) -> Event {
        let entry = Registered {
            model: hash_bytes(name.as_bytes()),
            made_by: "test".into(),
            snapshot: Some("s".into()),
            data: hash_bytes(b"data"),
            as_of: None,
            calendar: Calendar::Week,
            span: Span { start: Period(0), end: Period(end) },
            code_version: "test".into(),
            seed: 1,
            parent: None,
            metrics: BTreeMap::new(),
            unsound: vec![],
        };
        Event::Registered { entry: Box::new(entry) }
    }

    pub fn contested(challenger: &str, champion: Option<&str>, ruling: Succession) -> Event {
        let contested = Contested {
            challenger: hash_bytes(challenger.as_bytes()),
            champion: champion.map(|name| hash_bytes(name.as_bytes())),
            snapshot: "s".into(),
            ruling,
            reasons: vec!["figures".into()],
            all: None,
            promoted: None,
            bias: None,
            contest: None,
        };
        Event::Contested { contested: Box::new(contested) }
    }

    fn states(events: &[Event]) -> Vec<ModelState> {
        Registry::of(events).entries().iter().map(|entry| entry.state).collect()
    }

    /// One champion, one refused, and a second champion.
    fn season() -> Vec<Event> {
        vec![
            registered("a", 50),
            contested("a", None, Succession::Passed),
            registered("b", 54),
            contested("b", Some("a"), Succession::Waits),
            contested("b", Some("a"), Succession::Refused),
            registered("c", 60),
            contested("c", Some("a"), Succession::Passed),
        ]
    }

    #[test]
    fn a_model_is_in_shadow_until_the_gate_lets_it_pass() {
        use ModelState::{Challenger, Champion, Refused, Retired};
        let events = season();
        assert_eq!(states(&events[..1]), [Challenger]);
        assert_eq!(states(&events[..4]), [Champion, Challenger]);
        assert_eq!(states(&events), [Retired, Refused, Champion]);
        let registry = Registry::of(&events);
        assert_eq!(registry.champion().unwrap().approved_by.as_deref(), Some(GATE));
        assert_eq!(registry.entries()[1].contests.len(), 2);
    }

    #[test]
    fn a_rollback_takes_the_former_champion_and_a_second_one_finds_none() {
        let mut events = season();
        let back = Registry::of(&events).rollback("Ada", "plans look odd").unwrap();
        events.push(back);
        let registry = Registry::of(&events);
        let champion = registry.champion().unwrap();
        assert_eq!(champion.made.model, hash_bytes(b"a"));
        assert_eq!((champion.approved_by.as_deref(), champion.reason.as_str()), (Some("Ada"), "plans look odd"));
        assert_eq!(states(&events), [ModelState::Champion, ModelState::Refused, ModelState::Retired]);
        assert_eq!(registry.rollback("Ada", "again"), Err(NotAppointed::NoFormer));
        events.extend([registered("d", 70), contested("d", Some("a"), Succession::Passed)]);
        assert_eq!(Registry::of(&events).champion().unwrap().made.model, hash_bytes(b"d"), "the gate says otherwise");
    }

    #[test]
    fn a_person_promotes_by_name_and_with_a_reason() {
        let events = season();
        let registry = Registry::of(&events);
        let name = hash_bytes(b"b");
        assert_eq!(registry.promote("", "Ada", "why"), Err(NotAppointed::Ambiguous(String::new())));
        assert_eq!(registry.promote("zz", "Ada", "why"), Err(NotAppointed::Unknown("zz".into())));
        assert_eq!(registry.promote(name.short(), "Ada", " "), Err(NotAppointed::Nameless("the reason")));
        let champion = hash_bytes(b"c").short().to_owned();
        assert_eq!(registry.promote(&champion, "Ada", "why"), Err(NotAppointed::Champion(champion.clone())));
        let events: Vec<Event> =
            events.into_iter().chain([registry.promote(name.short(), "Ada", "a test in stores").unwrap()]).collect();
        assert_eq!(Registry::of(&events).champion().unwrap().made.model, name);
        let Ok(Event::Appointed { appointed }) = Registry::of(&events).rollback("Ada", "no") else { panic!() };
        assert_eq!((appointed.model.short(), appointed.back), (champion.as_str(), true));
    }

    #[test]
    fn a_former_champion_that_a_person_promotes_leaves_the_one_before_it_to_go_back_to() {
        let mut events = season();
        let names = [b"a", b"c"].map(|name| hash_bytes(name).short().to_owned());
        events.push(Registry::of(&events).promote(&names[0], "Ada", "it knew better").unwrap());
        let Ok(back @ Event::Appointed { .. }) = Registry::of(&events).rollback("Ada", "it did not") else { panic!() };
        events.push(back);
        let registry = Registry::of(&events);
        assert_eq!(registry.champion().unwrap().made.model.short(), names[1]);
        let Ok(Event::Appointed { appointed }) = registry.rollback("Ada", "once more") else { panic!() };
        assert_eq!(appointed.model.short(), names[0], "and what was before that");
    }

    #[test]
    fn a_challenger_gives_way_to_a_newer_one_and_the_same_fit_is_one_model() {
        let events = [
            registered("a", 50),
            contested("a", None, Succession::Passed),
            registered("b", 54),
            registered("b", 54),
            registered("c", 58),
        ];
        assert_eq!(states(&events), [ModelState::Champion, ModelState::Retired, ModelState::Challenger]);
    }
}
