//! What the loop needs from outside. Live, shadow, backtest and twin differ only in what is plugged in here.

use endcap_govern::Approved;
use endcap_model::{AsOf, Event, Item, Panel, PlaceFact, Plan, Receipt, SnapshotId, StockState};

/// Something outside did not answer as it must.
#[derive(Debug, thiserror::Error)]
#[error("{port}: {reason}")]
pub struct PortError {
    /// The port.
    pub port: &'static str,
    /// What happened, to what, and what to do.
    pub reason: String,
}

/// Facts of one snapshot.
pub trait FactStore {
    /// Returns when the facts were known.
    ///
    /// # Errors
    /// [`PortError`] when the snapshot cannot be read whole.
    fn as_of(&self, snapshot: &SnapshotId) -> Result<AsOf, PortError>;

    /// Returns the history of sales with prices, support, stock-outs and controls.
    ///
    /// # Errors
    /// [`PortError`] when the snapshot cannot be read whole.
    fn panel(&self, snapshot: &SnapshotId) -> Result<Panel, PortError>;

    /// Returns the items.
    ///
    /// # Errors
    /// [`PortError`] when the snapshot cannot be read whole.
    fn items(&self, snapshot: &SnapshotId) -> Result<Vec<Item>, PortError>;

    /// Returns the places.
    ///
    /// # Errors
    /// [`PortError`] when the snapshot cannot be read whole.
    fn places(&self, snapshot: &SnapshotId) -> Result<Vec<PlaceFact>, PortError>;

    /// Returns the last known stock and what is under way; empty when the facts have none.
    ///
    /// # Errors
    /// [`PortError`] when the snapshot cannot be read whole.
    fn stock(&self, snapshot: &SnapshotId) -> Result<Vec<StockState>, PortError>;
}

/// Results of jobs, kept by name so that a job that was done is not done again.
pub trait Artifacts {
    /// Keeps bytes under a name; afterwards they are there whole or not at all.
    ///
    /// # Errors
    /// [`PortError`] when they could not be kept.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), PortError>;

    /// Returns the bytes under a name, if any.
    ///
    /// # Errors
    /// [`PortError`] when they are there but cannot be read.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, PortError>;
}

/// The truth about what happened, in order.
pub trait Journal {
    /// Appends an event; when this returns, the event survives a crash.
    ///
    /// # Errors
    /// [`PortError`] when it could not be made durable.
    fn append(&mut self, event: &Event) -> Result<(), PortError>;

    /// Returns all events in order.
    ///
    /// # Errors
    /// [`PortError`] when the journal cannot be read or was tampered with.
    fn read(&self) -> Result<Vec<Event>, PortError>;
}

/// Where approved plans go.
pub trait Connector {
    /// Why nothing may go out at the moment, where somebody has stopped it; a plan is then kept and not handed over.
    fn held(&self) -> Option<String> {
        None
    }

    /// Publishes a plan under a key; the same key with the same plan has no second effect.
    ///
    /// # Errors
    /// [`PortError`] when the plan did not arrive, or another plan was already published under the key.
    fn publish(&mut self, plan: &Approved<Plan>, key: &str) -> Result<Receipt, PortError>;
}
