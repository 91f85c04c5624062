//! What is looked at beside a plan: past promotions like an offer, what people have to know, promised beside realised.

use crate::run;
use crate::shop::plannable;
use jiff::civil::date;
use serde_json::Value;
use std::fs;

fn told(arguments: &[&str], expected: i32) -> Value {
    let (out, messages, status) = run(arguments);
    assert_eq!(status, expected, "{arguments:?}: {out}{messages}");
    serde_json::from_str(&out).unwrap_or(Value::Null)
}

#[test]
fn a_shop_shows_analogues_notices_and_what_its_plan_promised() {
    let kept = tempfile::tempdir().unwrap();
    plannable(kept.path(), date(2026, 3, 1));
    let folder = kept.path().to_str().unwrap();
    told(&["plan", folder, "--json"], 0);

    let own = told(&["analogues", folder, "--sku", "a", "--depth", "0.2", "--store", "x", "--json"], 0);
    let nearest = own["nearest"].as_array().unwrap();
    assert_eq!((nearest.len(), &nearest[0]["sku"]), (10, &Value::from("a")), "{own}");
    assert!(
        own["spread"]["uplift"]["middle"].as_f64().is_some_and(|uplift| uplift > 0.3),
        "a fifth off nearly doubles: {own}"
    );
    assert!(own["caution"].as_str().unwrap().contains("no estimate"));
    let files = fs::read_dir(kept.path().join("analogues")).unwrap().count();
    let again =
        told(&["analogues", folder, "--sku", "a", "--depth", "0.2", "--store", "x", "--json", "--threads", "1"], 0);
    assert_eq!(
        (&again, fs::read_dir(kept.path().join("analogues")).unwrap().count()),
        (&own, files),
        "kept, and the same"
    );
    told(&["analogues", folder, "--sku", "new", "--depth", "0.2", "--json"], 2);
    let new = told(&["analogues", folder, "--sku", "new", "--category", "", "--depth", "0.2", "--json"], 0);
    assert_eq!((&new["item_was_promoted"], new["nearest"].as_array().unwrap().len()), (&Value::from(false), 10));

    let value = told(&["value", folder, "--json"], 0);
    assert_eq!(value["by"][0]["decider"], "elsewhere", "the history is people's own: {}", value["by"]);
    assert!(value["open_offers"].as_u64().unwrap() > 0 && value["open_promised"].as_f64().unwrap() > 0.0, "{value}");
    assert_eq!((&value["total"]["compared"], value["tested"].as_array().unwrap().len()), (&Value::from(0), 0));
    assert!(value["cannot_know"].as_str().unwrap().contains("cannot tell"));

    told(&["halt", folder, "--by", "Ada", "--reason", "a flood", "--json"], 0);
    fs::write(kept.path().join("notices.toml"), "[judging]\nwarning = 1\ncritical = 2\nemergency = 100000000\n")
        .unwrap();
    let checked = told(&["notices", "check", folder, "--json"], 0);
    assert!(checked["open"].as_u64().unwrap() > 0, "{checked}");
    assert_eq!(told(&["notices", "check", folder, "--json"], 0)["steps"], 0, "what is known is no news");
    let open = told(&["notices", "list", folder, "--json"], 0);
    let id = open[0]["id"].as_str().unwrap();
    told(&["notices", "ack", folder, id, "--as", "Ada", "--reason", "I order", "--json"], 0);
    told(&["notices", "ack", folder, "nothing", "--as", "Ada", "--reason", "I order"], 1);
    told(&["notices", "ack", folder, id, "--as", " ", "--reason", "I order"], 2);
    let open = told(&["notices", "list", folder, "--json"], 0);
    let answered = open.as_array().unwrap().iter().find(|one| one["id"] == id).unwrap();
    assert_eq!(answered["acknowledged"]["by"], "Ada");
    told(
        &[
            "notices",
            "mute",
            folder,
            "--kind",
            "overstock",
            "--hours",
            "2",
            "--as",
            "Ada",
            "--reason",
            "a sale",
            "--json",
        ],
        0,
    );
    assert_eq!(told(&["audit", "verify", folder, "--json"], 0)["faults"].as_array().map_or(0, Vec::len), 0);
}
