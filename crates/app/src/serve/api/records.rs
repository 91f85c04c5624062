//! Data that programs send: sales as they happen, items, prices and stock as they change.
//!
//! A record that is answered as accepted is on disk for good, and is a fact with the next load.

use super::super::App;
use super::super::access::Who;
use super::super::idempotency::KEY;
use super::super::problem::{Answer, Fault, Problem};
use super::super::shell::BODY_MAX;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use endcap_adapters::project::Project;
use endcap_adapters::records::{self, Kept};
use endcap_govern::Right;
use endcap_ingest::Rules;
use endcap_model::{FactField, FactKind, FieldKind};
use serde::Serialize;
use serde_json::Value;
use tracing::Instrument;
use tracing::field::Empty;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The body of a request, unless it is too large.
type Sent = Result<Bytes, BytesRejection>;

/// Most records in one request.
const RECORDS_MAX: usize = 10_000;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sales)).routes(routes!(items)).routes(routes!(prices)).routes(routes!(stock))
}

/// What became of a batch.
#[derive(Serialize, ToSchema)]
pub struct Taken {
    /// Records that are new.
    new: usize,
    /// Records that took the place of an earlier one of their key.
    replaced: usize,
    /// Records that were there word for word.
    repeated: usize,
    /// Records that were not kept, each with the reason.
    refused: Vec<Refusal>,
}

/// A record that was not kept.
#[derive(Clone, Serialize, ToSchema)]
pub struct Refusal {
    /// Its place in the batch, 0 the first.
    record: usize,
    /// The field at fault; nothing when it is the record as a whole.
    field: String,
    /// What is wrong and what was expected.
    detail: String,
}

macro_rules! batches {
    ($($name:ident, $of:ident, $kind:expr;)*) => {$(
        #[doc = concat!("A batch of ", stringify!($of), ".")]
        pub struct $name;
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                Schema::Array(ArrayBuilder::new().items(record_schema($kind)).max_items(Some(RECORDS_MAX)).build()).into()
            }
        }
        impl ToSchema for $name {}
    )*};
}

batches! {
    SalesBatch, sales, FactKind::Sales;
    ItemBatch, items, FactKind::Items;
    PriceBatch, prices, FactKind::Prices;
    StockBatch, stock, FactKind::Stock;
}

/// A record of a kind, from the one list of fact columns.
pub fn record_schema(kind: FactKind) -> RefOr<Schema> {
    let mut object = ObjectBuilder::new().description(Some(format!("One record of {kind}.")));
    if kind == FactKind::Sales {
        let id = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(records::TEXT_MAX))
            .description(Some("names the sale for ever; may be left out where the request has an Idempotency-Key"));
        object = object.property("id", id);
    }
    for field in kind.fields().iter().filter(|field| field.name != "line") {
        object = object.property(field.name, field_schema(field));
        if field.required {
            object = object.required(field.name);
        }
    }
    let closed = utoipa::openapi::schema::AdditionalProperties::FreeForm(false);
    Schema::Object(object.additional_properties(Some(closed)).build()).into()
}

fn field_schema(field: &FactField) -> ObjectBuilder {
    let number = |least: f64, most: Option<f64>| {
        ObjectBuilder::new().schema_type(Type::Number).minimum(Some(least)).maximum(most)
    };
    let form = match field.kind {
        FieldKind::Sku | FieldKind::Place | FieldKind::Text => {
            ObjectBuilder::new().schema_type(Type::String).max_length(Some(records::TEXT_MAX))
        }
        FieldKind::Period => ObjectBuilder::new().schema_type(Type::String).examples([Value::from("2024-06-26")]),
        FieldKind::Pieces => ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)),
        FieldKind::Money => ObjectBuilder::new().schema_type(Type::Number).exclusive_minimum(Some(0)),
        FieldKind::Share => number(0.0, Some(1.0)),
        FieldKind::PriceRatio => {
            ObjectBuilder::new().schema_type(Type::Number).exclusive_minimum(Some(0)).maximum(Some(1.5))
        }
        FieldKind::Flag => ObjectBuilder::new().schema_type(Type::Boolean),
        FieldKind::Number => ObjectBuilder::new().schema_type(Type::Number),
    };
    let unit = match field.kind {
        FieldKind::Money => ", in major units of the project's currency",
        FieldKind::Period => ", as a date (a time after it is dropped) or an ISO week",
        _ => "",
    };
    form.description(Some(format!("{}{unit}", field.meaning)))
}

