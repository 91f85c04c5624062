//! What was sent and is in flight, in rolling windows: the memory of the gate.
//!
//! An effect counts from the moment it may be sent, whether or not the channel has answered: what is in flight is as
//! dangerous as what has landed. Kept for [`KEPT`], filed under each thing that a limit sums over.

use super::{Action, Intent};
use endcap_model::{Channel, Place, Sku, Supplier};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How long effects are remembered.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24 * 7);

/// An hour.
pub(crate) const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// A day.
pub(crate) const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Something that limits sum over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tally {
    All,
    Shelf(Channel, Place, Sku),
    Agent(String),
    Category(String),
    Supplier(Supplier),
    Sku(Sku),
}

/// One effect that was let through, with what it is worth; a [`Traffic`] is made of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    pub(crate) at: Timestamp,
    pub(crate) intent: Intent,
    pub(crate) order_value: i64,
    pub(crate) given_away: i64,
    pub(crate) revenue: i64,
}

impl Sent {
    /// When it was let through.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

/// Effects of the last days. A sender keeps them with its outbox: limits that a restart forgets are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Sent>", into = "Vec<Sent>")]
pub struct Traffic {
    by: BTreeMap<Tally, VecDeque<Arc<Sent>>>,
}

impl Traffic {
    /// Number of effects that are remembered.
    pub fn len(&self) -> usize {
        self.by.get(&Tally::All).map_or(0, VecDeque::len)
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Effects under a tally in the time that ends now, newest first; one exactly as old as the window is out.
    ///
    /// What is dated later than now (a clock was set back) counts as well.
    pub(crate) fn within<'a>(
        &'a self,
        tally: &Tally,
        now: Timestamp,
        window: SignedDuration,
    ) -> impl Iterator<Item = &'a Sent> + use<'a> {
        let sent = self.by.get(tally).into_iter().flat_map(|sent| sent.iter().rev());
        sent.take_while(move |sent| now.duration_since(sent.at) < window).map(Arc::as_ref)
    }

    pub(crate) fn record(&mut self, sent: Sent) {
        let sent = Arc::new(sent);
        for tally in tallies(&sent.intent) {
            let queue = self.by.entry(tally).or_default();
            // Sorted by time even when the clock was set back, so that a window never ends too early.
            let behind = queue.iter().rev().take_while(|other| other.at > sent.at).count();
            queue.insert(queue.len() - behind, Arc::clone(&sent));
            while queue.front().is_some_and(|first| sent.at.duration_since(first.at) >= KEPT) {
                queue.pop_front();
            }
        }
    }
}

impl From<Vec<Sent>> for Traffic {
    fn from(sent: Vec<Sent>) -> Self {
        let mut traffic = Self::default();
        sent.into_iter().for_each(|sent| traffic.record(sent));
        traffic
    }
}

impl From<Traffic> for Vec<Sent> {
    fn from(traffic: Traffic) -> Self {
        traffic.by.get(&Tally::All).into_iter().flatten().map(|sent| Sent::clone(sent)).collect()
    }
}

pub(crate) fn shelf(intent: &Intent) -> Tally {
    Tally::Shelf(intent.channel.clone(), intent.place.clone(), intent.sku.clone())
}

fn tallies(intent: &Intent) -> Vec<Tally> {
    let mut tallies =
        vec![Tally::All, shelf(intent), Tally::Agent(intent.agent.clone()), Tally::Category(intent.category.clone())];
    match &intent.action {
        Action::Order { supplier, .. } => tallies.push(Tally::Supplier(supplier.clone())),
        Action::Transfer { .. } => {}
        Action::SetPrice { .. } | Action::StartOffer { .. } | Action::ChangeOffer { .. } | Action::EndOffer { .. } => {
            tallies.push(Tally::Sku(intent.sku.clone()))
        }
    }
    tallies
}
