//! What can be wrong with files, mappings and stored facts.
//!
//! Bad rows are never errors (they are set aside, see `endcap_ingest`); these are what stops a command. Every message
//! names the file, what was expected and what to do. The cause, where there is one, is the error's source and is not
//! repeated in its text.

use endcap_model::{PanelError, TimeError};
use std::path::{Path, PathBuf};

/// What stops reading or writing.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// The operating system refused.
    #[error("could not {doing} {}: {help}", path.display())]
    System {
        /// What was tried, as a verb: "read", "write".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What to do about it.
        help: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file whose form cannot be read at all.
    #[error("{} {problem}: expected {expected}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What would have been read, and what to do.
        expected: String,
    },
    /// A column that is needed is not there.
    #[error("{} has no column '{column}' ({needed_for}); it has {present}", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// What it is needed for.
        needed_for: String,
        /// The columns that are there.
        present: String,
    },
    /// A value in a file that must be whole, such as a panel.
    #[error("{} row {row}: {column} is '{value}': expected {expected}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Row, 1 the first row of data.
        row: u64,
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// What would have been read.
        expected: String,
    },
    /// A field of the project's configuration.
    #[error("{}: {field} is {found}: expected {expected}", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// The field, with its table.
        field: String,
        /// What it holds.
        found: String,
        /// What would have been read.
        expected: String,
    },
    /// Text that is no TOML or JSON of the right shape; the parser's own words say where.
    #[error("{} cannot be read: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what.
        problem: String,
    },
    /// An expression of the mapping that cannot be evaluated.
    #[error("{}: the expression '{expression}' for {field} cannot be used on {table}: {problem}", path.display())]
    Expression {
        /// The file with the mapping.
        path: PathBuf,
        /// The field it is for.
        field: String,
        /// The expression.
        expression: String,
        /// The table that it reads.
        table: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A stored file that is not what its manifest says.
    #[error("{} {problem}: run `endcap ingest` again to write it anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There are no facts to read.
    #[error("{} holds no facts{cut}: run `endcap ingest` first", path.display())]
    NoFacts {
        /// The project.
        path: PathBuf,
        /// The date they were asked for, where there was one.
        cut: String,
    },
    /// A query over stored facts failed.
    #[error("the query over {} failed: {problem}", path.display())]
    Query {
        /// The project.
        path: PathBuf,
        /// What the engine said.
        problem: String,
    },
    /// Columns that do not make a panel.
    #[error("{} is not a panel", path.display())]
    Panel {
        /// The file or project.
        path: PathBuf,
        /// What is wrong.
        source: PanelError,
    },
    /// Text that names no period.
    #[error("{} row {row}: column {column}", path.display())]
    Period {
        /// The file.
        path: PathBuf,
        /// Row, 1 the first row of data.
        row: u64,
        /// The column.
        column: String,
        /// What is wrong.
        source: TimeError,
    },
    /// A table of facts that cannot be taken in.
    #[error("{} cannot be taken in", path.display())]
    Ingest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: endcap_ingest::IngestError,
    },
}

impl AdapterError {
    /// Wraps what the operating system said, with what to do about it.
    pub fn system(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        let help = match source.kind() {
            Kind::NotFound => "it is not there; check the path",
            Kind::PermissionDenied => "permission denied; ask its owner for access or choose another folder",
            Kind::StorageFull | Kind::QuotaExceeded => "the disk is full; free some space and run the command again",
            Kind::IsADirectory => "it is a folder; name a file",
            Kind::NotADirectory => "a part of the path is a file, not a folder",
            Kind::ReadOnlyFilesystem => "the disk is read-only; choose another folder",
            _ => "see the cause",
        };
        Self::System { doing, path: path.to_owned(), help, source }
    }

    /// Says that a file has a form that cannot be read.
    pub fn form(path: &Path, problem: impl ToString, expected: impl ToString) -> Self {
        Self::Form { path: path.to_owned(), problem: problem.to_string(), expected: expected.to_string() }
    }

    /// Says that a column is missing, and which are there.
    pub fn missing_column(path: &Path, column: &str, needed_for: impl ToString, present: &[String]) -> Self {
        let present = if present.is_empty() { "none".to_owned() } else { present.join(", ") };
        let (column, needed_for) = (column.to_owned(), needed_for.to_string());
        Self::MissingColumn { path: path.to_owned(), column, needed_for, present }
    }
}
