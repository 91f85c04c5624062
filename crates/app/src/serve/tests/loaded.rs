//! The desk over a shop with a history and a plan that was published, and over the same shop four weeks later.

use super::*;
use crate::commands::ingest;
use crate::console::Console;
use crate::project::Run;
use endcap_agent::run::Ended;
use endcap_model::Event;
use serde_json::json as value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::OnceLock;

const PROJECT: &str = r#"
name = "shop"
currency = "EUR"
calendar = "week"
[[sales]]
files = ["sales*.csv"]
[sales.columns]
sku = "sku"
place = "place"
period = "week"
units = "units"
price = "price"
list_price = "list_price"
[[items]]
files = ["items.csv"]
[items.columns]
sku = "sku"
group = "group"
[[places]]
files = ["places.csv"]
[places.columns]
place = "place"
region = "region"
"#;
const ITEMS: [(&str, f64); 6] = [("a", 60.0), ("b", 45.0), ("c", 80.0), ("d", 35.0), ("e", 50.0), ("f", 70.0)];
const STORES: [(&str, f64); 2] = [("x", 1.0), ("y", 1.3)];
/// Weeks of 2024 that are known when the plan is made.
const KNOWN: usize = 44;

/// Units of a week at a share of the list price; shoppers answer with an elasticity of about -3.
fn units(item: usize, store: usize, week: usize, ratio: f64) -> f64 {
    let wave = 0.9 + 0.05 * ((week * 7 + item * 3 + store) % 5) as f64;
    (ITEMS[item].1 * STORES[store].1 * wave * ratio.powf(-3.0)).round()
}

fn line(text: &mut String, item: usize, store: usize, week: usize, ratio: f64) {
    let (sku, place, sold) = (ITEMS[item].0, STORES[store].0, units(item, store, week, ratio));
    let _ = writeln!(text, "{sku},{place},2024-W{week:02},{sold},{:.2},2.00", 2.0 * ratio);
}

/// A folder with the history of a shop in which each item was at 20 % off every sixth week.
pub(super) fn write_shop(folder: &Path) {
    let mut sales = String::from("sku,place,week,units,price,list_price\n");
    for week in 1..=KNOWN {
        for (item, store) in (0..ITEMS.len()).flat_map(|item| (0..STORES.len()).map(move |store| (item, store))) {
            line(&mut sales, item, store, week, if (week + item) % 6 == 0 { 0.8 } else { 1.0 });
        }
    }
    let items = ITEMS.iter().enumerate().map(|(at, (sku, _))| format!("{sku},g{}\n", at % 3)).collect::<String>();
    let scenario = include_str!("../../../templates/scenario.toml")
        .replace("\nmargin_rate = 0.30", "\nmargin_rate = 0.55")
        .replace("slots = 20", "slots = 2")
        .replace("worlds = 20", "worlds = 2")
        .replace("list_price = 4.00", "list_price = 2.00");
    let policy = include_str!("../../../templates/policy.toml")
        .replace("autonomy = \"propose\"", "autonomy = \"act\"")
        .replace("tail_value_min = -2000.00", "tail_value_min = -1000000.00")
        .replace("stockout_probability_max = 0.10", "stockout_probability_max = 1.0")
        .replace("promoted_share_max = 0.30", "promoted_share_max = 1.0");
    for (name, text) in [
        ("endcap.toml", PROJECT),
        ("sales.csv", &sales),
        ("items.csv", &format!("sku,group\n{items}")),
        ("places.csv", "place,region\nx,north\ny,north\n"),
        ("scenario.toml", &scenario),
        ("policy.toml", &policy),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
}

pub(super) fn ingested(folder: &Path, as_of: &str) -> Event {
    ingest::load(folder, as_of.parse().unwrap(), &Console::new(true)).unwrap()
}

/// The shop with a plan for weeks 45 to 48 that was published.
fn planned() -> &'static Path {
    static SHOP: OnceLock<TempDir> = OnceLock::new();
    SHOP.get_or_init(|| {
        let shop = tempfile::tempdir().unwrap();
        write_shop(shop.path());
        let run = Run {
            folder: shop.path(),
            scenario: &shop.path().join("scenario.toml"),
            policy: &shop.path().join("policy.toml"),
            seed: 1,
            solve: endcap_plan::solve::Settings::default(),
            by: None,
            shadow: false,
        };
        let finished = run.run(ingested(shop.path(), "2024-11-04T06:00:00Z"), &Console::new(true)).unwrap();
        assert!(matches!(finished.ended, Ended::Done), "the plan is published");
        // A database is one file again once its last connection has ended.
        let open = || {
            let mut names = fs::read_dir(shop.path()).unwrap().map(|entry| entry.unwrap().file_name());
            names.any(|name| name.to_string_lossy().contains(".db-"))
        };
        for _ in 0..500 {
            if !open() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        shop
    })
    .path()
}

/// The same shop four weeks later: the plan ran, and its sales have come in.
fn outcome() -> TempDir {
    let shop = copy(planned());
    let mut sales = String::from("sku,place,week,units,price,list_price\n");
    let offers = offers(shop.path());
    for week in KNOWN + 1..=KNOWN + 4 {
        for (item, store) in (0..ITEMS.len()).flat_map(|item| (0..STORES.len()).map(move |store| (item, store))) {
            let depth = offers.get(&(ITEMS[item].0.to_owned(), format!("2024-W{week:02}"))).copied().unwrap_or(0.0);
            line(&mut sales, item, store, week, 1.0 - depth);
        }
    }
    fs::write(shop.path().join("sales-later.csv"), sales).unwrap();
    ingested(shop.path(), "2024-12-02T06:00:00Z");
    shop
}

/// Depths of the plan that was published, by item and week.
fn offers(folder: &Path) -> BTreeMap<(String, String), f64> {
    let plans = fs::read_dir(folder.join("plans")).unwrap().map(|entry| entry.unwrap().path());
    let [plan] = &plans.collect::<Vec<_>>()[..] else { panic!("one plan") };
    let mut reader = csv::Reader::from_path(plan.join("offers.csv")).unwrap();
    let rows = reader.deserialize::<BTreeMap<String, String>>();
    rows.map(Result::unwrap)
        .map(|row| ((row["unit_id"].clone(), row["start"].clone()), row["depth"].parse().unwrap()))
        .collect()
}

pub(super) fn copy(from: &Path) -> TempDir {
    fn all(from: &Path, to: &Path) {
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let (path, to) = (entry.path(), to.join(entry.file_name()));
            if path.is_dir() {
                fs::create_dir(&to).unwrap();
                all(&path, &to);
            } else {
                fs::copy(&path, &to).unwrap();
            }
        }
    }
    let to = tempfile::tempdir().unwrap();
    all(from, to.path());
    to
}

