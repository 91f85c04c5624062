//! What binds a sign-in that is under way to one browser: a random value in a cookie that only our pages send back.
//!
//! State, nonce and PKCE verifier are drawn from it by a hash, so that the server keeps nothing in between, and none of
//! them tells another. The moment is part of the value: a changed one has another state.

use super::super::super::problem::Answer;
use super::super::secret;
use jiff::{SignedDuration, Timestamp};

/// Longest time that a sign-in may take.
pub const SECONDS: i64 = 600;

/// The value of the cookie.
pub struct Ticket(String);

impl Ticket {
    /// Makes a new one.
    pub fn make(now: Timestamp) -> Answer<Self> {
        Ok(Self(format!("{}-{}", now.as_second(), secret::make()?)))
    }

    /// Reads one that a browser sent; nothing where it is none or too old.
    pub fn read(cookie: &str, now: Timestamp) -> Option<Self> {
        let (made, _) = cookie.split_once('-')?;
        let made = Timestamp::from_second(made.parse().ok()?).ok()?;
        let age = now.duration_since(made);
        (age >= SignedDuration::ZERO && age < SignedDuration::from_secs(SECONDS)).then(|| Self(cookie.to_owned()))
    }

    /// What the cookie holds.
    pub fn value(&self) -> &str {
        &self.0
    }

    /// What the browser must bring back.
    pub fn state(&self) -> String {
        self.drawn("state")
    }

    /// What the proof must name.
    pub fn nonce(&self) -> String {
        self.drawn("nonce")
    }

    /// What shows the provider that the code is asked for by whoever began.
    pub fn verifier(&self) -> String {
        self.drawn("verifier")
    }

    fn drawn(&self, what: &str) -> String {
        secret::hash(&format!("{what} {}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_ends_after_ten_minutes_and_is_never_from_the_future() {
        let at = |second: i64| Timestamp::from_second(1_000_000 + second).unwrap();
        let ticket = Ticket::make(at(0)).unwrap();
        assert!(Ticket::read(ticket.value(), at(0)).is_some());
        assert!(Ticket::read(ticket.value(), at(SECONDS - 1)).is_some());
        for (cookie, now) in [(ticket.value(), at(SECONDS)), (ticket.value(), at(-1)), ("", at(0)), ("x-y", at(0))] {
            assert!(Ticket::read(cookie, now).is_none(), "{cookie} at {now}");
        }
    }

    #[test]
    fn what_is_drawn_from_a_ticket_tells_neither_it_nor_one_another() {
        let (one, other) = (Ticket::make(Timestamp::UNIX_EPOCH).unwrap(), Ticket::make(Timestamp::UNIX_EPOCH).unwrap());
        let drawn = [one.state(), one.nonce(), one.verifier(), other.state()];
        for (at, value) in drawn.iter().enumerate() {
            assert!(!drawn[..at].contains(value) && value.len() == 64);
        }
        let moved = Ticket(one.value().replacen('0', "1", 1));
        assert_ne!(moved.state(), one.state());
    }
}
