//! Every command on small input, with its output stored under `snapshots/`.

use crate::demo::demo;
use crate::{endcap, run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// A shop of two items in two stores over ten weeks, with one row of each kind that cannot be loaded.
pub fn small_shop(folder: &Path) {
    let (_, messages, status) = run(&["init", folder.to_str().unwrap()]);
    assert_eq!(status, 0, "{messages}");
    let mut sales = String::from("sku,place,period,units\n");
    for week in 1..=10 {
        for (sku, level) in [("tea", 12), ("rice", 30)] {
            for (place, more) in [("north", 0), ("south", 3)] {
                let _ = writeln!(sales, "{sku},{place},2024-W{week:02},{}", level + more + week % 3);
            }
        }
    }
    sales.push_str("tea,north,2024-W99,5\ntea,north,2024-W10,-4\ntea,north,2024-W09,12.5\n,north,2024-W08,1\n");
    sales.push_str("rice,south,2024-W10,34\nrice,south,2024-W10,77\n");
    fs::write(folder.join("sales.csv"), sales).unwrap();
}

/// Hides what differs from run to run.
fn stable(text: &str, folder: &Path) -> String {
    text.replace(folder.to_str().unwrap(), "[folder]")
}

#[test]
fn help_names_every_command() {
    let (out, _, status) = run(&["help"]);
    assert_eq!(status, 0);
    insta::assert_snapshot!("help", out);
}

#[test]
fn every_command_has_an_example_in_its_help() {
    let (help, _, _) = run(&["help"]);
    let commands = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let named = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    let names: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter(named)
        .filter_map(|l| l.split_whitespace().next())
        .collect();
    assert!(names.len() >= 14, "{names:?}");
    for name in names.iter().filter(|&&name| name != "help") {
        let (out, _, _) = run(&["help", name]);
        assert!(out.contains("Example") && out.contains(&format!("endcap {name}")), "{name}:\n{out}");
    }
}

#[test]
fn an_own_shop_is_loaded_and_checked() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path();
    small_shop(folder);
    let (out, messages, status) = run(&["ingest", folder.to_str().unwrap(), "--as-of", "2024-03-11T00:00:00Z"]);
    assert_eq!(status, 0, "{messages}");
    insta::assert_snapshot!("ingest", stable(&out, folder));
    let quarantine = glob_one(&folder.join("quarantine"), "sales.csv");
    insta::assert_snapshot!("quarantine", fs::read_to_string(quarantine).unwrap());
    let (out, _, status) = run(&["check", folder.to_str().unwrap()]);
    insta::assert_snapshot!("check", format!("exit status {status}\n{}", stable(&out, folder)));
}

fn glob_one(folder: &Path, name: &str) -> std::path::PathBuf {
    let snapshot = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    snapshot.join(name)
}

/// Two items with a weekly promotion in turn, answering with an elasticity of about -2.
fn panel(path: &Path) {
    let mut rows = String::from("unit_id,place_id,period,units,price,base_price,group_id\n");
    for week in 0..60 {
        for (item, level) in [("a", 40.0), ("b", 25.0)] {
            for (place, more) in [("x", 1.0), ("y", 1.3)] {
                let promoted = (week + if item == "a" { 0 } else { 3 }) % 6 == 0;
                let price: f64 = if promoted { 1.6 } else { 2.0 };
                let wave = 1.0 + 0.1 * f64::from((week * 7 + level as i32) % 5 - 2);
                let units = (level * more * wave * (price / 2.0).powf(-2.0)).round();
                let _ = writeln!(rows, "{item},{place},{week},{units},{price},2.0,g");
            }
        }
    }
    fs::write(path, rows).unwrap();
}

