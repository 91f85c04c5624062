//! Erasing a person: afterwards no file of the project holds a name or a word of theirs, and the trail verifies as before.

use crate::{endcap, run};
use std::fs;
use std::path::Path;

const NAME: &str = "canary-lovelace";
const WORDS: &str = "canary words of hers";

/// Files below a folder that hold a text.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else if fs::read(&path).unwrap().windows(text.len()).any(|part| part == text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn well(arguments: &[&str]) -> String {
    let (out, messages, status) = run(arguments);
    assert_eq!(status, 0, "{arguments:?}: {out}{messages}");
    format!("{out}{messages}")
}

#[test]
fn a_person_who_is_erased_is_in_no_store_and_no_new_backup_and_the_trail_still_verifies() {
    let kept = tempfile::tempdir().unwrap();
    let path = |name: &str| kept.path().join(name).display().to_string();
    let (shop, key, checkpoint) = (path("shop"), path("log.key"), path("before.checkpoint"));
    well(&["init", &shop]);
    let add = ["account", "add", NAME, "--role", "approver_category", &shop];
    endcap().args(add).write_stdin("correct horse battery\n").assert().success();
    let said = ["--as", NAME, "--reason", WORDS];
    well(&[&["stop", &shop, "--category", "dairy"][..], &said].concat());
    well(&[&["stop", &shop, "--category", "dairy", "--lift"][..], &said].concat());
    let field = ["--category", "dairy", "--channel", "tills", "--action", "set_price", "--to", "halted"];
    well(&[&["ladder", "lower", &shop][..], &field, &said].concat());
    well(&["audit", "key", "new", &key, "--name", "shop.example/log"]);
    well(&["audit", "checkpoint", &shop, "--key", &key, "--to", &checkpoint]);
    well(&["backup", &shop, "--to", &path("old")]);
    for text in [NAME, WORDS] {
        assert!(!holding(Path::new(&shop), text).is_empty(), "{text} is there to be erased");
    }

    let erased = well(&["account", "erase", NAME, &shop, "--by", "Grace", "--reason", "request 17"]);
    assert!(erased.contains("erased"), "{erased}");
    well(&["audit", "erase", &shop, "--value", "canary", "--within", "--by", "Grace", "--reason", "request 17"]);
    let mut hits = 0;
    for text in [NAME, WORDS, "Canary", "canary"] {
        let left = holding(Path::new(&shop), text);
        hits += left.len();
        assert!(left.is_empty(), "{text} is still in {left:?}");
    }
    well(&["audit", "verify", &shop, "--checkpoint", &checkpoint, "--public-key", &format!("{key}.pub")]);
    well(&["backup", &shop, "--to", &path("new")]);
    assert!(holding(Path::new(&path("new")), "canary").is_empty(), "a new backup holds nothing of her");
    assert!(!holding(Path::new(&path("old")), "canary").is_empty(), "an old one does, until it expires");
    let list = well(&["account", "list", &shop]);
    assert!(list.contains("erased-"), "{list}");
    let (_, again, status) = run(&["account", "erase", NAME, &shop, "--by", "Grace", "--reason", "again"]);
    assert!(status == 2 && again.contains("there is no account"), "{again}");
    println!(
        "measured: G1 | a person who had an account, stopped, lifted and moved the machine, erased; every file searched | {hits} hits, the trail verifies against a checkpoint from before"
    );
}

#[test]
fn whoever_has_signed_is_kept_and_told_why() {
    let kept = tempfile::tempdir().unwrap();
    let shop = kept.path().join("shop").display().to_string();
    well(&["init", &shop]);
    for (name, role) in [(NAME, "planner"), ("carl", "approver_category")] {
        endcap()
            .args(["account", "add", name, "--role", role, &shop])
            .write_stdin("correct horse battery\n")
            .assert()
            .success();
    }
    let target = "name = \"spring\"\nversion = 1\n[[targets]]\nkpi = \"units\"\nunit = \"piece\"\nfrom = \"2025-03-01\"\n\
                  until = \"2025-06-01\"\ngoal = 1000\ntolerance_below = 50\nowner = \"Ada\"\n";
    fs::write(kept.path().join("shop/objectives.toml"), target).unwrap();
    well(&["objectives", "ask", &shop, "--as", NAME]);
    let (_, refused, status) = run(&["account", "erase", NAME, &shop, "--by", "Grace", "--reason", "request 18"]);
    assert!(status == 1 && refused.contains("1 requests for approval"), "{status} {refused}");
    assert!(!holding(Path::new(&shop), NAME).is_empty());
}
