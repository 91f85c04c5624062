//! What puts a finding right: a decision like any other, that the gate checks and the sender sends.

use super::{Decision, Finding, Kind};
use endcap_govern::gate::{Action, Intent};
use endcap_model::ContentHash;
use jiff::Timestamp;

/// Why a finding cannot be put right from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRepaired {
    /// Nobody here decided it.
    #[error("nobody here decided it: take it away at the channel, or have a plan decide what it is to be")]
    Extra,
    /// Sending an order again may order twice.
    #[error("orders and transfers are never sent again by themselves: ask the receiver, then plan and deploy anew")]
    Document,
    /// It is over.
    #[error("nothing has to be held for it any more")]
    Over,
}

/// The decision that has the channel hold again what it must: the same price, from the same time, under the stop and the limits
/// of today. Its generation is given when it leaves, above all that the channel told.
///
/// # Errors
/// [`NotRepaired`] where that would be a guess.
pub fn repair(
    finding: &Finding,
    decision: Option<&Decision>,
    (epoch, limits): (u64, &ContentHash),
    now: Timestamp,
) -> Result<Intent, NotRepaired> {
    let decision = match (finding.kind, decision) {
        (Kind::Extra, _) => return Err(NotRepaired::Extra),
        (_, None) => return Err(NotRepaired::Over),
        (_, Some(decision)) => decision,
    };
    let before = &decision.intent;
    let (action, from) = match before.action.clone() {
        // The offer is the same: told against the same earlier price, ended at the same time.
        Action::StartOffer { offer, price } | Action::ChangeOffer { offer, price } => {
            (Action::ChangeOffer { offer, price }, before.from)
        }
        action @ (Action::SetPrice { .. } | Action::EndOffer { .. }) => (action, before.from.max(now)),
        Action::Order { .. } | Action::Transfer { .. } => return Err(NotRepaired::Document),
    };
    if before.until.is_some_and(|until| until <= now) {
        return Err(NotRepaired::Over);
    }
    Ok(Intent { action, from, epoch, limits: limits.clone(), generation: 0, ..before.clone() })
}
