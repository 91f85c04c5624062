//! What is found in a small chain of stores, and what must pass.

use super::*;
use crate::{Intake, RawBatch, RawColumn, Rules};
use arrow_array::{ArrayRef, StringArray};
use endcap_model::{Currency, FactKind};
use std::sync::Arc;

const DAYS: i32 = 84;
const FIRST: i32 = 19_000;

/// One row of sales.
#[derive(Clone, Debug, PartialEq)]
struct Sale {
    source: &'static str,
    sku: usize,
    place: usize,
    day: i32,
    line: String,
    units: i64,
    price: f64,
}

/// Six stores, twelve items, twelve weeks; weekends sell half more, chance moves everything by up to a fifth.
fn chain() -> Vec<Sale> {
    let mut state = 7_u64;
    let mut chance = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    let mut sales = vec![];
    for place in 0..6 {
        for sku in 0..12 {
            let level = 12.0 + 7.0 * ((place * 5 + sku * 3) % 11) as f64;
            for day in 0..DAYS {
                let weekend = if day % 7 >= 5 { 1.5 } else { 1.0 };
                let units = (level * weekend * (0.8 + 0.4 * chance())).round() as i64;
                sales.push(Sale { source: "till.csv", sku, place, day, line: String::new(), units, price: 2.0 });
            }
        }
    }
    sales
}

fn loaded(sales: &[Sale], trusted: &[&str]) -> Loaded {
    let rules = Rules { calendar: Calendar::Day, currency: Currency::EUR, items: None, places: None };
    let mut intake = Intake::new(FactKind::Sales, rules);
    let mut sources: Vec<&str> = sales.iter().map(|sale| sale.source).collect();
    sources.dedup();
    for source in sources {
        let of: Vec<&Sale> = sales.iter().filter(|sale| sale.source == source).collect();
        let column = |field: &str| -> Option<ArrayRef> {
            let text = |sale: &&Sale| match field {
                "sku" => Some(format!("item {}", sale.sku)),
                "place" => Some(format!("store {}", sale.place)),
                "period" => Some(Calendar::Day.format(Period(FIRST + sale.day))),
                "line" => Some(sale.line.clone()).filter(|line| !line.is_empty()),
                "units" => Some(sale.units.to_string()),
                _ => Some(format!("{:.2}", sale.price)),
            };
            ["sku", "place", "period", "line", "units", "price"]
                .contains(&field)
                .then(|| Arc::new(of.iter().map(text).collect::<StringArray>()) as ArrayRef)
        };
        let columns: Vec<RawColumn> = FactKind::Sales
            .fields()
            .iter()
            .map(|field| RawColumn { name: field.name.to_owned(), values: column(field.name), origin: None })
            .collect();
        let rows: Vec<u64> = (1..=of.len() as u64).collect();
        intake.add(&RawBatch { source, rows: &rows, columns: &columns }, &mut |row| panic!("{row:?}")).unwrap();
        if trusted.contains(&source) {
            intake.trust(source);
        }
    }
    intake.finish(&mut |row| panic!("{row:?}"))
}

struct Judged {
    aside: Vec<SetAside>,
    alarms: Vec<Alarm>,
    loaded: Loaded,
}

fn judged_with(sales: &[Sale], beside: &Beside, answers: &[Answer], trusted: &[&str]) -> Judged {
    let (mut loaded, mut aside) = (loaded(sales, trusted), vec![]);
    let read = loaded.counts().loaded;
    let terms = Terms {
        rules: &Plausibility::default(),
        calendar: Calendar::Day,
        today: Period(FIRST + DAYS - 1),
        absent_is_zero: false,
        beside,
        answers: &Answers::new(answers),
    };
    let alarms = loaded.judge(&terms, &mut |row| aside.push(row));
    assert_eq!(loaded.counts().loaded + aside.len() as u64, read, "every row is accounted for");
    let batches: usize = (0..loaded.partitions().len()).map(|at| loaded.batch(at).num_rows()).sum();
    assert_eq!(batches as u64, loaded.counts().loaded);
    Judged { aside, alarms, loaded }
}

fn judged(sales: &[Sale]) -> Judged {
    judged_with(sales, &Beside::default(), &[], &[])
}

fn at(sales: &mut [Sale], place: usize, sku: usize, day: i32) -> &mut Sale {
    sales.iter_mut().find(|sale| (sale.place, sale.sku, sale.day) == (place, sku, day)).unwrap()
}

fn causes(judged: &Judged) -> Vec<(String, u64)> {
    let mut causes: BTreeMap<String, u64> = BTreeMap::new();
    judged.aside.iter().for_each(|row| *causes.entry(row.cause.clone()).or_default() += 1);
    causes.into_iter().collect()
}

