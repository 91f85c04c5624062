//! Requests for approval in the ledger: what people signed holds, and every other way is refused and in the audit trail.

use ed25519_dalek::SigningKey;
use endcap_adapters::ledger::{
    Answered, Asker, By, FILE_NAME, Kept, Ledger, LedgerError, NotGenuine, NotTaken, Step, Use, verify,
};
use endcap_agent::ask::Asking;
use endcap_govern::approval::{
    Answer, BreakGlass, NotBroken, NotCounted, Person, Register, Request, Signature, Staff, Stage, StandIn,
};
use endcap_govern::audit::Anchors;
use endcap_govern::stop::Scope;
use endcap_govern::{Function, NotApproved, Role};
use endcap_model::{Chain, Currency, Tier, hash_bytes};
use jiff::{SignedDuration, Timestamp};
use std::hash::{BuildHasher, Hasher, RandomState};
use support::project::Project;

#[path = "support/mod.rs"]
mod support;

on_both! {
    what_was_asked_and_signed_comes_back_after_reopening_and_is_used_once,
    the_same_question_is_asked_once_and_a_no_stands_until_a_person_asks_again,
    answers_that_do_not_count_are_refused_and_in_the_trail,
    of_two_who_answer_at_once_the_second_finds_it_decided_and_a_second_click_changes_nothing,
    two_ledgers_over_one_file_use_an_approval_for_one_effect,
    split_into_many_it_counts_as_one,
    a_login_that_is_too_old_for_so_much_money_does_not_sign,
    who_lost_the_role_since_takes_the_approval_along,
    the_tables_refuse_changes_and_removals,
    rows_that_were_changed_by_hand_make_no_approval,
    a_request_and_signatures_made_by_hand_are_no_approval_even_with_real_keys,
    a_request_that_was_taken_away_stops_new_ones_until_it_is_restored,
    a_stand_in_signs_when_the_one_who_is_away_said_so_and_a_row_by_hand_names_nobody,
    glass_is_broken_by_two_who_may_approve_and_by_nobody_else,
    what_people_write_is_erased_with_their_names,
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    for eight in bytes.chunks_exact_mut(8) {
        eight.copy_from_slice(&RandomState::new().build_hasher().finish().to_be_bytes());
    }
    bytes
}

fn at(hours: f64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + (hours * 3600.0) as i64).unwrap()
}

fn waited<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(hash_bytes(name.as_bytes()).as_str().as_bytes()[..32].try_into().unwrap())
}

const CATEGORY: Function = Function::Category;

/// Three of category management, one of finance, a planner, and a program that holds an approver's role.
fn staff() -> Staff {
    let person = |name: &str| {
        let roles = match name {
            "cat" | "carl" | "cleo" | "robot" => vec![Role::Approver(CATEGORY)],
            "fin" => vec![Role::Approver(Function::Finance)],
            _ => vec![Role::Planner],
        };
        (name.to_owned(), Person { roles, human: name != "robot", keys: vec![key(name).verifying_key()] })
    };
    Staff { people: ["cat", "carl", "cleo", "fin", "planner", "robot"].map(person).into(), stand_ins: vec![] }
}

