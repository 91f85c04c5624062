//! The value ledger: what every plan that ran promised, and what its offers came to; by who decided them.
//!
//! What came of an offer is money over no offer, as the analysis of the past tells it from sales and the fitted effects. What
//! another plan would have sold in the same weeks nobody can tell from them: only stores without the offers at the same time can
//! (`tested`). So agent and people stand side by side here, and are never subtracted from each other.
//!
//! Pure: plans, the analysis and roll-outs come in. Never changes a model or a rung; the ladder reads what was tested.

mod tested;

use crate::rollout::Rollouts;
use endcap_demand::{Analysed, Split};
use endcap_model::{Because, Calendar, Depth, Explanation, Period, Place, Plan, Sku, Span};
use serde::Serialize;
use std::collections::BTreeMap;

pub use tested::{Tested, tested, tested_low};

/// What cannot be known, said wherever the ledger is shown.
pub const CANNOT_KNOW: &str = "Realised is money over no offer, estimated from the sales and effects of those weeks; promised is what the plan said \
                               before. What another plan, or nobody's, would have earned in the same weeks past sales cannot tell: only stores \
                               that did not have the offers at the same time can. People and the agent chose for different items and times, so \
                               the two are not compared with each other.";

/// Quantile of the 95 % interval of a normal distribution.
const Z95: f64 = 1.959_963_985;

/// Who decided an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Decider {
    /// The planner chose it, and policy let its plan go out.
    Agent,
    /// The planner chose it, and a person signed its plan.
    AgentSigned,
    /// A person fixed it in the plan.
    Person,
    /// Offers of both kinds that the sales cannot tell apart.
    Both,
    /// It ran without a plan of Endcap: people decided it elsewhere.
    Elsewhere,
}

/// How what came compares with what was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// Less than was promised, whatever the uncertainty of both.
    Missed,
    /// More than was promised, whatever the uncertainty of both.
    Exceeded,
    /// The intervals do not tell.
    CannotTell,
    /// Nothing was promised.
    None,
}

/// Money in minor units with its 95 % interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Amount {
    /// Expected.
    pub value: f64,
    /// Lower end.
    pub lo95: f64,
    /// Upper end.
    pub hi95: f64,
}

/// A plan that was published.
#[derive(Clone, Copy, Debug)]
pub struct Published<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Whether a person signed it.
    pub signed: bool,
}

/// A promotion that ran, with what was promised and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Entry {
    /// The plan; nothing where it ran without one.
    pub plan: Option<String>,
    /// Who decided it.
    pub decider: Decider,
    /// The item.
    pub sku: Sku,
    /// The region; empty where places have none.
    pub region: String,
    /// First period.
    pub first: String,
    /// Last period.
    pub last: String,
    /// Deepest cut.
    pub depth: Depth,
    /// What the plan promised.
    pub promised: Option<Amount>,
    /// What it earned over no offer; nothing where a cost is not known.
    pub realised: Option<Amount>,
    /// Realised less promised, both uncertainties added up: they share a model, so nothing cancels out.
    pub difference: Option<Amount>,
    /// What that says.
    pub promise: Promise,
}

/// Sums of who decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Sum {
    /// Who; nothing for all.
    pub decider: Option<Decider>,
    /// Promotions that ran.
    pub entries: usize,
    /// Those with both figures; the sums are theirs.
    pub compared: usize,
    /// Those that missed what was promised.
    pub missed: usize,
    /// Those that exceeded it.
    pub exceeded: usize,
    /// Promised, of those compared.
    pub promised: Option<Amount>,
    /// Realised, of those compared.
    pub realised: Option<Amount>,
    /// Realised less promised, of those compared.
    pub difference: Option<Amount>,
    /// Realised of all whose cost is known, promised or not.
    pub realised_of_all: Option<Amount>,
}

