//! The stop on disk: it holds whatever becomes of the database or the file, and nothing but a named person ends it.

use super::support::project::Project;
use super::{CHILD, noon, random, verified, waited};
use crate::on_both;
use endcap_adapters::ledger::stops::{NotKept, StopBook, StopReader};
use endcap_adapters::ledger::{Erasure, FILE_NAME, Ledger};
use endcap_govern::audit::{Held, Record};
use endcap_govern::stop::{NotResumed, Place, Scope, Stops, Wanted};
use jiff::{SignedDuration, Timestamp};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Makes the child hold the ledger instead of filling it.
const HOLDS: &str = "ENDCAP_TEST_HOLDS";

on_both! {
    a_project_that_stopped_nothing_sends_and_a_stop_is_kept_twice_with_a_record,
    the_database_refuses_to_change_or_drop_an_order,
    a_stop_holds_while_another_program_holds_the_database_and_is_recorded_later,
    of_many_stops_at_once_none_is_lost,
    orders_hold_in_the_order_in_which_they_were_given_whatever_the_clock_says,
    a_name_that_is_erased_is_gone_from_both_places_and_the_stop_holds,
    a_reader_is_cheap_and_sees_a_stop_within_a_second,
}

fn wanted(scope: Scope, by: &str, at: Timestamp) -> Wanted {
    Wanted { scope, by: by.into(), reason: "a drill".into(), at }
}

fn category(name: &str) -> Scope {
    Scope::Category(name.into())
}

/// A project that has stopped nothing yet.
async fn begun(folder: &Path) -> StopBook {
    let book = StopBook::new(folder, random);
    book.begin(noon()).await.unwrap();
    book
}

fn is_stopped(stops: Option<Stops>, scope: &Scope) -> bool {
    stops.is_none_or(|stops| stops.frozen(std::slice::from_ref(scope)).is_some())
}

/// Waits for what a reader says to be so, a second at most; returns after how long it was.
fn seen(what: impl Fn() -> bool) -> Duration {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < Duration::from_secs(1), "it is not so within a second");
        thread::sleep(Duration::from_millis(2));
    }
    begun.elapsed()
}

async fn actions(folder: &Path) -> Vec<String> {
    let ledger = Ledger::open(&folder.join(FILE_NAME), random).await.unwrap();
    let records: Vec<Record> = ledger.last(100).await.unwrap();
    ledger.close().await;
    records.into_iter().map(|record| record.entry.action).collect()
}

fn a_project_that_stopped_nothing_sends_and_a_stop_is_kept_twice_with_a_record(project: Project) {
    waited(async {
        let reader = StopReader::start(project.path()).unwrap();
        assert_eq!(reader.read(), None, "nothing was begun");
        let book = begun(project.path()).await;
        seen(|| reader.read() == Some(Stops::default()));
        let ordered = book.freeze(&wanted(Scope::Global, "Ada", noon())).await.unwrap();
        assert_eq!((ordered.stops.epoch(), ordered.faults), (1, vec![]));
        assert!(is_stopped(reader.read(), &Scope::Global), "at once, by the file");
        let places = book.places().await;
        assert_eq!(places.database, places.file);
        let order = places.known().unwrap();
        let order = order.in_force()[0].1;
        assert_eq!((order.by.as_str(), order.reason.as_str()), ("Ada", "a drill"));
        let resumed = book.resume(&wanted(Scope::Global, "Grace", noon())).await.unwrap().unwrap();
        assert_eq!(resumed.stops.epoch(), 2);
        seen(|| reader.read().is_some_and(|stops| stops.in_force().is_empty()));
        assert!(reader.read().unwrap().since(0, &[Scope::Global]).is_some(), "what was decided before stays void");
        assert_eq!(actions(project.path()).await, ["sending stopped", "sending resumed"]);
        assert_eq!(verified(&project.path().join(FILE_NAME)).await.unwrap().records, 2);
        let refused = book.resume(&wanted(Scope::Global, "Grace", noon())).await.unwrap().unwrap_err();
        assert!(matches!(refused, NotResumed::NotStopped { .. }), "{refused}");
    });
}

