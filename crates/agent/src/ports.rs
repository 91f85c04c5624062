//! What the loop needs from outside. Live, shadow, backtest and twin differ only in what is plugged in here.

use crate::feed::{Batch, Marks};
use crate::outbox::{Decided, Everything, Heard, Known, Message, Promises, Revision, Waiting};
use crate::reconcile::{Contact, Decision, Extras, Finding, Noted, Open};
use crate::rollout::Rollouts;
use crate::send::{Kept, Pending};
use endcap_govern::Approved;
use endcap_govern::gate::{Intent, Standing, Traffic};
use endcap_govern::stop::Stops;
use endcap_model::{
    AsOf, Channel, ContentHash, Event, Item, Panel, Place, PlaceFact, Plan, Receipt, Sku, SnapshotId, StockState,
};
use jiff::Timestamp;
use std::time::Duration;

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

    /// Returns why no model may learn from the facts; nothing where one may.
    ///
    /// # Errors
    /// [`PortError`] when that cannot be read.
    fn alarms(&self, _snapshot: &SnapshotId) -> Result<Vec<String>, PortError> {
        Ok(vec![])
    }

    /// Returns the last facts before these that gave no such reason, where there are any.
    ///
    /// # Errors
    /// [`PortError`] when that cannot be read.
    fn last_good(&self, _snapshot: &SnapshotId) -> Result<Option<SnapshotId>, PortError> {
        Ok(None)
    }

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

/// A source of facts that come by themselves.
pub trait Feed: Send {
    /// Goes to the messages after these marks, or to the first that there are. Called again after every failure.
    ///
    /// # Errors
    /// [`PortError`] when the source cannot be reached or does not have what was asked for.
    fn resume(&mut self, marks: &Marks) -> Result<(), PortError>;

    /// Returns the next messages, waiting no longer than `patience` for the first; an empty batch where none came.
    ///
    /// # Errors
    /// [`PortError`] when the source is lost.
    fn next(&mut self, patience: Duration) -> Result<Batch, PortError>;

    /// Says that the last batch is kept for good: the source may forget it.
    ///
    /// # Errors
    /// [`PortError`] when the source is lost; the batch stays kept, and may come again.
    fn kept(&mut self) -> Result<(), PortError>;
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

/// A channel: a till, a shop, a supplier, as its own system offers it. Tries once and says what it heard; whether and when to
/// try again is not its business.
pub trait Outlet {
    /// What the channel promises of itself.
    fn promises(&self) -> Promises;

    /// Sends what the gate let through, under the message's key and generation.
    fn send(&mut self, message: &Message, intent: &Approved<Intent>) -> Heard;

    /// Reads what the channel holds for the message's subject: [`Heard::Holds`] or [`Heard::Unread`].
    ///
    /// What the channel cannot express is taken from the intent, so that content compares ([`crate::outbox::Wanted`]).
    fn read_back(&mut self, message: &Message, intent: &Intent) -> Heard;

    /// Reads what the channel holds for each of many messages, in their order; with one connection where it has one.
    fn read_all(&mut self, asked: &[(&Message, &Intent)]) -> Vec<Heard> {
        asked.iter().map(|(message, intent)| self.read_back(message, intent)).collect()
    }

    /// Lists what the channel holds and none of these messages is about: what somebody else put there.
    fn extras(&mut self, known: &[(&Message, &Intent)]) -> Extras {
        let _ = known;
        Extras::CannotTell
    }

    /// Tries everything that changes nothing: address, rights, whether the channel knows item and place.
    ///
    /// # Errors
    /// What stands in the way, and what to do.
    fn rehearse(&mut self, message: &Message, intent: &Intent) -> Result<(), String>;
}

/// What was decided and what is known of it, kept with the audit trail.
pub trait Outbox {
    /// Keeps decisions with their records; when this returns they survive a crash. What was planned for an offer and has not
    /// begun gives way to what is decided of it now.
    ///
    /// # Errors
    /// [`PortError`] when they could not be made durable; then none is kept.
    fn decide(&mut self, decided: Vec<Decided>, now: Timestamp) -> Result<(), PortError>;

    /// Changes what was decided, in one transaction with the records: `change` sees everything, and nothing leaves in between.
    ///
    /// # Errors
    /// [`PortError`] when it could not be made durable; then nothing is changed.
    fn revise(
        &mut self,
        now: Timestamp,
        change: &mut dyn FnMut(&Everything) -> Revision,
    ) -> Result<Revision, PortError>;

