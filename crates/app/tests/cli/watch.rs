//! The loop that runs by itself: facts come by a feed, schedules load and plan, and whatever is killed goes on.

use crate::shop::{copy, plannable};
use crate::{endcap, run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const LAST: jiff::civil::Date = jiff::civil::date(2026, 3, 1);

/// The shop, made once, with a feed and these schedules.
fn shop(to: &Path, schedules: &str) {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap().keep();
        plannable(&folder, LAST);
        folder
    });
    copy(made, to);
    let feed = "[[feed]]\nname = \"tills\"\nkind = \"folder\"\nfolder = \"inbox\"\nsilent_after_minutes = 60\n";
    let project = fs::read_to_string(to.join("endcap.toml")).unwrap();
    // Tables of tables stand at the end: what comes before them belongs to the project.
    fs::write(to.join("endcap.toml"), format!("{project}{feed}{schedules}")).unwrap();
}

const ON_FACTS: &str = "[[schedule]]\nname = \"fresh\"\nrun = \"plan\"\non_facts_minutes = 0\n";

/// Sales of the week that the file is named for, such as w10.jsonl.
fn dropped(folder: &Path, name: &str, units: impl Fn(usize) -> usize) {
    let items = ["a", "b", "c", "d", "e", "f"];
    let stores = ["x", "y"].into_iter().enumerate();
    let of_store = |(store, place): (usize, &str)| {
        let line = |(at, sku): (usize, &&str)| {
            format!(
                "{{\"id\":\"{name}-{place}-{sku}\",\"sku\":\"{sku}\",\"place\":\"{place}\",\"period\":\"2026-W{}\",\"units\":{},\
                 \"price\":2.0}}\n",
                &name[1..3],
                units(at + store)
            )
        };
        items.iter().enumerate().map(line).collect::<String>()
    };
    let text: String = stores.map(of_store).collect();
    fs::create_dir_all(folder.join("inbox")).unwrap();
    fs::write(folder.join("inbox/.part"), text).unwrap();
    fs::rename(folder.join("inbox/.part"), folder.join("inbox").join(name)).unwrap();
}

/// What happened, a line each.
fn watched(folder: &Path, more: &[&str]) -> (Vec<Value>, i32, String) {
    let arguments = [&["watch", folder.to_str().unwrap(), "--drain", "--json"], more].concat();
    let (out, said, status) = run(&arguments);
    (out.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), status, said)
}

fn of<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

fn published(folder: &Path) -> usize {
    fs::read_dir(folder.join("published")).map_or(0, Iterator::count)
}

#[test]
fn what_comes_by_a_feed_is_loaded_and_planned_by_itself_and_shadow_publishes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (live, shadow) = (home.path().join("live"), home.path().join("shadow"));
    for folder in [&live, &shadow] {
        shop(folder, ON_FACTS);
        dropped(folder, "w10.jsonl", |at| 50 + 7 * at);
    }
    let (lines, status, said) = watched(&live, &[]);
    assert_eq!(status, 0, "{said}");
    assert_eq!(of(&lines, "feed")[0]["new"], 12, "{lines:?}");
    let planned = of(&lines, "planned");
    assert_eq!((planned.len(), planned[0]["status"].as_str()), (1, Some("published")), "{lines:?}");
    assert_eq!(of(&lines, "ended").len(), 1);
    let loaded = of(&lines, "loaded")[0].clone();
    assert!(published(&live) > 0);
    // Nothing new: nothing is done.
    let (lines, ..) = watched(&live, &[]);
    assert!(of(&lines, "planned").is_empty() && of(&lines, "loaded").is_empty(), "{lines:?}");
    let (lines, status, said) = watched(&shadow, &["--shadow"]);
    assert_eq!(status, 0, "{said}");
    let in_shadow = of(&lines, "planned");
    assert_eq!(in_shadow[0]["status"], "withheld in shadow", "{lines:?}");
    // A plan's name holds when its facts were known; the facts are the same.
    assert_eq!(of(&lines, "loaded")[0]["snapshot"], loaded["snapshot"]);
    assert_eq!(published(&shadow), 0);
}

