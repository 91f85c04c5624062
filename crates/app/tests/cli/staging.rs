//! From a plan to a few stores, then to the others: stages, conditions, vetoes, the way back, and a machine that falls by itself.

use crate::acting::{told, write};
use crate::run;
use crate::shop::copy;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What a shop allows before the guardrail was read: fewer places than one, and so one.
const FEW: &str = "places_before_reading_max = 0.05";

const RISE: &str = "
[[rise]]
to = \"propose\"
days_min = 0
decisions_min = 0
kept_min = 0.0
breaches_max = 100

[[rise]]
to = \"act_with_veto\"
days_min = 0
decisions_min = 0
kept_min = 0.0
breaches_max = 100
";

/// A shop of two stores with a plan, whose offers go to one store first.
fn planned(folder: &Path) {
    write(folder);
    let policy = fs::read_to_string(folder.join("policy.toml")).unwrap();
    let policy = policy.replace("[rollout]\nstages = [1.0]\n", "[rollout]\nstages = [0.5, 1.0]\n");
    let cautious = policy.replace("places_before_reading_max = 1.0", FEW);
    assert_ne!(cautious, policy);
    fs::write(folder.join("policy.toml"), cautious + RISE).unwrap();
    assert_eq!(told(folder, "plan", &[], 0)["status"], "published");
}

fn count(rows: &Value, keep: impl Fn(&Value) -> bool) -> usize {
    rows.as_array().unwrap().iter().filter(|row| keep(row)).count()
}

fn is(field: &'static str, value: &'static str) -> impl Fn(&Value) -> bool {
    move |row| row[field] == value
}

fn trail(folder: &Path) -> String {
    assert_eq!(run(&["audit", "verify", folder.to_str().unwrap()]).2, 0);
    run(&["audit", "show", folder.to_str().unwrap(), "--last", "2000"]).0
}

#[test]
fn offers_reach_one_store_first_and_people_can_say_at_each_step_what_becomes_of_them() {
    let kept = tempfile::tempdir().unwrap();
    let base = kept.path().join("base");
    fs::create_dir(&base).unwrap();
    planned(&base);
    let shop = |name: &str| {
        let folder = kept.path().join(name);
        copy(&base, &folder);
        folder
    };
    stages(&shop("stages"));
    stopped(&shop("stopped"));
    conditions(&shop("unknown"), &shop("known"));
    falls(&shop("falls"));
    vetoes(&shop("vetoes"));
    clocks(&shop("clocks"), &shop("early"));
}

fn stages(folder: &Path) {
    let deployed = told(folder, "deploy", &[], 0);
    let (wanted, waiting) = (deployed["decided"].as_u64().unwrap(), deployed["waiting"].as_u64().unwrap());
    assert_eq!(deployed["stages"], serde_json::json!([1, 1]), "{deployed:#}");
    assert!(waiting > 0 && waiting < wanted && deployed["held_back"].as_array().unwrap().is_empty(), "{deployed:#}");
    assert_eq!(told(folder, "deploy", &[], 0)["decided"], 0, "what waits is known");
    let sent = told(folder, "send", &[], 0);
    assert_eq!((&sent["sent"], &sent["stages"]["confirmed"]), (&(wanted - waiting).into(), &(wanted - waiting).into()));
    let rows = told(folder, "outbox", &[], 0);
    let waits = |row: &Value| row["reason"].as_str().unwrap_or_default().contains("stage 2 of the roll-out");
    assert_eq!(count(&rows, waits) as u64, waiting, "{rows:#}");
    let shown = rollouts(folder, 0);
    assert_eq!(
        (&shown[0]["stage"], &shown[0]["reached"], &shown[0]["state"]),
        (&1.into(), &1.into(), &"under way".into())
    );

    let plan = deployed["plan"].as_str().unwrap();
    let order = |what: &str, status: i32| {
        let named = ["--plan", plan, "--as", "Ada", "--reason", "too few stores to compare"];
        let (out, messages, found) = run(&[&["rollout", what, folder.to_str().unwrap()], &named[..]].concat());
        assert_eq!(found, status, "{out}{messages}");
    };
    order("open", 0);
    order("open", 1);
    let sent = told(folder, "send", &[], 0);
    assert_eq!(sent["stages"]["confirmed"], wanted, "{sent:#}");
    assert_eq!(rollouts(folder, 0)[0]["state"], "over");
    assert_eq!(told(folder, "deploy", &[], 0)["decided"], 0, "an offer that began later is the same offer");

    let back = told(folder, "revert", &["--as", "Ada", "--reason", "prices are wrong"], 0);
    assert_eq!((&back["reverted"], &back["void"]), (&wanted.into(), &0.into()), "{back:#}");
    let sent = told(folder, "send", &[], 0);
    assert_eq!(sent["sent"], wanted, "{sent:#}");
    let rows = told(folder, "outbox", &[], 0);
    let ends = |row: &Value| row["action"] == "end_offer" && row["stage"] == "confirmed";
    assert_eq!(count(&rows, ends) as u64, wanted, "{rows:#}");
    let trail = trail(folder);
    for action in ["rollout begun", "stage opened", "prices reverted"] {
        assert!(trail.contains(action), "{action}: {trail}");
    }
}

