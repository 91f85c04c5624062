//! I3: poisoned sales on public panels. What is poisoned is drawn by a seed; what is found is counted row by row.
//!
//! Each attack is one that a till, a source or somebody with access to it can make: ten times a quantity, negative ones, days
//! to come, batches again, stores exchanged, silence, a slow drift. Figures are printed as they come; what is asserted is what
//! these panels allow, and where their own noise allows no more that is said.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, Int32Array, Int64Array, StringArray};
use endcap_ingest::doubt::{AlarmKind, Answers, Beside, Plausibility, Terms};
use endcap_ingest::{Intake, RawBatch, RawColumn, Rules};
use endcap_model::{Calendar, Currency, FactKind, Period, SetAside};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// One row of sales.
#[derive(Clone, Debug)]
struct Row {
    sku: String,
    place: String,
    period: i32,
    units: i64,
    price: Option<f64>,
    ratio: Option<f64>,
    support: bool,
    stockout: f64,
    /// Whether the attack touched it.
    poisoned: bool,
    source: usize,
}

/// A panel with its calendar and whether absent rows are zeros.
struct Panel {
    name: &'static str,
    calendar: Calendar,
    rows: Vec<Row>,
}

/// Numbers by chance (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What became of the rows of a panel.
struct Found {
    aside: usize,
    caught: usize,
    poisoned: usize,
    /// Rows set aside that the attack did not touch.
    wrongly: usize,
    duplicates: usize,
    alarms: Vec<endcap_ingest::doubt::Alarm>,
}

fn judged(panel: &Panel, rows: &[Row]) -> Found {
    let rules = Rules { calendar: panel.calendar, currency: Currency::USD, items: None, places: None };
    let mut intake = Intake::new(FactKind::Sales, rules);
    let mut aside: Vec<SetAside> = vec![];
    let names = ["a", "b"];
    for (source, name) in names.iter().enumerate() {
        let of: Vec<&Row> = rows.iter().filter(|row| row.source == source).collect();
        if of.is_empty() {
            continue;
        }
        let texts =
            |get: fn(&Row) -> &str| Arc::new(of.iter().map(|row| Some(get(row))).collect::<StringArray>()) as ArrayRef;
        let numbers = |get: &dyn Fn(&Row) -> Option<f64>| {
            Arc::new(of.iter().map(|row| get(row)).collect::<Float64Array>()) as ArrayRef
        };
        let column = |field: &str| match field {
            "sku" => Some(texts(|row| &row.sku)),
            "place" => Some(texts(|row| &row.place)),
            "period" => {
                let periods = of.iter().map(|row| panel.calendar.format(Period(row.period)));
                Some(Arc::new(periods.map(Some).collect::<StringArray>()) as ArrayRef)
            }
            "units" => Some(Arc::new(Int64Array::from_iter_values(of.iter().map(|row| row.units))) as ArrayRef),
            "price" => Some(numbers(&|row| row.price)),
            "price_ratio" => Some(numbers(&|row| row.ratio)),
            "feature" => Some(numbers(&|row| Some(f64::from(u8::from(row.support))))),
            "stockout_share" => Some(numbers(&|row| Some(row.stockout))),
            _ => None,
        };
        let columns: Vec<RawColumn> = FactKind::Sales
            .fields()
            .iter()
            .map(|field| RawColumn { name: field.name.to_owned(), values: column(field.name), origin: None })
            .collect();
        let numbers: Vec<u64> = (1..=of.len() as u64).collect();
        intake.add(&RawBatch { source: name, rows: &numbers, columns: &columns }, &mut |row| aside.push(row)).unwrap();
        intake.next_delivery();
    }
    let mut loaded = intake.finish(&mut |row| aside.push(row));
    let duplicates = loaded.counts().duplicates as usize;
    let last = rows.iter().filter(|row| !row.poisoned).map(|row| row.period).max().unwrap();
    let terms = Terms {
        rules: &Plausibility::default(),
        calendar: panel.calendar,
        today: Period(last),
        absent_is_zero: false,
        beside: &Beside::default(),
        answers: &Answers::default(),
    };
    let alarms = loaded.judge(&terms, &mut |row| aside.push(row));
    assert!(loaded.counts().add_up());
    let by_source: Vec<Vec<&Row>> =
        (0..names.len()).map(|source| rows.iter().filter(|row| row.source == source).collect()).collect();
    let mut found = Found { aside: aside.len(), caught: 0, poisoned: 0, wrongly: 0, duplicates, alarms };
    found.poisoned = rows.iter().filter(|row| row.poisoned).count();
    for row in aside {
        let source = names.iter().position(|name| *name == row.source).unwrap();
        let was = by_source[source][row.row as usize - 1];
        if was.poisoned { found.caught += 1 } else { found.wrongly += 1 }
    }
    found
}

