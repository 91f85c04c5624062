//! Witnesses: somebody else remembers how far the log was, and signs only what continues it.
//!
//! A log that shows two people two histories, or rewrites its own, finds no witness who signs both. A witness keeps one
//! checkpoint for each log: the last that it signed.
//!
//! # Source
//! C2SP `tlog-witness` and `tlog-cosignature`; the text of an offer is the body of `add-checkpoint`.

use super::checkpoint::{decoded, whole};
use super::note::Signed;
use super::{Checkpoint, Digest32, Note, PublicKey, SecretKey, Untrusted, consistent};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use std::fmt;
use std::str::FromStr;

/// A checkpoint with the proof that it continues an older one, for a witness to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Size of the older one; 0 for a witness that has seen none.
    pub old: u64,
    /// The proof; empty from size 0 on.
    pub proof: Vec<Digest32>,
    /// The checkpoint, signed by its log.
    pub note: Note,
}

/// Text that is no offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no offer to a witness: expected what `endcap audit checkpoint --since` prints")]
pub struct NotAnOffer;

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|step| writeln!(f, "{}", STANDARD.encode(step.0)))?;
        write!(f, "\n{}", self.note)
    }
}

impl FromStr for Offer {
    type Err = NotAnOffer;

    fn from_str(text: &str) -> Result<Self, NotAnOffer> {
        let (head, note) = text.split_once("\n\n").ok_or(NotAnOffer)?;
        let mut lines = head.lines();
        let old = lines.next().and_then(|line| whole(line.strip_prefix("old ")?)).ok_or(NotAnOffer)?;
        let proof = lines.map(decoded).collect::<Option<_>>().ok_or(NotAnOffer)?;
        Ok(Self { old, proof, note: note.parse().map_err(|_| NotAnOffer)? })
    }
}

/// Why a witness does not sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessRefused {
    /// The checkpoint is not by the log.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// What the witness remembers is not signed by it.
    #[error("what this witness remembers is not signed by its own key: it was changed, or the key is another")]
    NotItsMemory,
    /// It remembers another log.
    #[error(
        "this witness remembers the log '{remembered}', the checkpoint is of '{offered}': keep one file for each log"
    )]
    OtherLog {
        /// The log it remembers.
        remembered: String,
        /// The log it was shown.
        offered: String,
    },
    /// The proof begins elsewhere.
    #[error(
        "the proof begins at {offered} records, this witness last signed {remembered}: make it with --since {remembered}"
    )]
    OtherStart {
        /// How far it signed.
        remembered: u64,
        /// Where the proof begins.
        offered: u64,
    },
    /// The log is shorter than it was, or another of the same length.
    #[error(
        "the log has forked: {offered} records do not continue the {remembered} that this witness has signed; tell everybody who relies on it"
    )]
    Forked {
        /// How far it signed.
        remembered: u64,
        /// What it was shown.
        offered: u64,
    },
}

/// Signs a checkpoint when it continues the last one that this witness signed. The note that comes back is to be
/// remembered before it is handed out.
///
/// # Errors
/// [`WitnessRefused`] when the log has not signed it, or it is not shown to continue what was signed before.
pub fn cosign(
    offer: &Offer,
    remembered: Option<&Note>,
    log: &[PublicKey],
    key: &SecretKey,
    now: Timestamp,
) -> Result<Note, WitnessRefused> {
    let offered = Checkpoint::trusted(&offer.note, log)?;
    if let Some(remembered) = remembered {
        continues(offer, &offered, remembered, key.public())?;
    } else if offer.old != 0 {
        return Err(WitnessRefused::OtherStart { remembered: 0, offered: offer.old });
    }
    let mut note = offer.note.clone();
    note.sign(key, now);
    Ok(note)
}

