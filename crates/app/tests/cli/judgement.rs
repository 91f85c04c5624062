//! What people do with estimates: edits of effects and overrides of forecasts reach every figure that rests on them.

use crate::demo::demo;
use crate::run;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn json(arguments: &[&str], expected: i32) -> Value {
    let (out, messages, status) = run(arguments);
    assert_eq!(status, expected, "{arguments:?}: {out}{messages}");
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}"))
}

fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

fn figure(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

/// A folder with a history of weeks that ends with 2024-W43, and the model of its first 40 weeks.
pub(crate) struct Shop {
    kept: tempfile::TempDir,
}

/// Two items in two places, each at 20 % off every sixth week and answering with an elasticity of about -2; from week 40 on
/// item a sells twice as much for a reason that no column shows.
pub(crate) fn history(path: &Path, weeks: usize) {
    let mut text = String::from("unit_id,place_id,period,units,price,base_price,group_id\n");
    for week in 0..weeks {
        for (item, level) in [("a", 60.0), ("b", 35.0)] {
            for (place, more) in [("x", 1.0), ("y", 1.3)] {
                let promoted = (week + if item == "a" { 0 } else { 3 }) % 6 == 0;
                let price: f64 = if promoted { 1.6 } else { 2.0 };
                let wave = 1.0 + 0.1 * ((week * 7 + level as usize) % 5) as f64 - 0.2;
                let fair = if week >= 40 && item == "a" { 2.0 } else { 1.0 };
                let units = (level * more * wave * fair * (price / 2.0).powf(-2.0)).round();
                let _ = writeln!(text, "{item},{place},2024-W{:02},{units},{price},2.0,g", week + 1);
            }
        }
    }
    fs::write(path, text).unwrap();
}

impl Shop {
    pub(crate) fn new() -> Self {
        let shop = Self { kept: tempfile::tempdir().unwrap() };
        history(&shop.path("history.csv"), 40);
        history(&shop.path("later.csv"), 44);
        let plan = "unit_id,place_id,period,price,base_price\na,x,2024-W41,1.6,2.0\na,y,2024-W41,1.6,2.0\nb,x,2024-W41,2.0,2.0\n";
        fs::write(shop.path("plan.csv"), plan).unwrap();
        json(&["fit", "--panel", &shop.at("history.csv"), "--out", &shop.at("models"), "--json"], 0);
        shop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.kept.path().join(name)
    }

    pub(crate) fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Proposes and approves that item a answers with an elasticity of -4.
    fn edit(&self, until: &str) {
        let folder = self.at("");
        let edit = ["coefficients", "edit", &folder, "--item", "a", "--effect", "own_price", "--value", "-4"];
        let rest = ["--interval", "-4.3,-3.7", "--reason", "test of May", "--author", "Ada", "--today", "2024-09-01"];
        json(&[&edit[..], &rest, &["--until", until, "--json"]].concat(), 0);
        json(&["coefficients", "approve", &folder, "1", "--by", "Grace", "--today", "2024-09-02", "--json"], 0);
    }

    fn add_override(&self, more: &[&str], expected: i32) -> Value {
        let add = ["override", "add", &self.at(""), "--today", "2024-09-01", "--json"].map(str::to_owned);
        let arguments: Vec<&str> = add.iter().map(String::as_str).chain(more.iter().copied()).collect();
        json(&arguments, expected)
    }

    /// Forecasts the plan and returns its rows.
    fn forecast(&self, more: &[&str]) -> Vec<BTreeMap<String, String>> {
        let (panel, plan, model, out) =
            (self.at("history.csv"), self.at("plan.csv"), self.at("models/model.json"), self.at("forecast.csv"));
        let arguments = ["forecast", "--panel", &panel, "--plan", &plan, "--model", &model, "--out", &out, "--json"];
        json(&[&arguments[..], more].concat(), 0);
        rows(&self.path("forecast.csv"))
    }
}

#[test]
fn an_edit_moves_forecasts_until_its_day_and_survives_a_refit() {
    let shop = Shop::new();
    shop.edit("2024-12-01");
    let edits = shop.at("coefficients/edits.jsonl");
    let lift = |rows: &[BTreeMap<String, String>]| figure(&rows[0], "mean") / figure(&rows[0], "baseline");
    let (without, with) = (lift(&shop.forecast(&[])), lift(&shop.forecast(&["--edits", &edits])));
    assert!((without.ln() / 0.8_f64.ln() + 2.0).abs() < 0.5, "{without}");
    assert!((with.ln() / 0.8_f64.ln() + 4.0).abs() < 0.5, "{with}");
    let over = lift(&shop.forecast(&["--edits", &edits, "--as-of", "2024-12-01"]));
    assert_eq!(over, without, "an edit whose day has come is not used");

    let refit = ["fit", "--panel", &shop.at("later.csv"), "--out", &shop.at("again"), "--edits", &edits, "--json"];
    let told = json(&refit, 0);
    assert_eq!(told["edits"][0]["state"], "in_force", "{told}");
    let effects = rows(&shop.path("again/effects.csv"));
    let own = |item: &str| effects.iter().find(|row| row["unit_id"] == item && row["effect"] == "own_price").unwrap();
    assert_eq!((figure(own("a"), "used"), own("a")["edit_id"].as_str()), (-4.0, "1"));
    assert!((figure(own("a"), "estimate") + 2.0).abs() < 0.7, "the estimate stays: {:?}", own("a"));
    assert_eq!((figure(own("b"), "used"), own("b")["edit_id"].as_str()), (figure(own("b"), "estimate"), ""));
}

#[test]
fn an_override_stands_beside_the_model_and_is_scored_afterwards() {
    let shop = Shop::new();
    let fair =
        ["--item", "a", "--from", "2024-W41", "--periods", "4", "--factor", "2", "--reason", "fair", "--author", "Ada"];
    let listed = shop.add_override(&fair, 0);
    assert_eq!(
        (listed["overrides"][0]["state"].as_str(), listed["overrides"][0]["expires"].as_str()),
        (Some("in_force"), Some("2024-11-04"))
    );
    let gloom = [
        "--item",
        "b",
        "--from",
        "2024-W41",
        "--periods",
        "2",
        "--factor",
        "0.5",
        "--reason",
        "rain",
        "--author",
        "Ida",
    ];
    shop.add_override(&gloom, 0);
    let log = shop.at("overrides/overrides.jsonl");
    let before = shop.forecast(&[]);
    let after = shop.forecast(&["--overrides", &log]);
    for (row, factor) in [(0, 2.0), (1, 2.0), (2, 0.5)] {
        let (model, planner) = (figure(&after[row], "model_mean"), figure(&after[row], "mean"));
        assert_eq!(model, figure(&before[row], "mean"));
        assert!((planner / model - factor).abs() < 1e-9, "{row}: {planner} {model}");
    }
    let over = shop.forecast(&["--overrides", &log, "--as-of", "2024-11-04"]);
    assert_eq!(figure(&over[0], "mean"), figure(&before[0], "mean"), "its day has come");

    let scored = json(&["override", "score", "--panel", &shop.at("later.csv"), "--overrides", &log, "--json"], 0);
    let nearer: Vec<_> =
        scored["scores"].as_array().unwrap().iter().map(|score| score["beat_the_model"].clone()).collect();
    assert_eq!(nearer, [Value::Bool(true), Value::Bool(false)], "{scored}");
    assert_eq!(scored["raised"]["beat_the_model"], 1);
    let early = json(&["override", "score", "--panel", &shop.at("history.csv"), "--overrides", &log, "--json"], 0);
    assert_eq!((early["scores"].as_array().unwrap().len(), early["waiting"].as_array().unwrap().len()), (0, 2));

    let folder = shop.at("");
    let withdraw =
        ["override", "withdraw", &folder, "1", "--by", "Ada", "--reason", "called off", "--today", "2024-09-05"];
    let (out, messages, status) = run(&withdraw);
    assert!(status == 0 && out.contains("withdrawn by Ada: called off"), "{out}{messages}");
    assert_eq!(run(&withdraw).2, 1, "it is over already");
    assert_eq!(figure(&shop.forecast(&["--overrides", &log])[0], "mean"), figure(&before[0], "mean"));
}

#[test]
fn what_people_cannot_mean_is_refused_with_its_reason() {
    let shop = Shop::new();
    let said = |more: &[&str], status: i32| {
        let (out, messages, found) = run(&[&["override", "add", &shop.at(""), "--today", "2024-09-01"], more].concat());
        assert_eq!(found, status, "{out}{messages}");
        format!("{out}{messages}")
    };
    let who = ["--reason", "fair", "--author", "Ada"];
    let with = |more: &[&str]| said(&[more, &who].concat(), 1);
    assert!(with(&["--item", "tea", "--from", "2024-W41", "--factor", "2"]).contains("tea is not in the model"));
    assert!(with(&["--item", "a", "--from", "2024-W20", "--factor", "2"]).contains("forecasts begin with 2024-W41"));
    assert!(with(&["--item", "a", "--from", "2024-W41", "--factor", "-1"]).contains("expected 0 or more"));
    let blank = ["--item", "a", "--from", "2024-W41", "--factor", "2", "--reason", " ", "--author", "Ada"];
    assert!(said(&blank, 1).contains("has no reason"));
    assert!(
        said(&["--item", "a", "--from", "soon", "--factor", "2", "--reason", "x", "--author", "y"], 2)
            .contains("--from")
    );
    assert!(said(&["--item", "a", "--from", "2024-W41", "--factor", "2", "--author", "y"], 2).contains("--reason"));
    fs::create_dir_all(shop.path("overrides")).unwrap();
    fs::write(shop.path("overrides/overrides.jsonl"), "not json\n").unwrap();
    let (_, messages, status) = run(&["override", "list", &shop.at("")]);
    assert!(status == 2 && messages.contains("line 1"), "{messages}");
    fs::write(shop.path("empty.csv"), "unit_id,place_id,period,units,price,base_price\n").unwrap();
    let (_, messages, status) = run(&["fit", "--panel", &shop.at("empty.csv"), "--out", &shop.at("o")]);
    assert_eq!(status, 2, "{messages}");
}

#[test]
fn edits_over_numbered_periods_need_a_day() {
    let shop = Shop::new();
    shop.edit("2024-11-01");
    let numbered = fs::read_to_string(shop.path("history.csv")).unwrap().replace("2024-W", "");
    fs::write(shop.path("numbered.csv"), numbered).unwrap();
    let (panel, edits, out) = (shop.at("numbered.csv"), shop.at("coefficients/edits.jsonl"), shop.at("o"));
    let fit = ["fit", "--panel", &panel, "--edits", &edits, "--out", &out];
    let (_, messages, status) = run(&fit);
    assert!(status == 2 && messages.contains("--as-of"), "{messages}");
    assert_eq!(run(&[&fit[..], &["--as-of", "2024-10-01"]].concat()).2, 0);
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() { copied(&source, &target) } else { fs::copy(&source, &target).map(|_| ()).unwrap() }
    }
}

