//! Data that people bring in: files are sent first, then tried out (`dry_run`), then brought in.

use super::super::App;
use super::super::access::Who;
use super::super::imports::{self as engine, Report, Run, State as Engine};
use super::super::problem::{Answer, Fault, Problem, without_folders};
use super::super::{blocking, download, upload};
use super::data::{Category, category};
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use endcap_adapters::facts::Store;
use endcap_adapters::imports::{self, Import, ImportedFile, Waiting};
use endcap_adapters::project::Project;
use endcap_adapters::recognise::{Reading, recognise};
use endcap_govern::Right;
use endcap_ingest::Counts;
use endcap_model::{ContentHash, FactKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Columns of a file that are told of one that fits nothing, and bytes of each.
const COLUMNS_TOLD: usize = 30;
const COLUMN_TOLD: usize = 100;

/// Routes whose requests are small.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(waiting))
        .routes(routes!(remove))
        .routes(routes!(list, bring_in))
        .routes(routes!(show))
        .routes(routes!(aside))
}

/// The route that takes files: as large as the desk allows, for as long as they take.
pub fn uploads() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(send))
}

/// Name of a file that is sent.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Name {
    /// Its name; only its last part is kept, without what could be mistaken for a path.
    name: String,
}

/// A file that was sent.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = SentFile)]
pub struct Sent {
    /// Its number, by its content.
    id: String,
    /// Its name.
    name: String,
    /// Its size.
    bytes: u64,
    /// Its columns.
    columns: Vec<String>,
    /// Ways to read it, the likeliest first.
    readings: Vec<Way>,
    /// Whether this content was brought in before: there is nothing left to do.
    known: bool,
}

/// A way to read a file.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = WayToRead)]
pub struct Way {
    /// Kind of fact that it would hold.
    kind: String,
    /// The configured files that it is read like; nothing when its columns have the names of facts.
    like: Option<String>,
    /// Columns of facts, each with the column or expression that it is read from.
    columns: BTreeMap<String, String>,
}

/// What waits to be brought in.
#[derive(Serialize, ToSchema)]
pub struct Arrivals {
    /// Whether there is a project that data can be brought into.
    project: bool,
    /// Largest file that may be sent, in bytes.
    upload_max: u64,
    /// Files that were sent.
    files: Vec<Sent>,
    /// Records that came over the API since the last load, by kind.
    records: BTreeMap<String, i64>,
    /// The import that is on its way.
    running: Option<String>,
}

/// Files to bring in, with all records that came over the API.
#[derive(Deserialize, ToSchema)]
#[schema(as = WantedImport)]
pub struct Wanted {
    /// The files; none to bring in records only.
    #[serde(default)]
    files: Vec<Chosen>,
}

/// A file to bring in.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = ChosenFile)]
pub struct Chosen {
    /// Its number.
    id: String,
    /// Kind of fact to read it as; the likeliest when not given.
    #[serde(default)]
    kind: Option<String>,
}

/// Whether something is only tried out.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Trial {
    /// Say what would come of it, and keep nothing.
    #[serde(default)]
    dry_run: bool,
}

/// An import that was asked for since the desk was started.
#[derive(Serialize, ToSchema)]
#[schema(as = ShownImport)]
pub struct Shown {
    /// Its name: the same files read the same way have the same.
    id: String,
    /// Whether it is only tried out.
    dry_run: bool,
    /// `running`, `done`, `refused` or `failed`.
    state: String,
    /// Why it was refused or failed.
    reason: Option<String>,
    /// What came, or would come, of it.
    result: Option<Outcome>,
}

/// What came of an import.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportOutcome)]
pub struct Outcome {
    /// Name of the facts with it.
    snapshot: String,
    /// What became of the rows of each file.
    files: Vec<Rows>,
    /// What became of records that came over the API, by kind.
    records: Vec<Rows>,
    /// Rows of its files that were set aside.
    set_aside: u64,
    /// The first of them; `GET /imports/{id}/set-aside` has all.
    first_set_aside: Vec<Aside>,
    /// Items with sales.
    items: usize,
    /// Places with sales.
    places: usize,
    /// First and last period of sales.
    periods: Option<(String, String)>,
    /// What the history of each category can carry.
    readiness: Vec<Category>,
}

