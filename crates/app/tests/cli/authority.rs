//! Who may do what, and how far the machine may go: policies and the ladder as those who write them meet them.

use crate::run;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

struct Shop {
    _kept: tempfile::TempDir,
    folder: PathBuf,
}

impl Shop {
    fn new() -> Self {
        let kept = tempfile::tempdir().unwrap();
        let folder = kept.path().join("shop");
        assert_eq!(run(&["init", folder.to_str().unwrap()]).2, 0);
        Self { _kept: kept, folder }
    }

    /// Runs a command and its verb in the folder; returns its JSON and what it said.
    fn run(&self, command: [&str; 2], arguments: &[&str], expected: i32) -> (Value, String) {
        let all = [&command[..], &[self.folder.to_str().unwrap(), "--json"], arguments].concat();
        let (out, messages, status) = run(&all);
        assert_eq!(status, expected, "{all:?}: {out}{messages}");
        (serde_json::from_str(&out).unwrap_or_default(), messages)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }
}

#[test]
fn the_shipped_policies_are_checked_explained_and_printed_as_they_are_documented() {
    let shop = Shop::new();
    let (checked, _) = shop.run(["policy", "check"], &[], 0);
    assert_eq!((&checked["accepted"], &checked["faults"]), (&true.into(), &serde_json::json!([])));
    assert_eq!(checked["differs_from_the_desk"], serde_json::json!([]));
    let (out, _, status) = run(&["policy", "matrix", shop.folder.to_str().unwrap()]);
    let stored = include_str!("../../../../docs/who_may.txt");
    assert!(status == 0 && out == stored, "{out}");
    let (cells, _) = shop.run(["policy", "matrix"], &[], 0);
    assert_eq!(cells.as_array().unwrap().len(), stored.lines().count() - 1);
    let explained = |more: &[&str]| shop.run(["policy", "explain"], more, 0).0;
    let planner = explained(&["--who", "ada", "--role", "planner", "--act", "freeze"]);
    assert_eq!((&planner["allowed"], &planner["because"][0]), (&true.into(), &"who works may stop".into()));
    let agent = explained(&["--who", "pricing", "--agent", "--act", "resume"]);
    assert_eq!(agent["explanation"], "pricing may not resume: agents decide nothing for people");
    let price = ["--who", "pricing", "--agent", "--act", "set_price", "--autonomy", "act_with_veto"];
    assert_eq!(explained(&price)["allowed"], false);
    assert_eq!(explained(&[&price[..], &["--veto-over"]].concat())["allowed"], true);
    let unknown = shop.run(["policy", "explain"], &["--who", "ada", "--act", "fly"], 2).1;
    assert!(unknown.contains("expected one of read, plan"), "{unknown}");
}