/// One signature of category management, two from 1,000 on; a fresh sign-in above 500.
fn chain() -> Chain {
    let mut chain = Chain::cautious();
    chain.steps.truncate(1);
    chain.steps[0].tiers = vec![Tier { from: 0, people: 1 }, Tier { from: 1_000, people: 2 }];
    (chain.steps[0].hours, chain.steps[0].fresh_login_above) = (4, 500);
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

/// The ledger of a project.
struct Office {
    ledger: Ledger,
    project: Project,
}

impl Office {
    async fn new(project: Project) -> Self {
        Self { ledger: Ledger::open(&project.file(FILE_NAME), random).await.unwrap(), project }
    }

    async fn ask(&self, plan: &str, money: i64) -> Kept {
        let asker = Asker::Person("planner");
        self.ledger.ask(&asking(plan, money), asker, &staff(), at(0.0)).await.unwrap().unwrap()
    }

    async fn answer(&self, kept: &Kept, signature: Signature, hours: f64) -> Result<Kept, NotTaken> {
        let answered = Answered { signature, comment: None, version: None };
        self.ledger.answer(&kept.id, answered, &staff(), at(hours)).await.unwrap()
    }

    async fn sign(&self, kept: &Kept, name: &str) -> Result<Kept, NotTaken> {
        self.answer(kept, signature(kept, name, 1.0), 1.0).await
    }

    async fn send(&self, kept: &Kept, journal: u64, happened: &[u64], staff: &Staff) -> Result<(), NotTaken> {
        let wanted = Use { effect: kept.plan.as_str(), journal, happened, stopped: None };
        let check = |request: &Request, register: &mut Register| passes(request, register, staff);
        self.ledger.use_up(&kept.id, wanted, at(2.0), check).await.unwrap()
    }

    /// The last thing in the trail about a request: what, whether it was done, and the words.
    async fn last(&self, id: &str) -> (Step, bool, String) {
        let kept = self.ledger.request(id).await.unwrap().unwrap();
        let last = kept.happened.last().unwrap();
        (last.step, last.done, last.words.join("; "))
    }

    async fn by_hand(&self, statements: &str) -> Result<(), sqlx::Error> {
        self.project.by_hand(FILE_NAME, statements).await
    }

    /// The trail verifies, whatever was tried.
    async fn whole(&self) -> u64 {
        verify(&self.project.file(FILE_NAME), &Anchors::default()).await.unwrap().unwrap().records
    }
}

/// What `approve_signed` asks of a request, without a plan.
fn passes(request: &Request, register: &mut Register, staff: &Staff) -> Result<(), NotApproved> {
    match request.stage(staff, at(2.0)) {
        Ok(Stage::Granted { .. }) => register.use_up(&request.subject, at(2.0)).map_err(|_| NotApproved::AlreadyUsed),
        Ok(_) => Err(NotApproved::NotGranted),
        Err((_, why)) => Err(NotApproved::NotCounted(why)),
    }
}

fn signature(kept: &Kept, name: &str, hours: f64) -> Signature {
    let approve = Answer::Approve;
    Signature::sign(&kept.request.subject, name, CATEGORY, approve, at(hours), at(hours), &key(name))
}

fn what_was_asked_and_signed_comes_back_after_reopening_and_is_used_once(project: Project) {
    waited(async {
        let office = Office::new(project).await;
        let asked = office.ask("p1", 100).await;
        assert_eq!((asked.version(), asked.request.at_risk), (1, 100));
        let signed = office.sign(&asked, "cat").await.unwrap();
        assert_eq!(signed.stage(&staff(), at(1.0)), Ok(Stage::Granted { by: vec!["cat".into()] }));
        office.ledger.close().await;
        let again = Ledger::open(&office.project.file(FILE_NAME), random).await.unwrap();
        let office = Office { ledger: again, ..office };
        assert_eq!(office.ledger.request(&asked.id).await.unwrap().unwrap().version(), 2);
        assert_eq!(office.send(&asked, 5, &[], &staff()).await, Ok(()));
        assert_eq!(office.last(&asked.id).await, (Step::Used, true, String::new()));
        // Cut off before it went out: the same effect goes on, and another is refused.
        assert_eq!(office.send(&asked, 6, &[], &staff()).await, Ok(()));
        let other = Use { effect: "p2", journal: 6, happened: &[], stopped: None };
        let check = |request: &Request, register: &mut Register| passes(request, register, &staff());
        let refused = office.ledger.use_up(&asked.id, other, at(2.0), check).await.unwrap();
        assert_eq!(refused, Err(NotTaken::NotApproved(NotApproved::AlreadyUsed)));
        // It went out: nothing goes a second time.
        let replayed = office.send(&asked, 6, &[5], &staff()).await;
        assert_eq!(replayed, Err(NotTaken::NotApproved(NotApproved::AlreadyUsed)));
        assert!(!office.last(&asked.id).await.1);
        assert_eq!(office.whole().await, 5);
    });
}

fn the_same_question_is_asked_once_and_a_no_stands_until_a_person_asks_again(project: Project) {
    waited(async {
        let office = Office::new(project).await;
        let by_agent = |plan: &'static str, hours| {
            let ledger = office.ledger.clone();
            async move { ledger.ask(&asking(plan, 100), Asker::Agent, &staff(), at(hours)).await.unwrap() }
        };
        let first = by_agent("p1", 0.0).await.unwrap();
        assert_eq!(by_agent("p1", 0.5).await.unwrap().id, first.id);
        let no =
            Signature::sign(&first.request.subject, "cat", CATEGORY, Answer::Refuse, at(1.0), at(1.0), &key("cat"));
        let turned_down = office.answer(&first, no, 1.0).await.unwrap();
        assert_eq!(turned_down.stage(&staff(), at(1.0)), Ok(Stage::Refused { by: "cat".into() }));
        assert_eq!(by_agent("p1", 1.5).await.unwrap_err(), NotTaken::SaidNo { by: "cat".into() });
        assert_eq!(office.last(&first.id).await.0, Step::Asked);
        let person = Asker::Person("planner");
        let anew = office.ledger.ask(&asking("p1", 100), person, &staff(), at(2.0)).await.unwrap().unwrap();
        assert_ne!(anew.id, first.id);
        let late = by_agent("p2", 2.0).await.unwrap();
        let expired = by_agent("p2", 7.0).await.unwrap();
        assert_ne!(late.id, expired.id, "nobody answered in time, which is a no, and it may be asked again");
        office.whole().await;
    });
}

