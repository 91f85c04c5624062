//! What holds for every channel before its own words begin: it carries what it was told to, and message and intent belong
//! together.

use super::Cargo;
use endcap_agent::outbox::{Heard, Message, Promises, Wanted};
use endcap_agent::ports::Outlet;
use endcap_agent::reconcile::Extras;
use endcap_govern::Approved;
use endcap_govern::gate::Intent;
use endcap_model::Channel;

/// A channel with what it carries.
pub(super) struct Carrier {
    channel: Channel,
    carries: Vec<Cargo>,
    outlet: Box<dyn Outlet>,
}

impl Carrier {
    pub fn new(channel: Channel, carries: Vec<Cargo>, outlet: Box<dyn Outlet>) -> Self {
        Self { channel, carries, outlet }
    }

    fn fits(&self, message: &Message, intent: &Intent) -> Result<(), String> {
        let cargo = Cargo::of(&intent.action);
        if !self.carries.contains(&cargo) {
            return Err(format!(
                "channel {} carries no {}: see `carries` in channels.toml",
                self.channel,
                cargo.name()
            ));
        }
        let same = (&message.channel, &intent.channel) == (&self.channel, &self.channel)
            && message.generation == intent.generation
            && message.content == Wanted::of(intent).hash();
        if same { Ok(()) } else { Err(format!("the message is not about this intent at channel {}", self.channel)) }
    }
}

impl Outlet for Carrier {
    fn promises(&self) -> Promises {
        self.outlet.promises()
    }

    fn send(&mut self, message: &Message, intent: &Approved<Intent>) -> Heard {
        match self.fits(message, intent.get()) {
            Ok(()) => self.outlet.send(message, intent),
            Err(reason) => Heard::Refused { reason },
        }
    }

    fn read_back(&mut self, message: &Message, intent: &Intent) -> Heard {
        match self.fits(message, intent) {
            Ok(()) => self.outlet.read_back(message, intent),
            Err(_) => Heard::Unread,
        }
    }

    fn read_all(&mut self, asked: &[(&Message, &Intent)]) -> Vec<Heard> {
        let fit = |(message, intent): &&(&Message, &Intent)| self.fits(message, intent).is_ok();
        let fitting: Vec<_> = asked.iter().filter(fit).copied().collect();
        let mut heard = self.outlet.read_all(&fitting).into_iter();
        let mut fitting = fitting.into_iter().peekable();
        let one = |(message, _): &(&Message, &Intent)| match fitting.next_if(|(next, _)| std::ptr::eq(*next, *message))
        {
            Some(_) => heard.next().unwrap_or(Heard::Unread),
            None => Heard::Unread,
        };
        asked.iter().map(one).collect()
    }

    fn extras(&mut self, known: &[(&Message, &Intent)]) -> Extras {
        self.outlet.extras(known)
    }

    fn rehearse(&mut self, message: &Message, intent: &Intent) -> Result<(), String> {
        self.fits(message, intent)?;
        self.outlet.rehearse(message, intent)
    }
}
