//! Past promotions in depth: the report of one, all rolled up, and the playbook.

use super::super::App;
use super::super::access::Who;
use super::super::problem::{Answer, Problem};
use super::super::workspace::Project;
use super::after::{Split, analysed, split};
use super::word;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use endcap_demand::drill::{Case, Drill};
use endcap_demand::{Analysed, By, MoneyParts, Play, RolledUp, Shrunk, next_time, playbook, roll_up};
use endcap_govern::Right;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(report)).routes(routes!(blind)).routes(routes!(rolled)).routes(routes!(plays))
}

/// Which promotion.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// The item.
    sku: String,
    /// The region; empty where places have none.
    #[serde(default)]
    region: String,
    /// First period.
    first: String,
}

/// What a promotion came to, in full.
#[derive(Serialize, ToSchema)]
#[schema(as = PromotionReport)]
pub struct Report {
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
    /// Deepest cut, as a share.
    depth: f64,
    /// Places in which it ran.
    places: usize,
    /// Share of its cells that were advertised.
    feature: f64,
    /// Share of its cells that were displayed.
    display: f64,
    /// Units sold.
    sold: f64,
    /// Units that the plan published before it expected; nothing where none did.
    planned: Option<f64>,
    /// Units that would have been sold without it.
    baseline: f64,
    /// Units by where they came from.
    units: Causes,
    /// Units of the usual report.
    naive: Option<f64>,
    /// Money given away on all units sold, in minor units.
    given_away: f64,
    /// Sales that it added or lost, in minor units.
    revenue: Split,
    /// Money by where it came from; nothing where a cost is not known.
    money: Option<Earned>,
    /// Margin over the price without promotion from which it pays.
    break_even_margin: Option<f64>,
    /// What empty shelves cost; nothing where stock was seen at all times.
    stockouts: Option<Empty>,
    /// `paid`, `did_not_pay` or `cannot_tell`.
    verdict: String,
    /// The verdict in words.
    why: String,
    /// What to do next time, most important first.
    next_time: Vec<Next>,
}

/// Units by where they came from.
#[derive(Serialize, ToSchema)]
#[schema(as = PromotionUnits)]
pub struct Causes {
    /// Added by the promotion itself.
    own: Split,
    /// Lost by substitutes.
    cannibalised: Split,
    /// Lost by the item later.
    pulled_forward: Split,
    /// Sold more or less by other groups; nothing where none follows.
    halo: Option<Split>,
    /// The sum.
    net: Split,
}

/// Money by where it came from, in minor units.
#[derive(Serialize, ToSchema)]
#[schema(as = PromotionMoney)]
pub struct Earned {
    /// Margin on added units.
    own: Split,
    /// Discount on units that would have been sold anyway.
    anyway: Split,
    /// Margin lost on substitutes.
    cannibalised: Split,
    /// Margin lost later.
    pulled_forward: Split,
    /// Margin on what other groups sold more or less.
    halo: Option<Split>,
    /// The sum.
    profit: Split,
    /// Probability that it is over 0.
    probability_paid: f64,
    /// Profit for one unit of money given away.
    roi: Option<Split>,
    /// What the usual report says that it earned.
    naive: Option<f64>,
}

/// What empty shelves cost.
#[derive(Serialize, ToSchema)]
#[schema(as = PromotionStockouts)]
pub struct Empty {
    /// Cells (item, place, period) in which stock ran out.
    cells: usize,
    /// Cells of the promotion.
    of_cells: usize,
    /// Share of the selling time without stock.
    time_share: f64,
    /// Units wanted and not there.
    lost: Split,
    /// Margin on them, in minor units.
    margin: Option<Split>,
}

/// A piece of advice.
#[derive(Serialize, ToSchema)]
#[schema(as = PromotionAdvice)]
pub struct Next {
    /// `repeat`, `order`, `give_less`, `keep_apart`, `space_out`, `test` or `state_cost`.
    advice: String,
    /// Why, in words.
    because: String,
}

