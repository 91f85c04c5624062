//! Boards: drafts of plans that people work on, with a new plan after every step.

use super::super::App;
use super::super::access::Who;
use super::super::boards::{self, Plan, working};
use super::super::idempotency::KEY;
use super::super::live::Happened;
use super::super::paging::{Page, Part};
use super::super::problem::{Answer, Problem};
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use endcap_adapters::desk::{Board as Kept, NewBoard, Stored};
use endcap_agent::board::{Board, Conflict, Drawing, Edit, Note, Row, Slider, SliderCurve, Why};
use endcap_govern::Right;
use endcap_model::{Hasher, Limits, Place, Sku};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest name of a board, in characters.
const NAME_MAX: usize = 120;
/// Most edits in one request.
const EDITS_MAX: usize = 500;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(show, label, archive))
        .routes(routes!(edit))
        .routes(routes!(undo))
        .routes(routes!(history))
        .routes(routes!(why))
        .routes(routes!(conflicts))
        .routes(routes!(curve))
}

/// A board in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedBoard)]
pub struct Listed {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// Who made it.
    owner: String,
    /// Whether everybody may see it.
    shared: bool,
    /// 1 when new, one more with each change.
    version: i64,
    /// When it was changed last.
    changed: String,
}

/// A board with its plan.
#[derive(Serialize, ToSchema)]
#[schema(as = Board)]
pub struct Shown {
    /// The board.
    #[serde(flatten)]
    board: Listed,
    /// Whether the caller may change it.
    may_edit: bool,
    /// What limits the plan, as `scenario.toml` has it.
    limits: Limits,
    /// Standard errors by which lifts are lowered.
    caution: f64,
    /// Depths that may be chosen.
    depths: Vec<f64>,
    /// Regions of the board.
    places: Vec<String>,
    /// What people wrote beside cells.
    notes: Vec<Note>,
    /// The plan (`drawing` is `plan`): periods, rows with their cells, totals, limits and what changed. Or why there is
    /// none (`infeasible`): the rules that clash.
    plan: Drawing,
}

/// A board to make.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewBoard)]
pub struct Wanted {
    /// Its name.
    name: String,
    /// A board to begin from; the project's scenario when not given.
    #[serde(default)]
    from: Option<String>,
}

/// Which rows of a board are wanted.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Rows {
    /// Region; all when not given.
    place: Option<String>,
    /// After a change: only rows that show otherwise than in the version that was changed. The `left` of the others, which
    /// moves with the price of any limit, is read with the whole board.
    #[serde(default)]
    changed: bool,
    /// Say what would become of the board, and keep nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Steps of a person.
#[derive(Deserialize, ToSchema)]
#[schema(as = BoardEdits)]
pub struct Edits {
    /// The steps, done together or not at all.
    #[schema(example = json!([{"edit": "lock", "sku": "467", "place": "11", "period": "2024-06-26", "depth": 0.2}]))]
    edits: Vec<Edit>,
}

/// Name and visibility of a board.
#[derive(Deserialize, ToSchema)]
#[schema(as = BoardLabel)]
pub struct Label {
    /// Its name.
    name: String,
    /// Whether everybody may see it.
    shared: bool,
}

/// A change of a board.
#[derive(Serialize, ToSchema)]
#[schema(as = BoardChange)]
pub struct Change {
    /// The version that it made.
    version: i64,
    /// Who made it.
    by: String,
    /// When.
    at: String,
    /// The steps: edits, or one undo.
    edits: Vec<Step>,
}

/// A step that was done.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = BoardStep)]
#[serde(untagged)]
enum Step {
    /// An edit.
    Edit(Edit),
    /// An undo.
    Undo(Undo),
}

/// A change taken back.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = BoardUndo)]
#[serde(tag = "edit", rename_all = "snake_case")]
enum Undo {
    /// The last change that stood.
    Undo {
        /// The version that it had made.
        version: i64,
    },
}

