//! The rest of the demo's season planned anew.

use crate::commands::shop_with_further_facts;
use crate::demo::demo;
use crate::run;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn whole(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is no whole number"))
}

fn replanned(more: &[&str]) -> Value {
    let (out, messages, status) = run(&[&["replan", demo().folder.to_str().unwrap(), "--json"], more].concat());
    assert_eq!(status, 0, "{messages}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn without_news_the_promises_are_kept() {
    let answer = replanned(&[]);
    assert_eq!(answer["changes"].as_array().unwrap().len(), 0, "{answer}");
    assert_eq!(answer["value"], answer["promised_value"]);
    assert_eq!(answer["value"], demo().summary["value"]);
    assert_eq!(answer["in_force"], demo().summary["plan"]);
}

#[test]
fn a_smaller_budget_changes_the_rest_and_leaves_a_proposal_that_nobody_approved() {
    let kept = tempfile::tempdir().unwrap();
    let path = kept.path().join("scenario.toml");
    let scenario = fs::read_to_string(demo().folder.join("scenario.toml")).unwrap();
    let smaller = scenario.replace("budget = 60000.00", "budget = 30000.00");
    assert_ne!(smaller, scenario);
    fs::write(&path, format!("{smaller}\n[replan]\nchange_cost = 15.0\n")).unwrap();
    let more = ["--from", "2024-07-01", "--scenario", path.to_str().unwrap()];
    let published = fs::read_dir(demo().folder.join("published")).unwrap().count();
    let answer = replanned(&more);
    let changes = answer["changes"].as_array().unwrap();
    assert!(!changes.is_empty() && changes.iter().all(|change| change["period"].as_str() >= Some("2024-07-01")));
    let gained: i64 = changes.iter().map(|change| whole(&change["value"])).sum();
    assert_eq!(gained, whole(&answer["value"]) - whole(&answer["promised_value"]));
    assert!(whole(&answer["value"]) <= whole(&answer["bound"]));

    let folder = Path::new(answer["folder"].as_str().unwrap());
    let plan: Value = serde_json::from_slice(&fs::read(folder.join("plan.json")).unwrap()).unwrap();
    assert_eq!((&plan["id"], &plan["parent"]), (&answer["proposal"], &answer["in_force"]));
    let kept: Value = serde_json::from_slice(&fs::read(folder.join("proposal.json")).unwrap()).unwrap();
    assert_eq!(kept["approved"], false);
    let rows = |name: &str| fs::read_to_string(folder.join(name)).unwrap().lines().count() - 1;
    assert_eq!((rows("offers.csv") as i64, rows("changes.csv")), (whole(&answer["offers"]), changes.len()));
    assert_eq!(fs::read_dir(demo().folder.join("published")).unwrap().count(), published);

    let frozen = [&["replan", demo().folder.to_str().unwrap(), "--frozen", "9"][..], &more].concat();
    let (out, _, status) = run(&frozen);
    assert!(status == 1 && out.contains("budget"), "{out}");
}

#[test]
fn periods_outside_the_plan_and_projects_without_one_are_refused() {
    let folder = demo().folder.to_str().unwrap();
    for (from, word) in [("2024-08-01", "2024-07-09"), ("2024-06-20", "2024-06-26"), ("soon", "--from")] {
        let (_, messages, status) = run(&["replan", folder, "--from", from]);
        assert!(status == 2 && messages.contains(word), "{messages}");
    }
    let (_, messages, status) = run(&["replan", folder, "--plan", "nothing.json"]);
    assert!(status == 2 && messages.contains("nothing.json"), "{messages}");
}

/// A week of a small shop, in terms under which offers pay.
pub const SCENARIO: &str = r#"
name = "week"
assumptions = []
currency = "EUR"
horizon = 7
depths = [0.1, 0.2, 0.3]
items = { list_price = 2.0, margin_rate = 0.6, vendor_funding_share = 0.3 }
supply = { lead_time_periods = 1, opening_stock = { cover_periods = 9.0 }, holding_rate = 0.001 }
[limits]
budget = 5000.0
slots = 2
spacing = 2
margin_rate_min = 0.05
[replan]
change_cost = 0.0
[twin]
worlds = 2
seed = 1
elasticity_mean = -2.0
elasticity_sd = 0.3
pull_forward_share = 0.1
substitution_share = 0.1
shock_sd = 0.1
"#;

/// A small shop with a plan for the week to come; where the plan lies.
pub fn planned_week(path: &Path) -> PathBuf {
    shop_with_further_facts(path, 150);
    fs::write(path.join("scenario.toml"), SCENARIO).unwrap();
    fs::write(path.join("policy.toml"), include_str!("../../../../examples/freshretailnet/policy.toml")).unwrap();
    let folder = path.to_str().unwrap();
    assert_eq!(run(&["ingest", folder, "--as-of", "2024-05-30T00:00:00Z"]).2, 0);
    let (out, messages, _) = run(&["plan", folder, "--json"]);
    let planned: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{messages}"));
    path.join("plans").join(planned["plan"].as_str().unwrap()).join("plan.json")
}

/// Three days on, everything has sold four times as much.
pub fn three_days_on(path: &Path) {
    shop_with_further_facts(path, 153);
    assert_eq!(run(&["ingest", path.to_str().unwrap(), "--as-of", "2024-06-02T00:00:00Z"]).2, 0);
}

#[test]
fn what_sells_faster_than_the_plan_expected_is_told_and_not_made_cheaper() {
    let kept = tempfile::tempdir().unwrap();
    let (path, folder) = (kept.path(), kept.path().to_str().unwrap());
    let plan = planned_week(path);
    let replan = ["replan", folder, "--plan", plan.to_str().unwrap()];
    let (out, messages, status) = run(&[&replan[..], &["--json"]].concat());
    assert_eq!(status, 0, "{messages}");
    let nothing_ran: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(nothing_ran["pace"], Value::Array(vec![]));
    three_days_on(path);
    let (out, messages, status) = run(&[&replan[..], &["--json"]].concat());
    assert_eq!(status, 0, "{messages}");
    let answer: Value = serde_json::from_str(&out).unwrap();
    let pace = answer["pace"].as_array().unwrap();
    assert!(!pace.is_empty() && pace.iter().all(|line| line["course"] == "ahead"), "{answer}");
    for change in answer["changes"].as_array().unwrap().iter().filter(|change| change["change"] != "dropped") {
        let line = pace.iter().find(|line| line["sku"] == change["sku"] && line["place"] == change["place"]);
        let present = line.map_or(1.0, |line| line["depth"].as_f64().unwrap());
        assert!(change["depth_after"].as_f64().unwrap() <= present, "{change} beside {line:?}");
    }
    let (table, _, _) = run(&replan);
    assert!(table.contains("sell otherwise than expected") && table.contains("it stays at"), "{table}");
    let rows = fs::read_to_string(Path::new(answer["folder"].as_str().unwrap()).join("pace.csv")).unwrap();
    assert_eq!(rows.lines().count() - 1, pace.len());
}