/// A desk over a shop, once it has read it, with two planners and their browsers' cookies.
async fn desk(shop: TempDir) -> TestDesk {
    let desk = TestDesk::over(shop).await;
    desk.account("ada", &[Role::Planner]).await;
    desk.account("grace", &[Role::Planner]).await;
    desk.app.workspace.load(&desk.app);
    let ada = desk.sign_in("ada").await;
    loop {
        let project = ada.get("/api/v1/project").await.json();
        match project["state"].as_str().unwrap() {
            "ready" => return desk,
            "failed" => panic!("{project}"),
            _ => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
}

impl Browser<'_> {
    async fn board(&self) -> Value {
        let got = self.send("POST", "/api/v1/boards", &value!({ "name": "Winter" })).await;
        assert_eq!(got.status, StatusCode::CREATED, "{}", got.body);
        got.json()
    }

    /// Makes an edit of a board at a version.
    async fn edit(&self, board: &Value, query: &str, edit: Value) -> Got {
        let path = format!("/api/v1/boards/{}/edits{query}", board["id"].as_str().unwrap());
        let mut request = self.request("POST", &path, &value!({ "edits": [edit] }));
        request.headers_mut().insert(header::IF_MATCH, format!("\"v{}\"", board["version"]).parse().unwrap());
        self.desk.send(request).await
    }

    async fn conflicts(&self, board: &Value) -> Vec<Value> {
        let got = self.get(&format!("/api/v1/boards/{}/conflicts", board["id"].as_str().unwrap())).await;
        got.json().as_array().unwrap().clone()
    }
}

/// Item, period and depth of a board's first offer.
fn first_offer(board: &Value) -> (String, String, f64) {
    let plan = &board["plan"];
    let of_row = |row: &Value| {
        let cells = row["cells"].as_array().unwrap();
        let at = cells.iter().position(|cell| !cell["depth"].is_null())?;
        let period = plan["periods"][at].as_str().unwrap().to_owned();
        Some((row["sku"].as_str().unwrap().to_owned(), period, cells[at]["depth"].as_f64().unwrap()))
    };
    plan["rows"].as_array().unwrap().iter().find_map(of_row).expect("the board runs an offer")
}

fn lock((sku, period, _): &(String, String, f64), depth: f64) -> Value {
    value!({ "edit": "lock", "sku": sku, "place": "north", "period": period, "depth": depth })
}

#[test]
fn the_report_after_a_plan_has_run_carries_what_the_plan_predicted() {
    let shop = outcome();
    run(async {
        let desk = desk(shop).await;
        let ada = desk.sign_in("ada").await;
        let folder = desk.app.settings.folder.clone();
        let plans = fs::read_dir(folder.join("plans")).unwrap().map(|entry| entry.unwrap().path());
        let forecast = plans.map(|plan| fs::read(plan.join("forecast.json")).unwrap()).next().unwrap();
        let forecast: Value = serde_json::from_slice(&forecast).unwrap();
        let offers = offers(&folder);
        let mut compared = 0;
        for ((sku, week), depth) in &offers {
            let path = format!("/api/v1/after/report?sku={sku}&region=north&first={week}");
            let got = ada.get(&path).await;
            // Offers of one item that touch are one promotion, found under its first week.
            if got.status == StatusCode::NOT_FOUND {
                continue;
            }
            let report = got.json();
            assert_eq!(report["depth"], *depth, "{report}");
            if report["first"] != report["last"] {
                continue;
            }
            let number = endcap_model::Calendar::Week.parse(week).unwrap().0;
            let rows = forecast["rows"].as_array().unwrap().iter();
            let own = rows.filter(|row| row["sku"] == **sku && row["period"] == number);
            let expected: f64 = own.map(|row| row["mean"].as_f64().unwrap()).sum();
            let planned = report["planned"].as_f64().unwrap_or_else(|| panic!("no prediction: {report}"));
            assert!((planned - expected).abs() < 1e-6 && expected > 0.0, "{planned} in place of {expected}");
            let sold: f64 = (0..STORES.len())
                .map(|store| {
                    let item = ITEMS.iter().position(|item| item.0 == sku).unwrap();
                    units(item, store, week[6..].parse().unwrap(), 1.0 - depth)
                })
                .sum();
            assert_eq!(report["sold"], sold, "{report}");
            compared += 1;
        }
        assert!(compared > 0, "none of {offers:?} has a report");
        let before = ada.get("/api/v1/after/promotions?search=a").await.json();
        let old =
            before["items"].as_array().unwrap().iter().find(|one| one["first"].as_str() < Some("2024-W40")).unwrap();
        let path = format!("/api/v1/after/report?sku=a&region=north&first={}", old["first"].as_str().unwrap());
        assert_eq!(ada.get(&path).await.json()["planned"], Value::Null, "no plan was published for it");
    });
}

#[test]
fn a_board_takes_what_its_description_allows_and_refuses_what_it_does_not() {
    let shop = copy(planned());
    run(async {
        let desk = desk(shop).await;
        let ada = desk.sign_in("ada").await;
        let path = format!("/api/v1/boards/{}", ada.board().await["id"].as_str().unwrap());
        let undo = async |tag: Option<&str>| {
            let mut request = ada.request("POST", &format!("{path}/undo"), &Value::Null);
            if let Some(tag) = tag {
                request.headers_mut().insert(header::IF_MATCH, tag.parse().unwrap());
            }
            desk.send(request).await.status.as_u16()
        };
        for (tag, status) in [
            (None, 428),
            (Some("\"v7\""), 412),
            (Some("\"v999999999999999999\""), 412),
            (Some("\"v1\""), 409),
            (Some("*"), 400),
            (Some("v1"), 400),
            (Some("\"1\""), 400),
            (Some("\"v\""), 400),
            (Some("\"v+1\""), 400),
            (Some("\"v1000000000000000000\""), 400),
            (Some("W/\"v1\""), 400),
        ] {
            assert_eq!(undo(tag).await, status, "{tag:?}");
        }
        for (query, status) in [
            ("slider=budget", 200),
            ("slider=budget&name=ignored", 200),
            ("slider=pool", 422),
            ("slider=pool&name=none", 422),
            ("slider=", 400),
            ("slider=Budget", 400),
            ("", 400),
        ] {
            let got = ada.get(&format!("{path}/curve?{query}")).await;
            assert_eq!(got.status.as_u16(), status, "{query}: {}", got.body);
        }
        let described = serde_json::to_value(crate::serve::document()).unwrap();
        let of = |path: &str, method: &str, name: &str| {
            let all =
                described["paths"][format!("/api/v1/boards/{{id}}{path}")][method]["parameters"].as_array().unwrap();
            all.iter().find(|one| one["name"] == name).unwrap()["schema"]["pattern"].clone()
        };
        for (path, method) in [("", "put"), ("", "delete"), ("/edits", "post"), ("/undo", "post")] {
            assert_eq!(of(path, method, "If-Match"), "^\"v[0-9]{1,18}\"$");
        }
        assert_eq!(of("/curve", "get", "slider"), "^(budget|slots|capacity_share|pool)$");
    });
}

#[test]
fn what_the_published_plan_promotes_already_is_flagged_as_soon_as_it_is_asked_for() {
    let shop = copy(planned());
    run(async {
        let desk = desk(shop).await;
        let ada = desk.sign_in("ada").await;
        let published = offers(&desk.app.settings.folder);
        let ((sku, week), depth) = published.iter().next().unwrap();
        let cell = (sku.clone(), week.clone(), *depth);
        let board = ada.board().await;
        let other = if *depth == 0.1 { 0.2 } else { 0.1 };
        let board = ada.edit(&board, "", lock(&cell, other)).await.json();
        let told = |conflicts: Vec<Value>| {
            let own = |one: &Value| {
                one["kind"] == "published" && one["spots"][0]["sku"] == **sku && one["spots"][0]["period"] == **week
            };
            conflicts.into_iter().find(own)
        };
        let conflict = told(ada.conflicts(&board).await).expect("the overlap is told");
        let sentence = conflict["sentence"].as_str().unwrap();
        assert!(
            sentence.contains("already promotes") && sentence.contains(&format!("{} %", depth * 100.0)),
            "{sentence}"
        );
        assert_eq!(conflict["blocks"], false, "people weigh it");
        let board = ada.edit(&board, "", lock(&cell, 0.0)).await.json();
        assert_eq!(told(ada.conflicts(&board).await), None, "what does not run overlaps with nothing");
    });
}

#[test]
fn supply_of_a_board_and_of_the_plan_in_force_adds_up() {
    let shop = copy(planned());
    run(async {
        let desk = desk(shop).await;
        let ada = desk.sign_in("ada").await;
        let board = ada.board().await;
        let id = board["id"].as_str().unwrap();
        for of in [String::new(), format!("board={id}")] {
            let glance = ada.get(&format!("/api/v1/supply?{of}")).await.json();
            assert_eq!(glance["of"], if of.is_empty() { "in_force" } else { "board" }, "{glance}");
            assert_eq!(glance["regions"], value!(["north"]));
            let all = |part: &'static str| {
                let path = format!("/api/v1/supply/{part}?{of}&limit=500");
                let ada = &ada;
                async move { ada.get(&path).await.json()["items"].as_array().unwrap().clone() }
            };
            let (cells, orders, alerts) = (all("cells").await, all("orders").await, all("alerts").await);
            assert_eq!(cells.len(), ITEMS.len() * STORES.len());
            let sum = |rows: &[Value], of: &str| rows.iter().map(|row| row[of].as_f64().unwrap()).sum::<f64>();
            let now: Vec<Value> = orders.iter().filter(|order| order["now"] == true).cloned().collect();
            assert_eq!(sum(&now, "quantity"), glance["ordered"].as_f64().unwrap(), "{glance}");
            assert_eq!(now.len() as u64, glance["orders"].as_u64().unwrap(), "{glance}");
            let kinds = ["auto", "review", "exception"].map(|kind| glance[kind].as_u64().unwrap());
            assert_eq!(alerts.len() as u64, kinds.iter().sum::<u64>(), "{glance}");
            let csv = ada.get(&format!("/api/v1/supply/orders.csv?{of}")).await;
            assert_eq!(csv.body.trim().lines().count(), orders.len() + 1, "a line for each order and the head");
            let one = ada.get(&format!("/api/v1/supply/cells?{of}&search=a&place=x")).await.json();
            assert_eq!((&one["items"][0]["sku"], one["items"].as_array().unwrap().len()), (&value!("a"), 1));
        }
    });
}