/// A blind forecast of a promotion.
#[derive(Serialize, ToSchema)]
#[schema(as = BlindForecast)]
pub struct Blind {
    /// Units forecast from data before the promotion only.
    units: f64,
    /// Lower end of the 90 % interval.
    low: Option<f64>,
    /// Upper end.
    high: Option<f64>,
    /// Units sold.
    sold: f64,
}

/// How promotions are to be rolled up.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// `category`, `depth`, `support`, `season` or `item`.
    #[param(value_type = String, pattern = "^(category|depth|support|season|item)$")]
    by: By,
}

/// Promotions rolled up.
#[derive(Serialize, ToSchema)]
#[schema(as = RollUp)]
pub struct Rolled {
    /// What effects are: `profit` per money of usual sales, or net `units` per usual unit.
    measure: String,
    /// All together.
    all: Group,
    /// The groups.
    groups: Vec<Group>,
}

/// Promotions of a group.
#[derive(Serialize, ToSchema)]
#[schema(as = RollUpGroup)]
pub struct Group {
    /// Its name.
    name: String,
    /// Its promotions.
    events: usize,
    /// Items that they were of.
    items: usize,
    /// Those that paid.
    paid: usize,
    /// Those that did not.
    did_not_pay: usize,
    /// Those with a loss expected, whether or not it is certain.
    gave_margin_away: usize,
    /// Those whose cost is known.
    costed: usize,
    /// Money given away, in minor units.
    given_away: f64,
    /// Net units.
    net: Split,
    /// Profit in minor units; nothing where no cost is known.
    profit: Option<Split>,
    /// What the usual report says that they earned.
    naive_profit: Option<f64>,
    /// Where the profit came from and went.
    parts: Option<Parts>,
    /// Units that empty shelves lost.
    lost_units: f64,
    /// Margin that they lost, in minor units.
    lost_margin: f64,
    /// Effect per usual sales, as measured and drawn towards the whole.
    effect: Option<Effect>,
}

/// Money by cause, in minor units.
#[derive(Serialize, ToSchema)]
#[schema(as = MoneyByCause)]
pub struct Parts {
    /// Margin on added units.
    own: f64,
    /// Discount on units sold anyway.
    anyway: f64,
    /// Margin lost on substitutes.
    cannibalised: f64,
    /// Margin lost later.
    pulled_forward: f64,
    /// Margin on what other groups sold more or less.
    halo: f64,
}

/// An effect per usual sales.
#[derive(Serialize, ToSchema)]
#[schema(as = ShrunkEffect)]
pub struct Effect {
    /// As measured.
    measured: Split,
    /// Drawn towards the whole by as much as chance alone spreads it.
    shrunk: Split,
    /// How far the group speaks for itself, 0 to 1.
    weight: f64,
}

/// The playbook.
#[derive(Serialize, ToSchema)]
#[schema(as = Playbook)]
pub struct Book {
    /// What effects are: `profit` per money of usual sales, or net `units` per usual unit.
    measure: String,
    /// What worked first, then what is open, then what is not to be repeated.
    plays: Vec<Entry>,
}

/// A kind of offer with what became of it.
#[derive(Serialize, ToSchema)]
#[schema(as = Play)]
pub struct Entry {
    /// Category of its items.
    category: String,
    /// Its depth.
    depth: String,
    /// Its support.
    support: String,
    /// `worked`, `open` or `not_again`.
    lesson: String,
    /// The evidence.
    evidence: Group,
    /// First period of its latest promotion.
    latest: String,
    /// The promotion that earned most.
    best: Example,
}

/// A promotion that ran.
#[derive(Serialize, ToSchema)]
#[schema(as = PlayExample)]
pub struct Example {
    /// The item.
    sku: String,
    /// Its name, where the facts have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The region; empty where places have none.
    region: String,
    /// First period.
    first: String,
    /// Deepest cut, as a share.
    depth: f64,
    /// Depth of a plan that comes nearest, where the item can be planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan_depth: Option<f64>,
}