#[test]
fn a_panel_is_fitted_forecast_and_backtested() {
    let kept = tempfile::tempdir().unwrap();
    let at = |name: &str| kept.path().join(name).to_str().unwrap().to_owned();
    panel(&kept.path().join("panel.csv"));
    let (_, messages, status) = run(&["fit", "--panel", &at("panel.csv"), "--out", &at("effects"), "--json"]);
    assert_eq!(status, 0, "{messages}");
    let effects = fs::read_to_string(kept.path().join("effects/effects.csv")).unwrap();
    let own: Vec<&str> = effects.lines().filter(|line| line.contains(",own_price,")).collect();
    assert_eq!(own.len(), 2, "{effects}");
    for line in own {
        let estimate: f64 = line.split(',').nth(3).unwrap().parse().unwrap();
        assert!((-2.6..-1.4).contains(&estimate), "{line}");
    }
    let future = "unit_id,place_id,period,price,base_price,group_id\na,x,60,2.0,2.0,g\na,x,61,1.6,2.0,g\n";
    fs::write(kept.path().join("plan.csv"), future).unwrap();
    let (_, messages, status) =
        run(&["forecast", "--panel", &at("panel.csv"), "--plan", &at("plan.csv"), "--out", &at("forecast.parquet")]);
    assert_eq!(status, 0, "{messages}");
    assert!(fs::metadata(kept.path().join("forecast.parquet")).unwrap().len() > 0);
    let (out, messages, status) = run(&["backtest", "--panel", &at("panel.csv"), "--json"]);
    assert_eq!(status, 0, "{messages}");
    let scores: Value = serde_json::from_str(&out).unwrap();
    assert!(scores["scores"].as_array().is_some_and(|scores| !scores.is_empty()), "{out}");
}

#[test]
fn a_fit_tells_further_effects_the_funnel_and_what_changed() {
    let kept = tempfile::tempdir().unwrap();
    let at = |name: &str| kept.path().join(name).to_str().unwrap().to_owned();
    panel(&kept.path().join("plain.csv"));
    let plain = fs::read_to_string(kept.path().join("plain.csv")).unwrap();
    let with = |(at, line): (usize, &str)| match at {
        0 => format!("{line},mechanic\n"),
        _ => format!("{line},{}\n", if line.contains(",1.6,") { ["coupon", "bundle"][at % 2] } else { "" }),
    };
    fs::write(kept.path().join("panel.csv"), plain.lines().enumerate().map(with).collect::<String>()).unwrap();
    let mut funnel = String::from("place_id,period,visits,receipts,units,spend\n");
    for week in 0..60 {
        let spend = if week % 5 == 0 { 15_000 } else { 0 };
        let visits = 1000 + week % 7 + if spend > 0 { 200 } else { 0 };
        let _ = writeln!(funnel, "x,{week},{visits},{},{},{spend}", visits / 5, visits / 4);
    }
    fs::write(kept.path().join("funnel.csv"), funnel).unwrap();
    let fit = ["fit", "--panel", &at("panel.csv"), "--out", &at("effects"), "--funnel", &at("funnel.csv"), "--json"];
    let (out, messages, status) = run(&fit);
    assert_eq!(status, 0, "{messages}");
    let told: Value = serde_json::from_str(&out).unwrap();
    let effects = fs::read_to_string(kept.path().join("effects/effects.csv")).unwrap();
    // Every promotion has a kind: one is what the price cut does, the other is told from it.
    assert_eq!(effects.lines().filter(|line| line.contains(",mechanic,")).count(), 2, "{effects}");
    let lift = told["funnel"]["spends"][0]["visits"]["mean"].as_f64().unwrap();
    assert!((lift - 0.2).abs() < 0.02, "{lift}");
    assert_eq!(told["changes"], Value::Array(vec![]), "nothing was there before");
    let (again, messages, status) = run(&[&fit[..], &["--second-opinion"]].concat());
    assert_eq!(status, 0, "{messages}");
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["changes"], Value::Array(vec![]), "the same history says the same");
    assert!(messages.contains("no second opinion"), "all places cut prices in the same weeks: {messages}");
    assert_eq!(again["second_opinion"], Value::Array(vec![]));
}

