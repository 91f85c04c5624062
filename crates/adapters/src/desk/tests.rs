use super::*;
use endcap_govern::Role;
use jiff::{Timestamp, ToSpan};

fn noon() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn later(minutes: i64) -> Timestamp {
    noon().checked_add(minutes.minutes()).unwrap()
}

async fn desk(folder: &tempfile::TempDir) -> Desk {
    Desk::open(&folder.path().join("desk.db")).await.unwrap()
}

async fn with_account(desk: &Desk, name: &str, roles: &[Role]) -> i64 {
    let new = NewAccount { name: name.to_owned(), roles: roles.to_vec(), password: None, subject: None };
    desk.add_account(&new, noon()).await.unwrap()
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

#[test]
fn a_name_is_taken_once_whatever_its_case() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(&folder).await;
        with_account(&desk, "Ada", &[Role::Admin]).await;
        let again = NewAccount { name: "ADA".to_owned(), roles: vec![], password: None, subject: None };
        assert!(matches!(desk.add_account(&again, noon()).await, Err(DeskError::Taken { .. })));
        assert_eq!(desk.account_by_name("ada").await.unwrap().unwrap().roles, [Role::Admin]);
    });
}

#[test]
fn a_session_ends_by_time_by_hand_and_with_its_account() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(&folder).await;
        let ada = with_account(&desk, "ada", &[Role::Planner]).await;
        desk.open_session(("one", "c"), ada, (noon(), later(60))).await.unwrap();
        assert_eq!(desk.session("one", later(59)).await.unwrap().unwrap().account.name, "ada");
        assert_eq!(desk.session("one", later(60)).await.unwrap(), None);
        desk.end_session("one").await.unwrap();
        assert_eq!(desk.session("one", noon()).await.unwrap(), None);
        desk.open_session(("two", "c"), ada, (noon(), later(60))).await.unwrap();
        assert!(desk.change_account("ada", &[Role::Viewer], true).await.unwrap());
        assert_eq!(desk.session("two", noon()).await.unwrap(), None);
    });
}

#[test]
fn a_token_never_has_a_role_that_its_account_lost() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(&folder).await;
        let ada = with_account(&desk, "ada", &[Role::Planner, Role::Viewer]).await;
        let token = NewToken { account: ada, name: "till", hash: "h", roles: &[Role::Planner], expires: later(60) };
        let id = desk.add_token(&token, noon()).await.unwrap();
        assert_eq!(desk.account_by_token("h", noon()).await.unwrap().unwrap().roles, [Role::Planner]);
        desk.change_account("ada", &[Role::Viewer], false).await.unwrap();
        assert_eq!(desk.account_by_token("h", noon()).await.unwrap().unwrap().roles, []);
        assert!(desk.revoke_token(id, Some(ada)).await.unwrap());
        assert_eq!(desk.account_by_token("h", noon()).await.unwrap(), None);
    });
}

#[test]
fn of_two_who_change_a_board_at_once_the_second_is_told() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(&folder).await;
        let ada = with_account(&desk, "ada", &[Role::Planner]).await;
        let bob = with_account(&desk, "bob", &[Role::Planner]).await;
        let new = NewBoard { id: "b1", owner: ada, name: "Easter", content: "{}" };
        desk.add_board(&new, noon()).await.unwrap();
        desk.add_board(&NewBoard { name: "again", ..new }, noon()).await.unwrap();
        assert_eq!(desk.board("b1", ada).await.unwrap().unwrap().name, "Easter");
        assert_eq!(desk.board("b1", bob).await.unwrap(), None);
        assert_eq!(desk.label_board(("b1", 1), ("Easter", true, false), noon()).await.unwrap(), Stored::Kept(2));
        let first = desk.change_board(("b1", 2), ada, ("[1]", "{\"a\":1}"), noon()).await.unwrap();
        let second = desk.change_board(("b1", 2), bob, ("[2]", "{\"a\":2}"), noon()).await.unwrap();
        assert_eq!((first, second), (Stored::Kept(3), Stored::Stale(3)));
        assert_eq!(desk.board("b1", bob).await.unwrap().unwrap().content, "{\"a\":1}");
        let history = desk.board_history("b1", 10).await.unwrap();
        assert_eq!((history.len(), history[0].before.as_str()), (1, "{}"));
    });
}

#[test]
fn a_repeated_request_gets_the_first_answer_and_another_with_its_key_none() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(&folder).await;
        let reply = Reply { status: 201, headers: "{}".to_owned(), body: b"made".to_vec() };
        assert_eq!(desk.take_key(1, "k", "r", noon()).await.unwrap(), Seen::First);
        assert_eq!(desk.take_key(1, "k", "r", noon()).await.unwrap(), Seen::Running);
        desk.keep_reply(1, "k", &reply).await.unwrap();
        assert_eq!(desk.take_key(1, "k", "r", noon()).await.unwrap(), Seen::Answered(reply));
        assert_eq!(desk.take_key(1, "k", "other", noon()).await.unwrap(), Seen::Other);
        assert_eq!(desk.take_key(2, "k", "r", noon()).await.unwrap(), Seen::First);
    });
}

