//! Channels: what is under way to them, what they hold against what they must hold, and what a person settles. Who may is for
//! the project's policies to say.

use super::super::access::{By, Who};
use super::super::download;
use super::super::paging::{Page, Part};
use super::super::problem::{Answer, Problem};
use super::super::{App, Served};
use crate::commands::send::stage;
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use endcap_adapters::tables::{Column, csv_of};
use endcap_agent::outbox::{Known, Wanted};
use endcap_agent::reconcile::{Contact, Kind, Open};
use endcap_govern::Right;
use endcap_govern::audit::Told;
use endcap_govern::gate::Intent;
use endcap_govern::who_may::{Act, Field};
use endcap_model::{Autonomy, Channel};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest reason, in bytes.
const TEXT_MAX: usize = 1000;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(messages))
        .routes(routes!(messages_csv))
        .routes(routes!(findings))
        .routes(routes!(findings_csv))
        .routes(routes!(settle))
        .routes(routes!(repair))
}

/// Every channel that something was decided for or that was read.
#[derive(Serialize, ToSchema)]
#[schema(as = Channels)]
pub struct Shown {
    /// The channels, by name.
    channels: Vec<ChannelState>,
    /// Whether the caller may settle messages and ask for repairs.
    may_settle: bool,
}

/// How a channel stands.
#[derive(Default, Serialize, ToSchema)]
pub struct ChannelState {
    /// Its name.
    name: String,
    /// What it promises of itself, in words; nothing where it was never read.
    promises: Vec<String>,
    /// Messages by where they stand, such as `confirmed`.
    stages: BTreeMap<String, usize>,
    /// When something was last sent to it.
    last_sent: Option<String>,
    /// When it last answered for everything that it must hold.
    last_read: Option<String>,
    /// When it was last tried to be read.
    last_tried: Option<String>,
    /// Whole seconds since the oldest message that is due was decided; nothing where none is.
    lag_seconds: Option<i64>,
    /// Until when the message that rests longest is not tried again; nothing where none rests.
    rests_until: Option<String>,
    /// Whether it can be read back; nothing where nobody tried.
    reads_back: Option<bool>,
    /// Whether it can list what nobody here decided.
    lists: bool,
    /// Items, offers or orders that it must hold something for, at the last reading.
    expected: usize,
    /// Of these, those that it held as it must.
    agree: usize,
    /// Of these, those that it gave no answer for.
    unread: usize,
    /// Differences that are open.
    differ: usize,
    /// Why it could not be read.
    problem: Option<String>,
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wish {
    /// The channel; all when not given.
    channel: Option<String>,
    /// The place; all when not given.
    place: Option<String>,
    /// Part of the item's number; all when not given.
    item: Option<String>,
    /// Where messages stand, such as `unclear`; all when not given. `open` is whatever is not confirmed or superseded.
    stage: Option<String>,
}

/// Something that was decided for a channel.
#[derive(Serialize, ToSchema)]
pub struct ChannelMessage {
    /// The channel.
    channel: String,
    /// The place.
    place: String,
    /// The item.
    sku: String,
    /// What is done, such as `start_offer`.
    action: String,
    /// What the channel is to hold, in words.
    wanted: String,
    /// From when.
    from: String,
    /// Until when; open when absent.
    until: Option<String>,
    /// Where it stands, in words.
    stage: String,
    /// Why, where that is known.
    reason: Option<String>,
    /// Attempts so far.
    tries: u32,
    /// When it last left.
    last_sent: Option<String>,
    /// Not before then is it looked at again; nothing once it is settled.
    rests_until: Option<String>,
    /// What it changes, as the channel is told; nothing before its time has come.
    subject: Option<String>,
    /// Its generation; nothing before its time has come.
    generation: Option<u64>,
}

/// A difference between what a channel holds and what it must hold.
#[derive(Serialize, ToSchema)]
pub struct ChannelFinding {
    /// Its number.
    id: i64,
    /// The channel.
    channel: String,
    /// The place, where it is known.
    place: Option<String>,
    /// The item, where it is known.
    sku: Option<String>,
    /// `changed`, `missing`, `stale`, `foreign` or `extra`.
    kind: String,
    /// What it is about.
    subject: String,
    /// What the channel must hold, in words; nothing where nobody decided anything.
    expected: Option<String>,
    /// What it holds, in words; nothing where it holds nothing.
    held: Option<String>,
    /// When it was still well, where that is known.
    well_until: Option<String>,
    /// When it was found.
    found: String,
    /// How far a repair is: `none`, `asked`, `decided`, or `by_hand` where none can be made from here.
    repair: String,
}

/// What a person found out about a message that is unclear.
#[derive(Deserialize, ToSchema)]
#[schema(as = ChannelSettle)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// The channel.
    channel: String,
    /// What the message changes, as the list of messages tells it.
    subject: String,
    /// Its generation.
    generation: u64,
    /// Whether the channel did it.
    happened: bool,
    /// How the caller knows.
    reason: String,
}

