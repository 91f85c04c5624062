//! Past promotions and the model card: figures that add up, beside the usual report, in tables and pages.

use crate::browser::opened;
use crate::run;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn json(arguments: &[&str], expected: i32) -> Value {
    let (out, messages, status) = run(arguments);
    assert_eq!(status, expected, "{arguments:?}: {out}{messages}");
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}"))
}

fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

/// Item a answers strongly (elasticity -4), item b hardly (-0.5); both are 20 % off every sixth week at 2.00.
struct Shop {
    kept: tempfile::TempDir,
}

impl Shop {
    fn new() -> Self {
        let shop = Self { kept: tempfile::tempdir().unwrap() };
        let mut text = String::from("unit_id,place_id,period,units,price,base_price,group_id\n");
        for week in 0..60 {
            for (item, level, elasticity, shift) in [("a", 60.0, -4.0, 0), ("b", 50.0, -0.5, 3)] {
                for (place, more) in [("x", 1.0), ("y", 1.3), ("z", 0.8)] {
                    let price: f64 = if (week + shift) % 6 == 0 { 1.6 } else { 2.0 };
                    let wave = 1.0 + 0.05 * f64::from((week * 7 + level as i32) % 5 - 2);
                    let units = (level * more * wave * (price / 2.0).powf(elasticity)).round();
                    let _ = writeln!(text, "{item},{place},{week},{units},{price},2.0,{item}");
                }
            }
        }
        fs::write(shop.path("panel.csv"), text).unwrap();
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.kept.path().join(name)
    }

    fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn analyse(&self, more: &[&str], expected: i32) -> Value {
        let (panel, out) = (self.at("panel.csv"), self.at("out"));
        json(&[&["analyse", "--panel", &panel, "--out", &out, "--json"], more].concat(), expected)
    }
}

