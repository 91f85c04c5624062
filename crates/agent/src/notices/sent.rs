//! What follows from what was heard when something was told: done, once more, or never again.

use super::Telling;
use crate::outbox::Heard;
use endcap_model::later;
use jiff::{SignedDuration, Timestamp};

/// Seconds after the first failure; each next wait is twice as long.
const FIRST_WAIT: i64 = 30;
/// Longest wait.
const LONGEST_WAIT: i64 = 3_600;
/// Tries after which nobody is told any more.
const TRIES_MAX: u32 = 12;

/// A telling that is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// What is told.
    pub telling: Telling,
    /// Which try it is, 1 for the first.
    pub tries: u32,
    /// Whether a try before this may have arrived: whoever made it ended before it heard.
    pub in_doubt: bool,
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It arrived.
    Done,
    /// It is tried again then.
    Again(Timestamp),
    /// It is never told: why.
    Failed(String),
    /// It may have arrived, and a second one could not be told from the first: why.
    Unclear(String),
}

/// Says how a try ended. A receiver that knows a key takes the same telling once, however often it comes.
pub fn after(heard: &Heard, tries: u32, knows_key: bool, now: Timestamp) -> Sent {
    let again = |wait: SignedDuration| match tries < TRIES_MAX {
        true => Sent::Again(later(now, wait)),
        false => Sent::Failed(format!("tried {tries} times")),
    };
    let backing_off = || {
        let doubled = FIRST_WAIT.saturating_mul(1_i64 << tries.saturating_sub(1).min(20));
        SignedDuration::from_secs(doubled.min(LONGEST_WAIT))
    };
    match heard {
        Heard::Acknowledged { .. } | Heard::AlreadyThere | Heard::Holds(_) => Sent::Done,
        Heard::Unreachable => again(backing_off()),
        Heard::Busy { wait } => again((*wait).max(backing_off())),
        Heard::Silence if knows_key => again(backing_off()),
        Heard::Silence | Heard::Unread => Sent::Unclear("no answer came; it may have arrived".to_owned()),
        Heard::Refused { reason } | Heard::HeldBack { reason } => Sent::Failed(reason.clone()),
        Heard::Older => Sent::Failed("a later one was there".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_doubled_is_tried_again() {
        let now = Timestamp::UNIX_EPOCH;
        let wait = |seconds| Sent::Again(later(now, SignedDuration::from_secs(seconds)));
        assert_eq!(after(&Heard::Unreachable, 1, false, now), wait(30));
        assert_eq!(after(&Heard::Unreachable, 3, false, now), wait(120));
        assert_eq!(after(&Heard::Unreachable, 11, false, now), wait(3_600));
        assert!(matches!(after(&Heard::Unreachable, 12, true, now), Sent::Failed(_)), "never for ever");
        assert_eq!(after(&Heard::Silence, 1, true, now), wait(30));
        assert!(matches!(after(&Heard::Silence, 1, false, now), Sent::Unclear(_)));
        let busy = Heard::Busy { wait: SignedDuration::from_secs(90) };
        assert_eq!(after(&busy, 1, false, now), wait(90));
        assert_eq!(after(&Heard::Acknowledged { reference: String::new() }, 1, false, now), Sent::Done);
    }
}
