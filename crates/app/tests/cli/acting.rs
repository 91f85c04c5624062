//! From an approved plan to prices that a channel holds: decided, sent, read back, stopped.

use crate::shop::plannable;
use crate::{endcap, run, server};
use endcap_model::{Currency, GateLimits, Share};
use serde_json::Value;
use std::collections::BTreeSet;
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
    shop_at(folder, "");
}

/// The same, with its rows at a home of their own.
fn shop_at(folder: &Path, home: &str) {
    write(folder);
    let project = fs::read_to_string(folder.join("endcap.toml")).unwrap();
    fs::write(folder.join("endcap.toml"), format!("{project}\n{home}")).unwrap();
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
    shop(kept.path());
    from_plan_to_confirmed(kept.path());
}

#[test]
fn a_project_in_postgresql_is_planned_sent_verified_backed_up_and_brought_back() {
    let Some(server) = server::shared() else { return };
    let kept = tempfile::tempdir().unwrap();
    let (folder, schema) = (kept.path().join("shop"), server::new_schema());
    fs::create_dir(&folder).unwrap();
    shop_at(&folder, &server::home(&server.url(), &schema));
    from_plan_to_confirmed(&folder);
    for file in ["journal.db", "ledger.db"] {
        assert!(!folder.join(file).exists(), "{file} lies in PostgreSQL");
    }
    let text = |path: &Path| path.display().to_string();
    let (file, files, other) = (kept.path().join("shop.tar"), kept.path().join("files"), kept.path().join("other"));
    assert_eq!(run(&["backup", &text(&folder), "--file", &text(&file)]).2, 0);
    let (_, refused, status) = run(&["restore", &text(&file), "--to", &text(&other)]);
    assert!(status == 2 && refused.contains("which is taken") && !other.exists(), "{refused}");
    assert_eq!(run(&["restore", &text(&file), "--to", &text(&files), "--files"]).2, 0);
    let schema = format!("{schema}_again");
    assert_eq!(run(&["restore", &text(&file), "--to", &text(&other), "--schema", &schema]).2, 0);
    let trail = |folder: &Path| {
        assert_eq!(run(&["audit", "verify", &text(folder)]).2, 0, "{}", folder.display());
        run(&["audit", "export", &text(folder)]).0
    };
    let before = trail(&folder);
    assert!(before.lines().count() > 5, "{before}");
    assert_eq!((trail(&files) == before, trail(&other) == before), (true, true), "the trail came back byte by byte");
    assert!(files.join("ledger.db").is_file() && !other.join("ledger.db").exists());
    for folder in [&files, &other] {
        // Nothing leaves a project that was brought back until a named person says so.
        assert_eq!(told(folder, "send", &[], 0)["sent"], 0);
        told(folder, "stop", &["--lift", "--as", "Grace", "--reason", "it was checked"], 0);
        assert_eq!(told(folder, "outbox", &[], 0), told(&kept.path().join("shop"), "outbox", &[], 0));
    }
}

