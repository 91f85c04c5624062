//! Approvals at the desk: who may answer, every way round it, and a plan that goes from a question to the connector.

use super::loaded::{ingested, write_shop};
use super::*;
use crate::approvals::{self, Wanted};
use crate::commands::audit::random;
use crate::console::Console;
use crate::project::{Finished, Run};
use endcap_adapters::ledger::{Answered, Asker, Kept, NotTaken};
use endcap_agent::ask::Asking;
use endcap_agent::run::Ended;
use endcap_govern::approval::{Answer, BreakGlass, NotCounted, Signature};
use endcap_govern::{Function, NotApproved};
use endcap_model::{Chain, Currency, Tier, hash_bytes};
use jiff::SignedDuration;
use serde_json::json as value;
use std::fs;
use std::sync::OnceLock;

const CATEGORY: Role = Role::Approver(Function::Category);
const FINANCE: Role = Role::Approver(Function::Finance);

/// One of category management, two from 1,000 on; a fresh sign-in above 500; then one of finance from 5,000 on.
fn chain() -> Chain {
    let mut chain = Chain::cautious();
    chain.steps[0].tiers = vec![Tier { from: 0, people: 1 }, Tier { from: 1_000, people: 2 }];
    chain.steps[0].fresh_login_above = 500;
    chain.steps[1].tiers = vec![Tier { from: 0, people: 0 }, Tier { from: 5_000, people: 1 }];
    chain
}

fn asking(plan: &str, money: i64) -> Asking {
    Asking {
        plan: plan.into(),
        proposal: hash_bytes(plan.as_bytes()),
        limits: hash_bytes(b"limits"),
        policy: hash_bytes(b"policy"),
        data: "s1".into(),
        chain: chain(),
        money: [("dairy".to_owned(), money)].into(),
        currency: Currency::EUR,
        reasons: vec!["more than policy lets pass".into()],
    }
}

impl TestDesk {
    /// A desk with two of category management, one of finance, a planner who may sign as well, and an auditor.
    async fn office() -> Self {
        let desk = Self::new(false).await;
        let both = [Role::Planner, CATEGORY];
        for (name, roles) in [
            ("cat", &[CATEGORY][..]),
            ("carl", &[CATEGORY]),
            ("fin", &[FINANCE]),
            ("planner", &both),
            ("viewer", &[Role::Viewer]),
            ("auditor", &[Role::Auditor]),
        ] {
            desk.account(name, roles).await;
        }
        desk
    }

    async fn asked(&self, plan: &str, money: i64) -> Kept {
        let staff = approvals::staff(&self.app.desk, &self.app.ledger).await.unwrap();
        let by = Asker::Person("planner");
        self.app.ledger.ask(&asking(plan, money), by, &staff, noon()).await.unwrap().unwrap()
    }

    /// What the trail tells of a request, newest first: action, outcome, reasons.
    async fn told_of(&self, id: &str) -> Vec<(String, String, String)> {
        let auditor = self.sign_in("auditor").await;
        let page = auditor.get(&format!("/api/v1/audit?subject={id}&limit=200")).await.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let row = |row: &Value| {
            let reasons: Vec<String> = row["reasons"].as_array().unwrap().iter().map(text).collect();
            (text(&row["action"]), text(&row["ruling"]), reasons.join("; "))
        };
        page["items"].as_array().unwrap().iter().map(row).collect()
    }
}

impl Browser<'_> {
    async fn answer(&self, id: &str, what: &str, version: u64, body: &Value) -> Got {
        let mut request = self.request("POST", &format!("/api/v1/requests/{id}/{what}"), body);
        request.headers_mut().insert("if-match", format!("\"v{version}\"").parse().unwrap());
        self.desk.send(request).await
    }

    async fn approve(&self, id: &str, version: u64) -> Got {
        self.answer(id, "approve", version, &value!({})).await
    }
}