#[test]
fn where_policy_asks_for_it_an_override_waits_for_somebody_else() {
    let shop = Shop::new();
    let policy = "version = \"1\"\nautonomy = \"propose\"\ndepth_max = 0.5\nmargin_rate_min = 0.0\nspend_max = 100.0\nstockout_probability_max = 0.5\npromoted_share_max = 0.5\ntail_value_min = -100.0\nperson_above = 50.0\noverrides_need_approval = true\n";
    fs::write(shop.path("policy.toml"), policy).unwrap();
    let fair = ["--item", "a", "--from", "2024-W41", "--factor", "2", "--reason", "fair", "--author", "Ada"];
    let before = shop.forecast(&[]);
    let listed = shop.add_override(&fair, 0);
    assert_eq!(listed["overrides"][0]["state"], "proposed");
    let log = shop.at("overrides/overrides.jsonl");
    let mean = |more: &[&str]| figure(&shop.forecast(more)[0], "mean");
    assert_eq!(mean(&["--overrides", &log]), figure(&before[0], "mean"), "not in force yet");
    let folder = shop.at("");
    let approve = |by: &str, expected: i32| {
        json(&["override", "approve", &folder, "1", "--by", by, "--today", "2024-09-02", "--json"], expected)
    };
    assert_eq!(approve("ada", 1)["refused"], "own_override");
    let approved = approve("Grace", 0);
    assert_eq!(approved["overrides"][0]["approved_by"], "Grace");
    assert_eq!(approve("Hedy", 1)["refused"], "approved");
    assert!(mean(&["--overrides", &log]) > 1.9 * figure(&before[0], "mean"));
    let own = [
        "--item",
        "b",
        "--from",
        "2024-W41",
        "--factor",
        "2",
        "--reason",
        "x",
        "--author",
        "Ada",
        "--approved-by",
        "Ada",
    ];
    assert_eq!(shop.add_override(&own, 1)["refused"], "own_override");
    let other = [&own[..10], &["--approved-by", "Grace"]].concat();
    assert_eq!(shop.add_override(&other, 0)["overrides"][1]["state"], "in_force");
}

