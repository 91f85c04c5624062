//! The table that a booster reads: columns of numbers and of categories, borrowed from whoever holds them.

use super::error::BoosterError;

/// Category code that stands for "not known".
pub const MISSING_CATEGORY: u32 = u32::MAX;

/// One column.
#[derive(Clone, Copy, Debug)]
pub enum Column<'a> {
    /// Numbers, split by size; NaN is missing.
    Number(&'a [f32]),
    /// Codes without an order; [`MISSING_CATEGORY`] is missing. The 255 most frequent are told apart.
    Category(&'a [u32]),
}

/// Columns of one length.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    rows: usize,
    columns: Vec<Column<'a>>,
}

impl Column<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Number(values) => values.len(),
            Self::Category(codes) => codes.len(),
        }
    }

    pub(crate) fn kind(&self) -> char {
        match self {
            Self::Number(_) => 'n',
            Self::Category(_) => 'c',
        }
    }
}

impl<'a> Table<'a> {
    /// Checks that the columns are of one length and finite where they are known.
    ///
    /// # Errors
    /// [`BoosterError::Empty`], [`BoosterError::Ragged`], or [`BoosterError::Value`] for an infinite number.
    pub fn new(columns: Vec<Column<'a>>) -> Result<Self, BoosterError> {
        let rows = columns.first().map_or(0, Column::len);
        if rows == 0 {
            return Err(BoosterError::Empty { rows, columns: columns.len() });
        }
        for (at, column) in columns.iter().enumerate() {
            if column.len() != rows {
                return Err(BoosterError::Ragged { what: format!("column {at}"), found: column.len(), expected: rows });
            }
            if let Column::Number(values) = column
                && let Some(row) = values.iter().position(|value| value.is_infinite())
            {
                let expected = "a finite number, or NaN where it is not known";
                return Err(BoosterError::Value { what: format!("column {at}"), row, value: values[row], expected });
            }
        }
        Ok(Self { rows, columns })
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the columns.
    pub fn columns(&self) -> &[Column<'a>] {
        &self.columns
    }
}
