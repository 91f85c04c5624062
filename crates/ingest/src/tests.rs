//! Properties of taking in whole tables, whatever their rows hold.

use crate::{Counts, Intake, Loaded, RawBatch, RawColumn, Rules};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{ArrayRef, Int64Array, StringArray};
use endcap_model::{Calendar, Currency, FactKind, Period, SetAside};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A raw row of sales: item, place, period, line, units and price, all as text.
type Row = [Option<String>; 6];

const FIELDS: [&str; 6] = ["sku", "place", "period", "line", "units", "price"];

fn rules() -> Rules {
    Rules { calendar: Calendar::Day, currency: Currency::EUR, items: None, places: None }
}

fn take_in(batches: &[&[Row]]) -> (Loaded, Vec<SetAside>) {
    let mut intake = Intake::new(FactKind::Sales, rules());
    let mut aside = vec![];
    let mut first = 1;
    for batch in batches {
        let column = |field: &endcap_model::FactField| {
            let at = FIELDS.iter().position(|name| *name == field.name);
            let texts = |at: usize| -> ArrayRef {
                Arc::new(batch.iter().map(|row| row[at].as_deref()).collect::<StringArray>())
            };
            RawColumn { name: field.name.to_owned(), values: at.map(texts), origin: None }
        };
        let columns: Vec<RawColumn> = FactKind::Sales.fields().iter().map(column).collect();
        let rows: Vec<u64> = (first..first + batch.len() as u64).collect();
        first += batch.len() as u64;
        let batch = RawBatch { source: "rows.csv", rows: &rows, columns: &columns };
        intake.add(&batch, &mut |row| aside.push(row)).unwrap();
    }
    (intake.finish(&mut |row| aside.push(row)), aside)
}

/// The facts as text, in their stored order.
fn facts(loaded: &Loaded) -> Vec<String> {
    let batch = |at| {
        let batch = loaded.batch(at);
        let texts = |name: &str| {
            let column = arrow_cast::cast(batch.column_by_name(name).unwrap(), &arrow_schema::DataType::Utf8).unwrap();
            column.as_string::<i32>().iter().map(|text| text.unwrap_or("-").to_owned()).collect::<Vec<_>>()
        };
        let columns = FIELDS.map(texts);
        (0..batch.num_rows())
            .map(|row| columns.each_ref().map(|column| column[row].clone()).join("|"))
            .collect::<Vec<_>>()
    };
    (0..loaded.partitions().len()).flat_map(batch).collect()
}

fn cell(text: &'static str) -> impl Strategy<Value = Option<String>> {
    prop_oneof![8 => text.prop_map(Some), 1 => Just(None), 1 => "[a-z0-9,.-]{0,6}".prop_map(Some)]
}

fn row() -> impl Strategy<Value = Row> {
    let day = prop_oneof![8 => "2024-0[1-3]-[0-2][1-9]".prop_map(Some), 1 => "2024-1[0-9]-3[0-9]".prop_map(Some)];
    (cell("[ab]"), cell("[xy]"), day, cell("[12]?"), cell("[0-3]"), cell("[12]\\.(00|50)"))
        .prop_map(|(sku, place, day, line, units, price)| [sku, place, day, line, units, price])
}

proptest! {
    #[test]
    fn every_row_is_loaded_set_aside_or_a_duplicate(rows in prop::collection::vec(row(), 0..60)) {
        let (loaded, aside) = take_in(&[&rows]);
        let counts = loaded.counts();
        prop_assert!(counts.add_up());
        prop_assert_eq!(counts.read, rows.len() as u64);
        prop_assert_eq!(counts.set_aside, aside.len() as u64);
        prop_assert_eq!(counts.loaded, facts(&loaded).len() as u64);
        prop_assert!(aside.iter().all(|row| !row.reason.is_empty() && !row.column.is_empty()));
        let mut numbers: Vec<u64> = aside.iter().map(|row| row.row).collect();
        numbers.sort_unstable();
        numbers.dedup();
        prop_assert_eq!(numbers.len(), aside.len());
    }

    #[test]
    fn no_two_facts_share_a_key_and_all_are_in_order(rows in prop::collection::vec(row(), 0..60)) {
        let (loaded, _) = take_in(&[&rows]);
        let mut parts = BTreeMap::new();
        for (at, name) in loaded.partitions().into_iter().enumerate() {
            let batch = loaded.batch(at);
            let text = |column: usize, row: usize| {
                let dictionary = batch.column(column).as_dictionary::<Int32Type>();
                dictionary.key(row).map(|key| dictionary.values().as_string::<i32>().value(key).to_owned())
            };
            let period = batch.column(2).as_primitive::<Int32Type>();
            let keys: Vec<_> =
                (0..batch.num_rows()).map(|r| (text(0, r), text(1, r), period.value(r), text(3, r))).collect();
            prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
            let month = |period: &i32| Calendar::Day.format(Period(*period))[..7].to_owned();
            prop_assert!(period.values().iter().all(|period| month(period) == name));
            prop_assert!(parts.insert(name, ()).is_none());
        }
    }

    #[test]
    fn rows_without_conflicts_give_the_same_facts_in_any_order_and_any_batches(
        rows in prop::collection::vec(row(), 0..40), cut in 0usize..40)
    {
        let (loaded, aside) = take_in(&[&rows]);
        prop_assume!(!aside.iter().any(|row| row.reason.contains("conflicts") || row.reason.contains("median")));
        let mut turned = rows.clone();
        turned.reverse();
        let (first, second) = turned.split_at(cut.min(turned.len()));
        let (again, _) = take_in(&[first, second]);
        prop_assert_eq!(facts(&loaded), facts(&again));
        prop_assert_eq!(loaded.counts(), again.counts());
    }
}

