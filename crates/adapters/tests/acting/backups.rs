//! Backups of a project wherever its rows lie, and back into either database.

use super::support::project::Project;
use super::{Faults, Shop, at, audit_holds, decided, messages, order, promises, random, run, set};
use endcap_adapters::backup::{self, RestoreError, Rows};
use endcap_adapters::journal::{self, StoredJournal};
use endcap_adapters::ledger::stops::StopBook;
use endcap_adapters::ledger::{AuditedJournal, FILE_NAME, LedgerOutbox, verify};
use endcap_agent::outbox::{Known, Stage};
use endcap_agent::ports::{Journal, Outbox};
use endcap_govern::audit::{Anchors, Checkpoint, Purpose, SecretKey, Verified};
use endcap_govern::gate::{Action, Intent};
use endcap_govern::stop::{Scope, Wanted};
use endcap_model::{Event, Halt};
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::path::{Path, PathBuf};

crate::on_both! {
    a_backup_comes_back_into_either_database_row_by_row,
    each_of_fifty_moments_comes_back_as_it_was,
}

fn waited<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// A project in which a little of everything happened.
fn lived_in(folder: &Path) {
    let mut journal = AuditedJournal::open(folder, Timestamp::now, random).unwrap();
    journal.append(&Event::Ingested { snapshot: "s".into(), rows_read: 3, rows_set_aside: 1 }).unwrap();
    let halt = Halt { by: "Ada".into(), reason: "a \"drill\" \\ für Köche".into(), plan: None, forecast: None };
    journal.append(&Event::Halted { halt }).unwrap();
    waited(async {
        let book = StopBook::new(folder, random);
        book.begin(at(0)).await.unwrap();
        let wanted = Wanted { scope: Scope::Global, by: "Ada".into(), reason: "a drill".into(), at: at(1) };
        book.freeze(&wanted).await.unwrap();
        book.resume(&wanted).await.unwrap().unwrap();
    });
    let start = Action::StartOffer { offer: "easter".into(), price: 150 };
    decided(folder, promises(2), vec![("milk", start), ("beer", order(50)), ("eggs", set(210))], at(0));
    run(folder, promises(2), Faults::none(), 0, &Shop::open(), &|_| {});
}

/// Every row of a file, with the name of its table.
async fn rows(file: &Path) -> Vec<String> {
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    let tables = "select name from sqlite_schema where type = 'table' and name not like 'sqlite%' order by name";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.unwrap();
    let mut rows = vec![];
    for table in tables {
        let columns = sqlx::query_scalar("select 'quote(' || name || ')' from pragma_table_info($1)").bind(&table);
        let columns: Vec<String> = columns.fetch_all(&mut connection).await.unwrap();
        let columns = columns.join(" || ',' || ");
        let all = AssertSqlSafe(format!("select '{table}: ' || {columns} from {table} order by 1"));
        rows.extend(sqlx::query_scalar::<_, String>(all).fetch_all(&mut connection).await.unwrap());
    }
    connection.close().await.unwrap();
    rows
}

