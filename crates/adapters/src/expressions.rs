//! The mapping of one file: which of its columns, or which expressions over them, give each column of the facts.
//!
//! A plain column is passed through as it is, so that a value that cannot be read is set aside by itself. Anything else
//! is an SQL expression that the query engine evaluates on each batch.

use crate::project::{ColumnType, SourceTable};
use crate::{AdapterError, source};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::prelude::{SessionConfig, SessionContext};
use endcap_model::FactKind;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Evaluates the mapping of one file.
pub(crate) struct Mapping {
    /// Column of each field of the facts; nothing when it is not mapped.
    pub columns: Vec<Option<Mapped>>,
    /// Column of each named control.
    pub values: Vec<(String, Mapped)>,
    /// Rules and why rows that break them are set aside.
    pub keep: Vec<(Mapped, String)>,
    /// Columns that were text and are numbers for the expressions.
    pub numbers: Vec<usize>,
    /// Columns of the file and its lookups that are needed.
    pub schema: SchemaRef,
    /// The same with numbers where text is read as numbers.
    typed: SchemaRef,
}

/// Where a column of the facts comes from.
pub(crate) struct Mapped {
    /// What the mapping says.
    pub text: String,
    how: How,
}

enum How {
    Column(usize),
    Computed(Arc<dyn PhysicalExpr>),
}

/// What messages name.
pub(crate) struct Named<'a> {
    /// The file with the mapping.
    pub configuration: &'a Path,
    /// The file with the rows.
    pub file: &'a Path,
}

/// Makes the engine that reads expressions; names of columns are taken as they are written.
pub(crate) fn session() -> SessionContext {
    let config = SessionConfig::new().set_bool("datafusion.sql_parser.enable_ident_normalization", false);
    SessionContext::new_with_config(config)
}

enum Parsed {
    Column(String),
    Expression(Expr),
}

impl Mapping {
    /// Reads the mapping of a source for a file with these columns (its own and those joined to it).
    ///
    /// # Errors
    /// [`AdapterError`] when a column is missing, or an expression is wrong or needs a type.
    pub fn new(
        session: &SessionContext,
        kind: FactKind,
        table: &SourceTable,
        whole: &SchemaRef,
        named: &Named<'_>,
    ) -> Result<Self, AdapterError> {
        let wide = typed(whole, |name| table.types.get(name) == Some(&ColumnType::Number));
        let parse = |field: &str, text: &str| parse(session, text, field, &wide, named);
        let mut fields = vec![];
        for field in kind.fields() {
            let text = table.columns.get(field.name);
            let parsed = text.map(|text| Ok((text.clone(), parse(field.name, text)?)));
            fields.push(parsed.transpose()?);
        }
        let mut values = vec![];
        for (name, text) in &table.values {
            values.push((name.clone(), text.clone(), parse(name, text)?));
        }
        let mut keep = vec![];
        for rule in &table.keep {
            let expression = parse("keep", &rule.rule)?;
            keep.push((rule.rule.clone(), expression, rule.reason.clone()));
        }
        let all = || {
            let fields = fields.iter().flatten().map(|(text, parsed)| (text, parsed));
            let values = values.iter().map(|(_, text, parsed)| (text, parsed));
            fields.chain(values).chain(keep.iter().map(|(text, parsed, _)| (text, parsed)))
        };
        let computed = used(all().filter(|(_, parsed)| matches!(parsed, Parsed::Expression(_))));
        for (text, parsed) in all() {
            check_types(parsed, text, whole, table, named)?;
        }
        let needed = used(all());
        let picked: Vec<usize> =
            (0..whole.fields().len()).filter(|&at| needed.contains(whole.field(at).name())).collect();
        let schema: SchemaRef = Arc::new(whole.project(&picked).expect("Invariant: picked from this schema"));
        let is_number = |name: &str| table.types.get(name) == Some(&ColumnType::Number) && computed.contains(name);
        let typed = typed(&schema, is_number);
        let numbers = (0..schema.fields().len()).filter(|&at| schema.field(at) != typed.field(at)).collect();
        let ready = |text: String, parsed: Parsed| physical(session, text, parsed, &schema, &typed, named);
        Ok(Self {
            columns: fields
                .into_iter()
                .map(|field| field.map(|(text, parsed)| ready(text, parsed)).transpose())
                .collect::<Result<_, _>>()?,
            values: values
                .into_iter()
                .map(|(name, text, parsed)| Ok((name, ready(text, parsed)?)))
                .collect::<Result<_, AdapterError>>()?,
            keep: keep
                .into_iter()
                .map(|(text, parsed, reason)| Ok((ready(text, parsed)?, reason)))
                .collect::<Result<_, AdapterError>>()?,
            numbers,
            schema,
            typed,
        })
    }