fn rollouts(folder: &Path, expected: i32) -> Value {
    let (out, messages, status) = run(&["rollout", "show", folder.to_str().unwrap(), "--json"]);
    assert_eq!(status, expected, "{out}{messages}");
    serde_json::from_str(&out).unwrap()
}

fn stopped(folder: &Path) {
    let deployed = told(folder, "deploy", &[], 0);
    let (wanted, waiting) = (deployed["decided"].as_u64().unwrap(), deployed["waiting"].as_u64().unwrap());
    told(folder, "send", &[], 0);
    let plan = deployed["plan"].as_str().unwrap();
    let named = ["--plan", plan, "--as", "Ada", "--reason", "customers complain"];
    let (out, messages, status) = run(&[&["rollout", "stop", folder.to_str().unwrap(), "--json"], &named[..]].concat());
    assert_eq!(status, 0, "{out}{messages}");
    let stop: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&stop["reverted"], &stop["void"]), (&(wanted - waiting).into(), &waiting.into()));
    told(folder, "send", &[], 0);
    let rows = told(folder, "outbox", &[], 0);
    assert_eq!(count(&rows, is("stage", "void")) as u64, waiting, "{rows:#}");
    assert_eq!(rollouts(folder, 1)[0]["state"], "stopped");
    let refused = told(folder, "deploy", &[], 1);
    assert!(refused["refused"].as_str().unwrap().contains("was stopped"), "{refused}");
    assert!(trail(folder).contains("rollout stopped"));
}

