//! Benchmark instances as text, turned into problems of the core. Opening files is left to others.

mod promotion;
mod public;
#[cfg(test)]
mod tests;
mod text;

pub use promotion::{PromotionInstance, PromotionText, promotion};
pub use public::{PublicFormat, PublicProblem, Sense, public};
pub use text::FormatError;
