//! Feeds against real sources: what comes has its effect exactly once, whatever is killed, sent again, late or unreadable.

mod folder;
mod kafka;
mod nats;
mod restarts;
mod speed;

use endcap_adapters::feeds::{Pump, Turn, open};
use endcap_adapters::project::Project;
use endcap_adapters::records::Records;
use endcap_adapters::records::feeds::{KeptAside, Standing, asides, standings};
use endcap_ingest::Rules;
use jiff::Timestamp;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Row};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A project whose sales come by a feed.
pub struct Shop {
    pub folder: TempDir,
    runtime: Runtime,
    records: Option<Records>,
}

/// The time of all tests.
pub fn now() -> Timestamp {
    "2026-03-10T12:00:00Z".parse().unwrap()
}

impl Shop {
    /// With these lines under `[[feed]]`.
    pub fn new(feed: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_project(folder.path(), feed);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { folder, runtime, records: None }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The feed as a new process would open it.
    pub fn pump(&mut self) -> Pump {
        self.records = None;
        let records = self.runtime.block_on(Records::open(self.path())).unwrap();
        self.records = Some(records.clone());
        pump(self.path(), records, self.runtime.handle().clone())
    }

    /// Number of sales, and the sum of their pieces, by a statement of our own.
    pub fn totals(&self) -> (i64, i64) {
        self.runtime.block_on(totals(self.path()))
    }

    pub fn standing(&self) -> Standing {
        self.runtime.block_on(standings(self.path())).unwrap().remove(0)
    }

    pub fn asides(&self) -> Vec<KeptAside> {
        self.runtime.block_on(asides(self.path(), 1000)).unwrap()
    }
}

pub async fn totals(project: &Path) -> (i64, i64) {
    let options = SqliteConnectOptions::new().filename(project.join("records.db")).read_only(true);
    let mut connection = options.connect().await.unwrap();
    let sums =
        "select count(*), coalesce(sum(cast(content ->> 'units' as integer)), 0) from record where kind = 'sales'";
    let row = sqlx::query(sums).fetch_one(&mut connection).await.unwrap();
    (row.try_get(0).unwrap(), row.try_get(1).unwrap())
}

pub fn write_project(folder: &Path, feed: &str) {
    let text = format!("name = \"shop\"\ncurrency = \"EUR\"\ncalendar = \"day\"\n[[feed]]\nname = \"tills\"\n{feed}\n");
    fs::write(folder.join("endcap.toml"), text).unwrap();
}

pub fn pump(folder: &Path, records: Records, runtime: tokio::runtime::Handle) -> Pump {
    let project = Project::read_configured(folder).unwrap();
    let rules = Rules { calendar: project.calendar, currency: project.currency, items: None, places: None };
    let feed = open(folder, &project.feed[0]).unwrap();
    Pump::new(project.feed[0].clone(), rules, feed, (records, runtime))
}

/// A sale as a till tells it.
pub fn sale(id: usize) -> String {
    let (item, store, units) = (id % 7, id % 3, units(id));
    format!(
        "{{\"id\":\"t{id}\",\"sku\":\"item {item}\",\"place\":\"store {store}\",\"period\":\"2026-03-0{}\",\"units\":{units},\
         \"price\":1.99}}",
        1 + id % 9
    )
}

/// Its pieces.
pub fn units(id: usize) -> i64 {
    1 + (id * 31 % 11) as i64
}

/// Pieces of so many sales.
pub fn pieces(sales: usize) -> i64 {
    (0..sales).map(units).sum()
}

/// Takes until nothing comes for a while.
pub fn drained(pump: &mut Pump) -> Vec<Turn> {
    let (mut turns, mut empty) = (vec![], 0);
    while empty < 3 {
        match pump.turn(Duration::from_millis(300), None, &now).unwrap() {
            turn if turn == Turn::default() => empty += 1,
            turn => {
                empty = 0;
                turns.push(turn);
            }
        }
    }
    turns
}
