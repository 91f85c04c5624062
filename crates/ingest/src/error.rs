//! What stops a table from being taken in at all.

use endcap_model::FactKind;

/// A table that cannot be taken in; single rows never are an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// A column whose type holds neither text, numbers, flags nor dates.
    #[error("column {column} holds {found}: expected text, numbers, flags or dates")]
    ColumnType {
        /// The column, as the source names it.
        column: String,
        /// Its type.
        found: String,
    },
    /// More rows than one table may have.
    #[error("{kind} has more than {max} rows: load fewer periods at a time")]
    TooManyRows {
        /// The table.
        kind: FactKind,
        /// Most rows.
        max: usize,
    },
    /// No value is mapped to a column that every row needs.
    #[error("{kind} needs a value for {field} ({meaning}): add it to the columns of its source")]
    Unmapped {
        /// The table.
        kind: FactKind,
        /// The field.
        field: &'static str,
        /// What it means.
        meaning: &'static str,
    },
}