    /// Reads text as numbers where expressions need numbers; also returns the rows that hold something else, each with
    /// the column at fault.
    pub fn typed(&self, batch: &RecordBatch) -> (RecordBatch, Vec<(usize, usize)>) {
        if self.numbers.is_empty() {
            return (batch.clone(), vec![]);
        }
        let mut columns = batch.columns().to_vec();
        let mut faults = vec![];
        for &at in &self.numbers {
            let texts = batch.column(at).as_string::<i32>();
            let numbers: Float64Array = texts
                .iter()
                .enumerate()
                .map(|(row, text)| {
                    let number = text.map(str::parse::<f64>);
                    if matches!(number, Some(Err(_))) {
                        faults.push((row, at));
                    }
                    number.and_then(Result::ok)
                })
                .collect();
            columns[at] = Arc::new(numbers);
        }
        faults.sort_unstable();
        faults.dedup_by_key(|fault| fault.0);
        let batch = RecordBatch::try_new(self.typed.clone(), columns).expect("Invariant: one length, one schema");
        (batch, faults)
    }
}

impl Mapped {
    /// Evaluates on a batch: `plain` as read, `typed` with numbers where expressions need them. Rows on which the
    /// expression fails come back as absent, each with what the engine said.
    pub fn evaluate(&self, plain: &RecordBatch, typed: &RecordBatch) -> (ArrayRef, Vec<(usize, String)>) {
        match &self.how {
            How::Column(at) => (plain.column(*at).clone(), vec![]),
            How::Computed(expression) => {
                let mut faults = vec![];
                let array = evaluate(expression, typed, 0, &mut faults);
                (array, faults)
            }
        }
    }

    /// Evaluates a rule; nothing where it cannot be told.
    pub fn judge(&self, plain: &RecordBatch, typed: &RecordBatch) -> (BooleanArray, Vec<(usize, String)>) {
        let (array, faults) = self.evaluate(plain, typed);
        let flags = arrow_cast::cast(&array, &DataType::Boolean).ok();
        let flags = flags.unwrap_or_else(|| Arc::new(BooleanArray::new_null(array.len())));
        (flags.as_boolean().clone(), faults)
    }
}

/// Evaluates on all rows at once; when that fails, on each half, down to the rows at fault.
fn evaluate(
    expression: &Arc<dyn PhysicalExpr>,
    batch: &RecordBatch,
    first: usize,
    faults: &mut Vec<(usize, String)>,
) -> ArrayRef {
    let rows = batch.num_rows();
    let error = match expression.evaluate(batch).and_then(|value| value.into_array(rows)) {
        Ok(array) => return array,
        Err(error) => error,
    };
    if rows <= 1 {
        let said = error.to_string();
        faults.push((first, said.lines().next().unwrap_or_default().to_owned()));
        let of = expression.data_type(&batch.schema()).unwrap_or(DataType::Null);
        return arrow_array::new_null_array(&of, rows);
    }
    let half = rows / 2;
    let left = evaluate(expression, &batch.slice(0, half), first, faults);
    let right = evaluate(expression, &batch.slice(half, rows - half), first + half, faults);
    arrow_select::concat::concat(&[left.as_ref(), right.as_ref()])
        .unwrap_or_else(|_| arrow_array::new_null_array(&DataType::Null, rows))
}