/// Why a difference is to be put right.
#[derive(Deserialize, ToSchema)]
#[schema(as = ChannelRepair)]
#[serde(deny_unknown_fields)]
pub struct Why {
    /// In the caller's words.
    reason: String,
}

/// Everything that was decided, read at most every two seconds: pages ask often.
#[derive(Default)]
pub struct Read(tokio::sync::Mutex<Option<(std::time::Instant, Decided)>>);

type Decided = std::sync::Arc<Vec<(Intent, Option<Known>)>>;

impl Read {
    /// Everything that was decided, as it was at most two seconds ago.
    async fn decided(&self, app: &Served) -> Answer<Decided> {
        let mut kept = self.0.lock().await;
        match &*kept {
            Some((at, decided)) if at.elapsed() < std::time::Duration::from_secs(2) => Ok(decided.clone()),
            _ => {
                let decided = std::sync::Arc::new(app.ledger.everything().await?);
                *kept = Some((std::time::Instant::now(), decided.clone()));
                Ok(decided)
            }
        }
    }

    async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

/// Every channel: what is under way, and what it holds against what it must hold.
#[utoipa::path(get, path = "/channels", tag = "channels", responses((status = OK, body = Shown)))]
async fn list(State(app): State<App>, who: Who) -> Answer<Json<Shown>> {
    who.must(Right::Read)?;
    let (all, now) = (app.decided.decided(&app).await?, (app.now)());
    let mut channels: BTreeMap<String, ChannelState> = BTreeMap::new();
    for (intent, known) in all.iter() {
        let name = intent.channel.to_string();
        channels
            .entry(name.clone())
            .or_insert_with(|| ChannelState { name, ..ChannelState::default() })
            .add(known, now);
    }
    for contact in app.ledger.contacts().await? {
        let name = contact.channel.to_string();
        channels.entry(name.clone()).or_insert_with(|| ChannelState { name, ..ChannelState::default() }).read(&contact);
    }
    let open = app.ledger.open_findings().await?;
    for state in channels.values_mut() {
        state.differ = open.iter().filter(|open| open.finding.channel.as_str() == state.name).count();
    }
    let may_settle =
        is_person(&who) && who.may_by_policy(&app, Act::Revert, Field::default(), Autonomy::Advise).allowed;
    Ok(Json(Shown { channels: channels.into_values().collect(), may_settle }))
}

/// What was decided for channels, newest first.
#[utoipa::path(get, path = "/channels/messages", tag = "channels", params(Wish, Part),
    responses((status = OK, body = Page<ChannelMessage>), (status = 400, body = Problem)))]
async fn messages(
    State(app): State<App>,
    who: Who,
    wish: Result<Query<Wish>, QueryRejection>,
    part: Result<Query<Part>, QueryRejection>,
) -> Answer<Json<Page<ChannelMessage>>> {
    who.must(Right::Read)?;
    let rows = messages_of(&app, &wish?.0).await?;
    Ok(Json(part?.0.of(rows.into_iter())?))
}

/// The same as CSV.
#[utoipa::path(get, path = "/channels/messages.csv", tag = "channels", params(Wish),
    responses((status = OK, content_type = "text/csv", body = String), (status = 400, body = Problem)))]
