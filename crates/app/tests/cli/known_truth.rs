//! `endcap twin --panel`: a simulated history with its answer key, which estimates can be scored by.

use crate::run;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A small world of two years of weeks.
const SCENARIO: &str = r#"
name = "Known truth"
currency = "EUR"
horizon = 104
[world]
kind = "synthetic"
items = 12
places = 8
regions = 2
groups = 4
start = "2023-W01"
mean_demand = 40.0
seed = 3
[items]
list_price = 4.0
margin_rate = 0.35
[supply]
lead_time_periods = 1
opening_stock = { cover_periods = 4.0 }
holding_rate = 0.002
[response]
worlds = 1
seed = 5
elasticity_mean = -2.5
elasticity_sd = 0.5
pull_forward_share = 0.2
substitution_share = 0.2
shock_sd = 0.1
[[policy]]
name = "no promotions"
kind = "none"
ordering = "order_up_to"
"#;

type Row = BTreeMap<String, String>;

fn rows(path: &Path) -> Vec<Row> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

fn figure(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

struct World {
    kept: tempfile::TempDir,
    told: Value,
}

impl World {
    fn new(change: impl Fn(&str) -> String) -> Self {
        let kept = tempfile::tempdir().unwrap();
        fs::write(kept.path().join("world.toml"), change(SCENARIO)).unwrap();
        let mut world = Self { kept, told: Value::Null };
        let (scenario, out) = (world.at("world.toml"), world.at("known"));
        let (told, messages, status) = run(&["twin", &scenario, "--panel", &out, "--json"]);
        assert_eq!(status, 0, "{messages}");
        world.told = serde_json::from_str(&told).unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.kept.path().join(name)
    }

    fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn known(&self, name: &str) -> PathBuf {
        self.path("known").join(name)
    }
}

fn key(row: &Row) -> [String; 3] {
    ["unit_id", "region_id", "first_period"].map(|column| row[column].clone())
}

#[test]
fn the_answer_key_fits_the_panel_and_adds_up() {
    let world = World::new(str::to_owned);
    let kept: Value = serde_json::from_slice(&fs::read(world.known("truth.json")).unwrap()).unwrap();
    assert_eq!(kept, world.told);
    let (items, events) = (rows(&world.known("truth_items.csv")), rows(&world.known("truth_events.csv")));
    assert_eq!((items.len() as u64, events.len() as u64), (12, kept["events"].as_u64().unwrap()));
    assert!(items.iter().all(|item| figure(item, "own_elasticity") < 0.0 && figure(item, "feature_log_lift") > 0.0));
    let cross = rows(&world.known("truth_cross.csv"));
    assert!(!cross.is_empty() && cross.iter().all(|pair| pair["unit_id"] != pair["other_id"]));
    let sum = |column: &str| events.iter().map(|event| figure(event, column)).sum::<f64>();
    for (column, name) in [("own", "own_incremental"), ("cannibalised", "cannibalised"), ("net", "net_incremental")] {
        let told = kept[name].as_f64().unwrap();
        assert!((sum(column) - told).abs() < 1e-6 * told.abs().max(1.0), "{column}: {} {told}", sum(column));
    }
    assert!(sum("own") > 0.0 && sum("cannibalised") < 0.0 && sum("pulled_forward") < 0.0 && sum("net") < sum("own"));
}

#[test]
fn the_same_seed_gives_the_same_world_and_another_seed_another() {
    let (once, again) = (World::new(str::to_owned), World::new(str::to_owned));
    let other = World::new(|text| text.replace("seed = 5", "seed = 6"));
    for name in ["panel.parquet", "truth_items.csv", "truth_cross.csv", "truth_events.csv"] {
        let bytes = |world: &World| fs::read(world.known(name)).unwrap();
        assert!(bytes(&once) == bytes(&again), "{name}");
        assert!(bytes(&once) != bytes(&other), "{name}");
    }
}

#[test]
fn a_fit_of_the_panel_is_scored_by_its_answer_key() {
    let world = World::new(str::to_owned);
    let (panel, out) = (world.known("panel.parquet"), world.at("fit"));
    let (_, messages, status) = run(&["fit", "--panel", panel.to_str().unwrap(), "--out", &out]);
    assert_eq!(status, 0, "{messages}");
    let effects = rows(&world.path("fit/effects.csv"));
    let own: BTreeMap<&str, &Row> =
        effects.iter().filter(|row| row["effect"] == "own_price").map(|row| (row["unit_id"].as_str(), row)).collect();
    let truth = rows(&world.known("truth_items.csv"));
    let error = |item: &Row| figure(own[item["unit_id"].as_str()], "estimate") - figure(item, "own_elasticity");
    let bias = truth.iter().map(error).sum::<f64>() / truth.len() as f64;
    assert!(bias.abs() < 0.4, "{bias}");
    // The fit and the key name the same promotions, so that they can be joined.
    let (split, known) = (rows(&world.path("fit/events.csv")), rows(&world.known("truth_events.csv")));
    let found: BTreeMap<[String; 3], &Row> = split.iter().map(|row| (key(row), row)).collect();
    let joined: Vec<(&Row, &&Row)> = known.iter().filter_map(|row| Some((row, found.get(&key(row))?))).collect();
    assert!(joined.len() * 10 >= known.len() * 8, "{} of {}", joined.len(), known.len());
    let (true_own, own) = joined
        .iter()
        .fold((0.0, 0.0), |sum, (truth, found)| (sum.0 + figure(truth, "own"), sum.1 + figure(found, "own")));
    assert!((own / true_own - 1.0).abs() < 0.2, "{own} {true_own}");
}

#[test]
fn a_scenario_that_cannot_be_meant_is_refused_with_the_field() {
    let kept = tempfile::tempdir().unwrap();
    let path = kept.path().join("world.toml");
    let out = kept.path().join("known");
    for (from, to, word) in [
        ("mean_demand = 40.0", "mean_demand = -1.0", "mean_demand"),
        ("seed = 5", "seed = 5\nwrong = 1", "wrong"),
        ("shock_sd = 0.1", "shock_sd = 0.1\n[panel]\npromoted_share = 1.5", "promoted_share"),
    ] {
        fs::write(&path, SCENARIO.replace(from, to)).unwrap();
        let (_, messages, status) = run(&["twin", path.to_str().unwrap(), "--panel", out.to_str().unwrap()]);
        assert!(status == 2 && messages.contains(word) && messages.contains("world.toml"), "{word}: {messages}");
        assert!(!out.exists(), "nothing is written");
    }
}

#[test]
fn what_other_groups_sold_more_is_split_off_and_agrees_with_the_key() {
    let halo = "[[halo]]\nfrom = \"group-0001\"\nto = \"group-0002\"\nshare = 0.4\n[[policy]]";
    let world = World::new(|text| text.replace("groups = 4", "groups = 3").replace("[[policy]]", halo));
    let (panel, out) = (world.known("panel.parquet"), world.at("fit"));
    let (_, messages, status) = run(&["fit", "--panel", panel.to_str().unwrap(), "--out", &out]);
    assert_eq!(status, 0, "{messages}");
    let truth: BTreeMap<[String; 3], Row> =
        rows(&world.known("truth_events.csv")).into_iter().map(|row| (key(&row), row)).collect();
    let (mut told, mut wanted, mut held, mut events) = (0.0, 0.0, 0.0, 0.0);
    for event in rows(&world.path("fit").join("events.csv")).iter().filter(|event| !event["halo"].is_empty()) {
        let gained = figure(&truth[&key(event)], "halo");
        told += figure(event, "halo");
        wanted += gained;
        held += f64::from(u8::from((figure(event, "halo_lo95")..=figure(event, "halo_hi95")).contains(&gained)));
        events += 1.0;
    }
    assert!(events > 100.0 && wanted > 1000.0, "{events} events, {wanted} pieces");
    assert!(
        (told / wanted - 1.0_f64).abs() < 0.2 && held / events >= 0.9,
        "{told} of {wanted}, held {}",
        held / events
    );
}
