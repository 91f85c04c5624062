//! Skill drills: past promotions that a person forecasts blind, scored beside the model's blind forecast.
//!
//! What was sold and what the model says leave only once the person has said theirs.

use super::super::App;
use super::super::access::{Who, secret};
use super::super::paging::{Page, Part};
use super::super::problem::{Answer, Fault, Problem};
use super::super::workspace::Project;
use super::after;
use super::exercises::{content, own, result};
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use endcap_adapters::desk::{Exercise, Stored};
use endcap_demand::drill::{CASES_MAX, CASES_MIN, Case, Drill, DrillScore, Guess, draw, score};
use endcap_govern::Right;
use endcap_model::Calendar;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What these exercises are called in the store.
const KIND: &str = "drill";
/// Promotions of a drill where the caller does not say.
const CASES: usize = 5;
/// Most units that a forecast may name.
const UNITS_MAX: f64 = 1e9;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, begin)).routes(routes!(show)).routes(routes!(answer))
}

/// A drill to begin.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = NewDrill)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Promotions to forecast, 3 to 10; 5 when not given.
    #[serde(default)]
    cases: Option<usize>,
}

/// A person's forecasts.
#[derive(Deserialize, ToSchema)]
#[schema(as = DrillForecasts)]
#[serde(deny_unknown_fields)]
pub struct Forecasts {
    /// One for each promotion, in order.
    forecasts: Vec<Said>,
}

/// A person's forecast of a promotion.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[schema(as = DrillForecast)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// Units.
    units: f64,
    /// Lower end of a range that holds the truth nine times in ten; left out together with `high`.
    #[serde(default)]
    low: Option<f64>,
    /// Its upper end.
    #[serde(default)]
    high: Option<f64>,
}

/// A drill in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedDrill)]
pub struct Listed {
    /// Its id.
    id: String,
    /// When it was begun.
    begun: String,
    /// Promotions in it.
    cases: usize,
    /// Scores; nothing until the person has answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<Scores>,
}

/// A drill.
#[derive(Serialize, ToSchema)]
#[schema(as = Drill)]
pub struct Shown {
    /// Its id.
    id: String,
    /// The first period that is not known.
    origin: String,
    /// The promotions.
    cases: Vec<Asked>,
    /// Scores; nothing until the person has answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<Scores>,
}

/// A promotion to forecast: what was known before, and, once the person has answered, what came.
#[derive(Serialize, ToSchema)]
#[schema(as = DrillCase)]
pub struct Asked {
    /// The item.
    sku: String,
    /// Its name, where the facts have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Its category, where the facts have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    /// The region; empty where places have none.
    region: String,
    /// First period.
    first: String,
    /// Last period.
    last: String,
    /// Mean depth, as a share.
    depth: f64,
    /// Places in which it ran at any time.
    places: usize,
    /// Places times periods on offer.
    cells: usize,
    /// Share of these that were advertised.
    feature: f64,
    /// Share of these that were displayed.
    display: f64,
    /// What as many of them sold without promotion lately.
    usual: Option<f64>,
    /// The periods before, oldest first.
    before: Vec<Before>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    told: Option<Told>,
}

/// A period before a promotion.
#[derive(Serialize, ToSchema)]
#[schema(as = DrillBefore)]
pub struct Before {
    /// The period.
    period: String,
    /// Units sold in the promotion's places.
    units: f64,
    /// Mean depth, as a share.
    depth: f64,
    /// Mean share of the time without stock.
    out_of_stock: f64,
}

/// What came of a promotion.
#[derive(Serialize, ToSchema)]
#[schema(as = DrillOutcome)]
pub struct Told {
    /// Units sold.
    sold: f64,
    /// The person's forecast.
    you: Interval,
    /// The model's, made from data before the drill's first promotion only.
    model: Interval,
}

/// A forecast with its 90 % interval.
#[derive(Serialize, ToSchema)]
#[schema(as = DrillInterval)]
pub struct Interval {
    /// Units.
    units: f64,
    /// Lower end.
    low: Option<f64>,
    /// Upper end.
    high: Option<f64>,
}

/// Scores of both.
#[derive(Serialize, ToSchema)]
#[schema(as = DrillScores)]
pub struct Scores {
    /// The person's.
    you: Score,
    /// The model's.
    model: Score,
}

/// How good forecasts were.
#[derive(Serialize, ToSchema)]
#[schema(as = DrillScore)]
pub struct Score {
    /// Sum of absolute errors over sum of units.
    wape: f64,
    /// Sum of errors over sum of units: above 0 forecasts too much.
    bias: f64,
    /// Intervals given.
    intervals: usize,
    /// Intervals that held the truth.
    hits: usize,
}

