//! What the parts of the machine say to each other about stock: inventory signals what is too much and what is short, supply and
//! promotion answer, and stated rules say whose answer holds. Everything said is kept with the reading.
//!
//! Rules, the first that fits:
//!
//! 1. *Shortage first*: where a shelf is short, promotion gives way; nothing is made cheaper there.
//! 2. *Move first*: what supply brings or takes away for less than a discount costs is not discounted.
//! 3. *The plan clears*: an offer that the revised plan has anyway answers for its item.
//! 4. *An offer pays*: a discount that earns more than keeping the pieces and than it costs to run, on simulated shelves, is put
//!    before people.
//! 5. *Keep*: nothing earns more than keeping them.

use super::narrow::Narrowed;
use super::stage::{Course, Stage};
use super::trial::Effect;
use endcap_model::{Depth, Offer, Place, Sku, SupplyOrder, Transfer};
use endcap_supply::{Alert, AlertKind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Signals of each kind that are talked about, the costliest first.
pub const MOST: usize = 50;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// Orders, transfers and faster deliveries.
    Supply,
    /// Offers and their depth.
    Promotion,
}

/// What inventory signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// More than the plan is likely to sell.
    Surplus,
    /// It runs out before any order can be there.
    Shortage,
}

/// The rule that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Promotion gives way to a shelf that is short.
    ShortageFirst,
    /// Supply moves the pieces.
    MoveFirst,
    /// The revised plan has an offer that clears it.
    PlanClears,
    /// A further offer would pay: people decide.
    OfferPays,
    /// Nothing pays more than leaving it.
    Keep,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = FlightAnswer))]
pub struct Answer {
    /// Who gives it.
    pub by: Party,
    /// In words.
    pub says: String,
    /// Share of the list price that it takes off, where it is an offer.
    pub depth: Option<f64>,
    /// What simulated shelves say of it, where it was played.
    pub effect: Option<Effect>,
}

/// A signal with its answers and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = FlightExchange))]
pub struct Exchange {
    /// What inventory signals.
    pub wrong: Wrong,
    /// The item.
    pub sku: Sku,
    /// The store that is short, or the region that has too much.
    pub place: Place,
    /// Pieces too many, or wanted and not there.
    pub pieces: f64,
    /// What that costs when nothing is done, in minor units.
    pub value: f64,
    /// What was answered.
    pub answers: Vec<Answer>,
    /// The rule that decided.
    pub rule: Rule,
}

/// What too much of an item in a region comes to.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    pieces: f64,
    value: f64,
}

/// What is too much, by item and region, the costliest first.
fn surplus(alerts: &[Alert], stage: &Stage) -> Vec<(Sku, Place, Sum)> {
    let mut sums: BTreeMap<(&Sku, &Place), Sum> = BTreeMap::new();
    for alert in alerts.iter().filter(|alert| alert.kind == AlertKind::Overstock) {
        let Some(region) = stage.region(&alert.place) else { continue };
        let sum = sums.entry((&alert.sku, region)).or_default();
        (sum.pieces, sum.value) = (sum.pieces + alert.units, sum.value + alert.value);
    }
    let mut found: Vec<_> = sums.into_iter().map(|((sku, place), sum)| (sku.clone(), place.clone(), sum)).collect();
    found.sort_by(|a, b| b.2.value.total_cmp(&a.2.value).then_with(|| (&a.0, &a.1).cmp(&(&b.0, &b.1))));
    found.truncate(MOST);
    found
}

/// Offers of the first period that promotion would like to have for what is too much, at one depth.
pub fn wished(alerts: &[Alert], stage: &Stage, depth: Depth) -> Vec<Offer> {
    let offer = |(sku, place, _)| stage.offer(sku, place, depth);
    surplus(alerts, stage).into_iter().map(offer).collect()
}

/// What the parts know when they talk.
pub struct Heard<'a> {
    /// What inventory signals of the promises.
    pub alerts: &'a [Alert],
    /// Shelves for the whole rest of the plan.
    pub stage: &'a Stage<'a>,
    /// The promises, as they run on those shelves.
    pub promised: &'a Course,
    /// The wishes of promotion at each depth, on the same shelves.
    pub wishes: &'a [(Depth, Course)],
    /// Offers of the revised plan.
    pub offers: &'a [Offer],
    /// Offers taken back at single stores.
    pub narrowed: &'a [Narrowed],
    /// Transfers of the first period.
    pub transfers: &'a [Transfer],
    /// Orders of the first period that arrive before the usual time.
    pub expedited: &'a [SupplyOrder],
    /// What a further offer has to earn at least: what it costs to run, in minor units.
    pub offer_cost: f64,
}