#[test]
fn who_waits_for_what_is_shown_and_two_people_approve_in_turn() {
    run(async {
        let desk = TestDesk::office().await;
        let id = desk.asked("p1", 6_000).await.id;
        let (cat, fin, planner) = (desk.sign_in("cat").await, desk.sign_in("fin").await, desk.sign_in("planner").await);
        let first = |listed: Value| listed["items"][0].clone();
        let mine = first(cat.get("/api/v1/requests").await.json());
        assert_eq!((&mine["mine"]["function"], &mine["waiting"]["people"]), (&"category".into(), &2.into()), "{mine}");
        assert_eq!(mine["waiting"]["who"], value!(["carl", "cat"]), "nobody who proposed it");
        let own = first(planner.get("/api/v1/requests").await.json());
        assert_eq!((&own["mine"]["proposed"], &own["mine"]["function"]), (&true.into(), &Value::Null));
        assert!(own["mine"]["why_not"].as_str().unwrap().contains("nobody approves what they proposed"), "{own}");
        let read = cat.get(&format!("/api/v1/requests/{id}")).await;
        assert_eq!(read.headers["etag"], "\"v1\"");
        let signed = cat.approve(&id, 1).await;
        assert_eq!(
            (signed.status, &signed.headers["etag"]),
            (StatusCode::OK, &"\"v2\"".parse().unwrap()),
            "{}",
            signed.body
        );
        let carl = desk.sign_in("carl").await.answer(&id, "approve", 2, &value!({ "comment": "as agreed" })).await;
        assert_eq!(carl.json()["waiting"]["function"], "finance", "{}", carl.body);
        let granted = fin.approve(&id, 3).await.json();
        assert_eq!((&granted["state"], &granted["version"]), (&"granted".into(), &4.into()), "{granted}");
        let trail = desk.told_of(&id).await;
        let actions: Vec<&str> = trail.iter().map(|row| row.0.as_str()).collect();
        assert_eq!(actions, ["approval: signed", "approval: signed", "approval: signed", "approval: asked"]);
        assert_eq!(trail[1].2, "as agreed");
    });
}

#[test]
fn a_double_click_signs_once_and_a_named_request_is_answered_as_before() {
    run(async {
        let desk = TestDesk::office().await;
        let id = desk.asked("p1", 100).await.id;
        let cat = desk.sign_in("cat").await;
        let (one, two) = tokio::join!(cat.approve(&id, 1), cat.approve(&id, 1));
        assert_eq!((one.status, two.status), (StatusCode::OK, StatusCode::OK), "{} {}", one.body, two.body);
        assert_eq!(desk.app.ledger.request(&id).await.unwrap().unwrap().version(), 2);
        let other = desk.asked("p2", 100).await.id;
        let named = || {
            let mut request = cat.request("POST", &format!("/api/v1/requests/{other}/approve"), &value!({}));
            request.headers_mut().insert("if-match", "\"v1\"".parse().unwrap());
            request.headers_mut().insert("idempotency-key", "k1".parse().unwrap());
            request
        };
        let (first, again) = (desk.send(named()).await, desk.send(named()).await);
        assert_eq!((first.status, &first.body), (again.status, &again.body));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        let signed = desk.told_of(&other).await.into_iter().filter(|row| row.0 == "approval: signed").count();
        assert_eq!(signed, 1);
    });
}