/// The ledger.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ValueLedger {
    /// All together.
    pub total: Sum,
    /// By who decided.
    pub by: Vec<Sum>,
    /// Roll-outs that were read beside stores without their offers: the only figures here that tell cause.
    pub tested: Vec<Tested>,
    /// Promotions, the latest first.
    pub entries: Vec<Entry>,
    /// Offers of published plans that have not ended yet.
    pub open_offers: usize,
    /// What they promise together.
    pub open_promised: f64,
    /// Offers that ended, of which the sales show no promotion.
    pub not_seen: usize,
    /// What cannot be known.
    pub cannot_know: &'static str,
}

/// An offer of a plan that was in force when it began.
struct Promised<'a> {
    of: Published<'a>,
    explanation: &'a Explanation,
    used: bool,
}

/// Sets what was promised beside what came. `plans` in the order in which they were published, `past` the promotions that the
/// sales show, `until` the first period after the facts.
pub fn value_ledger(
    plans: &[Published],
    past: &[Analysed],
    rollouts: &Rollouts,
    (calendar, until): (Calendar, Period),
) -> ValueLedger {
    let mut promised: BTreeMap<&Sku, Vec<Promised>> = BTreeMap::new();
    for one in in_force(plans) {
        promised.entry(&one.explanation.offer.sku).or_default().push(one);
    }
    let mut events: Vec<&Analysed> = past.iter().collect();
    events.sort_by(|a, b| {
        let key = |one: &Analysed| (one.event.span.start, one.event.sku.clone(), one.event.region.clone());
        key(b).cmp(&key(a))
    });
    let entries: Vec<Entry> = events
        .into_iter()
        .map(|event| {
            let known = promised.get_mut(&event.event.sku).map(Vec::as_mut_slice).unwrap_or_default();
            let fits = |one: &&mut Promised| is_of(&one.explanation.offer.place, one.explanation.offer.span, event);
            let mut of: Vec<&mut Promised> = known.iter_mut().filter(fits).collect();
            of.iter_mut().for_each(|one| one.used = true);
            let of: Vec<&Promised> = of.into_iter().map(|one| &*one).collect();
            entry(event, &of, calendar)
        })
        .collect();
    let left: Vec<&Promised> = promised.values().flatten().filter(|one| !one.used).collect();
    let open = || left.iter().filter(|one| one.explanation.offer.span.end > until);
    let all: Vec<&Entry> = entries.iter().collect();
    let mut deciders: Vec<Decider> = entries.iter().map(|entry| entry.decider).collect();
    deciders.sort();
    deciders.dedup();
    let by = deciders.into_iter().map(|decider| {
        let of: Vec<&Entry> = entries.iter().filter(|entry| entry.decider == decider).collect();
        Sum { decider: Some(decider), ..Sum::of(&of) }
    });
    ValueLedger {
        total: Sum::of(&all),
        by: by.collect(),
        tested: rollouts.iter().filter_map(tested).collect(),
        open_offers: open().count(),
        open_promised: open().map(|one| one.explanation.pnl.total() as f64).sum(),
        not_seen: left.iter().filter(|one| one.explanation.offer.span.end <= until).count(),
        entries,
        cannot_know: CANNOT_KNOW,
    }
}

/// Offers with the plan that was in force when they began: a later plan takes the place of what begins in its own span.
fn in_force<'a>(plans: &[Published<'a>]) -> Vec<Promised<'a>> {
    let mut all = vec![];
    for (at, of) in plans.iter().enumerate() {
        let replaced = |start: Period| plans[at + 1..].iter().any(|later| start >= later.plan.span.start);
        let stays = of.plan.report.offers.iter().filter(|one| !replaced(one.offer.span.start));
        all.extend(stays.map(|explanation| Promised { of: *of, explanation, used: false }));
    }
    all
}

/// Whether an offer is part of a promotion that the sales show.
fn is_of(place: &Place, span: Span, event: &Analysed) -> bool {
    let here = event.event.region.is_empty() || event.event.region == place.as_str();
    here && span.start < event.event.span.end && event.event.span.start < span.end
}

