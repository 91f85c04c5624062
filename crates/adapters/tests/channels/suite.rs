//! The acceptance suite: what every channel keeps of its word.

use super::approved::{BASE_PRICE, approved, intent};
use super::proxy::{Lost, Proxy};
use endcap_agent::outbox::{Heard, Held, Message};
use endcap_agent::ports::Outlet;
use endcap_govern::gate::{Action, Intent};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The name of the channel in every test.
pub const CHANNEL: &str = "partner";

/// A channel under test, with hooks into the other side.
pub trait World {
    /// A new outlet with the same settings and what the last one kept; through a proxy where one is given.
    fn outlet(&mut self, through: Option<SocketAddr>) -> Box<dyn Outlet>;
    /// Where the other side listens; nowhere for folders.
    fn address(&self) -> Option<SocketAddr>;
    /// What only the bytes of a sending carry, so that the proxy breaks that and nothing before it.
    fn mark(&self) -> &'static [u8];
    /// Ends the other side, as a crash would.
    fn stop(&mut self);
    /// Starts it again.
    fn start(&mut self);
    /// All that the other side holds, read by a client of its own; equal where nothing changed.
    fn state(&mut self) -> String;
    /// The price or the pieces that it holds for a message, read by a client of its own.
    fn held(&mut self, message: &Message, intent: &Intent) -> Option<i64>;
    /// Place and item that it knows.
    fn shelf(&self) -> (&'static str, &'static str);
    /// Whether it carries orders rather than prices.
    fn takes_orders(&self) -> bool;
    /// What a supplier takes for a piece.
    fn unit_cost(&self) -> i64 {
        100
    }
}

/// The sample of a generation.
fn sample(world: &dyn World, generation: u64) -> Intent {
    let number = i64::try_from(generation).unwrap();
    let offer = "o1".to_owned();
    let action = match (world.takes_orders(), generation) {
        (true, _) => {
            Action::Order { supplier: "dairy co".into(), pieces: 100 + 10 * number, unit_cost: world.unit_cost() }
        }
        (false, 1) => Action::StartOffer { offer, price: 150 },
        (false, _) => Action::ChangeOffer { offer, price: 150 + number },
    };
    let (place, sku) = world.shelf();
    intent(CHANNEL, place, sku, action, generation)
}

fn amount(intent: &Intent) -> Option<i64> {
    intent.action.price().or(intent.action.pieces())
}

fn send(outlet: &mut dyn Outlet, intent: &Intent) -> (Message, Heard) {
    let message = Message::of(intent, &outlet.promises());
    let heard = outlet.send(&message, &approved(intent));
    (message, heard)
}

/// Sends what must be taken and waits until it can be read back; both what is read and what is there must be this.
pub fn sends(world: &mut dyn World, outlet: &mut dyn Outlet, intent: &Intent) -> Message {
    let (message, heard) = send(outlet, intent);
    assert!(matches!(heard, Heard::Acknowledged { .. }), "{}: {heard:?}", intent.describe());
    is_held(world, outlet, &message, intent);
    message
}

/// Waits until a message is what the channel holds, as the outlet reads it and as it is.
fn is_held(world: &mut dyn World, outlet: &mut dyn Outlet, message: &Message, intent: &Intent) {
    if outlet.promises().reads_back {
        let ours = |heard: &Heard| match heard {
            Heard::Holds(Some(Held { generation, content, .. })) => {
                *content == message.content && generation.is_none_or(|generation| generation == message.generation)
            }
            _ => false,
        };
        let heard = read_until(outlet, message, intent, ours);
        assert!(ours(&heard), "{} is read back as {heard:?}, expected {}", intent.describe(), message.content);
    }
    assert_eq!(world.held(message, intent), amount(intent), "{} at the other side", intent.describe());
}