#[test]
fn every_way_round_an_approval_is_refused_and_in_the_trail() {
    run(async {
        let desk = TestDesk::office().await;
        let id = desk.asked("p1", 100).await.id;
        let (planner, viewer, fin) =
            (desk.sign_in("planner").await, desk.sign_in("viewer").await, desk.sign_in("fin").await);
        let cat = desk.sign_in("cat").await;
        let wanted = value!({ "name": "robot", "roles": ["approver_category"], "days": 1 });
        let token = cat.send("POST", "/api/v1/tokens", &wanted).await.json()["token"].as_str().unwrap().to_owned();
        let by_token = || {
            let mut request = json("POST", &format!("/api/v1/requests/{id}/approve"), &value!({}));
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
            request.headers_mut().insert("if-match", "\"v1\"".parse().unwrap());
            request
        };
        let tried = [
            ("one's own", planner.approve(&id, 1).await, StatusCode::FORBIDDEN, "nobody approves what they proposed"),
            ("without a role", viewer.approve(&id, 1).await, StatusCode::FORBIDDEN, "only those who approve"),
            ("another function's", fin.approve(&id, 1).await, StatusCode::FORBIDDEN, "does not sign for this function"),
            ("an agent's token", desk.send(by_token()).await, StatusCode::FORBIDDEN, "an agent never approves"),
            ("seen before it changed", cat.approve(&id, 9).await, StatusCode::PRECONDITION_FAILED, "it changed since"),
        ];
        let trail = desk.told_of(&id).await;
        for (at, (what, got, status, why)) in tried.iter().rev().enumerate() {
            assert_eq!(got.status, *status, "{what}: {}", got.body);
            let (action, ruling, reasons) = &trail[at];
            assert_eq!((action.as_str(), ruling.as_str()), ("approval: signed", "refused"), "{what}");
            assert!(reasons.contains(why), "{what}: {reasons}");
        }
        let blind = cat.send("POST", &format!("/api/v1/requests/{id}/approve"), &value!({})).await;
        assert_eq!(blind.status, StatusCode::PRECONDITION_REQUIRED);
        let silent = cat.answer(&id, "refuse", 1, &value!({})).await;
        assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY, "a no needs a reason");
        assert_eq!(cat.approve("0000000000000000", 1).await.status, StatusCode::NOT_FOUND);
        let kept = desk.app.ledger.request(&id).await.unwrap().unwrap();
        assert_eq!((kept.version(), kept.request.signatures.len()), (1, 0));

        let no = cat.answer(&id, "refuse", 1, &value!({ "comment": "too deep for milk" })).await.json();
        assert_eq!((&no["state"], &no["why"]), (&"refused".into(), &"cat said no".into()));
        let late = desk.sign_in("carl").await.approve(&id, 2).await;
        assert_eq!((late.status, late.kind().as_str()), (StatusCode::CONFLICT, "/problems/decided"));
    });
}

#[test]
fn a_role_that_lapses_takes_its_signature_along_and_keeps_others_from_signing() {
    run(async {
        let desk = TestDesk::office().await;
        let id = desk.asked("p1", 2_000).await.id;
        assert_eq!(desk.sign_in("cat").await.approve(&id, 1).await.status, StatusCode::OK);
        desk.app.desk.change_account("cat", &[Role::Viewer], false).await.unwrap();
        let carl = desk.sign_in("carl").await;
        let void = carl.get(&format!("/api/v1/requests/{id}")).await.json();
        assert_eq!(void["state"], "void", "{void}");
        let refused = carl.approve(&id, 2).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
        assert_eq!(desk.told_of(&id).await[0].1, "refused");
        desk.app.desk.change_account("cat", &[CATEGORY], true).await.unwrap();
        let gone = carl.get(&format!("/api/v1/requests/{id}")).await.json();
        assert!(gone["why"].as_str().unwrap().contains("nobody of that name"), "kept out: {gone}");
    });
}

#[test]
fn much_money_needs_a_person_who_has_just_signed_in() {
    run(async {
        static LATER: OnceLock<Timestamp> = OnceLock::new();
        fn later() -> Timestamp {
            *LATER.get().unwrap_or(&noon())
        }
        let folder = tempfile::tempdir().unwrap();
        let app = open(settings(folder.path(), false), later).await.unwrap();
        let desk = TestDesk { router: shell::router(app.clone()), app, _folder: folder };
        desk.account("cat", &[CATEGORY]).await;
        let id = desk.asked("p1", 600).await.id;
        let cat = desk.sign_in("cat").await;
        LATER.set(noon() + SignedDuration::from_mins(11)).unwrap();
        let read = cat.get(&format!("/api/v1/requests/{id}")).await.json();
        assert_eq!(read["mine"]["sign_in_again"], true, "{read}");
        let stale = cat.approve(&id, 1).await;
        assert_eq!((stale.status, stale.kind().as_str()), (StatusCode::FORBIDDEN, "/problems/sign-in-again"));
        let again = desk.sign_in("cat").await;
        assert_eq!(again.approve(&id, 1).await.status, StatusCode::OK);
    });
}

