//! The stop as people give it: shown, lifted, and obeyed by what plans and sends.

use crate::run;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A project that has stopped nothing yet.
fn shop() -> (tempfile::TempDir, PathBuf) {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path().join("shop");
    assert_eq!(run(&["init", folder.to_str().unwrap()]).2, 0);
    (kept, folder)
}

/// Runs `endcap stop` in a folder; returns its JSON and what it said.
fn stop(folder: &Path, arguments: &[&str], expected: i32) -> (Value, String) {
    let all = [&["stop", folder.to_str().unwrap(), "--json"], arguments].concat();
    let (out, messages, status) = run(&all);
    assert_eq!(status, expected, "{all:?}: {out}{messages}");
    (serde_json::from_str(&out).unwrap_or_default(), messages)
}

const ADA: [&str; 4] = ["--as", "Ada", "--reason", "prices are wrong"];
const GRACE: [&str; 4] = ["--as", "Grace", "--reason", "prices were corrected"];

#[test]
fn a_stop_is_given_shown_and_lifted_by_named_people() {
    let (_kept, shop) = shop();
    assert_eq!(stop(&shop, &["--show"], 0).0["state"], "running");
    let dairy = ["--category", "dairy"];
    let (stopped, _) = stop(&shop, &[&dairy[..], &ADA].concat(), 0);
    assert_eq!((&stopped["state"], &stopped["epoch"]), (&"stopped".into(), &1.into()));
    let (shown, _) = stop(&shop, &["--show"], 0);
    let only = &shown["stopped"][0];
    assert_eq!((&only["scope"], &only["of"], &only["by"]), (&"category".into(), &"dairy".into(), &"Ada".into()));
    assert_eq!(only["reason"], "prices are wrong");
    let (refused, _) = stop(&shop, &[&["--lift"][..], &GRACE].concat(), 1);
    assert!(refused["refused"].as_str().unwrap().contains("stopped: category dairy"), "{refused}");
    let (lifted, _) = stop(&shop, &[&["--lift"][..], &dairy, &GRACE].concat(), 0);
    assert_eq!((&lifted["state"], &lifted["epoch"]), (&"running".into(), &2.into()));
    let (out, _, _) = run(&["audit", "show", shop.to_str().unwrap()]);
    for word in ["sending stopped", "sending resumed", "category dairy", "Ada", "Grace", "prices are wrong"] {
        assert!(out.contains(word), "{word}: {out}");
    }
    let nobody = stop(&shop, &["--as", " ", "--reason", "why"], 2).1;
    assert!(nobody.contains("a named person"), "{nobody}");
    stop(&shop, &["--as", "Ada"], 2);
    let elsewhere = stop(_kept.path(), &ADA, 2).1;
    assert!(elsewhere.contains("would stop nothing") && !_kept.path().join("stops.json").exists(), "{elsewhere}");
}

#[test]
fn a_stop_that_is_in_one_place_alone_frees_nothing_until_a_person_lifts_everything() {
    let (_kept, shop) = shop();
    stop(&shop, &ADA, 0);
    fs::remove_file(shop.join("stops.json")).unwrap();
    let (shown, _) = stop(&shop, &["--show"], 0);
    assert_eq!(shown["state"], "unknown");
    assert!(shown["unknown"].as_str().unwrap().contains("stops.json"), "{shown}");
    let (out, _, _) = run(&["stop", shop.to_str().unwrap(), "--show"]);
    assert!(out.contains("nothing is sent"), "{out}");
    assert_eq!(stop(&shop, &[&["--lift"][..], &GRACE].concat(), 0).0["state"], "running");
}

#[test]
#[cfg(unix)]
fn a_stop_holds_where_the_ledger_may_only_be_read() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    let (kept, shop) = shop();
    stop(&shop, &[&["--category", "dairy"][..], &ADA].concat(), 0);
    let mode = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(kept.path(), 0o755);
    mode(&shop, 0o777);
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        if shop.join(name).exists() {
            mode(&shop.join(name), 0o444);
        }
    }
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_endcap"));
    command.args(["stop", shop.to_str().unwrap(), "--json"]).args(ADA);
    // Whoever is root may write anything: somebody else tries.
    if fs::metadata(&shop).unwrap().uid() == 0 {
        command.uid(65_534).gid(65_534);
        mode(&shop.join(".stops.lock"), 0o666);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("holds by stops.json alone"), "{said}");
    let (shown, _) = stop(&shop, &["--show"], 0);
    assert_eq!(shown["stopped"][0]["scope"], "global", "{shown}");
}

