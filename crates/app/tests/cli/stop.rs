//! The stop as people give it: shown, lifted, and obeyed by what plans and sends.

use crate::run;
use crate::shop::plannable;
use serde_json::Value;
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

#[test]
fn a_stopped_project_plans_and_sends_nothing_until_it_is_lifted() {
    let kept = tempfile::tempdir().unwrap();
    let project = kept.path().to_owned();
    plannable(&project, jiff::civil::date(2024, 10, 28));
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