#[test]
fn questions_are_asked_beside_a_request_and_decide_nothing() {
    run(async {
        let desk = TestDesk::office().await;
        let id = desk.asked("p1", 100).await.id;
        let (cat, planner) = (desk.sign_in("cat").await, desk.sign_in("planner").await);
        let path = format!("/api/v1/requests/{id}/words");
        let asked = cat.send("POST", &path, &value!({ "words": "why <b>milk</b>?" })).await.json();
        assert_eq!((&asked["state"], &asked["version"]), (&"waiting".into(), &2.into()));
        let said = planner.send("POST", &path, &value!({ "words": "it expires" })).await.json();
        let last = said["happened"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&last["who"], &last["words"][0]), (&"planner".into(), &"it expires".into()));
        assert_eq!(cat.send("POST", &path, &value!({ "words": " " })).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let viewer = desk.sign_in("viewer").await;
        assert_eq!(viewer.send("POST", &path, &value!({ "words": "me too" })).await.status, StatusCode::FORBIDDEN);
        assert_eq!(cat.approve(&id, 3).await.status, StatusCode::OK);
    });
}

#[test]
fn the_trail_is_for_auditors_who_are_recorded_and_says_on_whose_word_it_is() {
    run(async {
        let desk = TestDesk::office().await;
        desk.asked("p1", 100).await;
        let (auditor, cat) = (desk.sign_in("auditor").await, desk.sign_in("cat").await);
        assert_eq!(cat.get("/api/v1/audit").await.status, StatusCode::FORBIDDEN);
        let state = auditor.get("/api/v1/audit/state").await.json();
        assert_eq!((&state["whole"], &state["word"]), (&true.into(), &"self_attested".into()), "{state}");
        let by_cat = auditor.get("/api/v1/audit?actor=CAT").await.json();
        let rows = by_cat["items"].as_array().unwrap();
        assert!(rows.len() >= 2 && rows.iter().all(|row| row["actor"] == "cat"), "{by_cat}");
        assert_eq!((&rows[0]["action"], &rows[0]["ruling"]), (&"desk: GET audit".into(), &"refused".into()));
        let looked = auditor.get("/api/v1/audit?actor=auditor&action=desk:%20GET").await.json();
        assert_eq!(looked["items"][0]["action"], "desk: GET audit", "that somebody looked is recorded: {looked}");
        let page = auditor.get("/api/v1/audit?limit=2").await.json();
        let next = page["next"].as_u64().unwrap();
        let older = auditor.get(&format!("/api/v1/audit?limit=2&before={next}")).await.json();
        assert!(older["items"][0]["sequence"].as_u64().unwrap() < next);
        let export = auditor.get("/api/v1/audit/export").await;
        assert!(export.body.lines().count() >= 5 && !export.body.contains("cat"), "names stay behind");
        assert_eq!(auditor.get("/api/v1/audit?limit=0").await.status, StatusCode::BAD_REQUEST);
    });
}

#[test]
fn a_broken_glass_is_told_to_everybody_for_as_long_as_it_is_broken() {
    run(async {
        let desk = TestDesk::office().await;
        let scope = endcap_govern::stop::Scope::Category("dairy".into());
        let (reason, nonce) = ("tills are wrong".into(), "g1".into());
        let mut glass = BreakGlass { reason, scope, at: noon(), nonce, signatures: vec![] };
        let viewer = desk.sign_in("viewer").await;
        for name in ["cat", "fin"] {
            assert_eq!(viewer.get("/api/v1/emergencies").await.json(), value!([]));
            let account = desk.app.desk.account_by_name(name).await.unwrap().unwrap();
            let (key, _) = desk.app.desk.approval_key(&account, random, noon()).await.unwrap();
            let staff = approvals::staff(&desk.app.desk, &desk.app.ledger).await.unwrap();
            glass.sign(name, key.signing());
            desk.app.ledger.break_glass(&glass, &staff, noon()).await.unwrap().unwrap();
        }
        let told = viewer.get("/api/v1/emergencies").await.json();
        assert_eq!((&told[0]["by"], &told[0]["category"]), (&value!(["cat", "fin"]), &"dairy".into()), "{told}");
    });
}

