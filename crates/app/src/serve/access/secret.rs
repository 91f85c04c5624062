//! Values that let somebody in: random, shown once, kept as hashes.

use super::super::problem::{Answer, Problem};
use endcap_model::hash_bytes;
use std::fmt::Write as _;

/// Makes a value that cannot be guessed: 256 random bits as hexadecimal digits.
pub fn make() -> Answer<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(Problem::broken)?;
    Ok(bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// What is kept of a value. It is random and long, so that a plain hash cannot be turned back.
pub fn hash(value: &str) -> String {
    hash_bytes(value.as_bytes()).as_str().to_owned()
}

/// Whether two values are the same, in a time that does not tell where they differ.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}