#[test]
fn of_two_rows_that_contradict_the_earlier_one_stays() {
    let row =
        |units: &str| [Some("a"), Some("x"), Some("2024-01-01"), None, Some(units), None].map(|v| v.map(str::to_owned));
    let (loaded, aside) = take_in(&[&[row("3"), row("4"), row("3")]]);
    assert_eq!(loaded.counts(), Counts { read: 3, loaded: 1, set_aside: 1, duplicates: 1, replaced: 0 });
    assert_eq!(facts(&loaded), ["a|x|19723|-|3|-"]);
    assert_eq!((aside[0].row, aside[0].column.as_str(), aside[0].value.as_str()), (2, "units", "4"));
    assert!(aside[0].reason.contains("conflicts with row 1 of rows.csv"));
}

#[test]
fn a_row_of_a_later_delivery_takes_the_place_of_an_earlier_one() {
    let text = |text: &str| Some(Arc::new(StringArray::from(vec![text.to_owned()])) as ArrayRef);
    let mut intake = Intake::new(FactKind::Stock, rules());
    for (source, units) in [("first.csv", "3"), ("second.csv", "4"), ("third.csv", "4"), ("fourth.csv", "3")] {
        let columns = [text("a"), text("x"), text("2024-01-01"), text(units), None];
        let columns = columns.map(|values| RawColumn { name: "c".into(), values, origin: None });
        intake.add(&RawBatch { source, rows: &[1], columns: &columns }, &mut |_| ()).unwrap();
        intake.next_delivery();
    }
    let loaded = intake.finish(&mut |row| panic!("{row:?}"));
    assert_eq!(loaded.counts(), Counts { read: 4, loaded: 1, set_aside: 0, duplicates: 1, replaced: 2 });
    assert_eq!(loaded.batch(0).column(3).as_primitive::<Int64Type>().values(), &[3]);
}

#[test]
fn cents_among_euros_are_found_by_the_median_of_the_item() {
    let price = |day: usize, price: &str| {
        [
            Some("a".to_owned()),
            Some("x".to_owned()),
            Some(format!("2024-01-{day:02}")),
            None,
            Some("1".into()),
            Some(price.to_owned()),
        ]
    };
    let mut rows: Vec<Row> = (1..=9).map(|day| price(day, "1.99")).collect();
    rows.push(price(10, "199"));
    rows.push(price(11, "3.99"));
    let (loaded, aside) = take_in(&[&rows]);
    assert_eq!((loaded.counts().loaded, aside.len()), (10, 1));
    assert!(aside[0].reason.contains("100 times of the item's median price 1.99"), "{}", aside[0].reason);
}

#[test]
fn a_column_of_lists_is_refused_and_a_missing_one_named() {
    let mut intake = Intake::new(FactKind::Places, rules());
    let absent = || RawColumn { name: String::new(), values: None, origin: None };
    let columns = [absent(), absent(), absent(), absent()];
    let batch = RawBatch { source: "p", rows: &[1], columns: &columns };
    let error = intake.add(&batch, &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("places needs a value for place"), "{error}");
}

#[test]
fn whole_numbers_and_their_texts_are_the_same_item() {
    let mut intake = Intake::new(FactKind::Stock, rules());
    for (skus, day) in [
        (Arc::new(Int64Array::from(vec![7])) as ArrayRef, "2024-01-01"),
        (Arc::new(StringArray::from(vec!["7"])) as ArrayRef, "2024-01-02"),
    ] {
        let text = |text: &str| Some(Arc::new(StringArray::from(vec![text.to_owned()])) as ArrayRef);
        let columns: Vec<RawColumn> = [Some(skus), text("x"), text(day), text("5"), None]
            .map(|values| RawColumn { name: "c".into(), values, origin: None })
            .into();
        intake.add(&RawBatch { source: "s", rows: &[1], columns: &columns }, &mut |_| ()).unwrap();
    }
    let loaded = intake.finish(&mut |_| ());
    assert_eq!((loaded.distinct("sku").len(), loaded.counts().loaded), (1, 2));
    assert_eq!(loaded.batch(0).column(3).as_primitive::<Int64Type>().values(), &[5, 5]);
}
