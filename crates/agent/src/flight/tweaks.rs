//! Tweaks: the changes of a revised plan by the names that people use, each with what it is expected to do.

use super::narrow::Narrowed;
use super::stage::Stage;
use super::trial::Effect;
use endcap_model::{Forecast, Money, Offer, Place, Plan, Sku, Span, SupplyOrder, Transfer};
use endcap_plan::{Change, Revised, Revision};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = TweakKind))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Less is taken off.
    Soften,
    /// More is taken off.
    Deepen,
    /// It runs in fewer places than promised.
    Narrow,
    /// It goes on after the promised end.
    Extend,
    /// It ends before the promised end.
    EndEarly,
    /// It does not begin.
    Withdraw,
    /// Another item takes its place.
    Swap,
    /// An offer that was not promised.
    Add,
    /// Pieces move between places.
    MoveStock,
    /// Pieces come faster for more money.
    Expedite,
    /// Money given away moves from one category to another.
    ShiftBudget,
}

/// A change that is proposed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = FlightTweak))]
pub struct Tweak {
    /// What is changed.
    pub kind: Kind,
    /// The item, or the category whose budget grows.
    pub subject: String,
    /// The region or store.
    pub place: String,
    /// First period of the change, as the calendar writes it.
    pub period: String,
    /// Share of the list price taken off before.
    pub depth_before: Option<f64>,
    /// And after.
    pub depth_after: Option<f64>,
    /// What the optimiser says it earns, in minor units, what the broken promise costs paid; nothing where it is not asked.
    pub value: Option<i64>,
    /// What simulated shelves say of it; nothing where the change lies beyond what stock is known for.
    pub effect: Option<Effect>,
    /// In words.
    pub because: String,
}

/// What a revision is told from.
pub struct Told<'a> {
    /// Where changes are tried.
    pub stage: &'a Stage<'a>,
    /// The plan in force.
    pub in_force: &'a Plan,
    /// The revision of its rest.
    pub revision: &'a Revision,
    /// Demand under the promises, and under the new offers, by what is believed now.
    pub demand: (&'a Forecast, &'a Forecast),
    /// Offers taken back at single stores.
    pub narrowed: &'a [Narrowed],
    /// Transfers of the first period.
    pub transfers: &'a [Transfer],
    /// Orders of the first period that are to arrive before the usual time.
    pub expedited: &'a [SupplyOrder],
}

/// Names every change, tries it, and orders the whole by what it is worth.
pub fn tweaks(told: &Told) -> Vec<Tweak> {
    let mut found = offers(told);
    found.extend(told.narrowed.iter().map(|one| narrowed(one, told)));
    found.extend(told.transfers.iter().map(|one| moved(one, told)));
    found.extend(told.expedited.iter().map(|one| expedited(one, told)));
    found.extend(shifted(told));
    let worth = |tweak: &Tweak| tweak.value.unwrap_or_else(|| tweak.effect.map_or(0, |effect| effect.mean as i64));
    found.sort_by(|a, b| worth(b).cmp(&worth(a)).then_with(|| (&a.subject, &a.place).cmp(&(&b.subject, &b.place))));
    found
}

fn offers(told: &Told) -> Vec<Tweak> {
    let changes = &told.revision.changes;
    let skus: BTreeSet<&Sku> = changes.iter().map(|one| &one.offer.sku).collect();
    let calendar = told.in_force.calendar;
    let before = told.stage.course(told.demand.0, &told.in_force.offers, &skus);
    let mut new: Vec<Offer> =
        told.in_force.offers.iter().filter(|o| o.span.start < told.stage.span().start).cloned().collect();
    new.extend(told.revision.proposal.offers.iter().cloned());
    let after = told.stage.course(told.demand.1, &new, &skus);
    let swaps = swaps(changes);
    let mut found = vec![];
    for (at, revised) in changes.iter().enumerate() {
        let offer = &revised.offer;
        let (kind, because, depths) = match revised.change {
            Change::NewDepth { before } if before > offer.depth => {
                (Kind::Soften, "less off earns more".to_owned(), (Some(before), Some(offer.depth)))
            }
            Change::NewDepth { before } => {
                (Kind::Deepen, "more off earns more".to_owned(), (Some(before), Some(offer.depth)))
            }
            // It is told with what takes its place.
            Change::Dropped if swaps.values().any(|&dropped| dropped == at) => continue,
            Change::Dropped => (
                dropped(offer, told),
                "it no longer pays here, or a rule forbids it".to_owned(),
                (Some(offer.depth), None),
            ),
            Change::Added => match swaps.get(&at) {
                Some(&dropped) => {
                    let gone = &changes[dropped].offer;
                    (Kind::Swap, format!("in the place of {}", gone.sku), (Some(gone.depth), Some(offer.depth)))
                }
                None => (added(offer, told), "there is room, and it pays".to_owned(), (None, Some(offer.depth))),
            },
        };
        let value = revised.value + swaps.get(&at).map_or(0, |&dropped| changes[dropped].value);
        let tried = offer.span.start < told.stage.span().end;
        let items = std::iter::once(&offer.sku).chain(swaps.get(&at).map(|&dropped| &changes[dropped].offer.sku));
        let stores: Vec<&Place> = told.stage.stores(&offer.place).collect();
        let effects = items.map(|sku| told.stage.tried(sku, stores.iter().copied(), (&before, &after)));
        found.push(Tweak {
            kind,
            subject: offer.sku.to_string(),
            place: offer.place.to_string(),
            period: calendar.format(offer.span.start),
            depth_before: depths.0.map(|depth| depth.share()),
            depth_after: depths.1.map(|depth| depth.share()),
            value: Some(value),
            effect: if tried { effects.reduce(together) } else { None },
            because,
        });
    }
    found
}

