//! Feeds: which place gets its pieces from which warehouse.
//!
//! Two echelons: a warehouse is fed by suppliers only. A cycle, or a third echelon, is refused by name, and the places in
//! it are not planned, because nobody can tell who would order for them.

use crate::error::SupplyError;
use crate::sift::SetAside;
use crate::terms::{Feed, PERIODS_MAX};
use endcap_model::Place;
use std::collections::{BTreeMap, BTreeSet};

/// A place and the warehouse that feeds it.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedRow {
    /// Row of the table, from 1.
    pub row: usize,
    /// The place.
    pub place: Place,
    /// The warehouse.
    pub source: Place,
    /// What leaves at the end of period t is there at the start of t + this.
    pub lead_time_periods: i64,
    /// Pieces in which the warehouse ships; those of the item where it states none.
    pub pack: Option<i64>,
}

/// The feeds that can be planned, and the places whose feed cannot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feeds<'a> {
    rows: BTreeMap<&'a Place, &'a FeedRow>,
    unusable: BTreeMap<&'a Place, SupplyError>,
    warehouses: BTreeSet<&'a Place>,
}

/// Sifts the feeds; adds what is wrong to what was set aside.
pub(crate) fn sift_feeds(feeds: &[FeedRow], mut set_aside: Vec<SetAside>) -> (Feeds<'_>, Vec<SetAside>) {
    let mut sifted = Feeds::default();
    let mut faults: Vec<(&FeedRow, &'static str, SupplyError)> = Vec::new();
    for row in feeds {
        match row.fault() {
            Some((column, reason)) => faults.push((row, column, reason)),
            None if sifted.rows.contains_key(&row.place) => {
                faults.push((row, "place_id", SupplyError::FedTwice { place: row.place.clone() }));
            }
            None => {
                sifted.rows.insert(&row.place, row);
            }
        }
    }
    for (&place, &row) in &sifted.rows {
        if let Some(reason) = sifted.chain(place) {
            faults.push((row, "source_id", reason));
        }
    }
    for (row, column, reason) in faults {
        if sifted.rows.get(&row.place).is_none_or(|kept| kept.row == row.row) {
            sifted.rows.remove(&row.place);
            sifted.unusable.insert(&row.place, SupplyError::Feed { place: row.place.clone(), row: row.row });
        }
        set_aside.push(SetAside { table: "feeds", row: row.row, column, reason });
    }
    sifted.warehouses = sifted.rows.values().map(|row| &row.source).collect();
    (sifted, set_aside)
}

impl FeedRow {
    fn fault(&self) -> Option<(&'static str, SupplyError)> {
        let place = || self.place.clone();
        if !(1..=PERIODS_MAX as i64).contains(&self.lead_time_periods) {
            let found = self.lead_time_periods;
            return Some(("lead_time_periods", SupplyError::FeedLeadTime { place: place(), found }));
        }
        match self.pack {
            Some(found) if found < 1 => Some(("case_pack", SupplyError::FeedPack { place: place(), found })),
            _ => None,
        }
    }
}

impl Feeds<'_> {
    /// Follows the feeds up from a place; says what is wrong where they end in a circle or go on beyond a warehouse.
    fn chain(&self, place: &Place) -> Option<SupplyError> {
        let mut way = vec![place];
        let mut seen = BTreeSet::from([place]);
        while let Some(row) = self.rows.get(way[way.len() - 1]) {
            way.push(&row.source);
            if !seen.insert(&row.source) {
                break;
            }
        }
        let named = way.iter().map(ToString::to_string).collect::<Vec<_>>().join(" from ");
        let circle = way.len() > seen.len();
        match way.len() {
            _ if circle => Some(SupplyError::FeedCycle { way: named }),
            0..=2 => None,
            _ => Some(SupplyError::ThirdEchelon { place: place.clone(), way: named }),
        }
    }

    /// The warehouse of a place.
    pub fn source(&self, place: &Place) -> Option<&Place> {
        self.rows.get(place).map(|row| &row.source)
    }

    /// How a place is fed, and the pack that it is shipped in.
    pub fn of(&self, place: &Place) -> Option<(Feed, Option<i64>)> {
        let feed = |row: &&FeedRow| {
            let lead_time_periods = row.lead_time_periods.unsigned_abs() as usize;
            (Feed { source: row.source.clone(), lead_time_periods }, row.pack)
        };
        self.rows.get(place).map(feed)
    }

    /// Why a place cannot be planned, where its feed cannot.
    pub fn unusable(&self, place: &Place) -> Option<SupplyError> {
        self.unusable.get(place).cloned()
    }

    /// Whether a place feeds others.
    pub fn is_warehouse(&self, place: &Place) -> bool {
        self.warehouses.contains(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feeds(ways: &[(&str, &str)]) -> Vec<FeedRow> {
        let row = |(at, &(place, source)): (usize, &(&str, &str))| FeedRow {
            row: at + 1,
            place: place.into(),
            source: source.into(),
            lead_time_periods: 1,
            pack: None,
        };
        ways.iter().enumerate().map(row).collect()
    }

    #[test]
    fn a_circle_is_named_and_the_others_are_kept() {
        let rows = feeds(&[("a", "b"), ("b", "c"), ("c", "a"), ("shop", "depot")]);
        let (kept, aside) = sift_feeds(&rows, Vec::new());
        assert_eq!(kept.source(&"shop".into()), Some(&"depot".into()));
        assert!(aside.len() == 3 && aside[0].reason.to_string().contains("a from b from c from a"), "{aside:?}");
        assert!(kept.unusable(&"a".into()).is_some() && kept.unusable(&"depot".into()).is_none());
    }

    #[test]
    fn a_place_that_feeds_itself_is_a_circle() {
        let rows = feeds(&[("a", "a")]);
        let (kept, aside) = sift_feeds(&rows, Vec::new());
        assert!(kept.source(&"a".into()).is_none() && matches!(aside[0].reason, SupplyError::FeedCycle { .. }));
    }

    #[test]
    fn a_third_echelon_is_refused_by_name() {
        let rows = feeds(&[("shop", "depot"), ("depot", "port")]);
        let (kept, aside) = sift_feeds(&rows, Vec::new());
        assert!(aside[0].reason.to_string().contains("shop from depot from port"), "{aside:?}");
        assert_eq!(kept.source(&"depot".into()), Some(&"port".into()), "the depot itself can be fed");
    }

    #[test]
    fn endless_lead_times_are_refused() {
        let mut rows = feeds(&[("a", "w"), ("b", "w"), ("c", "w")]);
        (rows[0].lead_time_periods, rows[1].lead_time_periods) = (0, 100_000);
        let (kept, aside) = sift_feeds(&rows, Vec::new());
        assert!(aside.len() == 2 && kept.source(&"c".into()).is_some());
        assert!(aside[1].reason.to_string().contains("100000"), "{aside:?}");
    }
}
