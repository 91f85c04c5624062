//! The notary: signs a checkpoint of the audit trail again and again, keeps it, and hands it to witnesses.
//!
//! It signs only what it has itself followed from the first record on, and what continues the checkpoints that were kept: a trail
//! that was rewritten behind its back is told and never signed. Several may run over one project: whoever is due signs.

mod settings;
mod witness;

pub use settings::{FILE_NAME, Settings, WitnessSettings};

use crate::AdapterError;
use crate::ledger::{self, Ledger, LedgerError, Random, read_key};
use endcap_govern::audit::{Checkpoint, Digest32, Record, SecretKey, Tree, leaf};
use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use tokio::runtime::Runtime;
use witness::Witness;

/// How long witnesses that did not answer are left alone.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// Why nothing can be signed.
#[derive(Debug, thiserror::Error)]
pub enum NotaryError {
    /// The settings or a key cannot be used.
    #[error(transparent)]
    Settings(#[from] AdapterError),
    /// The trail cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The trail is not what it was.
    #[error("the audit trail was changed at record {0}: nothing is signed; `endcap audit verify` says what")]
    Rewritten(u64),
    /// No runtime.
    #[error("the system gives no runtime: {0}")]
    Runtime(String),
}

/// What a tick did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ticked {
    /// Records that a new checkpoint covers, where one was signed.
    pub signed: Option<u64>,
    /// Witnesses that have signed the last checkpoint since the last tick.
    pub witnessed: Vec<String>,
    /// What went wrong with a witness; the checkpoint stands all the same.
    pub faults: Vec<String>,
}

/// Signs checkpoints of one project's trail.
pub struct Notary {
    ledger: Ledger,
    runtime: Runtime,
    settings: Settings,
    keys: Vec<SecretKey>,
    witnesses: Vec<Witness>,
    leaves: Vec<Digest32>,
    tree: Tree,
    /// When the first record that no checkpoint covers was seen.
    waiting_since: Option<Timestamp>,
    last: Option<Last>,
}

/// The checkpoint that witnesses are asked about.
struct Last {
    checkpoint: Checkpoint,
    note: endcap_govern::audit::Note,
    ask_from: Timestamp,
}