/// What is stored when a drill is answered.
#[derive(Serialize, Deserialize)]
struct Answered {
    you: Vec<Guess>,
    model: Vec<Guess>,
    sold: Vec<f64>,
}

impl Answered {
    fn scores(&self) -> Scores {
        Scores { you: scored(score(&self.you, &self.sold)), model: scored(score(&self.model, &self.sold)) }
    }
}

/// Your drills, the latest first.
#[utoipa::path(get, path = "/learn/drills", tag = "drills", params(Part),
    responses((status = OK, body = Page<Listed>), (status = 401, body = Problem)))]
async fn list(
    State(app): State<App>,
    who: Who,
    part: Result<Query<Part>, QueryRejection>,
) -> Answer<Json<Page<Listed>>> {
    who.must(Right::Read)?;
    let drills = app.desk.exercises(who.account.id, KIND).await?;
    let listed = |kept: &Exercise| {
        Ok(Listed {
            id: kept.id.clone(),
            begun: kept.created.clone(),
            cases: content::<Drill>(kept)?.cases.len(),
            scores: result::<Answered>(kept)?.map(|answered| answered.scores()),
        })
    };
    let listed = drills.iter().map(listed).collect::<Answer<Vec<Listed>>>()?;
    Ok(Json(part?.of(listed.into_iter())?))
}

