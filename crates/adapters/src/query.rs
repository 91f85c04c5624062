//! Running SQL over the files of a snapshot, each of which is checked against its manifest first.

use crate::AdapterError;
use crate::snapshot::{self, Snapshot};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_schema::DataType;
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::DataFusionError;
use datafusion::prelude::{SessionConfig, SessionContext};
use endcap_model::FactKind;
use futures::StreamExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Tables of a snapshot, ready for SQL.
pub(crate) struct Tables {
    project: PathBuf,
    session: SessionContext,
    runtime: Runtime,
}

/// One column of an answer.
pub(crate) struct Answer<'a> {
    batch: &'a RecordBatch,
}

impl Tables {
    /// Opens tables of a snapshot; one without files is there and empty.
    ///
    /// # Errors
    /// [`AdapterError::Damaged`] when a file is missing or is not what its manifest says.
    pub fn open(project: &Path, snapshot: &Snapshot, kinds: &[FactKind]) -> Result<Self, AdapterError> {
        let config = SessionConfig::new().with_target_partitions(2).with_information_schema(false);
        let session = SessionContext::new_with_config(config);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .map_err(|e| AdapterError::system("query", project, e))?;
        let tables = Self { project: project.to_owned(), session, runtime };
        for &kind in kinds {
            tables.register(snapshot, kind)?;
        }
        Ok(tables)
    }

    fn register(&self, snapshot: &Snapshot, kind: FactKind) -> Result<(), AdapterError> {
        let schema = endcap_ingest::schema(kind);
        let failed = |e: DataFusionError| self.failed(e);
        let files = snapshot.tables.get(&kind).map_or(&[][..], |table| &table.files);
        let mut urls = vec![];
        for file in files {
            let path = snapshot::verified(&self.project, file)?;
            let path = path.canonicalize().map_err(|e| AdapterError::system("read", &path, e))?;
            urls.push(ListingTableUrl::parse(path.display().to_string()).map_err(failed)?);
        }
        if urls.is_empty() {
            let table = MemTable::try_new(schema, vec![vec![]]).map_err(failed)?;
            self.session.register_table(kind.name(), Arc::new(table)).map_err(failed)?;
            return Ok(());
        }
        let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(".parquet");
        let config = ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options).with_schema(schema);
        let table = ListingTable::try_new(config).map_err(failed)?;
        self.session.register_table(kind.name(), Arc::new(table)).map_err(failed)?;
        Ok(())
    }

    /// Runs a statement and hands each batch of the answer on, as it comes.
    ///
    /// # Errors
    /// [`AdapterError::Query`] when the engine fails, or what `take` returns.
    pub fn each(
        &self,
        sql: &str,
        take: &mut dyn FnMut(&Answer<'_>) -> Result<(), AdapterError>,
    ) -> Result<(), AdapterError> {
        self.runtime.block_on(async {
            let frame = self.session.sql(sql).await.map_err(|e| self.failed(e))?;
            let mut stream = frame.execute_stream().await.map_err(|e| self.failed(e))?;
            while let Some(batch) = stream.next().await {
                take(&Answer { batch: &batch.map_err(|e| self.failed(e))? })?;
            }
            Ok(())
        })
    }

    fn failed(&self, error: DataFusionError) -> AdapterError {
        AdapterError::Query { path: self.project.clone(), problem: error.to_string() }
    }
}

impl Answer<'_> {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// A column of text.
    pub fn text(&self, column: &str) -> StringArray {
        self.cast(column, &DataType::Utf8).as_string::<i32>().clone()
    }

    /// A column of whole numbers.
    pub fn wholes(&self, column: &str) -> Int64Array {
        self.cast(column, &DataType::Int64).as_primitive::<Int64Type>().clone()
    }

    /// A column of numbers.
    pub fn numbers(&self, column: &str) -> Float64Array {
        self.cast(column, &DataType::Float64).as_primitive::<Float64Type>().clone()
    }

    fn cast(&self, column: &str, to: &DataType) -> Arc<dyn Array> {
        let array = self.batch.column_by_name(column).expect("Invariant: the statement names this column");
        cast(array, to).expect("Invariant: the statement gives this column a type that casts")
    }
}

/// The value of a row, if any.
pub(crate) fn text(array: &StringArray, row: usize) -> Option<String> {
    array.is_valid(row).then(|| array.value(row).to_owned())
}

/// The value of a row, if any.
pub(crate) fn whole(array: &Int64Array, row: usize) -> Option<i64> {
    array.is_valid(row).then(|| array.value(row))
}

/// The value of a row, or NaN.
pub(crate) fn number(array: &Float64Array, row: usize) -> f64 {
    if array.is_valid(row) { array.value(row) } else { f64::NAN }
}