async fn messages_csv(
    State(app): State<App>,
    who: Who,
    wish: Result<Query<Wish>, QueryRejection>,
) -> Answer<impl IntoResponse> {
    who.must(Right::Read)?;
    let rows = messages_of(&app, &wish?.0).await?;
    let text = |of: fn(&ChannelMessage) -> Option<String>| {
        Column::Text(rows.iter().map(of).map(Option::unwrap_or_default).collect())
    };
    let columns = vec![
        ("channel", text(|row| Some(row.channel.clone()))),
        ("place_id", text(|row| Some(row.place.clone()))),
        ("unit_id", text(|row| Some(row.sku.clone()))),
        ("action", text(|row| Some(row.action.clone()))),
        ("wanted", text(|row| Some(row.wanted.clone()))),
        ("from", text(|row| Some(row.from.clone()))),
        ("until", text(|row| row.until.clone())),
        ("stage", text(|row| Some(row.stage.clone()))),
        ("reason", text(|row| row.reason.clone())),
        ("tries", text(|row| Some(row.tries.to_string()))),
        ("last_sent", text(|row| row.last_sent.clone())),
        ("generation", text(|row| row.generation.map(|generation| generation.to_string()))),
    ];
    download::csv("messages", &csv_of(&columns).map_err(Problem::broken)?)
}

/// Differences between what channels hold and what they must hold, oldest first.
#[utoipa::path(get, path = "/channels/findings", tag = "channels", params(Wish, Part),
    responses((status = OK, body = Page<ChannelFinding>), (status = 400, body = Problem)))]
async fn findings(
    State(app): State<App>,
    who: Who,
    wish: Result<Query<Wish>, QueryRejection>,
    part: Result<Query<Part>, QueryRejection>,
) -> Answer<Json<Page<ChannelFinding>>> {
    who.must(Right::Read)?;
    let rows = findings_of(&app, &wish?.0).await?;
    Ok(Json(part?.0.of(rows.into_iter())?))
}

/// The same as CSV.
#[utoipa::path(get, path = "/channels/findings.csv", tag = "channels", params(Wish),
    responses((status = OK, content_type = "text/csv", body = String), (status = 400, body = Problem)))]
async fn findings_csv(
    State(app): State<App>,
    who: Who,
    wish: Result<Query<Wish>, QueryRejection>,
) -> Answer<impl IntoResponse> {
    who.must(Right::Read)?;
    let rows = findings_of(&app, &wish?.0).await?;
    let text = |of: fn(&ChannelFinding) -> Option<String>| {
        Column::Text(rows.iter().map(of).map(Option::unwrap_or_default).collect())
    };
    let columns = vec![
        ("channel", text(|row| Some(row.channel.clone()))),
        ("place_id", text(|row| row.place.clone())),
        ("unit_id", text(|row| row.sku.clone())),
        ("kind", text(|row| Some(row.kind.clone()))),
        ("subject", text(|row| Some(row.subject.clone()))),
        ("expected", text(|row| row.expected.clone())),
        ("held", text(|row| row.held.clone())),
        ("well_until", text(|row| row.well_until.clone())),
        ("found", text(|row| Some(row.found.clone()))),
        ("repair", text(|row| Some(row.repair.clone()))),
    ];
    download::csv("differences", &csv_of(&columns).map_err(Problem::broken)?)
}

