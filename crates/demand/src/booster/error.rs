//! What can be wrong with a table or a target that is handed to the booster.

/// Input that no booster could learn from or predict for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BoosterError {
    /// The table has no rows or no columns.
    #[error("the table has {rows} rows and {columns} columns: a booster needs at least one of each")]
    Empty {
        /// Rows found.
        rows: usize,
        /// Columns found.
        columns: usize,
    },
    /// A column, target, weight or offset is longer or shorter than the table.
    #[error("{what} has {found} values where the table has {expected} rows")]
    Ragged {
        /// Which of them.
        what: String,
        /// Values in it.
        found: usize,
        /// Rows of the table.
        expected: usize,
    },
    /// More rows than sums can count exactly.
    #[error("{rows} rows: at most {most} can be summed exactly. Maybe draw a sample of the rows")]
    TooMany {
        /// Rows found.
        rows: usize,
        /// Rows allowed.
        most: usize,
    },
    /// A value that cannot be used.
    #[error("{what}, row {row} (0 the first), is {value}: expected {expected}")]
    Value {
        /// Column, target, weight or offset.
        what: String,
        /// Row, 0 the first.
        row: usize,
        /// The value.
        value: f32,
        /// What would have been read.
        expected: &'static str,
    },
    /// Every row has weight 0 or is held out.
    #[error("no row is left to learn from: every one has weight 0 or is held out")]
    NothingToLearn,
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
    /// A table of other columns than the booster learnt from.
    #[error(
        "the table's columns are {found}, the booster learnt from {expected}: give the same columns in the same order"
    )]
    Columns {
        /// Number or category, column by column.
        found: String,
        /// The same of the table that it learnt from.
        expected: String,
    },
}
