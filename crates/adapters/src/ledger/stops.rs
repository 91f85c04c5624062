//! The stop on disk, twice: a table of the ledger (with its records in the audit trail) and `stops.json` beside it.
//!
//! A stop holds as soon as either is written, the file first: it needs no database. Whoever reads joins both, and sends
//! nothing where one is missing. What follows from what the places say is decided in `endcap_govern::stop`.

mod file;
mod held;
mod reader;
mod table;

use super::{FILE_NAME as LEDGER, Ledger, LedgerError, Random};
use crate::AdapterError;
use endcap_govern::stop::{NotResumed, Place, Places, Stops, Wanted};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use file::FILE_NAME;
pub use held::Stoppable;
pub use reader::StopReader;
pub(super) use table::said;

/// Longest wait for the ledger, which another program may hold.
const WITHIN: Duration = Duration::from_secs(8);

/// Where stops of a project are kept.
#[derive(Clone, Debug)]
pub struct StopBook {
    folder: PathBuf,
    random: Random,
}

/// An order that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// The stops with it.
    pub stops: Stops,
    /// What could not be written, and what follows from that.
    pub faults: Vec<String>,
}

/// Why an order was not kept.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// Neither place could be written.
    #[error(
        "the stop could be written neither to stops.json ({file}) nor to the ledger ({ledger}): stop the senders themselves"
    )]
    Nowhere {
        /// Why not the file.
        file: String,
        /// Why not the ledger.
        ledger: String,
    },
    /// To resume needs both places.
    #[error("nothing was resumed")]
    Ledger(#[from] LedgerError),
    /// To resume needs both places.
    #[error("nothing was resumed")]
    File(#[from] AdapterError),
    /// Another program gives orders.
    #[error("nothing was resumed: another program holds {}; try again, and look for one that hangs", .0.display())]
    Held(PathBuf),
    /// Another order came in between.
    #[error("nothing was resumed: another order came in between; look at it, then try again")]
    Overtaken,
    /// The ledger did not answer.
    #[error("nothing was resumed: the ledger did not answer for {} seconds; look for a program that holds it", WITHIN.as_secs())]
    Silent,
}

impl StopBook {
    /// The stops of a project.
    pub fn new(folder: &Path, random: Random) -> Self {
        Self { folder: folder.to_owned(), random }
    }

    /// What both places say now.
    pub async fn places(&self) -> Places {
        Places { database: table::read(&self.ledger()).await, file: file::read(&self.folder) }
    }

    /// Begins a project's stops, where nothing was ever kept, and brings a place that lags behind up to the other. Leaves
    /// alone what is missing or unreadable: only a named person makes that good.
    ///
    /// # Errors
    /// [`NotKept`] when a place could not be written; then nothing is sent, or as little as before.
    pub async fn begin(&self, at: Timestamp) -> Result<(), NotKept> {
        let _alone = file::lock(&self.folder).await;
        let places = self.places().await;
        if places.are_empty() {
            return self.write_both(&Stops::default(), &places, at).await;
        }
        let Some(stops) = places.known() else { return Ok(()) };
        let lags = |place: &Place| !matches!(place, Place::Kept(kept) if table::says_the_same(kept, &stops));
        if lags(&places.file) {
            file::write(&self.folder, &stops)?;
        }
        if lags(&places.database) {
            self.in_time(self.write_table(&stops, at)).await?;
        }
        Ok(())
    }

    /// Freezes a scope; it holds when this returns, and says what could not be written.
    ///
    /// # Errors
    /// [`NotKept::Nowhere`] when neither place could be written.
    pub async fn freeze(&self, wanted: &Wanted) -> Result<Ordered, NotKept> {
        // Whoever cannot have the lock stops all the same.
        let alone = file::lock(&self.folder).await;
        let stops = self.places().await.frozen(wanted);
        let file = file::write(&self.folder, &stops).map_err(told);
        let ledger = self.in_time(self.write_table(&stops, wanted.at)).await.map_err(told);
        let ledger = match ledger {
            // The file may have been put in the place of the one that was written.
            Ok(()) if !matches!(table::read(&self.ledger()).await, Place::Kept(_)) => Err("it is gone".to_owned()),
            written => written,
        };
        drop(alone);
        let faults = match (file, ledger) {
            (Err(file), Err(ledger)) => return Err(NotKept::Nowhere { file, ledger }),
            (Ok(()), Ok(())) => vec![],
            (Ok(()), Err(why)) => {
                vec![format!("the stop holds by {FILE_NAME} alone and is not in the audit trail: {why}")]
            }
            (Err(why), Ok(())) => vec![format!("the stop holds by the ledger alone: {why}")],
        };
        Ok(Ordered { stops, faults })
    }

    /// Lets a scope act again. The inner error says why not.
    ///
    /// # Errors
    /// [`NotKept`] when one of the places could not be written; then it is stopped as before.
    pub async fn resume(&self, wanted: &Wanted) -> Result<Result<Ordered, NotResumed>, NotKept> {
        let _alone = file::lock(&self.folder).await.ok_or_else(|| NotKept::Held(file::lock_path(&self.folder)))?;
        let places = self.places().await;
        let stops = match places.resumed(wanted) {
            Ok(stops) => stops,
            Err(why) => return Ok(Err(why)),
        };
        self.write_both(&stops, &places, wanted.at).await?;
        Ok(Ok(Ordered { stops, faults: vec![] }))
    }

    /// Takes a personal value out of the file, as an erasure does in the ledger; returns from how many orders.
    ///
    /// # Errors
    /// [`AdapterError`] when the file cannot be written.
    pub async fn forget(&self, is_it: impl Fn(&str) -> bool) -> Result<usize, AdapterError> {
        let _alone = file::lock(&self.folder).await;
        file::forget(&self.folder, is_it)
    }

    /// Writes both places or neither.
    async fn write_both(&self, stops: &Stops, read: &Places, at: Timestamp) -> Result<(), NotKept> {
        self.in_time(async {
            let ledger = Ledger::open(&self.ledger(), self.random).await?;
            let mut transaction = ledger.begin().await?;
            if table::rows(&mut transaction).await? != read.database {
                return Err(NotKept::Overtaken);
            }
            table::add(&ledger, &mut transaction, stops, &read.database, at).await?;
            file::write(&self.folder, stops)?;
            if let Err(error) = transaction.commit().await {
                file::put_back(&self.folder, &read.file);
                return Err(LedgerError::from(error).into());
            }
            ledger.close().await;
            Ok(())
        })
        .await
    }

    /// Adds to the table what it lacks; it never gets looser than it is.
    async fn write_table(&self, stops: &Stops, at: Timestamp) -> Result<(), NotKept> {
        let ledger = Ledger::open(&self.ledger(), self.random).await?;
        let mut transaction = ledger.begin().await?;
        let there = table::rows(&mut transaction).await?;
        let stricter = match &there {
            Place::Kept(kept) => Stops::stricter(Some(kept), Some(stops)),
            Place::Empty | Place::Unreadable(_) => None,
        };
        table::add(&ledger, &mut transaction, stricter.as_ref().unwrap_or(stops), &there, at).await?;
        transaction.commit().await.map_err(LedgerError::from)?;
        ledger.close().await;
        Ok(())
    }

    async fn in_time(&self, work: impl Future<Output = Result<(), NotKept>>) -> Result<(), NotKept> {
        tokio::time::timeout(WITHIN, work).await.unwrap_or(Err(NotKept::Silent))
    }

    fn ledger(&self) -> PathBuf {
        self.folder.join(LEDGER)
    }
}

/// An error with its causes, in one line.
fn told(error: impl std::error::Error) -> String {
    let mut text = match error.source() {
        None => error.to_string(),
        Some(_) => String::new(),
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        text = if text.is_empty() { error.to_string() } else { format!("{text}: {error}") };
        cause = error.source();
    }
    text
}
