//! The loop's view of stored facts.

use crate::AdapterError;
use crate::facts::{PanelQuery, Store};
use endcap_agent::ports::{FactStore, PortError};
use endcap_model::{AsOf, Item, Panel, PlaceFact, SnapshotId, StockState};

fn port(error: AdapterError) -> PortError {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        reason = format!("{reason}: {error}");
        cause = error.source();
    }
    PortError { port: "facts", reason }
}

impl FactStore for Store {
    fn as_of(&self, snapshot: &SnapshotId) -> Result<AsOf, PortError> {
        Ok(self.snapshot(snapshot).map_err(port)?.as_of)
    }

    fn alarms(&self, snapshot: &SnapshotId) -> Result<Vec<String>, PortError> {
        let alarms = self.snapshot(snapshot).map_err(port)?.alarms;
        Ok(alarms.iter().filter(|alarm| alarm.holds_the_model()).map(ToString::to_string).collect())
    }

    fn last_good(&self, snapshot: &SnapshotId) -> Result<Option<SnapshotId>, PortError> {
        self.snapshot(snapshot).and_then(|snapshot| self.last_good(&snapshot)).map_err(port)
    }

    fn panel(&self, snapshot: &SnapshotId) -> Result<Panel, PortError> {
        let snapshot = self.snapshot(snapshot).map_err(port)?;
        let controls = self.controls(&snapshot).map_err(port)?;
        let query = PanelQuery { fill_zero: snapshot.absent_sales_are_zero, controls, ..PanelQuery::default() };
        self.panel(&snapshot, &query).map_err(port)
    }

    fn items(&self, snapshot: &SnapshotId) -> Result<Vec<Item>, PortError> {
        self.snapshot(snapshot).and_then(|snapshot| self.items(&snapshot)).map_err(port)
    }

    fn places(&self, snapshot: &SnapshotId) -> Result<Vec<PlaceFact>, PortError> {
        self.snapshot(snapshot).and_then(|snapshot| self.places(&snapshot)).map_err(port)
    }

    fn stock(&self, snapshot: &SnapshotId) -> Result<Vec<StockState>, PortError> {
        self.snapshot(snapshot).and_then(|snapshot| self.stock(&snapshot)).map_err(port)
    }
}