#[test]
fn a_sound_chain_loses_no_row_and_raises_no_alarm() {
    let judged = judged(&chain());
    assert_eq!(causes(&judged), []);
    assert_eq!(judged.alarms, []);
}

#[test]
fn ten_times_a_quantity_is_set_aside_and_names_what_it_is_about() {
    let mut sales = chain();
    at(&mut sales, 2, 3, 40).units *= 10;
    let found = judged(&sales);
    assert_eq!(causes(&found), [("too many".to_owned(), 1)]);
    let row = &found.aside[0];
    assert_eq!((row.sku.as_deref(), row.place.as_deref()), (Some("item 3"), Some("store 2")));
    assert_eq!(row.period.as_deref(), Some(&*Calendar::Day.format(Period(FIRST + 40))));
    assert!(row.reason.contains("are usual here"), "{}", row.reason);
}

#[test]
fn a_promotion_peak_passes_where_the_price_says_so_and_not_where_nothing_does() {
    let mut sales = chain();
    for day in 40..47 {
        let sale = at(&mut sales, 1, 5, day);
        (sale.units, sale.price) = (sale.units * 6, 1.2);
    }
    assert_eq!(causes(&judged(&sales)), []);
    (40..47).for_each(|day| at(&mut sales, 1, 5, day).price = 2.0);
    assert_eq!(causes(&judged(&sales)), [("too many".to_owned(), 7)]);
}

#[test]
fn a_holiday_that_everybody_has_passes() {
    let mut sales = chain();
    sales.iter_mut().filter(|sale| sale.day == 30).for_each(|sale| sale.units = sale.units * 5 / 2);
    sales.iter_mut().filter(|sale| sale.day == 31).for_each(|sale| sale.units = 0);
    assert_eq!(causes(&judged(&sales)), []);
}

#[test]
fn a_store_in_another_unit_and_a_silent_one_are_set_aside_whole() {
    let mut sales = chain();
    sales.iter_mut().filter(|sale| (sale.place, sale.day) == (0, 50)).for_each(|sale| sale.units *= 10);
    sales.iter_mut().filter(|sale| (sale.place, sale.day) == (3, 20)).for_each(|sale| sale.units = 0);
    assert_eq!(causes(&judged(&sales)), [("scaled".to_owned(), 12), ("silent".to_owned(), 12)]);
}

#[test]
fn stores_that_were_swapped_are_set_aside() {
    let mut sales = chain();
    for sku in 0..12 {
        let (a, b) = (at(&mut sales, 1, sku, 60).units, at(&mut sales, 4, sku, 60).units);
        at(&mut sales, 1, sku, 60).units = b;
        at(&mut sales, 4, sku, 60).units = a;
    }
    let found = judged(&sales);
    assert_eq!(causes(&found), [("swapped".to_owned(), 24)]);
    assert!(found.aside.iter().any(|row| row.reason.contains("store 4")), "{:?}", found.aside[0]);
}

#[test]
fn the_same_sales_under_another_date_store_or_line_are_replays() {
    let mut sales = chain();
    for sku in 0..12 {
        at(&mut sales, 5, sku, 70).units = at(&mut sales, 5, sku, 63).units;
    }
    assert_eq!(causes(&judged(&sales)), [("replayed".to_owned(), 12)]);
    let mut lines = chain();
    lines.iter_mut().for_each(|sale| sale.line = format!("a{}", sale.day));
    let again: Vec<Sale> = lines.iter().filter(|sale| (sale.place, sale.day) == (2, 33)).cloned().collect();
    lines.extend(again.into_iter().map(|sale| Sale { source: "again.csv", line: "b".into(), ..sale }));
    let found = judged(&lines);
    assert_eq!(causes(&found), [("replayed".to_owned(), 12)]);
    assert!(found.aside.iter().all(|row| row.source == "again.csv"));
}

#[test]
fn sales_of_tomorrow_are_set_aside() {
    let mut sales = chain();
    let sale = at(&mut sales, 0, 0, 83).clone();
    sales.push(Sale { day: 200, ..sale });
    assert_eq!(causes(&judged(&sales)), [("future".to_owned(), 1)]);
}

