//! The rest of the demo's season planned anew.

use crate::demo::demo;
use crate::run;
use serde_json::Value;
use std::fs;
use std::path::Path;

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
