//! What a file may hold: the configured tables and the kinds of fact whose columns it has.

use crate::expressions::{Mapping, Named, session};
use crate::lookup::LookupTable;
use crate::project::{FILE_NAME, Project, SourceTable};
use crate::source::{is_text, schema_of};
use crate::{AdapterError, load};
use arrow_schema::SchemaRef;
use endcap_model::FactKind;
use std::path::Path;

/// What stands between the fields of CSV files that people have.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// One way to read a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What it would hold.
    pub kind: FactKind,
    /// How it is read.
    pub table: SourceTable,
    /// The configured file that it is read like; nothing when its columns have the names of facts.
    pub like: Option<String>,
}

/// A file's columns, and every way to read it, the likeliest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Recognised {
    /// Its columns.
    pub columns: Vec<String>,
    /// Ways to read it.
    pub readings: Vec<Reading>,
}

/// Finds the ways to read a file; `place` is where it lies, from the project's folder on.
///
/// # Errors
/// [`AdapterError`] when the file is empty, damaged or neither CSV nor Parquet.
pub fn recognise(project_folder: &Path, project: &Project, place: &str) -> Result<Recognised, AdapterError> {
    let path = project_folder.join(place);
    let delimiters = if is_text(&path)? { &DELIMITERS[..] } else { &DELIMITERS[..1] };
    let (mut columns, mut found): (Vec<String>, Vec<(usize, Reading)>) = (vec![], vec![]);
    for &delimiter in delimiters {
        let schema = match schema_of(&path, delimiter as u8) {
            Ok(schema) => schema,
            Err(error) if delimiter == ',' => return Err(error),
            Err(_) => continue,
        };
        if schema.fields().len() > columns.len() {
            columns = schema.fields().iter().map(|field| field.name().clone()).collect();
        }
        let divided = (delimiter != ',').then_some(delimiter);
        for kind in FactKind::ALL {
            let own = by_name(kind, &schema, place, divided);
            found.extend(own.map(|table| (table.columns.len(), Reading { kind, table, like: None })));
            for table in project.sources(kind) {
                let like = table.files.join(", ");
                let table = SourceTable { files: vec![place.to_owned()], delimiter: divided, ..table.clone() };
                if fits(project_folder, kind, &table, &path) {
                    let columns = table.columns.len() + table.values.len();
                    found.push((columns, Reading { kind, table, like: Some(like) }));
                }
            }
        }
    }
    let named = |kind: FactKind| place.rsplit('/').next().unwrap_or_default().to_lowercase().contains(kind.name());
    found.sort_by_key(|(columns, reading)| std::cmp::Reverse((named(reading.kind), *columns, reading.like.is_none())));
    let mut readings: Vec<Reading> = vec![];
    for (_, reading) in found {
        if !readings.iter().any(|known| known.kind == reading.kind) {
            readings.push(reading);
        }
    }
    Ok(Recognised { columns, readings })
}

/// Reads columns that have the names of a kind's facts, where all that are needed are there.
fn by_name(kind: FactKind, schema: &SchemaRef, place: &str, delimiter: Option<char>) -> Option<SourceTable> {
    let has = |name: &str| schema.column_with_name(name).is_some();
    let fields = kind.fields();
    if fields.iter().any(|field| field.required && !has(field.name)) {
        return None;
    }
    let columns = fields.iter().filter(|field| has(field.name));
    Some(SourceTable {
        files: vec![place.to_owned()],
        delimiter,
        columns: columns.map(|field| (field.name.to_owned(), field.name.to_owned())).collect(),
        ..SourceTable::default()
    })
}

/// Whether a file has every column that a configured table needs.
fn fits(project: &Path, kind: FactKind, table: &SourceTable, path: &Path) -> bool {
    let read = || -> Result<(), AdapterError> {
        let own = schema_of(path, table.delimiter_byte())?;
        let lookup =
            |of: &crate::project::Lookup| LookupTable::read(&project.join(&of.file), &of.on, table.delimiter_byte());
        let lookups = table.lookup.iter().map(lookup).collect::<Result<Vec<_>, _>>()?;
        if let Some(lookup) = lookups.iter().find(|lookup| own.column_with_name(lookup.on()).is_none()) {
            return Err(AdapterError::missing_column(path, lookup.on(), "lookup.on", &[]));
        }
        let named = Named { configuration: &project.join(FILE_NAME), file: path };
        Mapping::new(&session(), kind, table, &load::joined_schema(&own, &lookups), &named).map(drop)
    };
    read().is_ok()
}