    /// Returns what was decided and whose time has not come, or never will, oldest first.
    ///
    /// # Errors
    /// [`PortError`] when it cannot be read.
    fn waiting(&self) -> Result<Vec<Waiting>, PortError>;

    /// Returns the roll-outs. One whose steps differ from the audit trail counts as stopped.
    ///
    /// # Errors
    /// [`PortError`] when they cannot be read.
    fn rollouts(&self) -> Result<Rollouts, PortError>;

    /// Turns what was decided for a later time into messages once their time has come; the end of an offer leads to the base
    /// price that is approved then.
    ///
    /// # Errors
    /// [`PortError`] when it cannot be stored.
    fn ripen(&mut self, now: Timestamp, standings: &dyn Standings) -> Result<(), PortError>;

    /// Returns messages that are not settled and whose rest is over, oldest first.
    ///
    /// # Errors
    /// [`PortError`] when they cannot be read.
    fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Pending>, PortError>;

    /// Stores what is known, together or not at all; when this returns it survives a crash.
    ///
    /// # Errors
    /// [`PortError`] when it could not be made durable.
    fn keep(&mut self, kept: Vec<Kept>, now: Timestamp) -> Result<(), PortError>;

    /// Returns what was sent and still counts.
    ///
    /// # Errors
    /// [`PortError`] when it cannot be read.
    fn traffic(&self, now: Timestamp) -> Result<Traffic, PortError>;

    /// Returns everything that was decided, oldest first, with what is known of it once its time has come.
    ///
    /// # Errors
    /// [`PortError`] when it cannot be read.
    fn all(&self) -> Result<Vec<(Intent, Option<Known>)>, PortError>;

    /// Returns every message about an item at a place and channel, oldest first.
    ///
    /// # Errors
    /// [`PortError`] when it cannot be read.
    fn shelf(&self, channel: &Channel, place: &Place, sku: &Sku) -> Result<Vec<(Known, Intent)>, PortError>;
}

/// What was found at channels, kept with the audit trail.
pub trait Findings {
    /// Differences that are not gone, oldest first.
    ///
    /// # Errors
    /// [`PortError`] when they cannot be read.
    fn open_findings(&self) -> Result<Vec<Open>, PortError>;

    /// What the last readings of channels came to.
    ///
    /// # Errors
    /// [`PortError`] when they cannot be read.
    fn contacts(&self) -> Result<Vec<Contact>, PortError>;

    /// Keeps what a reading found, with a record for each difference that came or went; all of it or nothing.
    ///
    /// # Errors
    /// [`PortError`] when it could not be made durable.
    fn note(&mut self, noted: &Noted, now: Timestamp) -> Result<(), PortError>;

    /// Notes that a named person wants differences put right, with a record for each; those that are gone are left out. Asking again
    /// asks anew.
    ///
    /// # Errors
    /// [`PortError`] when it could not be made durable.
    fn ask_repair(&mut self, ids: &[i64], by: &str, reason: &str, now: Timestamp) -> Result<(), PortError>;

    /// The decision behind what a finding says is to be held; nothing where it is about what nobody here decided.
    ///
    /// # Errors
    /// [`PortError`] when it cannot be read.
    fn decision(&self, finding: &Finding) -> Result<Option<Decision>, PortError>;

    /// Keeps the decisions that put findings right, as [`Outbox::decide`] does, and that they do.
    ///
    /// # Errors
    /// [`PortError`] when they could not be made durable; then none is kept.
    fn repair(&mut self, repairs: Vec<(i64, Vec<Decided>)>, now: Timestamp) -> Result<(), PortError>;
}

/// An intent with what is kept about it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The intent.
    pub intent: &'a Intent,
    /// What the audit trail says it was decided on: the hash of a plan.
    pub proposal: Option<&'a ContentHash>,
    /// When it was decided; nothing where it is only being asked about.
    pub decided: Option<Timestamp>,
    /// Everything about its item at its place and channel, oldest first.
    pub past: &'a [(Known, Intent)],
}

/// How things stand, from sources that the planner has no hand in.
pub trait Standings {
    /// How things stand for an intent, without stops and lease. What is not known is absent.
    fn standing(&self, asked: &Asked, now: Timestamp) -> Standing;

    /// Stops in force, read anew; nothing when any of their places cannot be read.
    fn stops(&self) -> Option<Stops>;
}