#[test]
fn a_board_beside_the_plan_in_force_shows_what_differs_and_why_it_is_left_out() {
    let shop = copy(planned());
    run(async {
        let desk = desk(shop).await;
        let ada = desk.sign_in("ada").await;
        let published = offers(&desk.app.settings.folder);
        let ((sku, week), depth) = published.iter().next().unwrap();
        let board = ada.board().await;
        let board = ada.edit(&board, "", lock(&(sku.clone(), week.clone(), *depth), 0.0)).await.json();
        let pair = format!("in-force,{}", board["id"].as_str().unwrap());
        let compared = ada.get(&format!("/api/v1/compare?boards={pair}")).await.json();
        for figure in compared["figures"].as_array().unwrap() {
            let of = |list: &str, at: usize| figure[list][at].as_f64();
            if let (Some(first), Some(second)) = (of("values", 0), of("values", 1)) {
                assert!((second - first - of("differences", 1).unwrap()).abs() < 1e-6, "{figure}");
            }
        }
        let value_of = |at: usize| compared["figures"][0]["values"][at].as_f64().unwrap();
        assert_eq!(value_of(1), board["plan"]["totals"]["value"].as_f64().unwrap());
        assert!(compared["differing"].as_u64().unwrap() > 0, "{compared}");
        let left_out = compared["plans"][1]["left_out"].as_array().unwrap();
        let own = left_out.iter().find(|offer| offer["sku"] == **sku && offer["period"] == **week);
        let own = own.unwrap_or_else(|| panic!("{left_out:?}"));
        assert!(own["because"] == "forbidden" && own["rule"].as_str().unwrap().contains("lock"), "{own}");
        let rows = ada.get(&format!("/api/v1/compare/offers?boards={pair}&differing=true&limit=500")).await.json();
        let differing = rows["items"].as_array().unwrap().iter().map(|row| row["differing"].as_u64().unwrap());
        assert_eq!(differing.sum::<u64>(), compared["differing"].as_u64().unwrap());
    });
}