/// What became of rows.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportedRows)]
pub struct Rows {
    /// Kind of fact.
    kind: String,
    /// The file.
    name: String,
    /// Rows read.
    read: u64,
    /// Rows that are facts.
    loaded: u64,
    /// Rows kept apart with a reason.
    set_aside: u64,
    /// Rows that repeat an earlier one word for word.
    duplicates: u64,
    /// Rows whose place a later row took.
    replaced: u64,
}

/// A row that was set aside.
#[derive(Serialize, ToSchema)]
#[schema(as = RowSetAside)]
pub struct Aside {
    /// Kind of fact.
    kind: String,
    /// The file.
    file: String,
    /// Its number in the file, 1 the first row of data.
    row: u64,
    /// The column at fault.
    column: String,
    /// The value.
    value: String,
    /// Why, and what was expected.
    reason: String,
}

/// An import that counts.
#[derive(Serialize, ToSchema)]
pub struct Imported {
    /// Its name.
    id: String,
    /// When it came in.
    at: String,
    /// Who brought it in.
    by: String,
    /// Its files, each with what it holds.
    files: Vec<ImportedName>,
}

/// A file that was brought in.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportedFile)]
pub struct ImportedName {
    /// Its name.
    name: String,
    /// What it holds.
    kind: String,
    /// Its size.
    bytes: u64,
}

/// What waits to be brought in: files that were sent, records that came over the API.
#[utoipa::path(get, path = "/imports/waiting", tag = "imports", responses((status = OK, body = Arrivals)))]
async fn waiting(State(app): State<App>, who: Who) -> Answer<Json<Arrivals>> {
    who.must(Right::Read)?;
    let desk = app.clone();
    let (project, files, last) = blocking(move || {
        let folder = &desk.settings.folder;
        let project = folder.join(endcap_adapters::project::FILE_NAME).exists();
        let mut files = vec![];
        for file in imports::waiting(folder)? {
            files.push(sent(&desk, &file)?);
        }
        let last = Store::open(folder)?.latest(None)?.map_or(0, |snapshot| snapshot.last_record);
        Ok((project, files, last))
    })
    .await?;
    let records = app.records.since(last).await?;
    let (upload_max, running) = (app.settings.upload_max, app.imports.running());
    Ok(Json(Arrivals { project, upload_max, files, records, running }))
}

/// Send a file (CSV or Parquet) as the body of the request. It waits until it is brought in, or for a day.
#[utoipa::path(post, path = "/imports/files", tag = "imports", params(Name),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = CREATED, body = Sent), (status = 413, body = Problem), (status = 422, body = Problem)))]
async fn send(
    State(app): State<App>,
    who: Who,
    headers: HeaderMap,
    name: Result<Query<Name>, QueryRejection>,
    body: Body,
) -> Answer<(StatusCode, Json<Sent>)> {
    who.must(Right::Ingest)?;
    let Query(Name { name }) = name?;
    let (sha256, path) = upload::receive(&app, &headers, &name, body).await?;
    let file = Waiting {
        id: sha256.short().to_owned(),
        name: imports::safe_name(&path.file_name().unwrap_or_default().to_string_lossy()),
        bytes: tokio::fs::metadata(&path).await.map_err(Problem::broken)?.len(),
        path,
        since: None,
    };
    let desk = app.clone();
    blocking(move || {
        let described = sent(&desk, &file).and_then(|sent| if sent.known { Ok(sent) } else { usable(sent) });
        if described.is_err() {
            imports::discard(&desk.settings.folder, &file.id)?;
        }
        Ok((StatusCode::CREATED, Json(described?)))
    })
    .await
}

/// Remove a file that waits.
#[utoipa::path(delete, path = "/imports/files/{id}", tag = "imports", params(("id" = String, Path, description = "Its number")),
    responses((status = NO_CONTENT), (status = 404, body = Problem)))]
async fn remove(State(app): State<App>, who: Who, id: Result<Path<String>, PathRejection>) -> Answer<StatusCode> {
    who.must(Right::Ingest)?;
    let Path(id) = id?;
    if app.imports.running().is_some() {
        return Err(Problem::conflict("Data are being brought in: wait until that has ended."));
    }
    let folder = app.settings.folder.clone();
    let wanted = id.clone();
    if blocking(move || Ok(imports::discard(&folder, &wanted)?)).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::missing(format!("file '{id}' that waits")))
    }
}

