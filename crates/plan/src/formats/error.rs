//! What can be wrong with an instance.

/// Text that is no instance.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// A value that cannot be read.
    #[error("{file}, line {line}, {column}: '{found}' where {expected} was expected")]
    Value {
        /// The file.
        file: String,
        /// Line, 1 the first.
        line: u64,
        /// Column or number's name.
        column: String,
        /// What stands there; the beginning of it when it is long.
        found: String,
        /// What would have been read.
        expected: String,
    },
    /// A file without a column.
    #[error("{file} has no column '{column}': expected {expected}")]
    MissingColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// The header that would have been read.
        expected: String,
    },
    /// A file that ends too early, goes on too long, or does not agree with itself.
    #[error("{file}: {problem}")]
    Shape {
        /// The file.
        file: String,
        /// What is wrong, where, and what to do.
        problem: String,
    },
    /// A file that breaks off because it cannot be read on.
    #[error("{file} cannot be read to its end: check the disk and the file's permissions")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Numbers that make no problem.
    #[error("{file}: the numbers make no problem")]
    Problem {
        /// The file.
        file: String,
        /// Why.
        source: crate::solve::ProblemError,
    },
}

impl FormatError {
    pub(super) fn shape(file: &str, problem: impl Into<String>) -> Self {
        Self::Shape { file: file.to_owned(), problem: problem.into() }
    }

    pub(super) fn value(file: &str, line: u64, column: &str, found: &[u8], expected: impl Into<String>) -> Self {
        let (file, column) = (file.to_owned(), column.to_owned());
        Self::Value { file, line, column, found: shown(found), expected: expected.into() }
    }
}

/// Longest text of a file that a message repeats, in characters.
const SHOWN: usize = 60;

/// Text of a file as a message shows it.
pub(super) fn shown(found: &[u8]) -> String {
    let text = String::from_utf8_lossy(&found[..found.len().min(4 * SHOWN)]);
    let begin: String = text.chars().take(SHOWN).collect();
    if begin.len() < text.len() || found.len() > 4 * SHOWN { format!("{begin}...") } else { begin }
}
