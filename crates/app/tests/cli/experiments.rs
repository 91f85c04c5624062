//! Tests in matched places and edits of effects, from a history in plain files to what is read and kept.

use crate::run;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// A chain of places whose sales move alike; `treated` places sell item a at 20 % off, with an elasticity of -2, from
/// week 40 on.
fn panel(path: &Path, places: usize, weeks: usize, treated: &[String]) {
    let mut rows = String::from("unit_id,place_id,period,units,price,base_price,group_id\n");
    for place in 0..places {
        let name = format!("s{place:02}");
        for week in 0..weeks {
            for (item, level) in [("a", 80.0), ("b", 50.0)] {
                let promoted = item == "a" && (week == 12 || (week >= 40 && treated.contains(&name)));
                let wave = 1.0 + 0.05 * ((week * 7 + place * 5) % 11) as f64 / 10.0;
                let lift = if promoted { 0.8_f64.powf(-2.0) } else { 1.0 };
                let units = (level * (1.0 + 0.1 * place as f64) * wave * lift).round();
                let price = if promoted { 1.6 } else { 2.0 };
                let _ = writeln!(rows, "{item},{name},{week},{units},{price},2.0,g");
            }
        }
    }
    fs::write(path, rows).unwrap();
}

fn json(arguments: &[&str], expected: i32) -> Value {
    let (out, messages, status) = run(arguments);
    assert_eq!(status, expected, "{arguments:?}: {out}{messages}");
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}"))
}

#[test]
fn a_test_is_designed_run_and_read() {
    let kept = tempfile::tempdir().unwrap();
    let at = |name: &str| kept.path().join(name).to_str().unwrap().to_owned();
    panel(&kept.path().join("before.csv"), 20, 40, &[]);
    let design = [
        "test",
        "design",
        "--panel",
        &at("before.csv"),
        "--item",
        "a",
        "--margin-rate",
        "0.4",
        "--depths",
        "0.2",
        "--lengths",
        "4",
        "--most",
        "1",
        "--out",
        &at("tests"),
        "--json",
    ];
    let designed = json(&design, 0);
    let test = &designed["tests"][0];
    let file = test["file"].as_str().unwrap();
    let pairs = test["pairs"].as_array().unwrap();
    assert!(pairs.len() >= 6, "{test}");
    let places = fs::read_to_string(test["places"].as_str().unwrap()).unwrap();
    assert_eq!(places.lines().count(), 1 + 2 * pairs.len(), "{places}");
    assert_eq!(json(&design, 0)["tests"][0]["file"], test["file"], "the same input gives the same test");

    let (out, messages, status) = run(&["test", "read", file, "--panel", &at("before.csv")]);
    assert_eq!(status, 1, "{out}{messages}");
    assert!(messages.contains("Wait"), "{messages}");

    let treated: Vec<String> = pairs.iter().map(|pair| pair["treated"].as_str().unwrap().to_owned()).collect();
    panel(&kept.path().join("after.csv"), 20, 44, &treated);
    let reading = json(&["test", "read", file, "--panel", &at("after.csv"), "--json"], 0);
    let effect: Vec<f64> = reading["effect"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert!(effect[1] <= -2.0 + 0.1 && -2.0 - 0.1 <= effect[2] && (effect[0] + 2.0).abs() < 0.2, "{reading}");
    assert_eq!(reading["stop"], true);
    assert!(reading["sales"]["p_value"].as_f64().unwrap() < 0.05);
    let (out, messages, status) = run(&["test", "read", file, "--panel", &at("after.csv")]);
    assert_eq!(status, 0, "{messages}");
    assert!(out.contains("no effect is ruled out") && out.contains("The test is over"), "{out}");
}

#[test]
fn too_few_places_are_told_how_many_are_needed() {
    let kept = tempfile::tempdir().unwrap();
    let at = |name: &str| kept.path().join(name).to_str().unwrap().to_owned();
    panel(&kept.path().join("panel.csv"), 4, 40, &[]);
    let design =
        ["test", "design", "--panel", &at("panel.csv"), "--item", "a", "--margin-rate", "0.4", "--out", &at("o")];
    let (_, messages, status) = run(&design);
    assert_eq!(status, 1, "{messages}");
    assert!(messages.contains("4 places") && messages.contains("12 are needed"), "{messages}");
    let (_, messages, status) = run(&["test", "design", "--panel", &at("panel.csv"), "--margin-rate", "30"]);
    assert_eq!(status, 2, "{messages}");
    assert!(messages.contains("--margin-rate is 30"), "{messages}");
}

#[test]
fn an_edit_needs_a_second_person_and_expires() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path().to_str().unwrap();
    let at = |name: &str| kept.path().join(name).to_str().unwrap().to_owned();
    panel(&kept.path().join("panel.csv"), 6, 40, &[]);
    let (_, messages, status) = run(&["fit", "--panel", &at("panel.csv"), "--out", &at("models")]);
    assert_eq!(status, 0, "{messages}");
    let edit = [
        "coefficients",
        "edit",
        folder,
        "--item",
        "a",
        "--effect",
        "own_price",
        "--value",
        "-2.5",
        "--interval",
        "-3.2,-1.8",
        "--reason",
        "test of May",
        "--author",
        "Ada",
        "--until",
        "2024-09-01",
        "--today",
        "2024-06-01",
        "--json",
    ];
    let state = |listed: &Value| listed["edits"][0]["state"].as_str().unwrap().to_owned();
    assert_eq!(state(&json(&edit, 0)), "waiting");
    assert_eq!(json(&edit, 1)["refused"], "overlaps");
    let approve = |by: &str, expected: i32| {
        json(&["coefficients", "approve", folder, "1", "--by", by, "--today", "2024-06-02", "--json"], expected)
    };
    assert_eq!(approve("ada", 1)["refused"], "own_edit");
    assert_eq!(state(&approve("Grace", 0)), "in_force");
    let list = |today: &str| json(&["coefficients", "list", folder, "--today", today, "--json"], 0);
    let listed = list("2024-08-31");
    assert_eq!((state(&listed), listed["edits"][0]["items"][0]["in_use"].as_bool()), ("in_force".into(), Some(true)));
    assert_eq!(listed["versions"].as_array().unwrap().len(), 1);
    let expired = list("2024-09-01");
    assert_eq!((state(&expired), expired["edits"][0]["items"][0]["in_use"].as_bool()), ("expired".into(), Some(false)));
    let expire =
        ["coefficients", "expire", folder, "1", "--by", "Grace", "--reason", "new pack", "--today", "2024-07-01"];
    let (out, messages, status) = run(&expire);
    assert_eq!(status, 0, "{messages}");
    assert!(out.contains("ended by Grace: new pack"), "{out}");
    assert_eq!(fs::read_to_string(kept.path().join("coefficients/edits.jsonl")).unwrap().lines().count(), 3);

    fs::write(kept.path().join("coefficients/edits.jsonl"), "{\"entry\": \"approved\"}\n").unwrap();
    let (_, messages, status) = run(&["coefficients", "list", folder]);
    assert_eq!(status, 2, "{messages}");
    assert!(messages.contains("edits.jsonl") && messages.contains("line 1"), "{messages}");
}
