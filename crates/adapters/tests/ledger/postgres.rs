//! What can happen to a server and to the way there: crashes, cuts, an answer to a commit that is lost.

use super::support::project::Project;
use super::support::server::{self, Server};
use super::{judged, noon, random, verified, waited};
use endcap_adapters::database::{DatabaseError, alone};
use endcap_adapters::ledger::stops::{NotKept, StopBook, StopReader};
use endcap_adapters::ledger::{FILE_NAME, Ledger, LedgerError};
use endcap_govern::audit::Record;
use endcap_govern::stop::{Scope, Wanted};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What became of a decision, as its caller was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Kept(u64),
    Refused,
    Unknown,
}

fn fate(told: Result<u64, LedgerError>) -> Fate {
    match told {
        Ok(sequence) => Fate::Kept(sequence),
        Err(LedgerError::Broken(error)) if matches!(*error, DatabaseError::Unknown(_)) => Fate::Unknown,
        Err(_) => Fate::Refused,
    }
}

async fn subjects(ledger: &Ledger) -> Vec<String> {
    let mut subjects = vec![];
    let read = ledger.each(|content| {
        let record: Record = serde_json::from_slice(content).unwrap();
        subjects.push(serde_json::to_value(&record.entry.subject).unwrap().as_str().unwrap().to_owned());
        Ok::<_, LedgerError>(())
    });
    read.await.unwrap();
    subjects
}

#[test]
fn a_server_that_crashes_keeps_what_was_acknowledged_and_nothing_that_was_refused() {
    let crashes: u32 = std::env::var("ENDCAP_CRASHES").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let Some(server) = Server::start().map(Arc::new) else { return };
    let project = Project::on(server.clone());
    let path = project.file(FILE_NAME);
    let (mut kept, mut refused, mut unknown, mut slowest) = (0, 0, 0, Duration::ZERO);
    waited(async {
        // One program all the way: it finds the server again by itself.
        let ledger = Ledger::open(&path, random).await.unwrap();
        for crash in 0..crashes {
            let (fates, over) = (Arc::new(Mutex::new(BTreeMap::new())), Arc::new(AtomicBool::new(false)));
            let writers: Vec<_> = (0..16)
                .map(|task| {
                    let (ledger, fates, over) = (ledger.clone(), fates.clone(), over.clone());
                    tokio::spawn(async move {
                        for number in 0.. {
                            if over.load(Ordering::Relaxed) {
                                break;
                            }
                            let subject = format!("{crash}-{task}-{number}");
                            let fate = fate(ledger.record(noon(), judged(&subject)).await);
                            fates.lock().unwrap().insert(subject, fate);
                        }
                    })
                })
                .collect();
            tokio::time::sleep(Duration::from_millis(40 + u64::from(random()[0]) / 2)).await;
            let again = server.clone();
            let down = tokio::task::spawn_blocking(move || {
                if crash % 2 == 0 {
                    again.crash()
                } else {
                    again.kill()
                }
                again.again();
                Instant::now()
            });
            let up = down.await.unwrap();
            ledger.record(noon(), judged(format!("after {crash}"))).await.unwrap();
            slowest = slowest.max(up.elapsed());
            over.store(true, Ordering::Relaxed);
            futures::future::join_all(writers).await;
            let there = subjects(&ledger).await;
            for (subject, fate) in fates.lock().unwrap().iter() {
                let times = there.iter().filter(|one| *one == subject).count();
                let is_as_told = match fate {
                    Fate::Kept(sequence) => times == 1 && there[*sequence as usize - 1] == *subject,
                    Fate::Refused => times == 0,
                    Fate::Unknown => times <= 1,
                };
                assert!(is_as_told, "crash {crash}: {subject} was {fate:?} and is there {times} times");
                kept += usize::from(matches!(fate, Fate::Kept(_)));
                refused += usize::from(*fate == Fate::Refused);
                unknown += usize::from(*fate == Fate::Unknown);
            }
            assert_eq!(verified(&path).await.unwrap().records, there.len() as u64);
        }
        ledger.close().await;
        project.by_hand(FILE_NAME, "alter system set fsync = off").await.unwrap();
        project.by_hand(FILE_NAME, "select pg_reload_conf()").await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let refused = Ledger::open(&path, random).await.err().unwrap().to_string();
        assert!(refused.contains("fsync = off"), "a server that does not sync is not written to: {refused}");
    });
    assert!(kept > crashes as usize * 20, "only {kept} were acknowledged");
    eprintln!(
        "measured: R2 | PostgreSQL crashed or killed {crashes} times under {kept} acknowledged decisions | none lost, none of \
         {refused} refused ones kept, {unknown} left open; back within {slowest:.1?}"
    );
}