#[test]
fn an_answer_with_changed_rows_only_makes_the_whole_board_with_the_rows_known_before() {
    let shop = copy(planned());
    run(async {
        let desk = desk(shop).await;
        let ada = desk.sign_in("ada").await;
        let before = ada.board().await;
        let got = ada.edit(&before, "?changed=true", lock(&first_offer(&before), 0.0)).await;
        assert!(got.headers["server-timing"].to_str().unwrap().starts_with("plan;dur="));
        let part = got.json();
        let whole = ada.get(&format!("/api/v1/boards/{}", before["id"].as_str().unwrap())).await.json();
        let rows = |board: &Value| {
            let without_left = |row: &Value| {
                let mut row = row.clone();
                row["cells"].as_array_mut().unwrap().iter_mut().for_each(|cell| cell["left"] = Value::Null);
                (row["sku"].to_string(), row)
            };
            board["plan"]["rows"].as_array().unwrap().iter().map(without_left).collect::<BTreeMap<String, Value>>()
        };
        let (mut patched, answered) = (rows(&before), rows(&part));
        assert!(!answered.is_empty() && answered.len() < patched.len(), "{} rows", answered.len());
        patched.extend(answered);
        assert_eq!(patched, rows(&whole));
        assert_eq!(part["plan"]["totals"], whole["plan"]["totals"]);
    });
}