/// A project whose facts name kinds of promotion, a competitor's prices and two formats of stores, in which demand answers to
/// price and to the competitor as the figures say; from day 150 on everything sells four times as much.
pub fn shop_with_further_facts(folder: &Path, days: usize) {
    let mut toml = String::from("name = \"Shop\"\ncurrency = \"EUR\"\ncalendar = \"day\"\n");
    let tables = [
        ("sales", "sku place day=period units price list=list_price"),
        ("promotions", "sku place day=period kind=mechanic"),
        ("competitors", "sku day=period who=competitor price"),
        ("places", "place format"),
        ("items", "sku kind=group"),
    ];
    for (table, columns) in tables {
        let _ = writeln!(toml, "[[{table}]]\nfiles = [\"{table}.csv\"]\n[{table}.columns]");
        for column in columns.split(' ') {
            let (theirs, ours) = column.split_once('=').unwrap_or((column, column));
            let _ = writeln!(toml, "{ours} = \"{theirs}\"");
        }
    }
    let mut files = tables.map(|(_, columns)| {
        let names: Vec<&str> = columns.split(' ').map(|column| column.split('=').next().unwrap()).collect();
        names.join(",") + "\n"
    });
    let mut day = jiff::civil::date(2024, 1, 1);
    for at in 0..days {
        for item in 0..4_usize {
            let rival = [2.0, 1.7, 2.2][(at / 7 + item) % 3];
            let _ = writeln!(files[2], "i{item},{day},Rival,{rival}");
            for place in 0..4_usize {
                let promoted = (at + 3 * item + 5 * place) % 9 < 2;
                let price = if promoted { [1.4, 1.6, 1.8][(at + place) % 3] } else { 2.0 };
                let elasticity = if place < 2 { -3.0 } else { -1.2 };
                let wave = 1.0 + 0.05 * (((at * 7 + item * 3 + place * 5) % 11) as f64 - 5.0) / 5.0;
                let boom = if at < 150 { 1.0 } else { 4.0 };
                let units = 40.0 * boom * wave * f64::powf(price / 2.0, elasticity) * (rival / 2.0);
                let _ = writeln!(files[0], "i{item},p{place},{day},{},{price},2.0", units.round());
                if promoted {
                    let _ = writeln!(files[1], "i{item},p{place},{day},{}", ["coupon", "bundle"][(at / 2 + place) % 2]);
                }
            }
        }
        day = day.tomorrow().unwrap();
    }
    (0..4).for_each(|place| writeln!(files[3], "p{place},{}", if place < 2 { "mall" } else { "street" }).unwrap());
    (0..4).for_each(|item| writeln!(files[4], "i{item},g{}", item / 2).unwrap());
    fs::write(folder.join("endcap.toml"), toml).unwrap();
    tables.iter().zip(files).for_each(|((name, _), text)| fs::write(folder.join(format!("{name}.csv")), text).unwrap());
}

#[test]
fn kinds_of_promotion_competitors_and_formats_of_a_projects_facts_reach_its_effects() {
    let kept = tempfile::tempdir().unwrap();
    shop_with_further_facts(kept.path(), 150);
    let folder = kept.path().to_str().unwrap();
    let (_, messages, status) = run(&["ingest", folder, "--as-of", "2024-06-01T00:00:00Z"]);
    assert_eq!(status, 0, "{messages}");
    let (_, messages, status) = run(&["fit", folder, "--json"]);
    assert_eq!(status, 0, "{messages}");
    let mut effects = csv::Reader::from_path(kept.path().join("models/effects.csv")).unwrap();
    let rows: Vec<BTreeMap<String, String>> = effects.deserialize().map(Result::unwrap).collect();
    let of = |effect: &str, of: &str| -> Vec<f64> {
        let found = rows.iter().filter(|row| row["effect"] == effect && row["partner_id"] == of);
        found.map(|row| row["estimate"].parse().unwrap()).collect()
    };
    let rival = of("competitor_price", "");
    assert!(rival.len() == 4 && rival.iter().all(|found| (0.8..1.2).contains(found)), "{rival:?}");
    assert!(["coupon", "bundle"].iter().any(|kind| of("mechanic", kind).len() == 4), "{rows:?}");
    let (mall, street) = (of("own_price_in_cluster", "mall"), of("own_price_in_cluster", "street"));
    assert!(mall.iter().zip(&street).all(|(mall, street)| mall < street) && mall.len() == 4, "{mall:?} {street:?}");
}

