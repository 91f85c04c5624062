//! Verifying a trail in a file, without changing it: a ledger or an export. Nothing else that the file holds is believed.

use super::{FILE_NAME, LedgerError, read};
use crate::AdapterError;
use crate::database::{Connection, Home};
use endcap_govern::audit::{Anchors, Digest32, Fault, Note, Signed, Verified, Verifier};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

/// Longest wait for another program, or for PostgreSQL.
const WITHIN: Duration = Duration::from_secs(5);
/// What every SQLite file begins with.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// What is wrong with a trail or what lies beside it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerFault {
    /// The trail itself.
    #[error(transparent)]
    Trail(#[from] Fault),
    /// The next record would not continue the last.
    #[error(
        "the end of the trail was cut off or changed: the tip, which the next record continues, is that of {tip} records"
    )]
    Tip {
        /// Records that the tip counts.
        tip: u64,
    },
    /// A personal value is not the one that was recorded.
    #[error("the value kept for the commitment {commitment} is not the one that was recorded")]
    Value {
        /// The commitment.
        commitment: Digest32,
    },
}

impl LedgerFault {
    /// The first record that is, or may be, not as it was; nothing when the fault lies beside the trail.
    pub fn first_bad(&self) -> Option<u64> {
        match self {
            Self::Trail(fault) => fault.first_bad(),
            Self::Tip { .. } | Self::Value { .. } => None,
        }
    }
}

/// A trail that cannot be verified because it cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unverifiable {
    /// The file.
    #[error(transparent)]
    File(#[from] AdapterError),
    /// The ledger in it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Verifies a project's folder, a ledger or an export. Of a ledger, the checkpoints in it that one of the log's keys has
/// signed count as well.
///
/// # Errors
/// [`Unverifiable`] when it cannot be read. The inner error is what is wrong with it.
pub async fn verify(path: &Path, anchors: &Anchors) -> Result<Result<Verified, LedgerFault>, Unverifiable> {
    let path = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
    let failed = |error| AdapterError::system("read", &path, error);
    if !path.exists()
        && let home @ Home::Postgres(_) = Home::of(&path)?
    {
        return Ok(verify_ledger(&home, anchors).await?);
    }
    let mut export = BufReader::new(File::open(&path).map_err(failed)?);
    if export.fill_buf().map_err(failed)?.starts_with(SQLITE) {
        return Ok(verify_ledger(&Home::File(path), anchors).await?);
    }
    Ok(verify_export(export, anchors).map_err(failed)?.map_err(LedgerFault::from))
}

fn verify_export(mut export: impl BufRead, anchors: &Anchors) -> std::io::Result<Result<Verified, Fault>> {
    let mut verifier = match Verifier::new(anchors) {
        Ok(verifier) => verifier,
        Err(fault) => return Ok(Err(fault)),
    };
    let mut line = vec![];
    while export.read_until(b'\n', &mut line)? > 0 {
        if let Err(fault) = verifier.take_line(&line) {
            return Ok(Err(fault));
        }
        line.clear();
    }
    Ok(verifier.finish())
}

async fn verify_ledger(home: &Home, anchors: &Anchors) -> Result<Result<Verified, LedgerFault>, LedgerError> {
    let mut connection = Connection::to_read(home, WITHIN).await?;
    connection.hold_still().await?;
    let mut anchors = anchors.clone();
    if !anchors.log.is_empty() {
        let known = |note: &Note| anchors.log.iter().any(|key| note.signed_by(key) != Signed::No);
        let stored = read::checkpoints(&mut connection).await?;
        anchors.checkpoints.extend(stored.into_iter().filter(known).collect::<Vec<_>>());
    }
    let verified = match Verifier::new(&anchors) {
        Ok(verifier) => verify_records(&mut connection, verifier).await?,
        Err(fault) => Err(fault),
    };
    let verified = match verified {
        Ok(verified) => verify_beside(&mut connection, verified).await?,
        Err(fault) => Err(fault.into()),
    };
    connection.close().await?;
    Ok(verified)
}

async fn verify_records(
    connection: &mut Connection,
    mut verifier: Verifier,
) -> Result<Result<Verified, Fault>, LedgerError> {
    /// Breaks off a reading.
    enum Broken {
        Fault(Fault),
        Error(LedgerError),
    }
    impl From<LedgerError> for Broken {
        fn from(error: LedgerError) -> Self {
            Self::Error(error)
        }
    }
    match read::each(connection, |content| verifier.take(content).map_err(Broken::Fault)).await {
        Err(Broken::Error(error)) => Err(error),
        Err(Broken::Fault(fault)) => Ok(Err(fault)),
        Ok(()) => Ok(verifier.finish()),
    }
}

/// Checks what lies beside the records: the tip, and what commitments were made of.
async fn verify_beside(
    connection: &mut Connection,
    verified: Verified,
) -> Result<Result<Verified, LedgerFault>, LedgerError> {
    let tip = read::trail(connection).await?.tree;
    if (tip.size(), tip.root()) != (verified.records, verified.root) {
        return Ok(Err(LedgerFault::Tip { tip: tip.size() }));
    }
    let openings = read::openings(connection).await?;
    Ok(match openings.into_iter().find(|opening| !opening.holds()) {
        Some(opening) => Err(LedgerFault::Value { commitment: opening.commitment }),
        None => Ok(verified),
    })
}
