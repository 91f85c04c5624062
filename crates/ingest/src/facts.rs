//! Facts as they are stored: canonical record batches, sorted, with texts as dictionaries.

use crate::Counts;
use crate::column::{Column, NO_FLAG, NO_PERIOD, NO_WHOLE};
use crate::intake::Origin;
use crate::intern::ABSENT;
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use endcap_model::{Calendar, FactKind, FieldKind};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// A table that was taken in.
pub struct Loaded {
    pub(crate) kind: FactKind,
    pub(crate) calendar: Calendar,
    pub(crate) counts: Counts,
    pub(crate) columns: Vec<Column>,
    pub(crate) texts: Vec<Vec<Arc<str>>>,
    pub(crate) rows: Vec<u32>,
    pub(crate) parts: Vec<Part>,
    /// Where each row came from: source and row number in one.
    pub(crate) origins: Vec<u64>,
    pub(crate) sources: Vec<Origin>,
}

/// A partition: rows of one month, or one year of weeks.
pub(crate) struct Part {
    pub name: String,
    pub rows: Range<usize>,
}

/// Returns the stored columns of a table: ids and texts as dictionaries, periods as 32-bit numbers of the project's
/// calendar, pieces and money (minor units) as 64-bit whole numbers, shares and numbers as 64-bit floats.
pub fn schema(kind: FactKind) -> SchemaRef {
    let field = |field: &endcap_model::FactField| {
        let of = match field.kind {
            FieldKind::Sku | FieldKind::Place | FieldKind::Text => {
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
            }
            FieldKind::Period => DataType::Int32,
            FieldKind::Pieces | FieldKind::Money => DataType::Int64,
            FieldKind::Share | FieldKind::PriceRatio | FieldKind::Number => DataType::Float64,
            FieldKind::Flag => DataType::Boolean,
        };
        Field::new(field.name, of, !field.required)
    };
    Arc::new(Schema::new(kind.fields().iter().map(field).collect::<Vec<_>>()))
}

impl Loaded {
    /// Returns which table it is.
    pub fn kind(&self) -> FactKind {
        self.kind
    }

    /// Returns what became of the rows.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns what became of the rows of each source.
    pub fn by_source(&self) -> Vec<(String, Counts)> {
        self.sources.iter().map(|source| (source.name.clone(), source.counts)).collect()
    }

    /// Returns the distinct texts of a column over all facts.
    pub fn distinct(&self, field: &str) -> HashSet<Arc<str>> {
        let at = self.kind.fields().iter().position(|f| f.name == field);
        match at.map(|at| (&self.columns[at], &self.texts[at])) {
            Some((Column::Id(ids, _), texts)) => {
                let ids = self.rows.iter().map(|&row| ids[row as usize]).filter(|&id| id != ABSENT);
                ids.map(|id| texts[id as usize].clone()).collect()
            }
            _ => HashSet::new(),
        }
    }

    /// Returns the names of the partitions, in order.
    pub fn partitions(&self) -> Vec<String> {
        self.parts.iter().map(|part| part.name.clone()).collect()
    }

    /// Returns the facts of a partition, sorted by key. The same facts always give the same batch.
    pub fn batch(&self, partition: usize) -> RecordBatch {
        let rows = &self.rows[self.parts[partition].rows.clone()];
        let columns = self.columns.iter().zip(&self.texts).map(|(column, texts)| array(column, texts, rows));
        RecordBatch::try_new(schema(self.kind), columns.collect()).expect("Invariant: the columns are the schema's")
    }
}

fn array(column: &Column, texts: &[Arc<str>], rows: &[u32]) -> ArrayRef {
    let rows = rows.iter().map(|&row| row as usize);
    match column {
        Column::Id(ids, _) => dictionary(texts, rows.map(|row| ids[row])),
        Column::Period(values, _) => {
            Arc::new(rows.map(|row| Some(values[row]).filter(|&v| v != NO_PERIOD)).collect::<Int32Array>())
        }
        Column::Whole(values) => {
            Arc::new(rows.map(|row| Some(values[row]).filter(|&v| v != NO_WHOLE)).collect::<Int64Array>())
        }
        Column::Number(values) => {
            Arc::new(rows.map(|row| Some(values[row]).filter(|v| !v.is_nan())).collect::<Float64Array>())
        }
        Column::Flag(values) => Arc::new(
            rows.map(|row| Some(values[row]).filter(|&v| v != NO_FLAG).map(|v| v == 1)).collect::<BooleanArray>(),
        ),
    }
}

/// Makes a dictionary of only the texts that these rows use.
fn dictionary(texts: &[Arc<str>], ids: impl Iterator<Item = u32> + Clone) -> ArrayRef {
    let mut position = vec![-1_i32; texts.len()];
    ids.clone().filter(|&id| id != ABSENT).for_each(|id| position[id as usize] = 0);
    let mut used = vec![];
    for (id, position) in position.iter_mut().enumerate().filter(|(_, position)| **position == 0) {
        *position = used.len() as i32;
        used.push(&*texts[id]);
    }
    let keys: Int32Array = ids.map(|id| (id != ABSENT).then(|| position[id as usize])).collect();
    Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(StringArray::from(used))))
}