fn columns(path: &Path, names: &[&str], wanted: impl Fn(&[f64], &[String]) -> bool) -> Vec<(Vec<f64>, Vec<String>)> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let mask = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
    let mut rows = vec![];
    for batch in builder.with_projection(mask).with_batch_size(65_536).build().unwrap() {
        let batch = batch.unwrap();
        let mut numbers: Vec<Float64Array> = vec![];
        let mut texts: Vec<StringArray> = vec![];
        for name in names {
            let column = batch.column_by_name(name).unwrap();
            if column.data_type().is_numeric() || *column.data_type() == arrow_schema::DataType::Boolean {
                let cast = arrow_cast::cast(column, &arrow_schema::DataType::Float64).unwrap();
                numbers.push(cast.as_primitive::<Float64Type>().clone());
            } else {
                let cast = arrow_cast::cast(column, &arrow_schema::DataType::Utf8).unwrap();
                texts.push(cast.as_string::<i32>().clone());
            }
        }
        for row in 0..batch.num_rows() {
            let of: Vec<f64> =
                numbers.iter().map(|column| if column.is_null(row) { f64::NAN } else { column.value(row) }).collect();
            let words: Vec<String> = texts.iter().map(|column| column.value(row).to_owned()).collect();
            if wanted(&of, &words) {
                rows.push((of, words));
            }
        }
    }
    rows
}

/// Ten Walmart stores and 28 items, the last 140 days of the M5 competition.
fn walmart() -> Option<Panel> {
    let path = super::shared("m5_tiny")?.join("sales.parquet");
    let from = Calendar::Day.parse("2015-12-07").unwrap().0;
    let day = |text: &str| Calendar::Day.parse(text).unwrap().0;
    let rows = columns(&path, &["item_id", "store_id", "date", "units", "sell_price"], |of, words| {
        words[2].as_str() >= "2015-12-07" && !of[1].is_nan()
    });
    let row = |(of, words): (Vec<f64>, Vec<String>)| Row {
        sku: words[0].clone(),
        place: words[1].clone(),
        period: day(&words[2]),
        units: of[0] as i64,
        price: Some(of[1]),
        ratio: None,
        support: false,
        stockout: 0.0,
        poisoned: false,
        source: 0,
    };
    let rows: Vec<Row> = rows.into_iter().map(row).collect();
    assert!(rows.iter().all(|row| row.period >= from));
    Some(Panel { name: "M5 (Walmart, 10 stores, 140 days)", calendar: Calendar::Day, rows })
}

