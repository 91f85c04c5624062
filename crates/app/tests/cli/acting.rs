//! From an approved plan to prices that a channel holds: decided, sent, read back, stopped.

use crate::shop::plannable;
use crate::{endcap, run};
use endcap_model::{Currency, GateLimits, Share};
use serde_json::Value;
use std::fs;
use std::path::Path;

const ACTING: &str = r#"
tenant = "shop"
agent = "endcap"
prices_to = ["tills"]
orders_to = { "*" = "orders" }

[prices]
floor = 0.5
ceiling = 1.2

[[market]]
law = "DE"
time_zone = "Europe/Berlin"
"#;

const CHANNELS: &str = r#"
[[channel]]
name = "tills"
kind = "file_drop"
carries = ["prices"]
folder = "tills"
format = "json"

[[channel]]
name = "orders"
kind = "file_drop"
carries = ["orders"]
folder = "orders"
format = "csv"
"#;

/// A shop whose last week of sales is the one before this, with a plan and everything that acting needs.
fn shop(folder: &Path) {
    write(folder);
    assert_eq!(told(folder, "plan", &[], 0)["status"], "published");
}

/// The same, not planned yet; its policies let agents send.
pub fn write(folder: &Path) {
    let all = Share::of_basis_points(10_000);
    let limits = GateLimits {
        skus_per_hour_max: all,
        places_before_reading_max: all,
        revenue_per_day_max: Share::of_basis_points(100_000),
        ..GateLimits::cautious(Currency::EUR)
    };
    plannable(folder, jiff::Zoned::now().date().checked_sub(jiff::Span::new().weeks(1)).unwrap());
    let policy = fs::read_to_string(folder.join("policy.toml")).unwrap();
    let permits = "permit (principal in Role::\"agent\", action in Action::\"send\", resource);\n";
    let goods = "abcdef".chars().map(|item| format!("{item},500,gram\n")).collect::<String>();
    for (name, text) in [
        (
            "policy.toml",
            format!("{policy}\n[gate]\n{}\n[rollout]\nstages = [1.0]\n", toml::to_string(&limits).unwrap()),
        ),
        ("acting.toml", ACTING.to_owned()),
        ("channels.toml", CHANNELS.to_owned()),
        ("goods.csv", format!("unit_id,content_amount,content_measure\n{goods}")),
        ("who_may.cedar", format!("{}\n{permits}", include_str!("../../../govern/src/who_may/default.cedar"))),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    for picked_up_from in ["tills", "orders"] {
        fs::create_dir(folder.join(picked_up_from)).unwrap();
    }
}

pub fn told(folder: &Path, command: &str, options: &[&str], expected: i32) -> Value {
    let (out, messages, status) = run(&[&[command, folder.to_str().unwrap(), "--json"], options].concat());
    assert_eq!(status, expected, "{command}: {out}{messages}");
    serde_json::from_str(&out).unwrap_or_default()
}

#[test]
fn an_approved_plan_is_decided_sent_and_confirmed_and_a_stop_holds_it_back() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path();
    shop(folder);
    let tried = told(folder, "deploy", &["--dry-run"], 0);
    let wanted = tried["decided"].as_u64().unwrap();
    assert!(wanted > 0 && tried["rehearsed"].as_array().unwrap().is_empty(), "{}", tried["rehearsed"]);
    assert!(told(folder, "outbox", &[], 0).as_array().unwrap().is_empty(), "a dry run decides nothing");
    assert_eq!(told(folder, "deploy", &[], 0)["decided"], wanted);
    let again = told(folder, "deploy", &[], 0);
    assert_eq!((&again["decided"], &again["known"]), (&0.into(), &wanted.into()), "{again:#}");

    // Half of what was decided is stopped: whatever is decided before a stop is void.
    let stop = ["--agent", "nobody", "--as", "Ada", "--reason", "another agent"];
    told(folder, "stop", &stop, 0);
    let sent = told(folder, "send", &[], 0);
    assert_eq!((&sent["sent"], &sent["stages"]["confirmed"]), (&wanted.into(), &wanted.into()), "{sent:#}");
    let rows = told(folder, "outbox", &[], 0);
    for row in rows.as_array().unwrap() {
        assert_eq!(
            (&row["stage"], &row["action"], &row["tries"]),
            (&"confirmed".into(), &"start_offer".into(), &1.into())
        );
        assert!(row["until"].as_str().unwrap() > row["from"].as_str().unwrap(), "{row}");
    }
    let there = fs::read_dir(folder.join("tills")).unwrap().count() as u64;
    assert!(there >= wanted, "{there} files of {wanted} offers");
    let (trail, _, _) = run(&["audit", "show", folder.to_str().unwrap(), "--last", "1000"]);
    for action in ["effect decided", "effect confirmed"] {
        assert_eq!(trail.matches(action).count() as u64, wanted, "{action}: {trail}");
    }
    assert_eq!(run(&["audit", "verify", folder.to_str().unwrap()]).2, 0);

    // A new plan for the same weeks is another set of offers; with everything stopped none of it leaves.
    told(folder, "stop", &["--as", "Ada", "--reason", "prices are wrong"], 0);
    let held = told(folder, "deploy", &[], 0);
    assert_eq!(held["decided"], 0, "what is known is not decided again, and what is stopped is not decided: {held:#}");
    assert_eq!(told(folder, "send", &[], 0)["sent"], 0);
}

