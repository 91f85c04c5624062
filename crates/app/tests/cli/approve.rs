//! `endcap approve` as those who sign on the command line meet it.

use crate::{endcap, run, server};
use endcap_adapters::ledger::{Asker, FILE_NAME, Ledger};
use endcap_agent::ask::Asking;
use endcap_govern::approval::Staff;
use endcap_model::{Chain, Currency, hash_bytes};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

/// A project in which ada proposed a plan; ada, carl and cleo approve for category management, fin for finance.
struct Shop {
    kept: tempfile::TempDir,
    request: String,
}

impl Shop {
    fn new() -> Self {
        Self::at("")
    }

    /// A shop whose rows have a home of their own.
    fn at(home: &str) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let folder = kept.path().join("shop");
        fs::create_dir(&folder).unwrap();
        if !home.is_empty() {
            fs::write(folder.join("endcap.toml"), home).unwrap();
        }
        for (name, role) in [
            ("ada", "approver_category"),
            ("carl", "approver_category"),
            ("cleo", "approver_category"),
            ("fin", "approver_finance"),
        ] {
            let arguments = ["account", "add", name, "--role", role, folder.to_str().unwrap()];
            endcap().args(arguments).write_stdin("correct horse battery\n").assert().success();
        }
        let asking = Asking {
            plan: "p1".into(),
            proposal: hash_bytes(b"p1"),
            limits: hash_bytes(b"limits"),
            policy: hash_bytes(b"policy"),
            data: "s1".into(),
            chain: Chain::cautious(),
            money: [("dairy".to_owned(), 1_500_000)].into(),
            currency: Currency::EUR,
            reasons: vec!["more than policy lets pass".into()],
        };
        let request = tokio::runtime::Runtime::new().unwrap().block_on(async {
            let ledger = Ledger::open(&folder.join(FILE_NAME), random).await.unwrap();
            let now = jiff::Timestamp::now();
            let kept = ledger.ask(&asking, Asker::Person("ada"), &Staff::default(), now).await.unwrap().unwrap();
            ledger.close().await;
            kept.id
        });
        let shop = Self { kept, request };
        for name in ["ada", "carl", "cleo", "fin"] {
            shop.approve(&["key", "new", &format!("{name}.key"), "shop", "--as", name], 0);
        }
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.kept.path().join(name)
    }

    /// Runs `endcap approve` with names of files of this shop; returns its JSON and what it said.
    fn approve(&self, arguments: &[&str], expected: i32) -> (Value, String) {
        let in_place = |&text: &&str| {
            if text == "shop" || text.ends_with(".key") {
                self.path(text).display().to_string()
            } else {
                text.to_owned()
            }
        };
        let arguments: Vec<String> = ["approve", "--json"].iter().chain(arguments).map(in_place).collect();
        let (out, messages, status) = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(status, expected, "{arguments:?}: {out}{messages}");
        (serde_json::from_str(&out).unwrap_or_default(), messages)
    }

    fn sign(&self, name: &str, key: &str, expected: i32) -> Value {
        self.approve(&["sign", &self.request, "shop", "--as", name, "--key", key], expected).0
    }
}

#[test]
fn people_sign_with_keys_of_their_own_and_others_are_refused() {
    people_sign(&Shop::new());
}

#[test]
fn people_sign_in_the_same_way_where_rows_lie_in_postgresql() {
    let Some(server) = server::shared() else { return };
    let shop = Shop::at(&server::home(&server.url(), &server::new_schema()));
    people_sign(&shop);
    assert!(!shop.path("shop").join(FILE_NAME).exists());
}