fn from_plan_to_confirmed(folder: &Path) {
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

#[test]
fn nothing_leaves_about_items_whose_rows_wait_in_quarantine_until_somebody_answers() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path();
    shop(folder);
    let wanted = told(folder, "deploy", &["--dry-run"], 0)["decided"].as_u64().unwrap();

    // The last week of store x comes ten times as large, and the project judges its sales.
    let toml = fs::read_to_string(folder.join("endcap.toml")).unwrap();
    fs::write(folder.join("endcap.toml"), toml + "\n[plausibility]\n").unwrap();
    let sales = fs::read_to_string(folder.join("sales.csv")).unwrap();
    let last = sales.lines().last().unwrap().split(',').nth(2).unwrap().to_owned();
    let tenfold = |line: &str| {
        let mut parts: Vec<String> = line.split(',').map(str::to_owned).collect();
        if parts[1] == "x" && parts[2] == last {
            parts[3] += "0";
        }
        parts.join(",") + "\n"
    };
    fs::write(folder.join("sales.csv"), sales.lines().map(tenfold).collect::<String>()).unwrap();
    let loaded = told(folder, "ingest", &[], 0);
    assert_eq!(loaded["set_aside"], 6, "{loaded:#}");

    let path = folder.to_str().unwrap();
    let shown = run(&["quarantine", "show", path, "--json"]);
    let shown: Value = serde_json::from_str(&shown.0).unwrap();
    assert_eq!((&shown["groups"][0]["open"], &shown["groups"][0]["items"]), (&6.into(), &6.into()), "{shown:#}");
    let held = told(folder, "deploy", &["--dry-run"], 0);
    let waits = |held: &Value| {
        let rows = held["held_back"].as_array().unwrap();
        rows.iter().filter(|row| row["reason"].as_str().unwrap().contains("quarantine")).count() as u64
    };
    assert_eq!(waits(&held) + held["decided"].as_u64().unwrap(), wanted, "{held:#}");
    assert!(waits(&held) > 0);
    for row in held["held_back"].as_array().unwrap() {
        assert!(row["what"].as_str().unwrap().contains(" at x "), "store y is sound: {row}");
    }

    let nobody = run(&["quarantine", "confirm", path, "--as", "Ada", "--reason", "all"]);
    assert_eq!(nobody.2, 2, "an answer names rows: {}", nobody.1);
    let confirm = ["quarantine", "confirm", path, "--place", "x", "--as", "Ada", "--reason", "cases, not pieces"];
    assert_eq!(run(&confirm).2, 0);
    assert_eq!(told(folder, "deploy", &["--dry-run"], 0)["decided"], wanted, "confirmed as wrong, the item is free");
    assert_eq!(told(folder, "ingest", &[], 0)["set_aside"], 6, "and the rows stay out");
    let release = ["quarantine", "release", path, "--sku", "a", "--as", "Grace", "--reason", "a wedding"];
    assert_eq!(run(&release).2, 0);
    assert_eq!(told(folder, "ingest", &[], 0)["set_aside"], 5, "released, it is a fact");
    let (trail, _, _) = run(&["audit", "show", path, "--last", "100"]);
    assert!(trail.contains("quarantine confirmed") && trail.contains("quarantine released"), "{trail}");
}

#[test]
fn facts_under_alarm_lower_the_machine_hold_the_model_and_keep_plans_in_the_house() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path();
    shop(folder);
    let path = folder.to_str().unwrap();
    let rises = ["propose", "act_with_veto"].map(|to| {
        format!("\n[[rise]]\nto = \"{to}\"\ndays_min = 0\ndecisions_min = 0\nkept_min = 0.0\nbreaches_max = 1000\n")
    });
    let policy = fs::read_to_string(folder.join("policy.toml")).unwrap();
    fs::write(folder.join("policy.toml"), policy + &rises.concat()).unwrap();
    let field = ["--category", "tea", "--channel", "tills", "--action", "set_price"];
    for _ in 0..2 {
        let raise = [&["ladder", "raise", path, "--as", "Ada", "--reason", "a good month"], &field[..]].concat();
        let (out, told, status) = run(&raise);
        assert_eq!(status, 0, "{out}{told}");
    }

    // One row in twenty comes ten times as large: the source itself is in doubt, and it is the only one.
    let toml = fs::read_to_string(folder.join("endcap.toml")).unwrap();
    fs::write(folder.join("endcap.toml"), toml + "\n[plausibility]\n").unwrap();
    let sales = fs::read_to_string(folder.join("sales.csv")).unwrap();
    let tenfold = |(at, line): (usize, &str)| {
        let mut parts: Vec<String> = line.split(',').map(str::to_owned).collect();
        if at % 20 == 19 {
            parts[3] += "0";
        }
        parts.join(",") + "\n"
    };
    fs::write(folder.join("sales.csv"), sales.lines().enumerate().map(tenfold).collect::<String>()).unwrap();
    let (out, messages, status) = run(&["ingest", path, "--json"]);
    assert_eq!(status, 0, "{out}{messages}");
    assert!(messages.contains("sales.csv: ") && messages.contains("are in doubt"), "{messages}");
    assert!(messages.contains("the machine fell in 1 fields"), "{messages}");
    let loaded: Value = serde_json::from_str(&out).unwrap();
    assert!(loaded["alarms"].as_array().unwrap().iter().any(|alarm| alarm["kind"] == "many_doubts"), "{loaded:#}");
    let (shown, _, _) = run(&["ladder", "show", path]);
    assert!(shown.contains("propose") && shown.contains("are in doubt"), "{shown}");

    let planned = told(folder, "plan", &[], 1);
    assert!(planned["reasons"][0].as_str().unwrap().contains("rests on facts under alarm"), "{planned:#}");
    let (trail, _, _) = run(&["audit", "show", path, "--last", "100"]);
    assert!(trail.contains("model held") && trail.contains("autonomy lowered"), "{trail}");

    let answered = ["quarantine", "release", path, "--alarm", "sales.csv", "--as", "Ada", "--reason", "known, mended"];
    assert_eq!(run(&answered).2, 0);
    let (_, messages, _) = run(&["ingest", path]);
    assert!(!messages.contains("alarm"), "{messages}");
    assert_ne!(told(folder, "plan", &[], 0)["status"], "refused");
}