/// A tenth of the stores of FreshRetailNet, 90 days: fresh food with stock-outs, and close to half of it on promotion.
fn fresh() -> Option<Panel> {
    let folder = super::shared("freshretailnet50k")?;
    let series = columns(&folder.join("series.parquet"), &["series_id", "store_id", "product_id"], |of, _| {
        of[1] as i64 % 10 == 7
    });
    let series: BTreeMap<i64, (i64, i64)> =
        series.into_iter().map(|(of, _)| (of[0] as i64, (of[1] as i64, of[2] as i64))).collect();
    let names = ["series_id", "day", "sale", "stockout_hours_6_22", "discount", "activity_flag"];
    let rows =
        columns(&folder.join("daily.parquet"), &names, |of, _| of[4] > 0.0 && series.contains_key(&(of[0] as i64)));
    let row = |(of, _): (Vec<f64>, Vec<String>)| {
        let (store, product) = series[&(of[0] as i64)];
        Row {
            sku: product.to_string(),
            place: store.to_string(),
            period: 19_810 + of[1] as i32,
            units: (of[2] * 10.0).round() as i64,
            price: None,
            ratio: Some(of[4].min(1.5)),
            support: of[5] > 0.0,
            stockout: of[3] / 16.0,
            poisoned: false,
            source: 0,
        }
    };
    Some(Panel {
        name: "FreshRetailNet (a tenth of the stores, 90 days)",
        calendar: Calendar::Day,
        rows: rows.into_iter().map(row).collect(),
    })
}

/// Orange juice at Dominick's, weeks with deals and adverts that sell ten times as much: every one of them is real.
fn juice() -> Option<Panel> {
    let folder = super::shared("dominicks_oj")?;
    let prices: Vec<String> = (1..=11).map(|brand| format!("price{brand}")).collect();
    let names: Vec<&str> = ["store", "brand", "week", "logmove", "deal", "feat"]
        .into_iter()
        .chain(prices.iter().map(String::as_str))
        .collect();
    let rows = columns(&folder.join("oj11_store_week.parquet"), &names, |_, _| true);
    let row = |(of, _): (Vec<f64>, Vec<String>)| Row {
        sku: of[1].to_string(),
        place: of[0].to_string(),
        period: of[2] as i32 + 1_000,
        units: (of[3].exp() / 64.0).round() as i64,
        price: Some(64.0 * of[5 + of[1] as usize]),
        ratio: None,
        support: of[4] > 0.0 || of[5] > 0.0,
        stockout: 0.0,
        poisoned: false,
        source: 0,
    };
    Some(Panel {
        name: "Dominick's orange juice (83 stores, 121 weeks)",
        calendar: Calendar::Week,
        rows: rows.into_iter().map(row).collect(),
    })
}

/// Draws a share of the places and periods.
fn some_days(panel: &Panel, share: f64, chance: &mut Chance) -> BTreeSet<(String, i32)> {
    let first = panel.rows.iter().map(|row| row.period).min().unwrap() + 30;
    let days: BTreeSet<(String, i32)> = panel.rows.iter().map(|row| (row.place.clone(), row.period)).collect();
    let mut drawn: BTreeSet<(String, i32)> =
        days.iter().filter(|day| day.1 >= first && chance.next() < share).cloned().collect();
    if drawn.is_empty() {
        drawn.extend(days.into_iter().filter(|day| day.1 >= first).take(1));
    }
    drawn
}

fn shares() -> Vec<f64> {
    if std::env::var("ENDCAP_POISON").is_ok() { vec![0.001, 0.01, 0.05] } else { vec![0.01] }
}

/// Share caught, and how it is told.
fn told(panel: &Panel, what: &str, share: f64, found: &Found, of: usize) -> f64 {
    let caught = found.caught as f64 / of.max(1) as f64;
    println!(
        "measured: I3 | {}: {what}, {} % of rows or store-days | {:.2} % of {of} caught, {:.3} % of sound rows set aside",
        panel.name,
        100.0 * share,
        100.0 * caught,
        100.0 * found.wrongly as f64 / (panel.rows.len() - found.poisoned.min(panel.rows.len())) as f64,
    );
    caught
}

