//! Plans in flight: what sales say since they began, and what is better changed.

use crate::demo::demo;
use crate::replan::{planned_week, three_days_on};
use crate::run;
use serde_json::Value;
use std::fs;
use std::path::Path;

fn looked(args: &[&str]) -> Value {
    let (out, messages, status) = run(&[&["flight"], args, &["--json"]].concat());
    assert_eq!(status, 0, "{messages}");
    serde_json::from_str(&out).unwrap()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn before_anything_was_sold_the_plan_is_believed() {
    let folder = demo().folder.to_str().unwrap();
    let published = fs::read_dir(demo().folder.join("published")).unwrap().count();
    let reading = looked(&[folder]);
    assert_eq!((&reading["in_force"], reading["periods_seen"].as_u64()), (&demo().summary["plan"], Some(0)));
    assert!(list(&reading, "believed").iter().all(|of| of["level"]["mean"] == 1.0 && of["lift"]["mean"] == 1.0));
    assert_eq!(reading["promised_value"], demo().summary["value"]);
    assert!(list(&reading, "running").iter().all(|one| one["path"].is_null() && one["stores"].as_u64() > Some(0)));
    assert_eq!(fs::read_dir(demo().folder.join("published")).unwrap().count(), published, "nothing is published");
}

#[test]
fn sales_far_above_the_plan_are_believed_and_every_change_is_tried_before_it_is_proposed() {
    let kept = tempfile::tempdir().unwrap();
    let (path, folder) = (kept.path(), kept.path().to_str().unwrap());
    let plan = planned_week(path);
    three_days_on(path);
    let args = [folder, "--plan", plan.to_str().unwrap()];
    let reading = looked(&args);
    assert_eq!(reading["periods_seen"], 3);
    let level = |of: &Value| of["level"]["mean"].as_f64().unwrap();
    assert!(list(&reading, "believed").iter().all(|of| level(of) > 1.05), "{reading}");
    for tweak in list(&reading, "tweaks") {
        let told = tweak["value"].is_i64() || tweak["effect"].is_object() || tweak["because"] != "";
        assert!(told && tweak["kind"].is_string(), "{tweak}");
        assert!(tweak["effect"].is_null() || tweak["effect"]["low"].as_f64() <= tweak["effect"]["high"].as_f64());
        assert!(tweak["kind"] != "narrow" || tweak["effect"]["mean"].as_f64() > Some(0.0), "{tweak}");
    }
    assert_eq!(looked(&args), reading, "the same facts say the same");
    let folder = Path::new(reading["folder"].as_str().unwrap());
    let rows = fs::read_to_string(folder.join("tweaks.csv")).unwrap();
    assert_eq!(rows.lines().count() - 1, list(&reading, "tweaks").len());
    let proposed: Value = serde_json::from_slice(&fs::read(folder.join("plan.json")).unwrap()).unwrap();
    assert_eq!((&proposed["id"], &proposed["parent"]), (&reading["proposal"], &reading["in_force"]));
    let latest: Value = serde_json::from_slice(&fs::read(path.join("flight/latest.json")).unwrap()).unwrap();
    assert_eq!(latest["proposal"], reading["proposal"]);
    let (shown, _, _) = run(&[&["flight"], &args[..]].concat());
    assert!(shown.contains("nobody has approved it") && shown.contains("demand at"), "{shown}");
}

#[test]
fn a_project_without_a_plan_is_told_what_to_do() {
    let kept = tempfile::tempdir().unwrap();
    let (_, messages, status) = run(&["flight", kept.path().to_str().unwrap()]);
    assert!(status == 2 && messages.contains("plan"), "{messages}");
}
