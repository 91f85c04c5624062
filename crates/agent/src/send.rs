//! Send: what was decided leaves the house, message by message, through the gate.
//!
//! Nothing leaves before it is noted as sent, nothing is noted before the gate let it through, and between the note and the
//! wire it is asked once more whether a stop was pressed. Whatever kills the sender in between, the next one reads in
//! [`Known`] what may have happened and settles it by what the channel promised.

use crate::outbox::{
    Decided, Heard, Known, Line, Next, Patience, Promises, Stage, Waits, about, decision_of, next, ripened,
};
use crate::ports::{Asked, Outbox, Outlet, PortError, Standings};
use endcap_govern::Approved;
use endcap_govern::audit::{Entry, Grounds, Ruling, Told};
use endcap_govern::gate::{Gate, Intent, Sent, Standing, Traffic, passes_with_time};
use endcap_govern::ladder::{Alarm, Field};
use endcap_govern::stop::LEASE_MAX;
use endcap_model::{Breach, Channel, ContentHash, later};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Messages that are handled in one round.
const AT_ONCE: u32 = 64;

/// How long something waits that another takes the place of.
const AT_NEXT: SignedDuration = SignedDuration::from_secs(1);

/// How long something waits that a limit on pace holds up, or a stop that cannot be read.
const PACE: SignedDuration = SignedDuration::from_secs(30);

/// A message that is not settled yet, with what bears on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// What is known of it.
    pub known: Known,
    /// What it carries.
    pub intent: Intent,
    /// What the audit trail says was decided, by [`decision_of`].
    pub decided: Option<String>,
    /// What it says it was decided on.
    pub proposal: Option<ContentHash>,
    /// When, by that.
    pub recorded: Option<Timestamp>,
    /// Other messages about the same subject.
    pub others: Vec<Known>,
}

/// What is to be stored of a message, all of it or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// What is known now.
    pub known: Known,
    /// What counts as sent from now on.
    pub sent: Option<Sent>,
    /// What the audit trail is told.
    pub record: Option<Entry<Told>>,
}

/// Moments at which a sender may die; for progress, metrics and tests that kill it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The gate let messages through; nothing is noted.
    Admitted,
    /// They are noted as sent; none has left.
    Noted,
    /// One left and was answered or not; nothing is noted of it.
    Answered,
    /// A channel was read; nothing is noted of it.
    Read,
    /// What was heard is noted.
    Stored,
}

/// What one round did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Messages that left.
    pub sent: usize,
    /// Channels that were read for a message.
    pub read: usize,
    /// Messages about which nothing more is to be done.
    pub settled: usize,
    /// Messages that wait.
    pub waiting: usize,
    /// What makes the machine fall: where, and why, each once.
    pub alarms: BTreeSet<(Field, Alarm)>,
}

/// Sends what is due. There is one sender to an outbox.
pub struct Sender<'a> {
    gate: &'a Gate,
    patience: Patience,
    outlets: BTreeMap<Channel, Box<dyn Outlet + 'a>>,
    outbox: &'a mut dyn Outbox,
    standings: &'a dyn Standings,
    now: &'a dyn Fn() -> Timestamp,
    watch: &'a dyn Fn(Step),
    traffic: Traffic,
}

impl<'a> Sender<'a> {
    /// Takes up where the last sender ended.
    ///
    /// # Errors
    /// [`PortError`] when what was sent before cannot be read: limits that a restart forgets are none.
    pub fn open(
        gate: &'a Gate,
        patience: Patience,
        outlets: BTreeMap<Channel, Box<dyn Outlet + 'a>>,
        (outbox, standings): (&'a mut dyn Outbox, &'a dyn Standings),
        now: &'a dyn Fn() -> Timestamp,
        watch: &'a dyn Fn(Step),
    ) -> Result<Self, PortError> {
        let traffic = outbox.traffic(now())?;
        Ok(Self { gate, patience, outlets, outbox, standings, now, watch, traffic })
    }

    /// Does what is due now, once. Call it again while it did something, later when all waits.
    ///
    /// # Errors
    /// [`PortError`] when something could not be stored; what had left by then is found by the next sender.
    pub fn round(&mut self) -> Result<Round, PortError> {
        let now = (self.now)();
        self.outbox.ripen(now, self.standings)?;
        let mut round = Round::default();
        let (mut kept, mut leaving) = (vec![], vec![]);
        for pending in self.outbox.due(now, AT_ONCE)? {
            match self.what_next(&pending, now)? {
                Turn::Keep(known) => kept.push(known),
                Turn::Refused(known, breaches) => {
                    let raised = breaches.iter().filter_map(Alarm::of);
                    round.alarms.extend(raised.map(|alarm| (field_of(&pending.intent), alarm)));
                    kept.push(known);
                }
                Turn::Read => {
                    round.read += 1;
                    kept.push(self.read_back(&pending));
                }
                Turn::Leave(admitted) => leaving.push(*admitted),
            }
        }
        (self.watch)(Step::Admitted);
        count(&mut round, &kept);
        let (together, alone): (Vec<_>, Vec<_>) = leaving.into_iter().partition(|one| one.can_be_settled);
        self.send(together, kept, &mut round)?;
        for one in alone {
            self.send(vec![one], vec![], &mut round)?;
        }
        Ok(round)
    }