/// A shop whose items were at a fifth off every sixth week, under a policy that lets its plan go out.
fn plannable(folder: &Path) {
    let items = [("a", 60.0), ("b", 45.0), ("c", 80.0), ("d", 35.0), ("e", 50.0), ("f", 70.0)];
    let mut sales = String::from("sku,place,week,units,price,list_price\n");
    for week in 1..=44 {
        for (at, (sku, level)) in items.iter().enumerate() {
            for (store, (place, size)) in [("x", 1.0), ("y", 1.3)].into_iter().enumerate() {
                let ratio: f64 = if (week + at) % 6 == 0 { 0.8 } else { 1.0 };
                let wave = 0.9 + 0.05 * ((week * 7 + at * 3 + store) % 5) as f64;
                let (units, price) = ((level * size * wave * ratio.powf(-3.0)).round(), 2.0 * ratio);
                let _ = writeln!(sales, "{sku},{place},2024-W{week:02},{units},{price:.2},2.00");
            }
        }
    }
    let columns = "sku = \"sku\"\nplace = \"place\"\nperiod = \"week\"\nunits = \"units\"\nprice = \"price\"\nlist_price = \"list_price\"\n";
    let project = format!(
        "name = \"shop\"\ncurrency = \"EUR\"\ncalendar = \"week\"\n[[sales]]\nfiles = [\"sales.csv\"]\n[sales.columns]\n{columns}"
    );
    let scenario = include_str!("../../templates/scenario.toml")
        .replace("\nmargin_rate = 0.30", "\nmargin_rate = 0.55")
        .replace("slots = 20", "slots = 2")
        .replace("worlds = 20", "worlds = 2")
        .replace("list_price = 4.00", "list_price = 2.00");
    let policy = include_str!("../../templates/policy.toml")
        .replace("autonomy = \"propose\"", "autonomy = \"act\"")
        .replace("tail_value_min = -2000.00", "tail_value_min = -1000000.00")
        .replace("stockout_probability_max = 0.10", "stockout_probability_max = 1.0")
        .replace("promoted_share_max = 0.30", "promoted_share_max = 1.0");
    let files =
        [("endcap.toml", &project), ("sales.csv", &sales), ("scenario.toml", &scenario), ("policy.toml", &policy)];
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
    assert_eq!(run(&["ingest", folder.to_str().unwrap()]).2, 0);
}

#[test]
fn a_stopped_project_plans_and_sends_nothing_until_it_is_lifted() {
    let kept = tempfile::tempdir().unwrap();
    let project = kept.path().to_owned();
    plannable(&project);
    let folder = project.to_str().unwrap();
    stop(&project, &[&["--channel", "web"][..], &ADA].concat(), 0);
    let plan = |expected: i32| -> Value {
        let (told, messages, status) = run(&["plan", folder, "--json"]);
        assert_eq!(status, expected, "{messages}");
        serde_json::from_str(&told).unwrap()
    };
    let held = plan(1);
    assert_eq!(held["status"], "refused");
    assert!(held["reasons"][0].as_str().unwrap().contains("channel web was stopped by Ada"), "{held}");
    let published = project.join("published").join(held["plan"].as_str().unwrap());
    assert!(project.join("plans").join(held["plan"].as_str().unwrap()).is_dir() && !published.exists());
    fs::write(project.join("stops.json"), "{").unwrap();
    assert!(plan(1)["reasons"][0].as_str().unwrap().contains("not known what is stopped"));
    stop(&project, &[&["--lift"][..], &GRACE].concat(), 0);
    stop(&project, &[&["--lift", "--channel", "web"][..], &GRACE].concat(), 0);
    assert_eq!(plan(0)["status"], "published");
    assert!(published.exists());
}

#[test]
fn a_project_that_is_brought_back_sends_nothing_until_a_person_says_so() {
    let (kept, shop) = shop();
    stop(&shop, &ADA, 0);
    stop(&shop, &[&["--lift"][..], &GRACE].concat(), 0);
    let (backups, back) = (kept.path().join("backups"), kept.path().join("back"));
    let texts = [&shop, &backups, &back].map(|path| path.to_str().unwrap().to_owned());
    assert_eq!(run(&["backup", &texts[0], "--to", &texts[1]]).2, 0);
    assert_eq!(run(&["restore", &texts[1], "--to", &texts[2]]).2, 0);
    assert_eq!(stop(&back, &["--show"], 0).0["state"], "unknown");
    assert_eq!(stop(&back, &[&["--lift"][..], &GRACE].concat(), 0).0["state"], "running");
}
