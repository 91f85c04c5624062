//! Items, regions and periods of a board, and what names people may have meant.

use super::EditError;
use crate::ground::Ground;
use crate::plan::span_of;
use endcap_model::{Calendar, Period, Place, Sku, Span};
use std::collections::{BTreeMap, BTreeSet};

/// Names that an error offers.
const NEAREST: usize = 3;

/// What a board has cells for.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub calendar: Calendar,
    pub span: Span,
    /// Regions by item that is forecast and whose answer to offers is known.
    pub regions_of: BTreeMap<Sku, BTreeSet<Place>>,
    /// Region by store.
    region_of: BTreeMap<Place, Place>,
}

impl Grid {
    pub fn of(ground: &Ground) -> Self {
        let region = |store: &Place| ground.facts.regions.get(store).unwrap_or(store).clone();
        let mut regions_of: BTreeMap<Sku, BTreeSet<Place>> = BTreeMap::new();
        let cells = ground.baseline.rows.chunk_by(|a, b| a.sku == b.sku && a.place == b.place);
        for row in cells.map(|rows| &rows[0]).filter(|row| ground.fitted.lift.response(&row.sku).is_some()) {
            regions_of.entry(row.sku.clone()).or_default().insert(region(&row.place));
        }
        let span = span_of(&ground.baseline);
        Self { calendar: ground.baseline.calendar, span, regions_of, region_of: ground.facts.regions.clone() }
    }

    pub fn check_sku(&self, sku: &Sku) -> Result<(), EditError> {
        if self.regions_of.contains_key(sku) {
            return Ok(());
        }
        Err(EditError::Unknown {
            what: "item",
            name: sku.to_string(),
            nearest: nearest(sku.as_str(), self.regions_of.keys().map(Sku::as_str)),
        })
    }

    /// The region that a name stands for: a region or one of its stores that sells the item.
    pub fn region(&self, sku: &Sku, place: &Place) -> Result<Place, EditError> {
        self.check_sku(sku)?;
        let regions = &self.regions_of[sku];
        let region = self.region_of.get(place).unwrap_or(place);
        if regions.contains(region) {
            return Ok(region.clone());
        }
        Err(EditError::Unknown {
            what: "place",
            name: place.to_string(),
            nearest: nearest(place.as_str(), regions.iter().map(Place::as_str)),
        })
    }

    pub fn period(&self, text: &str) -> Result<Period, EditError> {
        match self.calendar.parse(text) {
            Ok(period) if self.span.contains(period) => Ok(period),
            _ => Err(EditError::Unknown { what: "period", name: text.to_owned(), nearest: self.first_and_last() }),
        }
    }

    pub fn name(&self, period: Period) -> String {
        self.calendar.format(period)
    }

    fn first_and_last(&self) -> Vec<String> {
        vec![self.name(self.span.start), self.name(self.span.end.plus(-1))]
    }
}

/// The known names that are nearest to one, by letters to change (Levenshtein 1966).
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut known: Vec<(usize, &str)> = known.map(|other| (letters_to_change(name, other), other)).collect();
    known.sort_unstable();
    known.into_iter().take(NEAREST).map(|(_, name)| name.to_owned()).collect()
}

fn letters_to_change(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for (column, known) in other.iter().enumerate() {
            let swapped = corner + usize::from(letter != *known);
            corner = row[column + 1];
            row[column + 1] = swapped.min(corner + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted_as_they_change() {
        for (one, other, expected) in [("", "abc", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("tea", "tea", 0)]
        {
            assert_eq!(letters_to_change(one, other), expected, "{one} {other}");
        }
        assert_eq!(nearest("tae 2", ["rice 1", "tea 1", "tea 2"].into_iter())[0], "tea 2");
    }
}
