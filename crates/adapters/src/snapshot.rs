//! Snapshots: manifests that name the files of one load, with hashes, so that any plan can be rebuilt on the data it saw.
//!
//! A manifest is written last and whole; without it, files in the store belong to nothing and are never read.

use crate::files;
use crate::{AdapterError, tables};
use endcap_ingest::Counts;
use endcap_ingest::doubt::Alarm;
use endcap_model::{AsOf, Calendar, ContentHash, Currency, FactKind, SnapshotId, hash_json};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The facts of one load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Hash of the content; the same facts have the same id wherever and whenever they are loaded.
    pub id: SnapshotId,
    /// When they were known: the load that was asked for, or the first one.
    #[serde(skip, default = "never")]
    pub as_of: AsOf,
    /// Every load that gave these facts, in order.
    loads: Vec<AsOf>,
    /// Calendar of the periods.
    pub calendar: Calendar,
    /// Currency of the prices.
    pub currency: Currency,
    /// Whether a period without a sales row means that nothing was sold.
    pub absent_sales_are_zero: bool,
    /// Hash of the configuration that they were read with.
    pub configuration: ContentHash,
    /// The last record that came over the API and is among them.
    #[serde(default, skip_serializing_if = "is_none")]
    pub last_record: i64,
    /// What is wrong with a source or a place as a whole, and nobody has answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<Alarm>,
    /// The tables.
    pub tables: BTreeMap<FactKind, StoredTable>,
}

fn is_none(record: &i64) -> bool {
    *record == 0
}

fn never() -> AsOf {
    AsOf(jiff::Timestamp::MIN)
}

/// One table of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredTable {
    /// What became of the rows of all sources.
    pub counts: Counts,
    /// What became of the rows of each source.
    pub sources: Vec<SourceCounts>,
    /// Its files, in the order of their partitions.
    pub files: Vec<StoredFile>,
}

/// What became of the rows of one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceCounts {
    /// The file, from the project's folder on where it lies in it.
    pub source: String,
    /// What became of its rows.
    pub counts: Counts,
}

/// A file of facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredFile {
    /// The month, or the year of weeks.
    pub partition: String,
    /// Where it lies, from the project's folder on.
    pub path: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Its hash.
    pub sha256: ContentHash,
}

impl Snapshot {
    /// Names the facts of a load.
    pub(crate) fn new(
        as_of: AsOf,
        (calendar, currency): (Calendar, Currency),
        absent_sales_are_zero: bool,
        configuration: ContentHash,
        last_record: i64,
        tables: BTreeMap<FactKind, StoredTable>,
    ) -> Self {
        let content: BTreeMap<FactKind, (Counts, &Vec<StoredFile>)> =
            tables.iter().map(|(&kind, table)| (kind, (table.counts, &table.files))).collect();
        let hash = hash_json(&(calendar, currency, absent_sales_are_zero, content));
        let id = SnapshotId::new(hash.as_str());
        let loads = vec![as_of];
        let alarms = vec![];
        Self { id, as_of, loads, calendar, currency, absent_sales_are_zero, configuration, last_record, alarms, tables }
    }

    /// Adds what alarms the facts give.
    pub(crate) fn with(self, alarms: Vec<Alarm>) -> Self {
        Self { alarms, ..self }
    }

    /// Returns the rows read from all sources.
    pub fn rows_read(&self) -> u64 {
        self.tables.values().map(|table| table.counts.read).sum()
    }

    /// Returns the rows set aside with their reason.
    pub fn rows_set_aside(&self) -> u64 {
        self.tables.values().map(|table| table.counts.set_aside).sum()
    }

    /// Returns what became of the rows of each source, in the order of the tables.
    pub fn sources(&self) -> Vec<(FactKind, &SourceCounts)> {
        self.tables.iter().flat_map(|(&kind, table)| table.sources.iter().map(move |counts| (kind, counts))).collect()
    }

    /// Returns the folder of the rows that were set aside.
    pub fn quarantine(&self, project: &Path) -> PathBuf {
        project.join("quarantine").join(self.id.as_str())
    }
}

fn folder(project: &Path) -> PathBuf {
    project.join("snapshots")
}

fn path(project: &Path, id: &SnapshotId) -> PathBuf {
    folder(project).join(format!("{id}.json"))
}

/// Finds the facts that were known last before others and gave no alarm that a model must not learn from.
pub(crate) fn last_good(project: &Path, than: &Snapshot) -> Result<Option<SnapshotId>, AdapterError> {
    let mut found: Option<Snapshot> = None;
    for id in ids(project)? {
        let snapshot = read(project, &id)?;
        let alike = (snapshot.calendar, snapshot.currency) == (than.calendar, than.currency);
        let good = !snapshot.alarms.iter().any(Alarm::holds_the_model);
        let earlier = snapshot.id != than.id && snapshot.as_of <= than.as_of;
        let newer = found.as_ref().is_none_or(|found| (snapshot.as_of, &snapshot.id) > (found.as_of, &found.id));
        if alike && good && earlier && newer {
            found = Some(snapshot);
        }
    }
    Ok(found.map(|snapshot| snapshot.id))
}

