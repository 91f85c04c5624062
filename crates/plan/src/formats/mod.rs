//! Benchmark instances as text, turned into problems of the core. Opening files is left to others.

mod draft;
mod error;
#[cfg(test)]
mod mutations;
mod order;
mod promotion;
mod public;
mod sheets;
mod table;
#[cfg(test)]
mod tests;
mod tokens;

pub use error::FormatError;
pub use promotion::{PromotionFiles, PromotionInstance, promotion};
pub use public::{PublicFormat, PublicProblem, Sense, public};