fn the_database_refuses_to_change_or_drop_an_order(project: Project) {
    waited(async {
        let book = begun(project.path()).await;
        book.freeze(&wanted(Scope::Global, "Ada", noon())).await.unwrap();
        for statement in ["delete from stop_order", "update stop_order set frozen = 0"] {
            assert!(project.by_hand(FILE_NAME, statement).await.is_err(), "{statement}");
        }
    });
}

#[test]
fn a_stop_holds_after_the_database_is_deleted_and_only_everything_can_be_resumed_then() {
    waited(async {
        let folder = tempfile::tempdir().unwrap();
        let book = begun(folder.path()).await;
        let reader = StopReader::start(folder.path()).unwrap();
        book.freeze(&wanted(category("dairy"), "Ada", noon())).await.unwrap();
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(folder.path().join(format!("{FILE_NAME}{end}")));
        }
        seen(|| reader.read().is_none());
        book.begin(noon()).await.unwrap();
        assert!(book.places().await.known().is_none(), "opening a project does not make good what is missing");
        book.freeze(&wanted(category("toys"), "Ada", noon())).await.unwrap();
        for scope in [category("dairy"), category("toys"), Scope::Global] {
            assert!(is_stopped(book.places().await.known(), &scope), "{scope}");
        }
        seen(|| reader.read().is_some());
        assert_eq!(actions(folder.path()).await, ["sending stopped"; 3], "what the file kept is recorded anew");
        book.resume(&wanted(Scope::Global, "Grace", noon())).await.unwrap().unwrap();
        let stops = book.places().await.known().unwrap();
        assert_eq!(stops.in_force().len(), 2, "the categories stay stopped");
    });
}

fn a_stop_holds_while_another_program_holds_the_database_and_is_recorded_later(project: Project) {
    waited(async {
        let book = begun(project.path()).await;
        let reader = StopReader::start(project.path()).unwrap();
        let mut holder = holder(project.path());
        let begun = Instant::now();
        let stopping = tokio::spawn({
            let book = book.clone();
            async move { book.freeze(&wanted(Scope::Global, "Ada", noon())).await }
        });
        while !is_stopped(reader.read(), &Scope::Global) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        println!("stopped after {:?} while the database was held", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(1));
        let ordered = stopping.await.unwrap().unwrap();
        assert!(ordered.faults[0].contains("not in the audit trail"), "{:?}", ordered.faults);
        let refused = book.resume(&wanted(Scope::Global, "Grace", noon())).await;
        assert!(matches!(refused, Err(NotKept::Ledger(_) | NotKept::Silent)), "{refused:?}");
        holder.kill().unwrap();
        holder.wait().unwrap();
        assert!(is_stopped(book.places().await.known(), &Scope::Global));
        let later = noon() + SignedDuration::from_mins(5);
        book.begin(later).await.unwrap();
        let places = book.places().await;
        assert_eq!(places.database, places.file);
        let ledger = Ledger::open(&project.path().join(FILE_NAME), random).await.unwrap();
        let record = ledger.last(1).await.unwrap().remove(0);
        let late = |held: &Held| matches!(held, Held::Open(text) if text.contains("ordered at 2026-03-01T12:00:00Z"));
        assert!(record.at == later && record.entry.reasons.iter().any(late), "{record:?}");
    });
}

/// Another program that holds the ledger of a folder.
fn holder(folder: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "stops::a_child_holds_the_ledger_that_it_is_told_of", "--nocapture"])
        .env(HOLDS, folder.join(FILE_NAME))
        .env_remove(CHILD)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().map_while(Result::ok).any(|line| line.contains("held")), "the child holds it");
    child
}

