//! From intents to what is kept of them: under which subject, and when each may leave.

use super::{Message, Promises, Waits, about, wanted::subject};
use endcap_govern::audit::{Entry, Grounds, Ruling, Told};
use endcap_govern::gate::{Action, Intent, Standing};
use endcap_govern::law::unit_price;
use endcap_model::{Channel, ContentHash, hash_json};
use jiff::Timestamp;

/// A decision about one thing at one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// What is to happen; its generation is given when its time comes.
    pub intent: Intent,
    /// What it changes there.
    pub subject: String,
    /// From when it may leave; the end of time while it waits for something else.
    pub due: Timestamp,
    /// What it waits for beside its time.
    pub waits: Waits,
    /// Whether it takes the place of what waits for the same offer.
    pub replaces: bool,
    /// What the audit trail is told.
    pub record: Entry<Told>,
}

impl Decided {
    /// A decision about a subject by somebody, due then.
    pub fn of(
        (intent, waits): (Intent, Waits),
        subject: String,
        due: Timestamp,
        (by, grounds): (Told, &Grounds),
    ) -> Self {
        let message = Message::about(&intent, subject.clone());
        let what = format!("{}: {}", intent.action.name().replace('_', " "), about(&message));
        let action = if waits.holds() { "effect planned" } else { "effect decided" };
        let mut record = Entry::new(by, action, Told::open(what), Ruling::Allowed);
        record.grounds = Grounds {
            limits: Some(intent.limits.clone()),
            snapshot: Some(intent.inputs.snapshot.clone()),
            ..grounds.clone()
        };
        record.effect = Some(waits.name(&intent).to_string());
        let due = if waits.holds() { Timestamp::MAX } else { waits.veto_until.map_or(due, |until| due.max(until)) };
        Self { intent, subject, due, waits, replaces: true, record }
    }
}

/// Says for each intent when it leaves. A channel that keeps times gets everything at once; to any other a price goes when it
/// begins, and its end is decided with it.
pub fn decide(
    intents: Vec<Intent>,
    promises: &dyn Fn(&Channel) -> Promises,
    now: Timestamp,
    by: &str,
    grounds: &Grounds,
) -> Vec<Decided> {
    let intents = intents.into_iter().map(|intent| (intent, Waits::default())).collect();
    decide_waiting(intents, promises, now, by, grounds)
}

/// The same of intents that wait for something beside their time; the end of an offer waits with its beginning.
pub fn decide_waiting(
    intents: Vec<(Intent, Waits)>,
    promises: &dyn Fn(&Channel) -> Promises,
    now: Timestamp,
    by: &str,
    grounds: &Grounds,
) -> Vec<Decided> {
    let mut decided = vec![];
    for (intent, waits) in intents {
        let promises = promises(&intent.channel);
        let timed = !promises.keeps_time && intent.action.price().is_some();
        let due = if timed { intent.from.max(now) } else { now };
        let end = timed.then(|| end_of(&intent)).flatten();
        for (intent, due) in std::iter::once((intent, due)).chain(end.map(|end| (end.clone(), end.from))) {
            let subject = subject(&intent, &promises);
            decided.push(Decided::of((intent, waits.clone()), subject, due, (Told::open(by), grounds)));
        }
    }
    decided
}

/// Names a decision whatever is only known when its time comes: its generation, and the base price that an end leads to.
pub fn decision_of(intent: &Intent) -> ContentHash {
    let mut intent = Intent { generation: 0, ..intent.clone() };
    if let Action::EndOffer { price, .. } = &mut intent.action {
        *price = 0;
        intent.shown.unit_price_tenths = None;
    }
    hash_json(&intent)
}

/// An intent as it is once its time has come: an end leads to the base price that is approved now, and shows what a unit of it
/// costs where the law asks for that.
pub fn ripened(intent: &Intent, standing: &Standing) -> Intent {
    let mut intent = intent.clone();
    let (Action::EndOffer { price, .. }, Some(base)) = (&mut intent.action, standing.shelf.base_price) else {
        return intent;
    };
    *price = base;
    let market = standing.market.as_ref();
    let rule = market.and_then(|market| market.rules.unit_price.as_ref());
    let content = market.and_then(|market| market.goods.content).filter(|content| content.amount > 0);
    intent.shown.unit_price_tenths = rule.zip(content).and_then(|(rule, content)| unit_price(base, content, rule));
    intent
}

/// The way back to the base price when an offer is over.
fn end_of(intent: &Intent) -> Option<Intent> {
    let (offer, until) = (intent.action.offer()?.to_owned(), intent.until?);
    let price = intent.action.new_price()?;
    let action = Action::EndOffer { offer, price };
    Some(Intent { action, from: until, until: None, shown: Default::default(), ..intent.clone() })
}
