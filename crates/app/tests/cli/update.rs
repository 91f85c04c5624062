//! Sales that arrive after a fit: refreshed effects and forecasts, rows set aside by name, the same state whatever the
//! order, the repeats and the moment at which a run is killed.

use crate::{endcap, run};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

const WEEKS: usize = 40;

/// Rows of a small chain for some weeks; item a answers to its price with an elasticity of -2.
fn rows(weeks: std::ops::Range<usize>) -> Vec<String> {
    let mut rows = Vec::new();
    for week in weeks {
        for place in 0..4 {
            for (item, level) in [("a", 80.0), ("b", 50.0), ("c", 20.0)] {
                let promoted = (week + item.len() + place / 3) % 5 == usize::from(item == "b");
                let wave = 1.0 + 0.1 * ((week * 7 + place * 5) % 11) as f64 / 10.0;
                let lift = if promoted { 0.8_f64.powf(-2.0) } else { 1.0 };
                let units = (level * (1.0 + 0.1 * place as f64) * wave * lift).round();
                let price = if promoted { 1.6 } else { 2.0 };
                rows.push(format!("{item},s{place},{week},{units},{price},2.0,g"));
            }
        }
    }
    rows
}

fn write(path: &Path, rows: &[String]) -> String {
    let mut text = String::from("unit_id,place_id,period,units,price,base_price,group_id\n");
    rows.iter().for_each(|row| {
        let _ = writeln!(text, "{row}");
    });
    fs::write(path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn json(arguments: &[&str], expected: i32) -> Value {
    let (out, messages, status) = run(arguments);
    assert_eq!(status, expected, "{arguments:?}: {out}{messages}");
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}"))
}

/// A fitted model with its forecast in a folder of its own; returns the folder and the plan.
fn model(folder: &Path) -> (String, String) {
    let panel = write(&folder.join("panel.csv"), &rows(0..WEEKS));
    let plan = write(&folder.join("plan.csv"), &rows(WEEKS + 3..WEEKS + 5));
    let models = folder.join("models").to_str().unwrap().to_owned();
    let (_, messages, status) = run(&["fit", "--panel", &panel, "--out", &models]);
    assert_eq!(status, 0, "{messages}");
    let kept = format!("{models}/model.json");
    let (_, messages, status) =
        run(&["forecast", "--panel", &panel, "--plan", &plan, "--model", &kept, "--out", &models]);
    assert_eq!(status, 0, "{messages}");
    (models, plan)
}

/// What an update leaves behind.
fn left(models: &str) -> Vec<Vec<u8>> {
    let files = ["since.parquet", "updated/effects.csv", "updated/model.json", "updated/forecast.parquet"];
    files.iter().map(|name| fs::read(Path::new(models).join(name)).unwrap()).collect()
}

fn copy(from: &str, to: &Path) -> String {
    fs::create_dir_all(to).unwrap();
    for name in ["model.json", "online.json", "forecast.parquet"] {
        fs::copy(Path::new(from).join(name), to.join(name)).unwrap();
    }
    to.to_str().unwrap().to_owned()
}

#[test]
fn sales_of_today_move_effects_and_forecasts_and_repeats_do_not() {
    let kept = tempfile::tempdir().unwrap();
    let (models, plan) = model(kept.path());
    let mut batch = rows(WEEKS..WEEKS + 3);
    let good = batch.len();
    batch.push("z,s0,41,3,2.0,2.0,g".into());
    batch.push("a,s9,41,3,2.0,2.0,g".into());
    batch.push("a,s0,41,-3,2.0,2.0,g".into());
    batch.push("a,s0,-5,3,2.0,2.0,g".into());
    batch.push("a,s0,5,3,2.0,2.0,g".into());
    batch.push("a,s0,41,many,2.0,2.0,g".into());
    batch.push(batch[0].clone());
    let sales = write(&kept.path().join("sales.csv"), &batch);
    let update = ["update", "--model", &models, "--sales", &sales, "--plan", &plan, "--json"];
    let first = json(&update, 0);
    assert_eq!((first["new"].as_u64(), first["items"].as_u64()), (Some(good as u64), Some(3)), "{first}");
    assert_eq!(first["cells"], 24, "{first}");
    assert!(!first["moved"].as_array().unwrap().is_empty());
    let aside = first["set_aside"].as_array().unwrap();
    let reasons: Vec<&str> = aside.iter().map(|row| row["reason"].as_str().unwrap()).collect();
    let expected =
        ["item z is not", "place s9 is not", "units is -3", "older than", "fitted already", "many", "duplicate"];
    assert_eq!(reasons.len(), expected.len(), "{reasons:?}");
    reasons.iter().zip(expected).for_each(|(reason, part)| assert!(reason.contains(part), "{reason}: {part}"));
    assert_eq!(aside[0]["row"], good + 1);

    let before = left(&models);
    let fitted = fs::read_to_string(format!("{models}/effects.csv")).unwrap();
    let updated = fs::read_to_string(format!("{models}/updated/effects.csv")).unwrap();
    assert_eq!(fitted.lines().next(), updated.lines().next());
    assert_ne!(fitted, updated);
    let again = json(&update, 0);
    assert_eq!((again["known"].as_u64(), again["items"].as_u64()), (Some(good as u64), Some(0)), "{again}");
    assert_eq!(before, left(&models), "a batch that is repeated changes nothing");

    // In two batches and another order: the same bytes.
    let other = copy(&models, &kept.path().join("other"));
    batch.truncate(good);
    batch.reverse();
    for part in batch.chunks(20) {
        let sales = write(&kept.path().join("part.csv"), part);
        json(&["update", "--model", &other, "--sales", &sales, "--plan", &plan, "--json"], 0);
    }
    assert_eq!(before, left(&other));

    // The refreshed model forecasts like any other.
    let whole = write(&kept.path().join("whole.csv"), &rows(0..WEEKS + 3));
    let model = format!("{models}/updated/model.json");
    let out = kept.path().join("fresh.csv");
    let (_, messages, status) =
        run(&["forecast", "--panel", &whole, "--plan", &plan, "--model", &model, "--out", out.to_str().unwrap()]);
    assert_eq!(status, 0, "{messages}");
}

#[test]
fn kinds_of_promotion_are_read_by_name_and_what_people_set_stays() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path().to_str().unwrap();
    let named = |rows: Vec<String>| -> Vec<String> {
        let kind =
            |at: usize, row: &str| if row.contains(",1.6,") && at.is_multiple_of(3) { "two for one" } else { "" };
        rows.iter().enumerate().map(|(at, row)| format!("{row},{}", kind(at, row))).collect()
    };
    let write = |name: &str, rows: Vec<String>| {
        let path = kept.path().join(name);
        let header = "unit_id,place_id,period,units,price,base_price,group_id,mechanic";
        fs::write(&path, [vec![header.to_owned()], named(rows), vec![String::new()]].concat().join("\n")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (panel, sales) = (write("panel.csv", rows(0..WEEKS)), write("sales.csv", rows(WEEKS..WEEKS + 3)));
    let plan = write("plan.csv", rows(WEEKS + 3..WEEKS + 5));
    let models = format!("{folder}/models");
    let (_, messages, status) = run(&["fit", "--panel", &panel, "--out", &models]);
    assert_eq!(status, 0, "{messages}");
    let edit = ["coefficients", "edit", folder, "--item", "a", "--effect", "own_price", "--value", "-3.5", "--reason"];
    let more = ["a test", "--author", "Ada", "--interval", "-4,-3", "--until", "2030-01-01", "--today", "2026-01-01"];
    let (_, messages, status) = run(&[&edit[..], &more].concat());
    assert_eq!(status, 0, "{messages}");
    let (_, messages, status) =
        run(&["coefficients", "approve", folder, "1", "--by", "Grace", "--today", "2026-01-01"]);
    assert_eq!(status, 0, "{messages}");

    let update = ["update", "--model", &models, "--sales", &sales, "--plan", &plan, "--as-of", "2026-02-01", "--json"];
    let first = json(&update, 0);
    assert_eq!((first["new"].as_u64(), first["cells"].as_u64()), (Some(36), Some(24)), "{first}");
    let effects = fs::read_to_string(format!("{models}/updated/effects.csv")).unwrap();
    let names: Vec<&str> = effects.lines().next().unwrap().split(',').collect();
    let own = effects.lines().find(|line| line.starts_with("a,own_price,")).unwrap();
    let value = |name: &str| own.split(',').nth(names.iter().position(|n| *n == name).unwrap()).unwrap();
    assert_eq!(value("used"), "-3.5", "{own}");
    assert!(value("estimate").parse::<f64>().unwrap() > -3.0, "the data go on speaking beside it: {own}");
    assert!(own.ends_with(",1"), "{own}");
    assert!(effects.contains(",mechanic,"), "{effects}");
    let again = json(&update, 0);
    assert_eq!((again["known"].as_u64(), again["items"].as_u64()), (Some(36), Some(0)), "{again}");
}

#[test]
fn an_update_that_is_killed_leaves_a_state_that_the_next_one_completes() {
    let kept = tempfile::tempdir().unwrap();
    let (models, plan) = model(kept.path());
    let sales = write(&kept.path().join("sales.csv"), &rows(WEEKS..WEEKS + 3));
    let arguments = |models: &str| ["update", "--model", models, "--sales", &sales, "--plan", &plan].map(str::to_owned);
    let undisturbed = copy(&models, &kept.path().join("undisturbed"));
    let (_, messages, status) = run(&arguments(&undisturbed).each_ref().map(String::as_str));
    assert_eq!(status, 0, "{messages}");
    for milliseconds in [1, 10, 30, 60, 100, 150, 220] {
        let killed = copy(&models, &kept.path().join(format!("killed{milliseconds}")));
        // The program is killed outright when its time is up.
        let _ = endcap().args(arguments(&killed)).timeout(Duration::from_millis(milliseconds)).output();
        let (_, messages, status) = run(&arguments(&killed).each_ref().map(String::as_str));
        assert_eq!(status, 0, "after {milliseconds} ms: {messages}");
        assert_eq!(left(&undisturbed), left(&killed), "after {milliseconds} ms");
    }
}

#[test]
fn a_batch_of_which_nothing_can_be_used_is_refused_and_a_folder_without_a_fit_is_bad_input() {
    let kept = tempfile::tempdir().unwrap();
    let (models, _) = model(kept.path());
    let sales = write(&kept.path().join("sales.csv"), &["z,s0,41,3,2.0,2.0,g".to_owned()]);
    let (out, messages, status) = run(&["update", "--model", &models, "--sales", &sales]);
    assert_eq!(status, 1, "{out}{messages}");
    assert!(messages.contains("no row"), "{messages}");
    let (_, messages, status) = run(&["update", "--model", kept.path().to_str().unwrap(), "--sales", &sales]);
    assert_eq!(status, 2);
    assert!(messages.contains("endcap fit"), "{messages}");
}