/// What a promotion came to, in full.
#[utoipa::path(get, path = "/after/report", tag = "after", params(Which),
    responses((status = OK, body = Report), (status = 404, body = Problem), (status = 409, body = Problem), (status = 503, body = Problem)))]
async fn report(State(app): State<App>, who: Who, which: Result<Query<Which>, QueryRejection>) -> Answer<Json<Report>> {
    who.must(Right::Read)?;
    let (Query(which), project) = (which?, analysed(&app).await?);
    let past = found(&project, &which)?;
    let (event, calendar) = (&past.event, project.manifest.calendar);
    Ok(Json(Report {
        sku: event.sku.to_string(),
        name: project.name(&event.sku),
        category: project.category(&event.sku),
        region: event.region.clone(),
        first: calendar.format(event.span.start),
        last: calendar.format(event.span.end.plus(-1)),
        depth: event.depth.share(),
        places: event.places,
        feature: past.feature,
        display: past.display,
        sold: past.sold,
        planned: past.forecast,
        baseline: event.baseline,
        units: Causes {
            own: split(&event.own),
            cannibalised: split(&event.cannibalised),
            pulled_forward: split(&event.pulled_forward),
            halo: event.halo.as_ref().map(split),
            net: split(&event.net),
        },
        naive: event.naive,
        given_away: past.given_away,
        revenue: split(&past.revenue),
        money: past.money.as_ref().map(|money| Earned {
            own: split(&money.own),
            anyway: split(&money.anyway),
            cannibalised: split(&money.cannibalised),
            pulled_forward: split(&money.pulled_forward),
            halo: money.halo.as_ref().map(split),
            profit: split(&money.profit),
            probability_paid: money.probability_paid,
            roi: money.roi.as_ref().map(split),
            naive: money.naive,
        }),
        break_even_margin: past.break_even_margin,
        stockouts: past.stockouts.as_ref().map(|out| Empty {
            cells: out.cells,
            of_cells: out.of_cells,
            time_share: out.time_share,
            lost: split(&out.lost),
            margin: out.margin.as_ref().map(split),
        }),
        verdict: word(&past.verdict),
        why: past.why.clone(),
        next_time: next_time(past)
            .into_iter()
            .map(|next| Next { advice: word(&next.advice), because: next.because })
            .collect(),
    }))
}

/// What the model would have forecast of a promotion from data before it only. Effects are estimated anew, which takes
/// seconds the first time.
#[utoipa::path(get, path = "/after/blind", tag = "after", params(Which),
    responses((status = OK, body = Blind), (status = 404, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn blind(State(app): State<App>, who: Who, which: Result<Query<Which>, QueryRejection>) -> Answer<Json<Blind>> {
    who.must(Right::Read)?;
    let (Query(which), project) = (which?, analysed(&app).await?);
    let event = &found(&project, &which)?.event;
    let case = Case { sku: event.sku.clone(), region: event.region.clone(), span: event.span };
    let drill = Drill { origin: event.span.start, horizon: event.span.len(), cases: vec![case] };
    let answered = tokio::task::spawn_blocking(move || -> Answer<Option<Blind>> {
        let sold = drill.cases[0].sold(&project.ground.facts.panel);
        let guesses = project.answers().of(&project, &drill).map_err(Problem::unprocessable)?;
        let of = |guess: &endcap_demand::drill::Guess| {
            let (low, high) = guess.interval.unzip();
            Blind { units: guess.units, low, high, sold }
        };
        Ok(guesses.first().map(of))
    });
    let blind = answered.await.map_err(Problem::broken)??;
    blind.map(Json).ok_or_else(|| Problem::broken("a case was not answered"))
}

/// Past promotions rolled up.
#[utoipa::path(get, path = "/after/rollup", tag = "after", params(Wanted),
    responses((status = OK, body = Rolled), (status = 400, body = Problem), (status = 409, body = Problem), (status = 503, body = Problem)))]