/// A shop whose plan needs people, with the request for it.
struct Shop {
    folder: TempDir,
    request: String,
    plan: String,
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_shop(folder.path());
        let policy = fs::read_to_string(folder.path().join("policy.toml")).unwrap();
        fs::write(folder.path().join("policy.toml"), policy.replace("autonomy = \"act\"", "autonomy = \"propose\""))
            .unwrap();
        run(async {
            let office = approvals::Office::open(folder.path()).await.unwrap();
            for (name, role) in [("cat", CATEGORY), ("fin", FINANCE), ("planner", Role::Planner)] {
                let password = Some("unused".into());
                let new = NewAccount { name: name.into(), roles: vec![role], password, subject: None };
                office.desk.add_account(&new, Timestamp::now()).await.unwrap();
            }
            office.close().await;
        });
        ingested(folder.path(), "2024-11-04T06:00:00Z");
        let finished = planned(folder.path());
        assert!(matches!(finished.ended, Ended::Asks { .. }), "{:?}", finished.ended);
        let request = finished.request.unwrap();
        Self { request: request.id.clone(), plan: request.plan.to_string(), folder }
    }

    /// A shop of one's own, with everybody's signature.
    fn granted() -> Self {
        static MADE: OnceLock<Shop> = OnceLock::new();
        let made = MADE.get_or_init(|| {
            let shop = Shop::new();
            shop.sign();
            shop
        });
        let folder = super::loaded::copy(made.folder.path());
        Self { folder, request: made.request.clone(), plan: made.plan.clone() }
    }

    /// Lets everybody sign whose turn it is.
    fn sign(&self) {
        run(async {
            let office = approvals::Office::open(self.folder.path()).await.unwrap();
            for name in ["cat", "fin"] {
                let account = office.account(name).await.unwrap();
                let now = Timestamp::now();
                let (key, _) = office.desk.approval_key(&account, random, now).await.unwrap();
                let staff = office.staff().await.unwrap();
                let kept = office.ledger.request(&self.request).await.unwrap().unwrap();
                let Ok(function) = kept.request.function_of(name, &staff, now) else { continue };
                let subject = &kept.request.subject;
                let signature = Signature::sign(subject, name, function, Answer::Approve, now, now, key.signing());
                let answered = Answered { signature, comment: None, version: None };
                office.ledger.answer(&self.request, answered, &staff, now).await.unwrap().unwrap();
            }
            office.close().await;
        });
    }

    fn publish(&self) -> Result<String, NotTaken> {
        let wanted = Wanted { folder: self.folder.path(), what: &self.plan, glass: None };
        approvals::publish(wanted).unwrap().map(|sent| sent.by)
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {text}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    fn sent(&self) -> bool {
        self.folder.path().join("published").join(&self.plan).join("manifest.json").is_file()
    }

    /// The last thing that the trail tells of the request.
    fn last(&self) -> (bool, String) {
        run(async {
            let office = approvals::Office::open(self.folder.path()).await.unwrap();
            let kept = office.ledger.request(&self.request).await.unwrap().unwrap();
            office.close().await;
            let last = kept.happened.last().unwrap();
            (last.done, last.words.join("; "))
        })
    }
}

fn planned(folder: &Path) -> Finished {
    let run = Run {
        folder,
        scenario: &folder.join("scenario.toml"),
        policy: &folder.join("policy.toml"),
        seed: 1,
        solve: endcap_plan::solve::Settings::default(),
        by: Some("planner"),
        shadow: false,
    };
    let store = endcap_adapters::facts::Store::open(folder).unwrap();
    run.run(crate::commands::ground::latest(&store, folder).unwrap(), &Console::new(true)).unwrap()
}