/// Sales as they happen: a JSON array, or with `Content-Type: application/x-ndjson` one JSON object a line. A sale that is
/// sent again is kept once; of a batch, the records without fault are kept, and the status is 207 where there are others. Lines of an item, a place and a period are
/// added up: send no period whose sales come in files as well.
#[utoipa::path(post, path = "/sales", tag = "records", request_body(content((SalesBatch = "application/json"), (String = "application/x-ndjson"))),
    responses((status = OK, body = Taken), (status = MULTI_STATUS, body = Taken, description = "Some of the records were refused, each with its reason; the others are kept"), (status = 409, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem)))]
async fn sales(State(app): State<App>, who: Who, headers: HeaderMap, body: Sent) -> Answer<(StatusCode, Json<Taken>)> {
    take(&app, &who, FactKind::Sales, &headers, body).await
}

/// Items that are new or have changed, by `sku`. Records over those of files; later ones over earlier ones.
#[utoipa::path(put, path = "/items", tag = "records", request_body(content((ItemBatch = "application/json"), (String = "application/x-ndjson"))),
    responses((status = OK, body = Taken), (status = MULTI_STATUS, body = Taken, description = "Some of the records were refused, each with its reason; the others are kept"), (status = 409, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem)))]
async fn items(State(app): State<App>, who: Who, headers: HeaderMap, body: Sent) -> Answer<(StatusCode, Json<Taken>)> {
    take(&app, &who, FactKind::Items, &headers, body).await
}

/// Prices that are new or have changed, by `sku`, `place` and `period`.
#[utoipa::path(put, path = "/prices", tag = "records", request_body(content((PriceBatch = "application/json"), (String = "application/x-ndjson"))),
    responses((status = OK, body = Taken), (status = MULTI_STATUS, body = Taken, description = "Some of the records were refused, each with its reason; the others are kept"), (status = 409, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem)))]
async fn prices(State(app): State<App>, who: Who, headers: HeaderMap, body: Sent) -> Answer<(StatusCode, Json<Taken>)> {
    take(&app, &who, FactKind::Prices, &headers, body).await
}

/// Counts of stock that are new or were mended, by `sku`, `place` and `period`.
#[utoipa::path(put, path = "/stock", tag = "records", request_body(content((StockBatch = "application/json"), (String = "application/x-ndjson"))),
    responses((status = OK, body = Taken), (status = MULTI_STATUS, body = Taken, description = "Some of the records were refused, each with its reason; the others are kept"), (status = 409, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem)))]
async fn stock(State(app): State<App>, who: Who, headers: HeaderMap, body: Sent) -> Answer<(StatusCode, Json<Taken>)> {
    take(&app, &who, FactKind::Stock, &headers, body).await
}

