//! Act: only what policy approved leaves the house.

use crate::ports::{Connector, PortError};
use endcap_govern::{NotApproved, approve};
use endcap_model::{Decision, Event, Plan, Policy};

/// Publishes a plan under its id as key, or says why it may not go.
///
/// # Errors
/// [`PortError`] when the connector does not take it.
pub fn publish(
    plan: Plan,
    decision: &Decision,
    policy: &Policy,
    connector: &mut dyn Connector,
) -> Result<Result<Event, NotApproved>, PortError> {
    let id = plan.id.clone();
    let approved = match approve(plan, decision, policy) {
        Ok(approved) => approved,
        Err(why) => return Ok(Err(why)),
    };
    let receipt = connector.publish(&approved, id.as_str())?;
    Ok(Ok(Event::Published { plan: id, receipt }))
}
