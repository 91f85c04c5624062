//! What a channel tells against what it must hold.

use super::{Expected, Extra, Finding, Kind};
use crate::outbox::{Held, Wanted};
use endcap_model::Channel;
use jiff::Timestamp;

/// Returns how what is held differs from what is expected; nothing where it does not.
pub fn difference(
    expected: &Expected,
    held: Option<&Held>,
    after: Option<Timestamp>,
    now: Timestamp,
) -> Option<Finding> {
    let message = &expected.message;
    let kind = match held {
        None => Kind::Missing,
        Some(held) => match held.generation {
            Some(generation) if generation < message.generation => Kind::Stale,
            Some(generation) if generation > message.generation => Kind::Foreign,
            _ if held.content != message.content => Kind::Changed,
            _ => return None,
        },
    };
    Some(Finding {
        channel: message.channel.clone(),
        subject: message.subject.clone(),
        place: Some(expected.intent.place.clone()),
        sku: Some(expected.intent.sku.clone()),
        kind,
        expected: Some(Wanted::of(&expected.intent)),
        held: held.and_then(|held| held.told.as_deref().cloned()),
        answer: held.map(|held| held.content.clone()),
        generation: message.generation,
        held_generation: held.and_then(|held| held.generation),
        key: Some(message.key()),
        after: Some(after.map_or(expected.since, |after| after.max(expected.since))),
        found: now,
    })
}

/// What nobody here decided, as a finding.
pub fn extra(channel: &Channel, extra: Extra, after: Option<Timestamp>, now: Timestamp) -> Finding {
    let Extra { name, held, generation } = extra;
    let (sku, place) = held.as_ref().map_or((None, None), |held| {
        let (sku, place) = held.shelf();
        (Some(sku.clone()), Some(place.clone()))
    });
    Finding {
        channel: channel.clone(),
        subject: name,
        place,
        sku,
        kind: Kind::Extra,
        expected: None,
        answer: held.as_ref().map(Wanted::hash),
        held,
        generation: 0,
        held_generation: generation,
        key: None,
        after,
        found: now,
    }
}