fn answers_that_do_not_count_are_refused_and_in_the_trail(project: Project) {
    waited(async {
        let office = Office::new(project).await;
        let (asked, other) = (office.ask("p1", 100).await, office.ask("p2", 100).await);
        let good = |name: &str| signature(&asked, name, 1.0);
        let mut flipped = good("cat");
        flipped.bytes[3] ^= 1;
        let mut stale_login = good("cat");
        stale_login.signed_in = at(0.0);
        let subject = &asked.request.subject;
        let fin = Signature::sign(subject, "fin", CATEGORY, Answer::Approve, at(1.0), at(1.0), &key("fin"));
        let with_another_key = Signature::sign(subject, "cat", CATEGORY, Answer::Approve, at(1.0), at(1.0), &key("x"));
        for (what, signature, expected) in [
            ("forged", flipped, NotCounted::Forged),
            ("with another key", with_another_key, NotCounted::Forged),
            ("edited after signing", stale_login, NotCounted::Forged),
            ("replayed from another request", self::signature(&other, "cat", 1.0), NotCounted::OtherSubject),
            ("one's own", good("planner"), NotCounted::Proposer),
            ("a program's", good("robot"), NotCounted::Agent),
            ("for a function that is not theirs", fin, NotCounted::NoFunction),
            ("of a stranger", good("eve"), NotCounted::UnknownPerson),
        ] {
            let refused = office.answer(&asked, signature, 1.0).await.unwrap_err();
            assert_eq!(refused, NotTaken::NotCounted(expected), "{what}");
            let (step, done, words) = office.last(&asked.id).await;
            assert_eq!((step, done, words), (Step::Signed, false, expected.to_string()), "{what}");
        }
        let late = office.answer(&asked, signature(&asked, "cat", 4.5), 4.5).await.unwrap_err();
        assert_eq!(late, NotTaken::NotCounted(NotCounted::TooLate), "expired");
        let answered = Answered { signature: good("cat"), comment: None, version: Some(7) };
        let stale = office.ledger.answer(&asked.id, answered, &staff(), at(1.0)).await.unwrap();
        assert_eq!(stale.unwrap_err(), NotTaken::Stale { version: 1 });
        let answered = Answered { signature: good("cat"), comment: None, version: None };
        let nowhere = office.ledger.answer("0000", answered, &staff(), at(1.0)).await.unwrap();
        assert_eq!(nowhere.unwrap_err(), NotTaken::Missing);
        let why = NotTaken::Program;
        office.ledger.refuse(&asked.id, Step::Signed, By::Program("robot"), &why, at(1.0)).await.unwrap();
        let kept = office.ledger.request(&asked.id).await.unwrap().unwrap();
        assert_eq!((kept.version(), kept.request.signatures.len()), (1, 0), "nothing of it counts");
        assert_eq!(kept.happened.iter().filter(|one| !one.done).count(), 11);
        office.whole().await;
    });
}

fn of_two_who_answer_at_once_the_second_finds_it_decided_and_a_second_click_changes_nothing(project: Project) {
    waited(async {
        let office = Office::new(project).await;
        let asked = office.ask("p1", 100).await;
        let (cat, carl) = tokio::join!(office.sign(&asked, "cat"), office.sign(&asked, "carl"));
        let refused = [cat, carl].into_iter().filter_map(Result::err).collect::<Vec<_>>();
        assert_eq!(refused, [NotTaken::NotCounted(NotCounted::Decided)]);
        let kept = office.ledger.request(&asked.id).await.unwrap().unwrap();
        let signer = kept.request.signatures[0].person.clone();
        let (again, too) = tokio::join!(office.sign(&asked, &signer), office.sign(&asked, &signer));
        assert_eq!((again.unwrap().version(), too.unwrap().version()), (2, 2));
        assert_eq!(office.whole().await, 3, "asked, signed, and one that came too late");
    });
}