fn a_backup_comes_back_into_either_database_row_by_row(project: Project) {
    lived_in(project.path());
    let place = tempfile::tempdir().unwrap();
    let (mut backups, mut minute) = (0, 0);
    let mut moved = |from: &Path, name: &str, how: &Rows| -> Result<PathBuf, RestoreError> {
        backups += 1;
        minute += 60;
        let file = place.path().join(format!("{backups}.tar"));
        backup::back_up_as_file(from, &file, at(minute)).unwrap();
        let to = place.path().join(name);
        backup::find(&file, None).unwrap().restore_with(&to, false, how).map(|()| to)
    };
    // A project in files has an endcap.toml too, with other things in it.
    if project.is_in_files() {
        std::fs::write(project.file("endcap.toml"), "name = \"shop\"\n\n[[sales]]\nfiles = [\"a.csv\"]\n").unwrap();
    } else {
        let taken = moved(project.path(), "again", &Rows::AsBefore).unwrap_err().to_string();
        assert!(taken.contains("which is taken"), "{taken}");
        assert!(!place.path().join("again").exists(), "nothing was written");
    }
    let first = moved(project.path(), "first", &Rows::InFiles).unwrap();
    assert!(first.join(FILE_NAME).is_file() && first.join(journal::FILE_NAME).is_file());
    let text = std::fs::read_to_string(first.join("endcap.toml")).unwrap();
    assert!(!text.contains("[database]") && text.contains("[[sales]]") == project.is_in_files(), "{text}");
    let of_first = waited(rows(&first.join(FILE_NAME)));
    assert!(of_first.iter().filter(|row| row.starts_with("record: ")).count() > 8, "{of_first:?}");
    for table in ["scheduled: ", "message: ", "sent: ", "opening: ", "stop_order: ", "tip: "] {
        assert!(of_first.iter().any(|row| row.starts_with(table)), "{table}");
    }
    let Some(server) = super::support::server::shared() else { return };
    let schema = super::support::server::new_schema();
    let second =
        moved(&first, "second", &Rows::InPostgres { address: Some(server.url()), schema: schema.clone() }).unwrap();
    assert!(!second.join(FILE_NAME).exists() && !second.join(journal::FILE_NAME).exists(), "one home");
    let third = moved(&second, "third", &Rows::InFiles).unwrap();
    for file in [FILE_NAME, journal::FILE_NAME] {
        assert_eq!(waited(rows(&first.join(file))), waited(rows(&third.join(file))), "{file}");
    }
    let (there, back) = (audit_holds(&second), audit_holds(&third));
    assert_eq!(there, back);
    // Life goes on where it stopped, on the server as in files.
    for folder in [&second, &third] {
        let mut journal = AuditedJournal::open(folder, Timestamp::now, random).unwrap();
        assert_eq!(journal.read().unwrap().len(), 2);
        let resumed = Event::Resumed { by: "Ada".into(), reason: "over".into(), shadow: false };
        journal.append(&resumed).unwrap();
        assert_eq!(
            StoredJournal::open(&folder.join(journal::FILE_NAME), Timestamp::now).unwrap().read().unwrap().len(),
            3
        );
        decided(folder, promises(2), vec![("milk", set(220))], at(200));
        run(folder, promises(2), Faults::none(), 200, &Shop::open(), &|_| {});
        assert_eq!(messages(folder, "milk").last().unwrap().stage, Stage::Confirmed);
        assert_eq!(audit_holds(folder), there + 3);
        let stops = waited(StopBook::new(folder, random).places());
        assert!(stops.known().is_none(), "what was brought back sends nothing until a named person says so");
    }
}

/// What a project holds at a moment: its trail, and every message with its stage.
fn held(folder: &Path, anchors: &Anchors) -> (Verified, Vec<(Intent, Option<Known>)>) {
    let verified = waited(verify(&folder.join(FILE_NAME), anchors)).unwrap().expect("the trail is whole");
    (verified, LedgerOutbox::open(folder, random).unwrap().all().unwrap())
}

fn each_of_fifty_moments_comes_back_as_it_was(project: Project) {
    let (folder, place) = (project.path(), tempfile::tempdir().unwrap());
    let backups = place.path().join("backups");
    let key = SecretKey::new("shop/log", Purpose::Log, &[7; 32]).unwrap();
    let log = vec![key.public().clone()];
    let mut moments = vec![];
    for step in 0..50_i64 {
        let now = at(step * 60);
        decided(folder, promises(2), vec![("milk", set(200 + step)), ("beer", order(50 + step))], now);
        if step % 3 > 0 {
            run(folder, promises(2), Faults::none(), step * 60, &Shop::open(), &|_| {});
        }
        let (Verified { records: size, root, .. }, _) = held(folder, &Anchors::default());
        // Signed outside, and never put into the project.
        let checkpoint = Checkpoint { origin: "shop/log".into(), size, root };
        let checkpoints = vec![checkpoint.sign(std::slice::from_ref(&key), now)];
        let anchors = Anchors { checkpoints, log: log.clone(), ..Anchors::default() };
        let name = backup::back_up(folder, &backups, now).unwrap().name();
        moments.push((name, held(folder, &anchors), anchors));
    }
    let began = std::time::Instant::now();
    for (name, then, anchors) in &moments {
        let to = place.path().join(name);
        backup::find(&backups, Some(name)).unwrap().restore_with(&to, false, &Rows::InFiles).unwrap();
        assert_eq!(held(&to, anchors), *then, "{name}");
    }
    assert!(moments.iter().all(|(_, (trail, _), _)| trail.signed == trail.records), "all is signed for");
    let (first, last) = (&moments[0], &moments[49]);
    let wrong = waited(verify(&place.path().join(&first.0).join(FILE_NAME), &last.2)).unwrap();
    assert!(wrong.is_err(), "an old backup does not pass for a new one before the checkpoint of somebody else");
    println!(
        "measured: R9 | backups of 50 moments brought back and held against checkpoints from outside | all as they were, {:.1} s",
        began.elapsed().as_secs_f64()
    );
}