/// What the shop sold this week, at list prices.
fn this_week_sold(folder: &Path) {
    let sales = fs::read_to_string(folder.join("sales.csv")).unwrap();
    let last = sales.lines().last().unwrap().split(',').nth(2).unwrap().to_owned();
    let week = jiff::Zoned::now().date().iso_week_date();
    let now = format!("{}-W{:02}", week.year(), week.week());
    let of_last = sales.lines().filter(|line| line.split(',').nth(2) == Some(&last));
    let plain = of_last.map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        format!("{},{},{now},{},2.00,2.00\n", fields[0], fields[1], fields[3])
    });
    fs::write(folder.join("sales.csv"), format!("{sales}{}", plain.collect::<String>())).unwrap();
    assert_eq!(run(&["ingest", folder.to_str().unwrap()]).2, 0);
}

#[test]
fn a_plan_that_is_mended_in_flight_takes_over_at_the_channels() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path();
    shop(folder);
    let first = told(folder, "deploy", &[], 0);
    told(folder, "send", &[], 0);
    let nothing_new = told(folder, "flight", &["--adopt"], 0);
    assert_eq!(nothing_new["adopted"]["status"], "kept", "{nothing_new:#}");

    // A week later people will not have one of the items on offer any more.
    this_week_sold(folder);
    let plan = folder.join("plans").join(first["plan"].as_str().unwrap()).join("plan.json");
    let plan: Value = serde_json::from_slice(&fs::read(plan).unwrap()).unwrap();
    let begins = |offer: &Value| offer["span"]["start"].as_i64().unwrap();
    let week = begins(&plan);
    let offers = plan["offers"].as_array().unwrap();
    let later = offers.iter().find(|offer| begins(offer) > week).expect("an offer of a later week");
    let lock = format!("\n[[limits.locks]]\nsku = {}\ndepth = 0.0\n", later["sku"]);
    let scenario = fs::read_to_string(folder.join("scenario.toml")).unwrap();
    fs::write(folder.join("scenario.toml"), scenario + &lock).unwrap();
    let flown = told(folder, "flight", &["--adopt"], 0);
    assert_eq!(flown["adopted"]["status"], "published", "{flown:#}");
    assert_eq!(flown["in_force"], first["plan"]);

    let second = told(folder, "deploy", &[], 0);
    assert_eq!(second["plan"], flown["proposal"]);
    assert!(second["taken_back"].as_u64() > Some(0) && second["kept"].as_u64() > Some(0), "{second:#}");
    assert_eq!(told(folder, "deploy", &[], 0)["decided"], 0, "what was decided is known");
    let sent = told(folder, "send", &[], 0);
    assert_eq!(sent["stages"]["confirmed"], first["decided"].as_u64().unwrap() + sent["sent"].as_u64().unwrap());
    let rows = told(folder, "outbox", &[], 0);
    let of = |action: &str| rows.as_array().unwrap().iter().filter(|row| row["action"] == action).collect::<Vec<_>>();
    let ended: BTreeSet<&str> = of("end_offer").iter().map(|row| row["offer"].as_str().unwrap()).collect();
    let mut live: Vec<_> = of("start_offer")
        .iter()
        .filter(|row| !ended.contains(row["offer"].as_str().unwrap()))
        .map(|row| [&row["place"], &row["sku"], &row["from"], &row["until"]].map(|field| field.as_str().unwrap()))
        .collect();
    live.sort_unstable();
    let overlap = |pair: &[[&str; 4]]| pair[0][..2] == pair[1][..2] && pair[1][2] < pair[0][3];
    assert!(!live.windows(2).any(overlap), "one price at a time: {live:?}");
    let now = jiff::Timestamp::now().to_string();
    let unwanted = |[_, sku, from, _]: &[&str; 4]| later["sku"] == *sku && *from > now.as_str();
    assert!(!live.iter().any(unwanted), "what people will not have does not begin: {live:?}");
    let (trail, _, _) = run(&["audit", "show", folder.to_str().unwrap(), "--last", "1000"]);
    assert!(trail.contains("took over"), "{trail}");
    assert_eq!(run(&["audit", "verify", folder.to_str().unwrap()]).2, 0);

    // What was learned goes on from one plan to the next.
    let again = told(folder, "flight", &[], 0);
    assert_eq!((&again["in_force"], &again["periods_seen"]), (&flown["proposal"], &flown["periods_seen"]), "{again:#}");
}