#[test]
fn promotions_that_pay_are_told_from_those_that_do_not() {
    let shop = Shop::new();
    let told = shop.analyse(&["--margin-rate", "0.5"], 0);
    let promotions = told["promotions"].as_array().unwrap();
    for one in promotions {
        let expected = if one["sku"] == "a" { "paid" } else { "did_not_pay" };
        assert_eq!(one["verdict"], expected, "{one}");
        let amount = |part: &str| one["money"][part]["units"].as_f64().unwrap();
        let parts = amount("own") + amount("anyway") + amount("cannibalised") + amount("pulled_forward");
        assert!((parts - amount("profit")).abs() < 1e-6 && amount("anyway") < 0.0, "{one}");
        let interval = &one["money"]["profit"];
        assert!(
            interval["lo95"].as_f64() < interval["units"].as_f64()
                && interval["units"].as_f64() < interval["hi95"].as_f64()
        );
    }
    let profit = |one: &Value| one["money"]["profit"]["units"].as_f64().unwrap();
    assert!(promotions.windows(2).all(|pair| profit(&pair[0]) >= profit(&pair[1])), "most money first");
    let sum: f64 = promotions.iter().map(profit).sum();
    assert!((told["total"]["profit"]["units"].as_f64().unwrap() - sum).abs() < 1e-6);
    assert_eq!(told["items"].as_array().unwrap().len(), 2);
    let table = rows(&shop.path("out/promotions.csv"));
    assert_eq!(table.len(), promotions.len());
    assert_eq!((table[0]["unit_id"].as_str(), table[0]["verdict"].as_str()), ("a", "paid"));
    let page = fs::read_to_string(shop.path("out/analysis.html")).unwrap();
    assert!(page.contains("Content-Security-Policy") && page.contains(r#""verdict":"did_not_pay""#));
    let (text, _, _) = run(&["analyse", "--panel", &shop.at("panel.csv"), "--out", &shop.at("out")]);
    assert!(text.contains("cannot tell") && text.contains("No cost is known"), "{text}");
}

#[test]
fn both_pages_draw_their_figures_without_network() {
    let shop = Shop::new();
    let told = shop.analyse(&["--margin-rate", "0.5"], 0);
    json(&["fit", "--panel", &shop.at("panel.csv"), "--out", &shop.at("fit"), "--json"], 0);
    let value = |document: &str, id: &str| -> f64 {
        let element = document.split(&format!(r#"id="{id}""#)).nth(1).unwrap_or_else(|| panic!("no element {id}"));
        let text = element.split(r#"data-value=""#).nth(1).and_then(|rest| rest.split('"').next());
        text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{id} has no value"))
    };
    let Some(document) = opened(&shop.path("out/analysis.html")) else { return };
    assert!(document.contains(r#"data-ready="true""#), "the analysis is drawn");
    let profit = told["total"]["profit"]["units"].as_f64().unwrap();
    assert!((value(&document, "total-profit") / profit - 1.0).abs() < 1e-3);
    let Some(document) = opened(&shop.path("fit/model-card.html")) else { return };
    assert!(document.contains(r#"data-ready="true""#) && document.contains("<svg"), "the card is drawn");
    assert_eq!(value(&document, "rows"), 360.0);
}

#[test]
fn costs_forecasts_and_their_absence_are_shown() {
    let shop = Shop::new();
    fs::write(shop.path("costs.csv"), "unit_id,unit_cost\na,1.9\nb,1.9\n").unwrap();
    let told = shop.analyse(&["--costs", &shop.at("costs.csv")], 0);
    assert_eq!(told["total"]["did_not_pay"], told["total"]["events"], "at this cost none pays");
    let unknown = shop.analyse(&[], 0);
    assert!(unknown["total"]["profit"].is_null());
    for one in unknown["promotions"].as_array().unwrap() {
        assert!(one["verdict"] != "paid" && one["money"].is_null(), "{one}");
    }
    let forecast = "unit_id,place_id,period,mean\na,x,54,100\na,y,54,130\na,z,54,80\n";
    fs::write(shop.path("forecast.csv"), forecast).unwrap();
    let beside = shop.analyse(&["--forecast", &shop.at("forecast.csv")], 0);
    let with: Vec<&Value> =
        beside["promotions"].as_array().unwrap().iter().filter(|one| !one["forecast"].is_null()).collect();
    assert_eq!(
        (with.len(), with[0]["forecast"].as_f64(), with[0]["first_period"].as_str()),
        (1, Some(310.0), Some("54"))
    );
}

#[test]
fn what_cannot_be_analysed_is_said() {
    let shop = Shop::new();
    let said = |more: &[&str], expected: i32| {
        let (out, messages, status) = run(&[&["analyse"], more].concat());
        assert_eq!(status, expected, "{out}{messages}");
        format!("{out}{messages}")
    };
    let panel = shop.at("panel.csv");
    fs::write(shop.path("costs.csv"), "unit_id,unit_cost\ntea,1\n").unwrap();
    assert!(said(&["--panel", &panel, "--costs", &shop.at("costs.csv")], 2).contains("tea"));
    fs::write(shop.path("costs.csv"), "unit_id,unit_cost\na,-1\n").unwrap();
    assert!(said(&["--panel", &panel, "--costs", &shop.at("costs.csv")], 2).contains("unit_cost"));
    assert!(said(&["--panel", &panel, "--margin-rate", "30"], 2).contains("share from 0 to 1"));
    assert!(said(&[], 2).contains("--panel"));
    let plain: String = fs::read_to_string(&panel)
        .unwrap()
        .lines()
        .filter(|line| !line.contains(",1.6,"))
        .fold(String::new(), |text, line| text + line + "\n");
    fs::write(shop.path("plain.csv"), plain).unwrap();
    assert!(said(&["--panel", &shop.at("plain.csv"), "--out", &shop.at("o")], 1).contains("no promotion"));
}

#[test]
fn a_fit_leaves_its_model_card() {
    let shop = Shop::new();
    let (_, messages, status) =
        run(&["fit", "--panel", &shop.at("panel.csv"), "--out", &shop.at("fit"), "--seed", "7"]);
    assert_eq!(status, 0, "{messages}");
    let card: Value = serde_json::from_slice(&fs::read(shop.path("fit/model-card.json")).unwrap()).unwrap();
    assert_eq!(
        (card["seed"].as_u64(), card["data"]["rows"].as_u64(), card["data"]["items"].as_u64()),
        (Some(7), Some(360), Some(2))
    );
    assert!(card["code_version"].as_str().unwrap().starts_with("endcap "));
    let coverage = card["held_out"]["sets"][0]["coverage90"].as_f64().unwrap();
    assert!((0.5..=1.0).contains(&coverage), "{coverage}");
    assert!(card["drift"].as_array().unwrap().iter().any(|column| column["name"] == "units"));
    let refused = card["refused"].as_array().unwrap();
    assert!(
        refused.iter().any(|refused| refused["effect"] == "display" && !refused["reason"].as_str().unwrap().is_empty())
    );
    let effects = rows(&shop.path("fit/effects.csv"));
    let own = effects.iter().find(|row| row["unit_id"] == "a" && row["effect"] == "own_price").unwrap();
    let item = card["items"].as_array().unwrap().iter().find(|item| item["sku"] == "a").unwrap();
    assert_eq!(item["effects"][0]["mean"].as_f64(), own["estimate"].parse().ok());
    let page = fs::read_to_string(shop.path("fit/model-card.html")).unwrap();
    assert!(page.contains("Content-Security-Policy") && page.contains("Model card"));
}