async fn rolled(
    State(app): State<App>,
    who: Who,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Answer<Json<Rolled>> {
    who.must(Right::Read)?;
    let (Query(Wanted { by }), project) = (wanted?, analysed(&app).await?);
    let category = |sku: &endcap_model::Sku| project.category(sku);
    let up = roll_up(project.analysis(), by, &category, project.manifest.calendar);
    let named = |of: &RolledUp| {
        let name = if by == By::Item { project.name(&of.name.as_str().into()) } else { None };
        Group { name: name.unwrap_or_else(|| of.name.clone()), ..group(of) }
    };
    Ok(Json(Rolled {
        measure: word(&up.measure),
        all: group(&up.total),
        groups: up.groups.iter().map(named).collect(),
    }))
}

/// What worked, what did not, and how sure that is.
#[utoipa::path(get, path = "/after/playbook", tag = "after",
    responses((status = OK, body = Book), (status = 409, body = Problem), (status = 503, body = Problem)))]
async fn plays(State(app): State<App>, who: Who) -> Answer<Json<Book>> {
    who.must(Right::Read)?;
    let project = analysed(&app).await?;
    let book = playbook(project.analysis(), &|sku| project.category(sku));
    let plays = book.plays.iter().map(|play| entry(&project, play)).collect();
    Ok(Json(Book { measure: word(&book.measure), plays }))
}

fn found<'a>(project: &'a Arc<Project>, which: &Which) -> Answer<&'a Analysed> {
    let calendar = project.manifest.calendar;
    let is = |past: &&Analysed| {
        let event = &past.event;
        event.sku.as_str() == which.sku
            && event.region == which.region
            && calendar.format(event.span.start) == which.first
    };
    let missing = || Problem::missing(format!("promotion of '{}' from {} on", which.sku, which.first));
    project.analysis().events.iter().find(is).ok_or_else(missing)
}

fn entry(project: &Project, play: &Play) -> Entry {
    let (calendar, best) = (project.manifest.calendar, &play.best);
    let planned = project.ground.input().items.contains_key(&best.sku);
    let away = |depth: &&endcap_model::Depth| depth.basis_points().abs_diff(best.depth.basis_points());
    let nearest = project.ground.scenario.depths.iter().min_by_key(away);
    Entry {
        category: play.category.clone(),
        depth: play.depth.clone(),
        support: play.support.clone(),
        lesson: word(&play.lesson),
        evidence: group(&play.evidence),
        latest: calendar.format(play.latest),
        best: Example {
            sku: best.sku.to_string(),
            name: project.name(&best.sku),
            region: best.region.clone(),
            first: calendar.format(best.first),
            depth: best.depth.share(),
            plan_depth: nearest.filter(|_| planned).map(|depth| depth.share()),
        },
    }
}

fn group(of: &RolledUp) -> Group {
    Group {
        name: of.name.clone(),
        events: of.events,
        items: of.items,
        paid: of.paid,
        did_not_pay: of.did_not_pay,
        gave_margin_away: of.gave_margin_away,
        costed: of.costed,
        given_away: of.given_away,
        net: split(&of.net),
        profit: of.profit.as_ref().map(split),
        naive_profit: of.naive_profit,
        parts: of.parts.map(|parts: MoneyParts| Parts {
            own: parts.own,
            anyway: parts.anyway,
            cannibalised: parts.cannibalised,
            pulled_forward: parts.pulled_forward,
            halo: parts.halo,
        }),
        lost_units: of.lost_units,
        lost_margin: of.lost_margin,
        effect: of.effect.map(|effect: Shrunk| Effect {
            measured: split(&effect.measured),
            shrunk: split(&effect.shrunk),
            weight: effect.weight,
        }),
    }
}
