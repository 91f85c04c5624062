//! Why an effect cannot be told from the rows at hand.

use crate::booster::BoosterError;

/// A refusal to estimate, with what would be needed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DmlError {
    /// A column is longer or shorter than the outcome.
    #[error("{what} has {found} values where the outcome has {expected}")]
    Ragged {
        /// The column.
        what: &'static str,
        /// Values in it.
        found: usize,
        /// Values of the outcome.
        expected: usize,
    },
    /// A value that cannot be used.
    #[error("{what}, row {row} (0 the first), is {value}: expected a finite number")]
    Value {
        /// The column.
        what: &'static str,
        /// Row, 0 the first.
        row: usize,
        /// The value.
        value: f64,
    },
    /// A setting outside its range.
    #[error("setting {name} is {value}: expected {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// Its range.
        expected: &'static str,
    },
    /// Too few weeks to hold any out.
    #[error("{weeks} weeks: {needed} are needed for {folds} folds. Maybe use fewer folds or shorter blocks")]
    TooFewWeeks {
        /// Weeks found.
        weeks: usize,
        /// Weeks needed.
        needed: usize,
        /// Folds asked for.
        folds: usize,
    },
    /// Too few weeks carry the effect for an interval to be believed.
    #[error("the treatment moved in the equivalent of {weeks:.1} weeks: {needed} are needed")]
    TooFewMoves {
        /// Weeks that carry the effect, counted by how evenly they do.
        weeks: f64,
        /// Weeks needed.
        needed: f64,
    },
    /// The treatment does not change within a unit, or less than its prediction does.
    #[error("the treatment does not change within a unit, or hardly: there is nothing to compare")]
    Constant,
    /// The controls leave nothing of the treatment to compare.
    #[error(
        "the controls explain all but {left:.4} of the treatment's variance: no cells that differ in the treatment are \
         alike in all else. Maybe a control moves with it by construction"
    )]
    NoOverlap {
        /// Share of the variance that is left.
        left: f64,
    },
    /// The table of controls, or what was learnt from it, is not usable.
    #[error("the controls cannot be used")]
    Controls(#[from] BoosterError),
}
