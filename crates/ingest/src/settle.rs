//! What only the whole table shows: rows that repeat, rows that contradict, and prices in the wrong unit.
//!
//! Rows are put in the order of their keys, earlier ones first among equals, by sorting one number per row that holds
//! the whole key: exact, and the same whatever order ids first came in.

use crate::column::{Column, NO_PERIOD, NO_WHOLE};
use crate::facts::Part;
use crate::intake::{Intake, origin};
use crate::intern::{ABSENT, rank};
use crate::{Counts, Loaded, period};
use endcap_model::{Calendar, FactField, FactKind, FieldKind, Period, SetAside};
use std::sync::Arc;

/// A price this many times the item's median, or less than one over it, is in another unit.
const UNIT_MIX_UP: f64 = 50.0;
/// Prices that an item must have before one can be told to be in another unit.
const PRICES_FOR_A_MEDIAN: usize = 5;

/// Ends a table.
pub(crate) fn settle(mut intake: Intake, aside: &mut dyn FnMut(SetAside)) -> Loaded {
    let texts: Vec<Vec<Arc<str>>> = intake.columns.iter_mut().map(texts_in_order).collect();
    let order = sorted(&key_columns(&intake), intake.origins.len());
    let mut kept = without_repeats(&mut intake, order, &texts, aside);
    drop_mixed_up_units(&mut intake, &mut kept, &texts, aside);
    for &row in &kept {
        intake.sources[origin(intake.origins[row as usize]).0].counts.loaded += 1;
    }
    let mut total = Counts::default();
    for source in &intake.sources {
        assert!(source.counts.add_up(), "Invariant: {} rows of {} are all accounted for", intake.kind, source.name);
        total += source.counts;
    }
    let parts = parts(partitioning(&intake), intake.rules.calendar, &kept);
    let Intake { kind, columns, origins, sources, rules, .. } = intake;
    Loaded { kind, calendar: rules.calendar, counts: total, columns, texts, rows: kept, parts, origins, sources }
}

fn texts_in_order(column: &mut Column) -> Vec<Arc<str>> {
    match column {
        Column::Id(ids, interner) => rank(interner, ids),
        _ => vec![],
    }
}

/// A part of the key: a small number for each row.
struct KeyPart<'a> {
    bits: u32,
    of: Box<dyn Fn(usize) -> u32 + 'a>,
}

fn bits_for(largest: u64) -> u32 {
    u64::BITS - largest.leading_zeros()
}

/// The parts of the key, the partition before all, so that partitions lie together.
fn key_columns(intake: &Intake) -> Vec<KeyPart<'_>> {
    let mut parts = vec![];
    if let Some(periods) = partitioning(intake) {
        let (least, numbers) = partition_numbers(intake, periods);
        let bits = bits_for(u64::from(numbers.iter().copied().max().unwrap_or(0)));
        parts.push(KeyPart { bits, of: Box::new(move |row| numbers[(periods[row] - least) as usize]) });
    }
    for (field, column) in intake.kind.fields().iter().zip(&intake.columns).filter(|(field, _)| field.key) {
        parts.push(match column {
            Column::Id(ids, _) => {
                let largest = ids.iter().map(|id| id.wrapping_add(1)).max().unwrap_or(0);
                KeyPart { bits: bits_for(u64::from(largest)), of: Box::new(|row| ids[row].wrapping_add(1)) }
            }
            Column::Period(periods, _) => {
                let least = periods.iter().copied().min().unwrap_or(0);
                let largest = i64::from(periods.iter().copied().max().unwrap_or(0)) - i64::from(least);
                let of = move |row: usize| (i64::from(periods[row]) - i64::from(least)) as u32;
                KeyPart { bits: bits_for(largest as u64), of: Box::new(of) }
            }
            _ => unreachable!("Invariant: {} of {} is an id or a period", field.name, intake.kind),
        });
    }
    parts
}

/// The periods by which a table is cut into partitions: those of the first period in its key.
fn partitioning(intake: &Intake) -> Option<&[i32]> {
    let fields = intake.kind.fields().iter().zip(&intake.columns);
    fields.filter(|(field, _)| field.key).find_map(|(_, column)| match column {
        Column::Period(periods, _) => Some(periods.as_slice()),
        _ => None,
    })
}

/// Numbers the partitions in order, for each period from the first one that is used.
fn partition_numbers(intake: &Intake, periods: &[i32]) -> (i32, Vec<u32>) {
    let (Some(&least), Some(&largest)) = (periods.iter().min(), periods.iter().max()) else {
        return (0, vec![]);
    };
    if least == NO_PERIOD || largest.abs_diff(least) > 10_000_000 {
        return (least, vec![]);
    }
    let mut number = 0;
    let mut last = period::partition(intake.rules.calendar, least);
    let numbers = (least..=largest).map(|at| {
        let name = period::partition(intake.rules.calendar, at);
        if name != last {
            number += 1;
            last = name;
        }
        number
    });
    (least, numbers.collect())
}

