//! Demand collapses outside everything that the model has seen: the loop stops acting by itself, people go on by hand with the
//! last good plan and forecast, and it comes back in shadow.

use crate::run;
use crate::shop::plannable;
use jiff::Span;
use jiff::civil::Date;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

fn told(arguments: &[&str], expected: i32) -> Value {
    let (out, messages, status) = run(&[arguments, &["--json"]].concat());
    assert_eq!(status, expected, "{arguments:?}: {out}{messages}");
    serde_json::from_str(&out).unwrap_or_default()
}

/// Sales of so many more weeks in which next to nothing is sold.
fn collapse(folder: &Path, last: Date, weeks: i64) {
    let path = folder.join("sales.csv");
    let mut sales = fs::read_to_string(&path).unwrap();
    for week in 1..=weeks {
        let day = last.checked_add(Span::new().weeks(week)).unwrap().iso_week_date();
        for sku in ["a", "b", "c", "d", "e", "f"] {
            for place in ["x", "y"] {
                let _ = writeln!(sales, "{sku},{place},{}-W{:02},1,2.00,2.00", day.year(), day.week());
            }
        }
    }
    fs::write(path, sales).unwrap();
}

#[test]
fn a_collapse_stops_the_loop_and_leaves_people_a_plan_that_they_can_change_until_they_restart_it_in_shadow() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path();
    let shop = folder.display().to_string();
    let last = jiff::Zoned::now().date().checked_sub(Span::new().weeks(5)).unwrap();
    plannable(folder, last);
    let good = told(&["plan", &shop], 0);
    assert_eq!(good["status"], "published", "{good}");
    let good = good["plan"].as_str().unwrap();
    let published = || fs::read_dir(folder.join("published")).unwrap().count();
    let before = published();

    collapse(folder, last, 3);
    told(&["ingest", &shop], 0);
    let halted = told(&["plan", &shop], 1);
    assert_eq!(halted["status"], "halted", "{halted}");
    assert!(halted["reasons"].to_string().contains(&format!("plan {good} stays in force")), "{halted}");
    assert_eq!(published(), before, "nothing goes out");

    // Plan and forecast of the last good day are there to be changed by hand, and what is changed stays.
    let (manual, plan) = (folder.join("manual"), folder.join("plans").join(good));
    for table in ["offers.csv", "orders.csv", "forecast.parquet"] {
        assert_eq!(fs::read(manual.join(table)).unwrap(), fs::read(plan.join(table)).unwrap(), "{table}");
    }
    let header = fs::read_to_string(manual.join("offers.csv")).unwrap().lines().next().unwrap().to_owned();
    fs::write(manual.join("offers.csv"), format!("{header}\n")).unwrap();
    let again = told(&["plan", &shop], 1);
    assert_eq!(again["status"], "halted", "it stays halted: {again}");
    assert_eq!(
        fs::read_to_string(manual.join("offers.csv")).unwrap(),
        format!("{header}\n"),
        "a person's change stays"
    );

    // Only a named person starts it again, and only in shadow: it plans and publishes nothing.
    let ada = ["--by", "Ada", "--reason", "stores are open again"];
    let (said, _, status) = run(&[&["resume", &shop][..], &ada].concat());
    assert!(status == 1 && said.contains("in shadow first"), "{said}");
    let (said, messages, status) = run(&[&["resume", &shop, "--shadow"][..], &ada].concat());
    assert!(status == 0 && said.contains("Runs in shadow"), "{said}{messages}");
    let (out, messages, _) = run(&["plan", &shop, "--json"]);
    let shadow: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{messages}"));
    assert_ne!(shadow["status"], "published", "{shadow}");
    assert_eq!(published(), before);
    let (trail, _, _) = run(&["audit", "show", &shop, "--last", "100"]);
    for action in ["loop halted", "loop resumed in shadow"] {
        assert!(trail.contains(action), "{action}: {trail}");
    }
}