/// Settle a message that is unclear: a person looked, and it happened or it did not. What did not happen can be deployed anew.
#[utoipa::path(post, path = "/channels/settle", tag = "channels", request_body = Settle,
    responses((status = NO_CONTENT), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn settle(
    State(app): State<App>,
    who: Who,
    asked: Result<Json<Settle>, JsonRejection>,
) -> Answer<impl IntoResponse> {
    let asked = asked?.0;
    let reason = given(&asked.reason)?;
    let channel = Channel::new(&asked.channel);
    let about = format!("{channel} {} generation {}", asked.subject, asked.generation);
    must(&app, &who, &channel, ("effect settled by a person", Told::open(about))).await?;
    let message = (&channel, asked.subject.as_str(), asked.generation);
    let settled = app.ledger.settle_message(message, asked.happened, (&who.account.name, reason), (app.now)()).await?;
    if !settled {
        return Err(Problem::missing("a message of that channel, subject and generation that is unclear"));
    }
    app.decided.forget().await;
    Ok(axum::http::StatusCode::NO_CONTENT)
}

/// Ask that a difference is put right: the sender decides it anew, through the gate, and sends it.
#[utoipa::path(post, path = "/channels/findings/{id}/repair", tag = "channels", request_body = Why,
    params(("id" = i64, Path, description = "Number of the difference")),
    responses((status = NO_CONTENT), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn repair(
    State(app): State<App>,
    who: Who,
    id: Result<Path<i64>, PathRejection>,
    asked: Result<Json<Why>, JsonRejection>,
) -> Answer<impl IntoResponse> {
    let (id, asked) = (id.map_err(|_| Problem::missing("such a difference"))?.0, asked?.0);
    let reason = given(&asked.reason)?;
    let open = app.ledger.open_findings().await?.into_iter().find(|open| open.id == id);
    let channel = open.as_ref().map_or(Channel::new(""), |open| open.finding.channel.clone());
    let about = open.as_ref().map_or(format!("difference {id}"), |open| open.finding.describe());
    must(&app, &who, &channel, ("repair asked", Told::open(about))).await?;
    let open = open.ok_or_else(|| Problem::missing("a difference of that number that is still there"))?;
    if way(&open) == "by_hand" {
        return Err(Problem::unprocessable(
            "This cannot be put right from here: settle it at the channel or with whoever receives it.",
        ));
    }
    app.ledger.ask_repair(&[id], &who.account.name, reason, (app.now)()).await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}

/// Refuses those whom the policies do not permit, and programs: a person is to answer for it.
async fn must(app: &Served, who: &Who, channel: &Channel, told: (&str, Told)) -> Answer<()> {
    let field = Field { category: String::new(), channel: Some(channel.clone()) };
    who.must_by_policy(app, Act::Revert, (field, Autonomy::Advise), told).await?;
    match is_person(who) {
        true => Ok(()),
        false => Err(Problem::forbidden("A token is a program's: a person has to sign in for this.")),
    }
}

fn is_person(who: &Who) -> bool {
    matches!(who.by, By::Session { .. })
}

fn given(reason: &str) -> Answer<&str> {
    let reason = reason.trim();
    match (1..=TEXT_MAX).contains(&reason.len()) {
        true => Ok(reason),
        false => Err(Problem::unprocessable(format!(
            "reason: say why in 1 to {TEXT_MAX} bytes; it goes into the audit trail"
        ))),
    }
}

async fn messages_of(app: &Served, wish: &Wish) -> Answer<Vec<ChannelMessage>> {
    let all = app.decided.decided(app).await?;
    let rows = all.iter().rev().filter(|(intent, _)| {
        wish.fits(intent.channel.as_str(), Some(intent.place.as_str()), Some(intent.sku.as_str()))
    });
    let rows = rows.map(|(intent, known)| ChannelMessage::of(intent, known.as_ref()));
    Ok(rows.filter(|row| wish.has_stage(&row.stage)).collect())
}

async fn findings_of(app: &Served, wish: &Wish) -> Answer<Vec<ChannelFinding>> {
    let fits = |open: &Open| {
        let (place, sku) = (open.finding.place.as_ref(), open.finding.sku.as_ref());
        wish.fits(open.finding.channel.as_str(), place.map(|place| place.as_str()), sku.map(|sku| sku.as_str()))
    };
    Ok(app.ledger.open_findings().await?.iter().filter(|open| fits(open)).map(ChannelFinding::of).collect())
}

impl Wish {
    fn fits(&self, channel: &str, place: Option<&str>, item: Option<&str>) -> bool {
        let wanted = |wanted: &Option<String>| {
            wanted.as_deref().map(str::trim).filter(|wanted| !wanted.is_empty()).map(str::to_lowercase)
        };
        wanted(&self.channel).is_none_or(|wanted| channel.to_lowercase() == wanted)
            && wanted(&self.place).is_none_or(|wanted| place.is_some_and(|place| place.to_lowercase() == wanted))
            && wanted(&self.item).is_none_or(|wanted| item.is_some_and(|item| item.to_lowercase().contains(&wanted)))
    }

    fn has_stage(&self, stage: &str) -> bool {
        match self.stage.as_deref().unwrap_or_default() {
            "" => true,
            "open" => !matches!(stage, "confirmed" | "superseded"),
            wanted => stage == wanted,
        }
    }
}

impl ChannelState {
    fn add(&mut self, known: &Option<Known>, now: Timestamp) {
        *self.stages.entry(stage(known.as_ref()).0.to_owned()).or_default() += 1;
        let Some(known) = known else { return };
        let later = |kept: &mut Option<String>, at: Timestamp| {
            let at = format!("{at:.0}");
            if kept.as_ref().is_none_or(|kept| *kept < at) {
                *kept = Some(at);
            }
        };
        if let Some(sent) = known.last_sent {
            later(&mut self.last_sent, sent);
        }
        if !known.stage.is_final() {
            let waited = now.duration_since(known.decided).as_secs().max(0);
            self.lag_seconds = self.lag_seconds.max(Some(waited));
            if known.rest_until > now {
                later(&mut self.rests_until, known.rest_until);
            }
        }
    }

    fn read(&mut self, contact: &Contact) {
        self.promises = contact.promises.words();
        self.last_read = contact.read.map(|at| format!("{at:.0}"));
        self.last_tried = Some(format!("{:.0}", contact.tried));
        (self.reads_back, self.lists) = (Some(contact.reads_back), contact.lists);
        (self.expected, self.agree, self.unread) = (contact.expected, contact.agree, contact.unread);
        self.problem = contact.problem.clone();
    }
}

impl ChannelMessage {
    fn of(intent: &Intent, known: Option<&Known>) -> Self {
        let (stage, reason) = stage(known);
        let rests = known.filter(|known| !known.stage.is_final()).map(|known| format!("{:.0}", known.rest_until));
        Self {
            channel: intent.channel.to_string(),
            place: intent.place.to_string(),
            sku: intent.sku.to_string(),
            action: intent.action.name().to_owned(),
            wanted: Wanted::of(intent).describe(),
            from: intent.from.to_string(),
            until: intent.until.map(|until| until.to_string()),
            stage: stage.to_owned(),
            reason,
            tries: known.map_or(0, |known| known.tries),
            last_sent: known.and_then(|known| known.last_sent).map(|at| format!("{at:.0}")),
            rests_until: rests,
            subject: known.map(|known| known.message.subject.clone()),
            generation: known.map(|known| known.message.generation),
        }
    }
}

impl ChannelFinding {
    fn of(open: &Open) -> Self {
        let finding = &open.finding;
        let there = finding.answer.is_some() || finding.kind == Kind::Extra;
        let unreadable = || there.then(|| "something that cannot be read".to_owned());
        Self {
            id: open.id,
            channel: finding.channel.to_string(),
            place: finding.place.as_ref().map(ToString::to_string),
            sku: finding.sku.as_ref().map(ToString::to_string),
            kind: super::word(&finding.kind),
            subject: finding.subject.clone(),
            expected: finding.expected.as_ref().map(Wanted::describe),
            held: finding.held.as_ref().map(Wanted::describe).or_else(unreadable),
            well_until: finding.after.map(|at| format!("{at:.0}")),
            found: format!("{:.0}", finding.found),
            repair: way(open).to_owned(),
        }
    }
}

/// How far a repair is.
fn way(open: &Open) -> &'static str {
    let by_hand = !matches!(open.finding.expected, Some(Wanted::Price { .. }));
    match (by_hand, open.asked, open.repair) {
        (true, ..) => "by_hand",
        (_, _, Some(_)) => "decided",
        (_, Some(_), None) => "asked",
        (_, None, None) => "none",
    }
}