fn people_sign(shop: &Shop) {
    let (listed, _) = shop.approve(&["list", "shop"], 0);
    assert_eq!((&listed[0]["id"], &listed[0]["state"]), (&Value::from(shop.request.as_str()), &"waiting".into()));
    let own = shop.sign("ada", "ada.key", 1);
    assert_eq!(own["refused"], "nobody approves what they proposed");
    let borrowed = shop.sign("carl", "fin.key", 1);
    assert_eq!(borrowed["refused"], "the signature does not verify with the person's key");
    assert!(shop.sign("fin", "fin.key", 1)["refused"].as_str().unwrap().contains("this function"));
    assert_eq!(shop.sign("Carl", "carl.key", 0)["waiting"]["function"], "finance");
    assert_eq!(shop.sign("fin", "fin.key", 0)["state"], "granted");
    let (shown, _) = shop.approve(&["show", &shop.request, "shop"], 0);
    let refused = shown["happened"].as_array().unwrap().iter().filter(|one| one["done"] == false).count();
    assert_eq!(refused, 3, "every try is in the trail: {shown}");
    let folder = shop.path("shop").display().to_string();
    let (out, messages, status) = run(&["audit", "verify", &folder]);
    assert_eq!(status, 0, "{out}{messages}");
}

#[test]
fn a_no_ends_it_and_bad_input_is_told_from_a_refusal() {
    let shop = Shop::new();
    let no = ["refuse", &shop.request, "shop", "--as", "carl", "--key", "carl.key", "--comment", "too deep"];
    assert_eq!(shop.approve(&no, 0).0["state"], "refused");
    assert_eq!(shop.sign("cleo", "cleo.key", 1)["refused"], "it is decided already");
    // What people refuse is kept with their words, by category.
    let rates = shop.approve(&["rates", "shop"], 0).0;
    assert_eq!((&rates[0]["answered"], &rates[0]["granted"]), (&1.into(), &0.into()), "{rates}");
    assert_eq!(rates[0]["refusals"][0], "too deep", "{rates}");
    shop.approve(&["show", "0000", "shop"], 2);
    shop.approve(&["publish", "p1", "shop"], 2);
    shop.approve(&["sign", &shop.request, "shop", "--as", "nobody", "--key", "carl.key"], 2);
    shop.approve(&["key", "new", "ada.key", "shop", "--as", "ada"], 2);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(shop.path("carl.key"), fs::Permissions::from_mode(0o644)).unwrap();
        let (_, messages) = shop.approve(&["sign", &shop.request, "shop", "--as", "carl", "--key", "carl.key"], 2);
        assert!(messages.contains("mode 644"), "{messages}");
    }
}

#[test]
fn a_key_that_is_taken_back_takes_its_signature_along() {
    let shop = Shop::new();
    shop.sign("carl", "carl.key", 0);
    shop.approve(&["key", "new", "new.key", "shop", "--as", "carl", "--only"], 0);
    let (shown, _) = shop.approve(&["show", &shop.request, "shop"], 0);
    assert_eq!(shown["state"], "void", "{shown}");
}

#[test]
fn a_stand_in_signs_and_two_people_break_the_glass() {
    let shop = Shop::new();
    let away = ["stand-in", "fin", "shop", "--as", "carl", "--key", "carl.key", "--days", "3"];
    assert_eq!(shop.approve(&away, 0).0["stands_in"], "fin");
    assert_eq!(shop.sign("fin", "fin.key", 0)["waiting"]["function"], "finance");
    assert!(shop.sign("fin", "fin.key", 1)["refused"].as_str().unwrap().contains("signed already"));
    let declared = ["break-glass", "shop", "--as", "carl", "--key", "carl.key", "--reason", "tills are wrong"];
    let (glass, _) = shop.approve(&declared, 0);
    let number = glass["glass"]["nonce"].as_str().unwrap();
    assert!(glass["whole"].is_string(), "one alone breaks nothing: {glass}");
    shop.approve(&["break-glass", "shop", "--as", "carl", "--key", "carl.key", "--join", number], 1);
    let (broken, _) = shop.approve(&["break-glass", "shop", "--as", "fin", "--key", "fin.key", "--join", number], 0);
    assert!(broken["whole"].is_null(), "{broken}");
}
