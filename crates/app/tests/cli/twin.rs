//! `endcap twin`: policies that misbehave beside those that do not, its page, and the source cases; and the stop of a loop.

use crate::browser::opened;
use crate::demo::demo;
use crate::run;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const WORLD: &str = r#"
name = "two shops"
currency = "EUR"
horizon = 6
reference = "usual"
[world]
kind = "synthetic"
items = 2
places = 2
regions = 1
groups = 1
start = "2026-W02"
mean_demand = 12.0
[items]
list_price = 3.5
margin_rate = 0.4
[supply]
lead_time_periods = 1
opening_stock = { cover_periods = 2.0 }
holding_rate = 0.004
[response]
worlds = 2
seed = 1
elasticity_mean = -2.0
elasticity_sd = 0.3
pull_forward_share = 0.1
substitution_share = 0.1
shock_sd = 0.1
[[policy]]
name = "usual"
kind = "spreadsheet"
depth = 0.1
uplift = 1.3
"#;

/// What lets policies learn from records and plan on the way, and a shock.
const LOOP: &str = r#"
[[policy]]
name = "siloed"
kind = "siloed"
notice_periods = 0
[[policy]]
name = "integrated"
kind = "integrated"
[offers]
slots = 2
spacing = 3
[panel]
depths = [0.1, 0.2, 0.3]
compliance = 1.0
feature_share = 0.0
display_share = 0.0
display_alone_share = 0.0
[[shock]]
name = "half"
kind = "supply_cut"
size = 0.5
from = "2026-W04"
periods = 2
standby = true
"#;

fn scenario_file(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/scenarios").join(name).to_str().unwrap().to_owned()
}

/// Runs the world with one more policy, a process of this command, and returns the result and what people read.
fn beside(command: &str, seconds: f64) -> (Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.toml");
    let policy =
        format!("[[policy]]\nname = \"theirs\"\nkind = \"process\"\ncommand = {command}\nseconds = {seconds}\n");
    fs::write(&file, format!("{WORLD}{policy}")).unwrap();
    let file = file.to_str().unwrap();
    let (out, messages, status) = run(&["twin", file, "--json"]);
    assert_eq!(status, 0, "{messages}");
    let (text, _, _) = run(&["twin", file]);
    (serde_json::from_str(&out).unwrap(), text)
}

fn shell(script: &str) -> String {
    format!("[\"sh\", \"-c\", {}]", serde_json::to_string(script).unwrap())
}

fn outcomes_of(tried: &Value, policy: &str) -> Vec<Value> {
    tried["outcomes"].as_array().unwrap().iter().filter(|outcome| outcome["policy"] == policy).cloned().collect()
}

