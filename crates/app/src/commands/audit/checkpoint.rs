//! `endcap audit checkpoint`, `witness` and `keep`: what the log says of itself, and what others say of that.

use super::{hand_over, opened};
use crate::console::{Console, Ending};
use anyhow::{Context, ensure};
use endcap_adapters::ledger::{self, read_key, read_public_key};
use endcap_adapters::tables;
use endcap_govern::audit::{Anchors, Checkpoint, Note, Offer, PublicKey, SecretKey, cosign, prove_consistency};
use jiff::Timestamp;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Sign how far the trail is now, once it was found whole; the checkpoint is kept with it.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap audit checkpoint shop --key log.key --to today.checkpoint
  endcap audit checkpoint shop --key log.key --since 0 --to offer.txt       for a new witness
  endcap audit checkpoint shop --key old.key --key new.key                  while one key takes the other's place")]
pub struct CheckpointArgs {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// File of the log's secret key; give two while one takes the other's place.
    #[arg(long = "key", required = true, value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Make an offer for a witness that last signed so many records (0: none), with the proof that this continues them.
    #[arg(long, value_name = "RECORDS")]
    since: Option<u64>,
    /// Where it goes; standard output when not given.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// As a witness, sign a checkpoint that continues the one signed before; refuse any other.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap audit witness offer.txt --log shop.pub --key witness.key --memory shop.seen --to signed.checkpoint")]
pub struct WitnessArgs {
    /// The offer, as `endcap audit checkpoint --since` wrote it.
    offer: PathBuf,
    /// The log's public key, or the file that holds it; give two while one takes the other's place.
    #[arg(long = "log", required = true, value_name = "KEY")]
    log: Vec<String>,
    /// File of the witness's secret key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// File in which the witness remembers what it signed for this log; made by the first signature.
    #[arg(long, value_name = "FILE")]
    memory: PathBuf,
    /// Where the signed checkpoint goes; standard output when not given.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// Keep a checkpoint that a witness has signed with the trail, so that `verify` finds it there.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap audit keep signed.checkpoint shop --public-key log.key.pub")]
pub struct KeepArgs {
    /// The checkpoint, as `endcap audit witness` wrote it.
    checkpoint: PathBuf,
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The log's public key, or the file that holds it.
    #[arg(long = "public-key", required = true, value_name = "KEY")]
    log: Vec<String>,
}

#[derive(Serialize)]
struct Told {
    origin: String,
    records: u64,
    root: String,
    /// The signed text as it is to be handed on.
    text: String,
}

impl Told {
    fn of(checkpoint: &Checkpoint, text: String) -> Self {
        let Checkpoint { origin, size, root } = checkpoint;
        Self { origin: origin.clone(), records: *size, root: root.to_string(), text }
    }

    fn hand_over(&self, to: Option<&PathBuf>, console: &Console) -> anyhow::Result<()> {
        if to.is_some() || !console.is_json() {
            hand_over(&self.text, to, console)?;
        }
        if console.is_json() { console.result(self, |_| String::new()) } else { Ok(()) }
    }
}

/// Runs `endcap audit checkpoint`.
pub async fn checkpoint(args: &CheckpointArgs, console: &Console) -> anyhow::Result<Ending> {
    let ledger = opened(&args.folder).await?;
    let keys = args.keys.iter().map(|path| read_key(path)).collect::<Result<Vec<SecretKey>, _>>()?;
    let origin = keys[0].public().name().to_owned();
    ensure!(keys.iter().all(|key| key.public().name() == origin), "the keys bear different names: a log has one");
    let anchors = Anchors { log: keys.iter().map(|key| key.public().clone()).collect(), ..Anchors::default() };
    let whole = match ledger::verify(&args.folder, &anchors).await? {
        Ok(whole) => whole,
        Err(fault) => {
            console.note(format!("nothing was signed: {fault}"));
            return Ok(Ending::Refused);
        }
    };
    let checkpoint = Checkpoint { origin, size: whole.records, root: whole.root };
    let now = Timestamp::now();
    let note = checkpoint.sign(&keys, now);
    ledger.keep_checkpoint(checkpoint.size, &note, now).await?;
    let text = match args.since {
        Some(old) => {
            ensure!(old <= checkpoint.size, "--since {old} is beyond the trail, which has {} records", checkpoint.size);
            let leaves = ledger.leaves(checkpoint.size).await?;
            let proof = prove_consistency(&leaves, usize::try_from(old)?).unwrap_or_default();
            Offer { old, proof, note }.to_string()
        }
        None => note.to_string(),
    };
    Told::of(&checkpoint, text).hand_over(args.to.as_ref(), console)?;
    Ok(Ending::Done)
}

/// Runs `endcap audit witness`.
pub fn witness(args: &WitnessArgs, console: &Console) -> anyhow::Result<Ending> {
    let key = read_key(&args.key)?;
    let log = args.log.iter().map(|given| read_public_key(given)).collect::<Result<Vec<PublicKey>, _>>()?;
    let offer: Offer = read_text(&args.offer)?.parse().with_context(|| args.offer.display().to_string())?;
    let memory = if args.memory.exists() { Some(read_note(&args.memory)?) } else { None };
    let note = match cosign(&offer, memory.as_ref(), &log, &key, Timestamp::now()) {
        Ok(note) => note,
        Err(refused) => {
            console.note(format!("nothing was signed: {refused}"));
            return Ok(Ending::Refused);
        }
    };
    tables::write_atomic(&args.memory, note.to_string().as_bytes())?;
    Told::of(&note.text().parse()?, note.to_string()).hand_over(args.to.as_ref(), console)?;
    Ok(Ending::Done)
}

/// Runs `endcap audit keep`.
pub async fn keep(args: &KeepArgs, console: &Console) -> anyhow::Result<Ending> {
    let ledger = opened(&args.folder).await?;
    let log = args.log.iter().map(|given| read_public_key(given)).collect::<Result<Vec<PublicKey>, _>>()?;
    let note = read_note(&args.checkpoint)?;
    let checkpoint = Checkpoint::trusted(&note, &log)?;
    ledger.keep_checkpoint(checkpoint.size, &note, Timestamp::now()).await?;
    console.result(&Told::of(&checkpoint, note.to_string()), |told| {
        format!("The checkpoint over {} records is kept with the trail.", told.records)
    })?;
    Ok(Ending::Done)
}

/// Reads a signed note from a file.
pub fn read_note(path: &Path) -> anyhow::Result<Note> {
    read_text(path)?.parse().with_context(|| path.display().to_string())
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}