#[test]
fn more_sold_than_there_was_is_set_aside_where_stock_is_counted() {
    let mut sales = chain();
    let text = |texts: Vec<String>| Some(Arc::new(StringArray::from(texts)) as ArrayRef);
    let rules = Rules { calendar: Calendar::Day, currency: Currency::EUR, items: None, places: None };
    let mut intake = Intake::new(FactKind::Stock, rules);
    let days: Vec<i32> = (0..DAYS).collect();
    let mut left = 10_000;
    let counts: Vec<String> = days
        .iter()
        .map(|&day| {
            left -= at(&mut sales, 0, 0, day).units;
            if left < 100 {
                left = 100;
            }
            left.to_string()
        })
        .collect();
    let of = |name: &str| vec![name.to_owned(); days.len()];
    let columns = [
        text(of("item 0")),
        text(of("store 0")),
        text(days.iter().map(|day| Calendar::Day.format(Period(FIRST + day))).collect()),
        text(counts.clone()),
        None,
    ]
    .map(|values| RawColumn { name: "c".into(), values, origin: None });
    let rows: Vec<u64> = (1..=days.len() as u64).collect();
    intake.add(&RawBatch { source: "stock", rows: &rows, columns: &columns }, &mut |row| panic!("{row:?}")).unwrap();
    let mut beside = Beside::default();
    beside.take(&intake.finish(&mut |row| panic!("{row:?}")));
    assert_eq!(causes(&judged_with(&sales, &beside, &[], &[])), []);
    // Twice what is usual is no outlier, but stock fell by half of it: the last days hold no more than that.
    let short: i64 = counts[80].parse().unwrap();
    at(&mut sales, 0, 0, 81).units += short;
    let found = judged_with(&sales, &beside, &[], &[]);
    assert!(found.aside.iter().any(|row| row.sku.as_deref() == Some("item 0")), "{:?}", causes(&found));
}

#[test]
fn a_store_that_drifts_by_two_percent_a_day_is_told_within_a_week() {
    for (way, word) in [(1.02_f64, "up"), (0.98, "down")] {
        let found = (1..=7).find_map(|days| {
            let mut sales = chain();
            for sale in sales.iter_mut().filter(|sale| sale.place == 2 && sale.day >= DAYS - days) {
                sale.units = (sale.units as f64 * way.powi(sale.day - (DAYS - days) + 1)).round() as i64;
            }
            let judged = judged(&sales);
            assert_eq!(causes(&judged), [], "drift is no reason to set rows aside");
            judged.alarms.into_iter().find(|alarm| alarm.kind == AlarmKind::Drift).map(|alarm| (days, alarm))
        });
        let (days, alarm) = found.expect("a drift of a week is found");
        assert!(alarm.reason.contains(word) && alarm.scope == "store 2", "{alarm}");
        assert!(days <= 7);
    }
}

#[test]
fn a_store_that_no_longer_reports_is_told_until_a_person_answers() {
    let sales: Vec<Sale> = chain().into_iter().filter(|sale| sale.place != 4 || sale.day < DAYS - 3).collect();
    let found = judged(&sales);
    let alarm = found.alarms.iter().find(|alarm| alarm.kind == AlarmKind::Silence).unwrap();
    assert_eq!((alarm.scope.as_str(), alarm.since), ("store 4", Period(FIRST + DAYS - 3)));
    let answer = |key: String| Answer {
        verdict: Verdict::Released,
        key,
        by: "Ada".into(),
        at: "2024-01-01T00:00:00Z".into(),
        reason: "shut for good".into(),
    };
    let again = judged_with(&sales, &Beside::default(), &[answer(Answers::key_of(alarm))], &[]);
    assert_eq!(again.alarms, []);
}

#[test]
fn what_a_person_released_or_a_source_that_is_trusted_is_a_fact() {
    let mut sales = chain();
    at(&mut sales, 2, 3, 40).units *= 10;
    let row = judged(&sales).aside.remove(0);
    let answer = Answer {
        verdict: Verdict::Released,
        key: row.key(FactKind::Sales),
        by: "Ada".into(),
        at: "2024-01-01T00:00:00Z".into(),
        reason: "a party".into(),
    };
    let released = judged_with(&sales, &Beside::default(), std::slice::from_ref(&answer), &[]);
    assert_eq!((causes(&released), released.loaded.counts().set_aside), (vec![], 0));
    let confirmed = Answer { verdict: Verdict::Confirmed, ..answer };
    assert_eq!(judged_with(&sales, &Beside::default(), &[confirmed], &[]).aside.len(), 1);
    assert_eq!(causes(&judged_with(&sales, &Beside::default(), &[], &["till.csv"])), []);
}

#[test]
fn a_source_with_many_rows_in_doubt_is_in_doubt_itself() {
    let mut sales = chain();
    let place = |sale: &&mut Sale| sale.place == 5 && sale.day % 3 == 0;
    sales.iter_mut().filter(place).for_each(|sale| sale.units *= 12);
    let found = judged(&sales);
    let alarm = found.alarms.iter().find(|alarm| alarm.kind == AlarmKind::ManyDoubts).unwrap();
    assert_eq!(alarm.scope, "till.csv");
    assert!(alarm.reason.contains("in doubt"), "{alarm}");
}