fn entry(event: &Analysed, of: &[&Promised], calendar: Calendar) -> Entry {
    let promised = of.iter().map(|one| Amount::promised(one.explanation)).reduce(Amount::with_shared_error);
    let realised = event.money.as_ref().map(|money| Amount::of(&money.profit));
    let difference = realised.zip(promised).map(|(realised, promised)| realised.less(promised));
    let promise = match difference {
        Some(Amount { hi95, .. }) if hi95 < 0.0 => Promise::Missed,
        Some(Amount { lo95, .. }) if lo95 > 0.0 => Promise::Exceeded,
        Some(_) => Promise::CannotTell,
        None if promised.is_some() => Promise::CannotTell,
        None => Promise::None,
    };
    Entry {
        plan: of.first().map(|one| one.of.plan.id.to_string()),
        decider: decider(of),
        sku: event.event.sku.clone(),
        region: event.event.region.clone(),
        first: calendar.format(event.event.span.start),
        last: calendar.format(event.event.span.end.plus(-1)),
        depth: event.event.depth,
        promised,
        realised,
        difference,
        promise,
    }
}

fn decider(of: &[&Promised]) -> Decider {
    let locked = of.iter().filter(|one| one.explanation.because == Because::Locked).count();
    match (of.first(), locked) {
        (None, _) => Decider::Elsewhere,
        (Some(_), locked) if locked == of.len() => Decider::Person,
        (Some(_), locked) if locked > 0 => Decider::Both,
        (Some(first), _) if first.of.signed => Decider::AgentSigned,
        _ => Decider::Agent,
    }
}

impl Amount {
    fn of(split: &Split) -> Self {
        Self { value: split.units, lo95: split.lo95, hi95: split.hi95 }
    }

    fn promised(explanation: &Explanation) -> Self {
        let (value, (lo95, hi95)) = (explanation.pnl.total() as f64, explanation.total_95);
        Self { value, lo95: (lo95 as f64).min(value), hi95: (hi95 as f64).max(value) }
    }

    /// The sum where both err alike.
    fn with_shared_error(self, other: Self) -> Self {
        Self { value: self.value + other.value, lo95: self.lo95 + other.lo95, hi95: self.hi95 + other.hi95 }
    }

    /// The difference where nothing of the errors cancels out.
    fn less(self, other: Self) -> Self {
        Self { value: self.value - other.value, lo95: self.lo95 - other.hi95, hi95: self.hi95 - other.lo95 }
    }
}

impl Sum {
    fn of(entries: &[&Entry]) -> Self {
        let compared: Vec<&&Entry> = entries.iter().filter(|entry| entry.difference.is_some()).collect();
        let told = |promise: Promise| compared.iter().filter(|entry| entry.promise == promise).count();
        let sum = |of: fn(&Entry) -> Option<Amount>| {
            summed(compared.iter().filter_map(|entry| Some((&entry.sku, of(entry)?))))
        };
        Self {
            decider: None,
            entries: entries.len(),
            compared: compared.len(),
            missed: told(Promise::Missed),
            exceeded: told(Promise::Exceeded),
            promised: sum(|entry| entry.promised),
            realised: sum(|entry| entry.realised),
            difference: sum(|entry| entry.difference),
            realised_of_all: summed(entries.iter().filter_map(|entry| Some((&entry.sku, entry.realised?)))),
        }
    }
}

/// A sum over items: one item's errors are one error, since its effects are estimated once; those of different items are taken
/// as independent. Nothing where nothing is summed.
fn summed<'a>(amounts: impl Iterator<Item = (&'a Sku, Amount)>) -> Option<Amount> {
    let mut items: BTreeMap<&Sku, Amount> = BTreeMap::new();
    for (sku, amount) in amounts {
        let sum = items.entry(sku).or_default();
        *sum = sum.with_shared_error(amount);
    }
    let value: f64 = items.values().map(|amount| amount.value).sum();
    let side =
        |of: fn(&Amount) -> f64| Z95 * items.values().map(|amount| (of(amount) / Z95).powi(2)).sum::<f64>().sqrt();
    let below = side(|amount| amount.value - amount.lo95);
    let above = side(|amount| amount.hi95 - amount.value);
    (!items.is_empty()).then_some(Amount { value, lo95: value - below, hi95: value + above })
}

#[cfg(test)]
mod tests;