#[test]
fn of_two_people_at_one_board_the_second_is_told_and_nothing_of_theirs_is_half_done() {
    let shop = copy(planned());
    run(async {
        let desk = desk(shop).await;
        let (ada, grace) = (desk.sign_in("ada").await, desk.sign_in("grace").await);
        let board = ada.board().await;
        let path = format!("/api/v1/boards/{}", board["id"].as_str().unwrap());
        let wish = lock(&first_offer(&board), 0.0);
        for hidden in ["", "/history", "/conflicts"] {
            assert_eq!(grace.get(&format!("{path}{hidden}")).await.status, StatusCode::NOT_FOUND, "{hidden}");
        }
        assert_eq!(grace.edit(&board, "", wish.clone()).await.status, StatusCode::NOT_FOUND, "a private board");
        let mut share = ada.request("PUT", &path, &value!({ "name": "Winter", "shared": true }));
        share.headers_mut().insert(header::IF_MATCH, "\"v1\"".parse().unwrap());
        let shared = desk.send(share).await.json();
        assert_eq!(grace.edit(&shared, "", wish.clone()).await.status, StatusCode::OK);
        let late = ada.edit(&shared, "", value!({ "edit": "slots", "slots": 1 })).await;
        assert_eq!((late.status, late.kind().as_str()), (StatusCode::PRECONDITION_FAILED, "/problems/stale"));
        let now = ada.get(&path).await.json();
        assert_eq!((&now["version"], &now["limits"]["slots"]), (&value!(3), &value!(2)));
        let mut undo = ada.request("POST", &format!("{path}/undo"), &Value::Null);
        undo.headers_mut().insert(header::IF_MATCH, "\"v3\"".parse().unwrap());
        assert_eq!(desk.send(undo).await.status, StatusCode::OK);
        let history = ada.get(&format!("{path}/history")).await.json();
        let steps: Vec<&Value> =
            history["items"].as_array().unwrap().iter().map(|change| &change["edits"][0]).collect();
        assert_eq!(steps, [&value!({ "edit": "undo", "version": 3 }), &wish]);
        assert_eq!(history["items"][1]["by"], "grace");
    });
}