/// What a cable does when a commit comes by.
const PASSES: u8 = 0;
const LOSES_QUESTION: u8 = 1;
const LOSES_ANSWER: u8 = 2;

/// A cable to a server that is cut at a commit.
fn cable(to: u16) -> (u16, Arc<AtomicU8>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, mode) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU8::new(PASSES)));
    let shared = mode.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
            let (from_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || hand_on(from_server, to_client, None));
            let mode = shared.clone();
            std::thread::spawn(move || hand_on(client, server, Some(&mode)));
        }
    });
    (port, mode)
}

fn hand_on(mut from: TcpStream, mut to: TcpStream, mode: Option<&AtomicU8>) {
    let mut bytes = [0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let is_commit = bytes[..count].windows(6).any(|part| part == b"COMMIT");
        let cut = mode.filter(|_| is_commit).map_or(PASSES, |mode| mode.swap(PASSES, Ordering::SeqCst));
        if cut == LOSES_ANSWER {
            // Whoever asked hears nothing more, and then the question goes on.
            let _ = from.shutdown(Shutdown::Both);
        }
        if cut == LOSES_QUESTION || to.write_all(&bytes[..count]).is_err() || cut == LOSES_ANSWER {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Write));
}

#[test]
fn an_answer_that_is_lost_is_looked_up_and_never_assumed() {
    let Some(server) = server::shared() else { return };
    let project = Project::on(server.clone());
    let (port, mode) = cable(server.port());
    let schema = server::new_schema();
    std::fs::write(project.file("endcap.toml"), server::home(&server.url_at(port), &schema)).unwrap();
    let path = project.file(FILE_NAME);
    waited(async {
        let ledger = Ledger::open(&path, random).await.unwrap();
        let mut expected = vec![];
        for round in 0..10 {
            for (cut, name) in [(PASSES, "passes"), (LOSES_ANSWER, "answer lost"), (LOSES_QUESTION, "question lost")] {
                mode.store(cut, Ordering::SeqCst);
                let subject = format!("{name} {round}");
                let fate = fate(ledger.record(noon(), judged(&subject)).await);
                assert_eq!(mode.load(Ordering::SeqCst), PASSES, "the commit came by");
                if cut == LOSES_QUESTION {
                    assert_eq!(fate, Fate::Refused, "{subject}");
                } else {
                    expected.push(subject.clone());
                    assert_eq!(fate, Fate::Kept(expected.len() as u64), "{subject}");
                }
            }
        }
        assert_eq!(subjects(&ledger).await, expected);
        assert_eq!(verified(&path).await.unwrap().records, 20);
    });
}

#[test]
fn a_stop_holds_while_the_server_is_down_and_is_recorded_when_it_is_back() {
    let Some(server) = Server::start().map(Arc::new) else { return };
    let project = Project::on(server.clone());
    waited(async {
        let book = StopBook::new(project.path(), random);
        book.begin(noon()).await.unwrap();
        let reader = StopReader::start(project.path()).unwrap();
        assert!(reader.read().is_some());
        server.crash();
        let begun = Instant::now();
        while reader.read().is_some() {
            assert!(begun.elapsed() < Duration::from_secs(2), "what cannot be read stops");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let wanted = |by: &str| Wanted { scope: Scope::Global, by: by.into(), reason: "a drill".into(), at: noon() };
        let begun = Instant::now();
        let order = wanted("Ada");
        let (ordered, ()) = tokio::join!(book.freeze(&order), async {
            while !project.file("stops.json").metadata().is_ok_and(|file| file.len() > 60) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        });
        let ordered = ordered.unwrap();
        assert!(ordered.faults[0].contains("by stops.json alone"), "{:?}", ordered.faults);
        let refused = book.resume(&wanted("Grace")).await;
        assert!(!matches!(refused, Ok(Ok(_)) | Err(NotKept::Nowhere { .. })), "{refused:?}");
        server.again();
        book.begin(noon()).await.unwrap();
        let places = book.places().await;
        assert_eq!(places.database, places.file);
        let begun = Instant::now();
        while reader.read().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(2), "the reader finds the server again");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(reader.read().unwrap().frozen(&[Scope::Global]).is_some());
        book.resume(&wanted("Grace")).await.unwrap().unwrap();
    });
}

