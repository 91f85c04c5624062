//! What a channel must hold, read off the outbox.

use crate::outbox::{Known, Message, Promises, Stage};
use endcap_govern::gate::{Action, Intent};
use endcap_model::{Channel, later};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// How long after they were sent orders, transfers and ends of offers are held against what a channel tells: later the order
/// was delivered and the shelf has other prices.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a channel must hold for a subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The message that said so last and reached it.
    pub message: Message,
    /// What it carried.
    pub intent: Intent,
    /// When it last left.
    pub since: Timestamp,
}

/// What a channel must hold, by subject; what is under way or unclear is settled by the sender or a person first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Holdings {
    /// Settled subjects.
    pub settled: BTreeMap<String, Expected>,
    /// Subjects about which something is under way or unclear.
    pub open: BTreeSet<String>,
    /// Every message that ever was about a subject, one for each.
    pub known: BTreeMap<String, (Message, Intent)>,
}

/// Says what a channel must hold now.
pub fn expected(channel: &Channel, all: &[(Intent, Option<Known>)], promises: &Promises, now: Timestamp) -> Holdings {
    let mut holdings = Holdings::default();
    let mut newest: BTreeMap<&str, (&Known, &Intent)> = BTreeMap::new();
    let messages = all.iter().filter(|(intent, _)| intent.channel == *channel);
    for (known, intent) in messages.filter_map(|(intent, known)| Some((known.as_ref()?, intent))) {
        let Message { subject, generation, .. } = &known.message;
        holdings.known.entry(subject.clone()).or_insert_with(|| (known.message.clone(), intent.clone()));
        match &known.stage {
            // Certainly without effect: what was there before still is.
            Stage::HeldBack { .. } | Stage::Refused { .. } => {}
            Stage::Confirmed | Stage::Superseded => {
                let last = newest.entry(subject).or_insert((known, intent));
                if last.0.message.generation < *generation {
                    *last = (known, intent);
                }
            }
            Stage::Decided | Stage::Sent | Stage::Acknowledged { .. } | Stage::Unclear { .. } => {
                holdings.open.insert(subject.clone());
            }
        }
    }
    for (subject, (known, intent)) in newest {
        if !holdings.open.contains(subject) && still_counts(known, intent, promises, now) {
            let since = known.last_sent.unwrap_or(known.decided);
            let expected = Expected { message: known.message.clone(), intent: intent.clone(), since };
            holdings.settled.insert(subject.to_owned(), expected);
        }
    }
    holdings
}

/// Whether what a message said is still to be held.
fn still_counts(known: &Known, intent: &Intent, promises: &Promises, now: Timestamp) -> bool {
    let recent = now < later(known.last_sent.unwrap_or(known.decided), KEPT_FOR);
    match &intent.action {
        Action::Order { .. } | Action::Transfer { .. } => recent,
        Action::EndOffer { .. } if promises.keeps_time => recent,
        // A channel that keeps times ends offers itself.
        _ => !promises.keeps_time || intent.until.is_none_or(|until| now < until),
    }
}
