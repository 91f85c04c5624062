//! Limits on what an intent rests on: nothing quarantined, nothing stale, no forecast that leapt.

use super::Action;
use super::case::{Case, Found};
use jiff::SignedDuration;

/// The data behind it are sound and fresh. The way back to an approved base price rests on no data.
pub fn rests_on_sound_and_fresh_data(case: &Case, found: &mut Found) {
    if case.intent.action.only_reverts() {
        return;
    }
    if case.intent.inputs.quarantined || case.standing.shelf.quarantined {
        found.refuse("quarantine", "rows about the item stand in quarantine", "none");
    }
    let age = case.standing.now.duration_since(case.intent.inputs.known_at);
    if age.is_negative() {
        found.refuse("data_age_hours_max", format!("data of {}", case.intent.inputs.known_at), "data known by now");
    }
    if age >= SignedDuration::from_hours(case.limits.data_age_hours_max.into()) {
        let allowed = format!("less than {}", case.limits.data_age_hours_max);
        found.refuse("data_age_hours_max", format!("{} hours old", age.as_hours()), allowed);
    }
    if matches!(case.intent.action, Action::Order { .. } | Action::Transfer { .. }) {
        forecast_did_not_leap(case, found);
    }
}

/// A forecast that moved by much places no order by itself.
fn forecast_did_not_leap(case: &Case, found: &mut Found) {
    let change = case.standing.supply.forecast_change_hundredths;
    let Some(change) = found.need("forecast_change_mads_max", change, "how far the forecast moved") else { return };
    let allowed = i64::from(case.limits.forecast_change_mads_max.basis_points()) / 100;
    if change.saturating_abs() > allowed && !case.standing.approved_by_a_person {
        let moved = format!("{} deviations", change as f64 / 100.0);
        found.refuse("forecast_change_mads_max", moved, format!("{} without a person", allowed as f64 / 100.0));
    }
}