fn two_ledgers_over_one_file_use_an_approval_for_one_effect(project: Project) {
    waited(async {
        let office = Office::new(project).await;
        let asked = office.ask("p1", 100).await;
        office.sign(&asked, "cat").await.unwrap();
        let second = Ledger::open(&office.project.file(FILE_NAME), random).await.unwrap();
        let tried = |ledger: Ledger, effect: &'static str| {
            let id = asked.id.clone();
            async move {
                let wanted = Use { effect, journal: 0, happened: &[], stopped: None };
                let check = |request: &Request, register: &mut Register| passes(request, register, &staff());
                ledger.use_up(&id, wanted, at(2.0), check).await.unwrap()
            }
        };
        let (one, other) = tokio::join!(tried(office.ledger.clone(), "p1"), tried(second, "x"));
        assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1, "{one:?} {other:?}");
        office.whole().await;
    });
}

fn split_into_many_it_counts_as_one(project: Project) {
    waited(async {
        let office = Office::new(project).await;
        for part in 0..9 {
            let small = office.ask(&format!("small {part}"), 100).await;
            assert_eq!(small.request.at_risk, 100 * (part + 1));
        }
        let tenth = office.ask("the tenth", 100).await;
        assert_eq!(tenth.request.at_risk, 1_000);
        let signed = office.sign(&tenth, "cat").await.unwrap();
        assert!(matches!(signed.stage(&staff(), at(1.0)), Ok(Stage::Waiting { people: 1, .. })), "two must sign");
        assert_eq!(office.send(&tenth, 0, &[], &staff()).await, Err(NotApproved::NotGranted.into()));
        assert_eq!(office.last(&tenth.id).await.0, Step::Used);
        let other = office.ledger.ask(&asking("later", 100), Asker::Agent, &staff(), at(24.0 * 7.0)).await.unwrap();
        assert_eq!(other.unwrap().request.at_risk, 100, "a week later it is forgotten");
    });
}

fn a_login_that_is_too_old_for_so_much_money_does_not_sign(project: Project) {
    waited(async {
        let office = Office::new(project).await;
        let asked = office.ask("p1", 600).await;
        let signed_in = at(1.0) - SignedDuration::from_mins(10);
        let subject = &asked.request.subject;
        let stale = Signature::sign(subject, "cat", CATEGORY, Answer::Approve, at(1.0), signed_in, &key("cat"));
        let refused = office.answer(&asked, stale, 1.0).await.unwrap_err();
        assert_eq!(refused, NotTaken::NotCounted(NotCounted::StaleLogin));
        assert!(office.sign(&asked, "cat").await.is_ok());
    });
}

fn who_lost_the_role_since_takes_the_approval_along(project: Project) {
    waited(async {
        let office = Office::new(project).await;
        let asked = office.ask("p1", 100).await;
        let signed = office.sign(&asked, "cat").await.unwrap();
        let mut today = staff();
        today.people.get_mut("cat").unwrap().roles.clear();
        assert_eq!(signed.stage(&today, at(1.0)), Err(NotCounted::NoFunction.into()));
        let refused = office.send(&asked, 0, &[], &today).await.unwrap_err();
        assert_eq!(refused, NotTaken::NotApproved(NotApproved::NotCounted(NotCounted::NoFunction)));
        assert_eq!(office.last(&asked.id).await.0, Step::Used);
        let mut gone = staff();
        gone.people.remove("cat");
        assert!(office.send(&asked, 0, &[], &gone).await.is_err());
    });
}

fn the_tables_refuse_changes_and_removals(project: Project) {
    waited(async {
        let office = Office::new(project).await;
        let asked = office.ask("p1", 100).await;
        office.sign(&asked, "cat").await.unwrap();
        office.send(&asked, 0, &[], &staff()).await.unwrap();
        for statement in [
            "update request set content = '{}'",
            "delete from request",
            "update answer set place = 9",
            "delete from answer",
            "update used set effect = 'x'",
            "delete from used",
        ] {
            assert!(office.by_hand(statement).await.is_err(), "{statement}");
        }
    });
}