/// Begin a drill: promotions of the project's past, drawn anew.
#[utoipa::path(post, path = "/learn/drills", tag = "drills", request_body = Wanted,
    responses((status = CREATED, body = Shown), (status = 409, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn begin(
    State(app): State<App>,
    who: Who,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Answer<impl IntoResponse> {
    who.must(Right::Read)?;
    let cases = wanted?.0.cases.unwrap_or(CASES);
    if !(CASES_MIN..=CASES_MAX).contains(&cases) {
        let detail = format!("cases is {cases}: expected {CASES_MIN} to {CASES_MAX}");
        return Err(Problem::unprocessable(detail));
    }
    let project = after::analysed(&app).await?;
    let id = secret::make()?[..16].to_owned();
    let seed = u64::from_str_radix(&id, 16).map_err(Problem::broken)?;
    let drill = draw(&project.ground.facts.panel, project.analysis(), cases, seed).ok_or_else(|| {
        Problem::unprocessable(format!(
            "The project's recent past holds no week with promotions of {CASES_MIN} items whose stock lasted: there is \
             nothing to drill on yet."
        ))
    })?;
    let content = endcap_model::canonical_json(&drill);
    app.desk.add_exercise(&id, who.account.id, (KIND, &content), (app.now)()).await?;
    // The model begins to think while the person does.
    let (thinking, asked) = (project.clone(), drill.clone());
    tokio::task::spawn_blocking(move || thinking.answers().begin(&thinking, &asked));
    Ok((StatusCode::CREATED, Json(shown(&project, &own(&app, &who, &id, KIND).await?)?)))
}

/// A drill: what was known before, and, once it is answered, what came.
#[utoipa::path(get, path = "/learn/drills/{id}", tag = "drills", params(("id" = String, Path, description = "Its id")),
    responses((status = OK, body = Shown), (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn show(State(app): State<App>, who: Who, id: Result<Path<String>, PathRejection>) -> Answer<Json<Shown>> {
    who.must(Right::Read)?;
    let kept = own(&app, &who, &id?, KIND).await?;
    Ok(Json(shown(&app.workspace.project()?, &kept)?))
}

/// Answer a drill: one forecast for each promotion. It is answered once.
#[utoipa::path(post, path = "/learn/drills/{id}/forecasts", tag = "drills", params(("id" = String, Path, description = "Its id")),
    request_body = Forecasts,
    responses((status = OK, body = Shown), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn answer(
    State(app): State<App>,
    who: Who,
    id: Result<Path<String>, PathRejection>,
    said: Result<Json<Forecasts>, JsonRejection>,
) -> Answer<Json<Shown>> {
    who.must(Right::Read)?;
    let (kept, Json(Forecasts { forecasts })) = (own(&app, &who, &id?, KIND).await?, said?);
    let (drill, project) = (content::<Drill>(&kept)?, app.workspace.project()?);
    if kept.result.is_some() {
        return Err(again());
    }
    let you = guesses(&forecasts, drill.cases.len())?;
    let working = project.clone();
    let answered = tokio::task::spawn_blocking(move || -> Answer<Answered> {
        let model = working.answers().of(&working, &drill).map_err(Problem::unprocessable)?;
        let sold = drill.cases.iter().map(|case| case.sold(&working.ground.facts.panel)).collect();
        Ok(Answered { you, model, sold })
    });
    let result = endcap_model::canonical_json(&answered.await.map_err(Problem::broken)??);
    let stored = app.desk.change_exercise((&kept.id, kept.version), &kept.content, Some(&result), (app.now)()).await?;
    if stored != Stored::Kept(kept.version + 1) {
        return Err(again());
    }
    Ok(Json(shown(&project, &own(&app, &who, &kept.id, KIND).await?)?))
}

fn again() -> Problem {
    Problem::conflict("This drill has been answered: begin another one.")
}

/// Reads a person's forecasts, or says which make no sense.
fn guesses(said: &[Said], cases: usize) -> Answer<Vec<Guess>> {
    if said.len() != cases {
        return Err(Problem::unprocessable(format!("expected {cases} forecasts, found {}", said.len())));
    }
    let sensible = |units: &f64| (0.0..=UNITS_MAX).contains(units);
    let fault = |(at, said): (usize, &Said)| {
        let detail = match (said.low, said.high) {
            _ if !sensible(&said.units) => "expected a number of units, 0 or more",
            (None, None) => return None,
            (Some(low), Some(high)) if sensible(&low) && sensible(&high) && low <= said.units && said.units <= high => {
                return None;
            }
            (Some(_), Some(_)) => "expected a range around the forecast: low, forecast, high in this order",
            _ => "expected both ends of the range, or none",
        };
        Some(Fault { at: format!("/forecasts/{at}"), detail: detail.to_owned() })
    };
    let faults: Vec<Fault> = said.iter().enumerate().filter_map(fault).collect();
    if !faults.is_empty() {
        return Err(Problem::unprocessable("Some forecasts make no sense.").with(faults));
    }
    Ok(said.iter().map(|said| Guess { units: said.units, interval: said.low.zip(said.high) }).collect())
}

fn shown(project: &Arc<Project>, kept: &Exercise) -> Answer<Shown> {
    let (drill, answered) = (content::<Drill>(kept)?, result::<Answered>(kept)?);
    let calendar = project.manifest.calendar;
    let told = |at: usize| {
        let answered = answered.as_ref()?;
        let (you, model, sold) = (answered.you.get(at)?, answered.model.get(at)?, answered.sold.get(at)?);
        Some(Told { sold: *sold, you: interval(you), model: interval(model) })
    };
    let cases = drill.cases.iter().enumerate().map(|(at, case)| asked(project, &drill, case, told(at)));
    Ok(Shown {
        id: kept.id.clone(),
        origin: calendar.format(drill.origin),
        cases: cases.collect(),
        scores: answered.as_ref().map(Answered::scores),
    })
}

fn asked(project: &Project, drill: &Drill, case: &Case, told: Option<Told>) -> Asked {
    let (facts, calendar) = (&project.ground.facts, project.manifest.calendar);
    let known = case.told(&facts.panel, drill.origin, if calendar == Calendar::Day { 56 } else { 52 });
    let before = known.before.iter().map(|before| Before {
        period: calendar.format(before.period),
        units: before.units,
        depth: before.depth,
        out_of_stock: before.out_of_stock,
    });
    Asked {
        sku: case.sku.to_string(),
        name: project.name(&case.sku),
        category: project.category(&case.sku),
        region: case.region.clone(),
        first: calendar.format(case.span.start),
        last: calendar.format(case.span.end.plus(-1)),
        depth: known.depth,
        places: known.places,
        cells: known.cells,
        feature: known.feature,
        display: known.display,
        usual: known.usual,
        before: before.collect(),
        told,
    }
}

fn interval(guess: &Guess) -> Interval {
    Interval { units: guess.units, low: guess.interval.map(|(low, _)| low), high: guess.interval.map(|(_, high)| high) }
}

fn scored(of: DrillScore) -> Score {
    Score { wape: of.wape, bias: of.bias, intervals: of.intervals, hits: of.hits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forecasts_that_make_no_sense_are_named() {
        let said = |units: f64, low: Option<f64>, high: Option<f64>| Said { units, low, high };
        let good = [said(10.0, None, None), said(10.0, Some(8.0), Some(12.0)), said(0.0, Some(0.0), Some(0.0))];
        assert_eq!(guesses(&good, 3).unwrap()[1].interval, Some((8.0, 12.0)));
        assert!(guesses(&good, 4).unwrap_err().detail.contains("expected 4 forecasts, found 3"));
        let bad = [
            said(-1.0, None, None),
            said(f64::NAN, None, None),
            said(10.0, Some(11.0), Some(12.0)),
            said(10.0, Some(8.0), None),
            said(10.0, None, None),
        ];
        let at: Vec<String> = guesses(&bad, 5).unwrap_err().errors.into_iter().map(|fault| fault.at).collect();
        assert_eq!(at, ["/forecasts/0", "/forecasts/1", "/forecasts/2", "/forecasts/3"]);
    }
}