    fn what_next(&mut self, pending: &Pending, now: Timestamp) -> Result<Turn, PortError> {
        let known = pending.known.clone();
        if pending.decided.as_deref() != Some(decision_of(&pending.intent).as_str()) {
            let reason = "the audit trail tells of no such decision: decide it anew".to_owned();
            let heard = Heard::HeldBack { reason };
            return Ok(Turn::Keep(known.after(heard, &Promises::default(), &self.patience, now)));
        }
        let Some(outlet) = self.outlets.get(&known.message.channel) else {
            let reason = format!("there is no channel {}: name it in channels.toml", known.message.channel);
            let heard = Heard::HeldBack { reason };
            return Ok(Turn::Keep(known.after(heard, &Promises::default(), &self.patience, now)));
        };
        let promises = outlet.promises();
        let line = Line::of(known.message.generation, &pending.others, &promises, &self.patience);
        let patience = self.patience_with(pending);
        Ok(match next(&known, &line, &promises, &patience, now) {
            Next::Nothing => Turn::Keep(known),
            Next::Settle(stage) => Turn::Keep(Known { stage, ..known }),
            Next::Rest { until } => Turn::Keep(Known { rest_until: until, ..known }),
            Next::ReadBack => Turn::Read,
            Next::Send => self.admit(pending, &promises, now)?,
        })
    }

    /// The way back is tried until its channel takes it: an offer that ends only while the channel is up would run for ever.
    fn patience_with(&self, pending: &Pending) -> Patience {
        let goes_on = pending.intent.action.only_reverts() && pending.known.stage == Stage::Decided;
        let give_up = if goes_on { SignedDuration::MAX } else { self.patience.give_up };
        Patience { give_up, ..self.patience }
    }

    fn admit(&mut self, pending: &Pending, promises: &Promises, now: Timestamp) -> Result<Turn, PortError> {
        let (known, intent) = (pending.known.clone(), &pending.intent);
        let standing = self.standing(pending, now)?;
        if intent.action.only_reverts() && ripened(intent, &standing) != *intent {
            return self.lead_elsewhere(pending, &standing, now);
        }
        let admitted = match known.tries {
            0 => self.gate.admit(intent, &standing, &mut self.traffic).map(|(intent, sent)| (intent, Some(sent))),
            _ => self.gate.admit_again(intent, &standing, &self.traffic).map(|intent| (intent, None)),
        };
        Ok(match admitted {
            Ok((intent, sent)) => {
                let can_be_settled = promises.can_be_settled();
                Turn::Leave(Box::new(Leaving { known: known.leaves(now), intent, sent, can_be_settled }))
            }
            Err(breaches) if breaches.iter().all(passes_with_time) => {
                Turn::Keep(Known { rest_until: later(now, PACE), ..known })
            }
            Err(breaches) => {
                let heard = Heard::HeldBack { reason: told(&breaches) };
                Turn::Refused(known.after(heard, promises, &self.patience, now), breaches)
            }
        })
    }

    /// The base price that people approve has changed since the way back was made: another one, to that price, takes its place.
    fn lead_elsewhere(&mut self, pending: &Pending, standing: &Standing, now: Timestamp) -> Result<Turn, PortError> {
        let grounds = Grounds { proposal: pending.proposal.clone(), ..Grounds::default() };
        let by = (Told::open("sender"), &grounds);
        let back = Intent { generation: 0, ..ripened(&pending.intent, standing) };
        let mut decided = Decided::of((back, Waits::default()), pending.known.message.subject.clone(), now, by);
        decided.replaces = false;
        decided.record.reasons = vec![Told::open("the approved base price changed before it left")];
        self.outbox.decide(vec![decided], now)?;
        Ok(Turn::Keep(Known { rest_until: later(now, AT_NEXT), ..pending.known.clone() }))
    }

    fn standing(&self, pending: &Pending, now: Timestamp) -> Result<Standing, PortError> {
        let intent = &pending.intent;
        let past = self.outbox.shelf(&intent.channel, &intent.place, &intent.sku)?;
        // What the trail does not date has been decided just now.
        let decided = Some(pending.recorded.unwrap_or(now));
        let asked = Asked { intent, proposal: pending.proposal.as_ref(), decided, past: &past };
        Ok(self.stops(self.standings.standing(&asked, now), now))
    }

    /// Adds the stops in force and the right to act that follows from having read them.
    fn stops(&self, standing: Standing, now: Timestamp) -> Standing {
        let stops = self.standings.stops();
        let lease = stops.as_ref().map(|stops| stops.lease(now, LEASE_MAX));
        Standing { now, stops, lease, ..standing }
    }

