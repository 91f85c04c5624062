//! Goals side by side on the demo's project: each plan is the best for its own goal.

use crate::demo::demo;
use crate::run;
use serde_json::Value;
use std::fs;

fn whole(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is no whole number"))
}

#[test]
fn each_goal_is_best_at_what_it_asks_for() {
    let folder = demo().folder.to_str().unwrap();
    let kept = tempfile::tempdir().unwrap();
    let page = kept.path().join("compare.html");
    let (out, messages, status) =
        run(&["compare", folder, "--gap", "0.01", "--pareto", "1", "--html", page.to_str().unwrap(), "--json"]);
    assert_eq!(status, 0, "{messages}");
    let answer: Value = serde_json::from_str(&out).unwrap();
    let goal =
        |name: &str| answer["goals"].as_array().unwrap().iter().find(|goal| goal["goal"] == name).unwrap().clone();
    let (margin, revenue, volume) = (goal("max_margin"), goal("max_revenue"), goal("max_volume"));
    // The gap lets each plan miss its own best by a hundredth.
    let at_least =
        |one: &Value, other: &Value, field: &str| one[field].as_f64().unwrap() >= 0.99 * other[field].as_f64().unwrap();
    for other in [&revenue, &volume] {
        assert!(at_least(&margin, other, "profit"), "{margin} {other}");
    }
    assert!(at_least(&revenue, &margin, "revenue") && at_least(&volume, &margin, "pieces"));
    for plan in [&margin, &revenue, &volume] {
        assert!(whole(&plan["value"]) <= whole(&plan["bound"]), "{plan}");
    }
    let set = answer["pareto"].as_array().unwrap();
    assert!(!set.is_empty());
    assert!(set.windows(2).all(|pair| whole(&pair[0]["profit"]) >= whole(&pair[1]["profit"])));
    let html = fs::read_to_string(page).unwrap();
    assert!(html.contains("Content-Security-Policy") && html.contains(r#""goal":"max_volume""#));
}

#[test]
fn a_goal_that_cannot_be_planned_for_is_refused() {
    let folder = demo().folder.to_str().unwrap();
    for (goal, word) in [("most", "max_margin"), ("revenue_with_floor", "sell_through_min")] {
        let (_, messages, status) = run(&["compare", folder, "--goal", goal]);
        assert!(status == 2 && messages.contains(word), "{messages}");
    }
    let (_, messages, status) = run(&["compare", "nowhere"]);
    assert!(status == 2 && messages.contains("scenario.toml"), "{messages}");
}
