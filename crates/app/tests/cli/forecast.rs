//! Forecasts and backtests: plans and panels as people write them, and ways to bring sums and cells together.

use crate::run;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const HEAD: &str = "unit_id,place_id,period,price,base_price,feature\n";

/// Nine items at two stores over sixty weeks.
fn panel(path: &Path, more: &str) {
    let mut rows = String::from("unit_id,place_id,period,units,price,base_price,group_id\n");
    for week in 0..60 {
        for item in 0..9 {
            for place in ["x", "y"] {
                let price: f64 = if (week + 2 * item) % 7 == 0 { 1.5 } else { 2.0 };
                let wave = 1.0 + 0.1 * f64::from((week * 7 + item * 3) % 5 - 2);
                let units = (f64::from(20 + item) * wave * (price / 2.0).powf(-2.0)).round();
                let period = format!("20{}-W{:02}", 22 + week / 52, week % 52 + 1);
                let _ = writeln!(rows, "i{item},{place},{period},{units},{price},2.0,g");
            }
        }
    }
    fs::write(path, rows + more).unwrap();
}

struct Shop {
    kept: tempfile::TempDir,
}

impl Shop {
    fn new(more: &str) -> Self {
        let kept = tempfile::tempdir().unwrap();
        panel(&kept.path().join("panel.csv"), more);
        Self { kept }
    }

    fn at(&self, name: &str) -> String {
        self.kept.path().join(name).to_str().unwrap().to_owned()
    }

    fn forecast(&self, plan: &str, more: &[&str]) -> (String, String, i32) {
        fs::write(self.kept.path().join("plan.csv"), plan).unwrap();
        let (panel, plan, out) = (self.at("panel.csv"), self.at("plan.csv"), self.at("forecast.csv"));
        let arguments = ["forecast", "--panel", &panel, "--plan", &plan, "--out", &out, "--json"];
        run(&[&arguments, more].concat())
    }
}

#[test]
fn rows_of_a_plan_that_cannot_be_forecast_are_set_aside_and_the_others_are_forecast() {
    let shop = Shop::new("");
    let plan = [
        (1, "i0,x,2023-W09,2.0,2.0,0", ""),
        (2, "i0,x,2023-W10,-1,2.0,0", "price is '-1': expected a price over 0"),
        (3, "i0,x,2023-W11,2.0,2.0,30", "feature is '30': expected a share from 0 to 1, such as 0.3 for 30 %"),
        (4, "i1,x,2123-W09,2.0,2.0,0", "period is '2123-W09': expected a period after 2023-W08"),
        (5, "i1,x,2021-W09,2.0,2.0,0", "period is '2021-W09': expected a period after 2023-W08"),
        (6, "i1,y,2023-W09,199,2.0,0", "price is '199': expected a price in the unit of the history, where it is 2"),
        (7, "i2,y,2023-W09,2.0,2.0,0", ""),
        (8, "i2,y,2023-W09,2.0,2.0,0", "one row per cell: the same as row 7, which is used"),
        (9, "i3,y,2023-W09,2.0,2.0,0", "2 rows differ, none is used"),
        (10, "i3,y,2023-W09,1.5,2.0,0", "2 rows differ, none is used"),
        (11, "i4,y,soon,1.5,2.0,0", "period is 'soon': expected a period of a week calendar, such as 2024-W13"),
        (12, "i4,y,2023-W09,1.5,2.0,0", ""),
    ];
    let rows: String = plan.iter().map(|(_, row, _)| format!("{row}\n")).collect();
    let (out, messages, status) = shop.forecast(&format!("{HEAD}{rows}"), &[]);
    assert_eq!(status, 0, "{messages}");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["cells"], 3, "{out}");
    let aside = told["plan_set_aside"].as_array().unwrap();
    let wrong: Vec<_> = plan.iter().filter(|(.., reason)| !reason.is_empty()).collect();
    assert_eq!(aside.len(), wrong.len(), "{out}");
    for (aside, (row, _, reason)) in aside.iter().zip(wrong) {
        let text = |name: &str| aside[name].as_str().unwrap();
        let words = format!("{} is '{}': expected {}", text("column"), text("value"), text("expected"));
        assert_eq!(aside["row"], *row, "{words}");
        assert!(words.contains(reason), "{words}");
    }
    assert!(messages.contains("plan.csv row 2: price is '-1'") && messages.contains("4 more rows"), "{messages}");
}

