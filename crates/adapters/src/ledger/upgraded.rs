//! Ledgers that older programs wrote, with offers under way, opened by this program; and back.

use super::schema::TABLES;
use super::{FILE_NAME, LedgerOutbox, verify};
use crate::database::{Database, Tables};
use endcap_agent::outbox::{Known, Promises, decide};
use endcap_agent::ports::{Asked, Outbox, Standings};
use endcap_govern::audit::{Anchors, Grounds};
use endcap_govern::gate::{Intent, Standing};
use endcap_govern::stop::Stops;
use endcap_model::hash_bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};
use std::path::Path;

/// The version that brought the outbox: before it nothing was under way.
const OUTBOX: usize = 4;

struct Nobody;

impl Standings for Nobody {
    fn standing(&self, _: &Asked, now: Timestamp) -> Standing {
        Standing { now, ..Standing::default() }
    }

    fn stops(&self) -> Option<Stops> {
        None
    }
}

fn random() -> [u8; 32] {
    [7; 32]
}

fn intent(sku: &str, from: Timestamp) -> Intent {
    let limits = hash_bytes(b"limits");
    serde_json::from_value(json!({
        "action": { "do": "start_offer", "offer": "easter", "price": 150 },
        "sku": sku, "category": "food", "place": "north", "channel": "till", "tenant": "shop", "agent": "planner",
        "currency": "EUR", "from": from, "until": from + SignedDuration::from_hours(24), "generation": 0, "epoch": 0,
        "limits": limits,
        "inputs": { "snapshot": "s", "known_at": from, "quarantined": false, "personal_data": false }
    }))
    .unwrap()
}

/// A ledger with an offer under way, its end, and one that waits for its day.
fn lived_in(folder: &Path) {
    let now = Timestamp::from_second(1_700_000_000).unwrap();
    let intents = vec![intent("milk", now), intent("beer", now + SignedDuration::from_hours(48))];
    let mut outbox = LedgerOutbox::open(folder, random).unwrap();
    outbox.decide(decide(intents, &|_| Promises::default(), now, "planner", &Grounds::default()), now).unwrap();
    outbox.ripen(now + SignedDuration::from_secs(1), &Nobody).unwrap();
}

fn waited<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

async fn opened(file: &Path) -> SqliteConnection {
    sqlx::sqlite::SqliteConnectOptions::new().filename(file).create_if_missing(true).connect().await.unwrap()
}

/// Writes what a ledger holds into tables as an older program made them.
async fn as_an_older_program(newer: &Path, older: &Path, version: usize) {
    let mut connection = opened(older).await;
    for &statements in &TABLES.versions[..version] {
        sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
    }
    let attach = format!("pragma user_version = {version}; attach '{}' as newer", newer.display());
    sqlx::raw_sql(AssertSqlSafe(attach)).execute(&mut connection).await.unwrap();
    for table in ["record", "tip", "opening", "scheduled", "message"] {
        let columns = "select group_concat(name) from (select name from pragma_table_info($1))";
        let columns: String = sqlx::query_scalar(columns).bind(table).fetch_one(&mut connection).await.unwrap();
        let copy = format!(
            "delete from main.{table} where '{table}' = 'tip'; \
             insert into main.{table} ({columns}) select {columns} from newer.{table} order by 1"
        );
        sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// All that a database holds, wherever its pages lie just now: its own file, or the log of what was written last.
async fn content(file: &Path) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    let mut connection = opened(file).await;
    let vacuum = format!("vacuum into '{}'", copy.display());
    sqlx::raw_sql(AssertSqlSafe(vacuum)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    std::fs::read(copy).unwrap()
}

fn held(folder: &Path) -> Vec<(Intent, Option<Known>)> {
    LedgerOutbox::open(folder, random).unwrap().all().unwrap()
}

fn records(folder: &Path) -> u64 {
    waited(verify(&folder.join(FILE_NAME), &Anchors::default())).unwrap().expect("the trail is whole").records
}

#[test]
fn what_an_older_program_had_under_way_goes_on_and_an_older_program_refuses_what_a_newer_one_wrote() {
    let now = tempfile::tempdir().unwrap();
    lived_in(now.path());
    let (under_way, recorded) = (held(now.path()), records(now.path()));
    assert_eq!(under_way.iter().filter(|(_, known)| known.is_some()).count(), 1, "{under_way:?}");
    assert!(under_way.len() > 3 && recorded > 1, "{under_way:?}");
    for version in OUTBOX..TABLES.versions.len() {
        let then = tempfile::tempdir().unwrap();
        let file = then.path().join(FILE_NAME);
        waited(as_an_older_program(&now.path().join(FILE_NAME), &file, version));
        assert_eq!(held(then.path()), under_way, "from version {version}");
        assert_eq!(records(then.path()), recorded);
        // It was brought up; the program that wrote it is started again.
        let before = waited(content(&file));
        let older = Tables { versions: &TABLES.versions[..version], ..TABLES };
        let Err(refused) = waited(Database::open(&file, older)).unwrap() else {
            panic!("a program of version {version} opened newer tables")
        };
        assert!(refused.contains(&format!("this program knows {version}")), "{refused}");
        assert!(waited(content(&file)) == before, "it changed what it does not understand");
    }
    println!(
        "measured: R8 | ledgers of every older version with offers under way | all went on, none was opened by the older"
    );
}
