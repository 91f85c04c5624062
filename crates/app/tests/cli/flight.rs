//! Plans in flight: what sales say since they began, and what is better changed.

use crate::commands::shop_with_further_facts;
use crate::demo::demo;
use crate::replan::{SCENARIO, planned_week, three_days_on};
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

/// Stock as it is counted: far too much of one item everywhere, nothing of another at one store.
fn counted(path: &Path) {
    let toml = fs::read_to_string(path.join("endcap.toml")).unwrap();
    let stock = "\n[[stock]]\nfiles = [\"stock.csv\"]\n[stock.columns]\nsku = \"sku\"\nplace = \"place\"\nperiod = \"day\"\non_hand = \"on_hand\"\n";
    fs::write(path.join("endcap.toml"), toml + stock).unwrap();
    let mut rows = "sku,place,day,on_hand\n".to_owned();
    for (item, place) in (0..4).flat_map(|item| (0..4).map(move |place| (item, place))) {
        let pieces = match (item, place) {
            (0, _) => 30_000,
            (1, 0) => 0,
            _ => 1_500,
        };
        rows += &format!("i{item},p{place},2024-06-01,{pieces}\n");
    }
    fs::write(path.join("stock.csv"), rows).unwrap();
}

#[test]
fn inventory_signals_what_is_short_and_too_much_and_every_signal_has_its_rule() {
    let kept = tempfile::tempdir().unwrap();
    let (path, folder) = (kept.path(), kept.path().to_str().unwrap());
    let plan = planned_week(path);
    shop_with_further_facts(path, 153);
    counted(path);
    // An order of now comes too late for an empty shelf.
    fs::write(path.join("scenario.toml"), SCENARIO.replace("lead_time_periods = 1", "lead_time_periods = 3")).unwrap();
    let (_, messages, status) = run(&["ingest", folder, "--as-of", "2024-06-02T00:00:00Z"]);
    assert_eq!(status, 0, "{messages}");
    let reading = looked(&[folder, "--plan", plan.to_str().unwrap()]);
    let talk = list(&reading, "talk");
    let of = |wrong: &str| talk.iter().filter(|one| one["wrong"] == wrong).collect::<Vec<_>>();
    assert!(of("surplus").iter().any(|one| one["sku"] == "i0" && one["pieces"].as_f64() > Some(1_000.0)), "{talk:?}");
    assert!(of("shortage").iter().any(|one| one["sku"] == "i1" && one["place"] == "p0"), "{talk:?}");
    for one in talk {
        let offer = list(one, "answers").iter().find(|answer| answer["by"] == "promotion");
        match one["rule"].as_str().unwrap() {
            "offer_pays" => assert!(offer.unwrap()["effect"]["mean"].as_f64() > Some(0.0), "{one}"),
            "plan_clears" | "shortage_first" => assert!(offer.unwrap()["depth"].as_f64() > Some(0.0), "{one}"),
            "move_first" => assert!(list(one, "answers").iter().any(|answer| answer["by"] == "supply"), "{one}"),
            rule => assert_eq!(rule, "keep", "{one}"),
        }
    }
    let folder = Path::new(reading["folder"].as_str().unwrap());
    let rows = fs::read_to_string(folder.join("talk.csv")).unwrap();
    assert_eq!(rows.lines().count() - 1, talk.len());
    let (shown, _, _) = run(&["flight", path.to_str().unwrap(), "--plan", plan.to_str().unwrap()]);
    assert!(shown.contains("signals of stock") && shown.contains("surplus"), "{shown}");
}

#[test]
fn a_project_without_a_plan_is_told_what_to_do() {
    let kept = tempfile::tempdir().unwrap();
    let (_, messages, status) = run(&["flight", kept.path().to_str().unwrap()]);
    assert!(status == 2 && messages.contains("plan"), "{messages}");
}