    fn read_back(&mut self, pending: &Pending) -> Known {
        let Some(outlet) = self.outlets.get_mut(&pending.known.message.channel) else { return pending.known.clone() };
        let heard = outlet.read_back(&pending.known.message, &pending.intent);
        (self.watch)(Step::Read);
        pending.known.clone().after(heard, &outlet.promises(), &self.patience, (self.now)())
    }

    /// Notes what leaves, sends it, notes what was heard.
    fn send(&mut self, mut leaving: Vec<Leaving>, settled: Vec<Known>, round: &mut Round) -> Result<(), PortError> {
        let mut kept: Vec<Kept> = settled.into_iter().map(settled_or_waiting).collect();
        kept.extend(leaving.iter_mut().map(|one| Kept {
            known: one.known.clone(),
            sent: one.sent.take(),
            record: None,
        }));
        if kept.is_empty() {
            return Ok(());
        }
        self.outbox.keep(kept, (self.now)())?;
        (self.watch)(Step::Noted);
        if leaving.is_empty() {
            return Ok(());
        }
        let mut heard = vec![];
        for one in leaving {
            heard.push(self.wire(one));
            (self.watch)(Step::Answered);
        }
        round.sent += heard.iter().filter(|known| known.stage != Stage::Decided).count();
        count(round, &heard);
        self.outbox.keep(heard.into_iter().map(settled_or_waiting).collect(), (self.now)())?;
        (self.watch)(Step::Stored);
        Ok(())
    }

    /// Sends one message, unless a stop was pressed since the gate let it through.
    fn wire(&mut self, leaving: Leaving) -> Known {
        let Leaving { known, intent, .. } = leaving;
        let standing = self.stops(Standing::default(), (self.now)());
        let Some(outlet) = self.outlets.get_mut(&known.message.channel) else { return known };
        let heard = match self.gate.is_open(intent.get(), &standing) {
            true => outlet.send(&known.message, &intent),
            false => Heard::Unreachable,
        };
        known.after(heard, &outlet.promises(), &self.patience, (self.now)())
    }
}

fn count(round: &mut Round, kept: &[Known]) {
    let settled = kept.iter().filter(|known| known.stage.is_final()).count();
    round.settled += settled;
    round.waiting += kept.len() - settled;
}

/// What is done about a message now.
enum Turn {
    Keep(Known),
    Refused(Known, Vec<Breach>),
    Read,
    Leave(Box<Leaving>),
}

struct Leaving {
    known: Known,
    intent: Approved<Intent>,
    sent: Option<Sent>,
    can_be_settled: bool,
}

/// A message whose end is reached is told to the audit trail.
fn settled_or_waiting(known: Known) -> Kept {
    let record = known.stage.is_final().then(|| ended(&known));
    Kept { known, sent: None, record }
}

fn ended(known: &Known) -> Entry<Told> {
    let (action, ruling, reason) = match &known.stage {
        Stage::Confirmed => ("effect confirmed", Ruling::Allowed, None),
        Stage::Superseded => ("effect superseded", Ruling::Allowed, None),
        Stage::HeldBack { reason } => ("effect held back", Ruling::Refused, Some(reason)),
        Stage::Refused { reason } => ("effect refused by its channel", Ruling::Refused, Some(reason)),
        Stage::Unclear { reason } => ("effect unclear", Ruling::NeedsPerson, Some(reason)),
        Stage::Decided | Stage::Sent | Stage::Acknowledged { .. } => ("effect under way", Ruling::Allowed, None),
    };
    let mut entry = Entry::new(Told::open("sender"), action, Told::open(about(&known.message)), ruling);
    entry.reasons = reason.into_iter().map(Told::open).collect();
    entry.effect = Some(known.message.key().to_string());
    entry.answer = (known.stage == Stage::Confirmed).then(|| known.message.content.clone());
    entry
}

/// What the audit trail is told when a person found out about a message that was unclear.
pub fn settled_by(known: &Known, by: &str, reason: &str) -> Entry<Told> {
    let happened = known.stage == Stage::Confirmed;
    let ruling = if happened { Ruling::Allowed } else { Ruling::Refused };
    let mut entry =
        Entry::new(Told::personal(by), "effect settled by a person", Told::open(about(&known.message)), ruling);
    let found = if happened { "it happened" } else { "it did not happen" };
    entry.reasons = vec![Told::open(found), Told::personal(reason)];
    entry.effect = Some(known.message.key().to_string());
    entry
}

/// The field of the ladder that an intent falls into.
pub fn field_of(intent: &Intent) -> Field {
    let (category, channel) = (intent.category.clone(), intent.channel.clone());
    Field { category, channel, action: intent.action.name().to_owned() }
}

fn told(breaches: &[Breach]) -> String {
    breaches.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