#[test]
fn a_plan_that_runs_is_looked_at_by_itself_when_its_sales_come() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("shop");
    let flight = ON_FACTS.replace("plan", "flight");
    shop(&folder, &flight);
    dropped(&folder, "w10.jsonl", |at| 50 + 7 * at);
    let (lines, status, said) = watched(&folder, &[]);
    assert_eq!(status, 0, "{said}");
    assert!(of(&lines, "flown")[0]["proposal"].is_null(), "nothing was published: {lines:?}");
    let toml = fs::read_to_string(folder.join("endcap.toml")).unwrap();
    fs::write(folder.join("endcap.toml"), toml.replace(&flight, "")).unwrap();
    let (out, said, status) = run(&["plan", folder.to_str().unwrap(), "--json"]);
    let planned: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &planned["status"]), (0, &"published".into()), "{out}{said}");
    fs::write(folder.join("endcap.toml"), &toml).unwrap();
    dropped(&folder, "w11.jsonl", |at| 150 + 21 * at);
    let (lines, status, said) = watched(&folder, &[]);
    assert_eq!(status, 0, "{said}");
    let flown = of(&lines, "flown");
    assert!(flown[0]["proposal"].is_string() && flown[0]["changes"].is_u64(), "{lines:?}");
    let reading: Value = serde_json::from_slice(&fs::read(folder.join("flight/latest.json")).unwrap()).unwrap();
    assert_eq!((&reading["in_force"], &reading["proposal"]), (&planned["plan"], &flown[0]["proposal"]));
    assert_eq!(reading["periods_seen"], 1, "{reading}");

    // Where the schedule lets it, what is proposed takes over, and channels are told what follows.
    let adopt = toml.replace(&flight, &ON_FACTS.replace("plan", "adopt"));
    let channels = "\n[[schedule]]\nname = \"channels\"\nrun = \"deploy\"\nafter = \"fresh\"\n";
    fs::write(folder.join("endcap.toml"), format!("{adopt}{channels}")).unwrap();
    dropped(&folder, "w12.jsonl", |at| 250 + 11 * at);
    let (lines, status, said) = watched(&folder, &["--shadow"]);
    let (flown, deployed) = (of(&lines, "flown"), of(&lines, "deployed"));
    assert_eq!((status, &flown[0]["status"]), (0, &"withheld in shadow".into()), "{lines:?}{said}");
    assert_eq!(deployed[0]["refused"], "in shadow nothing is decided", "{lines:?}");
    fs::write(folder.join("endcap.toml"), adopt).unwrap();
    dropped(&folder, "w13.jsonl", |at| 250 + 11 * at);
    let (lines, status, said) = watched(&folder, &[]);
    let flown = of(&lines, "flown");
    assert_eq!((status, &flown[0]["status"]), (0, &"published".into()), "{lines:?}{said}");
    let (out, said, _) = run(&["lineage", folder.to_str().unwrap(), "--json"]);
    assert!(out.contains("plan the rest") && out.contains(planned["plan"].as_str().unwrap()), "{out}{said}");
}

#[test]
fn a_watch_that_is_killed_while_it_works_goes_on_and_nothing_counts_twice() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("shop");
    shop(&folder, ON_FACTS);
    dropped(&folder, "w10.jsonl", |at| 40 + 5 * at);
    for after in [80, 250, 600, 1200] {
        let mut child = started(&folder);
        std::thread::sleep(Duration::from_millis(after));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (_, status, said) = watched(&folder, &[]);
    assert_eq!(status, 0, "{said}");
    let (out, _, _) = run(&["feeds", folder.to_str().unwrap(), "--json"]);
    let feeds: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&feeds["feeds"][0]["new"], &feeds["feeds"][0]["set_aside"]), (&12.into(), &0.into()), "{feeds}");
    assert_eq!(published(&folder), 1, "one plan, published once");
    // There is one watch to a project.
    let mut first = started(&folder);
    let begun = Instant::now();
    let said = loop {
        let (_, said, status) = run(&["watch", folder.to_str().unwrap(), "--drain"]);
        if status == 2 || begun.elapsed() > Duration::from_secs(20) {
            break said;
        }
        // Whoever was there first stays; if that was the other one, this one gave up and begins again.
        if first.try_wait().unwrap().is_some() {
            first = started(&folder);
        }
    };
    assert!(said.contains("is watched already"), "{said}");
    first.kill().unwrap();
    first.wait().unwrap();
}

fn started(folder: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_endcap"))
        .args(["watch", folder.to_str().unwrap(), "--json"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_feed_that_is_silent_or_was_never_opened_is_told() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("shop");
    shop(&folder, "");
    let feeds = |expected: i32| {
        let (out, said, status) = run(&["feeds", folder.to_str().unwrap()]);
        assert_eq!(status, expected, "{out}{said}");
        out
    };
    assert!(feeds(1).contains("was never opened: `endcap watch` takes it in"));
    dropped(&folder, "w10.jsonl", |_| 9);
    assert_eq!(watched(&folder, &["--feeds-only"]).1, 0);
    assert!(feeds(0).contains("tills"));
    // A clock two hours on.
    let Some(faketime) = ["/usr/bin/faketime"].into_iter().find(|path| Path::new(path).exists()) else {
        eprintln!("SKIPPED: faketime is not installed, so silence is not tried with a clock: run `cargo xtask test`");
        return;
    };
    let later = Command::new(faketime)
        .args(["-f", "+2h", env!("CARGO_BIN_EXE_endcap"), "feeds"])
        .arg(&folder)
        .output()
        .unwrap();
    let said = String::from_utf8(later.stdout).unwrap();
    assert_eq!(later.status.code(), Some(1), "{said}");
    assert!(said.contains("is silent for 1") && said.contains("longer than the 60 that it may be"), "{said}");
}

#[test]
fn what_cannot_be_watched_is_told_with_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("shop");
    shop(
        &folder,
        "[[schedule]]\nname = \"night\"\nrun = \"plan\"\nat = \"30 25 * * *\"\ntime_zone = \"Europe/Berlin\"\n",
    );
    let said = run(&["watch", folder.to_str().unwrap(), "--drain"]).1;
    assert!(said.contains("schedule 'night', at is 30 25 * * *: expected hour: a number from 0 to 23"), "{said}");
    let empty = home.path().join("empty");
    endcap().args(["init", empty.to_str().unwrap()]).output().unwrap();
    let said = run(&["watch", empty.to_str().unwrap(), "--drain"]).1;
    assert!(said.contains("names no [[feed]] and no [[schedule]]"), "{said}");
}