/// A cell of a board.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CellOf {
    /// The item.
    sku: String,
    /// The region.
    place: String,
    /// The period, as its calendar writes it.
    period: String,
}

/// A limit to move.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Moved {
    /// `budget`, `slots`, `capacity_share` or `pool`.
    #[param(value_type = String, pattern = "^(budget|slots|capacity_share|pool)$")]
    slider: Moving,
    /// Name of the pool, where it is one.
    name: Option<String>,
}

/// What can be moved.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Moving {
    Budget,
    Slots,
    CapacityShare,
    Pool,
}

/// Boards that the caller may see, by id.
#[utoipa::path(get, path = "/boards", tag = "boards", params(Part), responses((status = OK, body = Page<Listed>)))]
async fn list(
    State(app): State<App>,
    who: Who,
    part: Result<Query<Part>, QueryRejection>,
) -> Answer<Json<Page<Listed>>> {
    who.must(Right::Read)?;
    let Query(part) = part?;
    let limit = part.limit()?;
    let mut kept = app.desk.boards(who.account.id, part.after()?, limit as u32 + 1).await?;
    let more = kept.len() > limit;
    kept.truncate(limit);
    let next = kept.last().filter(|_| more).map(|board| board.id.clone());
    Ok(Json(Page { items: kept.iter().map(listed).collect(), total: None, next }))
}

