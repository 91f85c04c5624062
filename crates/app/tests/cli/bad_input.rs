//! Bad input as a new user meets it: each gets a message that says what, where and what to do, and no panic.

use crate::commands::small_shop;
use crate::demo::demo;
use crate::run;
use std::fs;
use std::path::{Path, PathBuf};

/// Fails with an exit status of 1 or 2, no panic, and a message with all of these words.
fn refused(arguments: &[&str], status: i32, words: &[&str]) {
    let (out, messages, found) = run(arguments);
    let text = format!("{out}{messages}");
    assert_eq!(found, status, "{arguments:?}: {text}");
    assert!(!text.contains("panicked"), "{text}");
    for word in words {
        assert!(text.contains(word), "{arguments:?} says nothing of {word}: {text}");
    }
}

struct Shop {
    kept: tempfile::TempDir,
}

impl Shop {
    fn new() -> Self {
        let kept = tempfile::tempdir().unwrap();
        small_shop(kept.path());
        Self { kept }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.kept.path().join(name)
    }

    fn ingest(&self, status: i32, words: &[&str]) {
        refused(&["ingest", self.kept.path().to_str().unwrap()], status, words);
    }
}

#[test]
fn a_missing_column_is_named() {
    let shop = Shop::new();
    let sales = fs::read_to_string(shop.path("sales.csv")).unwrap();
    fs::write(shop.path("sales.csv"), sales.replacen("units", "pieces", 1)).unwrap();
    shop.ingest(2, &["sales.csv", "units", "pieces"]);
}

#[test]
fn an_empty_file_is_named() {
    let shop = Shop::new();
    fs::write(shop.path("sales.csv"), "").unwrap();
    shop.ingest(2, &["sales.csv"]);
}

#[test]
fn a_missing_file_is_named() {
    let shop = Shop::new();
    fs::remove_file(shop.path("sales.csv")).unwrap();
    shop.ingest(2, &["sales.csv"]);
}

#[test]
fn a_file_of_wrong_types_loads_nothing_and_says_so() {
    let shop = Shop::new();
    fs::write(shop.path("sales.csv"), "sku,place,period,units\ntea,north,2024-W01,many\n").unwrap();
    shop.ingest(1, &["set aside"]);
}

#[test]
fn text_that_is_not_utf8_is_set_aside_by_row() {
    let shop = Shop::new();
    let mut sales = fs::read(shop.path("sales.csv")).unwrap();
    sales.extend_from_slice(b"t\xff\xfea,north,2024-W05,3\n");
    fs::write(shop.path("sales.csv"), sales).unwrap();
    shop.ingest(0, &["set aside"]);
}

#[test]
fn one_endless_line_does_not_fill_the_memory() {
    let shop = Shop::new();
    let mut sales = fs::read(shop.path("sales.csv")).unwrap();
    sales.resize(sales.len() + 64 * 1024 * 1024, b'x');
    sales.extend_from_slice(b"\ntea,north,2024-W11,3\n");
    fs::write(shop.path("sales.csv"), sales).unwrap();
    shop.ingest(0, &["set aside"]);
}

#[test]
fn a_truncated_parquet_file_is_named() {
    let shop = Shop::new();
    let whole =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/freshretailnet/series.parquet")).unwrap();
    fs::write(shop.path("sales.parquet"), &whole[..whole.len() / 2]).unwrap();
    let configuration = fs::read_to_string(shop.path("endcap.toml")).unwrap();
    fs::write(shop.path("endcap.toml"), configuration.replace("\"sales.csv\"", "\"sales.parquet\"")).unwrap();
    shop.ingest(2, &["sales.parquet"]);
}

#[test]
fn an_unknown_setting_is_named() {
    let shop = Shop::new();
    let configuration = fs::read_to_string(shop.path("endcap.toml")).unwrap();
    fs::write(shop.path("endcap.toml"), configuration.replace("calendar =", "kalendar =")).unwrap();
    shop.ingest(2, &["endcap.toml", "kalendar"]);
}

