//! From intents to what is kept of them: under which subject, and when each may leave.

use super::{Message, Promises, about, wanted::subject};
use endcap_govern::audit::{Entry, Grounds, Ruling, Told};
use endcap_govern::gate::{Action, Intent};
use endcap_model::{Channel, ContentHash, hash_json};
use jiff::Timestamp;

/// A decision about one thing at one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// What is to happen; its generation is given when its time comes.
    pub intent: Intent,
    /// What it changes there.
    pub subject: String,
    /// From when it may leave.
    pub due: Timestamp,
    /// What the audit trail is told.
    pub record: Entry<Told>,
}

/// Says for each intent when it leaves. A channel that keeps times gets everything at once; to any other a price goes when it
/// begins, and its end is decided with it.
pub fn decide(
    intents: Vec<Intent>,
    promises: &dyn Fn(&Channel) -> Promises,
    now: Timestamp,
    by: &str,
    grounds: &Grounds,
) -> Vec<Decided> {
    let mut decided = vec![];
    for intent in intents {
        let promises = promises(&intent.channel);
        let waits = !promises.keeps_time && intent.action.price().is_some();
        let due = if waits { intent.from.max(now) } else { now };
        let end = waits.then(|| end_of(&intent)).flatten();
        for (intent, due) in std::iter::once((intent, due)).chain(end.map(|end| (end.clone(), end.from))) {
            let subject = subject(&intent, &promises);
            let record = recorded(&intent, &subject, by, grounds);
            decided.push(Decided { intent, subject, due, record });
        }
    }
    decided
}

/// Names a decision whatever is only known when its time comes: its generation, and the base price that an end leads to.
pub fn decision_of(intent: &Intent) -> ContentHash {
    let mut intent = Intent { generation: 0, ..intent.clone() };
    if let Action::EndOffer { price, .. } = &mut intent.action {
        *price = 0;
    }
    hash_json(&intent)
}

/// The way back to the base price when an offer is over.
fn end_of(intent: &Intent) -> Option<Intent> {
    let (offer, until) = (intent.action.offer()?.to_owned(), intent.until?);
    let price = intent.action.new_price()?;
    let action = Action::EndOffer { offer, price };
    Some(Intent { action, from: until, until: None, shown: Default::default(), ..intent.clone() })
}

fn recorded(intent: &Intent, subject: &str, by: &str, grounds: &Grounds) -> Entry<Told> {
    let message = Message::about(intent, subject.to_owned());
    let what = format!("{}: {}", intent.action.name().replace('_', " "), about(&message));
    let mut entry = Entry::new(Told::open(by), "effect decided", Told::open(what), Ruling::Allowed);
    entry.grounds = Grounds {
        limits: Some(intent.limits.clone()),
        snapshot: Some(intent.inputs.snapshot.clone()),
        ..grounds.clone()
    };
    entry.effect = Some(decision_of(intent).to_string());
    entry
}