#[test]
fn a_copy_holds_what_was_kept_and_a_newer_desk_is_refused() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(&folder).await;
        with_account(&desk, "ada", &[Role::Admin]).await;
        let copy = folder.path().join("copy.db");
        desk.back_up(&copy).await.unwrap();
        assert!(desk.back_up(&copy).await.is_err(), "a backup is never written over");
        let copied = Desk::open(&copy).await.unwrap();
        assert_eq!(copied.accounts().await.unwrap().len(), 1);
        sqlx::raw_sql("pragma user_version = 99").execute(&copied.writer).await.unwrap();
        assert!(Desk::open(&copy).await.unwrap_err().to_string().contains("version 99"));
    });
}

#[test]
fn an_exercise_is_its_owners_and_changes_once_for_each_version() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(&folder).await;
        let ada = with_account(&desk, "ada", &[Role::Planner]).await;
        let bob = with_account(&desk, "bob", &[Role::Viewer]).await;
        desk.add_exercise("e1", ada, ("drill", "{}"), noon()).await.unwrap();
        desk.add_exercise("e2", ada, ("drill", "{}"), later(1)).await.unwrap();
        assert_eq!(desk.exercise("e1", bob, "drill").await.unwrap(), None);
        assert_eq!(desk.exercise("e1", ada, "sandbox").await.unwrap(), None);
        let first = desk.change_exercise(("e1", 1), "{\"a\":1}", None, later(2)).await.unwrap();
        let second = desk.change_exercise(("e1", 1), "{\"a\":2}", Some("1"), later(2)).await.unwrap();
        assert_eq!((first, second), (Stored::Kept(2), Stored::Stale(2)));
        assert_eq!(desk.change_exercise(("e9", 1), "", None, noon()).await.unwrap(), Stored::Missing);
        let all = desk.exercises(ada, "drill").await.unwrap();
        assert_eq!(all.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["e2", "e1"]);
        assert_eq!((all[1].content.as_str(), all[1].result.as_deref()), ("{\"a\":1}", None));
    });
}

#[test]
fn a_key_is_made_at_first_use_and_kept_where_only_its_owner_reads() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(&folder).await;
        for name in ["demo-ada", "program"] {
            with_account(&desk, name, &[Role::Approver(endcap_govern::Function::Category)]).await;
        }
        let ada = desk.account_by_name("demo-ada").await.unwrap().unwrap();
        let (first, made) = desk.approval_key(&ada, || [7; 32], noon()).await.unwrap();
        let (again, anew) = desk.approval_key(&ada, || [8; 32], noon()).await.unwrap();
        assert_eq!((made, anew, first.public()), (true, false, again.public()));
        let kept =
            || ["desk.db", "desk.db-wal"].map(|name| std::fs::read(folder.path().join(name)).unwrap_or_default());
        let holds = |text: &[u8]| kept().iter().any(|bytes| bytes.windows(text.len()).any(|part| part == text));
        assert!(holds(b"SEALED+") && !holds(b"PRIVATE+APPROVAL"), "the store alone signs nothing");
        assert_eq!(desk.renew_seal(|| [3; 32]).await.unwrap(), 1);
        let (renewed, anew) = desk.approval_key(&ada, || [8; 32], noon()).await.unwrap();
        assert_eq!((anew, renewed.public()), (false, first.public()));
        // Without the seal a person gets another key, and what was signed with the first one still counts.
        let seal = folder.path().join("desk.key");
        std::fs::rename(&seal, folder.path().join("away")).unwrap();
        let (other, made) = desk.approval_key(&ada, || [5; 32], noon()).await.unwrap();
        assert!(made && other.public() != first.public());
        assert_eq!(desk.people().await.unwrap()["demo-ada"].keys.len(), 2);
        sqlx::query("delete from approval_key where public = $1")
            .bind(other.public().to_string())
            .execute(&desk.writer)
            .await
            .unwrap();
        std::fs::rename(folder.path().join("away"), &seal).unwrap();
        let people = desk.people().await.unwrap();
        assert_eq!(people["demo-ada"].keys, [first.public().verifying()]);
        assert!(people["demo-ada"].human && !people["program"].human, "nobody signs in to a program's account");
        let own = endcap_govern::approval::ApprovalKey::new("demo-ada", &[9; 32]);
        desk.add_approval_key(&ada, &own.public(), true, noon()).await.unwrap();
        assert_eq!(desk.people().await.unwrap()["demo-ada"].keys, [own.public().verifying()]);
        desk.change_account("demo-ada", &ada.roles, true).await.unwrap();
        assert!(!desk.people().await.unwrap().contains_key("demo-ada"), "kept out");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(folder.path().join("desk.db")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    });
}