#[test]
fn a_place_that_one_sender_holds_is_nobody_elses_until_it_ends_or_the_server_does() {
    let Some(server) = Server::start().map(Arc::new) else { return };
    let (project, files) = (Project::on(server.clone()), Project::in_files());
    assert!(matches!(alone(&files.file(FILE_NAME), "sender"), Ok(Ok(None))), "a file's lock is enough there");
    let take = || alone(&project.file(FILE_NAME), "sender").unwrap();
    let mut first = take().unwrap().unwrap();
    assert!(first.still().is_ok());
    assert!(take().is_err(), "from another folder, too");
    drop(first);
    // The server learns of the end by itself.
    let begun = Instant::now();
    let mut second = loop {
        match take() {
            Ok(place) => break place.unwrap(),
            Err(_) => assert!(begun.elapsed() < Duration::from_secs(5)),
        }
    };
    server.crash();
    server.again();
    assert!(second.still().is_err(), "a server that went away has forgotten it");
    assert!(take().is_ok());
}

#[test]
fn projects_on_one_server_are_apart_and_a_project_has_one_home() {
    let (Some(one), Some(other)) = (Project::in_postgres(), Project::in_postgres()) else { return };
    waited(async {
        let path = one.file(FILE_NAME);
        let ledgers =
            [Ledger::open(&path, random).await.unwrap(), Ledger::open(&other.file(FILE_NAME), random).await.unwrap()];
        for (ledger, records) in ledgers.iter().zip([3, 2]) {
            for number in 0..records {
                assert_eq!(ledger.record(noon(), judged(number)).await.unwrap(), number + 1);
            }
        }
        assert_eq!(verified(&path).await.unwrap().records, 3);
        assert_eq!(verified(one.path()).await.unwrap().records, 3, "by its folder, too");
        assert!(!path.exists(), "nothing lies in the folder");
        let nul = ledgers[0].record(noon(), judged("a\0b")).await;
        assert_eq!(nul.unwrap(), 4, "what is escaped in a record can be kept");
        let mut personal = judged("x");
        personal.on_behalf_of = Some(endcap_govern::audit::Told::personal("Ada\0Lovelace"));
        let refused = ledgers[0].record(noon(), personal).await;
        assert!(refused.is_err(), "what cannot be kept is refused: {refused:?}");
        assert_eq!(ledgers[0].record(noon(), judged("after")).await.unwrap(), 5);
        std::fs::write(&path, "").unwrap();
        let refused = Ledger::open(&path, random).await.err().unwrap().to_string();
        assert!(refused.contains("lies here, and endcap.toml names PostgreSQL"), "{refused}");
    });
}

#[test]
fn what_does_not_fit_in_the_settings_is_named_and_a_password_stands_in_a_file_of_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let said = |url: &str, schema: &str, more: &str| {
        std::fs::write(folder.path().join("endcap.toml"), server::home(url, schema) + more).unwrap();
        let opened = waited(Ledger::open(&folder.path().join(FILE_NAME), random));
        opened.err().map(|error| error.to_string()).unwrap_or_default()
    };
    let nowhere = "postgres://ada@127.0.0.1:1/shop";
    for (url, schema, expected) in [
        ("postgres://ada:secret@127.0.0.1:1/shop", "shop", "no password here"),
        ("mysql://ada@127.0.0.1/shop", "shop", "postgres://user@host:5432/database"),
        (nowhere, "Shop", "a name of its own"),
        (nowhere, "x; drop schema public", "a name of its own"),
        (nowhere, "public", "a name of its own"),
        (nowhere, "", "a name of its own"),
    ] {
        let told = said(url, schema, "");
        assert!(told.contains(expected) && !told.contains("secret"), "{url} {schema}: {told}");
    }
    let password = folder.path().join("password");
    std::fs::write(&password, "secret\n").unwrap();
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o644)).unwrap();
    let file = "password_file = \"password\"\n";
    assert!(said(nowhere, "shop", file).contains("mode 644"));
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    let told = said(nowhere, "shop", file);
    assert!(told.contains("check that it runs") && !told.contains("secret"), "{told}");
}
