//! What is wrong with policies, and where.

use cedar_policy::ffi::DetailedError;
use cedar_policy::{ParseErrors, PolicySet, ValidationResult};
use serde::Serialize;
use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Line, from 1, where there is one.
    pub line: Option<usize>,
    /// Column, from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub what: String,
}

/// What keeps a text from being read as policies.
pub fn parsing(errors: &ParseErrors, text: &str) -> Vec<Fault> {
    errors.iter().map(|error| Fault::of(DetailedError::from(error), text)).collect()
}

/// What the validator finds, warnings included; policies go by their `@id`.
pub fn validation(found: &ValidationResult, policies: &PolicySet, text: &str) -> Vec<Fault> {
    let errors = found.validation_errors().map(DetailedError::from);
    let mut faults: Vec<Fault> = errors
        .chain(found.validation_warnings().map(DetailedError::from))
        .map(|error| Fault::of(error, text))
        .collect();
    for policy in policies.policies() {
        let Some(name) = policy.annotation("id") else { continue };
        let (number, name) = (format!("`{}`", policy.id()), format!("`{name}`"));
        faults.iter_mut().for_each(|fault| fault.what = fault.what.replace(&number, &name));
    }
    faults.sort_by_key(|fault| (fault.line, fault.column));
    faults
}

/// Everything that is wrong, in one line.
pub fn listed(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Fault {
    fn of(error: DetailedError, text: &str) -> Self {
        let start = error.source_locations.first().map(|label| label.loc.start);
        let before = start.and_then(|start| text.get(..start));
        let line = before.map(|before| before.matches('\n').count() + 1);
        let column = before.map(|before| before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
        let what = match error.help {
            Some(help) => format!("{} ({help})", error.message),
            None => error.message,
        };
        Self { line, column, what }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.what)
    }
}
