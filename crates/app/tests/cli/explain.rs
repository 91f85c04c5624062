//! Why an item of the demo's project runs, or what its best offer would cost the plan.

use crate::demo::demo;
use crate::run;
use serde_json::Value;
use std::fs;

/// An item and a region in which the demo's plan promotes it.
fn promoted() -> (String, String) {
    let plan = demo().folder.join("plans").join(demo().summary["plan"].as_str().unwrap()).join("plan.json");
    let plan: Value = serde_json::from_slice(&fs::read(plan).unwrap()).unwrap();
    let text = |field: &str| plan["offers"][0][field].as_str().unwrap().to_owned();
    (text("sku"), text("place"))
}

#[test]
fn every_period_of_an_item_is_accounted_for() {
    let (sku, place) = promoted();
    let folder = demo().folder.to_str().unwrap();
    let (out, messages, status) = run(&["explain", folder, "--sku", &sku, "--place", &place, "--json"]);
    assert_eq!(status, 0, "{messages}");
    let answer: Value = serde_json::from_str(&out).unwrap();
    let (chosen, left_out) = (answer["chosen"].as_array().unwrap(), answer["left_out"].as_array().unwrap());
    assert_eq!(chosen.len() + left_out.len(), 14, "one entry a day");
    for period in left_out {
        assert!(!period["because"].as_str().unwrap().is_empty());
        let Some(nearest) = period["nearest"].as_object() else { continue };
        assert!(nearest["regret"].as_f64().unwrap() >= 0.0);
        assert!(nearest["bound_with"].as_i64() <= demo().summary["bound"].as_i64(), "{nearest:?}");
        let calendar: Vec<&Value> = nearest["calendar"].as_array().unwrap().iter().map(|offer| &offer[0]).collect();
        assert!(calendar.contains(&&period["period"]), "the calendar has the offer that is asked about: {calendar:?}");
    }
}

#[test]
fn items_regions_and_scenarios_that_the_plan_does_not_know_are_refused() {
    let (sku, _) = promoted();
    let folder = demo().folder.to_str().unwrap();
    let kept = tempfile::tempdir().unwrap();
    let other = kept.path().join("scenario.toml");
    let scenario = fs::read_to_string(demo().folder.join("scenario.toml")).unwrap();
    fs::write(&other, scenario.replace("fixed_cost = 20.00", "fixed_cost = 25.00")).unwrap();
    let other = other.to_str().unwrap();
    let cases: [(&[&str], &str); 3] = [
        (&["--sku", "none-such"], "none-such"),
        (&["--sku", &sku, "--place", "nowhere"], "nowhere"),
        (&["--sku", &sku, "--scenario", other], "was not made from"),
    ];
    for (more, word) in cases {
        let (_, messages, status) = run(&[&["explain", folder], more].concat());
        assert!(status == 2 && messages.contains(word), "{more:?}: {messages}");
    }
}