/// What was brought in, the newest first.
#[utoipa::path(get, path = "/imports", tag = "imports", responses((status = OK, body = Vec<Imported>)))]
async fn list(State(app): State<App>, who: Who) -> Answer<Json<Vec<Imported>>> {
    who.must(Right::Read)?;
    let folder = app.settings.folder.clone();
    let all = blocking(move || Ok(imports::all(&folder)?)).await?;
    let name = |file: ImportedFile| ImportedName { name: file.name, kind: file.kind.to_string(), bytes: file.bytes };
    let imported = |import: Import| Imported {
        id: import.id,
        at: import.at.to_string(),
        by: import.by,
        files: import.files.into_iter().map(name).collect(),
    };
    Ok(Json(all.into_iter().rev().map(imported).collect()))
}

/// Bring files in, or with `dry_run` say what would come of it. The work goes on in the background: `GET /live` tells how
/// far it is, `GET /imports/{id}` what came of it.
#[utoipa::path(post, path = "/imports", tag = "imports", params(Trial), request_body = Wanted,
    responses((status = ACCEPTED, body = Shown), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn bring_in(
    State(app): State<App>,
    who: Who,
    trial: Result<Query<Trial>, QueryRejection>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Answer<(StatusCode, Json<Shown>)> {
    who.must(Right::Ingest)?;
    let (Query(Trial { dry_run }), Json(wanted)) = (trial?, wanted?);
    let (after_record, now) = (app.records.last().await?, (app.now)());
    let desk = app.clone();
    let import = blocking(move || {
        let mut files = vec![];
        for (at, chosen) in wanted.files.iter().enumerate() {
            files.push(chosen_file(&desk, at, chosen)?);
        }
        Ok(Import::new(now, &who.account.name, after_record, files))
    })
    .await?;
    let run = app.imports.start(&app, import, dry_run)?;
    Ok((StatusCode::ACCEPTED, Json(shown(&run))))
}

/// How far an import is, or what came of it.
#[utoipa::path(get, path = "/imports/{id}", tag = "imports", params(("id" = String, Path, description = "Its name")),
    responses((status = OK, body = Shown), (status = 404, body = Problem)))]
async fn show(State(app): State<App>, who: Who, id: Result<Path<String>, PathRejection>) -> Answer<Json<Shown>> {
    who.must(Right::Read)?;
    let Path(id) = id?;
    let run = app.imports.run(&id).ok_or_else(|| Problem::missing(format!("import '{id}'")))?;
    Ok(Json(shown(&run)))
}

/// The rows of an import that were set aside, with kind, file, row, column, value and reason, as CSV.
#[utoipa::path(get, path = "/imports/{id}/set-aside", tag = "imports", params(("id" = String, Path, description = "Its name")),
    responses((status = OK, content_type = "text/csv", body = String), (status = 404, body = Problem)))]
async fn aside(State(app): State<App>, who: Who, id: Result<Path<String>, PathRejection>) -> Answer<impl IntoResponse> {
    who.must(Right::Read)?;
    let Path(id) = id?;
    let run = app.imports.run(&id).ok_or_else(|| Problem::missing(format!("import '{id}'")))?;
    let rows = tokio::fs::read(engine::aside_file(&app.settings.folder, &run.import.id)).await;
    let rows = rows.map_err(|_| Problem::missing(format!("row of import '{id}' that was set aside")))?;
    download::csv("set-aside", &rows)
}

/// What a file that was sent may hold.
fn sent(app: &App, file: &Waiting) -> Answer<Sent> {
    let folder = &app.settings.folder;
    let known = imports::all(folder)?.iter().flat_map(|import| &import.files).any(|of| of.sha256.short() == file.id);
    let project = Project::read_configured(folder)?;
    let place = format!("imports/files/{}/{}", file.id, file.name);
    let found = recognise(folder, &project, &place)?;
    let way = |reading: Reading| Way {
        kind: reading.kind.to_string(),
        like: reading.like,
        columns: reading.table.columns.into_iter().chain(reading.table.values).collect(),
    };
    Ok(Sent {
        id: file.id.clone(),
        name: file.name.clone(),
        bytes: file.bytes,
        columns: found.columns,
        readings: found.readings.into_iter().map(way).collect(),
        known,
    })
}