#[test]
fn own_policies_hold_and_bad_ones_are_refused_with_every_fault_and_its_place() {
    let shop = Shop::new();
    shop.write(
        "who_may.cedar",
        "@id(\"viewers stop\")\npermit (principal in Role::\"viewer\", action == Action::\"freeze\", resource);\n",
    );
    let question = |role: &str, allowed: bool| {
        format!(
            r#"{{"name":"{role}","allowed":{allowed},"question":{{"act":"freeze",
               "actor":{{"name":"x","roles":["{role}"],"human":true,"suspended":false}},
               "circumstances":{{"autonomy":"act","approved":false,"veto_over":false,"people":1,"own":false}}}}}}"#
        )
    };
    shop.write("who_may_tests.json", &format!("[{},{}]", question("viewer", true), question("planner", false)));
    assert_eq!(shop.run(["policy", "test"], &[], 0).0["tests"], 2);
    shop.write("who_may_tests.json", &format!("[{}]", question("planner", true)));
    let (failed, _) = shop.run(["policy", "test"], &[], 1);
    assert_eq!(failed["failed"][0]["explanation"], "x may not freeze: no policy permits it");
    let (checked, _) = shop.run(["policy", "check"], &[], 0);
    assert!(checked["differs_from_the_desk"].as_array().unwrap().len() > 10, "{checked}");

    shop.write("who_may.cedar", "permit (principal, action == Action::\"fly\", resource);\n\npermit (principal, action, resource) when { principal.age > 3 };\n");
    let (refused, _) = shop.run(["policy", "check"], &[], 1);
    let mut lines: Vec<u64> =
        refused["faults"].as_array().unwrap().iter().map(|fault| fault["line"].as_u64().unwrap()).collect();
    lines.dedup();
    assert_eq!((&refused["accepted"], lines), (&false.into(), vec![1, 3]), "{refused}");
    for command in ["matrix", "test"] {
        let said = shop.run(["policy", command], &[], 2).1;
        assert!(said.contains("who_may.cedar is refused") && said.contains("line 3"), "{said}");
    }
    let served = run(&["serve", shop.folder.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
    assert!(served.2 == 2 && served.1.contains("who_may.cedar is refused"), "{}", served.1);
    shop.write("who_may.cedar", "// nothing\n");
    assert!(shop.run(["policy", "check"], &[], 1).0["faults"][0]["what"].as_str().unwrap().contains("no policy"));
}

const FIELD: [&str; 6] = ["--category", "dairy", "--channel", "till", "--action", "set_price"];
const ADA: [&str; 4] = ["--as", "Ada", "--reason", "four good weeks"];

#[test]
fn the_machine_rises_by_rules_set_out_before_and_is_lowered_at_any_time() {
    let shop = Shop::new();
    let step = |verb: &str, expected: i32| shop.run(["ladder", verb], &[&FIELD[..], &ADA].concat(), expected);
    assert_eq!(shop.run(["ladder", "show"], &[], 0).0, serde_json::json!([]));
    let (refused, _) = step("raise", 1);
    assert!(refused["refused"].as_str().unwrap().contains("no rule"), "{refused}");
    let policy = fs::read_to_string(shop.folder.join("policy.toml")).unwrap();
    let rule = |more: &str| {
        shop.write("policy.toml", &format!("{policy}\n[[rise]]\nto = \"propose\"\ndays_min = 0\ndecisions_min = 0\nkept_min = 0.9\nbreaches_max = 0\n{more}"));
    };
    rule("value_low_min = 0\n");
    let (refused, _) = step("raise", 1);
    assert!(refused["refused"].as_str().unwrap().contains("not measured yet"), "{refused}");
    rule("value_min = 0\n");
    assert!(step("raise", 2).1.contains("value_min"));
    rule("");
    let (raised, _) = step("raise", 0);
    assert_eq!(raised["autonomy"], "propose");
    assert!(raised["because"].as_str().unwrap().starts_with("raised by Ada: four good weeks"), "{raised}");
    let (shown, _) = shop.run(["ladder", "show"], &FIELD, 0);
    assert_eq!((&shown["next"], &shown["evidence"]["decisions"]), (&"act_with_veto".into(), &0.into()));
    assert!(shown["short"].as_str().unwrap().contains("no rule"), "{shown}");
    assert_eq!(step("lower", 0).0["autonomy"], "advise");
    let to_halt = [&FIELD[..], &ADA, &["--to", "halted"]].concat();
    assert_eq!(shop.run(["ladder", "lower"], &to_halt, 0).0["autonomy"], "halted");
    let (out, _, _) = run(&["audit", "show", shop.folder.to_str().unwrap()]);
    for word in ["autonomy raised", "autonomy lowered", "set price in dairy at till", "0 decisions judged"] {
        assert!(out.contains(word), "{word}: {out}");
    }
    assert_eq!(run(&["audit", "verify", shop.folder.to_str().unwrap()]).2, 0);
    let wrong = [&FIELD[..4], &["--action", "fly"], &ADA].concat();
    assert!(shop.run(["ladder", "raise"], &wrong, 2).1.contains("set_price"));
}

#[test]
fn objectives_are_held_against_the_catalogue_and_against_what_was_read() {
    let shop = Shop::new();
    assert!(shop.run(["objectives", "check"], &[], 2).1.contains("objectives.toml"));
    let target = |kpi: &str, more: &str| {
        format!(
            "[[targets]]\nkpi = \"{kpi}\"\nunit = \"minor unit\"\nfrom = \"2025-03-01\"\nuntil = \"2025-06-01\"\ngoal = 1000\ntolerance_below = 50\n{more}owner = \"ada\"\n"
        )
    };
    let head = "name = \"spring\"\nversion = 1\n";
    shop.write("objectives.toml", &format!("{head}{}{}", target("margin", ""), target("profit", "")));
    let (checked, _) = shop.run(["objectives", "check"], &[], 1);
    assert!(checked["faults"][0].as_str().unwrap().contains("no figure 'profit'"), "{checked}");
    shop.write(
        "objectives.toml",
        &format!("{head}{}{}", target("margin", ""), target("given_away", "tolerance_above = 10\n")),
    );
    let (checked, _) = shop.run(["objectives", "check"], &[], 0);
    let (shown, _) = shop.run(["objectives", "show"], &[], 0);
    assert_eq!((&checked["hash"], &shown["targets"][1]["kpi"]), (&shown["hash"], &"given_away".into()));
    shop.write("today.json", r#"{"margin": 950, "given_away": 1011}"#);
    let today = shop.folder.join("today.json");
    let on = |day: &str, expected: i32| {
        let read = ["--readings", today.to_str().unwrap(), "--on", day];
        shop.run(["objectives", "check"], &read, expected).0["missed"].as_array().unwrap().len()
    };
    assert_eq!((on("2025-04-01", 1), on("2025-06-01", 0)), (1, 0));
    let (kpis, _, status) = run(&["objectives", "kpis", "--json"]);
    assert!(status == 0 && kpis.contains("\"formula\""), "{kpis}");
    shop.write("objectives.toml", &format!("{head}surprise = 1\n{}", target("margin", "")));
    assert!(shop.run(["objectives", "show"], &[], 2).1.contains("surprise"));
}
