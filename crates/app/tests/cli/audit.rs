//! The audit trail as its readers meet it: whoever runs Endcap, a witness, and a third party with a program of its own.

use crate::demo::demo;
use crate::run;
use endcap_adapters::ledger::{AuditedJournal, FILE_NAME, Ledger};
use endcap_agent::ports::Journal;
use endcap_govern::audit::{Entry, Ruling, Told};
use endcap_model::Event;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const NAME: &str = "Ada Lovelace";

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

/// A project whose loop has been halted and resumed, with keys of its log and of a witness.
struct Shop {
    kept: tempfile::TempDir,
}

impl Shop {
    fn new() -> Self {
        let shop = Self { kept: tempfile::tempdir().unwrap() };
        fs::create_dir(shop.path("shop")).unwrap();
        let mut journal = AuditedJournal::open(&shop.path("shop"), jiff::Timestamp::now, random).unwrap();
        journal.append(&Event::Ingested { snapshot: "s".into(), rows_read: 1, rows_set_aside: 0 }).unwrap();
        drop(journal);
        shop.decide(3);
        shop.audit(&["key", "new", "log.key", "--name", "shop.example/log"], 0);
        shop.audit(&["key", "new", "witness.key", "--name", "partner.example", "--witness"], 0);
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.kept.path().join(name)
    }

    /// Halts and resumes: three records each time.
    fn decide(&self, times: usize) {
        let folder = self.path("shop").display().to_string();
        for _ in 0..times {
            for arguments in [&["halt"][..], &["resume", "--shadow"], &["resume"]] {
                let named = ["--by", NAME, "--reason", "a drill", &folder];
                let (_, messages, status) = run(&[arguments, &named].concat());
                assert_eq!(status, 0, "{messages}");
            }
        }
    }

    /// Adds records about nothing in particular.
    fn fill(&self, records: usize) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let ledger = Ledger::open(&self.path("shop").join(FILE_NAME), random).await.unwrap();
            for plan in 0..records {
                let mut entry = Entry::new(Told::open("endcap"), "plan judged", Told::open(plan), Ruling::Refused);
                entry.reasons = vec![Told::open("„spend“: 9 at plan, allowed 5\n")];
                ledger.record(jiff::Timestamp::now(), entry).await.unwrap();
            }
            ledger.close().await;
        });
    }

    /// Runs `endcap audit` with names of files of this shop; returns its JSON and what it said.
    fn audit(&self, arguments: &[&str], expected: i32) -> (Value, String) {
        let is_file = |text: &str| text == "shop" || [".txt", ".key", ".pub"].iter().any(|end| text.ends_with(end));
        let in_place =
            |&text: &&str| if is_file(text) { self.path(text).display().to_string() } else { text.to_owned() };
        let arguments: Vec<String> = ["audit", "--json"].iter().chain(arguments).map(in_place).collect();
        let (out, messages, status) = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(status, expected, "{arguments:?}: {out}{messages}");
        (serde_json::from_str(&out).unwrap_or_default(), messages)
    }
}

#[test]
fn every_decision_of_the_demo_left_a_record_with_what_it_rests_on() {
    let demo = demo();
    let folder = demo.folder.to_str().unwrap();
    let (out, messages, status) = run(&["audit", "show", folder, "--json"]);
    assert_eq!(status, 0, "{messages}");
    let records: Value = serde_json::from_str(&out).unwrap();
    let of = |action: &str| records.as_array().unwrap().iter().find(|record| record["action"] == action);
    let (registered, judged) = (of("model registered").expect("a model"), of("plan judged").expect("a plan"));
    assert!(registered["snapshot"].is_string(), "{out}");
    assert_eq!(judged["subject"], demo.summary["plan"], "{out}");
    for ground in ["proposal", "policy", "model", "snapshot"] {
        assert!(judged[ground].is_string(), "{ground}: {out}");
    }
    let (out, messages, status) = run(&["audit", "verify", folder]);
    assert_eq!(status, 0, "{messages}");
    assert!(out.contains("Whole: ") && out.contains("Self-attested"), "{out}");
}