#[test]
fn a_projects_plan_and_orders_follow_edits_and_overrides() {
    let kept = tempfile::tempdir().unwrap();
    copied(&demo().folder, kept.path());
    let folder = kept.path().to_str().unwrap();
    let first = demo().summary["plan"].as_str().unwrap();
    let offers = |plan: &str| rows(&kept.path().join("plans").join(plan).join("offers.csv"));
    let promoted = offers(first)[0]["unit_id"].clone();
    json(&["fit", folder, "--json"], 0);
    let edit = ["coefficients", "edit", folder, "--item", &promoted, "--effect", "own_price", "--value", "-0.1"];
    let rest = ["--interval", "-0.2,-0.05", "--reason", "new rival", "--author", "Ada", "--today", "2024-06-01"];
    json(&[&edit[..], &rest, &["--until", "2099-01-01", "--json"]].concat(), 0);
    assert_eq!(json(&["plan", folder, "--json"], 0)["plan"], first, "what nobody approved is not used");
    json(&["coefficients", "approve", folder, "1", "--by", "Grace", "--today", "2024-06-01", "--json"], 0);
    let edited = json(&["plan", folder, "--json"], 0);
    assert_eq!(edited["edits"], serde_json::json!([1]));
    let edited = edited["plan"].as_str().unwrap();
    assert_ne!(edited, first);
    assert!(offers(edited).iter().all(|offer| offer["unit_id"] != promoted), "it no longer answers to price");
    let page = fs::read_to_string(kept.path().join("report.html")).unwrap();
    assert!(page.contains("new rival"), "the report shows the edit");
    let forecast = |plan: &str| kept.path().join("plans").join(plan).join("forecast.parquet");
    assert_ne!(fs::read(forecast(edited)).unwrap(), fs::read(forecast(first)).unwrap());

    let model: Value = serde_json::from_slice(&fs::read(kept.path().join("models/model.json")).unwrap()).unwrap();
    let origin = model["lift"]["span"]["end"].as_i64().unwrap();
    let from = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(origin)).unwrap().to_string();
    let add = ["override", "add", folder, "--item", &promoted, "--from", &from, "--periods", "14", "--factor", "3"];
    json(&[&add[..], &["--reason", "club order", "--author", "Ada", "--until", "2099-01-01", "--json"]].concat(), 0);
    let overridden = json(&["plan", folder, "--json"], 0);
    let overridden = overridden["plan"].as_str().unwrap();
    assert_ne!(overridden, edited);
    let ordered = |plan: &str| -> f64 {
        let orders = rows(&kept.path().join("plans").join(plan).join("orders.csv"));
        orders.iter().filter(|order| order["unit_id"] == promoted).map(|order| figure(order, "quantity")).sum()
    };
    assert!(ordered(overridden) > ordered(edited), "{} {}", ordered(overridden), ordered(edited));
    assert!(fs::read_to_string(kept.path().join("report.html")).unwrap().contains("club order"));
    let end =
        ["coefficients", "expire", folder, "1", "--by", "Grace", "--reason", "rival left", "--today", "2024-06-02"];
    assert_eq!(run(&end).2, 0);
    assert_eq!(run(&["override", "withdraw", folder, "1", "--by", "Ada", "--reason", "called off"]).2, 0);
    assert_eq!(json(&["plan", folder, "--json"], 0)["plan"], first, "all is as before");
}