/// When facts were loaded, in order.
pub(crate) fn loads(project: &Path) -> Result<Vec<jiff::Timestamp>, AdapterError> {
    let mut loads = std::collections::BTreeSet::new();
    for id in ids(project)? {
        loads.extend(read(project, &id)?.loads.iter().map(|load| load.0));
    }
    Ok(loads.into_iter().collect())
}

/// Names of all manifests.
fn ids(project: &Path) -> Result<Vec<SnapshotId>, AdapterError> {
    let names = crate::imports::names(&folder(project))?;
    let id = |name: &String| name.strip_suffix(".json").filter(|id| !id.starts_with('.')).map(SnapshotId::new);
    Ok(names.iter().filter_map(id).collect())
}

/// Reads one manifest; it comes as of its first load.
pub(crate) fn read(project: &Path, id: &SnapshotId) -> Result<Snapshot, AdapterError> {
    let path = path(project, id);
    let mut snapshot: Snapshot = tables::read_json(&path)?;
    let Some(&first) = snapshot.loads.first() else {
        return Err(AdapterError::Damaged { path, problem: "names no load".to_owned() });
    };
    if snapshot.id != *id {
        return Err(AdapterError::Damaged { path, problem: "holds another snapshot than its name says".to_owned() });
    }
    snapshot.as_of = first;
    Ok(snapshot)
}

/// Finds the snapshot that was known last, at most so late.
pub(crate) fn latest(project: &Path, cut: Option<AsOf>) -> Result<Option<Snapshot>, AdapterError> {
    let folder = folder(project);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(AdapterError::system("read", &folder, error)),
    };
    let mut latest: Option<Snapshot> = None;
    for entry in entries {
        let name = entry.map_err(|e| AdapterError::system("read", &folder, e))?.file_name();
        let name = name.to_string_lossy();
        let Some(id) = name.strip_suffix(".json").filter(|id| !id.starts_with('.')) else { continue };
        let mut snapshot = read(project, &SnapshotId::new(id))?;
        let known = snapshot.loads.iter().filter(|load| cut.is_none_or(|cut| **load <= cut)).max();
        let Some(&as_of) = known else { continue };
        snapshot.as_of = as_of;
        let newer = |than: &Snapshot| (as_of, &snapshot.id) > (than.as_of, &than.id);
        if latest.as_ref().is_none_or(newer) {
            latest = Some(snapshot);
        }
    }
    Ok(latest)
}

/// Writes the manifest of a load. When the same facts are the latest already, nothing is written.
pub(crate) fn publish(project: &Path, mut snapshot: Snapshot) -> Result<Snapshot, AdapterError> {
    let path = path(project, &snapshot.id);
    if path.exists() {
        let known = read(project, &snapshot.id)?;
        let is_latest = latest(project, None)?.is_some_and(|latest| latest.id == snapshot.id);
        let is_known = is_latest || known.loads.contains(&snapshot.as_of);
        if is_known && known.alarms == snapshot.alarms {
            return Ok(known);
        }
        if is_known {
            (snapshot.loads, snapshot.as_of) = (known.loads, known.as_of);
        } else {
            snapshot.loads.extend(known.loads);
            snapshot.loads.sort();
        }
    }
    tables::write_json(
        &path,
        &serde_json::to_value(&snapshot)
            .map(sorted)
            .map_err(|e| AdapterError::form(&path, e, "a manifest that JSON can hold"))?,
    )?;
    Ok(snapshot)
}

fn sorted(value: serde_json::Value) -> serde_json::Value {
    serde_json::from_str(&endcap_model::canonical_json(&value)).expect("Invariant: canonical JSON is JSON")
}

/// Checks that a stored file is there and is what its manifest says.
pub(crate) fn verified(project: &Path, file: &StoredFile) -> Result<PathBuf, AdapterError> {
    let path = project.join(&file.path);
    let damaged = |problem: &str| AdapterError::Damaged { path: path.clone(), problem: problem.to_owned() };
    if file.path.starts_with('/') || file.path.split('/').any(|part| part == "..") {
        return Err(damaged("lies outside the project"));
    }
    let (hash, bytes) = match files::hash_file(&path) {
        Err(AdapterError::System { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Err(damaged("is missing"));
        }
        hashed => hashed?,
    };
    if bytes != file.bytes || hash != file.sha256 {
        return Err(damaged("is not what was stored there (its hash differs)"));
    }
    Ok(path)
}