#[test]
fn sound_panels_lose_hardly_a_row_and_every_promotion_peak_passes() {
    let panels = [walmart(), juice(), std::env::var("ENDCAP_POISON").ok().and_then(|_| fresh())];
    for panel in panels.into_iter().flatten() {
        let found = judged(&panel, &panel.rows);
        let wrongly = found.aside as f64 / panel.rows.len() as f64;
        println!(
            "measured: I3 | {}: nothing poisoned | {:.3} % of {} rows set aside, {} alarms",
            panel.name,
            100.0 * wrongly,
            panel.rows.len(),
            found.alarms.len()
        );
        assert!(wrongly <= 0.005, "{}: {wrongly}", panel.name);
    }
}

#[test]
fn what_single_rows_say_is_caught() {
    let panels = [walmart(), std::env::var("ENDCAP_POISON").ok().and_then(|_| fresh())];
    for panel in panels.into_iter().flatten() {
        for share in shares() {
            let mut chance = Chance(7);
            let poison = |chance: &mut Chance, change: fn(&mut Row)| -> Vec<Row> {
                let draw = |row: &Row| {
                    let mut row = row.clone();
                    if row.units > 0 && chance.next() < share {
                        row.poisoned = true;
                        change(&mut row);
                    }
                    row
                };
                panel.rows.iter().map(draw).collect()
            };
            let tenfold = poison(&mut chance, |row| row.units *= 10);
            let found = judged(&panel, &tenfold);
            told(&panel, "ten times the pieces", share, &found, found.poisoned);
            let clear: Vec<Row> = tenfold
                .iter()
                .map(|row| {
                    if row.poisoned && row.units < 50 {
                        Row { units: row.units / 10, poisoned: false, ..row.clone() }
                    } else {
                        row.clone()
                    }
                })
                .collect();
            let of_five = judged(&panel, &clear);
            let caught = told(&panel, "ten times five pieces or more", share, &of_five, of_five.poisoned);
            // Fresh food that runs out varies by more than ten times: there the rest cannot be told from a good day.
            let least = if panel.name.starts_with("M5") { 0.98 } else { 0.9 };
            assert!(caught >= least || of_five.poisoned < 100, "{}: {caught}", panel.name);
            let negative = judged(&panel, &poison(&mut chance, |row| row.units = -row.units));
            assert_eq!(told(&panel, "negative pieces", share, &negative, negative.poisoned), 1.0);
            let future = judged(&panel, &poison(&mut chance, |row| row.period += 1_000));
            assert_eq!(told(&panel, "a date to come", share, &future, future.poisoned), 1.0);
        }
    }
}

