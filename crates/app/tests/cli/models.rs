//! The registry of models as its users meet it: the first model, a challenger in shadow, the gate, a rollback that holds, a file
//! that was changed, and a copy for MLflow.

use crate::run;
use crate::shop::plannable;
use jiff::Span;
use jiff::civil::Date;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

fn told(arguments: &[&str], expected: i32) -> Value {
    let (out, messages, status) = run(&[arguments, &["--json"]].concat());
    assert_eq!(status, expected, "{arguments:?}: {out}{messages}");
    serde_json::from_str(&out).unwrap_or_default()
}

/// Sales of so many more weeks, in which shoppers answer to prices as before.
fn more(folder: &Path, last: Date, weeks: std::ops::RangeInclusive<i64>) {
    let path = folder.join("sales.csv");
    let mut sales = fs::read_to_string(&path).unwrap();
    for week in weeks {
        let day = last.checked_add(Span::new().weeks(week)).unwrap().iso_week_date();
        for (at, (sku, level)) in
            [("a", 60.0), ("b", 45.0), ("c", 80.0), ("d", 35.0), ("e", 50.0), ("f", 70.0)].into_iter().enumerate()
        {
            for (store, (place, size)) in [("x", 1.0), ("y", 1.3)].into_iter().enumerate() {
                let ratio: f64 = if (44 + week as usize + at).is_multiple_of(6) { 0.8 } else { 1.0 };
                let wave = 0.9 + 0.05 * (((44 + week as usize) * 7 + at * 3 + store) % 5) as f64;
                let (units, price) = ((level * size * wave * ratio.powf(-3.0)).round(), 2.0 * ratio);
                let _ = writeln!(sales, "{sku},{place},{}-W{:02},{units},{price:.2},2.00", day.year(), day.week());
            }
        }
    }
    fs::write(path, sales).unwrap();
}

fn states(listed: &Value) -> Vec<&str> {
    listed["models"].as_array().unwrap().iter().map(|model| model["state"].as_str().unwrap()).collect()
}

#[test]
fn a_new_fit_waits_in_shadow_and_a_person_may_change_and_take_back_what_plans_rest_on() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path();
    let shop = folder.display().to_string();
    let last = jiff::Zoned::now().date().checked_sub(Span::new().weeks(12)).unwrap();
    plannable(folder, last);
    assert_eq!(told(&["models", "list", &shop], 0)["models"], Value::Array(vec![]));
    told(&["plan", &shop], 0);
    let listed = told(&["models", "list", &shop], 0);
    assert_eq!(states(&listed), ["champion"]);
    let first = listed["champion"].as_str().unwrap().to_owned();
    let made = &listed["models"][0]["made"];
    assert!(made["metrics"]["held_out.all.wape"].as_f64().is_some_and(|wape| wape > 0.0), "{made}");
    assert!(made["snapshot"].is_string() && made["seed"] == 1 && made["code_version"].is_string(), "{made}");

    // Two more weeks ask for no fit; the fourth does, and what it makes is a challenger.
    more(folder, last, 1..=2);
    told(&["ingest", &shop], 0);
    told(&["plan", &shop], 0);
    assert_eq!(states(&told(&["models", "list", &shop], 0)), ["champion"]);
    more(folder, last, 3..=4);
    told(&["ingest", &shop], 0);
    told(&["plan", &shop], 0);
    let listed = told(&["models", "list", &shop], 0);
    assert_eq!(states(&listed), ["challenger", "champion"], "{listed}");
    assert_eq!(listed["champion"], first.as_str(), "a refit changes nothing by itself");
    let second = listed["challenger"].as_str().unwrap().to_owned();
    let shown = told(&["models", "show", &shop, &second[..12]], 0);
    assert_eq!(shown["made"]["parent"], first.as_str());
    assert_eq!(shown["contests"][0]["ruling"], "waits");

    // A person may: with a name and a reason, and back again, and the loop keeps to it.
    let ada = ["--as", "Ada", "--reason", "a test in stores"];
    told(&[&["models", "promote", &shop, &second[..12]][..], &ada].concat(), 0);
    assert_eq!(told(&["models", "list", &shop], 0)["champion"], second.as_str());
    told(&[&["models", "rollback", &shop][..], &ada].concat(), 0);
    let again = [&["models", "rollback", &shop][..], &ada].concat();
    assert!(told(&again, 1).as_str().unwrap().contains("nothing to go back to"));
    told(&["plan", &shop], 0);
    assert_eq!(told(&["models", "list", &shop], 0)["champion"], first.as_str());
    let (trail, _, _) = run(&["audit", "show", &shop, "--last", "100"]);
    for action in ["model registered", "model passed the gate", "model promoted", "model rolled back"] {
        assert!(trail.contains(action), "{action}: {trail}");
    }

    // A copy for MLflow has a run for each.
    let copy = folder.join("mlruns");
    assert_eq!(told(&["models", "export", &shop, "--mlflow", copy.to_str().unwrap()], 0)["runs"], 2);
    assert_eq!(fs::read_to_string(copy.join("models/endcap/aliases/champion")).unwrap(), "1");
}

#[test]
fn a_challenger_whose_file_was_changed_is_refused_and_the_champion_goes_on() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path();
    let shop = folder.display().to_string();
    let last = jiff::Zoned::now().date().checked_sub(Span::new().weeks(12)).unwrap();
    plannable(folder, last);
    told(&["plan", &shop], 0);
    more(folder, last, 1..=1);
    told(&["ingest", &shop], 0);
    // A fit by hand is a challenger as well.
    told(&["fit", &shop], 0);
    let listed = told(&["models", "list", &shop], 0);
    assert_eq!(states(&listed), ["challenger", "champion"], "{listed}");
    let challenger = listed["challenger"].as_str().unwrap();
    let file = folder.join("models").join(format!("{}.json", &challenger[..16]));
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("\"mean\":-", "\"mean\":-9", 1)).unwrap();
    more(folder, last, 2..=2);
    told(&["ingest", &shop], 0);
    told(&["plan", &shop], 0);
    let listed = told(&["models", "list", &shop], 0);
    assert_eq!(states(&listed), ["refused", "champion"], "{listed}");
    assert!(listed["models"][0]["reason"].as_str().unwrap().contains("was changed since it was fitted"), "{listed}");

    // Nor does anything rest on a champion whose file is not what was fitted: it is told what people can do.
    told(&["fit", &shop], 0);
    let listed = told(&["models", "list", &shop], 0);
    let file = folder.join("models").join(format!("{}.json", &listed["champion"].as_str().unwrap()[..16]));
    fs::write(&file, "{").unwrap();
    more(folder, last, 3..=3);
    told(&["ingest", &shop], 0);
    let (_, messages, status) = run(&["plan", &shop]);
    assert!(status == 2 && messages.contains("was changed since it was fitted"), "{messages}");
    assert!(messages.contains("endcap models promote"), "{messages}");
    let other = listed["challenger"].as_str().unwrap()[..12].to_owned();
    told(&["models", "promote", &shop, &other, "--as", "Ada", "--reason", "the champion's file is broken"], 0);
    told(&["plan", &shop], 0);
}

#[test]
fn a_rehearsal_of_the_gate_tells_each_season() {
    let seasons = told(&["models", "rehearse", "--kind", "stale", "--seasons", "1"], 0);
    assert_eq!(seasons[0]["swaps"], Value::Array(vec![]), "{seasons}");
    let (_, messages, status) = run(&["models", "rehearse", "--kind", "sunny"]);
    assert!(status == 2 && messages.contains("expected clean"), "{messages}");
}
