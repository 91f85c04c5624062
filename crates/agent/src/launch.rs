//! Launch: an approved offer that starts once conditions hold inside its window, not by the calendar alone.
//!
//! What is not known does not start it. Pure: conditions are data, readings come from the facts.

use crate::sense::Facts;
use endcap_model::{COMPETITOR_PRICE, Place, Sku};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that must hold before an offer starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Of what.
    pub what: What,
    /// In which direction.
    pub is: Is,
    /// Pieces, or minor units.
    pub value: i64,
}

/// What a condition is about: an item at a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Pieces on hand, as the facts report them.
    Stock,
    /// Pieces sold in the last period of the facts.
    Demand,
    /// Lowest price at competitors, in minor units.
    CompetitorPrice,
}

/// On which side of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Is {
    /// The value or more.
    AtLeast,
    /// The value or less.
    AtMost,
}

/// A condition for an item, at one store or at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct For {
    /// The item.
    pub sku: Sku,
    /// The store; all when there is none.
    pub place: Option<Place>,
    /// What must hold; nothing where it could not be read, and then the item does not start.
    pub condition: Condition,
}

/// The conditions that people wrote down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// One for each row.
    pub rows: Vec<For>,
}

impl Conditions {
    /// What must hold before an item starts at a store.
    pub fn of(&self, sku: &Sku, place: &Place) -> Vec<Condition> {
        let holds = |row: &&For| row.sku == *sku && row.place.as_ref().is_none_or(|of| of == place);
        self.rows.iter().filter(holds).map(|row| row.condition).collect()
    }
}

impl Condition {
    /// Whether a reading meets it; what is not known does not.
    pub fn holds(&self, read: Option<i64>) -> bool {
        read.is_some_and(|read| match self.is {
            Is::AtLeast => read >= self.value,
            Is::AtMost => read <= self.value,
        })
    }
}

/// Reads the facts for an item at a store; nothing where they do not tell.
pub fn read(facts: &Facts, what: What, sku: &Sku, place: &Place) -> Option<i64> {
    if what == What::Stock {
        // The facts' own stock: what a plan assumes where they have none is no reading.
        let stock = facts.stock.iter().find(|state| state.sku == *sku && state.place == *place);
        return stock.map(|state| state.on_hand.0);
    }
    let (panel, columns) = (&facts.panel, facts.panel.columns());
    let index = panel.skus().iter().position(|entry| entry.sku == *sku)?;
    let of_place = |rows: &std::ops::Range<usize>| panel.places()[columns.place[rows.start] as usize].place == *place;
    let last = panel.series_of(index).find(of_place)?.end.checked_sub(1)?;
    if columns.period[last].plus(1) != panel.span()?.end {
        return None;
    }
    match what {
        What::Stock => None,
        What::Demand => Some(columns.units[last].round() as i64),
        What::CompetitorPrice => {
            let column = columns.controls.iter().find(|control| control.name == COMPETITOR_PRICE)?;
            // 0 stands for none that was seen.
            Some(column.values[last].round() as i64).filter(|price| *price > 0)
        }
    }
}

/// Whether all conditions hold, with what was read, in words.
pub fn judged(conditions: &[Condition], read: &dyn Fn(What) -> Option<i64>) -> (bool, Vec<String>) {
    let told = conditions.iter().map(|condition| {
        let found = read(condition.what);
        let known = found.map_or_else(|| "not known".to_owned(), |found| found.to_string());
        (condition.holds(found), format!("{} is {known}, asked for {condition}", condition.what))
    });
    let (hold, words): (Vec<bool>, Vec<String>) = told.unzip();
    (hold.into_iter().all(|holds| holds), words)
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stock => "stock",
            Self::Demand => "demand",
            Self::CompetitorPrice => "competitor price",
        })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.is == Is::AtLeast { "at least" } else { "at most" };
        write!(f, "{side} {}", self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_does_not_start_it() {
        let at_least = Condition { what: What::Stock, is: Is::AtLeast, value: 10 };
        let at_most = Condition { what: What::CompetitorPrice, is: Is::AtMost, value: 199 };
        for (stock, price, starts) in [
            (Some(10), Some(199), true),
            (Some(9), Some(199), false),
            (Some(10), Some(200), false),
            (None, Some(199), false),
            (Some(10), None, false),
        ] {
            let read = |what| if what == What::Stock { stock } else { price };
            let (holds, words) = judged(&[at_least, at_most], &read);
            assert_eq!((holds, words.len()), (starts, 2), "{words:?}");
        }
        let (_, words) = judged(&[at_least], &|_| None);
        assert_eq!(words, ["stock is not known, asked for at least 10"]);
    }
}