#[test]
fn a_plan_that_people_approved_reaches_the_connector_once() {
    let shop = Shop::new();
    assert_eq!(shop.publish(), Err(NotApproved::NotGranted.into()));
    assert!(!shop.sent());
    assert_eq!(planned(shop.folder.path()).request.unwrap().id, shop.request, "the same is not asked twice");
    shop.sign();
    let by = shop.publish().unwrap();
    assert!(by.starts_with("cat") && shop.sent(), "{by}");
    assert_eq!(shop.publish(), Err(NotApproved::AlreadyUsed.into()));
    assert_eq!(shop.last(), (false, NotApproved::AlreadyUsed.to_string()));
    let again = planned(shop.folder.path());
    assert!(again.ended == Ended::Done && again.request.is_none(), "what is in force is not asked for again");
}

#[test]
fn what_changed_since_it_was_signed_is_named_and_nothing_goes_out() {
    let changed = |change: &dyn Fn(&Shop), expected: NotApproved| {
        let shop = Shop::granted();
        change(&shop);
        assert_eq!(shop.publish(), Err(expected.into()));
        assert!(!shop.sent(), "{expected}");
        assert_eq!(shop.last(), (false, expected.to_string()), "it is in the trail");
    };
    changed(&|shop| shop.edit("policy.toml", "spend_max = 12000.00", "spend_max = 12001.00"), NotApproved::OtherPolicy);
    changed(&|shop| shop.edit("policy.toml", "people = 2", "people = 1"), NotApproved::OtherPolicy);
    changed(&|shop| shop.edit("scenario.toml", "slots = 2", "slots = 3"), NotApproved::OtherLimits);
    changed(
        &|shop| {
            shop.edit("sales.csv", "a,x,2024-W01,", "a,x,2024-W01,1");
            ingested(shop.folder.path(), "2024-11-05T06:00:00Z");
        },
        NotApproved::OtherData,
    );
    changed(
        &|shop| shop.edit(&format!("plans/{}/plan.json", shop.plan), "\"value\":", "\"value\":1"),
        NotApproved::OtherContent,
    );
    changed(
        &|shop| {
            run(async {
                let office = approvals::Office::open(shop.folder.path()).await.unwrap();
                office.desk.change_account("cat", &[Role::Viewer], false).await.unwrap();
                office.close().await;
            });
        },
        NotApproved::NotCounted(NotCounted::NoFunction),
    );
}

#[test]
fn a_sending_that_was_cut_off_goes_on_without_a_second_effect() {
    let shop = Shop::granted();
    let blocked = shop.folder.path().join("published");
    fs::write(&blocked, "in the way").unwrap();
    let wanted = Wanted { folder: shop.folder.path(), what: &shop.request, glass: None };
    assert!(approvals::publish(wanted).is_err(), "the connector is down");
    assert_eq!(shop.last(), (true, String::new()), "the approval is used up before anything leaves");
    fs::remove_file(&blocked).unwrap();
    assert!(shop.publish().is_ok() && shop.sent());
    assert_eq!(shop.publish(), Err(NotApproved::AlreadyUsed.into()));
}

#[test]
fn a_halted_loop_sends_nothing_whoever_signed() {
    use endcap_agent::ports::Journal;
    let shop = Shop::granted();
    let folder = shop.folder.path();
    let mut journal = endcap_adapters::ledger::AuditedJournal::open(folder, Timestamp::now, random).unwrap();
    let halt = endcap_agent::halt::halted(&[], "Ada", "stores are shut");
    journal.append(&endcap_model::Event::Halted { halt }).unwrap();
    drop(journal);
    let refused = shop.publish().unwrap_err();
    assert!(matches!(&refused, NotTaken::Stopped(why) if why.contains("Ada")), "{refused}");
    assert!(!shop.sent() && !shop.last().0);
}