#[test]
fn a_stop_between_decision_and_sending_holds_everything_back() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path();
    shop(folder);
    let wanted = told(folder, "deploy", &[], 0)["decided"].as_u64().unwrap();
    told(folder, "stop", &["--channel", "tills", "--as", "Ada", "--reason", "prices are wrong"], 0);
    told(folder, "stop", &["--channel", "tills", "--lift", "--as", "Grace", "--reason", "corrected"], 0);
    let sent = told(folder, "send", &[], 1);
    assert_eq!((&sent["sent"], &sent["stages"]["held back"]), (&0.into(), &wanted.into()), "{sent:#}");
    let rows = told(folder, "outbox", &["--open"], 0);
    assert!(rows[0]["reason"].as_str().unwrap().contains("Grace stopped or resumed channel tills"), "{rows}");
    assert_eq!(fs::read_dir(folder.join("tills")).unwrap().count(), 0);
    let anew = told(folder, "deploy", &[], 0);
    assert_eq!(
        anew["decided"], wanted,
        "it is decided anew, in the new epoch: {} known, {}",
        anew["known"], anew["held_back"]
    );
    assert_eq!(told(folder, "send", &[], 0)["sent"], wanted);
}

#[test]
fn what_acting_needs_is_named_where_it_is_missing() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path();
    shop(folder);
    let refused = |name: &str, text: &str, expected: &str| {
        let before = fs::read_to_string(folder.join(name)).unwrap();
        fs::write(folder.join(name), text).unwrap();
        let (_, messages, status) = run(&["deploy", folder.to_str().unwrap()]);
        assert!(status == 2 && messages.contains(expected), "{status}: {messages}");
        fs::write(folder.join(name), before).unwrap();
    };
    refused("acting.toml", &ACTING.replace("DE", "XX"), "law is 'XX': expected one of");
    refused("acting.toml", &ACTING.replace("Europe/Berlin", "Berlin"), "an IANA time zone");
    refused("acting.toml", "", "missing field `tenant`");
    refused(
        "channels.toml",
        "[[channel]]\nname = \"tills\"\nkind = \"pigeon\"\ncarries = [\"prices\"]",
        "one of file_drop",
    );
    let policy = fs::read_to_string(folder.join("policy.toml")).unwrap();
    refused("policy.toml", &policy[..policy.find("[gate]").unwrap()], "policy.toml has no [gate]");
    fs::remove_file(folder.join("goods.csv")).unwrap();
    let held = told(folder, "deploy", &["--dry-run"], 0);
    let reason = held["held_back"][0]["reason"].as_str().unwrap();
    assert!(held["decided"] == 0 && reason.contains("what a piece holds is not known"), "{held:#}");
}

#[test]
fn a_plan_that_people_signed_is_acted_on_and_no_other() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path();
    write(folder);
    fs::remove_file(folder.join("who_may.cedar")).unwrap();
    let policy = fs::read_to_string(folder.join("policy.toml")).unwrap();
    fs::write(folder.join("policy.toml"), policy.replace("autonomy = \"act\"", "autonomy = \"propose\"")).unwrap();
    let (shop, key) = (folder.display().to_string(), folder.join("carl.key").display().to_string());
    let account = ["account", "add", "carl", "--role", "approver_category", &shop];
    endcap().args(account).write_stdin("correct horse battery\n").assert().success();
    let approve = |arguments: &[&str]| {
        let (out, messages, status) = run(&[&["approve"], arguments, &["--json"]].concat());
        assert_eq!(status, 0, "{arguments:?}: {out}{messages}");
    };
    approve(&["key", "new", &key, &shop, "--as", "carl"]);
    let planned = told(folder, "plan", &[], 0);
    assert_eq!(planned["status"], "needs a person", "{planned:#}");
    let (_, messages, status) = run(&["deploy", &shop]);
    assert!(status == 2 && messages.contains("was published"), "{messages}");
    let (out, _, _) = run(&["approve", "list", &shop, "--json"]);
    let listed: Value = serde_json::from_str(&out).unwrap();
    let request = listed[0]["id"].as_str().unwrap();
    approve(&["sign", request, &shop, "--as", "carl", "--key", &key]);
    approve(&["publish", request, &shop]);

    // The machine stands at advise, where what people signed is sent by people; a rung more lets it send.
    let advised = told(folder, "deploy", &["--dry-run"], 0);
    assert_eq!(advised["decided"], 0);
    assert!(advised["held_back"][0]["reason"].as_str().unwrap().contains("no policy permits it"), "{advised:#}");
    let permit =
        "permit (principal in Role::\"agent\", action in Action::\"send\", resource) when { context.approved };\n";
    let shipped = include_str!("../../../govern/src/who_may/default.cedar");
    fs::write(folder.join("who_may.cedar"), format!("{shipped}\n{permit}")).unwrap();
    let wanted = told(folder, "deploy", &[], 0)["decided"].as_u64().unwrap();
    assert!(wanted > 0);
    let sent = told(folder, "send", &[], 0);
    assert_eq!(sent["stages"]["confirmed"], wanted, "{sent:#}");

    // A key that is taken back takes its signature along.
    let other = folder.join("new.key").display().to_string();
    approve(&["key", "new", &other, &shop, "--as", "carl", "--only"]);
    let refused = told(folder, "deploy", &[], 1);
    assert!(refused["refused"].as_str().unwrap().contains("a named person must sign it first"), "{refused}");
}