#[test]
fn a_child_holds_the_ledger_that_it_is_told_of() {
    let Some(path) = std::env::var_os(HOLDS) else { return };
    waited(async {
        let ledger = Ledger::open(Path::new(&path), random).await.unwrap();
        let _held = ledger.begin().await.unwrap();
        println!("held");
        tokio::time::sleep(Duration::from_secs(60)).await;
    });
}

#[test]
fn a_stop_holds_by_the_file_where_the_database_is_garbage_and_nothing_is_resumed_then() {
    waited(async {
        let folder = tempfile::tempdir().unwrap();
        let book = begun(folder.path()).await;
        for end in ["-wal", "-shm"] {
            let _ = fs::remove_file(folder.path().join(format!("{FILE_NAME}{end}")));
        }
        fs::write(folder.path().join(FILE_NAME), b"no database at all, and long enough to be read as one").unwrap();
        let ordered = book.freeze(&wanted(Scope::Global, "Ada", noon())).await.unwrap();
        assert!(ordered.faults[0].contains("by stops.json alone"), "{:?}", ordered.faults);
        assert!(book.places().await.known().is_none());
        let refused = book.resume(&wanted(Scope::Global, "Grace", noon())).await.unwrap().unwrap_err();
        assert!(matches!(refused, NotResumed::Unreadable(_)), "{refused}");
    });
}

#[test]
fn a_stop_holds_by_the_database_where_the_file_cannot_be_written_and_a_failed_resumption_leaves_no_trace() {
    waited(async {
        let folder = tempfile::tempdir().unwrap();
        let book = begun(folder.path()).await;
        let file = folder.path().join("stops.json");
        fs::remove_file(&file).unwrap();
        fs::create_dir_all(file.join("in the way")).unwrap();
        let ordered = book.freeze(&wanted(category("dairy"), "Ada", noon())).await.unwrap();
        assert!(ordered.faults[0].contains("by the ledger alone"), "{:?}", ordered.faults);
        let before = actions(folder.path()).await;
        let refused = book.resume(&wanted(Scope::Global, "Grace", noon())).await;
        assert!(matches!(refused, Err(NotKept::File(_))), "{refused:?}");
        assert_eq!(actions(folder.path()).await, before);
        fs::remove_dir_all(&file).unwrap();
        assert!(matches!(&book.places().await.database, Place::Kept(stops) if stops.in_force().len() == 2));
        fs::remove_file(folder.path().join(FILE_NAME)).unwrap();
        fs::create_dir(folder.path().join(FILE_NAME)).unwrap();
        fs::create_dir_all(file.join("in the way")).unwrap();
        let nowhere = book.freeze(&wanted(Scope::Global, "Ada", noon())).await.unwrap_err();
        assert!(matches!(nowhere, NotKept::Nowhere { .. }), "{nowhere}");
    });
}

#[test]
fn a_file_that_is_cut_off_anywhere_or_tampered_with_frees_nothing() {
    waited(async {
        let project = Project::in_files();
        let book = begun(project.path()).await;
        book.freeze(&wanted(category("dairy"), "Ada", noon())).await.unwrap();
        let path = project.path().join("stops.json");
        let whole = fs::read(&path).unwrap();
        let dairy = category("dairy");
        let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
        let text = String::from_utf8(whole.clone()).unwrap();
        let changed = [("true", "false"), ("dairy", "toys"), ("\"epoch\": 1", "\"epoch\": 0"), ("category", "agent")];
        let changed = changed.map(|(from, to)| text.replace(from, to).into_bytes());
        let mut tried = 0;
        for bytes in cut.chain(changed) {
            assert!(bytes == whole.trim_ascii_end() || bytes != whole);
            fs::write(&path, &bytes).unwrap();
            assert!(is_stopped(book.places().await.known(), &dairy), "{}", String::from_utf8_lossy(&bytes));
            tried += 1;
        }
        assert!(tried > 100);
    });
}

