//! A connector that a stop holds back: whole plans go out only while nothing at all is stopped.

use super::StopReader;
use endcap_agent::ports::{Connector, PortError};
use endcap_govern::Approved;
use endcap_govern::stop::Stops;
use endcap_model::{Plan, Receipt};

/// A connector that asks for the stop before it hands anything on.
///
/// A plan is one piece and touches every category and channel, so that any freeze holds it back, and so does a freeze that
/// was ended since the run began: what was decided before a stop is void.
pub struct Stoppable<C> {
    connector: C,
    stops: StopReader,
    epoch: Option<u64>,
}

impl<C: Connector> Stoppable<C> {
    /// Puts the stop before a connector; what is decided from now on may go out through it.
    pub fn new(connector: C, stops: StopReader) -> Self {
        let epoch = stops.read().map(|stops| stops.epoch());
        Self { connector, stops, epoch }
    }
}

impl<C: Connector> Connector for Stoppable<C> {
    fn held(&self) -> Option<String> {
        let places = self.stops.places();
        match places.known() {
            Some(stops) => held_by(&stops, self.epoch),
            None => Some(format!(
                "it is not known what is stopped ({}), so nothing is sent: `endcap stop FOLDER --lift` resumes",
                places.unknown().unwrap_or_default()
            )),
        }
    }

    fn publish(&mut self, plan: &Approved<Plan>, key: &str) -> Result<Receipt, PortError> {
        match self.held() {
            Some(reason) => Err(PortError { port: "stop", reason }),
            None => self.connector.publish(plan, key),
        }
    }
}

fn held_by(stops: &Stops, decided_in: Option<u64>) -> Option<String> {
    if let Some((scope, order)) = stops.in_force().first() {
        let why = if order.reason.is_empty() { String::new() } else { format!(": {}", order.reason) };
        return Some(format!(
            "{scope} was stopped by {} at {:.0}{why}; `endcap stop FOLDER --lift` resumes",
            order.by, order.at
        ));
    }
    (decided_in != Some(stops.epoch())).then(|| "sending was stopped since this was begun: plan again".to_owned())
}
