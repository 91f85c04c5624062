//! May anything go out at all: the stop, the lease, and what the policies say of who may.

use super::Permit;
use super::case::{Case, Found};

/// Nothing goes out in a frozen scope, and nothing that was decided before the last stop or resumption, but what restores
/// an approved base price: an offer that nobody may end would run for ever.
pub fn is_not_stopped(case: &Case, found: &mut Found) {
    let Some(stops) = found.need("stop unknown", case.standing.stops.as_ref(), "what is stopped") else { return };
    let scopes = case.intent.scopes();
    if let Some((scope, order)) = stops.since(case.intent.epoch, &scopes)
        && !case.intent.action.only_reverts()
    {
        let by = format!("decided in epoch {}; {} stopped or resumed {scope} after that", case.intent.epoch, order.by);
        found.refuse("stop", by, format!("decided in epoch {} or later", order.epoch));
    }
    if case.intent.epoch > stops.epoch() {
        found.refuse("stop", format!("epoch {} has not begun", case.intent.epoch), stops.epoch());
    }
    if let Some((scope, order)) = stops.frozen(&scopes)
        && !case.intent.action.only_reverts()
    {
        found.refuse("stop", format!("{} froze {scope}", order.by), "only the way back to base prices");
    }
}

/// The sender has asked within the last seconds whether it may still act.
pub fn lease_holds(case: &Case, found: &mut Found) {
    let standing = case.standing;
    let Some(lease) = found.need("lease", standing.lease, "the sender's lease") else { return };
    if !standing.stops.as_ref().is_some_and(|stops| lease.holds(stops, standing.now)) {
        let what = format!("until {} in epoch {}", lease.until, lease.epoch);
        found.refuse("lease", what, "a lease of at most 5 seconds in the present epoch: ask again");
    }
}

/// The policies on who may do what allow it.
pub fn is_permitted(case: &Case, found: &mut Found) {
    if let Some(until) = case.standing.veto_until.filter(|until| case.standing.now < *until)
        && !case.intent.action.only_reverts()
    {
        found.refuse("veto", format!("a person may veto it until {until}"), "after that");
    }
    let Some(permit) = found.need("who may", case.standing.permit.as_ref(), "what the policies say") else { return };
    if let Permit::Denied(why) = permit {
        found.refuse("who may", why, "what the policies allow");
    }
}
