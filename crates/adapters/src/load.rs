//! Loading a project's files: every kind of fact in turn, master data first, then the snapshot that names the result.
//!
//! Reading, joining and evaluating run on one thread, taking in on another, in the order of the rows: the same bytes
//! come out at one thread and at two.

use crate::delivery::{Delivery, deliveries};
use crate::expressions::{Mapping, Named, session};
use crate::imports::Import;
use crate::lookup::LookupTable;
use crate::project::{FILE_NAME, Project, SourceTable};
use crate::quarantine::{self, Quarantine};
use crate::records;
use crate::snapshot::{self, Snapshot, SourceCounts, StoredFile, StoredTable};
use crate::source::{Opened, RawRows, Source, rows_if_known};
use crate::{AdapterError, files, tables};
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::{Field, Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use datafusion::prelude::SessionContext;
use endcap_ingest::doubt::{self, Beside};
use endcap_ingest::{Intake, Loaded, RawBatch, RawColumn, Rules};
use endcap_model::{AsOf, Calendar, FactKind, Period, SetAside, hash_bytes, hash_json};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

/// Days beyond the present that a day may have begun somewhere.
const DAYS_AHEAD: i64 = 1;

/// How a project is loaded.
pub struct LoadSettings<'a> {
    /// When the facts are known.
    pub as_of: AsOf,
    /// Threads to use, 1 or 2; the result is the same.
    pub threads: usize,
    /// Told of each table: its name, rows done, and all rows (0 when not known beforehand).
    pub progress: &'a (dyn Fn(&str, u64, u64) + Sync),
}

/// Reads all files of a project and stores their facts as a snapshot.
///
/// # Errors
/// [`AdapterError`] when the configuration or a file cannot be read, or the facts cannot be written; then there is no
/// new snapshot. Single bad rows are never an error: they are set aside.
pub fn load(folder: &Path, settings: &LoadSettings<'_>) -> Result<Snapshot, AdapterError> {
    prepare(folder, None, folder, settings)?.publish()
}

/// Facts that are stored and belong to no snapshot yet: nobody reads them until they are published.
pub struct Unpublished {
    into: PathBuf,
    snapshot: Snapshot,
    quarantined: Vec<(FactKind, PathBuf)>,
    _scratch: Scratch,
}

impl Unpublished {
    /// What would be published.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Makes the facts those that are known last.
    ///
    /// # Errors
    /// [`AdapterError`] when the disk refuses; then there is no new snapshot.
    pub fn publish(self) -> Result<Snapshot, AdapterError> {
        let quarantine = self.snapshot.quarantine(&self.into);
        for (kind, temporary) in &self.quarantined {
            files::create_folder(&quarantine)?;
            files::publish(temporary, &quarantine.join(format!("{kind}.csv")))?;
        }
        snapshot::publish(&self.into, self.snapshot)
    }
}

/// Reads all files of a project, with those of one more import, and stores their facts in a folder: the project's own,
/// or another to see what would come of it.
///
/// # Errors
/// As [`load`].
pub fn prepare(
    folder: &Path,
    more: Option<&Import>,
    into: &Path,
    settings: &LoadSettings<'_>,
) -> Result<Unpublished, AdapterError> {
    let project = Project::read_with(folder, more)?;
    let scratch = Scratch::new(into)?;
    let session = session();
    let mut records = records::Reader::open(folder)?;
    let last_record = records.as_ref().map_or(0, |records| records.last);
    let mut rules = Rules { calendar: project.calendar, currency: project.currency, items: None, places: None };
    let (mut stored, mut quarantined, mut alarms) = (BTreeMap::new(), vec![], vec![]);
    let mut beside = Beside::default();
    // Sales come last: what the other facts say tells which of them can be believed.
    let others = FactKind::ALL.into_iter().filter(|kind| *kind != FactKind::Sales);
    for kind in others.chain([FactKind::Sales]) {
        let deliveries = deliveries(&project, kind, records.as_mut())?;
        if deliveries.is_empty() {
            continue;
        }
        let mut quarantine = Quarantine::new(&scratch.folder, kind);
        let mut reader = Reader { folder, project: &project, session: &session, settings, kind };
        let mut loaded = reader.read(&deliveries, records.as_mut(), rules.clone(), &mut quarantine)?;
        match (&project.plausibility, kind) {
            (Some(rules), FactKind::Sales) => {
                let answers = quarantine::answers(folder)?;
                let terms = doubt::Terms {
                    rules,
                    calendar: project.calendar,
                    today: today(project.calendar, settings.as_of),
                    absent_is_zero: project.absent_sales_are_zero,
                    beside: &beside,
                    answers: &doubt::Answers::new(&answers),
                };
                alarms = loaded.judge(&terms, &mut |row| quarantine.add(&row));
            }
            (Some(_), _) => beside.take(&loaded),
            (None, _) => {}
        }
        quarantined.extend(quarantine.finish()?);
        match kind {
            FactKind::Items => rules.items = Some(Arc::new(loaded.distinct("sku"))),
            FactKind::Places => rules.places = Some(Arc::new(loaded.distinct("place"))),
            _ => {}
        }
        stored.insert(kind, store(into, &loaded, settings.threads)?);
    }
    let configuration = hash_json(&project);
    let calendar = (project.calendar, project.currency);
    let zero = project.absent_sales_are_zero;
    let snapshot = Snapshot::new(settings.as_of, calendar, zero, configuration, last_record, stored);
    let snapshot = snapshot.with(alarms);
    Ok(Unpublished { into: into.to_owned(), snapshot, quarantined, _scratch: scratch })
}

