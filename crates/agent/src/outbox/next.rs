//! What to do next about a message.

use super::heard::unclear;
use super::{Known, Patience, Promises, Stage};
use endcap_model::later;
use jiff::Timestamp;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Pass the gate, note it as sent, send it.
    Send,
    /// Read what the channel holds.
    ReadBack,
    /// Store this stage: nothing needs to be asked for it.
    Settle(Stage),
    /// Look again then.
    Rest {
        /// When.
        until: Timestamp,
    },
    /// Nothing, ever.
    Nothing,
}

/// The other messages about the same subject at the same channel, as far as they bear on this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The latest generation that was decided.
    pub newest: u64,
    /// Until when a copy of an older message may still be under way.
    pub older_until: Option<Timestamp>,
}

impl Line {
    /// Reads it off all messages about the subject.
    pub fn of<'a>(
        generation: u64,
        all: impl IntoIterator<Item = &'a Known>,
        promises: &Promises,
        patience: &Patience,
    ) -> Self {
        let mut line = Self { newest: generation, older_until: None };
        for known in all {
            let other = known.message.generation;
            line.newest = line.newest.max(other);
            if other < generation && known.in_doubt > 0 && !promises.refuses_older {
                line.older_until = line.older_until.max(Some(known.under_way_until(patience)));
            }
        }
        line
    }
}

/// Says what to do next about a message.
///
/// Nothing leaves before what is older has arrived or can no longer arrive, unless the channel sorts that out itself.
pub fn next(known: &Known, line: &Line, promises: &Promises, patience: &Patience, now: Timestamp) -> Next {
    let superseded = line.newest > known.message.generation;
    match &known.stage {
        stage if stage.is_final() => Next::Nothing,
        Stage::Decided | Stage::Acknowledged { .. } if superseded => Next::Settle(Stage::Superseded),
        Stage::Sent if superseded => give_way(known, promises, patience, now),
        _ if now >= later(known.decided, patience.give_up) => Next::Settle(given_up(known)),
        _ if now < known.rest_until => Next::Rest { until: known.rest_until },
        Stage::Decided => match line.older_until {
            Some(until) if until > now => Next::Rest { until },
            _ => Next::Send,
        },
        Stage::Sent => find_out(known, promises, patience, now),
        _ => Next::ReadBack,
    }
}

/// A message whose outcome is not known, with a later one behind it.
fn give_way(known: &Known, promises: &Promises, patience: &Patience, now: Timestamp) -> Next {
    let until = known.under_way_until(patience);
    if promises.refuses_older || until <= now { Next::Settle(Stage::Superseded) } else { Next::Rest { until } }
}

/// A message whose outcome is not known: look first, send again only where that is safe.
fn find_out(known: &Known, promises: &Promises, patience: &Patience, now: Timestamp) -> Next {
    let until = known.under_way_until(patience);
    match promises.reads_back {
        true if !known.looked => Next::ReadBack,
        _ if known.again_is_safe(promises, patience, now) => Next::Send,
        true if now < until => Next::Rest { until },
        true => Next::ReadBack,
        false => Next::Settle(unclear("no answer came, and the channel can neither be read nor be asked twice")),
    }
}

fn given_up(known: &Known) -> Stage {
    match known.stage {
        Stage::Decided => Stage::HeldBack { reason: "the channel took nothing in all the time given".into() },
        Stage::Acknowledged { .. } => unclear("it was acknowledged and could not be read back in all the time given"),
        _ => unclear("whether it happened could not be found out in all the time given"),
    }
}