/// The beginning of a text that somebody else wrote.
fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(COLUMN_TOLD)]
}

/// Refuses a file that nothing can be read from.
fn usable(sent: Sent) -> Answer<Sent> {
    if !sent.readings.is_empty() {
        return Ok(sent);
    }
    let need = |kind: FactKind| {
        let fields = kind.fields().iter().filter(|field| field.required).map(|field| field.name);
        let fields: Vec<&str> = fields.collect();
        Fault { at: kind.to_string(), detail: format!("needs the columns {}", fields.join(", ")) }
    };
    let more = if sent.columns.len() > COLUMNS_TOLD { ", …" } else { "" };
    let detail = format!(
        "{} has the columns {}{more}: they fit no kind of fact and no file that the project names.",
        sent.name,
        sent.columns.iter().take(COLUMNS_TOLD).map(|column| shortened(column)).collect::<Vec<_>>().join(", ")
    );
    Err(Problem::unprocessable(detail).with(FactKind::ALL.map(need).into()))
}

/// The file that was chosen, with how it is read.
fn chosen_file(app: &App, at: usize, chosen: &Chosen) -> Answer<ImportedFile> {
    let folder = &app.settings.folder;
    let waiting = imports::waiting(folder)?.into_iter().find(|file| file.id == chosen.id);
    let file = waiting.ok_or_else(|| Problem::missing(format!("file '{}' that waits", chosen.id)))?;
    let place = format!("imports/files/{}/{}", file.id, file.name);
    let found = recognise(folder, &Project::read_configured(folder)?, &place)?;
    let wanted = |reading: &Reading| chosen.kind.as_ref().is_none_or(|kind| kind == reading.kind.name());
    let reading = found.readings.into_iter().find(wanted).ok_or_else(|| {
        let detail =
            format!("{} cannot be read as {}", file.name, chosen.kind.as_deref().unwrap_or("any kind of fact"));
        Problem::unprocessable(&detail).with(vec![Fault { at: format!("/files/{at}/kind"), detail }])
    })?;
    let sha256: ContentHash = imports::content_hash(&file.path)?;
    let Reading { kind, table, .. } = reading;
    Ok(ImportedFile { name: file.name, sha256, bytes: file.bytes, kind, table })
}

fn shown(run: &Run) -> Shown {
    let reason = match &run.state {
        Engine::Refused(reason) | Engine::Failed(reason) => Some(without_folders(reason)),
        Engine::Running | Engine::Done(_) => None,
    };
    let result = match &run.state {
        Engine::Done(report) => Some(outcome(&run.import, report)),
        _ => None,
    };
    let state = run.state.word().to_owned();
    Shown { id: run.import.id.clone(), dry_run: run.dry_run, state, reason, result }
}

fn outcome(import: &Import, report: &Report) -> Outcome {
    let files = import.files.iter().zip(&report.files);
    let (items, places, periods) = report.extent.clone();
    let (set_aside, first) = &report.aside;
    let aside = |(kind, row): &(FactKind, endcap_model::SetAside)| Aside {
        kind: kind.to_string(),
        file: row.source.clone(),
        row: row.row,
        column: row.column.clone(),
        value: row.value.clone(),
        reason: row.reason.clone(),
    };
    Outcome {
        snapshot: report.snapshot.id.to_string(),
        files: files.map(|(file, counts)| rows(file.kind, &file.name, *counts)).collect(),
        records: report.records.iter().map(|(kind, counts)| rows(*kind, "API", *counts)).collect(),
        set_aside: *set_aside,
        first_set_aside: first.iter().map(aside).collect(),
        items,
        places,
        periods,
        readiness: report.readiness.iter().map(category).collect(),
    }
}

fn rows(kind: FactKind, name: &str, counts: Counts) -> Rows {
    let Counts { read, loaded, set_aside, duplicates, replaced } = counts;
    Rows { kind: kind.to_string(), name: name.to_owned(), read, loaded, set_aside, duplicates, replaced }
}
