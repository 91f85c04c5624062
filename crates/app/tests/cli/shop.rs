//! A small shop of our own that is planned in seconds, and copies of projects.

use crate::run;
use jiff::civil::Date;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Copies a project.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A shop whose items were at a fifth off every sixth week, 44 weeks up to a day, under a policy that lets its plan go out.
pub fn plannable(folder: &Path, last: Date) {
    let items = [("a", 60.0), ("b", 45.0), ("c", 80.0), ("d", 35.0), ("e", 50.0), ("f", 70.0)];
    let mut sales = String::from("sku,place,week,units,price,list_price\n");
    for week in 1..=44 {
        let monday = last.checked_sub(jiff::Span::new().weeks(44 - week as i64)).unwrap().iso_week_date();
        let period = format!("{}-W{:02}", monday.year(), monday.week());
        for (at, (sku, level)) in items.iter().enumerate() {
            for (store, (place, size)) in [("x", 1.0), ("y", 1.3)].into_iter().enumerate() {
                let ratio: f64 = if (week + at) % 6 == 0 { 0.8 } else { 1.0 };
                let wave = 0.9 + 0.05 * ((week * 7 + at * 3 + store) % 5) as f64;
                let (units, price) = ((level * size * wave * ratio.powf(-3.0)).round(), 2.0 * ratio);
                let _ = writeln!(sales, "{sku},{place},{period},{units},{price:.2},2.00");
            }
        }
    }
    let columns = "sku = \"sku\"\nplace = \"place\"\nperiod = \"week\"\nunits = \"units\"\nprice = \"price\"\nlist_price = \"list_price\"\n";
    let project = format!(
        "name = \"shop\"\ncurrency = \"EUR\"\ncalendar = \"week\"\n[[sales]]\nfiles = [\"sales.csv\"]\n[sales.columns]\n{columns}"
    );
    let scenario = include_str!("../../templates/scenario.toml")
        .replace("\nmargin_rate = 0.30", "\nmargin_rate = 0.55")
        .replace("slots = 20", "slots = 2")
        .replace("worlds = 20", "worlds = 2")
        .replace("list_price = 4.00", "list_price = 2.00");
    let policy = include_str!("../../templates/policy.toml")
        .replace("autonomy = \"propose\"", "autonomy = \"act\"")
        .replace("tail_value_min = -2000.00", "tail_value_min = -1000000.00")
        .replace("stockout_probability_max = 0.10", "stockout_probability_max = 1.0")
        .replace("promoted_share_max = 0.30", "promoted_share_max = 1.0");
    let files =
        [("endcap.toml", &project), ("sales.csv", &sales), ("scenario.toml", &scenario), ("policy.toml", &policy)];
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
    assert_eq!(run(&["ingest", folder.to_str().unwrap()]).2, 0);
}