#[test]
fn what_whole_store_days_say_is_caught() {
    let panels = [walmart(), std::env::var("ENDCAP_POISON").ok().and_then(|_| fresh())];
    for panel in panels.into_iter().flatten() {
        for share in shares() {
            let mut chance = Chance(11);
            let days = some_days(&panel, share, &mut chance);
            let on = |row: &Row| days.contains(&(row.place.clone(), row.period));
            let units: BTreeMap<(&str, &str, i32), i64> =
                panel.rows.iter().map(|row| ((&*row.sku, &*row.place, row.period), row.units)).collect();

            let again: Vec<Row> = panel
                .rows
                .iter()
                .filter(|row| on(row))
                .map(|row| Row { source: 1, poisoned: true, ..row.clone() })
                .collect();
            let sent_twice: Vec<Row> = panel.rows.iter().cloned().chain(again.iter().cloned()).collect();
            let found = judged(&panel, &sent_twice);
            assert_eq!(found.duplicates, again.len(), "word for word is a duplicate");
            println!(
                "measured: I3 | {}: batches word for word again, {} % of store-days | 100 % of {} are duplicates",
                panel.name,
                100.0 * share,
                again.len()
            );

            let other_day: Vec<Row> = panel
                .rows
                .iter()
                .map(|row| match units.get(&(&*row.sku, &*row.place, row.period - 7)).filter(|_| on(row)) {
                    Some(&before) => Row { units: before, poisoned: true, ..row.clone() },
                    None => row.clone(),
                })
                .collect();
            let found = judged(&panel, &other_day);
            let caught = told(&panel, "last week's batch under a new date", share, &found, found.poisoned);
            // Where the week before was overwritten as well nothing is there twice.
            assert!(caught >= 0.9, "{}: {caught}", panel.name);

            let silent: Vec<Row> = panel
                .rows
                .iter()
                .map(|row| if on(row) { Row { units: 0, poisoned: true, ..row.clone() } } else { row.clone() })
                .collect();
            let found = judged(&panel, &silent);
            let caught = told(&panel, "a silent store", share, &found, found.poisoned);
            assert!(caught >= 0.9, "{}: {caught}", panel.name);

            // The files of two stores carry each other's names.
            let places: Vec<&str> =
                panel.rows.iter().map(|row| &*row.place).collect::<BTreeSet<_>>().into_iter().collect();
            let number = |place: &str| places.binary_search(&place).unwrap();
            let swap = |row: &Row| {
                let pair = number(&row.place) ^ 1;
                let first = places[number(&row.place) & !1];
                let drawn = pair < places.len() && days.contains(&(first.to_owned(), row.period));
                if drawn { Row { place: places[pair].to_owned(), poisoned: true, ..row.clone() } } else { row.clone() }
            };
            let swapped: Vec<Row> = panel.rows.iter().map(swap).collect();
            let found = judged(&panel, &swapped);
            let caught = told(&panel, "two stores under each other's name", share, &found, found.poisoned);
            assert!(caught >= 0.25 || found.poisoned < 100, "{}: {caught}", panel.name);
            assert!(found.wrongly as f64 <= 0.006 * panel.rows.len() as f64, "{}: {}", panel.name, found.wrongly);
        }
    }
}

#[test]
fn a_drift_of_two_percent_a_day_is_told() {
    let panels = [walmart(), std::env::var("ENDCAP_POISON").ok().and_then(|_| fresh())];
    for panel in panels.into_iter().flatten() {
        let last = panel.rows.iter().map(|row| row.period).max().unwrap();
        let places: Vec<String> =
            panel.rows.iter().map(|row| row.place.clone()).collect::<BTreeSet<_>>().into_iter().take(10).collect();
        let mut days_until = vec![];
        for place in &places {
            let until = [7, 10, 14, 21].into_iter().find(|&days| {
                let drift = |row: &Row| match row.period - (last - days) {
                    day if day > 0 && row.place == *place => {
                        Row { units: (row.units as f64 * 1.02_f64.powi(day)).round() as i64, ..row.clone() }
                    }
                    _ => row.clone(),
                };
                let rows: Vec<Row> = panel.rows.iter().map(drift).collect();
                judged(&panel, &rows).alarms.iter().any(|alarm| alarm.kind == AlarmKind::Drift && alarm.scope == *place)
            });
            days_until.push(until.unwrap_or(99));
        }
        days_until.sort_unstable();
        let within = |most: i32| days_until.iter().filter(|days| **days <= most).count();
        println!(
            "measured: I3 | {}: one store drifts by 2 % a day | told within 7 days: {} of {}, within 14: {}, within 21: {}",
            panel.name,
            within(7),
            places.len(),
            within(14),
            within(21)
        );
        assert!(within(21) * 2 >= places.len(), "{}: {days_until:?}", panel.name);
    }
}

/// Only there so that the panels' numbers are those of their files.
#[test]
fn panels_have_the_rows_that_their_files_have() {
    let Some(panel) = walmart() else { return };
    let places: BTreeSet<&str> = panel.rows.iter().map(|row| &*row.place).collect();
    let periods = Int32Array::from_iter_values(panel.rows.iter().map(|row| row.period));
    assert_eq!((places.len(), periods.len()), (10, panel.rows.len()));
}