fn read_until(outlet: &mut dyn Outlet, message: &Message, intent: &Intent, done: impl Fn(&Heard) -> bool) -> Heard {
    let begun = Instant::now();
    loop {
        let heard = outlet.read_back(message, intent);
        assert!(matches!(heard, Heard::Holds(_) | Heard::Unread), "reading is answered with {heard:?}");
        if done(&heard) || begun.elapsed() > Duration::from_secs(20) {
            return heard;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The whole suite, in an order in which each step leaves what the next begins with.
pub fn accepts(world: &mut dyn World) {
    let promises = world.outlet(None).promises();
    rehearsing_changes_nothing(world);
    let first = sample(world, 1);
    let mut outlet = world.outlet(None);
    sends(world, outlet.as_mut(), &first);
    if promises.can_be_settled() {
        the_same_again_changes_nothing(world, &first);
    }
    let second = sample(world, 2);
    let mut outlet = world.outlet(None);
    sends(world, outlet.as_mut(), &second);
    if promises.refuses_older {
        an_older_one_changes_nothing(world, &first);
        let other = match first.action.clone() {
            Action::StartOffer { offer, price } => Action::StartOffer { offer, price: price + 9 },
            action => action,
        };
        let (place, sku) = world.shelf();
        let never_sent = intent(CHANNEL, place, sku, other, 1);
        assert_eq!(an_older_one_changes_nothing(world, &never_sent), Heard::Older);
    }
    let third = sample(world, 3);
    nobody_there_means_unreachable(world, &third);
    if world.address().is_some() {
        a_lost_request_has_no_effect(world, &third);
        a_lost_answer_is_silence_and_reading_finds_the_truth(world, &third);
    }
    what_was_taken_outlives_a_crash(world);
    if !world.takes_orders() {
        withdrawing_restores_the_base_price(world);
    }
}

fn rehearsing_changes_nothing(world: &mut dyn World) {
    let (before, intent) = (world.state(), sample(world, 1));
    let mut outlet = world.outlet(None);
    let message = Message::of(&intent, &outlet.promises());
    outlet.rehearse(&message, &intent).unwrap();
    if outlet.promises().reads_back {
        assert_eq!(outlet.read_back(&message, &intent), Heard::Holds(None), "nothing was sent yet");
    }
    assert_eq!(world.state(), before, "a rehearsal changed something");
}

fn the_same_again_changes_nothing(world: &mut dyn World, intent: &Intent) {
    let before = world.state();
    for _ in 0..2 {
        let mut outlet = world.outlet(None);
        let (_, heard) = send(outlet.as_mut(), intent);
        assert!(matches!(heard, Heard::Acknowledged { .. } | Heard::AlreadyThere), "the same again: {heard:?}");
    }
    assert_eq!(world.state(), before, "the same message twice had two effects");
}

/// One that arrived before may be known by its key; one that never arrived is refused.
fn an_older_one_changes_nothing(world: &mut dyn World, older: &Intent) -> Heard {
    let before = world.state();
    let mut outlet = world.outlet(None);
    let (message, heard) = send(outlet.as_mut(), older);
    let known = outlet.promises().knows_key_for.is_some() && matches!(heard, Heard::Acknowledged { .. });
    assert!(heard == Heard::Older || known, "{heard:?}");
    assert_eq!(world.state(), before, "an older message came over a newer one");
    if outlet.promises().reads_back {
        let read = outlet.read_back(&message, older);
        assert!(matches!(read, Heard::Holds(Some(Held { generation: Some(2), .. }))), "{read:?}");
    }
    heard
}

fn nobody_there_means_unreachable(world: &mut dyn World, intent: &Intent) {
    let before = world.state();
    world.stop();
    let mut outlet = world.outlet(None);
    let (message, heard) = send(outlet.as_mut(), intent);
    assert_eq!(heard, Heard::Unreachable);
    if outlet.promises().reads_back {
        assert_eq!(outlet.read_back(&message, intent), Heard::Unread);
    }
    assert!(outlet.rehearse(&message, intent).is_err() || !outlet.promises().reads_back);
    world.start();
    assert_eq!(world.state(), before, "something happened although nobody was there");
}

fn a_lost_request_has_no_effect(world: &mut dyn World, intent: &Intent) {
    let before = world.state();
    let proxy = Proxy::start(world.address().unwrap(), world.mark(), Lost::Request);
    let mut outlet = world.outlet(Some(proxy.address));
    let (_, heard) = send(outlet.as_mut(), intent);
    assert_eq!(proxy.broken(), 1, "the proxy lost nothing: {heard:?}");
    assert_eq!(heard, Heard::Silence, "it left, and nobody answered");
    assert_eq!(world.state(), before);
}

fn a_lost_answer_is_silence_and_reading_finds_the_truth(world: &mut dyn World, intent: &Intent) {
    let proxy = Proxy::start(world.address().unwrap(), world.mark(), Lost::Answer);
    let mut outlet = world.outlet(Some(proxy.address));
    let (message, heard) = send(outlet.as_mut(), intent);
    assert_eq!(proxy.broken(), 1, "the proxy lost nothing: {heard:?}");
    assert_eq!(heard, Heard::Silence, "it was done, and nobody could know");
    let mut outlet = world.outlet(None);
    is_held(world, outlet.as_mut(), &message, intent);
    if outlet.promises().can_be_settled() {
        the_same_again_changes_nothing(world, intent);
    }
}

fn what_was_taken_outlives_a_crash(world: &mut dyn World) {
    let before = world.state();
    world.stop();
    world.start();
    assert_eq!(world.state(), before, "the other side forgot something");
}

fn withdrawing_restores_the_base_price(world: &mut dyn World) {
    let (place, sku) = world.shelf();
    let end = Action::EndOffer { offer: "o1".into(), price: BASE_PRICE };
    let intent = intent(CHANNEL, place, sku, end, 4);
    let mut outlet = world.outlet(None);
    sends(world, outlet.as_mut(), &intent);
}