fn of_many_stops_at_once_none_is_lost(project: Project) {
    waited(async {
        begun(project.path()).await;
        // Whoever waits for a second for the others stops without waiting longer.
        let many = if project.is_in_files() { 8 } else { 3 };
        let stopping = (0..many).map(|at| {
            let book = StopBook::new(project.path(), random);
            tokio::spawn(async move { book.freeze(&wanted(category(&at.to_string()), "Ada", noon())).await.unwrap() })
        });
        for ordered in futures::future::join_all(stopping.collect::<Vec<_>>()).await {
            assert_eq!(ordered.unwrap().faults, [""; 0]);
        }
        let places = StopBook::new(project.path(), random).places().await;
        assert_eq!(places.database, places.file);
        let stops = places.known().unwrap();
        let mut epochs: Vec<u64> = stops.orders().map(|(_, order)| order.epoch).collect();
        epochs.sort_unstable();
        assert!(epochs.into_iter().eq(1..=many), "each has a number of its own");
        assert_eq!(verified(&project.path().join(FILE_NAME)).await.unwrap().records, many);
    });
}

fn orders_hold_in_the_order_in_which_they_were_given_whatever_the_clock_says(project: Project) {
    waited(async {
        let book = begun(project.path()).await;
        let day = |days: i64| noon() - SignedDuration::from_hours(24 * days);
        book.freeze(&wanted(Scope::Global, "Ada", day(0))).await.unwrap();
        book.resume(&wanted(Scope::Global, "Grace", day(1))).await.unwrap().unwrap();
        book.freeze(&wanted(Scope::Global, "Ada", day(400))).await.unwrap();
        book.begin(day(900)).await.unwrap();
        assert!(is_stopped(book.places().await.known(), &Scope::Global));
        assert_eq!(book.places().await.known().unwrap().epoch(), 3);
    });
}

fn a_name_that_is_erased_is_gone_from_both_places_and_the_stop_holds(project: Project) {
    waited(async {
        let book = begun(project.path()).await;
        book.freeze(&wanted(Scope::Global, "Ada Lovelace", noon())).await.unwrap();
        let ledger = Ledger::open(&project.path().join(FILE_NAME), random).await.unwrap();
        let erasure = Erasure { value: "Ada Lovelace", within: false, by: "Grace", reason: "request 17" };
        assert_eq!(ledger.erase(erasure, noon()).await.unwrap().values, 1);
        ledger.close().await;
        assert_eq!(book.forget(|text| text == "Ada Lovelace").await.unwrap(), 1);
        book.begin(noon()).await.unwrap();
        assert_eq!(project.traces("Ada Lovelace").await, 0);
        let stops = book.places().await.known().unwrap();
        let (_, order) = stops.in_force()[0];
        assert_eq!((order.by.as_str(), order.reason.as_str()), ("(erased)", "a drill"));
        assert_eq!(verified(&project.path().join(FILE_NAME)).await.unwrap().records, 2);
    });
}

fn a_reader_is_cheap_and_sees_a_stop_within_a_second(project: Project) {
    waited(async {
        let book = begun(project.path()).await;
        let reader = StopReader::start(project.path()).unwrap();
        let begun = Instant::now();
        for _ in 0..1_000 {
            assert!(reader.read().is_some());
        }
        println!("{:?} a reading", begun.elapsed() / 1_000);
        assert!(begun.elapsed() < Duration::from_secs(5));
        let mut took = vec![];
        let rounds = if project.is_in_files() { 100 } else { 15 };
        for round in 0..rounds {
            let scope = category(&round.to_string());
            let begun = Instant::now();
            let (book, wanted) = (book.clone(), wanted(scope.clone(), "Ada", noon()));
            let stopping = tokio::spawn(async move { book.freeze(&wanted).await.unwrap() });
            while !is_stopped(reader.read(), &scope) {
                tokio::task::yield_now().await;
            }
            took.push(begun.elapsed());
            stopping.await.unwrap();
        }
        took.sort_unstable();
        let (median, late) = (took[rounds / 2], took[rounds - 2]);
        println!("{}: stopped after {median:?} (median), {late:?} (all but one of {rounds})", project.kind());
        assert!(late < Duration::from_secs(1));
    });
}