#[test]
fn stock_is_ordered_from_plain_files() {
    let kept = tempfile::tempdir().unwrap();
    let mut sales = String::from("place_id,unit_id,period,units,in_stock\n");
    for week in 0..30 {
        let _ = writeln!(sales, "x,a,{week},{},1", 10 + week % 4);
    }
    fs::write(kept.path().join("sales.csv"), sales).unwrap();
    fs::write(kept.path().join("stock.csv"), "place_id,unit_id,on_hand\nx,a,5\n").unwrap();
    fs::write(kept.path().join("pipeline.csv"), "place_id,unit_id,arrives,quantity\nx,a,31,6\n").unwrap();
    fs::write(kept.path().join("supply.toml"), "lead_time_periods = 2\nholding_cost = 0.2\nshortage_cost = 1.0\n")
        .unwrap();
    let out = kept.path().join("out");
    let (_, messages, status) =
        run(&["supply", "--state", kept.path().to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert_eq!(status, 0, "{messages}");
    let orders = fs::read_to_string(out.join("orders.csv")).unwrap();
    assert!(orders.starts_with("place_id,unit_id,supplier_id,order_period,arrives,quantity\n"), "{orders}");
    assert_eq!(orders.lines().count(), 2, "{orders}");
}

#[test]
fn the_twins_example_runs_and_repeats() {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/twin/grocery.toml");
    let once = run(&["twin", scenario.to_str().unwrap(), "--worlds", "3", "--json"]);
    assert_eq!(once.2, 0, "{}", once.1);
    assert_eq!(run(&["twin", scenario.to_str().unwrap(), "--worlds", "3", "--json"]).0, once.0);
}

#[test]
fn a_rule_is_trained_in_the_twin_and_only_a_rule() {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/twin/learned.toml");
    let train = |policy: &str, more: &[&str]| {
        run(&[&["twin", scenario.to_str().unwrap(), "--train", policy, "--worlds", "1", "--rounds", "1"], more]
            .concat())
    };
    let (out, messages, status) = train("learned", &["--json"]);
    assert_eq!(status, 0, "{messages}");
    let trained: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(trained["rounds"].as_array().map(Vec::len), Some(1), "{out}");
    assert_eq!(trained["weights"], trained["rounds"][0]["weights"]);
    let (out, messages, status) = train("optimiser", &[]);
    assert_eq!((out.as_str(), status), ("", 2), "{messages}");
    assert!(
        messages.contains("'optimiser' is no policy of kind `learned`, of which the scenario has 'learned'"),
        "{messages}"
    );
}

#[test]
fn a_plan_is_explained_and_compared() {
    let plan = demo().folder.join("plans").join(demo().summary["plan"].as_str().unwrap()).join("plan.json");
    let plan = plan.to_str().unwrap();
    let (out, messages, status) = run(&["explain", plan, "--json"]);
    assert_eq!(status, 0, "{messages}");
    serde_json::from_str::<Value>(&out).unwrap();
    let (out, messages, status) = run(&["diff", plan, plan, "--json"]);
    assert_eq!(status, 0, "{messages}");
    let diff: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(diff["value_before"], diff["value_after"]);
}

#[test]
fn an_instance_is_solved_to_its_proven_optimum() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    write(
        "instance.json",
        r#"{"name": "two", "n_skus": 2, "n_weeks": 2, "depths": [0.1, 0.2], "budget_cents": 2000, "slots": [1, 1], "spacing": 2}"#,
    );
    write("skus.csv", "sku,group,price,unit_margin,alpha,beta\n0,0,5.0,2.0,3.0,2.0\n1,1,4.0,2.0,2.0,1.0\n");
    write("base.csv", "sku,w0,w1\n0,40,30\n1,50,60\n");
    write("gamma.csv", "sku_i,sku_j,gamma_ij\n");
    write("stock.csv", "sku,dc,share,extra_units\n0,0,1.0,50\n1,0,1.0,50\n");
    write("pairs.csv", "sku_i,sku_j,penalty_cents_per_week\n");
    let (out, messages, status) =
        run(&["solve", folder.to_str().unwrap(), "--out", folder.to_str().unwrap(), "--json"]);
    assert_eq!(status, 0, "{messages}");
    let solved: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((solved["objective"].as_i64(), solved["status"].as_str()), (solved["bound"].as_i64(), Some("optimal")));
    let plan = fs::read_to_string(folder.join("plan.csv")).unwrap();
    insta::assert_snapshot!("solve", format!("{} {}\n{plan}", solved["objective"], solved["bound"]));
}

#[test]
fn completions_are_printed() {
    endcap().args(["completions", "bash"]).assert().success();
}