/// What is not known starts nothing; what holds starts what is within its window.
fn conditions(unknown: &Path, known: &Path) {
    let rows = |what: &str| {
        let rows = "abcdef".chars().map(|item| format!("{item},,{what},at_least,1\n")).collect::<String>();
        format!("unit_id,place,what,is,value\n{rows}")
    };
    fs::write(unknown.join("conditions.csv"), rows("stock")).unwrap();
    fs::write(known.join("conditions.csv"), rows("demand")).unwrap();
    for folder in [unknown, known] {
        let deployed = told(folder, "deploy", &[], 0);
        assert_eq!(deployed["waiting"], deployed["decided"], "{deployed:#}");
        let (plan, folder_name) = (deployed["plan"].as_str().unwrap(), folder.to_str().unwrap());
        let named = ["--plan", plan, "--as", "Ada", "--reason", "both stores"];
        assert_eq!(run(&[&["rollout", "open", folder_name], &named[..]].concat()).2, 0);
    }
    assert_eq!(told(unknown, "send", &[], 0)["sent"], 0, "the facts tell no stock");
    let waiting = told(unknown, "outbox", &["--open"], 0);
    assert!(waiting[0]["reason"].as_str().unwrap().contains("waits for stock at least 1"), "{waiting:#}");
    let now = jiff::Timestamp::now();
    let begun = |row: &Value| row["from"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap() <= now;
    let due = count(&told(known, "outbox", &[], 0), begun);
    assert_eq!(told(known, "send", &[], 0)["sent"], due, "those within their window");
    if due > 0 {
        assert!(trail(known).contains("demand is "));
    }
}

fn rung(folder: &Path, action: &str) -> Value {
    let (out, _, status) = run(&["ladder", "show", folder.to_str().unwrap(), "--json"]);
    assert_eq!(status, 0);
    let rungs: Value = serde_json::from_str(&out).unwrap();
    rungs.as_array().unwrap().iter().find(|rung| rung["action"] == action).cloned().unwrap_or_default()
}

/// A limit that is broken at sending costs a rung.
fn falls(folder: &Path) {
    told(folder, "deploy", &[], 0);
    let acting = fs::read_to_string(folder.join("acting.toml")).unwrap();
    fs::write(folder.join("acting.toml"), acting.replace("floor = 0.5", "floor = 1.0")).unwrap();
    let sent = told(folder, "send", &[], 1);
    assert_eq!(sent["sent"], 0, "{sent:#}");
    let fell = rung(folder, "start_offer");
    assert_eq!(fell["autonomy"], "halted", "{fell}");
    assert!(fell["because"].as_str().unwrap().contains("a limit was broken"), "{fell}");
    assert!(trail(folder).contains("autonomy lowered"));
}

fn vetoes(folder: &Path) {
    fs::remove_file(folder.join("who_may.cedar")).unwrap();
    let field = ["--category", "uncategorised", "--channel", "tills", "--action", "start_offer"];
    for _ in 0..2 {
        let named = ["--as", "Ada", "--reason", "it did well"];
        let (out, messages, status) =
            run(&[&["ladder", "raise", folder.to_str().unwrap()], &field[..], &named[..]].concat());
        assert_eq!(status, 0, "{out}{messages}");
    }
    let deployed = told(folder, "deploy", &[], 0);
    assert!(deployed["decided"].as_u64().unwrap() > 0, "{deployed:#}");
    assert_eq!(told(folder, "send", &[], 0)["sent"], 0, "everything waits for whoever may say no");
    let rows = told(folder, "outbox", &["--open"], 0);
    let vetoable = |row: &Value| row["veto_until"].is_string() && row["leaves"].is_string();
    let number = rows.as_array().unwrap().iter().find(|row| vetoable(row)).unwrap()["number"].to_string();
    let no = |status: i32| {
        let named = ["--as", "Ada", "--reason", "a strike"];
        let shop = folder.to_str().unwrap();
        let (out, messages, found) = run(&[&["veto", shop, &number, "--json"], &named[..]].concat());
        assert_eq!(found, status, "{out}{messages}");
    };
    no(0);
    no(1);
    let rows = told(folder, "outbox", &[], 0);
    assert_eq!(count(&rows, is("stage", "void")), 1, "{rows:#}");
    assert_eq!(told(folder, "deploy", &[], 0)["decided"], 0, "what was vetoed is not decided again");
    // A checkpoint that is missed leaves a person to send.
    let acting = fs::read_to_string(folder.join("acting.toml")).unwrap();
    fs::write(folder.join("acting.toml"), format!("checkpoint_hours_max = 24\n{acting}")).unwrap();
    told(folder, "send", &[], 0);
    let fell = rung(folder, "start_offer");
    assert_eq!(fell["autonomy"], "propose", "{fell}");
    assert!(fell["because"].as_str().unwrap().contains("checkpoint"), "{fell}");
}

/// The program itself under clocks that are wrong by more than a year.
fn clocks(late: &Path, early: &Path) {
    if Command::new("faketime").arg("--version").output().is_err() {
        eprintln!("SKIPPED: the program is not run under wrong clocks: faketime is not installed");
        return;
    }
    for (folder, by) in [(late, "+400 days"), (early, "-400 days")] {
        told(folder, "deploy", &[], 0);
        let program = env!("CARGO_BIN_EXE_endcap");
        let done = Command::new("faketime")
            .args(["-f", by.replace(" days", "d").as_str()])
            .arg(program)
            .args(["send", folder.to_str().unwrap(), "--json"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let sent: Value = serde_json::from_str(&said)
            .unwrap_or_else(|_| panic!("{by}: {said}{}", String::from_utf8_lossy(&done.stderr)));
        assert_eq!(sent["sent"], 0, "{by}: {sent:#}");
    }
}
