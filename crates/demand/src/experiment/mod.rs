//! The cheapest test that would tell: tests on matched pairs of places, designed, valued and read.
//!
//! For an effect that the history cannot tell, [`propose_tests`] and [`design_tests`] choose items, terms, places and
//! periods with the power found on the history itself, and say what the answer is worth; [`read_test`] reads the result as it
//! was settled to be read. Methods and sources are named in the modules.

mod arm;
mod design;
mod grid;
mod inference;
mod looks;
mod matching;
mod normal;
mod pairs;
mod power;
mod read;
mod refusal;
#[cfg(test)]
mod tests;
mod worth;

pub use arm::Arm;
pub use design::{Look, PlacePair, Question, TestDesign, TestProposal, TestTerms, design_tests, propose_tests};
pub use inference::Inference;
pub use power::Power;
pub use read::{LeftOut, TestReading, read_test};
pub use refusal::TestRefusal;
pub use worth::{Belief, Worth};