/// Changes by somebody who can write the file, with what is then said of the request.
async fn tampered(project: Project, statements: &str) -> Result<Stage, NotTaken> {
    let office = Office::new(project).await;
    let (asked, other) = (office.ask("p1", 2_000).await, office.ask("p2", 100).await);
    office.sign(&asked, "cat").await.unwrap();
    office.project.unguard(FILE_NAME, &["request", "answer", "used"]).await;
    let statements = statements.replace("OTHER", &other.id).replace("ID", &asked.id);
    office.by_hand(&statements).await.unwrap();
    let kept = office.ledger.request(&asked.id).await.unwrap().unwrap();
    let stage = kept.stage(&staff(), at(1.0));
    if stage.is_err() {
        let sent = office.send(&asked, 0, &[], &staff()).await.unwrap_err();
        assert_eq!(Err(sent), stage.clone().map(|_| ()), "nor is it sent");
        assert_eq!(office.last(&asked.id).await.0, Step::Used, "and that was tried is in the trail");
        assert_eq!(office.sign(&asked, "carl").await.map(|_| ()), stage.clone().map(|_| ()), "nor signed");
        assert!(!office.last(&asked.id).await.1);
    }
    office.whole().await;
    stage
}

fn rows_that_were_changed_by_hand_make_no_approval(project: Project) {
    waited(async {
        let edited = Err(NotTaken::NotGenuine(NotGenuine::Edited));
        let answers = Err(NotTaken::NotGenuine(NotGenuine::Answers));
        for (what, statements, expected) in [
            (
                "less money",
                "update request set content = replace(content, '\"at_risk\":2000', '\"at_risk\":10')",
                &edited,
            ),
            (
                "another proposer",
                "update request set content = replace(content, 'planner', 'cleo') where id = 'ID'",
                &edited,
            ),
            (
                "a shorter chain",
                "update request set content = replace(content, '\"people\":2', '\"people\":1')",
                &edited,
            ),
            ("a longer time", "update request set content = replace(content, '\"hours\":4', '\"hours\":99')", &edited),
            (
                "a signature copied from elsewhere",
                "insert into answer select 'ID', 2, 2, content from answer",
                &answers,
            ),
            ("a signature taken away", "delete from answer", &answers),
            ("a signature edited", "update answer set content = replace(content, '\"cat\"', '\"cleo\"')", &answers),
            ("used, never recorded", "insert into used select 'n', 'ID', 'p1', 0, '2025-06-15T00:00:00Z', 1", &answers),
        ] {
            assert_eq!(&tampered(project.another(), statements).await, expected, "{what}");
        }
        assert!(
            matches!(tampered(project.another(), "select 1").await, Ok(Stage::Waiting { people: 1, .. })),
            "untouched, it waits"
        );
    });
}

fn a_request_and_signatures_made_by_hand_are_no_approval_even_with_real_keys(project: Project) {
    waited(async {
        let office = Office::new(project).await;
        let real = office.ask("p1", 100).await;
        office.sign(&real, "cat").await.unwrap();
        let mut forged: serde_json::Value =
            serde_json::from_str(&office.project.text(FILE_NAME, "select content from request").await).unwrap();
        forged["subject"]["nonce"] = "f".repeat(64).into();
        forged["plan"] = "p9".into();
        let subject = serde_json::from_value(forged["subject"].clone()).unwrap();
        let signed = Signature::sign(&subject, "cat", CATEGORY, Answer::Approve, at(1.0), at(1.0), &key("cat"));
        // Records that there are: one more would not continue the trail, which its own checks find.
        let rows = format!(
            "insert into request (id, record, content) values ('ffffffffffffffff', 2, '{forged}'); \
             insert into answer (request, place, record, content) values ('ffffffffffffffff', 1, 1, '{}');",
            serde_json::to_string(&signed).unwrap()
        );
        office.by_hand(&rows).await.unwrap();
        let kept = office.ledger.request("ffffffffffffffff").await.unwrap().unwrap();
        assert_eq!(kept.request.stage(&staff(), at(1.0)), Ok(Stage::Granted { by: vec!["cat".into()] }));
        let why = NotTaken::NotGenuine(NotGenuine::NotRecorded);
        assert_eq!(kept.stage(&staff(), at(1.0)), Err(why.clone()), "the ledger knows better");
        assert_eq!(office.send(&kept, 0, &[], &staff()).await, Err(why));
        let real = office.ledger.request(&real.id).await.unwrap().unwrap();
        assert!(matches!(real.stage(&staff(), at(1.0)), Ok(Stage::Granted { .. })), "the real one stands");
    });
}

fn a_request_that_was_taken_away_stops_new_ones_until_it_is_restored(project: Project) {
    waited(async {
        let office = Office::new(project).await;
        office.ask("p1", 900).await;
        office.project.unguard(FILE_NAME, &["request"]).await;
        office.by_hand("delete from request").await.unwrap();
        let asked = office.ledger.ask(&asking("p2", 200), Asker::Agent, &staff(), at(1.0)).await;
        assert!(matches!(asked, Err(LedgerError::Unreadable { .. })), "its money would be forgotten: {asked:?}");
    });
}