/// Two items' effects side by side; the ends of a sum are narrower than the sums of the ends, which are shown.
fn together(a: Effect, b: Effect) -> Effect {
    let both = |a: [f64; 2], b: [f64; 2]| [a[0] + b[0], a[1] + b[1]];
    let stockout = [0, 1].map(|side| (a.stockout[side] + b.stockout[side]) / 2.0);
    Effect { mean: a.mean + b.mean, low: a.low + b.low, high: a.high + b.high, lost: both(a.lost, b.lost), stockout }
}

/// Additions in the same region and period as a drop of another item, by number.
fn swaps(changes: &[Revised]) -> BTreeMap<usize, usize> {
    let mut free: BTreeMap<(&Place, Span), Vec<usize>> = BTreeMap::new();
    let mut pairs = BTreeMap::new();
    for (at, Revised { offer, .. }) in changes.iter().enumerate().filter(|(_, one)| one.change == Change::Dropped) {
        free.entry((&offer.place, offer.span)).or_default().push(at);
    }
    for (at, Revised { offer, .. }) in changes.iter().enumerate().filter(|(_, one)| one.change == Change::Added) {
        let dropped = free.get_mut(&(&offer.place, offer.span)).and_then(Vec::pop);
        pairs.extend(dropped.map(|dropped| (at, dropped)));
    }
    pairs
}

fn dropped(offer: &Offer, told: &Told) -> Kind {
    let runs_on = |other: &&Offer| other.sku == offer.sku && other.place == offer.place;
    let ran = told.in_force.offers.iter().filter(runs_on).any(|other| other.span.end == offer.span.start);
    let elsewhere = told.revision.proposal.offers.iter();
    let elsewhere = elsewhere.filter(|other| other.sku == offer.sku && other.place != offer.place);
    match () {
        () if ran => Kind::EndEarly,
        () if elsewhere.into_iter().any(|other| other.span == offer.span) => Kind::Narrow,
        () => Kind::Withdraw,
    }
}

fn added(offer: &Offer, told: &Told) -> Kind {
    let before = told.in_force.offers.iter().filter(|other| other.sku == offer.sku && other.place == offer.place);
    let goes_on = before.into_iter().any(|other| other.span.end == offer.span.start && other.depth == offer.depth);
    if goes_on { Kind::Extend } else { Kind::Add }
}

fn narrowed(one: &Narrowed, told: &Told) -> Tweak {
    let percent = |share: f64| (100.0 * share).round();
    let [before, after] = one.effect.stockout;
    Tweak {
        kind: Kind::Narrow,
        subject: one.sku.to_string(),
        place: one.place.to_string(),
        period: told.in_force.calendar.format(one.period),
        depth_before: Some(one.depth),
        depth_after: None,
        value: None,
        effect: Some(one.effect),
        because: format!(
            "the shelf runs empty in {} of 100 cases with it, in {} without",
            percent(before),
            percent(after)
        ),
    }
}

fn moved(one: &Transfer, told: &Told) -> Tweak {
    Tweak {
        kind: Kind::MoveStock,
        subject: one.sku.to_string(),
        place: one.to.to_string(),
        period: told.in_force.calendar.format(one.period.plus(1)),
        depth_before: None,
        depth_after: None,
        value: None,
        effect: None,
        because: format!("{} pieces from {}, which has more than it needs", one.quantity.0, one.from),
    }
}

fn expedited(one: &SupplyOrder, told: &Told) -> Tweak {
    let arrives = told.in_force.calendar.format(one.arrives);
    Tweak {
        kind: Kind::Expedite,
        subject: one.sku.to_string(),
        place: one.place.to_string(),
        period: arrives.clone(),
        depth_before: None,
        depth_after: None,
        value: None,
        effect: None,
        because: format!("{} pieces by {arrives}, before a usual order could be there", one.quantity.0),
    }
}

/// Categories that give away more, and which give away less for it.
fn shifted(told: &Told) -> Option<Tweak> {
    let mut spend: BTreeMap<&str, i64> = BTreeMap::new();
    let rest = |offer: &Offer| offer.span.start >= told.stage.span().start;
    let category = |sku: &Sku| told.stage.category(sku);
    let before = told.in_force.report.offers.iter().filter(|e| rest(&e.offer));
    before.for_each(|e| *spend.entry(category(&e.offer.sku)).or_default() -= e.spend);
    let after = told.revision.proposal.report.offers.iter();
    after.for_each(|e| *spend.entry(category(&e.offer.sku)).or_default() += e.spend);
    let (&most, &grows) = spend.iter().max_by_key(|(_, spend)| **spend)?;
    let (&least, &shrinks) = spend.iter().min_by_key(|(_, spend)| **spend)?;
    let money = |minor: i64| Money::new(minor, told.in_force.currency);
    (grows > 0 && shrinks < 0).then(|| Tweak {
        kind: Kind::ShiftBudget,
        subject: most.to_owned(),
        place: String::new(),
        period: told.in_force.calendar.format(told.stage.span().start),
        depth_before: None,
        depth_after: None,
        value: None,
        effect: None,
        because: format!("{} more are given away there, {} less in {least}", money(grows), money(-shrinks)),
    })
}
