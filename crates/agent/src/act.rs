//! Act: only what policy approved leaves the house.

use crate::ports::{Connector, PortError};
use endcap_govern::{Approved, NotApproved, approve};
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
    let approved = match approve(plan, decision, policy) {
        Ok(approved) => approved,
        Err(why) => return Ok(Err(why)),
    };
    hand_over(&approved, connector).map(Ok)
}

/// Hands an approved plan to the connector under its id as key: however often that is tried, it has one effect.
///
/// # Errors
/// [`PortError`] when the connector does not take it.
pub fn hand_over(approved: &Approved<Plan>, connector: &mut dyn Connector) -> Result<Event, PortError> {
    let plan = approved.get().id.clone();
    let receipt = connector.publish(approved, plan.as_str())?;
    Ok(Event::Published { plan, receipt })
}