#[test]
fn a_project_without_facts_says_what_to_run() {
    let shop = Shop::new();
    refused(&["plan", shop.kept.path().to_str().unwrap()], 2, &["endcap ingest"]);
    refused(&["check", shop.kept.path().to_str().unwrap()], 2, &["endcap ingest"]);
}

#[test]
fn a_folder_that_is_taken_is_not_written_over() {
    let shop = Shop::new();
    refused(&["init", shop.kept.path().to_str().unwrap()], 2, &["already there"]);
    refused(
        &["demo", shop.kept.path().to_str().unwrap()],
        2,
        &["is there already, and nothing in it was changed", "a folder that is not there yet"],
    );
    let (_, messages, _) = run(&["demo", shop.kept.path().to_str().unwrap()]);
    assert!(!messages.contains("os error"), "the system's words say nothing more: {messages}");
}

#[cfg(not(feature = "otel"))]
#[test]
fn traces_that_cannot_be_sent_are_refused_with_what_to_do() {
    let shop = Shop::new();
    let told = ["built without traces", "--features otel", "leave --otlp out"];
    refused(&["serve", shop.kept.path().to_str().unwrap(), "--otlp", "http://127.0.0.1:4318"], 2, &told);
}

#[test]
fn standard_output_that_takes_nothing_is_no_panic() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        eprintln!("SKIPPED: /dev/full is not there");
        return;
    }
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_endcap"))
        .arg("help")
        .stdout(fs::OpenOptions::new().write(true).open(full).unwrap())
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
}

/// The demo's folder with another scenario.
fn with_scenario(change: impl Fn(&str) -> String) -> tempfile::TempDir {
    let kept = tempfile::tempdir().unwrap();
    let scenario = fs::read_to_string(demo().folder.join("scenario.toml")).unwrap();
    fs::write(kept.path().join("scenario.toml"), change(&scenario)).unwrap();
    kept
}

fn plan_with(scenario: &tempfile::TempDir, status: i32, words: &[&str]) {
    let path = scenario.path().join("scenario.toml");
    refused(&["plan", demo().folder.to_str().unwrap(), "--scenario", path.to_str().unwrap()], status, words);
}

#[test]
fn an_unknown_item_in_a_lock_is_named() {
    let lock = "\n[[limits.locks]]\nsku = \"no such item\"\ndepth = 0.2\n";
    plan_with(&with_scenario(|scenario| format!("{scenario}{lock}")), 2, &["no such item"]);
}

#[test]
fn more_locks_than_slots_are_a_conflict_in_words() {
    let series = demo().folder.join("plans").join(demo().summary["plan"].as_str().unwrap()).join("offers.csv");
    let offers = fs::read_to_string(series).unwrap();
    let first: Vec<&str> = offers.lines().nth(1).unwrap().split(',').collect();
    let (sku, place, day) = (first[0], first[1], first[2]);
    let lock = format!("\n[[limits.locks]]\nsku = \"{sku}\"\nplace = \"{place}\"\nperiod = \"{day}\"\ndepth = 0.1\n");
    let change = |scenario: &str| format!("{}{lock}", scenario.replace("slots = 12", "slots = 0"));
    plan_with(&with_scenario(change), 1, &["no plan keeps every rule", "slots"]);
}

#[test]
fn a_depth_of_everything_is_refused() {
    plan_with(&with_scenario(|scenario| scenario.replace("0.50]", "1.0]")), 2, &["depth 1"]);
}

#[test]
fn a_negative_budget_is_refused() {
    plan_with(&with_scenario(|s| s.replace("budget = 60000.00", "budget = -1.0")), 2, &["limits.budget", "-1"]);
}

#[test]
fn another_currency_than_the_projects_is_refused() {
    plan_with(&with_scenario(|s| s.replace("currency = \"CNY\"", "currency = \"USD\"")), 2, &["USD", "CNY"]);
}

#[test]
fn a_gap_or_threads_that_make_no_sense_are_refused() {
    let folder = demo().folder.to_str().unwrap();
    refused(&["plan", folder, "--gap", "nan"], 2, &["share from 0 to 1"]);
    refused(&["plan", folder, "--threads", "100000"], 2, &["256"]);
}
