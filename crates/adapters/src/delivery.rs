//! In which order rows come: a later delivery holds where two say otherwise about the same thing.

use crate::AdapterError;
use crate::project::{Project, SourceTable};
use crate::records;
use endcap_model::FactKind;

/// Rows that came together; those of a later delivery hold where two say otherwise about the same thing.
pub(crate) enum Delivery<'a> {
    /// Files, of the configuration or of an import.
    Files(Vec<&'a SourceTable>),
    /// Records after the first number, up to the second.
    Records(i64, i64),
}

/// The deliveries of a kind in order: the configured files, then imports with the records that came between them.
pub(crate) fn deliveries<'a>(
    project: &'a Project,
    kind: FactKind,
    mut records: Option<&mut records::Reader>,
) -> Result<Vec<Delivery<'a>>, AdapterError> {
    let mut deliveries = vec![];
    let add_files = |deliveries: &mut Vec<Delivery<'a>>, tables: Vec<&'a SourceTable>| {
        if !tables.is_empty() {
            deliveries.push(Delivery::Files(tables));
        }
    };
    let mut add_records = |deliveries: &mut Vec<Delivery<'a>>, after: i64, up_to: i64| {
        if let Some(records) = &mut records
            && records.any(kind, (after, up_to.min(records.last)))?
        {
            deliveries.push(Delivery::Records(after, up_to.min(records.last)));
        }
        Ok::<_, AdapterError>(())
    };
    add_files(&mut deliveries, project.sources(kind).iter().collect());
    let mut after = 0;
    for import in &project.imports {
        add_records(&mut deliveries, after, import.after_record)?;
        after = after.max(import.after_record);
        let files = import.files.iter().filter(|file| file.kind == kind);
        add_files(&mut deliveries, files.map(|file| &file.table).collect());
    }
    add_records(&mut deliveries, after, i64::MAX)?;
    Ok(deliveries)
}