fn typed(schema: &SchemaRef, is_number: impl Fn(&str) -> bool) -> SchemaRef {
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 if is_number(field.name()) => Field::new(field.name(), DataType::Float64, true),
        _ => field.as_ref().clone().with_nullable(true),
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

fn used<'a>(parsed: impl Iterator<Item = (&'a String, &'a Parsed)>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, parsed) in parsed {
        match parsed {
            Parsed::Column(name) => {
                names.insert(name.clone());
            }
            Parsed::Expression(expression) => {
                names.extend(expression.column_refs().into_iter().map(|column| column.name.clone()));
            }
        }
    }
    names
}

fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

fn parse(
    session: &SessionContext,
    text: &str,
    field: &str,
    schema: &SchemaRef,
    named: &Named<'_>,
) -> Result<Parsed, AdapterError> {
    if schema.column_with_name(text).is_some() {
        return Ok(Parsed::Column(text.to_owned()));
    }
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    if text.chars().all(is_name) && text.chars().any(char::is_alphabetic) {
        let needed = format!("mapped to {field} in {}", named.configuration.display());
        return Err(AdapterError::missing_column(named.file, text, needed, &names(schema)));
    }
    let wrong = |problem: String| wrong(text, field, problem, named);
    let columns = DFSchema::try_from(schema.clone()).map_err(|e| wrong(e.to_string()))?;
    let expression = session
        .parse_sql_expr(text, &columns)
        .map_err(|e| wrong(format!("{}; the columns are {}", first_line(&e.to_string()), names(schema).join(", "))))?;
    Ok(Parsed::Expression(expression))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn wrong(text: &str, field: &str, problem: String, named: &Named<'_>) -> AdapterError {
    AdapterError::Expression {
        path: named.configuration.to_owned(),
        field: field.to_owned(),
        expression: text.to_owned(),
        table: named.file.display().to_string(),
        problem,
    }
}

/// In text files, an expression must know of each column whether it is a number: '10' > '9' is false for text.
fn check_types(
    parsed: &Parsed,
    text: &str,
    whole: &SchemaRef,
    table: &SourceTable,
    named: &Named<'_>,
) -> Result<(), AdapterError> {
    let (Parsed::Expression(expression), true) = (parsed, source::is_text(named.file)?) else {
        return Ok(());
    };
    let untyped = expression.column_refs().into_iter().map(|column| column.name.as_str()).filter(|name| {
        whole.field_with_name(name).is_ok_and(|field| *field.data_type() == DataType::Utf8)
            && !table.types.contains_key(*name)
    });
    match untyped.min() {
        None => Ok(()),
        Some(name) => {
            let problem =
                format!("the type of '{name}' is not known: add types = {{ {name} = \"number\" }} or \"text\"");
            Err(wrong(text, name, problem, named))
        }
    }
}

fn physical(
    session: &SessionContext,
    text: String,
    parsed: Parsed,
    schema: &SchemaRef,
    typed: &SchemaRef,
    named: &Named<'_>,
) -> Result<Mapped, AdapterError> {
    let how = match parsed {
        Parsed::Column(name) => How::Column(schema.index_of(&name).expect("Invariant: needed columns are there")),
        Parsed::Expression(expression) => {
            let failed = |e: datafusion::error::DataFusionError| {
                wrong(&text, "its column", first_line(&e.to_string()).to_owned(), named)
            };
            let columns = DFSchema::try_from(typed.clone()).map_err(failed)?;
            let expression = session.create_physical_expr(expression, &columns).map_err(failed)?;
            expression.data_type(typed).map_err(failed)?;
            How::Computed(expression)
        }
    };
    Ok(Mapped { text, how })
}
