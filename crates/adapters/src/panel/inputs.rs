//! Columns of a panel that not every project's facts have: kinds of promotion, a competitor's price, formats of places.
//!
//! Never looks ahead: a competitor's price holds from the period in which it was seen, until the next one is seen.

use super::{Cells, Names};
use crate::AdapterError;
use crate::query::{Tables, text};
use crate::sql;
use endcap_model::{CLUSTER, Control, PlaceFact};
use std::collections::{BTreeMap, HashMap};

/// Prices of one competitor for one item, by place (nothing for everywhere), in the order of periods.
type Seen = HashMap<Option<u32>, Vec<(i32, f64)>>;

/// Rows by the kind of the promotion that runs in them.
pub(super) type Mechanics = BTreeMap<String, Vec<usize>>;

/// Returns whether a word names a kind of promotion: none, or `none`, does not.
pub(super) fn is_kind(word: &str) -> bool {
    !word.trim().is_empty() && word != "none"
}

/// Returns a column for each format of places, where they have more than one.
pub(super) fn clusters(known: &[PlaceFact], places: &Names, cells: &Cells) -> Vec<Control> {
    let named = known.iter().filter_map(|fact| Some((places.find(fact.place.as_str())?, fact.format.as_deref()?)));
    let formats: HashMap<u32, &str> = named.collect();
    let mut rows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, place) in cells.place.iter().enumerate() {
        if let Some(format) = formats.get(place) {
            rows.entry(format).or_default().push(row);
        }
    }
    if rows.len() < 2 { vec![] } else { Control::flags_at(CLUSTER, &rows, cells.len()) }
}

/// Returns the column of the lowest price that competitors are known to ask, where any was seen: for each of them the last
/// one at the place, else the last one that holds everywhere.
///
/// # Errors
/// [`AdapterError`] when the query fails.
pub(super) fn competitor_price(
    tables: &Tables,
    skus: &Names,
    places: &Names,
    cells: &Cells,
) -> Result<Option<Control>, AdapterError> {
    let mut seen: HashMap<u32, BTreeMap<String, Seen>> = HashMap::new();
    tables.each(sql::COMPETITORS, &mut |answer| {
        let (sku, competitor, place) = (answer.text("sku"), answer.text("competitor"), answer.text("place"));
        let (period, price) = (answer.wholes("period"), answer.numbers("price"));
        for row in 0..answer.len() {
            let Some(sku) = skus.find(sku.value(row)) else { continue };
            let place = match text(&place, row).map(|place| places.find(&place)) {
                Some(None) => continue,
                Some(place) => place,
                None => None,
            };
            let of_competitor = seen.entry(sku).or_default().entry(competitor.value(row).to_owned()).or_default();
            of_competitor.entry(place).or_default().push((period.value(row) as i32, price.value(row)));
        }
        Ok(())
    })?;
    let last = |seen: &Seen, place: Option<u32>, period: i32| {
        let prices = seen.get(&place)?;
        Some(prices[..prices.partition_point(|(from, _)| *from <= period)].last()?.1)
    };
    let lowest = |row: usize| {
        let (sku, place, period) = cells.key(row);
        let known = |seen: &Seen| last(seen, Some(place), period).or_else(|| last(seen, None, period));
        seen.get(&sku)?.values().filter_map(known).min_by(f64::total_cmp)
    };
    let column = || Control::competitor_price(&(0..cells.len()).map(lowest).collect::<Vec<_>>());
    Ok((!seen.is_empty()).then(column))
}