fn continues(offer: &Offer, offered: &Checkpoint, remembered: &Note, own: &PublicKey) -> Result<(), WitnessRefused> {
    if !matches!(remembered.signed_by(own), Signed::Yes(_)) {
        return Err(WitnessRefused::NotItsMemory);
    }
    let before: Checkpoint = remembered.text().parse()?;
    if before.origin != offered.origin {
        return Err(WitnessRefused::OtherLog { remembered: before.origin, offered: offered.origin.clone() });
    }
    let forked = WitnessRefused::Forked { remembered: before.size, offered: offered.size };
    if offered.size < before.size {
        return Err(forked);
    }
    if offer.old != before.size {
        return Err(WitnessRefused::OtherStart { remembered: before.size, offered: offer.old });
    }
    let continued =
        before.size == 0 || consistent((before.size, &before.root), (offered.size, &offered.root), &offer.proof);
    if continued { Ok(()) } else { Err(forked) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Purpose, Tree, leaf, prove_consistency};

    const LOG: &str = "shop.example/log";

    fn log_key() -> SecretKey {
        SecretKey::new(LOG, Purpose::Log, &[1; 32]).unwrap()
    }

    fn witness_key() -> SecretKey {
        SecretKey::new("partner.example", Purpose::Witness, &[2; 32]).unwrap()
    }

    fn history(name: &str, count: u64) -> Vec<Digest32> {
        (0..count).map(|at| leaf(format!("{name} {at}").as_bytes())).collect()
    }

    fn offer(leaves: &[Digest32], old: u64) -> Offer {
        let mut tree = Tree::default();
        tree.extend(leaves.iter().copied());
        let checkpoint = Checkpoint { origin: LOG.into(), size: tree.size(), root: tree.root() };
        let proof = prove_consistency(leaves, old as usize).unwrap_or_default();
        Offer { old, proof, note: checkpoint.sign(&[log_key()], Timestamp::UNIX_EPOCH) }
    }

    fn asked(offer: &Offer, remembered: Option<&Note>) -> Result<Note, WitnessRefused> {
        cosign(
            offer,
            remembered,
            &[log_key().public().clone()],
            &witness_key(),
            "2026-03-01T12:00:00Z".parse().unwrap(),
        )
    }

    #[test]
    fn a_growing_log_is_signed_step_by_step() {
        let leaves = history("a", 50);
        let mut remembered = asked(&offer(&leaves[..7], 0), None).unwrap();
        for (old, new) in [(7, 7), (7, 8), (8, 33), (33, 50)] {
            let offered: Offer = offer(&leaves[..new], old).to_string().parse().unwrap();
            remembered = asked(&offered, Some(&remembered)).unwrap();
            assert!(matches!(remembered.signed_by(witness_key().public()), Signed::Yes(Some(_))), "{old} to {new}");
        }
    }

    #[test]
    fn a_fork_a_shorter_log_and_a_gap_are_refused() {
        let (leaves, other) = (history("a", 20), history("b", 20));
        let remembered = asked(&offer(&leaves[..10], 0), None).unwrap();
        let refused = |offer: &Offer| asked(offer, Some(&remembered)).unwrap_err();
        assert_eq!(refused(&offer(&other[..10], 10)), WitnessRefused::Forked { remembered: 10, offered: 10 });
        assert_eq!(refused(&offer(&other, 10)), WitnessRefused::Forked { remembered: 10, offered: 20 });
        assert_eq!(refused(&offer(&leaves[..9], 9)), WitnessRefused::Forked { remembered: 10, offered: 9 });
        assert_eq!(refused(&offer(&leaves, 12)), WitnessRefused::OtherStart { remembered: 10, offered: 12 });
        assert_eq!(asked(&offer(&leaves, 12), None), Err(WitnessRefused::OtherStart { remembered: 0, offered: 12 }));
    }

    #[test]
    fn neither_a_forged_checkpoint_nor_a_forged_memory_is_believed() {
        let leaves = history("a", 20);
        let first = offer(&leaves[..10], 0);
        let forged: Offer = first.to_string().replacen("\n10\n", "\n11\n", 1).parse().unwrap();
        assert!(matches!(asked(&forged, None), Err(WitnessRefused::Untrusted(Untrusted::Forged { .. }))));
        assert_eq!(asked(&offer(&leaves, 10), Some(&first.note)), Err(WitnessRefused::NotItsMemory));
    }
}