#[test]
fn who_halted_is_shown_until_it_is_erased_and_the_trail_verifies_before_and_after() {
    let shop = Shop::new();
    let (shown, _) = shop.audit(&["show", "shop", "--last", "3"], 0);
    assert_eq!(shown[0]["action"], "loop halted");
    let who = shown[0]["actor"]["commitment"].as_str().unwrap();
    assert_eq!(shown[0]["values"][who], NAME);
    let (_, refused) =
        shop.audit(&["erase", "shop", "--value", NAME, "--by", "Grace", "--reason", "Ada Lovelace asked"], 2);
    assert!(refused.contains("say it without"), "{refused}");
    let erasing = ["erase", "shop", "--value", NAME, "--by", "Grace", "--reason", "request 17"];
    let (erased, _) = shop.audit(&erasing, 0);
    assert_eq!((&erased["values"], &erased["left"], &erased["gone"]), (&9.into(), &0.into(), &true.into()));
    let ledger = fs::read(shop.path("shop").join(FILE_NAME)).unwrap();
    assert!(!ledger.windows(NAME.len()).any(|part| part == NAME.as_bytes()));
    let (verified, _) = shop.audit(&["verify", "shop"], 0);
    assert_eq!((&verified["whole"], &verified["records"]), (&true.into(), &10.into()));
}

#[test]
fn a_witness_signs_what_continues_and_refuses_a_rewritten_trail() {
    let shop = Shop::new();
    shop.audit(&["checkpoint", "shop", "--key", "log.key", "--since", "0", "--to", "offer.txt"], 0);
    let witness = |to: &str, expected: i32| {
        let asked = ["witness", "offer.txt", "--log", "log.key.pub", "--key", "witness.key", "--memory", "seen.txt"];
        shop.audit(&[&asked[..], &["--to", to]].concat(), expected).1
    };
    witness("first.txt", 0);
    shop.decide(1);
    shop.audit(&["checkpoint", "shop", "--key", "log.key", "--since", "9", "--to", "offer.txt"], 0);
    witness("second.txt", 0);
    let known = ["--public-key", "log.key.pub", "--witness", "witness.key.pub"];
    let verify = |checkpoint: &str, expected: i32| {
        shop.audit(&[&["verify", "shop", "--checkpoint", checkpoint], &known[..]].concat(), expected).0
    };
    let verified = verify("second.txt", 0);
    assert_eq!((&verified["signed"], &verified["witnessed"][0]["records"]), (&12.into(), &12.into()));
    shop.audit(&["verify", "shop", "--public-key", "log.key.pub", "--witness", "witness.key.pub"], 1);
    shop.audit(&["keep", "second.txt", "shop", "--public-key", "log.key.pub"], 0);
    shop.audit(&["verify", "shop", "--public-key", "log.key.pub", "--witness", "witness.key.pub"], 0);

    // Whoever holds database and key writes another history.
    fs::rename(shop.path("shop"), shop.path("before")).unwrap();
    fs::create_dir(shop.path("shop")).unwrap();
    shop.fill(12);
    let alone = shop.audit(&["verify", "shop"], 0).0;
    assert_eq!(alone["whole"], true, "it hangs together");
    let found = verify("second.txt", 1);
    assert_eq!((&found["whole"], &found["first_bad"]), (&false.into(), &1.into()), "{found}");
    shop.audit(&["checkpoint", "shop", "--key", "log.key", "--since", "12", "--to", "offer.txt"], 0);
    let refused = witness("third.txt", 1);
    assert!(refused.contains("forked") && !shop.path("third.txt").exists(), "{refused}");
}