impl Notary {
    /// Follows the trail from its first record and holds it against the checkpoints that were kept; nothing where the project has
    /// no `checkpoints.toml`.
    ///
    /// # Errors
    /// [`NotaryError`] when a key cannot be read or the trail is not whole.
    pub fn open(project: &Path, random: Random) -> Result<Option<Self>, NotaryError> {
        let Some(settings) = Settings::read(project)? else { return Ok(None) };
        let keys = settings.keys(project, read_key)?;
        let witnesses = settings.witness.iter().map(|one| Witness::open(project, one)).collect::<Result<_, _>>()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| NotaryError::Runtime(error.to_string()))?;
        let ledger = runtime.block_on(Ledger::open(&project.join(ledger::FILE_NAME), random))?;
        let (leaves, tree) = (vec![], Tree::default());
        let mut notary =
            Self { ledger, runtime, settings, keys, witnesses, leaves, tree, waiting_since: None, last: None };
        notary.follow()?;
        notary.continues_what_was_kept()?;
        Ok(Some(notary))
    }

    /// Signs where that is due, and asks the witnesses that have not signed the last checkpoint yet.
    ///
    /// # Errors
    /// [`NotaryError`] when the trail cannot be read, is not whole, or a checkpoint cannot be kept.
    pub fn tick(&mut self, now: Timestamp) -> Result<Ticked, NotaryError> {
        let mut ticked = Ticked::default();
        self.follow()?;
        let covered = self.runtime.block_on(self.ledger.last_checkpoint())?.map_or(0, |(size, ..)| size);
        let open = self.tree.size().saturating_sub(covered);
        match open {
            0 => self.waiting_since = None,
            _ => {
                let since = *self.waiting_since.get_or_insert(now);
                if open >= self.settings.every_records || now.duration_since(since) >= self.settings.every() {
                    ticked.signed = Some(self.sign(now)?);
                }
            }
        }
        self.ask_witnesses(now, &mut ticked)?;
        Ok(ticked)
    }

    /// Reads what was added, each record by its chain.
    fn follow(&mut self) -> Result<(), NotaryError> {
        let (leaves, tree) = (&mut self.leaves, &mut self.tree);
        let begin = tree.size();
        let taken = self.ledger.after(begin, |sequence, content| {
            let record: Option<Record> = serde_json::from_slice(content).ok();
            let last = leaves.last().copied().unwrap_or(Digest32([0; 32]));
            let fits = record.is_some_and(|record| record.sequence == sequence && record.previous == last);
            if !fits || sequence != tree.size() + 1 {
                return Err(NotaryError::Rewritten(sequence));
            }
            let digest = leaf(content);
            tree.push(digest);
            leaves.push(digest);
            Ok(())
        });
        self.runtime.block_on(taken)
    }

    /// Every checkpoint that was kept is of this very trail.
    fn continues_what_was_kept(&mut self) -> Result<(), NotaryError> {
        let mut kept: Vec<Checkpoint> = vec![];
        for note in self.runtime.block_on(self.ledger.kept_checkpoints())? {
            self.witnesses.iter_mut().for_each(|witness| witness.remember(&note));
            kept.extend(note.text().parse::<Checkpoint>().ok());
        }
        kept.sort_by_key(|checkpoint| checkpoint.size);
        let (mut tree, mut at) = (Tree::default(), 0_usize);
        for checkpoint in kept {
            let size = usize::try_from(checkpoint.size).unwrap_or(usize::MAX);
            let Some(added) = self.leaves.get(at..size) else { return Err(NotaryError::Rewritten(checkpoint.size)) };
            tree.extend(added.iter().copied());
            at = size;
            if tree.root() != checkpoint.root {
                return Err(NotaryError::Rewritten(checkpoint.size));
            }
        }
        Ok(())
    }

    fn sign(&mut self, now: Timestamp) -> Result<u64, NotaryError> {
        let origin = self.keys[0].public().name().to_owned();
        let checkpoint = Checkpoint { origin, size: self.tree.size(), root: self.tree.root() };
        let note = checkpoint.sign(&self.keys, now);
        self.runtime.block_on(self.ledger.keep_checkpoint(checkpoint.size, &note, now))?;
        self.waiting_since = None;
        let size = checkpoint.size;
        self.last = Some(Last { checkpoint, note, ask_from: now });
        self.witnesses.iter_mut().for_each(Witness::ask_anew);
        Ok(size)
    }

    fn ask_witnesses(&mut self, now: Timestamp, ticked: &mut Ticked) -> Result<(), NotaryError> {
        let Some(last) = &mut self.last else { return Ok(()) };
        if now < last.ask_from || self.witnesses.iter().all(Witness::is_done) {
            return Ok(());
        }
        last.ask_from = endcap_model::later(now, ASK_AGAIN);
        let log: Vec<_> = self.keys.iter().map(|key| key.public().clone()).collect();
        let leaves = &self.leaves[..usize::try_from(last.checkpoint.size).unwrap_or(0)];
        for witness in self.witnesses.iter_mut().filter(|witness| !witness.is_done()) {
            match witness.ask(&last.checkpoint, &last.note, leaves, &log) {
                Ok(Some(signed)) => {
                    let size = signed.text().parse::<Checkpoint>().map_or(0, |checkpoint| checkpoint.size);
                    self.runtime.block_on(self.ledger.keep_checkpoint(size, &signed, now))?;
                    ticked.witnessed.push(witness.name().to_owned());
                }
                Ok(None) => {}
                Err(fault) => ticked.faults.push(format!("witness {}: {fault}", witness.name())),
            }
        }
        Ok(())
    }
}
