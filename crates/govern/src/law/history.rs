//! The prices of an item at one store and channel, as the channel confirmed them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What shoppers could buy the item for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offered {
    /// For this price, in minor units.
    At(i64),
    /// It was not on sale.
    NotSold,
    /// Nobody knows: the channel was not read.
    Unknown,
}

/// Changes of a price in the order of time; each holds until the next, and nothing is known before the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(Timestamp, Offered)>", into = "Vec<(Timestamp, Offered)>")]
pub struct PriceHistory {
    changes: Vec<(Timestamp, Offered)>,
}

impl PriceHistory {
    /// Adds what a channel confirmed; it may come late and is filed by its time. Of two at one time the later told holds.
    pub fn confirm(&mut self, at: Timestamp, offered: Offered) {
        let place = self.changes.partition_point(|(other, _)| *other <= at);
        self.changes.insert(place, (at, offered));
    }

    /// What was offered in a half-open time, with the begin and end of each stretch within it.
    pub fn between(&self, from: Timestamp, until: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp, Offered)> {
        let first = self.changes.partition_point(|(at, _)| *at <= from);
        let before = first.checked_sub(1).map_or(Offered::Unknown, |last| self.changes[last].1);
        let inside = self.changes[first..].iter().take_while(move |(at, _)| *at < until).copied();
        let begins = std::iter::once((from, before)).chain(inside);
        let ends = self.changes[first..].iter().map(|(at, _)| *at).take_while(move |at| *at < until).chain([until]);
        begins.zip(ends).map(|((begin, offered), end)| (begin, end, offered)).filter(|(begin, end, _)| begin < end)
    }
}

impl From<Vec<(Timestamp, Offered)>> for PriceHistory {
    fn from(mut changes: Vec<(Timestamp, Offered)>) -> Self {
        changes.sort_by_key(|(at, _)| *at);
        Self { changes }
    }
}

impl From<PriceHistory> for Vec<(Timestamp, Offered)> {
    fn from(history: PriceHistory) -> Self {
        history.changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_price_holds_until_the_next_one_and_nothing_is_known_before_the_first() {
        let mut history = PriceHistory::default();
        history.confirm(at(20), Offered::At(5));
        history.confirm(at(10), Offered::At(7));
        let seen: Vec<_> = history.between(at(5), at(30)).collect();
        let expected =
            [(at(5), at(10), Offered::Unknown), (at(10), at(20), Offered::At(7)), (at(20), at(30), Offered::At(5))];
        assert_eq!(seen, expected);
        assert_eq!(history.between(at(12), at(20)).collect::<Vec<_>>(), [(at(12), at(20), Offered::At(7))]);
        assert_eq!(history.between(at(20), at(20)).count(), 0);
    }

    #[test]
    fn of_two_at_one_time_the_later_told_holds() {
        let mut history = PriceHistory::default();
        history.confirm(at(10), Offered::At(7));
        history.confirm(at(10), Offered::At(6));
        assert_eq!(history.between(at(10), at(11)).collect::<Vec<_>>(), [(at(10), at(11), Offered::At(6))]);
    }
}