#[test]
fn a_plan_in_another_unit_than_the_history_is_refused() {
    let shop = Shop::new("");
    let (_, messages, status) =
        shop.forecast(&format!("{HEAD}i0,x,2023-W09,199,200,0\ni1,x,2023-W09,150,200,0\n"), &[]);
    assert_eq!(status, 2, "{messages}");
    for words in ["plan.csv", "2 of 2 values of price", "i0 is 199", "2: write both in one unit"] {
        assert!(messages.contains(words), "{words}: {messages}");
    }
}

#[test]
fn a_plan_without_any_usable_row_is_refused_with_the_first_reason() {
    let shop = Shop::new("");
    let (_, messages, status) = shop.forecast(&format!("{HEAD}i0,x,2023-W09,0,2.0,0\n"), &[]);
    assert_eq!(status, 2, "{messages}");
    assert!(messages.contains("none of its 1 rows can be forecast; row 1: price is '0'"), "{messages}");
}

#[test]
fn items_that_were_never_sold_are_named_or_set_aside() {
    let shop = Shop::new("");
    let plan = "unit_id,place_id,period,price,group_id\ni0,x,2023-W09,2.0,g\nnew,x,2023-W09,2.0,g\n";
    let (out, messages, status) = shop.forecast(plan, &[]);
    assert_eq!(status, 0, "{messages}");
    let told: Value = serde_json::from_str(&out).unwrap();
    let new = told["new_items"] == serde_json::json!(["new"]);
    let aside = told["plan_set_aside"].as_array().is_some_and(|rows| rows.len() == 1 && rows[0]["value"] == "new");
    assert!(new || aside, "{out}");
}

#[test]
fn rows_of_a_panel_that_cannot_be_used_are_set_aside_and_the_rest_is_scored() {
    let more = "i0,x,2023-W09,-3,2.0,2.0,g\ni0,y,2023-W09,3,0,2.0,g\ni1,x,1923-W09,3,2.0,2.0,g\n\
                i1,y,2023-W09,3,200,200,g\ni2,x,2023-W08,3,2.0,2.0,g\n";
    let shop = Shop::new(more);
    let (out, messages, status) = run(&["backtest", "--panel", &shop.at("panel.csv"), "--origins", "1", "--json"]);
    assert_eq!(status, 0, "{messages}");
    let told: Value = serde_json::from_str(&out).unwrap();
    let columns: Vec<&str> =
        told["set_aside"].as_array().unwrap().iter().map(|aside| aside["column"].as_str().unwrap()).collect();
    let cell = "unit_id, place_id, period";
    assert_eq!(columns, [cell, "units", "price", "period", "price", cell], "{out}");
    assert!(messages.contains("row 1081: units is '-3': expected 0 or more"), "{messages}");
    assert!(!told["scores"].as_array().unwrap().is_empty(), "{out}");
}

#[test]
fn sums_can_be_left_as_what_their_cells_come_to() {
    let shop = Shop::new("");
    let plan = format!("{HEAD}i0,x,2023-W09,1.5,2.0,0\ni0,y,2023-W09,1.5,2.0,0\n");
    let (out, messages, status) = shop.forecast(&plan, &["--reconcile", "bottom-up"]);
    assert_eq!(status, 0, "{messages}");
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["reconciled"], serde_json::json!([]));
    let (_, messages, status) = shop.forecast(&plan, &["--reconcile", "sideways"]);
    assert_eq!(status, 2);
    assert!(messages.contains("mint") && messages.contains("bottom-up"), "{messages}");
}