/// Sorts the rows by key, earlier rows first among equals.
fn sorted(key: &[KeyPart<'_>], rows: usize) -> Vec<u32> {
    let row_bits = bits_for(rows as u64);
    let bits: u32 = key.iter().map(|part| part.bits).sum::<u32>() + row_bits;
    if bits <= u64::BITS {
        let mut packed: Vec<u64> = (0..rows)
            .map(|row| {
                key.iter().fold(0, |sum, part| sum << part.bits | u64::from((part.of)(row))) << row_bits | row as u64
            })
            .collect();
        packed.sort_unstable();
        return packed.into_iter().map(|packed| (packed & ((1 << row_bits) - 1)) as u32).collect();
    }
    if bits <= u128::BITS {
        let mut packed: Vec<u128> = (0..rows)
            .map(|row| {
                key.iter().fold(0, |sum, part| sum << part.bits | u128::from((part.of)(row))) << row_bits | row as u128
            })
            .collect();
        packed.sort_unstable();
        return packed.into_iter().map(|packed| (packed & ((1 << row_bits) - 1)) as u32).collect();
    }
    let mut order: Vec<u32> = (0..rows as u32).collect();
    order.sort_by(|&a, &b| {
        let compared = key.iter().map(|part| (part.of)(a as usize).cmp(&(part.of)(b as usize)));
        compared.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    order
}

/// Keeps the first row of each key; the others are duplicates when they say the same. When not, a row of a later
/// delivery takes the place of the one before, and any other is set aside.
fn without_repeats(
    intake: &mut Intake,
    order: Vec<u32>,
    texts: &[Vec<Arc<str>>],
    aside: &mut dyn FnMut(SetAside),
) -> Vec<u32> {
    let fields = intake.kind.fields();
    let mut kept: Vec<u32> = Vec::with_capacity(order.len());
    for row in order {
        let columns = || fields.iter().zip(&intake.columns);
        let first = kept.last().copied().filter(|&first| {
            columns().filter(|(field, _)| field.key).all(|(_, c)| c.same(first as usize, row as usize))
        });
        let Some(first) = first else {
            kept.push(row);
            continue;
        };
        let differs = columns().position(|(field, c)| !field.key && !c.same(first as usize, row as usize));
        let source = origin(intake.origins[row as usize]).0;
        let (first_source, first_number) = origin(intake.origins[first as usize]);
        match differs {
            None => intake.sources[source].counts.duplicates += 1,
            Some(_) if intake.sources[source].delivery > intake.sources[first_source].delivery => {
                intake.sources[first_source].counts.replaced += 1;
                kept.pop();
                kept.push(row);
            }
            Some(at) => {
                intake.sources[source].counts.set_aside += 1;
                let reason = format!(
                    "conflicts with row {first_number} of {}, which has {} '{}' for the same {}",
                    intake.sources[first_source].name,
                    fields[at].name,
                    show(intake, texts, at, first),
                    key_names(intake.kind),
                );
                aside(set_aside(intake, texts, row, at, ("conflict", reason)));
            }
        }
    }
    kept
}

fn key_names(kind: FactKind) -> String {
    let names: Vec<&str> = kind.fields().iter().filter(|field| field.key).map(|field| field.name).collect();
    names.join(", ")
}

/// A row that was read and cannot stand, with what it is about.
fn set_aside(
    intake: &Intake,
    texts: &[Vec<Arc<str>>],
    row: u32,
    at: usize,
    (cause, reason): (&str, String),
) -> SetAside {
    let (source, number) = origin(intake.origins[row as usize]);
    let source = &intake.sources[source];
    let column = source.columns.get(at).map_or("", String::as_str);
    let value = show(intake, texts, at, row);
    let told = |wanted: &dyn Fn(&FactField) -> bool| {
        let at = intake.kind.fields().iter().position(wanted)?;
        Some(show(intake, texts, at, row)).filter(|text| !text.is_empty())
    };
    SetAside {
        cause: cause.to_owned(),
        sku: told(&|field| field.kind == FieldKind::Sku),
        place: told(&|field| field.kind == FieldKind::Place),
        period: told(&|field| field.key && field.kind == FieldKind::Period),
        line: told(&|field| field.name == "line"),
        ..SetAside::unreadable(&source.name, number, column, value, reason)
    }
}

/// Writes a stored value for people.
fn show(intake: &Intake, texts: &[Vec<Arc<str>>], at: usize, row: u32) -> String {
    let row = row as usize;
    match &intake.columns[at] {
        Column::Id(ids, _) if ids[row] == ABSENT => String::new(),
        Column::Id(ids, _) => texts[at][ids[row] as usize].to_string(),
        Column::Period(periods, _) if periods[row] == NO_PERIOD => String::new(),
        Column::Period(periods, _) => intake.rules.calendar.format(Period(periods[row])),
        Column::Whole(wholes) if wholes[row] == NO_WHOLE => String::new(),
        Column::Whole(wholes) if intake.kind.fields()[at].kind == FieldKind::Money => {
            (wholes[row] as f64 / intake.minor_units as f64).to_string()
        }
        Column::Whole(wholes) => wholes[row].to_string(),
        Column::Number(numbers) if numbers[row].is_nan() => String::new(),
        Column::Number(numbers) => numbers[row].to_string(),
        Column::Flag(flags) => ["0", "1", ""][usize::from(flags[row].min(2))].to_owned(),
    }
}

/// Sets aside rows with a price far off its item's median: cents among euros, a case price among pieces.
fn drop_mixed_up_units(
    intake: &mut Intake,
    kept: &mut Vec<u32>,
    texts: &[Vec<Arc<str>>],
    aside: &mut dyn FnMut(SetAside),
) {
    let fields = intake.kind.fields();
    if matches!(intake.kind, FactKind::Items | FactKind::Places) {
        return;
    }
    let Some(sku_at) = fields.iter().position(|field| field.kind == FieldKind::Sku) else { return };
    for at in (0..fields.len()).filter(|&at| fields[at].kind == FieldKind::Money) {
        let (Column::Id(skus, _), Column::Whole(prices)) = (&intake.columns[sku_at], &intake.columns[at]) else {
            continue;
        };
        let medians = medians(kept, skus, prices, texts[sku_at].len());
        let off = |row: u32| {
            let (price, median) = (prices[row as usize], medians[skus[row as usize] as usize]?);
            let ratio = price as f64 / median as f64;
            (price != NO_WHOLE && !(1.0 / UNIT_MIX_UP..=UNIT_MIX_UP).contains(&ratio)).then_some((ratio, median))
        };
        let mixed: Vec<(u32, f64, i64)> =
            kept.iter().filter_map(|&row| off(row).map(|(ratio, median)| (row, ratio, median))).collect();
        if mixed.is_empty() {
            continue;
        }
        kept.retain(|&row| off(row).is_none());
        for (row, ratio, median) in mixed {
            let source = origin(intake.origins[row as usize]).0;
            intake.sources[source].counts.set_aside += 1;
            let median = median as f64 / intake.minor_units as f64;
            let reason = format!(
                "{} of the item's median price {median}: looks like another unit, such as minor units or a case",
                if ratio > 1.0 { format!("{ratio:.0} times") } else { format!("1/{:.0}", 1.0 / ratio) },
            );
            aside(set_aside(intake, texts, row, at, ("unit", reason)));
        }
    }
}

/// Median price of each item that has enough of them.
fn medians(kept: &[u32], skus: &[u32], prices: &[i64], items: usize) -> Vec<Option<i64>> {
    let priced = || kept.iter().map(|&row| row as usize).filter(|&row| prices[row] != NO_WHOLE);
    let mut ends = vec![0_usize; items + 1];
    priced().for_each(|row| ends[skus[row] as usize + 1] += 1);
    for item in 0..items {
        ends[item + 1] += ends[item];
    }
    let mut next = ends.clone();
    let mut by_item = vec![0; ends[items]];
    for row in priced() {
        let place = &mut next[skus[row] as usize];
        by_item[*place] = prices[row];
        *place += 1;
    }
    (0..items)
        .map(|item| {
            let prices = &mut by_item[ends[item]..ends[item + 1]];
            let middle = prices.len() / 2;
            (prices.len() >= PRICES_FOR_A_MEDIAN).then(|| *prices.select_nth_unstable(middle).1)
        })
        .collect()
}

/// Cuts the kept rows, which are in order, into partitions.
pub(crate) fn parts(periods: Option<&[i32]>, calendar: Calendar, kept: &[u32]) -> Vec<Part> {
    let Some(periods) = periods else {
        return if kept.is_empty() { vec![] } else { vec![Part { name: "all".to_owned(), rows: 0..kept.len() }] };
    };
    let mut parts: Vec<Part> = vec![];
    let (mut last_period, mut name) = (NO_PERIOD, String::new());
    for (at, &row) in kept.iter().enumerate() {
        let period = periods[row as usize];
        if period != last_period {
            (last_period, name) = (period, period::partition(calendar, period));
        }
        match parts.last_mut() {
            Some(part) if part.name == name => part.rows.end = at + 1,
            _ => parts.push(Part { name: name.clone(), rows: at..at + 1 }),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_of_any_width_sort_as_tuples_do(
            rows in prop::collection::vec((any::<u32>(), 0u32..4, any::<u32>()), 0..50), wide in 1u32..=32)
        {
            for widths in [[wide, 2, 8], [32, 32, 32], [64, 64, 32]] {
                let cut = |value: u32, bits: u32| if bits >= 32 { value } else { value & ((1 << bits) - 1) };
                let key = |row: usize| {
                    let (a, b, c) = rows[row];
                    (cut(a, widths[0]), cut(b, widths[1]), cut(c, widths[2]))
                };
                let parts = [
                    KeyPart { bits: widths[0], of: Box::new(move |row| key(row).0) },
                    KeyPart { bits: widths[1], of: Box::new(move |row| key(row).1) },
                    KeyPart { bits: widths[2], of: Box::new(move |row| key(row).2) },
                ];
                let mut expected: Vec<u32> = (0..rows.len() as u32).collect();
                expected.sort_by_key(|&row| key(row as usize));
                prop_assert_eq!(sorted(&parts, rows.len()), expected);
            }
        }
    }
}