/// Lets them talk: first about what is short, then about what is too much.
pub fn talked(heard: &Heard) -> Vec<Exchange> {
    let mut short: Vec<&Alert> =
        heard.alerts.iter().filter(|alert| alert.kind == AlertKind::RunsOutBeforeAnyOrder).collect();
    short.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| (&a.sku, &a.place).cmp(&(&b.sku, &b.place))));
    let mut found: Vec<Exchange> = short.into_iter().take(MOST).map(|alert| shortage(alert, heard)).collect();
    let surplus = surplus(heard.alerts, heard.stage);
    found.extend(surplus.into_iter().map(|(sku, place, sum)| too_much(sku, place, sum, heard)));
    found
}

fn shortage(alert: &Alert, heard: &Heard) -> Exchange {
    let here = |sku: &Sku, place: &Place| *sku == alert.sku && *place == alert.place;
    let mut answers = vec![];
    let gone = heard.narrowed.iter().find(|one| here(&one.sku, &one.place));
    answers.extend(gone.map(|one| Answer {
        by: Party::Promotion,
        says: "takes the offer back at this store".to_owned(),
        depth: Some(one.depth),
        effect: Some(one.effect),
    }));
    let moved: i64 = heard.transfers.iter().filter(|one| here(&one.sku, &one.to)).map(|one| one.quantity.0).sum();
    answers.extend((moved > 0).then(|| supply(format!("moves {moved} pieces here"))));
    let hurried: i64 = heard.expedited.iter().filter(|one| here(&one.sku, &one.place)).map(|one| one.quantity.0).sum();
    answers.extend((hurried > 0).then(|| supply(format!("has {hurried} pieces come faster"))));
    let rule = match (gone, moved + hurried) {
        (Some(_), _) => Rule::ShortageFirst,
        (None, 1..) => Rule::MoveFirst,
        _ => Rule::Keep,
    };
    let Alert { sku, place, units, value, .. } = alert.clone();
    Exchange { wrong: Wrong::Shortage, sku, place, pieces: units, value, answers, rule }
}

fn too_much(sku: Sku, place: Place, sum: Sum, heard: &Heard) -> Exchange {
    let stores: BTreeSet<&Place> = heard.stage.stores(&place).collect();
    let mut answers = vec![];
    let leaves = |one: &&Transfer| one.sku == sku && stores.contains(&one.from) && !stores.contains(&one.to);
    let moved: i64 = heard.transfers.iter().filter(leaves).map(|one| one.quantity.0).sum();
    answers.extend((moved > 0).then(|| supply(format!("moves {moved} pieces to where they are wanted"))));
    let offered = heard.offers.iter().find(|offer| offer.sku == sku && offer.place == place);
    let mut rule = if moved as f64 >= sum.pieces { Rule::MoveFirst } else { Rule::Keep };
    if let (Rule::Keep, Some(offer)) = (rule, offered) {
        rule = Rule::PlanClears;
        answers.push(Answer {
            by: Party::Promotion,
            says: "has it on offer in the revised plan".to_owned(),
            depth: Some(offer.depth.share()),
            effect: None,
        });
    }
    if rule == Rule::Keep {
        let tried = heard
            .wishes
            .iter()
            .map(|(depth, course)| (depth, heard.stage.tried(&sku, stores.iter().copied(), (heard.promised, course))));
        let best = tried.max_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
        if let Some((depth, effect)) = best {
            let pays = effect.mean > heard.offer_cost;
            rule = if pays { Rule::OfferPays } else { Rule::Keep };
            let says =
                if pays { "would have it on offer" } else { "finds no discount that earns more than keeping it" };
            answers.push(Answer {
                by: Party::Promotion,
                says: says.to_owned(),
                depth: Some(depth.share()),
                effect: Some(effect),
            });
        }
    }
    Exchange { wrong: Wrong::Surplus, sku, place, pieces: sum.pieces, value: sum.value, answers, rule }
}

fn supply(says: String) -> Answer {
    Answer { by: Party::Supply, says, depth: None, effect: None }
}