fn a_stand_in_signs_when_the_one_who_is_away_said_so_and_a_row_by_hand_names_nobody(project: Project) {
    waited(async {
        let office = Office::new(project).await;
        let asked = office.ledger.ask(&asking("p1", 100), Asker::Agent, &staff(), at(0.0)).await.unwrap().unwrap();
        let with = async || Staff { stand_ins: office.ledger.stand_ins().await.unwrap(), ..staff() };
        let by_fin = async |staff: &Staff| {
            let subject = &asked.request.subject;
            let one = Signature::sign(subject, "fin", CATEGORY, Answer::Approve, at(1.0), at(1.0), &key("fin"));
            let answered = Answered { signature: one, comment: None, version: None };
            office.ledger.answer(&asked.id, answered, staff, at(1.0)).await.unwrap().map(|_| ())
        };
        let forged = StandIn::sign("cat", "fin", at(0.0), at(9.0), &key("fin"));
        let refused = office.ledger.name_stand_in(&forged, &staff(), at(0.0)).await.unwrap();
        assert_eq!(refused, Err(NotTaken::NoStandIn));
        let row = serde_json::to_string(&forged).unwrap();
        office.by_hand(&format!("insert into stand_in (content) values ('{row}')")).await.unwrap();
        assert_eq!(by_fin(&with().await).await, Err(NotCounted::NoFunction.into()));
        let named = StandIn::sign("cat", "fin", at(0.0), at(9.0), &key("cat"));
        office.ledger.name_stand_in(&named, &staff(), at(0.0)).await.unwrap().unwrap();
        assert_eq!(by_fin(&with().await).await, Ok(()));
        office.whole().await;
    });
}

fn glass_is_broken_by_two_who_may_approve_and_by_nobody_else(project: Project) {
    waited(async {
        let office = Office::new(project).await;
        let scope = Scope::Global;
        let nonce = "g1".to_owned();
        let mut glass = BreakGlass { reason: "tills are wrong".into(), scope, at: at(1.0), nonce, signatures: vec![] };
        let declared = async |glass: &BreakGlass| office.ledger.break_glass(glass, &staff(), at(1.2)).await.unwrap();
        for nobody in ["planner", "robot", "eve"] {
            let mut alone = BreakGlass { nonce: nobody.into(), ..glass.clone() };
            alone.sign(nobody, &key(nobody));
            assert_eq!(declared(&alone).await.unwrap_err(), NotTaken::NotBroken(NotBroken::TooFew), "{nobody}");
        }
        glass.sign("cat", &key("cat"));
        assert!(declared(&glass).await.unwrap().whole.is_some(), "one alone breaks nothing");
        let mut twice = glass.clone();
        twice.sign("cat", &key("cat"));
        assert!(declared(&twice).await.is_err());
        let mut edited = BreakGlass { reason: "other".into(), ..glass.clone() };
        edited.sign("fin", &key("fin"));
        assert!(declared(&edited).await.is_err());
        glass.sign("fin", &key("fin"));
        assert_eq!(declared(&glass).await.unwrap().whole, None);
        let kept = office.ledger.glasses(&staff(), at(1.9)).await.unwrap();
        assert_eq!((kept.len(), &kept[0].whole), (1, &None));
        assert!(office.ledger.glasses(&staff(), at(2.1)).await.unwrap().is_empty(), "an hour later it is whole again");
        office.whole().await;
    });
}

fn what_people_write_is_erased_with_their_names(project: Project) {
    waited(async {
        let office = Office::new(project).await;
        let asked = office.ask("p1", 100).await;
        office.ledger.ask_back(&asked.id, "cat", "why milk?", at(0.5)).await.unwrap().unwrap();
        let last = office.last(&asked.id).await;
        assert_eq!(last, (Step::AskedBack, true, "why milk?".into()));
        let erasure =
            endcap_adapters::ledger::Erasure { value: "why milk?", within: false, by: "Grace", reason: "request 17" };
        office.ledger.erase(erasure, at(1.0)).await.unwrap();
        assert_eq!(office.last(&asked.id).await.2, "");
        let signed = office.sign(&asked, "cat").await.unwrap();
        assert!(signed.stage(&staff(), at(1.0)).is_ok(), "an approval does not hang on words");
    });
}