#[test]
fn keys_stay_secret_and_one_takes_the_place_of_another() {
    let shop = Shop::new();
    let secret = fs::read_to_string(shop.path("log.key")).unwrap();
    let secret = secret.trim().rsplit('+').next().unwrap();
    let (shown, messages) = shop.audit(&["key", "show", "log.key"], 0);
    let public = shown["public_key"].as_str().unwrap();
    assert!(!shown.to_string().contains(secret) && !messages.contains(secret));
    assert_eq!(fs::read_to_string(shop.path("log.key.pub")).unwrap().trim(), public);
    let again = shop.audit(&["key", "new", "log.key", "--name", "shop.example/log"], 2).1;
    assert!(again.contains("never written over"), "{again}");
    shop.audit(&["key", "new", "new.txt", "--name", "shop.example/log"], 0);
    shop.audit(&["checkpoint", "shop", "--key", "log.key", "--key", "new.txt", "--to", "both.txt"], 0);
    for key in ["log.key.pub", "new.txt.pub"] {
        shop.audit(&["verify", "shop", "--checkpoint", "both.txt", "--public-key", key], 0);
    }
    shop.audit(&["verify", "shop", "--checkpoint", "both.txt", "--public-key", "witness.key.pub"], 1);
    let unlocked = shop.audit(&["verify", "shop", "--checkpoint", "both.txt"], 2).1;
    assert!(unlocked.contains("--public-key"), "{unlocked}");
    let missing = shop.audit(&["verify", "nowhere.txt"], 2).1;
    assert!(missing.contains("nowhere.txt is not there"), "{missing}");
}

/// What another program, which shares no code with this one, says of an export: the first bad record, if any.
fn told_by_python(export: &Path, shop: &Shop, checkpoints: &[&str]) -> Option<u64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tools/verify_audit.py");
    let mut python = Command::new("python3");
    python.arg(script).arg(export).arg("--public-key").arg(shop.path("log.key.pub"));
    python.arg("--witness").arg(shop.path("witness.key.pub"));
    for checkpoint in checkpoints {
        python.arg("--checkpoint").arg(shop.path(checkpoint));
    }
    let output = python.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let mut words = said.split_whitespace();
    match (words.next(), words.next().and_then(|number| number.parse().ok()), output.status.code()) {
        (Some("whole"), Some(_), Some(0)) => None,
        (Some("bad"), Some(first), Some(1)) => Some(first),
        _ => panic!("{said}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[test]
fn two_programs_that_share_no_code_agree_on_whole_and_tampered_trails() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no python3 to run docs/tools/verify_audit.py");
        return;
    }
    let shop = Shop::new();
    shop.fill(11);
    shop.audit(&["checkpoint", "shop", "--key", "log.key", "--since", "0", "--to", "offer.txt"], 0);
    let asked = ["witness", "offer.txt", "--log", "log.key.pub", "--key", "witness.key", "--memory", "seen.txt"];
    shop.audit(&[&asked[..], &["--to", "twenty.txt"]].concat(), 0);
    shop.fill(10);
    shop.audit(&["checkpoint", "shop", "--key", "log.key", "--to", "thirty.txt"], 0);
    shop.audit(&["export", "shop", "--to", "whole.txt"], 0);
    let whole = fs::read(shop.path("whole.txt")).unwrap();
    let lines: Vec<&[u8]> = whole.split_inclusive(|&byte| byte == b'\n').collect();
    assert_eq!(lines.len(), 30);
    let both = ["twenty.txt", "thirty.txt"];
    assert_eq!(told_by_python(&shop.path("whole.txt"), &shop, &both), None);

    let mut numbers = random().map(usize::from).into_iter().cycle().zip(1_usize..).map(|(a, b)| a * 7 + b * 31);
    let mut below = |limit: usize| numbers.next().unwrap() % limit;
    for number in 0..60 {
        let mut changed: Vec<Vec<u8>> = lines.iter().map(|line| line.to_vec()).collect();
        let (at, other) = (below(30), below(30));
        let what = match number % 6 {
            0 => {
                changed.remove(at);
                "drop"
            }
            1 => {
                changed.insert(at, changed[other].clone());
                "copy"
            }
            2 => {
                changed.swap(at, other);
                "swap"
            }
            3 => {
                changed.truncate(at);
                "cut"
            }
            _ => {
                let byte = below(changed[at].len());
                changed[at][byte] ^= 1 << below(8);
                "flip"
            }
        };
        let path = shop.path("changed.txt");
        fs::write(&path, changed.concat()).unwrap();
        let known = ["--checkpoint", "twenty.txt", "--checkpoint", "thirty.txt", "--public-key", "log.key.pub"];
        let expected = i32::from(changed.concat() != whole);
        let verify = [&["verify", "changed.txt"], &known[..], &["--witness", "witness.key.pub"]].concat();
        let ours = shop.audit(&verify, expected).0["first_bad"].as_u64();
        assert_eq!(told_by_python(&path, &shop, &both), ours, "{what} {at} {other}");
    }
}
