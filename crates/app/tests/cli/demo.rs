//! The demo's books: what it says adds up, when checked by code that shares nothing with the planner.

use crate::run;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// One demo, made once for all tests.
pub struct Demo {
    pub folder: PathBuf,
    pub summary: Value,
    _kept: tempfile::TempDir,
}

pub fn demo() -> &'static Demo {
    static DEMO: OnceLock<Demo> = OnceLock::new();
    DEMO.get_or_init(|| demo_at_threads("2"))
}

fn demo_at_threads(threads: &str) -> Demo {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path().join("demo");
    let (out, messages, status) = run(&["demo", folder.to_str().unwrap(), "--json", "--threads", threads]);
    assert_eq!(status, 0, "{messages}");
    Demo { folder, summary: serde_json::from_str(&out).unwrap(), _kept: kept }
}

fn whole(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is no whole number"))
}

fn plan(demo: &Demo) -> Value {
    serde_json::from_slice(&fs::read(plan_folder(demo).join("plan.json")).unwrap()).unwrap()
}

fn plan_folder(demo: &Demo) -> PathBuf {
    demo.folder.join("plans").join(demo.summary["plan"].as_str().unwrap())
}

fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

#[test]
fn profit_and_loss_adds_up_and_stays_below_the_bound() {
    let demo = demo();
    let summary = &demo.summary;
    let parts: i64 = summary["pnl"].as_array().unwrap().iter().map(|part| whole(&part[1])).sum();
    assert_eq!(parts, whole(&summary["value"]));
    assert!(whole(&summary["value"]) <= whole(&summary["bound"]));
    assert!(whole(&summary["value"]) > 0, "the demo's plan earns something");

    let plan = plan(demo);
    let total = |explained: &Value| -> i64 { explained["pnl"].as_object().unwrap().values().map(whole).sum() };
    let by_offer: i64 = plan["report"]["offers"].as_array().unwrap().iter().map(total).sum();
    let penalties = by_offer - whole(&summary["value"]);
    assert_eq!(penalties, 0, "the plan is worth what its offers are worth");
}

#[test]
fn no_limit_of_the_scenario_is_broken() {
    let demo = demo();
    let scenario: toml::Table = fs::read_to_string(demo.folder.join("scenario.toml")).unwrap().parse().unwrap();
    let limits = &scenario["limits"];
    let offers = rows(&plan_folder(demo).join("offers.csv"));
    assert!(!offers.is_empty());

    let slots = limits["slots"].as_integer().unwrap() as usize;
    let mut by_region_day: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut by_item: BTreeMap<(&str, &str), Vec<jiff::civil::Date>> = BTreeMap::new();
    let menu: Vec<f64> = scenario["depths"].as_array().unwrap().iter().map(|d| d.as_float().unwrap()).collect();
    for offer in &offers {
        *by_region_day.entry((&offer["place_id"], &offer["start"])).or_default() += 1;
        by_item.entry((&offer["unit_id"], &offer["place_id"])).or_default().push(offer["start"].parse().unwrap());
        let depth: f64 = offer["depth"].parse().unwrap();
        assert!(menu.iter().any(|allowed| (allowed - depth).abs() < 1e-9), "{offer:?}");
    }
    assert!(by_region_day.values().all(|&count| count <= slots));

    let spacing = limits["spacing"].as_integer().unwrap() as i32;
    for days in by_item.values_mut() {
        days.sort();
        assert!(days.windows(2).all(|pair| (pair[1] - pair[0]).get_days() >= spacing), "{days:?}");
    }

    let budget = (limits["budget"].as_float().unwrap() * 100.0).round() as i64;
    let explained = plan(demo)["report"]["offers"].as_array().unwrap().clone();
    let spend: i64 = explained.iter().map(|offer| whole(&offer["budget_use"])).sum();
    assert!(spend <= budget, "{spend} of {budget}");
    assert_eq!(spend, whole(&demo.summary["spend"]));
}

#[test]
fn orders_are_whole_cases_and_arrive_after_the_lead_time() {
    let demo = demo();
    let orders = rows(&plan_folder(demo).join("orders.csv"));
    assert!(!orders.is_empty());
    for order in &orders {
        let quantity: i64 = order["quantity"].parse().unwrap();
        assert!(quantity > 0 && quantity % 4 == 0, "{order:?}");
        let day = |name: &str| order[name].parse::<jiff::civil::Date>().unwrap();
        assert_eq!((day("arrives") - day("order_period")).get_days(), 2, "{order:?}");
    }
}

#[test]
fn what_is_published_is_what_was_planned() {
    let demo = demo();
    assert_eq!(demo.summary["status"], "published", "{}", demo.summary["reasons"]);
    let published = demo.folder.join("published").join(demo.summary["plan"].as_str().unwrap());
    for name in ["offers.csv", "orders.csv", "transfers.csv"] {
        assert_eq!(fs::read(published.join(name)).unwrap(), fs::read(plan_folder(demo).join(name)).unwrap());
    }
}

#[test]
fn the_same_input_gives_the_same_bytes_at_one_thread_and_at_two() {
    let (one, two) = (demo_at_threads("1"), demo());
    for field in ["plan", "snapshot", "value", "bound", "twin"] {
        assert_eq!(one.summary[field], two.summary[field], "{field}");
    }
    for name in ["plan.json", "offers.csv", "orders.csv", "forecast.parquet", "projection.parquet", "outcomes.csv"] {
        let bytes = |demo: &Demo| fs::read(plan_folder(demo).join(name)).unwrap();
        assert!(bytes(&one) == bytes(two), "{name} differs");
    }
    let page = |demo: &Demo| fs::read(demo.folder.join("report.html")).unwrap();
    assert!(page(&one) == page(two), "report.html differs");
}
