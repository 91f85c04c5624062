//! An outbox in memory that keeps what it is told, all or nothing, as the one on disk does.

use endcap_agent::outbox::{Decided, Known, Message};
use endcap_agent::ports::{Asked, Outbox, PortError, Standings};
use endcap_agent::send::{Kept, Pending};
use endcap_govern::gate::{Action, Intent, Sent, Traffic};
use endcap_model::{Channel, Place, Sku};
use jiff::Timestamp;

#[derive(Default)]
pub struct Memory {
    scheduled: Vec<Decided>,
    messages: Vec<(Known, Intent, Option<String>)>,
    sent: Vec<Sent>,
}

impl Memory {
    pub fn is_settled(&self) -> bool {
        self.scheduled.is_empty() && self.messages.iter().all(|(known, ..)| known.stage.is_final())
    }

    pub fn messages(&self) -> impl Iterator<Item = (&Known, &Intent)> {
        self.messages.iter().map(|(known, intent, _)| (known, intent))
    }
}

impl Outbox for Memory {
    fn decide(&mut self, decided: Vec<Decided>, _: Timestamp) -> Result<(), PortError> {
        let replaces = |old: &Decided, new: &Decided| {
            new.intent.action.offer().is_some()
                && (old.intent.action.offer(), &old.intent.sku) == (new.intent.action.offer(), &new.intent.sku)
        };
        self.scheduled.retain(|old| !decided.iter().any(|new| replaces(old, new)));
        self.scheduled.extend(decided);
        Ok(())
    }

    fn ripen(&mut self, now: Timestamp, standings: &dyn Standings) -> Result<(), PortError> {
        self.scheduled.sort_by_key(|one| one.due);
        while self.scheduled.first().is_some_and(|one| one.due <= now) {
            let Decided { mut intent, subject, record, .. } = self.scheduled.remove(0);
            let base = standings.standing(&Asked { intent: &intent, proposal: None, past: &[] }, now).shelf.base_price;
            if let (Action::EndOffer { price, .. }, Some(base)) = (&mut intent.action, base) {
                *price = base;
            }
            let of_shelf = self.messages().filter(|(_, other)| other.sku == intent.sku && other.place == intent.place);
            intent.generation = of_shelf.map(|(known, _)| known.message.generation).max().unwrap_or(0) + 1;
            let known = Known::decided(Message::about(&intent, subject), now);
            self.messages.push((known, intent, record.effect));
        }
        Ok(())
    }

    fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Pending>, PortError> {
        let due = self.messages.iter().filter(|(known, ..)| !known.stage.is_final() && known.rest_until <= now);
        let pending = due.take(limit as usize).map(|(known, intent, decided)| {
            let same = |other: &&Known| other.message.subject == known.message.subject && *other != known;
            let others = self.messages().map(|(other, _)| other).filter(same).cloned().collect();
            Pending { known: known.clone(), intent: intent.clone(), decided: decided.clone(), proposal: None, others }
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
