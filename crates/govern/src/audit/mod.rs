//! The audit trail: every decision as a record that a third party can verify without trusting us.
//!
//! Records are canonical JSON, each with the hash of the one before; over them grows a Merkle tree, whose root the log
//! signs now and then. Witnesses sign it too, and only when it continues what they signed before. docs/audit.md says
//! how to check all of it with tools of one's own.
//!
//! Never does I/O, reads a clock or makes random bytes: all three are arguments.

mod canonical;
mod checkpoint;
mod hash;
mod key;
mod note;
mod record;
#[cfg(test)]
mod tampering;
mod trail;
mod tree;
mod verify;
mod witness;

pub use canonical::{NotCanonical, canonical};
pub use checkpoint::{Checkpoint, Untrusted};
pub use hash::{Digest32, NotADigest};
pub use key::{KeyError, PublicKey, Purpose, SecretKey, SecretText};
pub use note::{NotANote, Note, Signed};
pub use record::{Entry, Grounds, Held, Opening, Record, Ruling, Told};
pub use trail::{Sealed, Trail};
pub use tree::{Tree, consistent, included, leaf, prove_consistency, prove_inclusion};
pub use verify::{Anchors, Fault, Verified, Verifier, Witnessed, Wrong};
pub use witness::{NotAnOffer, Offer, WitnessRefused, cosign};
