//! An outbox in memory that keeps what it is told, all or nothing, as the one on disk does.

use endcap_agent::outbox::{Decided, Everything, Known, Message, Recorded, Revision, Waiting, ripened, shelf};
use endcap_agent::ports::{Asked, Outbox, PortError, Standings};
use endcap_agent::rollout::Rollouts;
use endcap_agent::send::{Kept, Pending};
use endcap_govern::gate::{Intent, Sent, Traffic};
use endcap_model::{Channel, Place, Sku};
use jiff::Timestamp;

#[derive(Default)]
pub struct Memory {
    scheduled: Vec<Row>,
    messages: Vec<(Known, Intent, Option<String>, Timestamp)>,
    sent: Vec<Sent>,
    rollouts: Rollouts,
    numbers: i64,
}

/// A decision whose time has not come.
struct Row {
    number: i64,
    decided: Decided,
    at: Timestamp,
    void: Option<String>,
}

impl Memory {
    pub fn is_settled(&self) -> bool {
        self.scheduled.iter().all(|row| row.void.is_some())
            && self.messages.iter().all(|(known, ..)| known.stage.is_final())
    }

    pub fn messages(&self) -> impl Iterator<Item = (&Known, &Intent)> {
        self.messages.iter().map(|(known, intent, ..)| (known, intent))
    }
}

impl Outbox for Memory {
    fn decide(&mut self, decided: Vec<Decided>, now: Timestamp) -> Result<(), PortError> {
        let replaces = |old: &Decided, new: &Decided| {
            new.replaces && new.intent.action.offer().is_some() && shelf(&old.intent) == shelf(&new.intent)
        };
        self.scheduled.retain(|old| !decided.iter().any(|new| replaces(&old.decided, new)));
        for decided in decided {
            self.numbers += 1;
            self.scheduled.push(Row { number: self.numbers, decided, at: now, void: None });
        }
        Ok(())
    }

    fn revise(
        &mut self,
        now: Timestamp,
        change: &mut dyn FnMut(&Everything) -> Revision,
    ) -> Result<Revision, PortError> {
        let messages = self.messages().map(|(known, intent)| (known.clone(), intent.clone())).collect();
        let rollouts = self.rollouts.clone();
        let revision = change(&Everything { waiting: self.waiting()?, messages, rollouts });
        let Revision { decide, void, steps, .. } = revision.clone();
        for voided in void {
            let row = self.scheduled.iter_mut().find(|row| row.number == voided.number).unwrap();
            (row.void, row.decided.due) = (Some(voided.reason), Timestamp::MAX);
        }
        steps.into_iter().for_each(|(step, _)| self.rollouts.take(step));
        self.decide(decide, now)?;
        Ok(revision)
    }

    fn waiting(&self) -> Result<Vec<Waiting>, PortError> {
        let waiting = self.scheduled.iter().map(|Row { number, decided, at, void }| Waiting {
            number: *number,
            intent: decided.intent.clone(),
            subject: decided.subject.clone(),
            due: Some(decided.due).filter(|due| *due < Timestamp::MAX),
            waits: decided.waits.clone(),
            void: void.clone(),
            told: Some(Recorded {
                at: *at,
                effect: decided.record.effect.clone(),
                grounds: decided.record.grounds.clone(),
            }),
        });
        Ok(waiting.collect())
    }

    fn rollouts(&self) -> Result<Rollouts, PortError> {
        Ok(self.rollouts.clone())
    }

    fn ripen(&mut self, now: Timestamp, standings: &dyn Standings) -> Result<(), PortError> {
        self.scheduled.sort_by_key(|row| row.decided.due);
        while self.scheduled.first().is_some_and(|row| row.decided.due <= now) {
            let Row { decided: Decided { mut intent, subject, record, .. }, at, .. } = self.scheduled.remove(0);
            let asked = Asked { intent: &intent, proposal: None, decided: None, past: &[] };
            intent = ripened(&intent, &standings.standing(&asked, now));
            let of_shelf = self.messages().filter(|(_, other)| other.sku == intent.sku && other.place == intent.place);
            intent.generation = of_shelf.map(|(known, _)| known.message.generation).max().unwrap_or(0) + 1;
            let known = Known::decided(Message::about(&intent, subject), now);
            self.messages.push((known, intent, record.effect, at));
        }
        Ok(())
    }

    fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Pending>, PortError> {
        let due = self.messages.iter().filter(|(known, ..)| !known.stage.is_final() && known.rest_until <= now);
        let pending = due.take(limit as usize).map(|(known, intent, decided, at)| {
            let same = |other: &&Known| other.message.subject == known.message.subject && *other != known;
            let others = self.messages().map(|(other, _)| other).filter(same).cloned().collect();
            let (known, intent, decided) = (known.clone(), intent.clone(), decided.clone());
            Pending { known, intent, decided, proposal: None, recorded: Some(*at), others }
        });
        Ok(pending.collect())
    }

    fn keep(&mut self, kept: Vec<Kept>, _: Timestamp) -> Result<(), PortError> {
        for Kept { known, sent, .. } in kept {
            self.sent.extend(sent);
            let held = self.messages.iter_mut().find(|(held, ..)| held.message == known.message).unwrap();
            held.0 = known;
        }
        Ok(())
    }

    fn traffic(&self, _: Timestamp) -> Result<Traffic, PortError> {
        Ok(self.sent.clone().into())
    }

    fn all(&self) -> Result<Vec<(Intent, Option<Known>)>, PortError> {
        Ok(self.messages().map(|(known, intent)| (intent.clone(), Some(known.clone()))).collect())
    }

    fn shelf(&self, _: &Channel, place: &Place, sku: &Sku) -> Result<Vec<(Known, Intent)>, PortError> {
        let of_shelf = self.messages().filter(|(_, intent)| intent.sku == *sku && intent.place == *place);
        Ok(of_shelf.map(|(known, intent)| (known.clone(), intent.clone())).collect())
    }
}