/// The last period that can have begun anywhere when facts are known.
fn today(calendar: Calendar, as_of: AsOf) -> Period {
    let day = as_of.0.to_zoned(TimeZone::UTC).date();
    calendar.period_of(day.saturating_add(jiff::Span::new().days(DAYS_AHEAD)))
}

/// A folder for what is not whole yet, which goes away with its content.
struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    fn new(project: &Path) -> Result<Self, AdapterError> {
        let folder = project.join(format!(".loading.{}", std::process::id()));
        files::create_folder(&folder)?;
        Ok(Self { folder })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

struct Reader<'a> {
    folder: &'a Path,
    project: &'a Project,
    session: &'a SessionContext,
    settings: &'a LoadSettings<'a>,
    kind: FactKind,
}

/// Rows of a file, ready to be taken in.
struct Prepared {
    /// Rows that were set aside on the way.
    aside: Vec<SetAside>,
    /// Rows with their columns; several runs when a row gives several facts.
    runs: Vec<(Vec<u64>, Vec<RawColumn>)>,
    /// Rows of the file that are done.
    done: u64,
}

impl Reader<'_> {
    /// Takes in all deliveries of a kind.
    fn read(
        &mut self,
        deliveries: &[Delivery<'_>],
        mut records: Option<&mut records::Reader>,
        rules: Rules,
        quarantine: &mut Quarantine,
    ) -> Result<Loaded, AdapterError> {
        let mut intake = Intake::new(self.kind, rules);
        let configuration = self.folder.join(FILE_NAME);
        let mut all = 0;
        for delivery in deliveries {
            if let Delivery::Files(tables) = delivery {
                for table in tables {
                    for path in self.files(table)? {
                        all += rows_if_known(&path)?.unwrap_or(0);
                    }
                }
            }
        }
        let mut done = 0;
        for delivery in deliveries {
            match delivery {
                Delivery::Files(tables) => {
                    for table in tables {
                        let lookups = self.lookups(table)?;
                        for path in self.files(table)? {
                            let named = Named { configuration: &configuration, file: &path };
                            let file = FileReader::open(self, table, &path, &lookups, &named)?;
                            let before = done;
                            self.feed(file, &mut intake, quarantine, &mut |rows| {
                                done = before + rows;
                                (self.settings.progress)(self.kind.name(), done, all);
                            })?;
                            if table.trusted {
                                intake.trust(&self.name_of(&path));
                            }
                        }
                    }
                }
                Delivery::Records(after, up_to) => {
                    let records = records.as_mut().expect("Invariant: a delivery of records has records");
                    records.each(self.kind, (*after, *up_to), &mut |rows, columns| {
                        let batch = RawBatch { source: records::FILE_NAME, rows, columns };
                        done += rows.len() as u64;
                        (self.settings.progress)(self.kind.name(), done, all.max(done));
                        intake.add(&batch, &mut |row| quarantine.add(&row)).map_err(|source| AdapterError::Ingest {
                            path: self.folder.join(records::FILE_NAME),
                            source,
                        })
                    })?;
                }
            }
            intake.next_delivery();
        }
        (self.settings.progress)(self.kind.name(), done, done);
        Ok(intake.finish(&mut |row| quarantine.add(&row)))
    }

    fn files(&self, table: &SourceTable) -> Result<Vec<PathBuf>, AdapterError> {
        let mut found = vec![];
        for pattern in &table.files {
            found.extend(files::find(&self.folder.join(pattern))?);
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// How rows that were set aside name a file.
    fn name_of(&self, path: &Path) -> String {
        path.strip_prefix(self.folder).unwrap_or(path).display().to_string()
    }

    fn lookups(&self, table: &SourceTable) -> Result<Vec<LookupTable>, AdapterError> {
        let read = |lookup: &crate::project::Lookup| {
            LookupTable::read(&self.folder.join(&lookup.file), &lookup.on, table.delimiter_byte())
        };
        table.lookup.iter().map(read).collect()
    }

    /// Reads a file on one thread and takes it in on this one.
    fn feed(
        &self,
        mut file: FileReader<'_>,
        intake: &mut Intake,
        quarantine: &mut Quarantine,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), AdapterError> {
        let name = file.name.clone();
        let path = file.path.clone();
        let mut take = |prepared: Prepared| -> Result<(), AdapterError> {
            intake.count_set_aside(&name, prepared.aside.len() as u64);
            prepared.aside.iter().for_each(|row| quarantine.add(row));
            for (rows, columns) in &prepared.runs {
                let batch = RawBatch { source: &name, rows, columns };
                intake
                    .add(&batch, &mut |row| quarantine.add(&row))
                    .map_err(|source| AdapterError::Ingest { path: path.clone(), source })?;
            }
            progress(prepared.done);
            Ok(())
        };
        if self.settings.threads < 2 {
            while let Some(prepared) = file.next()? {
                take(prepared)?;
            }
            return Ok(());
        }
        std::thread::scope(|scope| {
            let (send, receive) = sync_channel(2);
            let reading = scope.spawn(move || {
                while let Some(prepared) = file.next()? {
                    if send.send(prepared).is_err() {
                        break;
                    }
                }
                Ok(())
            });
            let taken = receive.into_iter().try_for_each(&mut take);
            let read: Result<(), AdapterError> =
                reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            taken.and(read)
        })
    }
}

/// One file with its mapping.
struct FileReader<'a> {
    name: String,
    path: PathBuf,
    source: Source,
    mapping: Mapping,
    lookups: &'a [LookupTable],
    origin: Option<endcap_model::Period>,
    kind: FactKind,
}

impl<'a> FileReader<'a> {
    fn open(
        reader: &Reader<'_>,
        table: &SourceTable,
        path: &Path,
        lookups: &'a [LookupTable],
        named: &Named<'_>,
    ) -> Result<Self, AdapterError> {
        let opened = Opened::open(path, table.delimiter_byte())?;
        let own = opened.schema().clone();
        let whole = joined_schema(&own, lookups);
        let mapping = Mapping::new(reader.session, reader.kind, table, &whole, named)?;
        for lookup in lookups {
            if own.column_with_name(lookup.on()).is_none() {
                let present: Vec<String> = own.fields().iter().map(|field| field.name().clone()).collect();
                return Err(AdapterError::missing_column(path, lookup.on(), "lookup.on", &present));
            }
        }
        let wanted = |name: &str| {
            mapping.schema.column_with_name(name).is_some() || lookups.iter().any(|lookup| lookup.on() == name)
        };
        let source = opened.read(&wanted)?;
        let name = reader.name_of(path);
        let origin = table.origin(reader.project.calendar);
        Ok(Self { name, path: path.to_owned(), source, mapping, lookups, origin, kind: reader.kind })
    }

    /// Prepares the next rows, or nothing at the end.
    fn next(&mut self) -> Result<Option<Prepared>, AdapterError> {
        let Some(raw) = self.source.read()? else { return Ok(None) };
        let done = raw.rows.last().copied().unwrap_or(0);
        let RawRows { rows, batch, unreadable } = raw;
        let mut aside = unreadable;
        aside.iter_mut().for_each(|row| row.source.clone_from(&self.name));
        let plain = self.join(&batch)?;
        let (typed, faults) = self.mapping.typed(&plain);
        let mut kept = vec![true; rows.len()];
        for (row, column) in faults {
            kept[row] = false;
            let name = self.mapping.schema.field(column).name();
            let value = text_at(&plain, column, row);
            let reason = "not a number: expected a decimal point and no thousands separators";
            aside.push(self.aside(rows[row], name, value, reason.to_owned()));
        }
        self.apply_rules(&plain, &typed, &rows, &mut kept, &mut aside);
        let (rows, plain, typed) = if kept.iter().all(|&kept| kept) {
            (rows, plain, typed)
        } else {
            let filter = |batch: &RecordBatch| {
                filter_record_batch(batch, &BooleanArray::from(kept.clone())).expect("Invariant: one flag per row")
            };
            let numbers = rows.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(row, _)| *row).collect();
            (numbers, filter(&plain), filter(&typed))
        };
        let runs = self.evaluate(rows, plain, typed, &mut aside);
        Ok(Some(Prepared { aside, runs, done }))
    }

    /// Adds the columns of the lookups.
    fn join(&self, batch: &RecordBatch) -> Result<RecordBatch, AdapterError> {
        let mut found = vec![];
        for lookup in self.lookups {
            let keys = batch.column_by_name(lookup.on()).expect("Invariant: the key column is read");
            found.push(lookup.find(keys)?);
        }
        let mut columns: Vec<ArrayRef> = vec![];
        for field in self.mapping.schema.fields() {
            if let Some(column) = batch.column_by_name(field.name()) {
                columns.push(column.clone());
                continue;
            }
            for (lookup, rows) in self.lookups.iter().zip(&found) {
                if let Some(column) = lookup.column(field.name(), rows)? {
                    columns.push(column);
                    break;
                }
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(nullable(&self.mapping.schema), columns, &options)
            .expect("Invariant: the columns are the mapping's"))
    }

    /// Sets aside rows that break a rule.
    fn apply_rules(
        &self,
        plain: &RecordBatch,
        typed: &RecordBatch,
        rows: &[u64],
        kept: &mut [bool],
        aside: &mut Vec<SetAside>,
    ) {
        for (rule, reason) in &self.mapping.keep {
            let (told, faults) = rule.judge(plain, typed);
            for row in (0..rows.len()).filter(|&row| told.is_valid(row) && !told.value(row)) {
                if std::mem::take(&mut kept[row]) {
                    aside.push(self.aside(rows[row], &rule.text, String::new(), reason.clone()));
                }
            }
            for (row, problem) in faults {
                if std::mem::take(&mut kept[row]) {
                    aside.push(self.aside(
                        rows[row],
                        &rule.text,
                        String::new(),
                        format!("cannot be evaluated: {problem}"),
                    ));
                }
            }
        }
    }

    fn aside(&self, row: u64, column: &str, value: String, reason: String) -> SetAside {
        SetAside::unreadable(&self.name, row, column, value, reason)
    }

    /// Evaluates the columns of the facts; rows on which an expression fails are set aside.
    fn evaluate(
        &self,
        rows: Vec<u64>,
        plain: RecordBatch,
        typed: RecordBatch,
        aside: &mut Vec<SetAside>,
    ) -> Vec<(Vec<u64>, Vec<RawColumn>)> {
        let mut failed: BTreeMap<usize, SetAside> = BTreeMap::new();
        let mut column = |mapped: &crate::expressions::Mapped| {
            let (values, faults) = mapped.evaluate(&plain, &typed);
            for (row, problem) in faults {
                let reason = format!("cannot be evaluated: {problem}");
                failed.entry(row).or_insert_with(|| self.aside(rows[row], &mapped.text, String::new(), reason));
            }
            RawColumn { name: mapped.text.clone(), values: Some(values), origin: self.origin }
        };
        let absent = || RawColumn { name: String::new(), values: None, origin: None };
        let columns: Vec<RawColumn> =
            self.mapping.columns.iter().map(|mapped| mapped.as_ref().map_or_else(absent, &mut column)).collect();
        let values: Vec<(String, RawColumn)> =
            self.mapping.values.iter().map(|(name, mapped)| (name.clone(), column(mapped))).collect();
        let keep: Option<BooleanArray> =
            (!failed.is_empty()).then(|| (0..rows.len()).map(|row| Some(!failed.contains_key(&row))).collect());
        let kept_rows: Vec<u64> =
            (0..rows.len()).filter(|row| !failed.contains_key(row)).map(|row| rows[row]).collect();
        aside.extend(failed.into_values());
        let only_kept = |mut column: RawColumn| {
            if let (Some(keep), Some(values)) = (&keep, &column.values) {
                let values = arrow_select::filter::filter(values, keep).expect("Invariant: one flag per row");
                column.values = Some(values);
            }
            column
        };
        let columns: Vec<RawColumn> = columns.into_iter().map(only_kept).collect();
        if values.is_empty() {
            return vec![(kept_rows, columns)];
        }
        let at = |name| self.kind.fields().iter().position(|field| field.name == name);
        let (Some(name_at), Some(value_at)) = (at("name"), at("value")) else { return vec![] };
        let run = |(name, value): (String, RawColumn)| {
            let mut columns = columns.clone();
            let names = StringArray::from_iter_values(std::iter::repeat_n(&name, kept_rows.len()));
            columns[name_at] = RawColumn { name: value.name.clone(), values: Some(Arc::new(names)), origin: None };
            columns[value_at] = only_kept(value);
            (kept_rows.clone(), columns)
        };
        values.into_iter().map(run).collect()
    }
}

fn text_at(batch: &RecordBatch, column: usize, row: usize) -> String {
    arrow_cast::display::array_value_to_string(batch.column(column), row).unwrap_or_default()
}

fn nullable(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

/// The columns of a file and those that lookups add; the file's own win.
pub(crate) fn joined_schema(own: &SchemaRef, lookups: &[LookupTable]) -> SchemaRef {
    let mut fields: Vec<Arc<Field>> = own.fields().iter().cloned().collect();
    for lookup in lookups {
        for field in lookup.schema().fields() {
            if !fields.iter().any(|known| known.name() == field.name()) {
                fields.push(field.clone());
            }
        }
    }
    nullable(&Arc::new(Schema::new(fields)))
}

/// Writes the partitions of a table, each under the hash of its content; what is there already stays.
fn store(folder: &Path, loaded: &Loaded, threads: usize) -> Result<StoredTable, AdapterError> {
    let names = loaded.partitions();
    let write = |at: usize| -> Result<StoredFile, AdapterError> {
        let batch = loaded.batch(at);
        let home = folder.join("facts").join(loaded.kind().name()).join(&names[at]);
        let bytes = tables::parquet_bytes(std::slice::from_ref(&batch))
            .map_err(|e| AdapterError::form(&home, e, "facts that Parquet can hold"))?;
        let sha256 = hash_bytes(&bytes);
        let path = home.join(format!("{}.parquet", sha256.short()));
        let size = bytes.len() as u64;
        let is_there = || files::hash_file(&path).is_ok_and(|(hash, _)| hash == sha256);
        if !is_there() {
            files::write_atomic(&path, &bytes)?;
        }
        let relative = format!("facts/{}/{}/{}.parquet", loaded.kind(), names[at], sha256.short());
        Ok(StoredFile {
            partition: names[at].clone(),
            path: relative,
            rows: batch.num_rows() as u64,
            bytes: size,
            sha256,
        })
    };
    let files: Vec<StoredFile> = if threads < 2 || names.len() < 2 {
        (0..names.len()).map(write).collect::<Result<_, _>>()?
    } else {
        let every_other = |first: usize| (first..names.len()).step_by(2).map(write).collect::<Result<Vec<_>, _>>();
        let (even, odd) = std::thread::scope(|scope| {
            let odd = scope.spawn(|| every_other(1));
            let even = every_other(0);
            (even, odd.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let (mut even, mut odd) = (even?.into_iter(), odd?.into_iter());
        let turn = |at: usize| if at.is_multiple_of(2) { even.next() } else { odd.next() };
        (0..names.len()).filter_map(turn).collect()
    };
    let sources = loaded.by_source().into_iter().map(|(source, counts)| SourceCounts { source, counts });
    Ok(StoredTable { counts: loaded.counts(), sources: sources.collect(), files })
}