#[test]
fn in_the_twin_a_policy_that_hangs_lies_or_dies_is_told_of_and_the_rest_goes_on() {
    let (well, _) = beside(&shell("read told; while read seen; do echo '{}'; done"), 10.0);
    assert_eq!(well["faults"], Value::Array(vec![]));
    let answer = |text: &str| shell(&format!("read told; while read seen; do echo '{text}'; done"));
    let cases = [
        ("hangs", shell("read told; sleep 600"), "no answer within 0.5 seconds", true),
        ("dies", shell("echo it broke >&2; exit 3"), "the process ended (exit status: 3)", true),
        ("says why it died", shell("echo it broke >&2; exit 3"), "it said: it broke", true),
        ("is not there", "[\"no-such-program\"]".to_owned(), "no-such-program cannot be started", true),
        ("writes no JSON", answer("buy everything"), "not what was expected", true),
        (
            "writes half a line",
            shell("read told; read seen; printf '{\"orders\":['; exit 0"),
            "the process ended",
            true,
        ),
        ("orders less than nothing", answer(r#"{"orders":[{"cell":0,"pieces":-5}]}"#), "-5 pieces", false),
        ("orders for no cell", answer(r#"{"orders":[{"cell":99,"pieces":5}]}"#), "order.cell is 99", false),
        (
            "offers what is not sold",
            answer(r#"{"offers":[{"sku":"zebra","place":"region-001","depth":0.1}]}"#),
            "offer names item zebra",
            false,
        ),
        (
            "gives away more than all",
            answer(r#"{"offers":[{"sku":"sku-00001","place":"region-001","depth":1.5}]}"#),
            "depth 1.5",
            false,
        ),
        (
            "moves from nowhere",
            answer(r#"{"transfers":[{"sku":"sku-00001","from":"moon","to":"store-0001","pieces":5}]}"#),
            "moon",
            false,
        ),
    ];
    for (what, command, said, ended) in cases {
        let (tried, text) = beside(&command, 0.5);
        let faults = tried["faults"].as_array().unwrap();
        assert!(!faults.is_empty(), "a policy that {what} goes unnoticed");
        for fault in faults {
            let reason = fault["reason"].as_str().unwrap();
            assert!(reason.contains(said) || reason.contains("more actions"), "{what}: {reason}");
            assert!(fault["policy"] == "theirs" && fault["ended"] == ended, "{what}: {fault}");
        }
        assert!(text.contains("'theirs', world 1, before 2026-W02") && text.contains(said), "{what}: {text}");
        assert_eq!(outcomes_of(&tried, "theirs").len(), 2, "{what}: its worlds go on without it");
        assert_eq!(outcomes_of(&tried, "usual"), outcomes_of(&well, "usual"), "{what}: the others are not touched");
    }
}

#[test]
fn the_twins_page_shows_the_pittarosso_season_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("tried");
    let arguments = ["twin", &scenario_file("pittarosso-small.toml"), "--worlds", "2", "--json", "--out"];
    let (told, messages, status) = run(&[&arguments[..], &[out.to_str().unwrap()]].concat());
    assert_eq!(status, 0, "{messages}");
    let tried: Value = serde_json::from_str(&told).unwrap();
    let blind = tried["told"].as_array().unwrap().iter().find(|told| told["first"]["kind"] == "blind to sizes");
    assert_eq!(blind.unwrap()["first"]["policy"], "Endcap, blind to sizes");
    let notes = fs::read_to_string(out.join("notes.csv")).unwrap();
    assert!(notes.starts_with("policy,seed,period,kind,text\n") && notes.contains("pieces move to rebuild runs"));
    let page = out.join("report.html");
    let bytes = fs::read(&page).unwrap();
    let again = run(&[&arguments[..], &[out.to_str().unwrap()]].concat());
    assert!(again.0 == told && fs::read(&page).unwrap() == bytes, "the same worlds give the same bytes");
    let Some(document) = opened(&page) else { return };
    assert!(document.contains(r#"data-ready="true""#), "the page is drawn to its end");
    assert!(document.matches("<svg").count() >= 8, "{} charts", document.matches("<svg").count());
    assert!(document.contains("Sizes in the stores") && document.contains("told-table"));
}

#[test]
fn the_twin_plays_the_promo_planner_page_and_its_optimum() {
    let (told, messages, status) = run(&["twin", &scenario_file("promo-planner.toml"), "--worlds", "2", "--json"]);
    assert_eq!(status, 0, "{messages}");
    let tried: Value = serde_json::from_str(&told).unwrap();
    let margin = |at: usize| tried["page"][at]["incremental_margin"].as_f64().unwrap();
    assert!(margin(2) >= margin(0) && margin(0) > margin(1), "optimised, greedy, rotation: {}", tried["page"]);
    for figure in ["over_uniform", "sku_periods", "budget_used", "mean_depth", "cannibalised_share"] {
        assert!(tried["page"][2][figure].is_number(), "{figure}");
    }
}

#[test]
fn the_twin_tries_siloed_and_integrated_planning_and_tells_how_long_each_takes_to_answer_a_shock() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("world.toml"), folder.path().join("tried"));
    let answers_to_price = [
        ("horizon = 6", "horizon = 8\npast_periods = 52"),
        ("items = 2", "items = 6"),
        ("margin_rate = 0.4", "margin_rate = 0.4\nvendor_funding_share = 0.5"),
        ("elasticity_mean = -2.0", "elasticity_mean = -4.0"),
    ];
    let world = answers_to_price.iter().fold(WORLD.to_owned(), |world, (from, to)| world.replace(from, to));
    fs::write(&file, format!("{world}{LOOP}")).unwrap();
    let arguments = ["twin", file.to_str().unwrap(), "--shock", "half", "--json", "--out", out.to_str().unwrap()];
    let at = |threads: &str| {
        let output = crate::endcap().env("RAYON_NUM_THREADS", threads).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let told = at("1");
    assert_eq!(told, at("2"), "the number of threads changes nothing");
    let tried: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(tried["faults"], Value::Array(vec![]));
    for policy in ["siloed", "integrated"] {
        let outcomes = outcomes_of(&tried, policy);
        assert!(
            outcomes.iter().any(|outcome| outcome["sold_promoted"].as_f64().unwrap() > 0.0),
            "{policy}: {outcomes:?}"
        );
        let own = tried["adjustments"].as_array().unwrap().iter().filter(|adjustment| adjustment["policy"] == policy);
        let acted: Vec<_> = own.filter_map(|adjustment| adjustment["acts_after"].as_u64()).collect();
        assert!(acted.len() == 2 && acted.iter().all(|&after| after <= 6), "{policy}: {acted:?}");
    }
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("integrated") && page.contains("siloed"));
    let (_, messages, status) = run(&["twin", file.to_str().unwrap(), "--shock", "quarter"]);
    assert!(status == 2 && messages.contains("quarter") && messages.contains("half"), "{status}: {messages}");
}

/// Copies a folder with everything in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_halted_project_plans_nothing_until_a_named_person_resumes_it_in_shadow() {
    let kept = tempfile::tempdir().unwrap();
    let project: PathBuf = kept.path().join("shop");
    copy(&demo().folder, &project);
    let folder = project.to_str().unwrap();
    let (_, messages, status) = run(&["resume", folder, "--shadow", "--by", "Ada", "--reason", "why not"]);
    assert_eq!(status, 1, "nothing is halted: {messages}");
    let (text, messages, status) = run(&["halt", folder, "--by", "Ada", "--reason", "all stores are shut"]);
    assert_eq!(status, 0, "{messages}");
    assert!(text.contains("Halted by Ada: all stores are shut"), "{text}");
    let plans = fs::read_dir(project.join("plans")).unwrap().count();
    let (told, messages, status) = run(&["plan", folder, "--seed", "77", "--json"]);
    assert_eq!(status, 1, "{messages}");
    let ended: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(ended["status"], "halted");
    assert!(ended["reasons"].to_string().contains("endcap resume"), "{ended}");
    assert_eq!(fs::read_dir(project.join("plans")).unwrap().count(), plans, "nothing was planned");
    let (said, _, status) = run(&["resume", folder, "--by", "Ada", "--reason", "stores are open"]);
    assert!(status == 1 && said.contains("in shadow first"), "{said}");
    let (said, _, status) = run(&["resume", folder, "--shadow", "--by", " ", "--reason", "stores are open"]);
    assert!(status == 1 && said.contains("a named person"), "{said}");
    let (said, messages, status) = run(&["resume", folder, "--shadow", "--by", "Ada", "--reason", "stores are open"]);
    assert!(status == 0 && said.contains("Runs in shadow"), "{said} {messages}");
    let (told, messages, _) = run(&["plan", folder, "--json"]);
    let ended: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told} {messages}"));
    assert_ne!(ended["status"], "published", "{ended}");
    assert_ne!(ended["status"], "halted", "{ended}");
}