/// Takes a batch in, and tells what became of it.
async fn take(
    app: &App,
    who: &Who,
    kind: FactKind,
    headers: &HeaderMap,
    body: Sent,
) -> Answer<(StatusCode, Json<Taken>)> {
    let span = tracing::info_span!(
        "ingest",
        kind = kind.name(),
        new = Empty,
        replaced = Empty,
        repeated = Empty,
        refused = Empty
    );
    let taken = taken(app, who, kind, headers, body).instrument(span.clone()).await?;
    span.record("new", taken.new).record("replaced", taken.replaced);
    span.record("repeated", taken.repeated).record("refused", taken.refused.len());
    // Whoever looks at nothing but the status learns that not everything was kept.
    let status = if taken.refused.is_empty() { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    Ok((status, Json(taken)))
}

async fn taken(app: &App, who: &Who, kind: FactKind, headers: &HeaderMap, body: Sent) -> Answer<Taken> {
    who.must(Right::Ingest)?;
    let batch = read(headers, &body.map_err(|_| Problem::too_large(BODY_MAX as u64))?)?;
    if batch.len() > RECORDS_MAX {
        return Err(Problem::unprocessable(format!("{} records: at most {RECORDS_MAX} in one request", batch.len())));
    }
    let named = headers.get(&KEY).map(|key| key.to_str().map(|key| format!("{}/{key}", who.account.id)));
    let named = named.transpose().map_err(|_| Problem::bad("Idempotency-Key: expected visible ASCII characters"))?;
    let rules = app.rules.get_or_try_read(&app.settings.folder)?;
    let (mut places, mut good, mut refused) = (vec![], vec![], vec![]);
    for (record, checked) in records::check(kind, &rules, &batch, named.as_deref()).into_iter().enumerate() {
        match checked {
            Ok(checked) => {
                places.push(record);
                good.push(checked);
            }
            Err(fault) => refused.push(Refusal { record, field: fault.field, detail: fault.reason }),
        }
    }
    if good.is_empty() && !refused.is_empty() {
        let fault = |refusal: &Refusal| Fault {
            at: format!("/{}/{}", refusal.record, refusal.field).trim_end_matches('/').to_owned(),
            detail: refusal.detail.clone(),
        };
        let faults = refused.iter().map(fault).collect();
        return Err(Problem::unprocessable("None of the records can be kept.").with(faults));
    }
    let kept = app.records.keep(kind, good, (app.now)()).await?;
    metrics::counter!("endcap_records_total", "kind" => kind.name()).increment(kept.len() as u64);
    let count = |what| kept.iter().filter(|kept| **kept == what).count();
    let (new, replaced, repeated) = (count(Kept::New), count(Kept::Replaced), count(Kept::Repeated));
    for record in places.iter().zip(&kept).filter(|(_, kept)| **kept == Kept::Other).map(|(record, _)| *record) {
        let detail = "another sale has this id: give a new id, a sale that was kept never changes";
        refused.push(Refusal { record, field: "id".to_owned(), detail: detail.to_owned() });
    }
    refused.sort_by_key(|refusal| refusal.record);
    Ok(Taken { new, replaced, repeated, refused })
}

/// The records of a request; a line that is no JSON is a record with a fault.
fn read(headers: &HeaderMap, body: &Bytes) -> Answer<Vec<Value>> {
    let form = headers.get(header::CONTENT_TYPE).and_then(|form| form.to_str().ok()).unwrap_or_default();
    if form.starts_with("application/x-ndjson") || form.starts_with("application/jsonl") {
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        return Ok(lines.map(|line| serde_json::from_slice(line).unwrap_or_default()).collect());
    }
    if !form.starts_with("application/json") {
        return Err(Problem::media_type("application/json or application/x-ndjson"));
    }
    serde_json::from_slice(body).map_err(|error| Problem::bad(format!("expected a JSON array of records: {error}")))
}

/// What records are checked against: read once there is a project.
#[derive(Default)]
pub struct KnownRules(std::sync::OnceLock<Rules>);

impl KnownRules {
    fn get_or_try_read(&self, folder: &std::path::Path) -> Answer<Rules> {
        if let Some(rules) = self.0.get() {
            return Ok(rules.clone());
        }
        let project = Project::read_configured(folder).map_err(Problem::conflict)?;
        let rules = Rules { calendar: project.calendar, currency: project.currency, items: None, places: None };
        Ok(self.0.get_or_init(|| rules).clone())
    }
}