/// Make a board from the project's scenario, or from another board.
#[utoipa::path(post, path = "/boards", tag = "boards", request_body = Wanted,
    responses((status = CREATED, body = Shown, headers(("ETag" = String, description = "The version, as `If-Match` wants it"))), (status = 403, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn make(
    State(app): State<App>,
    who: Who,
    headers: HeaderMap,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Answer<Response> {
    who.must(Right::Plan)?;
    let Json(wanted) = wanted?;
    let name = named(&wanted.name)?;
    let content = match &wanted.from {
        None => endcap_model::canonical_json(&Board::new(app.workspace.project()?.ground.scenario.clone())),
        Some(from) => seen(&app, &who, from).await?.content,
    };
    // The same key makes the same board, also after a stop between making it and saying so.
    let id = match headers.get(&KEY) {
        Some(key) => {
            let mut hash = Hasher::default();
            hash.add(who.account.id.to_be_bytes()).add(key.as_bytes());
            hash.finish().short().to_owned()
        }
        None => super::super::access::secret::make()?[..16].to_owned(),
    };
    app.desk.add_board(&NewBoard { id: &id, owner: who.account.id, name, content: &content }, (app.now)()).await?;
    let kept = seen(&app, &who, &id).await?;
    let plan = plan_of(&app, &kept).await?;
    Ok((StatusCode::CREATED, shown(&who, &kept, &plan, |_| true)?).into_response())
}

/// A board with its plan.
#[utoipa::path(get, path = "/boards/{id}", tag = "boards", params(("id" = String, Path, description = "Its id"), Rows),
    responses((status = OK, body = Shown, headers(("ETag" = String, description = "The version, as `If-Match` wants it"))), (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn show(
    State(app): State<App>,
    who: Who,
    id: Result<Path<String>, PathRejection>,
    rows: Result<Query<Rows>, QueryRejection>,
) -> Answer<Response> {
    who.must(Right::Read)?;
    let kept = seen(&app, &who, &id?).await?;
    let plan = plan_of(&app, &kept).await?;
    shown(&who, &kept, &plan, rows?.0.wanted(None))
}

/// Change a board: the steps are done together, and the new plan is the answer.
#[utoipa::path(post, path = "/boards/{id}/edits", tag = "boards",
    params(("id" = String, Path, description = "Its id"), Rows, ("If-Match" = String, Header, pattern = r#"^"v[0-9]{1,18}"$"#, description = "ETag of the board that is changed")),
    request_body = Edits, responses((status = OK, body = Shown, headers(("ETag" = String, description = "The version, as `If-Match` wants it"))), (status = 404, body = Problem), (status = 412, body = Problem),
        (status = 422, body = Problem), (status = 428, body = Problem)))]
async fn edit(
    State(app): State<App>,
    who: Who,
    id: Result<Path<String>, PathRejection>,
    rows: Result<Query<Rows>, QueryRejection>,
    headers: HeaderMap,
    edits: Result<Json<Edits>, JsonRejection>,
) -> Answer<Response> {
    let (Path(id), Query(rows), Json(Edits { mut edits })) = (id?, rows?, edits?);
    if edits.is_empty() || edits.len() > EDITS_MAX {
        return Err(Problem::unprocessable(format!("expected 1 to {EDITS_MAX} edits, found {}", edits.len())));
    }
    let kept = own(&app, &who, &id, &headers).await?;
    // Notes and their ends are the caller's own, now.
    for edit in &mut edits {
        match edit {
            Edit::Note(note) => {
                note.by = who.account.name.clone();
                note.at = endcap_model::AsOf((app.now)());
            }
            Edit::Unnote { by, .. } => *by = who.account.name.clone(),
            _ => {}
        }
    }
    let before = plan_of(&app, &kept).await?;
    let (of, from, steps) = (kept.clone(), before.clone(), edits.clone());
    let begun = Instant::now();
    let (board, drawing) = working(&app, move |boards| boards.changed(&of, &from, &steps)).await?;
    let planned = begun.elapsed();
    if rows.dry_run {
        let plan = Plan { board, drawing, last: None };
        return shown(&who, &kept, &plan, rows.wanted(Some(&before)));
    }
    let texts = (endcap_model::canonical_json(&edits), endcap_model::canonical_json(&board));
    let answer = keep(&app, &who, &kept, (board, drawing), &before, &texts, &rows).await?;
    timed(answer, planned, begun.elapsed())
}

/// Take the last change of a board back.
#[utoipa::path(post, path = "/boards/{id}/undo", tag = "boards",
    params(("id" = String, Path, description = "Its id"), Rows, ("If-Match" = String, Header, pattern = r#"^"v[0-9]{1,18}"$"#, description = "ETag of the board that is changed")),
    responses((status = OK, body = Shown, headers(("ETag" = String, description = "The version, as `If-Match` wants it"))), (status = 409, body = Problem), (status = 412, body = Problem)))]
async fn undo(
    State(app): State<App>,
    who: Who,
    id: Result<Path<String>, PathRejection>,
    rows: Result<Query<Rows>, QueryRejection>,
    headers: HeaderMap,
) -> Answer<Response> {
    let (Path(id), Query(rows)) = (id?, rows?);
    let kept = own(&app, &who, &id, &headers).await?;
    let changes = app.desk.board_history(&id, 200).await?;
    let last =
        super::super::boards::undone(&changes).ok_or_else(|| Problem::conflict("There is nothing to take back."))?;
    let (content, undone) = (last.before.clone(), last.version);
    let board = boards::read(&content)?;
    let before = plan_of(&app, &kept).await?;
    let (of, from, to, begun) = (kept.clone(), before.clone(), board.clone(), Instant::now());
    let drawing = working(&app, move |boards| boards.redrawn(&of, &from, &to)).await?;
    let planned = begun.elapsed();
    let steps = endcap_model::canonical_json(&[Step::Undo(Undo::Undo { version: undone })]);
    let answer = keep(&app, &who, &kept, (board, drawing), &before, &(steps, content), &rows).await?;
    timed(answer, planned, begun.elapsed())
}

/// Name a board or share it.
#[utoipa::path(put, path = "/boards/{id}", tag = "boards",
    params(("id" = String, Path, description = "Its id"), ("If-Match" = String, Header, pattern = r#"^"v[0-9]{1,18}"$"#, description = "ETag of the board that is changed")),
    request_body = Label, responses((status = OK, body = Listed, headers(("ETag" = String, description = "The version, as `If-Match` wants it"))), (status = 412, body = Problem), (status = 422, body = Problem)))]
async fn label(
    State(app): State<App>,
    who: Who,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    label: Result<Json<Label>, JsonRejection>,
) -> Answer<Response> {
    let (Path(id), Json(label)) = (id?, label?);
    let kept = own(&app, &who, &id, &headers).await?;
    let name = named(&label.name)?;
    let stored = app.desk.label_board((&id, kept.version), (name, label.shared, false), (app.now)()).await?;
    let version = fresh(stored)?;
    let plan = plan_of(&app, &kept).await?;
    working(&app, {
        let (id, plan) = (id.clone(), plan.clone());
        move |boards| Ok(boards.keep(&id, version, plan.board.clone(), plan.drawing.clone(), Some(&plan)))
    })
    .await?;
    let kept = seen(&app, &who, &id).await?;
    Ok((tag(version)?, Json(listed(&kept))).into_response())
}

/// Put a board away; it stays in the store.
#[utoipa::path(delete, path = "/boards/{id}", tag = "boards",
    params(("id" = String, Path, description = "Its id"), ("If-Match" = String, Header, pattern = r#"^"v[0-9]{1,18}"$"#, description = "ETag of the board that is changed")),
    responses((status = NO_CONTENT), (status = 404, body = Problem), (status = 412, body = Problem)))]
async fn archive(
    State(app): State<App>,
    who: Who,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Answer<StatusCode> {
    let kept = own(&app, &who, &id?, &headers).await?;
    let label = (kept.name.as_str(), kept.shared, true);
    fresh(app.desk.label_board((&kept.id, kept.version), label, (app.now)()).await?)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The changes of a board, newest first, up to 200.
#[utoipa::path(get, path = "/boards/{id}/history", tag = "boards", params(("id" = String, Path, description = "Its id")),
    responses((status = OK, body = Page<Change>), (status = 404, body = Problem)))]
async fn history(
    State(app): State<App>,
    who: Who,
    id: Result<Path<String>, PathRejection>,
) -> Answer<Json<Page<Change>>> {
    who.must(Right::Read)?;
    let kept = seen(&app, &who, &id?).await?;
    let changes = app.desk.board_history(&kept.id, 200).await?;
    let change = |of: endcap_adapters::desk::BoardEdit| {
        let edits = serde_json::from_str(&of.edits).map_err(Problem::broken)?;
        Ok(Change { version: of.version, by: of.account, at: of.at, edits })
    };
    Ok(Json(Page { items: changes.into_iter().map(change).collect::<Answer<_>>()?, total: None, next: None }))
}

/// Why an item runs or does not run: every depth by cause, lift and its evidence, stock, limits, the next best, what must
/// change, and the nearest past promotions.
#[utoipa::path(get, path = "/boards/{id}/why", tag = "boards", params(("id" = String, Path, description = "Its id"), CellOf),
    responses((status = OK, body = Why), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn why(
    State(app): State<App>,
    who: Who,
    id: Result<Path<String>, PathRejection>,
    cell: Result<Query<CellOf>, QueryRejection>,
) -> Answer<Json<Why>> {
    who.must(Right::Read)?;
    let (kept, Query(cell)) = (seen(&app, &who, &id?).await?, cell?);
    let plan = plan_of(&app, &kept).await?;
    let why = working(&app, move |boards| {
        let past = boards.past();
        let report = planned(&plan)?;
        let (sku, place) = (Sku::new(&cell.sku), Place::new(&cell.place));
        Ok(boards.bench().why(&plan.board, report, (&sku, &place, &cell.period), past, &boards::long_enough())?)
    });
    Ok(Json(why.await?))
}

/// What is at odds: locks that break rules, substitutes promoted together, cells that the plan in force promotes.
#[utoipa::path(get, path = "/boards/{id}/conflicts", tag = "boards", params(("id" = String, Path, description = "Its id")),
    responses((status = OK, body = [Conflict]), (status = 404, body = Problem)))]
async fn conflicts(
    State(app): State<App>,
    who: Who,
    id: Result<Path<String>, PathRejection>,
) -> Answer<Json<Vec<Conflict>>> {
    who.must(Right::Read)?;
    let kept = seen(&app, &who, &id?).await?;
    let plan = plan_of(&app, &kept).await?;
    let in_force = app.workspace.project()?.in_force.clone();
    let found = working(&app, move |boards| {
        let published = in_force.as_deref().map_or(&[][..], std::slice::from_ref);
        Ok(boards.bench().conflicts(&plan.board, &plan.offers(), published)?)
    });
    Ok(Json(found.await?))
}

/// What the plan would be worth with less or more of a limit.
#[utoipa::path(get, path = "/boards/{id}/curve", tag = "boards", params(("id" = String, Path, description = "Its id"), Moved),
    responses((status = OK, body = SliderCurve), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn curve(
    State(app): State<App>,
    who: Who,
    id: Result<Path<String>, PathRejection>,
    moved: Result<Query<Moved>, QueryRejection>,
) -> Answer<Json<SliderCurve>> {
    who.must(Right::Read)?;
    let (kept, Query(moved)) = (seen(&app, &who, &id?).await?, moved?);
    let slider = match (moved.slider, moved.name) {
        (Moving::Budget, _) => Slider::Budget,
        (Moving::Slots, _) => Slider::Slots,
        (Moving::CapacityShare, _) => Slider::CapacityShare,
        (Moving::Pool, Some(name)) => Slider::Pool { name },
        (Moving::Pool, None) => return Err(Problem::unprocessable("name: expected the name of the pool to move")),
    };
    let plan = plan_of(&app, &kept).await?;
    let curve = working(&app, move |boards| {
        Ok(boards.bench().curve(&plan.board, planned(&plan)?, &slider, &boards::long_enough())?)
    });
    Ok(Json(curve.await?))
}

/// Keeps a change, tells those who watch, and shows the board.
async fn keep(
    app: &App,
    who: &Who,
    kept: &Kept,
    (board, drawing): (Board, Drawing),
    before: &Arc<Plan>,
    (edits, content): &(String, String),
    rows: &Rows,
) -> Answer<Response> {
    let (id, version) = (kept.id.as_str(), kept.version);
    let stored = app.desk.change_board((id, version), who.account.id, (edits, content), (app.now)()).await?;
    let version = fresh(stored)?;
    let (name, from) = (id.to_owned(), before.clone());
    let plan = working(app, move |boards| Ok(boards.keep(&name, version, board, drawing, Some(&from)))).await?;
    app.live.tell(Happened::Board { id: id.to_owned(), version, by: who.account.name.clone() });
    let kept = seen(app, who, id).await?;
    shown(who, &Kept { version, ..kept }, &plan, rows.wanted(Some(before)))
}

/// Says how long the new plan took and how long keeping and showing it took, for whoever measures.
fn timed(mut answer: Response, planned: Duration, all: Duration) -> Answer<Response> {
    let milliseconds = |span: Duration| span.as_secs_f64() * 1000.0;
    let text = format!("plan;dur={:.1}, keep;dur={:.1}", milliseconds(planned), milliseconds(all - planned));
    answer.headers_mut().insert("server-timing", HeaderValue::from_str(&text).map_err(Problem::broken)?);
    Ok(answer)
}

/// A board that the caller may see.
pub(super) async fn seen(app: &App, who: &Who, id: &str) -> Answer<Kept> {
    let kept = app.desk.board(id, who.account.id).await?;
    kept.ok_or_else(|| Problem::missing(format!("board '{id}'")))
}

/// A board that the caller may change, still at the version that they read.
async fn own(app: &App, who: &Who, id: &str, headers: &HeaderMap) -> Answer<Kept> {
    who.must(Right::Plan)?;
    let kept = seen(app, who, id).await?;
    let read = headers.get(header::IF_MATCH).ok_or_else(Problem::no_version)?;
    let digits = |text: &str| !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    let version = |text: &str| {
        let number = text.strip_prefix("\"v")?.strip_suffix('"')?;
        number.parse::<i64>().ok().filter(|_| digits(number))
    };
    match read.to_str().ok().and_then(version) {
        Some(version) if version == kept.version => Ok(kept),
        Some(_) => Err(Problem::stale(kept.version)),
        None => Err(Problem::bad("If-Match: expected the ETag of the board, such as \"v3\"")),
    }
}

fn fresh(stored: Stored) -> Answer<i64> {
    match stored {
        Stored::Kept(version) => Ok(version),
        Stored::Stale(version) => Err(Problem::stale(version)),
        Stored::Missing => Err(Problem::missing("such board")),
    }
}

pub(super) async fn plan_of(app: &App, kept: &Kept) -> Answer<Arc<Plan>> {
    let kept = kept.clone();
    working(app, move |boards| boards.plan(&kept)).await
}

pub(super) fn planned(plan: &Plan) -> Answer<&endcap_model::PlanReport> {
    match &plan.drawing {
        Drawing::Plan(drawn) => Ok(&drawn.report),
        Drawing::Infeasible { conflict } => {
            Err(Problem::unprocessable(format!("The board has no plan: {}", conflict.join("; "))))
        }
    }
}

fn named(name: &str) -> Answer<&str> {
    let name = name.trim();
    if (1..=NAME_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(name);
    }
    Err(Problem::unprocessable(format!("name: expected 1 to {NAME_MAX} characters on one line")))
}

fn listed(kept: &Kept) -> Listed {
    Listed {
        id: kept.id.clone(),
        name: kept.name.clone(),
        owner: kept.owner_name.clone(),
        shared: kept.shared,
        version: kept.version,
        changed: kept.changed.clone(),
    }
}

impl Rows {
    /// Whether a row is wanted, after a change of the plan before.
    fn wanted<'a>(&'a self, before: Option<&'a Plan>) -> impl Fn(&Row) -> bool + 'a {
        let known: BTreeMap<(&Sku, &Place), &Row> = match before.map(|plan| &plan.drawing) {
            Some(Drawing::Plan(drawn)) if self.changed => {
                drawn.rows.iter().map(|row| ((&row.sku, &row.place), row)).collect()
            }
            _ => BTreeMap::new(),
        };
        move |row| {
            self.place.as_deref().is_none_or(|place| row.place.as_str() == place)
                && known.get(&(&row.sku, &row.place)).is_none_or(|before| row.shows_otherwise(before))
        }
    }
}

fn shown(who: &Who, kept: &Kept, plan: &Plan, wanted: impl Fn(&Row) -> bool) -> Answer<Response> {
    let scenario = &plan.board.scenario;
    let (drawing, places) = match &plan.drawing {
        Drawing::Plan(drawn) => {
            let places: BTreeSet<&str> = drawn.rows.iter().map(|row| row.place.as_str()).collect();
            (Drawing::Plan(drawn.of_rows(wanted)), places)
        }
        clash @ Drawing::Infeasible { .. } => (clash.clone(), BTreeSet::new()),
    };
    let shown = Shown {
        board: listed(kept),
        may_edit: who.must(Right::Plan).is_ok(),
        limits: scenario.limits.clone(),
        caution: scenario.caution,
        depths: scenario.depths.iter().map(|depth| depth.share()).collect(),
        places: places.into_iter().map(str::to_owned).collect(),
        notes: plan.board.notes.clone(),
        plan: drawing,
    };
    Ok((tag(kept.version)?, Json(shown)).into_response())
}

fn tag(version: i64) -> Answer<[(header::HeaderName, HeaderValue); 1]> {
    Ok([(header::ETAG, HeaderValue::from_str(&format!("\"v{version}\"")).map_err(Problem::broken)?)])
}
