//! No plan goes live before what it is to reach was signed; a change takes the signature away; facts say how far it is.

use crate::shop::plannable;
use crate::{endcap, run};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn told(arguments: &[&str], expected: i32) -> Value {
    let (out, messages, status) = run(&[arguments, &["--json"]].concat());
    assert_eq!(status, expected, "{arguments:?}: {out}{messages}");
    serde_json::from_str(&out).unwrap_or_default()
}

fn write(folder: &Path, version: u32, goal: i64) {
    let today = jiff::Zoned::now().date();
    let (from, until) = (today - jiff::Span::new().weeks(20), today + jiff::Span::new().weeks(20));
    let target = |kpi: &str, unit: &str, goal: i64| {
        format!(
            "[[targets]]\nkpi = \"{kpi}\"\nunit = \"{unit}\"\nfrom = \"{from}\"\nuntil = \"{until}\"\ngoal = {goal}\n\
             tolerance_below = 0\nowner = \"Ada\"\n"
        )
    };
    let text = format!(
        "name = \"autumn\"\nversion = {version}\n{}{}",
        target("units", "piece", goal),
        target("plan_value", "minor unit", 1)
    );
    fs::write(folder.join("objectives.toml"), text).unwrap();
}

/// Signs what waits for carl.
fn sign(folder: &Path, request: &str) {
    let (shop, key) = (folder.display().to_string(), folder.join("carl.key").display().to_string());
    told(&["approve", "sign", request, &shop, "--as", "carl", "--key", &key], 0);
}

#[test]
fn a_plan_waits_for_its_objectives_to_be_signed_and_carries_their_hash() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path();
    plannable(folder, jiff::Zoned::now().date().checked_sub(jiff::Span::new().weeks(1)).unwrap());
    let shop = folder.display().to_string();
    endcap()
        .args(["account", "add", "carl", "--role", "approver_category", &shop])
        .write_stdin("correct horse battery\n")
        .assert()
        .success();
    let key = folder.join("carl.key").display().to_string();
    told(&["approve", "key", "new", &key, &shop, "--as", "carl"], 0);
    write(folder, 1, 1_000);
    let held = told(&["plan", &shop], 1);
    assert!(held.to_string().contains("are not signed"), "{held}");
    assert!(!folder.join("published").join(held["plan"].as_str().unwrap_or("none")).exists());

    let asked = told(&["objectives", "ask", &shop], 0);
    sign(folder, asked["request"].as_str().unwrap());
    let planned = told(&["plan", &shop], 0);
    assert_eq!(planned["status"], "published", "{planned}");
    let plan: Value = {
        let path = folder.join("plans").join(planned["plan"].as_str().unwrap()).join("plan.json");
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    let first = told(&["objectives", "show", &shop], 0)["hash"].clone();
    assert_eq!(plan["objectives"], first, "the plan names what it serves");

    // A change makes another version that nobody signed: the plan of the first may not be acted on, and none goes out.
    write(folder, 2, 2_000_000);
    let again = told(&["plan", &shop], 1);
    assert!(again.to_string().contains("version 2"), "{again}");
    assert_ne!(again["plan"], planned["plan"], "another version is another plan");

    // Facts tell how far it is: far behind now, and what they cannot tell is not called missed.
    let progress = told(&["objectives", "progress", &shop], 1);
    let of = |kpi: &str| {
        progress["progress"].as_array().unwrap().iter().find(|one| one["target"]["kpi"] == kpi).unwrap().clone()
    };
    let units = of("units");
    assert!(units["behind"] == true && units["found"].as_i64().unwrap() > 1_000, "{units}");
    assert!(units["due"].as_i64().unwrap() < 2_000_000, "half of the days, half of the goal: {units}");
    assert!(of("plan_value")["found"].is_null() && of("plan_value")["behind"] == false);
    told(&["objectives", "progress", &shop], 1);
    let (trail, _, _) = run(&["audit", "show", &shop, "--last", "200"]);
    assert_eq!(trail.matches("target behind").count(), 1, "told once for the same facts: {trail}");
}
